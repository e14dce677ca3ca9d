//! Dates and times as people write them, in the event's zone. English and German; other languages get the numeric form.

use jiff::{Timestamp, Zoned, tz::TimeZone};

const DAYS_DE: [&str; 7] = ["Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"];
const MONTHS_DE: [&str; 12] = [
    "Januar",
    "Februar",
    "März",
    "April",
    "Mai",
    "Juni",
    "Juli",
    "August",
    "September",
    "Oktober",
    "November",
    "Dezember",
];

/// A zone by its name; one that is not known counts as UTC, so that a message is late rather than lost.
pub(crate) fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap_or(TimeZone::UTC)
}

/// `Friday, 15 January 2027`.
pub(crate) fn date(at_ms: i64, zone: &TimeZone, language: &str) -> String {
    let at = local(at_ms, zone);
    match language.split('-').next() {
        Some("en") => at.strftime("%A, %-d %B %Y").to_string(),
        Some("de") => {
            let day = DAYS_DE[at.weekday().to_monday_zero_offset() as usize];
            format!("{day}, {}. {} {}", at.day(), MONTHS_DE[at.month() as usize - 1], at.year())
        }
        _ => at.strftime("%Y-%m-%d").to_string(),
    }
}

/// `19:30`.
pub(crate) fn time(at_ms: i64, zone: &TimeZone) -> String {
    local(at_ms, zone).strftime("%H:%M").to_string()
}

fn local(at_ms: i64, zone: &TimeZone) -> Zoned {
    Timestamp::from_millisecond(at_ms).unwrap_or_default().to_zoned(zone.clone())
}
