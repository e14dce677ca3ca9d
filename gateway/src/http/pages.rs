//! The front page, the files that pages load, and the page for an address that is none.

use axum::{
    body::Body,
    extract::{OriginalUri, State},
    http::{HeaderMap, header},
    response::Response,
};

use crate::{
    Shared,
    answers::{error_page, html, in_console},
    assets,
    views::{ErrorKind, HomePage},
};

pub(super) async fn home(State(shared): State<Shared>) -> Response {
    html(&HomePage { demo_event_id: shared.config.demo_event.clone() })
}

pub(super) async fn asset(OriginalUri(uri): OriginalUri, headers: HeaderMap) -> Response {
    let known = headers.get(header::IF_NONE_MATCH).and_then(|v| v.to_str().ok());
    match assets::respond(uri.path(), uri.query(), known) {
        Some(response) => response.map(Body::from),
        None => error_page(ErrorKind::NoSuchPage),
    }
}

pub(super) async fn no_such_page(OriginalUri(uri): OriginalUri) -> Response {
    let page = error_page(ErrorKind::NoSuchPage);
    if uri.path().starts_with("/console") { in_console(page).await } else { page }
}
