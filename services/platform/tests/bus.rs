//! The bus's laws on both adapters. The NATS half needs a server.

use std::sync::Arc;

use turnout_platform::{
    bus::{
        Bus, InProcessBus, NatsBus, NatsOptions,
        conformance::{self, Pair},
    },
    real_servers,
};

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
    let Some(server) = real_servers::from_env("TURNOUT_TEST_NATS", "nats_keeps_every_law") else { return };
    conformance::every_law(Pair { a: connect(&server).await, b: connect(&server).await }).await;
}
