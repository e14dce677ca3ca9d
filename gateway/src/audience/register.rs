//! Registering for an event, with an address or with a nickname.
//!
//! With an address the answer is the same, and as late, whether it was registered before or not: whoever types somebody's address learns nothing, and
//! the registration opens only with the link in the mail.

use axum::{
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::Response,
};
use turnout_platform::random;
use turnout_proto::registration::v1::{Form, GetFormRequest, RegisterRequest, Registration};

use super::{
    Asked, Posted,
    evenly::{REGISTERED_AFTER, no_sooner},
    event::{find, keep_language, statistics},
    fields::{self, Filler, Problems, Values},
    is_passing,
    language::Reader,
    refused, showing, to,
};
use crate::{
    Shared,
    answers::html,
    directory::KnownEvent,
    http::Client,
    upstream::{Acting, bounded},
    views::{NicknameForm, PlacesView, RegisterForm, RegisterPage, RegisteredPage, text::public as words},
};

/// Bounds of the key that makes a form that is sent twice one registration.
const KEY_CHARS: std::ops::RangeInclusive<usize> = 16..=64;

pub(super) async fn show(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    asked: Asked,
    headers: HeaderMap,
) -> Response {
    let event = match find(&shared, &id).await {
        Ok(event) => event,
        Err(answer) => return answer,
    };
    let reader = Reader::of(&event.details, asked.value("lang"), &headers);
    let place = places(&shared, &event).await;
    let form = match place {
        Place::Free(_) => match form_of(&shared, &event).await {
            Ok(form) => form,
            Err(answer) => return answer,
        },
        Place::Full | Place::Closed => Form::default(),
    };
    let sheet = Sheet { form: &form, values: Values::new(), problems: Problems::new(), key: random::token_128() };
    keep_language(html(&page(&event, &reader, place, &sheet)), &shared, &reader)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Free(PlacesView),
    Full,
    Closed,
}

async fn places(shared: &Shared, event: &KnownEvent) -> Place {
    if !showing::is_open(&event.details) {
        return Place::Closed;
    }
    let statistics = statistics(shared, event).await;
    showing::places(&event.details, statistics.as_ref()).map_or(Place::Full, Place::Free)
}

/// The latest form of an event.
pub(super) async fn form_of(shared: &Shared, event: &KnownEvent) -> Result<Form, Response> {
    let request = bounded(GetFormRequest { event_id: event.id.as_str().to_owned(), version: 0 });
    let acting = Acting::Tenant(event.tenant.clone());
    match shared.upstream.registrants(&acting).get_form(request).await {
        Ok(answer) => Ok(answer.into_inner().form.unwrap_or_default()),
        Err(status) => Err(refused(status)),
    }
}

struct Sheet<'a> {
    form: &'a Form,
    values: Values,
    problems: Problems,
    key: String,
}

fn page(event: &KnownEvent, reader: &Reader, place: Place, sheet: &Sheet<'_>) -> RegisterPage {
    let details = &event.details;
    let Sheet { form, values, problems, key } = sheet;
    let (head, languages) = showing::with_languages(details, reader);
    let places = match place {
        Place::Free(places) => Some(places),
        Place::Full | Place::Closed => None,
    };
    let form = match place {
        Place::Free(_) => fields::show(form, details, reader, Filler::New, values, problems),
        Place::Full | Place::Closed => RegisterForm::default(),
    };
    let by_nickname = || NicknameForm { field: fields::nickname(reader, values, problems), key: key.clone() };
    RegisterPage {
        head,
        languages,
        lang: reader.lang.clone(),
        places,
        full: place == Place::Full,
        form,
        nickname: details.nicknames.then(by_nickname),
    }
}

