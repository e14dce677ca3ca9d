//! When things happened to a registration, whoever made them; check-ins by hand; who came while cancelled. On both engines.

use std::sync::Arc;

use tonic::Code;
use turnout_platform::{auth::Role, tables::Tables};
use turnout_proto::registration::v1::{
    Act, AnswerRsvpRequest, CancelRegistrationRequest, CheckInOutcome, CheckInRequest, Event, OfflineCheckIn,
    PaymentState, Registration, RegistrationState, RsvpState, SetPaymentRequest, SyncCheckInsRequest,
};

use crate::{
    bed::{Bed, Registrants, START_AT_MS, open_tables, refused_field},
    changes::{euros, notice, rotate},
    places::cql_tables,
    registering::{cancel, get, open_event, registered},
};

on_both_engines! {
    item_14_an_answer_a_payment_and_a_cancellation_have_the_moment_of_the_accepted_command_whoever_made_it;
    a_check_in_by_hand_is_in_the_audit_log_when_it_says_why_and_one_at_the_door_is_not;
    whoever_comes_to_the_door_while_cancelled_is_kept_once_however_often_a_scanner_tells_of_it;
}

fn at(ms: u64) -> Option<prost_types::Timestamp> {
    let ms = START_AT_MS + ms;
    Some(prost_types::Timestamp { seconds: (ms / 1000) as i64, nanos: (ms % 1000) as i32 * 1_000_000 })
}

fn why() -> Option<Act> {
    Some(Act { reason: "asked by phone".into() })
}

async fn answer(client: &mut Registrants, id: &str, rsvp: RsvpState, act: Option<Act>) -> Registration {
    let (event_id, registration_id) = ("gala".into(), id.into());
    let request = AnswerRsvpRequest { event_id, registration_id, rsvp: rsvp.into(), act };
    client.answer_rsvp(request).await.unwrap().into_inner().registration.unwrap()
}

async fn item_14_an_answer_a_payment_and_a_cancellation_have_the_moment_of_the_accepted_command_whoever_made_it(
    tables: Arc<dyn Tables>,
) {
    let bed = Bed::on(tables).await;
    let settings = Event { rsvp: true, price: euros(2500), ..Event::default() };
    let mut acme = open_event(&bed, settings, &["rsvp", "price"]).await;
    let (mut support, mut mesh) = (bed.registrants_as("acme", Role::Support), bed.registrants(None));
    let made = registered(&mut acme, "anna@example.org").await;
    let id = made.registration_id.as_str();
    assert_eq!((made.rsvp_at, made.payment_at, made.cancelled_at, made.came_cancelled_at), (None, None, None, None));

    // By the person, once: to say it again is no other moment.
    bed.clock.advance_ms(1000);
    for _ in 0..2 {
        assert_eq!(answer(&mut acme, id, RsvpState::Confirmed, None).await.rsvp_at, at(1000));
        bed.clock.advance_ms(1000);
    }
    // By the webhook, then by hand.
    let secret = rotate(&bed).await;
    mesh.apply_payment_notice(notice(&bed, &secret, "n1", id, "paid")).await.unwrap();
    assert_eq!(get(&mut acme, id).await.payment_at, at(3000));
    bed.clock.advance_ms(1000);
    let (event_id, registration_id) = ("gala".into(), id.into());
    let payment = PaymentState::Refunded.into();
    let request = SetPaymentRequest { event_id, registration_id, payment, paid: None, act: why() };
    let refunded = support.set_payment(request).await.unwrap().into_inner().registration.unwrap();
    assert_eq!((refunded.payment_at, refunded.rsvp_at), (at(4000), at(1000)));
    // By the person.
    bed.clock.advance_ms(1000);
    assert_eq!(cancel(&mut acme, id).await.cancelled_at, at(5000));
    bed.clock.advance_ms(1000);
    assert_eq!(cancel(&mut acme, id).await.cancelled_at, at(5000));
    // What has happened has happened, also when they register anew.
    let again = registered(&mut acme, "anna@example.org").await;
    assert_eq!((again.rsvp(), again.payment()), (RsvpState::Invited, PaymentState::Unpaid));
    assert_eq!((again.rsvp_at, again.payment_at, again.cancelled_at), (at(1000), at(4000), at(5000)));
    // By the team.
    bed.clock.advance_ms(1000);
    answer(&mut support, id, RsvpState::Confirmed, why()).await;
    let (event_id, registration_id) = ("gala".into(), id.into());
    let request = CancelRegistrationRequest { event_id, registration_id, act: why() };
    let cancelled = support.cancel_registration(request).await.unwrap().into_inner().registration.unwrap();
    assert_eq!((cancelled.rsvp_at, cancelled.cancelled_at), (at(7000), at(7000)));
    assert_eq!(get(&mut acme, id).await.cancelled_at, at(7000), "as it is stored");
}

