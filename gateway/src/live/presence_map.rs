//! Who is here: how many sockets each viewer has in each topic, over all workers of this gateway, and the stream of
//! changes that follows from it. One hot event spreads over the shards, since the key is topic and viewer together.
//! What the mesh makes of the changes (sets, lingering, ticks) is the roster's business.

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use parking_lot::Mutex;
use turnout_roster::{Topic, ViewerId};

use super::join::Seat;

/// Sockets that one viewer may have open in one event on one gateway.
pub const SOCKETS_PER_VIEWER_MAX: u16 = 8;
/// Changes that wait for the next tick. Beyond it joins are refused; leaves always fit, since each follows an admitted
/// join.
pub const CHANGES_PENDING_MAX: usize = 262_144;
/// Locks of the map. A power of two, well above the number of workers.
const SHARDS: usize = 64;
/// Queues of changes. A viewer's changes are always in the same one, so their order holds.
const QUEUES: usize = 16;

/// A viewer came to a topic or left it: its first socket there, or its last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The first socket.
    Join {
        /// The topic.
        topic: Topic,
        /// The viewer.
        viewer: ViewerId,
        /// When, milliseconds since 1970.
        at_ms: u64,
    },
    /// The last socket.
    Leave {
        /// The topic.
        topic: Topic,
        /// The viewer.
        viewer: ViewerId,
        /// True when the viewer said goodbye; false when the socket broke, fell silent, or was closed by us.
        clean: bool,
        /// When, milliseconds since 1970.
        at_ms: u64,
    },
    /// A viewer who stays opened one more socket, or closed one of several: only [`PresenceMap::connections`] changed.
    Sockets {
        /// The topic.
        topic: Topic,
    },
}

/// Why a viewer was not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotEntered {
    /// It has [`SOCKETS_PER_VIEWER_MAX`] sockets already.
    #[error("too many sockets of this viewer")]
    TooManySockets,
    /// [`CHANGES_PENDING_MAX`] changes wait: whoever drains them is behind.
    #[error("too many changes wait to be drained")]
    Behind,
}

/// The presence map of one gateway.
pub struct PresenceMap {
    sockets: DashMap<(Topic, ViewerId), u16, ahash::RandomState>,
    connections: DashMap<Topic, u32, ahash::RandomState>,
    changes: [Mutex<Vec<Change>>; QUEUES],
}

impl Default for PresenceMap {
    fn default() -> Self {
        Self::new()
    }
}

impl PresenceMap {
    /// An empty map.
    pub fn new() -> Self {
        Self {
            sockets: DashMap::with_hasher_and_shard_amount(ahash::RandomState::new(), SHARDS),
            connections: DashMap::with_hasher_and_shard_amount(ahash::RandomState::new(), SHARDS),
            changes: std::array::from_fn(|_| Mutex::new(Vec::new())),
        }
    }

    /// One more socket of the viewer, in the event and, if it is in one, in the room.
    pub fn enter(&self, seat: &Seat, at_ms: u64) -> Result<(), NotEntered> {
        self.join(&seat.event, seat.viewer, at_ms)?;
        if let Some(room) = &seat.room
            && let Err(refused) = self.join(room, seat.viewer, at_ms)
        {
            self.leave(&seat.event, seat.viewer, true, at_ms);
            return Err(refused);
        }
        Ok(())
    }

    /// One socket less. Must be called exactly once for each successful [`enter`](Self::enter).
    pub fn exit(&self, seat: &Seat, clean: bool, at_ms: u64) {
        self.leave(&seat.event, seat.viewer, clean, at_ms);
        if let Some(room) = &seat.room {
            self.leave(room, seat.viewer, clean, at_ms);
        }
    }