/// `POST /e/<event>/register`
pub(super) async fn register(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    client: Client,
    asked: Asked,
    headers: HeaderMap,
    posted: Posted,
) -> Response {
    let event = match find(&shared, &id).await {
        Ok(event) => event,
        Err(answer) => return answer,
    };
    let reader = Reader::of(&event.details, asked.value("lang"), &headers);
    let place = places(&shared, &event).await;
    let form = match form_of(&shared, &event).await {
        Ok(form) => form,
        Err(answer) => return answer,
    };
    let by_nickname = event.details.nicknames && posted.one("by") == "nickname";
    let filler = if by_nickname { Filler::Nickname } else { Filler::New };
    let this_year = showing::year(shared.clock.at_ms());
    let filled = fields::read(&form, &event.details, filler, &posted, this_year);
    let key = Some(posted.one("key")).filter(|key| is_key(key)).map_or_else(random::token_128, str::to_owned);
    let mut problems = filled.problems.clone();
    let Place::Free(_) = place else {
        return again(&event, &reader, place, &form, &posted, problems, key);
    };
    if problems.is_empty() && posted.one("form_version") != form.version.to_string() {
        problems.insert(String::new(), words::PROBLEM_FORM_CHANGED.to_owned());
    }
    if !problems.is_empty() {
        return again(&event, &reader, place, &form, &posted, problems, key);
    }
    if let Err(wait_ms) = shared.registering.reserve(&client, &event.id, shared.clock.now_ms()) {
        shared.metrics.registrations_throttled.inc();
        problems.insert(String::new(), words::PROBLEM_CROWD.to_owned());
        let mut answer = again(&event, &reader, place, &form, &posted, problems, key);
        *answer.status_mut() = StatusCode::TOO_MANY_REQUESTS;
        answer.headers_mut().insert(header::RETRY_AFTER, wait_ms.div_ceil(1000).into());
        return answer;
    }
    let request = RegisterRequest {
        event_id: event.id.as_str().to_owned(),
        email: filled.email,
        name: filled.name,
        phone: filled.phone,
        nickname: filled.nickname,
        mode: filled.mode.into(),
        answers: filled.answers,
        form_version: form.version,
        language: reader.lang.clone(),
        consents: filled.consents,
        zone: zone(posted.one("zone")),
        idempotency_key: if by_nickname { key.clone() } else { String::new() },
        act: None,
    };
    let acting = Acting::Tenant(event.tenant.clone());
    let mut registrants = shared.upstream.registrants(&acting);
    let doing = registrants.register(bounded(request));
    // A nickname belongs to nobody whom one could ask after.
    let done = if by_nickname { doing.await } else { no_sooner(REGISTERED_AFTER, doing).await };
    if done.is_err() {
        shared.registering.give_back(&client, &event.id);
    }
    match done {
        Ok(answer) if by_nickname => {
            let registration = answer.into_inner().registration.unwrap_or_default();
            to(&format!("/r/{}?new", code_of(&shared, &registration)))
        }
        Ok(_) => to(&format!("/e/{}/registered?lang={}", event.id, reader.lang)),
        Err(status) if is_passing(&status) => {
            problems.insert(String::new(), words::PROBLEM_AWAY.to_owned());
            let mut answer = again(&event, &reader, place, &form, &posted, problems, key);
            *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            answer
        }
        Err(status) if status.code() == tonic::Code::Internal => refused(status),
        Err(status) => again(&event, &reader, place, &form, &posted, fields::blame(&form, &status), key),
    }
}

/// The form once more, with what was entered and what is wrong with it.
fn again(
    event: &KnownEvent,
    reader: &Reader,
    place: Place,
    form: &Form,
    posted: &Posted,
    problems: Problems,
    key: String,
) -> Response {
    let sheet = Sheet { form, values: fields::values_of_post(posted), problems, key };
    let mut answer = html(&page(event, reader, place, &sheet));
    *answer.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    answer
}

/// `GET /e/<event>/registered`
pub(super) async fn registered(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    asked: Asked,
    headers: HeaderMap,
) -> Response {
    let event = match find(&shared, &id).await {
        Ok(event) => event,
        Err(answer) => return answer,
    };
    let reader = Reader::of(&event.details, asked.value("lang"), &headers);
    let (head, languages) = showing::with_languages(&event.details, &reader);
    html(&RegisteredPage { head, languages })
}

/// The code that opens a registration.
pub(super) fn code_of(shared: &Shared, registration: &Registration) -> String {
    if registration.code.is_empty() {
        shared.desk.code_of(&registration.event_id, &registration.registration_id)
    } else {
        registration.code.clone()
    }
}

fn is_key(key: &str) -> bool {
    KEY_CHARS.contains(&key.len()) && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// The browser's time zone, if it is one.
fn zone(name: &str) -> String {
    if jiff::tz::TimeZone::get(name).is_ok() { name.to_owned() } else { String::new() }
}
