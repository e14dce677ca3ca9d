//! The secrets of payment webhooks, and which notices were applied.

use turnout_platform::{
    failure::Failure,
    ids::TenantId,
    tables::{PutIf, Row, Table, Value, bytes, int, text, time},
    webhooks::SealedSecrets,
};

use super::Store;

/// How long an applied notice is remembered: no provider repeats one for longer.
const NOTICE_S: u32 = 30 * 24 * 60 * 60;

pub(super) static PAYMENT_SECRETS: Table = Table {
    name: "payment_secrets_by_tenant",
    question: "With which secrets, sealed, are this tenant's payment notices signed?",
    partition: &[text("tenant_id")],
    clustering: &[],
    columns: &[bytes("present"), bytes("previous"), time("previous_until"), int("version")],
    lifetime_s: None,
};

pub(super) static PAYMENT_NOTICES: Table = Table {
    name: "payment_notices",
    question: "Has this payment notice been applied?",
    partition: &[text("tenant_id"), bytes("notice")],
    clustering: &[],
    columns: &[time("applied_at"), int("version")],
    lifetime_s: Some(NOTICE_S),
};

/// The secrets of a tenant, sealed.
#[derive(Clone, Default)]
pub(crate) struct Secrets {
    pub sealed: SealedSecrets,
    /// 0 when there are no secrets yet.
    pub version: i64,
}

impl Store {
    pub async fn payment_secrets(&self, tenant: &TenantId) -> Result<Secrets, Failure> {
        let row = self.tables.get(&PAYMENT_SECRETS, vec![tenant.as_str().into()]).await?;
        Ok(row.map_or_else(Secrets::default, |row| Secrets {
            sealed: SealedSecrets {
                present: row.bytes("present").to_vec(),
                old: row.bytes("previous").to_vec(),
                old_until_ms: row.time("previous_until"),
            },
            version: row.int("version"),
        }))
    }

    /// Puts the secrets in the place of the version before; false when another version was there.
    pub async fn replace_payment_secrets(&self, tenant: &TenantId, secrets: &Secrets) -> Result<bool, Failure> {
        let row = Row::new(&PAYMENT_SECRETS)
            .set("tenant_id", tenant.as_str())
            .set("present", secrets.sealed.present.as_slice())
            .set("previous", secrets.sealed.old.as_slice())
            .set("previous_until", Value::Time(secrets.sealed.old_until_ms))
            .set("version", secrets.version);
        if secrets.version == 1 {
            return Ok(self.tables.put_if_absent(row).await?.is_none());
        }
        Ok(self.tables.put_if_version(row, secrets.version - 1).await? == PutIf::Stored)
    }

    pub async fn is_notice_applied(&self, tenant: &TenantId, notice: &[u8]) -> Result<bool, Failure> {
        Ok(self.tables.get(&PAYMENT_NOTICES, vec![tenant.as_str().into(), notice.into()]).await?.is_some())
    }

    /// Remembers a notice, after it was applied.
    pub async fn put_notice(&self, tenant: &TenantId, notice: &[u8], at_ms: i64) -> Result<(), Failure> {
        let row = Row::new(&PAYMENT_NOTICES)
            .set("tenant_id", tenant.as_str())
            .set("notice", notice)
            .set("applied_at", Value::Time(at_ms))
            .set("version", 1_i64);
        self.tables.put_if_absent(row).await?;
        Ok(())
    }
}
