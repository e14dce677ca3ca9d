//! Values and rows. A row knows its table, so a wrong column name or kind is caught where the row is built.
//! Does not check limits: `checked` does, once for both engines.

use std::fmt;

use super::{Kind, Table};

/// The value of one column. The order of values of one kind is the order of rows in a partition.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    Text(String),
    Bytes(Vec<u8>),
    Int(i64),
    Bool(bool),
    /// Milliseconds since 1970.
    Time(i64),
}

impl Value {
    pub fn kind(&self) -> Kind {
        match self {
            Self::Text(_) => Kind::Text,
            Self::Bytes(_) => Kind::Bytes,
            Self::Int(_) => Kind::Int,
            Self::Bool(_) => Kind::Bool,
            Self::Time(_) => Kind::Time,
        }
    }

    /// What the value counts towards the limits on bytes.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
            Self::Int(_) | Self::Time(_) => 8,
            Self::Bool(_) => 1,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<i64> for Value {
    fn from(int: i64) -> Self {
        Self::Int(int)
    }
}

impl From<i32> for Value {
    fn from(int: i32) -> Self {
        Self::Int(int.into())
    }
}

impl From<u32> for Value {
    fn from(int: u32) -> Self {
        Self::Int(int.into())
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Bool(flag)
    }
}

/// A row, whole or in part: a column that is not set is absent.
///
/// Builders and getters panic on a column that the table does not declare or on a wrong kind: a programming error that the
/// first test finds.
#[derive(Clone, PartialEq)]
pub struct Row {
    table: &'static Table,
    /// In declared order.
    values: Vec<Option<Value>>,
}

impl fmt::Debug for Row {
    /// The set columns. For tests: rows hold personal data and do not belong in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct(self.table.name);
        for (column, value) in self.table.all_columns().zip(&self.values) {
            if let Some(value) = value {
                shown.field(column.name, value);
            }
        }
        shown.finish()
    }
}

impl Row {
    pub fn new(table: &'static Table) -> Self {
        Self { table, values: vec![None; table.all_columns().count()] }
    }

    /// From values in declared order, as an engine read them.
    pub(super) fn from_values(table: &'static Table, values: Vec<Option<Value>>) -> Self {
        debug_assert_eq!(values.len(), table.all_columns().count());
        Self { table, values }
    }

    /// Sets a column. A time is set as `Value::Time(ms)`.
    #[must_use]
    pub fn set(mut self, column: &str, value: impl Into<Value>) -> Self {
        let value = value.into();
        let at = self.at(column, value.kind());
        self.values[at] = Some(value);
        self
    }

    /// Sets a column if there is a value.
    #[must_use]
    pub fn set_opt(self, column: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.set(column, value),
            None => self,
        }
    }

    pub fn table(&self) -> &'static Table {
        self.table
    }

    /// The text, empty when absent. The same holds for the other kinds: absent reads as empty, 0 or false, so that rows
    /// from before a column was added stay readable.
    pub fn text(&self, column: &str) -> &str {
        self.opt_text(column).unwrap_or_default()
    }

    pub fn bytes(&self, column: &str) -> &[u8] {
        self.opt_bytes(column).unwrap_or_default()
    }

    pub fn int(&self, column: &str) -> i64 {
        self.opt_int(column).unwrap_or_default()
    }

    pub fn flag(&self, column: &str) -> bool {
        self.opt_flag(column).unwrap_or_default()
    }

    /// Milliseconds since 1970, 0 when absent.
    pub fn time(&self, column: &str) -> i64 {
        self.opt_time(column).unwrap_or_default()
    }

    pub fn opt_text(&self, column: &str) -> Option<&str> {
        match self.value(column, Kind::Text) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    pub fn opt_bytes(&self, column: &str) -> Option<&[u8]> {
        match self.value(column, Kind::Bytes) {
            Some(Value::Bytes(bytes)) => Some(bytes),
            _ => None,
        }
    }

    pub fn opt_int(&self, column: &str) -> Option<i64> {
        match self.value(column, Kind::Int) {
            Some(Value::Int(int)) => Some(*int),
            _ => None,
        }
    }

    pub fn opt_flag(&self, column: &str) -> Option<bool> {
        match self.value(column, Kind::Bool) {
            Some(Value::Bool(flag)) => Some(*flag),
            _ => None,
        }
    }

    pub fn opt_time(&self, column: &str) -> Option<i64> {
        match self.value(column, Kind::Time) {
            Some(Value::Time(ms)) => Some(*ms),
            _ => None,
        }
    }

    /// All values in declared order.
    pub(super) fn values(&self) -> &[Option<Value>] {
        &self.values
    }

    /// The values of the primary key that are set.
    pub(super) fn key(&self) -> Vec<Value> {
        self.values[..self.table.key_len()].iter().flatten().cloned().collect()
    }

    /// The clustering key, for the next page.
    pub(super) fn clustering(&self) -> Vec<Value> {
        self.values[self.table.partition.len()..self.table.key_len()].iter().flatten().cloned().collect()
    }

    pub(super) fn bytes_total(&self) -> usize {
        self.values.iter().flatten().map(Value::bytes).sum()
    }

    fn value(&self, column: &str, kind: Kind) -> Option<&Value> {
        self.values[self.at(column, kind)].as_ref()
    }

    fn at(&self, column: &str, kind: Kind) -> usize {
        let table = self.table.name;
        let Some(at) = self.table.position(column) else { panic!("table {table} declares no column {column}") };
        let declared = self.table.all_columns().nth(at).map(|c| c.kind);
        assert!(declared == Some(kind), "column {column} of table {table} is declared {declared:?}, not {kind:?}");
        at
    }
}
