//! What the durable bus keeps when its NATS server is killed. The server is one of this test's own.

#![allow(clippy::unwrap_used, reason = "this is test code")]

use std::{
    collections::BTreeSet,
    path::Path,
    process::Command,
    sync::{Arc, Mutex},
    time::Duration,
};

use tempfile::TempDir;
use turnout_platform::{
    bus::{
        Message, NatsBus, NatsOptions,
        durable::{
            self, Consumer, DurableBus as _, DurableMessage, DurableMetrics, DurableOptions, EventKind, Handler,
            HandlerError, NatsDurable, Running,
        },
    },
    lifecycle::Lifecycle,
    real_servers,
    telemetry::Metrics,
};

/// What is delivered and lost with the connection comes again after this.
const ACK_WAIT: Duration = Duration::from_secs(2);
/// Two restarts of a server and what they cost a slow machine.
const DEADLINE: Duration = Duration::from_mins(2);

struct Server {
    folder: TempDir,
    port: u16,
}

impl Server {
    fn new() -> Self {
        Self { folder: TempDir::new().expect("a folder can be made"), port: real_servers::free_port() }
    }

    fn run(&self, verb: &str, port: Option<String>) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/servers/nats");
        let status = Command::new(&script).arg(verb).arg(self.folder.path()).args(port).status().expect("it runs");
        assert!(status.success(), "{} {verb}: {status}", script.display());
    }

    fn start(&self) {
        self.run("start", Some(self.port.to_string()));
    }

    /// kill -9.
    fn kill(&self) {
        let pid = std::fs::read_to_string(self.folder.path().join("pid")).expect("it runs");
        let status = Command::new("kill").args(["-9", pid.trim()]).status().expect("kill runs");
        assert!(status.success());
        self.run("stop", None);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.run("stop", None);
    }
}

#[derive(Default)]
struct Seen(Mutex<BTreeSet<String>>);

#[tonic::async_trait]
impl Handler for Seen {
    async fn handle(&self, message: &Message) -> Result<(), HandlerError> {
        self.0.lock().expect("no handler panics").insert(String::from_utf8_lossy(&message.payload).into_owned());
        Ok(())
    }
}

impl Seen {
    async fn holds(&self, wanted: &BTreeSet<String>) {
        let all = async {
            while !wanted.is_subset(&self.0.lock().unwrap()) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let in_time = tokio::time::timeout(DEADLINE, all).await.is_ok();
        assert!(in_time, "not seen: {:?}", wanted.difference(&self.0.lock().unwrap()).collect::<Vec<_>>());
    }
}

/// A process with one consumer on a server of its own, which is not there yet; none where no servers are to be used.
struct Bench {
    server: Server,
    bus: Arc<NatsDurable>,
    running: Running,
    seen: Arc<Seen>,
    life: Lifecycle,
}

impl Bench {
    async fn new(test: &str, name: Option<&'static str>) -> Option<Self> {
        real_servers::from_env("TURNOUT_TEST_NATS", test)?;
        let server = Server::new();
        let servers = vec![format!("nats://127.0.0.1:{}", server.port)];
        let options = NatsOptions { servers, name: "restarted".into(), credentials: None };
        let bus = NatsBus::connect(options).await.unwrap();
        let bus = bus.durable(&DurableOptions { ack_wait: ACK_WAIT, ..DurableOptions::default() });
        let (life, metrics, seen) = (Lifecycle::new(), DurableMetrics::new(&Metrics::new()), Arc::<Seen>::default());
        let consumer = Consumer { name, pattern: durable::all_events(EventKind::Event) };
        let running = durable::run(&life, bus.clone(), consumer, metrics, seen.clone());
        Some(Self { server, bus, running, seen, life })
    }

    async fn changes(&mut self) -> bool {
        tokio::time::timeout(DEADLINE, self.running.changed()).await.expect("the consumer says what happens to it");
        self.running.hears()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.life.stop();
    }
}

fn message(n: usize) -> DurableMessage {
    let subject = durable::events(&"acme".parse().unwrap(), EventKind::Event);
    DurableMessage { subject, id: format!("m{n}"), payload: n.to_string().into(), trace: None }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_without_a_name_says_when_it_may_have_missed_something_and_then_hears_again() {
    let test = "a_consumer_without_a_name_says_when_it_may_have_missed_something_and_then_hears_again";
    let Some(mut bench) = Bench::new(test, None).await else { return };
    for n in 0..3 {
        bench.server.start();
        assert!(bench.changes().await);
        bench.bus.publish(message(n)).await.unwrap();
        bench.seen.holds(&BTreeSet::from([n.to_string()])).await;
        bench.server.kill();
        assert!(!bench.changes().await);
    }
}

/// Row 5 of the fault matrix: no acknowledged loss, and consumers go on.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_loses_nothing_that_was_acknowledged_and_consumers_go_on() {
    const MESSAGES: usize = 150;
    let test = "a_server_that_is_killed_loses_nothing_that_was_acknowledged_and_consumers_go_on";
    let Some(mut bench) = Bench::new(test, Some("restarted")).await else { return };
    // The consumer was there before the server.
    bench.server.start();
    assert!(bench.changes().await, "a server that comes late is waited for");
    let (server, bus) = (&bench.server, &bench.bus);
    for n in 0..MESSAGES {
        match n {
            40 | 90 => server.kill(),
            45 | 95 => server.start(),
            _ => {}
        }
        let message = message(n);
        // While it is away, some are given up, as a producer without an outbox would do.
        let mut tries = 0;
        while bus.publish(message.clone()).await.is_err() {
            tries += 1;
            if (40..45).contains(&n) || (90..95).contains(&n) {
                break;
            }
            assert!(tries < 600, "message {n} was not stored");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    let had_to: BTreeSet<_> =
        (0..MESSAGES).filter(|n| !(40..45).contains(n) && !(90..95).contains(n)).map(|n| n.to_string()).collect();
    bench.seen.holds(&had_to).await;
}
