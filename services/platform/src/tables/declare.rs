//! The declaration of a table as data, and what makes a declaration valid.
//! Does not know any engine: how a kind is stored is decided by `embedded` and `cql`.

use super::{TableError, VERSION};

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    Text,
    Bytes,
    /// 64 bits, signed.
    Int,
    Bool,
    /// Milliseconds since 1970, signed.
    Time,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// `[a-z][a-z0-9_]{0,47}`
    pub name: &'static str,
    pub kind: Kind,
}

pub const fn text(name: &'static str) -> Column {
    Column { name, kind: Kind::Text }
}

pub const fn bytes(name: &'static str) -> Column {
    Column { name, kind: Kind::Bytes }
}

pub const fn int(name: &'static str) -> Column {
    Column { name, kind: Kind::Int }
}

pub const fn flag(name: &'static str) -> Column {
    Column { name, kind: Kind::Bool }
}

pub const fn time(name: &'static str) -> Column {
    Column { name, kind: Kind::Time }
}

/// A table. Its rows are spread by `partition` and sorted by `clustering` within a partition; both together are the primary key.
/// Keep a partition under 100 MB and 50,000 rows: put a time bucket or a chunk number in its key.
#[derive(Debug, PartialEq, Eq)]
pub struct Table {
    /// `[a-z][a-z0-9_]{0,47}`, named by the question that it answers.
    pub name: &'static str,
    /// What the table answers, for the reader of the code and, as the table's comment, of the database.
    pub question: &'static str,
    /// At least one column; text and bytes among these must not be empty in any row.
    pub partition: &'static [Column],
    pub clustering: &'static [Column],
    /// The other columns. An int column `version` makes the table conditional.
    pub columns: &'static [Column],
    /// Rows vanish this many seconds after they were last put. At least 1.
    pub lifetime_s: Option<u32>,
}

/// Which part of a table a column belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Partition,
    Clustering,
    Plain,
}

impl Table {
    /// All columns in declared order: partition, clustering, the others.
    pub fn all_columns(&self) -> impl Iterator<Item = &'static Column> + use<> {
        self.partition.iter().chain(self.clustering).chain(self.columns)
    }

    pub(super) fn key_columns(&self) -> impl Iterator<Item = &'static Column> + use<> {
        self.partition.iter().chain(self.clustering)
    }

    pub(super) fn key_len(&self) -> usize {
        self.partition.len() + self.clustering.len()
    }

    /// Where a column stands in declared order.
    pub(super) fn position(&self, name: &str) -> Option<usize> {
        self.all_columns().position(|c| c.name == name)
    }

    /// Whether all writes go through one agreed order, see [`super::Tables`].
    pub fn is_conditional(&self) -> bool {
        self.columns.iter().any(|c| c.name == VERSION)
    }

    /// Each column with its role and its place within that role.
    pub(super) fn roles(&self) -> impl Iterator<Item = (Role, usize, &'static Column)> + use<> {
        let of =
            |role: Role, columns: &'static [Column]| columns.iter().enumerate().map(move |(place, c)| (role, place, c));
        of(Role::Partition, self.partition)
            .chain(of(Role::Clustering, self.clustering))
            .chain(of(Role::Plain, self.columns))
    }
}

/// Refuses faulty declarations: names that an engine could not take, doubles, no partition key.
pub(super) fn check(tables: &[&'static Table]) -> Result<(), TableError> {
    for (i, table) in tables.iter().enumerate() {
        let fault = if !is_name(table.name) {
            "its name must match [a-z][a-z0-9_]{0,47}".to_owned()
        } else if tables[..i].iter().any(|t| t.name == table.name) {
            "it is declared twice".to_owned()
        } else if table.question.trim().is_empty() {
            "it does not say which question it answers".to_owned()
        } else if table.partition.is_empty() {
            "it has no partition key".to_owned()
        } else if table.lifetime_s == Some(0) {
            "its lifetime is zero".to_owned()
        } else if let Some(fault) = columns_fault(table) {
            fault
        } else {
            continue;
        };
        return Err(TableError::Invalid(format!("table {}: {fault}", table.name)));
    }
    Ok(())
}

fn columns_fault(table: &'static Table) -> Option<String> {
    for (i, (role, _, column)) in table.roles().enumerate() {
        let name = column.name;
        if !is_name(name) {
            return Some(format!("the name of column {name} must match [a-z][a-z0-9_]{{0,47}}"));
        }
        if table.position(name) != Some(i) {
            return Some(format!("column {name} is declared twice"));
        }
        if name == VERSION && (role != Role::Plain || column.kind != Kind::Int) {
            return Some("column version must be an int outside the key".to_owned());
        }
    }
    None
}

/// What both engines take as a name without surprises. CQL allows 48 characters.
pub(super) fn is_name(name: &str) -> bool {
    name.len() <= 48
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}
