//! The people of the tenant across events: the list, its export, the page of one person, and what is done for them.

mod consenting;
mod timeline;
mod visits;

use axum::{
    Form,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Redirect, Response},
};
use futures_util::{
    StreamExt as _, TryStreamExt as _,
    stream::{self, BoxStream},
};
use prost_types::FieldMask;
use tonic::{Code, Status};
use turnout_proto::{
    profiles::v1::{
        ExportPeopleRequest, GetPersonRequest, ListPeopleRequest, Person, PersonOrder, SendResetLinkRequest,
        UpdatePersonRequest, VerifyByHandRequest,
    },
    registration::v1::{Act, Registration, RegistrationState, UpdateRegistrationRequest},
};

use super::{
    export::{self, Export, Source},
    fields::Sent,
    reading, refusals,
    registrants::{Did, done, export_refused, with_address},
    session::Organiser,
};
use crate::{
    Shared, all_pages,
    answers::{error_page, html},
    upstream::{act, bounded},
    views::{
        ErrorKind,
        console::{
            audience::{AudiencePage, PageOfPeople, PeopleTable, PersonColumn, PersonEvent, PersonPage},
            export_file::{ExportFile, Format},
            query::{ListQuery, PAGE_SIZE},
            shell::Place,
        },
    },
};

/// Events of a person that are read at one time.
const EVENTS_AT_ONCE: usize = 8;

pub(super) async fn list(
    State(shared): State<Shared>,
    organiser: Organiser,
    Query(query): Query<ListQuery>,
    Query(did): Query<Did>,
) -> Response {
    match table(&shared, &organiser, query).await {
        Ok(table) => {
            html(&AudiencePage { shell: reading::shell(Place::Audience, &organiser), table, notice: did.notice() })
        }
        Err(page) => page,
    }
}

pub(super) async fn rows(
    State(shared): State<Shared>,
    organiser: Organiser,
    Query(query): Query<ListQuery>,
) -> Response {
    match table(&shared, &organiser, query).await {
        Ok(table) if table.page.is_some() => {
            with_address(html(&table), &format!("/console/audience{}", table.query.to_address()))
        }
        Ok(table) if table.refusal.is_some() => html(&table),
        // What is on the page stays there until the next try.
        _ => StatusCode::NO_CONTENT.into_response(),
    }
}

async fn table(shared: &Shared, organiser: &Organiser, query: ListQuery) -> Result<PeopleTable, Response> {
    let mut query = query.of_people();
    let mut page = page(shared, organiser, &query).await;
    // A token of another list, or too old a one: the list begins anew.
    if page.as_ref().is_err_and(|status| status.code() == Code::InvalidArgument) && !query.page.is_empty() {
        query = query.first_page();
        page = self::page(shared, organiser, &query).await;
    }
    let (page, refusal) = match page {
        Ok(page) => (Some(page), None),
        Err(status) if status.code() == Code::PermissionDenied => return Err(refusals::page(&status)),
        Err(status) => {
            let refusal = consenting::refusal(&query, &status);
            if refusal.is_none() {
                tracing::warn!(code = ?status.code(), "people could not be listed");
            }
            (None, refusal)
        }
    };
    let shell = reading::shell(Place::Audience, organiser);
    Ok(PeopleTable { shell, columns: columns(organiser, &query), query, page, refusal, page_size: PAGE_SIZE })
}

fn columns(organiser: &Organiser, query: &ListQuery) -> Vec<PersonColumn> {
    if query.is_consenting() {
        PersonColumn::to_write(&query.channel)
    } else {
        PersonColumn::of(&reading::shell(Place::Audience, organiser))
    }
}

async fn page(shared: &Shared, organiser: &Organiser, query: &ListQuery) -> Result<PageOfPeople, Status> {
    if query.is_consenting() {
        return consenting::page(shared, organiser, query).await;
    }
    let request = bounded(ListPeopleRequest {
        search: query.q.trim().to_owned(),
        order: order(query).into(),
        descending: query.is_descending(),
        page_size: PAGE_SIZE as i32,
        page_token: query.page.clone(),
    });
    let answer = shared.upstream.people(&organiser.acting()).list_people(request).await?.into_inner();
    Ok(PageOfPeople {
        people: answer.people,
        next: answer.next_page_token,
        matching: answer.matching.unsigned_abs(),
        total: answer.total.unsigned_abs(),
    })
}

