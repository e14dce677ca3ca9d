//! An event's form: what to show, and what to make of what was sent. Everything that is wrong is told at once, beside its field; the
//! service checks it all again. Pure.

use std::collections::HashMap;

use tonic::Status;
use tonic_types::StatusExt as _;
use turnout_platform::canonical;
use turnout_proto::registration::v1::{AttendanceMode, Event, FieldType, Form, FormField, Registration, StandardField};

use super::{Posted, language::Reader, showing};
use crate::views::{FieldView, InputView, ModeView, OptionView, RegisterForm, Words, text::public as words};

/// A choice of more options than this becomes a list to open.
const RADIOS_MAX: usize = 7;
/// Before the names of an event's own fields.
const OWN: &str = "a.";
/// As the proto states them.
const TEXT_CHARS_MAX: usize = 300;
const LONG_TEXT_CHARS_MAX: usize = 2_000;
const PLACE_CHARS_MAX: usize = 200;
const NAME_CHARS_MAX: usize = 200;
const EMAIL_CHARS_MAX: usize = 254;
const PHONE_CHARS_MAX: usize = 40;
const NICKNAME_CHARS_MAX: usize = 40;
const BIRTH_YEAR_MIN: i16 = 1900;

/// What is in a form's inputs, by their names.
pub(super) type Values = HashMap<String, Vec<String>>;
/// What is wrong, by the names of the inputs; with the empty name, what is wrong with the whole.
pub(super) type Problems = HashMap<String, String>;

/// Who fills the form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Filler {
    /// Somebody who registers.
    New,
    /// Somebody who changes their registration: the address and the consents stand elsewhere.
    Registered,
    /// Somebody with nothing but a nickname, who changes their registration.
    Nickname,
}

/// The form with what was entered and what is wrong with it.
pub(super) fn show(
    form: &Form,
    event: &Event,
    reader: &Reader,
    filler: Filler,
    values: &Values,
    problems: &Problems,
) -> RegisterForm {
    let sheet = Sheet { reader, values, problems };
    let mut fields = Vec::new();
    if filler == Filler::New {
        let hint = Some(Words::ours(words::FIELD_EMAIL_HINT));
        fields.push(sheet.line("email", words::FIELD_EMAIL, hint, true, ("email", "email", "email", EMAIL_CHARS_MAX)));
    }
    if filler == Filler::Nickname {
        fields.push(sheet.nickname());
    } else {
        if let Some(required) = asked(form.name(), StandardField::Required) {
            let kind = ("text", "name", "text", NAME_CHARS_MAX);
            fields.push(sheet.line("name", words::FIELD_NAME, None, required, kind));
        }
        if let Some(required) = asked(form.phone(), StandardField::Optional) {
            let hint = Some(Words::ours(words::FIELD_PHONE_HINT));
            fields.push(sheet.line(
                "phone",
                words::FIELD_PHONE,
                hint,
                required,
                ("tel", "tel", "tel", PHONE_CHARS_MAX),
            ));
        }
    }
    if event.mode() == AttendanceMode::Hybrid {
        fields.push(sheet.mode());
    }
    if filler != Filler::Nickname {
        fields.extend(form.fields.iter().map(|field| sheet.own(field)));
    }
    let consents = if filler == Filler::New { sheet.consents(form) } else { Vec::new() };
    RegisterForm { version: form.version, fields, consents, problem: problems.get("").cloned() }
}

/// The one field of those who come with a nickname.
pub(super) fn nickname(reader: &Reader, values: &Values, problems: &Problems) -> FieldView {
    Sheet { reader, values, problems }.nickname()
}

/// Whether a field that every form has is asked for, and then whether it must be given.
pub(super) fn asked(how: StandardField, usual: StandardField) -> Option<bool> {
    match if how == StandardField::Unspecified { usual } else { how } {
        StandardField::Hidden | StandardField::Unspecified => None,
        StandardField::Optional => Some(false),
        StandardField::Required => Some(true),
    }
}

struct Sheet<'a> {
    reader: &'a Reader,
    values: &'a Values,
    problems: &'a Problems,
}

