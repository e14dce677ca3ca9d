//! What may become of a message, and what never does.

use proptest::prelude::*;

use super::*;
use crate::domain::message::Channel;

const HOUR_MS: i64 = 3_600_000;

pub(crate) fn message(kind: Kind) -> Message {
    Message {
        occurrence: "v1".into(),
        rank: 1,
        event: Some("gala".parse().unwrap()),
        registration: "r1".into(),
        person: "p1".into(),
        expires_at_ms: 100 * HOUR_MS,
        sealed: vec![1],
        ..Message::new(&"acme".parse().unwrap(), &["x"], kind, Channel::Email, 0)
    }
}

fn after(message: &Message, inputs: &[Input]) -> Message {
    inputs.iter().fold(message.clone(), |message, input| next(&message, *input, 0).unwrap())
}

#[test]
fn a_confirmation_whose_outcome_is_unknown_is_sent_once_more_and_then_left() {
    let once = after(&message(Kind::Confirmation), &[Input::Begin, Input::Unsure]);
    assert_eq!((once.state, once.maybe_twice), (State::Queued, true));
    let twice = after(&once, &[Input::Begin, Input::Unsure]);
    assert_eq!((twice.state, twice.reason), (State::Unknown, Some(Reason::NoAnswer)));
}

#[test]
fn a_reminder_whose_outcome_is_unknown_is_not_repeated() {
    let message = after(&message(Kind::Reminder), &[Input::Begin, Input::Unsure]);
    assert_eq!((message.state, message.maybe_twice), (State::Unknown, false));
}

#[test]
fn a_message_that_nobody_takes_is_tried_until_it_expires() {
    let mut message = message(Kind::Confirmation);
    let mut now_ms = 0;
    while message.state == State::Queued {
        now_ms = message.due_at_ms;
        message = next(&message, Input::Begin, now_ms).unwrap();
        message = next(&message, Input::NotYet { reason: Reason::NotReached, jitter: 0 }, now_ms).unwrap();
    }
    assert_eq!((message.state, message.reason), (State::Failed, Some(Reason::NotReached)));
    assert!(now_ms > 95 * HOUR_MS, "gave up after {now_ms} ms");
    assert!(message.attempts > 20);
}

#[test]
fn what_a_service_refuses_is_given_up_an_hour_after_the_first_refusal_and_may_be_planned_anew() {
    let waiting = message(Kind::Reminder);
    let refused = next(&waiting, Input::ServiceRefuses, 5).unwrap();
    assert_eq!((refused.state, refused.reason, refused.state_at_ms), (State::Queued, Some(Reason::ServiceRefused), 5));
    assert_eq!(refused.due_at_ms, waiting.due_at_ms);
    assert_eq!(next(&refused, Input::ServiceRefuses, 4 + HOUR_MS), None, "not yet");
    let given_up = next(&refused, Input::ServiceRefuses, 5 + HOUR_MS).unwrap();
    assert_eq!((given_up.state, given_up.reason), (State::Skipped, Some(Reason::ServiceRefused)));
    let plan = Input::Plan { due_at_ms: 2 * HOUR_MS, expires_at_ms: waiting.expires_at_ms };
    assert_eq!(next(&given_up, plan, 5 + HOUR_MS).unwrap().state, State::Planned);
    // Another reason in between: the service answered.
    let deferred = Input::Defer { until_ms: HOUR_MS, reason: Reason::Cap };
    let later = next(&next(&refused, deferred, 9).unwrap(), Input::ServiceRefuses, 7 * HOUR_MS).unwrap();
    assert_eq!((later.state, later.state_at_ms), (State::Queued, 7 * HOUR_MS));
    let sending = next(&waiting, Input::Begin, 0).unwrap();
    assert_eq!(next(&sending, Input::ServiceRefuses, 9 * HOUR_MS), None);
}

