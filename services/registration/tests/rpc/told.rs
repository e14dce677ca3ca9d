//! What the bus is told: each change once it is stored, with ids and nothing personal; settings of events with it.

use prost::Message as _;
use prost_types::Timestamp;
use tonic::{Code, Status};
use turnout_platform::bus::durable::{Consumer, Deliveries, EventKind, all_events};
use turnout_proto::{
    common::v1::Money,
    events::v1::{DomainEvent, EventChange, RegistrationChange, domain_event::What},
    registration::v1::{AttendanceMode, ChangeEventStateRequest, Event, EventState, UpdateEventRequest},
};

use crate::{
    bed::{Bed, Client, create_event, refused, refused_field, starts_at},
    registering::{cancel, mask, open_event, registered},
};

async fn listen(bed: &Bed, kind: EventKind) -> Deliveries {
    bed.bus.consume(Consumer { name: None, pattern: all_events(kind) }).await.unwrap()
}

async fn next(deliveries: &mut Deliveries) -> DomainEvent {
    let delivery = deliveries.next().await.unwrap();
    let event = DomainEvent::decode(delivery.message.payload.clone()).unwrap();
    delivery.ack().await.unwrap();
    event
}

async fn next_change(deliveries: &mut Deliveries) -> (EventChange, i64) {
    match next(deliveries).await.what.unwrap() {
        What::Event(changed) => (changed.change(), changed.version),
        other => panic!("{other:?}"),
    }
}

async fn update(client: &mut Client, event: Event, paths: &[&str], expected_version: i64) -> Result<Event, Status> {
    let event = Some(Event { event_id: "gala".into(), ..event });
    let request = UpdateEventRequest { event, update_mask: Some(mask(paths)), expected_version };
    Ok(client.update_event(request).await?.into_inner().event.unwrap())
}

#[tokio::test]
async fn each_change_of_a_registration_is_told_with_ids_and_nothing_personal() {
    let bed = Bed::start().await;
    let mut acme = open_event(&bed, Event::default(), &[]).await;
    let mut heard = listen(&bed, EventKind::Registration).await;
    let made = registered(&mut acme, "anna@example.org").await;
    registered(&mut acme, "anna@example.org").await;
    cancel(&mut acme, &made.registration_id).await;
    cancel(&mut acme, &made.registration_id).await;
    registered(&mut acme, "anna@example.org").await;
    let expected =
        [(RegistrationChange::Registered, 1), (RegistrationChange::Cancelled, 2), (RegistrationChange::Registered, 3)];
    let mut told = Vec::new();
    for _ in expected {
        let event = next(&mut heard).await;
        assert_eq!(event.tenant_id, "acme");
        let bytes = event.encode_to_vec();
        assert!(!bytes.windows(4).any(|window| window.eq_ignore_ascii_case(b"anna")));
        match event.what.unwrap() {
            What::Registration(changed) => {
                assert_eq!((changed.event_id.as_str(), &changed.registration_id), ("gala", &made.registration_id));
                assert_eq!(changed.person_id, made.person_id);
                told.push((changed.change(), changed.version));
            }
            other => panic!("{other:?}"),
        }
    }
    told.sort_by_key(|(_, version)| *version);
    assert_eq!(told, expected);
}

