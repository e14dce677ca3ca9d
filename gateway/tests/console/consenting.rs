//! Whom of the audience one may write to: what is asked for, what goes into the file, and what is said when nobody may be named.

use std::sync::{Arc, Mutex};

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};
use turnout_platform::auth::Role;
use turnout_proto::profiles::v1::{
    ExportConsentingRequest, ExportConsentingResponse, ExportPeopleRequest, ListConsentingRequest,
    ListConsentingResponse, ListPeopleRequest, Person,
};

use crate::stage::Stage;

const LIST: &str = "PeopleService/ListConsenting";
const EXPORT: &str = "PeopleService/ExportConsenting";
const ADVICE: &str =
    "marketing is stopped because 3 of the 3 mails were marked as spam; leave out who does not expect you";

fn person(id: &str) -> Person {
    Person {
        person_id: id.into(),
        email: format!("{id}@example.org"),
        name: format!("Name of {id}"),
        phone: "+358401234567".into(),
        language: "fi".into(),
        ..Person::default()
    }
}

/// With two pages of people, and before them one on which everybody has withdrawn.
async fn stage(role: Role) -> Stage {
    let stage = Stage::with(role).await;
    stage.services.on(LIST, |asked: ListConsentingRequest| {
        let (people, next) = match asked.page_token.as_str() {
            "" => (vec![], "first"),
            "first" => (vec![person("p1")], "second"),
            _ => (vec![person("p2")], ""),
        };
        Ok(ListConsentingResponse { people, next_page_token: next.into() })
    });
    let parts = [vec![person("p1")], vec![person("p2")]].map(|people| ExportConsentingResponse { people, matching: 2 });
    stage.services.streams::<ExportConsentingRequest, _>(EXPORT, &parts, Code::Ok);
    stage
}

#[tokio::test]
async fn item_45_and_49_the_filter_asks_for_one_purpose_and_channel_and_for_nobody_else() {
    let stage = stage(Role::Organiser).await;
    let page = stage.get("/console/audience?purpose=marketing&channel=email&q=anna&sort=name").await;
    assert_eq!(page.status, 200);
    page.holds("p1@example.org").holds("Suomi").holds("about “marketing”, by e-mail");
    page.holds("1 on this page; there is more");
    page.lacks("+358401234567").lacks("id=\"sort-name\"").lacks("This list is not one for marketing");
    let asked: Vec<ListConsentingRequest> = stage.services.asked(LIST);
    let asked: Vec<_> = asked.iter().map(|a| (a.purpose.as_str(), a.channel.as_str(), a.page_token.as_str())).collect();
    assert_eq!(asked, [("marketing", "email", ""), ("marketing", "email", "first")], "a page of nobody is passed over");
    let next = stage.get("/console/audience/rows?purpose=marketing&channel=email&page=second&back=~").await;
    next.holds("p2@example.org").holds("1 on this page").lacks("there is more").lacks("from=");
    next.holds("id=\"page-previous\"").holds("First page");
    assert!(stage.services.asked::<ListPeopleRequest>("PeopleService/ListPeople").is_empty());
}

#[tokio::test]
async fn a_page_on_which_everybody_has_withdrawn_says_so_and_whether_there_is_more() {
    let stage = stage(Role::Organiser).await;
    stage.services.on(LIST, |asked: ListConsentingRequest| {
        let next = if asked.page_token == "last" { "" } else { "another" };
        Ok(ListConsentingResponse { people: Vec::new(), next_page_token: next.into() })
    });
    let list = "/console/audience?purpose=marketing&channel=email";
    stage.get(list).await.holds("Nobody on this page; there is more").holds("id=\"page-next\"");
    let last = stage.get(&format!("{list}&page=last&back=~")).await;
    last.holds("Nobody on this page<").holds("id=\"page-previous\"").lacks("Nobody has agreed to this");
}

