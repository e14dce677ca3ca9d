//! How long the download of an event's registrants takes in a gateway, and how much memory:
//! `cargo run --release -p turnout-gateway --example download -- 100000`
//!
//! The services behind it are a second process that answers from memory, in parts and with three messages a registrant, as the real ones
//! do. So the figures are those of the gateway: asking, putting rows together, writing them. How fast the services are is measured by
//! their own examples. Prints figures and asserts nothing about speed: that depends on the machine.
#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on has failed")]

#[path = "../tests/console/scripted.rs"]
#[allow(dead_code, reason = "shared with tests, which ask more of it")]
mod scripted;

use std::{
    io::{BufRead as _, BufReader, Read as _},
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::net::TcpListener;
use tonic::{Code, transport::Channel};
use turnout_gateway::{Channels, Deps, GatewayConfig};
use turnout_platform::{
    auth::{MeshKey, Role},
    bus::InProcessBus,
    clock::SystemClock,
    lifecycle::Lifecycle,
    telemetry::Metrics,
};
use turnout_proto::{
    notifications::v1::{
        ListMessagesOfRegistrationsRequest, ListMessagesOfRegistrationsResponse, Message, MessageKind, MessageState,
    },
    profiles::v1::{CheckSessionRequest, CheckSessionResponse, Realm, SessionAccount},
    registration::v1::{
        AttendanceMode, Event, EventState, ExportRegistrantsRequest, ExportRegistrantsResponse, GetEventRequest,
        GetEventResponse, PaymentState, Registration, RegistrationState,
    },
};

use scripted::Scripted;

/// The word that makes a process the services.
const SERVICES: &str = "services";
/// Registrants of a part, as registration streams them.
const PART_ROWS: usize = 500;
/// Messages of each registrant.
const MESSAGES: usize = 3;
const DOWNLOADS: usize = 3;

#[tokio::main]
async fn main() {
    let mut words = std::env::args().skip(1).peekable();
    let is_services = words.next_if(|word| word == SERVICES).is_some();
    let people: usize = words.next().map_or(100_000, |people| people.parse().expect("a number of people"));
    if is_services {
        return serve(people).await;
    }
    let me = std::env::current_exe().unwrap();
    let pipes = || Stdio::piped();
    let mut services =
        Command::new(me).args([SERVICES, &people.to_string()]).stdin(pipes()).stdout(pipes()).spawn().unwrap();
    let mut address = String::new();
    BufReader::new(services.stdout.take().unwrap()).read_line(&mut address).unwrap();
    let gateway = gateway(address.trim()).await;
    println!("{people} registrants");
    for format in ["csv", "json"] {
        for _ in 0..DOWNLOADS {
            download(&gateway, format).await;
        }
    }
    drop(services.stdin.take());
    services.wait().unwrap();
}

async fn download(gateway: &str, format: &str) {
    let (begun, before) = (Instant::now(), resident("VmRSS"));
    let request = reqwest::Client::new().post(format!("http://{gateway}/console/events/night/registrants/export"));
    let form = [("format", format), ("reason", "a measurement")];
    let request = request.header("cookie", "turnout_console=session").form(&form);
    let mut answer = request.send().await.unwrap().error_for_status().unwrap();
    let first = begun.elapsed();
    let (mut bytes, mut lines, mut end) = (0, 0, Vec::new());
    while let Some(part) = answer.chunk().await.expect("a download that breaks off") {
        bytes += part.len();
        lines += part.split(|byte| *byte == b'\n').count() - 1;
        end = part.to_vec();
    }
    let whole = if format == "json" { end.ends_with(b"\"complete\":true}\n") } else { end.ends_with(b"\r\n") };
    assert!(whole, "a file without its end");
    println!(
        "{format}: {lines} lines, {:.1} MB in {:.2?}, first row after {first:.0?}; resident {before} before, {} at most so far",
        bytes as f64 / 1e6,
        begun.elapsed(),
        resident("VmHWM"),
    );
}

/// A gateway with its services at an address; where it listens.
async fn gateway(services: &str) -> String {
    let channel = Channel::from_shared(format!("http://{services}")).unwrap().connect_lazy();
    let config = GatewayConfig {
        node_name: "gw".into(),
        public_url: None,
        allowed_origins: Vec::new(),
        trusted_proxies: Vec::new(),
        workers: 1,
        connections_max: 10,
        handshakes_per_s_max: 10,
        drain: Duration::ZERO,
        trace_ratio: 0.0,
        grpc_addr: "localhost:7071".into(),
        demo_event: None,
    };
    let deps = Deps {
        bus: InProcessBus::new(),
        clock: Arc::new(SystemClock::new()),
        life: Lifecycle::new(),
        metrics: Metrics::new(),
        mesh_key: Arc::new(MeshKey::generate()),
        channels: Channels {
            registration: channel.clone(),
            presence: channel.clone(),
            profiles: channel.clone(),
            notifications: channel,
        },
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    turnout_gateway::start(config, deps, listener).unwrap().to_string()
}

/// The services, until the process that measures is done with them.
async fn serve(people: usize) {
    let (services, address) = Scripted::serve().await;
    services.on("AccountService/CheckSession", |_: CheckSessionRequest| {
        let account = SessionAccount {
            account_id: "a1".into(),
            email: "ann@example.org".into(),
            realm: Realm::Team.into(),
            tenant_id: "demo".into(),
            role: Role::Organiser.to_wire().into(),
            ..SessionAccount::default()
        };
        Ok(CheckSessionResponse { account: Some(account) })
    });
    services.on("RegistrationService/GetEvent", |asked: GetEventRequest| {
        let event = Event {
            event_id: asked.event_id,
            tenant_id: "demo".into(),
            title: "Opening night".into(),
            state: EventState::Live.into(),
            zone: "Europe/Helsinki".into(),
            mode: AttendanceMode::Hybrid.into(),
            ..Event::default()
        };
        Ok(GetEventResponse { event: Some(event) })
    });
    services.on("NotificationService/ListMessagesOfRegistrations", |asked: ListMessagesOfRegistrationsRequest| {
        let messages =
            asked.registration_ids.iter().flat_map(|id| (0..MESSAGES).map(move |n| message(id, n))).collect();
        Ok(ListMessagesOfRegistrationsResponse { messages })
    });
    let parts: Vec<ExportRegistrantsResponse> = (0..people)
        .step_by(PART_ROWS)
        .map(|from| ExportRegistrantsResponse {
            registrations: (from..people.min(from + PART_ROWS)).map(registration).collect(),
            matching: people as i64,
        })
        .collect();
    services.streams::<ExportRegistrantsRequest, _>("RegistrantService/ExportRegistrants", &parts, Code::Ok);
    drop(parts);
    println!("{address}");
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await.unwrap().unwrap();
}

fn message(registration_id: &str, n: usize) -> Message {
    let kind = if n == 0 { MessageKind::Confirmation } else { MessageKind::Reminder };
    Message {
        message_id: format!("{registration_id}-{n}"),
        registration_id: registration_id.into(),
        kind: kind.into(),
        occurrence: if n == 0 { String::new() } else { format!("T-{n}h") },
        state: MessageState::Delivered.into(),
        ..Message::default()
    }
}

fn registration(n: usize) -> Registration {
    let at = Some(prost_types::Timestamp { seconds: 1_795_000_000 + n as i64, nanos: 0 });
    Registration {
        event_id: "night".into(),
        registration_id: format!("registration-{n:08}"),
        person_id: format!("person-{n:08}"),
        state: RegistrationState::Registered.into(),
        payment: PaymentState::Paid.into(),
        registered_at: at,
        first_entered_at: at,
        name: format!("Väinö Järvinen {n}"),
        email: format!("p{n}@example.org"),
        phone: format!("+35840{n:07}"),
        ..Registration::default()
    }
}

/// A figure of the memory of this process, as Linux tells it.
fn resident(which: &str) -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(which)?.strip_prefix(':'));
    line.map_or_else(|| "unknown".to_owned(), |line| line.trim().to_owned())
}
