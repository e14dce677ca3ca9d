//! The gateway's half of the protocol, rule by rule.

use turnout_roster::limits::{FRAME_BYTES_MAX, HEARTBEAT_MS, LINGER_MS, REPLAY_TICKS_MAX, TICK_INTERVAL_MS};
use turnout_roster::{
    GatewayRoster, Leave, Resync, ResyncRequest, SnapshotPart, SnapshotTopic, SourceName, Tick, Topic, ViewerId,
};

const EPOCH: u64 = 7;
const WALL_MS: u64 = 1_760_000_000_000;

/// A gateway with its clock: each tick is one interval later.
struct Gateway {
    roster: GatewayRoster,
    now_ms: u64,
    topic: Topic,
}

impl Gateway {
    fn new() -> Self {
        let roster = GatewayRoster::new(SourceName::from("gateway-1"), EPOCH);
        let mut gateway = Self { roster, now_ms: 50_000, topic: Topic::from("demo/event") };
        assert_eq!(gateway.ticks().len(), 1, "the first tick is due at once");
        gateway
    }

    fn join(&mut self, viewer: u64) {
        self.roster.join(&self.topic, ViewerId::new(viewer));
    }

    fn leave(&mut self, viewer: u64, cause: Leave) {
        self.roster.leave(&self.topic, ViewerId::new(viewer), cause, self.now_ms);
    }

    fn ticks(&mut self) -> Vec<Tick> {
        self.now_ms += TICK_INTERVAL_MS;
        self.roster.tick(self.now_ms, WALL_MS + self.now_ms)
    }

    /// The only tick that is due: joins, lingers, leaves of the topic.
    fn told(&mut self) -> [Vec<u64>; 3] {
        let ticks = self.ticks();
        assert!(ticks.len() <= 1);
        let Some(delta) = ticks.first().and_then(|tick| tick.topics.first()) else { return Default::default() };
        [&delta.joins, &delta.lingers, &delta.leaves].map(|list| list.iter().map(|viewer| viewer.get()).collect())
    }

    fn ask(&mut self, epoch: u64, from_seq: u64, fenced: bool) -> Vec<Resync> {
        let request = ResyncRequest { source: SourceName::from("gateway-1"), epoch, from_seq, fenced };
        self.roster.on_resync(&request, || SourceName::from("gateway-1-fresh"))
    }

    fn snapshot(&mut self) -> Vec<SnapshotPart> {
        parts(self.ask(EPOCH, 0, false))
    }
}

fn parts(answers: Vec<Resync>) -> Vec<SnapshotPart> {
    let part = |answer| match answer {
        Resync::Snapshot(part) => part,
        Resync::Replay(_) => panic!("a replay instead of a snapshot"),
    };
    answers.into_iter().map(part).collect()
}

fn members(parts: &[SnapshotPart]) -> Vec<(u64, u64, bool)> {
    let members = parts.iter().flat_map(|part| &part.topics).flat_map(|topic| &topic.members);
    let mut members: Vec<_> =
        members.map(|member| (member.viewer.get(), member.joined_at_ms, member.lingering)).collect();
    members.sort_unstable();
    members
}

#[test]
fn a_join_is_told_in_the_next_tick_and_only_there() {
    let mut gateway = Gateway::new();
    gateway.join(1);
    assert_eq!(gateway.told(), [vec![1], vec![], vec![]]);
    gateway.join(1);
    assert_eq!(gateway.ticks(), []);
}

#[test]
fn a_viewer_who_comes_and_goes_within_a_tick_is_not_told() {
    let mut gateway = Gateway::new();
    gateway.join(1);
    gateway.leave(1, Leave::Clean);
    assert_eq!(gateway.ticks(), []);
}

#[test]
fn a_viewer_who_goes_and_comes_within_a_tick_has_never_left() {
    let mut gateway = Gateway::new();
    gateway.join(1);
    gateway.ticks();
    let joined_at_ms = WALL_MS + gateway.now_ms;
    gateway.leave(1, Leave::Clean);
    gateway.join(1);
    assert_eq!(gateway.ticks(), []);
    assert_eq!(members(&gateway.snapshot()), [(1, joined_at_ms, false)]);
}

