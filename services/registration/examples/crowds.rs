//! What large events cost: places that come free at once while many wait, and many who ask for a place of an event that has none left. On the
//! embedded store or, with `TURNOUT_TEST_CQL=host:port`, on a CQL server:
//! `cargo run --release -p turnout-registration --example crowds -- 10000 1000 100000`
//!
//! The arguments are how many wait, how many places come free, and how many places the sold-out event has. Prints figures and asserts
//! nothing about speed: that depends on the machine. What is counted are questions to the tables, which do not.
#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on has failed")]

#[path = "../tests/rpc/hooked.rs"]
#[allow(dead_code, reason = "shared with tests, which hook more of it")]
mod hooked;
#[path = "../tests/rpc/profiles.rs"]
#[allow(dead_code, reason = "shared with tests, which look into more of it")]
mod profiles;
#[path = "../tests/roll/world.rs"]
#[allow(dead_code, reason = "shared with tests, which do more")]
mod world;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, stream};
use turnout_platform::{
    clock::ManualClock,
    tables::{Row, Table, Tables, Value},
};
use turnout_proto::registration::v1::Event;
use turnout_registration::TABLES;

use hooked::{Hooked, Sort};
use world::{Process, START_AT_MS, World};

/// Registrations on their way at the same time.
const AT_ONCE: usize = 64;
/// Places that are taken before anybody waits.
const PLACES: usize = 10;
/// Those who ask for a place of the sold-out event.
const ASK: usize = 640;
/// Places of one partition, as the tables are declared.
const SEATS_PER_CHUNK: usize = 1000;
/// Between two looks whether all who can have a place have one, and two steps of the clock.
const PAUSE: Duration = Duration::from_millis(10);

/// Questions to the tables.
#[derive(Default)]
struct Asked {
    waiting_lists: AtomicUsize,
    registrations: AtomicUsize,
    places: AtomicUsize,
}

impl Asked {
    fn note(&self, sort: Sort, table: &str) {
        let counter = match (sort, table) {
            (Sort::Range, "waiting_by_event") => &self.waiting_lists,
            (Sort::Read, "registrations_by_event") => &self.registrations,
            (Sort::Range, "seats_by_event") => &self.places,
            _ => return,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    fn take(&self) -> [usize; 3] {
        [&self.waiting_lists, &self.registrations, &self.places].map(|counter| counter.swap(0, Ordering::Relaxed))
    }
}

#[tokio::main]
async fn main() {
    let number = |n: usize, usual| std::env::args().nth(n).map_or(usual, |n| n.parse().expect("a number"));
    let (people, free, sold_out) = (number(1, 10_000), number(2, 1000), number(3, 100_000));
    let on_cql = std::env::var("TURNOUT_TEST_CQL").is_ok();
    let mut world = if on_cql { World::cql("crowds").await.unwrap() } else { World::embedded().await };
    println!("{}", if on_cql { "CQL" } else { "embedded store" });
    let asked = Arc::new(Asked::default());
    let tables = world.tables.clone();
    world.tables = {
        let asked = asked.clone();
        Hooked::new(&tables, move |sort, table| {
            asked.note(sort, table);
            std::future::ready(Ok(()))
        })
    };
    let process = world.process().await;
    tokio::spawn(run_clock(world.clock.clone()));
    promote(&process, &asked, people, free).await;
    drop(process);
    let process = world.process().await;
    refuse(&process, &tables, &asked, sold_out).await;
}

/// What is believed of places ends by the clock.
async fn run_clock(clock: Arc<ManualClock>) {
    loop {
        tokio::time::sleep(PAUSE).await;
        clock.advance_ms(PAUSE.as_millis() as u64);
    }
}

async fn promote(process: &Process, asked: &Asked, people: usize, free: usize) {
    let limited = |capacity: usize| Event { capacity: capacity as i32, waiting_list: true, ..Event::default() };
    process.update_event(&event_of(process), limited(PLACES), "capacity waiting_list").await;
    let begun = Instant::now();
    let person = |n: usize| process.person(&format!("p{n}@example.org"), "Anna");
    let coming = stream::iter(0..PLACES + people).map(|n| process.register(person(n)));
    coming.buffer_unordered(AT_ONCE).collect::<Vec<_>>().await;
    until(process, PLACES).await;
    let [lists, ..] = asked.take();
    println!("{people} begin to wait: {:.1?}, {lists} questions for the list", begun.elapsed());

    let begun = Instant::now();
    process.update_event(&event_of(process), limited(PLACES + free), "capacity waiting_list").await;
    until(process, PLACES + free).await;
    let took = begun.elapsed();
    // Those who were promoted have told of it: until nothing more is asked.
    let mut before = [0; 3];
    loop {
        tokio::time::sleep(PAUSE * 50).await;
        let mut now = asked.take();
        let is_quiet = now[0] == 0;
        for (now, before) in now.iter_mut().zip(before) {
            *now += before;
        }
        before = now;
        if is_quiet {
            break;
        }
    }
    let [lists, registrations, places] = before;
    println!(
        "{free} places come free: all have one after {took:.1?}; questions until it is quiet, after {:.1?}: {lists} for the list, \
         {registrations} for a registration, {places} for the places of a chunk",
        begun.elapsed(),
    );
}

async fn refuse(process: &Process, tables: &Arc<dyn Tables>, asked: &Asked, places: usize) {
    let id = format!("sold-{}", event_of(process));
    process.create_event(&id).await;
    let settings = Event { capacity: places as i32, published: true, ..Event::default() };
    process.update_event(&id, settings, "capacity published").await;
    let seats: &'static Table = TABLES.iter().find(|table| table.name == "seats_by_event").unwrap();
    let filling = stream::iter(0..places).map(|seat| {
        let row = Row::new(seats)
            .set("event_id", id.as_str())
            .set("chunk", (seat / SEATS_PER_CHUNK) as i64)
            .set("seat", seat as i64)
            .set("registration_id", "somebody")
            .set("taken_at", Value::Time(START_AT_MS as i64))
            .set("version", 1_i64);
        async move { assert!(tables.put_if_absent(row).await.unwrap().is_none()) }
    });
    filling.buffer_unordered(AT_ONCE).for_each(std::future::ready).await;
    asked.take();
    let begun = Instant::now();
    let asking = stream::iter(0..ASK).map(|n| {
        let request = process.person(&format!("late{n}@example.org"), "Ben");
        let request = turnout_proto::registration::v1::RegisterRequest { event_id: id.clone(), ..request };
        async move {
            let begun = Instant::now();
            assert!(process.service().register(request).await.is_err(), "the event is sold out");
            begun.elapsed()
        }
    });
    let mut times: Vec<Duration> = asking.buffer_unordered(AT_ONCE).collect().await;
    times.sort_unstable();
    let [.., chunks] = asked.take();
    println!(
        "{ASK} ask for one of {places} places that are taken, {AT_ONCE} at once: {:.1?}, p50 {:.1?}, p99 {:.1?}; {chunks} questions for the \
         places of a chunk",
        begun.elapsed(),
        times[ASK / 2],
        times[ASK * 99 / 100],
    );
}

fn event_of(process: &Process) -> String {
    process.person("", "").event_id
}

async fn until(process: &Process, places: usize) {
    while process.statistics().await.registrants < places as i64 {
        tokio::time::sleep(PAUSE).await;
    }
}
