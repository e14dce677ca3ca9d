//! The form builder. Every step (add, move, remove, preview) sends the whole form and gets it back changed; nothing is stored before it
//! is saved, and then as a new version. It works without scripts.

mod draft;
mod essence;
mod options;
mod page;

use axum::{
    Form as Sends,
    extract::{Path, Query, State},
    http::StatusCode,
    response::Response,
};
use tonic::{Code, Status};
use turnout_platform::auth::ORGANISERS;
use turnout_proto::registration::v1::{
    Event, FieldType, Form, FormQuestion, GetFormRequest, LegalBasis, ListQuestionsRequest, PutFormRequest,
    StandardField,
};

use self::{
    draft::{Draft, Step},
    essence::{essence, settled, to_store},
    page::page,
};
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
    upstream::{OnceKey, act, bounded},
    views::{
        console::{form::Block, inputs, registrants::Notice},
        text::studio as own,
    },
};

/// What a page takes of each; the service says so too, and before it when somebody tries more.
const FIELDS_MAX: usize = 51;
const CONSENTS_MAX: usize = 11;

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
            let asked = asked(&shared, &organiser, &event_id).await;
            let own_language = reading::event_facts(event.clone()).languages.swap_remove(0);
            let draft = Draft::of(form, &asked, &own_language);
            let mut page = page(&organiser, &event, &draft, &Step::default());
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

/// The questions of all versions that somebody answered. While they cannot be read the page goes without: then it knows only of what the
/// latest form has.
async fn asked(shared: &Shared, organiser: &Organiser, event_id: &str) -> Vec<FormQuestion> {
    // Who cannot save makes no keys.
    if !ORGANISERS.contains(&organiser.role) {
        return Vec::new();
    }
    let request = bounded(ListQuestionsRequest { event_id: event_id.to_owned() });
    match shared.upstream.registrants(&organiser.acting()).list_questions(request).await {
        Ok(answer) => answer.into_inner().questions,
        Err(status) => {
            tracing::warn!(code = ?status.code(), "what was asked before could not be read");
            Vec::new()
        }
    }
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
    let mut draft = Draft::sent(&event_id, &sent, &languages);
    let wanted = sent.get("do");
    if wanted == "save" {
        return save(&shared, &organiser, event, draft, sent.once("form", &event_id)).await;
    }
    let mut step = Step { unsaved: true, new_type: sent.get("new_type").to_owned(), ..Step::default() };
    draft.apply(wanted, &mut step);
    // Looking at it, in whichever language, changes nothing.
    if let Ok(stored) = stored(&shared, &organiser, &event_id).await {
        step.unsaved = essence(stored) != essence(draft.form.clone());
    }
    html(&page(&organiser, &event, &draft, &step))
}

async fn save(
    shared: &Shared,
    organiser: &Organiser,
    event: Event,
    mut draft: Draft,
    key: Option<OnceKey>,
) -> Response {
    let event_id = event.event_id.clone();
    let request = PutFormRequest { form: Some(to_store(draft.form.clone())), expected_version: draft.form.version };
    let Err(status) = act!(key, shared.upstream.registrants(&organiser.acting()), put_form, request).await else {
        return done(&format!("/console/events/{event_id}/form"), "form", None);
    };
    let own_language = reading::event_facts(event.clone()).languages.swap_remove(0);
    let step = Step { unsaved: true, ..Step::default() };
    if status.code() == Code::Aborted {
        let now = match stored(shared, organiser, &event_id).await {
            Ok(now) => now.version,
            Err(status) => return refusals::page(&status),
        };
        draft.form.version = now;
        let mut page = page(organiser, &event, &draft, &step);
        page.notice = Some(bad(&own::FORM_MEANWHILE.replace("{version}", &now.to_string())));
        return answered(html(&page), StatusCode::CONFLICT);
    }
    let Some((code, notice)) = refusals::notice(&status) else { return refusals::page(&status) };
    let mut page = page(organiser, &event, &draft, &step);
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

#[cfg(test)]
#[path = "form/tests.rs"]
mod tests;
