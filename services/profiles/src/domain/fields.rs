//! The rules for the fields of requests about people, each as the proto states it. A violation names the field, says what would be
//! right and repeats nothing of what was sent: that may be personal.

use turnout_platform::{
    canonical::{self, CanonicalEmail},
    failure::Failure,
    ids::{InvalidId, PersonId},
    limits::ID_CHARS_MAX,
    search::Query,
};

use super::consent::ALL_CHANNELS;

const NAME_CHARS_MAX: usize = 200;
const LANGUAGE_CHARS_MAX: usize = 35;
const ZONE_CHARS_MAX: usize = 64;
const REASON_CHARS: std::ops::RangeInclusive<usize> = 3..=500;
/// Characters of what a person agreed to.
const CONSENT_TEXT_CHARS_MAX: usize = 2000;
/// Rows of a page: the most, and what 0 stands for.
pub(crate) const PAGE_SIZE_MAX: usize = 500;
const PAGE_SIZE_USUAL: usize = 50;

pub(crate) fn person_id(text: &str) -> Result<PersonId, Failure> {
    text.parse().map_err(|rule: InvalidId| Failure::invalid("person_id", rule.to_string()))
}

pub(crate) fn email(text: &str) -> Result<CanonicalEmail, Failure> {
    canonical::email(text).map_err(|problem| Failure::invalid("email", problem))
}

/// A name, or none.
pub(crate) fn name(text: &str) -> Result<String, Failure> {
    line_up_to("name", text, NAME_CHARS_MAX)
}

/// A phone number, or none.
pub(crate) fn phone(text: &str) -> Result<String, Failure> {
    if text.trim().is_empty() {
        return Ok(String::new());
    }
    canonical::phone(text).map_err(|problem| Failure::invalid("phone", problem))
}

/// A language tag, or none.
pub(crate) fn language(text: &str) -> Result<String, Failure> {
    let fits = text.len() <= LANGUAGE_CHARS_MAX
        && text.split('-').all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()));
    if text.is_empty() || fits {
        return Ok(text.to_owned());
    }
    Err(Failure::invalid("language", "must be a BCP 47 language tag such as en or fr-CA"))
}

/// The name of a time zone, or none. Whether there is such a zone is known to whoever reckons with it.
pub(crate) fn zone(text: &str) -> Result<String, Failure> {
    let fits = text.len() <= ZONE_CHARS_MAX
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'_' | b'-' | b'+'));
    if fits {
        Ok(text.to_owned())
    } else {
        Err(Failure::invalid("zone", "must be an IANA name such as Europe/Helsinki"))
    }
}

/// Why something is done for somebody else.
pub(crate) fn reason(text: &str) -> Result<String, Failure> {
    let text = text.trim();
    if !REASON_CHARS.contains(&text.chars().count()) {
        return Err(Failure::invalid("reason", "must be 3 to 500 characters: why you do this"));
    }
    if text.contains(|c: char| c.is_control() && c != '\n') {
        return Err(Failure::invalid("reason", "must be text without control characters"));
    }
    Ok(text.to_owned())
}

/// A reason where one is not required.
pub(crate) fn reason_if_any(text: &str) -> Result<String, Failure> {
    if text.trim().is_empty() { Ok(String::new()) } else { reason(text) }
}

/// The version that a caller saw; none when it does not care.
pub(crate) fn expected_version(version: i64) -> Result<Option<i64>, Failure> {
    match version {
        0 => Ok(None),
        1.. => Ok(Some(version)),
        _ => Err(Failure::invalid("expected_version", "must be the version of the person as last read, or 0")),
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

pub(crate) fn search(text: &str) -> Result<Query, Failure> {
    Query::parse(text).map_err(|problem| Failure::invalid("search", problem.to_string()))
}

/// A word of ours or of the tenant's: a purpose, a channel, a key.
pub(crate) fn word(field: &'static str, text: &str) -> Result<String, Failure> {
    let fits = (1..=ID_CHARS_MAX).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if fits { Ok(text.to_owned()) } else { Err(Failure::invalid(field, InvalidId.to_string())) }
}

/// A channel, or all of them where that is allowed.
pub(crate) fn channel(text: &str, all_allowed: bool) -> Result<String, Failure> {
    match text {
        ALL_CHANNELS if all_allowed => Ok(ALL_CHANNELS.to_owned()),
        ALL_CHANNELS => Err(Failure::invalid("channel", "must be one channel: only a withdrawal ends all of them")),
        text => word("channel", text),
    }
}

/// What a person agreed to, word for word.
pub(crate) fn consent_text(text: &str) -> Result<String, Failure> {
    if !(1..=CONSENT_TEXT_CHARS_MAX).contains(&text.chars().count()) {
        let problem = format!("must be what the person agreed to, 1 to {CONSENT_TEXT_CHARS_MAX} characters");
        return Err(Failure::invalid("text", problem));
    }
    Ok(text.to_owned())
}

fn line_up_to(field: &'static str, text: &str, chars_max: usize) -> Result<String, Failure> {
    let text = text.trim();
    if text.chars().count() > chars_max || text.contains(char::is_control) {
        return Err(Failure::invalid(field, format!("must be one line of up to {chars_max} characters")));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field_of<T>(result: Result<T, Failure>) -> &'static str {
        match result.map(drop).unwrap_err() {
            Failure::Invalid { field, .. } => field,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_wrong_field_is_named_and_not_repeated() {
        let canary = "canary-4711";
        let refusals = [
            ("person_id", person_id("canary-4711 ").map(drop)),
            ("email", email(canary).map(drop)),
            ("name", name("canary-4711\n1").map(drop)),
            ("phone", phone(canary).map(drop)),
            ("language", language("canary-4711 ").map(drop)),
            ("zone", zone("canary-4711 ").map(drop)),
            ("purpose", word("purpose", "canary-4711 ").map(drop)),
            ("channel", channel("canary-4711 ", true).map(drop)),
        ];
        for (field, refusal) in refusals {
            let text = refusal.as_ref().map_err(ToString::to_string).unwrap_err().clone();
            assert!(!text.contains(canary), "{text}");
            assert_eq!(field_of(refusal), field);
        }
    }

    #[test]
    fn what_may_be_unknown_may_be_empty() {
        for optional in [name, phone, language, zone, reason_if_any] {
            assert_eq!(optional("").unwrap(), "");
        }
        assert_eq!(field_of(reason("  ")), "reason");
    }

    #[test]
    fn languages_and_zones_are_taken_as_they_are_written() {
        for tag in ["en", "fr-CA", "zh-Hant-TW"] {
            assert_eq!(language(tag).unwrap(), tag);
        }
        for bad in ["en_GB", "-", "e n", "toolonglanguage"] {
            assert_eq!(field_of(language(bad)), "language");
        }
        for name in ["Europe/Helsinki", "America/Argentina/Buenos_Aires", "Etc/GMT+3"] {
            assert_eq!(zone(name).unwrap(), name);
        }
        assert_eq!(field_of(zone("Europe/../etc passwd")), "zone");
    }

    #[test]
    fn only_a_withdrawal_speaks_of_all_channels() {
        assert_eq!(channel("*", true).unwrap(), "*");
        assert_eq!(field_of(channel("*", false)), "channel");
    }
}
