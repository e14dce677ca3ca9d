//! The task that carries the backlog to the store: batches of one partition, some at a time, retried while the store is down.
//! It never holds up whoever pushes.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::task::JoinSet;
use tokio_util::sync::{CancellationToken, DropGuard};
use turnout_platform::{
    clock::Clock,
    lifecycle::TaskResult,
    tables::{TableError, Tables, Write},
};

use super::row_of;
use crate::{
    domain::{Backlog, Batch, Pushed, Record},
    metrics::{PresenceMetrics, Written},
};

/// Batches under way at once.
const BATCHES_AT_ONCE_MAX: usize = 8;
/// Rows are collected for so long before they are written, so that they fill batches.
const COLLECT: Duration = Duration::from_millis(250);
/// The waits between attempts while the store is down.
const RETRY_WAIT_MIN: Duration = Duration::from_millis(100);
const RETRY_WAIT_MAX: Duration = Duration::from_secs(5);
/// When the process stops, the backlog gets so long to reach the store.
const FLUSH_MAX: Duration = Duration::from_secs(5);

/// The backlog as the replica and the writer share it.
pub struct Backlogs {
    /// A plain lock: it is held for a few map operations at a time, never while waiting for the store.
    backlog: Mutex<Backlog>,
    clock: Arc<dyn Clock>,
    closed: CancellationToken,
}

impl Backlogs {
    /// Empty.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { backlog: Mutex::default(), clock, closed: CancellationToken::new() }
    }

    /// Adds records; those that there is no room for are counted.
    pub fn push(&self, records: impl IntoIterator<Item = Record>, metrics: &PresenceMetrics) {
        let now_ms = self.clock.now_ms();
        let mut backlog = self.backlog.lock();
        for record in records {
            match backlog.push(record, now_ms) {
                Pushed::Queued => {}
                Pushed::Skipped => metrics.wrote(Written::Skipped, 1),
                Pushed::Dropped => metrics.wrote(Written::Dropped, 1),
            }
        }
    }

    /// Once this is dropped nothing more will come, and the writer ends when all is written.
    pub fn closing(&self) -> DropGuard {
        self.closed.clone().drop_guard()
    }

    /// Rows that wait, and how long the oldest one has waited.
    pub fn size(&self) -> (usize, u64) {
        let backlog = self.backlog.lock();
        (backlog.rows(), backlog.oldest_age_ms(self.clock.now_ms()))
    }
}

/// The writer.
pub struct Writer {
    tables: Arc<dyn Tables>,
    backlog: Arc<Backlogs>,
    replica: String,
    metrics: PresenceMetrics,
}

impl Writer {
    /// For the rows of this replica.
    pub fn new(tables: Arc<dyn Tables>, backlog: Arc<Backlogs>, replica: &str, metrics: PresenceMetrics) -> Self {
        Self { tables, backlog, replica: replica.to_owned(), metrics }
    }

    /// Writes until the backlog is closed, and then for a little longer.
    pub async fn run(self) -> TaskResult {
        let closed = self.backlog.closed.clone();
        let mut wait = COLLECT;
        let mut failures = 0u32;
        while tokio::time::timeout(wait, closed.cancelled()).await.is_err() {
            let failed = self.write_all().await;
            failures = if failed { failures + 1 } else { 0 };
            if failures == 1 {
                tracing::warn!(rows = self.backlog.size().0, "history cannot be stored now; it waits");
            }
            wait = if failed { retry_wait(failures) } else { COLLECT };
        }
        let flush = async {
            while self.write_all().await {
                tokio::time::sleep(RETRY_WAIT_MIN).await;
            }
        };
        if tokio::time::timeout(FLUSH_MAX, flush).await.is_err() {
            tracing::warn!(rows = self.backlog.size().0, "not all history was stored in time; these rows are lost");
        }
        Ok(())
    }

    /// Writes what waits now. True if the store refused some of it.
    async fn write_all(&self) -> bool {
        let mut under_way = JoinSet::new();
        let mut failed = false;
        loop {
            while !failed && under_way.len() < BATCHES_AT_ONCE_MAX {
                let Some(batch) = self.backlog.backlog.lock().take() else { break };
                under_way.spawn(write(self.tables.clone(), batch, self.replica.clone()));
            }
            let Some(done) = under_way.join_next().await else { return failed };
            let (batch, result) = done.expect("writing a batch does not panic");
            failed |= self.settle(batch, result);
        }
    }

    /// True if the batch has to be tried again.
    fn settle(&self, batch: Batch, result: Result<(), TableError>) -> bool {
        let rows = batch.records.len() as u64;
        match result {
            Ok(()) => {
                self.metrics.wrote(Written::Stored, rows);
                self.backlog.backlog.lock().written(batch.partition);
                false
            }
            // A batch with an open outcome may be repeated: its rows only set columns.
            Err(error) if error.is_retryable() || matches!(error, TableError::Timeout(_)) => {
                tracing::debug!(%error, rows, "a batch of history was not stored");
                self.metrics.wrote(Written::Failed, rows);
                self.backlog.backlog.lock().put_back(batch);
                true
            }
            Err(error) => {
                tracing::error!(%error, rows, "a batch of history was refused and is lost");
                self.metrics.wrote(Written::Dropped, rows);
                self.backlog.backlog.lock().written(batch.partition);
                false
            }
        }
    }
}

async fn write(tables: Arc<dyn Tables>, batch: Batch, replica: String) -> (Batch, Result<(), TableError>) {
    let writes = batch.records.iter().map(|record| Write::Put(row_of(record, &replica))).collect();
    let result = tables.batch(writes).await;
    (batch, result)
}

fn retry_wait(failures: u32) -> Duration {
    RETRY_WAIT_MIN.saturating_mul(1 << failures.min(8)).min(RETRY_WAIT_MAX)
}
