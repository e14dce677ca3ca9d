//! How long the list of many people of a tenant takes, on the embedded store or, with `TURNOUT_TEST_CQL=host:port`, on a CQL server:
//! `cargo run --release -p turnout-profiles --example people -- 100000`
//!
//! Prints figures and asserts nothing about speed: that depends on the machine. The bound that they are compared with is a search in
//! 100 ms in 99 of 100 cases.
#![allow(clippy::unwrap_used, dead_code, reason = "it borrows the tests' set-up and uses a part of it")]

#[path = "../tests/stage/postbox.rs"]
mod postbox;
#[path = "../tests/stage/stage.rs"]
mod stage;
#[path = "../tests/stage/tables.rs"]
mod tables;

use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, stream};
use tonic::{Code, Status};
use turnout_platform::auth::Role;
use turnout_proto::profiles::v1::{
    EnsurePersonRequest, ExportPeopleRequest, ListPeopleRequest, ListPeopleResponse, Person, PersonOrder,
    UpdatePersonRequest,
};

use self::stage::{People, Process, Stage};

/// People on their way at the same time.
const AT_ONCE: usize = 64;
/// How often the processes' clocks are set.
const TICK: Duration = Duration::from_millis(5);
/// Questions of each sort.
const QUESTIONS: usize = 200;
/// How long the store may be too busy for one call.
const BUSY_MAX: Duration = Duration::from_mins(1);

const FIRST: [&str; 6] = ["Anna", "Émile", "Jürgen", "Søren", "Łucja", "Zoë"];
const LAST: [&str; 7] = ["Müller", "Virtanen", "García", "O'Brien", "Nowak", "Smith", "Järvinen"];
/// Searches of each sort: common and rare, found and not.
const SEARCHES: [(&str, [&str; 4]); 3] = [
    ("name", ["anna mul", "EMILE", "o'brien", "virt 5"]),
    ("e-mail", ["p77", "p99999@example.org", "example", "nobody@"]),
    ("phone", ["+49170000", "0170 12345", "567", "+358"]),
];

#[tokio::main]
async fn main() {
    let people: usize = std::env::args().nth(1).map_or(100_000, |people| people.parse().expect("a number of people"));
    // The last stage is the CQL server's, if there is one.
    let mut stages = Stage::each("people").await;
    println!("{people} people, {}", if stages.len() > 1 { "CQL" } else { "embedded store" });
    let stage = stages.pop().unwrap();
    let process = Process::on(&stage).await;
    let begun = Instant::now();
    tick(&process, begun);
    let ensuring = stream::iter(0..people).map(|n| ensured(process.people(Some(&stage.tenant)), n));
    let mut made: Vec<Person> = ensuring.buffer_unordered(AT_ONCE).collect().await;
    println!("made in {:.1?}, resident {}", begun.elapsed(), resident());
    // Some are changed later.
    made.truncate(1000);

    let fresh = Process::on(&stage).await;
    tick(&fresh, begun);
    let mut organiser = fresh.people_as(&stage.tenant, "member-1", Role::Organiser);
    let begun = Instant::now();
    list(&mut organiser, ListPeopleRequest::default()).await;
    println!("first question of a fresh process {:.1?}, resident {}", begun.elapsed(), resident());
    for order in [PersonOrder::CreatedAt, PersonOrder::Name, PersonOrder::Email] {
        let request = ListPeopleRequest { order: order.into(), ..ListPeopleRequest::default() };
        measured(&format!("first page by {order:?}"), &organiser, &[request]).await;
    }
    searched(&organiser, "search").await;

    // The same while another process changes people.
    let changing = async {
        for n in 0.. {
            change(process.people(Some(&stage.tenant)), &made[n % made.len()], n).await;
        }
    };
    tokio::select! {
        () = changing => {}
        () = searched(&organiser, "search during changes") => {}
    }

    let (begun, before) = (Instant::now(), resident());
    let request = ExportPeopleRequest { reason: "measuring".to_owned(), ..ExportPeopleRequest::default() };
    let mut parts = organiser.export_people(request).await.unwrap().into_inner();
    let mut rows = 0;
    while let Some(part) = parts.message().await.unwrap() {
        rows += part.people.len();
    }
    let (took, after) = (begun.elapsed(), resident());
    let a_second = rows as f64 / took.as_secs_f64();
    println!("export of {rows} in {took:.1?}, {a_second:.0} rows/s, resident before {before}, after {after}");
}

/// Lets the clock of a process go as ours does. It is right when this returns: who is let in now has to be let in a minute later.
fn tick(process: &Process, begun: Instant) {
    let clock = process.clock.clone();
    let mut told_ms = 0;
    let mut tell = move || {
        let now_ms = begun.elapsed().as_millis() as u64;
        clock.advance_ms(now_ms - told_ms);
        told_ms = now_ms;
    };
    tell();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(TICK).await;
            tell();
        }
    });
}

async fn ensured(people: People, n: usize) -> Person {
    let name = format!("{} {} {n}", FIRST[n % FIRST.len()], LAST[n / FIRST.len() % LAST.len()]);
    let (email, phone) = (format!("p{n}@example.org"), format!("+49170{n:07}"));
    let request = EnsurePersonRequest { email, name, phone, ..EnsurePersonRequest::default() };
    let call = || {
        let (mut people, request) = (people.clone(), request.clone());
        async move { people.ensure_person(request).await }
    };
    again(call).await.into_inner().person.unwrap()
}

/// Another name. One that a change has overtaken is left out.
async fn change(mut people: People, person: &Person, n: usize) {
    let request = UpdatePersonRequest {
        person: Some(Person { name: format!("{} {n}", person.name), ..person.clone() }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["name".to_owned()] }),
        ..UpdatePersonRequest::default()
    };
    if let Err(refused) = people.update_person(request).await {
        assert!(is_busy(&refused) || refused.code() == Code::Aborted, "{refused:?}");
    }
}

async fn searched(organiser: &People, what: &str) {
    for (by, words) in SEARCHES {
        let asked = words.map(|words| ListPeopleRequest { search: words.to_owned(), ..ListPeopleRequest::default() });
        measured(&format!("{what} by {by}"), organiser, &asked).await;
    }
}

/// Asks these in turns, one after another.
async fn measured(what: &str, organiser: &People, asked: &[ListPeopleRequest]) {
    let mut times = Vec::new();
    for request in asked.iter().cycle().take(QUESTIONS) {
        let begun = Instant::now();
        list(&mut organiser.clone(), request.clone()).await;
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)];
    println!("{what}: p50 {:.1?}, p99 {:.1?}", at(50), at(99));
}

async fn list(organiser: &mut People, request: ListPeopleRequest) -> ListPeopleResponse {
    let call = || {
        let (mut organiser, request) = (organiser.clone(), request.clone());
        async move { organiser.list_people(request).await }
    };
    again(call).await.into_inner()
}

/// Asks until it is answered, as any caller may.
async fn again<T, F: Future<Output = Result<T, Status>>>(call: impl Fn() -> F) -> T {
    let until = Instant::now() + BUSY_MAX;
    loop {
        match call().await {
            Ok(answer) => return answer,
            Err(refused) => assert!(is_busy(&refused) && Instant::now() < until, "{refused:?}"),
        }
    }
}

fn is_busy(refused: &Status) -> bool {
    matches!(refused.code(), Code::ResourceExhausted | Code::Unavailable | Code::DeadlineExceeded)
}

/// The memory of this process now.
fn resident() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or("VmRSS: unknown");
    line.trim_start_matches("VmRSS:").trim().to_owned()
}
