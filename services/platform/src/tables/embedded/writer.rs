//! The one writer: a thread that takes the waiting jobs, runs them in one transaction and answers each after the commit, so one
//! disk flush serves many writes and an acknowledgement means durable. It also sweeps out rows whose lifetime is over.
//! Does not know what a job does.

use std::fs::File;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::{TableError, failed, sql};
use crate::tables::Table;

/// Writes that wait for the writer; one more is refused as overloaded.
pub(super) const QUEUE_MAX: usize = 2048;
/// Jobs of one transaction.
const GROUP_MAX: usize = 500;
/// A transaction takes no further jobs after this time, so that the first does not wait for long.
const GROUP_TIME: Duration = Duration::from_millis(5);
/// How often expired rows are deleted. Reads do not see them in the meantime.
const SWEEP_EVERY: Duration = Duration::from_secs(10);
/// Expired rows deleted in one transaction, for each table.
pub(super) const SWEEP_ROWS_MAX: usize = 1000;

/// Runs on the connection (or not, when there is no transaction) and keeps the answer until the commit is known.
type Job = Box<dyn FnOnce(Result<&Connection, TableError>) -> Answer + Send>;
type Answer = Box<dyn FnOnce(Result<(), TableError>)>;

pub(super) struct Writer {
    /// `None` only while dropping: the thread ends when the last sender is gone.
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// `lock` is held for as long as the thread may write.
    pub(super) fn start(connection: Connection, lock: File, tables: &[&'static Table]) -> Result<Self, TableError> {
        let (jobs, queue) = sync_channel(QUEUE_MAX);
        let tables = tables.to_vec();
        let body = move || {
            write_until_closed(&connection, &queue, &tables);
            drop(connection);
            drop(lock);
        };
        let thread = std::thread::Builder::new().name("tables-writer".to_owned()).spawn(body);
        let thread = thread.map_err(|error| TableError::Unavailable(format!("no writer thread: {error}")))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Runs `work` with the next group. All that it wrote is undone if it fails.
    pub(super) async fn run<T, F>(&self, work: F) -> Result<T, TableError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, TableError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let result = connection.and_then(|connection| in_savepoint(connection, work));
            // The caller may be gone: the write then happened unseen.
            Box::new(move |commit| drop(answer.send(commit.and(result))))
        });
        let jobs = self.jobs.as_ref().expect("the queue is there until the writer is dropped");
        jobs.try_send(job).map_err(|refused| match refused {
            TrySendError::Full(_) => TableError::Overloaded(format!("{QUEUE_MAX} writes are waiting")),
            TrySendError::Disconnected(_) => TableError::Unavailable("the writer has stopped".to_owned()),
        })?;
        answered.await.unwrap_or_else(|_| Err(TableError::Timeout("the writer has stopped".to_owned())))
    }
}

impl Drop for Writer {
    /// Waits for the last commit, so that the folder is free when the store is dropped.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the writer of the embedded store panicked");
        }
    }
}

fn write_until_closed(connection: &Connection, queue: &Receiver<Job>, tables: &[&'static Table]) {
    let mut next_sweep = Instant::now();
    loop {
        match queue.recv_timeout(next_sweep.saturating_duration_since(Instant::now())) {
            Ok(first) => write_group(connection, first, queue),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        if Instant::now() >= next_sweep {
            let more = sweep(connection, tables);
            next_sweep = Instant::now() + if more { Duration::ZERO } else { SWEEP_EVERY };
        }
    }
}

fn write_group(connection: &Connection, first: Job, queue: &Receiver<Job>) {
    if let Err(error) = connection.execute_batch("BEGIN IMMEDIATE") {
        let error = failed(&error);
        first(Err(error.clone()))(Err(error));
        return;
    }
    let begun = Instant::now();
    let mut answers = vec![first(Ok(connection))];
    // Some errors (a full disk) end the whole transaction: nothing more may run then.
    while !connection.is_autocommit() && answers.len() < GROUP_MAX && begun.elapsed() < GROUP_TIME {
        let Ok(job) = queue.try_recv() else { break };
        answers.push(job(Ok(connection)));
    }
    let commit = connection.execute_batch("COMMIT").map_err(|error| failed(&error));
    if !connection.is_autocommit() {
        // A commit that failed leaves the transaction open.
        if let Err(error) = connection.execute_batch("ROLLBACK") {
            tracing::error!(%error, "rollback failed");
        }
    }
    for answer in answers {
        answer(commit.clone());
    }
}

fn in_savepoint<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, TableError>,
) -> Result<T, TableError> {
    let run =
        |sql: &str| connection.prepare_cached(sql).and_then(|mut s| s.execute(())).map_err(|error| failed(&error));
    run("SAVEPOINT job")?;
    let result = work(connection);
    if result.is_err() {
        run("ROLLBACK TO job")?;
    }
    run("RELEASE job")?;
    result
}

/// True when there may be more to sweep.
fn sweep(connection: &Connection, tables: &[&'static Table]) -> bool {
    let mut more = false;
    for table in tables.iter().filter(|t| t.lifetime_s.is_some()) {
        match sql::sweep(connection, table) {
            Ok(rows) => more |= rows >= SWEEP_ROWS_MAX,
            Err(error) => tracing::warn!(table = table.name, %error, "expired rows were not swept"),
        }
    }
    more
}
