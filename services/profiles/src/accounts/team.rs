//! The team of a tenant: inviting, roles, removing. Who is a member, in which role, stands in one row, and that row alone decides; a
//! change of it takes effect with the next call of the member.
//!
//! Inviting writes the account, then the team, then the address, and sends the link last. Cut off after the account, it leaves an
//! account that nothing leads to; cut off later, a member without a link. To invite again completes it, whatever was cut off.
//! Removing takes the member out of the team first: what remains after a cut opens nothing.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use turnout_platform::{
    auth::{Principal, Role},
    canonical::CanonicalEmail,
    failure::Failure,
    ids::TenantId,
    random,
};

use super::{
    Accounts,
    audit::AuditRecord,
    domain::{
        fields::{Purpose, Realm},
        passwords::Password,
        secrets::AccountId,
        teams::{Team, TeamMember},
    },
    metrics::LinkOutcome,
    residents::Resident,
    store::Account,
};

/// Accounts that are read at the same time for a list.
const READS_AT_ONCE_MAX: usize = 16;
/// How often an address is fought for with others who invite it at the same moment.
const CLAIM_TRIES_MAX: usize = 5;

/// A member with what their account says.
#[derive(Clone)]
pub(crate) struct Member {
    pub in_team: TeamMember,
    /// None for a moment, while an invitation or a removal is under way.
    pub account: Option<Account>,
}

impl Member {
    /// Where they stand in the list: by address.
    pub fn place(&self) -> (String, String) {
        (email(self).to_owned(), self.in_team.account.to_string())
    }
}

impl Accounts {
    /// The team, by address.
    pub(crate) async fn members(&self, tenant: &TenantId) -> Result<Vec<Member>, Failure> {
        let team = self.store.team(tenant).await?;
        let members = stream::iter(team.members).map(|in_team| async move {
            let account = self.store.account(&in_team.account).await?;
            Ok::<_, Failure>(Member { in_team, account })
        });
        let mut members: Vec<Member> = members.buffered(READS_AT_ONCE_MAX).try_collect().await?;
        members.sort_by_cached_key(Member::place);
        Ok(members)
    }

    /// Adds a member and sends them a link; who is there gets a new link. An address in another tenant's team looks the same, and
    /// gets none: the member that is added can never sign in with it.
    pub(crate) async fn invite(
        &self,
        by: &Principal,
        email: &CanonicalEmail,
        role: Role,
        language: String,
    ) -> Result<Member, Failure> {
        let tenant = by.tenant()?;
        let address = self.team_address(email);
        let at_ms = self.at_ms();
        let known = self.store.team(tenant).await?.at_address(&address).map(|member| member.account.clone());
        let id = match &known {
            Some(id) => id.clone(),
            None => random::sortable_id().parse().map_err(Failure::internal)?,
        };
        self.note(by, "member.invite", &id).await?;
        if self.store.account(&id).await?.is_none() {
            let mut account = Account::new(id.clone(), Realm::Team, tenant.clone(), at_ms);
            email.as_str().clone_into(&mut account.secrets.email);
            account.secrets.language.clone_from(&language);
            self.store.add_account(&account).await?;
        }
        let member = TeamMember { account: id, address, role, invited_at_ms: at_ms };
        let team = self.store.change_team(tenant, |team| team.with(member.clone())).await?;
        // Somebody may have invited the same address meanwhile: theirs is the member.
        let in_team = team.at_address(&address).cloned().ok_or(Failure::Changed { what: "team" })?;
        let claimed = self.claim(&address, &in_team.account).await?;
        let account = self.store.account(&in_team.account).await?;
        if let (true, Some(account)) = (claimed, account.clone()) {
            self.invite_in_background(account, language);
        }
        Ok(Member { in_team, account })
    }

    /// In the background, so that the time does not tell whether there was anything to send.
    fn invite_in_background(&self, account: Account, language: String) {
        let accounts = self.clone();
        self.post.in_background("invitation", Purpose::Reset, async move {
            if let Some(resident) = accounts.resident_of(account).await? {
                accounts.send_invitation(&resident, language).await?;
            }
            Ok(LinkOutcome::Sent)
        });
    }

    /// Makes an address lead to an account, unless it leads to a member of a team already; whether it does now.
    async fn claim(&self, address: &[u8; 32], account: &AccountId) -> Result<bool, Failure> {
        for _ in 0..CLAIM_TRIES_MAX {
            let (holder, version) = self.store.account_at(address).await?;
            match holder {
                Some(holder) if holder == *account => return Ok(true),
                Some(holder) if self.is_member(&holder).await? => return Ok(false),
                _ => {}
            }
            if self.store.set_account_at(address, Some(account), version).await? {
                return Ok(true);
            }
        }
        Err(Failure::Changed { what: "member" })
    }

