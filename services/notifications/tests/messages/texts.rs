//! Text messages as the gateway sees them: what arrives, what is tried again, and that nobody gets one who did not ask for it.

use tonic::Code;
use turnout_platform::{auth::Role, vault::Vault};
use turnout_proto::{
    events::v1::RegistrationChange,
    notifications::v1::{
        LiftSuppressionRequest, ListSuppressionsRequest, Message, MessageChannel, MessageKind, MessageState,
    },
    profiles::v1::ConsentAction,
};

use crate::{
    bed::{Bed, Ground, HOUR_MS, MINUTE_MS, START_MS, eventually, refused},
    mail_server::MailServer,
    receiver::{Act, Receiver},
    reports::{report, secret},
};

const GALA: &str = "gala";
const PHONE: &str = "+358401234567";
const OTHER: &str = "+358409999999";
/// When the reminder is due.
const DUE_MS: u64 = 10_000;

/// An event whose reminder is due in some seconds, and people with a phone.
async fn ground(people: &[&str]) -> Ground {
    let ground = Ground::new().await;
    let mut world = ground.world.lock().unwrap();
    world.event(GALA, START_MS + 24 * HOUR_MS + DUE_MS);
    for id in people {
        world.register(GALA, id, START_MS).phone = PHONE.into();
        world.people.get_mut(&format!("p-{id}")).unwrap().phone = PHONE.into();
    }
    drop(world);
    ground
}

fn say(ground: &Ground, id: &str, action: ConsentAction) {
    let mut world = ground.world.lock().unwrap();
    world.consent(&format!("p-{id}"), "reminders", "sms", action, START_MS);
}

/// They register, and their reminders are planned.
async fn registered(bed: &Bed, people: &[&str]) {
    for id in people {
        bed.registration_changed(GALA, id, RegistrationChange::Registered, 1).await;
        bed.message_in(GALA, id, MessageKind::Reminder, &[MessageState::Planned]).await;
    }
}

/// One person who asked for texts, and a gateway that does this first.
async fn asked(acts: &[Act]) -> (Ground, Receiver, Bed) {
    let (ground, gateway) = (ground(&["asked"]).await, Receiver::start().await);
    gateway.will(acts);
    say(&ground, "asked", ConsentAction::Granted);
    let bed = ground.start_with(None, Some(gateway.url()), None).await;
    registered(&bed, &["asked"]).await;
    ground.clock.advance_ms(DUE_MS);
    (ground, gateway, bed)
}

/// The text to them, once it is in this state after so many tries.
async fn text_in(bed: &Bed, id: &str, state: MessageState, attempts: i32) -> Message {
    let found = async || {
        let texts = bed.messages(GALA, id).await.into_iter().filter(|m| m.channel() == MessageChannel::Sms);
        let texts: Vec<Message> = texts.collect();
        assert!(texts.len() <= 1, "{texts:?}");
        texts.into_iter().find(|text| text.state() == state && text.attempts == attempts)
    };
    eventually(&format!("{state:?} after {attempts} tries"), found).await
}

/// They were reminded by mail: whatever text there may be was made before.
async fn reminded_by_mail(bed: &Bed, id: &str) -> Vec<Message> {
    let reminded = async || {
        let messages = bed.messages(GALA, id).await;
        let by_mail = messages.iter().any(|message| {
            (message.kind(), message.channel(), message.state())
                == (MessageKind::Reminder, MessageChannel::Email, MessageState::HandedOff)
        });
        by_mail.then_some(messages)
    };
    eventually("reminded by mail", reminded).await
}

