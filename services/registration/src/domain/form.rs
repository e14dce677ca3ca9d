//! The form of an event: which fields it has, and whether a form is one that can be shown and answered. What makes an answer valid is
//! in `answers`; where versions are kept is not here.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use turnout_platform::{failure::Failure, limits::ID_CHARS_MAX};

use super::fields;

/// Own fields of a form.
const FIELDS_MAX: usize = 50;
/// Options of a choice.
const OPTIONS: std::ops::RangeInclusive<usize> = 2..=50;
/// Consents that a form asks for.
const CONSENTS_MAX: usize = 10;
/// Characters of a label, and of longer texts, in one language.
const LABEL_CHARS_MAX: usize = 300;
const TEXT_CHARS_MAX: usize = 2000;
/// Languages of one text.
const LANGUAGES_MAX: usize = 20;
/// Bytes of a form as it is stored.
pub(crate) const FORM_BYTES_MAX: usize = 256 * 1024;
/// What every form has anyway.
const STANDARD_KEYS: [&str; 4] = ["email", "name", "phone", "nickname"];

/// A text by language (BCP 47).
pub(crate) type Texts = BTreeMap<String, String>;

/// One version of an event's form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Form {
    /// From 1; 0 is the form that every event has before anybody made one.
    pub version: i64,
    pub fields: Vec<Field>,
    pub name: Standard,
    pub phone: Standard,
    pub consents: Vec<ConsentQuestion>,
    /// Milliseconds since 1970.
    pub created_at_ms: i64,
}

/// One own field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Field {
    pub key: String,
    pub kind: FieldKind,
    pub required: bool,
    pub label: Texts,
    pub hint: Texts,
    /// Of choices, in their order.
    pub options: Vec<Choice>,
    /// Of numbers; both 0 means no bounds.
    pub min: i64,
    pub max: i64,
    /// What the answer is for.
    pub purpose: Texts,
    pub basis: Basis,
}

/// One option of a choice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Choice {
    pub key: String,
    pub label: Texts,
}

/// What a field takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum FieldKind {
    Text,
    LongText,
    Integer,
    BirthYear,
    Choice,
    Choices,
    Place,
    Box,
}

/// On what the processing rests, GDPR article 6(1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Basis {
    Consent,
    Contract,
    LegalObligation,
    LegitimateInterest,
}

/// How a field is treated that every form has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Standard {
    Hidden,
    Optional,
    Required,
}

/// A consent that is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ConsentQuestion {
    pub purpose: String,
    pub channel: String,
    pub text: Texts,
}

/// Wrong fields, collected so that a form's maker or its reader hears of all at once.
#[derive(Debug, Default)]
pub(crate) struct Violations(Vec<(String, String)>);

impl Violations {
    /// One more.
    pub fn add(&mut self, field: impl Into<String>, problem: impl Into<String>) {
        self.0.push((field.into(), problem.into()));
    }

    /// A rule's answer: its value, or nothing and one violation more, under this name.
    pub fn take<T>(&mut self, field: &str, checked: Result<T, Failure>) -> Option<T> {
        match checked {
            Ok(value) => Some(value),
            Err(Failure::Invalid { problem, .. }) => {
                self.add(field, problem);
                None
            }
            Err(other) => {
                self.add(field, other.to_string());
                None
            }
        }
    }

    /// Whether there are none.
    pub fn or_fail(self) -> Result<(), Failure> {
        if self.0.is_empty() { Ok(()) } else { Err(Failure::InvalidFields(self.0)) }
    }
}

impl Form {
    /// The form of an event for which nobody made one.
    pub fn usual() -> Self {
        Self {
            version: 0,
            fields: Vec::new(),
            name: Standard::Required,
            phone: Standard::Optional,
            consents: Vec::new(),
            created_at_ms: 0,
        }
    }

    /// Whether the form can be shown and answered. `first_language` is the event's own: people who read none of the others get it.
    pub fn check(&self, first_language: &str) -> Result<(), Failure> {
        let mut wrong = Violations::default();
        if self.fields.len() > FIELDS_MAX {
            wrong.add("form.fields", format!("must be at most {FIELDS_MAX}"));
        }
        if self.consents.len() > CONSENTS_MAX {
            wrong.add("form.consents", format!("must be at most {CONSENTS_MAX}"));
        }
        let mut keys: BTreeSet<&str> = STANDARD_KEYS.into();
        for (at, field) in self.fields.iter().enumerate() {
            let path = format!("form.fields[{at}]");
            key(&mut wrong, &format!("{path}.key"), &field.key, &mut keys);
            field.check(&mut wrong, &path, first_language);
        }
        let mut asked = BTreeSet::new();
        for (at, question) in self.consents.iter().enumerate() {
            let path = format!("form.consents[{at}]");
            for (part, word) in [("purpose", &question.purpose), ("channel", &question.channel)] {
                key(&mut wrong, &format!("{path}.{part}"), word, &mut BTreeSet::new());
            }
            if !asked.insert((&question.purpose, &question.channel)) {
                wrong.add(&path, "asks for the same purpose and channel as one before");
            }
            texts(&mut wrong, &format!("{path}.text"), &question.text, TEXT_CHARS_MAX, Some(first_language));
        }
        wrong.or_fail()
    }

    /// One own field.
    pub fn field(&self, key: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.key == key)
    }

    /// The question that a given consent (`<purpose>/<channel>`) answers.
    pub fn consent(&self, given: &str) -> Option<&ConsentQuestion> {
        let (purpose, channel) = given.split_once('/')?;
        self.consents.iter().find(|question| question.purpose == purpose && question.channel == channel)
    }
}

