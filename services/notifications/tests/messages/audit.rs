//! The audit log: each method by which a member of the team changes something leaves an entry, without anybody's data in it, and changes
//! nothing where the entry cannot be made.

use std::fmt::Debug;

use tonic::{Code, Status};
use turnout_notifications::ACCESS;
use turnout_platform::auth::{Access, Role};
use turnout_proto::{
    common::v1::LocalizedText,
    notifications::v1::{
        GetMessageSettingsRequest, GetRemindersRequest, GetSendingStandingRequest, GetTemplateRequest,
        LiftMarketingStopRequest, LiftSuppressionRequest, ListSuppressionsRequest, MessageKind, MessageSettings,
        PutMessageSettingsRequest, PutRemindersRequest, PutTemplateRequest, Reminder, Reminders, ReplayNoticesRequest,
        ResendMessageRequest, ResetTemplateRequest, RotateReportSecretRequest, Template,
    },
};

use crate::{
    bed::{Bed, HOUR_MS, START_MS, refused},
    complaints::complaints,
    reports::{confirmed, report, secret},
    world::at,
};

const GALA: &str = "gala";
/// Methods that change nothing. A test mail is an answer to who asks for it.
const READS: &[&str] = &[
    "ListMessagesOfRegistrations",
    "ListMessagesOfPerson",
    "ListMessagesOfEvent",
    "GetMessageFigures",
    "GetTemplate",
    "PreviewTemplate",
    "SendTest",
    "GetReminders",
    "GetMessageSettings",
    "ListSuppressions",
    "GetSendingStanding",
];
/// Words that stand in what is put, and in no entry.
const PERSONAL: [&str; 4] = ["Zanzibar", "zoe@example.org", "s3cret", "r1@example.org"];

fn words(words: &str) -> Option<LocalizedText> {
    Some(LocalizedText { texts: [("en".to_owned(), words.to_owned())].into() })
}

/// Calls the method as an owner; none for one that is not known here.
async fn call(bed: &Bed, method: &str) -> Option<Result<(), Status>> {
    let (mut owner, kind) = (bed.member("acme", Role::Owner), MessageKind::Reminder.into());
    let reason = || "asked for by phone".to_owned();
    Some(match method {
        "ResendMessage" => {
            let request =
                ResendMessageRequest { event_id: GALA.into(), registration_id: "r1".into(), kind, reason: reason() };
            owner.resend_message(request).await.map(drop)
        }
        "PutTemplate" => {
            let (subject, body) = (words("To Zanzibar"), words("From Zanzibar"));
            let template = Some(Template { kind, event_id: GALA.into(), subject, body, off: true, version: 0 });
            owner.put_template(PutTemplateRequest { template }).await.map(drop)
        }
        "ResetTemplate" => owner.reset_template(ResetTemplateRequest { kind, event_id: GALA.into() }).await.map(drop),
        "PutReminders" => {
            let reminders = vec![Reminder { before_s: 3600 }];
            let reminders = Some(Reminders { event_id: GALA.into(), reminders, version: 0 });
            owner.put_reminders(PutRemindersRequest { reminders }).await.map(drop)
        }
        "PutMessageSettings" => {
            let settings = Some(MessageSettings {
                sender_name: "Zanzibar".into(),
                reply_to: "zoe@example.org".into(),
                webhook_url: "https://hooks.example.org/?token=s3cret".into(),
                ..MessageSettings::default()
            });
            owner.put_message_settings(PutMessageSettingsRequest { settings }).await.map(drop)
        }
        "RotateReportSecret" => owner.rotate_report_secret(RotateReportSecretRequest {}).await.map(drop),
        "LiftSuppression" => {
            let request = LiftSuppressionRequest { email: "r1@example.org".into(), reason: reason() };
            owner.lift_suppression(request).await.map(drop)
        }
        "ReplayNotices" => {
            // Nothing was told since tomorrow.
            let since = Some(at(START_MS + 24 * HOUR_MS));
            let request = ReplayNoticesRequest { since, reason: reason(), ..ReplayNoticesRequest::default() };
            owner.replay_notices(request).await.map(drop)
        }
        "LiftMarketingStop" => owner.lift_marketing_stop(LiftMarketingStopRequest { reason: reason() }).await.map(drop),
        _ => return None,
    })
}

