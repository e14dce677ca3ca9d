//! The organiser's pages and the fragments that keep them moving: signing in, the events, one event live. Each further place has a
//! file of its own; what stands around every page is in `shell`.

pub mod account;
pub mod audience;
pub mod audit;
pub mod door;
pub mod event_settings;
pub mod export_file;
pub mod figures;
pub mod form;
pub mod help;
pub mod inputs;
pub mod keys;
pub mod messages;
pub mod query;
pub mod recipients;
pub mod registrant;
pub mod registrants;
pub mod rows;
pub mod sending;
pub mod settings;
pub mod shell;
pub mod sign_in;
pub mod states;
pub mod suppression;
pub mod team;

use askama::Template;
use serde::Serialize;

use self::shell::{EventFacts, EventHead, Shell};
use super::{CountView, EventStateView, LiveNumber, show, text, text::console as words};
use crate::assets;

/// One event in the list.
#[derive(Clone, Debug)]
pub struct EventRow {
    /// The event.
    pub facts: EventFacts,
    /// When it ends, milliseconds since 1970; none where the event does not say.
    pub ends_at_ms: Option<i64>,
    /// Distinct viewers now; `None` while the counter does not answer.
    pub viewers: Option<u64>,
}

/// An event that says no end, and that nobody opened, is taken for over so long after its start.
const OVER_AFTER_MS: i64 = 24 * 60 * 60 * 1000;

impl EventRow {
    /// It was, or will not be. An event on site may never have been opened: that its time has gone by is enough.
    fn is_past(&self, now_ms: i64) -> bool {
        let ends = self.ends_at_ms.or(self.facts.starts_at_ms.map(|starts| starts.saturating_add(OVER_AFTER_MS)));
        match self.facts.state {
            EventStateView::Live => false,
            EventStateView::Ended | EventStateView::Cancelled => true,
            EventStateView::Draft => ends.is_some_and(|ends| ends < now_ms),
        }
    }
}

/// Events under one heading.
#[derive(Clone, Debug)]
pub struct EventGroup {
    /// The heading.
    pub title: &'static str,
    /// The events; there are some.
    pub events: Vec<EventRow>,
}

/// `GET /console/rows`: the rows of the list, asked for again every two seconds.
#[derive(Clone, Debug, Template)]
#[template(path = "parts/event_rows.html")]
pub struct EventRows {
    /// In the order in which they matter.
    pub groups: Vec<EventGroup>,
}

impl EventRows {
    /// First what runs, then what comes, the next before the later ones, then what was, the last before the earlier ones.
    pub fn of(events: Vec<EventRow>, now_ms: i64) -> Self {
        let (mut past, ahead): (Vec<_>, Vec<_>) = events.into_iter().partition(|event| event.is_past(now_ms));
        let (mut running, mut upcoming): (Vec<_>, Vec<_>) =
            ahead.into_iter().partition(|event| event.facts.state == EventStateView::Live);
        let starts = |event: &EventRow| event.facts.starts_at_ms.unwrap_or(i64::MAX);
        running.sort_by_key(starts);
        upcoming.sort_by_key(starts);
        past.sort_by_key(|event| std::cmp::Reverse(event.facts.starts_at_ms));
        let groups = [(text::EVENTS_RUNNING, running), (text::EVENTS_UPCOMING, upcoming), (text::EVENTS_PAST, past)];
        let groups = groups.into_iter().map(|(title, events)| EventGroup { title, events });
        Self { groups: groups.filter(|group| !group.events.is_empty()).collect() }
    }
}

/// The form for a new event: part of `EventsPage`, and alone the answer (status 422) to a `POST /console/events` that cannot be
/// done. On success answer with `HX-Redirect: /console/events/<id>` to htmx and with 303 to others.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "parts/create_event.html")]
pub struct CreateEventForm {
    /// What was entered as the title (field `title`).
    pub title: String,
    /// What was entered as the start (field `starts`), as in `2026-11-22T18:00`.
    pub starts: String,
    /// What was entered as the zone (field `zone`); a script proposes the reader's own.
    pub zone: String,
    /// What was entered as the id (field `event_id`); empty lets the server choose.
    pub event_id: String,
    /// What is wrong with the title.
    pub title_error: Option<String>,
    /// What is wrong with the start.
    pub starts_error: Option<String>,
    /// What is wrong with the zone.
    pub zone_error: Option<String>,
    /// What is wrong with the id.
    pub event_id_error: Option<String>,
    /// What else went wrong.
    pub form_error: Option<String>,
    /// As that of the page around it.
    pub once: u128,
}

/// `GET /console`
#[derive(Clone, Debug, Template)]
#[template(path = "events.html")]
pub struct EventsPage {
    /// Around it.
    pub shell: Shell,
    /// The list.
    pub rows: EventRows,
    /// The form beside it.
    pub form: CreateEventForm,
}

/// The large number and the figures beside it: part of `EventConsolePage`, and the data of the stream's event `figures`.
#[derive(Clone, Debug, Template)]
#[template(path = "parts/figures.html")]
pub struct Figures {
    /// `None` while the counter has not answered.
    pub count: Option<CountView>,
    /// The event's zone, an IANA name: moments are told in it.
    pub zone: String,
}

/// One room of an event.
#[derive(Clone, Debug)]
pub struct RoomRow {
    /// The id.
    pub room_id: String,
    /// The title.
    pub title: String,
    /// Its own number; `None` while the counter has not answered.
    pub viewers: Option<LiveNumber>,
}

