//! What comes back: signed reports of providers, people who unsubscribe.

use aws_lc_rs::hmac;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use tonic::Code;
use turnout_platform::auth::Role;
use turnout_proto::{
    events::v1::RegistrationChange,
    notifications::v1::{
        ApplyDeliveryReportRequest, ApplyReturnedMailRequest, LiftSuppressionRequest, ListSuppressionsRequest,
        MessageKind, MessageState, ResendMessageRequest, ResolveUnsubscribeRequest, RotateReportSecretRequest,
        UnsubscribeRequest,
    },
    profiles::v1::ConsentAction,
};

use crate::{
    bed::{Bed, Ground, HOUR_MS, START_MS, eventually, refused},
    mail_server::MailServer,
};

const GALA: &str = "gala";
const DONE: &[MessageState] = &[MessageState::HandedOff];

/// Somebody whose confirmation was handed over; gives its id.
pub async fn confirmed() -> (Ground, MailServer, Bed, String) {
    let (ground, server) = (Ground::new().await, MailServer::start().await);
    {
        let mut world = ground.world.lock().unwrap();
        world.event(GALA, START_MS + 48 * HOUR_MS);
        world.register(GALA, "r1", START_MS);
    }
    let bed = ground.start(Some(server.url()), None).await;
    bed.registration_changed(GALA, "r1", RegistrationChange::Registered, 1).await;
    let message = bed.message_in(GALA, "r1", MessageKind::Confirmation, DONE).await;
    bed.message_in(GALA, "r1", MessageKind::Reminder, &[MessageState::Planned]).await;
    (ground, server, bed, message.message_id)
}

/// A new secret for reports.
pub async fn secret(bed: &Bed) -> String {
    let request = RotateReportSecretRequest {};
    bed.member("acme", Role::Owner).rotate_report_secret(request).await.unwrap().into_inner().secret
}

/// A report about a message, signed.
pub fn report(secret: &str, id: &str, at_s: u64, message_id: &str, event: &str) -> ApplyDeliveryReportRequest {
    let body = format!("{{\"message_id\":\"{message_id}\",\"event\":\"{event}\"}}");
    let key = BASE64_STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    let tag = hmac::sign(&key, format!("{id}.{at_s}.{body}").as_bytes());
    ApplyDeliveryReportRequest {
        tenant_id: "acme".into(),
        id: id.into(),
        timestamp: at_s.to_string(),
        signature: format!("v1,{}", BASE64_STANDARD.encode(tag)),
        body: body.into_bytes(),
    }
}

#[tokio::test]
async fn a_hard_bounce_is_applied_once_and_the_address_is_not_written_to_until_somebody_lifts_it() {
    let (ground, server, bed, id) = confirmed().await;
    let (secret, at_s) = (secret(&bed).await, START_MS / 1000);
    let mut mesh = bed.mesh("acme");
    let bounced = report(&secret, "e1", at_s, &id, "bounced_hard");
    assert!(!mesh.apply_delivery_report(bounced.clone()).await.unwrap().into_inner().repeated);
    assert!(mesh.apply_delivery_report(bounced).await.unwrap().into_inner().repeated);
    // A late word about the same message does not undo it.
    mesh.apply_delivery_report(report(&secret, "e2", at_s, &id, "delivered")).await.unwrap();
    let message = bed.message_in(GALA, "r1", MessageKind::Confirmation, &[MessageState::Bounced]).await;
    assert_eq!(message.reason, "hard_bounce");

    ground.clock.advance_ms(24 * HOUR_MS);
    let reminder = bed.message_in(GALA, "r1", MessageKind::Reminder, &[MessageState::Skipped]).await;
    assert_eq!(reminder.reason, "suppressed");
    assert_eq!(server.mails().len(), 1);

    let mut support = bed.member("acme", Role::Support);
    let all = ListSuppressionsRequest::default();
    let listed = support.list_suppressions(all.clone()).await.unwrap().into_inner().suppressions;
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].reason, "hard_bounce");
    let lift = LiftSuppressionRequest { email: "R1@example.org".into(), reason: "mailbox works again".into() };
    support.lift_suppression(lift.clone()).await.unwrap();
    assert!(support.list_suppressions(all).await.unwrap().into_inner().suppressions.is_empty());
    refused(support.lift_suppression(lift).await, Code::NotFound);
    let acts: Vec<_> = ground.world.lock().unwrap().audit.iter().map(|entry| entry.action.clone()).collect();
    assert_eq!(acts, ["report-secret.rotate", "suppression.lift"]);
}

