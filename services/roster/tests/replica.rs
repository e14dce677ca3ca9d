//! The replica's half of the protocol, rule by rule: sequence, epochs, snapshots, the union and its facts.
//! Time and its judgements stand in `liveness.rs`.

use turnout_roster::limits::{AHEAD_TICKS_MAX, RESYNC_RETRY_MS, SNAPSHOTS_IN_FLIGHT_MAX};
use turnout_roster::{
    CloseCause, Effect, GatewayRoster, Leave, Replica, ReplicaConfig, Resync, ResyncRequest, Span, Tick, Topic,
    ViewerId,
};

const WALL_MS: u64 = 1_760_000_000_000;

fn topic() -> Topic {
    Topic::from("demo/event")
}

/// A gateway that ticks every 100 ms of a time that starts at 0.
struct Gateway {
    roster: GatewayRoster,
    now_ms: u64,
}

impl Gateway {
    fn new(name: &str, epoch: u64) -> Self {
        Self { roster: GatewayRoster::new(name.into(), epoch), now_ms: 0 }
    }

    /// One tick in which these viewers come.
    fn joins(&mut self, viewers: &[u64]) -> Tick {
        for &viewer in viewers {
            self.roster.join(&topic(), ViewerId::new(viewer));
        }
        self.tick()
    }

    fn leaves(&mut self, viewer: u64, cause: Leave) -> Tick {
        self.roster.leave(&topic(), ViewerId::new(viewer), cause, self.now_ms);
        self.tick()
    }

    fn tick(&mut self) -> Tick {
        self.now_ms += 100;
        self.roster.tick(self.now_ms, WALL_MS + self.now_ms).remove(0)
    }

    fn answer(&mut self, effects: &[Effect]) -> Vec<Resync> {
        let answer = |request| self.roster.on_resync(request, || "fresh".into());
        requests(effects).into_iter().flat_map(answer).collect()
    }
}

fn replica() -> Replica {
    let mut replica = Replica::new(ReplicaConfig::default());
    replica.on_bus(true, 0);
    replica
}

fn requests(effects: &[Effect]) -> Vec<&ResyncRequest> {
    let mut requests = Vec::new();
    for effect in effects {
        if let Effect::Request(request) = effect {
            requests.push(request);
        }
    }
    requests
}

/// Viewers, low end.
fn count(replica: &Replica) -> (u64, u64) {
    replica.count(&topic()).map_or((0, 0), |count| (count.viewers, count.low))
}

fn span(source: &str, epoch: u64, viewer: u64, joined_ms: u64) -> Span {
    let (topic, viewer) = (topic(), ViewerId::new(viewer));
    Span { topic, viewer, source: source.into(), epoch, joined_at_ms: WALL_MS + joined_ms }
}

#[test]
fn one_viewer_on_two_gateways_counts_once() {
    let (mut a, mut b, mut replica) = (Gateway::new("a", 1), Gateway::new("b", 1), replica());
    replica.on_tick(a.joins(&[1, 2]), 0);
    replica.on_tick(b.joins(&[2, 3]), 0);
    assert_eq!(count(&replica), (3, 3));
    replica.on_tick(a.leaves(2, Leave::Clean), 0);
    assert_eq!(count(&replica), (3, 3), "still at the other one");
    replica.on_tick(b.leaves(2, Leave::Clean), 0);
    assert_eq!(count(&replica), (2, 2));
}

#[test]
fn one_who_lingers_is_counted_but_not_in_the_low_end() {
    let (mut a, mut b, mut replica) = (Gateway::new("a", 1), Gateway::new("b", 1), replica());
    replica.on_tick(a.joins(&[1, 2]), 0);
    replica.on_tick(a.leaves(1, Leave::Broken), 0);
    assert_eq!(count(&replica), (2, 1));
    replica.on_tick(b.joins(&[1]), 0);
    assert_eq!(count(&replica), (2, 2), "came back elsewhere");
}

#[test]
fn connections_are_summed_over_gateways() {
    let (mut a, mut b, mut replica) = (Gateway::new("a", 1), Gateway::new("b", 1), replica());
    a.roster.set_connections(&topic(), 5);
    b.roster.set_connections(&topic(), 2);
    replica.on_tick(a.joins(&[1]), 0);
    replica.on_tick(b.joins(&[1]), 0);
    assert_eq!(replica.count(&topic()).map(|count| count.connections), Some(7));
}

#[test]
fn facts_carry_the_gateways_own_times() {
    let (mut a, mut replica) = (Gateway::new("a", 4), replica());
    assert_eq!(
        replica.on_tick(a.joins(&[1, 2]), 9_999),
        [1, 2].map(|viewer| Effect::Opened(span("a", 4, viewer, 100)))
    );
    let closed = |viewer, left_ms, cause| {
        vec![Effect::Closed { span: span("a", 4, viewer, 100), left_at_ms: WALL_MS + left_ms, cause }]
    };
    assert_eq!(replica.on_tick(a.leaves(1, Leave::Clean), 9_999), closed(1, 200, CloseCause::Left));
    assert_eq!(replica.on_tick(a.leaves(2, Leave::Broken), 9_999), []);
    a.now_ms += 5_000;
    assert_eq!(replica.on_tick(a.tick(), 9_999), closed(2, 5_400, CloseCause::Broken));
}

