//! How a template looks to an invented person. The HTML half of a mail is shown in a frame of its own that may run nothing.

use axum::{
    Form,
    extract::{Path, State},
    http::{HeaderValue, StatusCode, header},
    response::{Html, IntoResponse as _, Response},
};
use tonic::{Code, Status};
use turnout_proto::notifications::v1::{PreviewTemplateRequest, PreviewTemplateResponse, Template};

use super::{
    super::{fields::Sent, refusals, session::Organiser},
    At, Subject, editor,
};
use crate::{
    Shared,
    answers::failure_page,
    upstream::{bounded, failure},
    views::console::messages::Preview,
};

/// A mail in its frame: it styles itself, and does nothing else.
const MAIL_POLICY: &str =
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'self'";

/// The plain half for the page, and the HTML half.
pub(super) async fn rendered(
    shared: &Shared,
    organiser: &Organiser,
    template: &Template,
    lang: &str,
) -> Result<(Preview, String), Status> {
    let request = PreviewTemplateRequest { template: Some(template.clone()), language: lang.to_owned() };
    let answer = shared.upstream.notifications(&organiser.acting()).preview_template(bounded(request)).await?;
    let PreviewTemplateResponse { subject, text, html } = answer.into_inner();
    Ok((Preview { lang: lang.to_owned(), subject, text }, html))
}

/// `GET …/preview`: the HTML half of what is stored.
pub(in crate::console) async fn stored(
    State(shared): State<Shared>,
    organiser: Organiser,
    Path(at): Path<At>,
) -> Response {
    mail(&shared, &organiser, &at, &Sent::default()).await
}

/// `POST …/preview`: that of what is entered.
pub(in crate::console) async fn entered(
    State(shared): State<Shared>,
    organiser: Organiser,
    Path(at): Path<At>,
    Form(sent): Form<Vec<(String, String)>>,
) -> Response {
    mail(&shared, &organiser, &at, &Sent(sent)).await
}

async fn mail(shared: &Shared, organiser: &Organiser, at: &At, sent: &Sent) -> Response {
    let subject = match Subject::read(shared, organiser, at).await {
        Ok(subject) => subject.with_those_of(sent),
        Err(page) => return page,
    };
    let is_entered = !sent.0.is_empty();
    let shown = if is_entered { editor::entered(&subject, sent) } else { subject.at_this_level() };
    match rendered(shared, organiser, &shown, &subject.language(sent.get("lang"))).await {
        Ok((_, mail)) => {
            let mut response = ([(header::CACHE_CONTROL, "no-store")], Html(mail)).into_response();
            response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(MAIL_POLICY));
            response
        }
        Err(status) if status.code() == Code::InvalidArgument => {
            let told: Vec<String> = refusals::violations(&status).into_iter().map(|(_, sentence)| sentence).collect();
            (StatusCode::UNPROCESSABLE_ENTITY, told.join("\n")).into_response()
        }
        Err(status) => failure_page(failure(status)),
    }
}
