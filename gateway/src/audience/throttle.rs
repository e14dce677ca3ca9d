//! How many registrations one network may make, so that nobody sends mails in an organiser's name to strangers by the thousand. A whole
//! venue may sit behind one address: so a crowd comes through at once, and after that there is always some room again.
//!
//! Kept in memory, under the network's hash: each gateway counts what it sees itself, and a new start forgets. Pure; the time is an
//! argument.

use std::collections::HashMap;

use parking_lot::Mutex;
use turnout_platform::ids::EventId;

use crate::http::Client;

/// So many come through at once, and as many again every ten minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Bound {
    at_once: u64,
}

/// From one network for one event: 300 within ten minutes, after which 30 a minute are always possible.
const FOR_EVENT: Bound = Bound { at_once: 300 };
/// From one network for all events, so that naming other events does not help.
const FOR_ALL: Bound = Bound { at_once: 900 };
const REFILLED_IN_MS: u64 = 10 * 60 * 1000;
/// Networks and events that are kept in mind. Who has more addresses than this is not stopped by counting addresses.
const KEPT_MAX: usize = 100_000;

impl Bound {
    /// What one registration adds to the time after which nothing is left of them.
    fn step_ms(self) -> u64 {
        REFILLED_IN_MS / self.at_once
    }
}

/// While it is full, what is over is looked for this often and no oftener: it means going through all.
const SWEPT_EVERY_MS: u64 = 60 * 1000;

/// A network; at one event or at all.
type Key = (Client, Option<EventId>);

/// The counts.
#[derive(Debug, Default)]
pub(crate) struct Throttle(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    /// For each key the moment at which all its registrations will be forgotten.
    empty_at: HashMap<Key, u64>,
    /// What is over is not looked for before this.
    sweep_at_ms: u64,
}

impl Throttle {
    /// Counts one registration, or says after how many milliseconds one may come.
    pub fn reserve(&self, client: &Client, event: &EventId, now_ms: u64) -> Result<(), u64> {
        let mut counts = self.0.lock();
        let Counts { empty_at, sweep_at_ms } = &mut *counts;
        let bounds = bounds(client, event);
        let wait_of = |(key, bound): &(Key, Bound)| {
            let held_ms = empty_at.get(key).map_or(0, |at| at.saturating_sub(now_ms));
            (held_ms + bound.step_ms()).saturating_sub(REFILLED_IN_MS)
        };
        let wait_ms = bounds.iter().map(wait_of).max().unwrap_or(0);
        if wait_ms > 0 {
            return Err(wait_ms);
        }
        if empty_at.len() >= KEPT_MAX && now_ms >= *sweep_at_ms {
            empty_at.retain(|_, at| *at > now_ms);
            *sweep_at_ms = now_ms + SWEPT_EVERY_MS;
        }
        for (key, bound) in bounds {
            if empty_at.len() < KEPT_MAX || empty_at.contains_key(&key) {
                let at = empty_at.entry(key).or_default();
                *at = (*at).max(now_ms) + bound.step_ms();
            }
        }
        Ok(())
    }

    /// Takes one back that came to nothing: no mail was sent for it.
    pub fn give_back(&self, client: &Client, event: &EventId) {
        let empty_at = &mut self.0.lock().empty_at;
        for (key, bound) in bounds(client, event) {
            if let Some(at) = empty_at.get_mut(&key) {
                *at = at.saturating_sub(bound.step_ms());
            }
        }
    }
}

fn bounds(client: &Client, event: &EventId) -> [(Key, Bound); 2] {
    [((client.clone(), Some(event.clone())), FOR_EVENT), ((client.clone(), None), FOR_ALL)]
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE_MS: u64 = 60_000;

    fn client(name: &str) -> Client {
        Client(name.into())
    }

    fn event(name: &str) -> EventId {
        name.parse().unwrap()
    }

    /// How many of so many come through.
    fn through(throttle: &Throttle, from: &str, to: &str, tries: usize, now_ms: u64) -> usize {
        (0..tries).filter(|_| throttle.reserve(&client(from), &event(to), now_ms).is_ok()).count()
    }

    #[test]
    fn a_venue_registers_a_crowd_at_once_and_after_that_some_each_minute() {
        let throttle = Throttle::default();
        assert_eq!(through(&throttle, "venue", "gala", 1_000, 0), 300);
        assert_eq!(throttle.reserve(&client("venue"), &event("gala"), 0), Err(2_000), "and says when");
        assert_eq!(through(&throttle, "venue", "gala", 1_000, MINUTE_MS), 30);
        assert_eq!(through(&throttle, "venue", "gala", 1_000, 60 * MINUTE_MS), 300, "an hour later it is as at first");
        assert_eq!(through(&throttle, "home", "gala", 3, 0), 3, "others are not held up");
    }

    #[test]
    fn naming_other_events_does_not_help_for_long() {
        let throttle = Throttle::default();
        let all: usize = (0..10).map(|n| through(&throttle, "venue", &format!("event-{n}"), 500, 0)).sum();
        assert_eq!(all, 900);
    }

    #[test]
    fn what_came_to_nothing_is_not_counted() {
        let throttle = Throttle::default();
        for _ in 0..1_000 {
            throttle.reserve(&client("venue"), &event("gala"), 0).unwrap();
            throttle.give_back(&client("venue"), &event("gala"));
        }
        assert_eq!(through(&throttle, "venue", "gala", 1_000, 0), 300);
    }

    #[test]
    fn it_keeps_no_more_in_mind_than_it_may_and_forgets_the_old() {
        let throttle = Throttle::default();
        for number in 0..KEPT_MAX {
            throttle.reserve(&client(&number.to_string()), &event("gala"), 0).unwrap();
        }
        assert_eq!(throttle.0.lock().empty_at.len(), KEPT_MAX);
        throttle.reserve(&client("late"), &event("gala"), MINUTE_MS).unwrap();
        assert_eq!(throttle.0.lock().empty_at.len(), 2);
    }
}
