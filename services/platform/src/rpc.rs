//! gRPC between services: one way to serve, one way to call, over TCP or inside the process.
//!
//! A server authenticates, counts, limits and traces every call in layers; a service's own code contains none of that. The
//! limits are explicit, because tonic passes "none" for some that guard against abuse.

mod deadline;
mod idempotency;
mod layer;
mod metrics;
mod recheck;

use std::{io, sync::Arc, time::Duration};

use hyper_util::rt::TokioIo;
use tokio::{io::DuplexStream, net::TcpListener, sync::mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    server::NamedService,
    service::RoutesBuilder,
    transport::{Channel, Endpoint, Server, server::TcpIncoming},
};
use tonic_health::server::HealthReporter;

pub use idempotency::{
    HEADER as IDEMPOTENCY_KEY, IdempotentCalls, KEY_CHARS_MAX as IDEMPOTENCY_KEY_CHARS_MAX,
    TABLES as IDEMPOTENCY_TABLES, key_of as idempotency_key_of,
};
pub use layer::AccessLayer;
pub use metrics::RpcMetrics;

use crate::{
    auth::Authenticator,
    lifecycle::{Lifecycle, TaskResult},
};

const CONNECT_MAX: Duration = Duration::from_secs(2);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(5);
const STREAMS_PER_CONNECTION_MAX: u32 = 256;
const CALLS_PER_CONNECTION_MAX: usize = 256;
const LOCAL_ERROR_RESETS_MAX: usize = 1024;
const PENDING_ACCEPT_RESETS_MAX: usize = 20;
const HEADER_LIST_BYTES_MAX: u32 = 16 * 1024;
/// After stopping, open calls get so long to end.
const STOP_GRACE: Duration = Duration::from_secs(2);
/// Bytes in flight of an in-memory connection, each way.
const IN_MEMORY_BYTES: usize = 256 * 1024;
/// In-memory connections waiting to be accepted.
const IN_MEMORY_BACKLOG: usize = 16;

/// A gRPC server under construction: add services, then serve.
pub struct RpcServer {
    routes: RoutesBuilder,
    health: HealthReporter,
    names: Vec<&'static str>,
    calls: Option<IdempotentCalls>,
}

impl std::fmt::Debug for RpcServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RpcServer").field("services", &self.names).finish_non_exhaustive()
    }
}

impl Default for RpcServer {
    fn default() -> Self {
        Self::new()
    }
}

impl RpcServer {
    /// A server with health and reflection.
    pub fn new() -> Self {
        let (health, health_service) = tonic_health::server::health_reporter();
        let mut routes = RoutesBuilder::default();
        routes.add_service(health_service);
        for reflection in
            [reflection().build_v1().map(Reflection::V1), reflection().build_v1alpha().map(Reflection::V1Alpha)]
        {
            match reflection.expect("the descriptors were encoded by our own build") {
                Reflection::V1(service) => routes.add_service(service),
                Reflection::V1Alpha(service) => routes.add_service(service),
            };
        }
        Self { routes, health, names: Vec::new(), calls: None }
    }

    /// Adds a service.
    #[must_use]
    pub fn with<S>(mut self, service: S) -> Self
    where
        S: tower::Service<http::Request<tonic::body::Body>, Error = std::convert::Infallible>
            + NamedService
            + Clone
            + Send
            + Sync
            + 'static,
        S::Response: axum::response::IntoResponse,
        S::Future: Send + 'static,
    {
        self.names.push(S::NAME);
        self.routes.add_service(service);
        self
    }

    /// Makes retries with the same idempotency key the same call. Without it keys say nothing.
    #[must_use]
    pub fn with_idempotency(mut self, calls: IdempotentCalls) -> Self {
        self.calls = Some(calls);
        self
    }

