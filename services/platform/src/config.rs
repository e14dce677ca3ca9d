//! Configuration: defaults < file < environment < flags, each value with its origin.
//!
//! Every setting is declared once, in [`settings`]; `--help`, `turnout config`, the environment names and the file keys all
//! come from that list. A setting that is unknown or impossible is an error that names it and says where it stood.

mod layers;
mod network;
pub mod settings;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    str::FromStr,
};

pub use layers::{Layers, Origin, Resolved};
pub use network::Network;
pub use settings::{SETTINGS, Setting};

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A name that no setting has.
    #[error("{origin}: there is no setting `{name}`{hint}; `turnout config` lists all of them")]
    Unknown {
        /// Where it stood.
        origin: String,
        /// The name.
        name: String,
        /// A similar name, if there is one.
        hint: String,
    },
    /// A value that the setting cannot have.
    #[error("setting `{name}` = `{value}` ({origin}): {problem}")]
    Impossible {
        /// The setting.
        name: &'static str,
        /// What was given; a secret is not shown.
        value: String,
        /// Where it stood.
        origin: String,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// The file cannot be read or is not TOML.
    #[error("configuration file {path}: {problem}")]
    File {
        /// The file.
        path: String,
        /// What is wrong.
        problem: String,
    },
}

/// How roles talk to each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BusChoice {
    /// All roles are in this process.
    InProcess,
    /// A NATS server or cluster: `nats://host:port[,host:port]`.
    Nats(Vec<String>),
}

/// Where durable rows are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreChoice {
    /// SQLite in the data folder.
    Embedded,
    /// A CQL cluster: ScyllaDB, Cassandra.
    Cql {
        /// `host:port` of some nodes.
        nodes: Vec<String>,
        /// The keyspace; created when absent.
        keyspace: String,
    },
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines, one object a line.
    Json,
}

/// The settings, checked and typed. What each means stands in [`settings::SETTINGS`].
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "each field is documented in SETTINGS, which also prints it")]
pub struct Config {
    pub data_dir: PathBuf,
    pub public_addr: SocketAddr,
    pub grpc_addr: SocketAddr,
    pub admin_addr: SocketAddr,
    pub public_url: Option<String>,
    pub allowed_origins: Vec<String>,
    pub trusted_proxies: Vec<Network>,
    pub node_name: Option<String>,
    pub bus: BusChoice,
    pub bus_user: Option<String>,
    pub bus_password: Option<String>,
    pub bus_replicas: usize,
    pub store: StoreChoice,
    pub store_user: Option<String>,
    pub store_password: Option<String>,
    pub replication_factor: u8,
    pub mesh_key_file: Option<PathBuf>,
    pub registration_url: Option<String>,
    pub presence_url: Option<String>,
    pub profiles_url: Option<String>,
    pub notifications_url: Option<String>,
    pub smtp_url: Option<String>,
    pub mail_from: String,
    pub mail_returns: Option<String>,
    pub sms_url: Option<String>,
    pub webhooks_anywhere: bool,
    pub workers: Option<usize>,
    pub connections_max: usize,
    pub handshakes_per_s_max: u32,
    pub drain_s: u64,
    pub log: String,
    pub log_format: LogFormat,
    pub otlp_endpoint: Option<String>,
    pub trace_ratio: f64,
}

impl Config {
    /// Checks and types the resolved values.
    pub fn from_resolved(r: &Resolved) -> Result<Self, ConfigError> {
        Ok(Self {
            data_dir: r.parse::<PathBuf>("data_dir")?,
            public_addr: r.parse("public_addr")?,
            grpc_addr: r.parse("grpc_addr")?,
            admin_addr: r.parse("admin_addr")?,
            public_url: r.optional("public_url", url)?,
            allowed_origins: r.list("allowed_origins", origin)?,
            trusted_proxies: r.list("trusted_proxies", str::parse)?,
            node_name: r.optional("node_name", node_name)?,
            bus: r.with("bus", bus)?,
            bus_user: r.optional("bus_user", any)?,
            bus_password: r.optional("bus_password", any)?,
            bus_replicas: r.with("bus_replicas", |v| in_range(v, 1, 5))?,
            store: r.with("store", store)?,
            store_user: r.optional("store_user", any)?,
            store_password: r.optional("store_password", any)?,
            replication_factor: r.with("replication_factor", |v| in_range(v, 1, 7))?,
            mesh_key_file: r.optional("mesh_key_file", |v| Ok(PathBuf::from(v)))?,
            registration_url: r.optional("registration_url", plain_url)?,
            presence_url: r.optional("presence_url", plain_url)?,
            profiles_url: r.optional("profiles_url", plain_url)?,
            notifications_url: r.optional("notifications_url", plain_url)?,
            smtp_url: r.optional("smtp_url", smtp_url)?,
            mail_from: r.with("mail_from", mail_address)?,
            mail_returns: r.optional("mail_returns", mail_address)?,
            sms_url: r.optional("sms_url", url)?,
            webhooks_anywhere: r.with("webhooks_anywhere", yes_or_no)?,
            workers: r.optional("workers", |v| in_range(v, 1, 256))?,
            connections_max: r.with("connections_max", |v| in_range(v, 1, 1_000_000))?,
            handshakes_per_s_max: r.with("handshakes_per_s_max", |v| in_range(v, 1, 100_000))?,
            drain_s: r.with("drain_s", |v| in_range(v, 0, 3600))?,
            log: r.with("log", any)?,
            log_format: r.with("log_format", |v| match v {
                "text" => Ok(LogFormat::Text),
                "json" => Ok(LogFormat::Json),
                _ => Err("must be `text` or `json`".into()),
            })?,
            otlp_endpoint: r.optional("otlp_endpoint", plain_url)?,
            trace_ratio: r.with("trace_ratio", |v| in_range(v, 0.0, 1.0))?,
        })
    }

