//! Which events are held in memory, shared between requests: loaded once by whoever asks first, kept up by changes, and dropped when
//! they have not been used for longest. What a list does with its entries is in `list`.
//!
//! A change waits in the event's inbox until somebody reads; so changes are cheap, a change that arrives during a load is not lost, and
//! a reader sees every change that was brought before. When changes may have been missed, everything is read anew before the next answer.

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
use tokio::sync::{Mutex as TaskMutex, watch};
use turnout_platform::{
    failure::Failure,
    ids::{EventId, RegistrationId, TenantId},
};

use super::{
    entry::{Entry, Order},
    list::List,
    metrics::RollMetrics,
    reader::Reader,
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
/// When to come again.
const READ_RETRY_AFTER: Duration = Duration::from_secs(2);
/// How often a registration that changed is read while the store is busy, and how long the first wait is; each is twice the one before.
const FOLLOW_TRIES_MAX: u32 = 3;
const FOLLOW_WAIT: Duration = Duration::from_millis(250);

/// One event in memory.
pub(super) struct HeldEvent {
    tenant: TenantId,
    event: EventId,
    list: OnceLock<RwLock<List>>,
    /// Grows when changes may have been missed: how often it has to be read, and up to which of these times it was.
    wanted: AtomicU64,
    read: AtomicU64,
    /// One reads the tables, the others wait.
    reading: TaskMutex<()>,
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
            wanted: AtomicU64::new(1),
            read: AtomicU64::new(0),
            reading: TaskMutex::default(),
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

    /// Whether nothing can have been missed since it was read.
    fn is_read(&self) -> bool {
        self.read.load(Ordering::SeqCst) >= self.wanted.load(Ordering::SeqCst)
    }

    /// Changes may have been missed: the next question reads everything. Whoever watches asks it now.
    fn spoil(&self) {
        self.wanted.fetch_add(1, Ordering::SeqCst);
        self.touch();
    }

    /// Reads the tables, if that has to be done.
    async fn read(&self, reader: &Reader, metrics: &RollMetrics) -> Result<(), Failure> {
        let _alone = self.reading.lock().await;
        if self.is_read() {
            return Ok(());
        }
        let wanted = self.wanted.load(Ordering::SeqCst);
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
        self.read.store(wanted, Ordering::SeqCst);
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
}

impl Held {
    pub fn new(reader: Reader, metrics: RollMetrics) -> Self {
        Self { reader, metrics, events: Mutex::default(), uses: AtomicU64::new(0) }
    }

    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// The event, read. Of many who ask first at the same moment one reads; it goes on when nobody waits for it any more.
    pub async fn event(&self, tenant: &TenantId, event: &EventId) -> Result<Arc<HeldEvent>, Failure> {
        let held = {
            let mut events = self.events.lock();
            let fresh = || Arc::new(HeldEvent::new(tenant.clone(), event.clone()));
            events.entry(event.clone()).or_insert_with(fresh).clone()
        };
        held.used.store(self.uses.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        if !held.is_read() {
            let (reader, metrics, reading) = (self.reader.clone(), self.metrics.clone(), held.clone());
            let reading = tokio::spawn(async move { reading.read(&reader, &metrics).await });
            let in_time = tokio::time::timeout(READ_WAIT_MAX, reading).await;
            let read = in_time.map_err(|_| Failure::Unavailable { retry_after: READ_RETRY_AFTER })?;
            read.map_err(Failure::internal)??;
            self.make_room();
        }
        Ok(held)
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
        for tried in 0..FOLLOW_TRIES_MAX {
            match self.reader.one(event, id).await {
                Ok(found) => {
                    if let Some(registration) = found {
                        held.arrived(Entry::of(&registration));
                    }
                    return Ok(());
                }
                Err(failure) if failure.is_retryable() => tokio::time::sleep(FOLLOW_WAIT * 2_u32.pow(tried)).await,
                Err(failure) => return Err(failure),
            }
        }
        // Sooner than when the message comes again, if it does.
        held.spoil();
        Ok(())
    }

    /// Changes may have been missed, in any event. Whoever watches asks at once, others when they ask.
    pub fn spoil(&self) {
        for held in self.events.lock().values() {
            held.spoil();
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