async fn check_in(client: &mut Registrants, id: &str, code: &str, act: Option<Act>) -> CheckInOutcome {
    let request = CheckInRequest { event_id: "gala".into(), code: code.into(), registration_id: id.into(), act };
    client.check_in(request).await.unwrap().into_inner().outcome()
}

async fn a_check_in_by_hand_is_in_the_audit_log_when_it_says_why_and_one_at_the_door_is_not(tables: Arc<dyn Tables>) {
    let bed = Bed::on(tables).await;
    let mut acme = open_event(&bed, Event::default(), &[]).await;
    let mut support = bed.registrants_as("acme", Role::Support);
    let mut made = Vec::new();
    for name in ["anna", "ben", "chris"] {
        made.push(registered(&mut acme, &format!("{name}@example.org")).await);
    }
    let audited = || bed.profiles.audits().into_iter().filter(|it| it.action == "registration.check_in").count();
    assert_eq!(check_in(&mut support, "", &made[0].code, None).await, CheckInOutcome::Admitted);
    assert_eq!(check_in(&mut support, &made[1].registration_id, "", None).await, CheckInOutcome::Admitted);
    assert_eq!(audited(), 0);
    let id = made[2].registration_id.as_str();
    assert_eq!(check_in(&mut support, id, "", why()).await, CheckInOutcome::Admitted);
    bed.clock.advance_ms(1000);
    assert_eq!(check_in(&mut support, id, "", why()).await, CheckInOutcome::AlreadyIn);
    assert_eq!(audited(), 1, "once: the second changed nothing");
    let entry = bed.profiles.audits().pop().unwrap();
    assert_eq!((entry.subject, entry.reason.as_str()), (format!("registration:{id}"), "asked by phone"));
    let act = Some(Act { reason: "x".into() });
    let registration_id = id.to_owned();
    let request = CheckInRequest { event_id: "gala".into(), code: String::new(), registration_id, act };
    refused_field(support.check_in(request).await, "act.reason");
    // Who is told that they are cancelled has checked in nobody.
    cancel(&mut acme, &made[0].registration_id).await;
    let cancelled = registered(&mut acme, "dora@example.org").await;
    cancel(&mut acme, &cancelled.registration_id).await;
    assert_eq!(check_in(&mut support, &cancelled.registration_id, "", why()).await, CheckInOutcome::Cancelled);
    assert_eq!(audited(), 1);
}

async fn whoever_comes_to_the_door_while_cancelled_is_kept_once_however_often_a_scanner_tells_of_it(
    tables: Arc<dyn Tables>,
) {
    let bed = Bed::on(tables).await;
    let mut acme = open_event(&bed, Event::default(), &[]).await;
    let made = registered(&mut acme, "anna@example.org").await;
    bed.clock.advance_ms(60_000);
    let cancelled = cancel(&mut acme, &made.registration_id).await;
    bed.clock.advance_ms(60_000);
    let mut door = bed.registrants_as("acme", Role::Moderator);
    let told = |ms| SyncCheckInsRequest {
        event_id: "gala".into(),
        check_ins: vec![OfflineCheckIn { code: made.code.clone(), at: at(ms) }],
    };
    // Another device tells of an earlier time, as it was offline for longer: before the cancellation, even.
    for (ms, kept_ms, version) in [(90_000, 90_000, 3), (90_000, 90_000, 3), (100_000, 90_000, 3), (30_000, 30_000, 4)]
    {
        let outcomes: Vec<_> = door.sync_check_ins(told(ms)).await.unwrap().into_inner().outcomes().collect();
        assert_eq!(outcomes, [CheckInOutcome::Cancelled]);
        let now = get(&mut acme, &made.registration_id).await;
        assert_eq!((now.came_cancelled_at, now.version), (at(kept_ms), version));
        assert_eq!((now.state(), now.checked_in_at), (RegistrationState::Cancelled, None), "nobody is let in by it");
        assert_eq!(now.cancelled_at, cancelled.cancelled_at);
    }
    // A scanner's clock that runs ahead is not believed.
    let ben = registered(&mut acme, "ben@example.org").await;
    cancel(&mut acme, &ben.registration_id).await;
    let ahead = OfflineCheckIn { code: ben.code.clone(), at: at(9_000_000) };
    let request = SyncCheckInsRequest { event_id: "gala".into(), check_ins: vec![ahead] };
    door.sync_check_ins(request).await.unwrap();
    assert_eq!(get(&mut acme, &ben.registration_id).await.came_cancelled_at, at(120_000));
    assert_eq!(bed.profiles.audits().len(), 0);
    let missing = door.sync_check_ins(SyncCheckInsRequest { event_id: "none".into(), check_ins: Vec::new() }).await;
    assert_eq!(missing.unwrap_err().code(), Code::NotFound);
}
