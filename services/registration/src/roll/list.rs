//! All registrations of one event in memory: found by search and filter, in any order, a page at a time, with the statistics kept
//! along. Single-threaded and without IO: `held` shares it and feeds it.

use std::collections::VecDeque;

use turnout_platform::{
    ids::RegistrationId,
    listing::{self, Applied, Found, Listing, Place, Slot},
    search::Query,
};

use super::entry::{Entry, Order};
use crate::domain::{
    registration::{Mode, Payment, RegistrationState, Rsvp},
    settings::Settings,
    statistics::{Facts, Tally},
};

/// Changes that are remembered for those who watch; who comes later than these hears of fewer.
const RECENT_CHANGES_MAX: usize = 256;

/// A walk over an event's registrations.
pub(crate) type Walk = listing::Walk<Order>;

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
    pub has_place: Option<bool>,
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
            && self.has_place.is_none_or(|has_place| has_place == facts.has_place())
            && self.query.as_ref().is_none_or(|query| query.finds(&entry.indexed))
    }
}

/// The list.
#[derive(Default)]
pub(crate) struct List {
    entries: Listing<Entry>,
    tally: Tally,
    revision: u64,
    recent: VecDeque<(u64, Slot)>,
}

impl List {
    /// Of what was read from the tables: no id twice.
    pub fn of(entries: Vec<Entry>) -> Self {
        let mut tally = Tally::default();
        for entry in &entries {
            tally.add(entry.facts);
        }
        Self { entries: Listing::of(entries), tally, ..Self::default() }
    }

    pub fn len(&self) -> usize {
        self.entries.rows().len()
    }

    /// Grows with each change.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    pub fn entry(&self, slot: Slot) -> &Entry {
        self.entries.row(slot)
    }

    pub fn entries(&self) -> &[Entry] {
        self.entries.rows()
    }

    /// The version that is known of a registration.
    pub fn version_of(&self, id: &RegistrationId) -> Option<i64> {
        Some(self.entries.by_id(id.as_str())?.version)
    }

    /// Takes an entry that is new, or newer than what is known: changes may come twice and in any order.
    pub fn apply(&mut self, entry: Entry) {
        let facts = entry.facts;
        let slot = match self.entries.apply(entry) {
            Applied::Old => return,
            Applied::New(slot) => slot,
            Applied::Replaced(slot, before) => {
                self.tally.remove(before.facts);
                slot
            }
        };
        self.tally.add(facts);
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
        self.entries.has(order)
    }

    /// Makes an order if it is not there.
    pub fn sort(&mut self, order: Order) {
        self.entries.sort(order);
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
        self.entries.find(|entry| filter.lets(entry, settings), walk, after, limit)
    }
}

#[cfg(test)]
mod tests;
