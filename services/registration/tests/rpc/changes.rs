//! What happens to a registration after it was made: answers, payments, entries, check-ins, other details; and who is told of it.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use tonic::{Code, Status};
use turnout_platform::auth::{MeshKey, Role};
use turnout_proto::{
    common::v1::Money,
    registration::v1::{
        Act, AnswerRsvpRequest, ApplyPaymentNoticeRequest, AttendanceMode, ChangeEventStateRequest, CheckInOutcome,
        CheckInRequest, CreateEventRequest, Event, EventState, ListRegistrantsRequest, OfflineCheckIn, PaymentState,
        RecordEntryRequest, RecordEntryResponse, RegistrantFilter, Registration, RegistrationState,
        RotatePaymentSecretRequest, RsvpState, SetPaymentRequest, SyncCheckInsRequest, UpdateRegistrationRequest,
    },
};

use crate::{
    bed::{Bed, Registrants, START_AT_MS, open_tables, refused, refused_field},
    places::statistics,
    profiles::FakeProfiles,
    registering::{cancel, get, mask, open_event, person, register, registered, update_event},
};

const DEADLINE: Duration = Duration::from_mins(1);

pub fn euros(amount_minor: i64) -> Option<Money> {
    Some(Money { amount_minor, currency: "EUR".into() })
}

async fn answer(client: &mut Registrants, id: &str, rsvp: RsvpState) -> Result<Registration, Status> {
    let (event_id, registration_id) = ("gala".into(), id.into());
    let request = AnswerRsvpRequest { event_id, registration_id, rsvp: rsvp.into(), act: None };
    Ok(client.answer_rsvp(request).await?.into_inner().registration.unwrap())
}

async fn enter(client: &mut Registrants, id: &str) -> RecordEntryResponse {
    let request = RecordEntryRequest { event_id: "gala".into(), registration_id: id.into() };
    client.record_entry(request).await.unwrap().into_inner()
}

async fn pay(client: &mut Registrants, id: &str, payment: PaymentState) -> Result<Registration, Status> {
    let act = Some(Act { reason: "paid at the desk".into() });
    let (event_id, registration_id) = ("gala".into(), id.into());
    let request = SetPaymentRequest { event_id, registration_id, payment: payment.into(), paid: None, act };
    Ok(client.set_payment(request).await?.into_inner().registration.unwrap())
}

async fn check_in(client: &mut Registrants, code: &str) -> (CheckInOutcome, Option<Registration>) {
    let request = CheckInRequest { event_id: "gala".into(), code: code.into(), ..CheckInRequest::default() };
    let answer = client.check_in(request).await.unwrap().into_inner();
    (answer.outcome(), answer.registration)
}

#[tokio::test]
async fn item_7_the_first_entry_is_kept_and_never_reset() {
    let bed = Bed::start().await;
    let mut acme = open_event(&bed, Event::default(), &[]).await;
    let made = registered(&mut acme, "anna@example.org").await;
    assert_eq!(made.first_entered_at, None);
    let first = enter(&mut acme, &made.registration_id).await;
    assert!(first.admitted);
    let entered = first.registration.unwrap();
    assert_eq!(entered.first_entered_at.unwrap().seconds, START_AT_MS as i64 / 1000);
    bed.clock.advance_ms(60_000);
    assert_eq!(enter(&mut acme, &made.registration_id).await.registration.unwrap(), entered);
    cancel(&mut acme, &made.registration_id).await;
    assert!(!enter(&mut acme, &made.registration_id).await.admitted);
    let again = registered(&mut acme, "anna@example.org").await;
    assert_eq!(again.first_entered_at, entered.first_entered_at);
}

