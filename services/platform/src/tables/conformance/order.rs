//! Laws of the order within a partition: ranges, both ways, and their pages.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::{KINDS, NOTES, SINGLES, note, open};
use crate::tables::{Engine, PAGE_BYTES_MAX, ROW_BYTES_MAX, Range, Row, Tables, Value};

pub async fn a_partition_is_sorted_by_its_clustering_key(engine: &Engine) {
    let tables = open(engine).await;
    let partition: Vec<Value> = vec!["sorted".into(), vec![1].into(), 1.into(), true.into(), Value::Time(0)];
    // Each line differs in one column; the order of the lines is the order wanted.
    let sorted: Vec<(i64, &[u8], i64, bool, &str)> = vec![
        (i64::MIN, b"", 0, false, ""),
        (-1, b"", 0, false, ""),
        (0, b"", 0, false, ""),
        (1, b"", i64::MIN, false, ""),
        (1, b"", -1, false, ""),
        (1, b"", 0, false, ""),
        (1, b"", 0, false, "Z"),
        (1, b"", 0, false, "a"),
        (1, b"", 0, false, "a\0"),
        (1, b"", 0, false, "a\u{1}"),
        (1, b"", 0, false, "aa"),
        (1, b"", 0, false, "\u{e9}"),
        (1, b"", 0, false, "\u{ffff}"),
        (1, b"", 0, false, "\u{10000}"),
        (1, b"", 0, true, ""),
        (1, b"\0", 0, false, ""),
        (1, b"\0\0", 0, false, ""),
        (1, b"\x01", 0, false, ""),
        (1, b"\x7f", 0, false, ""),
        (1, b"\x80", 0, false, ""),
        (1, b"\xff", 0, false, ""),
    ];
    for (at, id, m, even, name) in sorted.iter().rev() {
        let row = Row::new(&KINDS)
            .set("tenant", "sorted")
            .set("tag", vec![1])
            .set("bucket", 1)
            .set("odd", true)
            .set("day", Value::Time(0))
            .set("at", Value::Time(*at))
            .set("id", *id)
            .set("m", *m)
            .set("even", *even)
            .set("name", *name);
        tables.put(row).await.unwrap();
    }
    let rows = tables.range(Range::of(&KINDS, partition)).await.unwrap().rows;
    let found: Vec<_> =
        rows.iter().map(|r| (r.time("at"), r.bytes("id"), r.int("m"), r.flag("even"), r.text("name"))).collect();
    assert_eq!(found, sorted);
}

/// Random rows and random questions, against a `BTreeMap`. A failure names the seed.
pub async fn ranges_answer_as_a_sorted_map_would(engine: &Engine) {
    let tables = open(engine).await;
    for seed in 0..6 {
        let mut random = StdRng::seed_from_u64(seed);
        let tenant = format!("seed {seed}");
        let mut model = BTreeMap::new();
        for n in 0..60 {
            let key = random_prefix(&mut random, 3);
            let (Value::Int(a), Value::Text(b), Value::Bool(c)) = (&key[0], &key[1], &key[2]) else { unreachable!() };
            tables.put(note(&tenant, *a, b, *c).set("n", n)).await.unwrap();
            model.insert(key, n);
        }
        for _ in 0..60 {
            let range = random_range(&mut random, &tenant);
            let mut wanted: Vec<(Vec<Value>, i64)> =
                model.iter().filter(|(key, _)| holds(&range, key)).map(|(k, n)| (k.clone(), *n)).collect();
            if range.reverse {
                wanted.reverse();
            }
            let found = all_pages(&*tables, range.clone()).await;
            assert_eq!(found, wanted, "seed {seed}, {range:?}");
        }
    }
}

fn random_prefix(random: &mut StdRng, len: usize) -> Vec<Value> {
    let texts = ["", "a", "aa", "b", "é"];
    let whole = [
        Value::Int(random.random_range(-2..3)),
        texts[random.random_range(0..texts.len())].into(),
        Value::Bool(random.random_range(0..2) == 1),
    ];
    whole[..len].to_vec()
}

fn random_range(random: &mut StdRng, tenant: &str) -> Range {
    let mut range = Range::of(&NOTES, vec![tenant.into()]).limit(random.random_range(1..30));
    let len = random.random_range(0..4);
    let low = random_prefix(random, len);
    range = if random.random_range(0..2) == 1 { range.from(low) } else { range.from_above(low) };
    let len = random.random_range(0..4);
    let high = random_prefix(random, len);
    range = if random.random_range(0..2) == 1 { range.to(high) } else { range.to_below(high) };
    if random.random_range(0..2) == 1 { range.reverse() } else { range }
}

