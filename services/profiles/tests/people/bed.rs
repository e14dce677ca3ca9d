//! The steps that most tests of people begin with.

use std::ops::Deref;

use tonic::Status;
use turnout_platform::{auth::Role, ids::TenantId};
use turnout_proto::profiles::v1::{
    EnsurePersonRequest, EnsurePersonResponse, Person, RedeemLinkRequest, RedeemLinkResponse,
};

use crate::stage::{Accounts, Process};
pub use crate::stage::{People as Client, START_AT_MS, Stage, refused, refused_field, token_of};

impl Stage {
    pub async fn process(&self) -> Bed {
        Bed { process: Process::on(self).await, tenant: self.tenant.clone() }
    }
}

/// A process of profiles. It ends when the test does.
pub struct Bed {
    process: Process,
    pub tenant: TenantId,
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
        self.people(tenant)
    }

    /// A member of the tenant's team.
    pub fn member(&self, role: Role) -> Client {
        self.people_as(&self.tenant, "member-1", role)
    }

    /// The owner of the team, at the audit log.
    pub fn audit(&self) -> Accounts {
        self.accounts_as(&self.tenant, "owner-1", Role::Owner)
    }

    /// Uses a link of a letter.
    pub async fn redeem(&self, token: &str) -> Result<RedeemLinkResponse, Status> {
        let request = RedeemLinkRequest { token: token.into(), confirmed: true, ..RedeemLinkRequest::default() };
        Ok(self.accounts(None).redeem_link(request).await?.into_inner())
    }

    /// The person of an address, with a name.
    pub async fn person(&self, email: &str, name: &str) -> Person {
        let request = EnsurePersonRequest { email: email.into(), name: name.into(), ..EnsurePersonRequest::default() };
        ensure(&mut self.mesh(), request).await.unwrap().person.unwrap()
    }
}

pub async fn ensure(client: &mut Client, request: EnsurePersonRequest) -> Result<EnsurePersonResponse, Status> {
    client.ensure_person(request).await.map(tonic::Response::into_inner)
}
