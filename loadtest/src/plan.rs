//! A plan: what the crowd does, as data. A file gives some of it, flags override it, defaults fill the rest.
//!
//! It deliberately knows nothing of the command line (`cli`) and does nothing (`steps`).

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Viewers that stay to the end to see the number fall.
pub const WITNESSES: u32 = 2;
/// Memory a viewer is the growth of the server beyond so many viewers.
pub const MEMORY_BASE_VIEWERS: u32 = 1000;
/// Most viewers of one crowd process; a process has far fewer file descriptors than that.
const VIEWERS_MAX: u32 = 1_000_000;

/// Which subprotocol the viewers speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    Json,
    Bin,
}

/// Where the ticket goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JoinBy {
    /// As a second subprotocol value of the handshake.
    Handshake,
    /// In the first message.
    Message,
}

/// What the crowd does, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// Everyone joins.
    Ramp,
    /// Nothing happens: memory, idle cost.
    Hold,
    /// A trickle of extra viewers is timed onto every screen.
    Probe,
    /// The floor and the server alternate.
    Compare,
    /// Some leave with a goodbye.
    Leave,
    /// The rest is cut off.
    Kill,
}

impl Step {
    /// Nobody joins or leaves in crowds.
    pub fn is_steady(self) -> bool {
        matches!(self, Self::Hold | Self::Probe | Self::Compare)
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Ramp => "ramp",
            Self::Hold => "hold",
            Self::Probe => "probe",
            Self::Compare => "compare",
            Self::Leave => "leave",
            Self::Kill => "kill",
        }
    }
}

/// What is promised; a run that breaks one fails. Absent: not checked.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// From the last join until every screen is exact, milliseconds.
    pub exact_after_ramp_ms: Option<f64>,
    /// From the last goodbye until every screen is exact, milliseconds.
    pub exact_after_leave_ms: Option<f64>,
    /// From the last cut until every screen is exact, milliseconds.
    pub exact_after_kill_ms: Option<f64>,
    /// Viewers by which a band may miss the truth of the last second.
    pub outside_band_viewers: Option<f64>,
    /// From a probe's join until the last screen shows it, 99th percentile, milliseconds.
    pub last_screen_p99_ms: Option<f64>,
    /// Deliveries that did not come, in the steady steps.
    pub missing_deliveries: Option<f64>,
    /// CPU a delivery of the server over that of the floor.
    pub cpu_ratio: Option<f64>,
    /// Resident memory for each viewer beyond [`MEMORY_BASE_VIEWERS`], bytes.
    pub memory_per_viewer_bytes: Option<f64>,
    /// Viewers that could not join, were dropped or were refused.
    pub troubles: Option<f64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Plan {
    /// For the report.
    pub name: String,
    /// Public addresses of gateways; viewers are spread over them.
    pub url: Vec<String>,
    /// Admin address of the server: its CPU, memory and gauge are read from `/metrics`.
    pub admin: Option<String>,
    /// Process id of the server on this machine: its CPU and memory are read from `/proc`.
    pub server_pid: Option<u32>,
    pub event: String,
    /// Empty for the event as a whole.
    pub room: String,
    /// A file of tickets, one a line, each another viewer's; `-` is standard input. Absent: each viewer asks for one, and
    /// for a new one of the same viewer whenever it comes back.
    pub tickets: Option<String>,
    pub protocol: Protocol,
    pub join: JoinBy,
    /// Distinct viewers.
    pub viewers: u32,
    /// Share of the viewers with a second tab, 0 to 1.
    pub tabs_share: f64,
    pub steps: Vec<Step>,
    pub ramp_per_s: u32,
    pub hold_s: u32,
    /// Extra viewers to time.
    pub probes: u32,
    pub probe_per_s: f64,
    /// Rounds of floor and server.
    pub rounds: u32,
    /// Length of each half of a round, seconds.
    pub phase_s: u32,
    /// Joins and leaves that keep the number moving in a server phase, a second.
    pub churn_per_s: f64,
    /// Share of the viewers that `kill` cuts off; `leave` takes the others, 0 to 1.
    pub rude_share: f64,
    /// How long to wait for every screen to be exact, seconds.
    pub exact_wait_s: u32,
    /// Viewers of the event who are not ours and stay.
    pub others: u64,
    /// Local source addresses 127.0.1.x to dial from, when the server is on loopback; 0: as many as needed.
    pub sources: u32,
    /// CPUs of the floor's server, such as `0` or `0-1`. Absent: those of `server_pid`, or all.
    pub floor_cpus: Option<String>,
    /// Of the jitter.
    pub seed: u64,
    pub limits: Limits,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            name: "ad hoc".into(),
            url: vec!["http://127.0.0.1:8080".into()],
            admin: None,
            server_pid: None,
            event: "demo".into(),
            room: String::new(),
            tickets: None,
            protocol: Protocol::Json,
            join: JoinBy::Handshake,
            viewers: 200,
            tabs_share: 0.0,
            steps: vec![Step::Ramp, Step::Hold, Step::Probe, Step::Leave, Step::Kill],
            ramp_per_s: 500,
            hold_s: 5,
            probes: 20,
            probe_per_s: 4.0,
            rounds: 3,
            phase_s: 5,
            churn_per_s: 8.0,
            rude_share: 0.5,
            exact_wait_s: 30,
            others: 0,
            sources: 0,
            floor_cpus: None,
            seed: 1,
            limits: Limits::default(),
        }
    }
}

