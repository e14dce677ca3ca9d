//! Codes in links and on tickets: unforgeable, short, and stateless. A code says in plain what it opens (ids only) and carries a
//! tag of 16 bytes; it never expires by itself, so whatever it opens must be able to refuse.

use aws_lc_rs::{constant_time, hmac};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

use super::MeshKey;

/// Bytes of a code's tag: 128 bits cannot be guessed.
const TAG_BYTES: usize = 16;
/// Characters of a code; a longer one is none.
const CODE_CHARS_MAX: usize = 400;

/// What a code is for. A code of one purpose is none of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodePurpose {
    /// Opens a registration's own page: `[event_id, registration_id]`. In the links that its person gets.
    Registration,
    /// Names a registration at the door, and opens nothing: `[event_id, registration_id]`. The text of the ticket's QR code, which is
    /// shown around, photographed and kept by scanners.
    Ticket,
    /// Ends messages: `[tenant_id, person_id, purpose, event_id or -]`.
    Unsubscribe,
    /// Names a mail to whom it is returned: `[tenant_id, message_id]`. The part before the `@` of its `Message-ID`.
    Mail,
}

impl CodePurpose {
    fn word(self) -> &'static str {
        match self {
            Self::Registration => "r",
            Self::Ticket => "t",
            Self::Unsubscribe => "u",
            Self::Mail => "m",
        }
    }
}

/// Makes and reads codes.
#[derive(Clone)]
pub struct Codes {
    key: hmac::Key,
}

impl std::fmt::Debug for Codes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Codes")
    }
}

impl Codes {
    /// Of this mesh.
    pub fn new(mesh_key: &MeshKey) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, &mesh_key.derive("codes")) }
    }

    /// A code for these parts, each of which is an id (`[A-Za-z0-9_-]`): URL-safe as it is.
    pub fn make(&self, purpose: CodePurpose, parts: &[&str]) -> String {
        let plain = parts.join(".");
        let tag = BASE64_URL_SAFE_NO_PAD.encode(self.tag(purpose, &plain));
        format!("{plain}.{tag}")
    }

    /// The parts of a code that this mesh has made for this purpose.
    pub fn read(&self, purpose: CodePurpose, code: &str) -> Option<Vec<String>> {
        if code.len() > CODE_CHARS_MAX {
            return None;
        }
        let (plain, tag) = code.rsplit_once('.')?;
        let tag = BASE64_URL_SAFE_NO_PAD.decode(tag).ok()?;
        constant_time::verify_slices_are_equal(&tag, &self.tag(purpose, plain)).ok()?;
        Some(plain.split('.').map(str::to_owned).collect())
    }

    fn tag(&self, purpose: CodePurpose, plain: &str) -> [u8; TAG_BYTES] {
        let tag = hmac::sign(&self.key, format!("{}\0{plain}", purpose.word()).as_bytes());
        tag.as_ref()[..TAG_BYTES].try_into().expect("an HMAC-SHA256 tag has 32 bytes")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_opens_what_it_was_made_for_and_nothing_else() {
        let codes = Codes::new(&MeshKey::generate());
        let code = codes.make(CodePurpose::Registration, &["gala", "r1"]);
        assert_eq!(codes.read(CodePurpose::Registration, &code).unwrap(), ["gala", "r1"]);
        assert_eq!(codes.read(CodePurpose::Unsubscribe, &code), None);
        assert_eq!(Codes::new(&MeshKey::generate()).read(CodePurpose::Registration, &code), None);
        for bad in
            [code.replace("gala", "opera"), code.replace('.', ""), format!("{code}A"), String::new(), "x.".repeat(300)]
        {
            assert_eq!(codes.read(CodePurpose::Registration, &bad), None, "{bad}");
        }
    }
}
