//! When which count is published, and under which revision. Deliberately ignorant of how a count comes about.

use std::collections::BTreeMap;

use super::union::{Union, Unions};
use super::{Counts, ReplicaStatus, TopicCount};
use crate::ids::{Millis, Topic};
use crate::limits::{
    COUNTS_TOPICS_MAX, LARGE_VIEWERS, MEDIUM_VIEWERS, PUBLISH_AGAIN_MS, PUBLISH_HEARTBEAT_MS, PUBLISH_LARGE_MS,
    PUBLISH_MEDIUM_MS, PUBLISH_SMALL_MS, TOPIC_IDLE_MS,
};

/// What was published last.
#[derive(Debug, Default)]
pub(super) struct Publisher {
    topics: BTreeMap<Topic, Published>,
    last: Option<(Millis, ReplicaStatus)>,
    /// A logical clock that leans on the wall clock, so that it grows over replicas and restarts.
    revision: u64,
}

#[derive(Debug)]
struct Published {
    shown: Shown,
    sent_now_ms: Millis,
    revision: u64,
    /// Since when there is nobody.
    idle_since_now_ms: Option<Millis>,
}

/// What makes two counts different.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Shown {
    viewers: u64,
    low: u64,
    connections: u64,
}

impl From<&Union> for Shown {
    fn from(union: &Union) -> Self {
        Self { viewers: union.viewers(), low: union.low(), connections: union.connections() }
    }
}

impl Shown {
    fn of(unions: &Unions, topic: &Topic) -> Self {
        unions.get(topic).map_or_else(Self::default, Self::from)
    }

    fn count(self, as_of_ms: Millis, revision: u64) -> TopicCount {
        let Self { viewers, low, connections } = self;
        TopicCount { viewers, low, high: viewers, connections, as_of_ms, revision }
    }
}

impl Publisher {
    pub(super) fn observe_revision(&mut self, revision: u64) {
        self.revision = self.revision.max(revision);
    }

    pub(super) fn publish(
        &mut self,
        unions: &Unions,
        status: ReplicaStatus,
        as_of_ms: Millis,
        now_ms: Millis,
        at_ms: Millis,
    ) -> Vec<Counts> {
        let revision = self.revision.saturating_add(1).max(at_ms);
        let mut due = Vec::new();
        for topic in unions.topics() {
            if !self.topics.contains_key(topic) {
                let shown = Shown::of(unions, topic);
                due.push((topic.clone(), shown.count(as_of_ms, revision)));
                let published = Published { shown, sent_now_ms: now_ms, revision, idle_since_now_ms: None };
                self.topics.insert(topic.clone(), published);
            }
        }
        self.topics.retain(|topic, published| {
            let shown = Shown::of(unions, topic);
            let age_ms = now_ms.saturating_sub(published.sent_now_ms);
            if age_ms >= PUBLISH_AGAIN_MS || (shown != published.shown && age_ms >= interval_ms(shown.viewers)) {
                due.push((topic.clone(), shown.count(as_of_ms, revision)));
                (published.shown, published.sent_now_ms, published.revision) = (shown, now_ms, revision);
            }
            let idle = shown == Shown::default();
            let since = idle.then(|| published.idle_since_now_ms.unwrap_or(now_ms));
            published.idle_since_now_ms = since;
            since.is_none_or(|since| now_ms.saturating_sub(since) < TOPIC_IDLE_MS)
        });
        let quiet = self.last.is_some_and(|(sent, last)| last == status && now_ms < sent + PUBLISH_HEARTBEAT_MS);
        if due.is_empty() && quiet {
            return Vec::new();
        }
        self.last = Some((now_ms, status));
        let frame =
            |counts: &[_]| Counts { warming: status.warming, stale: status.stale, at_ms, counts: counts.to_vec() };
        if due.is_empty() {
            return vec![frame(&[])];
        }
        self.revision = revision;
        due.chunks(COUNTS_TOPICS_MAX).map(frame).collect()
    }

    pub(super) fn count(&self, unions: &Unions, topic: &Topic, as_of_ms: Millis) -> Option<TopicCount> {
        let revision = self.topics.get(topic).map(|published| published.revision);
        let union = unions.get(topic);
        (revision.is_some() || union.is_some())
            .then(|| Shown::of(unions, topic).count(as_of_ms, revision.unwrap_or_default()))
    }

    pub(super) fn topics(&self) -> impl Iterator<Item = &Topic> {
        self.topics.keys()
    }
}

fn interval_ms(viewers: u64) -> Millis {
    match viewers {
        LARGE_VIEWERS.. => PUBLISH_LARGE_MS,
        MEDIUM_VIEWERS.. => PUBLISH_MEDIUM_MS,
        _ => PUBLISH_SMALL_MS,
    }
}
