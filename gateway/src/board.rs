//! The board: which replica's counts to show, and when to say that they are out of touch. Pure: frames and the time in, what
//! to show out.
//!
//! Every replica publishes; a gateway follows the one whose name sorts first among those that are warm and not silent. So no
//! election is needed, and the death of a replica costs at most [`REPLICA_SILENT_MS`].

use std::collections::{BTreeMap, HashMap};

use turnout_proto::presence::v1::{CountsFrame, TopicCount};

/// A replica that says nothing for so long is left for the next one.
pub const REPLICA_SILENT_MS: u64 = 1_500;
/// A topic that no replica mentions for so long is forgotten.
const TOPIC_FORGOTTEN_MS: u64 = 900_000;
/// Topics that are remembered; the counts of further ones are shown and not remembered.
const TOPICS_MAX: usize = 65_536;

/// What to put on the screens of one topic.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// The count, from the replica that is followed.
    pub count: TopicCount,
    /// True when it is out of touch.
    pub stale: bool,
}

#[derive(Debug)]
struct ReplicaState {
    heard_now_ms: u64,
    warming: bool,
    stale: bool,
}

#[derive(Debug)]
struct TopicState {
    /// The latest of each replica: the next one may be needed any moment. Few replicas, so a short list.
    latest: BTreeMap<String, TopicCount>,
    shown: Option<Shown>,
    heard_now_ms: u64,
}

/// The board of one gateway.
#[derive(Debug, Default)]
pub struct Board {
    replicas: BTreeMap<String, ReplicaState>,
    topics: HashMap<String, TopicState>,
    followed: Option<String>,
    stale: bool,
}

impl Board {
    /// A board that has heard nothing: out of touch.
    pub fn new() -> Self {
        Self { stale: true, ..Self::default() }
    }

    /// Whether the screens say that the count is out of touch.
    pub fn is_stale(&self) -> bool {
        self.stale
    }

    /// A frame came. Returns what changes on the screens.
    pub fn on_counts(&mut self, frame: CountsFrame, now_ms: u64) -> Vec<Shown> {
        let CountsFrame { replica, warming, stale, counts, .. } = frame;
        self.replicas.insert(replica.clone(), ReplicaState { heard_now_ms: now_ms, warming, stale });
        let mut touched = Vec::with_capacity(counts.len());
        for count in counts {
            if self.topics.len() >= TOPICS_MAX && !self.topics.contains_key(&count.topic) {
                continue;
            }
            touched.push(count.topic.clone());
            let topic = self.topics.entry(count.topic.clone()).or_insert_with(|| TopicState {
                latest: BTreeMap::new(),
                shown: None,
                heard_now_ms: now_ms,
            });
            topic.heard_now_ms = now_ms;
            topic.latest.insert(replica.clone(), count);
        }
        self.judge(now_ms, touched)
    }

    /// Time passes: call it about every 100 ms.
    pub fn on_timer(&mut self, now_ms: u64) -> Vec<Shown> {
        let (replicas, topics) = (&mut self.replicas, &mut self.topics);
        replicas.retain(|_, r| now_ms < r.heard_now_ms + TOPIC_FORGOTTEN_MS);
        topics.retain(|_, t| now_ms < t.heard_now_ms + TOPIC_FORGOTTEN_MS);
        self.judge(now_ms, Vec::new())
    }

    /// Chooses whom to follow and shows the touched topics, or all when something general changed.
    fn judge(&mut self, now_ms: u64, touched: Vec<String>) -> Vec<Shown> {
        let heard = |r: &ReplicaState| now_ms < r.heard_now_ms + REPLICA_SILENT_MS;
        let alive = || self.replicas.iter().filter(|(_, r)| heard(r));
        // A replica that is itself in doubt is followed only when none is sure; one that is warming only when it is alone.
        let best = alive().min_by_key(|(name, r)| (r.warming, r.stale, *name)).map(|(name, _)| name.clone());
        let stale = best.as_ref().is_none_or(|name| self.replicas[name].stale || self.replicas[name].warming);
        let followed = best.or_else(|| self.followed.clone());
        let general = followed != self.followed || stale != self.stale;
        (self.followed, self.stale) = (followed, stale);
        let names = if general { self.topics.keys().cloned().collect() } else { touched };
        names.into_iter().filter_map(|name| self.show(&name)).collect()
    }