fn holds(range: &Range, key: &[Value]) -> bool {
    let low = range.low.as_ref().is_none_or(|edge| {
        let head = &key[..edge.prefix.len()];
        head > edge.prefix.as_slice() || (edge.inclusive && head == edge.prefix)
    });
    let high = range.high.as_ref().is_none_or(|edge| {
        let head = &key[..edge.prefix.len()];
        head < edge.prefix.as_slice() || (edge.inclusive && head == edge.prefix)
    });
    low && high
}

async fn all_pages(tables: &dyn Tables, range: Range) -> Vec<(Vec<Value>, i64)> {
    let mut all = Vec::new();
    let mut ask = range.clone();
    loop {
        let page = tables.range(ask).await.unwrap();
        assert!(page.rows.len() <= range.limit);
        assert!(page.next.is_none() || page.rows.len() == range.limit, "a short page that is not the last");
        all.extend(page.rows.iter().map(|row| (row.clustering(), row.int("n"))));
        let Some(next) = page.next else { return all };
        ask = range.clone().after(next);
    }
}

pub async fn a_page_token_does_not_lead_out_of_the_range(engine: &Engine) {
    let tables = open(engine).await;
    for a in 0..10 {
        tables.put(note("token", a, "x", true)).await.unwrap();
    }
    let range = Range::of(&NOTES, vec!["token".into()]).from(vec![3.into()]).to_below(vec![6.into()]);
    let numbers = async |range: Range| -> Vec<i64> {
        let page = tables.range(range).await.unwrap();
        page.rows.iter().map(|row| row.int("a")).collect()
    };
    let token = |a: i64| vec![a.into(), "x".into(), true.into()];
    assert_eq!(numbers(range.clone().after(token(0))).await, [3, 4, 5]);
    assert_eq!(numbers(range.clone().after(token(3))).await, [4, 5]);
    assert_eq!(numbers(range.clone().after(token(9))).await, [0; 0]);
    assert_eq!(numbers(range.clone().reverse().after(token(9))).await, [5, 4, 3]);
    assert_eq!(numbers(range.clone().reverse().after(token(4))).await, [3]);
    assert_eq!(numbers(range.reverse().after(token(0))).await, [0; 0]);
}

pub async fn a_partition_of_one_row_is_a_range(engine: &Engine) {
    let tables = open(engine).await;
    let row = Row::new(&SINGLES).set("tenant", "one row").set("n", 7);
    tables.put(row.clone()).await.unwrap();
    for range in [Range::of(&SINGLES, row.key()), Range::of(&SINGLES, row.key()).reverse().limit(1)] {
        let page = tables.range(range).await.unwrap();
        assert_eq!((page.rows, page.next), (vec![row.clone()], None));
    }
}

pub async fn a_full_page_is_the_last_one_only_when_nothing_follows(engine: &Engine) {
    let tables = open(engine).await;
    for a in 0..6 {
        tables.put(note("full page", a, "x", true)).await.unwrap();
    }
    let range = Range::of(&NOTES, vec!["full page".into()]).limit(3);
    let first = tables.range(range.clone()).await.unwrap();
    let next = first.next.unwrap();
    assert_eq!(next, vec![2.into(), "x".into(), true.into()]);
    let second = tables.range(range.after(next)).await.unwrap();
    assert_eq!((second.rows.len(), second.next), (3, None));
}

pub async fn a_page_ends_early_when_it_is_full_in_bytes(engine: &Engine) {
    let tables = open(engine).await;
    let rows = 2 * PAGE_BYTES_MAX / ROW_BYTES_MAX;
    for a in 0..rows as i64 {
        let body = "x".repeat(ROW_BYTES_MAX - 100);
        super::settled(|| tables.put(note("bytes", a, "", true).set("body", body.as_str()))).await;
    }
    let range = Range::of(&NOTES, vec!["bytes".into()]);
    let first = tables.range(range.clone()).await.unwrap();
    let bytes: usize = first.rows.iter().map(Row::bytes_total).sum();
    assert!((PAGE_BYTES_MAX..PAGE_BYTES_MAX + ROW_BYTES_MAX).contains(&bytes));
    let second = tables.range(range.after(first.next.unwrap())).await.unwrap();
    assert_eq!(first.rows.len() + second.rows.len(), rows);
    tables.delete_partition(&NOTES, vec!["bytes".into()]).await.unwrap();
}
