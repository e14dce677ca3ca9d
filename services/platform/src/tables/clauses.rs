//! The clauses that SQL and CQL write alike. Pure text; everything else belongs to one of the engines.

use super::range::Edge;
use super::{Column, Range, Table};

/// `"a", "b"`
pub(super) fn names<'c>(columns: impl IntoIterator<Item = &'c Column>) -> String {
    columns.into_iter().map(|c| format!(r#""{}""#, c.name)).collect::<Vec<_>>().join(", ")
}

/// `?, ?`
pub(super) fn marks(count: usize) -> String {
    vec!["?"; count].join(", ")
}

/// `"a" = ? AND "b" = ?` over the first columns of the key.
pub(super) fn key_is(table: &'static Table, len: usize) -> String {
    table.key_columns().take(len).map(|c| format!(r#""{}" = ?"#, c.name)).collect::<Vec<_>>().join(" AND ")
}

/// `SELECT … ORDER BY … LIMIT ?` for a range. Binds the partition, the low edge, the high edge and the limit. The columns are
/// named: `*` would give them in the store's order. `from` is the quoted table, `also` a further condition that begins with ` AND`.
pub(super) fn select_range(from: &str, range: &Range, low: Option<&Edge>, high: Option<&Edge>, also: &str) -> String {
    let table = range.table;
    let edge = |edge: Option<&Edge>, sign: char| {
        let Some(Edge { prefix, inclusive }) = edge else { return String::new() };
        let equal = if *inclusive { "=" } else { "" };
        format!(" AND ({}) {sign}{equal} ({})", names(&table.clustering[..prefix.len()]), marks(prefix.len()))
    };
    let direction = if range.reverse { "DESC" } else { "ASC" };
    let order: Vec<String> = table.clustering.iter().map(|c| format!(r#""{}" {direction}"#, c.name)).collect();
    let order = if order.is_empty() { String::new() } else { format!(" ORDER BY {}", order.join(", ")) };
    let (columns, key_is) = (names(table.all_columns()), key_is(table, table.partition.len()));
    format!("SELECT {columns} FROM {from} WHERE {key_is}{}{}{also}{order} LIMIT ?", edge(low, '>'), edge(high, '<'))
}
