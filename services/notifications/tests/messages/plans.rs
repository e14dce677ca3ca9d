//! Which messages there are, and when they go out, as registrations and events change.

use turnout_notifications::TABLES;
use turnout_platform::auth::Role;
use turnout_proto::{
    common::v1::LocalizedText,
    events::v1::{EventChange, RegistrationChange},
    notifications::v1::{
        GetMessageFiguresRequest, Message, MessageKind, MessageState, PutRemindersRequest, PutTemplateRequest,
        Reminder, Reminders, Template,
    },
    profiles::v1::ConsentAction,
    registration::v1::{EventState, RegistrationState},
};

use crate::{
    bed::{Bed, Ground, HOUR_MS, MINUTE_MS, START_MS, eventually},
    mail_server::MailServer,
    world::at,
};

const GALA: &str = "gala";
const DONE: &[MessageState] = &[MessageState::HandedOff];

/// An event in 48 hours at 08:00, and one registration.
async fn one_registration() -> (Ground, MailServer, Bed) {
    let (ground, server) = (Ground::new().await, MailServer::start().await);
    {
        let mut world = ground.world.lock().unwrap();
        world.event(GALA, START_MS + 48 * HOUR_MS);
        world.register(GALA, "r1", START_MS);
    }
    let bed = ground.start(Some(server.url()), None).await;
    bed.registration_changed(GALA, "r1", RegistrationChange::Registered, 1).await;
    (ground, server, bed)
}

#[tokio::test]
async fn item_8_a_registration_is_confirmed_once_with_a_link_and_a_calendar_entry() {
    let (_ground, server, bed) = one_registration().await;
    let message = bed.message_in(GALA, "r1", MessageKind::Confirmation, DONE).await;
    assert_eq!((message.occurrence.as_str(), message.attempts, message.maybe_twice), ("v1", 1, false));
    let mails = server.mails();
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].to, "r1@example.org");
    assert_eq!(mails[0].header("Subject"), Some("You are registered: Opening night"));
    assert!(mails[0].header("Message-ID").unwrap().starts_with(&format!("<acme.{}.", message.message_id)));
    assert!(mails[0].data.contains("https://turnout.example/r/gala.r1."), "{}", mails[0].data);
    assert!(mails[0].data.contains("METHOD:PUBLISH"), "{}", mails[0].data);

    // Told again, also under another id: nothing new.
    for _ in 0..3 {
        bed.registration_changed(GALA, "r1", RegistrationChange::Registered, 1).await;
    }
    bed.registration_changed(GALA, "r2", RegistrationChange::Registered, 1).await;
    bed.message_in(GALA, "r1", MessageKind::Reminder, &[MessageState::Planned]).await;
    assert_eq!(server.mails().len(), 1);
}

#[tokio::test]
async fn item_9_reminders_go_out_at_their_times_and_each_has_its_own_state() {
    let (ground, server, bed) = one_registration().await;
    let reminders = vec![Reminder { before_s: 24 * 3600 }, Reminder { before_s: 3600 }];
    let reminders = Some(Reminders { event_id: GALA.into(), reminders, version: 0 });
    bed.mesh("acme").put_reminders(PutRemindersRequest { reminders }).await.unwrap();
    let states = async || {
        let messages = bed.messages(GALA, "r1").await;
        let of =
            |occurrence: &str| messages.iter().find(|message| message.occurrence == occurrence).map(Message::state);
        (of("T-24h"), of("T-1h"))
    };
    let planned = Some(MessageState::Planned);
    eventually("both planned", async || (states().await == (planned, planned)).then_some(())).await;
    bed.message_in(GALA, "r1", MessageKind::Confirmation, DONE).await;

    ground.clock.advance_ms(24 * HOUR_MS);
    eventually("the first sent", async || (states().await == (Some(MessageState::HandedOff), planned)).then_some(()))
        .await;
    let mail = server.mails().pop().unwrap();
    assert_eq!(mail.header("Subject"), Some("Coming up: Opening night, Sunday, 17 January 2027"));
    assert_eq!(mail.header("List-Unsubscribe-Post"), Some("List-Unsubscribe=One-Click"));

    // The second is due at 07:00, in the quiet hours, and the event begins at their end.
    ground.clock.advance_ms(23 * HOUR_MS);
    eventually("the second left out", async || (states().await.1 == Some(MessageState::Skipped)).then_some(())).await;
    let messages = bed.messages(GALA, "r1").await;
    let second = messages.iter().find(|message| message.occurrence == "T-1h").unwrap();
    assert_eq!(second.reason, "quiet_hours_past_expiry");
}

