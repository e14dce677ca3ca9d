//! The runner over a bus in memory, on a clock that moves by itself: waits of minutes take no time.

mod away;

use std::{
    collections::HashMap,
    sync::atomic::{AtomicBool, Ordering},
};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::{sync::mpsc, time::Instant};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::{
    bus::{
        BusError,
        durable::{DeadLetter, DurableBus, DurableMessage, Settle, Source},
        subjects::{self, EventKind},
    },
    telemetry::Metrics,
};

const NAME: &str = "tested";

/// Payloads and the numbers of their deliveries.
type Waiting = mpsc::UnboundedReceiver<(Bytes, u32)>;

/// Redelivers what is retried. Its consumers are refused as often as is said first, and their deliveries end when they are cut.
#[derive(Clone)]
struct Memory {
    sender: mpsc::UnboundedSender<(Bytes, u32)>,
    receiver: Arc<tokio::sync::Mutex<Waiting>>,
    refusals: Arc<Mutex<u32>>,
    cut: Arc<Mutex<CancellationToken>>,
    answers: Arc<Mutex<Vec<String>>>,
    dead: Arc<Mutex<Vec<DeadLetter>>>,
    /// Whether it says how often a message was tried, and holds one.
    is_deaf: Arc<AtomicBool>,
    held: Arc<Mutex<u32>>,
    forgiven: Arc<Mutex<HashMap<Bytes, u32>>>,
}

impl Memory {
    fn new() -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        Self {
            sender,
            receiver: Arc::new(tokio::sync::Mutex::new(receiver)),
            refusals: Arc::default(),
            cut: Arc::default(),
            answers: Arc::default(),
            dead: Arc::default(),
            is_deaf: Arc::default(),
            held: Arc::default(),
            forgiven: Arc::default(),
        }
    }

    /// Ends the deliveries and refuses so many tries to begin anew.
    fn cut(&self, refusals: u32) {
        *self.refusals.lock() = refusals;
        std::mem::take(&mut *self.cut.lock()).cancel();
    }

    fn deliver(&self, payload: &'static str, number: u32) {
        self.sender.send((Bytes::from_static(payload.as_bytes()), number)).unwrap();
    }

    async fn answers(&self, count: usize) -> Vec<String> {
        let answered = async {
            while self.answers.lock().len() < count {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_hours(1), answered).await.expect("the answers come");
        self.answers.lock().clone()
    }
}

#[tonic::async_trait]
impl DurableBus for Memory {
    async fn publish(&self, _: DurableMessage) -> Result<(), BusError> {
        Err(BusError::Refused("nobody publishes here"))
    }

    async fn consume(&self, _: Consumer) -> Result<Deliveries, BusError> {
        let mut refusals = self.refusals.lock();
        if *refusals > 0 {
            *refusals -= 1;
            return Err(BusError::Unreachable("told to be away".into()));
        }
        Ok(Deliveries(Box::new(MemorySource { bus: self.clone() })).until(self.cut.lock().clone()))
    }

    async fn dead_letters(&self, _: &str) -> Result<Vec<DeadLetter>, BusError> {
        Ok(self.dead.lock().clone())
    }

    async fn forget_dead_letter(&self, _: &str, _: &DeadLetter) -> Result<(), BusError> {
        Err(BusError::Refused("nobody forgets here"))
    }
}

struct MemorySource {
    bus: Memory,
}

#[tonic::async_trait]
impl Source for MemorySource {
    async fn next(&mut self) -> Option<Delivery> {
        let (payload, number) = self.bus.receiver.lock().await.recv().await?;
        let subject = subjects::events(&"acme".parse().unwrap(), EventKind::Event);
        let message =
            Message { subject: subject.as_str().to_owned(), payload: payload.clone(), reply: None, trace: None };
        let settle = Box::new(MemoryTicket { bus: self.bus.clone(), payload, number });
        Some(Delivery { message, id: "id".into(), number, settle })
    }

    fn pending(&self) -> u64 {
        self.bus.receiver.try_lock().map_or(0, |messages| messages.len() as u64)
    }
}

