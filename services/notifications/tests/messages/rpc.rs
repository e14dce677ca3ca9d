//! The methods as callers see them: links, templates, settings, tenants and roles.

use tonic::Code;
use turnout_platform::auth::Role;
use turnout_proto::{
    common::v1::LocalizedText,
    notifications::v1::{
        GetMessageFiguresRequest, GetMessageSettingsRequest, GetTemplateRequest, ListMessagesOfPersonRequest,
        MessageKind, MessageSettings, PreviewTemplateRequest, PutMessageSettingsRequest, PutTemplateRequest,
        ResetTemplateRequest, SendSecurityMessageRequest, SendTestRequest, Template,
    },
};

use crate::{
    bed::{Ground, HOUR_MS, START_MS, eventually, refused, refused_field},
    mail_server::MailServer,
    world::at,
};

const GALA: &str = "gala";

fn text(language: &str, words: &str) -> Option<LocalizedText> {
    Some(LocalizedText { texts: [(language.to_owned(), words.to_owned())].into() })
}

fn template(subject: &str, body: &str) -> Template {
    Template {
        kind: MessageKind::Reminder.into(),
        subject: text("en", subject),
        body: text("en", body),
        ..Template::default()
    }
}

fn sign_in_link(key: &str) -> SendSecurityMessageRequest {
    SendSecurityMessageRequest {
        kind: MessageKind::SignInLink.into(),
        email: "anna@example.org".into(),
        name: "Anna".into(),
        link_path: "/l/s3cr3t".into(),
        language: "de".into(),
        idempotency_key: key.into(),
        expires_at: Some(at(START_MS + HOUR_MS)),
        ..SendSecurityMessageRequest::default()
    }
}

#[tokio::test]
async fn a_link_is_sent_at_once_at_any_hour_and_once() {
    let (ground, server) = (Ground::new().await, MailServer::start().await);
    ground.clock.advance_ms(15 * HOUR_MS);
    let bed = ground.start(Some(server.url()), None).await;
    let mut mesh = bed.mesh("acme");
    let link = SendSecurityMessageRequest { expires_at: Some(at(START_MS + 16 * HOUR_MS)), ..sign_in_link("k1") };
    let first = mesh.send_security_message(link.clone()).await.unwrap().into_inner().message_id;
    let second = mesh.send_security_message(link).await.unwrap().into_inner().message_id;
    assert_eq!(first, second);
    eventually("sent", async || (!server.mails().is_empty()).then_some(())).await;
    let mail = &server.mails()[0];
    assert_eq!(mail.header("Subject"), Some("Ihr Link zum Anmelden"));
    assert!(mail.data.contains("https://turnout.example/l/s3cr3t"), "{}", mail.data);

    let bad = SendSecurityMessageRequest { link_path: "//evil.example".into(), ..sign_in_link("k2") };
    refused_field(mesh.send_security_message(bad).await, "link_path");
    let bad = SendSecurityMessageRequest { kind: MessageKind::Reminder.into(), ..sign_in_link("k2") };
    refused_field(mesh.send_security_message(bad).await, "kind");
    let bad = SendSecurityMessageRequest { agreements: vec!["x".repeat(2001)], ..sign_in_link("k2") };
    refused_field(mesh.send_security_message(bad).await, "agreements");
    refused(bed.member("acme", Role::Owner).send_security_message(sign_in_link("k3")).await, Code::PermissionDenied);
    assert_eq!(server.mails().len(), 1);
}

