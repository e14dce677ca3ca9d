//! The audit log: what members of a team, and programs of the organiser, did for others, and what anybody did to the security of their
//! own account. It is written before the act is acknowledged. Who must say why is decided where the act is done.

use std::sync::Arc;

use turnout_platform::{clock::Clock, failure::Failure, ids::TenantId, tables::Tables, vault::Vault};

use super::{
    domain::fields,
    store::{EntryPlace, Store, StoredEntry},
};

pub(crate) use super::store::AuditRecord;

/// The log. A clone is another handle on the same.
#[derive(Clone)]
pub(crate) struct Audit {
    store: Store,
    clock: Arc<dyn Clock>,
}

impl Audit {
    pub fn new(tables: Arc<dyn Tables>, vault: Vault, clock: Arc<dyn Clock>) -> Self {
        Self { store: Store::new(tables, vault), clock }
    }

    /// Adds an entry, now. A long detail is cut.
    pub async fn record(&self, tenant: &TenantId, record: AuditRecord) -> Result<(), Failure> {
        let record = AuditRecord { detail: fields::detail(&record.detail), ..record };
        self.store.add_entry(tenant, record, self.clock.at_ms() as i64).await
    }

    /// A page of entries, newest first, on one subject or on all; and whether more follow.
    pub async fn page(
        &self,
        tenant: &TenantId,
        subject: Option<&str>,
        after: Option<EntryPlace>,
        limit: usize,
    ) -> Result<(Vec<StoredEntry>, bool), Failure> {
        let mut entries = match subject {
            Some(subject) => self.store.entries_on(tenant, subject, after, limit + 1).await?,
            None => self.store.entries(tenant, after, limit + 1).await?,
        };
        let more = entries.len() > limit;
        entries.truncate(limit);
        Ok((entries, more))
    }
}
