//! The service in this process with all that it stands on: tables in a folder, a durable bus, a world, a clock that a test moves.
//! It can be killed and started again on the same tables.

use std::{fmt::Debug, future::Future, sync::Arc, time::Duration};

use bytes::Bytes;
use prost::Message as _;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tonic::{
    Code, Status,
    metadata::AsciiMetadataValue,
    service::{Interceptor, interceptor::InterceptedService},
    transport::Channel,
};
use tonic_types::StatusExt as _;
use turnout_notifications::{
    ACCESS, Deps, Notifications, NotificationsConfig, TABLES, Ways,
    transport::{MailTransport, Reach, WebhookSender},
};
use turnout_platform::{
    auth::{Access, AccessTable, ApiKeys, Authenticator, Credentials, MeshKey, TokenKind, TokenSigner, TokenVerifier},
    bus::durable::{
        DurableMessage, DurableMetrics, EventKind, InProcessDurable, SharedDurableBus, TABLES as BUS_TABLES, events,
    },
    clock::{Clock as _, ManualClock},
    failure::Failure,
    ids::TenantId,
    lifecycle::Lifecycle,
    outbox::TABLES as OUTBOX_TABLES,
    random, real_servers,
    rpc::{RpcMetrics, RpcServer, in_memory},
    tables::{Engine, Tables, open},
    telemetry::Metrics,
    vault::TABLES as VAULT_TABLES,
};
use turnout_proto::{
    events::v1::{DomainEvent, EventChange, EventChanged, RegistrationChange, RegistrationChanged, domain_event::What},
    notifications::v1::{
        ListMessagesOfRegistrationsRequest, Message, MessageKind, MessageState,
        notification_service_client::NotificationServiceClient,
    },
};

use crate::world::{Accounts, People, Registrants, Registrations, SharedWorld};

/// When the tests begin: 2027-01-15, 08:00 UTC.
pub const START_MS: u64 = 1_800_000_000_000;
pub const MINUTE_MS: u64 = 60_000;
pub const HOUR_MS: u64 = 60 * MINUTE_MS;
/// A state that does not come within this time never comes.
const DEADLINE: Duration = Duration::from_mins(1);

static WORLD: AccessTable = &[
    ("/turnout.registration.v1.RegistrationService/GetEvent", Access::Mesh),
    ("/turnout.registration.v1.RegistrantService/GetRegistration", Access::Mesh),
    ("/turnout.registration.v1.RegistrantService/ListRegistrants", Access::Mesh),
    ("/turnout.profiles.v1.PeopleService/GetPerson", Access::Mesh),
    ("/turnout.profiles.v1.PeopleService/GetConsents", Access::Mesh),
    ("/turnout.profiles.v1.PeopleService/RecordConsent", Access::Mesh),
    ("/turnout.profiles.v1.AccountService/RecordAudit", Access::Mesh),
    ("/turnout.profiles.v1.AccountService/ListMembers", Access::Mesh),
];

pub type Client = NotificationServiceClient<InterceptedService<Channel, Bearer>>;

/// What outlives a process.
pub struct Ground {
    pub world: SharedWorld,
    pub clock: Arc<ManualClock>,
    pub key: Arc<MeshKey>,
    pub tables: Arc<dyn Tables>,
    pub folder: TempDir,
}

/// A process on it.
pub struct Bed {
    pub metrics: Metrics,
    pub bus: SharedDurableBus,
    pub life: Lifecycle,
    channel: Channel,
    signer: TokenSigner,
    clock: Arc<ManualClock>,
}

struct NoKeys;

#[tonic::async_trait]
impl ApiKeys for NoKeys {
    async fn resolve(&self, _: &str, _: &[u8]) -> Result<Option<TenantId>, Failure> {
        Ok(None)
    }
}

