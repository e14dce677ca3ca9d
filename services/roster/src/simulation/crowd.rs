//! The viewers: they come, stay, leave with or without a goodbye, and come back elsewhere when their gateway is gone.
//! Deliberately they know nothing of the protocol: a connection is all that they have.

use super::truth::{ProcessNo, ViewerNo};
use super::world::{Event, World};
use crate::gateway::Leave;
use crate::ids::{Topic, ViewerId};

/// A viewer's phone or laptop; it has at most one connection.
#[derive(Debug)]
pub(super) struct Device {
    pub(super) viewer: ViewerNo,
    pub(super) topics: Vec<Topic>,
    pub(super) at: Option<ProcessNo>,
    /// Only the step with this number counts; older plans are void.
    plan: u64,
}

/// A leave that a paused gateway will see when it goes on.
#[derive(Debug)]
pub(super) struct UnseenLeave {
    viewer: ViewerNo,
    topics: Vec<Topic>,
}

pub(super) fn viewer_id(viewer: ViewerNo) -> ViewerId {
    ViewerId::derive(b"simulated events", &viewer.to_string())
}

impl World<'_> {
    pub(super) fn gather_crowd(&mut self) {
        for viewer in 0..self.scenario.viewers {
            let event = self.rng.index(self.scenario.events);
            let mut topics = vec![Topic::new(format!("demo/event-{event}"))];
            if self.scenario.rooms > 0 && self.rng.chance(600) {
                let room = self.rng.index(self.scenario.rooms);
                topics.push(Topic::new(format!("demo/event-{event}/room-{room}")));
            }
            let devices = 1 + u64::from(self.rng.chance(self.scenario.two_devices_permille));
            for _ in 0..devices {
                self.devices.push(Device { viewer, topics: topics.clone(), at: None, plan: 0 });
                self.plan_step(self.devices.len() - 1, 0, 3_000);
            }
        }
    }

    pub(super) fn plan_step(&mut self, device: usize, from_ms: u64, to_ms: u64) {
        let after_ms = self.rng.between(from_ms, to_ms.max(from_ms));
        self.devices[device].plan += 1;
        let plan = self.devices[device].plan;
        self.schedule(after_ms, Event::Step { device, plan });
    }

    /// A device that is offline connects; one that is connected leaves.
    pub(super) fn step(&mut self, device: usize, plan: u64) {
        if self.healed || self.devices[device].plan != plan {
            return;
        }
        let Some(process) = self.devices[device].at else {
            let open: Vec<ProcessNo> = (0..self.processes.len()).filter(|&no| self.processes[no].accepts()).collect();
            if open.is_empty() {
                self.plan_step(device, 100, 1_000);
            } else {
                let process = open[self.rng.index(open.len())];
                self.connect(device, process);
                self.plan_step(device, 50, self.scenario.stay_ms_max);
            }
            return;
        };
        let cause = if self.rng.chance(self.scenario.rude_permille) { Leave::Broken } else { Leave::Clean };
        let Device { viewer, ref topics, .. } = self.devices[device];
        let topics = topics.clone();
        self.devices[device].at = None;
        if self.processes[process].paused {
            self.processes[process].unseen.push(UnseenLeave { viewer, topics });
        } else {
            self.disconnect(process, viewer, &topics, cause);
        }
        let back_ms = self.rng.pick(&[0, 50, 500, 3_000, 12_000]);
        self.plan_step(device, 0, back_ms);
    }

    fn connect(&mut self, device: usize, process: ProcessNo) {
        self.note("connect", device, process);
        let Device { viewer, ref topics, .. } = self.devices[device];
        let gateway = &mut self.processes[process];
        for topic in topics {
            if self.truth.connect(process, topic, viewer, self.now_ms) {
                gateway.roster.join(topic, viewer_id(viewer));
                gateway.model.join(topic, viewer_id(viewer));
            }
            gateway.roster.set_connections(topic, self.truth.connections_at(process, topic));
        }
        self.devices[device].at = Some(process);
    }

    /// A connection ends at a gateway that sees it.
    pub(super) fn disconnect(&mut self, process: ProcessNo, viewer: ViewerNo, topics: &[Topic], cause: Leave) {
        self.note(if cause == Leave::Clean { "leave" } else { "break" }, viewer, process);
        let gateway = &mut self.processes[process];
        let clock_ms = self.now_ms + gateway.clock_ms;
        for topic in topics {
            if self.truth.disconnect(process, topic, viewer, self.now_ms) {
                gateway.roster.leave(topic, viewer_id(viewer), cause, clock_ms);
                gateway.model.leave(topic, viewer_id(viewer), cause, self.now_ms);
            }
            gateway.roster.set_connections(topic, self.truth.connections_at(process, topic));
        }
    }

    /// The process is gone: its connections end in truth, and the devices come back within seconds.
    pub(super) fn abandon(&mut self, process: ProcessNo) {
        for device in 0..self.devices.len() {
            if self.devices[device].at == Some(process) {
                self.devices[device].at = None;
                let Device { viewer, ref topics, .. } = self.devices[device];
                for topic in topics {
                    self.truth.disconnect(process, topic, viewer, self.now_ms);
                }
                self.plan_step(device, 50, 8_000);
            }
        }
        for UnseenLeave { viewer, topics } in std::mem::take(&mut self.processes[process].unseen) {
            for topic in &topics {
                self.truth.disconnect(process, topic, viewer, self.now_ms);
            }
        }
    }

    /// A paused process goes on and sees who has left meanwhile.
    pub(super) fn see_leaves(&mut self, process: ProcessNo) {
        for UnseenLeave { viewer, topics } in std::mem::take(&mut self.processes[process].unseen) {
            self.disconnect(process, viewer, &topics, Leave::Broken);
        }
    }

    /// A draining process sends its devices elsewhere, spread over some seconds.
    pub(super) fn send_away(&mut self, process: ProcessNo) {
        for device in 0..self.devices.len() {
            if self.devices[device].at == Some(process) {
                self.plan_step(device, 0, 4_000);
            }
        }
    }
}
