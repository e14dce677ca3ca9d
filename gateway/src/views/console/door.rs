//! The page for the door. It works without a network, and for typed codes without a script.

use askama::Template;
use turnout_proto::registration::v1::CheckInOutcome;

use super::{
    super::{text, text::console as words},
    rows::RegistrantRow,
    shell::{EventHead, Shell},
    states,
};
use crate::assets;

/// What came of a code, when the page was asked without a script.
#[derive(Clone, Debug)]
pub struct DoorResult {
    /// The outcome.
    pub word: states::Word,
    /// Who it is; empty when unknown or not to be seen.
    pub who: String,
    /// More: since when they are in; may be empty.
    pub note: String,
}

/// `GET /console/check-in/<event>`
#[derive(Clone, Debug, Template)]
#[template(path = "console/check_in.html")]
pub struct CheckInPage {
    /// Around it.
    pub shell: Shell,
    /// Over it.
    pub head: EventHead,
    /// What came of the last code.
    pub result: Option<DoorResult>,
}

/// An outcome for the page's script: its number on the wire, its word, its tone.
#[derive(Clone, Copy, Debug)]
pub struct OutcomeWord {
    number: i32,
    word: states::Word,
}

impl CheckInPage {
    fn outcomes() -> Vec<OutcomeWord> {
        (1..=OUTCOMES)
            .filter_map(|number| CheckInOutcome::try_from(number).ok())
            .map(|outcome| OutcomeWord { number: outcome.into(), word: states::check_in(outcome) })
            .collect()
    }
}

/// Outcomes on the wire, beside the unspecified one.
const OUTCOMES: i32 = CheckInOutcome::Unconfirmed as i32;

/// `GET /console/check-in/<event>/search`: people by name.
#[derive(Clone, Debug, Template)]
#[template(path = "console/door_rows.html")]
pub struct DoorRows {
    /// The event.
    pub event_id: String,
    /// Who was found.
    pub rows: Vec<RegistrantRow>,
    /// Something was searched for.
    pub searched: bool,
}
