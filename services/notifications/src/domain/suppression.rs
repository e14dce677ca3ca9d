//! Addresses that nothing is sent to: after a hard bounce or a complaint for good, after soft bounces for a while. A webhook that takes
//! nothing for days is one of them until its owner saves it again.

use super::life::Report;

/// So many soft bounces …
const SOFT_BOUNCES_MAX: i64 = 3;
/// … within this time suppress the address …
const SOFT_WINDOW_MS: i64 = 72 * 3_600_000;
/// … for this time.
const SOFT_SUPPRESSED_MS: i64 = 30 * 24 * 3_600_000;

/// A webhook that takes nothing for so long is not called any more.
const WEBHOOK_FAILING_MS: i64 = 5 * 24 * 3_600_000;

/// What is known of an address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// `hard_bounce`, `soft_bounces`, `complaint`, `by_hand`, `webhook_failing`, `webhook_gone`; empty: not suppressed.
    pub reason: String,
    pub since_ms: i64,
    /// 0: for good.
    pub until_ms: i64,
    pub soft_bounces: i64,
    /// When the first of these came; of a webhook: since when it takes nothing.
    pub soft_since_ms: i64,
    /// The report that came last: the same again counts once.
    pub last_report: String,
    /// 0: nothing stored yet.
    pub version: i64,
}

impl Standing {
    pub fn is_suppressed(&self, now_ms: i64) -> bool {
        !self.reason.is_empty() && (self.until_ms == 0 || now_ms < self.until_ms)
    }

    /// After this report; none when it changes nothing.
    pub fn after(&self, report: Report, report_id: &str, now_ms: i64) -> Option<Self> {
        if self.last_report == report_id {
            return None;
        }
        let mut next = self.clone();
        match report {
            Report::Deferred => return None,
            Report::Delivered if self.soft_bounces == 0 => return None,
            Report::Delivered => next.soft_bounces /= 2,
            Report::BouncedHard => next.suppress("hard_bounce", now_ms, 0),
            Report::Complained => next.suppress("complaint", now_ms, 0),
            Report::BouncedSoft => {
                if now_ms - self.soft_since_ms > SOFT_WINDOW_MS {
                    next.soft_bounces = 0;
                    next.soft_since_ms = now_ms;
                }
                next.soft_bounces += 1;
                let for_good = self.is_suppressed(now_ms) && self.until_ms == 0;
                if next.soft_bounces >= SOFT_BOUNCES_MAX && !for_good {
                    next.suppress("soft_bounces", now_ms, now_ms + SOFT_SUPPRESSED_MS);
                }
            }
        }
        report_id.clone_into(&mut next.last_report);
        next.version += 1;
        Some(next)
    }

    /// After a webhook took a notice, did not, or said that it is gone; none when it changes nothing.
    pub fn after_notice(&self, taken: bool, gone: bool, now_ms: i64) -> Option<Self> {
        let mut next = Self { version: self.version + 1, ..self.clone() };
        if taken && (self.soft_since_ms > 0 || !self.reason.is_empty()) {
            return Some(self.lifted());
        } else if taken || !self.reason.is_empty() {
            return None;
        } else if gone {
            next.suppress("webhook_gone", now_ms, 0);
        } else if self.soft_since_ms == 0 {
            next.soft_since_ms = now_ms;
        } else if now_ms - self.soft_since_ms >= WEBHOOK_FAILING_MS {
            next.suppress("webhook_failing", now_ms, 0);
        } else {
            return None;
        }
        Some(next)
    }

    /// After somebody of the team lifted it.
    pub fn lifted(&self) -> Self {
        Self { version: self.version + 1, last_report: self.last_report.clone(), ..Self::default() }
    }

    fn suppress(&mut self, reason: &str, since_ms: i64, until_ms: i64) {
        reason.clone_into(&mut self.reason);
        self.since_ms = since_ms;
        self.until_ms = until_ms;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: i64 = 24 * 3_600_000;

    fn soft(standing: &Standing, id: &str, now_ms: i64) -> Standing {
        standing.after(Report::BouncedSoft, id, now_ms).unwrap()
    }

    #[test]
    fn a_hard_bounce_suppresses_at_once_and_for_good() {
        let standing = Standing::default().after(Report::BouncedHard, "1", 5).unwrap();
        assert!(standing.is_suppressed(1000 * DAY_MS));
        assert!(!standing.lifted().is_suppressed(6));
    }

    #[test]
    fn three_soft_bounces_in_72_hours_suppress_for_30_days() {
        let two = soft(&soft(&Standing::default(), "1", 0), "2", DAY_MS);
        assert!(!two.is_suppressed(DAY_MS));
        let three = soft(&two, "3", 2 * DAY_MS);
        assert!(three.is_suppressed(31 * DAY_MS));
        assert!(!three.is_suppressed(32 * DAY_MS));
        assert!(!soft(&two, "3", 5 * DAY_MS).is_suppressed(5 * DAY_MS), "the first two are long ago");
    }

    #[test]
    fn a_webhook_that_takes_nothing_for_five_days_is_not_called_any_more() {
        let failing = Standing::default().after_notice(false, false, 7).unwrap();
        assert_eq!(failing.after_notice(false, false, 5 * DAY_MS), None);
        assert!(!failing.is_suppressed(5 * DAY_MS));
        let off = failing.after_notice(false, false, 5 * DAY_MS + 7).unwrap();
        assert!(off.is_suppressed(100 * DAY_MS));
        assert_eq!(failing.after_notice(true, false, DAY_MS).unwrap().soft_since_ms, 0);
        assert_eq!(Standing::default().after_notice(true, false, 7), None);
        assert_eq!(Standing::default().after_notice(false, true, 7).unwrap().reason, "webhook_gone");
    }

    #[test]
    fn a_delivery_halves_the_count_and_a_repeated_report_counts_once() {
        let two = soft(&soft(&Standing::default(), "1", 0), "2", 1);
        assert_eq!(two.after(Report::BouncedSoft, "2", 2), None);
        assert_eq!(two.after(Report::Delivered, "3", 2).unwrap().soft_bounces, 1);
        assert_eq!(two.after(Report::Deferred, "4", 2), None);
    }
}
