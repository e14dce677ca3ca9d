//! An edge with a listener in front of it, and clients on real loopback sockets. The HTTP handshake is left out: it is
//! not the edge's business.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use parking_lot::Mutex;
use prometheus_client::registry::Registry;
use turnout_gateway::live::{
    Change, CloseCode, Count, EncodedCount, JoinHandler, JoinReply, JoinRequest, Live, LiveConfig, LiveMetrics,
    Opening, Overloaded, PresenceMap, Protocol, Seat,
};
use turnout_roster::{Topic, ViewerId};

/// Every wait of these tests ends by then.
pub const DEADLINE: Duration = Duration::from_secs(20);

pub fn topic() -> Topic {
    Topic::new("acme/demo")
}

pub fn seat(viewer: u64) -> Seat {
    Seat { event: topic(), room: None, viewer: ViewerId::new(viewer) }
}

pub fn count(viewers: u64, revision: u64) -> EncodedCount {
    let count = Count { viewers, low: viewers, high: viewers, as_of_ms: 1_795_290_000_000, revision, stale: false };
    EncodedCount::new(topic(), count)
}

/// Polls `state` until it holds.
pub fn wait_until(what: &str, mut state: impl FnMut() -> bool) {
    let start = Instant::now();
    while !state() {
        assert!(start.elapsed() < DEADLINE, "not within {DEADLINE:?}: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Seats the ticket `viewer-<n>` as viewer n, keeps the ticket `later` for the test to answer, refuses all others.
#[derive(Default)]
pub struct Door {
    pub kept: Mutex<Vec<JoinReply>>,
}

impl JoinHandler for Door {
    fn join(&self, request: JoinRequest, reply: JoinReply) {
        if request.ticket == "later" {
            return self.kept.lock().push(reply);
        }
        let viewer = request.ticket.strip_prefix("viewer-").and_then(|number| number.parse().ok());
        reply.answer(viewer.map(seat).ok_or(CloseCode::TicketRefused));
    }
}

pub struct Edge {
    pub live: Live,
    pub presence: Arc<PresenceMap>,
    pub door: Arc<Door>,
    registry: Registry,
    listener: TcpListener,
}

impl Edge {
    pub fn start(set: impl FnOnce(&mut LiveConfig)) -> Self {
        #[expect(clippy::disallowed_methods, reason = "the edge of the test: there is no clock above it")]
        let wall_clock_ms = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
        let mut config = LiveConfig::new(2, 10_000, Arc::new(wall_clock_ms));
        set(&mut config);
        let (presence, door, mut registry) =
            (Arc::new(PresenceMap::new()), Arc::new(Door::default()), Registry::default());
        let metrics = LiveMetrics::register(&mut registry);
        let handler: Arc<dyn JoinHandler> = door.clone();
        let live = Live::start(&config, &presence, &handler, metrics).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Self { live, presence, door, registry, listener }
    }

    pub fn try_connect(&self, protocol: Protocol, opening: Opening) -> Result<Client, Overloaded> {
        let stream = TcpStream::connect(self.listener.local_addr().unwrap()).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_nodelay(true).unwrap();
        let (served, _) = self.listener.accept().unwrap();
        self.live.adopt(served, Bytes::new(), protocol, opening)?;
        Ok(Client { stream, unread: Vec::new() })
    }

    pub fn connect(&self, opening: Opening) -> Client {
        self.try_connect(Protocol::Json, opening).unwrap()
    }

    /// A viewer with its seat.
    pub fn viewer(&self, viewer: u64) -> Client {
        self.connect(Opening::Seated(seat(viewer)))
    }

    /// Waits until so many sockets are seated in the topic.
    pub fn wait_for_seated(&self, sockets: u32) {
        wait_until("all are seated", || self.presence.connections(&topic()) == sockets);
    }

    /// The joins and leaves since the last call.
    pub fn changes_so_far(&self) -> Vec<Change> {
        let mut changes = self.presence.drain_changes();
        changes.retain(|change| !matches!(change, Change::Sockets { .. }));
        changes
    }

    /// The next joins and leaves, `number` of them.
    pub fn changes(&self, number: usize) -> Vec<Change> {
        let mut changes = Vec::new();
        wait_until("the changes came", || {
            changes.append(&mut self.changes_so_far());
            changes.len() >= number
        });
        changes
    }

    /// Waits until the exposition has this line.
    pub fn wait_for_metric(&self, line: &str) {
        let mut text = String::new();
        let start = Instant::now();
        while !text.lines().any(|found| found == line) {
            assert!(start.elapsed() < DEADLINE, "no line {line} in\n{text}");
            std::thread::sleep(Duration::from_millis(5));
            text.clear();
            prometheus_client::encoding::text::encode(&mut text, &self.registry).unwrap();
        }
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        self.live.stop();
    }
}

#[derive(Debug, PartialEq, Eq)]
pub enum Frame {
    Text(String),
    Binary(Vec<u8>),
    Ping,
    Pong,
    Close(u16, String),
    /// The server hung up in good order.
    End,
    /// The connection broke.
    Reset,
}

pub struct Client {
    pub stream: TcpStream,
    unread: Vec<u8>,
}

impl Client {
    pub fn send(&mut self, opcode: u8, payload: &[u8]) {
        assert!(payload.len() < 126);
        // A mask of zeros is a mask: the payload stays readable.
        let frame = [&[0x80 | opcode, 0x80 | payload.len() as u8, 0, 0, 0, 0], payload].concat();
        self.stream.write_all(&frame).unwrap();
    }

    pub fn say(&mut self, text: &str) {
        self.send(1, text.as_bytes());
    }

    pub fn join(&mut self, ticket: &str) {
        self.say(&format!(r#"{{"type":"join","event":"demo","ticket":"{ticket}"}}"#));
    }

    pub fn close(&mut self, code: u16) {
        self.send(8, &code.to_be_bytes());
    }

    /// The next frame.
    pub fn next(&mut self) -> Frame {
        loop {
            if let Some(frame) = self.take() {
                return frame;
            }
            let mut buffer = [0; 4_096];
            match self.stream.read(&mut buffer) {
                Ok(0) => return Frame::End,
                Ok(length) => self.unread.extend_from_slice(&buffer[..length]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return Frame::Reset,
                Err(error) => panic!("nothing came: {error}"),
            }
        }
    }

    fn take(&mut self) -> Option<Frame> {
        let head = self.unread.get(..2)?;
        let (head_bytes, length) = match head[1] {
            126 => (4, usize::from(u16::from_be_bytes(self.unread.get(2..4)?.try_into().unwrap()))),
            length => (2, usize::from(length)),
        };
        let opcode = head[0] & 0x0f;
        let payload = self.unread.get(head_bytes..head_bytes + length)?.to_vec();
        self.unread.drain(..head_bytes + length);
        Some(match opcode {
            1 => Frame::Text(String::from_utf8(payload).unwrap()),
            2 => Frame::Binary(payload),
            8 => {
                let (code, reason) = payload.split_at(2);
                Frame::Close(u16::from_be_bytes(code.try_into().unwrap()), String::from_utf8(reason.to_vec()).unwrap())
            }
            9 => Frame::Ping,
            10 => Frame::Pong,
            other => panic!("opcode {other}"),
        })
    }

    /// The next text frame, as JSON.
    pub fn json(&mut self) -> serde_json::Value {
        match self.next() {
            Frame::Text(text) => serde_json::from_str(&text).unwrap(),
            other => panic!("not text: {other:?}"),
        }
    }

    /// The revision of the next count.
    pub fn revision(&mut self) -> u64 {
        let json = self.json();
        assert_eq!(json["type"], "count");
        json["revision"].as_u64().unwrap()
    }

    /// Reads on until the close frame, and its code.
    pub fn close_code(&mut self) -> u16 {
        loop {
            match self.next() {
                Frame::Close(code, _) => return code,
                Frame::End | Frame::Reset => panic!("no close frame"),
                _ => {}
            }
        }
    }

    /// Reads on until the connection is over; true if it ended in good order.
    pub fn ends_well(&mut self) -> bool {
        loop {
            match self.next() {
                Frame::End => return true,
                Frame::Reset => return false,
                _ => {}
            }
        }
    }
}
