//! One registration and all that may happen to it: pure transitions, each to the registration after it and what there is to tell. A
//! transition that finds everything as it should be changes nothing, so that every command may be repeated. Who may do what, seats and
//! the tables are not here.

mod coming;
mod notices;
mod since;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use turnout_platform::{
    failure::Failure,
    ids::{EventId, PersonId, RegistrationId},
};

pub(crate) use self::notices::PaymentNotice;

use super::{money::Money, settings::Settings, words::words};

words! {
    /// Where a registration stands.
    RegistrationState {
        /// It has a place, unless the person said that they do not come.
        Registered = "REGISTERED",
        /// It waits for a place.
        Waiting = "WAITING",
        Cancelled = "CANCELLED",
    }
}

words! {
    /// Whether the person said that they come.
    Rsvp {
        /// The event did not ask when they registered.
        NotAsked = "NOT_ASKED",
        /// Asked, no answer yet.
        Invited = "INVITED",
        Confirmed = "CONFIRMED",
        /// They do not come, and hold no place.
        Declined = "DECLINED",
    }
}

words! {
    /// Where people take part.
    Mode {
        OnSite = "ON_SITE",
        Online = "ONLINE",
        /// On site and online.
        Hybrid = "HYBRID",
    }
}

words! {
    /// Whether the person paid.
    Payment {
        /// The event is free.
        NotApplicable = "NOT_APPLICABLE",
        Unpaid = "UNPAID",
        Paid = "PAID",
        /// Paid, and given back.
        Refunded = "REFUNDED",
    }
}

/// What happened to a registration, for those who are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Registered,
    Waiting,
    Promoted,
    Cancelled,
    Rsvp,
    Payment,
    Entered,
    CheckedIn,
    Details,
}

impl Change {
    /// Whether a person's own call makes it: not a payment, a check-in at the door, or a place that became free.
    pub fn may_be_the_persons(self) -> bool {
        !matches!(self, Self::Promoted | Self::Payment | Self::CheckedIn)
    }
}

/// Why somebody may not enter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    Cancelled,
    Waiting,
    Unpaid,
    Unconfirmed,
}

/// One registration. Times are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Registration {
    pub event: EventId,
    pub id: RegistrationId,
    /// None for a nickname, and once retention has cut the link.
    pub person: Option<PersonId>,
    pub state: RegistrationState,
    pub rsvp: Rsvp,
    pub mode: Mode,
    /// Stays when somebody registers again.
    pub registered_at_ms: i64,
    /// Never reset.
    pub first_entered_at_ms: Option<i64>,
    pub checked_in_at_ms: Option<i64>,
    /// The number of the place, from 0; none when the event's places are not numbered, or this has none.
    pub seat: Option<u32>,
    /// When the person last joined the waiting list. Stays when they get a place.
    pub waiting_since_ms: Option<i64>,
    pub moments: Moments,
    pub payment: Payment,
    /// What is paid, without what was given back of it; once all is given back, that.
    pub paid: Option<Money>,
    /// The last notices of the payment provider that changed something.
    pub notices: Vec<String>,
    pub personal: Personal,
    /// The version of the form that the answers belong to.
    pub form_version: i64,
    /// BCP 47.
    pub language: String,
    /// From 1, one more with each change.
    pub version: i64,
}

/// When what may happen several times happened last. They stay when somebody registers again, as what has happened has happened; none
/// also for what was stored before there were any.
#[allow(clippy::struct_field_names, reason = "all are times, in milliseconds since 1970")]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Moments {
    /// The answer to the invitation.
    pub rsvp_at_ms: Option<i64>,
    /// The payment changed, by whomever.
    pub payment_at_ms: Option<i64>,
    /// The registration was cancelled, by whomever.
    pub cancelled_at_ms: Option<i64>,
    /// The ticket was shown at the door, for the first time, while it was cancelled.
    pub came_cancelled_at_ms: Option<i64>,
}

/// What is only ever stored sealed. It has no `Debug`, so that it gets into no log.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Personal {
    /// As the person wrote it; empty for a nickname.
    pub email: String,
    pub name: String,
    /// E.164, or empty.
    pub phone: String,
    /// Empty for a person.
    pub nickname: String,
    /// By the field's key.
    pub answers: BTreeMap<String, String>,
}

impl Personal {
    /// Whether nothing is left, or nothing was ever there.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl std::fmt::Debug for Personal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Personal")
    }
}

/// What there was for somebody who registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// The event has no limit.
    Unlimited,
    Seat(u32),
    /// None: they wait for one.
    Waiting,
}

impl Place {
    fn seat(self) -> Option<u32> {
        match self {
            Self::Seat(seat) => Some(seat),
            Self::Unlimited | Self::Waiting => None,
        }
    }
}

/// The registration after a transition and what there is to tell. Nothing to tell means that nothing changed.
pub(crate) type Step = (Registration, Vec<Change>);