#[test]
fn a_goodbye_is_told_at_once_and_a_broken_connection_lingers_first() {
    let mut gateway = Gateway::new();
    gateway.join(1);
    gateway.join(2);
    gateway.ticks();
    gateway.leave(1, Leave::Clean);
    gateway.leave(2, Leave::Broken);
    assert_eq!(gateway.told(), [vec![], vec![2], vec![1]]);
    gateway.now_ms += LINGER_MS - 3 * TICK_INTERVAL_MS;
    assert_eq!(gateway.told(), [vec![], vec![], vec![]]);
    assert_eq!(gateway.told(), [vec![], vec![], vec![2]]);
}

#[test]
fn a_viewer_who_comes_back_while_lingering_is_live_again_in_the_same_span() {
    let mut gateway = Gateway::new();
    gateway.join(1);
    gateway.ticks();
    let joined_at_ms = WALL_MS + gateway.now_ms;
    gateway.leave(1, Leave::Broken);
    gateway.ticks();
    assert_eq!(members(&gateway.snapshot()), [(1, joined_at_ms, true)]);
    gateway.join(1);
    assert_eq!(gateway.told(), [vec![1], vec![], vec![]]);
    gateway.now_ms += 2 * LINGER_MS;
    assert_eq!(gateway.told(), [vec![], vec![], vec![]]);
    assert_eq!(members(&gateway.snapshot()), [(1, joined_at_ms, false)]);
}

#[test]
fn an_earlier_linger_does_not_end_a_later_one() {
    let mut gateway = Gateway::new();
    gateway.join(1);
    gateway.leave(1, Leave::Broken);
    gateway.join(1);
    gateway.leave(1, Leave::Clean);
    gateway.ticks();
    gateway.now_ms += LINGER_MS / 2;
    gateway.join(1);
    gateway.leave(1, Leave::Broken);
    assert_eq!(gateway.told(), [vec![], vec![1], vec![]]);
    gateway.now_ms += LINGER_MS / 2;
    assert_eq!(gateway.told(), [vec![], vec![], vec![]], "the first linger would end now");
    gateway.now_ms += LINGER_MS / 2;
    assert_eq!(gateway.told(), [vec![], vec![], vec![1]]);
}

#[test]
fn while_draining_even_a_goodbye_lingers() {
    let mut gateway = Gateway::new();
    gateway.join(1);
    gateway.ticks();
    gateway.roster.drain();
    let ticks = gateway.ticks();
    assert!(ticks.len() == 1 && ticks[0].draining, "that it drains is told at once");
    gateway.leave(1, Leave::Clean);
    assert_eq!(gateway.told(), [vec![], vec![1], vec![]]);
}

#[test]
fn the_connections_are_told_when_they_change() {
    let mut gateway = Gateway::new();
    gateway.roster.set_connections(&gateway.topic, 3);
    assert_eq!(gateway.ticks()[0].topics[0].connections, 3);
    gateway.roster.set_connections(&gateway.topic, 4);
    gateway.roster.set_connections(&gateway.topic, 3);
    assert_eq!(gateway.ticks(), []);
}

#[test]
fn an_idle_gateway_is_heard_once_a_second() {
    let mut gateway = Gateway::new();
    let frames: Vec<Tick> = (0..50).flat_map(|_| gateway.ticks()).collect();
    assert_eq!(frames.len() as u64, 50 * TICK_INTERVAL_MS / HEARTBEAT_MS);
    let seqs: Vec<u64> = frames.iter().map(|tick| tick.seq).collect();
    assert_eq!(seqs, [2, 3, 4, 5, 6]);
}

#[test]
fn a_wall_clock_that_steps_back_does_not_turn_the_ticks_back() {
    let mut gateway = Gateway::new();
    let before_ms = WALL_MS + gateway.now_ms;
    gateway.join(1);
    let tick = gateway.roster.tick(gateway.now_ms + 100, WALL_MS - 3_600_000).remove(0);
    assert_eq!(tick.at_ms, before_ms + 100);
}

#[test]
fn a_tick_that_is_kept_is_sent_again_and_an_older_one_costs_a_snapshot() {
    let mut gateway = Gateway::new();
    let mut told = Vec::new();
    for viewer in 0..REPLAY_TICKS_MAX as u64 {
        gateway.join(viewer);
        told.extend(gateway.ticks());
    }
    let oldest = told[0].seq;
    assert_eq!(gateway.ask(EPOCH, oldest, false), [Resync::Replay(told.clone())]);
    assert_eq!(gateway.ask(EPOCH, oldest + 3, false), [Resync::Replay(told[3..].to_vec())]);
    assert_eq!(parts(gateway.ask(EPOCH, oldest - 1, false)).len(), 1);
    assert_eq!(gateway.ask(EPOCH, gateway.roster.seq() + 1, false), [], "nothing is missing");
}