impl Ground {
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::Embedded { path: folder.path().join("tables") };
        Self::on(engine, folder).await
    }

    /// On a CQL cluster, where one is given.
    pub async fn on_a_cluster(test: &str) -> Option<Self> {
        let server = real_servers::from_env("TURNOUT_TEST_CQL", test)?;
        let keyspace = format!("test_messages_{}", &random::sortable_id()[16..]);
        let engine = Engine::Cql { nodes: vec![server], keyspace, replication_factor: 1, user: None, password: None };
        Some(Self::on(engine, tempfile::tempdir().unwrap()).await)
    }

    async fn on(engine: Engine, folder: TempDir) -> Self {
        let all: Vec<_> = [TABLES, VAULT_TABLES, OUTBOX_TABLES, BUS_TABLES].into_iter().flatten().copied().collect();
        let tables = open(&engine, &all).await.unwrap();
        let clock = Arc::new(ManualClock::at(START_MS));
        Self { world: SharedWorld::default(), clock, key: Arc::new(MeshKey::generate()), tables, folder }
    }

    /// Starts a process; `mail` none: as configured with this URL, or into the folder.
    pub async fn start(&self, smtp_url: Option<String>, mail: Option<Arc<dyn MailTransport>>) -> Bed {
        let webhooks = WebhookSender::new(Reach::Anywhere).unwrap();
        self.start_with(smtp_url, None, mail.map(|mail| Ways { mail, webhooks })).await
    }

    pub async fn start_with(&self, smtp_url: Option<String>, sms_url: Option<String>, ways: Option<Ways>) -> Bed {
        let (life, metrics) = (Lifecycle::new(), Metrics::new());
        let bus = InProcessDurable::open(self.tables.clone(), self.clock.clone(), &life).await.unwrap();
        let credentials = Credentials::new("notifications", TokenSigner::new(&self.key), self.clock.clone());
        let world = self.serve_world(&life, &metrics).await;
        let deps = Deps {
            tables: self.tables.clone(),
            bus: bus.clone(),
            bus_metrics: DurableMetrics::new(&metrics),
            clock: self.clock.clone(),
            mesh_key: self.key.clone(),
            registration: world.clone(),
            profiles: world,
            credentials,
            life: life.clone(),
            metrics: metrics.clone(),
        };
        let config = NotificationsConfig {
            public_url: "https://turnout.example".into(),
            mail_from: "noreply@turnout.example".into(),
            mail_returns: Some("returns@turnout.example".into()),
            smtp_url,
            mail_folder: self.mail_folder(),
            sms_url,
            webhooks_anywhere: false,
            worker_concurrency: 4,
        };
        let notifications = match ways {
            Some(ways) => Notifications::start_with(deps, config, ways),
            None => Notifications::start(deps, config),
        };
        let (channel, incoming) = in_memory();
        let verifier = TokenVerifier::of_mesh(&self.key);
        let authenticator = Authenticator::new(verifier, Arc::new(NoKeys), self.clock.clone(), [ACCESS]);
        RpcServer::new().with(notifications.unwrap().into_service()).serve(
            &life,
            TcpListener::bind("127.0.0.1:0").await.unwrap(),
            Some(incoming),
            Arc::new(authenticator),
            Metrics::new().register(RpcMetrics::register),
        );
        Bed { metrics, bus, life, channel, signer: TokenSigner::new(&self.key), clock: self.clock.clone() }
    }

    async fn serve_world(&self, life: &Lifecycle, metrics: &Metrics) -> Channel {
        let (channel, incoming) = in_memory();
        let verifier = TokenVerifier::of_mesh(&self.key);
        let authenticator = Authenticator::new(verifier, Arc::new(NoKeys), self.clock.clone(), [WORLD]);
        RpcServer::new()
            .with(Registrations(self.world.clone()))
            .with(Registrants(self.world.clone()))
            .with(People(self.world.clone()))
            .with(Accounts(self.world.clone()))
            .serve(
                life,
                TcpListener::bind("127.0.0.1:0").await.unwrap(),
                Some(incoming),
                Arc::new(authenticator),
                metrics.register(RpcMetrics::register),
            );
        channel
    }

    /// The minute before which the worker has nothing left to look at, as of its last complete pass.
    pub async fn looked_until_ms(&self) -> u64 {
        let progress = TABLES.iter().find(|table| table.name == "due_progress").unwrap();
        let row = self.tables.get(progress, vec!["all".into()]).await.unwrap();
        row.map_or(0, |row| row.time("minute") as u64)
    }

    pub fn mail_folder(&self) -> std::path::PathBuf {
        self.folder.path().join("mail")
    }
}

impl Bed {
    /// A service of the mesh that acts for this tenant.
    pub fn mesh(&self, tenant: &str) -> Client {
        let token = self.signer.sign(TokenKind::Access, "svc:test", self.clock.at_s(), 600, random::token_128());
        self.bearer(&token.tenant(tenant).finish())
    }

