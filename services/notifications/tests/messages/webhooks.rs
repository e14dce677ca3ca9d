//! Notices to the webhook of an organiser: signed, with ids only, tried until they are taken, and told apart from what never arrives.

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::json;
use turnout_notifications::{
    Ways,
    transport::{FolderTransport, Reach, WebhookSender},
};
use turnout_platform::{auth::Role, clock::Clock as _};
use turnout_proto::{
    events::v1::RegistrationChange,
    notifications::v1::{
        ListSuppressionsRequest, Message, MessageChannel, MessageKind, MessageSettings, MessageState,
        PutMessageSettingsRequest, RotateReportSecretRequest,
    },
};

use crate::{
    bed::{Bed, Ground, HOUR_MS, MINUTE_MS, START_MS, eventually, refused_field},
    receiver::{Act, Call, Receiver},
};

const GALA: &str = "gala";
/// The registration's version: what was announced of it up to this has happened.
pub const VERSION: i64 = 9;
/// Longer than the longest wait after the first try.
pub const FIRST_WAIT_MS: u64 = 7_000;

async fn ground() -> Ground {
    let ground = Ground::new().await;
    let mut world = ground.world.lock().unwrap();
    world.event(GALA, START_MS + 48 * HOUR_MS);
    world.register(GALA, "r1", START_MS).version = VERSION;
    drop(world);
    ground
}

/// A process whose notices reach so far and wait so long for an answer.
pub async fn process(ground: &Ground, reach: Reach, patience: Duration) -> Bed {
    let mail = Arc::new(FolderTransport::new(ground.mail_folder()));
    let webhooks = WebhookSender::with_patience(reach, patience).unwrap();
    ground.start_with(None, None, Some(Ways { mail, webhooks })).await
}

/// One whose tenant wants notices there.
async fn stage(acts: &[Act], patience: Duration) -> (Ground, Receiver, Bed) {
    let (ground, receiver) = (ground().await, Receiver::start().await);
    receiver.will(acts);
    let bed = process(&ground, Reach::Anywhere, patience).await;
    wants(&bed, &receiver.url(), 0).await;
    (ground, receiver, bed)
}

pub const PATIENT: Duration = Duration::from_secs(30);

fn settings(url: &str, version: i64) -> PutMessageSettingsRequest {
    let settings = MessageSettings {
        sender_name: "The Festival".into(),
        webhook_url: url.into(),
        version,
        ..MessageSettings::default()
    };
    PutMessageSettingsRequest { settings: Some(settings) }
}

pub async fn wants(bed: &Bed, url: &str, version: i64) {
    bed.member("acme", Role::Owner).put_message_settings(settings(url, version)).await.unwrap();
}

async fn secret(bed: &Bed) -> Vec<u8> {
    let request = RotateReportSecretRequest {};
    let shown = bed.member("acme", Role::Owner).rotate_report_secret(request).await.unwrap().into_inner().secret;
    BASE64_STANDARD.decode(shown.strip_prefix("whsec_").unwrap()).unwrap()
}

/// Says of the registration what leads to a notice and to no message.
pub async fn paid(bed: &Bed, version: i64) {
    bed.registration_changed(GALA, "r1", RegistrationChange::Payment, version).await;
}

/// The notice that came last and was tried so often, once it is in this state.
async fn notice(bed: &Bed, attempts: i32, state: MessageState) -> Message {
    let found = async || {
        let messages = bed.messages(GALA, "r1").await;
        let mut notices = messages.into_iter().filter(|message| message.kind() == MessageKind::Notice);
        notices.find(|message| (message.attempts, message.state()) == (attempts, state))
    };
    eventually(&format!("a notice in {state:?} after {attempts} tries"), found).await
}

