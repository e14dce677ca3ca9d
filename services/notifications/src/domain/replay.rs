//! Telling again: where a notice stands among those of its tenant, which of them a replay goes through, and how a replay itself
//! stands in the ledger, as a notice that tells nothing. Who sends, and when, is the business of `notices`.

use serde::{Deserialize, Serialize};
use turnout_platform::ids::TenantId;

use super::{
    life::{self, Input},
    message::{Channel, Kind, Message, MessageId, Reason, State},
    retry::WEBHOOK_TRIED_MS,
};

/// What was told is kept for so long, and so can be told again.
pub(crate) const KEPT_MS: i64 = 7 * 24 * 3_600_000;
/// Notices that one call queues at most, and usually.
pub(crate) const REPLAYED_MAX: usize = 10_000;
/// The occurrence of the ledger's row of a replay. What notices tell has a dot in its name.
const REPLAY: &str = "replay";

/// Where a notice stands among those of its tenant: when it was first told, then its id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Place {
    pub at_ms: i64,
    /// Empty: before all of this moment.
    pub id: String,
}

impl Place {
    pub fn of(notice: &Message) -> Self {
        Self { at_ms: notice.planned_at_ms, id: notice.id.to_string() }
    }

    /// Before all that was told at this moment.
    pub fn before(at_ms: i64) -> Self {
        Self { at_ms, id: String::new() }
    }

    /// As a text that sorts as the places do, for receivers.
    pub fn sequence(&self) -> String {
        format!("{:013}-{}", self.at_ms, self.id)
    }
}

/// A replay that is under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Replay {
    /// All up to this one have been told again.
    pub after: Place,
    /// The last one to be told again.
    pub until: Place,
    /// The receiver was away when this one was told: the next waits until it is through.
    pub waits_for: Option<String>,
}

impl Replay {
    pub fn new(after: Place, until: Place) -> Self {
        Self { after, until, waits_for: None }
    }

    /// With another that is asked for meanwhile: nothing that either was to tell is left out, and the order is kept.
    pub fn joined(self, other: Self) -> Self {
        Self::new(self.after.min(other.after), self.until.max(other.until))
    }
}

/// The row of a tenant's replay in the ledger: it is looked at like a notice that is due.
pub(crate) fn row(tenant: &TenantId, now_ms: i64) -> Message {
    Message {
        occurrence: REPLAY.to_owned(),
        expires_at_ms: now_ms + KEPT_MS,
        ..Message::new(tenant, &["notice", REPLAY], Kind::Notice, Channel::Webhook, now_ms)
    }
}

pub(crate) fn row_id(tenant: &TenantId) -> MessageId {
    MessageId::of(tenant, &["notice", REPLAY])
}

pub(crate) fn is_row(message: &Message) -> bool {
    message.is_notice() && message.occurrence == REPLAY
}

/// The row of a replay that goes on then, with what it has come to.
pub(crate) fn paused(row: &Message, sealed: Vec<u8>, until_ms: i64, now_ms: i64) -> Message {
    Message {
        state: State::Queued,
        reason: None,
        // It was no failure: the next step is the first try of it.
        attempts: 0,
        due_at_ms: until_ms,
        state_at_ms: now_ms,
        sealed,
        version: row.version + 1,
        ..row.clone()
    }
}

/// The row of a replay that has begun or was asked for once more.
pub(crate) fn asked_again(row: &Message, sealed: Vec<u8>, now_ms: i64) -> Message {
    Message { expires_at_ms: now_ms + KEPT_MS, ..paused(row, sealed, now_ms, now_ms) }
}

/// Whether a notice tells of what had not happened when it was looked at.
pub(crate) fn was_in_vain(notice: &Message) -> bool {
    (notice.state, notice.reason) == (State::Skipped, Some(Reason::Outdated))
}

