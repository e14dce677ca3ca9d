//! The step that alternates the floor and the server: floor, server, floor, server, …, floor.
//!
//! The machine's speed drifts, so each server phase is divided by the mean of the floor phases before and after it, and
//! the median of those ratios counts. The same event loop receives for both. It deliberately reads CPU only when all
//! deliveries of a phase are in.

use crate::crowd::Purpose;
use crate::floor::Floor;
use crate::meter;
use crate::report::{Round, median};
use crate::steps::Walk;
use crate::wire::{self, Opcode};
use anyhow::{Context, Result, ensure};
use rustix::process::{Resource, getrlimit};

/// People who come and go to keep the number moving.
pub(crate) const CHURN_PEOPLE: usize = 16;
/// How long the server churns before the first round; its rate of counts is then the floor's.
const WARM_UP_S: u32 = 3;
/// The floor's rate when the server's cannot be told, and its bounds, counts a second.
const COUNTS_PER_S_MIN: f64 = 0.5;
const COUNTS_PER_S_MAX: f64 = 20.0;
/// Quiet between phases, so that each is charged for all it caused.
const QUIET_US: u64 = 700_000;
/// Connections to the floor under way at once.
const FLOOR_OPENING_MAX: u32 = 256;
/// Connecting to the floor, and the end of a floor phase, are waited for so long.
const FLOOR_US_MAX: u64 = 20_000_000;
/// File descriptors kept free of viewers and floor clients.
pub(crate) const DESCRIPTORS_SPARE: u64 = 128;

/// A floor phase.
#[derive(Clone, Copy, Debug)]
struct FloorPhase {
    us_per_delivery: f64,
    interrupt_cores: f64,
}

/// Who comes and goes: all in, then all out, so that each change moves the number.
struct Churn {
    people: Vec<u32>,
    inside: usize,
    leaving: bool,
    next_us: u64,
}

impl Walk {
    pub(crate) fn compare(&mut self) -> Result<()> {
        let plan = &self.run.plan;
        let (rounds, phase_s) = (plan.rounds, plan.phase_s);
        let cpus = plan.floor_cpus.clone().or_else(|| plan.server_pid.and_then(meter::cpus_of));
        let mut churn = Churn { people: Vec::new(), inside: 0, leaving: false, next_us: 0 };
        for _ in 0..CHURN_PEOPLE {
            churn.people.push(self.person(false)?);
        }
        let counts_per_s = self.warm_up(&mut churn)?;
        let opcode =
            if self.crowd.screens.last_payload().first() == Some(&b'{') { Opcode::Text } else { Opcode::Binary };
        let frame = wire::server_frame(opcode, self.crowd.screens.last_payload());
        let sockets = self.floor_sockets();
        let mut floor = Floor::start(&self.run.floor_program, &frame, sockets, cpus.as_deref())?;
        self.connect_floor(&floor, sockets)?;

        let mut done = Vec::new();
        let mut before = self.floor_phase(&mut floor, sockets, counts_per_s)?;
        for _ in 0..rounds {
            let mut round = self.server_phase(&mut churn, phase_s)?;
            let after = self.floor_phase(&mut floor, sockets, counts_per_s)?;
            round.floor_us_per_delivery = f64::midpoint(before.us_per_delivery, after.us_per_delivery);
            round.floor_interrupt_cores = after.interrupt_cores;
            round.ratio = round.server_us_per_delivery.map(|server_us| server_us / round.floor_us_per_delivery);
            done.push(round);
            before = after;
        }
        self.crowd.close_floor();
        for person in churn.people {
            self.crowd.leave(person);
        }
        let now_us = self.crowd.now_us();
        self.until_exact(now_us)?;

        let of = |pick: fn(&Round) -> Option<f64>| median(done.iter().filter_map(pick).collect());
        let cost = self.report.cost.get_or_insert_default();
        cost.ratio = of(|round| round.ratio);
        cost.server_us_per_delivery = of(|round| round.server_us_per_delivery);
        cost.floor_us_per_delivery = of(|round| Some(round.floor_us_per_delivery));
        cost.counts_per_s = counts_per_s;
        cost.floor_sockets = u64::from(sockets);
        cost.frame_bytes = frame.len() as u64;
        cost.rounds = done;
        Ok(())
    }

    /// Counts a second that the server publishes while the number moves.
    fn warm_up(&mut self, churn: &mut Churn) -> Result<f64> {
        let before = self.crowd.screens.totals().publications;
        self.churn_for(churn, WARM_UP_S)?;
        let counts = self.crowd.screens.totals().publications - before;
        Ok((counts as f64 / f64::from(WARM_UP_S)).clamp(COUNTS_PER_S_MIN, COUNTS_PER_S_MAX))
    }