struct MemoryTicket {
    bus: Memory,
    payload: Bytes,
    number: u32,
}

impl MemoryTicket {
    fn heard(&self) -> Result<(), BusError> {
        if self.bus.is_deaf.load(Ordering::SeqCst) {
            return Err(BusError::Unreachable("told to be deaf".into()));
        }
        Ok(())
    }

    fn say(&self, what: &str) {
        self.bus.answers.lock().push(format!("{} {what}", String::from_utf8_lossy(&self.payload)));
    }
}

#[tonic::async_trait]
impl Settle for MemoryTicket {
    async fn begin(&self) -> Result<u32, BusError> {
        self.heard()?;
        Ok(self.number - self.bus.forgiven.lock().get(&self.payload).copied().unwrap_or_default())
    }

    async fn hold(&self) -> Result<Duration, BusError> {
        self.heard()?;
        *self.bus.held.lock() += 1;
        Ok(ACK_WAIT)
    }

    async fn forgive(&self) -> Result<(), BusError> {
        self.heard()?;
        self.bus.forgiven.lock().insert(self.payload.clone(), self.number);
        Ok(())
    }

    async fn ack(&self) -> Result<(), BusError> {
        self.say("acked");
        Ok(())
    }

    async fn retry(&self, after: Duration) -> Result<(), BusError> {
        self.say(&format!("retried after {} s", after.as_secs()));
        let (sender, again) = (self.bus.sender.clone(), (self.payload.clone(), self.number + 1));
        tokio::spawn(async move {
            tokio::time::sleep(after).await;
            let _ = sender.send(again);
        });
        Ok(())
    }

    async fn give_up(&self, letter: DeadLetter) -> Result<(), BusError> {
        self.say("dead");
        self.bus.dead.lock().push(letter);
        Ok(())
    }
}

/// Does what the payload says.
#[derive(Default)]
struct Obedient {
    /// Whether the store that some words need is away.
    is_away: AtomicBool,
    at_once: usize,
    handled: Mutex<HashMap<String, u32>>,
    now: Mutex<usize>,
    most_at_once: Mutex<usize>,
}

impl Obedient {
    fn begins(&self) {
        let (mut now, mut most) = (self.now.lock(), self.most_at_once.lock());
        *now += 1;
        *most = (*now).max(*most);
    }
}

#[tonic::async_trait]
impl Handler for Obedient {
    async fn handle(&self, message: &Message) -> Result<(), HandlerError> {
        let word = String::from_utf8_lossy(&message.payload).into_owned();
        *self.handled.lock().entry(word.clone()).or_default() += 1;
        match word.as_str() {
            "stored" | "stored then fails" if self.is_away.load(Ordering::SeqCst) => {
                return Err(HandlerError::Away("the store is told to be away".into()));
            }
            "fails" | "stored then fails" => return Err(HandlerError::Retry("told to fail".into())),
            "poison" => return Err(HandlerError::Poison("told to be poison".into())),
            "panics" => panic!("told to panic"),
            "hangs" => std::future::pending().await,
            "slow" => {
                self.begins();
                tokio::time::sleep(Duration::from_secs(1)).await;
                *self.now.lock() -= 1;
            }
            _ => {}
        }
        Ok(())
    }

    fn at_once(&self) -> usize {
        self.at_once
    }
}

struct Bench {
    bus: Memory,
    handler: Arc<Obedient>,
    metrics: Metrics,
    life: Lifecycle,
    running: Running,
}

fn start(bus: Memory, at_once: usize) -> Bench {
    let (life, metrics) = (Lifecycle::new(), Metrics::new());
    let handler = Arc::new(Obedient { at_once, ..Obedient::default() });
    let consumer = Consumer { name: Some(NAME), pattern: subjects::all_events(EventKind::Event) };
    let running = run(&life, Arc::new(bus.clone()), consumer, DurableMetrics::new(&metrics), handler.clone());
    Bench { bus, handler, metrics, life, running }
}