#[tokio::test]
async fn a_report_that_is_not_signed_now_by_the_tenants_secret_is_refused() {
    let (ground, _server, bed, id) = confirmed().await;
    let at_s = START_MS / 1000;
    let old = secret(&bed).await;
    let mut mesh = bed.mesh("acme");
    let forged = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    refused(mesh.apply_delivery_report(report(forged, "e1", at_s, &id, "delivered")).await, Code::PermissionDenied);
    refused(mesh.apply_delivery_report(report(&old, "e1", at_s - 301, &id, "delivered")).await, Code::PermissionDenied);
    let elsewhere =
        ApplyDeliveryReportRequest { tenant_id: "other".into(), ..report(&old, "e1", at_s, &id, "delivered") };
    refused(mesh.apply_delivery_report(elsewhere).await, Code::PermissionDenied);

    // The old secret is valid for a day beside the new one.
    let new = secret(&bed).await;
    for (key, id_of_report) in [(&old, "e2"), (&new, "e3")] {
        mesh.apply_delivery_report(report(key, id_of_report, at_s, &id, "deferred")).await.unwrap();
    }
    ground.clock.advance_ms(25 * HOUR_MS);
    let late = report(&old, "e4", at_s + 25 * 3600, &id, "delivered");
    refused(bed.mesh("acme").apply_delivery_report(late).await, Code::PermissionDenied);
}

#[tokio::test]
async fn a_rotation_that_is_repeated_ends_no_secret_before_its_24_hours() {
    let (ground, _server, bed, id) = confirmed().await;
    let mut secrets = vec![secret(&bed).await];
    ground.clock.advance_ms(HOUR_MS);
    for _ in 0..2 {
        secrets.push(secret(&bed).await);
    }
    let report_now = async |n: usize, hours: u64| {
        let at_s = START_MS / 1000 + hours * 3600;
        let report = report(&secrets[n], &format!("e{n}-{hours}"), at_s, &id, "deferred");
        bed.mesh("acme").apply_delivery_report(report).await
    };
    ground.clock.advance_ms(23 * HOUR_MS);
    for n in 0..3 {
        report_now(n, 24).await.unwrap();
    }
    ground.clock.advance_ms(HOUR_MS);
    for n in 0..2 {
        refused(report_now(n, 25).await, Code::PermissionDenied);
    }
    report_now(2, 25).await.unwrap();
}

#[tokio::test]
async fn old_secrets_are_few_at_a_time() {
    let (ground, _server, bed, _) = confirmed().await;
    for _ in 0..9 {
        secret(&bed).await;
    }
    let again = async || bed.member("acme", Role::Owner).rotate_report_secret(RotateReportSecretRequest {}).await;
    refused(again().await, Code::FailedPrecondition);
    ground.clock.advance_ms(24 * HOUR_MS);
    again().await.unwrap();
}

#[tokio::test]
async fn a_secret_that_cannot_be_noted_in_the_audit_log_is_not_changed() {
    let (ground, _server, bed, id) = confirmed().await;
    let known = secret(&bed).await;
    ground.world.lock().unwrap().away = true;
    let request = RotateReportSecretRequest {};
    refused(bed.member("acme", Role::Owner).rotate_report_secret(request).await, Code::Unavailable);
    ground.world.lock().unwrap().away = false;
    // Long after an old one would have ended.
    ground.clock.advance_ms(25 * HOUR_MS);
    let still_valid = report(&known, "e1", START_MS / 1000 + 25 * 3600, &id, "deferred");
    bed.mesh("acme").apply_delivery_report(still_valid).await.unwrap();
}

