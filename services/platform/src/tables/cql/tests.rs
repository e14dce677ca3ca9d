//! What only the CQL engine promises, seen from the inside. Needs a server, like `tests/tables_cql.rs`.

mod answers;

use std::hash::{BuildHasher, Hasher, RandomState};

use super::*;
use crate::tables::{int, text};

static PLACES: Table = Table {
    name: "places",
    question: "Who has the place?",
    partition: &[text("tenant")],
    clustering: &[int("n")],
    columns: &[text("holder"), int("version")],
    lifetime_s: None,
};

/// A clock that is off.
struct Off(MonotonicTimestampGenerator, i64);

impl TimestampGenerator for Off {
    fn next_timestamp(&self) -> i64 {
        self.0.next_timestamp() + self.1
    }
}

/// Law 3: with plain writes the row of the server that is an hour ahead would win against every later transaction.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_off_neither_hides_nor_undoes_conditional_writes() {
    let test = "a_clock_that_is_off_neither_hides_nor_undoes_conditional_writes";
    let Some(node) = crate::real_servers::from_env("TURNOUT_TEST_CQL", test) else { return };
    let keyspace = format!("test_clock_{:016x}", RandomState::new().build_hasher().finish());
    let mut servers = Vec::new();
    for hours in [1, -1, 0] {
        let mut server = CqlTables::open(std::slice::from_ref(&node), &keyspace, 1, None, &[&PLACES]).await.unwrap();
        server.timestamps = Box::new(Off(MonotonicTimestampGenerator::new(), hours * 3_600_000_000));
        servers.push(server);
    }
    let row = |holder: &str, version: i64| {
        Row::new(&PLACES).set("tenant", "t").set("n", 1).set("holder", holder).set(VERSION, version)
    };
    let key = || row("", 0).key();
    for _ in 0..3 {
        for turn in 0..3 {
            let [a, b, c] = [0, 1, 2].map(|n| &servers[(turn + n) % 3]);
            a.put(row("a", 1)).await.unwrap();
            assert_eq!(b.put_if_version(row("b", 2), 1).await, Ok(PutIf::Stored));
            assert_eq!(c.get(&PLACES, key()).await, Ok(Some(row("b", 2))));
            c.put(row("c", 3)).await.unwrap();
            assert_eq!(a.get(&PLACES, key()).await, Ok(Some(row("c", 3))));
            b.delete(&PLACES, key()).await.unwrap();
            assert_eq!(c.put_if_absent(row("c", 4)).await, Ok(None));
            assert_eq!(a.get(&PLACES, key()).await, Ok(Some(row("c", 4))));
            a.delete_partition(&PLACES, vec!["t".into()]).await.unwrap();
            assert_eq!(b.get(&PLACES, key()).await, Ok(None));
        }
    }
}
