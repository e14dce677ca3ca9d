//! The vault: a data key for each person. Personal columns of all services are ciphertext under it, so that destroying one key
//! makes a person unreadable everywhere at once, backups and old messages included.
//!
//! Data keys are stored wrapped under a key that is derived from the mesh key; whoever has the tables alone reads nothing. The
//! vault knows no people: an owner is an id. What is sealed, and where it is stored, is each service's business.

use std::{collections::HashMap, fmt, sync::Arc};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    digest, hmac,
};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use parking_lot::Mutex;

use crate::{
    auth::MeshKey,
    clock::Clock,
    failure::Failure,
    ids::TenantId,
    random,
    tables::{Range, Row, Table, Tables, Value, bytes, int, text},
};

/// The vault's tables, to be opened by each role that uses it.
pub static TABLES: &[&Table] = &[&DATA_KEYS];

static DATA_KEYS: Table = Table {
    name: "data_keys_by_shard",
    question: "Under which key, itself sealed, is the personal data of this owner sealed?",
    partition: &[text("tenant_id"), int("shard")],
    clustering: &[text("owner")],
    columns: &[bytes("wrapped"), int("version")],
    lifetime_s: None,
};

/// Owners of a tenant are spread over so many partitions: 2 million owners are 31,250 rows of under 200 bytes each.
const SHARDS: u64 = 64;
/// Shards that are read at the same time.
const SHARDS_AT_ONCE_MAX: usize = 8;
/// Bytes of a data key.
const KEY_BYTES: usize = 32;
/// Keys that are remembered; beyond it all are forgotten.
const CACHED_KEYS_MAX: usize = 50_000;
/// A destroyed key dies in other processes within this time.
const CACHED_KEY_MS: u64 = 60_000;

/// The key of one owner.
#[derive(Clone)]
pub struct DataKey([u8; KEY_BYTES]);

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey(hidden)")
    }
}

impl DataKey {
    /// Seals. The context says where the ciphertext belongs (`registrations/<id>`): elsewhere it does not open.
    pub fn seal(&self, context: &str, plain: &[u8]) -> Vec<u8> {
        let nonce = random::bytes::<NONCE_LEN>();
        let mut sealed = Vec::with_capacity(NONCE_LEN + plain.len() + AES_256_GCM.tag_len());
        sealed.extend_from_slice(&nonce);
        let mut body = plain.to_vec();
        self.cipher()
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(context.as_bytes()), &mut body)
            .expect("a few kilobytes are under the limit of AES-GCM");
        sealed.extend_from_slice(&body);
        sealed
    }

    /// Opens what was sealed with the same key and context; none for anything else.
    pub fn open(&self, context: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, body) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut body = body.to_vec();
        let plain = self
            .cipher()
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(context.as_bytes()), &mut body)
            .ok()?;
        Some(plain.to_vec())
    }

    fn cipher(&self) -> LessSafeKey {
        LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &self.0).expect("a data key has 32 bytes"))
    }
}

type Cache = HashMap<(TenantId, Box<str>), (DataKey, u64)>;

/// The way to the data keys. A clone is another handle on the same.
#[derive(Clone)]
pub struct Vault {
    tables: Arc<dyn Tables>,
    wrapping: DataKey,
    blinding: hmac::Key,
    clock: Arc<dyn Clock>,
    cache: Arc<Mutex<Cache>>,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault")
    }
}

impl Vault {
    /// Opened with [`TABLES`] among its tables.
    pub fn new(tables: Arc<dyn Tables>, mesh_key: &MeshKey, clock: Arc<dyn Clock>) -> Self {
        Self {
            tables,
            wrapping: DataKey(mesh_key.derive("vault")),
            blinding: hmac::Key::new(hmac::HMAC_SHA256, &mesh_key.derive("blind")),
            clock,
            cache: Arc::default(),
        }
    }

    /// The owner's key, made when there is none. Two first calls at the same moment get the same key.
    pub async fn key_for(&self, tenant: &TenantId, owner: &str) -> Result<DataKey, Failure> {
        if let Some(key) = self.existing(tenant, owner).await? {
            return Ok(key);
        }
        let fresh = DataKey(random::bytes());
        let row = Row::new(&DATA_KEYS)
            .set("tenant_id", tenant.as_str())
            .set("shard", shard(owner))
            .set("owner", owner)
            .set("wrapped", self.wrapping.seal(&context(tenant, owner), &fresh.0))
            .set("version", 1_i64);
        let key = match self.tables.put_if_absent(row).await? {
            None => fresh,
            Some(found) => self.unwrap(tenant, owner, found.bytes("wrapped"))?,
        };
        self.remember(tenant, owner, &key);
        Ok(key)
    }

