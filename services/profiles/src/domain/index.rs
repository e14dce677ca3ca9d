//! A tenant's people in memory, in three orders, searched by looking at each: sealed columns can be neither sorted nor searched in
//! a store. How rows are kept in order is the platform's `listing`; this knows what people are found and sorted by.

use turnout_platform::{
    ids::PersonId,
    listing::{Applied, Found, Key, Listed, Listing, Place, Slot, Walk},
    search::{Indexed, Query},
};

use super::person::{Details, Person};

/// What a list is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    CreatedAt,
    Name,
    Email,
}

/// Which people, and how sorted.
pub(crate) struct List {
    pub search: Query,
    pub walk: Walk<Order>,
}

/// One page.
pub(crate) struct Page {
    pub people: Vec<Person>,
    /// Where the next page begins; none when this was the last.
    pub next: Option<Place<'static>>,
    /// People whom the search finds.
    pub matching: usize,
}

/// Somebody, or the trace of somebody of whom nothing can be read any more.
struct Entry {
    person: Person,
    indexed: Indexed,
    gone: bool,
}

impl Entry {
    fn of(person: Person) -> Self {
        let Details { name, email, phone, .. } = &person.details;
        Self { indexed: Indexed::new(name, phone, [email.as_str()]), person, gone: false }
    }

    /// Holds nothing of them but the id, and nothing is newer.
    fn gone(id: PersonId) -> Self {
        let person = Person { version: i64::MAX, ..Person::new(id, Details::default(), 0) };
        Self { gone: true, ..Self::of(person) }
    }
}

impl Listed for Entry {
    type Order = Order;
    const ORDERS: &'static [Order] = &[Order::CreatedAt, Order::Name, Order::Email];

    fn id(&self) -> &str {
        self.person.id.as_str()
    }

    fn version(&self) -> i64 {
        self.person.version
    }

    fn key(&self, order: Order) -> Key<'_> {
        match order {
            Order::CreatedAt => Key::Number(self.person.created_at_ms),
            // Who gave no name is sorted by what is shown instead.
            Order::Name if self.indexed.name().is_empty() => Key::Text(self.indexed.others().into()),
            Order::Name => Key::Text(self.indexed.name().trim_start().into()),
            Order::Email => Key::Text(self.indexed.others().into()),
        }
    }
}

/// The people.
#[derive(Default)]
pub(crate) struct Index {
    entries: Listing<Entry>,
    gone: usize,
}

impl Index {
    /// Everybody at once: nobody twice.
    pub fn of(people: Vec<Person>) -> Self {
        Self { entries: Listing::of(people.into_iter().map(Entry::of).collect()), gone: 0 }
    }

    pub fn len(&self) -> usize {
        self.entries.rows().len() - self.gone
    }

    /// The version that is held of a person; 0 for nobody.
    pub fn version_of(&self, id: &PersonId) -> i64 {
        self.entries.by_id(id.as_str()).map_or(0, Listed::version)
    }

    /// Takes a person in unless a newer version is held, so that news may come in any order.
    pub fn put(&mut self, person: Person) {
        self.apply(Entry::of(person));
    }

    /// Forgets a person for good.
    pub fn remove(&mut self, id: PersonId) {
        self.apply(Entry::gone(id));
    }

    /// Takes the place of another, with what is newer here.
    pub fn take_over(&mut self, other: Self) {
        let news = std::mem::replace(self, other);
        for entry in news.entries.into_rows() {
            self.apply(entry);
        }
    }

    fn apply(&mut self, entry: Entry) {
        let gone = entry.gone;
        let applied = self.entries.apply(entry);
        if gone && !matches!(applied, Applied::Old) {
            self.gone += 1;
        }
    }

    /// Whether an order is there.
    pub fn has(&self, order: Order) -> bool {
        self.entries.has(order)
    }

    /// Makes an order if it is not there.
    pub fn sort(&mut self, order: Order) {
        self.entries.sort(order);
    }

    /// Up to `limit` people of a list, from behind a place. Its order has been made with [`Self::sort`].
    pub fn page(&self, list: &List, after: Option<&Place<'_>>, limit: usize) -> Page {
        let found = self.find(list, after, Some(limit));
        let last = found.slots.last().filter(|_| found.more).map(|last| self.entries.row(*last));
        let next = last.map(|last| place_of(last, list.walk.order));
        Page { people: self.people(&found.slots), next, matching: found.matching }
    }

    /// Where the people of a list are held, to be read with [`Self::people`]. Its order has been made.
    pub fn slots(&self, list: &List) -> Vec<Slot> {
        self.find(list, None, None).slots
    }

    /// Those who are still there, as they are now.
    pub fn people(&self, slots: &[Slot]) -> Vec<Person> {
        let entries = slots.iter().map(|slot| self.entries.row(*slot));
        entries.filter(|entry| !entry.gone).map(|entry| entry.person.clone()).collect()
    }

