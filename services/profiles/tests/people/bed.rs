//! Profiles in this process, and callers of every sort.

use std::{
    hash::{BuildHasher as _, Hasher as _, RandomState},
    path::PathBuf,
    sync::{Arc, LazyLock},
};

use tempfile::TempDir;
use tokio::net::TcpListener;
use tonic::{Code, Status, service::interceptor::InterceptedService, transport::Channel};
use tonic_types::StatusExt as _;
use turnout_platform::{
    auth::{ApiKeys, Authenticator, Credentials, MeshKey, Role, TokenSigner, TokenVerifier, WithCredentials},
    clock::ManualClock,
    failure::Failure,
    ids::TenantId,
    lifecycle::Lifecycle,
    random, real_servers,
    rpc::{RpcMetrics, RpcServer, in_memory},
    tables::{Engine, Tables, open},
    telemetry::Metrics,
    vault::{self, Vault},
};
use turnout_profiles::{ACCESS, Deps, Profiles, tables};
use turnout_proto::profiles::v1::{
    EnsurePersonRequest, EnsurePersonResponse, Person, account_service_client::AccountServiceClient,
    people_service_client::PeopleServiceClient,
};

/// When the tests begin: 2027-01-15, in milliseconds since 1970.
pub const START_AT_MS: u64 = 1_800_000_000_000;
/// The only API key there is, for any tenant: its id.
const API_KEY: &str = "testkey";

/// Where the tables are. Several processes may stand on one stage.
#[derive(Clone)]
pub struct Stage {
    pub tables: Arc<dyn Tables>,
    pub key: Arc<MeshKey>,
    /// Its own in each test: tests may share a keyspace.
    pub tenant: TenantId,
    folder: Option<Arc<TempDir>>,
}

/// One keyspace for this run, so that its tables are made once.
static KEYSPACE: LazyLock<String> =
    LazyLock::new(|| format!("test_people_{:016x}", RandomState::new().build_hasher().finish()));

impl Stage {
    pub async fn embedded() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::Embedded { path: folder.path().to_owned() };
        Self::on(engine, Some(Arc::new(folder))).await
    }

    /// One on each engine.
    pub async fn each(test: &str) -> Vec<Self> {
        let mut stages = vec![Self::embedded().await];
        if let Some(server) = real_servers::from_env("TURNOUT_TEST_CQL", test) {
            let keyspace = KEYSPACE.clone();
            let engine =
                Engine::Cql { nodes: vec![server], keyspace, replication_factor: 1, user: None, password: None };
            stages.push(Self::on(engine, None).await);
        }
        stages
    }

    async fn on(engine: Engine, folder: Option<Arc<TempDir>>) -> Self {
        let all = [tables(), vault::TABLES.to_vec()].concat();
        let tables = open(&engine, &all).await.unwrap();
        let tenant = format!("t-{}", random::token_128()).parse().unwrap();
        Self { tables, key: Arc::new(MeshKey::generate()), tenant, folder }
    }

    /// Where the embedded store is.
    pub fn path(&self) -> PathBuf {
        self.folder.as_ref().unwrap().path().to_owned()
    }

    /// A process that sees these tables instead.
    pub fn with_tables(&self, tables: Arc<dyn Tables>) -> Self {
        Self { tables, ..self.clone() }
    }

    pub async fn process(&self) -> Bed {
        Bed::start(self).await
    }
}

/// A process of profiles. It ends when the test does.
pub struct Bed {
    pub clock: Arc<ManualClock>,
    pub metrics: Metrics,
    pub tenant: TenantId,
    channel: Channel,
    credentials: Credentials,
    life: Lifecycle,
    stage: Stage,
}

/// A caller.
pub type Client = PeopleServiceClient<InterceptedService<Channel, WithCredentials>>;

struct OneKey(TenantId);

#[tonic::async_trait]
impl ApiKeys for OneKey {
    async fn resolve(&self, key_id: &str, _: &[u8]) -> Result<Option<TenantId>, Failure> {
        Ok((key_id == API_KEY).then(|| self.0.clone()))
    }
}

impl Bed {
    /// On an embedded store of its own.
    pub async fn embedded() -> Self {
        Stage::embedded().await.process().await
    }

    /// One on each engine.
    pub async fn each(test: &str) -> Vec<Self> {
        let mut beds = Vec::new();
        for stage in Stage::each(test).await {
            beds.push(stage.process().await);
        }
        beds
    }

    async fn start(stage: &Stage) -> Self {
        let (clock, metrics, life) = (Arc::new(ManualClock::at(START_AT_MS)), Metrics::new(), Lifecycle::new());
        let credentials = Credentials::new("test", TokenSigner::new(&stage.key), clock.clone());
        let profiles = Profiles::start(Deps {
            tables: stage.tables.clone(),
            clock: clock.clone(),
            vault: Vault::new(stage.tables.clone(), &stage.key, clock.clone()),
            // Nobody serves there: people send nothing.
            notifications: in_memory().0,
            credentials: credentials.clone(),
            life: life.clone(),
            metrics: metrics.clone(),
        });
        let keys = Arc::new(OneKey(stage.tenant.clone()));
        let authenticator = Authenticator::new(TokenVerifier::of_mesh(&stage.key), keys, clock.clone(), ACCESS);
        let (channel, incoming) = in_memory();
        profiles.serve_on(RpcServer::new()).serve(
            &life,
            TcpListener::bind("127.0.0.1:0").await.unwrap(),
            Some(incoming),
            Arc::new(authenticator),
            metrics.register(RpcMetrics::register),
        );
        Self { clock, metrics, tenant: stage.tenant.clone(), channel, credentials, life, stage: stage.clone() }
    }

    /// Another process on the same tables, with a clock of its own that begins anew.
    pub async fn beside(&self) -> Self {
        self.stage.process().await
    }

    /// A service of the mesh that acts for the tenant.
    pub fn mesh(&self) -> Client {
        self.mesh_for(Some(&self.tenant))
    }

    /// A service of the mesh, for another tenant or for none in particular.
    pub fn mesh_for(&self, tenant: Option<&TenantId>) -> Client {
        PeopleServiceClient::with_interceptor(self.channel.clone(), self.credentials.acting_for(tenant))
    }

    /// A member of the tenant's team.
    pub fn member(&self, role: Role) -> Client {
        let credentials = self.credentials.acting_for_member(&self.tenant, "member-1", role);
        PeopleServiceClient::with_interceptor(self.channel.clone(), credentials)
    }

    /// Someone who shows nothing.
    pub fn anonymous(&self) -> PeopleServiceClient<Channel> {
        PeopleServiceClient::new(self.channel.clone())
    }

    /// The owner of the team, at the audit log.
    pub fn audit(&self) -> AccountServiceClient<InterceptedService<Channel, WithCredentials>> {
        let credentials = self.credentials.acting_for_member(&self.tenant, "owner-1", Role::Owner);
        AccountServiceClient::with_interceptor(self.channel.clone(), credentials)
    }

    /// The person of an address, with a name.
    pub async fn person(&self, email: &str, name: &str) -> Person {
        let request = EnsurePersonRequest { email: email.into(), name: name.into(), ..EnsurePersonRequest::default() };
        ensure(&mut self.mesh(), request).await.unwrap().person.unwrap()
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        self.life.stop();
    }
}

pub async fn ensure(client: &mut Client, request: EnsurePersonRequest) -> Result<EnsurePersonResponse, Status> {
    client.ensure_person(request).await.map(tonic::Response::into_inner)
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
