//! The two live figures of registrants as metrics, summed over the events in memory: those that somebody looks at, at a console or at
//! the public page. Every process counts for itself, so of several processes the largest is right, not the sum.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt as _, stream};
use turnout_platform::{failure::Failure, lifecycle::Lifecycle};

use super::{held::Held, metrics::RollMetrics};
use crate::{domain::statistics::Statistics, store::Store};

/// How often they are set.
const SET_EVERY: Duration = Duration::from_secs(2);
/// Events that are asked at the same time.
const EVENTS_AT_ONCE_MAX: usize = 4;

/// Sets them until the process stops.
pub(super) fn run(held: Arc<Held>, store: Store, metrics: RollMetrics, life: &Lifecycle) {
    let stopping = life.stopping();
    life.spawn("registrants totals", async move {
        let set = async {
            loop {
                tokio::time::sleep(SET_EVERY).await;
                match totals(&held, &store).await {
                    Ok((registrants, logged_in)) => metrics.totals(registrants, logged_in),
                    Err(failure) => tracing::debug!(%failure, "the totals of registrants stay as they were"),
                }
            }
        };
        tokio::select! {
            () = stopping => {}
            () = set => {}
        }
        Ok(())
    });
}

async fn totals(held: &Arc<Held>, store: &Store) -> Result<(i64, i64), Failure> {
    let each = stream::iter(held.loaded()).map(|one| async move {
        let Some(event) = store.event(one.id()).await? else { return Ok(Statistics::default()) };
        one.ask(None, move |list| list.tally().statistics(&event.settings)).await
    });
    let mut each = each.buffer_unordered(EVENTS_AT_ONCE_MAX);
    let (mut registrants, mut logged_in) = (0, 0);
    while let Some(statistics) = each.next().await {
        let statistics = statistics?;
        registrants += statistics.registrants;
        logged_in += statistics.logged_in;
    }
    Ok((registrants, logged_in))
}
