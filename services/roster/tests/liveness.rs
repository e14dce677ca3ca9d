//! Which sources a replica counts as time passes, what it says of itself, and when it publishes.

use turnout_roster::limits::{
    DROP_AFTER_MS, FREEZE_MAX_MS, LATE_AFTER_MS, PUBLISH_AGAIN_MS, PUBLISH_HEARTBEAT_MS, PUBLISH_MEDIUM_MS,
    PUBLISH_SMALL_MS, SUSPECT_AFTER_MS, TOPIC_IDLE_MS, WARMING_MAX_MS, WARMING_MS,
};
use turnout_roster::{Counts, Effect, GatewayRoster, Leave, Liveness, Replica, ReplicaConfig, Topic, ViewerId};

const WALL_MS: u64 = 1_760_000_000_000;
const STEP_MS: u64 = 100;

fn topic() -> Topic {
    Topic::from("demo/event")
}

/// Some gateways and a replica on one clock, in steps of 100 ms.
struct Mesh {
    now_ms: u64,
    gateways: Vec<GatewayRoster>,
    /// Those whose frames do not arrive.
    silent: Vec<bool>,
    replica: Replica,
    effects: Vec<Effect>,
    published: Vec<(u64, Counts)>,
}

impl Mesh {
    /// Gateway `n` has the viewers `10 n` and `10 n + 1`.
    fn new(gateways: u64) -> Self {
        let mut mesh = Self {
            now_ms: 1_000_000,
            gateways: Vec::new(),
            silent: vec![false; gateways as usize],
            replica: Replica::new(ReplicaConfig::default()),
            effects: Vec::new(),
            published: Vec::new(),
        };
        for no in 0..gateways {
            let mut gateway = GatewayRoster::new(format!("gateway-{no}").as_str().into(), 1);
            gateway.join(&topic(), ViewerId::new(10 * no));
            gateway.join(&topic(), ViewerId::new(10 * no + 1));
            mesh.gateways.push(gateway);
        }
        mesh.replica.on_bus(true, mesh.now_ms);
        mesh.pass(WARMING_MS + STEP_MS);
        mesh
    }

    fn pass(&mut self, for_ms: u64) {
        for _ in 0..for_ms / STEP_MS {
            self.now_ms += STEP_MS;
            let (now_ms, at_ms) = (self.now_ms, WALL_MS + self.now_ms);
            for (gateway, silent) in self.gateways.iter_mut().zip(&self.silent) {
                for tick in gateway.tick(now_ms, at_ms).into_iter().filter(|_| !silent) {
                    self.effects.extend(self.replica.on_tick(tick, now_ms));
                }
            }
            self.effects.extend(self.replica.on_timer(now_ms));
            self.answer();
            self.published.extend(self.replica.publish(now_ms, at_ms).into_iter().map(|counts| (now_ms, counts)));
        }
    }

    fn answer(&mut self) {
        let asked: Vec<_> = self.effects.extract_if(.., |effect| matches!(effect, Effect::Request(_))).collect();
        for effect in asked {
            let Effect::Request(request) = effect else { continue };
            for (gateway, _) in self.gateways.iter_mut().zip(&self.silent).filter(|(_, silent)| !**silent) {
                for answer in gateway.on_resync(&request, || unreachable!("nobody is fenced here")) {
                    self.effects.extend(self.replica.on_resync(answer, self.now_ms));
                }
            }
        }
    }

    /// Everyone is heard once more, then the first ones no longer.
    fn silence(&mut self, gateways: usize) {
        for gateway in &mut self.gateways {
            gateway.set_connections(&topic(), self.now_ms as u32);
        }
        self.pass(STEP_MS);
        self.silent.iter_mut().take(gateways).for_each(|silent| *silent = true);
    }

    /// Viewers, low end.
    fn count(&self) -> (u64, u64) {
        self.replica.count(&topic()).map_or((0, 0), |count| (count.viewers, count.low))
    }

