//! A mesh of several processes on real NATS and a real CQL server: one registration, some presence replicas, some gateways; where a
//! test is about people, one profiles and one notifications too.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use turnout_platform::tables::Engine;

use crate::{
    process::{Turnout, program},
    servers::{NatsServer, free_port, fresh_keyspace},
};

/// The processes. Those that a test kills are taken out.
#[derive(Debug)]
pub struct Mesh {
    /// Its bus; none where it is on somebody else's.
    nats: Option<NatsServer>,
    /// Events, rooms, keys, registrants.
    pub registration: Turnout,
    /// People and accounts, and messages; only in a whole mesh.
    pub people: Option<People>,
    /// Replicas, in the order in which gateways follow them.
    pub presence: Vec<Turnout>,
    /// Gateways.
    pub gateways: Vec<Turnout>,
    /// Its tables.
    pub store: Engine,
    shared: Vec<String>,
    folder: PathBuf,
    ports: Ports,
}

/// The roles that know people.
#[derive(Debug)]
pub struct People {
    /// People, consents, accounts.
    pub profiles: Turnout,
    /// Messages.
    pub notifications: Turnout,
}

/// The gRPC ports of the roles that call each other, and so must know each other before they start.
#[derive(Debug, Clone, Copy)]
struct Ports {
    registration: u16,
    profiles: u16,
    notifications: u16,
}

impl Mesh {
    /// Starts what the counter needs: `cql` is `host:port`.
    pub async fn start(folder: &Path, cql: &str, replicas: usize, gateways: usize) -> Self {
        Self::with(folder, None, cql, (replicas, gateways), None, &[]).await
    }

    /// Starts every role, one replica and one gateway; mails go to `smtp_url`.
    pub async fn whole(folder: &Path, cql: &str, smtp_url: &str) -> Self {
        Self::whole_with(folder, cql, smtp_url, &[]).await
    }

    /// The same with further arguments for every role; they overrule those that a mesh has by itself.
    pub async fn whole_with(folder: &Path, cql: &str, smtp_url: &str, further: &[&str]) -> Self {
        Self::with(folder, None, cql, (1, 1), Some(smtp_url), further).await
    }

    /// The same on a bus that there is already.
    pub async fn whole_on(bus: &str, folder: &Path, cql: &str, smtp_url: &str, further: &[&str]) -> Self {
        Self::with(folder, Some(bus), cql, (1, 1), Some(smtp_url), further).await
    }

    async fn with(
        folder: &Path,
        bus: Option<&str>,
        cql: &str,
        (replicas, gateways): (usize, usize),
        smtp_url: Option<&str>,
        further: &[&str],
    ) -> Self {
        let (nats, bus) = if let Some(bus) = bus {
            (None, bus.to_owned())
        } else {
            let nats = NatsServer::start(&folder.join("nats"));
            let bus = nats.url();
            (Some(nats), bus)
        };
        let key = folder.join("mesh.key");
        let made = Command::new(program()).arg("mesh-key").output().expect("the program runs");
        fs::write(&key, made.stdout).expect("the key can be written");
        let keyspace = fresh_keyspace();
        let ports = Ports { registration: free_port(), profiles: free_port(), notifications: free_port() };
        let mut shared = vec![
            format!("--bus={bus}"),
            format!("--store=cql://{cql}/{keyspace}"),
            format!("--mesh-key-file={}", key.display()),
            "--drain-s=2".into(),
            format!("--registration-url=http://127.0.0.1:{}", ports.registration),
            format!("--profiles-url=http://127.0.0.1:{}", ports.profiles),
            format!("--notifications-url=http://127.0.0.1:{}", ports.notifications),
        ];
        if let Some(smtp_url) = smtp_url {
            let public = free_port();
            shared.push(format!("--smtp-url={smtp_url}"));
            shared.push("--mail-from=hello@turnout.example".into());
            shared.push(format!("--public-url=http://127.0.0.1:{public}"));
        }
        shared.extend(further.iter().map(|arg| (*arg).to_owned()));
        let registration = registration(folder, &shared, ports).await;
        let people = match smtp_url {
            Some(_) => Some(people(folder, &shared, ports).await),
            None => None,
        };
        let store =
            Engine::Cql { nodes: vec![cql.to_owned()], keyspace, replication_factor: 1, user: None, password: None };
        let mut mesh = Self {
            store,
            nats,
            registration,
            people,
            ports,
            presence: Vec::new(),
            gateways: Vec::new(),
            shared,
            folder: folder.to_owned(),
        };
        for number in 1..=replicas {
            mesh.presence.push(mesh.replica(&format!("p-{number}")).await);
        }
        for number in 1..=gateways {
            mesh.gateways.push(mesh.gateway(&format!("g-{number}")).await);
        }
        mesh
    }

