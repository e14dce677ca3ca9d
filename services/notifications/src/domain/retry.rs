//! When a message that could not be handed over is tried again, and when a provider that does not answer is left alone.

use super::message::Channel;

/// After the first, second, … try; the last holds for all later ones, until the message expires.
const DELAYS_MS: [i64; 5] = [60_000, 5 * 60_000, 15 * 60_000, 60 * 60_000, 4 * 60 * 60_000];
/// The same for webhooks: eight tries within 28 hours, after the schedule that receivers know from others.
const WEBHOOK_DELAYS_MS: [i64; 6] =
    [5_000, 5 * 60_000, 30 * 60_000, 2 * 60 * 60_000, 5 * 60 * 60_000, 10 * 60 * 60_000];
/// A notice that was not taken by then is given up: after its eighth try.
pub(crate) const WEBHOOK_TRIED_MS: i64 = 36 * 60 * 60_000;
/// A delay grows by up to this share, in thousandths, so that messages that failed together are not tried together.
pub(crate) const JITTER_PERMILLE_MAX: u64 = 200;
/// Connections that fail in a row before the provider is left alone.
const FAILURES_MAX: u32 = 5;
/// How long it is left alone before one message is tried.
const OPEN_MS: u64 = 30_000;

/// How long to wait after so many tries; `jitter` in thousandths, below [`JITTER_PERMILLE_MAX`].
pub(crate) fn delay_ms(channel: Channel, attempts: i64, jitter: u64) -> i64 {
    let delays: &[i64] = if channel == Channel::Webhook { &WEBHOOK_DELAYS_MS } else { &DELAYS_MS };
    let place = usize::try_from(attempts - 1).unwrap_or_default().min(delays.len() - 1);
    let delay = delays[place];
    delay + delay * jitter.min(JITTER_PERMILLE_MAX) as i64 / 1000
}

/// The breaker of one provider: after failures in a row nobody calls for a while, then one message tries.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    failures: u32,
    /// The monotonic time from which the next try is allowed.
    next_try_ms: u64,
}

impl Breaker {
    /// Whether a message may be tried now. Once open, the one that is allowed holds the others back.
    pub fn allows(&mut self, now_ms: u64) -> bool {
        if self.failures < FAILURES_MAX {
            return true;
        }
        if now_ms < self.next_try_ms {
            return false;
        }
        self.next_try_ms = now_ms + OPEN_MS;
        true
    }

    /// The try that was allowed was not made: another message may have it.
    pub fn was_not_tried(&mut self, now_ms: u64) {
        if self.failures >= FAILURES_MAX {
            self.next_try_ms = now_ms;
        }
    }

    /// Whether the provider is left alone at this moment, without taking the try.
    pub fn is_open(&self, now_ms: u64) -> bool {
        self.failures >= FAILURES_MAX && now_ms < self.next_try_ms
    }

    /// The provider answered, whatever it said; or it could not be reached.
    pub fn record(&mut self, reached: bool, now_ms: u64) {
        if reached {
            self.failures = 0;
        } else {
            self.failures = self.failures.saturating_add(1);
            self.next_try_ms = now_ms + OPEN_MS;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_come_after_1_5_and_15_minutes_1_and_4_hours_and_then_every_4() {
        let minutes: Vec<i64> = (1..=7).map(|attempts| delay_ms(Channel::Email, attempts, 0) / 60_000).collect();
        assert_eq!(minutes, [1, 5, 15, 60, 240, 240, 240]);
        assert_eq!(delay_ms(Channel::Email, 1, JITTER_PERMILLE_MAX), 72_000);
    }

    #[test]
    fn a_webhook_is_tried_eight_times_whatever_the_jitter() {
        for jitter in [0, JITTER_PERMILLE_MAX] {
            let mut at_ms = 0;
            let tries = (1..).take_while(|attempts| {
                let tried = at_ms < WEBHOOK_TRIED_MS;
                at_ms += delay_ms(Channel::Webhook, *attempts, jitter);
                tried
            });
            assert_eq!(tries.count(), 8, "{jitter}");
        }
    }

    #[test]
    fn after_five_failures_the_provider_is_left_alone_and_then_tried_by_one() {
        let mut breaker = Breaker::default();
        for _ in 0..4 {
            breaker.record(false, 0);
        }
        assert!(breaker.allows(0));
        breaker.record(false, 0);
        assert!(breaker.is_open(OPEN_MS - 1) && !breaker.allows(OPEN_MS - 1));
        assert!(breaker.allows(OPEN_MS));
        assert!(!breaker.allows(OPEN_MS), "one at a time");
        breaker.was_not_tried(OPEN_MS);
        assert!(breaker.allows(OPEN_MS) && !breaker.allows(OPEN_MS), "a try that was not made is another's");
        breaker.record(true, OPEN_MS);
        assert!(breaker.allows(OPEN_MS));
    }
}
