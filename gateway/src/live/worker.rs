//! A worker: one thread that owns its sockets, reads them, writes to them and closes them. Here the state machines
//! (`connection`, `outbox`, `fan_out`, `drain`) meet sockets and time; what the bytes mean and who may sit where is
//! decided elsewhere. Nothing here waits but for the poll.

mod sockets;

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Poll, Token, Waker};
use slab::Slab;
use turnout_roster::ViewerId;

use super::close_code::CloseCode;
use super::connection::{Connection, Deadlines, Due, TICK_MS, Tick};
use super::drain::Drain;
use super::fan_out::{Audience, Place};
use super::join::{JoinHandler, SocketId};
use super::mailbox::{Command, Mailbox};
use super::metrics::{Ending, LiveMetrics, Tally};
use super::outbox::{Offer, Outbox};
use super::presence_map::PresenceMap;
use super::protocol::{Protocol, reconnect_frame};
use super::{Latest, LiveConfig};

/// Sockets served in one go before the worker looks at the others again.
const SLICE: usize = 512;
/// The buffer that all sockets of a worker are read into.
const READ_BYTES: usize = 64 * 1024;
/// Events taken from the poll in one go.
const EVENTS_MAX: usize = 1_024;
/// The clock is looked at for each socket once in so many ticks: a wheel without a list, since a socket's key says its
/// slot.
const WHEEL_SLOTS: u32 = 1_000 / TICK_MS;
/// The waker's token; sockets have their key.
const BELL: Token = Token(usize::MAX);

pub(super) struct Worker {
    config: LiveConfig,
    deadlines: Deadlines,
    presence: Arc<PresenceMap>,
    handler: Arc<dyn JoinHandler>,
    latest: Arc<Latest>,
    metrics: LiveMetrics,
    mailbox: Arc<Mailbox>,
    poll: Poll,
    started: Instant,
    now: Tick,
    viewers: Slab<Viewer>,
    generation: u32,
    audience: Audience,
    /// Sockets that may have more to read than they got a turn for.
    read_again: Vec<SocketId>,
    drain: Option<(Instant, Drain)>,
    stopped: bool,
    tally: Tally,
    buffer: Box<[u8]>,
    out: Vec<u8>,
}

/// One socket.
struct Viewer {
    socket: TcpStream,
    generation: u32,
    connection: Connection,
    outbox: Outbox,
    seat: Option<(Place, ViewerId)>,
    /// Number of the last count that it was offered.
    offered: u32,
    protocol: Protocol,
    /// Its ending is known and counted; the socket lives on until the last bytes are through.
    ended: bool,
}

