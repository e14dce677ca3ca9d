//! API keys and ticket keys by id, and the ticket keys of each tenant.

use turnout_platform::{
    failure::Failure,
    ids::TenantId,
    tables::{Range, Row, Value, Write},
};

use super::{API_KEYS_BY_ID, Store, TICKET_KEYS_BY_ID, TICKET_KEYS_BY_TENANT, unreadable};
use crate::domain::keys::{ApiKey, KeyId, TICKET_KEYS_PER_TENANT_MAX, TicketKey};

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
                })
            };
            parts().ok_or_else(|| unreadable(&row))
        };
        row.map(read).transpose()
    }

    /// Keeps a new key. Its id is random, so nothing is there yet.
    pub async fn add_api_key(&self, key: &ApiKey) -> Result<(), Failure> {
        let row = Row::new(&API_KEYS_BY_ID)
            .set("key_id", key.id.to_string())
            .set("tenant_id", key.tenant.as_str())
            .set("label", key.label.as_str())
            .set("secret_sha256", key.secret_sha256.as_slice())
            .set("created_at", Value::Time(key.created_at_ms));
        Ok(self.tables.put(row).await?)
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
