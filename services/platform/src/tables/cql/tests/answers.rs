//! What each answer of a CQL server's bad day means, by sort of request: the class that the caller sees, and how often the request was
//! sent. A proxy between the driver and a real server forges the answers. That tables keep their laws on a good day: `tests/tables_cql.rs`.

use std::{
    hash::{BuildHasher as _, Hasher as _, RandomState},
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use scylla::{
    errors::{DbError, WriteType},
    statement::Consistency,
};
use scylla_proxy::{
    Condition, Node, Proxy, Reaction as _, RequestFrame, RequestOpcode, RequestReaction, RequestRule, ResponseFrame,
    RunningProxy, ShardAwareness,
};
use tokio::sync::mpsc;

use crate::tables::{self, Engine, Range, Row, Table, TableError, Tables, Write, int, text};

static NOTES: Table = Table {
    name: "notes",
    question: "What was noted?",
    partition: &[text("tenant")],
    clustering: &[int("n")],
    columns: &[text("body")],
    lifetime_s: None,
};

static PLACES: Table = Table {
    name: "places",
    question: "Who has the place?",
    partition: &[text("tenant")],
    clustering: &[int("n")],
    columns: &[text("holder"), int("version")],
    lifetime_s: None,
};

/// A connection that was cut comes back within it.
const BACK_WITHIN: Duration = Duration::from_secs(20);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    Read,
    Write,
    /// A lightweight transaction, which may have happened whatever the answer.
    Transaction,
    Batch,
    BatchAcross,
}

const SORTS: [Sort; 5] = [Sort::Read, Sort::Write, Sort::Transaction, Sort::Batch, Sort::BatchAcross];

impl Sort {
    async fn ask(self, tables: &dyn Tables, n: i64) -> Result<(), TableError> {
        let note = || Row::new(&NOTES).set("tenant", "t").set("n", n).set("body", "b");
        match self {
            Self::Read => tables.get(&NOTES, vec!["t".into(), n.into()]).await.map(drop),
            Self::Write => tables.put(note()).await,
            Self::Transaction => {
                let place = Row::new(&PLACES).set("tenant", "t").set("n", n).set("holder", "h").set("version", 1);
                tables.put_if_absent(place).await.map(drop)
            }
            Self::Batch => tables.batch(vec![Write::Put(note())]).await,
            Self::BatchAcross => tables.batch_across(vec![Write::Put(note())]).await,
        }
    }
}

/// What the caller is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Done,
    /// Nothing was written, and a later try may succeed.
    Unavailable,
    Overloaded,
    /// It may have happened: a transaction is looked at before it is decided.
    Unknown,
    /// The program and the tables do not fit.
    Schema,
}

fn told(answer: &Result<(), TableError>) -> Told {
    match answer {
        Ok(()) => Told::Done,
        Err(TableError::Unavailable(_)) => Told::Unavailable,
        Err(TableError::Overloaded(_)) => Told::Overloaded,
        Err(TableError::Timeout(_)) => Told::Unknown,
        Err(TableError::Schema(_)) => Told::Schema,
        Err(other) => panic!("no answer of a server means {other:?}"),
    }
}

/// A real server behind a proxy, and tables on it.
struct Stand {
    proxy: RunningProxy,
    tables: Arc<dyn Tables>,
    n: i64,
}

impl Stand {
    async fn new(test: &str) -> Option<Self> {
        let server = crate::real_servers::from_env("TURNOUT_TEST_CQL", test)?;
        let server: SocketAddr = server.parse().expect("the test server is given by its address");
        let address = SocketAddr::from(([127, 0, 0, 1], crate::real_servers::free_port()));
        let proxy = Proxy::new([Node::new(server, address, ShardAwareness::Unaware, None, None)]).run().await.unwrap();
        let keyspace = format!("test_answers_{:016x}", RandomState::new().build_hasher().finish());
        let engine = Engine::Cql {
            nodes: vec![address.to_string()],
            keyspace,
            replication_factor: 1,
            user: None,
            password: None,
        };
        let tables = tables::open(&engine, &[&NOTES, &PLACES]).await.unwrap();
        Some(Self { proxy, tables, n: 0 })
    }

