//! The turn of a person and the one try that a mail server is given after it was away: neither is used up by whoever lacks the other.

use turnout_notifications::TABLES;
use turnout_platform::tables::{PutIf, Value};
use turnout_proto::{
    events::v1::RegistrationChange,
    notifications::v1::{MessageKind, MessageState, SendSecurityMessageRequest},
};

use crate::{
    bed::{Ground, HOUR_MS, MINUTE_MS, START_MS, eventually},
    mail_server::{Act, MailServer},
};

const GALA: &str = "gala";
/// As many as fail in a row before the server is left alone.
const PEOPLE: usize = 5;
/// After it the server is tried again, and so are the reminders.
const LATER_MS: u64 = 90_000;

/// As if another process had taken the person's turn for their reminder at that moment, and gathered what goes along.
async fn is_gathered_elsewhere(ground: &Ground, person: &str, at_ms: u64) {
    let turns = TABLES.iter().find(|table| table.name == "reminder_turns_by_person").unwrap();
    let turn = ground.tables.get(turns, vec!["acme".into(), person.into()]).await.unwrap().unwrap();
    let version = turn.int("version");
    let taken = turn.set("reminded_at", Value::Time(at_ms as i64)).set("version", version + 1);
    assert_eq!(ground.tables.put_if_version(taken, version).await.unwrap(), PutIf::Stored);
}

#[tokio::test]
async fn reminders_that_do_not_get_their_turn_leave_the_one_try_to_another_message() {
    let (ground, server) = (Ground::new().await, MailServer::start().await);
    let bed = ground.start(Some(server.url()), None).await;
    ground.world.lock().unwrap().event(GALA, START_MS + 48 * HOUR_MS);
    let people: Vec<String> = (1..=PEOPLE).map(|n| format!("r{n}")).collect();
    for id in &people {
        ground.world.lock().unwrap().register(GALA, id, START_MS);
        bed.registration_changed(GALA, id, RegistrationChange::Registered, 1).await;
        bed.message_in(GALA, id, MessageKind::Confirmation, &[MessageState::HandedOff]).await;
        bed.message_in(GALA, id, MessageKind::Reminder, &[MessageState::Planned]).await;
    }
    server.will(&[Act::CutBefore; PEOPLE]);
    ground.clock.advance_ms(24 * HOUR_MS);
    for id in &people {
        bed.message_in(GALA, id, MessageKind::Reminder, &[MessageState::Queued]).await;
    }
    assert!(bed.metrics.render().contains("turnout_notifications_breaker_open 1\n"));

    let later_ms = START_MS + 24 * HOUR_MS + LATER_MS;
    for id in &people {
        is_gathered_elsewhere(&ground, &format!("p-{id}"), later_ms).await;
    }
    ground.clock.advance_ms(LATER_MS);
    let after_it_ms = START_MS + 24 * HOUR_MS - MINUTE_MS;
    let looked = async || (ground.looked_until_ms().await >= after_it_ms).then_some(());
    eventually("all reminders are looked at", looked).await;
    let link = SendSecurityMessageRequest {
        kind: MessageKind::SignInLink.into(),
        email: "owner@example.org".into(),
        link_path: "/l/s3cr3t".into(),
        idempotency_key: "k1".into(),
        ..SendSecurityMessageRequest::default()
    };
    bed.mesh("acme").send_security_message(link).await.unwrap();
    eventually("the link is sent", async || (server.mails().len() == PEOPLE + 1).then_some(())).await;
}
