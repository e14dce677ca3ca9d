//! Whom a figure of an event's messages counts. The messages are asked for, and then who they are to: the ledger of messages holds no
//! names and no addresses.

use std::collections::{BTreeSet, HashMap};

use axum::{
    extract::{Path, Query, State},
    response::Response,
};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tonic::{Code, Status};
use turnout_proto::{
    notifications::v1::{ListMessagesOfEventRequest, Message, MessageKind},
    registration::v1::{GetRegistrationRequest, Registration},
};

use super::super::{reading, session::Organiser};
use crate::{
    Shared,
    answers::{error_page, html},
    upstream::bounded,
    views::{
        ErrorKind,
        console::{
            recipients::{Recipient, Recipients, RecipientsPage, RecipientsQuery},
            shell::{EventHead, Place, Tab},
        },
    },
};

/// Messages on a page.
const PAGE_SIZE: usize = 50;
/// Calls for one page. The service looks at a part of an event's messages in each, and most are of another state.
const CALLS_MAX: usize = 10;
/// Registrations that are read at one time.
const READS_AT_ONCE: usize = 8;

pub(in crate::console) async fn show(
    State(shared): State<Shared>,
    organiser: Organiser,
    Path(event_id): Path<String>,
    Query(mut query): Query<RecipientsQuery>,
) -> Response {
    let Some(known) = query.known() else { return error_page(ErrorKind::NoSuchPage) };
    let event = match reading::event(&shared, &organiser, &event_id).await {
        Ok(event) => event,
        Err(page) => return page,
    };
    let mut page = page(&shared, &organiser, &event_id, known.kind, &query).await;
    // A token of another list, or too old a one: the list begins anew.
    if page.as_ref().is_err_and(|status| status.code() == Code::InvalidArgument) && !query.after.is_empty() {
        query = query.after("");
        page = self::page(&shared, &organiser, &event_id, known.kind, &query).await;
    }
    let page = page.inspect_err(|status| tracing::warn!(code = ?status.code(), "messages could not be listed")).ok();
    html(&RecipientsPage {
        shell: reading::shell(Place::Events, &organiser),
        head: EventHead { facts: event, tab: Tab::Messages },
        known,
        query,
        page,
    })
}

async fn page(
    shared: &Shared,
    organiser: &Organiser,
    event_id: &str,
    kind: MessageKind,
    query: &RecipientsQuery,
) -> Result<Recipients, Status> {
    let mut upstream = shared.upstream.notifications(&organiser.acting());
    let (mut messages, mut next) = (Vec::new(), query.after.clone());
    for _ in 0..CALLS_MAX {
        let request = bounded(ListMessagesOfEventRequest {
            event_id: event_id.to_owned(),
            kind: kind.into(),
            occurrence: query.occurrence.clone(),
            states: query.state().into_iter().map(Into::into).collect(),
            reason: query.reason.clone(),
            page_size: (PAGE_SIZE - messages.len()) as i32,
            page_token: next,
        });
        let answer = upstream.list_messages_of_event(request).await?.into_inner();
        messages.extend(answer.messages);
        next = answer.next_page_token;
        if next.is_empty() || messages.len() >= PAGE_SIZE {
            break;
        }
    }
    let registrations = registrations(shared, organiser, event_id, &messages).await?;
    let rows = messages.into_iter().map(|message| {
        let registration = registrations.get(&message.registration_id).cloned().unwrap_or_default();
        Recipient { row: reading::row(registration, None), message }
    });
    Ok(Recipients { rows: rows.collect(), next })
}

/// Those whom the messages are to, by id. Of one that is gone there is the id.
async fn registrations(
    shared: &Shared,
    organiser: &Organiser,
    event_id: &str,
    messages: &[Message],
) -> Result<HashMap<String, Registration>, Status> {
    let ids: BTreeSet<&str> = messages.iter().map(|message| message.registration_id.as_str()).collect();
    let reads: Vec<_> = ids.into_iter().map(|id| registration(shared, organiser, event_id, id)).collect();
    stream::iter(reads).buffer_unordered(READS_AT_ONCE).try_collect().await
}

async fn registration(
    shared: &Shared,
    organiser: &Organiser,
    event_id: &str,
    id: &str,
) -> Result<(String, Registration), Status> {
    let request = GetRegistrationRequest { event_id: event_id.to_owned(), registration_id: id.to_owned() };
    let registration = match shared.upstream.registrants(&organiser.acting()).get_registration(bounded(request)).await {
        Ok(answer) => answer.into_inner().registration.unwrap_or_default(),
        Err(status) if status.code() == Code::NotFound => {
            Registration { registration_id: id.to_owned(), ..Registration::default() }
        }
        Err(status) => return Err(status),
    };
    Ok((id.to_owned(), registration))
}
