//! What must hold for any input: the digest, the coalescing of ticks, and the union.

use std::collections::BTreeMap;

use proptest::prelude::*;
use turnout_roster::digest::{digest, member_digest};
use turnout_roster::limits::LINGER_MS;
use turnout_roster::{GatewayRoster, Leave, Replica, ReplicaConfig, SourceName, Tick, Topic, ViewerId};

const WALL_MS: u64 = 1_760_000_000_000;

#[derive(Debug, Clone, Copy)]
enum Step {
    Join(u8),
    Leave(u8),
    Break(u8),
    Tick,
    Wait,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let viewer = 0u8..6;
    let step = prop_oneof![
        3 => viewer.clone().prop_map(Step::Join),
        1 => viewer.clone().prop_map(Step::Leave),
        2 => viewer.prop_map(Step::Break),
        2 => Just(Step::Tick),
        1 => Just(Step::Wait),
    ];
    proptest::collection::vec(step, 0..80)
}

fn id(viewer: u8) -> ViewerId {
    ViewerId::new(u64::from(viewer) + 1)
}

fn topic() -> Topic {
    Topic::from("demo/event")
}

/// What a gateway tells in the course of the steps, and who is there in the end (lingering or not).
fn play(name: &str, steps: &[Step], tick_bytes_max: usize) -> (Vec<Tick>, BTreeMap<ViewerId, bool>) {
    let mut roster = GatewayRoster::new(name.into(), 1).with_frames_of(tick_bytes_max, 2);
    let mut present: BTreeMap<ViewerId, Option<u64>> = BTreeMap::new();
    let mut now_ms = 0;
    let mut ticks = roster.tick(now_ms, WALL_MS);
    for &step in steps {
        match step {
            Step::Join(viewer) => {
                roster.join(&topic(), id(viewer));
                present.insert(id(viewer), None);
            }
            Step::Leave(viewer) => {
                roster.leave(&topic(), id(viewer), Leave::Clean, now_ms);
                if present.get(&id(viewer)) == Some(&None) {
                    present.remove(&id(viewer));
                }
            }
            Step::Break(viewer) => {
                roster.leave(&topic(), id(viewer), Leave::Broken, now_ms);
                if let Some(until @ None) = present.get_mut(&id(viewer)) {
                    *until = Some(now_ms + LINGER_MS);
                }
            }
            Step::Tick | Step::Wait => {
                now_ms += if matches!(step, Step::Tick) { 100 } else { LINGER_MS / 2 };
                ticks.extend(roster.tick(now_ms, WALL_MS + now_ms));
                present.retain(|_, until| until.is_none_or(|until| until > now_ms));
            }
        }
    }
    now_ms += 100;
    ticks.extend(roster.tick(now_ms, WALL_MS + now_ms));
    present.retain(|_, until| until.is_none_or(|until| until > now_ms));
    (ticks, present.into_iter().map(|(viewer, until)| (viewer, until.is_some())).collect())
}

fn held(replica: &Replica, source: &str) -> BTreeMap<ViewerId, bool> {
    let source = SourceName::from(source);
    replica.members_at(&source).map(|(_, member)| (member.viewer, member.lingering)).collect()
}

proptest! {
    #[test]
    fn the_digest_does_not_depend_on_the_order(members in proptest::collection::hash_map(any::<u64>(), any::<bool>(), 0..50)) {
        let mut members: Vec<(ViewerId, bool)> = members.into_iter().map(|(id, lingers)| (ViewerId::new(id), lingers)).collect();
        let one = digest(members.iter().copied());
        members.reverse();
        prop_assert_eq!(one, digest(members.iter().copied()));
        if let Some((viewer, lingers)) = members.pop() {
            prop_assert_eq!(one ^ member_digest(viewer, lingers), digest(members.iter().copied()));
            prop_assert_ne!(member_digest(viewer, lingers), member_digest(viewer, !lingers));
        }
    }

    #[test]
    fn applying_the_ticks_gives_the_set(steps in steps(), tick_bytes_max in prop_oneof![Just(90usize), Just(100_000)]) {
        let (ticks, present) = play("a", &steps, tick_bytes_max);
        let mut replica = Replica::new(ReplicaConfig::default());
        for tick in ticks {
            let lists = tick.topics.iter().flat_map(|delta| [&delta.joins, &delta.lingers, &delta.leaves]).flatten();
            let mut told: Vec<_> = lists.collect();
            told.sort_unstable();
            prop_assert!(told.windows(2).all(|pair| pair[0] != pair[1]), "a viewer stands in one list only");
            replica.on_tick(tick, 0);
        }
        prop_assert_eq!(held(&replica, "a"), present);
        prop_assert_eq!(replica.stats().digest_mismatches, 0);
    }

    #[test]
    fn order_and_repetition_do_not_matter(
        (ones, others) in (steps(), steps()),
        shuffle in proptest::collection::vec(any::<prop::sample::Index>(), 0..200),
    ) {
        let (a, in_a) = play("a", &ones, 100_000);
        let (b, in_b) = play("b", &others, 100_000);
        let ticks: Vec<Tick> = a.into_iter().chain(b).collect();
        let mut replica = Replica::new(ReplicaConfig::default());
        // Some at random, some of them twice; then all once more, so that none is missing.
        for tick in shuffle.iter().map(|index| index.get(&ticks)).chain(&ticks) {
            replica.on_tick(tick.clone(), 0);
        }
        let distinct: BTreeMap<_, _> = in_a.iter().chain(&in_b).collect();
        let firm = distinct.keys().filter(|viewer| [&in_a, &in_b].iter().any(|set| set.get(viewer) == Some(&false))).count();
        let count = replica.count(&topic()).map_or((0, 0), |count| (count.viewers, count.low));
        prop_assert_eq!(count, (distinct.len() as u64, firm as u64));
    }
}
