//! A calendar entry of an event and a person (RFC 5545), as it goes with a message and as a file behind a link. A later one with a
//! higher sequence changes it, and a cancellation takes it out. Pure: what happens to the text is the caller's business.
//!
//! Times are in UTC: the calendar shows them in its owner's zone. It knows no alarms, no repetition and no attendees.

use jiff::Timestamp;

/// Bytes of a line before it is folded.
const LINE_BYTES_MAX: usize = 75;
/// The length of an event that does not say when it ends.
const USUAL_LENGTH_MS: i64 = 2 * 3_600_000;

/// What the entry says.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// Stable for event and person: with another id they would have the event twice in their calendar.
    pub uid: &'a str,
    /// Grows with each change.
    pub sequence: i64,
    /// The event, or this person's part in it, is off.
    pub cancelled: bool,
    /// When this was said.
    pub at_ms: i64,
    /// When the event begins.
    pub starts_at_ms: i64,
    /// When it ends; none: two hours later.
    pub ends_at_ms: Option<i64>,
    /// Its name, one line or several.
    pub title: &'a str,
    /// Where; may be empty.
    pub venue: &'a str,
    /// Where to read on; may be empty.
    pub url: &'a str,
}

impl Entry<'_> {
    /// `PUBLISH` or `CANCEL`: also a parameter of a message part's media type.
    pub fn method(&self) -> &'static str {
        if self.cancelled { "CANCEL" } else { "PUBLISH" }
    }

    /// As part of a message: what a calendar does with it stands in it.
    pub fn to_message(&self) -> String {
        self.text(Some(self.method()))
    }

    /// As a file that people open themselves.
    pub fn to_file(&self) -> String {
        self.text(None)
    }

    fn text(&self, method: Option<&str>) -> String {
        let ends_at_ms = self.ends_at_ms.unwrap_or(self.starts_at_ms + USUAL_LENGTH_MS);
        let mut text = String::new();
        let mut line = |name: &str, value: &str| fold(&mut text, &format!("{name}:{value}"));
        line("BEGIN", "VCALENDAR");
        line("VERSION", "2.0");
        line("PRODID", "-//Turnout//EN");
        if let Some(method) = method {
            line("METHOD", method);
        }
        line("BEGIN", "VEVENT");
        line("UID", self.uid);
        line("SEQUENCE", &self.sequence.to_string());
        line("DTSTAMP", &utc(self.at_ms));
        line("DTSTART", &utc(self.starts_at_ms));
        line("DTEND", &utc(ends_at_ms));
        line("SUMMARY", &escaped(self.title));
        if !self.venue.is_empty() {
            line("LOCATION", &escaped(self.venue));
        }
        if !self.url.is_empty() {
            line("URL", self.url);
        }
        line("STATUS", if self.cancelled { "CANCELLED" } else { "CONFIRMED" });
        line("END", "VEVENT");
        line("END", "VCALENDAR");
        text
    }
}

fn utc(at_ms: i64) -> String {
    let at = Timestamp::from_millisecond(at_ms).unwrap_or_default();
    at.strftime("%Y%m%dT%H%M%SZ").to_string()
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
fn fold(text: &mut String, line: &str) {
    let mut room = LINE_BYTES_MAX;
    for letter in line.chars() {
        if letter.len_utf8() > room {
            text.push_str("\r\n ");
            room = LINE_BYTES_MAX - 1;
        }
        room -= letter.len_utf8();
        text.push(letter);
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
        let golden = include_str!("calendar/golden.ics").replace('\n', "\r\n");
        assert_eq!(entry("Opening night").to_message(), golden);
        assert_eq!(entry("Opening night").to_file(), golden.replace("METHOD:PUBLISH\r\n", ""));
    }

    #[test]
    fn a_cancellation_takes_the_same_entry_out() {
        let text = Entry { cancelled: true, sequence: 4, ..entry("Opening night") }.to_message();
        for line in ["METHOD:CANCEL\r\n", "STATUS:CANCELLED\r\n", "SEQUENCE:4\r\n", "UID:r1@turnout.example\r\n"] {
            assert!(text.contains(line), "{text}");
        }
    }

    #[test]
    fn what_is_not_known_is_left_out_and_the_end_may_be_given() {
        let ends_at_ms = Some(1_800_086_400_000 + 60_000);
        let text = Entry { venue: "", url: "", ends_at_ms, ..entry("Opening night") }.to_file();
        assert!(!text.contains("LOCATION") && !text.contains("URL"), "{text}");
        assert!(text.contains("DTEND:20270116T080100Z\r\n"), "{text}");
    }

    #[test]
    fn no_title_breaks_out_of_its_line_and_long_ones_are_folded_between_letters() {
        let title = format!("{}\r\nBEGIN:VALARM; \"a\", 1\\2", "ä".repeat(100));
        let text = entry(&title).to_file();
        assert!(text.split("\r\n").all(|line| line.len() <= LINE_BYTES_MAX), "{text}");
        let unfolded = text.replace("\r\n ", "");
        let summary = format!("SUMMARY:{}\\nBEGIN:VALARM\\; \"a\"\\, 1\\\\2\r\n", "ä".repeat(100));
        assert!(unfolded.contains(&summary), "{unfolded}");
    }
}
