//! How mails are received, and telling the webhook again: what owners and organisers see of it, and what they can do.

use std::sync::{Arc, Mutex};

use tonic::{Code, Status};
use turnout_platform::auth::Role;
use turnout_proto::{
    notifications::v1::{
        GetMessageSettingsRequest, GetMessageSettingsResponse, GetRemindersRequest, GetRemindersResponse,
        GetSendingStandingRequest, GetSendingStandingResponse, LiftMarketingStopRequest, LiftMarketingStopResponse,
        MessageSettings, ReplayNoticesRequest, ReplayNoticesResponse, SendingLevel, SendingStanding,
    },
    registration::v1::{GetRegistrantSettingsRequest, GetRegistrantSettingsResponse},
};

use crate::stage::{Stage, at};

const SETTINGS: &str = "/console/settings";
const MESSAGES: &str = "/console/events/night/messages";
const STANDING: &str = "NotificationService/GetSendingStanding";
const REPLAY: &str = "NotificationService/ReplayNotices";

fn standing(level: SendingLevel, lifted: bool) -> SendingStanding {
    SendingStanding {
        mails: 1_000,
        complaints: 4,
        level: level.into(),
        marketing_stopped: level == SendingLevel::Stopped && !lifted,
        lifted_until: lifted.then(|| at(1_800_000_000)),
        ..SendingStanding::default()
    }
}

/// With this webhook and, while nobody says otherwise, mails that people want.
async fn stage(role: Role, webhook: &'static str) -> (Stage, Arc<Mutex<SendingStanding>>) {
    let stage = Stage::with(role).await;
    stage.services.on("NotificationService/GetMessageSettings", move |_: GetMessageSettingsRequest| {
        let settings = MessageSettings { webhook_url: webhook.into(), ..MessageSettings::default() };
        Ok(GetMessageSettingsResponse { settings: Some(settings), mail_transport: "smtp".into() })
    });
    stage.services.on("NotificationService/GetReminders", |_: GetRemindersRequest| Ok(GetRemindersResponse::default()));
    stage.services.on("RegistrantService/GetRegistrantSettings", |_: GetRegistrantSettingsRequest| {
        Ok(GetRegistrantSettingsResponse::default())
    });
    let now = Arc::new(Mutex::new(standing(SendingLevel::Fine, false)));
    let says = now.clone();
    stage.services.on(STANDING, move |_: GetSendingStandingRequest| {
        Ok(GetSendingStandingResponse { standing: Some(says.lock().unwrap().clone()) })
    });
    (stage, now)
}

#[tokio::test]
async fn a_warning_stands_where_messages_are_and_only_a_stop_can_be_lifted() {
    let (stage, now) = stage(Role::Owner, "").await;
    for page in [SETTINGS, MESSAGES] {
        stage.get(page).await.lacks("as spam").lacks("/console/settings/marketing");
    }
    *now.lock().unwrap() = standing(SendingLevel::Warned, false);
    for page in [SETTINGS, MESSAGES] {
        stage.get(page).await.holds("4 of 1,000 mails").holds("more than 0.1 %").lacks("/console/settings/marketing");
    }
    *now.lock().unwrap() = standing(SendingLevel::Stopped, false);
    stage.get(MESSAGES).await.holds("Marketing is stopped.").lacks("/console/settings/marketing");
    stage.get(SETTINGS).await.holds("Marketing is stopped.").holds("action=\"/console/settings/marketing\"");
    *now.lock().unwrap() = standing(SendingLevel::Stopped, true);
    stage.get(SETTINGS).await.holds("until 15 Jan 2027, 08:00:00 UTC").lacks("action=\"/console/settings/marketing\"");
    // Nobody can say: the page is there without it.
    stage
        .services
        .on(STANDING, |_: GetSendingStandingRequest| Err::<GetSendingStandingResponse, _>(Status::unavailable("away")));
    assert_eq!(stage.get(SETTINGS).await.status, 200);
}

#[tokio::test]
async fn an_owner_lifts_the_stop_with_a_reason_and_is_told_when_there_is_none() {
    const LIFT: &str = "NotificationService/LiftMarketingStop";
    let (stage, _) = stage(Role::Owner, "").await;
    stage.services.on(LIFT, |_: LiftMarketingStopRequest| Ok(LiftMarketingStopResponse::default()));
    let done = stage.post("/console/settings/marketing", &[("reason", "a bought list is gone")]).await;
    assert_eq!(done.header("location"), Some("/console/settings?did=marketing"));
    assert_eq!(stage.services.asked::<LiftMarketingStopRequest>(LIFT)[0].reason, "a bought list is gone");
    stage.services.on(LIFT, |_: LiftMarketingStopRequest| {
        Err::<LiftMarketingStopResponse, _>(Status::new(Code::FailedPrecondition, "marketing is not stopped"))
    });
    let late = stage.post("/console/settings/marketing", &[("reason", "a bought list is gone")]).await;
    assert_eq!(late.status, 409);
    late.holds("Marketing is not stopped.");
}

#[tokio::test]
async fn the_webhook_is_told_again_since_a_moment_and_the_page_says_how_much_and_where_to_go_on() {
    let (stage, _) = stage(Role::Owner, "https://hooks.example.org/in").await;
    stage.get(SETTINGS).await.holds("action=\"/console/settings/replay\"").holds("type=\"datetime-local\"");
    stage.services.on(REPLAY, |_: ReplayNoticesRequest| {
        let last_told_at = Some(at(1_800_000_061));
        Ok(ReplayNoticesResponse {
            queued: 10_000,
            last_notice_id: "n1".into(),
            last_told_at,
            more: true,
            lifted: true,
        })
    });
    let form = [("since", "2027-01-15T08:00"), ("reason", "the receiver was down"), ("once", "1")];
    let told = stage.post("/console/settings/replay", &form).await;
    assert_eq!(told.status, 200);
    told.holds("10,000 notices go out again").holds("it is called again");
    told.holds("value=\"2027-01-15T08:01:01\" step=\"1\"");
    let asked = stage.services.asked::<ReplayNoticesRequest>(REPLAY).remove(0);
    assert_eq!((asked.since.unwrap().seconds, asked.reason.as_str()), (1_800_000_000, "the receiver was down"));
    assert!(stage.services.keys(REPLAY)[0].is_some(), "the same form sent twice is one replay");

    let no_time = stage.post("/console/settings/replay", &[("since", "yesterday"), ("reason", "down")]).await;
    assert_eq!(no_time.status, 422);
    no_time.holds("Enter a day and a time.").holds("value=\"yesterday\"");
    assert_eq!(stage.services.asked::<ReplayNoticesRequest>(REPLAY).len(), 1);
}

#[tokio::test]
async fn without_a_webhook_there_is_nothing_to_tell_again_and_organisers_do_not_tell() {
    let (of_owner, _) = stage(Role::Owner, "").await;
    of_owner.get(SETTINGS).await.lacks("/console/settings/replay");
    let (of_organiser, _) = stage(Role::Organiser, "https://hooks.example.org/in").await;
    for path in ["/console/settings/replay", "/console/settings/marketing"] {
        assert_eq!(of_organiser.post(path, &[("reason", "please"), ("since", "2027-01-15T08:00")]).await.status, 403);
    }
}
