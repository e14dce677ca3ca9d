//! Carries each request out in a task of its own, so that it goes on while its caller looks elsewhere. A stream that asks for eight pages
//! and then works on the first polls the others no more: without this they would keep the turns that they were given, of which an engine
//! has few, and the request that the work itself needs would wait for a turn until it is refused. A caller that gives up takes its
//! request along. Knows nothing of engines and requests.

use std::{future::Future, sync::Arc};

use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument as _;

use super::{Page, PutIf, Range, Row, Table, TableError, Tables, Value, Write};

pub(super) struct Driven {
    inner: Arc<dyn Tables>,
}

impl Driven {
    pub(super) fn new(inner: Arc<dyn Tables>) -> Self {
        Self { inner }
    }
}

async fn driven<T: Send + 'static>(
    request: impl Future<Output = Result<T, TableError>> + Send + 'static,
) -> Result<T, TableError> {
    let task = AbortOnDropHandle::new(tokio::spawn(request.in_current_span()));
    match task.await {
        Ok(done) => done,
        Err(failed) if failed.is_panic() => std::panic::resume_unwind(failed.into_panic()),
        // It is never aborted while somebody waits, but when the runtime ends. Whether it was carried out, nobody knows.
        Err(_) => Err(TableError::Timeout("the process ends".to_owned())),
    }
}

#[tonic::async_trait]
impl Tables for Driven {
    async fn put(&self, row: Row) -> Result<(), TableError> {
        let inner = self.inner.clone();
        driven(async move { inner.put(row).await }).await
    }

    async fn put_if_absent(&self, row: Row) -> Result<Option<Row>, TableError> {
        let inner = self.inner.clone();
        driven(async move { inner.put_if_absent(row).await }).await
    }

    async fn put_if_version(&self, row: Row, expected: i64) -> Result<PutIf, TableError> {
        let inner = self.inner.clone();
        driven(async move { inner.put_if_version(row, expected).await }).await
    }

    async fn get(&self, table: &'static Table, key: Vec<Value>) -> Result<Option<Row>, TableError> {
        let inner = self.inner.clone();
        driven(async move { inner.get(table, key).await }).await
    }

    async fn range(&self, range: Range) -> Result<Page, TableError> {
        let inner = self.inner.clone();
        driven(async move { inner.range(range).await }).await
    }

    async fn delete(&self, table: &'static Table, key: Vec<Value>) -> Result<(), TableError> {
        let inner = self.inner.clone();
        driven(async move { inner.delete(table, key).await }).await
    }

    async fn delete_partition(&self, table: &'static Table, partition: Vec<Value>) -> Result<(), TableError> {
        let inner = self.inner.clone();
        driven(async move { inner.delete_partition(table, partition).await }).await
    }

    async fn batch(&self, writes: Vec<Write>) -> Result<(), TableError> {
        let inner = self.inner.clone();
        driven(async move { inner.batch(writes).await }).await
    }

    async fn batch_across(&self, writes: Vec<Write>) -> Result<(), TableError> {
        let inner = self.inner.clone();
        driven(async move { inner.batch_across(writes).await }).await
    }
}
