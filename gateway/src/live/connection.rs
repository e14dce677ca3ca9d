//! The server's half of one WebSocket connection as a state machine: bytes and time in, frames and events out. It knows
//! the protocol (RFC 6455 and the messages of `protocol`) and each limit of it; it knows neither sockets nor clocks nor
//! viewers. An idle connection holds no buffer: only the bytes of an unfinished frame or message are kept.

use tokio_tungstenite::tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use super::close_code::CloseCode;
use super::frame;
use super::join::JoinRequest;
use super::metrics::{Ending, Tally};
use super::protocol::{ClientMessage, Mistake, error_frame, parse_client_message};

/// A message of a client, all its fragments together.
pub(super) const MESSAGE_BYTES_MAX: u64 = 4 * 1024;
/// The same in an echo run, which has to carry the largest message of the conformance suite.
pub(super) const ECHO_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Messages and control frames that a client may send in one go; then 20 a second, one a tick.
const BURST_MAX: Tick = 40;
/// Mistakes that are answered; the third one ends the connection.
const STRIKES_MAX: u8 = 3;
/// Fragments without content within one message.
const EMPTY_FRAGMENTS_MAX: u8 = 16;

/// Time in steps of [`TICK_MS`] since the worker started. Good for six years.
pub(super) type Tick = u32;
/// Milliseconds a tick.
pub(super) const TICK_MS: u32 = 50;

/// The deadlines of a connection, in ticks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadlines {
    pub(super) ping_after: Tick,
    pub(super) pong_within: Tick,
    pub(super) join_within: Tick,
    pub(super) stall_within: Tick,
    pub(super) close_within: Tick,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// No seat yet, and not asked for.
    Opening,
    /// The join is with the one who checks tickets.
    Joining,
    /// Seated.
    Joined,
    /// A conformance run.
    Echo,
    /// Our close frame is written: nothing is heard or said any more.
    Closing,
}

/// What came of some bytes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    /// The client asks for a seat: answer with [`Connection::seat`] or [`Connection::close`].
    pub(super) join: Option<JoinRequest>,
    /// The connection is over: its last frame is in `out`.
    pub(super) ending: Option<Ending>,
}

/// What a look at the clock asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// A ping is in `out`.
    Ping,
    /// Close with this code.
    Close(CloseCode),
    /// Drop the socket: nobody answers.
    Silent,
    /// Drop the socket: its goodbye has taken long enough.
    Gone,
}

pub(super) struct Connection {
    assembly: Option<Box<Assembly>>,
    /// When its phase began.
    since: Tick,
    /// When the last frame came, or the last ping went.
    heard_or_pinged: Tick,
    /// When the client's allowance of messages is full again.
    allowance: Tick,
    phase: Phase,
    pinged: bool,
    strikes: u8,
}

/// One call of [`Connection::receive`]: what its steps share.
struct Turn<'a> {
    now: Tick,
    out: &'a mut Vec<u8>,
    tally: &'a mut Tally,
    outcome: Outcome,
}

/// The unfinished part of what a client sends.
#[derive(Default)]
struct Assembly {
    /// The start of a frame.
    frame: Vec<u8>,
    /// The fragments so far, and what they are fragments of.
    message: Vec<u8>,
    kind: Option<Data>,
    /// How much of a text is known to be good UTF-8.
    valid: usize,
    empty_fragments: u8,
}

impl Assembly {
    /// Adds a fragment. What is wrong with it is said at once, not when the message is complete.
    fn add(&mut self, payload: &[u8]) -> Result<(), CloseCode> {
        self.message.extend_from_slice(payload);
        self.empty_fragments += u8::from(payload.is_empty());
        if self.empty_fragments > EMPTY_FRAGMENTS_MAX {
            return Err(CloseCode::Policy);
        }
        if self.kind == Some(Data::Text)
            && let Err(error) = std::str::from_utf8(&self.message[self.valid..])
        {
            // A character may be cut by the end of a fragment; anything else is wrong for good.
            self.valid += error.valid_up_to();
            return if error.error_len().is_none() { Ok(()) } else { Err(CloseCode::InvalidText) };
        }
        self.valid = self.message.len();
        Ok(())
    }
}

impl Connection {
    /// A connection whose handshake is done.
    pub(super) fn new(echo: bool, now: Tick) -> Self {
        let phase = if echo { Phase::Echo } else { Phase::Opening };
        Self { assembly: None, since: now, heard_or_pinged: now, allowance: now, phase, pinged: false, strikes: 0 }
    }

