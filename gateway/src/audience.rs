//! The pages of people who take part: an event, registering for it, one's own registration, signing in, leaving a mailing, and what
//! happens with one's data; and the webhooks of payment and mail providers.
//!
//! Everything works without scripts. Looking (GET) never changes anything, because mail scanners follow links; a form must come from
//! one of our own pages. Who somebody is follows from the code of their link, from a session, or from nothing; what they may is
//! decided by the services.

mod account;
mod calendar;
mod data;
mod entry;
mod evenly;
mod event;
mod fields;
mod language;
mod mine;
mod register;
mod showing;
mod sign_in;
mod throttle;
mod unsubscribe;
mod webhooks;

use axum::{
    Form,
    extract::{FromRequest, FromRequestParts, Request},
    http::{HeaderMap, header, request::Parts},
    response::{IntoResponse as _, Redirect, Response},
};
use tonic::{Code, Status};

use crate::{
    Shared,
    answers::{error_page, failure_page},
    origin::is_same_site,
    routes::{
        Routes,
        Who::{Anyone, Holder, Signer, Visitor},
    },
    upstream::failure,
    views::{ErrorKind, RegisterForm},
};

pub(crate) use entry::{entered, may_watch};
pub(crate) use throttle::Throttle;

/// Bytes of a mail that a server has returned, with as much of ours as it likes to show.
const RETURNED_MAIL_BYTES_MAX: usize = 256 * 1024;

/// The routes.
pub(crate) fn routes() -> Routes {
    Routes::new()
        .get("/e/{event}", Anyone, event::show)
        .post("/e/{event}/leave", Anyone, event::leave)
        .get("/e/{event}/register", Anyone, register::show)
        .post("/e/{event}/register", Anyone, register::register)
        .get("/e/{event}/registered", Anyone, register::registered)
        .get("/e/{event}/calendar.ics", Anyone, calendar::of_event)
        .get("/e/{event}/data", Anyone, data::show)
        .get("/r/{code}", Holder, mine::show)
        .post("/r/{code}", Holder, mine::change)
        .post("/r/{code}/rsvp", Holder, mine::rsvp)
        .get("/r/{code}/cancel", Holder, mine::ask_cancel)
        .post("/r/{code}/cancel", Holder, mine::cancel)
        .post("/r/{code}/enter", Holder, mine::enter)
        .get("/r/{code}/calendar.ics", Holder, mine::calendar)
        .get("/sign-in", Anyone, sign_in::sign_in_page)
        .post("/sign-in", Anyone, sign_in::sign_in)
        .get("/sign-in/link", Anyone, sign_in::link_page)
        .post("/sign-in/link", Anyone, sign_in::redeem)
        .post("/sign-out", Anyone, sign_in::sign_out)
        .get("/account", Visitor, account::show)
        .post("/account/verify", Visitor, account::verify)
        .post("/account/password", Visitor, account::password)
        .post("/account/others", Visitor, account::end_others)
        .get("/u/{code}", Holder, unsubscribe::show)
        .post("/u/{code}", Holder, unsubscribe::unsubscribe)
        .get("/u/{code}/preferences", Holder, unsubscribe::preferences)
        .post("/u/{code}/preferences", Holder, unsubscribe::store_preferences)
        .post("/v1/tenants/{tenant}/payments", Signer, webhooks::payment)
        .post("/v1/tenants/{tenant}/delivery-reports", Signer, webhooks::delivery_report)
        .and(Routes::new().post("/v1/returned-mails", Signer, webhooks::returned_mail).taking(RETURNED_MAIL_BYTES_MAX))
}

/// A form that came from one of our own pages: its names and values, in the order sent. Taking this as an argument is what protects a
/// handler from other sites.
#[derive(Debug, Clone, Default)]
struct Posted(Vec<(String, String)>);

impl Posted {
    /// The first value of a name, without blanks around it; empty when there is none.
    fn one(&self, name: &str) -> &str {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| value.trim()).unwrap_or_default()
    }

    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> + 'a {
        self.0.iter().filter(move |(n, _)| n == name).map(|(_, value)| value.trim())
    }

    /// As it was typed: a password may begin with a blank.
    fn secret(&self, name: &str) -> String {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone()).unwrap_or_default()
    }
}

impl FromRequest<Shared> for Posted {
    type Rejection = Response;

    async fn from_request(request: Request, shared: &Shared) -> Result<Self, Response> {
        if !is_same_site(request.headers(), &shared.config) {
            return Err(error_page(ErrorKind::Forbidden));
        }
        // A form without fields: programs other than browsers then send no type.
        if !request.headers().contains_key(header::CONTENT_TYPE) {
            return Ok(Self::default());
        }
        match Form::<Vec<(String, String)>>::from_request(request, shared).await {
            Ok(Form(pairs)) => Ok(Self(pairs)),
            Err(_) => Err(error_page(ErrorKind::BadForm)),
        }
    }
}

/// The names in the query of the address, as in `?new` and `?lang=fi`; nothing personal is ever put there.
#[derive(Debug, Clone, Default)]
struct Asked(Vec<(String, String)>);

impl Asked {
    fn value(&self, name: &str) -> &str {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(n, _)| n == name)
    }

    /// The first name that means something.
    fn find<T>(&self, meaning: impl Fn(&str) -> Option<T>) -> Option<T> {
        self.0.iter().find_map(|(name, _)| meaning(name))
    }
}

impl FromRequestParts<Shared> for Asked {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, Self::Rejection> {
        let read = axum::extract::Query::<Vec<(String, String)>>::from_request_parts(parts, shared).await;
        Ok(Self(read.map(|query| query.0).unwrap_or_default()))
    }
}

/// The page for what a service refused; where nothing is found, the link is wrong.
fn refused(status: Status) -> Response {
    match status.code() {
        Code::NotFound | Code::InvalidArgument => error_page(ErrorKind::NoSuchLink),
        _ => failure_page(failure(status)),
    }
}

/// An event's form as somebody who registers would see it, in one of its languages.
pub(crate) fn form_preview(
    form: &turnout_proto::registration::v1::Form,
    event: &turnout_proto::registration::v1::Event,
    lang: &str,
) -> RegisterForm {
    let reader = language::Reader::of(event, lang, &HeaderMap::new());
    let (values, problems) = (fields::Values::new(), fields::Problems::new());
    fields::show(form, event, &reader, fields::Filler::New, &values, &problems)
}

/// After a form: to a page that can be reloaded.
fn to(address: &str) -> Response {
    Redirect::to(address).into_response()
}

/// Whether a refusal is about now and not about the request.
fn is_passing(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled | Code::ResourceExhausted | Code::Aborted
    )
}
