//! The form builder. Every step (add, move, remove, preview) sends the whole form and gets it back changed; nothing is stored before it
//! is saved, and then as a new version. It works without scripts.

mod essence;

use std::collections::HashMap;

use axum::{
    Form as Sends,
    extract::{Path, Query, State},
    http::StatusCode,
    response::Response,
};
use tonic::{Code, Status};
use turnout_proto::{
    common::v1::LocalizedText,
    registration::v1::{
        ConsentQuestion, Event, FieldOption, FieldType, Form, FormField, GetFormRequest, LegalBasis, PutFormRequest,
        StandardField,
    },
};

use self::essence::{essence, settled, to_store};
use super::{
    event_settings::{answered, bad, read as read_event},
    fields::Sent,
    reading, refusals,
    registrants::{Did, done},
    session::Organiser,
};
use crate::{
    Shared,
    answers::html,
    audience,
    upstream::bounded,
    views::{
        console::{
            form::{Block, FormPage},
            inputs::{self, Field},
            registrants::Notice,
            shell::{EventHead, Place, Tab},
        },
        text::studio as own,
    },
};

/// What a page takes of each; the service says so too, and before it when somebody tries more.
const FIELDS_MAX: usize = 51;
const CONSENTS_MAX: usize = 11;
/// Characters of a key that is made from a question.
const KEY_CHARS_MAX: usize = 40;

/// Types by their words in forms, with the words for people.
const TYPES: [(&str, FieldType, &str); 8] = [
    ("text", FieldType::Text, own::TYPE_TEXT),
    ("long", FieldType::LongText, own::TYPE_LONG),
    ("choice", FieldType::Choice, own::TYPE_CHOICE),
    ("choices", FieldType::Choices, own::TYPE_CHOICES),
    ("box", FieldType::Box, own::TYPE_BOX),
    ("integer", FieldType::Integer, own::TYPE_INTEGER),
    ("year", FieldType::BirthYear, own::TYPE_YEAR),
    ("place", FieldType::Place, own::TYPE_PLACE),
];
const BASES: [(&str, LegalBasis, &str); 4] = [
    ("contract", LegalBasis::Contract, own::BASIS_CONTRACT),
    ("consent", LegalBasis::Consent, own::BASIS_CONSENT),
    ("interest", LegalBasis::LegitimateInterest, own::BASIS_INTEREST),
    ("law", LegalBasis::LegalObligation, own::BASIS_LAW),
];
const STANDARDS: [(&str, StandardField, &str); 3] = [
    ("required", StandardField::Required, own::STANDARD_REQUIRED),
    ("optional", StandardField::Optional, own::STANDARD_OPTIONAL),
    ("hidden", StandardField::Hidden, own::STANDARD_HIDDEN),
];

pub(super) async fn show(
    State(shared): State<Shared>,
    organiser: Organiser,
    Path(event_id): Path<String>,
    Query(did): Query<Did>,
) -> Response {
    let event = match read_event(&shared, &organiser, &event_id).await {
        Ok(event) => event,
        Err(status) => return refusals::page(&status),
    };
    match stored(&shared, &organiser, &event_id).await {
        Ok(form) => {
            let mut page = page(&organiser, &event, &form, &Step::default());
            page.notice = did.notice();
            html(&page)
        }
        Err(status) => refusals::page(&status),
    }
}

async fn stored(shared: &Shared, organiser: &Organiser, event_id: &str) -> Result<Form, Status> {
    let request = bounded(GetFormRequest { event_id: event_id.to_owned(), version: 0 });
    let answer = shared.upstream.registrants(&organiser.acting()).get_form(request).await?;
    Ok(settled(answer.into_inner().form.unwrap_or_default()))
}

/// What a step leaves to be shown.
#[derive(Debug, Default)]
struct Step {
    /// The block that stays unfolded.
    open: String,
    preview_lang: String,
    unsaved: bool,
    new_type: String,
}

