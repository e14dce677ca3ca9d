//! Work over all registrants of an event: news of a move or a cancellation, reminders planned anew. Kept as a row with how far it is,
//! under a lease, so that it goes on wherever its process ended; each step may be repeated.
//!
//! All reminders of an event are planned for one start. An event that changes while the work goes on is gone through once more.
//!
//! An announcement may be of a change that was then not stored. Work for such a one tells nobody and is noted as in vain, so that the
//! announcement of the real change, which has the same version, begins it anew.

use std::sync::Arc;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use turnout_platform::{
    failure::Failure,
    ids::{EventId, TenantId},
    lifecycle::Lifecycle,
    tables::{PutIf, Row, Value},
};
use turnout_proto::registration::v1::{Event, EventState, Registration, RegistrationState};

use crate::{
    compose::starts_at_ms,
    domain::{life::REFUSED_MAX_MS, message::Kind, plan},
    metrics::Metrics,
    planner::Planner,
    store::{FAN_OUTS_BY_EVENT, Target},
    upstream::{self, Refusal},
};

/// Who does the work has so long for a page before another may go on with it.
const LEASE_MS: i64 = 120_000;
/// Registrations that are planned at the same time, for each event.
const AT_ONCE: usize = 8;
/// Events that a process works on at the same time; others wait.
const EVENTS_AT_ONCE_MAX: usize = 4;
/// Work for an event that changed in a way that nobody need be told: only its start is of interest.
pub(crate) const DETAILS: &str = "details";

/// The work over all registrants. A clone is another handle on the same.
#[derive(Clone)]
pub(crate) struct FanOuts {
    planner: Planner,
    turns: Arc<Semaphore>,
    metrics: Metrics,
    life: Lifecycle,
}

/// What there is of a piece of work.
pub(crate) enum Taken {
    /// It is this process's.
    Held(Held),
    /// This process has enough to do.
    Busy,
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
    /// Since when another service refuses what the work needs.
    refused_at_ms: Option<i64>,
    version: i64,
    _turn: OwnedSemaphorePermit,
}

/// How far a piece of work is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    UnderWay,
    Done,
    /// Done, for a change that did not happen.
    Vain,
    /// Another service refused for too long what it needs. Like one in vain: an announcement begins it anew.
    GivenUp,
}

/// What a piece of work is for, as its name says.
#[derive(Clone, Copy)]
struct Purpose {
    /// What everybody is told; none for work of which only the planning is of interest.
    kind: Option<Kind>,
    /// The event's version that the change leads to.
    version: i64,
}

impl Purpose {
    fn of(name: &str) -> Self {
        let (word, version) = name.rsplit_once('-').unwrap_or((name, "0"));
        let kind = match word {
            "moved" => Some(Kind::Change),
            "cancelled" => Some(Kind::Cancellation),
            _ => None,
        };
        Self { kind, version: version.parse().unwrap_or_default() }
    }

    /// Whether the event is not, or not any more, what would be told.
    fn is_over(self, event: &Event) -> bool {
        match self.kind {
            Some(Kind::Cancellation) => event.state() != EventState::Cancelled,
            Some(_) => event.state() == EventState::Cancelled,
            None => false,
        }
    }
}

impl FanOuts {
    pub fn new(planner: Planner, metrics: Metrics, life: Lifecycle) -> Self {
        Self { planner, turns: Arc::new(Semaphore::new(EVENTS_AT_ONCE_MAX)), metrics, life }
    }

    /// Writes down that there is work; the same word and version are the same work.
    pub async fn begin(&self, tenant: &TenantId, event: &EventId, word: &str, version: i64) -> Result<Target, Failure> {
        self.begin_named(tenant, event, format!("{word}-{version}")).await
    }

    async fn begin_named(&self, tenant: &TenantId, event: &EventId, name: String) -> Result<Target, Failure> {
        let target = Target::FanOut { event: event.clone(), name: name.clone() };
        let now_ms = self.now_ms();
        self.planner.store.look_at(tenant, &target, now_ms, now_ms).await?;
        let fresh = |version| row(tenant, event, (&name, ""), Progress::UnderWay, (0, None)).set("version", version);
        let found = self.planner.store.tables().put_if_absent(fresh(1_i64)).await?;
        if let Some(vain) = found.filter(|found| found.flag("vain")) {
            // Whoever was faster has begun it.
            let version = vain.int("version");
            self.planner.store.tables().put_if_version(fresh(version + 1), version).await?;
        }
        Ok(target)
    }

