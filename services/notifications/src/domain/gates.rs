//! The gates that a message passes before it is handed over, in order. Judged at the last moment, from the truth at that moment:
//! what was right when it was planned may be wrong now.

use jiff::tz::TimeZone;

use super::{
    message::{Channel, Kind, Message, Reason},
    plan::nominal_ms,
    quiet::QuietHours,
};

/// What the person just did themselves is answered at any hour.
const OWN_ACTION_MS: i64 = 10 * 60_000;
/// News of an event that begins so soon does not wait for the morning.
const URGENT_BEFORE_START_MS: i64 = 12 * 3_600_000;
/// A reminder of so long before the start, or less, says that the event begins now: who asked for reminders wants it at any hour.
const LIVE_START_LEAD_S: i64 = 3_600;
/// A person is reminded at most once in this time, of whatever.
pub(crate) const CAP_MS: i64 = 20 * 60_000;
/// Whoever takes a person's turn has so long to gather what goes out in the same mail; meanwhile the others stay as they are.
pub(crate) const GATHERING_MS: i64 = 10_000;

/// What is true of the event now.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct EventFacts {
    pub cancelled: bool,
    pub starts_at_ms: i64,
}

/// What is true of the registration now.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RegistrationFacts {
    pub place: Place,
    pub entered: bool,
    /// The person said that they do not come.
    pub declined: bool,
    pub registered_at_ms: i64,
}

/// Whether the registration has a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Taken,
    Waiting,
    Cancelled,
}

/// What the person said about reminders over this channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Consent {
    Granted,
    Withdrawn,
    Silent,
}

/// All that the gates ask.
#[allow(clippy::struct_excessive_bools, reason = "each is the answer to one gate's question")]
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub kind_off: bool,
    /// None for a message about no event.
    pub event: Option<EventFacts>,
    /// None for a message about no registration.
    pub registration: Option<RegistrationFacts>,
    pub has_address: bool,
    /// Whether this installation can send over the channel at all.
    pub has_gateway: bool,
    pub consent: Consent,
    /// The tenant reminds only those who asked for it.
    pub opt_in: bool,
    pub suppressed: bool,
    /// Another message to the same registration says all that this one would: a later one of its kind that is due, or for a reminder
    /// news of the event's new time.
    pub newer_is_due: bool,
    pub quiet: QuietHours,
    pub zone: TimeZone,
    /// When the person was last reminded of anything.
    pub reminded_at_ms: Option<i64>,
}

/// What the gates say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Send,
    /// Neither yet: whoever has the turn may be about to take it along.
    Wait,
    Defer {
        until_ms: i64,
        reason: Reason,
    },
    Skip(Reason),
}

/// Whether the message is sent now.
pub(crate) fn judge(message: &Message, facts: &Facts, now_ms: i64) -> Verdict {
    judge_ahead(message, facts, 0, now_ms)
}

/// Whether the message is sent now, where a reminder may be so much before its moment.
pub(crate) fn judge_ahead(message: &Message, facts: &Facts, ahead_ms: i64, now_ms: i64) -> Verdict {
    if message.is_security() {
        return judge_security(message, facts, now_ms);
    }
    let reminder = message.kind == Kind::Reminder;
    if facts.kind_off && !message.on_purpose {
        return Verdict::Skip(Reason::KindOff);
    }
    if facts.event.as_ref().is_some_and(|event| event.cancelled) && message.kind != Kind::Cancellation {
        return Verdict::Skip(Reason::Cancelled);
    }
    if let Some(registration) = &facts.registration
        && let Some(reason) = irrelevant(message, registration)
    {
        return Verdict::Skip(reason);
    }
    if reminder
        && !message.on_purpose
        && let (Some(registration), Some(event)) = (&facts.registration, &facts.event)
    {
        // Of what the event's time is now, not of what it was when this was planned.
        if now_ms >= event.starts_at_ms {
            return Verdict::Skip(Reason::Expired);
        }
        let nominal = nominal_ms(event.starts_at_ms, message.rank);
        if registration.registered_at_ms > nominal {
            return Verdict::Skip(Reason::RegisteredTooLate);
        }
        if nominal > now_ms + ahead_ms {
            return Verdict::Defer { until_ms: nominal, reason: Reason::Moved };
        }
    }
    if !facts.has_gateway {
        return Verdict::Skip(Reason::NoGateway);
    }
    if !facts.has_address {
        return Verdict::Skip(Reason::NoAddress);
    }
    if let Some(reason) = no_consent(message, facts) {
        return Verdict::Skip(reason);
    }
    if facts.suppressed {
        return Verdict::Skip(Reason::Suppressed);
    }
    if now_ms >= message.expires_at_ms {
        return Verdict::Skip(Reason::Expired);
    }
    if facts.newer_is_due && !message.on_purpose {
        return Verdict::Skip(Reason::Joined);
    }
    if let Some(until_ms) = facts.quiet.end_ms(now_ms, &facts.zone)
        && !breaks_the_quiet(message, facts, until_ms, now_ms)
    {
        return later(message, until_ms, Reason::QuietHours, Reason::QuietHoursPastExpiry);
    }
    if reminder
        && !message.on_purpose
        && message.channel == Channel::Email
        && let Some(last_ms) = facts.reminded_at_ms
        && now_ms - last_ms < CAP_MS
    {
        if now_ms - last_ms < GATHERING_MS {
            return Verdict::Wait;
        }
        return later(message, last_ms + CAP_MS, Reason::Cap, Reason::Cap);
    }
    Verdict::Send
}

