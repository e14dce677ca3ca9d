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
            HandlerError,
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
    /// A port that was free a moment ago: this server cannot take port 0, for it must come back on the same.
    fn new() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        Self { folder: TempDir::new().expect("a folder can be made"), port }
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

/// Row 5 of the fault matrix: no acknowledged loss, and consumers go on, also one that only this process knows of.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_loses_nothing_that_was_acknowledged_and_consumers_go_on() {
    const MESSAGES: usize = 150;
    let test = "a_server_that_is_killed_loses_nothing_that_was_acknowledged_and_consumers_go_on";
    if real_servers::from_env("TURNOUT_TEST_NATS", test).is_none() {
        return;
    }
    let server = Server::new();
    let options = NatsOptions {
        servers: vec![format!("nats://127.0.0.1:{}", server.port)],
        name: "restarted".into(),
        credentials: None,
    };
    let bus = NatsBus::connect(options)
        .await
        .unwrap()
        .durable(&DurableOptions { ack_wait: ACK_WAIT, ..DurableOptions::default() });
    let (life, metrics) = (Lifecycle::new(), DurableMetrics::new(&Metrics::new()));
    let pattern = durable::all_events(EventKind::Event);
    let mut running = Vec::new();
    let seen = [Some("restarted"), None].map(|name| {
        let seen = Arc::new(Seen::default());
        let consumer = Consumer { name, pattern: pattern.clone() };
        running.push(durable::run(&life, bus.clone(), consumer, metrics.clone(), seen.clone()));
        seen
    });
    // Consumers were there before the server.
    server.start();
    for running in &mut running {
        tokio::time::timeout(DEADLINE, running.heard()).await.expect("a server that comes late is waited for");
    }
    let subject = durable::events(&"acme".parse().unwrap(), EventKind::Event);
    for n in 0..MESSAGES {
        match n {
            40 | 90 => server.kill(),
            45 | 95 => server.start(),
            _ => {}
        }
        let message = DurableMessage {
            subject: subject.clone(),
            id: format!("m{n}"),
            payload: n.to_string().into(),
            trace: None,
        };
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
    for seen in seen {
        let all = async {
            while !had_to.is_subset(&seen.0.lock().unwrap()) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let in_time = tokio::time::timeout(DEADLINE, all).await.is_ok();
        assert!(in_time, "not seen: {:?}", had_to.difference(&seen.0.lock().unwrap()).collect::<Vec<_>>());
    }
    life.stop();
}
