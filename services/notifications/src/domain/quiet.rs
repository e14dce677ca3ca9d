//! Quiet hours: a window of the day, in the person's zone, in which nobody is written to unasked. By the wall clock: what a
//! person sees on it decides, also on the days on which clocks change.

use jiff::{SignedDuration, Timestamp, civil::Time, tz::TimeZone};

/// Minutes of a day.
const DAY_MIN: i32 = 24 * 60;
/// The longest window: every day, also one on which an hour is left out, keeps time to send in.
pub(crate) const WINDOW_MIN_MAX: i32 = 20 * 60;

/// The window, minutes after midnight. It may wrap midnight; the same start and end means none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct QuietHours {
    pub from_min: i32,
    pub to_min: i32,
}

impl QuietHours {
    /// 21:00 to 08:00.
    pub const USUAL: Self = Self { from_min: 21 * 60, to_min: 8 * 60 };

    /// Minutes from start to end.
    pub fn length_min(self) -> i32 {
        (self.to_min - self.from_min).rem_euclid(DAY_MIN)
    }

    /// When the window that this moment lies in ends; none outside.
    pub fn end_ms(self, at_ms: i64, zone: &TimeZone) -> Option<i64> {
        let at = Timestamp::from_millisecond(at_ms).ok()?;
        let wall = at.to_zoned(zone.clone()).datetime();
        let minute = i32::from(wall.hour()) * 60 + i32::from(wall.minute());
        if (minute - self.from_min).rem_euclid(DAY_MIN) >= self.length_min() {
            return None;
        }
        let ends_today = minute < self.to_min;
        let date = if ends_today { wall.date() } else { wall.date().tomorrow().ok()? };
        let end = date.to_datetime(Time::constant(0, 0, 0, 0) + SignedDuration::from_mins(self.to_min.into()));
        let ambiguous = zone.to_ambiguous_timestamp(end);
        // Where clocks go back over the end, it passes twice: the first time is in the past once the hour repeats.
        let first = ambiguous.compatible().ok()?;
        let end = if first > at { first } else { ambiguous.later().ok()? };
        Some(end.as_millisecond())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE_MS: i64 = 60_000;
    /// No clock is changed by more: Troll's goes on and back by two hours, nearly all others by one.
    const CHANGE_MIN_MAX: i64 = 120;

    fn at(time: &str) -> i64 {
        time.parse::<Timestamp>().unwrap().as_millisecond()
    }

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).unwrap()
    }

    #[test]
    fn the_night_is_quiet_in_the_persons_zone_and_wraps_midnight() {
        let helsinki = zone("Europe/Helsinki");
        let end = |time| QuietHours::USUAL.end_ms(at(time), &helsinki);
        assert_eq!(end("2027-01-15T18:59:59Z"), None);
        assert_eq!(end("2027-01-15T19:00:00Z"), Some(at("2027-01-16T06:00:00Z")));
        assert_eq!(end("2027-01-16T05:59:59Z"), Some(at("2027-01-16T06:00:00Z")));
        assert_eq!(end("2027-01-16T06:00:00Z"), None);
        assert_eq!(QuietHours::USUAL.end_ms(at("2027-01-15T19:00:00Z"), &zone("America/New_York")), None);
    }

    #[test]
    fn the_same_start_and_end_means_no_quiet_hours() {
        let none = QuietHours { from_min: 60, to_min: 60 };
        assert_eq!(none.end_ms(at("2027-01-15T01:00:00Z"), &TimeZone::UTC), None);
    }

    #[test]
    fn an_end_that_the_clock_leaves_out_or_passes_twice_is_found() {
        let berlin = zone("Europe/Berlin");
        let until_half_past_two = QuietHours { from_min: 22 * 60, to_min: 150 };
        // 2027-03-28: from 02:00 to 03:00.
        assert_eq!(
            until_half_past_two.end_ms(at("2027-03-28T00:30:00Z"), &berlin),
            Some(at("2027-03-28T01:30:00Z")),
            "03:30 by the clock"
        );
        // 2027-10-31: from 03:00 back to 02:00.
        assert_eq!(until_half_past_two.end_ms(at("2027-10-30T23:30:00Z"), &berlin), Some(at("2027-10-31T00:30:00Z")));
        assert_eq!(until_half_past_two.end_ms(at("2027-10-31T01:10:00Z"), &berlin), Some(at("2027-10-31T01:30:00Z")));
    }

    fn holds(window: QuietHours, at_ms: i64, zone: &TimeZone) -> Result<(), TestCaseError> {
        if let Some(end_ms) = window.end_ms(at_ms, zone) {
            let bound_ms = (i64::from(window.length_min()) + CHANGE_MIN_MAX) * MINUTE_MS;
            prop_assert!(end_ms > at_ms, "{window:?} {at_ms} does not move on");
            prop_assert!(
                end_ms - at_ms <= bound_ms,
                "{window:?} {at_ms} defers for {} min",
                (end_ms - at_ms) / MINUTE_MS
            );
            prop_assert_eq!(window.end_ms(end_ms, zone), None, "{:?} {} sends inside", window, end_ms);
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn around_every_change_of_every_clock_nothing_is_sent_in_the_window_or_held_for_longer_than_it_and_the_change(
            from_min in 0..DAY_MIN, length_min in 1..=WINDOW_MIN_MAX, offset_min in -1500..1500_i64,
        ) {
            let window = QuietHours { from_min, to_min: (from_min + length_min) % DAY_MIN };
            for name in jiff::tz::db().available() {
                let Ok(zone) = jiff::tz::db().get(name.as_str()) else { continue };
                let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
                for change in zone.following(start).take_while(|t| t.timestamp().as_millisecond() < at("2029-01-01T00:00:00Z")) {
                    holds(window, change.timestamp().as_millisecond() + offset_min * MINUTE_MS, &zone)?;
                }
            }
        }
    }
}
