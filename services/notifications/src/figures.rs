//! An event's message figures for all who ask: a reading that took long answers everybody for a while. Counting is done by looking at
//! every message of the event, so open pages that each asked for it every second would keep the store at nothing else.

use std::{collections::HashMap, sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::time::Instant;
use turnout_platform::{
    failure::Failure,
    ids::{EventId, TenantId},
};

use crate::store::{Figures, Store};

/// A reading that took no longer answers nobody else.
const QUICK: Duration = Duration::from_millis(100);
/// A longer one answers for so many times as long as it took, so that reading takes a tenth of the time at most.
const REUSED_TIMES: u32 = 10;
/// Events whose readings are kept; beyond it all are forgotten.
const EVENTS_MAX: usize = 256;

/// One who reads; the others wait for what they read.
type Turn = Arc<tokio::sync::Mutex<Option<Reading>>>;

struct Reading {
    /// Until when it answers.
    until: Instant,
    figures: Arc<Figures>,
}

/// The readings. A clone is another handle on the same.
#[derive(Clone)]
pub(crate) struct FigureReadings {
    store: Store,
    events: Arc<Mutex<HashMap<(TenantId, EventId), Turn>>>,
}

impl FigureReadings {
    pub fn new(store: Store) -> Self {
        Self { store, events: Arc::default() }
    }

    /// The figures as they are now, or were when the last long reading ended. The reading goes on when nobody waits for it any more.
    pub async fn of(&self, tenant: &TenantId, event: &EventId) -> Result<Arc<Figures>, Failure> {
        let (store, turn, tenant, event) =
            (self.store.clone(), self.turn(tenant, event), tenant.clone(), event.clone());
        let read = tokio::spawn(async move {
            let mut last = turn.lock().await;
            let begun = Instant::now();
            if let Some(known) = last.as_ref().filter(|last| begun < last.until) {
                return Ok(known.figures.clone());
            }
            let figures = Arc::new(store.figures(&tenant, &event).await?);
            *last = Some(Reading { until: reused_until(begun, Instant::now()), figures: figures.clone() });
            Ok(figures)
        });
        read.await.map_err(Failure::internal)?
    }

    fn turn(&self, tenant: &TenantId, event: &EventId) -> Turn {
        let mut events = self.events.lock();
        let key = (tenant.clone(), event.clone());
        if events.len() >= EVENTS_MAX && !events.contains_key(&key) {
            // Whoever reads or waits has a handle of their own.
            events.retain(|_, turn| Arc::strong_count(turn) > 1);
        }
        events.entry(key).or_default().clone()
    }
}

fn reused_until(begun: Instant, ended: Instant) -> Instant {
    let took = ended - begun;
    if took <= QUICK { begun } else { ended + took * REUSED_TIMES }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quick_reading_answers_nobody_else_and_a_long_one_for_ten_times_as_long_as_it_took() {
        let begun = Instant::now();
        assert_eq!(reused_until(begun, begun + QUICK), begun);
        let ended = begun + Duration::from_secs(2);
        assert_eq!(reused_until(begun, ended), ended + Duration::from_secs(20));
    }
}
