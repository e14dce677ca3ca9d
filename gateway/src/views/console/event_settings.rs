//! The settings of one event, its rooms, and its cancellation.

use askama::Template;

use super::{
    super::{EventStateView, text, text::console as words, text::studio as own},
    inputs::{Field, Group},
    registrants::Notice,
    shell::{EventHead, Shell},
};
use crate::assets;

/// One room, with the form that renames it.
#[derive(Clone, Debug)]
pub struct RoomForm {
    /// The id.
    pub room_id: String,
    /// The title as it is stored.
    pub title: String,
    /// The version that was seen, sent back so that nobody's change is overruled unseen.
    pub version: i64,
    /// The title as it was entered.
    pub field: Field,
    /// The form stands open, because what was sent with it was refused.
    pub open: bool,
}

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
    /// In the order of their ids; none while the service does not answer.
    pub rooms: Option<Vec<RoomForm>>,
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