impl Sheet<'_> {
    fn value(&self, name: &str) -> String {
        self.values.get(name).and_then(|all| all.first()).cloned().unwrap_or_default()
    }

    fn has(&self, name: &str, value: &str) -> bool {
        self.values.get(name).is_some_and(|all| all.iter().any(|v| v == value))
    }

    fn field(&self, name: &str, label: Words, hint: Option<Words>, required: bool, input: InputView) -> FieldView {
        FieldView { error: self.problems.get(name).cloned(), name: name.to_owned(), label, hint, required, input }
    }

    fn line(
        &self,
        name: &str,
        label: &str,
        hint: Option<Words>,
        required: bool,
        (kind, autocomplete, inputmode, chars_max): (&'static str, &'static str, &'static str, usize),
    ) -> FieldView {
        let input = InputView::Line { kind, value: self.value(name), autocomplete, inputmode, chars_max };
        self.field(name, Words::ours(label), hint, required, input)
    }

    fn nickname(&self) -> FieldView {
        let hint = Some(Words::ours(words::FIELD_NICKNAME_HINT));
        let kind = ("text", "nickname", "text", NICKNAME_CHARS_MAX);
        self.line("nickname", words::FIELD_NICKNAME, hint, true, kind)
    }

    fn mode(&self) -> FieldView {
        let options = [ModeView::OnSite, ModeView::Online, ModeView::Hybrid].map(|mode| OptionView {
            key: mode.key().to_owned(),
            label: Words::ours(mode.label()),
            picked: self.has("mode", mode.key()),
        });
        self.field("mode", Words::ours(words::FIELD_MODE), None, true, InputView::Choice(options.into()))
    }

    fn own(&self, field: &FormField) -> FieldView {
        let name = own_name(field);
        let options = || {
            let shown = field.options.iter().map(|option| OptionView {
                label: self.reader.maybe(option.label.as_ref()).unwrap_or_else(|| Words::ours(&option.key)),
                picked: self.has(&name, &option.key),
                key: option.key.clone(),
            });
            shown.collect::<Vec<_>>()
        };
        let line = |inputmode, chars_max| InputView::Line {
            kind: "text",
            value: self.value(&name),
            autocomplete: "on",
            inputmode,
            chars_max,
        };
        let input = match field.r#type() {
            FieldType::Text | FieldType::Unspecified => line("text", TEXT_CHARS_MAX),
            FieldType::Place => line("text", PLACE_CHARS_MAX),
            FieldType::Integer => line("numeric", 20),
            FieldType::BirthYear => line("numeric", 4),
            FieldType::LongText => InputView::Area { value: self.value(&name) },
            FieldType::Choice if field.options.len() > RADIOS_MAX => InputView::Select(options()),
            FieldType::Choice => InputView::Choice(options()),
            FieldType::Choices => InputView::Choices(options()),
            FieldType::Box => InputView::Box { ticked: self.has(&name, "yes") },
        };
        let label = self.reader.maybe(field.label.as_ref()).unwrap_or_else(|| Words::ours(&field.key));
        let hint = self.reader.maybe(field.hint.as_ref());
        self.field(&name, label, hint, field.required, input)
    }

    /// Each on its own, ticked only if this person has just ticked it.
    fn consents(&self, form: &Form) -> Vec<FieldView> {
        let shown = form.consents.iter().map(|question| {
            let key = format!("{}/{}", question.purpose, question.channel);
            let name = format!("consent.{key}");
            let ticked = self.has(&name, "yes");
            let label = self.reader.maybe(question.text.as_ref()).unwrap_or_else(|| Words::ours(&key));
            self.field(&name, label, None, false, InputView::Box { ticked })
        });
        shown.collect()
    }
}

fn own_name(field: &FormField) -> String {
    format!("{OWN}{}", field.key)
}

/// What somebody sent, checked.
#[derive(Debug, Default)]
pub(super) struct Filled {
    pub email: String,
    pub name: String,
    pub phone: String,
    pub nickname: String,
    pub mode: AttendanceMode,
    pub answers: HashMap<String, String>,
    /// `<purpose>/<channel>` of what was ticked.
    pub consents: Vec<String>,
    pub problems: Problems,
}

/// What was sent, by the names of the inputs, to be shown again.
pub(super) fn values_of_post(posted: &Posted) -> Values {
    let mut values = Values::new();
    for (name, value) in &posted.0 {
        values.entry(name.clone()).or_default().push(value.trim().to_owned());
    }
    values
}

/// What a registration holds, by the names of the inputs.
pub(super) fn values_of_registration(form: &Form, registration: &Registration) -> Values {
    let one = |name: &str, value: &str| (name.to_owned(), vec![value.to_owned()]);
    let mode = showing::mode(registration.mode()).map_or("", ModeView::key);
    let standard = [
        one("name", &registration.name),
        one("phone", &registration.phone),
        one("nickname", &registration.nickname),
        one("mode", mode),
    ];
    let own = form.fields.iter().filter_map(|field| {
        let answer = registration.answers.get(&field.key)?;
        let several = field.r#type() == FieldType::Choices;
        let given = if several { answer.split(',').map(str::to_owned).collect() } else { vec![answer.clone()] };
        Some((own_name(field), given))
    });
    standard.into_iter().chain(own).collect()
}

