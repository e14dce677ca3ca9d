//! Which of a worker's sockets watch which topic, and how a count gets to all of them: in slices, so that reading and
//! joining go on in between, and always the latest one, so that a newer count overtakes an older one half way. Sockets
//! are only keys here; writing is the worker's business.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use slab::Slab;
use turnout_roster::Topic;

use super::join::Seat;
use super::protocol::EncodedCount;

/// Where a socket sits in a worker's topics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    slot: u32,
    index: u32,
}

/// The topics that this worker's sockets watch. A topic is here as long as somebody watches it.
#[derive(Default)]
pub(super) struct Audience {
    topics: Slab<Watched>,
    by_topic: HashMap<Topic, u32, ahash::RandomState>,
    /// Topics with a count on its way, in turn.
    under_way: VecDeque<u32>,
}

struct Watched {
    event: Topic,
    room: Option<Topic>,
    members: Vec<u32>,
    latest: Option<Arc<EncodedCount>>,
    /// Number of the latest count.
    publication: u32,
    pass: Option<Pass>,
}

/// One walk over the members, from the last to the first. A member that leaves is replaced by the last one, so walking
/// down can meet somebody twice but miss nobody.
struct Pass {
    /// Members yet to be met.
    left: usize,
    /// The count with which the walk began. If a newer one has come by its end, another walk follows for those met
    /// before it came.
    publication: u32,
}

impl Audience {
    /// Seats a socket. `latest` is asked when nobody here has watched the topic so far.
    pub(super) fn seat(&mut self, key: u32, seat: &Seat, latest: impl FnOnce() -> Option<Arc<EncodedCount>>) -> Place {
        let slot = *self.by_topic.entry(seat.shown().clone()).or_insert_with(|| {
            let latest = latest();
            let publication = u32::from(latest.is_some());
            let (event, room) = (seat.event.clone(), seat.room.clone());
            self.topics.insert(Watched { event, room, members: Vec::new(), latest, publication, pass: None }) as u32
        });
        let members = &mut self.topics[slot as usize].members;
        members.push(key);
        Place { slot, index: members.len() as u32 - 1 }
    }

    /// Takes a socket from its place. Another socket may have moved there: its key comes back, its place is now this
    /// one.
    pub(super) fn unseat(&mut self, place: Place) -> Option<u32> {
        let watched = &mut self.topics[place.slot as usize];
        watched.members.swap_remove(place.index as usize);
        if let Some(pass) = &mut watched.pass {
            pass.left = pass.left.min(watched.members.len());
        }
        if watched.members.is_empty() {
            let watched = self.topics.remove(place.slot as usize);
            self.by_topic.remove(watched.room.as_ref().unwrap_or(&watched.event));
            self.under_way.retain(|slot| *slot != place.slot);
            return None;
        }
        watched.members.get(place.index as usize).copied()
    }

    /// The topics of a place: event and room.
    pub(super) fn topics(&self, place: Place) -> (&Topic, Option<&Topic>) {
        let watched = &self.topics[place.slot as usize];
        (&watched.event, watched.room.as_ref())
    }

    /// The latest count of a place's topic, and its number.
    pub(super) fn latest(&self, place: Place) -> Option<(&EncodedCount, u32)> {
        let watched = &self.topics[place.slot as usize];
        watched.latest.as_deref().map(|count| (count, watched.publication))
    }

    /// A new count: its topic's members are to get it.
    pub(super) fn publish(&mut self, count: Arc<EncodedCount>) {
        let Some(slot) = self.by_topic.get(count.topic()) else { return };
        let watched = &mut self.topics[*slot as usize];
        watched.latest = Some(count);
        watched.publication = watched.publication.wrapping_add(1);
        if watched.pass.is_none() {
            watched.pass = Some(Pass { left: watched.members.len(), publication: watched.publication });
            self.under_way.push_back(*slot);
        }
    }

    /// Whether no count is on its way.
    pub(super) fn is_idle(&self) -> bool {
        self.under_way.is_empty()
    }

    /// Goes on with the counts on their way: meets at most `slice` members, and offers each the latest count of its
    /// topic and that count's number. The same number may be offered twice to one member.
    pub(super) fn walk(&mut self, slice: usize, mut offer: impl FnMut(u32, &EncodedCount, u32)) {
        let mut budget = slice;
        while budget > 0
            && let Some(slot) = self.under_way.pop_front()
        {
            let watched = &mut self.topics[slot as usize];
            let (Some(pass), Some(count)) = (&mut watched.pass, &watched.latest) else { continue };
            let from = pass.left.saturating_sub(budget);
            for key in watched.members[from..pass.left].iter().rev() {
                offer(*key, count, watched.publication);
            }
            budget -= pass.left - from;
            pass.left = from;
            if pass.left == 0 && pass.publication != watched.publication {
                (pass.left, pass.publication) = (watched.members.len(), watched.publication);
            }
            if pass.left == 0 {
                watched.pass = None;
            } else {
                self.under_way.push_back(slot);
            }
        }
    }
}

#[cfg(test)]
#[path = "fan_out/tests.rs"]
mod tests;
