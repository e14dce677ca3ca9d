//! The page of one registrant, and what is done for them. Each act asks for a reason and comes back to the page, which says what
//! became of it.

use axum::{
    Form,
    extract::{Path, Query, State},
    response::Response,
};
use prost_types::FieldMask;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};
use turnout_platform::money;
use turnout_proto::{
    common::v1::Money,
    notifications::v1::MessageKind,
    registration::v1::{
        Act, AnswerRsvpRequest, Form as EventForm, GetEventRequest, GetRegistrationRequest, PaymentState, Registration,
        RsvpState, SetPaymentRequest, UpdateRegistrationRequest,
    },
};

use super::{
    event_settings::amount_minor,
    fields::{self, Sent},
    reading, refusals,
    registrants::{self, Did, done},
    session::Organiser,
};
use crate::{
    Shared,
    answers::{error_page, html},
    upstream::{act, bounded},
    views::{
        ErrorKind,
        console::{
            registrant::RegistrantPage,
            registrants::Notice,
            shell::{EventHead, Place, Tab},
        },
        text::studio as own,
    },
};

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

async fn page(shared: &Shared, organiser: &Organiser, event_id: &str, id: &str) -> Result<RegistrantPage, Response> {
    let event = reading::event(shared, organiser, event_id).await?;
    let request = bounded(GetRegistrationRequest { event_id: event_id.to_owned(), registration_id: id.to_owned() });
    let registration = match shared.upstream.registrants(&organiser.acting()).get_registration(request).await {
        Ok(response) => response.into_inner().registration.unwrap_or_default(),
        Err(status) => return Err(refusals::page(&status)),
    };
    let shell = reading::shell(Place::Events, organiser);
    let form = async |version| {
        // Whoever sees no answers needs no questions.
        if shell.sees_personal() {
            reading::form(shared, organiser, event_id, version).await
        } else {
            EventForm::default()
        }
    };
    let (mut rows, answered, latest) = tokio::join!(
        reading::rows(shared, organiser, event_id, vec![registration.clone()]),
        form(registration.form_version),
        form(0),
    );
    let row = rows.pop().unwrap_or_else(|| reading::row(registration, None));
    Ok(RegistrantPage {
        shell,
        questions: reading::questions(&answered, &event),
        fields: fields::to_edit(&event, &latest, &row),
        head: EventHead { facts: event, tab: Tab::Registrants },
        row,
        open: None,
        amount: String::new(),
        notice: None,
    })
}

/// The acts by the last part of their address.
const ACTS: [&str; 7] = ["confirmation", "reminder", "check-in", "rsvp", "payment", "edit", "cancel"];

pub(super) async fn act(
    State(shared): State<Shared>,
    organiser: Organiser,
    Path((event_id, id, action)): Path<(String, String, String)>,
    Form(sent): Form<Vec<(String, String)>>,
) -> Response {
    let Some(action) = ACTS.into_iter().find(|known| *known == action) else {
        return error_page(ErrorKind::NoSuchPage);
    };
    let sent = Sent(sent);
    match perform(&shared, &organiser, &event_id, &id, action, &sent).await {
        Ok(()) => done(&format!("/console/events/{event_id}/registrants/{id}"), action, None),
        Err(status) => refused(&shared, &organiser, &event_id, &id, action, &sent, &status).await,
    }
}

