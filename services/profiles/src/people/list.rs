//! The people of a tenant held in memory, for lists and exports: read from the tables at the first use, kept by this process's own
//! writes at once, and by those of other processes before each answer.
//!
//! Whoever changes a person announces it in a table first (see `store`), so nothing is missed that is not also missing in the store. The
//! servers' clocks may differ by [`CLOCKS_DIFFER_MS_MAX`]; tokens between them ask for less. Deliberately no bus: a lost message would
//! be a person who is missing in a list.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use parking_lot::Mutex;
use tokio::sync::{OwnedRwLockReadGuard, RwLock};
use turnout_platform::{
    clock::Clock,
    failure::Failure,
    ids::{PersonId, TenantId},
    vault::DataKey,
};

use super::store::{CHANGES_S, SHARDS, Store, read_all};
use crate::{
    domain::{
        index::{Index, List, Page, Place},
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
/// Announcements older than this may be gone.
const CHANGES_READABLE_MS: i64 = CHANGES_S as i64 * 1000 - 2 * CLOCKS_DIFFER_MS_MAX;

/// The held people of one tenant.
#[derive(Default)]
struct Held {
    index: Arc<RwLock<Index>>,
    /// Up to when announcements have been read, milliseconds since 1970; none before the first load. Held while reading on.
    read_to_ms: tokio::sync::Mutex<Option<i64>>,
    /// When it was last used, in uses of any tenant.
    used: AtomicU64,
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
            held.index.write().await.put(person.clone());
        }
    }

    /// A page of a list, how many people its search finds, and how many there are in all.
    pub async fn page(
        &self,
        tenant: &TenantId,
        list: List,
        after: Option<Place>,
        limit: usize,
    ) -> Result<(Page, usize, usize), Failure> {
        let index = self.up_to_date(tenant).await?;
        // Looking at a million people takes longer than a task may hold up others.
        let looked = tokio::task::spawn_blocking(move || {
            let page = index.page(&list, after.as_ref(), limit);
            (page, index.matching(&list.search), index.len())
        });
        looked.await.map_err(Failure::internal)
    }

    async fn up_to_date(&self, tenant: &TenantId) -> Result<OwnedRwLockReadGuard<Index>, Failure> {
        let held = self.held(tenant);
        let mut read_to_ms = held.read_to_ms.lock().await;
        let now_ms = self.clock.at_ms() as i64;
        match *read_to_ms {
            Some(read_to_ms) if now_ms - read_to_ms < CHANGES_READABLE_MS => {
                self.read_on(tenant, &held, read_to_ms, now_ms).await?;
            }
            _ => {
                *read_to_ms = None;
                self.load(tenant, &held).await?;
            }
        }
        *read_to_ms = Some(now_ms);
        drop(read_to_ms);
        Ok(held.index.clone().read_owned().await)
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
    async fn load(&self, tenant: &TenantId, held: &Held) -> Result<(), Failure> {
        *held.index.write().await = Index::default();
        let keys = Arc::new(self.store.vault.all_of(tenant).await?);
        let shards = stream::iter(0..SHARDS).map(|shard| self.load_shard(tenant, shard, keys.clone()));
        let shards: Vec<Vec<Person>> = shards.buffer_unordered(SHARDS_AT_ONCE_MAX).try_collect().await?;
        let people: usize = shards.iter().map(Vec::len).sum();
        if people > PEOPLE_HELD_MAX {
            tracing::error!(people, max = PEOPLE_HELD_MAX, "a tenant has more people than a list can hold");
            return Err(Failure::Precondition("there are too many people for a list".to_owned()));
        }
        let mut index = held.index.clone().write_owned().await;
        let built = tokio::task::spawn_blocking(move || {
            // What this process has stored meanwhile stays: versions only rise.
            for person in shards.into_iter().flatten() {
                index.put(person);
            }
        });
        built.await.map_err(Failure::internal)?;
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

    /// Reads again whom others have changed.
    async fn read_on(&self, tenant: &TenantId, held: &Held, read_to_ms: i64, now_ms: i64) -> Result<(), Failure> {
        let (from_ms, to_ms) = (read_to_ms - CLOCKS_DIFFER_MS_MAX, now_ms + CLOCKS_DIFFER_MS_MAX);
        let announced = self.store.changes(tenant, from_ms, to_ms).await?;
        let news: HashSet<PersonId> = {
            let index = held.index.read().await;
            let is_news = |change: &super::store::Announced| index.version_of(&change.id) < change.reaches;
            announced.into_iter().filter(is_news).map(|change| change.id).collect()
        };
        let read = stream::iter(news).map(|id| async move {
            let person = self.store.person(tenant, &id).await?;
            Ok::<_, Failure>((id, person))
        });
        let read: Vec<_> = read.buffer_unordered(READS_AT_ONCE_MAX).try_collect().await?;
        if !read.is_empty() {
            let mut index = held.index.write().await;
            for (id, person) in read {
                match person {
                    Some(person) => index.put(person),
                    None => index.remove(&id),
                }
            }
        }
        Ok(())
    }
}
