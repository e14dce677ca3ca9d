//! The organisation's messages: one text for all events, until an event has its own, and the way back to what is above it.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};
use turnout_platform::auth::Role;
use turnout_proto::{
    common::v1::LocalizedText,
    notifications::v1::{
        GetMessageFiguresRequest, GetMessageFiguresResponse, GetMessageSettingsRequest, GetMessageSettingsResponse,
        GetRemindersRequest, GetRemindersResponse, GetTemplateRequest, GetTemplateResponse, MessageKind,
        PreviewTemplateRequest, PreviewTemplateResponse, PutTemplateRequest, PutTemplateResponse, Reminders,
        ResetTemplateRequest, ResetTemplateResponse, SendTestRequest, SendTestResponse, Template,
    },
    registration::v1::{Event, GetEventRequest, GetEventResponse, ListEventsRequest, ListEventsResponse},
};

use crate::stage::{Stage, event};

const ALL: &str = "/console/messages";
const PUT: &str = "NotificationService/PutTemplate";
const RESET: &str = "NotificationService/ResetTemplate";
const OWN: &str = "This event’s own text";
const ORGANISATIONS: &str = "Your organisation’s text";
const USUAL: &str = "The usual text";

fn of_event(event: &str) -> String {
    format!("/console/events/{event}/messages")
}

fn texts(texts: &[(&str, &str)]) -> LocalizedText {
    let texts = texts.iter().map(|(lang, text)| ((*lang).to_owned(), (*text).to_owned()));
    LocalizedText { texts: texts.collect() }
}

/// The templates as the service keeps them: by event, which is empty for the organisation's, and kind.
#[derive(Clone, Default)]
struct Templates(Arc<Mutex<HashMap<(String, i32), Template>>>);

impl Templates {
    fn used(&self, event: &str, kind: i32) -> Template {
        let stored = self.0.lock();
        let own = |event: &str| stored.get(&(event.to_owned(), kind)).cloned();
        own(event).or_else(|| own("")).unwrap_or_else(|| Template {
            kind,
            subject: Some(texts(&[("en", "Ours"), ("de", "Unsers")])),
            body: Some(texts(&[("en", "The usual words."), ("de", "Die üblichen Worte.")])),
            ..Template::default()
        })
    }

    fn put(&self, mut template: Template) -> Template {
        let place = (template.event_id.clone(), template.kind);
        let mut stored = self.0.lock();
        template.version = stored.get(&place).map_or(0, |template| template.version) + 1;
        stored.insert(place, template.clone());
        template
    }
}

/// Two events, which speak English and Finnish, and templates that are kept.
async fn stage(role: Role) -> (Stage, Templates) {
    let (stage, templates) = (Stage::with(role).await, Templates::default());
    let services = &stage.services;
    let speaking = |id: &str| Event { event_id: id.into(), languages: vec!["en".into(), "fi".into()], ..event() };
    services.on("RegistrationService/GetEvent", move |asked: GetEventRequest| match asked.event_id.as_str() {
        id @ ("night" | "matinee") => Ok(GetEventResponse { event: Some(speaking(id)) }),
        _ => Err(Status::not_found("no such event")),
    });
    services.on("RegistrationService/ListEvents", move |_: ListEventsRequest| {
        let events = vec![speaking("night"), speaking("matinee")];
        Ok(ListEventsResponse { events, ..ListEventsResponse::default() })
    });
    services.on("NotificationService/GetMessageSettings", |_: GetMessageSettingsRequest| {
        Ok(GetMessageSettingsResponse::default())
    });
    services.on("NotificationService/GetMessageFigures", |_: GetMessageFiguresRequest| {
        Ok(GetMessageFiguresResponse::default())
    });
    services.on("NotificationService/GetReminders", |_: GetRemindersRequest| {
        Ok(GetRemindersResponse { reminders: Some(Reminders::default()) })
    });
    services.on("NotificationService/PreviewTemplate", |asked: PreviewTemplateRequest| {
        let Template { event_id, subject, .. } = asked.template.unwrap();
        let subject = subject.unwrap().texts.get(&asked.language).cloned().unwrap_or_default();
        let text = format!("Seen at {event_id:?}");
        Ok(PreviewTemplateResponse { subject, html: format!("<p>{text}</p>"), text })
    });
    let of = templates.clone();
    services.on("NotificationService/GetTemplate", move |asked: GetTemplateRequest| {
        Ok(GetTemplateResponse { template: Some(of.used(&asked.event_id, asked.kind)) })
    });
    let of = templates.clone();
    services.on(PUT, move |asked: PutTemplateRequest| {
        Ok(PutTemplateResponse { template: Some(of.put(asked.template.unwrap())) })
    });
    let of = templates.clone();
    services.on(RESET, move |asked: ResetTemplateRequest| {
        of.0.lock().remove(&(asked.event_id.clone(), asked.kind));
        Ok(ResetTemplateResponse { template: Some(of.used(&asked.event_id, asked.kind)) })
    });
    (stage, templates)
}

