//! What organisers prepare: messages, the form, settings. What is sent to the services, and what the page says when they refuse.

use std::sync::{
    Arc,
    atomic::{AtomicI32, Ordering},
};

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};
use turnout_platform::auth::Role;
use turnout_proto::{
    common::v1::LocalizedText,
    notifications::v1::{
        GetMessageFiguresRequest, GetMessageFiguresResponse, GetMessageSettingsRequest, GetMessageSettingsResponse,
        GetRemindersRequest, GetRemindersResponse, GetTemplateRequest, GetTemplateResponse, MessageSettings,
        PreviewTemplateRequest, PreviewTemplateResponse, PutMessageSettingsRequest, PutMessageSettingsResponse,
        PutRemindersRequest, PutRemindersResponse, PutTemplateRequest, PutTemplateResponse, Reminder, Reminders,
        SendTestRequest, SendTestResponse, Template,
    },
    profiles::v1::{
        ChangePasswordRequest, ChangePasswordResponse, ConfirmSecondFactorRequest, ConfirmSecondFactorResponse,
        RemoveSecondFactorRequest, RemoveSecondFactorResponse,
    },
    registration::v1::{
        ApplyRetentionRequest, ApplyRetentionResponse, FieldType, Form, FormField, GetFormRequest, GetFormResponse,
        GetRegistrantSettingsRequest, GetRegistrantSettingsResponse, LegalBasis, PutFormRequest, PutFormResponse,
        RegistrantSettings, RetentionOfEvent, UpdateEventRequest, UpdateEventResponse,
    },
};

use crate::stage::{Stage, event};

const MESSAGES: &str = "/console/events/night/messages";
const FORM: &str = "/console/events/night/form";

fn english(text: &str) -> LocalizedText {
    LocalizedText { texts: [("en".to_owned(), text.to_owned())].into() }
}

fn invalid(field: &str, problem: &str) -> Status {
    let mut details = ErrorDetails::new();
    details.add_bad_request_violation(field, problem);
    Status::with_error_details(Code::InvalidArgument, "invalid", details)
}

async fn stage(role: Role) -> Stage {
    let stage = Stage::with(role).await;
    stage.services.on("NotificationService/GetMessageSettings", |_: GetMessageSettingsRequest| {
        let settings = MessageSettings { sender_name: "The house".into(), version: 5, ..MessageSettings::default() };
        Ok(GetMessageSettingsResponse { settings: Some(settings), mail_transport: "folder".into() })
    });
    stage.services.on("NotificationService/GetMessageFigures", |_: GetMessageFiguresRequest| {
        Ok(GetMessageFiguresResponse::default())
    });
    stage.services.on("NotificationService/GetReminders", |asked: GetRemindersRequest| {
        let reminders = vec![Reminder { before_s: 2 * 86_400 }, Reminder { before_s: 5_400 }];
        Ok(GetRemindersResponse { reminders: Some(Reminders { event_id: asked.event_id, reminders, version: 3 }) })
    });
    stage.services.on("NotificationService/GetTemplate", |asked: GetTemplateRequest| {
        let template = Template {
            kind: asked.kind,
            event_id: asked.event_id,
            subject: Some(english("Welcome")),
            body: Some(english("We look forward to you.")),
            version: 7,
            ..Template::default()
        };
        Ok(GetTemplateResponse { template: Some(template) })
    });
    stage.services.on("NotificationService/PreviewTemplate", |asked: PreviewTemplateRequest| {
        let subject = asked.template.and_then(|t| t.subject).and_then(|s| s.texts.get("en").cloned());
        let (text, html) = ("As plain text".into(), "<p>As a page</p>".into());
        Ok(PreviewTemplateResponse { subject: subject.unwrap_or_default(), text, html })
    });
    stage.services.on("RegistrantService/GetForm", |_: GetFormRequest| {
        let field = FormField {
            key: "meal".into(),
            r#type: FieldType::Text.into(),
            label: Some(english("What to eat?")),
            purpose: Some(english("To cook it")),
            basis: LegalBasis::Contract.into(),
            ..FormField::default()
        };
        Ok(GetFormResponse { form: Some(Form { version: 4, fields: vec![field], ..Form::default() }) })
    });
    stage
}

