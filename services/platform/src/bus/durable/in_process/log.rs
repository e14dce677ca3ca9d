//! The rows of the in-process bus: messages in buckets, positions, what is to be delivered again, dead letters. It decides nothing.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;

use super::group::{Entry, Open};
use crate::{
    bus::durable::{DEAD_KEPT, DEAD_LETTERS_MAX, DeadLetter},
    tables::{Range, Row, Table, TableError, Tables, Value, Write, bytes, int, text, time},
    telemetry::TraceParent,
};

/// Messages of one partition; a bucket is removed as a whole.
const BUCKET_MESSAGES: u64 = 4096;
/// Messages read at once.
const PAGE_MESSAGES: usize = 100;
/// Not lower than what a page may hold: a consumer has no more than this to be delivered again.
const RETRIES_MAX: usize = crate::tables::RANGE_ROWS_MAX;
const _: () = assert!(crate::bus::durable::UNSETTLED_MESSAGES_MAX <= RETRIES_MAX);
/// There is one log; the partition key of what exists once.
const LOG: &str = "events";

static BUCKETS: Table = Table {
    name: "durable_buckets",
    question: "Which buckets of messages exist?",
    partition: &[text("log")],
    clustering: &[int("bucket")],
    columns: &[],
    lifetime_s: None,
};

static MESSAGES: Table = Table {
    name: "durable_messages",
    question: "Which messages follow a sequence?",
    partition: &[text("log"), int("bucket")],
    clustering: &[int("seq")],
    columns: &[text("subject"), text("id"), bytes("payload"), text("trace"), time("published_at")],
    lifetime_s: None,
};

static POSITIONS: Table = Table {
    name: "durable_positions",
    question: "Up to which sequence has each consumer settled everything, but for what durable_retries holds?",
    partition: &[text("log")],
    clustering: &[text("consumer")],
    columns: &[int("floor")],
    lifetime_s: None,
};

static RETRIES: Table = Table {
    name: "durable_retries",
    question: "What is a consumer to get again, and when?",
    partition: &[text("consumer")],
    clustering: &[int("seq")],
    columns: &[
        text("subject"),
        text("id"),
        bytes("payload"),
        text("trace"),
        int("deliveries"),
        int("forgiven"),
        time("due_at"),
    ],
    lifetime_s: None,
};

static DEAD_LETTERS: Table = Table {
    name: "durable_dead_letters",
    question: "What did a consumer give up, and why?",
    partition: &[text("consumer")],
    clustering: &[int("seq")],
    columns: &[text("subject"), text("id"), bytes("payload"), text("error"), int("deliveries"), time("given_up_at")],
    lifetime_s: Some(DEAD_KEPT.as_secs() as u32),
};

/// Opened by a process that has its bus in itself.
pub static TABLES: &[&Table] = &[&BUCKETS, &MESSAGES, &POSITIONS, &RETRIES, &DEAD_LETTERS];

/// The rows.
pub(super) struct Log {
    tables: Arc<dyn Tables>,
}

/// Where the log stands when it is opened.
pub(super) struct Ends {
    /// The first sequence that may exist.
    pub first: u64,
    /// The last that does.
    pub last: u64,
}

impl Log {
    pub fn new(tables: Arc<dyn Tables>) -> Self {
        Self { tables }
    }

    /// Sequences begin with 1.
    pub async fn ends(&self) -> Result<Ends, TableError> {
        let buckets = self.buckets().await?;
        let (Some(first), Some(last)) = (buckets.first(), buckets.last()) else {
            return Ok(Ends { first: 1, last: 0 });
        };
        let newest = self.newest_of(*last).await?;
        let start = |bucket: u64| (bucket * BUCKET_MESSAGES).max(1);
        Ok(Ends { first: start(*first), last: newest.map_or(start(*last) - 1, |(entry, _)| entry.seq) })
    }

    pub async fn buckets(&self) -> Result<Vec<u64>, TableError> {
        // A page of 5,000 buckets is 20 million messages: more than any one process holds for a week.
        let page = self.tables.range(Range::of(&BUCKETS, vec![LOG.into()])).await?;
        Ok(page.rows.iter().map(|row| row.int("bucket") as u64).collect())
    }

