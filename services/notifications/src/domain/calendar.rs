//! The calendar entry that goes with a message (RFC 5545). One entry an event and person: a later message with a higher sequence
//! changes it, and a cancellation takes it out. Times are in UTC: the calendar shows them in its owner's zone.

use std::fmt::Write as _;

use jiff::{Timestamp, tz::TimeZone};

/// Bytes of a line before it is folded.
const LINE_BYTES_MAX: usize = 75;
/// The length of an event that does not say when it ends.
const USUAL_LENGTH_MS: i64 = 2 * 3_600_000;

/// What the entry says.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    /// Stable for event and person.
    pub uid: &'a str,
    /// Grows with each change.
    pub sequence: i64,
    pub cancelled: bool,
    pub at_ms: i64,
    pub starts_at_ms: i64,
    pub ends_at_ms: Option<i64>,
    pub title: &'a str,
    pub venue: &'a str,
    pub url: &'a str,
}

impl Entry<'_> {
    /// `PUBLISH` or `CANCEL`: also a parameter of the part's media type.
    pub fn method(&self) -> &'static str {
        if self.cancelled { "CANCEL" } else { "PUBLISH" }
    }

    /// The file.
    pub fn to_text(&self) -> String {
        let ends_at_ms = self.ends_at_ms.unwrap_or(self.starts_at_ms + USUAL_LENGTH_MS);
        let mut text = String::new();
        line(&mut text, "BEGIN:VCALENDAR");
        line(&mut text, "VERSION:2.0");
        line(&mut text, "PRODID:-//Turnout//EN");
        line(&mut text, &format!("METHOD:{}", self.method()));
        line(&mut text, "BEGIN:VEVENT");
        line(&mut text, &format!("UID:{}", self.uid));
        line(&mut text, &format!("SEQUENCE:{}", self.sequence));
        line(&mut text, &format!("DTSTAMP:{}", utc(self.at_ms)));
        line(&mut text, &format!("DTSTART:{}", utc(self.starts_at_ms)));
        line(&mut text, &format!("DTEND:{}", utc(ends_at_ms)));
        line(&mut text, &format!("SUMMARY:{}", escaped(self.title)));
        if !self.venue.is_empty() {
            line(&mut text, &format!("LOCATION:{}", escaped(self.venue)));
        }
        line(&mut text, &format!("URL:{}", self.url));
        line(&mut text, if self.cancelled { "STATUS:CANCELLED" } else { "STATUS:CONFIRMED" });
        line(&mut text, "END:VEVENT");
        line(&mut text, "END:VCALENDAR");
        text
    }
}

fn utc(at_ms: i64) -> String {
    let at = Timestamp::from_millisecond(at_ms).unwrap_or_default();
    at.to_zoned(TimeZone::UTC).strftime("%Y%m%dT%H%M%SZ").to_string()
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\\' | ';' | ',' => escaped.extend(['\\', letter]),
            '\n' => escaped.push_str("\\n"),
            letter if letter.is_control() => {}
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// Adds a line, folded between letters: a continuation begins with a space.
fn line(text: &mut String, line: &str) {
    let mut room = LINE_BYTES_MAX;
    for letter in line.chars() {
        if letter.len_utf8() > room {
            text.push_str("\r\n ");
            room = LINE_BYTES_MAX - 1;
        }
        room -= letter.len_utf8();
        let _ = write!(text, "{letter}");
    }
    text.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(title: &str) -> Entry<'_> {
        Entry {
            uid: "r1@turnout.example",
            sequence: 3,
            cancelled: false,
            at_ms: 1_800_000_000_000,
            starts_at_ms: 1_800_086_400_000,
            ends_at_ms: None,
            title,
            venue: "Hall 1; North, left",
            url: "https://turnout.example/r/x",
        }
    }

    #[test]
    fn an_entry_is_a_calendar_file() {
        assert_eq!(entry("Opening night").to_text(), include_str!("calendar/golden.ics").replace('\n', "\r\n"));
    }

    #[test]
    fn a_cancellation_takes_the_same_entry_out() {
        let text = Entry { cancelled: true, sequence: 4, ..entry("Opening night") }.to_text();
        for line in ["METHOD:CANCEL\r\n", "STATUS:CANCELLED\r\n", "SEQUENCE:4\r\n", "UID:r1@turnout.example\r\n"] {
            assert!(text.contains(line), "{text}");
        }
    }

    #[test]
    fn no_title_breaks_out_of_its_line_and_long_ones_are_folded_between_letters() {
        let title = format!("{}\r\nBEGIN:VALARM", "ä".repeat(100));
        let text = entry(&title).to_text();
        assert!(text.split("\r\n").all(|line| line.len() <= LINE_BYTES_MAX), "{text}");
        assert!(
            text.replace("\r\n ", "").contains(&format!("SUMMARY:{}\\nBEGIN:VALARM\r\n", "ä".repeat(100))),
            "{text}"
        );
    }
}
