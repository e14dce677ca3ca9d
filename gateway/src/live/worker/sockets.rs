//! What a worker does with one socket: take it over, seat its viewer, read, write, and let it go.

use std::io::{self, ErrorKind, Read};
use std::net::Shutdown;

use mio::net::TcpStream;
use mio::{Interest, Token};
use socket2::SockRef;

use super::{Viewer, Worker};
use crate::live::Opening;
use crate::live::close_code::CloseCode;
use crate::live::connection::{Connection, ECHO_BYTES_MAX, Outcome};
use crate::live::join::{JoinReply, Seat, SocketId};
use crate::live::mailbox::Adoption;
use crate::live::metrics::Ending;
use crate::live::outbox::{Outbox, Overflow, QUEUE_BYTES_MAX};
use crate::live::presence_map::NotEntered;

/// What the kernel may hold for a slow viewer (it takes twice that, its own bookkeeping included). Left alone it grows
/// to megabytes of counts that nobody wants any more.
const SEND_BUFFER_BYTES: usize = 8 * 1024;
/// Buffers read from one socket before the others get their turn.
const READS_A_TURN_MAX: usize = 4;

impl Worker {
    pub(super) fn adopt(&mut self, adoption: Adoption) -> io::Result<()> {
        let Adoption { stream, leftover, protocol, opening } = adoption;
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        SockRef::from(&stream).set_send_buffer_size(SEND_BUFFER_BYTES)?;
        let mut socket = TcpStream::from_std(stream);
        let entry = self.viewers.vacant_entry();
        let key = entry.key();
        self.poll.registry().register(&mut socket, Token(key), Interest::READABLE | Interest::WRITABLE)?;
        self.generation = self.generation.wrapping_add(1);
        let connection = Connection::new(matches!(opening, Opening::Echo), self.now);
        let (generation, outbox) = (self.generation, Outbox::default());
        entry.insert(Viewer { socket, generation, connection, outbox, seat: None, offered: 0, protocol, ended: false });
        self.tally.opened += 1;
        if self.drain.is_some() {
            // It was on its way when the drain began.
            self.close(key, CloseCode::Restart);
            return Ok(());
        }
        if let Opening::Seated(seat) = opening {
            self.seat(key, &seat);
        }
        if !leftover.is_empty() {
            self.hear(key, &mut Vec::from(leftover));
        }
        Ok(())
    }

    /// Seats a viewer: from now on it counts, and is shown the count.
    pub(super) fn seat(&mut self, key: usize, seat: &Seat) {
        match self.presence.enter(seat, (self.config.wall_clock_ms)()) {
            Ok(()) => {}
            Err(NotEntered::TooManySockets) => return self.close(key, CloseCode::TooManySockets),
            Err(NotEntered::Behind) => return self.close(key, CloseCode::TryAgainLater),
        }
        let latest = || self.latest.read().get(seat.shown()).cloned();
        let place = self.audience.seat(key as u32, seat, latest);
        let viewer = &mut self.viewers[key];
        viewer.connection.seat(self.now);
        viewer.seat = Some((place, seat.viewer));
        if let Some((count, number)) = self.audience.latest(place) {
            viewer.offered = number;
            match viewer.outbox.offer(&mut viewer.socket, count.frame(viewer.protocol), self.now) {
                Ok(_) => self.tally.sent.counts += 1,
                Err(_) => self.remove(key, Ending::Lost),
            }
        }
    }