/// Reads and checks what was sent.
pub(super) fn read(form: &Form, event: &Event, filler: Filler, posted: &Posted, this_year: i16) -> Filled {
    let mut filled = Filled::default();
    let mut problems = Problems::new();
    let mut take = |name: &str, required: bool, check: &dyn Fn(&str) -> Option<String>| {
        let value = posted.one(name).to_owned();
        let missing = (value.is_empty() && required).then(|| words::PROBLEM_MISSING.to_owned());
        let wrong = if value.is_empty() { missing } else { check(&value) };
        if let Some(problem) = wrong {
            problems.insert(name.to_owned(), problem);
        }
        value
    };
    if filler == Filler::New {
        filled.email = take("email", true, &|email| {
            canonical::email(email).err().map(|problem| words::PROBLEM_REFUSED.replace("{problem}", problem))
        });
    }
    if filler == Filler::Nickname {
        filled.nickname = take("nickname", true, &|nickname| too_long(nickname, NICKNAME_CHARS_MAX));
    } else {
        if let Some(required) = asked(form.name(), StandardField::Required) {
            filled.name = take("name", required, &|name| too_long(name, NAME_CHARS_MAX));
        }
        if let Some(required) = asked(form.phone(), StandardField::Optional) {
            filled.phone = take("phone", required, &|phone| {
                canonical::phone(phone).err().map(|_| words::PROBLEM_PHONE.to_owned())
            });
        }
    }
    if event.mode() == AttendanceMode::Hybrid && (filler != Filler::Nickname || !posted.one("mode").is_empty()) {
        let chosen =
            take("mode", true, &|mode| ModeView::of_key(mode).is_none().then(|| words::PROBLEM_OPTION.to_owned()));
        filled.mode = showing::mode_of_wire(ModeView::of_key(&chosen));
    }
    if filler != Filler::Nickname {
        for field in &form.fields {
            let name = own_name(field);
            let answer = if field.r#type() == FieldType::Choices {
                let chosen: Vec<&str> = posted.all(&name).collect();
                let in_order = field.options.iter().filter(|option| chosen.contains(&option.key.as_str()));
                let answer = in_order.map(|option| option.key.as_str()).collect::<Vec<_>>().join(",");
                if answer.is_empty() && field.required {
                    problems.insert(name, words::PROBLEM_MISSING.to_owned());
                }
                answer
            } else {
                let value = posted.one(&name).to_owned();
                let missing = (value.is_empty() && field.required).then(|| words::PROBLEM_MISSING.to_owned());
                let wrong = if value.is_empty() { missing } else { answer_problem(field, &value, this_year) };
                if let Some(problem) = wrong {
                    problems.insert(name, problem);
                }
                value
            };
            if !answer.is_empty() {
                filled.answers.insert(field.key.clone(), answer);
            }
        }
    }
    if filler == Filler::New {
        let given = form.consents.iter().map(|c| format!("{}/{}", c.purpose, c.channel));
        filled.consents = given.filter(|key| posted.one(&format!("consent.{key}")) == "yes").collect();
    }
    filled.problems = problems;
    filled
}

fn too_long(value: &str, chars_max: usize) -> Option<String> {
    (value.chars().count() > chars_max).then(|| words::PROBLEM_LONG.replace("{max}", &chars_max.to_string()))
}

fn answer_problem(field: &FormField, value: &str, this_year: i16) -> Option<String> {
    match field.r#type() {
        FieldType::Text | FieldType::Unspecified => too_long(value, TEXT_CHARS_MAX),
        FieldType::LongText => too_long(value, LONG_TEXT_CHARS_MAX),
        FieldType::Place => too_long(value, PLACE_CHARS_MAX),
        FieldType::Integer => {
            let bounded = field.min != 0 || field.max != 0;
            match value.parse::<i64>() {
                Ok(number) if !bounded || (field.min..=field.max).contains(&number) => None,
                _ if bounded => {
                    let told = words::PROBLEM_NUMBER_RANGE.replace("{min}", &field.min.to_string());
                    Some(told.replace("{max}", &field.max.to_string()))
                }
                _ => Some(words::PROBLEM_NUMBER.to_owned()),
            }
        }
        FieldType::BirthYear => {
            let year = value.parse::<i16>().ok().filter(|year| (BIRTH_YEAR_MIN..=this_year).contains(year));
            year.is_none().then(|| words::PROBLEM_YEAR.to_owned())
        }
        FieldType::Choice => {
            let known = field.options.iter().any(|option| option.key == value);
            (!known).then(|| words::PROBLEM_OPTION.to_owned())
        }
        FieldType::Box => (value != "yes").then(|| words::PROBLEM_OPTION.to_owned()),
        FieldType::Choices => None,
    }
}

/// What the service found wrong, beside the field that it names, else about the whole.
pub(super) fn blame(form: &Form, status: &Status) -> Problems {
    let violations = status.get_details_bad_request().map(|b| b.field_violations).unwrap_or_default();
    let mut problems = Problems::new();
    for violation in violations {
        let named = violation.field.trim_start_matches("registration.").trim_start_matches("answers.");
        let own = form.fields.iter().find(|field| field.key == named).map(own_name);
        let standard = ["email", "name", "phone", "nickname", "mode"].into_iter().find(|name| *name == named);
        let name = own.or_else(|| standard.map(str::to_owned)).unwrap_or_default();
        let told = violation.description.trim_end_matches('.');
        problems.insert(name, words::PROBLEM_REFUSED.replace("{problem}", told));
    }
    if problems.is_empty() {
        problems.insert(String::new(), words::PROBLEM_NOT_POSSIBLE.to_owned());
    }
    problems
}

#[cfg(test)]
#[path = "fields/tests.rs"]
mod tests;
