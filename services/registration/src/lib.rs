//! Registration: events and rooms with their settings, who takes part in them, the keys that open them; sign-in links.
//!
//! `rpc` is the gRPC face, `actions` what it does about events, `registrants` about those who take part, `roll` their lists and figures;
//! `domain` the rules, `store` the tables. How many watch is presence's business; who people are across events is profiles', and
//! what they are sent notifications'.

mod actions;
mod demo;
mod domain;
mod metrics;
mod registrants;
mod retention;
mod roll;
mod rpc;
mod store;

use std::sync::Arc;

use tonic::transport::Channel;
use turnout_platform::{
    auth::{
        Access, AccessTable, Credentials, DOOR, EVERYONE, FIGURES, ORGANISERS, OWNERS, SUPPORTERS, TokenVerifier,
        codes::Codes,
    },
    bus::durable::{self, Consumer, DurableMetrics, EventKind, SharedDurableBus},
    clock::Clock,
    lifecycle::Lifecycle,
    limits::{RPC_REQUEST_BYTES_MAX, RPC_RESPONSE_BYTES_MAX},
    outbox::Outbox,
    tables::Tables,
    vault::Vault,
};
use turnout_proto::registration::v1::{
    registrant_service_server::{RegistrantService, RegistrantServiceServer},
    registration_service_server::RegistrationServiceServer,
};

pub use actions::NewApiKey;
pub use demo::{DEMO_EVENT, DEMO_TENANT, DemoStart};
pub use domain::sign_in::SIGN_IN_LINK_S_MAX;
pub use store::TABLES;

use self::{
    metrics::Metrics,
    registrants::{Places, Registrants},
    roll::{Roll, RollDeps},
    store::Store,
};

/// Who may call which method.
pub static ACCESS: AccessTable = &[
    ("/turnout.registration.v1.RegistrationService/CreateEvent", Access::Team(ORGANISERS)),
    ("/turnout.registration.v1.RegistrationService/GetEvent", Access::Tenant),
    ("/turnout.registration.v1.RegistrationService/ListEvents", Access::Tenant),
    ("/turnout.registration.v1.RegistrationService/UpdateEvent", Access::Team(ORGANISERS)),
    ("/turnout.registration.v1.RegistrationService/ChangeEventState", Access::Team(ORGANISERS)),
    ("/turnout.registration.v1.RegistrationService/CreateRoom", Access::Team(ORGANISERS)),
    ("/turnout.registration.v1.RegistrationService/UpdateRoom", Access::Team(ORGANISERS)),
    ("/turnout.registration.v1.RegistrationService/GetRoom", Access::Tenant),
    ("/turnout.registration.v1.RegistrationService/ListRooms", Access::Tenant),
    ("/turnout.registration.v1.RegistrationService/RegisterTicketKey", Access::Team(ORGANISERS)),
    ("/turnout.registration.v1.RegistrationService/GetTicketKey", Access::Mesh),
    ("/turnout.registration.v1.RegistrationService/CreateApiKey", Access::Team(OWNERS)),
    ("/turnout.registration.v1.RegistrationService/ListApiKeys", Access::Team(OWNERS)),
    ("/turnout.registration.v1.RegistrationService/RevokeApiKey", Access::Team(OWNERS)),
    ("/turnout.registration.v1.RegistrationService/ResolveApiKey", Access::Mesh),
    ("/turnout.registration.v1.RegistrationService/RedeemSignInLink", Access::Mesh),
    ("/turnout.registration.v1.RegistrantService/GetForm", Access::Team(FIGURES)),
    ("/turnout.registration.v1.RegistrantService/PutForm", Access::Team(ORGANISERS)),
    ("/turnout.registration.v1.RegistrantService/Register", Access::Team(SUPPORTERS)),
    ("/turnout.registration.v1.RegistrantService/GetRegistration", Access::Team(EVERYONE)),
    ("/turnout.registration.v1.RegistrantService/ListRegistrants", Access::Team(EVERYONE)),
    ("/turnout.registration.v1.RegistrantService/ExportRegistrants", Access::Team(ORGANISERS)),
    ("/turnout.registration.v1.RegistrantService/ListRegistrationsOfPerson", Access::Team(FIGURES)),
    ("/turnout.registration.v1.RegistrantService/UpdateRegistration", Access::Team(SUPPORTERS)),
    ("/turnout.registration.v1.RegistrantService/CancelRegistration", Access::Team(SUPPORTERS)),
    ("/turnout.registration.v1.RegistrantService/AnswerRsvp", Access::Team(SUPPORTERS)),
    ("/turnout.registration.v1.RegistrantService/SetPayment", Access::Team(SUPPORTERS)),
    ("/turnout.registration.v1.RegistrantService/RotatePaymentSecret", Access::Team(OWNERS)),
    ("/turnout.registration.v1.RegistrantService/ApplyPaymentNotice", Access::Mesh),
    ("/turnout.registration.v1.RegistrantService/RecordEntry", Access::Mesh),
    ("/turnout.registration.v1.RegistrantService/CheckIn", Access::Team(DOOR)),
    ("/turnout.registration.v1.RegistrantService/SyncCheckIns", Access::Team(DOOR)),
    ("/turnout.registration.v1.RegistrantService/GetCheckInPack", Access::Team(DOOR)),
    ("/turnout.registration.v1.RegistrantService/ResolveCode", Access::Mesh),
    ("/turnout.registration.v1.RegistrantService/GetStatistics", Access::Team(EVERYONE)),
    ("/turnout.registration.v1.RegistrantService/WatchStatistics", Access::Team(EVERYONE)),
    ("/turnout.registration.v1.RegistrantService/Recount", Access::Team(FIGURES)),
    ("/turnout.registration.v1.RegistrantService/GetFieldFigures", Access::Team(FIGURES)),
    ("/turnout.registration.v1.RegistrantService/ListQuestions", Access::Team(FIGURES)),
    ("/turnout.registration.v1.RegistrantService/GetRegistrantSettings", Access::Team(FIGURES)),
    ("/turnout.registration.v1.RegistrantService/PutRegistrantSettings", Access::Team(OWNERS)),
    ("/turnout.registration.v1.RegistrantService/ApplyRetention", Access::Team(OWNERS)),
];

