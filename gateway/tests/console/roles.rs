//! What a role that may not see a part of a page is told of it: that it is not for this role, and nobody is asked for it.

use turnout_platform::auth::Role;
use turnout_proto::{
    notifications::v1::ListMessagesOfRegistrationsRequest,
    registration::v1::{
        GetFormRequest, GetRegistrationRequest, GetRegistrationResponse, ListRegistrantsRequest,
        ListRegistrantsResponse, Registration,
    },
};

use crate::stage::Stage;

const MESSAGES: &str = "NotificationService/ListMessagesOfRegistrations";
const HIDDEN: &str = "Your role does not see what became of mails.";
const AWAY: &str = "Unknown: messages do not answer";

fn registration() -> Registration {
    Registration {
        event_id: "night".into(),
        registration_id: "r1".into(),
        person_id: "p1".into(),
        ..Registration::default()
    }
}

async fn stage(role: Role) -> Stage {
    let stage = Stage::with(role).await;
    stage.services.on("RegistrantService/ListRegistrants", |_: ListRegistrantsRequest| {
        let registrations = vec![registration()];
        Ok(ListRegistrantsResponse { registrations, matching: 1, total: 1, ..ListRegistrantsResponse::default() })
    });
    stage.services.on("RegistrantService/GetRegistration", |_: GetRegistrationRequest| {
        Ok(GetRegistrationResponse { registration: Some(registration()) })
    });
    stage
}

#[tokio::test]
async fn item_35_a_moderator_is_told_that_mails_are_not_for_this_role_and_nobody_is_asked_for_them() {
    let stage = stage(Role::Moderator).await;
    for path in ["/console/events/night/registrants", "/console/events/night/registrants/r1"] {
        let page = stage.get(path).await;
        assert_eq!(page.status, 200, "{path}");
        page.holds(HIDDEN).lacks(AWAY).lacks("Confirmation mail").lacks("href=\"/console/audience");
    }
    assert!(stage.services.asked::<ListMessagesOfRegistrationsRequest>(MESSAGES).is_empty());
    assert!(stage.services.asked::<GetFormRequest>("RegistrantService/GetForm").is_empty());
}

#[tokio::test]
async fn messages_that_do_not_answer_are_said_to_be_unknown_to_whoever_may_see_them() {
    let stage = stage(Role::Analyst).await;
    for path in ["/console/events/night/registrants", "/console/events/night/registrants/r1"] {
        stage.get(path).await.holds(AWAY).lacks(HIDDEN).lacks("what to do");
    }
    assert_eq!(stage.services.asked::<ListMessagesOfRegistrationsRequest>(MESSAGES).len(), 2);
}

#[tokio::test]
async fn item_35_a_moderator_opens_no_page_about_how_an_event_is_set_up() {
    let stage = stage(Role::Moderator).await;
    for part in ["form", "messages", "messages/confirmation", "figures", "settings"] {
        let path = format!("/console/events/night/{part}");
        let page = stage.get(&path).await;
        assert_eq!(page.status, 403, "{path}");
        page.holds("Your role does not open this page");
    }
}