#[tokio::test]
async fn a_notice_is_signed_and_tells_ids_and_no_name_or_address() {
    let (_ground, receiver, bed) = stage(&[], PATIENT).await;
    let (old, new) = (secret(&bed).await, secret(&bed).await);
    bed.registration_changed(GALA, "r1", RegistrationChange::Registered, 1).await;
    eventually("both notices", async || (receiver.calls().len() == 2).then_some(())).await;
    let confirmation = bed.message_in(GALA, "r1", MessageKind::Confirmation, &[MessageState::HandedOff]).await;
    let mut calls = receiver.calls();
    calls.sort_by_key(|call| std::cmp::Reverse(call.what()));
    let [registered, told] = calls.as_slice() else { panic!("{calls:?}") };
    let data = json!({ "event_id": GALA, "registration_id": "r1", "person_id": "p-r1", "version": 1 });
    assert_eq!((registered.what().as_str(), &registered.json()["data"]), ("registration.registered", &data));
    let data = json!({
        "message_id": confirmation.message_id,
        "event_id": GALA,
        "registration_id": "r1",
        "person_id": "p-r1",
        "kind": "confirmation",
        "occurrence": "v1",
        "channel": "email",
        "reason": "",
    });
    assert_eq!((told.what().as_str(), &told.json()["data"]), ("message.handed_off", &data));
    for call in &calls {
        assert_eq!(call.line, "POST /hook?token=s3cret HTTP/1.1");
        assert_eq!(call.header("content-type"), "application/json");
        // By the secret before the last, too: its receiver may not know the last one yet.
        assert!(call.is_genuine(&old, START_MS / 1000) && call.is_genuine(&new, START_MS / 1000), "{call:?}");
        assert!(!call.is_genuine(&[7; 32], START_MS / 1000));
        let text = String::from_utf8(call.body.clone()).unwrap();
        let (sequence, id) = (call.json()["sequence"].as_str().unwrap().to_owned(), call.header("webhook-id"));
        assert_eq!(sequence, format!("{START_MS}-{id}"), "it says where the notice stands");
        assert!(!text.contains("Anna") && !text.contains('@') && !text.contains("gala.r1."), "{text}");
    }
    let handed_off = notice(&bed, 1, MessageState::HandedOff).await;
    assert_eq!(handed_off.channel(), MessageChannel::Webhook);

    // The same once more is the same notice; the next is another.
    bed.registration_changed(GALA, "r1", RegistrationChange::Registered, 1).await;
    paid(&bed, 2).await;
    let is_payment = |call: &Call| call.what() == "registration.payment";
    eventually("the next", async || receiver.calls().iter().any(is_payment).then_some(())).await;
    let registered = receiver.calls().into_iter().filter(|call| call.what() == "registration.registered");
    assert_eq!(registered.count(), 1);
}

#[tokio::test]
async fn a_receiver_that_refuses_fails_or_redirects_gets_the_notice_again_until_it_takes_it() {
    let (ground, receiver, bed) = stage(&[Act::Say(404), Act::Say(503), Act::Say(307)], PATIENT).await;
    let secret = secret(&bed).await;
    paid(&bed, 2).await;
    let tries = [("webhook_4xx", FIRST_WAIT_MS), ("webhook_5xx", 7 * MINUTE_MS), ("webhook_3xx", 37 * MINUTE_MS)];
    let mut sent_s = vec![ground.clock.at_s()];
    for (attempts, (reason, wait_ms)) in (1..).zip(tries) {
        let refused = notice(&bed, attempts, MessageState::Queued).await;
        assert_eq!((refused.reason.as_str(), refused.maybe_twice), (reason, false));
        ground.clock.advance_ms(wait_ms);
        sent_s.push(ground.clock.at_s());
    }
    let taken = notice(&bed, 4, MessageState::HandedOff).await;
    assert_eq!((taken.reason.as_str(), taken.maybe_twice), ("", false));
    let calls = receiver.calls();
    assert_eq!(calls.len(), 4);
    for (call, at_s) in calls.iter().zip(sent_s) {
        assert_eq!(call.line, "POST /hook?token=s3cret HTTP/1.1", "no redirect is followed");
        assert_eq!(call.header("webhook-id"), taken.message_id);
        assert!(call.is_genuine(&secret, at_s), "signed anew for {at_s}: {call:?}");
    }
}

#[tokio::test]
async fn a_receiver_that_does_not_answer_in_time_gets_the_notice_again_with_the_same_id() {
    let (ground, receiver, bed) = stage(&[Act::Hang], Duration::from_millis(500)).await;
    paid(&bed, 2).await;
    let unsure = notice(&bed, 1, MessageState::Queued).await;
    assert_eq!((unsure.reason.as_str(), unsure.maybe_twice), ("no_answer", true));
    ground.clock.advance_ms(FIRST_WAIT_MS);
    let taken = notice(&bed, 2, MessageState::HandedOff).await;
    let ids: Vec<_> = receiver.calls().iter().map(|call| call.header("webhook-id").to_owned()).collect();
    assert_eq!(ids, [taken.message_id.clone(), taken.message_id]);
}

