//! Places that a crash left taken settle by themselves, and several processes share an event's places: on both engines.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use futures_util::{StreamExt as _, future::join_all, stream};
use tonic::Code;
use turnout_platform::{
    auth::MeshKey,
    clock::ManualClock,
    tables::{Range, Row, Table, Tables, Value},
};
use turnout_proto::registration::v1::{RecountRequest, Registration, RegistrationState};
use turnout_registration::TABLES;

use crate::{
    bed::{Bed, Registrants, START_AT_MS, comes, open_tables, refused},
    crash::cut_after,
    hooked::{Hooked, Sort},
    places::{cancel_retried, cql_tables, limited, retried, statistics},
    profiles::FakeProfiles,
    registering::{cancel, get, person, register, registered},
};

/// From this age on a place without a registration was left behind; with the time until it is looked for, and a little more.
const LATER_MS: u64 = 36_000;

on_both_engines! {
    whoever_waits_gets_a_place_that_a_crash_left_taken_by_itself_also_after_a_start;
    a_place_that_somebody_may_still_take_is_left_alone;
    without_a_waiting_list_a_place_that_was_left_behind_is_found_once_somebody_is_refused;
    processes_that_doubt_at_the_same_time_note_it_down_once_and_one_of_them_looks;
    two_processes_give_no_place_twice_lose_none_and_promote_in_order;
}

fn table(name: &str) -> &'static Table {
    TABLES.iter().find(|table| table.name == name).unwrap()
}

/// As if a process had ended between taking the only place and storing the registration.
async fn leave_the_place_taken(tables: &Arc<dyn Tables>, at_ms: u64) {
    leave_taken(tables, 0, at_ms).await;
}

async fn leave_taken(tables: &Arc<dyn Tables>, seat: i64, at_ms: u64) {
    let row = Row::new(table("seats_by_event"))
        .set("event_id", "gala")
        .set("chunk", seat / 1000)
        .set("seat", seat)
        .set("registration_id", "nobody")
        .set("taken_at", Value::Time(at_ms as i64))
        .set("version", 1_i64);
    assert!(tables.put_if_absent(row).await.unwrap().is_none());
}

/// When places will be looked at.
async fn notes(tables: &Arc<dyn Tables>) -> Vec<i64> {
    let today = START_AT_MS as i64 / (24 * 60 * 60 * 1000);
    let page = tables.range(Range::of(table("events_to_settle"), vec![today.into()])).await.unwrap();
    page.rows.iter().map(|row| row.time("due_at")).collect()
}

async fn has_a_place(acme: &Registrants, it: &Registration) -> bool {
    get(&mut acme.clone(), &it.registration_id).await.state() == RegistrationState::Registered
}

async fn whoever_waits_gets_a_place_that_a_crash_left_taken_by_itself_also_after_a_start(tables: Arc<dyn Tables>) {
    let (key, profiles) = (MeshKey::generate(), FakeProfiles::default());
    let bed = Bed::with(tables.clone(), &key, profiles.clone()).await;
    let mut acme = limited(&bed, 1, true).await;
    leave_the_place_taken(&tables, START_AT_MS).await;
    let anna = registered(&mut acme, "anna@example.org").await;
    assert_eq!(anna.state(), RegistrationState::Waiting);
    comes("a note", async || !notes(&tables).await.is_empty()).await;
    drop(bed);

    let bed = Bed::with(tables.clone(), &key, profiles).await;
    let acme = bed.registrants(Some("acme"));
    bed.clock.advance_ms(LATER_MS);
    comes("the place", async || has_a_place(&acme, &anna).await).await;
    // The bus may tell the new process of anna's waiting before it has looked: then it doubts once more.
    comes("the end of all doubts", async || {
        bed.clock.advance_ms(1000);
        notes(&tables).await.is_empty()
    })
    .await;
    // So late that what was shown at first is no longer valid.
    let mut acme = bed.registrants(Some("acme"));
    assert_eq!(registered(&mut acme, "ben@example.org").await.state(), RegistrationState::Waiting);
    assert_eq!(statistics(&acme).await.registrants, 1);
}

