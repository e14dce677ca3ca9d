//! The door: codes, names, and devices that were offline.

use tonic::{Code, Status};
use turnout_platform::auth::Role;
use turnout_proto::registration::v1::{
    CheckInOutcome, CheckInRequest, CheckInResponse, GetCheckInPackRequest, GetCheckInPackResponse, PackedTicket,
    Registration, SyncCheckInsRequest, SyncCheckInsResponse,
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
    assert_eq!(script.body, r#"{"outcome":2,"who":"Anna","at_ms":1795000000000}"#);
    let page = stage.post(DOOR, &[("code", "good")]).await;
    page.holds("Checked in before").holds("Anna").holds("At 18 Nov 2026, 13:06");
    stage.post(DOOR, &[("code", "bad")]).await.holds("No ticket for this event");
}

#[tokio::test]
async fn a_device_gets_the_list_of_tickets_without_names_and_hands_in_what_it_recorded() {
    let stage = Stage::with(Role::Moderator).await;
    let ticket = |byte| PackedTicket { code_hash: vec![byte; 16], outcome: CheckInOutcome::Admitted.into() };
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
