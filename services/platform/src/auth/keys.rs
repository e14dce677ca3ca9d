//! The key that all roles of one mesh share: it signs tokens, and secrets for other purposes are derived from it.

use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use aws_lc_rs::{
    encoding::AsBigEndian as _,
    hmac,
    rand::SystemRandom,
    signature::{Ed25519KeyPair, KeyPair as _},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or written.
    #[error("mesh key {path}: {source}")]
    File {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// The file is there and holds something else.
    #[error(
        "mesh key {0}: not a key made by `turnout mesh-key`; restore it from a copy, or remove it to start with a new one"
    )]
    Content(String),
}

/// The key of the mesh. Whoever has it can act as any service and open any event: keep it like a database password.
pub struct MeshKey {
    pkcs8: Vec<u8>,
    public: [u8; 32],
    derive: hmac::Key,
}

impl std::fmt::Debug for MeshKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MeshKey(hidden)")
    }
}

impl MeshKey {
    /// Reads the key.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let text =
            fs::read_to_string(path).map_err(|source| KeyError::File { path: path.display().to_string(), source })?;
        let bad = || KeyError::Content(path.display().to_string());
        let pkcs8 = BASE64_STANDARD.decode(text.trim()).map_err(|_| bad())?;
        Self::from_pkcs8(pkcs8).ok_or_else(bad)
    }

    /// Reads the key, or makes one that only this user can read.
    pub fn read_or_create(path: &Path) -> Result<Self, KeyError> {
        match fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
            Ok(mut file) => {
                let key = Self::generate();
                let written = file.write_all(key.encode().as_bytes()).and_then(|()| file.sync_all());
                written.map_err(|source| KeyError::File { path: path.display().to_string(), source })?;
                Ok(key)
            }
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Self::read(path),
            Err(source) => Err(KeyError::File { path: path.display().to_string(), source }),
        }
    }

    /// A new key.
    pub fn generate() -> Self {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("the system gives random bytes");
        Self::from_pkcs8(document.as_ref().to_vec()).expect("a key just made is a key")
    }

    /// The key as one line of text, as kept in the file.
    pub fn encode(&self) -> String {
        format!("{}\n", BASE64_STANDARD.encode(&self.pkcs8))
    }

    fn from_pkcs8(pkcs8: Vec<u8>) -> Option<Self> {
        let pair = Ed25519KeyPair::from_pkcs8(&pkcs8).ok()?;
        let public = pair.public_key().as_ref().try_into().ok()?;
        let seed = pair.seed().ok()?.as_be_bytes().ok()?;
        let derive = hmac::Key::new(hmac::HMAC_SHA256, seed.as_ref());
        Some(Self { pkcs8, public, derive })
    }

    pub(super) fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }

    /// The public half: 32 bytes.
    pub fn public(&self) -> &[u8; 32] {
        &self.public
    }

    /// A key of 32 bytes for one purpose. Two purposes have keys that say nothing about each other.
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        let tag = hmac::sign(&self.derive, format!("derive\0{purpose}").as_bytes());
        tag.as_ref().try_into().expect("an HMAC-SHA256 tag has 32 bytes")
    }

    /// The key under which an event's viewers get their ids: the same on every gateway, different for each event, so that ids
    /// of two events cannot be linked.
    pub fn event_key(&self, event: &str) -> [u8; 16] {
        let tag = hmac::sign(&self.derive, format!("viewer-id\0{event}").as_bytes());
        tag.as_ref()[..16].try_into().expect("an HMAC-SHA256 tag has 32 bytes")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_made_at_first_start_is_found_again_and_is_private() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mesh.key");
        let first = MeshKey::read_or_create(&path).unwrap();
        let second = MeshKey::read_or_create(&path).unwrap();
        assert_eq!(first.public(), second.public());
        assert_eq!(first.event_key("demo"), second.event_key("demo"));
        assert_ne!(first.event_key("demo"), first.event_key("other"));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_file_that_is_no_key_is_an_error_that_names_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mesh.key");
        fs::write(&path, "nonsense").unwrap();
        let error = MeshKey::read_or_create(&path).unwrap_err().to_string();
        assert!(error.contains("mesh.key"), "{error}");
    }
}
