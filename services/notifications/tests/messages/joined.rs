//! Reminders of one person that are due together: one mail, and a state of its own for each.

use std::sync::{Arc, Mutex};

use turnout_notifications::{TABLES, transport::SmtpTransport};
use turnout_platform::{auth::Role, clock::Clock as _};
use turnout_proto::{
    events::v1::RegistrationChange,
    notifications::v1::{Message, MessageChannel, MessageKind, MessageState, ResendMessageRequest},
    profiles::v1::ConsentAction,
    registration::v1::EventState,
};

use crate::{
    bed::{Bed, Ground, HOUR_MS, MINUTE_MS, START_MS, eventually},
    faults::TakesAndHangs,
    mail_server::{Act, Mail, MailServer},
    receiver::Receiver,
    reports::{report, secret},
};

const DAY_MS: u64 = 24 * HOUR_MS;
/// So few minutes that a cluster goes through them at once.
const SOON_MS: u64 = 5 * MINUTE_MS;
const ADDRESS: &str = "anna@example.org";
const SENT: MessageState = MessageState::HandedOff;

/// Anna is registered for events with these titles; the reminder of each is due so long from now.
fn events(ground: &Ground, due_in_ms: &[(&str, u64)]) {
    let mut world = ground.world.lock().unwrap();
    for (title, due_in_ms) in due_in_ms {
        let event = id_of(title);
        world.event(&event, START_MS + DAY_MS + due_in_ms).title = (*title).into();
        let registration = world.register(&event, &format!("r-{event}"), START_MS);
        registration.person_id = "p-anna".into();
        registration.email = ADDRESS.into();
    }
    let person = world.people.values().next().unwrap().clone();
    world.people.insert("p-anna".into(), person);
}

fn id_of(title: &str) -> String {
    title.to_lowercase().replace(' ', "-")
}

/// All are confirmed, and all reminders planned.
async fn registered(bed: &Bed, titles: &[&str]) {
    for title in titles {
        let event = id_of(title);
        let id = format!("r-{event}");
        bed.registration_changed(&event, &id, RegistrationChange::Registered, 1).await;
        bed.message_in(&event, &id, MessageKind::Confirmation, &[SENT]).await;
        bed.message_in(&event, &id, MessageKind::Reminder, &[MessageState::Planned]).await;
    }
}

/// The reminders by mail of these events, once all are in this state.
async fn reminders_in(bed: &Bed, titles: &[&str], state: MessageState) -> Vec<Message> {
    let mut all = Vec::new();
    for title in titles {
        let found = async || reminder(bed, title).await.filter(|reminder| reminder.state() == state);
        all.push(eventually(&format!("{title} in {state:?}"), found).await);
    }
    all
}

async fn reminder(bed: &Bed, title: &str) -> Option<Message> {
    let event = id_of(title);
    let messages = bed.messages(&event, &format!("r-{event}")).await;
    let by_mail = |message: &Message| {
        (message.kind(), message.channel()) == (MessageKind::Reminder, MessageChannel::Email)
            && !message.occurrence.starts_with("again")
    };
    messages.into_iter().find(by_mail)
}

/// The mails that are no confirmations.
fn reminding(server: &MailServer) -> Vec<Mail> {
    let is_reminder = |mail: &Mail| mail.header("List-Unsubscribe").is_some();
    server.mails().into_iter().filter(is_reminder).collect()
}

/// Those that are not sent are put off by the 20 minutes, and then these are over.
async fn until_the_cap_is_over(ground: &Ground, bed: &Bed, titles: &[&str]) {
    ground.clock.advance_ms(MINUTE_MS);
    for title in titles {
        let is_settled = async || {
            let reminder = reminder(bed, title).await?;
            (reminder.state() == SENT || reminder.reason == "cap").then_some(())
        };
        eventually("sent or put off", is_settled).await;
    }
    ground.clock.advance_ms(19 * MINUTE_MS);
}

fn reasons(reminders: &[Message]) -> Vec<&str> {
    let mut reasons: Vec<_> = reminders.iter().map(|reminder| reminder.reason.as_str()).collect();
    reasons.sort_unstable();
    reasons
}

