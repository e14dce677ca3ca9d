//! The latest count of each topic, for readers: the replica writes, any number of calls read or watch.
//!
//! A watcher that is slow misses counts in between and never the latest; nothing piles up for it.

use std::collections::BTreeMap;

use parking_lot::RwLock;
use tokio::sync::watch;
use turnout_roster::{ReplicaStatus, Topic, TopicCount};

/// What is known of a topic.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shown {
    /// As published last; none if nobody watches.
    pub count: Option<TopicCount>,
    /// The highest count that this replica has seen, and when; 0 if none.
    pub peak: (u64, u64),
}

/// The board. A plain lock: it is held for a map operation at a time.
#[derive(Debug)]
pub struct Board {
    topics: RwLock<BTreeMap<Topic, watch::Sender<Shown>>>,
    status: watch::Sender<ReplicaStatus>,
}

impl Board {
    /// An empty board of a replica that has just begun.
    pub fn new() -> Self {
        let status = ReplicaStatus { warming: true, stale: true };
        Self { topics: RwLock::default(), status: watch::Sender::new(status) }
    }

    /// Says what the replica thinks of itself.
    pub fn set_status(&self, status: ReplicaStatus) {
        self.status.send_if_modified(|now| std::mem::replace(now, status) != status);
    }

    /// Shows a count, and the peak if it rose.
    pub fn show(&self, topic: &Topic, count: TopicCount, peak: Option<(u64, u64)>) {
        let change = |shown: &mut Shown| {
            shown.count = Some(count);
            shown.peak = peak.unwrap_or(shown.peak);
        };
        if let Some(sender) = self.topics.read().get(topic) {
            sender.send_modify(change);
            return;
        }
        self.topics.write().entry(topic.clone()).or_default().send_modify(change);
    }

    /// Forgets topics that are not live and that nobody watches.
    pub fn sweep(&self, is_live: impl Fn(&Topic) -> bool) {
        self.topics.write().retain(|topic, sender| is_live(topic) || sender.receiver_count() > 0);
    }

    /// What the replica thinks of itself.
    pub fn status(&self) -> ReplicaStatus {
        *self.status.borrow()
    }

    /// The same, to be watched.
    pub fn watch_status(&self) -> watch::Receiver<ReplicaStatus> {
        self.status.subscribe()
    }

    /// What is shown of a topic.
    pub fn get(&self, topic: &Topic) -> Shown {
        self.topics.read().get(topic).map(|sender| *sender.borrow()).unwrap_or_default()
    }

    /// The same, to be watched: a topic that nobody is in yet may be waited for.
    pub fn watch(&self, topic: &Topic) -> watch::Receiver<Shown> {
        self.topics.write().entry(topic.clone()).or_default().subscribe()
    }

    /// The topics whose name begins so and that have a count, sorted.
    pub fn beginning_with(&self, prefix: &str) -> Vec<(Topic, TopicCount)> {
        let topics = self.topics.read();
        let from = topics.range(Topic::from(prefix)..).take_while(|(topic, _)| topic.as_str().starts_with(prefix));
        from.filter_map(|(topic, sender)| Some((topic.clone(), sender.borrow().count?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(viewers: u64) -> TopicCount {
        TopicCount { viewers, low: viewers, high: viewers, connections: viewers, as_of_ms: 1, revision: viewers }
    }

    #[test]
    fn a_slow_watcher_sees_the_latest_count_and_no_other() {
        let board = Board::new();
        let topic = Topic::from("acme/demo");
        let mut watcher = board.watch(&topic);
        board.show(&topic, count(1), None);
        board.show(&topic, count(2), Some((2, 9)));
        board.show(&topic, count(1), None);
        assert!(watcher.has_changed().unwrap());
        assert_eq!(*watcher.borrow_and_update(), Shown { count: Some(count(1)), peak: (2, 9) });
        assert!(!watcher.has_changed().unwrap());
    }

    #[test]
    fn the_rooms_of_an_event_are_not_those_of_one_with_a_similar_name() {
        let board = Board::new();
        for topic in ["acme/demo", "acme/demo/b", "acme/demo/a", "acme/demo-2/a", "acme/dem/o"] {
            board.show(&Topic::from(topic), count(1), None);
        }
        let rooms = board.beginning_with("acme/demo/");
        assert_eq!(rooms.iter().map(|(topic, _)| topic.as_str()).collect::<Vec<_>>(), ["acme/demo/a", "acme/demo/b"]);
    }

    #[test]
    fn a_topic_that_is_over_is_forgotten_unless_somebody_still_watches() {
        let board = Board::new();
        let (watched, other) = (Topic::from("acme/watched"), Topic::from("acme/other"));
        let watcher = board.watch(&watched);
        board.show(&other, count(1), None);
        board.sweep(|_| false);
        assert_eq!((board.topics.read().len(), board.get(&other)), (1, Shown::default()));
        drop(watcher);
        board.sweep(|_| false);
        assert_eq!(board.topics.read().len(), 0);
    }
}
