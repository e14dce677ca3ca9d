//! E-mail addresses and phone numbers in the one form in which they are compared and stored.
//!
//! An address keeps its dots and plus tags: stripping them would merge different people at many hosts. Whether an address or a
//! number is anybody's is not known here.

use std::fmt;

use unicode_normalization::UnicodeNormalization as _;

/// Characters of an address and of its local part (RFC 5321).
const EMAIL_CHARS_MAX: usize = 254;
const LOCAL_CHARS_MAX: usize = 64;
/// Digits of a number with its country code (E.164); fewer than seven are no subscriber.
const PHONE_DIGITS: std::ops::RangeInclusive<usize> = 7..=15;

/// What stands in address fields and is nobody's: such a value would merge many people into one.
const NOBODYS_LOCALS: &[&str] =
    &["null", "none", "nobody", "anonymous", "undefined", "test", "noreply", "no-reply", "n/a", "na", "-1", "nil"];

/// An address as compared: lower case, NFC. It is personal data: its `Debug` hides it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CanonicalEmail(String);

impl CanonicalEmail {
    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for CanonicalEmail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CanonicalEmail(hidden)")
    }
}

/// Reads an address as typed.
///
/// # Errors
/// What would be right, in words for the person who typed it.
pub fn email(typed: &str) -> Result<CanonicalEmail, &'static str> {
    const WRONG: &str = "must be an e-mail address such as anna@example.org";
    let text: String = typed.trim().nfc().collect::<String>().to_lowercase();
    if text.chars().count() > EMAIL_CHARS_MAX {
        return Err("must be an e-mail address of at most 254 characters");
    }
    let (local, domain) = text.rsplit_once('@').ok_or(WRONG)?;
    let odd = |c: char| c.is_whitespace() || c.is_control() || "<>()[]\\,;:\"@".contains(c);
    if local.is_empty() || local.chars().count() > LOCAL_CHARS_MAX || local.contains(odd) {
        return Err(WRONG);
    }
    if local.starts_with('.') || local.ends_with('.') || local.contains("..") {
        return Err(WRONG);
    }
    let label_fits = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    if !domain.contains('.') || domain.len() > 253 || !domain.split('.').all(label_fits) {
        return Err(WRONG);
    }
    let meaningless = local.chars().all(|c| matches!(c, '0' | '-' | '_'));
    if meaningless || NOBODYS_LOCALS.contains(&local) {
        return Err("must be somebody's own address");
    }
    Ok(CanonicalEmail(text))
}

/// Reads a phone number as typed, with its country code, into E.164: `+358401234567`.
///
/// # Errors
/// What would be right, in words for the person who typed it.
pub fn phone(typed: &str) -> Result<String, &'static str> {
    const WRONG: &str = "must be a phone number with its country code, such as +358 40 1234567";
    let typed = typed.trim();
    let digits = typed.strip_prefix('+').or_else(|| typed.strip_prefix("00")).ok_or(WRONG)?;
    if digits.contains(|c: char| !(c.is_ascii_digit() || matches!(c, ' ' | '(' | ')' | '-' | '.' | '/' | '\u{a0}'))) {
        return Err(WRONG);
    }
    let digits: String = digits.chars().filter(char::is_ascii_digit).collect();
    if !PHONE_DIGITS.contains(&digits.len()) || digits.starts_with('0') {
        return Err(WRONG);
    }
    Ok(format!("+{digits}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_spellings_of_one_address_are_one_and_two_addresses_stay_two() {
        let canonical = |typed: &str| email(typed).unwrap().as_str().to_owned();
        assert_eq!(canonical(" Anna.Example+Fest@EXAMPLE.org "), "anna.example+fest@example.org");
        assert_ne!(canonical("anna.b@example.org"), canonical("annab@example.org"));
        assert_ne!(canonical("anna+a@example.org"), canonical("anna@example.org"));
        assert_eq!(canonical("jose\u{301}@example.org"), canonical("jos\u{e9}@example.org"));
        assert_eq!(canonical("a@bücher.example"), "a@bücher.example");
    }

    #[test]
    fn what_is_no_address_or_nobodys_is_refused() {
        let long = format!("{}@example.org", "a".repeat(65));
        let nobodys =
            ["null@example.org", "000@example.org", "-@example.org", "anonymous@example.org", "test@example.org"];
        let wrong = ["", "anna", "@example.org", "anna@", "anna@host", "a b@example.org", "a@b@c.org", "a\n@b.org"];
        let odd = ["a..b@example.org", ".a@example.org", "a@-b.org", "a@b..org", "<a@b.org>", long.as_str()];
        for typed in nobodys.iter().chain(&wrong).chain(&odd) {
            assert!(email(typed).is_err(), "{typed:?}");
        }
    }

    #[test]
    fn an_address_does_not_show_in_debug() {
        assert!(!format!("{:?}", email("anna@example.org")).contains("anna"));
    }

    #[test]
    fn a_number_is_kept_as_e164() {
        for typed in ["+358 40 123 4567", "00358401234567", "+358 (40) 123-4567", "+358.40.1234567"] {
            assert_eq!(phone(typed).unwrap(), "+358401234567", "{typed}");
        }
        for typed in ["", "040 1234567", "+0401234567", "+12345", "+1234567890123456", "+358 40 abc", "+"] {
            assert!(phone(typed).is_err(), "{typed:?}");
        }
    }
}
