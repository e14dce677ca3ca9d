//! Accounts: who may sign in, with what, and for how long; the team of each tenant; the audit log.
//!
//! `rpc` is the gRPC face; `sign_in`, `links`, `sessions`, `second_factor` and `team` are what it does, and `post` sends; `domain` holds
//! the rules, `store` the tables. An answer never says whether somebody has an account: unknown, wrong and too early look and last the same. Cookies,
//! pages and the hashing of network addresses are the gateway's business; mail is the notifications service's.

pub(crate) mod audit;
mod domain;
mod hashing;
mod links;
mod mail;
mod metrics;
mod persons;
mod post;
mod residents;
mod rpc;
mod second_factor;
mod sessions;
mod sign_in;
mod store;
mod team;

use std::sync::Arc;

use tonic::transport::Channel;
use turnout_platform::{
    auth::{Access, AccessTable, Credentials, ORGANISERS, OWNERS, SUPPORTERS},
    clock::Clock,
    failure::Failure,
    ids::TenantId,
    lifecycle::Lifecycle,
    limits::{RPC_REQUEST_BYTES_MAX, RPC_RESPONSE_BYTES_MAX},
    tables::Tables,
    vault::Vault,
};
use turnout_proto::profiles::v1::account_service_server::AccountServiceServer;

pub(crate) use metrics::Metrics;
pub(crate) use persons::{Person, Persons};
pub(crate) use post::{Addressee, Post};
pub use store::TABLES;

pub(crate) use domain::{fields::Realm, secrets::AccountId};

use self::{
    audit::{Audit, AuditRecord},
    hashing::Hashing,
    mail::Mail,
    residents::Resident,
    store::Store,
};

/// Who may call which method.
pub static ACCESS: AccessTable = &[
    ("/turnout.profiles.v1.AccountService/SignIn", Access::Mesh),
    ("/turnout.profiles.v1.AccountService/RequestLink", Access::Mesh),
    ("/turnout.profiles.v1.AccountService/RedeemLink", Access::Mesh),
    ("/turnout.profiles.v1.AccountService/CheckSession", Access::Mesh),
    ("/turnout.profiles.v1.AccountService/EndSession", Access::Mesh),
    ("/turnout.profiles.v1.AccountService/ListSessions", Access::Mesh),
    ("/turnout.profiles.v1.AccountService/EndOtherSessions", Access::Mesh),
    ("/turnout.profiles.v1.AccountService/ChangePassword", Access::Mesh),
    ("/turnout.profiles.v1.AccountService/BeginSecondFactor", Access::Mesh),
    ("/turnout.profiles.v1.AccountService/ConfirmSecondFactor", Access::Mesh),
    ("/turnout.profiles.v1.AccountService/RemoveSecondFactor", Access::Mesh),
    ("/turnout.profiles.v1.AccountService/SendResetLink", Access::Team(SUPPORTERS)),
    ("/turnout.profiles.v1.AccountService/ListMembers", Access::Team(OWNERS)),
    ("/turnout.profiles.v1.AccountService/InviteMember", Access::Team(OWNERS)),
    ("/turnout.profiles.v1.AccountService/CreateFirstOwner", Access::Mesh),
    ("/turnout.profiles.v1.AccountService/ChangeMemberRole", Access::Team(OWNERS)),
    ("/turnout.profiles.v1.AccountService/RemoveMember", Access::Team(OWNERS)),
    ("/turnout.profiles.v1.AccountService/RecordAudit", Access::Mesh),
    ("/turnout.profiles.v1.AccountService/ListAudit", Access::Team(ORGANISERS)),
];

/// What accounts need.
#[derive(Clone)]
pub(crate) struct Deps {
    /// Opened with [`TABLES`] and those of the vault among its tables.
    pub tables: Arc<dyn Tables>,
    pub clock: Arc<dyn Clock>,
    pub vault: Vault,
    /// Where links are sent from.
    pub notifications: Channel,
    pub credentials: Credentials,
    pub life: Lifecycle,
    pub metrics: Metrics,
}

impl Deps {
    /// The post, which people need too.
    pub fn post(&self) -> Post {
        let mail = Mail::new(self.notifications.clone(), self.credentials.clone());
        let store = Store::new(self.tables.clone(), self.vault.clone());
        let (vault, clock) = (self.vault.clone(), self.clock.clone());
        Post::new(store, vault, clock, mail, self.metrics.clone(), self.life.clone())
    }
}

/// The accounts. A clone is another handle on the same.
#[derive(Clone)]
pub struct Accounts {
    store: Store,
    vault: Vault,
    clock: Arc<dyn Clock>,
    persons: Arc<dyn Persons>,
    hashing: Hashing,
    post: Post,
    audit: Audit,
    metrics: Metrics,
    /// An account and a tenant that nobody has, to be read where there is nothing to read.
    nobody: AccountId,
    nowhere: TenantId,
}

impl Accounts {
    /// The accounts on these tables. They hold no state of their own, so several processes may run on one cluster.
    pub fn new(deps: Deps, post: Post, persons: Arc<dyn Persons>) -> Self {
        let Deps { tables, clock, vault, metrics, .. } = deps;
        Self {
            store: Store::new(tables.clone(), vault.clone()),
            audit: Audit::new(tables, vault.clone(), clock.clone()),
            vault,
            clock,
            persons,
            hashing: Hashing::new(metrics.clone()),
            post,
            metrics,
            nobody: "-".parse().expect("a dash is an id"),
            nowhere: "-".parse().expect("a dash is an id"),
        }
    }

    /// Their gRPC face, to be added to a server whose authenticator knows [`ACCESS`].
    pub fn into_service(self) -> AccountServiceServer<Self> {
        AccountServiceServer::new(self)
            .max_decoding_message_size(RPC_REQUEST_BYTES_MAX)
            .max_encoding_message_size(RPC_RESPONSE_BYTES_MAX)
    }

    /// Enters in the audit log what somebody does to their own account, before it is done.
    async fn note_own(&self, resident: &Resident, action: &str) -> Result<(), Failure> {
        let who = resident.actor();
        let record =
            AuditRecord { actor: who.clone(), action: action.to_owned(), subject: who, ..AuditRecord::default() };
        self.audit.record(&resident.tenant, record).await
    }

    fn at_ms(&self) -> i64 {
        self.clock.at_ms() as i64
    }
}
