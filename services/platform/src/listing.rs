//! Many rows in memory, each with an id and a version: kept in several orders, found by looking at every one, walked a page at a time.
//! For lists of what is sealed in the tables, which can be neither sorted nor searched there. Single-threaded and without IO: who
//! holds a listing shares and feeds it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// Where a row stands in memory. It never moves: rows are replaced, not taken out.
pub type Slot = u32;

/// By what a row is sorted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Key<'a> {
    Number(i64),
    Text(Cow<'a, str>),
}

/// Where a row stands in an order: equal keys are sorted by the id. Personal where its key is. A walk goes on behind a place, so rows
/// that come or go between two pages neither repeat nor hide others.
pub type Place<'a> = (Key<'a>, Cow<'a, str>);

/// What can be listed.
pub trait Listed {
    /// What lists of it are sorted by.
    type Order: Copy + PartialEq + 'static;
    /// All of them.
    const ORDERS: &'static [Self::Order];

    fn id(&self) -> &str;

    /// Grows with each change.
    fn version(&self) -> i64;

    fn key(&self, order: Self::Order) -> Key<'_>;

    fn place(&self, order: Self::Order) -> Place<'_> {
        (self.key(order), self.id().into())
    }
}

/// In which order, and which way round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Walk<O> {
    pub order: O,
    pub reverse: bool,
}

/// A part of a walk.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    pub slots: Vec<Slot>,
    /// How many rows are wanted in all.
    pub matching: usize,
    /// Whether more follow.
    pub more: bool,
}

/// What became of a row that was brought.
pub enum Applied<T> {
    /// It is no newer than what is known.
    Old,
    New(Slot),
    /// It took the place of this one.
    Replaced(Slot, T),
}

/// The rows.
pub struct Listing<T: Listed> {
    rows: Vec<T>,
    by_id: Vec<Slot>,
    /// As in [`Listed::ORDERS`]; each is made when first asked for, then kept.
    orders: Vec<Option<Vec<Slot>>>,
}

impl<T: Listed> Default for Listing<T> {
    fn default() -> Self {
        Self::of(Vec::new())
    }
}

impl<T: Listed> Listing<T> {
    /// Of many rows at once: no id twice.
    pub fn of(rows: Vec<T>) -> Self {
        let mut by_id: Vec<Slot> = (0..rows.len() as Slot).collect();
        by_id.sort_unstable_by(|a, b| rows[*a as usize].id().cmp(rows[*b as usize].id()));
        Self { rows, by_id, orders: T::ORDERS.iter().map(|_| None).collect() }
    }

    /// All rows, in no order.
    pub fn rows(&self) -> &[T] {
        &self.rows
    }

    /// All rows, in no order, when the listing is needed no more.
    pub fn into_rows(self) -> Vec<T> {
        self.rows
    }

    /// The row of a slot that this listing gave.
    pub fn row(&self, slot: Slot) -> &T {
        &self.rows[slot as usize]
    }

    pub fn by_id(&self, id: &str) -> Option<&T> {
        self.at(id).ok().map(|at| self.row(self.by_id[at]))
    }

    /// Takes a row that is new, or newer than what is known: they may come twice and in any order.
    pub fn apply(&mut self, row: T) -> Applied<T> {
        let applied = match self.at(row.id()) {
            Ok(at) => {
                let slot = self.by_id[at];
                if self.row(slot).version() >= row.version() {
                    return Applied::Old;
                }
                self.leave_orders(slot);
                Applied::Replaced(slot, std::mem::replace(&mut self.rows[slot as usize], row))
            }
            Err(at) => {
                let slot = self.rows.len() as Slot;
                self.rows.push(row);
                self.by_id.insert(at, slot);
                Applied::New(slot)
            }
        };
        if let Applied::New(slot) | Applied::Replaced(slot, _) = &applied {
            self.join_orders(*slot);
        }
        applied
    }

    /// Whether an order is there.
    pub fn has(&self, order: T::Order) -> bool {
        self.sorted(order).is_some()
    }

