//! The public protocol: what a client may say, and what the gateway says, as documented in `gateway/README.md`. Pure:
//! text and bytes in and out, WebSocket header included; no sockets, no rules about when something may be said.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use turnout_roster::Topic;

use super::frame;
use super::join::JoinRequest;

/// Length of a binary count frame's payload.
pub const BINARY_COUNT_BYTES: usize = 44;
/// Length of an event's or a room's id.
const ID_BYTES_MAX: usize = 64;
/// First byte of a binary count frame.
const BINARY_KIND_COUNT: u8 = 1;
/// Bit of the second byte of a binary count frame.
const BINARY_FLAG_STALE: u8 = 1;

/// How counts reach a client: the two subprotocols.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// `turnout.v1.json`: everything is JSON text.
    Json,
    /// `turnout.v1.bin`: counts are binary frames of a fixed layout, all else is JSON text.
    Binary,
}

impl Protocol {
    /// Its name in `Sec-WebSocket-Protocol`.
    pub const fn subprotocol(self) -> &'static str {
        match self {
            Self::Json => "turnout.v1.json",
            Self::Binary => "turnout.v1.bin",
        }
    }

    /// The protocol of a name in `Sec-WebSocket-Protocol`.
    pub fn from_subprotocol(name: &str) -> Option<Self> {
        [Self::Json, Self::Binary].into_iter().find(|protocol| protocol.subprotocol() == name)
    }
}

/// The figures of one publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// Distinct viewers.
    pub viewers: u64,
    /// At least so many.
    pub low: u64,
    /// At most so many.
    pub high: u64,
    /// The state of this moment, milliseconds since 1970.
    pub as_of_ms: u64,
    /// Grows with each publication of a topic.
    pub revision: u64,
    /// The gateway or the counter is out of touch; the figures are the last known.
    pub stale: bool,
}

/// A count as the bytes that every viewer of the topic gets, encoded once. Cloning copies nothing.
#[derive(Clone, Debug)]
pub struct EncodedCount {
    topic: Topic,
    count: Count,
    json: Bytes,
    binary: Bytes,
}

impl EncodedCount {
    /// Encodes `count` of `topic` (`"<tenant>/<event>"` or `"<tenant>/<event>/<room>"`) for both protocols.
    pub fn new(topic: Topic, count: Count) -> Self {
        let json = server_text(&ServerFrame::Count {
            event: topic.as_str().split('/').nth(1).unwrap_or_default(),
            room: topic.as_str().split('/').nth(2).unwrap_or_default(),
            viewers: count.viewers,
            low: count.low,
            high: count.high,
            as_of_ms: count.as_of_ms,
            revision: count.revision,
            stale: count.stale,
        });
        let mut payload = Vec::with_capacity(BINARY_COUNT_BYTES);
        payload.extend_from_slice(&[BINARY_KIND_COUNT, if count.stale { BINARY_FLAG_STALE } else { 0 }, 0, 0]);
        for figure in [count.viewers, count.low, count.high, count.as_of_ms, count.revision] {
            payload.extend_from_slice(&figure.to_le_bytes());
        }
        let mut binary = Vec::with_capacity(payload.len() + frame::HEAD_BYTES_MAX);
        frame::write(&mut binary, OpCode::Data(Data::Binary), &payload);
        Self { topic, count, json: json.into(), binary: binary.into() }
    }

    /// Whose count it is.
    pub fn topic(&self) -> &Topic {
        &self.topic
    }

    /// The figures.
    pub fn count(&self) -> &Count {
        &self.count
    }

    /// The whole frame, WebSocket header included.
    pub fn frame(&self, protocol: Protocol) -> &Bytes {
        match protocol {
            Protocol::Json => &self.json,
            Protocol::Binary => &self.binary,
        }
    }
}

/// What a client said.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ClientMessage {
    Join(JoinRequest),
    Bye,
}

/// What a client may say. Unknown fields and unknown types are refused: a typing error should not go unnoticed.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum ClientFrame {
    Join {
        event: String,
        #[serde(default)]
        room: String,
        ticket: String,
    },
    Bye {},
}

/// Reads a text message. `None` when it fits no schema; the client gets no echo of what it sent.
pub(super) fn parse_client_message(text: &str) -> Option<ClientMessage> {
    match serde_json::from_str(text).ok()? {
        ClientFrame::Join { event, room, ticket } => {
            let good = is_id(&event) && (room.is_empty() || is_id(&room)) && !ticket.is_empty();
            good.then_some(ClientMessage::Join(JoinRequest { event, room, ticket }))
        }
        ClientFrame::Bye {} => Some(ClientMessage::Bye),
    }
}

fn is_id(id: &str) -> bool {
    (1..=ID_BYTES_MAX).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

/// What was wrong with a client's message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mistake {
    BadFrame,
    AlreadyJoined,
    RateLimited,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ServerFrame<'a> {
    Count {
        event: &'a str,
        #[serde(skip_serializing_if = "str::is_empty")]
        room: &'a str,
        viewers: u64,
        low: u64,
        high: u64,
        as_of_ms: u64,
        revision: u64,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        stale: bool,
    },
    Reconnect {
        after_ms: u32,
    },
    Error {
        code: &'a str,
        message: &'a str,
    },
}

fn server_text(frame: &ServerFrame<'_>) -> Vec<u8> {
    let payload = serde_json::to_vec(frame).expect("numbers and strings always serialise");
    let mut out = Vec::with_capacity(payload.len() + frame::HEAD_BYTES_MAX);
    frame::write(&mut out, OpCode::Data(Data::Text), &payload);
    out
}

