//! The statistics of an event: as they are, as they change, and counted anew from the tables. How they are counted is in `domain`.

use std::{pin::Pin, time::Duration};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::WaitForCancellationFutureOwned;
use tonic::Status;
use turnout_platform::{auth::Principal, failure::Failure};
use turnout_proto::registration::v1::{
    GetStatisticsRequest, GetStatisticsResponse, RecountRequest, RecountResponse, Statistics as WireStatistics,
    WatchStatisticsRequest, WatchStatisticsResponse,
};

use super::{Answers, Roll};
use crate::domain::{
    event::Event,
    statistics::{Statistics, Tally},
};

/// Between two messages to one who watches: four a second at most.
const WATCH_GAP: Duration = Duration::from_millis(250);
/// Registrations that one message names.
const CHANGED_NAMED_MAX: usize = 100;
/// How often a recount begins again because something changed while it counted.
const RECOUNT_TRIES_MAX: usize = 3;
/// When to watch again while the process ends.
const RETRY_AFTER: Duration = Duration::from_secs(1);

impl Roll {
    pub async fn get_statistics(
        &self,
        caller: &Principal,
        request: GetStatisticsRequest,
    ) -> Result<GetStatisticsResponse, Failure> {
        let event = self.event(caller, &request.event_id).await?;
        let (statistics, _, _) = self.statistics(&event, None).await?;
        Ok(GetStatisticsResponse { statistics: Some(to_wire(statistics)) })
    }

    pub async fn watch_statistics(
        &self,
        caller: &Principal,
        request: WatchStatisticsRequest,
    ) -> Result<Answers<WatchStatisticsResponse>, Failure> {
        let event = self.event(caller, &request.event_id).await?;
        if self.inner.life.is_draining() {
            return Err(Failure::Unavailable { retry_after: RETRY_AFTER });
        }
        let held = self.inner.held.event(&event.tenant, &event.id).await?;
        let watch = Watch {
            news: held.watch(),
            roll: self.clone(),
            caller: caller.clone(),
            event_id: request.event_id,
            _keeps_it_in_memory: held,
            draining: Box::pin(self.inner.life.draining()),
            last: None,
        };
        Ok(stream::unfold(Some(watch), async |watch| watch?.next().await).boxed())
    }

    /// Counts from the tables and compares. While registrations come in, a difference may be one of time: the count begins again then.
    pub async fn recount(&self, caller: &Principal, request: RecountRequest) -> Result<RecountResponse, Failure> {
        let event = self.event(caller, &request.event_id).await?;
        let (mut shown, mut revision, _) = self.statistics(&event, None).await?;
        let mut counted = shown;
        for _ in 0..RECOUNT_TRIES_MAX {
            counted = self.counted(&event).await?;
            let before = revision;
            (shown, revision, _) = self.statistics(&event, None).await?;
            if counted == shown || revision == before {
                break;
            }
        }
        let differences = counted.differences(&shown);
        if !differences.is_empty() {
            self.inner.metrics.recount_differs(differences.len());
            tracing::warn!(event = %event.id, figures = differences.join(","), "a recount differs from what is shown");
        }
        Ok(RecountResponse {
            shown: Some(to_wire(shown)),
            counted: Some(to_wire(counted)),
            differences: differences.into_iter().map(str::to_owned).collect(),
        })
    }

    async fn counted(&self, event: &Event) -> Result<Statistics, Failure> {
        let tally =
            self.reader().facts(&event.tenant, &event.id).try_fold(Tally::default(), |mut tally, page| async move {
                for facts in page {
                    tally.add(facts);
                }
                Ok(tally)
            });
        Ok(tally.await?.statistics(&event.settings))
    }

    /// The statistics, the revision that they are of, and what changed since another.
    async fn statistics(&self, event: &Event, since: Option<u64>) -> Result<(Statistics, u64, Vec<String>), Failure> {
        let held = self.inner.held.event(&event.tenant, &event.id).await?;
        let settings = event.settings.clone();
        held.ask(None, move |list| {
            let changed = since.map(|since| list.changed_since(since, CHANGED_NAMED_MAX)).unwrap_or_default();
            (list.tally().statistics(&settings), list.revision(), changed)
        })
        .await
    }
}

/// One caller that watches.
struct Watch {
    roll: Roll,
    caller: Principal,
    event_id: String,
    news: watch::Receiver<()>,
    _keeps_it_in_memory: std::sync::Arc<super::held::HeldEvent>,
    draining: Pin<Box<WaitForCancellationFutureOwned>>,
    /// What was sent, of which revision, and when.
    last: Option<(Statistics, u64, Instant)>,
}

impl Watch {
    /// The next message; none once an error has ended the stream.
    async fn next(mut self) -> Option<(Result<WatchStatisticsResponse, Status>, Option<Self>)> {
        loop {
            if let Some((_, _, at)) = self.last {
                let changed = async {
                    let changed = self.news.changed().await;
                    tokio::time::sleep_until(at + WATCH_GAP).await;
                    changed.is_ok()
                };
                let goes_on = tokio::select! {
                    goes_on = changed => goes_on,
                    () = &mut self.draining => false,
                };
                if !goes_on {
                    return Some((Err(Failure::Unavailable { retry_after: RETRY_AFTER }.into()), None));
                }
            }
            match self.look().await {
                Ok(Some(message)) => return Some((Ok(message), Some(self))),
                Ok(None) => {}
                Err(failure) => return Some((Err(failure.into()), None)),
            }
        }
    }

    /// What there is to send.
    async fn look(&mut self) -> Result<Option<WatchStatisticsResponse>, Failure> {
        self.news.mark_unchanged();
        // The settings say how the figures follow, and may have changed.
        let event = self.roll.event(&self.caller, &self.event_id).await?;
        let since = self.last.map(|(_, revision, _)| revision);
        let (statistics, revision, changed) = self.roll.statistics(&event, since).await?;
        if self.last.is_some_and(|(last, _, _)| last == statistics) && changed.is_empty() {
            return Ok(None);
        }
        self.last = Some((statistics, revision, Instant::now()));
        Ok(Some(WatchStatisticsResponse { statistics: Some(to_wire(statistics)), changed }))
    }
}

fn to_wire(statistics: Statistics) -> WireStatistics {
    let Statistics {
        registrants,
        logged_in,
        waiting,
        cancelled,
        invited,
        confirmed,
        declined,
        unpaid,
        paid,
        refunded,
        paid_without_place,
        checked_in,
        nicknames,
        on_site,
        online,
        hybrid,
    } = statistics;
    WireStatistics {
        registrants,
        logged_in,
        waiting,
        cancelled,
        invited,
        confirmed,
        declined,
        unpaid,
        paid,
        refunded,
        paid_without_place,
        checked_in,
        nicknames,
        on_site,
        online,
        hybrid,
    }
}
