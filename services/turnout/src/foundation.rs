//! What every role stands on, laid in order: the data folder, the mesh key, telemetry, the operators' port; then, when a role asks,
//! the tables, the bus, channels. Each failure says which setting to look at.

use std::{fs, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use anyhow::{Context as _, bail};
use tokio::net::TcpListener;
use tonic::transport::Channel;
use turnout_platform::{
    admin::{self, DeadLetters},
    auth::MeshKey,
    bus::{
        InProcessBus, MeteredBus, NatsBus, NatsOptions, SharedBus,
        durable::{DurableMetrics, DurableOptions, InProcessDurable, MeteredDurable, SharedDurableBus},
    },
    clock::{Clock, SystemClock},
    config::{BusChoice, Config, StoreChoice},
    lifecycle::Lifecycle,
    random, rpc,
    tables::{self, Engine, MeteredTables, Table, TableError, Tables},
    telemetry::{self, Metrics, Telemetry},
    vault::Vault,
};

use crate::{Role, descriptors};

/// A store that does not answer at start is tried again for so long.
const STORE_WAIT_MAX: Duration = Duration::from_mins(2);
const STORE_RETRY: Duration = Duration::from_secs(1);
/// The bus is waited for at the start for so long; then its users wait for it.
const BUS_WAIT_MAX: Duration = Duration::from_secs(2);

/// The parts that all roles share.
pub(crate) struct Foundation {
    pub config: Config,
    pub node_name: String,
    pub clock: Arc<dyn Clock>,
    pub life: Lifecycle,
    pub metrics: Metrics,
    pub mesh_key: Arc<MeshKey>,
    pub telemetry: Telemetry,
    pub admin_addr: SocketAddr,
    /// How many file descriptors this process may open.
    pub descriptors: u64,
    dead_letters: DeadLetters,
}

/// The bus, in both halves.
pub(crate) struct Bus {
    /// Messages to whoever listens now.
    pub core: SharedBus,
    /// The connection that the durable half shares.
    nats: Option<Arc<NatsBus>>,
}

/// What services keep things with.
pub(crate) struct Keep {
    pub tables: Arc<dyn Tables>,
    /// Messages that must arrive.
    pub events: SharedDurableBus,
    pub events_metrics: DurableMetrics,
    pub vault: Vault,
}

impl Foundation {
    /// Lays it.
    pub async fn lay(config: Config, role: Role) -> anyhow::Result<Self> {
        data_folder(&config.data_dir)?;
        let mesh_key = Arc::new(match &config.mesh_key_file {
            Some(path) => MeshKey::read(path).context("setting `mesh_key_file`")?,
            None if role == Role::AllInOne => MeshKey::read_or_create(&config.mesh_key_path())?,
            None => bail!(
                "setting `mesh_key_file`: all roles of a mesh need the same key; make one with `turnout mesh-key > FILE` and give it to each"
            ),
        });
        let node_name = config.node_name.clone().unwrap_or_else(|| {
            let tail: String = random::token_128().chars().filter(char::is_ascii_alphanumeric).take(8).collect();
            format!("{}-{tail}", role.name())
        });
        let telemetry = telemetry::start(&config, role.name(), &node_name)?;
        let descriptors = descriptors::raise(config.connections_max);
        let (life, metrics) = (Lifecycle::new(), Metrics::new());
        let listener = bind("admin_addr", config.admin_addr).await?;
        let admin_addr = listener.local_addr()?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let dead_letters = DeadLetters::default();
        admin::serve(&life, listener, metrics.clone(), dead_letters.clone(), &mesh_key, clock.clone());
        Ok(Self { config, node_name, clock, life, metrics, mesh_key, telemetry, admin_addr, descriptors, dead_letters })
    }

    /// Opens the tables, waiting for a cluster that is still starting.
    pub async fn open_tables(&self, declared: Vec<&'static Table>) -> anyhow::Result<Arc<dyn Tables>> {
        let ready = self.life.condition("store");
        let engine = match &self.config.store {
            StoreChoice::Embedded => Engine::Embedded { path: self.config.data_dir.clone() },
            StoreChoice::Cql { nodes, keyspace } => Engine::Cql {
                nodes: nodes.clone(),
                keyspace: keyspace.clone(),
                replication_factor: self.config.replication_factor,
                user: self.config.store_user.clone(),
                password: self.config.store_password.clone(),
            },
        };
        let until_ms = self.clock.now_ms() + STORE_WAIT_MAX.as_millis() as u64;
        loop {
            match tables::open(&engine, &declared).await {
                Ok(tables) => {
                    ready.set(true);
                    return Ok(Arc::new(self.metrics.register(|registry| MeteredTables::new(tables, registry))));
                }
                Err(error @ (TableError::Unavailable(_) | TableError::Timeout(_)))
                    if self.clock.now_ms() < until_ms =>
                {
                    if self.life.is_draining() {
                        bail!("stopped while waiting for the store");
                    }
                    tracing::warn!(%error, "the store does not answer yet; trying again");
                    tokio::time::sleep(STORE_RETRY).await;
                }
                Err(TableError::InUse(folder)) => bail!(
                    "setting `data_dir`: {} is in use by another Turnout; stop that one, or choose another folder with --data-dir",
                    folder.display()
                ),
                Err(error) => return Err(error).context("setting `store`"),
            }
        }
    }

    /// The bus. One that cannot be reached yet is waited for by whoever uses it; readiness says so.
    pub async fn connect_bus(&self) -> anyhow::Result<Bus> {
        let (core, nats): (SharedBus, _) = match &self.config.bus {
            BusChoice::InProcess => (InProcessBus::new(), None),
            BusChoice::Nats(servers) => {
                let credentials = self.config.bus_user.clone().zip(self.config.bus_password.clone());
                let options = NatsOptions { servers: servers.clone(), name: self.node_name.clone(), credentials };
                let bus = NatsBus::connect(options).await.context("setting `bus`")?;
                (bus.clone(), Some(bus))
            }
        };
        // Mostly a matter of milliseconds; whoever began before would complain in vain at every start.
        let _ = tokio::time::timeout(BUS_WAIT_MAX, core.connected().wait_for(|connected| *connected)).await;
        Ok(Bus { core: MeteredBus::start(core, &self.life, &self.metrics), nats })
    }

    /// What keeps things, on opened tables: the bus keeps its messages there too when it is in this process.
    pub async fn keep(&self, tables: Arc<dyn Tables>, bus: &Bus) -> anyhow::Result<Keep> {
        let metrics = DurableMetrics::new(&self.metrics);
        let events: SharedDurableBus = match &bus.nats {
            Some(nats) => {
                let options = DurableOptions { replicas: self.config.bus_replicas, ..DurableOptions::default() };
                nats.durable(&options)
            }
            None => InProcessDurable::open(tables.clone(), self.clock.clone(), &self.life).await?,
        };
        let events = self.dead_letters.watch(MeteredDurable::new(events, metrics.clone()));
        let vault = Vault::new(tables.clone(), &self.mesh_key, self.clock.clone());
        Ok(Keep { tables, events, events_metrics: metrics, vault })
    }

    /// A channel to another role.
    #[allow(clippy::unused_self, reason = "the roles ask the foundation for everything")]
    pub fn channel(&self, setting: &str, url: Option<&str>) -> anyhow::Result<Channel> {
        let url = url.with_context(|| {
            format!(
                "setting `{setting}`: this role needs it; give the other role's gRPC address, such as http://host:9090"
            )
        })?;
        rpc::channel(url).with_context(|| format!("setting `{setting}` = `{url}`"))
    }

    /// For roles whose drain is nothing but not being ready: the process ends a moment after it began.
    pub fn stop_after_drain(&self) {
        let life = self.life.clone();
        let (draining, stopping) = (life.draining(), life.stopping());
        tokio::spawn(async move {
            draining.await;
            tokio::select! {
                () = tokio::time::sleep(UNREADY_BEFORE_STOP) => {}
                () = stopping => {}
            }
            life.stop();
        });
    }
}

/// Callers get so long to see that a service goes, before it goes.
const UNREADY_BEFORE_STOP: Duration = Duration::from_secs(2);

/// Makes the folder and makes sure that it can be written.
fn data_folder(path: &Path) -> anyhow::Result<()> {
    let advice = || {
        format!("setting `data_dir`: the folder {} cannot be written; choose another with --data-dir", path.display())
    };
    fs::create_dir_all(path).with_context(advice)?;
    let probe = path.join(".write-test");
    fs::write(&probe, b"").with_context(advice)?;
    fs::remove_file(&probe).with_context(advice)
}

/// A listener on the address of a setting.
pub(crate) async fn bind(setting: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    let flag = setting.replace('_', "-");
    TcpListener::bind(address).await.with_context(|| {
        format!(
            "setting `{setting}`: cannot listen on {address}; is another program there? Choose another with --{flag}"
        )
    })
}
