//! A canary: a person whose every personal field holds a word that stands nowhere else. After all that can happen to a person, none of
//! these words may stand in a log, a metric, a trace, on the bus, or in plain in any column of either store; their mails have them.
//! A field of a request that is new fails here until the canary fills it, or [`fields`] says that it is none of people.

mod cage;
mod fields;
mod help;
mod life;
mod mistakes;
mod recorder;
mod stores;
mod words;

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use turnout_tests::{
    collector::Collector,
    eavesdropper::Eavesdropper,
    mail,
    mesh::Mesh,
    needles::Needles,
    process::Turnout,
    scrape::Scrape,
    servers::{free_port, from_env},
    tokens::Forge,
};

use self::{
    cage::{Cage, EVENT, SECOND},
    fields::Fields,
    stores::Columns,
};
use crate::desk::Addresses;

/// Everything of ours, in all detail.
const LOG: &str = "info,turnout=trace,turnout_gateway=trace,turnout_platform=trace,turnout_presence=trace,\
                   turnout_registration=trace,turnout_profiles=trace,turnout_notifications=trace";
/// Filled by whoever calls a webhook, which the gateway passes on.
const THROUGH_PAGES: [&str; 3] = ["ApplyPaymentNotice.body", "ApplyDeliveryReport.body", "ApplyReturnedMail.mail"];

/// Nothing stands where it must not; and looking finds what does stand there.
struct Traces<'a> {
    cage: &'a Cage,
    needles: Needles,
}

impl<'a> Traces<'a> {
    fn of(cage: &'a Cage, secrets: &[String]) -> Self {
        let secrets = secrets.iter().map(String::as_str);
        Self { needles: Needles::of(cage.words.all().into_iter().chain(secrets)), cage }
    }

    /// Every field of people was filled by a request that was accepted.
    fn are_in_every_field(&self) {
        let fields = Fields::new();
        let mut missing = fields.personal();
        for field in THROUGH_PAGES {
            assert!(missing.remove(field), "{field} is no field");
        }
        for call in self.cage.calls.take().into_iter().filter(|call| call.accepted) {
            let filled = fields.holding(&call.path, &call.message, &self.needles);
            missing.retain(|field| !filled.contains(field));
        }
        assert!(missing.is_empty(), "the canary fills no {missing:?}");
    }

    fn are_in_the_mails(&self) {
        let words = &self.cage.words;
        let all: String = mail::all(&self.cage.mailbox).iter().map(|mail| mail.text.as_str()).collect();
        for word in [&words.mail, &words.name, &words.renamed, &words.member] {
            assert!(all.contains(word.as_str()), "{word} stands in a mail");
        }
    }

    fn are_not_in(&self, what: &str, bytes: &[u8]) {
        assert_eq!(self.needles.in_bytes(bytes), Vec::<&str>::new(), "in {what}");
    }

    fn are_not_in_spans(&self, collector: &Collector) {
        let spans = collector.bytes();
        assert_eq!(Needles::of(["durable message"]).in_bytes(&spans), ["durable message"], "there are traces");
        self.are_not_in("traces", &spans);
    }

    fn are_not_in_files(&self, folder: &Path) {
        let found = self.needles.in_folder(folder, &|path| path.ends_with("mail"));
        assert_eq!(found, [], "in files");
    }

    fn are_not_in_columns(&self, columns: &Columns) {
        assert!(columns.hold("idempotent_calls.answer"), "answers are kept for retries");
        assert_eq!(columns.holding(&self.needles), [], "in plain columns");
        let seen = columns.holding(&Needles::of([EVENT]));
        for table in ["registrations_by_event", "messages_by_event", "audit_by_day"] {
            assert!(seen.iter().any(|(_, column)| column.contains(table)), "{table}: {seen:?}");
        }
    }

    async fn are_not_in_metrics(&self, processes: &[&Turnout]) {
        for process in processes {
            let text = Scrape::text(process).await;
            self.are_not_in("metrics", text.as_bytes());
        }
    }
}

