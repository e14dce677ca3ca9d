//! People across all events of a tenant: who they are, how they are reached, what they consented to.
//!
//! `rpc` is the gRPC face; this file, `consents`, `asking` and `list` are what it does; `store`, `ledgers` and `questions` are the tables.
//! The rules are in `domain`. Merging people, and forgetting them, are not here yet.

mod asking;
mod consents;
mod ledgers;
mod list;
mod marketing;
mod questions;
mod rpc;
mod store;

use std::sync::Arc;

use tokio::sync::Semaphore;
use turnout_platform::{
    auth::{Access, AccessTable, FIGURES, ORGANISERS, Principal, SUPPORTERS},
    canonical::CanonicalEmail,
    clock::Clock,
    failure::Failure,
    ids::{PersonId, TenantId},
    lifecycle::Lifecycle,
    limits::{RPC_REQUEST_BYTES_MAX, RPC_RESPONSE_BYTES_MAX},
    random,
    tables::{Table, Tables},
    vault::Vault,
};
use turnout_proto::profiles::v1::people_service_server::PeopleServiceServer;

pub(crate) use marketing::Marketing;

use self::{ledgers::Ledgers, list::Lists, questions::Questions, store::Store};
use crate::{
    accounts::{
        self, AccountId, Addressee, Persons, Post, Realm,
        audit::{Audit, AuditRecord},
    },
    domain::person::{Assurance, Changes, Details, Person},
    metrics::Metrics,
};

/// The tables of people and consents.
pub(crate) const TABLES: &[&Table] = &[
    &store::PEOPLE_BY_SHARD,
    &store::PERSON_BY_IDENTITY,
    &store::PEOPLE_CHANGES_BY_SLOT,
    &ledgers::CONSENT_LEDGER_BY_PERSON,
    &ledgers::CONSENT_REQUESTS,
    &ledgers::CONSENTING_BY_PURPOSE,
    &questions::CONSENT_QUESTIONS_BY_SLOT,
];

/// Who may call which method. Who may not see personal fields gets people without them.
pub(crate) const ACCESS: AccessTable = &[
    ("/turnout.profiles.v1.PeopleService/EnsurePerson", Access::Mesh),
    ("/turnout.profiles.v1.PeopleService/GetPerson", Access::Team(FIGURES)),
    ("/turnout.profiles.v1.PeopleService/ListPeople", Access::Team(FIGURES)),
    ("/turnout.profiles.v1.PeopleService/ExportPeople", Access::Team(ORGANISERS)),
    ("/turnout.profiles.v1.PeopleService/UpdatePerson", Access::Team(SUPPORTERS)),
    ("/turnout.profiles.v1.PeopleService/VerifyByHand", Access::Team(SUPPORTERS)),
    ("/turnout.profiles.v1.PeopleService/RecordConsent", Access::Team(SUPPORTERS)),
    ("/turnout.profiles.v1.PeopleService/GetConsents", Access::Team(SUPPORTERS)),
    ("/turnout.profiles.v1.PeopleService/ListConsentLedger", Access::Team(SUPPORTERS)),
    ("/turnout.profiles.v1.PeopleService/ListConsenting", Access::Team(ORGANISERS)),
    ("/turnout.profiles.v1.PeopleService/ExportConsenting", Access::Team(ORGANISERS)),
];

/// How often a change is tried anew when somebody else has changed the person meanwhile.
const CHANGE_TRIES_MAX: usize = 8;

/// The people. A clone is another handle on the same.
#[derive(Clone)]
pub(crate) struct People {
    store: Store,
    ledgers: Ledgers,
    lists: Lists,
    audit: Audit,
    clock: Arc<dyn Clock>,
    post: Post,
    metrics: Metrics,
    questions: Questions,
    marketing: Marketing,
    /// Room for questions that are sent while their forms are answered.
    asking: Arc<Semaphore>,
    life: Lifecycle,
}

/// Who does something for a person, and why.
pub(crate) struct Doing {
    /// As the audit log names them.
    pub actor: String,
    /// Empty when nobody asked for one.
    pub reason: String,
}

impl Doing {
    fn by(caller: &Principal, reason: String) -> Self {
        Self { actor: caller.actor(), reason }
    }
}

