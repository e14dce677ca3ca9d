//! What a person sees when the mesh has started: where to go. The same for programs, as `addresses.json` in the data folder.

use std::{fs, io::Write as _, net::SocketAddr, os::unix::fs::OpenOptionsExt as _};

use anyhow::Context as _;
use serde::Serialize;
use turnout_registration::{DEMO_EVENT, DEMO_TENANT, DemoStart};

use crate::{foundation::Foundation, tools};

/// The file in which the demo tenant's API key is left at first start.
const API_KEY_FILE: &str = "api-key";
/// The file with the addresses, for programs.
const ADDRESSES_FILE: &str = "addresses.json";

/// Where this process listens. Port 0 in a setting becomes a real one here.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Addresses {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grpc: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub console_link: Option<String>,
}

/// Tells people where to go, and programs too.
pub(crate) fn greet(base: &Foundation, public: SocketAddr, grpc: SocketAddr, demo: DemoStart) -> anyhow::Result<()> {
    let url = public_url(base, public);
    let link = tools::new_sign_in_link(&base.mesh_key, &url, DEMO_TENANT, base.clock.at_s());
    keep_api_key(base, demo)?;
    let console_link = Some(link.clone());
    keep_addresses(base, Addresses { public: Some(public), grpc: Some(grpc), console_link, ..Addresses::default() })?;
    let folder = base.config.data_dir.display();
    let text = format!(
        "
  Turnout is running.

  Watch the demo event   {url}/e/{DEMO_EVENT}
  Open the console       {link}
                         (works once, for {minutes} minutes; a new one: turnout sign-in-link)

  gRPC                   {grpc}   (API key in {folder}/{API_KEY_FILE})
  Metrics                http://{admin}/metrics
  Data                   {folder}

  Stop with ctrl-c.
",
        grpc = reachable(grpc),
        admin = reachable(base.admin_addr),
        minutes = tools::SIGN_IN_LINK_S / 60,
    );
    // Whoever runs us in the background may have closed the output: that must not stop the mesh.
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(())
}

/// The address at which people reach the pages: as configured, or as this machine sees it.
pub(crate) fn public_url(base: &Foundation, public: SocketAddr) -> String {
    base.config.public_url.clone().unwrap_or_else(|| format!("http://{}", reachable(public)))
}

/// Leaves the addresses of this process in the data folder.
pub(crate) fn keep_addresses(base: &Foundation, addresses: Addresses) -> anyhow::Result<()> {
    let file = Addresses {
        public: addresses.public.map(reachable),
        grpc: addresses.grpc.map(reachable),
        admin: Some(reachable(base.admin_addr)),
        console_link: addresses.console_link,
    };
    private_file(base, ADDRESSES_FILE, &serde_json::to_string_pretty(&file)?)
}

/// Leaves the demo tenant's API key, which exists once, where its owner finds it.
pub(crate) fn keep_api_key(base: &Foundation, demo: DemoStart) -> anyhow::Result<()> {
    match demo.first_api_key {
        Some(key) => private_file(base, API_KEY_FILE, &format!("{}\n", key.secret)),
        None => Ok(()),
    }
}

/// Writes a file that only this user can read.
fn private_file(base: &Foundation, name: &str, content: &str) -> anyhow::Result<()> {
    let path = base.config.data_file(name);
    let open = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path);
    open.and_then(|mut file| file.write_all(content.as_bytes()))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// An address that a browser on this machine can open.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    address
}
