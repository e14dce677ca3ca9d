//! The real servers that `tests/run` has started. Without them a test says that it did not run; where they are required it fails.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

pub use turnout_platform::real_servers::{free_port, from_env};

/// A NATS server of one test's own, which may be killed and started again on the same port.
#[derive(Debug)]
pub struct NatsServer {
    folder: PathBuf,
    port: u16,
}

impl NatsServer {
    /// Starts one.
    pub fn start(folder: &Path) -> Self {
        let server = Self { folder: folder.to_owned(), port: free_port() };
        server.again();
        server
    }

    /// `nats://host:port`.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Starts it again.
    pub fn again(&self) {
        script(&["start", &self.folder.display().to_string(), &self.port.to_string()]);
    }

    /// Ends it.
    pub fn stop(&self) {
        script(&["stop", &self.folder.display().to_string()]);
    }
}

fn script(args: &[&str]) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("servers/nats");
    let status = Command::new(&script).args(args).status().expect("tests/servers/nats runs");
    assert!(status.success(), "{} {args:?}: {status}", script.display());
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A keyspace of one test's own.
pub fn fresh_keyspace() -> String {
    static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    format!("t_{}_{number}", std::process::id())
}