    /// Makes an order if it is not there.
    pub fn sort(&mut self, order: T::Order) {
        if self.has(order) {
            return;
        }
        let slots = 0..self.rows.len() as Slot;
        let mut places: Vec<(Place<'_>, Slot)> = slots.map(|slot| (self.row(slot).place(order), slot)).collect();
        places.sort_unstable();
        let sorted = places.into_iter().map(|(_, slot)| slot).collect();
        if let Some(at) = Self::index(order) {
            self.orders[at] = Some(sorted);
        }
    }

    /// The part of a walk over the wanted rows after a place, up to a number; without a limit all of it. The order has been made
    /// with [`Self::sort`]: in one that is not there nothing is found.
    pub fn find(
        &self,
        wants: impl Fn(&T) -> bool,
        walk: Walk<T::Order>,
        after: Option<&Place<'_>>,
        limit: Option<usize>,
    ) -> Found {
        let sorted = self.sorted(walk.order).unwrap_or_default();
        let place = |slot: &Slot| self.row(*slot).place(walk.order);
        // How many of the walk come before what is asked for.
        let passed = match after {
            None => 0,
            Some(after) if walk.reverse => sorted.len() - sorted.partition_point(|slot| place(slot) < *after),
            Some(after) => sorted.partition_point(|slot| place(slot) <= *after),
        };
        // Judged in the order in which they lie in memory: that is several times as fast as in the order of the walk.
        let wanted: Vec<bool> = self.rows.iter().map(wants).collect();
        let mut found = Found::default();
        for at in 0..sorted.len() {
            let slot = if walk.reverse { sorted[sorted.len() - 1 - at] } else { sorted[at] };
            if !wanted[slot as usize] {
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

    fn index(order: T::Order) -> Option<usize> {
        T::ORDERS.iter().position(|known| *known == order)
    }

    fn sorted(&self, order: T::Order) -> Option<&[Slot]> {
        self.orders[Self::index(order)?].as_deref()
    }

    fn at(&self, id: &str) -> Result<usize, usize> {
        self.by_id.binary_search_by(|slot| self.row(*slot).id().cmp(id))
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

    /// With each order that is there, and where the row stands in it or would.
    fn with_orders(&mut self, slot: Slot, mut act: impl FnMut(&mut Vec<Slot>, Result<usize, usize>)) {
        let row = &self.rows[slot as usize];
        for (order, sorted) in T::ORDERS.iter().zip(&mut self.orders) {
            let Some(sorted) = sorted else { continue };
            let place = row.place(*order);
            let at = sorted.binary_search_by(|other| self.rows[*other as usize].place(*order).cmp(&place));
            act(sorted, at);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::{collection::vec, prelude::*};

    use super::*;

    #[derive(Debug, Clone)]
    struct Row {
        id: String,
        version: i64,
        name: String,
        at: i64,
    }

    #[derive(Debug, Clone, Copy, PartialEq)]
    enum By {
        Name,
        At,
    }

    impl Listed for Row {
        type Order = By;
        const ORDERS: &'static [By] = &[By::Name, By::At];

        fn id(&self) -> &str {
            &self.id
        }

        fn version(&self) -> i64 {
            self.version
        }

        fn key(&self, order: By) -> Key<'_> {
            match order {
                By::Name => Key::Text(self.name.as_str().into()),
                By::At => Key::Number(self.at),
            }
        }
    }

    fn any_row() -> impl Strategy<Value = Row> {
        let parts = ("[a-d]{1,2}", 1_i64..4, "[ab]{0,2}", 0_i64..3);
        parts.prop_map(|(id, version, name, at)| Row { id, version, name, at })
    }

    fn any_walk() -> impl Strategy<Value = Walk<By>> {
        (any::<bool>(), any::<bool>())
            .prop_map(|(name, reverse)| Walk { order: if name { By::Name } else { By::At }, reverse })
    }

    fn all_pages(
        listing: &Listing<Row>,
        wants: impl Fn(&Row) -> bool + Copy,
        walk: Walk<By>,
        limit: usize,
    ) -> Vec<String> {
        let (mut ids, mut after) = (Vec::new(), None);
        loop {
            let found = listing.find(wants, walk, after.as_ref(), Some(limit));
            ids.extend(found.slots.iter().map(|slot| listing.row(*slot).id.clone()));
            match found.slots.last().filter(|_| found.more) {
                Some(last) => after = Some(listing.row(*last).place(walk.order)),
                None => return ids,
            }
        }
    }

    proptest! {
        #[test]
        fn the_pages_of_any_walk_are_a_plain_sort_of_the_newest_versions_whatever_came_before(
            loaded in vec(any_row(), 0..12), changes in vec((any_row(), any::<bool>()), 0..40),
            walk in any_walk(), limit in 1_usize..5, wanted_at in 0_i64..4,
        ) {
            let mut model: BTreeMap<String, Row> = BTreeMap::new();
            for row in loaded {
                model.entry(row.id.clone()).or_insert(row);
            }
            let mut listing = Listing::of(model.values().cloned().collect());
            for (row, sort_now) in changes {
                if sort_now {
                    listing.sort(walk.order);
                }
                let newer = model.get(&row.id).is_none_or(|known| known.version < row.version);
                if newer {
                    model.insert(row.id.clone(), row.clone());
                }
                prop_assert_eq!(matches!(listing.apply(row), Applied::Old), !newer);
            }
            listing.sort(walk.order);
            let wants = |row: &Row| row.at != wanted_at;
            let mut expected: Vec<&Row> = model.values().filter(|row| wants(row)).collect();
            expected.sort_by(|a, b| a.place(walk.order).cmp(&b.place(walk.order)));
            if walk.reverse {
                expected.reverse();
            }
            let expected: Vec<&str> = expected.into_iter().map(|row| row.id.as_str()).collect();
            prop_assert_eq!(listing.find(wants, walk, None, None).matching, expected.len());
            prop_assert_eq!(all_pages(&listing, wants, walk, limit), expected);
            for row in model.values() {
                prop_assert_eq!(listing.by_id(&row.id).map(Listed::version), Some(row.version));
            }
        }
    }
}