/// The rooms' table: part of `EventConsolePage`, and the data of the stream's event `rooms` (send it when it changed).
#[derive(Clone, Debug, Template)]
#[template(path = "parts/rooms.html")]
pub struct Rooms {
    /// In the order of their ids.
    pub rooms: Vec<RoomRow>,
}

/// `GET /console/events/<id>`
#[derive(Clone, Debug, Template)]
#[template(path = "event_console.html")]
pub struct EventConsolePage {
    /// Around it.
    pub shell: Shell,
    /// Over it.
    pub head: EventHead,
    /// The stored version, sent back with a change of state (field `version`, beside `state`) so that two organisers do not
    /// overrule each other unseen.
    pub version: i64,
    /// The number and the figures.
    pub figures: Figures,
    /// The rooms.
    pub rooms: Rooms,
    /// The address of the viewers' page, whole, to be copied.
    pub public_url: String,
    /// Where services call, `host:port`, for the example on the page.
    pub grpc_addr: String,
    /// What went wrong with the last change of state.
    pub problem: Option<String>,
}

impl EventConsolePage {
    fn event_id(&self) -> &str {
        &self.head.facts.event_id
    }

    /// The state that the button leads to, its word and its question; none for a cancelled event, which stays so.
    fn change(&self) -> Option<(EventStateView, &'static str, &'static str)> {
        match self.head.facts.state {
            EventStateView::Draft => Some((EventStateView::Live, text::EVENT_GO_LIVE, text::EVENT_GO_LIVE_CONFIRM)),
            EventStateView::Ended => {
                Some((EventStateView::Live, text::EVENT_GO_LIVE_AGAIN, text::EVENT_GO_LIVE_CONFIRM))
            }
            EventStateView::Live => Some((EventStateView::Ended, text::EVENT_END, text::EVENT_END_CONFIRM)),
            EventStateView::Cancelled => None,
        }
    }

    fn embed_snippet(&self) -> String {
        let origin = self.public_url.strip_suffix(&format!("/e/{}", self.event_id())).unwrap_or_default();
        text::SHARE_EMBED_CODE.replace("{origin}", origin).replace("{event}", self.event_id())
    }

    fn grpc_snippet(&self) -> String {
        text::SHARE_GRPC_CODE.replace("{address}", &self.grpc_addr).replace("{event}", self.event_id())
    }
}

/// `GET /console/events/<id>/series.json`: the last hour, one entry a point in time, all four of the same length.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Series {
    /// Seconds since 1970, rising.
    pub t: Vec<i64>,
    /// Distinct viewers; `None` where nothing is known, which the chart shows as a gap.
    pub viewers: Vec<Option<u64>>,
    /// At least so many.
    pub low: Vec<Option<u64>>,
    /// At most so many.
    pub high: Vec<Option<u64>>,
}

/// The data of the stream's event `point`, as JSON: one more entry of the series.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Point {
    /// Seconds since 1970.
    pub t: i64,
    /// Distinct viewers.
    pub viewers: u64,
    /// At least so many.
    pub low: u64,
    /// At most so many.
    pub high: u64,
}

#[cfg(test)]
mod tests {
    use turnout_proto::registration::v1::AttendanceMode;

    use super::{
        EventStateView::{Cancelled, Draft, Ended, Live},
        *,
    };

    const NOW_MS: i64 = 1_795_000_000_000;
    const HOUR_MS: i64 = 3_600_000;

    #[test]
    fn what_runs_stands_before_what_comes_and_what_was_comes_last_the_newest_first() {
        let event = |id: &str, state, starts_in_h: Option<i64>, ends_in_h: Option<i64>| EventRow {
            facts: EventFacts {
                event_id: id.into(),
                title: id.into(),
                state,
                zone: "UTC".into(),
                starts_at_ms: starts_in_h.map(|hours| NOW_MS + hours * HOUR_MS),
                mode: AttendanceMode::Hybrid,
                price: None,
                rsvp: false,
                capacity: 0,
                languages: vec!["en".into()],
            },
            ends_at_ms: ends_in_h.map(|hours| NOW_MS + hours * HOUR_MS),
            viewers: None,
        };
        let rows = EventRows::of(
            vec![
                event("long ago", Ended, Some(-2_000), None),
                event("some day", Draft, None, None),
                event("next month", Draft, Some(700), None),
                event("never opened", Draft, Some(-30), None),
                event("lasts for days", Draft, Some(-30), Some(10)),
                event("now", Live, Some(-1), None),
                event("tomorrow", Draft, Some(24), None),
                event("off", Cancelled, Some(48), None),
                event("since yesterday", Live, Some(-24), Some(-1)),
                event("last week", Ended, Some(-168), None),
            ],
            NOW_MS,
        );
        let shown: Vec<(&str, Vec<&str>)> = rows
            .groups
            .iter()
            .map(|group| (group.title, group.events.iter().map(|event| event.facts.event_id.as_str()).collect()))
            .collect();
        let wanted = [
            (text::EVENTS_RUNNING, vec!["since yesterday", "now"]),
            (text::EVENTS_UPCOMING, vec!["lasts for days", "tomorrow", "next month", "some day"]),
            (text::EVENTS_PAST, vec!["off", "never opened", "last week", "long ago"]),
        ];
        assert_eq!(shown, wanted);
        assert!(EventRows::of(Vec::new(), NOW_MS).groups.is_empty());
    }
}
