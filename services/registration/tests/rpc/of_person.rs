//! The registrations of one person, in pages.

use turnout_proto::registration::v1::{
    CreateEventRequest, Event, ListRegistrationsOfPersonRequest, ListRegistrationsOfPersonResponse, RegisterRequest,
    UpdateEventRequest,
};

use crate::{
    bed::{Bed, START_AT_MS, refused_field},
    registering::mask,
};

const EVENTS: usize = 7;

async fn open(bed: &Bed, event_id: &str, starts_in_s: i64) {
    let starts_at = Some(prost_types::Timestamp { seconds: START_AT_MS as i64 / 1000 + starts_in_s, nanos: 0 });
    let (mut organiser, title) = (bed.mesh(Some("acme")), "Event".to_owned());
    let request = CreateEventRequest { event_id: event_id.into(), title, starts_at, zone: String::new() };
    organiser.create_event(request).await.unwrap();
    let event = Some(Event { event_id: event_id.into(), published: true, ..Event::default() });
    let update_mask = Some(mask(&["published"]));
    organiser.update_event(UpdateEventRequest { event, update_mask, expected_version: 0 }).await.unwrap();
}

#[tokio::test]
async fn the_registrations_of_a_person_come_in_pages_newest_event_first_and_none_is_left_out() {
    let bed = Bed::start().await;
    let mut acme = bed.registrants(Some("acme"));
    let mut people = Vec::new();
    // Two of them at the same time: those are sorted by id.
    for n in 0..EVENTS {
        open(&bed, &format!("event{n}"), (n as i64 / 2) * 86_400).await;
        for email in ["anna@example.org", "ben@example.org"] {
            let (event_id, name) = (format!("event{n}"), "Anna".to_owned());
            let request = RegisterRequest { event_id, email: email.into(), name, ..RegisterRequest::default() };
            let made = acme.register(request).await.unwrap().into_inner();
            people.push(made.registration.unwrap().person_id);
        }
    }
    let page = |person_id: &str, page_size, page_token: &str| {
        let (mut acme, page_token) = (acme.clone(), page_token.to_owned());
        let request = ListRegistrationsOfPersonRequest { person_id: person_id.into(), page_size, page_token };
        async move { acme.list_registrations_of_person(request).await.map(tonic::Response::into_inner) }
    };
    let ids = |page: &ListRegistrationsOfPersonResponse| -> Vec<String> {
        page.registrations.iter().map(|it| it.event_id.clone()).collect()
    };
    let all = ["event6", "event4", "event5", "event2", "event3", "event0", "event1"];
    assert_eq!(ids(&page(&people[0], 0, "").await.unwrap()), all);

    let (mut told, mut page_token) = (Vec::new(), String::new());
    loop {
        let part = page(&people[0], 3, &page_token).await.unwrap();
        assert!(part.registrations.len() <= 3 && part.registrations.iter().all(|it| it.person_id == people[0]));
        told.extend(ids(&part));
        page_token = part.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(told, all);

    let first = page(&people[0], 3, "").await.unwrap();
    refused_field(page(&people[1], 3, &first.next_page_token).await, "page_token");
    refused_field(page(&people[0], 201, "").await, "page_size");
    let request = ListRegistrationsOfPersonRequest {
        person_id: people[0].clone(),
        page_size: 3,
        page_token: first.next_page_token,
    };
    refused_field(bed.registrants(Some("other")).list_registrations_of_person(request).await, "page_token");
}
