//! Retention once a day for tenants that have chosen a policy, and at once when somebody asks. Any number of processes look; one of them
//! takes a tenant by a claim that runs out, so a process that dies is followed by another. Two at once would do no harm: what is cleared
//! is cleared.

use std::time::Duration;

use turnout_platform::{failure::Failure, ids::TenantId, lifecycle::Lifecycle};

use super::DAY_MS;
use crate::{registrants::Registrants, store::retention::DueRun};

/// Between two looks at whose day has come, at most and at least: a look comes when the next is due.
const LOOK_INTERVAL: Duration = Duration::from_mins(10);
const LOOK_INTERVAL_MIN: Duration = Duration::from_secs(1);
/// The same when a look, or a policy, came to no end.
const LOOK_RETRY: Duration = Duration::from_secs(10);
/// A claim that is not renewed for so long is anybody's. Far longer than a step of a removal takes.
const CLAIM_MS: i64 = 60 * 1000;
/// Reading alone renews a claim that lasts for less than this.
const CLAIM_LEFT_MS: i64 = CLAIM_MS / 2;
/// How often asking is tried again when a process changes the same row at the same moment.
const HURRY_TRIES_MAX: usize = 5;
/// As the audit log names this service.
const ACTOR: &str = "service:registration";

/// A tenant that this process works for.
pub(super) struct Claimed {
    run: DueRun,
    until_ms: i64,
}

impl Claimed {
    pub fn tenant(&self) -> &TenantId {
        &self.run.tenant
    }
}

/// Looks until the process stops, the first time at once. What is asked for does not wait behind the day's work.
pub(crate) fn run_daily(registrants: Registrants, life: &Lifecycle) {
    let (daily, stopping) = (registrants.clone(), life.stopping());
    life.spawn("retention", async move {
        let look = async {
            loop {
                tokio::time::sleep(daily.apply_all().await).await;
            }
        };
        tokio::select! {
            () = stopping => Ok(()),
            () = look => Ok(()),
        }
    });
    let stopping = life.stopping();
    life.spawn("retention by call", async move {
        let work = async {
            loop {
                registrants.removal_asked.notified().await;
                while registrants.apply_all().await == LOOK_RETRY {
                    tokio::time::sleep(LOOK_RETRY).await;
                }
            }
        };
        tokio::select! {
            () = stopping => Ok(()),
            () = work => Ok(()),
        }
    });
}

impl Registrants {
    /// Applies what is due, and says when to look again.
    async fn apply_all(&self) -> Duration {
        let (due, next_ms) = match self.store.due_runs(self.at_ms()).await {
            Ok(found) => found,
            Err(failure) => {
                tracing::warn!(%failure, "it is not known for whom retention is over; retrying");
                return LOOK_RETRY;
            }
        };
        let next = next_ms.map(|at_ms| Duration::from_millis((at_ms - self.at_ms()).max(0).unsigned_abs()));
        let mut wait = next.unwrap_or(LOOK_INTERVAL).clamp(LOOK_INTERVAL_MIN, LOOK_INTERVAL);
        for run in due {
            let mut claimed = Claimed { run, until_ms: 0 };
            if let Err(failure) = self.apply_due(&mut claimed).await {
                wait = LOOK_RETRY;
                tracing::warn!(%failure, tenant = %claimed.tenant(), "retention was not applied to its end; retrying");
                // If this fails too, the claim runs out.
                let _ = self.claim(&mut claimed, 0).await;
            }
        }
        wait
    }

    async fn apply_due(&self, claimed: &mut Claimed) -> Result<(), Failure> {
        loop {
            // The policy first: one that is stored later has been postponed before, and then the claim fails.
            let settings = self.roll.settings_of(claimed.tenant()).await?;
            if !self.claim_again(claimed).await? {
                return Ok(());
            }
            if settings.retention_days > 0 {
                let day = self.at_ms().div_euclid(DAY_MS).to_string();
                if !self.remove_due(claimed, settings, ACTOR, day).await? {
                    continue;
                }
            }
            if !self.claim(claimed, DAY_MS).await? {
                return Ok(());
            }
            // Whoever asks later finds that nobody is at it.
            let asked = self.store.removal(claimed.tenant()).await?;
            if !asked.is_some_and(|asked| settings.retention_days > 0 && asked.goes_on(settings.retention_days)) {
                return Ok(());
            }
        }
    }

    /// Some process is to look at the tenant now, unless one has it.
    pub(super) async fn hurry(&self, tenant: &TenantId) -> Result<(), Failure> {
        for _ in 0..HURRY_TRIES_MAX {
            // Clocks of processes may be apart: far more than a claim, far less than a day.
            let (now_ms, soon_ms) = (self.at_ms(), self.at_ms() + 2 * CLAIM_MS);
            if self.store.hurry_run(tenant, now_ms, soon_ms).await? {
                self.removal_asked.notify_one();
                return Ok(());
            }
        }
        Err(Failure::Changed { what: "retention" })
    }

    /// Renews a claim that will not last.
    pub(super) async fn keep_claim(&self, claimed: &mut Claimed) -> Result<bool, Failure> {
        Ok(claimed.until_ms - self.at_ms() > CLAIM_LEFT_MS || self.claim_again(claimed).await?)
    }

    pub(super) async fn claim_again(&self, claimed: &mut Claimed) -> Result<bool, Failure> {
        self.claim(claimed, CLAIM_MS).await
    }

    /// Says when to look again; false when another process has said so, or the policy has changed.
    async fn claim(&self, claimed: &mut Claimed, for_ms: i64) -> Result<bool, Failure> {
        claimed.until_ms = self.at_ms() + for_ms;
        self.store.claim_run(&mut claimed.run, claimed.until_ms).await
    }
}
