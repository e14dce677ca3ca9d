//! The team of each tenant, in one row.

use turnout_platform::{failure::Failure, ids::TenantId, tables::Row};

use super::{CHANGE_TRIES_MAX, Store, TEAMS_BY_TENANT, unreadable};
use crate::accounts::domain::teams::Team;

impl Store {
    /// The team; empty when there is none.
    pub async fn team(&self, tenant: &TenantId) -> Result<Team, Failure> {
        let Some(row) = self.tables.get(&TEAMS_BY_TENANT, vec![tenant.as_str().into()]).await? else {
            return Ok(Team::default());
        };
        Team::decode(row.text("members"), row.int("version")).ok_or_else(|| unreadable(&row))
    }

    /// Changes the team; the team after it. `change` may run several times, each on the latest.
    pub async fn change_team(
        &self,
        tenant: &TenantId,
        change: impl Fn(Team) -> Result<Team, Failure>,
    ) -> Result<Team, Failure> {
        for _ in 0..CHANGE_TRIES_MAX {
            let team = self.team(tenant).await?;
            let expected = team.version;
            let changed = Team { version: expected + 1, ..change(team)? };
            let row = Row::new(&TEAMS_BY_TENANT)
                .set("tenant_id", tenant.as_str())
                .set("members", changed.encode())
                .set("version", changed.version);
            if self.put_version(row, expected).await? {
                return Ok(changed);
            }
        }
        Err(Failure::Changed { what: "team" })
    }
}
