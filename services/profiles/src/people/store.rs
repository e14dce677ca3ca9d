//! The tables of people, and the questions asked of them. Decides nothing: rules live in `domain`.
//!
//! A person begins with the identity: the row that says which person an address is. It names an id that nobody else will get, so the
//! person is written second, and after a crash in between whoever asks for the address next writes the person under that very id.
//! The other order could leave a person whom no address leads to. Nothing shows an identity without its person.
//!
//! Before a person's row is written, a row of `people_changes_by_slot` says so: processes that hold the tenant's people in memory read
//! there whom to read again. It may announce a change that did not happen, which costs them one read.

use std::{collections::HashMap, sync::Arc};

use aws_lc_rs::digest::{SHA256, digest};
use turnout_platform::{
    canonical::CanonicalEmail,
    failure::Failure,
    ids::{PersonId, TenantId},
    tables::{PutIf, Range, Row, Table, Tables, Value, bytes, flag, int, text, time},
    vault::{DataKey, Vault},
};

use crate::domain::person::{Assurance, Details, Person};

/// People of a tenant are spread over so many partitions: 2 million people are 31,250 rows of under 1 KiB each.
pub(super) const SHARDS: i64 = 64;
/// Changes stay readable for so long. Who has not looked for longer reads everybody again.
pub(super) const CHANGES_S: u32 = 3600;
/// Changes of so many milliseconds share a partition: 10 minutes at 100 a second are 60,000 rows of about 100 bytes.
const SLOT_MS: i64 = 600_000;
/// The only kind of identity yet. Verified phones and accounts elsewhere are to be others.
const KIND_EMAIL: &str = "email";

pub(super) static PEOPLE_BY_SHARD: Table = Table {
    name: "people_by_shard",
    question: "Who are the people of this tenant?",
    partition: &[text("tenant_id"), int("shard")],
    clustering: &[text("person_id")],
    columns: &[
        bytes("sealed"),
        text("assurance"),
        time("verified_at"),
        time("created_at"),
        flag("has_account"),
        int("version"),
    ],
    lifetime_s: None,
};

/// The key is blind: an address can be looked up and not be read.
pub(super) static PERSON_BY_IDENTITY: Table = Table {
    name: "person_by_identity",
    question: "Which person of this tenant is it whose address hashes to this?",
    partition: &[text("tenant_id"), text("kind"), bytes("key")],
    clustering: &[],
    columns: &[text("person_id"), int("version")],
    lifetime_s: None,
};

pub(super) static PEOPLE_CHANGES_BY_SLOT: Table = Table {
    name: "people_changes_by_slot",
    question: "Which people of this tenant have changed lately, and to which version?",
    partition: &[text("tenant_id"), int("slot")],
    clustering: &[time("at"), text("person_id")],
    columns: &[int("reaches")],
    lifetime_s: Some(CHANGES_S),
};

/// A change that was announced.
pub(super) struct Announced {
    pub id: PersonId,
    /// The version that it was to lead to.
    pub reaches: i64,
}

/// The typed questions.
#[derive(Clone)]
pub(super) struct Store {
    pub tables: Arc<dyn Tables>,
    pub vault: Vault,
}

impl Store {
    /// The person of an address. The person's row may not be there yet.
    pub async fn identity(&self, tenant: &TenantId, email: &CanonicalEmail) -> Result<Option<PersonId>, Failure> {
        let row = self.tables.get(&PERSON_BY_IDENTITY, self.identity_key(tenant, email)).await?;
        row.as_ref().map(identified).transpose()
    }

    /// Gives the address to this person unless it is somebody's; whose it is then.
    pub async fn identify(
        &self,
        tenant: &TenantId,
        email: &CanonicalEmail,
        person: PersonId,
    ) -> Result<PersonId, Failure> {
        let row = Row::new(&PERSON_BY_IDENTITY)
            .set("tenant_id", tenant.as_str())
            .set("kind", KIND_EMAIL)
            .set("key", &self.blind(tenant, email)[..])
            .set("person_id", person.as_str())
            .set("version", 1_i64);
        match self.tables.put_if_absent(row).await? {
            None => Ok(person),
            Some(found) => identified(&found),
        }
    }

    /// One person; none when there is no such, or their key is destroyed.
    pub async fn person(&self, tenant: &TenantId, id: &PersonId) -> Result<Option<Person>, Failure> {
        let Some(row) = self.tables.get(&PEOPLE_BY_SHARD, person_key(tenant, id)).await? else { return Ok(None) };
        let key = self.vault.existing(tenant, id.as_str()).await?;
        key.map(|key| read(&row, &key)).transpose()
    }

    /// Stores a new person; false when the person was there.
    pub async fn create(&self, tenant: &TenantId, person: &Person, at_ms: i64) -> Result<bool, Failure> {
        let key = self.vault.key_for(tenant, person.id.as_str()).await?;
        self.announce(tenant, person, at_ms).await?;
        Ok(self.tables.put_if_absent(person_row(tenant, person, &key)).await?.is_none())
    }

    /// Puts the person in the place of the version before; false when another version was there.
    pub async fn replace(&self, tenant: &TenantId, person: &Person, at_ms: i64) -> Result<bool, Failure> {
        let key = self.vault.existing(tenant, person.id.as_str()).await?;
        let key = key.ok_or(Failure::NotFound { what: "person" })?;
        self.announce(tenant, person, at_ms).await?;
        let outcome = self.tables.put_if_version(person_row(tenant, person, &key), person.version - 1).await?;
        Ok(outcome == PutIf::Stored)
    }

