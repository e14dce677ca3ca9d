//! What the server says: the count in both subprotocols, and the two other frames.
//!
//! It deliberately ignores what it does not know, as the public protocol asks of every client.

use serde::Deserialize;
use std::borrow::Cow;

/// Length of the binary count frame, bytes: type, flags, reserved u16, then viewers, low, high, as_of_ms, revision as
/// little-endian u64. Later versions may append bytes.
const BINARY_COUNT_BYTES: usize = 44;
const BINARY_TYPE_COUNT: u8 = 1;
const BINARY_FLAG_STALE: u8 = 1;

/// A published count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Count {
    /// Distinct viewers.
    pub viewers: u64,
    /// At least so many.
    pub low: u64,
    /// At most so many.
    pub high: u64,
    /// The moment described, milliseconds since 1970, by the server's clock.
    pub as_of_ms: u64,
    /// Grows; a screen keeps the highest.
    pub revision: u64,
    /// The server is out of touch.
    #[serde(default)]
    pub stale: bool,
}

/// A frame that is no count.
#[derive(Debug, PartialEq, Eq)]
pub enum Word<'a> {
    Count,
    Reconnect { after_ms: u64 },
    Error { code: Cow<'a, str> },
    Unknown,
}

#[derive(Deserialize)]
struct AnyFrame<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(default)]
    after_ms: u64,
    #[serde(default, borrow)]
    code: Cow<'a, str>,
}

impl Count {
    pub fn from_json(payload: &[u8]) -> Option<Self> {
        serde_json::from_slice(payload).ok()
    }

    pub fn from_binary(payload: &[u8]) -> Option<Self> {
        let payload: &[u8; BINARY_COUNT_BYTES] = payload.first_chunk()?;
        let field = |index: usize| {
            let at = 4 + index * 8;
            payload[at..at + 8].try_into().ok().map(u64::from_le_bytes)
        };
        Some(Self {
            viewers: field(0)?,
            low: field(1)?,
            high: field(2)?,
            as_of_ms: field(3)?,
            revision: field(4)?,
            stale: payload[1] & BINARY_FLAG_STALE != 0,
        })
    }
}

/// What kind of frame a text payload is; `None` when it is not JSON with a type.
pub fn word(payload: &[u8]) -> Option<Word<'_>> {
    // Nearly every frame is a count in the documented order: it is told by its first bytes.
    if payload.starts_with(br#"{"type":"count""#) {
        return Some(Word::Count);
    }
    let frame: AnyFrame<'_> = serde_json::from_slice(payload).ok()?;
    Some(match frame.kind.as_ref() {
        "count" => Word::Count,
        "reconnect" => Word::Reconnect { after_ms: frame.after_ms },
        "error" => Word::Error { code: frame.code },
        _ => Word::Unknown,
    })
}

/// True when a binary payload is a count.
pub fn is_binary_count(payload: &[u8]) -> bool {
    payload.len() >= BINARY_COUNT_BYTES && payload[0] == BINARY_TYPE_COUNT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_protocols_tell_the_same_count() {
        let json =
            br#"{"type":"count","event":"demo","viewers":7,"low":6,"high":8,"as_of_ms":5,"revision":9,"stale":true}"#;
        let mut binary = vec![1, 1, 0, 0];
        for field in [7u64, 6, 8, 5, 9] {
            binary.extend_from_slice(&field.to_le_bytes());
        }
        assert_eq!(word(json), Some(Word::Count));
        assert!(is_binary_count(&binary));
        let count = Count::from_json(json).unwrap();
        assert_eq!(Some(count), Count::from_binary(&binary));
        assert!(count.stale);
        binary.push(77);
        assert_eq!(Some(count), Count::from_binary(&binary), "later versions may append");
    }

    #[test]
    fn the_order_of_fields_does_not_matter_and_new_ones_are_ignored() {
        let json = br#"{"viewers":1,"low":1,"high":1,"as_of_ms":1,"revision":1,"colour":"blue","type":"count"}"#;
        assert_eq!(word(json), Some(Word::Count));
        assert!(Count::from_json(json).is_some());
        assert_eq!(word(br#"{"type":"weather"}"#), Some(Word::Unknown));
        assert_eq!(word(b"count 7"), None);
    }

    #[test]
    fn reconnect_and_error_are_understood() {
        assert_eq!(word(br#"{"type":"reconnect","after_ms":1500}"#), Some(Word::Reconnect { after_ms: 1500 }));
        assert_eq!(
            word(br#"{"type":"error","code":"bad_frame","message":"no"}"#),
            Some(Word::Error { code: "bad_frame".into() })
        );
    }
}