#[test]
fn what_is_meant_for_another_gateway_is_not_answered() {
    let mut gateway = Gateway::new();
    assert_eq!(gateway.ask(EPOCH + 1, 0, false), [], "our twin has the name");
    let other = ResyncRequest { source: SourceName::from("gateway-2"), epoch: EPOCH, from_seq: 0, fenced: false };
    assert_eq!(gateway.roster.on_resync(&other, || unreachable!()), []);
    assert_eq!(gateway.ask(EPOCH, 0, true), [], "fenced, but by an epoch that is not newer");
}

#[test]
fn a_snapshot_is_the_state_after_the_last_tick_and_not_that_of_now() {
    let mut gateway = Gateway::new();
    gateway.join(1);
    gateway.join(2);
    gateway.ticks();
    let joined_at_ms = WALL_MS + gateway.now_ms;
    gateway.join(3);
    gateway.leave(1, Leave::Clean);
    gateway.leave(2, Leave::Broken);
    let parts = gateway.snapshot();
    assert_eq!((parts.len(), parts[0].seq, parts[0].at_ms), (1, 2, joined_at_ms));
    assert_eq!(members(&parts), [(1, joined_at_ms, false), (2, joined_at_ms, false)]);
}

#[test]
fn a_large_snapshot_comes_in_parts_that_fit_the_bus() {
    let mut gateway = Gateway::new();
    (0..20_000).for_each(|viewer| gateway.join(viewer));
    for room in 0..3_000 {
        gateway.roster.join(&Topic::new(format!("demo/event/{room:064}")), ViewerId::new(room));
    }
    gateway.ticks();
    let parts = gateway.snapshot();
    assert!(parts.len() > 3);
    assert!(parts.iter().enumerate().all(|(no, part)| part.part as usize == no && part.parts as usize == parts.len()));
    let bytes = |part: &SnapshotPart| part.topics.iter().map(SnapshotTopic::bytes_max).sum::<usize>();
    assert!(parts.iter().all(|part| bytes(part) < 200 * 1024));
    assert_eq!(members(&parts).len(), 23_000);
}

#[test]
fn a_crowd_that_breaks_off_at_once_is_told_in_frames_that_fit_the_bus() {
    let mut gateway = Gateway::new();
    let before_ms = WALL_MS + gateway.now_ms;
    (0..60_000).for_each(|viewer| gateway.join(viewer));
    let ticks = gateway.ticks();
    assert!(ticks.len() > 3 && ticks.iter().all(|tick| tick.bytes_max() <= FRAME_BYTES_MAX));
    assert!(ticks.windows(2).all(|pair| pair[0].seq + 1 == pair[1].seq));
    let (last, rest) = ticks.split_last().expect("there are several");
    assert!(rest.iter().all(|tick| tick.at_ms == before_ms), "halfway only the old is certain to be in");
    assert_eq!(last.at_ms, WALL_MS + gateway.now_ms);
    let size = rest.last().and_then(|tick| tick.topics.last()).map(|delta| delta.size);
    assert_eq!(size, Some(60_000));
}

#[test]
fn a_fenced_gateway_goes_on_under_a_fresh_name_with_its_whole_state() {
    let mut gateway = Gateway::new();
    gateway.join(1);
    gateway.ticks();
    let joined_at_ms = WALL_MS + gateway.now_ms;
    let parts = parts(gateway.ask(EPOCH + 1, 0, true));
    assert_eq!((parts[0].source.as_str(), parts[0].epoch, parts[0].seq), ("gateway-1-fresh", EPOCH, 1));
    assert_eq!(members(&parts), [(1, joined_at_ms, false)]);
    gateway.join(2);
    let tick = gateway.ticks().remove(0);
    assert_eq!((tick.source.as_str(), tick.seq), ("gateway-1-fresh", 2));
    assert_eq!(gateway.ask(EPOCH + 1, 0, true), [], "the old name is nobody's concern any more");
}
