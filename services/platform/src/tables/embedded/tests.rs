//! What only the embedded engine promises, seen from the inside: groups, limits, the sweep.

use std::sync::mpsc;

use tempfile::TempDir;

use super::*;
use crate::tables::{int, text};

static SEEN: Table = Table {
    name: "seen",
    question: "What was seen lately?",
    partition: &[text("tenant")],
    clustering: &[int("n")],
    columns: &[text("body")],
    lifetime_s: Some(60),
};

async fn store(folder: &TempDir) -> EmbeddedTables {
    EmbeddedTables::open(folder.path().to_owned(), &[&SEEN]).await.unwrap()
}

fn row(n: i64) -> Row {
    Row::new(&SEEN).set("tenant", "t").set("n", n)
}

async fn stored(tables: &EmbeddedTables) -> i64 {
    let count = |connection: &Connection| connection.query_row("SELECT count(*) FROM seen", (), |row| row.get(0));
    tables.readers.run(move |connection| count(connection).map_err(|error| failed(&error))).await.unwrap()
}

#[tokio::test]
async fn a_write_that_fails_is_undone_and_spoils_no_other() {
    let folder = TempDir::new().unwrap();
    let tables = store(&folder).await;
    let half = tables.writer.run(|connection| {
        sql::put(connection, &row(1))?;
        Err::<(), _>(TableError::Invalid("half way".to_owned()))
    });
    let (before, half, after) = tokio::join!(tables.put(row(0)), half, tables.put(row(2)));
    assert_eq!((before, half, after), (Ok(()), Err(TableError::Invalid("half way".to_owned())), Ok(())));
    let rows = tables.range(Range::of(&SEEN, vec!["t".into()])).await.unwrap().rows;
    assert_eq!(rows, [row(0), row(2)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_refuses_and_recovers() {
    let folder = TempDir::new().unwrap();
    let tables = Arc::new(store(&folder).await);
    let (release, blocked) = mpsc::channel::<()>();
    let (running, started) = mpsc::channel();
    let blocker = tokio::spawn({
        let tables = tables.clone();
        async move {
            let wait = move |_: &Connection| {
                running.send(()).unwrap();
                blocked.recv().map_err(|_| TableError::Invalid("released".to_owned()))
            };
            tables.writer.run(wait).await
        }
    });
    tokio::task::spawn_blocking(move || started.recv()).await.unwrap().unwrap();
    // Each write is queued at its first poll, before it waits.
    let mut waiting: Vec<_> = (0..writer::QUEUE_MAX as i64).map(|n| tables.put(row(n))).collect();
    for write in &mut waiting {
        assert!(futures_util::poll!(write).is_pending());
    }
    assert!(matches!(tables.put(row(-1)).await, Err(TableError::Overloaded(_))));
    drop(release);
    assert!(blocker.await.unwrap().is_err());
    for write in waiting {
        write.await.unwrap();
    }
    tables.put(row(-1)).await.unwrap();
    assert_eq!(stored(&tables).await, writer::QUEUE_MAX as i64 + 1);
}

#[tokio::test]
async fn expired_rows_are_swept_from_the_disk() {
    let folder = TempDir::new().unwrap();
    let tables = store(&folder).await;
    for n in 0..3 {
        tables.put(row(n)).await.unwrap();
    }
    let swept = |connection: &Connection| {
        connection.execute(r#"UPDATE seen SET "_expires_s" = 1 WHERE n < 2"#, ()).map_err(|error| failed(&error))?;
        sql::sweep(connection, &SEEN)
    };
    assert_eq!(tables.writer.run(swept).await, Ok(2));
    assert_eq!(stored(&tables).await, 1);
}

/// A caller that gives up does not lose its reader for the others.
#[tokio::test(flavor = "multi_thread")]
async fn readers_come_back_from_callers_that_gave_up_and_from_panics() {
    let folder = TempDir::new().unwrap();
    let tables = store(&folder).await;
    for _ in 0..8 {
        let slow = |_: &Connection| {
            std::thread::sleep(Duration::from_millis(5));
            Ok(())
        };
        let mut read = std::pin::pin!(tables.readers.run(slow));
        assert!(futures_util::poll!(&mut read).is_pending());
        let panicked = tables.readers.run(|_| -> Result<(), TableError> { panic!("on purpose") }).await;
        assert!(matches!(panicked, Err(TableError::Unavailable(_))));
    }
    assert_eq!(tables.get(&SEEN, row(1).key()).await, Ok(None));
}
