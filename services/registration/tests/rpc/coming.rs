//! Whether people come, and what follows for places: who declines gives the place back, who comes after all takes one only if there is one.
//! On both engines.

use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use prost::Message as _;
use tonic::{Code, Status};
use turnout_platform::{
    auth::MeshKey,
    bus::durable::{Consumer, EventKind, all_events},
    tables::Tables,
};
use turnout_proto::{
    events::v1::{DomainEvent, RegistrationChange, domain_event::What},
    registration::v1::{
        Act, AnswerRsvpRequest, CheckInOutcome, CheckInRequest, Event, RecountRequest, RegisterRequest, Registration,
        RegistrationState, RsvpState,
    },
};

use crate::{
    bed::{Bed, Registrants, comes, open_tables, refused},
    crash::cut_after,
    places::{cql_tables, statistics},
    profiles::FakeProfiles,
    registering::{get, open_event, person, register, registered, update_event},
};

/// Answers at the same moment.
const AT_ONCE: usize = 32;
/// More writes than an answer takes.
const WRITES: usize = 3;
/// What was shown at first is no longer valid, and a place that was taken for nobody is known to be left behind.
const LATER_MS: u64 = 180_000;

on_both_engines! {
    item_21_who_declines_gives_the_place_to_whoever_waits_longest;
    item_21_who_comes_after_all_takes_a_place_only_if_there_is_one_and_waits_otherwise;
    item_21_without_a_waiting_list_who_comes_after_all_is_refused_while_all_places_are_taken;
    item_21_however_many_change_their_minds_at_once_no_more_hold_a_place_than_there_are;
}

async fn asking(bed: &Bed, capacity: i32, waiting_list: bool) -> Registrants {
    let settings = Event { rsvp: true, capacity, waiting_list, ..Event::default() };
    open_event(bed, settings, &["rsvp", "capacity", "waiting_list"]).await
}

async fn answer(client: &Registrants, id: &str, rsvp: RsvpState, act: Option<Act>) -> Result<Registration, Status> {
    let (event_id, registration_id) = ("gala".into(), id.into());
    let request = AnswerRsvpRequest { event_id, registration_id, rsvp: rsvp.into(), act };
    Ok(client.clone().answer_rsvp(request).await?.into_inner().registration.unwrap())
}

async fn answers(client: &Registrants, of: &Registration, rsvp: RsvpState) -> Registration {
    answer(client, &of.registration_id, rsvp, None).await.unwrap()
}

async fn state(client: &Registrants, of: &Registration) -> RegistrationState {
    get(&mut client.clone(), &of.registration_id).await.state()
}

async fn gets_a_place(client: &Registrants, of: &Registration) {
    comes("the place", async || state(client, of).await == RegistrationState::Registered).await;
}

async fn item_21_who_declines_gives_the_place_to_whoever_waits_longest(tables: Arc<dyn Tables>) {
    let bed = Bed::on(tables).await;
    let mut acme = asking(&bed, 1, true).await;
    let anna = registered(&mut acme, "anna@example.org").await;
    let mut waiting = Vec::new();
    for n in 0..2 {
        bed.clock.advance_ms(1000);
        waiting.push(registered(&mut acme, &format!("w{n}@example.org")).await);
    }
    let declined = answers(&acme, &anna, RsvpState::Declined).await;
    assert_eq!((declined.rsvp(), declined.state()), (RsvpState::Declined, RegistrationState::Registered));
    assert_eq!(answers(&acme, &anna, RsvpState::Declined).await, declined);
    gets_a_place(&acme, &waiting[0]).await;
    assert_eq!(state(&acme, &waiting[1]).await, RegistrationState::Waiting);
    // Who was promoted is asked, and may decline too.
    assert_eq!(answers(&acme, &waiting[0], RsvpState::Declined).await.rsvp(), RsvpState::Declined);
    gets_a_place(&acme, &waiting[1]).await;
    let now = statistics(&acme).await;
    assert_eq!((now.registrants, now.confirmed, now.declined, now.invited, now.waiting), (0, 0, 2, 1, 0));
}

