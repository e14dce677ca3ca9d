//! The CQL engine keeps every law of tables on a real server. The server is given as `TURNOUT_TEST_CQL=host:port`; a run makes
//! one keyspace. Without the variable each test says that it was left out, and fails if `TURNOUT_TEST_SERVERS=required`.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::LazyLock;

use turnout_platform::tables::{self, Engine, PutIf, Row, Table, TableError, int, text};

const SERVER: &str = "TURNOUT_TEST_CQL";

struct Bench {
    engine: Engine,
}

/// One keyspace for all laws of this run, so that its tables are made once.
static KEYSPACE: LazyLock<String> = LazyLock::new(|| fresh("laws"));

fn fresh(purpose: &str) -> String {
    format!("test_{purpose}_{:016x}", RandomState::new().build_hasher().finish())
}

fn server(test: &str) -> Option<String> {
    turnout_platform::real_servers::from_env(SERVER, test)
}

fn engine(server: String, keyspace: String) -> Engine {
    Engine::Cql { nodes: vec![server], keyspace, replication_factor: 1, user: None, password: None }
}

#[allow(clippy::unused_async, reason = "the shape that the laws ask for")]
async fn bench(test: &str) -> Option<Bench> {
    Some(Bench { engine: engine(server(test)?, KEYSPACE.clone()) })
}

turnout_platform::tables_conformance!(bench);

static PLACES: Table = Table {
    name: "places",
    question: "Who opened first?",
    partition: &[text("tenant")],
    clustering: &[int("n")],
    columns: &[text("body"), int("version")],
    lifetime_s: None,
};

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_open_a_new_keyspace_at_once_all_succeed() {
    let Some(server) = server("servers_that_open_a_new_keyspace_at_once_all_succeed") else { return };
    let engine = engine(server, fresh("race"));
    let openers = (0..6).map(|n| {
        let engine = engine.clone();
        tokio::spawn(async move {
            let tables = tables::open(&engine, &[&PLACES]).await.unwrap();
            tables.put_if_absent(Row::new(&PLACES).set("tenant", "t").set("n", n).set("version", 1)).await.unwrap();
            tables
        })
    });
    let mut tables = None;
    for opener in openers.collect::<Vec<_>>() {
        tables = Some(opener.await.unwrap());
    }
    let page = tables.unwrap().range(tables::Range::of(&PLACES, vec!["t".into()])).await.unwrap();
    assert_eq!(page.rows.len(), 6);
}

/// What one server stores in a conditional table, another sees and can build on at once, whatever their clocks say.
#[tokio::test(flavor = "multi_thread")]
async fn two_servers_share_one_order_of_a_conditional_row() {
    let Some(server) = server("two_servers_share_one_order_of_a_conditional_row") else { return };
    let engine = engine(server, fresh("order"));
    let servers = [tables::open(&engine, &[&PLACES]).await.unwrap(), tables::open(&engine, &[&PLACES]).await.unwrap()];
    let row = |version: i64| {
        Row::new(&PLACES).set("tenant", "t").set("n", 1).set("body", version.to_string()).set("version", version)
    };
    servers[0].put(row(0)).await.unwrap();
    for version in 0..100 {
        let stored = servers[version as usize % 2].put_if_version(row(version + 1), version).await;
        assert_eq!(stored, Ok(PutIf::Stored), "version {version}");
    }
}

#[tokio::test]
async fn a_keyspace_with_a_strange_name_is_refused() {
    let strange = engine("127.0.0.1:1".to_owned(), "Bad\"Name".to_owned());
    let opened = tables::open(&strange, &[&PLACES]).await.map(drop);
    assert!(matches!(opened, Err(TableError::Invalid(_))), "{opened:?}");
}

/// Nothing listens there: the caller is told at once which servers were asked, and may retry.
#[tokio::test]
async fn a_cluster_that_does_not_answer_is_unavailable() {
    let nobody = engine("127.0.0.1:1".to_owned(), "somewhere".to_owned());
    let error = tables::open(&nobody, &[&PLACES]).await.map(drop).unwrap_err();
    assert!(error.is_retryable() && error.to_string().contains("127.0.0.1:1"), "{error}");
}
