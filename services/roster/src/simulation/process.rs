//! The gateways of the simulated mesh: their lives, their ticks and their answers.
//! Deliberately thin: a roster does the work, and a model beside it says what it should have done.

use super::Failure;
use super::crowd::UnseenLeave;
use super::scenario::{Comeback, Scenario};
use super::station::Mail;
use super::truth::{Model, ProcessNo};
use super::world::{Event, WALL_MS, World};
use crate::frames::{ResyncRequest, Tick};
use crate::gateway::GatewayRoster;
use crate::ids::{Millis, SourceName};
use crate::limits::TICK_INTERVAL_MS;

/// One life of a gateway.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) slot: usize,
    pub(super) roster: GatewayRoster,
    pub(super) model: Model,
    /// The machine's monotonic clock is ahead of the simulation's by this.
    pub(super) clock_ms: Millis,
    pub(super) alive: bool,
    pub(super) paused: bool,
    pub(super) draining: bool,
    pub(super) unseen: Vec<UnseenLeave>,
    pub(super) inbox: Vec<ResyncRequest>,
}

impl Process {
    pub(super) fn accepts(&self) -> bool {
        self.roster.seq() > 0 && self.alive && !self.paused && !self.draining
    }
}

impl World<'_> {
    pub(super) fn start_process(&mut self, slot: usize, comeback: Comeback) {
        let name = SourceName::new(format!("gateway-{slot}"));
        let epochs = self.owners.keys().filter(|(of, _)| *of == name).map(|(_, epoch)| *epoch);
        let epoch = match comeback {
            Comeback::Older => epochs.min().map_or(WALL_MS, |oldest| oldest - 1 - self.rng.below(1_000)),
            _ => epochs.max().map_or(WALL_MS, |newest| newest + 1).max(WALL_MS + self.now_ms),
        };
        let Scenario { tick_bytes_max, part_members_max, .. } = self.scenario;
        let no = self.processes.len();
        self.say(|| format!("process {no} starts as {name} in epoch {epoch}"));
        self.owners.insert((name.clone(), epoch), no);
        self.processes.push(Process {
            slot,
            roster: GatewayRoster::new(name, epoch).with_frames_of(tick_bytes_max, part_members_max),
            model: Model::default(),
            clock_ms: self.rng.below(1_000_000),
            alive: true,
            paused: false,
            draining: false,
            unseen: Vec::new(),
            inbox: Vec::new(),
        });
        let after_ms = self.rng.between(1, TICK_INTERVAL_MS);
        self.schedule(after_ms, Event::Tick(no));
    }

    pub(super) fn tick(&mut self, no: ProcessNo) -> Result<(), Failure> {
        let process = &mut self.processes[no];
        if !process.alive {
            return Ok(());
        }
        if !process.paused {
            let at_ms = WALL_MS + self.now_ms;
            let ticks = process.roster.tick(self.now_ms + process.clock_ms, at_ms);
            let joined_at_ms = ticks.first().map_or(at_ms, |tick| tick.at_ms);
            if process.model.tick(self.now_ms, joined_at_ms) && ticks.is_empty() {
                return Err(self.failure("exact sets", format!("process {no} does not tell a change")));
            }
            let last = ticks.len();
            for (place, tick) in (1..).zip(ticks) {
                self.publish_tick(no, tick, place == last);
            }
        }
        self.schedule(TICK_INTERVAL_MS, Event::Tick(no));
        Ok(())
    }

    fn publish_tick(&mut self, no: ProcessNo, mut tick: Tick, is_last: bool) {
        self.say(|| format!("process {no} tells {tick:?}"));
        self.note("tick", no, tick.seq as usize);
        // In the midst of a split tick the set is that of no moment.
        let told = is_last.then(|| self.processes[no].model.hash());
        self.told.insert((tick.source.clone(), tick.epoch, tick.seq), told);
        if self.options.corrupt_a_tick
            && !self.corrupted
            && self.now_ms > 4_000
            && tick.topics.iter_mut().any(|delta| delta.joins.pop().is_some())
        {
            self.corrupted = true;
        }
        self.send_to_stations(no, &Mail::Tick(tick));
    }

    /// A gateway answers a resync request.
    pub(super) fn answer(&mut self, no: ProcessNo, request: &ResyncRequest) {
        let process = &mut self.processes[no];
        let fresh = if self.options.keep_name_when_fenced {
            request.source.clone()
        } else {
            SourceName::new(format!("{}-{no}-{}", request.source, self.now_ms))
        };
        let answers = process.roster.on_resync(request, || fresh.clone());
        if *process.roster.source() == fresh && !answers.is_empty() {
            let (epoch, seq) = (process.roster.epoch(), process.roster.seq());
            self.told.insert((fresh.clone(), epoch, seq), Some(process.model.hash()));
            self.owners.insert((fresh, epoch), no);
        }
        self.say(|| format!("process {no} answers {request:?} with {} frames", answers.len()));
        for answer in answers {
            self.send_to_stations(no, &Mail::Resync(answer));
        }
    }
}