async fn item_21_who_comes_after_all_takes_a_place_only_if_there_is_one_and_waits_otherwise(tables: Arc<dyn Tables>) {
    let bed = Bed::on(tables).await;
    let mut acme = asking(&bed, 1, true).await;
    let anna = registered(&mut acme, "anna@example.org").await;
    // Nobody wanted the place meanwhile.
    answers(&acme, &anna, RsvpState::Declined).await;
    let back = answers(&acme, &anna, RsvpState::Confirmed).await;
    assert_eq!((back.rsvp(), back.state()), (RsvpState::Confirmed, RegistrationState::Registered));
    assert_eq!(answers(&acme, &anna, RsvpState::Confirmed).await, back);

    answers(&acme, &anna, RsvpState::Declined).await;
    let ben = registered(&mut acme, "ben@example.org").await;
    assert_eq!(ben.state(), RegistrationState::Registered);
    bed.clock.advance_ms(1000);
    let late = answers(&acme, &anna, RsvpState::Confirmed).await;
    assert_eq!((late.rsvp(), late.state()), (RsvpState::Confirmed, RegistrationState::Waiting));
    assert_ne!(late.waiting_since, anna.registered_at);
    assert_eq!(answers(&acme, &anna, RsvpState::Confirmed).await, late);
    refused(answer(&acme, &anna.registration_id, RsvpState::Declined, None).await, Code::FailedPrecondition);

    // With the place the answer still stands.
    answers(&acme, &ben, RsvpState::Declined).await;
    gets_a_place(&acme, &anna).await;
    assert_eq!(get(&mut acme, &anna.registration_id).await.rsvp(), RsvpState::Confirmed);
    let recount = acme.recount(RecountRequest { event_id: "gala".into() }).await.unwrap().into_inner();
    assert_eq!((recount.counted.unwrap().registrants, recount.differences), (1, vec![]));
}

async fn item_21_without_a_waiting_list_who_comes_after_all_is_refused_while_all_places_are_taken(
    tables: Arc<dyn Tables>,
) {
    let bed = Bed::on(tables).await;
    let mut acme = asking(&bed, 1, false).await;
    let anna = registered(&mut acme, "anna@example.org").await;
    answers(&acme, &anna, RsvpState::Declined).await;
    let ben = registered(&mut acme, "ben@example.org").await;
    refused(answer(&acme, &anna.registration_id, RsvpState::Confirmed, None).await, Code::FailedPrecondition);
    assert_eq!(get(&mut acme, &anna.registration_id).await.rsvp(), RsvpState::Declined);
    answers(&acme, &ben, RsvpState::Declined).await;
    assert_eq!(answers(&acme, &anna, RsvpState::Confirmed).await.rsvp(), RsvpState::Confirmed);
    // A limit that is set anew does not count who gave a place back.
    update_event(&bed, Event::default(), &["capacity"]).await;
    update_event(&bed, Event { capacity: 2, ..Event::default() }, &["capacity"]).await;
    assert_eq!(registered(&mut acme, "carla@example.org").await.state(), RegistrationState::Registered);
    refused(register(&mut acme, person("dan@example.org")).await, Code::FailedPrecondition);
}

async fn item_21_however_many_change_their_minds_at_once_no_more_hold_a_place_than_there_are(tables: Arc<dyn Tables>) {
    let bed = Bed::on(tables).await;
    let mut acme = asking(&bed, 4, true).await;
    let mut all = Vec::new();
    for n in 0..10 {
        bed.clock.advance_ms(10);
        all.push(registered(&mut acme, &format!("p{n}@example.org")).await);
    }
    // Each says no, yes and no again, as far as they have a place; then all say yes.
    for rsvp in [RsvpState::Declined, RsvpState::Confirmed, RsvpState::Declined, RsvpState::Confirmed] {
        let answering = stream::iter(&all).map(|it| answered_or_refused(&acme, it, rsvp));
        answering.buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
    }
    comes("four with a place", async || {
        bed.clock.advance_ms(1000);
        // Who got a place in between has not answered yet.
        let answering = stream::iter(&all).map(|it| answered_or_refused(&acme, it, RsvpState::Confirmed));
        answering.buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
        let now = statistics(&acme).await;
        assert!(now.registrants + now.invited <= 4, "{now:?}");
        (now.registrants, now.waiting, now.declined) == (4, 6, 0)
    })
    .await;
}

