//! A tenant with events on one store, and any number of processes that serve them: each is the whole service with memory of its own, on
//! the same tables and the same bus.

use std::{
    hash::{BuildHasher as _, Hasher as _, RandomState},
    sync::{Arc, LazyLock},
    time::Duration,
};

use tempfile::TempDir;
use tokio::net::TcpListener;
use tonic::{
    Code, Request, Status,
    metadata::AsciiMetadataValue,
    service::{Interceptor, interceptor::InterceptedService},
    transport::Channel,
};
use turnout_platform::{
    auth::{Authenticator, Credentials, MeshKey, Role, TokenKind, TokenSigner, TokenVerifier, codes::Codes},
    bus::durable::{self, DurableMetrics, InProcessDurable, SharedDurableBus},
    clock::{Clock as _, ManualClock},
    lifecycle::Lifecycle,
    outbox, random, real_servers,
    rpc::{RpcMetrics, RpcServer, in_memory},
    tables::{Engine, Table, Tables, open},
    telemetry::Metrics,
    vault::{self, Vault},
};
use turnout_proto::registration::v1::{
    CreateEventRequest, Event, GetStatisticsRequest, ListRegistrantsRequest, ListRegistrantsResponse, RegisterRequest,
    Registration as Row, Statistics, UpdateEventRequest, registrant_service_client::RegistrantServiceClient,
    registration_service_client::RegistrationServiceClient,
};
use turnout_registration::{ACCESS, Deps, Registration, TABLES};

use crate::profiles::FakeProfiles;

/// When the tests begin: 2027-01-15, in milliseconds since 1970.
pub const START_AT_MS: u64 = 1_800_000_000_000;
/// How long a state may take to come.
pub const COMES_MAX: Duration = Duration::from_mins(2);

/// One keyspace for this run, so that its tables are made once. Each test has a tenant of its own.
static KEYSPACE: LazyLock<String> = LazyLock::new(new_keyspace);

fn new_keyspace() -> String {
    format!("test_roll_{:016x}", RandomState::new().build_hasher().finish())
}

pub type Client = RegistrantServiceClient<InterceptedService<Channel, Bearer>>;
pub type Events = RegistrationServiceClient<InterceptedService<Channel, Bearer>>;

/// What a caller shows.
#[derive(Clone)]
pub struct Bearer(AsciiMetadataValue);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

/// The store, the bus, the tenant.
pub struct World {
    pub tenant: String,
    /// The tenant's usual event: open for registration, hybrid, with nicknames.
    pub event: String,
    pub clock: Arc<ManualClock>,
    pub bus: SharedDurableBus,
    pub profiles: FakeProfiles,
    pub tables: Arc<dyn Tables>,
    key: MeshKey,
    life: Lifecycle,
    _folder: TempDir,
}

/// One process.
pub struct Process {
    pub codes: Codes,
    tenant: String,
    event: String,
    channel: Channel,
    signer: TokenSigner,
    clock: Arc<ManualClock>,
    life: Lifecycle,
    metrics: Metrics,
}

impl Drop for World {
    fn drop(&mut self) {
        self.life.stop();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.life.stop();
    }
}

fn all_tables() -> Vec<&'static Table> {
    [TABLES, vault::TABLES, outbox::TABLES, durable::TABLES].concat()
}

impl World {
    pub async fn embedded() -> Self {
        Self::new(None).await
    }

    pub async fn cql(test: &str) -> Option<Self> {
        let server = real_servers::from_env("TURNOUT_TEST_CQL", test)?;
        // Retention looks after all tenants of a store, and each test has a clock of its own: these tests have a store each.
        let is_retention = test.starts_with("item_33") || test.starts_with("item_34");
        let (nodes, keyspace) = (vec![server], if is_retention { new_keyspace() } else { KEYSPACE.clone() });
        let engine = Engine::Cql { nodes, keyspace, replication_factor: 1, user: None, password: None };
        Some(Self::new(Some(open(&engine, &all_tables()).await.unwrap())).await)
    }

