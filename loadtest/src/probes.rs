//! Join-to-screen latency: a probe joins, the number rises by one, and each screen is timed until it shows it.
//!
//! It is right only while nobody else leaves; `steps` voids the pending probes when someone does. It deliberately takes
//! no clock and no socket.

use crate::latency::Latency;

#[derive(Debug)]
struct Probe {
    /// The number that includes it.
    target: u64,
    asked_us: u64,
    /// Screens that have not shown it yet.
    waiting: u32,
    last_us: u64,
}

#[derive(Debug, Default)]
pub struct Probes {
    pending: Vec<Probe>,
    /// One sample for each probe and screen.
    pub each_screen: Latency,
    /// One sample for each probe: its last screen.
    pub last_screen: Latency,
    /// Probes that could not be judged because someone left meanwhile.
    pub void: u32,
}

impl Probes {
    /// The last byte of a probe's join was sent; `target` is the number that includes it, `screens` how many are timed.
    pub fn asked(&mut self, target: u64, screens: u32, now_us: u64) {
        if screens > 0 {
            self.pending.push(Probe { target, asked_us: now_us, waiting: screens, last_us: now_us });
        }
    }

    /// A screen that showed `before` shows `after`.
    pub fn shown(&mut self, before: u64, after: u64, now_us: u64) {
        if self.pending.is_empty() || after <= before {
            return;
        }
        for probe in &mut self.pending {
            if before < probe.target && probe.target <= after {
                self.each_screen.record(now_us - probe.asked_us);
                probe.last_us = now_us;
                probe.waiting = probe.waiting.saturating_sub(1);
            }
        }
        self.settle();
    }

    /// A screen that showed `shown` is gone.
    pub fn screen_left(&mut self, shown: u64) {
        for probe in &mut self.pending {
            if shown < probe.target {
                probe.waiting = probe.waiting.saturating_sub(1);
            }
        }
        self.settle();
    }

    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// The truth fell, so the pending targets mean nothing any more.
    pub fn void_pending(&mut self) {
        self.void += self.pending.len() as u32;
        self.pending.clear();
    }

    /// Probes that every screen shows are done.
    fn settle(&mut self) {
        let last = &mut self.last_screen;
        self.pending.retain(|probe| {
            if probe.waiting == 0 {
                last.record(probe.last_us - probe.asked_us);
            }
            probe.waiting > 0
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_is_timed_on_every_screen_and_done_with_the_last() {
        let mut probes = Probes::default();
        probes.asked(11, 3, 1000);
        probes.shown(10, 11, 2000);
        probes.shown(10, 12, 3000);
        assert_eq!(probes.pending(), 1);
        probes.shown(11, 12, 4000);
        assert_eq!(probes.pending(), 1, "that screen showed it already");
        probes.shown(10, 12, 9000);
        assert_eq!(probes.pending(), 0);
        assert_eq!(probes.each_screen.samples(), 3);
        assert_eq!(probes.last_screen.max_ms(), Some(8.0));
    }

    #[test]
    fn one_count_can_answer_two_probes() {
        let mut probes = Probes::default();
        probes.asked(11, 1, 0);
        probes.asked(12, 1, 50);
        probes.shown(10, 12, 100);
        assert_eq!(probes.pending(), 0);
        assert_eq!(probes.last_screen.samples(), 2);
    }

    #[test]
    fn a_screen_that_left_is_not_waited_for() {
        let mut probes = Probes::default();
        probes.asked(11, 2, 0);
        probes.shown(10, 11, 100);
        probes.screen_left(10);
        assert_eq!(probes.pending(), 0);
    }

    #[test]
    fn when_someone_leaves_the_pending_probes_are_void_not_guessed() {
        let mut probes = Probes::default();
        probes.asked(11, 2, 0);
        probes.void_pending();
        assert_eq!((probes.pending(), probes.void), (0, 1));
        assert_eq!(probes.each_screen.samples(), 0);
    }
}