impl People {
    #[allow(clippy::too_many_arguments, reason = "each stands for itself, and there is one caller")]
    pub(crate) fn new(
        tables: Arc<dyn Tables>,
        vault: Vault,
        audit: Audit,
        clock: Arc<dyn Clock>,
        post: Post,
        marketing: Marketing,
        life: Lifecycle,
        metrics: Metrics,
    ) -> Self {
        let store = Store { tables: tables.clone(), vault };
        let lists = Lists::new(store.clone(), clock.clone(), metrics.clone());
        let (ledgers, questions) = (Ledgers { tables: tables.clone() }, Questions { tables });
        let asking = Arc::new(Semaphore::new(asking::SENT_AT_ONCE_MAX));
        Self { store, ledgers, lists, audit, clock, post, metrics, questions, marketing, asking, life }
    }

    /// Their gRPC face, to be added to a server whose authenticator knows [`ACCESS`].
    pub(crate) fn into_service(self) -> PeopleServiceServer<Self> {
        PeopleServiceServer::new(self)
            .max_decoding_message_size(RPC_REQUEST_BYTES_MAX)
            .max_encoding_message_size(RPC_RESPONSE_BYTES_MAX)
    }

    /// The person of an address, and whether this call made them. What is given is taken where nothing is known.
    pub(crate) async fn ensure(
        &self,
        tenant: &TenantId,
        email: &CanonicalEmail,
        given: Details,
    ) -> Result<(Person, bool), Failure> {
        let given = Details { email: email.as_str().to_owned(), ..given };
        let id = match self.store.identity(tenant, email).await? {
            Some(id) => id,
            None => self.store.identify(tenant, email, new_person_id()).await?,
        };
        for _ in 0..CHANGE_TRIES_MAX {
            let Some(known) = self.store.person(tenant, &id).await? else {
                let person = Person::new(id.clone(), given.clone(), self.at_ms());
                if self.store.create(tenant, &person, self.at_ms()).await? {
                    self.lists.note(tenant, &person).await;
                    self.metrics.person_ensured(true);
                    return Ok((person, true));
                }
                continue;
            };
            let stored = match known.completed_with(&given) {
                None => Some(known),
                Some(completed) => self.replaced(tenant, completed).await?,
            };
            if let Some(person) = stored {
                self.metrics.person_ensured(false);
                return Ok((person, false));
            }
        }
        Err(Failure::Changed { what: "person" })
    }

    /// The person of an address, if it is anybody's.
    async fn by_email(&self, tenant: &TenantId, email: &CanonicalEmail) -> Result<Option<Person>, Failure> {
        match self.store.identity(tenant, email).await? {
            Some(id) => self.store.person(tenant, &id).await,
            None => Ok(None),
        }
    }

    pub(crate) async fn person(&self, tenant: &TenantId, id: &PersonId) -> Result<Person, Failure> {
        self.store.person(tenant, id).await?.ok_or(Failure::NotFound { what: "person" })
    }

    /// The person has proven the address.
    async fn mark_verified(&self, tenant: &TenantId, id: &PersonId, at_ms: i64) -> Result<Person, Failure> {
        self.change(tenant, id, |person| person.assured(Assurance::Verified, at_ms)).await
    }

    /// The person can sign in from now on.
    async fn mark_account(&self, tenant: &TenantId, id: &PersonId) -> Result<Person, Failure> {
        self.change(tenant, id, Person::with_account).await
    }

    /// Changes a person. With an expected version nothing happens to any other version.
    ///
    /// What a new number ends is withdrawn, and what is done is entered in the audit log, before the change: when the change then
    /// does not happen, consent is missing rather than assumed, and an entry is too many rather than missing.
    pub(crate) async fn update(
        &self,
        tenant: &TenantId,
        id: &PersonId,
        changes: &Changes,
        expected: Option<i64>,
        doing: &Doing,
    ) -> Result<Person, Failure> {
        for _ in 0..CHANGE_TRIES_MAX {
            let person = self.person(tenant, id).await?;
            if expected.is_some_and(|expected| expected != person.version) {
                break;
            }
            let Some(changed) = person.changed_by(changes) else { return Ok(person) };
            if person.loses_phone(&changed) {
                self.withdraw_sms(tenant, &person).await?;
            }
            let detail = what_changed(&person.details, &changed.details);
            self.enter(tenant, "person.update", subject(id), doing, detail).await?;
            if let Some(person) = self.replaced(tenant, changed).await? {
                return Ok(person);
            }
        }
        Err(Failure::Changed { what: "person" })
    }

    /// Vouches for the address; nothing happens to one that is at least so sure.
    pub(crate) async fn verify_by_hand(
        &self,
        tenant: &TenantId,
        id: &PersonId,
        doing: &Doing,
    ) -> Result<Person, Failure> {
        let person = self.person(tenant, id).await?;
        if person.assurance >= Assurance::ByHand {
            return Ok(person);
        }
        self.enter(tenant, "person.verify_by_hand", subject(id), doing, String::new()).await?;
        let at_ms = self.at_ms();
        self.change(tenant, id, |person| person.assured(Assurance::ByHand, at_ms)).await
    }

