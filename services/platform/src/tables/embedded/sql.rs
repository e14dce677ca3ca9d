//! Declarations and requests in the words of SQLite. The SQL of a request depends only on its shape; values are always bound.
//! Does not open connections or transactions.

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, ToSql, params_from_iter};

use super::{failed, writer::SWEEP_ROWS_MAX};
use crate::tables::clauses::{key_is, names, select_range};
use crate::tables::schema::{self, Found, Step};
use crate::tables::{Column, Kind, PAGE_BYTES_MAX, Page, PutIf, Range, Row, Table, TableError, VERSION, Value};

/// Second of 1970 from which on a row is no longer there. The underscore keeps it apart from every declared column.
const EXPIRES: &str = "_expires_s";
const EXPIRY: Column = Column { name: EXPIRES, kind: Kind::Int };

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
            Self::Int(int) | Self::Time(int) => ValueRef::Integer(*int),
            Self::Bool(flag) => ValueRef::Integer((*flag).into()),
        }))
    }
}

fn type_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "TEXT",
        Kind::Bytes => "BLOB",
        Kind::Int | Kind::Bool | Kind::Time => "INTEGER",
    }
}

/// What `_columns` calls a kind: three of them are one type for SQLite.
fn kind_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "text",
        Kind::Bytes => "bytes",
        Kind::Int => "int",
        Kind::Bool => "bool",
        Kind::Time => "time",
    }
}

/// Creates missing tables and columns in one transaction and refuses what differs.
pub(super) fn bring_up(connection: &mut Connection, tables: &[&'static Table]) -> Result<(), TableError> {
    let transaction = connection.transaction().map_err(|error| failed(&error))?;
    let columns = "CREATE TABLE IF NOT EXISTS _columns ( -- the declared columns
        table_name TEXT NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL, role TEXT NOT NULL, place INTEGER NOT NULL,
        PRIMARY KEY (table_name, name)) STRICT, WITHOUT ROWID";
    transaction.execute_batch(columns).map_err(|error| failed(&error))?;
    for table in tables {
        let (found, expires) = find(&transaction, table).map_err(|error| failed(&error))?;
        // SQLite keeps the moment of expiry in each row, so only whether there is one can differ.
        let lifetime_s = expires.then_some(table.lifetime_s.unwrap_or(1));
        for step in schema::steps(table, &found, lifetime_s, kind_word)? {
            apply(&transaction, table, &step).map_err(|error| failed(&error))?;
        }
    }
    transaction.commit().map_err(|error| failed(&error))
}

fn find(connection: &Connection, table: &Table) -> rusqlite::Result<(Vec<Found>, bool)> {
    let mut statement = connection.prepare("SELECT name, kind, role, place FROM _columns WHERE table_name = ?")?;
    let rows = statement.query_map([table.name], |row| {
        Ok(Found { name: row.get(0)?, kind: row.get(1)?, role: row.get(2)?, place: row.get(3)? })
    })?;
    let expires = connection.column_exists(None, table.name, EXPIRES)?;
    Ok((rows.collect::<rusqlite::Result<_>>()?, expires))
}

