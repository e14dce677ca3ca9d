//! How other threads talk to a worker: a queue of commands and the bell that wakes it. What a command does is in
//! `worker`.

use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use mio::Waker;
use parking_lot::Mutex;

use super::Opening;
use super::close_code::CloseCode;
use super::join::{Seat, SocketId};
use super::protocol::{EncodedCount, Protocol};

/// Counts that wait for a worker. Beyond it a count is dropped: the topic's next one makes up for it. The other
/// commands are bounded by the sockets, and never dropped.
const COMMANDS_BEFORE_COUNTS_DROP: usize = 16_384;

/// What a worker may be told.
pub(super) enum Command {
    /// Take this socket over.
    Adopt(Adoption),
    /// Show this count.
    Count(Arc<EncodedCount>),
    /// The answer to a socket's join.
    JoinAnswer { socket: SocketId, answer: Result<Seat, CloseCode> },
    /// Send everybody elsewhere, evenly over this time.
    Drain { over: Duration },
    /// Close everything and end.
    Stop,
}

/// A socket on its way to a worker.
pub(super) struct Adoption {
    pub(super) stream: TcpStream,
    pub(super) leftover: Bytes,
    pub(super) protocol: Protocol,
    pub(super) opening: Opening,
}

/// A worker as others see it.
pub(super) struct Mailbox {
    commands: Mutex<Vec<Command>>,
    bell: Waker,
    /// Sockets adopted or on their way. Counted up by whoever sends them, down by the worker.
    pub(super) sockets: AtomicUsize,
    /// False once the worker has ended.
    pub(super) alive: AtomicBool,
}

impl Mailbox {
    pub(super) fn new(bell: Waker) -> Self {
        let (commands, sockets) = (Mutex::new(Vec::new()), AtomicUsize::new(0));
        Self { commands, bell, sockets, alive: AtomicBool::new(true) }
    }

    /// Queues a command and rings the bell if the worker may be asleep. False if it was dropped.
    pub(super) fn send(&self, command: Command) -> bool {
        let mut commands = self.commands.lock();
        if matches!(command, Command::Count(_)) && commands.len() >= COMMANDS_BEFORE_COUNTS_DROP {
            return false;
        }
        commands.push(command);
        // Whoever put the first one in has rung already.
        if commands.len() == 1
            && let Err(error) = self.bell.wake()
        {
            tracing::error!(%error, "a worker's bell does not ring");
        }
        true
    }

    /// Everything that waits.
    pub(super) fn take(&self) -> Vec<Command> {
        std::mem::take(&mut *self.commands.lock())
    }

    pub(super) fn release_socket(&self) {
        self.sockets.fetch_sub(1, Ordering::Relaxed);
    }
}
