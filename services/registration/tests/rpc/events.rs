//! Creating, reading, listing and moving events.

use prost_types::Timestamp;
use tonic::{Code, Status};
use turnout_proto::registration::v1::{
    AttendanceMode, ChangeEventStateRequest, Event, EventState, GetEventRequest, ListEventsRequest, ListEventsResponse,
};

use crate::bed::{Bed, Client, create_event, refused, refused_field, starts_at};

async fn get(client: &mut Client, event_id: &str) -> Result<Event, Status> {
    let request = GetEventRequest { event_id: event_id.into() };
    Ok(client.get_event(request).await?.into_inner().event.unwrap())
}

async fn change(client: &mut Client, event_id: &str, state: EventState, version: i64) -> Result<Event, Status> {
    let request = ChangeEventStateRequest { event_id: event_id.into(), state: state.into(), expected_version: version };
    Ok(client.change_event_state(request).await?.into_inner().event.unwrap())
}

async fn list(client: &mut Client, page_size: i32, page_token: &str) -> Result<ListEventsResponse, Status> {
    let request = ListEventsRequest { page_size, page_token: page_token.into() };
    Ok(client.list_events(request).await?.into_inner())
}

fn ids(page: &ListEventsResponse) -> Vec<&str> {
    page.events.iter().map(|event| event.event_id.as_str()).collect()
}

fn at(seconds: i64, nanos: i32) -> Timestamp {
    Timestamp { seconds, nanos }
}

#[tokio::test]
async fn an_event_begins_as_a_draft_and_reads_back() {
    let bed = Bed::start().await;
    let mut acme = bed.organiser("acme").await;
    bed.clock.advance_ms(250);
    let created = create_event(&mut acme, "gala", " Gala 2027 ").await.unwrap();
    let wanted = Event {
        event_id: "gala".into(),
        title: "Gala 2027".into(),
        state: EventState::Draft.into(),
        created_at: Some(at(1_800_000_000, 250_000_000)),
        version: 1,
        zone: "Europe/Helsinki".into(),
        starts_at: starts_at(),
        mode: AttendanceMode::Online.into(),
        languages: vec!["en".into()],
        ..Event::default()
    };
    assert_eq!(created, wanted);
    assert_eq!(get(&mut acme, "gala").await.unwrap(), wanted);
}

#[tokio::test]
async fn a_service_of_the_mesh_is_told_whose_event_it_is() {
    let bed = Bed::start().await;
    create_event(&mut bed.organiser("acme").await, "gala", "Gala").await.unwrap();
    assert_eq!(get(&mut bed.mesh(None), "gala").await.unwrap().tenant_id, "acme");
    assert_eq!(get(&mut bed.mesh(Some("acme")), "gala").await.unwrap().tenant_id, "acme");
}

#[tokio::test]
async fn the_same_creation_again_returns_the_first_result() {
    let bed = Bed::start().await;
    let mut acme = bed.organiser("acme").await;
    let first = create_event(&mut acme, "gala", "Gala").await.unwrap();
    bed.clock.advance_ms(5000);
    assert_eq!(create_event(&mut acme, "gala", "Gala").await.unwrap(), first);
    assert_eq!(ids(&list(&mut acme, 0, "").await.unwrap()), ["gala"]);
}

#[tokio::test]
async fn another_creation_with_the_same_id_is_refused_whosever_it_is() {
    let bed = Bed::start().await;
    let (mut acme, mut other) = (bed.organiser("acme").await, bed.organiser("other").await);
    create_event(&mut acme, "gala", "Gala").await.unwrap();
    let own = refused(create_event(&mut acme, "gala", "Another").await, Code::AlreadyExists);
    let foreign = refused(create_event(&mut other, "gala", "Gala").await, Code::AlreadyExists);
    assert_eq!((own.message(), own.details()), (foreign.message(), foreign.details()));
    assert_eq!(ids(&list(&mut other, 0, "").await.unwrap()), [""; 0]);
    assert_eq!(get(&mut acme, "gala").await.unwrap().title, "Gala");
}

#[tokio::test]
async fn of_many_creations_of_one_id_at_once_one_title_wins() {
    let bed = Bed::start().await;
    let acme = bed.organiser("acme").await;
    let tries = (0..20).map(|i| {
        let mut acme = acme.clone();
        tokio::spawn(async move { create_event(&mut acme, "gala", &format!("Gala {i}")).await })
    });
    let mut created = Vec::new();
    for answer in tries.collect::<Vec<_>>() {
        match answer.await.unwrap() {
            Ok(event) => created.push(event),
            Err(status) => assert_eq!(status.code(), Code::AlreadyExists),
        }
    }
    assert_eq!(created.len(), 1);
    assert_eq!(list(&mut acme.clone(), 0, "").await.unwrap().events, created);
}

#[tokio::test]
async fn without_an_id_the_server_chooses_one() {
    let bed = Bed::start().await;
    let mut acme = bed.organiser("acme").await;
    let first = create_event(&mut acme, "", "Gala").await.unwrap();
    let second = create_event(&mut acme, "", "Gala").await.unwrap();
    assert_ne!(first.event_id, second.event_id);
    assert_eq!(get(&mut acme, &first.event_id).await.unwrap(), first);
}

