//! The outbox on both engines: what was announced is told, whatever happens in between. The CQL half needs a server.

#![allow(clippy::unwrap_used, reason = "this is test code")]

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use prost::Message as _;
use tempfile::TempDir;
use tokio::sync::watch;
use turnout_platform::{
    bus::{
        BusError,
        durable::{Consumer, DeadLetter, Deliveries, DurableBus, DurableMessage},
    },
    clock::ManualClock,
    failure::Failure,
    lifecycle::Lifecycle,
    limits::BUS_PAYLOAD_BYTES_MAX,
    outbox::{self, EventKind, Outbox, SWEPT_AFTER},
    random, real_servers,
    tables::{self, Engine, Range, Row, Tables, Value},
    telemetry::Metrics,
};
use turnout_proto::events::v1::{DomainEvent, EventChanged, domain_event::What};

const DEADLINE: Duration = Duration::from_mins(1);
const SERVICE: &str = "tested";

/// What a bus does with what is published.
#[derive(Clone, Copy, PartialEq)]
enum Mood {
    Takes,
    Away,
    Hangs,
}

/// A bus that remembers what was published: its id, and the message id inside.
struct Told {
    mood: watch::Sender<Mood>,
    messages: Mutex<BTreeMap<String, (String, u32)>>,
}

#[tonic::async_trait]
impl DurableBus for Told {
    async fn publish(&self, message: DurableMessage) -> Result<(), BusError> {
        if *self.mood.subscribe().wait_for(|mood| *mood != Mood::Hangs).await.unwrap() == Mood::Away {
            return Err(BusError::Unreachable("told to be away".into()));
        }
        let event = DomainEvent::decode(&*message.payload).unwrap();
        assert_eq!(message.subject.as_str(), format!("turnout.v1.events.event.{}", event.tenant_id));
        let mut messages = self.messages.lock().unwrap();
        messages.entry(message.id).or_insert((event.message_id, 0)).1 += 1;
        Ok(())
    }

    async fn consume(&self, _: Consumer) -> Result<Deliveries, BusError> {
        Err(BusError::Refused("nobody consumes here"))
    }

    async fn dead_letters(&self, _: &str) -> Result<Vec<DeadLetter>, BusError> {
        Ok(Vec::new())
    }

    async fn forget_dead_letter(&self, _: &str, _: &DeadLetter) -> Result<(), BusError> {
        Err(BusError::Refused("nobody forgets here"))
    }
}

/// A store whose outboxes are restarted at will.
struct Bench {
    tables: Arc<dyn Tables>,
    bus: Arc<Told>,
    clock: Arc<ManualClock>,
    _folder: TempDir,
}

/// One process with an outbox.
struct Process {
    outbox: Outbox,
    life: Lifecycle,
    metrics: Metrics,
}

impl Bench {
    async fn on(engine: Engine, folder: TempDir) -> Self {
        Self {
            tables: tables::open(&engine, outbox::TABLES).await.unwrap(),
            bus: Arc::new(Told { mood: watch::Sender::new(Mood::Takes), messages: Mutex::default() }),
            clock: Arc::new(ManualClock::at(1_800_000_000_000)),
            _folder: folder,
        }
    }

    async fn embedded() -> Self {
        let folder = TempDir::new().unwrap();
        Self::on(Engine::Embedded { path: folder.path().join("store") }, folder).await
    }

    /// A keyspace of its own for each test.
    async fn cql(test: &str) -> Option<Self> {
        let server = real_servers::from_env("TURNOUT_TEST_CQL", test)?;
        let keyspace = format!("test_outbox_{}", random::sortable_id());
        let engine = Engine::Cql { nodes: vec![server], keyspace, replication_factor: 1, user: None, password: None };
        Some(Self::on(engine, TempDir::new().unwrap()).await)
    }

    fn start(&self) -> Process {
        let (life, metrics) = (Lifecycle::new(), Metrics::new());
        let (tables, bus, clock) = (self.tables.clone(), self.bus.clone(), self.clock.clone());
        Process { outbox: Outbox::start(SERVICE, tables, bus, clock, &life, &metrics), life, metrics }
    }

    fn told(&self) -> BTreeMap<String, (String, u32)> {
        self.bus.messages.lock().unwrap().clone()
    }

