//! The registrants of an event: the list, acts, the stream.

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};
use turnout_platform::auth::Role;
use turnout_proto::{
    common::v1::LocalizedText,
    notifications::v1::{
        ListMessagesOfRegistrationsRequest, ListMessagesOfRegistrationsResponse, Message, MessageKind, MessageState,
        ResendMessageRequest, ResendMessageResponse,
    },
    presence::v1::{Count, WatchCountsRequest, WatchCountsResponse},
    registration::v1::{
        CancelRegistrationRequest, CancelRegistrationResponse, CheckInOutcome, CheckInRequest, CheckInResponse, Event,
        FieldType, Form, FormField, FormQuestion, GetEventRequest, GetEventResponse, GetFormRequest, GetFormResponse,
        GetRegistrationRequest, GetRegistrationResponse, GetStatisticsRequest, GetStatisticsResponse,
        ListQuestionsRequest, ListQuestionsResponse, ListRegistrantsRequest, ListRegistrantsResponse, PaymentState,
        RegisterRequest, RegisterResponse, RegistrantOrder, Registration, RegistrationState, RsvpState,
        SetPaymentRequest, SetPaymentResponse, Statistics, UpdateRegistrationRequest, UpdateRegistrationResponse,
        WatchStatisticsRequest, WatchStatisticsResponse,
    },
};

use crate::stage::{Stage, at};

const LIST: &str = "RegistrantService/ListRegistrants";
pub(crate) const PAGE: &str = "/console/events/night/registrants";

pub(crate) fn registration(id: &str, name: &str) -> Registration {
    Registration {
        event_id: "night".into(),
        registration_id: id.into(),
        person_id: "p1".into(),
        state: RegistrationState::Registered.into(),
        rsvp: RsvpState::Confirmed.into(),
        payment: PaymentState::Paid.into(),
        registered_at: Some(at(1_795_000_000)),
        first_entered_at: Some(at(1_795_000_600)),
        name: name.into(),
        email: format!("{id}@example.org"),
        phone: "+358401234567".into(),
        answers: [("meal".to_owned(), "soup".to_owned())].into(),
        form_version: 4,
        version: 3,
        ..Registration::default()
    }
}

pub(crate) fn invalid(field: &str, problem: &str) -> Status {
    let mut details = ErrorDetails::new();
    details.add_bad_request_violation(field, problem);
    Status::with_error_details(Code::InvalidArgument, "invalid", details)
}

pub(crate) async fn stage(role: Role) -> Stage {
    let stage = Stage::with(role).await;
    stage.services.on(LIST, |_: ListRegistrantsRequest| {
        Ok(ListRegistrantsResponse {
            registrations: vec![registration("r1", "Anna Andersson"), registration("r2", "")],
            next_page_token: "second".into(),
            matching: 120,
            total: 2_000,
        })
    });
    stage.services.on("RegistrantService/GetStatistics", |_: GetStatisticsRequest| {
        let statistics = Statistics { registrants: 1_500, logged_in: 871, ..Statistics::default() };
        Ok(GetStatisticsResponse { statistics: Some(statistics) })
    });
    stage.services.on(
        "NotificationService/ListMessagesOfRegistrations",
        |asked: ListMessagesOfRegistrationsRequest| {
            let message = |registration_id: &String| Message {
                registration_id: registration_id.clone(),
                kind: MessageKind::Confirmation.into(),
                state: MessageState::Bounced.into(),
                reason: "smtp_5xx".into(),
                ..Message::default()
            };
            let messages = asked.registration_ids.iter().map(message).collect();
            Ok(ListMessagesOfRegistrationsResponse { messages })
        },
    );
    stage.services.on("RegistrantService/GetForm", |_: GetFormRequest| {
        let label = LocalizedText { texts: [("en".to_owned(), "What to eat?".to_owned())].into() };
        let field = FormField {
            key: "meal".into(),
            r#type: FieldType::Text.into(),
            label: Some(label),
            ..FormField::default()
        };
        Ok(GetFormResponse { form: Some(Form { version: 4, fields: vec![field], ..Form::default() }) })
    });
    stage.services.on("RegistrantService/ListQuestions", |_: ListQuestionsRequest| {
        let question = |label: &str, form_version, removed| {
            let label = LocalizedText { texts: [("en".to_owned(), label.to_owned())].into() };
            let field = FormField { key: "meal".into(), label: Some(label), ..FormField::default() };
            FormQuestion { field: Some(field), form_versions: vec![form_version], removed }
        };
        Ok(ListQuestionsResponse { questions: vec![question("What to eat?", 4, false), question("Eats?", 1, true)] })
    });
    stage.services.on("RegistrantService/GetRegistration", |asked: GetRegistrationRequest| {
        match asked.registration_id.as_str() {
            "r1" => Ok(GetRegistrationResponse { registration: Some(registration("r1", "Anna Andersson")) }),
            _ => Err(Status::not_found("no such registration")),
        }
    });
    stage
}

