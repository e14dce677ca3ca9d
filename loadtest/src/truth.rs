//! The truth: how many distinct viewers are connected at each instant.
//!
//! A viewer counts from the moment its socket is open for counts until it begins to leave. A viewer that has asked to
//! join and has no answer yet, or that lost its connection against its will and is coming back, is in doubt: the truth is
//! then a range. It deliberately knows nothing
//! of what the server shows.

use std::collections::VecDeque;

/// A shown band is right when it touches the truth of any moment of the last second: the staleness that is promised.
pub const STALENESS_ALLOWED_US: u64 = 1_000_000;
/// Changes closer together than this are one step of the history, microseconds.
const STEP_US: u64 = 10_000;

/// How many distinct viewers are surely and at most there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    pub low: u64,
    pub high: u64,
}

impl Range {
    /// Viewers between `value` and the nearest end; 0 inside.
    pub fn distance(self, value: u64) -> u64 {
        self.low.saturating_sub(value).max(value.saturating_sub(self.high))
    }

    /// Viewers between two ranges; 0 when they touch.
    pub fn gap(self, other: Range) -> u64 {
        self.low.saturating_sub(other.high).max(other.low.saturating_sub(self.high))
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Person {
    sockets: u8,
    in_doubt: bool,
}

/// Who is there.
#[derive(Debug)]
pub struct Truth {
    people: Vec<Person>,
    now: Range,
    /// (until when it held, what held), oldest first.
    past: VecDeque<(u64, Range)>,
}

impl Truth {
    /// `others` viewers are there who are not ours, and stay.
    pub fn new(others: u64) -> Self {
        Self { people: Vec::new(), now: Range { low: others, high: others }, past: VecDeque::new() }
    }

    /// This person sent its join: the server may count it before it knows.
    pub fn asked(&mut self, person: u32, now_us: u64) {
        self.change(person, now_us, |person| {
            person.in_doubt = person.sockets == 0;
        });
    }

    /// A socket of this person is open for counts.
    pub fn joined(&mut self, person: u32, now_us: u64) {
        self.change(person, now_us, |person| {
            person.sockets += 1;
            person.in_doubt = false;
        });
    }

    /// A socket of this person was closed by its will.
    pub fn left(&mut self, person: u32, now_us: u64) {
        self.change(person, now_us, |person| person.sockets -= 1);
    }

    /// A socket of this person broke, and it is coming back.
    pub fn lost(&mut self, person: u32, now_us: u64) {
        self.change(person, now_us, |person| {
            person.sockets -= 1;
            person.in_doubt = person.sockets == 0;
        });
    }

    /// This person is not coming back after all.
    pub fn gave_up(&mut self, person: u32, now_us: u64) {
        self.change(person, now_us, |person| person.in_doubt = false);
    }

    pub fn now(&self) -> Range {
        self.now
    }

    /// All that was true within [`STALENESS_ALLOWED_US`] before `now_us`.
    pub fn lately(&mut self, now_us: u64) -> Range {
        let since = now_us.saturating_sub(STALENESS_ALLOWED_US);
        while self.past.front().is_some_and(|(until, _)| *until < since) {
            self.past.pop_front();
        }
        self.past
            .iter()
            .fold(self.now, |all, (_, range)| Range { low: all.low.min(range.low), high: all.high.max(range.high) })
    }

    fn change(&mut self, person: u32, now_us: u64, apply: impl FnOnce(&mut Person)) {
        let index = person as usize;
        if self.people.len() <= index {
            self.people.resize(index + 1, Person::default());
        }
        let person = &mut self.people[index];
        let (low, high) = person.worth();
        apply(person);
        let (low_after, high_after) = person.worth();
        let before = self.now;
        self.now.low = before.low - low + low_after;
        self.now.high = before.high - high + high_after;
        if self.now == before {
            return;
        }
        match self.past.back_mut() {
            // Within one step the history keeps the widest range, so that nothing that was true is forgotten.
            Some((until, range)) if now_us.saturating_sub(*until) < STEP_US => {
                range.low = range.low.min(before.low);
                range.high = range.high.max(before.high);
            }
            _ => self.past.push_back((now_us, before)),
        }
    }
}

impl Person {
    fn worth(self) -> (u64, u64) {
        (u64::from(self.sockets > 0), u64::from(self.sockets > 0 || self.in_doubt))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn range(low: u64, high: u64) -> Range {
        Range { low, high }
    }

    #[test]
    fn a_second_tab_does_not_raise_the_truth() {
        let mut truth = Truth::new(3);
        truth.joined(0, 0);
        truth.joined(0, 1);
        assert_eq!(truth.now(), range(4, 4));
        truth.left(0, 2);
        assert_eq!(truth.now(), range(4, 4));
        truth.left(0, 3);
        assert_eq!(truth.now(), range(3, 3));
    }

    #[test]
    fn a_viewer_that_comes_back_is_in_doubt_meanwhile() {
        let mut truth = Truth::new(0);
        truth.joined(7, 0);
        truth.lost(7, 10);
        assert_eq!(truth.now(), range(0, 1));
        truth.joined(7, 20);
        assert_eq!(truth.now(), range(1, 1));
        truth.lost(7, 30);
        truth.gave_up(7, 40);
        assert_eq!(truth.now(), range(0, 0));
    }

    #[test]
    fn a_viewer_that_asked_is_in_doubt_until_it_is_answered() {
        let mut truth = Truth::new(0);
        truth.asked(1, 0);
        assert_eq!(truth.now(), range(0, 1));
        truth.joined(1, 10);
        truth.asked(1, 20);
        assert_eq!(truth.now(), range(1, 1), "a second tab is no doubt");
    }

    #[test]
    fn the_last_second_is_remembered_and_no_longer() {
        let mut truth = Truth::new(0);
        for person in 0..5 {
            truth.joined(person, u64::from(person) * 100_000);
        }
        assert_eq!(truth.lately(400_000), range(0, 5));
        assert_eq!(truth.lately(1_350_000), range(4, 5));
        assert_eq!(truth.lately(5_000_000), range(5, 5));
    }

    #[test]
    fn the_history_stays_short_however_many_join() {
        let mut truth = Truth::new(0);
        for person in 0..100_000u32 {
            truth.joined(person, u64::from(person) * 10);
            if person % 100 == 0 {
                truth.lately(u64::from(person) * 10);
            }
        }
        assert!(truth.past.len() <= (STALENESS_ALLOWED_US / STEP_US) as usize + 2);
    }

    #[test]
    fn ranges_measure_their_gap() {
        assert_eq!(range(5, 7).distance(4), 1);
        assert_eq!(range(5, 7).distance(6), 0);
        assert_eq!(range(5, 7).gap(range(9, 12)), 2);
        assert_eq!(range(5, 7).gap(range(7, 12)), 0);
    }
}
