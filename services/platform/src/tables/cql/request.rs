//! Sends requests: values to and from the driver, the bound on requests under way, what a failure means for the caller.
//! Does not know what a request asks for.

use std::sync::Arc;

use scylla::client::session::Session;
use scylla::errors::{DbError, ExecutionError, PrepareError, RequestAttemptError};
use scylla::policies::retry::FallthroughRetryPolicy;
use scylla::response::query_result::{QueryResult, QueryRowsResult};
use scylla::response::{PagingState, PagingStateResponse};
use scylla::statement::batch::{Batch, BatchType};
use scylla::statement::prepared::PreparedStatement;
use scylla::statement::{Consistency, SerialConsistency};
use scylla::value::{CqlTimestamp, CqlValue, MaybeUnset, Row as CqlRow};
use tokio::sync::OwnedSemaphorePermit;

use super::{CqlTables, FETCH_ROWS, TRANSACTION_TIMEOUT, statement};
use crate::tables::{Kind, Row, Table, TableError, Value, Write};

/// A server may forget a prepared statement while schemas change, or while another process prepares the same (CASSANDRA-17401). The driver
/// prepares it anew, and it may be forgotten again before it is carried out.
const FORGOTTEN_TRIES_MAX: usize = 4;

/// A value for a `?`. Unset leaves no tombstone, which null would.
pub(super) type Bound = MaybeUnset<CqlValue>;

/// How a request is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    Read,
    /// A read that sees every lightweight transaction that was acknowledged or may have been.
    SerialRead,
    /// A plain write: carries its own time, so that a repetition changes nothing.
    Write,
    /// A lightweight transaction: never repeated, its outcome may be unknown.
    Transaction,
}

impl CqlTables {
    pub(super) async fn run(&self, cql: String, sort: Sort, values: Vec<Bound>) -> Result<Found, TableError> {
        let statement = self.statement(&cql, sort).await?;
        let _turn = self.in_flight.turn().await?;
        let result = remembered(|| self.session.execute_unpaged(&statement, &values)).await?;
        Found::of(result)
    }

    /// Runs a lightweight transaction: `None` when it was applied, otherwise the server's answer.
    pub(super) async fn transaction(&self, cql: String, values: Vec<Bound>) -> Result<Option<Found>, TableError> {
        let found = self.run(cql, Sort::Transaction, values).await?;
        Ok(if found.applied()? { None } else { Some(found) })
    }

    /// The answer of a read, fetch by fetch.
    pub(super) async fn pages(&self, cql: String, values: Vec<Bound>) -> Result<Pages<'_>, TableError> {
        let statement = self.statement(&cql, Sort::Read).await?;
        let turn = self.in_flight.turn().await?;
        Ok(Pages { session: &self.session, statement, values, state: Some(PagingState::start()), _turn: turn })
    }

    pub(super) async fn run_batch(&self, sort: BatchType, writes: &[Write]) -> Result<(), TableError> {
        let mut batch = Batch::new(sort);
        batch.set_is_idempotent(true);
        batch.set_timestamp(Some(self.timestamps.next_timestamp()));
        batch.set_request_timeout(Some(TRANSACTION_TIMEOUT));
        let mut values: Vec<Vec<Bound>> = Vec::with_capacity(writes.len());
        for write in writes {
            let cql = match write {
                Write::Put(row) => {
                    values.push(bind(row.values()));
                    statement::insert(&self.keyspace, row.table(), false)
                }
                Write::Delete { table, key } => {
                    values.push(key.iter().map(bound).collect());
                    statement::delete(&self.keyspace, table, key.len(), false)
                }
            };
            batch.append_statement(self.prepared(&cql).await?);
        }
        let _turn = self.in_flight.turn().await?;
        self.session.batch(&batch, values).await.map(drop).map_err(|error| failed(&error))
    }

    /// The statement of this text, prepared at its first use.
    pub(super) async fn prepared(&self, cql: &str) -> Result<PreparedStatement, TableError> {
        if let Some(statement) = self.prepared.read().get(cql) {
            return Ok(statement.clone());
        }
        let mut statement = self.session.prepare(cql).await.map_err(|error| not_prepared(&error))?;
        statement.set_page_size(FETCH_ROWS);
        self.prepared.write().insert(cql.to_owned(), statement.clone());
        Ok(statement)
    }

    async fn statement(&self, cql: &str, sort: Sort) -> Result<PreparedStatement, TableError> {
        let mut statement = self.prepared(cql).await?;
        statement.set_is_idempotent(sort != Sort::Transaction);
        match sort {
            Sort::Read => {}
            Sort::SerialRead => {
                statement.set_consistency(Consistency::LocalSerial);
                statement.set_request_timeout(Some(TRANSACTION_TIMEOUT));
            }
            // Taken once per request: the driver's own generator would give a repetition a later time.
            Sort::Write => statement.set_timestamp(Some(self.timestamps.next_timestamp())),
            Sort::Transaction => {
                // Without it, the driver repeats also what is not idempotent, after a time-out of which it believes that nothing but a
                // read happened (`received >= required` and no data).
                statement.set_retry_policy(Some(Arc::new(FallthroughRetryPolicy::new())));
                statement.set_serial_consistency(Some(SerialConsistency::LocalSerial));
                statement.set_request_timeout(Some(TRANSACTION_TIMEOUT));
            }
        }
        Ok(statement)
    }
}

