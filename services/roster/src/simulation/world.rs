//! The simulated mesh and its only thread: events in the order of simulated time.
//! Deliberately the one place that holds everything; what the crowd, the faults and the judge do stands in their own files.

use std::collections::BTreeMap;

use super::crowd::Device;
use super::faults::Progress;
use super::process::Process;
use super::rng::Rng;
use super::scenario::{Comeback, Scenario, Weather};
use super::station::{Mail, Station};
use super::truth::{ProcessNo, Truth};
use super::{CONVERGENCE_MS_MAX, Failure, Options, Report};
use crate::digest::mix64;
use crate::frames::ResyncRequest;
use crate::ids::{Millis, SourceName};
use crate::replica::{Counts, Effect, Liveness, Replica, ReplicaConfig};

/// What all wall clocks show when the simulation begins.
pub(super) const WALL_MS: Millis = 1_760_000_000_000;
/// How often a replica looks at its timers, and the judge at the healed mesh.
const TIMER_MS: Millis = 100;
/// After healing, the first look: by then all old messages have arrived or are lost, and every gateway was heard again.
const SETTLE_MS: Millis = 3_000;
/// Exact for so long: then the run is over.
const EXACT_FOR_MS: Millis = 1_500;

#[derive(Debug)]
pub(super) enum Event {
    Tick(ProcessNo),
    Timer(usize),
    ToStation { station: usize, from: ProcessNo, mail: Mail },
    Revision { station: usize, revision: u64 },
    ToProcess { process: ProcessNo, request: ResyncRequest },
    Step { device: usize, plan: u64 },
    Begin(usize),
    End(usize),
    Heal,
    Inspect,
}

pub(super) struct World<'a> {
    seed: u64,
    pub(super) options: Options,
    trace: Option<&'a mut dyn FnMut(String)>,
    pub(super) rng: Rng,
    pub(super) scenario: Scenario,
    pub(super) now_ms: Millis,
    queue: BTreeMap<(Millis, u64), Event>,
    scheduled: u64,
    pub(super) processes: Vec<Process>,
    /// Which process has, or had, a name in an epoch.
    pub(super) owners: BTreeMap<(SourceName, u64), ProcessNo>,
    /// A hash of everything told, after each tick.
    pub(super) told: BTreeMap<(SourceName, u64, u64), Option<u64>>,
    pub(super) stations: Vec<Station>,
    pub(super) devices: Vec<Device>,
    pub(super) truth: Truth,
    pub(super) weather: Weather,
    /// Partitions now, by (slot, replica): to the replica, and from it.
    pub(super) blocked: BTreeMap<(usize, usize), (u32, u32)>,
    pub(super) progress: Vec<Progress>,
    pub(super) healed: bool,
    /// The planted corruption has happened.
    pub(super) corrupted: bool,
    exact_since_ms: Option<Millis>,
    pub(super) report: Report,
}

impl<'a> World<'a> {
    pub(super) fn new(seed: u64, options: Options, trace: Option<&'a mut dyn FnMut(String)>) -> Self {
        let mut rng = Rng::new(seed);
        let scenario = Scenario::draw(&mut rng);
        let mut world = Self {
            seed,
            options,
            trace,
            rng,
            now_ms: 0,
            queue: BTreeMap::new(),
            scheduled: 0,
            processes: Vec::new(),
            owners: BTreeMap::new(),
            told: BTreeMap::new(),
            stations: Vec::new(),
            devices: Vec::new(),
            truth: Truth::default(),
            weather: scenario.weather,
            blocked: BTreeMap::new(),
            progress: vec![Progress::Idle; scenario.faults.len()],
            healed: false,
            corrupted: false,
            exact_since_ms: None,
            report: Report::default(),
            scenario,
        };
        world.set_up();
        world
    }

    fn set_up(&mut self) {
        let scenario = self.scenario.clone();
        self.say(|| format!("{scenario:?}"));
        for slot in 0..scenario.gateways {
            self.start_process(slot, Comeback::Newer);
        }
        for no in 0..scenario.replicas {
            let config = ReplicaConfig { sabotage: self.options.sabotage };
            let clock_ms = self.rng.below(1_000_000);
            let mut station = Station::new(Replica::new(config), clock_ms);
            station.replica.on_bus(true, clock_ms);
            self.stations.push(station);
            let after_ms = self.rng.below(TIMER_MS);
            self.schedule(after_ms, Event::Timer(no));
        }
        self.gather_crowd();
        for (no, fault) in scenario.faults.iter().enumerate() {
            self.schedule(fault.at_ms, Event::Begin(no));
        }
        self.schedule(scenario.heal_ms, Event::Heal);
    }

    /// Runs until the mesh is exact after all faults are healed.
    pub(super) fn run(mut self) -> Result<Report, Failure> {
        while let Some(((now_ms, _), event)) = self.queue.pop_first() {
            self.now_ms = now_ms;
            match event {
                Event::Tick(process) => self.tick(process)?,
                Event::Timer(station) => self.timer(station)?,
                Event::ToStation { station, from, mail } => self.deliver(station, from, mail)?,
                Event::Revision { station, revision } => self.stations[station].replica.observe_revision(revision),
                Event::ToProcess { process, request } => {
                    if self.processes[process].paused {
                        self.processes[process].inbox.push(request);
                    } else if self.processes[process].alive {
                        self.answer(process, &request);
                    }
                }
                Event::Step { device, plan } => self.step(device, plan),
                Event::Begin(fault) => self.begin_fault(fault),
                Event::End(fault) => self.end_fault(fault),
                Event::Heal => {
                    self.heal();
                    self.schedule(SETTLE_MS, Event::Inspect);
                }
                Event::Inspect => {
                    if self.inspect()? {
                        break;
                    }
                }
            }
        }
        self.judge_end()?;
        self.sum_up();
        Ok(self.report)
    }