    /// The newest message of a bucket and when it was published.
    pub async fn newest_of(&self, bucket: u64) -> Result<Option<(Entry, u64)>, TableError> {
        let page = self.tables.range(in_bucket(bucket).reverse().limit(1)).await?;
        Ok(page.rows.first().map(|row| (entry(row), row.time("published_at") as u64)))
    }

    /// Stores messages with one write for each bucket, oldest first.
    pub async fn append(
        &self,
        entries: &[Entry],
        at_ms: u64,
        newest_bucket: &mut Option<u64>,
    ) -> Result<(), TableError> {
        for entries in entries.chunk_by(|a, b| bucket_of(a.seq) == bucket_of(b.seq)) {
            let bucket = bucket_of(entries[0].seq);
            if *newest_bucket != Some(bucket) {
                // Before its first message: a bucket that is not listed is not found again.
                self.tables.put(Row::new(&BUCKETS).set("log", LOG).set("bucket", bucket as i64)).await?;
                *newest_bucket = Some(bucket);
            }
            let rows = entries.iter().map(|entry| {
                let row = Row::new(&MESSAGES).set("log", LOG).set("bucket", bucket as i64);
                Write::Put(described(row, entry).set("published_at", Value::Time(at_ms as i64)))
            });
            self.tables.batch(rows.collect()).await?;
        }
        Ok(())
    }

    /// Messages from a sequence on, at most `limit` and of one bucket, and where to read on. `last` is the last that is known to exist.
    pub async fn read(&self, from: u64, limit: usize, last: u64) -> Result<(Vec<Entry>, u64), TableError> {
        let bucket = bucket_of(from);
        let limit = limit.clamp(1, PAGE_MESSAGES);
        let page = self.tables.range(in_bucket(bucket).from(vec![Value::Int(from as i64)]).limit(limit)).await?;
        let next = match page.rows.last() {
            Some(row) => row.int("seq") as u64 + 1,
            None if bucket < bucket_of(last) => (bucket + 1) * BUCKET_MESSAGES,
            None => last + 1,
        };
        Ok((page.rows.iter().map(entry).collect(), next))
    }

    /// The ids of messages published since some time, newest first, and when each was.
    pub async fn ids_since(&self, at_ms: u64, limit: usize) -> Result<Vec<(String, u64)>, TableError> {
        let mut ids = Vec::new();
        for bucket in self.buckets().await?.into_iter().rev() {
            let mut range = in_bucket(bucket).reverse();
            loop {
                let page = self.tables.range(range.clone()).await?;
                for row in &page.rows {
                    let published_at = row.time("published_at") as u64;
                    if published_at < at_ms || ids.len() == limit {
                        return Ok(ids);
                    }
                    ids.push((row.text("id").to_owned(), published_at));
                }
                let Some(next) = page.next else { break };
                range = range.after(next);
            }
        }
        Ok(ids)
    }

    /// Removes the buckets, but for the newest, whose messages are all up to `settled` and older than `unless_since`, or older than `age`.
    pub async fn trim(&self, settled: u64, at_ms: u64, keep: Duration, at_most: Duration) -> Result<(), TableError> {
        let mut buckets = self.buckets().await?;
        buckets.pop();
        for bucket in buckets {
            if let Some((newest, published_at)) = self.newest_of(bucket).await? {
                let age = Duration::from_millis(at_ms.saturating_sub(published_at));
                if !(age > at_most || (newest.seq <= settled && age > keep)) {
                    break;
                }
            }
            self.tables.delete_partition(&MESSAGES, vec![LOG.into(), Value::Int(bucket as i64)]).await?;
            self.tables.delete(&BUCKETS, vec![LOG.into(), Value::Int(bucket as i64)]).await?;
        }
        Ok(())
    }

