//! Calendar files (RFC 5545): one of the event for anybody, and one of a registration, which a later one of the same person replaces.

use axum::{
    extract::{Path, State},
    http::{HeaderValue, header},
    response::{IntoResponse as _, Response},
};
use jiff::Timestamp;
use turnout_platform::ids::EventId;
use turnout_proto::registration::v1::{Event, EventState};

use super::showing::millis;
use crate::{
    Shared,
    answers::{error_page, failure_page},
    views::ErrorKind,
};

/// Bytes of a line before it is folded.
const LINE_BYTES_MAX: usize = 75;
/// The length of an event that does not say when it ends.
const USUAL_LENGTH_MS: i64 = 2 * 3_600_000;

/// `GET /e/<event>/calendar.ics`
pub(super) async fn of_event(State(shared): State<Shared>, Path(event): Path<String>) -> Response {
    let Ok(id) = event.parse::<EventId>() else { return error_page(ErrorKind::NoSuchEvent) };
    match shared.directory.event(&id).await {
        Ok(Some(known)) => file(&shared, &known.details, &format!("{id}@turnout"), known.details.version),
        Ok(None) => error_page(ErrorKind::NoSuchEvent),
        Err(failure) => failure_page(failure),
    }
}

/// The file, or 404 for an event without a time.
pub(super) fn file(shared: &Shared, event: &Event, uid: &str, sequence: i64) -> Response {
    let (public_url, now_ms) = (shared.config.public_url.as_deref(), shared.clock.at_ms() as i64);
    let Some(text) = text(event, (uid, sequence), public_url, now_ms) else { return error_page(ErrorKind::NoSuchPage) };
    let name = HeaderValue::from_static("attachment; filename=\"event.ics\"");
    let kind = HeaderValue::from_static("text/calendar; charset=utf-8");
    let fresh = HeaderValue::from_static("no-store");
    let headers = [(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, name), (header::CACHE_CONTROL, fresh)];
    (headers, text).into_response()
}

fn text(event: &Event, (uid, sequence): (&str, i64), public_url: Option<&str>, now_ms: i64) -> Option<String> {
    let starts_ms = event.starts_at.as_ref().map(millis)?;
    let ends_ms = event.ends_at.as_ref().map_or(starts_ms + USUAL_LENGTH_MS, millis);
    let cancelled = event.state() == EventState::Cancelled;
    let lines = [
        "BEGIN:VCALENDAR".to_owned(),
        "VERSION:2.0".to_owned(),
        "PRODID:-//Turnout//EN".to_owned(),
        "BEGIN:VEVENT".to_owned(),
        format!("UID:{uid}"),
        format!("SEQUENCE:{sequence}"),
        format!("DTSTAMP:{}", utc(now_ms)?),
        format!("DTSTART:{}", utc(starts_ms)?),
        format!("DTEND:{}", utc(ends_ms)?),
        format!("SUMMARY:{}", escaped(&event.title)),
        format!("STATUS:{}", if cancelled { "CANCELLED" } else { "CONFIRMED" }),
    ];
    let place = (!event.venue.is_empty()).then(|| format!("LOCATION:{}", escaped(&event.venue)));
    let url = public_url.map(|base| format!("URL:{base}/e/{}", event.event_id));
    let ends = ["END:VEVENT".to_owned(), "END:VCALENDAR".to_owned()];
    Some(lines.into_iter().chain(place).chain(url).chain(ends).map(|line| folded(&line)).collect())
}

fn utc(at_ms: i64) -> Option<String> {
    Some(Timestamp::from_millisecond(at_ms).ok()?.strftime("%Y%m%dT%H%M%SZ").to_string())
}

fn escaped(text: &str) -> String {
    let plain: String = text.chars().filter(|c| *c == '\n' || !c.is_control()).collect();
    plain.replace('\\', "\\\\").replace(';', "\\;").replace(',', "\\,").replace('\n', "\\n")
}

/// A line with its end, folded between letters: a continuation begins with a blank.
fn folded(line: &str) -> String {
    let (mut out, mut bytes) = (String::with_capacity(line.len() + 2), 0);
    for letter in line.chars() {
        if bytes + letter.len_utf8() > LINE_BYTES_MAX {
            out.push_str("\r\n ");
            bytes = 1;
        }
        out.push(letter);
        bytes += letter.len_utf8();
    }
    out.push_str("\r\n");
    out
}

#[cfg(test)]
mod tests {
    use prost_types::Timestamp;

    use super::*;

    #[test]
    fn a_calendar_file_is_folded_and_escaped_and_cannot_be_broken_by_a_title() {
        let event = Event {
            event_id: "gala".into(),
            title: "Gala; \"ä\", part 1\\2\nEND:VEVENT\r".into(),
            venue: "å".repeat(60),
            starts_at: Some(Timestamp { seconds: 1_795_017_600, nanos: 0 }),
            ..Event::default()
        };
        let text = text(&event, ("r1@turnout", 4), Some("https://live.example"), 0).unwrap();
        assert!(text.contains("SUMMARY:Gala\\; \"ä\"\\, part 1\\\\2\\nEND:VEVENT\r\n"), "{text}");
        assert!(text.contains("DTSTART:20261118T160000Z\r\nDTEND:20261118T180000Z\r\n"), "{text}");
        assert!(text.contains("URL:https://live.example/e/gala\r\n"));
        assert!(text.lines().all(|line| line.len() <= LINE_BYTES_MAX), "{text}");
        let unfolded = text.replace("\r\n ", "");
        assert!(unfolded.contains(&format!("LOCATION:{}\r\n", "å".repeat(60))));
    }

    #[test]
    fn an_event_without_a_time_has_no_calendar_file_and_a_cancelled_one_says_so() {
        assert_eq!(text(&Event::default(), ("x", 1), None, 0), None);
        let starts_at = Some(Timestamp { seconds: 1_795_017_600, nanos: 0 });
        let event = Event { starts_at, state: EventState::Cancelled.into(), ..Event::default() };
        assert!(text(&event, ("x", 1), None, 0).unwrap().contains("STATUS:CANCELLED\r\n"));
    }
}
