//! Who takes part in events: each action with its reads and writes in order. Knows no wire types and does not authenticate.
//!
//! Every change goes the same way: the row is read, a pure transition of `domain` says what it becomes, the outbox keeps what will be
//! told, the row is put in place of the version that was read. Whoever finds another version there reads again. Lists, searches and
//! figures are `roll`'s.

mod acts;
mod changes;
mod check_in;
mod coming;
mod forms;
mod lists;
mod numbering;
mod of_person;
mod passes;
mod payments;
mod places;
mod profiles;
mod refused;
mod register;
mod seats;
mod settling;

use std::{sync::Arc, time::Duration};

use tokio::sync::{Notify, OwnedSemaphorePermit};
use turnout_platform::{
    admission::{Admission, Limits},
    auth::codes::{CodePurpose, Codes},
    clock::Clock,
    failure::Failure,
    ids::{EventId, RegistrationId, TenantId},
    outbox::{EventKind, Outbox},
    vault::Vault,
};
use turnout_proto::{
    events::v1::{DomainEvent, RegistrationChange, RegistrationChanged, domain_event::What},
    profiles::v1::AuditEntry,
};

pub(crate) use self::{
    acts::About,
    changes::Wish,
    check_in::Outcome,
    payments::Notice,
    places::Places,
    profiles::Profiles,
    register::{Wanted, Who},
};

use self::{
    lists::Lists,
    numbering::Numbered,
    passes::Passes,
    seats::{Claim, Seats},
    settling::Doubts,
};
use crate::{
    domain::{
        event::Event,
        registration::{Change, Registration, Step},
    },
    metrics::Metrics,
    roll::Roll,
    rpc::wire,
    store::{
        Store,
        registrations::{Sealed, owner_of},
    },
};

/// How often a change is tried again when somebody else changes the same registration at the same moment.
const CHANGE_TRIES_MAX: usize = 10;
/// Registrations of a person, or check-ins of a scanner, that are read at the same time.
const READS_AT_ONCE_MAX: usize = 16;
/// Registrations that are under way in a process at the same time, and as many changes. A registration takes a dozen steps at the store:
/// with many more, all would be slow together and end at their deadlines with nothing done. Who has not begun in time is refused, which
/// costs nothing, and comes again; who begins has the rest of a call's ten seconds.
const TURNS: Limits = Limits { at_once: 256, waiting_max: 4096, wait_max: Duration::from_secs(4) };
/// When to try again what many change at the same moment, or what has found no end.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The part of the service that knows who takes part. A clone is another handle on the same.
#[derive(Clone)]
pub(crate) struct Registrants {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) vault: Vault,
    pub(crate) codes: Codes,
    pub(crate) roll: Roll,
    pub(crate) outbox: Outbox,
    pub(crate) metrics: Metrics,
    /// Somebody wants what is due removed now.
    pub(crate) removal_asked: Arc<Notify>,
    profiles: Profiles,
    seats: Seats,
    doubts: Doubts,
    lists: Lists,
    passes: Passes,
    numbering: Passes,
    numbered: Numbered,
    registering: Arc<Admission>,
    /// Apart, so that a door does not stand behind other people's sales.
    changing: Arc<Admission>,
}

/// Who acts for somebody else, and why; kept in the audit log.
#[derive(Clone)]
pub(crate) struct Act {
    pub actor: String,
    pub reason: String,
}

impl Registrants {
    #[allow(clippy::too_many_arguments, reason = "each is a part that it stands on, named once where it is wired")]
    pub fn new(
        store: Store,
        clock: Arc<dyn Clock>,
        vault: Vault,
        codes: Codes,
        roll: Roll,
        outbox: Outbox,
        profiles: Profiles,
        metrics: Metrics,
    ) -> Self {
        let seats = Seats::new(store.clone(), clock.clone());
        let turns = || Arc::new(Admission::new(TURNS));
        Self {
            store,
            clock,
            vault,
            codes,
            roll,
            outbox,
            metrics,
            removal_asked: Arc::default(),
            profiles,
            seats,
            doubts: Doubts::default(),
            lists: Lists::default(),
            passes: Passes::of(places::EVENTS_AT_ONCE_MAX),
            numbering: Passes::of(numbering::EVENTS_AT_ONCE_MAX),
            numbered: Numbered::default(),
            registering: turns(),
            changing: turns(),
        }
    }