/// What a person may change.
#[derive(Debug, Clone, Default)]
pub(crate) struct Details {
    pub name: Option<String>,
    pub phone: Option<String>,
    pub nickname: Option<String>,
    pub mode: Option<Mode>,
    pub language: Option<String>,
    /// All answers, and the version of the form that they belong to.
    pub answers: Option<(BTreeMap<String, String>, i64)>,
}

impl Registration {
    /// A new registration, or one that is made anew after a cancellation: then `found` is what was there.
    ///
    /// `self` is what was asked for, with `version` 1. The first registration's time, entries and check-ins stay; what was given back
    /// has to be paid again.
    pub fn registered(mut self, found: Option<&Self>, place: Place, settings: &Settings, at_ms: i64) -> Step {
        self.registered_at_ms = at_ms;
        self.rsvp = if settings.rsvp { Rsvp::Invited } else { Rsvp::NotAsked };
        self.payment = if settings.price.is_some() { Payment::Unpaid } else { Payment::NotApplicable };
        if let Some(found) = found {
            self.registered_at_ms = found.registered_at_ms;
            self.first_entered_at_ms = found.first_entered_at_ms;
            self.checked_in_at_ms = found.checked_in_at_ms;
            self.waiting_since_ms = found.waiting_since_ms;
            self.moments = found.moments;
            self.notices.clone_from(&found.notices);
            if found.payment == Payment::Paid {
                self.payment = Payment::Paid;
                self.paid.clone_from(&found.paid);
            }
            self.version = found.version + 1;
        }
        self.seat = place.seat();
        if place == Place::Waiting {
            self.state = RegistrationState::Waiting;
            self.waiting_since_ms = Some(at_ms);
            return (self, vec![Change::Waiting]);
        }
        self.state = RegistrationState::Registered;
        (self, vec![Change::Registered])
    }

    /// From the waiting list to a place.
    pub fn promoted(self, place: Place) -> Step {
        self.changed_if(
            |it| it.state == RegistrationState::Waiting && place != Place::Waiting,
            Change::Promoted,
            |it| {
                it.state = RegistrationState::Registered;
                it.seat = place.seat();
            },
        )
    }

    /// On a numbered place, because the event has a limit now. Nothing to tell.
    #[must_use]
    pub fn seated(mut self, seat: u32) -> Self {
        self.seat = Some(seat);
        self.version += 1;
        self
    }

    /// Whether it is on this numbered place.
    pub fn holds(&self, seat: u32) -> bool {
        self.state == RegistrationState::Registered && self.seat == Some(seat)
    }

    /// Cancelled. What it was before (times, payment, answers) stays.
    pub fn cancelled(self, at_ms: i64) -> Step {
        self.changed_if(
            |it| it.state != RegistrationState::Cancelled,
            Change::Cancelled,
            |it| {
                it.state = RegistrationState::Cancelled;
                it.seat = None;
                it.moments.cancelled_at_ms = Some(at_ms);
            },
        )
    }

    /// The payment is known to be so. Without an amount it is the event's price, for what is given back what was paid. Who paid less than
    /// the price has paid: who takes the money decides on reductions. Who gets a part back has still paid, and keeps the place.
    pub fn with_payment(
        self,
        to: Payment,
        amount: Option<Money>,
        settings: &Settings,
        at_ms: i64,
    ) -> Result<Step, Failure> {
        let before = self.under(settings);
        if before.payment == Payment::NotApplicable || to == Payment::NotApplicable {
            return Err(Failure::Precondition("the event is free: there is nothing to pay".to_owned()));
        }
        let known = if to == Payment::Refunded { &before.paid } else { &settings.price };
        if let (Some(given), Some(known)) = (&amount, known)
            && given.currency != known.currency
        {
            return Err(Failure::Precondition(format!(
                "the event is paid in {}, not in {}",
                known.currency, given.currency
            )));
        }
        let paid = match to {
            Payment::Refunded if amount.as_ref().is_some_and(|amount| self.gives_part_back(amount)) => {
                return Err(Failure::Precondition("only a part is given back: the registration stays paid".to_owned()));
            }
            Payment::Refunded if before.payment == Payment::Unpaid => {
                return Err(Failure::Precondition("nothing was paid that could be given back".to_owned()));
            }
            Payment::Refunded => amount.or_else(|| before.paid.clone()),
            Payment::Paid => amount.or_else(|| settings.price.clone()),
            Payment::Unpaid | Payment::NotApplicable => None,
        };
        let differs = before.payment != to || before.paid != paid;
        Ok(self.changed_if(
            |_| differs,
            Change::Payment,
            |it| {
                it.payment = to;
                it.paid = paid;
                it.moments.payment_at_ms = Some(at_ms);
            },
        ))
    }

    /// Whether to give back so much leaves something paid.
    pub fn gives_part_back(&self, amount: &Money) -> bool {
        let is_part = |paid: &Money| amount.amount_minor < paid.amount_minor && amount.currency == paid.currency;
        self.payment == Payment::Paid && self.paid.as_ref().is_some_and(is_part)
    }

