//! All registrations of one event in memory: found by search and filter, in any order, a page at a time, with the statistics kept
//! along. Single-threaded and without IO: `held` shares it and feeds it.

use std::collections::VecDeque;

use turnout_platform::{ids::RegistrationId, search::Query};

use super::entry::{Entry, Order, Place};
use crate::domain::{
    registration::{Mode, Payment, RegistrationState, Rsvp},
    settings::Settings,
    statistics::{Facts, Tally},
};

/// Changes that are remembered for those who watch; who comes later than these hears of fewer.
const RECENT_CHANGES_MAX: usize = 256;

/// Where an entry stands in memory. It never moves: registrations are not deleted.
pub(crate) type Slot = u32;

/// Which registrations. Empty means all, in each part.
#[derive(Clone, Default)]
pub(crate) struct Filter {
    pub query: Option<Query>,
    pub states: Vec<RegistrationState>,
    pub rsvps: Vec<Rsvp>,
    pub payments: Vec<Payment>,
    pub modes: Vec<Mode>,
    pub entered: Option<bool>,
    pub checked_in: Option<bool>,
}

impl Filter {
    /// Whether the entry is one of those, under the event's present settings.
    fn lets(&self, entry: &Entry, settings: &Settings) -> bool {
        fn any<T: PartialEq>(wanted: &[T], found: &T) -> bool {
            wanted.is_empty() || wanted.contains(found)
        }
        let facts: Facts = entry.facts.under(settings);
        any(&self.states, &facts.state)
            && any(&self.rsvps, &facts.rsvp)
            && any(&self.payments, &facts.payment)
            && any(&self.modes, &facts.mode)
            && self.entered.is_none_or(|entered| entered == facts.entered)
            && self.checked_in.is_none_or(|checked_in| checked_in == facts.checked_in)
            && self.query.as_ref().is_none_or(|query| query.finds(&entry.indexed))
    }
}

/// In which order, and which way round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Walk {
    pub order: Order,
    pub reverse: bool,
}

/// A part of what a filter lets through.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    pub slots: Vec<Slot>,
    /// How many the filter lets through in all.
    pub matching: usize,
    /// Whether more follow.
    pub more: bool,
}

/// The list.
#[derive(Default)]
pub(crate) struct List {
    entries: Vec<Entry>,
    by_id: Vec<Slot>,
    /// By [`Order`]; made when first asked for, then kept.
    orders: [Option<Vec<Slot>>; Order::COUNT],
    tally: Tally,
    revision: u64,
    recent: VecDeque<(u64, Slot)>,
}

