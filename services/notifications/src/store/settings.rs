//! What a tenant has settled, and the secrets of its reports. Both are sealed: the address for answers is somebody's, and an address
//! of a webhook may hold a secret.

use prost::Message as _;
use turnout_platform::{
    failure::Failure,
    ids::TenantId,
    tables::{Row, Value},
    webhooks::{SealedFor, SealedSecrets},
};
use turnout_proto::notifications::v1::MessageSettings;

use super::{MESSAGE_SETTINGS_BY_TENANT, REPORT_SECRETS_BY_TENANT, Store, unreadable};
use crate::domain::quiet::QuietHours;

/// Whose key seals what belongs to the tenant itself.
pub(crate) const OWNER: &str = "tenant";
/// What the secrets of reports are sealed for.
const SECRETS: SealedFor<'static> = SealedFor { present: "report-secret", old: "old-report-secrets" };

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
        let key = self.vault.existing(tenant, OWNER).await?.ok_or_else(|| unreadable(&row))?;
        let valid = sealed_secrets(&row).valid(&key, SECRETS, now_ms);
        if valid.is_empty() { Err(unreadable(&row)) } else { Ok(Some(valid)) }
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
        let found = self.tables.get(&REPORT_SECRETS_BY_TENANT, vec![tenant.as_str().into()]).await?;
        let key = self.vault.key_for(tenant, OWNER).await?;
        let before = found.as_ref().map(sealed_secrets).unwrap_or_default();
        // What cannot be read must not be put out of use by this.
        if let Some(row) = found.as_ref().filter(|_| before.valid(&key, SECRETS, now_ms).is_empty()) {
            return Err(unreadable(row));
        }
        let (secret, sealed) = before.rotated(&key, SECRETS, now_ms)?;
        let row = Row::new(&REPORT_SECRETS_BY_TENANT)
            .set("tenant_id", tenant.as_str())
            .set("sealed", sealed.present)
            .set("old_sealed", sealed.old)
            .set("old_until", Value::Time(sealed.old_until_ms));
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

fn sealed_secrets(row: &Row) -> SealedSecrets {
    SealedSecrets {
        present: row.bytes("sealed").to_vec(),
        old: row.bytes("old_sealed").to_vec(),
        old_until_ms: row.time("old_until"),
    }
}