#[tokio::test]
async fn the_messages_of_a_person_come_in_pages_the_newest_first() {
    let ground = Ground::new().await;
    let bed = ground.start(None, None).await;
    let mut sent = Vec::new();
    for key in ["k1", "k2", "k3", "k4", "k5"] {
        let link = SendSecurityMessageRequest { person_id: "p1".into(), ..sign_in_link(key) };
        sent.push(bed.mesh("acme").send_security_message(link).await.unwrap().into_inner().message_id);
        ground.clock.advance_ms(1000);
    }
    sent.reverse();
    let mut support = bed.member("acme", Role::Support);
    let of = |person_id: &str, page_size, page_token: &str| ListMessagesOfPersonRequest {
        person_id: person_id.into(),
        page_size,
        page_token: page_token.into(),
    };
    let (mut pages, mut token) = (Vec::new(), String::new());
    loop {
        let page = support.list_messages_of_person(of("p1", 2, &token)).await.unwrap().into_inner();
        pages.push(page.messages.into_iter().map(|message| message.message_id).collect::<Vec<_>>());
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
        refused_field(support.list_messages_of_person(of("p2", 2, &token)).await, "page_token");
    }
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1]);
    assert_eq!(pages.concat(), sent);
    assert_eq!(support.list_messages_of_person(of("p1", 0, "")).await.unwrap().into_inner().messages.len(), 5);
    refused_field(support.list_messages_of_person(of("p1", 201, "")).await, "page_size");
    refused_field(support.list_messages_of_person(of("p1", 0, "x")).await, "page_token");
}

#[tokio::test]
async fn a_template_is_tried_before_it_is_stored_and_the_nearest_one_is_used() {
    let ground = Ground::new().await;
    ground.world.lock().unwrap().event(GALA, START_MS + 48 * HOUR_MS);
    let bed = ground.start(None, None).await;
    let mut organiser = bed.member("acme", Role::Organiser);
    let put = |template: Template| PutTemplateRequest { template: Some(template) };

    let said = refused_field(organiser.put_template(put(template("Hi {{ person.age }}", "x"))).await, "subject");
    assert!(said.contains("person.age"), "{said}");
    let said = refused_field(organiser.put_template(put(template("Hi", "one\n{% if %}"))).await, "body");
    assert!(said.contains("line 2"), "{said}");
    refused(bed.member("acme", Role::Support).put_template(put(template("Hi", "x"))).await, Code::PermissionDenied);

    let own = organiser.put_template(put(template("Ours {{ event.title }}", "x"))).await.unwrap().into_inner();
    assert_eq!(own.template.unwrap().version, 1);
    refused(organiser.put_template(put(template("Late", "x"))).await, Code::Aborted);
    let of_event = Template { event_id: GALA.into(), ..template("Gala", "x") };
    organiser.put_template(put(of_event)).await.unwrap();

    let get = |event: &str| GetTemplateRequest { kind: MessageKind::Reminder.into(), event_id: event.into() };
    let mut analyst = bed.member("acme", Role::Analyst);
    let mut subject = async |event: &str| {
        let answer = analyst.get_template(get(event)).await.unwrap().into_inner();
        answer.template.unwrap().subject.unwrap().texts["en"].clone()
    };
    assert_eq!(subject(GALA).await, "Gala");
    assert_eq!(subject("").await, "Ours {{ event.title }}");
    let reset = ResetTemplateRequest { kind: MessageKind::Reminder.into(), event_id: GALA.into() };
    organiser.reset_template(reset).await.unwrap();
    assert_eq!(subject(GALA).await, "Ours {{ event.title }}");
    refused(organiser.get_template(get("nosuch")).await, Code::NotFound);
}

#[tokio::test]
async fn a_text_for_a_mail_that_brings_a_link_is_not_stored_without_the_link_and_what_it_agrees_to() {
    const AGREED: &str = "{% for agreement in link.agreements %}- {{ agreement }}\n{% endfor %}";
    let ground = Ground::new().await;
    let bed = ground.start(None, None).await;
    let mut organiser = bed.member("acme", Role::Organiser);
    let mut put = async |kind: MessageKind, body: &str| {
        let template = Template { kind: kind.into(), ..template("A link for you", body) };
        organiser.put_template(PutTemplateRequest { template: Some(template) }).await
    };
    let links = [MessageKind::SignInLink, MessageKind::Verification, MessageKind::Reset, MessageKind::Invitation];
    for kind in links {
        let hides = "{% if link.agreements %}x{% else %}{{ link.url }}{% endif %}";
        for body in ["Welcome, {{ person.name }}", hides, "{{ registration.url }} {{ event.url }}"] {
            let said = refused_field(put(kind, body).await, "body");
            assert!(said.contains("en: {{ link.url }} must stand in it"), "{kind:?}, {body}: {said}");
        }
    }
    let said = refused_field(put(MessageKind::Verification, "[Yes]({{ link.url }})").await, "body");
    assert!(said.contains("link.agreements must stand in it"), "{said}");
    for kind in links {
        put(kind, &format!("{AGREED}\n[Open]({{{{ link.url }}}})")).await.unwrap();
    }
    // What brings no link needs none.
    put(MessageKind::Reminder, "See you.").await.unwrap();
}

