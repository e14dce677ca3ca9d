//! The list of events, the form for a new one, the live page of one event and its change of state.

use askama::Template as _;
use axum::{
    Form,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode},
    response::{Html, IntoResponse as _, Redirect, Response},
};
use futures_util::{StreamExt as _, stream};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use turnout_platform::{
    failure::Failure,
    ids::{EventId, TenantId},
};
use turnout_proto::{
    presence::v1::{Count, GetCountRequest, GetPeakRequest, ListRoomsRequest as CountRoomsRequest},
    registration::v1::{
        ChangeEventStateRequest, CreateEventRequest, EventState, GetEventRequest, ListEventsRequest, ListRoomsRequest,
        Room,
    },
};

use super::{fields::Sent, reading, refusals, session::Organiser};
use crate::{
    Shared,
    answers::{failure_page, html},
    upstream::{Acting, act, bounded, failure},
    views::{
        CountView, CreateEventForm, EventConsolePage, EventRow, EventRows, EventsPage, Figures, LiveNumber, RoomRow,
        Rooms,
        console::shell::{EventHead, Place, Tab},
        text,
    },
};

/// Events in the list. A longer list gets pages with the search of the registrants' console.
const EVENTS_MAX: i32 = 200;
/// Rooms in the table.
const ROOMS_MAX: i32 = 200;
/// Counts that are asked for at one time.
const COUNTS_AT_ONCE: usize = 16;

pub(super) async fn list(State(shared): State<Shared>, organiser: Organiser) -> Response {
    match event_rows(&shared, &organiser).await {
        Ok(rows) => html(&events_page(&organiser, rows, new_form())),
        Err(failure) => failure_page(failure),
    }
}

/// An empty form, which makes one event however often it is sent.
fn new_form() -> CreateEventForm {
    CreateEventForm { once: reading::once(), ..CreateEventForm::default() }
}

fn events_page(organiser: &Organiser, rows: EventRows, form: CreateEventForm) -> EventsPage {
    EventsPage { shell: reading::shell(Place::Events, organiser), rows, form }
}

pub(super) async fn rows(State(shared): State<Shared>, organiser: Organiser) -> Response {
    match event_rows(&shared, &organiser).await {
        Ok(rows) => html(&rows),
        // What is on the page stays there until the next try.
        Err(_) => StatusCode::NO_CONTENT.into_response(),
    }
}

async fn event_rows(shared: &Shared, organiser: &Organiser) -> Result<EventRows, Failure> {
    let request = bounded(ListEventsRequest { page_size: EVENTS_MAX, page_token: String::new() });
    let mut upstream = shared.upstream.events(&organiser.acting());
    let events = upstream.list_events(request).await.map_err(failure)?.into_inner().events;
    let rows = stream::iter(events).map(|event| async move {
        let viewers = count(shared, &organiser.tenant, &event.event_id).await.map(|c| c.viewers);
        EventRow { ends_at_ms: event.ends_at.as_ref().map(millis), facts: reading::event_facts(event), viewers }
    });
    Ok(EventRows::of(rows.buffered(COUNTS_AT_ONCE).collect().await, shared.clock.at_ms() as i64))
}

/// The count now; none while the counter does not answer.
async fn count(shared: &Shared, tenant: &TenantId, event_id: &str) -> Option<Count> {
    let request = bounded(GetCountRequest { event_id: event_id.to_owned(), room_id: String::new() });
    shared.upstream.presence(tenant).get_count(request).await.ok()?.into_inner().count
}

pub(super) async fn create(
    State(shared): State<Shared>,
    organiser: Organiser,
    headers: HeaderMap,
    Form(sent): Form<Vec<(String, String)>>,
) -> Response {
    let sent = Sent(sent);
    let given = |name: &str| sent.get(name).to_owned();
    let mut form = CreateEventForm {
        title: given("title"),
        starts: given("starts"),
        zone: given("zone"),
        event_id: given("event_id"),
        ..new_form()
    };
    if let Some(starts_at) = start_of(&mut form) {
        let key = sent.once("create", "");
        let request = CreateEventRequest {
            event_id: form.event_id.clone(),
            title: form.title.clone(),
            starts_at: Some(starts_at),
            zone: form.zone.clone(),
        };
        match act!(key, shared.upstream.events(&organiser.acting()), create_event, request).await {
            Ok(response) => {
                let id = response.into_inner().event.unwrap_or_default().event_id;
                if let Ok(id) = id.parse() {
                    shared.directory.forget(&id);
                }
                return to_event(&headers, &id);
            }
            Err(status) => blame(&mut form, &status),
        }
    }
    if headers.contains_key("hx-request") {
        return part(StatusCode::UNPROCESSABLE_ENTITY, form.render());
    }
    match event_rows(&shared, &organiser).await {
        Ok(rows) => {
            let mut page = html(&events_page(&organiser, rows, form));
            *page.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
            page
        }
        Err(failure) => failure_page(failure),
    }
}

