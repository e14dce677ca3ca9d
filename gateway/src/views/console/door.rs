//! The page for the door. It works without a network, and for typed codes without a script.

use askama::Template;
use turnout_proto::registration::v1::{CheckInOutcome, PaymentState, RegistrationState, RsvpState};

use super::{
    super::{show, text, text::console as words},
    rows::RegistrantRow,
    shell::{EventFacts, EventHead, Shell},
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

    fn flags() -> Vec<FlagWord> {
        let all = [RsvpState::Invited, RsvpState::Confirmed, RsvpState::Declined].into_iter();
        all.filter_map(|rsvp| Some(FlagWord { number: rsvp.into(), word: states::flag(rsvp)? })).collect()
    }
}

/// A flag for the page's script: the number of the answer on the wire, its word, its tone.
#[derive(Clone, Copy, Debug)]
pub struct FlagWord {
    number: i32,
    word: states::Word,
}

/// Outcomes on the wire, beside the unspecified one.
const OUTCOMES: i32 = CheckInOutcome::Unconfirmed as i32;

/// `GET /console/check-in/<event>/search`: people by name.
#[derive(Clone, Debug, Template)]
#[template(path = "console/door_rows.html")]
pub struct DoorRows {
    /// The event.
    pub event: EventFacts,
    /// Who was found.
    pub rows: Vec<RegistrantRow>,
    /// Something was searched for.
    pub searched: bool,
}

impl DoorRows {
    /// What the door has to know of somebody before it lets them in: each in a word, with when they came in.
    fn standing(&self, row: &RegistrantRow) -> Vec<(states::Word, String)> {
        if row.state != RegistrationState::Registered {
            return vec![(states::at_the_door(row.state), String::new())];
        }
        let mut words = Vec::new();
        if let Some(at_ms) = row.checked_in_at_ms {
            let at = show::day_and_minute_in(at_ms, &self.event.zone);
            words.push((states::check_in(CheckInOutcome::AlreadyIn), words::DOOR_AT.replace("{time}", &at)));
        }
        if self.event.price.is_some() && row.payment != PaymentState::Paid {
            words.push((states::check_in(CheckInOutcome::Unpaid), String::new()));
        }
        if states::flag(row.rsvp).is_some() {
            let word = states::Word { tone: states::Tone::Warn, ..states::rsvp(row.rsvp) };
            words.push((word, String::new()));
        }
        if words.is_empty() {
            words.push((states::at_the_door(row.state), String::new()));
        }
        words
    }

    /// Whether there is a button: not for those who are in, and not for those who have no place.
    fn can_come_in(row: &RegistrantRow) -> bool {
        row.state == RegistrationState::Registered && row.checked_in_at_ms.is_none()
    }
}
