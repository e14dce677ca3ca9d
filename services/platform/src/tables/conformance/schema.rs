//! Laws of opening: what is kept, what is added, what is refused.

use super::{NOTES, note, note_key, open};
use crate::tables::{self, Engine, Row, Table, TableError, int, text};

pub async fn rows_survive_reopening(engine: &Engine) {
    let row = note("reopened", 1, "x", true).set("body", "kept");
    let tables = open(engine).await;
    tables.put(row.clone()).await.unwrap();
    drop(tables);
    for _ in 0..2 {
        let tables = open(engine).await;
        assert_eq!(tables.get(&NOTES, note_key("reopened", 1, "x", true)).await, Ok(Some(row.clone())));
    }
}

pub async fn a_new_column_is_added_and_the_older_release_still_opens(engine: &Engine) {
    static OLDER: Table = Table {
        name: "growing",
        question: "What did the older release know?",
        partition: &[text("tenant")],
        clustering: &[],
        columns: &[text("title")],
        lifetime_s: Some(3600),
    };
    static NEWER: Table = Table {
        columns: &[int("seats"), text("title"), tables::bytes("picture")],
        lifetime_s: Some(7200),
        ..OLDER_FIELDS
    };
    const OLDER_FIELDS: Table = Table {
        name: "growing",
        question: "What does the newer release know?",
        partition: &[text("tenant")],
        clustering: &[],
        columns: &[],
        lifetime_s: None,
    };
    let key = || vec!["t".into()];
    let older = tables::open(engine, &[&OLDER]).await.unwrap();
    older.put(Row::new(&OLDER).set("tenant", "t").set("title", "hall")).await.unwrap();
    drop(older);

    let newer = tables::open(engine, &[&NEWER]).await.unwrap();
    let row = newer.get(&NEWER, key()).await.unwrap().unwrap();
    assert_eq!(
        (row.text("title"), row.opt_int("seats"), row.int("seats"), row.bytes("picture")),
        ("hall", None, 0, &[][..])
    );
    newer.put(row.set("seats", 40)).await.unwrap();
    drop(newer);

    let older = tables::open(engine, &[&OLDER]).await.unwrap();
    older.put(Row::new(&OLDER).set("tenant", "t").set("title", "great hall")).await.unwrap();
    drop(older);

    let newer = tables::open(engine, &[&NEWER]).await.unwrap();
    let row = newer.get(&NEWER, key()).await.unwrap().unwrap();
    assert_eq!((row.text("title"), row.int("seats")), ("great hall", 40));
}

pub async fn a_changed_declaration_is_refused_by_name(engine: &Engine) {
    const FIRST: Table = Table {
        name: "changing",
        question: "What was declared first?",
        partition: &[text("tenant")],
        clustering: &[int("at")],
        columns: &[text("title")],
        lifetime_s: None,
    };
    static DECLARED: Table = FIRST;
    static KIND: Table = Table { columns: &[int("title")], ..FIRST };
    static TIME: Table = Table { clustering: &[tables::time("at")], ..FIRST };
    static MOVED: Table = Table { partition: &[text("tenant"), int("at")], clustering: &[], ..FIRST };
    static LONGER: Table = Table { clustering: &[int("at"), text("more")], ..FIRST };
    static SHORTER: Table = Table { clustering: &[], ..FIRST };
    static BRIEF: Table = Table { lifetime_s: Some(60), ..FIRST };
    drop(tables::open(engine, &[&DECLARED]).await.unwrap());
    for (table, column) in
        [(&KIND, "title"), (&TIME, "at"), (&MOVED, "at"), (&LONGER, "more"), (&SHORTER, "at"), (&BRIEF, "(lifetime)")]
    {
        match tables::open(engine, &[table]).await.map(drop) {
            Err(TableError::Schema(message)) => {
                assert!(message.contains(&format!("table changing, column {column}: declared")), "{message}");
            }
            other => panic!("{column}: not refused but {other:?}"),
        }
    }
    drop(tables::open(engine, &[&DECLARED]).await.unwrap());
}

pub async fn a_faulty_declaration_is_refused(engine: &Engine) {
    const GOOD: Table = Table {
        name: "faulty",
        question: "Which declarations are refused?",
        partition: &[text("tenant")],
        clustering: &[],
        columns: &[],
        lifetime_s: None,
    };
    static TWICE: Table = GOOD;
    static FAULTY: &[(Table, &str)] = &[
        (Table { name: "Faulty", ..GOOD }, "its name"),
        (Table { name: "f\"; DROP", ..GOOD }, "its name"),
        (Table { question: " ", ..GOOD }, "question"),
        (Table { partition: &[], ..GOOD }, "partition key"),
        (Table { columns: &[text("_x")], ..GOOD }, "column _x"),
        (Table { columns: &[text("tenant")], ..GOOD }, "tenant is declared twice"),
        (Table { columns: &[text("version")], ..GOOD }, "version"),
        (Table { clustering: &[int("version")], ..GOOD }, "version"),
        (Table { lifetime_s: Some(0), ..GOOD }, "lifetime"),
    ];
    for (table, part) in FAULTY {
        super::assert_invalid(tables::open(engine, &[table]).await.map(drop), part);
    }
    super::assert_invalid(tables::open(engine, &[&TWICE, &TWICE]).await.map(drop), "declared twice");
}
