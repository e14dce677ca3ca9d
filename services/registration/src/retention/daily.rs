//! Retention once a day, for tenants that have chosen a policy. Any number of processes look; one of them takes a tenant by a claim that
//! runs out, so a process that dies is followed by another. Two at once would do no harm: what is cleared is cleared.

use std::time::Duration;

use turnout_platform::{failure::Failure, lifecycle::Lifecycle};

use super::{DAY_MS, Run};
use crate::{registrants::Registrants, store::retention::DueRun};

/// Between two looks at whose day has come.
const LOOK_INTERVAL: Duration = Duration::from_mins(10);
/// The same when a look, or a policy, came to no end.
const LOOK_RETRY: Duration = Duration::from_secs(10);
/// A claim that is not renewed for so long is anybody's. Far longer than a batch takes.
const CLAIM_MS: i64 = 15 * 60 * 1000;
/// Between two batches: others want the store too.
const BATCH_PAUSE: Duration = Duration::from_millis(500);
/// As the audit log names this service.
const ACTOR: &str = "service:registration";

/// Looks until the process stops, the first time at once.
pub(crate) fn run_daily(registrants: Registrants, life: &Lifecycle) {
    let stopping = life.stopping();
    life.spawn("retention", async move {
        let look = async {
            loop {
                let wait = if registrants.apply_all().await { LOOK_INTERVAL } else { LOOK_RETRY };
                tokio::time::sleep(wait).await;
            }
        };
        tokio::select! {
            () = stopping => Ok(()),
            () = look => Ok(()),
        }
    });
}

impl Registrants {
    /// Applies what is due. Whether all of it came to its end, here or in another process.
    async fn apply_all(&self) -> bool {
        let due = match self.store.due_runs(self.at_ms()).await {
            Ok(due) => due,
            Err(failure) => {
                tracing::warn!(%failure, "it is not known for whom retention is over; retrying");
                return false;
            }
        };
        let mut all = true;
        for mut due in due {
            if let Err(failure) = self.apply_daily(&mut due).await {
                all = false;
                tracing::warn!(%failure, tenant = %due.tenant, "retention was not applied to its end; retrying");
                // If this fails too, the claim runs out.
                let _ = self.claim(&mut due, 0).await;
            }
        }
        all
    }

    async fn apply_daily(&self, due: &mut DueRun) -> Result<(), Failure> {
        let day = self.at_ms().div_euclid(DAY_MS);
        let run = Run { actor: ACTOR.to_owned(), name: day.to_string(), only_says: false };
        let mut after = None;
        loop {
            // The policy first: one that is stored later has been postponed before, and then the claim fails. Claimed anew before each
            // batch, so that a policy which has changed meanwhile is not applied before its day.
            let settings = self.roll.settings_of(&due.tenant).await?;
            if !self.claim(due, CLAIM_MS).await? {
                return Ok(());
            }
            let batch = self.apply_retention(&due.tenant, settings, &run, after).await?;
            if batch.is_last {
                self.claim(due, DAY_MS).await?;
                return Ok(());
            }
            after = batch.after;
            tokio::time::sleep(BATCH_PAUSE).await;
        }
    }

    /// Says when to look again; false when another process has said so, or the policy has changed.
    async fn claim(&self, due: &mut DueRun, for_ms: i64) -> Result<bool, Failure> {
        self.store.claim_run(due, self.at_ms() + for_ms).await
    }
}
