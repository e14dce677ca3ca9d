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
/// API keys of one tenant that are not revoked. Creations at the same moment may exceed it by their number, and a key from before they
/// were listed counts once it is.
pub(crate) const API_KEYS_PER_TENANT_MAX: usize = 50;
/// Revoked API keys that a tenant's list keeps; those that were created first leave it first. The audit log keeps all.
pub(crate) const REVOKED_API_KEYS_LISTED_MAX: usize = 100;
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
    /// Who created it, as the audit log names them; empty for a key from before this was kept.
    pub created_by: String,
    pub revocation: Option<Revocation>,
    /// It stands in its tenant's list. A key from before there were lists does not.
    pub listed: bool,
}

/// The end of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Revocation {
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// Who revoked it, as the audit log names them.
    pub by: String,
}

impl ApiKey {
    /// Whether this is the hash of the secret of a key that is not revoked. Takes the same time whatever the hash.
    pub fn opens_with(&self, secret_sha256: &[u8]) -> bool {
        let is_its_own: bool = self.secret_sha256.ct_eq(secret_sha256).into();
        is_its_own && self.revocation.is_none()
    }
}

/// An API key as its tenant's list has it: without the hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListedApiKey {
    pub id: KeyId,
    pub label: String,
    /// Milliseconds since 1970.
    pub created_at_ms: i64,
    pub created_by: String,
    pub revocation: Option<Revocation>,
}

impl From<ApiKey> for ListedApiKey {
    fn from(key: ApiKey) -> Self {
        let ApiKey { id, label, created_at_ms, created_by, revocation, .. } = key;
        Self { id, label, created_at_ms, created_by, revocation }
    }
}

/// Whether a tenant with these keys, newest first, may have one more; and which of them leave the list when it gets one.
pub(crate) fn room_for_one_more(keys: Vec<ListedApiKey>) -> Result<Vec<ListedApiKey>, Failure> {
    let (revoked, valid): (Vec<_>, Vec<_>) = keys.into_iter().partition(|key| key.revocation.is_some());
    if valid.len() >= API_KEYS_PER_TENANT_MAX {
        return Err(Failure::Precondition(format!(
            "a tenant has at most {API_KEYS_PER_TENANT_MAX} API keys; revoke one that nobody uses"
        )));
    }
    Ok(revoked.into_iter().skip(REVOKED_API_KEYS_LISTED_MAX).collect())
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
        let key = ApiKey {
            id,
            tenant,
            label: "ci".into(),
            secret_sha256: sha256(&secret),
            created_at_ms: 0,
            created_by: "member:m1".into(),
            revocation: None,
            listed: true,
        };
        assert!(key.opens_with(&sha256(&secret)));
        assert!(!key.opens_with(&sha256("tk_AAAAAAAAAAAAAAAAAAAAAA.other")));
        assert!(!key.opens_with(&sha256(&secret)[..31]));
        assert!(!key.opens_with(&[]));
        let revocation = Some(Revocation { at_ms: 1, by: "member:m1".into() });
        assert!(!ApiKey { revocation, ..key }.opens_with(&sha256(&secret)));
    }

    #[test]
    fn only_keys_that_are_not_revoked_count_and_of_the_revoked_ones_the_oldest_leave_the_list() {
        let key = |number: usize, is_revoked: bool| ListedApiKey {
            id: format!("{number:022}").parse().unwrap(),
            label: "ci".into(),
            created_at_ms: number as i64,
            created_by: String::new(),
            revocation: is_revoked.then(|| Revocation { at_ms: 9_999, by: "member:m1".into() }),
        };
        let keys =
            |revoked: usize, valid: usize| (0..revoked + valid).rev().map(move |n| key(n, n < revoked)).collect();
        assert_eq!(room_for_one_more(keys(REVOKED_API_KEYS_LISTED_MAX, API_KEYS_PER_TENANT_MAX - 1)).unwrap(), []);
        assert!(room_for_one_more(keys(0, API_KEYS_PER_TENANT_MAX)).is_err());
        let leave = room_for_one_more(keys(REVOKED_API_KEYS_LISTED_MAX + 2, 0)).unwrap();
        assert_eq!(leave.iter().map(|key| key.created_at_ms).collect::<Vec<_>>(), [1, 0]);
    }

    #[test]
    fn what_cannot_be_a_key_id_is_not_one() {
        for bad in ["", "short", "AAAAAAAAAAAAAAAAAAAAA.", "AAAAAAAAAAAAAAAAAAAAAAA", "ÄAAAAAAAAAAAAAAAAAAAA"] {
            assert!(bad.parse::<KeyId>().is_err(), "{bad:?}");
        }
    }
}
