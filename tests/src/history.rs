//! What the tables hold of visits, read as a report would read them.

use std::time::UNIX_EPOCH;

use turnout_platform::tables::{self, Engine};
use turnout_presence::{Archive, TABLES};
use turnout_roster::Topic;

/// Milliseconds since 1970.
pub fn wall_ms() -> u64 {
    UNIX_EPOCH.elapsed().expect("after 1970").as_millis() as u64
}

/// What a kill of everything may lose of an open visit: a minute between two checkpoints, and a moment to store one.
const LOST_MS_MAX: u64 = 63_000;

/// Asserts, of the demo event's visits that began from `begun_ms` until before `killed_ms`: they are of so many people, all of whom were there from
/// `complete_ms` on; nobody watched longer than there was time, however many devices were used; and at most a minute is missing.
pub async fn visits_are_of(people: usize, engine: &Engine, begun_ms: u64, complete_ms: u64, killed_ms: u64) {
    let archive = Archive::new(tables::open(engine, TABLES).await.expect("the tables open"));
    let topic = Topic::from("demo/demo");
    let watched = archive.watch_time(&topic, begun_ms, killed_ms, wall_ms()).await.expect("the visits can be read");
    assert_eq!(watched.len(), people, "a visit of each person");
    for (viewer, time) in watched {
        let total_ms = time.total_ms();
        assert!(total_ms <= killed_ms - begun_ms, "{viewer} watched {total_ms} ms in {} ms", killed_ms - begun_ms);
        let known_ms = (killed_ms - complete_ms).saturating_sub(LOST_MS_MAX);
        assert!(total_ms >= known_ms, "{viewer} watched {} ms and has {total_ms}", killed_ms - complete_ms);
    }
}
