//! A question for rows of one partition, its bounds and its pages.
//! Does not run anything: an engine turns the edges into its own language.

use super::{RANGE_ROWS_MAX, Row, Table, Value};

/// Rows of one partition between two edges. An edge is a prefix of the clustering key and stands for all rows that start with it.
///
/// ```text
/// Range::of(&VISITS, vec![tenant.into(), event.into()]).from(vec![Value::Time(t)]).reverse().limit(100)
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Range {
    pub(super) table: &'static Table,
    pub(super) partition: Vec<Value>,
    pub(super) low: Option<Edge>,
    pub(super) high: Option<Edge>,
    pub(super) reverse: bool,
    pub(super) limit: usize,
    pub(super) after: Option<Vec<Value>>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Edge {
    pub prefix: Vec<Value>,
    /// Whether the rows that start with the prefix belong to the range.
    pub inclusive: bool,
}

/// One page of rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    pub rows: Vec<Row>,
    /// The clustering key to continue [`Range::after`]; `None` when this was the last page.
    pub next: Option<Vec<Value>>,
}

impl Range {
    /// The whole partition, the first [`RANGE_ROWS_MAX`] rows.
    pub fn of(table: &'static Table, partition: Vec<Value>) -> Self {
        Self { table, partition, low: None, high: None, reverse: false, limit: RANGE_ROWS_MAX, after: None }
    }

    /// Starts with the first row at or above the prefix. An empty prefix bounds nothing, here and below.
    #[must_use]
    pub fn from(mut self, prefix: Vec<Value>) -> Self {
        self.low = edge(prefix, true);
        self
    }

    /// Starts above all rows that start with the prefix.
    #[must_use]
    pub fn from_above(mut self, prefix: Vec<Value>) -> Self {
        self.low = edge(prefix, false);
        self
    }

    /// Ends with the last row that starts with the prefix.
    #[must_use]
    pub fn to(mut self, prefix: Vec<Value>) -> Self {
        self.high = edge(prefix, true);
        self
    }

    /// Ends below all rows that start with the prefix.
    #[must_use]
    pub fn to_below(mut self, prefix: Vec<Value>) -> Self {
        self.high = edge(prefix, false);
        self
    }

    /// Only the rows that start with the prefix.
    #[must_use]
    pub fn starting_with(self, prefix: Vec<Value>) -> Self {
        self.from(prefix.clone()).to(prefix)
    }

    /// Last row first.
    #[must_use]
    pub fn reverse(mut self) -> Self {
        self.reverse = true;
        self
    }

    /// Rows of a page, 1 to [`RANGE_ROWS_MAX`].
    #[must_use]
    pub fn limit(mut self, rows: usize) -> Self {
        self.limit = rows;
        self
    }

    /// Continues after a page of the same range. A token from elsewhere cannot reach beyond the range's edges.
    #[must_use]
    pub fn after(mut self, next: Vec<Value>) -> Self {
        self.after = Some(next);
        self
    }

    /// Whose rows.
    pub fn table(&self) -> &'static Table {
        self.table
    }

    /// The edges with `after` taken into account.
    pub(super) fn edges(&self) -> (Option<Edge>, Option<Edge>) {
        let (mut low, mut high) = (self.low.clone(), self.high.clone());
        if let Some(token) = &self.after {
            let bound = if self.reverse { &mut high } else { &mut low };
            let tighter = bound.as_ref().is_none_or(|edge| {
                let head = &token[..edge.prefix.len().min(token.len())];
                let beyond = if self.reverse { head < edge.prefix.as_slice() } else { head > edge.prefix.as_slice() };
                beyond || (edge.inclusive && head == edge.prefix.as_slice())
            });
            if tighter {
                *bound = edge(token.clone(), false);
            }
        }
        (low, high)
    }

    /// Makes the page out of up to `limit + 1` rows or, when `cut`, of those read before the page was full in bytes.
    pub(super) fn page(&self, mut rows: Vec<Row>, cut: bool) -> Page {
        let more = cut || rows.len() > self.limit;
        rows.truncate(self.limit);
        let next = if more { rows.last().map(Row::clustering) } else { None };
        Page { rows, next }
    }
}

fn edge(prefix: Vec<Value>, inclusive: bool) -> Option<Edge> {
    (!prefix.is_empty()).then_some(Edge { prefix, inclusive })
}
