//! The statistics of an event: how many registrations of each sort there are, kept registration by registration. What is kept does not
//! depend on the event's settings, so that a change of these needs no recount; how the figures follow from it does.

use std::collections::BTreeMap;

use super::{
    registration::{Mode, Payment, Registration, RegistrationState, Rsvp},
    settings::Settings,
};

/// What the statistics need of one registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Facts {
    pub state: RegistrationState,
    pub rsvp: Rsvp,
    pub mode: Mode,
    pub payment: Payment,
    pub entered: bool,
    pub checked_in: bool,
    pub nickname: bool,
}

impl Facts {
    pub fn of(registration: &Registration) -> Self {
        Self {
            state: registration.state,
            rsvp: registration.rsvp,
            mode: registration.mode,
            payment: registration.payment,
            entered: registration.first_entered_at_ms.is_some(),
            checked_in: registration.checked_in_at_ms.is_some(),
            nickname: !registration.personal.nickname.is_empty(),
        }
    }

    /// Whether it has a place: who said that they do not come has given it back.
    pub fn has_place(self) -> bool {
        self.state == RegistrationState::Registered && self.rsvp != Rsvp::Declined
    }

    /// Whether the person was there, in either way.
    pub fn attended(self) -> bool {
        self.entered || self.checked_in
    }

    /// As the event's settings make it look now.
    #[must_use]
    pub fn under(self, settings: &Settings) -> Self {
        Self { rsvp: settings.rsvp_now(self.rsvp), payment: settings.payment_now(self.payment), ..self }
    }
}

/// How many registrations there are of each sort; at most some hundred sorts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    counts: BTreeMap<Facts, i64>,
}

impl Tally {
    pub fn add(&mut self, facts: Facts) {
        *self.counts.entry(facts).or_default() += 1;
    }

    /// Takes back what was added.
    pub fn remove(&mut self, facts: Facts) {
        if let Some(count) = self.counts.get_mut(&facts) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&facts);
            }
        }
    }

    /// The statistics under the event's settings.
    pub fn statistics(&self, settings: &Settings) -> Statistics {
        let mut all = Statistics::default();
        for (facts, count) in &self.counts {
            all.add(facts.under(settings), settings.rsvp, *count);
        }
        all
    }
}

/// The figures that are shown. Those without another word count registrations with a place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Statistics {
    /// With a place; when the event asks for confirmation, only those who confirmed.
    pub registrants: i64,
    /// Of `registrants`, who entered the event page: never more than these.
    pub logged_in: i64,
    pub waiting: i64,
    pub cancelled: i64,
    pub invited: i64,
    pub confirmed: i64,
    /// Without a place: they have given it back.
    pub declined: i64,
    pub unpaid: i64,
    pub paid: i64,
    /// In any state.
    pub refunded: i64,
    /// Paid, without a place: cancelled, waiting or declined. Somebody should get it back.
    pub paid_without_place: i64,
    /// Also of those who declined, and came all the same.
    pub checked_in: i64,
    pub nicknames: i64,
    pub on_site: i64,
    pub online: i64,
    /// Both: one person, counted once.
    pub hybrid: i64,
}

impl Statistics {
    fn add(&mut self, facts: Facts, rsvp: bool, count: i64) {
        if facts.payment == Payment::Refunded {
            self.refunded += count;
        }
        if facts.payment == Payment::Paid && !facts.has_place() {
            self.paid_without_place += count;
        }
        match facts.state {
            RegistrationState::Waiting => self.waiting += count,
            RegistrationState::Cancelled => self.cancelled += count,
            RegistrationState::Registered => self.add_registered(facts, rsvp, count),
        }
    }

    fn add_registered(&mut self, facts: Facts, rsvp: bool, count: i64) {
        if facts.has_place() && (!rsvp || facts.rsvp == Rsvp::Confirmed) {
            self.registrants += count;
            self.logged_in += if facts.entered { count } else { 0 };
        }
        self.checked_in += if facts.checked_in { count } else { 0 };
        match facts.rsvp {
            Rsvp::NotAsked => {}
            Rsvp::Invited => self.invited += count,
            Rsvp::Confirmed => self.confirmed += count,
            Rsvp::Declined => {
                self.declined += count;
                return;
            }
        }
        match facts.payment {
            Payment::Unpaid => self.unpaid += count,
            Payment::Paid => self.paid += count,
            Payment::NotApplicable | Payment::Refunded => {}
        }
        match facts.mode {
            Mode::OnSite => self.on_site += count,
            Mode::Online => self.online += count,
            Mode::Hybrid => self.hybrid += count,
        }
        self.nicknames += if facts.nickname { count } else { 0 };
    }

    /// Each figure with the name that it has in the proto.
    pub fn named(&self) -> [(&'static str, i64); 16] {
        [
            ("registrants", self.registrants),
            ("logged_in", self.logged_in),
            ("waiting", self.waiting),
            ("cancelled", self.cancelled),
            ("invited", self.invited),
            ("confirmed", self.confirmed),
            ("declined", self.declined),
            ("unpaid", self.unpaid),
            ("paid", self.paid),
            ("refunded", self.refunded),
            ("paid_without_place", self.paid_without_place),
            ("checked_in", self.checked_in),
            ("nicknames", self.nicknames),
            ("on_site", self.on_site),
            ("online", self.online),
            ("hybrid", self.hybrid),
        ]
    }

    /// The names of the figures that differ.
    pub fn differences(&self, other: &Self) -> Vec<&'static str> {
        self.named().into_iter().zip(other.named()).filter(|(one, two)| one != two).map(|((name, _), _)| name).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, sample::select};