#[tokio::test]
async fn item_5_to_10_the_list_shows_the_columns_and_asks_for_what_the_address_says() {
    let stage = stage(Role::Owner).await;
    let page = stage.get(&format!("{PAGE}?q=anna&paid=paid&entered=yes&sort=name&dir=up")).await;
    assert_eq!(page.status, 200);
    page.holds("Anna Andersson").holds("r2@example.org").holds("Bounced").holds("1,500").holds("871");
    page.holds("18 Nov 2026, 13:16").holds("Paid").holds("1 to 2 of 120, out of 2,000 in all");
    page.holds("page=second");
    let asked: ListRegistrantsRequest = stage.services.asked(LIST).remove(0);
    let filter = asked.filter.clone().unwrap();
    assert_eq!((filter.search.as_str(), filter.entered, filter.payments), ("anna", Some(true), vec![3]));
    assert_eq!((asked.order(), asked.descending, asked.page_size), (RegistrantOrder::Name, false, 50));
    stage.get(&format!("{PAGE}?rows=500")).await.holds("<option value=\"500\" selected>").holds("rows=500");
    let asked: ListRegistrantsRequest = stage.services.asked(LIST).pop().unwrap();
    assert_eq!(asked.page_size, 500, "as many as one bulk act may name");
}

#[tokio::test]
async fn without_a_session_every_page_leads_to_the_sign_in() {
    let stage = stage(Role::Owner).await;
    let pages =
        [PAGE, "/console/events/night/registrants/r1", "/console/audience", "/console/check-in/night", "/console/help"];
    for path in pages {
        let answer = stage.get_signed_out(path).await;
        assert_eq!((answer.status, answer.header("location")), (303, Some("/console/sign-in")), "{path}");
    }
    assert!(stage.services.asked::<ListRegistrantsRequest>(LIST).is_empty());
}

#[tokio::test]
async fn an_act_that_another_site_sends_is_refused() {
    let stage = stage(Role::Owner).await;
    let evil = "origin: https://evil.example\r\n";
    for path in [
        format!("{PAGE}/bulk"),
        format!("{PAGE}/r1/cancel"),
        format!("{PAGE}/export"),
        "/console/check-in/night".into(),
    ] {
        let answer = stage.post_with(&path, evil, &[("id", "r1"), ("action", "cancel"), ("reason", "because")]).await;
        assert_eq!(answer.status, 403, "{path}");
    }
    assert!(stage.services.asked::<CancelRegistrationRequest>("RegistrantService/CancelRegistration").is_empty());
}

#[tokio::test]
async fn a_page_token_of_another_list_begins_the_list_anew() {
    let stage = stage(Role::Owner).await;
    stage.services.on(LIST, |asked: ListRegistrantsRequest| match asked.page_token.as_str() {
        "" => Ok(ListRegistrantsResponse::default()),
        _ => Err(Status::invalid_argument("page_token")),
    });
    let part = stage.get(&format!("{PAGE}/rows?page=old&from=50&back=~")).await;
    assert_eq!(part.status, 200);
    part.holds("Nobody has registered yet");
    assert_eq!(part.header("hx-replace-url"), Some(PAGE));
}

#[tokio::test]
async fn while_a_service_is_down_the_page_says_so_and_a_part_leaves_what_is_shown() {
    let stage = stage(Role::Owner).await;
    stage.services.on(LIST, |_: ListRegistrantsRequest| Err::<ListRegistrantsResponse, _>(Status::unavailable("")));
    let page = stage.get(PAGE).await;
    assert_eq!(page.status, 200);
    page.holds("The list cannot be shown right now").holds("1,500");
    assert_eq!(stage.get(&format!("{PAGE}/rows")).await.status, 204);
    assert_eq!(stage.get("/console/events/other/registrants").await.status, 404);
}

