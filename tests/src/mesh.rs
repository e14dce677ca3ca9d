//! A mesh of several processes on real NATS and a real CQL server: one registration, some presence replicas, some gateways.

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
    /// Its bus.
    pub nats: NatsServer,
    /// Events, rooms, keys.
    pub registration: Turnout,
    /// Replicas, in the order in which gateways follow them.
    pub presence: Vec<Turnout>,
    /// Gateways.
    pub gateways: Vec<Turnout>,
    /// Its tables.
    pub store: Engine,
    shared: Vec<String>,
    folder: PathBuf,
}

impl Mesh {
    /// Starts it: `cql` is `host:port`.
    pub async fn start(folder: &Path, cql: &str, replicas: usize, gateways: usize) -> Self {
        let nats = NatsServer::start(&folder.join("nats"));
        let key = folder.join("mesh.key");
        let made = Command::new(program()).arg("mesh-key").output().expect("the program runs");
        fs::write(&key, made.stdout).expect("the key can be written");
        let keyspace = fresh_keyspace();
        let shared = vec![
            format!("--bus={}", nats.url()),
            format!("--store=cql://{cql}/{keyspace}"),
            format!("--mesh-key-file={}", key.display()),
            "--drain-s=2".into(),
        ];
        let registration = start(folder, "registration", "r-1", &shared, &[]).await;
        let store =
            Engine::Cql { nodes: vec![cql.to_owned()], keyspace, replication_factor: 1, user: None, password: None };
        let mut mesh = Self {
            store,
            nats,
            registration,
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

    /// One more replica, or one again.
    pub async fn replica(&self, name: &str) -> Turnout {
        let registration = format!("--registration-url=http://{}", self.registration.grpc());
        start(&self.folder, "presence", name, &self.shared, &[registration]).await
    }

    /// One more gateway, or one again.
    pub async fn gateway(&self, name: &str) -> Turnout {
        let registration = format!("--registration-url=http://{}", self.registration.grpc());
        let presence =
            self.presence.first().map_or_else(|| format!("127.0.0.1:{}", free_port()), |p| p.grpc().to_owned());
        start(&self.folder, "gateway", name, &self.shared, &[registration, format!("--presence-url=http://{presence}")])
            .await
    }

    /// kill -9 of every process, and the start of as many new ones on the same bus and store.
    pub async fn kill_and_restart(&mut self) {
        let (replicas, gateways) = (self.presence.len(), self.gateways.len());
        self.registration.kill();
        self.presence.drain(..).chain(self.gateways.drain(..)).for_each(|mut process| process.kill());
        self.registration = start(&self.folder, "registration", "r-1", &self.shared, &[]).await;
        for number in 1..=replicas {
            self.presence.push(self.replica(&format!("p-{number}")).await);
        }
        for number in 1..=gateways {
            self.gateways.push(self.gateway(&format!("g-{number}")).await);
        }
    }

    /// The addresses of all gateways.
    pub fn publics(&self) -> Vec<&str> {
        self.gateways.iter().map(Turnout::public).collect()
    }
}

async fn start(folder: &Path, role: &str, name: &str, shared: &[String], own: &[String]) -> Turnout {
    let node = format!("--node-name={name}");
    let mut args = vec![role, node.as_str()];
    args.extend(shared.iter().chain(own).map(String::as_str));
    Turnout::start(&folder.join(name), &args).await
}
