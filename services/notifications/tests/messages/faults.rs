//! The mail server at its worst, and a worker that dies at its worst moment: nothing is lost, and what may have been sent twice says so.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use turnout_notifications::{
    TABLES,
    transport::{Answer, Letter, MailTransport, SmtpTransport},
};
use turnout_platform::tables::{Range, Row, Value};
use turnout_proto::{
    events::v1::RegistrationChange,
    notifications::v1::{ListSuppressionsRequest, Message, MessageKind, MessageState},
};

use crate::{
    bed::{Bed, Ground, HOUR_MS, MINUTE_MS, START_MS, eventually},
    mail_server::{Act, MailServer},
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

#[tokio::test(flavor = "multi_thread")]
async fn a_message_runs_its_course_on_a_cluster_too() {
    let test = "a_message_runs_its_course_on_a_cluster_too";
    let Some(ground) = Ground::on_a_cluster(test).await else { return };
    {
        let mut world = ground.world.lock().unwrap();
        world.event(GALA, START_MS + 48 * HOUR_MS);
        world.register(GALA, "r1", START_MS);
    }
    let server = MailServer::start().await;
    server.will(&[Act::RefuseForNow, Act::TakeAndCut]);
    let bed = ground.start(Some(server.url()), None).await;
    for _ in 0..3 {
        bed.registration_changed(GALA, "r1", RegistrationChange::Registered, 1).await;
    }
    tried(&bed, 1).await;
    ground.clock.advance_ms(2 * MINUTE_MS);
    let message = tried(&bed, 3).await;
    assert_eq!((message.state(), message.maybe_twice), (MessageState::HandedOff, true));
    assert_eq!(server.mails().len(), 2);
    bed.message_in(GALA, "r1", MessageKind::Reminder, &[MessageState::Planned]).await;
    ground.clock.advance_ms(24 * HOUR_MS);
    bed.message_in(GALA, "r1", MessageKind::Reminder, DONE).await;
    assert_eq!(server.mails().len(), 3);
}

async fn confirmation_with(acts: &[Act]) -> (Ground, MailServer, Bed) {
    let (ground, server) = (ground(1).await, MailServer::start().await);
    server.will(acts);
    let patience = Duration::from_millis(500);
    let smtp = SmtpTransport::new(&server.url(), "test").unwrap().with_patience(patience, patience);
    let bed = ground.start(None, Some(Arc::new(smtp))).await;
    bed.registration_changed(GALA, "r1", RegistrationChange::Registered, 1).await;
    (ground, server, bed)
}

async fn tried(bed: &Bed, attempts: i32) -> Message {
    let tried = async || {
        let messages = bed.messages(GALA, "r1").await;
        let mut of_kind = messages.into_iter().filter(|message| message.kind() == MessageKind::Confirmation);
        of_kind.find(|message| message.attempts == attempts && message.state() != MessageState::Sending)
    };
    eventually(&format!("{attempts} tries"), tried).await
}

#[tokio::test]
async fn row_25_a_server_that_refuses_for_now_or_dawdles_is_tried_again_a_minute_later() {
    for (act, reason) in [
        (Act::Busy, "not_reached"),
        (Act::RefuseForNow, "smtp_4xx"),
        (Act::RefuseMailForNow, "smtp_4xx"),
        (Act::Dawdle, "not_reached"),
        (Act::CutBefore, "not_reached"),
    ] {
        let (ground, server, bed) = confirmation_with(&[act]).await;
        let message = tried(&bed, 1).await;
        assert_eq!((message.state(), message.reason.as_str()), (MessageState::Queued, reason), "{act:?}");
        ground.clock.advance_ms(2 * MINUTE_MS);
        let message = tried(&bed, 2).await;
        assert_eq!((message.state(), message.maybe_twice), (MessageState::HandedOff, false), "{act:?}");
        assert_eq!(server.mails().len(), 1, "{act:?}");
    }
}

#[tokio::test]
async fn row_25_a_server_that_refuses_for_good_is_not_tried_again() {
    let (ground, server, bed) = confirmation_with(&[Act::Refuse]).await;
    let message = tried(&bed, 1).await;
    assert_eq!((message.state(), message.reason.as_str()), (MessageState::Failed, "smtp_5xx"));
    ground.clock.advance_ms(5 * HOUR_MS);
    bed.registration_changed(GALA, "r1", RegistrationChange::Registered, 1).await;
    bed.message_in(GALA, "r1", MessageKind::Reminder, &[MessageState::Planned]).await;
    assert!(server.mails().is_empty());
}

#[tokio::test]
async fn an_address_that_the_server_does_not_know_is_not_written_to_again_as_if_the_mail_had_come_back() {
    let (ground, server, bed) = confirmation_with(&[Act::Unknown]).await;
    let message = tried(&bed, 1).await;
    assert_eq!((message.state(), message.reason.as_str()), (MessageState::Failed, "hard_bounce"));
    let request = ListSuppressionsRequest { email: "r1@example.org".into(), ..ListSuppressionsRequest::default() };
    let found = bed.mesh("acme").list_suppressions(request).await.unwrap().into_inner().suppressions;
    assert_eq!(found.iter().map(|it| it.reason.as_str()).collect::<Vec<_>>(), ["hard_bounce"]);
    bed.message_in(GALA, "r1", MessageKind::Reminder, &[MessageState::Planned]).await;
    ground.clock.advance_ms(24 * HOUR_MS);
    let reminder = bed.message_in(GALA, "r1", MessageKind::Reminder, &[MessageState::Skipped]).await;
    assert_eq!((reminder.reason.as_str(), reminder.attempts), ("suppressed", 0));
    assert!(server.mails().is_empty());
}

#[tokio::test]
async fn row_25_cut_or_silent_after_data_the_mail_comes_twice_at_most_with_one_id_and_says_so() {
    for act in [Act::TakeAndCut, Act::TakeAndDawdle] {
        let (_ground, server, bed) = confirmation_with(&[act, act]).await;
        let message = bed.message_in(GALA, "r1", MessageKind::Confirmation, &[MessageState::Unknown]).await;
        assert!(message.maybe_twice, "{act:?}");
        assert_eq!((message.attempts, message.reason.as_str()), (2, "no_answer"), "{act:?}");
        let mails = server.mails();
        assert_eq!(mails.len(), 2, "{act:?}");
        assert_eq!(mails[0].header("Message-ID"), mails[1].header("Message-ID"), "{act:?}");
        assert_eq!(bed.counted("turnout_notifications_messages_unknown"), 1, "{act:?}");
        assert_eq!(bed.counted("turnout_notifications_messages_repeated"), 1, "{act:?}");
    }
}

#[tokio::test]
async fn row_25_while_the_server_is_down_nothing_is_lost_and_few_connections_are_tried() {
    const PEOPLE: usize = 40;
    // Five that fail open the breaker; as many as are looked at at once, and as many that are in a hurry, may be on their way by then.
    const TRIES_MAX: i32 = 4 + 4 + 4;
    let ground = ground(PEOPLE).await;
    let server = MailServer::start().await;
    let url = server.url();
    drop(server);
    let bed = ground.start(Some(url.clone()), None).await;
    for id in 1..=PEOPLE {
        bed.registration_changed(GALA, &format!("r{id}"), RegistrationChange::Registered, 1).await;
    }
    let open = async || {
        let mut tries = 0;
        for id in 1..=PEOPLE {
            let messages = bed.messages(GALA, &format!("r{id}")).await;
            let message = messages.into_iter().find(|message| message.kind() == MessageKind::Confirmation)?;
            if message.state() != MessageState::Queued {
                return None;
            }
            tries += message.attempts;
        }
        (tries >= 5).then_some(tries)
    };
    let is_open = async || bed.metrics.render().contains("turnout_notifications_breaker_open 1\n").then_some(());
    eventually("the breaker opens", is_open).await;
    let tries = eventually("all wait", open).await;
    assert!(tries <= TRIES_MAX, "{tries} tries");

    // It comes back, elsewhere: a restart with another address loses nothing either.
    let server = MailServer::start().await;
    bed.kill().await;
    ground.clock.advance_ms(10 * MINUTE_MS);
    let bed = ground.start(Some(server.url()), None).await;
    for id in 1..=PEOPLE {
        let message = bed.message_in(GALA, &format!("r{id}"), MessageKind::Confirmation, DONE).await;
        assert!(!message.maybe_twice);
    }
    assert_eq!(server.mails().len(), PEOPLE);
    assert!(server.connections() <= PEOPLE);
}

#[tokio::test]
async fn row_25_a_server_without_encryption_is_told_neither_a_mail_nor_the_password() {
    let (ground, server) = (ground(1).await, MailServer::start().await);
    let url = format!("smtp://turnout:s3cret@127.0.0.1:{}", server.port);
    let bed = ground.start(Some(url), None).await;
    bed.registration_changed(GALA, "r1", RegistrationChange::Registered, 1).await;
    let message = tried(&bed, 1).await;
    assert_eq!((message.state(), message.reason.as_str()), (MessageState::Queued, "smtp_tls"));
    assert!(server.mails().is_empty());
    let heard = server.heard();
    assert!(heard.iter().all(|line| line.starts_with("EHLO") || line == "QUIT"), "{heard:?}");

    // It is not lost: the operator mends it and starts anew.
    bed.kill().await;
    let bed = ground.start(Some(server.url()), None).await;
    ground.clock.advance_ms(2 * MINUTE_MS);
    bed.message_in(GALA, "r1", MessageKind::Confirmation, DONE).await;
    assert_eq!(server.mails().len(), 1);
}

/// Hands over and never comes back to say so, as a process that is killed just then.
pub struct TakesAndHangs {
    pub smtp: SmtpTransport,
    pub taken: Arc<Mutex<usize>>,
}

#[tonic::async_trait]
impl MailTransport for TakesAndHangs {
    async fn hand_over(&self, letter: &Letter) -> Answer {
        self.smtp.hand_over(letter).await;
        *self.taken.lock().unwrap() += 1;
        std::future::pending().await
    }

    fn name(&self) -> &'static str {
        "smtp"
    }
}