impl Worker {
    pub(super) fn new(
        config: LiveConfig,
        presence: Arc<PresenceMap>,
        handler: Arc<dyn JoinHandler>,
        latest: Arc<Latest>,
        metrics: LiveMetrics,
    ) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mailbox = Arc::new(Mailbox::new(Waker::new(poll.registry(), BELL)?));
        let ticks = |duration: Duration| (duration.as_millis() as u32).div_ceil(TICK_MS);
        let deadlines = Deadlines {
            ping_after: ticks(config.ping_interval),
            pong_within: ticks(config.pong_timeout),
            join_within: ticks(config.join_timeout),
            stall_within: ticks(config.stall_timeout),
            close_within: ticks(config.close_timeout),
        };
        Ok(Self {
            config,
            deadlines,
            presence,
            handler,
            latest,
            metrics,
            mailbox,
            poll,
            started: Instant::now(),
            now: 0,
            viewers: Slab::new(),
            generation: 0,
            audience: Audience::default(),
            read_again: Vec::new(),
            drain: None,
            stopped: false,
            tally: Tally::default(),
            buffer: vec![0; READ_BYTES].into_boxed_slice(),
            out: Vec::new(),
        })
    }

    pub(super) fn mailbox(&self) -> Arc<Mailbox> {
        self.mailbox.clone()
    }

    /// Serves until told to stop.
    pub(super) fn run(mut self) {
        let mut events = Events::with_capacity(EVENTS_MAX);
        while !self.stopped {
            let patience = self.patience();
            if let Err(error) = self.poll.poll(&mut events, patience)
                && error.kind() != ErrorKind::Interrupted
            {
                tracing::error!(%error, "a worker cannot poll and ends");
                return;
            }
            let before = self.now;
            self.now = (self.started.elapsed().as_millis() / u128::from(TICK_MS)) as Tick;
            for event in events.iter().filter(|event| event.token() != BELL) {
                let key = event.token().0;
                if event.is_writable() {
                    self.flush(key);
                }
                if event.is_readable() || event.is_read_closed() || event.is_error() {
                    self.read(key, event.is_read_closed() || event.is_error());
                }
            }
            for command in self.mailbox.take() {
                self.obey(command);
            }
            for socket in std::mem::take(&mut self.read_again) {
                if let Some(key) = self.find(socket) {
                    self.read(key, true);
                }
            }
            self.fan_out();
            self.drain();
            if self.now != before {
                self.turn_wheel(before);
                self.metrics.absorb(&mut self.tally);
            }
        }
    }

    /// How long the poll may wait.
    fn patience(&mut self) -> Option<Duration> {
        let telling = self.drain.as_ref().is_some_and(|(_, drain)| drain.is_telling());
        if telling || !self.audience.is_idle() || !self.read_again.is_empty() {
            return Some(Duration::ZERO);
        }
        if self.viewers.is_empty() {
            self.metrics.absorb(&mut self.tally);
            return None;
        }
        let next = Duration::from_millis(u64::from(self.now + 1) * u64::from(TICK_MS));
        // The poll's resolution is a millisecond: one more, so that it does not return just before the tick.
        Some(next.saturating_sub(self.started.elapsed()) + Duration::from_millis(1))
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Adopt(adoption) => {
                if let Err(error) = self.adopt(adoption) {
                    self.mailbox.release_socket();
                    tracing::debug!(%error, "a socket could not be taken over");
                }
            }
            Command::Count(count) => self.audience.publish(count),
            Command::JoinAnswer { socket, answer } => {
                if let Some(key) = self.find(socket)
                    && self.viewers[key].connection.is_joining()
                {
                    match answer {
                        Ok(seat) => self.seat(key, &seat),
                        Err(code) => self.close(key, code),
                    }
                }
            }
            Command::Drain { over } => {
                let socket =
                    |(key, viewer): (usize, &Viewer)| SocketId { key: key as u32, generation: viewer.generation };
                let sockets = self.viewers.iter().map(socket).collect();
                self.drain = Some((Instant::now(), Drain::new(sockets, over)));
            }
            Command::Stop => {
                for key in self.keys() {
                    self.close(key, CloseCode::GoingAway);
                }
                self.stopped = true;
            }
        }
    }

    /// Offers the counts under way to the next slice of viewers.
    fn fan_out(&mut self) {
        let mut lost = Vec::new();
        let (viewers, tally, now) = (&mut self.viewers, &mut self.tally, self.now);
        self.audience.walk(SLICE, |key, count, number| {
            let viewer = &mut viewers[key as usize];
            if viewer.offered == number {
                return;
            }
            viewer.offered = number;
            match viewer.outbox.offer(&mut viewer.socket, count.frame(viewer.protocol), now) {
                Ok(Offer::Taken) => tally.sent.counts += 1,
                Ok(Offer::Later) => {}
                Ok(Offer::Coalesced) => tally.coalesced += 1,
                Err(_) => lost.push(key as usize),
            }
        });
        for key in lost {
            self.remove(key, Ending::Lost);
        }
    }

    /// Goes on with a drain.
    fn drain(&mut self) {
        let Some((since, mut drain)) = self.drain.take() else { return };
        for (socket, slot_ms) in drain.tell(SLICE) {
            if let Some(key) = self.find(socket).filter(|key| !self.viewers[*key].ended) {
                self.out.extend_from_slice(&reconnect_frame(slot_ms));
                self.tally.sent.reconnects += 1;
                self.push(key);
            }
        }
        for socket in drain.close(since.elapsed()).to_vec() {
            if let Some(key) = self.find(socket) {
                self.close(key, CloseCode::Restart);
            }
        }
        self.drain = Some((since, drain));
    }

    /// Looks at the clock for each socket whose slot has come since the tick `before`.
    fn turn_wheel(&mut self, before: Tick) {
        let since = before.max(self.now.saturating_sub(WHEEL_SLOTS));
        for tick in since + 1..=self.now {
            let slot = (tick % WHEEL_SLOTS) as usize;
            for key in (slot..self.viewers.capacity()).step_by(WHEEL_SLOTS as usize) {
                self.look(key);
            }
        }
    }

    fn look(&mut self, key: usize) {
        let Some(viewer) = self.viewers.get_mut(key) else { return };
        if let Some(since) = viewer.outbox.stuck_since()
            && !viewer.ended
            && self.now.saturating_sub(since) >= self.deadlines.stall_within
        {
            return self.remove(key, Ending::Stalled);
        }
        match viewer.connection.look(self.now, &self.deadlines, viewer.generation, &mut self.out) {
            None => {}
            Some(Due::Ping) => {
                self.tally.sent.pings += 1;
                self.push(key);
            }
            Some(Due::Close(code)) => self.close(key, code),
            // Of one that is gone the ending is known already.
            Some(Due::Silent | Due::Gone) => self.remove(key, Ending::Silent),
        }
    }

    fn find(&self, socket: SocketId) -> Option<usize> {
        let key = socket.key as usize;
        self.viewers.get(key).filter(|viewer| viewer.generation == socket.generation).map(|_| key)
    }

    fn keys(&self) -> Vec<usize> {
        self.viewers.iter().map(|(key, _)| key).collect()
    }
}

impl Drop for Worker {
    /// However the worker ends, nobody must stay in the presence map whose socket is gone.
    fn drop(&mut self) {
        self.mailbox.alive.store(false, Ordering::Relaxed);
        for key in self.keys() {
            self.remove(key, Ending::Lost);
        }
        for command in self.mailbox.take() {
            if matches!(command, Command::Adopt(_)) {
                self.mailbox.release_socket();
            }
        }
        self.metrics.absorb(&mut self.tally);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_socket_costs_little_memory() {
        assert!(size_of::<Viewer>() <= 96, "{} bytes", size_of::<Viewer>());
    }
}