    fn liveness(&self, gateway: usize) -> Liveness {
        self.replica.source(self.gateways[gateway].source()).expect("it was heard").liveness
    }

    fn counts_published(&self) -> Vec<u64> {
        self.published.iter().filter(|(_, frame)| !frame.counts.is_empty()).map(|(now_ms, _)| *now_ms).collect()
    }
}

#[test]
fn a_silent_gateway_is_late_then_suspect_then_dropped() {
    let mut mesh = Mesh::new(4);
    mesh.silence(1);
    mesh.pass(LATE_AFTER_MS - STEP_MS);
    assert_eq!((mesh.liveness(0), mesh.count()), (Liveness::Fresh, (8, 8)));
    mesh.pass(STEP_MS);
    assert_eq!((mesh.liveness(0), mesh.count()), (Liveness::Late, (8, 6)));
    mesh.pass(SUSPECT_AFTER_MS - LATE_AFTER_MS);
    assert_eq!((mesh.liveness(0), mesh.count()), (Liveness::Suspect, (8, 6)));
    assert!(!mesh.replica.status().stale);
    mesh.pass(DROP_AFTER_MS - STEP_MS);
    assert_eq!((mesh.liveness(0), mesh.count()), (Liveness::Suspect, (8, 6)));
    mesh.pass(STEP_MS);
    assert_eq!((mesh.liveness(0), mesh.count()), (Liveness::Dropped, (6, 6)));
}

#[test]
fn a_dropped_gateway_that_returns_opens_the_same_spans_again() {
    let mut mesh = Mesh::new(4);
    let opened: Vec<Effect> = mesh.effects.extract_if(.., |effect| matches!(effect, Effect::Opened(_))).collect();
    mesh.silence(1);
    mesh.pass(20_000);
    let closed = mesh.effects.iter().filter(|effect| matches!(effect, Effect::Closed { .. })).count();
    assert_eq!((mesh.count(), closed), ((6, 6), 2));
    mesh.effects.clear();
    mesh.silent[0] = false;
    mesh.pass(1_500);
    assert_eq!((mesh.liveness(0), mesh.count()), (Liveness::Fresh, (8, 8)));
    let again: Vec<_> = mesh.effects.iter().filter(|effect| matches!(effect, Effect::Opened(_))).collect();
    assert_eq!(again.len(), 2);
    assert!(again.into_iter().all(|effect| opened.contains(effect)));
}

#[test]
fn a_draining_gateway_that_falls_silent_is_dropped_without_waiting() {
    let mut mesh = Mesh::new(4);
    mesh.gateways[0].drain();
    mesh.pass(200);
    mesh.silence(1);
    mesh.pass(SUSPECT_AFTER_MS + STEP_MS);
    assert_eq!((mesh.liveness(0), mesh.count()), (Liveness::Dropped, (6, 6)));
}

#[test]
fn that_a_twin_drains_says_nothing_about_the_gateway_whose_viewers_are_held() {
    let mut mesh = Mesh::new(4);
    mesh.silence(1);
    let mut twin = GatewayRoster::new(mesh.gateways[0].source().clone(), 2);
    twin.tick(mesh.now_ms, WALL_MS + mesh.now_ms);
    twin.drain();
    // Its first tick was lost: only that it drains is known of the twin, not whom it holds.
    let tick = twin.tick(mesh.now_ms, WALL_MS + mesh.now_ms).remove(0);
    mesh.replica.on_tick(tick, mesh.now_ms);
    mesh.pass(SUSPECT_AFTER_MS + 1_000);
    assert_eq!((mesh.liveness(0), mesh.count()), (Liveness::Suspect, (8, 6)));
    mesh.pass(DROP_AFTER_MS);
    assert_eq!((mesh.liveness(0), mesh.count()), (Liveness::Dropped, (6, 6)));
}