/// The moment that a form's start means in its zone; without one the form says why.
fn start_of(form: &mut CreateEventForm) -> Option<prost_types::Timestamp> {
    if form.zone.is_empty() {
        "UTC".clone_into(&mut form.zone);
    }
    let Ok(zone) = jiff::tz::TimeZone::get(&form.zone) else {
        form.zone_error = Some(text::CREATE_NO_ZONE.to_owned());
        return None;
    };
    let Ok(local) = form.starts.parse::<jiff::civil::DateTime>() else {
        form.starts_error = Some(text::CREATE_NO_START.to_owned());
        return None;
    };
    // At the change of clocks an hour is missing or comes twice; a missing one is not a start, of two the first is meant.
    match local.to_zoned(zone) {
        Ok(start) if start.datetime() == local => {
            Some(prost_types::Timestamp { seconds: start.timestamp().as_second(), nanos: 0 })
        }
        _ => {
            form.starts_error = Some(text::CREATE_NO_SUCH_TIME.to_owned());
            None
        }
    }
}

/// Puts the service's words beside the field that they are about.
fn blame(form: &mut CreateEventForm, status: &Status) {
    if status.code() == Code::AlreadyExists {
        form.event_id_error = Some(text::CREATE_ID_TAKEN.to_owned());
        return;
    }
    let violations = status.get_details_bad_request().map(|b| b.field_violations).unwrap_or_default();
    for violation in violations {
        let field = match violation.field.as_str() {
            "title" => &mut form.title_error,
            "starts_at" => &mut form.starts_error,
            "zone" => &mut form.zone_error,
            _ => &mut form.event_id_error,
        };
        *field = Some(sentence(&violation.description));
    }
    let told = [&form.title_error, &form.starts_error, &form.zone_error, &form.event_id_error];
    if told.into_iter().all(Option::is_none) {
        form.form_error = Some(match status.code() {
            Code::PermissionDenied => text::console::FAILED_FORBIDDEN.to_owned(),
            _ => text::CREATE_FAILED.to_owned(),
        });
    }
}

/// A message for programs as a sentence for people: a capital first, a full stop last.
pub(super) fn sentence(message: &str) -> String {
    let mut letters = message.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str().trim_end_matches('.'))
}

fn part(status: StatusCode, rendered: askama::Result<String>) -> Response {
    match rendered {
        Ok(body) => (status, Html(body)).into_response(),
        Err(error) => failure_page(Failure::internal(error)),
    }
}

fn to_event(headers: &HeaderMap, id: &str) -> Response {
    let address = format!("/console/events/{id}");
    match HeaderValue::try_from(&address) {
        Ok(value) if headers.contains_key("hx-request") => ([("hx-redirect", value)], "").into_response(),
        _ => Redirect::to(&address).into_response(),
    }
}

pub(super) async fn show(
    State(shared): State<Shared>,
    organiser: Organiser,
    Path(event): Path<String>,
    headers: HeaderMap,
) -> Response {
    page(&shared, &organiser, &event, &headers, None).await
}

async fn page(
    shared: &Shared,
    organiser: &Organiser,
    id: &str,
    headers: &HeaderMap,
    problem: Option<String>,
) -> Response {
    let tenant = &organiser.tenant;
    let request = bounded(GetEventRequest { event_id: id.to_owned() });
    let event = match shared.upstream.events(&organiser.acting()).get_event(request).await {
        Ok(response) => response.into_inner().event.unwrap_or_default(),
        Err(status) => return refusals::page(&status),
    };
    let (version, facts) = (event.version, reading::event_facts(event));
    html(&EventConsolePage {
        shell: reading::shell(Place::Events, organiser),
        figures: figures(shared, tenant, id, &facts.zone).await,
        rooms: rooms(shared, tenant, id).await,
        version,
        head: EventHead { facts, tab: Tab::Live },
        public_url: format!("{}/e/{id}", public_base(shared, headers)),
        grpc_addr: shared.config.grpc_addr.clone(),
        problem,
    })
}

pub(super) fn public_base(shared: &Shared, headers: &HeaderMap) -> String {
    let host = || headers.get("host").and_then(|h| h.to_str().ok()).unwrap_or("localhost");
    shared.config.public_url.clone().unwrap_or_else(|| format!("http://{}", host()))
}

