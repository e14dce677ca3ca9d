//! A registration service in this process, with profiles that a test can look into, and callers of every sort.

use std::{sync::Arc, time::Duration};

use tempfile::TempDir;
use tokio::net::TcpListener;
use tonic::{
    Code, Request, Status,
    metadata::AsciiMetadataValue,
    service::{Interceptor, interceptor::InterceptedService},
    transport::Channel,
};
use tonic_types::StatusExt as _;
use turnout_platform::{
    auth::{
        Authenticator, Caller, Credentials, MeshKey, Principal, Role, TokenKind, TokenSigner, TokenVerifier,
        codes::Codes,
    },
    bus::durable::{self, DurableMetrics, InProcessDurable, SharedDurableBus},
    clock::{Clock, ManualClock},
    lifecycle::Lifecycle,
    outbox, random,
    rpc::{RpcMetrics, RpcServer, in_memory_channels},
    tables::{Engine, Table, Tables, open},
    telemetry::Metrics,
    vault::{self, Vault},
};
use turnout_proto::registration::v1::{
    CreateEventRequest, CreateRoomRequest, Event, Room, registrant_service_client::RegistrantServiceClient,
    registration_service_client::RegistrationServiceClient,
};
use turnout_registration::{ACCESS, Deps, Registration, TABLES};

use crate::profiles::FakeProfiles;

/// When the tests begin: 2027-01-15, in milliseconds since 1970.
pub const START_AT_MS: u64 = 1_800_000_000_000;
/// How long a state may take to come.
const COMES_MAX: Duration = Duration::from_mins(2);

/// The service and all that it stands on. It ends when the test does.
pub struct Bed {
    pub registration: Registration,
    pub profiles: FakeProfiles,
    pub clock: Arc<ManualClock>,
    pub signer: TokenSigner,
    pub bus: SharedDurableBus,
    pub metrics: Metrics,
    pub channel: Channel,
    /// Another connection.
    pub aside: Channel,
    life: Lifecycle,
    folder: Option<TempDir>,
}

/// A caller.
pub type Client = RegistrationServiceClient<InterceptedService<Channel, Bearer>>;
/// A caller about registrants.
pub type Registrants = RegistrantServiceClient<InterceptedService<Channel, Bearer>>;

impl Bed {
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tables = open_tables(&folder).await;
        let mut bed = Self::on(tables).await;
        bed.folder = Some(folder);
        bed
    }

    /// On these tables, whichever engine they are of.
    pub async fn on(tables: Arc<dyn Tables>) -> Self {
        Self::with(tables, &MeshKey::generate(), FakeProfiles::default()).await
    }

    /// As after a restart: what was sealed before opens with the same key.
    pub async fn with(tables: Arc<dyn Tables>, key: &MeshKey, profiles: FakeProfiles) -> Self {
        let (clock, life) = (Arc::new(ManualClock::at(START_AT_MS)), Lifecycle::new());
        let bus = InProcessDurable::open(tables.clone(), clock.clone(), &life).await.unwrap();
        Self::beside(bus, tables, clock, key, profiles, life).await
    }

    /// One more process of the same mesh, which shares nothing with this one but the bus and what it reads from the tables.
    pub async fn second(&self, tables: Arc<dyn Tables>, key: &MeshKey) -> Self {
        let (bus, clock, profiles) = (self.bus.clone(), self.clock.clone(), self.profiles.clone());
        Self::beside(bus, tables, clock, key, profiles, Lifecycle::new()).await
    }

    async fn beside(
        bus: SharedDurableBus,
        tables: Arc<dyn Tables>,
        clock: Arc<ManualClock>,
        key: &MeshKey,
        profiles: FakeProfiles,
        life: Lifecycle,
    ) -> Self {
        let metrics = Metrics::new();
        let registration = on_bus(bus.clone(), tables, key, clock.clone(), &profiles, &life, &metrics).await;
        let api_keys = Arc::new(registration.clone());
        let authenticator = Authenticator::new(TokenVerifier::of_mesh(key), api_keys, clock.clone(), [ACCESS]);
        let ([channel, aside], incoming) = in_memory_channels();
        let (events, registrants) = registration.clone().into_services();
        RpcServer::new().with(events).with(registrants).serve(
            &life,
            TcpListener::bind("127.0.0.1:0").await.unwrap(),
            Some(incoming),
            Arc::new(authenticator),
            metrics.register(RpcMetrics::register),
        );
        let signer = TokenSigner::new(key);
        Self { registration, profiles, clock, signer, bus, metrics, channel, aside, life, folder: None }
    }

    /// Someone who shows nothing.
    pub fn anonymous(&self) -> Client {
        self.client(None)
    }

    /// Someone who shows this, whatever it is.
    pub fn bearer(&self, secret: &str) -> Client {
        self.client(Some(format!("Bearer {secret}").parse().unwrap()))
    }

    /// A service of the mesh, for one tenant or for none in particular.
    pub fn mesh(&self, tenant: Option<&str>) -> Client {
        let token = self.signer.sign(TokenKind::Access, "svc:test", self.clock.at_s(), 600, random::token_128());
        let token = match tenant {
            Some(tenant) => token.tenant(tenant),
            None => token,
        };
        self.bearer(&token.finish())
    }

    /// A member of a tenant's team, for whom a service calls.
    pub fn member(&self, tenant: &str, role: Role) -> AsciiMetadataValue {
        let token = self.signer.sign(TokenKind::Access, "svc:test", self.clock.at_s(), 600, random::token_128());
        format!("Bearer {}", token.tenant(tenant).member("m1", role).finish()).parse().unwrap()
    }

    /// A member of a tenant's team who deals with events.
    pub fn events_as(&self, tenant: &str, role: Role) -> Client {
        self.client(Some(self.member(tenant, role)))
    }

    /// A member of a tenant's team who deals with registrants.
    pub fn registrants_as(&self, tenant: &str, role: Role) -> Registrants {
        RegistrantServiceClient::with_interceptor(self.channel.clone(), Bearer(Some(self.member(tenant, role))))
    }

    /// A service of the mesh that deals with registrants, for one tenant or for none in particular.
    pub fn registrants(&self, tenant: Option<&str>) -> Registrants {
        let token = self.signer.sign(TokenKind::Access, "svc:test", self.clock.at_s(), 600, random::token_128());
        let token = match tenant {
            Some(tenant) => token.tenant(tenant).finish(),
            None => token.finish(),
        };
        let bearer = Bearer(Some(format!("Bearer {token}").parse().unwrap()));
        RegistrantServiceClient::with_interceptor(self.channel.clone(), bearer)
    }

    /// The organiser of a tenant, with a new API key.
    pub async fn organiser(&self, tenant: &str) -> Client {
        let service = Principal { caller: Caller::Mesh("test".to_owned()), tenant: Some(tenant.parse().unwrap()) };
        let key = self.registration.create_api_key(&service, "test").await.unwrap();
        self.bearer(&key.secret)
    }

    fn client(&self, authorization: Option<AsciiMetadataValue>) -> Client {
        RegistrationServiceClient::with_interceptor(self.channel.clone(), Bearer(authorization))
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        self.life.stop();
        drop(self.folder.take());
    }
}

