//! Retention: so many days after an event's end, what is personal in its registrations is removed and the link to the person is cut.
//! The rows stay, with when and whether somebody came and paid, so the figures of past events stay too. Nothing is ever removed before a
//! tenant has chosen a number of days; an event that was never ended or cancelled keeps everything.
//!
//! Whoever calls has written the audit log. Other data of a person is the business of the services that hold it.

use futures_util::{TryStreamExt as _, future::try_join_all};
use turnout_platform::{auth::Principal, failure::Failure, outbox::EventKind};
use turnout_proto::{
    events::v1::{DomainEvent, RegistrationChange, RegistrationChanged, domain_event::What},
    registration::v1::{ApplyRetentionRequest, ApplyRetentionResponse, RetentionOfEvent},
};

use crate::{
    domain::{
        event::{Event, State},
        registration::Registration,
    },
    roll::Roll,
    rpc::wire,
    store::registrations::Sealed,
};

/// Registrations that one call clears, so that it ends in time; the next call goes on.
const CLEARED_PER_CALL_MAX: usize = 2000;
/// Registrations that are announced together, and cleared at the same time.
const CLEARED_TOGETHER_MAX: usize = 20;
/// How often clearing is tried again when somebody else changes the same registration at the same moment.
const CLEAR_TRIES_MAX: usize = 5;
/// Events of a page.
const EVENTS_OF_PAGE: usize = 200;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

impl Roll {
    /// Clears what is due, or says how much that would be. One call clears a part of a large event: it is repeated until nothing is left.
    pub async fn apply_retention(
        &self,
        caller: &Principal,
        request: ApplyRetentionRequest,
    ) -> Result<ApplyRetentionResponse, Failure> {
        let tenant = caller.tenant()?;
        let settings = self.settings_of(tenant).await?;
        let mut answer = ApplyRetentionResponse { events: Vec::new(), settings_version: settings.version };
        if settings.retention_days == 0 {
            return Ok(answer);
        }
        let ended_before_ms = (self.clock().at_ms() as i64).saturating_sub(settings.retention_days * DAY_MS);
        let (mut left, mut after) = (CLEARED_PER_CALL_MAX, None);
        loop {
            let mut page = self.store().events_of(tenant, after, EVENTS_OF_PAGE).await?;
            page.events.retain(|event| end_ms(event).is_some_and(|end_ms| end_ms < ended_before_ms));
            for event in &page.events {
                let registrations =
                    if request.dry_run { self.due(event).await? } else { self.clear(event, &mut left).await? };
                if registrations > 0 {
                    answer.events.push(RetentionOfEvent {
                        event_id: event.id.to_string(),
                        title: event.title.clone(),
                        registrations: registrations as i64,
                    });
                }
                if left == 0 {
                    return Ok(answer);
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(answer);
            }
        }
    }

    async fn due(&self, event: &Event) -> Result<usize, Failure> {
        let pages = self.reader().all(&event.tenant, &event.id);
        pages.try_fold(0, |due, page| async move { Ok(due + page.iter().filter(|it| is_personal(it)).count()) }).await
    }

    async fn clear(&self, event: &Event, left: &mut usize) -> Result<usize, Failure> {
        let mut cleared = 0;
        let mut pages = self.reader().all(&event.tenant, &event.id);
        while *left > 0
            && let Some(page) = pages.try_next().await?
        {
            let due: Vec<_> = page.into_iter().filter(is_personal).take(*left).collect();
            for together in due.chunks(CLEARED_TOGETHER_MAX) {
                self.clear_together(event, together).await?;
                cleared += together.len();
                *left -= together.len();
            }
        }
        Ok(cleared)
    }

    /// Other processes must forget too, so they are told as of any change.
    async fn clear_together(&self, event: &Event, due: &[Registration]) -> Result<(), Failure> {
        let announcement = self.outbox().announce(due.iter().map(|it| self.told(event, it)).collect()).await?;
        try_join_all(due.iter().cloned().map(|registration| self.clear_one(event, registration))).await?;
        announcement.done();
        Ok(())
    }

    async fn clear_one(&self, event: &Event, mut registration: Registration) -> Result<(), Failure> {
        for _ in 0..CLEAR_TRIES_MAX {
            let version = registration.version;
            // First, so that a crash in between leaves nothing that the next run would not find.
            if let Some(person) = &registration.person {
                self.store().forget_place(&event.tenant, person, &event.id, &registration.id).await?;
            }
            let after = registration.without_person();
            let sealed = Sealed::new(event.tenant.clone(), after.clone(), None)?;
            if self.store().replace_registration(&sealed, version).await? {
                self.changed(&event.tenant, &after);
                return Ok(());
            }
            let found = self.reader().one(&event.id, &after.id).await?;
            match found.filter(is_personal) {
                Some(found) => registration = found,
                None => return Ok(()),
            }
        }
        Err(Failure::Changed { what: "registration" })
    }

    fn told(&self, event: &Event, before: &Registration) -> (EventKind, DomainEvent) {
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
            at: Some(wire::timestamp(self.clock().at_ms() as i64)),
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
