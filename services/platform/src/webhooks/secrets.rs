//! The secrets of one webhook: the present one, and those before it for a day, so that whoever is at the other end may change over at
//! leisure. They are kept sealed beside each other; where, and that nobody else changes them meanwhile, is the caller's business.

use serde::{Deserialize, Serialize};

use super::SECRET_BYTES;
use crate::{failure::Failure, random, vault::DataKey};

/// How long a secret stays valid after the next one was made.
pub const OLD_SECRET_MS: i64 = 24 * 60 * 60 * 1000;
/// Old secrets that are valid at a time: a rotation that is repeated puts none of them out of use before its time, and each is one more
/// signature under every notice.
pub const OLD_SECRETS_MAX: usize = 8;

/// What they are sealed for, each under a name of its own. Stored rows depend on it.
#[derive(Debug, Clone, Copy)]
pub struct SealedFor<'a> {
    /// The present one.
    pub present: &'a str,
    /// Those before it.
    pub old: &'a str,
}

/// The secrets as a row keeps them; empty while there are none.
#[derive(Debug, Clone, Default)]
pub struct SealedSecrets {
    /// The present one.
    pub present: Vec<u8>,
    /// Those before it, sealed together.
    pub old: Vec<u8>,
    /// When the last of those ends, milliseconds since 1970.
    pub old_until_ms: i64,
}

/// A secret that is not the present one any more.
#[derive(Serialize, Deserialize)]
struct OldSecret {
    secret: Vec<u8>,
    until_ms: i64,
}

impl SealedSecrets {
    /// Those that are valid now, the present one first; none at all when the present one does not open.
    pub fn valid(&self, key: &DataKey, names: SealedFor<'_>, now_ms: i64) -> Vec<Vec<u8>> {
        let Some(present) = open(key, names.present, &self.present) else { return Vec::new() };
        let old = self.old(key, names, now_ms).into_iter().map(|old| old.secret);
        std::iter::once(present).chain(old).collect()
    }

    /// A new secret, and all of them with it as the present one. `Precondition` while too many old ones are valid.
    pub fn rotated(&self, key: &DataKey, names: SealedFor<'_>, now_ms: i64) -> Result<(Vec<u8>, Self), Failure> {
        let until_ms = now_ms + OLD_SECRET_MS;
        let mut old = self.old(key, names, now_ms);
        if let Some(secret) = open(key, names.present, &self.present) {
            old.insert(0, OldSecret { secret, until_ms });
        }
        if old.len() > OLD_SECRETS_MAX {
            let problem =
                format!("{OLD_SECRETS_MAX} old secrets are still valid; try again when one of them has ended");
            return Err(Failure::Precondition(problem));
        }
        let secret = random::bytes::<SECRET_BYTES>().to_vec();
        let old = serde_json::to_vec(&old).expect("numbers are JSON");
        let (present, old) = (key.seal(names.present, &secret), key.seal(names.old, &old));
        Ok((secret, Self { present, old, old_until_ms: until_ms }))
    }

    /// Those before the present one that are still valid, the latest first.
    fn old(&self, key: &DataKey, names: SealedFor<'_>, now_ms: i64) -> Vec<OldSecret> {
        let until_ms = self.old_until_ms;
        let mut old: Vec<OldSecret> = match open(key, names.old, &self.old) {
            Some(plain) => serde_json::from_slice(&plain).unwrap_or_default(),
            // Stored before there could be several.
            None => {
                open(key, names.present, &self.old).map(|secret| OldSecret { secret, until_ms }).into_iter().collect()
            }
        };
        old.retain(|old| now_ms < old.until_ms);
        old
    }
}

/// None also for nothing.
fn open(key: &DataKey, context: &str, sealed: &[u8]) -> Option<Vec<u8>> {
    Some(sealed).filter(|sealed| !sealed.is_empty()).and_then(|sealed| key.open(context, sealed))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        auth::MeshKey,
        clock::ManualClock,
        tables::{Engine, open as open_tables},
        vault::{self, Vault},
    };

    const NAMES: SealedFor<'static> = SealedFor { present: "secret", old: "old-secrets" };

    async fn key(folder: &tempfile::TempDir) -> DataKey {
        let tables = open_tables(&Engine::Embedded { path: folder.path().to_owned() }, vault::TABLES).await.unwrap();
        let vault = Vault::new(tables, &MeshKey::generate(), Arc::new(ManualClock::at(0)));
        vault.key_for(&"acme".parse().unwrap(), "tenant").await.unwrap()
    }

    #[tokio::test]
    async fn an_old_secret_is_valid_for_its_day_however_often_others_are_made() {
        let folder = tempfile::tempdir().unwrap();
        let key = key(&folder).await;
        let (mut made, mut sealed) = (Vec::new(), SealedSecrets::default());
        assert!(sealed.valid(&key, NAMES, 0).is_empty());
        for n in 0..=OLD_SECRETS_MAX {
            let (secret, next) = sealed.rotated(&key, NAMES, n as i64).unwrap();
            made.insert(0, secret);
            sealed = next;
            assert_eq!(sealed.valid(&key, NAMES, n as i64), made);
        }
        assert!(matches!(sealed.rotated(&key, NAMES, 100), Err(Failure::Precondition(_))));
        // The first was put out of use at 1, by the second.
        assert_eq!(sealed.valid(&key, NAMES, OLD_SECRET_MS).len(), OLD_SECRETS_MAX + 1);
        assert_eq!(sealed.valid(&key, NAMES, OLD_SECRET_MS + 1), made[..OLD_SECRETS_MAX]);
        assert!(sealed.rotated(&key, NAMES, OLD_SECRET_MS + 1).is_ok());
        assert_eq!(sealed.valid(&key, NAMES, i64::MAX), made[..1]);
    }

    #[tokio::test]
    async fn the_one_old_secret_of_a_row_from_before_there_could_be_several_is_valid_until_its_time() {
        let folder = tempfile::tempdir().unwrap();
        let key = key(&folder).await;
        let sealed = SealedSecrets {
            present: key.seal(NAMES.present, b"new"),
            old: key.seal(NAMES.present, b"old"),
            old_until_ms: 10,
        };
        assert_eq!(sealed.valid(&key, NAMES, 9), [b"new".to_vec(), b"old".to_vec()]);
        assert_eq!(sealed.valid(&key, NAMES, 10), [b"new".to_vec()]);
    }
}
