//! A traced join can be followed through the replica. Its own process, because telemetry is started once in a process.

use std::{sync::Arc, time::Duration};

use turnout_platform::{
    auth::{Credentials, MeshKey, TokenSigner},
    bus::{Bus as _, InProcessBus, Outgoing, subjects},
    clock::{Clock, SystemClock},
    config::{Config, Layers},
    lifecycle::Lifecycle,
    mesh as codec, rpc,
    tables::{self, Engine},
    telemetry::{self, Metrics, TraceParent},
};
use turnout_presence::{Deps, Presence, TABLES};
use turnout_roster::{GatewayRoster, Topic, ViewerId};

const TRACE_ID: &str = "0af7651916cd43dd8448eb211c80319c";

#[tokio::test]
async fn the_trace_of_a_tick_goes_on_in_the_next_counts() {
    let mut settings = Layers::new();
    // Nobody listens there; what matters is that spans are made.
    settings.flag("otlp_endpoint", "http://127.0.0.1:9".into());
    settings.flag("log", "off".into());
    let config = Config::from_resolved(&settings.resolve()).unwrap();
    let _telemetry = telemetry::start(&config, "presence", "p1").unwrap();

    let (bus, folder, life) = (InProcessBus::new(), tempfile::tempdir().unwrap(), Lifecycle::new());
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let deps = Deps {
        bus: bus.clone(),
        tables: tables::open(&Engine::Embedded { path: folder.path().to_owned() }, TABLES).await.unwrap(),
        clock: clock.clone(),
        credentials: Credentials::new("presence", TokenSigner::new(&MeshKey::generate()), clock.clone()),
        registration: rpc::in_memory().0,
        replica_name: "p1".into(),
        life: life.clone(),
    };
    let _presence = Presence::start(deps, &Metrics::new());
    let mut counts = bus.subscribe(subjects::counts("p1").into()).await.unwrap();
    // The first, empty frame shows that the replica listens.
    let first = tokio::time::timeout(Duration::from_secs(30), counts.next()).await.unwrap().unwrap();
    assert_eq!(first.trace, None);

    let mut gateway = GatewayRoster::new("gw".into(), 1);
    gateway.join(&Topic::from("acme/demo"), ViewerId::new(1));
    for tick in gateway.tick(clock.now_ms(), clock.at_ms()) {
        let trace = TraceParent::received(&format!("00-{TRACE_ID}-b7ad6b7169203331-01"));
        let message = Outgoing::new(subjects::ticks("gw"), codec::encode_tick(tick));
        bus.publish(Outgoing { trace, ..message }).await.unwrap();
    }
    let traced = loop {
        let message = tokio::time::timeout(Duration::from_secs(30), counts.next()).await.unwrap().unwrap();
        let frame = codec::decode_counts(&message.payload).unwrap();
        if !frame.counts.is_empty() {
            break message.trace.expect("the count that covers the tick carries its trace");
        }
        assert_eq!(message.trace, None);
    };
    assert!(traced.as_str().contains(TRACE_ID), "{traced:?}");
    assert!(!traced.as_str().contains("b7ad6b7169203331"), "the replica's own span is the parent now: {traced:?}");
    life.stop();
}
