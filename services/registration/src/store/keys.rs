//! API keys and ticket keys by id, and those of each tenant.
//!
//! What a key may open is decided by its row in `api_keys_by_id` alone; the row in its tenant's list says the same to people. Both are
//! written together. A key from before there were lists has no row there until it is used or revoked.

use turnout_platform::{
    failure::Failure,
    ids::TenantId,
    page_tokens::TimePlace,
    tables::{BATCH_WRITES_MAX, Range, Row, Value, Write},
};

use super::{API_KEYS_BY_ID, API_KEYS_BY_TENANT, Store, TICKET_KEYS_BY_ID, TICKET_KEYS_BY_TENANT, unreadable};
use crate::domain::keys::{ApiKey, KeyId, ListedApiKey, Revocation, TICKET_KEYS_PER_TENANT_MAX, TicketKey};

impl Store {
    pub async fn api_key(&self, id: &KeyId) -> Result<Option<ApiKey>, Failure> {
        let row = self.tables.get(&API_KEYS_BY_ID, vec![id.to_string().into()]).await?;
        let read = |row: Row| {
            let parts = || {
                Some(ApiKey {
                    id: row.text("key_id").parse().ok()?,
                    tenant: row.text("tenant_id").parse().ok()?,
                    label: row.text("label").to_owned(),
                    secret_sha256: row.bytes("secret_sha256").try_into().ok()?,
                    created_at_ms: row.time("created_at"),
                    created_by: row.text("created_by").to_owned(),
                    revocation: read_revocation(&row),
                    listed: row.flag("listed"),
                })
            };
            parts().ok_or_else(|| unreadable(&row))
        };
        row.map(read).transpose()
    }

    /// Keeps a new key, by its id and by its tenant, or neither; these others leave the tenant's list. Its id is random, so nothing is
    /// there yet.
    pub async fn add_api_key(&self, key: &ApiKey, leaving: &[ListedApiKey]) -> Result<(), Failure> {
        let by_id = Row::new(&API_KEYS_BY_ID)
            .set("key_id", key.id.to_string())
            .set("tenant_id", key.tenant.as_str())
            .set("label", key.label.as_str())
            .set("secret_sha256", key.secret_sha256.as_slice())
            .set("created_at", Value::Time(key.created_at_ms))
            .set("created_by", key.created_by.as_str())
            .set("listed", true);
        let leave = |gone: &ListedApiKey| Write::Delete {
            table: &API_KEYS_BY_TENANT,
            key: vec![key.tenant.as_str().into(), Value::Time(gone.created_at_ms), gone.id.to_string().into()],
        };
        let writes = [Write::Put(by_id), Write::Put(list_row(key))].into_iter();
        let leaving = leaving.iter().take(BATCH_WRITES_MAX - writes.len()).map(leave);
        Ok(self.tables.batch_across(writes.chain(leaving).collect()).await?)
    }

    /// Puts a key from before there were lists into that of its tenant.
    pub async fn list_api_key(&self, key: &ApiKey) -> Result<(), Failure> {
        let listed = Row::new(&API_KEYS_BY_ID).set("key_id", key.id.to_string()).set("listed", true);
        Ok(self.tables.batch_across(vec![Write::Put(listed), Write::Put(list_row(key))]).await?)
    }

    /// Marks a key as revoked, by its id and in its tenant's list. Two that revoke it at the same moment may both come here: then what is
    /// kept is from one of them, the later.
    pub async fn revoke_api_key(&self, key: &ApiKey, revocation: &Revocation) -> Result<(), Failure> {
        let marked = |row: Row| {
            let row = row.set("revoked_at", Value::Time(revocation.at_ms)).set("revoked_by", revocation.by.as_str());
            Write::Put(row)
        };
        let by_id = Row::new(&API_KEYS_BY_ID).set("key_id", key.id.to_string()).set("listed", true);
        Ok(self.tables.batch_across(vec![marked(by_id), marked(list_row(key))]).await?)
    }

    /// A page of a tenant's API keys, newest first, and whether more follow.
    pub async fn api_keys_of(
        &self,
        tenant: &TenantId,
        after: Option<TimePlace<KeyId>>,
        limit: usize,
    ) -> Result<(Vec<ListedApiKey>, bool), Failure> {
        let mut range = Range::of(&API_KEYS_BY_TENANT, vec![tenant.as_str().into()]).reverse().limit(limit);
        if let Some(place) = after {
            range = range.after(vec![Value::Time(place.at_ms), place.id.to_string().into()]);
        }
        let page = self.tables.range(range).await?;
        let keys = page.rows.iter().map(read_listed).collect::<Result<_, _>>()?;
        Ok((keys, page.next.is_some()))
    }

    pub async fn ticket_key(&self, id: &KeyId) -> Result<Option<TicketKey>, Failure> {
        let row = self.tables.get(&TICKET_KEYS_BY_ID, vec![id.to_string().into()]).await?;
        row.as_ref().map(read_ticket_key).transpose()
    }

    /// All ticket keys of a tenant.
    pub async fn ticket_keys_of(&self, tenant: &TenantId) -> Result<Vec<TicketKey>, Failure> {
        // A few more than the most: registrations at the same moment may have exceeded it.
        let range =
            Range::of(&TICKET_KEYS_BY_TENANT, vec![tenant.as_str().into()]).limit(2 * TICKET_KEYS_PER_TENANT_MAX);
        let page = self.tables.range(range).await?;
        page.rows.iter().map(read_ticket_key).collect()
    }

    /// Keeps a new key, by its id and by its tenant, or neither.
    pub async fn add_ticket_key(&self, key: &TicketKey) -> Result<(), Failure> {
        let row = |table| {
            Row::new(table)
                .set("key_id", key.id.to_string())
                .set("tenant_id", key.tenant.as_str())
                .set("public_key", key.public_key.as_slice())
                .set("created_at", Value::Time(key.created_at_ms))
        };
        let writes = vec![Write::Put(row(&TICKET_KEYS_BY_ID)), Write::Put(row(&TICKET_KEYS_BY_TENANT))];
        Ok(self.tables.batch_across(writes).await?)
    }
}

fn list_row(key: &ApiKey) -> Row {
    Row::new(&API_KEYS_BY_TENANT)
        .set("tenant_id", key.tenant.as_str())
        .set("created_at", Value::Time(key.created_at_ms))
        .set("key_id", key.id.to_string())
        .set("label", key.label.as_str())
        .set("created_by", key.created_by.as_str())
}

fn read_listed(row: &Row) -> Result<ListedApiKey, Failure> {
    Ok(ListedApiKey {
        id: row.text("key_id").parse().map_err(|_| unreadable(row))?,
        label: row.text("label").to_owned(),
        created_at_ms: row.time("created_at"),
        created_by: row.text("created_by").to_owned(),
        revocation: read_revocation(row),
    })
}

/// Both tables of API keys have these columns.
fn read_revocation(row: &Row) -> Option<Revocation> {
    row.opt_time("revoked_at").map(|at_ms| Revocation { at_ms, by: row.text("revoked_by").to_owned() })
}

/// Both tables of ticket keys have the same columns.
fn read_ticket_key(row: &Row) -> Result<TicketKey, Failure> {
    let parts = || {
        Some(TicketKey {
            id: row.text("key_id").parse().ok()?,
            tenant: row.text("tenant_id").parse().ok()?,
            public_key: row.bytes("public_key").try_into().ok()?,
            created_at_ms: row.time("created_at"),
        })
    };
    parts().ok_or_else(|| unreadable(row))
}