    fn show(&mut self, name: &str) -> Option<Shown> {
        let (followed, stale) = (self.followed.as_ref()?, self.stale);
        let topic = self.topics.get_mut(name)?;
        // A warming replica may know only a part of the mesh: what is on the screens stands until somebody knows better.
        let warming = self.replicas.get(followed).is_some_and(|r| r.warming);
        let newest = topic.latest.get(followed).filter(|_| !warming || topic.shown.is_none());
        let count = match (&topic.shown, newest) {
            (Some(shown), Some(count)) if count.revision < shown.count.revision => &shown.count,
            (_, Some(count)) => count,
            (Some(shown), None) => &shown.count,
            (None, None) => return None,
        };
        let next = Shown { count: count.clone(), stale };
        if topic.shown.as_ref() == Some(&next) {
            return None;
        }
        topic.shown = Some(next.clone());
        Some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(replica: &str, revision: u64, viewers: u64) -> CountsFrame {
        let count =
            TopicCount { topic: "t/e".into(), viewers, low: viewers, high: viewers, revision, ..Default::default() };
        CountsFrame { replica: replica.into(), counts: vec![count], ..Default::default() }
    }

    fn silent(replica: &str) -> CountsFrame {
        CountsFrame { replica: replica.into(), ..Default::default() }
    }

    fn viewers(shown: &[Shown]) -> Vec<(u64, bool)> {
        shown.iter().map(|s| (s.count.viewers, s.stale)).collect()
    }

    #[test]
    fn the_replica_that_sorts_first_is_followed() {
        let mut board = Board::new();
        assert_eq!(viewers(&board.on_counts(frame("b", 1, 5), 0)), [(5, false)]);
        assert_eq!(viewers(&board.on_counts(frame("a", 2, 6), 10)), [(6, false)]);
        assert_eq!(viewers(&board.on_counts(frame("b", 3, 7), 20)), []);
    }

    #[test]
    fn a_silent_replica_is_left_for_the_next_within_its_time() {
        let mut board = Board::new();
        board.on_counts(frame("a", 1, 5), 0);
        board.on_counts(frame("b", 2, 6), 1_000);
        assert_eq!(board.on_timer(REPLICA_SILENT_MS - 1), []);
        assert_eq!(viewers(&board.on_timer(REPLICA_SILENT_MS)), [(6, false)]);
    }

    #[test]
    fn with_all_replicas_silent_the_screens_say_so_once_and_recover_once() {
        let mut board = Board::new();
        board.on_counts(frame("a", 1, 5), 0);
        assert_eq!(viewers(&board.on_timer(REPLICA_SILENT_MS)), [(5, true)]);
        assert_eq!(board.on_timer(REPLICA_SILENT_MS + 100), []);
        assert_eq!(viewers(&board.on_counts(silent("a"), 10_000)), [(5, false)]);
    }

    #[test]
    fn a_warming_replica_does_not_replace_what_is_shown() {
        let mut board = Board::new();
        board.on_counts(frame("a", 1, 500), 0);
        board.on_timer(5_000);
        let mut partial = frame("a", 9, 3);
        partial.warming = true;
        assert_eq!(viewers(&board.on_counts(partial, 6_000)), []);
        assert_eq!(viewers(&board.on_counts(frame("a", 10, 501), 7_000)), [(501, false)]);
    }

    #[test]
    fn a_replica_in_doubt_is_followed_only_when_none_is_sure() {
        let mut board = Board::new();
        let mut doubting = frame("a", 5, 9);
        doubting.stale = true;
        board.on_counts(doubting.clone(), 0);
        assert!(board.is_stale());
        assert_eq!(viewers(&board.on_counts(frame("b", 6, 10), 10)), [(10, false)]);
        assert_eq!(viewers(&board.on_counts(doubting, 20)), []);
    }

    #[test]
    fn an_older_revision_never_replaces_a_newer_one() {
        let mut board = Board::new();
        board.on_counts(frame("b", 1, 4), 0);
        board.on_counts(frame("a", 100, 5), 0);
        assert_eq!(viewers(&board.on_timer(1_400)), []);
        board.on_counts(silent("b"), 1_400);
        assert_eq!(viewers(&board.on_timer(REPLICA_SILENT_MS)), [], "b's last word is older than what is shown");
    }
}