    /// All changes since the last call. Those of one viewer in one topic are in their order and alternate: join, leave,
    /// join…
    pub fn drain_changes(&self) -> Vec<Change> {
        let mut drained = Vec::new();
        for queue in &self.changes {
            // Two buffers change places, so that the lock is held for a few nanoseconds only.
            drained.append(&mut std::mem::take(&mut *queue.lock()));
        }
        drained
    }

    /// Open sockets in a topic (not viewers: two tabs are two).
    pub fn connections(&self, topic: &Topic) -> u32 {
        self.connections.get(topic).map_or(0, |count| *count)
    }

    fn join(&self, topic: &Topic, viewer: ViewerId, at_ms: u64) -> Result<(), NotEntered> {
        // The guard of the entry is held while the change is queued: between the two nobody may see the one without the
        // other, or a leave could be queued before its join. The count of sockets moves before its change can be
        // drained, so that whoever drains the change reads the new count. Nobody takes these locks in another order;
        // the drain takes one alone.
        let entry = self.sockets.entry((topic.clone(), viewer));
        let open = if let Entry::Occupied(entry) = &entry { *entry.get() } else { 0 };
        if open >= SOCKETS_PER_VIEWER_MAX {
            return Err(NotEntered::TooManySockets);
        }
        let mut queue = self.queue(entry.key()).lock();
        if queue.len() >= CHANGES_PENDING_MAX / QUEUES {
            return Err(NotEntered::Behind);
        }
        *self.connections.entry(topic.clone()).or_insert(0) += 1;
        queue.push(match open {
            0 => Change::Join { topic: topic.clone(), viewer, at_ms },
            _ => Change::Sockets { topic: topic.clone() },
        });
        *entry.or_insert(0) += 1;
        Ok(())
    }

    fn leave(&self, topic: &Topic, viewer: ViewerId, clean: bool, at_ms: u64) {
        let Entry::Occupied(mut entry) = self.sockets.entry((topic.clone(), viewer)) else {
            debug_assert!(false, "a viewer left who had not entered");
            return;
        };
        if let Entry::Occupied(mut count) = self.connections.entry(topic.clone()) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
        *entry.get_mut() -= 1;
        let queue = self.queue(entry.key());
        if *entry.get() == 0 {
            queue.lock().push(Change::Leave { topic: topic.clone(), viewer, clean, at_ms });
            entry.remove();
        } else {
            queue.lock().push(Change::Sockets { topic: topic.clone() });
        }
    }

