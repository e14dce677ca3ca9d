//! Payment notices of the organiser's provider: signed with a secret that the tenant may change, applied once.
//!
//! A notice is applied first and remembered second. A crash in between lets it be applied again, which changes nothing: notices only
//! move a payment forward, from unpaid to paid to given back.

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use turnout_platform::{
    auth::Principal,
    failure::Failure,
    ids::{EventId, RegistrationId, TenantId},
    random,
    vault::DataKey,
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

/// Old secrets that are valid at a time: a rotation that is repeated puts none of them out of use before its time.
const OLD_SECRETS_MAX: usize = 8;
/// How long a secret stays valid after the next one was made.
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

/// A secret that is not the present one any more.
#[derive(Serialize, Deserialize)]
struct OldSecret {
    secret: Vec<u8>,
    until_ms: i64,
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
        let mut old = old_secrets(&key, tenant, &before, self.at_ms());
        if let Some(present) = open(&key, &context(tenant), &before.present) {
            old.insert(0, OldSecret { secret: present, until_ms: self.at_ms() + PREVIOUS_MS });
        }
        if old.len() > OLD_SECRETS_MAX {
            let problem =
                format!("{OLD_SECRETS_MAX} old secrets are still valid; try again when one of them has ended");
            return Err(Failure::Precondition(problem));
        }
        let plain = serde_json::to_vec(&old).expect("numbers are JSON");
        let secrets = Secrets {
            present: key.seal(&context(tenant), &secret),
            previous: key.seal(&old_context(tenant), &plain),
            previous_until_ms: self.at_ms() + PREVIOUS_MS,
            version: before.version + 1,
        };
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
            let is_part = payment == Payment::Refunded && registration.gives_part_back(&amount);
            if is_late || is_part {
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
        let present = open(&key, &context(tenant), &sealed.present);
        let old = old_secrets(&key, tenant, &sealed, self.at_ms()).into_iter().map(|old| old.secret);
        Ok(present.into_iter().chain(old).collect())
    }
}

/// Those before the present one that are still valid, the latest first.
fn old_secrets(key: &DataKey, tenant: &TenantId, sealed: &Secrets, now_ms: i64) -> Vec<OldSecret> {
    let until_ms = sealed.previous_until_ms;
    let mut old: Vec<OldSecret> = match open(key, &old_context(tenant), &sealed.previous) {
        Some(plain) => serde_json::from_slice(&plain).unwrap_or_default(),
        // Stored before there could be several.
        None => open(key, &context(tenant), &sealed.previous)
            .map(|secret| OldSecret { secret, until_ms })
            .into_iter()
            .collect(),
    };
    old.retain(|old| now_ms < old.until_ms);
    old
}

/// None also for nothing.
fn open(key: &DataKey, context: &str, sealed: &[u8]) -> Option<Vec<u8>> {
    Some(sealed).filter(|sealed| !sealed.is_empty()).and_then(|sealed| key.open(context, sealed))
}

fn old_context(tenant: &TenantId) -> String {
    format!("old-payment-secrets/{tenant}")
}

fn context(tenant: &TenantId) -> String {
    format!("payment-secrets/{tenant}")
}
