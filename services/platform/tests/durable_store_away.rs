//! What the durable bus does while the store that a handler needs is away: nothing is given up, nothing is overtaken, whatever ends
//! and begins meanwhile. On both buses; the NATS half and the killed store need servers, the latter one of this test's own.

#![allow(clippy::unwrap_used, reason = "this is test code")]

use std::{
    path::Path,
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tempfile::TempDir;
use turnout_platform::{
    bus::{
        Bus as _, Message, NatsBus, NatsOptions,
        durable::{
            self, Consumer, DELIVERIES_MAX, DurableMessage, DurableMetrics, DurableOptions, EventKind, Handler,
            HandlerError, InProcessDurable, SharedDurableBus, Subject,
        },
    },
    clock::SystemClock,
    failure::Failure,
    ids::TenantId,
    lifecycle::Lifecycle,
    random, real_servers,
    tables::{self, Engine, Row, Table, Tables, int, text},
    telemetry::Metrics,
};

/// Short, so that what is not held would be delivered again several times during the outage.
const ACK_WAIT: Duration = Duration::from_secs(1);
/// Starts of a server, and the waits of more tries than a message has.
const DEADLINE: Duration = Duration::from_mins(2);

async fn nats(server: &str) -> SharedDurableBus {
    let options = NatsOptions { servers: vec![server.to_owned()], name: "away".into(), credentials: None };
    let bus = NatsBus::connect(options).await.unwrap();
    bus.connected().wait_for(|connected| *connected).await.unwrap();
    bus.durable(&DurableOptions { ack_wait: ACK_WAIT, ..DurableOptions::default() })
}

async fn embedded(folder: &TempDir) -> Arc<dyn Tables> {
    tables::open(&Engine::Embedded { path: folder.path().join("bus") }, durable::TABLES).await.unwrap()
}

async fn in_process(tables: Arc<dyn Tables>, life: &Lifecycle) -> SharedDurableBus {
    InProcessDurable::open_with(tables, Arc::new(SystemClock::new()), life, ACK_WAIT).await.unwrap()
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let so = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(DEADLINE, so).await.unwrap_or_else(|_| panic!("it never happens: {what}"));
}

/// A consumer and a subject that nobody else uses.
#[derive(Clone)]
struct Place {
    tenant: TenantId,
    subject: Subject,
    name: &'static str,
}

impl Place {
    fn new() -> Self {
        let tenant: TenantId = random::sortable_id().parse().unwrap();
        let name = format!("away_{tenant}").leak();
        Self { subject: durable::events(&tenant, EventKind::Registration), tenant, name }
    }

    async fn publish(&self, bus: &SharedDurableBus, numbers: impl IntoIterator<Item = i64>) {
        for n in numbers {
            let (id, payload) = (format!("{}-{n}", self.tenant), n.to_string().into());
            bus.publish(DurableMessage { subject: self.subject.clone(), id, payload, trace: None }).await.unwrap();
        }
    }

    fn run(&self, life: &Lifecycle, bus: &SharedDurableBus, handler: Arc<dyn Handler>) {
        let consumer = Consumer { name: Some(self.name), pattern: self.subject.clone().into() };
        durable::run(life, bus.clone(), consumer, DurableMetrics::new(&Metrics::new()), handler);
    }
}

fn number(message: &Message) -> i64 {
    std::str::from_utf8(&message.payload).unwrap().parse().unwrap()
}

static DONE: Table = Table {
    name: "done_by_consumer",
    question: "Which messages has a consumer handled?",
    partition: &[text("consumer")],
    clustering: &[int("number")],
    columns: &[],
    lifetime_s: None,
};

/// Stores each message, one after another, and remembers all tries and what was stored.
struct Storing {
    tables: Arc<dyn Tables>,
    consumer: &'static str,
    tried: Mutex<Vec<i64>>,
    stored: Mutex<Vec<i64>>,
}

#[tonic::async_trait]
impl Handler for Storing {
    async fn handle(&self, message: &Message) -> Result<(), HandlerError> {
        let n = number(message);
        self.tried.lock().unwrap().push(n);
        let row = Row::new(&DONE).set("consumer", self.consumer).set("number", n);
        self.tables.put(row).await.map_err(Failure::from)?;
        self.stored.lock().unwrap().push(n);
        Ok(())
    }
}

/// A CQL server of this test's own.
struct Server {
    folder: TempDir,
    port: u16,
}

impl Server {
    fn start() -> Self {
        let server = Self { folder: TempDir::new().unwrap(), port: real_servers::free_port() };
        server.start_again();
        server
    }

    fn run(&self, verb: &str, port: Option<String>) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/servers/cql");
        let status = Command::new(&script).arg(verb).arg(self.folder.path()).args(port).status().unwrap();
        assert!(status.success(), "{} {verb}: {status}", script.display());
    }

    fn start_again(&self) {
        self.run("start", Some(self.port.to_string()));
    }

    fn kill(&self) {
        let pid = std::fs::read_to_string(self.folder.path().join("pid")).unwrap();
        assert!(Command::new("kill").args(["-9", pid.trim()]).status().unwrap().success());
        self.run("stop", None);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.run("stop", None);
    }
}

