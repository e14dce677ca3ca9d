//! The replica's half of the protocol: follows every gateway's sets, forms their union, and publishes counts with a band.
//!
//! Two replicas that have applied the same ticks publish the same numbers, so they need no leader and do not talk.
//! Deliberately never adds or subtracts a number that came over the wire: a count is the size of a set, so nothing drifts.

use std::collections::BTreeMap;

use crate::frames::{Member, Resync, SnapshotPart, Tick};
use crate::ids::{Millis, SourceName, Topic};
use crate::limits::{SNAPSHOTS_IN_FLIGHT_MAX, SOURCE_FORGET_MS, SOURCES_MAX, WARMING_MAX_MS, WARMING_MS};

mod counts;
mod effects;
mod holdings;
mod liveness;
mod source;
mod union;

pub use effects::{CloseCause, Effect, Liveness, ReplicaStats, Span};

use counts::Publisher;
use liveness::SelfDoubt;
use source::{Source, Surroundings};
use union::Unions;

/// How a replica is set up.
#[derive(Debug, Clone, Copy, Default)]
pub struct ReplicaConfig {
    /// Only for the simulation; see [`Sabotage`].
    #[doc(hidden)]
    pub sabotage: Option<Sabotage>,
}

/// A bug planted on purpose, with which the simulation proves that it would find one.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    /// A set that differs from its gateway's is not noticed.
    SkipDigestCheck,
    /// Gaps are jumped over.
    ApplyOutOfOrder,
    /// A snapshot empties the sets when it begins and fills them when it is complete.
    PurgeThenFill,
    /// A suspect source is dropped at once.
    DropAtSuspicion,
    /// A count claims to be that of this moment.
    AsOfNow,
}

/// Counts to publish to all gateways.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counts {
    pub warming: bool,
    pub stale: bool,
    /// When the frame was made, by the replica's wall clock.
    pub at_ms: Millis,
    /// Empty in a heartbeat.
    pub counts: Vec<(Topic, TopicCount)>,
}

/// The count of one topic.
///
/// The band means: let `window` be the time from `as_of_ms` until now. Everybody who had a connection throughout the window is
/// within `high`; everybody within `low` had one at some moment of it. A gateway that is suspect keeps in the band those that were
/// last known there; one that was dropped is by definition dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TopicCount {
    /// Distinct viewers, over all gateways, the perhaps gone ones included.
    pub viewers: u64,
    /// Without those who linger or hang on a silent gateway only.
    pub low: u64,
    /// Equal to `viewers`: nobody is held who is not counted.
    pub high: u64,
    /// Open connections.
    pub connections: u64,
    /// Everything that any gateway not under suspicion did up to this moment is in the count. By the gateways' clocks.
    pub as_of_ms: Millis,
    /// Grows with each published count of the topic, over all replicas and restarts. 0 before the first.
    pub revision: u64,
}

/// What a replica says of itself in each frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplicaStatus {
    /// It has not heard the mesh for long enough: prefer any other.
    pub warming: bool,
    /// It suspects that it is itself out of touch: nobody is dropped meanwhile.
    pub stale: bool,
}

/// A source as a replica sees it, for operators and tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceView<'a> {
    pub source: &'a SourceName,
    /// Epoch, seq and time of the applied state; None before the first.
    pub applied: Option<(u64, u64, Millis)>,
    /// Nothing is known to be missing.
    pub synced: bool,
    pub draining: bool,
    pub liveness: Liveness,
}

/// One presence replica.
#[derive(Debug)]
pub struct Replica {
    config: ReplicaConfig,
    sources: BTreeMap<SourceName, Source>,
    unions: Unions,
    publisher: Publisher,
    doubt: SelfDoubt,
    /// When the bus came for the first time, until the replica is warm.
    warming_since_now_ms: Option<Millis>,
    warm: bool,
    /// The wall clock at the last publication; the time of a count without any source.
    published_at_ms: Millis,
    stats: ReplicaStats,
}

impl Replica {
    /// A replica that knows nothing yet and waits for [`Self::on_bus`].
    pub fn new(config: ReplicaConfig) -> Self {
        Self {
            config,
            sources: BTreeMap::new(),
            unions: Unions::default(),
            publisher: Publisher::default(),
            doubt: SelfDoubt::new(),
            warming_since_now_ms: None,
            warm: false,
            published_at_ms: 0,
            stats: ReplicaStats::default(),
        }
    }