#[tokio::test]
async fn reminders_are_read_as_they_are_written_and_what_is_none_is_not_sent_on() {
    let stage = stage(Role::Organiser).await;
    stage.services.on("NotificationService/PutReminders", |_: PutRemindersRequest| Ok(PutRemindersResponse::default()));
    stage.get(MESSAGES).await.holds("value=\"2d, 90min\"");
    let form = [("before", "2d, 24h,30min"), ("version", "3")];
    let answer = stage.post(&format!("{MESSAGES}/reminders"), &form).await;
    assert_eq!(answer.header("location"), Some("/console/events/night/messages?did=reminders"));
    let put =
        stage.services.asked::<PutRemindersRequest>("NotificationService/PutReminders").remove(0).reminders.unwrap();
    let seconds: Vec<i64> = put.reminders.iter().map(|reminder| reminder.before_s).collect();
    assert_eq!((seconds.as_slice(), put.version), (&[172_800, 86_400, 1_800][..], 3));
    let page = stage.post(&format!("{MESSAGES}/reminders"), &[("before", "two days"), ("version", "3")]).await;
    assert_eq!(page.status, 422);
    page.holds("value=\"two days\"").holds("aria-invalid=\"true\"");
    assert_eq!(stage.services.asked::<PutRemindersRequest>("NotificationService/PutReminders").len(), 1);
}

#[tokio::test]
async fn a_template_is_saved_with_the_version_that_was_seen_and_after_somebody_elses_save_says_so() {
    let stage = stage(Role::Organiser).await;
    stage.services.on("NotificationService/PutTemplate", |_: PutTemplateRequest| Ok(PutTemplateResponse::default()));
    let form = [("do", "save"), ("version", "7"), ("on", "yes"), ("subject.en", "Come in"), ("body.en", "One\r\nTwo")];
    let answer = stage.post(&format!("{MESSAGES}/confirmation"), &form).await;
    assert_eq!(answer.header("location"), Some("/console/events/night/messages/confirmation?did=template"));
    let put = stage.services.asked::<PutTemplateRequest>("NotificationService/PutTemplate").remove(0).template.unwrap();
    assert_eq!((put.version, put.off, put.event_id.as_str()), (7, false, "night"));
    assert_eq!(put.body.unwrap().texts["en"], "One\nTwo");

    stage.services.on("NotificationService/PutTemplate", |_: PutTemplateRequest| {
        Err::<PutTemplateResponse, _>(Status::aborted(""))
    });
    let page = stage
        .post(&format!("{MESSAGES}/confirmation"), &[("do", "save"), ("version", "6"), ("subject.en", "Mine")])
        .await;
    assert_eq!(page.status, 409);
    page.holds("value=\"Mine\"").holds("name=\"version\" value=\"7\"");

    stage.services.on("NotificationService/PutTemplate", |_: PutTemplateRequest| {
        Err::<PutTemplateResponse, _>(invalid("template.body", "en: there is no {{nobody}}"))
    });
    let page = stage.post(&format!("{MESSAGES}/confirmation"), &form).await;
    assert_eq!(page.status, 422);
    page.holds("there is no {{nobody}}").holds("value=\"Come in\"");
    assert_eq!(stage.get(&format!("{MESSAGES}/nonsense")).await.status, 404);
}

#[tokio::test]
async fn a_preview_shows_what_is_entered_and_a_test_goes_where_it_is_told_to() {
    let stage = stage(Role::Organiser).await;
    stage.services.on("NotificationService/SendTest", |_: SendTestRequest| {
        Ok(SendTestResponse { handed_off: false, answer: "550 no such user".into() })
    });
    let entered = [("do", "preview.en"), ("subject.en", "A draft"), ("body.en", "Hello.")];
    stage.post(&format!("{MESSAGES}/reminder"), &entered).await.holds("A draft").holds("As plain text");
    let frame = stage.post(&format!("{MESSAGES}/reminder/preview"), &[("lang", "en"), ("subject.en", "A draft")]).await;
    assert_eq!(frame.body, "<p>As a page</p>");
    assert!(frame.header("content-security-policy").unwrap().starts_with("sandbox; default-src 'none'"), "{frame:?}");
    let form = [("do", "test.en"), ("to", "me@example.org"), ("subject.en", "A draft"), ("body.en", "Hello.")];
    let page = stage.post(&format!("{MESSAGES}/reminder"), &form).await;
    assert_eq!(page.status, 200);
    page.holds("550 no such user");
    let sent: SendTestRequest = stage.services.asked("NotificationService/SendTest").remove(0);
    assert_eq!((sent.email.as_str(), sent.language.as_str()), ("me@example.org", "en"));
}

