//! The registrants of an event: the list, what is done with the selected ones, the export, and registering somebody by hand.

mod by_hand;
mod download;
mod filter;
mod stream;

use axum::{
    Form,
    extract::{Path, Query, State},
    http::{HeaderMap, HeaderValue, StatusCode, Uri},
    response::{IntoResponse as _, Redirect, Response},
};
use futures_util::{StreamExt as _, stream as futures};
use serde::Deserialize;
use tonic::{Code, Status};
use turnout_proto::{
    notifications::v1::{MessageKind, ResendMessageRequest},
    registration::v1::{
        Act, CancelRegistrationRequest, CheckInOutcome, CheckInRequest, GetStatisticsRequest, ListRegistrantsRequest,
        Statistics,
    },
};

pub(super) use by_hand::{form as by_hand, submit as register_by_hand};
pub(super) use download::export;
pub(super) use stream::stream;

use super::{fields::Sent, reading, refusals, session::Organiser};
use crate::{
    Shared,
    answers::html,
    upstream::{OnceKey, act, bounded},
    views::{
        console::{
            query::ListQuery,
            registrants::{Notice, PageOfRows, RegistrantsPage, RegistrantsTable, StatisticsPart},
            rows::Column,
            shell::{EventFacts, EventHead, Place, Tab},
        },
        text::{console as words, studio},
    },
};

/// Registrations that one bulk act may name: a page of the largest size.
const BULK_MAX: usize = 500;
/// Acts of a bulk that are under way at one time.
const BULK_AT_ONCE: usize = 8;

/// What the address says about the last act.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Did {
    #[serde(rename = "did")]
    what: String,
    n: u64,
    of: u64,
}

impl Did {
    pub(super) fn notice(&self) -> Option<Notice> {
        let what = match self.what.as_str() {
            "cancel" => words::DID_CANCEL,
            "check-in" => words::DID_CHECK_IN,
            "confirmation" => words::DID_CONFIRMATION,
            "reminder" => words::DID_REMINDER,
            "rsvp" => words::DID_RSVP,
            "payment" => words::DID_PAYMENT,
            "edit" => words::DID_DETAILS,
            "register" => words::DID_REGISTER,
            "again" => words::DID_REGISTER_AGAIN,
            "verify" => words::DID_VERIFY,
            "reset" => words::DID_RESET,
            "phone" => words::DID_PHONE,
            "none" => return Some(Notice { text: words::FAILED_NOTHING_SELECTED.to_owned(), bad: true }),
            "reason" => return Some(Notice { text: words::FAILED_REASON.to_owned(), bad: true }),
            other => match studio::DIDS.iter().find(|(word, _)| *word == other) {
                Some((_, told)) => told,
                None => return None,
            },
        };
        if self.of == 0 {
            return Some(Notice { text: format!("{}.", what.trim_end_matches('.')), bad: false });
        }
        let mut text = words::DID_SOME
            .replace("{what}", what)
            .replace("{n}", &self.n.to_string())
            .replace("{all}", &self.of.to_string());
        let failed = self.of.saturating_sub(self.n);
        if failed > 0 {
            text.push(' ');
            text.push_str(&words::DID_FAILED.replace("{n}", &failed.to_string()));
        }
        Some(Notice { text, bad: failed > 0 })
    }
}

pub(super) async fn list(
    State(shared): State<Shared>,
    organiser: Organiser,
    Path(event_id): Path<String>,
    Query(query): Query<ListQuery>,
    Query(did): Query<Did>,
) -> Response {
    let event = match reading::event(&shared, &organiser, &event_id).await {
        Ok(event) => event,
        Err(page) => return page,
    };
    let (table, statistics, viewers) = tokio::join!(
        table(&shared, &organiser, event.clone(), query),
        statistics(&shared, &organiser, &event_id),
        reading::viewers(&shared, &organiser, &event_id),
    );
    html(&RegistrantsPage {
        shell: reading::shell(Place::Events, &organiser),
        statistics: StatisticsPart { event: event.clone(), statistics, viewers },
        head: EventHead { facts: event, tab: Tab::Registrants },
        table,
        notice: did.notice(),
    })
}