    /// A tick came from the bus.
    pub fn on_tick(&mut self, tick: Tick, now_ms: Millis) -> Vec<Effect> {
        let mut out = Vec::new();
        self.take_ticks(vec![tick], now_ms, &mut out);
        out
    }

    /// An answer to a resync request came from the bus (to this replica's or another's).
    pub fn on_resync(&mut self, resync: Resync, now_ms: Millis) -> Vec<Effect> {
        let mut out = Vec::new();
        match resync {
            Resync::Replay(ticks) => self.take_ticks(ticks, now_ms, &mut out),
            Resync::Snapshot(part) => self.take_part(part, now_ms, &mut out),
        }
        out
    }

    /// The bus connection came or went. A new replica starts without one.
    pub fn on_bus(&mut self, connected: bool, now_ms: Millis) {
        self.doubt.on_bus(connected, now_ms);
        if !self.warm {
            self.warming_since_now_ms = connected.then_some(now_ms);
        }
    }

    /// Time passes: call it about every 100 ms.
    pub fn on_timer(&mut self, now_ms: Millis) -> Vec<Effect> {
        let mut out = Vec::new();
        self.judge_sources(now_ms, &mut out);
        let names: Vec<SourceName> =
            self.sources.iter().filter(|(_, source)| !source.is_synced()).map(|(name, _)| name.clone()).collect();
        for name in &names {
            self.ask(name, now_ms, &mut out);
        }
        self.warm = self.warm
            || self.warming_since_now_ms.is_some_and(|since| {
                let all_known = || self.alive().all(Source::is_synced);
                now_ms >= since + WARMING_MAX_MS || (now_ms >= since + WARMING_MS && all_known())
            });
        out
    }

    /// The frames to publish now (each within [`crate::limits::COUNTS_TOPICS_MAX`]): every change at the cadence of its size, every
    /// topic again at least each 5 s, and at least an empty frame each 500 ms. Call it after [`Self::on_timer`].
    pub fn publish(&mut self, now_ms: Millis, at_ms: Millis) -> Vec<Counts> {
        self.published_at_ms = at_ms;
        let (status, as_of_ms) = (self.status(), self.as_of_ms());
        self.publisher.publish(&self.unions, status, as_of_ms, now_ms, at_ms)
    }

    /// Another replica published this revision (of whichever topic): ours must grow beyond it, as gateways may turn to us at any time.
    pub fn observe_revision(&mut self, revision: u64) {
        self.publisher.observe_revision(revision);
    }

    /// The count of a topic as of now, whether published or not. None if nobody was ever there, or not for a long time.
    pub fn count(&self, topic: &Topic) -> Option<TopicCount> {
        self.publisher.count(&self.unions, topic, self.as_of_ms())
    }

    /// The topics that are published, sorted.
    pub fn topics(&self) -> impl Iterator<Item = &Topic> {
        self.publisher.topics()
    }

    pub fn status(&self) -> ReplicaStatus {
        ReplicaStatus { warming: !self.warm, stale: self.doubt.stale }
    }

    pub fn stats(&self) -> ReplicaStats {
        self.stats
    }

