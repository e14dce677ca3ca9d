//! A store that is away is no fault of the message: it waits, is forgiven its tries, and keeps its place.

use super::*;

/// Longer than all waits of a message that fails by itself together.
const OUTAGE: Duration = Duration::from_hours(6);

/// How often a word was tried.
fn tries(bench: &Bench, word: &str) -> u32 {
    bench.handler.handled.lock().get(word).copied().unwrap_or_default()
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let so = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_hours(1), so).await.unwrap_or_else(|_| panic!("it never happens: {what}"));
}

fn started_away(at_once: usize) -> Bench {
    let bench = start(Memory::new(), at_once);
    bench.handler.is_away.store(true, Ordering::SeqCst);
    bench
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_for_hours_makes_no_dead_letter_and_the_order_stays() {
    let bench = started_away(1);
    for word in ["stored", "good", "poison"] {
        bench.bus.deliver(word, 1);
    }
    tokio::time::sleep(OUTAGE).await;
    assert!(bench.bus.answers.lock().is_empty(), "nothing overtakes it: {:?}", bench.bus.answers.lock());
    let (every_5_s, every_10_s) = (OUTAGE.as_secs() as u32 / 5, OUTAGE.as_secs() as u32 / 10);
    let tried = tries(&bench, "stored");
    assert!((every_5_s..every_5_s + 10).contains(&tried), "tried {tried} times");
    let held = *bench.bus.held.lock();
    assert!((every_10_s..every_10_s + 10).contains(&held), "held {held} times");
    let waiting = |count: u32| format!(r#"turnout_durable_waiting_messages{{consumer="tested"}} {count}"#);
    assert!(bench.counts(&waiting(1)), "{}", bench.metrics.render());
    bench.handler.is_away.store(false, Ordering::SeqCst);
    assert_eq!(bench.bus.answers(3).await, ["stored acked", "good acked", "poison dead"]);
    assert!(bench.counts(&waiting(0)), "{}", bench.metrics.render());
}

#[tokio::test(start_paused = true)]
async fn five_restarts_while_the_store_is_away_make_no_dead_letter() {
    let mut bench = started_away(1);
    for number in 1..=3 * DELIVERIES_MAX {
        bench.bus.deliver("stored", number);
        let before = tries(&bench, "stored");
        until("it waits", || tries(&bench, "stored") > before + 1).await;
        assert_eq!(bench.bus.forgiven.lock()[&b"stored"[..]], number);
        // The process ends with the message in its hands.
        bench.life.stop();
        tokio::time::timeout(OUTAGE, bench.life.ended()).await.expect("every task ends");
        bench = start(bench.bus.clone(), 1);
        bench.handler.is_away.store(true, Ordering::SeqCst);
    }
    bench.handler.is_away.store(false, Ordering::SeqCst);
    bench.bus.deliver("stored", 3 * DELIVERIES_MAX + 1);
    assert_eq!(bench.bus.answers(1).await, ["stored acked"]);
    // What ends the process itself has no excuse.
    bench.bus.deliver("kills", DELIVERIES_MAX + 1);
    assert_eq!(bench.bus.answers(2).await[1], "kills dead");
}

#[tokio::test(start_paused = true)]
async fn a_message_that_fails_by_itself_once_the_store_is_there_is_given_up_in_the_end() {
    let bench = started_away(1);
    bench.bus.deliver("stored then fails", DELIVERIES_MAX);
    until("it waits", || tries(&bench, "stored then fails") > DELIVERIES_MAX).await;
    bench.handler.is_away.store(false, Ordering::SeqCst);
    let answers = bench.bus.answers(DELIVERIES_MAX as usize + 1).await;
    let (last, retried) = answers.split_last().unwrap();
    assert_eq!(last, "stored then fails dead");
    assert!(retried.iter().all(|answer| answer.contains("retried after")), "{answers:?}");
    assert_eq!(bench.bus.dead.lock()[0].deliveries, 2 * DELIVERIES_MAX, "the letter says how often it came");
}

#[tokio::test(start_paused = true)]
async fn a_bus_that_cannot_say_how_often_a_message_was_tried_is_waited_for_too() {
    let bench = start(Memory::new(), 1);
    bench.bus.is_deaf.store(true, Ordering::SeqCst);
    bench.bus.deliver("good", 2);
    tokio::time::sleep(OUTAGE).await;
    assert_eq!((tries(&bench, "good"), bench.bus.answers.lock().len()), (0, 0));
    bench.bus.is_deaf.store(false, Ordering::SeqCst);
    assert_eq!(bench.bus.answers(1).await, ["good acked"]);
}

#[tokio::test(start_paused = true)]
async fn who_may_have_missed_something_does_not_wait_with_what_they_hold() {
    let mut bench = started_away(2);
    bench.running.changed().await;
    bench.bus.deliver("stored", 1);
    until("it waits", || tries(&bench, "stored") > 1).await;
    bench.bus.cut(1);
    bench.running.changed().await;
    assert!(!bench.running.hears());
    bench.running.changed().await;
    assert!(bench.running.hears(), "the store is still away");
    assert!(bench.bus.answers.lock().is_empty(), "the message comes again");
}

#[test]
fn only_what_does_not_answer_is_away() {
    let second = Duration::from_secs(1);
    let away = [Failure::Unavailable { retry_after: second }, Failure::Overloaded { retry_after: second }];
    for failure in away {
        assert!(matches!(HandlerError::from(failure), HandlerError::Away(_)));
    }
    let others = [
        Failure::internal("SELECT secret FROM people"),
        Failure::PermissionDenied,
        Failure::invalid("event_id", "must not be empty"),
        Failure::Changed { what: "event" },
    ];
    for failure in others {
        let HandlerError::Retry(text) = HandlerError::from(failure) else { panic!("it is the message's own fault") };
        assert!(!text.contains("secret"), "{text}");
    }
}
