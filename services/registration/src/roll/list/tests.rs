//! The list against a plain model: the same registrations, sorted and filtered the slow way.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{collection::vec, prelude::*, sample::select};
use turnout_platform::listing::{Key, Listed};

use super::*;
use crate::domain::{
    money::Money,
    registration::{Moments, Personal, Registration},
};

fn registration(id: &str, version: i64) -> Registration {
    Registration {
        event: "gala".parse().unwrap(),
        id: id.parse().unwrap(),
        person: Some("p1".parse().unwrap()),
        state: RegistrationState::Registered,
        rsvp: Rsvp::NotAsked,
        mode: Mode::Hybrid,
        registered_at_ms: 1000,
        first_entered_at_ms: None,
        checked_in_at_ms: Some(3000),
        waiting_since_ms: None,
        moments: Moments {
            rsvp_at_ms: Some(1),
            payment_at_ms: Some(2),
            cancelled_at_ms: Some(3),
            came_cancelled_at_ms: None,
        },
        seat: None,
        payment: Payment::Paid,
        paid: Some(Money { amount_minor: 100, currency: "EUR".to_owned() }),
        notices: Vec::new(),
        personal: Personal {
            email: "Anna@Example.org".to_owned(),
            name: "Anna Müller".to_owned(),
            phone: "+491701234567".to_owned(),
            nickname: String::new(),
            answers: BTreeMap::from([("company".to_owned(), "Acme".to_owned())]),
        },
        form_version: 2,
        language: "de".to_owned(),
        version,
    }
}

fn settings() -> Settings {
    Settings::new("UTC".to_owned(), 0)
}

/// One of a few registrations, in any condition.
fn any_registration() -> impl Strategy<Value = Registration> {
    let who = (0_usize..12, 1_i64..6, 0_i64..4, proptest::option::of(0_i64..4));
    let what = (select(RegistrationState::ALL), select(Payment::ALL), select(&["", "Ann", "ann b", "Bea", "Ünal"][..]));
    (who, what).prop_map(|((who, version, registered_at_ms, first_entered_at_ms), (state, payment, name))| {
        let mut it = registration(&format!("r{who}"), version);
        (it.state, it.payment, it.registered_at_ms) = (state, payment, registered_at_ms);
        it.first_entered_at_ms = first_entered_at_ms;
        it.personal.name = name.to_owned();
        it.personal.email = format!("{}@x.org", 20 - who);
        it
    })
}

fn any_walk() -> impl Strategy<Value = Walk> {
    (select(<Entry as Listed>::ORDERS), any::<bool>()).prop_map(|(order, reverse)| Walk { order, reverse })
}

fn ids(list: &List, found: &Found) -> Vec<String> {
    found.slots.iter().map(|slot| list.entry(*slot).id.to_string()).collect()
}

#[test]
fn an_entry_shows_the_registration_that_it_was_made_of() {
    let whole = registration("r1", 7);
    assert_eq!(Entry::of(&whole).registration(&whole.event), whole);
    let bare = Registration {
        person: None,
        first_entered_at_ms: Some(5),
        checked_in_at_ms: None,
        waiting_since_ms: Some(6),
        moments: Moments::default(),
        paid: None,
        personal: Personal { nickname: "nick".to_owned(), ..Personal::default() },
        ..whole
    };
    assert_eq!(Entry::of(&bare).registration(&bare.event), bare);
}

#[test]
fn an_older_version_that_comes_late_changes_nothing() {
    let mut list = List::of(vec![Entry::of(&registration("r1", 3))]);
    for version in [3, 2] {
        let late = Registration { state: RegistrationState::Cancelled, ..registration("r1", version) };
        list.apply(Entry::of(&late));
    }
    assert_eq!((list.revision(), list.tally().statistics(&settings()).registrants), (0, 1));
    list.apply(Entry::of(&Registration { state: RegistrationState::Cancelled, ..registration("r1", 4) }));
    let statistics = list.tally().statistics(&settings());
    assert_eq!((list.revision(), statistics.registrants, statistics.cancelled), (1, 0, 1));
    assert_eq!(list.version_of(&"r1".parse().unwrap()), Some(4));
    assert_eq!(list.version_of(&"r2".parse().unwrap()), None);
}

#[test]
fn whoever_watches_hears_what_changed_once_each_and_the_latest_when_there_is_too_much() {
    let mut list = List::default();
    for (id, version) in [("r1", 1), ("r2", 1), ("r1", 2)] {
        list.apply(Entry::of(&registration(id, version)));
    }
    assert_eq!(list.changed_since(0, 100), ["r1", "r2"]);
    assert_eq!(list.changed_since(2, 100), ["r1"]);
    assert!(list.changed_since(3, 100).is_empty());
    for n in 0..2 * RECENT_CHANGES_MAX {
        list.apply(Entry::of(&registration(&format!("x{n}"), 1)));
    }
    let changed = list.changed_since(0, 100);
    assert_eq!((changed.len(), changed[0].as_str()), (100, "x511"));
}

