//! A tenant's people in memory, in three orders, searched by looking at each: sealed columns can be neither sorted nor searched in
//! a store. A page begins where a place says, so people who come or go between two pages neither repeat nor hide others.

use std::{
    cmp::Ordering,
    collections::{BTreeSet, HashMap},
    ops::Bound,
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use turnout_platform::{
    ids::PersonId,
    search::{Indexed, Query, fold},
};

use super::person::{Details, Person};

/// Characters by which names and addresses are sorted; equal ones are told apart by id.
const SORT_CHARS_MAX: usize = 64;

/// What a list is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Order {
    CreatedAt,
    Name,
    Email,
}

/// Which people, and how sorted.
pub(crate) struct List {
    pub search: Query,
    pub order: Order,
    pub descending: bool,
}

/// Where a person stands in a list.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    /// The beginning of the name or the address; personal.
    text: Box<str>,
    at_ms: i64,
    id: Box<str>,
}

/// One page.
pub(crate) struct Page {
    pub people: Vec<Person>,
    /// Where the next page begins; none when this was the last.
    pub next: Option<Place>,
}

struct Held {
    person: Person,
    name: Box<str>,
    email: Box<str>,
    indexed: Indexed,
}

impl Held {
    fn new(person: Person) -> Self {
        let Details { name, email, phone, .. } = &person.details;
        Self {
            name: sorted_by(&fold(name)),
            email: sorted_by(email),
            indexed: Indexed::new(name, phone, [email.as_str()]),
            person,
        }
    }

    /// Somebody at this place, to begin a walk at. None for a place that no list has.
    fn at(place: &Place, order: Order) -> Option<Self> {
        let person = Person::new(place.id.parse().ok()?, Details::default(), place.at_ms);
        let text = |of: Order| if of == order { place.text.clone() } else { Box::default() };
        Some(Self { name: text(Order::Name), email: text(Order::Email), indexed: Indexed::new("", "", []), person })
    }

    fn key(&self, order: u8) -> (&str, i64, &PersonId) {
        match order {
            NAME => (&self.name, 0, &self.person.id),
            EMAIL => (&self.email, 0, &self.person.id),
            _ => ("", self.person.created_at_ms, &self.person.id),
        }
    }
}

fn sorted_by(text: &str) -> Box<str> {
    text.chars().take(SORT_CHARS_MAX).collect::<String>().into_boxed_str()
}

const CREATED_AT: u8 = 0;
const NAME: u8 = 1;
const EMAIL: u8 = 2;

/// Somebody as sorted in one of the orders.
#[derive(Clone)]
struct In<const ORDER: u8>(Arc<Held>);

impl<const ORDER: u8> Ord for In<ORDER> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.key(ORDER).cmp(&other.0.key(ORDER))
    }
}

impl<const ORDER: u8> PartialOrd for In<ORDER> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<const ORDER: u8> PartialEq for In<ORDER> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<const ORDER: u8> Eq for In<ORDER> {}

/// The people.
#[derive(Default)]
pub(crate) struct Index {
    held: HashMap<PersonId, Arc<Held>>,
    by_created_at: BTreeSet<In<CREATED_AT>>,
    by_name: BTreeSet<In<NAME>>,
    by_email: BTreeSet<In<EMAIL>>,
}

impl Index {
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// The version that is held of a person; 0 for nobody.
    pub fn version_of(&self, id: &PersonId) -> i64 {
        self.held.get(id).map_or(0, |held| held.person.version)
    }

    /// Takes a person in unless a newer version is held, so that news may come in any order.
    pub fn put(&mut self, person: Person) {
        if person.version <= self.version_of(&person.id) {
            return;
        }
        self.remove(&person.id.clone());
        let held = Arc::new(Held::new(person));
        self.by_created_at.insert(In(held.clone()));
        self.by_name.insert(In(held.clone()));
        self.by_email.insert(In(held.clone()));
        self.held.insert(held.person.id.clone(), held);
    }

    pub fn remove(&mut self, id: &PersonId) {
        if let Some(held) = self.held.remove(id) {
            self.by_created_at.remove(&In(held.clone()));
            self.by_name.remove(&In(held.clone()));
            self.by_email.remove(&In(held));
        }
    }

    /// How many people the search finds.
    pub fn matching(&self, search: &Query) -> usize {
        if search.is_empty() {
            return self.len();
        }
        self.held.values().filter(|held| search.finds(&held.indexed)).count()
    }

    /// Up to `limit` people that the search finds, from behind a place.
    pub fn page(&self, list: &List, after: Option<&Place>, limit: usize) -> Page {
        match list.order {
            Order::CreatedAt => page(&self.by_created_at, list, after, limit),
            Order::Name => page(&self.by_name, list, after, limit),
            Order::Email => page(&self.by_email, list, after, limit),
        }
    }
}