pub(super) struct Pages<'s> {
    session: &'s Session,
    statement: PreparedStatement,
    values: Vec<Bound>,
    /// `None` after the last fetch. A fetch may be empty and yet not the last.
    state: Option<PagingState>,
    _turn: OwnedSemaphorePermit,
}

impl Pages<'_> {
    pub(super) async fn next(&mut self) -> Result<Option<Found>, TableError> {
        let Some(state) = self.state.take() else { return Ok(None) };
        let fetch = || self.session.execute_single_page(&self.statement, &self.values, state.clone());
        let (result, rest) = remembered(fetch).await?;
        if let PagingStateResponse::HasMorePages { state } = rest {
            self.state = Some(state);
        }
        Found::of(result).map(Some)
    }
}

/// The rows of an answer; none for a write.
pub(super) struct Found(Option<QueryRowsResult>);

impl Found {
    fn of(result: QueryResult) -> Result<Self, TableError> {
        if !result.is_rows() {
            return Ok(Self(None));
        }
        result.into_rows_result().map(|rows| Self(Some(rows))).map_err(|error| TableError::Corrupt(error.to_string()))
    }

    fn raw(&self) -> Result<Vec<CqlRow>, TableError> {
        let Some(rows) = &self.0 else { return Ok(Vec::new()) };
        let unreadable = |error: String| TableError::Corrupt(format!("an answer that cannot be read: {error}"));
        let rows = rows.rows::<CqlRow>().map_err(|error| unreadable(error.to_string()))?;
        rows.collect::<Result<_, _>>().map_err(|error| unreadable(error.to_string()))
    }

    fn place(&self, column: &str) -> Option<usize> {
        Some(self.0.as_ref()?.column_specs().get_by_name(column)?.0)
    }

    fn applied(&self) -> Result<bool, TableError> {
        let first = self.raw()?.into_iter().next().map(|row| row.columns).unwrap_or_default();
        match self.place("[applied]").and_then(|at| first.get(at)) {
            Some(Some(CqlValue::Boolean(applied))) => Ok(*applied),
            _ => Err(TableError::Corrupt("a transaction was answered without [applied]".to_owned())),
        }
    }

    pub(super) fn rows(&self, table: &'static Table) -> Result<Vec<Row>, TableError> {
        let places: Vec<Option<usize>> = table.all_columns().map(|c| self.place(c.name)).collect();
        let read = |mut raw: CqlRow| {
            let value = |(column, place): (_, &Option<usize>)| {
                place.and_then(|at| raw.columns[at].take()).map(|value| unbind(table, column, value)).transpose()
            };
            let values = table.all_columns().zip(&places).map(value).collect::<Result<_, _>>()?;
            Ok(Row::from_values(table, values))
        };
        self.raw()?.into_iter().map(read).collect()
    }

    pub(super) fn row(&self, table: &'static Table) -> Result<Row, TableError> {
        let missing =
            || TableError::Corrupt(format!("table {}: a refused put was answered without the row", table.name));
        self.rows(table)?.pop().ok_or_else(missing)
    }
}

pub(super) fn bind<'v>(values: impl IntoIterator<Item = &'v Option<Value>>) -> Vec<Bound> {
    values.into_iter().map(|value| value.as_ref().map_or(MaybeUnset::Unset, bound)).collect()
}

