//! Passwords: what may be chosen, how one is hashed and compared (argon2id). When and how many at once is decided by `hashing`.
//!
//! The rules are those of ASVS 5.0 V6.2 and of the OWASP password storage sheet: a length, no rules of composition, the most common
//! refused.

use std::sync::LazyLock;

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash},
};
use turnout_platform::failure::Failure;
use unicode_normalization::UnicodeNormalization as _;

/// Characters of a password that is chosen, after NFC.
pub(crate) const PASSWORD_CHARS_MIN: usize = 8;
pub(crate) const PASSWORD_CHARS_MAX: usize = 256;
/// Bytes of a password that is tried. It bounds the work before the hash.
pub(crate) const PASSWORD_BYTES_MAX: usize = 1024;
/// Bytes of a salt.
pub(crate) const SALT_BYTES: usize = 16;

/// The cost of a hash: memory in KiB, passes, lanes. OWASP's minimum for argon2id, 33 ms on the machine where it was measured.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// The 5,000 most common passwords of at least 8 characters, in lower case and sorted, one a line. They are the first of the list
/// of 30,000 that the zxcvbn library ships (MIT licence, Copyright (c) Dropbox, Inc. and Joshua Holmer).
static COMMON: LazyLock<Vec<&'static str>> = LazyLock::new(|| include_str!("common_passwords.txt").lines().collect());

/// A password in the form that is hashed: NFC, so that two keyboards type the same. It has no `Debug`.
#[derive(Clone)]
pub(crate) struct Password(String);

impl Password {
    /// One that somebody wants to have from now on.
    pub fn chosen(field: &'static str, typed: &str) -> Result<Self, Failure> {
        let password = Self::tried(field, typed)?;
        if !(PASSWORD_CHARS_MIN..=PASSWORD_CHARS_MAX).contains(&password.0.chars().count()) {
            let rule = format!("must be {PASSWORD_CHARS_MIN} to {PASSWORD_CHARS_MAX} characters");
            return Err(Failure::invalid(field, rule));
        }
        if COMMON.binary_search(&password.0.to_lowercase().as_str()).is_ok() {
            return Err(Failure::invalid(field, "is one of the most common passwords; choose another"));
        }
        Ok(password)
    }

    /// One that is compared.
    pub fn tried(field: &'static str, typed: &str) -> Result<Self, Failure> {
        if typed.len() > PASSWORD_BYTES_MAX {
            return Err(Failure::invalid(field, format!("must be at most {PASSWORD_BYTES_MAX} bytes")));
        }
        Ok(Self(typed.nfc().collect()))
    }

    /// What is kept of it: a PHC string, which holds the salt and the cost.
    pub fn hash(&self, salt: &[u8; SALT_BYTES]) -> String {
        let hash: PasswordHash = hasher()
            .hash_password_with_salt(self.0.as_bytes(), salt)
            .expect("a salt of 16 bytes and a password of under 4 GiB can be hashed");
        hash.to_string()
    }

    /// Whether it is the one that was hashed. Takes as long as the hash's own cost says, whatever the answer.
    pub fn fits(&self, hash: &str) -> bool {
        PasswordHash::new(hash).is_ok_and(|hash| hasher().verify_password(self.0.as_bytes(), &hash).is_ok())
    }
}

/// Whether a hash was made at another cost than today's and should be made anew while the password is at hand.
pub(crate) fn is_outdated(hash: &str) -> bool {
    let params = PasswordHash::new(hash).ok().and_then(|hash| Params::try_from(&hash).ok());
    params.is_none_or(|found| (found.m_cost(), found.t_cost(), found.p_cost()) != (MEMORY_KIB, PASSES, LANES))
}

fn hasher() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).expect("the cost is within argon2's bounds");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(typed: &str) -> bool {
        Password::chosen("password", typed).is_ok()
    }

    #[test]
    fn a_password_has_8_to_256_characters_and_no_rules_of_composition() {
        for good in [
            "eight ch",
            "aaaaaaab",
            "ohne ziffern und zeichen",
            "pässwörtchen",
            "correct horse battery staple",
            "72648164",
            "🦀🦀🦀🦀🦀🦀🦀🦀",
            &"x".repeat(64),
            &"ä".repeat(256),
        ] {
            assert!(chosen(good), "{good}");
        }
        for bad in ["", "seven c", "🦀", &"x".repeat(257), &"x".repeat(1025), &"ä".repeat(600)] {
            assert!(!chosen(bad), "{bad}");
        }
    }

    #[test]
    fn the_most_common_passwords_are_refused_however_they_are_capitalised() {
        assert_eq!(COMMON.len(), 5000);
        assert!(COMMON.is_sorted());
        assert!(COMMON.iter().all(|common| !chosen(common)));
        for bad in ["password", "PassWord", "12345678", "qwertyuiop", "Football", "iloveyou", "trustno1"] {
            assert!(!chosen(bad), "{bad}");
        }
    }

    #[test]
    fn a_hash_is_argon2id_at_the_minimum_of_owasp_and_fits_its_own_password_only() {
        let password = Password::chosen("password", "correct horse").unwrap();
        let hash = password.hash(&[7; SALT_BYTES]);
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(password.fits(&hash));
        assert!(!Password::tried("password", "correct Horse").unwrap().fits(&hash));
        assert!(!password.fits("no hash"));
        assert_ne!(hash, password.hash(&[8; SALT_BYTES]));
    }

    #[test]
    fn a_password_typed_on_another_keyboard_is_the_same() {
        let composed = Password::chosen("password", "caf\u{e9} au lait").unwrap();
        let decomposed = Password::tried("password", "cafe\u{301} au lait").unwrap();
        assert!(decomposed.fits(&composed.hash(&[7; SALT_BYTES])));
    }

    #[test]
    fn a_hash_of_another_cost_still_fits_and_is_outdated() {
        let cheap = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(1024, 1, 1, None).unwrap());
        let old: PasswordHash = cheap.hash_password_with_salt(b"correct horse", &[7; SALT_BYTES]).unwrap();
        let password = Password::tried("password", "correct horse").unwrap();
        assert!(password.fits(&old.to_string()));
        assert!(is_outdated(&old.to_string()));
        assert!(!is_outdated(&password.hash(&[7; SALT_BYTES])));
    }
}
