//! What the console's pages read from the services, as their views want it.

use std::collections::HashMap;

use axum::response::Response;
use turnout_platform::random;
use turnout_proto::{
    common::v1::LocalizedText,
    notifications::v1::{ListMessagesOfRegistrationsRequest, Message},
    presence::v1::GetCountRequest,
    registration::v1::{
        AttendanceMode, Event, Form, FormField, FormQuestion, GetEventRequest, GetFormRequest, ListQuestionsRequest,
        Registration,
    },
};

use super::{events::millis, refusals, session::Organiser};
use crate::{
    Shared,
    directory::state_view,
    upstream::bounded,
    views::{
        LiveNumber,
        console::{
            rows::{Question, RegistrantRow},
            shell::{EventFacts, Place, Shell},
        },
        text::console as words,
    },
};

pub(super) fn shell(place: Place, organiser: &Organiser) -> Shell {
    Shell { place, role: organiser.role, once: once() }
}

/// What a page that is shown now has in its forms.
pub(super) fn once() -> u128 {
    u128::from_be_bytes(random::bytes())
}

/// An event of the organiser's tenant, or the page that says why not.
pub(super) async fn event(shared: &Shared, organiser: &Organiser, event_id: &str) -> Result<EventFacts, Response> {
    let request = bounded(GetEventRequest { event_id: event_id.to_owned() });
    match shared.upstream.events(&organiser.acting()).get_event(request).await {
        Ok(response) => Ok(event_facts(response.into_inner().event.unwrap_or_default())),
        Err(status) => Err(refusals::page(&status)),
    }
}

pub(super) fn event_facts(event: Event) -> EventFacts {
    let mode = match event.mode() {
        AttendanceMode::Unspecified => AttendanceMode::Online,
        known => known,
    };
    EventFacts {
        state: state_view(event.state()),
        zone: if event.zone.is_empty() { "UTC".to_owned() } else { event.zone },
        starts_at_ms: event.starts_at.as_ref().map(millis),
        mode,
        price: event.price,
        rsvp: event.rsvp,
        capacity: event.capacity.unsigned_abs(),
        languages: if event.languages.is_empty() { vec!["en".to_owned()] } else { event.languages },
        event_id: event.event_id,
        title: event.title,
    }
}

/// A registration with what became of its messages.
pub(super) fn row(registration: Registration, messages: Option<Vec<Message>>) -> RegistrantRow {
    let at = |at: &Option<prost_types::Timestamp>| at.as_ref().map(millis);
    RegistrantRow {
        state: registration.state(),
        rsvp: registration.rsvp(),
        mode: registration.mode(),
        payment: registration.payment(),
        registered_at_ms: at(&registration.registered_at),
        entered_at_ms: at(&registration.first_entered_at),
        checked_in_at_ms: at(&registration.checked_in_at),
        waiting_since_ms: at(&registration.waiting_since),
        registration_id: registration.registration_id,
        person_id: registration.person_id,
        name: registration.name,
        email: registration.email,
        phone: registration.phone,
        nickname: registration.nickname,
        paid: registration.paid,
        answers: registration.answers,
        form_version: registration.form_version,
        language: registration.language,
        version: registration.version,
        messages,
    }
}

/// Registrations with what became of their messages. Messages that cannot be read, or that the role may not see, are none: the list
/// is worth showing without, and each of its rows says then that nobody knows. An export is not: it reads its own.
pub(super) async fn rows(
    shared: &Shared,
    organiser: &Organiser,
    event_id: &str,
    registrations: Vec<Registration>,
) -> Vec<RegistrantRow> {
    let ids = registrations.iter().map(|r| r.registration_id.clone()).collect();
    // What the role may not see is not asked for: that is no outage.
    let is_seen = shell(Place::Events, organiser).sees_figures();
    let mut messages = if is_seen { messages(shared, organiser, event_id, ids).await } else { None };
    registrations
        .into_iter()
        .map(|registration| {
            let own = messages.as_mut().map(|all| all.remove(&registration.registration_id).unwrap_or_default());
            row(registration, own)
        })
        .collect()
}

