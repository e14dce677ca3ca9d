//! Calendar files (RFC 5545): one of the event for anybody, and one of a registration, which a later one of the same person replaces.

use axum::{
    extract::{Path, State},
    http::{HeaderValue, header},
    response::{IntoResponse as _, Response},
};
use turnout_platform::{calendar::Entry, ids::EventId};
use turnout_proto::registration::v1::{Event, EventState};

use super::showing::millis;
use crate::{
    Shared,
    answers::{error_page, failure_page},
    views::ErrorKind,
};

/// `GET /e/<event>/calendar.ics`
pub(super) async fn of_event(State(shared): State<Shared>, Path(event): Path<String>) -> Response {
    let Ok(id) = event.parse::<EventId>() else { return error_page(ErrorKind::NoSuchEvent) };
    match shared.directory.event(&id).await {
        Ok(Some(known)) => file(&shared, &known.details, &format!("{id}@turnout"), known.details.version, true),
        Ok(None) => error_page(ErrorKind::NoSuchEvent),
        Err(failure) => failure_page(failure),
    }
}

/// The file, or 404 for an event without a time. It says that the event is cancelled also to who does not come.
pub(super) fn file(shared: &Shared, event: &Event, uid: &str, sequence: i64, comes: bool) -> Response {
    let (public_url, now_ms) = (shared.config.public_url.as_deref(), shared.clock.at_ms() as i64);
    let Some(text) = text(event, (uid, sequence), comes, public_url, now_ms) else {
        return error_page(ErrorKind::NoSuchPage);
    };
    let name = HeaderValue::from_static("attachment; filename=\"event.ics\"");
    let kind = HeaderValue::from_static("text/calendar; charset=utf-8");
    let fresh = HeaderValue::from_static("no-store");
    let headers = [(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, name), (header::CACHE_CONTROL, fresh)];
    (headers, text).into_response()
}

/// None for an event without a time.
fn text(
    event: &Event,
    (uid, sequence): (&str, i64),
    comes: bool,
    public_url: Option<&str>,
    now_ms: i64,
) -> Option<String> {
    let url = public_url.map(|base| format!("{base}/e/{}", event.event_id)).unwrap_or_default();
    let entry = Entry {
        uid,
        sequence,
        cancelled: !comes || event.state() == EventState::Cancelled,
        at_ms: now_ms,
        starts_at_ms: event.starts_at.as_ref().map(millis)?,
        ends_at_ms: event.ends_at.as_ref().map(millis),
        title: &event.title,
        venue: &event.venue,
        url: &url,
    };
    Some(entry.to_file())
}

#[cfg(test)]
mod tests {
    use prost_types::Timestamp;

    use super::*;

    #[test]
    fn a_calendar_file_says_what_the_event_is_and_where_to_read_on() {
        let event = Event {
            event_id: "gala".into(),
            title: "Gala; part 1".into(),
            starts_at: Some(Timestamp { seconds: 1_795_017_600, nanos: 0 }),
            ..Event::default()
        };
        let text = text(&event, ("r1@turnout", 4), true, Some("https://live.example"), 0).unwrap();
        for line in [
            "UID:r1@turnout\r\n",
            "SEQUENCE:4\r\n",
            "SUMMARY:Gala\\; part 1\r\n",
            "DTSTART:20261118T160000Z\r\nDTEND:20261118T180000Z\r\n",
            "URL:https://live.example/e/gala\r\n",
        ] {
            assert!(text.contains(line), "{text}");
        }
    }

    #[test]
    fn an_event_without_a_time_has_no_calendar_file_and_a_cancelled_one_says_so() {
        assert_eq!(text(&Event::default(), ("x", 1), true, None, 0), None);
        let starts_at = Some(Timestamp { seconds: 1_795_017_600, nanos: 0 });
        let event = Event { starts_at, state: EventState::Cancelled.into(), ..Event::default() };
        assert!(text(&event, ("x", 1), true, None, 0).unwrap().contains("STATUS:CANCELLED\r\n"));
        let goes_on = Event { state: EventState::Live.into(), ..event };
        assert!(text(&goes_on, ("x", 1), true, None, 0).unwrap().contains("STATUS:CONFIRMED\r\n"));
        assert!(text(&goes_on, ("x", 1), false, None, 0).unwrap().contains("STATUS:CANCELLED\r\n"));
    }
}