    /// The event of this tenant, or of any when there is none.
    pub async fn event(&self, tenant: Option<&TenantId>, id: &EventId) -> Result<Event, Failure> {
        let found = self.store.event(id).await?;
        found
            .filter(|event| tenant.is_none_or(|tenant| *tenant == event.tenant))
            .ok_or(Failure::NotFound { what: "event" })
    }

    /// One registration of an event.
    pub async fn registration(&self, event: &Event, id: &RegistrationId) -> Result<Registration, Failure> {
        let sealed = self.store.registration(&event.id, id).await?.ok_or(missing())?;
        self.opened(sealed).await
    }

    /// What the code of a link to one's own page names; none for what this mesh has not made.
    pub fn place_of_code(&self, code: &str) -> Option<(EventId, RegistrationId)> {
        self.place_of(CodePurpose::Registration, code)
    }

    /// What is shown at the door names: a ticket, or the link to one's own page.
    pub fn place_of_ticket(&self, code: &str) -> Option<(EventId, RegistrationId)> {
        self.place_of(CodePurpose::Ticket, code).or_else(|| self.place_of_code(code))
    }

    fn place_of(&self, purpose: CodePurpose, code: &str) -> Option<(EventId, RegistrationId)> {
        let parts = self.codes.read(purpose, code.trim())?;
        let [event, registration] = parts.as_slice() else { return None };
        Some((event.parse().ok()?, registration.parse().ok()?))
    }

    /// Changes a registration until the change is stored, or there is nothing to change. With an expected version nothing happens to any
    /// other version. The registration after it, and whether this call changed it.
    async fn change(
        &self,
        event: &Event,
        id: &RegistrationId,
        expected: Option<i64>,
        step: impl Fn(Registration) -> Result<Step, Failure>,
    ) -> Result<(Registration, bool), Failure> {
        self.change_by(event, id, expected, None, step).await
    }

