//! Laws of single rows: put, get, delete, lifetime.

use std::time::{Duration, Instant};

use super::{BRIEF, KINDS, NOTES, SINGLES, document, document_key, note, note_key, open, settled};
use crate::tables::{Engine, Range, Row, Value};

pub async fn a_row_of_every_kind_comes_back_as_it_was_put(engine: &Engine) {
    let tables = open(engine).await;
    let tenant = "every kind";
    let texts = ["", "plain", "Grüße, 世界 🎪", "nul\0inside", "quote ' \" ; -- ?"];
    let ints = [0, 1, -1, i64::MAX, i64::MIN];
    for (i, (text, int)) in texts.into_iter().zip(ints).enumerate() {
        let blob = if i == 0 { Vec::new() } else { vec![0, 255, b'x', i as u8] };
        let row = Row::new(&KINDS)
            .set("tenant", tenant)
            .set("tag", vec![i as u8])
            .set("bucket", int)
            .set("odd", i % 2 == 1)
            .set("day", Value::Time(int / 2))
            .set("at", Value::Time(int / 2))
            .set("id", blob.clone())
            .set("m", int)
            .set("even", i % 2 == 0)
            .set("name", text)
            .set("title", text)
            .set("blob", blob)
            .set("n", int)
            .set("done", i == 0)
            .set("until", Value::Time(int / 2));
        tables.put(row.clone()).await.unwrap();
        assert_eq!(tables.get(&KINDS, row.key()).await.unwrap(), Some(row.clone()));
        let partition = row.key()[..KINDS.partition.len()].to_vec();
        let page = tables.range(Range::of(&KINDS, partition)).await.unwrap();
        assert_eq!((page.rows, page.next), (vec![row], None));
    }
}

pub async fn a_put_leaves_unset_columns_as_they_were(engine: &Engine) {
    let tables = open(engine).await;
    let tenant = "unset";
    let row = note(tenant, 1, "x", true);
    tables.put(row.clone().set("body", "first").set("n", 1)).await.unwrap();
    tables.put(row.clone().set("n", 2)).await.unwrap();
    tables.put(row.clone()).await.unwrap();
    let found = tables.get(&NOTES, row.key()).await.unwrap();
    assert_eq!(found, Some(row.set("body", "first").set("n", 2)));

    let row = document(tenant, "d").set("version", 1);
    tables.put(row.clone().set("title", "first").set("author", "a")).await.unwrap();
    tables.put(row.clone().set("author", "b")).await.unwrap();
    assert_eq!(tables.put_if_version(row.clone().set("version", 2), 1).await, Ok(crate::tables::PutIf::Stored));
    let found = tables.get(row.table(), row.key()).await.unwrap();
    assert_eq!(found, Some(row.set("title", "first").set("author", "b").set("version", 2)));
}

pub async fn a_row_of_a_key_alone_is_there(engine: &Engine) {
    let tables = open(engine).await;
    for row in [note("key alone", 1, "", false), document("key alone", "d")] {
        tables.put(row.clone()).await.unwrap();
        tables.put(row.clone()).await.unwrap();
        let found = tables.get(row.table(), row.key()).await.unwrap();
        assert_eq!(found, Some(row));
    }
    let found = tables.get(&NOTES, note_key("key alone", 1, "", false)).await.unwrap().unwrap();
    assert_eq!((found.text("body"), found.opt_text("body"), found.int("n"), found.opt_int("n")), ("", None, 0, None));
}

pub async fn an_absent_row_is_none(engine: &Engine) {
    let tables = open(engine).await;
    assert_eq!(tables.get(&NOTES, note_key("absent", 1, "", false)).await, Ok(None));
    assert_eq!(tables.get(&SINGLES, vec!["absent".into()]).await, Ok(None));
    let page = tables.range(Range::of(&NOTES, vec!["absent".into()])).await.unwrap();
    assert_eq!((page.rows, page.next), (vec![], None));
    tables.delete(&NOTES, note_key("absent", 1, "", false)).await.unwrap();
    tables.delete(document("absent", "d").table(), document_key("absent", "d")).await.unwrap();
    tables.delete_partition(&NOTES, vec!["absent".into()]).await.unwrap();
}

/// Faster than a clock of milliseconds can tell the writes apart.
pub async fn later_writes_win(engine: &Engine) {
    let tables = open(engine).await;
    let row = || note("later", 1, "x", true);
    for n in 0..100 {
        tables.put(row().set("n", n)).await.unwrap();
        if n % 10 == 5 {
            tables.delete(&NOTES, row().key()).await.unwrap();
            assert_eq!(tables.get(&NOTES, row().key()).await, Ok(None));
            tables.put(row().set("n", n)).await.unwrap();
        }
        assert_eq!(tables.get(&NOTES, row().key()).await.unwrap().unwrap().int("n"), n);
    }
}

