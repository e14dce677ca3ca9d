//! Laws of conditional tables: one agreed order of all writes to a row.

use std::time::{Duration, Instant};

use super::{CLAIMS, DOCUMENTS, document, document_key, open, settled};
use crate::tables::{Engine, PutIf, Row, VERSION};

pub async fn of_fifty_that_put_an_absent_row_one_stores(engine: &Engine) {
    let tables = open(engine).await;
    let row = |n: i64| document("absent race", "d").set("author", n.to_string()).set(VERSION, 1);
    let racers = (0..50).map(|n| {
        let tables = tables.clone();
        // After a time-out the row that is there may be one's own.
        tokio::spawn(async move { settled(|| tables.put_if_absent(row(n))).await.is_none_or(|found| found == row(n)) })
    });
    let mut winners = Vec::new();
    for (n, racer) in (0..).zip(racers.collect::<Vec<_>>()) {
        if racer.await.unwrap() {
            winners.push(n);
        }
    }
    assert_eq!(winners.len(), 1, "winners: {winners:?}");
    assert_eq!(tables.get(&DOCUMENTS, row(0).key()).await, Ok(Some(row(winners[0]))));
}

pub async fn of_fifty_that_put_the_next_version_one_stores(engine: &Engine) {
    let tables = open(engine).await;
    let row = |n: i64, version: i64| document("version race", "d").set("author", n.to_string()).set(VERSION, version);
    assert_eq!(tables.put_if_absent(row(-1, 1)).await, Ok(None));
    let racers = (0..50).map(|n| {
        let tables = tables.clone();
        tokio::spawn(async move {
            match settled(|| tables.put_if_version(row(n, 2), 1)).await {
                PutIf::Stored => true,
                PutIf::Differs(found) => found == Some(row(n, 2)),
            }
        })
    });
    let mut winners = Vec::new();
    for (n, racer) in (0..).zip(racers.collect::<Vec<_>>()) {
        if racer.await.unwrap() {
            winners.push(n);
        }
    }
    assert_eq!(winners.len(), 1, "winners: {winners:?}");
    assert_eq!(tables.get(&DOCUMENTS, row(0, 0).key()).await, Ok(Some(row(winners[0], 2))));
}

pub async fn a_stale_version_is_answered_with_the_row(engine: &Engine) {
    let tables = open(engine).await;
    let row = |id: &str| document("stale", id);
    assert_eq!(tables.put_if_version(row("none").set(VERSION, 2), 1).await, Ok(PutIf::Differs(None)));
    assert_eq!(tables.get(&DOCUMENTS, document_key("stale", "none")).await, Ok(None), "a refused put left a row");

    let stored = row("d").set("title", "t").set(VERSION, 5);
    assert_eq!(tables.put_if_absent(stored.clone()).await, Ok(None));
    let differs = Ok(PutIf::Differs(Some(stored.clone())));
    assert_eq!(tables.put_if_version(row("d").set("title", "new").set(VERSION, 5), 4).await, differs);
    assert_eq!(tables.get(&DOCUMENTS, stored.key()).await, Ok(Some(stored)));

    let without = row("without a version").set("title", "t");
    assert_eq!(tables.put_if_absent(without.clone()).await, Ok(None));
    assert_eq!(tables.put_if_version(without.clone().set(VERSION, 1), 0).await, Ok(PutIf::Differs(Some(without))));
}

pub async fn a_repeated_put_if_absent_answers_with_its_own_row(engine: &Engine) {
    let tables = open(engine).await;
    let row = document("repeated", "d").set("title", "").set(VERSION, i64::MIN);
    assert_eq!(tables.put_if_absent(row.clone()).await, Ok(None));
    assert_eq!(tables.put_if_absent(row.clone()).await, Ok(Some(row.clone())));
    assert_eq!(tables.put_if_absent(document("repeated", "d").set("title", "other")).await, Ok(Some(row)));
}

/// Each write is seen by the next, whichever sort the two are.
pub async fn mixed_writes_of_a_conditional_table_keep_their_order(engine: &Engine) {
    let tables = open(engine).await;
    let row = |n: i64| document("mixed", "d").set("title", n.to_string()).set(VERSION, n);
    let key = || document_key("mixed", "d");
    for n in (0..60).step_by(3) {
        assert_eq!(tables.put_if_absent(row(n)).await, Ok(None), "round {n}: a delete does not hide a later put");
        assert_eq!(tables.get(&DOCUMENTS, key()).await, Ok(Some(row(n))));
        assert_eq!(tables.put_if_version(row(n + 1), n).await, Ok(PutIf::Stored));
        tables.put(row(n + 2)).await.unwrap();
        assert_eq!(tables.get(&DOCUMENTS, key()).await, Ok(Some(row(n + 2))));
        if n % 2 == 0 {
            tables.delete(&DOCUMENTS, key()).await.unwrap();
        } else {
            tables.delete_partition(&DOCUMENTS, vec!["mixed".into()]).await.unwrap();
        }
        assert_eq!(tables.get(&DOCUMENTS, key()).await, Ok(None));
    }
}

pub async fn a_conditional_row_can_be_put_again_after_its_lifetime(engine: &Engine) {
    let tables = open(engine).await;
    let row = |holder: &str| Row::new(&CLAIMS).set("tenant", "claim").set("holder", holder).set(VERSION, 1);
    assert_eq!(tables.put_if_absent(row("a")).await, Ok(None));
    assert_eq!(tables.put_if_absent(row("b")).await, Ok(Some(row("a"))));
    let deadline = Instant::now() + Duration::from_secs(10);
    while let Some(found) = tables.put_if_absent(row("b")).await.unwrap() {
        assert_eq!(found, row("a"));
        assert!(Instant::now() < deadline, "the claim does not end");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(tables.get(&CLAIMS, row("b").key()).await, Ok(Some(row("b"))));
}
