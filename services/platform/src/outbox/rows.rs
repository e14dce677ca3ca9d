//! The rows of the outbox. It does not know what becomes of them.

use std::{ops, sync::Arc};

use bytes::Bytes;
use prost::Message as _;
use turnout_proto::events::v1::DomainEvent;

use crate::{
    bus::{
        Subject,
        durable::{self, DurableMessage},
        subjects,
    },
    tables::{Range, Row, Table, TableError, Tables, Value, Write, bytes, int, text, time},
    telemetry::TraceParent,
};

/// Partitions of one service's outbox, so that none is hot. Each announcement stays within one.
pub(super) const SLOTS: u64 = 16;
/// Rows read at once.
const PAGE_ROWS: usize = 256;

static OUTBOX: Table = Table {
    name: "outbox_by_slot",
    question: "What has a service announced and perhaps not published yet?",
    partition: &[text("service"), int("slot")],
    clustering: &[time("written_at"), text("id")],
    columns: &[text("subject"), bytes("payload"), text("trace")],
    lifetime_s: None,
};

/// Opened by each role with an outbox.
pub static TABLES: &[&Table] = &[&OUTBOX];

/// An event that is announced.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub slot: u64,
    pub written_at_ms: u64,
    pub id: String,
    pub subject: Subject,
    pub payload: Bytes,
    pub trace: Option<TraceParent>,
}

impl Entry {
    pub fn message(&self) -> DurableMessage {
        let Self { subject, id, payload, trace, .. } = self.clone();
        DurableMessage { subject, id, payload, trace }
    }

    /// The same event as another message.
    pub fn renewed(self, written_at_ms: u64) -> Self {
        let mut event = DomainEvent::decode(&*self.payload).expect("the payload was encoded from an event");
        event.message_id = format!("{}-late", self.id);
        let payload = Bytes::from(event.encode_to_vec());
        Self { written_at_ms, id: event.message_id, payload, ..self }
    }
}

/// Where a row is: when it was written, and its id.
pub(super) type Key = (u64, u64, String);

/// A page of entries.
pub(super) struct Found {
    pub entries: Vec<Entry>,
    /// Rows from which no bus will ever take anything. They stay where they are, for people to look at.
    pub unreadable: Vec<Key>,
    pub next: Option<Vec<Value>>,
}

/// The outbox of one service.
#[derive(Clone)]
pub(super) struct Rows {
    service: &'static str,
    tables: Arc<dyn Tables>,
}

impl Rows {
    pub fn new(service: &'static str, tables: Arc<dyn Tables>) -> Self {
        Self { service, tables }
    }

    /// Stores the entries of one announcement, all or none.
    pub async fn put(&self, entries: &[Entry]) -> Result<(), TableError> {
        let row = |entry: &Entry| {
            Row::new(&OUTBOX)
                .set("service", self.service)
                .set("slot", entry.slot as i64)
                .set("written_at", Value::Time(entry.written_at_ms as i64))
                .set("id", &entry.id)
                .set("subject", entry.subject.as_str())
                .set("payload", entry.payload.to_vec())
                .set_opt("trace", entry.trace.as_ref().map(TraceParent::as_str))
        };
        self.tables.batch(entries.iter().map(|entry| Write::Put(row(entry))).collect()).await
    }

    /// Removes entries of one slot.
    pub async fn delete(&self, entries: &[Entry]) -> Result<(), TableError> {
        let key = |entry: &Entry| {
            let (slot, written_at) = (Value::Int(entry.slot as i64), Value::Time(entry.written_at_ms as i64));
            vec![self.service.into(), slot, written_at, Value::Text(entry.id.clone())]
        };
        let deletes = entries.iter().map(|entry| Write::Delete { table: &OUTBOX, key: key(entry) });
        self.tables.batch(deletes.collect()).await
    }

    /// The entries of a slot that were written within some time, oldest first, page by page.
    pub async fn page(
        &self,
        slot: u64,
        written_at_ms: ops::Range<u64>,
        after: Option<Vec<Value>>,
    ) -> Result<Found, TableError> {
        let time = |ms: u64| vec![Value::Time(ms as i64)];
        let mut range = Range::of(&OUTBOX, vec![self.service.into(), Value::Int(slot as i64)])
            .from(time(written_at_ms.start))
            .to_below(time(written_at_ms.end))
            .limit(PAGE_ROWS);
        if let Some(after) = after {
            range = range.after(after);
        }
        let page = self.tables.range(range).await?;
        let (mut entries, mut unreadable) = (Vec::with_capacity(page.rows.len()), Vec::new());
        for row in &page.rows {
            match entry(slot, row) {
                Some(entry) => entries.push(entry),
                None => unreadable.push((slot, row.time("written_at") as u64, row.text("id").to_owned())),
            }
        }
        Ok(Found { entries, unreadable, next: page.next })
    }
}

/// What a row announces; none if no bus will ever take it. One such row would hold up all that come after it.
fn entry(slot: u64, row: &Row) -> Option<Entry> {
    let entry = Entry {
        slot,
        written_at_ms: row.time("written_at") as u64,
        id: row.text("id").to_owned(),
        subject: Subject::received(row.text("subject")).filter(subjects::is_durable)?,
        payload: Bytes::copy_from_slice(row.bytes("payload")),
        trace: row.opt_text("trace").and_then(TraceParent::received),
    };
    let is_event = DomainEvent::decode(&*entry.payload).is_ok();
    (is_event && durable::check(&entry.message()).is_ok()).then_some(entry)
}
