//! Whether a person comes, and what that makes of their place.

use turnout_platform::failure::Failure;

use super::{Change, Place, Registration, RegistrationState, Rsvp, Step};
use crate::domain::settings::Settings;

impl Registration {
    /// The person says whether they come. Who does not gives the place back. Who did that and comes after all gets this place, or waits for
    /// one; everybody else keeps what they have. That is possible also when the event has ceased to ask.
    pub fn answered(self, comes: bool, place: Place, settings: &Settings, at_ms: i64) -> Result<Step, Failure> {
        let comes_after_all = comes && matches!(self.rsvp, Rsvp::Declined | Rsvp::Confirmed);
        if !settings.rsvp && !comes_after_all {
            return Err(Failure::Precondition("the event asks for no confirmation".to_owned()));
        }
        let answer = if comes { Rsvp::Confirmed } else { Rsvp::Declined };
        if self.state == RegistrationState::Waiting && comes && self.rsvp == answer {
            return Ok((self, Vec::new()));
        }
        self.must_have_a_place()?;
        let has_no_place = self.gave_place_back();
        let (mut after, mut changes) = self.changed_if(
            |it| it.rsvp != answer || (!comes && it.seat.is_some()),
            Change::Rsvp,
            |it| {
                it.rsvp = answer;
                it.moments.rsvp_at_ms = Some(at_ms);
                if !comes || has_no_place {
                    it.seat = if comes { place.seat() } else { None };
                }
            },
        );
        if comes && has_no_place && place == Place::Waiting {
            after.state = RegistrationState::Waiting;
            after.waiting_since_ms = Some(at_ms);
            changes.push(Change::Waiting);
        }
        Ok((after, changes))
    }

    /// Whether the person has given their place back by saying that they do not come.
    pub fn gave_place_back(&self) -> bool {
        self.state == RegistrationState::Registered && self.rsvp == Rsvp::Declined && self.seat.is_none()
    }
}
