//! The command line of the load generator: parse, run, print, exit code. It decides nothing itself.
//!
//! Exit code 0: done, and every promise of the plan was kept. 1: a promise was broken. 2: it could not run.

use anyhow::Result;
use clap::ArgMatches;
use indicatif::{ProgressBar, ProgressStyle};
use std::process::ExitCode;
use turnout_loadtest::{Run, cli, floor};

fn main() -> ExitCode {
    let matches = cli::command().get_matches();
    let done = match matches.subcommand() {
        Some(("floor-server", matches)) => floor_server(matches).map(|()| true),
        Some((_, matches)) => crowd(matches),
        None => Ok(true),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("turnout-loadtest: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// True when every promise was kept.
fn crowd(matches: &ArgMatches) -> Result<bool> {
    let plan = cli::plan(matches)?;
    let tickets = cli::tickets(&plan)?;
    let style =
        ProgressStyle::with_template("{prefix:<8} {bar:30} {human_pos} of {human_len} sockets, {msg} ({elapsed})")?;
    let progress = ProgressBar::new(u64::from(plan.sockets())).with_style(style);
    let report = Run { plan, tickets, floor_program: std::env::current_exe()?, progress }.walk()?;
    if matches.get_flag("json") {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        print!("{report}");
    }
    Ok(report.all_kept())
}

fn floor_server(matches: &ArgMatches) -> Result<()> {
    let sockets = matches.get_one("sockets").copied().unwrap_or(0);
    let text = |name: &str| matches.get_one::<String>(name).map(String::as_str);
    floor::serve(sockets, text("frame").unwrap_or_default(), text("cpus"))
}
