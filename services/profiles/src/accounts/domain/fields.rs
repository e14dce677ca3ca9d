//! The rules for the fields of requests, each as the proto states it. A violation names the field and says what would be right.

use std::str::FromStr;

use turnout_platform::{
    auth::Role,
    canonical::{self, CanonicalEmail},
    failure::Failure,
    ids::InvalidId,
};
use turnout_proto::profiles::v1 as wire;

/// Rows of a page: the most, and what 0 stands for.
const PAGE_SIZE_MAX: usize = 200;
const PAGE_SIZE_USUAL: usize = 50;
/// Characters of a reason.
const REASON_CHARS: std::ops::RangeInclusive<usize> = 3..=500;
/// Characters of what an audit entry says changed. Twice this and a reason, however escaped, fit into one batch of writes.
const DETAIL_CHARS_MAX: usize = 1000;
/// Characters of a word: an action, a subject.
const WORD_CHARS_MAX: usize = 128;
/// Bytes of a path that a link goes on to.
const RETURN_PATH_BYTES_MAX: usize = 512;
/// Characters of a language tag.
const LANGUAGE_CHARS_MAX: usize = 35;
/// Bytes of what names a client's network.
const CLIENT_BYTES_MAX: usize = 64;
/// Bytes of a code of the second factor, or of a recovery code.
const CODE_BYTES_MAX: usize = 64;

/// Whose accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Realm {
    /// Members of organisers' teams.
    Team,
    /// The audience of one tenant.
    Audience,
}

impl Realm {
    /// The word in tables.
    pub fn word(self) -> &'static str {
        match self {
            Self::Team => "team",
            Self::Audience => "audience",
        }
    }

    pub fn of_word(word: &str) -> Option<Self> {
        [Self::Team, Self::Audience].into_iter().find(|realm| realm.word() == word)
    }

    pub fn to_wire(self) -> wire::Realm {
        match self {
            Self::Team => wire::Realm::Team,
            Self::Audience => wire::Realm::Audience,
        }
    }
}

/// What a link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Purpose {
    /// Opens a session.
    SignIn,
    /// Proves the address.
    Verify,
    /// Sets a password.
    Reset,
}

impl Purpose {
    /// The word in tables and metrics.
    pub fn word(self) -> &'static str {
        match self {
            Self::SignIn => "sign_in",
            Self::Verify => "verify",
            Self::Reset => "reset",
        }
    }

    pub fn of_word(word: &str) -> Option<Self> {
        [Self::SignIn, Self::Verify, Self::Reset].into_iter().find(|purpose| purpose.word() == word)
    }

    pub fn to_wire(self) -> wire::LinkPurpose {
        match self {
            Self::SignIn => wire::LinkPurpose::SignIn,
            Self::Verify => wire::LinkPurpose::Verify,
            Self::Reset => wire::LinkPurpose::Reset,
        }
    }
}

pub(crate) fn realm(wire: i32) -> Result<Realm, Failure> {
    match wire::Realm::try_from(wire) {
        Ok(wire::Realm::Team) => Ok(Realm::Team),
        Ok(wire::Realm::Audience) => Ok(Realm::Audience),
        _ => Err(Failure::invalid("realm", "must be REALM_TEAM or REALM_AUDIENCE")),
    }
}

pub(crate) fn purpose(wire: i32) -> Result<Purpose, Failure> {
    match wire::LinkPurpose::try_from(wire) {
        Ok(wire::LinkPurpose::SignIn) => Ok(Purpose::SignIn),
        Ok(wire::LinkPurpose::Verify) => Ok(Purpose::Verify),
        Ok(wire::LinkPurpose::Reset) => Ok(Purpose::Reset),
        _ => Err(Failure::invalid("purpose", "must be one of the purposes of a link")),
    }
}

pub(crate) fn role(wire: i32) -> Result<Role, Failure> {
    Role::of_wire(wire).ok_or_else(|| Failure::invalid("role", "must be one of the roles"))
}

/// An id.
pub(crate) fn id<T: FromStr<Err = InvalidId>>(field: &'static str, text: &str) -> Result<T, Failure> {
    text.parse().map_err(|rule: InvalidId| Failure::invalid(field, rule.to_string()))
}

pub(crate) fn email(typed: &str) -> Result<CanonicalEmail, Failure> {
    canonical::email(typed).map_err(|problem| Failure::invalid("email", problem))
}

