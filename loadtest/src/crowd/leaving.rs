//! How viewers go: by their will, with or without a goodbye, or against it, and then whether they come back.
//!
//! It deliberately follows the public protocol's close codes: the number says whether a client returns.

use super::{Crowd, NO_SOCKET, Purpose, Standing};
use crate::dialling;
use crate::screens::Screen;

/// A viewer that is not in after this long is given up and tries again.
const HANDSHAKE_MS_MAX: u32 = 30_000;
/// A goodbye that is not answered after this long is taken as answered.
const GOODBYE_MS_MAX: u32 = 5_000;

impl Crowd {
    /// This person says goodbye on all its tabs.
    pub fn leave(&mut self, person: u32) {
        self.people[person as usize].wanted = false;
        let since_ms = (self.now_us() / 1000) as u32;
        for key in self.take_tabs(person) {
            if self.sockets[key].standing == Standing::Coming {
                self.remove(key);
                continue;
            }
            self.uncount(key, true);
            let socket = &mut self.sockets[key];
            socket.since_ms = since_ms;
            let mut out = Vec::new();
            socket.viewer.leave(&mut out);
            self.send(key, &out);
        }
        self.truth.gave_up(person, self.now_us());
    }

    /// This person is cut off without a word: by a reset, or by the end of the stream as when its process is killed.
    pub fn cut(&mut self, person: u32, reset: bool) {
        self.people[person as usize].wanted = false;
        for key in self.take_tabs(person) {
            if reset {
                dialling::reset_on_close(&self.sockets[key].stream);
            }
            self.uncount(key, true);
            self.remove(key);
        }
        self.truth.gave_up(person, self.now_us());
    }

    /// The sockets of this person, which are its no more.
    fn take_tabs(&mut self, person: u32) -> impl Iterator<Item = usize> + use<> {
        let tabs = &mut self.people[person as usize].tabs;
        std::mem::replace(tabs, [NO_SOCKET; 2]).into_iter().filter(|key| *key != NO_SOCKET).map(|key| key as usize)
    }

    /// The server asked this person to come again: the old connection goes without a goodbye, so that it lingers.
    pub(super) fn drop_tabs(&mut self, person: u32) {
        for key in self.take_tabs(person) {
            self.uncount(key, false);
            self.remove(key);
        }
    }

    /// Takes a socket out of the truth and the screens, once.
    fn uncount(&mut self, key: usize, willing: bool) {
        let now_us = self.now_us();
        let socket = &mut self.sockets[key];
        if socket.standing != Standing::In {
            return;
        }
        socket.standing = Standing::Out;
        self.joined -= 1;
        if let Some(shown) = self.screens.leave(socket.screen) {
            self.probes.screen_left(shown);
        }
        self.probes.void_pending();
        socket.screen = Screen::DARK;
        if willing {
            self.truth.left(socket.person, now_us);
        } else {
            self.truth.lost(socket.person, now_us);
        }
    }

    /// A socket ended, not by our will unless it was leaving.
    pub(super) fn broke(&mut self, key: usize, reason: &str, code: Option<u16>) {
        let socket = &self.sockets[key];
        let (person, purpose) = (socket.person, socket.purpose);
        if purpose == Purpose::Floor {
            self.sockets.remove(key);
            return self.trouble("floor socket broke");
        }
        if socket.viewer.is_leaving() {
            return self.remove(key);
        }
        self.tally.lost += u64::from(socket.standing == Standing::In);
        self.uncount(key, false);
        self.remove(key);
        match code {
            Some(4401) => self.wants_ticket(person, reason),
            None | Some(1001 | 1005 | 1006 | 1011 | 1012 | 1013 | 4408 | 4429) => {
                self.comes_back(person, reason, None);
            }
            Some(_) => self.gives_up(person, reason),
        }
    }

    pub(super) fn remove(&mut self, key: usize) {
        let socket = self.sockets.remove(key);
        if socket.standing == Standing::Coming {
            self.joining -= 1;
            if socket.purpose == Purpose::Probe && socket.asked_us > 0 {
                self.probes.void_pending();
            }
        }
        let tabs = &mut self.people[socket.person as usize].tabs;
        if let Some(tab) = tabs.iter_mut().find(|tab| **tab == key as u32) {
            *tab = NO_SOCKET;
        }
    }

    pub(super) fn comes_back(&mut self, person: u32, reason: &str, after_ms: Option<u64>) {
        self.trouble(reason);
        let who = &mut self.people[person as usize];
        who.attempts = who.attempts.saturating_add(1);
        let attempts = who.attempts;
        let now_us = self.now_us();
        self.returns.back_off(person, attempts, after_ms, now_us);
    }

    /// The ticket is not good any more: with the cookie a new one is the same viewer's.
    pub(super) fn wants_ticket(&mut self, person: u32, reason: &str) {
        let who = &mut self.people[person as usize];
        if who.cookie.is_none() {
            return self.gives_up(person, reason);
        }
        who.ticket = None;
        self.comes_back(person, reason, None);
    }

    pub(super) fn gives_up(&mut self, person: u32, reason: &str) {
        self.trouble(reason);
        self.people[person as usize].wanted = false;
        self.truth.gave_up(person, self.now_us());
    }

    pub(super) fn trouble(&mut self, name: &str) {
        *self.tally.troubles.entry(name.to_owned()).or_default() += 1;
    }

    /// Ends what takes too long.
    pub(super) fn sweep(&mut self, now_ms: u32) {
        let late: Vec<(usize, bool)> = self
            .sockets
            .iter()
            .filter(|(_, socket)| socket.purpose != Purpose::Floor)
            .filter_map(|(key, socket)| {
                let age_ms = now_ms.saturating_sub(socket.since_ms);
                let leaving = socket.viewer.is_leaving();
                let late = if leaving {
                    age_ms > GOODBYE_MS_MAX
                } else {
                    socket.standing == Standing::Coming && age_ms > HANDSHAKE_MS_MAX
                };
                late.then_some((key, leaving))
            })
            .collect();
        for (key, leaving) in late {
            if leaving {
                self.trouble("goodbye not answered");
                self.remove(key);
            } else {
                self.broke(key, "handshake took too long", None);
            }
        }
    }
}
