//! From a figure of an event's messages to the people behind it, and on to each: what the services are asked for, and what the page says
//! when they have nobody, not all, or no answer.

use tonic::Status;
use tonic_types::{ErrorDetails, StatusExt as _};
use turnout_platform::auth::Role;
use turnout_proto::{
    notifications::v1::{
        GetMessageFiguresRequest, GetMessageFiguresResponse, GetRemindersRequest, GetRemindersResponse,
        ListMessagesOfEventRequest, ListMessagesOfEventResponse, Message, MessageFigure, MessageKind, MessageState,
        Reminders,
    },
    registration::v1::{GetRegistrationRequest, GetRegistrationResponse, Registration},
};

use crate::stage::{Stage, at};

const MESSAGES: &str = "/console/events/night/messages";
const LIST: &str = "NotificationService/ListMessagesOfEvent";
const BOUNCED: &str = "/console/events/night/messages/to?kind=confirmation&state=bounced&reason=hard_bounce";

fn bounced(registration: &str) -> Message {
    Message {
        message_id: format!("m-{registration}"),
        event_id: "night".into(),
        registration_id: registration.into(),
        kind: MessageKind::Confirmation.into(),
        state: MessageState::Bounced.into(),
        reason: "hard_bounce".into(),
        state_at: Some(at(1_795_000_000)),
        attempts: 1,
        ..Message::default()
    }
}

fn answer(registrations: &[&str], next: &str) -> ListMessagesOfEventResponse {
    let messages = registrations.iter().map(|id| bounced(id)).collect();
    ListMessagesOfEventResponse { messages, next_page_token: next.into() }
}

fn asked(stage: &Stage) -> Vec<ListMessagesOfEventRequest> {
    stage.services.asked(LIST)
}

/// Two confirmations that came back, on two pages, and reminders of which two were sent again.
async fn stage(role: Role) -> Stage {
    let stage = Stage::with(role).await;
    let figure = |kind: MessageKind, occurrence: &str, state: MessageState, reason: &str, messages| MessageFigure {
        kind: kind.into(),
        occurrence: occurrence.into(),
        state: state.into(),
        reason: reason.into(),
        messages,
    };
    stage.services.on("NotificationService/GetMessageFigures", move |_: GetMessageFiguresRequest| {
        let figures = vec![
            figure(MessageKind::Confirmation, "v1", MessageState::Bounced, "hard_bounce", 1),
            figure(MessageKind::Confirmation, "v4", MessageState::Bounced, "hard_bounce", 1),
            figure(MessageKind::Reminder, "again-1", MessageState::HandedOff, "", 1),
            figure(MessageKind::Reminder, "again-2", MessageState::HandedOff, "", 1),
        ];
        Ok(GetMessageFiguresResponse { figures })
    });
    stage.services.on("NotificationService/GetReminders", |_: GetRemindersRequest| {
        Ok(GetRemindersResponse { reminders: Some(Reminders::default()) })
    });
    stage.services.on(LIST, |asked: ListMessagesOfEventRequest| {
        Ok(if asked.page_token.is_empty() { answer(&["r1"], "more") } else { answer(&["gone"], "") })
    });
    stage.services.on("RegistrantService/GetRegistration", |asked: GetRegistrationRequest| {
        if asked.registration_id == "gone" {
            return Err(Status::not_found(""));
        }
        let registration = Registration {
            event_id: asked.event_id,
            registration_id: asked.registration_id,
            name: "Anna Andersson".into(),
            email: "anna@example.org".into(),
            ..Registration::default()
        };
        Ok(GetRegistrationResponse { registration: Some(registration) })
    });
    stage
}

/// The addresses of lists that a page leads to.
fn lists(body: &str) -> Vec<String> {
    let links = body.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    links.filter(|link| link.contains("/messages/to?")).map(|link| link.replace("&#38;", "&")).collect()
}

#[tokio::test]
async fn a_figure_leads_to_its_people_and_from_there_to_where_each_is_helped() {
    let stage = stage(Role::Support).await;
    let figures = stage.get(MESSAGES).await;
    let reminders = format!("{MESSAGES}/to?kind=reminder&occurrence=again-&state=handed_off&reason=");
    // The versions of a confirmation are one figure, and so is all that was sent again.
    assert_eq!(lists(&figures.body), [BOUNCED.to_owned(), reminders]);
    let page = stage.get(BOUNCED).await;
    assert_eq!(page.status, 200);
    page.holds("href=\"/console/events/night/registrants/r1\"").holds("Anna Andersson").holds("anna@example.org");
    page.holds("the address does not exist").holds("href=\"/console/events/night/registrants/gone\"");
    page.holds("2 on this page").lacks("there may be more").lacks("Show more");
    let asked = asked(&stage);
    assert_eq!((asked[0].event_id.as_str(), asked[0].kind()), ("night", MessageKind::Confirmation));
    assert_eq!((asked[0].occurrence.as_deref(), asked[0].reason.as_deref()), (None, Some("hard_bounce")));
    assert_eq!(asked[0].states, [MessageState::Bounced as i32]);
}

