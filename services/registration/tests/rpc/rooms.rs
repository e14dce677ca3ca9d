//! Creating, renaming, reading and listing rooms. What renaming stores, and whose name stays, is tried on both engines.

use std::sync::Arc;

use tonic::{Code, Status};
use turnout_platform::tables::Tables;
use turnout_proto::registration::v1::{GetRoomRequest, ListRoomsRequest, ListRoomsResponse, Room, UpdateRoomRequest};

use crate::{
    bed::{Bed, Client, create_event, create_room, open_tables, refused, refused_field},
    places::cql_tables,
    registering::mask,
};

on_both_engines! {
    a_renamed_room_has_another_title_and_is_the_same_otherwise;
    a_rename_by_someone_who_saw_another_version_is_aborted;
}

async fn get(client: &mut Client, event_id: &str, room_id: &str) -> Result<Room, Status> {
    let request = GetRoomRequest { event_id: event_id.into(), room_id: room_id.into() };
    Ok(client.get_room(request).await?.into_inner().room.unwrap())
}

async fn list(client: &mut Client, event: &str, page_size: i32, token: &str) -> Result<ListRoomsResponse, Status> {
    let request = ListRoomsRequest { event_id: event.into(), page_size, page_token: token.into() };
    Ok(client.list_rooms(request).await?.into_inner())
}

async fn update(client: &mut Client, room: Room, paths: &[&str], expected_version: i64) -> Result<Room, Status> {
    let request = UpdateRoomRequest { room: Some(room), update_mask: Some(mask(paths)), expected_version };
    Ok(client.update_room(request).await?.into_inner().room.unwrap())
}

async fn rename(client: &mut Client, title: &str, expected_version: i64) -> Result<Room, Status> {
    let room = Room { event_id: "gala".into(), room_id: "stage".into(), title: title.into(), ..Room::default() };
    update(client, room, &["title"], expected_version).await
}

async fn with_event() -> (Bed, Client) {
    with_event_in(Bed::start().await).await
}

async fn with_event_in(bed: Bed) -> (Bed, Client) {
    let mut acme = bed.organiser("acme").await;
    create_event(&mut acme, "gala", "Gala").await.unwrap();
    (bed, acme)
}

#[tokio::test]
async fn a_room_reads_back_and_the_same_creation_again_returns_it() {
    let (bed, mut acme) = with_event().await;
    let created = create_room(&mut acme, "gala", "stage", "Main stage").await.unwrap();
    assert_eq!((created.event_id.as_str(), created.room_id.as_str()), ("gala", "stage"));
    assert_eq!(created.created_at.unwrap().seconds, 1_800_000_000);
    bed.clock.advance_ms(5000);
    assert_eq!(create_room(&mut acme, "gala", "stage", "Main stage").await.unwrap(), created);
    refused(create_room(&mut acme, "gala", "stage", "Another").await, Code::AlreadyExists);
    assert_eq!(get(&mut acme, "gala", "stage").await.unwrap(), created);
    assert_eq!(get(&mut bed.mesh(None), "gala", "stage").await.unwrap(), created);
}

async fn a_renamed_room_has_another_title_and_is_the_same_otherwise(tables: Arc<dyn Tables>) {
    let (bed, mut acme) = with_event_in(Bed::on(tables).await).await;
    let hall = create_room(&mut acme, "gala", "hall", "Hall").await.unwrap();
    let created = create_room(&mut acme, "gala", "stage", "Mian stage").await.unwrap();
    bed.clock.advance_ms(5000);
    let renamed = rename(&mut acme, " Main stage ", 1).await.unwrap();
    assert_eq!(renamed, Room { title: "Main stage".into(), version: 2, ..created });
    assert_eq!(get(&mut acme, "gala", "stage").await.unwrap(), renamed);
    assert_eq!(list(&mut acme, "gala", 0, "").await.unwrap().rooms, [hall, renamed.clone()]);
    assert_eq!(rename(&mut acme, "Main stage", 2).await.unwrap(), renamed, "the same again changes nothing");
    // A creation that says something else than what is there now is no repetition.
    refused(create_room(&mut acme, "gala", "stage", "Mian stage").await, Code::AlreadyExists);
}

async fn a_rename_by_someone_who_saw_another_version_is_aborted(tables: Arc<dyn Tables>) {
    let (_bed, mut acme) = with_event_in(Bed::on(tables).await).await;
    create_room(&mut acme, "gala", "stage", "Stage").await.unwrap();
    let first = rename(&mut acme, "Main stage", 1).await.unwrap();
    refused(rename(&mut acme, "Small stage", 1).await, Code::Aborted);
    assert_eq!(get(&mut acme, "gala", "stage").await.unwrap(), first);
    assert_eq!(rename(&mut acme, "Small stage", 0).await.unwrap().version, 3);
}

#[tokio::test]
async fn of_many_renames_at_once_by_who_saw_the_same_exactly_one_happens() {
    let (_bed, mut acme) = with_event().await;
    create_room(&mut acme, "gala", "stage", "Stage").await.unwrap();
    let tries = (0..20).map(|n| {
        let mut acme = acme.clone();
        tokio::spawn(async move { rename(&mut acme, &format!("Stage {n}"), 1).await })
    });
    let mut renamed = Vec::new();
    for answer in tries.collect::<Vec<_>>() {
        match answer.await.unwrap() {
            Ok(room) => renamed.push(room),
            Err(status) => assert_eq!(status.code(), Code::Aborted, "{status:?}"),
        }
    }
    assert_eq!(renamed, [get(&mut acme, "gala", "stage").await.unwrap()]);
}