    /// As many floor clients as viewers, or as the descriptors allow: the cost is a delivery's, so fewer do as well.
    fn floor_sockets(&self) -> u32 {
        let room = getrlimit(Resource::Nofile)
            .current
            .unwrap_or(u64::from(u32::MAX))
            .saturating_sub(self.crowd.sockets() as u64 + DESCRIPTORS_SPARE);
        self.report.sockets.min(room).max(1) as u32
    }

    fn connect_floor(&mut self, floor: &Floor, sockets: u32) -> Result<()> {
        let deadline_us = self.crowd.now_us() + FLOOR_US_MAX;
        let mut opened = 0;
        while self.crowd.floor_connected < sockets {
            while opened < sockets && opened - self.crowd.floor_connected < FLOOR_OPENING_MAX {
                self.crowd.open_floor(floor.address(), opened).context("cannot connect to the floor")?;
                opened += 1;
            }
            ensure!(self.turn()? < deadline_us, "the floor took too long to connect");
        }
        Ok(())
    }

    fn floor_phase(&mut self, floor: &mut Floor, sockets: u32, counts_per_s: f64) -> Result<FloorPhase> {
        let ticks = (f64::from(self.run.plan.phase_s) * counts_per_s).ceil() as u32;
        let wanted = u64::from(ticks) * u64::from(sockets);
        let (cpu_s, interrupts_s) = (floor.cpu_s()?, meter::interrupts_s());
        let (start_us, start) = (self.crowd.now_us(), self.crowd.floor_deliveries);
        floor.run(ticks, (1e6 / counts_per_s) as u64)?;
        let deadline_us = start_us + u64::from(self.run.plan.phase_s) * 1_000_000 + FLOOR_US_MAX;
        while self.crowd.floor_deliveries - start < wanted && self.turn()? < deadline_us {}
        let elapsed_s = (self.crowd.now_us() - start_us) as f64 / 1e6;
        let interrupt_cores = (meter::interrupts_s() - interrupts_s) / elapsed_s;
        self.turn_for(QUIET_US)?;
        let deliveries = self.crowd.floor_deliveries - start;
        ensure!(deliveries > 0, "the floor delivered nothing");
        Ok(FloorPhase { us_per_delivery: (floor.cpu_s()? - cpu_s) * 1e6 / deliveries as f64, interrupt_cores })
    }

    fn server_phase(&mut self, churn: &mut Churn, phase_s: u32) -> Result<Round> {
        let own = std::process::id();
        let before = self.meter.usage()?;
        let (own_before, interrupts_s) = (meter::process(own)?, meter::interrupts_s());
        let (start_us, start) = (self.crowd.now_us(), self.crowd.screens.totals().deliveries);
        self.churn_for(churn, phase_s)?;
        let elapsed_s = (self.crowd.now_us() - start_us) as f64 / 1e6;
        let crowd_cores = (meter::process(own)?.cpu_s - own_before.cpu_s) / elapsed_s;
        let interrupt_cores = (meter::interrupts_s() - interrupts_s) / elapsed_s;
        let churned = self.crowd.screens.totals().deliveries - start;
        self.turn_for(QUIET_US)?;
        let deliveries = self.crowd.screens.totals().deliveries - start;
        let server_s = match (before, self.meter.usage()?) {
            (Some(before), Some(after)) if deliveries > 0 => Some(after.cpu_s - before.cpu_s),
            _ => None,
        };
        Ok(Round {
            server_us_per_delivery: server_s.map(|cpu_s| cpu_s * 1e6 / deliveries as f64),
            deliveries,
            deliveries_per_s: churned as f64 / elapsed_s,
            server_cores: server_s.map(|cpu_s| cpu_s / elapsed_s),
            crowd_cores,
            interrupt_cores,
            ..Round::default()
        })
    }

    fn churn_for(&mut self, churn: &mut Churn, seconds: u32) -> Result<()> {
        let interval_us = (1e6 / self.run.plan.churn_per_s) as u64;
        let end_us = self.crowd.now_us() + u64::from(seconds) * 1_000_000;
        churn.next_us = self.crowd.now_us();
        loop {
            let now_us = self.turn()?;
            if now_us >= end_us {
                return Ok(());
            }
            if now_us < churn.next_us {
                continue;
            }
            churn.next_us += interval_us;
            if churn.inside == churn.people.len() || churn.inside == 0 {
                churn.leaving = churn.inside > 0;
            }
            if churn.leaving {
                churn.inside -= 1;
                self.crowd.leave(churn.people[churn.inside]);
            } else {
                self.crowd.open(churn.people[churn.inside], Purpose::Resident);
                churn.inside += 1;
            }
        }
    }
}
