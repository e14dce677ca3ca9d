//! The life of a message as a state machine: a message and what happens to it make the next message, or nothing. Who writes it
//! down, and who is told, is the store's business.
//!
//! A message never goes back from where a provider took it, except that nothing is known: a report may still tell.

use super::{
    message::{Kind, Message, Reason, State},
    retry,
};

/// Whoever hands a message over has so long. Longer than the longest conversation with a provider.
pub(crate) const LEASE_MS: i64 = 120_000;
/// What another service refuses for good is asked for so long, as somebody may put it right; then what was asked for is given up.
pub(crate) const REFUSED_MAX_MS: i64 = 3_600_000;

/// What happens to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Input {
    /// The plan says another time: the event moved, or what stood in the way is gone.
    Plan { due_at_ms: i64, expires_at_ms: i64 },
    /// Not now.
    Defer { until_ms: i64, reason: Reason },
    /// Not at all.
    Skip(Reason),
    /// Another service refuses for good to say what has to be known before it goes out.
    ServiceRefuses,
    /// It is handed over from now on.
    Begin,
    /// The provider took it.
    Accepted,
    /// The provider may take it later, or was not reached. Nothing was sent.
    NotYet { reason: Reason, jitter: u64 },
    /// The provider will never take it.
    Refused(Reason),
    /// The mail of another in which it was to go was not sent, or went without it.
    NotCarried { again_ms: i64, reason: Option<Reason> },
    /// The provider may have taken it: it did not answer, or whoever asked has died.
    Unsure,
    /// A provider's report.
    Report(Report),
}

/// What a provider reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Report {
    Delivered,
    BouncedHard,
    BouncedSoft,
    /// Still trying: no bounce, and nothing changes.
    Deferred,
    Complained,
}

/// The message after the input; none when the input does not apply, and so changes nothing.
pub(crate) fn next(message: &Message, input: Input, now_ms: i64) -> Option<Message> {
    let mut next = message.clone();
    match input {
        Input::Plan { due_at_ms, expires_at_ms } => {
            let revives = message.state == State::Skipped && message.reason.is_some_and(can_pass);
            // One that is tried again keeps to that, unless the event has moved: then its end is another.
            let is_tried_again = message.attempts > 0 && message.expires_at_ms == expires_at_ms;
            let waits = message.state == State::Planned || (message.state == State::Queued && !is_tried_again);
            let same = (message.due_at_ms, message.expires_at_ms) == (due_at_ms, expires_at_ms);
            if !(revives || waits && !same) {
                return None;
            }
            next.due_at_ms = due_at_ms;
            next.expires_at_ms = expires_at_ms;
            enter(&mut next, State::Planned, None, now_ms);
        }
        Input::Defer { until_ms, reason } if waiting(message) => {
            next.due_at_ms = until_ms;
            next.reason = Some(reason);
        }
        Input::Skip(reason) if waiting(message) => enter(&mut next, State::Skipped, Some(reason), now_ms),
        // The first refusal is written down with its time, so that it counts wherever the next is met.
        Input::ServiceRefuses if waiting(message) => match message.reason {
            Some(Reason::ServiceRefused) if now_ms - message.state_at_ms < REFUSED_MAX_MS => return None,
            reason @ Some(Reason::ServiceRefused) => enter(&mut next, State::Skipped, reason, now_ms),
            _ => enter(&mut next, message.state, Some(Reason::ServiceRefused), now_ms),
        },
        Input::Begin if waiting(message) => {
            next.attempts += 1;
            next.lease_until_ms = now_ms + LEASE_MS;
            next.carrier = None;
            next.riders = Vec::new();
            enter(&mut next, State::Sending, None, now_ms);
        }
        Input::Accepted if message.state == State::Sending => {
            enter(&mut next, State::HandedOff, how_it_went(message), now_ms);
        }
        Input::Refused(reason) if message.state == State::Sending => {
            enter(&mut next, State::Failed, Some(reason), now_ms);
        }
        Input::NotYet { reason, jitter } if message.state == State::Sending => {
            let again_ms = now_ms + retry::delay_ms(message.channel, message.attempts, jitter);
            if again_ms >= message.expires_at_ms {
                enter(&mut next, State::Failed, Some(reason), now_ms);
            } else {
                next.due_at_ms = again_ms;
                enter(&mut next, State::Queued, Some(reason), now_ms);
            }
        }
        Input::NotCarried { again_ms, reason } if message.state == State::Sending => {
            if again_ms >= message.expires_at_ms {
                enter(&mut next, State::Failed, reason, now_ms);
            } else {
                next.due_at_ms = again_ms;
                enter(&mut next, State::Queued, reason, now_ms);
            }
        }
        // Being told twice of a place is better than never; being reminded twice is worse than once.
        Input::Unsure if message.state == State::Sending => {
            if message.is_notice() {
                // Its receiver knows it by its id: it is tried like one that surely did not arrive.
                let again = Input::NotYet { reason: Reason::NoAnswer, jitter: 0 };
                let next = self::next(message, again, now_ms)?;
                return Some(Message { maybe_twice: true, ..next });
            }
            if repeats(message.kind) && !message.maybe_twice {
                next.maybe_twice = true;
                next.due_at_ms = now_ms;
                enter(&mut next, State::Queued, Some(Reason::NoAnswer), now_ms);
            } else {
                enter(&mut next, State::Unknown, Some(Reason::NoAnswer), now_ms);
            }
        }
        Input::Report(report) => {
            let (state, reason) = match report {
                Report::Delivered => (State::Delivered, how_it_went(message)),
                Report::BouncedHard => (State::Bounced, Some(Reason::HardBounce)),
                Report::BouncedSoft => (State::Bounced, Some(Reason::SoftBounce)),
                Report::Complained => (State::Complained, None),
                Report::Deferred => return None,
            };
            if reported_rank(message.state)? >= reported_rank(state)? {
                return None;
            }
            enter(&mut next, state, reason, now_ms);
        }
        _ => return None,
    }
    next.version += 1;
    Some(next)
}

/// Whether a message whose outcome is unknown is sent once more.
fn repeats(kind: Kind) -> bool {
    kind != Kind::Reminder
}

/// Reasons not to send that may be gone later.
fn can_pass(reason: Reason) -> bool {
    use Reason::{
        Cancelled, Declined, Expired, QuietHoursPastExpiry, RegisteredTooLate, Removed, ServiceRefused, Waiting,
    };
    matches!(
        reason,
        Cancelled | Declined | Expired | QuietHoursPastExpiry | RegisteredTooLate | Removed | ServiceRefused | Waiting
    )
}

/// Whether it waits for its moment or for its next try.
pub(crate) fn waiting(message: &Message) -> bool {
    matches!(message.state, State::Planned | State::Queued)
}

/// What is said of one that was sent: whether it was in the mail of another.
fn how_it_went(message: &Message) -> Option<Reason> {
    message.carrier.as_ref().map(|_| Reason::Joined)
}

/// Reports come in any order: only a later word counts. None for states that no report is about.
fn reported_rank(state: State) -> Option<u8> {
    match state {
        State::Sending | State::Unknown | State::HandedOff => Some(1),
        State::Delivered => Some(2),
        State::Bounced => Some(3),
        State::Complained => Some(4),
        _ => None,
    }
}

fn enter(message: &mut Message, state: State, reason: Option<Reason>, now_ms: i64) {
    message.state = state;
    message.reason = reason;
    message.state_at_ms = now_ms;
    if !message.is_open() {
        message.sealed = Vec::new();
    }
}

#[cfg(test)]
#[path = "life/tests.rs"]
pub(crate) mod tests;