#[tokio::test]
async fn row_25_a_worker_killed_between_hand_over_and_record_leads_to_one_repeat_that_says_so() {
    let (ground, server) = (ground(1).await, MailServer::start().await);
    let taken = Arc::<Mutex<usize>>::default();
    let smtp = SmtpTransport::new(&server.url(), "test").unwrap();
    let bed = ground.start(None, Some(Arc::new(TakesAndHangs { smtp, taken: taken.clone() }))).await;
    bed.registration_changed(GALA, "r1", RegistrationChange::Registered, 1).await;
    eventually("handed over", async || (*taken.lock().unwrap() == 1).then_some(())).await;
    bed.kill().await;

    let bed = ground.start(Some(server.url()), None).await;
    let message = bed.message_in(GALA, "r1", MessageKind::Confirmation, &[MessageState::Sending]).await;
    assert_eq!(message.attempts, 1);
    ground.clock.advance_ms(3 * MINUTE_MS);
    let message = bed.message_in(GALA, "r1", MessageKind::Confirmation, DONE).await;
    assert_eq!((message.attempts, message.maybe_twice), (2, true));
    let mails = server.mails();
    assert_eq!(mails.len(), 2);
    assert_eq!(mails[0].header("Message-ID"), mails[1].header("Message-ID"));
}