    /// Takes what the socket gave. Frames to send are appended to `out`; `bytes` are unmasked in place.
    pub(super) fn receive(&mut self, bytes: &mut [u8], now: Tick, out: &mut Vec<u8>, tally: &mut Tally) -> Outcome {
        if self.phase == Phase::Closing {
            return Outcome::default();
        }
        let mut turn = Turn { now, out, tally, outcome: Outcome::default() };
        let mut kept = self.assembly.as_mut().map(|assembly| std::mem::take(&mut assembly.frame)).unwrap_or_default();
        let used = if kept.is_empty() {
            let used = self.frames(bytes, &mut turn);
            kept.extend_from_slice(&bytes[used..]);
            used
        } else {
            kept.extend_from_slice(bytes);
            let used = self.frames(&mut kept, &mut turn);
            kept.drain(..used);
            used
        };
        let outcome = turn.outcome;
        if outcome.ending.is_some() {
            self.enter(Phase::Closing, now);
            self.assembly = None;
        } else if !kept.is_empty() {
            // What follows a finished frame is a short rest; it should not keep the room of a long one.
            if used > 0 {
                kept.shrink_to_fit();
            }
            self.assembly.get_or_insert_default().frame = kept;
        } else if self.assembly.as_ref().is_some_and(|assembly| assembly.kind.is_none()) {
            self.assembly = None;
        }
        outcome
    }

    /// The viewer has its seat. False if it has not asked for one, or asked and left.
    pub(super) fn seat(&mut self, now: Tick) -> bool {
        let waits = matches!(self.phase, Phase::Opening | Phase::Joining);
        if waits {
            self.enter(Phase::Joined, now);
        }
        waits
    }

    /// Whether a join waits for its answer.
    pub(super) fn is_joining(&self) -> bool {
        self.phase == Phase::Joining
    }

    pub(super) fn is_echo(&self) -> bool {
        self.phase == Phase::Echo
    }

    /// Ends the connection from our side, by a close frame in `out`. Nothing happens if it has ended already.
    pub(super) fn close(&mut self, code: CloseCode, now: Tick, out: &mut Vec<u8>, tally: &mut Tally) {
        if self.phase != Phase::Closing {
            frame::write_close(out, code);
            tally.sent.closes += 1;
            self.assembly = None;
            self.enter(Phase::Closing, now);
        }
    }

    /// Looks at the clock, about once a second. `spread` (any number, constant for a connection) keeps pings from
    /// coming in bunches.
    pub(super) fn look(&mut self, now: Tick, deadlines: &Deadlines, spread: u32, out: &mut Vec<u8>) -> Option<Due> {
        let in_phase = now.saturating_sub(self.since);
        let quiet = now.saturating_sub(self.heard_or_pinged);
        match self.phase {
            Phase::Opening if in_phase >= deadlines.join_within => Some(Due::Close(CloseCode::JoinTimeout)),
            // It asked in time, so the delay is ours.
            Phase::Joining if in_phase >= deadlines.join_within => Some(Due::Close(CloseCode::TryAgainLater)),
            Phase::Closing if in_phase >= deadlines.close_within => Some(Due::Gone),
            Phase::Joined if self.pinged && quiet >= deadlines.pong_within => Some(Due::Silent),
            Phase::Joined
                if !self.pinged && quiet >= deadlines.ping_after - deadlines.ping_after * (spread % 16) / 64 =>
            {
                self.pinged = true;
                self.heard_or_pinged = now;
                frame::write(out, OpCode::Control(Control::Ping), &[]);
                Some(Due::Ping)
            }
            _ => None,
        }
    }

    /// Handles all whole frames in `bytes` and returns how many bytes they were.
    fn frames(&mut self, bytes: &mut [u8], turn: &mut Turn<'_>) -> usize {
        let mut used = 0;
        while turn.outcome.ending.is_none() {
            match self.frame(&mut bytes[used..], turn) {
                Ok(Some(frame_bytes)) => used += frame_bytes,
                Ok(None) => break,
                Err(code) => {
                    frame::write_close(turn.out, code);
                    turn.tally.sent.closes += 1;
                    turn.outcome.ending = Some(Ending::Closed(code));
                }
            }
        }
        used
    }

    /// Handles the frame at the start of `bytes`, if it is there in full, and returns its length.
    fn frame(&mut self, bytes: &mut [u8], turn: &mut Turn<'_>) -> Result<Option<usize>, CloseCode> {
        let Some(head) = frame::read_head(bytes)? else { return Ok(None) };
        // Judged by the head alone: a length that is only claimed costs nothing.
        if matches!(head.opcode, OpCode::Data(_)) && head.payload_bytes > self.bytes_max() - self.fragments_bytes() {
            return Err(CloseCode::TooBig);
        }
        let frame_bytes = head.size + head.payload_bytes as usize;
        let Some(payload) = bytes.get_mut(head.size..frame_bytes) else { return Ok(None) };
        frame::unmask(payload, head.mask);
        let payload = &*payload;
        (self.heard_or_pinged, self.pinged) = (turn.now, false);
        match head.opcode {
            OpCode::Control(Control::Ping) => {
                turn.tally.received.pings += 1;
                self.admit(turn)?;
                frame::write(turn.out, OpCode::Control(Control::Pong), payload);
                turn.tally.sent.pongs += 1;
            }
            OpCode::Control(Control::Pong) => {
                turn.tally.received.pongs += 1;
                self.admit(turn)?;
            }
            OpCode::Control(Control::Close) => {
                turn.tally.received.closes += 1;
                frame::answer_close(turn.out, payload)?;
                turn.tally.sent.closes += 1;
                turn.outcome.ending = Some(Ending::ClosedByClient);
            }
            OpCode::Data(kind) => self.fragment(kind, head.last, payload, turn)?,
            OpCode::Control(Control::Reserved(_)) => return Err(CloseCode::ProtocolError),
        }
        Ok(Some(frame_bytes))
    }