#[tokio::test]
async fn item_27_a_text_goes_to_who_asked_for_it_and_the_gateway_is_called_for_nobody_else() {
    let people = ["silent", "stopped", "asked"];
    let (ground, gateway) = (ground(&people).await, Receiver::start().await);
    say(&ground, "asked", ConsentAction::Granted);
    say(&ground, "stopped", ConsentAction::Granted);
    let bed = ground.start_with(None, Some(gateway.url()), None).await;
    registered(&bed, &people).await;
    say(&ground, "stopped", ConsentAction::Withdrawn);
    ground.clock.advance_ms(DUE_MS);
    for (id, texts) in [("asked", 1), ("silent", 0), ("stopped", 0)] {
        let messages = reminded_by_mail(&bed, id).await;
        let by_text = messages.iter().filter(|message| message.channel() == MessageChannel::Sms);
        assert_eq!(by_text.count(), texts, "{id}");
    }
    let text = text_in(&bed, "asked", MessageState::HandedOff, 1).await;
    let calls = gateway.calls();
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].line, "POST /hook?token=s3cret HTTP/1.1");
    assert_eq!(calls[0].header("content-type"), "application/json");
    assert_eq!(calls[0].header("idempotency-key"), text.message_id);
    let body = calls[0].json();
    assert_eq!((body["id"].as_str(), body["to"].as_str()), (Some(text.message_id.as_str()), Some(PHONE)));
    let words = body["text"].as_str().unwrap();
    let link =
        words.strip_prefix("Coming up: Opening night, Saturday, 16 January 2027 ").unwrap_or_else(|| panic!("{words}"));
    assert!(link.starts_with("https://turnout.example/r/gala.asked."), "{words}");
}

#[tokio::test]
async fn item_26_a_number_that_the_consent_was_not_given_for_gets_no_text_until_they_opt_in_again() {
    let (ground, gateway) = (ground(&["by_link", "by_stranger"]).await, Receiver::start().await);
    let vault = Vault::new(ground.tables.clone(), &ground.key, ground.clock.clone());
    let tenant = "acme".parse().unwrap();
    let opts_in = |id: &str, number: &str| {
        say(&ground, id, ConsentAction::Granted);
        let person = format!("p-{id}");
        let mut world = ground.world.lock().unwrap();
        let statements = world.consents.get_mut(&person).unwrap();
        statements.last_mut().unwrap().number_hash = vault.number_hash(&tenant, &person, number);
    };
    for id in ["by_link", "by_stranger"] {
        opts_in(id, PHONE);
        let mut world = ground.world.lock().unwrap();
        world.people.get_mut(&format!("p-{id}")).unwrap().phone = String::new();
        // Changed on the page of the registration, or given by somebody who registered the address anew.
        world.registrations.get_mut(id).unwrap().phone = OTHER.into();
    }
    ground.world.lock().unwrap().people.get_mut("p-by_stranger").unwrap().phone = OTHER.into();
    let bed = ground.start_with(None, Some(gateway.url()), None).await;
    registered(&bed, &["by_link", "by_stranger"]).await;
    opts_in("by_stranger", OTHER);
    ground.clock.advance_ms(DUE_MS);
    let messages = reminded_by_mail(&bed, "by_link").await;
    assert!(messages.iter().all(|message| message.channel() != MessageChannel::Sms), "{messages:?}");
    text_in(&bed, "by_stranger", MessageState::HandedOff, 1).await;
    let told: Vec<String> = gateway.calls().iter().map(|call| call.json()["to"].as_str().unwrap().to_owned()).collect();
    assert_eq!(told, [OTHER]);
}

#[tokio::test]
async fn a_number_that_takes_no_texts_is_found_by_itself_and_written_to_again_once_somebody_lifts_it() {
    let (_ground, _gateway, bed) = asked(&[]).await;
    let text = text_in(&bed, "asked", MessageState::HandedOff, 1).await;
    let bounced = report(&secret(&bed).await, "e1", START_MS / 1000, &text.message_id, "bounced_hard");
    bed.mesh("acme").apply_delivery_report(bounced).await.unwrap();
    let mut owner = bed.member("acme", Role::Owner);
    let list = ListSuppressionsRequest { email: "+358 40 1234567".into(), ..ListSuppressionsRequest::default() };
    let found = owner.list_suppressions(list.clone()).await.unwrap().into_inner().suppressions;
    assert_eq!((found.len(), found[0].channel()), (1, MessageChannel::Sms));
    let lift = |number: &str| LiftSuppressionRequest { email: number.into(), reason: "it works again".into() };
    owner.lift_suppression(lift(PHONE)).await.unwrap();
    refused(owner.lift_suppression(lift(PHONE)).await, Code::NotFound);
    refused(owner.lift_suppression(lift("0401234567")).await, Code::InvalidArgument);
    assert!(owner.list_suppressions(list).await.unwrap().into_inner().suppressions.is_empty());
}