#[tokio::test]
async fn row_25_a_reminder_whose_outcome_is_unknown_is_not_repeated() {
    let (ground, server) = (ground(1).await, MailServer::start().await);
    let bed = ground.start(Some(server.url()), None).await;
    bed.registration_changed(GALA, "r1", RegistrationChange::Registered, 1).await;
    bed.message_in(GALA, "r1", MessageKind::Confirmation, DONE).await;
    bed.message_in(GALA, "r1", MessageKind::Reminder, &[MessageState::Planned]).await;
    server.will(&[Act::TakeAndCut]);
    ground.clock.advance_ms(24 * HOUR_MS);
    let message = bed.message_in(GALA, "r1", MessageKind::Reminder, &[MessageState::Unknown]).await;
    assert_eq!((message.attempts, message.maybe_twice), (1, false));
    assert_eq!(server.mails().len(), 2);
}

#[tokio::test]
async fn a_reminder_that_fails_for_good_leaves_its_turn_to_that_of_another_event() {
    let (ground, server) = (ground(1).await, MailServer::start().await);
    {
        let mut world = ground.world.lock().unwrap();
        world.event("late-show", START_MS + 48 * HOUR_MS + MINUTE_MS);
        world.register("late-show", "r2", START_MS).person_id = "p-r1".into();
    }
    let bed = ground.start(Some(server.url()), None).await;
    for (event, id) in [(GALA, "r1"), ("late-show", "r2")] {
        bed.registration_changed(event, id, RegistrationChange::Registered, 1).await;
        bed.message_in(event, id, MessageKind::Confirmation, DONE).await;
        bed.message_in(event, id, MessageKind::Reminder, &[MessageState::Planned]).await;
    }
    server.will(&[Act::Refuse]);
    ground.clock.advance_ms(24 * HOUR_MS);
    bed.message_in(GALA, "r1", MessageKind::Reminder, &[MessageState::Failed]).await;
    // Sooner than anybody is reminded twice.
    ground.clock.advance_ms(MINUTE_MS);
    bed.message_in("late-show", "r2", MessageKind::Reminder, DONE).await;
}