#[test]
fn those_who_did_not_enter_come_last_either_way_round() {
    let entered = |id, at_ms| Registration { first_entered_at_ms: at_ms, ..registration(id, 1) };
    let all = [entered("a", None), entered("b", Some(2)), entered("c", Some(1)), entered("d", None)];
    let mut list = List::of(all.iter().map(Entry::of).collect());
    let mut sorted = |order| {
        list.sort(order);
        ids(&list, &list.find(&Filter::default(), &settings(), Walk { order, reverse: false }, None, None))
    };
    assert_eq!(sorted(Order::EnteredAt), ["c", "b", "a", "d"]);
    assert_eq!(sorted(Order::EnteredLast), ["b", "c", "a", "d"]);
}

#[test]
fn a_filter_sees_a_registration_as_the_events_present_settings_make_it_look() {
    let mut list =
        List::of(vec![Entry::of(&Registration { payment: Payment::NotApplicable, ..registration("r1", 1) })]);
    list.sort(Order::RegisteredAt);
    let priced = Settings { price: Some(Money { amount_minor: 1, currency: "EUR".to_owned() }), ..settings() };
    let unpaid = Filter { payments: vec![Payment::Unpaid], ..Filter::default() };
    let walk = Walk { order: Order::RegisteredAt, reverse: false };
    let matching = |settings| list.find(&unpaid, settings, walk, None, None).matching;
    assert_eq!((matching(&settings()), matching(&priced)), (0, 1));
}

proptest! {
    #[test]
    fn any_walk_is_the_order_of_a_plain_sort_whatever_changed_before(
        loaded in vec(any_registration(), 0..12),
        changes in vec((any_registration(), any::<bool>()), 0..40),
        walk in any_walk(),
        states in vec(select(RegistrationState::ALL), 0..3),
    ) {
        let mut model: BTreeMap<String, Registration> = BTreeMap::new();
        for it in loaded {
            model.entry(it.id.to_string()).or_insert(it);
        }
        let mut list = List::of(model.values().map(Entry::of).collect());
        for (it, sort_now) in changes {
            if sort_now {
                list.sort(walk.order);
            }
            list.apply(Entry::of(&it));
            let known = model.entry(it.id.to_string()).or_insert_with(|| it.clone());
            if known.version < it.version {
                *known = it;
            }
        }
        list.sort(walk.order);
        let filter = Filter { states: states.clone(), ..Filter::default() };
        let found = list.find(&filter, &settings(), walk, None, None);

        let mut wanted: Vec<Entry> = model.values().map(Entry::of).collect();
        wanted.retain(|entry| states.is_empty() || states.contains(&entry.facts.state));
        wanted.sort_by(|a, b| a.place(walk.order).cmp(&b.place(walk.order)));
        if walk.reverse {
            wanted.reverse();
        }
        let wanted: Vec<String> = wanted.iter().map(|entry| entry.id.to_string()).collect();
        prop_assert_eq!(ids(&list, &found), wanted);
        prop_assert_eq!((list.len(), found.more), (model.len(), false));

        let mut recounted = Tally::default();
        for it in model.values() {
            recounted.add(Facts::of(it));
        }
        prop_assert_eq!(list.tally(), &recounted);
    }

    #[test]
    fn item_20_whoever_stays_where_they_are_is_on_exactly_one_page_while_others_come_and_move(
        loaded in vec(any_registration(), 1..12),
        changes in vec(any_registration(), 0..20),
        walk in any_walk(),
        page_size in 1_usize..4,
    ) {
        let first: BTreeMap<String, Registration> = loaded.into_iter().map(|it| (it.id.to_string(), it)).collect();
        let mut list = List::of(first.values().map(Entry::of).collect());
        let (mut seen, mut moved) = (Vec::new(), BTreeSet::new());
        let mut changes = changes.into_iter();
        let mut after = None;
        loop {
            list.sort(walk.order);
            let found = list.find(&Filter::default(), &settings(), walk, after.as_ref(), Some(page_size));
            prop_assert!(found.slots.len() <= page_size);
            seen.extend(ids(&list, &found));
            let Some(last) = found.slots.last().filter(|_| found.more) else { break };
            let (key, id) = list.entry(*last).place(walk.order);
            let key = match key {
                Key::Number(number) => Key::Number(number),
                Key::Text(text) => Key::Text(text.into_owned().into()),
            };
            after = Some((key, id.into_owned().into()));
            for it in changes.by_ref().take(3) {
                moved.insert(it.id.to_string());
                list.apply(Entry::of(&it));
            }
        }
        for id in first.keys().filter(|id| !moved.contains(*id)) {
            prop_assert_eq!(seen.iter().filter(|seen| *seen == id).count(), 1, "{}", id);
        }
    }
}
