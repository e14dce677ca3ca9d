//! When retention is next to be looked for, tenant by tenant: which tenants have ever chosen a policy, and which process looks now. The
//! policy itself is in the registrant settings; a tenant that has taken it back stays here and costs a look a day.

use turnout_platform::{
    failure::Failure,
    ids::TenantId,
    tables::{PutIf, Range, Row, Table, Value, int, text, time},
};

use super::DAY_MS;
use crate::{registrants::Registrants, roll::Roll};

/// How often a postponement is tried again when a process changes the same row at the same moment.
const POSTPONE_TRIES_MAX: usize = 5;

/// One partition: a row of some 100 bytes for each tenant with a policy, read every few minutes.
pub(crate) static RETENTION_RUNS: Table = Table {
    name: "retention_runs",
    question: "For which tenants has somebody to look whether retention is over, and when?",
    partition: &[text("of")],
    clustering: &[text("tenant_id")],
    columns: &[time("due_at"), int("version")],
    lifetime_s: None,
};

/// The only partition.
const OF: &str = "registrants";

/// A tenant whose day has come, as it was read.
pub(super) struct Due {
    pub tenant: TenantId,
    version: i64,
}

impl Roll {
    /// A policy was chosen, or another: nothing is removed by it before a day has passed, so that it can be taken back.
    pub async fn postpone_retention(&self, tenant: &TenantId) -> Result<(), Failure> {
        let due_at_ms = self.clock().at_ms() as i64 + DAY_MS;
        for _ in 0..POSTPONE_TRIES_MAX {
            let Some(found) = self.tables().put_if_absent(row(tenant, due_at_ms, 1)).await? else { return Ok(()) };
            let before = found.int("version");
            if self.tables().put_if_version(row(tenant, due_at_ms, before + 1), before).await? == PutIf::Stored {
                return Ok(());
            }
        }
        Err(Failure::Changed { what: "retention" })
    }
}

impl Registrants {
    /// Whose day has come.
    pub(super) async fn due_runs(&self) -> Result<Vec<Due>, Failure> {
        let now_ms = self.clock.at_ms() as i64;
        let (mut due, mut after): (Vec<Due>, Option<Vec<Value>>) = (Vec::new(), None);
        loop {
            let mut range = Range::of(&RETENTION_RUNS, vec![OF.into()]);
            if let Some(after) = after {
                range = range.after(after);
            }
            let page = self.roll.tables().range(range).await?;
            for row in page.rows.iter().filter(|row| row.time("due_at") <= now_ms) {
                let tenant = row.text("tenant_id").parse().map_err(Failure::internal)?;
                due.push(Due { tenant, version: row.int("version") });
            }
            after = page.next;
            if after.is_none() {
                return Ok(due);
            }
        }
    }

    /// Says when to look again; false when another process has said so, or the policy has changed.
    pub(super) async fn claim(&self, due: &mut Due, for_ms: i64) -> Result<bool, Failure> {
        let (before, due_at_ms) = (due.version, self.clock.at_ms() as i64 + for_ms);
        due.version += 1;
        let row = row(&due.tenant, due_at_ms, due.version);
        Ok(self.roll.tables().put_if_version(row, before).await? == PutIf::Stored)
    }
}

fn row(tenant: &TenantId, due_at_ms: i64, version: i64) -> Row {
    Row::new(&RETENTION_RUNS)
        .set("of", OF)
        .set("tenant_id", tenant.as_str())
        .set("due_at", Value::Time(due_at_ms))
        .set("version", version)
}
