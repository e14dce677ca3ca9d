//! Which messages a registration should have, from what is true of it and of its event. Planning again gives the same ids, so that
//! a repeated message of the bus, a retry or a moved event never makes a second one of what is there.

use super::message::{Kind, Message, Reason, State};

/// The occurrence of what concerns the whole event once.
pub(crate) const OF_EVENT: &str = "event";
/// The lead of the one reminder that an event has when nobody said otherwise, seconds.
pub(crate) const USUAL_LEAD_S: i64 = 24 * 3600;
/// News is worth telling for so long, or until the event begins if that is later; but never longer than the second.
const NEWS_MIN_MS: i64 = 24 * 3_600_000;
const NEWS_MAX_MS: i64 = 7 * 24 * 3_600_000;

/// A message that there should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub kind: Kind,
    pub occurrence: String,
    pub rank: i64,
    pub due_at_ms: i64,
    pub expires_at_ms: i64,
    /// It answers what the person just did with a call of their own.
    pub by_person: bool,
}

/// When a reminder of this rank is due: its lead before the start.
pub(crate) fn nominal_ms(starts_at_ms: i64, rank: i64) -> i64 {
    starts_at_ms + rank * 1000
}

/// The reminders with these leads.
pub(crate) fn reminders(starts_at_ms: i64, leads_s: &[i64]) -> Vec<Wanted> {
    let wanted = |lead: &i64| Wanted {
        kind: Kind::Reminder,
        occurrence: label(*lead),
        rank: -lead,
        due_at_ms: nominal_ms(starts_at_ms, -lead),
        expires_at_ms: starts_at_ms,
        by_person: false,
    };
    leads_s.iter().map(wanted).collect()
}

/// News about the registration or the event, at once: `version` is the version of what changed.
pub(crate) fn news(kind: Kind, version: i64, of_event: bool, starts_at_ms: i64, now_ms: i64) -> Wanted {
    let occurrence = if of_event && kind == Kind::Cancellation { OF_EVENT.to_owned() } else { format!("v{version}") };
    let expires_at_ms = starts_at_ms.clamp(now_ms + NEWS_MIN_MS, now_ms + NEWS_MAX_MS);
    Wanted { kind, occurrence, rank: version, due_at_ms: now_ms, expires_at_ms, by_person: false }
}

/// What a reminder that is due at once, but whose moment was before the registration, begins with.
pub(crate) fn first_state(wanted: &Wanted, registered_at_ms: i64, now_ms: i64) -> (State, Option<Reason>) {
    if wanted.kind != Kind::Reminder {
        (State::Queued, None)
    } else if registered_at_ms > wanted.due_at_ms {
        (State::Skipped, Some(Reason::RegisteredTooLate))
    } else if now_ms >= wanted.expires_at_ms {
        (State::Skipped, Some(Reason::Expired))
    } else {
        (State::Planned, None)
    }
}

/// Whether `other` makes `message` pointless: a later one of its kind that is due too, or has been sent; or news of a move that made a
/// reminder due on the spot, unless the tenant has turned such news off before it went out.
pub(crate) fn supersedes(other: &Message, message: &Message, news_is_off: bool, now_ms: i64) -> bool {
    let tells_of_the_move = message.kind == Kind::Reminder
        && !message.on_purpose
        && message.channel == other.channel
        && other.kind == Kind::Change
        && other.planned_at_ms >= message.due_at_ms
        && !matches!(other.state, State::Skipped | State::Failed)
        && !(news_is_off && other.is_open());
    tells_of_the_move || is_later_of_its_kind(other, message, now_ms)
}

fn is_later_of_its_kind(other: &Message, message: &Message, now_ms: i64) -> bool {
    other.kind == message.kind
        && other.channel == message.channel
        && other.rank > message.rank
        && !other.on_purpose
        && other.due_at_ms <= now_ms
        && !matches!(other.state, State::Skipped | State::Failed)
}

/// The name of a reminder: `T-24h`, `T-90m`, `T-61s`.
pub(crate) fn label(lead_s: i64) -> String {
    if lead_s % 3600 == 0 {
        format!("T-{}h", lead_s / 3600)
    } else if lead_s % 60 == 0 {
        format!("T-{}m", lead_s / 60)
    } else {
        format!("T-{lead_s}s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::life::tests::message;

    #[test]
    fn news_of_a_move_stands_for_a_reminder_unless_it_is_turned_off_before_it_is_sent() {
        let (reminder, news) = (message(Kind::Reminder), message(Kind::Change));
        assert!(supersedes(&news, &reminder, false, 1));
        assert!(!supersedes(&news, &reminder, true, 1));
        let sent = Message { state: State::HandedOff, ..news };
        assert!(supersedes(&sent, &reminder, true, 1));
    }

    #[test]
    fn a_moved_event_has_the_same_reminders_at_other_times() {
        let (before, after) = (reminders(100_000_000, &[3600, 90]), reminders(200_000_000, &[3600, 90]));
        let names = |all: &[Wanted]| all.iter().map(|w| w.occurrence.clone()).collect::<Vec<_>>();
        assert_eq!(names(&before), ["T-1h", "T-90s"]);
        assert_eq!(names(&before), names(&after));
        assert_eq!(after[0].due_at_ms, 200_000_000 - 3_600_000);
    }

    #[test]
    fn a_reminder_whose_moment_was_before_the_registration_is_never_sent() {
        let wanted = &reminders(100_000_000, &[3600])[0];
        assert_eq!(first_state(wanted, 0, 1), (State::Planned, None));
        let late = first_state(wanted, wanted.due_at_ms + 1, wanted.due_at_ms + 1);
        assert_eq!(late, (State::Skipped, Some(Reason::RegisteredTooLate)));
    }
}
