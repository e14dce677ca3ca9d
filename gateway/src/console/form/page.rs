//! A form under construction as its page: the fields of each question and each consent, and the form beside them as people see it.

use turnout_proto::{
    common::v1::LocalizedText,
    registration::v1::{ConsentQuestion, Event, FormField, StandardField},
};

use super::{
    BASES, STANDARDS, TYPES,
    draft::{Draft, Step},
    essence::to_store,
    options::{self, Known},
    word_of,
};
use crate::{
    audience,
    console::{reading, session::Organiser},
    views::{
        console::{
            form::{Block, FormPage},
            inputs::Field,
            shell::{EventHead, Place, Tab},
        },
        text::studio as own,
    },
};

pub(super) fn page(organiser: &Organiser, event: &Event, draft: &Draft, step: &Step) -> FormPage {
    let facts = reading::event_facts(event.clone());
    let (languages, form) = (&facts.languages, &draft.form);
    let mut preview_lang = step.preview_lang.clone();
    if !languages.contains(&preview_lang) {
        preview_lang.clone_from(&languages[0]);
    }
    let standard = |name: &str, label: &str, how: StandardField| {
        let words = STANDARDS.map(|(key, _, label)| (key, label));
        Field::choice(format!("standard.{name}"), label, word_of(&STANDARDS, how).0, words)
    };
    let questions = form.fields.iter().zip(&draft.known).enumerate();
    let question =
        |(at, (field, known)): (usize, (&FormField, &Known))| question(at, field, known, languages, &step.open);
    let consent = |(at, consent): (usize, &ConsentQuestion)| consent_block(at, consent, languages, &step.open);
    let new_type = if step.new_type.is_empty() { "text" } else { &step.new_type };
    FormPage {
        shell: reading::shell(Place::Events, organiser),
        version: form.version,
        gone: draft.gone.join(" "),
        standard: vec![standard("name", own::FORM_NAME, form.name()), standard("phone", own::FORM_PHONE, form.phone())],
        questions: questions.map(question).collect(),
        consents: form.consents.iter().enumerate().map(consent).collect(),
        new_type: Field::choice("new_type", own::FORM_NEW_TYPE, new_type, TYPES.map(|(key, _, label)| (key, label))),
        unsaved: step.unsaved,
        preview: audience::form_preview(&to_store(form.clone()), event, &preview_lang),
        preview_lang,
        head: EventHead { facts, tab: Tab::Form },
        notice: None,
    }
}

/// One input a language; the language is named where there are several.
fn in_languages(
    name: &str,
    label: &str,
    text: Option<&LocalizedText>,
    languages: &[String],
    input: impl Fn(String, &str, String) -> Field,
) -> Vec<Field> {
    let value = |lang: &String| text.and_then(|text| text.texts.get(lang)).cloned().unwrap_or_default();
    let field = |(at, lang): (usize, &String)| {
        let field = input(format!("{name}.{lang}"), label, value(lang));
        let field = if languages.len() > 1 { field.lang(lang) } else { field };
        if at > 0 { field.optional() } else { field }
    };
    languages.iter().enumerate().map(field).collect()
}

pub(super) fn question(at: usize, field: &FormField, known: &Known, languages: &[String], open: &str) -> Block {
    let id = format!("f.{at}");
    let name = |part: &str| format!("{id}.{part}");
    let line = |name: String, label: &str, value: String| Field::line(name, label, value);
    let several = |part, label, text| in_languages(&name(part), label, text, languages, line);
    let (kind, kind_words) = word_of(&TYPES, field.r#type());
    let number = |value: i64| if field.min == 0 && field.max == 0 { String::new() } else { value.to_string() };
    let mut fields = several("label", own::QUESTION_LABEL, field.label.as_ref());
    fields.push(Field::choice(name("type"), own::QUESTION_TYPE, kind, TYPES.map(|(key, _, label)| (key, label))));
    fields.push(Field::tick(name("required"), own::QUESTION_REQUIRED, field.required));
    fields.extend(several("hint", own::QUESTION_HINT, field.hint.as_ref()).into_iter().map(Field::optional));
    let purpose = several("purpose", own::QUESTION_PURPOSE, field.purpose.as_ref()).into_iter();
    fields.extend(purpose.map(|field| field.hint(own::QUESTION_PURPOSE_HINT)));
    let basis = word_of(&BASES, field.basis()).0;
    let bases = BASES.map(|(key, _, label)| (key, label));
    fields.push(Field::choice(name("basis"), own::QUESTION_BASIS, basis, bases).hint(own::QUESTION_BASIS_HINT));
    fields.push(
        Field::line(name("key"), own::QUESTION_KEY, &field.key).hint(own::QUESTION_KEY_HINT).chars_max(64).optional(),
    );
    let lines = |lang: &String| (lang.clone(), options::lines(&field.options, lang));
    let lines = LocalizedText { texts: languages.iter().map(lines).collect() };
    let options =
        in_languages(&name("options"), own::QUESTION_OPTIONS, Some(&lines), languages, |name, label, value| {
            Field::area(name, label, value, 6).hint(own::QUESTION_OPTIONS_HINT)
        });
    let label = field.label.as_ref().and_then(|label| label.texts.get(&languages[0])).filter(|label| !label.is_empty());
    let must = if field.required { own::QUESTION_MUST } else { own::QUESTION_MAY };
    Block {
        title: label.cloned().unwrap_or_else(|| own::QUESTION_NEW.to_owned()),
        kind: format!("{kind_words}, {must}"),
        fields,
        known: known.write(),
        of_choices: options,
        of_numbers: vec![
            Field::line(name("min"), own::QUESTION_MIN, number(field.min)).kind("number").optional(),
            Field::line(name("max"), own::QUESTION_MAX, number(field.max)).kind("number").optional(),
        ],
        open: open == id,
        id,
    }
}

fn consent_block(at: usize, consent: &ConsentQuestion, languages: &[String], open: &str) -> Block {
    let id = format!("c.{at}");
    let text = in_languages(
        &format!("{id}.text"),
        own::CONSENT_TEXT,
        consent.text.as_ref(),
        languages,
        |name, label, value| Field::area(name, label, value, 3).chars_max(2_000),
    );
    let mut fields = vec![
        Field::line(format!("{id}.purpose"), own::CONSENT_PURPOSE, &consent.purpose)
            .hint(own::CONSENT_PURPOSE_HINT)
            .chars_max(64),
        Field::line(format!("{id}.channel"), own::CONSENT_CHANNEL, &consent.channel)
            .hint(own::CONSENT_CHANNEL_HINT)
            .chars_max(64),
    ];
    fields.extend(text);
    let own_text = consent.text.as_ref().and_then(|text| text.texts.get(&languages[0])).filter(|text| !text.is_empty());
    Block {
        title: own_text.cloned().unwrap_or_else(|| own::CONSENT_NEW.to_owned()),
        kind: format!("{}/{}", consent.purpose, consent.channel),
        fields,
        known: String::new(),
        of_choices: Vec::new(),
        of_numbers: Vec::new(),
        open: open == id,
        id,
    }
}