#[test]
fn the_silence_of_the_only_gateway_is_its_death_and_not_ours() {
    let mut mesh = Mesh::new(1);
    mesh.silence(1);
    mesh.pass(20_000);
    assert_eq!((mesh.liveness(0), mesh.count(), mesh.replica.status().stale), (Liveness::Dropped, (0, 0), false));
}

#[test]
fn when_many_fall_silent_at_once_nobody_is_dropped_for_a_minute() {
    let mut mesh = Mesh::new(4);
    mesh.silence(2);
    mesh.pass(FREEZE_MAX_MS);
    assert!(mesh.replica.status().stale);
    assert_eq!(mesh.count(), (8, 4));
    mesh.pass(SUSPECT_AFTER_MS + 1_000);
    assert!(!mesh.replica.status().stale, "the others are heard all the time: it is not us");
    assert_eq!(mesh.count(), (8, 4));
    mesh.pass(DROP_AFTER_MS);
    assert_eq!(mesh.count(), (4, 4));
}

#[test]
fn when_all_fall_silent_nobody_is_ever_dropped() {
    let mut mesh = Mesh::new(3);
    mesh.silence(3);
    mesh.pass(3 * FREEZE_MAX_MS);
    assert!(mesh.replica.status().stale);
    assert_eq!(mesh.count(), (6, 0));
}

#[test]
fn without_the_bus_the_count_stands_and_is_right_again_at_once() {
    for gateways in [1, 3] {
        let mut mesh = Mesh::new(gateways);
        mesh.replica.on_bus(false, mesh.now_ms);
        mesh.silence(3);
        mesh.pass(30_000);
        assert!(mesh.replica.status().stale);
        assert_eq!(mesh.count(), (2 * gateways, 0));
        mesh.replica.on_bus(true, mesh.now_ms);
        mesh.pass(500);
        assert!(mesh.replica.status().stale, "nobody was heard yet");
        mesh.silent.fill(false);
        mesh.pass(1_500);
        assert!(!mesh.replica.status().stale);
        assert_eq!(mesh.count(), (2 * gateways, 2 * gateways));
        assert!(!mesh.effects.iter().any(|effect| matches!(effect, Effect::Closed { .. })));
    }
}

#[test]
fn drop_timers_begin_anew_after_the_bus_is_back() {
    let mut mesh = Mesh::new(4);
    mesh.silence(1);
    mesh.pass(SUSPECT_AFTER_MS + DROP_AFTER_MS - 2_000);
    mesh.replica.on_bus(false, mesh.now_ms);
    mesh.pass(5_000);
    mesh.replica.on_bus(true, mesh.now_ms);
    mesh.pass(DROP_AFTER_MS - 1_000);
    assert_eq!(mesh.count(), (8, 6));
    // For a moment more it is not certain that the bus carries everything again.
    mesh.pass(LATE_AFTER_MS + 1_000);
    assert_eq!(mesh.count(), (6, 6));
}

#[test]
fn as_of_is_the_oldest_state_that_is_not_under_suspicion() {
    let mut mesh = Mesh::new(4);
    let as_of_ms = |mesh: &Mesh| mesh.replica.count(&topic()).expect("it is counted").as_of_ms - WALL_MS;
    mesh.silence(1);
    mesh.pass(2_000);
    assert!(as_of_ms(&mesh) + 2_000 <= mesh.now_ms, "the late one may know of others");
    mesh.pass(2_000);
    assert!(as_of_ms(&mesh) + 1_000 >= mesh.now_ms, "of the suspect one the last is known");
}

#[test]
fn a_new_replica_warms_up_until_it_has_heard_and_knows_everyone() {
    let mut mesh = Mesh::new(2);
    assert!(!mesh.replica.status().warming);
    mesh.replica = Replica::new(ReplicaConfig::default());
    mesh.pass(WARMING_MS);
    assert!(mesh.replica.status().warming, "there is no bus yet");
    mesh.replica.on_bus(true, mesh.now_ms);
    mesh.pass(WARMING_MS - STEP_MS);
    assert!(mesh.replica.status().warming);
    mesh.pass(STEP_MS);
    assert!(!mesh.replica.status().warming);
    assert_eq!(mesh.count(), (4, 4));
}

