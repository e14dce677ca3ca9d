//! WebSocket frames as a client sees them: server frames are read where they lie, client frames are written masked.
//!
//! It deliberately does not join fragments: the server's frames are documented to come whole, so a fragment is a fault
//! worth reporting. It owns no buffer and no socket.

use thiserror::Error;

/// A frame longer than this is a fault of the server, bytes. Its longest documented frame is far below.
pub const PAYLOAD_BYTES_MAX: usize = 64 * 1024;

/// The mask of every frame that the crowd sends. It protects caches between a browser and a server, which this tool is
/// not, so one constant serves; it is not zero so that a server that forgets to unmask is found.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

const FINAL: u8 = 0x80;
const MASKED: u8 = 0x80;
const LENGTH_U16: u8 = 126;
const LENGTH_U64: u8 = 127;

/// What a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opcode {
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

/// One whole frame of the server.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    pub opcode: Opcode,
    pub payload: &'a [u8],
}

/// How a server can break the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum WireFault {
    #[error("masked server frame")]
    Masked,
    #[error("reserved bits in a frame")]
    ReservedBits,
    #[error("unknown opcode")]
    UnknownOpcode,
    #[error("fragmented frame")]
    Fragmented,
    #[error("frame too long")]
    TooLong,
}

/// The first frame of `bytes` and its length with header, or `None` while it is incomplete.
pub fn parse(bytes: &[u8]) -> Result<Option<(Frame<'_>, usize)>, WireFault> {
    let [first, second, ..] = *bytes else {
        return Ok(None);
    };
    if first & 0x70 != 0 {
        return Err(WireFault::ReservedBits);
    }
    if second & MASKED != 0 {
        return Err(WireFault::Masked);
    }
    let opcode = match first & 0x0f {
        0 => return Err(WireFault::Fragmented),
        1 => Opcode::Text,
        2 => Opcode::Binary,
        8 => Opcode::Close,
        9 => Opcode::Ping,
        10 => Opcode::Pong,
        _ => return Err(WireFault::UnknownOpcode),
    };
    if first & FINAL == 0 {
        return Err(WireFault::Fragmented);
    }
    let (length, header) = match second {
        LENGTH_U16 => match bytes.get(2..4) {
            Some(&[a, b]) => (u64::from(u16::from_be_bytes([a, b])), 4),
            _ => return Ok(None),
        },
        LENGTH_U64 => match bytes.get(2..10).and_then(|eight| eight.try_into().ok()) {
            Some(eight) => (u64::from_be_bytes(eight), 10),
            None => return Ok(None),
        },
        short => (u64::from(short), 2),
    };
    if length > PAYLOAD_BYTES_MAX as u64 {
        return Err(WireFault::TooLong);
    }
    let end = header + length as usize;
    Ok(bytes.get(header..end).map(|payload| (Frame { opcode, payload }, end)))
}

/// Appends one masked frame to `out`. `payload` is at most [`PAYLOAD_BYTES_MAX`] bytes.
pub fn write(opcode: Opcode, payload: &[u8], out: &mut Vec<u8>) {
    let code = match opcode {
        Opcode::Text => 1,
        Opcode::Binary => 2,
        Opcode::Close => 8,
        Opcode::Ping => 9,
        Opcode::Pong => 10,
    };
    out.push(FINAL | code);
    match payload.len() {
        short @ 0..126 => out.push(MASKED | short as u8),
        long => {
            out.push(MASKED | LENGTH_U16);
            out.extend_from_slice(&(long as u16).to_be_bytes());
        }
    }
    out.extend_from_slice(&MASK);
    out.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
}

/// A server's text frame around `payload`, for the floor: the same bytes as a server that frames once would send.
pub fn server_frame(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + 4);
    out.push(FINAL | if opcode == Opcode::Binary { 2 } else { 1 });
    match payload.len() {
        short @ 0..126 => out.push(short as u8),
        long => {
            out.push(LENGTH_U16);
            out.extend_from_slice(&(long as u16).to_be_bytes());
        }
    }
    out.extend_from_slice(payload);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_incomplete_frame_asks_for_more() {
        let whole = server_frame(Opcode::Text, &[b'x'; 300]);
        for cut in 0..whole.len() {
            assert_eq!(parse(&whole[..cut]), Ok(None), "cut at {cut}");
        }
        let (frame, used) = parse(&whole).unwrap().unwrap();
        assert_eq!((frame.opcode, frame.payload.len(), used), (Opcode::Text, 300, 304));
    }

    #[test]
    fn each_way_to_break_the_protocol_is_named() {
        for (bytes, fault) in [
            (&[0xc1, 0][..], WireFault::ReservedBits),
            (&[0x81, 0x80], WireFault::Masked),
            (&[0x01, 0], WireFault::Fragmented),
            (&[0x80, 0], WireFault::Fragmented),
            (&[0x83, 0], WireFault::UnknownOpcode),
            (&[0x81, 127, 0x40, 0, 0, 0, 0, 0, 0, 0], WireFault::TooLong),
        ] {
            assert_eq!(parse(bytes), Err(fault));
        }
    }

    #[test]
    fn a_client_frame_is_masked_as_in_rfc_6455() {
        let mut out = Vec::new();
        write(Opcode::Text, b"Hello", &mut out);
        assert_eq!(out, [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]);
    }

    proptest! {
        #[test]
        fn any_payload_comes_through(payload in proptest::collection::vec(any::<u8>(), 0..2000)) {
            let framed = server_frame(Opcode::Binary, &payload);
            let (frame, used) = parse(&framed).unwrap().unwrap();
            prop_assert_eq!(frame.payload, &payload[..]);
            prop_assert_eq!(used, framed.len());
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = parse(&bytes);
        }
    }
}