    /// A file in the data folder.
    pub fn data_file(&self, name: impl AsRef<Path>) -> PathBuf {
        self.data_dir.join(name)
    }

    /// Where the mesh key is kept.
    pub fn mesh_key_path(&self) -> PathBuf {
        self.mesh_key_file.clone().unwrap_or_else(|| self.data_file("mesh.key"))
    }
}

#[allow(clippy::unnecessary_wraps, reason = "every check has this shape")]
fn any(value: &str) -> Result<String, String> {
    Ok(value.to_owned())
}

fn in_range<T: FromStr + PartialOrd + std::fmt::Display + Copy>(value: &str, low: T, high: T) -> Result<T, String> {
    match value.parse::<T>() {
        Ok(n) if n >= low && n <= high => Ok(n),
        _ => Err(format!("must be a number from {low} to {high}")),
    }
}

fn yes_or_no(value: &str) -> Result<bool, String> {
    value.parse().map_err(|_| "must be `true` or `false`".into())
}

fn url(value: &str) -> Result<String, String> {
    let rest = value.strip_prefix("http://").or_else(|| value.strip_prefix("https://"));
    match rest {
        Some(host) if !host.is_empty() && !host.contains(char::is_whitespace) => Ok(value.trim_end_matches('/').into()),
        _ => Err("must be a URL such as http://host:8080".into()),
    }
}

/// Where gRPC is called. Our calls are not encrypted, and to take `https://` would promise that they are.
fn plain_url(value: &str) -> Result<String, String> {
    if value.starts_with("https://") {
        return Err("must begin with http://: these calls are not encrypted by Turnout; leave that to the network between the two, \
                    such as a service mesh or a proxy beside each"
            .into());
    }
    url(value)
}

fn smtp_url(value: &str) -> Result<String, String> {
    let rest = value.strip_prefix("smtp://").or_else(|| value.strip_prefix("smtps://"));
    match rest {
        Some(host) if !host.is_empty() && !host.contains(char::is_whitespace) => Ok(value.to_owned()),
        _ => Err("must be smtp://[user:password@]host[:port] or smtps://…".into()),
    }
}

fn mail_address(value: &str) -> Result<String, String> {
    let is_address = value.split_once('@').is_some_and(|(local, host)| !local.is_empty() && !host.is_empty());
    if is_address && !value.contains(|c: char| c.is_whitespace() || c.is_control() || "<>".contains(c)) {
        Ok(value.to_owned())
    } else {
        Err("must be an address such as hello@example.org, without a name".into())
    }
}

fn origin(value: &str) -> Result<String, String> {
    let clean = url(value)?;
    match clean.split("://").nth(1) {
        Some(host) if !host.contains('/') && !host.contains('@') => Ok(clean.to_ascii_lowercase()),
        _ => Err("must be an origin such as https://tickets.example.org, without a path".into()),
    }
}

fn node_name(value: &str) -> Result<String, String> {
    value.parse::<crate::ids::RoomId>().map(|id| id.as_str().to_owned()).map_err(|e| e.to_string())
}