#[tokio::test]
async fn without_the_audit_log_no_room_is_renamed() {
    let (bed, mut acme) = with_event().await;
    let created = create_room(&mut acme, "gala", "stage", "Stage").await.unwrap();
    bed.profiles.set_down(true);
    refused(rename(&mut acme, "Main stage", 0).await, Code::Unavailable);
    bed.profiles.set_down(false);
    assert_eq!(get(&mut acme, "gala", "stage").await.unwrap(), created);
}

#[tokio::test]
async fn two_events_may_have_rooms_of_the_same_name() {
    let (_bed, mut acme) = with_event().await;
    create_event(&mut acme, "ball", "Ball").await.unwrap();
    create_room(&mut acme, "gala", "stage", "Stage of the gala").await.unwrap();
    create_room(&mut acme, "ball", "stage", "Stage of the ball").await.unwrap();
    assert_eq!(get(&mut acme, "ball", "stage").await.unwrap().title, "Stage of the ball");
}

#[tokio::test]
async fn without_an_id_the_server_chooses_one() {
    let (_bed, mut acme) = with_event().await;
    let room = create_room(&mut acme, "gala", "", "Stage").await.unwrap();
    assert_eq!(get(&mut acme, "gala", &room.room_id).await.unwrap(), room);
}

#[tokio::test]
async fn rooms_are_listed_by_id_and_whole_over_the_pages() {
    let (_bed, mut acme) = with_event().await;
    for id in ["c", "a", "d", "b", "e"] {
        create_room(&mut acme, "gala", id, "Room").await.unwrap();
    }
    let (mut found, mut token) = (Vec::new(), String::new());
    loop {
        let page = list(&mut acme, "gala", 2, &token).await.unwrap();
        assert!(page.rooms.len() <= 2);
        found.extend(page.rooms.into_iter().map(|room| room.room_id));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(found, ["a", "b", "c", "d", "e"]);
}

#[tokio::test]
async fn the_501st_room_is_refused_but_a_repetition_is_not() {
    let (_bed, mut acme) = with_event().await;
    // A few at a time: the store sheds what waits for long.
    for ten in 0..50 {
        let batch = (0..10).map(|i| {
            let mut acme = acme.clone();
            tokio::spawn(async move { create_room(&mut acme, "gala", &format!("r{ten:02}{i}"), "Room").await })
        });
        for created in batch.collect::<Vec<_>>() {
            created.await.unwrap().unwrap();
        }
    }
    let refusal = refused(create_room(&mut acme, "gala", "more", "Room").await, Code::FailedPrecondition);
    assert!(refusal.message().contains("500"), "{refusal:?}");
    create_room(&mut acme, "gala", "r000", "Room").await.unwrap();
}

#[tokio::test]
async fn a_wrong_field_is_named() {
    let (_bed, mut acme) = with_event().await;
    refused_field(create_room(&mut acme, "", "stage", "Stage").await, "event_id");
    refused_field(create_room(&mut acme, "gala", "a b", "Stage").await, "room_id");
    refused_field(create_room(&mut acme, "gala", "stage", "").await, "title");
    refused_field(get(&mut acme, "gala", "").await, "room_id");
    refused_field(list(&mut acme, "a b", 0, "").await, "event_id");
    refused_field(list(&mut acme, "gala", 201, "").await, "page_size");
    refused_field(list(&mut acme, "gala", 0, "nonsense").await, "page_token");
}

#[tokio::test]
async fn what_is_wrong_with_a_rename_is_named() {
    let (_bed, mut acme) = with_event().await;
    let created = create_room(&mut acme, "gala", "stage", "Stage").await.unwrap();
    for bad in ["", " ", "two\nlines", &"x".repeat(201)] {
        refused_field(rename(&mut acme, bad, 0).await, "title");
    }
    let of = |event_id: &str, room_id: &str| Room {
        event_id: event_id.into(),
        room_id: room_id.into(),
        title: "Main stage".into(),
        ..Room::default()
    };
    refused_field(update(&mut acme, of("a b", "stage"), &["title"], 0).await, "room.event_id");
    refused_field(update(&mut acme, of("gala", "a b"), &["title"], 0).await, "room.room_id");
    refused_field(acme.update_room(UpdateRoomRequest::default()).await, "room.event_id");
    for paths in [&[][..], &["room_id"], &["title", "created_at"]] {
        refused_field(update(&mut acme, of("gala", "stage"), paths, 0).await, "update_mask");
    }
    refused_field(rename(&mut acme, "Main stage", -1).await, "expected_version");
    assert_eq!(get(&mut acme, "gala", "stage").await.unwrap(), created);
}

#[tokio::test]
async fn a_missing_room_is_not_found() {
    let (_bed, mut acme) = with_event().await;
    refused(get(&mut acme, "gala", "stage").await, Code::NotFound);
    refused(rename(&mut acme, "Main stage", 0).await, Code::NotFound);
    assert_eq!(list(&mut acme, "gala", 0, "").await.unwrap(), ListRoomsResponse::default());
}
