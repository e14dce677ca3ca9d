//! How long lists of many registrants take, on the embedded store or, with `TURNOUT_TEST_CQL=host:port`, on a CQL server:
//! `cargo run --release -p turnout-registration --example registrants -- 100000`
//!
//! Prints figures and asserts nothing about speed: that depends on the machine.
#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on has failed")]

#[path = "../tests/rpc/profiles.rs"]
#[allow(dead_code, reason = "shared with tests, which look into more of it")]
mod profiles;
#[path = "../tests/roll/world.rs"]
#[allow(dead_code, reason = "shared with tests, which do more")]
mod world;

use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, stream};
use turnout_platform::auth::Role;
use turnout_proto::registration::v1::{
    Act, ExportRegistrantsRequest, ListRegistrantsRequest, RecountRequest, RegisterRequest, RegistrantFilter,
    RegistrantOrder,
};

use world::{Process, World, list};

/// Registrations on their way at the same time.
const AT_ONCE: usize = 64;
/// Questions of each sort.
const QUESTIONS: usize = 200;

const FIRST: [&str; 12] =
    ["Anna", "Émile", "Jürgen", "Søren", "Łucja", "Zoë", "Maria", "José", "Aino", "Väinö", "Chloé", "Bob"];
const LAST: [&str; 10] =
    ["Müller", "Virtanen", "García", "O'Brien", "Nowak", "Smith", "Järvinen", "Dupont", "Rossi", "Øst"];

#[tokio::main]
async fn main() {
    let people: usize = std::env::args().nth(1).map_or(100_000, |people| people.parse().expect("a number of people"));
    let on_cql = std::env::var("TURNOUT_TEST_CQL").is_ok();
    let world = if on_cql { World::cql("registrants").await.unwrap() } else { World::embedded().await };
    let process = world.process().await;
    println!("{people} registrants, {}", if on_cql { "CQL" } else { "embedded store" });

    let begun = Instant::now();
    let registering = stream::iter(0..people).map(|n| process.register(person(&process, n)));
    registering.buffer_unordered(AT_ONCE).for_each(|_| async {}).await;
    println!("registered in {:.1?}, resident {}", begun.elapsed(), resident());

    // A process that has read nothing: the first question reads the tables. A question has 10 seconds; the reading goes on.
    let fresh = world.process().await;
    let begun = Instant::now();
    let request = || ListRegistrantsRequest { event_id: world.event.clone(), ..ListRegistrantsRequest::default() };
    while list(&mut fresh.member(Role::Organiser), request()).await.is_err() {}
    println!("first question of a fresh process {:.1?}, resident {}", begun.elapsed(), resident());

    for order in [
        RegistrantOrder::RegisteredAt,
        RegistrantOrder::Name,
        RegistrantOrder::Email,
        RegistrantOrder::EnteredAt,
        RegistrantOrder::Payment,
    ] {
        let begun = Instant::now();
        fresh.list(sorted(order)).await;
        println!("first page by {order:?}, sorted for the first time {:.1?}", begun.elapsed());
        measured(&format!("first page by {order:?}"), (0..QUESTIONS).map(|_| fresh.list(sorted(order)))).await;
    }
    let searches = ["anna mul", "emile", "p77", "+49170000", "nobody", "an", "o'brien", "virt 5"];
    let asked = searches.iter().cycle().take(QUESTIONS);
    measured("search", asked.map(|words| fresh.list(searching(words)))).await;
    let request = RecountRequest { event_id: world.event.clone() };
    let begun = Instant::now();
    let recount = fresh.member(Role::Owner).recount(request).await;
    println!("recount {:.1?}: {:?}", begun.elapsed(), recount.map(|found| found.into_inner().differences));

    let (begun, before) = (Instant::now(), resident());
    let act = Some(Act { reason: "measuring".to_owned() });
    let request = ExportRegistrantsRequest { event_id: world.event.clone(), act, ..Default::default() };
    let mut parts = fresh.member(Role::Organiser).export_registrants(request).await.unwrap().into_inner();
    let mut rows = 0;
    while let Some(part) = parts.message().await.unwrap() {
        rows += part.registrations.len();
    }
    println!("export of {rows} in {:.1?}, resident before {before}, after {}", begun.elapsed(), resident());
}

fn person(process: &Process, n: usize) -> RegisterRequest {
    let name = format!("{} {} {n}", FIRST[n % FIRST.len()], LAST[n / FIRST.len() % LAST.len()]);
    RegisterRequest { phone: format!("+49170{n:07}"), ..process.person(&format!("p{n}@example.org"), &name) }
}

fn sorted(order: RegistrantOrder) -> ListRegistrantsRequest {
    ListRegistrantsRequest { order: order.into(), ..ListRegistrantsRequest::default() }
}

fn searching(words: &str) -> ListRegistrantsRequest {
    let filter = Some(RegistrantFilter { search: words.to_owned(), ..RegistrantFilter::default() });
    ListRegistrantsRequest { filter, ..ListRegistrantsRequest::default() }
}

/// Asks one question after another.
async fn measured<F: Future>(what: &str, questions: impl Iterator<Item = F>) {
    let mut times: Vec<Duration> = Vec::new();
    for question in questions {
        let begun = Instant::now();
        question.await;
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)];
    println!("{what}: p50 {:.1?}, p99 {:.1?}", at(50), at(99));
}

/// The memory of this process now.
fn resident() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or("VmRSS: unknown");
    line.trim_start_matches("VmRSS:").trim().to_owned()
}
