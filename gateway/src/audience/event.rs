//! `GET /e/<event>`: what the event is, how many are here, and the way in.

use axum::{
    extract::{Path, State},
    http::HeaderMap,
    response::Response,
};
use tonic::Code;
use turnout_platform::ids::{Audience, EventId};
use turnout_proto::registration::v1::{GetStatisticsRequest, Statistics};

use super::{Asked, Posted, entry, language::Reader, refused, showing, to};
use crate::{
    Shared,
    answers::{error_page, failure_page, html},
    directory::KnownEvent,
    upstream::{Acting, bounded},
    views::{EntryView, ErrorKind, EventPage, LiveNumber, VisitorView},
};

/// The event of an address, or the page that says that there is none.
pub(super) async fn find(shared: &Shared, id: &str) -> Result<KnownEvent, Response> {
    let Ok(id) = id.parse::<EventId>() else { return Err(error_page(ErrorKind::NoSuchEvent)) };
    match shared.directory.event(&id).await {
        Ok(Some(event)) => Ok(event),
        Ok(None) => Err(error_page(ErrorKind::NoSuchEvent)),
        Err(failure) => Err(failure_page(failure)),
    }
}

pub(super) async fn show(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    asked: Asked,
    headers: HeaderMap,
) -> Response {
    let event = match find(&shared, &id).await {
        Ok(event) => event,
        Err(answer) => return answer,
    };
    let reader = Reader::of(&event.details, asked.value("lang"), &headers);
    let visitor = match visitor(&shared, &event, &headers).await {
        Ok(visitor) => visitor,
        Err(answer) => return answer,
    };
    let (head, languages) = showing::with_languages(&event.details, &reader);
    let page = EventPage {
        head,
        languages,
        summary: event.details.summary.clone(),
        viewers: viewers(&shared, &event),
        zone: event.details.zone.clone(),
        watching: !event.is_closed_house() || matches!(visitor, VisitorView::Admitted { .. }),
        visitor,
    };
    keep_language(html(&page), &shared, &reader)
}

/// `POST /e/<event>/leave`: for a device that several people use.
pub(super) async fn leave(State(shared): State<Shared>, Path(id): Path<String>, _: Posted) -> Response {
    let Ok(id) = id.parse::<EventId>() else { return error_page(ErrorKind::NoSuchEvent) };
    let mut response = to(&format!("/e/{id}"));
    entry::let_out(&mut response, &shared, id.as_str());
    response
}

/// The language that the reader has chosen stays chosen on the next page.
pub(super) fn keep_language(mut response: Response, shared: &Shared, reader: &Reader) -> Response {
    if reader.chosen {
        let value = (super::language::LANGUAGE_COOKIE, reader.lang.as_str());
        let age = Some(super::language::LANGUAGE_COOKIE_AGE_S);
        crate::cookies::add_cookie(response.headers_mut(), &shared.config, value, "/", age);
    }
    response
}

fn viewers(shared: &Shared, event: &KnownEvent) -> Option<LiveNumber> {
    let audience = Audience { tenant: event.tenant.clone(), event: event.id.clone(), room: None };
    let latest = shared.live.latest(&audience.topic())?;
    let count = latest.count();
    Some(LiveNumber {
        viewers: count.viewers,
        low: count.low,
        high: count.high,
        as_of_ms: count.as_of_ms as i64,
        stale: count.stale,
    })
}

async fn visitor(shared: &Shared, event: &KnownEvent, headers: &HeaderMap) -> Result<VisitorView, Response> {
    if let Some(who) = entry::entered(shared, headers, &event.id) {
        match entry::record(shared, &event.tenant, event.id.as_str(), who.registration.as_str()).await {
            Ok(answer) if answer.admitted => return Ok(VisitorView::Admitted { code: who.code }),
            Ok(answer) => {
                let registration = answer.registration.unwrap_or_default();
                // Should the service know a reason that we do not: the registrant's page is where it can be asked about.
                let why = match showing::entry(&event.details, &registration) {
                    EntryView::Open => EntryView::NoPlace,
                    why => why,
                };
                return Ok(VisitorView::Waiting { code: who.code, why });
            }
            // The registration was removed: whoever it was is a stranger now.
            Err(status) if status.code() == Code::NotFound => {}
            // An open event does not lose its visitors because another service restarts.
            Err(_) if !event.is_closed_house() => return Ok(VisitorView::Admitted { code: who.code }),
            Err(status) => return Err(refused(status)),
        }
    }
    if !showing::is_open(&event.details) {
        return Ok(VisitorView::Passer);
    }
    let statistics = statistics(shared, event).await;
    Ok(VisitorView::Stranger(showing::places(&event.details, statistics.as_ref())))
}

/// The statistics of an event with limited places; none while they cannot be had.
pub(super) async fn statistics(shared: &Shared, event: &KnownEvent) -> Option<Statistics> {
    if event.details.capacity == 0 {
        return None;
    }
    let request = bounded(GetStatisticsRequest { event_id: event.id.as_str().to_owned() });
    let acting = Acting::Tenant(event.tenant.clone());
    shared.upstream.registrants(&acting).get_statistics(request).await.ok()?.into_inner().statistics
}
