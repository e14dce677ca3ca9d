//! Who may send, and what it means when the mail server takes nothing from this sender: it is put right by the operator, and until then
//! no mail is given up.

use turnout_platform::auth::Role;
use turnout_proto::{
    common::v1::LocalizedText,
    events::v1::RegistrationChange,
    notifications::v1::{Message, MessageKind, MessageState, SendTestRequest, Template},
};

use crate::{
    bed::{Bed, Ground, HOUR_MS, MINUTE_MS, START_MS, eventually, refused_field},
    mail_server::{Act, MailServer},
};

const GALA: &str = "gala";

async fn confirmation_with(act: Act) -> (Ground, MailServer, Bed, Message) {
    let (ground, server) = (Ground::new().await, MailServer::start().await);
    server.will(&[act]);
    {
        let mut world = ground.world.lock().unwrap();
        world.event(GALA, START_MS + 48 * HOUR_MS);
        world.register(GALA, "r1", START_MS);
    }
    let bed = ground.start(Some(server.url()), None).await;
    bed.registration_changed(GALA, "r1", RegistrationChange::Registered, 1).await;
    let tried = async || {
        let messages = bed.messages(GALA, "r1").await;
        let mut of_kind = messages.into_iter().filter(|message| message.kind() == MessageKind::Confirmation);
        of_kind.find(|message| message.attempts == 1 && message.state() != MessageState::Sending)
    };
    let message = eventually("a try", tried).await;
    (ground, server, bed, message)
}

#[tokio::test]
async fn a_server_that_takes_nothing_from_this_sender_is_tried_again() {
    for (act, reason) in
        [(Act::RefuseSender, "smtp_5xx"), (Act::RefuseData, "smtp_5xx"), (Act::RefuseUnsigned, "smtp_4xx")]
    {
        let (ground, server, bed, message) = confirmation_with(act).await;
        assert_eq!((message.state(), message.reason.as_str()), (MessageState::Queued, reason), "{act:?}");
        ground.clock.advance_ms(2 * MINUTE_MS);
        let message = bed.message_in(GALA, "r1", MessageKind::Confirmation, &[MessageState::HandedOff]).await;
        assert_eq!((message.attempts, message.maybe_twice), (2, false), "{act:?}");
        assert_eq!(server.mails().len(), 1, "{act:?}");
    }
}

#[tokio::test]
async fn a_mail_that_is_itself_refused_is_given_up() {
    let (_ground, _server, _bed, message) = confirmation_with(Act::RefuseLong).await;
    assert_eq!((message.state(), message.reason.as_str()), (MessageState::Failed, "smtp_5xx"));
}

#[tokio::test]
async fn before_there_is_a_team_only_who_opened_the_first_link_tries_a_template() {
    let (ground, server) = (Ground::new().await, MailServer::start().await);
    let bed = ground.start(Some(server.url()), None).await;
    let words = |words: &str| Some(LocalizedText { texts: [("en".to_owned(), words.to_owned())].into() });
    let template = Template {
        kind: MessageKind::Reminder.into(),
        subject: words("Buy this"),
        body: words("Now"),
        ..Template::default()
    };
    let request = || SendTestRequest {
        template: Some(template.clone()),
        language: "en".into(),
        email: "anybody@example.org".into(),
    };
    refused_field(bed.member("acme", Role::Organiser).send_test(request()).await, "email");
    assert!(server.mails().is_empty());
    assert!(bed.first_link("acme").send_test(request()).await.unwrap().into_inner().handed_off);
}
