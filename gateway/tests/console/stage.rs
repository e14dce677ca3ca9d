//! A gateway with scripted services, a member of the team who is signed in, and a browser without scripts.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tonic::Status;
use turnout_gateway::{Channels, Deps, GatewayConfig};
use turnout_platform::{
    auth::{MeshKey, Role},
    bus::InProcessBus,
    clock::{Clock as _, ManualClock, SystemClock},
    lifecycle::Lifecycle,
    telemetry::Metrics,
};
use turnout_proto::{
    common::v1::Money,
    profiles::v1::{CheckSessionRequest, CheckSessionResponse, Realm, SessionAccount},
    registration::v1::{AttendanceMode, Event, EventState, GetEventRequest, GetEventResponse},
};

use crate::scripted::Scripted;

pub const PATIENCE: Duration = Duration::from_secs(20);

pub struct Stage {
    pub services: Scripted,
    /// It stands still until a test moves it.
    pub clock: Arc<ManualClock>,
    address: SocketAddr,
    life: Lifecycle,
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.life.stop();
    }
}

/// An answer as it came.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// Whether the page holds the text.
    #[track_caller]
    pub fn holds(&self, text: &str) -> &Self {
        assert!(self.body.contains(text), "no {text:?} in {} {}", self.head, self.body);
        self
    }

    #[track_caller]
    pub fn lacks(&self, text: &str) -> &Self {
        assert!(!self.body.contains(text), "{text:?} in {}", self.body);
        self
    }
}

impl Stage {
    /// A hybrid, paid event with RSVP, and a member with this role.
    pub async fn with(role: Role) -> Self {
        let (services, channel) = Scripted::start().await;
        services.on("RegistrationService/GetEvent", |asked: GetEventRequest| {
            if asked.event_id != "night" {
                return Err(Status::not_found("no such event"));
            }
            Ok(GetEventResponse { event: Some(event()) })
        });
        services.on("AccountService/CheckSession", move |_: CheckSessionRequest| {
            let account = SessionAccount {
                account_id: "a1".into(),
                email: "ann@example.org".into(),
                realm: Realm::Team.into(),
                tenant_id: "demo".into(),
                role: role.to_wire().into(),
                ..SessionAccount::default()
            };
            Ok(CheckSessionResponse { account: Some(account) })
        });
        let life = Lifecycle::new();
        let clock = Arc::new(ManualClock::at(SystemClock::new().at_ms()));
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
            clock: clock.clone(),
            life: life.clone(),
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
        let address = turnout_gateway::start(config, deps, listener).unwrap();
        Self { services, clock, address, life }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask(&format!("GET {path} HTTP/1.0\r\n{}\r\n", self.headers())).await
    }

    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        self.post_with(path, "", form).await
    }

    /// With further headers, each with its line end.
    pub async fn post_with(&self, path: &str, headers: &str, form: &[(&str, &str)]) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let kind = "content-type: application/x-www-form-urlencoded\r\n";
        let length = format!("content-length: {}\r\n", body.len());
        self.ask(&format!("POST {path} HTTP/1.0\r\n{}{kind}{length}{headers}\r\n{body}", self.headers())).await
    }

    /// What a browser gets by HTTP/1.1: the whole answer, or none when the connection was cut before its end.
    pub async fn whole(&self, path: &str, form: &[(&str, &str)]) -> Option<String> {
        let client = reqwest::Client::builder().timeout(PATIENCE).build().unwrap();
        let request = client.post(format!("http://{}{path}", self.address)).form(form);
        request.header("cookie", "turnout_console=session").send().await.unwrap().text().await.ok()
    }

    pub async fn post_json(&self, path: &str, body: &str) -> Answer {
        let headers = format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len());
        self.ask(&format!("POST {path} HTTP/1.0\r\n{}{headers}\r\n{body}", self.headers())).await
    }

    fn headers(&self) -> String {
        format!("host: {}\r\ncookie: turnout_console=session\r\n", self.address)
    }

    /// As if without a session.
    pub async fn get_signed_out(&self, path: &str) -> Answer {
        self.ask(&format!("GET {path} HTTP/1.0\r\nhost: {}\r\n\r\n", self.address)).await
    }

    /// HTTP/1.0: the answer is all that comes until the end.
    async fn ask(&self, request: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        // An export that breaks off ends the connection; what came is what counts, and if that is nothing the status is 0.
        let _ = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("an answer in time");
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_default();
        let status = head.split(' ').nth(1).map_or(0, |status| status.parse().unwrap());
        Answer { status, head: head.to_owned(), body: body.to_owned() }
    }

    /// Opens a stream and reads what comes until it ends, which it does after `meanwhile`.
    pub async fn stream_to_its_end(&self, path: &str, meanwhile: impl AsyncFnOnce()) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!("GET {path} HTTP/1.0\r\n{}\r\n", self.headers());
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = [0; 15];
        timeout(PATIENCE, stream.read_exact(&mut head)).await.expect("an answer in time").unwrap();
        assert_eq!(&head, b"HTTP/1.0 200 OK", "{path}");
        meanwhile().await;
        let mut rest = Vec::new();
        timeout(PATIENCE, stream.read_to_end(&mut rest)).await.expect("the end in time").unwrap();
    }

    /// Reads a stream until it holds all of these.
    pub async fn stream_until(&self, path: &str, wanted: &[&str]) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!("GET {path} HTTP/1.0\r\n{}\r\n", self.headers());
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        let mut bytes = [0; 4096];
        let reading = async {
            while !wanted.iter().all(|wanted| text.contains(wanted)) {
                let read = stream.read(&mut bytes).await.unwrap();
                assert!(read > 0, "the stream ended");
                text.push_str(&String::from_utf8_lossy(&bytes[..read]));
            }
        };
        let found = timeout(PATIENCE, reading).await;
        assert!(found.is_ok(), "not all of {wanted:?} in {text}");
    }
}

pub fn event() -> Event {
    Event {
        event_id: "night".into(),
        tenant_id: "demo".into(),
        title: "Opening night".into(),
        state: EventState::Live.into(),
        zone: "Europe/Helsinki".into(),
        starts_at: Some(at(1_795_000_000)),
        mode: AttendanceMode::Hybrid.into(),
        price: Some(Money { amount_minor: 2_500, currency: "EUR".into() }),
        rsvp: true,
        languages: vec!["en".into()],
        ..Event::default()
    }
}

pub fn at(seconds: i64) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds, nanos: 0 }
}
