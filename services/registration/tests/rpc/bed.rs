//! A registration service in this process, and callers of every sort.

use std::sync::Arc;

use prometheus_client::registry::Registry;
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
    auth::{Authenticator, MeshKey, TokenKind, TokenSigner, TokenVerifier},
    clock::{Clock as _, ManualClock},
    lifecycle::Lifecycle,
    random,
    rpc::{RpcMetrics, RpcServer, in_memory},
    tables::{Engine, Tables, open},
};
use turnout_proto::registration::v1::{
    CreateEventRequest, CreateRoomRequest, Event, Room, registration_service_client::RegistrationServiceClient,
};
use turnout_registration::{ACCESS, Deps, Registration, TABLES};

/// When the tests begin: 2027-01-15, in milliseconds since 1970.
const START_AT_MS: u64 = 1_800_000_000_000;

/// The service and all that it stands on. It ends when the test does.
pub struct Bed {
    pub registration: Registration,
    pub clock: Arc<ManualClock>,
    pub signer: TokenSigner,
    pub metrics: Registry,
    pub channel: Channel,
    life: Lifecycle,
    _folder: TempDir,
}

/// A caller.
pub type Client = RegistrationServiceClient<InterceptedService<Channel, Bearer>>;

impl Bed {
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tables = open_tables(&folder).await;
        let (clock, key) = (Arc::new(ManualClock::at(START_AT_MS)), MeshKey::generate());
        let mut metrics = Registry::default();
        let deps = Deps { tables, clock: clock.clone(), sign_in: TokenVerifier::of_mesh(&key) };
        let registration = Registration::new(deps, &mut metrics);
        let api_keys = Arc::new(registration.clone());
        let authenticator = Authenticator::new(TokenVerifier::of_mesh(&key), api_keys, clock.clone(), [ACCESS]);
        let (channel, incoming) = in_memory();
        let life = Lifecycle::new();
        RpcServer::new().with(registration.clone().into_service()).serve(
            &life,
            TcpListener::bind("127.0.0.1:0").await.unwrap(),
            Some(incoming),
            Arc::new(authenticator),
            RpcMetrics::register(&mut metrics),
        );
        let signer = TokenSigner::new(&key);
        Self { registration, clock, signer, metrics, channel, life, _folder: folder }
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

    /// The organiser of a tenant, with a new API key.
    pub async fn organiser(&self, tenant: &str) -> Client {
        let key = self.registration.create_api_key(&tenant.parse().unwrap(), "test").await.unwrap();
        self.bearer(&key.secret)
    }

    fn client(&self, authorization: Option<AsciiMetadataValue>) -> Client {
        RegistrationServiceClient::with_interceptor(self.channel.clone(), Bearer(authorization))
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        self.life.stop();
    }
}

pub async fn open_tables(folder: &TempDir) -> Arc<dyn Tables> {
    open(&Engine::Embedded { path: folder.path().to_owned() }, TABLES).await.unwrap()
}

/// What a caller shows.
#[derive(Clone)]
pub struct Bearer(Option<AsciiMetadataValue>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(authorization) = &self.0 {
            request.metadata_mut().insert("authorization", authorization.clone());
        }
        Ok(request)
    }
}

pub async fn create_event(client: &mut Client, event_id: &str, title: &str) -> Result<Event, Status> {
    let request = CreateEventRequest { event_id: event_id.into(), title: title.into() };
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