#[tokio::test]
async fn a_receiver_that_says_it_is_gone_is_not_called_until_its_address_is_saved_again() {
    let (_ground, receiver, bed) = stage(&[Act::Say(410)], PATIENT).await;
    paid(&bed, 2).await;
    let gone = notice(&bed, 1, MessageState::Failed).await;
    assert_eq!(gone.reason, "webhook_gone");
    let switched_off = async || {
        let all = ListSuppressionsRequest::default();
        let listed = bed.member("acme", Role::Support).list_suppressions(all).await.unwrap().into_inner().suppressions;
        listed.into_iter().find(|suppression| suppression.channel() == MessageChannel::Webhook)
    };
    assert_eq!(eventually("it is switched off", switched_off).await.reason, "webhook_gone");
    paid(&bed, 3).await;
    let skipped = notice(&bed, 0, MessageState::Skipped).await;
    assert_eq!((skipped.reason.as_str(), receiver.calls().len()), ("webhook_failing", 1));

    wants(&bed, &receiver.url(), 1).await;
    paid(&bed, 4).await;
    notice(&bed, 1, MessageState::HandedOff).await;
    assert_eq!(receiver.calls().len(), 2);
}

#[tokio::test]
async fn what_was_announced_and_then_not_stored_is_not_told() {
    let (ground, receiver, bed) = stage(&[], PATIENT).await;
    let outdated = async |occurrence: &str| {
        let found = async || {
            let mut messages = bed.messages(GALA, "r1").await.into_iter();
            messages.find(|message| message.occurrence == occurrence && message.state() == MessageState::Skipped)
        };
        eventually(&format!("{occurrence} is left out"), found).await
    };
    bed.registration_changed(GALA, "r1", RegistrationChange::Payment, VERSION + 1).await;
    assert_eq!(outdated("registration.payment").await.reason, "outdated");
    ground.world.lock().unwrap().registrations.clear();
    bed.registration_changed(GALA, "r1", RegistrationChange::Rsvp, VERSION).await;
    assert_eq!(outdated("registration.rsvp").await.reason, "outdated");
    assert_eq!(receiver.connections(), 0);
}

#[tokio::test]
async fn without_an_address_nothing_is_told_and_what_waits_is_dropped() {
    let (ground, receiver, bed) = stage(&[Act::Say(500)], PATIENT).await;
    paid(&bed, 2).await;
    notice(&bed, 1, MessageState::Queued).await;
    wants(&bed, "", 1).await;
    ground.clock.advance_ms(FIRST_WAIT_MS);
    let skipped = notice(&bed, 1, MessageState::Skipped).await;
    assert_eq!((skipped.reason.as_str(), receiver.calls().len()), ("webhook_off", 1));
}

#[tokio::test]
async fn an_address_inside_the_network_is_refused_and_nothing_is_sent_there() {
    let (ground, receiver) = (ground().await, Receiver::start().await);
    let bed = process(&ground, Reach::Public, PATIENT).await;
    let plain = bed.member("acme", Role::Owner).put_message_settings(settings(&receiver.url(), 0)).await;
    refused_field(plain, "webhook_url");
    wants(&bed, &format!("https://127.0.0.1:{}/hook", receiver.port), 0).await;
    paid(&bed, 2).await;
    let refused = notice(&bed, 1, MessageState::Failed).await;
    assert_eq!((refused.reason.as_str(), receiver.connections()), ("webhook_private", 0));
}

#[tokio::test]
async fn a_worker_killed_between_hand_over_and_record_leads_to_the_same_notice_once_more() {
    let (ground, receiver, bed) = stage(&[Act::Hang], PATIENT).await;
    paid(&bed, 2).await;
    eventually("handed over", async || (receiver.calls().len() == 1).then_some(())).await;
    bed.kill().await;

    let bed = process(&ground, Reach::Anywhere, PATIENT).await;
    notice(&bed, 1, MessageState::Sending).await;
    ground.clock.advance_ms(3 * MINUTE_MS);
    let unsure = notice(&bed, 1, MessageState::Queued).await;
    assert_eq!((unsure.reason.as_str(), unsure.maybe_twice), ("no_answer", true));
    ground.clock.advance_ms(FIRST_WAIT_MS);
    let taken = notice(&bed, 2, MessageState::HandedOff).await;
    let ids: Vec<_> = receiver.calls().iter().map(|call| call.header("webhook-id").to_owned()).collect();
    assert_eq!(ids, [taken.message_id.clone(), taken.message_id.clone()]);
    assert!(taken.maybe_twice);
}