#[tokio::test]
async fn item_9_a_reminder_fails_for_whom_the_server_refuses_and_for_nobody_else() {
    let (ground, server, bed) = one_registration().await;
    ground.world.lock().unwrap().register(GALA, "r2", START_MS);
    bed.registration_changed(GALA, "r2", RegistrationChange::Registered, 1).await;
    for id in ["r1", "r2"] {
        bed.message_in(GALA, id, MessageKind::Confirmation, DONE).await;
        bed.message_in(GALA, id, MessageKind::Reminder, &[MessageState::Planned]).await;
    }
    server.refuse("r2@example.org");
    ground.clock.advance_ms(24 * HOUR_MS);
    let failed = bed.message_in(GALA, "r2", MessageKind::Reminder, &[MessageState::Failed]).await;
    assert_eq!((failed.reason.as_str(), failed.attempts), ("smtp_5xx", 1));
    let reminded = bed.message_in(GALA, "r1", MessageKind::Reminder, DONE).await;
    assert_eq!((reminded.reason.as_str(), reminded.attempts), ("", 1));
    let mails = server.mails();
    assert_eq!((mails.len(), mails[2].to.as_str()), (3, "r1@example.org"));
}

#[tokio::test]
async fn what_is_due_later_in_its_minute_is_not_lost_when_the_minute_is_looked_at_before() {
    let ground = Ground::new().await;
    {
        let mut world = ground.world.lock().unwrap();
        world.event(GALA, START_MS + 48 * HOUR_MS + MINUTE_MS / 2);
        world.register(GALA, "r1", START_MS);
    }
    let bed = ground.start(None, None).await;
    bed.registration_changed(GALA, "r1", RegistrationChange::Registered, 1).await;
    bed.message_in(GALA, "r1", MessageKind::Confirmation, DONE).await;
    bed.message_in(GALA, "r1", MessageKind::Reminder, &[MessageState::Planned]).await;
    ground.clock.advance_ms(24 * HOUR_MS + MINUTE_MS / 6);
    let looked = async || (ground.looked_until_ms().await >= START_MS + 23 * HOUR_MS).then_some(());
    eventually("the worker looks at its minute", looked).await;
    bed.message_in(GALA, "r1", MessageKind::Reminder, &[MessageState::Planned]).await;
    ground.clock.advance_ms(MINUTE_MS / 2);
    bed.message_in(GALA, "r1", MessageKind::Reminder, DONE).await;
}

#[tokio::test]
async fn a_moved_event_is_told_and_its_reminder_is_sent_once_at_the_new_time() {
    let (ground, server, bed) = one_registration().await;
    bed.message_in(GALA, "r1", MessageKind::Confirmation, DONE).await;
    {
        let mut world = ground.world.lock().unwrap();
        let event = world.event(GALA, 0);
        event.starts_at = Some(at(START_MS + 72 * HOUR_MS));
        event.version = 2;
    }
    bed.event_changed(GALA, EventChange::Moved, 2).await;
    let change = bed.message_in(GALA, "r1", MessageKind::Change, DONE).await;
    assert_eq!(change.occurrence, "v2");
    let moved_to = Some(at(START_MS + 48 * HOUR_MS));
    let planned = async || {
        let messages = bed.messages(GALA, "r1").await;
        messages.into_iter().find(|message| message.kind() == MessageKind::Reminder && message.due_at == moved_to)
    };
    eventually("the reminder at its new time", planned).await;

    ground.clock.advance_ms(48 * HOUR_MS);
    bed.message_in(GALA, "r1", MessageKind::Reminder, DONE).await;
    // Moved once more, after the reminder: it is not sent again.
    {
        let mut world = ground.world.lock().unwrap();
        let event = world.event(GALA, 0);
        event.starts_at = Some(at(START_MS + 96 * HOUR_MS));
        event.version = 3;
    }
    bed.event_changed(GALA, EventChange::Moved, 3).await;
    let told = async || (server.mails().len() == 4).then_some(());
    eventually("confirmation, change, reminder, change", told).await;
    ground.clock.advance_ms(24 * HOUR_MS);
    bed.registration_changed(GALA, "r1", RegistrationChange::Details, 2).await;
    let message = bed.message_in(GALA, "r1", MessageKind::Reminder, DONE).await;
    assert_eq!(message.attempts, 1);
}

