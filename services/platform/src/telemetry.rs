//! Logs, traces and metrics of a process. Handlers contain no telemetry of their own beyond spans: layers and metered parts do
//! it. No personal data and no unbounded id gets into any of the three.

mod logs;
pub mod metrics;
mod process;
mod trace_context;

pub use logs::{Telemetry, TelemetryError, start};
pub use metrics::Metrics;
pub use trace_context::{TraceParent, sampled_trace_id};