    /// Serves on a bound listener, and to in-memory callers if there are any, until the process stops.
    pub fn serve(
        self,
        life: &Lifecycle,
        listener: TcpListener,
        in_memory: Option<InMemoryIncoming>,
        authenticator: Arc<Authenticator>,
        metrics: RpcMetrics,
    ) {
        let routes = self.routes.routes().prepare();
        let server = Server::builder()
            .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
            .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
            .max_concurrent_streams(Some(STREAMS_PER_CONNECTION_MAX))
            .concurrency_limit_per_connection(CALLS_PER_CONNECTION_MAX)
            .http2_max_local_error_reset_streams(Some(LOCAL_ERROR_RESETS_MAX))
            .http2_max_pending_accept_reset_streams(Some(PENDING_ACCEPT_RESETS_MAX))
            .http2_max_header_list_size(Some(HEADER_LIST_BYTES_MAX))
            .layer(AccessLayer::new(authenticator, metrics, self.calls));

        let stop = |life: &Lifecycle| {
            let (draining, stopping) = (life.draining(), life.stopping());
            async move {
                draining.await;
                stopping.await;
            }
        };
        let tcp = TcpIncoming::from(listener).with_nodelay(Some(true));
        let serving = server.clone().add_routes(routes.clone()).serve_with_incoming_shutdown(tcp, stop(life));
        life.spawn("grpc", within_grace(life.clone(), serving));
        if let Some(incoming) = in_memory {
            let serving =
                server.clone().add_routes(routes).serve_with_incoming_shutdown(incoming.connections, stop(life));
            life.spawn("grpc in memory", within_grace(life.clone(), serving));
        }
        let (health, names) = (self.health, self.names);
        let life_of_health = life.clone();
        life.spawn("grpc health", async move {
            for name in &names {
                health.set_service_status(*name, tonic_health::ServingStatus::Serving).await;
            }
            life_of_health.draining().await;
            for name in names.iter().copied().chain([""]) {
                health.set_service_status(name, tonic_health::ServingStatus::NotServing).await;
            }
            Ok(())
        });
    }
}

/// Open streams would hold a graceful stop for ever, so it gets a bound.
async fn within_grace(
    life: Lifecycle,
    serving: impl Future<Output = Result<(), tonic::transport::Error>>,
) -> TaskResult {
    tokio::select! {
        ended = serving => ended.map_err(Into::into),
        () = async { life.stopping().await; tokio::time::sleep(STOP_GRACE).await } => Ok(()),
    }
}

enum Reflection<A, B> {
    V1(A),
    V1Alpha(B),
}

fn reflection() -> tonic_reflection::server::Builder<'static> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(turnout_proto::DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
}

/// A channel to a server elsewhere. It connects when first used and again whenever needed.
pub fn channel(url: &str) -> Result<Channel, tonic::transport::Error> {
    Ok(tuned(Endpoint::from_shared(url.to_owned())?).connect_lazy())
}

fn tuned(endpoint: Endpoint) -> Endpoint {
    endpoint
        .connect_timeout(CONNECT_MAX)
        .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .keep_alive_while_idle(true)
        .tcp_nodelay(true)
}

/// The server's end of in-memory connections.
#[derive(Debug)]
pub struct InMemoryIncoming {
    connections: ReceiverStream<io::Result<DuplexStream>>,
}

/// A channel to a server in this process: the same client, the same server, no network.
pub fn in_memory() -> (Channel, InMemoryIncoming) {
    let ([channel], incoming) = in_memory_channels();
    (channel, incoming)
}

/// Several channels, each a connection of its own. Callers that a server's answer waits for need one beside the callers of that
/// server: calls of one connection wait for each other once there are [`CALLS_PER_CONNECTION_MAX`].
pub fn in_memory_channels<const N: usize>() -> ([Channel; N], InMemoryIncoming) {
    let (sender, receiver) = mpsc::channel(IN_MEMORY_BACKLOG);
    let channels = std::array::from_fn(|_| {
        let sender = sender.clone();
        let connector = tower::service_fn(move |_: http::Uri| {
            let sender = sender.clone();
            async move {
                let (client, server) = tokio::io::duplex(IN_MEMORY_BYTES);
                sender.send(Ok(server)).await.map_err(|_| io::Error::from(io::ErrorKind::ConnectionRefused))?;
                Ok::<_, io::Error>(TokioIo::new(client))
            }
        });
        Endpoint::from_static("http://in-memory").connect_with_connector_lazy(connector)
    });
    (channels, InMemoryIncoming { connections: ReceiverStream::new(receiver) })
}
