//! The numbered places of events that have a limit, and the order in which people wait for one.
//!
//! A place is given by one conditional write, so no two get it. A place that was taken for a registration which then was not stored
//! (a crash) is found by its age and by the registration not being on it; see `seats`.

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

    /// Takes a place, if it is free. Taking it again for the same registration is taking it.
    pub async fn take_seat(
        &self,
        event: &EventId,
        seat: u32,
        by: &RegistrationId,
        at_ms: i64,
    ) -> Result<bool, Failure> {
        let Some(found) = self.tables.put_if_absent(row(event, seat, by.as_str(), at_ms, 1)).await? else {
            return Ok(true);
        };
        if let Some(taken) = read(&found)? {
            return Ok(taken.by == *by);
        }
        let version = found.int("version");
        let again = row(event, seat, by.as_str(), at_ms, version + 1);
        Ok(self.tables.put_if_version(again, version).await? == PutIf::Stored)
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

    /// Says that somebody waits: before they do, so that nobody is forgotten.
    pub async fn put_waiter(&self, event: &EventId, waiter: &Waiter) -> Result<(), Failure> {
        let row = Row::new(&WAITING_BY_EVENT)
            .set("event_id", event.as_str())
            .set("waiting_since", Value::Time(waiter.since_ms))
            .set("registration_id", waiter.id.as_str());
        Ok(self.tables.put(row).await?)
    }

    /// Those who may wait, the earliest first, after this one.
    pub async fn waiters(&self, event: &EventId, after: Option<Waiter>, limit: usize) -> Result<Vec<Waiter>, Failure> {
        let mut range = Range::of(&WAITING_BY_EVENT, vec![event.as_str().into()]).limit(limit);
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