#[tokio::test]
async fn who_registers_again_after_a_cancellation_is_confirmed_again() {
    let (ground, server, bed) = one_registration().await;
    bed.message_in(GALA, "r1", MessageKind::Confirmation, DONE).await;
    let set = |state: RegistrationState, version| {
        let mut world = ground.world.lock().unwrap();
        let registration = world.register(GALA, "r1", 0);
        registration.state = state.into();
        registration.version = version;
    };
    set(RegistrationState::Cancelled, 2);
    bed.registration_changed(GALA, "r1", RegistrationChange::Cancelled, 2).await;
    bed.message_in(GALA, "r1", MessageKind::Cancellation, DONE).await;
    let reminder = bed.message_in(GALA, "r1", MessageKind::Reminder, &[MessageState::Skipped]).await;
    assert_eq!(reminder.reason, "cancelled");

    set(RegistrationState::Registered, 3);
    for _ in 0..2 {
        bed.registration_changed(GALA, "r1", RegistrationChange::Registered, 3).await;
    }
    bed.message_in(GALA, "r1", MessageKind::Reminder, &[MessageState::Planned]).await;
    eventually("confirmed again", async || (server.mails().len() == 3).then_some(())).await;
    let subjects: Vec<_> = server.mails().iter().map(|mail| mail.header("Subject").unwrap().to_owned()).collect();
    assert_eq!(subjects[1], "Your registration is cancelled: Opening night");
    assert_eq!(subjects[2], subjects[0]);
}

#[tokio::test]
async fn a_cancellation_that_was_announced_in_vain_is_told_to_nobody_and_the_real_one_is() {
    let (ground, server, bed) = one_registration().await;
    bed.message_in(GALA, "r1", MessageKind::Confirmation, DONE).await;
    // Announced, then not stored: the event is still at its first version.
    bed.event_changed(GALA, EventChange::Cancelled, 2).await;
    let work = TABLES.iter().find(|table| table.name == "fan_outs_by_event").unwrap();
    let is_vain = async || {
        let row = ground.tables.get(work, vec!["acme".into(), GALA.into(), "cancelled-2".into()]).await.unwrap()?;
        row.flag("vain").then_some(())
    };
    eventually("the work is in vain", is_vain).await;
    assert_eq!(bed.messages(GALA, "r1").await.iter().filter(|m| m.kind() == MessageKind::Cancellation).count(), 0);

    {
        let mut world = ground.world.lock().unwrap();
        let event = world.event(GALA, 0);
        (event.state, event.version) = (EventState::Cancelled.into(), 2);
    }
    bed.event_changed(GALA, EventChange::Cancelled, 2).await;
    bed.message_in(GALA, "r1", MessageKind::Cancellation, DONE).await;
    assert_eq!(server.mails().len(), 2);
}

#[tokio::test]
async fn a_cancelled_event_is_told_to_everybody_over_all_pages_and_reminders_stop() {
    let (ground, server, bed) = one_registration().await;
    bed.message_in(GALA, "r1", MessageKind::Reminder, &[MessageState::Planned]).await;
    {
        let mut world = ground.world.lock().unwrap();
        for id in 2..=7 {
            world.register(GALA, &format!("r{id}"), START_MS);
        }
        let event = world.event(GALA, 0);
        (event.state, event.version) = (EventState::Cancelled.into(), 2);
    }
    bed.event_changed(GALA, EventChange::Cancelled, 2).await;
    for id in 1..=7 {
        let message = bed.message_in(GALA, &format!("r{id}"), MessageKind::Cancellation, DONE).await;
        assert_eq!(message.occurrence, "event");
    }
    let told = server.mails();
    let cancelled = told.iter().filter(|mail| mail.header("Subject") == Some("Cancelled: Opening night"));
    assert_eq!(cancelled.count(), 7);
    bed.message_in(GALA, "r1", MessageKind::Reminder, &[MessageState::Skipped]).await;

    let request = GetMessageFiguresRequest { event_id: GALA.into() };
    let figures = bed.mesh("acme").get_message_figures(request).await.unwrap().into_inner().figures;
    let handed_off = figures
        .iter()
        .find(|figure| (figure.kind(), figure.state()) == (MessageKind::Cancellation, MessageState::HandedOff));
    assert_eq!(handed_off.map(|figure| figure.messages), Some(7), "{figures:?}");
}

