//! What comes at the wrong time: a worker whose clock was ahead, a notice of what has not happened yet, a page that breaks. Nothing is
//! lost by it.

use turnout_notifications::{TABLES, transport::Reach};
use turnout_platform::tables::{Row, Value};
use turnout_proto::{
    events::v1::{EventChange, RegistrationChange},
    notifications::v1::{MessageKind, MessageState},
};

use crate::{
    bed::{Ground, HOUR_MS, MINUTE_MS, START_MS, eventually},
    receiver::Receiver,
    webhooks::{FIRST_WAIT_MS, PATIENT, process, wants},
};

const GALA: &str = "gala";
const DONE: &[MessageState] = &[MessageState::HandedOff];

async fn ground(registrations: usize) -> Ground {
    let ground = Ground::new().await;
    let mut world = ground.world.lock().unwrap();
    world.event(GALA, START_MS + 48 * HOUR_MS);
    for id in 1..=registrations {
        world.register(GALA, &format!("r{id}"), START_MS);
    }
    drop(world);
    ground
}

#[tokio::test]
async fn a_worker_whose_clock_was_ahead_loses_no_reminder() {
    let ground = ground(1).await;
    let progress = TABLES.iter().find(|table| table.name == "due_progress").unwrap();
    let ahead_ms = START_MS + 40 * HOUR_MS;
    let row = Row::new(progress).set("name", "all").set("minute", Value::Time(ahead_ms as i64)).set("version", 1_i64);
    assert_eq!(ground.tables.put_if_absent(row).await.unwrap(), None);

    let bed = ground.start(None, None).await;
    bed.registration_changed(GALA, "r1", RegistrationChange::Registered, 1).await;
    bed.message_in(GALA, "r1", MessageKind::Reminder, &[MessageState::Planned]).await;
    ground.clock.advance_ms(24 * HOUR_MS);
    bed.message_in(GALA, "r1", MessageKind::Reminder, DONE).await;
    assert_eq!(bed.counted("turnout_notifications_clock_ahead"), 1);
    assert!(ground.looked_until_ms().await < ahead_ms);
}

#[tokio::test]
async fn a_notice_of_what_was_announced_too_early_is_sent_when_it_is_announced_again() {
    let (ground, receiver) = (ground(0).await, Receiver::start().await);
    let bed = process(&ground, Reach::Anywhere, PATIENT).await;
    wants(&bed, &receiver.url(), 0).await;
    bed.registration_changed(GALA, "r1", RegistrationChange::Payment, 1).await;
    let in_state = async |state| {
        let messages = bed.messages(GALA, "r1").await;
        let notices: Vec<_> = messages.into_iter().filter(|message| message.kind() == MessageKind::Notice).collect();
        assert!(notices.len() <= 1, "{notices:?}");
        notices.into_iter().find(|notice| notice.state() == state)
    };
    let vain = eventually("it is left out", async || in_state(MessageState::Skipped).await).await;
    assert_eq!((vain.reason.as_str(), receiver.calls().len()), ("outdated", 0));

    ground.world.lock().unwrap().register(GALA, "r1", START_MS);
    ground.clock.advance_ms(FIRST_WAIT_MS);
    for _ in 0..2 {
        bed.registration_changed(GALA, "r1", RegistrationChange::Payment, 1).await;
    }
    let told = eventually("it is told", async || in_state(MessageState::HandedOff).await).await;
    assert_eq!(told.message_id, vain.message_id);
    assert_eq!(receiver.calls().len(), 1);
}

#[tokio::test]
async fn work_over_registrants_whose_pages_break_is_put_off_and_done_when_they_are_whole() {
    let ground = ground(5).await;
    let bed = ground.start(None, None).await;
    ground.world.lock().unwrap().pages_break = true;
    ground.world.lock().unwrap().event(GALA, 0).version = 2;
    bed.event_changed(GALA, EventChange::Moved, 2).await;
    let broken = || ground.world.lock().unwrap().pages_broken;
    eventually("it begins anew", async || (broken() > 1).then_some(())).await;
    // It is left alone then, while other work goes on.
    bed.registration_changed(GALA, "r1", RegistrationChange::Registered, 1).await;
    bed.message_in(GALA, "r1", MessageKind::Confirmation, DONE).await;
    assert_eq!(broken(), 2);
    ground.world.lock().unwrap().pages_break = false;
    for _ in 0..3 {
        ground.clock.advance_ms(2 * MINUTE_MS);
    }
    bed.message_in(GALA, "r5", MessageKind::Change, DONE).await;
}
