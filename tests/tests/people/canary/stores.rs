//! What stands in the columns of a store: every cell of every table, as the store itself gives it out. It changes nothing.

use std::{collections::BTreeMap, path::Path, process::Command};

use turnout_tests::needles::Needles;

/// The columns of a store, each with all its cells.
pub struct Columns(BTreeMap<String, Vec<u8>>);

impl Columns {
    /// Of the embedded store in this folder.
    pub fn embedded(folder: &Path) -> Self {
        Self::read(&["sqlite", &folder.join("tables.sqlite").display().to_string()])
    }

    /// Of all keyspaces of the node at `host:port`.
    pub fn cql(address: &str) -> Self {
        Self::read(&["cql", address])
    }

    fn read(args: &[&str]) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("servers/cells.py");
        let done = Command::new("python3").arg(script).args(args).output().expect("python3 runs");
        assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
        let mut columns = BTreeMap::<String, Vec<u8>>::new();
        for line in String::from_utf8(done.stdout).unwrap().lines() {
            let (name, digits) = line.split_once('\t').expect("a name and a value");
            let column = columns.entry(name.to_owned()).or_default();
            column.extend(digits.as_bytes().chunks(2).map(|pair| {
                let pair = std::str::from_utf8(pair).expect("digits");
                u8::from_str_radix(pair, 16).expect("digits")
            }));
            // So that no word is made of two cells.
            column.push(b'\n');
        }
        Self(columns)
    }

    /// Whether any cell of the columns of this name, in whatever keyspace, holds something.
    pub fn hold(&self, column: &str) -> bool {
        self.0.keys().any(|name| name.ends_with(column))
    }

    /// The words that stand in a column in plain, with its name.
    pub fn holding(&self, needles: &Needles) -> Vec<(String, String)> {
        let found = |(name, cells): (&String, &Vec<u8>)| {
            let of_column = |word: &str| (word.to_owned(), name.clone());
            needles.in_bytes(cells).into_iter().map(of_column).collect::<Vec<_>>()
        };
        self.0.iter().flat_map(found).collect()
    }
}

#[cfg(test)]
mod tests {
    use turnout_platform::tables::{self, Engine, Row, Table, bytes, text};
    use turnout_tests::servers::{free_port, fresh_keyspace, from_env};

    use super::*;

    static PLANTED: Table = Table {
        name: "planted",
        question: "What has leaked?",
        partition: &[text("id")],
        clustering: &[text("part")],
        columns: &[text("words"), bytes("payload")],
        lifetime_s: None,
    };

    /// Puts a word into every kind of column, and something that is no word.
    async fn plant(engine: &Engine) {
        let tables = tables::open(engine, &[&PLANTED]).await.unwrap();
        let row = |id: &str, part: &str, words: &str, payload: &[u8]| {
            Row::new(&PLANTED).set("id", id).set("part", part).set("words", words).set("payload", payload.to_vec())
        };
        tables.put(row("quokkapartition", "a", "nothing", b"nothing")).await.unwrap();
        tables.put(row("a", "quokkaclustering", "nothing", b"nothing")).await.unwrap();
        tables.put(row("a", "b", "a {quokkatext}", b"nothing")).await.unwrap();
        tables.put(row("a", "c", "nothing", b"\0\xffquokkabytes\0")).await.unwrap();
        tables.put(row("a", "d", "6c6f6f6b203a2071756f6b6b616865782e", b"nothing")).await.unwrap();
        for number in 0..1200 {
            tables.put(row("many", &number.to_string(), "nothing", b"nothing")).await.unwrap();
        }
        tables.put(row("many", "z", "quokkalast", b"nothing")).await.unwrap();
    }

    fn are_found(columns: &Columns, table: &str) {
        let words = ["quokkapartition", "quokkaclustering", "quokkatext", "quokkabytes", "quokkahex", "quokkalast"];
        let mut found = columns.holding(&Needles::of(words));
        found.retain(|(_, column)| column.starts_with(table));
        let mut expected = ["id", "part", "words", "payload", "words", "words"]
            .iter()
            .zip(words)
            .map(|(column, word)| (word.to_owned(), format!("{table}.{column}")))
            .collect::<Vec<_>>();
        found.sort();
        expected.sort();
        assert_eq!(found, expected);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_word_in_any_column_of_the_embedded_store_is_found() {
        let folder = tempfile::tempdir().unwrap();
        plant(&Engine::Embedded { path: folder.path().to_owned() }).await;
        are_found(&Columns::embedded(folder.path()), "planted");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_word_in_any_column_of_a_cql_store_is_found() {
        let Some(_) = from_env("TURNOUT_TEST_CQL", "a_word_in_any_column_of_a_cql_store_is_found") else { return };
        // A node of its own: what other tests are writing to theirs is much to read.
        let folder = tempfile::tempdir().unwrap();
        let node = crate::canary::Node::start(folder.path(), free_port());
        let keyspace = fresh_keyspace();
        let (nodes, user, password) = (vec![node.address.clone()], None, None);
        plant(&Engine::Cql { nodes, keyspace: keyspace.clone(), replication_factor: 1, user, password }).await;
        are_found(&Columns::cql(&node.address), &format!("{keyspace}.planted"));
    }
}