#[test]
fn a_duplicate_changes_nothing() {
    let (mut a, mut replica) = (Gateway::new("a", 1), replica());
    let (first, second) = (a.joins(&[1]), a.leaves(1, Leave::Clean));
    replica.on_tick(first.clone(), 0);
    replica.on_tick(second.clone(), 0);
    assert_eq!(replica.on_tick(first, 0), []);
    assert_eq!(replica.on_tick(second, 0), []);
    assert_eq!((count(&replica), replica.stats().duplicates), ((0, 0), 2));
}

#[test]
fn later_ticks_wait_for_a_missing_one_which_is_asked_for() {
    let (mut a, mut replica) = (Gateway::new("a", 1), replica());
    replica.on_tick(a.joins(&[1]), 0);
    let missing = a.joins(&[2]);
    let effects = replica.on_tick(a.joins(&[3]), 0);
    let request = ResyncRequest { source: "a".into(), epoch: 1, from_seq: 2, fenced: false };
    assert_eq!(effects, [Effect::Request(request.clone())]);
    assert_eq!(count(&replica), (1, 1));
    assert_eq!(requests(&replica.on_tick(a.joins(&[4]), 10)).len(), 0, "asked just now");
    assert_eq!(requests(&replica.on_timer(RESYNC_RETRY_MS)), [&request], "no answer came");
    replica.on_resync(Resync::Replay(vec![missing]), RESYNC_RETRY_MS);
    assert_eq!(count(&replica), (4, 4));
    assert!(replica.sources().all(|source| source.synced));
}

#[test]
fn a_source_first_heard_in_mid_stream_is_asked_for_everything() {
    let (mut a, mut replica) = (Gateway::new("a", 1), replica());
    a.joins(&[1, 2]);
    let effects = replica.on_tick(a.joins(&[3]), 0);
    assert_eq!(requests(&effects)[0].from_seq, 0);
    let later = a.joins(&[4]);
    let answers = a.answer(&effects);
    replica.on_tick(later, 0);
    let opened = answers.into_iter().flat_map(|answer| replica.on_resync(answer, 0)).count();
    assert_eq!((count(&replica), opened), ((4, 4), 4));
}

#[test]
fn of_many_early_ticks_the_newest_are_kept() {
    let (mut a, mut replica) = (Gateway::new("a", 1), replica());
    replica.on_tick(a.joins(&[0]), 0);
    a.joins(&[1]);
    let mut effects = Vec::new();
    for viewer in 2..2 + 2 * AHEAD_TICKS_MAX as u64 {
        effects.extend(replica.on_tick(a.joins(&[viewer]), 0));
    }
    // Tick 2 is no longer in the gateway's ring: it answers with everything.
    let answers = a.answer(&effects);
    assert!(matches!(answers[..], [Resync::Snapshot(_)]));
    for answer in answers {
        replica.on_resync(answer, 0);
    }
    assert_eq!(count(&replica).0, 2 + 2 * AHEAD_TICKS_MAX as u64);
}

#[test]
fn a_higher_epoch_replaces_everything_at_once() {
    let (mut old, mut new, mut replica) = (Gateway::new("a", 1), Gateway::new("a", 2), replica());
    replica.on_tick(old.joins(&[1, 2]), 0);
    let effects = replica.on_tick(new.joins(&[2]), 0);
    assert_eq!(count(&replica), (1, 1));
    let lost = effects.iter().filter(|effect| matches!(effect, Effect::Closed { cause: CloseCause::SourceLost, .. }));
    assert_eq!(lost.count(), 2);
    assert!(effects.contains(&Effect::Opened(span("a", 2, 2, 100))));
}

#[test]
fn the_old_epoch_stands_until_the_new_one_is_known() {
    let (mut old, mut new, mut replica) = (Gateway::new("a", 1), Gateway::new("a", 2), replica());
    replica.on_tick(old.joins(&[1, 2]), 0);
    new.joins(&[3]);
    let effects = replica.on_tick(new.joins(&[4]), 0);
    assert_eq!(count(&replica), (2, 2));
    new.answer(&effects).into_iter().for_each(|answer| drop(replica.on_resync(answer, 0)));
    assert_eq!(count(&replica), (2, 2));
    assert_eq!(replica.source(&"a".into()).and_then(|source| source.applied).map(|applied| applied.0), Some(2));
}

