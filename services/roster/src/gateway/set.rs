//! One topic at one gateway: what is so now, what the replicas have been told, and which viewers differ between the two.
//! Deliberately no time: when a linger ends is the roster's affair.

use crate::digest::member_digest;
use crate::frames::{Member, TopicDelta};
use crate::hashing::ViewerMap;
use crate::ids::{Millis, Topic, ViewerId};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    Absent,
    Live,
    Lingering,
}

/// 16 bytes a viewer. Kept while the viewer is present by either account, told or current.
#[derive(Debug)]
struct Record {
    /// The `at_ms` of the tick that told the join; meaningless before.
    joined_at_ms: Millis,
    /// Which linger is on, if one is.
    linger_stamp: u32,
    told: Presence,
    current: Presence,
    queued: bool,
}

#[derive(Debug, Default)]
pub(super) struct TopicSet {
    members: ViewerMap<Record>,
    /// Viewers that changed since they were last told, in the order of the first change; some may have changed back.
    changed: Vec<ViewerId>,
    connections: u32,
    told: Told,
    /// The topic stands in the roster's list of changed topics.
    pub(super) queued: bool,
}

/// What the replicas know after the last tick.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) digest: u64,
    pub(super) size: u32,
    pub(super) connections: u32,
}

impl TopicSet {
    /// Makes the viewer present or absent; true if that is a change.
    pub(super) fn change(&mut self, viewer: ViewerId, to: Presence) -> bool {
        self.changed_record(viewer, to).is_some()
    }

    /// Lets the viewer linger. The stamp must be new to the gateway, for [`Self::end_linger`].
    pub(super) fn linger(&mut self, viewer: ViewerId, stamp: u32) {
        if let Some(record) = self.changed_record(viewer, Presence::Lingering) {
            record.linger_stamp = stamp;
        }
    }

    fn changed_record(&mut self, viewer: ViewerId, to: Presence) -> Option<&mut Record> {
        let record = self.members.entry(viewer).or_insert(Record {
            joined_at_ms: 0,
            linger_stamp: 0,
            told: Presence::Absent,
            current: Presence::Absent,
            queued: false,
        });
        if record.current == to {
            return None;
        }
        record.current = to;
        if !record.queued {
            record.queued = true;
            self.changed.push(viewer);
        }
        Some(record)
    }

    pub(super) fn is_live(&self, viewer: ViewerId) -> bool {
        self.members.get(&viewer).is_some_and(|record| record.current == Presence::Live)
    }

    /// Ends the linger with this stamp, unless the viewer came back since.
    pub(super) fn end_linger(&mut self, viewer: ViewerId, stamp: u32) -> bool {
        let still = self
            .members
            .get(&viewer)
            .is_some_and(|record| record.current == Presence::Lingering && record.linger_stamp == stamp);
        still && self.change(viewer, Presence::Absent)
    }

    /// True if the replicas are to be told.
    pub(super) fn set_connections(&mut self, connections: u32) -> bool {
        self.connections = connections;
        connections != self.told.connections
    }

    /// Something is still to be told (or was changed and changed back).
    pub(super) fn differs(&self) -> bool {
        !self.changed.is_empty() || self.connections != self.told.connections
    }

    pub(super) fn delta_bytes_max(&self, topic: &Topic) -> usize {
        TopicDelta::bytes_max_of(topic, self.changed.len())
    }

    /// The difference between told and current for at most `viewers_max` viewers, which is told by this. None when there is none.
    pub(super) fn take_delta(&mut self, topic: &Topic, viewers_max: usize, at_ms: Millis) -> Option<TopicDelta> {
        let mut delta = TopicDelta {
            topic: topic.clone(),
            joins: Vec::new(),
            lingers: Vec::new(),
            leaves: Vec::new(),
            digest: 0,
            size: 0,
            connections: self.connections,
        };
        let mut told = self.changed.len().min(viewers_max);
        for viewer in self.changed.drain(..told) {
            let record = self.members.get_mut(&viewer).expect("a changed viewer is kept until it was told");
            record.queued = false;
            if record.told == record.current {
                told -= 1;
            } else {
                if record.told == Presence::Absent {
                    record.joined_at_ms = at_ms;
                    self.told.size += 1;
                } else {
                    self.told.digest ^= member_digest(viewer, record.told == Presence::Lingering);
                }
                match record.current {
                    Presence::Live => delta.joins.push(viewer),
                    Presence::Lingering => delta.lingers.push(viewer),
                    Presence::Absent => {
                        delta.leaves.push(viewer);
                        self.told.size -= 1;
                    }
                }
                if record.current != Presence::Absent {
                    self.told.digest ^= member_digest(viewer, record.current == Presence::Lingering);
                }
                record.told = record.current;
            }
            if record.told == Presence::Absent {
                self.members.remove(&viewer);
            }
        }
        if told == 0 && self.connections == self.told.connections {
            return None;
        }
        self.told.connections = self.connections;
        delta.digest = self.told.digest;
        delta.size = self.told.size;
        Some(delta)
    }

    /// Nobody, nothing, and the replicas know it.
    pub(super) fn is_forgettable(&self) -> bool {
        self.members.is_empty() && self.connections == 0 && self.told.connections == 0
    }

    pub(super) fn told(&self) -> &Told {
        &self.told
    }

    /// The members as the replicas have been told.
    pub(super) fn told_members(&self) -> impl Iterator<Item = Member> {
        self.members.iter().filter(|(_, record)| record.told != Presence::Absent).map(|(&viewer, record)| Member {
            viewer,
            joined_at_ms: record.joined_at_ms,
            lingering: record.told == Presence::Lingering,
        })
    }
}
