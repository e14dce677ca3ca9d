//! Counts the requests to the tables, the same for every engine, and logs failures, a line a second however many there are. Changes
//! nothing: requests and answers pass as they are, and the laws of [`Tables`] hold.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};
use tokio::time::Instant;

use super::{Page, PutIf, Range, Row, Table, TableError, Tables, Value, Write};

/// Stands for the table of a batch that writes to more than one.
const SEVERAL: &str = "several";
/// Between two lines of the log about failures. A store that is away or has too much to do fails thousands of requests a second.
const LOG_EVERY: Duration = Duration::from_secs(1);

/// Tables and operations are declared in the program, so all labels are closed sets.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    table: &'static str,
    operation: &'static str,
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Operation {
    operation: &'static str,
}

/// Tables that count.
pub struct MeteredTables {
    inner: Arc<dyn Tables>,
    requests: Family<Request, Counter>,
    durations: Family<Operation, Histogram, fn() -> Histogram>,
    in_flight: Gauge,
    failures: Failures,
}

impl MeteredTables {
    /// Registers the metrics, once a process.
    pub fn new(inner: Arc<dyn Tables>, registry: &mut Registry) -> Self {
        let new = Self {
            inner,
            requests: Family::default(),
            // From 125 µs, a read of the embedded store, to 4 s, beyond the 2 s that a CQL cluster is given.
            durations: Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.000_125, 2.0, 16))),
            in_flight: Gauge::default(),
            failures: Failures::default(),
        };
        registry.register(
            "turnout_tables_requests",
            "Requests to the tables that have ended, by what became of them; cancelled: nobody waited for the answer any more",
            new.requests.clone(),
        );
        registry.register(
            "turnout_tables_request_duration_seconds",
            "Time until a request to the tables had ended",
            new.durations.clone(),
        );
        registry.register("turnout_tables_in_flight", "Requests to the tables under way", new.in_flight.clone());
        new
    }

    /// Waits for the answer and counts it. `stored` tells a put that the row's state refused from one that took place.
    async fn meter<T>(
        &self,
        table: &'static str,
        operation: &'static str,
        request: impl Future<Output = Result<T, TableError>>,
        stored: impl FnOnce(&T) -> bool,
    ) -> Result<T, TableError> {
        let mut under_way = UnderWay::new(self, table, operation);
        let answer = request.await;
        under_way.result = match &answer {
            Ok(value) if stored(value) => "ok",
            Ok(_) => "conflict",
            Err(error) => {
                if let Some(unsaid) = self.failures.to_be_said(Instant::now()) {
                    tracing::warn!(table, operation, %error, unsaid, "a request to the tables failed");
                }
                result_of(error)
            }
        };
        answer
    }
}

/// Which failures are worth a line.
#[derive(Default)]
struct Failures(Mutex<(Option<Instant>, u64)>);

impl Failures {
    /// How many were left out since the last line; none if this is to be left out too.
    fn to_be_said(&self, now: Instant) -> Option<u64> {
        let mut said = self.0.lock();
        if said.0.is_some_and(|last| now < last + LOG_EVERY) {
            said.1 += 1;
            return None;
        }
        said.0 = Some(now);
        Some(std::mem::take(&mut said.1))
    }
}

fn result_of(error: &TableError) -> &'static str {
    match error {
        TableError::Unavailable(_) => "unavailable",
        TableError::Overloaded(_) => "overloaded",
        TableError::Timeout(_) => "timeout",
        TableError::Invalid(_) => "invalid",
        TableError::Schema(_) => "schema",
        TableError::Corrupt(_) => "corrupt",
        TableError::InUse(_) => "in_use",
    }
}

/// The table that a batch writes to; none for an empty batch, which is no request.
fn table_of(writes: &[Write]) -> Option<&'static str> {
    let first = writes.first()?.table().name;
    Some(if writes.iter().all(|write| write.table().name == first) { first } else { SEVERAL })
}

/// Counts when it is dropped, so that a request whose caller gave up is counted as well.
struct UnderWay<'a> {
    tables: &'a MeteredTables,
    table: &'static str,
    operation: &'static str,
    result: &'static str,
    begun: Instant,
}

