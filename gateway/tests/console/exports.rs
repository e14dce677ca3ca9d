//! The export of an event's registrants: what the list shows, whole, or visibly not whole.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use tonic::{Code, Status};
use turnout_platform::auth::Role;
use turnout_proto::{
    notifications::v1::{
        ListMessagesOfRegistrationsRequest, ListMessagesOfRegistrationsResponse, Message, MessageKind, MessageState,
    },
    registration::v1::{
        ExportRegistrantsRequest, ExportRegistrantsResponse, ListQuestionsRequest, ListQuestionsResponse,
        RegistrantOrder,
    },
};

use crate::{
    registrants::{PAGE, invalid, registration, stage},
    stage::Stage,
};

const EXPORT: &str = "RegistrantService/ExportRegistrants";
const MESSAGES: &str = "NotificationService/ListMessagesOfRegistrations";
const FORM: [(&str, &str); 2] = [("format", "json"), ("reason", "for the caterer")];
const CSV: [(&str, &str); 2] = [("format", "csv"), ("reason", "for the caterer")];

fn part(ids: &[&str]) -> ExportRegistrantsResponse {
    let registrations = ids.iter().map(|id| registration(id, "Anna")).collect();
    ExportRegistrantsResponse { registrations, matching: 3 }
}

/// Two parts of an export that end so.
async fn exporting(end: Code) -> Stage {
    let stage = stage(Role::Organiser).await;
    stage.services.streams::<ExportRegistrantsRequest, _>(EXPORT, &[part(&["r1", "r2"]), part(&["r3"])], end);
    stage
}

/// From now on messages are answered but for those of this registration, which end so, for so many tries.
fn failing(stage: &Stage, of: &'static str, code: Code, tries: u32) {
    let tried = Arc::new(AtomicU32::new(0));
    stage.services.on(MESSAGES, move |asked: ListMessagesOfRegistrationsRequest| {
        if asked.registration_ids.iter().any(|id| id == of) && tried.fetch_add(1, Ordering::SeqCst) < tries {
            return Err(Status::new(code, ""));
        }
        let message = |registration_id: &String| Message {
            registration_id: registration_id.clone(),
            kind: MessageKind::Confirmation.into(),
            state: MessageState::Delivered.into(),
            ..Message::default()
        };
        let messages = asked.registration_ids.iter().map(message).collect();
        Ok(ListMessagesOfRegistrationsResponse { messages })
    });
}

#[tokio::test]
async fn item_30_an_export_holds_what_the_list_shows_over_all_pages() {
    let stage = stage(Role::Organiser).await;
    let part = |ids: &[&str]| ExportRegistrantsResponse {
        registrations: ids.iter().map(|id| registration(id, "=Anna, \"A\"")).collect(),
        matching: 3,
    };
    stage.services.streams::<ExportRegistrantsRequest, _>(EXPORT, &[part(&["r1", "r2"]), part(&["r3"])], Code::Ok);
    let form = [("format", "csv"), ("q", "anna"), ("sort", "name"), ("answers", "yes"), ("reason", "for the caterer")];
    let file = stage.post(&format!("{PAGE}/export"), &form).await;
    assert_eq!((file.status, file.header("x-export-rows")), (200, Some("3")));
    assert!(file.header("content-disposition").unwrap().starts_with("attachment; filename=\"registrants-night-"));
    let lines: Vec<&str> = file.body.split_terminator("\r\n").collect();
    assert_eq!(lines.len(), 4);
    assert!(lines[0].starts_with("\u{feff}\"Name\",\"E-mail\",\"Phone\",\"State\","), "{}", lines[0]);
    // What an older version of the form asked under the same key has a column of its own, and none of these answers.
    assert!(
        lines[0].ends_with("\"What to eat?\",\"Eats? (no longer asked; last in version 1 of the form)\""),
        "{}",
        lines[0]
    );
    assert!(lines[1].ends_with(",\"soup\",\"\""), "{}", lines[1]);
    assert!(
        lines[1]
            .starts_with("\"'=Anna, \"\"A\"\"\",\"r1@example.org\",\"'+358401234567\",\"Registered\",\"Confirmed\",")
    );
    assert!(lines[1].contains("2026-11-18T13:16:40+02:00") || lines[1].contains("2026-11-18T13:06:40+02:00"));
    assert!(lines[1].contains("Bounced (the receiving server refused it for good)"), "{}", lines[1]);
    let asked: ExportRegistrantsRequest = stage.services.asked(EXPORT).remove(0);
    assert_eq!(asked.act.clone().unwrap().reason, "for the caterer");
    assert_eq!((asked.order(), asked.filter.unwrap().search.as_str()), (RegistrantOrder::Name, "anna"));
}

