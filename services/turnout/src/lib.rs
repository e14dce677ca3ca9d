//! The binary's inside: all wiring of the mesh, one readable function per role.
//!
//! [`all_in_one`] is what runs without a subcommand: every role in this process. [`registration_role`], [`presence_role`] and
//! [`gateway_role`] are the roles on their own. They build the same parts from the same configuration; what differs is which parts,
//! and how they reach each other. Nothing here decides anything about events or counts.

mod cli;
mod foundation;
mod tools;
mod welcome;

use std::{ffi::OsString, sync::Arc, time::Duration};

use anyhow::Context as _;
use tonic::transport::Channel;
use turnout_gateway::GatewayConfig;
use turnout_platform::{
    auth::{ApiKeys, Authenticator, Credentials, RemoteApiKeys, TokenSigner, TokenVerifier},
    clock::Clock,
    lifecycle::watch_signals,
    rpc::{self, RpcMetrics, RpcServer},
};
use turnout_presence::Presence;
use turnout_registration::Registration;

use crate::{
    cli::Command,
    foundation::{Foundation, bind},
    welcome::Addresses,
};

/// Runs a command line to its end.
pub fn run(
    args: impl IntoIterator<Item = OsString>,
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> anyhow::Result<()> {
    // The mesh key, TLS to NATS and to CQL all use this one provider; without it the first of them panics.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let Some(line) = cli::parse(args, variables)? else { return Ok(()) };
    match line.command {
        Command::ShowConfig => tools::show_config(&line.resolved),
        Command::MeshKey => tools::mesh_key(),
        Command::Ticket(wanted) => tools::tickets(&line.config, &wanted),
        Command::SignInLink => tools::sign_in_link(&line.config),
        Command::Run(role) => tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
            let base = Foundation::lay(line.config, role).await?;
            let life = base.life.clone();
            tokio::spawn(watch_signals(life.clone()));
            let started = match role {
                Role::AllInOne => all_in_one(&base).await,
                Role::Registration => registration_role(&base).await,
                Role::Presence => presence_role(&base).await,
                Role::Gateway => gateway_role(&base).await,
            };
            if started.is_err() {
                life.stop();
            }
            life.ended().await;
            base.telemetry.shutdown().await;
            anyhow::ensure!(!life.has_failed(), "a part of the process failed; the log says which");
            started
        }),
    }
}

/// What a process is in the mesh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Everything.
    AllInOne,
    /// Events, rooms and keys.
    Registration,
    /// Counts and their history.
    Presence,
    /// Viewers' sockets and the pages.
    Gateway,
}

impl Role {
    /// Its name on the command line, in logs and in node names.
    pub fn name(self) -> &'static str {
        match self {
            Self::AllInOne => "all",
            Self::Registration => "registration",
            Self::Presence => "presence",
            Self::Gateway => "gateway",
        }
    }
}

/// The whole mesh in this process. The services call each other as they would over a network, through memory.
async fn all_in_one(base: &Foundation) -> anyhow::Result<()> {
    let grpc = bind("grpc_addr", base.config.grpc_addr).await?;
    let public = bind("public_addr", base.config.public_addr).await?;
    let tables = base.open_tables([turnout_registration::TABLES, turnout_presence::TABLES].concat()).await?;
    let bus = base.connect_bus().await?;
    let (channel, incoming) = rpc::in_memory();

    let registration = new_registration(base, tables.clone());
    let demo = registration.ensure_demo().await.context("the demo event could not be made")?;
    let presence = new_presence(base, bus.clone(), tables, channel.clone());
    let grpc_addr = grpc.local_addr()?;
    let access = [turnout_registration::ACCESS, turnout_presence::ACCESS];
    let authenticator = new_authenticator(base, Arc::new(registration.clone()), access);
    RpcServer::new().with(registration.into_service()).with(presence.into_service()).serve(
        &base.life,
        grpc,
        Some(incoming),
        authenticator,
        base.metrics.register(RpcMetrics::register),
    );
    let gateway = GatewayConfig { grpc_addr: grpc_addr.to_string(), ..gateway_config(base) };
    let public_addr = turnout_gateway::start(gateway, gateway_deps(base, bus, channel.clone(), channel), public)?;

    welcome::greet(base, public_addr, grpc_addr, demo)
}

/// Events, rooms and keys, for the other roles and for services of the organiser.
async fn registration_role(base: &Foundation) -> anyhow::Result<()> {
    let grpc = bind("grpc_addr", base.config.grpc_addr).await?;
    let tables = base.open_tables(turnout_registration::TABLES.to_vec()).await?;
    let registration = new_registration(base, tables);
    let demo = registration.ensure_demo().await.context("the demo event could not be made")?;
    welcome::keep_api_key(base, demo)?;
    let authenticator = new_authenticator(base, Arc::new(registration.clone()), [turnout_registration::ACCESS]);
    welcome::keep_addresses(base, Addresses { grpc: Some(grpc.local_addr()?), ..Addresses::default() })?;
    tracing::info!(address = %grpc.local_addr()?, "registration serves grpc");
    let metrics = base.metrics.register(RpcMetrics::register);
    RpcServer::new().with(registration.into_service()).serve(&base.life, grpc, None, authenticator, metrics);
    base.stop_after_drain();
    Ok(())
}

