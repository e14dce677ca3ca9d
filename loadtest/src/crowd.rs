//! The crowd: one thread, one event loop, all sockets. It keeps the truth, the screens and the probes up to date.
//!
//! It deliberately decides nothing: `steps` says who comes and goes, and calls `turn` in between.

mod hearing;
mod leaving;

use crate::latency::Latency;
use crate::plan::{JoinBy, Plan, Protocol};
use crate::probes::Probes;
use crate::returns::Returns;
use crate::screens::{Screen, Screens};
use crate::truth::Truth;
use crate::viewer::{Dial, Viewer};
use crate::{dialling, meter};
use anyhow::Result;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use slab::Slab;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Read buffer, shared by all sockets, bytes.
const READ_BYTES: usize = 64 * 1024;
/// Events taken from the kernel at once.
const EVENTS_MAX: usize = 1024;
const SWEEP_US: u64 = 1_000_000;
const NO_SOCKET: u32 = u32::MAX;

/// Where a viewer's socket stands in the truth.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// On its way in.
    Coming,
    /// It counts.
    In,
    /// It counts no more.
    Out,
}

/// Why a socket is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Resident,
    /// Its join is timed onto every screen.
    Probe,
    /// A client of the floor: it only counts what comes.
    Floor,
}

struct Socket {
    stream: TcpStream,
    viewer: Viewer,
    /// What the kernel did not take yet: at first the request, later nearly always empty.
    unsent: Vec<u8>,
    screen: Screen,
    /// When the last byte of its join was sent.
    asked_us: u64,
    person: u32,
    /// When it was opened, or began to leave.
    since_ms: u32,
    dial: u16,
    purpose: Purpose,
    connected: bool,
    /// `unsent` ends with the join.
    asks: bool,
    standing: Standing,
}

/// A person: at most two tabs, and what makes it the same viewer when it comes back.
struct Person {
    tabs: [u32; 2],
    /// From the file, or just asked for.
    ticket: Option<Box<str>>,
    /// With it the next ticket is the same viewer's.
    cookie: Option<Box<str>>,
    attempts: u8,
    second_tab: bool,
    /// It is to be there; a person that left does not come back.
    wanted: bool,
}

/// What happened, in numbers.
#[derive(Debug, Default)]
pub struct Tally {
    pub opened: u64,
    pub joined: u64,
    /// Connections that broke against the viewer's will.
    pub lost: u64,
    pub came_back: u64,
    /// Everything that went wrong, by its name.
    pub troubles: BTreeMap<String, u64>,
}

pub struct Crowd {
    poll: Poll,
    events: Events,
    sockets: Slab<Socket>,
    people: Vec<Person>,
    dials: Vec<(SocketAddr, Dial)>,
    sources: u32,
    returns: Returns,
    buffer: Vec<u8>,
    start: Instant,
    next_sweep_us: u64,
    /// Sockets that count in the truth.
    joined: u32,
    /// Sockets of viewers that are on their way in.
    joining: u32,
    pub last_join_us: u64,
    pub floor_connected: u32,
    pub floor_deliveries: u64,
    pub truth: Truth,
    pub screens: Screens,
    pub probes: Probes,
    pub tally: Tally,
    /// From a viewer's join to the first count on its own screen.
    pub first_count: Latency,
}

impl Crowd {
    pub fn new(plan: &Plan) -> Result<Self> {
        let dials = plan
            .url
            .iter()
            .map(|url| {
                let (host, address) = meter::resolve(url)?;
                let dial = Dial {
                    host,
                    event: plan.event.clone(),
                    room: plan.room.clone(),
                    binary: plan.protocol == Protocol::Bin,
                    join_by_message: plan.join == JoinBy::Message,
                };
                Ok((address, dial))
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            poll: Poll::new()?,
            events: Events::with_capacity(EVENTS_MAX),
            sockets: Slab::with_capacity(plan.sockets() as usize),
            people: Vec::with_capacity(plan.viewers as usize),
            dials,
            sources: dialling::sources(plan),
            returns: Returns::new(plan.seed),
            buffer: vec![0; READ_BYTES],
            start: Instant::now(),
            next_sweep_us: 0,
            joined: 0,
            joining: 0,
            last_join_us: 0,
            floor_connected: 0,
            floor_deliveries: 0,
            truth: Truth::new(plan.others),
            screens: Screens::default(),
            probes: Probes::default(),
            tally: Tally::default(),
            first_count: Latency::default(),
        })
    }

    /// Microseconds since the start, by the monotonic clock.
    pub fn now_us(&self) -> u64 {
        self.start.elapsed().as_micros() as u64
    }

    pub fn joined(&self) -> u32 {
        self.joined
    }

    pub fn joining(&self) -> u32 {
        self.joining
    }

    /// Open sockets of any kind.
    pub fn sockets(&self) -> usize {
        self.sockets.len()
    }

    /// People made so far; they are numbered from 0.
    pub fn people(&self) -> u32 {
        self.people.len() as u32
    }

