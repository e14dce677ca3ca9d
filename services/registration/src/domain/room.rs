//! A room: a part of an event with an audience of its own. Knows nothing of who is in it.

use turnout_platform::{
    failure::Failure,
    ids::{EventId, RoomId},
};

/// Rooms of one event. Creations at the same moment may exceed it by their number.
pub(crate) const ROOMS_PER_EVENT_MAX: usize = 500;

/// One room. The time is in milliseconds since 1970; the version is 1 at first, and one more with each change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Room {
    pub event: EventId,
    pub id: RoomId,
    pub title: String,
    pub created_at_ms: i64,
    pub version: i64,
}

impl Room {
    /// A new room.
    pub fn new(event: EventId, id: RoomId, title: String, at_ms: i64) -> Self {
        Self { event, id, title, created_at_ms: at_ms, version: 1 }
    }

    /// Whether creating `wanted` says the same as the creation of this room did, so that it is its repetition.
    pub fn is_repeated_by(&self, wanted: &Self) -> bool {
        self.event == wanted.event && self.id == wanted.id && self.title == wanted.title
    }

    /// The room with another title; none when it is the one that it has.
    pub fn renamed(&self, title: &str) -> Option<Self> {
        let renamed = || Self { title: title.to_owned(), version: self.version + 1, ..self.clone() };
        (title != self.title).then(renamed)
    }
}

/// The refusal of one room more than an event may have.
pub(crate) fn too_many() -> Failure {
    Failure::Precondition(format!("an event has at most {ROOMS_PER_EVENT_MAX} rooms"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage() -> Room {
        Room::new("gala".parse().unwrap(), "stage".parse().unwrap(), "Mian stage".into(), 1000)
    }

    #[test]
    fn another_title_grows_the_version_by_one_and_changes_nothing_else() {
        let renamed = stage().renamed("Main stage").unwrap();
        assert_eq!(renamed, Room { title: "Main stage".into(), version: 2, ..stage() });
        assert_eq!(renamed.renamed("Mian stage").unwrap(), Room { version: 3, ..stage() });
    }

    #[test]
    fn the_same_title_again_is_no_change() {
        assert_eq!(stage().renamed("Mian stage"), None);
    }

    #[test]
    fn a_creation_is_repeated_by_one_with_the_title_that_the_room_has_now() {
        let renamed = stage().renamed("Main stage").unwrap();
        assert!(stage().is_repeated_by(&stage()) && !renamed.is_repeated_by(&stage()));
        assert!(renamed.is_repeated_by(&Room { created_at_ms: 2000, version: 1, ..renamed.clone() }));
    }
}