/// Who waits for a place is not asked yet; all others are heard, at some time.
async fn answered_or_refused(client: &Registrants, of: &Registration, rsvp: RsvpState) {
    loop {
        match answer(client, &of.registration_id, rsvp, None).await {
            Err(status) if matches!(status.code(), Code::Unavailable | Code::ResourceExhausted | Code::Aborted) => {
                tokio::task::yield_now().await;
            }
            Err(status) if status.code() != Code::FailedPrecondition => panic!("{status:?}"),
            _ => return,
        }
    }
}

#[tokio::test]
async fn item_21_who_declines_after_a_crash_at_any_write_leaves_the_place_to_whoever_waits() {
    for writes in 0..=WRITES {
        let folder = tempfile::tempdir().unwrap();
        let tables = open_tables(&folder).await;
        let (key, profiles) = (MeshKey::generate(), FakeProfiles::default());
        let bed = Bed::with(tables.clone(), &key, profiles.clone()).await;
        let mut acme = asking(&bed, 1, true).await;
        let anna = registered(&mut acme, "anna@example.org").await;
        let ben = registered(&mut acme, "ben@example.org").await;
        drop(bed);

        cut_off(writes, &tables, &key, &profiles, &anna, RsvpState::Declined).await;

        let bed = Bed::with(tables, &key, profiles).await;
        bed.clock.advance_ms(LATER_MS);
        let acme = bed.registrants(Some("acme"));
        answers(&acme, &anna, RsvpState::Declined).await;
        comes("the place", async || {
            // One that was left behind is looked for when that can be told.
            bed.clock.advance_ms(1000);
            state(&acme, &ben).await == RegistrationState::Registered
        })
        .await;
        assert_eq!(statistics(&acme).await.invited, 1, "after {writes} writes");
    }
}

#[tokio::test]
async fn item_21_who_comes_after_all_has_a_place_after_a_crash_at_any_write_and_none_is_lost() {
    for writes in 0..=WRITES {
        let folder = tempfile::tempdir().unwrap();
        let tables = open_tables(&folder).await;
        let (key, profiles) = (MeshKey::generate(), FakeProfiles::default());
        let bed = Bed::with(tables.clone(), &key, profiles.clone()).await;
        let mut acme = asking(&bed, 2, true).await;
        let anna = registered(&mut acme, "anna@example.org").await;
        answers(&acme, &anna, RsvpState::Declined).await;
        drop(bed);

        cut_off(writes, &tables, &key, &profiles, &anna, RsvpState::Confirmed).await;

        let bed = Bed::with(tables, &key, profiles).await;
        bed.clock.advance_ms(LATER_MS);
        let mut acme = bed.registrants(Some("acme"));
        answers(&acme, &anna, RsvpState::Confirmed).await;
        let ben = registered(&mut acme, "ben@example.org").await;
        comes("both places", async || {
            bed.clock.advance_ms(1000);
            state(&acme, &anna).await == RegistrationState::Registered
                && state(&acme, &ben).await == RegistrationState::Registered
        })
        .await;
        assert_eq!(registered(&mut acme, "carla@example.org").await.state(), RegistrationState::Waiting);
    }
}

/// An answer of which so many writes come to pass, as if the process had ended there.
async fn cut_off(
    writes: usize,
    tables: &Arc<dyn Tables>,
    key: &MeshKey,
    profiles: &FakeProfiles,
    of: &Registration,
    rsvp: RsvpState,
) {
    let bed = Bed::with(cut_after(writes, tables), key, profiles.clone()).await;
    let _ = answer(&bed.registrants(Some("acme")), &of.registration_id, rsvp, None).await;
}

