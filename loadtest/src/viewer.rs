//! One viewer's side of a connection as a pure state machine: bytes in, what was heard out.
//!
//! It deliberately owns no socket, no clock and no ticket, and keeps no buffer unless a frame came in halves: ten
//! thousand of these must be cheap.

use crate::{count, http, wire};
use std::borrow::Cow;
use thiserror::Error;
use wire::Opcode;

/// Where and how to connect; one for each address given.
#[derive(Clone, Debug)]
pub struct Dial {
    /// Host and port, as the `Host` header wants them.
    pub host: String,
    pub event: String,
    /// Empty for the event as a whole.
    pub room: String,
    pub binary: bool,
    /// The ticket goes in the first message instead of the handshake.
    pub join_by_message: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Waiting for the answer to `POST …/tickets`.
    Ticket,
    /// Waiting for the answer to the upgrade.
    Upgrade,
    /// Frames flow.
    Live,
    /// We said goodbye; only the server's close matters.
    Leaving,
}

/// Something that the server said.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard<'a> {
    /// A ticket, with the cookie that makes the next one the same viewer's.
    Ticket {
        ticket: Cow<'a, str>,
        cookie: Option<&'a str>,
        /// The server closes the connection after this answer: dial again.
        closes: bool,
    },
    Upgraded,
    /// The payload of a count frame.
    Count(&'a [u8]),
    Ping(&'a [u8]),
    /// Come back after so many milliseconds.
    Reconnect {
        after_ms: u64,
    },
    /// The server says that we sent something wrong.
    Error(Cow<'a, str>),
    /// A close frame, with its code if there was one.
    Closed(Option<u16>),
    /// The HTTP request was refused.
    Refused {
        status: u16,
        retry_after_ms: Option<u64>,
    },
}

/// How a server can break the public protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Fault {
    #[error(transparent)]
    Wire(#[from] wire::WireFault),
    #[error(transparent)]
    Http(#[from] http::HttpFault),
    #[error("ticket answer without a ticket")]
    NoTicket,
    #[error("wrong handshake answer")]
    WrongHandshake,
    #[error("frame that is not of the protocol")]
    UnknownFrame,
}

#[derive(serde::Deserialize)]
struct TicketAnswer<'a> {
    #[serde(borrow)]
    ticket: Cow<'a, str>,
}

/// The state of one connection.
#[derive(Debug)]
pub struct Viewer {
    stage: Stage,
    /// The start of something whose rest has not come yet; empty, and without memory, nearly always.
    held: Vec<u8>,
}

impl Viewer {
    /// A viewer that first asks for a ticket.
    pub fn without_ticket(dial: &Dial, cookie: Option<&str>, out: &mut Vec<u8>) -> Self {
        http::ticket_request(&dial.host, &dial.event, &dial.room, cookie, out);
        Self::at(Stage::Ticket)
    }

    /// A viewer that has a ticket.
    pub fn with_ticket(dial: &Dial, ticket: &str, out: &mut Vec<u8>) -> Self {
        let mut viewer = Self::at(Stage::Ticket);
        viewer.upgrade(dial, ticket, out);
        viewer
    }

    /// A socket that only listens to frames: a client of the floor.
    pub fn listening() -> Self {
        Self::at(Stage::Live)
    }

    fn at(stage: Stage) -> Self {
        Self { stage, held: Vec::new() }
    }

    pub fn is_leaving(&self) -> bool {
        self.stage == Stage::Leaving
    }

    /// Asks for the upgrade.
    pub fn upgrade(&mut self, dial: &Dial, ticket: &str, out: &mut Vec<u8>) {
        let protocol = if dial.binary { "turnout.v1.bin" } else { "turnout.v1.json" };
        let ticket = (!dial.join_by_message).then_some(ticket);
        http::upgrade_request(&dial.host, protocol, ticket, out);
        self.stage = Stage::Upgrade;
    }

    /// Opens the event by message.
    pub fn join(dial: &Dial, ticket: &str, out: &mut Vec<u8>) {
        let mut join = serde_json::json!({"type": "join", "event": dial.event, "ticket": ticket});
        if !dial.room.is_empty() {
            join["room"] = dial.room.as_str().into();
        }
        wire::write(Opcode::Text, join.to_string().as_bytes(), out);
    }

    /// Leaves properly: a goodbye, then the close handshake.
    pub fn leave(&mut self, out: &mut Vec<u8>) {
        wire::write(Opcode::Text, br#"{"type":"bye"}"#, out);
        wire::write(Opcode::Close, &1000u16.to_be_bytes(), out);
        self.stage = Stage::Leaving;
    }

    /// What was held back joined with what came now; `None` when nothing was held and `bytes` can be read in place.
    pub fn take_held(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        if self.held.is_empty() {
            return None;
        }
        let mut all = std::mem::take(&mut self.held);
        all.extend_from_slice(bytes);
        Some(all)
    }

    /// Keeps the rest of an incomplete frame until more comes.
    pub fn hold(&mut self, rest: &[u8]) {
        if !rest.is_empty() {
            self.held = rest.to_vec();
        }
    }

    /// The next thing heard in `rest`, which moves past it; `None` when the rest is incomplete or says nothing.
    pub fn next<'a>(&mut self, rest: &mut &'a [u8]) -> Result<Option<Heard<'a>>, Fault> {
        while !rest.is_empty() {
            let (heard, used) = match self.stage {
                Stage::Ticket => match Self::ticket(rest)? {
                    Some(heard) => heard,
                    None => return Ok(None),
                },
                Stage::Upgrade => match http::parse_head(rest)? {
                    Some((head, used)) => (self.upgraded(&head)?, used),
                    None => return Ok(None),
                },
                Stage::Live | Stage::Leaving => match wire::parse(rest)? {
                    Some((frame, used)) => {
                        let Some(heard) = Self::frame(&frame)? else {
                            *rest = &rest[used..];
                            continue;
                        };
                        (heard, used)
                    }
                    None => return Ok(None),
                },
            };
            *rest = &rest[used..];
            return Ok(Some(heard));
        }
        Ok(None)
    }

    fn ticket(bytes: &[u8]) -> Result<Option<(Heard<'_>, usize)>, Fault> {
        let Some((head, start)) = http::parse_head(bytes)? else {
            return Ok(None);
        };
        if head.content_length > http::HEAD_BYTES_MAX {
            return Err(http::HttpFault::TooLong.into());
        }
        let end = start + head.content_length;
        let Some(body) = bytes.get(start..end) else {
            return Ok(None);
        };
        if !(200..300).contains(&head.status) {
            return Ok(Some((refused(&head), end)));
        }
        let answer: TicketAnswer<'_> = serde_json::from_slice(body).map_err(|_| Fault::NoTicket)?;
        let heard = Heard::Ticket { ticket: answer.ticket, cookie: head.cookie, closes: head.closes };
        Ok(Some((heard, end)))
    }

    fn upgraded<'a>(&mut self, head: &http::Head<'_>) -> Result<Heard<'a>, Fault> {
        if head.status != 101 {
            return Ok(refused(head));
        }
        let protocol_kept = head.protocol.is_some_and(|protocol| protocol.starts_with("turnout.v1."));
        if head.accept != Some(http::NONCE_ANSWER) || !protocol_kept {
            return Err(Fault::WrongHandshake);
        }
        self.stage = Stage::Live;
        Ok(Heard::Upgraded)
    }

    fn frame<'a>(frame: &wire::Frame<'a>) -> Result<Option<Heard<'a>>, Fault> {
        Ok(Some(match frame.opcode {
            Opcode::Binary if count::is_binary_count(frame.payload) => Heard::Count(frame.payload),
            Opcode::Binary => return Err(Fault::UnknownFrame),
            Opcode::Text => match count::word(frame.payload).ok_or(Fault::UnknownFrame)? {
                count::Word::Count => Heard::Count(frame.payload),
                count::Word::Reconnect { after_ms } => Heard::Reconnect { after_ms },
                count::Word::Error { code } => Heard::Error(code),
                count::Word::Unknown => return Ok(None),
            },
            Opcode::Ping => Heard::Ping(frame.payload),
            Opcode::Pong => return Ok(None),
            Opcode::Close => Heard::Closed(match *frame.payload {
                [a, b, ..] => Some(u16::from_be_bytes([a, b])),
                _ => None,
            }),
        }))
    }
}

fn refused<'a>(head: &http::Head<'_>) -> Heard<'a> {
    Heard::Refused { status: head.status, retry_after_ms: head.retry_after_s.map(|seconds| seconds * 1000) }
}

#[cfg(test)]
#[path = "viewer_tests.rs"]
mod tests;
