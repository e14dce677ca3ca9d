//! The steps of a plan, one after the other, as plain code: each says who comes and goes and waits on the crowd.
//!
//! It deliberately touches no socket: that is the crowd's.

use crate::compare::{CHURN_PEOPLE, DESCRIPTORS_SPARE};
use crate::crowd::{Crowd, Purpose};
use crate::dialling;
use crate::meter::{ServerMeter, Usage};
use crate::plan::{MEMORY_BASE_VIEWERS, Plan, Step, WITNESSES};
use crate::report::{Connections, Deliveries, Join, Memory, Report, StepReport};
use anyhow::{Context, Result};
use indicatif::ProgressBar;
use std::path::PathBuf;
use std::time::Duration;

/// The truth is compared with the screens this often.
const SAMPLE_US: u64 = 50_000;
/// Handshakes under way at once during the ramp.
const JOINING_MAX: u32 = 500;
/// What has not come after the ramp's own time and this long is left out.
const RAMP_SLACK_US: u64 = 60_000_000;
/// Screens must stay exact for so long to count as exact.
const EXACT_HOLDS_US: u64 = 500_000;
/// Quiet before memory is read.
const MEMORY_SETTLES_US: u64 = 2_000_000;
/// The last probes are waited for so long.
const PROBES_US_MAX: u64 = 10_000_000;
/// The last goodbyes are waited for so long.
const GOODBYES_US_MAX: u64 = 2_000_000;
/// Leaves between two looks at the network.
const LEAVES_AT_ONCE: u32 = 200;
/// The longest that one round waits for the network.
const TURN_MAX: Duration = Duration::from_millis(5);

/// What a run is given.
pub struct Run {
    pub plan: Plan,
    /// One for each viewer, then for extras; may be empty, or shorter.
    pub tickets: Vec<Box<str>>,
    /// The program that serves as the floor: this one.
    pub floor_program: PathBuf,
    pub progress: ProgressBar,
}

/// A run under way.
pub(crate) struct Walk {
    pub(crate) run: Run,
    pub(crate) crowd: Crowd,
    pub(crate) meter: ServerMeter,
    pub(crate) report: Report,
    tickets: std::vec::IntoIter<Box<str>>,
    step: StepReport,
    next_sample_us: u64,
}

impl Run {
    /// Walks through the plan. Errors are those of this machine and of what is watched; what the server does wrong is
    /// in the report.
    pub fn walk(mut self) -> Result<Report> {
        let tickets = std::mem::take(&mut self.tickets).into_iter();
        let plan = &self.plan;
        let extras = u64::from(plan.probes) + CHURN_PEOPLE as u64 + DESCRIPTORS_SPARE;
        dialling::reserve_descriptors(u64::from(plan.sockets()) + extras)?;
        let mut walk = Walk {
            crowd: Crowd::new(plan)?,
            meter: ServerMeter { pid: plan.server_pid, admin: plan.admin.clone() },
            report: Report {
                plan: plan.name.clone(),
                protocol: format!("{:?}", plan.protocol).to_lowercase(),
                viewers_wanted: u64::from(plan.viewers),
                ..Report::default()
            },
            tickets,
            step: StepReport::default(),
            next_sample_us: 0,
            run: self,
        };
        for step in walk.run.plan.steps.clone() {
            walk.run.progress.set_prefix(step.name());
            walk.step = StepReport { step: step.name(), steady: step.is_steady(), ..StepReport::default() };
            match step {
                Step::Ramp => walk.ramp()?,
                Step::Hold => walk.hold()?,
                Step::Probe => walk.probe()?,
                Step::Compare => walk.compare()?,
                Step::Leave => walk.leave()?,
                Step::Kill => walk.kill()?,
            }
            walk.report.steps.push(std::mem::take(&mut walk.step));
            walk.crowd.screens.next_step();
        }
        walk.finish()
    }
}

impl Walk {
    /// One round of the crowd, with a look at the screens when it is time.
    pub(crate) fn turn(&mut self) -> Result<u64> {
        self.crowd.turn(TURN_MAX)?;
        let now_us = self.crowd.now_us();
        if now_us >= self.next_sample_us {
            self.next_sample_us = now_us + SAMPLE_US;
            let (now, lately) = (self.crowd.truth.now(), self.crowd.truth.lately(now_us));
            if let Some(distance) = self.crowd.screens.distance(now, lately) {
                self.step.sample(distance);
            }
            self.show_progress();
        }
        Ok(now_us)
    }

    pub(crate) fn turn_for(&mut self, duration_us: u64) -> Result<()> {
        let end_us = self.crowd.now_us() + duration_us;
        while self.turn()? < end_us {}
        Ok(())
    }

