//! A form under construction: what the page sent, what the page must remember beside it, and each step of building. Nothing is read
//! or stored here.

use std::collections::HashMap;

use turnout_proto::{
    common::v1::LocalizedText,
    registration::v1::{ConsentQuestion, FieldType, Form, FormField, FormQuestion, LegalBasis},
};

use super::{BASES, CONSENTS_MAX, FIELDS_MAX, STANDARDS, TYPES, essence::settled, of_word, options, options::Known};
use crate::console::fields::Sent;

/// Questions that are gone and that a page remembers.
const GONE_MAX: usize = 200;
/// The key of a question that cannot be made from its words.
const FALLBACK: &str = "question";

/// A form, with what is not a part of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Draft {
    pub(super) form: Form,
    /// For each question, in their order: its options, and those that it had.
    pub(super) known: Vec<Known>,
    /// Keys of questions that are asked no more. Answers are kept under them, so no new question gets one by itself.
    pub(super) gone: Vec<String>,
}

/// What a step leaves to be shown.
#[derive(Debug, Default)]
pub(super) struct Step {
    /// The block that stays unfolded.
    pub(super) open: String,
    pub(super) preview_lang: String,
    pub(super) unsaved: bool,
    pub(super) new_type: String,
}

impl Draft {
    /// A form as it is stored, and what else people have answered in older versions of it.
    pub(super) fn of(form: Form, asked: &[FormQuestion], own_language: &str) -> Self {
        let mut draft = Self { known: vec![Known::default(); form.fields.len()], form, gone: Vec::new() };
        for older in asked.iter().filter_map(|asked| asked.field.as_ref()) {
            match draft.form.fields.iter().position(|field| field.key == older.key) {
                Some(at) => draft.known[at].take_in(&older.options, own_language),
                None => draft.gone.push(older.key.clone()),
            }
        }
        draft.remember(own_language);
        draft
    }

    /// What was sent as a form.
    pub(super) fn sent(event_id: &str, sent: &Sent, languages: &[String]) -> Self {
        // One look-up each: fifty fields in ten languages are many names.
        let values: HashMap<&str, &str> =
            sent.0.iter().rev().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let get = |name: &str| values.get(name).map_or("", |value| value.trim());
        let texts = |name: &str| {
            let text = |lang: &String| (lang.clone(), get(&format!("{name}.{lang}")).replace("\r\n", "\n"));
            LocalizedText { texts: languages.iter().map(text).filter(|(_, text)| !text.is_empty()).collect() }
        };
        let mut draft = Self {
            form: Form {
                event_id: event_id.to_owned(),
                version: get("version").parse().unwrap_or(0),
                name: of_word(&STANDARDS, get("standard.name")).unwrap_or_default().into(),
                phone: of_word(&STANDARDS, get("standard.phone")).unwrap_or_default().into(),
                ..Form::default()
            },
            known: Vec::new(),
            gone: get("gone").split_whitespace().take(GONE_MAX).map(str::to_owned).collect(),
        };
        for at in (0..FIELDS_MAX).take_while(|at| values.contains_key(format!("f.{at}.type").as_str())) {
            let name = |part: &str| format!("f.{at}.{part}");
            let label = texts(&name("label"));
            let key = match get(&name("key")) {
                "" => draft.free_key(label.texts.get(&languages[0]).map_or("", String::as_str)),
                key => key.to_owned(),
            };
            let known = Known::read(get(&name("known")));
            draft.form.fields.push(FormField {
                key,
                r#type: of_word(&TYPES, get(&name("type"))).unwrap_or(FieldType::Text).into(),
                required: get(&name("required")) == "yes",
                label: Some(label),
                hint: Some(texts(&name("hint"))),
                options: options::options(&texts(&name("options")), &languages[0], &known),
                min: get(&name("min")).parse().unwrap_or(0),
                max: get(&name("max")).parse().unwrap_or(0),
                purpose: Some(texts(&name("purpose"))),
                basis: of_word(&BASES, get(&name("basis"))).unwrap_or(LegalBasis::Unspecified).into(),
            });
            draft.known.push(known);
        }
        for at in (0..CONSENTS_MAX).take_while(|at| values.contains_key(format!("c.{at}.channel").as_str())) {
            draft.form.consents.push(ConsentQuestion {
                purpose: get(&format!("c.{at}.purpose")).to_owned(),
                channel: get(&format!("c.{at}.channel")).to_owned(),
                text: Some(texts(&format!("c.{at}.text"))),
            });
        }
        draft.form = settled(draft.form);
        draft.remember(&languages[0]);
        draft
    }

    /// What the page shows now is what it knows when it comes back.
    fn remember(&mut self, own_language: &str) {
        for (known, field) in self.known.iter_mut().zip(&self.form.fields) {
            known.take_in(&field.options, own_language);
        }
    }

    /// One step of building, as its button says.
    pub(super) fn apply(&mut self, wanted: &str, step: &mut Step) {
        let (act, id) = wanted.split_once('.').unwrap_or((wanted, ""));
        match act {
            "add" if self.form.fields.len() < FIELDS_MAX => {
                step.open = format!("f.{}", self.form.fields.len());
                let kind = of_word(&TYPES, &step.new_type).unwrap_or(FieldType::Text);
                let basis = LegalBasis::Contract.into();
                self.form.fields.push(FormField { r#type: kind.into(), basis, ..FormField::default() });
                self.known.push(Known::default());
            }
            "add-consent" if self.form.consents.len() < CONSENTS_MAX => {
                step.open = format!("c.{}", self.form.consents.len());
                let consent = ConsentQuestion { channel: "email".into(), ..ConsentQuestion::default() };
                self.form.consents.push(consent);
            }
            "preview" => id.clone_into(&mut step.preview_lang),
            "up" | "down" | "remove" => {
                let at = id.split_once('.').map(|(kind, at)| (kind, at.parse::<usize>()));
                match at {
                    Some(("f", Ok(at))) => {
                        shift(&mut self.known, act, at);
                        let removed = shift(&mut self.form.fields, act, at).map(|field| field.key);
                        self.gone.extend(removed.filter(|key| !key.is_empty()));
                    }
                    Some((_, Ok(at))) => drop(shift(&mut self.form.consents, act, at)),
                    _ => {}
                }
            }
            _ => {}
        }
    }

    /// A key for a new question that no other has or had; without a question yet there is none.
    pub(super) fn free_key(&self, label: &str) -> String {
        if label.is_empty() {
            return String::new();
        }
        let base = match options::slug(label) {
            words if words.is_empty() => FALLBACK.to_owned(),
            words => words,
        };
        let is_free = |key: &str| {
            let is_standard = matches!(key, "email" | "name" | "phone" | "nickname");
            let is_asked = self.form.fields.iter().any(|field| field.key == key);
            !is_standard && !is_asked && !self.gone.iter().any(|gone| gone == key)
        };
        if is_free(&base) { base } else { options::numbered(&base, 2, is_free) }
    }
}

/// Moves or removes one; returns what is removed.
fn shift<T>(list: &mut Vec<T>, act: &str, at: usize) -> Option<T> {
    match act {
        "up" if at > 0 && at < list.len() => list.swap(at, at - 1),
        "down" if at + 1 < list.len() => list.swap(at, at + 1),
        "remove" if at < list.len() => return Some(list.remove(at)),
        _ => {}
    }
    None
}
