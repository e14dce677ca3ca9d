//! Refuses what breaks a limit or a declaration, once for both engines, before an engine sees it.
//! So the engines may take a request as valid. Does no IO and never looks at stored data.

use std::collections::HashSet;

use super::{
    BATCH_ACROSS_BYTES_MAX, BATCH_BYTES_MAX, BATCH_WRITES_MAX, Column, KEY_BYTES_MAX, Page, PutIf, RANGE_ROWS_MAX,
    ROW_BYTES_MAX, Range, Row, Table, TableError, Tables, VALUE_OVERHEAD_BYTES, VERSION, Value, Write,
};

pub(super) struct Checked {
    inner: Box<dyn Tables>,
    opened: HashSet<&'static str>,
}

impl Checked {
    pub(super) fn new(inner: Box<dyn Tables>, tables: &[&'static Table]) -> Self {
        Self { inner, opened: tables.iter().map(|t| t.name).collect() }
    }

    fn opened(&self, table: &Table) -> Result<(), TableError> {
        ensure(self.opened.contains(table.name), table, || "it was not opened".to_owned())
    }

    fn row(&self, row: &Row) -> Result<(), TableError> {
        let table = row.table();
        self.opened(table)?;
        key(table, &row.key())?;
        let bytes = row.bytes_total();
        ensure(bytes <= ROW_BYTES_MAX, table, || format!("a row of {bytes} bytes, the limit is {ROW_BYTES_MAX}"))
    }

    fn conditional(&self, row: &Row) -> Result<(), TableError> {
        let table = row.table();
        ensure(table.is_conditional(), table, || {
            "conditional puts need a table with an int column version".to_owned()
        })?;
        self.row(row)
    }

    /// Checks each write and the rules of both sorts of batches; returns the bytes of all values and their number.
    fn writes(&self, writes: &[Write]) -> Result<(usize, usize), TableError> {
        let Some(first) = writes.first() else { return Ok((0, 0)) };
        let count = writes.len();
        ensure(count <= BATCH_WRITES_MAX, first.table(), || {
            format!("a batch of {count} writes, the limit is {BATCH_WRITES_MAX}")
        })?;
        let mut seen = HashSet::with_capacity(count);
        let (mut bytes, mut values) = (0, 0);
        for write in writes {
            let table = write.table();
            ensure(!table.is_conditional(), table, || "a conditional table takes no batches".to_owned())?;
            let key = match write {
                Write::Put(row) => {
                    self.row(row)?;
                    bytes += row.bytes_total();
                    values += row.values().iter().flatten().count();
                    row.key()
                }
                Write::Delete { table, key: whole } => {
                    self.opened(table)?;
                    key(table, whole)?;
                    bytes += whole.iter().map(Value::bytes).sum::<usize>();
                    values += whole.len();
                    whole.clone()
                }
            };
            ensure(seen.insert((table.name, key)), table, || "a batch writes one row twice".to_owned())?;
        }
        Ok((bytes, values))
    }
}

#[tonic::async_trait]
impl Tables for Checked {
    async fn put(&self, row: Row) -> Result<(), TableError> {
        self.row(&row)?;
        self.inner.put(row).await
    }

    async fn put_if_absent(&self, row: Row) -> Result<Option<Row>, TableError> {
        self.conditional(&row)?;
        self.inner.put_if_absent(row).await
    }

    async fn put_if_version(&self, row: Row, expected: i64) -> Result<PutIf, TableError> {
        self.conditional(&row)?;
        let moves = row.opt_int(VERSION).is_some_and(|new| new != expected);
        ensure(moves, row.table(), || "put_if_version must set another version than the expected one".to_owned())?;
        self.inner.put_if_version(row, expected).await
    }

    async fn get(&self, table: &'static Table, key: Vec<Value>) -> Result<Option<Row>, TableError> {
        self.opened(table)?;
        self::key(table, &key)?;
        self.inner.get(table, key).await
    }

