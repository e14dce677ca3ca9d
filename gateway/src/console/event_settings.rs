//! The settings of an event: all that can be changed of it, its rooms, its cancellation. Every save names the version that was seen, of the
//! event or of the room; when somebody else saved meanwhile, what they stored is shown beside what was entered.

mod entered;

use axum::{
    Form,
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use prost_types::FieldMask;
use tonic::{Code, Status};
use turnout_proto::registration::v1::{
    ChangeEventStateRequest, CreateRoomRequest, Event, EventState, GetEventRequest, Room, UpdateEventRequest,
    UpdateRoomRequest,
};

pub(super) use entered::amount_minor;
use entered::{entered_of, event_of, groups, room_fields, room_form, show_differences, title_name};

use super::{
    fields::Sent,
    reading, refusals,
    registrants::{Did, done},
    session::Organiser,
};
use crate::{
    Shared, all_pages,
    answers::html,
    upstream::{act, bounded},
    views::{
        console::{
            event_settings::{EventSettingsPage, RoomForm},
            inputs::{self, Group},
            registrants::Notice,
            shell::{EventHead, Place, Tab},
        },
        text::studio as own,
    },
};

/// What a save changes; all of it is on the page.
const MASK: [&str; 15] = [
    "title",
    "summary",
    "zone",
    "starts_at",
    "ends_at",
    "venue",
    "mode",
    "price",
    "rsvp",
    "refuse_unconfirmed",
    "capacity",
    "waiting_list",
    "published",
    "nicknames",
    "languages",
];

pub(super) async fn show(
    State(shared): State<Shared>,
    organiser: Organiser,
    Path(event_id): Path<String>,
    axum::extract::Query(did): axum::extract::Query<Did>,
) -> Response {
    match read(&shared, &organiser, &event_id).await {
        Ok(event) => {
            let groups = groups(&entered_of(&event));
            let mut page = page(&shared, &organiser, event, groups).await;
            page.notice = did.notice();
            html(&page)
        }
        Err(status) => refusals::page(&status),
    }
}

pub(super) async fn read(shared: &Shared, organiser: &Organiser, event_id: &str) -> Result<Event, Status> {
    let request = bounded(GetEventRequest { event_id: event_id.to_owned() });
    let answer = shared.upstream.events(&organiser.acting()).get_event(request).await?;
    Ok(answer.into_inner().event.unwrap_or_default())
}

async fn page(shared: &Shared, organiser: &Organiser, event: Event, groups: Vec<Group>) -> EventSettingsPage {
    let rooms = match all_pages::rooms(shared, &organiser.acting(), &event.event_id).await {
        Ok(rooms) => Some(rooms.rows.into_iter().map(room_form).collect()),
        Err(status) => {
            tracing::warn!(code = ?status.code(), "the rooms of an event could not be read");
            None
        }
    };
    EventSettingsPage {
        shell: reading::shell(Place::Events, organiser),
        version: event.version,
        groups,
        rooms,
        new_room: room_fields(&Sent::default()),
        head: EventHead { facts: reading::event_facts(event), tab: Tab::Settings },
        notice: None,
    }
}

pub(super) async fn save(
    State(shared): State<Shared>,
    organiser: Organiser,
    Path(event_id): Path<String>,
    Form(sent): Form<Vec<(String, String)>>,
) -> Response {
    let sent = Sent(sent);
    let status = match event_of(&event_id, &sent) {
        Ok(event) => {
            let request = UpdateEventRequest {
                event: Some(event),
                update_mask: Some(FieldMask { paths: MASK.map(str::to_owned).into() }),
                expected_version: sent.get("version").parse().unwrap_or(0),
            };
            let (key, events) = (sent.once("save", &event_id), shared.upstream.events(&organiser.acting()));
            match act!(key, events, update_event, request).await {
                Ok(_) => return changed(&shared, &event_id, "saved"),
                Err(status) => Err(status),
            }
        }
        Err(wrong) => Ok(wrong),
    };
    let stored = match read(&shared, &organiser, &event_id).await {
        Ok(event) => event,
        Err(status) => return refusals::page(&status),
    };
    let mut groups = groups(&sent);
    let fields = groups.iter_mut().flat_map(|group| &mut group.fields);
    let (code, notice) = match &status {
        Ok(wrong) => {
            inputs::blame(fields, wrong.clone());
            (StatusCode::UNPROCESSABLE_ENTITY, bad(own::NOT_SAVED))
        }
        Err(status) if status.code() == Code::Aborted => {
            show_differences(fields, &entered_of(&stored));
            (StatusCode::CONFLICT, bad(own::CHANGED_MEANWHILE))
        }
        Err(status) => {
            let Some((code, mut notice)) = refusals::notice(status) else { return refusals::page(status) };
            if status.code() == Code::InvalidArgument {
                let rest = inputs::blame(fields, refusals::violations(status));
                notice = bad(&format!("{} {}", own::NOT_SAVED, rest.join(" ")));
            }
            (code, notice)
        }
    };
    let mut page = page(&shared, &organiser, stored, groups).await;
    page.notice = Some(notice);
    // What was seen stays what it was, unless the page now shows what is stored beside it.
    if code != StatusCode::CONFLICT {
        page.version = sent.get("version").parse().unwrap_or(page.version);
    }
    answered(html(&page), code)
}

pub(super) fn bad(text: &str) -> Notice {
    Notice { text: text.trim().to_owned(), bad: true }
}

pub(super) fn answered(mut response: Response, code: StatusCode) -> Response {
    *response.status_mut() = code;
    response
}

fn changed(shared: &Shared, event_id: &str, what: &str) -> Response {
    if let Ok(id) = event_id.parse() {
        shared.directory.forget(&id);
    }
    done(&format!("/console/events/{event_id}/settings"), what, None)
}

pub(super) async fn cancel(
    State(shared): State<Shared>,
    organiser: Organiser,
    Path(event_id): Path<String>,
    Form(sent): Form<Vec<(String, String)>>,
) -> Response {
    let sent = Sent(sent);
    if sent.get("sure") != "yes" {
        let notice = bad(own::CANCEL_EVENT_NOT_SURE);
        return again(&shared, &organiser, &event_id, StatusCode::UNPROCESSABLE_ENTITY, notice, |_| {}).await;
    }
    let request = ChangeEventStateRequest {
        event_id: event_id.clone(),
        state: EventState::Cancelled.into(),
        expected_version: sent.get("version").parse().unwrap_or(0),
    };
    let (key, events) = (sent.once("cancel", &event_id), shared.upstream.events(&organiser.acting()));
    match act!(key, events, change_event_state, request).await {
        Ok(_) => changed(&shared, &event_id, "cancelled"),
        Err(status) => match refusals::notice(&status) {
            Some((code, notice)) => again(&shared, &organiser, &event_id, code, notice, |_| {}).await,
            None => refusals::page(&status),
        },
    }
}

pub(super) async fn add_room(
    State(shared): State<Shared>,
    organiser: Organiser,
    Path(event_id): Path<String>,
    Form(sent): Form<Vec<(String, String)>>,
) -> Response {
    let sent = Sent(sent);
    let request = CreateRoomRequest {
        event_id: event_id.clone(),
        room_id: sent.get("room_id").to_owned(),
        title: sent.get("room_title").to_owned(),
    };
    let (key, events) = (sent.once("room", &event_id), shared.upstream.events(&organiser.acting()));
    let Err(status) = act!(key, events, create_room, request).await else {
        return done(&format!("/console/events/{event_id}/settings"), "room", None);
    };
    let Some((code, mut notice)) = refusals::notice(&status) else { return refusals::page(&status) };
    let mut fields = room_fields(&sent);
    if status.code() == Code::AlreadyExists {
        fields[1].error = Some(own::ROOM_ID_TAKEN.to_owned());
        notice = bad(own::ROOM_NOT_ADDED);
    } else if status.code() == Code::InvalidArgument {
        let named = refusals::violations(&status).into_iter().map(|(name, sentence)| match name.as_str() {
            "title" => ("room_title".to_owned(), sentence),
            _ => (name, sentence),
        });
        let rest = inputs::blame(fields.iter_mut(), named.collect());
        notice = bad(&format!("{} {}", own::ROOM_NOT_ADDED, rest.join(" ")));
    }
    again(&shared, &organiser, &event_id, code, notice, |page| page.new_room = fields).await
}

pub(super) async fn rename_room(
    State(shared): State<Shared>,
    organiser: Organiser,
    Path((event_id, room_id)): Path<(String, String)>,
    Form(sent): Form<Vec<(String, String)>>,
) -> Response {
    let sent = Sent(sent);
    let title = sent.get(&title_name(&room_id)).to_owned();
    let version = sent.get("version").parse().unwrap_or(0);
    let room = Room { event_id: event_id.clone(), room_id: room_id.clone(), title: title.clone(), ..Room::default() };
    let request = UpdateRoomRequest {
        room: Some(room),
        update_mask: Some(FieldMask { paths: vec!["title".to_owned()] }),
        expected_version: version,
    };
    let (key, events) = (sent.once("rename", &room_id), shared.upstream.events(&organiser.acting()));
    let Err(status) = act!(key, events, update_room, request).await else {
        return done(&format!("/console/events/{event_id}/settings"), "room-name", None);
    };
    let Some((code, notice)) = refusals::notice(&status) else { return refusals::page(&status) };
    again(&shared, &organiser, &event_id, code, notice, |page| {
        let refused = page.rooms.iter_mut().flatten().find(|room| room.room_id == room_id);
        if let Some(told) = refused.and_then(|room| not_renamed(room, title, version, &status)) {
            page.notice = Some(bad(&told));
        }
    })
    .await
}

/// Opens the form of a room with what was entered, and says beside it what is wrong; what the page says of it, where the refusal's own
/// words would not do.
fn not_renamed(room: &mut RoomForm, entered: String, seen: i64, status: &Status) -> Option<String> {
    room.open = true;
    room.field.value = entered;
    room.field.focus = true;
    if status.code() == Code::Aborted {
        // The page shows what is stored, so saving again is a decision.
        if room.title != room.field.value {
            room.field.error = Some(own::STORED_NOW.replace("{value}", &room.title));
        }
        return Some(own::CHANGED_MEANWHILE.to_owned());
    }
    room.version = seen;
    if status.code() != Code::InvalidArgument {
        return None;
    }
    let name = room.field.name.clone();
    let named = refusals::violations(status).into_iter().map(|(field, sentence)| match field.as_str() {
        "title" => (name.clone(), sentence),
        _ => (field, sentence),
    });
    let rest = inputs::blame([&mut room.field].into_iter(), named.collect());
    Some(format!("{} {}", own::ROOM_NOT_RENAMED, rest.join(" ")))
}

/// The page as things are stored, with what went wrong, and what is to be changed of it.
async fn again(
    shared: &Shared,
    organiser: &Organiser,
    event_id: &str,
    code: StatusCode,
    notice: Notice,
    change: impl FnOnce(&mut EventSettingsPage),
) -> Response {
    let event = match read(shared, organiser, event_id).await {
        Ok(event) => event,
        Err(status) => return refusals::page(&status),
    };
    let groups = groups(&entered_of(&event));
    let mut page = page(shared, organiser, event, groups).await;
    page.notice = Some(notice);
    change(&mut page);
    answered(html(&page), code)
}
