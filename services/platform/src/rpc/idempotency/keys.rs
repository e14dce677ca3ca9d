//! Making keys, for callers.

use aws_lc_rs::digest;
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

/// A key that the same parts always make, and others never: 43 characters that show nothing of the parts.
pub fn key_of<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hash = digest::Context::new(&digest::SHA256);
    for part in parts {
        // With its length, so that the end of one is not the beginning of the next.
        hash.update(&(part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    BASE64_URL_SAFE_NO_PAD.encode(hash.finish())
}

#[cfg(test)]
mod tests {
    use super::{super::KEY_CHARS_MAX, *};

    #[test]
    fn the_same_parts_make_the_same_key_and_others_another() {
        let key = key_of(["once", "cancel"]);
        assert_eq!(key, key_of(["once", "cancel"]));
        for other in [&["once", "cancelx"][..], &["onceca", "ncel"], &["oncecancel"], &["once", "cancel", ""]] {
            assert_ne!(key, key_of(other.iter().copied()), "{other:?}");
        }
        assert!(key.len() <= KEY_CHARS_MAX && key.bytes().all(|byte| byte.is_ascii_graphic()));
    }
}