#[tokio::test]
async fn a_list_is_shown_without_its_messages_when_they_do_not_answer() {
    let stage = stage(Role::Owner).await;
    stage.services.on("NotificationService/ListMessagesOfRegistrations", |_: ListMessagesOfRegistrationsRequest| {
        Err::<ListMessagesOfRegistrationsResponse, _>(Status::unavailable(""))
    });
    stage.get(PAGE).await.holds("Anna Andersson").holds("Unknown: messages do not answer");
}

#[tokio::test]
async fn a_bulk_act_goes_on_when_one_is_refused_and_says_how_many_worked() {
    let stage = stage(Role::Support).await;
    stage.services.on("RegistrantService/CancelRegistration", |asked: CancelRegistrationRequest| {
        match asked.registration_id.as_str() {
            "r2" => Err(Status::failed_precondition("cancelled before")),
            _ => Ok(CancelRegistrationResponse::default()),
        }
    });
    let form = [
        ("id", "r1"),
        ("id", "r2"),
        ("id", "r3"),
        ("action", "cancel"),
        ("reason", "rain"),
        ("query", "?q=an&paid=paid"),
    ];
    let answer = stage.post(&format!("{PAGE}/bulk"), &form).await;
    let back = answer.header("location").unwrap();
    assert_eq!((answer.status, back), (303, format!("{PAGE}?q=an&paid=paid&did=cancel&n=2&of=3").as_str()));
    let asked: Vec<CancelRegistrationRequest> = stage.services.asked("RegistrantService/CancelRegistration");
    assert!(asked.len() == 3 && asked.iter().all(|asked| asked.act.as_ref().unwrap().reason == "rain"));
    stage.get(back).await.holds("Cancelled: 2 of 3. 1 could not be done; they are unchanged.");
}

#[tokio::test]
async fn a_bulk_act_of_which_a_part_was_done_never_says_that_nothing_was() {
    let stage = stage(Role::Support).await;
    stage.services.on("RegistrantService/CancelRegistration", |asked: CancelRegistrationRequest| {
        match asked.registration_id.as_str() {
            "r2" => Err(invalid("registration_id", "is none")),
            "r3" => Err(invalid("act.reason", "must have 3 to 500 characters")),
            _ => Ok(CancelRegistrationResponse::default()),
        }
    });
    let cancel = [("action", "cancel"), ("reason", "rain"), ("query", "")];
    let bulk = async |ids: &[&'static str]| {
        let ids = ids.iter().map(|id| ("id", *id));
        let answer = stage.post(&format!("{PAGE}/bulk"), &ids.chain(cancel).collect::<Vec<_>>()).await;
        answer.header("location").unwrap().to_owned()
    };
    assert_eq!(bulk(&["r1", "r2", "r3"]).await, format!("{PAGE}?did=cancel&n=1&of=3"));
    assert_eq!(bulk(&["r2"]).await, format!("{PAGE}?did=cancel&n=0&of=1"), "what is wrong is not the reason");
    assert_eq!(bulk(&["r3"]).await, format!("{PAGE}?did=reason"));
}

#[tokio::test]
async fn who_is_checked_in_from_the_list_needs_no_reason_and_one_that_is_given_is_an_act() {
    let stage = stage(Role::Support).await;
    stage.services.on("RegistrantService/CheckIn", |_: CheckInRequest| {
        Ok(CheckInResponse { outcome: CheckInOutcome::Admitted.into(), registration: None })
    });
    let page = stage.get(PAGE).await;
    let button = page.body.find("id=\"bulk-check-in\"").unwrap();
    assert!(button < page.body.find("id=\"reason-bulk\"").unwrap(), "it stands before what asks for a reason");
    assert!(page.body[button..].split_once('>').unwrap().0.contains("formnovalidate"));
    let answer = stage.post(&format!("{PAGE}/bulk"), &[("id", "r1"), ("action", "check-in"), ("reason", "")]).await;
    assert_eq!(answer.header("location"), Some(format!("{PAGE}?did=check-in&n=1&of=1").as_str()));
    let form = [("id", "r1"), ("action", "check-in"), ("reason", "forgot the ticket")];
    stage.post(&format!("{PAGE}/bulk"), &form).await;
    let asked: Vec<CheckInRequest> = stage.services.asked("RegistrantService/CheckIn");
    let reasons: Vec<Option<String>> = asked.into_iter().map(|asked| asked.act.map(|act| act.reason)).collect();
    assert_eq!(reasons, [None, Some("forgot the ticket".to_owned())]);
}

