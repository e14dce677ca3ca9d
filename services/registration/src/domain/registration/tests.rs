//! Laws of registrations, for any sequence of what may happen to one.

use proptest::prelude::*;

use super::*;
use crate::domain::settings::{Patch, Settings};

fn settings() -> impl Strategy<Value = Settings> {
    (any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(rsvp, refuse_unconfirmed, is_paid)| {
        let price = is_paid.then(|| Money { amount_minor: 2500, currency: "EUR".into() });
        let patch = Patch {
            rsvp: Some(rsvp),
            refuse_unconfirmed: Some(refuse_unconfirmed),
            price: Some(price),
            ..Patch::default()
        };
        Settings::new("UTC".into(), 1000).patched(&patch).unwrap()
    })
}

pub(super) fn wanted() -> Registration {
    Registration {
        event: "gala".parse().unwrap(),
        id: "r1".parse().unwrap(),
        person: Some("p1".parse().unwrap()),
        state: RegistrationState::Registered,
        rsvp: Rsvp::NotAsked,
        mode: Mode::Online,
        registered_at_ms: 0,
        first_entered_at_ms: None,
        checked_in_at_ms: None,
        seat: None,
        waiting_since_ms: None,
        moments: Moments::default(),
        payment: Payment::NotApplicable,
        paid: None,
        notices: Vec::new(),
        personal: Personal { email: "anna@example.org".into(), ..Personal::default() },
        form_version: 0,
        language: "en".into(),
        version: 1,
    }
}

#[derive(Debug, Clone)]
enum Act {
    RegisterAgain(bool),
    Promote,
    Cancel,
    /// Whether they come, and the place that there is if they come after all.
    Answer(bool, Place),
    Pay(Payment),
    Enter,
    CheckIn(i64),
    ComeCancelled(i64),
    Rename(u8),
}

fn place() -> impl Strategy<Value = Place> {
    prop::sample::select(vec![Place::Unlimited, Place::Seat(5), Place::Waiting])
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        any::<bool>().prop_map(Act::RegisterAgain),
        Just(Act::Promote),
        Just(Act::Cancel),
        (any::<bool>(), place()).prop_map(|(comes, place)| Act::Answer(comes, place)),
        prop::sample::select(Payment::ALL).prop_map(Act::Pay),
        Just(Act::Enter),
        (0..10_000_i64).prop_map(Act::CheckIn),
        (0..10_000_i64).prop_map(Act::ComeCancelled),
        (0..3_u8).prop_map(Act::Rename),
    ]
}

/// What the act makes of a registration; nothing when it is refused or does not apply.
fn apply(it: &Registration, act: &Act, settings: &Settings, at_ms: i64) -> Option<Step> {
    match act {
        Act::RegisterAgain(has_place) => {
            let place = if *has_place { Place::Seat(3) } else { Place::Waiting };
            let is_cancelled = it.state == RegistrationState::Cancelled;
            is_cancelled.then(|| wanted().registered(Some(it), place, settings, at_ms))
        }
        Act::Promote => Some(it.clone().promoted(Place::Seat(4))),
        Act::Cancel => Some(it.clone().cancelled(at_ms)),
        Act::Answer(comes, place) => it.clone().answered(*comes, *place, settings, at_ms).ok(),
        Act::Pay(payment) => it.clone().with_payment(*payment, None, settings, at_ms).ok(),
        Act::Enter => Some(it.clone().entered(settings, at_ms)),
        Act::CheckIn(checked_in_ms) => {
            it.clone().checked_in(settings, *checked_in_ms, at_ms).ok().map(|(step, _)| step)
        }
        Act::ComeCancelled(came_ms) => Some(it.clone().came_cancelled(*came_ms, at_ms)),
        Act::Rename(n) => {
            let details = Details { name: Some(format!("Anna {n}")), ..Details::default() };
            it.clone().with_details(details).ok()
        }
    }
}