    use super::*;
    use crate::domain::money::Money;

    fn facts() -> impl Strategy<Value = Facts> {
        let words = (
            select(RegistrationState::ALL),
            select(Rsvp::ALL),
            select(Mode::ALL),
            select(Payment::ALL),
            any::<[bool; 3]>(),
        );
        words.prop_map(|(state, rsvp, mode, payment, [entered, checked_in, nickname])| Facts {
            state,
            rsvp,
            mode,
            payment,
            entered,
            checked_in,
            nickname,
        })
    }

    fn settings() -> impl Strategy<Value = Settings> {
        any::<[bool; 2]>().prop_map(|[rsvp, paid]| Settings {
            rsvp,
            price: paid.then(|| Money { amount_minor: 1000, currency: "EUR".to_owned() }),
            ..Settings::new("UTC".to_owned(), 0)
        })
    }

    /// Independent of the fold: counts with one pass for each figure.
    fn counted(all: &[Facts], settings: &Settings) -> Statistics {
        let all: Vec<Facts> = all.iter().map(|facts| facts.under(settings)).collect();
        let count = |which: &dyn Fn(&Facts) -> bool| all.iter().filter(|facts| which(facts)).count() as i64;
        let registered =
            |which: &dyn Fn(&Facts) -> bool| count(&|f| f.state == RegistrationState::Registered && which(f));
        let placed = |which: &dyn Fn(&Facts) -> bool| registered(&|f| f.rsvp != Rsvp::Declined && which(f));
        let counts_as_registrant = |f: &Facts| !settings.rsvp || f.rsvp == Rsvp::Confirmed;
        Statistics {
            registrants: placed(&counts_as_registrant),
            logged_in: placed(&|f| counts_as_registrant(f) && f.entered),
            waiting: count(&|f| f.state == RegistrationState::Waiting),
            cancelled: count(&|f| f.state == RegistrationState::Cancelled),
            invited: placed(&|f| f.rsvp == Rsvp::Invited),
            confirmed: placed(&|f| f.rsvp == Rsvp::Confirmed),
            declined: registered(&|f| f.rsvp == Rsvp::Declined),
            unpaid: placed(&|f| f.payment == Payment::Unpaid),
            paid: placed(&|f| f.payment == Payment::Paid),
            refunded: count(&|f| f.payment == Payment::Refunded),
            paid_without_place: count(&|f| {
                f.payment == Payment::Paid && (f.state != RegistrationState::Registered || f.rsvp == Rsvp::Declined)
            }),
            checked_in: registered(&|f| f.checked_in),
            nicknames: placed(&|f| f.nickname),
            on_site: placed(&|f| f.mode == Mode::OnSite),
            online: placed(&|f| f.mode == Mode::Online),
            hybrid: placed(&|f| f.mode == Mode::Hybrid),
        }
    }

    proptest! {
        #[test]
        fn item_20_what_is_kept_step_by_step_is_what_a_recount_finds(
            steps in proptest::collection::vec((0_usize..20, facts()), 0..200), settings in settings(),
        ) {
            let (mut tally, mut all) = (Tally::default(), BTreeMap::new());
            for (who, now) in steps {
                tally.add(now);
                if let Some(before) = all.insert(who, now) {
                    tally.remove(before);
                }
                let all: Vec<Facts> = all.values().copied().collect();
                prop_assert_eq!(tally.statistics(&settings), counted(&all, &settings));
            }
        }

        #[test]
        fn item_17_logged_in_is_always_a_subset(all in proptest::collection::vec(facts(), 0..100), settings in settings()) {
            let mut tally = Tally::default();
            for facts in all {
                tally.add(facts);
            }
            let statistics = tally.statistics(&settings);
            prop_assert!(statistics.logged_in <= statistics.registrants);
        }

        #[test]
        fn item_21_with_rsvp_only_those_who_confirmed_are_registrants(
            all in proptest::collection::vec(facts(), 0..100), settings in settings(),
        ) {
            let mut tally = Tally::default();
            for facts in all {
                tally.add(facts);
            }
            let with = tally.statistics(&Settings { rsvp: true, ..settings.clone() });
            let without = tally.statistics(&Settings { rsvp: false, ..settings });
            prop_assert_eq!(with.registrants, with.confirmed);
            prop_assert_eq!(with.invited + with.confirmed, without.registrants);
            prop_assert_eq!(with.declined, without.declined);
            prop_assert_eq!(without.invited + without.confirmed, 0);
        }
    }

    #[test]
    fn whoever_was_added_and_removed_leaves_nothing() {
        let facts = Facts {
            state: RegistrationState::Registered,
            rsvp: Rsvp::NotAsked,
            mode: Mode::Hybrid,
            payment: Payment::Refunded,
            entered: true,
            checked_in: true,
            nickname: true,
        };
        let mut tally = Tally::default();
        tally.add(facts);
        tally.remove(facts);
        assert_eq!(tally, Tally::default());
    }

    #[test]
    fn differing_figures_are_named() {
        let one = Statistics { registrants: 3, hybrid: 1, ..Statistics::default() };
        assert_eq!(one.differences(&Statistics::default()), ["registrants", "hybrid"]);
        assert!(one.differences(&one).is_empty());
    }
}
