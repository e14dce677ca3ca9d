//! Who comes back when: full jitter between half a second and half a minute, as the public protocol asks of a client.
//!
//! It deliberately takes the time as an argument and its jitter from a seed, so that a run can be repeated.

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};

const BACK_OFF_MS_MIN: u64 = 500;
const BACK_OFF_MS_MAX: u64 = 30_000;

#[derive(Debug)]
pub struct Returns {
    due: BinaryHeap<Reverse<(u64, u32)>>,
    waiting: HashSet<u32>,
    random: SmallRng,
}

impl Returns {
    pub fn new(seed: u64) -> Self {
        Self { due: BinaryHeap::new(), waiting: HashSet::new(), random: SmallRng::seed_from_u64(seed) }
    }

    /// This person returns at `due_us`, unless it is to return already.
    pub fn at(&mut self, person: u32, due_us: u64) {
        if self.waiting.insert(person) {
            self.due.push(Reverse((due_us, person)));
        }
    }

    /// This person returns after its attempt number `attempts` failed, not before `after_ms` if the server named it.
    pub fn back_off(&mut self, person: u32, attempts: u8, after_ms: Option<u64>, now_us: u64) {
        let most_ms = BACK_OFF_MS_MAX.min(BACK_OFF_MS_MIN << attempts.min(8));
        let jitter_ms = self.random.random_range(BACK_OFF_MS_MIN..=most_ms);
        let wait_ms = after_ms.map_or(jitter_ms, |after_ms| after_ms + jitter_ms);
        self.at(person, now_us + wait_ms * 1000);
    }

    /// The next person whose time has come.
    pub fn due(&mut self, now_us: u64) -> Option<u32> {
        let Reverse((due_us, _)) = *self.due.peek()?;
        if due_us > now_us {
            return None;
        }
        let Reverse((_, person)) = self.due.pop()?;
        self.waiting.remove(&person);
        Some(person)
    }

    /// A number of microseconds around `mean_us`, from half of it to one and a half.
    pub fn around(&mut self, mean_us: u64) -> u64 {
        mean_us / 2 + self.random.random_range(0..=mean_us)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_returns_once_however_often_it_was_told() {
        let mut returns = Returns::new(1);
        returns.at(7, 100);
        returns.back_off(7, 1, None, 0);
        assert_eq!(returns.due(99), None);
        assert_eq!(returns.due(100), Some(7));
        assert_eq!(returns.due(u64::MAX), None);
    }

    #[test]
    fn waiting_grows_and_stays_within_its_bounds() {
        for attempts in 0..=u8::MAX {
            let mut returns = Returns::new(u64::from(attempts));
            returns.back_off(0, attempts, None, 0);
            assert_eq!(returns.due(BACK_OFF_MS_MIN * 1000 - 1), None);
            assert_eq!(returns.due(BACK_OFF_MS_MAX * 1000), Some(0));
        }
    }

    #[test]
    fn the_waiting_time_that_the_server_names_is_kept() {
        let mut returns = Returns::new(1);
        returns.back_off(0, 1, Some(5000), 0);
        assert_eq!(returns.due(5_000_000), None);
        assert_eq!(returns.due(7_000_000), Some(0));
    }
}
