//! How far an event is cleared, so that no run reads again what an earlier one has cleared. Something personal may come later, by a late
//! registration or a change of details: who stores it says so first, and the event is read once more.

use turnout_platform::failure::Failure;

use crate::{domain::event::Event, registrants::Registrants, store::retention::Cleared};

/// Something personal is stored this long after it was announced, or never: longer than a call may take, with clocks that are apart.
const TOUCHED_MS: i64 = 120_000;
/// What was announced less long ago need not be announced again: many may come at the same moment.
const TOUCHED_AGAIN_MS: i64 = 30_000;
/// How often an announcement is tried again when somebody changes the same row at the same moment.
const TOUCH_TRIES_MAX: usize = 5;

const _: () = assert!(TOUCHED_AGAIN_MS + 60_000 <= TOUCHED_MS, "what follows an announcement has a minute");

/// The progress of one run through one event.
pub(super) struct Progress {
    cleared: Cleared,
    /// Something personal may be about to be stored: what is cleared now does not count.
    is_touched: bool,
}

impl Progress {
    /// The shard to begin with.
    pub fn shard(&self) -> i64 {
        self.cleared.shards
    }
}

impl Registrants {
    /// Something personal is about to be stored at an event that may be cleared.
    pub(crate) async fn keeps_personal(&self, event: &Event) -> Result<(), Failure> {
        // Whether retention may have begun.
        if event.over_at_ms() > self.at_ms() {
            return Ok(());
        }
        for _ in 0..TOUCH_TRIES_MAX {
            let (mut cleared, now_ms) = (self.store.cleared(&event.id).await?, self.at_ms());
            if cleared.shards == 0 && now_ms - cleared.touched_at_ms < TOUCHED_AGAIN_MS {
                return Ok(());
            }
            (cleared.shards, cleared.touched_at_ms) = (0, now_ms);
            if self.store.replace_cleared(&event.id, &mut cleared).await? {
                return Ok(());
            }
        }
        Err(Failure::Changed { what: "retention of the event" })
    }

    /// Where a run goes on.
    pub(super) async fn progress(&self, event: &Event) -> Result<Progress, Failure> {
        let mut cleared = self.store.cleared(&event.id).await?;
        let is_touched = self.at_ms() - cleared.touched_at_ms < TOUCHED_MS;
        if cleared.event_version != event.version {
            (cleared.event_version, cleared.shards) = (event.version, 0);
        }
        Ok(Progress { cleared, is_touched })
    }

    /// Remembers that the shards below this one are cleared. What was announced meanwhile wins.
    pub(super) async fn remember(&self, event: &Event, progress: &mut Progress, shards: i64) -> Result<(), Failure> {
        if !progress.is_touched && shards > progress.cleared.shards {
            progress.cleared.shards = shards;
            progress.is_touched = !self.store.replace_cleared(&event.id, &mut progress.cleared).await?;
        }
        Ok(())
    }
}
