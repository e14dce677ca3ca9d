//! A store that is down, or slow to come back, disturbs history only.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::runtime::Handle;
use turnout_platform::{
    clock::Clock as _,
    tables::{self, Engine, Page, PutIf, Range, Row, Table, TableError, Tables, Value, Write},
};
use turnout_presence::{Archive, TABLES};
use turnout_roster::Topic;

use crate::{
    gateway::Gateway,
    mesh::{Mesh, until, until_count},
};

const DEMO: &str = "acme/demo";

/// Embedded tables that stop the paused clock while the disk works, and that can be switched off.
pub struct Disk {
    inner: Arc<dyn Tables>,
    down: AtomicBool,
}

impl Disk {
    pub async fn open(folder: &Path) -> Arc<Self> {
        let inner = tables::open(&Engine::Embedded { path: folder.to_owned() }, TABLES).await.unwrap();
        Arc::new(Self { inner, down: AtomicBool::new(false) })
    }

    /// Tokio's paused clock stands while blocking work is under way.
    async fn work<T, F>(&self, work: impl FnOnce(Arc<dyn Tables>) -> F + Send + 'static) -> Result<T, TableError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, TableError>>,
    {
        if self.down.load(Ordering::SeqCst) {
            return Err(TableError::Unavailable("switched off".into()));
        }
        let (inner, runtime) = (self.inner.clone(), Handle::current());
        tokio::task::spawn_blocking(move || runtime.block_on(work(inner))).await.unwrap()
    }
}

#[tonic::async_trait]
impl Tables for Disk {
    async fn put(&self, row: Row) -> Result<(), TableError> {
        self.work(async move |inner| inner.put(row).await).await
    }

    async fn put_if_absent(&self, row: Row) -> Result<Option<Row>, TableError> {
        self.work(async move |inner| inner.put_if_absent(row).await).await
    }

    async fn put_if_version(&self, row: Row, expected: i64) -> Result<PutIf, TableError> {
        self.work(async move |inner| inner.put_if_version(row, expected).await).await
    }

    async fn get(&self, table: &'static Table, key: Vec<Value>) -> Result<Option<Row>, TableError> {
        self.work(async move |inner| inner.get(table, key).await).await
    }

    async fn range(&self, range: Range) -> Result<Page, TableError> {
        self.work(async move |inner| inner.range(range).await).await
    }

    async fn delete(&self, table: &'static Table, key: Vec<Value>) -> Result<(), TableError> {
        self.work(async move |inner| inner.delete(table, key).await).await
    }

    async fn delete_partition(&self, table: &'static Table, partition: Vec<Value>) -> Result<(), TableError> {
        self.work(async move |inner| inner.delete_partition(table, partition).await).await
    }

    async fn batch(&self, writes: Vec<Write>) -> Result<(), TableError> {
        self.work(async move |inner| inner.batch(writes).await).await
    }

    async fn batch_across(&self, writes: Vec<Write>) -> Result<(), TableError> {
        self.work(async move |inner| inner.batch_across(writes).await).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_down_does_not_disturb_counting_and_gets_all_of_it_later() {
    let (mesh, folder) = (Mesh::new(), tempfile::tempdir().unwrap());
    let disk = Disk::open(folder.path()).await;
    disk.down.store(true, Ordering::SeqCst);
    let archive = Archive::new(disk.inner.clone());
    let node = mesh.replica("p1", disk.clone()).await;
    let gateway = Gateway::start(&mesh, "gw").await;
    let client = mesh.client(&node, Some("acme"));
    (0..10).for_each(|viewer| gateway.join(DEMO, viewer));
    until_count(&client, "demo", "", 10).await;
    (0..10).for_each(|viewer| gateway.leave(DEMO, viewer));
    until_count(&client, "demo", "", 0).await;
    until("the failures and the wait are measured", || async {
        let metrics = node.metrics.render();
        let value = |name: &str| {
            let line = metrics.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim().parse::<f64>().ok().filter(|value| *value > 1.0)
        };
        value("turnout_presence_history_oldest_age_seconds")?;
        value("turnout_presence_history_queue_rows")?;
        value("turnout_presence_history_writes_total{result=\"failed\"}")
    })
    .await;
    let topic = Topic::from(DEMO);
    let at_ms = mesh.clock.at_ms();
    assert!(archive.visits(&topic, at_ms - 3_600_000, at_ms, at_ms).await.unwrap().is_empty());
    disk.down.store(false, Ordering::SeqCst);
    until("everything is stored", || async {
        let at_ms = mesh.clock.at_ms();
        let visits = archive.visits(&topic, at_ms - 3_600_000, at_ms, at_ms).await.unwrap();
        let closed = visits.iter().filter(|visit| visit.ending.is_some()).count();
        let peak = archive.peak(&topic).await.unwrap();
        (closed == 10 && peak.is_some_and(|(viewers, _)| viewers == 10)).then_some(())
    })
    .await;
}
