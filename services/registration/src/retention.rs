//! Retention: so many days after an event's end, what is personal in its registrations is removed and the link to the person is cut.
//! The rows stay, with when and whether somebody came and paid, so the figures of past events stay too. Nothing is ever removed before a
//! tenant has chosen a number of days; an event that was never ended or cancelled keeps everything.
//!
//! It is looked for once a day (`daily`), and by call. Before anything of an event is removed, the audit log says so, with the version of
//! the policy. Other data of a person is the business of the services that hold it.

mod cleared;
mod daily;

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use futures_util::{TryStreamExt as _, future::try_join_all};
use turnout_platform::{failure::Failure, ids::TenantId, outbox::EventKind};
use turnout_proto::{
    events::v1::{DomainEvent, RegistrationChange, RegistrationChanged, domain_event::What},
    profiles::v1::AuditEntry,
    registration::v1::{ApplyRetentionResponse, RetentionOfEvent},
};

pub(crate) use self::daily::run_daily;

use crate::{
    domain::{
        event::{Event, State},
        pages::EventPlace,
        registration::Registration,
    },
    registrants::Registrants,
    roll::RegistrantSettings,
    rpc::wire,
    store::registrations::{REGISTRATION_SHARDS, Sealed},
};

/// Registrations that one batch clears, so that it ends in time; the next goes on.
const CLEARED_PER_BATCH_MAX: usize = 2000;
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

/// Who applies the policy.
pub(crate) struct Run {
    /// As the audit log names them.
    pub actor: String,
    /// Batches of the same name are one entry for each event.
    pub name: String,
    /// Only says what would be removed.
    pub only_says: bool,
}

/// One batch.
pub(crate) struct Batch {
    pub answer: ApplyRetentionResponse,
    /// Whether it went through everything, so that nothing is left.
    pub is_last: bool,
    /// Behind which event the next batch of the run goes on; none for the newest.
    pub after: Option<EventPlace>,
}

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
        if next.retention_days > 0 && next.retention_days != present.retention_days {
            // First: a policy that is stored is looked after, and looking after none does no harm.
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

    /// Clears what is due under these settings, or says how much that would be. One call clears a part of a large event: it is repeated
    /// until nothing is left.
    pub async fn apply_retention(
        &self,
        tenant: &TenantId,
        settings: RegistrantSettings,
        run: &Run,
        after: Option<EventPlace>,
    ) -> Result<Batch, Failure> {
        let answer = ApplyRetentionResponse { events: Vec::new(), settings_version: settings.version };
        let mut batch = Batch { answer, is_last: true, after };
        if settings.retention_days == 0 {
            return Ok(batch);
        }
        let ended_before_ms = self.at_ms().saturating_sub(settings.retention_days * DAY_MS);
        let mut left = CLEARED_PER_BATCH_MAX;
        loop {
            let mut page = self.store.events_of(tenant, batch.after.clone(), EVENTS_OF_PAGE).await?;
            page.events.retain(|event| end_ms(event).is_some_and(|end_ms| end_ms < ended_before_ms));
            for event in &page.events {
                let registrations = if run.only_says {
                    self.due(event).await?
                } else {
                    self.clear(event, settings, run, &mut left).await?
                };
                if registrations > 0 {
                    batch.answer.events.push(RetentionOfEvent {
                        event_id: event.id.to_string(),
                        title: event.title.clone(),
                        registrations: registrations as i64,
                    });
                }
                if left == 0 {
                    batch.is_last = false;
                    return Ok(batch);
                }
            }
            batch.after = page.next;
            if batch.after.is_none() {
                return Ok(batch);
            }
        }
    }

    async fn due(&self, event: &Event) -> Result<usize, Failure> {
        let from = self.progress(event).await?.shard();
        let pages = self.roll.reader().shards(&event.tenant, &event.id, from..REGISTRATION_SHARDS);
        pages.try_fold(0, |due, page| async move { Ok(due + page.iter().filter(|it| is_personal(it)).count()) }).await
    }

    async fn clear(
        &self,
        event: &Event,
        settings: RegistrantSettings,
        run: &Run,
        left: &mut usize,
    ) -> Result<usize, Failure> {
        let (mut cleared, mut progress) = (0, self.progress(event).await?);
        for part in (progress.shard()..REGISTRATION_SHARDS).step_by(SHARDS_TOGETHER) {
            let shards = part..REGISTRATION_SHARDS.min(part + SHARDS_TOGETHER as i64);
            let behind = shards.end;
            let mut pages = self.roll.reader().shards(&event.tenant, &event.id, shards);
            while let Some(page) = pages.try_next().await? {
                let due: Vec<_> = page.into_iter().filter(is_personal).collect();
                if cleared == 0 && !due.is_empty() {
                    self.enter_clearing(event, settings, run).await?;
                }
                let now = due.len().min(*left);
                for together in due[..now].chunks(CLEARED_TOGETHER_MAX) {
                    self.clear_together(event, together).await?;
                    self.metrics.retention_cleared(together.len());
                    cleared += together.len();
                    *left -= together.len();
                }
                if now < due.len() {
                    return Ok(cleared);
                }
            }
            self.remember(event, &mut progress, behind).await?;
            if *left == 0 {
                break;
            }
        }
        Ok(cleared)
    }

    async fn enter_clearing(&self, event: &Event, settings: RegistrantSettings, run: &Run) -> Result<(), Failure> {
        let RegistrantSettings { version, retention_days, .. } = settings;
        let id = digest(&SHA256, format!("retention/{}/{}", event.id, run.name).as_bytes());
        let entry = AuditEntry {
            actor: run.actor.clone(),
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
            let found = self.roll.reader().one(&event.id, &after.id).await?;
            match found.filter(is_personal) {
                Some(found) => registration = found,
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

/// When the event was over, if it is. One that was cancelled is over when it would have been: people may still be paid back.
fn end_ms(event: &Event) -> Option<i64> {
    let planned_ms = event.settings.ends_at_ms.unwrap_or(event.settings.starts_at_ms);
    match event.state {
        State::Draft | State::Live => None,
        State::Ended => event.ended_at_ms,
        State::Cancelled => Some(planned_ms),
    }
}

fn is_personal(registration: &Registration) -> bool {
    registration.person.is_some() || !registration.personal.is_empty()
}
