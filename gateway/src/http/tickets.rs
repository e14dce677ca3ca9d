//! `POST /v1/events/<id>/tickets`: gives a browser a ticket for its cookie, and the cookie if it has none.

use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde::{Deserialize, Serialize};
use turnout_platform::{
    failure::Failure,
    ids::{EventId, RoomId},
    random,
};

use crate::{
    Shared, audience,
    cookies::{cookie, set_cookie},
    directory::KnownEvent,
    metrics::Rejection,
    origin,
    tickets::{TICKET_TTL_S, TicketFor, VIEWER_COOKIE},
};

/// The cookie's value is a random word of this form; anything else is replaced.
const COOKIE_CHARS: usize = 22;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    #[serde(default)]
    room: String,
}

#[derive(Debug, Serialize)]
struct Issued {
    ticket: String,
    expires_in_ms: u64,
}

pub(super) async fn issue(
    State(shared): State<Shared>,
    Path(event): Path<String>,
    headers: HeaderMap,
    body: axum::body::Bytes,
) -> Response {
    if !origin::is_allowed(&headers, &shared.config) {
        return refuse(&shared, Rejection::origin, StatusCode::FORBIDDEN, "this page's origin is not allowed");
    }
    if let Err(after_s) = shared.handshakes.pass(shared.clock.now_ms()) {
        return retry(refuse(&shared, Rejection::rate, StatusCode::SERVICE_UNAVAILABLE, "too many at once"), after_s);
    }
    let wanted = if body.is_empty() { Ok(Wanted::default()) } else { serde_json::from_slice::<Wanted>(&body) };
    let Ok(wanted) = wanted else {
        return refuse(
            &shared,
            Rejection::malformed,
            StatusCode::BAD_REQUEST,
            "the body must be empty or {\"room\":\"<id>\"}",
        );
    };
    let room: Option<RoomId> = match Some(wanted.room).filter(|r| !r.is_empty()).map(|r| r.parse()).transpose() {
        Ok(room) => room,
        Err(_) => return refuse(&shared, Rejection::malformed, StatusCode::BAD_REQUEST, "that is not a room's id"),
    };
    let event = match find(&shared, &event, room.as_ref()).await {
        Ok(Some(event)) => event,
        Ok(None) => return refuse(&shared, Rejection::no_event, StatusCode::NOT_FOUND, "no such event or room"),
        Err(Failure::Internal(error)) => {
            tracing::error!(%error, "an event could not be looked up");
            return refuse(&shared, Rejection::unavailable, StatusCode::INTERNAL_SERVER_ERROR, "internal error");
        }
        Err(_) => {
            let answer = refuse(&shared, Rejection::unavailable, StatusCode::SERVICE_UNAVAILABLE, "try again");
            return retry(answer, 1);
        }
    };
    let registrant = audience::entered(&shared, &headers, &event.id);
    match audience::may_watch(&shared, &event, registrant.as_ref()).await {
        Ok(true) => {}
        Ok(false) => {
            return refuse(
                &shared,
                Rejection::not_admitted,
                StatusCode::FORBIDDEN,
                "only for those who are registered",
            );
        }
        Err(_) => {
            let answer = refuse(&shared, Rejection::unavailable, StatusCode::SERVICE_UNAVAILABLE, "try again");
            return retry(answer, 1);
        }
    }
    let (browser, is_new) = match cookie(&headers, VIEWER_COOKIE).filter(|v| is_ours(v)) {
        Some(browser) => (browser.to_owned(), false),
        None => (random::token_128(), true),
    };
    let viewer = match &registrant {
        Some(registrant) => TicketFor::Registration(&registrant.registration),
        None => TicketFor::Browser(&browser),
    };
    let ticket = shared.desk.issue(&event, room.as_ref(), &viewer);
    let issued = Issued { ticket, expires_in_ms: TICKET_TTL_S * 1000 };
    let mut response = ([(header::CACHE_CONTROL, "no-store")], Json(issued)).into_response();
    let answer = response.headers_mut();
    if is_new {
        set_cookie(answer, &shared.config, (VIEWER_COOKIE, &browser), "/", None);
    }
    if let Some(foreign) = origin::allowed_foreign(&headers, &shared.config).and_then(|o| o.parse().ok()) {
        answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, foreign);
        answer.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, header::HeaderValue::from_static("true"));
        answer.insert(header::VARY, header::HeaderValue::from_static("Origin"));
    }
    response
}

/// The event, if it is there and has the room, if one is wanted: strangers must not make audiences up.
async fn find(shared: &Shared, event: &str, room: Option<&RoomId>) -> Result<Option<KnownEvent>, Failure> {
    let Ok(id) = event.parse::<EventId>() else { return Ok(None) };
    let Some(event) = shared.directory.event(&id).await? else { return Ok(None) };
    let there = match room {
        Some(room) => shared.directory.has_room(&id, room).await?,
        None => true,
    };
    Ok(there.then_some(event))
}

fn is_ours(value: &str) -> bool {
    value.len() == COOKIE_CHARS && value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

fn refuse(shared: &Shared, reason: Rejection, status: StatusCode, problem: &'static str) -> Response {
    shared.metrics.reject(reason);
    (status, Json(serde_json::json!({ "error": problem }))).into_response()
}

fn retry(mut response: Response, after_s: u32) -> Response {
    response.headers_mut().insert(header::RETRY_AFTER, after_s.into());
    response
}
