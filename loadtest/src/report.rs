//! What a run found, as one JSON line and as text, and which promises it kept.
//!
//! It deliberately computes nothing but the verdicts: the figures come from `steps`.

use crate::plan::Limits;
use crate::screens::Distance;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};

#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    pub plan: String,
    pub protocol: String,
    /// Distinct viewers that the plan wanted, and that were in after the ramp.
    pub viewers_wanted: u64,
    pub viewers: u64,
    pub sockets: u64,
    pub ramp_s: f64,
    /// The server's own gauge after the ramp.
    pub gauge_after_ramp: Option<u64>,
    pub exact: Exact,
    pub steps: Vec<StepReport>,
    pub join: Join,
    pub deliveries: Deliveries,
    pub cost: Option<Cost>,
    pub memory: Option<Memory>,
    /// Cores used by the server during the hold, when it had nothing new to tell.
    pub idle_cores: Option<f64>,
    pub connections: Connections,
    pub verdicts: Vec<Verdict>,
}

/// From the last change until every screen shows the truth and keeps it, milliseconds. `None`: not within the wait.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Exact {
    pub after_ramp_ms: Option<f64>,
    pub after_leave_ms: Option<f64>,
    pub after_kill_ms: Option<f64>,
}

/// One step: how far the screens were from the truth, in viewers, and whether they got every count.
#[derive(Clone, Debug, Default, Serialize)]
pub struct StepReport {
    pub step: &'static str,
    /// Nobody joins or leaves in crowds: every count is owed to every screen. In the other steps a newer count may
    /// overtake an older one on its way.
    pub steady: bool,
    /// Mean over time and screens of the shown number's error.
    pub mean: f64,
    /// The worst screen at the worst moment.
    pub max: u64,
    /// The band against all that was true within the last second.
    pub outside_band_mean: f64,
    pub outside_band_max: u64,
    pub samples: u64,
    /// Counts first seen in this step.
    pub publications: u64,
    /// Deliveries of them that were owed and did not come.
    pub missing: u64,
}

#[derive(Clone, Debug, Default, Serialize)]
pub struct Join {
    pub first_count_p50_ms: Option<f64>,
    pub first_count_p99_ms: Option<f64>,
    pub probes: u64,
    pub probes_void: u64,
    pub each_screen_p50_ms: Option<f64>,
    pub each_screen_p99_ms: Option<f64>,
    pub last_screen_p50_ms: Option<f64>,
    pub last_screen_p99_ms: Option<f64>,
    pub last_screen_max_ms: Option<f64>,
}

#[derive(Clone, Debug, Default, Serialize)]
pub struct Deliveries {
    pub total: u64,
    pub publications: u64,
    /// Of the steady steps.
    pub missing: u64,
    pub regressions: u64,
    pub stale: u64,
    /// From the first to the last screen of a publication.
    pub spread_p50_ms: Option<f64>,
    pub spread_p99_ms: Option<f64>,
}

#[derive(Clone, Debug, Default, Serialize)]
pub struct Cost {
    /// Median of the rounds' ratios.
    pub ratio: Option<f64>,
    pub server_us_per_delivery: Option<f64>,
    pub floor_us_per_delivery: Option<f64>,
    pub counts_per_s: f64,
    pub floor_sockets: u64,
    pub frame_bytes: u64,
    pub rounds: Vec<Round>,
}

/// One server phase and the mean of the floor phases before and after it.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Round {
    pub floor_us_per_delivery: f64,
    pub server_us_per_delivery: Option<f64>,
    pub ratio: Option<f64>,
    pub deliveries: u64,
    pub deliveries_per_s: f64,
    pub server_cores: Option<f64>,
    pub crowd_cores: f64,
    /// Machine time in interrupts, during the server phase and the floor phase after it, cores.
    pub interrupt_cores: f64,
    pub floor_interrupt_cores: f64,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Memory {
    pub base_viewers: u64,
    pub base_bytes: u64,
    pub full_viewers: u64,
    pub full_bytes: u64,
    pub per_viewer_bytes: f64,
}

#[derive(Clone, Debug, Default, Serialize)]
pub struct Connections {
    pub opened: u64,
    pub joined: u64,
    pub lost: u64,
    pub came_back: u64,
    pub troubles: BTreeMap<String, u64>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    pub limit: &'static str,
    pub allowed: f64,
    /// `None`: it was not measured, which breaks the promise.
    pub seen: Option<f64>,
    pub kept: bool,
}

