//! The laws of [`Tables`](super::Tables), each a function that panics when an engine breaks it. Every engine runs all of them through
//! `tables_conformance!`, so no engine can keep a part. Lives in the library because tests of other crates may run it too;
//! it is never called by a server. What only one engine promises is tested beside that engine.

#![doc(hidden)]
#![allow(clippy::unwrap_used, reason = "a law that does not hold panics: this is test code")]

mod batches;
mod conditional;
mod limits;
mod order;
mod rows;
mod schema;

use std::sync::Arc;
use std::time::{Duration, Instant};

pub use batches::*;
pub use conditional::*;
pub use limits::*;
pub use order::*;
pub use rows::*;
pub use schema::*;

use super::{Engine, Row, Table, TableError, Tables, Value, bytes, flag, int, text, time};

/// Makes one test of each law. `$bench` is an `async fn(&str) -> Option<B>` that is given the test's name and where `B` has a field
/// `engine`; `None` leaves the test out. Engines may be shared: each law writes to partitions of its own.
#[macro_export]
macro_rules! tables_conformance {
    ($bench:path) => {
        $crate::tables_conformance! { @each $bench:
            a_row_of_every_kind_comes_back_as_it_was_put
            a_put_leaves_unset_columns_as_they_were
            a_row_of_a_key_alone_is_there
            an_absent_row_is_none
            later_writes_win
            many_writers_at_once_all_land
            requests_that_nobody_polls_keep_no_other_waiting
            a_deleted_row_is_gone_and_can_be_put_again
            a_deleted_partition_leaves_the_others
            rows_vanish_after_their_lifetime
            a_partition_is_sorted_by_its_clustering_key
            ranges_answer_as_a_sorted_map_would
            a_page_token_does_not_lead_out_of_the_range
            a_partition_of_one_row_is_a_range
            a_full_page_is_the_last_one_only_when_nothing_follows
            a_page_ends_early_when_it_is_full_in_bytes
            of_fifty_that_put_an_absent_row_one_stores
            of_fifty_that_put_the_next_version_one_stores
            a_stale_version_is_answered_with_the_row
            a_repeated_put_if_absent_answers_with_its_own_row
            mixed_writes_of_a_conditional_table_keep_their_order
            a_conditional_row_can_be_put_again_after_its_lifetime
            a_batch_is_seen_whole_or_not_at_all
            a_batch_stays_in_one_partition
            a_refused_batch_writes_nothing
            the_largest_batches_are_stored
            rows_survive_reopening
            a_new_column_is_added_and_the_older_release_still_opens
            a_changed_declaration_is_refused_by_name
            a_faulty_declaration_is_refused
            what_breaks_the_declaration_is_refused_before_it_is_sent
            conditional_and_plain_tables_take_only_their_own_writes
            a_row_may_be_as_long_as_the_limit_and_no_longer
        }
    };
    (@each $bench:path: $($law:ident)*) => { $(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $law() {
            if let Some(bench) = $bench(stringify!($law)).await {
                $crate::tables::conformance::$law(&bench.engine).await;
            }
        }
    )* };
}

static NOTES: Table = Table {
    name: "notes",
    question: "What was noted, in order? (It's a plain table.)",
    partition: &[text("tenant")],
    clustering: &[int("a"), text("b"), flag("c")],
    columns: &[text("body"), int("n")],
    lifetime_s: None,
};

static KINDS: Table = Table {
    name: "kinds",
    question: "Does every kind work in every place?",
    partition: &[text("tenant"), bytes("tag"), int("bucket"), flag("odd"), time("day")],
    clustering: &[time("at"), bytes("id"), int("m"), flag("even"), text("name")],
    columns: &[text("title"), bytes("blob"), int("n"), flag("done"), time("until")],
    lifetime_s: None,
};

static SINGLES: Table = Table {
    name: "singles",
    question: "What is the one row of a partition?",
    partition: &[text("tenant")],
    clustering: &[],
    columns: &[bytes("body"), int("n")],
    lifetime_s: None,
};

static DOCUMENTS: Table = Table {
    name: "documents",
    question: "Which version of a document is the current one?",
    partition: &[text("tenant")],
    clustering: &[text("id")],
    columns: &[text("title"), text("author"), int("version")],
    lifetime_s: None,
};

static BRIEF: Table = Table {
    name: "brief",
    question: "What was seen a moment ago?",
    partition: &[text("tenant")],
    clustering: &[int("n")],
    columns: &[text("body"), text("extra")],
    lifetime_s: Some(2),
};

static CLAIMS: Table = Table {
    name: "claims",
    question: "Who holds a claim for now?",
    partition: &[text("tenant")],
    clustering: &[],
    columns: &[text("holder"), int("version")],
    lifetime_s: Some(2),
};

static ALL: &[&Table] = &[&NOTES, &KINDS, &SINGLES, &DOCUMENTS, &BRIEF, &CLAIMS];

async fn open(engine: &Engine) -> Arc<dyn Tables> {
    super::open(engine, ALL).await.unwrap()
}

fn note(tenant: &str, a: i64, b: &str, c: bool) -> Row {
    Row::new(&NOTES).set("tenant", tenant).set("a", a).set("b", b).set("c", c)
}

fn note_key(tenant: &str, a: i64, b: &str, c: bool) -> Vec<Value> {
    vec![tenant.into(), a.into(), b.into(), c.into()]
}

fn document(tenant: &str, id: &str) -> Row {
    Row::new(&DOCUMENTS).set("tenant", tenant).set("id", id)
}

fn document_key(tenant: &str, id: &str) -> Vec<Value> {
    vec![tenant.into(), id.into()]
}

/// Runs a write again while the store asks for that: overload, and a time-out of something that may be repeated.
async fn settled<T, F: Future<Output = Result<T, TableError>>>(write: impl Fn() -> F) -> T {
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        match write().await {
            Ok(done) => return done,
            Err(error)
                if Instant::now() < deadline && (error.is_retryable() || matches!(error, TableError::Timeout(_))) =>
            {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(error) => panic!("{error}"),
        }
    }
}

fn assert_invalid<T: std::fmt::Debug>(result: Result<T, TableError>, part: &str) {
    match result {
        Err(TableError::Invalid(message)) => assert!(message.contains(part), "{message:?} does not say {part:?}"),
        other => panic!("{part}: not refused but {other:?}"),
    }
}
