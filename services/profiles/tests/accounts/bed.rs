//! Profiles in this process with a postbox for its mail, callers of every sort, and the steps that most tests begin with.

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
    tables::{Engine, open},
    telemetry::Metrics,
    vault::{self, Vault},
};
use turnout_profiles::{ACCESS, Deps, Profiles, tables};
use turnout_proto::{
    notifications::v1::SendSecurityMessageRequest,
    profiles::v1::{
        CheckSessionRequest, CreateFirstOwnerRequest, EnsurePersonRequest, LinkPurpose, Realm, RedeemLinkRequest,
        RedeemLinkResponse, RequestLinkRequest, SessionAccount, SignInRequest, SignInResponse,
        account_service_client::AccountServiceClient, people_service_client::PeopleServiceClient,
    },
};

use crate::{
    postbox::{self, Postbox},
    tables::Watched,
};

/// When the tests begin: 2027-01-15, in milliseconds since 1970.
const START_AT_MS: u64 = 1_800_000_000_000;
/// A state that is not there by then does not come.
const DEADLINE: Duration = Duration::from_mins(1);
/// The password of everybody who has one.
pub const PASSWORD: &str = "correct horse battery";

/// One keyspace for this run, so that its tables are made once.
static KEYSPACE: LazyLock<String> =
    LazyLock::new(|| format!("test_accounts_{:016x}", RandomState::new().build_hasher().finish()));

/// A caller.
pub type Client = AccountServiceClient<InterceptedService<Channel, WithCredentials>>;

/// A process of profiles. It ends when the test does.
pub struct Bed {
    pub clock: Arc<ManualClock>,
    pub metrics: Metrics,
    pub tenant: TenantId,
    pub postbox: Postbox,
    pub tables: Arc<Watched>,
    pub vault: Vault,
    key: Arc<MeshKey>,
    channel: Channel,
    credentials: Credentials,
    life: Lifecycle,
    folder: Option<Arc<TempDir>>,
}

struct NoKeys;

#[tonic::async_trait]
impl ApiKeys for NoKeys {
    async fn resolve(&self, _: &str, _: &[u8]) -> Result<Option<TenantId>, Failure> {
        Ok(None)
    }
}