/// The frame that tells a client its slot.
pub(super) fn reconnect_frame(after_ms: u32) -> Vec<u8> {
    server_text(&ServerFrame::Reconnect { after_ms })
}

/// The frame that tells a client its mistake.
pub(super) fn error_frame(mistake: Mistake) -> Vec<u8> {
    let (code, message) = match mistake {
        Mistake::BadFrame => ("bad_frame", "This message fits none of the documented ones."),
        Mistake::AlreadyJoined => {
            ("already_joined", "A socket joins once; open another one for another event or room.")
        }
        Mistake::RateLimited => ("rate_limited", "Too many messages."),
    };
    server_text(&ServerFrame::Error { code, message })
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUNT: Count =
        Count { viewers: 1_999, low: 1_990, high: 2_001, as_of_ms: 1_795_290_000_123, revision: 7, stale: false };

    fn text(frame: &[u8]) -> &str {
        let head = if frame[1] < 126 { 2 } else { 4 };
        std::str::from_utf8(&frame[head..]).unwrap()
    }

    #[test]
    fn a_count_reads_as_the_documentation_says() {
        let encoded = EncodedCount::new(Topic::new("acme/demo"), COUNT);
        let frame = encoded.frame(Protocol::Json);
        assert_eq!(&frame[..2], [0x81, 107]);
        assert_eq!(
            text(frame),
            r#"{"type":"count","event":"demo","viewers":1999,"low":1990,"high":2001,"as_of_ms":1795290000123,"revision":7}"#
        );
    }

    #[test]
    fn room_and_stale_appear_only_when_they_say_something() {
        let encoded = EncodedCount::new(Topic::new("acme/demo/main"), Count { stale: true, ..COUNT });
        let text = text(encoded.frame(Protocol::Json));
        assert!(text.starts_with(r#"{"type":"count","event":"demo","room":"main","viewers""#), "{text}");
        assert!(text.ends_with(r#""revision":7,"stale":true}"#), "{text}");
    }

    #[test]
    fn a_binary_count_has_the_fixed_layout() {
        let encoded = EncodedCount::new(Topic::new("acme/demo"), Count { stale: true, ..COUNT });
        let frame = encoded.frame(Protocol::Binary);
        assert_eq!(&frame[..6], [0x82, 44, 1, 1, 0, 0]);
        let figures: Vec<u64> =
            frame[6..].chunks(8).map(|bytes| u64::from_le_bytes(bytes.try_into().unwrap())).collect();
        assert_eq!(figures, [1_999, 1_990, 2_001, 1_795_290_000_123, 7]);
    }

    #[test]
    fn a_join_is_read_with_and_without_a_room() {
        let join = |room: &str| {
            Some(ClientMessage::Join(JoinRequest { event: "demo".into(), room: room.into(), ticket: "a.b.c".into() }))
        };
        assert_eq!(parse_client_message(r#"{"type":"join","event":"demo","ticket":"a.b.c"}"#), join(""));
        assert_eq!(
            parse_client_message(r#"{"ticket":"a.b.c","room":"r_1-x","event":"demo","type":"join"}"#),
            join("r_1-x")
        );
        assert_eq!(parse_client_message(r#" {"type" : "bye"} "#), Some(ClientMessage::Bye));
    }

    #[test]
    fn what_fits_no_schema_is_refused() {
        let long = format!(r#"{{"type":"join","event":"{}","ticket":"t"}}"#, "a".repeat(65));
        let deep = format!(r#"{{"type":"bye","x":{}{}}}"#, "[".repeat(2_000), "]".repeat(2_000));
        for bad in [
            "",
            "null",
            "[]",
            "{}",
            "bye",
            r#"{"type":"wave"}"#,
            r#"{"type":"Bye"}"#,
            r#"{"type":"bye"} x"#,
            r#"{"type":"bye","why":1}"#,
            r#"{"type":"join","event":"demo"}"#,
            r#"{"type":"join","event":"demo","ticket":""}"#,
            r#"{"type":"join","event":"demo","ticket":7}"#,
            r#"{"type":"join","event":"","ticket":"t"}"#,
            r#"{"type":"join","event":"a/b","ticket":"t"}"#,
            r#"{"type":"join","event":"a.b","ticket":"t"}"#,
            r#"{"type":"join","event":"a\u0000","ticket":"t"}"#,
            r#"{"type":"join","event":"démo","ticket":"t"}"#,
            r#"{"type":"join","event":"demo","room":"*","ticket":"t"}"#,
            r#"{"type":"join","event":"demo","event":"demo","ticket":"t"}"#,
            r#"{"type":"join","event":"demo","ticket":"t","admin":true}"#,
            &long,
            &deep,
        ] {
            assert_eq!(parse_client_message(bad), None, "{bad}");
        }
    }

    #[test]
    fn every_subprotocol_is_found_by_its_name() {
        for protocol in [Protocol::Json, Protocol::Binary] {
            assert_eq!(Protocol::from_subprotocol(protocol.subprotocol()), Some(protocol));
        }
        assert_eq!(Protocol::from_subprotocol("turnout.v2.json"), None);
    }

    #[test]
    fn the_other_server_frames_read_as_documented() {
        assert_eq!(text(&reconnect_frame(1_500)), r#"{"type":"reconnect","after_ms":1500}"#);
        assert!(text(&error_frame(Mistake::BadFrame)).starts_with(r#"{"type":"error","code":"bad_frame","message":""#));
    }
}
