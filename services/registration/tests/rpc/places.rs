//! Places and the waiting list, and the rules that must hold however many come at the same moment: on both engines.

use std::{
    collections::HashSet,
    hash::{BuildHasher as _, Hasher as _, RandomState},
    sync::Arc,
};

use futures_util::{StreamExt as _, stream};
use tonic::{Code, Status};
use turnout_platform::{
    real_servers,
    tables::{Engine, Tables, open},
};
use turnout_proto::registration::v1::{
    CancelRegistrationRequest, Event, GetStatisticsRequest, RegisterRequest, RegisterResponse, RegistrationState,
    Statistics, UpdateRegistrationRequest,
};

use crate::{
    bed::{Bed, Registrants, all_tables, comes, open_tables, refused},
    registering::{cancel, get, mask, open_event, person, register, registered, update_event},
};

/// Calls at the same moment.
const AT_ONCE: usize = 64;

/// The same test on either engine.
macro_rules! on_both_engines {
    ($($test:ident;)+) => {
        mod embedded {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $test() {
                    let folder = tempfile::tempdir().unwrap();
                    super::$test(super::open_tables(&folder).await).await;
                }
            )+
        }
        mod cql {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $test() {
                    if let Some(tables) = super::cql_tables(stringify!($test)).await {
                        super::$test(tables).await;
                    }
                }
            )+
        }
    };
}

on_both_engines! {
    three_hundred_registrations_of_thirty_addresses_are_thirty;
    of_a_thousand_at_once_no_more_get_a_place_than_there_are_and_the_rest_wait;
    a_cancellation_gives_the_place_to_whoever_waits_longest;
    without_a_waiting_list_a_full_event_refuses_until_a_place_is_free;
    more_places_are_given_to_those_who_wait_and_fewer_take_none_away;
    an_event_that_gets_a_limit_counts_those_who_are_there;
    changes_at_the_same_moment_all_take_effect;
}

pub async fn cql_tables(test: &str) -> Option<Arc<dyn Tables>> {
    let server = real_servers::from_env("TURNOUT_TEST_CQL", test)?;
    let keyspace = format!("test_registrants_{:016x}", RandomState::new().build_hasher().finish());
    let engine = Engine::Cql { nodes: vec![server], keyspace, replication_factor: 1, user: None, password: None };
    Some(open(&engine, &all_tables()).await.unwrap())
}

async fn register_all(client: &Registrants, emails: impl IntoIterator<Item = String>) -> Vec<RegistrationState> {
    let registering = stream::iter(emails).map(|email| {
        let mut client = client.clone();
        async move { retried(&mut client, person(&email)).await.registration.unwrap().state() }
    });
    registering.buffer_unordered(AT_ONCE).collect().await
}

/// As a caller does: what may work later is tried again, also what may have worked, as it is the same registration.
pub async fn retried(client: &mut Registrants, request: RegisterRequest) -> RegisterResponse {
    loop {
        match register(client, request.clone()).await {
            Ok(answer) => return answer,
            Err(status) => later(&status).await,
        }
    }
}

/// The same for a cancellation.
pub async fn cancel_retried(client: &mut Registrants, registration_id: &str) {
    let (event_id, registration_id) = ("gala".to_owned(), registration_id.to_owned());
    let request = CancelRegistrationRequest { event_id, registration_id, act: None };
    while let Err(status) = client.cancel_registration(request.clone()).await {
        later(&status).await;
    }
}

/// A moment, if it may work after it.
async fn later(status: &Status) {
    let code = status.code();
    let may_work = [Code::Unavailable, Code::ResourceExhausted, Code::Aborted, Code::DeadlineExceeded].contains(&code);
    assert!(may_work, "{status:?}");
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
}

pub async fn statistics(client: &Registrants) -> Statistics {
    let request = GetStatisticsRequest { event_id: "gala".into() };
    client.clone().get_statistics(request).await.unwrap().into_inner().statistics.unwrap()
}

pub async fn limited(bed: &Bed, capacity: i32, waiting_list: bool) -> Registrants {
    let settings = Event { capacity, waiting_list, ..Event::default() };
    open_event(bed, settings, &["capacity", "waiting_list"]).await
}

async fn three_hundred_registrations_of_thirty_addresses_are_thirty(tables: Arc<dyn Tables>) {
    let bed = Bed::on(tables).await;
    let acme = open_event(&bed, Event::default(), &[]).await;
    let registering = stream::iter(0..300).map(|n| {
        let mut acme = acme.clone();
        async move { retried(&mut acme, person(&format!("p{}@example.org", n % 30))).await }
    });
    let answers: Vec<_> = registering.buffer_unordered(AT_ONCE).collect().await;
    let ids: HashSet<String> = answers.iter().map(|a| a.registration.clone().unwrap().registration_id).collect();
    assert_eq!(ids.len(), 30);
    assert_eq!(answers.iter().filter(|answer| answer.created).count(), 30);
    assert_eq!(statistics(&acme).await.registrants, 30);
}

async fn of_a_thousand_at_once_no_more_get_a_place_than_there_are_and_the_rest_wait(tables: Arc<dyn Tables>) {
    let bed = Bed::on(tables).await;
    let acme = limited(&bed, 300, true).await;
    let states = register_all(&acme, (0..1000).map(|n| format!("p{n}@example.org"))).await;
    let placed = states.iter().filter(|state| **state == RegistrationState::Registered).count();
    assert!(placed <= 300, "{placed}");
    // Whoever began to wait while a place was still free gets it.
    comes("the last place", || async {
        // A place that a call left taken at its deadline is free again half a minute later.
        bed.clock.advance_ms(1000);
        statistics(&acme).await.registrants == 300
    })
    .await;
    assert_eq!(statistics(&acme).await.waiting, 700);
}

