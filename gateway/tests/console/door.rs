//! The door: codes, names, and devices that were offline.

use tonic::{Code, Status};
use turnout_platform::auth::Role;
use turnout_proto::registration::v1::{
    CheckInOutcome, CheckInRequest, CheckInResponse, GetCheckInPackRequest, GetCheckInPackResponse,
    ListRegistrantsRequest, ListRegistrantsResponse, PackedTicket, PaymentState, Registration, RegistrationState,
    RsvpState, SyncCheckInsRequest, SyncCheckInsResponse,
};

use crate::stage::{Stage, at};

const DOOR: &str = "/console/check-in/night";

#[tokio::test]
async fn item_76_a_code_is_judged_for_the_script_and_for_a_browser_without_one() {
    let stage = Stage::with(Role::Support).await;
    stage.services.on("RegistrantService/CheckIn", |asked: CheckInRequest| {
        let registration = Registration {
            registration_id: "r1".into(),
            name: "Anna".into(),
            checked_in_at: Some(at(1_795_000_000)),
            ..Registration::default()
        };
        let known = asked.code == "good";
        let outcome = if known { CheckInOutcome::AlreadyIn } else { CheckInOutcome::Unknown };
        Ok(CheckInResponse { outcome: outcome.into(), registration: known.then_some(registration) })
    });
    let script = stage.post_with(DOOR, "accept: application/json\r\n", &[("code", "good")]).await;
    assert_eq!(script.body, r#"{"outcome":2,"who":"Anna","at_ms":1795000000000,"rsvp":0}"#);
    let page = stage.post(DOOR, &[("code", "good")]).await;
    page.holds("Checked in before").holds("Anna").holds("At 18 Nov 2026, 13:06");
    stage.post(DOOR, &[("code", "bad")]).await.holds("No ticket for this event");
}

#[tokio::test]
async fn item_21_who_is_let_in_without_having_confirmed_is_flagged_at_the_door_also_offline() {
    let stage = Stage::with(Role::Support).await;
    let answers = [
        (RsvpState::Confirmed, "Welcome"),
        (RsvpState::Invited, "has not confirmed"),
        (RsvpState::Declined, "do not come"),
    ];
    for (rsvp, words) in answers {
        stage.services.on("RegistrantService/CheckIn", move |_: CheckInRequest| {
            let registration = Registration { rsvp: rsvp.into(), ..Registration::default() };
            let outcome = CheckInOutcome::Admitted.into();
            Ok(CheckInResponse { outcome, registration: Some(registration) })
        });
        let script = stage.post_with(DOOR, "accept: application/json\r\n", &[("code", "good")]).await;
        let script: serde_json::Value = serde_json::from_str(&script.body).unwrap();
        assert_eq!(script["rsvp"], i32::from(rsvp));
        let tone = if rsvp == RsvpState::Confirmed { "verdict good" } else { "verdict warn" };
        stage.post(DOOR, &[("code", "good")]).await.holds(words).holds(tone);
    }
    let ticket = |byte, rsvp: RsvpState| PackedTicket {
        code_hash: vec![byte; 16],
        outcome: CheckInOutcome::Admitted.into(),
        rsvp: rsvp.into(),
    };
    let tickets = vec![ticket(1, RsvpState::Invited), ticket(2, RsvpState::Declined), ticket(3, RsvpState::Confirmed)];
    let parts = [GetCheckInPackResponse { tickets }];
    stage.services.streams::<GetCheckInPackRequest, _>("RegistrantService/GetCheckInPack", &parts, Code::Ok);
    let pack: serde_json::Value = serde_json::from_str(&stage.get(&format!("{DOOR}/pack.json")).await.body).unwrap();
    let flags: Vec<_> = pack["tickets"].as_array().unwrap().iter().map(|ticket| ticket[2].as_i64()).collect();
    assert_eq!(flags, [Some(1), Some(3), None]);
}

#[tokio::test]
async fn a_device_gets_the_list_of_tickets_without_names_and_hands_in_what_it_recorded() {
    let stage = Stage::with(Role::Moderator).await;
    let ticket = |byte| PackedTicket {
        code_hash: vec![byte; 16],
        outcome: CheckInOutcome::Admitted.into(),
        ..PackedTicket::default()
    };
    let parts =
        [GetCheckInPackResponse { tickets: vec![ticket(1)] }, GetCheckInPackResponse { tickets: vec![ticket(2)] }];
    stage.services.streams::<GetCheckInPackRequest, _>("RegistrantService/GetCheckInPack", &parts, Code::Ok);
    let pack: serde_json::Value = serde_json::from_str(&stage.get(&format!("{DOOR}/pack.json")).await.body).unwrap();
    assert_eq!(pack["tickets"].as_array().unwrap().len(), 2);
    assert_eq!(pack["tickets"][1], serde_json::json!(["AgICAgICAgICAgICAgICAg", 1]));

    stage.services.on("RegistrantService/SyncCheckIns", |asked: SyncCheckInsRequest| {
        Ok(SyncCheckInsResponse { outcomes: asked.check_ins.iter().map(|_| 1).collect() })
    });
    let recorded = r#"{"check_ins":[{"code":"good","at_ms":1795000000250}]}"#;
    let answer = stage.post_json(&format!("{DOOR}/sync"), recorded).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "[1]"));
    let asked: SyncCheckInsRequest = stage.services.asked("RegistrantService/SyncCheckIns").remove(0);
    let at = asked.check_ins[0].at.unwrap();
    assert_eq!((at.seconds, at.nanos), (1_795_000_000, 250_000_000));
}

