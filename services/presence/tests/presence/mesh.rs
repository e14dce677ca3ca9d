//! The world around a replica: clock, bus, keys, a registration service that knows three events, and a client.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{net::TcpListener, time::Instant};
use tonic::{Request, Response, Status, service::interceptor::InterceptedService, transport::Channel};
use turnout_platform::{
    auth::{
        Access, AccessTable, ApiKeys, Authenticator, Credentials, MeshKey, TokenSigner, TokenVerifier, WithCredentials,
    },
    bus::InProcessBus,
    clock::Clock,
    failure::Failure,
    ids::TenantId,
    lifecycle::Lifecycle,
    rpc::{self, RpcMetrics, RpcServer},
    tables::Tables,
    telemetry::Metrics,
};
use turnout_presence::{ACCESS, Deps, Presence};
use turnout_proto::{
    presence::v1::{Count, GetCountRequest, presence_service_client::PresenceServiceClient},
    registration::v1::{
        self as registration, Event,
        registration_service_server::{RegistrationService, RegistrationServiceServer},
    },
};

/// Events and their owners.
pub const EVENTS: [(&str, &str); 3] = [("demo", "acme"), ("quiet", "acme"), ("theirs", "other")];
const REGISTRATION: AccessTable = &[("/turnout.registration.v1.RegistrationService/GetEvent", Access::Mesh)];
const START_AT_MS: u64 = 1_800_000_000_000;
/// A state that has not come by then never will.
const DEADLINE: Duration = Duration::from_mins(10);

pub type Client = PresenceServiceClient<InterceptedService<Channel, WithCredentials>>;

/// Tokio's clock, which runs as fast as nothing happens.
pub struct PausedClock {
    start: Instant,
    start_at_ms: u64,
}

impl Clock for PausedClock {
    fn now_ms(&self) -> u64 {
        self.start.elapsed().as_millis() as u64
    }

    fn at_ms(&self) -> u64 {
        self.start_at_ms + self.now_ms()
    }
}

/// What all replicas and gateways share.
pub struct Mesh {
    pub bus: Arc<InProcessBus>,
    pub clock: Arc<PausedClock>,
    key: MeshKey,
}

/// A running replica, and a way to call it.
pub struct Node {
    pub life: Lifecycle,
    pub metrics: Metrics,
    /// How often registration was asked.
    pub asked: Arc<AtomicU64>,
    channel: Channel,
}

impl Mesh {
    pub fn new() -> Self {
        Self::beginning_later(0)
    }

    /// A mesh that begins so much later than others do, by its wall clock.
    pub fn beginning_later(ms: u64) -> Self {
        let clock = PausedClock { start: Instant::now(), start_at_ms: START_AT_MS + ms };
        Self { bus: InProcessBus::new(), clock: Arc::new(clock), key: MeshKey::generate() }
    }

    pub fn credentials(&self) -> Credentials {
        Credentials::new("test", TokenSigner::new(&self.key), self.clock.clone())
    }

    /// A replica with a registration service.
    pub async fn replica(&self, name: &str, tables: Arc<dyn Tables>) -> Node {
        let (channel, incoming) = rpc::in_memory();
        self.start(name, tables, channel.clone(), channel, incoming).await
    }

    /// A replica whose registration service does not answer.
    pub async fn replica_alone(&self, name: &str, tables: Arc<dyn Tables>) -> Node {
        let (channel, incoming) = rpc::in_memory();
        let (nowhere, _) = rpc::in_memory();
        self.start(name, tables, nowhere, channel, incoming).await
    }

    async fn start(
        &self,
        name: &str,
        tables: Arc<dyn Tables>,
        registration: Channel,
        channel: Channel,
        incoming: rpc::InMemoryIncoming,
    ) -> Node {
        let (life, metrics) = (Lifecycle::new(), Metrics::new());
        let deps = Deps {
            bus: self.bus.clone(),
            tables,
            clock: self.clock.clone(),
            credentials: self.credentials(),
            registration,
            replica_name: name.to_owned(),
            life: life.clone(),
        };
        let presence = Presence::start(deps, &metrics);
        let verifier = TokenVerifier::of_mesh(&self.key);
        let authenticator = Authenticator::new(verifier, Arc::new(NoKeys), self.clock.clone(), [ACCESS, REGISTRATION]);
        let rpc_metrics = metrics.register(RpcMetrics::register);
        let asked = Arc::new(AtomicU64::new(0));
        let registry = RegistrationServiceServer::new(Registry { asked: asked.clone() });
        RpcServer::new().with(presence.into_service()).with(registry).serve(
            &life,
            TcpListener::bind("127.0.0.1:0").await.unwrap(),
            Some(incoming),
            Arc::new(authenticator),
            rpc_metrics,
        );
        Node { life, metrics, asked, channel }
    }

