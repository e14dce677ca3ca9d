//! Which messages of an event a list shows: those of one group in which they are counted, or of several. Where the messages are read, and
//! how many at a time, is not known here.

use turnout_platform::failure::Failure;
use turnout_proto::notifications::v1::ListMessagesOfEventRequest;

use super::message::{AGAIN, Kind, State};

/// What a list is of. Two that differ are two lists, and so are their names, which page tokens are bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MessageFilter {
    kind: Kind,
    /// None for all; [`AGAIN`] for all that begin with it.
    occurrence: Option<String>,
    /// None of them for all.
    states: Vec<State>,
    /// None for all; empty for those without one.
    reason: Option<String>,
}

impl MessageFilter {
    /// As a request says it.
    pub fn read(request: &ListMessagesOfEventRequest) -> Result<Self, Failure> {
        let kind = Kind::try_from(request.kind).ok().filter(|kind| *kind != Kind::Unspecified);
        let state = |state: &i32| State::try_from(*state).ok().filter(|state| *state != State::Unspecified);
        let states: Option<Vec<State>> = request.states.iter().map(state).collect();
        Ok(Self {
            kind: kind.ok_or_else(|| Failure::invalid("kind", "must be a kind of message"))?,
            occurrence: request.occurrence.clone(),
            states: states.ok_or_else(|| Failure::invalid("states", "each must be a state of a message"))?,
            reason: request.reason.clone(),
        })
    }

    /// Whether a message that is so belongs to the list.
    pub fn takes(&self, kind: Kind, occurrence: &str, state: State, reason: &str) -> bool {
        let of_occurrence = match self.occurrence.as_deref() {
            None => true,
            Some(AGAIN) => occurrence.starts_with(AGAIN),
            Some(wanted) => occurrence == wanted,
        };
        of_occurrence
            && kind == self.kind
            && (self.states.is_empty() || self.states.contains(&state))
            && self.reason.as_deref().is_none_or(|wanted| reason == wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(request: &ListMessagesOfEventRequest) -> MessageFilter {
        MessageFilter::read(request).unwrap()
    }

    fn reminders() -> ListMessagesOfEventRequest {
        ListMessagesOfEventRequest { kind: Kind::Reminder.into(), ..ListMessagesOfEventRequest::default() }
    }

    #[test]
    fn a_list_of_a_kind_alone_shows_all_of_it_and_nothing_else() {
        let all = of(&reminders());
        assert!(all.takes(Kind::Reminder, "T-24h", State::Skipped, "cap"));
        assert!(all.takes(Kind::Reminder, "again-1", State::HandedOff, ""));
        assert!(!all.takes(Kind::Confirmation, "T-24h", State::Skipped, "cap"));
    }

    #[test]
    fn a_list_of_one_group_shows_just_what_is_counted_in_it() {
        let (occurrence, reason) = (Some("T-24h".to_owned()), Some("cap".to_owned()));
        let one =
            of(&ListMessagesOfEventRequest { occurrence, states: vec![State::Skipped.into()], reason, ..reminders() });
        assert!(one.takes(Kind::Reminder, "T-24h", State::Skipped, "cap"));
        assert!(!one.takes(Kind::Reminder, "T-1h", State::Skipped, "cap"));
        assert!(!one.takes(Kind::Reminder, "T-24h", State::Failed, "cap"));
        assert!(!one.takes(Kind::Reminder, "T-24h", State::Skipped, ""));
    }

    #[test]
    fn no_reason_is_a_group_of_its_own_and_so_is_no_occurrence() {
        let without = of(&ListMessagesOfEventRequest { reason: Some(String::new()), ..reminders() });
        assert!(without.takes(Kind::Reminder, "T-24h", State::HandedOff, ""));
        assert!(!without.takes(Kind::Reminder, "T-24h", State::HandedOff, "joined"));
        let of_none = of(&ListMessagesOfEventRequest { occurrence: Some(String::new()), ..reminders() });
        assert!(of_none.takes(Kind::Reminder, "", State::Planned, ""));
        assert!(!of_none.takes(Kind::Reminder, "T-24h", State::Planned, ""));
    }

    #[test]
    fn what_was_sent_again_is_one_list_though_each_has_a_name_of_its_own() {
        let again = of(&ListMessagesOfEventRequest { occurrence: Some(AGAIN.to_owned()), ..reminders() });
        for occurrence in ["again-1", "again-2"] {
            assert!(again.takes(Kind::Reminder, occurrence, State::HandedOff, ""));
        }
        assert!(!again.takes(Kind::Reminder, "T-24h", State::HandedOff, ""));
        let one = of(&ListMessagesOfEventRequest { occurrence: Some("again-1".to_owned()), ..reminders() });
        assert!(!one.takes(Kind::Reminder, "again-12", State::HandedOff, ""));
    }

    #[test]
    fn what_is_no_kind_and_what_is_no_state_is_refused() {
        let field_of = |request: &ListMessagesOfEventRequest| match MessageFilter::read(request).unwrap_err() {
            Failure::Invalid { field, .. } => field,
            other => panic!("{other:?}"),
        };
        for kind in [0, 99] {
            assert_eq!(field_of(&ListMessagesOfEventRequest { kind, ..reminders() }), "kind");
        }
        for state in [0, 99] {
            assert_eq!(field_of(&ListMessagesOfEventRequest { states: vec![1, state], ..reminders() }), "states");
        }
    }
}
