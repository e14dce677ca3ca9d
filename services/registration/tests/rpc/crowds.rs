//! Large events: many places come free at once and many wait, or many ask for a place of an event that has none. On both engines.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures_util::{StreamExt as _, future::join_all, stream};
use parking_lot::Mutex;
use tonic::Code;
use turnout_platform::{
    auth::MeshKey,
    tables::{TableError, Tables},
};
use turnout_proto::registration::v1::{Event, GetStatisticsRequest, RecountRequest, Registration, RegistrationState};

use crate::{
    bed::{Bed, Registrants, comes, open_tables, refused},
    hooked::{Hooked, Sort},
    places::{cql_tables, limited, retried},
    profiles::FakeProfiles,
    registering::{cancel, get, person, register, update_event},
};

on_both_engines! {
    places_that_come_free_at_once_go_to_those_who_wait_longest_and_to_nobody_else;
    with_two_processes_many_cancellations_at_once_promote_as_many_in_order;
}

const PLACES: usize = 10;
const PEOPLE: usize = 210;
const AT_ONCE: usize = 32;

/// So many register, one after another by the clock of the server, whichever of them comes first to the store. As they are when all places
/// are taken.
async fn come(bed: &Bed, doors: &[Registrants], places: usize) -> Vec<Registration> {
    let coming = stream::iter(0..PEOPLE).map(|n| {
        bed.clock.advance_ms(10);
        let mut door = doors[n % doors.len()].clone();
        async move { retried(&mut door, person(&format!("p{n}@example.org"))).await.registration.unwrap() }
    });
    let all: Vec<Registration> = coming.buffer_unordered(AT_ONCE).collect().await;
    are_arranged(bed, &doors[0], places, PEOPLE - places).await;
    join_all(all.iter().map(async |it| get(&mut doors[0].clone(), &it.registration_id).await)).await
}

fn waiting_in_order(all: &[Registration]) -> Vec<Registration> {
    let mut waiting: Vec<Registration> =
        all.iter().filter(|it| it.state() == RegistrationState::Waiting).cloned().collect();
    waiting.sort_by_key(|it| {
        let since = it.waiting_since.unwrap();
        (since.seconds, since.nanos, it.registration_id.clone())
    });
    waiting
}

/// Time goes on meanwhile: on a store that is slow a place may be left behind, which is looked at later.
async fn are_arranged(bed: &Bed, door: &Registrants, places: usize, waiting: usize) {
    let request = || GetStatisticsRequest { event_id: "gala".into() };
    comes("all places and the waiting list", async || {
        bed.clock.advance_ms(20);
        // A process that has much to read says so, and is asked again.
        let Ok(seen) = door.clone().get_statistics(request()).await else { return false };
        let seen = seen.into_inner().statistics.unwrap();
        (seen.registrants, seen.waiting) == (places as i64, waiting as i64)
    })
    .await;
    let recount = door.clone().recount(RecountRequest { event_id: "gala".into() }).await.unwrap().into_inner();
    assert_eq!(recount.differences, Vec::<String>::new());
}

/// Of those who waited the first so many have a place now, and nobody else.
async fn the_first_have_a_place(door: &Registrants, waiting: &[Registration], promoted: usize) {
    let now = stream::iter(waiting).map(|it| async { get(&mut door.clone(), &it.registration_id).await.state() });
    let now: Vec<RegistrationState> = now.buffered(AT_ONCE).collect().await;
    for (place, state) in now.into_iter().enumerate() {
        let expected = if place < promoted { RegistrationState::Registered } else { RegistrationState::Waiting };
        assert_eq!(state, expected, "number {place} of the list, {promoted} are to be promoted");
    }
}

async fn places_that_come_free_at_once_go_to_those_who_wait_longest_and_to_nobody_else(tables: Arc<dyn Tables>) {
    const MORE: usize = 150;
    let bed = Bed::on(tables).await;
    let acme = limited(&bed, PLACES as i32, true).await;
    let waiting = waiting_in_order(&come(&bed, std::slice::from_ref(&acme), PLACES).await);
    assert_eq!(waiting.len(), PEOPLE - PLACES);
    update_event(&bed, Event { capacity: (PLACES + MORE) as i32, ..Event::default() }, &["capacity"]).await;
    are_arranged(&bed, &acme, PLACES + MORE, PEOPLE - PLACES - MORE).await;
    the_first_have_a_place(&acme, &waiting, MORE).await;
    // Without a limit all of them.
    update_event(&bed, Event::default(), &["capacity"]).await;
    are_arranged(&bed, &acme, PEOPLE, 0).await;
}

