//! Residents: whoever may sign in. In the audience that is every person of the tenant, with or without an account; in the team
//! every member. An account whose person or membership is gone is nobody's.

use turnout_platform::{auth::Role, canonical::CanonicalEmail, failure::Failure, ids::TenantId};
use turnout_proto::profiles::v1::SessionAccount;

use super::{
    Accounts,
    domain::{fields::Realm, secrets::AccountId},
    persons::Person,
    post::Addressee,
    store::Account,
};

/// Where an address belongs: the audience of a tenant, or the one team of the installation that it is in.
#[derive(Clone)]
pub(crate) enum Place {
    Team,
    Audience(TenantId),
}

impl Place {
    pub fn realm(&self) -> Realm {
        match self {
            Self::Team => Realm::Team,
            Self::Audience(_) => Realm::Audience,
        }
    }
}

/// Somebody who may sign in. It has no `Debug`: it is personal.
#[derive(Clone)]
pub(crate) struct Resident {
    pub id: AccountId,
    pub realm: Realm,
    pub tenant: TenantId,
    pub email: String,
    pub name: String,
    pub language: String,
    /// Of a member of a team.
    pub role: Option<Role>,
    /// The address was proven by its owner.
    pub proven: bool,
    /// None for a person who never signed in.
    pub account: Option<Account>,
}

impl Resident {
    /// The hash of the password, if one is set.
    pub fn password(&self) -> Option<&str> {
        self.account.as_ref()?.secrets.password.as_deref()
    }

    /// The account's generation; that of one that is not there yet is the first.
    pub fn generation(&self) -> i64 {
        self.account.as_ref().map_or(0, |account| account.generation)
    }

    pub fn has_second_factor(&self) -> bool {
        self.account.as_ref().is_some_and(|account| account.secrets.totp.is_some())
    }

    /// For a link to them.
    pub fn addressee(&self) -> Addressee {
        Addressee {
            realm: self.realm,
            tenant: self.tenant.clone(),
            account: self.id.clone(),
            generation: self.generation(),
            email: self.email.clone(),
            name: self.name.clone(),
            language: self.language.clone(),
        }
    }

    /// As the audit log names them.
    pub fn actor(&self) -> String {
        match self.realm {
            Realm::Team => format!("member:{}", self.id),
            Realm::Audience => format!("person:{}", self.id),
        }
    }

    /// For the wire.
    pub fn to_wire(&self, session_id: &str) -> SessionAccount {
        SessionAccount {
            account_id: self.id.to_string(),
            realm: self.realm.to_wire().into(),
            tenant_id: self.tenant.to_string(),
            role: self.role.map(|role| role.to_wire().into()).unwrap_or_default(),
            person_id: if self.realm == Realm::Audience { self.id.to_string() } else { String::new() },
            email: self.email.clone(),
            name: self.name.clone(),
            has_second_factor: self.has_second_factor(),
            has_password: self.password().is_some(),
            session_id: session_id.to_owned(),
            verified: self.proven,
        }
    }
}

impl Accounts {
    /// Who has this address. Nobody costs the same reads as somebody, so that the time does not tell.
    pub(crate) async fn resident_at(&self, place: &Place, email: &CanonicalEmail) -> Result<Option<Resident>, Failure> {
        match place {
            Place::Team => {
                let (known, _) = self.store.account_at(&self.team_address(email)).await?;
                let is_known = known.is_some();
                let id = known.unwrap_or_else(|| self.nobody.clone());
                let found = self.member_resident(&id).await?;
                if found.is_none() {
                    self.store.team(&self.nowhere).await?;
                }
                Ok(found.filter(|_| is_known))
            }
            Place::Audience(tenant) => {
                if let Some(person) = self.persons.by_email(tenant, email).await? {
                    return self.person_resident(tenant, person).await;
                }
                self.persons.by_id(tenant, self.nobody.as_str()).await?;
                self.store.account(&self.nobody).await?;
                Ok(None)
            }
        }
    }

    /// The resident of an account that may not be there yet.
    pub(crate) async fn resident(
        &self,
        realm: Realm,
        tenant: &TenantId,
        id: &AccountId,
    ) -> Result<Option<Resident>, Failure> {
        match realm {
            Realm::Team => Ok(self.member_resident(id).await?.filter(|resident| resident.tenant == *tenant)),
            Realm::Audience => match self.persons.by_id(tenant, id.as_str()).await? {
                Some(person) => self.person_resident(tenant, person).await,
                None => Ok(None),
            },
        }
    }

    /// The resident of an account that was just read.
    pub(crate) async fn resident_of(&self, account: Account) -> Result<Option<Resident>, Failure> {
        match account.realm {
            Realm::Team => self.with_membership(account).await,
            Realm::Audience => {
                let person = self.persons.by_id(&account.tenant, account.id.as_str()).await?;
                Ok(person.map(|person| of_person(account.id.clone(), account.tenant.clone(), person, Some(account))))
            }
        }
    }

    async fn member_resident(&self, id: &AccountId) -> Result<Option<Resident>, Failure> {
        match self.store.account(id).await? {
            Some(account) if account.realm == Realm::Team => self.with_membership(account).await,
            _ => Ok(None),
        }
    }

    async fn with_membership(&self, account: Account) -> Result<Option<Resident>, Failure> {
        let team = self.store.team(&account.tenant).await?;
        Ok(team.member(&account.id).map(|member| Resident {
            id: account.id.clone(),
            realm: Realm::Team,
            tenant: account.tenant.clone(),
            email: account.secrets.email.clone(),
            name: String::new(),
            language: account.secrets.language.clone(),
            role: Some(member.role),
            proven: account.proven_at_ms.is_some(),
            account: Some(account),
        }))
    }

    async fn person_resident(&self, tenant: &TenantId, person: Person) -> Result<Option<Resident>, Failure> {
        let Ok(id) = person.id.parse::<AccountId>() else { return Ok(None) };
        let account = self.store.account(&id).await?;
        // Ids of people and of members are random: one that is both, or of two tenants, was made up.
        let account = account.filter(|account| account.realm == Realm::Audience && account.tenant == *tenant);
        Ok(Some(of_person(id, tenant.clone(), person, account)))
    }

    /// By what a member is found.
    pub(crate) fn team_address(&self, email: &CanonicalEmail) -> [u8; 32] {
        self.vault.blind(&self.nowhere, "team-address", email.as_str())
    }
}

fn of_person(id: AccountId, tenant: TenantId, person: Person, account: Option<Account>) -> Resident {
    let Person { email, name, language, proven, .. } = person;
    Resident { id, realm: Realm::Audience, tenant, email, name, language, role: None, proven, account }
}
