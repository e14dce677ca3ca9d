//! The durable bus's laws on both adapters, and what each survives. The NATS half needs a server.

#![allow(clippy::unwrap_used, reason = "this is test code")]

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead as _, BufReader, Write as _},
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use tempfile::TempDir;
use turnout_platform::{
    bus::{
        Bus as _, Message, NatsBus, NatsOptions,
        durable::{
            self, Consumer, DurableMessage, DurableMetrics, DurableOptions, EventKind, Handler, HandlerError,
            InProcessDurable, SharedDurableBus, conformance,
        },
    },
    clock::SystemClock,
    ids::TenantId,
    lifecycle::Lifecycle,
    random, real_servers,
    tables::{self, Engine, Tables},
    telemetry::Metrics,
};

const ACK_WAIT: Duration = Duration::from_secs(2);
const DEADLINE: Duration = Duration::from_mins(1);

async fn nats(server: &str) -> SharedDurableBus {
    let options = NatsOptions { servers: vec![server.to_owned()], name: "durable".into(), credentials: None };
    let bus = NatsBus::connect(options).await.expect("the options are possible");
    bus.connected().wait_for(|connected| *connected).await.expect("the bus lives");
    bus.durable(&DurableOptions { ack_wait: ACK_WAIT, ..DurableOptions::default() })
}

async fn embedded(folder: &TempDir) -> Arc<dyn Tables> {
    tables::open(&Engine::Embedded { path: folder.path().join("store") }, durable::TABLES).await.expect("tables open")
}