    async fn until_told(&self, ids: &[&str]) {
        let told = async {
            while !ids.iter().all(|id| self.told().contains_key(*id)) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let in_time = tokio::time::timeout(DEADLINE, told).await.is_ok();
        assert!(in_time, "{ids:?} are to be told; told were {:?}", self.told());
    }

    async fn until_nothing_is_left(&self) {
        let empty = async {
            while self.rows().await > 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(DEADLINE, empty).await.expect("no row is left");
    }

    async fn rows(&self) -> usize {
        let mut rows = 0;
        for slot in 0..16 {
            let partition = vec![SERVICE.into(), Value::Int(slot)];
            rows += self.tables.range(Range::of(outbox::TABLES[0], partition)).await.unwrap().rows.len();
        }
        rows
    }
}

impl Process {
    /// Waits until a metric is not zero.
    async fn until(&self, metric: &str) {
        let counted = async {
            while self.value(metric) == 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(DEADLINE, counted).await.unwrap_or_else(|_| panic!("{metric} stays 0"));
    }

    fn value(&self, metric: &str) -> u64 {
        let text = self.metrics.render();
        let value = text.lines().find_map(|line| line.strip_prefix(metric)?.strip_prefix(' ')?.parse().ok());
        value.unwrap_or_else(|| panic!("{metric} is not in {text}"))
    }

    async fn stop(self) {
        self.life.stop();
        tokio::time::timeout(DEADLINE, self.life.ended()).await.expect("every task ends");
    }
}

fn event(id: &str) -> (EventKind, DomainEvent) {
    let what = What::Event(EventChanged { event_id: "gala".into(), ..EventChanged::default() });
    let event =
        DomainEvent { message_id: id.into(), tenant_id: "acme".into(), what: Some(what), ..DomainEvent::default() };
    (EventKind::Event, event)
}

async fn what_is_done_is_told_and_its_row_is_gone(bench: Bench) {
    let process = bench.start();
    process.outbox.announce(vec![event("a"), event("b"), event("")]).await.unwrap().done();
    bench.until_told(&["a", "b"]).await;
    process.until("turnout_tested_outbox_published_total").await;
    let told = bench.told();
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told.iter().all(|(id, (inside, times))| id == inside && !id.is_empty() && *times == 1), "{told:?}");
    bench.until_nothing_is_left().await;
    process.stop().await;
}

async fn what_a_process_announced_before_it_died_is_told_by_the_next(bench: Bench) {
    let first = bench.start();
    let announcement = first.outbox.announce(vec![event("a"), event("b")]).await.unwrap();
    drop(announcement);
    first.stop().await;
    bench.clock.advance_ms(SWEPT_AFTER.as_millis() as u64 - 1);
    let early = bench.start();
    early.outbox.announce(vec![event("other")]).await.unwrap().done();
    bench.until_told(&["other"]).await;
    early.stop().await;
    assert_eq!(bench.told().len(), 1, "its change may be about to happen");
    bench.clock.advance_ms(2);
    let next = bench.start();
    bench.until_told(&["a", "b"]).await;
    bench.until_nothing_is_left().await;
    next.stop().await;
}

async fn what_is_withdrawn_is_never_told(bench: Bench) {
    let process = bench.start();
    process.outbox.announce(vec![event("a")]).await.unwrap().withdrawn().await;
    assert_eq!(bench.rows().await, 0);
    process.stop().await;
    bench.clock.advance_ms(SWEPT_AFTER.as_millis() as u64 + 1);
    let next = bench.start();
    next.outbox.announce(vec![event("other")]).await.unwrap().done();
    bench.until_told(&["other"]).await;
    bench.until_nothing_is_left().await;
    next.stop().await;
    assert_eq!(bench.told().len(), 1, "{:?}", bench.told());
}

async fn a_bus_that_is_away_loses_nothing(bench: Bench) {
    bench.bus.mood.send_replace(Mood::Away);
    let process = bench.start();
    for n in 0..300 {
        process.outbox.announce(vec![event(&format!("m{n}"))]).await.unwrap().done();
    }
    bench.clock.advance_ms(SWEPT_AFTER.as_millis() as u64 + 5000);
    process.until("turnout_tested_outbox_pending_rows").await;
    assert_eq!(process.value("turnout_tested_outbox_pending_rows"), 300);
    assert_eq!(process.value("turnout_tested_outbox_oldest_age_seconds"), 15);
    bench.bus.mood.send_replace(Mood::Takes);
    let ids: Vec<_> = (0..300).map(|n| format!("m{n}")).collect();
    bench.until_told(&ids.iter().map(String::as_str).collect::<Vec<_>>()).await;
    bench.until_nothing_is_left().await;
    process.stop().await;
}

async fn announcements_beyond_the_queue_wait_as_rows(bench: Bench) {
    const ANNOUNCEMENTS: usize = 1300;
    bench.bus.mood.send_replace(Mood::Hangs);
    let process = bench.start();
    for chunk in (0..ANNOUNCEMENTS).collect::<Vec<_>>().chunks(100) {
        let announce = chunk.iter().map(|n| process.outbox.announce(vec![event(&format!("m{n}"))]));
        for announcement in futures_util::future::join_all(announce).await {
            announcement.unwrap().done();
        }
    }
    bench.bus.mood.send_replace(Mood::Takes);
    bench.clock.advance_ms(SWEPT_AFTER.as_millis() as u64 + 1);
    let ids: Vec<_> = (0..ANNOUNCEMENTS).map(|n| format!("m{n}")).collect();
    bench.until_told(&ids.iter().map(String::as_str).collect::<Vec<_>>()).await;
    bench.until_nothing_is_left().await;
    process.stop().await;
}

async fn a_change_that_took_long_is_told_again_under_another_id(bench: Bench) {
    let process = bench.start();
    let slow = process.outbox.announce(vec![event("slow")]).await.unwrap();
    bench.clock.advance_ms(SWEPT_AFTER.as_millis() as u64 + 1);
    bench.until_told(&["slow"]).await;
    slow.done();
    bench.until_told(&["slow-late"]).await;
    assert_eq!(bench.told()["slow-late"].0, "slow-late", "its readers must not take it for the first");
    bench.until_nothing_is_left().await;
    process.stop().await;
}

async fn what_no_bus_would_take_is_not_announced(bench: Bench) {
    let process = bench.start();
    let (kind, foreign) = event("a");
    let foreign = DomainEvent { tenant_id: "a.b".into(), ..foreign };
    for bad in [(kind, foreign), event("a b"), event(&"x".repeat(200))] {
        let refused = process.outbox.announce(vec![event("good"), bad]).await.map(drop);
        assert!(matches!(refused, Err(Failure::Internal(_))), "{refused:?}");
    }
    process.stop().await;
    assert!(bench.told().is_empty());
    bench.until_nothing_is_left().await;
}

/// A row as somebody's mistake leaves it behind: by hand, or by a release that wrote otherwise.
async fn spoil(bench: &Bench, slot: i64, id: &str, subject: &str, payload: Vec<u8>) {
    let row = Row::new(outbox::TABLES[0])
        .set("service", SERVICE)
        .set("slot", slot)
        .set("written_at", Value::Time(1_800_000_000_000 - 1))
        .set("id", id)
        .set("subject", subject)
        .set("payload", payload);
    bench.tables.put(row).await.unwrap();
}

async fn a_row_that_cannot_be_read_stops_no_other_and_is_counted_once(bench: Bench) {
    const METRIC: &str = "turnout_tested_outbox_unreadable_rows";
    let (subject, payload) = ("turnout.v1.events.event.acme", event("bad").1.encode_to_vec());
    // In each slot, before what is good.
    for slot in 0..16 {
        spoil(&bench, slot, "no subject", "turnout events", payload.clone()).await;
        spoil(&bench, slot, "nobody listens", "turnout.v1.presence.resync", payload.clone()).await;
        spoil(&bench, slot, "a-large-one", subject, vec![0; BUS_PAYLOAD_BYTES_MAX + 1]).await;
        spoil(&bench, slot, "an id with spaces", subject, payload.clone()).await;
        spoil(&bench, slot, "no-event", subject, vec![0xff; 10]).await;
    }
    let first = bench.start();
    let ids: Vec<_> = (0..40).map(|n| format!("m{n}")).collect();
    for id in &ids {
        drop(first.outbox.announce(vec![event(id)]).await.unwrap());
    }
    bench.clock.advance_ms(SWEPT_AFTER.as_millis() as u64 + 1);
    bench.until_told(&ids.iter().map(String::as_str).collect::<Vec<_>>()).await;
    first.until(METRIC).await;
    assert_eq!(first.value(METRIC), 80);
    assert_eq!(first.value("turnout_tested_outbox_pending_rows"), 0);
    // The next sweeps come upon the same rows.
    let late = first.outbox.announce(vec![event("late")]).await.unwrap();
    drop(late);
    bench.clock.advance_ms(SWEPT_AFTER.as_millis() as u64 + 1);
    bench.until_told(&["late"]).await;
    assert_eq!((first.value(METRIC), bench.told().len()), (80, 41));
    first.stop().await;
    assert_eq!(bench.rows().await, 80, "they stay for people to look at");
}

/// Each rule on each engine.
macro_rules! on_both_engines {
    ($($rule:ident)*) => {
        mod embedded {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $rule() {
                super::$rule(super::Bench::embedded().await).await;
            })*
        }
        mod cql {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $rule() {
                let Some(bench) = super::Bench::cql(stringify!($rule)).await else { return };
                super::$rule(bench).await;
            })*
        }
    };
}

on_both_engines! {
    what_is_done_is_told_and_its_row_is_gone
    what_a_process_announced_before_it_died_is_told_by_the_next
    what_is_withdrawn_is_never_told
    a_bus_that_is_away_loses_nothing
    announcements_beyond_the_queue_wait_as_rows
    a_change_that_took_long_is_told_again_under_another_id
    what_no_bus_would_take_is_not_announced
    a_row_that_cannot_be_read_stops_no_other_and_is_counted_once
}
