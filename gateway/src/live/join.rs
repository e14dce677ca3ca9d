//! How a socket gets its seat: the question to whoever checks tickets, and the answer's way back to the right socket,
//! even when it comes late. What makes a ticket good is not decided here.

use std::sync::Arc;

use turnout_roster::{Topic, ViewerId};

use super::close_code::CloseCode;
use super::mailbox::{Command, Mailbox};

/// What a client asks for in its `join` frame. The ids are well-formed (`[A-Za-z0-9_-]{1,64}`); nothing else is checked
/// yet.
#[derive(Clone, PartialEq, Eq)]
pub struct JoinRequest {
    /// The event.
    pub event: String,
    /// A room of it; empty for the event as a whole.
    pub room: String,
    /// The ticket, unverified.
    pub ticket: String,
}

impl std::fmt::Debug for JoinRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The ticket is a credential: it must not reach a log by way of `{:?}`.
        f.debug_struct("JoinRequest").field("event", &self.event).field("room", &self.room).finish_non_exhaustive()
    }
}

/// Where a viewer sits, once its ticket is found good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seat {
    /// The event's topic. The viewer is a member of it.
    pub event: Topic,
    /// The room's topic, when the viewer is in a room. The viewer is a member of it too, and is shown its count.
    pub room: Option<Topic>,
    /// Who it is, within the event.
    pub viewer: ViewerId,
}

impl Seat {
    /// The topic whose count this viewer is shown.
    pub fn shown(&self) -> &Topic {
        self.room.as_ref().unwrap_or(&self.event)
    }
}

/// Checks tickets. Laws:
///
/// - `join` is called on a worker's thread, which serves thousands of viewers: it must return within microseconds.
///   Verifying
///   one Ed25519 signature is fine; anything that waits belongs on another thread or task, which takes `reply` with it.
/// - Every request is answered by `reply`, once. A reply that is dropped closes the socket with
///   [`CloseCode::TryAgainLater`],
///   and so does one that has not come when the time for joining is over.
pub trait JoinHandler: Send + Sync + 'static {
    /// Answer `request` through `reply`, now or later.
    fn join(&self, request: JoinRequest, reply: JoinReply);
}

/// The way back to the one socket that asked. If that socket is gone, the answer is ignored, even when its place has
/// been taken by another socket.
#[must_use = "dropping the reply refuses the viewer"]
pub struct JoinReply {
    mailbox: Option<Arc<Mailbox>>,
    socket: SocketId,
}

/// A socket of one worker: its place, and which of the sockets that have had this place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SocketId {
    pub(super) key: u32,
    pub(super) generation: u32,
}

impl JoinReply {
    pub(super) fn new(mailbox: Arc<Mailbox>, socket: SocketId) -> Self {
        Self { mailbox: Some(mailbox), socket }
    }

    /// Gives the viewer its seat, or closes its socket with a code.
    pub fn answer(mut self, answer: Result<Seat, CloseCode>) {
        self.send(answer);
    }

    fn send(&mut self, answer: Result<Seat, CloseCode>) {
        if let Some(mailbox) = self.mailbox.take() {
            mailbox.send(Command::JoinAnswer { socket: self.socket, answer });
        }
    }
}

impl Drop for JoinReply {
    fn drop(&mut self) {
        self.send(Err(CloseCode::TryAgainLater));
    }
}