impl List {
    /// Of what was read from the tables: no id twice.
    pub fn of(entries: Vec<Entry>) -> Self {
        let mut list = Self { by_id: (0..entries.len() as Slot).collect(), entries, ..Self::default() };
        let entries = &list.entries;
        list.by_id.sort_unstable_by(|a, b| entries[*a as usize].id.cmp(&entries[*b as usize].id));
        for entry in entries {
            list.tally.add(entry.facts);
        }
        list
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Grows with each change.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    pub fn entry(&self, slot: Slot) -> &Entry {
        &self.entries[slot as usize]
    }

    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The version that is known of a registration.
    pub fn version_of(&self, id: &RegistrationId) -> Option<i64> {
        let at = self.at(id).ok()?;
        Some(self.entry(self.by_id[at]).version)
    }

    /// Takes an entry that is new, or newer than what is known: changes may come twice and in any order.
    pub fn apply(&mut self, entry: Entry) {
        let slot = match self.at(&entry.id) {
            Ok(at) => {
                let slot = self.by_id[at];
                if self.entry(slot).version >= entry.version {
                    return;
                }
                self.leave_orders(slot);
                self.tally.remove(self.entry(slot).facts);
                self.tally.add(entry.facts);
                self.entries[slot as usize] = entry;
                slot
            }
            Err(at) => {
                let slot = self.entries.len() as Slot;
                self.tally.add(entry.facts);
                self.entries.push(entry);
                self.by_id.insert(at, slot);
                slot
            }
        };
        self.join_orders(slot);
        self.revision += 1;
        self.recent.push_back((self.revision, slot));
        if self.recent.len() > RECENT_CHANGES_MAX {
            self.recent.pop_front();
        }
    }

    /// Which registrations changed after a revision, each once, up to a number of them; the latest are named.
    pub fn changed_since(&self, revision: u64, limit: usize) -> Vec<String> {
        let mut changed: Vec<Slot> = Vec::new();
        for (_, slot) in self.recent.iter().rev().take_while(|(at, _)| *at > revision) {
            if changed.len() < limit && !changed.contains(slot) {
                changed.push(*slot);
            }
        }
        changed.into_iter().map(|slot| self.entry(slot).id.to_string()).collect()
    }

    /// Whether an order is there.
    pub fn has(&self, order: Order) -> bool {
        self.orders[order as usize].is_some()
    }

    /// Makes an order if it is not there.
    pub fn sort(&mut self, order: Order) {
        if self.has(order) {
            return;
        }
        let mut places: Vec<(Place<'_>, Slot)> =
            self.entries.iter().enumerate().map(|(slot, entry)| (entry.place(order), slot as Slot)).collect();
        places.sort_unstable();
        let sorted = places.into_iter().map(|(_, slot)| slot).collect();
        self.orders[order as usize] = Some(sorted);
    }

    /// The part of a walk that the filter lets through, after a place, up to a number; without a limit all of it. The order has been
    /// made with [`Self::sort`].
    pub fn find(
        &self,
        filter: &Filter,
        settings: &Settings,
        walk: Walk,
        after: Option<&Place<'_>>,
        limit: Option<usize>,
    ) -> Found {
        let sorted = self.orders[walk.order as usize].as_deref().unwrap_or_default();
        let place = |slot: &Slot| self.entry(*slot).place(walk.order);
        // How many of the walk come before what is wanted.
        let passed = match after {
            None => 0,
            Some(after) if walk.reverse => sorted.len() - sorted.partition_point(|slot| place(slot) < *after),
            Some(after) => sorted.partition_point(|slot| place(slot) <= *after),
        };
        // Judged in the order in which they lie in memory: that is several times as fast as in the order of the walk.
        let lets: Vec<bool> = self.entries.iter().map(|entry| filter.lets(entry, settings)).collect();
        let mut found = Found::default();
        for at in 0..sorted.len() {
            let slot = if walk.reverse { sorted[sorted.len() - 1 - at] } else { sorted[at] };
            if !lets[slot as usize] {
                continue;
            }
            found.matching += 1;
            if at < passed {
                continue;
            }
            if limit.is_none_or(|limit| found.slots.len() < limit) {
                found.slots.push(slot);
            } else {
                found.more = true;
            }
        }
        found
    }

    fn at(&self, id: &RegistrationId) -> Result<usize, usize> {
        self.by_id.binary_search_by(|slot| self.entry(*slot).id.cmp(id))
    }

    fn leave_orders(&mut self, slot: Slot) {
        self.with_orders(slot, |sorted, at| {
            if let Ok(at) = at {
                sorted.remove(at);
            }
        });
    }

    fn join_orders(&mut self, slot: Slot) {
        self.with_orders(slot, |sorted, at| {
            if let Err(at) = at {
                sorted.insert(at, slot);
            }
        });
    }

    /// With each order that is there, and where the entry stands in it or would.
    fn with_orders(&mut self, slot: Slot, mut act: impl FnMut(&mut Vec<Slot>, Result<usize, usize>)) {
        let entry = &self.entries[slot as usize];
        for order in ORDERS {
            let Some(sorted) = &mut self.orders[order as usize] else { continue };
            let place = entry.place(order);
            let at = sorted.binary_search_by(|other| self.entries[*other as usize].place(order).cmp(&place));
            act(sorted, at);
        }
    }
}

const ORDERS: [Order; Order::COUNT] =
    [Order::RegisteredAt, Order::Name, Order::Email, Order::EnteredAt, Order::EnteredLast, Order::Payment];

#[cfg(test)]
mod tests;