    /// The owner's key; none when it was never made, or is destroyed.
    pub async fn existing(&self, tenant: &TenantId, owner: &str) -> Result<Option<DataKey>, Failure> {
        if let Some((key, until_ms)) = self.cache.lock().get(&(tenant.clone(), owner.into()))
            && *until_ms > self.clock.now_ms()
        {
            return Ok(Some(key.clone()));
        }
        let Some(row) = self.tables.get(&DATA_KEYS, place(tenant, owner)).await? else { return Ok(None) };
        let key = self.unwrap(tenant, owner, row.bytes("wrapped"))?;
        self.remember(tenant, owner, &key);
        Ok(Some(key))
    }

    /// All keys of a tenant by owner, for building what is searched in memory: 32 bytes and the owner's id each.
    pub async fn all_of(&self, tenant: &TenantId) -> Result<HashMap<String, DataKey>, Failure> {
        let shards = stream::iter(0..SHARDS as i64).map(|shard| self.shard_of(tenant, shard));
        let shards: Vec<_> = shards.buffer_unordered(SHARDS_AT_ONCE_MAX).try_collect().await?;
        Ok(shards.into_iter().flatten().collect())
    }

    async fn shard_of(&self, tenant: &TenantId, shard: i64) -> Result<Vec<(String, DataKey)>, Failure> {
        let partition = vec![tenant.as_str().into(), shard.into()];
        let (mut keys, mut after) = (Vec::new(), None);
        loop {
            let mut range = Range::of(&DATA_KEYS, partition.clone());
            if let Some(after) = after {
                range = range.after(after);
            }
            let page = self.tables.range(range).await?;
            for row in &page.rows {
                let owner = row.text("owner");
                keys.push((owner.to_owned(), self.unwrap(tenant, owner, row.bytes("wrapped"))?));
            }
            after = page.next;
            if after.is_none() {
                return Ok(keys);
            }
        }
    }

    /// Destroys the owner's key: nothing sealed with it can be read again, here at once, in other processes within a minute.
    pub async fn destroy(&self, tenant: &TenantId, owner: &str) -> Result<(), Failure> {
        self.tables.delete(&DATA_KEYS, place(tenant, owner)).await?;
        self.cache.lock().remove(&(tenant.clone(), owner.into()));
        Ok(())
    }

    /// A keyed hash by which a value can be looked up without being stored: the same for the same value, purpose and tenant.
    pub fn blind(&self, tenant: &TenantId, purpose: &str, value: &str) -> [u8; 32] {
        let tag = hmac::sign(&self.blinding, format!("{tenant}\0{purpose}\0{value}").as_bytes());
        tag.as_ref().try_into().expect("an HMAC-SHA256 tag has 32 bytes")
    }

    /// For which number a person agrees to texts, without the number: the same in every service.
    pub fn number_hash(&self, tenant: &TenantId, person: &str, number: &str) -> String {
        let hash = self.blind(tenant, "number-of-consent", &format!("{person}\0{number}"));
        let (high, low) = hash.split_at(size_of::<u128>());
        let number = |half: &[u8]| half.iter().fold(0, |number: u128, byte| (number << 8) | u128::from(*byte));
        format!("{:032x}{:032x}", number(high), number(low))
    }

    fn unwrap(&self, tenant: &TenantId, owner: &str, wrapped: &[u8]) -> Result<DataKey, Failure> {
        let plain = self.wrapping.open(&context(tenant, owner), wrapped);
        let key = plain.and_then(|plain| plain.try_into().ok());
        key.map(DataKey)
            .ok_or_else(|| Failure::internal("a data key does not open: the mesh key is not the one that sealed it"))
    }

    fn remember(&self, tenant: &TenantId, owner: &str, key: &DataKey) {
        let until_ms = self.clock.now_ms() + CACHED_KEY_MS;
        let mut cache = self.cache.lock();
        if cache.len() >= CACHED_KEYS_MAX {
            cache.clear();
        }
        cache.insert((tenant.clone(), owner.into()), (key.clone(), until_ms));
    }
}

fn context(tenant: &TenantId, owner: &str) -> String {
    format!("data-keys/{tenant}/{owner}")
}

fn place(tenant: &TenantId, owner: &str) -> Vec<Value> {
    vec![tenant.as_str().into(), shard(owner).into(), owner.into()]
}

/// Stored rows depend on it: it must never change.
fn shard(owner: &str) -> i64 {
    let hash = digest::digest(&digest::SHA256, owner.as_bytes());
    let first = hash.as_ref().first_chunk().copied().unwrap_or_default();
    (u64::from_be_bytes(first) % SHARDS) as i64
}