/// The organisation's text of a confirmation as its page sends it.
const WRITTEN: [(&str, &str); 7] = [
    ("do", "save"),
    ("version", "0"),
    ("on", "yes"),
    ("subject.en", "Welcome from the house"),
    ("body.en", "One text for all."),
    ("subject.fi", "Tervetuloa"),
    ("body.fi", "Yksi teksti."),
];

#[tokio::test]
async fn the_organisations_text_is_at_an_event_that_has_none_and_not_at_one_that_has_its_own() {
    let (stage, _) = stage(Role::Organiser).await;
    let [night, matinee] = ["night", "matinee"].map(|event| format!("{}/confirmation", of_event(event)));
    let own =
        [("do", "save"), ("version", "0"), ("on", "yes"), ("subject.en", "Only at the matinee"), ("body.en", "x")];
    assert_eq!(stage.post(&matinee, &own).await.status, 303);
    stage.get(&night).await.holds(USUAL).holds("value=\"Ours\"").lacks(ORGANISATIONS);

    let answer = stage.post(&format!("{ALL}/confirmation"), &WRITTEN).await;
    assert_eq!(answer.header("location"), Some("/console/messages/confirmation?did=template"));
    let put = stage.services.asked::<PutTemplateRequest>(PUT).remove(1).template.unwrap();
    assert_eq!((put.event_id.as_str(), put.off), ("", false));
    // German is ours, no event speaks it, and its fields were left empty: it is not sent any more.
    assert_eq!(
        put.body.unwrap().texts.into_keys().collect::<std::collections::BTreeSet<_>>(),
        ["en", "fi"].map(str::to_owned).into()
    );

    stage
        .get(&night)
        .await
        .holds(ORGANISATIONS)
        .holds("value=\"Welcome from the house\"")
        .holds("value=\"Tervetuloa\"");
    stage.get(&matinee).await.holds(OWN).holds("value=\"Only at the matinee\"").lacks("Welcome from the house");
    stage
        .get(&of_event("night"))
        .await
        .holds("English: Your organisation’s text")
        .holds("Suomi: Your organisation’s text");
    stage
        .get(&of_event("matinee"))
        .await
        .holds("English: This event’s own text")
        .holds("Suomi: No text, English is sent");
    // The other kinds are what they were.
    stage.get(&of_event("night")).await.holds("English: The usual text").holds("href=\"/console/messages\"");
}

#[tokio::test]
async fn a_text_in_a_language_is_kept_that_the_page_showed_and_that_no_event_can_be_asked_for_now() {
    let (stage, _) = stage(Role::Organiser).await;
    stage.services.on("RegistrationService/ListEvents", |_: ListEventsRequest| {
        Err::<ListEventsResponse, _>(Status::unavailable(""))
    });
    let form: Vec<_> = WRITTEN.into_iter().chain([("body.no such", "x"), ("subject.", "y")]).collect();
    assert_eq!(stage.post(&format!("{ALL}/confirmation"), &form).await.status, 303);
    let put = stage.services.asked::<PutTemplateRequest>(PUT).remove(0).template.unwrap();
    assert_eq!(put.subject.unwrap(), texts(&[("en", "Welcome from the house"), ("fi", "Tervetuloa")]));
    assert_eq!(put.body.unwrap(), texts(&[("en", "One text for all."), ("fi", "Yksi teksti.")]));
}