#[tokio::test]
async fn the_worker_of_the_door_lies_where_it_may_rule_over_the_door() {
    let stage = Stage::with(Role::Moderator).await;
    let worker = stage.get("/console/check-in/worker.js").await;
    assert_eq!((worker.status, worker.header("content-type")), (200, Some("text/javascript; charset=utf-8")));
    let page = stage.get(DOOR).await;
    page.holds("data-event=\"night\"").lacks("name=\"q\"");
    // Who cannot search for a name is not told to, where there is no camera.
    page.holds("data-text-instead=\"Type the code of the ticket instead.\"");
}

#[tokio::test]
async fn a_door_whose_service_is_down_hears_so_and_judges_by_itself() {
    let stage = Stage::with(Role::Support).await;
    stage
        .services
        .on("RegistrantService/CheckIn", |_: CheckInRequest| Err::<CheckInResponse, _>(Status::unavailable("")));
    let answer = stage.post_with(DOOR, "accept: application/json\r\n", &[("code", "good")]).await;
    assert_eq!(answer.status, 503);
}

#[tokio::test]
async fn who_is_found_by_name_shows_what_the_door_must_know_and_a_button_only_for_whom_it_is() {
    let stage = Stage::with(Role::Support).await;
    stage.services.on("RegistrantService/ListRegistrants", |_: ListRegistrantsRequest| {
        let one = |name: &str, state: RegistrationState, payment: PaymentState, rsvp: RsvpState| Registration {
            registration_id: name.to_lowercase(),
            name: name.into(),
            state: state.into(),
            payment: payment.into(),
            rsvp: rsvp.into(),
            ..Registration::default()
        };
        let (here, paid, sure) = (RegistrationState::Registered, PaymentState::Paid, RsvpState::Confirmed);
        let inside = Registration { checked_in_at: Some(at(1_795_000_000)), ..one("Inside", here, paid, sure) };
        let registrations = vec![
            one("Ready", here, paid, sure),
            inside,
            one("Unpaid", here, PaymentState::Unpaid, RsvpState::Invited),
            one("Waiting", RegistrationState::Waiting, PaymentState::Unpaid, RsvpState::Unspecified),
            one("Cancelled", RegistrationState::Cancelled, paid, sure),
        ];
        Ok(ListRegistrantsResponse { registrations, ..ListRegistrantsResponse::default() })
    });
    let found = stage.get(&format!("{DOOR}/search?q=a")).await;
    found
        .holds("line good\">Registered, may come in")
        .holds("line warn\">Checked in before<span class=\"note\">At 18 Nov");
    found.holds("line warn\">Not paid").holds("line warn\">No answer");
    found.holds("line bad\">On the waiting list").holds("line bad\">Cancelled");
    for (id, has_button) in [("ready", true), ("inside", false), ("unpaid", true), ("waiting", false)] {
        assert_eq!(found.body.contains(&format!("value=\"{id}\"")), has_button, "{id}");
    }
}
