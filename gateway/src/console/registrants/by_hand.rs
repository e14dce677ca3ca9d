//! Registering somebody by hand: with a reason, and without consents, which only the person can give.

use axum::{
    Form,
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use tonic::Code;
use turnout_proto::registration::v1::{Act, RegisterRequest};

use super::{
    super::{
        fields::{self, Sent},
        reading, refusals,
        session::Organiser,
    },
    done,
};
use crate::{
    Shared,
    answers::html,
    upstream::act,
    views::{
        console::{
            registrants::{ByHandPage, Notice},
            shell::{EventHead, Place, Tab},
        },
        text::console as words,
    },
};

pub(in super::super) async fn form(
    State(shared): State<Shared>,
    organiser: Organiser,
    Path(event_id): Path<String>,
) -> Response {
    match page(&shared, &organiser, &event_id, &Sent::default()).await {
        Ok(page) => html(&page),
        Err(page) => page,
    }
}

/// The field of a reason, as the service names it. It has its own place on the page.
const REASON: &str = "act.reason";

async fn page(shared: &Shared, organiser: &Organiser, event_id: &str, sent: &Sent) -> Result<ByHandPage, Response> {
    let event = reading::event(shared, organiser, event_id).await?;
    let form = reading::form(shared, organiser, event_id, 0).await;
    Ok(ByHandPage {
        shell: reading::shell(Place::Events, organiser),
        fields: fields::to_register(&event, &form, sent),
        head: EventHead { facts: event, tab: Tab::Registrants },
        form_version: form.version,
        reason: sent.get("reason").to_owned(),
        lacks_reason: false,
        notice: None,
    })
}

pub(in super::super) async fn submit(
    State(shared): State<Shared>,
    organiser: Organiser,
    Path(event_id): Path<String>,
    Form(sent): Form<Vec<(String, String)>>,
) -> Response {
    let sent = Sent(sent);
    let form_version = sent.get("form_version").parse().unwrap_or(0);
    let form = reading::form(&shared, &organiser, &event_id, form_version).await;
    let request = RegisterRequest {
        event_id: event_id.clone(),
        email: sent.get("email").to_owned(),
        name: sent.get("name").to_owned(),
        phone: sent.get("phone").to_owned(),
        mode: sent.mode().into(),
        answers: sent.answers(&form),
        form_version: form.version,
        language: sent.get("language").to_owned(),
        act: Some(Act { reason: sent.get("reason").to_owned() }),
        ..RegisterRequest::default()
    };
    let (key, registrants) = (sent.once("register", &event_id), shared.upstream.registrants(&organiser.acting()));
    let status = match act!(key, registrants, register, request).await {
        Ok(response) => {
            let answer = response.into_inner();
            let id = answer.registration.unwrap_or_default().registration_id;
            let what = if answer.created { "register" } else { "again" };
            return done(&format!("/console/events/{event_id}/registrants/{id}"), what, None);
        }
        Err(status) => status,
    };
    let Some((code, notice)) = refusals::notice(&status) else { return refusals::page(&status) };
    match page(&shared, &organiser, &event_id, &sent).await {
        Ok(mut page) => {
            page.notice = Some(notice);
            if status.code() == Code::InvalidArgument {
                page.lacks_reason = refusals::lacks_reason(&status);
                let others = refusals::violations(&status).into_iter().filter(|(field, _)| field != REASON);
                let rest = fields::blame(&mut page.fields, others.collect());
                let text = if rest.is_empty() { words::FAILED_INVALID.to_owned() } else { rest.join(" ") };
                page.notice = Some(Notice { text, bad: true });
            }
            answered(html(&page), code)
        }
        Err(page) => page,
    }
}

fn answered(mut response: Response, code: StatusCode) -> Response {
    *response.status_mut() = code;
    response
}