impl StepReport {
    pub fn sample(&mut self, distance: Distance) {
        self.samples += 1;
        let weight = 1.0 / self.samples as f64;
        self.mean += (distance.mean - self.mean) * weight;
        self.outside_band_mean += (distance.outside_band as f64 - self.outside_band_mean) * weight;
        self.max = self.max.max(distance.max);
        self.outside_band_max = self.outside_band_max.max(distance.outside_band);
    }
}

impl Report {
    pub fn judge(&mut self, limits: &Limits) {
        let outside = self.steps.iter().map(|step| step.outside_band_max).max();
        let troubles: u64 = self.connections.troubles.values().sum();
        let cost = self.cost.as_ref();
        let rows = [
            ("exact_after_ramp_ms", limits.exact_after_ramp_ms, self.exact.after_ramp_ms),
            ("exact_after_leave_ms", limits.exact_after_leave_ms, self.exact.after_leave_ms),
            ("exact_after_kill_ms", limits.exact_after_kill_ms, self.exact.after_kill_ms),
            ("outside_band_viewers", limits.outside_band_viewers, outside.map(|viewers| viewers as f64)),
            ("last_screen_p99_ms", limits.last_screen_p99_ms, self.join.last_screen_p99_ms),
            ("missing_deliveries", limits.missing_deliveries, Some(self.deliveries.missing as f64)),
            ("cpu_ratio", limits.cpu_ratio, cost.and_then(|cost| cost.ratio)),
            (
                "memory_per_viewer_bytes",
                limits.memory_per_viewer_bytes,
                self.memory.map(|memory| memory.per_viewer_bytes),
            ),
            ("troubles", limits.troubles, Some(troubles as f64)),
        ];
        self.verdicts = rows
            .into_iter()
            .filter_map(|(limit, allowed, seen)| {
                let allowed = allowed?;
                let kept = seen.is_some_and(|seen| seen <= allowed);
                Some(Verdict { limit, allowed, seen, kept })
            })
            .collect();
    }

    pub fn all_kept(&self) -> bool {
        self.verdicts.iter().all(|verdict| verdict.kept)
    }
}

/// The median; `None` of nothing.
pub fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    Some(if values.len() % 2 == 1 { upper } else { f64::midpoint(values[middle - 1], upper) })
}

/// A whole number with separators: 10,000.
fn whole(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number without its unit, as short as it is true.
fn figure(value: f64) -> String {
    if value.fract() == 0.0 || value >= 100.0 { whole(value.max(0.0).round() as u64) } else { format!("{value:.2}") }
}

/// A measured value with its unit, or a dash.
fn maybe(value: Option<f64>, unit: &str) -> String {
    match value {
        None => "–".into(),
        Some(value) if value >= 100.0 => format!("{} {unit}", whole(value.round() as u64)),
        Some(value) => format!("{value:.2} {unit}"),
    }
}

impl Display for Report {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        writeln!(
            out,
            "{}: {} of {} viewers on {} sockets ({}), all in after {:.1} s",
            self.plan,
            whole(self.viewers),
            whole(self.viewers_wanted),
            whole(self.sockets),
            self.protocol,
            self.ramp_s
        )?;
        if let Some(gauge) = self.gauge_after_ramp {
            writeln!(out, "  the server's own gauge says {}", whole(gauge))?;
        }
        self.write_truth(out)?;
        self.write_speed(out)?;
        self.write_cost(out)?;
        self.write_connections(out)?;
        if !self.verdicts.is_empty() {
            writeln!(out, "\nPromises")?;
        }
        for verdict in &self.verdicts {
            writeln!(
                out,
                "  {:<6} {:<24} at most {}, seen {}",
                if verdict.kept { "kept" } else { "BROKEN" },
                verdict.limit,
                figure(verdict.allowed),
                verdict.seen.map_or_else(|| "nothing".into(), figure)
            )?;
        }
        Ok(())
    }
}

