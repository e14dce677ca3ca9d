//! Brings keyspace and tables to what is declared, at start-up. Only creates and adds; what differs is refused.
//! Several processes may do this at once: who loses a race looks again. (ScyllaDB orders changes of the schema; a cluster of several
//! Apache Cassandra nodes does not, so there let one server start first when tables are new.) Does not drop or rewrite anything.

use std::time::Duration;

use scylla::client::session::Session;
use scylla::deserialize::row::DeserializeRow;
use scylla::serialize::row::SerializeRow;
use scylla::statement::unprepared::Statement;

use super::request::failed;
use super::statement;
use crate::tables::schema::{self, Found, Step};
use crate::tables::{Table, TableError};

/// A change of the schema waits until all servers have it.
const CHANGE_TIMEOUT: Duration = Duration::from_secs(30);
/// Looks at a table that others change at the same time.
const ROUNDS_MAX: usize = 5;

pub(super) async fn bring_up(
    session: &Session,
    keyspace: &str,
    replication_factor: u8,
    tables: &[&'static Table],
) -> Result<(), TableError> {
    let known = "SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = ?";
    if read::<(String,)>(session, known, (keyspace,)).await?.is_empty() {
        change(session, statement::create_keyspace(keyspace, replication_factor)).await?;
    }
    for table in tables {
        bring_up_table(session, keyspace, table).await?;
    }
    Ok(())
}

async fn bring_up_table(session: &Session, keyspace: &str, table: &'static Table) -> Result<(), TableError> {
    let mut last = None;
    for _ in 0..ROUNDS_MAX {
        let (found, lifetime_s) = find(session, keyspace, table).await?;
        let steps = schema::steps(table, &found, lifetime_s, statement::type_word)?;
        let Some(step) = steps.first() else { return Ok(()) };
        let cql = match step {
            Step::CreateTable => statement::create_table(keyspace, table),
            Step::AddColumn(column) => statement::add_column(keyspace, table, column),
            Step::ChangeLifetime => statement::change_lifetime(keyspace, table),
        };
        tracing::info!(table = table.name, change = cql, "schema changes");
        // Another process may have made the same change: look again.
        last = change(session, cql).await.err();
    }
    Err(last.unwrap_or_else(|| TableError::Schema(format!("table {}: the changes do not show", table.name))))
}

async fn find(session: &Session, keyspace: &str, table: &Table) -> Result<(Vec<Found>, Option<u32>), TableError> {
    let columns = "SELECT column_name, type, kind, position FROM system_schema.columns WHERE keyspace_name = ? AND table_name = ?";
    let columns = read::<(String, String, String, i32)>(session, columns, (keyspace, table.name)).await?;
    let of = |(name, kind, role, place): (String, String, String, i32)| Found { name, kind, role, place: place.into() };
    let lifetime = "SELECT default_time_to_live FROM system_schema.tables WHERE keyspace_name = ? AND table_name = ?";
    let lifetime = read::<(Option<i32>,)>(session, lifetime, (keyspace, table.name)).await?;
    let lifetime_s =
        lifetime.into_iter().find_map(|(seconds,)| seconds).and_then(|s| u32::try_from(s).ok()).filter(|s| *s > 0);
    Ok((columns.into_iter().map(of).collect(), lifetime_s))
}

async fn read<T>(session: &Session, cql: &str, values: impl SerializeRow) -> Result<Vec<T>, TableError>
where
    T: for<'f, 'm> DeserializeRow<'f, 'm>,
{
    let unreadable = |error: String| TableError::Corrupt(format!("the schema tables cannot be read: {error}"));
    let mut statement = Statement::new(cql);
    statement.set_request_timeout(Some(CHANGE_TIMEOUT));
    let result = session.query_unpaged(statement, values).await.map_err(|error| failed(&error))?;
    let rows = result.into_rows_result().map_err(|error| unreadable(error.to_string()))?;
    let rows = rows.rows::<T>().map_err(|error| unreadable(error.to_string()))?;
    rows.collect::<Result<_, _>>().map_err(|error| unreadable(error.to_string()))
}

async fn change(session: &Session, cql: String) -> Result<(), TableError> {
    let mut statement = Statement::new(cql);
    statement.set_request_timeout(Some(CHANGE_TIMEOUT));
    session.query_unpaged(statement, ()).await.map(drop).map_err(|error| failed(&error))
}
