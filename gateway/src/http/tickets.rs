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

use super::origin;
use crate::{
    Shared,
    metrics::Rejection,
    tickets::{TICKET_TTL_S, VIEWER_COOKIE},
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
    let known = match event.parse::<EventId>() {
        Ok(id) => shared.directory.event(&id).await,
        Err(_) => Ok(None),
    };
    let event = match known {
        Ok(Some(event)) => event,
        Ok(None) => return refuse(&shared, Rejection::no_event, StatusCode::NOT_FOUND, "no such event"),
        Err(Failure::Internal(error)) => {
            tracing::error!(%error, "an event could not be looked up");
            return refuse(&shared, Rejection::unavailable, StatusCode::INTERNAL_SERVER_ERROR, "internal error");
        }
        Err(_) => {
            let answer = refuse(&shared, Rejection::unavailable, StatusCode::SERVICE_UNAVAILABLE, "try again");
            return retry(answer, 1);
        }
    };
    let (browser, is_new) = match cookie(&headers, VIEWER_COOKIE).filter(|v| is_ours(v)) {
        Some(browser) => (browser.to_owned(), false),
        None => (random::token_128(), true),
    };
    let issued =
        Issued { ticket: shared.desk.issue(&event, room.as_ref(), &browser), expires_in_ms: TICKET_TTL_S * 1000 };
    let mut response = ([(header::CACHE_CONTROL, "no-store")], Json(issued)).into_response();
    let answer = response.headers_mut();
    if is_new {
        // No Max-Age: it lives as long as the browser session.
        let secure =
            if shared.config.public_url.as_ref().is_some_and(|u| u.starts_with("https://")) { "; Secure" } else { "" };
        let value = format!("{VIEWER_COOKIE}={browser}; Path=/; HttpOnly; SameSite=Lax{secure}");
        answer.insert(header::SET_COOKIE, value.parse().expect("letters, digits and punctuation"));
    }
    if let Some(foreign) = origin::allowed_foreign(&headers, &shared.config).and_then(|o| o.parse().ok()) {
        answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, foreign);
        answer.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, header::HeaderValue::from_static("true"));
        answer.insert(header::VARY, header::HeaderValue::from_static("Origin"));
    }
    response
}

fn is_ours(value: &str) -> bool {
    value.len() == COOKIE_CHARS && value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// The value of a cookie of the request.
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}

fn refuse(shared: &Shared, reason: Rejection, status: StatusCode, problem: &'static str) -> Response {
    shared.metrics.reject(reason);
    (status, Json(serde_json::json!({ "error": problem }))).into_response()
}

fn retry(mut response: Response, after_s: u32) -> Response {
    response.headers_mut().insert(header::RETRY_AFTER, after_s.into());
    response
}
