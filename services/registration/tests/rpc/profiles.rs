//! Profiles as far as registration needs it, for tests: people by address, consents and audit entries that a test can look into.
#![allow(clippy::wildcard_imports, reason = "every message of the service is used")]

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use futures_util::Stream;
use parking_lot::Mutex;
use tokio::{net::TcpListener, sync::watch};
use tonic::{Request, Response, Status, transport::Channel};
use turnout_platform::{
    auth::{Access, AccessTable, ApiKeys, Authenticator, MeshKey, TokenVerifier, principal_of},
    canonical,
    clock::Clock,
    failure::Failure,
    ids::TenantId,
    lifecycle::Lifecycle,
    random,
    rpc::{RpcMetrics, RpcServer, in_memory},
};
use turnout_proto::profiles::v1::{
    account_service_server::{AccountService, AccountServiceServer},
    people_service_server::{PeopleService, PeopleServiceServer},
    *,
};

static ACCESS: AccessTable = &[
    ("/turnout.profiles.v1.PeopleService/EnsurePerson", Access::Mesh),
    ("/turnout.profiles.v1.PeopleService/RecordConsent", Access::Mesh),
    ("/turnout.profiles.v1.PeopleService/UpdatePerson", Access::Mesh),
    ("/turnout.profiles.v1.AccountService/RecordAudit", Access::Mesh),
];

/// The fake. A clone is another handle on the same.
#[derive(Clone, Default)]
pub struct FakeProfiles(Arc<Inner>);

#[derive(Default)]
struct Inner {
    people: Mutex<HashMap<(String, String), String>>,
    consents: Mutex<HashMap<String, RecordConsentRequest>>,
    audits: Mutex<Vec<AuditEntry>>,
    phones: Mutex<HashMap<String, String>>,
    is_down: AtomicBool,
    is_held_up: watch::Sender<bool>,
    held_up: AtomicUsize,
}

impl FakeProfiles {
    /// Consents by their idempotency key.
    pub fn consents(&self) -> HashMap<String, RecordConsentRequest> {
        self.0.consents.lock().clone()
    }

    /// The audit log; a repeated entry once.
    pub fn audits(&self) -> Vec<AuditEntry> {
        self.0.audits.lock().clone()
    }

    /// Numbers that were changed, by person.
    pub fn phones(&self) -> HashMap<String, String> {
        self.0.phones.lock().clone()
    }

    pub fn people(&self) -> usize {
        self.0.people.lock().len()
    }

    /// Whether it answers.
    pub fn set_down(&self, is_down: bool) {
        self.0.is_down.store(is_down, Ordering::SeqCst);
    }

    /// Whether people are let through at once.
    pub fn hold_up(&self, is_held_up: bool) {
        self.0.is_held_up.send_replace(is_held_up);
    }

    /// Who was ever held up.
    pub fn held_up(&self) -> usize {
        self.0.held_up.load(Ordering::SeqCst)
    }

    pub async fn serve(&self, key: &MeshKey, clock: Arc<dyn Clock>, life: &Lifecycle) -> Channel {
        let (channel, incoming) = in_memory();
        let authenticator = Authenticator::new(TokenVerifier::of_mesh(key), Arc::new(NoKeys), clock, [ACCESS]);
        let (people, accounts) = (PeopleServiceServer::new(self.clone()), AccountServiceServer::new(self.clone()));
        RpcServer::new().with(people).with(accounts).serve(
            life,
            TcpListener::bind("127.0.0.1:0").await.unwrap(),
            Some(incoming),
            Arc::new(authenticator),
            RpcMetrics::register(&mut prometheus_client::registry::Registry::default()),
        );
        channel
    }

    fn tenant_of<T>(&self, request: &Request<T>) -> Result<String, Status> {
        if self.0.is_down.load(Ordering::SeqCst) {
            return Err(Failure::Unavailable { retry_after: std::time::Duration::from_secs(1) }.into());
        }
        Ok(principal_of(request)?.tenant()?.to_string())
    }
}

struct NoKeys;

#[tonic::async_trait]
impl ApiKeys for NoKeys {
    async fn resolve(&self, _: &str, _: &[u8]) -> Result<Option<TenantId>, Failure> {
        Ok(None)
    }
}

type Answer<T> = Result<Response<T>, Status>;

/// Methods that registration does not call.
macro_rules! not_here {
    ($($method:ident($request:ident) -> $response:ident;)+) => {
        $(
            fn $method<'a, 'async_trait>(
                &'a self,
                _: Request<$request>,
            ) -> Pin<Box<dyn Future<Output = Answer<$response>> + Send + 'async_trait>>
            where
                'a: 'async_trait,
                Self: 'async_trait,
            {
                Box::pin(async { Err(Status::unimplemented("not in this test")) })
            }
        )+
    };
}