    fn queue(&self, key: &(Topic, ViewerId)) -> &Mutex<Vec<Change>> {
        // The high bits: the map takes its shard from others of the same hash, and both should spread.
        let hash = self.sockets.hasher().hash_one(key);
        &self.changes[(hash >> 32) as usize % QUEUES]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seat(viewer: u64, room: Option<&str>) -> Seat {
        Seat { event: Topic::new("t/e"), room: room.map(Topic::new), viewer: ViewerId::new(viewer) }
    }

    fn summary(changes: &[Change]) -> Vec<(String, u64, &'static str)> {
        let mut all: Vec<_> = changes
            .iter()
            .map(|change| match change {
                Change::Join { topic, viewer, .. } => (topic.as_str().to_owned(), viewer.get(), "join"),
                Change::Leave { topic, viewer, clean: true, .. } => (topic.as_str().to_owned(), viewer.get(), "left"),
                Change::Leave { topic, viewer, clean: false, .. } => (topic.as_str().to_owned(), viewer.get(), "broke"),
                Change::Sockets { topic } => (topic.as_str().to_owned(), 0, "sockets"),
            })
            .collect();
        all.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.cmp(&b.1)));
        all
    }

    #[test]
    fn two_sockets_of_one_viewer_are_one_join_and_one_leave() {
        let map = PresenceMap::new();
        map.enter(&seat(1, None), 10).unwrap();
        map.enter(&seat(1, None), 11).unwrap();
        assert_eq!(map.connections(&Topic::new("t/e")), 2);
        let moved = Change::Sockets { topic: Topic::new("t/e") };
        let joined = Change::Join { topic: Topic::new("t/e"), viewer: ViewerId::new(1), at_ms: 10 };
        assert_eq!(map.drain_changes(), [joined, moved.clone()]);
        map.exit(&seat(1, None), true, 12);
        assert_eq!(map.drain_changes(), [moved]);
        map.exit(&seat(1, None), false, 13);
        let left = Change::Leave { topic: Topic::new("t/e"), viewer: ViewerId::new(1), clean: false, at_ms: 13 };
        assert_eq!(map.drain_changes(), [left]);
        assert_eq!(map.connections(&Topic::new("t/e")), 0);
    }

    #[test]
    fn a_viewer_in_a_room_is_a_member_of_the_room_and_of_the_event() {
        let map = PresenceMap::new();
        map.enter(&seat(1, Some("t/e/r")), 1).unwrap();
        map.enter(&seat(1, Some("t/e/s")), 2).unwrap();
        map.exit(&seat(1, Some("t/e/r")), true, 3);
        let expected = [
            ("t/e", 0, "sockets"),
            ("t/e", 0, "sockets"),
            ("t/e", 1, "join"),
            ("t/e/r", 1, "join"),
            ("t/e/r", 1, "left"),
            ("t/e/s", 1, "join"),
        ];
        let expected: Vec<_> =
            expected.iter().map(|(topic, viewer, what)| ((*topic).to_owned(), *viewer, *what)).collect();
        assert_eq!(summary(&map.drain_changes()), expected);
        assert_eq!(map.connections(&Topic::new("t/e")), 1);
    }

    #[test]
    fn the_ninth_socket_of_a_viewer_is_refused_and_counts_nowhere() {
        let map = PresenceMap::new();
        for _ in 0..SOCKETS_PER_VIEWER_MAX {
            map.enter(&seat(1, Some("t/e/r")), 1).unwrap();
        }
        assert_eq!(map.enter(&seat(1, Some("t/e/s")), 2), Err(NotEntered::TooManySockets));
        assert_eq!(map.connections(&Topic::new("t/e")), 8);
        assert_eq!(map.connections(&Topic::new("t/e/s")), 0);
        map.enter(&seat(2, None), 3).unwrap();
    }

    #[test]
    fn joins_are_refused_while_nobody_drains_and_leaves_still_fit() {
        let map = PresenceMap::new();
        let admitted: Vec<u64> =
            (0..2 * CHANGES_PENDING_MAX as u64).filter(|viewer| map.enter(&seat(*viewer, None), 1).is_ok()).collect();
        assert_eq!(admitted.len(), CHANGES_PENDING_MAX);
        for viewer in &admitted {
            map.exit(&seat(*viewer, None), true, 2);
        }
        assert_eq!(map.drain_changes().len(), 2 * CHANGES_PENDING_MAX);
        map.enter(&seat(1, None), 3).unwrap();
    }

    #[test]
    fn changes_of_a_viewer_alternate_however_many_threads_push() {
        let map = PresenceMap::new();
        let mut changes = Vec::new();
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        for round in 0..5_000 {
                            let seat = seat(round % 3, None);
                            map.enter(&seat, round).unwrap();
                            map.exit(&seat, true, round);
                        }
                    })
                })
                .collect();
            while threads.iter().any(|thread| !thread.is_finished()) {
                changes.append(&mut map.drain_changes());
            }
        });
        changes.append(&mut map.drain_changes());
        for id in 0..3 {
            let mut here = false;
            for change in &changes {
                match change {
                    Change::Join { viewer, .. } if viewer.get() == id => assert!(!std::mem::replace(&mut here, true)),
                    Change::Leave { viewer, .. } if viewer.get() == id => assert!(std::mem::replace(&mut here, false)),
                    _ => {}
                }
            }
            assert!(!here);
        }
        assert_eq!(map.connections(&Topic::new("t/e")), 0);
    }
}