    /// Changes a person by a rule that may be tried anew; none means that nothing is to be changed.
    async fn change(
        &self,
        tenant: &TenantId,
        id: &PersonId,
        rule: impl Fn(&Person) -> Option<Person>,
    ) -> Result<Person, Failure> {
        for _ in 0..CHANGE_TRIES_MAX {
            let person = self.person(tenant, id).await?;
            let Some(changed) = rule(&person) else { return Ok(person) };
            if let Some(person) = self.replaced(tenant, changed).await? {
                return Ok(person);
            }
        }
        Err(Failure::Changed { what: "person" })
    }

    /// Stores the next version of a person; none when somebody else has stored another.
    async fn replaced(&self, tenant: &TenantId, person: Person) -> Result<Option<Person>, Failure> {
        if !self.store.replace(tenant, &person, self.at_ms()).await? {
            return Ok(None);
        }
        self.lists.note(tenant, &person).await;
        Ok(Some(person))
    }

    async fn enter(
        &self,
        tenant: &TenantId,
        action: &'static str,
        subject: String,
        doing: &Doing,
        detail: String,
    ) -> Result<(), Failure> {
        let record = AuditRecord {
            actor: doing.actor.clone(),
            action: action.to_owned(),
            subject,
            event_id: String::new(),
            reason: doing.reason.clone(),
            detail,
            entry_id: String::new(),
        };
        self.audit.record(tenant, record).await
    }

    fn at_ms(&self) -> i64 {
        self.clock.at_ms() as i64
    }
}

fn new_person_id() -> PersonId {
    random::sortable_id().parse().expect("32 hexadecimal digits are an id")
}

/// As the audit log names a person.
fn subject(id: &PersonId) -> String {
    format!("person:{id}")
}

/// For the sealed part of the audit log: the only place where an old number stays.
fn what_changed(before: &Details, after: &Details) -> String {
    let fields = [
        ("name", &before.name, &after.name),
        ("phone", &before.phone, &after.phone),
        ("language", &before.language, &after.language),
        ("zone", &before.zone, &after.zone),
    ];
    let changed = fields.into_iter().filter(|(_, before, after)| before != after);
    changed.map(|(field, before, after)| format!("{field}: {before:?} -> {after:?}")).collect::<Vec<_>>().join("; ")
}

/// What signing in needs of people.
#[tonic::async_trait]
impl Persons for People {
    async fn by_email(&self, tenant: &TenantId, email: &CanonicalEmail) -> Result<Option<accounts::Person>, Failure> {
        Ok(self.by_email(tenant, email).await?.map(signs_in))
    }

    async fn by_id(&self, tenant: &TenantId, id: &str) -> Result<Option<accounts::Person>, Failure> {
        let Ok(id) = id.parse() else { return Ok(None) };
        Ok(self.store.person(tenant, &id).await?.map(signs_in))
    }

    async fn mark_proven(&self, tenant: &TenantId, id: &str, at_ms: i64) -> Result<(), Failure> {
        let id = id.parse().map_err(|_| Failure::NotFound { what: "person" })?;
        self.mark_verified(tenant, &id, at_ms).await.map(drop)
    }

    async fn confirm_consents(&self, tenant: &TenantId, id: &str, request: &str) -> Result<(), Failure> {
        let id = id.parse().map_err(|_| Failure::NotFound { what: "person" })?;
        self.confirm_consents(tenant, &id, request).await
    }

    async fn mark_account(&self, tenant: &TenantId, id: &str) -> Result<(), Failure> {
        let id = id.parse().map_err(|_| Failure::NotFound { what: "person" })?;
        self.mark_account(tenant, &id).await.map(drop)
    }
}

/// Whom a link to a person reaches.
fn addressee(tenant: &TenantId, person: &Person) -> Addressee {
    let account: AccountId = person.id.as_str().parse().expect("ids of people and of accounts follow one rule");
    let Details { email, name, language, .. } = person.details.clone();
    Addressee { realm: Realm::Audience, tenant: tenant.clone(), account, generation: 0, email, name, language }
}

fn signs_in(person: Person) -> accounts::Person {
    accounts::Person {
        id: person.id.to_string(),
        email: person.details.email,
        name: person.details.name,
        language: person.details.language,
        proven: person.assurance == Assurance::Verified,
    }
}