async fn a_place_that_somebody_may_still_take_is_left_alone(tables: Arc<dyn Tables>) {
    let bed = Bed::on(tables.clone()).await;
    let mut acme = limited(&bed, 1, true).await;
    leave_the_place_taken(&tables, START_AT_MS + LATER_MS / 2).await;
    let anna = registered(&mut acme, "anna@example.org").await;
    comes("a note", async || !notes(&tables).await.is_empty()).await;
    let noted = notes(&tables).await;
    bed.clock.advance_ms(LATER_MS);
    comes("another note", async || notes(&tables).await.iter().all(|due_ms| !noted.contains(due_ms))).await;
    assert!(!has_a_place(&acme, &anna).await);
    bed.clock.advance_ms(LATER_MS);
    comes("the place", async || has_a_place(&acme, &anna).await).await;
}

async fn without_a_waiting_list_a_place_that_was_left_behind_is_found_once_somebody_is_refused(
    tables: Arc<dyn Tables>,
) {
    let bed = Bed::on(tables.clone()).await;
    let mut acme = limited(&bed, 1, false).await;
    leave_the_place_taken(&tables, START_AT_MS).await;
    refused(register(&mut acme, person("a@example.org")).await, Code::FailedPrecondition);
    bed.clock.advance_ms(LATER_MS);
    comes("the place", async || register(&mut acme.clone(), person("a@example.org")).await.is_ok()).await;
    refused(register(&mut acme, person("b@example.org")).await, Code::FailedPrecondition);
}

#[tokio::test(flavor = "multi_thread")]
async fn places_of_a_large_event_settle_too() {
    const PLACES: i64 = 1001;
    let folder = tempfile::tempdir().unwrap();
    let tables = open_tables(&folder).await;
    let bed = Bed::on(tables.clone()).await;
    let mut acme = limited(&bed, PLACES as i32, true).await;
    stream::iter(0..PLACES - 1).for_each_concurrent(32, |seat| leave_taken(&tables, seat, START_AT_MS)).await;
    let anna = registered(&mut acme, "anna@example.org").await;
    let ben = registered(&mut acme, "ben@example.org").await;
    assert_eq!((anna.state(), ben.state()), (RegistrationState::Registered, RegistrationState::Waiting));
    comes("a note", async || !notes(&tables).await.is_empty()).await;
    bed.clock.advance_ms(LATER_MS);
    comes("the place", async || has_a_place(&acme, &ben).await).await;
    let row = tables.get(table("seats_by_event"), vec!["gala".into(), 1.into(), (PLACES - 1).into()]).await.unwrap();
    assert_eq!(row.unwrap().text("registration_id"), anna.registration_id, "nobody loses a place by it");
}

/// What four processes do about one doubt. Whoever looks first at the place is held up until all others have gone through what is due
/// twice: each has then decided at least once, with the doubt before it, whether to look too.
#[derive(Default)]
struct Lookers {
    unclaimed: Option<&'static str>,
    is_due: AtomicBool,
    looks: AtomicUsize,
    sweeps_since: [AtomicUsize; PROCESSES],
}

const PROCESSES: usize = 4;

impl Lookers {
    async fn before(self: Arc<Self>, process: usize, sort: Sort, table: &'static str) {
        if !self.is_due.load(Ordering::SeqCst) {
            return;
        }
        let looked = self.looks.load(Ordering::SeqCst) > 0;
        if looked && sort == Sort::Range && table == "events_to_settle" {
            self.sweeps_since[process].fetch_add(1, Ordering::SeqCst);
        }
        // Whoever looks at the place reads the registration that should be on it.
        if sort == Sort::Read && table == "registrations_by_event" {
            let is_first = self.looks.fetch_add(1, Ordering::SeqCst) == 0;
            let others = (0..PROCESSES).filter(|other| *other != process);
            let all_decided = async || others.clone().all(|other| self.sweeps_since[other].load(Ordering::SeqCst) > 1);
            if is_first {
                let another_looks = async || self.looks.load(Ordering::SeqCst) > 1;
                comes("a decision of each other process", async || all_decided().await || another_looks().await).await;
            }
        }
    }

    fn of(self: &Arc<Self>, process: usize, tables: &Arc<dyn Tables>) -> Arc<dyn Tables> {
        let all = self.clone();
        Hooked::without_claims(self.unclaimed, tables, move |sort, table| {
            let all = all.clone();
            async move {
                all.before(process, sort, table).await;
                Ok(())
            }
        })
    }
}