pub(super) async fn step(
    State(shared): State<Shared>,
    organiser: Organiser,
    Path(event_id): Path<String>,
    Sends(sent): Sends<Vec<(String, String)>>,
) -> Response {
    let sent = Sent(sent);
    let event = match read_event(&shared, &organiser, &event_id).await {
        Ok(event) => event,
        Err(status) => return refusals::page(&status),
    };
    let languages = reading::event_facts(event.clone()).languages;
    let mut form = form_of(&event_id, &sent, &languages);
    let wanted = sent.get("do");
    if wanted == "save" {
        return save(&shared, &organiser, event, form).await;
    }
    let mut step = Step { unsaved: true, new_type: sent.get("new_type").to_owned(), ..Step::default() };
    apply(&mut form, wanted, &mut step);
    // Looking at it, in whichever language, changes nothing.
    if let Ok(stored) = stored(&shared, &organiser, &event_id).await {
        step.unsaved = essence(stored) != essence(form.clone());
    }
    html(&page(&organiser, &event, &form, &step))
}

/// One step of building, as its button says.
fn apply(form: &mut Form, wanted: &str, step: &mut Step) {
    let (act, id) = wanted.split_once('.').unwrap_or((wanted, ""));
    match act {
        "add" if form.fields.len() < FIELDS_MAX => {
            step.open = format!("f.{}", form.fields.len());
            let kind = of_word(&TYPES, &step.new_type).unwrap_or(FieldType::Text);
            let basis = LegalBasis::Contract.into();
            form.fields.push(FormField { r#type: kind.into(), basis, ..FormField::default() });
        }
        "add-consent" if form.consents.len() < CONSENTS_MAX => {
            step.open = format!("c.{}", form.consents.len());
            form.consents.push(ConsentQuestion { channel: "email".into(), ..ConsentQuestion::default() });
        }
        "preview" => id.clone_into(&mut step.preview_lang),
        "up" | "down" | "remove" => {
            let Some((kind, Ok(at))) = id.split_once('.').map(|(kind, at)| (kind, at.parse::<usize>())) else { return };
            match kind {
                "f" => shift(&mut form.fields, act, at),
                _ => shift(&mut form.consents, act, at),
            }
        }
        _ => {}
    }
}

fn shift<T>(list: &mut Vec<T>, act: &str, at: usize) {
    match act {
        "up" if at > 0 && at < list.len() => list.swap(at, at - 1),
        "down" if at + 1 < list.len() => list.swap(at, at + 1),
        "remove" if at < list.len() => drop(list.remove(at)),
        _ => {}
    }
}

async fn save(shared: &Shared, organiser: &Organiser, event: Event, mut form: Form) -> Response {
    let event_id = event.event_id.clone();
    let request = PutFormRequest { form: Some(to_store(form.clone())), expected_version: form.version };
    let Err(status) = shared.upstream.registrants(&organiser.acting()).put_form(bounded(request)).await else {
        return done(&format!("/console/events/{event_id}/form"), "form", None);
    };
    let own_language = reading::event_facts(event.clone()).languages.swap_remove(0);
    let step = Step { unsaved: true, ..Step::default() };
    if status.code() == Code::Aborted {
        let now = match stored(shared, organiser, &event_id).await {
            Ok(now) => now.version,
            Err(status) => return refusals::page(&status),
        };
        form.version = now;
        let mut page = page(organiser, &event, &form, &step);
        page.notice = Some(bad(&own::FORM_MEANWHILE.replace("{version}", &now.to_string())));
        return answered(html(&page), StatusCode::CONFLICT);
    }
    let Some((code, notice)) = refusals::notice(&status) else { return refusals::page(&status) };
    let mut page = page(organiser, &event, &form, &step);
    page.notice = Some(notice);
    if status.code() == Code::InvalidArgument {
        let named = refusals::violations(&status).into_iter();
        let named = named.map(|(path, sentence)| (input_of(&path, &own_language), sentence)).collect();
        let blocks = page.questions.iter_mut().chain(&mut page.consents).flat_map(Block::all_fields);
        let rest = inputs::blame(blocks.chain(&mut page.standard), named);
        page.notice = Some(Notice { text: format!("{} {}", own::FORM_NOT_SAVED, rest.join(" ")), bad: true });
    }
    answered(html(&page), code)
}

/// The input that a violation of the service is about: `form.fields[3].options[1].key` is told at `f.3.options.en`.
fn input_of(path: &str, language: &str) -> String {
    let path = path.trim_start_matches("form.");
    if let Some((list, rest)) = path.split_once('[')
        && let Some((at, rest)) = rest.split_once(']')
    {
        let part = rest.trim_start_matches('.').split(['.', '[']).next().unwrap_or_default();
        let kind = if list == "fields" { "f" } else { "c" };
        return match part {
            "label" | "hint" | "purpose" | "options" | "text" if (kind, part) != ("c", "purpose") => {
                format!("{kind}.{at}.{part}.{language}")
            }
            "" => format!("{kind}.{at}.purpose"),
            _ => format!("{kind}.{at}.{part}"),
        };
    }
    format!("standard.{path}")
}

fn of_word<T: Copy>(table: &[(&str, T, &str)], word: &str) -> Option<T> {
    table.iter().find(|(key, ..)| *key == word).map(|(_, value, _)| *value)
}

fn word_of<T: Copy + PartialEq>(table: &[(&'static str, T, &'static str)], value: T) -> (&'static str, &'static str) {
    table.iter().find(|(_, known, _)| *known == value).map_or(("", ""), |(key, _, label)| (key, label))
}

/// What was sent as a form.
fn form_of(event_id: &str, sent: &Sent, languages: &[String]) -> Form {
    // One look-up each: fifty fields in ten languages are many names.
    let values: HashMap<&str, &str> =
        sent.0.iter().rev().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let get = |name: &str| values.get(name).map_or("", |value| value.trim());
    let texts = |name: &str| {
        let texts = languages.iter().map(|lang| (lang.clone(), get(&format!("{name}.{lang}")).replace("\r\n", "\n")));
        LocalizedText { texts: texts.filter(|(_, text)| !text.is_empty()).collect() }
    };
    let mut form = Form {
        event_id: event_id.to_owned(),
        version: get("version").parse().unwrap_or(0),
        name: of_word(&STANDARDS, get("standard.name")).unwrap_or_default().into(),
        phone: of_word(&STANDARDS, get("standard.phone")).unwrap_or_default().into(),
        ..Form::default()
    };
    for at in (0..FIELDS_MAX).take_while(|at| values.contains_key(format!("f.{at}.type").as_str())) {
        let name = |part: &str| format!("f.{at}.{part}");
        let label = texts(&name("label"));
        let key = match get(&name("key")) {
            "" => free_key(&form, label.texts.get(&languages[0]).map_or("", String::as_str)),
            key => key.to_owned(),
        };
        form.fields.push(FormField {
            key,
            r#type: of_word(&TYPES, get(&name("type"))).unwrap_or(FieldType::Text).into(),
            required: get(&name("required")) == "yes",
            label: Some(label),
            hint: Some(texts(&name("hint"))),
            options: options(&texts(&name("options")), &languages[0]),
            min: get(&name("min")).parse().unwrap_or(0),
            max: get(&name("max")).parse().unwrap_or(0),
            purpose: Some(texts(&name("purpose"))),
            basis: of_word(&BASES, get(&name("basis"))).unwrap_or(LegalBasis::Unspecified).into(),
        });
    }
    for at in (0..CONSENTS_MAX).take_while(|at| values.contains_key(format!("c.{at}.channel").as_str())) {
        form.consents.push(ConsentQuestion {
            purpose: get(&format!("c.{at}.purpose")).to_owned(),
            channel: get(&format!("c.{at}.channel")).to_owned(),
            text: Some(texts(&format!("c.{at}.text"))),
        });
    }
    settled(form)
}

/// Options from lines of `key: label`, or of labels alone. Those of the event's own language say which there are; the others add labels.
fn options(lines: &LocalizedText, own_language: &str) -> Vec<FieldOption> {
    let mut options: Vec<FieldOption> = Vec::new();
    for (key, label) in pairs(lines.texts.get(own_language).map_or("", String::as_str)) {
        let texts = [(own_language.to_owned(), label)].into();
        options.push(FieldOption { key, label: Some(LocalizedText { texts }) });
    }
    for (language, lines) in lines.texts.iter().filter(|(language, _)| *language != own_language) {
        for (at, (key, label)) in pairs(lines).into_iter().enumerate() {
            // A line without a key of its own belongs to the option in the same place.
            let place = options.iter().position(|option| option.key == key).unwrap_or(at);
            if let Some(option) = options.get_mut(place) {
                option.label.get_or_insert_default().texts.insert(language.clone(), label);
            }
        }
    }
    options
}

fn pairs(lines: &str) -> Vec<(String, String)> {
    let pair = |line: &str| match line.split_once(':') {
        Some((key, label)) if is_key(key.trim()) => (key.trim().to_owned(), label.trim().to_owned()),
        _ => (slug(line), line.to_owned()),
    };
    lines.lines().map(str::trim).filter(|line| !line.is_empty()).map(pair).collect()
}

fn is_key(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

/// A key made from words: `What would you eat?` becomes `what-would-you-eat`.
fn slug(words: &str) -> String {
    let letters = words.to_lowercase();
    let parts = letters.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty());
    let mut slug = parts.collect::<Vec<_>>().join("-");
    slug.truncate(KEY_CHARS_MAX);
    slug.trim_matches('-').to_owned()
}

/// A key for a new question that no other has; without a question yet there is none.
fn free_key(form: &Form, label: &str) -> String {
    if label.is_empty() {
        return String::new();
    }
    let base = match slug(label) {
        slug if slug.is_empty() => "question".to_owned(),
        slug => slug,
    };
    let taken =
        |key: &str| matches!(key, "email" | "name" | "phone" | "nickname") || form.fields.iter().any(|f| f.key == key);
    (1..=FIELDS_MAX + 4)
        .map(|n| if n == 1 { base.clone() } else { format!("{base}-{n}") })
        .find(|key| !taken(key))
        .unwrap_or(base)
}

fn page(organiser: &Organiser, event: &Event, form: &Form, step: &Step) -> FormPage {
    let facts = reading::event_facts(event.clone());
    let languages = &facts.languages;
    let mut preview_lang = step.preview_lang.clone();
    if !languages.contains(&preview_lang) {
        preview_lang.clone_from(&languages[0]);
    }
    let standard = |name: &str, label: &str, how: StandardField| {
        let words = STANDARDS.map(|(key, _, label)| (key, label));
        Field::choice(format!("standard.{name}"), label, word_of(&STANDARDS, how).0, words)
    };
    let question = |(at, field): (usize, &FormField)| question(at, field, languages, &step.open);
    let consent = |(at, consent): (usize, &ConsentQuestion)| consent_block(at, consent, languages, &step.open);
    let new_type = if step.new_type.is_empty() { "text" } else { &step.new_type };
    FormPage {
        shell: reading::shell(Place::Events, organiser),
        version: form.version,
        standard: vec![standard("name", own::FORM_NAME, form.name()), standard("phone", own::FORM_PHONE, form.phone())],
        questions: form.fields.iter().enumerate().map(question).collect(),
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

fn question(at: usize, field: &FormField, languages: &[String], open: &str) -> Block {
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
    let lines = LocalizedText { texts: languages.iter().map(|lang| (lang.clone(), lines(field, lang))).collect() };
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
        of_choices: options,
        of_numbers: vec![
            Field::line(name("min"), own::QUESTION_MIN, number(field.min)).kind("number").optional(),
            Field::line(name("max"), own::QUESTION_MAX, number(field.max)).kind("number").optional(),
        ],
        open: open == id,
        id,
    }
}

/// The options of a field as lines, in one language.
fn lines(field: &FormField, language: &str) -> String {
    let line = |option: &FieldOption| {
        let label = option.label.as_ref()?.texts.get(language)?;
        Some(format!("{}: {label}", option.key))
    };
    field.options.iter().filter_map(line).collect::<Vec<_>>().join("\n")
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
        of_choices: Vec::new(),
        of_numbers: Vec::new(),
        open: open == id,
        id,
    }
}

#[cfg(test)]
#[path = "form/tests.rs"]
mod tests;
