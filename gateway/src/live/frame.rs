//! Single WebSocket frames as bytes: the head of what a client sends, checked; and what the server sends, unmasked. The
//! layout itself is tungstenite's; messages, fragments and the close handshake are `connection`'s business.

use std::io::Cursor;

use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode as WireCode, Control, OpCode};

use super::close_code::CloseCode;

/// The longest head: two bytes, eight of length, four of mask.
pub(super) const HEAD_BYTES_MAX: usize = 14;
/// The longest payload of a control frame (RFC 6455, 5.5).
const CONTROL_BYTES_MAX: u64 = 125;

/// The head of a client's frame.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) last: bool,
    pub(super) opcode: OpCode,
    pub(super) mask: [u8; 4],
    /// Length of the head itself.
    pub(super) size: usize,
    /// Length of what follows. Not yet compared with any limit of messages.
    pub(super) payload_bytes: u64,
}

/// Reads the head at the start of `bytes`; `None` while it is incomplete.
pub(super) fn read_head(bytes: &[u8]) -> Result<Option<Head>, CloseCode> {
    let mut cursor = Cursor::new(bytes);
    let Some((header, payload_bytes)) = FrameHeader::parse(&mut cursor).map_err(|_| CloseCode::ProtocolError)? else {
        return Ok(None);
    };
    // No extension is negotiated, so no reserved bit has a meaning; and a client must mask (RFC 6455, 5.2 and 5.1).
    let (false, false, false, Some(mask)) = (header.rsv1, header.rsv2, header.rsv3, header.mask) else {
        return Err(CloseCode::ProtocolError);
    };
    if matches!(header.opcode, OpCode::Control(_)) && (!header.is_final || payload_bytes > CONTROL_BYTES_MAX) {
        return Err(CloseCode::ProtocolError);
    }
    let size = cursor.position() as usize;
    Ok(Some(Head { last: header.is_final, opcode: header.opcode, mask, size, payload_bytes }))
}

/// Takes the mask off a whole payload.
pub(super) fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let mut chunks = payload.chunks_exact_mut(4);
    for chunk in &mut chunks {
        for (byte, key) in chunk.iter_mut().zip(mask) {
            *byte ^= key;
        }
    }
    for (byte, key) in chunks.into_remainder().iter_mut().zip(mask) {
        *byte ^= key;
    }
}

/// Appends one whole, unmasked frame.
pub(super) fn write(out: &mut Vec<u8>, opcode: OpCode, payload: &[u8]) {
    let header = FrameHeader { is_final: true, opcode, ..FrameHeader::default() };
    header.format(payload.len() as u64, out).expect("writing to memory does not fail");
    out.extend_from_slice(payload);
}

/// Appends a close frame of ours.
pub(super) fn write_close(out: &mut Vec<u8>, code: CloseCode) {
    let payload = [&code.number().to_be_bytes(), code.reason().as_bytes()].concat();
    write(out, OpCode::Control(Control::Close), &payload);
}

/// Checks the payload of a client's close frame and appends the answer: the same code, if it gave one.
pub(super) fn answer_close(out: &mut Vec<u8>, payload: &[u8]) -> Result<(), CloseCode> {
    let answer = match payload {
        [] => &[][..],
        [high, low, reason @ ..] => {
            if !WireCode::from(u16::from_be_bytes([*high, *low])).is_allowed() {
                return Err(CloseCode::ProtocolError);
            }
            std::str::from_utf8(reason).map_err(|_| CloseCode::InvalidText)?;
            &payload[..2]
        }
        [_] => return Err(CloseCode::ProtocolError),
    };
    write(out, OpCode::Control(Control::Close), answer);
    Ok(())
}
