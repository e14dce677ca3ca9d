//! The command line: flags are the keys of a plan, laid over the plan file.
//!
//! It deliberately knows a flag only by its name and kind; what it means and whether it is possible is the plan's.

use crate::plan::Plan;
use anyhow::{Context, Result, ensure};
use clap::{Arg, ArgAction, ArgMatches, Command};
use std::io::Read;
use std::path::Path;

/// Tickets read at most, bytes.
const TICKETS_BYTES_MAX: u64 = 1024 * 1024 * 1024;

enum Kind {
    Text,
    Number,
    /// Several values, repeated or with commas.
    List,
}

/// (flag, kind, help); the key of the plan is the flag with underscores.
const FLAGS: &[(&str, Kind, &str)] = &[
    ("url", Kind::List, "Public address of a gateway; several spread the viewers [default: http://127.0.0.1:8080]"),
    ("admin", Kind::Text, "Admin address, for CPU and memory from /metrics, such as http://127.0.0.1:9100"),
    ("server-pid", Kind::Number, "Process id of the server on this machine, for CPU and memory from /proc"),
    ("event", Kind::Text, "Event [default: demo]"),
    ("room", Kind::Text, "Room of the event [default: the event as a whole]"),
    (
        "tickets",
        Kind::Text,
        "File of tickets, one a line, each of another viewer; - is standard input. Otherwise each viewer asks for one",
    ),
    ("protocol", Kind::Text, "json or bin [default: json]"),
    ("join", Kind::Text, "Where the ticket goes: handshake or message [default: handshake]"),
    ("viewers", Kind::Number, "Distinct viewers [default: 200]"),
    ("tabs-share", Kind::Number, "Share of viewers with a second tab, 0 to 1 [default: 0]"),
    ("steps", Kind::List, "ramp, hold, probe, compare, leave, kill [default: all but compare]"),
    ("ramp-per-s", Kind::Number, "Joins a second [default: 500]"),
    ("hold-s", Kind::Number, "Length of the hold, seconds [default: 5]"),
    ("probes", Kind::Number, "Viewers timed onto every screen [default: 20]"),
    ("probe-per-s", Kind::Number, "Probes a second [default: 4]"),
    ("rounds", Kind::Number, "Rounds of floor and server [default: 3]"),
    ("phase-s", Kind::Number, "Length of a phase of floor or server, seconds [default: 5]"),
    (
        "churn-per-s",
        Kind::Number,
        "Joins and leaves a second that keep the number moving in a server phase [default: 8]",
    ),
    ("rude-share", Kind::Number, "Share of the viewers that are cut off without a goodbye, 0 to 1 [default: 0.5]"),
    ("exact-wait-s", Kind::Number, "How long to wait for every screen to be exact, seconds [default: 30]"),
    ("others", Kind::Number, "Viewers of the event who are not of this crowd and stay [default: 0]"),
    (
        "sources",
        Kind::Number,
        "Source addresses 127.0.1.x when the server is on loopback; 0: as many as needed [default: 0]",
    ),
    ("floor-cpus", Kind::Text, "CPUs of the floor's server, such as 0-1 [default: those of --server-pid]"),
    ("seed", Kind::Number, "Seed of the jitter [default: 1]"),
];

/// The whole command line.
pub fn command() -> Command {
    let crowd = Command::new("crowd")
        .about("Viewers who join, watch, and leave or are cut off; says what was right and what it cost")
        .arg(
            Arg::new("plan")
                .long("plan")
                .value_name("FILE")
                .help("Plan to follow, such as loadtest/plans/two-thousand.toml; flags override it"),
        )
        .arg(Arg::new("json").long("json").action(ArgAction::SetTrue).help("Print one JSON line instead of text"))
        .args(FLAGS.iter().map(|(flag, kind, help)| {
            let arg = Arg::new(*flag).long(*flag).help(*help).value_name(match kind {
                Kind::Text => "TEXT",
                Kind::Number => "N",
                Kind::List => "LIST",
            });
            match kind {
                Kind::List => arg.action(ArgAction::Append).value_delimiter(','),
                Kind::Text => arg,
                Kind::Number => arg.value_parser(number),
            }
        }));
    let floor = Command::new("floor-server")
        .hide(true)
        .arg(Arg::new("sockets").long("sockets").required(true).value_parser(clap::value_parser!(u32)))
        .arg(Arg::new("frame").long("frame").required(true))
        .arg(Arg::new("cpus").long("cpus"));
    Command::new("turnout-loadtest")
        .about("Load for Turnout, by the public protocol alone")
        .version(env!("CARGO_PKG_VERSION"))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(crowd)
        .subcommand(floor)
}

