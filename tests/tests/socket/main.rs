//! Bad input on the public port of the real program: each kind gets its answer and its metric, and an innocent viewer notices
//! nothing. What is bad and why is written in `gateway/README.md`; half-open connections are the gateway's own test.
#![allow(clippy::unwrap_used, reason = "these are tests, helpers included")]

mod frames;
mod handshakes;
mod tickets;

use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const CLOSED: &str = "turnout_ws_connections_closed_total";
const REJECTED: &str = "turnout_ws_handshakes_rejected_total";

/// Fields of a request.
type Fields = &'static [(&'static str, &'static str)];
