//! Durable tables: a service declares each table once as data (`Table`) and asks the few questions that a wide-column
//! store answers well (`Tables`). Two engines answer them under the same laws: a CQL cluster and SQLite in one folder.
//! Deliberately absent: scans over a whole table, secondary indexes, joins, counters, and any SQL or CQL outside this folder.
//!
//! To add a table: declare a `static` `Table` in the service's `store.rs` and name it in the list given to [`open`]. Nothing else.

mod admission;
mod checked;
mod clauses;
pub mod conformance;
mod cql;
mod declare;
mod driven;
mod embedded;
mod metered;
mod range;
mod row;
mod schema;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use declare::{Column, Kind, Table, bytes, flag, int, text, time};
pub use metered::MeteredTables;
pub use range::{Page, Range};
pub use row::{Row, Value};

/// The values of one row, keys included, in bytes. A longer row is refused.
pub const ROW_BYTES_MAX: usize = 1024 * 1024;
/// The values of one primary key, in bytes.
pub const KEY_BYTES_MAX: usize = 4096;
/// Rows of one page of a [`Range`].
pub const RANGE_ROWS_MAX: usize = 5000;
/// A page ends early, with `next` set, once its rows hold this many bytes.
pub const PAGE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Writes of one batch, of either sort.
pub const BATCH_WRITES_MAX: usize = 100;
/// The values of one [`Tables::batch`], in bytes.
pub const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;
/// The values of one [`Tables::batch_across`], in bytes, with [`VALUE_OVERHEAD_BYTES`] more for each: CQL servers refuse batches
/// over several partitions from 50 KiB on, their own overhead included.
pub const BATCH_ACROSS_BYTES_MAX: usize = 32 * 1024;
/// What a stored value costs beside its own bytes.
pub const VALUE_OVERHEAD_BYTES: usize = 8;
/// No write to a plain table takes longer, its wait for a turn included, on a cluster that several processes share.
pub const WRITE_MAX: Duration = admission::WAIT_MAX.saturating_add(cql::REQUEST_TIMEOUT);
/// The same of one step of a write to a conditional table: [`Tables::put_if_absent`] and [`Tables::put_if_version`] are one each.
pub const CONDITIONAL_WRITE_MAX: Duration = admission::WAIT_MAX.saturating_add(cql::TRANSACTION_TIMEOUT);
/// The column that makes a table conditional, see [`Tables`].
pub const VERSION: &str = "version";