/// The plan that a `crowd` command line asks for.
pub fn plan(matches: &ArgMatches) -> Result<Plan> {
    let mut table = match matches.get_one::<String>("plan") {
        Some(path) => Plan::table(Path::new(path))?,
        None => toml::Table::new(),
    };
    for (flag, kind, _) in FLAGS {
        let value = match kind {
            Kind::Text => matches.get_one::<String>(flag).cloned().map(Into::into),
            Kind::Number => matches.get_one::<toml::Value>(flag).cloned(),
            Kind::List => matches
                .get_many::<String>(flag)
                .map(|values| values.cloned().map(toml::Value::from).collect::<Vec<_>>().into()),
        };
        if let Some(value) = value {
            table.insert(flag.replace('-', "_"), value);
        }
    }
    Plan::from_table(table)
}

/// The tickets of the plan's file, one a line.
pub fn tickets(plan: &Plan) -> Result<Vec<Box<str>>> {
    let Some(path) = &plan.tickets else {
        return Ok(Vec::new());
    };
    let mut text = String::new();
    let mut source: Box<dyn Read> = if path == "-" {
        Box::new(std::io::stdin())
    } else {
        Box::new(std::fs::File::open(path).with_context(|| format!("cannot read {path}"))?)
    };
    source.by_ref().take(TICKETS_BYTES_MAX).read_to_string(&mut text).with_context(|| format!("cannot read {path}"))?;
    let tickets: Vec<Box<str>> = text.lines().map(str::trim).filter(|line| !line.is_empty()).map(Into::into).collect();
    ensure!(!tickets.is_empty(), "{path} holds no ticket");
    Ok(tickets)
}

/// Whole numbers stay whole: the plan wants them so.
fn number(text: &str) -> Result<toml::Value, String> {
    text.parse::<i64>()
        .map(toml::Value::from)
        .or_else(|_| text.parse::<f64>().map(toml::Value::from))
        .map_err(|_| "not a number".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Step;

    fn parse(words: &[&str]) -> Result<Plan> {
        let words = ["turnout-loadtest", "crowd"].iter().chain(words);
        let matches = command().try_get_matches_from(words)?;
        plan(matches.subcommand().unwrap().1)
    }

    #[test]
    fn flags_override_the_plan_file() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/plans/smoke.toml");
        let plan = parse(&["--plan", file, "--viewers", "50", "--steps", "ramp,leave", "--rude-share", "1"]).unwrap();
        assert_eq!(plan.name, "smoke");
        assert_eq!(plan.viewers, 50);
        assert_eq!(plan.steps, [Step::Ramp, Step::Leave]);
        assert_eq!(plan.limits.exact_after_leave_ms, Some(1000.0));
    }

    #[test]
    fn every_flag_is_a_key_of_the_plan() {
        let keys = toml::Table::try_from(Plan::default()).unwrap();
        let optional = ["admin", "server_pid", "tickets", "floor_cpus"];
        let flags: Vec<String> = FLAGS.iter().map(|(flag, _, _)| flag.replace('-', "_")).collect();
        for flag in &flags {
            assert!(keys.contains_key(flag) || optional.contains(&flag.as_str()), "{flag}");
        }
        for key in keys.keys().filter(|key| !["name", "limits"].contains(&key.as_str())) {
            assert!(flags.contains(key), "{key}");
        }
        command().debug_assert();
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        let error = format!("{:#}", parse(&["--steps", "ramp,sing"]).unwrap_err());
        assert!(error.contains("sing"), "{error}");
        let error = format!("{:#}", parse(&["--viewers", "many"]).unwrap_err());
        assert!(error.contains("--viewers"), "{error}");
    }
}
