//! The program: reads the command line, runs what it asks for, and turns the outcome into an exit code. Decides nothing else.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match turnout::run(std::env::args_os(), std::env::vars_os()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("turnout: {error:#}");
            ExitCode::FAILURE
        }
    }
}
