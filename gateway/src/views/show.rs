//! How numbers, moments and languages are written for people. Arguments may be borrowed, because templates borrow what they pass on.

use std::borrow::Borrow;

use jiff::Timestamp;

/// A whole number with its thousands set apart, as in `12,345`.
pub fn grouped(number: impl Borrow<u64>) -> String {
    turnout_platform::money::grouped(*number.borrow())
}

/// How many characters `grouped` takes: the styles choose the size of the large number by it.
pub fn places(number: impl Borrow<u64>) -> usize {
    grouped(number).len()
}

/// A moment for people: the time of day in a zone that it names, as in `18:00:05 (Helsinki time, UTC+2)`.
pub fn clock_time_in(at_ms: impl Borrow<i64>, zone: &str) -> String {
    let words = |at: jiff::Zoned| format!("{} ({})", at.strftime("%H:%M:%S"), super::public::zone_words(zone, &at));
    zoned(*at_ms.borrow(), zone).map_or_else(String::new, words)
}

/// A moment with its day, in a zone that it names.
pub fn day_and_time_in(at_ms: impl Borrow<i64>, zone: &str) -> String {
    let words =
        |at: jiff::Zoned| format!("{} ({})", at.strftime("%-d %b %Y, %H:%M:%S"), super::public::zone_words(zone, &at));
    zoned(*at_ms.borrow(), zone).map_or_else(String::new, words)
}

/// A moment with its day, in UTC.
pub fn day_and_time(at_ms: impl Borrow<i64>) -> String {
    moment(*at_ms.borrow(), "%-d %b %Y, %H:%M:%S UTC")
}

/// A moment for `<time datetime>`.
pub fn machine_time(at_ms: impl Borrow<i64>) -> String {
    moment(*at_ms.borrow(), "%Y-%m-%dT%H:%M:%S%.3fZ")
}

fn moment(at_ms: i64, format: &str) -> String {
    Timestamp::from_millisecond(at_ms).map_or_else(|_| String::new(), |at| at.strftime(format).to_string())
}

/// A moment to the minute with its day, in a zone that is named beside it, as in `22 Nov 2026, 18:00`.
pub fn day_and_minute_in(at_ms: impl Borrow<i64>, zone: &str) -> String {
    zoned(*at_ms.borrow(), zone).map_or_else(String::new, |at| at.strftime("%-d %b %Y, %H:%M").to_string())
}

/// The time of day to the minute in a zone, as in `18:00`.
pub fn minute_in(at_ms: impl Borrow<i64>, zone: &str) -> String {
    zoned(*at_ms.borrow(), zone).map_or_else(String::new, |at| at.strftime("%H:%M").to_string())
}

/// A moment to the minute in a zone, as `<input type="datetime-local">` takes it.
pub fn local_minute_in(at_ms: impl Borrow<i64>, zone: &str) -> String {
    zoned(*at_ms.borrow(), zone).map_or_else(String::new, |at| at.strftime("%Y-%m-%dT%H:%M").to_string())
}

/// The same to the second, for an input that takes seconds.
pub fn local_second_in(at_ms: impl Borrow<i64>, zone: &str) -> String {
    zoned(*at_ms.borrow(), zone).map_or_else(String::new, |at| at.strftime("%Y-%m-%dT%H:%M:%S").to_string())
}

/// A moment with its offset (RFC 3339), for `<time datetime>` and for files.
pub fn machine_time_in(at_ms: impl Borrow<i64>, zone: &str) -> String {
    zoned(*at_ms.borrow(), zone).map_or_else(String::new, |at| at.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string())
}

/// In UTC when the zone is none that we know.
fn zoned(at_ms: i64, zone: &str) -> Option<jiff::Zoned> {
    let at = Timestamp::from_millisecond(at_ms).ok()?;
    Some(at.in_tz(zone).unwrap_or_else(|_| at.to_zoned(jiff::tz::TimeZone::UTC)))
}

/// What speakers call their language; the tag itself for those that are not in this list.
pub fn language(lang: &str) -> String {
    let base = lang.split('-').next().unwrap_or_default().to_ascii_lowercase();
    let name = match base.as_str() {
        "ar" => "العربية",
        "cs" => "Čeština",
        "da" => "Dansk",
        "de" => "Deutsch",
        "el" => "Ελληνικά",
        "en" => "English",
        "es" => "Español",
        "et" => "Eesti",
        "fi" => "Suomi",
        "fr" => "Français",
        "he" => "עברית",
        "hu" => "Magyar",
        "is" => "Íslenska",
        "it" => "Italiano",
        "ja" => "日本語",
        "ko" => "한국어",
        "lt" => "Lietuvių",
        "lv" => "Latviešu",
        "nb" | "no" => "Norsk",
        "nl" => "Nederlands",
        "pl" => "Polski",
        "pt" => "Português",
        "ro" => "Română",
        "se" => "Davvisámegiella",
        "sv" => "Svenska",
        "tr" => "Türkçe",
        "uk" => "Українська",
        "zh" => "中文",
        _ => return lang.to_owned(),
    };
    if lang.len() > base.len() { format!("{name} ({lang})") } else { name.to_owned() }
}
