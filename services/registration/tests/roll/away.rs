//! Lists while the bus is away, and after: never silently old. One bus is cut off by the test, the other is a NATS server that is killed.

use std::{
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use parking_lot::Mutex;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use turnout_platform::{
    bus::{
        BusError, NatsBus, NatsOptions,
        durable::{
            Consumer, DeadLetter, Deliveries, DurableBus, DurableMessage, DurableOptions, EventKind, SharedDurableBus,
            all_events,
        },
    },
    real_servers,
};
use turnout_proto::registration::v1::{ListRegistrantsRequest, RegistrantFilter, WatchStatisticsRequest};

use crate::{
    on_both_engines,
    world::{Process, World, comes},
};

on_both_engines! {
    what_was_told_while_a_process_was_cut_off_is_in_its_lists_once_it_hears_again,
    while_nothing_is_heard_lists_are_read_again_and_again,
}

/// The bus of one process, which a test can cut off from it.
struct Severed {
    bus: SharedDurableBus,
    is_away: AtomicBool,
    cut: Mutex<CancellationToken>,
}

impl Severed {
    fn new(bus: &SharedDurableBus) -> Arc<Self> {
        Arc::new(Self { bus: bus.clone(), is_away: AtomicBool::new(false), cut: Mutex::default() })
    }

    fn cut(&self) {
        self.is_away.store(true, Ordering::SeqCst);
        std::mem::take(&mut *self.cut.lock()).cancel();
    }

    fn mend(&self) {
        self.is_away.store(false, Ordering::SeqCst);
    }

    fn reached(&self) -> Result<(), BusError> {
        if self.is_away.load(Ordering::SeqCst) { Err(BusError::Unreachable("cut off".into())) } else { Ok(()) }
    }
}

#[tonic::async_trait]
impl DurableBus for Severed {
    async fn publish(&self, message: DurableMessage) -> Result<(), BusError> {
        self.reached()?;
        self.bus.publish(message).await
    }

    async fn consume(&self, consumer: Consumer) -> Result<Deliveries, BusError> {
        self.reached()?;
        let cut = self.cut.lock().clone();
        Ok(self.bus.consume(consumer).await?.until(cut))
    }

    async fn dead_letters(&self, consumer: &str) -> Result<Vec<DeadLetter>, BusError> {
        self.bus.dead_letters(consumer).await
    }

    async fn forget_dead_letter(&self, consumer: &str, letter: &DeadLetter) -> Result<(), BusError> {
        self.bus.forget_dead_letter(consumer, letter).await
    }
}

async fn found(process: &Process, search: &str) -> i64 {
    let filter = Some(RegistrantFilter { search: search.to_owned(), ..RegistrantFilter::default() });
    process.list(ListRegistrantsRequest { filter, ..ListRegistrantsRequest::default() }).await.matching
}

async fn register(process: &Process, name: &str) {
    process.register(process.person(&format!("{name}@example.org"), name)).await;
}

async fn what_was_told_while_a_process_was_cut_off_is_in_its_lists_once_it_hears_again(world: World) {
    let severed = Severed::new(&world.bus);
    let (other, process) = (world.process().await, world.process_on(severed.clone()).await);
    other.register_many(3).await;
    assert_eq!(found(&process, "person").await, 3);
    // Somebody looks at the figures all the while.
    let request = WatchStatisticsRequest { event_id: world.event.clone() };
    let mut watched = process.service().watch_statistics(request).await.unwrap().into_inner();
    for round in 0..3 {
        let everything = Consumer { name: None, pattern: all_events(EventKind::Registration) };
        let mut witness = world.bus.consume(everything).await.unwrap();
        severed.cut();
        let name = format!("late{round}");
        register(&other, &name).await;
        // It is told before this one hears again, and will not be told once more.
        witness.next().await.unwrap().ack().await.unwrap();
        severed.mend();
        comes("what was missed", async || found(&process, &name).await == 1).await;
        let registrants = 4 + round;
        let shown =
            async { while watched.message().await.unwrap().unwrap().statistics.unwrap().registrants < registrants {} };
        tokio::time::timeout(crate::world::COMES_MAX, shown).await.expect("who watches is told too");
    }
}

async fn while_nothing_is_heard_lists_are_read_again_and_again(world: World) {
    let severed = Severed::new(&world.bus);
    let (other, process) = (world.process().await, world.process_on(severed.clone()).await);
    other.register_many(3).await;
    assert_eq!(found(&process, "person").await, 3);
    severed.cut();
    for name in ["early", "later"] {
        register(&other, name).await;
        comes("what nobody tells", async || found(&process, name).await == 1).await;
    }
}

/// A NATS server of this test's own.
struct Server {
    folder: TempDir,
    port: u16,
}

impl Server {
    fn new() -> Self {
        Self { folder: TempDir::new().unwrap(), port: real_servers::free_port() }
    }

    fn run(&self, verb: &str, port: Option<String>) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/servers/nats");
        assert!(Command::new(script).arg(verb).arg(self.folder.path()).args(port).status().unwrap().success());
    }

    fn start(&self) {
        self.run("start", Some(self.port.to_string()));
    }

    fn stop(&self) {
        self.run("stop", None);
    }

    async fn bus(&self) -> SharedDurableBus {
        let servers = vec![format!("nats://127.0.0.1:{}", self.port)];
        let bus = NatsBus::connect(NatsOptions { servers, name: "roll".into(), credentials: None }).await.unwrap();
        bus.durable(&DurableOptions::default())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_nats_lists_go_on_without_the_server_and_after_it_came_back_empty() {
    let test = "on_nats_lists_go_on_without_the_server_and_after_it_came_back_empty";
    if real_servers::from_env("TURNOUT_TEST_NATS", test).is_none() {
        return;
    }
    let (world, mut server) = (World::embedded().await, Server::new());
    server.start();
    let (one, two) = (world.process_on(server.bus().await).await, world.process_on(server.bus().await).await);
    one.register_many(3).await;
    assert_eq!(found(&two, "person").await, 3);
    register(&one, "told").await;
    comes("what is told", async || found(&two, "told").await == 1).await;
    server.stop();
    register(&one, "untold").await;
    comes("what nobody tells", async || found(&two, "untold").await == 1).await;
    // On the same port with nothing of what it had.
    let port = server.port;
    server = Server { folder: TempDir::new().unwrap(), port };
    server.start();
    register(&two, "again").await;
    comes("what is told again", async || found(&one, "again").await == 1).await;
}
