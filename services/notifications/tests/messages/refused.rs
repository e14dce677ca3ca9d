//! Another service refuses for good to say what a message needs: it is asked for an hour, and not for ever. Whoever is only away is asked
//! until they are back, which `faults` tests.

use tonic::Code;
use turnout_notifications::TABLES;
use turnout_platform::tables::{Range, Row, Table, Value};
use turnout_proto::{
    events::v1::{EventChange, RegistrationChange},
    notifications::v1::{Message, MessageKind, MessageState},
};

use crate::{
    bed::{Bed, Ground, HOUR_MS, MINUTE_MS, START_MS, eventually},
    mail_server::MailServer,
    world::at,
};

const GALA: &str = "gala";
const DONE: &[MessageState] = &[MessageState::HandedOff];
/// Minutes in which plans are looked for.
const MINUTES: u64 = 2 * 60;
/// How often it is put off.
const ROUNDS: u64 = 20;
const GIVEN_UP: &str = "turnout_notifications_refused_by_a_service";

async fn ground() -> Ground {
    let ground = Ground::new().await;
    {
        let mut world = ground.world.lock().unwrap();
        world.event(GALA, START_MS + 48 * HOUR_MS);
        world.register(GALA, "r1", START_MS);
    }
    ground
}

/// From now on registration refuses what notifications asks about registrations.
fn refuse(ground: &Ground, code: Code) {
    ground.world.lock().unwrap().refuses = Some(("::GetRegistrationRequest", code));
}

fn answer(ground: &Ground) {
    ground.world.lock().unwrap().refuses = None;
}

fn table(name: &str) -> &'static Table {
    TABLES.iter().find(|table| table.name == name).unwrap()
}

/// The rows that lead to what is to be planned.
async fn plans(ground: &Ground) -> Vec<Row> {
    let mut plans = Vec::new();
    for minute in 0..MINUTES {
        let minute = Value::Time((START_MS + minute * MINUTE_MS) as i64);
        for shard in 0..4_i64 {
            let range = Range::of(table("due_by_minute"), vec![minute.clone(), shard.into()]);
            plans.extend(ground.tables.range(range).await.unwrap().rows);
        }
    }
    plans.retain(|row| row.text("what") == "plan");
    plans
}

/// Since when what is to be planned is refused.
async fn refused_since(ground: &Ground) -> Option<i64> {
    plans(ground).await.iter().find_map(|row| row.opt_time("refused_at"))
}

async fn of_kind(bed: &Bed, kind: MessageKind) -> Vec<Message> {
    let messages = bed.messages(GALA, "r1").await;
    messages.into_iter().filter(|message| message.kind() == kind).collect()
}

async fn given_up(bed: &Bed) {
    eventually("it is given up", async || (bed.counted(GIVEN_UP) == 1).then_some(())).await;
}

#[tokio::test]
async fn a_message_whose_question_is_refused_waits_an_hour_and_is_then_given_up_with_the_reason() {
    let (ground, server) = (ground().await, MailServer::start().await);
    let bed = ground.start(Some(server.url()), None).await;
    bed.registration_changed(GALA, "r1", RegistrationChange::Registered, 1).await;
    bed.message_in(GALA, "r1", MessageKind::Confirmation, DONE).await;
    bed.message_in(GALA, "r1", MessageKind::Reminder, &[MessageState::Planned]).await;
    refuse(&ground, Code::FailedPrecondition);
    ground.clock.advance_ms(24 * HOUR_MS);
    let marked = async || {
        let reminder = of_kind(&bed, MessageKind::Reminder).await.pop()?;
        (reminder.reason == "service_refused").then_some(reminder)
    };
    let reminder = eventually("the refusal is written down", marked).await;
    assert_eq!(reminder.state(), MessageState::Planned, "it may be put right");
    ground.clock.advance_ms(HOUR_MS + 3 * MINUTE_MS);
    let skipped = bed.message_in(GALA, "r1", MessageKind::Reminder, &[MessageState::Skipped]).await;
    assert_eq!((skipped.reason.as_str(), skipped.attempts), ("service_refused", 0));
    given_up(&bed).await;
    assert_eq!(server.mails().len(), 1);

    // It is put right, and the event is later: the reminder is planned anew.
    answer(&ground);
    {
        let mut world = ground.world.lock().unwrap();
        let event = world.event(GALA, 0);
        (event.starts_at, event.version) = (Some(at(START_MS + 72 * HOUR_MS)), 2);
    }
    bed.event_changed(GALA, EventChange::Moved, 2).await;
    bed.message_in(GALA, "r1", MessageKind::Reminder, &[MessageState::Planned]).await;
}

#[tokio::test]
async fn a_message_whose_question_is_answered_within_the_hour_goes_out() {
    let (ground, server) = (ground().await, MailServer::start().await);
    let bed = ground.start(Some(server.url()), None).await;
    bed.registration_changed(GALA, "r1", RegistrationChange::Registered, 1).await;
    bed.message_in(GALA, "r1", MessageKind::Reminder, &[MessageState::Planned]).await;
    refuse(&ground, Code::InvalidArgument);
    ground.clock.advance_ms(24 * HOUR_MS);
    let marked = async || {
        let reminder = of_kind(&bed, MessageKind::Reminder).await.pop()?;
        (reminder.reason == "service_refused").then_some(())
    };
    eventually("the refusal is written down", marked).await;
    answer(&ground);
    let reminder = bed.message_in(GALA, "r1", MessageKind::Reminder, DONE).await;
    assert_eq!(reminder.reason, "");
    assert_eq!(bed.counted(GIVEN_UP), 0);
}

