//! Each service with what it needs, made from the foundation: the same in one process and in a role of its own. Which parts a process
//! has, and how they reach each other, is the roles' business.

use std::{sync::Arc, time::Duration};

use tonic::transport::Channel;
use turnout_gateway::{Channels, GatewayConfig};
use turnout_notifications::{Notifications, NotificationsConfig};
use turnout_platform::{
    auth::{AccessTable, ApiKeys, Authenticator, Codes, Credentials, TokenSigner, TokenVerifier},
    bus::durable,
    clock::Clock,
    outbox,
    rpc::{IDEMPOTENCY_TABLES, IdempotentCalls},
    tables::{Table, Tables},
    vault::{self, Vault},
};
use turnout_presence::Presence;
use turnout_profiles::Profiles;
use turnout_registration::Registration;

use crate::{
    descriptors,
    foundation::{Bus, Foundation, Keep},
};

/// Messages that one process hands over at the same time.
const MESSAGES_AT_ONCE: usize = 8;

/// The tables of registration and of what it stands on.
pub(crate) fn registration_tables() -> Vec<&'static Table> {
    [turnout_registration::TABLES, vault::TABLES, outbox::TABLES, durable::TABLES, IDEMPOTENCY_TABLES].concat()
}

/// The tables of profiles and of what it stands on.
pub(crate) fn profiles_tables() -> Vec<&'static Table> {
    [&turnout_profiles::tables(), vault::TABLES, outbox::TABLES, durable::TABLES, IDEMPOTENCY_TABLES].concat()
}

/// The tables of notifications and of what it stands on.
pub(crate) fn notifications_tables() -> Vec<&'static Table> {
    [turnout_notifications::TABLES, vault::TABLES, outbox::TABLES, durable::TABLES, IDEMPOTENCY_TABLES].concat()
}

/// The tables of presence and of what it stands on.
pub(crate) fn presence_tables() -> Vec<&'static Table> {
    [turnout_presence::TABLES, vault::TABLES, IDEMPOTENCY_TABLES].concat()
}

/// The tables of all services, each once.
pub(crate) fn all_tables() -> Vec<&'static Table> {
    let mut all: Vec<&'static Table> = Vec::new();
    let of_services = [registration_tables(), profiles_tables(), notifications_tables(), presence_tables()];
    for table in of_services.iter().flatten() {
        if !all.iter().any(|known| known.name == table.name) {
            all.push(table);
        }
    }
    all
}

pub(crate) fn registration(base: &Foundation, keep: &Keep, profiles: Channel) -> Registration {
    let deps = turnout_registration::Deps {
        tables: keep.tables.clone(),
        clock: base.clock.clone(),
        sign_in: TokenVerifier::of_mesh(&base.mesh_key),
        vault: keep.vault.clone(),
        codes: Codes::new(&base.mesh_key),
        bus: keep.events.clone(),
        durable_metrics: keep.events_metrics.clone(),
        profiles,
        credentials: base.credentials("registration"),
    };
    Registration::start(deps, &base.life, &base.metrics)
}

pub(crate) fn profiles(base: &Foundation, keep: &Keep, notifications: Channel) -> Profiles {
    Profiles::start(turnout_profiles::Deps {
        tables: keep.tables.clone(),
        clock: base.clock.clone(),
        vault: keep.vault.clone(),
        notifications,
        credentials: base.credentials("profiles"),
        life: base.life.clone(),
        metrics: base.metrics.clone(),
    })
}

/// `others`: registration and profiles.
pub(crate) fn notifications(
    base: &Foundation,
    keep: &Keep,
    public_url: String,
    others: (Channel, Channel),
) -> anyhow::Result<Notifications> {
    let (registration, profiles) = others;
    let config = NotificationsConfig {
        public_url,
        mail_from: base.config.mail_from.clone(),
        mail_returns: base.config.mail_returns.clone(),
        smtp_url: base.config.smtp_url.clone(),
        mail_folder: base.config.data_file("mail"),
        sms_url: base.config.sms_url.clone(),
        webhooks_anywhere: base.config.webhooks_anywhere,
        worker_concurrency: MESSAGES_AT_ONCE,
    };
    let deps = turnout_notifications::Deps {
        tables: keep.tables.clone(),
        clock: base.clock.clone(),
        bus: keep.events.clone(),
        bus_metrics: keep.events_metrics.clone(),
        mesh_key: base.mesh_key.clone(),
        registration,
        profiles,
        credentials: base.credentials("notifications"),
        life: base.life.clone(),
        metrics: base.metrics.clone(),
    };
    Ok(Notifications::start(deps, config)?)
}

pub(crate) fn presence(base: &Foundation, bus: &Bus, tables: Arc<dyn Tables>, registration: Channel) -> Presence {
    let deps = turnout_presence::Deps {
        bus: bus.core.clone(),
        tables,
        clock: base.clock.clone(),
        credentials: base.credentials("presence"),
        registration,
        replica_name: base.node_name.clone(),
        life: base.life.clone(),
    };
    Presence::start(deps, &base.metrics)
}

/// What makes a retry with the same idempotency key the same call, on tables that [`Vault`] and it are among.
pub(crate) fn idempotent_calls(base: &Foundation, tables: Arc<dyn Tables>) -> IdempotentCalls {
    let vault = Vault::new(tables.clone(), &base.mesh_key, base.clock.clone());
    IdempotentCalls::new(tables, vault, base.clock.clone())
}

pub(crate) fn authenticator(
    base: &Foundation,
    api_keys: Arc<dyn ApiKeys>,
    access: impl IntoIterator<Item = AccessTable>,
) -> Arc<Authenticator> {
    Arc::new(Authenticator::new(TokenVerifier::of_mesh(&base.mesh_key), api_keys, base.clock.clone(), access))
}

pub(crate) fn gateway_config(base: &Foundation) -> GatewayConfig {
    let config = &base.config;
    let cores = || std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    GatewayConfig {
        node_name: base.node_name.clone(),
        public_url: config.public_url.clone(),
        allowed_origins: config.allowed_origins.clone(),
        trusted_proxies: config.trusted_proxies.clone(),
        workers: config.workers.unwrap_or_else(cores),
        connections_max: descriptors::sockets_within(base.descriptors, config.connections_max),
        handshakes_per_s_max: config.handshakes_per_s_max,
        drain: Duration::from_secs(config.drain_s),
        trace_ratio: config.trace_ratio,
        grpc_addr: config.presence_url.as_deref().unwrap_or("localhost:9090").replace("http://", ""),
        demo_event: Some(turnout_registration::DEMO_EVENT.to_owned()),
    }
}

pub(crate) fn gateway_deps(base: &Foundation, bus: &Bus, channels: Channels) -> turnout_gateway::Deps {
    turnout_gateway::Deps {
        bus: bus.core.clone(),
        clock: base.clock.clone(),
        life: base.life.clone(),
        metrics: base.metrics.clone(),
        mesh_key: base.mesh_key.clone(),
        channels,
    }
}

impl Foundation {
    pub(crate) fn credentials(&self, service: &str) -> Credentials {
        let clock: Arc<dyn Clock> = self.clock.clone();
        Credentials::new(service, TokenSigner::new(&self.mesh_key), clock)
    }
}