proptest! {
    #[test]
    fn whatever_happens_the_laws_hold(settings in settings(), has_place: bool, acts in prop::collection::vec(act(), 0..40)) {
        let place = if has_place { Place::Unlimited } else { Place::Waiting };
        let (mut it, told) = wanted().registered(None, place, &settings, 100);
        prop_assert_eq!(told, [if has_place { Change::Registered } else { Change::Waiting }]);
        for (n, act) in acts.iter().enumerate() {
            let at_ms = 200 + n as i64 * 100;
            let Some((after, changes)) = apply(&it, act, &settings, at_ms) else { continue };

            // The version grows by one with each change, and only then; nothing to tell is nothing changed.
            prop_assert_eq!(after.version, it.version + i64::from(!changes.is_empty()));
            prop_assert!(!changes.is_empty() || after == it);

            // Who only sees both versions tells the same.
            prop_assert_eq!(after.changes_since(Some(&it)), changes.clone());

            // Repeating a command changes nothing more; a check-in only moves to the earlier time.
            if !matches!(act, Act::RegisterAgain(_)) {
                let (again, changes) = apply(&after, act, &settings, at_ms).unwrap_or((after.clone(), vec![]));
                prop_assert_eq!((&again, changes.len()), (&after, 0));
            }

            prop_assert_eq!(after.registered_at_ms, 100);
            prop_assert!(it.first_entered_at_ms.is_none() || after.first_entered_at_ms == it.first_entered_at_ms);
            if let Some(before_ms) = it.checked_in_at_ms {
                prop_assert!(after.checked_in_at_ms.is_some_and(|after_ms| (100..=before_ms).contains(&after_ms)));
            }
            prop_assert_eq!(after.payment == Payment::NotApplicable, settings.price.is_none());
            prop_assert_eq!(after.paid.is_some(), matches!(after.payment, Payment::Paid | Payment::Refunded));
            prop_assert_eq!(after.rsvp == Rsvp::NotAsked, !settings.rsvp);
            prop_assert!(after.seat.is_none() || after.state == RegistrationState::Registered);
            // Who does not come holds no place and waits for none.
            prop_assert!(after.rsvp != Rsvp::Declined || after.seat.is_none());
            prop_assert!(after.rsvp != Rsvp::Declined || after.state != RegistrationState::Waiting);
            prop_assert!(after.state != RegistrationState::Waiting || after.waiting_since_ms.is_some());
            prop_assert!(it.waiting_since_ms.is_none() || after.waiting_since_ms.is_some());
            if after.state == RegistrationState::Cancelled && it.state != after.state {
                let kept = |it: &Registration| (it.personal.clone(), it.payment, it.paid.clone(), it.rsvp);
                prop_assert_eq!(kept(&after), kept(&it));
            }
            // Each moment is that of the last change of its kind, and nothing takes it away.
            let (before, now) = (it.moments, after.moments);
            for (change, before_ms, now_ms) in [
                (Change::Rsvp, before.rsvp_at_ms, now.rsvp_at_ms),
                (Change::Payment, before.payment_at_ms, now.payment_at_ms),
                (Change::Cancelled, before.cancelled_at_ms, now.cancelled_at_ms),
            ] {
                prop_assert_eq!(now_ms, if changes.contains(&change) { Some(at_ms) } else { before_ms });
            }
            // Who came while it was cancelled came at the earliest time that is known.
            if now.came_cancelled_at_ms != before.came_cancelled_at_ms {
                prop_assert_eq!(it.state, RegistrationState::Cancelled);
                let came_ms = now.came_cancelled_at_ms.unwrap();
                prop_assert!((100..=at_ms).contains(&came_ms) && before.came_cancelled_at_ms.is_none_or(|ms| came_ms < ms));
            }
            // Nobody enters who may not, and who entered is never said to be refused for having entered.
            if after.first_entered_at_ms != it.first_entered_at_ms {
                prop_assert_eq!(it.refusal(&settings), None);
            }
            it = after;
        }
    }

    #[test]
    fn item_10_other_settings_change_how_a_registration_looks_but_not_what_was_paid(
        before in settings(), later in settings(), acts in prop::collection::vec(act(), 0..20),
    ) {
        let (mut it, _) = wanted().registered(None, Place::Unlimited, &before, 100);
        for act in &acts {
            it = apply(&it, act, &before, 300).map_or(it, |(after, _)| after);
        }
        let seen = it.under(&later);
        prop_assert_eq!(seen.rsvp == Rsvp::NotAsked, !later.rsvp && it.rsvp != Rsvp::Declined);
        prop_assert!(seen.payment != Payment::Unpaid || later.price.is_some());
        prop_assert!(seen.payment != Payment::NotApplicable || later.price.is_none());
        let moved = matches!(it.payment, Payment::Paid | Payment::Refunded);
        prop_assert!(!moved || (seen.payment, &seen.paid) == (it.payment, &it.paid));
        prop_assert_eq!(seen.under(&later), seen);
    }
}

#[test]
fn a_scanners_clock_that_is_off_is_not_believed() {
    let settings = Settings::new("UTC".into(), 1000);
    let (it, _) = wanted().registered(None, Place::Unlimited, &settings, 100);
    let at = |at_ms| it.clone().checked_in(&settings, at_ms, 500).unwrap().0.0.checked_in_at_ms;
    assert_eq!((at(-5), at(50), at(300), at(9000)), (Some(100), Some(100), Some(300), Some(500)));
}

#[test]
fn what_is_personal_does_not_show_in_debug() {
    assert!(!format!("{:?}", wanted()).contains("anna"));
}

#[test]
fn money_of_another_currency_pays_nothing_less_pays_and_a_part_given_back_leaves_it_paid() {
    let money = |amount_minor, currency: &str| Some(Money { amount_minor, currency: currency.to_owned() });
    let priced = Settings { price: money(2500, "EUR"), ..Settings::new("UTC".to_owned(), 0) };
    let (it, _) = wanted().registered(None, Place::Unlimited, &priced, 100);
    assert!(it.clone().with_payment(Payment::Paid, money(2500, "JPY"), &priced, 1).is_err());
    let (paid, _) = it.with_payment(Payment::Paid, money(2000, "EUR"), &priced, 1).unwrap();
    assert_eq!((paid.payment, paid.paid.clone()), (Payment::Paid, money(2000, "EUR")));
    assert!(paid.gives_part_back(&money(500, "EUR").unwrap()) && !paid.gives_part_back(&money(2000, "EUR").unwrap()));
    assert!(paid.clone().with_payment(Payment::Refunded, money(500, "EUR"), &priced, 1).is_err());
    assert!(paid.clone().with_payment(Payment::Refunded, money(2000, "JPY"), &priced, 1).is_err());
    let (refunded, _) = paid.with_payment(Payment::Refunded, None, &priced, 2).unwrap();
    assert_eq!((refunded.payment, refunded.paid), (Payment::Refunded, money(2000, "EUR")));
}