fn judge_security(message: &Message, facts: &Facts, now_ms: i64) -> Verdict {
    if !facts.has_address {
        Verdict::Skip(Reason::NoAddress)
    } else if facts.suppressed {
        Verdict::Skip(Reason::Suppressed)
    } else if now_ms >= message.expires_at_ms {
        Verdict::Skip(Reason::Expired)
    } else {
        Verdict::Send
    }
}

/// Why the registration, as it is now, makes the message pointless.
fn irrelevant(message: &Message, registration: &RegistrationFacts) -> Option<Reason> {
    // The event's own cancellation goes to everybody who had not cancelled before.
    let of_registration = message.kind == Kind::Cancellation && message.occurrence != super::plan::OF_EVENT;
    match (registration.place, message.kind) {
        (Place::Cancelled, _) if !of_registration => Some(Reason::Cancelled),
        (Place::Taken | Place::Waiting, _) if of_registration => Some(Reason::Outdated),
        (Place::Waiting, Kind::Reminder) => Some(Reason::Waiting),
        // Of a change or a cancellation of the event they still hear: at another time they may come after all.
        (_, Kind::Reminder) if registration.declined && !message.on_purpose => Some(Reason::Declined),
        (_, Kind::Reminder) if registration.entered && !message.on_purpose => Some(Reason::AlreadyEntered),
        _ => None,
    }
}

fn no_consent(message: &Message, facts: &Facts) -> Option<Reason> {
    let asked = match message.channel {
        // Nobody gets a text message that they did not ask for, whatever the kind.
        Channel::Sms => return (facts.consent != Consent::Granted).then_some(Reason::NoConsent),
        _ => message.kind == Kind::Reminder,
    };
    match facts.consent {
        _ if !asked => None,
        Consent::Withdrawn => Some(Reason::Unsubscribed),
        Consent::Silent if facts.opt_in => Some(Reason::NoConsent),
        _ => None,
    }
}

fn breaks_the_quiet(message: &Message, facts: &Facts, until_ms: i64, now_ms: i64) -> bool {
    // Not what the team or the waiting list did: nobody waits at their screen for that.
    let own_action = message.by_person
        && matches!(message.kind, Kind::Confirmation | Kind::Cancellation)
        && now_ms - message.planned_at_ms <= OWN_ACTION_MS;
    let starts_within = |until_ms| facts.event.as_ref().is_some_and(|event| event.starts_at_ms <= until_ms);
    // A place that somebody has is no news any more once the event has begun.
    let in_vain_later = message.kind == Kind::Confirmation && starts_within(until_ms);
    let soon = starts_within(now_ms + URGENT_BEFORE_START_MS);
    let urgent = soon && matches!(message.kind, Kind::Change | Kind::Cancellation);
    let live_start = message.kind == Kind::Reminder && -message.rank <= LIVE_START_LEAD_S;
    let asked_for = live_start && facts.consent == Consent::Granted;
    own_action || in_vain_later || urgent || asked_for || message.on_purpose
}

fn later(message: &Message, until_ms: i64, reason: Reason, too_late: Reason) -> Verdict {
    if until_ms < message.expires_at_ms { Verdict::Defer { until_ms, reason } } else { Verdict::Skip(too_late) }
}

#[cfg(test)]
#[path = "gates/tests.rs"]
mod tests;
