//! The numbered places of events that have a limit, the order in which people wait for one, and where places may have been left behind.
//!
//! A place is given by one conditional write, so no two get it; the version that the write gives is who took it, also when the same
//! person asks twice. What becomes of a place that was taken for a registration which then was not stored is said in `settling`.

use turnout_platform::{
    failure::Failure,
    ids::{EventId, RegistrationId},
    tables::{PutIf, Range, Row, Table, Value, int, text, time},
};

use super::{Store, unreadable};

/// Places of one partition. Stored rows depend on it: it must never change.
pub(crate) const SEATS_PER_CHUNK: u32 = 1000;

pub(super) static SEATS_BY_EVENT: Table = Table {
    name: "seats_by_event",
    question: "Which numbered places of this event are taken, and for whom?",
    partition: &[text("event_id"), int("chunk")],
    clustering: &[int("seat")],
    columns: &[text("registration_id"), time("taken_at"), int("version")],
    lifetime_s: None,
};

/// Only where to look: who waits stands in `registrations_by_event`.
pub(super) static WAITING_BY_EVENT: Table = Table {
    name: "waiting_by_event",
    question: "Who may wait for a place at this event, the earliest first?",
    partition: &[text("event_id")],
    clustering: &[time("waiting_since"), text("registration_id")],
    columns: &[],
    lifetime_s: None,
};

/// A partition for each day: rows are removed soon, and to a CQL server removed rows are work for days. Only events in doubt are here.
/// Who looks into one says so first, until when.
pub(super) static EVENTS_TO_SETTLE: Table = Table {
    name: "events_to_settle",
    question: "At which events may a place have been left behind, and when is it looked for?",
    partition: &[int("day")],
    clustering: &[time("due_at"), text("event_id")],
    columns: &[time("claimed_until"), int("version")],
    lifetime_s: None,
};

/// A partition of [`EVENTS_TO_SETTLE`]. Stored rows depend on it: it must never change.
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// An event at which a place may have been left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ToSettle {
    /// When it is looked for, in milliseconds since 1970.
    pub due_ms: i64,
    pub event: EventId,
    /// Until when somebody looks into it.
    pub claimed_until_ms: i64,
    version: i64,
}

impl ToSettle {
    pub fn new(due_ms: i64, event: EventId) -> Self {
        Self { due_ms, event, claimed_until_ms: 0, version: 1 }
    }

    fn row(&self) -> Row {
        Row::new(&EVENTS_TO_SETTLE)
            .set("day", self.due_ms / DAY_MS)
            .set("due_at", Value::Time(self.due_ms))
            .set("event_id", self.event.as_str())
            .set("claimed_until", Value::Time(self.claimed_until_ms))
            .set("version", self.version)
    }
}

/// A place that is taken.
#[derive(Debug, Clone)]
pub(crate) struct Taken {
    pub seat: u32,
    pub by: RegistrationId,
    /// Milliseconds since 1970.
    pub at_ms: i64,
    version: i64,
}

/// Somebody who may wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Waiter {
    /// Milliseconds since 1970.
    pub since_ms: i64,
    pub id: RegistrationId,
}

impl Store {
    /// The places of one chunk that are taken.
    pub async fn taken_seats(&self, event: &EventId, chunk: u32) -> Result<Vec<Taken>, Failure> {
        let range = Range::of(&SEATS_BY_EVENT, vec![event.as_str().into(), chunk.into()]);
        let page = self.tables.range(range).await?;
        page.rows.iter().filter_map(|row| read(row).transpose()).collect()
    }

    /// Takes a place, if it is free. A place that is taken for the same registration is not free: somebody else is about to store it
    /// there, and would give the place back if the registration is there already.
    pub async fn take_seat(
        &self,
        event: &EventId,
        seat: u32,
        by: &RegistrationId,
        at_ms: i64,
    ) -> Result<Option<Taken>, Failure> {
        let taken = |version| Taken { seat, by: by.clone(), at_ms, version };
        let Some(found) = self.tables.put_if_absent(row(event, seat, by.as_str(), at_ms, 1)).await? else {
            return Ok(Some(taken(1)));
        };
        if read(&found)?.is_some() {
            return Ok(None);
        }
        let version = found.int("version");
        let again = row(event, seat, by.as_str(), at_ms, version + 1);
        let is_taken = self.tables.put_if_version(again, version).await? == PutIf::Stored;
        Ok(is_taken.then(|| taken(version + 1)))
    }

    /// Frees a place that is taken as described; false when it no longer is.
    pub async fn free_taken(&self, event: &EventId, taken: &Taken) -> Result<bool, Failure> {
        let free = row(event, taken.seat, "", taken.at_ms, taken.version + 1);
        Ok(self.tables.put_if_version(free, taken.version).await? == PutIf::Stored)
    }

