//! The crowd: a load generator that speaks only the public protocol of Turnout (`gateway/README.md`).
//!
//! It knows the truth (who is connected at each instant, as distinct viewers) and compares it with what every screen
//! shows; it times joins onto all screens; it measures what the server's deliveries cost next to a floor in the same
//! run. How to read each figure: `loadtest/README.md`. It deliberately shares no code with the server: a mistake in the
//! one must not hide in the other.
//!
//! Way through the code: `plan` → `steps` → `crowd` → `viewer` (one connection) → `screens`, `truth`, `probes` → `report`.

pub mod cli;
mod compare;
mod count;
mod crowd;
mod dialling;
pub mod floor;
mod http;
mod latency;
mod meter;
pub mod plan;
mod probes;
pub mod report;
mod returns;
mod screens;
mod steps;
mod truth;
mod viewer;
mod wire;

pub use steps::Run;