impl<'a> UnderWay<'a> {
    fn new(tables: &'a MeteredTables, table: &'static str, operation: &'static str) -> Self {
        tables.in_flight.inc();
        Self { tables, table, operation, result: "cancelled", begun: Instant::now() }
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let &mut Self { tables, table, operation, result, begun } = self;
        tables.in_flight.dec();
        tables.requests.get_or_create(&Request { table, operation, result }).inc();
        tables.durations.get_or_create(&Operation { operation }).observe(begun.elapsed().as_secs_f64());
    }
}

#[tonic::async_trait]
impl Tables for MeteredTables {
    async fn put(&self, row: Row) -> Result<(), TableError> {
        self.meter(row.table().name, "put", self.inner.put(row), |()| true).await
    }

    async fn put_if_absent(&self, row: Row) -> Result<Option<Row>, TableError> {
        self.meter(row.table().name, "put_if_absent", self.inner.put_if_absent(row), Option::is_none).await
    }

    async fn put_if_version(&self, row: Row, expected: i64) -> Result<PutIf, TableError> {
        let stored = |outcome: &PutIf| *outcome == PutIf::Stored;
        self.meter(row.table().name, "put_if_version", self.inner.put_if_version(row, expected), stored).await
    }

    async fn get(&self, table: &'static Table, key: Vec<Value>) -> Result<Option<Row>, TableError> {
        self.meter(table.name, "get", self.inner.get(table, key), |_| true).await
    }

    async fn range(&self, range: Range) -> Result<Page, TableError> {
        self.meter(range.table.name, "range", self.inner.range(range), |_| true).await
    }

    async fn delete(&self, table: &'static Table, key: Vec<Value>) -> Result<(), TableError> {
        self.meter(table.name, "delete", self.inner.delete(table, key), |()| true).await
    }

    async fn delete_partition(&self, table: &'static Table, partition: Vec<Value>) -> Result<(), TableError> {
        self.meter(table.name, "delete_partition", self.inner.delete_partition(table, partition), |()| true).await
    }

    async fn batch(&self, writes: Vec<Write>) -> Result<(), TableError> {
        let Some(table) = table_of(&writes) else { return Ok(()) };
        self.meter(table, "batch", self.inner.batch(writes), |()| true).await
    }

    async fn batch_across(&self, writes: Vec<Write>) -> Result<(), TableError> {
        let Some(table) = table_of(&writes) else { return Ok(()) };
        self.meter(table, "batch_across", self.inner.batch_across(writes), |()| true).await
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::{
        tables::{self, Engine, int, text},
        telemetry::Metrics,
    };

    static SEATS: Table = Table {
        name: "seats",
        question: "Who has the seat?",
        partition: &[text("hall")],
        clustering: &[int("seat")],
        columns: &[text("holder"), int("version")],
        lifetime_s: None,
    };

    static NOTES: Table = Table {
        name: "notes",
        question: "What was noted?",
        partition: &[text("hall")],
        clustering: &[int("seat")],
        columns: &[text("holder")],
        lifetime_s: None,
    };

    static OTHER_NOTES: Table = Table { name: "other_notes", ..NOTES };

    fn row(table: &'static Table) -> Row {
        Row::new(table).set("hall", "main").set("seat", 1_i64).set("holder", "ada")
    }

    fn key() -> Vec<Value> {
        vec!["main".into(), Value::Int(1)]
    }

    struct Bed {
        tables: MeteredTables,
        metrics: Metrics,
        _folder: tempfile::TempDir,
    }

    impl Bed {
        async fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let engine = Engine::Embedded { path: folder.path().to_owned() };
            let inner = tables::open(&engine, &[&SEATS, &NOTES, &OTHER_NOTES]).await.unwrap();
            let metrics = Metrics::new();
            let tables = metrics.register(|registry| MeteredTables::new(inner, registry));
            Self { tables, metrics, _folder: folder }
        }

        /// Requests of this sort that have ended.
        fn ended(&self, table: &'static str, operation: &'static str, result: &'static str) -> u64 {
            self.tables.requests.get(&Request { table, operation, result }).map_or(0, |counter| counter.get())
        }
    }