#[tokio::test]
async fn a_text_that_the_gateway_refuses_for_now_is_the_same_text_a_minute_later() {
    for status in [429, 500, 503] {
        let (ground, gateway, bed) = asked(&[Act::Say(status)]).await;
        let text = text_in(&bed, "asked", MessageState::Queued, 1).await;
        assert_eq!(text.reason, "gateway_busy", "{status}");
        ground.clock.advance_ms(2 * MINUTE_MS);
        text_in(&bed, "asked", MessageState::HandedOff, 2).await;
        let calls = gateway.calls();
        assert_eq!(calls.len(), 2, "{status}");
        assert_eq!(calls[0].header("idempotency-key"), calls[1].header("idempotency-key"));
        assert_eq!(calls[0].body, calls[1].body);
    }
}

#[tokio::test]
async fn a_text_that_the_gateway_refuses_for_good_is_not_tried_again() {
    let (ground, gateway, bed) = asked(&[Act::Say(400)]).await;
    let text = text_in(&bed, "asked", MessageState::Failed, 1).await;
    assert_eq!(text.reason, "gateway_refused");
    ground.clock.advance_ms(2 * HOUR_MS);
    // What is due later than a retry would be has been looked at.
    let looked = async || (ground.looked_until_ms().await > START_MS + HOUR_MS).then_some(());
    eventually("later minutes are looked at", looked).await;
    assert_eq!(gateway.calls().len(), 1);
}

#[tokio::test]
async fn item_27_who_takes_the_opt_in_back_between_two_tries_gets_no_text() {
    let (ground, gateway, bed) = asked(&[Act::Say(503)]).await;
    text_in(&bed, "asked", MessageState::Queued, 1).await;
    say(&ground, "asked", ConsentAction::Withdrawn);
    ground.clock.advance_ms(2 * MINUTE_MS);
    let text = text_in(&bed, "asked", MessageState::Skipped, 1).await;
    assert_eq!(text.reason, "no_consent");
    assert_eq!(gateway.calls().len(), 1);
}

#[tokio::test]
async fn a_text_goes_out_while_the_mail_server_is_away() {
    let (ground, gateway) = (ground(&["asked"]).await, Receiver::start().await);
    say(&ground, "asked", ConsentAction::Granted);
    {
        let mut world = ground.world.lock().unwrap();
        world.event("other", START_MS + 72 * HOUR_MS);
        for id in 1..=8 {
            world.register("other", &format!("r{id}"), START_MS);
        }
    }
    let server = MailServer::start().await;
    let nobody = server.url();
    drop(server);
    let bed = ground.start_with(Some(nobody), Some(gateway.url()), None).await;
    registered(&bed, &["asked"]).await;
    for id in 1..=8 {
        bed.registration_changed("other", &format!("r{id}"), RegistrationChange::Registered, 1).await;
    }
    let left_alone = async || bed.metrics.render().contains("turnout_notifications_breaker_open 1\n").then_some(());
    eventually("the mail server is left alone", left_alone).await;
    // Sooner than it is tried again.
    ground.clock.advance_ms(DUE_MS);
    text_in(&bed, "asked", MessageState::HandedOff, 1).await;
    assert_eq!(gateway.calls().len(), 1);
    let reminders = bed.messages(GALA, "asked").await.into_iter().filter(|m| m.kind() == MessageKind::Reminder);
    let by_mail: Vec<Message> = reminders.filter(|message| message.channel() == MessageChannel::Email).collect();
    assert_eq!((by_mail[0].state(), by_mail[0].attempts), (MessageState::Planned, 0));
}