fn bus(value: &str) -> Result<BusChoice, String> {
    if value == "in-process" {
        return Ok(BusChoice::InProcess);
    }
    let servers: Vec<String> = value.split(',').map(|s| s.trim().to_owned()).collect();
    let is_nats =
        |s: &String| s.strip_prefix("nats://").or_else(|| s.strip_prefix("tls://")).is_some_and(|h| !h.is_empty());
    if servers.iter().all(is_nats) {
        Ok(BusChoice::Nats(servers))
    } else {
        Err("must be `in-process` or nats://host:4222, several separated by commas".into())
    }
}

fn store(value: &str) -> Result<StoreChoice, String> {
    if value == "embedded" {
        return Ok(StoreChoice::Embedded);
    }
    let problem = "must be `embedded` or cql://host:9042[,host:9042]/keyspace";
    let (nodes, keyspace) =
        value.strip_prefix("cql://").and_then(|rest| rest.split_once('/')).ok_or_else(|| problem.to_owned())?;
    let fits = !keyspace.is_empty()
        && keyspace.len() <= 48
        && keyspace.starts_with(|c: char| c.is_ascii_lowercase())
        && keyspace.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if !fits {
        return Err("the keyspace must be 1 to 48 characters of a-z, 0-9 and _, a letter first".into());
    }
    let nodes: Vec<String> = nodes.split(',').map(|n| n.trim().to_owned()).collect();
    if nodes.iter().any(String::is_empty) {
        Err(problem.into())
    } else {
        Ok(StoreChoice::Cql { nodes, keyspace: keyspace.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(file: &str, env: &[(&str, &str)], flags: &[(&'static str, &str)]) -> Result<Resolved, ConfigError> {
        let mut layers = Layers::new();
        layers.file("test.toml", file)?;
        layers.environment(env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())))?;
        for (name, value) in flags {
            layers.flag(name, (*value).to_owned());
        }
        Ok(layers.resolve())
    }

    #[test]
    fn the_defaults_are_possible() {
        let config = Config::from_resolved(&Layers::new().resolve()).unwrap();
        assert_eq!(config.bus, BusChoice::InProcess);
        assert_eq!(config.public_addr.port(), 8080);
    }

    #[test]
    fn a_flag_beats_the_environment_beats_the_file_beats_the_default() {
        let all = resolve(
            "drain_s = 1\nconnections_max = 11\nlog = \"debug\"",
            &[("TURNOUT_DRAIN_S", "2"), ("TURNOUT_CONNECTIONS_MAX", "22"), ("OTHER", "x")],
            &[("drain_s", "3")],
        )
        .unwrap();
        let config = Config::from_resolved(&all).unwrap();
        assert_eq!((config.drain_s, config.connections_max, config.log.as_str()), (3, 22, "debug"));
        assert_eq!(all.origin("drain_s").to_string(), "flag --drain-s");
        assert_eq!(all.origin("connections_max").to_string(), "environment TURNOUT_CONNECTIONS_MAX");
        assert_eq!(all.origin("log").to_string(), "file test.toml");
        assert_eq!(all.origin("store").to_string(), "default");
    }

    #[test]
    fn an_unknown_setting_is_an_error_that_names_it_and_a_similar_one() {
        let error = resolve("public_adr = \"x\"", &[], &[]).unwrap_err().to_string();
        assert!(error.contains("`public_adr`") && error.contains("`public_addr`"), "{error}");
        let error = resolve("", &[("TURNOUT_DATADIR", "x")], &[]).unwrap_err().to_string();
        assert!(error.contains("TURNOUT_DATADIR") && error.contains("`TURNOUT_DATA_DIR`"), "{error}");
    }

    #[test]
    fn an_impossible_value_is_an_error_that_names_setting_value_and_origin() {
        for (name, value) in [
            ("public_addr", "nowhere"),
            ("drain_s", "-1"),
            ("bus", "kafka://x"),
            ("store", "cql://host/Bad-Name"),
            ("log_format", "xml"),
            ("trace_ratio", "2"),
            ("webhooks_anywhere", "yes"),
            ("node_name", "a b"),
            ("allowed_origins", "https://a.example/path"),
            ("trusted_proxies", "10.0.0.1/8"),
            ("presence_url", "https://presence.example:9091"),
            ("otlp_endpoint", "https://traces.example:4317"),
        ] {
            let resolved =
                resolve("", &[], &[(SETTINGS.iter().find(|s| s.name == name).unwrap().name, value)]).unwrap();
            let error = Config::from_resolved(&resolved).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains(value) && error.contains("flag"), "{error}");
        }
    }

    #[test]
    fn a_secret_is_shown_neither_in_the_listing_nor_in_an_error() {
        let resolved = resolve("", &[("TURNOUT_STORE_PASSWORD", "hunter2")], &[]).unwrap();
        assert!(!resolved.to_string().contains("hunter2"));
    }
}