#[tokio::test]
async fn item_21_with_rsvp_on_people_confirm_or_decline_and_by_the_setting_the_unconfirmed_stay_outside() {
    let bed = Bed::start().await;
    let mut acme = open_event(&bed, Event { rsvp: true, ..Event::default() }, &["rsvp"]).await;
    let made = registered(&mut acme, "anna@example.org").await;
    assert_eq!(made.rsvp(), RsvpState::Invited);
    assert!(enter(&mut acme, &made.registration_id).await.admitted);
    update_event(&bed, Event { refuse_unconfirmed: true, ..Event::default() }, &["refuse_unconfirmed"]).await;
    assert!(!enter(&mut acme, &made.registration_id).await.admitted);
    assert_eq!(check_in(&mut acme, &made.code).await.0, CheckInOutcome::Unconfirmed);

    refused_field(answer(&mut acme, &made.registration_id, RsvpState::Invited).await, "rsvp");
    let confirmed = answer(&mut acme, &made.registration_id, RsvpState::Confirmed).await.unwrap();
    assert_eq!(confirmed.rsvp(), RsvpState::Confirmed);
    assert_eq!(answer(&mut acme, &made.registration_id, RsvpState::Confirmed).await.unwrap(), confirmed);
    assert!(enter(&mut acme, &made.registration_id).await.admitted);

    update_event(&bed, Event::default(), &["rsvp"]).await;
    assert_eq!(get(&mut acme, &made.registration_id).await.rsvp(), RsvpState::Unspecified);
    refused(answer(&mut acme, &made.registration_id, RsvpState::Declined).await, Code::FailedPrecondition);
    cancel(&mut acme, &made.registration_id).await;
    update_event(&bed, Event { rsvp: true, ..Event::default() }, &["rsvp"]).await;
    refused(answer(&mut acme, &made.registration_id, RsvpState::Declined).await, Code::FailedPrecondition);
}

#[tokio::test]
async fn item_10_a_free_event_shows_not_applicable_and_a_paid_one_unpaid_paid_and_refunded() {
    let bed = Bed::start().await;
    let mut acme = open_event(&bed, Event::default(), &[]).await;
    let made = registered(&mut acme, "anna@example.org").await;
    let id = made.registration_id.as_str();
    assert_eq!(made.payment(), PaymentState::NotApplicable);
    let mut support = bed.registrants_as("acme", Role::Support);
    refused(pay(&mut support, id, PaymentState::Paid).await, Code::FailedPrecondition);

    update_event(&bed, Event { price: euros(2500), ..Event::default() }, &["price"]).await;
    assert_eq!(get(&mut acme, id).await.payment(), PaymentState::Unpaid);
    assert!(!enter(&mut acme, id).await.admitted);
    assert_eq!(check_in(&mut acme, &made.code).await.0, CheckInOutcome::Unpaid);
    refused(pay(&mut support, id, PaymentState::Refunded).await, Code::FailedPrecondition);
    let paid = pay(&mut support, id, PaymentState::Paid).await.unwrap();
    assert_eq!((paid.payment(), paid.paid.clone()), (PaymentState::Paid, euros(2500)));
    assert_eq!(pay(&mut support, id, PaymentState::Paid).await.unwrap(), paid);
    assert!(enter(&mut acme, id).await.admitted);
    let refunded = pay(&mut support, id, PaymentState::Refunded).await.unwrap();
    assert_eq!((refunded.payment(), refunded.paid), (PaymentState::Refunded, euros(2500)));
    let actions: Vec<String> = bed.profiles.audits().into_iter().map(|entry| entry.action).collect();
    assert_eq!(actions, ["registration.payment"; 2]);
    let details: Vec<String> = bed.profiles.audits().into_iter().map(|entry| entry.detail).collect();
    assert_eq!(details, ["PAID", "REFUNDED"]);

    // Money that moved stays visible when the event becomes free.
    update_event(&bed, Event::default(), &["price"]).await;
    assert_eq!(get(&mut acme, id).await.payment(), PaymentState::Refunded);
}

pub async fn rotate(bed: &Bed) -> Vec<u8> {
    let mut owner = bed.registrants_as("acme", Role::Owner);
    let secret = owner.rotate_payment_secret(RotatePaymentSecretRequest {}).await.unwrap().into_inner().secret;
    BASE64_STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap()
}

pub fn notice(
    bed: &Bed,
    secret: &[u8],
    notice_id: &str,
    registration_id: &str,
    state: &str,
) -> ApplyPaymentNoticeRequest {
    notice_of(bed, secret, notice_id, registration_id, state, 2000)
}

fn notice_of(
    bed: &Bed,
    secret: &[u8],
    notice_id: &str,
    registration_id: &str,
    state: &str,
    amount: i64,
) -> ApplyPaymentNoticeRequest {
    let body = format!(
        r#"{{"event_id":"gala","registration_id":"{registration_id}","state":"{state}","amount_minor":{amount},"currency":"EUR"}}"#
    );
    let timestamp = turnout_platform::clock::Clock::at_s(bed.clock.as_ref()).to_string();
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret);
    let tag = aws_lc_rs::hmac::sign(&key, format!("{notice_id}.{timestamp}.{body}").as_bytes());
    ApplyPaymentNoticeRequest {
        tenant_id: "acme".into(),
        id: notice_id.into(),
        timestamp,
        signature: format!("v1,{}", BASE64_STANDARD.encode(tag.as_ref())),
        body: body.into_bytes(),
    }
}

