//! A room: a part of an event with an audience of its own. Knows nothing of who is in it.

use turnout_platform::{
    failure::Failure,
    ids::{EventId, RoomId},
};

/// Rooms of one event. Creations at the same moment may exceed it by their number.
pub(crate) const ROOMS_PER_EVENT_MAX: usize = 500;

/// One room. The time is in milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Room {
    pub event: EventId,
    pub id: RoomId,
    pub title: String,
    pub created_at_ms: i64,
}

impl Room {
    /// Whether creating `wanted` says the same as the creation of this room did, so that it is its repetition.
    pub fn is_repeated_by(&self, wanted: &Self) -> bool {
        self.event == wanted.event && self.id == wanted.id && self.title == wanted.title
    }
}

/// The refusal of one room more than an event may have.
pub(crate) fn too_many() -> Failure {
    Failure::Precondition(format!("an event has at most {ROOMS_PER_EVENT_MAX} rooms"))
}
