//! Who may ride with whom, and that a rider's end follows from its carrier's.

use proptest::prelude::*;

use super::*;
use crate::domain::{
    gates::CAP_MS,
    life::{self, Report, tests::message as any},
    message::MessageId,
};

const NOW_MS: i64 = 1_800_000_000_000;

fn reminder(name: &str) -> Message {
    let message = any(Kind::Reminder);
    Message {
        id: MessageId::of(&message.tenant, &[name]),
        registration: format!("r-{name}"),
        due_at_ms: NOW_MS,
        expires_at_ms: NOW_MS + 100 * CAP_MS,
        ..message
    }
}

#[test]
fn what_is_due_within_the_window_and_what_the_cap_put_off_may_ride() {
    let carrier = reminder("carrier");
    let due_in = |ms, reason| Message { due_at_ms: NOW_MS + ms, reason, ..reminder("x") };
    assert!(may_ride(&carrier, &due_in(WINDOW_MS, None), NOW_MS));
    assert!(may_ride(&carrier, &due_in(-CAP_MS, Some(Reason::QuietHours)), NOW_MS), "the night is over");
    assert!(may_ride(&carrier, &due_in(CAP_MS - 1, Some(Reason::Cap)), NOW_MS));
    assert!(!may_ride(&carrier, &due_in(WINDOW_MS + 1, None), NOW_MS));
    assert!(!may_ride(&carrier, &due_in(CAP_MS - 1, Some(Reason::QuietHours)), NOW_MS), "it is night for this one");
}

#[test]
fn nothing_rides_with_what_is_sent_on_purpose_or_is_not_a_reminder_by_mail() {
    let (carrier, rider) = (reminder("carrier"), reminder("x"));
    assert!(may_ride(&carrier, &rider, NOW_MS));
    for change in [
        |message: &mut Message| message.on_purpose = true,
        |message: &mut Message| message.kind = Kind::Confirmation,
        |message: &mut Message| message.channel = Channel::Sms,
        |message: &mut Message| message.person = "p2".into(),
        |message: &mut Message| message.person.clear(),
        |message: &mut Message| message.tenant = "other".parse().unwrap(),
    ] {
        let (mut other_carrier, mut other) = (carrier.clone(), rider.clone());
        change(&mut other_carrier);
        change(&mut other);
        assert!(!may_ride(&other_carrier, &rider, NOW_MS), "{other_carrier:?}");
        assert!(!may_ride(&carrier, &other, NOW_MS), "{other:?}");
    }
    assert!(!may_ride(&carrier, &Message { registration: carrier.registration.clone(), ..rider.clone() }, NOW_MS));
    assert!(!may_ride(&carrier, &carrier, NOW_MS));
}

/// A carrier and its rider while they are handed over.
fn under_way() -> (Message, Message) {
    let mut carrier = life::next(&reminder("carrier"), Input::Begin, NOW_MS).unwrap();
    let mut rider = life::next(&reminder("x"), Input::Begin, NOW_MS).unwrap();
    rider.carrier = Some(carrier.id.clone());
    carrier.riders = vec![rider.id.clone()];
    (carrier, rider)
}

fn ends(carrier: &Message, input: Input) -> Message {
    life::next(carrier, input, NOW_MS).unwrap()
}

#[test]
fn a_rider_that_nobody_recorded_follows_its_carrier() {
    let (carrier, rider) = under_way();
    let fate = |carrier: &Message| fate(&rider, Some(carrier), NOW_MS);
    let sent = ends(&carrier, Input::Accepted);
    assert_eq!(fate(&sent), Input::Accepted);
    assert_eq!(fate(&ends(&sent, Input::Report(Report::BouncedHard))), Input::Accepted);
    assert_eq!(fate(&carrier), Input::Unsure);
    assert_eq!(fate(&ends(&carrier, Input::Unsure)), Input::Unsure);
    let refused = fate(&ends(&carrier, Input::Refused(Reason::Refused)));
    assert_eq!(refused, Input::NotCarried { again_ms: NOW_MS, reason: Some(Reason::Refused) });
    let later = ends(&carrier, Input::NotYet { reason: Reason::NotReached, jitter: 0 });
    let again_ms = later.due_at_ms + AFTER_CARRIER_MS;
    assert_eq!(fate(&later), Input::NotCarried { again_ms, reason: Some(Reason::NotReached) });
}

#[test]
fn a_rider_whose_carrier_went_without_it_was_not_sent() {
    let (carrier, rider) = under_way();
    let not_sent = Input::NotCarried { again_ms: NOW_MS, reason: None };
    // The carrier was never leased: whoever leased the rider has died between the two.
    assert_eq!(fate(&rider, Some(&reminder("carrier")), NOW_MS), not_sent);
    // It went at a later try, with others.
    let later = ends(&carrier, Input::NotYet { reason: Reason::NotReached, jitter: 0 });
    let again = life::next(&later, Input::Begin, NOW_MS + CAP_MS).unwrap();
    let again = Message { riders: vec![rider.id.clone()], ..again };
    assert_eq!(fate(&rider, Some(&ends(&again, Input::Accepted)), NOW_MS), not_sent);
    // Its lease could not be confirmed, so that it was left out.
    let without = Message { riders: Vec::new(), ..ends(&carrier, Input::Accepted) };
    assert_eq!(fate(&rider, Some(&without), NOW_MS), not_sent);
}

