//! Registration: which events and rooms there are, whose they are and in which state; the keys that open them; sign-in links.
//!
//! `rpc` is the gRPC face, `actions` what it does, `domain` the rules, `store` the tables. Who is counted, and how many, is
//! presence's business; people, their registrations and their payments are not here yet.

mod actions;
mod demo;
mod domain;
mod metrics;
mod rpc;
mod store;

use std::sync::Arc;

use prometheus_client::registry::Registry;
use turnout_platform::{
    auth::{Access, AccessTable, TokenVerifier},
    clock::Clock,
    limits::{RPC_REQUEST_BYTES_MAX, RPC_RESPONSE_BYTES_MAX},
    tables::Tables,
};
use turnout_proto::registration::v1::registration_service_server::RegistrationServiceServer;

pub use actions::NewApiKey;
pub use demo::{DEMO_EVENT, DEMO_TENANT, DemoStart};
pub use domain::sign_in::SIGN_IN_LINK_S_MAX;
pub use store::TABLES;

use self::{metrics::Metrics, store::Store};

/// Who may call which method.
pub static ACCESS: AccessTable = &[
    ("/turnout.registration.v1.RegistrationService/CreateEvent", Access::Tenant),
    ("/turnout.registration.v1.RegistrationService/GetEvent", Access::Tenant),
    ("/turnout.registration.v1.RegistrationService/ListEvents", Access::Tenant),
    ("/turnout.registration.v1.RegistrationService/ChangeEventState", Access::Tenant),
    ("/turnout.registration.v1.RegistrationService/CreateRoom", Access::Tenant),
    ("/turnout.registration.v1.RegistrationService/GetRoom", Access::Tenant),
    ("/turnout.registration.v1.RegistrationService/ListRooms", Access::Tenant),
    ("/turnout.registration.v1.RegistrationService/RegisterTicketKey", Access::Tenant),
    ("/turnout.registration.v1.RegistrationService/GetTicketKey", Access::Mesh),
    ("/turnout.registration.v1.RegistrationService/CreateApiKey", Access::Tenant),
    ("/turnout.registration.v1.RegistrationService/ResolveApiKey", Access::Mesh),
    ("/turnout.registration.v1.RegistrationService/RedeemSignInLink", Access::Mesh),
];

/// What registration needs.
pub struct Deps {
    /// Opened with [`TABLES`] among its tables.
    pub tables: Arc<dyn Tables>,
    /// The wall clock stamps events and judges links.
    pub clock: Arc<dyn Clock>,
    /// Checks sign-in links: the verifier of the mesh key.
    pub sign_in: TokenVerifier,
}

/// The service. A clone is another handle on the same.
#[derive(Clone)]
pub struct Registration {
    store: Store,
    clock: Arc<dyn Clock>,
    sign_in: TokenVerifier,
    metrics: Metrics,
}

impl Registration {
    /// The service on these tables; it holds no state of its own, so several may run on one cluster.
    pub fn new(deps: Deps, registry: &mut Registry) -> Self {
        let Deps { tables, clock, sign_in } = deps;
        Self { store: Store::new(tables), clock, sign_in, metrics: Metrics::register(registry) }
    }

    /// Its gRPC face, to be added to a server whose authenticator knows [`ACCESS`].
    pub fn into_service(self) -> RegistrationServiceServer<Self> {
        RegistrationServiceServer::new(self)
            .max_decoding_message_size(RPC_REQUEST_BYTES_MAX)
            .max_encoding_message_size(RPC_RESPONSE_BYTES_MAX)
    }

    fn at_ms(&self) -> i64 {
        self.clock.at_ms() as i64
    }
}