#[tokio::test]
async fn one_click_ends_reminders_and_a_resend_on_purpose_still_asks_for_a_reason() {
    let (ground, server, bed, _) = confirmed().await;
    let resend = |reason: &str| ResendMessageRequest {
        event_id: GALA.into(),
        registration_id: "r1".into(),
        kind: MessageKind::Reminder.into(),
        reason: reason.into(),
    };
    let mut support = bed.member("acme", Role::Support);
    refused(support.resend_message(resend("")).await, Code::InvalidArgument);
    refused(bed.member("acme", Role::Analyst).resend_message(resend("please")).await, Code::PermissionDenied);
    support.resend_message(resend("asked for it at the desk")).await.unwrap();
    eventually("sent again", async || (server.mails().len() == 2).then_some(())).await;
    assert_eq!(ground.world.lock().unwrap().audit[0].actor, "member:anna");

    let mail = server.mails().pop().unwrap();
    let link = mail.header("List-Unsubscribe").unwrap().trim_matches(['<', '>']).to_owned();
    let code = link.strip_prefix("https://turnout.example/u/").unwrap().to_owned();
    let mut mesh = bed.mesh("acme");
    let resolved =
        mesh.resolve_unsubscribe(ResolveUnsubscribeRequest { code: code.clone() }).await.unwrap().into_inner();
    assert_eq!((resolved.person_id.as_str(), resolved.purpose.as_str()), ("p-r1", "reminders"));
    refused(mesh.resolve_unsubscribe(ResolveUnsubscribeRequest { code: format!("{code}x") }).await, Code::NotFound);
    for (purpose, action) in [
        ("partners", ConsentAction::Granted),
        ("service-desk", ConsentAction::Granted),
        ("news", ConsentAction::Withdrawn),
    ] {
        ground.world.lock().unwrap().consent("p-r1", purpose, "email", action, START_MS);
    }
    mesh.unsubscribe(UnsubscribeRequest { code, all_marketing: true }).await.unwrap();
    {
        let world = ground.world.lock().unwrap();
        let by_click = world.consents["p-r1"].iter().filter(|statement| statement.channel == "*");
        let taken_back: Vec<_> = by_click.map(|it| (it.purpose.as_str(), it.channel.as_str(), it.action())).collect();
        let all = |purpose| (purpose, "*", ConsentAction::Withdrawn);
        assert_eq!(taken_back, [all("reminders"), all("marketing"), all("partners")]);
    }
    ground.clock.advance_ms(24 * HOUR_MS);
    let unsubscribed = async || {
        let messages = bed.messages(GALA, "r1").await;
        messages.into_iter().find(|message| message.reason == "unsubscribed")
    };
    eventually("the planned reminder is not sent", unsubscribed).await;
    assert_eq!(server.mails().len(), 2);
}

#[tokio::test]
async fn a_mail_that_a_server_returns_is_applied_once_and_only_who_has_the_mail_can_return_it() {
    let (_ground, server, bed, _) = confirmed().await;
    let (sent, mut mesh) = (server.mails().remove(0), bed.mesh("acme"));
    let mail_id = sent.header("Message-ID").unwrap();
    let returned = |mail_id: &str| ApplyReturnedMailRequest {
        mail: format!(
            "From: MAILER-DAEMON@example.org\nMIME-Version: 1.0\n\
             Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n\
             --b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; example.org\n\n\
             Final-Recipient: rfc822; r1@example.org\nAction: failed\nStatus: 5.1.1\n\n\
             --b\nContent-Type: text/rfc822-headers\n\nMessage-ID: {mail_id}\nTo: r1@example.org\n\n--b--\n"
        )
        .into_bytes(),
    };
    for forged in [mail_id.replace("acme.", "other."), mail_id.replace('<', "<x"), "<1@turnout.example>".to_owned()] {
        refused(mesh.apply_returned_mail(returned(&forged)).await, Code::PermissionDenied);
    }
    refused(
        mesh.apply_returned_mail(ApplyReturnedMailRequest { mail: b"Hello".to_vec() }).await,
        Code::PermissionDenied,
    );
    assert!(!mesh.apply_returned_mail(returned(mail_id)).await.unwrap().into_inner().repeated);
    assert!(mesh.apply_returned_mail(returned(mail_id)).await.unwrap().into_inner().repeated);
    let message = bed.message_in(GALA, "r1", MessageKind::Confirmation, &[MessageState::Bounced]).await;
    assert_eq!(message.reason, "hard_bounce");
    let all = ListSuppressionsRequest::default();
    let listed = bed.member("acme", Role::Support).list_suppressions(all).await.unwrap().into_inner().suppressions;
    assert_eq!(listed.len(), 1);
    let there = |line: &String| line.starts_with("MAIL FROM:<returns@turnout.example>");
    assert!(server.heard().iter().any(there), "servers return mails there: {:?}", server.heard());
}