pub(super) fn bound(value: &Value) -> Bound {
    MaybeUnset::Set(match value {
        Value::Text(text) => CqlValue::Text(text.clone()),
        Value::Bytes(bytes) => CqlValue::Blob(bytes.clone()),
        Value::Int(int) => CqlValue::BigInt(*int),
        Value::Bool(flag) => CqlValue::Boolean(*flag),
        Value::Time(ms) => CqlValue::Timestamp(CqlTimestamp(*ms)),
    })
}

/// The value of a `LIMIT ?`, the only 32-bit number in our CQL.
pub(super) fn limit(rows: usize) -> Bound {
    MaybeUnset::Set(CqlValue::Int(i32::try_from(rows).unwrap_or(i32::MAX)))
}

fn unbind(table: &Table, column: &crate::tables::Column, value: CqlValue) -> Result<Value, TableError> {
    match (column.kind, value) {
        (Kind::Text, CqlValue::Text(text)) => Ok(Value::Text(text)),
        (Kind::Bytes, CqlValue::Blob(bytes)) => Ok(Value::Bytes(bytes)),
        (Kind::Int, CqlValue::BigInt(int)) => Ok(Value::Int(int)),
        (Kind::Bool, CqlValue::Boolean(flag)) => Ok(Value::Bool(flag)),
        (Kind::Time, CqlValue::Timestamp(time)) => Ok(Value::Time(time.0)),
        // An empty text or blob may come back as the driver's "empty".
        (Kind::Text, CqlValue::Empty) => Ok(Value::Text(String::new())),
        (Kind::Bytes, CqlValue::Empty) => Ok(Value::Bytes(Vec::new())),
        (kind, _) => {
            Err(TableError::Corrupt(format!("table {}: column {} does not hold {kind:?}", table.name, column.name)))
        }
    }
}

pub(super) fn failed(error: &ExecutionError) -> TableError {
    let text = error.to_string();
    match error {
        ExecutionError::RequestTimeout(_) => TableError::Timeout(text),
        ExecutionError::LastAttemptError(attempt) => attempt_failed(attempt, text),
        ExecutionError::PrepareError(error) => not_prepared(error),
        ExecutionError::BadQuery(_) => TableError::Invalid(text),
        // Nothing was sent.
        _ => TableError::Unavailable(text),
    }
}

/// Carries a statement out, again while the server has forgotten it. (For a batch the driver does the same by itself.)
async fn remembered<T, F>(execute: impl Fn() -> F) -> Result<T, TableError>
where
    F: Future<Output = Result<T, ExecutionError>>,
{
    let mut tries = 1;
    loop {
        match execute().await {
            Err(error) if is_forgotten(&error) && tries < FORGOTTEN_TRIES_MAX => tries += 1,
            other => return other.map_err(|error| failed(&error)),
        }
    }
}

/// Whether the server did not know the statement, and so surely did nothing.
fn is_forgotten(error: &ExecutionError) -> bool {
    use RequestAttemptError::DbError as Answered;
    matches!(error, ExecutionError::LastAttemptError(Answered(DbError::Unprepared { .. }, _)))
}

fn not_prepared(error: &PrepareError) -> TableError {
    match error {
        PrepareError::AllAttemptsFailed { first_attempt } => match attempt_failed(first_attempt, error.to_string()) {
            // Preparing changes nothing, so there is no open outcome.
            TableError::Timeout(text) => TableError::Unavailable(text),
            other => other,
        },
        _ => TableError::Unavailable(error.to_string()),
    }
}

fn attempt_failed(error: &RequestAttemptError, text: String) -> TableError {
    use RequestAttemptError as Attempt;
    match error {
        Attempt::DbError(error, _) => match error {
            DbError::Overloaded | DbError::RateLimitReached { .. } => TableError::Overloaded(text),
            DbError::Unavailable { .. }
            | DbError::Unprepared { .. }
            | DbError::IsBootstrapping
            | DbError::Unauthorized
            | DbError::AuthenticationError => TableError::Unavailable(text),
            DbError::SyntaxError | DbError::Invalid | DbError::AlreadyExists { .. } | DbError::ConfigError => {
                TableError::Schema(text)
            }
            // Time-outs between the servers, a failure of a replica: it may have happened.
            _ => TableError::Timeout(text),
        },
        Attempt::UnableToAllocStreamId => TableError::Overloaded(text),
        Attempt::SerializationError(_) | Attempt::CqlRequestSerialization(_) => TableError::Invalid(text),
        // A broken connection, an answer that cannot be read.
        _ => TableError::Timeout(text),
    }
}