#[test]
fn one_that_goes_on_its_own_has_an_unknown_outcome_whatever_else_there_is() {
    let (carrier, rider) = under_way();
    let alone = Message { carrier: None, ..rider };
    assert_eq!(fate(&alone, Some(&ends(&carrier, Input::Accepted)), NOW_MS), Input::Unsure);
    assert_eq!(fate(&alone, None, NOW_MS), Input::Unsure);
}

fn messages() -> impl Strategy<Value = Message> {
    let name = (0..12_u8, 0..8_u8, 0..2_u8, 0..2_u8);
    let kind = prop_oneof![6 => Just(Kind::Reminder), 1 => Just(Kind::Change)];
    let channel = prop_oneof![6 => Just(Channel::Email), 1 => Just(Channel::Sms)];
    let state = prop_oneof![
        3 => Just(State::Planned),
        3 => Just(State::Queued),
        1 => Just(State::Sending),
        1 => Just(State::Skipped),
        1 => Just(State::HandedOff),
    ];
    let due = -WINDOW_MS..2 * WINDOW_MS;
    let reason = prop_oneof![Just(None), Just(Some(Reason::Cap)), Just(Some(Reason::QuietHours))];
    (name, kind, channel, state, due, reason, any_bool(), 0..9_i64).prop_map(
        |((id, registration, person, tenant), kind, channel, state, due, reason, on_purpose, expires)| Message {
            registration: format!("r{registration}"),
            person: format!("p{person}"),
            tenant: if tenant == 0 { "acme" } else { "other" }.parse().unwrap(),
            kind,
            channel,
            state,
            due_at_ms: NOW_MS + due,
            reason,
            on_purpose,
            expires_at_ms: NOW_MS + expires * CAP_MS,
            ..reminder(&id.to_string())
        },
    )
}

fn any_bool() -> impl Strategy<Value = bool> {
    prop_oneof![5 => Just(false), 1 => Just(true)]
}

proptest! {
    #[test]
    fn a_mail_never_holds_two_people_two_channels_two_addresses_or_one_registration_twice_nor_what_a_gate_refuses(
        mut carrier in messages(),
        others in proptest::collection::vec((messages(), 0..2_usize, 0..4_usize), 0..40),
    ) {
        carrier.state = State::Queued;
        let said = [Verdict::Send, Verdict::Skip(Reason::Cancelled), Verdict::Wait, Verdict::Send];
        let addresses = ["anna@example.org", "anna@example.com"];
        let all: Vec<Message> = others.iter().map(|(message, ..)| message.clone()).collect();
        let mut mail = vec![Seat { message: &carrier, address: addresses[0] }];
        let candidates = candidates(&carrier, all, NOW_MS);
        prop_assert!(candidates.len() <= ASKED_MAX);
        prop_assert!(candidates.windows(2).all(|two| two[0].expires_at_ms <= two[1].expires_at_ms));
        for candidate in &candidates {
            let (_, address, verdict) = others.iter().find(|(other, ..)| other == candidate).unwrap();
            let seat = Seat { message: candidate, address: addresses[*address] };
            if is_taken_along(&mail, seat, said[*verdict]) {
                prop_assert_eq!(said[*verdict], Verdict::Send);
                mail.push(seat);
            }
        }
        prop_assert!(mail.len() <= TOGETHER_MAX);
        let registrations: std::collections::BTreeSet<_> = mail.iter().map(|seat| &seat.message.registration).collect();
        prop_assert_eq!(registrations.len(), mail.len());
        for Seat { message, address } in &mail[1..] {
            prop_assert_eq!(*address, addresses[0]);
            prop_assert_eq!((&message.tenant, &message.person), (&carrier.tenant, &carrier.person));
            prop_assert!(is_joinable(message) && is_joinable(&carrier), "{:?}", message);
            prop_assert!(matches!(message.state, State::Planned | State::Queued));
            prop_assert!(message.due_at_ms <= NOW_MS + WINDOW_MS || message.reason == Some(Reason::Cap));
        }
    }

    #[test]
    fn whatever_becomes_of_the_carrier_a_rider_is_sent_once_with_it_or_tried_again(
        inputs in proptest::collection::vec(0..6_usize, 1..6), is_recorded in proptest::bool::ANY,
    ) {
        let all = [
            Input::Accepted,
            Input::NotYet { reason: Reason::NotReached, jitter: 0 },
            Input::Refused(Reason::Refused),
            Input::Unsure,
            Input::Report(Report::Delivered),
            Input::Skip(Reason::Cancelled),
        ];
        let (mut carrier, rider) = under_way();
        let mut was_taken = None;
        for input in inputs {
            let Some(next) = life::next(&carrier, all[input], NOW_MS) else { continue };
            carrier = next;
            was_taken = was_taken.or(match carrier.state {
                State::HandedOff | State::Delivered => Some(true),
                State::Unknown => None,
                _ => Some(false),
            });
            if is_recorded {
                break;
            }
        }
        let after = life::next(&rider, fate(&rider, Some(&carrier), NOW_MS), NOW_MS).unwrap();
        match was_taken {
            Some(true) => prop_assert_eq!(after.state, State::HandedOff),
            Some(false) => prop_assert_eq!(after.state, State::Queued),
            None => prop_assert_eq!(after.state, State::Unknown),
        }
    }
}