pub async fn many_writers_at_once_all_land(engine: &Engine) {
    let tables = open(engine).await;
    let writers = (0..500).map(|n| {
        let tables = tables.clone();
        tokio::spawn(async move { settled(|| tables.put(note("many", n % 7, &n.to_string(), true).set("n", n))).await })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let page = tables.range(Range::of(&NOTES, vec!["many".into()])).await.unwrap();
    let mut numbers: Vec<i64> = page.rows.iter().map(|row| row.int("n")).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..500).collect::<Vec<_>>());
}

pub async fn requests_that_nobody_polls_keep_no_other_waiting(engine: &Engine) {
    /// More than any engine does at the same time.
    const UNPOLLED: usize = 600;
    let tables = open(engine).await;
    let row = note("unpolled", 1, "x", true);
    settled(|| tables.put(row.clone())).await;
    // Each begins and comes to its turn, or to its place in the queue; then nobody looks after it any more.
    let mut unpolled: Vec<_> = (0..UNPOLLED).map(|_| tables.get(&NOTES, row.key())).collect();
    unpolled.retain_mut(|request| futures_util::FutureExt::now_or_never(request).is_none());
    assert_eq!(tables.get(&NOTES, row.key()).await, Ok(Some(row.clone())));
    for request in unpolled {
        assert_eq!(request.await, Ok(Some(row.clone())));
    }
}

pub async fn a_deleted_row_is_gone_and_can_be_put_again(engine: &Engine) {
    let tables = open(engine).await;
    for row in [note("deleted", 1, "x", true).set("body", "old"), document("deleted", "d").set("title", "old")] {
        let (table, key) = (row.table(), row.key());
        let beside = match key.len() {
            2 => document("deleted", "e"),
            _ => note("deleted", 1, "y", true),
        };
        tables.put(row).await.unwrap();
        tables.put(beside.clone()).await.unwrap();
        tables.delete(table, key.clone()).await.unwrap();
        assert_eq!(tables.get(table, key.clone()).await, Ok(None));
        assert_eq!(tables.get(table, beside.key()).await, Ok(Some(beside)));
        let again = if key.len() == 2 { document("deleted", "d") } else { note("deleted", 1, "x", true) };
        tables.put(again.clone()).await.unwrap();
        assert_eq!(tables.get(table, key).await, Ok(Some(again)), "a column came back from before the delete");
    }
}

pub async fn a_deleted_partition_leaves_the_others(engine: &Engine) {
    let tables = open(engine).await;
    for tenant in ["partition 1", "partition 2"] {
        for n in 0..20 {
            tables.put(note(tenant, n, "x", true)).await.unwrap();
            tables.put(document(tenant, &n.to_string())).await.unwrap();
        }
    }
    for table in [&NOTES, document("", "").table()] {
        tables.delete_partition(table, vec!["partition 1".into()]).await.unwrap();
        let rows = async |tenant: &str| tables.range(Range::of(table, vec![tenant.into()])).await.unwrap().rows.len();
        assert_eq!((rows("partition 1").await, rows("partition 2").await), (0, 20));
    }
    tables.put(note("partition 1", 1, "x", true)).await.unwrap();
    assert_eq!(tables.range(Range::of(&NOTES, vec!["partition 1".into()])).await.unwrap().rows.len(), 1);
}

pub async fn rows_vanish_after_their_lifetime(engine: &Engine) {
    let tables = open(engine).await;
    let row = Row::new(&BRIEF).set("tenant", "brief").set("n", 1);
    tables.put(row.clone().set("body", "first").set("extra", "first")).await.unwrap();
    assert!(tables.get(&BRIEF, row.key()).await.unwrap().is_some(), "a row is there at first");
    let deadline = Instant::now() + Duration::from_secs(10);
    while tables.get(&BRIEF, row.key()).await.unwrap().is_some() {
        assert!(Instant::now() < deadline, "the row does not vanish");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(tables.range(Range::of(&BRIEF, vec!["brief".into()])).await.unwrap().rows, vec![]);
    let again = row.set("body", "second");
    tables.put(again.clone()).await.unwrap();
    assert_eq!(tables.get(&BRIEF, again.key()).await, Ok(Some(again)), "a column came back from the row before");
}
