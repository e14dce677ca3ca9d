//! The tables in SQLite, in one folder owned by one process: a writer thread that commits in groups and a pool of readers.
//! Each declared table is a real, readable SQL table (`sqlite3 tables.sqlite`). Does not serve several processes and does not
//! check requests (`checked` does).

mod readers;
mod sql;
#[cfg(test)]
mod tests;
mod writer;

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode};

use super::{Page, PutIf, Range, Row, Table, TableError, Tables, Value, Write, admission};
use readers::Readers;
use writer::Writer;

const DATA_FILE: &str = "tables.sqlite";
const LOCK_FILE: &str = "tables.lock";
/// How long to wait for a lock of another process, such as a `sqlite3` shell that writes.
const BUSY_WAIT: Duration = Duration::from_secs(5);
/// Prepared statements that a connection keeps.
const STATEMENTS_MAX: usize = 256;

pub(super) struct EmbeddedTables {
    writer: Writer,
    readers: Arc<Readers>,
}

impl EmbeddedTables {
    pub(super) async fn open(folder: PathBuf, tables: &[&'static Table]) -> Result<Self, TableError> {
        let tables = tables.to_vec();
        let opened = tokio::task::spawn_blocking(move || Self::open_blocking(&folder, &tables)).await;
        opened.unwrap_or_else(|failed| Err(TableError::Unavailable(failed.to_string())))
    }

    fn open_blocking(folder: &Path, tables: &[&'static Table]) -> Result<Self, TableError> {
        let unusable = |error| TableError::Unavailable(format!("folder {}: {error}", folder.display()));
        fs::create_dir_all(folder).map_err(unusable)?;
        let lock = File::options().create(true).append(true).open(folder.join(LOCK_FILE)).map_err(unusable)?;
        // The system drops the lock when the process ends, however it ends.
        lock.try_lock().map_err(|failed| match failed {
            TryLockError::WouldBlock => TableError::InUse(folder.to_owned()),
            TryLockError::Error(error) => unusable(error),
        })?;
        let data = folder.join(DATA_FILE);
        let mut connection = connect(&data)?;
        sql::bring_up(&mut connection, tables)?;
        Ok(Self { writer: Writer::start(connection, lock, tables)?, readers: Arc::new(Readers::open(&data)?) })
    }
}

/// A connection for durable writes: with `synchronous=FULL` a commit returns after the log is on the disk.
fn connect(data: &Path) -> Result<Connection, TableError> {
    let open = || -> rusqlite::Result<Connection> {
        let connection = Connection::open(data)?;
        connection.busy_timeout(BUSY_WAIT)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "full")?;
        connection.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
        Ok(connection)
    };
    open().map_err(|error| failed(&error))
}

/// What an error of SQLite means for the caller. By the time that it is seen, the write has been rolled back.
fn failed(error: &rusqlite::Error) -> TableError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) | None => TableError::Corrupt(error.to_string()),
        Some(_) => TableError::Unavailable(error.to_string()),
    }
}

#[tonic::async_trait]
impl Tables for EmbeddedTables {
    async fn put(&self, row: Row) -> Result<(), TableError> {
        self.writer.run(move |connection| sql::put(connection, &row)).await
    }

    async fn put_if_absent(&self, row: Row) -> Result<Option<Row>, TableError> {
        self.writer.run(move |connection| sql::put_if_absent(connection, &row)).await
    }

    async fn put_if_version(&self, row: Row, expected: i64) -> Result<PutIf, TableError> {
        self.writer.run(move |connection| sql::put_if_version(connection, &row, expected)).await
    }

    async fn get(&self, table: &'static Table, key: Vec<Value>) -> Result<Option<Row>, TableError> {
        self.readers.run(move |connection| sql::get(connection, table, &key)).await
    }

    async fn range(&self, range: Range) -> Result<Page, TableError> {
        self.readers.run(move |connection| sql::range(connection, &range)).await
    }

    async fn delete(&self, table: &'static Table, key: Vec<Value>) -> Result<(), TableError> {
        self.writer.run(move |connection| sql::delete(connection, table, &key)).await
    }

    async fn delete_partition(&self, table: &'static Table, partition: Vec<Value>) -> Result<(), TableError> {
        self.writer.run(move |connection| sql::delete(connection, table, &partition)).await
    }

    async fn batch(&self, writes: Vec<Write>) -> Result<(), TableError> {
        let work = move |connection: &Connection| {
            writes.iter().try_for_each(|write| match write {
                Write::Put(row) => sql::put(connection, row),
                Write::Delete { table, key } => sql::delete(connection, table, key),
            })
        };
        self.writer.run(work).await
    }

    async fn batch_across(&self, writes: Vec<Write>) -> Result<(), TableError> {
        self.batch(writes).await
    }
}
