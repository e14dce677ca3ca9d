//! Every setting of every role, declared once. Order is the order of `turnout config`.

/// One setting.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Its name in a file; `TURNOUT_` + upper case in the environment; `--` + dashes as a flag.
    pub name: &'static str,
    /// Its value when nobody says otherwise; empty means not set.
    pub default: &'static str,
    /// What a flag's value is called in `--help`.
    pub value_name: &'static str,
    /// What it does, for `--help` and `turnout config`.
    pub help: &'static str,
    /// Whether its value is kept out of listings.
    pub secret: bool,
}

const fn setting(name: &'static str, default: &'static str, value_name: &'static str, help: &'static str) -> Setting {
    Setting { name, default, value_name, help, secret: false }
}

const fn secret(name: &'static str, help: &'static str) -> Setting {
    Setting { name, default: "", value_name: "SECRET", help, secret: true }
}

/// The settings.
pub const SETTINGS: &[Setting] = &[
    setting(
        "data_dir",
        "data",
        "DIR",
        "Folder for everything that this process keeps: the embedded store, keys, addresses",
    ),
    setting(
        "public_addr",
        "127.0.0.1:8080",
        "ADDR",
        "Where viewers and organisers connect: pages, HTTP API, WebSocket. Port 0 takes a free one",
    ),
    setting("grpc_addr", "127.0.0.1:9090", "ADDR", "Where services connect: gRPC with reflection and health"),
    setting(
        "admin_addr",
        "127.0.0.1:9100",
        "ADDR",
        "Where operators connect: /metrics, /livez, /readyz, /dead-letters. Keep it inside",
    ),
    setting(
        "public_url",
        "",
        "URL",
        "How the public address looks from outside, for links and for the Origin check, when a proxy stands in front",
    ),
    setting(
        "allowed_origins",
        "",
        "LIST",
        "Further web origins, separated by commas, whose pages may open the live socket",
    ),
    setting(
        "trusted_proxies",
        "",
        "LIST",
        "Networks of the proxies in front, such as 10.0.0.0/8, separated by commas: the client is whom they name in X-Forwarded-For or Forwarded. Not set: whoever connects",
    ),
    setting(
        "node_name",
        "",
        "NAME",
        "This process's name in the mesh; unique among its role. Not set: a fresh one at each start",
    ),
    setting(
        "bus",
        "in-process",
        "URL",
        "How roles meet: `in-process`, or nats://host:4222 (2.12 or newer), several separated by commas",
    ),
    setting("bus_user", "", "NAME", "User name at the bus"),
    secret("bus_password", "Password at the bus"),
    setting("bus_replicas", "1", "N", "Copies of each durable message in NATS: 1, 3 or 5; 3 in production"),
    setting(
        "store",
        "embedded",
        "URL",
        "Where durable rows are kept: `embedded`, or cql://host:9042[,host:9042]/keyspace",
    ),
    setting("store_user", "", "NAME", "User name at the store"),
    secret("store_password", "Password at the store"),
    setting(
        "replication_factor",
        "1",
        "N",
        "Copies of each row in a CQL keyspace that this process creates; 3 in production",
    ),
    setting(
        "mesh_key_file",
        "",
        "FILE",
        "The key that all roles of one mesh share. Not set: mesh.key in the data folder, made at first start",
    ),
    setting("registration_url", "", "URL", "gRPC address of the registration role, for roles that run apart from it"),
    setting("presence_url", "", "URL", "gRPC address of the presence role, for roles that run apart from it"),
    setting("profiles_url", "", "URL", "gRPC address of the profiles role, for roles that run apart from it"),
    setting("notifications_url", "", "URL", "gRPC address of the notifications role, for roles that run apart from it"),
    secret(
        "smtp_url",
        "Where mail is handed over: smtp://user:password@host:587 (STARTTLS) or smtps://…; `?ca=FILE` trusts the certificates in this file and no others; `?tls=none` only for a server on this machine. Not set: mails are kept as files in the data folder",
    ),
    setting(
        "mail_from",
        "turnout@localhost",
        "ADDRESS",
        "The sender's address of mails; the name beside it is each tenant's own. Where smtp_url is set it must be an address of a domain of yours",
    ),
    setting(
        "mail_returns",
        "",
        "ADDRESS",
        "Where mail servers return what they cannot deliver (the envelope's sender). What arrives there is to be passed to POST /v1/returned-mails as it is. Not set: to the sender's address",
    ),
    secret(
        "sms_url",
        "Where text messages are handed over: an https:// gateway (http:// only on this machine) that takes JSON with `to`, `text` and `id`. Not set: none are sent",
    ),
    setting(
        "webhooks_anywhere",
        "false",
        "BOOL",
        "Whether organisers' webhooks may also lead inside this network and go unencrypted: `true` is for tests and closed networks, where every organiser may reach whatever this process can",
    ),
    setting("workers", "", "N", "Threads that hold viewers' sockets. Not set: one for each core"),
    setting(
        "connections_max",
        "100000",
        "N",
        "Viewers' sockets that one gateway accepts; further ones get 503 and come back later",
    ),
    setting(
        "handshakes_per_s_max",
        "2000",
        "N",
        "Handshakes a second that one gateway accepts; further ones get 503 and come back later",
    ),
    setting("drain_s", "20", "SECONDS", "Time over which viewers are asked to go elsewhere on SIGTERM"),
    setting("log", "info", "FILTER", "What is logged, such as `info` or `warn,turnout_gateway=debug`"),
    setting("log_format", "text", "FORMAT", "`text` for people, `json` for machines"),
    setting(
        "otlp_endpoint",
        "",
        "URL",
        "Where traces are sent by OTLP over gRPC, such as http://collector:4317. Not set: nowhere",
    ),
    setting("trace_ratio", "0.01", "SHARE", "Share of joins that are traced, 0 to 1"),
];

impl Setting {
    /// The name in the environment.
    pub fn env(&self) -> String {
        format!("TURNOUT_{}", self.name.to_ascii_uppercase())
    }

    /// The flag without its dashes.
    pub fn flag(&self) -> String {
        self.name.replace('_', "-")
    }
}
