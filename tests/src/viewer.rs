//! A viewer: speaks the public protocol through an independent WebSocket client, and remembers every count it was shown.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use futures_util::{SinkExt as _, StreamExt as _};
use serde::Deserialize;
use tokio::{net::TcpStream, sync::mpsc, task::JoinHandle};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        Message,
        client::IntoClientRequest as _,
        protocol::{CloseFrame, WebSocketConfig},
    },
};

use crate::wait::{PATIENCE, until};

/// A frame of the server.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Frame {
    /// A count.
    Count(Count),
    /// Come back after so long.
    Reconnect {
        /// Milliseconds.
        after_ms: u32,
    },
    /// A mistake of ours.
    Error {
        /// For programs.
        code: String,
    },
}

/// A count as shown.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Count {
    /// The event.
    pub event: String,
    /// The room, if the viewer is in one.
    #[serde(default)]
    pub room: String,
    /// The number.
    pub viewers: u64,
    /// At least.
    pub low: u64,
    /// At most.
    pub high: u64,
    /// Of this moment.
    pub as_of_ms: u64,
    /// Grows.
    pub revision: u64,
    /// Out of touch.
    #[serde(default)]
    pub stale: bool,
}

/// What one viewer has seen.
#[derive(Debug, Default)]
pub struct Seen {
    /// Each count with the moment of its arrival.
    pub counts: Vec<(Instant, Count)>,
    /// Reconnect slots, in milliseconds.
    pub reconnects: Vec<u32>,
    /// Error codes.
    pub errors: Vec<String>,
    /// The close code, or 1006 when the connection broke without one.
    pub closed: Option<u16>,
}

/// A connected viewer.
#[derive(Debug)]
pub struct Viewer {
    seen: Arc<Mutex<Seen>>,
    orders: mpsc::UnboundedSender<Order>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
enum Order {
    Send(Message),
    /// Reads no more, keeps the socket.
    Freeze,
}

/// A ticket for an event, and the browser's cookie: the one given, or a new one.
pub async fn ticket(public: &str, event: &str, cookie: Option<&str>) -> anyhow::Result<(String, String)> {
    #[derive(Deserialize)]
    struct Issued {
        ticket: String,
    }
    let mut request = client().post(format!("http://{public}/v1/events/{event}/tickets"));
    if let Some(cookie) = cookie {
        request = request.header("cookie", cookie);
    }
    let response = request.send().await?.error_for_status()?;
    let set = response.headers().get("set-cookie").and_then(|v| v.to_str().ok()?.split(';').next()).map(str::to_owned);
    let cookie = cookie.map(str::to_owned).or(set).context("a cookie is set")?;
    Ok((response.json::<Issued>().await?.ticket, cookie))
}

/// One HTTP client for all viewers of a test, so that connections are used again.
fn client() -> &'static reqwest::Client {
    static CLIENT: std::sync::OnceLock<reqwest::Client> = std::sync::OnceLock::new();
    CLIENT.get_or_init(|| reqwest::Client::builder().pool_max_idle_per_host(0).build().expect("a client"))
}

/// A socket on which the handshake has been done with these subprotocols.
pub async fn socket(public: &str, protocols: &str) -> anyhow::Result<WebSocketStream<TcpStream>> {
    let mut request = format!("ws://{public}/v1/live").into_client_request()?;
    request.headers_mut().insert("sec-websocket-protocol", protocols.parse()?);
    let stream = TcpStream::connect(public).await?;
    let config = WebSocketConfig::default().read_buffer_size(2048).write_buffer_size(0);
    Ok(client_async_with_config(request, stream, Some(config)).await?.0)
}

impl Viewer {
    /// A new person at an event.
    pub async fn join(public: &str, event: &str) -> anyhow::Result<Self> {
        let (ticket, _) = ticket(public, event, None).await?;
        Self::with_ticket(public, &ticket).await
    }