    /// The bus has tables of its own: on one cluster the tests would hear of each other.
    async fn new(tables: Option<Arc<dyn Tables>>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let own = open(&Engine::Embedded { path: folder.path().to_owned() }, &all_tables()).await.unwrap();
        let (life, clock) = (Lifecycle::new(), Arc::new(ManualClock::at(START_AT_MS)));
        let bus = InProcessDurable::open(own.clone(), clock.clone(), &life).await.unwrap();
        let name = random::sortable_id();
        let world = Self {
            tenant: format!("t-{name}"),
            event: format!("e-{name}"),
            clock,
            tables: tables.unwrap_or(own),
            bus,
            key: MeshKey::generate(),
            profiles: FakeProfiles::default(),
            life,
            _folder: folder,
        };
        let process = world.process().await;
        process.create_event(&world.event).await;
        process
            .update_event(
                &world.event,
                Event { published: true, nicknames: true, mode: 3, ..Event::default() },
                "published nicknames mode",
            )
            .await;
        world
    }

    /// Starts a process.
    pub async fn process(&self) -> Process {
        self.process_on(self.bus.clone()).await
    }

    /// Starts a process that hears of the others in another way.
    pub async fn process_on(&self, bus: SharedDurableBus) -> Process {
        let (life, metrics, clock) = (Lifecycle::new(), Metrics::new(), self.clock.clone());
        let deps = Deps {
            tables: self.tables.clone(),
            sign_in: TokenVerifier::of_mesh(&self.key),
            vault: Vault::new(self.tables.clone(), &self.key, clock.clone()),
            codes: Codes::new(&self.key),
            bus,
            durable_metrics: DurableMetrics::new(&metrics),
            profiles: self.profiles.serve(&self.key, clock.clone(), &life).await,
            credentials: Credentials::new("registration", TokenSigner::new(&self.key), clock.clone()),
            clock: clock.clone(),
        };
        let registration = Registration::start(deps, &life, &metrics);
        let api_keys = Arc::new(registration.clone());
        let authenticator = Authenticator::new(TokenVerifier::of_mesh(&self.key), api_keys, clock.clone(), [ACCESS]);
        let (channel, incoming) = in_memory();
        let (events, registrants) = registration.into_services();
        RpcServer::new().with(events).with(registrants).serve(
            &life,
            TcpListener::bind("127.0.0.1:0").await.unwrap(),
            Some(incoming),
            Arc::new(authenticator),
            metrics.register(RpcMetrics::register),
        );
        Process {
            codes: Codes::new(&self.key),
            tenant: self.tenant.clone(),
            event: self.event.clone(),
            channel,
            signer: TokenSigner::new(&self.key),
            clock,
            life,
            metrics,
        }
    }
}