/// The operations on declared tables. Both engines keep these laws; `conformance` states each as a test.
///
/// 1. An acknowledged write is durable, and every read that starts afterwards sees it.
/// 2. A row is the last value put in each column. A put leaves the columns that its row does not set as they were. In a plain table
///    (see 3) awaited writes of one process take effect in the order of the calls; those of several processes, on CQL, in the order of
///    their clocks, column by column. So let a plain row have one writer, or writers that all put the same.
/// 3. A table with an int column `version` is *conditional*, every other table is *plain*. Only conditional tables take
///    `put_if_absent` and `put_if_version`; only plain tables take batches. All writes to a conditional table, also `put` and `delete`,
///    go through one agreed order (on CQL as lightweight transactions, several times the cost). Why: on CQL a plain write carries the time
///    of its client's clock and a transaction that of the cluster's, so mixed on one row the earlier could undo the later unseen.
/// 4. Rows of a partition are ordered by the clustering key: text and bytes byte by byte, numbers and times by value, false
///    before true.
/// 5. A row of a table with a lifetime vanishes from all reads `lifetime_s` after it was last put (±1 s). A column that a later
///    put did not set vanishes at some time between its own lifetime and the row's.
/// 6. [`TableError::Timeout`] leaves the outcome open. After any other error a write to a conditional table did not and will not happen;
///    a plain one may have happened in part if the driver had repeated it. Every operation may be repeated, with the effect of a late one:
///    a put if absent that finds its own row was stored before.
/// 7. What breaks a limit or the declaration is refused as [`TableError::Invalid`] before anything is sent.
/// 8. A request that has begun goes on whether or not it is polled meanwhile, and ends when it is dropped (a write: done or not). So a stream
///    of requests that waits for another request cannot keep the turn that the other needs.
///
/// In a CQL table with a lifetime, deletes work but cost: rows should leave by age.
#[tonic::async_trait]
pub trait Tables: Send + Sync + 'static {
    /// Stores the set columns of the row; creates it when absent. The whole key must be set.
    async fn put(&self, row: Row) -> Result<(), TableError>;

    /// Stores the row if no row has its key: `None` when stored, otherwise the row that was there. Conditional tables only.
    async fn put_if_absent(&self, row: Row) -> Result<Option<Row>, TableError>;

    /// Stores the set columns if the row is there with `version` = `expected`. The row must set another `version`,
    /// by custom `expected + 1`. Conditional tables only.
    async fn put_if_version(&self, row: Row, expected: i64) -> Result<PutIf, TableError>;

    /// The row with this primary key (partition values, then clustering values).
    async fn get(&self, table: &'static Table, key: Vec<Value>) -> Result<Option<Row>, TableError>;

    /// Rows of one partition, in the order of the clustering key or its reverse.
    async fn range(&self, range: Range) -> Result<Page, TableError>;

    /// Removes the row; nothing happens when there is none.
    async fn delete(&self, table: &'static Table, key: Vec<Value>) -> Result<(), TableError>;

    /// Removes all rows of a partition. In a conditional table row by row: not at one moment, and a row put meanwhile may stay.
    async fn delete_partition(&self, table: &'static Table, partition: Vec<Value>) -> Result<(), TableError>;

    /// All or none of these writes, seen together by any reader. All in one partition of one plain table, each row once.
    async fn batch(&self, writes: Vec<Write>) -> Result<(), TableError>;

    /// All or, in the end, none of these writes over any plain tables, each row once. A reader may see a part for a moment.
    /// Costs several times a plain write: for an outbox and the like.
    async fn batch_across(&self, writes: Vec<Write>) -> Result<(), TableError>;
}

/// One write of a batch.
#[derive(Debug, Clone, PartialEq)]
pub enum Write {
    Put(Row),
    Delete { table: &'static Table, key: Vec<Value> },
}

impl Write {
    pub fn table(&self) -> &'static Table {
        match self {
            Self::Put(row) => row.table(),
            Self::Delete { table, .. } => table,
        }
    }
}

/// What became of a [`Tables::put_if_version`].
#[derive(Debug, Clone, PartialEq)]
pub enum PutIf {
    Stored,
    /// Not stored; the row as it was found, if there is one.
    Differs(Option<Row>),
}

/// Why an operation failed. Messages name tables and columns, never values: they may be logged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// The store cannot be reached or lacks replicas. Retry with a back-off: a dead server refuses at once.
    #[error("store unavailable: {0}")]
    Unavailable(String),
    /// A queue is full. Retry later or shed load.
    #[error("store overloaded: {0}")]
    Overloaded(String),
    /// The answer did not come in time or the connection broke: the write may have happened or may still happen.
    #[error("no answer from the store, outcome unknown: {0}")]
    Timeout(String),
    /// The request breaks a limit or the declaration of its table: a programming error or oversized input. Never retry.
    #[error("refused: {0}")]
    Invalid(String),
    /// The tables found do not fit the declared ones.
    #[error("schema: {0}")]
    Schema(String),
    /// What the store holds cannot be read.
    #[error("corrupt data: {0}")]
    Corrupt(String),
    /// Another process serves this folder.
    #[error("the folder {} is in use by another server", .0.display())]
    InUse(PathBuf),
}

impl TableError {
    /// True when a later try may succeed and, for a conditional table, nothing was written.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Overloaded(_))
    }
}

/// Where the tables live.
#[derive(Clone, PartialEq, Eq)]
pub enum Engine {
    /// SQLite in this folder, which is created when missing. One process at a time.
    Embedded { path: PathBuf },
    /// A CQL cluster (ScyllaDB, Apache Cassandra).
    Cql {
        /// Contact points, `host:port`.
        nodes: Vec<String>,
        /// Created when missing; `[a-z][a-z0-9_]{0,47}`.
        keyspace: String,
        /// Copies in each data centre, used when the keyspace is created. 3 or more survive the loss of a node.
        replication_factor: u8,
        user: Option<String>,
        password: Option<String>,
    },
}

impl fmt::Debug for Engine {
    /// Leaves out the credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded { path } => write!(f, "embedded in {}", path.display()),
            Self::Cql { nodes, keyspace, .. } => write!(f, "cql keyspace {keyspace} on {}", nodes.join(",")),
        }
    }
}

/// Opens the store for these tables: creates what is missing (tables, columns) and refuses what differs.
/// Open once per process and share the result: an embedded folder has one owner.
///
/// # Errors
/// `Unavailable` when no server answers (the caller retries), `InUse` for a folder with another server, `Schema` when a found
/// table differs from its declaration, `Invalid` for a faulty declaration.
pub async fn open(engine: &Engine, tables: &[&'static Table]) -> Result<Arc<dyn Tables>, TableError> {
    declare::check(tables)?;
    let engine: Arc<dyn Tables> = match engine {
        Engine::Embedded { path } => Arc::new(embedded::EmbeddedTables::open(path.clone(), tables).await?),
        Engine::Cql { nodes, keyspace, replication_factor, user, password } => {
            let login = user.clone().zip(password.clone());
            Arc::new(cql::CqlTables::open(nodes, keyspace, *replication_factor, login, tables).await?)
        }
    };
    Ok(Arc::new(checked::Checked::new(Box::new(driven::Driven::new(engine)), tables)))
}
