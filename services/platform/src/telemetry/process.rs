//! Metrics of the process and its runtime, read when they are asked for: CPU, memory, descriptors, tasks. Linux only; elsewhere
//! the lines are absent.

use std::fs;

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric as _},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
};

/// `sysconf(_SC_CLK_TCK)`: 100 on every Linux that Rust supports.
const TICKS_PER_S: f64 = 100.0;
const PAGE_BYTES: u64 = 4096;

#[derive(Debug)]
pub(super) struct ProcessCollector;

impl Collector for ProcessCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let mut gauge = |name: &str, help: &str, value: f64| {
            let metric = ConstGauge::new(value);
            metric.encode(encoder.encode_descriptor(name, help, None, metric.metric_type())?)
        };
        if let Some(stat) = Stat::read() {
            gauge("process_resident_memory_bytes", "Memory that is resident", stat.resident_bytes)?;
            gauge("process_threads", "Threads of the process", stat.threads)?;
            gauge("process_start_time_seconds", "When the process started, seconds since 1970", stat.start_s)?;
            gauge("process_pid", "The number of the process", f64::from(std::process::id()))?;
            let cpu = ConstCounter::new(stat.cpu_s);
            let described = encoder.encode_descriptor(
                "process_cpu_seconds",
                "User and system CPU time",
                None,
                cpu.metric_type(),
            )?;
            cpu.encode(described)?;
        }
        let mut gauge = |name: &str, help: &str, value: f64| {
            let metric = ConstGauge::new(value);
            metric.encode(encoder.encode_descriptor(name, help, None, metric.metric_type())?)
        };
        if let Ok(open) = fs::read_dir("/proc/self/fd") {
            gauge("process_open_fds", "Open file descriptors", open.count() as f64)?;
        }
        if let Some(max) = descriptors_max() {
            gauge("process_max_fds", "File descriptors that may be open", max)?;
        }
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let runtime = runtime.metrics();
            gauge("turnout_tokio_workers", "Threads of the runtime", runtime.num_workers() as f64)?;
            gauge("turnout_tokio_alive_tasks", "Tasks that have not ended", runtime.num_alive_tasks() as f64)?;
            gauge("turnout_tokio_queued_tasks", "Tasks that wait for a thread", runtime.global_queue_depth() as f64)?;
        }
        Ok(())
    }
}

struct Stat {
    cpu_s: f64,
    threads: f64,
    start_s: f64,
    resident_bytes: f64,
}

impl Stat {
    /// `/proc/self/stat`, see proc(5). The name in brackets may hold anything, so fields are counted from the last bracket.
    fn read() -> Option<Self> {
        let stat = fs::read_to_string("/proc/self/stat").ok()?;
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
        let boot_s = fs::read_to_string("/proc/stat")
            .ok()?
            .lines()
            .find_map(|l| l.strip_prefix("btime ")?.parse::<f64>().ok())?;
        Some(Self {
            cpu_s: (field(14)? + field(15)?) / TICKS_PER_S,
            threads: field(20)?,
            start_s: boot_s + field(22)? / TICKS_PER_S,
            resident_bytes: field(24)? * PAGE_BYTES as f64,
        })
    }
}

fn descriptors_max() -> Option<f64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    limits.lines().find_map(|l| l.strip_prefix("Max open files")?.split_whitespace().next()?.parse().ok())
}
