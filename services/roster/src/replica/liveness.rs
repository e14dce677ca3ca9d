//! Which sources live, and whether it is rather the replica itself that is out of touch. Monotonic time only.
//!
//! ```text
//!            1.5 s silent        3 s silent            10 s suspect, and not doubting ourselves
//!   Fresh ───────────────▶ Late ────────────▶ Suspect ─────────────────────────────────────────▶ Dropped
//!     ▲                      │                   │            (at once if it was draining)          │
//!     └──── any frame ───────┴───────────────────┴──────────────────────────────────────────────────┘
//! ```
//!
//! Deliberately decides nothing by votes: replicas share the same frames, and a wrong suspicion only widens a band.

use super::effects::Liveness;
use super::source::Source;
use crate::ids::Millis;
use crate::limits::{
    DROP_AFTER_MS, FREEZE_MAX_MS, LATE_AFTER_MS, SELF_SUSPICION_SHARE_PERCENT, SELF_SUSPICION_SOURCES_MIN,
    SUSPECT_AFTER_MS,
};

/// What silence says about a source that is not dropped.
pub(super) fn of_silence(silent_ms: Millis) -> Liveness {
    match silent_ms {
        SUSPECT_AFTER_MS.. => Liveness::Suspect,
        LATE_AFTER_MS.. => Liveness::Late,
        _ => Liveness::Fresh,
    }
}

/// Whether a source that is suspect is to be dropped now.
pub(super) fn is_dead(source: &Source, now_ms: Millis) -> bool {
    source.is_draining() || now_ms.saturating_sub(source.suspect_since_now_ms) >= DROP_AFTER_MS
}

/// The replica's doubt about itself. While it doubts, its counts are stale and nobody is dropped.
#[derive(Debug)]
pub(super) struct SelfDoubt {
    connected: bool,
    /// Since when too many sources are silent at once.
    crowd_silent_since_now_ms: Option<Millis>,
    /// When the bus came back last.
    healed_now_ms: Option<Millis>,
    pub(super) stale: bool,
}

impl SelfDoubt {
    pub(super) fn new() -> Self {
        Self { connected: false, crowd_silent_since_now_ms: None, healed_now_ms: None, stale: true }
    }

    pub(super) fn on_bus(&mut self, connected: bool, now_ms: Millis) {
        if connected && !self.connected {
            self.healed_now_ms = Some(now_ms);
            self.crowd_silent_since_now_ms = None;
        }
        self.connected = connected;
        self.stale |= !connected;
    }

    pub(super) fn judge<'a>(&mut self, sources: impl Iterator<Item = &'a Source>, now_ms: Millis) {
        let (mut known, mut silent, mut fresh, mut unheard) = (0, 0, 0, 0);
        for source in sources.filter(|source| source.liveness != Liveness::Dropped) {
            unheard += usize::from(self.healed_now_ms.is_some_and(|healed| source.heard_now_ms < healed));
            // That a draining source falls silent says nothing about us.
            if !source.is_draining() {
                known += 1;
                silent += usize::from(source.liveness == Liveness::Suspect);
                fresh += usize::from(source.liveness == Liveness::Fresh);
            }
        }
        let crowd = silent >= SELF_SUSPICION_SOURCES_MIN && silent * 100 > known * SELF_SUSPICION_SHARE_PERCENT;
        let since = crowd.then(|| self.crowd_silent_since_now_ms.unwrap_or(now_ms));
        self.crowd_silent_since_now_ms = since;
        let doubt = since.is_some_and(|since| fresh == 0 || now_ms < since + FREEZE_MAX_MS);
        let healing = unheard > 0 && self.healed_now_ms.is_some_and(|healed| now_ms < healed + LATE_AFTER_MS);
        self.stale = !self.connected || doubt || healing;
    }
}
