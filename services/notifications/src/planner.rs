//! Brings the ledger in line with the truth: which messages a registration should have, from what it and its event are now. Every
//! step may be repeated, by a message of the bus that comes again or by work over all registrants that starts anew.

use std::sync::Arc;

use turnout_platform::{
    clock::Clock,
    failure::Failure,
    ids::{EventId, TenantId},
};
use turnout_proto::{
    events::v1::RegistrationChange,
    registration::v1::{Event, EventState, Registration, RegistrationState, RsvpState},
};

use crate::{
    compose::{milliseconds, starts_at_ms},
    domain::{
        join::{self, takes_turns},
        life::{self, Input, Report},
        message::{Channel, Kind, Message, MessageId, Reason, State},
        plan::{self, Wanted},
    },
    store::{Saved, Store, Turn},
    upstream::Upstream,
};

/// Others that change the same message at the same moment: so often it is read again.
const TRIES_MAX: usize = 5;
/// A reminder that is made this long after its moment is not sent any more: the organiser added it too late for it.
const LATE_MS: i64 = 3_600_000;

/// What became of a registration.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Changed {
    pub change: RegistrationChange,
    /// The registration's, after it.
    pub version: i64,
    /// By the person's own call.
    pub by_person: bool,
}

/// The planner. A clone is another handle on the same.
#[derive(Clone)]
pub(crate) struct Planner {
    pub store: Store,
    pub upstream: Upstream,
    pub clock: Arc<dyn Clock>,
}

impl Planner {
    /// Whether such a change makes a message, or makes one pointless.
    pub fn plans_for(change: RegistrationChange) -> bool {
        use RegistrationChange::{Cancelled, Promoted, Registered, Rsvp, Waiting};
        matches!(change, Registered | Waiting | Promoted | Cancelled | Rsvp)
    }

    /// After a registration changed; gives the message that is due at once.
    pub async fn registration_changed(
        &self,
        tenant: &TenantId,
        event: &EventId,
        registration: &str,
        changed: Changed,
    ) -> Result<Option<MessageId>, Failure> {
        let Changed { change, version, by_person } = changed;
        let Some(found) = self.upstream.registration(tenant, event, registration).await? else { return Ok(None) };
        let Some(event) = self.upstream.event(tenant, event).await? else { return Ok(None) };
        let cancelled = found.state() == RegistrationState::Cancelled;
        // What was announced did not happen, or is over: what came after it is told by its own message.
        if found.version < version || cancelled != (change == RegistrationChange::Cancelled) {
            return Ok(None);
        }
        let kind = match change {
            // The page says so at once, and so does the team. What comes of it for places is told by its own message.
            RegistrationChange::Rsvp => None,
            RegistrationChange::Cancelled => Some(Kind::Cancellation),
            _ => Some(Kind::Confirmation),
        };
        let mut told = None;
        if let Some(kind) = kind {
            let news = plan::news(kind, version, false, starts_at_ms(&event), self.now_ms());
            told = self.tell(tenant, &event, &found, &Wanted { by_person, ..news }).await?;
        }
        self.plan_reminders(tenant, &event, &found).await?;
        Ok(told)
    }

    /// Makes a message that is due at once; gives its id when it is new.
    pub async fn tell(
        &self,
        tenant: &TenantId,
        event: &Event,
        registration: &Registration,
        news: &Wanted,
    ) -> Result<Option<MessageId>, Failure> {
        let message = self.wanted(tenant, event, registration, news, Channel::Email)?;
        let id = message.id.clone();
        if self.store.message(tenant, &id).await?.is_some() {
            return Ok(None);
        }
        let found = self.store.create(&message, self.now_ms()).await?;
        Ok(found.is_none().then_some(id))
    }

    /// Brings the reminders of a registration in line with the event's time and rules.
    pub async fn plan_reminders(
        &self,
        tenant: &TenantId,
        event: &Event,
        registration: &Registration,
    ) -> Result<(), Failure> {
        let id: EventId = event.event_id.parse().map_err(Failure::internal)?;
        let cancelled = registration.state() == RegistrationState::Cancelled || event.state() == EventState::Cancelled;
        let declined = registration.rsvp() == RsvpState::Declined;
        let leads = if cancelled || declined { Vec::new() } else { self.store.leads(tenant, &id).await?.0 };
        let wanted = plan::reminders(starts_at_ms(event), &leads);
        for reminder in &wanted {
            self.plan_reminder(tenant, event, registration, reminder).await?;
        }
        let reason = match (cancelled, declined) {
            (true, _) => Reason::Cancelled,
            (false, true) => Reason::Declined,
            (false, false) => Reason::Removed,
        };
        let there = self.store.of_registration(tenant, &registration.registration_id).await?;
        let is_wanted = |message: &Message| wanted.iter().any(|wanted| wanted.occurrence == message.occurrence);
        let open = |message: &&Message| message.kind == Kind::Reminder && message.is_open() && !message.on_purpose;
        for message in there.iter().filter(open).filter(|message| !is_wanted(message)) {
            let skipped = self.change(tenant, &message.id, Input::Skip(reason)).await?;
            // It was tried, and so had the person's turn: that is free for the next.
            if skipped.is_some_and(|skipped| takes_turns(&skipped) && skipped.attempts > 0) {
                self.store.give_back_turn(tenant, &message.person, &message.id, &Turn::default()).await?;
            }
        }
        Ok(())
    }

