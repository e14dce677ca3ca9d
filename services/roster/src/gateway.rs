//! The gateway's half of the protocol: the sets of viewers of one gateway, told to the replicas tick by tick.
//!
//! Deliberately no refcount of connections: the caller keeps that and says only "first connection came" and "last one went".
//! Calls for one (topic, viewer) must come in the order in which that refcount changed.

use std::collections::{BTreeMap, VecDeque};

use crate::frames::TICK_BYTES_MAX;
use crate::frames::{Resync, ResyncRequest, SnapshotPart, Tick, TopicDelta};
use crate::ids::{Millis, SourceName, Topic, ViewerId};
use crate::limits::{FRAME_BYTES_MAX, HEARTBEAT_MS, LINGER_MS, REPLAY_TICKS_MAX, SNAPSHOT_PART_MEMBERS_MAX};

mod set;
mod snapshot;

use set::{Presence, TopicSet};

/// How the last connection of a viewer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leave {
    /// With a goodbye: the viewer is gone at once.
    Clean,
    /// Without one: the viewer lingers for [`LINGER_MS`], for most come back.
    Broken,
}

/// What a gateway's roster did since it started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GatewayStats {
    pub ticks: u64,
    /// Ticks without topics.
    pub heartbeats: u64,
    pub joins: u64,
    pub lingers: u64,
    pub leaves: u64,
    /// Resync requests answered with ticks.
    pub replays: u64,
    /// Resync requests answered with the whole state.
    pub snapshots: u64,
    /// How often the gateway had to go on under another name.
    pub fenced: u64,
}

/// The sets of one gateway, and what the replicas have been told of them.
#[derive(Debug)]
pub struct GatewayRoster {
    source: SourceName,
    epoch: u64,
    seq: u64,
    /// Of the last tick: wall and monotonic.
    at_ms: Millis,
    ticked_now_ms: Millis,
    draining: bool,
    /// A tick is due even without changes.
    announce: bool,
    topics: BTreeMap<Topic, TopicSet>,
    /// Topics with changes since the last tick, in the order of the first one.
    changed: Vec<Topic>,
    /// In the order of expiry, as every linger takes equally long.
    lingers: VecDeque<Linger>,
    /// Of the last linger that began.
    linger_stamp: u32,
    ring: VecDeque<Tick>,
    frames: FrameSizes,
    stats: GatewayStats,
}

/// Where frames are split.
#[derive(Debug, Clone, Copy)]
struct FrameSizes {
    tick_bytes_max: usize,
    part_members_max: usize,
}

#[derive(Debug)]
struct Linger {
    until_now_ms: Millis,
    topic: Topic,
    viewer: ViewerId,
    /// Unique in the gateway (but for a wrap after four billion): a later linger of the viewer must not be ended by the clock of an
    /// earlier one, even if the viewer was forgotten in between.
    stamp: u32,
}

impl GatewayRoster {
    /// An empty roster. `epoch` must be higher than that of any earlier life under this name (a start time in milliseconds
    /// does, and [`Self::on_resync`] mends the case that the clock stepped back). Tick once before the first join: a tick says
    /// that everything up to its time is told, and the first has nothing to lean on if it must be split.
    pub fn new(source: SourceName, epoch: u64) -> Self {
        Self {
            source,
            epoch,
            seq: 0,
            at_ms: 0,
            ticked_now_ms: 0,
            draining: false,
            announce: true,
            topics: BTreeMap::new(),
            changed: Vec::new(),
            lingers: VecDeque::new(),
            linger_stamp: 0,
            ring: VecDeque::with_capacity(REPLAY_TICKS_MAX),
            frames: FrameSizes { tick_bytes_max: TICK_BYTES_MAX, part_members_max: SNAPSHOT_PART_MEMBERS_MAX },
            stats: GatewayStats::default(),
        }
    }

    /// For the simulation: frames so small that even a few viewers do not fit into one.
    #[doc(hidden)]
    #[must_use]
    pub fn with_frames_of(mut self, tick_bytes_max: usize, part_members_max: usize) -> Self {
        self.frames = FrameSizes { tick_bytes_max, part_members_max };
        self
    }

    /// The name in use; it changes when the gateway is fenced.
    pub fn source(&self) -> &SourceName {
        &self.source
    }

    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The number of the last tick; 0 before the first.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    pub fn stats(&self) -> GatewayStats {
        self.stats
    }