    /// Takes the work, if there is any and nobody holds it.
    pub async fn take(&self, tenant: &TenantId, event: &EventId, name: &str) -> Result<Taken, Failure> {
        let Ok(turn) = self.turns.clone().try_acquire_owned() else { return Ok(Taken::Busy) };
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
            refused_at_ms: found.opt_time("refused_at").filter(|at_ms| *at_ms != 0),
            version: found.int("version"),
            _turn: turn,
        };
        let ours = self.keep(&mut held, Progress::UnderWay).await?;
        Ok(if ours { Taken::Held(held) } else { Taken::Until { ms: now_ms + LEASE_MS } })
    }

    /// Does the work to its end, or until this process ends: somebody else goes on with it after its lease.
    pub async fn run(&self, mut held: Held) -> Result<(), Failure> {
        match self.go_through(&mut held).await {
            Err(failure) => match upstream::refusal(&failure) {
                Some(refusal) => self.was_refused(&mut held, refusal).await,
                None => Err(failure),
            },
            done => done,
        }
    }

    /// It is tried again after its lease, for so long.
    async fn was_refused(&self, held: &mut Held, refusal: Refusal) -> Result<(), Failure> {
        let now_ms = self.now_ms();
        let since_ms = *held.refused_at_ms.get_or_insert(now_ms);
        let is_over = now_ms - since_ms >= REFUSED_MAX_MS;
        let is_kept = self.keep(held, if is_over { Progress::GivenUp } else { Progress::UnderWay }).await?;
        let Held { event, name, .. } = &*held;
        if is_kept && is_over {
            self.metrics.given_up("fan_outs");
            tracing::error!(%event, name, %refusal, "work over registrants is given up: what it needs was refused for too long");
        } else {
            tracing::warn!(%event, name, %refusal, "what work over registrants needs is refused; it is asked for again");
        }
        Ok(())
    }

    async fn go_through(&self, held: &mut Held) -> Result<(), Failure> {
        // For which start the registrants so far were planned; none where that is not one, or where another process planned for the
        // first of them.
        let (mut planned_for_ms, mut is_fresh) = (None, true);
        let mut has_begun_anew = false;
        let purpose = Purpose::of(&held.name);
        while let Some(event) = self.planner.upstream.event(&held.tenant, &held.event).await? {
            if self.life.is_stopping() {
                return Ok(());
            }
            if event.version < purpose.version {
                return self.leave_vain(held, purpose).await;
            }
            if purpose.is_over(&event) {
                break;
            }
            let starts_ms = starts_at_ms(&event);
            if held.page_token.is_empty() {
                let is_settled = self.planner.store.planned_start(&held.tenant, &held.event).await? == Some(starts_ms);
                let all_said = if is_fresh { purpose.kind.is_none() } else { planned_for_ms == Some(starts_ms) };
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
                Err(Failure::Internal(_)) if !held.page_token.is_empty() && !has_begun_anew => {
                    // A token that is not understood any more: from the start, which repeats and loses nothing. Once: what fails again
                    // fails for another reason, and is tried again later.
                    has_begun_anew = true;
                    held.page_token.clear();
                    planned_for_ms = None;
                    continue;
                }
                page => page?,
            };
            stream::iter(registrations)
                .map(|registration| self.one(held, purpose, &event, registration))
                .buffer_unordered(AT_ONCE)
                .try_collect::<()>()
                .await?;
            if next.is_empty() && planned_for_ms == Some(starts_ms) {
                self.planner.store.set_planned_start(&held.tenant, &held.event, starts_ms).await?;
            }
            held.page_token = next;
            held.refused_at_ms = None;
            if !self.keep(held, Progress::UnderWay).await? {
                return Ok(());
            }
        }
        self.keep(held, Progress::Done).await?;
        Ok(())
    }

    /// Notes that the work was in vain. What really happened meanwhile may have been announced before that was noted.
    async fn leave_vain(&self, held: &mut Held, purpose: Purpose) -> Result<(), Failure> {
        self.keep(held, Progress::Vain).await?;
        let Held { tenant, event, name, .. } = &*held;
        let now = self.planner.upstream.event(tenant, event).await?;
        if now.is_some_and(|now| now.version >= purpose.version) {
            self.begin_named(tenant, event, name.clone()).await?;
        }
        Ok(())
    }

    async fn one(
        &self,
        held: &Held,
        purpose: Purpose,
        event: &Event,
        registration: Registration,
    ) -> Result<(), Failure> {
        if registration.state() == RegistrationState::Cancelled {
            return Ok(());
        }
        if let Some(kind) = purpose.kind {
            let news = plan::news(kind, purpose.version, true, starts_at_ms(event), self.now_ms());
            self.planner.tell(&held.tenant, event, &registration, &news).await?;
        }
        self.planner.plan_reminders(&held.tenant, event, &registration).await
    }

    /// Writes down how far the work is and holds it on; false when another has it.
    async fn keep(&self, held: &mut Held, progress: Progress) -> Result<bool, Failure> {
        let (now_ms, expected) = (self.now_ms(), held.version);
        let lease_until_ms = now_ms + LEASE_MS;
        if progress == Progress::UnderWay {
            let target = Target::FanOut { event: held.event.clone(), name: held.name.clone() };
            self.planner.store.look_at(&held.tenant, &target, lease_until_ms, now_ms).await?;
        }
        held.version += 1;
        let times_ms = (lease_until_ms, held.refused_at_ms);
        let row = row(&held.tenant, &held.event, (&held.name, &held.page_token), progress, times_ms)
            .set("version", held.version);
        Ok(self.planner.store.tables().put_if_version(row, expected).await? == PutIf::Stored)
    }

    fn now_ms(&self) -> i64 {
        self.planner.clock.at_ms() as i64
    }
}

/// Without its version.
fn row(
    tenant: &TenantId,
    event: &EventId,
    (name, page_token): (&str, &str),
    progress: Progress,
    (lease_until_ms, refused_at_ms): (i64, Option<i64>),
) -> Row {
    Row::new(&FAN_OUTS_BY_EVENT)
        .set("tenant_id", tenant.as_str())
        .set("event_id", event.as_str())
        .set("name", name)
        .set("page_token", page_token)
        .set("done", progress != Progress::UnderWay)
        .set("vain", matches!(progress, Progress::Vain | Progress::GivenUp))
        .set("lease_until", Value::Time(lease_until_ms))
        // A put leaves what it does not set as it was.
        .set("refused_at", Value::Time(refused_at_ms.unwrap_or_default()))
}
