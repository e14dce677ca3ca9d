//! Declarations and requests in the words of CQL, in the part that ScyllaDB and Apache Cassandra share. The text of a request
//! depends only on its shape, so that each is prepared once; values are always bound, by position. Pure text.

use crate::tables::clauses::{key_is, marks, names, select_range};
use crate::tables::range::Edge;
use crate::tables::{Column, Kind, Range, Table};

pub(super) fn type_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "text",
        Kind::Bytes => "blob",
        Kind::Int => "bigint",
        Kind::Bool => "boolean",
        Kind::Time => "timestamp",
    }
}

pub(super) fn create_keyspace(keyspace: &str, replication_factor: u8) -> String {
    let replication = format!("{{'class': 'NetworkTopologyStrategy', 'replication_factor': {replication_factor}}}");
    format!(r#"CREATE KEYSPACE IF NOT EXISTS "{keyspace}" WITH replication = {replication}"#)
}

pub(super) fn create_table(keyspace: &str, table: &'static Table) -> String {
    let columns: Vec<String> = table.all_columns().map(|c| format!(r#""{}" {}"#, c.name, type_word(c.kind))).collect();
    let mut key = format!("({})", names(table.partition));
    if !table.clustering.is_empty() {
        key = format!("{key}, {}", names(table.clustering));
    }
    let (name, columns) = (qualified(keyspace, table), columns.join(", "));
    let question = table.question.split_whitespace().collect::<Vec<_>>().join(" ").replace('\'', "''");
    format!(
        "CREATE TABLE IF NOT EXISTS {name} ({columns}, PRIMARY KEY ({key})) WITH comment = '{question}' AND {}",
        ageing(table)
    )
}

pub(super) fn add_column(keyspace: &str, table: &Table, column: &Column) -> String {
    format!(r#"ALTER TABLE {} ADD "{}" {}"#, qualified(keyspace, table), column.name, type_word(column.kind))
}

pub(super) fn change_lifetime(keyspace: &str, table: &Table) -> String {
    format!("ALTER TABLE {} WITH {}", qualified(keyspace, table), ageing(table))
}

/// Lifetime and compaction. The compaction is always named: the defaults of the servers differ.
fn ageing(table: &Table) -> String {
    let Some(lifetime_s) = table.lifetime_s else {
        return "compaction = {'class': 'LeveledCompactionStrategy'}".to_owned();
    };
    // Some thirty windows: whole files expire, and few are open to compaction.
    let minutes = (lifetime_s / 60 / 30).max(1);
    format!(
        "default_time_to_live = {lifetime_s} AND compaction = {{'class': 'TimeWindowCompactionStrategy', \
         'compaction_window_unit': 'MINUTES', 'compaction_window_size': {minutes}}}"
    )
}

/// The requests that do not depend on a caller's choice of bounds, to prepare at start-up.
pub(super) fn fixed(keyspace: &str, table: &'static Table) -> Vec<String> {
    let partition = table.partition.len();
    let mut all = vec![get(keyspace, table)];
    if table.is_conditional() {
        all.push(insert(keyspace, table, true));
        all.push(delete(keyspace, table, table.key_len(), true));
    } else {
        all.push(insert(keyspace, table, false));
        all.push(delete(keyspace, table, table.key_len(), false));
        all.push(delete(keyspace, table, partition, false));
    }
    all.push(range(keyspace, &Range::of(table, Vec::new()), None, None));
    all
}

/// Binds all columns in declared order; an unset one leaves the stored value.
pub(super) fn insert(keyspace: &str, table: &'static Table, if_absent: bool) -> String {
    let condition = if if_absent { " IF NOT EXISTS" } else { "" };
    let (name, columns, marks) =
        (qualified(keyspace, table), names(table.all_columns()), marks(table.all_columns().count()));
    format!("INSERT INTO {name} ({columns}) VALUES ({marks}){condition}")
}

/// Binds the columns outside the key, then the key, then what the condition asks for.
pub(super) fn update(keyspace: &str, table: &'static Table, condition: &str) -> String {
    let columns: Vec<String> = table.columns.iter().map(|c| format!(r#""{}" = ?"#, c.name)).collect();
    let (name, columns, key_is) = (qualified(keyspace, table), columns.join(", "), key_is(table, table.key_len()));
    format!("UPDATE {name} SET {columns} WHERE {key_is} {condition}")
}

/// Deletes what starts with the first `len` values of the key: a row or a partition.
pub(super) fn delete(keyspace: &str, table: &'static Table, len: usize, if_exists: bool) -> String {
    let condition = if if_exists { " IF EXISTS" } else { "" };
    format!("DELETE FROM {} WHERE {}{condition}", qualified(keyspace, table), key_is(table, len))
}

pub(super) fn get(keyspace: &str, table: &'static Table) -> String {
    let (columns, name) = (names(table.all_columns()), qualified(keyspace, table));
    format!("SELECT {columns} FROM {name} WHERE {}", key_is(table, table.key_len()))
}

/// Binds the partition, the low edge, the high edge and the limit.
pub(super) fn range(keyspace: &str, range: &Range, low: Option<&Edge>, high: Option<&Edge>) -> String {
    select_range(&qualified(keyspace, range.table), range, low, high, "")
}

fn qualified(keyspace: &str, table: &Table) -> String {
    format!(r#""{keyspace}"."{}""#, table.name)
}
