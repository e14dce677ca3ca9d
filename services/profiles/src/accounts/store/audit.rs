//! The audit log: by day and by subject, written together or not at all. Nothing in it is ever changed.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use turnout_platform::{
    failure::Failure,
    ids::TenantId,
    page_tokens::TimePlace,
    random,
    tables::{Range, Row, Value, Write},
    vault::DataKey,
};

use super::{AUDIT_BY_DAY, AUDIT_BY_SUBJECT, AUDIT_DAYS_BY_TENANT, AUDIT_ENTRIES_BY_ID, Store, accounts::TENANT_KEY};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// Days of the log whose entries are asked for before their list goes on. Every one has an entry.
const DAYS_AT_ONCE: usize = 32;
/// Enough that no two contents under one id are taken for each other.
const CONTENT_HASH_BYTES: usize = 12;

/// What somebody did for somebody else.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct AuditRecord {
    /// Who, as `Principal::actor` says it.
    pub actor: String,
    /// A word of a closed list, such as `person.phone`.
    pub action: String,
    /// `<kind>:<id>`, without anything personal.
    pub subject: String,
    /// The event; empty for none.
    pub event_id: String,
    /// Why, in the actor's words. Kept sealed.
    pub reason: String,
    /// What changed, in words. Kept sealed.
    pub detail: String,
    /// Makes a retry one entry; empty for a record that is never repeated.
    pub entry_id: String,
}

/// Where an entry stands. The order is that of the log.
pub(crate) type EntryPlace = TimePlace<String>;

/// An entry of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredEntry {
    /// Milliseconds since 1970.
    pub at_ms: i64,
    pub record: AuditRecord,
}

impl StoredEntry {
    pub fn place(&self) -> EntryPlace {
        TimePlace { at_ms: self.at_ms, id: self.record.entry_id.clone() }
    }
}

#[derive(Serialize, Deserialize, Default)]
struct Sealed {
    reason: String,
    detail: String,
}

impl Store {
    /// Adds an entry. The same id and content again, within a week, are the same entry; other content under the same id is another.
    pub async fn add_entry(&self, tenant: &TenantId, record: AuditRecord, at_ms: i64) -> Result<(), Failure> {
        let repeatable = !record.entry_id.is_empty();
        let (entry_id, at_ms) =
            if repeatable { self.first(tenant, &record, at_ms).await? } else { (random::sortable_id(), at_ms) };
        let key = self.vault.key_for(tenant, TENANT_KEY).await?;
        let sealed = Sealed { reason: record.reason, detail: record.detail };
        let plain = serde_json::to_vec(&sealed).expect("texts are JSON");
        let sealed = key.seal(&context(&entry_id), &plain);
        let filled = |row: Row| {
            row.set("tenant_id", tenant.as_str())
                .set("subject", record.subject.as_str())
                .set("at", Value::Time(at_ms))
                .set("entry_id", entry_id.as_str())
                .set("actor", record.actor.as_str())
                .set("action", record.action.as_str())
                .set("event_id", record.event_id.as_str())
                .set("sealed", sealed.as_slice())
        };
        let day = at_ms.div_euclid(DAY_MS);
        let index = Row::new(&AUDIT_DAYS_BY_TENANT).set("tenant_id", tenant.as_str()).set("day", day);
        let writes = [index, filled(Row::new(&AUDIT_BY_DAY).set("day", day)), filled(Row::new(&AUDIT_BY_SUBJECT))];
        Ok(self.tables.batch_across(writes.map(Write::Put).to_vec()).await?)
    }