    async fn plan_reminder(
        &self,
        tenant: &TenantId,
        event: &Event,
        registration: &Registration,
        wanted: &Wanted,
    ) -> Result<(), Failure> {
        let mut message = self.wanted(tenant, event, registration, wanted, Channel::Email)?;
        let is_late = message.state == State::Planned && self.now_ms() - wanted.due_at_ms > LATE_MS;
        let found = match self.store.message(tenant, &message.id).await? {
            None => {
                if is_late {
                    (message.state, message.reason) = (State::Skipped, Some(Reason::Expired));
                }
                self.store.create(&message, self.now_ms()).await?
            }
            found => found,
        };
        let Some(found) = found else { return Ok(()) };
        let input = match (message.state, message.reason) {
            // One that waits for its moment goes out even if the event moved to where that is over: the person counts on it.
            (State::Planned, _) if !(is_late && found.state == State::Skipped) => {
                Input::Plan { due_at_ms: message.due_at_ms, expires_at_ms: message.expires_at_ms }
            }
            (State::Skipped, Some(reason)) => Input::Skip(reason),
            _ => return Ok(()),
        };
        self.change(tenant, &message.id, input).await?;
        Ok(())
    }

    /// Applies an input to a message, whatever others do to it meanwhile.
    pub async fn change(&self, tenant: &TenantId, id: &MessageId, input: Input) -> Result<Option<Message>, Failure> {
        for _ in 0..TRIES_MAX {
            let Some(message) = self.store.message(tenant, id).await? else { return Ok(None) };
            let now_ms = self.now_ms();
            let Some(next) = life::next(&message, input, now_ms) else { return Ok(None) };
            if self.store.save(&next, now_ms).await? == Saved::Yes {
                return Ok(Some(next));
            }
        }
        Err(Failure::Changed { what: "message" })
    }

    /// Applies a provider's report to a message, and to all that went out in the same mail.
    pub async fn reported(&self, message: &Message, report: Report) -> Result<(), Failure> {
        let tenant = &message.tenant;
        let carrier = match &message.carrier {
            Some(carrier) => self.store.message(tenant, carrier).await?,
            None => None,
        };
        let carrier = carrier.as_ref().filter(|carrier| join::is_aboard(message, carrier)).unwrap_or(message);
        self.change(tenant, &carrier.id, Input::Report(report)).await?;
        for rider in &carrier.riders {
            let rider = self.store.message(tenant, rider).await?;
            if let Some(rider) = rider.filter(|rider| join::is_aboard(rider, carrier)) {
                self.change(tenant, &rider.id, Input::Report(report)).await?;
            }
        }
        Ok(())
    }

    /// The message as it begins.
    pub fn wanted(
        &self,
        tenant: &TenantId,
        event: &Event,
        registration: &Registration,
        wanted: &Wanted,
        channel: Channel,
    ) -> Result<Message, Failure> {
        let now_ms = self.now_ms();
        let registered_at_ms = registration.registered_at.as_ref().map(milliseconds).unwrap_or_default();
        let (mut state, mut reason) = plan::first_state(wanted, registered_at_ms, now_ms);
        if registration.email.is_empty() && channel == Channel::Email {
            (state, reason) = (State::Skipped, Some(Reason::NoAddress));
        }
        let words = [
            wanted.kind.as_str_name(),
            event.event_id.as_str(),
            wanted.occurrence.as_str(),
            channel.as_str_name(),
            registration.registration_id.as_str(),
        ];
        Ok(Message {
            occurrence: wanted.occurrence.clone(),
            rank: wanted.rank,
            event: Some(event.event_id.parse().map_err(Failure::internal)?),
            registration: registration.registration_id.clone(),
            person: registration.person_id.clone(),
            state,
            reason,
            due_at_ms: wanted.due_at_ms,
            expires_at_ms: wanted.expires_at_ms,
            by_person: wanted.by_person,
            ..Message::new(tenant, &words, wanted.kind, channel, now_ms)
        })
    }

    fn now_ms(&self) -> i64 {
        self.clock.at_ms() as i64
    }
}
