//! A presence replica: who is watching now, how that went over time, and the peak.
//!
//! The count itself is pure and lives in turnout-roster; here it meets the world. `events` follows the gateways' ticks on the
//! bus and publishes counts, `domain` turns facts into history, `store` writes it, `rpc` answers. Any number of replicas run
//! side by side without talking: all derive the same counts and write the same rows. The store may be down for as long as it
//! likes: counting does not notice.
//!
//! Deliberately not here: who may open an event (registration), the sockets of viewers (gateway).

mod board;
mod directory;
mod domain;
mod events;
mod metrics;
mod rpc;
mod store;

use std::sync::Arc;

use tonic::transport::Channel;
use turnout_platform::{
    auth::{Access, AccessTable, Credentials, FIGURES},
    bus::SharedBus,
    clock::Clock,
    lifecycle::Lifecycle,
    limits::{RPC_REQUEST_BYTES_MAX, RPC_RESPONSE_BYTES_MAX},
    tables::Tables,
    telemetry::Metrics,
};
use turnout_proto::presence::v1::presence_service_server::PresenceServiceServer;

use board::Board;
use directory::Directory;
pub use domain::{Ending, Point, Visit, VisitSpan, WatchTime};
use events::Actor;
use metrics::PresenceMetrics;
pub use rpc::PresenceRpc;
pub use store::{Archive, TABLES};
use store::{Backlogs, Writer};

/// Who may call which method.
pub static ACCESS: AccessTable = &[
    ("/turnout.presence.v1.PresenceService/GetCount", Access::Tenant),
    ("/turnout.presence.v1.PresenceService/WatchCounts", Access::Tenant),
    ("/turnout.presence.v1.PresenceService/GetCountHistory", Access::Tenant),
    ("/turnout.presence.v1.PresenceService/ListRooms", Access::Tenant),
    ("/turnout.presence.v1.PresenceService/GetPeak", Access::Tenant),
    ("/turnout.presence.v1.PresenceService/ListVisits", Access::Team(FIGURES)),
];

/// What a replica needs.
pub struct Deps {
    /// The bus to the gateways.
    pub bus: SharedBus,
    /// Opened with [`TABLES`].
    pub tables: Arc<dyn Tables>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// To show registration who asks.
    pub credentials: Credentials,
    /// To registration, which knows whose an event is.
    pub registration: Channel,
    /// The name of this replica in the mesh. Of several, gateways follow the one that sorts first.
    pub replica_name: String,
    /// The life of this process.
    pub life: Lifecycle,
}

impl std::fmt::Debug for Deps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deps").field("replica_name", &self.replica_name).finish_non_exhaustive()
    }
}

/// A running replica.
#[derive(Debug)]
pub struct Presence {
    rpc: PresenceRpc,
}

impl Presence {
    /// Starts counting and writing history, until the process stops. Ready when the bus is there and the replica has heard the
    /// mesh for long enough.
    pub fn start(deps: Deps, metrics: &Metrics) -> Self {
        let Deps { bus, tables, clock, credentials, registration, replica_name, life } = deps;
        let metrics = metrics.register(PresenceMetrics::register);
        let board = Arc::new(Board::new());
        let backlog = Arc::new(Backlogs::new(clock.clone()));
        let actor =
            Actor::new(bus, clock.clone(), &replica_name, board.clone(), backlog.clone(), metrics.clone(), &life);
        life.spawn("presence replica", actor.run(life.clone()));
        let writer = Writer::new(tables.clone(), backlog, &replica_name, metrics);
        life.spawn("presence history", writer.run());
        let directory = Directory::new(registration, credentials, clock.clone());
        Self { rpc: PresenceRpc::new(board, directory, Archive::new(tables), clock, life) }
    }

    /// The gRPC service of this replica.
    pub fn into_service(self) -> PresenceServiceServer<PresenceRpc> {
        PresenceServiceServer::new(self.rpc)
            .max_decoding_message_size(RPC_REQUEST_BYTES_MAX)
            .max_encoding_message_size(RPC_RESPONSE_BYTES_MAX)
    }
}
