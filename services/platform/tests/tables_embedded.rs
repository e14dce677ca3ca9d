//! The embedded engine keeps every law of tables, and what it promises beyond them.

use std::io::{BufRead, BufReader, Write as _};
use std::process::{Command, Stdio};

use tempfile::TempDir;
use turnout_platform::tables::{self, Engine, Range, Row, Table, TableError, Value, int, text};

struct Bench {
    engine: Engine,
    _folder: TempDir,
}

/// A folder of its own for each law.
#[allow(clippy::unused_async, reason = "the same shape as for engines that need a server")]
async fn bench(_: &str) -> Option<Bench> {
    let folder = TempDir::new().expect("a temporary folder can be made");
    Some(Bench { engine: Engine::Embedded { path: folder.path().join("store") }, _folder: folder })
}

turnout_platform::tables_conformance!(bench);

static ENTRIES: Table = Table {
    name: "entries",
    question: "Which entries were acknowledged?",
    partition: &[text("writer")],
    clustering: &[int("n")],
    columns: &[text("body")],
    lifetime_s: None,
};

#[tokio::test]
async fn a_second_server_on_the_same_folder_is_told_which_folder() {
    let folder = TempDir::new().unwrap();
    let engine = Engine::Embedded { path: folder.path().to_owned() };
    let first = tables::open(&engine, &[&ENTRIES]).await.unwrap();
    let second = tables::open(&engine, &[&ENTRIES]).await.map(drop);
    assert_eq!(second, Err(TableError::InUse(folder.path().to_owned())));
    assert!(second.unwrap_err().to_string().contains(&folder.path().display().to_string()));
    drop(first);
    tables::open(&engine, &[&ENTRIES]).await.map(drop).unwrap();
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_named() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let error = tables::open(&Engine::Embedded { path: file.clone() }, &[&ENTRIES]).await.map(drop).unwrap_err();
    assert!(error.to_string().contains(&file.display().to_string()), "{error}");
}

#[tokio::test]
async fn a_file_that_is_no_store_is_corrupt() {
    let folder = TempDir::new().unwrap();
    std::fs::write(
        folder.path().join("tables.sqlite"),
        "this is not a database, it only pretends to be one".repeat(100),
    )
    .unwrap();
    let opened = tables::open(&Engine::Embedded { path: folder.path().to_owned() }, &[&ENTRIES]).await.map(drop);
    assert!(matches!(opened, Err(TableError::Corrupt(_))), "{opened:?}");
}

const KILLED_FOLDER: &str = "TURNOUT_TEST_KILLED_FOLDER";

/// Not a test of its own: the process that `acknowledged_rows_survive_a_kill` starts and kills.
#[tokio::test(flavor = "multi_thread")]
async fn the_writer_that_is_killed() {
    let Some(path) = std::env::var_os(KILLED_FOLDER) else { return };
    let tables = tables::open(&Engine::Embedded { path: path.into() }, &[&ENTRIES]).await.unwrap();
    let start: i64 = std::env::var("START").unwrap().parse().unwrap();
    let writers = (0..16).map(|writer: i64| {
        let tables = tables.clone();
        tokio::spawn(async move {
            for n in start.. {
                let row =
                    Row::new(&ENTRIES).set("writer", format!("w{writer}")).set("n", n).set("body", "x".repeat(200));
                tables.put(row).await.unwrap();
                // One write call a line: a line is whole or not there.
                std::io::stdout().lock().write_all(format!("ack {writer} {n}\n").as_bytes()).unwrap();
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
}

#[tokio::test]
async fn acknowledged_rows_survive_a_kill() {
    let folder = TempDir::new().unwrap();
    let mut acknowledged = Vec::new();
    for round in 0..4_i64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "the_writer_that_is_killed", "--nocapture", "--test-threads=1"])
            .env(KILLED_FOLDER, folder.path())
            .env("START", (round * 1_000_000).to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut acks: Vec<String> =
            lines.by_ref().filter(|line| line.starts_with("ack ")).take(200 + 77 * round as usize).collect();
        child.kill().unwrap();
        // What was acknowledged between the last line read and the end counts too.
        acks.extend(lines.filter(|line| line.starts_with("ack ")));
        child.wait().unwrap();
        for ack in acks {
            let mut words = ack.split(' ').skip(1);
            acknowledged.push((format!("w{}", words.next().unwrap()), words.next().unwrap().parse::<i64>().unwrap()));
        }
        let tables = tables::open(&Engine::Embedded { path: folder.path().to_owned() }, &[&ENTRIES]).await.unwrap();
        for (writer, n) in &acknowledged {
            let found = tables.get(&ENTRIES, vec![writer.into(), Value::Int(*n)]).await.unwrap();
            assert!(
                found.is_some_and(|row| row.text("body").len() == 200),
                "round {round}: row {n} of {writer} is lost"
            );
        }
        let page = tables.range(Range::of(&ENTRIES, vec!["w0".into()])).await.unwrap();
        assert!(!page.rows.is_empty());
    }
    assert!(acknowledged.len() >= 1000, "only {} rows were acknowledged", acknowledged.len());
}
