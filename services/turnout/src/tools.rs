//! The subcommands that do one thing and end. They need the data folder or the mesh key; a recount asks a running mesh.

use std::{
    fmt::Write as _,
    io::{BufWriter, Write as _},
    sync::Arc,
};

use anyhow::Context as _;
use turnout_platform::{
    auth::{Credentials, MeshKey, TokenKind, TokenSigner},
    clock::{Clock, SystemClock},
    config::{Config, Resolved},
    ids::{EventId, RoomId, TenantId},
    random, rpc,
};
use turnout_proto::registration::v1::{
    GetEventRequest, RecountRequest, RecountResponse, Statistics, registrant_service_client::RegistrantServiceClient,
    registration_service_client::RegistrationServiceClient,
};

/// Life of a sign-in link, in seconds.
pub(crate) const SIGN_IN_LINK_S: u64 = 30 * 60;

/// What `turnout ticket` is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WantedTickets {
    pub event: EventId,
    pub room: Option<RoomId>,
    pub count: u32,
    pub ttl_s: u64,
}

pub(crate) fn show_config(resolved: &Resolved) -> anyhow::Result<()> {
    print(&resolved.to_string())
}

pub(crate) fn mesh_key() -> anyhow::Result<()> {
    print(&MeshKey::generate().encode())
}

/// One ticket a line, each of a viewer of its own.
pub(crate) fn tickets(config: &Config, wanted: &WantedTickets) -> anyhow::Result<()> {
    let signer = TokenSigner::new(&existing_key(config)?);
    let at_s = SystemClock::new().at_s();
    // A tail that no other call shares, so that two calls make different viewers.
    let batch = random::token_128();
    let mut out = BufWriter::new(std::io::stdout().lock());
    for number in 0..wanted.count {
        let ticket = signer
            .sign(TokenKind::Ticket, &format!("made:{batch}:{number}"), at_s, wanted.ttl_s, random::token_128())
            .event(wanted.event.as_str(), wanted.room.as_ref().map(RoomId::as_str))
            .finish();
        writeln!(out, "{ticket}")?;
    }
    Ok(out.flush()?)
}

pub(crate) fn sign_in_link(config: &Config, tenant: &TenantId) -> anyhow::Result<()> {
    let url = match &config.public_url {
        Some(url) => url.clone(),
        None => format!("http://{}", running_address(config).unwrap_or_else(|| config.public_addr.to_string())),
    };
    let link = new_sign_in_link(&existing_key(config)?, &url, tenant.as_str(), SystemClock::new().at_s());
    print(&format!("{link}\n"))
}

/// A link that opens a tenant's console once.
pub(crate) fn new_sign_in_link(key: &MeshKey, base_url: &str, tenant: &str, at_s: u64) -> String {
    let token = TokenSigner::new(key)
        .sign(TokenKind::SignIn, "organiser", at_s, SIGN_IN_LINK_S, random::token_128())
        .tenant(tenant)
        .finish();
    format!("{base_url}/console/sign-in?token={token}")
}

/// Counts an event's registrants anew and prints both counts, figure by figure.
pub(crate) async fn recount(config: &Config, event: &EventId) -> anyhow::Result<()> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let credentials = Credentials::new("recount", TokenSigner::new(&existing_key(config)?), clock);
    let address = match &config.registration_url {
        Some(url) => url.clone(),
        None => format!("http://{}", address_of(config, "grpc").unwrap_or_else(|| config.grpc_addr.to_string())),
    };
    let channel = rpc::channel(&address).with_context(|| format!("registration at {address}"))?;
    let event_id = event.as_str().to_owned();
    let mut events = RegistrationServiceClient::with_interceptor(channel.clone(), credentials.acting_for(None));
    let found = events.get_event(GetEventRequest { event_id: event_id.clone() }).await;
    let tenant: TenantId = match found {
        Ok(answer) => answer.into_inner().event.unwrap_or_default().tenant_id.parse().context("the event's tenant")?,
        Err(status) => anyhow::bail!("{} (registration at {address})", status.message()),
    };
    let mut registrants = RegistrantServiceClient::with_interceptor(channel, credentials.acting_for(Some(&tenant)));
    let answer = match registrants.recount(RecountRequest { event_id }).await {
        Ok(answer) => answer.into_inner(),
        Err(status) => anyhow::bail!("{} (registration at {address})", status.message()),
    };
    print(&recount_table(&answer))?;
    anyhow::ensure!(answer.differences.is_empty(), "these figures differ: {}", answer.differences.join(", "));
    Ok(())
}

/// A figure by its name, and how it is read.
type Figure = (&'static str, fn(&Statistics) -> i64);

fn recount_table(answer: &RecountResponse) -> String {
    let (shown, counted) = (answer.shown.unwrap_or_default(), answer.counted.unwrap_or_default());
    let figures: [Figure; 16] = [
        ("registrants", |s| s.registrants),
        ("logged_in", |s| s.logged_in),
        ("waiting", |s| s.waiting),
        ("cancelled", |s| s.cancelled),
        ("invited", |s| s.invited),
        ("confirmed", |s| s.confirmed),
        ("declined", |s| s.declined),
        ("unpaid", |s| s.unpaid),
        ("paid", |s| s.paid),
        ("refunded", |s| s.refunded),
        ("paid_without_place", |s| s.paid_without_place),
        ("checked_in", |s| s.checked_in),
        ("nicknames", |s| s.nicknames),
        ("on_site", |s| s.on_site),
        ("online", |s| s.online),
        ("hybrid", |s| s.hybrid),
    ];
    let mut table = format!("{:<18} {:>10} {:>10}\n", "figure", "shown", "counted");
    for (name, of) in figures {
        let mark = if of(&shown) == of(&counted) { "" } else { "  differs" };
        let _ = writeln!(table, "{name:<18} {:>10} {:>10}{mark}", of(&shown), of(&counted));
    }
    table
}

/// The public address of the mesh that runs on this data folder, or ran last.
fn running_address(config: &Config) -> Option<String> {
    address_of(config, "public")
}

pub(crate) fn address_of(config: &Config, which: &str) -> Option<String> {
    let file = std::fs::read_to_string(config.data_file("addresses.json")).ok()?;
    let addresses: serde_json::Value = serde_json::from_str(&file).ok()?;
    Some(addresses.get(which)?.as_str()?.to_owned())
}

pub(crate) fn existing_key(config: &Config) -> anyhow::Result<MeshKey> {
    MeshKey::read(&config.mesh_key_path())
        .context("this command needs the data folder (--data-dir) or the key file (--mesh-key-file) of a mesh that has been started once")
}

/// To standard output; a reader that has left (`| head`) is no error worth words.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
