//! Tables at which a test does something before a request goes through, or lets it not go through.

use std::{future::Future, pin::Pin, sync::Arc};

use turnout_platform::tables::{Page, PutIf, Range, Row, Table, TableError, Tables, Value, Write};

/// What is asked of the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// Of one row.
    Read,
    /// Of a part of a partition.
    Range,
    Write,
}

type Done = Pin<Box<dyn Future<Output = Result<(), TableError>> + Send>>;

/// The tables, and what is done before each request. Only batches of the bus and the outbox go by unseen.
pub struct Hooked {
    pub tables: Arc<dyn Tables>,
    pub before: Box<dyn Fn(Sort, &'static str) -> Done + Send + Sync>,
    /// A table whose conditional writes are said to be done and are not: as if who makes them took no claim at all.
    pub unclaimed: Option<&'static str>,
}

impl Hooked {
    pub fn new<F>(
        tables: &Arc<dyn Tables>,
        before: impl Fn(Sort, &'static str) -> F + Send + Sync + 'static,
    ) -> Arc<Self>
    where
        F: Future<Output = Result<(), TableError>> + Send + 'static,
    {
        Self::without_claims(None, tables, before)
    }

    /// The same with claims in this table that nobody sees.
    pub fn without_claims<F>(
        unclaimed: Option<&'static str>,
        tables: &Arc<dyn Tables>,
        before: impl Fn(Sort, &'static str) -> F + Send + Sync + 'static,
    ) -> Arc<Self>
    where
        F: Future<Output = Result<(), TableError>> + Send + 'static,
    {
        let before = Box::new(move |sort, table| -> Done { Box::pin(before(sort, table)) });
        Arc::new(Self { tables: tables.clone(), before, unclaimed })
    }

    async fn before(&self, sort: Sort, table: &'static Table) -> Result<(), TableError> {
        (self.before)(sort, table.name).await
    }
}

#[tonic::async_trait]
impl Tables for Hooked {
    async fn put(&self, row: Row) -> Result<(), TableError> {
        self.before(Sort::Write, row.table()).await?;
        self.tables.put(row).await
    }

    async fn put_if_absent(&self, row: Row) -> Result<Option<Row>, TableError> {
        self.before(Sort::Write, row.table()).await?;
        self.tables.put_if_absent(row).await
    }

    async fn put_if_version(&self, row: Row, expected: i64) -> Result<PutIf, TableError> {
        self.before(Sort::Write, row.table()).await?;
        if self.unclaimed == Some(row.table().name) {
            return Ok(PutIf::Stored);
        }
        self.tables.put_if_version(row, expected).await
    }

    async fn get(&self, table: &'static Table, key: Vec<Value>) -> Result<Option<Row>, TableError> {
        self.before(Sort::Read, table).await?;
        self.tables.get(table, key).await
    }

    async fn range(&self, range: Range) -> Result<Page, TableError> {
        self.before(Sort::Range, range.table()).await?;
        self.tables.range(range).await
    }

    async fn delete(&self, table: &'static Table, key: Vec<Value>) -> Result<(), TableError> {
        self.before(Sort::Write, table).await?;
        self.tables.delete(table, key).await
    }

    async fn delete_partition(&self, table: &'static Table, partition: Vec<Value>) -> Result<(), TableError> {
        self.before(Sort::Write, table).await?;
        self.tables.delete_partition(table, partition).await
    }

    async fn batch(&self, writes: Vec<Write>) -> Result<(), TableError> {
        for write in &writes {
            self.before(Sort::Write, write.table()).await?;
        }
        self.tables.batch(writes).await
    }

    async fn batch_across(&self, writes: Vec<Write>) -> Result<(), TableError> {
        for write in &writes {
            self.before(Sort::Write, write.table()).await?;
        }
        self.tables.batch_across(writes).await
    }
}
