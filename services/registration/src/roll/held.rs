//! Which events are held in memory, shared between requests: loaded once by whoever asks first, kept up by changes, and dropped when
//! they have not been used for longest. What a list does with its entries is in `list`.
//!
//! A change waits in the event's inbox until somebody reads; so changes are cheap, a change that arrives during a load is not lost, and
//! a reader sees every change that was brought before. When changes may have been missed, everything is read anew before the next answer;
//! when that has to be is `reading`'s business. All who wait for an event wait for the same reading.

use std::{
    collections::{HashMap, hash_map},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::TryStreamExt as _;
use parking_lot::{Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard};
use tokio::{
    sync::{Semaphore, watch},
    time::Instant,
};
use turnout_platform::{
    failure::Failure,
    ids::{EventId, RegistrationId, TenantId},
};

use super::{
    entry::{Entry, Order},
    list::List,
    metrics::RollMetrics,
    reader::Reader,
    reading::{Ended, Ending, READ_RETRY_AFTER, Readings},
};
use crate::domain::{figures::Counted, registration::Registration};

/// Events in memory. Beyond it the one leaves that was not used for longest; one that somebody reads or watches stays.
const EVENTS_HELD_MAX: usize = 64;
/// Registrations in memory, some 700 MB; beyond it events leave in the same way.
const REGISTRATIONS_HELD_MAX: usize = 2_000_000;
/// Changes that wait for a reader; whoever brings one more puts all of them in.
const CHANGES_WAITING_MAX: usize = 1000;
/// Snapshots of figures of one event; beyond it all are forgotten.
const SNAPSHOTS_MAX: usize = 200;
/// How long a question waits for the tables to be read. Then it is told to come again: the reading goes on.
const READ_WAIT_MAX: Duration = Duration::from_secs(5);
/// Events that are read at the same time; the store has other things to do.
const READINGS_AT_ONCE_MAX: usize = 4;
/// Pauses of those who wait before they ask for one more reading, where the store had too much to do for the last.
const READ_PAUSES: [Duration; 4] =
    [Duration::from_millis(250), Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2)];
/// Waits of a change whose registration the store was too busy to read, before the message is left to come again.
const FOLLOW_WAITS: [Duration; 2] = [Duration::from_millis(250), Duration::from_millis(500)];

/// One event in memory.
pub(super) struct HeldEvent {
    tenant: TenantId,
    event: EventId,
    list: OnceLock<RwLock<List>>,
    readings: Mutex<Readings>,
    /// Changes by registration, the newest of each: never more than the event has registrations.
    inbox: Mutex<HashMap<RegistrationId, Entry>>,
    news: watch::Sender<()>,
    used: AtomicU64,
    snapshots: Mutex<HashMap<String, (u64, Arc<Counted>)>>,
}

impl HeldEvent {
    fn new(tenant: TenantId, event: EventId) -> Self {
        Self {
            tenant,
            event,
            list: OnceLock::new(),
            readings: Mutex::default(),
            inbox: Mutex::default(),
            news: watch::channel(()).0,
            used: AtomicU64::new(0),
            snapshots: Mutex::default(),
        }
    }