/// What registration needs.
pub struct Deps {
    /// Opened with [`TABLES`], and those of the vault and of the outbox, among its tables.
    pub tables: Arc<dyn Tables>,
    /// The wall clock stamps events and registrations, and judges links.
    pub clock: Arc<dyn Clock>,
    /// Checks sign-in links: the verifier of the mesh key.
    pub sign_in: TokenVerifier,
    /// Seals what is personal.
    pub vault: Vault,
    /// Makes and reads the codes of links and tickets.
    pub codes: Codes,
    /// What happens is told here.
    pub bus: SharedDurableBus,
    /// Counts what is heard.
    pub durable_metrics: DurableMetrics,
    /// Where people and the audit log are.
    pub profiles: Channel,
    /// What registration shows there.
    pub credentials: Credentials,
}

/// The service. A clone is another handle on the same.
#[derive(Clone)]
pub struct Registration {
    store: Store,
    clock: Arc<dyn Clock>,
    sign_in: TokenVerifier,
    outbox: Outbox,
    registrants: Registrants,
    metrics: Metrics,
}

impl Registration {
    /// The service on these tables. What it keeps in memory it can read again, so several may run on one cluster.
    pub fn start(deps: Deps, life: &Lifecycle, metrics: &turnout_platform::telemetry::Metrics) -> Self {
        let Deps { tables, clock, sign_in, vault, codes, bus, durable_metrics, profiles, credentials } = deps;
        let store = Store::new(tables.clone());
        let outbox = Outbox::start("registration", tables.clone(), bus.clone(), clock.clone(), life, metrics);
        let roll = RollDeps {
            tables,
            vault: vault.clone(),
            codes: codes.clone(),
            bus: bus.clone(),
            durable_metrics: durable_metrics.clone(),
            clock: clock.clone(),
            life: life.clone(),
        };
        let roll = metrics.register(|registry| Roll::start(roll, registry));
        let own_metrics = metrics.register(Metrics::register);
        let profiles = registrants::Profiles::new(profiles, credentials);
        let registrants = Registrants::new(
            store.clone(),
            clock.clone(),
            vault,
            codes,
            roll,
            outbox.clone(),
            profiles,
            own_metrics.clone(),
        );
        life.spawn("places that were left behind", registrants.clone().settle_until_stopped(life.clone()));
        retention::run_daily(registrants.clone(), life);
        let (places, limits) = (Places::of_registrations(registrants.clone()), Places::of_limits(registrants.clone()));
        for (name, kind, places) in [
            ("registration_places", EventKind::Registration, places),
            ("registration_limits", EventKind::Event, limits),
        ] {
            let consumer = Consumer { name: Some(name), pattern: durable::all_events(kind) };
            durable::run(life, bus.clone(), consumer, durable_metrics.clone(), Arc::new(places));
        }
        Self { store, clock, sign_in, outbox, registrants, metrics: own_metrics }
    }

    /// Its gRPC faces, to be added to a server whose authenticator knows [`ACCESS`].
    pub fn into_services(self) -> (RegistrationServiceServer<Self>, RegistrantServiceServer<impl RegistrantService>) {
        let registrants = RegistrantServiceServer::new(self.registrants.clone())
            .max_decoding_message_size(RPC_REQUEST_BYTES_MAX)
            .max_encoding_message_size(RPC_RESPONSE_BYTES_MAX);
        let events = RegistrationServiceServer::new(self)
            .max_decoding_message_size(RPC_REQUEST_BYTES_MAX)
            .max_encoding_message_size(RPC_RESPONSE_BYTES_MAX);
        (events, registrants)
    }

    fn at_ms(&self) -> i64 {
        self.clock.at_ms() as i64
    }
}
