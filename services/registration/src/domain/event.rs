//! An event and its life: DRAFT to LIVE to ENDED, ENDED back to LIVE, and from DRAFT or LIVE to CANCELLED for good. Knows nothing of
//! rooms, viewers or registrants.

use std::{fmt, str::FromStr};

use turnout_platform::{
    failure::Failure,
    ids::{EventId, TenantId},
};

use super::settings::{Patch, Settings};

/// How long an event lasts of which nobody said when it ends.
const LASTS_MS: i64 = 24 * 60 * 60 * 1000;
/// The same of an event that is live: it may well be one that goes on.
const LASTS_LIVE_MS: i64 = 30 * LASTS_MS;

/// Where an event is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Draft,
    Live,
    Ended,
    Cancelled,
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
    pub settings: Settings,
}

/// What there is to tell about a change of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EventChange {
    /// Nobody need be told.
    Details,
    /// Another time or place: people must be told.
    Moved,
    /// People must be told.
    Cancelled,
    State,
}

impl Event {
    /// A new event.
    pub fn draft(tenant: TenantId, id: EventId, title: String, settings: Settings, at_ms: i64) -> Self {
        Self {
            id,
            tenant,
            title,
            state: State::Draft,
            created_at_ms: at_ms,
            live_at_ms: None,
            ended_at_ms: None,
            version: 1,
            settings,
        }
    }

    /// Whether creating `wanted` says the same as the creation of this event did, so that it is its repetition.
    pub fn is_repeated_by(&self, wanted: &Self) -> bool {
        let content = |event: &Self| {
            (event.tenant.clone(), event.title.clone(), event.settings.starts_at_ms, event.settings.zone.clone())
        };
        self.id == wanted.id && content(self) == content(wanted)
    }

    /// The event with other settings, and what there is to tell. None when they are what they were.
    pub fn patched(&self, patch: &Patch) -> Result<Option<(Self, EventChange)>, Failure> {
        if self.state == State::Cancelled {
            return Err(Failure::Precondition("a cancelled event cannot be changed".to_owned()));
        }
        let mut after = self.clone();
        after.settings = self.settings.patched(patch)?;
        after.title = patch.title.clone().unwrap_or(after.title);
        if after == *self {
            return Ok(None);
        }
        after.version += 1;
        let change = after.change_since(self);
        Ok(Some((after, change)))
    }

    /// When it was over, or is to be: when it was ended, or else the end that was planned. Nobody need end an event by hand, and one that was
    /// cancelled is over when it would have been.
    pub fn over_at_ms(&self) -> i64 {
        let Settings { starts_at_ms, ends_at_ms, .. } = self.settings;
        let lasts_ms = if self.state == State::Live { LASTS_LIVE_MS } else { LASTS_MS };
        let planned_ms = ends_at_ms.unwrap_or_else(|| starts_at_ms.saturating_add(lasts_ms));
        self.ended_at_ms.filter(|_| self.state == State::Ended).unwrap_or(planned_ms)
    }

    /// Whether people come to it, or are about to: it is live, or published with its end to come.
    pub fn runs(&self, now_ms: i64) -> bool {
        match self.state {
            State::Live => true,
            State::Draft => self.settings.published && now_ms < self.over_at_ms(),
            State::Ended | State::Cancelled => false,
        }
    }

    /// What there is to tell of this event, of which `before` is the version before.
    pub fn change_since(&self, before: &Self) -> EventChange {
        let is_told = before.settings.published && before.state != State::Ended;
        match self.state {
            State::Cancelled if before.state != State::Cancelled => EventChange::Cancelled,
            state if state != before.state => EventChange::State,
            _ if is_told && before.settings.is_moved_to(&self.settings) => EventChange::Moved,
            _ => EventChange::Details,
        }
    }

    /// The event after a change of state.
    pub fn moved_to(mut self, to: State, at_ms: i64) -> Result<Self, Failure> {
        match (self.state, to) {
            (State::Draft | State::Ended, State::Live) => self.live_at_ms = Some(at_ms),
            (State::Live, State::Ended) => self.ended_at_ms = Some(at_ms),
            (State::Draft | State::Live, State::Cancelled) => {}
            (from, to) if from == to => {
                return Err(Failure::Precondition(format!("the event is {to} already")));
            }
            (from, to) => {
                return Err(Failure::Precondition(format!(
                    "an event that is {from} cannot become {to}; it goes from DRAFT to LIVE, from LIVE to ENDED and back \
                     to LIVE, and from DRAFT or LIVE to CANCELLED"
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
            Self::Cancelled => "CANCELLED",
        })
    }
}

/// The text is not a state.
#[derive(Debug)]
pub(crate) struct NoState;

impl FromStr for State {
    type Err = NoState;

    fn from_str(text: &str) -> Result<Self, NoState> {
        [Self::Draft, Self::Live, Self::Ended, Self::Cancelled]
            .into_iter()
            .find(|state| state.to_string() == text)
            .ok_or(NoState)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATES: [State; 4] = [State::Draft, State::Live, State::Ended, State::Cancelled];

    fn event(state: State) -> Event {
        let settings = Settings::new("UTC".into(), 9000);
        let draft = Event::draft("acme".parse().unwrap(), "gala".parse().unwrap(), "Gala".into(), settings, 1000);
        Event { state, ..draft }
    }

    #[test]
    fn only_five_moves_are_allowed() {
        let allowed: Vec<_> = STATES
            .into_iter()
            .flat_map(|from| STATES.map(|to| (from, to)))
            .filter(|(from, to)| event(*from).moved_to(*to, 2000).is_ok())
            .collect();
        let moves = [
            (State::Draft, State::Live),
            (State::Draft, State::Cancelled),
            (State::Live, State::Ended),
            (State::Live, State::Cancelled),
            (State::Ended, State::Live),
        ];
        assert_eq!(allowed, moves);
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
    fn a_published_event_is_moved_by_another_time_and_by_nothing_else() {
        let change =
            |event: &Event, patch: Patch| event.patched(&patch).unwrap().map(|(after, change)| (after.version, change));
        let later = Patch { starts_at_ms: Some(9500), ..Patch::default() };
        let draft = event(State::Draft);
        assert_eq!(change(&draft, later.clone()), Some((2, EventChange::Details)));
        let (published, _) = draft.patched(&Patch { published: Some(true), ..Patch::default() }).unwrap().unwrap();
        assert_eq!(change(&published, later.clone()), Some((3, EventChange::Moved)));
        assert_eq!(change(&published, Patch { rsvp: Some(true), ..Patch::default() }), Some((3, EventChange::Details)));
        assert_eq!(change(&published, Patch { starts_at_ms: Some(9000), ..Patch::default() }), None);
        assert!(event(State::Cancelled).patched(&later).is_err());
    }

    #[test]
    fn a_state_reads_back_from_its_text() {
        for state in STATES {
            assert_eq!(state.to_string().parse::<State>().unwrap(), state);
        }
        assert!("live".parse::<State>().is_err());
    }
}
