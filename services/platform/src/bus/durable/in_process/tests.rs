//! What the in-process bus does beyond the laws: it goes on after its process, forgets ids in time, and removes what all have had.

use bytes::Bytes;
use tempfile::TempDir;

use super::*;
use crate::{
    bus::durable::{EventKind, events},
    clock::ManualClock,
    tables::{self, Engine},
};

const DEADLINE: Duration = Duration::from_mins(1);

struct Bench {
    tables: Arc<dyn Tables>,
    clock: Arc<ManualClock>,
    _folder: TempDir,
}

impl Bench {
    async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let engine = Engine::Embedded { path: folder.path().join("store") };
        let tables = tables::open(&engine, TABLES).await.unwrap();
        Self { tables, clock: Arc::new(ManualClock::at(1_800_000_000_000)), _folder: folder }
    }

    /// A process that owns the tables. The one before is as good as killed: it writes nothing more.
    async fn start(&self) -> Arc<InProcessDurable> {
        InProcessDurable::open(self.tables.clone(), self.clock.clone(), &Lifecycle::new()).await.unwrap()
    }
}

fn subject() -> Subject {
    events(&"acme".parse().unwrap(), EventKind::Registration)
}

async fn publish(bus: &InProcessDurable, ids: impl IntoIterator<Item = usize>) {
    let messages = ids.into_iter().map(|n| {
        bus.publish(DurableMessage {
            subject: subject(),
            id: n.to_string(),
            payload: n.to_string().into(),
            trace: None,
        })
    });
    futures_util::future::try_join_all(messages).await.unwrap();
}

async fn consume(bus: &InProcessDurable, name: &'static str) -> Deliveries {
    bus.consume(Consumer { name: Some(name), pattern: subject().into() }).await.unwrap()
}

async fn next(deliveries: &mut Deliveries) -> Delivery {
    tokio::time::timeout(DEADLINE, deliveries.next()).await.expect("a delivery comes").unwrap()
}

async fn ids(deliveries: &mut Deliveries, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for _ in 0..count {
        let delivery = next(deliveries).await;
        ids.push(delivery.id.clone());
        delivery.ack().await.unwrap();
    }
    ids
}

