//! Laws of refusal: nothing that breaks a limit or a declaration reaches a store.

use super::{DOCUMENTS, NOTES, SINGLES, assert_invalid, document, note, note_key, open, settled};
use crate::tables::{
    Engine, KEY_BYTES_MAX, RANGE_ROWS_MAX, ROW_BYTES_MAX, Range, Row, Table, VERSION, Value, Write, text,
};

pub async fn what_breaks_the_declaration_is_refused_before_it_is_sent(engine: &Engine) {
    static STRANGE: Table = Table {
        name: "strange",
        question: "Is it opened?",
        partition: &[text("tenant")],
        clustering: &[],
        columns: &[],
        lifetime_s: None,
    };
    let tables = open(engine).await;
    assert_invalid(tables.put(Row::new(&STRANGE).set("tenant", "t")).await, "not opened");
    assert_invalid(tables.get(&STRANGE, vec!["t".into()]).await, "not opened");
    assert_invalid(tables.put(Row::new(&NOTES).set("tenant", "t").set("b", "x")).await, "a key of 2 values");
    assert_invalid(tables.put(note("", 1, "x", true)).await, "an empty value in the partition key");
    assert_invalid(tables.get(&NOTES, vec!["t".into(), 1.into()]).await, "a key of 2 values");
    assert_invalid(
        tables.get(&NOTES, vec!["t".into(), Value::Time(1), "x".into(), true.into()]).await,
        "column a is Int",
    );
    assert_invalid(
        tables.delete(&NOTES, vec![1.into(), 1.into(), "x".into(), true.into()]).await,
        "column tenant is Text",
    );
    assert_invalid(tables.delete_partition(&NOTES, vec!["t".into(), 1.into()]).await, "a partition key of 2 values");
    let long = "k".repeat(KEY_BYTES_MAX);
    assert_invalid(tables.put(note("t", 1, &long, true)).await, "a key of");
    assert_invalid(tables.get(&NOTES, note_key(&long, 1, "x", true)).await, "a key of");

    let range = || Range::of(&NOTES, vec!["t".into()]);
    assert_invalid(tables.range(range().limit(0)).await, "a page of 0 rows");
    assert_invalid(tables.range(range().limit(RANGE_ROWS_MAX + 1)).await, "a page of 5001 rows");
    assert_invalid(tables.range(range().from(vec!["x".into()])).await, "column a is Int");
    assert_invalid(
        tables.range(range().to(vec![1.into(), "x".into(), true.into(), 1.into()])).await,
        "4 clustering values",
    );
    assert_invalid(tables.range(range().after(vec![1.into()])).await, "whole clustering key");
    assert_invalid(tables.range(Range::of(&SINGLES, vec!["t".into()]).after(vec![])).await, "whole clustering key");
    assert_invalid(tables.range(Range::of(&NOTES, vec![])).await, "a partition key of 0 values");
}

pub async fn conditional_and_plain_tables_take_only_their_own_writes(engine: &Engine) {
    let tables = open(engine).await;
    assert_invalid(tables.put_if_absent(note("own", 1, "x", true)).await, "conditional puts need");
    assert_invalid(tables.put_if_version(note("own", 1, "x", true), 1).await, "conditional puts need");
    let put = || vec![Write::Put(document("own", "d").set(VERSION, 1))];
    assert_invalid(tables.batch(put()).await, "takes no batches");
    assert_invalid(tables.batch_across(put()).await, "takes no batches");
    assert_invalid(tables.put_if_version(document("own", "d").set(VERSION, 1), 1).await, "another version");
    assert_invalid(tables.put_if_version(document("own", "d"), 1).await, "another version");
    assert_eq!(tables.range(Range::of(&DOCUMENTS, vec!["own".into()])).await.unwrap().rows, vec![]);
}

pub async fn a_row_may_be_as_long_as_the_limit_and_no_longer(engine: &Engine) {
    let tables = open(engine).await;
    let row = Row::new(&SINGLES).set("tenant", "long");
    let body = vec![7; ROW_BYTES_MAX - row.bytes_total()];
    let longest = row.clone().set("body", body.clone());
    settled(|| tables.put(longest.clone())).await;
    assert_eq!(tables.get(&SINGLES, row.key()).await, Ok(Some(longest)));
    let longer = row.set("body", [body, vec![7]].concat());
    assert_invalid(tables.put(longer).await, "the limit is 1048576");
}