#[tokio::test]
async fn item_10_a_signed_notice_pays_once_however_often_it_comes() {
    let bed = Bed::start().await;
    let mut acme = open_event(&bed, Event { price: euros(2500), ..Event::default() }, &["price"]).await;
    let id = registered(&mut acme, "anna@example.org").await.registration_id;
    let apply = |request| {
        let mut mesh = bed.registrants(None);
        async move { Ok::<_, Status>(mesh.apply_payment_notice(request).await?.into_inner().repeated) }
    };
    let nobodys = notice(&bed, &[0; 32], "n1", &id, "paid");
    refused(apply(nobodys.clone()).await, Code::Unauthenticated);
    let secret = rotate(&bed).await;
    refused(apply(nobodys).await, Code::Unauthenticated);

    let paid = notice(&bed, &secret, "n1", &id, "paid");
    assert!(!apply(paid.clone()).await.unwrap());
    assert!(apply(paid.clone()).await.unwrap());
    let now = get(&mut acme, &id).await;
    assert_eq!((now.payment(), now.paid, now.version), (PaymentState::Paid, euros(2000), 2));
    refused(apply(ApplyPaymentNoticeRequest { tenant_id: "other".into(), ..paid }).await, Code::Unauthenticated);

    // The secret before stays valid for a day.
    let next = rotate(&bed).await;
    assert!(!apply(notice(&bed, &secret, "n2", &id, "refunded")).await.unwrap());
    assert!(apply(notice(&bed, &next, "n3", &id, "paid")).await.unwrap(), "a late notice changes nothing");
    assert_eq!(get(&mut acme, &id).await.payment(), PaymentState::Refunded);
    // Who pays once more, later than it was given back, has paid.
    bed.clock.advance_ms(1000);
    assert!(!apply(notice(&bed, &next, "n3b", &id, "paid")).await.unwrap());
    assert_eq!(get(&mut acme, &id).await.payment(), PaymentState::Paid);
    // What gives a part back leaves the rest paid.
    bed.clock.advance_ms(1000);
    assert!(!apply(notice_of(&bed, &next, "n3c", &id, "refunded", 500)).await.unwrap());
    assert!(apply(notice_of(&bed, &next, "n3c", &id, "refunded", 500)).await.unwrap());
    let now = get(&mut acme, &id).await;
    assert_eq!((now.payment(), now.paid), (PaymentState::Paid, euros(1500)));
    // Money of one who has no place is seen.
    assert_eq!(statistics(&acme).await.paid_without_place, 0);
    cancel(&mut acme, &id).await;
    let told = statistics(&acme).await;
    assert_eq!((told.cancelled, told.paid, told.paid_without_place), (1, 0, 1));
    let filter =
        RegistrantFilter { payments: vec![PaymentState::Paid.into()], has_place: Some(false), ..Default::default() };
    let request = ListRegistrantsRequest { event_id: "gala".into(), filter: Some(filter), ..Default::default() };
    let found = acme.list_registrants(request).await.unwrap().into_inner().registrations;
    assert_eq!(found.iter().map(|row| &row.registration_id).collect::<Vec<_>>(), [&id]);

    bed.clock.advance_ms(24 * 60 * 60 * 1000);
    let (old, mut mesh) = (notice(&bed, &secret, "n4", &id, "refunded"), bed.registrants(None));
    refused(mesh.apply_payment_notice(old).await, Code::Unauthenticated);
    refused(mesh.apply_payment_notice(notice(&bed, &next, "n5", "none", "paid")).await, Code::NotFound);
    refused_field(mesh.apply_payment_notice(notice(&bed, &next, "n6", "none", "lost")).await, "body");
}

#[tokio::test]
async fn a_rotation_that_is_repeated_leaves_the_secret_that_the_provider_has_valid_for_its_day() {
    let bed = Bed::start().await;
    let mut acme = open_event(&bed, Event { price: euros(2500), ..Event::default() }, &["price"]).await;
    let id = registered(&mut acme, "anna@example.org").await.registration_id;
    let providers = rotate(&bed).await;
    for _ in 0..8 {
        rotate(&bed).await;
    }
    let mut owner = bed.registrants_as("acme", Role::Owner);
    refused(owner.rotate_payment_secret(RotatePaymentSecretRequest {}).await, Code::FailedPrecondition);
    let mut mesh = bed.registrants(None);
    let applied = mesh.apply_payment_notice(notice(&bed, &providers, "n1", &id, "paid")).await.unwrap();
    assert!(!applied.into_inner().repeated);
    bed.clock.advance_ms(24 * 60 * 60 * 1000);
    refused(mesh.apply_payment_notice(notice(&bed, &providers, "n2", &id, "refunded")).await, Code::Unauthenticated);
    rotate(&bed).await;
}

