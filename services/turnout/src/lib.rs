//! The binary's inside: all wiring of the mesh, one readable function per role.
//!
//! [`all_in_one`] is what runs without a subcommand: every role in this process. [`registration_role`], [`profiles_role`],
//! [`notifications_role`], [`presence_role`] and [`gateway_role`] are the roles on their own. They build the same parts from the same configuration; what differs is which parts,
//! and how they reach each other. Nothing here decides anything about events or counts.

mod cli;
mod dead_letters;
mod descriptors;
mod foundation;
mod parts;
mod tools;
mod welcome;

use std::{ffi::OsString, sync::Arc};

use anyhow::Context as _;
use tokio::net::TcpListener;
use turnout_gateway::{Channels, GatewayConfig};
use turnout_platform::{
    auth::{Authenticator, RemoteApiKeys},
    lifecycle::watch_signals,
    rpc::{self, RpcMetrics, RpcServer},
    tables::Tables,
};

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
        Command::SignInLink(tenant) => tools::sign_in_link(&line.config, &tenant),
        Command::Recount(event) => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(tools::recount(&line.config, &event))
        }
        Command::DeadLetters(wanted) => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(dead_letters::ask(&line.config, wanted))
        }
        Command::Run(role) => tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
            let base = Foundation::lay(line.config, role).await?;
            let life = base.life.clone();
            tokio::spawn(watch_signals(life.clone()));
            let started = match role {
                Role::AllInOne => all_in_one(&base).await,
                Role::Registration => registration_role(&base).await,
                Role::Profiles => profiles_role(&base).await,
                Role::Notifications => notifications_role(&base).await,
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
    /// Events, forms and registrants.
    Registration,
    /// People, consents and accounts.
    Profiles,
    /// Messages.
    Notifications,
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
            Self::Profiles => "profiles",
            Self::Notifications => "notifications",
            Self::Presence => "presence",
            Self::Gateway => "gateway",
        }
    }
}

/// The whole mesh in this process. The services call each other as they would over a network, through memory.
async fn all_in_one(base: &Foundation) -> anyhow::Result<()> {
    let grpc = bind("grpc_addr", base.config.grpc_addr).await?;
    let public = bind("public_addr", base.config.public_addr).await?;
    let (grpc_addr, public_url) = (grpc.local_addr()?, welcome::public_url(base, public.local_addr()?));
    let bus = base.connect_bus().await?;
    let tables = base.open_tables(parts::all_tables()).await?;
    let keep = base.keep(tables, &bus).await?;
    // A connection for each caller: calls of one connection wait for each other, and some calls are waited for by others.
    let ([for_gateway, for_presence, for_registration, for_profiles, for_notifications], incoming) =
        rpc::in_memory_channels();

    let registration = parts::registration(base, &keep, for_registration);
    let demo = registration.ensure_demo().await.context("the demo event could not be made")?;
    let profiles = parts::profiles(base, &keep, for_profiles);
    let notifications = parts::notifications(base, &keep, public_url, (for_notifications.clone(), for_notifications))?;
    let presence = parts::presence(base, &bus, keep.tables.clone(), for_presence);
    let access = [turnout_registration::ACCESS, turnout_presence::ACCESS, turnout_notifications::ACCESS];
    let access = access.into_iter().chain(turnout_profiles::ACCESS);
    let authenticator = parts::authenticator(base, Arc::new(registration.clone()), access);
    let (events, registrants) = registration.into_services();
    let server = RpcServer::new().with(events).with(registrants).with(presence.into_service());
    let server = profiles.serve_on(server).with(notifications.into_service());
    let server = server.with_idempotency(parts::idempotent_calls(base, keep.tables.clone()));
    server.serve(&base.life, grpc, Some(incoming), authenticator, base.metrics.register(RpcMetrics::register));

    let config = GatewayConfig { grpc_addr: grpc_addr.to_string(), ..parts::gateway_config(base) };
    let channels = Channels {
        registration: for_gateway.clone(),
        presence: for_gateway.clone(),
        profiles: for_gateway.clone(),
        notifications: for_gateway,
    };
    let public_addr = turnout_gateway::start(config, parts::gateway_deps(base, &bus, channels), public)?;

    welcome::greet(base, public_addr, grpc_addr, demo)
}

/// Events, forms and registrants.
async fn registration_role(base: &Foundation) -> anyhow::Result<()> {
    let grpc = bind("grpc_addr", base.config.grpc_addr).await?;
    let profiles = base.channel("profiles_url", base.config.profiles_url.as_deref())?;
    let bus = base.connect_bus().await?;
    let tables = base.open_tables(parts::registration_tables()).await?;
    let keep = base.keep(tables, &bus).await?;
    let registration = parts::registration(base, &keep, profiles);
    let demo = registration.ensure_demo().await.context("the demo event could not be made")?;
    welcome::keep_api_key(base, demo)?;
    let authenticator = parts::authenticator(base, Arc::new(registration.clone()), [turnout_registration::ACCESS]);
    let (events, registrants) = registration.into_services();
    serve(base, RpcServer::new().with(events).with(registrants), keep.tables, grpc, authenticator)
}