#[test]
fn a_lower_epoch_is_ignored_and_its_gateway_told_so() {
    let (mut old, mut new, mut replica) = (Gateway::new("a", 1), Gateway::new("a", 2), replica());
    replica.on_tick(new.joins(&[1]), 0);
    let effects = replica.on_tick(old.joins(&[2]), 0);
    let fence = ResyncRequest { source: "a".into(), epoch: 2, from_seq: 0, fenced: true };
    assert_eq!(effects, [Effect::Request(fence)]);
    assert_eq!(replica.on_tick(old.tick_again(), 10), [], "it was told just now");
    // It goes on under a fresh name, and both are counted.
    old.answer(&effects).into_iter().for_each(|answer| drop(replica.on_resync(answer, 0)));
    assert_eq!(count(&replica), (2, 2));
}

impl Gateway {
    fn tick_again(&mut self) -> Tick {
        self.now_ms += 1_000;
        self.tick()
    }
}

#[test]
fn a_snapshot_tells_who_left_and_who_came_meanwhile() {
    let (mut a, mut replica) = (Gateway::new("a", 1), replica());
    replica.on_tick(a.joins(&[1, 2, 3]), 0);
    a.leaves(1, Leave::Clean);
    a.leaves(2, Leave::Clean);
    a.joins(&[2]);
    a.joins(&[4]);
    (0..70).for_each(|_| drop(a.tick_again()));
    let effects = replica.on_tick(a.tick_again(), 0);
    let taken_ms = a.now_ms;
    let facts: Vec<Effect> = a.answer(&effects).into_iter().flat_map(|answer| replica.on_resync(answer, 0)).collect();
    let closed = |viewer, left_ms| Effect::Closed {
        span: span("a", 1, viewer, 100),
        left_at_ms: WALL_MS + left_ms,
        cause: CloseCause::Left,
    };
    assert_eq!(facts.len(), 4);
    assert!(facts.contains(&closed(1, taken_ms)), "it is not known better");
    assert!(facts.contains(&closed(2, 400)), "it was gone before it came again");
    assert!(facts.contains(&Effect::Opened(span("a", 1, 2, 400))));
    assert!(facts.contains(&Effect::Opened(span("a", 1, 4, 500))));
    assert_eq!(count(&replica), (3, 3));
}

#[test]
fn a_snapshot_takes_effect_only_when_all_parts_are_there() {
    let mut a = Gateway { roster: GatewayRoster::new("a".into(), 1).with_frames_of(100_000, 2), now_ms: 0 };
    let mut replica = replica();
    a.joins(&[1, 2, 3, 4, 5]);
    let effects = replica.on_tick(a.tick_again(), 0);
    let mut parts = a.answer(&effects);
    assert_eq!(parts.len(), 3);
    parts.reverse();
    let last = parts.pop().expect("there are three");
    for part in parts.iter().chain(&parts) {
        assert_eq!(replica.on_resync(part.clone(), 0), []);
    }
    assert_eq!(count(&replica), (0, 0));
    assert_eq!(replica.on_resync(last, 0).len(), 5);
    assert_eq!(count(&replica), (5, 5));
}

#[test]
fn an_old_snapshot_and_one_that_nobody_needs_are_ignored() {
    let (mut a, mut replica) = (Gateway::new("a", 1), replica());
    let ask = ResyncRequest { source: "a".into(), epoch: 1, from_seq: 0, fenced: false };
    replica.on_tick(a.joins(&[1]), 0);
    let old = a.roster.on_resync(&ask, || unreachable!()).remove(0);
    replica.on_tick(a.leaves(1, Leave::Clean), 0);
    replica.on_resync(old, 0);
    assert_eq!(count(&replica), (0, 0));
    let tick = a.joins(&[2]);
    let newer = a.roster.on_resync(&ask, || unreachable!()).remove(0);
    replica.on_resync(newer, 0);
    assert_eq!(count(&replica), (0, 0), "the tick is not missing, only on its way");
    replica.on_tick(tick, 0);
    assert_eq!(count(&replica), (1, 1));
}

#[test]
fn a_set_that_differs_from_its_gateways_is_noticed_and_replaced() {
    let (mut a, mut replica) = (Gateway::new("a", 1), replica());
    let mut damaged = a.joins(&[1, 2]);
    damaged.topics[0].joins.pop();
    let effects = replica.on_tick(damaged, 0);
    assert_eq!((replica.stats().digest_mismatches, requests(&effects)[0].from_seq), (1, 0));
    a.answer(&effects).into_iter().for_each(|answer| drop(replica.on_resync(answer, 0)));
    assert_eq!(count(&replica), (2, 2));
}

#[test]
fn a_restarted_replica_does_not_ask_the_whole_mesh_at_once() {
    let mut replica = replica();
    let gateways = SNAPSHOTS_IN_FLIGHT_MAX + 10;
    let mut asked = 0;
    for no in 0..gateways {
        let mut gateway = Gateway::new(&format!("gateway-{no}"), 1);
        gateway.tick();
        asked += requests(&replica.on_tick(gateway.tick_again(), 0)).len();
    }
    assert_eq!(asked, SNAPSHOTS_IN_FLIGHT_MAX);
}