    /// A service of the mesh that acts for a member of this tenant's team.
    pub fn member(&self, tenant: &str, role: turnout_platform::auth::Role) -> Client {
        let token = self.signer.sign(TokenKind::Access, "svc:gateway", self.clock.at_s(), 600, random::token_128());
        self.bearer(&token.tenant(tenant).member("anna", role).finish())
    }

    /// Whoever opened the first sign-in link of this tenant.
    pub fn first_link(&self, tenant: &str) -> Client {
        let token = self.signer.sign(TokenKind::Access, "svc:gateway", self.clock.at_s(), 600, random::token_128());
        self.bearer(&token.tenant(tenant).member("link", turnout_platform::auth::Role::Owner).finish())
    }

    fn bearer(&self, token: &str) -> Client {
        let bearer = Bearer(format!("Bearer {token}").parse().unwrap());
        NotificationServiceClient::with_interceptor(self.channel.clone(), bearer)
    }

    /// Says over the bus that a registration changed.
    pub async fn registration_changed(&self, event: &str, id: &str, change: RegistrationChange, version: i64) {
        let changed = RegistrationChanged {
            event_id: event.into(),
            registration_id: id.into(),
            person_id: format!("p-{id}"),
            change: change.into(),
            version,
            by_person: change != RegistrationChange::Promoted,
        };
        self.publish(EventKind::Registration, What::Registration(changed)).await;
    }

    /// Says over the bus that an event changed.
    pub async fn event_changed(&self, event: &str, change: EventChange, version: i64) {
        let changed = EventChanged { event_id: event.into(), change: change.into(), version };
        self.publish(EventKind::Event, What::Event(changed)).await;
    }

    async fn publish(&self, kind: EventKind, what: What) {
        let id = random::sortable_id();
        let event = DomainEvent {
            message_id: id.clone(),
            tenant_id: "acme".into(),
            what: Some(what),
            ..DomainEvent::default()
        };
        let subject = events(&"acme".parse().unwrap(), kind);
        let payload = Bytes::from(event.encode_to_vec());
        self.bus.publish(DurableMessage { subject, id, payload, trace: None }).await.unwrap();
    }

    /// The messages of a registration.
    pub async fn messages(&self, event: &str, id: &str) -> Vec<Message> {
        let request =
            ListMessagesOfRegistrationsRequest { event_id: event.into(), registration_ids: vec![id.to_owned()] };
        self.mesh("acme").list_messages_of_registrations(request).await.unwrap().into_inner().messages
    }

    /// The one message of this kind, once it is in one of these states.
    pub async fn message_in(&self, event: &str, id: &str, kind: MessageKind, states: &[MessageState]) -> Message {
        let found = async || {
            let messages = self.messages(event, id).await;
            let mut of_kind: Vec<_> = messages.into_iter().filter(|message| message.kind() == kind).collect();
            assert!(of_kind.len() <= 1, "{of_kind:?}");
            Some(of_kind.pop()?).filter(|message| states.contains(&message.state()))
        };
        eventually(&format!("{kind:?} in {states:?}"), found).await
    }

    /// Ends the process as a crash would: what is under way is dropped.
    pub async fn kill(self) {
        self.life.stop();
        self.life.ended().await;
    }

    /// The value of a counter of ours, over all labels.
    pub fn counted(&self, name: &str) -> u64 {
        let text = self.metrics.render();
        let lines = text.lines().filter(|line| line.starts_with(&format!("{name}_total")));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        self.life.stop();
    }
}

/// Waits until there is an answer.
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    let waited = tokio::time::timeout(DEADLINE, async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("never: {what}"))
}

/// Asserts that the call was refused with this code.
#[track_caller]
pub fn refused<T: Debug>(answer: Result<T, Status>, code: Code) -> Status {
    let status = answer.unwrap_err();
    assert_eq!(status.code(), code, "{status:?}");
    status
}

/// Asserts that the call was refused because of this field; gives what was said of it.
#[track_caller]
pub fn refused_field<T: Debug>(answer: Result<T, Status>, field: &str) -> String {
    let violations = refused(answer, Code::InvalidArgument).get_details_bad_request().unwrap().field_violations;
    assert_eq!(violations.iter().map(|v| v.field.as_str()).collect::<Vec<_>>(), [field]);
    violations[0].description.clone()
}

/// What a caller shows.
#[derive(Clone)]
pub struct Bearer(AsciiMetadataValue);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: tonic::Request<()>) -> Result<tonic::Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}