    /// Frees a place, if it is this registration's.
    pub async fn free_seat(&self, event: &EventId, seat: u32, by: &RegistrationId) -> Result<(), Failure> {
        let key = vec![event.as_str().into(), (seat / SEATS_PER_CHUNK).into(), seat.into()];
        let found = self.tables.get(&SEATS_BY_EVENT, key).await?;
        if let Some(taken) = found.as_ref().map(read).transpose()?.flatten()
            && taken.by == *by
        {
            self.free_taken(event, &taken).await?;
        }
        Ok(())
    }

    /// Says that a place of an event may have been left behind, if nobody has said so for the same time.
    pub async fn put_to_settle(&self, it: &ToSettle) -> Result<(), Failure> {
        Ok(self.tables.put_if_absent(it.row()).await.map(drop)?)
    }

    /// Says until when it is looked into; false when somebody else has said so meanwhile.
    pub async fn claim_to_settle(&self, it: &mut ToSettle, until_ms: i64) -> Result<bool, Failure> {
        let before = it.version;
        (it.claimed_until_ms, it.version) = (until_ms, before + 1);
        Ok(self.tables.put_if_version(it.row(), before).await? == PutIf::Stored)
    }

    /// What is due within this time, the earliest first.
    pub async fn to_settle(&self, due_ms: std::ops::Range<i64>, limit: usize) -> Result<Vec<ToSettle>, Failure> {
        let entry = |row: &Row| {
            let event = row.text("event_id").parse().map_err(|_| unreadable(row))?;
            let (claimed_until_ms, version) = (row.time("claimed_until"), row.int("version"));
            Ok::<_, Failure>(ToSettle { due_ms: row.time("due_at"), event, claimed_until_ms, version })
        };
        let mut due = Vec::new();
        for day in due_ms.start / DAY_MS..=due_ms.end / DAY_MS {
            if due.len() == limit {
                break;
            }
            let range = Range::of(&EVENTS_TO_SETTLE, vec![day.into()])
                .from(vec![Value::Time(due_ms.start)])
                .to_below(vec![Value::Time(due_ms.end)])
                .limit(limit - due.len());
            let page = self.tables.range(range).await?;
            due.extend(page.rows.iter().map(entry).collect::<Result<Vec<_>, _>>()?);
        }
        Ok(due)
    }

    /// It has been looked for.
    pub async fn remove_to_settle(&self, it: &ToSettle) -> Result<(), Failure> {
        let key = vec![(it.due_ms / DAY_MS).into(), Value::Time(it.due_ms), it.event.as_str().into()];
        Ok(self.tables.delete(&EVENTS_TO_SETTLE, key).await?)
    }

    /// Says that somebody waits: before they do, so that nobody is forgotten.
    pub async fn put_waiter(&self, event: &EventId, waiter: &Waiter) -> Result<(), Failure> {
        let row = Row::new(&WAITING_BY_EVENT)
            .set("event_id", event.as_str())
            .set("waiting_since", Value::Time(waiter.since_ms))
            .set("registration_id", waiter.id.as_str());
        Ok(self.tables.put(row).await?)
    }

    /// Those who may wait since this time or later, the earliest first, after this one.
    pub async fn waiters(
        &self,
        event: &EventId,
        from_ms: i64,
        after: Option<&Waiter>,
        limit: usize,
    ) -> Result<Vec<Waiter>, Failure> {
        let range = Range::of(&WAITING_BY_EVENT, vec![event.as_str().into()]).limit(limit);
        let mut range = range.from(vec![Value::Time(from_ms)]);
        if let Some(waiter) = after {
            range = range.after(vec![Value::Time(waiter.since_ms), waiter.id.as_str().into()]);
        }
        let page = self.tables.range(range).await?;
        let waiter = |row: &Row| {
            let id = row.text("registration_id").parse().map_err(|_| unreadable(row))?;
            Ok(Waiter { since_ms: row.time("waiting_since"), id })
        };
        page.rows.iter().map(waiter).collect()
    }

    /// Somebody waits no more.
    pub async fn remove_waiter(&self, event: &EventId, waiter: &Waiter) -> Result<(), Failure> {
        let key = vec![event.as_str().into(), Value::Time(waiter.since_ms), waiter.id.as_str().into()];
        Ok(self.tables.delete(&WAITING_BY_EVENT, key).await?)
    }
}

fn row(event: &EventId, seat: u32, by: &str, at_ms: i64, version: i64) -> Row {
    Row::new(&SEATS_BY_EVENT)
        .set("event_id", event.as_str())
        .set("chunk", seat / SEATS_PER_CHUNK)
        .set("seat", seat)
        .set("registration_id", by)
        .set("taken_at", Value::Time(at_ms))
        .set("version", version)
}

/// A row without a registration is a place that is free again.
fn read(row: &Row) -> Result<Option<Taken>, Failure> {
    let by = row.text("registration_id");
    if by.is_empty() {
        return Ok(None);
    }
    let parts = || {
        Some(Taken {
            seat: row.int("seat").try_into().ok()?,
            by: by.parse().ok()?,
            at_ms: row.time("taken_at"),
            version: row.int("version"),
        })
    };
    parts().map(Some).ok_or_else(|| unreadable(row))
}
