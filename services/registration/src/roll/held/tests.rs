//! Readings that the test holds up, on tables without a row. Time stands still while anything else can go on.

use std::sync::atomic::{AtomicBool, AtomicUsize};

use tokio::sync::Notify;
use turnout_platform::{
    auth::MeshKey,
    clock::ManualClock,
    tables::{Page, PutIf, Range, Row, Table, TableError, Tables, Value, Write},
    vault::Vault,
};

use super::*;
use crate::store::{Store, registrations::REGISTRATION_SHARDS};

/// Longer than a list may be old.
const LONG: Duration = Duration::from_mins(1);

/// Tables in which nobody is registered.
#[derive(Default)]
struct Empty {
    is_held_up: AtomicBool,
    goes_on: Notify,
    is_busy: AtomicBool,
    /// So many readings of a shard are refused from now on.
    refusals: AtomicUsize,
    shards_asked: AtomicUsize,
}

impl Empty {
    fn hold_up(&self) {
        self.is_held_up.store(true, Ordering::SeqCst);
    }

    fn go_on(&self) {
        self.is_held_up.store(false, Ordering::SeqCst);
        self.goes_on.notify_waiters();
    }

    fn asked(&self) -> usize {
        self.shards_asked.load(Ordering::SeqCst)
    }
}

#[tonic::async_trait]
impl Tables for Empty {
    async fn range(&self, _: Range) -> Result<Page, TableError> {
        self.shards_asked.fetch_add(1, Ordering::SeqCst);
        let refused = self.refusals.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if refused.is_ok() {
            return Err(TableError::Overloaded("busy".into()));
        }
        let goes_on = self.goes_on.notified();
        if self.is_held_up.load(Ordering::SeqCst) {
            goes_on.await;
        }
        Ok(Page { rows: Vec::new(), next: None })
    }

    async fn get(&self, _: &'static Table, _: Vec<Value>) -> Result<Option<Row>, TableError> {
        if self.is_busy.load(Ordering::SeqCst) { Err(TableError::Overloaded("busy".into())) } else { Ok(None) }
    }

    async fn put(&self, _: Row) -> Result<(), TableError> {
        unreachable!()
    }

    async fn put_if_absent(&self, _: Row) -> Result<Option<Row>, TableError> {
        unreachable!()
    }

    async fn put_if_version(&self, _: Row, _: i64) -> Result<PutIf, TableError> {
        unreachable!()
    }

    async fn delete(&self, _: &'static Table, _: Vec<Value>) -> Result<(), TableError> {
        unreachable!()
    }

    async fn delete_partition(&self, _: &'static Table, _: Vec<Value>) -> Result<(), TableError> {
        unreachable!()
    }

    async fn batch(&self, _: Vec<Write>) -> Result<(), TableError> {
        unreachable!()
    }

    async fn batch_across(&self, _: Vec<Write>) -> Result<(), TableError> {
        unreachable!()
    }
}

const WHOLE: usize = REGISTRATION_SHARDS as usize;

fn held() -> (Arc<Held>, Arc<Empty>) {
    let tables = Arc::new(Empty::default());
    let vault = Vault::new(tables.clone(), &MeshKey::generate(), Arc::new(ManualClock::at(0)));
    let reader = Reader::new(Store::new(tables.clone()), vault);
    (Arc::new(Held::new(reader, RollMetrics::default())), tables)
}

async fn ask(held: &Arc<Held>, event: &str) -> Result<(), Failure> {
    held.event(&"acme".parse().unwrap(), &event.parse().unwrap()).await.map(drop)
}

/// Until nothing goes on any more.
async fn all_stands_still() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

#[tokio::test(start_paused = true)]
async fn a_reading_that_takes_longer_than_a_list_may_be_old_is_good_for_all_who_ask_meanwhile_and_after() {
    let (held, tables) = held();
    tables.hold_up();
    for _ in 0..3 {
        assert!(matches!(ask(&held, "gala").await, Err(Failure::Unavailable { .. })));
        tokio::time::sleep(LONG).await;
        held.grow_old(Instant::now());
    }
    tables.go_on();
    ask(&held, "gala").await.unwrap();
    all_stands_still().await;
    assert_eq!(tables.asked(), WHOLE, "one reading for all");
    tokio::time::sleep(LONG).await;
    ask(&held, "gala").await.unwrap();
    assert_eq!(tables.asked(), WHOLE, "while all is heard it does not grow old");
    held.grow_old(Instant::now());
    ask(&held, "gala").await.unwrap();
    assert_eq!(tables.asked(), 2 * WHOLE);
}

