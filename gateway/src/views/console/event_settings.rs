//! The settings of one event, its rooms, and its cancellation.

use askama::Template;

use super::{
    super::{EventStateView, RoomRow, text, text::console as words, text::studio as own},
    inputs::{Field, Group},
    registrants::Notice,
    shell::{EventHead, Shell},
};
use crate::assets;

/// `GET /console/events/<id>/settings`, and the answer (409, 422) to a `POST` that cannot be done.
#[derive(Clone, Debug, Template)]
#[template(path = "studio/event_settings.html")]
pub struct EventSettingsPage {
    /// Around it.
    pub shell: Shell,
    /// Over it.
    pub head: EventHead,
    /// The version that was seen, sent back so that nobody's change is overruled unseen.
    pub version: i64,
    /// The settings.
    pub groups: Vec<Group>,
    /// The rooms.
    pub rooms: Vec<RoomRow>,
    /// The form of a new room.
    pub new_room: Vec<Field>,
    /// What came of the last act.
    pub notice: Option<Notice>,
}

impl EventSettingsPage {
    fn can_be_cancelled(&self) -> bool {
        self.shell.organises() && matches!(self.head.facts.state, EventStateView::Draft | EventStateView::Live)
    }
}