#[tokio::test]
async fn a_nickname_has_a_state_too() {
    let ground = Ground::new().await;
    {
        let mut world = ground.world.lock().unwrap();
        world.event(GALA, START_MS + 48 * HOUR_MS);
        let registration = world.register(GALA, "r1", START_MS);
        registration.email.clear();
        registration.person_id.clear();
    }
    let bed = ground.start(None, None).await;
    bed.registration_changed(GALA, "r1", RegistrationChange::Registered, 1).await;
    let message = bed.message_in(GALA, "r1", MessageKind::Confirmation, &[MessageState::Skipped]).await;
    assert_eq!(message.reason, "no_address");
}

#[tokio::test]
async fn without_a_mail_server_mails_are_files() {
    let ground = Ground::new().await;
    {
        let mut world = ground.world.lock().unwrap();
        world.event(GALA, START_MS + 48 * HOUR_MS);
        world.register(GALA, "r1", START_MS);
    }
    let bed = ground.start(None, None).await;
    bed.registration_changed(GALA, "r1", RegistrationChange::Registered, 1).await;
    let message = bed.message_in(GALA, "r1", MessageKind::Confirmation, DONE).await;
    let files: Vec<_> = std::fs::read_dir(ground.mail_folder()).unwrap().map(|file| file.unwrap().path()).collect();
    let named = |file: &std::path::PathBuf| file.to_string_lossy().contains(&message.message_id);
    assert!(files.len() == 1 && named(&files[0]), "{files:?}");
    let mail = std::fs::read_to_string(&files[0]).unwrap();
    assert!(mail.contains("Subject: You are registered: Opening night\r\n"), "{mail}");
}

#[tokio::test]
async fn item_22_a_kind_that_is_turned_off_is_not_sent_and_says_so_and_the_other_is_sent() {
    let (confirmation, reminder) = (MessageKind::Confirmation, MessageKind::Reminder);
    for (off, on) in [(reminder, confirmation), (confirmation, reminder)] {
        let (ground, server) = (Ground::new().await, MailServer::start().await);
        {
            let mut world = ground.world.lock().unwrap();
            world.event(GALA, START_MS + 48 * HOUR_MS);
            world.register(GALA, "r1", START_MS);
        }
        let bed = ground.start(Some(server.url()), None).await;
        let words = Some(LocalizedText { texts: [("en".to_owned(), "Hello".to_owned())].into() });
        let template =
            Template { kind: off.into(), subject: words.clone(), body: words, off: true, ..Template::default() };
        let request = PutTemplateRequest { template: Some(template) };
        bed.member("acme", Role::Organiser).put_template(request).await.unwrap();

        bed.registration_changed(GALA, "r1", RegistrationChange::Registered, 1).await;
        let ended = [MessageState::HandedOff, MessageState::Skipped];
        bed.message_in(GALA, "r1", confirmation, &ended).await;
        bed.message_in(GALA, "r1", reminder, &[MessageState::Planned]).await;
        ground.clock.advance_ms(24 * HOUR_MS);
        bed.message_in(GALA, "r1", reminder, &ended).await;
        let not_sent = bed.message_in(GALA, "r1", off, &[MessageState::Skipped]).await;
        assert_eq!((not_sent.reason.as_str(), not_sent.attempts), ("kind_off", 0), "{off:?}");
        bed.message_in(GALA, "r1", on, DONE).await;
        assert_eq!(server.mails().len(), 1, "{off:?}");
    }
}

#[tokio::test]
async fn who_asked_for_reminders_is_told_at_night_that_the_event_begins() {
    let ground = Ground::new().await;
    {
        let mut world = ground.world.lock().unwrap();
        // At 07:00 the next morning, in the quiet hours.
        world.event(GALA, START_MS + 23 * HOUR_MS);
        for id in ["asked", "silent"] {
            world.register(GALA, id, START_MS);
        }
        world.consent("p-asked", "reminders", "email", ConsentAction::Granted, START_MS);
    }
    let bed = ground.start(None, None).await;
    let reminders = Some(Reminders { event_id: GALA.into(), reminders: vec![Reminder { before_s: 3600 }], version: 0 });
    bed.mesh("acme").put_reminders(PutRemindersRequest { reminders }).await.unwrap();
    for id in ["asked", "silent"] {
        bed.registration_changed(GALA, id, RegistrationChange::Registered, 1).await;
        bed.message_in(GALA, id, MessageKind::Reminder, &[MessageState::Planned]).await;
    }
    ground.clock.advance_ms(22 * HOUR_MS);
    bed.message_in(GALA, "asked", MessageKind::Reminder, DONE).await;
    let silent = bed.message_in(GALA, "silent", MessageKind::Reminder, &[MessageState::Skipped]).await;
    assert_eq!(silent.reason, "quiet_hours_past_expiry");
}
