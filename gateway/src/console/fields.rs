//! The form of an event as a member of the team fills it in: its fields with what stands in them, and back. Whether what was entered
//! is right is decided by registration.

use std::collections::HashMap;

use turnout_proto::registration::v1::{AttendanceMode, FieldType, Form, FormField, StandardField};

use super::reading::in_own_language;
use crate::{
    upstream::OnceKey,
    views::{
        console::{
            registrant::{AnswerField, Entry},
            rows::RegistrantRow,
            shell::EventFacts,
            states,
        },
        text::console as words,
    },
};

/// Answers stand under these names, as they do in the violations of the service.
const ANSWERS: &str = "answers.";

/// The field that says which page, as it was shown once, a form stood on.
pub(super) const ONCE: &str = "once";

/// What a form sent; a name may come several times.
#[derive(Debug, Default)]
pub(super) struct Sent(pub(super) Vec<(String, String)>);

impl Sent {
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value.trim())
    }

    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The key of what the form asks for about one thing: the same when the same page sends the same again, by a second click or after
    /// a reload. None for a form that does not say which page it stood on. Which other rows were selected makes no difference.
    pub(super) fn once(&self, act: &str, about: &str) -> Option<OnceKey> {
        let once = Some(self.get(ONCE)).filter(|once| !once.is_empty())?;
        let fields = self.0.iter().filter(|(name, _)| name != "id").flat_map(|(name, value)| [name.as_str(), value]);
        OnceKey::of([once, act, about].into_iter().chain(fields))
    }

    /// The answers to a form's own fields; what is not answered is left out.
    pub(super) fn answers(&self, form: &Form) -> HashMap<String, String> {
        let answer = |field: &FormField| {
            let name = format!("{ANSWERS}{}", field.key);
            let given = self.all(&name).filter(|value| !value.is_empty()).collect::<Vec<_>>().join(",");
            (!given.trim().is_empty()).then(|| (field.key.clone(), given.trim().to_owned()))
        };
        form.fields.iter().filter_map(answer).collect()
    }

    pub(super) fn mode(&self) -> AttendanceMode {
        mode_of(self.get("mode"))
    }
}

/// A way of taking part by its word.
pub(super) fn mode_of(word: &str) -> AttendanceMode {
    match word {
        "site" => AttendanceMode::OnSite,
        "online" => AttendanceMode::Online,
        "both" => AttendanceMode::Hybrid,
        _ => AttendanceMode::Unspecified,
    }
}

fn mode_word(mode: AttendanceMode) -> &'static str {
    match mode {
        AttendanceMode::OnSite => "site",
        AttendanceMode::Online => "online",
        AttendanceMode::Hybrid | AttendanceMode::Unspecified => "both",
    }
}

/// The fields to register somebody by hand, with what was sent.
pub(super) fn to_register(event: &EventFacts, form: &Form, sent: &Sent) -> Vec<AnswerField> {
    let mut fields = vec![plain("email", words::COLUMN_EMAIL, Entry::Email, true, sent.get("email"))];
    fields.extend(standard(form, sent.get("name"), sent.get("phone")));
    fields.extend(mode_field(event, sent.mode()));
    if event.languages.len() > 1 {
        let language = |code: &String| (code.clone(), code.clone(), code == sent.get("language"));
        let options = event.languages.iter().map(language).collect();
        fields.push(AnswerField {
            entry: Entry::Choice,
            options,
            ..plain("language", words::REGISTRANT_LANGUAGE, Entry::Choice, false, "")
        });
    }
    fields.extend(own(event, form, &sent.answers(form)));
    fields
}

/// The fields that can be changed of a registration, with what stands there.
pub(super) fn to_edit(event: &EventFacts, form: &Form, row: &RegistrantRow) -> Vec<AnswerField> {
    let mut fields = if row.email.is_empty() && !row.nickname.is_empty() {
        vec![plain("nickname", words::NICKNAME, Entry::Text, true, &row.nickname)]
    } else {
        standard(form, &row.name, &row.phone)
    };
    fields.extend(mode_field(event, row.mode));
    fields.extend(own(event, form, &row.answers));
    fields
}

/// Puts the service's sentences beside the fields that they are about; returns those that fit none.
pub(super) fn blame(fields: &mut [AnswerField], violations: Vec<(String, String)>) -> Vec<String> {
    let mut rest = Vec::new();
    for (name, sentence) in violations {
        match fields.iter_mut().find(|field| field.name == name) {
            Some(field) => field.error = Some(sentence),
            None => rest.push(sentence),
        }
    }
    rest
}

fn plain(name: &str, label: &str, entry: Entry, required: bool, value: &str) -> AnswerField {
    AnswerField {
        name: name.to_owned(),
        label: label.to_owned(),
        hint: String::new(),
        entry,
        required,
        value: value.to_owned(),
        options: Vec::new(),
        error: None,
    }
}

fn standard(form: &Form, name: &str, phone: &str) -> Vec<AnswerField> {
    let mut fields = Vec::new();
    if form.name() != StandardField::Hidden {
        let required = form.name() != StandardField::Optional;
        fields.push(plain("name", words::COLUMN_NAME, Entry::Text, required, name));
    }
    if form.phone() != StandardField::Hidden {
        let required = form.phone() == StandardField::Required;
        fields.push(plain("phone", words::COLUMN_PHONE, Entry::Phone, required, phone));
    }
    fields
}