async fn processes_that_doubt_at_the_same_time_note_it_down_once_and_one_of_them_looks(tables: Arc<dyn Tables>) {
    assert_eq!(looks_of_four_processes(tables, Lookers::default()).await, 1, "one process looked at the place");
}

/// It is the claim that keeps the others from it: nothing else does.
#[tokio::test(flavor = "multi_thread")]
async fn processes_that_do_not_see_each_others_claims_look_more_than_once() {
    let folder = tempfile::tempdir().unwrap();
    let lookers = Lookers { unclaimed: Some("events_to_settle"), ..Lookers::default() };
    assert!(looks_of_four_processes(open_tables(&folder).await, lookers).await > 1);
}

/// How often a place is looked at that all of them doubt.
async fn looks_of_four_processes(tables: Arc<dyn Tables>, lookers: Lookers) -> usize {
    let (lookers, key) = (Arc::new(lookers), MeshKey::generate());
    let first = Bed::with(lookers.of(0, &tables), &key, FakeProfiles::default()).await;
    let mut acme = limited(&first, 1, false).await;
    leave_the_place_taken(&tables, START_AT_MS).await;
    let others = join_all((1..PROCESSES).map(|process| first.second(lookers.of(process, &tables), &key))).await;
    for (n, bed) in others.iter().chain([&first]).enumerate() {
        let mut acme = bed.registrants(Some("acme"));
        first.clock.advance_ms(10);
        refused(register(&mut acme, person(&format!("p{n}@example.org"))).await, Code::FailedPrecondition);
    }
    assert_eq!(notes(&tables).await.len(), 1);
    lookers.is_due.store(true, Ordering::SeqCst);
    first.clock.advance_ms(LATER_MS);
    comes("the end of all doubts", async || notes(&tables).await.is_empty()).await;
    let looks = lookers.looks.load(Ordering::SeqCst);
    assert!(register(&mut acme, person("a@example.org")).await.is_ok());
    looks
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_was_taken_too_long_ago_is_given_back_just_before_the_registration_is_stored_on_it() {
    const TOO_LONG_MS: u64 = 9000;
    let folder = tempfile::tempdir().unwrap();
    let tables = open_tables(&folder).await;
    let (clock, claims) = (Arc::new(OnceLock::<Arc<ManualClock>>::new()), Arc::new(AtomicUsize::new(0)));
    let slow: Arc<dyn Tables> = {
        let (clock, claims) = (clock.clone(), claims.clone());
        Hooked::new(&tables, move |sort, table| {
            // The place that anna leaves is one write, that ben takes it two, as there is a row: then his announcement takes long.
            if let Some(clock) = clock.get().filter(|_| sort == Sort::Write) {
                match table {
                    "seats_by_event" => drop(claims.fetch_add(1, Ordering::SeqCst)),
                    _ if table.starts_with("outbox") && claims.load(Ordering::SeqCst) == 3 => {
                        claims.fetch_add(1, Ordering::SeqCst);
                        clock.advance_ms(TOO_LONG_MS);
                    }
                    _ => {}
                }
            }
            std::future::ready(Ok(()))
        })
    };
    let bed = Bed::on(slow).await;
    let mut acme = limited(&bed, 1, true).await;
    let anna = registered(&mut acme, "anna@example.org").await;
    let ben = registered(&mut acme, "ben@example.org").await;
    assert!(clock.set(bed.clock.clone()).is_ok());
    cancel(&mut acme, &anna.registration_id).await;
    comes("the place", async || has_a_place(&acme, &ben).await).await;
    let row = tables.get(table("seats_by_event"), vec!["gala".into(), 0.into(), 0.into()]).await.unwrap().unwrap();
    assert_eq!(row.text("registration_id"), ben.registration_id);
    assert!(row.time("taken_at") >= (START_AT_MS + TOO_LONG_MS) as i64, "taken anew");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_gets_the_place_of_a_registration_that_was_cut_off_after_any_of_its_writes() {
    let mut writes = 0;
    loop {
        let folder = tempfile::tempdir().unwrap();
        let tables = open_tables(&folder).await;
        let (key, profiles) = (MeshKey::generate(), FakeProfiles::default());
        let bed = Bed::with(tables.clone(), &key, profiles.clone()).await;
        limited(&bed, 1, true).await;
        drop(bed);

        let cut = cut_after(writes, &tables);
        let bed = Bed::with(cut, &key, profiles.clone()).await;
        let came_to_its_end = register(&mut bed.registrants(Some("acme")), person("anna@example.org")).await.is_ok();
        drop(bed);

        let bed = Bed::with(tables.clone(), &key, profiles).await;
        let mut acme = bed.registrants(Some("acme"));
        let ben = registered(&mut acme, "ben@example.org").await;
        if came_to_its_end {
            assert_eq!(ben.state(), RegistrationState::Waiting);
            break;
        }
        // Either there is no doubt, as ben has the place, or it is noted down and will be looked into.
        let is_noted = async || has_a_place(&acme, &ben).await || !notes(&tables).await.is_empty();
        comes("a note", is_noted).await;
        bed.clock.advance_ms(LATER_MS);
        comes("the place", async || has_a_place(&acme, &ben).await).await;
        writes += 1;
    }
    assert_eq!(writes, 3, "the place, the person's index row, the registration");
}

async fn two_processes_give_no_place_twice_lose_none_and_promote_in_order(tables: Arc<dyn Tables>) {
    const PLACES: usize = 20;
    const PEOPLE: usize = 150;
    const AT_ONCE: usize = 40;
    let key = MeshKey::generate();
    let first = Bed::with(tables.clone(), &key, FakeProfiles::default()).await;
    let acme = limited(&first, PLACES as i32, true).await;
    let second = first.second(tables.clone(), &key).await;
    let doors = [acme.clone(), second.registrants(Some("acme"))];

    // Everybody comes to both at once; every third changes their mind, which makes room while others still come.
    let coming = stream::iter(0..PEOPLE).map(|n| {
        let (mut here, mut there) = (doors[n % 2].clone(), doors[(n + 1) % 2].clone());
        first.clock.advance_ms(10);
        async move {
            let email = format!("p{n}@example.org");
            let (one, other) = tokio::join!(retried(&mut here, person(&email)), retried(&mut there, person(&email)));
            let id = one.registration.unwrap().registration_id;
            assert_eq!(id, other.registration.unwrap().registration_id);
            if n % 3 == 0 {
                cancel_retried(&mut there, &id).await;
            }
            id
        }
    });
    let ids: Vec<String> = coming.buffer_unordered(AT_ONCE).collect().await;
    let left = PEOPLE - PEOPLE.div_ceil(3);
    are_arranged(&doors, PLACES, left).await;

    let all = join_all(ids.iter().map(async |id| get(&mut acme.clone(), id).await)).await;
    let of = |state| all.iter().filter(move |it| it.state() == state);
    let mut waiting: Vec<&Registration> = of(RegistrationState::Waiting).collect();
    waiting.sort_by_key(|it| {
        let since = it.waiting_since.unwrap();
        (since.seconds, since.nanos, it.registration_id.clone())
    });
    let leaving: Vec<&Registration> = of(RegistrationState::Registered).step_by(3).collect();
    join_all(leaving.iter().zip(doors.iter().cycle()).map(async |(it, door)| {
        cancel_retried(&mut door.clone(), &it.registration_id).await;
    }))
    .await;
    are_arranged(&doors, PLACES, left - leaving.len()).await;
    for (place, it) in waiting.into_iter().enumerate() {
        assert_eq!(has_a_place(&acme, it).await, place < leaving.len(), "{place} of {} promoted", leaving.len());
    }
}

/// All places are taken, by different people, and the rest wait: so say both processes and so say the tables.
async fn are_arranged(doors: &[Registrants; 2], places: usize, active: usize) {
    let expected = (places as i64, (active - places) as i64);
    for door in doors {
        comes("all places and the waiting list", async || {
            let seen = statistics(door).await;
            (seen.registrants, seen.waiting) == expected
        })
        .await;
        let recount = door.clone().recount(RecountRequest { event_id: "gala".into() }).await.unwrap().into_inner();
        let counted = recount.counted.unwrap();
        assert_eq!(((counted.registrants, counted.waiting), recount.differences), (expected, vec![]));
    }
}