impl Process {
    /// What this process has counted.
    pub fn counted(&self, name: &str) -> u64 {
        let text = self.metrics.render();
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix("_total ")?.parse().ok());
        value.unwrap_or_else(|| panic!("{name} is not in {text}"))
    }

    fn bearer(&self, tenant: &str, role: Option<Role>) -> Bearer {
        let token = self.signer.sign(TokenKind::Access, "svc:test", self.clock.at_s(), 600, random::token_128());
        let token = token.tenant(tenant);
        let token = match role {
            Some(role) => token.member("m1", role).finish(),
            None => token.finish(),
        };
        Bearer(format!("Bearer {token}").parse().unwrap())
    }

    /// A service that acts for the tenant.
    pub fn service(&self) -> Client {
        RegistrantServiceClient::with_interceptor(self.channel.clone(), self.bearer(&self.tenant, None))
    }

    /// A member of the tenant's team.
    pub fn member(&self, role: Role) -> Client {
        RegistrantServiceClient::with_interceptor(self.channel.clone(), self.bearer(&self.tenant, Some(role)))
    }

    /// The owner of another tenant.
    pub fn stranger(&self) -> Client {
        RegistrantServiceClient::with_interceptor(self.channel.clone(), self.bearer("stranger", Some(Role::Owner)))
    }

    pub fn events(&self) -> Events {
        RegistrationServiceClient::with_interceptor(self.channel.clone(), self.bearer(&self.tenant, None))
    }

    pub async fn create_event(&self, id: &str) {
        let request = CreateEventRequest {
            event_id: id.to_owned(),
            title: "Gala".to_owned(),
            starts_at: Some(prost_types::Timestamp { seconds: START_AT_MS as i64 / 1000 + 3600, nanos: 0 }),
            zone: "Europe/Helsinki".to_owned(),
        };
        self.events().create_event(request).await.unwrap();
    }

    pub async fn update_event(&self, id: &str, event: Event, paths: &str) {
        let paths = paths.split_whitespace().map(str::to_owned).collect();
        let request = UpdateEventRequest {
            event: Some(Event { event_id: id.to_owned(), ..event }),
            update_mask: Some(prost_types::FieldMask { paths }),
            expected_version: 0,
        };
        self.events().update_event(request).await.unwrap();
    }

    /// A person for the usual event.
    pub fn person(&self, email: &str, name: &str) -> RegisterRequest {
        let event_id = self.event.clone();
        RegisterRequest { event_id, email: email.to_owned(), name: name.to_owned(), ..RegisterRequest::default() }
    }

    /// Registers; a store that has too much to do is asked again, as any caller may.
    pub async fn register(&self, request: RegisterRequest) -> Row {
        let deadline = tokio::time::Instant::now() + COMES_MAX;
        loop {
            match self.service().register(request.clone()).await {
                Ok(made) => return made.into_inner().registration.unwrap(),
                Err(refused) => assert!(is_busy(&refused) && tokio::time::Instant::now() < deadline, "{refused:?}"),
            }
        }
    }

    /// So many people, some at a time: `p<n>@example.org`, `Person <n>`.
    pub async fn register_many(&self, people: usize) {
        for part in (0..people).collect::<Vec<_>>().chunks(32) {
            let part =
                part.iter().map(|n| self.register(self.person(&format!("p{n}@example.org"), &format!("Person {n}"))));
            futures_util::future::join_all(part).await;
        }
    }

    /// A page of the usual event for the organiser.
    pub async fn list(&self, request: ListRegistrantsRequest) -> ListRegistrantsResponse {
        let request = ListRegistrantsRequest { event_id: self.event.clone(), ..request };
        let deadline = tokio::time::Instant::now() + COMES_MAX;
        loop {
            match list(&mut self.member(Role::Organiser), request.clone()).await {
                Ok(page) => return page,
                Err(refused) => assert!(is_busy(&refused) && tokio::time::Instant::now() < deadline, "{refused:?}"),
            }
        }
    }

    pub async fn statistics(&self) -> Statistics {
        let request = GetStatisticsRequest { event_id: self.event.clone() };
        let deadline = tokio::time::Instant::now() + COMES_MAX;
        loop {
            match self.service().get_statistics(request.clone()).await {
                Ok(answer) => return answer.into_inner().statistics.unwrap(),
                Err(refused) => assert!(is_busy(&refused) && tokio::time::Instant::now() < deadline, "{refused:?}"),
            }
        }
    }
}

/// Whether the same call may work later.
pub fn is_busy(refused: &Status) -> bool {
    matches!(refused.code(), Code::ResourceExhausted | Code::Unavailable | Code::DeadlineExceeded)
}

pub async fn list(client: &mut Client, request: ListRegistrantsRequest) -> Result<ListRegistrantsResponse, Status> {
    Ok(client.list_registrants(request).await?.into_inner())
}

/// All pages of a list; a store that has too much to do is asked again, as any caller may.
pub async fn all_pages(client: &mut Client, request: ListRegistrantsRequest) -> Vec<Row> {
    let (mut rows, mut request) = (Vec::new(), request);
    let deadline = tokio::time::Instant::now() + COMES_MAX;
    loop {
        let page = match list(client, request.clone()).await {
            Ok(page) => page,
            Err(refused) => {
                assert!(is_busy(&refused) && tokio::time::Instant::now() < deadline, "{refused:?}");
                continue;
            }
        };
        rows.extend(page.registrations);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return rows;
        }
    }
}

/// Waits until a state has come.
pub async fn comes<F: Future<Output = bool>>(what: &str, mut state: impl FnMut() -> F) {
    let deadline = tokio::time::Instant::now() + COMES_MAX;
    while !state().await {
        assert!(tokio::time::Instant::now() < deadline, "{what} does not come");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
