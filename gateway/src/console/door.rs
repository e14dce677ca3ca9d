//! The door: one code or one name at a time, the list of tickets for a device that may go offline, and what such a device recorded.

use axum::{
    Form, Json,
    body::{Body, Bytes},
    extract::{Path, Query, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::{StreamExt as _, stream};
use prost_types::Timestamp;
use serde::{Deserialize, Serialize};
use tonic::Code;
use turnout_proto::registration::v1::{
    CheckInOutcome, CheckInRequest, GetCheckInPackRequest, GetCheckInPackResponse, ListRegistrantsRequest,
    OfflineCheckIn, PackedTicket, RegistrantFilter, RegistrantOrder, SyncCheckInsRequest,
};

use super::{events::millis, fields::Sent, reading, refusals, session::Organiser};
use crate::{
    Shared,
    answers::html,
    upstream::bounded,
    views::{
        console::{
            door::{CheckInPage, DoorResult, DoorRows},
            query::ListQuery,
            shell::{EventFacts, EventHead, Place, Tab},
            states,
        },
        show,
        text::console as words,
    },
};

/// People that a search at the door shows.
const FOUND_MAX: i32 = 10;
/// Check-ins of an offline device that are taken at one time.
const SYNC_MAX: usize = 500;

pub(super) async fn show(State(shared): State<Shared>, organiser: Organiser, Path(event_id): Path<String>) -> Response {
    match reading::event(&shared, &organiser, &event_id).await {
        Ok(event) => html(&page(&organiser, event, None)),
        Err(page) => page,
    }
}

fn page(organiser: &Organiser, event: EventFacts, result: Option<DoorResult>) -> CheckInPage {
    let head = EventHead { facts: event, tab: Tab::CheckIn };
    CheckInPage { shell: reading::shell(Place::Events, organiser), head, result }
}

/// What the page's script shows.
#[derive(Serialize)]
struct Answer {
    outcome: i32,
    who: String,
    /// Since when they are in, milliseconds since 1970.
    at_ms: Option<i64>,
    /// Their answer to the invitation.
    rsvp: i32,
}

pub(super) async fn check_in(
    State(shared): State<Shared>,
    organiser: Organiser,
    Path(event_id): Path<String>,
    headers: HeaderMap,
    Form(sent): Form<Vec<(String, String)>>,
) -> Response {
    let sent = Sent(sent);
    let request = bounded(CheckInRequest {
        event_id: event_id.clone(),
        code: sent.get("code").to_owned(),
        registration_id: sent.get("registration_id").to_owned(),
        ..CheckInRequest::default()
    });
    let for_script = headers.get(header::ACCEPT).is_some_and(|accept| accept == "application/json");
    let answer = match shared.upstream.registrants(&organiser.acting()).check_in(request).await {
        Ok(response) => response.into_inner(),
        Err(status) if for_script => {
            return refusals::notice(&status).map_or(StatusCode::NOT_FOUND, |(code, _)| code).into_response();
        }
        Err(status) => return refusals::page(&status),
    };
    let outcome = answer.outcome();
    let registration = answer.registration.unwrap_or_default();
    let (at_ms, rsvp) = (registration.checked_in_at.as_ref().map(millis), registration.rsvp());
    let row = reading::row(registration, None);
    // Whoever sees no names sees no ids either: they help nobody at a door.
    let who = if row.name.is_empty() && row.nickname.is_empty() { String::new() } else { row.title().to_owned() };
    if for_script {
        return Json(Answer { outcome: outcome.into(), who, at_ms, rsvp: rsvp.into() }).into_response();
    }
    let event = match reading::event(&shared, &organiser, &event_id).await {
        Ok(event) => event,
        Err(page) => return page,
    };
    let since = at_ms.filter(|_| outcome == CheckInOutcome::AlreadyIn);
    let note = since.map(|at| words::DOOR_AT.replace("{time}", &show::day_and_minute_in(at, &event.zone)));
    let result = DoorResult { word: states::at_the_door_with(outcome, rsvp), who, note: note.unwrap_or_default() };
    html(&page(&organiser, event, Some(result)))
}

/// A few people by name.
pub(super) async fn search(
    State(shared): State<Shared>,
    organiser: Organiser,
    Path(event_id): Path<String>,
    Query(query): Query<ListQuery>,
) -> Response {
    let event = match reading::event(&shared, &organiser, &event_id).await {
        Ok(event) => event,
        Err(page) if page.status().is_client_error() => return page,
        Err(_) => return StatusCode::NO_CONTENT.into_response(),
    };
    let words = query.q.trim();
    if words.is_empty() {
        return html(&DoorRows { event, rows: Vec::new(), searched: false });
    }
    let request = bounded(ListRegistrantsRequest {
        event_id,
        filter: Some(RegistrantFilter { search: words.to_owned(), ..RegistrantFilter::default() }),
        order: RegistrantOrder::Name.into(),
        page_size: FOUND_MAX,
        ..ListRegistrantsRequest::default()
    });
    match shared.upstream.registrants(&organiser.acting()).list_registrants(request).await {
        Ok(response) => {
            let rows = response.into_inner().registrations.into_iter().map(|r| reading::row(r, None)).collect();
            html(&DoorRows { event, rows, searched: true })
        }
        Err(status) if status.code() == Code::NotFound => refusals::page(&status),
        // What is on the page stays there until the next try.
        Err(_) => StatusCode::NO_CONTENT.into_response(),
    }
}

/// The list of tickets, streamed: `{"at_ms":…,"tickets":[["<hash>",<outcome>,<rsvp>],…]}`, the hash in base64url, the answer to the
/// invitation where it is a flag.
pub(super) async fn pack(State(shared): State<Shared>, organiser: Organiser, Path(event_id): Path<String>) -> Response {
    let request = GetCheckInPackRequest { event_id };
    let parts = match shared.upstream.registrants(&organiser.acting()).get_check_in_pack(request).await {
        Ok(response) => response.into_inner(),
        Err(status) => return refusals::page(&status),
    };
    let head = format!("{{\"at_ms\":{},\"tickets\":[", shared.clock.at_ms());
    let head = stream::once(async move { Ok(Bytes::from(head)) });
    let mut first = true;
    let tickets = parts.map(move |part| part.map(|part| Bytes::from(tickets(&part, &mut first))));
    let tail = stream::once(async { Ok(Bytes::from_static(b"]}")) });
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (headers, Body::from_stream(head.chain(tickets).chain(tail))).into_response()
}

fn tickets(part: &GetCheckInPackResponse, first: &mut bool) -> String {
    let ticket = |ticket: &PackedTicket| {
        let comma = if std::mem::take(first) { "" } else { "," };
        let flag = states::flag(ticket.rsvp()).map_or_else(String::new, |_| format!(",{}", ticket.rsvp));
        format!("{comma}[\"{}\",{}{flag}]", URL_SAFE_NO_PAD.encode(&ticket.code_hash), ticket.outcome)
    };
    part.tickets.iter().map(ticket).collect()
}

/// What a device recorded offline.
#[derive(Debug, Deserialize)]
pub(super) struct Recorded {
    check_ins: Vec<RecordedOne>,
}

/// One check-in.
#[derive(Debug, Deserialize)]
struct RecordedOne {
    code: String,
    at_ms: i64,
}

pub(super) async fn sync(
    State(shared): State<Shared>,
    organiser: Organiser,
    Path(event_id): Path<String>,
    Json(recorded): Json<Recorded>,
) -> Response {
    if recorded.check_ins.len() > SYNC_MAX {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    }
    let at =
        |at_ms: i64| Timestamp { seconds: at_ms.div_euclid(1000), nanos: at_ms.rem_euclid(1000) as i32 * 1_000_000 };
    let check_ins =
        recorded.check_ins.into_iter().map(|one| OfflineCheckIn { code: one.code, at: Some(at(one.at_ms)) });
    let request = bounded(SyncCheckInsRequest { event_id, check_ins: check_ins.collect() });
    match shared.upstream.registrants(&organiser.acting()).sync_check_ins(request).await {
        Ok(response) => Json(response.into_inner().outcomes).into_response(),
        Err(status) => refusals::notice(&status).map_or(StatusCode::NOT_FOUND, |(code, _)| code).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_tickets_is_one_json_array_over_all_parts() {
        let ticket = |byte: u8| PackedTicket { code_hash: vec![byte; 16], outcome: 1, ..PackedTicket::default() };
        let part = |tickets| GetCheckInPackResponse { tickets };
        let mut first = true;
        let parts = [part(vec![ticket(1), ticket(2)]), part(vec![]), part(vec![ticket(3)])];
        let text: String = parts.iter().map(|part| tickets(part, &mut first)).collect();
        let read: Vec<(String, i32)> = serde_json::from_str(&format!("[{text}]")).unwrap();
        assert_eq!(read.len(), 3);
        assert_eq!(read[2].0, URL_SAFE_NO_PAD.encode([3; 16]));
    }
}
