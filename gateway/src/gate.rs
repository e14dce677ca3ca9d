//! A token bucket: how many handshakes may begin a second. Pure; the time is an argument.

use parking_lot::Mutex;

/// The gate. Its burst is one second's worth.
#[derive(Debug)]
pub struct Gate {
    per_s: u32,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Thousandths of a token.
    milli_tokens: u64,
    filled_now_ms: u64,
}

impl Gate {
    /// A full gate.
    pub fn new(per_s: u32, now_ms: u64) -> Self {
        Self { per_s, state: Mutex::new(State { milli_tokens: u64::from(per_s) * 1000, filled_now_ms: now_ms }) }
    }

    /// Lets one through, or says after how many seconds one more may come.
    pub fn pass(&self, now_ms: u64) -> Result<(), u32> {
        let mut state = self.state.lock();
        let full = u64::from(self.per_s) * 1000;
        let elapsed_ms = now_ms.saturating_sub(state.filled_now_ms);
        // One millisecond brings per_s thousandths of a token.
        state.milli_tokens = (state.milli_tokens + elapsed_ms.saturating_mul(u64::from(self.per_s))).min(full);
        state.filled_now_ms = now_ms;
        if state.milli_tokens >= 1000 {
            state.milli_tokens -= 1000;
            Ok(())
        } else {
            Err(1)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_of_one_second_passes_and_then_the_rate_holds() {
        let gate = Gate::new(10, 0);
        assert_eq!((0..20).filter(|_| gate.pass(0).is_ok()).count(), 10);
        assert_eq!((0..20).filter(|_| gate.pass(500).is_ok()).count(), 5);
        assert_eq!((0..99).filter(|_| gate.pass(1_000_000).is_ok()).count(), 10);
    }

    #[test]
    fn a_clock_that_steps_back_gives_nothing_away() {
        let gate = Gate::new(1, 1000);
        assert!(gate.pass(1000).is_ok());
        assert!(gate.pass(10).is_err());
    }
}
