//! The worker goes through the minutes in order and looks at what is due. Nothing is lost with it: rows stay until what they lead to
//! needs no further look, and the progress moves over a minute only when it is empty and long past.
//!
//! What is due at once (a link, a confirmation) is also handed over directly, so that it does not queue behind a hundred thousand
//! reminders; its row stays as the safety net.

mod unreadable;

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt as _, stream};
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{MissedTickBehavior, interval, sleep},
};
use turnout_platform::{
    clock::Clock,
    failure::Failure,
    ids::TenantId,
    lifecycle::{Lifecycle, TaskResult},
};

use crate::{
    look::{Looked, Looker},
    metrics::Metrics,
    store::{DuePage, DueRow, Lane, MINUTE_MS, Store, Target},
};

pub(crate) use unreadable::Met;

/// Between two looks at the minutes.
const TICK: Duration = Duration::from_millis(500);
/// Rows of one page of a minute.
const PAGE_ROWS: usize = 500;
/// Minutes stay under watch for so long after they passed: a row may still be put, by a process that was held up.
const TRAIL_MS: i64 = 2 * MINUTE_MS;
/// So far the work goes back behind a clock that was ahead. Whatever fell due meanwhile was looked at twice a second by every process
/// whose clock is right; longer than one of them may have been held up.
const AHEAD_BACK_MS: i64 = 10 * MINUTE_MS;
/// A row that waits longer than this is put off by so long.
const WAITS_IN_PLACE_MS: i64 = 2 * MINUTE_MS;
const PUT_OFF_MS: i64 = 2 * MINUTE_MS;
/// What is handed over directly and waits for its turn; beyond it the minutes bring it.
const HURRY_MAX: usize = 1024;
/// A message that is being handed over when the process stops gets so long.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// The direct way to the worker. A clone is another handle on the same.
#[derive(Clone)]
pub(crate) struct Hurry {
    queue: mpsc::Sender<DueRow>,
    clock: Arc<dyn Clock>,
}

impl Hurry {
    /// Looks at this at once, if the worker has time; otherwise its row brings it.
    pub fn look_at(&self, tenant: &TenantId, target: Target) {
        let placed_at_ms = self.clock.at_ms() as i64;
        let row = DueRow { tenant: tenant.clone(), target, placed_at_ms, refused_at_ms: None, place: None };
        let _ = self.queue.try_send(row);
    }
}

/// The direct way, and its other end.
pub(crate) fn hurry(clock: Arc<dyn Clock>) -> (Hurry, mpsc::Receiver<DueRow>) {
    let (queue, rows) = mpsc::channel(HURRY_MAX);
    (Hurry { queue, clock }, rows)
}

/// The worker.
#[derive(Clone)]
pub(crate) struct Worker {
    pub lane: Lane,
    pub looker: Looker,
    pub store: Store,
    pub clock: Arc<dyn Clock>,
    /// Messages that are handed over at the same time.
    pub concurrency: usize,
    pub unreadable: Arc<Met>,
    pub metrics: Metrics,
    pub life: Lifecycle,
}

impl Worker {
    /// Works until the process stops.
    pub fn start(self) {
        let life = self.life.clone();
        life.spawn("due messages", within_grace(life.clone(), self.go_through()));
    }

    /// Works on what comes directly, until the process stops.
    pub fn start_hurried(self, hurried: mpsc::Receiver<DueRow>) {
        let life = self.life.clone();
        life.spawn("hurried messages", within_grace(life.clone(), self.hurry(hurried)));
    }

    async fn go_through(self) {
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !self.life.is_draining() {
            tokio::select! {
                () = self.life.draining() => break,
                _ = tick.tick() => {}
            }
            if let Err(failure) = self.pass().await {
                tracing::warn!(%failure, "due messages cannot be looked at now; retrying");
                self.metrics.look_failed();
            }
        }
    }

    async fn hurry(self, mut hurried: mpsc::Receiver<DueRow>) {
        let mut looks = JoinSet::new();
        loop {
            tokio::select! {
                () = self.life.draining() => break,
                row = hurried.recv(), if looks.len() < self.concurrency => {
                    let Some(mut row) = row else { break };
                    let worker = self.clone();
                    looks.spawn(async move { worker.look(&mut row).await });
                }
                Some(_) = looks.join_next() => {}
            }
        }
        while looks.join_next().await.is_some() {}
    }

