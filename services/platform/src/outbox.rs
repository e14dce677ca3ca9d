//! Tells the durable bus of what was stored, without losing any of it: the announcement is a row before the change is made.
//!
//! ```text
//! let announcement = outbox.announce(vec![(EventKind::Registration, event)]).await?;   // durable
//! match tables.put_if_absent(row).await {
//!     Ok(None) | Err(TableError::Timeout(_)) => announcement.done(),                   // the change happened, or may have
//!     Ok(Some(_)) | Err(_) => announcement.withdrawn().await,                          // it surely did not
//! }
//! ```
//!
//! At least once. It may announce a change that did not happen, and may announce one before readers see it when the change took longer
//! than [`SWEPT_AFTER`] (then it is announced again once done). So events carry ids only, and readers ask the owner for the truth.
//! It does not order events, and does not wait for the bus: a caller's answer never depends on the bus being there.

mod metrics;
mod rows;

use std::{collections::HashSet, sync::Arc, time::Duration};

use bytes::Bytes;
use prost::Message as _;
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, MissedTickBehavior},
};
use turnout_proto::events::v1::DomainEvent;

pub use self::rows::TABLES;
pub use crate::bus::EventKind;

use self::{
    metrics::OutboxMetrics,
    rows::{Entry, Key, Rows, SLOTS},
};
use crate::{
    bus::{
        durable::{self, SharedDurableBus},
        subjects,
    },
    clock::Clock,
    failure::Failure,
    ids::TenantId,
    lifecycle::{Lifecycle, TaskResult},
    random,
    tables::{BATCH_WRITES_MAX, TableError, Tables},
    telemetry::{Metrics, TraceParent},
};

/// Announcements that are done and wait to be published. Beyond it they wait as rows, for the sweeper.
const QUEUE_ANNOUNCEMENTS_MAX: usize = 1024;
/// Announcements that are published at the same time.
const PUBLISHING_MAX: usize = 32;
/// A row this old is published by whoever finds it.
pub const SWEPT_AFTER: Duration = Duration::from_secs(10);
/// An announcement that is done only after this long may have been swept before its change was made. It is told anew.
const LATE_AFTER: Duration = Duration::from_secs(8);
const _: () = assert!(LATE_AFTER.as_millis() < SWEPT_AFTER.as_millis());
/// Between two sweeps.
const SWEEP_INTERVAL: Duration = Duration::from_secs(5);
/// How far apart the clocks of a service's processes may be. Rows of a clock that is further behind wait for the next start.
const CLOCKS_APART_MAX: Duration = Duration::from_mins(10);
/// Rows that cannot be read and are told of one by one; from so many on there is no news in another.
const UNREADABLE_TOLD_MAX: usize = 1000;
/// Events of one announcement.
pub const EVENTS_MAX: usize = BATCH_WRITES_MAX;

/// The outbox of one service.
#[derive(Clone)]
pub struct Outbox {
    rows: Rows,
    clock: Arc<dyn Clock>,
    done: mpsc::Sender<Vec<Entry>>,
}

impl Outbox {
    /// Starts to publish what is announced, and what an earlier process left. Metrics are named by the service.
    pub fn start(
        service: &'static str,
        tables: Arc<dyn Tables>,
        bus: SharedDurableBus,
        clock: Arc<dyn Clock>,
        life: &Lifecycle,
        metrics: &Metrics,
    ) -> Self {
        let (done, queue) = mpsc::channel(QUEUE_ANNOUNCEMENTS_MAX);
        let rows = Rows::new(service, tables);
        let publisher = Publisher { rows: rows.clone(), bus, metrics: OutboxMetrics::new(service, metrics) };
        life.spawn("outbox publisher", publisher.clone().publish(queue, life.clone()));
        life.spawn("outbox sweeper", publisher.sweep(clock.clone(), life.clone()));
        Self { rows, clock, done }
    }

    /// Makes durable what is about to happen; fills `message_id` where it is empty. At most [`EVENTS_MAX`] events. On failure the
    /// change must not be made; it may be announced in vain.
    pub async fn announce(&self, events: Vec<(EventKind, DomainEvent)>) -> Result<Announcement, Failure> {
        let (slot, written_at_ms) = (random::jitter_below(SLOTS), self.clock.at_ms());
        let trace = TraceParent::of(&tracing::Span::current());
        let mut entries = Vec::with_capacity(events.len());
        for (kind, mut event) in events {
            let tenant: TenantId = event.tenant_id.parse().map_err(Failure::internal)?;
            if event.message_id.is_empty() {
                event.message_id = random::sortable_id();
            }
            let entry = Entry {
                slot,
                written_at_ms,
                id: event.message_id.clone(),
                subject: subjects::events(&tenant, kind),
                payload: Bytes::from(event.encode_to_vec()),
                trace: trace.clone(),
            };
            // What the bus will never take must not wait for it.
            durable::check(&entry.clone().renewed(written_at_ms).message()).map_err(Failure::internal)?;
            entries.push(entry);
        }
        self.rows.put(&entries).await?;
        Ok(Announcement { outbox: self.clone(), entries, announced_ms: self.clock.now_ms() })
    }

    fn hand_over(&self, entries: Vec<Entry>) {
        if !entries.is_empty() && self.done.try_send(entries).is_err() {
            tracing::debug!("the outbox has much to do; the sweeper will publish this announcement");
        }
    }
}

/// What is about to happen. Dropped without a word, as when the caller goes away, it is published after [`SWEPT_AFTER`].
#[must_use = "say what became of the change: done, or withdrawn"]
pub struct Announcement {
    outbox: Outbox,
    entries: Vec<Entry>,
    announced_ms: u64,
}

