//! What the webhooks of tenants were told lately, sealed, in the order of telling: kept to be told again. A row is put before its notice
//! is, so one may lead to none, or to a notice that was put a moment later; whoever reads compares with the ledger.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use turnout_platform::{
    failure::Failure,
    ids::TenantId,
    tables::{Range, Row, Value},
};

use super::{NOTICES_BY_HOUR, OWNER, Store};
use crate::domain::{
    message::{Message, MessageId},
    replay::Place,
};

const HOUR_MS: i64 = 3_600_000;
/// A tenant's notices of an hour are spread over so many partitions: 100,000 of them are 25,000 rows of some 600 bytes. Stored rows
/// depend on it: it must never change.
const SHARDS: i64 = 4;

/// A notice as it was told.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub place: Place,
    owner: String,
    sealed: Vec<u8>,
}

impl Told {
    /// The notice; none for a row that no version of this program writes.
    pub fn id(&self) -> Option<MessageId> {
        MessageId::read(&self.place.id)
    }
}

impl Store {
    /// Keeps what a notice tells. It falls with the key of its person, where they have one.
    pub async fn keep_told(&self, notice: &Message, person: &str, body: &[u8]) -> Result<(), Failure> {
        let tenant = &notice.tenant;
        // A key that is gone is not made anew for this.
        let of_person = if person.is_empty() { None } else { self.vault.existing(tenant, person).await? };
        let (owner, key) = match of_person {
            Some(key) => (person, key),
            None => (OWNER, self.vault.key_for(tenant, OWNER).await?),
        };
        let row = Row::new(&NOTICES_BY_HOUR)
            .set("tenant_id", tenant.as_str())
            .set("hour", Value::Time(hour_of(notice.planned_at_ms)))
            .set("shard", shard_of(&notice.id))
            .set("told_at", Value::Time(notice.planned_at_ms))
            .set("message_id", notice.id.as_str())
            .set("owner", owner)
            .set("sealed", key.seal(&sealed_for(notice.id.as_str()), body));
        Ok(self.tables.put(row).await?)
    }

    /// What was told after one place and up to another, in order; so many at most.
    pub async fn told(
        &self,
        tenant: &TenantId,
        after: &Place,
        until: &Place,
        limit: usize,
    ) -> Result<Vec<Told>, Failure> {
        let mut found = Vec::new();
        let mut hour = hour_of(after.at_ms);
        while hour <= hour_of(until.at_ms) && found.len() < limit {
            let left = limit - found.len();
            let of_shard = |shard: i64| async move {
                let partition = vec![tenant.as_str().into(), Value::Time(hour), shard.into()];
                let mut range = Range::of(&NOTICES_BY_HOUR, partition).limit(left);
                if hour_of(after.at_ms) == hour {
                    range = range.after(vec![Value::Time(after.at_ms), after.id.as_str().into()]);
                }
                self.tables.range(range).await
            };
            let pages: Vec<_> = stream::iter(0..SHARDS).map(of_shard).buffered(SHARDS as usize).try_collect().await?;
            // What a page that was cut short leaves out stands after all that it holds: before that the order is whole.
            let cut_short = pages.iter().filter(|page| page.next.is_some()).filter_map(|page| page.rows.last());
            let whole_until = cut_short.map(|row| read(row).place).min();
            let mut of_hour: Vec<Told> = pages.iter().flat_map(|page| &page.rows).map(read).collect();
            of_hour.sort_by(|a, b| a.place.cmp(&b.place));
            of_hour.retain(|told| told.place <= *until && whole_until.as_ref().is_none_or(|last| told.place <= *last));
            found.extend(of_hour.into_iter().take(left));
            if whole_until.is_some() {
                return Ok(found);
            }
            hour += HOUR_MS;
        }
        Ok(found)
    }

    /// What a notice told; none when the key of its person is destroyed.
    pub async fn opened_told(&self, tenant: &TenantId, told: &Told) -> Result<Option<Vec<u8>>, Failure> {
        let key = self.vault.existing(tenant, &told.owner).await?;
        Ok(key.and_then(|key| key.open(&sealed_for(&told.place.id), &told.sealed)))
    }
}

fn hour_of(at_ms: i64) -> i64 {
    at_ms.div_euclid(HOUR_MS) * HOUR_MS
}

fn shard_of(id: &MessageId) -> i64 {
    id.bucket() % SHARDS
}

fn sealed_for(id: &str) -> String {
    format!("told/{id}")
}

fn read(row: &Row) -> Told {
    Told {
        place: Place { at_ms: row.time("told_at"), id: row.text("message_id").to_owned() },
        owner: row.text("owner").to_owned(),
        sealed: row.bytes("sealed").to_vec(),
    }
}