#[tokio::test]
async fn a_part_that_does_not_come_at_once_is_asked_for_again_and_no_cell_is_unknown() {
    let stage = exporting(Code::Ok).await;
    failing(&stage, "r3", Code::DeadlineExceeded, 2);
    let file = stage.post(&format!("{PAGE}/export"), &FORM).await;
    let read: serde_json::Value = serde_json::from_str(&file.body).unwrap();
    let rows = read["rows"].as_array().unwrap();
    assert_eq!((rows.len(), read["complete"].as_bool()), (3, Some(true)));
    assert!(rows.iter().all(|row| row["confirmation"] == "Delivered"), "{read}");
    let asked: Vec<ListMessagesOfRegistrationsRequest> = stage.services.asked(MESSAGES);
    assert_eq!(asked.len(), 4, "the first part once, the second three times");
}

#[tokio::test]
async fn messages_are_asked_for_a_few_registrations_at_a_time() {
    let stage = stage(Role::Organiser).await;
    let registrations = (0..250).map(|n| registration(&format!("r{n}"), "Anna")).collect();
    let part = ExportRegistrantsResponse { registrations, matching: 250 };
    stage.services.streams::<ExportRegistrantsRequest, _>(EXPORT, &[part], Code::Ok);
    let file = stage.post(&format!("{PAGE}/export"), &CSV).await;
    assert_eq!(file.body.matches("\"Bounced (").count(), 250);
    let asked: Vec<ListMessagesOfRegistrationsRequest> = stage.services.asked(MESSAGES);
    assert_eq!(asked.iter().map(|asked| asked.registration_ids.len()).collect::<Vec<_>>(), [100, 100, 50]);
}

#[tokio::test]
async fn an_export_that_breaks_off_is_cut_and_its_file_does_not_look_whole() {
    let stage = exporting(Code::Ok).await;
    failing(&stage, "r3", Code::Internal, u32::MAX);
    let path = format!("{PAGE}/export");
    assert_eq!(stage.whole(&path, &CSV).await, None, "the browser is told");
    assert_eq!(stage.whole(&path, &FORM).await, None);
    // And for whom a cut is an end.
    let csv = stage.post(&path, &CSV).await;
    assert_eq!((csv.status, csv.header("content-length")), (200, None));
    let last = csv.body.split_terminator("\r\n").last().unwrap();
    assert_eq!(last, "\"NOT COMPLETE: this download broke off after 2 of 3 rows. Download it again.\"");
    let json = stage.post(&path, &FORM).await;
    json.lacks("\"complete\":true");
    assert!(serde_json::from_str::<serde_json::Value>(&json.body).is_err());
    failing(&stage, "r3", Code::Internal, 0);
    assert!(
        stage.whole(&path, &CSV).await.is_some_and(|file| file.ends_with("\"\r\n") && !file.contains("NOT COMPLETE"))
    );
}

#[tokio::test]
async fn registrants_that_stop_coming_cut_the_export_as_well() {
    let stage = exporting(Code::Unavailable).await;
    let path = format!("{PAGE}/export");
    assert_eq!(stage.whole(&path, &CSV).await, None);
    stage.post(&path, &CSV).await.holds("broke off after 3 of 3 rows");
    stage.post(&path, &FORM).await.lacks("\"complete\":true");
}

#[tokio::test]
async fn what_fails_before_the_first_row_is_a_page_and_no_file() {
    let path = format!("{PAGE}/export");
    let stage = exporting(Code::Ok).await;
    failing(&stage, "r1", Code::Internal, u32::MAX);
    let page = stage.post_with(&path, "sec-fetch-dest: document\r\n", &CSV).await;
    assert!(page.status >= 500 && page.header("content-disposition").is_none(), "{}", page.head);
    assert_eq!(stage.post_with(&path, "sec-fetch-dest: empty\r\n", &CSV).await.status, 503);
    // Columns are a part of it too: a file without the answers would look as if there were none.
    let stage = exporting(Code::Ok).await;
    stage.services.on("RegistrantService/ListQuestions", |_: ListQuestionsRequest| {
        Err::<ListQuestionsResponse, _>(Status::internal(""))
    });
    assert_eq!(stage.post(&path, &CSV).await.status, 200);
    let page = stage.post(&path, &[&CSV[..], &[("answers", "yes")]].concat()).await;
    assert!(page.status >= 500 && page.header("content-disposition").is_none(), "{}", page.head);
}

#[tokio::test]
async fn an_export_without_a_reason_is_refused_to_the_script_and_told_on_the_page() {
    let stage = stage(Role::Organiser).await;
    stage.services.on(EXPORT, |_: ExportRegistrantsRequest| {
        Err::<ExportRegistrantsResponse, _>(invalid("act.reason", "must have 3 to 500 characters"))
    });
    let path = format!("{PAGE}/export");
    let script = stage.post_with(&path, "sec-fetch-dest: empty\r\n", &[("format", "csv")]).await;
    assert_eq!(script.status, 422);
    let page = stage.post_with(&path, "sec-fetch-dest: document\r\n", &[("format", "csv"), ("q", "an")]).await;
    assert_eq!(page.header("location"), Some(format!("{PAGE}?q=an&did=reason").as_str()));
}