async fn messages(
    shared: &Shared,
    organiser: &Organiser,
    event_id: &str,
    registration_ids: Vec<String>,
) -> Option<HashMap<String, Vec<Message>>> {
    let mut by_registration: HashMap<String, Vec<Message>> = HashMap::new();
    if registration_ids.is_empty() {
        return Some(by_registration);
    }
    let request = bounded(ListMessagesOfRegistrationsRequest { event_id: event_id.to_owned(), registration_ids });
    let answer = shared.upstream.notifications(&organiser.acting()).list_messages_of_registrations(request).await;
    let read = answer.inspect_err(|status| tracing::warn!(code = ?status.code(), "messages could not be read")).ok()?;
    for message in read.into_inner().messages {
        by_registration.entry(message.registration_id.clone()).or_default().push(message);
    }
    Some(by_registration)
}

/// The number of viewers; none while the counter does not answer.
pub(super) async fn viewers(shared: &Shared, organiser: &Organiser, event_id: &str) -> Option<LiveNumber> {
    let request = bounded(GetCountRequest { event_id: event_id.to_owned(), room_id: String::new() });
    let answer = shared.upstream.presence(&organiser.tenant).get_count(request).await.ok()?;
    answer.into_inner().count.as_ref().map(super::events::live_number)
}

/// A version of an event's form; 0 is the latest. A form that cannot be read is one without fields.
pub(super) async fn form(shared: &Shared, organiser: &Organiser, event_id: &str, version: i64) -> Form {
    let request = bounded(GetFormRequest { event_id: event_id.to_owned(), version });
    match shared.upstream.registrants(&organiser.acting()).get_form(request).await {
        Ok(response) => response.into_inner().form.unwrap_or_default(),
        Err(status) => {
            tracing::warn!(code = ?status.code(), "a form could not be read");
            Form::default()
        }
    }
}

/// The questions of a form in the event's own language.
pub(super) fn questions(form: &Form, event: &EventFacts) -> Vec<Question> {
    form.fields.iter().map(|field| question(field, event)).collect()
}

/// The questions of all versions of the form that somebody answered; removed ones say so. None when they cannot be read.
pub(super) async fn questions_in_use(shared: &Shared, organiser: &Organiser, event: &EventFacts) -> Vec<Question> {
    let request = bounded(ListQuestionsRequest { event_id: event.event_id.clone() });
    match shared.upstream.registrants(&organiser.acting()).list_questions(request).await {
        Ok(answer) => answer.into_inner().questions.into_iter().map(|asked| question_in_use(asked, event)).collect(),
        Err(status) => {
            tracing::warn!(code = ?status.code(), "the questions of an event could not be read");
            Vec::new()
        }
    }
}

pub(super) fn question_in_use(asked: FormQuestion, event: &EventFacts) -> Question {
    let mut question = question(&asked.field.unwrap_or_default(), event);
    question.versions = asked.form_versions;
    question.is_removed = asked.removed;
    if question.is_removed {
        question.label = words::QUESTION_REMOVED
            .replace("{version}", &question.last_version().to_string())
            .replace("{question}", &question.label);
    }
    question
}

fn question(field: &FormField, event: &EventFacts) -> Question {
    let options = field.options.iter().map(|o| (o.key.clone(), in_own_language(o.label.as_ref(), event, &o.key)));
    Question {
        label: in_own_language(field.label.as_ref(), event, &field.key),
        options: options.collect(),
        key: field.key.clone(),
        versions: Vec::new(),
        is_removed: false,
    }
}

/// A text in the event's own language, else in any, else the key.
pub(super) fn in_own_language(text: Option<&LocalizedText>, event: &EventFacts, key: &str) -> String {
    let Some(text) = text else { return key.to_owned() };
    let own = event.languages.iter().find_map(|language| text.texts.get(language));
    own.or_else(|| text.texts.values().min()).cloned().unwrap_or_else(|| key.to_owned())
}