fn page<const ORDER: u8>(sorted: &BTreeSet<In<ORDER>>, list: &List, after: Option<&Place>, limit: usize) -> Page {
    let from = after.and_then(|place| Held::at(place, list.order)).map(|held| In(Arc::new(held)));
    let from = from.map_or(Bound::Unbounded, Bound::Excluded);
    let everybody: Box<dyn Iterator<Item = &In<ORDER>>> = if list.descending {
        Box::new(sorted.range((Bound::Unbounded, from)).rev())
    } else {
        Box::new(sorted.range((from, Bound::Unbounded)))
    };
    let mut found = everybody.filter(|held| list.search.finds(&held.0.indexed));
    let held: Vec<&In<ORDER>> = found.by_ref().take(limit).collect();
    let next = held.last().filter(|_| found.next().is_some()).map(|last| {
        let (text, at_ms, id) = last.0.key(ORDER);
        Place { text: text.into(), at_ms, id: id.as_str().into() }
    });
    Page { people: held.into_iter().map(|held| held.0.person.clone()).collect(), next }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn person(id: &str, name: &str, at_ms: i64, version: i64) -> Person {
        let details = Details { email: format!("{id}@example.org"), name: name.into(), ..Details::default() };
        Person { version, ..Person::new(id.parse().unwrap(), details, at_ms) }
    }

    fn list(search: &str, order: Order, descending: bool) -> List {
        List { search: Query::parse(search).unwrap(), order, descending }
    }

    fn walk(index: &Index, list: &List, limit: usize) -> Vec<String> {
        let (mut ids, mut after) = (Vec::new(), None);
        loop {
            let page = index.page(list, after.as_ref(), limit);
            assert!(page.people.len() == limit || page.next.is_none());
            ids.extend(page.people.into_iter().map(|person| person.id.to_string()));
            after = page.next;
            if after.is_none() {
                return ids;
            }
        }
    }

    #[test]
    fn names_are_sorted_without_regard_to_case_and_accents() {
        let mut index = Index::default();
        for (id, name) in [("1", "Österberg"), ("2", "olsen"), ("3", "Zander"), ("4", "Anna"), ("5", "")] {
            index.put(person(id, name, 0, 1));
        }
        assert_eq!(walk(&index, &list("", Order::Name, false), 2), ["5", "4", "2", "1", "3"]);
        assert_eq!(walk(&index, &list("", Order::Name, true), 2), ["3", "1", "2", "4", "5"]);
        assert_eq!(walk(&index, &list("oster", Order::Name, false), 2), ["1"]);
    }

    #[test]
    fn an_older_version_that_comes_late_changes_nothing() {
        let mut index = Index::default();
        index.put(person("1", "New", 0, 2));
        index.put(person("1", "Old", 0, 1));
        assert_eq!(index.matching(&Query::parse("new").unwrap()), 1);
        assert_eq!((index.len(), index.version_of(&"1".parse().unwrap())), (1, 2));
    }

    #[test]
    fn a_page_goes_on_behind_somebody_who_has_gone() {
        let mut index = Index::default();
        for n in 1..=4 {
            index.put(person(&n.to_string(), "Same", 10 * n, 1));
        }
        let by_age = list("", Order::CreatedAt, false);
        let first = index.page(&by_age, None, 2);
        index.remove(&"2".parse().unwrap());
        index.put(person("0", "Same", 5, 1));
        let second = index.page(&by_age, first.next.as_ref(), 2);
        assert_eq!(second.people.iter().map(|p| p.id.as_str()).collect::<Vec<_>>(), ["3", "4"]);
        assert!(second.next.is_none());
    }

    proptest! {
        #[test]
        fn the_pages_of_any_list_together_are_the_list(
            people in proptest::collection::vec(("[a-c]{1,2}", "[a-cA-C]{0,3}", 0_i64..5, 1_i64..4), 0..40),
            gone in proptest::collection::vec("[a-c]{1,2}", 0..5),
            search in "[a-c]{0,2}", order in 0..3, descending: bool, limit in 1_usize..5,
        ) {
            let (mut index, mut naive) = (Index::default(), HashMap::<String, Person>::new());
            for (id, name, at_ms, version) in people {
                let person = person(&id, &name, at_ms, version);
                if naive.get(&id).is_none_or(|known| known.version < version) {
                    naive.insert(id, person.clone());
                }
                index.put(person);
            }
            for id in gone {
                naive.remove(&id);
                index.remove(&id.parse().unwrap());
            }
            let order = [Order::CreatedAt, Order::Name, Order::Email][order as usize];
            let key = |p: &Person| match order {
                Order::CreatedAt => (String::new(), p.created_at_ms, p.id.clone()),
                Order::Name => (fold(&p.details.name), 0, p.id.clone()),
                Order::Email => (p.details.email.clone(), 0, p.id.clone()),
            };
            let list = list(&search, order, descending);
            let finds = |p: &&Person| list.search.finds(&Held::new((*p).clone()).indexed);
            let mut expected: Vec<&Person> = naive.values().filter(finds).collect();
            expected.sort_by_key(|p| key(p));
            if descending {
                expected.reverse();
            }
            let expected: Vec<String> = expected.into_iter().map(|p| p.id.to_string()).collect();
            prop_assert_eq!(index.matching(&list.search), expected.len());
            prop_assert_eq!(walk(&index, &list, limit), expected);
        }
    }
}
