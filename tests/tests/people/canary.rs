//! A canary: a person whose every personal field holds a word that stands nowhere else. After all that can happen to a person, none of
//! these words may stand in a log, a metric, a trace, on the bus, or in plain in the tables of either store; their mails have them.

mod life;
mod words;

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
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

use self::life::{Cage, EVENT};
use crate::desk::Addresses;

const SECOND: Duration = Duration::from_secs(1);
/// Everything of ours, in all detail.
const LOG: &str = "info,turnout=trace,turnout_gateway=trace,turnout_platform=trace,turnout_presence=trace,\
                   turnout_registration=trace,turnout_profiles=trace,turnout_notifications=trace";

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

    fn are_not_in_files(&self, folder: &Path) {
        let found = self.needles.in_folder(folder, &|path| path.ends_with("mail"));
        assert_eq!(found, [], "in files");
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
    traces.are_in_the_mails();
    traces.are_not_in_metrics(&[&mesh]).await;
    // Both while the write-ahead log has what is new, and after it went into the tables.
    traces.are_not_in_files(folder.path());
    is_seen(folder.path(), EVENT, "tables.sqlite");
    is_seen(folder.path(), "Turnout is running", "log.txt");
    mesh.signal("TERM");
    assert_eq!(mesh.ended(15 * SECOND).await, Some(0));
    traces.are_not_in_files(folder.path());
    let spans = collector.bytes();
    assert!(!spans.is_empty(), "there are traces");
    traces.are_not_in("traces", &spans);
}

/// A Cassandra node of this test's own: its files can be looked through.
struct Node {
    folder: PathBuf,
    address: String,
}

impl Node {
    fn start(folder: &Path) -> Self {
        let port = free_port();
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
    let node = Node::start(tables.path());
    let mesh = Mesh::whole(folder.path(), &node.address, &format!("smtp://{smtp}?tls=none")).await;
    let bus = Eavesdropper::at(&mesh.nats.url()).await;
    let forge = Forge::of(folder.path());
    let public = mesh.publics()[0].to_owned();
    let mut cage = Cage::new(&Addresses::of_mesh(&mesh), &forge, &public, Path::new(&boxes));
    let secrets = cage.live().await;

    let traces = Traces::of(&cage, &secrets);
    traces.are_in_the_mails();
    let people = mesh.people.as_ref().unwrap();
    let processes = [&mesh.registration, &people.profiles, &people.notifications, &mesh.presence[0], &mesh.gateways[0]];
    traces.are_not_in_metrics(&processes).await;
    traces.are_not_in("what is said on the bus", &bus.heard());
    assert_eq!(Needles::of([EVENT]).in_bytes(&bus.heard()), [EVENT], "the bus is heard");
    // The folder has the logs of all processes, and all that the bus keeps.
    traces.are_not_in_files(folder.path());
    is_seen(folder.path(), EVENT, "jetstream");
    traces.are_not_in_files(tables.path());
    is_seen(tables.path(), EVENT, "commitlog");
}