#[tokio::test]
async fn an_event_goes_back_to_the_organisation_and_the_organisation_to_the_usual_text() {
    let (stage, templates) = stage(Role::Organiser).await;
    let (night, all) = (format!("{}/reminder", of_event("night")), format!("{ALL}/reminder"));
    stage.get(&night).await.lacks("value=\"reset\"");
    stage.get(&all).await.lacks("value=\"reset\"");
    stage.post(&all, &WRITTEN).await;
    stage.get(&night).await.lacks("value=\"reset\"").holds("href=\"/console/messages/reminder\"");
    stage.post(&night, &WRITTEN).await;
    stage
        .get(&night)
        .await
        .holds("Back to the organisation’s text")
        .holds("Your organisation’s text is then sent here");

    let answer = stage.post(&night, &[("do", "reset")]).await;
    assert_eq!(answer.header("location"), Some("/console/events/night/messages/reminder?did=template-reset"));
    stage.get(&night).await.holds(ORGANISATIONS).lacks("value=\"reset\"");
    stage.get(&all).await.holds("Back to the usual text").holds("data-confirm=\"Throw your organisation’s text away");
    stage.post(&all, &[("do", "reset")]).await;
    stage.get(&night).await.holds(USUAL);
    let asked: Vec<String> =
        stage.services.asked::<ResetTemplateRequest>(RESET).into_iter().map(|r| r.event_id).collect();
    assert_eq!(asked, ["night", ""]);

    // What is above may be turned off, which is said before.
    templates.put(Template { off: true, ..templates.used("", MessageKind::Reminder.into()) });
    stage.post(&night, &WRITTEN).await;
    stage.get(&night).await.holds("Your organisation does not send this message");
}

#[tokio::test]
async fn a_page_that_showed_the_organisations_text_does_not_overwrite_a_first_text_of_the_event() {
    let (stage, _) = stage(Role::Organiser).await;
    let night = format!("{}/confirmation", of_event("night"));
    stage.post(&format!("{ALL}/confirmation"), &WRITTEN).await;
    // The organisation's version is 1, as that of an event's first own text will be.
    stage.get(&night).await.holds("name=\"version\" value=\"0\"");
    stage.get(&format!("{ALL}/confirmation")).await.holds("name=\"version\" value=\"1\"");
    stage.services.on(PUT, |_: PutTemplateRequest| Err::<PutTemplateResponse, _>(Status::aborted("")));
    let page = stage.post(&night, &WRITTEN).await;
    assert_eq!(page.status, 409);
    page.holds("value=\"Welcome from the house\"").holds("Somebody else saved");
}

#[tokio::test]
async fn all_eight_kinds_are_written_for_the_organisation_and_those_of_links_nowhere_else() {
    let (stage, templates) = stage(Role::Owner).await;
    let page = stage.get(ALL).await;
    for word in
        ["confirmation", "reminder", "change", "cancellation", "sign-in-link", "verification", "reset", "invitation"]
    {
        page.holds(&format!("href=\"{ALL}/{word}\""));
        let of_all = stage.get(&format!("{ALL}/{word}")).await;
        assert_eq!(of_all.status, 200, "{word}");
        let is_of_event = stage.get(&format!("{}/{word}", of_event("night"))).await.status == 200;
        assert_eq!(is_of_event, ["confirmation", "reminder", "change", "cancellation"].contains(&word), "{word}");
        // Links are sent whatever a box says, and so there is none to tick.
        assert_eq!(of_all.body.contains("name=\"on\""), is_of_event, "{word}");
        assert_eq!(of_all.body.contains("{{link.url}}"), !is_of_event, "{word}");
    }
    assert_eq!(stage.get(&format!("{ALL}/notice")).await.status, 404);

    let kind = MessageKind::SignInLink.into();
    templates.put(Template { off: true, ..templates.used("", kind) });
    page.holds("English: The usual text");
    stage.get(ALL).await.lacks("Not sent");
    let form = [("do", "save"), ("version", "1"), ("subject.en", "Your link"), ("body.en", "{{ link.url }}")];
    assert_eq!(stage.post(&format!("{ALL}/sign-in-link"), &form).await.status, 303);
    let put = stage.services.asked::<PutTemplateRequest>(PUT).remove(0).template.unwrap();
    assert_eq!((put.kind, put.off, put.version), (kind, true, 1));
}