/// Why somebody acts for somebody else.
pub(crate) fn reason(text: &str) -> Result<String, Failure> {
    let text = text.trim();
    if !REASON_CHARS.contains(&text.chars().count()) {
        let rule = format!("must be {} to {} characters", REASON_CHARS.start(), REASON_CHARS.end());
        return Err(Failure::invalid("reason", rule));
    }
    Ok(text.to_owned())
}

/// A reason where none is required.
pub(crate) fn optional_reason(field: &'static str, text: &str) -> Result<String, Failure> {
    if text.chars().count() > *REASON_CHARS.end() {
        return Err(Failure::invalid(field, format!("must be at most {} characters", REASON_CHARS.end())));
    }
    Ok(text.to_owned())
}

/// What an entry of the audit log says changed. It is cut rather than refused: an act is not to fail for its description.
pub(crate) fn detail(text: &str) -> String {
    match text.char_indices().nth(DETAIL_CHARS_MAX) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// A word for programs, such as an action or `<kind>:<id>`. It is stored in the open, so nothing personal fits into it.
pub(crate) fn word(field: &'static str, text: &str) -> Result<String, Failure> {
    let fits = (1..=WORD_CHARS_MAX).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.:".contains(&b));
    if fits {
        Ok(text.to_owned())
    } else {
        Err(Failure::invalid(field, format!("must be 1 to {WORD_CHARS_MAX} characters of A-Z, a-z, 0-9, _ - . and :")))
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

/// A path of our own that a link goes on to; it cannot lead to another site. Empty is the start page's business.
pub(crate) fn return_path(text: &str) -> Result<String, Failure> {
    let own = text.starts_with('/') && !text[1..].starts_with(['/', '\\']);
    let plain = text.len() <= RETURN_PATH_BYTES_MAX && text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    if text.is_empty() || own && plain {
        Ok(text.to_owned())
    } else {
        Err(Failure::invalid("return_path", "must be a path of our own that starts with one slash"))
    }
}

/// A language tag, or empty.
pub(crate) fn language(text: &str) -> Result<String, Failure> {
    let fits = text.len() <= LANGUAGE_CHARS_MAX && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if fits { Ok(text.to_owned()) } else { Err(Failure::invalid("language", "must be a BCP 47 tag, or empty")) }
}

/// What names a client's network; empty when nobody knows.
pub(crate) fn client(text: &str) -> Result<&str, Failure> {
    if text.len() <= CLIENT_BYTES_MAX {
        Ok(text)
    } else {
        Err(Failure::invalid("client", format!("must be at most {CLIENT_BYTES_MAX} bytes")))
    }
}

/// A code of the second factor, or a recovery code.
pub(crate) fn code(text: &str) -> Result<&str, Failure> {
    if text.len() <= CODE_BYTES_MAX {
        Ok(text)
    } else {
        Err(Failure::invalid("code", format!("must be at most {CODE_BYTES_MAX} bytes")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_goes_on_to_a_path_of_our_own_only() {
        for good in ["", "/", "/e/gala", "/e/gala?room=a&x=1", "/sign-in#a"] {
            assert!(return_path(good).is_ok(), "{good}");
        }
        for bad in [
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "evil",
            "\\\\evil",
            "/a\nb",
            "/a b",
            "/a\\b",
            "/ä",
            " /a",
            &format!("/{}", "x".repeat(512)),
        ] {
            assert!(return_path(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_word_of_the_audit_log_holds_no_address() {
        for good in ["person.phone", "registration:0198-ab_c", "x"] {
            assert!(word("action", good).is_ok(), "{good}");
        }
        for bad in ["", "anna@example.org", "two words", "+358401234567", &"x".repeat(129)] {
            assert!(word("action", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_long_detail_is_cut_between_characters() {
        assert_eq!(detail("short"), "short");
        assert_eq!(detail(&"ä".repeat(1000)), "ä".repeat(1000));
        assert_eq!(detail(&"ä".repeat(1001)), format!("{}…", "ä".repeat(1000)));
    }

    #[test]
    fn a_reason_has_3_to_500_characters() {
        assert_eq!(reason("  she asked ").unwrap(), "she asked");
        assert!(reason(&"ä".repeat(500)).is_ok());
        for bad in ["", "  a ", &"x".repeat(501)] {
            assert!(reason(bad).is_err(), "{bad}");
        }
    }
}
