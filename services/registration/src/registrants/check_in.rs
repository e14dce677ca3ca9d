//! Check-in on site: one person at a time, or what a scanner recorded while it was offline. The audit log gets only what a member of the
//! team does by hand and gives a reason for: check-ins at the door are thousands in an hour, and stand in the registrations.

use futures_util::{StreamExt as _, stream};
use turnout_platform::{
    failure::Failure,
    ids::{EventId, RegistrationId},
};

use super::{Act, READS_AT_ONCE_MAX, Registrants};
use crate::domain::{
    event::Event,
    registration::{Refusal, Registration},
};

/// What the scanner shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Admitted,
    AlreadyIn,
    Unknown,
    Refused(Refusal),
}

impl Registrants {
    /// Checks in whom a code or an id names. Whoever is not of this event is unknown; of whoever is cancelled it is kept that they came.
    pub async fn check_in(
        &self,
        event: &Event,
        who: Option<(EventId, RegistrationId)>,
        at_ms: i64,
        act: Option<&Act>,
    ) -> Result<(Outcome, Option<Registration>), Failure> {
        let Some((_, id)) = who.filter(|(of, _)| *of == event.id) else { return Ok((Outcome::Unknown, None)) };
        let now_ms = self.at_ms();
        let judged = |registration: &Registration| registration.clone().checked_in(&event.settings, at_ms, now_ms);
        let step = |registration: Registration| {
            Ok(match judged(&registration) {
                Ok((step, _)) => step,
                // Who acts by hand was told in time.
                Err(Refusal::Cancelled) if act.is_none() => registration.came_cancelled(at_ms, now_ms),
                Err(_) => (registration, Vec::new()),
            })
        };
        let act = act.map(|act| ("registration.check_in", act));
        let after = match self.change_by(event, &id, None, act, step).await {
            Ok((after, _)) => after,
            Err(Failure::NotFound { .. }) => return Ok((Outcome::Unknown, None)),
            Err(failure) => return Err(failure),
        };
        // Judged once more as it is now: the check-in that counts finds itself.
        let outcome = match judged(&after) {
            Ok((_, true)) => Outcome::Admitted,
            Ok((_, false)) => Outcome::AlreadyIn,
            Err(refusal) => Outcome::Refused(refusal),
        };
        Ok((outcome, Some(after)))
    }

    /// Checks in what a scanner recorded, each with its time. The outcomes are in the same order.
    pub async fn sync_check_ins(&self, event: &Event, recorded: Vec<(String, i64)>) -> Result<Vec<Outcome>, Failure> {
        let outcomes = stream::iter(recorded).map(|(code, at_ms)| async move {
            self.check_in(event, self.place_of_ticket(&code), at_ms, None).await.map(|(outcome, _)| outcome)
        });
        outcomes.buffered(READS_AT_ONCE_MAX).collect::<Vec<_>>().await.into_iter().collect()
    }
}