    /// A client that speaks for a tenant, or for none.
    pub fn client(&self, node: &Node, tenant: Option<&str>) -> Client {
        let tenant: Option<TenantId> = tenant.map(|t| t.parse().unwrap());
        PresenceServiceClient::with_interceptor(node.channel.clone(), self.credentials().acting_for(tenant.as_ref()))
    }
}

/// Waits until a question has an answer.
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut question: impl FnMut() -> F) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(answer) = question().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The count of an event or room, waiting while the replica warms up.
pub async fn count(client: &Client, event: &str, room: &str) -> Count {
    until("there is a count", || async {
        let request = GetCountRequest { event_id: event.into(), room_id: room.into() };
        match client.clone().get_count(request).await {
            Ok(response) => response.into_inner().count,
            Err(status) if status.code() == tonic::Code::Unavailable => None,
            Err(status) => panic!("{status:?}"),
        }
    })
    .await
}

/// Waits until the count of an event or room is this one, and sure.
pub async fn until_count(client: &Client, event: &str, room: &str, viewers: u64) -> Count {
    until(&format!("{event}/{room} has {viewers} viewers"), || async {
        let count = count(client, event, room).await;
        (count.viewers == viewers && count.low == viewers && !count.stale).then_some(count)
    })
    .await
}

struct NoKeys;

#[tonic::async_trait]
impl ApiKeys for NoKeys {
    async fn resolve(&self, _: &str, _: &[u8]) -> Result<Option<TenantId>, Failure> {
        Ok(None)
    }
}

/// A registration service that knows [`EVENTS`].
struct Registry {
    asked: Arc<AtomicU64>,
}

macro_rules! not_asked {
    ($($method:ident: $request:ident -> $response:ident),* $(,)?) => {
        #[tonic::async_trait]
        impl RegistrationService for Registry {
            async fn get_event(
                &self,
                request: Request<registration::GetEventRequest>,
            ) -> Result<Response<registration::GetEventResponse>, Status> {
                self.asked.fetch_add(1, Ordering::SeqCst);
                let event_id = request.into_inner().event_id;
                let owners = HashMap::from(EVENTS);
                let tenant = owners.get(event_id.as_str()).ok_or(Failure::NotFound { what: "event" })?;
                let event = Event { tenant_id: (*tenant).to_owned(), event_id, ..Event::default() };
                Ok(Response::new(registration::GetEventResponse { event: Some(event) }))
            }

            $(async fn $method(
                &self,
                _: Request<registration::$request>,
            ) -> Result<Response<registration::$response>, Status> {
                Err(Status::unimplemented("presence does not ask this"))
            })*
        }
    };
}

not_asked!(
    create_event: CreateEventRequest -> CreateEventResponse,
    list_events: ListEventsRequest -> ListEventsResponse,
    update_event: UpdateEventRequest -> UpdateEventResponse,
    change_event_state: ChangeEventStateRequest -> ChangeEventStateResponse,
    create_room: CreateRoomRequest -> CreateRoomResponse,
    update_room: UpdateRoomRequest -> UpdateRoomResponse,
    get_room: GetRoomRequest -> GetRoomResponse,
    list_rooms: ListRoomsRequest -> ListRoomsResponse,
    register_ticket_key: RegisterTicketKeyRequest -> RegisterTicketKeyResponse,
    get_ticket_key: GetTicketKeyRequest -> GetTicketKeyResponse,
    create_api_key: CreateApiKeyRequest -> CreateApiKeyResponse,
    list_api_keys: ListApiKeysRequest -> ListApiKeysResponse,
    revoke_api_key: RevokeApiKeyRequest -> RevokeApiKeyResponse,
    resolve_api_key: ResolveApiKeyRequest -> ResolveApiKeyResponse,
    redeem_sign_in_link: RedeemSignInLinkRequest -> RedeemSignInLinkResponse,
);
