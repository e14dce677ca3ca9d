//! What a tenant has settled, and the secrets of its reports. Both are sealed: the address for answers is somebody's, and an address
//! of a webhook may hold a secret.

use prost::Message as _;
use serde::{Deserialize, Serialize};
use turnout_platform::{
    failure::Failure,
    ids::TenantId,
    random,
    tables::{Row, Value},
    webhooks,
};
use turnout_proto::notifications::v1::MessageSettings;

use super::{MESSAGE_SETTINGS_BY_TENANT, REPORT_SECRETS_BY_TENANT, Store, unreadable};
use crate::domain::quiet::QuietHours;

/// Whose key seals what belongs to the tenant itself.
pub(crate) const OWNER: &str = "tenant";
/// An old secret is valid for so long after a new one.
const OLD_SECRET_MS: i64 = 24 * 3_600_000;
/// So many old ones at a time: each is one more signature under every notice.
const OLD_SECRETS_MAX: usize = 8;
/// What they are sealed for.
const SECRET: &str = "report-secret";
const OLD_SECRETS: &str = "old-report-secrets";

/// A secret that is not the current one any more.
#[derive(Serialize, Deserialize)]
struct OldSecret {
    secret: Vec<u8>,
    until_ms: i64,
}

impl Store {
    /// A tenant's settings; ours while it has none.
    pub async fn settings(&self, tenant: &TenantId) -> Result<MessageSettings, Failure> {
        let Some(row) = self.tables.get(&MESSAGE_SETTINGS_BY_TENANT, vec![tenant.as_str().into()]).await? else {
            return Ok(MessageSettings {
                sender_name: tenant.to_string(),
                quiet_from_min: QuietHours::USUAL.from_min,
                quiet_to_min: QuietHours::USUAL.to_min,
                ..MessageSettings::default()
            });
        };
        let plain =
            self.open(tenant, "message-settings", row.bytes("sealed")).await?.ok_or_else(|| unreadable(&row))?;
        let settings = MessageSettings::decode(plain.as_slice()).map_err(|_| unreadable(&row))?;
        Ok(MessageSettings { version: row.int("version"), ..settings })
    }

    /// Puts the settings; `version` is the one that the caller saw.
    pub async fn put_settings(&self, tenant: &TenantId, settings: MessageSettings) -> Result<MessageSettings, Failure> {
        let sealed = self.seal(tenant, "message-settings", &settings.encode_to_vec()).await?;
        let row = Row::new(&MESSAGE_SETTINGS_BY_TENANT).set("tenant_id", tenant.as_str()).set("sealed", sealed);
        self.put_versioned(row, settings.version, "settings").await?;
        Ok(MessageSettings { version: settings.version + 1, ..settings })
    }

    /// The secrets that are valid now, the current one first; none when none was ever made.
    pub async fn report_secrets(&self, tenant: &TenantId, now_ms: i64) -> Result<Option<Vec<Vec<u8>>>, Failure> {
        let Some(row) = self.tables.get(&REPORT_SECRETS_BY_TENANT, vec![tenant.as_str().into()]).await? else {
            return Ok(None);
        };
        let current = self.current_secret(tenant, &row).await?;
        let old = self.old_secrets(tenant, &row, now_ms).await?;
        Ok(Some(std::iter::once(current).chain(old.into_iter().map(|old| old.secret)).collect()))
    }

    async fn current_secret(&self, tenant: &TenantId, row: &Row) -> Result<Vec<u8>, Failure> {
        self.open(tenant, SECRET, row.bytes("sealed")).await?.ok_or_else(|| unreadable(row))
    }

    /// Those before the current one that are still valid, the latest first.
    async fn old_secrets(&self, tenant: &TenantId, row: &Row, now_ms: i64) -> Result<Vec<OldSecret>, Failure> {
        let (sealed, until_ms) = (row.bytes("old_sealed"), row.time("old_until"));
        if sealed.is_empty() || until_ms <= now_ms {
            return Ok(Vec::new());
        }
        let mut old: Vec<OldSecret> = match self.open(tenant, OLD_SECRETS, sealed).await? {
            Some(plain) => serde_json::from_slice(&plain).map_err(|_| unreadable(row))?,
            // Stored before there could be several.
            None => self
                .open(tenant, SECRET, sealed)
                .await?
                .map(|secret| OldSecret { secret, until_ms })
                .into_iter()
                .collect(),
        };
        old.retain(|old| now_ms < old.until_ms);
        Ok(old)
    }

    /// The secrets that are valid now, made when there is none.
    pub async fn some_secrets(&self, tenant: &TenantId, now_ms: i64) -> Result<Vec<Vec<u8>>, Failure> {
        if let Some(secrets) = self.report_secrets(tenant, now_ms).await? {
            return Ok(secrets);
        }
        Ok(vec![self.rotate_report_secret(tenant, now_ms).await?])
    }

    /// Makes a new secret. Those before stay valid until their time, however often this is repeated.
    pub async fn rotate_report_secret(&self, tenant: &TenantId, now_ms: i64) -> Result<Vec<u8>, Failure> {
        let secret = random::bytes::<{ webhooks::SECRET_BYTES }>().to_vec();
        let found = self.tables.get(&REPORT_SECRETS_BY_TENANT, vec![tenant.as_str().into()]).await?;
        let until_ms = now_ms + OLD_SECRET_MS;
        let mut old = Vec::new();
        if let Some(row) = &found {
            old.push(OldSecret { secret: self.current_secret(tenant, row).await?, until_ms });
            old.extend(self.old_secrets(tenant, row, now_ms).await?);
        }
        if old.len() > OLD_SECRETS_MAX {
            return Err(Failure::Precondition(format!(
                "{OLD_SECRETS_MAX} old secrets are still valid; wait until one is not"
            )));
        }
        let old = serde_json::to_vec(&old).map_err(Failure::internal)?;
        let row = Row::new(&REPORT_SECRETS_BY_TENANT)
            .set("tenant_id", tenant.as_str())
            .set("sealed", self.seal(tenant, SECRET, &secret).await?)
            .set("old_sealed", self.seal(tenant, OLD_SECRETS, &old).await?)
            .set("old_until", Value::Time(until_ms));
        let version = found.map_or(0, |row| row.int("version"));
        self.put_versioned(row, version, "secret").await?;
        Ok(secret)
    }

    async fn seal(&self, tenant: &TenantId, context: &str, plain: &[u8]) -> Result<Vec<u8>, Failure> {
        Ok(self.vault.key_for(tenant, OWNER).await?.seal(context, plain))
    }

    async fn open(&self, tenant: &TenantId, context: &str, sealed: &[u8]) -> Result<Option<Vec<u8>>, Failure> {
        let key = self.vault.existing(tenant, OWNER).await?;
        Ok(key.and_then(|key| key.open(context, sealed)))
    }
}