#[tokio::test]
async fn an_event_goes_live_ends_and_goes_live_again() {
    let bed = Bed::start().await;
    let mut acme = bed.organiser("acme").await;
    create_event(&mut acme, "gala", "Gala").await.unwrap();
    refused(change(&mut acme, "gala", EventState::Ended, 0).await, Code::FailedPrecondition);

    bed.clock.advance_ms(1000);
    let live = change(&mut acme, "gala", EventState::Live, 1).await.unwrap();
    assert_eq!((live.version, live.live_at, live.ended_at), (2, Some(at(1_800_000_001, 0)), None));
    refused(change(&mut acme, "gala", EventState::Live, 0).await, Code::FailedPrecondition);
    refused(change(&mut acme, "gala", EventState::Draft, 0).await, Code::FailedPrecondition);

    bed.clock.advance_ms(1000);
    let ended = change(&mut acme, "gala", EventState::Ended, 0).await.unwrap();
    assert_eq!((ended.version, ended.live_at, ended.ended_at), (3, live.live_at, Some(at(1_800_000_002, 0))));

    bed.clock.advance_ms(1000);
    let again = change(&mut acme, "gala", EventState::Live, 3).await.unwrap();
    assert_eq!((again.version, again.live_at), (4, Some(at(1_800_000_003, 0))));
    assert_eq!(get(&mut acme, "gala").await.unwrap(), again);
    assert_eq!(list(&mut acme, 0, "").await.unwrap().events, [again]);
}

#[tokio::test]
async fn a_change_by_someone_who_saw_another_version_is_aborted() {
    let bed = Bed::start().await;
    let mut acme = bed.organiser("acme").await;
    create_event(&mut acme, "gala", "Gala").await.unwrap();
    change(&mut acme, "gala", EventState::Live, 1).await.unwrap();
    refused(change(&mut acme, "gala", EventState::Ended, 1).await, Code::Aborted);
    assert_eq!(get(&mut acme, "gala").await.unwrap().version, 2);
}

#[tokio::test]
async fn of_many_changes_at_once_exactly_one_happens() {
    let bed = Bed::start().await;
    let acme = bed.organiser("acme").await;
    create_event(&mut acme.clone(), "gala", "Gala").await.unwrap();
    for expected in [1, 0] {
        let to = if expected == 1 { EventState::Live } else { EventState::Ended };
        let tries = (0..20).map(|_| {
            let mut acme = acme.clone();
            tokio::spawn(async move { change(&mut acme, "gala", to, expected).await })
        });
        let mut changed = 0;
        for answer in tries.collect::<Vec<_>>() {
            match answer.await.unwrap() {
                Ok(_) => changed += 1,
                Err(status) => {
                    assert!([Code::Aborted, Code::FailedPrecondition].contains(&status.code()), "{status:?}");
                }
            }
        }
        assert_eq!(changed, 1);
    }
    assert_eq!(get(&mut acme.clone(), "gala").await.unwrap().version, 3);
}

#[tokio::test]
async fn the_list_is_newest_first_and_whole_over_its_pages() {
    let bed = Bed::start().await;
    let mut acme = bed.organiser("acme").await;
    let mut wanted = Vec::new();
    for i in 0..7 {
        create_event(&mut acme, &format!("e{i}"), "Gala").await.unwrap();
        // Some share a moment: then the greater id comes first.
        bed.clock.advance_ms(i % 2);
        wanted.insert(0, format!("e{i}"));
    }
    create_event(&mut bed.organiser("other").await, "foreign", "Gala").await.unwrap();
    let mut found = Vec::new();
    let mut token = String::new();
    loop {
        let page = list(&mut acme, 3, &token).await.unwrap();
        assert!(page.events.len() <= 3);
        found.extend(ids(&page).into_iter().map(str::to_owned));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(found, wanted);
}

#[tokio::test]
async fn a_page_token_of_another_tenant_is_refused() {
    let bed = Bed::start().await;
    let (mut acme, mut other) = (bed.organiser("acme").await, bed.organiser("other").await);
    for id in ["a", "b"] {
        create_event(&mut acme, id, "Gala").await.unwrap();
    }
    let token = list(&mut acme, 1, "").await.unwrap().next_page_token;
    assert_eq!(list(&mut acme, 1, &token).await.unwrap().events.len(), 1);
    refused_field(list(&mut other, 1, &token).await, "page_token");
}

#[tokio::test]
async fn a_wrong_field_is_named() {
    let bed = Bed::start().await;
    let mut acme = bed.organiser("acme").await;
    create_event(&mut acme, "gala", "Gala").await.unwrap();
    for bad in ["a b", "a/b", "ä", &"x".repeat(65)] {
        refused_field(create_event(&mut acme, bad, "Gala").await, "event_id");
        refused_field(get(&mut acme, bad).await, "event_id");
        refused_field(change(&mut acme, bad, EventState::Live, 0).await, "event_id");
    }
    refused_field(get(&mut acme, "").await, "event_id");
    for bad in ["", " ", "two\nlines", &"x".repeat(201)] {
        refused_field(create_event(&mut acme, "new", bad).await, "title");
    }
    refused_field(change(&mut acme, "gala", EventState::Unspecified, 0).await, "state");
    refused_field(change(&mut acme, "gala", EventState::Live, -1).await, "expected_version");
    for bad in [-1, 201] {
        refused_field(list(&mut acme, bad, "").await, "page_size");
    }
    refused_field(list(&mut acme, 0, "nonsense").await, "page_token");
}
