//! Retention: so many days after an event's end, what is personal in its registrations is removed and the link to the person is cut.
//! The rows stay, with when and whether somebody came and paid, so the figures of past events stay too. Nothing is ever removed before a
//! tenant has chosen a number of days. An event that nobody ended is over when it was planned to be.
//!
//! It is looked for once a day, and by call (`daily`); how far a removal is can be seen (`removal`). Before anything of an event is removed,
//! the audit log says so, with the version of the policy. Other data of a person is the business of the services that hold it.

mod cleared;
mod daily;
mod due;
mod removal;

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use futures_util::future::try_join_all;
use turnout_platform::{
    failure::Failure,
    ids::{EventId, TenantId},
    outbox::EventKind,
    page_tokens::TimePlace,
};
use turnout_proto::{
    events::v1::{DomainEvent, RegistrationChange, RegistrationChanged, domain_event::What},
    profiles::v1::AuditEntry,
};

pub(crate) use self::{daily::run_daily, removal::shown};

use crate::{
    domain::{
        event::{Event, State},
        registration::Registration,
    },
    registrants::Registrants,
    roll::RegistrantSettings,
    rpc::wire,
    store::{registrations::Sealed, removals::Removal},
};

/// Registrations that are announced together, and cleared at the same time.
const CLEARED_TOGETHER_MAX: usize = 20;
/// How often clearing is tried again when somebody else changes the same registration at the same moment.
const CLEAR_TRIES_MAX: usize = 5;
/// How often a postponement is tried again when a process changes the same row at the same moment.
const POSTPONE_TRIES_MAX: usize = 5;
/// Shards of an event that are read together, and then remembered as cleared.
const SHARDS_TOGETHER: usize = 8;
/// Events of a page.
const EVENTS_OF_PAGE: usize = 200;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Where a page of events goes on.
type EventPlace = TimePlace<EventId>;

impl Registrants {
    /// Stores settings in the place of the version before. Nothing is removed by another policy before a day has passed, so that it can be
    /// taken back.
    pub async fn put_settings(
        &self,
        tenant: &TenantId,
        next: RegistrantSettings,
    ) -> Result<RegistrantSettings, Failure> {
        let present = self.roll.settings_of(tenant).await?;
        // A retry of what was stored before finds itself.
        if present == next {
            return Ok(next);
        }
        if present.version + 1 != next.version {
            return Err(Failure::Changed { what: "settings" });
        }
        if next.retention_days != present.retention_days {
            // First: a policy that is stored is looked after, and looking after none does no harm. Who removes by the one before stops.
            self.postpone_retention(tenant).await?;
        }
        self.roll.put_registrant_settings(tenant, next).await
    }

    async fn postpone_retention(&self, tenant: &TenantId) -> Result<(), Failure> {
        for _ in 0..POSTPONE_TRIES_MAX {
            if self.store.postpone_run(tenant, self.at_ms() + DAY_MS).await? {
                return Ok(());
            }
        }
        Err(Failure::Changed { what: "retention" })
    }

    async fn enter_clearing(&self, event: &Event, removal: &Removal) -> Result<(), Failure> {
        let Removal { settings_version: version, retention_days, .. } = removal;
        let id = digest(&SHA256, format!("retention/{}/{}", event.id, removal.name).as_bytes());
        let entry = AuditEntry {
            actor: removal.actor.clone(),
            action: "retention.apply".to_owned(),
            subject: format!("event:{}", event.id),
            event_id: event.id.to_string(),
            detail: format!("settings version {version}: {retention_days} days"),
            entry_id: BASE64_URL_SAFE_NO_PAD.encode(id),
            ..AuditEntry::default()
        };
        self.audit_once(&event.tenant, entry).await
    }

    /// Other processes must forget too, so they are told as of any change.
    async fn clear_together(&self, event: &Event, due: &[Registration]) -> Result<(), Failure> {
        let announcement =
            self.outbox.announce(due.iter().map(|it| self.told_of_clearing(event, it)).collect()).await?;
        try_join_all(due.iter().cloned().map(|registration| self.clear_one(event, registration))).await?;
        announcement.done();
        Ok(())
    }

    async fn clear_one(&self, event: &Event, mut registration: Registration) -> Result<(), Failure> {
        for _ in 0..CLEAR_TRIES_MAX {
            let version = registration.version;
            // First, so that a crash in between leaves nothing that the next run would not find.
            if let Some(person) = &registration.person {
                self.store.forget_place(&event.tenant, person, &event.id, &registration.id).await?;
            }
            let after = registration.without_person();
            let sealed = Sealed::new(event.tenant.clone(), after.clone(), None)?;
            if self.store.replace_registration(&sealed, version).await? {
                self.roll.changed(&event.tenant, &after);
                return Ok(());
            }
            let found = self.store.registration(&event.id, &after.id).await?;
            match found.filter(Sealed::is_personal) {
                Some(found) => registration = found.registration,
                None => return Ok(()),
            }
        }
        Err(Failure::Changed { what: "registration" })
    }

    fn told_of_clearing(&self, event: &Event, before: &Registration) -> (EventKind, DomainEvent) {
        let what = RegistrationChanged {
            event_id: event.id.to_string(),
            registration_id: before.id.to_string(),
            person_id: String::new(),
            change: RegistrationChange::Details.into(),
            version: before.version + 1,
            by_person: false,
        };
        let told = DomainEvent {
            message_id: String::new(),
            tenant_id: event.tenant.to_string(),
            at: Some(wire::timestamp(self.at_ms())),
            what: Some(What::Registration(what)),
        };
        (EventKind::Registration, told)
    }
}

/// Whether somebody said that it is over.
fn was_ended(event: &Event) -> bool {
    matches!(event.state, State::Ended | State::Cancelled)
}
