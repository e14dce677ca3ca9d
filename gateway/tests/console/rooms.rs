//! The rooms of an event in its settings, and their names: what the service is asked when one is renamed, and what the page says
//! when it refuses.

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};
use turnout_platform::auth::Role;
use turnout_proto::registration::v1::{
    ListRoomsRequest, ListRoomsResponse, Room, UpdateRoomRequest, UpdateRoomResponse,
};

use crate::stage::Stage;

const SETTINGS: &str = "/console/events/night/settings";
const STAGE: &str = "/console/events/night/settings/rooms/stage";
const UPDATE: &str = "RegistrationService/UpdateRoom";
const LIST: &str = "RegistrationService/ListRooms";
const OPEN: &str = "<details class=\"act\" open>";

fn room(room_id: &str, title: &str, version: i64) -> Room {
    Room { event_id: "night".into(), room_id: room_id.into(), title: title.into(), version, ..Room::default() }
}

/// An event with two rooms, a page each.
async fn stage(role: Role) -> Stage {
    let stage = Stage::with(role).await;
    stage.services.on(LIST, |asked: ListRoomsRequest| {
        let (rooms, next) = match asked.page_token.as_str() {
            "" => (vec![room("hall", "Hall", 1)], "more"),
            _ => (vec![room("stage", "Mian stage", 4)], ""),
        };
        Ok(ListRoomsResponse { rooms, next_page_token: next.into() })
    });
    stage
}

fn refuses(stage: &Stage, status: &Status) {
    let status = status.clone();
    stage.services.on(UPDATE, move |_: UpdateRoomRequest| Err::<UpdateRoomResponse, _>(status.clone()));
}

#[tokio::test]
async fn a_room_is_renamed_with_the_version_that_was_seen_and_nothing_else_of_it_is_sent() {
    let stage = stage(Role::Organiser).await;
    let form = format!("action=\"{STAGE}\"");
    stage.get(SETTINGS).await.holds("Hall").holds(&form).holds("value=\"Mian stage\"").lacks(OPEN);
    stage.services.on(UPDATE, |_: UpdateRoomRequest| Ok(UpdateRoomResponse::default()));
    let answer = stage.post(STAGE, &[("title.stage", " Main stage "), ("version", "4")]).await;
    assert_eq!(answer.header("location"), Some("/console/events/night/settings?did=room-name"));
    let asked: UpdateRoomRequest = stage.services.asked(UPDATE).remove(0);
    assert_eq!(asked.room, Some(room("stage", "Main stage", 0)));
    assert_eq!((asked.update_mask.unwrap().paths, asked.expected_version), (vec!["title".to_owned()], 4));
    stage.get("/console/events/night/settings?did=room-name").await.holds("The room has its new name.");
}

#[tokio::test]
async fn a_refused_name_stands_in_the_open_form_of_its_room_with_what_is_wrong() {
    let stage = stage(Role::Organiser).await;
    let details = ErrorDetails::with_bad_request_violation("title", "must be one line");
    refuses(&stage, &Status::with_error_details(Code::InvalidArgument, "invalid", details));
    let page = stage.post(STAGE, &[("title.stage", "a very long name"), ("version", "3")]).await;
    assert_eq!(page.status, 422);
    page.holds("The room was not renamed.").holds(OPEN).holds("value=\"a very long name\"");
    page.holds("id=\"in-title.stage-error\">Must be one line.").holds("aria-describedby=\"in-title.stage-error\"");
    // What was seen stays what it was; the other room, and the event's own title, are left alone.
    page.holds("name=\"version\" value=\"3\"").holds("value=\"Hall\"").holds("value=\"Opening night\"");
    assert_eq!((page.body.matches(OPEN).count(), page.body.matches("aria-invalid").count()), (1, 1));
}

#[tokio::test]
async fn a_name_that_somebody_else_changed_meanwhile_is_shown_beside_what_was_entered() {
    let stage = stage(Role::Organiser).await;
    refuses(&stage, &Status::aborted(""));
    let page = stage.post(STAGE, &[("title.stage", "Small stage"), ("version", "3")]).await;
    assert_eq!(page.status, 409);
    page.holds(OPEN).holds("value=\"Small stage\"").holds("Stored meanwhile: Mian stage");
    page.holds("name=\"version\" value=\"4\"");
}

#[tokio::test]
async fn a_room_that_is_not_there_and_a_service_that_does_not_answer_are_told_as_such() {
    let stage = stage(Role::Organiser).await;
    let form = [("title.stage", "Main stage"), ("version", "4")];
    refuses(&stage, &Status::not_found(""));
    assert_eq!(stage.post(STAGE, &form).await.status, 404);
    refuses(&stage, &Status::unavailable(""));
    let page = stage.post(STAGE, &form).await;
    assert_eq!(page.status, 503);
    page.holds(OPEN).holds("value=\"Main stage\"");
    stage.services.on(LIST, |_: ListRoomsRequest| Err::<ListRoomsResponse, _>(Status::unavailable("")));
    stage.get(SETTINGS).await.holds("The rooms cannot be listed right now.").lacks("This event has no rooms");
}

#[tokio::test]
async fn item_35_who_may_only_look_sees_the_names_and_no_form_and_the_service_is_not_asked() {
    for role in [Role::Support, Role::Analyst] {
        let stage = stage(role).await;
        stage.get(SETTINGS).await.holds("Mian stage").holds("Hall").lacks("settings/rooms").lacks("title.stage");
        assert_eq!(stage.post(STAGE, &[("title.stage", "Main stage"), ("version", "4")]).await.status, 403, "{role}");
        assert!(stage.services.asked::<UpdateRoomRequest>(UPDATE).is_empty(), "{role}");
    }
}
