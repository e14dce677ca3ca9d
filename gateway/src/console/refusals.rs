//! What the services refuse, as pages and as sentences on a page.

use axum::{http::StatusCode, response::Response};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use turnout_platform::failure::Failure;

use super::events::sentence;
use crate::{
    answers::{error_page, failure_page},
    upstream::failure,
    views::{ErrorKind, console::registrants::Notice, text::console as words},
};

/// The page in place of the one that was asked for.
pub(super) fn page(status: &Status) -> Response {
    match status.code() {
        Code::PermissionDenied => error_page(ErrorKind::NotYours),
        // An id that can be none is one that is not there.
        Code::InvalidArgument => failure_page(Failure::NotFound { what: "event" }),
        _ => failure_page(failure(status.clone())),
    }
}

/// A refused act: the status of the answer, and what the page says. None when the thing is not there: then there is no page to say it.
pub(super) fn notice(status: &Status) -> Option<(StatusCode, Notice)> {
    let (code, text) = match status.code() {
        Code::InvalidArgument => (StatusCode::UNPROCESSABLE_ENTITY, invalid(status)),
        Code::FailedPrecondition => {
            let told =
                if status.message().is_empty() { words::FAILED_STATE.to_owned() } else { sentence(status.message()) };
            (StatusCode::CONFLICT, told)
        }
        Code::PermissionDenied => (StatusCode::FORBIDDEN, words::FAILED_FORBIDDEN.to_owned()),
        Code::Aborted | Code::AlreadyExists => (StatusCode::CONFLICT, words::FAILED_CHANGED.to_owned()),
        Code::ResourceExhausted => (StatusCode::TOO_MANY_REQUESTS, words::FAILED_TOO_MANY.to_owned()),
        Code::NotFound => return None,
        _ => {
            tracing::warn!(code = ?status.code(), "an act of the console failed");
            (StatusCode::SERVICE_UNAVAILABLE, words::FAILED_UNAVAILABLE.to_owned())
        }
    };
    Some((code, Notice { text, bad: true }))
}

/// What is wrong with each field: its name as in the proto, and a sentence.
pub(super) fn violations(status: &Status) -> Vec<(String, String)> {
    let found = status.get_details_bad_request().map(|bad| bad.field_violations).unwrap_or_default();
    found.into_iter().map(|violation| (violation.field, sentence(&violation.description))).collect()
}

/// Whether an act was refused because it came without a good reason.
pub(super) fn lacks_reason(status: &Status) -> bool {
    status.code() == Code::InvalidArgument && violations(status).iter().any(|(field, _)| field.ends_with("reason"))
}

fn invalid(status: &Status) -> String {
    let found = violations(status);
    if lacks_reason(status) {
        return words::FAILED_REASON.to_owned();
    }
    let told = found.into_iter().map(|(_, sentence)| sentence).collect::<Vec<_>>().join(" ");
    if told.is_empty() { words::FAILED_INVALID.to_owned() } else { format!("{} {told}", words::FAILED_INVALID) }
}
