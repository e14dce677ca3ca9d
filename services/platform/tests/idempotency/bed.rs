//! A method whose effects are counted, behind servers that share tables as the processes of a mesh do.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use tempfile::TempDir;
use tokio::{net::TcpListener, sync::watch};
use tonic::{
    Request, Response, Status,
    body::Body,
    server::{Grpc, NamedService, UnaryService},
    transport::Channel,
};
use tonic_prost::ProstCodec;
use turnout_platform::{
    auth::{
        Access, AccessTable, ApiKeys, Authenticator, Credentials, MeshKey, TokenSigner, TokenVerifier, WithCredentials,
    },
    clock::ManualClock,
    failure::Failure,
    ids::TenantId,
    lifecycle::Lifecycle,
    random, real_servers,
    rpc::{self, IDEMPOTENCY_KEY, IDEMPOTENCY_TABLES, IdempotentCalls, RpcMetrics, RpcServer},
    tables::{self, Engine, Tables},
    telemetry::Metrics,
    vault::{self, Vault},
};
use turnout_proto::presence::v1::{
    Count, GetCountRequest, GetCountResponse, GetPeakRequest, GetPeakResponse,
    presence_service_client::PresenceServiceClient,
};

const COUNT: &str = "/turnout.presence.v1.PresenceService/GetCount";
const PEAK: &str = "/turnout.presence.v1.PresenceService/GetPeak";
const ACCESS: AccessTable = &[(COUNT, Access::Tenant), (PEAK, Access::Tenant)];
const START_AT_MS: u64 = 1_800_000_000_000;
/// A state that has not come by then never will.
const DEADLINE: Duration = Duration::from_mins(1);
/// Stands for what is personal in an answer.
pub const PERSONAL: &str = "anna@example.org";
/// Bytes of an answer that is too long to be kept.
const LONG: usize = 70_000;

pub type Answered = Result<Response<GetCountResponse>, Status>;

/// What the method has done. The event's id says how it ends.
#[derive(Clone)]
pub struct Effects {
    pub made: Arc<AtomicU64>,
    /// Calls wait here, after their effect, while it is closed.
    pub open: watch::Sender<bool>,
}

impl Effects {
    async fn make(self, event: String) -> Result<u64, Status> {
        let number = self.made.fetch_add(1, Ordering::SeqCst) + 1;
        self.open.subscribe().wait_for(|open| *open).await.unwrap();
        let first = number == 1;
        match event.as_str() {
            "nowhere" => Err(Failure::NotFound { what: "event" }.into()),
            "away at first" if first => Err(Failure::Unavailable { retry_after: Duration::ZERO }.into()),
            "panics at first" if first => panic!("told to"),
            _ => Ok(number),
        }
    }
}

type Answering<T> = Pin<Box<dyn Future<Output = Result<Response<T>, Status>> + Send>>;

impl UnaryService<GetCountRequest> for Effects {
    type Response = GetCountResponse;
    type Future = Answering<GetCountResponse>;

    fn call(&mut self, request: Request<GetCountRequest>) -> Self::Future {
        let (effects, event) = (self.clone(), request.into_inner().event_id);
        let room_id = if event == "long" { "x".repeat(LONG) } else { PERSONAL.to_owned() };
        Box::pin(async move {
            let revision = effects.make(event).await?;
            Ok(Response::new(GetCountResponse { count: Some(Count { room_id, revision, ..Count::default() }) }))
        })
    }
}

impl UnaryService<GetPeakRequest> for Effects {
    type Response = GetPeakResponse;
    type Future = Answering<GetPeakResponse>;

    fn call(&mut self, request: Request<GetPeakRequest>) -> Self::Future {
        let making = self.clone().make(request.into_inner().event_id);
        Box::pin(async move { Ok(Response::new(GetPeakResponse { viewers: making.await?, at: None })) })
    }
}

impl NamedService for Effects {
    const NAME: &'static str = "turnout.presence.v1.PresenceService";
}

impl tower::Service<http::Request<Body>> for Effects {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<http::Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let effects = self.clone();
        Box::pin(async move {
            Ok(match request.uri().path() {
                COUNT => {
                    Grpc::new(ProstCodec::<GetCountResponse, GetCountRequest>::default()).unary(effects, request).await
                }
                _ => Grpc::new(ProstCodec::<GetPeakResponse, GetPeakRequest>::default()).unary(effects, request).await,
            })
        })
    }
}

struct NoKeys;

#[tonic::async_trait]
impl ApiKeys for NoKeys {
    async fn resolve(&self, _: &str, _: &[u8]) -> Result<Option<TenantId>, Failure> {
        Ok(None)
    }
}

/// One engine with what stands on it.
pub struct Bed {
    pub effects: Effects,
    pub clock: Arc<ManualClock>,
    pub folder: TempDir,
    /// Of the embedded engine, whose files can be looked into.
    pub is_embedded: bool,
    tables: Arc<dyn Tables>,
    key: MeshKey,
}

