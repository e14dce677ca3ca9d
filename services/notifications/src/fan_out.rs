//! Work over all registrants of an event: news of a move or a cancellation, reminders planned anew. Kept as a row with how far it is,
//! under a lease, so that it goes on wherever its process ended; each step may be repeated.
//!
//! All reminders of an event are planned for one start. An event that changes while the work goes on is gone through once more.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use turnout_platform::{
    failure::Failure,
    ids::{EventId, TenantId},
    tables::{PutIf, Row, Value},
};
use turnout_proto::registration::v1::{Event, Registration, RegistrationState};

use crate::{
    compose::starts_at_ms,
    domain::{message::Kind, plan},
    planner::Planner,
    store::{FAN_OUTS_BY_EVENT, Target},
};

/// Who does the work has so long for a page before another may go on with it.
const LEASE_MS: i64 = 120_000;
/// Registrations that are planned at the same time.
const AT_ONCE: usize = 8;
/// Work for an event that changed in a way that nobody need be told: only its start is of interest.
pub(crate) const DETAILS: &str = "details";

/// The work over all registrants. A clone is another handle on the same.
#[derive(Clone)]
pub(crate) struct FanOuts {
    pub planner: Planner,
}

/// What there is of a piece of work.
pub(crate) enum Taken {
    /// It is this process's.
    Held(Held),
    /// Somebody else has it until then.
    Until { ms: i64 },
    /// It is done.
    Done,
    /// It is not written down, or not yet.
    Missing,
}

/// Work that this process holds.
pub(crate) struct Held {
    tenant: TenantId,
    event: EventId,
    name: String,
    page_token: String,
    version: i64,
}

impl FanOuts {
    /// Writes down that there is work; the same word and version are the same work.
    pub async fn begin(&self, tenant: &TenantId, event: &EventId, word: &str, version: i64) -> Result<Target, Failure> {
        let name = format!("{word}-{version}");
        let target = Target::FanOut { event: event.clone(), name: name.clone() };
        let now_ms = self.now_ms();
        self.planner.store.look_at(tenant, &target, now_ms, now_ms).await?;
        let held = Held { tenant: tenant.clone(), event: event.clone(), name, page_token: String::new(), version: 1 };
        self.planner.store.tables().put_if_absent(row(&held, false, 0)).await?;
        Ok(target)
    }

    /// Takes the work, if there is any and nobody holds it.
    pub async fn take(&self, tenant: &TenantId, event: &EventId, name: &str) -> Result<Taken, Failure> {
        let key = vec![tenant.as_str().into(), event.as_str().into(), name.into()];
        let now_ms = self.now_ms();
        let Some(found) = self.planner.store.tables().get(&FAN_OUTS_BY_EVENT, key).await? else {
            return Ok(Taken::Missing);
        };
        if found.flag("done") {
            return Ok(Taken::Done);
        }
        if now_ms < found.time("lease_until") {
            return Ok(Taken::Until { ms: found.time("lease_until") });
        }
        let mut held = Held {
            tenant: tenant.clone(),
            event: event.clone(),
            name: name.to_owned(),
            page_token: found.text("page_token").to_owned(),
            version: found.int("version"),
        };
        let ours = self.keep(&mut held, false).await?;
        Ok(if ours { Taken::Held(held) } else { Taken::Until { ms: now_ms + LEASE_MS } })
    }

    /// Does the work to its end.
    pub async fn run(&self, mut held: Held) -> Result<(), Failure> {
        // For which start the registrants so far were planned; none where that is not one, or where another process planned for the
        // first of them.
        let (mut planned_for_ms, mut is_fresh) = (None, true);
        while let Some(event) = self.planner.upstream.event(&held.tenant, &held.event).await? {
            let starts_ms = starts_at_ms(&event);
            if held.page_token.is_empty() {
                let is_settled = self.planner.store.planned_start(&held.tenant, &held.event).await? == Some(starts_ms);
                let all_said =
                    if is_fresh { held.name.starts_with(DETAILS) } else { planned_for_ms == Some(starts_ms) };
                if is_settled && all_said {
                    break;
                }
                planned_for_ms = Some(starts_ms);
            } else if planned_for_ms != Some(starts_ms) {
                planned_for_ms = None;
            }
            is_fresh = false;
            let page = self.planner.upstream.registrations(&held.tenant, &held.event, held.page_token.clone()).await;
            let (registrations, next) = match page {
                Err(Failure::Internal(_)) if !held.page_token.is_empty() => {
                    // A token that is not understood any more: from the start, which repeats and loses nothing.
                    held.page_token.clear();
                    planned_for_ms = None;
                    continue;
                }
                page => page?,
            };
            stream::iter(registrations)
                .map(|registration| self.one(&held, &event, registration))
                .buffer_unordered(AT_ONCE)
                .try_collect::<()>()
                .await?;
            if next.is_empty() && planned_for_ms == Some(starts_ms) {
                self.planner.store.set_planned_start(&held.tenant, &held.event, starts_ms).await?;
            }
            held.page_token = next;
            if !self.keep(&mut held, false).await? {
                return Ok(());
            }
        }
        self.keep(&mut held, true).await?;
        Ok(())
    }

    async fn one(&self, held: &Held, event: &Event, registration: Registration) -> Result<(), Failure> {
        if registration.state() == RegistrationState::Cancelled {
            return Ok(());
        }
        let Held { tenant, name, .. } = held;
        let (word, version) = name.rsplit_once('-').unwrap_or((name, "0"));
        let version: i64 = version.parse().unwrap_or_default();
        let kind = match word {
            "moved" => Some(Kind::Change),
            "cancelled" => Some(Kind::Cancellation),
            _ => None,
        };
        if let Some(kind) = kind {
            let news = plan::news(kind, version, true, starts_at_ms(event), self.now_ms());
            self.planner.tell(tenant, event, &registration, &news).await?;
        }
        self.planner.plan_reminders(tenant, event, &registration).await
    }

    /// Writes down how far the work is and holds it on; false when another has it.
    async fn keep(&self, held: &mut Held, done: bool) -> Result<bool, Failure> {
        let (now_ms, expected) = (self.now_ms(), held.version);
        let lease_until_ms = now_ms + LEASE_MS;
        if !done {
            let target = Target::FanOut { event: held.event.clone(), name: held.name.clone() };
            self.planner.store.look_at(&held.tenant, &target, lease_until_ms, now_ms).await?;
        }
        held.version += 1;
        let kept = self.planner.store.tables().put_if_version(row(held, done, lease_until_ms), expected).await?;
        Ok(kept == PutIf::Stored)
    }

    fn now_ms(&self) -> i64 {
        self.planner.clock.at_ms() as i64
    }
}

fn row(held: &Held, done: bool, lease_until_ms: i64) -> Row {
    Row::new(&FAN_OUTS_BY_EVENT)
        .set("tenant_id", held.tenant.as_str())
        .set("event_id", held.event.as_str())
        .set("name", held.name.as_str())
        .set("page_token", held.page_token.as_str())
        .set("done", done)
        .set("lease_until", Value::Time(lease_until_ms))
        .set("version", held.version)
}
