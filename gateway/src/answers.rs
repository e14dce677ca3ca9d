//! Answers that are pages: a rendered view, or the page for what went wrong. Which view, and with what in it, is the handlers' business.

use askama::Template;
use axum::{
    http::{StatusCode, header},
    response::{Html, IntoResponse as _, Response},
};
use turnout_platform::failure::Failure;

use crate::views::{ErrorKind, ErrorPage};

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
    error_page_of(kind, false)
}

fn error_page_of(kind: ErrorKind, in_console: bool) -> Response {
    let page = ErrorPage { kind, in_console };
    let mut response = html(&page);
    *response.status_mut() = StatusCode::from_u16(page.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.extensions_mut().insert(kind);
    response
}

/// The same answer, but that a page for what went wrong leads back to the console.
pub(crate) async fn in_console(response: Response) -> Response {
    match response.extensions().get::<ErrorKind>() {
        Some(kind) => error_page_of(*kind, true),
        None => response,
    }
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
