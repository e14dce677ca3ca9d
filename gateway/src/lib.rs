//! The gateway: where viewers and organisers connect. One public port carries the pages, the HTTP API and the live sockets.
//!
//! The live counter's path through this crate: a socket is accepted ([`http`]), gets its seat for a ticket ([`tickets`]), is held by
//! a worker ([`live`]); the mesh link ([`mesh_link`]) tells the presence replicas who is here and brings their counts back, the
//! board ([`board`]) decides which to believe, and the workers put them on the screens. Who owns an event, and what a count is, is
//! not decided here.

mod all_pages;
mod answers;
pub mod assets;
mod audience;
pub mod board;
mod console;
mod cookies;
mod directory;
mod gate;
mod http;
pub mod live;
mod mesh_link;
mod metrics;
mod origin;
mod routes;
mod tickets;
mod upstream;
pub mod views;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::net::TcpListener;
use turnout_platform::{
    auth::{Credentials, MeshKey, TokenSigner},
    bus::SharedBus,
    clock::Clock,
    config::Network,
    lifecycle::Lifecycle,
    telemetry::Metrics,
};

use crate::{
    directory::Directory,
    gate::Gate,
    live::{Live, LiveConfig, LiveMetrics, PresenceMap},
    metrics::GatewayMetrics,
    tickets::TicketDesk,
    upstream::Upstream,
};

pub use routes::{Route, Who};
pub use tickets::VIEWER_COOKIE;
pub use upstream::Channels;

/// Settings of a gateway.
#[derive(Debug, Clone)]
pub struct GatewayConfig {
    /// This gateway's name in the mesh.
    pub node_name: String,
    /// How the public port looks from outside, such as `https://live.example.org`; none: as the request says.
    pub public_url: Option<String>,
    /// Further origins whose pages may open the live socket.
    pub allowed_origins: Vec<String>,
    /// Proxies in front, whose word on where a request comes from is taken.
    pub trusted_proxies: Vec<Network>,
    /// Threads that hold sockets.
    pub workers: usize,
    /// Sockets at most.
    pub connections_max: usize,
    /// Handshakes a second at most.
    pub handshakes_per_s_max: u32,
    /// Time over which viewers are sent elsewhere.
    pub drain: Duration,
    /// Share of joins that are traced.
    pub trace_ratio: f64,
    /// Where services call, for the example in the console.
    pub grpc_addr: String,
    /// The event that anyone may try, shown on the front page.
    pub demo_event: Option<String>,
}

/// What a gateway needs from the rest of the process.
#[allow(missing_debug_implementations, reason = "holds a bus and a clock, which have none")]
pub struct Deps {
    /// The bus to the presence replicas.
    pub bus: SharedBus,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The life of the process.
    pub life: Lifecycle,
    /// Where metrics are registered.
    pub metrics: Metrics,
    /// The key of the mesh.
    pub mesh_key: Arc<MeshKey>,
    /// The services.
    pub channels: Channels,
}

/// Everything that the handlers share. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) config: Arc<GatewayConfig>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) life: Lifecycle,
    pub(crate) live: Live,
    pub(crate) desk: Arc<TicketDesk>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) upstream: Upstream,
    pub(crate) metrics: GatewayMetrics,
    pub(crate) handshakes: Arc<Gate>,
    pub(crate) traces: Arc<mesh_link::TraceSlot>,
    pub(crate) console: Arc<console::Sessions>,
    pub(crate) registering: Arc<audience::Throttle>,
}

/// Every address that a gateway answers at, and who may ask there.
pub fn routes() -> Vec<Route> {
    http::routes().into_parts().1
}

/// Starts a gateway on a bound listener; its tasks end with the process. Returns the address it listens on. Must be called within
/// the runtime of the process.
pub fn start(config: GatewayConfig, deps: Deps, listener: TcpListener) -> io::Result<SocketAddr> {
    let Deps { bus, clock, life, metrics, mesh_key, channels } = deps;
    let address = listener.local_addr()?;
    let config = Arc::new(config);
    let signer = TokenSigner::new(&mesh_key);
    let credentials = Credentials::new("gateway", signer.clone(), clock.clone());
    let upstream = Upstream::new(channels, credentials);
    let directory = Arc::new(Directory::new(upstream.clone(), clock.clone()));
    let desk = Arc::new(TicketDesk::new(mesh_key.clone(), directory.clone(), clock.clone()));
    let (gateway_metrics, live_metrics) =
        metrics.register(|registry| (GatewayMetrics::register(registry), LiveMetrics::register(registry)));

    let presence_map = Arc::new(PresenceMap::new());
    let wall = clock.clone();
    let live_config = LiveConfig::new(config.workers, config.connections_max, Arc::new(move || wall.at_ms()));
    let handler: Arc<dyn live::JoinHandler> = Arc::new(tickets::Desk(desk.clone()));
    let live = Live::start(&live_config, &presence_map, &handler, live_metrics)?;

    let traces = Arc::new(mesh_link::TraceSlot::default());
    mesh_link::start(mesh_link::Link {
        node_name: config.node_name.clone(),
        bus,
        clock: clock.clone(),
        life: life.clone(),
        presence_map,
        live: live.clone(),
        metrics: gateway_metrics.clone(),
        traces: traces.clone(),
    });

    let shared = Shared {
        handshakes: Arc::new(Gate::new(config.handshakes_per_s_max, clock.now_ms())),
        console: Arc::new(console::Sessions::new(signer, &mesh_key, clock.clone())),
        registering: Arc::default(),
        config,
        clock,
        life: life.clone(),
        live: live.clone(),
        desk,
        directory,
        upstream,
        metrics: gateway_metrics,
        traces,
    };
    http::serve(shared.clone(), listener);
    life.spawn("gateway drain", drain(shared));
    Ok(address)
}

/// On drain: every viewer is sent elsewhere within the time set for it; then the workers end.
async fn drain(shared: Shared) -> turnout_platform::lifecycle::TaskResult {
    shared.life.draining().await;
    shared.live.drain(shared.config.drain);
    let emptied = async {
        while shared.live.connections() > 0 {
            tokio::time::sleep(DRAIN_POLL).await;
        }
    };
    let patience = shared.config.drain + DRAIN_GRACE;
    tokio::select! {
        _ = tokio::time::timeout(patience, emptied) => {}
        () = shared.life.stopping() => {}
    }
    let live = shared.live.clone();
    tokio::task::spawn_blocking(move || live.stop()).await?;
    // Nothing is left to serve: the process may end.
    shared.life.stop();
    Ok(())
}

/// How often the drain looks whether it is over.
const DRAIN_POLL: Duration = Duration::from_millis(50);
/// What the drain may take beyond its time: the last close handshakes.
const DRAIN_GRACE: Duration = Duration::from_secs(3);