impl Bench {
    fn counts(&self, line: &str) -> bool {
        self.metrics.render().lines().any(|found| found == line)
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_keeps_failing_is_given_up_after_five_deliveries_with_growing_waits() {
    let bench = start(Memory::new(), 1);
    let begun = Instant::now();
    bench.bus.deliver("fails", 1);
    let answers = bench.bus.answers(5).await;
    let waits = ["1 s", "5 s", "30 s", "120 s"].map(|wait| format!("fails retried after {wait}"));
    assert_eq!(answers[..4], waits);
    assert_eq!(answers[4], "fails dead");
    assert!(begun.elapsed() >= Duration::from_secs(156));
    let dead = bench.bus.dead.lock().clone();
    assert_eq!((dead.len(), dead[0].deliveries, &*dead[0].error), (1, DELIVERIES_MAX, "told to fail"));
    assert_eq!(bench.handler.handled.lock()["fails"], DELIVERIES_MAX);
    for line in [
        r#"turnout_durable_delivered_total{consumer="tested"} 5"#,
        r#"turnout_durable_settled_total{consumer="tested",result="retried"} 4"#,
        r#"turnout_durable_settled_total{consumer="tested",result="dead"} 1"#,
        r#"turnout_durable_pending_messages{consumer="tested"} 0"#,
    ] {
        assert!(bench.counts(line), "{line}: {}", bench.metrics.render());
    }
}

#[tokio::test(start_paused = true)]
async fn poison_is_given_up_at_once_and_the_others_go_on() {
    let bench = start(Memory::new(), 1);
    for word in ["poison", "panics", "hangs", "good"] {
        bench.bus.deliver(word, 1);
    }
    let answers = bench.bus.answers(4).await;
    assert_eq!(answers[..4], ["poison dead", "panics retried after 1 s", "hangs retried after 1 s", "good acked"]);
}

#[tokio::test(start_paused = true)]
async fn what_was_delivered_too_often_without_an_answer_is_not_handled_again() {
    let bench = start(Memory::new(), 1);
    bench.bus.deliver("kills", DELIVERIES_MAX + 1);
    assert_eq!(bench.bus.answers(1).await, ["kills dead"]);
    assert!(bench.handler.handled.lock().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_handler_gets_as_many_messages_at_once_as_it_wants() {
    for at_once in [1, 4] {
        let bench = start(Memory::new(), at_once);
        for _ in 0..12 {
            bench.bus.deliver("slow", 1);
        }
        bench.bus.answers(12).await;
        assert_eq!(*bench.handler.most_at_once.lock(), at_once);
    }
}

#[tokio::test(start_paused = true)]
async fn a_bus_that_is_away_at_the_start_is_waited_for() {
    let bus = Memory::new();
    *bus.refusals.lock() = 50;
    let mut bench = start(bus, 1);
    assert!(!bench.running.hears());
    bench.running.changed().await;
    assert!(bench.running.hears());
    bench.bus.deliver("good", 1);
    assert_eq!(bench.bus.answers(1).await, ["good acked"]);
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_may_have_missed_something_says_so_and_begins_anew() {
    let mut bench = start(Memory::new(), 1);
    bench.running.changed().await;
    assert!(bench.running.hears());
    bench.bus.cut(3);
    bench.running.changed().await;
    assert!(!bench.running.hears());
    bench.running.changed().await;
    assert!(bench.running.hears());
    bench.bus.deliver("good", 1);
    assert_eq!(bench.bus.answers(1).await, ["good acked"]);
    // Also when it was so short that nobody saw it silent.
    bench.bus.cut(0);
    tokio::time::sleep(Duration::from_secs(5)).await;
    bench.running.changed().await;
    assert!(bench.running.hears());
}

#[tokio::test(start_paused = true)]
async fn a_consumer_ends_with_the_process() {
    let bench = start(Memory::new(), 1);
    bench.bus.deliver("hangs", 1);
    bench.life.stop();
    tokio::time::timeout(Duration::from_mins(1), bench.life.ended()).await.expect("every task ends");
}