fn apply(connection: &Connection, table: &'static Table, step: &Step) -> rusqlite::Result<()> {
    let describe = |name: &str| {
        let insert = "INSERT INTO _columns (table_name, name, kind, role, place) VALUES (?, ?, ?, ?, ?)";
        let declared = table.roles().filter(|(_, _, c)| c.name == name);
        declared
            .map(|(role, place, c)| (table.name, c.name, kind_word(c.kind), schema::role_word(role), place as i64))
            .try_for_each(|values| {
                connection.execute(insert, values)?;
                Ok(())
            })
    };
    match step {
        Step::CreateTable => {
            connection.execute_batch(&create_table(table))?;
            table.all_columns().try_for_each(|c| describe(c.name))
        }
        Step::AddColumn(column) => {
            let (table, name, kind) = (table.name, column.name, type_word(column.kind));
            connection.execute_batch(&format!(r#"ALTER TABLE "{table}" ADD COLUMN "{name}" {kind}"#))?;
            describe(name)
        }
        Step::ChangeLifetime => Ok(()),
    }
}

fn create_table(table: &'static Table) -> String {
    let mut lines = vec![format!("  -- {}", table.question.split_whitespace().collect::<Vec<_>>().join(" "))];
    lines.extend(table.key_columns().map(|c| format!(r#"  "{}" {} NOT NULL,"#, c.name, type_word(c.kind))));
    lines.extend(table.columns.iter().map(|c| format!(r#"  "{}" {},"#, c.name, type_word(c.kind))));
    if table.lifetime_s.is_some() {
        lines.push(format!(r#"  "{EXPIRES}" INTEGER NOT NULL,"#));
    }
    let (name, key) = (table.name, names(table.key_columns()));
    let sql =
        format!("CREATE TABLE \"{name}\" (\n{}\n  PRIMARY KEY ({key})\n) STRICT, WITHOUT ROWID;", lines.join("\n"));
    if table.lifetime_s.is_none() {
        return sql;
    }
    format!(r#"{sql} CREATE INDEX "{name}{EXPIRES}" ON "{name}" ("{EXPIRES}");"#)
}

/// Leaves out rows whose time is over.
fn alive(table: &Table) -> String {
    if table.lifetime_s.is_some() { format!(r#" AND "{EXPIRES}" > unixepoch()"#) } else { String::new() }
}

fn statement<'c>(connection: &'c Connection, sql: &str) -> Result<CachedStatement<'c>, TableError> {
    connection.prepare_cached(sql).map_err(|error| failed(&error))
}

fn execute<'v>(
    connection: &Connection,
    sql: &str,
    values: impl IntoIterator<Item = &'v Value>,
) -> Result<usize, TableError> {
    statement(connection, sql)?.execute(params_from_iter(values)).map_err(|error| failed(&error))
}

/// A row that is over but not yet swept must not lend its columns to a new one.
fn bury(connection: &Connection, row: &Row) -> Result<(), TableError> {
    let table = row.table();
    if table.lifetime_s.is_some() {
        let sql = format!(
            r#"DELETE FROM "{}" WHERE {} AND "{EXPIRES}" <= unixepoch()"#,
            table.name,
            key_is(table, table.key_len())
        );
        execute(connection, &sql, &row.key())?;
    }
    Ok(())
}

/// `INSERT` of the set columns; `on_conflict` tells what to do with the columns outside the key if the row is there.
fn insert(connection: &Connection, row: &Row, update: bool) -> Result<usize, TableError> {
    bury(connection, row)?;
    let table = row.table();
    let set = table.all_columns().zip(row.values()).filter(|(_, value)| value.is_some());
    let mut columns: Vec<&Column> = set.map(|(column, _)| column).collect();
    let mut sources = vec!["?".to_owned(); columns.len()];
    if let Some(lifetime_s) = table.lifetime_s {
        columns.push(&EXPIRY);
        sources.push(format!("unixepoch() + {lifetime_s}"));
    }
    let updates: Vec<String> =
        columns[table.key_len()..].iter().map(|c| format!(r#""{0}" = excluded."{0}""#, c.name)).collect();
    let action =
        if update && !updates.is_empty() { format!("UPDATE SET {}", updates.join(", ")) } else { "NOTHING".to_owned() };
    let (name, key) = (table.name, names(table.key_columns()));
    let (columns, sources) = (names(columns), sources.join(", "));
    let sql = format!(r#"INSERT INTO "{name}" ({columns}) VALUES ({sources}) ON CONFLICT ({key}) DO {action}"#);
    execute(connection, &sql, row.values().iter().flatten())
}

pub(super) fn put(connection: &Connection, row: &Row) -> Result<(), TableError> {
    insert(connection, row, true).map(drop)
}

pub(super) fn put_if_absent(connection: &Connection, row: &Row) -> Result<Option<Row>, TableError> {
    loop {
        if insert(connection, row, false)? == 1 {
            return Ok(None);
        }
        if let Some(found) = get(connection, row.table(), &row.key())? {
            return Ok(Some(found));
        }
        // Its lifetime ended between the two.
    }
}

pub(super) fn put_if_version(connection: &Connection, row: &Row, expected: i64) -> Result<PutIf, TableError> {
    let table = row.table();
    let set =
        || table.columns.iter().zip(&row.values()[table.key_len()..]).filter_map(|(c, v)| v.as_ref().map(|v| (c, v)));
    let mut updates: Vec<String> = set().map(|(c, _)| format!(r#""{}" = ?"#, c.name)).collect();
    if let Some(lifetime_s) = table.lifetime_s {
        updates.push(format!(r#""{EXPIRES}" = unixepoch() + {lifetime_s}"#));
    }
    let (name, updates, key) = (table.name, updates.join(", "), key_is(table, table.key_len()));
    let sql = format!(r#"UPDATE "{name}" SET {updates} WHERE {key} AND "{VERSION}" = ?{}"#, alive(table));
    let (key, expected) = (row.key(), Value::Int(expected));
    let values = set().map(|(_, v)| v).chain(&key).chain([&expected]);
    if execute(connection, &sql, values)? == 1 {
        Ok(PutIf::Stored)
    } else {
        Ok(PutIf::Differs(get(connection, table, &key)?))
    }
}

/// Deletes what starts with these values of the key: a row or a partition.
pub(super) fn delete(connection: &Connection, table: &'static Table, key: &[Value]) -> Result<(), TableError> {
    let sql = format!(r#"DELETE FROM "{}" WHERE {}"#, table.name, key_is(table, key.len()));
    execute(connection, &sql, key).map(drop)
}

pub(super) fn get(connection: &Connection, table: &'static Table, key: &[Value]) -> Result<Option<Row>, TableError> {
    let (columns, name, key_is) = (names(table.all_columns()), table.name, key_is(table, table.key_len()));
    let sql = format!(r#"SELECT {columns} FROM "{name}" WHERE {key_is}{}"#, alive(table));
    let mut statement = statement(connection, &sql)?;
    let mut rows = statement.query(params_from_iter(key)).map_err(|error| failed(&error))?;
    rows.next().map_err(|error| failed(&error))?.map(|row| read(table, row)).transpose()
}

pub(super) fn range(connection: &Connection, range: &Range) -> Result<Page, TableError> {
    let table = range.table;
    let (low, high) = range.edges();
    let sql = select_range(&format!(r#""{}""#, table.name), range, low.as_ref(), high.as_ref(), &alive(table));
    // One row more than asked for tells whether there is a next page.
    let limit = Value::Int(range.limit as i64 + 1);
    let edges = [&low, &high].into_iter().flatten().flat_map(|edge| &edge.prefix);
    let mut statement = statement(connection, &sql)?;
    let values = range.partition.iter().chain(edges).chain([&limit]);
    let mut found = statement.query(params_from_iter(values)).map_err(|error| failed(&error))?;
    let (mut rows, mut bytes) = (Vec::new(), 0);
    while let Some(row) = found.next().map_err(|error| failed(&error))? {
        if bytes >= PAGE_BYTES_MAX {
            return Ok(range.page(rows, true));
        }
        let row = read(table, row)?;
        bytes += row.bytes_total();
        rows.push(row);
    }
    Ok(range.page(rows, false))
}

/// Deletes some rows whose time is over; returns how many.
pub(super) fn sweep(connection: &Connection, table: &'static Table) -> Result<usize, TableError> {
    let (name, key) = (table.name, names(table.key_columns()));
    let over = format!(r#"SELECT {key} FROM "{name}" WHERE "{EXPIRES}" <= unixepoch() LIMIT {SWEEP_ROWS_MAX}"#);
    execute(connection, &format!(r#"DELETE FROM "{name}" WHERE ({key}) IN ({over})"#), [])
}

fn read(table: &'static Table, row: &rusqlite::Row<'_>) -> Result<Row, TableError> {
    let values = table.all_columns().enumerate().map(|(i, column)| {
        let value = row.get_ref(i).map_err(|error| failed(&error))?;
        let value = match (column.kind, value) {
            (_, ValueRef::Null) => return Ok(None),
            (Kind::Text, ValueRef::Text(text)) => {
                Value::Text(String::from_utf8(text.to_vec()).map_err(|_| unreadable(table, column))?)
            }
            (Kind::Bytes, ValueRef::Blob(bytes)) => Value::Bytes(bytes.to_vec()),
            (Kind::Int, ValueRef::Integer(int)) => Value::Int(int),
            (Kind::Bool, ValueRef::Integer(int)) => Value::Bool(int != 0),
            (Kind::Time, ValueRef::Integer(ms)) => Value::Time(ms),
            _ => return Err(unreadable(table, column)),
        };
        Ok(Some(value))
    });
    Ok(Row::from_values(table, values.collect::<Result<_, _>>()?))
}

fn unreadable(table: &Table, column: &Column) -> TableError {
    TableError::Corrupt(format!("table {}: column {} does not hold {:?}", table.name, column.name, column.kind))
}