#[tokio::test]
async fn a_plan_whose_question_is_refused_is_made_within_the_hour_or_given_up_after_it() {
    let (ground, server) = (ground().await, MailServer::start().await);
    refuse(&ground, Code::InvalidArgument);
    let bed = ground.start(Some(server.url()), None).await;
    bed.registration_changed(GALA, "r1", RegistrationChange::Registered, 1).await;
    let since = eventually("the refusal is written down", async || refused_since(&ground).await).await;
    // Put off again and again it does not forget since when, and another process knows it too.
    ground.clock.advance_ms(30 * MINUTE_MS);
    let is_put_off = async || {
        let rows = plans(&ground).await;
        let at_ms = (START_MS + 30 * MINUTE_MS) as i64;
        rows.iter().any(|row| row.time("minute") >= at_ms && row.opt_time("refused_at") == Some(since)).then_some(())
    };
    eventually("it is put off", is_put_off).await;
    bed.kill().await;
    let bed = ground.start(Some(server.url()), None).await;
    ground.clock.advance_ms(34 * MINUTE_MS);
    given_up(&bed).await;
    eventually("nothing is left of it", async || plans(&ground).await.is_empty().then_some(())).await;

    // Another change, and somebody puts it right.
    bed.registration_changed(GALA, "r1", RegistrationChange::Promoted, 1).await;
    eventually("the refusal is written down", async || refused_since(&ground).await).await;
    answer(&ground);
    bed.message_in(GALA, "r1", MessageKind::Confirmation, DONE).await;
    assert_eq!(bed.counted(GIVEN_UP), 1);
}

#[tokio::test]
async fn work_over_all_registrants_that_is_refused_is_given_up_after_an_hour_and_begins_anew_when_it_is_announced() {
    let (ground, server) = (ground().await, MailServer::start().await);
    let bed = ground.start(Some(server.url()), None).await;
    bed.registration_changed(GALA, "r1", RegistrationChange::Registered, 1).await;
    bed.message_in(GALA, "r1", MessageKind::Reminder, &[MessageState::Planned]).await;
    {
        let mut world = ground.world.lock().unwrap();
        let event = world.event(GALA, 0);
        (event.starts_at, event.version) = (Some(at(START_MS + 72 * HOUR_MS)), 2);
    }
    ground.world.lock().unwrap().refuses = Some(("::ListRegistrantsRequest", Code::OutOfRange));
    bed.event_changed(GALA, EventChange::Moved, 2).await;
    let work = async || {
        let key = vec!["acme".into(), GALA.into(), "moved-2".into()];
        ground.tables.get(table("fan_outs_by_event"), key).await.unwrap()
    };
    let since = async || work().await?.opt_time("refused_at").filter(|at_ms| *at_ms != 0);
    let begun = eventually("the refusal is written down", since).await;
    // Its lease is over: it is tried again.
    ground.clock.advance_ms(30 * MINUTE_MS);
    let leased = async || {
        let until_ms = work().await?.time("lease_until");
        (until_ms > (START_MS + 30 * MINUTE_MS) as i64).then_some(())
    };
    eventually("it is tried again", leased).await;
    assert_eq!(since().await, Some(begun));
    ground.clock.advance_ms(32 * MINUTE_MS);
    given_up(&bed).await;
    assert!(work().await.unwrap().flag("done"));

    answer(&ground);
    bed.event_changed(GALA, EventChange::Moved, 2).await;
    bed.message_in(GALA, "r1", MessageKind::Change, DONE).await;
}

#[tokio::test]
async fn what_several_processes_put_off_does_not_become_more() {
    let (ground, server) = (ground().await, MailServer::start().await);
    ground.world.lock().unwrap().away = true;
    let bed = ground.start(Some(server.url()), None).await;
    bed.registration_changed(GALA, "r1", RegistrationChange::Registered, 1).await;
    eventually("it is noted", async || (bed.counted("turnout_durable_settled") > 0).then_some(())).await;
    let beds = [bed, ground.start(Some(server.url()), None).await];
    for round in 1..ROUNDS {
        ground.clock.advance_ms(5 * MINUTE_MS);
        let later = (START_MS + round * 5 * MINUTE_MS) as i64;
        let is_put_off = async || {
            let rows = plans(&ground).await;
            rows.iter().all(|row| row.time("minute") >= later).then_some(rows)
        };
        let rows = eventually("it is put off", is_put_off).await;
        // The bus may have brought the news to both.
        assert!(rows.len() <= beds.len(), "{rows:?}");
    }
    ground.world.lock().unwrap().away = false;
    ground.clock.advance_ms(3 * MINUTE_MS);
    beds[0].message_in(GALA, "r1", MessageKind::Confirmation, DONE).await;
}
