//! Where tests find the real servers that `tests/run` has started. Not used by a running mesh.

use std::io::Write as _;

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