/// People, consents and accounts.
async fn profiles_role(base: &Foundation) -> anyhow::Result<()> {
    let grpc = bind("grpc_addr", base.config.grpc_addr).await?;
    let registration = base.channel("registration_url", base.config.registration_url.as_deref())?;
    let notifications = base.channel("notifications_url", base.config.notifications_url.as_deref())?;
    let bus = base.connect_bus().await?;
    let tables = base.open_tables(parts::profiles_tables()).await?;
    let keep = base.keep(tables, &bus).await?;
    let profiles = parts::profiles(base, &keep, notifications);
    let api_keys = Arc::new(RemoteApiKeys::new(registration, base.credentials("profiles")));
    let authenticator = parts::authenticator(base, api_keys, turnout_profiles::ACCESS);
    serve(base, profiles.serve_on(RpcServer::new()), keep.tables, grpc, authenticator)
}

/// Messages to people.
async fn notifications_role(base: &Foundation) -> anyhow::Result<()> {
    let grpc = bind("grpc_addr", base.config.grpc_addr).await?;
    let registration = base.channel("registration_url", base.config.registration_url.as_deref())?;
    let profiles = base.channel("profiles_url", base.config.profiles_url.as_deref())?;
    let public_url = base.config.public_url.clone().context(
        "setting `public_url`: links in mails need the address at which people reach the pages, such as https://events.example.org",
    )?;
    let bus = base.connect_bus().await?;
    let tables = base.open_tables(parts::notifications_tables()).await?;
    let keep = base.keep(tables, &bus).await?;
    let api_keys = Arc::new(RemoteApiKeys::new(registration.clone(), base.credentials("notifications")));
    let notifications = parts::notifications(base, &keep, public_url, (registration, profiles))?;
    let authenticator = parts::authenticator(base, api_keys, [turnout_notifications::ACCESS]);
    serve(base, RpcServer::new().with(notifications.into_service()), keep.tables, grpc, authenticator)
}

/// One replica of the counter.
async fn presence_role(base: &Foundation) -> anyhow::Result<()> {
    let grpc = bind("grpc_addr", base.config.grpc_addr).await?;
    let registration = base.channel("registration_url", base.config.registration_url.as_deref())?;
    let bus = base.connect_bus().await?;
    let tables = base.open_tables(parts::presence_tables()).await?;
    let presence = parts::presence(base, &bus, tables.clone(), registration.clone());
    let api_keys = Arc::new(RemoteApiKeys::new(registration, base.credentials("presence")));
    let authenticator = parts::authenticator(base, api_keys, [turnout_presence::ACCESS]);
    serve(base, RpcServer::new().with(presence.into_service()), tables, grpc, authenticator)
}

/// One gateway.
async fn gateway_role(base: &Foundation) -> anyhow::Result<()> {
    let public = bind("public_addr", base.config.public_addr).await?;
    let config = &base.config;
    let channels = Channels {
        registration: base.channel("registration_url", config.registration_url.as_deref())?,
        presence: base.channel("presence_url", config.presence_url.as_deref())?,
        profiles: base.channel("profiles_url", config.profiles_url.as_deref())?,
        notifications: base.channel("notifications_url", config.notifications_url.as_deref())?,
    };
    let bus = base.connect_bus().await?;
    let deps = parts::gateway_deps(base, &bus, channels);
    let address = turnout_gateway::start(parts::gateway_config(base), deps, public)?;
    welcome::keep_addresses(base, Addresses { public: Some(address), ..Addresses::default() })?;
    tracing::info!(%address, gateway = %base.node_name, "gateway serves viewers");
    Ok(())
}

/// Serves a role that has nothing but gRPC.
fn serve(
    base: &Foundation,
    server: RpcServer,
    tables: Arc<dyn Tables>,
    grpc: TcpListener,
    authenticator: Arc<Authenticator>,
) -> anyhow::Result<()> {
    let address = grpc.local_addr()?;
    welcome::keep_addresses(base, Addresses { grpc: Some(address), ..Addresses::default() })?;
    tracing::info!(%address, node = %base.node_name, "the role serves grpc");
    let server = server.with_idempotency(parts::idempotent_calls(base, tables));
    server.serve(&base.life, grpc, None, authenticator, base.metrics.register(RpcMetrics::register));
    base.stop_after_drain();
    Ok(())
}