    fn find(&self, list: &List, after: Option<&Place<'_>>, limit: Option<usize>) -> Found {
        self.entries.find(|entry| !entry.gone && list.search.finds(&entry.indexed), list.walk, after, limit)
    }
}

/// For a page token, which outlives the entry.
fn place_of(entry: &Entry, order: Order) -> Place<'static> {
    let key = match entry.key(order) {
        Key::Number(number) => Key::Number(number),
        Key::Text(text) => Key::Text(text.into_owned().into()),
    };
    (key, entry.id().to_owned().into())
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;
    use turnout_platform::search::fold;

    use super::*;

    fn person(id: &str, name: &str, at_ms: i64, version: i64) -> Person {
        let details = Details { email: format!("{id}@example.org"), name: name.into(), ..Details::default() };
        Person { version, ..Person::new(id.parse().unwrap(), details, at_ms) }
    }

    fn list(search: &str, order: Order, reverse: bool) -> List {
        List { search: Query::parse(search).unwrap(), walk: Walk { order, reverse } }
    }

    fn walk(index: &mut Index, list: &List, limit: usize) -> Vec<String> {
        index.sort(list.walk.order);
        let (mut ids, mut after) = (Vec::new(), None);
        loop {
            let page = index.page(list, after.as_ref(), limit);
            assert!(page.people.len() == limit || page.next.is_none());
            ids.extend(page.people.into_iter().map(|person| person.id.to_string()));
            after = page.next;
            if after.is_none() {
                assert_eq!(page.matching, ids.len());
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
        assert_eq!(walk(&mut index, &list("", Order::Name, false), 2), ["5", "4", "2", "1", "3"]);
        assert_eq!(walk(&mut index, &list("", Order::Name, true), 2), ["3", "1", "2", "4", "5"]);
        assert_eq!(walk(&mut index, &list("oster", Order::Name, false), 2), ["1"]);
    }

    #[test]
    fn an_older_version_that_comes_late_changes_nothing() {
        let mut index = Index::default();
        index.put(person("1", "New", 0, 2));
        index.put(person("1", "Old", 0, 1));
        assert_eq!(walk(&mut index, &list("new", Order::Name, false), 1), ["1"]);
        assert!(walk(&mut index, &list("old", Order::Name, false), 1).is_empty());
        assert_eq!((index.len(), index.version_of(&"1".parse().unwrap())), (1, 2));
    }

    #[test]
    fn a_page_goes_on_behind_somebody_who_has_gone() {
        let mut index = Index::default();
        for n in 1..=4 {
            index.put(person(&n.to_string(), "Same", 10 * n, 1));
        }
        let by_age = list("", Order::CreatedAt, false);
        index.sort(Order::CreatedAt);
        let first = index.page(&by_age, None, 2);
        index.remove("2".parse().unwrap());
        index.put(person("0", "Same", 5, 1));
        let second = index.page(&by_age, first.next.as_ref(), 2);
        assert_eq!(second.people.iter().map(|p| p.id.as_str()).collect::<Vec<_>>(), ["3", "4"]);
        assert!(second.next.is_none());
    }

    #[test]
    fn nothing_of_somebody_who_has_gone_is_held_and_no_late_news_brings_them_back() {
        let mut index = Index::of(vec![person("1", "Anna", 0, 3), person("2", "Bert", 0, 1)]);
        index.sort(Order::Name);
        let slots = index.slots(&list("", Order::Name, false));
        index.remove("1".parse().unwrap());
        index.remove("1".parse().unwrap());
        index.put(person("1", "Anna", 0, 4));
        assert_eq!(index.len(), 1);
        assert_eq!(walk(&mut index, &list("", Order::Name, false), 5), ["2"]);
        assert_eq!(index.people(&slots).len(), 1, "an export that had begun");
        assert!(index.entries.rows().iter().all(|entry| entry.indexed.name() != " anna"));
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
                index.remove(id.parse().unwrap());
            }
            let order = [Order::CreatedAt, Order::Name, Order::Email][order as usize];
            let key = |p: &Person| match order {
                Order::CreatedAt => (String::new(), p.created_at_ms, p.id.clone()),
                Order::Name if !p.details.name.is_empty() => (fold(&p.details.name), 0, p.id.clone()),
                Order::Name | Order::Email => (p.details.email.clone(), 0, p.id.clone()),
            };
            let list = list(&search, order, descending);
            let finds = |p: &&Person| list.search.finds(&Entry::of((*p).clone()).indexed);
            let mut expected: Vec<&Person> = naive.values().filter(finds).collect();
            expected.sort_by_key(|p| key(p));
            if descending {
                expected.reverse();
            }
            let expected: Vec<String> = expected.into_iter().map(|p| p.id.to_string()).collect();
            prop_assert_eq!(index.len(), naive.len());
            prop_assert_eq!(walk(&mut index, &list, limit), expected);
        }
    }
}
