//! Registrations read from the tables and unsealed, all of an event's or one. Keeps nothing but what the vault keeps.

use std::{
    collections::HashMap,
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
    vault::{DataKey, Vault},
};

use crate::{
    domain::registration::Registration,
    store::{
        Store,
        registrations::{REGISTRATION_SHARDS, Sealed},
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
        let (tenant, event, keys) = (tenant.clone(), event.clone(), Arc::new(Keys::default()));
        let (store, reader) = (self.store.clone(), self.clone());
        let shards = stream::iter(0..REGISTRATION_SHARDS).map(move |shard| {
            let (store, event) = (store.clone(), event.clone());
            stream::try_unfold(Some(None), move |at: Option<Option<RegistrationId>>| {
                let (store, event) = (store.clone(), event.clone());
                async move {
                    let Some(after) = at else { return Ok(None) };
                    let (page, next) = store.registrations_of_shard(&event, shard, after).await?;
                    Ok(Some((page, next.map(Some))))
                }
            })
            .boxed()
        });
        let opened = shards.flatten_unordered(SHARDS_AT_ONCE_MAX).and_then(move |page| {
            let (reader, tenant, keys) = (reader.clone(), tenant.clone(), keys.clone());
            async move { reader.opened(&tenant, page, &keys).await }
        });
        opened.boxed()
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
