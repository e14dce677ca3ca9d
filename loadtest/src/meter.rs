//! What the server, the floor and the machine use: from `/proc`, or from the server's `/metrics`.
//!
//! Process CPU is utime + stime. Time spent in interrupts is the machine's and is shown apart. It deliberately blocks
//! for the few milliseconds that a scrape takes: it is called between phases, never during one.

use crate::http;
use anyhow::{Context, Result, bail};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

/// A scrape that takes longer is an error.
const SCRAPE_WAIT: Duration = Duration::from_secs(2);
/// A scrape longer than this is an error, bytes.
const SCRAPE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// What a process used so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// User and system time, seconds.
    pub cpu_s: f64,
    /// Resident memory, bytes.
    pub rss_bytes: u64,
}

/// How the server is watched.
#[derive(Clone, Debug, Default)]
pub struct ServerMeter {
    pub pid: Option<u32>,
    pub admin: Option<String>,
}

impl ServerMeter {
    /// CPU and memory of the server; `None` when nobody told where to look.
    pub fn usage(&self) -> Result<Option<Usage>> {
        if let Some(pid) = self.pid {
            return process(pid).map(Some);
        }
        let Some(metrics) = self.scrape()? else {
            return Ok(None);
        };
        let read = |name| sum_of(&metrics, name).with_context(|| format!("the server's /metrics has no {name}"));
        Ok(Some(Usage {
            cpu_s: read("process_cpu_seconds_total")?,
            rss_bytes: read("process_resident_memory_bytes")? as u64,
        }))
    }

    /// The server's own gauge of viewers, over all events.
    pub fn viewers_gauge(&self) -> Result<Option<u64>> {
        Ok(self
            .scrape()?
            .and_then(|metrics| sum_of(&metrics, "turnout_presence_viewers"))
            .map(|viewers| viewers as u64))
    }

    fn scrape(&self) -> Result<Option<String>> {
        let Some(admin) = &self.admin else {
            return Ok(None);
        };
        scrape(admin).with_context(|| format!("cannot read {admin}/metrics")).map(Some)
    }
}

/// Host and port of an `http://` address, and where to dial.
pub fn resolve(url: &str) -> Result<(String, SocketAddr)> {
    let Some(rest) = url.strip_prefix("http://") else {
        bail!("{url} must begin with http://: a load test talks to the server itself, without TLS");
    };
    let host = rest.split('/').next().unwrap_or(rest).to_owned();
    let named = if host.contains(':') { host.clone() } else { format!("{host}:80") };
    let address = named
        .to_socket_addrs()
        .with_context(|| format!("cannot resolve {url}"))?
        .next()
        .with_context(|| format!("{url} has no address"))?;
    Ok((host, address))
}

fn scrape(admin: &str) -> Result<String> {
    let (host, address) = resolve(admin)?;
    let mut stream = TcpStream::connect_timeout(&address, SCRAPE_WAIT)?;
    stream.set_read_timeout(Some(SCRAPE_WAIT))?;
    // HTTP/1.0: the body ends with the connection, so no chunks.
    write!(stream, "GET /metrics HTTP/1.0\r\nHost: {host}\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(SCRAPE_BYTES_MAX).read_to_string(&mut answer).context("the answer broke off")?;
    let Some((head, start)) = http::parse_head(answer.as_bytes()).context("not an HTTP answer")? else {
        bail!("the answer broke off");
    };
    if head.status != 200 {
        bail!("status {}", head.status);
    }
    Ok(answer[start..].to_owned())
}

/// The sum of all samples of a metric, whatever their labels.
fn sum_of(metrics: &str, name: &str) -> Option<f64> {
    metrics
        .lines()
        .filter_map(|line| line.strip_prefix(name))
        .filter_map(|rest| match rest.as_bytes().first()? {
            b' ' => Some(rest),
            b'{' => rest.rsplit_once('}').map(|(_, value)| value),
            _ => None,
        })
        .filter_map(|value| value.split_whitespace().next()?.parse::<f64>().ok())
        .reduce(|sum, value| sum + value)
}

/// CPU and memory of a process of this machine.
pub fn process(pid: u32) -> Result<Usage> {
    let read = |file: &str| {
        std::fs::read_to_string(format!("/proc/{pid}/{file}")).with_context(|| format!("cannot read the process {pid}"))
    };
    let ticks = cpu_ticks(&read("stat")?).context("/proc/…/stat is not as expected")?;
    let rss_kib = status_field(&read("status")?, "VmRSS")
        .and_then(|value| value.split(' ').next()?.parse::<u64>().ok())
        .unwrap_or(0);
    Ok(Usage { cpu_s: ticks as f64 / rustix::param::clock_ticks_per_second() as f64, rss_bytes: rss_kib * 1024 })
}

/// The CPUs that a process may use, such as `0-1`.
pub fn cpus_of(pid: u32) -> Option<String> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status_field(&status, "Cpus_allowed_list").map(str::to_owned)
}

/// Seconds that the machine spent in interrupts so far, hard and soft.
pub fn interrupts_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    interrupt_ticks(&stat).unwrap_or(0) as f64 / rustix::param::clock_ticks_per_second() as f64
}

/// utime + stime. The name of the process, in brackets, may hold anything, so counting starts after it.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(") ")?.1.split(' ').skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

fn interrupt_ticks(stat: &str) -> Option<u64> {
    let mut fields = stat.lines().next()?.split_whitespace().skip(6);
    let hard: u64 = fields.next()?.parse().ok()?;
    let soft: u64 = fields.next()?.parse().ok()?;
    Some(hard + soft)
}

fn status_field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_summed_over_labels_and_lookalikes_are_not() {
        let metrics = "# HELP turnout_presence_viewers x\nturnout_presence_viewers{event=\"a\"} 5\nturnout_presence_viewers{event=\"b\"} 7 1700000000\nturnout_presence_viewers_max 99\nprocess_cpu_seconds_total 1.25\n";
        assert_eq!(sum_of(metrics, "turnout_presence_viewers"), Some(12.0));
        assert_eq!(sum_of(metrics, "process_cpu_seconds_total"), Some(1.25));
        assert_eq!(sum_of(metrics, "absent"), None);
    }

    #[test]
    fn a_process_with_brackets_in_its_name_is_read_right() {
        let stat = "42 (a ) b) S 1 42 42 0 -1 4194560 1 0 0 0 300 45 0 0 20 0 1 0 100 1 1";
        assert_eq!(cpu_ticks(stat), Some(345));
        assert_eq!(interrupt_ticks("cpu  20406 0 5947 186087 445 3 36 27 0 0\ncpu0 1"), Some(39));
    }

    #[test]
    fn this_process_uses_memory_and_has_cpus() {
        let usage = process(std::process::id()).unwrap();
        assert!(usage.rss_bytes > 100_000);
        assert!(cpus_of(std::process::id()).is_some());
    }

    #[test]
    fn addresses_are_resolved_and_tls_is_refused() {
        let (host, address) = resolve("http://127.0.0.1:8080/").unwrap();
        assert_eq!((host.as_str(), address.port()), ("127.0.0.1:8080", 8080));
        assert!(resolve("https://127.0.0.1").is_err());
    }
}