/// The form as its page sends it back.
const SHOWN: [(&str, &str); 8] = [
    ("version", "4"),
    ("standard.name", "required"),
    ("standard.phone", "optional"),
    ("f.0.type", "text"),
    ("f.0.key", "meal"),
    ("f.0.label.en", "What to eat?"),
    ("f.0.purpose.en", "To cook it"),
    ("f.0.basis", "contract"),
];

#[tokio::test]
async fn looking_at_a_form_in_another_language_says_nothing_of_unsaved_work_and_a_changed_question_does() {
    const UNSAVED: &str = "Not saved yet";
    let stage = stage(Role::Organiser).await;
    stage.get(FORM).await.lacks(UNSAVED);
    let with = |more: &[(&'static str, &'static str)]| [&SHOWN[..], more].concat();
    stage.post(FORM, &with(&[("do", "preview.en")])).await.lacks(UNSAVED).holds("What to eat?");
    stage.post(FORM, &with(&[("do", "preview.en"), ("f.0.required", "yes")])).await.holds(UNSAVED);
    stage.post(FORM, &with(&[("do", "add"), ("new_type", "choice")])).await.holds(UNSAVED).holds("name=\"f.1.type\"");
    assert!(stage.services.asked::<PutFormRequest>("RegistrantService/PutForm").is_empty(), "nothing is stored yet");
}

#[tokio::test]
async fn a_form_is_stored_with_the_version_that_was_seen_and_each_mistake_stands_at_its_input() {
    let stage = stage(Role::Organiser).await;
    let save = [&SHOWN[..], &[("do", "save")]].concat();
    stage.services.on("RegistrantService/PutForm", |_: PutFormRequest| Ok(PutFormResponse::default()));
    let answer = stage.post(FORM, &save).await;
    assert_eq!(answer.header("location"), Some("/console/events/night/form?did=form"));
    let put: PutFormRequest = stage.services.asked("RegistrantService/PutForm").remove(0);
    assert_eq!((put.expected_version, put.form.unwrap().fields[0].key.as_str()), (4, "meal"));
    stage.services.on("RegistrantService/PutForm", |_: PutFormRequest| {
        Err::<PutFormResponse, _>(invalid("form.fields[0].label", "must be set"))
    });
    let page = stage.post(FORM, &save).await;
    assert_eq!(page.status, 422);
    page.holds("Must be set.");
}

#[tokio::test]
async fn settings_that_somebody_else_changed_meanwhile_are_shown_beside_what_was_entered() {
    let stage = stage(Role::Organiser).await;
    stage.services.on("RegistrationService/UpdateEvent", |_: UpdateEventRequest| {
        Err::<UpdateEventResponse, _>(Status::aborted(""))
    });
    let form = [
        ("title", "My title"),
        ("languages", "en"),
        ("starts_at", "2026-11-18T13:06"),
        ("zone", "Europe/Helsinki"),
        ("mode", "both"),
        ("price", "25.00"),
        ("currency", "EUR"),
        ("rsvp", "yes"),
        ("version", "1"),
    ];
    let page = stage.post("/console/events/night/settings", &form).await;
    assert_eq!(page.status, 409);
    page.holds("value=\"My title\"").holds("Opening night");
    let asked: UpdateEventRequest = stage.services.asked("RegistrationService/UpdateEvent").remove(0);
    let entered = asked.event.unwrap();
    assert_eq!((asked.expected_version, entered.price), (1, event().price));
    // What is no time is not asked of the service.
    let wrong = [("title", "My title"), ("starts_at", "soon"), ("zone", "Europe/Helsinki"), ("version", "1")];
    assert_eq!(stage.post("/console/events/night/settings", &wrong).await.status, 422);
    assert_eq!(stage.services.asked::<UpdateEventRequest>("RegistrationService/UpdateEvent").len(), 1);
}