#[tokio::test]
async fn a_full_page_leads_to_the_next_and_each_call_asks_for_what_is_still_missing() {
    let stage = stage(Role::Support).await;
    stage.services.on(LIST, |asked: ListMessagesOfEventRequest| {
        let (rows, next) = if asked.page_token.is_empty() { (20, "second") } else { (asked.page_size, "third") };
        let ids: Vec<String> = (0..rows).map(|n| format!("{}{n}", asked.page_token)).collect();
        Ok(answer(&ids.iter().map(String::as_str).collect::<Vec<_>>(), next))
    });
    let page = stage.get(BOUNCED).await;
    page.holds("50 on this page; there may be more").lacks("First page");
    assert_eq!(lists(&page.body), [format!("{BOUNCED}&after=third")]);
    let asked_for: Vec<_> = asked(&stage).iter().map(|asked| (asked.page_size, asked.page_token.clone())).collect();
    assert_eq!(asked_for, [(50, String::new()), (30, "second".to_owned())]);
    stage.get(&format!("{BOUNCED}&after=third")).await.holds("First page");
    assert_eq!(asked(&stage)[2].page_token, "third");
}

#[tokio::test]
async fn a_page_without_people_says_whether_that_is_all() {
    let stage = stage(Role::Support).await;
    stage.services.on(LIST, |_: ListMessagesOfEventRequest| Ok(answer(&[], "on")));
    let page = stage.get(BOUNCED).await;
    page.holds("Nobody was found so far").lacks("<table");
    assert_eq!(lists(&page.body), [format!("{BOUNCED}&after=on")]);
    assert_eq!(asked(&stage).len(), 10, "a page makes so many calls and no more");
    stage.services.on(LIST, |_: ListMessagesOfEventRequest| Ok(answer(&[], "")));
    stage.get(BOUNCED).await.holds("Nobody is here now");
    stage.get(&format!("{BOUNCED}&after=on")).await.holds("There is nobody else").holds("First page");
}

#[tokio::test]
async fn a_list_that_cannot_be_read_says_so_and_one_with_an_old_token_begins_anew() {
    let stage = stage(Role::Support).await;
    stage.services.on("RegistrantService/GetRegistration", |_: GetRegistrationRequest| {
        Err::<GetRegistrationResponse, _>(Status::unavailable(""))
    });
    stage.get(BOUNCED).await.holds("The list cannot be shown right now").holds("Try again").lacks("<table");
    stage.services.on(LIST, |asked: ListMessagesOfEventRequest| {
        if asked.page_token.is_empty() {
            return Ok(answer(&[], ""));
        }
        let details = ErrorDetails::with_bad_request_violation("page_token", "must be the next_page_token");
        Err(Status::with_error_details(tonic::Code::InvalidArgument, "invalid", details))
    });
    let page = stage.get(&format!("{BOUNCED}&after=old")).await;
    page.holds("Nobody is here now").lacks("First page");
    stage
        .services
        .on(LIST, |_: ListMessagesOfEventRequest| Err::<ListMessagesOfEventResponse, _>(Status::unavailable("")));
    let page = stage.get(&format!("{BOUNCED}&after=old")).await;
    page.holds("The list cannot be shown right now");
    assert_eq!(lists(&page.body)[0], format!("{BOUNCED}&after=old"), "one tries the same page again");
}

#[tokio::test]
async fn what_is_no_kind_of_a_registration_has_no_list() {
    let stage = stage(Role::Owner).await;
    for query in ["", "?kind=", "?kind=sign-in-link&state=failed", "?kind=notice"] {
        assert_eq!(stage.get(&format!("{MESSAGES}/to{query}")).await.status, 404, "{query}");
    }
    assert!(asked(&stage).is_empty());
}

#[tokio::test]
async fn item_35_who_sees_no_names_sees_the_figures_and_no_way_to_the_people() {
    let stage = stage(Role::Analyst).await;
    let page = stage.get(MESSAGES).await;
    page.holds("the address does not exist");
    assert!(lists(&page.body).is_empty(), "{:?}", lists(&page.body));
    let refused = stage.get(BOUNCED).await;
    assert_eq!(refused.status, 403);
    refused.holds("Your role does not open this page");
    assert!(asked(&stage).is_empty(), "the service is not asked");
}