async fn perform(
    shared: &Shared,
    organiser: &Organiser,
    event_id: &str,
    id: &str,
    action: &str,
    sent: &Sent,
) -> Result<(), Status> {
    let (event_id, registration_id, reason) = (event_id.to_owned(), id.to_owned(), sent.get("reason"));
    let act = Some(Act { reason: reason.to_owned() });
    let upstream = shared.upstream.registrants(&organiser.acting());
    let key = sent.once(action, id);
    match action {
        "confirmation" | "reminder" => {
            let kind = if action == "reminder" { MessageKind::Reminder } else { MessageKind::Confirmation };
            registrants::resend(shared, organiser, event_id, registration_id, kind, reason, key).await?;
        }
        "check-in" => registrants::check_in(shared, organiser, event_id, registration_id, reason).await?,
        "rsvp" => {
            let rsvp = match sent.get("value") {
                "declined" => RsvpState::Declined,
                _ => RsvpState::Confirmed,
            };
            let request = AnswerRsvpRequest { event_id, registration_id, rsvp: rsvp.into(), act };
            act!(key, upstream, answer_rsvp, request).await?;
        }
        "payment" => {
            let payment = match sent.get("value") {
                "paid" => PaymentState::Paid,
                "refunded" => PaymentState::Refunded,
                _ => PaymentState::Unpaid,
            };
            let paid = match sent.get("amount") {
                amount if amount.is_empty() || payment == PaymentState::Unpaid => None,
                amount => Some(amount_of(shared, organiser, &event_id, amount).await?),
            };
            let request = SetPaymentRequest { event_id, registration_id, payment: payment.into(), paid, act };
            act!(key, upstream, set_payment, request).await?;
        }
        "cancel" => registrants::cancel(shared, organiser, event_id, registration_id, reason, key).await?,
        _ => {
            let request = edit(shared, organiser, event_id, registration_id, sent).await;
            act!(key, upstream, update_registration, UpdateRegistrationRequest { act, ..request }).await?;
        }
    }
    Ok(())
}

/// What was paid or given back, in the currency of the event.
async fn amount_of(shared: &Shared, organiser: &Organiser, event_id: &str, given: &str) -> Result<Money, Status> {
    let request = bounded(GetEventRequest { event_id: event_id.to_owned() });
    let event = shared.upstream.events(&organiser.acting()).get_event(request).await?.into_inner().event;
    let currency = event.and_then(|event| event.price).map(|price| price.currency).unwrap_or_default();
    let amount_minor = amount_minor(given, money::digits(&currency)).ok_or_else(|| {
        let details = ErrorDetails::with_bad_request_violation("paid", own::NO_AMOUNT);
        Status::with_error_details(Code::InvalidArgument, own::NO_AMOUNT, details)
    })?;
    Ok(Money { amount_minor, currency })
}

/// What the form of the details asks for: only what it has a field for is named in the mask.
async fn edit(
    shared: &Shared,
    organiser: &Organiser,
    event_id: String,
    registration_id: String,
    sent: &Sent,
) -> UpdateRegistrationRequest {
    let form = reading::form(shared, organiser, &event_id, 0).await;
    let has = |name: &str| sent.all(name).next().is_some();
    let mut paths: Vec<String> =
        ["name", "phone", "nickname", "mode"].into_iter().filter(|name| has(name)).map(str::to_owned).collect();
    if !form.fields.is_empty() {
        paths.push("answers".to_owned());
    }
    let registration = Registration {
        event_id,
        registration_id,
        name: sent.get("name").to_owned(),
        phone: sent.get("phone").to_owned(),
        nickname: sent.get("nickname").to_owned(),
        mode: sent.mode().into(),
        answers: sent.answers(&form),
        form_version: form.version,
        ..Registration::default()
    };
    UpdateRegistrationRequest {
        registration: Some(registration),
        update_mask: Some(FieldMask { paths }),
        expected_version: sent.get("version").parse().unwrap_or(0),
        act: None,
    }
}

/// The page as it is now, with what was wrong; the act stays open.
async fn refused(
    shared: &Shared,
    organiser: &Organiser,
    event_id: &str,
    id: &str,
    action: &'static str,
    sent: &Sent,
    status: &Status,
) -> Response {
    let Some((code, notice)) = refusals::notice(status) else { return refusals::page(status) };
    match page(shared, organiser, event_id, id).await {
        Ok(mut page) => {
            page.open = Some(action);
            page.notice = Some(notice);
            sent.get("amount").clone_into(&mut page.amount);
            if action == "edit" && status.code() == Code::InvalidArgument {
                let rest = fields::blame(&mut page.fields, refusals::violations(status));
                if !rest.is_empty() {
                    page.notice = Some(Notice { text: rest.join(" "), bad: true });
                }
            }
            let mut response = html(&page);
            *response.status_mut() = code;
            response
        }
        Err(page) => page,
    }
}