#[tokio::test]
async fn item_21_who_has_not_confirmed_is_let_in_and_flagged_unless_the_event_refuses_them() {
    let bed = Bed::start().await;
    let mut acme = asking(&bed, 0, false).await;
    let made = [registered(&mut acme, "anna@example.org").await, registered(&mut acme, "ben@example.org").await];
    answers(&acme, &made[1], RsvpState::Declined).await;
    for (it, rsvp) in made.iter().zip([RsvpState::Invited, RsvpState::Declined]) {
        let (outcome, found) = checked_in(&acme, it).await;
        assert_eq!((outcome, found.rsvp()), (CheckInOutcome::Admitted, rsvp));
    }
    let late = registered(&mut acme, "carla@example.org").await;
    update_event(&bed, Event { refuse_unconfirmed: true, ..Event::default() }, &["refuse_unconfirmed"]).await;
    assert_eq!(checked_in(&acme, &late).await.0, CheckInOutcome::Unconfirmed);
}

async fn checked_in(client: &Registrants, of: &Registration) -> (CheckInOutcome, Registration) {
    let (event_id, registration_id) = ("gala".into(), of.registration_id.clone());
    let request = CheckInRequest { event_id, registration_id, ..CheckInRequest::default() };
    let answer = client.clone().check_in(request).await.unwrap().into_inner();
    (answer.outcome(), answer.registration.unwrap())
}

#[tokio::test]
async fn item_21_who_declined_does_not_come_when_the_event_asks_no_more_and_may_still_say_otherwise() {
    let bed = Bed::start().await;
    let mut acme = asking(&bed, 0, false).await;
    let anna = registered(&mut acme, "anna@example.org").await;
    answers(&acme, &anna, RsvpState::Declined).await;
    update_event(&bed, Event::default(), &["rsvp"]).await;
    assert_eq!(get(&mut acme, &anna.registration_id).await.rsvp(), RsvpState::Declined);
    assert_eq!(statistics(&acme).await.registrants, 0);
    assert_eq!(answers(&acme, &anna, RsvpState::Confirmed).await.rsvp(), RsvpState::Unspecified);
    assert_eq!(statistics(&acme).await.registrants, 1);
    refused(answer(&acme, &anna.registration_id, RsvpState::Declined, None).await, Code::FailedPrecondition);
}

#[tokio::test]
async fn what_a_person_did_themselves_is_told_apart_from_what_the_team_and_the_waiting_list_did() {
    use RegistrationChange::{Promoted, Registered, Rsvp, Waiting};
    let bed = Bed::start().await;
    let mut acme = asking(&bed, 1, true).await;
    let mut heard =
        bed.bus.consume(Consumer { name: None, pattern: all_events(EventKind::Registration) }).await.unwrap();
    let anna = registered(&mut acme, "anna@example.org").await;
    let by_hand = RegisterRequest { act: Some(on_the_phone()), ..person("ben@example.org") };
    let ben = register(&mut acme, by_hand).await.unwrap().registration.unwrap();
    answer(&acme, &anna.registration_id, RsvpState::Declined, Some(on_the_phone())).await.unwrap();
    gets_a_place(&acme, &ben).await;
    answers(&acme, &ben, RsvpState::Confirmed).await;
    let mut told = Vec::new();
    for _ in 0..5 {
        let delivery = heard.next().await.unwrap();
        let Some(What::Registration(changed)) = DomainEvent::decode(delivery.message.payload.clone()).unwrap().what
        else {
            panic!("another event");
        };
        delivery.ack().await.unwrap();
        told.push((changed.registration_id.clone(), changed.version, changed.change(), changed.by_person));
    }
    told.sort_by_key(|(id, version, ..)| (*id != anna.registration_id, *version));
    let told: Vec<_> = told.into_iter().map(|(_, _, change, by_person)| (change, by_person)).collect();
    assert_eq!(told, [(Registered, true), (Rsvp, false), (Waiting, false), (Promoted, false), (Rsvp, true)]);
}

fn on_the_phone() -> Act {
    Act { reason: "on the phone".into() }
}
