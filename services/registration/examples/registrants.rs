//! How long lists of many registrants take, on the embedded store or, with `TURNOUT_TEST_CQL=host:port`, on a CQL server:
//! `cargo run --release -p turnout-registration --example registrants -- 100000`
//!
//! Prints figures and asserts nothing about speed: that depends on the machine. The bounds that they are compared with are a search in
//! 100 ms and a first page in 150 ms, in 99 of 100 cases.
#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on has failed")]

#[path = "../tests/rpc/profiles.rs"]
#[allow(dead_code, reason = "shared with tests, which look into more of it")]
mod profiles;
#[path = "../tests/roll/world.rs"]
#[allow(dead_code, reason = "shared with tests, which do more")]
mod world;

use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, stream};
use tonic::Code;
use turnout_platform::auth::Role;
use turnout_proto::registration::v1::{
    Act, ExportRegistrantsRequest, ListRegistrantsRequest, RecountRequest, RegisterRequest, RegistrantFilter,
    RegistrantOrder, Registration, RegistrationState, UpdateRegistrationRequest,
};

use world::{Process, World, is_busy, list};

/// Registrations on their way at the same time.
const AT_ONCE: usize = 64;
/// Questions of each sort.
const QUESTIONS: usize = 200;
/// Pages after each other, from the middle of the list on.
const PAGES_DEEP: usize = 100;
const PAGE_ROWS: i32 = 200;

const FIRST: [&str; 12] =
    ["Anna", "Émile", "Jürgen", "Søren", "Łucja", "Zoë", "Maria", "José", "Aino", "Väinö", "Chloé", "Bob"];
const LAST: [&str; 10] =
    ["Müller", "Virtanen", "García", "O'Brien", "Nowak", "Smith", "Järvinen", "Dupont", "Rossi", "Øst"];
/// Searches of each sort: common and rare, found and not.
const SEARCHES: [(&str, [&str; 4]); 3] = [
    ("name", ["anna mul", "EMILE", "o'brien", "virt 5"]),
    ("e-mail", ["p77", "p99999@example.org", "example", "nobody@"]),
    ("phone", ["+49170000", "0170 12345", "567", "+358"]),
];
const ORDERS: [RegistrantOrder; 5] = [
    RegistrantOrder::RegisteredAt,
    RegistrantOrder::Name,
    RegistrantOrder::Email,
    RegistrantOrder::EnteredAt,
    RegistrantOrder::Payment,
];

#[tokio::main]
async fn main() {
    let people: usize = std::env::args().nth(1).map_or(100_000, |people| people.parse().expect("a number of people"));
    let on_cql = std::env::var("TURNOUT_TEST_CQL").is_ok();
    let world = if on_cql { World::cql("registrants").await.unwrap() } else { World::embedded().await };
    let process = world.process().await;
    println!("{people} registrants, {}", if on_cql { "CQL" } else { "embedded store" });

    let begun = Instant::now();
    let registering = stream::iter(0..people).map(|n| process.register(person(&process, n)));
    let mut registered: Vec<Registration> = registering.buffer_unordered(AT_ONCE).collect().await;
    println!("registered in {:.1?}, resident {}", begun.elapsed(), resident());
    // Some are changed later.
    registered.truncate(1000);

    let fresh = world.process().await;
    first_question(&fresh, &world).await;
    for order in ORDERS {
        let begun = Instant::now();
        fresh.list(sorted(order)).await;
        println!("first page by {order:?}, sorted for the first time {:.1?}", begun.elapsed());
        measured(&format!("first page by {order:?}"), (0..QUESTIONS).map(|_| fresh.list(sorted(order)))).await;
    }
    searched(&fresh, "search").await;
    let filter = RegistrantFilter {
        states: vec![RegistrationState::Registered.into()],
        entered: Some(false),
        ..RegistrantFilter::default()
    };
    let filtered = || ListRegistrantsRequest { filter: Some(filter.clone()), ..sorted(RegistrantOrder::Name) };
    measured("first page of a filter", (0..QUESTIONS).map(|_| fresh.list(filtered()))).await;
    deep(&fresh).await;

    // The same while others change what is listed, in another process.
    let changing = async {
        for n in 0.. {
            change(&process, &registered[n % registered.len()], n).await;
        }
    };
    tokio::select! {
        () = changing => {}
        () = async {
            searched(&fresh, "search during changes").await;
            let by_name = || sorted(RegistrantOrder::Name);
            measured("first page by Name during changes", (0..QUESTIONS).map(|_| fresh.list(by_name()))).await;
        } => {}
    }

    let request = RecountRequest { event_id: world.event.clone() };
    let begun = Instant::now();
    match fresh.member(Role::Owner).recount(request).await {
        Ok(found) => println!("recount {:.1?}, differences {:?}", begun.elapsed(), found.into_inner().differences),
        Err(refused) => println!("recount {:.1?}: {:?}", begun.elapsed(), refused.code()),
    }
    export(&fresh, &world).await;
}