    /// A new person, with the next ticket if tickets were given.
    pub(crate) fn person(&mut self, second_tab: bool) -> Result<u32> {
        let ticket = self.tickets.next();
        if self.run.plan.tickets.is_some() {
            ticket
                .as_ref()
                .context("too few tickets: one is needed for each viewer, each probe and 16 for the churn")?;
        }
        Ok(self.crowd.add_person(ticket, second_tab))
    }

    /// Waits until every screen shows the truth and keeps it; the time since `from_us` when it began to, milliseconds.
    pub(crate) fn until_exact(&mut self, from_us: u64) -> Result<Option<f64>> {
        let mut exact_since_us = None;
        loop {
            let now_us = self.turn()?;
            let truth = self.crowd.truth.now();
            let exact = truth.low == truth.high && self.crowd.screens.all_show(truth.low);
            exact_since_us = exact.then(|| exact_since_us.unwrap_or(now_us));
            match exact_since_us {
                Some(since_us) if now_us - since_us >= EXACT_HOLDS_US => {
                    return Ok(Some(since_us.saturating_sub(from_us) as f64 / 1000.0));
                }
                _ if now_us > from_us + u64::from(self.run.plan.exact_wait_s) * 1_000_000 => return Ok(None),
                _ => {}
            }
        }
    }

    fn ramp(&mut self) -> Result<()> {
        let plan = &self.run.plan;
        let (viewers, per_s) = (plan.viewers, u64::from(plan.ramp_per_s));
        let sockets = plan.sockets();
        let start_us = self.crowd.now_us();
        let mut base_bytes = None;
        if viewers > MEMORY_BASE_VIEWERS {
            self.admit(MEMORY_BASE_VIEWERS, per_s, start_us)?;
            self.wait_joined(MEMORY_BASE_VIEWERS, start_us)?;
            self.turn_for(MEMORY_SETTLES_US)?;
            base_bytes = self.meter.usage()?.map(|usage| usage.rss_bytes);
        }
        self.admit(viewers, per_s, self.crowd.now_us())?;
        self.wait_joined(sockets, start_us)?;
        let last_join_us = self.crowd.last_join_us;
        self.report.ramp_s = last_join_us.saturating_sub(start_us) as f64 / 1e6;
        self.report.exact.after_ramp_ms = self.until_exact(last_join_us)?;
        self.report.viewers = self.crowd.truth.now().low - self.run.plan.others;
        self.report.sockets = u64::from(self.crowd.joined());
        self.report.gauge_after_ramp = self.meter.viewers_gauge()?;
        let Some(base_bytes) = base_bytes else {
            return Ok(());
        };
        self.turn_for(MEMORY_SETTLES_US)?;
        if let Some(Usage { rss_bytes: full_bytes, .. }) = self.meter.usage()? {
            let base_viewers = u64::from(MEMORY_BASE_VIEWERS);
            let more = self.report.viewers.saturating_sub(base_viewers).max(1);
            self.report.memory = Some(Memory {
                base_viewers,
                base_bytes,
                full_viewers: self.report.viewers,
                full_bytes,
                per_viewer_bytes: (full_bytes as f64 - base_bytes as f64) / more as f64,
            });
        }
        Ok(())
    }

    /// Lets residents in at the plan's rate, until there are `upto`.
    fn admit(&mut self, upto: u32, per_s: u64, from_us: u64) -> Result<()> {
        let before = self.crowd.people();
        let mut admitted = before;
        while admitted < upto {
            let elapsed_us = self.crowd.now_us() - from_us;
            let due = before + (elapsed_us * per_s / 1_000_000) as u32;
            while admitted < due.min(upto) && self.crowd.joining() < JOINING_MAX {
                let second_tab = self.run.plan.has_second_tab(admitted);
                let person = self.person(second_tab)?;
                self.crowd.open(person, Purpose::Resident);
                admitted += 1;
            }
            self.turn()?;
        }
        Ok(())
    }

    /// Waits until so many sockets are in, or the time for it is over; the report then shows who is missing.
    fn wait_joined(&mut self, sockets: u32, start_us: u64) -> Result<()> {
        let plan = &self.run.plan;
        let ramp_us = u64::from(plan.viewers) * 1_000_000 / u64::from(plan.ramp_per_s);
        let deadline_us = start_us + ramp_us + RAMP_SLACK_US;
        while self.crowd.joined() < sockets && self.turn()? < deadline_us {}
        Ok(())
    }

    fn hold(&mut self) -> Result<()> {
        let start_us = self.crowd.now_us();
        let before = self.meter.usage()?;
        self.turn_for(u64::from(self.run.plan.hold_s) * 1_000_000)?;
        let elapsed_s = (self.crowd.now_us() - start_us) as f64 / 1e6;
        if let (Some(before), Some(after)) = (before, self.meter.usage()?) {
            self.report.idle_cores = Some((after.cpu_s - before.cpu_s) / elapsed_s);
        }
        Ok(())
    }

