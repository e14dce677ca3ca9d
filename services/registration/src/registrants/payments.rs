//! Payment notices of the organiser's provider: signed with a secret that the tenant may change, applied once.
//!
//! A notice is applied first and remembered second. A crash in between lets it be applied again, which changes nothing: the registration
//! itself remembers the last ones, and knows when what it holds happened.

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::Deserialize;
use turnout_platform::{
    auth::Principal,
    failure::Failure,
    ids::{EventId, RegistrationId, TenantId},
    webhooks::{self, Envelope, SealedFor},
};
use turnout_proto::profiles::v1::AuditEntry;

use super::Registrants;
use crate::{
    domain::{
        money::Money,
        registration::{Payment, PaymentNotice, Registration},
    },
    store::payments::Secrets,
};

/// The vault's owner of what belongs to the tenant itself.
const TENANT_KEY: &str = "tenant";
/// Bytes of the hash of a notice's id that its registration keeps.
const NOTICE_ID_BYTES: usize = 12;
/// Bytes of a notice's body.
const BODY_BYTES_MAX: usize = 16 * 1024;

/// A notice as it arrived.
pub(crate) struct Notice {
    pub id: String,
    pub timestamp: String,
    pub signature: String,
    pub body: Vec<u8>,
}

/// What its body says.
#[derive(Deserialize)]
struct Body {
    event_id: String,
    registration_id: String,
    state: String,
    amount_minor: i64,
    currency: String,
    /// When the money moved, seconds since 1970; without it, when the notice was sent.
    at: Option<i64>,
}

impl Registrants {
    /// Makes a new secret, as its owner is told it.
    pub async fn rotate_payment_secret(&self, tenant: &TenantId, caller: &Principal) -> Result<String, Failure> {
        let key = self.vault.key_for(tenant, TENANT_KEY).await?;
        let (before, names) = (self.store.payment_secrets(tenant).await?, Names::of(tenant));
        let (secret, sealed) = before.sealed.rotated(&key, names.sealed_for(), self.at_ms())?;
        let secrets = Secrets { sealed, version: before.version + 1 };
        let entry = AuditEntry {
            actor: caller.actor(),
            action: "payment-secret.rotate".to_owned(),
            subject: format!("tenant:{tenant}"),
            entry_id: format!("payment-secret-{}", secrets.version),
            ..AuditEntry::default()
        };
        // Entered first: a secret that nobody is shown would put the one in use out of it.
        self.profiles.audit(tenant, entry).await?;
        if !self.store.replace_payment_secrets(tenant, &secrets).await? {
            return Err(Failure::Changed { what: "payment secret" });
        }
        Ok(webhooks::shown(&secret))
    }

    /// Applies a notice. Whether it was applied before.
    pub async fn apply_notice(&self, tenant: &TenantId, notice: Notice) -> Result<bool, Failure> {
        let Notice { id, timestamp, signature, body } = notice;
        let envelope = Envelope { id: &id, timestamp: &timestamp, signature: &signature, body: &body };
        let secrets = self.valid_secrets(tenant).await?;
        if body.len() > BODY_BYTES_MAX || !envelope.is_genuine(&secrets, self.at_ms() / 1000) {
            return Err(Failure::Unauthenticated);
        }
        let known_as = digest(&SHA256, id.as_bytes());
        if self.store.is_notice_applied(tenant, known_as.as_ref()).await? {
            return Ok(true);
        }
        let sent_s = timestamp.parse().map_err(|_| Failure::Unauthenticated)?;
        let changed = self.apply(tenant, &known_as.as_ref()[..NOTICE_ID_BYTES], sent_s, &body).await?;
        self.store.put_notice(tenant, known_as.as_ref(), self.at_ms()).await?;
        Ok(!changed)
    }

    async fn apply(&self, tenant: &TenantId, id: &[u8], sent_s: i64, body: &[u8]) -> Result<bool, Failure> {
        let body: Body = serde_json::from_slice(body).map_err(|_| {
            let problem = "must be JSON with event_id, registration_id, state, amount_minor and currency";
            Failure::invalid("body", problem)
        })?;
        let invalid = |problem: &str| Failure::invalid("body", problem);
        let event: EventId = body.event_id.parse().map_err(|_| invalid("has no event_id"))?;
        let registration: RegistrationId =
            body.registration_id.parse().map_err(|_| invalid("has no registration_id"))?;
        let payment = match body.state.as_str() {
            "paid" => Payment::Paid,
            "refunded" => Payment::Refunded,
            _ => return Err(invalid("must have the state `paid` or `refunded`")),
        };
        let amount = Money::of("body", body.amount_minor, &body.currency)?;
        let (event, now_ms) = (self.event(Some(tenant), &event).await?, self.at_ms());
        let at_ms = body.at.unwrap_or(sent_s).saturating_mul(1000);
        let notice = PaymentNotice { id: BASE64_URL_SAFE_NO_PAD.encode(id), payment, amount, at_ms };
        let step = |registration: Registration| registration.noticed(&notice, &event.settings, now_ms);
        let (_, changed) = self.change(&event, &registration, None, step).await?;
        Ok(changed)
    }

    async fn valid_secrets(&self, tenant: &TenantId) -> Result<Vec<Vec<u8>>, Failure> {
        let sealed = self.store.payment_secrets(tenant).await?;
        let Some(key) = self.vault.existing(tenant, TENANT_KEY).await? else { return Ok(Vec::new()) };
        Ok(sealed.sealed.valid(&key, Names::of(tenant).sealed_for(), self.at_ms()))
    }
}

/// What the secrets of a tenant are sealed for.
struct Names {
    present: String,
    old: String,
}

impl Names {
    fn of(tenant: &TenantId) -> Self {
        Self { present: format!("payment-secrets/{tenant}"), old: format!("old-payment-secrets/{tenant}") }
    }

    fn sealed_for(&self) -> SealedFor<'_> {
        SealedFor { present: &self.present, old: &self.old }
    }
}