#[tokio::test]
async fn quiet_hours_are_minutes_and_a_refused_setting_stands_beside_its_field() {
    let stage = stage(Role::Owner).await;
    stage.services.on("RegistrantService/GetRegistrantSettings", |_: GetRegistrantSettingsRequest| {
        let settings = RegistrantSettings { threshold: 5, retention_days: 0, version: 2 };
        Ok(GetRegistrantSettingsResponse { settings: Some(settings), removal: None })
    });
    stage
        .services
        .on("RegistrantService/ApplyRetention", |_: ApplyRetentionRequest| Ok(ApplyRetentionResponse::default()));
    stage.services.on("NotificationService/PutMessageSettings", |_: PutMessageSettingsRequest| {
        Err::<PutMessageSettingsResponse, _>(invalid("settings.reply_to", "must be an address"))
    });
    let form = [
        ("sender_name", "The house"),
        ("reply_to", "nobody"),
        ("quiet_from_min", "22:15"),
        ("quiet_to_min", "07:00"),
        ("version", "5"),
    ];
    let page = stage.post("/console/settings/mail", &form).await;
    assert_eq!(page.status, 422);
    page.holds("value=\"nobody\"").holds("Must be an address.");
    let asked: PutMessageSettingsRequest = stage.services.asked("NotificationService/PutMessageSettings").remove(0);
    let settings = asked.settings.unwrap();
    assert_eq!((settings.quiet_from_min, settings.quiet_to_min, settings.version), (1_335, 420, 5));
}

#[tokio::test]
async fn the_settings_go_through_ended_events_only_when_somebody_asks_what_is_due() {
    const RETENTION: &str = "RegistrantService/ApplyRetention";
    let stage = stage(Role::Owner).await;
    let days = Arc::new(AtomicI32::new(30));
    let set = days.clone();
    stage.services.on("RegistrantService/GetRegistrantSettings", move |_: GetRegistrantSettingsRequest| {
        let retention_days = set.load(Ordering::Relaxed);
        let settings = RegistrantSettings { threshold: 5, retention_days, version: 2 };
        Ok(GetRegistrantSettingsResponse { settings: Some(settings), removal: None })
    });
    stage.services.on(RETENTION, |_: ApplyRetentionRequest| {
        let due =
            RetentionOfEvent { event_id: "gala".into(), title: "Gala".into(), registrations: 12, never_ended: false };
        Ok(ApplyRetentionResponse { events: vec![due], settings_version: 2, more: false, removal: None })
    });
    stage.get("/console/settings").await.holds("href=\"/console/settings?due#due\"").lacks("Gala");
    assert!(stage.services.asked::<ApplyRetentionRequest>(RETENTION).is_empty());
    stage.get("/console/settings?due").await.holds("Gala").holds("12").holds("Remove it now");
    assert!(stage.services.asked::<ApplyRetentionRequest>(RETENTION).iter().all(|asked| asked.dry_run));
    days.store(0, Ordering::Relaxed);
    stage.get("/console/settings?due").await.lacks("Gala");
    assert_eq!(stage.services.asked::<ApplyRetentionRequest>(RETENTION).len(), 1, "without a policy nothing is due");
}

#[tokio::test]
async fn item_35_a_role_that_may_look_and_not_change_gets_a_form_that_is_closed() {
    let stage = stage(Role::Analyst).await;
    stage.get(FORM).await.holds("<fieldset class=\"card form group\" disabled>").lacks("value=\"save\"");
    let refused = stage.post(FORM, &[&SHOWN[..], &[("do", "save")]].concat()).await;
    assert_eq!(refused.status, 403);
    assert!(stage.services.asked::<PutFormRequest>("RegistrantService/PutForm").is_empty(), "the service is not asked");
    // The door is not for those who look at figures, and no tab leads there.
    assert_eq!(stage.get("/console/check-in/night").await.status, 403);
    stage.get(FORM).await.lacks("/console/check-in/night");
}

#[tokio::test]
async fn too_many_tries_are_told_as_such_and_a_key_that_is_being_set_up_stays_good() {
    let stage = stage(Role::Organiser).await;
    stage.services.on("AccountService/ChangePassword", |_: ChangePasswordRequest| {
        Err::<ChangePasswordResponse, _>(Status::resource_exhausted(""))
    });
    stage.services.on("AccountService/ConfirmSecondFactor", |_: ConfirmSecondFactorRequest| {
        Err::<ConfirmSecondFactorResponse, _>(Status::resource_exhausted(""))
    });
    stage.services.on("AccountService/RemoveSecondFactor", |_: RemoveSecondFactorRequest| {
        Err::<RemoveSecondFactorResponse, _>(Status::resource_exhausted(""))
    });
    for act in ["password", "second-factor/confirm", "second-factor/remove"] {
        let page = stage.post(&format!("/console/account/{act}"), &[("code", "123456")]).await;
        assert_eq!(page.status, 429, "{act}");
        page.holds("Too many tries.");
        let asks_for_the_code = page.body.contains("action=\"/console/account/second-factor/confirm\"");
        assert_eq!(asks_for_the_code, act == "second-factor/confirm", "{act}");
    }
}
