//! A client of the public port without manners: it sends any bytes, and reads frames as they come. What a proper client would never
//! send can only be said this way. It answers no ping and checks nothing that it is not asked to.

use std::{
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
};

use crate::wait::PATIENCE;

/// First bytes of a frame: the last of its message, and what it is.
pub const TEXT: u8 = 0x81;
pub const BINARY: u8 = 0x82;
pub const CLOSE: u8 = 0x88;
pub const PING: u8 = 0x89;
/// The same, with more to follow, and what follows.
pub const TEXT_BEGINS: u8 = 0x01;
pub const CONTINUES: u8 = 0x00;

/// Every answer to a handshake comes within this.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// A frame of a client, masked.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [0x12, 0x34, 0x56, 0x78];
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..126 => frame.push(0x80 | length as u8),
        length @ 126..=0xffff => {
            frame.push(0xfe);
            frame.extend((length as u16).to_be_bytes());
        }
        length => {
            frame.push(0xff);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend(mask);
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// An answer of the HTTP API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its head.
    pub head: String,
    /// Its body.
    pub body: String,
}

impl Answer {
    /// A header field.
    pub fn header(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        fields.into_iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }
}

/// An open socket.
#[derive(Debug)]
pub struct Socket {
    stream: TcpStream,
    unread: Vec<u8>,
}

/// How a socket was closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closing {
    /// The close code; 1006 when there was no close frame.
    pub code: u16,
    /// The texts before it.
    pub texts: Vec<Value>,
    /// How long it took.
    pub took: Duration,
}

impl Closing {
    /// The codes of the error frames before the end.
    pub fn errors(&self) -> Vec<&str> {
        self.texts.iter().filter(|text| text["type"] == "error").filter_map(|text| text["code"].as_str()).collect()
    }
}

/// A TCP connection; with a size, its receive buffer is no larger, as far as the kernel goes along.
pub async fn connect(public: &str, receive_buffer_bytes: Option<u32>) -> TcpStream {
    let address: SocketAddr = public.parse().expect("an address");
    let socket = TcpSocket::new_v4().expect("a socket");
    if let Some(bytes) = receive_buffer_bytes {
        socket.set_recv_buffer_size(bytes).expect("a size");
    }
    let stream = socket.connect(address).await.expect("the port is open");
    stream.set_nodelay(true).expect("a socket");
    stream
}

/// The head of a handshake: the right fields, then these, which may say them again.
pub fn handshake(public: &str, target: &str, fields: &[(&str, &str)]) -> String {
    let proper = [
        ("Host", public),
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let replaced = |name: &str| fields.iter().any(|(other, _)| other.eq_ignore_ascii_case(name));
    let all = proper.iter().filter(|(name, _)| !replaced(name)).chain(fields);
    // An empty value leaves the field out.
    let lines: Vec<String> =
        all.filter(|(_, value)| !value.is_empty()).map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("GET {target} HTTP/1.1\r\n{}\r\n", lines.concat())
}

/// Sends the head of a request, and reads the answer: a socket, or a refusal.
pub async fn open_on(mut stream: TcpStream, head: &str) -> Result<Socket, Answer> {
    let answer = async {
        stream.write_all(head.as_bytes()).await.expect("the port takes a request");
        let mut bytes = Vec::new();
        let end = loop {
            if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            assert!(stream.read_buf(&mut bytes).await.expect("an answer") > 0, "closed without an answer to {head}");
        };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        let mut answer = Answer { status, head, body: String::new() };
        let mut unread = bytes.split_off(end);
        if status == 101 {
            return Ok(Socket { stream, unread });
        }
        let length: usize = answer.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        while unread.len() < length && stream.read_buf(&mut unread).await.expect("a body") > 0 {}
        answer.body = String::from_utf8_lossy(&unread).into_owned();
        Err(answer)
    };
    tokio::time::timeout(ANSWER_WITHIN, answer).await.expect("an answer comes in time")
}

/// A handshake with these further fields.
pub async fn open(public: &str, fields: &[(&str, &str)]) -> Result<Socket, Answer> {
    open_on(connect(public, None).await, &handshake(public, "/v1/live", fields)).await
}

/// A socket whose ticket came with the handshake.
pub async fn seated(public: &str, ticket: &str) -> Socket {
    let protocols = format!("turnout.v1.json, ticket.{ticket}");
    open(public, &[("Sec-WebSocket-Protocol", &protocols)]).await.expect("the ticket is good")
}

/// A socket that has yet to join.
pub async fn unseated(public: &str) -> Socket {
    open(public, &[("Sec-WebSocket-Protocol", "turnout.v1.json")]).await.expect("the handshake is good")
}

impl Socket {
    /// Sends bytes. That the other end has gone meanwhile is no error here: [`Self::closed`] says so.
    pub async fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
    }

    /// Sends a text.
    pub async fn say(&mut self, text: &str) {
        self.send(&frame(TEXT, text.as_bytes())).await;
    }

    /// The next frame: its first byte and its payload. None at the end of the connection.
    pub async fn next(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            if let Some(frame) = self.take_frame() {
                return Some(frame);
            }
            match self.stream.read_buf(&mut self.unread).await {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// The next text.
    pub async fn text(&mut self, within: Duration) -> Option<Value> {
        let text = async {
            loop {
                let (first, payload) = self.next().await?;
                if first == TEXT {
                    return serde_json::from_slice(&payload).ok();
                }
            }
        };
        tokio::time::timeout(within * PATIENCE, text).await.ok().flatten()
    }

    /// Reads to the end, which must come in time.
    pub async fn closed(&mut self, within: Duration) -> Closing {
        let (begun, mut closing) = (Instant::now(), Closing { code: 1006, texts: Vec::new(), took: Duration::ZERO });
        let reading = async {
            while let Some((first, payload)) = self.next().await {
                if first == CLOSE {
                    closing.code = payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code));
                    break;
                }
                if first == TEXT {
                    closing.texts.push(serde_json::from_slice(&payload).expect("texts are JSON"));
                }
            }
        };
        let in_time = tokio::time::timeout(within * PATIENCE, reading).await;
        assert!(in_time.is_ok(), "the socket is not closed within {PATIENCE} times {within:?}; so far: {closing:?}");
        closing.took = begun.elapsed();
        closing
    }

    /// The connection below.
    pub fn into_stream(self) -> TcpStream {
        self.stream
    }

    fn take_frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let [first, length, rest @ ..] = self.unread.as_slice() else { return None };
        let (length, head) = match length {
            126 => (usize::from(u16::from_be_bytes(*rest.first_chunk()?)), 4),
            127 => (u64::from_be_bytes(*rest.first_chunk()?) as usize, 10),
            length => (usize::from(*length), 2),
        };
        let payload = self.unread.get(head..head + length)?.to_vec();
        let first = *first;
        self.unread.drain(..head + length);
        Some((first, payload))
    }
}

/// Writes what may not all be taken; says how much was.
pub async fn write_some(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<usize> {
    stream.write(bytes).await
}
