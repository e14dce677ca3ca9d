//! Links by mail: to sign in, to prove an address or confirm what a form said, to set a password. A link's secret has 256 bits that
//! nobody can guess, is kept as its hash, and works once and for one purpose: for 30 minutes where somebody waits for it, for days in
//! an invitation or a question about a form.
//!
//! Who asks for a link to an address is answered before anybody looks whether the address is known, and looking begins only when the
//! answer is out: neither the answer nor its time can tell. Such a link is lost if the process ends at that moment; then somebody asks
//! again. All others are handed over before the answer, but for an invitation, which can be sent anew, and a question about a form, which
//! is noted down.

use std::time::Duration;

use turnout_platform::{
    auth::Principal, canonical, canonical::CanonicalEmail, failure::Failure, ids::TenantId, random,
};

use super::{
    Accounts,
    audit::AuditRecord,
    domain::{
        fields::{Purpose, Realm},
        passwords::Password,
        secrets::{AccountId, link_id},
    },
    metrics::LinkOutcome,
    post::Wanted,
    residents::{Place, Resident},
    sign_in::too_much,
    store::{Account, INVITATION_S, Link, Scope},
};

/// Between the answer to who asks for a link and the look whether the address is known: at least, and what is random of it.
const ANSWER_FIRST: Duration = Duration::from_millis(50);
const ANSWER_FIRST_JITTER_MS: u64 = 100;

/// A link that somebody asks for.
pub(crate) struct LinkRequest {
    pub place: Place,
    pub email: CanonicalEmail,
    pub purpose: Purpose,
    pub return_path: String,
    pub language: String,
    pub event_id: String,
}

/// What a link does, or did.
pub(crate) struct Redeemed {
    pub purpose: Purpose,
    pub return_path: String,
    /// None as long as it was only looked at.
    pub resident: Option<Resident>,
    /// The session that was opened: its secret and its id.
    pub session: Option<(String, String)>,
    /// No session was opened, because the second factor is asked for at a sign-in.
    pub sign_in_again: bool,
}

impl Accounts {
    /// Sends a link to whoever has the address. The answer says only that it was heard.
    pub(crate) async fn request_link(&self, request: LinkRequest, client: &str) -> Result<(), Failure> {
        // These tries are never forgiven for being harmless: each may be a message.
        let _ = self.reserve_for_client(Scope::ClientLink, client).await?;
        let key = self.post.tries_key(&request.place, &request.email);
        let _ = self.store.reserve(Scope::Link, key, self.at_ms()).await?.map_err(too_much)?;
        let (room, accounts) = (self.post.room()?, self.clone());
        self.post.in_background("requested link", request.purpose, async move {
            let jitter = Duration::from_millis(random::jitter_below(ANSWER_FIRST_JITTER_MS));
            tokio::time::sleep(ANSWER_FIRST + jitter).await;
            let outcome = accounts.send_requested(request).await;
            drop(room);
            outcome
        });
        Ok(())
    }

    async fn send_requested(&self, request: LinkRequest) -> Result<LinkOutcome, Failure> {
        let LinkRequest { place, email, purpose, return_path, language, event_id } = request;
        let Some(to) = self.resident_at(&place, &email).await? else { return Ok(LinkOutcome::Unknown) };
        let wanted = Wanted { return_path, language, event_id, ..Wanted::link(purpose) };
        self.post.send(&to.addressee(), &wanted).await?;
        Ok(LinkOutcome::Sent)
    }

    /// Sends a link to set a password to a person of the audience, on behalf of a member of the team, who does not see it.
    pub(crate) async fn send_reset_link(
        &self,
        by: &Principal,
        person: &AccountId,
        reason: String,
    ) -> Result<(), Failure> {
        let tenant = by.tenant()?;
        let to = self.resident(Realm::Audience, tenant, person).await?.ok_or(Failure::NotFound { what: "person" })?;
        let record = AuditRecord {
            actor: by.actor(),
            action: "account.reset_link".to_owned(),
            subject: format!("person:{person}"),
            reason,
            ..AuditRecord::default()
        };
        self.audit.record(tenant, record).await?;
        let sent = self.post.send(&to.addressee(), &Wanted::link(Purpose::Reset)).await;
        let outcome = if sent.is_ok() { LinkOutcome::Sent } else { LinkOutcome::NotSent };
        self.metrics.link(Some(Purpose::Reset), outcome);
        sent
    }

    /// Sends a new member the link with which they set their password.
    pub(crate) async fn send_invitation(&self, to: &Resident, language: String) -> Result<(), Failure> {
        let wanted = Wanted { invitation: true, life_s: INVITATION_S, language, ..Wanted::link(Purpose::Reset) };
        self.post.send(&to.addressee(), &wanted).await
    }

