//! The rules for the fields of requests, each as the proto states it. A violation names the field and says what would be right.

use std::str::FromStr;

use turnout_platform::{
    failure::Failure,
    ids::{ID_WITH_SUFFIX_CHARS_MAX, InvalidId},
};
use turnout_proto::{
    common::v1::LocalizedText,
    notifications::v1::{MessageSettings, Reminder},
};

use super::{
    message::Kind,
    quiet::{QuietHours, WINDOW_MIN_MAX},
};

pub(crate) const REGISTRATIONS_MAX: usize = 500;
const PAGE_SIZE_MAX: i32 = 200;
const PAGE_SIZE_USUAL: i32 = 50;
const REMINDERS_MAX: usize = 10;
const LEAD_S: std::ops::RangeInclusive<i64> = 60..=2_592_000;
const REASON_CHARS: std::ops::RangeInclusive<usize> = 3..=500;
const NAME_CHARS_MAX: usize = 100;
const URL_CHARS_MAX: usize = 500;
const LANGUAGES_MAX: usize = 10;
const SUBJECT_CHARS_MAX: usize = 300;
const BODY_CHARS_MAX: usize = 20_000;
const DAY_MIN: i32 = 24 * 60;

/// An id.
pub(crate) fn id<T: FromStr<Err = InvalidId>>(field: &'static str, text: &str) -> Result<T, Failure> {
    text.parse().map_err(|rule: InvalidId| Failure::invalid(field, rule.to_string()))
}

/// An id that has no type of its own here: a person's, a registration's, a caller's key.
pub(crate) fn token(field: &'static str, text: &str) -> Result<String, Failure> {
    let fits = (1..=ID_WITH_SUFFIX_CHARS_MAX).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    if fits { Ok(text.to_owned()) } else { Err(Failure::invalid(field, InvalidId.to_string())) }
}

/// A reason of somebody of the team.
pub(crate) fn reason(text: &str) -> Result<String, Failure> {
    let text = text.trim();
    if REASON_CHARS.contains(&text.chars().count()) {
        Ok(text.to_owned())
    } else {
        Err(Failure::invalid("reason", "must say why, in 3 to 500 characters"))
    }
}

/// Rows of a page; 0 means 50.
pub(crate) fn page_size(size: i32) -> Result<usize, Failure> {
    match size {
        0 => Ok(PAGE_SIZE_USUAL as usize),
        1..=PAGE_SIZE_MAX => Ok(size as usize),
        _ => Err(Failure::invalid("page_size", format!("must be 1 to {PAGE_SIZE_MAX}, or 0 for {PAGE_SIZE_USUAL}"))),
    }
}

/// A kind that a template can have.
pub(crate) fn kind(kind: i32) -> Result<Kind, Failure> {
    match Kind::try_from(kind) {
        Ok(Kind::Unspecified | Kind::Notice) | Err(_) => Err(Failure::invalid("kind", "must be a kind of message")),
        Ok(kind) => Ok(kind),
    }
}

/// Texts of a template: at least one language, none of them too long.
pub(crate) fn texts(field: &'static str, text: Option<LocalizedText>) -> Result<LocalizedText, Failure> {
    let (chars_max, one_line) = if field == "subject" { (SUBJECT_CHARS_MAX, true) } else { (BODY_CHARS_MAX, false) };
    let text = text.unwrap_or_default();
    if !(1..=LANGUAGES_MAX).contains(&text.texts.len()) {
        return Err(Failure::invalid(field, format!("must be given in 1 to {LANGUAGES_MAX} languages")));
    }
    for (language, words) in &text.texts {
        let count = words.chars().count();
        if words.trim().is_empty() || count > chars_max || one_line && words.contains(char::is_control) {
            let lines = if one_line { "one line of " } else { "" };
            return Err(Failure::invalid(field, format!("{language}: must be {lines}1 to {chars_max} characters")));
        }
        let tag_fits =
            (2..=35).contains(&language.len()) && language.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !tag_fits {
            return Err(Failure::invalid(field, "the languages must be tags such as en or fr-CA"));
        }
    }
    Ok(text)
}

/// The leads of reminders, longest first.
pub(crate) fn leads(reminders: &[Reminder]) -> Result<Vec<i64>, Failure> {
    let mut leads: Vec<i64> = reminders.iter().map(|reminder| reminder.before_s).collect();
    if leads.len() > REMINDERS_MAX {
        return Err(Failure::invalid("reminders", format!("must be at most {REMINDERS_MAX}")));
    }
    if leads.iter().any(|lead| !LEAD_S.contains(lead)) {
        return Err(Failure::invalid("reminders", "each must be 60 to 2,592,000 seconds before the start"));
    }
    leads.sort_unstable_by_key(|lead| -lead);
    if leads.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(Failure::invalid("reminders", "no two may be the same"));
    }
    Ok(leads)
}