    #[tokio::test]
    async fn every_operation_is_counted_for_its_table() {
        let bed = Bed::new().await;
        let (tables, put) = (&bed.tables, |table| Write::Put(row(table)));
        tables.put(row(&NOTES)).await.unwrap();
        tables.put_if_absent(row(&SEATS).set("version", 1_i64)).await.unwrap();
        tables.put_if_version(row(&SEATS).set("version", 2_i64), 1).await.unwrap();
        tables.get(&SEATS, key()).await.unwrap();
        tables.range(Range::of(&SEATS, vec!["main".into()])).await.unwrap();
        tables.delete(&SEATS, key()).await.unwrap();
        tables.delete_partition(&SEATS, vec!["main".into()]).await.unwrap();
        tables.batch(vec![put(&NOTES)]).await.unwrap();
        tables.batch_across(vec![put(&NOTES), put(&OTHER_NOTES)]).await.unwrap();
        for (table, operation) in [
            ("notes", "put"),
            ("seats", "put_if_absent"),
            ("seats", "put_if_version"),
            ("seats", "get"),
            ("seats", "range"),
            ("seats", "delete"),
            ("seats", "delete_partition"),
            ("notes", "batch"),
            (SEVERAL, "batch_across"),
        ] {
            assert_eq!(bed.ended(table, operation, "ok"), 1, "{operation} of {table}");
            let seconds = format!(r#"turnout_tables_request_duration_seconds_count{{operation="{operation}"}} 1"#);
            assert!(bed.metrics.render().contains(&seconds), "{seconds}");
        }
    }

    #[tokio::test]
    async fn a_conditional_put_that_did_not_store_is_a_conflict() {
        let bed = Bed::new().await;
        let seat = || row(&SEATS).set("version", 2_i64);
        assert_eq!(bed.tables.put_if_version(seat(), 1).await.unwrap(), PutIf::Differs(None));
        assert!(bed.tables.put_if_absent(seat()).await.unwrap().is_none());
        assert!(bed.tables.put_if_absent(seat()).await.unwrap().is_some());
        assert_eq!(bed.ended("seats", "put_if_version", "conflict"), 1);
        assert_eq!(bed.ended("seats", "put_if_absent", "conflict"), 1);
        assert_eq!(bed.ended("seats", "put_if_absent", "ok"), 1);
    }

    #[tokio::test]
    async fn a_refused_request_is_invalid_and_its_error_reaches_the_caller() {
        let bed = Bed::new().await;
        let answer = bed.tables.get(&SEATS, vec![]).await;
        assert!(matches!(answer, Err(TableError::Invalid(_))), "{answer:?}");
        assert_eq!(bed.ended("seats", "get", "invalid"), 1);
    }

    #[tokio::test]
    async fn a_request_is_in_flight_until_it_ends_and_cancelled_if_its_caller_gives_up() {
        let bed = Bed::new().await;
        let mut endless = Box::pin(bed.tables.meter("seats", "get", std::future::pending(), |()| true));
        assert!(futures_util::poll!(&mut endless).is_pending());
        assert_eq!(bed.tables.in_flight.get(), 1);
        drop(endless);
        assert_eq!(bed.tables.in_flight.get(), 0);
        assert_eq!(bed.ended("seats", "get", "cancelled"), 1);
    }

    #[tokio::test]
    async fn a_batch_without_writes_is_no_request() {
        let bed = Bed::new().await;
        bed.tables.batch(vec![]).await.unwrap();
        bed.tables.batch_across(vec![]).await.unwrap();
        assert!(!bed.metrics.render().contains("turnout_tables_requests_total{"), "{}", bed.metrics.render());
    }

    #[test]
    fn a_line_a_second_says_how_many_failed() {
        let (failures, now) = (Failures::default(), Instant::now());
        assert_eq!(failures.to_be_said(now), Some(0));
        for _ in 0..1000 {
            assert_eq!(failures.to_be_said(now + LOG_EVERY / 2), None);
        }
        assert_eq!(failures.to_be_said(now + LOG_EVERY), Some(1000));
        assert_eq!(failures.to_be_said(now + LOG_EVERY * 3), Some(0));
    }

    #[test]
    fn every_error_has_a_result_of_its_own() {
        let why = String::new;
        let errors = [
            TableError::Unavailable(why()),
            TableError::Overloaded(why()),
            TableError::Timeout(why()),
            TableError::Invalid(why()),
            TableError::Schema(why()),
            TableError::Corrupt(why()),
            TableError::InUse(PathBuf::new()),
        ];
        let results: std::collections::BTreeSet<_> = errors.iter().map(result_of).collect();
        assert_eq!(results.len(), errors.len());
        assert!(!results.contains("ok") && !results.contains("conflict") && !results.contains("cancelled"));
    }
}