    async fn range(&self, range: Range) -> Result<Page, TableError> {
        let table = range.table;
        self.opened(table)?;
        partition(table, &range.partition)?;
        for edge in [&range.low, &range.high].into_iter().flatten() {
            values(table, table.clustering, &edge.prefix)?;
        }
        if let Some(token) = &range.after {
            values(table, table.clustering, token)?;
            let whole = !token.is_empty() && token.len() == table.clustering.len();
            ensure(whole, table, || "a page continues after a whole clustering key".to_owned())?;
        }
        let limit = range.limit;
        ensure((1..=RANGE_ROWS_MAX).contains(&limit), table, || {
            format!("a page of {limit} rows, 1 to {RANGE_ROWS_MAX} are allowed")
        })?;
        self.inner.range(range).await
    }

    async fn delete(&self, table: &'static Table, key: Vec<Value>) -> Result<(), TableError> {
        self.opened(table)?;
        self::key(table, &key)?;
        self.inner.delete(table, key).await
    }

    async fn delete_partition(&self, table: &'static Table, partition: Vec<Value>) -> Result<(), TableError> {
        self.opened(table)?;
        self::partition(table, &partition)?;
        self.inner.delete_partition(table, partition).await
    }

    async fn batch(&self, writes: Vec<Write>) -> Result<(), TableError> {
        let (bytes, _) = self.writes(&writes)?;
        let Some(first) = writes.first() else { return Ok(()) };
        let table = first.table();
        ensure(bytes <= BATCH_BYTES_MAX, table, || {
            format!("a batch of {bytes} bytes, the limit is {BATCH_BYTES_MAX}")
        })?;
        let home = partition_of(first);
        let together = writes.iter().all(|w| w.table() == table && partition_of(w) == home);
        ensure(together, table, || "a batch stays in one partition of one table".to_owned())?;
        self.inner.batch(writes).await
    }

    async fn batch_across(&self, writes: Vec<Write>) -> Result<(), TableError> {
        let (bytes, values) = self.writes(&writes)?;
        let bytes = bytes + values * VALUE_OVERHEAD_BYTES;
        let Some(first) = writes.first() else { return Ok(()) };
        let limit = BATCH_ACROSS_BYTES_MAX;
        ensure(bytes <= limit, first.table(), || {
            format!("a batch across partitions of {bytes} bytes, the limit is {limit}")
        })?;
        self.inner.batch_across(writes).await
    }
}

fn partition_of(write: &Write) -> Vec<Value> {
    let mut key = match write {
        Write::Put(row) => row.key(),
        Write::Delete { key, .. } => key.clone(),
    };
    key.truncate(write.table().partition.len());
    key
}

/// A whole primary key: every value there, of its declared kind, not too long.
fn key(table: &'static Table, key: &[Value]) -> Result<(), TableError> {
    ensure(key.len() == table.key_len(), table, || {
        format!("a key of {} values, it has {}", key.len(), table.key_len())
    })?;
    let (head, tail) = key.split_at(table.partition.len());
    partition(table, head)?;
    values(table, table.clustering, tail)?;
    let bytes: usize = key.iter().map(Value::bytes).sum();
    ensure(bytes <= KEY_BYTES_MAX, table, || format!("a key of {bytes} bytes, the limit is {KEY_BYTES_MAX}"))
}

fn partition(table: &'static Table, partition: &[Value]) -> Result<(), TableError> {
    let wanted = table.partition.len();
    ensure(partition.len() == wanted, table, || {
        format!("a partition key of {} values, it has {wanted}", partition.len())
    })?;
    values(table, table.partition, partition)?;
    // CQL refuses an empty partition key.
    ensure(partition.iter().all(|v| v.bytes() > 0), table, || "an empty value in the partition key".to_owned())
}

/// Values of declared kinds, in order; fewer than declared are fine (a prefix).
fn values(table: &'static Table, columns: &[Column], values: &[Value]) -> Result<(), TableError> {
    ensure(values.len() <= columns.len(), table, || {
        format!("{} clustering values, it has {}", values.len(), columns.len())
    })?;
    for (column, value) in columns.iter().zip(values) {
        let fits = column.kind == value.kind();
        ensure(fits, table, || {
            format!("column {} is {:?}, the value is {:?}", column.name, column.kind, value.kind())
        })?;
    }
    Ok(())
}

fn ensure(holds: bool, table: &Table, fault: impl FnOnce() -> String) -> Result<(), TableError> {
    if holds { Ok(()) } else { Err(TableError::Invalid(format!("table {}: {}", table.name, fault()))) }
}