#[tokio::test]
async fn item_76_a_scanner_shows_who_may_enter_and_the_earliest_time_wins() {
    let bed = Bed::start().await;
    let mut acme = open_event(&bed, Event::default(), &[]).await;
    let made = registered(&mut acme, "anna@example.org").await;
    bed.clock.advance_ms(60_000);
    let mut door = bed.registrants_as("acme", Role::Moderator);
    let (outcome, shown) = check_in(&mut door, &made.code).await;
    assert_eq!(outcome, CheckInOutcome::Admitted);
    assert_eq!(shown.unwrap().name, "", "a moderator sees no names");
    bed.clock.advance_ms(1000);
    assert_eq!(check_in(&mut door, &made.code).await.0, CheckInOutcome::AlreadyIn);
    assert_eq!(check_in(&mut door, "made up").await.0, CheckInOutcome::Unknown);

    // What a scanner recorded before, while it was offline.
    let at = |ms: u64| Some(prost_types::Timestamp { seconds: ((START_AT_MS + ms) / 1000) as i64, nanos: 0 });
    let cancelled = registered(&mut acme, "b@example.org").await;
    cancel(&mut acme, &cancelled.registration_id).await;
    let codes = [(made.code.clone(), 30_000), ("made up".into(), 0), (cancelled.code, 30_000)];
    let check_ins: Vec<_> = codes.into_iter().map(|(code, ms)| OfflineCheckIn { code, at: at(ms) }).collect();
    for _ in 0..2 {
        let request = SyncCheckInsRequest { event_id: "gala".into(), check_ins: check_ins.clone() };
        let outcomes: Vec<_> = door.sync_check_ins(request).await.unwrap().into_inner().outcomes().collect();
        assert_eq!(outcomes, [CheckInOutcome::Admitted, CheckInOutcome::Unknown, CheckInOutcome::Cancelled]);
        let now = get(&mut acme, &made.registration_id).await;
        assert_eq!((now.checked_in_at, now.version), (at(30_000), 3));
    }
    let too_many = vec![OfflineCheckIn::default(); 501];
    let request = SyncCheckInsRequest { event_id: "gala".into(), check_ins: too_many };
    refused_field(door.sync_check_ins(request).await, "check_ins");
}

#[tokio::test]
async fn a_ticket_of_another_event_is_unknown() {
    let bed = Bed::start().await;
    let mut acme = open_event(&bed, Event::default(), &[]).await;
    let made = registered(&mut acme, "anna@example.org").await;
    let title = "Ball".to_owned();
    let ball =
        CreateEventRequest { event_id: "ball".into(), title, starts_at: made.registered_at, zone: String::new() };
    bed.mesh(Some("acme")).create_event(ball).await.unwrap();
    let request = CheckInRequest { event_id: "ball".into(), code: made.code, ..CheckInRequest::default() };
    assert_eq!(acme.check_in(request).await.unwrap().into_inner().outcome(), CheckInOutcome::Unknown);
}

#[tokio::test]
async fn details_change_by_mask_and_whoever_acts_for_another_says_why() {
    let bed = Bed::start().await;
    let mut acme = open_event(&bed, Event { mode: AttendanceMode::Hybrid.into(), ..Event::default() }, &["mode"]).await;
    let made = registered(&mut acme, "anna@example.org").await;
    assert_eq!(made.mode(), AttendanceMode::Hybrid);
    let wanted = Registration {
        event_id: "gala".into(),
        registration_id: made.registration_id.clone(),
        name: "Anna B.".into(),
        phone: "+358 40 1234567".into(),
        mode: AttendanceMode::OnSite.into(),
        email: "other@example.org".into(),
        ..Registration::default()
    };
    let request = |paths: &[&str], expected_version, act| UpdateRegistrationRequest {
        registration: Some(wanted.clone()),
        update_mask: Some(mask(paths)),
        expected_version,
        act,
    };
    let mut support = bed.registrants_as("acme", Role::Support);
    refused_field(support.update_registration(request(&["name"], 0, None)).await, "act.reason");
    refused_field(acme.update_registration(request(&["email"], 0, None)).await, "update_mask");
    refused_field(acme.update_registration(request(&["nickname"], 0, None)).await, "nickname");
    refused(acme.update_registration(request(&["name"], 7, None)).await, Code::Aborted);
    let act = Some(Act { reason: "asked by phone".into() });
    let paths = ["name", "phone", "mode"];
    let after = support.update_registration(request(&paths, 1, act)).await.unwrap().into_inner().registration.unwrap();
    assert_eq!((after.name.as_str(), after.phone.as_str()), ("Anna B.", "+358401234567"));
    assert_eq!((after.email.as_str(), after.version, after.mode()), ("anna@example.org", 2, AttendanceMode::OnSite));
    // Texts go to the person's number. What somebody with a link writes is not taken for it: they need not be that person.
    let phones = || bed.profiles.phones().into_values().collect::<Vec<_>>();
    assert_eq!(phones(), ["+358401234567"]);
    let mut other = request(&["phone"], 0, None);
    other.registration.as_mut().unwrap().phone = "+358409999999".into();
    acme.update_registration(other).await.unwrap();
    assert_eq!(phones(), ["+358401234567"]);
    assert_eq!(bed.profiles.audits()[0].subject, format!("registration:{}", made.registration_id));
    cancel(&mut acme, &made.registration_id).await;
    refused(acme.update_registration(request(&["name"], 0, None)).await, Code::FailedPrecondition);
}

