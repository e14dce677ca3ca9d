//! Payment notices of the organiser's provider: signed with a secret that the tenant may change, applied once.
//!
//! A notice is applied first and remembered second. A crash in between lets it be applied again, which changes nothing: notices only
//! move a payment forward, from unpaid to paid to given back.

use aws_lc_rs::digest::{SHA256, digest};
use serde::Deserialize;
use turnout_platform::{
    auth::Principal,
    failure::Failure,
    ids::{EventId, RegistrationId, TenantId},
    random,
    webhooks::{self, Envelope, SECRET_BYTES},
};
use turnout_proto::profiles::v1::AuditEntry;

use super::Registrants;
use crate::{
    domain::{
        money::Money,
        registration::{Payment, Registration},
    },
    store::payments::Secrets,
};

/// How long the secret before stays valid.
const PREVIOUS_MS: i64 = 24 * 60 * 60 * 1000;
/// The vault's owner of what belongs to the tenant itself.
const TENANT_KEY: &str = "tenant";
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
}

impl Registrants {
    /// Makes a new secret, as its owner is told it.
    pub async fn rotate_payment_secret(&self, tenant: &TenantId, caller: &Principal) -> Result<String, Failure> {
        let key = self.vault.key_for(tenant, TENANT_KEY).await?;
        let secret = random::bytes::<SECRET_BYTES>();
        let before = self.store.payment_secrets(tenant).await?;
        let secrets = Secrets {
            present: key.seal(&context(tenant), &secret),
            previous: before.present,
            previous_until_ms: self.at_ms() + PREVIOUS_MS,
            version: before.version + 1,
        };
        if !self.store.replace_payment_secrets(tenant, &secrets).await? {
            return Err(Failure::Changed { what: "payment secret" });
        }
        let entry = AuditEntry {
            actor: caller.actor(),
            action: "payment-secret.rotate".to_owned(),
            subject: format!("tenant:{tenant}"),
            entry_id: format!("payment-secret-{}", secrets.version),
            ..AuditEntry::default()
        };
        self.profiles.audit(tenant, entry).await?;
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
        let changed = self.apply(tenant, &body).await?;
        self.store.put_notice(tenant, known_as.as_ref(), self.at_ms()).await?;
        Ok(!changed)
    }

    async fn apply(&self, tenant: &TenantId, body: &[u8]) -> Result<bool, Failure> {
        let body: Body = serde_json::from_slice(body).map_err(|_| {
            let problem = "must be JSON with event_id, registration_id, state, amount_minor and currency";
            Failure::invalid("body", problem)
        })?;
        let invalid = |problem: &str| Failure::invalid("body", problem);
        let event: EventId = body.event_id.parse().map_err(|_| invalid("has no event_id"))?;
        let id: RegistrationId = body.registration_id.parse().map_err(|_| invalid("has no registration_id"))?;
        let payment = match body.state.as_str() {
            "paid" => Payment::Paid,
            "refunded" => Payment::Refunded,
            _ => return Err(invalid("must have the state `paid` or `refunded`")),
        };
        let amount = Money::of("body", body.amount_minor, &body.currency)?;
        let event = self.event(Some(tenant), &event).await?;
        let step = |registration: Registration| {
            let is_late = registration.payment == Payment::Refunded && payment == Payment::Paid;
            if is_late {
                return Ok((registration, Vec::new()));
            }
            registration.with_payment(payment, Some(amount.clone()), &event.settings)
        };
        let (_, changed) = self.change(&event, &id, None, step).await?;
        Ok(changed)
    }

    async fn valid_secrets(&self, tenant: &TenantId) -> Result<Vec<Vec<u8>>, Failure> {
        let sealed = self.store.payment_secrets(tenant).await?;
        let Some(key) = self.vault.existing(tenant, TENANT_KEY).await? else { return Ok(Vec::new()) };
        let mut secrets = vec![sealed.present];
        if self.at_ms() < sealed.previous_until_ms {
            secrets.push(sealed.previous);
        }
        let open = |secret: Vec<u8>| key.open(&context(tenant), &secret);
        Ok(secrets.into_iter().filter(|secret| !secret.is_empty()).filter_map(open).collect())
    }
}

fn context(tenant: &TenantId) -> String {
    format!("payment-secrets/{tenant}")
}
