//! The one place that reads the clock. Everything else gets a [`Clock`] or a number.
//!
//! Two kinds of time, never mixed: `now_ms` is monotonic and is for liveness and deadlines; `at_ms` is the wall clock and is
//! for what people and history see. The wall clock may step; nothing decides liveness by it.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Instant, SystemTime, UNIX_EPOCH},
};

/// A source of time.
pub trait Clock: Send + Sync + 'static {
    /// Milliseconds since some fixed moment; never goes back.
    fn now_ms(&self) -> u64;
    /// Milliseconds since 1970-01-01 UTC; may step either way.
    fn at_ms(&self) -> u64;
    /// Whole seconds since 1970-01-01 UTC.
    fn at_s(&self) -> u64 {
        self.at_ms() / 1000
    }
}

/// The clock of this machine.
#[derive(Debug)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// Starts the monotonic part at zero.
    #[allow(clippy::disallowed_methods, reason = "this is the one place")]
    pub fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now_ms(&self) -> u64 {
        self.start.elapsed().as_millis() as u64
    }

    #[allow(clippy::disallowed_methods, reason = "this is the one place")]
    fn at_ms(&self) -> u64 {
        // Before 1970 the clock is plainly unset; zero keeps every caller alive.
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as u64)
    }
}

/// A clock that moves only when a test says so.
#[derive(Debug, Default)]
pub struct ManualClock {
    now_ms: AtomicU64,
    at_ms: AtomicU64,
}

impl ManualClock {
    /// Starts with the wall clock at `at_ms` and the monotonic one at zero.
    pub fn at(at_ms: u64) -> Self {
        Self { now_ms: AtomicU64::new(0), at_ms: AtomicU64::new(at_ms) }
    }

    /// Moves both clocks on.
    pub fn advance_ms(&self, ms: u64) {
        self.now_ms.fetch_add(ms, Ordering::SeqCst);
        self.at_ms.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> u64 {
        self.now_ms.load(Ordering::SeqCst)
    }

    fn at_ms(&self) -> u64 {
        self.at_ms.load(Ordering::SeqCst)
    }
}
