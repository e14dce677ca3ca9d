//! Every time and size of the protocol, with its reason. Deliberately constants: both ends must agree on them, and the simulation
//! proves the protocol for these values.

use crate::ids::Millis;

/// A gateway closes a tick this often; it bounds the age of a change when it leaves the gateway.
pub const TICK_INTERVAL_MS: Millis = 100;
/// A gateway without changes sends an empty frame this often: the frame is the heartbeat.
pub const HEARTBEAT_MS: Millis = 1_000;
/// A viewer whose last connection broke without a goodbye is still counted for so long, as most come back at once.
pub const LINGER_MS: Millis = 5_000;
/// Ticks that a gateway keeps to send again: 6.4 s at full rate. An older gap costs a snapshot.
pub const REPLAY_TICKS_MAX: usize = 64;
/// No frame is estimated above this size when encoded; larger ones are split. Stays below a 256 KiB bus message.
pub const FRAME_BYTES_MAX: usize = 180 * 1024;
/// Members in one part of a snapshot at most: about 112 KB encoded.
pub const SNAPSHOT_PART_MEMBERS_MAX: usize = 8_000;
/// Parts of a snapshot at most (8 million members of one gateway); a frame that claims more is ignored.
pub const SNAPSHOT_PARTS_MAX: u32 = 1_024;

/// A source without a frame for so long is late: its viewers stay in the count but leave the low end of the band.
pub const LATE_AFTER_MS: Millis = 1_500;
/// A source without a frame for so long (three heartbeats) is suspect: the drop timer starts.
pub const SUSPECT_AFTER_MS: Millis = 3_000;
/// A source that is suspect for so long is taken as dead: its viewers leave the count.
pub const DROP_AFTER_MS: Millis = 10_000;
/// If more than this share of the sources (and at least [`SELF_SUSPICION_SOURCES_MIN`]) is suspect, the replica suspects itself and drops nobody.
pub const SELF_SUSPICION_SHARE_PERCENT: usize = 30;
/// One silent source is that source's trouble; it takes more to suspect oneself.
pub const SELF_SUSPICION_SOURCES_MIN: usize = 2;
/// Self-suspicion ends after so long if the bus is connected and some source is fresh: then the others are really gone.
pub const FREEZE_MAX_MS: Millis = 60_000;
/// A new replica listens for so long before it asks to be trusted: longer than a heartbeat, so it has heard of every source.
pub const WARMING_MS: Millis = 1_500;
/// A new replica that cannot get the state of some source stops waiting for it after so long.
pub const WARMING_MAX_MS: Millis = 15_000;

/// Ticks buffered for a source while an earlier one is missing; beyond it the oldest is let go (and asked for again).
pub const AHEAD_TICKS_MAX: usize = 64;
/// A resync request without an answer is repeated after so long.
pub const RESYNC_RETRY_MS: Millis = 500;
/// Snapshots that a replica waits for at once, so that a restart does not ask the whole mesh to talk at the same moment.
pub const SNAPSHOTS_IN_FLIGHT_MAX: usize = 16;
/// Sources that a replica knows at most, dropped ones included; frames of further ones are ignored and counted.
pub const SOURCES_MAX: usize = 4_096;
/// The epoch of a dropped source is remembered for so long, to fence a predecessor that wakes up late.
pub const SOURCE_FORGET_MS: Millis = 3_600_000;

/// A changed count is published at most this often, by size: humans read 250 ms, and large numbers cost more to deliver.
pub const PUBLISH_SMALL_MS: Millis = 250;
/// From [`MEDIUM_VIEWERS`] on.
pub const PUBLISH_MEDIUM_MS: Millis = 500;
/// From [`LARGE_VIEWERS`] on.
pub const PUBLISH_LARGE_MS: Millis = 1_000;
/// Viewers from which [`PUBLISH_MEDIUM_MS`] holds.
pub const MEDIUM_VIEWERS: u64 = 20_000;
/// Viewers from which [`PUBLISH_LARGE_MS`] holds.
pub const LARGE_VIEWERS: u64 = 200_000;
/// An unchanged count is published again this often, for gateways that missed it.
pub const PUBLISH_AGAIN_MS: Millis = 5_000;
/// A replica publishes at least an empty frame this often; gateways leave it after 1.5 s of silence.
pub const PUBLISH_HEARTBEAT_MS: Millis = 500;
/// Topics in one frame of counts at most: about 120 KB encoded with the longest names.
pub const COUNTS_TOPICS_MAX: usize = 500;
/// A topic without viewers and connections is forgotten after so long; until then its zero is published.
pub const TOPIC_IDLE_MS: Millis = 600_000;
