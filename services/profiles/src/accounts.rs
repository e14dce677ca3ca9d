//! Accounts: who may sign in, with what, and for how long; the team of each tenant; the audit log.
//!
//! `rpc` is the gRPC face; `sign_in`, `links`, `sessions`, `second_factor` and `team` are what it does; `domain` holds the rules, `store`
//! the tables. An answer never says whether somebody has an account: unknown, wrong and too early look and last the same. Cookies,
//! pages and the hashing of network addresses are the gateway's business; mail is the notifications service's.

pub(crate) mod audit;
mod domain;
mod hashing;
mod links;
mod mail;
mod metrics;
mod persons;
mod residents;
mod rpc;
mod second_factor;
mod sessions;
mod sign_in;
mod store;
mod team;

use std::sync::Arc;

use prometheus_client::registry::Registry;
use tokio::sync::Semaphore;
use tonic::transport::Channel;
use turnout_platform::{
    auth::{Access, AccessTable, Credentials, ORGANISERS, OWNERS, SUPPORTERS},
    clock::Clock,
    ids::TenantId,
    lifecycle::Lifecycle,
    limits::{RPC_REQUEST_BYTES_MAX, RPC_RESPONSE_BYTES_MAX},
    tables::Tables,
    vault::Vault,
};
use turnout_proto::profiles::v1::account_service_server::AccountServiceServer;

pub(crate) use persons::{Person, Persons};
pub use store::TABLES;

use self::{
    audit::Audit, domain::secrets::AccountId, hashing::Hashing, links::LINK_REQUESTS_MAX, mail::Mail, metrics::Metrics,
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
pub(crate) struct Deps {
    /// Opened with [`TABLES`] and those of the vault among its tables.
    pub tables: Arc<dyn Tables>,
    pub clock: Arc<dyn Clock>,
    pub vault: Vault,
    /// Where links are sent from.
    pub notifications: Channel,
    pub credentials: Credentials,
    pub persons: Arc<dyn Persons>,
    pub life: Lifecycle,
}

/// The accounts. A clone is another handle on the same.
#[derive(Clone)]
pub struct Accounts {
    store: Store,
    vault: Vault,
    clock: Arc<dyn Clock>,
    persons: Arc<dyn Persons>,
    hashing: Hashing,
    mail: Mail,
    audit: Audit,
    metrics: Metrics,
    life: Lifecycle,
    /// Room for links that are being sent in the background.
    link_requests: Arc<Semaphore>,
    /// An account and a tenant that nobody has, to be read where there is nothing to read.
    nobody: AccountId,
    nowhere: TenantId,
}

impl Accounts {
    /// The accounts on these tables. They hold no state of their own, so several processes may run on one cluster.
    pub fn new(deps: Deps, registry: &mut Registry) -> Self {
        let Deps { tables, clock, vault, notifications, credentials, persons, life } = deps;
        let metrics = Metrics::register(registry);
        Self {
            store: Store::new(tables.clone(), vault.clone()),
            audit: Audit::new(tables, vault.clone(), clock.clone()),
            vault,
            clock,
            persons,
            hashing: Hashing::new(metrics.clone()),
            mail: Mail::new(notifications, credentials),
            metrics,
            life,
            link_requests: Arc::new(Semaphore::new(LINK_REQUESTS_MAX)),
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

    fn at_ms(&self) -> i64 {
        self.clock.at_ms() as i64
    }
}
