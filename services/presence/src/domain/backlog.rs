//! Records that wait for the store, grouped by the partition that they go to: bounded, the latest per key wins.
//!
//! One batch of a partition is under way at a time, so a retry cannot overtake a newer write of the same row. A store that is
//! down fills the backlog, nothing else. What happens at the limit is decided by what a loss would cost: a checkpoint comes
//! again within a minute, so it goes first.

use std::collections::{BTreeMap, HashMap, VecDeque};

use turnout_roster::{Millis, SourceName, Topic};

use super::{Record, VisitNews};

/// Rows that wait before further checkpoints are left out.
const CHECKPOINT_ROWS_MAX: usize = 200_000;
/// Rows that wait before anything further is left out, and counted as dropped: minutes of everybody leaving a full festival.
const FINAL_ROWS_MAX: usize = 600_000;
/// Rows of one batch.
const ROWS_A_BATCH_MAX: usize = 50;
/// Visits of one topic and hour are spread over so many partitions: 1.6 million an hour keep each below 50,000 rows.
pub const VISIT_SHARDS: u64 = 32;
/// An hour, the time that a partition covers.
pub const HOUR_MS: Millis = 3_600_000;

/// Where rows go together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Partition {
    /// Points of a topic and hour.
    Points(Topic, Millis),
    /// Visits of a topic that began in an hour, one shard of them.
    Visits(Topic, Millis, u64),
    /// Peaks of a topic.
    Peaks(Topic),
}

/// A row within its partition: time, viewer, source, epoch.
type RowKey = (Millis, u64, Option<SourceName>, u64);

impl Record {
    /// Where the record goes.
    pub fn partition(&self) -> Partition {
        match self {
            Self::Point { topic, second, .. } => Partition::Points(topic.clone(), hour_of(second * 1000)),
            Self::Visit { span, .. } => {
                let shard = span.viewer.get() % VISIT_SHARDS;
                Partition::Visits(span.topic.clone(), hour_of(span.joined_at_ms), shard)
            }
            Self::Peak { topic, .. } => Partition::Peaks(topic.clone()),
        }
    }

    fn row_key(&self) -> RowKey {
        match self {
            Self::Point { second, .. } => (*second, 0, None, 0),
            Self::Visit { span, .. } => (span.joined_at_ms, span.viewer.get(), Some(span.source.clone()), span.epoch),
            Self::Peak { since_ms, .. } => (*since_ms, 0, None, 0),
        }
    }

    /// Another will come that says the same and more.
    fn is_checkpoint(&self) -> bool {
        matches!(self, Self::Visit { news: VisitNews { left: None, .. }, .. })
    }

    /// Two records of one key as one.
    fn then(self, later: Self) -> Self {
        match (self, later) {
            (Self::Visit { news: earlier, .. }, Self::Visit { span, news }) => {
                Self::Visit { span, news: earlier.then(news) }
            }
            (_, later) => later,
        }
    }
}

/// The hour of a moment, as the moment at which it begins.
pub fn hour_of(at_ms: Millis) -> Millis {
    at_ms - at_ms % HOUR_MS
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    /// It waits.
    Queued,
    /// A checkpoint too many; a later one will do.
    Skipped,
    /// Lost: the store has been down for too long.
    Dropped,
}

/// Rows of one partition, to be written together.
#[derive(Debug)]
pub struct Batch {
    /// The partition.
    pub partition: Partition,
    /// The rows.
    pub records: Vec<Record>,
    since_ms: Millis,
}

#[derive(Debug, Default)]
struct Waiting {
    rows: BTreeMap<RowKey, Record>,
    /// Since when its oldest row waits, at most.
    since_ms: Millis,
    under_way: bool,
}

/// The backlog.
#[derive(Debug, Default)]
pub struct Backlog {
    partitions: HashMap<Partition, Waiting>,
    /// Partitions with rows and without a batch under way, in turn.
    ready: VecDeque<Partition>,
    rows: usize,
}

impl Backlog {
    /// Adds a record at the monotonic time `now_ms`.
    pub fn push(&mut self, record: Record, now_ms: Millis) -> Pushed {
        let partition = record.partition();
        let key = record.row_key();
        let known = self.partitions.get_mut(&partition).and_then(|waiting| waiting.rows.get_mut(&key));
        if let Some(known) = known {
            *known = known.clone().then(record);
            return Pushed::Queued;
        }
        if self.rows >= CHECKPOINT_ROWS_MAX && record.is_checkpoint() {
            return Pushed::Skipped;
        }
        if self.rows >= FINAL_ROWS_MAX {
            return Pushed::Dropped;
        }
        let waiting = self.partitions.entry(partition.clone()).or_default();
        if waiting.rows.is_empty() {
            waiting.since_ms = now_ms;
            if !waiting.under_way {
                self.ready.push_back(partition);
            }
        }
        waiting.rows.insert(key, record);
        self.rows += 1;
        Pushed::Queued
    }

    /// The next batch; its partition rests until [`Self::written`] or [`Self::put_back`].
    pub fn take(&mut self) -> Option<Batch> {
        let partition = self.ready.pop_front()?;
        let waiting = self.partitions.get_mut(&partition).expect("a ready partition has rows");
        let records: Vec<_> = std::iter::from_fn(|| waiting.rows.pop_first()).take(ROWS_A_BATCH_MAX).collect();
        waiting.under_way = true;
        self.rows -= records.len();
        let records = records.into_iter().map(|(_, record)| record).collect();
        Some(Batch { partition, records, since_ms: waiting.since_ms })
    }

