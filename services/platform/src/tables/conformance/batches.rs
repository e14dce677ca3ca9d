//! Laws of batches: within one partition, and across.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{NOTES, SINGLES, assert_invalid, note, note_key, open, settled};
use crate::tables::{
    BATCH_ACROSS_BYTES_MAX, BATCH_BYTES_MAX, BATCH_WRITES_MAX, Engine, Range, Row, VALUE_OVERHEAD_BYTES, Write,
};

pub async fn a_batch_is_seen_whole_or_not_at_all(engine: &Engine) {
    let tables = open(engine).await;
    let over = Arc::new(AtomicBool::new(false));
    let reader = tokio::spawn({
        let (tables, over) = (tables.clone(), over.clone());
        async move {
            let mut seen = 0;
            while !over.load(Ordering::Relaxed) {
                let rows = tables.range(Range::of(&NOTES, vec!["whole".into()])).await.unwrap().rows;
                let generations: Vec<i64> = rows.iter().map(|row| row.int("n")).collect();
                assert!(generations.is_empty() || generations.len() == 10, "a part of a batch: {generations:?}");
                assert!(generations.windows(2).all(|two| two[0] == two[1]), "two batches at once: {generations:?}");
                seen += generations.len();
            }
            seen
        }
    });
    for n in 0..50 {
        // The second half of the rows takes the place of the first and the other way round.
        let put = (0..10).map(|a| Write::Put(note("whole", a + 10 * (n % 2), "x", true).set("n", n)));
        let delete =
            (0..10).map(|a| Write::Delete { table: &NOTES, key: note_key("whole", a + 10 * ((n + 1) % 2), "x", true) });
        let writes: Vec<Write> = put.chain(delete).collect();
        settled(|| tables.batch(writes.clone())).await;
    }
    over.store(true, Ordering::Relaxed);
    assert!(reader.await.unwrap() > 0, "the reader saw nothing");
}

pub async fn a_batch_stays_in_one_partition(engine: &Engine) {
    let tables = open(engine).await;
    let two = vec![Write::Put(note("stays 1", 1, "x", true)), Write::Put(note("stays 2", 1, "x", true))];
    assert_invalid(tables.batch(two.clone()).await, "one partition");
    assert_eq!(tables.get(&NOTES, note_key("stays 1", 1, "x", true)).await, Ok(None));
    let single = Row::new(&SINGLES).set("tenant", "stays 1").set("n", 1);
    let tables_mixed = vec![Write::Put(note("stays 1", 1, "x", true)), Write::Put(single.clone())];
    assert_invalid(tables.batch(tables_mixed).await, "one partition");

    settled(|| tables.batch_across(two.clone())).await;
    for tenant in ["stays 1", "stays 2"] {
        assert_eq!(tables.get(&NOTES, note_key(tenant, 1, "x", true)).await, Ok(Some(note(tenant, 1, "x", true))));
    }
    let exchange =
        vec![Write::Delete { table: &NOTES, key: note_key("stays 1", 1, "x", true) }, Write::Put(single.clone())];
    settled(|| tables.batch_across(exchange.clone())).await;
    assert_eq!(tables.get(&NOTES, note_key("stays 1", 1, "x", true)).await, Ok(None));
    assert_eq!(tables.get(&SINGLES, single.key()).await, Ok(Some(single)));
}

pub async fn a_refused_batch_writes_nothing(engine: &Engine) {
    let tables = open(engine).await;
    let good = || Write::Put(note("refused", 1, "x", true));
    let long = || Write::Put(note("refused", 2, "x", true).set("body", "x".repeat(crate::tables::ROW_BYTES_MAX)));
    assert_invalid(tables.batch(vec![good(), long()]).await, "the limit");
    assert_invalid(tables.batch_across(vec![good(), long()]).await, "the limit");
    assert_invalid(tables.batch(vec![good(), good()]).await, "one row twice");
    let delete = Write::Delete { table: &NOTES, key: note_key("refused", 1, "x", true) };
    assert_invalid(tables.batch_across(vec![good(), delete]).await, "one row twice");
    let many: Vec<Write> = (0..=BATCH_WRITES_MAX as i64).map(|a| Write::Put(note("refused", a, "x", true))).collect();
    assert_invalid(tables.batch(many).await, "101 writes");
    assert_eq!(tables.range(Range::of(&NOTES, vec!["refused".into()])).await.unwrap().rows, vec![]);
    assert_eq!(tables.batch(vec![]).await, Ok(()));
    assert_eq!(tables.batch_across(vec![]).await, Ok(()));
}

/// Servers have limits of their own: ours must lie below.
pub async fn the_largest_batches_are_stored(engine: &Engine) {
    let tables = open(engine).await;
    for (across, bytes) in [(false, BATCH_BYTES_MAX), (true, BATCH_ACROSS_BYTES_MAX)] {
        let tenant = |a: i64| if across { format!("large {a}") } else { "large".to_owned() };
        let row = |a: i64| {
            let row = note(&tenant(a), a, "", true).set("n", a);
            let overhead = if across { 6 * VALUE_OVERHEAD_BYTES } else { 0 };
            let body = "x".repeat(bytes / BATCH_WRITES_MAX - row.bytes_total() - overhead);
            row.set("body", body)
        };
        let writes: Vec<Write> = (0..BATCH_WRITES_MAX as i64).map(|a| Write::Put(row(a))).collect();
        if across {
            settled(|| tables.batch_across(writes.clone())).await;
        } else {
            settled(|| tables.batch(writes.clone())).await;
        }
        for a in [0, 50, BATCH_WRITES_MAX as i64 - 1] {
            assert_eq!(tables.get(&NOTES, row(a).key()).await, Ok(Some(row(a))));
        }
        let mut longer = writes;
        longer[0] = Write::Put(row(0).set("body", "x".repeat(bytes)));
        let refused = if across { tables.batch_across(longer).await } else { tables.batch(longer).await };
        assert_invalid(refused, "bytes, the limit is");
    }
}