    /// Handles a data frame: a whole message, or a part of one.
    fn fragment(&mut self, kind: Data, last: bool, payload: &[u8], turn: &mut Turn<'_>) -> Result<(), CloseCode> {
        let begun = self.assembly.as_ref().and_then(|assembly| assembly.kind);
        let assembly = match (begun, kind) {
            (None, Data::Text | Data::Binary) if last => return self.message(kind, payload, turn),
            (None, Data::Text | Data::Binary) => {
                let assembly = self.assembly.get_or_insert_default();
                assembly.kind = Some(kind);
                assembly
            }
            (Some(_), Data::Continue) => self.assembly.get_or_insert_default(),
            _ => return Err(CloseCode::ProtocolError),
        };
        assembly.add(payload)?;
        if let (true, Some(kind)) = (last, begun) {
            let message = std::mem::take(assembly).message;
            return self.message(kind, &message, turn);
        }
        Ok(())
    }

    /// Handles a whole message.
    fn message(&mut self, kind: Data, payload: &[u8], turn: &mut Turn<'_>) -> Result<(), CloseCode> {
        self.admit(turn)?;
        if self.phase == Phase::Echo {
            if kind == Data::Text {
                std::str::from_utf8(payload).map_err(|_| CloseCode::InvalidText)?;
            }
            frame::write(turn.out, OpCode::Data(kind), payload);
            return Ok(());
        }
        if kind == Data::Binary {
            turn.tally.received.invalid += 1;
            return Err(CloseCode::Unsupported);
        }
        let text = std::str::from_utf8(payload).map_err(|_| CloseCode::InvalidText)?;
        match parse_client_message(text) {
            Some(ClientMessage::Join(request)) if self.phase == Phase::Opening => {
                turn.tally.received.joins += 1;
                // The time for joining goes on: its deadline counts from the handshake.
                self.phase = Phase::Joining;
                turn.outcome.join = Some(request);
                Ok(())
            }
            Some(ClientMessage::Bye) => {
                turn.tally.received.byes += 1;
                frame::write_close(turn.out, CloseCode::Bye);
                turn.tally.sent.closes += 1;
                turn.outcome.ending = Some(Ending::Bye);
                Ok(())
            }
            Some(ClientMessage::Join(_)) => self.strike(Mistake::AlreadyJoined, turn),
            None => self.strike(Mistake::BadFrame, turn),
        }
    }

    /// Answers a mistake. Who has no seat yet has one message and no second try; others have three.
    fn strike(&mut self, mistake: Mistake, turn: &mut Turn<'_>) -> Result<(), CloseCode> {
        turn.tally.received.invalid += 1;
        turn.tally.sent.errors += 1;
        turn.out.extend_from_slice(&error_frame(mistake));
        self.strikes += 1;
        if self.phase != Phase::Joined || self.strikes >= STRIKES_MAX { Err(CloseCode::Policy) } else { Ok(()) }
    }

    /// Takes one message or control frame from the client's allowance: a bucket of [`BURST_MAX`] that one tick refills
    /// by one, kept as the time at which it will be full.
    fn admit(&mut self, turn: &mut Turn<'_>) -> Result<(), CloseCode> {
        if self.phase == Phase::Echo {
            return Ok(());
        }
        self.allowance = self.allowance.max(turn.now) + 1;
        if self.allowance - turn.now <= BURST_MAX {
            return Ok(());
        }
        turn.tally.rate_limited += 1;
        turn.tally.sent.errors += 1;
        turn.out.extend_from_slice(&error_frame(Mistake::RateLimited));
        Err(CloseCode::Policy)
    }

    fn enter(&mut self, phase: Phase, now: Tick) {
        (self.phase, self.since) = (phase, now);
    }

    fn bytes_max(&self) -> u64 {
        if self.phase == Phase::Echo { ECHO_BYTES_MAX } else { MESSAGE_BYTES_MAX }
    }

    /// Bytes of the fragments that wait for the rest of their message.
    fn fragments_bytes(&self) -> u64 {
        self.assembly.as_ref().map_or(0, |assembly| assembly.message.len() as u64)
    }
}

#[cfg(test)]
#[path = "connection/tests.rs"]
mod tests;