    /// Asks while the proxy does this to requests of an operation; the answer, and how many requests it was done to.
    async fn ask_during(&mut self, sort: Sort, what: Condition, reaction: RequestReaction) -> (Told, usize) {
        let (seen, mut all_seen) = mpsc::unbounded_channel();
        // What the driver asks for itself, over its control connection, goes through.
        let ours = Condition::not(Condition::ConnectionRegisteredAnyEvent).and(what);
        let rule = RequestRule(ours, reaction.with_feedback_when_performed(seen));
        self.proxy.running_nodes[0].change_request_rules(Some(vec![rule]));
        self.n += 1;
        let answer = told(&sort.ask(&*self.tables, self.n).await);
        self.proxy.turn_off_rules();
        let mut sent = 0;
        while all_seen.try_recv().is_ok() {
            sent += 1;
        }
        (answer, sent)
    }

    /// Nothing of the bad day stays behind.
    async fn is_well(&mut self, sort: Sort) {
        let deadline = Instant::now() + BACK_WITHIN;
        loop {
            self.n += 1;
            match sort.ask(&*self.tables, self.n).await {
                Ok(()) => return,
                Err(error) => assert!(Instant::now() < deadline, "{sort:?} afterwards: {error}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Requests that carry values, as opposed to those that prepare them.
fn carried_out() -> Condition {
    Condition::RequestOpcode(RequestOpcode::Execute).or(Condition::RequestOpcode(RequestOpcode::Batch))
}

const AT: Consistency = Consistency::LocalQuorum;

fn write_timeout(write_type: WriteType) -> DbError {
    DbError::WriteTimeout { consistency: AT, received: 0, required: 1, write_type }
}

/// An answer, and what it means: the same for every sort, but for the named exceptions. Sent twice is what the driver repeats by itself, as
/// it does no harm; a repetition on another node does not show with one.
type Meaning = (DbError, Told, &'static [(Sort, usize)]);

fn meanings() -> Vec<Meaning> {
    use Sort::{Batch, BatchAcross, Read, Write};
    let read_timeout =
        |received, data_present| DbError::ReadTimeout { consistency: AT, received, required: 1, data_present };
    let name = || "x".to_owned();
    vec![
        (DbError::Unavailable { consistency: AT, required: 2, alive: 1 }, Told::Unavailable, &[]),
        (DbError::IsBootstrapping, Told::Unavailable, &[]),
        (DbError::Unauthorized, Told::Unavailable, &[]),
        (DbError::AuthenticationError, Told::Unavailable, &[]),
        (DbError::Overloaded, Told::Overloaded, &[]),
        (read_timeout(0, false), Told::Unknown, &[]),
        // The digests came and the data did not: worth a second try, but never of a transaction.
        (read_timeout(1, false), Told::Unknown, &[(Read, 2), (Write, 2), (Batch, 2), (BatchAcross, 2)]),
        (write_timeout(WriteType::Simple), Told::Unknown, &[]),
        (write_timeout(WriteType::Cas), Told::Unknown, &[]),
        (write_timeout(WriteType::UnloggedBatch), Told::Unknown, &[]),
        // The batch was not even noted: the driver repeats what carries its own time.
        (write_timeout(WriteType::BatchLog), Told::Unknown, &[(Read, 2), (Write, 2), (Batch, 2), (BatchAcross, 2)]),
        (
            DbError::ReadFailure { consistency: AT, received: 0, required: 1, numfailures: 1, data_present: false },
            Told::Unknown,
            &[],
        ),
        (
            DbError::WriteFailure {
                consistency: AT,
                received: 0,
                required: 1,
                numfailures: 1,
                write_type: WriteType::Simple,
            },
            Told::Unknown,
            &[],
        ),
        (DbError::ServerError, Told::Unknown, &[]),
        (DbError::TruncateError, Told::Unknown, &[]),
        (DbError::ProtocolError, Told::Unknown, &[]),
        (DbError::Other(0x7777), Told::Unknown, &[]),
        (DbError::SyntaxError, Told::Schema, &[]),
        (DbError::Invalid, Told::Schema, &[]),
        (DbError::ConfigError, Told::Schema, &[]),
        (DbError::AlreadyExists { keyspace: name(), table: name() }, Told::Schema, &[]),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn each_answer_has_one_meaning_and_a_transaction_is_never_sent_twice() {
    let Some(mut stand) = Stand::new("each_answer_has_one_meaning_and_a_transaction_is_never_sent_twice").await else {
        return;
    };
    let mut wrongs = Vec::new();
    for (error, meaning, exceptions) in meanings() {
        for sort in SORTS {
            let sent = exceptions.iter().find(|(other, _)| *other == sort).map_or(1, |(_, sent)| *sent);
            let reaction = RequestReaction::forge_with_error(error.clone());
            let seen = stand.ask_during(sort, carried_out(), reaction).await;
            if seen != (meaning, sent) {
                wrongs.push(format!("{error:?} to a {sort:?}: {seen:?} instead of {:?}", (meaning, sent)));
            }
            stand.is_well(sort).await;
        }
    }
    assert!(wrongs.is_empty(), "{wrongs:#?}");
}

/// What the server says while a statement is prepared changed nothing, whatever it says.
#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_could_not_be_prepared_did_nothing_and_is_prepared_again() {
    let test = "a_statement_that_could_not_be_prepared_did_nothing_and_is_prepared_again";
    let Some(mut stand) = Stand::new(test).await else { return };
    // Not among those that are prepared at the start.
    let rare = || Range::of(&NOTES, vec!["t".into()]).from_above(vec![3.into()]).to_below(vec![5.into()]).reverse();
    for (error, meaning) in [
        (DbError::Overloaded, Told::Overloaded),
        (DbError::ServerError, Told::Unavailable),
        (write_timeout(WriteType::Simple), Told::Unavailable),
        (DbError::IsBootstrapping, Told::Unavailable),
        (DbError::SyntaxError, Told::Schema),
    ] {
        let rule = RequestRule(
            Condition::not(Condition::ConnectionRegisteredAnyEvent)
                .and(Condition::RequestOpcode(RequestOpcode::Prepare)),
            RequestReaction::forge_with_error(error.clone()),
        );
        stand.proxy.running_nodes[0].change_request_rules(Some(vec![rule]));
        assert_eq!(told(&stand.tables.range(rare()).await.map(drop)), meaning, "{error:?}");
        stand.proxy.turn_off_rules();
    }
    stand.tables.range(rare()).await.unwrap();
}

/// A server that has forgotten the statement of each request.
fn forgets() -> RequestReaction {
    RequestReaction::forge_response(Arc::new(|request| forgotten(&request)))
}

fn forgotten(request: &RequestFrame) -> ResponseFrame {
    // Of a batch: its kind, how many statements, and of the first whether it is prepared come before.
    let at = if request.opcode == RequestOpcode::Batch { 4 } else { 0 };
    let length = usize::from(u16::from_be_bytes([request.body[at], request.body[at + 1]]));
    let statement_id = request.body.slice(at + 2..at + 2 + length);
    ResponseFrame::forged_error(request.params.for_response(), DbError::Unprepared { statement_id }, None).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_the_server_forgot_is_prepared_anew_and_nobody_notices() {
    let test = "a_statement_that_the_server_forgot_is_prepared_anew_and_nobody_notices";
    let Some(mut stand) = Stand::new(test).await else { return };
    for times in 1..=4 {
        for sort in SORTS {
            let so_often = carried_out().and(Condition::TrueForLimitedTimes(times));
            let seen = stand.ask_during(sort, so_often, forgets()).await;
            assert_eq!(seen, (Told::Done, times), "{sort:?} forgotten {times} times");
        }
    }
    // A server that forgets for ever has done nothing, and is not asked for ever.
    for sort in [Sort::Read, Sort::Write, Sort::Transaction] {
        let (answer, sent) = stand.ask_during(sort, carried_out(), forgets()).await;
        assert_eq!(answer, Told::Unavailable, "{sort:?}");
        assert!(sent <= 8, "{sort:?} was sent {sent} times");
        stand.is_well(sort).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_and_a_cut_connection_leave_the_outcome_open_and_the_next_request_comes_through() {
    let test = "silence_and_a_cut_connection_leave_the_outcome_open_and_the_next_request_comes_through";
    let Some(mut stand) = Stand::new(test).await else { return };
    for sort in SORTS {
        let (answer, _) = stand.ask_during(sort, carried_out(), RequestReaction::drop_connection()).await;
        // What carries its own time the driver repeats by itself, and says in the end that no connection is left.
        let right = answer == Told::Unknown || (answer == Told::Unavailable && sort != Sort::Transaction);
        assert!(right, "{sort:?}, cut: {answer:?}");
        stand.is_well(sort).await;
    }
    for sort in [Sort::Write, Sort::Transaction] {
        let seen = stand.ask_during(sort, carried_out(), RequestReaction::drop_frame()).await;
        assert_eq!(seen, (Told::Unknown, 1), "{sort:?}, silence");
        stand.is_well(sort).await;
    }
}
