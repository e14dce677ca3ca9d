//! A small server of the public protocol, right by default and wrong on demand. It shares no code with the crowd.
//!
//! It deliberately has no limits and no security: it exists so that the crowd can be tested without Turnout.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::{Mutex, watch};

const TICK: Duration = Duration::from_millis(50);

/// What the server does wrong, and how long a broken leave lingers.
#[derive(Clone, Default)]
pub struct Manners {
    /// Adds so many viewers who are not there.
    pub invents: u64,
    /// The first socket gets its first count and then nothing.
    pub forgets_one: bool,
    /// Refuses so many ticket requests with 429.
    pub refuses: u64,
    /// Sends everyone away once, when so many are in.
    pub restarts_at: Option<u64>,
    /// A broken leave stays in the band for so long.
    pub linger: Duration,
}

pub struct FakeServer {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    _runtime: Runtime,
}

#[derive(Clone, Default)]
struct Published {
    json: Arc<Vec<u8>>,
    bin: Arc<Vec<u8>>,
}

#[derive(Default)]
struct Members {
    sockets: HashMap<String, u32>,
    lingering: Vec<(String, Instant)>,
}

struct Shared {
    manners: Manners,
    members: Mutex<Members>,
    counts: watch::Receiver<Published>,
    away: watch::Sender<bool>,
    tickets: AtomicU64,
    sockets: AtomicU64,
    pongs: AtomicU64,
}

impl FakeServer {
    pub fn start(manners: Manners) -> Self {
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let (publish, counts) = watch::channel(Published::default());
        let shared = Arc::new(Shared {
            manners,
            members: Mutex::default(),
            counts,
            away: watch::channel(false).0,
            tickets: AtomicU64::new(0),
            sockets: AtomicU64::new(0),
            pongs: AtomicU64::new(0),
        });
        runtime.spawn(publisher(Arc::clone(&shared), publish));
        let accepting = Arc::clone(&shared);
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&accepting);
                tokio::spawn(async move {
                    let _ = connection(stream, shared).await;
                });
            }
        });
        Self { address, shared, _runtime: runtime }
    }

    /// Pings that were answered.
    pub fn pongs(&self) -> u64 {
        self.shared.pongs.load(Ordering::Relaxed)
    }
}

async fn publisher(shared: Arc<Shared>, publish: watch::Sender<Published>) {
    let mut last = (u64::MAX, u64::MAX);
    let mut revision = 0u64;
    let mut interval = tokio::time::interval(TICK);
    loop {
        interval.tick().await;
        let mut members = shared.members.lock().await;
        let Members { sockets, lingering } = &mut *members;
        lingering.retain(|(_, since)| since.elapsed() < shared.manners.linger);
        let low = sockets.len() as u64 + shared.manners.invents;
        let mut ghosts: Vec<&String> =
            lingering.iter().map(|(who, _)| who).filter(|who| !sockets.contains_key(*who)).collect();
        ghosts.sort();
        ghosts.dedup();
        let high = low + ghosts.len() as u64;
        drop(members);
        if shared.manners.restarts_at.is_some_and(|viewers| low >= viewers) {
            shared.away.send_replace(true);
        }
        if (low, high) == last {
            continue;
        }
        last = (low, high);
        revision += 1;
        let json = format!(
            r#"{{"type":"count","event":"demo","viewers":{low},"low":{low},"high":{high},"as_of_ms":1,"revision":{revision}}}"#
        );
        let mut bin = vec![1, 0, 0, 0];
        for field in [low, low, high, 1, revision] {
            bin.extend_from_slice(&field.to_le_bytes());
        }
        publish
            .send_replace(Published { json: Arc::new(frame(0x81, json.as_bytes())), bin: Arc::new(frame(0x82, &bin)) });
    }
}

fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    if payload.len() < 126 {
        out.push(payload.len() as u8);
    } else {
        out.push(126);
        out.extend_from_slice(&(payload.len() as u16).to_be_bytes());
    }
    out.extend_from_slice(payload);
    out
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

async fn connection(mut stream: TcpStream, shared: Arc<Shared>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::new();
    loop {
        let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") else {
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
            continue;
        };
        let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
        buffer.drain(..end + 4);
        let body_bytes: usize = header(&head, "Content-Length").map_or(0, |length| length.parse().unwrap());
        while buffer.len() < body_bytes {
            stream.read_buf(&mut buffer).await?;
        }
        if head.starts_with("POST /v1/events/demo/tickets ") {
            buffer.drain(..body_bytes);
            let number = match header(&head, "Cookie").and_then(|cookie| cookie.strip_prefix("turnout_viewer=")) {
                Some(known) => known.parse().unwrap(),
                None => shared.tickets.fetch_add(1, Ordering::Relaxed),
            };
            let answer = if number < shared.manners.refuses {
                "HTTP/1.1 429 Too Many Requests\r\nretry-after: 0\r\ncontent-length: 0\r\n\r\n".into()
            } else {
                let body = format!(r#"{{"ticket":"viewer-{number}","expires_in_ms":60000}}"#);
                format!(
                    "HTTP/1.1 200 OK\r\nset-cookie: turnout_viewer={number}; HttpOnly\r\ncontent-length: {}\r\n\r\n{body}",
                    body.len()
                )
            };
            stream.write_all(answer.as_bytes()).await?;
        } else if head.starts_with("GET /v1/live ") {
            return live(stream, &head, buffer, shared).await;
        } else {
            stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n").await?;
        }
    }
}