/// What is no secret is found in files of this folder whose path has these words.
fn is_seen(folder: &Path, word: &str, words: &str) {
    let found = Needles::of([word]).in_folder(folder, &|_| false);
    let seen = found.iter().any(|(_, path)| path.to_string_lossy().contains(words));
    assert!(seen, "`{word}` is not found in {words}: {found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_in_one_process_is_seen_only_in_its_mails() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::default();
    let (url, public) = (collector.start().await, format!("127.0.0.1:{}", free_port()));
    let args = ["--log", LOG, "--otlp-endpoint", &url, "--trace-ratio", "1", "--public-addr", &public];
    let mut mesh = Turnout::start(folder.path(), &args).await;
    let forge = Forge::of(folder.path());
    let mailbox = folder.path().join("mail");
    let mut cage = Cage::new(&Addresses::of_one(&mesh), &forge, &public, &mailbox);
    let secrets = cage.live().await;

    let traces = Traces::of(&cage, &secrets);
    traces.are_in_every_field();
    traces.are_in_the_mails();
    traces.are_not_in_metrics(&[&mesh]).await;
    // Both while the write-ahead log has what is new, and after it went into the tables.
    traces.are_not_in_files(folder.path());
    is_seen(folder.path(), EVENT, "tables.sqlite");
    is_seen(folder.path(), "Turnout is running", "log.txt");
    mesh.signal("TERM");
    assert_eq!(mesh.ended(15 * SECOND).await, Some(0));
    traces.are_not_in_files(folder.path());
    traces.are_not_in_columns(&Columns::embedded(folder.path()));
    traces.are_not_in_spans(&collector);
}

/// A Cassandra node of this test's own: its files can be looked through.
struct Node {
    folder: PathBuf,
    address: String,
}

impl Node {
    fn start(folder: &Path, port: u16) -> Self {
        let node = Self { folder: folder.to_owned(), address: format!("127.0.0.1:{port}") };
        Self::script(&["start", &folder.display().to_string(), &port.to_string()]);
        node
    }

    fn script(args: &[&str]) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("servers/cql");
        assert!(Command::new(&script).args(args).status().unwrap().success(), "{args:?}");
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        Self::script(&["stop", &self.folder.display().to_string()]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_in_a_mesh_is_seen_only_in_its_mails() {
    const NAME: &str = "a_canary_in_a_mesh_is_seen_only_in_its_mails";
    let (Some(_), Some(smtp), Some(boxes)) = (
        from_env("TURNOUT_TEST_CQL", NAME),
        from_env("TURNOUT_TEST_SMTP", NAME),
        from_env("TURNOUT_TEST_SMTP_BOXES", NAME),
    ) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let tables = tempfile::tempdir().unwrap();
    let node = Node::start(tables.path(), free_port());
    let collector = Collector::default();
    let (log, traces) = (format!("--log={LOG}"), format!("--otlp-endpoint={}", collector.start().await));
    let (smtp, talkative) = (format!("smtp://{smtp}?tls=none"), [log.as_str(), &traces, "--trace-ratio=1"]);
    let mut mesh = Mesh::whole_with(folder.path(), &node.address, &smtp, &talkative).await;
    let bus = Eavesdropper::at(&mesh.nats().url()).await;
    let forge = Forge::of(folder.path());
    let public = mesh.publics()[0].to_owned();
    let mut cage = Cage::new(&Addresses::of_mesh(&mesh), &forge, &public, Path::new(&boxes));
    let secrets = cage.live().await;

    let traces = Traces::of(&cage, &secrets);
    traces.are_in_every_field();
    traces.are_in_the_mails();
    let people = mesh.people.as_mut().expect("a whole mesh knows people");
    let processes = [
        &mut mesh.registration,
        &mut people.profiles,
        &mut people.notifications,
        &mut mesh.presence[0],
        &mut mesh.gateways[0],
    ];
    traces.are_not_in_metrics(&processes.iter().map(|process| &**process).collect::<Vec<_>>()).await;
    traces.are_not_in_columns(&Columns::cql(&node.address));
    for process in processes {
        // They send their last traces when they are told to stop.
        process.signal("TERM");
        assert_eq!(process.ended(15 * SECOND).await, Some(0));
    }
    traces.are_not_in_spans(&collector);
    traces.are_not_in("what is said on the bus", &bus.heard());
    assert_eq!(Needles::of([EVENT]).in_bytes(&bus.heard()), [EVENT], "the bus is heard");
    // The folder has the logs of all processes, and all that the bus keeps.
    traces.are_not_in_files(folder.path());
    is_seen(folder.path(), EVENT, "jetstream");
    is_seen(folder.path(), "the role serves grpc", "log.txt");
    traces.are_not_in_files(tables.path());
    is_seen(tables.path(), EVENT, "commitlog");
}