/// Of a process that has read nothing. What it is answered until the tables have been read.
async fn first_question(fresh: &Process, world: &World) {
    let (begun, mut told) = (Instant::now(), Vec::new());
    let request = || ListRegistrantsRequest { event_id: world.event.clone(), ..ListRegistrantsRequest::default() };
    loop {
        let asked = Instant::now();
        match list(&mut fresh.member(Role::Organiser), request()).await {
            Ok(_) => break,
            Err(refused) if is_busy(&refused) => {
                told.push(format!("{:?} after {:.1?}", refused.code(), asked.elapsed()));
            }
            Err(refused) => panic!("{refused:?}"),
        }
    }
    println!(
        "first question of a fresh process {:.1?}, told before {told:?}, resident {}",
        begun.elapsed(),
        resident()
    );
}

async fn searched(fresh: &Process, what: &str) {
    for (by, words) in SEARCHES {
        let asked = words.iter().cycle().take(QUESTIONS);
        measured(&format!("{what} by {by}"), asked.map(|words| fresh.list(searching(words)))).await;
    }
}

async fn deep(fresh: &Process) {
    let middle = ListRegistrantsRequest { page_size: 500, ..sorted(RegistrantOrder::Name) };
    let mut page = fresh.list(middle.clone()).await;
    let mut passed = page.registrations.len() as i64;
    while passed * 2 < page.total {
        page = fresh.list(ListRegistrantsRequest { page_token: page.next_page_token, ..middle.clone() }).await;
        passed += page.registrations.len() as i64;
    }
    let mut times = Vec::new();
    for _ in 0..PAGES_DEEP {
        let begun = Instant::now();
        let request =
            ListRegistrantsRequest { page_size: PAGE_ROWS, page_token: page.next_page_token, ..middle.clone() };
        page = fresh.list(request).await;
        times.push(begun.elapsed());
        if page.next_page_token.is_empty() {
            break;
        }
    }
    print(&format!("pages of {PAGE_ROWS} from the middle on"), times);
}

/// Rows, and what they take of memory while they come.
async fn export(fresh: &Process, world: &World) {
    let (begun, before) = (Instant::now(), resident());
    let act = Some(Act { reason: "measuring".to_owned() });
    let request = ExportRegistrantsRequest { event_id: world.event.clone(), act, ..Default::default() };
    let mut parts = fresh.member(Role::Organiser).export_registrants(request).await.unwrap().into_inner();
    let (mut rows, mut told) = (0, 0);
    while let Some(part) = parts.message().await.unwrap() {
        rows += part.registrations.len();
        let percent = rows * 100 / part.matching.max(1) as usize;
        if percent >= told + 25 {
            told = percent;
            println!("export: {percent} % of {}, resident {}", part.matching, resident());
        }
    }
    let (took, after) = (begun.elapsed(), resident());
    let a_second = rows as f64 / took.as_secs_f64();
    println!("export of {rows} in {took:.1?}, {a_second:.0} rows/s, resident before {before}, after {after}");
}

fn person(process: &Process, n: usize) -> RegisterRequest {
    let name = format!("{} {} {n}", FIRST[n % FIRST.len()], LAST[n / FIRST.len() % LAST.len()]);
    RegisterRequest { phone: format!("+49170{n:07}"), ..process.person(&format!("p{n}@example.org"), &name) }
}

/// Another name; one that is too busy is left out.
async fn change(process: &Process, registration: &Registration, n: usize) {
    let name = format!("{} {n}", registration.name);
    let request = UpdateRegistrationRequest {
        registration: Some(Registration { name, ..registration.clone() }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["name".to_owned()] }),
        ..UpdateRegistrationRequest::default()
    };
    if let Err(refused) = process.service().update_registration(request).await {
        assert!(is_busy(&refused) || refused.code() == Code::Aborted, "{refused:?}");
    }
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
    print(what, times);
}

fn print(what: &str, mut times: Vec<Duration>) {
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
