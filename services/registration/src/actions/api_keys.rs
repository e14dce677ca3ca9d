//! API keys: made, listed, revoked, and looked up for whoever shows one. What may be done with a key is not decided here but by the
//! access layer, which remembers an answer for a while.

use turnout_platform::{
    auth::{ApiKeys, Principal},
    failure::Failure,
    ids::TenantId,
    page_tokens::TimePlace,
    random,
};

use super::new_key_id;
use crate::{
    Registration,
    domain::{
        fields,
        keys::{
            self, API_KEYS_PER_TENANT_MAX, ApiKey, KeyId, LABEL_CHARS_MAX, ListedApiKey, NoKeyId,
            REVOKED_API_KEYS_LISTED_MAX, Revocation,
        },
    },
    registrants::{About, Act},
};

/// Keys that are read to know whether there may be one more: more than a list has, as creations at the same moment may have exceeded it.
const LISTED_READ_MAX: usize = 2 * (API_KEYS_PER_TENANT_MAX + REVOKED_API_KEYS_LISTED_MAX);

/// An API key that was just made. It has no `Debug`, so that the secret gets into no log.
pub struct NewApiKey {
    /// Public part, fit for lists and logs.
    pub key_id: String,
    /// The whole key. It is kept nowhere.
    pub secret: String,
}

impl Registration {
    /// Makes an API key for the caller's tenant, which is in the audit log before. `label` says what it is for, 1 to 100 characters.
    ///
    /// # Errors
    /// `Invalid` for a label that is empty, too long or no line of text; `Precondition` when the tenant has as many keys as it may;
    /// `PermissionDenied` for a caller without a tenant; `Unavailable` and `Overloaded` when the tables or the log do not answer.
    pub async fn create_api_key(&self, caller: &Principal, label: &str) -> Result<NewApiKey, Failure> {
        let tenant = caller.tenant()?;
        let label = fields::line("label", label, LABEL_CHARS_MAX)?;
        let (present, _) = self.store.api_keys_of(tenant, None, LISTED_READ_MAX).await?;
        let leaving = keys::room_for_one_more(present)?;
        let id = new_key_id();
        let key_id = id.to_string();
        let secret = keys::api_key_secret(&id, &random::token_256());
        let key = ApiKey {
            id,
            tenant: tenant.clone(),
            label,
            secret_sha256: keys::sha256(&secret),
            created_at_ms: self.at_ms(),
            created_by: caller.actor(),
            revocation: None,
            listed: true,
        };
        self.registrants.enter_act(caller, "api-key.create", About::Key(&key_id), String::new()).await?;
        self.store.add_api_key(&key, &leaving).await?;
        Ok(NewApiKey { key_id, secret })
    }

    /// A page of a tenant's API keys, and whether more follow.
    pub(crate) async fn api_keys(
        &self,
        tenant: &TenantId,
        after: Option<TimePlace<KeyId>>,
        limit: usize,
    ) -> Result<(Vec<ListedApiKey>, bool), Failure> {
        self.store.api_keys_of(tenant, after, limit).await
    }

    /// Revokes a key of the caller's tenant, which is in the audit log before. One that is revoked stays as it is.
    pub(crate) async fn revoke_api_key(
        &self,
        caller: &Principal,
        id: &KeyId,
        act: Option<Act>,
    ) -> Result<ListedApiKey, Failure> {
        let tenant = caller.tenant()?;
        let found = self.store.api_key(id).await?.filter(|key| key.tenant == *tenant);
        let mut key = found.ok_or(Failure::NotFound { what: "API key" })?;
        if key.revocation.is_none() {
            let reason = act.map(|act| act.reason).unwrap_or_default();
            let about = About::Key(&id.to_string());
            self.registrants.enter_act_with_reason(caller, "api-key.revoke", about, reason).await?;
            let revocation = Revocation { at_ms: self.at_ms(), by: caller.actor() };
            self.store.revoke_api_key(&key, &revocation).await?;
            key.revocation = Some(revocation);
        }
        Ok(key.into())
    }
}

#[tonic::async_trait]
impl ApiKeys for Registration {
    async fn resolve(&self, key_id: &str, secret_sha256: &[u8]) -> Result<Option<TenantId>, Failure> {
        let found = match key_id.parse() {
            Ok(id) => self.store.api_key(&id).await?,
            Err(NoKeyId) => None,
        };
        let valid = found.filter(|key| key.opens_with(secret_sha256));
        self.metrics.api_key_looked_up(valid.is_some());
        let Some(key) = valid else { return Ok(None) };
        if !key.listed {
            // From before there was a list. If it cannot be put there now, it works all the same, and its next use tries again.
            if let Err(failure) = self.store.list_api_key(&key).await {
                tracing::warn!(%failure, "an API key could not be put into its tenant's list");
            }
        }
        Ok(Some(key.tenant))
    }
}