    /// The same, with what somebody does by it for somebody else. It is entered in the audit log before it is stored: an act may be
    /// entered that was then not done, and none is missing.
    async fn change_by(
        &self,
        event: &Event,
        id: &RegistrationId,
        expected: Option<i64>,
        act: Option<(&'static str, &Act)>,
        step: impl Fn(Registration) -> Result<Step, Failure>,
    ) -> Result<(Registration, bool), Failure> {
        let _turn = turn(&self.changing).await?;
        for _ in 0..CHANGE_TRIES_MAX {
            let found = self.registration(event, id).await?;
            if expected.is_some_and(|expected| expected != found.version) {
                return Err(Failure::Changed { what: "registration" });
            }
            let (after, changes) = step(found.clone())?;
            if changes.is_empty() {
                return Ok((after, false));
            }
            if let Some((action, act)) = act {
                self.audit(&event.tenant, action, &after, act).await?;
            }
            if self.replace(&event.tenant, &found, &after, &changes, None, act.is_none()).await? {
                return Ok((after, true));
            }
        }
        Err(Failure::Overloaded { retry_after: RETRY_AFTER })
    }

    /// Puts a registration in the place of what it was, and tells of it; false when something else was there, or the place that was taken
    /// for it was taken too long ago.
    async fn replace(
        &self,
        tenant: &TenantId,
        before: &Registration,
        after: &Registration,
        changes: &[Change],
        claim: Option<&Claim>,
        by_person: bool,
    ) -> Result<bool, Failure> {
        let is_usable = || claim.is_none_or(|claim| self.seats.is_usable(claim));
        let sealed = self.sealed(tenant, after.clone()).await?;
        if changes.is_empty() {
            return Ok(is_usable() && self.store.replace_registration(&sealed, before.version).await?);
        }
        let announcement = self.outbox.announce(self.told(tenant, after, changes, by_person)).await?;
        // An error leaves open what happened: then the announcement is left to the sweeper.
        if !is_usable() {
            announcement.withdrawn().await;
            return Ok(false);
        }
        if self.store.replace_registration(&sealed, before.version).await? {
            self.is_stored(tenant, after, changes);
            // Before anybody hears that a place may be free. One that stays taken is found later: it has no registration on it.
            if let Some(seat) = before.seat.filter(|_| after.seat.is_none())
                && let Err(failure) = self.seats.free(&after.event, seat, &after.id).await
            {
                tracing::warn!(%failure, "a place stays taken until somebody wants it");
            }
            announcement.done();
            return Ok(true);
        }
        self.refused(tenant, Some(before), after, changes, announcement, by_person).await?;
        Ok(false)
    }

    /// A registration was stored: lists and figures of this process know it at once.
    fn is_stored(&self, tenant: &TenantId, after: &Registration, changes: &[Change]) {
        self.roll.changed(tenant, after);
        for change in changes {
            self.metrics.registration_changed(*change);
        }
    }

    async fn opened(&self, sealed: Sealed) -> Result<Registration, Failure> {
        let key = self.vault.existing(&sealed.tenant, &sealed.owner()).await?;
        sealed.open(key.as_ref())
    }

    async fn sealed(&self, tenant: &TenantId, registration: Registration) -> Result<Sealed, Failure> {
        let key = if registration.personal.is_empty() {
            None
        } else {
            Some(self.vault.key_for(tenant, &owner_of(&registration)).await?)
        };
        Sealed::new(tenant.clone(), registration, key.as_ref())
    }

    /// What the bus is told. The messages have no ids of their own making: the same version may be announced in vain once and stored at the
    /// next try, and the second must not be taken for the first.
    fn told(
        &self,
        tenant: &TenantId,
        after: &Registration,
        changes: &[Change],
        by_person: bool,
    ) -> Vec<(EventKind, DomainEvent)> {
        let at = wire::timestamp(self.clock.at_ms() as i64);
        let told = |change: &Change| {
            let what = RegistrationChanged {
                event_id: after.event.to_string(),
                registration_id: after.id.to_string(),
                person_id: after.person.as_ref().map(ToString::to_string).unwrap_or_default(),
                change: wire_change(*change).into(),
                version: after.version,
                by_person: by_person && change.may_be_the_persons(),
            };
            let event = DomainEvent {
                message_id: String::new(),
                tenant_id: tenant.to_string(),
                at: Some(at),
                what: Some(What::Registration(what)),
            };
            (EventKind::Registration, event)
        };
        changes.iter().map(told).collect()
    }

    /// Keeps who does this for somebody else. Its id follows from the registration's version, so that a retry is the same entry.
    async fn audit(&self, tenant: &TenantId, action: &str, after: &Registration, act: &Act) -> Result<(), Failure> {
        let detail = match action {
            "registration.payment" => after.payment.word().to_owned(),
            "registration.rsvp" => after.rsvp.word().to_owned(),
            _ => String::new(),
        };
        let word = action.rsplit('.').next().unwrap_or_default();
        let entry = AuditEntry {
            at: None,
            actor: act.actor.clone(),
            action: action.to_owned(),
            subject: format!("registration:{}", after.id),
            event_id: after.event.to_string(),
            reason: act.reason.clone(),
            detail,
            entry_id: format!("{}-{word}-{}", after.id, after.version),
        };
        self.profiles.audit(tenant, entry).await
    }

    /// Keeps who took data out, or changed a secret of the tenant.
    pub async fn audit_once(&self, tenant: &TenantId, entry: AuditEntry) -> Result<(), Failure> {
        self.profiles.audit(tenant, entry).await
    }

    pub(crate) fn at_ms(&self) -> i64 {
        self.clock.at_ms() as i64
    }
}

/// Waits until a call may begin.
async fn turn(door: &Admission) -> Result<OwnedSemaphorePermit, Failure> {
    door.turn().await.map_err(|_| Failure::Overloaded { retry_after: RETRY_AFTER })
}

/// The refusal of a registration that is not there.
pub(crate) fn missing() -> Failure {
    Failure::NotFound { what: "registration" }
}

fn wire_change(change: Change) -> RegistrationChange {
    match change {
        Change::Registered => RegistrationChange::Registered,
        Change::Waiting => RegistrationChange::Waiting,
        Change::Promoted => RegistrationChange::Promoted,
        Change::Cancelled => RegistrationChange::Cancelled,
        Change::Rsvp => RegistrationChange::Rsvp,
        Change::Payment => RegistrationChange::Payment,
        Change::Entered => RegistrationChange::Entered,
        Change::CheckedIn => RegistrationChange::CheckedIn,
        Change::Details => RegistrationChange::Details,
    }
}
