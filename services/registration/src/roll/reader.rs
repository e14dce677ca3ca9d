//! Registrations read from the tables and unsealed, all of an event's or one. Keeps nothing but what the vault keeps.

use std::{
    collections::HashMap,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures_util::{StreamExt as _, TryStreamExt as _, stream, stream::BoxStream};
use tokio::sync::OnceCell;
use turnout_platform::{
    failure::Failure,
    ids::{EventId, RegistrationId, TenantId},
    tables::Value,
    vault::{DataKey, Vault},
};

use crate::{
    domain::{registration::Registration, statistics::Facts},
    store::{
        Store,
        registrations::{REGISTRATION_SHARDS, Sealed, ShardPage},
    },
};

/// Shards of an event that are read at the same time.
const SHARDS_AT_ONCE_MAX: usize = 8;
/// Keys that are asked for one by one, and how many of each shard at the same time; for more registrations than these all keys of the
/// tenant are read.
const SINGLE_KEYS_MAX: usize = 1000;
const KEYS_AT_ONCE_MAX: usize = 4;

/// Reads and unseals.
#[derive(Clone)]
pub(crate) struct Reader {
    store: Store,
    vault: Vault,
}

/// The keys of one reading.
#[derive(Default)]
struct Keys {
    registrations: AtomicUsize,
    all: OnceCell<HashMap<String, DataKey>>,
}

impl Reader {
    pub fn new(store: Store, vault: Vault) -> Self {
        Self { store, vault }
    }

    /// One registration.
    pub async fn one(&self, event: &EventId, id: &RegistrationId) -> Result<Option<Registration>, Failure> {
        let Some(sealed) = self.store.registration(event, id).await? else { return Ok(None) };
        let key = self.vault.existing(&sealed.tenant, &sealed.owner()).await?;
        sealed.open(key.as_ref()).map(Some)
    }

    /// All registrations of an event, some at a time, in no order. What changes meanwhile may be seen before or after its change.
    pub fn all(&self, tenant: &TenantId, event: &EventId) -> BoxStream<'static, Result<Vec<Registration>, Failure>> {
        self.shards(tenant, event, 0..REGISTRATION_SHARDS)
    }

    /// The same of some of its shards.
    pub fn shards(
        &self,
        tenant: &TenantId,
        event: &EventId,
        shards: Range<i64>,
    ) -> BoxStream<'static, Result<Vec<Registration>, Failure>> {
        let (reader, tenant, keys) = (self.clone(), tenant.clone(), Arc::new(Keys::default()));
        let opened = self.sealed(event, shards).and_then(move |page| {
            let (reader, tenant, keys) = (reader.clone(), tenant.clone(), keys.clone());
            async move { reader.opened(&tenant, page, &keys).await }
        });
        opened.boxed()
    }

    /// What the statistics need of all registrations of an event. Nothing is unsealed but nicknames, which only this tells from people.
    pub fn facts(&self, tenant: &TenantId, event: &EventId) -> BoxStream<'static, Result<Vec<Facts>, Failure>> {
        let (reader, tenant, keys) = (self.clone(), tenant.clone(), Arc::new(Keys::default()));
        let facts = self.sealed(event, 0..REGISTRATION_SHARDS).and_then(move |page| {
            let (reader, tenant, keys) = (reader.clone(), tenant.clone(), keys.clone());
            async move {
                let (people, others): (Vec<_>, Vec<_>) =
                    page.into_iter().partition(|sealed| sealed.registration.person.is_some());
                let others = reader.opened(&tenant, others, &keys).await?;
                let people = people.iter().map(|sealed| &sealed.registration);
                Ok(people.chain(&others).map(Facts::of).collect())
            }
        });
        facts.boxed()
    }

    /// Pages of the rows as they are stored, with those that cannot be read apart.
    pub fn stored(&self, event: &EventId, shards: Range<i64>) -> BoxStream<'static, Result<ShardPage, Failure>> {
        let (store, event) = (self.store.clone(), event.clone());
        let shards = stream::iter(shards).map(move |shard| {
            let (store, event) = (store.clone(), event.clone());
            stream::try_unfold(Some(None), move |at: Option<Option<Vec<Value>>>| {
                let (store, event) = (store.clone(), event.clone());
                async move {
                    let Some(after) = at else { return Ok(None) };
                    let mut page = store.page_of_shard(&event, shard, after).await?;
                    let next = page.next.take();
                    Ok(Some((page, next.map(Some))))
                }
            })
            .boxed()
        });
        shards.flatten_unordered(SHARDS_AT_ONCE_MAX).boxed()
    }

    /// The same for whoever needs all of them: a row that cannot be read is a failure.
    fn sealed(&self, event: &EventId, shards: Range<i64>) -> BoxStream<'static, Result<Vec<Sealed>, Failure>> {
        self.stored(event, shards).map(|page| page.and_then(ShardPage::whole)).boxed()
    }

    async fn opened(&self, tenant: &TenantId, page: Vec<Sealed>, keys: &Keys) -> Result<Vec<Registration>, Failure> {
        let before = keys.registrations.fetch_add(page.len(), Ordering::Relaxed);
        if before + page.len() > SINGLE_KEYS_MAX {
            keys.all.get_or_try_init(|| self.vault.all_of(tenant)).await?;
        }
        let with_keys: Vec<(Sealed, Option<DataKey>)> = stream::iter(page)
            .map(|sealed| async move {
                let owner = sealed.owner();
                // Keys that were made after all were read are asked for one by one too.
                let key = match keys.all.get().and_then(|all| all.get(&owner)) {
                    Some(key) => Some(key.clone()),
                    None => self.vault.existing(tenant, &owner).await?,
                };
                Ok::<_, Failure>((sealed, key))
            })
            .buffered(KEYS_AT_ONCE_MAX)
            .try_collect()
            .await?;
        let open = move || with_keys.into_iter().map(|(sealed, key)| sealed.open(key.as_ref())).collect();
        tokio::task::spawn_blocking(open).await.map_err(Failure::internal)?
    }
}