    /// The id and the time of the entry that this record is, or repeats.
    async fn first(&self, tenant: &TenantId, record: &AuditRecord, at_ms: i64) -> Result<(String, i64), Failure> {
        let AuditRecord { actor, action, subject, event_id, reason, detail, entry_id } = record;
        let content =
            serde_json::to_string(&[actor, action, subject, event_id, reason, detail]).expect("texts are JSON");
        let hash =
            BASE64_URL_SAFE_NO_PAD.encode(&self.vault.blind(tenant, "audit-content", &content)[..CONTENT_HASH_BYTES]);
        let row = |entry_id: &str| {
            Row::new(&AUDIT_ENTRIES_BY_ID)
                .set("tenant_id", tenant.as_str())
                .set("entry_id", entry_id)
                .set("at", Value::Time(at_ms))
                .set("content", hash.as_str())
                .set("version", 1_i64)
        };
        match self.tables.put_if_absent(row(entry_id)).await? {
            None => Ok((entry_id.clone(), at_ms)),
            Some(known) if known.text("content") == hash => Ok((entry_id.clone(), known.time("at"))),
            Some(_) => {
                let entry_id = format!("{entry_id}-{hash}");
                let known = self.tables.put_if_absent(row(&entry_id)).await?;
                Ok((entry_id, known.map_or(at_ms, |known| known.time("at"))))
            }
        }
    }

    /// Entries on one subject, newest first.
    pub async fn entries_on(
        &self,
        tenant: &TenantId,
        subject: &str,
        after: Option<EntryPlace>,
        limit: usize,
    ) -> Result<Vec<StoredEntry>, Failure> {
        let partition = vec![tenant.as_str().into(), subject.into()];
        let range = onwards(Range::of(&AUDIT_BY_SUBJECT, partition), after).limit(limit);
        let key = self.vault.existing(tenant, TENANT_KEY).await?;
        let rows = self.tables.range(range).await?.rows;
        Ok(rows.iter().map(|row| read(row, subject, key.as_ref())).collect())
    }

    /// Entries of all subjects, newest first.
    pub async fn entries(
        &self,
        tenant: &TenantId,
        mut after: Option<EntryPlace>,
        limit: usize,
    ) -> Result<Vec<StoredEntry>, Failure> {
        let key = self.vault.existing(tenant, TENANT_KEY).await?;
        let mut days = Range::of(&AUDIT_DAYS_BY_TENANT, vec![tenant.as_str().into()]).reverse().limit(DAYS_AT_ONCE);
        if let Some(place) = &after {
            days = days.to(vec![place.at_ms.div_euclid(DAY_MS).into()]);
        }
        let mut entries = Vec::new();
        loop {
            let page = self.tables.range(days.clone()).await?;
            for day in page.rows.iter().map(|row| row.int("day")) {
                // Only the first day can hold entries that the page before has shown.
                let after = after.take_if(|place| place.at_ms.div_euclid(DAY_MS) == day);
                let partition = vec![tenant.as_str().into(), day.into()];
                let range = onwards(Range::of(&AUDIT_BY_DAY, partition), after).limit(limit - entries.len());
                let rows = self.tables.range(range).await?.rows;
                entries.extend(rows.iter().map(|row| read(row, row.text("subject"), key.as_ref())));
                if entries.len() >= limit {
                    return Ok(entries);
                }
            }
            match page.next {
                Some(next) => days = days.after(next),
                None => return Ok(entries),
            }
        }
    }
}

fn onwards(range: Range, after: Option<EntryPlace>) -> Range {
    let range = range.reverse();
    match after {
        Some(place) => range.after(vec![Value::Time(place.at_ms), place.id.into()]),
        None => range,
    }
}

/// Both tables have the same columns but for the subject. What does not open any more reads as empty.
fn read(row: &Row, subject: &str, key: Option<&DataKey>) -> StoredEntry {
    let entry_id = row.text("entry_id").to_owned();
    let plain = key.and_then(|key| key.open(&context(&entry_id), row.bytes("sealed")));
    let sealed: Sealed = plain.and_then(|plain| serde_json::from_slice(&plain).ok()).unwrap_or_default();
    let record = AuditRecord {
        actor: row.text("actor").to_owned(),
        action: row.text("action").to_owned(),
        subject: subject.to_owned(),
        event_id: row.text("event_id").to_owned(),
        reason: sealed.reason,
        detail: sealed.detail,
        entry_id,
    };
    StoredEntry { at_ms: row.time("at"), record }
}

fn context(entry_id: &str) -> String {
    format!("audit/{entry_id}")
}
