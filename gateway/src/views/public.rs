//! The pages that anyone may see: the front page, an event, and the pages for when something is not as it should be.

use askama::Template;

use super::{EventStateView, LiveNumber, show, text};
use crate::assets;

/// `GET /`
#[derive(Clone, Debug, Template)]
#[template(path = "home.html")]
pub struct HomePage {
    /// The event that anyone may try; `None` when there is none.
    pub demo_event_id: Option<String>,
}

/// `GET /e/<id>`
#[derive(Clone, Debug, Template)]
#[template(path = "event.html")]
pub struct EventPage {
    /// The id, as in the address.
    pub event_id: String,
    /// The title.
    pub title: String,
    /// Draft, live or ended.
    pub state: EventStateView,
    /// The number at the time of the request; `None` while the counter has not answered.
    pub viewers: Option<LiveNumber>,
}

/// Which page to show when there is no other. Each has its status code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// 404 for an address that is none.
    NoSuchPage,
    /// 404 for an event that is not there.
    NoSuchEvent,
    /// 403: the request came from another site.
    Forbidden,
    /// 500
    Internal,
    /// 503: a part of the mesh does not answer.
    Unavailable,
}

/// The page for `ErrorKind`.
#[derive(Clone, Copy, Debug, Template)]
#[template(path = "error.html")]
pub struct ErrorPage {
    /// What happened.
    pub kind: ErrorKind,
}

impl ErrorPage {
    /// The HTTP status that belongs to the page.
    pub fn status(self) -> u16 {
        match self.kind {
            ErrorKind::NoSuchPage | ErrorKind::NoSuchEvent => 404,
            ErrorKind::Forbidden => 403,
            ErrorKind::Internal => 500,
            ErrorKind::Unavailable => 503,
        }
    }

    fn headline(self) -> &'static str {
        match self.kind {
            ErrorKind::NoSuchPage => text::ERROR_NO_PAGE,
            ErrorKind::NoSuchEvent => text::ERROR_NO_EVENT,
            ErrorKind::Forbidden => text::ERROR_FORBIDDEN,
            ErrorKind::Internal => text::ERROR_INTERNAL,
            ErrorKind::Unavailable => text::ERROR_UNAVAILABLE,
        }
    }

    fn advice(self) -> &'static str {
        match self.kind {
            ErrorKind::NoSuchPage => text::ERROR_NO_PAGE_ADVICE,
            ErrorKind::NoSuchEvent => text::ERROR_NO_EVENT_ADVICE,
            ErrorKind::Forbidden => text::ERROR_FORBIDDEN_ADVICE,
            ErrorKind::Internal => text::ERROR_INTERNAL_ADVICE,
            ErrorKind::Unavailable => text::ERROR_UNAVAILABLE_ADVICE,
        }
    }
}
