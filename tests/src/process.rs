//! The program as a child process: started on free ports, asked over HTTP, killed at will.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::wait::PATIENCE;

/// The longest wait for a process to be ready.
const READY_WITHIN: Duration = Duration::from_mins(1);

/// The program, built once in a test run.
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let built = Command::new(cargo)
            .current_dir(root)
            // With the same features as the tests, so that little is built again.
            .args(["build", "--locked", "--workspace", "--bins", "--message-format=json"])
            // A release test measures the release program.
            .args((!cfg!(debug_assertions)).then_some("--release"))
            .stderr(Stdio::inherit())
            .output()
            .expect("cargo runs");
        assert!(built.status.success(), "the program builds");
        String::from_utf8_lossy(&built.stdout)
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .filter(|message| message["target"]["name"] == "turnout")
            .find_map(|message| message["executable"].as_str().map(PathBuf::from))
            .expect("cargo names the program")
    })
}

/// A running process of the program.
#[derive(Debug)]
pub struct Turnout {
    child: Child,
    folder: PathBuf,
    addresses: Value,
}

impl Turnout {
    /// Starts it on a data folder with further arguments, and waits until it is ready.
    pub async fn start(folder: &Path, args: &[&str]) -> Self {
        let mut turnout = Self::launch(folder, args).await;
        turnout.ready().await;
        turnout
    }

    /// Starts it with so few file descriptors, soft and hard limit, and waits until it is ready.
    pub async fn start_with_descriptors(folder: &Path, [soft, hard]: [u32; 2], args: &[&str]) -> Self {
        let plain = command(folder);
        let mut limited = Command::new("sh");
        limited.args(["-c", &format!("ulimit -Sn {soft} && ulimit -Hn {hard} && exec \"$0\" \"$@\"")]);
        limited.arg(plain.get_program()).args(plain.get_args()).stdin(Stdio::null());
        plain.get_envs().for_each(|(name, _)| {
            limited.env_remove(name);
        });
        let mut turnout = Self::spawn(folder, limited, args).await;
        turnout.ready().await;
        turnout
    }

    /// Starts it and waits until it listens.
    pub async fn launch(folder: &Path, args: &[&str]) -> Self {
        Self::spawn(folder, command(folder), args).await
    }

    async fn spawn(folder: &Path, mut command: Command, args: &[&str]) -> Self {
        fs::create_dir_all(folder).expect("the folder can be made");
        let addresses = folder.join("addresses.json");
        let _ = fs::remove_file(&addresses);
        let log = folder.join("log.txt");
        let child = command
            .args(args)
            .stdout(File::options().create(true).append(true).open(&log).expect("the log can be written"))
            .stderr(File::options().create(true).append(true).open(&log).expect("the log can be written"))
            .spawn()
            .expect("the program starts");
        let mut turnout = Self { child, folder: folder.to_owned(), addresses: Value::Null };
        let begun = Instant::now();
        turnout.addresses = loop {
            if let Some(found) = fs::read(&addresses).ok().and_then(|text| serde_json::from_slice(&text).ok()) {
                break found;
            }
            if let Some(status) = turnout.child.try_wait().expect("the child can be asked") {
                panic!("the program ended with {status}:\n{}", turnout.log());
            }
            assert!(begun.elapsed() < READY_WITHIN, "the program does not listen:\n{}", turnout.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        turnout
    }

    /// Waits until `/readyz` says so.
    pub async fn ready(&mut self) {
        let begun = Instant::now();
        loop {
            let answer = match reqwest::get(format!("http://{}/readyz", self.admin())).await {
                Ok(response) if response.status().is_success() => return,
                Ok(response) => response.text().await.unwrap_or_default(),
                Err(error) => error.to_string(),
            };
            assert!(begun.elapsed() < READY_WITHIN, "not ready: {answer}\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn address(&self, name: &str) -> &str {
        self.addresses[name].as_str().unwrap_or_else(|| panic!("this role has no address `{name}`"))
    }

    /// `host:port` of pages and sockets.
    pub fn public(&self) -> &str {
        self.address("public")
    }

    /// `host:port` of gRPC.
    pub fn grpc(&self) -> &str {
        self.address("grpc")
    }

    /// `host:port` of metrics.
    pub fn admin(&self) -> &str {
        self.address("admin")
    }

    /// The link that opens the console once.
    pub fn console_link(&self) -> &str {
        self.address("console_link")
    }

    /// The API key made at the first start.
    pub fn api_key(&self) -> String {
        fs::read_to_string(self.folder.join("api-key")).expect("there is a key").trim().to_owned()
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The sum of a metric over its labels; none while it is not there.
    pub async fn metric(&self, name: &str) -> Option<f64> {
        let text = reqwest::get(format!("http://{}/metrics", self.admin())).await.ok()?.text().await.ok()?;
        let values = text.lines().filter_map(|line| {
            let rest = line.strip_prefix(name)?;
            let labelled = rest.starts_with('{') || rest.starts_with(' ');
            labelled.then(|| rest.rsplit(' ').next()?.parse::<f64>().ok()).flatten()
        });
        values.fold(None, |sum, value| Some(sum.unwrap_or(0.0) + value))
    }

    /// What it has written.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log.txt")).unwrap_or_default()
    }

    /// Sends a signal by its name, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([format!("-{name}"), self.pid().to_string()]).status();
        assert!(sent.expect("kill runs").success(), "the process is there");
    }

    /// kill -9.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits for its end, and returns its exit code.
    pub async fn ended(&mut self, within: Duration) -> Option<i32> {
        let within = within * PATIENCE;
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("the child can be asked") {
                return status.code();
            }
            assert!(begun.elapsed() < within, "the process does not end:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Turnout {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("--- log of {}\n{}", self.folder.display(), self.log());
        }
    }
}

/// The program with a data folder and free ports, before further arguments.
pub fn command(folder: &Path) -> Command {
    let mut command = Command::new(program());
    command.arg("--data-dir").arg(folder).stdin(Stdio::null());
    for address in ["--public-addr", "--grpc-addr", "--admin-addr"] {
        command.args([address, "127.0.0.1:0"]);
    }
    // What the test runs in must not configure the program.
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TURNOUT_")) {
        command.env_remove(name);
    }
    command
}