/// The list alone, and the address that it belongs to for the bar of the browser.
pub(super) async fn rows(
    State(shared): State<Shared>,
    organiser: Organiser,
    Path(event_id): Path<String>,
    Query(query): Query<ListQuery>,
) -> Response {
    let event = match reading::event(&shared, &organiser, &event_id).await {
        Ok(event) => event,
        Err(page) if page.status().is_client_error() => return page,
        // What is on the page stays there until the next try.
        Err(_) => return StatusCode::NO_CONTENT.into_response(),
    };
    let table = table(&shared, &organiser, event, query).await;
    if table.page.is_none() {
        return StatusCode::NO_CONTENT.into_response();
    }
    with_address(html(&table), &format!("/console/events/{event_id}/registrants{}", table.query.to_address()))
}

/// Says which address the part belongs to.
pub(super) fn with_address(mut response: Response, address: &str) -> Response {
    if let Ok(address) = HeaderValue::try_from(address) {
        response.headers_mut().insert("hx-replace-url", address);
    }
    response
}

async fn table(shared: &Shared, organiser: &Organiser, event: EventFacts, mut query: ListQuery) -> RegistrantsTable {
    let mut page = page(shared, organiser, &event.event_id, &query).await;
    // A token of another list, or too old a one: the list begins anew.
    if page.as_ref().is_err_and(|status| status.code() == Code::InvalidArgument) && !query.page.is_empty() {
        query = query.first_page();
        page = self::page(shared, organiser, &event.event_id, &query).await;
    }
    let page = page.inspect_err(|status| tracing::warn!(code = ?status.code(), "registrants could not be listed")).ok();
    let shell = reading::shell(Place::Events, organiser);
    let columns = columns(shared, organiser, &event, &query).await;
    let page_size = query.page_size();
    RegistrantsTable { shell, event, query, columns, page, page_size }
}

async fn columns(shared: &Shared, organiser: &Organiser, event: &EventFacts, query: &ListQuery) -> Vec<Column> {
    let shell = reading::shell(Place::Events, organiser);
    let questions = if query.answers == "yes" && shell.sees_personal() {
        reading::questions_in_use(shared, organiser, event).await
    } else {
        Vec::new()
    };
    Column::of(event, &shell, &questions)
}

async fn page(shared: &Shared, organiser: &Organiser, event_id: &str, query: &ListQuery) -> Result<PageOfRows, Status> {
    let request = bounded(ListRegistrantsRequest {
        event_id: event_id.to_owned(),
        filter: Some(filter::filter(query)),
        order: filter::order(query).into(),
        descending: query.is_descending(),
        page_size: query.page_size() as i32,
        page_token: query.page.clone(),
    });
    let answer = shared.upstream.registrants(&organiser.acting()).list_registrants(request).await?.into_inner();
    Ok(PageOfRows {
        rows: reading::rows(shared, organiser, event_id, answer.registrations).await,
        next: answer.next_page_token,
        matching: answer.matching.unsigned_abs(),
        total: answer.total.unsigned_abs(),
    })
}

async fn statistics(shared: &Shared, organiser: &Organiser, event_id: &str) -> Option<Statistics> {
    let request = bounded(GetStatisticsRequest { event_id: event_id.to_owned() });
    shared.upstream.registrants(&organiser.acting()).get_statistics(request).await.ok()?.into_inner().statistics
}

/// One act on the selected rows. Each is on its own: what one refuses does not stop the others.
pub(super) async fn bulk(
    State(shared): State<Shared>,
    organiser: Organiser,
    Path(event_id): Path<String>,
    Form(sent): Form<Vec<(String, String)>>,
) -> Response {
    let sent = Sent(sent);
    if let Err(page) = reading::event(&shared, &organiser, &event_id).await {
        return page;
    }
    let back = back_to(&event_id, sent.get("query"));
    let ids: Vec<String> = sent.all("id").take(BULK_MAX).map(str::to_owned).collect();
    if ids.is_empty() {
        return done(&back, "none", None);
    }
    let (action, reason) = (sent.get("action"), sent.get("reason"));
    let all = ids.len();
    let acts = ids.into_iter().map(|id| {
        let key = sent.once(action, &id);
        act_on_one(&shared, &organiser, &event_id, id, action, reason, key)
    });
    let results: Vec<Result<(), Status>> = futures::iter(acts).buffer_unordered(BULK_AT_ONCE).collect().await;
    let worked = results.iter().filter(|result| result.is_ok()).count();
    let refused: Vec<&Status> = results.iter().filter_map(|result| result.as_ref().err()).collect();
    // Who is told that a reason is missing takes it that nothing was done: so only when that is so.
    if worked == 0 && refused.iter().all(|status| refusals::lacks_reason(status)) {
        return done(&back, "reason", None);
    }
    for status in refused {
        tracing::info!(code = ?status.code(), "one of a bulk act was refused");
    }
    done(&back, action, Some((worked, all)))
}

