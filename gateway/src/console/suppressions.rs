//! Whether mail to a registrant's address is held back, why, and writing to it again. The address is read from the registration each
//! time: it stands in no link and no form.

use axum::{
    Form,
    extract::{Path, Query, State},
    response::Response,
};
use tonic::{Code, Status};
use turnout_proto::{
    notifications::v1::{LiftSuppressionRequest, ListSuppressionsRequest, Suppression},
    registration::v1::GetRegistrationRequest,
};

use super::{
    event_settings::answered,
    events::millis,
    fields::Sent,
    reading, refusals,
    registrants::{Did, done},
    session::Organiser,
};
use crate::{
    Shared,
    answers::{error_page, html},
    upstream::{act, bounded},
    views::{
        ErrorKind,
        console::{
            shell::{EventHead, Place, Tab},
            suppression::{HeldBack, SuppressionPage},
        },
    },
};

/// The word of the act in the address of the page that follows it.
const WRITE_AGAIN: &str = "write-again";

pub(super) async fn show(
    State(shared): State<Shared>,
    organiser: Organiser,
    Path((event_id, id)): Path<(String, String)>,
    Query(did): Query<Did>,
) -> Response {
    match page(&shared, &organiser, &event_id, &id).await {
        Ok(mut page) => {
            page.notice = did.notice();
            html(&page)
        }
        Err(page) => page,
    }
}

async fn page(shared: &Shared, organiser: &Organiser, event_id: &str, id: &str) -> Result<SuppressionPage, Response> {
    let event = reading::event(shared, organiser, event_id).await?;
    let (name, email) = match address(shared, organiser, event_id, id).await {
        Ok(found) => found,
        Err(status) => return Err(refusals::page(&status)),
    };
    if email.is_empty() {
        return Err(error_page(ErrorKind::NoSuchPage));
    }
    let request = ListSuppressionsRequest { email: email.clone(), ..ListSuppressionsRequest::default() };
    let held_back = match shared.upstream.notifications(&organiser.acting()).list_suppressions(bounded(request)).await {
        Ok(answer) => answer.into_inner().suppressions.pop().map(held_back),
        Err(status) => return Err(refusals::page(&status)),
    };
    Ok(SuppressionPage {
        shell: reading::shell(Place::Events, organiser),
        head: EventHead { facts: event, tab: Tab::Registrants },
        registration_id: id.to_owned(),
        name,
        email,
        held_back,
        notice: None,
    })
}

fn held_back(suppression: Suppression) -> HeldBack {
    HeldBack {
        since_ms: suppression.since.as_ref().map_or(0, millis),
        until_ms: suppression.until.as_ref().map(millis),
        reason: suppression.reason,
    }
}

/// The name and the address of a registration; a nickname has none.
async fn address(shared: &Shared, organiser: &Organiser, event_id: &str, id: &str) -> Result<(String, String), Status> {
    let request = GetRegistrationRequest { event_id: event_id.to_owned(), registration_id: id.to_owned() };
    let answer = shared.upstream.registrants(&organiser.acting()).get_registration(bounded(request)).await?;
    let registration = answer.into_inner().registration.unwrap_or_default();
    Ok((registration.name, registration.email))
}

pub(super) async fn lift(
    State(shared): State<Shared>,
    organiser: Organiser,
    Path((event_id, id)): Path<(String, String)>,
    Form(sent): Form<Vec<(String, String)>>,
) -> Response {
    let sent = Sent(sent);
    let reason = sent.get("reason").to_owned();
    let email = match address(&shared, &organiser, &event_id, &id).await {
        Ok((_, email)) => email,
        Err(status) => return refusals::page(&status),
    };
    let request = LiftSuppressionRequest { email, reason };
    let (key, notifications) = (sent.once("lift", &id), shared.upstream.notifications(&organiser.acting()));
    let Err(status) = act!(key, notifications, lift_suppression, request).await else {
        return done(&format!("/console/events/{event_id}/registrants/{id}/suppression"), WRITE_AGAIN, None);
    };
    let refused = refusals::notice(&status);
    match page(&shared, &organiser, &event_id, &id).await {
        // Somebody else was faster: the page says that nothing is held back.
        Ok(page) if status.code() == Code::NotFound => html(&page),
        Ok(mut page) => {
            let Some((code, notice)) = refused else { return refusals::page(&status) };
            page.notice = Some(notice);
            answered(html(&page), code)
        }
        Err(page) => page,
    }
}