/// The service on these tables, with all that it needs of its own.
pub async fn service(
    tables: Arc<dyn Tables>,
    key: &MeshKey,
    clock: Arc<dyn Clock>,
    profiles: &FakeProfiles,
    life: &Lifecycle,
    metrics: &Metrics,
) -> Registration {
    let bus = InProcessDurable::open(tables.clone(), clock.clone(), life).await.unwrap();
    on_bus(bus, tables, key, clock, profiles, life, metrics).await
}

async fn on_bus(
    bus: SharedDurableBus,
    tables: Arc<dyn Tables>,
    key: &MeshKey,
    clock: Arc<dyn Clock>,
    profiles: &FakeProfiles,
    life: &Lifecycle,
    metrics: &Metrics,
) -> Registration {
    let credentials = Credentials::new("registration", TokenSigner::new(key), clock.clone());
    let deps = Deps {
        vault: Vault::new(tables.clone(), key, clock.clone()),
        tables,
        sign_in: TokenVerifier::of_mesh(key),
        codes: Codes::new(key),
        bus,
        durable_metrics: DurableMetrics::new(metrics),
        profiles: profiles.serve(key, clock.clone(), life).await,
        credentials,
        clock,
    };
    Registration::start(deps, life, metrics)
}

/// All tables that the service uses.
pub fn all_tables() -> Vec<&'static Table> {
    [TABLES, vault::TABLES, outbox::TABLES, durable::TABLES].concat()
}

pub async fn open_tables(folder: &TempDir) -> Arc<dyn Tables> {
    open(&Engine::Embedded { path: folder.path().to_owned() }, &all_tables()).await.unwrap()
}

/// Waits until a state has come.
pub async fn comes<F: Future<Output = bool>>(what: &str, mut state: impl FnMut() -> F) {
    let deadline = tokio::time::Instant::now() + COMES_MAX;
    while !state().await {
        assert!(tokio::time::Instant::now() < deadline, "{what} does not come");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// What the test's events start at.
pub fn starts_at() -> Option<prost_types::Timestamp> {
    Some(prost_types::Timestamp { seconds: START_AT_MS as i64 / 1000 + 86_400, nanos: 0 })
}

/// What a caller shows.
#[derive(Clone)]
pub struct Bearer(pub Option<AsciiMetadataValue>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(authorization) = &self.0 {
            request.metadata_mut().insert("authorization", authorization.clone());
        }
        Ok(request)
    }
}

pub async fn create_event(client: &mut Client, event_id: &str, title: &str) -> Result<Event, Status> {
    let (event_id, title) = (event_id.into(), title.into());
    let request = CreateEventRequest { event_id, title, starts_at: starts_at(), zone: "Europe/Helsinki".into() };
    Ok(client.create_event(request).await?.into_inner().event.unwrap())
}

pub async fn create_room(client: &mut Client, event_id: &str, room_id: &str, title: &str) -> Result<Room, Status> {
    let request = CreateRoomRequest { event_id: event_id.into(), room_id: room_id.into(), title: title.into() };
    Ok(client.create_room(request).await?.into_inner().room.unwrap())
}

/// Asserts that the call was refused with this code.
#[track_caller]
pub fn refused<T: std::fmt::Debug>(answer: Result<T, Status>, code: Code) -> Status {
    let status = answer.unwrap_err();
    assert_eq!(status.code(), code, "{status:?}");
    let info = status.get_details_error_info().expect("every refusal has rich details");
    assert_eq!(info.domain, "turnout");
    status
}

/// Asserts that the call was refused because of this field.
#[track_caller]
pub fn refused_field<T: std::fmt::Debug>(answer: Result<T, Status>, field: &str) {
    let violations = refused(answer, Code::InvalidArgument).get_details_bad_request().unwrap().field_violations;
    assert_eq!(violations.iter().map(|v| v.field.as_str()).collect::<Vec<_>>(), [field]);
}
