//! An event and its life: DRAFT to LIVE to ENDED, and ENDED back to LIVE. Knows nothing of rooms or viewers.

use std::{fmt, str::FromStr};

use turnout_platform::{
    failure::Failure,
    ids::{EventId, TenantId},
};

/// Where an event is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Draft,
    Live,
    Ended,
}

/// One event. Times are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    pub id: EventId,
    pub tenant: TenantId,
    pub title: String,
    pub state: State,
    pub created_at_ms: i64,
    /// When it last went live; none before.
    pub live_at_ms: Option<i64>,
    /// When it last ended; none before. It stays when the event goes live again.
    pub ended_at_ms: Option<i64>,
    /// From 1, one more with each change.
    pub version: i64,
}

impl Event {
    /// A new event.
    pub fn draft(tenant: TenantId, id: EventId, title: String, at_ms: i64) -> Self {
        Self {
            id,
            tenant,
            title,
            state: State::Draft,
            created_at_ms: at_ms,
            live_at_ms: None,
            ended_at_ms: None,
            version: 1,
        }
    }

    /// Whether creating `wanted` says the same as the creation of this event did, so that it is its repetition.
    pub fn is_repeated_by(&self, wanted: &Self) -> bool {
        self.id == wanted.id && self.tenant == wanted.tenant && self.title == wanted.title
    }

    /// The event after a change of state.
    pub fn moved_to(mut self, to: State, at_ms: i64) -> Result<Self, Failure> {
        match (self.state, to) {
            (State::Draft | State::Ended, State::Live) => self.live_at_ms = Some(at_ms),
            (State::Live, State::Ended) => self.ended_at_ms = Some(at_ms),
            (from, to) if from == to => {
                return Err(Failure::Precondition(format!("the event is {to} already")));
            }
            (from, to) => {
                return Err(Failure::Precondition(format!(
                    "an event that is {from} cannot become {to}; it goes from DRAFT to LIVE, from LIVE to ENDED and back to LIVE"
                )));
            }
        }
        self.state = to;
        self.version += 1;
        Ok(self)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Draft => "DRAFT",
            Self::Live => "LIVE",
            Self::Ended => "ENDED",
        })
    }
}

/// The text is not a state.
#[derive(Debug)]
pub(crate) struct NoState;

impl FromStr for State {
    type Err = NoState;

    fn from_str(text: &str) -> Result<Self, NoState> {
        [Self::Draft, Self::Live, Self::Ended].into_iter().find(|state| state.to_string() == text).ok_or(NoState)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATES: [State; 3] = [State::Draft, State::Live, State::Ended];

    fn event(state: State) -> Event {
        let draft = Event::draft("acme".parse().unwrap(), "gala".parse().unwrap(), "Gala".into(), 1000);
        Event { state, ..draft }
    }

    #[test]
    fn only_three_moves_are_allowed() {
        let allowed: Vec<_> = STATES
            .into_iter()
            .flat_map(|from| STATES.map(|to| (from, to)))
            .filter(|(from, to)| event(*from).moved_to(*to, 2000).is_ok())
            .collect();
        assert_eq!(allowed, [(State::Draft, State::Live), (State::Live, State::Ended), (State::Ended, State::Live)]);
    }

    #[test]
    fn each_move_grows_the_version_by_one_and_remembers_when() {
        let live = event(State::Draft).moved_to(State::Live, 2000).unwrap();
        assert_eq!((live.version, live.live_at_ms, live.ended_at_ms), (2, Some(2000), None));
        let ended = live.moved_to(State::Ended, 3000).unwrap();
        assert_eq!((ended.version, ended.live_at_ms, ended.ended_at_ms), (3, Some(2000), Some(3000)));
        let again = ended.moved_to(State::Live, 4000).unwrap();
        assert_eq!((again.version, again.live_at_ms, again.ended_at_ms), (4, Some(4000), Some(3000)));
    }

    #[test]
    fn a_refused_move_says_what_is_possible() {
        let refused = event(State::Draft).moved_to(State::Ended, 2000).unwrap_err();
        assert!(matches!(&refused, Failure::Precondition(text) if text.contains("DRAFT to LIVE")), "{refused}");
    }

    #[test]
    fn a_state_reads_back_from_its_text() {
        for state in STATES {
            assert_eq!(state.to_string().parse::<State>().unwrap(), state);
        }
        assert!("live".parse::<State>().is_err());
    }
}
