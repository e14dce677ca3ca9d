//! Why the gateway closes a socket, and what the client should do next. The numbers are part of the public protocol
//! (`gateway/README.md` says the same to those who write clients). This file does not close anything.

/// A close code that the gateway sends. The reason phrase that goes with it carries no internal detail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u16)]
pub enum CloseCode {
    /// The client said goodbye and got its answer. Do not come back by itself.
    Bye = 1000,
    /// The gateway stops at once. Come back, with back-off.
    GoingAway = 1001,
    /// The client broke the WebSocket protocol. Do not come back before the client is mended.
    ProtocolError = 1002,
    /// A binary message: clients send text only. Do not come back before the client is mended.
    Unsupported = 1003,
    /// Text that is not UTF-8. Do not come back before the client is mended.
    InvalidText = 1007,
    /// Too many messages or too many mistakes. Do not come back before the client is mended.
    Policy = 1008,
    /// A message over the limit. Do not come back before the client is mended.
    TooBig = 1009,
    /// The gateway is being replaced. Come back at the slot of the `reconnect` frame.
    Restart = 1012,
    /// The gateway is overloaded, or this client reads too slowly. Come back, with back-off.
    TryAgainLater = 1013,
    /// The ticket is not good (any more). Get a new ticket, then come back at once.
    TicketRefused = 4401,
    /// There is no such event or room, or it is not open. Do not come back by itself.
    NoSuchEvent = 4404,
    /// No `join` came in time. Come back, with back-off.
    JoinTimeout = 4408,
    /// This viewer has too many sockets open. Close one first.
    TooManySockets = 4409,
}

impl CloseCode {
    /// Every code, for tables and tests.
    pub const ALL: [Self; 13] = [
        Self::Bye,
        Self::GoingAway,
        Self::ProtocolError,
        Self::Unsupported,
        Self::InvalidText,
        Self::Policy,
        Self::TooBig,
        Self::Restart,
        Self::TryAgainLater,
        Self::TicketRefused,
        Self::NoSuchEvent,
        Self::JoinTimeout,
        Self::TooManySockets,
    ];

    /// The number on the wire.
    pub const fn number(self) -> u16 {
        self as u16
    }

    /// The phrase on the wire, at most 123 bytes.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Bye => "bye",
            Self::GoingAway => "going away",
            Self::ProtocolError => "protocol error",
            Self::Unsupported => "text messages only",
            Self::InvalidText => "invalid utf-8",
            Self::Policy => "policy violation",
            Self::TooBig => "message too big",
            Self::Restart => "service restart",
            Self::TryAgainLater => "try again later",
            Self::TicketRefused => "ticket refused",
            Self::NoSuchEvent => "no such event",
            Self::JoinTimeout => "join timeout",
            Self::TooManySockets => "too many sockets",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_documented_with_whether_to_come_back() {
        let documented = include_str!("../../README.md");
        for code in CloseCode::ALL {
            let row = format!("\n| {} | ", code.number());
            assert!(documented.contains(&row), "{} is not in the table of README.md", code.number());
            assert!(code.reason().len() <= 123);
        }
    }
}
