//! The pages that anyone may see, and the files they load.

use askama::Template;
use axum::{
    body::Body,
    extract::{OriginalUri, Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{Html, IntoResponse as _, Response},
};
use turnout_platform::{
    failure::Failure,
    ids::{Audience, EventId},
};

use crate::{
    Shared, assets,
    directory::KnownEvent,
    views::{ErrorKind, ErrorPage, EventPage, HomePage, LiveNumber},
};

pub(super) async fn home(State(shared): State<Shared>) -> Response {
    html(&HomePage { demo_event_id: shared.config.demo_event.clone() })
}

pub(super) async fn event(State(shared): State<Shared>, Path(id): Path<String>) -> Response {
    let Ok(id) = id.parse::<EventId>() else { return error_page(ErrorKind::NoSuchEvent) };
    match shared.directory.event(&id).await {
        Ok(Some(event)) => html(&event_page(&shared, event)),
        Ok(None) => error_page(ErrorKind::NoSuchEvent),
        Err(failure) => failure_page(failure),
    }
}

fn event_page(shared: &Shared, event: KnownEvent) -> EventPage {
    let audience = Audience { tenant: event.tenant, event: event.id.clone(), room: None };
    let viewers = shared.live.latest(&audience.topic()).map(|latest| {
        let count = latest.count();
        LiveNumber {
            viewers: count.viewers,
            low: count.low,
            high: count.high,
            as_of_ms: count.as_of_ms as i64,
            stale: count.stale,
        }
    });
    EventPage { event_id: event.id.as_str().to_owned(), title: event.title, state: event.state, viewers }
}

pub(super) async fn asset(OriginalUri(uri): OriginalUri, headers: HeaderMap) -> Response {
    let known = headers.get(header::IF_NONE_MATCH).and_then(|v| v.to_str().ok());
    match assets::respond(uri.path(), uri.query(), known) {
        Some(response) => response.map(Body::from),
        None => error_page(ErrorKind::NoSuchPage),
    }
}

pub(super) async fn no_such_page() -> Response {
    error_page(ErrorKind::NoSuchPage)
}

/// A page. Its numbers are of this moment, so it is not kept.
pub(crate) fn html(page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => ([(header::CACHE_CONTROL, "no-store")], Html(text)).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be made");
            (StatusCode::INTERNAL_SERVER_ERROR, "internal error\n").into_response()
        }
    }
}

/// The page for a failure that has one.
pub(crate) fn error_page(kind: ErrorKind) -> Response {
    let page = ErrorPage { kind };
    let mut response = html(&page);
    *response.status_mut() = StatusCode::from_u16(page.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
}

/// The page for what a service refused.
pub(crate) fn failure_page(failure: Failure) -> Response {
    error_page(match failure {
        Failure::NotFound { .. } => ErrorKind::NoSuchEvent,
        Failure::Unavailable { .. } | Failure::Overloaded { .. } => ErrorKind::Unavailable,
        other => {
            tracing::error!(error = ?other, "a page could not be made");
            ErrorKind::Internal
        }
    })
}
