//! An edge that sends every message back, for conformance suites: the workers and the state machine are those of the gateway,
//! with the limits of [`Opening::Echo`]. Takes one argument, the address to listen on. It is no server for anybody else: the
//! handshake is the bare minimum, one after the other.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use prometheus_client::registry::Registry;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use turnout_gateway::live::{
    CloseCode, JoinHandler, JoinReply, JoinRequest, Live, LiveConfig, LiveMetrics, Opening, PresenceMap, Protocol,
};

struct NoDoor;

impl JoinHandler for NoDoor {
    fn join(&self, _: JoinRequest, reply: JoinReply) {
        reply.answer(Err(CloseCode::NoSuchEvent));
    }
}

fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".to_owned());
    let listener = TcpListener::bind(address)?;
    let mut config = LiveConfig::new(2, 20_000, Arc::new(|| 0));
    // The suite's client takes its time for a message of 16 MiB.
    config.stall_timeout = Duration::from_mins(2);
    let (presence, door): (_, Arc<dyn JoinHandler>) = (Arc::new(PresenceMap::new()), Arc::new(NoDoor));
    let live = Live::start(&config, &presence, &door, LiveMetrics::register(&mut Registry::default()))?;
    println!("echo at ws://{}", listener.local_addr()?);
    for stream in listener.incoming() {
        let mut stream = stream?;
        match handshake(&mut stream) {
            Ok(leftover) => drop(live.adopt(stream, leftover, Protocol::Json, Opening::Echo)),
            Err(error) => eprintln!("handshake: {error}"),
        }
    }
    Ok(())
}

/// Answers a handshake and returns what came after it.
fn handshake(stream: &mut TcpStream) -> std::io::Result<Bytes> {
    let mut request = Vec::new();
    let head = loop {
        if let Some(end) = request.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        let mut buffer = [0; 4_096];
        match stream.read(&mut buffer)? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            length => request.extend_from_slice(&buffer[..length]),
        }
    };
    let text = String::from_utf8_lossy(&request[..head]).into_owned();
    let key = text.lines().find_map(|line| line.split_once(':').filter(|(name, _)| is_key(name)));
    let (_, key) = key.ok_or(std::io::ErrorKind::InvalidData)?;
    let accept = derive_accept_key(key.trim().as_bytes());
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    stream.write_all(answer.as_bytes())?;
    Ok(request.split_off(head).into())
}

fn is_key(name: &str) -> bool {
    name.eq_ignore_ascii_case("sec-websocket-key")
}