    /// Uses up a link, if it is confirmed; else only looks at it. A reset that brings no password is not confirmed yet.
    pub(crate) async fn redeem_link(
        &self,
        token: &str,
        new_password: Option<Password>,
        confirmed: bool,
    ) -> Result<Redeemed, Failure> {
        let at_ms = self.at_ms();
        let Some((link, mut resident)) = self.worthy_link(token, at_ms).await? else {
            self.metrics.link(None, LinkOutcome::Worthless);
            return Err(worthless());
        };
        let (purpose, return_path) = (link.purpose, link.return_path.clone());
        if !confirmed || (purpose == Purpose::Reset && new_password.is_none()) {
            return Ok(Redeemed { purpose, return_path, resident: None, session: None, sign_in_again: false });
        }
        // Hashed before the link is used up: the pool may be full, and then the link is to work once more.
        let hash = match (purpose, &new_password) {
            (Purpose::Reset, Some(password)) => Some(self.hashing.hash(password).await?),
            _ => None,
        };
        // What may be repeated comes before it too: cut off after the use, it would be lost.
        if !link.confirms.is_empty() {
            self.persons.confirm_consents(&link.tenant, link.account.as_str(), &link.confirms).await?;
        }
        if hash.is_some() {
            self.note_own(&resident, "account.password").await?;
        }
        if !self.store.use_link(&link, at_ms).await? {
            self.metrics.link(Some(purpose), LinkOutcome::Worthless);
            return Err(worthless());
        }
        if hash.is_some() || link.realm == Realm::Team {
            let new = Account::new(link.account.clone(), link.realm, link.tenant.clone(), at_ms);
            let changed = self.store.change_account(new, |account| {
                account.proven_at_ms = account.proven_at_ms.or(Some(at_ms));
                if let Some(hash) = &hash {
                    // Another reset may have been faster.
                    if account.generation != link.generation {
                        return Err(worthless());
                    }
                    account.secrets.password = Some(hash.clone());
                    account.generation += 1;
                }
                Ok(())
            });
            let (account, ()) = changed.await?;
            resident.account = Some(account);
        }
        if !resident.proven && link.realm == Realm::Audience {
            self.persons.mark_proven(&resident.tenant, resident.id.as_str(), at_ms).await?;
        }
        resident.proven = true;
        self.forget_tries(&resident).await?;
        let sign_in_again = purpose != Purpose::Verify && resident.has_second_factor();
        let session = if sign_in_again || purpose == Purpose::Verify {
            None
        } else {
            let generation = resident.generation();
            Some(self.open_session(&mut resident, generation).await?)
        };
        self.metrics.link(Some(purpose), LinkOutcome::Redeemed);
        Ok(Redeemed { purpose, return_path, resident: Some(resident), session, sign_in_again })
    }

    /// The link of a secret and whose it is, if it can still do something.
    async fn worthy_link(&self, token: &str, at_ms: i64) -> Result<Option<(Link, Resident)>, Failure> {
        let Some(id) = link_id(token) else { return Ok(None) };
        let Some(link) = self.store.unused_link(&id).await? else { return Ok(None) };
        if at_ms >= link.expires_at_ms {
            return Ok(None);
        }
        let Some(resident) = self.resident(link.realm, &link.tenant, &link.account).await? else { return Ok(None) };
        let overtaken = link.purpose == Purpose::Reset && link.generation != resident.generation();
        Ok((!overtaken).then_some((link, resident)))
    }

    /// Whoever reads the mail of an address is not the one who guessed at it.
    async fn forget_tries(&self, resident: &Resident) -> Result<(), Failure> {
        let Ok(email) = canonical::email(&resident.email) else { return Ok(()) };
        let place = match resident.realm {
            Realm::Team => Place::Team,
            Realm::Audience => Place::Audience(resident.tenant.clone()),
        };
        let key = self.post.tries_key(&place, &email);
        self.store.forget(Scope::Link, key).await?;
        self.store.forget(Scope::Account, key).await
    }

    /// Whose tenant a caller names, for the audience.
    pub(crate) fn place(realm: Realm, tenant: &str) -> Result<Place, Failure> {
        match realm {
            Realm::Team => Ok(Place::Team),
            Realm::Audience => Ok(Place::Audience(super::domain::fields::id::<TenantId>("tenant_id", tenant)?)),
        }
    }
}

/// Used before, too old, overtaken and made up look the same.
fn worthless() -> Failure {
    Failure::Precondition("this link has been used or is too old; ask for a new one".to_owned())
}
