//! The tables in a CQL cluster (ScyllaDB, Apache Cassandra): typed columns, statements prepared once, reads and writes at
//! LOCAL_QUORUM. Does not check requests (`checked` does), and retries only what the driver may repeat without harm.
//!
//! Order of writes. Plain tables: each write carries a time from one generator of this process that never goes back, and keeps it
//! when the driver repeats it. Conditional tables: every write is a lightweight transaction, whose time the cluster gives; a plain
//! write beside them could carry a later time than the transaction that follows it and so undo it unseen.

mod bring_up;
mod request;
mod statement;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use parking_lot::RwLock;
use scylla::client::execution_profile::ExecutionProfile;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::frame::Compression;
use scylla::policies::timestamp_generator::{MonotonicTimestampGenerator, TimestampGenerator};
use scylla::statement::batch::BatchType;
use scylla::statement::prepared::PreparedStatement;
use scylla::statement::{Consistency, SerialConsistency};

use super::{PAGE_BYTES_MAX, Page, PutIf, Range, Row, Table, TableError, Tables, VERSION, Value, Write, admission};
use crate::admission::Admission;
use request::{Bound, Sort, bind};

/// Requests under way; further ones wait for their turn.
const IN_FLIGHT_MAX: usize = 256;
/// For a plain read or write, repetitions by the driver included.
pub(super) const REQUEST_TIMEOUT: Duration = Duration::from_secs(2);
/// For a lightweight transaction or a batch: they take several rounds between the servers.
pub(super) const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(5);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a change of the schema by another server may take to show, and how often to look.
const SCHEMA_WAIT: Duration = Duration::from_secs(10);
const SCHEMA_PAUSE: Duration = Duration::from_millis(100);
/// Rows that the server sends at once; a page of a range may take several.
const FETCH_ROWS: i32 = 500;
/// Rounds of a put or a delete against others who create and delete the same row.
const CONTENTION_ROUNDS_MAX: usize = 8;

pub(super) struct CqlTables {
    session: Session,
    keyspace: String,
    /// By their text. There are as many as there are shapes of requests: bounded by the declarations.
    prepared: RwLock<HashMap<String, PreparedStatement>>,
    timestamps: Box<dyn TimestampGenerator>,
    in_flight: Admission,
}

impl CqlTables {
    pub(super) async fn open(
        nodes: &[String],
        keyspace: &str,
        replication_factor: u8,
        login: Option<(String, String)>,
        tables: &[&'static Table],
    ) -> Result<Self, TableError> {
        if !super::declare::is_name(keyspace) {
            return Err(TableError::Invalid(format!("keyspace {keyspace}: a name must match [a-z][a-z0-9_]{{0,47}}")));
        }
        let profile = ExecutionProfile::builder()
            .consistency(Consistency::LocalQuorum)
            .serial_consistency(Some(SerialConsistency::LocalSerial))
            .request_timeout(Some(REQUEST_TIMEOUT))
            .build();
        let mut builder = SessionBuilder::new()
            .known_nodes(nodes)
            .keyspaces_to_fetch([keyspace])
            .compression(Some(Compression::Lz4))
            .connection_timeout(CONNECT_TIMEOUT)
            .default_execution_profile_handle(profile.into_handle());
        if let Some((user, password)) = login {
            builder = builder.user(user, password);
        }
        let session = builder.build().await;
        let session =
            session.map_err(|error| TableError::Unavailable(format!("cql on {}: {error}", nodes.join(","))))?;
        bring_up::bring_up(&session, keyspace, replication_factor, tables).await?;
        let this = Self {
            session,
            keyspace: keyspace.to_owned(),
            prepared: RwLock::default(),
            timestamps: Box::new(MonotonicTimestampGenerator::new()),
            in_flight: admission::door(IN_FLIGHT_MAX),
        };
        for table in tables {
            for cql in statement::fixed(keyspace, table) {
                this.prepare_at_start(&cql).await?;
            }
        }
        Ok(this)
    }

    /// A table that another server has just made may be described already and yet be unknown to the node that prepares.
    async fn prepare_at_start(&self, cql: &str) -> Result<(), TableError> {
        let deadline = Instant::now() + SCHEMA_WAIT;
        loop {
            let done = self.prepared(cql).await.map(drop);
            let unknown = matches!(done, Err(TableError::Schema(_) | TableError::Unavailable(_)));
            if !unknown || Instant::now() >= deadline {
                return done;
            }
            tokio::time::sleep(SCHEMA_PAUSE).await;
        }
    }

    /// A lightweight transaction that answers only whether it was applied.
    async fn applied(&self, cql: String, values: Vec<Bound>) -> Result<bool, TableError> {
        Ok(self.transaction(cql, values).await?.is_none())
    }

    /// Whether the put of a row into a conditional table took effect, as an update or as an insert.
    async fn put_conditional(&self, row: &Row) -> Result<(), TableError> {
        let table = row.table();
        for _ in 0..CONTENTION_ROUNDS_MAX {
            let update = statement::update(&self.keyspace, table, "IF EXISTS");
            let insert = statement::insert(&self.keyspace, table, true);
            if self.applied(update, bind_update(row)).await? || self.applied(insert, bind(row.values())).await? {
                return Ok(());
            }
        }
        Err(TableError::Overloaded(format!("table {}: others keep changing the row", table.name)))
    }
}

/// The columns outside the key, then the key, as `UPDATE` names them.
fn bind_update(row: &Row) -> Vec<Bound> {
    let (key, columns) = row.values().split_at(row.table().key_len());
    bind(columns.iter().chain(key))
}

#[tonic::async_trait]
impl Tables for CqlTables {
    async fn put(&self, row: Row) -> Result<(), TableError> {
        if row.table().is_conditional() {
            return self.put_conditional(&row).await;
        }
        let cql = statement::insert(&self.keyspace, row.table(), false);
        self.run(cql, Sort::Write, bind(row.values())).await.map(drop)
    }