/// One process.
pub struct Server {
    pub metrics: Metrics,
    channel: Channel,
    credentials: Credentials,
    /// Ends with it.
    _life: Lifecycle,
}

/// The embedded engine always, the CQL one where there is a server.
pub async fn beds(test: &str) -> Vec<Bed> {
    let mut engines = vec![None];
    engines.extend(real_servers::from_env("TURNOUT_TEST_CQL", test).map(Some));
    let mut beds = Vec::new();
    for server in engines {
        let folder = tempfile::tempdir().unwrap();
        let is_embedded = server.is_none();
        let engine = match server {
            None => Engine::Embedded { path: folder.path().join("store") },
            Some(server) => {
                let letters: String = random::token_128().chars().filter(char::is_ascii_alphanumeric).collect();
                let keyspace = format!("test_idempotency_{}", letters.to_lowercase());
                Engine::Cql { nodes: vec![server], keyspace, replication_factor: 1, user: None, password: None }
            }
        };
        let tables = tables::open(&engine, &[IDEMPOTENCY_TABLES, vault::TABLES].concat()).await.unwrap();
        let effects = Effects { made: Arc::default(), open: watch::Sender::new(true) };
        let (clock, key) = (Arc::new(ManualClock::at(START_AT_MS)), MeshKey::generate());
        beds.push(Bed { effects, clock, folder, is_embedded, tables, key });
    }
    beds
}

impl Bed {
    /// One more process.
    pub async fn server(&self) -> Server {
        let (life, metrics) = (Lifecycle::new(), Metrics::new());
        let (channel, incoming) = rpc::in_memory();
        let vault = Vault::new(self.tables.clone(), &self.key, self.clock.clone());
        let verifier = TokenVerifier::of_mesh(&self.key);
        RpcServer::new()
            .with(self.effects.clone())
            .with_idempotency(IdempotentCalls::new(self.tables.clone(), vault, self.clock.clone()))
            .serve(
                &life,
                TcpListener::bind("127.0.0.1:0").await.unwrap(),
                Some(incoming),
                Arc::new(Authenticator::new(verifier, Arc::new(NoKeys), self.clock.clone(), [ACCESS])),
                metrics.register(RpcMetrics::register),
            );
        let credentials = Credentials::new("test", TokenSigner::new(&self.key), self.clock.clone());
        Server { metrics, channel, credentials, _life: life }
    }

    pub fn made(&self) -> u64 {
        self.effects.made.load(Ordering::SeqCst)
    }

    /// Lets calls wait after their effect, or go on.
    pub fn hold(&self, held: bool) {
        self.effects.open.send_replace(!held);
    }

    /// Waits until so many effects were made.
    pub async fn made_to_be(&self, number: u64) {
        until("the effects are made", async || (self.made() == number).then_some(())).await;
    }
}

impl Server {
    /// The tenant `acme`, as this service.
    pub fn acme(&self) -> WithCredentials {
        self.credentials.acting_for(Some(&"acme".parse().unwrap()))
    }

    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// A call with a key, or without one where it is empty.
    pub async fn call(&self, whom: WithCredentials, key: &str, event: &str) -> Answered {
        let mut request = Request::new(GetCountRequest { event_id: event.into(), room_id: String::new() });
        if !key.is_empty() {
            request.metadata_mut().insert(IDEMPOTENCY_KEY, key.parse().unwrap());
        }
        self.send(whom, request).await
    }

    pub async fn send(&self, whom: WithCredentials, request: Request<GetCountRequest>) -> Answered {
        PresenceServiceClient::with_interceptor(self.channel.clone(), whom).get_count(request).await
    }

    /// Another method, which has effects too.
    pub async fn peak(&self, key: &str, event: &str) -> u64 {
        let mut request = Request::new(GetPeakRequest { event_id: event.into(), room_id: String::new() });
        request.metadata_mut().insert(IDEMPOTENCY_KEY, key.parse().unwrap());
        let mut client = PresenceServiceClient::with_interceptor(self.channel.clone(), self.acme());
        client.get_peak(request).await.unwrap().into_inner().viewers
    }

    /// How many calls with keys ended so.
    pub fn counted(&self, outcome: &str) -> u64 {
        let start = format!("turnout_grpc_server_keyed_calls_total{{outcome=\"{outcome}\"}} ");
        let text = self.metrics.render();
        text.lines().find_map(|line| line.strip_prefix(&start)).map_or(0, |number| number.parse().unwrap())
    }
}

/// The effect that an answer tells of.
pub fn number(answer: &Response<GetCountResponse>) -> u64 {
    answer.get_ref().count.as_ref().unwrap().revision
}

pub fn is_replay(metadata: &tonic::metadata::MetadataMap) -> bool {
    metadata.get("idempotent-replay").is_some_and(|value| value == "true")
}

/// Waits until a question has an answer.
pub async fn until<T>(what: &str, mut question: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(answer) = question().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