#[tokio::test]
async fn while_registration_is_away_a_due_message_waits() {
    let (ground, server) = (ground(1).await, MailServer::start().await);
    let bed = ground.start(Some(server.url()), None).await;
    bed.registration_changed(GALA, "r1", RegistrationChange::Registered, 1).await;
    bed.message_in(GALA, "r1", MessageKind::Reminder, &[MessageState::Planned]).await;
    bed.message_in(GALA, "r1", MessageKind::Confirmation, DONE).await;
    ground.world.lock().unwrap().away = true;
    ground.clock.advance_ms(24 * HOUR_MS);
    eventually("looks fail", async || (bed.counted("turnout_notifications_looks_failed") > 2).then_some(())).await;
    ground.world.lock().unwrap().away = false;
    let reminded = async || {
        let messages = bed.messages(GALA, "r1").await;
        messages.into_iter().find(|message| message.kind() == MessageKind::Reminder && message.attempts == 1)
    };
    ground.clock.advance_ms(3 * MINUTE_MS);
    eventually("reminded", reminded).await;
    bed.message_in(GALA, "r1", MessageKind::Reminder, DONE).await;
    assert_eq!(server.mails().len(), 2);
}

#[tokio::test]
async fn a_registration_made_known_while_registration_is_away_is_confirmed_when_it_is_back() {
    let (ground, server) = (ground(1).await, MailServer::start().await);
    let bed = ground.start(Some(server.url()), None).await;
    ground.world.lock().unwrap().away = true;
    bed.registration_changed(GALA, "r1", RegistrationChange::Registered, 1).await;
    let failed = async |times| (bed.counted("turnout_notifications_looks_failed") > times).then_some(());
    eventually("looks fail", async || failed(2).await).await;
    // Hours later, and in another process.
    let so_far = bed.counted("turnout_notifications_looks_failed");
    ground.clock.advance_ms(3 * HOUR_MS);
    eventually("it is put off", async || failed(so_far).await).await;
    bed.kill().await;
    let bed = ground.start(Some(server.url()), None).await;
    ground.world.lock().unwrap().away = false;
    ground.clock.advance_ms(3 * MINUTE_MS);
    bed.message_in(GALA, "r1", MessageKind::Confirmation, DONE).await;
    assert_eq!(server.mails().len(), 1);
}

#[tokio::test]
async fn a_due_row_that_cannot_be_read_holds_up_nobody_and_stays_for_the_version_that_wrote_it() {
    unreadable_rows(Ground::new().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_due_row_that_cannot_be_read_holds_up_nobody_on_a_cluster_either() {
    let test = "a_due_row_that_cannot_be_read_holds_up_nobody_on_a_cluster_either";
    let Some(ground) = Ground::on_a_cluster(test).await else { return };
    unreadable_rows(ground).await;
}

async fn unreadable_rows(ground: Ground) {
    {
        let mut world = ground.world.lock().unwrap();
        world.event(GALA, START_MS + 24 * HOUR_MS + 10 * MINUTE_MS);
        world.register(GALA, "r1", START_MS);
    }
    let server = MailServer::start().await;
    let due = TABLES.iter().find(|table| table.name == "due_by_minute").unwrap();
    let minute = |ms: u64| Value::Time((ms / MINUTE_MS * MINUTE_MS) as i64);
    // In every part of the minute, before all that can be read.
    for shard in 0..4_i64 {
        let row = Row::new(due)
            .set("minute", minute(START_MS))
            .set("shard", shard)
            .set("tenant_id", "acme")
            .set("what", "campaign")
            .set("id", "1")
            .set("row_id", format!("row-{shard}"))
            .set("placed_at", Value::Time(START_MS as i64));
        ground.tables.put(row).await.unwrap();
    }
    let bed = ground.start(Some(server.url()), None).await;
    bed.registration_changed(GALA, "r1", RegistrationChange::Registered, 1).await;
    bed.message_in(GALA, "r1", MessageKind::Confirmation, DONE).await;
    bed.message_in(GALA, "r1", MessageKind::Reminder, &[MessageState::Planned]).await;
    ground.clock.advance_ms(10 * MINUTE_MS);
    bed.message_in(GALA, "r1", MessageKind::Reminder, DONE).await;
    let looked = async || (ground.looked_until_ms().await >= START_MS + 5 * MINUTE_MS).then_some(());
    eventually("its minute is over", looked).await;
    assert_eq!(bed.counted("turnout_notifications_unreadable_due_rows"), 4);

    let at_ms = START_MS + 20 * MINUTE_MS;
    for shard in 0..4_i64 {
        let left = ground.tables.range(Range::of(due, vec![minute(START_MS), shard.into()])).await.unwrap();
        assert!(left.rows.is_empty(), "{left:?}");
        let moved = ground.tables.range(Range::of(due, vec![minute(at_ms), shard.into()])).await.unwrap();
        let ids: Vec<_> = moved.rows.iter().map(|row| (row.text("what"), row.text("row_id").to_owned())).collect();
        assert_eq!(ids, [("campaign", format!("row-{shard}"))]);
    }
}