/// A ground with these events, a mail server and a process; everything is confirmed and planned.
async fn planned(due_in_ms: &[(&str, u64)]) -> (Ground, MailServer, Bed) {
    let (ground, server) = (Ground::new().await, MailServer::start().await);
    events(&ground, due_in_ms);
    let bed = ground.start(Some(server.url()), None).await;
    registered(&bed, &due_in_ms.iter().map(|(title, _)| *title).collect::<Vec<_>>()).await;
    (ground, server, bed)
}

const BOTH: &[&str] = &["Gala", "Late show"];

/// Two at the same moment, in an hour.
async fn both() -> (Ground, MailServer, Bed) {
    planned(&[("Gala", HOUR_MS), ("Late show", HOUR_MS)]).await
}

/// From the plan of two reminders to the bounce of their mail.
async fn course(ground: Ground) {
    let server = MailServer::start().await;
    events(&ground, &[("Gala", SOON_MS), ("Late show", SOON_MS)]);
    let bed = ground.start(Some(server.url()), None).await;
    registered(&bed, BOTH).await;
    ground.clock.advance_ms(SOON_MS);
    let sent = reminders_in(&bed, BOTH, SENT).await;
    assert_eq!(reasons(&sent), ["", "joined"]);
    let mails = reminding(&server);
    assert_eq!(mails.len(), 1);
    let (mail, carrier) = (&mails[0], sent.iter().find(|reminder| reminder.reason.is_empty()).unwrap());
    assert_eq!((mail.to.as_str(), mail.header("Subject")), (ADDRESS, Some("Coming up: Gala and Late show")));
    for words in ["This mail holds 2 reminders.", "Gala is coming up.", "Late show is coming up."] {
        assert!(mail.data.contains(words), "{words} is missing in\n{}", mail.data);
    }
    for event in ["gala", "late-show"] {
        assert!(mail.data.contains(&format!("https://turnout.example/r/{event}.r-{event}.")), "{}", mail.data);
    }
    assert_eq!(mail.data.matches("No more reminders: https://turnout.example/u/").count(), 1, "{}", mail.data);
    let mail_id = mail.header("Message-ID").unwrap().trim_matches(['<', '>']);
    assert!(mail_id.starts_with(&format!("acme.{}.", carrier.message_id)), "{mail_id}");

    let (secret, at_s) = (secret(&bed).await, (START_MS + SOON_MS) / 1000);
    let mut mesh = bed.mesh("acme");
    mesh.apply_delivery_report(report(&secret, "e1", at_s, mail_id, "delivered")).await.unwrap();
    assert_eq!(reasons(&reminders_in(&bed, BOTH, MessageState::Delivered).await), ["", "joined"]);
    mesh.apply_delivery_report(report(&secret, "e2", at_s, mail_id, "bounced_hard")).await.unwrap();
    assert_eq!(reasons(&reminders_in(&bed, BOTH, MessageState::Bounced).await), ["hard_bounce"; 2]);
}

