//! What presence measures. Labels are closed sets; no event, viewer or tenant is one.

use std::sync::atomic::AtomicU64;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};
use turnout_roster::{Liveness, ReplicaStats};

/// How a gateway can be judged.
const STATES: [Liveness; 4] = [Liveness::Fresh, Liveness::Late, Liveness::Suspect, Liveness::Dropped];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabel {
    state: &'static str,
}

impl From<Liveness> for StateLabel {
    fn from(liveness: Liveness) -> Self {
        let state = match liveness {
            Liveness::Fresh => "fresh",
            Liveness::Late => "late",
            Liveness::Suspect => "suspect",
            Liveness::Dropped => "dropped",
        };
        Self { state }
    }
}

/// What became of a row of history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// It is in the store.
    Stored,
    /// The store did not take it; it is tried again.
    Failed,
    /// A checkpoint that found no room; the next one will do.
    Skipped,
    /// It is lost.
    Dropped,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabel {
    result: &'static str,
}

impl From<Written> for ResultLabel {
    fn from(written: Written) -> Self {
        let result = match written {
            Written::Stored => "stored",
            Written::Failed => "failed",
            Written::Skipped => "skipped",
            Written::Dropped => "dropped",
        };
        Self { result }
    }
}

/// Sums over the topics of a replica.
#[derive(Debug, Clone, Copy, Default)]
pub struct Totals {
    pub viewers: u64,
    pub low: u64,
    pub high: u64,
    pub connections: u64,
    pub topics: usize,
}

/// The metrics.
#[derive(Debug, Clone, Default)]
pub struct PresenceMetrics {
    viewers: Gauge,
    low: Gauge,
    high: Gauge,
    connections: Gauge,
    topics: Gauge,
    sources: Family<StateLabel, Gauge>,
    gap_resyncs: Counter,
    snapshots: Counter,
    digest_mismatches: Counter,
    fenced: Counter,
    pub undecodable_frames: Counter,
    stale: Gauge,
    warming: Gauge,
    history_queue_rows: Gauge,
    history_oldest_age_s: Gauge<f64, AtomicU64>,
    history_writes: Family<ResultLabel, Counter>,
    tick_delay_s: TickDelay,
}

/// A tick is applied within milliseconds in one process, within seconds when something is wrong.
#[derive(Debug, Clone)]
struct TickDelay(Histogram);

impl Default for TickDelay {
    fn default() -> Self {
        Self(Histogram::new(exponential_buckets(0.001, 2.0, 14)))
    }
}

impl PresenceMetrics {
    /// Registers them.
    pub fn register(registry: &mut Registry) -> Self {
        let new = Self::default();
        // Series that exist from the start can be alarmed on.
        new.judged(std::iter::empty());
        for result in [Written::Stored, Written::Failed, Written::Skipped, Written::Dropped] {
            new.wrote(result, 0);
        }
        let mut gauge = |name, help, gauge: &Gauge| registry.register(name, help, gauge.clone());
        gauge("turnout_presence_viewers", "Distinct viewers, summed over events; rooms are not added", &new.viewers);
        gauge("turnout_presence_viewers_low", "The same, the low end of the band", &new.low);
        gauge("turnout_presence_viewers_high", "The same, the high end of the band", &new.high);
        gauge("turnout_presence_connections", "Connections, summed over events", &new.connections);
        gauge("turnout_presence_topics", "Events and rooms that are counted", &new.topics);
        gauge("turnout_presence_stale", "1 while the replica suspects itself to be out of touch", &new.stale);
        gauge("turnout_presence_warming", "1 until the replica has heard the mesh for long enough", &new.warming);
        gauge("turnout_presence_history_queue_rows", "Rows that wait for the store", &new.history_queue_rows);
        let mut counter = |name, help, counter: &Counter| registry.register(name, help, counter.clone());
        counter("turnout_presence_gap_resyncs", "Times that something was missing and asked for", &new.gap_resyncs);
        counter("turnout_presence_snapshots", "Whole states taken over from a gateway", &new.snapshots);
        counter(
            "turnout_presence_digest_mismatches",
            "Sets that differed from what their gateway says; each is a bug",
            &new.digest_mismatches,
        );
        counter("turnout_presence_fenced", "Frames of a superseded life of a gateway", &new.fenced);
        counter(
            "turnout_presence_undecodable_frames",
            "Messages that were no frames, and were ignored",
            &new.undecodable_frames,
        );
        registry.register("turnout_presence_sources", "Gateways, by how they are judged", new.sources.clone());
        registry.register(
            "turnout_presence_history_oldest_age_seconds",
            "How long the oldest row has waited for the store",
            new.history_oldest_age_s.clone(),
        );
        registry.register(
            "turnout_presence_history_writes",
            "Rows of history, by what became of them",
            new.history_writes.clone(),
        );
        registry.register(
            "turnout_presence_tick_delay_seconds",
            "From the close of a tick at its gateway until it is applied here, by both wall clocks",
            new.tick_delay_s.0.clone(),
        );
        new
    }