impl Field {
    fn check(&self, wrong: &mut Violations, path: &str, first_language: &str) {
        texts(wrong, &format!("{path}.label"), &self.label, LABEL_CHARS_MAX, Some(first_language));
        texts(wrong, &format!("{path}.hint"), &self.hint, TEXT_CHARS_MAX, None);
        texts(wrong, &format!("{path}.purpose"), &self.purpose, TEXT_CHARS_MAX, Some(first_language));
        if self.min > self.max {
            wrong.add(format!("{path}.max"), "must not be less than min");
        }
        let is_choice = matches!(self.kind, FieldKind::Choice | FieldKind::Choices);
        if is_choice && !OPTIONS.contains(&self.options.len()) {
            wrong.add(format!("{path}.options"), format!("must be {} to {}", OPTIONS.start(), OPTIONS.end()));
        }
        if !is_choice && !self.options.is_empty() {
            wrong.add(format!("{path}.options"), "only choices have options");
        }
        let mut keys = BTreeSet::new();
        for (at, option) in self.options.iter().enumerate() {
            let path = format!("{path}.options[{at}]");
            key(wrong, &format!("{path}.key"), &option.key, &mut keys);
            texts(wrong, &format!("{path}.label"), &option.label, LABEL_CHARS_MAX, Some(first_language));
        }
    }
}

/// The text that a reader of this language gets: in it, else in its main language, else in the event's own, else any.
pub(crate) fn text_for<'a>(texts: &'a Texts, language: &str, first_language: &str) -> Option<(&'a str, &'a str)> {
    let main = language.split('-').next().unwrap_or_default();
    let found = [language, main, first_language].into_iter().find_map(|tag| texts.get_key_value(tag));
    found.or_else(|| texts.iter().next()).map(|(tag, text)| (tag.as_str(), text.as_str()))
}

fn key<'a>(wrong: &mut Violations, path: &str, key: &'a str, known: &mut BTreeSet<&'a str>) {
    let fits = (1..=ID_CHARS_MAX).contains(&key.len())
        && key.bytes().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, b'_' | b'-'));
    if !fits {
        wrong.add(path, format!("must be 1 to {ID_CHARS_MAX} characters of A-Z, a-z, 0-9, _ and -"));
    } else if !known.insert(key) {
        wrong.add(path, "is taken; each needs a key of its own");
    }
}

fn texts(wrong: &mut Violations, path: &str, texts: &Texts, chars_max: usize, required_in: Option<&str>) {
    if texts.len() > LANGUAGES_MAX {
        wrong.add(path, format!("must be in at most {LANGUAGES_MAX} languages"));
    }
    for (tag, text) in texts {
        wrong.take(path, fields::language("language", tag));
        wrong.take(path, fields::text("text", text, chars_max));
    }
    if let Some(language) = required_in
        && texts.get(language).is_none_or(|text| text.trim().is_empty())
    {
        wrong.add(path, format!("must be given in the event's first language, {language}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn en(text: &str) -> Texts {
        [("en".to_owned(), text.to_owned())].into()
    }

    fn field(key: &str) -> Field {
        Field {
            key: key.to_owned(),
            kind: FieldKind::Text,
            required: false,
            label: en("Label"),
            hint: Texts::new(),
            options: Vec::new(),
            min: 0,
            max: 0,
            purpose: en("Purpose"),
            basis: Basis::Contract,
        }
    }

    fn wrong(form: &Form) -> Vec<String> {
        match form.check("en") {
            Ok(()) => Vec::new(),
            Err(Failure::InvalidFields(wrong)) => wrong.into_iter().map(|(field, _)| field).collect(),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn item_57_a_form_has_up_to_50_own_fields() {
        let of = |count: usize| Form { fields: (0..count).map(|n| field(&format!("f{n}"))).collect(), ..Form::usual() };
        assert_eq!(wrong(&of(50)), Vec::<String>::new());
        assert_eq!(wrong(&of(51)), ["form.fields"]);
    }

    #[test]
    fn everything_that_is_wrong_is_named_at_once() {
        let option = |key: &str| Choice { key: key.to_owned(), label: en("Option") };
        let fields = vec![
            field("email"),
            field("a b"),
            Field { purpose: Texts::new(), min: 2, max: 1, ..field("age") },
            Field { kind: FieldKind::Choice, options: vec![option("x"), option("x")], ..field("level") },
            Field { kind: FieldKind::Choice, options: vec![option("x")], ..field("level") },
            Field { label: [("en_GB".to_owned(), "Label".to_owned())].into(), ..field("town") },
        ];
        let question = ConsentQuestion { purpose: "marketing".into(), channel: "email".into(), text: Texts::new() };
        let form = Form { fields, consents: vec![question.clone(), question], ..Form::usual() };
        let expected = [
            "form.fields[0].key",
            "form.fields[1].key",
            "form.fields[2].purpose",
            "form.fields[2].max",
            "form.fields[3].options[1].key",
            "form.fields[4].key",
            "form.fields[4].options",
            "form.fields[5].label",
            "form.fields[5].label",
            "form.consents[0].text",
            "form.consents[1]",
            "form.consents[1].text",
        ];
        assert_eq!(wrong(&form), expected);
    }

    #[test]
    fn a_reader_gets_their_language_or_the_nearest_there_is() {
        let texts: Texts = [("en", "yes"), ("fi", "joo"), ("fr", "oui")].map(|(a, b)| (a.into(), b.into())).into();
        assert_eq!(text_for(&texts, "fr", "en"), Some(("fr", "oui")));
        assert_eq!(text_for(&texts, "fr-CA", "en"), Some(("fr", "oui")));
        assert_eq!(text_for(&texts, "de", "fi"), Some(("fi", "joo")));
        assert_eq!(text_for(&texts, "de", "sv"), Some(("en", "yes")));
        assert_eq!(text_for(&Texts::new(), "de", "sv"), None);
    }
}