impl Announcement {
    /// The change happened, or may have. Publishes in the background.
    pub fn done(self) {
        let taken_ms = self.outbox.clock.now_ms().saturating_sub(self.announced_ms);
        if taken_ms < LATE_AFTER.as_millis() as u64 {
            self.outbox.hand_over(self.entries);
        } else {
            tokio::spawn(self.tell_anew());
        }
    }

    /// Under the same ids the bus and its consumers would take it for what the sweeper has told too early.
    async fn tell_anew(mut self) {
        let now_ms = self.outbox.clock.at_ms();
        self.entries = self.entries.into_iter().map(|entry| entry.renewed(now_ms)).collect();
        if let Err(error) = self.outbox.rows.put(&self.entries).await {
            tracing::warn!(%error, "a late announcement was not stored; it is published if the bus is there");
        }
        self.outbox.hand_over(self.entries);
    }

    /// The change surely did not happen. If the rows cannot be removed now, it is published in vain, which harms nobody.
    pub async fn withdrawn(self) {
        if let Err(error) = self.outbox.rows.delete(&self.entries).await {
            tracing::warn!(%error, "an announcement that was withdrawn will be published");
        }
    }
}

/// Publishes rows, then deletes them.
#[derive(Clone)]
struct Publisher {
    rows: Rows,
    bus: SharedDurableBus,
    metrics: OutboxMetrics,
}

impl Publisher {
    /// Publishes what is done, as it comes. What fails stays for the sweeper.
    async fn publish(self, mut queue: mpsc::Receiver<Vec<Entry>>, life: Lifecycle) -> TaskResult {
        let mut publishing = JoinSet::new();
        loop {
            tokio::select! {
                () = life.stopping() => break,
                entries = queue.recv(), if publishing.len() < PUBLISHING_MAX => {
                    let Some(entries) = entries else { break };
                    let publisher = self.clone();
                    publishing.spawn(async move { publisher.tell(entries).await });
                }
                Some(_) = publishing.join_next() => {}
            }
        }
        // What is not published now is published by the next start.
        Ok(())
    }

    /// Publishes rows that are old until the process stops.
    async fn sweep(self, clock: Arc<dyn Clock>, life: Lifecycle) -> TaskResult {
        let mut interval = tokio::time::interval(SWEEP_INTERVAL);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first sweep goes through all there is.
        let (mut empty_below_ms, mut unreadable) = ([0; SLOTS as usize], HashSet::new());
        loop {
            tokio::select! {
                () = life.stopping() => return Ok(()),
                _ = interval.tick() => {}
            }
            tokio::select! {
                () = life.stopping() => return Ok(()),
                swept = self.sweep_once(clock.at_ms(), &mut empty_below_ms, &mut unreadable) => {
                    self.metrics.unreadable(unreadable.len());
                    if let Err(error) = swept {
                        tracing::warn!(%error, "the outbox cannot be swept; retrying");
                    }
                }
            }
        }
    }

    /// Goes through all slots: publishes while the bus takes it, and counts what is left. Leaves out what an earlier sweep has seen
    /// empty: to a CQL server, rows that were deleted are work for days.
    async fn sweep_once(
        &self,
        now_ms: u64,
        empty_below_ms: &mut [u64; SLOTS as usize],
        unreadable: &mut HashSet<Key>,
    ) -> Result<(), TableError> {
        let before_ms = now_ms.saturating_sub(SWEPT_AFTER.as_millis() as u64);
        let (mut left, mut oldest_ms, mut bus_takes) = (0, now_ms, true);
        for (slot, empty_below_ms) in (0..).zip(empty_below_ms) {
            let (mut after, left_before) = (None, left);
            loop {
                let page = self.rows.page(slot, *empty_below_ms..before_ms, after).await?;
                for key in page.unreadable {
                    let (slot, written_at_ms, id) = &key;
                    if !unreadable.contains(&key) && unreadable.len() < UNREADABLE_TOLD_MAX {
                        tracing::error!(slot, written_at_ms, id, "an announcement cannot be read; it is passed over");
                        unreadable.insert(key);
                    }
                }
                for entries in page.entries.chunks(PUBLISHING_MAX) {
                    bus_takes = bus_takes && self.tell(entries.to_vec()).await;
                    if !bus_takes {
                        left += entries.len();
                        oldest_ms = entries.iter().map(|entry| entry.written_at_ms).fold(oldest_ms, u64::min);
                    }
                }
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            if left == left_before {
                *empty_below_ms = before_ms.saturating_sub(CLOCKS_APART_MAX.as_millis() as u64);
            }
        }
        self.metrics.left(left, Duration::from_millis(now_ms - oldest_ms));
        Ok(())
    }

    /// Publishes entries, together, and deletes their rows; returns whether all are published.
    async fn tell(&self, mut entries: Vec<Entry>) -> bool {
        let begun = Instant::now();
        let messages = entries.iter().map(|entry| self.bus.publish(entry.message()));
        let results = futures_util::future::join_all(messages).await;
        let failed = results.iter().find_map(|result| result.as_ref().err());
        if let Some(error) = failed {
            tracing::warn!(%error, waited_ms = begun.elapsed().as_millis() as u64, "not announced yet; retrying");
        }
        let is_whole = failed.is_none();
        let mut is_told = results.iter().map(Result::is_ok);
        entries.retain(|_| is_told.next().unwrap_or(false));
        self.metrics.published(entries.len());
        if let Err(error) = self.rows.delete(&entries).await {
            // Published again by the sweeper, under the same id.
            tracing::warn!(%error, "an announcement was published and its row not removed");
        }
        is_whole
    }
}
