//! The rules for the fields of requests, each as the proto states it. A violation names the field and says what would be right.

use std::str::FromStr;

use turnout_platform::{failure::Failure, ids::InvalidId};

use super::keys::{KeyId, NoKeyId};

/// Rows of a page: the most, and what 0 stands for.
pub(crate) const PAGE_SIZE_MAX: usize = 200;
pub(crate) const PAGE_SIZE_USUAL: usize = 50;
/// Characters of a language tag.
const LANGUAGE_CHARS_MAX: usize = 35;
/// Bytes of an Ed25519 public key.
const PUBLIC_KEY_BYTES: usize = 32;
/// Bytes of a SHA-256.
const SHA256_BYTES: usize = 32;

/// An id.
pub(crate) fn id<T: FromStr<Err = InvalidId>>(field: &'static str, text: &str) -> Result<T, Failure> {
    text.parse().map_err(|rule: InvalidId| Failure::invalid(field, rule.to_string()))
}

/// A line of text for people. Space at its ends is not part of it.
pub(crate) fn line(field: &'static str, text: &str, chars_max: usize) -> Result<String, Failure> {
    let text = text.trim();
    if !(1..=chars_max).contains(&text.chars().count()) {
        return Err(Failure::invalid(field, format!("must be 1 to {chars_max} characters")));
    }
    if text.contains(char::is_control) {
        return Err(Failure::invalid(field, "must be one line without control characters"));
    }
    Ok(text.to_owned())
}

/// A text for people that may be empty and may have several lines. Space at its ends is not part of it.
pub(crate) fn text(field: &'static str, text: &str, chars_max: usize) -> Result<String, Failure> {
    let text = text.trim();
    if text.chars().count() > chars_max {
        return Err(Failure::invalid(field, format!("must be at most {chars_max} characters")));
    }
    if text.contains(|letter: char| letter.is_control() && !matches!(letter, '\n' | '\r' | '\t')) {
        return Err(Failure::invalid(field, "must not contain control characters"));
    }
    Ok(text.to_owned())
}

/// A language tag (BCP 47) by its form: whether the language exists is not asked.
pub(crate) fn language(field: &'static str, tag: &str) -> Result<String, Failure> {
    let mut parts = tag.split('-');
    let first = parts.next().unwrap_or_default();
    let fits = tag.len() <= LANGUAGE_CHARS_MAX
        && (2..=8).contains(&first.len())
        && first.bytes().all(|letter| letter.is_ascii_alphabetic())
        && parts.all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|letter| letter.is_ascii_alphanumeric()));
    if fits {
        Ok(tag.to_owned())
    } else {
        Err(Failure::invalid(field, "must be a language tag (BCP 47), such as en or fr-CA"))
    }
}

/// How many rows a page has.
pub(crate) fn page_size(wanted: i32) -> Result<usize, Failure> {
    match usize::try_from(wanted) {
        Ok(0) => Ok(PAGE_SIZE_USUAL),
        Ok(rows) if rows <= PAGE_SIZE_MAX => Ok(rows),
        _ => Err(Failure::invalid("page_size", format!("must be 1 to {PAGE_SIZE_MAX}, or 0 for {PAGE_SIZE_USUAL}"))),
    }
}

/// The version that a caller saw; none when it does not care.
pub(crate) fn expected_version(version: i64) -> Result<Option<i64>, Failure> {
    match version {
        0 => Ok(None),
        1.. => Ok(Some(version)),
        _ => Err(Failure::invalid("expected_version", "must be the version as last read, or 0")),
    }
}

/// The public half of a ticket key.
pub(crate) fn public_key(bytes: &[u8]) -> Result<[u8; PUBLIC_KEY_BYTES], Failure> {
    bytes.try_into().map_err(|_| Failure::invalid("public_key", "must be an Ed25519 public key of 32 bytes"))
}

/// The public part of an API key.
pub(crate) fn key_id(text: &str) -> Result<KeyId, Failure> {
    let problem = "must be what stands between tk_ and the full stop in the whole key";
    text.parse().map_err(|NoKeyId| Failure::invalid("key_id", problem))
}

/// The hash of an API key.
pub(crate) fn secret_sha256(bytes: &[u8]) -> Result<[u8; SHA256_BYTES], Failure> {
    bytes.try_into().map_err(|_| Failure::invalid("secret_sha256", "must be 32 bytes"))
}

#[cfg(test)]
mod tests {
    use turnout_platform::{ids::EventId, limits::TITLE_CHARS_MAX};

    use super::*;

    fn field_of<T: std::fmt::Debug>(result: Result<T, Failure>) -> &'static str {
        match result.unwrap_err() {
            Failure::Invalid { field, .. } => field,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_title_is_one_line_of_1_to_200_characters_whatever_the_script() {
        let longest = "ä".repeat(TITLE_CHARS_MAX);
        assert_eq!(line("title", &longest, TITLE_CHARS_MAX).unwrap(), longest);
        assert_eq!(line("title", "  Gala \n", TITLE_CHARS_MAX).unwrap(), "Gala");
        let longer = format!("{longest}ä");
        for bad in ["", "   ", "a\nb", "a\0b", longer.as_str()] {
            assert_eq!(field_of(line("title", bad, TITLE_CHARS_MAX)), "title", "{bad:?}");
        }
    }

    #[test]
    fn a_page_has_1_to_200_rows_and_50_when_nothing_is_said() {
        assert_eq!(page_size(0).unwrap(), 50);
        assert_eq!(page_size(1).unwrap(), 1);
        assert_eq!(page_size(200).unwrap(), 200);
        for bad in [-1, 201, i32::MIN, i32::MAX] {
            assert_eq!(field_of(page_size(bad)), "page_size");
        }
    }

    #[test]
    fn a_wrong_field_is_named() {
        assert_eq!(field_of(id::<EventId>("event_id", "a b")), "event_id");
        assert_eq!(field_of(expected_version(-1)), "expected_version");
        assert_eq!(field_of(key_id("tk_AAAAAAAAAAAAAAAAAAAAAA")), "key_id");
        assert_eq!(field_of(public_key(&[1; 31])), "public_key");
        assert_eq!(field_of(secret_sha256(&[1; 33])), "secret_sha256");
    }
}