    /// A jittered interval, see [`Returns::around`].
    pub fn around(&mut self, mean_us: u64) -> u64 {
        self.returns.around(mean_us)
    }

    /// Makes a person, not connected yet.
    pub fn add_person(&mut self, ticket: Option<Box<str>>, second_tab: bool) -> u32 {
        self.people.push(Person { tabs: [NO_SOCKET; 2], ticket, cookie: None, attempts: 0, second_tab, wanted: false });
        self.people.len() as u32 - 1
    }

    /// One round: waits at most `wait` for the server, handles what it said, and calls back those who return.
    pub fn turn(&mut self, wait: Duration) -> Result<()> {
        // Taken out while it is walked through: the handlers need the rest of the crowd.
        let mut events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        match self.poll.poll(&mut events, Some(wait)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            other => other?,
        }
        for event in &events {
            let ended = event.is_read_closed() || event.is_error();
            self.ready(event.token().0, event.is_writable(), ended);
        }
        self.events = events;
        let now_us = self.now_us();
        while let Some(person) = self.returns.due(now_us) {
            if self.people[person as usize].wanted {
                self.drop_tabs(person);
                self.open(person, Purpose::Resident);
            }
        }
        if now_us >= self.next_sweep_us {
            self.next_sweep_us = now_us + SWEEP_US;
            self.screens.judge(now_us);
            self.sweep((now_us / 1000) as u32);
        }
        Ok(())
    }

    /// This person comes.
    pub fn open(&mut self, person: u32, purpose: Purpose) {
        let index = person as usize;
        self.people[index].wanted = true;
        let who = &self.people[index];
        let which = (index + usize::from(who.attempts)) % self.dials.len();
        let (address, dial) = &self.dials[which];
        let mut unsent = Vec::new();
        let (viewer, asks) = match &who.ticket {
            Some(ticket) => (Viewer::with_ticket(dial, ticket, &mut unsent), !dial.join_by_message),
            None => (Viewer::without_ticket(dial, who.cookie.as_deref(), &mut unsent), false),
        };
        match dialling::dial(*address, person, self.sources) {
            Ok(stream) => {
                let key = self.insert(stream, viewer, unsent, person, purpose);
                let socket = &mut self.sockets[key];
                socket.dial = which as u16;
                socket.asks = asks;
                self.joining += 1;
                self.tally.opened += 1;
                let tabs = &mut self.people[index].tabs;
                let free = usize::from(tabs[0] != NO_SOCKET);
                tabs[free] = key as u32;
            }
            Err(error) => self.comes_back(person, &format!("dial: {}", error.kind()), None),
        }
    }

    /// One more client of the floor.
    pub fn open_floor(&mut self, address: SocketAddr, index: u32) -> Result<()> {
        let stream = dialling::dial(address, index, self.sources)?;
        self.insert(stream, Viewer::listening(), Vec::new(), NO_SOCKET, Purpose::Floor);
        Ok(())
    }

    pub fn close_floor(&mut self) {
        self.sockets.retain(|_, socket| socket.purpose != Purpose::Floor);
        self.floor_connected = 0;
    }

    fn insert(
        &mut self,
        mut stream: TcpStream,
        viewer: Viewer,
        unsent: Vec<u8>,
        person: u32,
        purpose: Purpose,
    ) -> usize {
        let since_ms = (self.now_us() / 1000) as u32;
        let key = self.sockets.vacant_key();
        let interest = Interest::READABLE | Interest::WRITABLE;
        let registry = self.poll.registry();
        if let Err(error) = registry.register(&mut stream, Token(key), interest) {
            // It will be swept as a handshake that takes too long.
            self.trouble(&format!("register: {}", error.kind()));
        }
        self.sockets.insert(Socket {
            stream,
            viewer,
            unsent,
            screen: Screen::DARK,
            asked_us: 0,
            person,
            since_ms,
            dial: 0,
            purpose,
            connected: false,
            asks: false,
            standing: Standing::Coming,
        })
    }

    /// This socket is open for counts.
    fn enter(&mut self, key: usize) {
        let now_us = self.now_us();
        let socket = &mut self.sockets[key];
        let person = socket.person;
        socket.standing = Standing::In;
        self.joining -= 1;
        self.joined += 1;
        self.tally.joined += 1;
        self.last_join_us = now_us;
        self.truth.joined(person, now_us);
        let who = &mut self.people[person as usize];
        self.tally.came_back += u64::from(who.attempts > 0);
        who.attempts = 0;
        if who.cookie.is_some() {
            who.ticket = None; // it will have expired when this viewer comes again
        }
        if who.second_tab && who.tabs[1] == NO_SOCKET && who.wanted {
            self.open(person, Purpose::Resident);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_viewer_costs_at_most_300_bytes() {
        let bytes = size_of::<Socket>() + size_of::<Person>();
        assert!(bytes <= 300, "{bytes}");
    }
}
