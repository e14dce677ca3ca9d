//! Waiting for a state, with a deadline. A deadline tells a state that never comes; how fast things are is `loadtest`'s business.

use std::{
    fmt::Debug,
    future::Future,
    time::{Duration, Instant},
};

/// How often a state is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Deadlines are written for a quiet machine. One that builds or tests other things beside may take so many times as long.
pub const PATIENCE: u32 = 6;

/// Looks until `look` gives a value that `is` accepts, and returns how long that took. Panics with the last value seen.
pub async fn until<T, F>(what: &str, within: Duration, mut look: impl FnMut() -> F, is: impl Fn(&T) -> bool) -> Duration
where
    T: Debug,
    F: Future<Output = T>,
{
    let within = within * PATIENCE;
    let begun = Instant::now();
    loop {
        let seen = look().await;
        if is(&seen) {
            return begun.elapsed();
        }
        assert!(begun.elapsed() < within, "{what}: not within {within:?}; last seen: {seen:?}");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
