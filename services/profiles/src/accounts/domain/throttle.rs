//! How guessing is slowed down: each try that fails makes the wait for the next one longer, up to a bound, so that nobody is ever
//! locked out for good. A try is counted before its outcome is known and forgiven when it succeeds: tries at the same moment
//! gain nothing. Where the counts are kept is the store's business.

/// How fast the waits grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Policy {
    /// So many tries in a row come without a wait.
    pub free: u32,
    /// The first wait; each further one is twice as long.
    pub first_ms: i64,
    /// The longest wait.
    pub longest_ms: i64,
}

/// Tries are forgotten when there was none for so long.
pub(crate) const FORGOTTEN_AFTER_S: u32 = 24 * 60 * 60;

/// Of passwords and codes of one account: 15 tries take 17 minutes, and after that 4 an hour are possible.
pub(crate) const ACCOUNT: Policy = Policy { free: 5, first_ms: 1000, longest_ms: 15 * 60 * 1000 };
/// From one network, over all accounts. Behind one address may be a whole office.
pub(crate) const CLIENT: Policy = Policy { free: 30, first_ms: 1000, longest_ms: 30 * 1000 };
/// Of links to one address: they fill a mailbox.
pub(crate) const LINKS: Policy = Policy { free: 3, first_ms: 30_000, longest_ms: 15 * 60 * 1000 };
/// Of links that one network asks for: a whole audience may sit behind one address, so 30 a minute are always possible.
pub(crate) const CLIENT_LINKS: Policy = Policy { free: 100, first_ms: 250, longest_ms: 2000 };
/// A wait doubles at most so often; the longest one comes much earlier.
const DOUBLINGS_MAX: u32 = 30;

/// The tries so far, of one account or one network. The times are in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tries {
    /// Tries that did not succeed, or are under way.
    pub failed: u32,
    /// None is allowed before this.
    pub next_at_ms: i64,
}

impl Tries {
    /// The tries with one more, if one is allowed now; else the time to wait.
    pub fn with_one_more(self, policy: Policy, at_ms: i64) -> Result<Self, i64> {
        // Nothing is further away than the longest wait, unless the clock was set back: then the wait starts anew.
        let wait_ms = (self.next_at_ms - at_ms).min(policy.longest_ms);
        if wait_ms > 0 {
            return Err(wait_ms);
        }
        let failed = self.failed.saturating_add(1);
        let delay_ms = match failed.checked_sub(policy.free) {
            None => 0,
            Some(over) => policy.first_ms << over.min(DOUBLINGS_MAX),
        };
        Ok(Self { failed, next_at_ms: at_ms + delay_ms.min(policy.longest_ms) })
    }

    /// The tries without the latest: it was no failure, but proves too little to forget the earlier ones.
    #[must_use]
    pub fn without_latest(self) -> Self {
        Self { failed: self.failed.saturating_sub(1), next_at_ms: 0 }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_wait_doubles_up_to_its_bound() {
        let (mut tries, mut at_ms, mut waits) = (Tries::default(), 0, Vec::new());
        for _ in 0..20 {
            tries = tries.with_one_more(ACCOUNT, at_ms).unwrap();
            waits.push((tries.next_at_ms - at_ms) / 1000);
            at_ms = tries.next_at_ms;
        }
        assert_eq!(waits, [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900, 900, 900, 900]);
    }

    #[test]
    fn a_try_during_the_wait_is_refused_and_does_not_prolong_it() {
        let mut tries = Tries::default();
        for _ in 0..6 {
            tries = tries.with_one_more(ACCOUNT, tries.next_at_ms).unwrap();
        }
        let until = tries.next_at_ms;
        assert_eq!(tries.with_one_more(ACCOUNT, until - 1), Err(1));
        assert!(tries.with_one_more(ACCOUNT, until).is_ok());
    }

    #[test]
    fn a_clock_that_is_set_back_prolongs_no_wait_beyond_the_longest() {
        let tries = Tries { failed: 50, next_at_ms: 1_000_000_000_000 };
        assert_eq!(tries.with_one_more(ACCOUNT, 0), Err(ACCOUNT.longest_ms));
    }

    proptest! {
        #[test]
        fn nobody_waits_longer_than_the_bound_however_often_they_failed(failed in 0..u32::MAX, at_ms in 0..1_i64 << 50) {
            for policy in [ACCOUNT, CLIENT, LINKS, CLIENT_LINKS] {
                let next = Tries { failed, next_at_ms: 0 }.with_one_more(policy, at_ms).unwrap();
                let wait_ms = next.next_at_ms - at_ms;
                prop_assert!((0..=policy.longest_ms).contains(&wait_ms));
                prop_assert_eq!(wait_ms == 0, failed + 1 < policy.free);
            }
        }
    }
}
