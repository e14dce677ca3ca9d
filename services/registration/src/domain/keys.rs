//! API keys and ticket keys: how they look and how a secret is compared. Of a secret only its SHA-256 is ever kept: it has 256
//! random bits, so a slow hash would add nothing.

use std::{fmt, str::FromStr};

use aws_lc_rs::digest::{SHA256, digest};
use subtle::ConstantTimeEq as _;
use turnout_platform::{failure::Failure, ids::TenantId};

/// Characters of a key id: 128 random bits as URL-safe base64.
const KEY_ID_CHARS: usize = 22;
/// Characters of an API key's label.
pub(crate) const LABEL_CHARS_MAX: usize = 100;
/// Ticket keys of one tenant. Registrations at the same moment may exceed it by their number.
pub(crate) const TICKET_KEYS_PER_TENANT_MAX: usize = 20;

/// The public part of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyId(String);

/// The text cannot be the id of any key.
#[derive(Debug)]
pub(crate) struct NoKeyId;

impl FromStr for KeyId {
    type Err = NoKeyId;

    fn from_str(text: &str) -> Result<Self, NoKeyId> {
        let fits =
            text.len() == KEY_ID_CHARS && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        if fits { Ok(Self(text.to_owned())) } else { Err(NoKeyId) }
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An API key as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiKey {
    pub id: KeyId,
    pub tenant: TenantId,
    /// What it is for, in the organiser's words.
    pub label: String,
    pub secret_sha256: [u8; 32],
    /// Milliseconds since 1970.
    pub created_at_ms: i64,
}

impl ApiKey {
    /// Whether this is the hash of the key's secret. Takes the same time whatever the answer.
    pub fn opens_with(&self, secret_sha256: &[u8]) -> bool {
        self.secret_sha256.ct_eq(secret_sha256).into()
    }
}

/// The whole text of an API key, as sent in `authorization: Bearer <secret>`.
pub(crate) fn api_key_secret(id: &KeyId, random_256: &str) -> String {
    format!("tk_{id}.{random_256}")
}

/// What is kept of a secret.
pub(crate) fn sha256(secret: &str) -> [u8; 32] {
    *digest(&SHA256, secret.as_bytes()).as_ref().first_chunk().expect("a SHA-256 has 32 bytes")
}

/// The public half of a key that signs a tenant's tickets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TicketKey {
    pub id: KeyId,
    pub tenant: TenantId,
    pub public_key: [u8; 32],
    /// Milliseconds since 1970.
    pub created_at_ms: i64,
}

/// The refusal of one ticket key more than a tenant may have.
pub(crate) fn too_many() -> Failure {
    Failure::Precondition(format!("a tenant has at most {TICKET_KEYS_PER_TENANT_MAX} ticket keys"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_api_key_opens_with_the_hash_of_its_own_secret_only() {
        let id: KeyId = "AAAAAAAAAAAAAAAAAAAAAA".parse().unwrap();
        let secret = api_key_secret(&id, "random");
        assert_eq!(secret, "tk_AAAAAAAAAAAAAAAAAAAAAA.random");
        let tenant = "acme".parse().unwrap();
        let key = ApiKey { id, tenant, label: "ci".into(), secret_sha256: sha256(&secret), created_at_ms: 0 };
        assert!(key.opens_with(&sha256(&secret)));
        assert!(!key.opens_with(&sha256("tk_AAAAAAAAAAAAAAAAAAAAAA.other")));
        assert!(!key.opens_with(&sha256(&secret)[..31]));
        assert!(!key.opens_with(&[]));
    }

    #[test]
    fn what_cannot_be_a_key_id_is_not_one() {
        for bad in ["", "short", "AAAAAAAAAAAAAAAAAAAAA.", "AAAAAAAAAAAAAAAAAAAAAAA", "ÄAAAAAAAAAAAAAAAAAAAA"] {
            assert!(bad.parse::<KeyId>().is_err(), "{bad:?}");
        }
    }
}
