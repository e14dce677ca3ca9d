//! What happened to a registration between two versions of it, for who finds the second in the way of an own change. It compares what
//! stands there, and knows neither who changed it nor when.

use super::{Change, Registration, RegistrationState};

impl Registration {
    /// What there is to tell of this version, which came right behind `before`, or is the first. Nothing of any other version: whoever
    /// stored one between them has told of it, or has found out what there was to tell.
    pub fn changes_since(&self, before: Option<&Self>) -> Vec<Change> {
        if self.version != before.map_or(1, |before| before.version + 1) {
            return Vec::new();
        }
        let place = match self.state {
            RegistrationState::Registered => Change::Registered,
            RegistrationState::Waiting => Change::Waiting,
            RegistrationState::Cancelled => Change::Cancelled,
        };
        let Some(before) = before else { return vec![place] };
        // What is asked and owed begins anew with a registration that is made anew.
        let has_person_again = before.person.is_none() && self.person.is_some();
        let is_anew = has_person_again
            || before.state == RegistrationState::Cancelled && self.state != RegistrationState::Cancelled;
        let is_promoted = !has_person_again
            && (before.state, self.state) == (RegistrationState::Waiting, RegistrationState::Registered);
        let answer = |it: &Self| (it.rsvp, it.moments.rsvp_at_ms);
        let payment = |it: &Self| (it.payment, it.paid.clone(), it.moments.payment_at_ms);
        let seen = [
            (answer(before) != answer(self) && !is_anew, Change::Rsvp),
            (before.state != self.state || has_person_again, if is_promoted { Change::Promoted } else { place }),
            (payment(before) != payment(self) && !is_anew, Change::Payment),
            (before.first_entered_at_ms != self.first_entered_at_ms, Change::Entered),
            (before.checked_in_at_ms != self.checked_in_at_ms, Change::CheckedIn),
        ];
        let changes: Vec<_> = seen.into_iter().filter_map(|(is_so, change)| is_so.then_some(change)).collect();
        // Something else differs, or nothing that is told apart.
        if changes.is_empty() { vec![Change::Details] } else { changes }
    }
}