/// One replica of the counter.
async fn presence_role(base: &Foundation) -> anyhow::Result<()> {
    let grpc = bind("grpc_addr", base.config.grpc_addr).await?;
    let registration = base.channel("registration_url", base.config.registration_url.as_deref())?;
    let bus = base.connect_bus().await?;
    let tables = base.open_tables(turnout_presence::TABLES.to_vec()).await?;
    let presence = new_presence(base, bus, tables, registration.clone());
    let api_keys = Arc::new(RemoteApiKeys::new(registration, base.credentials("presence")));
    let authenticator = new_authenticator(base, api_keys, [turnout_presence::ACCESS]);
    welcome::keep_addresses(base, Addresses { grpc: Some(grpc.local_addr()?), ..Addresses::default() })?;
    tracing::info!(address = %grpc.local_addr()?, replica = %base.node_name, "presence serves grpc");
    let metrics = base.metrics.register(RpcMetrics::register);
    RpcServer::new().with(presence.into_service()).serve(&base.life, grpc, None, authenticator, metrics);
    base.stop_after_drain();
    Ok(())
}

/// One gateway.
async fn gateway_role(base: &Foundation) -> anyhow::Result<()> {
    let public = bind("public_addr", base.config.public_addr).await?;
    let registration = base.channel("registration_url", base.config.registration_url.as_deref())?;
    let presence = base.channel("presence_url", base.config.presence_url.as_deref())?;
    let bus = base.connect_bus().await?;
    let deps = gateway_deps(base, bus, registration, presence);
    let address = turnout_gateway::start(gateway_config(base), deps, public)?;
    welcome::keep_addresses(base, Addresses { public: Some(address), ..Addresses::default() })?;
    tracing::info!(%address, gateway = %base.node_name, "gateway serves viewers");
    Ok(())
}

fn new_registration(base: &Foundation, tables: Arc<dyn turnout_platform::tables::Tables>) -> Registration {
    let deps = turnout_registration::Deps {
        tables,
        clock: base.clock.clone(),
        sign_in: TokenVerifier::of_mesh(&base.mesh_key),
    };
    base.metrics.register(|registry| Registration::new(deps, registry))
}

fn new_presence(
    base: &Foundation,
    bus: turnout_platform::bus::SharedBus,
    tables: Arc<dyn turnout_platform::tables::Tables>,
    registration: Channel,
) -> Presence {
    let deps = turnout_presence::Deps {
        bus,
        tables,
        clock: base.clock.clone(),
        credentials: base.credentials("presence"),
        registration,
        replica_name: base.node_name.clone(),
        life: base.life.clone(),
    };
    Presence::start(deps, &base.metrics)
}

fn new_authenticator(
    base: &Foundation,
    api_keys: Arc<dyn ApiKeys>,
    tables: impl IntoIterator<Item = turnout_platform::auth::AccessTable>,
) -> Arc<Authenticator> {
    Arc::new(Authenticator::new(TokenVerifier::of_mesh(&base.mesh_key), api_keys, base.clock.clone(), tables))
}

fn gateway_config(base: &Foundation) -> GatewayConfig {
    let config = &base.config;
    let cores = || std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    GatewayConfig {
        node_name: base.node_name.clone(),
        public_url: config.public_url.clone(),
        allowed_origins: config.allowed_origins.clone(),
        workers: config.workers.unwrap_or_else(cores),
        connections_max: config.connections_max,
        handshakes_per_s_max: config.handshakes_per_s_max,
        drain: Duration::from_secs(config.drain_s),
        trace_ratio: config.trace_ratio,
        grpc_addr: config.presence_url.as_deref().unwrap_or("localhost:9090").replace("http://", ""),
        demo_event: Some(turnout_registration::DEMO_EVENT.to_owned()),
    }
}

fn gateway_deps(
    base: &Foundation,
    bus: turnout_platform::bus::SharedBus,
    registration: Channel,
    presence: Channel,
) -> turnout_gateway::Deps {
    turnout_gateway::Deps {
        bus,
        clock: base.clock.clone(),
        life: base.life.clone(),
        metrics: base.metrics.clone(),
        mesh_key: base.mesh_key.clone(),
        registration,
        presence,
    }
}

impl Foundation {
    fn credentials(&self, service: &str) -> Credentials {
        let clock: Arc<dyn Clock> = self.clock.clone();
        Credentials::new(service, TokenSigner::new(&self.mesh_key), clock)
    }
}
