//! The steps that most tests of accounts begin with.
#![allow(dead_code, unused_imports, reason = "the example that takes times borrows a part")]

use std::{ops::Deref, path::PathBuf, sync::Arc};

use tonic::Status;
use turnout_platform::{auth::Role, ids::TenantId};
use turnout_proto::profiles::v1::{
    Assurance, CheckSessionRequest, CreateFirstOwnerRequest, EnsurePersonRequest, GetPersonRequest, LinkPurpose, Realm,
    RedeemLinkRequest, RedeemLinkResponse, RequestLinkRequest, SessionAccount, SignInRequest, SignInResponse,
};

pub use crate::stage::{Accounts as Client, refused, refused_field, token_of};
use crate::{
    stage::{Process, Stage},
    tables::Watched,
};

/// The password of everybody who has one.
pub const PASSWORD: &str = "correct horse battery";

/// A process of profiles. It ends when the test does.
pub struct Bed {
    process: Process,
    pub tenant: TenantId,
    pub tables: Arc<Watched>,
}

impl Deref for Bed {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.process
    }
}

impl Bed {
    /// On an embedded store of its own.
    pub async fn embedded() -> Self {
        Self::on(&Stage::embedded().await).await
    }

    /// One on each engine.
    pub async fn each(test: &str) -> Vec<Self> {
        let mut beds = Vec::new();
        for stage in Stage::each(test).await {
            beds.push(Self::on(&stage).await);
        }
        beds
    }

    async fn on(stage: &Stage) -> Self {
        Self { process: Process::on(stage).await, tenant: stage.tenant.clone(), tables: stage.tables.clone() }
    }

    /// A new process on the same tables, which takes every write again.
    pub async fn restarted(&self) -> Self {
        self.tables.cut_after(usize::MAX);
        Self::on(&self.stage).await
    }

    /// Where the embedded store is.
    pub fn path(&self) -> PathBuf {
        self.stage.path()
    }

    /// A service of the mesh, for no tenant in particular.
    pub fn mesh(&self) -> Client {
        self.accounts(None)
    }

    /// A service of the mesh that acts for the tenant.
    pub fn for_tenant(&self, tenant: &TenantId) -> Client {
        self.accounts(Some(tenant))
    }

    /// A member of the tenant's team.
    pub fn member(&self, role: Role) -> Client {
        self.member_of(&self.tenant, "member-1", role)
    }

    pub fn member_of(&self, tenant: &TenantId, account_id: &str, role: Role) -> Client {
        self.accounts_as(tenant, account_id, role)
    }

    /// A person of a tenant's audience; the id.
    pub async fn person_of(&self, tenant: &TenantId, email: &str) -> String {
        let request =
            EnsurePersonRequest { email: email.into(), name: "Anna".into(), ..EnsurePersonRequest::default() };
        self.people(Some(tenant)).ensure_person(request).await.unwrap().into_inner().person.unwrap().person_id
    }

    pub async fn person(&self, email: &str) -> String {
        self.person_of(&self.tenant, email).await
    }

    /// Whether the person counts as one with an account and a proven address.
    pub async fn people_say(&self, person_id: &str) -> (bool, bool) {
        let request = GetPersonRequest { person_id: person_id.into() };
        let person = self.people(Some(&self.tenant)).get_person(request).await.unwrap().into_inner().person.unwrap();
        let proven = person.email_assurance() == Assurance::Verified;
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