#[test]
fn what_was_sent_is_not_planned_anew_and_what_could_not_be_is() {
    let plan = Input::Plan { due_at_ms: 5, expires_at_ms: 9 };
    let sent = after(&message(Kind::Reminder), &[Input::Begin, Input::Accepted]);
    assert_eq!(next(&sent, plan, 0), None);
    let late = after(&message(Kind::Reminder), &[Input::Skip(Reason::RegisteredTooLate)]);
    assert_eq!(next(&late, plan, 0).unwrap().state, State::Planned);
    let suppressed = after(&message(Kind::Reminder), &[Input::Skip(Reason::Suppressed)]);
    assert_eq!(next(&suppressed, plan, 0), None);
}

#[test]
fn the_sealed_link_does_not_outlive_the_message() {
    let sent = after(&message(Kind::SignInLink), &[Input::Begin, Input::Accepted]);
    assert!(sent.sealed.is_empty());
}

#[test]
fn one_that_went_in_the_mail_of_another_says_so_until_something_worse_is_known() {
    let sending = after(&message(Kind::Reminder), &[Input::Begin]);
    let aboard = Message { carrier: Some(crate::domain::message::MessageId::of(&sending.tenant, &["y"])), ..sending };
    let sent = after(&aboard, &[Input::Accepted]);
    assert_eq!((sent.state, sent.reason), (State::HandedOff, Some(Reason::Joined)));
    let delivered = after(&sent, &[Input::Report(Report::Delivered)]);
    assert_eq!((delivered.state, delivered.reason), (State::Delivered, Some(Reason::Joined)));
    let bounced = after(&delivered, &[Input::Report(Report::BouncedHard)]);
    assert_eq!((bounced.state, bounced.reason), (State::Bounced, Some(Reason::HardBounce)));
}

#[test]
fn one_whose_mail_was_not_sent_is_tried_again_and_then_on_its_own() {
    let sending = after(&message(Kind::Reminder), &[Input::Begin]);
    let aboard = Message { carrier: Some(sending.id.clone()), ..sending };
    let again = after(&aboard, &[Input::NotCarried { again_ms: 5, reason: None }]);
    assert_eq!((again.state, again.due_at_ms), (State::Queued, 5));
    assert_eq!(after(&again, &[Input::Begin]).carrier, None);
    let too_late = after(&aboard, &[Input::NotCarried { again_ms: aboard.expires_at_ms, reason: None }]);
    assert_eq!(too_late.state, State::Failed);
}

fn inputs() -> impl Strategy<Value = Input> {
    prop_oneof![
        (0..9_i64).prop_map(|at| Input::Plan { due_at_ms: at, expires_at_ms: 100 }),
        Just(Input::Defer { until_ms: 7, reason: Reason::QuietHours }),
        Just(Input::Skip(Reason::Cancelled)),
        Just(Input::Begin),
        Just(Input::Accepted),
        Just(Input::NotYet { reason: Reason::RefusedForNow, jitter: 0 }),
        Just(Input::Refused(Reason::Refused)),
        Just(Input::NotCarried { again_ms: 8, reason: Some(Reason::Refused) }),
        Just(Input::Unsure),
        Just(Input::Report(Report::Delivered)),
        Just(Input::Report(Report::BouncedHard)),
        Just(Input::Report(Report::Complained)),
        Just(Input::Report(Report::Deferred)),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_the_person_gets_it_at_most_twice_and_twice_is_marked(
        kind in prop_oneof![Just(Kind::Confirmation), Just(Kind::Reminder)],
        inputs in proptest::collection::vec(inputs(), 0..40),
    ) {
        let mut message = message(kind);
        let mut perhaps_sent = 0;
        for input in inputs {
            let Some(then) = next(&message, input, 1) else { continue };
            prop_assert_eq!(then.version, message.version + 1);
            if matches!(input, Input::Accepted | Input::Unsure) {
                perhaps_sent += 1;
            }
            if reported_rank(message.state).is_some() && message.state != State::Sending {
                prop_assert!(reported_rank(then.state) > reported_rank(message.state), "only forward");
            }
            message = then;
        }
        prop_assert!(perhaps_sent <= 1 + i32::from(message.maybe_twice));
    }
}