    /// True once the mesh was exact for long enough.
    fn inspect(&mut self) -> Result<bool, Failure> {
        self.schedule(TIMER_MS, Event::Inspect);
        let waited_ms = self.now_ms - self.scenario.heal_ms;
        match (self.judge_exactness(), self.exact_since_ms) {
            (Ok(()), None) => self.exact_since_ms = Some(self.now_ms),
            (Ok(()), Some(since_ms)) => {
                self.report.convergence_ms = since_ms - self.scenario.heal_ms;
                return Ok(self.now_ms >= since_ms + EXACT_FOR_MS);
            }
            (Err(detail), Some(_)) => return Err(self.failure("convergence", format!("not any more: {detail}"))),
            (Err(detail), None) if waited_ms > CONVERGENCE_MS_MAX => {
                return Err(self.failure("convergence", format!("not within {waited_ms} ms: {detail}")));
            }
            (Err(_), None) => {}
        }
        Ok(false)
    }

    fn deliver(&mut self, no: usize, from: ProcessNo, mail: Mail) -> Result<(), Failure> {
        if self.stations[no].paused {
            self.stations[no].inbox.push_back((from, mail));
            return Ok(());
        }
        let Some(source) = mail.source() else { return Ok(()) };
        let station = &mut self.stations[no];
        station.hear(from, &mail, self.now_ms);
        let effects = station.take(mail, self.now_ms);
        self.note("deliver", no, from);
        self.carry_out(no, &effects)?;
        self.judge_sets(no, &source)
    }

    fn carry_out(&mut self, no: usize, effects: &[Effect]) -> Result<(), Failure> {
        for effect in effects {
            self.say(|| format!("replica {no}: {effect:?}"));
            self.report.facts += 1;
            if let Err(detail) = self.stations[no].book(effect) {
                return Err(self.failure("facts", detail));
            }
            let dropped = matches!(effect, Effect::Source { is: Liveness::Dropped, .. });
            if dropped && self.stations[no].noticed_cuts > 0 {
                return Err(
                    self.failure("self-suspicion", format!("replica {no} knows that it is cut off: {effect:?}"))
                );
            }
            if let Effect::Request(request) = effect {
                self.send_to_processes(no, request);
            }
        }
        Ok(())
    }

    fn timer(&mut self, no: usize) -> Result<(), Failure> {
        self.schedule(TIMER_MS, Event::Timer(no));
        if self.stations[no].paused {
            self.stations[no].published_ms = None;
            return Ok(());
        }
        let station = &mut self.stations[no];
        let clock_ms = self.now_ms + station.clock_ms;
        let effects = station.replica.on_timer(clock_ms);
        let frames = station.replica.publish(clock_ms, WALL_MS + self.now_ms);
        self.carry_out(no, &effects)?;
        for frame in frames {
            self.publish_counts(no, &frame)?;
        }
        self.judge_cadence(no)?;
        // After a pause the timers run first and the mail comes later: the worse order.
        while let Some((from, mail)) = self.stations[no].inbox.pop_front() {
            self.deliver(no, from, mail)?;
        }
        Ok(())
    }

    fn publish_counts(&mut self, no: usize, frame: &Counts) -> Result<(), Failure> {
        self.say(|| format!("replica {no} publishes {frame:?}"));
        self.stations[no].published_ms = Some(self.now_ms);
        let Some(revision) = frame.counts.iter().map(|(_, count)| count.revision).max() else { return Ok(()) };
        for (topic, count) in &frame.counts {
            self.note("count", count.viewers as usize, count.low as usize);
            self.judge_count(no, topic, *count)?;
        }
        self.send_revision(no, revision);
        Ok(())
    }

    pub(super) fn schedule(&mut self, after_ms: Millis, event: Event) {
        self.scheduled += 1;
        self.queue.insert((self.now_ms + after_ms, self.scheduled), event);
    }

    /// Takes what happened into the hash by which two runs are compared, and into the trace.
    pub(super) fn note(&mut self, what: &'static str, a: usize, b: usize) {
        let now_ms = self.now_ms;
        let mixed = mix64(now_ms ^ mix64(a as u64 ^ mix64(b as u64 ^ what.len() as u64)));
        self.report.trace_hash = mix64(self.report.trace_hash ^ mixed);
    }

    pub(super) fn say(&mut self, line: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace(format!("{:>7} {}", self.now_ms, line()));
        }
    }

    pub(super) fn failure(&self, law: &'static str, detail: String) -> Failure {
        Failure { seed: self.seed, at_ms: self.now_ms, law, detail }
    }

    fn sum_up(&mut self) {
        for process in &self.processes {
            self.report.ticks += process.roster.stats().ticks;
            self.report.fenced += process.roster.stats().fenced;
        }
        for station in &self.stations {
            let stats = station.replica.stats();
            self.report.gaps += stats.gaps;
            self.report.snapshots += stats.snapshots;
            self.report.dropped += stats.dropped;
        }
    }
}
