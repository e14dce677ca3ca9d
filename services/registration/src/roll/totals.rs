//! The two live figures of registrants as metrics, summed over all events that run: live, or published and not over, whether anybody looks
//! at them or not. An event in memory is asked; of another the tables are counted, at the start, after a change, and now and then all the
//! same. Every process counts for itself, so of several processes the largest is right, not the sum.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use futures_util::TryStreamExt as _;
use parking_lot::Mutex;
use tokio::time::Instant;
use turnout_platform::{clock::Clock, failure::Failure, ids::EventId, lifecycle::Lifecycle};

use super::{held::Held, metrics::RollMetrics};
use crate::{
    domain::{
        event::{Event, State},
        statistics::{Statistics, Tally},
    },
    store::Store,
};

/// How often they are set.
const SET_EVERY: Duration = Duration::from_secs(2);
/// How often it is asked which events run.
const LIST_EVERY: Duration = Duration::from_secs(10);
/// Between two counts of an event that changes, at least; and of one of which nothing is heard, at most.
const COUNT_GAP_MIN: Duration = Duration::from_secs(5);
const COUNT_GAP_MAX: Duration = Duration::from_mins(10);
/// A count that took long is not made again for so many times as long: the store has other things to do.
const COUNT_REST: u32 = 20;
/// An event that cannot be counted is tried again after this.
const COUNT_RETRY: Duration = Duration::from_mins(1);
/// A draft that is over is forgotten a day later: until then somebody may be giving it another date.
const FORGET_MS: i64 = 24 * 60 * 60 * 1000;

/// Which events have news.
#[derive(Clone, Default)]
pub(super) struct News(Arc<Mutex<HashSet<EventId>>>);

impl News {
    /// The event or one of its registrations changed.
    pub fn of(&self, event: &EventId) {
        let mut events = self.0.lock();
        if !events.contains(event) {
            events.insert(event.clone());
        }
    }

    fn take(&self) -> HashSet<EventId> {
        std::mem::take(&mut self.0.lock())
    }
}

/// An event that may run.
#[derive(Default)]
struct Known {
    /// None before it was read.
    event: Option<Event>,
    /// None while it is in memory, or not counted yet.
    tally: Option<Tally>,
    has_news: bool,
    /// When it may be counted again, and when it is to be.
    not_before: Option<Instant>,
    at_last: Option<Instant>,
}

impl Known {
    fn is_due(&self, now: Instant, is_held: bool) -> bool {
        let is_unknown = self.event.is_none() || (self.tally.is_none() && !is_held);
        let wants = is_unknown || self.has_news || self.at_last.is_none_or(|at| at <= now);
        wants && self.not_before.is_none_or(|at| at <= now)
    }
}

struct Totals {
    held: Arc<Held>,
    store: Store,
    clock: Arc<dyn Clock>,
    metrics: RollMetrics,
    news: News,
    known: HashMap<EventId, Known>,
    listed_at: Option<Instant>,
}

/// Sets them until the process stops.
pub(super) fn run(
    held: Arc<Held>,
    store: Store,
    clock: Arc<dyn Clock>,
    metrics: RollMetrics,
    news: News,
    life: &Lifecycle,
) {
    let stopping = life.stopping();
    let mut totals = Totals { held, store, clock, metrics, news, known: HashMap::new(), listed_at: None };
    life.spawn("registrants totals", async move {
        let set = async {
            loop {
                if let Err(failure) = totals.look().await {
                    tracing::debug!(%failure, "the totals of registrants stay as they were");
                }
                tokio::time::sleep(SET_EVERY).await;
            }
        };
        tokio::select! {
            () = stopping => {}
            () = set => {}
        }
        Ok(())
    });
}

impl Totals {
    async fn look(&mut self) -> Result<(), Failure> {
        let news = self.news.take();
        let is_new = news.iter().any(|event| !self.known.contains_key(event));
        for event in &news {
            if let Some(known) = self.known.get_mut(event) {
                known.has_news = true;
            }
        }
        if is_new || self.listed_at.is_none_or(|at| at.elapsed() >= LIST_EVERY) {
            self.list().await?;
        }
        let now = Instant::now();
        let due = self.known.iter().filter(|(id, known)| known.is_due(now, self.held.loaded_one(id).is_some()));
        let due: Vec<EventId> = due.map(|(id, _)| id.clone()).collect();
        for event in due {
            if let Err(failure) = self.count(&event).await {
                tracing::debug!(%failure, %event, "the registrants of an event are not counted");
                if let Some(known) = self.known.get_mut(&event) {
                    known.not_before = Some(Instant::now() + COUNT_RETRY);
                }
            }
        }
        self.set().await
    }

    async fn list(&mut self) -> Result<(), Failure> {
        let events: HashSet<EventId> = self.store.running_events().await?.into_iter().collect();
        self.known.retain(|event, _| events.contains(event));
        for event in events {
            self.known.entry(event).or_default();
        }
        self.listed_at = Some(Instant::now());
        Ok(())
    }

    /// Reads the event, and counts its registrants unless they are in memory.
    async fn count(&mut self, id: &EventId) -> Result<(), Failure> {
        let (begun, now_ms) = (Instant::now(), self.clock.at_ms() as i64);
        let Some(event) = self.store.event(id).await? else {
            // It is noted before it is stored.
            if let Some(known) = self.known.get_mut(id) {
                known.not_before = Some(Instant::now() + COUNT_RETRY);
            }
            return Ok(());
        };
        if is_forgotten(&event, now_ms) {
            self.known.remove(id);
            return self.store.forget_running(id).await;
        }
        let tally = if event.runs(now_ms) && self.held.loaded_one(id).is_none() {
            let pages = self.held.reader().facts(&event.tenant, id);
            let tally = pages.try_fold(Tally::default(), |mut tally, page| async move {
                for facts in page {
                    tally.add(facts);
                }
                Ok(tally)
            });
            Some(tally.await?)
        } else {
            None
        };
        let took = begun.elapsed();
        if let Some(known) = self.known.get_mut(id) {
            let now = Instant::now();
            *known = Known {
                event: Some(event),
                tally,
                has_news: false,
                not_before: Some(now + COUNT_GAP_MIN.max(took * COUNT_REST)),
                at_last: Some(now + COUNT_GAP_MAX.max(took * COUNT_REST)),
            };
        }
        Ok(())
    }

    async fn set(&mut self) -> Result<(), Failure> {
        let (mut registrants, mut logged_in, now_ms) = (0, 0, self.clock.at_ms() as i64);
        for (id, known) in &mut self.known {
            let Some(event) = known.event.as_ref().filter(|event| event.runs(now_ms)) else { continue };
            let statistics = match self.held.loaded_one(id) {
                Some(held) => {
                    // What was counted before grows old now.
                    known.tally = None;
                    let settings = event.settings.clone();
                    held.ask(None, move |list| list.tally().statistics(&settings)).await?
                }
                None => {
                    known.tally.as_ref().map_or_else(Statistics::default, |tally| tally.statistics(&event.settings))
                }
            };
            registrants += statistics.registrants;
            logged_in += statistics.logged_in;
        }
        self.metrics.totals(registrants, logged_in);
        Ok(())
    }
}

/// Whether it will hardly run again. If it does, it is noted again.
fn is_forgotten(event: &Event, now_ms: i64) -> bool {
    match event.state {
        State::Live => false,
        State::Draft => event.over_at_ms().saturating_add(FORGET_MS) < now_ms,
        State::Ended | State::Cancelled => true,
    }
}