#[tokio::test]
async fn a_preview_shows_an_invented_person_and_a_test_goes_to_the_team_only() {
    let (ground, server) = (Ground::new().await, MailServer::start().await);
    ground.world.lock().unwrap().team.push("anna@acme.example".into());
    let bed = ground.start(Some(server.url()), None).await;
    let mut organiser = bed.member("acme", Role::Organiser);
    let template = template("See you, {{ person.name }}", "[Open]({{ registration.url }})");
    let preview = PreviewTemplateRequest { template: Some(template.clone()), language: "en".into() };
    let preview = organiser.preview_template(preview).await.unwrap().into_inner();
    assert_eq!(preview.subject, "See you, Robin Example");
    assert!(preview.text.starts_with("Open: https://turnout.example/r/preview\n"), "{}", preview.text);
    assert!(preview.html.contains("class=\"button\""));

    let test =
        |email: &str| SendTestRequest { template: Some(template.clone()), language: "en".into(), email: email.into() };
    refused_field(organiser.send_test(test("victim@example.org")).await, "email");
    let sent = organiser.send_test(test("Anna@acme.example")).await.unwrap().into_inner();
    assert!(sent.handed_off, "{}", sent.answer);
    assert_eq!(server.mails().len(), 1);
}

#[tokio::test]
async fn settings_are_the_owners_and_are_kept() {
    let ground = Ground::new().await;
    let bed = ground.start(None, None).await;
    let get = async |role| {
        let answer = bed.member("acme", role).get_message_settings(GetMessageSettingsRequest {}).await;
        answer.unwrap().into_inner()
    };
    let usual = get(Role::Analyst).await;
    assert_eq!(usual.mail_transport, "folder");
    let settings = usual.settings.unwrap();
    assert_eq!((settings.sender_name.as_str(), settings.quiet_from_min, settings.quiet_to_min), ("acme", 1260, 480));

    let changed = MessageSettings {
        sender_name: "Acme Films".into(),
        reply_to: "hi@acme.example".into(),
        webhook_url: "https://hooks.acme.example/in?token=s3cret".into(),
        ..settings
    };
    let put = PutMessageSettingsRequest { settings: Some(changed.clone()) };
    refused(bed.member("acme", Role::Organiser).put_message_settings(put.clone()).await, Code::PermissionDenied);
    let mut owner = bed.member("acme", Role::Owner);
    owner.put_message_settings(put.clone()).await.unwrap();
    refused(owner.put_message_settings(put).await, Code::Aborted);
    assert_eq!(get(Role::Owner).await.settings, Some(MessageSettings { version: 1, ..changed.clone() }));
    // The address may hold a secret.
    let shown = MessageSettings { version: 1, webhook_url: String::new(), ..changed };
    for role in [Role::Organiser, Role::Support, Role::Analyst] {
        assert_eq!(get(role).await.settings, Some(shown.clone()), "{role:?}");
    }
    let at_the_door = bed.member("acme", Role::Moderator).get_message_settings(GetMessageSettingsRequest {}).await;
    refused(at_the_door, Code::PermissionDenied);
    let of_mesh = bed.mesh("acme").get_message_settings(GetMessageSettingsRequest {}).await.unwrap().into_inner();
    assert_eq!(of_mesh.settings, Some(shown));
}

#[tokio::test]
async fn an_event_that_is_not_the_tenants_is_not_found() {
    let ground = Ground::new().await;
    let bed = ground.start(None, None).await;
    let request = GetMessageFiguresRequest { event_id: "theirs".into() };
    refused(bed.member("acme", Role::Owner).get_message_figures(request).await, Code::NotFound);
}