    /// The sources, sorted by name, the dropped ones of the last hour included.
    pub fn sources(&self) -> impl Iterator<Item = SourceView<'_>> {
        self.sources.iter().map(|(name, source)| source.view(name))
    }

    /// One source; None if it was never heard of, or not for an hour.
    pub fn source(&self, name: &SourceName) -> Option<SourceView<'_>> {
        self.sources.get_key_value(name).map(|(name, source)| source.view(name))
    }

    /// Everyone that is held for one source, in no particular order.
    pub fn members_at(&self, source: &SourceName) -> impl Iterator<Item = (&Topic, Member)> {
        self.sources.get(source).into_iter().flat_map(|source| source.holdings.members())
    }

    /// Ticks of one source, in order. What is still missing is asked for after the last, not after each.
    fn take_ticks(&mut self, ticks: Vec<Tick>, now_ms: Millis, out: &mut Vec<Effect>) {
        let Some(name) = ticks.first().map(|tick| tick.source.clone()) else { return };
        for tick in ticks.into_iter().filter(|tick| tick.source == name) {
            if self.hear(&name, tick.epoch, now_ms, out) {
                self.with(&name, out, |source, around| source.take_tick(tick, around));
            } else if self.sources.contains_key(&name) {
                self.with(&name, out, |source, around| source.fence(now_ms, around));
            }
        }
        if self.sources.contains_key(&name) {
            self.ask(&name, now_ms, out);
        }
    }

    fn take_part(&mut self, part: SnapshotPart, now_ms: Millis, out: &mut Vec<Effect>) {
        let name = part.source.clone();
        if self.hear(&name, part.epoch, now_ms, out) {
            self.with(&name, out, |source, around| source.take_part(part, now_ms, around));
        }
    }

    /// Notes that a source lives. False if the frame is not to be used: of a superseded epoch, or beyond [`SOURCES_MAX`].
    fn hear(&mut self, name: &SourceName, epoch: u64, now_ms: Millis, out: &mut Vec<Effect>) -> bool {
        if !self.sources.contains_key(name) {
            if self.sources.len() >= SOURCES_MAX {
                self.stats.refused += 1;
                return false;
            }
            self.sources.insert(name.clone(), Source::new(name.clone(), now_ms));
        }
        self.with(name, out, |source, around| {
            let accepted = source.accepts(epoch);
            if accepted {
                source.heard_now_ms = now_ms;
                source.become_liveness(Liveness::Fresh, around);
            }
            accepted
        })
    }

    fn ask(&mut self, name: &SourceName, now_ms: Millis, out: &mut Vec<Effect>) {
        let awaited = self.sources.values().filter(|source| source.awaits_snapshot(now_ms)).count();
        self.with(name, out, |source, around| {
            if source.liveness != Liveness::Dropped {
                source.ask(now_ms, awaited < SNAPSHOTS_IN_FLIGHT_MAX, around);
            }
        });
    }

    fn judge_sources(&mut self, now_ms: Millis, out: &mut Vec<Effect>) {
        let config = self.config;
        self.for_each(out, |source, around| {
            if source.liveness != Liveness::Dropped {
                let is = liveness::of_silence(now_ms.saturating_sub(source.heard_now_ms));
                if is != source.liveness {
                    source.suspect_since_now_ms = now_ms;
                    source.become_liveness(is, around);
                }
            }
        });
        self.doubt.judge(self.sources.values(), now_ms);
        let stale = self.doubt.stale;
        self.for_each(out, |source, around| {
            if source.liveness != Liveness::Suspect {
                return;
            }
            if stale {
                // While we doubt ourselves the drop timer stands; afterwards it begins anew.
                source.suspect_since_now_ms = now_ms;
            } else if liveness::is_dead(source, now_ms) || config.sabotage == Some(Sabotage::DropAtSuspicion) {
                source.release(around);
                around.stats.dropped += 1;
                source.become_liveness(Liveness::Dropped, around);
            }
        });
        self.sources.retain(|_, source| {
            source.liveness != Liveness::Dropped || now_ms.saturating_sub(source.heard_now_ms) < SOURCE_FORGET_MS
        });
    }

    /// The oldest state among the sources that are heard; if none is, or we doubt ourselves, among all that are held.
    fn as_of_ms(&self) -> Millis {
        if self.config.sabotage == Some(Sabotage::AsOfNow) {
            return self.published_at_ms;
        }
        let oldest = |suspects_too: bool| {
            let counted = self.alive().filter(move |source| suspects_too || source.liveness != Liveness::Suspect);
            counted.filter_map(|source| source.applied.as_ref().map(|applied| applied.stamp.at_ms)).min()
        };
        let heard = if self.doubt.stale { None } else { oldest(false) };
        heard.or_else(|| oldest(true)).unwrap_or(self.published_at_ms)
    }

    fn alive(&self) -> impl Iterator<Item = &Source> {
        self.sources.values().filter(|source| source.liveness != Liveness::Dropped)
    }

    fn with<R>(
        &mut self,
        name: &SourceName,
        out: &mut Vec<Effect>,
        act: impl FnOnce(&mut Source, &mut Surroundings<'_>) -> R,
    ) -> R {
        let source = self.sources.get_mut(name).expect("only sources that were heard are worked on");
        let sabotage = self.config.sabotage;
        act(source, &mut Surroundings { unions: &mut self.unions, stats: &mut self.stats, out, sabotage })
    }

    fn for_each(&mut self, out: &mut Vec<Effect>, mut act: impl FnMut(&mut Source, &mut Surroundings<'_>)) {
        let sabotage = self.config.sabotage;
        let mut around = Surroundings { unions: &mut self.unions, stats: &mut self.stats, out, sabotage };
        self.sources.values_mut().for_each(|source| act(source, &mut around));
    }
}