    /// A batch is stored, or given up.
    pub fn written(&mut self, partition: Partition) {
        let Some(waiting) = self.partitions.get_mut(&partition) else { return };
        waiting.under_way = false;
        if waiting.rows.is_empty() {
            self.partitions.remove(&partition);
        } else {
            self.ready.push_back(partition);
        }
    }

    /// A batch could not be stored now. What came meanwhile is newer.
    pub fn put_back(&mut self, batch: Batch) {
        let waiting = self.partitions.entry(batch.partition.clone()).or_default();
        for record in batch.records {
            let key = record.row_key();
            let merged = if let Some(newer) = waiting.rows.remove(&key) {
                record.then(newer)
            } else {
                self.rows += 1;
                record
            };
            waiting.rows.insert(key, merged);
        }
        waiting.since_ms = batch.since_ms;
        self.written(batch.partition);
    }

    /// Rows that wait; those under way are not among them.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// How long the oldest row has waited, at most.
    pub fn oldest_age_ms(&self, now_ms: Millis) -> Millis {
        let oldest = self.partitions.values().map(|waiting| waiting.since_ms).min();
        oldest.map_or(0, |since_ms| now_ms.saturating_sub(since_ms))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use turnout_roster::{Span, ViewerId};

    use super::*;
    use crate::domain::Ending;

    fn visit(viewer: u64, news: VisitNews) -> Record {
        let (topic, viewer) = (Topic::from("acme/demo"), ViewerId::new(viewer));
        Record::Visit { span: Span { topic, viewer, source: "gw".into(), epoch: 1, joined_at_ms: 5 }, news }
    }

    fn seen(viewer: u64, at_ms: Millis) -> Record {
        visit(viewer, VisitNews { seen_at_ms: Some(at_ms), left: None })
    }

    fn left(viewer: u64, at_ms: Millis) -> Record {
        visit(viewer, VisitNews { seen_at_ms: None, left: Some((at_ms, Ending::Left)) })
    }

    #[test]
    fn news_of_one_visit_that_waits_becomes_one_row() {
        let mut backlog = Backlog::default();
        backlog.push(seen(1, 10), 0);
        backlog.push(left(1, 20), 0);
        assert_eq!(backlog.rows(), 1);
        let both = VisitNews { seen_at_ms: Some(10), left: Some((20, Ending::Left)) };
        assert_eq!(backlog.take().unwrap().records, [visit(1, both)]);
    }

    #[test]
    fn a_batch_that_failed_does_not_overwrite_what_came_meanwhile() {
        let mut backlog = Backlog::default();
        backlog.push(seen(1, 10), 0);
        let failed = backlog.take().unwrap();
        backlog.push(seen(1, 70), 5);
        assert!(backlog.take().is_none(), "one batch of a partition at a time");
        backlog.put_back(failed);
        assert_eq!((backlog.rows(), backlog.oldest_age_ms(100)), (1, 100));
        let again = backlog.take().unwrap();
        assert_eq!(again.records, [seen(1, 70)]);
        backlog.written(again.partition);
        assert!(backlog.partitions.is_empty());
    }

    #[test]
    fn when_the_store_is_down_checkpoints_give_way_and_endings_do_not() {
        let mut backlog = Backlog::default();
        for viewer in 0..CHECKPOINT_ROWS_MAX as u64 {
            assert_eq!(backlog.push(seen(viewer, 1), 0), Pushed::Queued);
        }
        assert_eq!(backlog.push(seen(1, 2), 0), Pushed::Queued, "a newer checkpoint replaces the one that waits");
        assert_eq!(backlog.push(seen(1 << 40, 1), 0), Pushed::Skipped);
        for viewer in 0..FINAL_ROWS_MAX as u64 {
            assert_eq!(backlog.push(left(viewer, 3), 0), Pushed::Queued);
        }
        assert_eq!(backlog.push(left(1 << 40, 3), 0), Pushed::Dropped);
    }

    proptest! {
        /// Whatever fails and in whatever order batches end: the store ends up with the last word on each row.
        #[test]
        fn every_row_reaches_the_store_with_its_last_value(
            pushes in prop::collection::vec((0..100u64, 1..1000u64), 1..300),
            outcomes in prop::collection::vec(any::<bool>(), 300),
        ) {
            let mut backlog = Backlog::default();
            let (mut truth, mut stored) = (HashMap::new(), HashMap::new());
            let mut outcomes = outcomes.into_iter();
            let mut under_way = Vec::new();
            for (viewer, at_ms) in pushes {
                truth.insert(viewer, at_ms);
                backlog.push(seen(viewer, at_ms), 0);
                under_way.extend(backlog.take());
                if outcomes.next() == Some(true) && let Some(batch) = under_way.pop() {
                    if outcomes.next() == Some(true) { store(&mut stored, &batch); backlog.written(batch.partition) } else { backlog.put_back(batch) }
                }
            }
            while let Some(batch) = under_way.pop().or_else(|| backlog.take()) {
                store(&mut stored, &batch);
                backlog.written(batch.partition);
            }
            prop_assert!(backlog.partitions.is_empty() && backlog.rows() == 0);
            prop_assert_eq!(stored, truth);
        }
    }

    fn store(stored: &mut HashMap<u64, Millis>, batch: &Batch) {
        for record in &batch.records {
            let Record::Visit { span, news } = record else { panic!("{record:?}") };
            stored.insert(span.viewer.get(), news.seen_at_ms.unwrap());
        }
    }
}
