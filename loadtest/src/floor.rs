//! The floor: the least that a delivery can cost. One thread, one pre-framed buffer, one `send` a socket.
//!
//! It runs as a child process, so that its CPU can be read like the server's, and does what it is told on standard
//! input: `run <ticks> <interval µs>`. It deliberately does nothing else: no reading, no topics, no map.

use crate::meter;
use anyhow::{Context, Result, bail};
use rustix::thread::CpuSet;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Waiting connections of the floor's listener.
const BACKLOG: i32 = 4096;

/// The child, seen from the crowd.
#[derive(Debug)]
pub struct Floor {
    child: Child,
    address: SocketAddr,
}

impl Floor {
    /// Starts the floor's server; it waits for `sockets` connections. `frame` is what it sends to each.
    pub fn start(program: &Path, frame: &[u8], sockets: u32, cpus: Option<&str>) -> Result<Self> {
        let mut command = Command::new(program);
        command
            .arg("floor-server")
            .arg("--sockets")
            .arg(sockets.to_string())
            .arg("--frame")
            .arg(to_hex(frame))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        if let Some(cpus) = cpus {
            command.arg("--cpus").arg(cpus);
        }
        let mut child = command.spawn().context("cannot start the floor's server")?;
        let stdout = child.stdout.take().context("the floor has no output")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let port = line.trim().parse().context("the floor's server did not say its port")?;
        Ok(Self { child, address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)) })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Starts `ticks` rounds of sending, `interval_us` apart; they go on while this returns.
    pub fn run(&mut self, ticks: u32, interval_us: u64) -> Result<()> {
        let stdin = self.child.stdin.as_mut().context("the floor has no input")?;
        writeln!(stdin, "run {ticks} {interval_us}").context("the floor's server is gone")
    }

    /// CPU of the floor's server so far, seconds.
    pub fn cpu_s(&self) -> Result<f64> {
        Ok(meter::process(self.child.id())?.cpu_s)
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        // It may be gone already; either way nothing is left behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The child itself: runs until its standard input ends.
pub fn serve(sockets: u32, frame: &str, cpus: Option<&str>) -> Result<()> {
    if let Some(cpus) = cpus {
        pin(cpus)?;
    }
    let frame = from_hex(frame).context("the frame is not hexadecimal")?;
    let listener = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, Some(socket2::Protocol::TCP))?;
    listener.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    listener.listen(BACKLOG)?;
    let listener = TcpListener::from(listener);
    println!("{}", listener.local_addr()?.port());
    let mut clients = Vec::with_capacity(sockets as usize);
    for _ in 0..sockets {
        let (client, _) = listener.accept()?;
        client.set_nonblocking(true)?;
        client.set_nodelay(true)?;
        clients.push(client);
    }
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let mut words = line.split(' ');
        let (Some("run"), Some(ticks), Some(interval)) = (words.next(), words.next(), words.next()) else {
            bail!("the floor does not understand {line:?}");
        };
        send_ticks(&clients, &frame, ticks.parse()?, Duration::from_micros(interval.parse()?));
    }
    Ok(())
}

fn send_ticks(clients: &[TcpStream], frame: &[u8], ticks: u32, interval: Duration) {
    let start = Instant::now();
    for tick in 0..ticks {
        for mut client in clients {
            // A full or broken socket is not retried; the crowd counts what is missing.
            let _ = client.write(frame);
        }
        let due = interval * (tick + 1);
        std::thread::sleep(due.saturating_sub(start.elapsed()));
    }
}

fn pin(cpus: &str) -> Result<()> {
    let mut set = CpuSet::new();
    for part in cpus.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (usize, usize) = (first.trim().parse()?, last.trim().parse()?);
        for cpu in first..=last.min(CpuSet::MAX_CPU - 1) {
            set.set(cpu);
        }
    }
    rustix::thread::sched_setaffinity(None, &set).with_context(|| format!("cannot run on the CPUs {cpus}"))
}

fn to_hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn from_hex(hex: &str) -> Option<Vec<u8>> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_survives_the_command_line() {
        let frame: Vec<u8> = (0..=255).collect();
        assert_eq!(from_hex(&to_hex(&frame)), Some(frame));
        assert_eq!(from_hex("0g"), None);
        assert_eq!(from_hex("abc"), None);
    }

    #[test]
    fn cpu_lists_are_understood() {
        let own = meter::cpus_of(std::process::id()).unwrap();
        pin(&own).unwrap();
        assert!(pin("many").is_err());
    }
}