    /// The positions of all consumers that ever were.
    pub async fn positions(&self) -> Result<Vec<(String, u64)>, TableError> {
        let page = self.tables.range(Range::of(&POSITIONS, vec![LOG.into()])).await?;
        Ok(page.rows.iter().map(|row| (row.text("consumer").to_owned(), row.int("floor") as u64)).collect())
    }

    pub async fn save_position(&self, consumer: &str, floor: u64) -> Result<(), TableError> {
        let row = Row::new(&POSITIONS).set("log", LOG).set("consumer", consumer).set("floor", floor as i64);
        self.tables.put(row).await
    }

    /// What a consumer is to get again, and when.
    pub async fn retries(&self, consumer: &str) -> Result<Vec<(u64, Open)>, TableError> {
        let page = self.tables.range(Range::of(&RETRIES, vec![consumer.into()])).await?;
        let open = |row: &Row| Open {
            entry: entry(row),
            number: row.int("deliveries") as u32,
            forgiven: row.int("forgiven") as u32,
            is_kept: true,
            is_suspect: false,
        };
        Ok(page.rows.iter().map(|row| (row.time("due_at") as u64, open(row))).collect())
    }

    pub async fn save_retry(&self, consumer: &str, open: &Open, due_at_ms: u64) -> Result<(), TableError> {
        let row = described(Row::new(&RETRIES).set("consumer", consumer), &open.entry);
        let row = row.set("deliveries", open.number).set("forgiven", open.forgiven);
        self.tables.put(row.set("due_at", Value::Time(due_at_ms as i64))).await
    }

    pub async fn forget_retry(&self, consumer: &str, seq: u64) -> Result<(), TableError> {
        self.tables.delete(&RETRIES, vec![consumer.into(), Value::Int(seq as i64)]).await
    }

    pub async fn bury(&self, consumer: &str, seq: u64, letter: &DeadLetter, at_ms: u64) -> Result<(), TableError> {
        let row = Row::new(&DEAD_LETTERS)
            .set("consumer", consumer)
            .set("seq", seq as i64)
            .set("subject", &letter.subject)
            .set("id", &letter.id)
            .set("payload", letter.payload.to_vec())
            .set("error", &letter.error)
            .set("deliveries", letter.deliveries)
            .set("given_up_at", Value::Time(at_ms as i64));
        self.tables.put(row).await
    }

    pub async fn dead_letters(&self, consumer: &str) -> Result<Vec<DeadLetter>, TableError> {
        let range = Range::of(&DEAD_LETTERS, vec![consumer.into()]).limit(DEAD_LETTERS_MAX);
        let letter = |row: &Row| DeadLetter {
            subject: row.text("subject").to_owned(),
            id: row.text("id").to_owned(),
            payload: Bytes::copy_from_slice(row.bytes("payload")),
            error: row.text("error").to_owned(),
            deliveries: row.int("deliveries") as u32,
            place: row.int("seq") as u64,
        };
        Ok(self.tables.range(range).await?.rows.iter().map(letter).collect())
    }

    pub async fn forget_dead_letter(&self, consumer: &str, seq: u64) -> Result<(), TableError> {
        self.tables.delete(&DEAD_LETTERS, vec![consumer.into(), Value::Int(seq as i64)]).await
    }
}

fn bucket_of(seq: u64) -> u64 {
    seq / BUCKET_MESSAGES
}

fn in_bucket(bucket: u64) -> Range {
    Range::of(&MESSAGES, vec![LOG.into(), Value::Int(bucket as i64)])
}

fn described(row: Row, entry: &Entry) -> Row {
    row.set("seq", entry.seq as i64)
        .set("subject", &entry.subject)
        .set("id", &entry.id)
        .set("payload", entry.payload.to_vec())
        .set_opt("trace", entry.trace.as_ref().map(TraceParent::as_str))
}

fn entry(row: &Row) -> Entry {
    Entry {
        seq: row.int("seq") as u64,
        subject: row.text("subject").to_owned(),
        id: row.text("id").to_owned(),
        payload: Bytes::copy_from_slice(row.bytes("payload")),
        trace: row.opt_text("trace").and_then(TraceParent::received),
    }
}
