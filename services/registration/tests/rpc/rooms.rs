//! Creating, reading and listing rooms.

use tonic::{Code, Status};
use turnout_proto::registration::v1::{GetRoomRequest, ListRoomsRequest, ListRoomsResponse, Room};

use crate::bed::{Bed, Client, create_event, create_room, refused, refused_field};

async fn get(client: &mut Client, event_id: &str, room_id: &str) -> Result<Room, Status> {
    let request = GetRoomRequest { event_id: event_id.into(), room_id: room_id.into() };
    Ok(client.get_room(request).await?.into_inner().room.unwrap())
}

async fn list(client: &mut Client, event: &str, page_size: i32, token: &str) -> Result<ListRoomsResponse, Status> {
    let request = ListRoomsRequest { event_id: event.into(), page_size, page_token: token.into() };
    Ok(client.list_rooms(request).await?.into_inner())
}

async fn with_event() -> (Bed, Client) {
    let bed = Bed::start().await;
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
async fn a_missing_room_is_not_found() {
    let (_bed, mut acme) = with_event().await;
    refused(get(&mut acme, "gala", "stage").await, Code::NotFound);
    assert_eq!(list(&mut acme, "gala", 0, "").await.unwrap(), ListRoomsResponse::default());
}
