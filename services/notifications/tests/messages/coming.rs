//! What answers to an invitation mean for messages: who declined is not reminded, who has not answered is asked.

use turnout_proto::{
    events::v1::{EventChange, RegistrationChange},
    notifications::v1::{MessageKind, MessageState},
    registration::v1::RsvpState,
};

use crate::{
    bed::{Bed, Ground, HOUR_MS, START_MS},
    mail_server::{Mail, MailServer},
    world::at,
};

const GALA: &str = "gala";
const DONE: &[MessageState] = &[MessageState::HandedOff];
const PLANNED: &[MessageState] = &[MessageState::Planned];

/// Somebody who was asked, whose reminder is due a day after the beginning.
async fn asked() -> (Ground, MailServer, Bed) {
    let (ground, server) = (Ground::new().await, MailServer::start().await);
    {
        let mut world = ground.world.lock().unwrap();
        world.event(GALA, START_MS + 48 * HOUR_MS).rsvp = true;
        world.register(GALA, "r1", START_MS).rsvp = RsvpState::Invited.into();
    }
    let bed = ground.start(Some(server.url()), None).await;
    bed.registration_changed(GALA, "r1", RegistrationChange::Registered, 1).await;
    bed.message_in(GALA, "r1", MessageKind::Confirmation, DONE).await;
    bed.message_in(GALA, "r1", MessageKind::Reminder, PLANNED).await;
    (ground, server, bed)
}

async fn answers(ground: &Ground, bed: &Bed, rsvp: RsvpState, version: i64) {
    {
        let mut world = ground.world.lock().unwrap();
        let registration = world.registrations.get_mut("r1").unwrap();
        (registration.rsvp, registration.version) = (rsvp.into(), version);
    }
    bed.registration_changed(GALA, "r1", RegistrationChange::Rsvp, version).await;
}

fn reminders(server: &MailServer) -> Vec<Mail> {
    let is_reminder = |mail: &Mail| mail.header("Subject").is_some_and(|subject| subject.starts_with("Coming up"));
    server.mails().into_iter().filter(is_reminder).collect()
}

#[tokio::test]
async fn item_21_who_declines_is_not_reminded_and_is_again_once_they_come_after_all() {
    let (ground, server, bed) = asked().await;
    answers(&ground, &bed, RsvpState::Declined, 2).await;
    let skipped = bed.message_in(GALA, "r1", MessageKind::Reminder, &[MessageState::Skipped]).await;
    assert_eq!((skipped.reason.as_str(), skipped.attempts), ("declined", 0));
    answers(&ground, &bed, RsvpState::Confirmed, 3).await;
    bed.message_in(GALA, "r1", MessageKind::Reminder, PLANNED).await;
    ground.clock.advance_ms(24 * HOUR_MS);
    bed.message_in(GALA, "r1", MessageKind::Reminder, DONE).await;
    assert_eq!(server.mails().len(), 2, "an answer makes no mail of its own");
    assert!(!reminders(&server)[0].data.contains("Answer now"));
}

#[tokio::test]
async fn item_21_who_declined_is_still_told_that_the_event_moved() {
    let (ground, server, bed) = asked().await;
    answers(&ground, &bed, RsvpState::Declined, 2).await;
    bed.message_in(GALA, "r1", MessageKind::Reminder, &[MessageState::Skipped]).await;
    {
        let mut world = ground.world.lock().unwrap();
        let event = world.events.get_mut(GALA).unwrap();
        (event.starts_at, event.version) = (Some(at(START_MS + 72 * HOUR_MS)), 2);
    }
    bed.event_changed(GALA, EventChange::Moved, 2).await;
    bed.message_in(GALA, "r1", MessageKind::Change, DONE).await;
    let reminder = bed.message_in(GALA, "r1", MessageKind::Reminder, &[MessageState::Skipped]).await;
    assert_eq!(reminder.reason, "declined");
    // They do not come, so nothing goes into their calendar.
    assert!(server.mails().iter().all(|mail| !mail.data.contains("SEQUENCE:4")));
    assert!(!server.mails().last().unwrap().data.contains("text/calendar"));
}

#[tokio::test]
async fn item_21_a_reminder_asks_who_has_not_answered_yet() {
    let (ground, server, bed) = asked().await;
    ground.clock.advance_ms(24 * HOUR_MS);
    bed.message_in(GALA, "r1", MessageKind::Reminder, DONE).await;
    assert!(reminders(&server)[0].data.contains("Please let us know whether you will be there."));
}