    /// Looks at all minutes that are not over.
    async fn pass(&self) -> Result<(), Failure> {
        let now_ms = self.clock.at_ms() as i64;
        let this_minute = now_ms.div_euclid(MINUTE_MS) * MINUTE_MS;
        let from = match self.store.progress(self.lane).await? {
            Some(minute) if minute > this_minute => self.come_back(this_minute - AHEAD_BACK_MS).await?,
            // Whoever said that the last minutes are over may have had a clock that is a little ahead.
            Some(minute) => minute.min(this_minute - TRAIL_MS),
            None => {
                self.store.set_progress(self.lane, this_minute - TRAIL_MS).await?;
                this_minute - TRAIL_MS
            }
        };
        self.metrics.behind(self.lane.name(), now_ms - from);
        let (mut over_until, mut minute) = (from, from);
        while minute <= this_minute {
            let mut left = 0;
            for shard in self.lane.shards() {
                left += self.part(minute, shard).await?;
            }
            if left == 0 && over_until == minute && minute + MINUTE_MS + TRAIL_MS <= now_ms {
                over_until = minute + MINUTE_MS;
            }
            if self.life.is_draining() {
                return Ok(());
            }
            minute += MINUTE_MS;
        }
        if over_until > from {
            self.store.set_progress(self.lane, over_until).await?;
        }
        Ok(())
    }

    /// The progress lies in the future: what falls due until then would never be looked at.
    async fn come_back(&self, to_ms: i64) -> Result<i64, Failure> {
        tracing::error!(lane = self.lane.name(), "a process with a clock that is ahead has worked on due messages");
        self.metrics.clock_ahead();
        self.store.take_progress_back(self.lane, to_ms).await?;
        Ok(to_ms)
    }

    /// Looks at one part of a minute; gives how many rows stay.
    async fn part(&self, minute_ms: i64, shard: i64) -> Result<usize, Failure> {
        let (mut left, mut after) = (0, None);
        loop {
            let DuePage { rows, unreadable, next } = self.store.due(minute_ms, shard, after, PAGE_ROWS).await?;
            let count = rows.len();
            for row in &unreadable {
                left += usize::from(self.stays(minute_ms, row).await?);
            }
            let looks = stream::iter(rows)
                .take_while(|_| std::future::ready(!self.life.is_draining()))
                .map(|mut row| async move { (self.look(&mut row).await, row) })
                .buffer_unordered(self.concurrency);
            let looked: Vec<(Looked, DueRow)> = looks.collect().await;
            let mut settled = Vec::with_capacity(looked.len());
            for (looked, row) in looked {
                if looked == Looked::Settled || self.put_off(minute_ms, &row).await? {
                    settled.push(row);
                }
            }
            self.store.settle(minute_ms, shard, &settled).await?;
            left += count - settled.len();
            after = next;
            if after.is_none() {
                return Ok(left);
            }
        }
    }

    /// Moves a row that has to wait for long to a later minute, so that what waits does not keep the minutes from moving on. A row of the
    /// last minute stays: what it waits for may come at once.
    async fn put_off(&self, minute_ms: i64, row: &DueRow) -> Result<bool, Failure> {
        let now_ms = self.clock.at_ms() as i64;
        if now_ms - minute_ms < WAITS_IN_PLACE_MS {
            return Ok(false);
        }
        self.store.put_off(row, now_ms + PUT_OFF_MS, now_ms).await?;
        Ok(true)
    }

    /// A look that fails is repeated, as its row stays.
    async fn look(&self, row: &mut DueRow) -> Looked {
        match self.looker.look(row).await {
            Ok(looked) => looked,
            Err(failure) => {
                if let Failure::Internal(cause) = &failure {
                    tracing::error!(error = %cause, "a due message could not be looked at");
                }
                self.metrics.look_failed();
                Looked::Keep
            }
        }
    }
}

async fn within_grace(life: Lifecycle, work: impl Future<Output = ()>) -> TaskResult {
    tokio::select! {
        () = work => {}
        () = async { life.stopping().await; sleep(STOP_GRACE).await } => {}
    }
    Ok(())
}