    /// The person of a ticket.
    pub async fn with_ticket(public: &str, ticket: &str) -> anyhow::Result<Self> {
        Ok(Self::on(socket(public, &format!("turnout.v1.json, ticket.{ticket}")).await?))
    }

    /// A viewer on a socket that is open.
    pub fn on(socket: WebSocketStream<TcpStream>) -> Self {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (orders, incoming) = mpsc::unbounded_channel();
        let task = tokio::spawn(watch(socket, incoming, seen.clone()));
        Self { seen, orders, task }
    }

    /// The latest count.
    pub fn count(&self) -> Option<Count> {
        self.seen().counts.last().map(|(_, count)| count.clone())
    }

    /// Waits until the screen shows so many people, with nothing in doubt, and returns how long that took.
    pub async fn sees(&self, people: u64, within: Duration) -> Duration {
        until(
            "the screen shows the number",
            within,
            async || self.count(),
            |count| {
                count.as_ref().is_some_and(|c| (c.viewers, c.low, c.high, c.stale) == (people, people, people, false))
            },
        )
        .await
    }

    /// Everything seen so far.
    pub fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().expect("nobody panicked with it")
    }

    /// Sends a text.
    pub fn send(&self, text: &str) {
        let _ = self.orders.send(Order::Send(Message::text(text)));
    }

    /// Stops reading and keeps the socket open.
    pub fn freeze(&self) {
        let _ = self.orders.send(Order::Freeze);
    }

    /// Says goodbye, waits for the answer.
    pub async fn leave(self) {
        let _ =
            self.orders.send(Order::Send(Message::Close(Some(CloseFrame { code: 1000.into(), reason: "".into() }))));
        let _ = tokio::time::timeout(Duration::from_secs(10), self.task).await;
    }

    /// Goes without a word: the socket just closes.
    pub fn vanish(self) {
        self.task.abort();
    }

    /// Waits until the socket is closed, and returns the close code.
    pub async fn closed(&self, within: Duration) -> u16 {
        let within = within * PATIENCE;
        let begun = Instant::now();
        loop {
            if let Some(code) = self.seen().closed {
                return code;
            }
            assert!(begun.elapsed() < within, "the socket is not closed within {within:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

async fn watch(
    mut socket: WebSocketStream<TcpStream>,
    mut orders: mpsc::UnboundedReceiver<Order>,
    seen: Arc<Mutex<Seen>>,
) {
    let note = |f: &dyn Fn(&mut Seen)| f(&mut seen.lock().expect("nobody panicked with it"));
    loop {
        let message = tokio::select! {
            message = socket.next() => message,
            order = orders.recv() => match order {
                Some(Order::Send(message)) => {
                    let _ = socket.send(message).await;
                    continue;
                }
                Some(Order::Freeze) => std::future::pending().await,
                // The viewer was dropped: it stays connected until its test ends.
                None => socket.next().await,
            },
        };
        match message {
            Some(Ok(Message::Text(text))) => {
                let frame: Frame = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
                note(&|seen| match frame.clone() {
                    Frame::Count(count) => seen.counts.push((Instant::now(), count)),
                    Frame::Reconnect { after_ms } => seen.reconnects.push(after_ms),
                    Frame::Error { code } => seen.errors.push(code),
                });
            }
            Some(Ok(Message::Close(frame))) => {
                note(&|seen| seen.closed = Some(frame.as_ref().map_or(1005, |f| f.code.into())));
                let _ = socket.close(None).await;
            }
            Some(Ok(_)) => {}
            Some(Err(_)) | None => {
                note(&|seen| seen.closed = seen.closed.or(Some(1006)));
                return;
            }
        }
    }
}

/// So many new people at an event, over some gateways in turn.
pub async fn crowd(publics: &[&str], event: &str, people: usize) -> Vec<Viewer> {
    const AT_ONCE: usize = 32;
    futures_util::stream::iter(0..people)
        .map(|number| Viewer::join(publics[number % publics.len()], event))
        .buffered(AT_ONCE)
        .map(|viewer| viewer.expect("the viewer joins"))
        .collect()
        .await
}
