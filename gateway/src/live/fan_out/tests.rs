//! The rules of `fan_out`: nobody is missed, whoever comes, goes or moves while a count is on its way.

use std::collections::HashMap as Map;

use proptest::prelude::*;
use turnout_roster::ViewerId;

use super::super::protocol::Count;
use super::*;

fn seat(topic: &str) -> Seat {
    Seat { event: Topic::new(topic), room: None, viewer: ViewerId::new(1) }
}

fn count(topic: &str, revision: u64) -> Arc<EncodedCount> {
    let count = Count { viewers: 1, low: 1, high: 1, as_of_ms: 1, revision, stale: false };
    Arc::new(EncodedCount::new(Topic::new(topic), count))
}

/// Walks to the end and notes the last revision that each key was offered.
fn walk(audience: &mut Audience, slice: usize, shown: &mut Map<u32, u64>) {
    while !audience.is_idle() {
        audience.walk(slice, |key, count, _| {
            shown.insert(key, count.count().revision);
        });
    }
}

#[test]
fn a_count_reaches_the_members_of_its_topic_and_no_others() {
    let mut audience = Audience::default();
    for key in 0..10 {
        audience.seat(key, &seat("t/a"), || None);
        audience.seat(100 + key, &seat("t/b"), || None);
    }
    audience.publish(count("t/a", 1));
    audience.publish(count("t/nobody", 1));
    let mut shown = Map::new();
    walk(&mut audience, 3, &mut shown);
    let mut keys: Vec<u32> = shown.into_keys().collect();
    keys.sort_unstable();
    assert_eq!(keys, (0..10).collect::<Vec<_>>());
}

#[test]
fn a_newer_count_overtakes_an_older_one_half_way_and_still_reaches_all() {
    let mut audience = Audience::default();
    for key in 0..100 {
        audience.seat(key, &seat("t/a"), || None);
    }
    audience.publish(count("t/a", 1));
    let mut offers = 0;
    audience.walk(50, |_, count, _| {
        assert_eq!(count.count().revision, 1);
        offers += 1;
    });
    assert_eq!(offers, 50);
    audience.publish(count("t/a", 2));
    let mut shown = Map::new();
    walk(&mut audience, 50, &mut shown);
    assert_eq!(shown.len(), 100);
    assert!(shown.values().all(|revision| *revision == 2));
}

#[test]
fn two_hot_topics_take_turns() {
    let mut audience = Audience::default();
    for key in 0..100 {
        audience.seat(key, &seat("t/a"), || None);
        audience.seat(1_000 + key, &seat("t/b"), || None);
    }
    audience.publish(count("t/a", 1));
    audience.publish(count("t/b", 1));
    let mut first_turns = Vec::new();
    for _ in 0..2 {
        audience.walk(10, |key, _, _| first_turns.push(key >= 1_000));
    }
    assert_eq!(first_turns.iter().filter(|of_b| **of_b).count(), 10);
}

#[test]
fn the_first_one_in_a_topic_is_shown_what_the_gateway_knew() {
    let mut audience = Audience::default();
    let place = audience.seat(1, &seat("t/a"), || Some(count("t/a", 7)));
    assert_eq!(audience.latest(place).map(|(count, number)| (count.count().revision, number)), Some((7, 1)));
    assert_eq!(audience.unseat(place), None);
    assert!(audience.by_topic.is_empty() && audience.topics.is_empty());
}

#[test]
fn a_topic_that_empties_while_its_count_is_on_its_way_leaves_nothing_behind() {
    let mut audience = Audience::default();
    let place = audience.seat(1, &seat("t/a"), || None);
    audience.publish(count("t/a", 1));
    audience.unseat(place);
    assert!(audience.is_idle());
    audience.seat(2, &seat("t/b"), || None);
    audience.walk(10, |_, _, _| panic!("nothing was published here"));
}

#[derive(Clone, Debug)]
enum Step {
    Seat(bool),
    Unseat(usize),
    Publish(bool),
    Walk(usize),
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => any::<bool>().prop_map(Step::Seat),
        3 => any::<usize>().prop_map(Step::Unseat),
        1 => any::<bool>().prop_map(Step::Publish),
        2 => (1_usize..8).prop_map(Step::Walk),
    ]
}

proptest! {
    #[test]
    fn in_the_end_everybody_has_seen_the_latest_count(steps in proptest::collection::vec(any_step(), 0..200)) {
        let topics = ["t/a", "t/b"];
        let mut audience = Audience::default();
        let mut seated: Vec<(u32, Place, &str)> = Vec::new();
        let mut shown: Map<u32, u64> = Map::new();
        let mut latest: Map<&str, u64> = Map::new();
        let (mut next_key, mut revision) = (0, 0);
        for step in steps {
            match step {
                Step::Seat(second) => {
                    let topic = topics[usize::from(second)];
                    let place =
                        audience.seat(next_key, &seat(topic), || latest.get(topic).map(|revision| count(topic, *revision)));
                    if let Some((count, _)) = audience.latest(place) {
                        shown.insert(next_key, count.count().revision);
                    }
                    seated.push((next_key, place, topic));
                    next_key += 1;
                }
                Step::Unseat(index) if !seated.is_empty() => {
                    let (_, place, _) = seated.swap_remove(index % seated.len());
                    if let Some(moved) = audience.unseat(place) {
                        seated.iter_mut().find(|(key, _, _)| *key == moved).unwrap().1 = place;
                    }
                }
                Step::Unseat(_) => {}
                Step::Publish(second) => {
                    revision += 1;
                    latest.insert(topics[usize::from(second)], revision);
                    audience.publish(count(topics[usize::from(second)], revision));
                }
                Step::Walk(slice) => audience.walk(slice, |key, count, _| {
                    shown.insert(key, count.count().revision);
                }),
            }
        }
        walk(&mut audience, 3, &mut shown);
        for (key, place, topic) in &seated {
            prop_assert_eq!(shown.get(key), latest.get(topic));
            prop_assert_eq!(audience.topics(*place).0.as_str(), *topic);
        }
    }
}