    /// A tick was applied so long after it was closed.
    pub fn tick_applied(&self, delay_ms: u64) {
        self.tick_delay_s.0.observe(delay_ms as f64 / 1000.0);
    }

    /// Rows of history were stored, or not.
    pub fn wrote(&self, result: Written, rows: u64) {
        self.history_writes.get_or_create(&result.into()).inc_by(rows);
    }

    /// The sums, and the replica's opinion of itself.
    pub fn counted(&self, totals: Totals, stale: bool, warming: bool) {
        self.viewers.set(totals.viewers.cast_signed());
        self.low.set(totals.low.cast_signed());
        self.high.set(totals.high.cast_signed());
        self.connections.set(totals.connections.cast_signed());
        self.topics.set(totals.topics.cast_signed() as i64);
        self.stale.set(stale.into());
        self.warming.set(warming.into());
    }

    /// How many gateways there are in each state.
    pub fn judged(&self, gateways: impl Iterator<Item = Liveness>) {
        let mut counts = STATES.map(|state| (state, 0));
        for liveness in gateways {
            counts.iter_mut().filter(|(state, _)| *state == liveness).for_each(|(_, count)| *count += 1);
        }
        for (state, count) in counts {
            self.sources.get_or_create(&state.into()).set(count);
        }
    }

    /// What the replica has done since it was asked last.
    pub fn did(&self, before: ReplicaStats, now: ReplicaStats) {
        self.gap_resyncs.inc_by(now.gaps - before.gaps);
        self.snapshots.inc_by(now.snapshots - before.snapshots);
        self.digest_mismatches.inc_by(now.digest_mismatches - before.digest_mismatches);
        self.fenced.inc_by(now.fenced - before.fenced);
    }

    /// What waits for the store.
    pub fn history_waits(&self, rows: usize, oldest_age_ms: u64) {
        self.history_queue_rows.set(rows.cast_signed() as i64);
        self.history_oldest_age_s.set(oldest_age_ms as f64 / 1000.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_series_is_there_from_the_start_under_its_full_name() {
        let mut registry = Registry::default();
        let metrics = PresenceMetrics::register(&mut registry);
        metrics.judged([Liveness::Fresh, Liveness::Fresh, Liveness::Dropped].into_iter());
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        for line in [
            "turnout_presence_viewers 0",
            "turnout_presence_viewers_low 0",
            "turnout_presence_viewers_high 0",
            "turnout_presence_connections 0",
            "turnout_presence_topics 0",
            "turnout_presence_sources{state=\"fresh\"} 2",
            "turnout_presence_sources{state=\"late\"} 0",
            "turnout_presence_sources{state=\"suspect\"} 0",
            "turnout_presence_sources{state=\"dropped\"} 1",
            "turnout_presence_gap_resyncs_total 0",
            "turnout_presence_snapshots_total 0",
            "turnout_presence_digest_mismatches_total 0",
            "turnout_presence_fenced_total 0",
            "turnout_presence_undecodable_frames_total 0",
            "turnout_presence_stale 0",
            "turnout_presence_warming 0",
            "turnout_presence_history_queue_rows 0",
            "turnout_presence_history_oldest_age_seconds 0.0",
            "turnout_presence_history_writes_total{result=\"stored\"} 0",
            "turnout_presence_history_writes_total{result=\"failed\"} 0",
            "turnout_presence_history_writes_total{result=\"skipped\"} 0",
            "turnout_presence_history_writes_total{result=\"dropped\"} 0",
            "turnout_presence_tick_delay_seconds_count 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }
}
