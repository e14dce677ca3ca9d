//! What gateways and replicas say to each other. The proto messages of `turnout.presence.v1` are the twins of these on the wire;
//! deliberately no encoding here: the crates that own a bus connection convert.

use crate::ids::{Millis, SourceName, Topic, ViewerId};
use crate::limits::FRAME_BYTES_MAX;

/// What changed at one gateway since its last tick; without topics it is the heartbeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tick {
    pub source: SourceName,
    /// Which life of that gateway: grows with each start.
    pub epoch: u64,
    /// Grows by one with each tick of the epoch, from 1.
    pub seq: u64,
    /// The state after this tick is that of this moment, by the gateway's clock; never falls within an epoch.
    pub at_ms: Millis,
    /// The gateway's viewers are being moved elsewhere.
    pub draining: bool,
    pub topics: Vec<TopicDelta>,
}

/// The change of one topic at one gateway. A viewer stands in at most one of the lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicDelta {
    pub topic: Topic,
    /// Live now, and absent or lingering before.
    pub joins: Vec<ViewerId>,
    /// Lingering now, and live (or absent) before.
    pub lingers: Vec<ViewerId>,
    /// Absent now.
    pub leaves: Vec<ViewerId>,
    /// Digest of the set after this tick.
    pub digest: u64,
    /// Viewers in the set after this tick, lingering ones included.
    pub size: u32,
    /// Connections of the topic after this tick.
    pub connections: u32,
}

/// A replica's word to one gateway: resend, or tell all, or change your name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResyncRequest {
    pub source: SourceName,
    /// The newest epoch that the replica knows of it.
    pub epoch: u64,
    /// The first tick that is missing; 0 asks for a snapshot.
    pub from_seq: u64,
    /// The gateway's epoch is older than `epoch`: it must go on under another name.
    pub fenced: bool,
}

/// The answer to a resync request. Every replica hears it; those that do not need it ignore it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resync {
    /// Ticks again, in the order of their seq.
    Replay(Vec<Tick>),
    /// A part of the whole state.
    Snapshot(SnapshotPart),
}

/// A part of a gateway's whole state at one (epoch, seq).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotPart {
    pub source: SourceName,
    pub epoch: u64,
    /// The tick after which the state was taken.
    pub seq: u64,
    /// The `at_ms` of that tick.
    pub at_ms: Millis,
    /// Which part this is, from 0.
    pub part: u32,
    /// How many parts there are, at least 1.
    pub parts: u32,
    /// A large topic goes on in the next part under the same name.
    pub topics: Vec<SnapshotTopic>,
}

/// Members of one topic in a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotTopic {
    pub topic: Topic,
    pub members: Vec<Member>,
    /// Digest of the whole set, the same in each part.
    pub digest: u64,
    /// Viewers of the whole set, the same in each part.
    pub size: u32,
    pub connections: u32,
}

/// One viewer of a topic at one gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    pub viewer: ViewerId,
    /// The `at_ms` of the tick in which the viewer came.
    pub joined_at_ms: Millis,
    pub lingering: bool,
}

/// The estimated size of a frame without topics, and of a topic without members: names are added to it.
const OVERHEAD_BYTES: usize = 64;
/// What is left of a frame for the topics of a tick.
pub(crate) const TICK_BYTES_MAX: usize = FRAME_BYTES_MAX - 2 * OVERHEAD_BYTES;
/// A 48-bit id goes as `fixed64`.
const ID_BYTES: usize = 8;

impl Tick {
    /// The size on the wire at most, in bytes.
    pub fn bytes_max(&self) -> usize {
        let topics: usize = self.topics.iter().map(TopicDelta::bytes_max).sum();
        OVERHEAD_BYTES + self.source.as_str().len() + topics
    }
}

impl TopicDelta {
    /// The size on the wire at most, in bytes.
    pub fn bytes_max(&self) -> usize {
        Self::bytes_max_of(&self.topic, self.joins.len() + self.lingers.len() + self.leaves.len())
    }

    pub(crate) fn bytes_max_of(topic: &Topic, viewers: usize) -> usize {
        OVERHEAD_BYTES + topic.as_str().len() + viewers * ID_BYTES
    }

    /// How many viewers of a topic fit into so many bytes.
    pub(crate) fn viewers_that_fit(topic: &Topic, bytes: usize) -> usize {
        bytes.saturating_sub(Self::bytes_max_of(topic, 0)) / ID_BYTES
    }
}

impl SnapshotTopic {
    /// The size on the wire at most, in bytes: a member is an id, a varint of its age and a flag.
    pub fn bytes_max(&self) -> usize {
        OVERHEAD_BYTES + self.topic.as_str().len() + self.members.len() * (ID_BYTES + 6)
    }
}