    async fn put_if_absent(&self, row: Row) -> Result<Option<Row>, TableError> {
        let cql = statement::insert(&self.keyspace, row.table(), true);
        let Some(found) = self.transaction(cql, bind(row.values())).await? else { return Ok(None) };
        found.row(row.table()).map(Some)
    }

    async fn put_if_version(&self, row: Row, expected: i64) -> Result<PutIf, TableError> {
        let table = row.table();
        let cql = statement::update(&self.keyspace, table, &format!(r#"IF "{VERSION}" = ?"#));
        let mut values = bind_update(&row);
        values.extend(bind([&Some(Value::Int(expected))]));
        if self.applied(cql, values).await? {
            return Ok(PutIf::Stored);
        }
        // The answer holds the version at most; the row itself is read in the same order as the transactions.
        let found = self.run(statement::get(&self.keyspace, table), Sort::SerialRead, bind_key(&row.key())).await?;
        Ok(PutIf::Differs(found.rows(table)?.pop()))
    }

    async fn get(&self, table: &'static Table, key: Vec<Value>) -> Result<Option<Row>, TableError> {
        let found = self.run(statement::get(&self.keyspace, table), Sort::Read, bind_key(&key)).await?;
        Ok(found.rows(table)?.pop())
    }

    async fn range(&self, range: Range) -> Result<Page, TableError> {
        let (low, high) = range.edges();
        let cql = statement::range(&self.keyspace, &range, low.as_ref(), high.as_ref());
        let edges = [&low, &high].into_iter().flatten().flat_map(|edge| &edge.prefix);
        let mut values = bind_key(range.partition.iter().chain(edges));
        // One row more than asked for tells whether there is a next page.
        values.push(request::limit(range.limit + 1));
        let mut pages = self.pages(cql, values).await?;
        let (mut rows, mut bytes) = (Vec::new(), 0);
        while let Some(found) = pages.next().await? {
            for row in found.rows(range.table)? {
                if bytes >= PAGE_BYTES_MAX {
                    return Ok(range.page(rows, true));
                }
                bytes += row.bytes_total();
                rows.push(row);
            }
        }
        Ok(range.page(rows, false))
    }

    async fn delete(&self, table: &'static Table, key: Vec<Value>) -> Result<(), TableError> {
        let conditional = table.is_conditional();
        let cql = statement::delete(&self.keyspace, table, key.len(), conditional);
        if conditional {
            self.applied(cql, bind_key(&key)).await.map(drop)
        } else {
            self.run(cql, Sort::Write, bind_key(&key)).await.map(drop)
        }
    }

    async fn delete_partition(&self, table: &'static Table, partition: Vec<Value>) -> Result<(), TableError> {
        if !table.is_conditional() {
            let cql = statement::delete(&self.keyspace, table, partition.len(), false);
            return self.run(cql, Sort::Write, bind_key(&partition)).await.map(drop);
        }
        // CQL has no conditional delete of a partition.
        let mut range = Range::of(table, partition);
        loop {
            let page = self.range(range.clone()).await?;
            for row in &page.rows {
                self.delete(table, row.key()).await?;
            }
            let Some(next) = page.next else { return Ok(()) };
            range = range.after(next);
        }
    }

    async fn batch(&self, writes: Vec<Write>) -> Result<(), TableError> {
        self.run_batch(BatchType::Unlogged, &writes).await
    }

    async fn batch_across(&self, writes: Vec<Write>) -> Result<(), TableError> {
        self.run_batch(BatchType::Logged, &writes).await
    }
}

fn bind_key<'v>(values: impl IntoIterator<Item = &'v Value>) -> Vec<Bound> {
    values.into_iter().map(request::bound).collect()
}