async fn with_two_processes_many_cancellations_at_once_promote_as_many_in_order(tables: Arc<dyn Tables>) {
    const CANCELLED: usize = 80;
    const LIMIT: usize = 100;
    let key = MeshKey::generate();
    let bed = Bed::with(tables.clone(), &key, FakeProfiles::default()).await;
    let acme = limited(&bed, LIMIT as i32, true).await;
    let second = bed.second(tables, &key).await;
    let doors = [acme.clone(), second.registrants(Some("acme"))];
    let all = come(&bed, &doors, LIMIT).await;
    let waiting = waiting_in_order(&all);
    let with_place = all.iter().filter(|it| it.state() == RegistrationState::Registered).take(CANCELLED);
    let cancelling = stream::iter(with_place.zip(doors.iter().cycle())).map(|(it, door)| async move {
        cancel(&mut door.clone(), &it.registration_id).await;
    });
    cancelling.buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
    for door in &doors {
        are_arranged(&bed, door, LIMIT, PEOPLE - LIMIT - CANCELLED).await;
    }
    the_first_have_a_place(&acme, &waiting, CANCELLED).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_find_an_event_full_one_reads_its_places_for_all() {
    const ASK: usize = 64;
    let folder = tempfile::tempdir().unwrap();
    let tables = open_tables(&folder).await;
    let reads = Arc::new(AtomicUsize::new(0));
    let counted: Arc<dyn Tables> = {
        let reads = reads.clone();
        Hooked::new(&tables, move |sort, table| {
            let is_reading = sort == Sort::Range && table == "seats_by_event";
            reads.fetch_add(usize::from(is_reading), Ordering::SeqCst);
            std::future::ready(Ok(()))
        })
    };
    let bed = Bed::on(counted).await;
    let acme = limited(&bed, 1, false).await;
    retried(&mut acme.clone(), person("anna@example.org")).await;
    bed.clock.advance_ms(2000);
    let before = reads.load(Ordering::SeqCst);
    let refusals = join_all((0..ASK).map(|n| {
        let mut acme = acme.clone();
        async move { register(&mut acme, person(&format!("p{n}@example.org"))).await }
    }))
    .await;
    for refusal in refusals {
        refused(refusal, Code::FailedPrecondition);
    }
    // The places that the event has, and those that it would have beyond its limit.
    assert_eq!(reads.load(Ordering::SeqCst) - before, 2, "{ASK} asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reading_that_failed_is_told_to_all_who_waited_for_it_and_the_next_reads_again() {
    let folder = tempfile::tempdir().unwrap();
    let tables = open_tables(&folder).await;
    let (is_away, tried) = (Arc::new(Mutex::new(false)), Arc::new(Mutex::new(HashSet::new())));
    let away: Arc<dyn Tables> = {
        let (is_away, tried) = (is_away.clone(), tried.clone());
        Hooked::new(&tables, move |sort, table| {
            let fails = sort == Sort::Range && table == "seats_by_event" && *is_away.lock();
            if fails {
                tried.lock().insert(table);
            }
            let error = TableError::Unavailable("a test".into());
            std::future::ready(if fails { Err(error) } else { Ok(()) })
        })
    };
    let bed = Bed::on(away).await;
    let acme = limited(&bed, 1, false).await;
    *is_away.lock() = true;
    let refusals = join_all((0..8).map(|n| {
        let mut acme = acme.clone();
        async move { register(&mut acme, person(&format!("p{n}@example.org"))).await }
    }))
    .await;
    for refusal in refusals {
        refused(refusal, Code::Unavailable);
    }
    assert!(!tried.lock().is_empty());
    *is_away.lock() = false;
    retried(&mut acme.clone(), person("anna@example.org")).await;
}
