//! Reminders of one person in one mail. The one that goes out, the carrier, takes others along, its riders: which may ride, and what
//! becomes of them with their mail. Each stays a message of its own, with its own state; a rider leans on the ledger's row of its
//! carrier, which says who was in the mail. Finds nobody and sends nothing.

use super::{
    gates::Verdict,
    life::{Input, waiting},
    message::{Channel, Kind, Message, Reason, State},
    retry,
};

/// What is due so soon goes along. Shorter than the time between two reminders to a person: what comes later waits for that.
pub(crate) const WINDOW_MS: i64 = 10 * 60_000;
/// Reminders of one mail; those beyond it wait for the next.
pub(crate) const TOGETHER_MAX: usize = 5;
/// Reminders that are asked about for one mail.
const ASKED_MAX: usize = 20;
/// A rider whose carrier is tried again waits for so much longer: it is taken along once more, or goes when the carrier does not.
const AFTER_CARRIER_MS: i64 = 30_000;

/// Whether the message is of those of which a person gets one mail at a time.
pub(crate) fn takes_turns(message: &Message) -> bool {
    message.kind == Kind::Reminder && message.channel == Channel::Email && !message.person.is_empty()
}

/// Whether the message is of those that go out together. What somebody sends on purpose goes out as it is.
pub(crate) fn is_joinable(message: &Message) -> bool {
    takes_turns(message) && !message.on_purpose
}

/// Whether the message may ride with the carrier, as far as the ledger knows.
pub(crate) fn may_ride(carrier: &Message, message: &Message, now_ms: i64) -> bool {
    let is_soon = message.due_at_ms <= now_ms + WINDOW_MS || message.reason == Some(Reason::Cap);
    is_joinable(carrier)
        && is_joinable(message)
        && (&message.tenant, &message.person) == (&carrier.tenant, &carrier.person)
        && message.registration != carrier.registration
        && message.id != carrier.id
        && waiting(message)
        && is_soon
}

/// Those of all messages of the person that may ride, as far as the ledger knows: what begins first, first.
pub(crate) fn candidates(carrier: &Message, mut all: Vec<Message>, now_ms: i64) -> Vec<Message> {
    all.retain(|message| may_ride(carrier, message, now_ms));
    all.sort_by(|a, b| (a.expires_at_ms, &a.id).cmp(&(b.expires_at_ms, &b.id)));
    all.truncate(ASKED_MAX);
    all
}

/// One that is in the mail, and the address that it goes to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seat<'a> {
    pub message: &'a Message,
    pub address: &'a str,
}

/// Whether a candidate of which the gates say this is taken along with those in the mail, the carrier first. A registration is told of
/// once, and a mail goes to one address, also where a person gave several.
pub(crate) fn is_taken_along(mail: &[Seat<'_>], candidate: Seat<'_>, verdict: Verdict) -> bool {
    let fits = |seat: &Seat<'_>| {
        seat.address == candidate.address && seat.message.registration != candidate.message.registration
    };
    verdict == Verdict::Send && mail.len() < TOGETHER_MAX && mail.iter().all(fits)
}

/// Whether both went out, or are to go out, in the same mail: the carrier's row says who it took along at which try.
pub(crate) fn is_aboard(rider: &Message, carrier: &Message) -> bool {
    rider.carrier.as_ref() == Some(&carrier.id)
        && carrier.riders.contains(&rider.id)
        && carrier.lease_until_ms == rider.lease_until_ms
}

/// What becomes of a message that is being handed over when nobody hands it over any more. A rider's follows from its carrier: with
/// that it was sent, or surely not.
pub(crate) fn fate(message: &Message, carrier: Option<&Message>, now_ms: i64) -> Input {
    let Some(carrier) = carrier.filter(|_| message.carrier.is_some()) else { return Input::Unsure };
    let not_sent = |again_ms| Input::NotCarried { again_ms, reason: carrier.reason };
    if !is_aboard(message, carrier) {
        return Input::NotCarried { again_ms: now_ms, reason: None };
    }
    match carrier.state {
        State::HandedOff | State::Delivered | State::Bounced | State::Complained => Input::Accepted,
        State::Sending | State::Unknown | State::Unspecified => Input::Unsure,
        // Not later than on its own: the carrier may have been tried often.
        State::Planned | State::Queued => {
            let own_ms = now_ms + retry::delay_ms(message.channel, message.attempts, 0);
            not_sent(carrier.due_at_ms.min(own_ms).max(now_ms) + AFTER_CARRIER_MS)
        }
        State::Failed | State::Skipped => not_sent(now_ms),
    }
}

#[cfg(test)]
#[path = "join/tests.rs"]
mod tests;