#[tokio::test]
async fn a_preview_is_of_the_place_where_the_text_is_sent_and_a_test_says_what_became_of_it() {
    let (stage, _) = stage(Role::Organiser).await;
    stage.services.on("NotificationService/SendTest", |_: SendTestRequest| {
        Ok(SendTestResponse { handed_off: true, answer: "250 queued".into() })
    });
    let [night, all] = [of_event("night"), ALL.to_owned()].map(|list| format!("{list}/change"));
    // The event has no text of its own, and its preview is about it all the same.
    assert_eq!(stage.get(&format!("{night}/preview")).await.body, "<p>Seen at \"night\"</p>");
    let frame = stage.get(&format!("{all}/preview")).await;
    assert_eq!(frame.body, "<p>Seen at \"\"</p>");
    assert!(frame.header("content-security-policy").unwrap().starts_with("sandbox; default-src 'none'"), "{frame:?}");
    let entered = [("do", "preview.fi"), ("subject.fi", "Muutos"), ("body.fi", "Teksti.")];
    stage.post(&all, &entered).await.holds("<dd lang=\"fi\">Muutos</dd>").holds("Seen at &#34;&#34;");
    let entered = [("do", "test.fi"), ("to", "me@example.org"), ("subject.fi", "Muutos"), ("body.fi", "Teksti.")];
    stage.post(&all, &entered).await.holds("250 queued");
    let sent: SendTestRequest = stage.services.asked("NotificationService/SendTest").remove(0);
    assert_eq!((sent.language.as_str(), sent.template.unwrap().event_id.as_str()), ("fi", ""));
}

#[tokio::test]
async fn what_is_wrong_with_the_organisations_text_stands_at_its_input() {
    let (stage, _) = stage(Role::Organiser).await;
    stage.services.on(PUT, |_: PutTemplateRequest| {
        let mut details = ErrorDetails::new();
        details.add_bad_request_violation("body", "fi: {{ link.url }} must stand in it");
        Err::<PutTemplateResponse, _>(Status::with_error_details(Code::InvalidArgument, "invalid", details))
    });
    let page = stage.post(&format!("{ALL}/reset"), &WRITTEN).await;
    assert_eq!(page.status, 422);
    page.holds("id=\"in-body.fi-error\"").holds("must stand in it").holds("value=\"Tervetuloa\"");
}

#[tokio::test]
async fn item_35_who_may_not_write_templates_reads_the_organisations_and_changes_nothing() {
    let (stage, _) = stage(Role::Support).await;
    let page = stage.get(&format!("{ALL}/confirmation")).await;
    page.holds("<fieldset class=\"card form group\" disabled>").lacks("value=\"save\"").lacks("value=\"reset\"");
    // The settings are for owners.
    stage.get(ALL).await.lacks("href=\"/console/settings\"");
    for path in ["confirmation", "confirmation/preview"] {
        assert_eq!(stage.post(&format!("{ALL}/{path}"), &WRITTEN).await.status, 403);
    }
    assert!(stage.services.asked::<PutTemplateRequest>(PUT).is_empty(), "the service is not asked");
}
