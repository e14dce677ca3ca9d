//! Places that were left behind settle by themselves. Whoever finds an event full while somebody wants a place notes it down, as a row;
//! a while later one process looks whether each taken place has its registration, frees those that have none, and gives them to those who
//! wait. Doubts of one time are one row for all processes, and who looks claims it for a while, so it costs the same with any number of them.
//!
//! Why nobody is forgotten: a place that a crash left taken matters once somebody wants it. Then they begin to wait, or a place is freed,
//! and the bus tells of it until it is handled; who handles it finds the event full and writes the row first. Without doubts there are no
//! rows, and looking for them costs one read of an empty partition. Which places are free is `seats`' business.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Range,
    sync::Arc,
    time::Duration,
};

use futures_util::{StreamExt as _, stream};
use parking_lot::Mutex;
use tokio::time::MissedTickBehavior;
use turnout_platform::{
    failure::Failure,
    ids::EventId,
    lifecycle::{Lifecycle, TaskResult},
};

use super::{Registrants, places::Filled, seats::CLAIM_MS};
use crate::{
    domain::event::Event,
    store::seats::{SEATS_PER_CHUNK, ToSettle},
};

/// Between two looks for what is due.
const SWEEP_INTERVAL: Duration = Duration::from_secs(5);
/// A row this old is still found at a start. Beyond it an event waits for the next doubt.
const KEPT_MS: i64 = 7 * 24 * 60 * 60 * 1000;
/// How far apart the clocks of processes may be for a row to be found without a start.
const CLOCKS_APART_MS: i64 = 10 * 60 * 1000;
/// A doubt is as good as noted down while one is that will be looked into this much later: clocks may be apart.
const NOTED_MS: i64 = CLAIM_MS / 2;
/// Doubts are noted down for such moments, so that processes which doubt at about the same time share the row.
const DUE_STEP_MS: i64 = SWEEP_INTERVAL.as_millis() as i64;
/// A claim that has not come to its end by then is anybody's: its process has gone.
const SETTLING_MS: i64 = 60_000;
/// To look at many places takes many reads: a large event is looked at less often.
const LATER_PER_CHUNK_MS: i64 = 1000;
/// Events that are looked at in one sweep, and at the same time.
const SETTLED_MAX: usize = 100;
const SETTLED_AT_ONCE_MAX: usize = 4;
/// Doubts that are remembered; beyond it all are forgotten, and noted down again.
const REMEMBERED_MAX: usize = 10_000;

/// Which doubts this process has noted down: when each event will be looked at, in milliseconds since 1970.
#[derive(Clone, Default)]
pub(super) struct Doubts(Arc<Mutex<HashMap<EventId, i64>>>);

impl Doubts {
    fn is_noted(&self, event: &EventId, now_ms: i64) -> bool {
        self.0.lock().get(event).is_some_and(|due_ms| *due_ms >= now_ms + NOTED_MS)
    }

    fn note(&self, it: ToSettle) {
        let mut noted = self.0.lock();
        if noted.len() >= REMEMBERED_MAX {
            noted.clear();
        }
        noted.insert(it.event, it.due_ms);
    }
}

impl Registrants {
    /// Somebody wants a place and all are taken: perhaps one only seems to be. Noted down for the time when that can be told.
    pub(super) async fn doubt(&self, event: &Event) -> Result<(), Failure> {
        let now_ms = self.at_ms();
        if self.doubts.is_noted(&event.id, now_ms) {
            return Ok(());
        }
        let chunks = i64::from(event.settings.capacity / SEATS_PER_CHUNK);
        let due_ms = now_ms + CLAIM_MS + chunks * LATER_PER_CHUNK_MS;
        let it = ToSettle::new(next_step(due_ms), event.id.clone());
        self.store.put_to_settle(&it).await?;
        self.doubts.note(it);
        Ok(())
    }

    /// Looks into doubts when they are due, until the process stops.
    pub async fn settle_until_stopped(self, life: Lifecycle) -> TaskResult {
        let mut interval = tokio::time::interval(SWEEP_INTERVAL);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut none_before_ms = self.at_ms() - KEPT_MS;
        loop {
            tokio::select! {
                () = life.stopping() => return Ok(()),
                _ = interval.tick() => {}
            }
            let now_ms = self.at_ms();
            tokio::select! {
                () = life.stopping() => return Ok(()),
                swept = self.settle_due(none_before_ms..now_ms) => match swept {
                    Ok(true) => none_before_ms = now_ms - CLOCKS_APART_MS,
                    Ok(false) => {}
                    Err(failure) => tracing::warn!(%failure, "places are not looked at; retrying"),
                },
            }
        }
    }

    /// Whether nothing is left that was due.
    async fn settle_due(&self, due_ms: Range<i64>) -> Result<bool, Failure> {
        let due = self.store.to_settle(due_ms, SETTLED_MAX).await?;
        let are_all_here = due.len() < SETTLED_MAX;
        let mut by_event: BTreeMap<EventId, Vec<ToSettle>> = BTreeMap::new();
        for it in due {
            by_event.entry(it.event.clone()).or_default().push(it);
        }
        let settling = stream::iter(by_event.into_values()).map(|doubts| self.settle_once(doubts));
        let settled: Vec<Result<bool, Failure>> = settling.buffer_unordered(SETTLED_AT_ONCE_MAX).collect().await;
        let are_settled = settled.into_iter().collect::<Result<Vec<_>, _>>()?;
        Ok(are_all_here && are_settled.into_iter().all(|is_settled| is_settled))
    }

    /// Settles the doubts about one event, unless another process does. All claim the oldest of them. Whether they are settled.
    async fn settle_once(&self, mut doubts: Vec<ToSettle>) -> Result<bool, Failure> {
        let (now_ms, Some(oldest)) = (self.at_ms(), doubts.first_mut()) else { return Ok(true) };
        if oldest.claimed_until_ms > now_ms || !self.store.claim_to_settle(oldest, now_ms + SETTLING_MS).await? {
            return Ok(false);
        }
        let settled = self.settle(&oldest.event).await;
        if settled.is_err() {
            // If this fails too, the claim runs out.
            let _ = self.store.claim_to_settle(oldest, 0).await;
        }
        settled?;
        for doubt in &doubts {
            self.store.remove_to_settle(doubt).await?;
        }
        Ok(true)
    }

    async fn settle(&self, event: &EventId) -> Result<(), Failure> {
        match self.event(None, event).await {
            Ok(event) => {
                let capacity = event.settings.capacity;
                let are_all_held = capacity == 0 || self.seats.settle(&event.id, capacity).await?;
                let filled = self.fill_places(&event).await?;
                // Whatever was taken too recently to say is looked at once more.
                if !are_all_held && filled == Filled::Full {
                    self.doubt(&event).await?;
                }
            }
            Err(Failure::NotFound { .. }) => {}
            Err(failure) => return Err(failure),
        }
        Ok(())
    }
}

fn next_step(at_ms: i64) -> i64 {
    (at_ms + DUE_STEP_MS - 1).div_euclid(DUE_STEP_MS) * DUE_STEP_MS
}
