//! Answers to a form: each as its field's type demands, in the one spelling that is stored and counted. Which version of a form was
//! answered is the caller's to know.

use std::collections::{BTreeMap, HashMap};

use turnout_platform::{canonical, failure::Failure};

use super::{
    fields,
    form::{Field, FieldKind, Form, Standard, Violations},
};

/// Characters of an answer, by its field's type.
const TEXT_CHARS_MAX: usize = 300;
const LONG_TEXT_CHARS_MAX: usize = 2000;
const PLACE_CHARS_MAX: usize = 200;
/// Characters of a name and of a nickname.
const NAME_CHARS_MAX: usize = 200;
const NICKNAME_CHARS_MAX: usize = 40;
/// The first year of birth that is believed.
const BIRTH_YEAR_MIN: i64 = 1900;
/// What a ticked box says.
pub(crate) const TICKED: &str = "yes";
/// A form may be answered so long after a newer version of it was put.
pub(crate) const OLD_FORM_MS_MAX: i64 = 60 * 60 * 1000;

impl Form {
    /// The answers as they are stored; what was left empty is left out. Violations are named `answers.<key>`.
    pub fn answers(
        &self,
        given: &HashMap<String, String>,
        this_year: i64,
        wrong: &mut Violations,
    ) -> BTreeMap<String, String> {
        let mut answers = BTreeMap::new();
        for field in &self.fields {
            let path = format!("answers.{}", field.key);
            let answer = given.get(&field.key).map_or("", |answer| answer.trim());
            if !answer.is_empty() {
                if let Some(answer) = wrong.take(&path, field.answer(answer, this_year)) {
                    answers.insert(field.key.clone(), answer);
                }
            } else if field.required {
                wrong.add(path, "must be answered");
            }
        }
        let mut unknown: Vec<&String> = given.keys().filter(|key| self.field(key).is_none()).collect();
        unknown.sort();
        for key in unknown.into_iter().take(1) {
            let shown: String =
                key.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')).take(64).collect();
            wrong.add(format!("answers.{shown}"), "is no field of this version of the form");
        }
        answers
    }

    /// The name as the form wants it; a form that does not ask keeps none.
    pub fn person_name(&self, given: &str, wrong: &mut Violations) -> String {
        let checked = |given: &str| fields::line("name", given, NAME_CHARS_MAX);
        standard(self.name, "name", given, checked, wrong)
    }

    /// The phone number as the form wants it, in E.164; a form that does not ask keeps none.
    pub fn person_phone(&self, given: &str, wrong: &mut Violations) -> String {
        let checked = |given: &str| canonical::phone(given).map_err(|problem| Failure::invalid("phone", problem));
        standard(self.phone, "phone", given, checked, wrong)
    }
}

/// A nickname.
pub(crate) fn nickname(given: &str) -> Result<String, Failure> {
    fields::line("nickname", given, NICKNAME_CHARS_MAX)
}

impl Field {
    /// The one spelling of an answer that is not empty.
    fn answer(&self, given: &str, this_year: i64) -> Result<String, Failure> {
        let invalid = |problem: String| Failure::invalid("answers", problem);
        match self.kind {
            FieldKind::Text => fields::line("answers", given, TEXT_CHARS_MAX),
            FieldKind::Place => fields::line("answers", given, PLACE_CHARS_MAX),
            FieldKind::LongText => fields::text("answers", given, LONG_TEXT_CHARS_MAX),
            FieldKind::Integer => {
                let number: i64 = given.parse().map_err(|_| invalid("must be a whole number".to_owned()))?;
                if (self.min, self.max) != (0, 0) && !(self.min..=self.max).contains(&number) {
                    return Err(invalid(format!("must be {} to {}", self.min, self.max)));
                }
                Ok(number.to_string())
            }
            FieldKind::BirthYear => {
                let year = given.parse().ok().filter(|year| (BIRTH_YEAR_MIN..=this_year).contains(year));
                let year: i64 =
                    year.ok_or_else(|| invalid(format!("must be a year, {BIRTH_YEAR_MIN} to {this_year}")))?;
                Ok(year.to_string())
            }
            FieldKind::Choice => {
                let chosen = self.options.iter().find(|option| option.key == given);
                chosen.map(|option| option.key.clone()).ok_or_else(|| invalid("must be one of the options".to_owned()))
            }
            FieldKind::Choices => {
                let given: Vec<&str> = given.split(',').map(str::trim).filter(|key| !key.is_empty()).collect();
                if given.iter().any(|key| self.options.iter().all(|option| option.key != *key)) {
                    return Err(invalid("must be some of the options, with commas between".to_owned()));
                }
                let chosen = self.options.iter().filter(|option| given.contains(&option.key.as_str()));
                Ok(chosen.map(|option| option.key.as_str()).collect::<Vec<_>>().join(","))
            }
            FieldKind::Box if given == TICKED => Ok(TICKED.to_owned()),
            FieldKind::Box => Err(invalid(format!("must be `{TICKED}` or empty"))),
        }
    }
}

