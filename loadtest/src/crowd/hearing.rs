//! The crowd's ears: what a ready socket brings, and what the viewer says back at once.
//!
//! It deliberately stops at a short read, which has emptied the socket: the kernel tells again when more comes.

use super::{Crowd, Purpose, Standing};
use crate::viewer::{Heard, Viewer};
use crate::wire;
use std::io::{ErrorKind, Read, Write};

impl Crowd {
    pub(super) fn ready(&mut self, key: usize, writable: bool, ended: bool) {
        let Some(socket) = self.sockets.get_mut(key) else {
            return;
        };
        if !socket.connected {
            if let Ok(Some(error)) = socket.stream.take_error() {
                return self.broke(key, &format!("connect: {}", error.kind()), None);
            }
            if socket.stream.peer_addr().is_err() {
                return;
            }
            socket.connected = true;
            self.floor_connected += u32::from(socket.purpose == Purpose::Floor);
        }
        if writable && !socket.unsent.is_empty() {
            self.flush(key);
        }
        self.read(key, ended);
    }

    pub(super) fn send(&mut self, key: usize, bytes: &[u8]) {
        self.sockets[key].unsent.extend_from_slice(bytes);
        self.flush(key);
    }

    /// Writes what is unsent. Errors are left to the read that follows: it says them too.
    fn flush(&mut self, key: usize) {
        let now_us = self.now_us();
        let socket = &mut self.sockets[key];
        let unsent = &mut socket.unsent;
        while !unsent.is_empty() {
            match socket.stream.write(unsent) {
                Ok(written) if written == unsent.len() => *unsent = Vec::new(),
                Ok(written) => drop(unsent.drain(..written)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
        if !std::mem::take(&mut socket.asks) {
            return;
        }
        socket.asked_us = now_us;
        let (person, purpose) = (socket.person, socket.purpose);
        self.truth.asked(person, now_us);
        if purpose == Purpose::Probe {
            let target = self.truth.now().high;
            self.probes.asked(target, self.screens.lit(), now_us);
        }
    }

    /// Reads until the socket is empty, or to its end if the kernel says that there is one.
    fn read(&mut self, key: usize, ended: bool) {
        let mut buffer = std::mem::take(&mut self.buffer);
        while let Some(socket) = self.sockets.get_mut(key) {
            match socket.stream.read(&mut buffer) {
                Ok(0) => {
                    self.broke(key, "end of stream", None);
                    break;
                }
                Ok(read) => {
                    let emptied = read < buffer.len() && !ended;
                    if !self.hear(key, &buffer[..read]) || emptied {
                        break;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.broke(key, &format!("read: {}", error.kind()), None);
                    break;
                }
            }
        }
        self.buffer = buffer;
    }

    /// Takes in bytes; false when the socket is gone.
    fn hear(&mut self, key: usize, bytes: &[u8]) -> bool {
        let held = self.sockets[key].viewer.take_held(bytes);
        let mut rest = held.as_deref().unwrap_or(bytes);
        loop {
            match self.sockets[key].viewer.next(&mut rest) {
                Ok(Some(heard)) => {
                    if !self.heard(key, heard) {
                        return false;
                    }
                }
                Ok(None) => break,
                Err(fault) => {
                    self.broke(key, &format!("fault: {fault}"), None);
                    return false;
                }
            }
        }
        self.sockets[key].viewer.hold(rest);
        true
    }

    fn heard(&mut self, key: usize, heard: Heard<'_>) -> bool {
        let socket = &mut self.sockets[key];
        let person = socket.person;
        match heard {
            Heard::Count(payload) => return self.count(key, payload),
            Heard::Ticket { ticket, cookie, closes } => {
                let dial = &self.dials[usize::from(socket.dial)].1;
                let mut out = Vec::new();
                socket.viewer.upgrade(dial, &ticket, &mut out);
                socket.asks = !dial.join_by_message;
                let purpose = socket.purpose;
                let who = &mut self.people[person as usize];
                who.ticket = Some(ticket.into());
                if let Some(cookie) = cookie {
                    who.cookie = Some(cookie.into());
                }
                if closes {
                    self.remove(key);
                    self.open(person, purpose);
                    return false;
                }
                self.send(key, &out);
            }
            Heard::Upgraded => {
                let dial = &self.dials[usize::from(socket.dial)].1;
                if !dial.join_by_message {
                    self.enter(key);
                } else if let Some(ticket) = &self.people[person as usize].ticket {
                    let mut out = Vec::new();
                    Viewer::join(dial, ticket, &mut out);
                    socket.asks = true;
                    self.send(key, &out);
                }
            }
            Heard::Ping(payload) => {
                let mut out = Vec::new();
                wire::write(wire::Opcode::Pong, payload, &mut out);
                self.send(key, &out);
            }
            Heard::Reconnect { after_ms } => {
                let now_us = self.now_us();
                self.returns.at(person, now_us + after_ms * 1000);
            }
            Heard::Error(code) => self.trouble(&format!("error frame: {code}")),
            Heard::Closed(code) => {
                let code = code.unwrap_or(1005);
                self.broke(key, &format!("close {code}"), Some(code));
                return false;
            }
            Heard::Refused { status, retry_after_ms } => {
                self.remove(key);
                let reason = format!("status {status}");
                match status {
                    429 | 503 => self.comes_back(person, &reason, retry_after_ms),
                    401 => self.wants_ticket(person, &reason),
                    _ => self.gives_up(person, &reason),
                }
                return false;
            }
        }
        true
    }

    fn count(&mut self, key: usize, payload: &[u8]) -> bool {
        let now_us = self.now_us();
        let socket = &mut self.sockets[key];
        if socket.purpose == Purpose::Floor {
            self.floor_deliveries += 1;
            return true;
        }
        if socket.viewer.is_leaving() {
            return true;
        }
        let Some(shown) = self.screens.deliver(&mut socket.screen, payload, now_us) else {
            self.broke(key, "fault: unreadable count", None);
            return false;
        };
        match shown.before {
            Some(before) => self.probes.shown(before, shown.after, now_us),
            None => self.first_count.record(now_us - socket.asked_us),
        }
        if socket.standing == Standing::Coming {
            self.enter(key);
        }
        true
    }
}