    async fn is_member(&self, id: &AccountId) -> Result<bool, Failure> {
        match self.store.account(id).await? {
            Some(account) => Ok(self.store.team(&account.tenant).await?.member(id).is_some()),
            None => Ok(false),
        }
    }

    /// Makes the first owner of a tenant that has no team, and signs them in: the session's secret and id.
    pub(crate) async fn create_first_owner(
        &self,
        tenant: &TenantId,
        email: &CanonicalEmail,
        password: &Password,
    ) -> Result<(Resident, (String, String)), Failure> {
        self.team_is_empty(tenant).await?;
        let address = self.team_address(email);
        let id: AccountId = random::sortable_id().parse().map_err(Failure::internal)?;
        let mut account = Account::new(id.clone(), Realm::Team, tenant.clone(), self.at_ms());
        email.as_str().clone_into(&mut account.secrets.email);
        account.secrets.password = Some(self.hashing.hash(password).await?);
        self.store.add_account(&account).await?;
        let owner =
            TeamMember { account: id.clone(), address, role: Role::Owner, invited_at_ms: account.created_at_ms };
        // The address first: a team whose only owner cannot sign in would be closed to everybody.
        if !self.claim(&address, &id).await? {
            return Err(Failure::AlreadyExists { what: "member" });
        }
        let who = format!("member:{id}");
        let record = AuditRecord {
            actor: who.clone(),
            action: "member.found".to_owned(),
            subject: who,
            ..AuditRecord::default()
        };
        self.audit.record(tenant, record).await?;
        let founded = self.store.change_team(tenant, |team| {
            if team.members.is_empty() { team.with(owner.clone()) } else { Err(has_members()) }
        });
        founded.await?;
        if self.store.account_at(&address).await?.0.as_ref() != Some(&id) {
            // As long as the team was not there, another tenant could take the address: then there is no team after all.
            self.store.change_team(tenant, |team| Ok(Team { members: Vec::new(), ..team })).await?;
            return Err(Failure::AlreadyExists { what: "member" });
        }
        let mut resident = self.resident(Realm::Team, tenant, &id).await?.ok_or(Failure::Changed { what: "member" })?;
        let session = self.open_session(&mut resident, 0).await?;
        Ok((resident, session))
    }

    async fn team_is_empty(&self, tenant: &TenantId) -> Result<(), Failure> {
        if self.store.team(tenant).await?.members.is_empty() { Ok(()) } else { Err(has_members()) }
    }

    /// Gives a member another role.
    pub(crate) async fn change_role(&self, by: &Principal, id: &AccountId, role: Role) -> Result<Member, Failure> {
        let tenant = by.tenant()?;
        // Whether it may be is found out before it is noted, and decided with the change itself.
        self.store.team(tenant).await?.with_role(id, role)?;
        self.note(by, "member.role", id).await?;
        let team = self.store.change_team(tenant, |team| team.with_role(id, role)).await?;
        let in_team = team.member(id).cloned().ok_or(Failure::NotFound { what: "member" })?;
        let account = self.store.account(id).await?;
        Ok(Member { in_team, account })
    }

    /// Removes a member. All their sessions are over with that.
    pub(crate) async fn remove_member(&self, by: &Principal, id: &AccountId) -> Result<(), Failure> {
        let tenant = by.tenant()?;
        let team = self.store.team(tenant).await?;
        let address = team.member(id).ok_or(Failure::NotFound { what: "member" })?.address;
        team.without(id)?;
        self.note(by, "member.remove", id).await?;
        self.store.change_team(tenant, |team| team.without(id)).await?;
        let (holder, version) = self.store.account_at(&address).await?;
        if holder.as_ref() == Some(id) {
            self.store.set_account_at(&address, None, version).await?;
        }
        self.store.remove_account(id).await
    }

    async fn note(&self, by: &Principal, action: &str, id: &AccountId) -> Result<(), Failure> {
        let record = AuditRecord {
            actor: by.actor(),
            action: action.to_owned(),
            subject: format!("member:{id}"),
            ..AuditRecord::default()
        };
        self.audit.record(by.tenant()?, record).await
    }
}

fn email(member: &Member) -> &str {
    member.account.as_ref().map(|account| account.secrets.email.as_str()).unwrap_or_default()
}

fn has_members() -> Failure {
    Failure::Precondition("this tenant has a team; its owners invite others".to_owned())
}
