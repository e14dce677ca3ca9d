//! When retention is next to be looked for, tenant by tenant, and how far it has cleared each event. The policy itself is in the
//! registrant settings; a tenant that has taken it back stays here and costs a look a day.

use turnout_platform::{
    failure::Failure,
    ids::{EventId, TenantId},
    tables::{PutIf, Range, Row, Table, Value, int, text, time},
};

use super::Store;

/// One partition: a row of some 100 bytes for each tenant that ever had a policy, read every few minutes.
pub(super) static RETENTION_RUNS: Table = Table {
    name: "retention_runs",
    question: "For which tenants has somebody to look whether retention is over, and when?",
    partition: &[text("of")],
    clustering: &[text("tenant_id")],
    columns: &[time("due_at"), int("version")],
    lifetime_s: None,
};

/// The only partition.
const OF: &str = "registrants";

/// What is cleared holds for one version of the event: one that went on has new registrations.
pub(super) static RETENTION_BY_EVENT: Table = Table {
    name: "retention_by_event",
    question: "How many shards of this event's registrations are cleared, and when may something personal have come again?",
    partition: &[text("event_id")],
    clustering: &[],
    columns: &[int("event_version"), int("shards"), time("touched_at"), int("version")],
    lifetime_s: None,
};

/// A tenant whose day has come, as it was read.
pub(crate) struct DueRun {
    pub tenant: TenantId,
    version: i64,
}

/// How far an event is cleared.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cleared {
    pub event_version: i64,
    /// These of its shards, from the first.
    pub shards: i64,
    /// When something personal may have come last, in milliseconds since 1970; 0 for never.
    pub touched_at_ms: i64,
    /// 0 before there is a row.
    version: i64,
}

impl Store {
    /// Whose day has come, and when the next one's comes.
    pub async fn due_runs(&self, now_ms: i64) -> Result<(Vec<DueRun>, Option<i64>), Failure> {
        let (mut due, mut next_ms, mut after) = (Vec::new(), None::<i64>, None::<Vec<Value>>);
        loop {
            let mut range = Range::of(&RETENTION_RUNS, vec![OF.into()]);
            if let Some(after) = after {
                range = range.after(after);
            }
            let page = self.tables.range(range).await?;
            for row in &page.rows {
                let due_at_ms = row.time("due_at");
                if due_at_ms > now_ms {
                    next_ms = Some(next_ms.map_or(due_at_ms, |before| before.min(due_at_ms)));
                    continue;
                }
                let Ok(tenant) = row.text("tenant_id").parse() else {
                    tracing::error!(tenant = row.text("tenant_id"), "a tenant whose retention is due cannot be read");
                    continue;
                };
                due.push(DueRun { tenant, version: row.int("version") });
            }
            after = page.next;
            if after.is_none() {
                return Ok((due, next_ms));
            }
        }
    }

    /// Says when to look again; false when somebody else has said so meanwhile.
    pub async fn claim_run(&self, due: &mut DueRun, due_at_ms: i64) -> Result<bool, Failure> {
        let row = run_row(&due.tenant, due_at_ms, due.version + 1);
        let is_stored = self.tables.put_if_version(row, due.version).await? == PutIf::Stored;
        due.version += i64::from(is_stored);
        Ok(is_stored)
    }

    /// Says when to look at a tenant, whatever was said before; false when somebody else says so at the same moment.
    pub async fn postpone_run(&self, tenant: &TenantId, due_at_ms: i64) -> Result<bool, Failure> {
        let Some(found) = self.tables.put_if_absent(run_row(tenant, due_at_ms, 1)).await? else { return Ok(true) };
        let before = found.int("version");
        Ok(self.tables.put_if_version(run_row(tenant, due_at_ms, before + 1), before).await? == PutIf::Stored)
    }

    /// Says that now is the time to look at a tenant, unless it comes before `soon_ms` anyway; false when somebody else says something at
    /// the same moment.
    pub async fn hurry_run(&self, tenant: &TenantId, now_ms: i64, soon_ms: i64) -> Result<bool, Failure> {
        let Some(found) = self.tables.put_if_absent(run_row(tenant, now_ms, 1)).await? else { return Ok(true) };
        if found.time("due_at") <= soon_ms {
            return Ok(true);
        }
        let before = found.int("version");
        Ok(self.tables.put_if_version(run_row(tenant, now_ms, before + 1), before).await? == PutIf::Stored)
    }

    /// How far an event is cleared.
    pub async fn cleared(&self, event: &EventId) -> Result<Cleared, Failure> {
        let row = self.tables.get(&RETENTION_BY_EVENT, vec![event.as_str().into()]).await?;
        Ok(row.map_or_else(Cleared::default, |row| Cleared {
            event_version: row.int("event_version"),
            shards: row.int("shards"),
            touched_at_ms: row.time("touched_at"),
            version: row.int("version"),
        }))
    }

    /// Puts it in the place of what was read; false when something else was there.
    pub async fn replace_cleared(&self, event: &EventId, cleared: &mut Cleared) -> Result<bool, Failure> {
        let before = cleared.version;
        cleared.version += 1;
        let row = Row::new(&RETENTION_BY_EVENT)
            .set("event_id", event.as_str())
            .set("event_version", cleared.event_version)
            .set("shards", cleared.shards)
            .set("touched_at", Value::Time(cleared.touched_at_ms))
            .set("version", cleared.version);
        Ok(match before {
            0 => self.tables.put_if_absent(row).await?.is_none(),
            before => self.tables.put_if_version(row, before).await? == PutIf::Stored,
        })
    }
}

fn run_row(tenant: &TenantId, due_at_ms: i64, version: i64) -> Row {
    Row::new(&RETENTION_RUNS)
        .set("of", OF)
        .set("tenant_id", tenant.as_str())
        .set("due_at", Value::Time(due_at_ms))
        .set("version", version)
}