async fn position(bus: &InProcessDurable, name: &str, floor: u64) {
    let stored = async {
        while !bus.shared.log.positions().await.unwrap().contains(&(name.to_owned(), floor)) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(DEADLINE, stored).await.expect("the position is stored");
}

#[tokio::test]
async fn the_next_process_goes_on_where_the_last_one_was() {
    let bench = Bench::new().await;
    let first = bench.start().await;
    let mut deliveries = consume(&first, "names").await;
    publish(&first, 1..=4).await;
    assert_eq!(ids(&mut deliveries, 1).await, ["1"]);
    next(&mut deliveries).await.retry(Duration::from_mins(2)).await.unwrap();
    next(&mut deliveries).await.give_up("told so").await.unwrap();
    let _held = next(&mut deliveries).await;
    position(&first, "names", 3).await;
    let second = bench.start().await;
    let mut deliveries = consume(&second, "names").await;
    publish(&second, [5]).await;
    assert_eq!(ids(&mut deliveries, 2).await, ["4", "5"], "what was held, and what is new");
    assert_eq!(second.dead_letters("names").await.unwrap().len(), 1);
    position(&second, "names", 5).await;
    // The wait of the second message goes on by the wall clock.
    bench.clock.advance_ms(120_000);
    let third = bench.start().await;
    let again = next(&mut consume(&third, "names").await).await;
    assert_eq!((&*again.id, again.number), ("2", 2));
    again.ack().await.unwrap();
    let fourth = bench.start().await;
    publish(&fourth, [6]).await;
    assert_eq!(ids(&mut consume(&fourth, "names").await, 1).await, ["6"], "an acknowledged retry is gone");
}

#[tokio::test]
async fn a_message_that_ends_each_process_is_known_by_its_tries_and_what_was_forgiven_is_not_counted() {
    let bench = Bench::new().await;
    let first = bench.start().await;
    publish(&first, 1..=2).await;
    let mut bus = first;
    let mut tries = Vec::new();
    for _ in 0..6 {
        let mut deliveries = consume(&bus, "names").await;
        let (kills, waits) = (next(&mut deliveries).await, next(&mut deliveries).await);
        let (kills, waits) = if kills.id == "1" { (kills, waits) } else { (waits, kills) };
        tries.push((kills.begin().await.unwrap(), waits.begin().await.unwrap()));
        waits.forgive().await.unwrap();
        // The process is as good as killed.
        bus = bench.start().await;
    }
    // The first process counted in memory: it had no reason to suspect anything.
    assert_eq!(tries, [(1, 1), (1, 1), (2, 1), (3, 1), (4, 1), (5, 1)]);
    let mut deliveries = consume(&bus, "names").await;
    assert_eq!(ids(&mut deliveries, 2).await.len(), 2);
    position(&bus, "names", 2).await;
    assert_eq!(bus.shared.log.retries("names").await.unwrap(), [], "what is settled leaves no row");
}

#[tokio::test]
async fn an_id_is_known_for_two_minutes_also_by_the_next_process() {
    let bench = Bench::new().await;
    let first = bench.start().await;
    publish(&first, [1]).await;
    bench.clock.advance_ms(60_000);
    let second = bench.start().await;
    publish(&second, [1, 2]).await;
    bench.clock.advance_ms(59_999);
    publish(&second, [1]).await;
    let mut deliveries = consume(&second, "names").await;
    assert_eq!(ids(&mut deliveries, 2).await, ["1", "2"]);
    bench.clock.advance_ms(1);
    publish(&second, [1, 2]).await;
    publish(&second, [3]).await;
    assert_eq!(ids(&mut deliveries, 2).await, ["1", "3"], "after the window it is a new message");
}

#[tokio::test]
async fn messages_that_all_have_had_are_removed_and_the_others_stay_for_a_week() {
    const BUCKETS: usize = 3;
    let bench = Bench::new().await;
    let bus = bench.start().await;
    let mut fast = consume(&bus, "fast").await;
    let _slow = consume(&bus, "slow").await;
    let all = BUCKETS * 4096;
    for start in (0..all).step_by(1000) {
        publish(&bus, start..(start + 1000).min(all)).await;
    }
    ids(&mut fast, all).await;
    position(&bus, "fast", all as u64).await;
    let buckets = async || {
        bus.shared.trim(&HashMap::new()).await;
        bus.shared.log.buckets().await.unwrap()
    };
    bench.clock.advance_ms(EVENTS_KEPT.as_millis() as u64);
    assert_eq!(buckets().await, [0, 1, 2, 3], "the slow one has had nothing");
    bus.shared.log.save_position("slow", 5000).await.unwrap();
    assert_eq!(buckets().await, [1, 2, 3]);
    bench.clock.advance_ms(1);
    assert_eq!(buckets().await, [3], "a week is enough");
    let next_process = bench.start().await;
    let mut late = consume(&next_process, "late").await;
    publish(&next_process, [all]).await;
    assert_eq!(ids(&mut late, 2).await[1], all.to_string(), "one of the many is left, and what is new");
}

#[tokio::test]
async fn waiting_messages_are_told_and_are_none_when_all_are_settled() {
    let bench = Bench::new().await;
    let bus = bench.start().await;
    let mut deliveries = consume(&bus, "names").await;
    publish(&bus, 0..150).await;
    assert_eq!(deliveries.pending(), 150);
    let held = next(&mut deliveries).await;
    assert_eq!(deliveries.pending(), 150);
    held.ack().await.unwrap();
    ids(&mut deliveries, 149).await;
    assert_eq!(deliveries.pending(), 0);
}

#[tokio::test]
async fn a_bus_that_is_stopped_stores_what_was_asked_before_and_nothing_after() {
    let bench = Bench::new().await;
    let life = Lifecycle::new();
    let bus = InProcessDurable::open(bench.tables.clone(), bench.clock.clone(), &life).await.unwrap();
    let mut deliveries = consume(&bus, "names").await;
    publish(&bus, [1]).await;
    assert_eq!(ids(&mut deliveries, 1).await, ["1"]);
    life.stop();
    tokio::time::timeout(DEADLINE, life.ended()).await.expect("every task ends");
    assert!(deliveries.next().await.is_none());
    let late = DurableMessage { subject: subject(), id: "2".into(), payload: Bytes::new(), trace: None };
    assert!(matches!(bus.publish(late).await, Err(BusError::Unreachable(_))));
    position(&bus, "names", 1).await;
}