fn standard(
    treated: Standard,
    field: &'static str,
    given: &str,
    checked: impl FnOnce(&str) -> Result<String, Failure>,
    wrong: &mut Violations,
) -> String {
    match (treated, given.trim().is_empty()) {
        (Standard::Hidden, _) | (Standard::Optional, true) => String::new(),
        (Standard::Required, true) => {
            wrong.add(field, "must be given");
            String::new()
        }
        (_, false) => wrong.take(field, checked(given)).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::form::{Basis, Choice, Texts};

    const THIS_YEAR: i64 = 2027;

    fn field(key: &str, kind: FieldKind) -> Field {
        let options = ["basic", "secondary", "higher"].map(|key| Choice { key: key.to_owned(), label: Texts::new() });
        Field {
            key: key.to_owned(),
            kind,
            required: false,
            label: Texts::new(),
            hint: Texts::new(),
            options: options.into(),
            min: 0,
            max: 0,
            purpose: Texts::new(),
            basis: Basis::Contract,
        }
    }

    fn answered(field: Field, answer: &str) -> Result<Option<String>, Vec<String>> {
        let (form, mut wrong) = (Form { fields: vec![field], ..Form::usual() }, Violations::default());
        let key = form.fields[0].key.clone();
        let mut answers = form.answers(&[(key.clone(), answer.to_owned())].into(), THIS_YEAR, &mut wrong);
        match wrong.or_fail() {
            Ok(()) => Ok(answers.remove(&key)),
            Err(Failure::InvalidFields(wrong)) => Err(wrong.into_iter().map(|(field, _)| field).collect()),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn item_57_each_type_takes_what_fits_it_and_stores_it_in_one_spelling() {
        let long = "ä".repeat(300);
        for (kind, given, stored) in [
            (FieldKind::Text, " Acme Oy ", "Acme Oy"),
            (FieldKind::Text, long.as_str(), long.as_str()),
            (FieldKind::LongText, "a\nb", "a\nb"),
            (FieldKind::Integer, "+007", "7"),
            (FieldKind::BirthYear, "1984", "1984"),
            (FieldKind::Choice, "higher", "higher"),
            (FieldKind::Choices, "higher, basic,basic", "basic,higher"),
            (FieldKind::Place, "Jyväskylä", "Jyväskylä"),
            (FieldKind::Box, "yes", "yes"),
        ] {
            assert_eq!(answered(field("f", kind), given), Ok(Some(stored.to_owned())), "{kind:?} {given:?}");
            assert_eq!(answered(field("f", kind), "  "), Ok(None), "{kind:?}");
        }
    }

    #[test]
    fn item_57_what_does_not_fit_is_named() {
        let long = "ä".repeat(301);
        for (kind, given) in [
            (FieldKind::Text, long.as_str()),
            (FieldKind::Text, "a\nb"),
            (FieldKind::LongText, "a\0b"),
            (FieldKind::Integer, "1.5"),
            (FieldKind::BirthYear, "1899"),
            (FieldKind::BirthYear, "2028"),
            (FieldKind::Choice, "none"),
            (FieldKind::Choices, "basic,none"),
            (FieldKind::Box, "true"),
        ] {
            assert_eq!(answered(field("f", kind), given), Err(vec!["answers.f".to_owned()]), "{kind:?} {given:?}");
        }
        let bounded = Field { min: -5, max: 5, ..field("f", FieldKind::Integer) };
        assert!(answered(bounded.clone(), "-5").is_ok());
        assert!(answered(bounded, "6").is_err());
        let required = Field { required: true, ..field("f", FieldKind::Box) };
        assert_eq!(answered(required, ""), Err(vec!["answers.f".to_owned()]));
    }

    #[test]
    fn what_the_form_does_not_ask_is_not_kept() {
        let mut wrong = Violations::default();
        let form = Form { name: Standard::Hidden, phone: Standard::Hidden, ..Form::usual() };
        assert_eq!(form.person_name("Anna", &mut wrong), "");
        assert_eq!(form.person_phone("+358401234567", &mut wrong), "");
        form.answers(&[("age".to_owned(), "5".to_owned())].into(), THIS_YEAR, &mut wrong);
        assert!(matches!(wrong.or_fail(), Err(Failure::InvalidFields(wrong)) if wrong[0].0 == "answers.age"));
    }

    #[test]
    fn a_name_is_required_and_a_phone_is_not_unless_the_form_says_so() {
        let names = |form: &Form, name: &str, phone: &str| {
            let mut wrong = Violations::default();
            let given = (form.person_name(name, &mut wrong), form.person_phone(phone, &mut wrong));
            wrong.or_fail().map(|()| given)
        };
        let number = || "+358401234567".to_owned();
        assert_eq!(names(&Form::usual(), " Anna ", "").unwrap(), ("Anna".into(), String::new()));
        assert_eq!(names(&Form::usual(), "Anna", "+358 40 1234567").unwrap(), ("Anna".into(), number()));
        assert!(names(&Form::usual(), "", "").is_err());
        assert!(names(&Form::usual(), "Anna", "040").is_err());
        let strict = Form { phone: Standard::Required, name: Standard::Optional, ..Form::usual() };
        assert!(names(&strict, "Anna", "").is_err());
        assert_eq!(names(&strict, "", "+358401234567").unwrap(), (String::new(), number()));
    }
}