    /// Its own bus, which it must have.
    pub fn nats(&self) -> &NatsServer {
        self.nats.as_ref().expect("the bus is its own")
    }

    /// One more replica, or one again.
    pub async fn replica(&self, name: &str) -> Turnout {
        start(&self.folder, "presence", name, &self.shared, &[]).await
    }

    /// One more gateway, or one again.
    pub async fn gateway(&self, name: &str) -> Turnout {
        let presence =
            self.presence.first().map_or_else(|| format!("127.0.0.1:{}", free_port()), |p| p.grpc().to_owned());
        let mut own = vec![format!("--presence-url=http://{presence}")];
        // In a whole mesh the links in mails must lead to the gateway.
        if let Some(url) = self.shared.iter().find_map(|arg| arg.strip_prefix("--public-url=http://")) {
            own.push(format!("--public-addr={url}"));
        }
        start(&self.folder, "gateway", name, &self.shared, &own).await
    }

    /// kill -9 of every process, and the start of as many new ones on the same bus and store.
    pub async fn kill_and_restart(&mut self) {
        let (replicas, gateways) = (self.presence.len(), self.gateways.len());
        self.registration.kill();
        if let Some(People { mut profiles, mut notifications }) = self.people.take() {
            profiles.kill();
            notifications.kill();
            self.people = Some(people(&self.folder, &self.shared, self.ports).await);
        }
        self.presence.drain(..).chain(self.gateways.drain(..)).for_each(|mut process| process.kill());
        self.registration = registration(&self.folder, &self.shared, self.ports).await;
        for number in 1..=replicas {
            self.presence.push(self.replica(&format!("p-{number}")).await);
        }
        for number in 1..=gateways {
            self.gateways.push(self.gateway(&format!("g-{number}")).await);
        }
    }

    /// kill -9 of registration alone, and its start on the same store.
    pub async fn kill_and_restart_registration(&mut self) {
        self.registration.kill();
        self.registration = registration(&self.folder, &self.shared, self.ports).await;
    }

    /// The addresses of all gateways.
    pub fn publics(&self) -> Vec<&str> {
        self.gateways.iter().map(Turnout::public).collect()
    }
}

async fn registration(folder: &Path, shared: &[String], ports: Ports) -> Turnout {
    start(folder, "registration", "r-1", shared, &[format!("--grpc-addr=127.0.0.1:{}", ports.registration)]).await
}

async fn people(folder: &Path, shared: &[String], ports: Ports) -> People {
    let at = |port: u16| [format!("--grpc-addr=127.0.0.1:{port}")];
    let profiles = start(folder, "profiles", "f-1", shared, &at(ports.profiles)).await;
    let notifications = start(folder, "notifications", "n-1", shared, &at(ports.notifications)).await;
    People { profiles, notifications }
}

async fn start(folder: &Path, role: &str, name: &str, shared: &[String], own: &[String]) -> Turnout {
    let node = format!("--node-name={name}");
    let mut args = vec![role, node.as_str()];
    args.extend(shared.iter().chain(own).map(String::as_str));
    Turnout::start(&folder.join(name), &args).await
}
