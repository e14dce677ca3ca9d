//! Ids of accounts, and how the secrets of sessions and links look. Of a secret only its SHA-256 is ever kept: it has 256 random
//! bits, so a slow hash would add nothing.

use std::{fmt, str::FromStr};

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use turnout_platform::ids::InvalidId;

/// Characters of an account's id.
const ACCOUNT_ID_CHARS_MAX: usize = 64;
/// Characters of a session's secret or of a link's, checked before it is read. The longest that we make has 108.
const SECRET_CHARS_MAX: usize = 128;
/// Bytes of the hash that become a session's id for lists.
const SESSION_ID_BYTES: usize = 16;

/// An account. That of a person of the audience has the person's id; that of a member of a team has one of its own.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct AccountId(Box<str>);

impl AccountId {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AccountId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let fits = (1..=ACCOUNT_ID_CHARS_MAX).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        if fits { Ok(Self(text.into())) } else { Err(InvalidId) }
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a session's secret leads to: whose it is, and by what it is found and compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SessionKey {
    pub account: AccountId,
    pub session_id: String,
    pub sha256: [u8; 32],
}

impl SessionKey {
    /// From the secret; none for what cannot be one.
    pub fn of(secret: &str) -> Option<Self> {
        if secret.len() > SECRET_CHARS_MAX {
            return None;
        }
        let (account, _) = secret.split_once('.')?;
        let sha256 = sha256(secret);
        let session_id = BASE64_URL_SAFE_NO_PAD.encode(&sha256[..SESSION_ID_BYTES]);
        Some(Self { account: account.parse().ok()?, session_id, sha256 })
    }
}

/// The secret of a session: it names the account, so that one read finds it.
pub(crate) fn session_secret(account: &AccountId, random_256: &str) -> String {
    format!("{account}.{random_256}")
}

/// By what a link is found: the hash of its secret, which is fit for lists and logs. None for what cannot be a link's secret.
pub(crate) fn link_id(token: &str) -> Option<String> {
    let fits = !token.is_empty() && token.len() <= SECRET_CHARS_MAX;
    fits.then(|| BASE64_URL_SAFE_NO_PAD.encode(sha256(token)))
}

/// What is kept of a secret.
pub(crate) fn sha256(secret: &str) -> [u8; 32] {
    *digest(&SHA256, secret.as_bytes()).as_ref().first_chunk().expect("a SHA-256 has 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sessions_secret_leads_to_its_account_and_shows_nothing_of_itself_in_its_id() {
        let account: AccountId = "anna".parse().unwrap();
        let secret = session_secret(&account, "random");
        let key = SessionKey::of(&secret).unwrap();
        assert_eq!(key.account, account);
        assert_eq!(key.session_id.len(), 22);
        assert!(!secret.contains(&key.session_id));
        assert_ne!(SessionKey::of("anna.other").unwrap().session_id, key.session_id);
    }

    #[test]
    fn what_cannot_be_a_secret_is_none() {
        for bad in
            ["", "no dot", ".random", "a b.random", "ä.random", &format!("anna.{}", "x".repeat(SECRET_CHARS_MAX))]
        {
            assert!(SessionKey::of(bad).is_none(), "{bad}");
        }
        assert!(link_id("").is_none());
        assert!(link_id(&"x".repeat(SECRET_CHARS_MAX + 1)).is_none());
        assert_eq!(link_id("token").unwrap().len(), 43);
    }
}