    /// Asks the list, with every change that was brought before. With an order, the list is sorted in it. Not on the threads that serve
    /// requests: a search through 100,000 takes some 20 ms.
    pub async fn ask<T: Send + 'static>(
        self: &Arc<Self>,
        order: Option<Order>,
        question: impl FnOnce(&List) -> T + Send + 'static,
    ) -> Result<T, Failure> {
        let event = self.clone();
        let answer = tokio::task::spawn_blocking(move || event.settled(order).map(|list| question(&list)));
        answer
            .await
            .map_err(Failure::internal)?
            .ok_or_else(|| Failure::internal("a list was asked before it was loaded"))
    }

    pub fn is_of(&self, tenant: &TenantId) -> bool {
        self.tenant == *tenant
    }

    /// Hears of changes; the changes themselves are asked for.
    pub fn watch(&self) -> watch::Receiver<()> {
        self.news.subscribe()
    }

    /// The settings of the event may have changed, and so what is shown.
    pub fn touch(&self) {
        self.news.send_replace(());
    }

    /// Takes a change, of whatever version.
    pub fn arrived(&self, entry: Entry) {
        let waiting = {
            let mut inbox = self.inbox.lock();
            match inbox.entry(entry.id.clone()) {
                hash_map::Entry::Occupied(mut known) if known.get().version < entry.version => {
                    known.insert(entry);
                }
                hash_map::Entry::Occupied(_) => {}
                hash_map::Entry::Vacant(place) => {
                    place.insert(entry);
                }
            }
            inbox.len()
        };
        if waiting >= CHANGES_WAITING_MAX
            && let Some(list) = self.list.get()
        {
            self.take_in(&mut list.write());
        }
        self.news.send_replace(());
    }

    /// A snapshot of figures that is younger than `age_ms_max`.
    pub fn snapshot(&self, name: &str, now_ms: u64, age_ms_max: u64) -> Option<Arc<Counted>> {
        let snapshots = self.snapshots.lock();
        let (at_ms, counted) = snapshots.get(name)?;
        (now_ms.saturating_sub(*at_ms) < age_ms_max).then(|| counted.clone())
    }

    pub fn keep_snapshot(&self, name: String, now_ms: u64, counted: Arc<Counted>) {
        let mut snapshots = self.snapshots.lock();
        if snapshots.len() >= SNAPSHOTS_MAX {
            snapshots.clear();
        }
        snapshots.insert(name, (now_ms, counted));
    }

    /// Changes may have been missed: the next question reads everything. Whoever watches asks it now.
    fn spoil(&self) {
        self.readings.lock().spoil();
        self.touch();
    }

    /// Changes may be missed all the time.
    fn grow_old(&self, now: Instant) {
        if self.readings.lock().grow_old(now) {
            self.touch();
        }
    }

    /// Reads the tables.
    async fn read(&self, reader: &Reader, metrics: &RollMetrics) -> Result<(), Failure> {
        let worth = self.readings.lock().now();
        let mut pages = reader.all(&self.tenant, &self.event);
        if self.list.get().is_some() {
            while let Some(page) = pages.try_next().await? {
                self.take_newer(&page);
            }
        } else {
            let mut entries = Vec::new();
            while let Some(page) = pages.try_next().await? {
                entries.extend(page.iter().map(Entry::of));
            }
            metrics.loaded(entries.len());
            let list = RwLock::new(List::of(entries));
            self.list.get_or_init(|| list);
        }
        self.readings.lock().has_read(worth, Instant::now());
        Ok(())
    }

    /// Takes what is newer than what is known.
    fn take_newer(&self, found: &[Registration]) {
        let known = |registration: &Registration| self.list.get()?.read().version_of(&registration.id);
        for registration in found {
            if known(registration).is_none_or(|known| known < registration.version) {
                self.arrived(Entry::of(registration));
            }
        }
    }

    fn len(&self) -> usize {
        self.list.get().map_or(0, |list| list.read().len())
    }

    /// The list with all that waited.
    fn settled(&self, order: Option<Order>) -> Option<RwLockReadGuard<'_, List>> {
        let list = self.list.get()?;
        {
            // The inbox is emptied under the write lock only: who finds it empty here sees what was in it.
            let read = list.read();
            if self.inbox.lock().is_empty() && order.is_none_or(|order| read.has(order)) {
                return Some(read);
            }
        }
        let mut write = list.write();
        self.take_in(&mut write);
        if let Some(order) = order {
            write.sort(order);
        }
        Some(RwLockWriteGuard::downgrade(write))
    }

    fn take_in(&self, list: &mut List) {
        let waiting = std::mem::take(&mut *self.inbox.lock());
        for entry in waiting.into_values() {
            list.apply(entry);
        }
    }
}

/// All events in memory.
pub(super) struct Held {
    reader: Reader,
    metrics: RollMetrics,
    events: Mutex<HashMap<EventId, Arc<HeldEvent>>>,
    uses: AtomicU64,
    turns: Semaphore,
}