#[tokio::test]
async fn item_4_settings_change_by_mask_and_a_published_event_that_moves_is_told_as_moved() {
    let bed = Bed::start().await;
    let mut acme = bed.mesh(Some("acme"));
    let mut heard = listen(&bed, EventKind::Event).await;
    create_event(&mut acme, "gala", "Gala").await.unwrap();
    assert_eq!(next_change(&mut heard).await, (EventChange::Details, 1));

    let later = |seconds: i64| starts_at().map(|at| Timestamp { seconds: at.seconds + seconds, nanos: 0 });
    let price = Some(Money { amount_minor: 2500, currency: "EUR".into() });
    let settings = Event {
        summary: "Films\nand music".into(),
        zone: "europe/helsinki".into(),
        ends_at: later(7200),
        venue: "Hall 1".into(),
        mode: AttendanceMode::Hybrid.into(),
        price: price.clone(),
        capacity: 500,
        published: true,
        languages: vec!["fi".into(), "en".into()],
        title: "not named, not changed".into(),
        ..Event::default()
    };
    let paths =
        ["summary", "zone", "ends_at", "venue", "mode", "price", "capacity", "published", "languages", "waiting_list"];
    let after = update(&mut acme, settings.clone(), &paths, 1).await.unwrap();
    let wanted = Event {
        title: "Gala".into(),
        zone: "Europe/Helsinki".into(),
        event_id: "gala".into(),
        tenant_id: "acme".into(),
        version: 2,
        state: EventState::Draft.into(),
        starts_at: starts_at(),
        created_at: after.created_at,
        ..settings.clone()
    };
    assert_eq!(after, wanted);
    assert_eq!(next_change(&mut heard).await, (EventChange::Details, 2));
    assert_eq!(update(&mut acme, settings, &paths, 2).await.unwrap(), wanted, "the same again changes nothing");

    let moved =
        update(&mut acme, Event { starts_at: later(3600), ..Event::default() }, &["starts_at"], 0).await.unwrap();
    assert_eq!(moved.version, 3);
    assert_eq!(next_change(&mut heard).await, (EventChange::Moved, 3));
    let cleared = update(&mut acme, Event::default(), &["ends_at", "price"], 0).await.unwrap();
    assert_eq!((cleared.ends_at, cleared.price), (None, None));
    assert_eq!(next_change(&mut heard).await, (EventChange::Moved, 4));

    let state = EventState::Cancelled.into();
    let request = ChangeEventStateRequest { event_id: "gala".into(), state, expected_version: 0 };
    acme.change_event_state(request).await.unwrap();
    assert_eq!(next_change(&mut heard).await, (EventChange::Cancelled, 5));
    refused(update(&mut acme, Event::default(), &["price"], 0).await, Code::FailedPrecondition);
}

#[tokio::test]
async fn item_4_a_setting_that_cannot_be_is_named() {
    let bed = Bed::start().await;
    let mut acme = bed.mesh(Some("acme"));
    create_event(&mut acme, "gala", "Gala").await.unwrap();
    let wrong = |event: Event, path: &'static str, field: &'static str| {
        let mut acme = acme.clone();
        async move { refused_field(update(&mut acme, event, &[path], 0).await, field) }
    };
    wrong(Event { zone: "Mars/Base".into(), ..Event::default() }, "zone", "zone").await;
    wrong(Event::default(), "starts_at", "starts_at").await;
    wrong(Event { ends_at: Some(Timestamp { seconds: 5, nanos: 0 }), ..Event::default() }, "ends_at", "ends_at").await;
    wrong(Event { summary: "x".repeat(4001), ..Event::default() }, "summary", "summary").await;
    wrong(Event { venue: "x".repeat(301), ..Event::default() }, "venue", "venue").await;
    wrong(Event { price: Some(Money::default()), ..Event::default() }, "price", "price").await;
    wrong(Event { capacity: -1, ..Event::default() }, "capacity", "capacity").await;
    wrong(Event { languages: vec!["?".into()], ..Event::default() }, "languages", "languages").await;
    wrong(Event { mode: 9, ..Event::default() }, "mode", "mode").await;
    wrong(Event::default(), "title", "title").await;
    wrong(Event::default(), "state", "update_mask").await;
    refused_field(update(&mut acme, Event::default(), &[], 0).await, "update_mask");
    refused(update(&mut acme, Event { rsvp: true, ..Event::default() }, &["rsvp"], 7).await, Code::Aborted);
    let without_start = turnout_proto::registration::v1::CreateEventRequest {
        title: "Ball".into(),
        ..turnout_proto::registration::v1::CreateEventRequest::default()
    };
    refused_field(acme.create_event(without_start).await, "starts_at");
}
