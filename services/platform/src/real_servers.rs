//! Where tests find the real servers that `tests/run` has started, and ports for those that they start themselves. Not used by a running
//! mesh.

use std::{
    io::Write as _,
    net::TcpListener,
    sync::atomic::{AtomicU32, Ordering},
};

/// The first of the ports that [`free_port`] gives out. The scripts in `tests/servers` have those from 20,000 for themselves, and Linux
/// gives out those from 32,768.
const FIRST_PORT: u16 = 10_000;
/// How many there are.
const PORTS: u16 = 10_000;

/// The value of a variable such as `TURNOUT_TEST_CQL`. Without it the test that asks did not run, which is said past the test
/// runner's capture; where servers are required (`TURNOUT_TEST_SERVERS`), it fails instead.
///
/// # Panics
/// When servers are required and this one is missing.
pub fn from_env(variable: &str, test: &str) -> Option<String> {
    let value = std::env::var(variable).ok();
    if value.is_none() {
        assert!(std::env::var("TURNOUT_TEST_SERVERS").is_err(), "{test} needs {variable}, which `tests/run` sets");
        let _ = writeln!(std::io::stderr(), "left out: {test} needs {variable}; run it with tests/run");
    }
    value
}

/// A port that nobody listens on, another one each time: for servers that cannot take port 0, such as those that are killed and must come
/// back where they were. One of the range from which the system gives out ports may then be anybody's who has connected somewhere.
///
/// # Panics
/// When every one of them is taken.
pub fn free_port() -> u16 {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    // Each process begins elsewhere, so that two at once seldom look at the same ones.
    let begin = std::process::id().wrapping_mul(97);
    let free = (0..PORTS).find_map(|_| {
        let number = begin.wrapping_add(GIVEN.fetch_add(1, Ordering::Relaxed)) % u32::from(PORTS);
        let port = FIRST_PORT + u16::try_from(number).ok()?;
        TcpListener::bind(("127.0.0.1", port)).is_ok().then_some(port)
    });
    free.expect("one of ten thousand ports is free")
}
