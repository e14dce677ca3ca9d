//! The pages that anyone may see, and the files they load.

use axum::{
    body::Body,
    extract::{OriginalUri, Path, State},
    http::{HeaderMap, header},
    response::Response,
};
use turnout_platform::ids::{Audience, EventId};

use crate::{
    Shared,
    answers::{error_page, failure_page, html},
    assets,
    directory::KnownEvent,
    views::{ErrorKind, EventPage, HomePage, LiveNumber},
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