#[tokio::test]
async fn item_60_who_takes_part_online_and_on_site_is_one_person_in_figures_and_metrics() {
    let bed = Bed::start().await;
    let hybrid = Event { mode: AttendanceMode::Hybrid.into(), ..Event::default() };
    let mut acme = open_event(&bed, hybrid, &["mode"]).await;
    let made = registered(&mut acme, "anna@example.org").await;
    registered(&mut acme, "bert@example.org").await;
    assert!(enter(&mut acme, &made.registration_id).await.admitted);
    assert_eq!(check_in(&mut acme, &made.code).await.0, CheckInOutcome::Admitted);
    // Nobody has asked for figures, or looked at a list.
    totals_are(&bed, 2, 1).await;
    let told = statistics(&acme).await;
    assert_eq!((told.registrants, told.logged_in, told.checked_in, told.hybrid), (2, 1, 1, 2));
    totals_are(&bed, 2, 1).await;
}

/// Waits until the metrics say so.
async fn totals_are(bed: &Bed, registrants: usize, logged_in: usize) {
    let until = Instant::now() + DEADLINE;
    let lines = [
        format!("turnout_registration_registrants {registrants}\n"),
        format!("turnout_registration_logged_in {logged_in}\n"),
    ];
    while !lines.iter().all(|line| bed.metrics.render().contains(line)) {
        assert!(Instant::now() < until, "{}", bed.metrics.render());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn the_metrics_of_registrants_are_of_all_events_that_run_also_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (tables, key) = (open_tables(&folder).await, MeshKey::generate());
    let first = Bed::with(tables.clone(), &key, FakeProfiles::default()).await;
    let mut acme = open_event(&first, Event::default(), &[]).await;
    let made = registered(&mut acme, "anna@example.org").await;
    enter(&mut acme, &made.registration_id).await;
    totals_are(&first, 1, 1).await;
    drop(first);
    let second = Bed::with(tables, &key, FakeProfiles::default()).await;
    totals_are(&second, 1, 1).await;
    // A change is counted though nobody looks, and an event that is over counts no more.
    let mut acme = second.registrants(Some("acme"));
    registered(&mut acme, "bert@example.org").await;
    totals_are(&second, 2, 1).await;
    for state in [EventState::Live, EventState::Ended] {
        let request = ChangeEventStateRequest {
            event_id: "gala".into(),
            state: state.into(),
            ..ChangeEventStateRequest::default()
        };
        second.mesh(Some("acme")).change_event_state(request).await.unwrap();
    }
    totals_are(&second, 0, 0).await;
}

#[tokio::test]
async fn an_event_that_is_cancelled_takes_nobody() {
    let bed = Bed::start().await;
    let mut acme = open_event(&bed, Event::default(), &[]).await;
    let made = registered(&mut acme, "anna@example.org").await;
    let request =
        ChangeEventStateRequest { event_id: "gala".into(), state: EventState::Cancelled.into(), expected_version: 0 };
    bed.mesh(Some("acme")).change_event_state(request).await.unwrap();
    refused(register(&mut acme, person("b@example.org")).await, Code::FailedPrecondition);
    let kept = get(&mut acme, &made.registration_id).await;
    assert_eq!((kept.state(), kept.answers), (RegistrationState::Registered, HashMap::new()));
}
