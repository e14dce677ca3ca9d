//! What is sent twice from one page is done once: each act of the console names the page that it stood on to the service, which answers
//! a second call as the first. That every form says which page that is, is tested beside the templates.

use std::collections::HashSet;

use http::Method;
use turnout_gateway::Who;
use turnout_platform::auth::Role;
use turnout_proto::{
    notifications::v1::{
        GetMessageSettingsRequest, GetMessageSettingsResponse, GetTemplateRequest, GetTemplateResponse,
        MessageSettings, Template,
    },
    registration::v1::{GetRegistrationRequest, GetRegistrationResponse, Registration},
};

use crate::stage::Stage;

/// An act: where its form is sent, what is in it beside the page's number, and the method of a service that is to act.
struct Act(&'static str, &'static [(&'static str, &'static str)], &'static str);

const REASON: (&str, &str) = ("reason", "they asked for it");

const ACTS: &[Act] = &[
    Act("/console/events", &[("title", "Gala"), ("starts", "2030-12-24T18:00")], "RegistrationService/CreateEvent"),
    Act("/console/events/night/state", &[("state", "ended"), ("version", "1")], "RegistrationService/ChangeEventState"),
    Act("/console/events/night/registrants/r1/confirmation", &[REASON], "NotificationService/ResendMessage"),
    Act("/console/events/night/registrants/r1/reminder", &[REASON], "NotificationService/ResendMessage"),
    Act("/console/events/night/registrants/r1/rsvp", &[REASON, ("value", "confirmed")], "RegistrantService/AnswerRsvp"),
    Act("/console/events/night/registrants/r1/payment", &[REASON, ("value", "paid")], "RegistrantService/SetPayment"),
    Act(
        "/console/events/night/registrants/r1/edit",
        &[REASON, ("name", "Anna")],
        "RegistrantService/UpdateRegistration",
    ),
    Act("/console/events/night/registrants/r1/cancel", &[REASON], "RegistrantService/CancelRegistration"),
    Act("/console/events/night/registrants/r1/suppression", &[REASON], "NotificationService/LiftSuppression"),
    Act(
        "/console/events/night/registrants/bulk",
        &[REASON, ("id", "r1"), ("action", "cancel")],
        "RegistrantService/CancelRegistration",
    ),
    Act("/console/events/night/registrants/new", &[REASON, ("email", "a@example.org")], "RegistrantService/Register"),
    Act("/console/audience/p1/verify", &[REASON], "PeopleService/VerifyByHand"),
    Act("/console/audience/p1/reset", &[REASON], "AccountService/SendResetLink"),
    Act("/console/audience/p1/phone", &[REASON, ("phone", "+358401234567")], "PeopleService/UpdatePerson"),
    Act(
        "/console/events/night/settings",
        &[("title", "Gala"), ("starts_at", "2030-12-24T18:00"), ("version", "1")],
        "RegistrationService/UpdateEvent",
    ),
    Act("/console/events/night/settings/cancel", &[("sure", "yes")], "RegistrationService/ChangeEventState"),
    Act("/console/events/night/settings/rooms", &[("room_title", "Hall")], "RegistrationService/CreateRoom"),
    Act("/console/events/night/settings/rooms/hall", &[("title.hall", "The hall")], "RegistrationService/UpdateRoom"),
    Act("/console/events/night/form", &[("do", "save"), ("version", "1")], "RegistrantService/PutForm"),
    Act("/console/events/night/messages/reminders", &[("before", "24h")], "NotificationService/PutReminders"),
    Act("/console/events/night/messages/reminder", &[("do", "save")], "NotificationService/PutTemplate"),
    Act("/console/events/night/messages/reminder", &[("do", "reset")], "NotificationService/ResetTemplate"),
    Act(
        "/console/events/night/messages/reminder",
        &[("do", "test.en"), ("to", "a@example.org")],
        "NotificationService/SendTest",
    ),
    Act("/console/messages/reset", &[("do", "save")], "NotificationService/PutTemplate"),
    Act("/console/messages/reset", &[("do", "reset")], "NotificationService/ResetTemplate"),
    Act("/console/messages/reset", &[("do", "test.en"), ("to", "a@example.org")], "NotificationService/SendTest"),
    Act("/console/team/invite", &[("email", "b@example.org"), ("role", "support")], "AccountService/InviteMember"),
    Act("/console/team/a2/role", &[("role", "support")], "AccountService/ChangeMemberRole"),
    Act("/console/team/a2/remove", &[], "AccountService/RemoveMember"),
    Act("/console/account/password", &[("new_password", "a new long one")], "AccountService/ChangePassword"),
    Act("/console/account/others", &[], "AccountService/EndOtherSessions"),
    Act("/console/account/second-factor", &[], "AccountService/BeginSecondFactor"),
    Act("/console/account/second-factor/confirm", &[("code", "123456")], "AccountService/ConfirmSecondFactor"),
    Act("/console/account/second-factor/remove", &[("code", "123456")], "AccountService/RemoveSecondFactor"),
    Act("/console/settings/data", &[("threshold", "5")], "RegistrantService/PutRegistrantSettings"),
    Act("/console/settings/mail", &[("sender_name", "The house")], "NotificationService/PutMessageSettings"),
    Act("/console/settings/retention", &[("sure", "yes")], "RegistrantService/ApplyRetention"),
    Act("/console/settings/secrets/payment", &[], "RegistrantService/RotatePaymentSecret"),
    Act("/console/settings/secrets/reports", &[], "NotificationService/RotateReportSecret"),
    Act("/console/settings/replay", &[REASON, ("since", "2027-01-15T08:00")], "NotificationService/ReplayNotices"),
    Act("/console/settings/marketing", &[REASON], "NotificationService/LiftMarketingStop"),
    Act("/console/settings/keys", &[("label", "the till")], "RegistrationService/CreateApiKey"),
    Act("/console/settings/keys/k1/revoke", &[REASON], "RegistrationService/RevokeApiKey"),
];

/// Addresses of acts that no test here sends, and why.
const ELSEWHERE: [(&str, &str); 9] = [
    ("/console/sign-in", "before there is a session"),
    ("/console/link", "the link itself works once"),
    ("/console/sign-out", "done is done"),
    ("/console/welcome", "for whoever came by the first link: tests/browser begins with it"),
    ("/console/check-in/{event}", "a ticket that is shown again must be told so"),
    ("/console/check-in/{event}/sync", "a device repeats what it recorded until it is taken"),
    ("/registrants/{id}/check-in", "who is in is in"),
    ("/messages/{kind}/preview", "changes nothing"),
    // Each tells that data left the house, also when it left twice.
    ("/export", "a stream: two downloads are two"),
];

/// Addresses that end with the word of an act, and the handlers, which list their words.
const NAMED: [(&str, &str); 2] = [
    ("/console/audience/{person}/{act}", include_str!("../../src/console/audience.rs")),
    ("/console/events/{event}/registrants/{id}/{act}", include_str!("../../src/console/registrant.rs")),
];

/// One address for each act.
fn of_each_act(path: &str) -> Vec<String> {
    if !path.ends_with("{act}") {
        return vec![path.to_owned()];
    }
    let (_, source) = NAMED.iter().find(|(named, _)| *named == path).unwrap();
    let (_, list) = source.split_once("const ACTS: ").unwrap();
    let (_, list) = list.split_once("= [").unwrap();
    let (list, _) = list.split_once(']').unwrap();
    let words = list.split(',').map(|word| word.trim().trim_matches('"')).filter(|word| !word.is_empty());
    words.map(|word| path.replace("{act}", word)).collect()
}

fn is_of(act: &str, path: &str) -> bool {
    let (mut act, mut path) = (act.split('/'), path.split('/'));
    loop {
        match (act.next(), path.next()) {
            (None, None) => return true,
            (Some(_), Some(any)) if any.starts_with('{') => {}
            (Some(part), Some(named)) if part == named => {}
            _ => return false,
        }
    }
}

async fn stage() -> Stage {
    let stage = Stage::with(Role::Owner).await;
    stage.services.on("RegistrantService/GetRegistration", |_: GetRegistrationRequest| {
        let registration =
            Registration { registration_id: "r1".into(), email: "a@example.org".into(), ..Registration::default() };
        Ok(GetRegistrationResponse { registration: Some(registration) })
    });
    stage.services.on("NotificationService/GetMessageSettings", |_: GetMessageSettingsRequest| {
        let settings = Some(MessageSettings { version: 1, ..MessageSettings::default() });
        Ok(GetMessageSettingsResponse { settings, ..GetMessageSettingsResponse::default() })
    });
    stage.services.on("NotificationService/GetTemplate", |_: GetTemplateRequest| {
        Ok(GetTemplateResponse { template: Some(Template::default()) })
    });
    stage
}

#[tokio::test]
async fn a_form_that_is_sent_twice_asks_for_the_same_act_and_from_the_next_page_for_another() {
    for Act(path, form, method) in ACTS {
        let stage = stage().await;
        for once in ["7", "7", "8"] {
            let form: Vec<_> = form.iter().copied().chain([("once", once)]).collect();
            stage.post(path, &form).await;
        }
        let keys = stage.services.keys(method);
        assert_eq!(keys.len(), 3, "{path} asks {method}");
        assert!(keys.iter().all(Option::is_some), "{path} acts without a key");
        assert!(keys[0] == keys[1] && keys[1] != keys[2], "{path}: {keys:?}");
    }
}

#[tokio::test]
async fn what_was_entered_anew_on_the_same_page_is_another_act() {
    for Act(path, form, method) in ACTS {
        let stage = stage().await;
        for entered in ["one", "two"] {
            let form: Vec<_> = form.iter().copied().chain([("once", "7"), ("something", entered)]).collect();
            stage.post(path, &form).await;
        }
        let keys: HashSet<_> = stage.services.keys(method).into_iter().collect();
        assert_eq!(keys.len(), 2, "{path}");
    }
}

#[test]
fn every_act_of_the_console_is_among_these() {
    let mut acts = 0;
    for route in turnout_gateway::routes() {
        let of_console = matches!(route.who, Who::Team(_)) || route.path.starts_with("/console");
        if route.method != Method::POST || !of_console {
            continue;
        }
        for address in of_each_act(route.path) {
            if ELSEWHERE.iter().any(|(end, _)| address.ends_with(end)) {
                continue;
            }
            acts += 1;
            assert!(ACTS.iter().any(|Act(path, ..)| is_of(path, &address)), "{address} is sent by no test");
        }
    }
    assert!(acts > 20, "{acts} acts");
}
