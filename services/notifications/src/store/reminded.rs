//! What keeps reminders in order beyond one message: whose turn a person's is, and for which start an event's reminders are planned.
//! What follows from either is decided by the gates and by the work over all registrants.

use turnout_platform::{
    failure::Failure,
    ids::{EventId, TenantId},
    tables::{Row, Value},
};

use super::{PLANNED_STARTS_BY_EVENT, REMINDER_TURNS_BY_PERSON, Store};
use crate::domain::message::MessageId;

/// Others that look at the same message at the same moment; beyond it the turn is free after its time.
const GIVE_BACK_TRIES_MAX: usize = 5;

/// The reminder that had a person's turn last.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    at_ms: i64,
    message: String,
    version: i64,
}

impl Turn {
    /// When another message than this had the turn; none when none had.
    pub fn of_another(&self, id: &MessageId) -> Option<i64> {
        (self.version > 0 && !self.is_of(id)).then_some(self.at_ms)
    }

    pub fn at_ms(&self) -> i64 {
        self.at_ms
    }

    /// Whether this message had the turn.
    pub fn is_of(&self, id: &MessageId) -> bool {
        self.message == id.as_str()
    }
}

impl Store {
    pub async fn turn(&self, tenant: &TenantId, person: &str) -> Result<Turn, Failure> {
        let row = self.tables.get(&REMINDER_TURNS_BY_PERSON, vec![tenant.as_str().into(), person.into()]).await?;
        let read = |row: Row| Turn {
            at_ms: row.time("reminded_at"),
            message: row.text("message_id").to_owned(),
            version: row.int("version"),
        };
        Ok(row.map(read).unwrap_or_default())
    }

    /// Takes the person's turn after the one that was seen; false when another was faster.
    pub async fn take_turn(
        &self,
        tenant: &TenantId,
        person: &str,
        id: &MessageId,
        seen: &Turn,
        now_ms: i64,
    ) -> Result<bool, Failure> {
        self.put_turn(tenant, person, now_ms, id.as_str(), seen.version).await
    }

    /// Gives back the turn that was taken after the one that was seen, because another process sends this message. Whoever took it
    /// meanwhile keeps it, also that process.
    pub async fn leave_turn(
        &self,
        tenant: &TenantId,
        person: &str,
        id: &MessageId,
        seen: &Turn,
    ) -> Result<(), Failure> {
        self.put_turn_before(tenant, person, id, seen, seen.version + 1).await.map(drop)
    }

    /// Gives back the turn of this message, which never goes out, to that before it. Others may have looked at the message meanwhile and
    /// taken the turn for it once more: it is given back however often it was taken.
    pub async fn give_back_turn(
        &self,
        tenant: &TenantId,
        person: &str,
        id: &MessageId,
        seen: &Turn,
    ) -> Result<(), Failure> {
        for _ in 0..GIVE_BACK_TRIES_MAX {
            let now = self.turn(tenant, person).await?;
            if !now.is_of(id) || self.put_turn_before(tenant, person, id, seen, now.version).await? {
                break;
            }
        }
        Ok(())
    }

    async fn put_turn_before(
        &self,
        tenant: &TenantId,
        person: &str,
        id: &MessageId,
        seen: &Turn,
        expected: i64,
    ) -> Result<bool, Failure> {
        let (at_ms, message) = seen.of_another(id).map_or((0, ""), |at_ms| (at_ms, &seen.message));
        self.put_turn(tenant, person, at_ms, message, expected).await
    }

    async fn put_turn(
        &self,
        tenant: &TenantId,
        person: &str,
        at_ms: i64,
        message: &str,
        expected: i64,
    ) -> Result<bool, Failure> {
        let row = Row::new(&REMINDER_TURNS_BY_PERSON)
            .set("tenant_id", tenant.as_str())
            .set("person_id", person)
            .set("reminded_at", Value::Time(at_ms))
            .set("message_id", message);
        match self.put_versioned(row, expected, "turn").await {
            Ok(()) => Ok(true),
            Err(Failure::Changed { .. }) => Ok(false),
            Err(failure) => Err(failure),
        }
    }

    pub async fn planned_start(&self, tenant: &TenantId, event: &EventId) -> Result<Option<i64>, Failure> {
        let key = vec![tenant.as_str().into(), event.as_str().into()];
        Ok(self.tables.get(&PLANNED_STARTS_BY_EVENT, key).await?.map(|row| row.time("starts_at")))
    }

    pub async fn set_planned_start(&self, tenant: &TenantId, event: &EventId, starts_ms: i64) -> Result<(), Failure> {
        let row = Row::new(&PLANNED_STARTS_BY_EVENT)
            .set("tenant_id", tenant.as_str())
            .set("event_id", event.as_str())
            .set("starts_at", Value::Time(starts_ms));
        Ok(self.tables.put(row).await?)
    }
}
