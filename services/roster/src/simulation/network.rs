//! The bus of the simulated mesh: who can reach whom, and what becomes of a message on its way.
//! Deliberately as weak as the real one: neither delivery nor order is promised.

use super::station::Mail;
use super::truth::ProcessNo;
use super::world::{Event, World};
use crate::frames::ResyncRequest;

impl World<'_> {
    /// A gateway tells all replicas.
    pub(super) fn send_to_stations(&mut self, from: ProcessNo, mail: &Mail) {
        let slot = self.processes[from].slot;
        for station in 0..self.stations.len() {
            let (up, _) = self.blocked.get(&(slot, station)).copied().unwrap_or_default();
            if up == 0 && self.stations[station].cuts == 0 {
                self.send(|| Event::ToStation { station, from, mail: mail.clone() });
            }
        }
    }

    /// A replica asks the gateways; each finds out by itself whether it is meant.
    pub(super) fn send_to_processes(&mut self, from: usize, request: &ResyncRequest) {
        for process in 0..self.processes.len() {
            let slot = self.processes[process].slot;
            let (_, down) = self.blocked.get(&(slot, from)).copied().unwrap_or_default();
            if down == 0 && self.stations[from].cuts == 0 && self.processes[process].alive {
                self.send(|| Event::ToProcess { process, request: request.clone() });
            }
        }
    }

    /// A replica tells the others.
    pub(super) fn send_revision(&mut self, from: usize, revision: u64) {
        for station in 0..self.stations.len() {
            if station != from && self.stations[station].cuts + self.stations[from].cuts == 0 {
                self.send(|| Event::Revision { station, revision });
            }
        }
    }

    /// One message on its way: lost, once or twice, at its own pace.
    fn send(&mut self, event: impl Fn() -> Event) {
        if self.rng.chance(self.weather.loss_permille) {
            return;
        }
        let copies = 1 + u64::from(self.rng.chance(self.weather.twice_permille));
        for _ in 0..copies {
            let delay_ms = self.rng.between(1, self.weather.delay_ms_max);
            self.schedule(delay_ms, event());
        }
    }
}