impl Report {
    fn write_truth(&self, out: &mut Formatter<'_>) -> fmt::Result {
        writeln!(out, "\nEvery screen exact")?;
        for (when, after_ms) in [
            ("after the last join", self.exact.after_ramp_ms),
            ("after the last goodbye", self.exact.after_leave_ms),
            ("after the last cut", self.exact.after_kill_ms),
        ] {
            writeln!(out, "  {when:<24} {}", maybe(after_ms, "ms"))?;
        }
        writeln!(out, "\nError of the shown count, viewers; counts, and deliveries missing")?;
        writeln!(
            out,
            "  {:<10} {:>9} {:>7} {:>19} {:>7} {:>8} {:>9}",
            "step", "mean", "max", "outside band: mean", "max", "counts", "missing"
        )?;
        for step in &self.steps {
            writeln!(
                out,
                "  {:<10} {:>9.2} {:>7} {:>19.2} {:>7} {:>8} {:>9}",
                step.step,
                step.mean,
                whole(step.max),
                step.outside_band_mean,
                whole(step.outside_band_max),
                whole(step.publications),
                whole(step.missing)
            )?;
        }
        Ok(())
    }

    fn write_speed(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let join = &self.join;
        writeln!(out, "\n{:<28} {:>12} {:>12}", "Join to screen", "p50", "p99")?;
        for (what, p50, p99) in [
            ("first count, own screen", join.first_count_p50_ms, join.first_count_p99_ms),
            ("a probe, each screen", join.each_screen_p50_ms, join.each_screen_p99_ms),
            ("a probe, the last screen", join.last_screen_p50_ms, join.last_screen_p99_ms),
        ] {
            writeln!(out, "  {what:<26} {:>12} {:>12}", maybe(p50, "ms"), maybe(p99, "ms"))?;
        }
        writeln!(
            out,
            "  {} probes, {} void, slowest {}",
            join.probes,
            join.probes_void,
            maybe(join.last_screen_max_ms, "ms")
        )?;
        let deliveries = &self.deliveries;
        writeln!(
            out,
            "\nDeliveries\n  {} of {} counts, {} missing in steady steps, {} stale, {} older than shown\n  first to last screen: p50 {}, p99 {}",
            whole(deliveries.total),
            whole(deliveries.publications),
            whole(deliveries.missing),
            whole(deliveries.stale),
            whole(deliveries.regressions),
            maybe(deliveries.spread_p50_ms, "ms"),
            maybe(deliveries.spread_p99_ms, "ms")
        )
    }

    fn write_cost(&self, out: &mut Formatter<'_>) -> fmt::Result {
        if let Some(cost) = &self.cost {
            writeln!(
                out,
                "\nCPU a delivery ({} bytes, {:.1} counts a second; floor with {} sockets)",
                cost.frame_bytes,
                cost.counts_per_s,
                whole(cost.floor_sockets)
            )?;
            writeln!(
                out,
                "  server {}, floor {}, ratio {}",
                maybe(cost.server_us_per_delivery, "µs"),
                maybe(cost.floor_us_per_delivery, "µs"),
                maybe(cost.ratio, "").trim()
            )?;
            for (index, round) in cost.rounds.iter().enumerate() {
                writeln!(
                    out,
                    "  round {}: {} / {:.2} µs = {}; {} deliveries a second; cores: server {}, crowd {:.2}; interrupts {:.2}, with the floor {:.2}",
                    index + 1,
                    maybe(round.server_us_per_delivery, "µs"),
                    round.floor_us_per_delivery,
                    maybe(round.ratio, "").trim(),
                    whole(round.deliveries_per_s.round() as u64),
                    maybe(round.server_cores, "").trim(),
                    round.crowd_cores,
                    round.interrupt_cores,
                    round.floor_interrupt_cores
                )?;
            }
        }
        if self.memory.is_some() || self.idle_cores.is_some() {
            writeln!(out, "\nServer at rest")?;
        }
        if let Some(memory) = self.memory {
            writeln!(
                out,
                "  {} KiB with {} viewers, {} KiB with {}: {} bytes a viewer",
                whole(memory.base_bytes / 1024),
                whole(memory.base_viewers),
                whole(memory.full_bytes / 1024),
                whole(memory.full_viewers),
                whole(memory.per_viewer_bytes.max(0.0).round() as u64)
            )?;
        }
        if let Some(cores) = self.idle_cores {
            writeln!(out, "  {cores:.3} cores")?;
        }
        Ok(())
    }

    fn write_connections(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let connections = &self.connections;
        writeln!(
            out,
            "\nConnections\n  {} opened, {} joined, {} lost, {} came back",
            whole(connections.opened),
            whole(connections.joined),
            whole(connections.lost),
            whole(connections.came_back)
        )?;
        for (name, times) in &connections.troubles {
            writeln!(out, "  {} × {name}", whole(*times))?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "report_tests.rs"]
mod tests;
