//! Profiles in this process, on either engine, with a postbox for its mail and callers of every sort. What the tests of people and of
//! accounts stand on; the steps that they begin with are their own.
#![allow(dead_code, reason = "each test target uses a part")]

use std::{
    hash::{BuildHasher as _, Hasher as _, RandomState},
    path::PathBuf,
    sync::{Arc, LazyLock},
    time::Duration,
};

use tempfile::TempDir;
use tokio::{net::TcpListener, time::Instant};
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
use turnout_proto::{
    notifications::v1::SendSecurityMessageRequest,
    profiles::v1::{account_service_client::AccountServiceClient, people_service_client::PeopleServiceClient},
};

use crate::{
    postbox::{self, Postbox},
    tables::Watched,
};

/// When the tests begin: 2027-01-15, in milliseconds since 1970.
pub const START_AT_MS: u64 = 1_800_000_000_000;
/// A state that is not there by then does not come.
const DEADLINE: Duration = Duration::from_mins(1);
/// The only API key there is, for any tenant: its id.
const API_KEY: &str = "testkey";

/// One keyspace for this run, so that its tables are made once.
static KEYSPACE: LazyLock<String> =
    LazyLock::new(|| format!("test_profiles_{:016x}", RandomState::new().build_hasher().finish()));

type Authorised = InterceptedService<Channel, WithCredentials>;
/// Callers.
pub type Accounts = AccountServiceClient<Authorised>;
pub type People = PeopleServiceClient<Authorised>;

/// Where the tables are. Several processes may stand on one stage.
#[derive(Clone)]
pub struct Stage {
    pub tables: Arc<Watched>,
    key: Arc<MeshKey>,
    /// Its own in each test: tests may share a keyspace.
    pub tenant: TenantId,
    folder: Option<Arc<TempDir>>,
}

impl Stage {
    /// On an embedded store of its own.
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
        let tables = Arc::new(Watched::new(open(&engine, &all).await.unwrap()));
        let tenant = format!("t-{}", random::token_128()).parse().unwrap();
        Self { tables, key: Arc::new(MeshKey::generate()), tenant, folder }
    }

    /// Where the embedded store is.
    pub fn path(&self) -> PathBuf {
        self.folder.as_ref().unwrap().path().to_owned()
    }

    /// The same stage, seen by processes whose writes end after so many.
    pub fn cut_after(&self, writes: usize) -> Self {
        let tables = Watched::new(self.tables.clone());
        tables.cut_after(writes);
        Self { tables: Arc::new(tables), ..self.clone() }
    }
}

/// A process of profiles. It ends when the test does.
pub struct Process {
    pub clock: Arc<ManualClock>,
    pub metrics: Metrics,
    pub postbox: Postbox,
    pub vault: Vault,
    pub stage: Stage,
    channel: Channel,
    credentials: Credentials,
    life: Lifecycle,
}

struct OneKey(TenantId);

#[tonic::async_trait]
impl ApiKeys for OneKey {
    async fn resolve(&self, key_id: &str, _: &[u8]) -> Result<Option<TenantId>, Failure> {
        Ok((key_id == API_KEY).then(|| self.0.clone()))
    }
}

impl Process {
    /// With a clock of its own that begins anew.
    pub async fn on(stage: &Stage) -> Self {
        let (clock, metrics, life) = (Arc::new(ManualClock::at(START_AT_MS)), Metrics::new(), Lifecycle::new());
        let (postbox, key, tables): (_, _, Arc<dyn Tables>) = (Postbox::default(), &stage.key, stage.tables.clone());
        let credentials = Credentials::new("test", TokenSigner::new(key), clock.clone());
        let authenticator = |access: Vec<_>| {
            let keys = Arc::new(OneKey(stage.tenant.clone()));
            Arc::new(Authenticator::new(TokenVerifier::of_mesh(key), keys, clock.clone(), access))
        };
        let (notifications, incoming) = in_memory();
        RpcServer::new().with(postbox.clone()).serve(
            &life,
            TcpListener::bind("127.0.0.1:0").await.unwrap(),
            Some(incoming),
            authenticator(vec![postbox::ACCESS]),
            Metrics::new().register(RpcMetrics::register),
        );
        let vault = Vault::new(tables.clone(), key, clock.clone());
        let profiles = Profiles::start(Deps {
            tables,
            clock: clock.clone(),
            vault: vault.clone(),
            notifications,
            credentials: credentials.clone(),
            life: life.clone(),
            metrics: metrics.clone(),
        });
        let (channel, incoming) = in_memory();
        profiles.serve_on(RpcServer::new()).serve(
            &life,
            TcpListener::bind("127.0.0.1:0").await.unwrap(),
            Some(incoming),
            authenticator(ACCESS.to_vec()),
            metrics.register(RpcMetrics::register),
        );
        Self { clock, metrics, postbox, vault, stage: stage.clone(), channel, credentials, life }
    }

    /// A service of the mesh, for a tenant or for none in particular.
    pub fn accounts(&self, tenant: Option<&TenantId>) -> Accounts {
        AccountServiceClient::with_interceptor(self.channel.clone(), self.credentials.acting_for(tenant))
    }

    pub fn people(&self, tenant: Option<&TenantId>) -> People {
        PeopleServiceClient::with_interceptor(self.channel.clone(), self.credentials.acting_for(tenant))
    }

    /// A member of a tenant's team.
    pub fn accounts_as(&self, tenant: &TenantId, account_id: &str, role: Role) -> Accounts {
        let credentials = self.credentials.acting_for_member(tenant, account_id, role);
        AccountServiceClient::with_interceptor(self.channel.clone(), credentials)
    }

    pub fn people_as(&self, tenant: &TenantId, account_id: &str, role: Role) -> People {
        let credentials = self.credentials.acting_for_member(tenant, account_id, role);
        PeopleServiceClient::with_interceptor(self.channel.clone(), credentials)
    }

    /// Someone who shows nothing.
    pub fn anonymous(&self) -> PeopleServiceClient<Channel> {
        PeopleServiceClient::new(self.channel.clone())
    }

    /// The first letter after so many, once it is there.
    pub async fn letter_after(&self, before: usize) -> SendSecurityMessageRequest {
        let until = Instant::now() + DEADLINE;
        loop {
            if let Some(letter) = self.postbox.letters().get(before) {
                return letter.clone();
            }
            assert!(Instant::now() < until, "no letter came");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until a counter has reached a value.
    pub async fn counted(&self, metric: &str, at_least: u64) {
        let until = Instant::now() + DEADLINE;
        while self.count(metric) < at_least {
            assert!(Instant::now() < until, "{metric} did not reach {at_least}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// The value of a counter, with its labels as rendered; 0 when there is none yet.
    pub fn count(&self, metric: &str) -> u64 {
        let rendered = self.metrics.render();
        let line = rendered.lines().find_map(|line| line.strip_prefix(metric)?.strip_prefix(' '));
        line.map_or(0, |value| value.parse().unwrap())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.life.stop();
    }
}

/// The secret in the link of a letter.
pub fn token_of(letter: &SendSecurityMessageRequest) -> String {
    letter.link_path.split_once("token=").unwrap().1.to_owned()
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
