//! When the tables have to be read for an event, and which reading is good enough for whom. Without IO: `held` reads.

use std::time::Duration;

use tokio::{sync::watch, time::Instant};
use turnout_platform::failure::Failure;

/// How old a list may be, beside the time that its reading took, while nothing is heard of other processes.
const UNHEARD_AGE: Duration = Duration::from_secs(10);
/// When to come again to what could not be read.
pub(super) const READ_RETRY_AFTER: Duration = Duration::from_secs(2);

/// What became of a reading, for all who wait for it; none while it goes on.
pub(super) type Ending = watch::Receiver<Option<Ended>>;

/// The end of a reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    Read,
    /// It may work later.
    Refused,
    Failed,
}

impl Ended {
    pub fn of(read: &Result<(), Failure>) -> Self {
        match read {
            Ok(()) => Self::Read,
            Err(failure) if failure.is_retryable() => Self::Refused,
            Err(_) => Self::Failed,
        }
    }

    /// As those who waited are told: the cause is in the log.
    pub fn into_result(self) -> Result<(), Failure> {
        match self {
            Self::Read => Ok(()),
            Self::Refused => Err(Failure::Unavailable { retry_after: READ_RETRY_AFTER }),
            Self::Failed => Err(Failure::internal("the registrants of an event cannot be read")),
        }
    }
}

/// The readings of one event.
#[derive(Debug, Default)]
pub(super) struct Readings {
    /// How often changes may have been missed, and how many of these times were over when the last good reading began.
    missed: u64,
    read: Option<u64>,
    ended_at: Option<Instant>,
    under_way: Option<Ending>,
}

impl Readings {
    /// What a reading is worth that begins now, and what a question of now asks for.
    pub fn now(&self) -> u64 {
        self.missed
    }

    /// Whether a question is answered by what was read.
    pub fn answers(&self, asked: u64) -> bool {
        self.read >= Some(asked)
    }

    /// The reading that goes on. One that ended without a word is over.
    pub fn under_way(&self) -> Option<Ending> {
        self.under_way.clone().filter(|ending| ending.borrow().is_none() && ending.has_changed().is_ok())
    }

    pub fn begins(&mut self, ending: Ending) {
        self.under_way = Some(ending);
    }

    pub fn has_read(&mut self, worth: u64, now: Instant) {
        self.read = self.read.max(Some(worth));
        self.ended_at = Some(now);
    }

    /// Changes may have been missed: the next question asks for a reading that begins from now on.
    pub fn spoil(&mut self) {
        self.missed += 1;
    }

    /// Changes may be missed all the time: the same, once the last reading is so old. Not while one goes on, or a reading that takes long
    /// would never be good for anybody. Whether it is spoiled by this.
    pub fn grow_old(&mut self, now: Instant) -> bool {
        let is_old = self.ended_at.is_some_and(|ended| now.duration_since(ended) >= UNHEARD_AGE);
        let spoils = is_old && self.answers(self.missed) && self.under_way().is_none();
        if spoils {
            self.spoil();
        }
        spoils
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begin(readings: &mut Readings) -> (watch::Sender<Option<Ended>>, u64) {
        let (ends, ending) = watch::channel(None);
        readings.begins(ending);
        (ends, readings.now())
    }

    #[test]
    fn a_question_is_answered_by_a_reading_that_began_after_what_was_missed_before_it() {
        let (mut readings, now) = (Readings::default(), Instant::now());
        let first = readings.now();
        assert!(!readings.answers(first), "nothing was ever read");
        let (_ends, worth) = begin(&mut readings);
        readings.spoil();
        let second = readings.now();
        readings.has_read(worth, now);
        assert!(readings.answers(first) && !readings.answers(second));
        let (_ends, worth) = begin(&mut readings);
        readings.spoil();
        readings.has_read(worth, now);
        assert!(readings.answers(second), "what is missed later is nothing to a question of before");
        assert!(!readings.answers(readings.now()));
    }

    #[test]
    fn a_list_of_which_nothing_is_heard_grows_old_after_its_reading_ended_and_not_while_it_is_read() {
        let (mut readings, begun) = (Readings::default(), Instant::now());
        let (ends, worth) = begin(&mut readings);
        assert!(!readings.grow_old(begun + 3 * UNHEARD_AGE));
        let ended = begun + 3 * UNHEARD_AGE;
        readings.has_read(worth, ended);
        ends.send_replace(Some(Ended::Read));
        assert!(readings.answers(readings.now()), "however long it took");
        assert!(!readings.grow_old(ended + UNHEARD_AGE / 2));
        assert!(readings.grow_old(ended + UNHEARD_AGE));
        assert!(!readings.answers(readings.now()));
        assert!(!readings.grow_old(ended + 2 * UNHEARD_AGE), "once, until it is read");
    }

    #[test]
    fn a_reading_that_ends_without_a_word_is_over() {
        let mut readings = Readings::default();
        let (ends, _) = begin(&mut readings);
        assert!(readings.under_way().is_some());
        drop(ends);
        assert!(readings.under_way().is_none());
    }
}