    fn probe(&mut self) -> Result<()> {
        let mean_us = (1e6 / self.run.plan.probe_per_s) as u64;
        let mut people = Vec::new();
        for _ in 0..self.run.plan.probes {
            let person = self.person(false)?;
            people.push(person);
            self.crowd.open(person, Purpose::Probe);
            // Irregular, so that the probes do not fall into step with the server's ticks.
            let wait_us = self.crowd.around(mean_us);
            self.turn_for(wait_us)?;
        }
        let deadline_us = self.crowd.now_us() + PROBES_US_MAX;
        while self.crowd.probes.pending() > 0 && self.turn()? < deadline_us {}
        for person in people {
            self.crowd.leave(person);
        }
        let now_us = self.crowd.now_us();
        self.until_exact(now_us)?;
        Ok(())
    }

    /// Residents that leave properly: the share of the plan, without the witnesses.
    fn polite(&self) -> u32 {
        let leavers = self.run.plan.viewers.saturating_sub(WITNESSES);
        (f64::from(leavers) * (1.0 - self.run.plan.rude_share)).round() as u32
    }

    fn leave(&mut self) -> Result<()> {
        for person in WITNESSES..WITNESSES + self.polite() {
            self.crowd.leave(person);
            if person % LEAVES_AT_ONCE == 0 {
                self.turn()?;
            }
        }
        let now_us = self.crowd.now_us();
        self.report.exact.after_leave_ms = self.until_exact(now_us)?;
        Ok(())
    }

    fn kill(&mut self) -> Result<()> {
        for person in WITNESSES + self.polite()..self.run.plan.viewers {
            self.crowd.cut(person, person % 2 == 0);
            if person % LEAVES_AT_ONCE == 0 {
                self.turn()?;
            }
        }
        let now_us = self.crowd.now_us();
        self.report.exact.after_kill_ms = self.until_exact(now_us)?;
        Ok(())
    }

    /// Everyone still there goes home, and the figures are collected.
    fn finish(mut self) -> Result<Report> {
        self.run.progress.finish_and_clear();
        let crowd = &mut self.crowd;
        crowd.screens.judge_all();
        for (step, totals) in self.report.steps.iter_mut().zip(crowd.screens.steps()) {
            step.publications = totals.publications;
            step.missing = totals.missing;
        }
        let steady = self.report.steps.iter().filter(|step| step.steady);
        let missing = steady.map(|step| step.missing).sum();
        let totals = crowd.screens.totals();
        self.report.deliveries = Deliveries {
            total: totals.deliveries,
            publications: totals.publications,
            missing,
            regressions: totals.regressions,
            stale: totals.stale,
            spread_p50_ms: totals.spread.percentile_ms(0.5),
            spread_p99_ms: totals.spread.percentile_ms(0.99),
        };
        let probes = &crowd.probes;
        self.report.join = Join {
            first_count_p50_ms: crowd.first_count.percentile_ms(0.5),
            first_count_p99_ms: crowd.first_count.percentile_ms(0.99),
            probes: probes.last_screen.samples(),
            probes_void: u64::from(probes.void) + probes.pending() as u64,
            each_screen_p50_ms: probes.each_screen.percentile_ms(0.5),
            each_screen_p99_ms: probes.each_screen.percentile_ms(0.99),
            last_screen_p50_ms: probes.last_screen.percentile_ms(0.5),
            last_screen_p99_ms: probes.last_screen.percentile_ms(0.99),
            last_screen_max_ms: probes.last_screen.max_ms(),
        };
        for person in 0..crowd.people() {
            crowd.leave(person);
        }
        let deadline_us = crowd.now_us() + GOODBYES_US_MAX;
        while crowd.sockets() > 0 && crowd.now_us() < deadline_us {
            crowd.turn(TURN_MAX)?;
        }
        let tally = std::mem::take(&mut crowd.tally);
        self.report.connections = Connections {
            opened: tally.opened,
            joined: tally.joined,
            lost: tally.lost,
            came_back: tally.came_back,
            troubles: tally.troubles,
        };
        self.report.judge(&self.run.plan.limits);
        Ok(self.report)
    }

    fn show_progress(&self) {
        let progress = &self.run.progress;
        if progress.is_hidden() {
            return;
        }
        let tally = &self.crowd.tally;
        let troubles: u64 = tally.troubles.values().sum();
        let shown = self.crowd.screens.most_shown().map_or_else(|| "–".into(), |viewers| viewers.to_string());
        progress.set_position(u64::from(self.crowd.joined()));
        progress.set_message(format!("shown {shown}, troubles {troubles}"));
    }
}