/// All that these methods may change, as far as it can be read back.
async fn state(bed: &Bed) -> impl PartialEq + Debug {
    let mut owner = bed.member("acme", Role::Owner);
    let kind = MessageKind::Reminder.into();
    let template = owner.get_template(GetTemplateRequest { kind, event_id: GALA.into() }).await.unwrap().into_inner();
    let reminders = owner.get_reminders(GetRemindersRequest { event_id: GALA.into() }).await.unwrap().into_inner();
    let settings = owner.get_message_settings(GetMessageSettingsRequest {}).await.unwrap().into_inner();
    let suppressed = owner.list_suppressions(ListSuppressionsRequest::default()).await.unwrap().into_inner();
    let messages = bed.messages(GALA, "r1").await;
    let resent = messages.iter().filter(|message| message.occurrence.starts_with("again-")).count();
    let standing = owner.get_sending_standing(GetSendingStandingRequest {}).await.unwrap().into_inner().standing;
    let stopped = standing.unwrap().marketing_stopped;
    (template, reminders, settings, suppressed, resent, stopped)
}

#[tokio::test]
async fn item_41_each_writing_method_of_a_member_leaves_an_entry_and_does_nothing_where_it_cannot() {
    let (ground, _server, bed, id) = confirmed().await;
    let report_secret = secret(&bed).await;
    let bounced = report(&report_secret, "e1", START_MS / 1000, &id, "bounced_hard");
    bed.mesh("acme").apply_delivery_report(bounced).await.unwrap();
    complaints(&ground, 3).await;
    ground.world.lock().unwrap().audit.clear();

    let of_team = ACCESS.iter().filter(|(_, access)| matches!(access, Access::Team(_)));
    let mut acts = Vec::new();
    for method in of_team.map(|(path, _)| path.rsplit('/').next().unwrap()) {
        if READS.contains(&method) {
            continue;
        }
        let before = state(&bed).await;
        ground.world.lock().unwrap().log_away = true;
        let answer = call(&bed, method).await;
        refused(answer.unwrap_or_else(|| panic!("is {method} a read, or does it leave an entry?")), Code::Unavailable);
        ground.world.lock().unwrap().log_away = false;
        assert_eq!(state(&bed).await, before, "{method}");

        call(&bed, method).await.unwrap().unwrap();
        let entries = std::mem::take(&mut ground.world.lock().unwrap().audit);
        let [entry] = &entries[..] else { panic!("{method}: {entries:?}") };
        assert_eq!(entry.actor, "member:anna", "{method}");
        assert!(!entry.entry_id.is_empty(), "{method}");
        let told = format!("{entry:?}");
        assert!(PERSONAL.iter().all(|word| !told.contains(word)), "{told}");
        acts.push(format!("{} {} {}", entry.action, entry.subject.split(':').next().unwrap(), entry.detail));
    }
    assert_eq!(
        acts,
        [
            "message.resend registration ",
            "template.put event reminder: subject (de, en), text (de, en), turned off",
            "template.reset event reminder",
            "reminders.put event version 1: T-1h",
            "message-settings.put tenant version 1: sender, address for answers, webhook, quiet hours from minute 0 to 0",
            "report-secret.rotate tenant ",
            "suppression.lift suppression ",
            "notices.replay tenant 0 notices told since 2027-01-16T08:00:00Z",
            "marketing.lift tenant 3 complaints in 30 days",
        ]
    );
}

#[tokio::test]
async fn what_is_refused_for_its_version_is_not_entered() {
    let (ground, _server, bed, _) = confirmed().await;
    let owner = || bed.member("acme", Role::Owner);
    for method in ["PutTemplate", "PutReminders", "PutMessageSettings"] {
        call(&bed, method).await.unwrap().unwrap();
    }
    ground.world.lock().unwrap().audit.clear();
    for method in ["PutTemplate", "PutReminders", "PutMessageSettings"] {
        refused(call(&bed, method).await.unwrap(), Code::Aborted);
    }
    // And there is nothing to reset where nothing was put.
    let request = ResetTemplateRequest { kind: MessageKind::Change.into(), event_id: GALA.into() };
    owner().reset_template(request).await.unwrap();
    assert!(ground.world.lock().unwrap().audit.is_empty());
}