    /// Why the person may not enter the event, if so.
    pub fn refusal(&self, settings: &Settings) -> Option<Refusal> {
        let now = self.under(settings);
        match now.state {
            RegistrationState::Cancelled => Some(Refusal::Cancelled),
            RegistrationState::Waiting => Some(Refusal::Waiting),
            RegistrationState::Registered if matches!(now.payment, Payment::Unpaid | Payment::Refunded) => {
                Some(Refusal::Unpaid)
            }
            RegistrationState::Registered if settings.refuse_unconfirmed && settings.rsvp => {
                (now.rsvp != Rsvp::Confirmed).then_some(Refusal::Unconfirmed)
            }
            RegistrationState::Registered => None,
        }
    }

    /// The person opens the event page. Only the first time of those who may is kept.
    pub fn entered(self, settings: &Settings, at_ms: i64) -> Step {
        let admitted = self.refusal(settings).is_none();
        self.changed_if(
            |it| admitted && it.first_entered_at_ms.is_none(),
            Change::Entered,
            |it| it.first_entered_at_ms = Some(at_ms),
        )
    }

    /// The person stands at the door; the earliest time wins. A scanner's clock may be off: no time before the registration or after
    /// `now_ms` is believed. Whether this was the check-in that counts: true also when it is repeated.
    pub fn checked_in(self, settings: &Settings, at_ms: i64, now_ms: i64) -> Result<(Step, bool), Refusal> {
        let at_ms = at_ms.min(now_ms).max(self.registered_at_ms);
        match self.checked_in_at_ms {
            Some(before_ms) if before_ms < at_ms => Ok(((self, Vec::new()), false)),
            Some(before_ms) if before_ms == at_ms => Ok(((self, Vec::new()), true)),
            before => match self.refusal(settings) {
                Some(refusal) if before.is_none() => Err(refusal),
                _ => Ok((self.changed_if(|_| true, Change::CheckedIn, |it| it.checked_in_at_ms = Some(at_ms)), true)),
            },
        }
    }

    /// Somebody came to the door with it while it is cancelled; the earliest time wins, and is believed as for a check-in. A scanner that
    /// was offline may have let them in before it heard of the cancellation.
    pub fn came_cancelled(self, at_ms: i64, now_ms: i64) -> Step {
        let at_ms = at_ms.min(now_ms).max(self.registered_at_ms);
        let is_new = |it: &Self| {
            let before = it.moments.came_cancelled_at_ms;
            it.state == RegistrationState::Cancelled && before.is_none_or(|before_ms| at_ms < before_ms)
        };
        self.changed_if(is_new, Change::Details, |it| it.moments.came_cancelled_at_ms = Some(at_ms))
    }

    /// With other details.
    pub fn with_details(self, details: Details) -> Result<Step, Failure> {
        if self.state == RegistrationState::Cancelled {
            return Err(Failure::Precondition("the registration is cancelled; register again instead".to_owned()));
        }
        let mut after = self.clone();
        let Details { name, phone, nickname, mode, language, answers } = details;
        let set = |field: &mut String, given: Option<String>| {
            if let Some(given) = given {
                *field = given;
            }
        };
        set(&mut after.personal.name, name);
        set(&mut after.personal.phone, phone);
        set(&mut after.personal.nickname, nickname);
        set(&mut after.language, language);
        after.mode = mode.unwrap_or(after.mode);
        if let Some((answers, form_version)) = answers {
            after.personal.answers = answers;
            after.form_version = form_version;
        }
        let differs = self != after;
        Ok(self.changed_if(|_| differs, Change::Details, |it| *it = after))
    }

    /// Without anything personal, for a retention that is over. Nothing to tell: the figures stay as they are.
    #[must_use]
    pub fn without_person(mut self) -> Self {
        self.person = None;
        self.personal = Personal::default();
        self.version += 1;
        self
    }

    /// Whether retention has left nothing of whom it was for.
    pub fn is_without_person(&self) -> bool {
        self.person.is_none() && self.personal.is_empty()
    }

    /// The place that one without its person still holds.
    pub fn place_without_person(&self) -> Option<u32> {
        self.seat.filter(|_| self.is_without_person())
    }

    /// As the event's settings make it look now: they may have changed since it was stored.
    #[must_use]
    pub fn under(&self, settings: &Settings) -> Self {
        let mut seen = self.clone();
        (seen.rsvp, seen.payment) = (settings.rsvp_now(self.rsvp), settings.payment_now(self.payment));
        seen
    }

    fn must_have_a_place(&self) -> Result<(), Failure> {
        let problem = match self.state {
            RegistrationState::Registered => return Ok(()),
            RegistrationState::Waiting => "the registration waits for a place",
            RegistrationState::Cancelled => "the registration is cancelled",
        };
        Err(Failure::Precondition(problem.to_owned()))
    }

    fn changed_if(mut self, when: impl FnOnce(&Self) -> bool, change: Change, how: impl FnOnce(&mut Self)) -> Step {
        if !when(&self) {
            return (self, Vec::new());
        }
        let version = self.version;
        how(&mut self);
        self.version = version + 1;
        (self, vec![change])
    }
}

#[cfg(test)]
mod tests;
