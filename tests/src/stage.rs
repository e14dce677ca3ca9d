//! A mesh on which something bad is about to happen: an innocent viewer watches while others come and go, and at the end it must
//! have seen counts all along, nothing secret may stand in the log or the metrics, and the count must be right again.

use std::{
    fs,
    time::{Duration, Instant},
};

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{
    process::Turnout,
    scrape::Scrape,
    tokens::Forge,
    viewer::{self, Count, Viewer},
    wait::until,
};

/// The event on which everything happens.
pub const EVENT: &str = "demo";
/// The longest time that the innocent viewer may be without a count while others come and go several times a second.
const SILENCE_MAX: Duration = Duration::from_secs(6);
/// How long a passer-by stays, and how long until the next one comes: longer than a count takes, so that each is seen.
const STAY: Duration = Duration::from_millis(400);
/// Those who broke the rules linger for five seconds.
const RIGHT_AGAIN_WITHIN: Duration = Duration::from_secs(15);

/// The stage.
#[derive(Debug)]
pub struct Stage {
    /// The program.
    pub mesh: Turnout,
    /// The one that must not notice anything.
    pub innocent: Viewer,
    /// Makes tickets.
    pub forge: Forge,
    cookie: String,
    passers_by: JoinHandle<()>,
    curtain: CancellationToken,
    folder: tempfile::TempDir,
}

impl Stage {
    /// Starts the program, seats the innocent viewer, and lets others come and go.
    pub async fn set(args: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        // The more is logged, the more could be logged that should not be.
        let args =
            [&["--log", "info,turnout_gateway=trace,turnout_platform=trace,turnout_presence=trace"], args].concat();
        let mesh = Turnout::start(folder.path(), &args).await;
        let (ticket, cookie) = viewer::ticket(mesh.public(), EVENT, None).await.expect("a ticket");
        let innocent = Viewer::with_ticket(mesh.public(), &ticket).await.expect("the innocent viewer joins");
        until("the innocent viewer is counted", SILENCE_MAX, async || innocent.count(), Option::is_some).await;
        let curtain = CancellationToken::new();
        let passers_by = tokio::spawn(pass_by(mesh.public().to_owned(), curtain.clone()));
        Self { innocent, forge: Forge::of(folder.path()), cookie, passers_by, curtain, mesh, folder }
    }

    /// A fresh ticket for a viewer of this name.
    pub fn ticket(&self, viewer: &str) -> String {
        self.forge.ticket(EVENT, viewer)
    }

    /// Waits until a metric has grown by so much since `before`.
    pub async fn grown(&self, before: &Scrape, name: &str, labels: &[(&str, &str)], by: i64) {
        let begun = before.sum(name, labels);
        let what = format!("{name}{labels:?} grows by {by}");
        let look = async || Scrape::of(&self.mesh).await.sum(name, labels) - begun;
        until(&what, Duration::from_secs(5), look, |grown| *grown >= by).await;
        assert_eq!(look().await, by, "{what}, and no more");
    }

    /// The counts that the innocent viewer has seen.
    pub fn counts(&self) -> Vec<(Instant, Count)> {
        self.innocent.seen().counts.clone()
    }

    /// The resident memory of the program, in bytes.
    pub fn resident_bytes(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.mesh.pid())).expect("the process is there");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it says its memory");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
    }

    /// The end: nobody else was disturbed, nothing was told, and the count is right.
    pub async fn is_undisturbed(self) {
        self.curtain.cancel();
        self.passers_by.await.expect("others could come and go to the end");
        let right = |count: &Option<Count>| {
            count.as_ref().is_some_and(|c| (c.viewers, c.low, c.high, c.stale) == (1, 1, 1, false))
        };
        let told = Instant::now();
        until("only the innocent viewer is left", RIGHT_AGAIN_WITHIN, async || self.innocent.count(), right).await;
        {
            let seen = self.innocent.seen();
            assert_eq!((seen.closed, seen.errors.as_slice()), (None, &[][..]));
            let moments: Vec<Instant> = seen.counts.iter().map(|(at, _)| *at).filter(|at| *at < told).collect();
            let silence = moments.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default();
            assert!(silence <= SILENCE_MAX, "the innocent viewer saw no count for {silence:?}");
        }
        // The link of the console is printed, for whoever started the program; it is no log line.
        let log = self.mesh.log().replace(self.mesh.console_link(), "");
        let metrics = Scrape::text(&self.mesh).await;
        let key = fs::read_to_string(self.folder.path().join("mesh.key")).expect("the key is there");
        let cookie = self.cookie.split_once('=').expect("a cookie has a value").1;
        let api_key = self.mesh.api_key();
        for (what, secret) in
            [("a token", "eyJ"), ("a cookie", cookie), ("an API key", &api_key), ("the mesh key", key.trim())]
        {
            assert!(!log.contains(secret), "{what} stands in the log:\n{log}");
            assert!(!metrics.contains(secret), "{what} stands in the metrics");
        }
        assert!(!log.contains('\x1b') && !log.contains("panicked"), "the log is not clean:\n{log}");
    }
}

/// One viewer after the other comes, stays a moment, and leaves.
async fn pass_by(public: String, curtain: CancellationToken) {
    while !curtain.is_cancelled() {
        let passer_by = Viewer::join(&public, EVENT).await.expect("others can join");
        tokio::time::sleep(STAY).await;
        passer_by.leave().await;
        tokio::time::sleep(STAY).await;
    }
}
