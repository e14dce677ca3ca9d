//! Coming in: the cookie by which a browser is a registrant at one event, the record of the entry, and who may watch.
//!
//! The cookie holds the code of the registration, on the paths of that event only. Registering does not set it: coming in is an act of
//! its own (item 28).

use axum::{http::HeaderMap, response::Response};
use tonic::Status;
use turnout_platform::ids::{EventId, RegistrationId, TenantId};
use turnout_proto::registration::v1::{RecordEntryRequest, RecordEntryResponse};

use crate::{
    Shared,
    cookies::{add_cookie, cookie},
    directory::KnownEvent,
    upstream::{Acting, bounded},
};

/// The cookie with the code of the registration.
const REGISTRATION_COOKIE: &str = "turnout_registration";
/// A festival's length, and then some.
const REGISTRATION_COOKIE_AGE_S: u64 = 14 * 24 * 3600;

/// Who a browser is at an event.
#[derive(Debug, Clone)]
pub(crate) struct Entered {
    /// The code of the registration.
    pub code: String,
    /// The registration.
    pub registration: RegistrationId,
}

/// The registration by which this browser came in; none for one that did not.
pub(crate) fn entered(shared: &Shared, headers: &HeaderMap, event: &EventId) -> Option<Entered> {
    let code = cookie(headers, REGISTRATION_COOKIE)?;
    let (of_event, registration) = shared.desk.registration_of(code)?;
    (of_event == *event).then(|| Entered { code: code.to_owned(), registration })
}

/// Lets this browser be a registrant at the event from now on.
pub(super) fn let_in(response: &mut Response, shared: &Shared, event: &str, code: &str) {
    for path in [format!("/e/{event}"), format!("/v1/events/{event}")] {
        let age = Some(REGISTRATION_COOKIE_AGE_S);
        add_cookie(response.headers_mut(), &shared.config, (REGISTRATION_COOKIE, code), &path, age);
    }
}

/// This browser is nobody at the event any more.
pub(super) fn let_out(response: &mut Response, shared: &Shared, event: &str) {
    for path in [format!("/e/{event}"), format!("/v1/events/{event}")] {
        add_cookie(response.headers_mut(), &shared.config, (REGISTRATION_COOKIE, ""), &path, Some(0));
    }
}

/// Records that somebody came in, and says whether they may. Repeating it changes nothing.
pub(super) async fn record(
    shared: &Shared,
    tenant: &TenantId,
    event: &str,
    registration: &str,
) -> Result<RecordEntryResponse, Status> {
    let request = RecordEntryRequest { event_id: event.to_owned(), registration_id: registration.to_owned() };
    let acting = Acting::Tenant(tenant.clone());
    Ok(shared.upstream.registrants(&acting).record_entry(bounded(request)).await?.into_inner())
}

/// Whether somebody may open the live socket: anybody at an open event, at a closed one only those who are let in.
pub(crate) async fn may_watch(shared: &Shared, event: &KnownEvent, who: Option<&Entered>) -> Result<bool, Status> {
    if !event.is_closed_house() {
        return Ok(true);
    }
    let Some(who) = who else { return Ok(false) };
    match record(shared, &event.tenant, event.id.as_str(), who.registration.as_str()).await {
        Ok(answer) => Ok(answer.admitted),
        Err(status) if status.code() == tonic::Code::NotFound => Ok(false),
        Err(status) => Err(status),
    }
}