#[tokio::test]
async fn item_45_and_49_the_file_holds_who_agreed_with_what_is_needed_to_write_to_them() {
    let stage = stage(Role::Organiser).await;
    let form = |channel, format| {
        [("purpose", "marketing"), ("channel", channel), ("format", format), ("reason", "the next festival")]
    };
    let file = stage.post("/console/audience/export", &form("email", "json")).await;
    let read: serde_json::Value = serde_json::from_str(&file.body).unwrap();
    let row = |id: &str| serde_json::json!({ "name": format!("Name of {id}"), "email": format!("{id}@example.org"), "language": "fi" });
    assert_eq!(read["rows"], serde_json::json!([row("p1"), row("p2")]));
    assert_eq!(file.header("x-export-rows"), Some("2"));
    assert!(file.header("content-disposition").unwrap().contains("audience-marketing-email-"), "{}", file.head);
    let asked: ExportConsentingRequest = stage.services.asked(EXPORT).remove(0);
    assert_eq!(
        (asked.purpose.as_str(), asked.channel.as_str(), asked.reason.as_str()),
        ("marketing", "email", "the next festival")
    );
    let file = stage.post("/console/audience/export", &form("sms", "csv")).await;
    file.holds("\"Name\",\"Phone\",\"Language\"").holds("\"Name of p1\",\"'+358401234567\",\"fi\"");
    file.lacks("@example.org");
    assert!(stage.services.asked::<ExportPeopleRequest>("PeopleService/ExportPeople").is_empty());
}

#[tokio::test]
async fn item_45_while_marketing_is_stopped_the_page_says_so_and_what_to_do_and_no_file_is_made() {
    let stage = stage(Role::Owner).await;
    let refused = || Status::failed_precondition(ADVICE);
    stage.services.on(LIST, move |_: ListConsentingRequest| Err::<ListConsentingResponse, _>(refused()));
    stage.services.on(EXPORT, move |_: ExportConsentingRequest| Err::<ExportConsentingResponse, _>(refused()));
    let list = "/console/audience?purpose=marketing&channel=email";
    let page = stage.get(list).await;
    assert_eq!(page.status, 200);
    page.holds("Nobody may be written to about this just now").holds("Marketing is stopped because 3 of the 3 mails");
    page.holds("Open the settings").lacks("data-export").lacks("The list cannot be shown right now");
    // It came between the page and the file: back to the page, which says it.
    let form = [("purpose", "marketing"), ("channel", "email"), ("reason", "the next festival")];
    let answer = stage.post("/console/audience/export", &form).await;
    assert_eq!((answer.status, answer.header("location")), (303, Some(list)));
}

#[tokio::test]
async fn a_purpose_that_can_be_none_and_services_that_are_away_are_told_apart() {
    let stage = stage(Role::Owner).await;
    let mut details = ErrorDetails::new();
    details.add_bad_request_violation("purpose", "must be 1 to 64 letters");
    let wrong = Status::with_error_details(Code::InvalidArgument, "invalid", details);
    let said = Arc::new(Mutex::new(wrong));
    let says = said.clone();
    stage
        .services
        .on(LIST, move |_: ListConsentingRequest| Err::<ListConsentingResponse, _>(says.lock().unwrap().clone()));
    let page = stage.get("/console/audience?purpose=all+of+it").await;
    page.holds("There is no such purpose or channel").holds("Must be 1 to 64 letters.").holds("value=\"all of it\"");
    page.lacks("Open the settings");
    *said.lock().unwrap() = Status::unavailable("away");
    stage.get("/console/audience?purpose=marketing").await.holds("The list cannot be shown right now");
    *said.lock().unwrap() = Status::permission_denied("");
    assert_eq!(stage.get("/console/audience?purpose=marketing").await.status, 403);
}

#[tokio::test]
async fn item_47_the_list_of_everybody_says_that_it_is_not_one_for_marketing() {
    let stage = stage(Role::Organiser).await;
    stage.services.on("PeopleService/ListPeople", |_: ListPeopleRequest| {
        Ok(turnout_proto::profiles::v1::ListPeopleResponse { people: vec![person("p1")], ..Default::default() })
    });
    stage.get("/console/audience").await.holds("This list is not one for marketing").holds("Who may be written to");
}