async fn in_process(tables: Arc<dyn Tables>, life: &Lifecycle) -> SharedDurableBus {
    let clock = Arc::new(SystemClock::new());
    InProcessDurable::open_with(tables, clock, life, ACK_WAIT).await.expect("the bus opens")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_in_process_bus_keeps_every_law() {
    let (folder, life) = (TempDir::new().unwrap(), Lifecycle::new());
    let bus = in_process(embedded(&folder).await, &life).await;
    conformance::every_law(&conformance::Pair { a: bus.clone(), b: bus }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nats_keeps_every_law() {
    let Some(server) = real_servers::from_env("TURNOUT_TEST_NATS", "nats_keeps_every_law") else { return };
    conformance::every_law(&conformance::Pair { a: nats(&server).await, b: nats(&server).await }).await;
}

const KILLED_FOLDER: &str = "TURNOUT_TEST_KILLED_BUS";

fn message(n: usize, payload: &'static str) -> DurableMessage {
    let subject = durable::events(&"acme".parse().unwrap(), EventKind::Registration);
    DurableMessage { subject, id: format!("m{n}"), payload: payload.into(), trace: None }
}

fn consumer(name: &'static str) -> Consumer {
    Consumer { name: Some(name), pattern: durable::all_events(EventKind::Registration) }
}

/// Not a test of its own: the process that `what_was_published_survives_a_kill` starts and kills.
#[tokio::test(flavor = "multi_thread")]
async fn the_publisher_that_is_killed() {
    let Some(path) = std::env::var_os(KILLED_FOLDER) else { return };
    let tables = tables::open(&Engine::Embedded { path: path.into() }, durable::TABLES).await.unwrap();
    let bus = in_process(tables, &Lifecycle::new()).await;
    let start: usize = std::env::var("START").unwrap().parse().unwrap();
    // One write call a line: a line is whole or not there.
    let say = |line: String| std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
    // The test runner has begun a line of its own.
    say("\n".to_owned());
    let mut deliveries = bus.consume(consumer("killed")).await.unwrap();
    let publishers = (0..8).map(|publisher| {
        let bus = bus.clone();
        tokio::spawn(async move {
            for n in (start + publisher..).step_by(8) {
                bus.publish(message(n, "x")).await.unwrap();
                say(format!("stored m{n}\n"));
            }
        })
    });
    let _publishers: Vec<_> = publishers.collect();
    loop {
        let delivery = deliveries.next().await.unwrap();
        say(format!("handled {}\n", delivery.id));
        delivery.ack().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_published_survives_a_kill() {
    let folder = TempDir::new().unwrap();
    let (mut stored, mut handled) = (BTreeSet::new(), BTreeSet::new());
    for round in 0..4 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "the_publisher_that_is_killed", "--nocapture", "--test-threads=1"])
            .env(KILLED_FOLDER, folder.path().join("store"))
            .env("START", (round * 1_000_000).to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut note = |line: String| match line.split_once(' ') {
            Some(("stored", id)) => drop(stored.insert(id.to_owned())),
            Some(("handled", id)) => drop(handled.insert(id.to_owned())),
            _ => {}
        };
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        lines.by_ref().take(1000 + 133 * round).for_each(&mut note);
        child.kill().unwrap();
        lines.for_each(note);
        child.wait().unwrap();
    }
    let bus = in_process(embedded(&folder).await, &Lifecycle::new()).await;
    bus.publish(message(usize::MAX, "x")).await.unwrap();
    let mut deliveries = bus.consume(consumer("killed")).await.unwrap();
    loop {
        let delivery = tokio::time::timeout(DEADLINE, deliveries.next()).await.expect("the last comes").unwrap();
        if delivery.id == message(usize::MAX, "x").id {
            break;
        }
        handled.insert(delivery.id.clone());
        delivery.ack().await.unwrap();
    }
    let lost: Vec<_> = stored.iter().filter(|id| !handled.contains(*id)).collect();
    assert!(lost.is_empty(), "{} of {} are lost: {lost:?}", lost.len(), stored.len());
    assert!(stored.len() > 1000, "only {} were stored", stored.len());
}

/// Counts what it is given; some of it is poison, some fails the first time.
#[derive(Default)]
struct Counting {
    handled: Mutex<BTreeMap<String, u32>>,
}

#[tonic::async_trait]
impl Handler for Counting {
    async fn handle(&self, message: &Message) -> Result<(), HandlerError> {
        let text = std::str::from_utf8(&message.payload).map_err(|e| HandlerError::Poison(e.to_string()))?;
        let times = {
            let mut handled = self.handled.lock().unwrap();
            let times = handled.entry(text.to_owned()).or_default();
            *times += 1;
            *times
        };
        match text.split_once(' ') {
            Some(("fails", _)) if times == 1 => Err(HandlerError::Retry("told to fail".into())),
            Some(("panics", _)) if times == 1 => panic!("told to panic"),
            _ => Ok(()),
        }
    }

    fn at_once(&self) -> usize {
        4
    }
}

/// Row 16 of the fault matrix, as far as it needs a bus: the waits of several failures are the runner's own test.
async fn poison_is_given_up_and_everything_else_is_handled(bus: SharedDurableBus) {
    const MESSAGES: usize = 400;
    let (life, handler) = (Lifecycle::new(), Arc::new(Counting::default()));
    let tenant: TenantId = random::sortable_id().parse().unwrap();
    let name: &'static str = format!("poison_{tenant}").leak();
    let subject = durable::events(&tenant, EventKind::Message);
    let consumer = Consumer { name: Some(name), pattern: subject.clone().into() };
    let metrics = DurableMetrics::new(&Metrics::new());
    let publish = async |n: usize, payload: Bytes| {
        let id = format!("{tenant}-{n}");
        bus.publish(DurableMessage { subject: subject.clone(), id, payload, trace: None }).await.unwrap();
    };
    durable::run(&life, bus.clone(), consumer, metrics, handler.clone());
    for n in 0..MESSAGES {
        let payload = match n % 100 {
            13 => Bytes::from_static(&[0xff, 0xfe]),
            50 => Bytes::from(format!("fails {n}")),
            77 => Bytes::from(format!("panics {n}")),
            _ => Bytes::from(format!("good {n}")),
        };
        publish(n, payload).await;
    }
    let done = async {
        loop {
            let (seen, failed) = {
                let handled = handler.handled.lock().unwrap();
                let failed = handled.iter().filter(|(text, times)| !text.starts_with("good") && **times < 2).count();
                (handled.len(), failed)
            };
            let dead = bus.dead_letters(name).await.unwrap();
            if seen == MESSAGES - 4 && failed == 0 && dead.len() == 4 {
                return dead;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let dead = tokio::time::timeout(DEADLINE, done).await.expect("all is handled or given up");
    let ids: BTreeSet<_> = dead.iter().map(|letter| letter.id.clone()).collect();
    assert_eq!(ids, [13, 113, 213, 313].map(|n| format!("{tenant}-{n}")).into());
    assert!(dead.iter().all(|letter| letter.deliveries == 1), "{dead:?}");
    life.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn poison_is_given_up_on_the_in_process_bus() {
    let (folder, life) = (TempDir::new().unwrap(), Lifecycle::new());
    poison_is_given_up_and_everything_else_is_handled(in_process(embedded(&folder).await, &life).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn poison_is_given_up_on_nats() {
    let Some(server) = real_servers::from_env("TURNOUT_TEST_NATS", "poison_is_given_up_on_nats") else { return };
    poison_is_given_up_and_everything_else_is_handled(nats(&server).await).await;
}
