//! A whole mesh on one thread, by seed: gateways, replicas, a restless crowd and a bad network, judged against the truth after
//! every step. One seed is one run, on any machine.
//!
//! The laws:
//! - **exact**: after every frame a replica's sets for a gateway are those that the gateway had at that (epoch, seq);
//! - **band**: everybody connected throughout the window of a count is within its high end, everybody within its low end was
//!   connected at some moment of it (see [`crate::TopicCount`]);
//! - **self-suspicion**: a replica that knows that it is cut off drops nobody;
//! - **facts**: a span is opened once and closed once, and the open ones are, in the end, those of the truth;
//! - **convergence**: once all faults are healed every replica equals the truth exactly, within a bounded time.
//!
//! Deliberately not a test of sockets, encodings or stores: those have their own.

mod crowd;
mod faults;
mod laws;
mod network;
mod process;
mod rng;
mod scenario;
mod station;
mod sweep;
mod truth;
mod world;

pub use sweep::{PAST_FAILURES, sweep};

use crate::ids::Millis;
use crate::limits::{DROP_AFTER_MS, FREEZE_MAX_MS, SUSPECT_AFTER_MS};
use crate::replica::Sabotage;

/// After all faults heal, every replica must equal the truth within this time: the longest freeze, then suspicion and drop, then
/// a few round trips.
pub const CONVERGENCE_MS_MAX: Millis = FREEZE_MAX_MS + SUSPECT_AFTER_MS + DROP_AFTER_MS + 7_000;

/// Bugs to plant; none by default.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    pub sabotage: Option<Sabotage>,
    /// The bus eats one viewer out of one tick, which the digest must reveal.
    pub corrupt_a_tick: bool,
    /// A fenced gateway goes on under its old name.
    pub keep_name_when_fenced: bool,
}

/// A run that obeyed all laws.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Report {
    /// Equal for equal runs.
    pub trace_hash: u64,
    /// Counts that were judged.
    pub counts: u64,
    /// Summed over the counts judged: viewers that were certainly there, and viewers connected.
    pub sure: u64,
    pub connected: u64,
    /// Summed over the counts judged: high minus low.
    pub band: u64,
    /// From healing to exactness.
    pub convergence_ms: Millis,
    /// Summed over gateways and replicas.
    pub ticks: u64,
    pub gaps: u64,
    pub snapshots: u64,
    pub fenced: u64,
    pub dropped: u64,
    pub facts: u64,
}

impl Report {
    /// Sums two runs; of the convergence the longer, of the hashes a common one.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            trace_hash: self.trace_hash.wrapping_add(other.trace_hash),
            counts: self.counts + other.counts,
            sure: self.sure + other.sure,
            connected: self.connected + other.connected,
            band: self.band + other.band,
            convergence_ms: self.convergence_ms.max(other.convergence_ms),
            ticks: self.ticks + other.ticks,
            gaps: self.gaps + other.gaps,
            snapshots: self.snapshots + other.snapshots,
            fenced: self.fenced + other.fenced,
            dropped: self.dropped + other.dropped,
            facts: self.facts + other.facts,
        }
    }
}

/// A law that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub seed: u64,
    /// Simulated time.
    pub at_ms: Millis,
    pub law: &'static str,
    pub detail: String,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { seed, at_ms, law, detail } = self;
        writeln!(f, "seed {seed} breaks the law of {law} at {at_ms} ms: {detail}")?;
        write!(f, "replay: cargo run -p turnout-roster --bin roster-sim -- --seed {seed} --trace")
    }
}

/// Runs one seed to its end or to the first broken law; `trace` gets a line for everything that happens.
///
/// # Errors
/// The first law that was broken.
pub fn run(seed: u64, options: Options, trace: Option<&mut dyn FnMut(String)>) -> Result<Report, Failure> {
    world::World::new(seed, options, trace).run()
}