#[tonic::async_trait]
impl PeopleService for FakeProfiles {
    type ExportPeopleStream = Pin<Box<dyn Stream<Item = Result<ExportPeopleResponse, Status>> + Send>>;
    type ExportConsentingStream = Pin<Box<dyn Stream<Item = Result<ExportConsentingResponse, Status>> + Send>>;

    async fn ensure_person(&self, request: Request<EnsurePersonRequest>) -> Answer<EnsurePersonResponse> {
        let tenant = self.tenant_of(&request)?;
        if *self.0.is_held_up.borrow() {
            self.0.held_up.fetch_add(1, Ordering::SeqCst);
            let _ = self.0.is_held_up.subscribe().wait_for(|is_held_up| !is_held_up).await;
        }
        let email = canonical::email(&request.get_ref().email).map_err(|problem| Failure::invalid("email", problem))?;
        let mut people = self.0.people.lock();
        let person_id = people.entry((tenant, email.as_str().to_owned())).or_insert_with(random::sortable_id).clone();
        let person = Some(Person { person_id, ..Person::default() });
        Ok(Response::new(EnsurePersonResponse { person, created: false }))
    }

    async fn record_consent(&self, request: Request<RecordConsentRequest>) -> Answer<RecordConsentResponse> {
        self.tenant_of(&request)?;
        let request = request.into_inner();
        let mut consents = self.0.consents.lock();
        let known = consents.entry(request.idempotency_key.clone()).or_insert_with(|| request.clone());
        if *known != request {
            return Err(Failure::AlreadyExists { what: "idempotency key with other statements" }.into());
        }
        Ok(Response::new(RecordConsentResponse::default()))
    }

    async fn update_person(&self, request: Request<UpdatePersonRequest>) -> Answer<UpdatePersonResponse> {
        self.tenant_of(&request)?;
        let person = request.into_inner().person.unwrap();
        self.0.phones.lock().insert(person.person_id.clone(), person.phone.clone());
        Ok(Response::new(UpdatePersonResponse { person: Some(person) }))
    }

    async fn export_people(&self, _: Request<ExportPeopleRequest>) -> Answer<Self::ExportPeopleStream> {
        Err(Status::unimplemented("not in this test"))
    }

    async fn export_consenting(&self, _: Request<ExportConsentingRequest>) -> Answer<Self::ExportConsentingStream> {
        Err(Status::unimplemented("not in this test"))
    }

    not_here! {
        get_person(GetPersonRequest) -> GetPersonResponse;
        list_people(ListPeopleRequest) -> ListPeopleResponse;
        verify_by_hand(VerifyByHandRequest) -> VerifyByHandResponse;
        get_consents(GetConsentsRequest) -> GetConsentsResponse;
        list_consent_ledger(ListConsentLedgerRequest) -> ListConsentLedgerResponse;
        list_consenting(ListConsentingRequest) -> ListConsentingResponse;
    }
}

#[tonic::async_trait]
impl AccountService for FakeProfiles {
    async fn record_audit(&self, request: Request<RecordAuditRequest>) -> Answer<RecordAuditResponse> {
        self.tenant_of(&request)?;
        let entry = request.into_inner().entry.unwrap();
        let mut audits = self.0.audits.lock();
        if audits.iter().all(|known| known.entry_id != entry.entry_id) {
            audits.push(entry);
        }
        Ok(Response::new(RecordAuditResponse {}))
    }

    not_here! {
        sign_in(SignInRequest) -> SignInResponse;
        request_link(RequestLinkRequest) -> RequestLinkResponse;
        redeem_link(RedeemLinkRequest) -> RedeemLinkResponse;
        check_session(CheckSessionRequest) -> CheckSessionResponse;
        end_session(EndSessionRequest) -> EndSessionResponse;
        list_sessions(ListSessionsRequest) -> ListSessionsResponse;
        end_other_sessions(EndOtherSessionsRequest) -> EndOtherSessionsResponse;
        change_password(ChangePasswordRequest) -> ChangePasswordResponse;
        begin_second_factor(BeginSecondFactorRequest) -> BeginSecondFactorResponse;
        confirm_second_factor(ConfirmSecondFactorRequest) -> ConfirmSecondFactorResponse;
        remove_second_factor(RemoveSecondFactorRequest) -> RemoveSecondFactorResponse;
        send_reset_link(SendResetLinkRequest) -> SendResetLinkResponse;
        list_members(ListMembersRequest) -> ListMembersResponse;
        invite_member(InviteMemberRequest) -> InviteMemberResponse;
        create_first_owner(CreateFirstOwnerRequest) -> CreateFirstOwnerResponse;
        change_member_role(ChangeMemberRoleRequest) -> ChangeMemberRoleResponse;
        remove_member(RemoveMemberRequest) -> RemoveMemberResponse;
        list_audit(ListAuditRequest) -> ListAuditResponse;
    }
}
