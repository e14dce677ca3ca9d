//! What really is so: who was connected where and when, and (by a model too simple to be wrong) what each gateway should have told.
//! Deliberately shares no code with the rosters that it judges.

use std::collections::{BTreeMap, BTreeSet};

use crate::gateway::Leave;
use crate::ids::{Millis, Topic, ViewerId};
use crate::limits::LINGER_MS;

/// The number of a viewer in the crowd.
pub(super) type ViewerNo = usize;
/// The number of a gateway process; each start is a new one.
pub(super) type ProcessNo = usize;

/// The time for which a viewer had at least one connection to a topic at one process.
#[derive(Debug, Clone, Copy)]
pub(super) struct Interval {
    pub(super) viewer: ViewerNo,
    pub(super) process: ProcessNo,
    pub(super) from_ms: Millis,
    /// None while it lasts.
    pub(super) to_ms: Option<Millis>,
}

/// All connections that ever were.
#[derive(Debug, Default)]
pub(super) struct Truth {
    intervals: BTreeMap<Topic, Vec<Interval>>,
    /// Refcount, and where the running interval stands.
    open: BTreeMap<(ProcessNo, Topic, ViewerNo), (u32, usize)>,
    connections: BTreeMap<(ProcessNo, Topic), u32>,
}

impl Truth {
    /// True if it is the viewer's first connection there.
    pub(super) fn connect(&mut self, process: ProcessNo, topic: &Topic, viewer: ViewerNo, now_ms: Millis) -> bool {
        *self.connections.entry((process, topic.clone())).or_default() += 1;
        let intervals = self.intervals.entry(topic.clone()).or_default();
        let (refs, _) = self.open.entry((process, topic.clone(), viewer)).or_insert_with(|| {
            intervals.push(Interval { viewer, process, from_ms: now_ms, to_ms: None });
            (0, intervals.len() - 1)
        });
        *refs += 1;
        *refs == 1
    }

    /// True if it was the viewer's last connection there.
    pub(super) fn disconnect(&mut self, process: ProcessNo, topic: &Topic, viewer: ViewerNo, now_ms: Millis) -> bool {
        let key = (process, topic.clone(), viewer);
        *self.connections.get_mut(&(process, topic.clone())).expect("it was connected") -= 1;
        let (refs, place) = self.open.get_mut(&key).expect("it was connected");
        *refs -= 1;
        let last = *refs == 0;
        if last {
            self.intervals.get_mut(topic).expect("it was connected")[*place].to_ms = Some(now_ms);
            self.open.remove(&key);
        }
        last
    }

    pub(super) fn connections_at(&self, process: ProcessNo, topic: &Topic) -> u32 {
        self.connections.get(&(process, topic.clone())).copied().unwrap_or_default()
    }

    pub(super) fn intervals(&self, topic: &Topic) -> &[Interval] {
        self.intervals.get(topic).map_or(&[], Vec::as_slice)
    }

    pub(super) fn topics(&self) -> impl Iterator<Item = &Topic> {
        self.intervals.keys()
    }

    /// Distinct viewers and connections of a topic now.
    pub(super) fn now(&self, topic: &Topic) -> (u64, u64) {
        let open = self.open.iter().filter(|((_, of, _), _)| of == topic);
        let viewers: BTreeSet<ViewerNo> = open.map(|((_, _, viewer), _)| *viewer).collect();
        let connections = self.connections.iter().filter(|((_, of), _)| of == topic);
        (viewers.len() as u64, connections.map(|(_, count)| u64::from(*count)).sum())
    }
}

/// What a gateway should tell: computed anew from all it knows at each tick.
#[derive(Debug, Default)]
pub(super) struct Model {
    /// Present viewers; lingering ones until the given time.
    present: BTreeMap<(Topic, ViewerId), Option<Millis>>,
    /// As of the last tick: joined at, lingering.
    pub(super) told: BTreeMap<(Topic, ViewerId), (Millis, bool)>,
    draining: bool,
    touched: bool,
}

impl Model {
    pub(super) fn join(&mut self, topic: &Topic, viewer: ViewerId) {
        self.present.insert((topic.clone(), viewer), None);
        self.touched = true;
    }

    pub(super) fn leave(&mut self, topic: &Topic, viewer: ViewerId, cause: Leave, now_ms: Millis) {
        let key = (topic.clone(), viewer);
        if cause == Leave::Clean && !self.draining {
            self.present.remove(&key);
        } else {
            self.present.insert(key, Some(now_ms + LINGER_MS));
        }
        self.touched = true;
    }

    pub(super) fn drain(&mut self) {
        self.draining = true;
    }

    /// True if something is to be told; `joined_at_ms` is the time by which those who came are told.
    pub(super) fn tick(&mut self, now_ms: Millis, joined_at_ms: Millis) -> bool {
        let before = self.present.len();
        self.present.retain(|_, linger| linger.is_none_or(|until| until > now_ms));
        if !self.touched && before == self.present.len() {
            return false;
        }
        self.touched = false;
        let tell = |(key, linger): (&(Topic, ViewerId), &Option<Millis>)| {
            let joined_at_ms = self.told.get(key).map_or(joined_at_ms, |told| told.0);
            (key.clone(), (joined_at_ms, linger.is_some()))
        };
        let telling = self.present.iter().map(tell).collect();
        let changed = self.told != telling;
        self.told = telling;
        changed
    }
}
