//! Whether people come, as they say it. Who does not come gives the place back, by the same steps as a cancellation: the bus tells of it,
//! and whoever waits longest gets it. Who comes after all takes a place only if there is one and nobody waits for it. What an answer makes
//! of a registration is `domain`'s.

use turnout_platform::{failure::Failure, ids::RegistrationId};

use super::{Act, CHANGE_TRIES_MAX, RETRY_AFTER, Registrants, register::PlaceFor, turn};
use crate::domain::{event::Event, registration::Registration};

impl Registrants {
    /// Records whether the person comes. A place that was taken for an answer which then was not stored is found as after a crash.
    pub async fn answer_rsvp(
        &self,
        event: &Event,
        id: &RegistrationId,
        comes: bool,
        act: Option<&Act>,
    ) -> Result<Registration, Failure> {
        let _turn = turn(&self.changing).await?;
        for _ in 0..CHANGE_TRIES_MAX {
            let found = self.registration(event, id).await?;
            let at_ms = self.at_ms();
            let place = if comes && found.gave_place_back() {
                self.place_for(event, id, at_ms).await?
            } else {
                PlaceFor::Unlimited
            };
            let (after, changes) = found.clone().answered(comes, place.place(), &event.settings, at_ms)?;
            if changes.is_empty() {
                return Ok(after);
            }
            if let Some(act) = act
                && let Err(failure) = self.audit(&event.tenant, "registration.rsvp", &after, act).await
            {
                if let Some(claim) = place.claim() {
                    self.seats.give_back(&event.id, claim).await?;
                }
                return Err(failure);
            }
            if self.replace(&event.tenant, &found, &after, &changes, place.claim(), act.is_none()).await? {
                return Ok(after);
            }
            if let Some(claim) = place.claim() {
                self.seats.give_back(&event.id, claim).await?;
            }
        }
        Err(Failure::Overloaded { retry_after: RETRY_AFTER })
    }
}