/// Only where there is a choice.
fn mode_field(event: &EventFacts, chosen: AttendanceMode) -> Option<AnswerField> {
    if event.mode != AttendanceMode::Hybrid {
        return None;
    }
    let modes = [AttendanceMode::Hybrid, AttendanceMode::OnSite, AttendanceMode::Online];
    let option = |mode| (mode_word(mode).to_owned(), states::mode(mode).text.to_owned(), mode == chosen);
    let options = modes.into_iter().map(option).collect();
    Some(AnswerField { options, ..plain("mode", words::COLUMN_MODE, Entry::Choice, false, "") })
}

fn own(event: &EventFacts, form: &Form, answers: &HashMap<String, String>) -> Vec<AnswerField> {
    let field = |field: &FormField| {
        let given = answers.get(&field.key).map_or("", String::as_str);
        let option = |key: &str, label| (key.to_owned(), label, given.split(',').any(|chosen| chosen == key));
        let options = field.options.iter().map(|o| option(&o.key, in_own_language(o.label.as_ref(), event, &o.key)));
        AnswerField {
            name: format!("{ANSWERS}{}", field.key),
            label: in_own_language(field.label.as_ref(), event, &field.key),
            hint: in_own_language(field.hint.as_ref(), event, ""),
            entry: entry(field.r#type()),
            required: field.required,
            value: given.to_owned(),
            options: options.collect(),
            error: None,
        }
    };
    form.fields.iter().map(field).collect()
}

fn entry(kind: FieldType) -> Entry {
    match kind {
        FieldType::LongText => Entry::LongText,
        FieldType::Integer | FieldType::BirthYear => Entry::Number,
        FieldType::Choice => Entry::Choice,
        FieldType::Choices => Entry::Choices,
        FieldType::Box => Entry::Tick,
        FieldType::Text | FieldType::Place | FieldType::Unspecified => Entry::Text,
    }
}

#[cfg(test)]
mod tests {
    use turnout_proto::common::v1::LocalizedText;

    use super::*;
    use crate::views::EventStateView;

    fn event() -> EventFacts {
        EventFacts {
            event_id: "e".into(),
            title: "E".into(),
            state: EventStateView::Draft,
            zone: "UTC".into(),
            starts_at_ms: None,
            mode: AttendanceMode::Hybrid,
            price: None,
            rsvp: false,
            capacity: 0,
            languages: vec!["de".into(), "en".into()],
        }
    }

    fn form() -> Form {
        let label = LocalizedText { texts: [("de".to_owned(), "Speisen".to_owned())].into() };
        let option = |key: &str| turnout_proto::registration::v1::FieldOption { key: key.into(), label: None };
        let field = FormField {
            key: "meal".into(),
            r#type: FieldType::Choices.into(),
            label: Some(label),
            options: vec![option("soup"), option("cake")],
            ..FormField::default()
        };
        Form { fields: vec![field], ..Form::default() }
    }

    #[test]
    fn several_boxes_are_one_answer_and_come_back_ticked() {
        let sent = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let sent = Sent(vec![sent("answers.meal", "soup"), sent("answers.meal", "cake"), sent("email", " a@b.c ")]);
        assert_eq!(sent.answers(&form())["meal"], "soup,cake");
        let fields = to_register(&event(), &form(), &sent);
        assert_eq!(fields[0].value, "a@b.c");
        let meal = fields.last().unwrap();
        assert_eq!((meal.label.as_str(), meal.entry), ("Speisen", Entry::Choices));
        assert!(meal.options.iter().all(|(_, _, ticked)| *ticked));
    }

    #[test]
    fn what_is_wrong_stands_beside_its_field_and_the_rest_is_told_too() {
        let mut fields = to_register(&event(), &form(), &Sent::default());
        let wrong = |field: &str| (field.to_owned(), "Wrong.".to_owned());
        let rest = blame(&mut fields, vec![wrong("answers.meal"), wrong("act.reason")]);
        assert_eq!(rest, ["Wrong."]);
        assert!(fields.last().unwrap().error.is_some());
    }

    #[test]
    fn the_same_form_of_the_same_page_has_one_key_for_each_thing_it_is_about() {
        let sent = |fields: &[(&str, &str)]| {
            let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            Sent(fields.collect())
        };
        let key = |sent: &Sent, about: &str| format!("{:?}", sent.once("reminder", about).unwrap());
        let first = sent(&[("once", "7"), ("reason", "they asked"), ("id", "anna"), ("id", "bert")]);
        let fewer = sent(&[("once", "7"), ("reason", "they asked"), ("id", "anna")]);
        assert_eq!(key(&first, "anna"), key(&fewer, "anna"));
        assert_ne!(key(&first, "anna"), key(&first, "bert"));
        for other in [[("once", "8"), ("reason", "they asked")], [("once", "7"), ("reason", "they asked again")]] {
            assert_ne!(key(&first, "anna"), key(&sent(&other), "anna"));
        }
        for without in [&[("reason", "they asked")][..], &[("once", ""), ("reason", "they asked")]] {
            assert!(sent(without).once("reminder", "anna").is_none());
        }
    }
}
