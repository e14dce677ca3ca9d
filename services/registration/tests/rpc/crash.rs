//! Creations that are cut off after any of their writes, as by a crash: what was there before stays right, and a retry completes.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tonic::{Code, Request, Status};
use turnout_platform::{
    auth::{Caller, MeshKey, Principal},
    clock::ManualClock,
    lifecycle::Lifecycle,
    tables::{TableError, Tables},
    telemetry::Metrics,
};
use turnout_proto::registration::v1::{
    CreateEventRequest, Event, EventState, ListEventsRequest, ListRegistrationsOfPersonRequest, ListRoomsRequest,
    RecountRequest, registration_service_server::RegistrationService as _,
};
use turnout_registration::{DEMO_EVENT, DEMO_TENANT, Registration, TABLES};

use crate::{
    bed::{Bed, comes, open_tables, refused, service, starts_at},
    hooked::{Hooked, Sort},
    profiles::FakeProfiles,
    registering::{open_event, person, register},
};

/// Lets so many writes through and then none, as if the process had ended there. What the bus and the outbox write does not count.
pub fn cut_after(writes: usize, tables: &Arc<dyn Tables>) -> Arc<dyn Tables> {
    let writes_left = AtomicUsize::new(writes);
    Hooked::new(tables, move |sort, table| {
        let counts = sort == Sort::Write && TABLES.iter().any(|own| own.name == table);
        let take = |left: usize| left.checked_sub(1);
        let is_cut = counts && writes_left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take).is_err();
        std::future::ready(if is_cut { Err(TableError::Unavailable("cut off".to_owned())) } else { Ok(()) })
    })
}

/// A service that ends when the test lets go of it.
struct Started {
    registration: Registration,
    life: Lifecycle,
}

impl Drop for Started {
    fn drop(&mut self) {
        self.life.stop();
    }
}

impl std::ops::Deref for Started {
    type Target = Registration;

    fn deref(&self) -> &Registration {
        &self.registration
    }
}

async fn registration(tables: Arc<dyn Tables>, at_ms: u64) -> Started {
    let (key, clock, life) = (MeshKey::generate(), Arc::new(ManualClock::at(at_ms)), Lifecycle::new());
    let registration = service(tables, &key, clock, &FakeProfiles::default(), &life, &Metrics::new()).await;
    Started { registration, life }
}

fn by<T>(tenant: &str, message: T) -> Request<T> {
    let principal = Principal { caller: Caller::ApiKey("test".into()), tenant: Some(tenant.parse().unwrap()) };
    let mut request = Request::new(message);
    request.extensions_mut().insert(principal);
    request
}

async fn create(registration: &Registration, event_id: &str) -> Result<Event, Status> {
    let (event_id, title, zone) = (event_id.into(), "Title".into(), String::new());
    let request = CreateEventRequest { event_id, title, starts_at: starts_at(), zone };
    Ok(registration.create_event(by("acme", request)).await?.into_inner().event.unwrap())
}

async fn list(registration: &Registration, tenant: &str) -> Vec<Event> {
    registration.list_events(by(tenant, ListEventsRequest::default())).await.unwrap().into_inner().events
}

#[tokio::test]
async fn a_creation_cut_off_after_any_of_its_writes_shows_a_whole_event_or_none_and_a_retry_completes_it() {
    for writes in 0..=2 {
        let folder = tempfile::tempdir().unwrap();
        let tables = open_tables(&folder).await;
        let old = create(&*registration(tables.clone(), 1000).await, "old").await.unwrap();

        let cut = cut_after(writes, &tables);
        let created = create(&*registration(cut, 2000).await, "gala").await;
        assert_eq!(created.is_ok(), writes == 2);

        let restarted = registration(tables, 3000).await;
        let mut whole = vec![old];
        whole.splice(0..0, created.ok());
        assert_eq!(list(&restarted, "acme").await, whole, "after {writes} writes");

        let retried = create(&restarted, "gala").await.unwrap();
        let ids: Vec<String> = list(&restarted, "acme").await.into_iter().map(|event| event.event_id).collect();
        assert_eq!(ids, ["gala", "old"], "after {writes} writes");
        assert_eq!(list(&restarted, "acme").await[0], retried);
    }
}

