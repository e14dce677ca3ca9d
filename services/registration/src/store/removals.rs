//! The last removal of each tenant for which there was anything to do: how far it is, or how it ended. It is what a process goes on with
//! after another died.

use turnout_platform::{
    failure::Failure,
    ids::TenantId,
    tables::{PutIf, Row, Table, Value, int, text, time},
};

use super::Store;

pub(super) static RETENTION_REMOVALS: Table = Table {
    name: "retention_removals",
    question: "How far is the removal of this tenant's personal data that was due?",
    partition: &[text("tenant_id")],
    clustering: &[],
    columns: &[
        text("name"),
        text("actor"),
        int("settings_version"),
        int("retention_days"),
        time("began_at"),
        time("ended_at"),
        int("due"),
        int("removed"),
        int("unreadable"),
        int("version"),
    ],
    lifetime_s: None,
};

/// Stands for what is not counted yet.
const UNCOUNTED: i64 = -1;

/// One removal.
#[derive(Debug, Clone)]
pub(crate) struct Removal {
    /// The same name is one entry in the audit log for each event, however often it was begun anew.
    pub name: String,
    /// As the audit log names them.
    pub actor: String,
    pub settings_version: i64,
    /// Under another number of days nobody goes on with it.
    pub retention_days: i64,
    pub began_at_ms: i64,
    pub ended_at_ms: Option<i64>,
    /// Registrations to clear; none before they are counted.
    pub due: Option<i64>,
    pub removed: i64,
    /// Rows that could not be read, and so stay.
    pub unreadable: i64,
    /// 0 before there is a row.
    pub version: i64,
}

impl Removal {
    /// Whether there is something to go on with under this number of days.
    pub fn goes_on(&self, retention_days: i64) -> bool {
        self.ended_at_ms.is_none() && self.retention_days == retention_days
    }
}

impl Store {
    /// The tenant's last removal.
    pub async fn removal(&self, tenant: &TenantId) -> Result<Option<Removal>, Failure> {
        let row = self.tables.get(&RETENTION_REMOVALS, vec![tenant.as_str().into()]).await?;
        Ok(row.map(|row| Removal {
            name: row.text("name").to_owned(),
            actor: row.text("actor").to_owned(),
            settings_version: row.int("settings_version"),
            retention_days: row.int("retention_days"),
            began_at_ms: row.time("began_at"),
            ended_at_ms: Some(row.time("ended_at")).filter(|at_ms| *at_ms != 0),
            due: Some(row.int("due")).filter(|due| *due != UNCOUNTED),
            removed: row.int("removed"),
            unreadable: row.int("unreadable"),
            version: row.int("version"),
        }))
    }

    /// Puts it in the place of the version that was read; false when something else was there.
    pub async fn replace_removal(&self, tenant: &TenantId, removal: &mut Removal) -> Result<bool, Failure> {
        let before = removal.version;
        removal.version += 1;
        // A put leaves what it does not set as it was: what is none is written too.
        let row = Row::new(&RETENTION_REMOVALS)
            .set("tenant_id", tenant.as_str())
            .set("name", removal.name.as_str())
            .set("actor", removal.actor.as_str())
            .set("settings_version", removal.settings_version)
            .set("retention_days", removal.retention_days)
            .set("began_at", Value::Time(removal.began_at_ms))
            .set("ended_at", Value::Time(removal.ended_at_ms.unwrap_or_default()))
            .set("due", removal.due.unwrap_or(UNCOUNTED))
            .set("removed", removal.removed)
            .set("unreadable", removal.unreadable)
            .set("version", removal.version);
        Ok(match before {
            0 => self.tables.put_if_absent(row.clone()).await?.is_none_or(|found| found == row),
            before => match self.tables.put_if_version(row.clone(), before).await? {
                PutIf::Stored => true,
                // Its own row, if the store was asked twice.
                PutIf::Differs(found) => found.as_ref() == Some(&row),
            },
        })
    }
}
