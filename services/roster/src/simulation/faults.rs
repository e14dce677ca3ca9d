//! How faults begin and end. Deliberately each can be drawn at any time: a fault that makes no sense just then does nothing.

use super::scenario::{Comeback, FaultKind, Weather};
use super::truth::ProcessNo;
use super::world::{Event, World};
use crate::replica::{Replica, ReplicaConfig};

/// A fault that has begun and not ended; where it matters, with the process that it struck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    Idle,
    Struck(Option<ProcessNo>),
}

impl World<'_> {
    pub(super) fn begin_fault(&mut self, no: usize) {
        let fault = self.scenario.faults[no];
        self.say(|| format!("fault begins: {:?}", fault.kind));
        let mut struck = None;
        match fault.kind {
            FaultKind::Crash { slot, .. } => {
                struck = self.newest_at(slot).inspect(|&process| self.end_process(process));
            }
            FaultKind::Pause { slot, twin } => {
                struck = self.newest_at(slot).filter(|&process| !self.processes[process].paused);
                if let Some(process) = struck {
                    self.processes[process].paused = true;
                    if twin {
                        self.start_process(slot, Comeback::Newer);
                    }
                }
            }
            FaultKind::Drain { slot } => {
                struck = self.newest_at(slot).filter(|&process| self.processes[process].accepts());
                if let Some(process) = struck {
                    let gateway = &mut self.processes[process];
                    gateway.draining = true;
                    gateway.roster.drain();
                    gateway.model.drain();
                    self.send_away(process);
                }
            }
            FaultKind::Restart { replica } => {
                let config = ReplicaConfig { sabotage: self.options.sabotage };
                self.stations[replica].restart(Replica::new(config), self.now_ms);
            }
            FaultKind::ReplicaPause { replica } => self.stations[replica].paused = true,
            FaultKind::Partition { slot, replica, up, down } => self.block(slot, replica, (up, down), true),
            FaultKind::CutOff { replica, noticed } => self.stations[replica].cut(true, noticed, self.now_ms),
            FaultKind::BusOutage { noticed } => {
                let now_ms = self.now_ms;
                self.stations.iter_mut().for_each(|station| station.cut(true, noticed, now_ms));
            }
        }
        self.progress[no] = Progress::Struck(struck);
        self.schedule(fault.for_ms, Event::End(no));
    }

    pub(super) fn end_fault(&mut self, no: usize) {
        let Progress::Struck(struck) = std::mem::replace(&mut self.progress[no], Progress::Idle) else { return };
        let fault = self.scenario.faults[no];
        self.say(|| format!("fault ends: {:?}", fault.kind));
        match fault.kind {
            FaultKind::Crash { slot, comeback } => {
                if struck.is_some() && comeback != Comeback::Never {
                    self.start_process(slot, comeback);
                }
            }
            FaultKind::Pause { .. } => {
                if let Some(process) = struck.filter(|&process| self.processes[process].alive) {
                    self.resume(process);
                }
            }
            FaultKind::Drain { .. } => {
                if let Some(process) = struck.filter(|&process| self.processes[process].alive) {
                    self.end_process(process);
                }
            }
            FaultKind::Restart { .. } => {}
            FaultKind::ReplicaPause { replica } => self.stations[replica].paused = false,
            FaultKind::Partition { slot, replica, up, down } => self.block(slot, replica, (up, down), false),
            FaultKind::CutOff { replica, noticed } => self.stations[replica].cut(false, noticed, self.now_ms),
            FaultKind::BusOutage { noticed } => {
                let now_ms = self.now_ms;
                self.stations.iter_mut().for_each(|station| station.cut(false, noticed, now_ms));
            }
        }
    }

    /// The end of all trouble: from here on the mesh has a bounded time to become exact.
    pub(super) fn heal(&mut self) {
        self.say(|| "everything heals, the crowd holds still".to_owned());
        self.healed = true;
        self.weather = Weather::FAIR;
        (0..self.scenario.faults.len()).for_each(|no| self.end_fault(no));
        if !self.processes.iter().any(|process| process.alive) {
            self.start_process(0, Comeback::Newer);
        }
    }

    fn end_process(&mut self, process: ProcessNo) {
        self.processes[process].alive = false;
        self.abandon(process);
    }

    fn resume(&mut self, process: ProcessNo) {
        self.processes[process].paused = false;
        self.see_leaves(process);
        for request in std::mem::take(&mut self.processes[process].inbox) {
            self.answer(process, &request);
        }
    }

    /// The process that was started last at a place, if it lives.
    fn newest_at(&self, slot: usize) -> Option<ProcessNo> {
        let newest = self.processes.iter().rposition(|process| process.slot == slot)?;
        self.processes[newest].alive.then_some(newest)
    }

    fn block(&mut self, slot: usize, replica: usize, (up, down): (bool, bool), begins: bool) {
        let blocked = self.blocked.entry((slot, replica)).or_default();
        for (count, affected) in [(&mut blocked.0, up), (&mut blocked.1, down)] {
            if affected {
                *count = if begins { *count + 1 } else { *count - 1 };
            }
        }
    }
}