#[tokio::test]
async fn a_first_start_cut_off_after_any_of_its_writes_is_completed_by_the_next_which_gives_the_key() {
    let mut writes = 0;
    loop {
        let folder = tempfile::tempdir().unwrap();
        let tables = open_tables(&folder).await;
        let cut = cut_after(writes, &tables);
        let came_to_its_end = registration(cut, 1000).await.ensure_demo().await.is_ok();

        let restarted = registration(tables, 2000).await;
        let second = restarted.ensure_demo().await.unwrap();
        assert_eq!(second.first_api_key.is_some(), !came_to_its_end, "after {writes} writes");
        let events = list(&restarted, DEMO_TENANT).await;
        assert_eq!(events.len(), 1, "after {writes} writes");
        assert_eq!(events[0].state(), EventState::Live);
        let rooms = ListRoomsRequest { event_id: DEMO_EVENT.into(), ..ListRoomsRequest::default() };
        let rooms = restarted.list_rooms(by(DEMO_TENANT, rooms)).await.unwrap().into_inner().rooms;
        assert_eq!(rooms.len(), 2);
        if came_to_its_end {
            break;
        }
        writes += 1;
    }
    assert_eq!(
        writes, 10,
        "index row, event, two rooms, settings, key, its place in the list, state; and twice that it may run"
    );
}

#[tokio::test]
async fn a_registration_cut_off_after_any_of_its_writes_is_completed_by_a_retry_and_no_place_is_lost() {
    let mut writes = 0;
    loop {
        let folder = tempfile::tempdir().unwrap();
        let tables = open_tables(&folder).await;
        let (key, profiles) = (MeshKey::generate(), FakeProfiles::default());
        let bed = Bed::with(tables.clone(), &key, profiles.clone()).await;
        open_event(&bed, Event { capacity: 2, ..Event::default() }, &["capacity"]).await;
        drop(bed);

        let cut = cut_after(writes, &tables);
        let bed = Bed::with(cut, &key, profiles.clone()).await;
        let came_to_its_end = register(&mut bed.registrants(Some("acme")), person("anna@example.org")).await.is_ok();
        drop(bed);

        let bed = Bed::with(tables, &key, profiles).await;
        bed.clock.advance_ms(180_000);
        let mut acme = bed.registrants(Some("acme"));
        let retried = register(&mut acme, person("anna@example.org")).await.unwrap();
        assert_eq!(retried.created, !came_to_its_end, "after {writes} writes");
        // Refused at first if the place is still taken; but then it is looked for.
        let _ = register(&mut acme, person("b@example.org")).await;
        bed.clock.advance_ms(31_000);
        let registers = async || register(&mut acme.clone(), person("b@example.org")).await.is_ok();
        comes("the place that was left behind", registers).await;
        refused(register(&mut acme, person("c@example.org")).await, Code::FailedPrecondition);
        let person_id = retried.registration.unwrap().person_id;
        let of_person = ListRegistrationsOfPersonRequest { person_id, ..ListRegistrationsOfPersonRequest::default() };
        let found = acme.list_registrations_of_person(of_person).await.unwrap().into_inner().registrations;
        assert_eq!(found.len(), 1);
        let recount = acme.recount(RecountRequest { event_id: "gala".into() }).await.unwrap().into_inner();
        assert_eq!((recount.counted.unwrap().registrants, recount.differences), (2, vec![]));
        if came_to_its_end {
            break;
        }
        writes += 1;
    }
    assert_eq!(writes, 3, "the place, the person's index row, the registration");
}