#[tokio::test(start_paused = true)]
async fn who_asks_after_something_was_missed_waits_for_a_reading_that_began_after_it() {
    let (held, tables) = held();
    tables.hold_up();
    let early = tokio::spawn({
        let held = held.clone();
        async move { ask(&held, "gala").await }
    });
    all_stands_still().await;
    held.spoil();
    let late = tokio::spawn({
        let held = held.clone();
        async move { ask(&held, "gala").await }
    });
    all_stands_still().await;
    tables.go_on();
    early.await.unwrap().unwrap();
    late.await.unwrap().unwrap();
    assert_eq!(tables.asked(), 2 * WHOLE);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_store_that_is_busy_for_a_moment_is_answered_by_one_more_reading() {
    let (held, tables) = held();
    tables.refusals.store(1, Ordering::SeqCst);
    let begun = Instant::now();
    let waiting = (0..3).map(|_| {
        let held = held.clone();
        tokio::spawn(async move { ask(&held, "gala").await })
    });
    for asked in waiting.collect::<Vec<_>>() {
        asked.await.unwrap().unwrap();
    }
    assert_eq!(begun.elapsed(), READ_PAUSES[0]);
    assert!(tables.asked() < 2 * WHOLE, "one more reading for all: {}", tables.asked());
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_store_that_stays_busy_is_refused_in_time_after_a_few_readings() {
    let (held, tables) = held();
    tables.refusals.store(usize::MAX, Ordering::SeqCst);
    let begun = Instant::now();
    assert!(matches!(ask(&held, "gala").await, Err(Failure::Unavailable { .. })));
    assert_eq!(begun.elapsed(), READ_PAUSES.iter().sum::<Duration>(), "no pause after the last");
    assert!(begun.elapsed() < READ_WAIT_MAX);
    assert_eq!(tables.asked(), READ_PAUSES.len() + 1);
}

#[tokio::test(start_paused = true)]
async fn few_events_are_read_at_once_and_room_is_made_also_when_nobody_waits_any_more() {
    /// Shards of one event that are read at once.
    const SHARDS: usize = 8;
    let (held, tables) = held();
    tables.hold_up();
    let asking = (0..EVENTS_HELD_MAX + 5).map(|n| {
        let held = held.clone();
        tokio::spawn(async move { ask(&held, &format!("event-{n}")).await })
    });
    for asked in asking.collect::<Vec<_>>() {
        assert!(asked.await.unwrap().is_err());
    }
    assert_eq!(tables.asked(), READINGS_AT_ONCE_MAX * SHARDS);
    tables.go_on();
    all_stands_still().await;
    assert_eq!(tables.asked(), (EVENTS_HELD_MAX + 5) * WHOLE);
    let events = held.events.lock().len();
    assert!((EVENTS_HELD_MAX..EVENTS_HELD_MAX + READINGS_AT_ONCE_MAX).contains(&events), "{events}");
}

#[tokio::test(start_paused = true)]
async fn a_change_that_cannot_be_read_comes_again_and_spoils_no_list_that_was_just_read() {
    let (held, tables) = held();
    let (event, id) = ("gala".parse().unwrap(), "anna".parse().unwrap());
    ask(&held, "gala").await.unwrap();
    tables.is_busy.store(true, Ordering::SeqCst);
    let begun = Instant::now();
    assert!(matches!(held.follow(&event, &id, 1).await, Err(Failure::Overloaded { .. })));
    assert_eq!(begun.elapsed(), FOLLOW_WAITS.iter().sum::<Duration>(), "no wait after the last try");
    ask(&held, "gala").await.unwrap();
    assert_eq!(tables.asked(), WHOLE);
    tokio::time::sleep(LONG).await;
    held.follow(&event, &id, 1).await.unwrap_err();
    ask(&held, "gala").await.unwrap();
    assert_eq!(tables.asked(), 2 * WHOLE, "it may have been missing for long");
}
