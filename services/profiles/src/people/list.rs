//! The people of a tenant held in memory, for lists and exports: read from the tables at the first use, kept by this process's own
//! writes at once, and by those of other processes before each answer.
//!
//! Whoever changes a person announces it in a table first (see `store`), so nothing is missed that is not also missing in the store. Each
//! answer knows what was announced before it, by servers whose clocks are at most [`NEAR_MS`] behind. Those further behind, up to
//! [`CLOCKS_DIFFER_MS_MAX`], are heard a little later: reading a minute of announcements anew takes long after many changes, so that is
//! done at times and beside the answers. Deliberately no bus: a lost message would be a person who is missing in a list.

use std::{
    collections::{HashMap, HashSet},
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use parking_lot::Mutex;
use tokio::sync::{OwnedRwLockReadGuard, RwLock};
use turnout_platform::{
    clock::Clock,
    failure::Failure,
    ids::{PersonId, TenantId},
    listing::{Place, Slot},
    vault::DataKey,
};

use super::store::{Announced, CHANGES_S, SHARDS, Store, read_all};
use crate::{
    domain::{
        index::{Index, List, Order, Page},
        person::Person,
    },
    metrics::Metrics,
};

/// Tenants whose people are held; the least recently used goes.
const TENANTS_HELD_MAX: usize = 16;
/// People of one tenant that are held, about 1 KB each; lists of a tenant with more are refused.
const PEOPLE_HELD_MAX: usize = 2_000_000;
/// Shards, and people who changed, that are read at the same time.
const SHARDS_AT_ONCE_MAX: usize = 8;
const READS_AT_ONCE_MAX: usize = 32;
/// How far the clocks of two servers may be apart before a list can miss a change that the other made.
const CLOCKS_DIFFER_MS_MAX: i64 = 60_000;
/// Announcements of the last so many milliseconds before the answer before are read again by each answer.
const NEAR_MS: i64 = 5_000;
/// After so many milliseconds those that came late are looked for, while somebody asks at all.
const LATE_EVERY_MS: i64 = 10_000;
/// When more people than these have changed, reading everybody is faster than reading them one by one.
const NEWS_MAX: usize = 5_000;
/// Announcements older than this may be gone.
const CHANGES_READABLE_MS: i64 = CHANGES_S as i64 * 1000 - 2 * CLOCKS_DIFFER_MS_MAX;

/// The held people of one tenant.
#[derive(Default)]
struct Held {
    /// Another index after everybody was read again: who is at an export keeps the one before.
    index: Mutex<Arc<RwLock<Index>>>,
    /// Up to when announcements have been read, milliseconds since 1970; none before the first load. Held while reading on.
    read_to_ms: tokio::sync::Mutex<Option<i64>>,
    /// Up to when those that came late have been.
    late_to_ms: AtomicI64,
    /// Held by who looks for them.
    looks_for_late: Arc<tokio::sync::Mutex<()>>,
    /// When it was last used, in uses of any tenant.
    used: AtomicU64,
}

impl Held {
    fn index(&self) -> Arc<RwLock<Index>> {
        self.index.lock().clone()
    }
}

/// All that is held. A clone is another handle on the same.
#[derive(Clone)]
pub(super) struct Lists {
    store: Store,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
    tenants: Arc<Mutex<HashMap<TenantId, Arc<Held>>>>,
    uses: Arc<AtomicU64>,
}

impl Lists {
    pub fn new(store: Store, clock: Arc<dyn Clock>, metrics: Metrics) -> Self {
        Self { store, clock, metrics, tenants: Arc::default(), uses: Arc::default() }
    }

    /// Tells of a person whom this process has stored.
    pub async fn note(&self, tenant: &TenantId, person: &Person) {
        let held = self.tenants.lock().get(tenant).cloned();
        if let Some(held) = held {
            held.index().write().await.put(person.clone());
        }
    }

    /// A page of a list, and how many people there are in all.
    pub async fn page(
        &self,
        tenant: &TenantId,
        list: List,
        after: Option<Place<'static>>,
        limit: usize,
    ) -> Result<(Page, usize), Failure> {
        let index = self.up_to_date(tenant).await?;
        let index = sorted(index, list.walk.order).await?;
        // Looking at a million people takes longer than a task may hold up others.
        let looked = tokio::task::spawn_blocking(move || (index.page(&list, after.as_ref(), limit), index.len()));
        looked.await.map_err(Failure::internal)
    }

    /// Everybody in a list, to be read in parts.
    pub async fn all(&self, tenant: &TenantId, list: List) -> Result<Everybody, Failure> {
        let index = self.up_to_date(tenant).await?;
        let guard = sorted(index.clone(), list.walk.order).await?;
        let slots = tokio::task::spawn_blocking(move || guard.slots(&list)).await.map_err(Failure::internal)?;
        Ok(Everybody { index, slots })
    }

    /// The index with all that was announced before. The reading goes on when nobody waits for it any more, so that whoever asks
    /// again finds more done.
    async fn up_to_date(&self, tenant: &TenantId) -> Result<Arc<RwLock<Index>>, Failure> {
        let (lists, tenant, held) = (self.clone(), tenant.clone(), self.held(tenant));
        let read = tokio::spawn(async move { lists.catch_up(&tenant, &held).await });
        read.await.map_err(Failure::internal)?
    }

    async fn catch_up(&self, tenant: &TenantId, held: &Arc<Held>) -> Result<Arc<RwLock<Index>>, Failure> {
        let mut read_to_ms = held.read_to_ms.lock().await;
        let now_ms = self.clock.at_ms() as i64;
        let is_readable = |from_ms: i64| now_ms - from_ms < CHANGES_READABLE_MS;
        let known = read_to_ms.filter(|to_ms| is_readable(*to_ms.min(&held.late_to_ms.load(Ordering::Relaxed))));
        let news = match known {
            Some(to_ms) => Some(self.news(tenant, held, to_ms - NEAR_MS, now_ms).await?),
            None => None,
        };
        match news {
            Some(news) if news.len() <= NEWS_MAX => self.take_in(tenant, held, news).await?,
            _ => {
                // Until it has worked.
                *read_to_ms = None;
                self.load(tenant, held, now_ms).await?;
            }
        }
        *read_to_ms = Some(now_ms);
        let index = held.index();
        drop(read_to_ms);
        self.look_for_late(tenant, held, now_ms);
        Ok(index)
    }

    fn held(&self, tenant: &TenantId) -> Arc<Held> {
        let mut tenants = self.tenants.lock();
        if !tenants.contains_key(tenant) && tenants.len() >= TENANTS_HELD_MAX {
            let idle = tenants.iter().min_by_key(|(_, held)| held.used.load(Ordering::Relaxed));
            if let Some(idle) = idle.map(|(tenant, _)| tenant.clone()) {
                tenants.remove(&idle);
            }
        }
        let held = tenants.entry(tenant.clone()).or_default().clone();
        held.used.store(self.uses.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        self.metrics.tenants_held(tenants.len());
        held
    }

    /// Reads everybody. What changes meanwhile is announced after the moment from which the next call reads on.
    async fn load(&self, tenant: &TenantId, held: &Held, now_ms: i64) -> Result<(), Failure> {
        // What this process stores meanwhile goes into the new index at once, and stays: versions only rise.
        let fresh = Arc::new(RwLock::new(Index::default()));
        *held.index.lock() = fresh.clone();
        let keys = Arc::new(self.store.vault.all_of(tenant).await?);
        let shards = stream::iter(0..SHARDS).map(|shard| self.load_shard(tenant, shard, keys.clone()));
        let shards: Vec<Vec<Person>> = shards.buffer_unordered(SHARDS_AT_ONCE_MAX).try_collect().await?;
        let people: usize = shards.iter().map(Vec::len).sum();
        if people > PEOPLE_HELD_MAX {
            tracing::error!(people, max = PEOPLE_HELD_MAX, "a tenant has more people than a list can hold");
            return Err(Failure::Precondition("there are too many people for a list".to_owned()));
        }
        let all = tokio::task::spawn_blocking(move || Index::of(shards.into_iter().flatten().collect()));
        let all = all.await.map_err(Failure::internal)?;
        fresh.write().await.take_over(all);
        held.late_to_ms.store(now_ms, Ordering::Relaxed);
        self.metrics.list_loaded();
        tracing::debug!(%tenant, people, "people loaded");
        Ok(())
    }

    async fn load_shard(
        &self,
        tenant: &TenantId,
        shard: i64,
        keys: Arc<HashMap<String, DataKey>>,
    ) -> Result<Vec<Person>, Failure> {
        let (mut people, mut after) = (Vec::new(), None);
        loop {
            let (rows, next) = self.store.shard(tenant, shard, after).await?;
            let keys = keys.clone();
            let read = tokio::task::spawn_blocking(move || read_all(&rows, &keys));
            let (read, others) = read.await.map_err(Failure::internal)??;
            people.extend(read);
            // They came after the keys had been read; or their keys are destroyed.
            for id in others {
                people.extend(self.store.person(tenant, &id).await?);
            }
            after = next;
            if after.is_none() {
                return Ok(people);
            }
        }
    }

    /// Who was announced since a moment and is not held as announced.
    async fn news(
        &self,
        tenant: &TenantId,
        held: &Held,
        from_ms: i64,
        now_ms: i64,
    ) -> Result<HashSet<PersonId>, Failure> {
        let announced = self.store.changes(tenant, from_ms, now_ms + CLOCKS_DIFFER_MS_MAX).await?;
        let index = held.index();
        let index = index.read().await;
        let is_news = |change: &Announced| index.version_of(&change.id) < change.reaches;
        Ok(announced.into_iter().filter(is_news).map(|change| change.id).collect())
    }

    /// Reads these people again.
    async fn take_in(&self, tenant: &TenantId, held: &Held, news: HashSet<PersonId>) -> Result<(), Failure> {
        let before = held.index();
        let before = &before;
        let read = stream::iter(news).map(|id| async move {
            let was_there = before.read().await.version_of(&id) > 0;
            let person = self.store.person(tenant, &id).await?;
            Ok::<_, Failure>((id, was_there, person))
        });
        let read: Vec<_> = read.buffer_unordered(READS_AT_ONCE_MAX).try_collect().await?;
        if read.is_empty() {
            return Ok(());
        }
        let index = held.index();
        let mut index = index.write().await;
        for (id, was_there, person) in read {
            match person {
                Some(person) => index.put(person),
                None if was_there => index.remove(id),
                // Announced, and not stored yet: whoever is removed here never comes back.
                None => {}
            }
        }
        Ok(())
    }

    /// Now and then, beside the answers: announcements that were written long after their time, or by a server whose clock is behind.
    fn look_for_late(&self, tenant: &TenantId, held: &Arc<Held>, now_ms: i64) {
        let from_ms = held.late_to_ms.load(Ordering::Relaxed);
        if now_ms - from_ms < LATE_EVERY_MS {
            return;
        }
        let Ok(turn) = held.looks_for_late.clone().try_lock_owned() else { return };
        let (lists, tenant, held) = (self.clone(), tenant.clone(), held.clone());
        tokio::spawn(async move {
            let looked = async {
                let news = lists.news(&tenant, &held, from_ms - CLOCKS_DIFFER_MS_MAX, now_ms).await?;
                lists.take_in(&tenant, &held, news).await
            };
            match looked.await {
                Ok(()) => held.late_to_ms.store(now_ms, Ordering::Relaxed),
                Err(failure) => tracing::warn!(%failure, %tenant, "late changes of people cannot be read; retrying"),
            }
            drop(turn);
        });
    }
}

/// Everybody who was in a list when it was asked for.
pub(super) struct Everybody {
    index: Arc<RwLock<Index>>,
    slots: Vec<Slot>,
}

impl Everybody {
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Those at these places who are still there, as they are now.
    pub async fn part(&self, places: Range<usize>) -> Vec<Person> {
        self.index.read().await.people(&self.slots[places])
    }
}

/// The index with this order made.
async fn sorted(index: Arc<RwLock<Index>>, order: Order) -> Result<OwnedRwLockReadGuard<Index>, Failure> {
    let read = index.clone().read_owned().await;
    if read.has(order) {
        return Ok(read);
    }
    drop(read);
    let mut write = index.write_owned().await;
    let sorted = tokio::task::spawn_blocking(move || {
        write.sort(order);
        write.downgrade()
    });
    sorted.await.map_err(Failure::internal)
}
