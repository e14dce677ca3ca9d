//! Sockets towards the server: from several source addresses when many are needed.
//!
//! It deliberately does not wait: a connection is under way when it returns.

use crate::plan::Plan;
use anyhow::{Context, ensure};
use mio::net::TcpStream;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::io::Result;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

/// Sockets from one source address. The kernel has about 28,000 ports for each; far fewer keep the search for a free one
/// short while old ones wait out their minute.
const SOCKETS_PER_SOURCE: u32 = 2000;
/// Source addresses at most: 127.0.1.1 to 127.0.1.250.
const SOURCES_MAX: u32 = 250;

/// How many source addresses a plan uses.
pub fn sources(plan: &Plan) -> u32 {
    let wanted = if plan.sources == 0 { plan.sockets() / SOCKETS_PER_SOURCE + 1 } else { plan.sources };
    wanted.min(SOURCES_MAX)
}

/// Makes room for so many sockets, or says what limit is in the way.
pub fn reserve_descriptors(needed: u64) -> anyhow::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(u64::MAX);
    ensure!(
        needed <= most,
        "{needed} file descriptors are needed and the hard limit (ulimit -Hn) is {most}: use fewer viewers, or several crowds"
    );
    if limit.current.is_some_and(|current| current < most) {
        let all = Rlimit { current: limit.maximum, maximum: limit.maximum };
        setrlimit(Resource::Nofile, all).context("cannot raise the limit of file descriptors")?;
    }
    Ok(())
}

/// Starts a connection. The source follows from `index`; only a server on loopback is dialled from chosen sources.
pub fn dial(address: SocketAddr, index: u32, sources: u32) -> Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    if sources > 1 && address.ip() == IpAddr::V4(Ipv4Addr::LOCALHOST) {
        let source = Ipv4Addr::new(127, 0, 1, 1 + (index % sources) as u8);
        socket.bind(&SocketAddr::from((source, 0)).into())?;
    }
    match socket.connect(&address.into()) {
        Err(error) if error.raw_os_error() != Some(IN_PROGRESS) => Err(error),
        _ => Ok(TcpStream::from_std(socket.into())),
    }
}

/// `EINPROGRESS`: the connection is under way.
const IN_PROGRESS: i32 = rustix::io::Errno::INPROGRESS.raw_os_error();

/// Closing this socket resets the connection instead of ending it in order.
pub fn reset_on_close(stream: &TcpStream) {
    // Should it fail, the socket is closed in order: rude as well.
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}