#[tokio::test]
async fn a_bulk_act_on_nobody_and_one_without_a_reason_say_what_is_missing() {
    let stage = stage(Role::Support).await;
    stage.services.on("NotificationService/ResendMessage", |_: ResendMessageRequest| {
        Err::<ResendMessageResponse, _>(invalid("reason", "must have 3 to 500 characters"))
    });
    let nobody = stage.post(&format!("{PAGE}/bulk"), &[("action", "cancel"), ("query", "https://evil.example/")]).await;
    assert_eq!(nobody.header("location"), Some(format!("{PAGE}?did=none").as_str()));
    let form = [("id", "r1"), ("action", "reminder"), ("reason", "x"), ("query", "")];
    let answer = stage.post(&format!("{PAGE}/bulk"), &form).await;
    stage.get(answer.header("location").unwrap()).await.holds("Give a reason of 3 to 500 characters.");
}

#[tokio::test]
async fn changing_details_names_just_what_the_form_has_and_shows_what_was_wrong() {
    let stage = stage(Role::Support).await;
    let method = "RegistrantService/UpdateRegistration";
    stage.services.on(method, |_: UpdateRegistrationRequest| Ok(UpdateRegistrationResponse::default()));
    let form =
        [("name", "Anna A"), ("phone", "+358 40"), ("answers.meal", "cake"), ("version", "3"), ("reason", "typo")];
    let answer = stage.post(&format!("{PAGE}/r1/edit"), &form).await;
    assert_eq!(answer.header("location"), Some(format!("{PAGE}/r1?did=edit").as_str()));
    let asked: UpdateRegistrationRequest = stage.services.asked(method).remove(0);
    let changed = asked.registration.unwrap();
    assert_eq!(asked.update_mask.unwrap().paths, ["name", "phone", "answers"]);
    assert_eq!((changed.answers["meal"].as_str(), asked.expected_version), ("cake", 3));
    stage.services.on(method, |_: UpdateRegistrationRequest| {
        Err::<UpdateRegistrationResponse, _>(invalid("answers.meal", "is too long"))
    });
    let page = stage.post(&format!("{PAGE}/r1/edit"), &form).await;
    assert_eq!(page.status, 422);
    page.holds("Is too long.").holds("aria-describedby=\"in-answers.meal-error\"");
    stage
        .services
        .on(method, |_: UpdateRegistrationRequest| Err::<UpdateRegistrationResponse, _>(Status::aborted("changed")));
    let page = stage.post(&format!("{PAGE}/r1/edit"), &form).await;
    assert_eq!(page.status, 409);
    page.holds("Somebody else changed this meanwhile.");
}

#[tokio::test]
async fn an_amount_goes_with_what_was_paid_and_with_what_was_given_back_and_stays_in_the_form_on_a_refusal() {
    let stage = stage(Role::Support).await;
    let (method, path) = ("RegistrantService/SetPayment", format!("{PAGE}/r1/payment"));
    let form = |value: &'static str, amount: &'static str| {
        [("value", value), ("amount", amount), ("reason", "they asked for it")]
    };
    stage.services.on(method, |_: SetPaymentRequest| Ok(SetPaymentResponse::default()));
    for (value, amount) in [("refunded", "5.00"), ("paid", "12,5"), ("refunded", ""), ("unpaid", "5.00")] {
        let answer = stage.post(&path, &form(value, amount)).await;
        assert_eq!(answer.header("location"), Some(format!("{PAGE}/r1?did=payment").as_str()));
    }
    let asked: Vec<SetPaymentRequest> = stage.services.asked(method);
    let asked: Vec<_> = asked.iter().map(|a| (a.payment(), a.paid.as_ref().map(|paid| paid.amount_minor))).collect();
    assert_eq!(
        asked,
        [
            (PaymentState::Refunded, Some(500)),
            (PaymentState::Paid, Some(1_250)),
            (PaymentState::Refunded, None),
            (PaymentState::Unpaid, None),
        ]
    );

    stage.services.on(method, |_: SetPaymentRequest| {
        let part = "only a part is given back: the registration stays paid";
        Err::<SetPaymentResponse, _>(Status::failed_precondition(part))
    });
    let page = stage.post(&path, &form("refunded", "5.00")).await;
    assert_eq!(page.status, 409);
    page.holds("Only a part is given back: the registration stays paid.").holds("name=\"amount\" value=\"5.00\"");
    let page = stage.post(&path, &form("refunded", "a fiver")).await;
    assert_eq!(page.status, 422);
    page.holds("name=\"amount\" value=\"a fiver\"");
}