    /// The first connection of a viewer to a topic came. Ends a linger. Twice is as good as once.
    pub fn join(&mut self, topic: &Topic, viewer: ViewerId) {
        let set = Self::set_of(&mut self.topics, topic);
        if set.change(viewer, Presence::Live) {
            Self::mark(&mut self.changed, topic, set);
        }
    }

    /// The last connection of a viewer to a topic went. While draining every leave lingers: the viewer is being moved.
    pub fn leave(&mut self, topic: &Topic, viewer: ViewerId, cause: Leave, now_ms: Millis) {
        let Some(set) = self.topics.get_mut(topic) else { return };
        if !set.is_live(viewer) {
            return;
        }
        if cause == Leave::Clean && !self.draining {
            set.change(viewer, Presence::Absent);
        } else {
            self.linger_stamp = self.linger_stamp.wrapping_add(1);
            let (stamp, until_now_ms) = (self.linger_stamp, now_ms + LINGER_MS);
            set.linger(viewer, stamp);
            self.lingers.push_back(Linger { until_now_ms, topic: topic.clone(), viewer, stamp });
        }
        Self::mark(&mut self.changed, topic, set);
    }

    /// How many connections the topic has now (a person with three tabs has three).
    pub fn set_connections(&mut self, topic: &Topic, connections: u32) {
        let set = Self::set_of(&mut self.topics, topic);
        if set.set_connections(connections) {
            Self::mark(&mut self.changed, topic, set);
        }
    }

    /// From now on the frames say that the viewers are being moved elsewhere; the next tick is due at once.
    pub fn drain(&mut self) {
        self.announce |= !self.draining;
        self.draining = true;
    }

    /// Closes a tick: what changed since the last one, to be published in this order. Empty when nothing changed and the last
    /// frame is younger than [`HEARTBEAT_MS`]. More than one tick only when the changes do not fit into one frame
    /// ([`FRAME_BYTES_MAX`]). Call it every [`crate::limits::TICK_INTERVAL_MS`].
    pub fn tick(&mut self, now_ms: Millis, at_ms: Millis) -> Vec<Tick> {
        self.expire_lingers(now_ms);
        // A clock that steps back goes on from where it was: `at_ms` must not fall within an epoch.
        let at_ms = if at_ms < self.at_ms { self.at_ms + now_ms.saturating_sub(self.ticked_now_ms) } else { at_ms };
        // The state between the first and the last of several frames is that of no moment; it is only certain that it holds
        // everything up to the previous tick, so that is the time it carries.
        let before_ms = if self.seq == 0 { at_ms } else { self.at_ms };

        let mut deltas = self.take_deltas(at_ms, before_ms);
        let idle = deltas.iter().all(Vec::is_empty);
        if idle && !self.announce && now_ms.saturating_sub(self.ticked_now_ms) < HEARTBEAT_MS {
            return Vec::new();
        }
        self.announce = false;
        self.ticked_now_ms = now_ms;
        let last = deltas.pop().unwrap_or_default();
        let mut ticks: Vec<Tick> = deltas.into_iter().map(|topics| self.next_tick(before_ms, topics)).collect();
        ticks.push(self.next_tick(at_ms, last));
        self.at_ms = at_ms;
        ticks
    }

    /// Answers a replica's request; nothing if it is not meant for this gateway.
    ///
    /// A fenced request means that a higher epoch was seen under our name: our clock stepped back, or a twin lives. We go on under
    /// `fresh_name` and tell our whole state under it: the union counts nobody twice, the old name expires by itself, nobody fights.
    pub fn on_resync(&mut self, request: &ResyncRequest, fresh_name: impl FnOnce() -> SourceName) -> Vec<Resync> {
        // Before the first tick there is nothing to tell; a request under a higher epoch is meant for our twin.
        if request.source != self.source || self.seq == 0 || (request.epoch > self.epoch && !request.fenced) {
            return Vec::new();
        }
        if request.fenced {
            if request.epoch <= self.epoch {
                return Vec::new();
            }
            self.stats.fenced += 1;
            self.source = fresh_name();
            // The snapshot below takes the place of the first tick under the new name.
            self.seq = 1;
            self.ring.clear();
            return self.snapshot();
        }
        if request.epoch == self.epoch && request.from_seq > 0 {
            if request.from_seq > self.seq {
                return Vec::new();
            }
            if self.ring.front().is_some_and(|oldest| oldest.seq <= request.from_seq) {
                self.stats.replays += 1;
                return self.replay(request.from_seq);
            }
        }
        self.snapshot()
    }

