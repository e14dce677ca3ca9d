//! Profiles: the people of a tenant across all its events, what they consented to, and the accounts with which they and the
//! team sign in.
//!
//! `people` and `accounts` are the two halves; `domain` holds the rules of people, `accounts::domain` those of signing in. Who is
//! registered for which event is registration's business.

mod accounts;
mod domain;
mod metrics;
mod people;

use std::sync::Arc;

use tonic::transport::Channel;
use turnout_platform::{
    auth::{AccessTable, Credentials},
    clock::Clock,
    lifecycle::Lifecycle,
    rpc::RpcServer,
    tables::{Table, Tables},
    telemetry,
    vault::Vault,
};

use self::{
    accounts::{Accounts, audit::Audit},
    people::{Marketing, People},
};

/// Who may call which method, of both services.
pub static ACCESS: [AccessTable; 2] = [people::ACCESS, accounts::ACCESS];

/// The tables of both halves, to be opened at start together with the vault's.
pub fn tables() -> Vec<&'static Table> {
    [people::TABLES, accounts::TABLES].concat()
}

/// What profiles needs.
pub struct Deps {
    /// Opened with [`tables`] and the vault's tables among its tables.
    pub tables: Arc<dyn Tables>,
    /// Stamps what happens, and judges links and sessions.
    pub clock: Arc<dyn Clock>,
    /// Seals what is personal.
    pub vault: Vault,
    /// To the notifications service, which sends links.
    pub notifications: Channel,
    /// With which profiles calls it.
    pub credentials: Credentials,
    /// Runs what goes on in the background, and ends it.
    pub life: Lifecycle,
    /// Where the metrics are registered, once a process.
    pub metrics: telemetry::Metrics,
}

/// The service. A clone is another handle on the same.
#[derive(Clone)]
pub struct Profiles {
    people: People,
    accounts: Accounts,
}

impl Profiles {
    /// The service on these tables, and what it does by itself. What it holds in memory can be lost at any time, so several may run on
    /// one cluster.
    pub fn start(deps: Deps) -> Self {
        let Deps { tables, clock, vault, notifications, credentials, life, metrics } = deps;
        let audit = Audit::new(tables.clone(), vault.clone(), clock.clone());
        let (of_people, of_accounts) =
            (metrics.register(metrics::Metrics::register), metrics.register(accounts::Metrics::register));
        let marketing = Marketing { notifications: notifications.clone(), credentials: credentials.clone() };
        let deps = accounts::Deps {
            tables: tables.clone(),
            clock: clock.clone(),
            vault: vault.clone(),
            notifications,
            credentials,
            life: life.clone(),
            metrics: of_accounts,
        };
        let post = deps.post();
        let people = People::new(tables, vault, audit, clock, post.clone(), marketing, life.clone(), of_people);
        life.spawn("questions about forms", people.clone().ask_until_stopped(life.clone()));
        let accounts = Accounts::new(deps, post, Arc::new(people.clone()));
        Self { people, accounts }
    }

    /// Adds its gRPC faces to a server whose authenticator knows [`ACCESS`].
    pub fn serve_on(self, server: RpcServer) -> RpcServer {
        server.with(self.people.into_service()).with(self.accounts.into_service())
    }
}