fn order(query: &ListQuery) -> PersonOrder {
    match query.sorted_by() {
        "name" => PersonOrder::Name,
        "email" => PersonOrder::Email,
        _ => PersonOrder::CreatedAt,
    }
}

pub(super) async fn export(
    State(shared): State<Shared>,
    organiser: Organiser,
    headers: HeaderMap,
    Form(sent): Form<Vec<(String, String)>>,
) -> Response {
    let sent = Sent(sent);
    let get = |name| sent.get(name).to_owned();
    let query = ListQuery {
        q: get("q"),
        sort: get("sort"),
        dir: get("dir"),
        purpose: get("purpose"),
        channel: get("channel"),
        ..ListQuery::default()
    };
    let query = query.of_people();
    let back = format!("/console/audience{}", query.to_address());
    let begun = if query.is_consenting() {
        consenting::export(&shared, &organiser, &query, get("reason")).await
    } else {
        everybody(&shared, &organiser, &query, get("reason")).await
    };
    let first = match begun {
        Ok(mut parts) => parts.try_next().await.map(|first| (first.unwrap_or_default(), parts)),
        Err(status) => Err(status),
    };
    let (first, parts) = match first {
        Ok(begun) => begun,
        // The list says in words that nobody may be named.
        Err(status) if consenting::refusal(&query, &status).is_some() => return Redirect::to(&back).into_response(),
        Err(status) => return export_refused(&status, &headers, &back),
    };
    let columns = columns(&organiser, &query);
    let format = Format::of(sent.get("format"));
    let matching = first.matching;
    let named = columns.iter().map(|column| (column.key().to_owned(), column.label().to_owned())).collect();
    let name = format!("audience{}-{}", consenting::in_a_name(&query), export::day(shared.clock.at_ms()));
    let source = People { columns, parts };
    let first = source.cells(&first);
    Export { file: ExportFile::new(format, named, matching), format, name, matching, first, source }.answer()
}

/// A part of an export of people, whoever they are.
#[derive(Default)]
struct Part {
    people: Vec<Person>,
    matching: u64,
}

type Parts = BoxStream<'static, Result<Part, Status>>;

async fn everybody(shared: &Shared, organiser: &Organiser, query: &ListQuery, reason: String) -> Result<Parts, Status> {
    let request = ExportPeopleRequest {
        search: query.q.clone(),
        order: order(query).into(),
        descending: query.is_descending(),
        reason,
    };
    let parts = shared.upstream.people(&organiser.acting()).export_people(request).await?.into_inner();
    Ok(parts.map_ok(|part| Part { people: part.people, matching: part.matching.unsigned_abs() }).boxed())
}

struct People {
    columns: Vec<PersonColumn>,
    parts: Parts,
}

impl People {
    fn cells(&self, part: &Part) -> Vec<Vec<String>> {
        part.people.iter().map(|person| self.columns.iter().map(|column| column.data(person)).collect()).collect()
    }
}

impl Source for People {
    async fn next(&mut self) -> Result<Option<Vec<Vec<String>>>, Status> {
        Ok(export::in_time(self.parts.try_next()).await?.map(|part| self.cells(&part)))
    }
}

pub(super) async fn show(
    State(shared): State<Shared>,
    organiser: Organiser,
    Path(person_id): Path<String>,
    Query(did): Query<Did>,
) -> Response {
    match person_page(&shared, &organiser, &person_id).await {
        Ok(mut page) => {
            page.notice = did.notice();
            html(&page)
        }
        Err(page) => page,
    }
}