/// The settings of a tenant, put right where space hangs over. `plain`: a webhook may also be inside, and without encryption.
pub(crate) fn settings(mut settings: MessageSettings, plain: bool) -> Result<MessageSettings, Failure> {
    settings.sender_name = settings.sender_name.trim().to_owned();
    settings.reply_to = settings.reply_to.trim().to_owned();
    settings.webhook_url = settings.webhook_url.trim().to_owned();
    let name = &settings.sender_name;
    if !(1..=NAME_CHARS_MAX).contains(&name.chars().count()) || name.contains(char::is_control) {
        return Err(Failure::invalid("sender_name", format!("must be one line of 1 to {NAME_CHARS_MAX} characters")));
    }
    if !settings.reply_to.is_empty() {
        let problem = turnout_platform::canonical::email(&settings.reply_to).err();
        problem.map_or(Ok(()), |problem| Err(Failure::invalid("reply_to", problem)))?;
    }
    for (field, minute) in [("quiet_from_min", settings.quiet_from_min), ("quiet_to_min", settings.quiet_to_min)] {
        if !(0..DAY_MIN).contains(&minute) {
            return Err(Failure::invalid(field, "must be 0 to 1,439 minutes after midnight"));
        }
    }
    let window = QuietHours { from_min: settings.quiet_from_min, to_min: settings.quiet_to_min };
    if window.length_min() > WINDOW_MIN_MAX {
        return Err(Failure::invalid("quiet_to_min", "quiet hours must be 20 hours at most"));
    }
    let url = &settings.webhook_url;
    if !url.is_empty() {
        let open = url.strip_prefix("http://").filter(|_| plain);
        let host = url.strip_prefix("https://").or(open).and_then(|rest| rest.split(['/', '?', '#']).next());
        let odd = |letter: char| letter.is_whitespace() || letter.is_control();
        let named = host.is_some_and(|host| !host.contains('@') && (plain && !host.is_empty() || host.contains('.')));
        let fits = named && url.len() <= URL_CHARS_MAX && !url.contains(odd);
        if !fits {
            return Err(Failure::invalid("webhook_url", "must be an https address of at most 500 characters"));
        }
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field_of<T: std::fmt::Debug>(result: Result<T, Failure>) -> &'static str {
        match result.unwrap_err() {
            Failure::Invalid { field, .. } => field,
            other => panic!("{other:?}"),
        }
    }

    fn usual() -> MessageSettings {
        MessageSettings { sender_name: "Acme".into(), quiet_from_min: 1260, quiet_to_min: 480, ..Default::default() }
    }

    #[test]
    fn reminders_are_sorted_distinct_and_within_30_days() {
        let of =
            |leads: &[i64]| self::leads(&leads.iter().map(|lead| Reminder { before_s: *lead }).collect::<Vec<_>>());
        assert_eq!(of(&[60, 3600]).unwrap(), [3600, 60]);
        for bad in [&[59][..], &[2_592_001], &[60, 60], &[100; 11]] {
            assert_eq!(field_of(of(bad)), "reminders");
        }
    }

    #[test]
    fn a_wrong_setting_is_named() {
        let settings = |settings| self::settings(settings, false);
        assert!(settings(usual()).is_ok());
        assert_eq!(field_of(settings(MessageSettings { sender_name: " ".into(), ..usual() })), "sender_name");
        assert_eq!(field_of(settings(MessageSettings { reply_to: "x".into(), ..usual() })), "reply_to");
        assert_eq!(field_of(settings(MessageSettings { quiet_from_min: 1440, ..usual() })), "quiet_from_min");
        let long = MessageSettings { quiet_from_min: 0, quiet_to_min: 1300, ..usual() };
        assert_eq!(field_of(settings(long)), "quiet_to_min");
        let plain = MessageSettings { webhook_url: "http://example.org".into(), ..usual() };
        assert_eq!(field_of(settings(plain.clone())), "webhook_url");
        assert!(self::settings(plain, true).is_ok());
        for bad in ["https://", "https://inside", "https://me:pw@example.org", "https://example.org/a b", "ftp://a.b"] {
            let bad = MessageSettings { webhook_url: bad.into(), ..usual() };
            assert_eq!(field_of(settings(bad)), "webhook_url");
        }
        assert!(settings(MessageSettings { webhook_url: "https://example.org/hook?a=1".into(), ..usual() }).is_ok());
    }

    #[test]
    fn a_template_has_words_in_some_language() {
        let of = |language: &str, words: &str| {
            let texts = [(language.to_owned(), words.to_owned())].into();
            self::texts("subject", Some(LocalizedText { texts }))
        };
        assert!(of("en", "Hi").is_ok());
        for (language, words) in [("en", ""), ("en", "a\nb"), ("e n", "x")] {
            assert_eq!(field_of(of(language, words)), "subject");
        }
        assert_eq!(field_of(texts("body", None)), "body");
    }
}