#[tokio::test]
async fn registering_by_hand_gives_a_reason_and_no_consent_and_opens_what_is_there() {
    let stage = stage(Role::Support).await;
    let method = "RegistrantService/Register";
    stage.services.on(method, |_: RegisterRequest| {
        Ok(RegisterResponse { registration: Some(registration("r1", "Anna")), created: false })
    });
    let form = [
        ("email", "anna@example.org"),
        ("name", "Anna"),
        ("mode", "site"),
        ("answers.meal", "soup"),
        ("reason", "on the phone"),
    ];
    let answer = stage.post(&format!("{PAGE}/new"), &form).await;
    stage.get(answer.header("location").unwrap()).await.holds("This address was registered before.");
    let asked: RegisterRequest = stage.services.asked(method).remove(0);
    assert_eq!((asked.form_version, asked.act.unwrap().reason.as_str()), (4, "on the phone"));
    assert!(asked.consents.is_empty() && asked.mode == 1);
    stage.services.on(method, |_: RegisterRequest| Err::<RegisterResponse, _>(invalid("email", "is no address")));
    let page = stage.post(&format!("{PAGE}/new"), &[("email", "anna@"), ("reason", "on the phone")]).await;
    assert_eq!(page.status, 422);
    page.holds("Is no address.").holds("value=\"anna@\"").holds("value=\"on the phone\"");
}

#[tokio::test]
async fn item_53_who_sees_no_names_is_not_offered_to_search_or_act_on_them() {
    let stage = stage(Role::Analyst).await;
    stage.services.on(LIST, |_: ListRegistrantsRequest| {
        let redacted = Registration { email: String::new(), phone: String::new(), ..registration("r1", "") };
        Ok(ListRegistrantsResponse { registrations: vec![redacted], matching: 1, total: 1, ..Default::default() })
    });
    let page = stage.get(PAGE).await;
    page.holds("Your role sees no names")
        .lacks("name=\"q\"")
        .lacks("action=\"/console/events/night/registrants/export\"");
    page.lacks("value=\"cancel\"").lacks("registrants/new");
}

#[tokio::test]
async fn item_19_the_stream_brings_the_statistics_and_says_when_rows_changed() {
    let stage = stage(Role::Owner).await;
    let statistics = Statistics { registrants: 7, logged_in: 5, ..Statistics::default() };
    let answer = WatchStatisticsResponse { statistics: Some(statistics), changed: vec!["r1".into()] };
    stage.services.streams::<WatchStatisticsRequest, _>("RegistrantService/WatchStatistics", &[answer], Code::Ok);
    let wanted = ["event: statistics", "data-figure=\"logged-in\">5<", "event: rows"];
    stage.stream_until(&format!("{PAGE}/stream"), &wanted).await;
}

#[tokio::test]
async fn the_live_figures_stream_on_while_events_cannot_be_read_and_to_their_own_team_only() {
    const STREAM: &str = "/console/events/night/stream";
    let stage = stage(Role::Owner).await;
    let answer = WatchCountsResponse { count: Some(Count { viewers: 3, ..Count::default() }) };
    stage.services.streams::<WatchCountsRequest, _>("PresenceService/WatchCounts", &[answer], Code::Ok);
    stage.stream_until(STREAM, &["event: figures"]).await;
    let method = "RegistrationService/GetEvent";
    stage.services.on(method, |_: GetEventRequest| Err::<GetEventResponse, _>(Status::unavailable("")));
    stage.stream_until(STREAM, &["event: figures"]).await;
    stage.services.on(method, |asked: GetEventRequest| {
        let foreign = Event { event_id: asked.event_id, tenant_id: "other".into(), ..Event::default() };
        Ok(GetEventResponse { event: Some(foreign) })
    });
    assert_eq!(stage.get("/console/events/theirs/stream").await.status, 404);
}