/// A notice as it is when it is told again: with all its tries before it. None while it is being handed over, and for what never
/// happened.
pub(crate) fn revived(notice: &Message, sealed: Vec<u8>, now_ms: i64) -> Option<Message> {
    match (notice.state, notice.reason) {
        (State::Sending, _) | (_, Some(Reason::Outdated)) => None,
        // Its tries are not over.
        (State::Planned | State::Queued, _) => Some(notice.clone()),
        _ => Some(Message {
            state: State::Queued,
            reason: None,
            attempts: 0,
            due_at_ms: now_ms,
            expires_at_ms: now_ms + WEBHOOK_TRIED_MS,
            sealed,
            ..notice.clone()
        }),
    }
}

/// The row of a replay that has come to its end, or that can have none.
pub(crate) fn ended(row: &Message, why: Option<Reason>, now_ms: i64) -> Option<Message> {
    life::next(row, why.map_or(Input::Accepted, Input::Refused), now_ms)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::life::tests::message;

    fn place() -> impl Strategy<Value = Place> {
        (0_i64..9_999_999_999_999, "[0-9a-f]{32}").prop_map(|(at_ms, id)| Place { at_ms, id })
    }

    proptest! {
        #[test]
        fn sequences_sort_as_the_notices_were_told(one in place(), other in place()) {
            prop_assert_eq!(one.sequence().cmp(&other.sequence()), one.cmp(&other));
            prop_assert!(Place::before(one.at_ms) < one);
        }

        #[test]
        fn a_replay_that_is_joined_with_another_leaves_out_nothing_of_either(
            places in proptest::array::uniform4(place()), asked in place(),
        ) {
            let [a, b, c, d] = places;
            let (one, other) = (Replay::new(a, b), Replay::new(c, d));
            let tells = |replay: &Replay| replay.after < asked && asked <= replay.until;
            let either = tells(&one) || tells(&other);
            prop_assert!(!either || tells(&one.joined(other)));
        }
    }

    #[test]
    fn what_is_told_again_has_its_id_place_and_version_and_all_its_tries_before_it() {
        let given_up = Message {
            channel: Channel::Webhook,
            state: State::Failed,
            reason: Some(Reason::WebhookFails),
            attempts: 8,
            sealed: Vec::new(),
            ..message(Kind::Notice)
        };
        let again = revived(&given_up, vec![7], 5_000).unwrap();
        assert_eq!((again.id.clone(), Place::of(&again)), (given_up.id.clone(), Place::of(&given_up)));
        assert_eq!((again.version, again.attempts, again.state), (given_up.version, 0, State::Queued));
        assert_eq!((again.sealed, again.expires_at_ms), (vec![7], 5_000 + WEBHOOK_TRIED_MS));
        let waiting = Message { state: State::Queued, attempts: 3, ..given_up.clone() };
        assert_eq!(revived(&waiting, vec![7], 5_000), Some(waiting));
        let never = Message { state: State::Skipped, reason: Some(Reason::Outdated), ..given_up.clone() };
        for not in [never, Message { state: State::Sending, ..given_up }] {
            assert_eq!(revived(&not, vec![7], 5_000), None);
        }
    }

    #[test]
    fn a_replay_pauses_and_goes_on_until_it_ends_and_can_be_asked_for_anew() {
        let tenant = "acme".parse().unwrap();
        let begun = row(&tenant, 0);
        assert!(is_row(&begun) && begun.id == row_id(&tenant));
        let sending = life::next(&begun, Input::Begin, 1).unwrap();
        let paused = paused(&sending, vec![1], 9, 2);
        assert_eq!((paused.look_at_ms(), paused.attempts, paused.version), (Some(9), 0, 3));
        let sending = life::next(&paused, Input::Begin, 9).unwrap();
        let done = ended(&sending, None, 10).unwrap();
        assert_eq!((done.state, done.look_at_ms()), (State::HandedOff, None));
        assert_eq!(ended(&sending, Some(Reason::WebhookOff), 10).unwrap().state, State::Failed);
        let again = asked_again(&done, vec![2], 11);
        assert_eq!((again.look_at_ms(), again.expires_at_ms), (Some(11), 11 + KEPT_MS));
    }
}
