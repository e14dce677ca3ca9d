//! The bus's laws on both adapters. The NATS half needs a server; see `server`.

use std::sync::Arc;

use turnout_platform::bus::{
    Bus, InProcessBus, NatsBus, NatsOptions,
    conformance::{self, Pair},
};

/// The NATS server of `tests/run`. Without it the test says that it did not run, unless servers are required.
fn server(test: &str) -> Option<String> {
    let server = std::env::var("TURNOUT_TEST_NATS").ok();
    if server.is_none() {
        assert!(std::env::var("TURNOUT_TEST_SERVERS").is_err(), "{test} needs TURNOUT_TEST_NATS");
        eprintln!("left out: {test} needs TURNOUT_TEST_NATS");
    }
    server
}

async fn connect(server: &str) -> Arc<NatsBus> {
    let options = NatsOptions { servers: vec![server.to_owned()], name: "conformance".into(), credentials: None };
    let bus = NatsBus::connect(options).await.expect("the options are possible");
    bus.connected().wait_for(|connected| *connected).await.expect("the bus lives");
    bus
}

#[tokio::test(flavor = "multi_thread")]
async fn the_in_process_bus_keeps_every_law() {
    let bus = InProcessBus::new();
    conformance::every_law(Pair { a: bus.clone(), b: bus }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nats_keeps_every_law() {
    let Some(server) = server("nats_keeps_every_law") else { return };
    conformance::every_law(Pair { a: connect(&server).await, b: connect(&server).await }).await;
}
