//! Replays one seed of the simulation, or sweeps many:
//!
//! ```text
//! roster-sim --seed 42 [--trace]      what happened in seed 42
//! roster-sim --seeds 0..2000          all of these, with progress
//! ```
//!
//! Deliberately without an argument parser crate: the roster has no such dependency.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};

use turnout_roster::simulation::{Options, run, sweep};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["--seed", seed] => seed.parse().map_or_else(|_| usage(), |seed| one(seed, false)),
        ["--seed", seed, "--trace"] => seed.parse().map_or_else(|_| usage(), |seed| one(seed, true)),
        ["--seeds", range] => match range.split_once("..").map(|(from, to)| (from.parse(), to.parse())) {
            Some((Ok(from), Ok(to))) if from < to => many(from, to),
            _ => usage(),
        },
        _ => usage(),
    }
}

fn usage() -> ExitCode {
    eprintln!("usage: roster-sim --seed N [--trace] | --seeds FROM..TO");
    ExitCode::from(2)
}

fn one(seed: u64, traced: bool) -> ExitCode {
    let mut out = std::io::stdout().lock();
    // A reader that closes the pipe early (`| head`) is no failure of the run.
    let mut print = |line: String| drop(writeln!(out, "{line}"));
    let result = run(seed, Options::default(), traced.then_some(&mut print));
    match result {
        Ok(report) => {
            print(format!("seed {seed} obeys all laws: {report:#?}"));
            ExitCode::SUCCESS
        }
        Err(failure) => {
            print(failure.to_string());
            ExitCode::FAILURE
        }
    }
}

fn many(from: u64, to: u64) -> ExitCode {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let shown = std::io::stderr().is_terminal();
    let count = AtomicU64::new(0);
    let progress = || {
        let done = count.fetch_add(1, Ordering::Relaxed) + 1;
        if shown && done.is_multiple_of(20) {
            eprint!("\r{done} of {} seeds", to - from);
        }
    };
    let result = sweep(from..to, Options::default(), threads, &progress);
    if shown {
        eprintln!();
    }
    match result {
        Ok(report) => {
            println!("seeds {from}..{to} obey all laws: {report:#?}");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            println!("{failure}");
            ExitCode::FAILURE
        }
    }
}