impl Bed {
    /// On an embedded store of its own.
    pub async fn embedded() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::Embedded { path: folder.path().to_owned() };
        Self::on(engine, Some(Arc::new(folder))).await
    }

    /// One on each engine.
    pub async fn each(test: &str) -> Vec<Self> {
        let mut beds = vec![Self::embedded().await];
        if let Some(server) = real_servers::from_env("TURNOUT_TEST_CQL", test) {
            let keyspace = KEYSPACE.clone();
            let engine =
                Engine::Cql { nodes: vec![server], keyspace, replication_factor: 1, user: None, password: None };
            beds.push(Self::on(engine, None).await);
        }
        beds
    }

    async fn on(engine: Engine, folder: Option<Arc<TempDir>>) -> Self {
        let all = [tables(), vault::TABLES.to_vec()].concat();
        let tables = Arc::new(Watched::new(open(&engine, &all).await.unwrap()));
        // Its own in each test: tests may share a keyspace.
        let tenant = format!("t-{}", random::token_128()).parse().unwrap();
        Self::start(tables, Arc::new(MeshKey::generate()), tenant, folder).await
    }

    /// A new process on the same tables, which takes every write again.
    pub async fn restarted(&self) -> Self {
        self.tables.cut_after(usize::MAX);
        Self::start(self.tables.clone(), self.key.clone(), self.tenant.clone(), self.folder.clone()).await
    }

    async fn start(tables: Arc<Watched>, key: Arc<MeshKey>, tenant: TenantId, folder: Option<Arc<TempDir>>) -> Self {
        let (clock, metrics, life) = (Arc::new(ManualClock::at(START_AT_MS)), Metrics::new(), Lifecycle::new());
        let postbox = Postbox::default();
        let credentials = Credentials::new("test", TokenSigner::new(&key), clock.clone());
        let authenticator = |access: Vec<_>| {
            Arc::new(Authenticator::new(TokenVerifier::of_mesh(&key), Arc::new(NoKeys), clock.clone(), access))
        };
        let (notifications, incoming) = in_memory();
        RpcServer::new().with(postbox.clone()).serve(
            &life,
            TcpListener::bind("127.0.0.1:0").await.unwrap(),
            Some(incoming),
            authenticator(vec![postbox::ACCESS]),
            Metrics::new().register(RpcMetrics::register),
        );
        let vault = Vault::new(tables.clone(), &key, clock.clone());
        let profiles = Profiles::start(Deps {
            tables: tables.clone(),
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
        Self { clock, metrics, tenant, postbox, tables, vault, key, channel, credentials, life, folder }
    }

    /// Where the embedded store is.
    pub fn path(&self) -> PathBuf {
        self.folder.as_ref().unwrap().path().to_owned()
    }

    /// A service of the mesh, for no tenant in particular.
    pub fn mesh(&self) -> Client {
        AccountServiceClient::with_interceptor(self.channel.clone(), self.credentials.acting_for(None))
    }

    /// A service of the mesh that acts for the tenant.
    pub fn for_tenant(&self, tenant: &TenantId) -> Client {
        AccountServiceClient::with_interceptor(self.channel.clone(), self.credentials.acting_for(Some(tenant)))
    }

    /// A member of the tenant's team.
    pub fn member(&self, role: Role) -> Client {
        self.member_of(&self.tenant, "member-1", role)
    }

    pub fn member_of(&self, tenant: &TenantId, account_id: &str, role: Role) -> Client {
        let credentials = self.credentials.acting_for_member(tenant, account_id, role);
        AccountServiceClient::with_interceptor(self.channel.clone(), credentials)
    }

    /// A person of a tenant's audience; the id.
    pub async fn person_of(&self, tenant: &TenantId, email: &str) -> String {
        let credentials = self.credentials.acting_for(Some(tenant));
        let mut people = PeopleServiceClient::with_interceptor(self.channel.clone(), credentials);
        let request =
            EnsurePersonRequest { email: email.into(), name: "Anna".into(), ..EnsurePersonRequest::default() };
        people.ensure_person(request).await.unwrap().into_inner().person.unwrap().person_id
    }

    pub async fn person(&self, email: &str) -> String {
        self.person_of(&self.tenant, email).await
    }

    /// Whether the person counts as one with an account and a proven address.
    pub async fn people_say(&self, person_id: &str) -> (bool, bool) {
        let credentials = self.credentials.acting_for(Some(&self.tenant));
        let mut people = PeopleServiceClient::with_interceptor(self.channel.clone(), credentials);
        let request = turnout_proto::profiles::v1::GetPersonRequest { person_id: person_id.into() };
        let person = people.get_person(request).await.unwrap().into_inner().person.unwrap();
        let proven = person.email_assurance() == turnout_proto::profiles::v1::Assurance::Verified;
        (person.has_account, proven)
    }

    /// The first owner of the tenant's team; the session and whose it is.
    pub async fn owner(&self, email: &str) -> (String, SessionAccount) {
        let request = CreateFirstOwnerRequest {
            tenant_id: self.tenant.to_string(),
            email: email.into(),
            password: PASSWORD.into(),
        };
        let created = self.mesh().create_first_owner(request).await.unwrap().into_inner();
        (created.session, created.account.unwrap())
    }

    /// A person of the audience who has set a password; the id.
    pub async fn person_with_password(&self, email: &str) -> String {
        let person = self.person(email).await;
        let token = self.link(Realm::Audience, email, LinkPurpose::Reset).await;
        self.redeem(&token, PASSWORD).await.unwrap();
        person
    }

    pub fn sign_in_request(&self, realm: Realm, email: &str, password: &str) -> SignInRequest {
        SignInRequest {
            realm: realm.into(),
            tenant_id: self.tenant.to_string(),
            email: email.into(),
            password: password.into(),
            ..SignInRequest::default()
        }
    }

    pub async fn sign_in(&self, realm: Realm, email: &str, password: &str) -> Result<SignInResponse, Status> {
        self.try_sign_in(self.sign_in_request(realm, email, password)).await
    }

    pub async fn try_sign_in(&self, request: SignInRequest) -> Result<SignInResponse, Status> {
        Ok(self.mesh().sign_in(request).await?.into_inner())
    }

    pub async fn check(&self, session: &str) -> Result<SessionAccount, Status> {
        let request = CheckSessionRequest { session: session.into() };
        Ok(self.mesh().check_session(request).await?.into_inner().account.unwrap())
    }

    pub fn link_request(&self, realm: Realm, email: &str, purpose: LinkPurpose) -> RequestLinkRequest {
        RequestLinkRequest {
            realm: realm.into(),
            tenant_id: self.tenant.to_string(),
            email: email.into(),
            purpose: purpose.into(),
            return_path: "/e/gala".into(),
            language: "de".into(),
            ..RequestLinkRequest::default()
        }
    }

    /// Asks for a link and reads it from the letter.
    pub async fn link(&self, realm: Realm, email: &str, purpose: LinkPurpose) -> String {
        let before = self.postbox.letters().len();
        self.mesh().request_link(self.link_request(realm, email, purpose)).await.unwrap();
        token_of(&self.letter_after(before).await)
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

    /// Uses a link, with a new password if one is given.
    pub async fn redeem(&self, token: &str, new_password: &str) -> Result<RedeemLinkResponse, Status> {
        self.redeem_as(token, new_password, true).await
    }

    pub async fn redeem_as(
        &self,
        token: &str,
        new_password: &str,
        confirmed: bool,
    ) -> Result<RedeemLinkResponse, Status> {
        let request = RedeemLinkRequest { token: token.into(), new_password: new_password.into(), confirmed };
        Ok(self.mesh().redeem_link(request).await?.into_inner())
    }
}

impl Drop for Bed {
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
