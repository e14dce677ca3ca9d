//! Tables that watch what is asked of them: they count the rows that are looked up, and can end all writes as if the process had died
//! there. Ranges do not count: a sweep reads some every few seconds, and no sign-in reads any.

#![allow(dead_code, reason = "each test target uses a part")]

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use turnout_platform::tables::{Page, PutIf, Range, Row, Table, TableError, Tables, Value, Write};

pub struct Watched {
    tables: Arc<dyn Tables>,
    lookups: AtomicUsize,
    writes_left: AtomicUsize,
}

impl Watched {
    pub fn new(tables: Arc<dyn Tables>) -> Self {
        Self { tables, lookups: AtomicUsize::new(0), writes_left: AtomicUsize::new(usize::MAX) }
    }

    /// Rows that were looked up so far.
    pub fn lookups(&self) -> usize {
        self.lookups.load(Ordering::SeqCst)
    }

    /// Lets so many writes through and then none.
    pub fn cut_after(&self, writes: usize) {
        self.writes_left.store(writes, Ordering::SeqCst);
    }

    fn write(&self) -> Result<(), TableError> {
        let taken = self.writes_left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        taken.map(drop).map_err(|_| TableError::Unavailable("cut off".to_owned()))
    }
}

#[tonic::async_trait]
impl Tables for Watched {
    async fn put(&self, row: Row) -> Result<(), TableError> {
        self.write()?;
        self.tables.put(row).await
    }

    async fn put_if_absent(&self, row: Row) -> Result<Option<Row>, TableError> {
        self.write()?;
        self.tables.put_if_absent(row).await
    }

    async fn put_if_version(&self, row: Row, expected: i64) -> Result<PutIf, TableError> {
        self.write()?;
        self.tables.put_if_version(row, expected).await
    }

    async fn get(&self, table: &'static Table, key: Vec<Value>) -> Result<Option<Row>, TableError> {
        self.lookups.fetch_add(1, Ordering::SeqCst);
        self.tables.get(table, key).await
    }

    async fn range(&self, range: Range) -> Result<Page, TableError> {
        self.tables.range(range).await
    }

    async fn delete(&self, table: &'static Table, key: Vec<Value>) -> Result<(), TableError> {
        self.write()?;
        self.tables.delete(table, key).await
    }

    async fn delete_partition(&self, table: &'static Table, partition: Vec<Value>) -> Result<(), TableError> {
        self.write()?;
        self.tables.delete_partition(table, partition).await
    }

    async fn batch(&self, writes: Vec<Write>) -> Result<(), TableError> {
        self.write()?;
        self.tables.batch(writes).await
    }

    async fn batch_across(&self, writes: Vec<Write>) -> Result<(), TableError> {
        self.write()?;
        self.tables.batch_across(writes).await
    }
}