#[tokio::test]
async fn reminders_of_two_events_at_one_moment_are_one_mail_and_what_becomes_of_it_shows_at_both() {
    course(Ground::new().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reminders_of_two_events_are_one_mail_on_a_cluster_too() {
    let test = "reminders_of_two_events_are_one_mail_on_a_cluster_too";
    let Some(ground) = Ground::on_a_cluster(test).await else { return };
    course(ground).await;
}

#[tokio::test]
async fn a_report_by_the_id_that_the_console_shows_reaches_all_in_the_mail() {
    let (ground, _server, bed) = both().await;
    ground.clock.advance_ms(HOUR_MS);
    let sent = reminders_in(&bed, BOTH, SENT).await;
    let rider = sent.iter().find(|reminder| reminder.reason == "joined").unwrap();
    let (secret, at_s) = (secret(&bed).await, (START_MS + HOUR_MS) / 1000);
    let bounced = report(&secret, "e1", at_s, &rider.message_id, "bounced_soft");
    bed.mesh("acme").apply_delivery_report(bounced).await.unwrap();
    reminders_in(&bed, BOTH, MessageState::Bounced).await;
}

#[tokio::test]
async fn what_is_due_within_the_window_goes_along_and_what_is_due_later_waits_for_its_20_minutes() {
    let due = [("Gala", HOUR_MS), ("Late show", HOUR_MS + 8 * MINUTE_MS), ("Encore", HOUR_MS + 15 * MINUTE_MS)];
    let (ground, server, bed) = planned(&due).await;
    ground.clock.advance_ms(HOUR_MS);
    reminders_in(&bed, BOTH, SENT).await;
    assert_eq!(reminding(&server).len(), 1);
    ground.clock.advance_ms(15 * MINUTE_MS);
    let capped = async || reminder(&bed, "Encore").await.filter(|encore| encore.reason == "cap");
    eventually("the third is put off", capped).await;
    ground.clock.advance_ms(5 * MINUTE_MS);
    let encore = reminders_in(&bed, &["Encore"], SENT).await;
    assert_eq!((reasons(&encore), reminding(&server).len()), (vec![""], 2));
}

#[tokio::test]
async fn of_two_events_one_of_which_is_cancelled_only_the_other_is_in_the_mail() {
    let (ground, server, bed) = both().await;
    ground.world.lock().unwrap().event("late-show", 0).state = EventState::Cancelled.into();
    ground.clock.advance_ms(HOUR_MS);
    let sent = reminders_in(&bed, &["Gala"], SENT).await;
    let skipped = reminders_in(&bed, &["Late show"], MessageState::Skipped).await;
    assert_eq!((reasons(&sent), reasons(&skipped)), (vec![""], vec!["cancelled"]));
    let mails = reminding(&server);
    assert_eq!(mails.len(), 1);
    assert!(mails[0].header("Subject").unwrap().starts_with("Coming up: Gala,"));
    assert!(!mails[0].data.contains("Late show"), "{}", mails[0].data);
}

#[tokio::test]
async fn of_more_than_fit_into_one_mail_the_rest_are_in_the_next() {
    let titles = ["One", "Two", "Three", "Four", "Five", "Six", "Seven"];
    let (ground, server, bed) = planned(&titles.map(|title| (title, HOUR_MS))).await;
    ground.clock.advance_ms(HOUR_MS);
    let sent = async || {
        let mut sent = 0;
        for title in titles {
            sent += usize::from(reminder(&bed, title).await?.state() == SENT);
        }
        Some(sent)
    };
    eventually("five are sent", async || sent().await.filter(|sent| *sent == 5)).await;
    let subjects = || -> Vec<String> {
        reminding(&server).iter().map(|mail| mail.header("Subject").unwrap().to_owned()).collect()
    };
    assert_eq!(subjects(), ["Coming up: 5 events"]);
    until_the_cap_is_over(&ground, &bed, &titles).await;
    reminders_in(&bed, &titles, SENT).await;
    assert_eq!(subjects().len(), 2);
    assert!(subjects()[1].contains(" and "), "{:?}", subjects());
}

#[tokio::test]
async fn the_end_of_the_quiet_hours_joins_what_waited_through_the_night() {
    // At 22:00 and at 23:00.
    let (ground, server, bed) = planned(&[("Gala", 14 * HOUR_MS), ("Late show", 15 * HOUR_MS)]).await;
    for title in BOTH {
        ground.clock.advance_ms(if *title == "Gala" { 14 * HOUR_MS } else { HOUR_MS });
        let waits = async || reminder(&bed, title).await.filter(|reminder| reminder.reason == "quiet_hours");
        eventually("it waits for the morning", waits).await;
    }
    assert!(reminding(&server).is_empty());
    ground.clock.advance_ms(9 * HOUR_MS);
    let sent = reminders_in(&bed, BOTH, SENT).await;
    assert_eq!((reasons(&sent), reminding(&server).len()), (vec!["", "joined"], 1));
}

#[tokio::test]
async fn each_reminder_of_a_mail_is_in_the_language_of_its_registration() {
    let (ground, server, bed) = both().await;
    ground.world.lock().unwrap().register("late-show", "r-late-show", 0).language = "de".into();
    ground.clock.advance_ms(HOUR_MS);
    reminders_in(&bed, BOTH, SENT).await;
    let mails = reminding(&server);
    assert_eq!(mails.len(), 1);
    assert!(mails[0].data.contains("Gala is coming up.") && mails[0].data.contains("bald beginnt Late show."));
}

#[tokio::test]
async fn a_worker_killed_between_hand_over_and_record_leaves_neither_reminder_to_be_sent_again() {
    let (ground, server, bed) = both().await;
    bed.kill().await;
    let taken = Arc::<Mutex<usize>>::default();
    let smtp = SmtpTransport::new(&server.url(), "test").unwrap();
    let bed = ground.start(None, Some(Arc::new(TakesAndHangs { smtp, taken: taken.clone() }))).await;
    ground.clock.advance_ms(HOUR_MS);
    eventually("handed over", async || (*taken.lock().unwrap() == 1).then_some(())).await;
    reminders_in(&bed, BOTH, MessageState::Sending).await;
    bed.kill().await;

    let bed = ground.start(Some(server.url()), None).await;
    ground.clock.advance_ms(3 * MINUTE_MS);
    let unknown = reminders_in(&bed, BOTH, MessageState::Unknown).await;
    assert!(unknown.iter().all(|reminder| reminder.attempts == 1), "{unknown:?}");
    assert_eq!(reminding(&server).len(), 1);
}

#[tokio::test]
async fn a_reminder_whose_end_was_not_written_down_any_more_follows_that_of_its_mail() {
    let (ground, server, bed) = both().await;
    ground.clock.advance_ms(HOUR_MS);
    let sent = reminders_in(&bed, BOTH, SENT).await;
    let rider = sent.into_iter().find(|reminder| reminder.reason == "joined").unwrap();
    // As if the process had died just before.
    let table = TABLES.iter().find(|table| table.name == "messages_by_id").unwrap();
    let key = vec!["acme".into(), rider.message_id.as_str().into()];
    let row = ground.tables.get(table, key).await.unwrap().unwrap();
    let version = row.int("version");
    let state = MessageState::Sending.as_str_name();
    let row = row.set("state", state).set("reason", "").set("version", version + 1);
    ground.tables.put_if_version(row, version).await.unwrap();

    ground.clock.advance_ms(3 * MINUTE_MS);
    assert_eq!(reasons(&reminders_in(&bed, BOTH, SENT).await), ["", "joined"]);
    assert_eq!(reminding(&server).len(), 1);
}

#[tokio::test]
async fn a_mail_whose_outcome_is_unknown_is_repeated_for_none_of_its_reminders() {
    let (ground, server, bed) = both().await;
    server.will(&[Act::TakeAndCut]);
    ground.clock.advance_ms(HOUR_MS);
    reminders_in(&bed, BOTH, MessageState::Unknown).await;
    assert_eq!(reminding(&server).len(), 1);
}

#[tokio::test]
async fn a_mail_that_is_refused_for_now_is_one_mail_at_its_next_try_too() {
    let (ground, server, bed) = both().await;
    server.will(&[Act::RefuseForNow]);
    ground.clock.advance_ms(HOUR_MS);
    let queued = reminders_in(&bed, BOTH, MessageState::Queued).await;
    assert_eq!(reasons(&queued), ["smtp_4xx"; 2]);
    ground.clock.advance_ms(2 * MINUTE_MS);
    let sent = reminders_in(&bed, BOTH, SENT).await;
    assert!(sent.iter().all(|reminder| reminder.attempts == 2), "{sent:?}");
    assert_eq!((reasons(&sent), reminding(&server).len()), (vec!["", "joined"], 1));
}

#[tokio::test]
async fn a_reminder_that_waits_for_its_next_try_and_is_then_left_out_leaves_its_turn_to_the_other() {
    let (ground, server, bed) = both().await;
    server.will(&[Act::RefuseForNow]);
    ground.clock.advance_ms(HOUR_MS);
    let mut queued = reminders_in(&bed, BOTH, MessageState::Queued).await;
    queued.sort_by_key(|reminder| reminder.due_at.unwrap().seconds);
    let [first, other] = queued.try_into().unwrap();
    ground.world.lock().unwrap().event(&first.event_id, 0).state = EventState::Cancelled.into();
    let wait = |until: &Message| (until.due_at.unwrap().seconds as u64 + 1) * 1000 - ground.clock.at_ms();
    ground.clock.advance_ms(wait(&first));
    bed.message_in(&first.event_id, &first.registration_id, MessageKind::Reminder, &[MessageState::Skipped]).await;
    ground.clock.advance_ms(wait(&other));
    let sent = bed.message_in(&other.event_id, &other.registration_id, MessageKind::Reminder, &[SENT]).await;
    assert_eq!((sent.attempts, sent.reason.as_str(), reminding(&server).len()), (2, "", 1));
}

#[tokio::test]
async fn what_a_server_refuses_for_good_is_the_end_of_one_and_the_other_is_tried_on_its_own() {
    let (ground, server, bed) = both().await;
    server.will(&[Act::Refuse]);
    ground.clock.advance_ms(HOUR_MS);
    let ended = async || {
        let both = [reminder(&bed, "Gala").await?, reminder(&bed, "Late show").await?];
        let mut states = both.each_ref().map(Message::state);
        states.sort_unstable();
        (states == [SENT, MessageState::Failed]).then_some(both)
    };
    let both = eventually("one failed and the other is sent", ended).await;
    assert_eq!(reasons(&both), ["", "smtp_5xx"]);
    assert_eq!(reminding(&server).len(), 1);
}

#[tokio::test]
async fn reminders_to_two_addresses_of_one_person_are_two_mails() {
    let (ground, server, bed) = both().await;
    ground.world.lock().unwrap().register("late-show", "r-late-show", 0).email = "other@example.org".into();
    ground.clock.advance_ms(HOUR_MS);
    let one = async || (reminding(&server).len() == 1).then_some(());
    eventually("one is sent", one).await;
    until_the_cap_is_over(&ground, &bed, BOTH).await;
    let sent = reminders_in(&bed, BOTH, SENT).await;
    assert_eq!(reasons(&sent), [""; 2]);
    let mut to: Vec<_> = reminding(&server).into_iter().map(|mail| mail.to).collect();
    to.sort_unstable();
    assert_eq!(to, [ADDRESS, "other@example.org"]);
}

#[tokio::test]
async fn a_reminder_that_is_sent_again_on_purpose_takes_nothing_along() {
    let (ground, server, bed) = both().await;
    ground.clock.advance_ms(HOUR_MS - 5 * MINUTE_MS);
    let request = ResendMessageRequest {
        event_id: "gala".into(),
        registration_id: "r-gala".into(),
        kind: MessageKind::Reminder.into(),
        reason: "asked on the phone".into(),
    };
    bed.member("acme", Role::Support).resend_message(request).await.unwrap();
    eventually("sent again", async || (reminding(&server).len() == 1).then_some(())).await;
    reminders_in(&bed, BOTH, MessageState::Planned).await;
    assert!(!reminding(&server)[0].data.contains("Late show"));
}

#[tokio::test]
async fn the_text_beside_a_reminder_goes_out_at_its_own_moment_also_where_its_mail_went_before() {
    let (ground, server) = (Ground::new().await, MailServer::start().await);
    let gateway = Receiver::start().await;
    events(&ground, &[("Gala", HOUR_MS), ("Late show", HOUR_MS + 8 * MINUTE_MS)]);
    {
        let mut world = ground.world.lock().unwrap();
        world.people.get_mut("p-anna").unwrap().phone = "+358401234567".into();
        world.consent("p-anna", "reminders", "sms", ConsentAction::Granted, START_MS);
    }
    let bed = ground.start_with(Some(server.url()), Some(gateway.url()), None).await;
    registered(&bed, BOTH).await;
    ground.clock.advance_ms(HOUR_MS);
    reminders_in(&bed, BOTH, SENT).await;
    eventually("the first text", async || (gateway.calls().len() == 1).then_some(())).await;
    ground.clock.advance_ms(8 * MINUTE_MS);
    eventually("the second text", async || (gateway.calls().len() == 2).then_some(())).await;
    assert_eq!(reminding(&server).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_that_look_at_the_same_moment_send_one_mail() {
    let (ground, server, bed) = both().await;
    let other = ground.start(Some(server.url()), None).await;
    ground.clock.advance_ms(HOUR_MS);
    assert_eq!(reasons(&reminders_in(&bed, BOTH, SENT).await), ["", "joined"]);
    ground.clock.advance_ms(30 * MINUTE_MS);
    // Both have looked at later minutes than those of any other try.
    let looked = async || (ground.looked_until_ms().await > START_MS + HOUR_MS + 20 * MINUTE_MS).then_some(());
    eventually("later minutes are looked at", looked).await;
    assert_eq!(reminding(&server).len(), 1);
    drop(other);
}
