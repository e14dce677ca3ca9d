//! The harness of the whole-system tests: starts the real program as processes, connects real viewers, waits for states.
//!
//! Nothing here sleeps and hopes: a test waits for a state with a deadline, and the failure says what was seen instead.

pub mod collector;
pub mod eavesdropper;
pub mod grpc;
pub mod history;
pub mod mail;
pub mod mesh;
pub mod method;
pub mod needles;
pub mod process;
pub mod raw;
pub mod scrape;
pub mod servers;
pub mod stage;
pub mod tidy;
pub mod tokens;
pub mod viewer;
pub mod wait;
