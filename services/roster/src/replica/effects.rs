//! What a replica says: requests to gateways, facts for history, changes of a source, and its counters.
//! Deliberately plain data; who acts on it decides how.

use crate::frames::ResyncRequest;
use crate::ids::{Millis, SourceName, Topic, ViewerId};

/// One thing to do, in the order in which it came to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Send this to the gateway that it names.
    Request(ResyncRequest),
    /// A viewer is present at a gateway. May be said again of a span that was closed (its gateway was dropped and came back):
    /// late truth amends the past.
    Opened(Span),
    /// A viewer is gone from a gateway.
    Closed {
        span: Span,
        /// By the gateway's clock. A broken connection ended [`crate::limits::LINGER_MS`] before.
        left_at_ms: Millis,
        cause: CloseCause,
    },
    /// A source is judged otherwise than before. From [`Liveness::Dropped`] to [`Liveness::Fresh`] it has returned.
    Source { source: SourceName, was: Liveness, is: Liveness },
}

/// The presence of one viewer in one topic at one gateway. All five together are the key of the fact: every replica that saw
/// the same ticks derives the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    pub topic: Topic,
    pub viewer: ViewerId,
    pub source: SourceName,
    pub epoch: u64,
    /// By the gateway's clock.
    pub joined_at_ms: Millis,
}

/// Why a span ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CloseCause {
    /// With a goodbye.
    Left,
    /// The connection broke and nobody came back within the linger time.
    Broken,
    /// The gateway fell silent for too long or was started anew; the time is that of its last known state.
    SourceLost,
}

/// What a replica thinks of a source, by the time since its last frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Liveness {
    Fresh,
    /// Its viewers are counted, but not in the low end of the band.
    Late,
    /// As late, and the drop timer runs.
    Suspect,
    /// Its viewers are not counted.
    Dropped,
}

/// What a replica did since it started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReplicaStats {
    pub ticks_applied: u64,
    /// Ticks that were known already.
    pub duplicates: u64,
    /// Times that something was found missing and asked for (repeated requests count once).
    pub gaps: u64,
    /// Whole states taken over.
    pub snapshots: u64,
    /// Sets that differed from what their gateway says. Each is a bug: raise an alarm.
    pub digest_mismatches: u64,
    /// Frames of an epoch that was superseded.
    pub fenced: u64,
    /// Sources dropped.
    pub dropped: u64,
    /// Frames ignored because a limit was reached or they made no sense.
    pub refused: u64,
}