    fn set_of<'a>(topics: &'a mut BTreeMap<Topic, TopicSet>, topic: &Topic) -> &'a mut TopicSet {
        if !topics.contains_key(topic) {
            topics.insert(topic.clone(), TopicSet::default());
        }
        topics.get_mut(topic).expect("it was inserted above when absent")
    }

    fn mark(changed: &mut Vec<Topic>, topic: &Topic, set: &mut TopicSet) {
        if !set.queued {
            set.queued = true;
            changed.push(topic.clone());
        }
    }

    fn expire_lingers(&mut self, now_ms: Millis) {
        while let Some(linger) = self.lingers.pop_front_if(|linger| linger.until_now_ms <= now_ms) {
            let Some(set) = self.topics.get_mut(&linger.topic) else { continue };
            if set.end_linger(linger.viewer, linger.stamp) {
                Self::mark(&mut self.changed, &linger.topic, set);
            }
        }
    }

    /// Everything that changed, cut into the topics of one or more frames. If there are several, the last is empty.
    fn take_deltas(&mut self, at_ms: Millis, before_ms: Millis) -> Vec<Vec<TopicDelta>> {
        let topics = std::mem::take(&mut self.changed);
        let bytes: usize = topics.iter().map(|topic| self.topics[topic].delta_bytes_max(topic)).sum();
        let bytes_max = self.frames.tick_bytes_max;
        let several = bytes > bytes_max;
        let joined_at_ms = if several { before_ms } else { at_ms };

        let mut frames = vec![Vec::new()];
        let mut taken = 0;
        for topic in topics {
            let set = self.topics.get_mut(&topic).expect("a changed topic is kept until it was told");
            set.queued = false;
            while set.differs() {
                let fit = TopicDelta::viewers_that_fit(&topic, bytes_max.saturating_sub(taken));
                if fit == 0 && several && taken > 0 {
                    frames.push(Vec::new());
                    taken = 0;
                    continue;
                }
                let Some(delta) = set.take_delta(&topic, fit.max(1), joined_at_ms) else { continue };
                self.stats.joins += delta.joins.len() as u64;
                self.stats.lingers += delta.lingers.len() as u64;
                self.stats.leaves += delta.leaves.len() as u64;
                taken += delta.bytes_max();
                frames.last_mut().expect("there is always a first").push(delta);
            }
            if set.is_forgettable() {
                self.topics.remove(&topic);
            }
        }
        if several {
            frames.push(Vec::new());
        }
        frames
    }

    fn next_tick(&mut self, at_ms: Millis, topics: Vec<TopicDelta>) -> Tick {
        self.seq += 1;
        self.stats.ticks += 1;
        self.stats.heartbeats += u64::from(topics.is_empty());
        let (source, epoch, seq, draining) = (self.source.clone(), self.epoch, self.seq, self.draining);
        let tick = Tick { source, epoch, seq, at_ms, draining, topics };
        if self.ring.len() == REPLAY_TICKS_MAX {
            self.ring.pop_front();
        }
        self.ring.push_back(tick.clone());
        tick
    }

    fn replay(&self, from_seq: u64) -> Vec<Resync> {
        let mut frames: Vec<Vec<Tick>> = vec![Vec::new()];
        let mut taken = 0;
        for tick in self.ring.iter().filter(|tick| tick.seq >= from_seq) {
            let bytes = tick.bytes_max();
            if taken > 0 && taken + bytes > FRAME_BYTES_MAX {
                frames.push(Vec::new());
                taken = 0;
            }
            taken += bytes;
            frames.last_mut().expect("there is always a first").push(tick.clone());
        }
        frames.into_iter().map(Resync::Replay).collect()
    }

    /// The whole state as of the last tick (not as of now: what changed since will come with the next one).
    fn snapshot(&mut self) -> Vec<Resync> {
        self.stats.snapshots += 1;
        let parts = snapshot::parts(&self.topics, self.frames.part_members_max);
        let count = parts.len() as u32;
        let part = |(part, topics)| SnapshotPart {
            source: self.source.clone(),
            epoch: self.epoch,
            seq: self.seq,
            at_ms: self.at_ms,
            part,
            parts: count,
            topics,
        };
        (0u32..).zip(parts).map(part).map(Resync::Snapshot).collect()
    }
}