/// Row 11 of the fault matrix, for what comes over the bus.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_killed_and_comes_back_costs_no_message_and_no_order() {
    const BEFORE: i64 = 5;
    const ALL: i64 = 30;
    let test = "a_store_that_is_killed_and_comes_back_costs_no_message_and_no_order";
    let Some(_) = real_servers::from_env("TURNOUT_TEST_CQL_SERVER", test) else { return };
    let Some(nats_server) = real_servers::from_env("TURNOUT_TEST_NATS", test) else { return };
    let store = Server::start();
    let (nodes, keyspace) = (vec![format!("127.0.0.1:{}", store.port)], "away".to_owned());
    let engine = Engine::Cql { nodes, keyspace, replication_factor: 1, user: None, password: None };
    let tables = tables::open(&engine, &[&DONE]).await.unwrap();
    let (folder, life) = (TempDir::new().unwrap(), Lifecycle::new());
    let mut consumers = Vec::new();
    for bus in [nats(&nats_server).await, in_process(embedded(&folder).await, &life).await] {
        let place = Place::new();
        let (tried, stored) = (Mutex::default(), Mutex::default());
        let handler = Arc::new(Storing { tables: tables.clone(), consumer: place.name, tried, stored });
        place.run(&life, &bus, handler.clone());
        place.publish(&bus, 0..BEFORE).await;
        until("it stores", || handler.stored.lock().unwrap().len() as i64 == BEFORE).await;
        consumers.push((bus, place, handler));
    }
    store.kill();
    for (bus, place, handler) in &consumers {
        place.publish(bus, BEFORE..ALL).await;
        let tries = || handler.tried.lock().unwrap().iter().filter(|n| **n == BEFORE).count();
        until("more tries than a message has", || tries() > DELIVERIES_MAX as usize + 1).await;
        let tried = handler.tried.lock().unwrap().clone();
        assert!(tried.iter().all(|n| *n <= BEFORE), "the next was tried before its turn: {tried:?}");
    }
    store.start_again();
    for (bus, place, handler) in &consumers {
        until("all is stored", || handler.stored.lock().unwrap().contains(&(ALL - 1))).await;
        assert_eq!(*handler.stored.lock().unwrap(), (0..ALL).collect::<Vec<_>>(), "each once, and in order");
        let range = tables::Range::of(&DONE, vec![place.name.into()]);
        assert_eq!(tables.range(range).await.unwrap().rows.len() as i64, ALL);
        assert_eq!(bus.dead_letters(place.name).await.unwrap(), []);
    }
    life.stop();
}

/// Does nothing while it is told that its store is away.
#[derive(Default)]
struct Told {
    is_there: AtomicBool,
    tried: Mutex<Vec<i64>>,
}

#[tonic::async_trait]
impl Handler for Told {
    async fn handle(&self, message: &Message) -> Result<(), HandlerError> {
        if !self.is_there.load(Ordering::SeqCst) {
            self.tried.lock().unwrap().push(number(message));
            return Err(HandlerError::Away("told to be away".into()));
        }
        self.tried.lock().unwrap().push(-number(message));
        Ok(())
    }

    fn at_once(&self) -> usize {
        2
    }
}

/// Processes that end with messages in their hands, more often than a message may be delivered without an answer.
async fn restarts_while_a_store_is_away_cost_no_message(buses: impl AsyncFn(&Lifecycle) -> SharedDurableBus) {
    let place = Place::new();
    let tried = |handler: &Told, n| handler.tried.lock().unwrap().iter().filter(|tried| **tried == n).count();
    for process in 0..=DELIVERIES_MAX + 1 {
        let (life, handler) = (Lifecycle::new(), Arc::new(Told::default()));
        let bus = buses(&life).await;
        place.run(&life, &bus, handler.clone());
        if process == 0 {
            place.publish(&bus, 1..=3).await;
        }
        until("two are tried twice", || (1..=3).filter(|n| tried(&handler, *n) > 1).count() == 2).await;
        life.stop();
        tokio::time::timeout(DEADLINE, life.ended()).await.expect("every task ends");
    }
    let (life, handler) = (Lifecycle::new(), Arc::new(Told::default()));
    handler.is_there.store(true, Ordering::SeqCst);
    let bus = buses(&life).await;
    place.run(&life, &bus, handler.clone());
    until("all are handled", || (1..=3).all(|n| tried(&handler, -n) > 0)).await;
    assert_eq!(bus.dead_letters(place.name).await.unwrap(), []);
    life.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn restarts_while_a_store_is_away_cost_no_message_on_the_in_process_bus() {
    let folder = TempDir::new().unwrap();
    let tables = embedded(&folder).await;
    restarts_while_a_store_is_away_cost_no_message(async |life| in_process(tables.clone(), life).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn restarts_while_a_store_is_away_cost_no_message_on_nats() {
    let test = "restarts_while_a_store_is_away_cost_no_message_on_nats";
    let Some(server) = real_servers::from_env("TURNOUT_TEST_NATS", test) else { return };
    restarts_while_a_store_is_away_cost_no_message(async |_| nats(&server).await).await;
}
