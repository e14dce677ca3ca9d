//! Three NATS servers with each durable message on all of them, and the one that leads is killed while people register: everybody gets
//! one confirmation, and one only.
#![allow(clippy::unwrap_used, reason = "these are tests, helpers included")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use prost_types::{FieldMask, Timestamp};
use tonic::transport::Channel;
use turnout_proto::registration::v1::{
    CreateEventRequest, Event, RegisterRequest, UpdateEventRequest, registrant_service_client::RegistrantServiceClient,
    registration_service_client::RegistrationServiceClient,
};
use turnout_tests::{
    grpc::{channel, with_key},
    mail,
    mesh::Mesh,
    servers::{free_port, from_env},
    tokens::Forge,
    wait::until,
};

const EVENT: &str = "clusterevent";
/// People who register, half of them after the kill.
const PEOPLE: usize = 24;
const SERVERS: usize = 3;
/// A cluster that has lost a leader votes for some seconds, and what failed meanwhile is swept by the outbox after ten.
const MAILS_WITHIN: Duration = Duration::from_secs(40);

/// Three servers of one cluster.
struct Cluster {
    servers: Vec<Server>,
}

struct Server {
    folder: PathBuf,
    port: u16,
    route: u16,
}

impl Cluster {
    fn start(folder: &Path) -> Self {
        let server =
            |number| Server { folder: folder.join(format!("nats-{number}")), port: free_port(), route: free_port() };
        let cluster = Self { servers: (0..SERVERS).map(server).collect() };
        for Server { folder, port, route } in &cluster.servers {
            let peers = cluster.servers.iter().map(|peer| peer.route).filter(|peer| peer != route);
            let ports = [*port, *route].into_iter().chain(peers).map(|port| port.to_string());
            script("start", folder, &ports.collect::<Vec<_>>());
        }
        cluster
    }

    /// The server that decides what is stored: the last that said so in its log. Each line there begins with the process and the moment,
    /// such as `[7] 2026/11/22 08:00:00.000000 [INF] `.
    fn leader(&self) -> usize {
        let since = |server: &Server| {
            let log = fs::read_to_string(server.folder.join("log")).unwrap();
            let line = log.lines().rfind(|line| line.contains("new stream leader for '$G > TURNOUT_EVENTS'"))?;
            line.split_once("] ").map(|(_, rest)| rest.to_owned())
        };
        let leaders = self.servers.iter().enumerate().filter_map(|(number, server)| Some((since(server)?, number)));
        leaders.max().expect("a server leads").1
    }

    /// kill -9.
    fn kill(&self, number: usize) {
        let pid = fs::read_to_string(self.servers[number].folder.join("pid")).unwrap();
        assert!(Command::new("kill").args(["-9", pid.trim()]).status().unwrap().success());
    }

    fn urls(&self) -> String {
        self.servers.iter().map(|server| format!("nats://127.0.0.1:{}", server.port)).collect::<Vec<_>>().join(",")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.servers.iter().for_each(|server| script("stop", &server.folder, &[]));
    }
}

fn script(what: &str, folder: &Path, args: &[String]) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("servers/nats");
    assert!(Command::new(script).arg(what).arg(folder).args(args).status().unwrap().success(), "{what} {args:?}");
}

async fn open(address: &str, token: &str) {
    let mut events = RegistrationServiceClient::new(channel(address).await);
    let starts_at = Some(Timestamp { seconds: 4_000_000_000, nanos: 0 });
    let create =
        CreateEventRequest { event_id: EVENT.into(), title: "An evening".into(), starts_at, zone: String::new() };
    events.create_event(with_key(token, create)).await.unwrap();
    let publish = UpdateEventRequest {
        event: Some(Event { event_id: EVENT.into(), published: true, ..Default::default() }),
        update_mask: Some(FieldMask { paths: vec!["published".into()] }),
        expected_version: 0,
    };
    events.update_event(with_key(token, publish)).await.unwrap();
}

async fn register(desk: &mut RegistrantServiceClient<Channel>, token: &str, email: String) {
    let request = RegisterRequest { event_id: EVENT.into(), email, name: "Anna".into(), ..Default::default() };
    // An answer does not depend on the bus, so nobody is asked to come again.
    assert!(desk.register(with_key(token, request)).await.unwrap().into_inner().created);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bus_of_three_loses_its_leader_and_no_confirmation_is_lost() {
    const NAME: &str = "a_bus_of_three_loses_its_leader_and_no_confirmation_is_lost";
    let (Some(cql), Some(smtp), Some(boxes)) = (
        from_env("TURNOUT_TEST_CQL", NAME),
        from_env("TURNOUT_TEST_SMTP", NAME),
        from_env("TURNOUT_TEST_SMTP_BOXES", NAME),
    ) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::start(folder.path());
    let smtp = format!("smtp://{smtp}?tls=none");
    let mesh = Mesh::whole_on(&cluster.urls(), folder.path(), &cql, &smtp, &["--bus-replicas=3"]).await;
    let token = Forge::of(folder.path()).access(Some("demo"));
    open(mesh.registration.grpc(), &token).await;
    let mut desk = RegistrantServiceClient::new(channel(mesh.registration.grpc()).await);

    let email = |number: usize| format!("bus-{}-{number}@example.org", std::process::id());
    let boxes = Path::new(&boxes);
    for number in 0..PEOPLE {
        if number == PEOPLE / 2 {
            cluster.kill(cluster.leader());
        }
        register(&mut desk, &token, email(number)).await;
    }
    let waiting = async || (0..PEOPLE).filter(|number| mail::to(boxes, &email(*number)).is_empty()).count();
    until("everybody has a confirmation, with two servers of three", MAILS_WITHIN, waiting, |left| *left == 0).await;
    for number in 0..PEOPLE {
        assert_eq!(mail::to(boxes, &email(number)).len(), 1, "mails to {}", email(number));
    }
}
