//! The pages that anyone may see: the front page, an event, and the pages for when something is not as it should be. Those that
//! belong to a registrant stand in the files of `public/`.

mod account;
mod data;
mod form;
mod head;
mod register;
mod registration;
mod unsubscribe;

use askama::Template;

pub use account::{
    AccountPage, AccountRow, AudienceSignInPage, LinkAsks, LinkPage, SignInNotice, SignInWay, account_notice,
};
pub use data::{DataPage, DataRow};
pub use form::{FieldView, InputView, OptionView, ProblemLink};
pub(crate) use head::zone_words;
pub use head::{EventHead, LanguageLink, ModeView, When, Words, language_links};
pub use register::{NicknameForm, PlacesView, RegisterForm, RegisterPage, RegisteredPage};
pub use registration::{
    CancelPage, EntryView, PaymentView, RegistrationNotice, RegistrationPage, RsvpView, StandingView, TicketView,
};
pub use unsubscribe::{PreferenceRow, PreferencesPage, UnsubscribePage};

use super::{EventStateView, LiveNumber, show, text};
use crate::assets;
use text::public as words;

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
    /// What the event is.
    pub head: EventHead,
    /// Its languages, when there are several.
    pub languages: Vec<LanguageLink>,
    /// What it is about; may be empty.
    pub summary: String,
    /// The number at the time of the request; `None` while the counter has not answered.
    pub viewers: Option<LiveNumber>,
    /// The event's zone, an IANA name: moments are told in it.
    pub zone: String,
    /// Who looks.
    pub visitor: VisitorView,
    /// The visitor may watch, so the number moves.
    pub watching: bool,
}

/// Who looks at an event's page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VisitorView {
    /// Nobody we know, at an event without registration.
    Passer,
    /// Nobody we know, at an event with registration; none when it has no places left.
    Stranger(Option<PlacesView>),
    /// Somebody who is registered and may come in.
    Admitted {
        /// What opens their own page.
        code: String,
    },
    /// Somebody who is registered and may not come in yet.
    Waiting {
        /// What opens their own page.
        code: String,
        /// Why.
        why: EntryView,
    },
}

/// Which page to show when there is no other. Each has its status code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// 404 for an address that is none.
    NoSuchPage,
    /// 404 for an event that is not there.
    NoSuchEvent,
    /// 404 for a personal link that opens nothing.
    NoSuchLink,
    /// 403: the request came from another site.
    Forbidden,
    /// 403: the reader's role does not open this page.
    NotYours,
    /// 400: a form that is none of ours.
    BadForm,
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
    /// It happened in the console, and the way back leads there.
    pub in_console: bool,
}

impl ErrorPage {
    /// The HTTP status that belongs to the page.
    pub fn status(self) -> u16 {
        match self.kind {
            ErrorKind::NoSuchPage | ErrorKind::NoSuchEvent | ErrorKind::NoSuchLink => 404,
            ErrorKind::Forbidden | ErrorKind::NotYours => 403,
            ErrorKind::BadForm => 400,
            ErrorKind::Internal => 500,
            ErrorKind::Unavailable => 503,
        }
    }

    fn headline(self) -> &'static str {
        match self.kind {
            ErrorKind::NoSuchPage => text::ERROR_NO_PAGE,
            ErrorKind::NoSuchEvent => text::ERROR_NO_EVENT,
            ErrorKind::NoSuchLink => words::ERROR_NO_LINK,
            ErrorKind::Forbidden => text::ERROR_FORBIDDEN,
            ErrorKind::NotYours => text::console::ERROR_NOT_YOURS,
            ErrorKind::BadForm => words::ERROR_BAD_FORM,
            ErrorKind::Internal => text::ERROR_INTERNAL,
            ErrorKind::Unavailable => text::ERROR_UNAVAILABLE,
        }
    }

    fn advice(self) -> &'static str {
        match self.kind {
            ErrorKind::NoSuchPage => text::ERROR_NO_PAGE_ADVICE,
            ErrorKind::NoSuchEvent => text::ERROR_NO_EVENT_ADVICE,
            ErrorKind::NoSuchLink => words::ERROR_NO_LINK_ADVICE,
            ErrorKind::Forbidden => text::ERROR_FORBIDDEN_ADVICE,
            ErrorKind::NotYours => text::console::ERROR_NOT_YOURS_ADVICE,
            ErrorKind::BadForm => words::ERROR_BAD_FORM_ADVICE,
            ErrorKind::Internal => text::ERROR_INTERNAL_ADVICE,
            ErrorKind::Unavailable => text::ERROR_UNAVAILABLE_ADVICE,
        }
    }
}