async fn live(mut stream: TcpStream, head: &str, mut buffer: Vec<u8>, shared: Arc<Shared>) -> std::io::Result<()> {
    assert!(head.contains("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="));
    let protocols = header(head, "Sec-WebSocket-Protocol").unwrap();
    let protocol = protocols.split(", ").next().unwrap();
    let binary = protocol == "turnout.v1.bin";
    let mut ticket = protocols.split(", ").find_map(|one| one.strip_prefix("ticket.")).map(str::to_owned);
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
         sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nsec-websocket-protocol: {protocol}\r\n\r\n"
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.write_all(&frame(0x89, b"there?")).await?;
    let forgotten = shared.sockets.fetch_add(1, Ordering::Relaxed) == 0 && shared.manners.forgets_one;
    if let Some(ticket) = &ticket {
        enter(&shared, ticket).await;
    }
    let mut counts = shared.counts.clone();
    counts.mark_changed();
    let mut away = shared.away.subscribe();
    let already_away = *away.borrow_and_update();
    let mut sent = 0;
    let clean = loop {
        tokio::select! {
            changed = counts.changed(), if ticket.is_some() => {
                if changed.is_err() { break true; }
                let published = counts.borrow_and_update().clone();
                let bytes = if binary { published.bin } else { published.json };
                if !bytes.is_empty() && (sent == 0 || !forgotten) {
                    sent += 1;
                    if stream.write_all(&bytes).await.is_err() { break false; }
                }
            }
            _ = away.changed(), if !already_away => {
                stream.write_all(&frame(0x81, br#"{"type":"reconnect","after_ms":100}"#)).await?;
                stream.write_all(&frame(0x88, &1012u16.to_be_bytes())).await?;
                break false;
            }
            read = stream.read_buf(&mut buffer) => {
                if !matches!(read, Ok(1..)) { break false; }
            }
        }
        match take_frames(&mut buffer, &mut ticket, &shared.pongs) {
            Said::Nothing => {}
            Said::Join => enter(&shared, ticket.as_deref().unwrap()).await,
            Said::Bye => break true,
        }
    };
    if let Some(ticket) = ticket {
        leave(&shared, ticket, clean).await;
    }
    Ok(())
}

enum Said {
    Nothing,
    Join,
    Bye,
}

fn take_frames(buffer: &mut Vec<u8>, ticket: &mut Option<String>, pongs: &AtomicU64) -> Said {
    let mut said = Said::Nothing;
    while buffer.len() >= 6 {
        assert_eq!(buffer[1] & 0x80, 0x80, "client frames are masked");
        let (length, start) = match usize::from(buffer[1] & 0x7f) {
            126 => (usize::from(u16::from_be_bytes([buffer[2], buffer[3]])), 4),
            short => (short, 2),
        };
        if buffer.len() < start + 4 + length {
            break;
        }
        let mask: Vec<u8> = buffer[start..start + 4].to_vec();
        let payload: Vec<u8> = buffer[start + 4..start + 4 + length]
            .iter()
            .zip(mask.iter().cycle())
            .map(|(byte, mask)| byte ^ mask)
            .collect();
        let opcode = buffer[0] & 0x0f;
        buffer.drain(..start + 4 + length);
        match opcode {
            8 => return Said::Bye,
            10 => {
                assert_eq!(payload, b"there?");
                pongs.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            _ => {}
        }
        let message: serde_json::Value = serde_json::from_slice(&payload).unwrap();
        match message["type"].as_str() {
            Some("bye") => return Said::Bye,
            Some("join") => {
                assert_eq!(message["event"], "demo");
                *ticket = message["ticket"].as_str().map(str::to_owned);
                said = Said::Join;
            }
            other => panic!("unknown frame {other:?}"),
        }
    }
    said
}

async fn enter(shared: &Shared, ticket: &str) {
    let mut members = shared.members.lock().await;
    *members.sockets.entry(ticket.to_owned()).or_default() += 1;
}

async fn leave(shared: &Shared, ticket: String, clean: bool) {
    let mut members = shared.members.lock().await;
    if let Some(sockets) = members.sockets.get_mut(&ticket) {
        *sockets -= 1;
        if *sockets == 0 {
            members.sockets.remove(&ticket);
            if !clean {
                members.lingering.push((ticket, Instant::now()));
            }
        }
    }
}