    pub(super) fn read(&mut self, key: usize, to_the_end: bool) {
        for _ in 0..READS_A_TURN_MAX {
            let Some(viewer) = self.viewers.get_mut(key) else { return };
            match viewer.socket.read(&mut self.buffer) {
                Ok(0) => return self.remove(key, Ending::Lost),
                Ok(length) => {
                    let bytes = &mut self.buffer[..length];
                    let outcome = viewer.connection.receive(bytes, self.now, &mut self.out, &mut self.tally);
                    self.settle(key, outcome);
                    // Less than asked for means that no more was there, and the poll says when there is; but it does
                    // not say the end a second time.
                    if length < self.buffer.len() && !to_the_end {
                        return;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return self.remove(key, Ending::Lost),
            }
        }
        if let Some(viewer) = self.viewers.get(key) {
            self.read_again.push(SocketId { key: key as u32, generation: viewer.generation });
        }
    }

    pub(super) fn hear(&mut self, key: usize, bytes: &mut [u8]) {
        if let Some(viewer) = self.viewers.get_mut(key) {
            let outcome = viewer.connection.receive(bytes, self.now, &mut self.out, &mut self.tally);
            self.settle(key, outcome);
        }
    }

    /// Does what a connection wants done.
    pub(super) fn settle(&mut self, key: usize, outcome: Outcome) {
        self.push(key);
        let Some(viewer) = self.viewers.get(key) else { return };
        if let Some(request) = outcome.join {
            let socket = SocketId { key: key as u32, generation: viewer.generation };
            self.handler.join(request, JoinReply::new(self.mailbox.clone(), socket));
        }
        if let Some(ending) = outcome.ending {
            self.end(key, ending);
        }
    }

    /// Sends what is in `out` to a viewer. It must arrive, or the viewer is closed.
    pub(super) fn push(&mut self, key: usize) {
        let Some(viewer) = self.viewers.get_mut(key) else { return self.out.clear() };
        if self.out.is_empty() {
            return;
        }
        let bytes_max = if viewer.connection.is_echo() { 2 * ECHO_BYTES_MAX as usize } else { QUEUE_BYTES_MAX };
        let pushed = viewer.outbox.push(&mut viewer.socket, &self.out, self.now, bytes_max);
        self.out.clear();
        match pushed {
            Ok(Ok(())) => {}
            Ok(Err(Overflow)) => {
                self.tally.overflowed += 1;
                viewer.connection.close(CloseCode::TryAgainLater, self.now, &mut self.out, &mut self.tally);
                viewer.outbox.end_with(&self.out);
                self.out.clear();
                self.end(key, Ending::Closed(CloseCode::TryAgainLater));
            }
            Err(_) => self.remove(key, Ending::Lost),
        }
    }

    /// Closes a socket from our side.
    pub(super) fn close(&mut self, key: usize, code: CloseCode) {
        if let Some(viewer) = self.viewers.get_mut(key) {
            viewer.connection.close(code, self.now, &mut self.out, &mut self.tally);
            self.push(key);
            self.end(key, Ending::Closed(code));
        }
    }

    /// The connection is over: the viewer leaves its seat. The socket stays until its last bytes are through.
    pub(super) fn end(&mut self, key: usize, ending: Ending) {
        let Some(viewer) = self.viewers.get_mut(key) else { return };
        if std::mem::replace(&mut viewer.ended, true) {
            return;
        }
        self.tally.ended.push(ending);
        viewer.outbox.forget_latest();
        if viewer.outbox.is_empty() {
            // An error means that the socket is broken: the poll says so too.
            let _ = viewer.socket.shutdown(Shutdown::Write);
        }
        if let Some((place, id)) = viewer.seat.take() {
            let (event, room) = self.audience.topics(place);
            let seat = Seat { event: event.clone(), room: room.cloned(), viewer: id };
            self.presence.exit(&seat, ending.is_clean(), (self.config.wall_clock_ms)());
            if let Some(moved) = self.audience.unseat(place)
                && let Some((moved_place, _)) = &mut self.viewers[moved as usize].seat
            {
                *moved_place = place;
            }
        }
    }

    /// Drops a socket. `ending` says why, if it was not known before.
    pub(super) fn remove(&mut self, key: usize, ending: Ending) {
        self.end(key, ending);
        if self.viewers.try_remove(key).is_some() {
            self.mailbox.release_socket();
        }
    }

    pub(super) fn flush(&mut self, key: usize) {
        let Some(viewer) = self.viewers.get_mut(key) else { return };
        if viewer.outbox.is_empty() {
            return;
        }
        let seat = viewer.seat;
        let latest = seat.and_then(|(place, _)| self.audience.latest(place));
        let frame = || latest.map(|(count, _)| count.frame(viewer.protocol).clone());
        match viewer.outbox.flush(&mut viewer.socket, self.now, frame) {
            Ok(counted) => {
                if counted && let Some((_, number)) = latest {
                    viewer.offered = number;
                    self.tally.sent.counts += 1;
                }
                if viewer.ended && viewer.outbox.is_empty() {
                    let _ = viewer.socket.shutdown(Shutdown::Write);
                }
            }
            Err(_) => self.remove(key, Ending::Lost),
        }
    }
}
