//! What follows from complaints: how many of a tenant's mails people may mark as spam before it is warned, and before its marketing
//! stops. Mail providers put a sender's mails aside for all its people, also those who want them, once it is above such rates.

/// How far back mails and complaints count: today and the days before it, in UTC.
pub(crate) const DAYS: i64 = 30;
pub(crate) const DAY_MS: i64 = 24 * 3_600_000;
/// Fewer complaints say nothing: one of ten mails is one person's mood.
pub(crate) const COMPLAINTS_MIN: i64 = 3;
/// Above so many complaints of 10,000 mails the tenant is warned, above these its marketing stops.
const WARNED_PER_10_000: i64 = 10;
const STOPPED_PER_10_000: i64 = 30;
/// An owner's word lets marketing go on for so long.
pub(crate) const LIFTED_MS: i64 = 7 * DAY_MS;

/// What follows, the better the lower.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Fine,
    Warned,
    Stopped,
}

/// What is known of a tenant's mails.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Received {
    /// Handed over in the last days.
    pub mails: i64,
    /// Of people who marked one as spam in this time.
    pub complaints: i64,
    /// Until when an owner lets marketing go on; 0 for none.
    pub lifted_until_ms: i64,
}

impl Received {
    pub fn level(&self) -> Level {
        let above = |of_10_000: i64| self.complaints.saturating_mul(10_000) > self.mails.saturating_mul(of_10_000);
        if self.complaints < COMPLAINTS_MIN || !above(WARNED_PER_10_000) {
            Level::Fine
        } else if above(STOPPED_PER_10_000) {
            Level::Stopped
        } else {
            Level::Warned
        }
    }

    pub fn is_lifted(&self, now_ms: i64) -> bool {
        now_ms < self.lifted_until_ms
    }

    pub fn stops_marketing(&self, now_ms: i64) -> bool {
        self.level() == Level::Stopped && !self.is_lifted(now_ms)
    }

    /// Why marketing is stopped, and what to do about it.
    pub fn advice(&self) -> String {
        format!(
            "marketing is stopped because {} of the {} mails of the last {DAYS} days were marked as spam, more than 0.3 %; \
             leave out who does not expect you to write; it goes on by itself once the share is lower, \
             or when an owner lifts the stop in the settings",
            self.complaints, self.mails
        )
    }
}

/// When the day of this moment began.
pub(crate) fn day_of(at_ms: i64) -> i64 {
    at_ms.div_euclid(DAY_MS) * DAY_MS
}

/// The first day that counts now.
pub(crate) fn first_day(now_ms: i64) -> i64 {
    day_of(now_ms) - (DAYS - 1) * DAY_MS
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn received(mails: i64, complaints: i64) -> Received {
        Received { mails, complaints, lifted_until_ms: 0 }
    }

    #[test]
    fn above_a_tenth_of_a_percent_is_warned_and_above_three_tenths_stopped() {
        for (mails, complaints, level) in [
            (0, 0, Level::Fine),
            (10, 1, Level::Fine),
            (10, 2, Level::Fine),
            (10, 3, Level::Stopped),
            (3_000, 3, Level::Fine),
            (2_999, 3, Level::Warned),
            (1_000, 3, Level::Warned),
            (999, 3, Level::Stopped),
            (0, 3, Level::Stopped),
        ] {
            assert_eq!(received(mails, complaints).level(), level, "{complaints} of {mails}");
        }
    }

    #[test]
    fn an_owners_word_holds_for_its_time() {
        let lifted = Received { lifted_until_ms: 10, ..received(10, 3) };
        assert!(!lifted.stops_marketing(9) && lifted.stops_marketing(10));
        assert!(received(10, 3).stops_marketing(9) && !received(1_000, 3).stops_marketing(9));
    }

    #[test]
    fn thirty_days_count_with_this_one() {
        assert_eq!(first_day(29 * DAY_MS + 5), 0);
        assert_eq!(first_day(30 * DAY_MS), DAY_MS);
        assert_eq!(day_of(-1), -DAY_MS);
    }

    proptest! {
        #[test]
        fn a_complaint_more_never_betters_the_standing_and_a_mail_more_never_worsens_it(
            mails in 0_i64..1_000_000, complaints in 0_i64..5_000,
        ) {
            let level = received(mails, complaints).level();
            prop_assert!(received(mails, complaints + 1).level() >= level);
            prop_assert!(received(mails + 1, complaints).level() <= level);
            let share = complaints as f64 / mails.max(1) as f64;
            if share < 0.0009 || complaints < COMPLAINTS_MIN {
                prop_assert_eq!(level, Level::Fine);
            } else if share > 0.0031 {
                prop_assert_eq!(level, Level::Stopped);
            }
        }
    }
}