impl Plan {
    /// Reads a plan file as a table, so that flags can be laid over it.
    pub fn table(path: &Path) -> Result<toml::Table> {
        std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the plan {}", path.display()))?
            .parse()
            .with_context(|| format!("the plan {} is not TOML", path.display()))
    }

    /// A checked plan. An unknown key or an impossible value is an error that names it.
    pub fn from_table(table: toml::Table) -> Result<Self> {
        let plan: Self = table.try_into()?;
        let share = 0.0..=1.0;
        ensure!((1..=VIEWERS_MAX).contains(&plan.viewers), "viewers must be 1 to {VIEWERS_MAX}");
        ensure!(share.contains(&plan.tabs_share), "tabs_share must be 0 to 1");
        ensure!(share.contains(&plan.rude_share), "rude_share must be 0 to 1");
        ensure!(plan.ramp_per_s > 0, "ramp_per_s must be above 0");
        ensure!(plan.probe_per_s > 0.0, "probe_per_s must be above 0");
        ensure!(plan.churn_per_s > 0.0, "churn_per_s must be above 0");
        ensure!(plan.rounds > 0, "rounds must be above 0");
        ensure!(plan.phase_s > 0, "phase_s must be above 0");
        ensure!(!plan.url.is_empty(), "url is missing");
        ensure!(plan.steps.first() == Some(&Step::Ramp), "steps must begin with ramp");
        Ok(plan)
    }

    /// True when this viewer has a second tab: `tabs_share` of all, evenly spread.
    pub fn has_second_tab(&self, person: u32) -> bool {
        let tabs = |people: u32| (f64::from(people) * self.tabs_share).floor();
        tabs(person + 1) > tabs(person)
    }

    /// Sockets of the residents: viewers and their second tabs.
    pub fn sockets(&self) -> u32 {
        self.viewers + (f64::from(self.viewers) * self.tabs_share).floor() as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(text: &str) -> Result<Plan> {
        Plan::from_table(text.parse().unwrap())
    }

    #[test]
    fn every_plan_of_the_folder_is_valid() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("plans");
        let mut names = Vec::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let plan = Plan::from_table(Plan::table(&path).unwrap()).unwrap();
            assert_eq!(path.file_stem().and_then(|stem| stem.to_str()), Some(plan.name.as_str()));
            names.push(plan.name);
        }
        names.sort();
        assert_eq!(names, ["smoke", "ten-thousand", "two-thousand"]);
    }

    #[test]
    fn a_wrong_plan_is_refused_with_the_name_of_the_key() {
        for (text, key) in [
            ("viewer = 5", "viewer"),
            ("rude_share = 1.5", "rude_share"),
            ("steps = [\"hold\"]", "steps"),
            ("[limits]\nspeed = 1", "speed"),
        ] {
            let error = format!("{:#}", plan(text).unwrap_err());
            assert!(error.contains(key), "{error}");
        }
    }

    #[test]
    fn second_tabs_are_spread_evenly_and_counted() {
        let plan = plan("viewers = 100\ntabs_share = 0.25").unwrap();
        let tabs = (0..100).filter(|person| plan.has_second_tab(*person)).count();
        assert_eq!(tabs, 25);
        assert_eq!(plan.sockets(), 125);
        assert!((0..4).any(|person| plan.has_second_tab(person)));
    }
}