async fn a_cancellation_gives_the_place_to_whoever_waits_longest(tables: Arc<dyn Tables>) {
    let bed = Bed::on(tables).await;
    let mut acme = limited(&bed, 1, true).await;
    let first = registered(&mut acme, "first@example.org").await;
    let mut waiting = Vec::new();
    for n in 0..3 {
        bed.clock.advance_ms(1000);
        waiting.push(registered(&mut acme, &format!("w{n}@example.org")).await);
    }
    assert!(waiting.iter().all(|it| it.state() == RegistrationState::Waiting && it.waiting_since.is_some()));
    // The first who waits gives up, so the second is next.
    cancel(&mut acme, &waiting[0].registration_id).await;
    cancel(&mut acme, &first.registration_id).await;
    comes("the promotion", || {
        let (mut acme, id) = (acme.clone(), waiting[1].registration_id.clone());
        async move { get(&mut acme, &id).await.state() == RegistrationState::Registered }
    })
    .await;
    assert_eq!(get(&mut acme, &waiting[2].registration_id).await.state(), RegistrationState::Waiting);
    let now = get(&mut acme, &waiting[1].registration_id).await;
    assert_eq!((now.version, now.waiting_since), (2, waiting[1].waiting_since));
    // Who registers again has to wait as everybody.
    assert_eq!(registered(&mut acme, "first@example.org").await.state(), RegistrationState::Waiting);
}

async fn without_a_waiting_list_a_full_event_refuses_until_a_place_is_free(tables: Arc<dyn Tables>) {
    let bed = Bed::on(tables).await;
    let mut acme = limited(&bed, 2, false).await;
    let first = registered(&mut acme, "a@example.org").await;
    registered(&mut acme, "b@example.org").await;
    refused(register(&mut acme, person("c@example.org")).await, Code::FailedPrecondition);
    assert!(!register(&mut acme, person("b@example.org")).await.unwrap().created);
    cancel(&mut acme, &first.registration_id).await;
    assert_eq!(registered(&mut acme, "c@example.org").await.state(), RegistrationState::Registered);
    refused(register(&mut acme, person("a@example.org")).await, Code::FailedPrecondition);
}

async fn more_places_are_given_to_those_who_wait_and_fewer_take_none_away(tables: Arc<dyn Tables>) {
    let bed = Bed::on(tables).await;
    let mut acme = limited(&bed, 2, true).await;
    for n in 0..6 {
        bed.clock.advance_ms(1000);
        registered(&mut acme, &format!("p{n}@example.org")).await;
    }
    assert_eq!(statistics(&acme).await.registrants, 2);
    update_event(&bed, Event { capacity: 4, ..Event::default() }, &["capacity"]).await;
    comes("the promotions", || async { statistics(&acme).await.registrants == 4 }).await;
    update_event(&bed, Event { capacity: 3, ..Event::default() }, &["capacity"]).await;
    assert_eq!(statistics(&acme).await.registrants, 4);
    let first = registered(&mut acme, "p0@example.org").await;
    cancel(&mut acme, &first.registration_id).await;
    bed.clock.advance_ms(2000);
    assert_eq!(registered(&mut acme, "p9@example.org").await.state(), RegistrationState::Waiting);
    assert_eq!(statistics(&acme).await.registrants, 3);
    // Without a limit nobody waits.
    update_event(&bed, Event::default(), &["capacity"]).await;
    comes("everybody", || async { statistics(&acme).await.registrants == 6 }).await;
}

async fn an_event_that_gets_a_limit_counts_those_who_are_there(tables: Arc<dyn Tables>) {
    let bed = Bed::on(tables).await;
    let mut acme = open_event(&bed, Event::default(), &[]).await;
    for n in 0..5 {
        registered(&mut acme, &format!("p{n}@example.org")).await;
    }
    let settings = Event { capacity: 6, waiting_list: true, ..Event::default() };
    update_event(&bed, settings, &["capacity", "waiting_list"]).await;
    assert_eq!(registered(&mut acme, "p5@example.org").await.state(), RegistrationState::Registered);
    assert_eq!(registered(&mut acme, "p6@example.org").await.state(), RegistrationState::Waiting);
    assert_eq!(statistics(&acme).await.registrants, 6);
}

async fn changes_at_the_same_moment_all_take_effect(tables: Arc<dyn Tables>) {
    let bed = Bed::on(tables).await;
    let mut acme = open_event(&bed, Event::default(), &[]).await;
    let made = registered(&mut acme, "anna@example.org").await;
    let changing = stream::iter(0..8).map(|n| {
        let mut acme = acme.clone();
        let mut registration = made.clone();
        registration.name = format!("Anna {n}");
        async move {
            let update_mask = Some(mask(&["name"]));
            let request = UpdateRegistrationRequest {
                registration: Some(registration),
                update_mask,
                ..UpdateRegistrationRequest::default()
            };
            acme.update_registration(request).await.unwrap();
        }
    });
    changing.buffer_unordered(8).collect::<Vec<()>>().await;
    assert_eq!(get(&mut acme, &made.registration_id).await.version, 9);
}
