//! Who has to wait behind whom.

use futures_util::future::join_all;
use turnout_platform::auth::Role;
use turnout_proto::registration::v1::{
    CheckInOutcome, CheckInRequest, Event, registrant_service_client::RegistrantServiceClient,
};

use crate::{
    bed::{Bearer, Bed, comes},
    registering::{open_event, person, register, registered},
};

/// Registrations that a process has under way at the same time.
const TURNS: usize = 256;

#[tokio::test(flavor = "multi_thread")]
async fn a_door_does_not_wait_behind_registrations_that_take_long() {
    let bed = Bed::start().await;
    let mut acme = open_event(&bed, Event::default(), &[]).await;
    let anna = registered(&mut acme, "anna@example.org").await;
    bed.profiles.hold_up(true);
    let registering = (0..TURNS).map(|n| {
        let (mut acme, request) = (acme.clone(), person(&format!("p{n}@example.org")));
        tokio::spawn(async move { register(&mut acme, request).await })
    });
    let registering: Vec<_> = registering.collect();
    comes("all turns are taken", async || bed.profiles.held_up() == TURNS).await;
    let bearer = Bearer(Some(bed.member("acme", Role::Moderator)));
    let mut door = RegistrantServiceClient::with_interceptor(bed.aside.clone(), bearer);
    let event_id = "gala".to_owned();
    let request = CheckInRequest { event_id, registration_id: anna.registration_id, ..CheckInRequest::default() };
    let checked = door.check_in(request).await.unwrap().into_inner();
    assert_eq!(checked.outcome(), CheckInOutcome::Admitted);
    bed.profiles.hold_up(false);
    for registered in join_all(registering).await {
        registered.unwrap().unwrap();
    }
}