impl Held {
    pub fn new(reader: Reader, metrics: RollMetrics) -> Self {
        Self {
            reader,
            metrics,
            events: Mutex::default(),
            uses: AtomicU64::new(0),
            turns: Semaphore::new(READINGS_AT_ONCE_MAX),
        }
    }

    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// The event, read. The reading goes on when nobody waits for it any more.
    pub async fn event(self: &Arc<Self>, tenant: &TenantId, event: &EventId) -> Result<Arc<HeldEvent>, Failure> {
        let held = {
            let mut events = self.events.lock();
            let fresh = || Arc::new(HeldEvent::new(tenant.clone(), event.clone()));
            events.entry(event.clone()).or_insert_with(fresh).clone()
        };
        held.used.store(self.uses.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        let in_time = tokio::time::timeout(READ_WAIT_MAX, self.read(&held)).await;
        in_time.unwrap_or(Err(Failure::Unavailable { retry_after: READ_RETRY_AFTER }))?;
        Ok(held)
    }

    /// Waits for a reading that is good enough for a question of now: the one that goes on, or else the next. A store that has too much to
    /// do for a moment is given some; who waits meanwhile is not refused.
    async fn read(self: &Arc<Self>, held: &Arc<HeldEvent>) -> Result<(), Failure> {
        let asked = held.readings.lock().now();
        let mut pauses = READ_PAUSES.into_iter();
        loop {
            let mut ending = {
                let mut readings = held.readings.lock();
                if readings.answers(asked) {
                    return Ok(());
                }
                let under_way = readings.under_way();
                under_way.unwrap_or_else(|| {
                    let begun = self.begin(held.clone());
                    readings.begins(begun.clone());
                    begun
                })
            };
            let ended =
                ending.wait_for(Option::is_some).await.map_or(Ended::Failed, |ended| ended.unwrap_or(Ended::Failed));
            if ended == Ended::Refused
                && let Some(pause) = pauses.next()
            {
                tokio::time::sleep(pause).await;
                continue;
            }
            ended.into_result()?;
        }
    }

    /// Begins a reading.
    fn begin(self: &Arc<Self>, held: Arc<HeldEvent>) -> Ending {
        let (ends, ending) = watch::channel(None);
        let all = self.clone();
        tokio::spawn(async move {
            let Ok(_turn) = all.turns.acquire().await else { return };
            let read = held.read(&all.reader, &all.metrics).await;
            if let Err(failure) = &read {
                tracing::warn!(%failure, event = %held.event, "the registrants of an event cannot be read");
            }
            all.make_room();
            ends.send_replace(Some(Ended::of(&read)));
        });
        ending
    }

    /// The event, if it is in memory and has been read.
    pub fn loaded_one(&self, event: &EventId) -> Option<Arc<HeldEvent>> {
        self.known(event).filter(|held| held.list.get().is_some())
    }

    /// The event, if it is in memory or on its way there.
    pub fn known(&self, event: &EventId) -> Option<Arc<HeldEvent>> {
        self.events.lock().get(event).cloned()
    }

    /// Somebody told that a registration has this version now.
    pub async fn follow(&self, event: &EventId, id: &RegistrationId, version: i64) -> Result<(), Failure> {
        let Some(held) = self.known(event) else { return Ok(()) };
        if held.list.get().is_some() {
            let known = id.clone();
            if held.ask(None, move |list| list.version_of(&known)).await?.is_some_and(|known| known >= version) {
                return Ok(());
            }
        }
        let mut waits = FOLLOW_WAITS.into_iter();
        loop {
            match self.reader.one(event, id).await {
                Ok(found) => {
                    if let Some(registration) = found {
                        held.arrived(Entry::of(&registration));
                    }
                    return Ok(());
                }
                Err(failure) => {
                    let Some(wait) = waits.next().filter(|_| failure.is_retryable()) else {
                        // The message comes again; until it has worked the list is like one of which nothing is heard.
                        held.grow_old(Instant::now());
                        return Err(failure);
                    };
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    /// Changes may have been missed, in any event. Whoever watches asks at once, others when they ask.
    pub fn spoil(&self) {
        for held in self.events.lock().values() {
            held.spoil();
        }
    }

    /// Nothing is heard of other processes.
    pub fn grow_old(&self, now: Instant) {
        for held in self.events.lock().values() {
            held.grow_old(now);
        }
    }

    fn make_room(&self) {
        let mut events = self.events.lock();
        loop {
            let registrations: usize = events.values().map(|held| held.len()).sum();
            self.metrics.held(events.len(), registrations);
            if events.len() <= EVENTS_HELD_MAX && registrations <= REGISTRATIONS_HELD_MAX {
                return;
            }
            // Whoever reads or watches has a handle of their own.
            let unused = events.iter().filter(|(_, held)| Arc::strong_count(held) == 1);
            let oldest =
                unused.min_by_key(|(_, held)| held.used.load(Ordering::Relaxed)).map(|(event, _)| event.clone());
            let Some(oldest) = oldest else { return };
            events.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests;