async fn act_on_one(
    shared: &Shared,
    organiser: &Organiser,
    event_id: &str,
    registration_id: String,
    action: &str,
    reason: &str,
    key: Option<OnceKey>,
) -> Result<(), Status> {
    let event_id = event_id.to_owned();
    match action {
        "cancel" => cancel(shared, organiser, event_id, registration_id, reason, key).await,
        "confirmation" => {
            resend(shared, organiser, event_id, registration_id, MessageKind::Confirmation, reason, key).await
        }
        "reminder" => resend(shared, organiser, event_id, registration_id, MessageKind::Reminder, reason, key).await,
        "check-in" => check_in(shared, organiser, event_id, registration_id, reason).await,
        _ => Err(Status::unimplemented("no such act")),
    }
}

pub(super) async fn cancel(
    shared: &Shared,
    organiser: &Organiser,
    event_id: String,
    registration_id: String,
    reason: &str,
    key: Option<OnceKey>,
) -> Result<(), Status> {
    let act = Some(Act { reason: reason.to_owned() });
    let request = CancelRegistrationRequest { event_id, registration_id, act };
    act!(key, shared.upstream.registrants(&organiser.acting()), cancel_registration, request).await?;
    Ok(())
}

pub(super) async fn resend(
    shared: &Shared,
    organiser: &Organiser,
    event_id: String,
    registration_id: String,
    kind: MessageKind,
    reason: &str,
    key: Option<OnceKey>,
) -> Result<(), Status> {
    let reason = reason.to_owned();
    let request = ResendMessageRequest { event_id, registration_id, kind: kind.into(), reason };
    act!(key, shared.upstream.notifications(&organiser.acting()), resend_message, request).await?;
    Ok(())
}

/// Somebody who was in before is in: that is no refusal. It needs no reason, as it is done for whoever stands there; with one it is kept
/// in the audit log.
pub(super) async fn check_in(
    shared: &Shared,
    organiser: &Organiser,
    event_id: String,
    registration_id: String,
    reason: &str,
) -> Result<(), Status> {
    let act = Some(Act { reason: reason.to_owned() }).filter(|act| !act.reason.trim().is_empty());
    let request = bounded(CheckInRequest { event_id, registration_id, act, ..CheckInRequest::default() });
    let answer = shared.upstream.registrants(&organiser.acting()).check_in(request).await?.into_inner();
    match answer.outcome() {
        CheckInOutcome::Admitted | CheckInOutcome::AlreadyIn => Ok(()),
        refused => Err(Status::failed_precondition(crate::views::console::states::check_in(refused).text.to_owned())),
    }
}

/// The list that a form came from. Read and written anew, so that nothing but a list's address can stand there.
fn back_to(event_id: &str, query: &str) -> String {
    let asked = format!("/{query}").parse::<Uri>().ok().and_then(|uri| Query::<ListQuery>::try_from_uri(&uri).ok());
    format!(
        "/console/events/{event_id}/registrants{}",
        asked.map(|Query(query)| query.to_address()).unwrap_or_default()
    )
}

/// Back to a page, which says what was done.
pub(super) fn done(back: &str, what: &str, counted: Option<(usize, usize)>) -> Response {
    let joint = if back.contains('?') { '&' } else { '?' };
    let counts = counted.map(|(n, all)| format!("&n={n}&of={all}")).unwrap_or_default();
    // The act's word comes from a form: only one that we know is repeated.
    let known = what.chars().all(|c| c.is_ascii_lowercase() || c == '-');
    let what = if known { what } else { "" };
    Redirect::to(&format!("{back}{joint}did={what}{counts}")).into_response()
}

/// To the page's script the status is enough; without a script the list says what was wrong.
pub(super) fn export_refused(status: &Status, headers: &HeaderMap, back: &str) -> Response {
    let for_script = headers.get("sec-fetch-dest").is_some_and(|dest| dest != "document");
    match refusals::notice(status) {
        Some((code, _)) if for_script => code.into_response(),
        Some((StatusCode::UNPROCESSABLE_ENTITY, _)) => done(back, "reason", None),
        _ => refusals::page(status),
    }
}