pub(super) async fn change_state(
    State(shared): State<Shared>,
    organiser: Organiser,
    Path(event): Path<String>,
    headers: HeaderMap,
    Form(sent): Form<Vec<(String, String)>>,
) -> Response {
    let sent = Sent(sent);
    let state = match sent.get("state") {
        "live" => EventState::Live,
        "ended" => EventState::Ended,
        _ => EventState::Unspecified,
    };
    let request = ChangeEventStateRequest {
        event_id: event.clone(),
        state: state.into(),
        expected_version: sent.get("version").parse().unwrap_or(0),
    };
    let (key, events) = (sent.once("state", &event), shared.upstream.events(&organiser.acting()));
    let problem = match act!(key, events, change_event_state, request).await {
        Ok(_) => {
            if let Ok(id) = event.parse::<EventId>() {
                shared.directory.forget(&id);
            }
            return Redirect::to(&format!("/console/events/{event}")).into_response();
        }
        Err(status) => match status.code() {
            Code::Aborted => text::CHANGE_MEANWHILE.to_owned(),
            Code::PermissionDenied => text::console::FAILED_FORBIDDEN.to_owned(),
            Code::FailedPrecondition | Code::InvalidArgument => text::CHANGE_NOT_POSSIBLE.to_owned(),
            _ => return failure_page(failure(status)),
        },
    };
    let mut answer = page(&shared, &organiser, &event, &headers, Some(problem)).await;
    *answer.status_mut() = StatusCode::CONFLICT;
    answer
}

/// The number and the figures beside it.
async fn figures(shared: &Shared, tenant: &TenantId, event_id: &str, zone: &str) -> Figures {
    let count = count(shared, tenant, event_id).await;
    let peak = peak(shared, tenant, event_id).await;
    Figures { count: count.map(|count| count_view(&count, peak)), zone: zone.to_owned() }
}

/// The highest count and when, milliseconds since 1970.
pub(super) async fn peak(shared: &Shared, tenant: &TenantId, event_id: &str) -> (u64, Option<i64>) {
    let request = bounded(GetPeakRequest { event_id: event_id.to_owned(), room_id: String::new() });
    match shared.upstream.presence(tenant).get_peak(request).await {
        Ok(response) => {
            let peak = response.into_inner();
            (peak.viewers, peak.at.map(|at| millis(&at)))
        }
        Err(_) => (0, None),
    }
}

/// A moment of the wire in milliseconds.
pub(super) fn millis(at: &prost_types::Timestamp) -> i64 {
    at.seconds * 1000 + i64::from(at.nanos) / 1_000_000
}

pub(super) fn count_view(count: &Count, (peak, peak_at_ms): (u64, Option<i64>)) -> CountView {
    let as_of_ms = count.as_of.as_ref().map_or(0, millis);
    // The peak is read from time to time, the count at every change: together they must not contradict each other.
    let is_peak = count.viewers > peak && !count.stale;
    CountView {
        now: live_number(count),
        connections: count.connections,
        peak: if is_peak { count.viewers } else { peak },
        peak_at_ms: if is_peak { Some(as_of_ms) } else { peak_at_ms },
    }
}

pub(super) fn live_number(count: &Count) -> LiveNumber {
    let as_of_ms = count.as_of.as_ref().map_or(0, millis);
    LiveNumber { viewers: count.viewers, low: count.low, high: count.high, as_of_ms, stale: count.stale }
}

/// The rooms with their counts.
pub(super) async fn rooms(shared: &Shared, tenant: &TenantId, event_id: &str) -> Rooms {
    let request =
        bounded(ListRoomsRequest { event_id: event_id.to_owned(), page_size: ROOMS_MAX, page_token: String::new() });
    let known: Vec<Room> = match shared.upstream.events(&Acting::Tenant(tenant.clone())).list_rooms(request).await {
        Ok(response) => response.into_inner().rooms,
        Err(_) => Vec::new(),
    };
    let request = bounded(CountRoomsRequest { event_id: event_id.to_owned() });
    let counts = shared.upstream.presence(tenant).list_rooms(request).await.map(|r| r.into_inner().rooms);
    let rooms = known.into_iter().map(|room| {
        let count = counts.as_ref().ok().map(|counts| counts.iter().find(|c| c.room_id == room.room_id));
        // A room that the counter answers nothing about has nobody in it.
        let nobody = LiveNumber { viewers: 0, low: 0, high: 0, as_of_ms: shared.clock.at_ms() as i64, stale: false };
        RoomRow { viewers: count.map(|c| c.map_or(nobody, live_number)), room_id: room.room_id, title: room.title }
    });
    Rooms { rooms: rooms.collect() }
}
