//! Due rows that this version cannot read: left by a newer version that runs beside this one or ran before it, or broken. They hold up
//! nobody. Each is counted and logged once, and comes again every few minutes, so that the version that wrote it finds it; after a week
//! it is left where it is, to go by age. What it leads to is not touched.

use std::collections::HashSet;

use parking_lot::Mutex;
use turnout_platform::failure::Failure;

use super::{WAITS_IN_PLACE_MS, Worker};
use crate::store::UnreadableRow;

/// Between two times at which such a row comes.
const COMES_AGAIN_MS: i64 = 10 * 60_000;
/// After this time it comes no more: longer than two versions run beside each other.
const COMES_FOR_MS: i64 = 7 * 24 * 3_600_000;
/// Rows that are remembered; beyond it all are counted and logged once more.
const REMEMBERED_MAX: usize = 10_000;

/// The rows that this process has met.
#[derive(Debug, Default)]
pub(crate) struct Met(Mutex<HashSet<String>>);

impl Met {
    /// Whether it is met for the first time.
    fn is_new(&self, row: &UnreadableRow) -> bool {
        let mut all = self.0.lock();
        if all.len() >= REMEMBERED_MAX {
            all.clear();
        }
        all.insert(row.row_id().to_owned())
    }
}

impl Worker {
    /// Whether a row that cannot be read keeps its minute from being over. It does so only for as long as minutes are open anyway.
    pub(super) async fn stays(&self, minute_ms: i64, row: &UnreadableRow) -> Result<bool, Failure> {
        if self.unreadable.is_new(row) {
            self.metrics.unreadable_row();
            tracing::error!(row = row.place(), "a row of due work cannot be read and is passed over");
        }
        let now_ms = self.clock.at_ms() as i64;
        if now_ms - minute_ms < WAITS_IN_PLACE_MS {
            return Ok(true);
        }
        if now_ms - row.placed_at_ms() < COMES_FOR_MS {
            self.store.move_unreadable(row, now_ms + COMES_AGAIN_MS).await?;
        }
        Ok(false)
    }
}