async fn person_page(shared: &Shared, organiser: &Organiser, person_id: &str) -> Result<PersonPage, Response> {
    let request = bounded(GetPersonRequest { person_id: person_id.to_owned() });
    let person = match shared.upstream.people(&organiser.acting()).get_person(request).await {
        Ok(response) => response.into_inner().person.unwrap_or_default(),
        Err(status) => return Err(refusals::page(&status)),
    };
    let story = timeline::read(shared, organiser, person_id).await;
    let events: Vec<PersonEvent> = stream::iter(story.registrations.clone())
        .map(|registration| async move {
            let event = reading::event(shared, organiser, &registration.event_id).await.ok();
            PersonEvent { event, row: reading::row(registration, None) }
        })
        .buffered(EVENTS_AT_ONCE)
        .collect()
        .await;
    Ok(PersonPage {
        shell: reading::shell(Place::Audience, organiser),
        timeline: timeline::merge(&story, &person, &events),
        missing: story.missing,
        consents: story.consents,
        phone: person.phone.clone(),
        person,
        events,
        open: None,
        notice: None,
    })
}

/// The acts by the last part of their address.
const ACTS: [&str; 3] = ["verify", "reset", "phone"];

pub(super) async fn act(
    State(shared): State<Shared>,
    organiser: Organiser,
    Path((person_id, action)): Path<(String, String)>,
    Form(sent): Form<Vec<(String, String)>>,
) -> Response {
    let Some(action) = ACTS.into_iter().find(|known| *known == action) else {
        return error_page(ErrorKind::NoSuchPage);
    };
    let sent = Sent(sent);
    let status = match perform(&shared, &organiser, &person_id, action, &sent).await {
        Ok(()) => return done(&format!("/console/audience/{person_id}"), action, None),
        Err(status) => status,
    };
    let Some((code, notice)) = refusals::notice(&status) else { return refusals::page(&status) };
    match person_page(&shared, &organiser, &person_id).await {
        Ok(mut page) => {
            page.open = Some(action);
            page.notice = Some(notice);
            if action == "phone" {
                sent.get("phone").clone_into(&mut page.phone);
            }
            let mut response = html(&page);
            *response.status_mut() = code;
            response
        }
        Err(page) => page,
    }
}

async fn perform(
    shared: &Shared,
    organiser: &Organiser,
    person_id: &str,
    action: &str,
    sent: &Sent,
) -> Result<(), Status> {
    let key = sent.once(action, person_id);
    let (person_id, reason) = (person_id.to_owned(), sent.get("reason").to_owned());
    match action {
        "verify" => {
            let request = VerifyByHandRequest { person_id, reason };
            act!(key, shared.upstream.people(&organiser.acting()), verify_by_hand, request).await?;
        }
        "reset" => {
            let request = SendResetLinkRequest { person_id, reason };
            act!(key, shared.upstream.accounts(&organiser.acting()), send_reset_link, request).await?;
        }
        _ => {
            let person =
                Person { person_id: person_id.clone(), phone: sent.get("phone").to_owned(), ..Person::default() };
            let request = UpdatePersonRequest {
                person: Some(person),
                update_mask: Some(FieldMask { paths: vec!["phone".to_owned()] }),
                expected_version: sent.get("version").parse().unwrap_or(0),
                reason,
            };
            let reason = request.reason.clone();
            let people = shared.upstream.people(&organiser.acting());
            let changed = act!(key, people, update_person, request).await?;
            let phone = changed.into_inner().person.unwrap_or_default().phone;
            phone_of_registrations(shared, organiser, person_id, &phone, &reason).await?;
        }
    }
    Ok(())
}

/// Registrations keep the number that was given with each: those that stand get the new one too. Repeated, it changes what is left.
async fn phone_of_registrations(
    shared: &Shared,
    organiser: &Organiser,
    person_id: String,
    phone: &str,
    reason: &str,
) -> Result<(), Status> {
    let mut upstream = shared.upstream.registrants(&organiser.acting());
    let registrations = all_pages::registrations_of_person(shared, &organiser.acting(), &person_id).await?;
    let stale =
        |one: &Registration| one.state() != RegistrationState::Cancelled && !one.phone.is_empty() && one.phone != phone;
    for registration in registrations.rows.into_iter().filter(stale) {
        let request = UpdateRegistrationRequest {
            registration: Some(Registration { phone: phone.to_owned(), ..registration }),
            update_mask: Some(FieldMask { paths: vec!["phone".to_owned()] }),
            act: Some(Act { reason: reason.to_owned() }),
            ..UpdateRegistrationRequest::default()
        };
        upstream.update_registration(bounded(request)).await?;
    }
    Ok(())
}
