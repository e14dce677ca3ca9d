//! How numbers and moments are written for people. Arguments may be borrowed, because templates borrow what they pass on.

use std::borrow::Borrow;

use jiff::Timestamp;

/// A whole number with its thousands set apart, as in `12,345`.
pub fn grouped(number: impl Borrow<u64>) -> String {
    let digits = number.borrow().to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// How many characters `grouped` takes: the styles choose the size of the large number by it.
pub fn places(number: impl Borrow<u64>) -> usize {
    grouped(number).len()
}

/// A moment for people: time of day in UTC. The scripts put it into the reader's own zone.
pub fn clock_time(at_ms: impl Borrow<i64>) -> String {
    moment(*at_ms.borrow(), "%H:%M:%S UTC")
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