#[test]
fn a_gateway_that_never_answers_does_not_keep_a_replica_warming_for_ever() {
    let mut mesh = Mesh::new(1);
    let mut replica = Replica::new(ReplicaConfig::default());
    replica.on_bus(true, mesh.now_ms);
    for _ in 0..WARMING_MAX_MS / STEP_MS {
        assert!(replica.status().warming);
        mesh.pass(STEP_MS);
        mesh.gateways[0].set_connections(&topic(), mesh.now_ms as u32);
        let tick = mesh.gateways[0].tick(mesh.now_ms, WALL_MS).remove(0);
        replica.on_tick(tick, mesh.now_ms);
        replica.on_timer(mesh.now_ms);
    }
    assert!(!replica.status().warming);
}

#[test]
fn every_change_is_published_but_not_more_often_than_the_cadence() {
    let mut mesh = Mesh::new(1);
    mesh.pass(1_000);
    mesh.published.clear();
    for viewer in 100..150 {
        mesh.gateways[0].join(&topic(), ViewerId::new(viewer));
        mesh.pass(STEP_MS);
    }
    let times = mesh.counts_published();
    assert!(times.len() >= 15);
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= PUBLISH_SMALL_MS));
    mesh.pass(PUBLISH_SMALL_MS + STEP_MS);
    assert_eq!(mesh.published.last().map(|(_, frame)| frame.counts[0].1.viewers), Some(52));
}

#[test]
fn a_larger_count_is_published_less_often() {
    let mut mesh = Mesh::new(1);
    (100..20_100).for_each(|viewer| mesh.gateways[0].join(&topic(), ViewerId::new(viewer)));
    mesh.pass(1_000);
    mesh.published.clear();
    for viewer in 30_000..30_050 {
        mesh.gateways[0].join(&topic(), ViewerId::new(viewer));
        mesh.pass(STEP_MS);
    }
    assert!(mesh.counts_published().windows(2).all(|pair| pair[1] - pair[0] >= PUBLISH_MEDIUM_MS));
}

#[test]
fn an_unchanged_count_is_published_again_and_a_heartbeat_in_between() {
    let mut mesh = Mesh::new(1);
    mesh.pass(1_000);
    mesh.published.clear();
    mesh.pass(3 * PUBLISH_AGAIN_MS);
    assert_eq!(mesh.counts_published().len(), 3);
    assert!(mesh.published.windows(2).all(|pair| pair[1].0 - pair[0].0 <= PUBLISH_HEARTBEAT_MS));
}

#[test]
fn a_revision_grows_beyond_that_of_any_other_replica() {
    let mut mesh = Mesh::new(1);
    let foreign = WALL_MS + 1_000_000_000;
    mesh.replica.observe_revision(foreign);
    mesh.published.clear();
    mesh.pass(2 * PUBLISH_AGAIN_MS);
    let revisions: Vec<u64> =
        mesh.published.iter().flat_map(|(_, frame)| &frame.counts).map(|(_, count)| count.revision).collect();
    assert_eq!(revisions, [foreign + 1, foreign + 2]);
}

#[test]
fn a_topic_that_everybody_left_is_published_as_zero_and_forgotten_after_a_while() {
    let mut mesh = Mesh::new(1);
    for viewer in [0, 1] {
        mesh.gateways[0].leave(&topic(), ViewerId::new(viewer), Leave::Clean, mesh.now_ms);
    }
    mesh.pass(1_000);
    assert_eq!(mesh.replica.count(&topic()).map(|count| count.viewers), Some(0));
    mesh.pass(TOPIC_IDLE_MS);
    assert_eq!((mesh.replica.count(&topic()), mesh.replica.topics().count()), (None, 0));
}