    /// A page of the rows of one shard, to be read with [`read_all`].
    pub async fn shard(
        &self,
        tenant: &TenantId,
        shard: i64,
        after: Option<Vec<Value>>,
    ) -> Result<(Vec<Row>, Option<Vec<Value>>), Failure> {
        let range = Range::of(&PEOPLE_BY_SHARD, vec![tenant.as_str().into(), shard.into()]);
        let page = self.tables.range(going_on(range, after)).await?;
        Ok((page.rows, page.next))
    }

    /// Whom to read again: what was announced from one moment to another, milliseconds since 1970.
    pub async fn changes(&self, tenant: &TenantId, from_ms: i64, to_ms: i64) -> Result<Vec<Announced>, Failure> {
        let mut changes = Vec::new();
        for slot in from_ms.div_euclid(SLOT_MS)..=to_ms.div_euclid(SLOT_MS) {
            let mut after = None;
            loop {
                let range = Range::of(&PEOPLE_CHANGES_BY_SLOT, vec![tenant.as_str().into(), slot.into()])
                    .from(vec![Value::Time(from_ms)]);
                let page = self.tables.range(going_on(range, after)).await?;
                for row in &page.rows {
                    let id = row.text("person_id").parse().map_err(|_| unreadable(row))?;
                    changes.push(Announced { id, reaches: row.int("reaches") });
                }
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
        }
        Ok(changes)
    }

    async fn announce(&self, tenant: &TenantId, person: &Person, at_ms: i64) -> Result<(), Failure> {
        let row = Row::new(&PEOPLE_CHANGES_BY_SLOT)
            .set("tenant_id", tenant.as_str())
            .set("slot", at_ms.div_euclid(SLOT_MS))
            .set("at", Value::Time(at_ms))
            .set("person_id", person.id.as_str())
            .set("reaches", person.version);
        Ok(self.tables.put(row).await?)
    }

    fn identity_key(&self, tenant: &TenantId, email: &CanonicalEmail) -> Vec<Value> {
        vec![tenant.as_str().into(), KIND_EMAIL.into(), self.blind(tenant, email)[..].into()]
    }

    fn blind(&self, tenant: &TenantId, email: &CanonicalEmail) -> [u8; 32] {
        self.vault.blind(tenant, "person-email", email.as_str())
    }
}

/// The people of these rows whose keys are among these, and the ids of the others.
pub(super) fn read_all(rows: &[Row], keys: &HashMap<String, DataKey>) -> Result<(Vec<Person>, Vec<PersonId>), Failure> {
    let (mut people, mut others) = (Vec::with_capacity(rows.len()), Vec::new());
    for row in rows {
        match keys.get(row.text("person_id")) {
            Some(key) => people.push(read(row, key)?),
            None => others.push(identified(row)?),
        }
    }
    Ok((people, others))
}

pub(super) fn going_on(range: Range, after: Option<Vec<Value>>) -> Range {
    match after {
        Some(after) => range.after(after),
        None => range,
    }
}

/// A row that no version of this program writes.
pub(super) fn unreadable(row: &Row) -> Failure {
    Failure::internal(format!("a row of table {} cannot be read", row.table().name))
}

fn identified(row: &Row) -> Result<PersonId, Failure> {
    row.text("person_id").parse().map_err(|_| unreadable(row))
}

fn person_row(tenant: &TenantId, person: &Person, key: &DataKey) -> Row {
    let details = serde_json::to_vec(&person.details).expect("plain texts can be written as JSON");
    Row::new(&PEOPLE_BY_SHARD)
        .set("tenant_id", tenant.as_str())
        .set("shard", shard_of(&person.id))
        .set("person_id", person.id.as_str())
        .set("sealed", key.seal(&context(&person.id), &details))
        .set("assurance", person.assurance.word())
        .set_opt("verified_at", person.verified_at_ms.map(Value::Time))
        .set("created_at", Value::Time(person.created_at_ms))
        .set("has_account", person.has_account)
        .set("version", person.version)
}

fn read(row: &Row, key: &DataKey) -> Result<Person, Failure> {
    let id = identified(row)?;
    let opened = key.open(&context(&id), row.bytes("sealed")).ok_or_else(|| unreadable(row))?;
    let details: Details = serde_json::from_slice(&opened).map_err(|_| unreadable(row))?;
    Ok(Person {
        id,
        details,
        assurance: Assurance::of_word(row.text("assurance")).ok_or_else(|| unreadable(row))?,
        verified_at_ms: row.opt_time("verified_at"),
        created_at_ms: row.time("created_at"),
        has_account: row.flag("has_account"),
        version: row.int("version"),
    })
}

fn context(id: &PersonId) -> String {
    format!("people/{id}")
}

fn person_key(tenant: &TenantId, id: &PersonId) -> Vec<Value> {
    vec![tenant.as_str().into(), shard_of(id).into(), id.as_str().into()]
}

/// Stored rows depend on it: it must never change.
pub(super) fn shard_of(id: &PersonId) -> i64 {
    let hash = digest(&SHA256, id.as_str().as_bytes());
    let first = hash.as_ref().first().copied().expect("a SHA-256 has 32 bytes");
    i64::from(first) % SHARDS
}
