//! A histogram of durations with a fixed size: a million samples cost as much memory as ten.
//!
//! It deliberately answers percentiles by the upper end of a bucket, so that it never flatters; a bucket is at most
//! 3.2 % wide.

/// So many microseconds have a bucket each; from there on, half as many buckets a doubling.
const STEPS: u64 = 64;
const DOUBLINGS: usize = 32;

/// Durations in microseconds.
#[derive(Clone, Debug)]
pub struct Latency {
    buckets: Vec<u64>,
    samples: u64,
    max_us: u64,
}

impl Default for Latency {
    fn default() -> Self {
        Self { buckets: vec![0; STEPS as usize * DOUBLINGS], samples: 0, max_us: 0 }
    }
}

impl Latency {
    pub fn record(&mut self, duration_us: u64) {
        let last = self.buckets.len() - 1;
        self.buckets[bucket(duration_us).min(last)] += 1;
        self.samples += 1;
        self.max_us = self.max_us.max(duration_us);
    }

    pub fn samples(&self) -> u64 {
        self.samples
    }

    /// Milliseconds that `share` (0 to 1) of the samples do not exceed; `None` without samples.
    pub fn percentile_ms(&self, share: f64) -> Option<f64> {
        let rank = ((self.samples as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        let found = self.buckets.iter().position(|count| {
            seen += count;
            seen >= rank
        })?;
        Some(upper_end_us(found).min(self.max_us) as f64 / 1000.0)
    }

    pub fn max_ms(&self) -> Option<f64> {
        (self.samples > 0).then_some(self.max_us as f64 / 1000.0)
    }
}

/// Below `STEPS` one bucket a microsecond; above, `STEPS / 2` buckets for each doubling.
fn bucket(duration_us: u64) -> usize {
    if duration_us < STEPS {
        return duration_us as usize;
    }
    let doubling = duration_us.ilog2() - STEPS.ilog2() + 1;
    let within = duration_us >> doubling;
    (u64::from(doubling) * STEPS / 2 + within) as usize
}

fn upper_end_us(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < STEPS {
        return bucket;
    }
    let doubling = (bucket - STEPS / 2) / (STEPS / 2);
    let within = bucket - doubling * STEPS / 2;
    ((within + 1) << doubling) - 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn percentiles_of_a_known_set() {
        let mut latency = Latency::default();
        assert_eq!(latency.percentile_ms(0.5), None);
        for ms in 1..=100 {
            latency.record(ms * 1000);
        }
        let p50 = latency.percentile_ms(0.5).unwrap();
        let p99 = latency.percentile_ms(0.99).unwrap();
        assert!((50.0..52.0).contains(&p50), "{p50}");
        assert!((99.0..=100.0).contains(&p99), "{p99}");
        assert_eq!(latency.max_ms(), Some(100.0));
    }

    proptest! {
        #[test]
        fn a_bucket_never_flatters_and_is_narrow(us in 0u64..3_600_000_000) {
            let end = upper_end_us(bucket(us));
            prop_assert!(end >= us);
            prop_assert!(end - us <= us / 31 + 1);
        }
    }
}
