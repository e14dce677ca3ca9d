//! Metrics of gRPC servers, one set a process.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};

/// Labels of a handled call. A path that is not one of ours counts as `unknown`, so that callers cannot make series.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Handled {
    pub service: String,
    pub method: String,
    pub code: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Method {
    pub service: String,
    pub method: String,
}

/// What became of a call with an idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyOutcome {
    /// The first with its key, or the first after one that a retry may better.
    Fresh,
    /// Got the first one's answer.
    Replayed,
    /// Its key belongs to another request.
    Conflict,
    /// The first one was not at its end.
    UnderWay,
    /// Made again after one that never ended.
    TakenOver,
    /// The first one ended, and its answer was not kept.
    NotKept,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Keyed {
    outcome: &'static str,
}

impl From<KeyOutcome> for Keyed {
    fn from(outcome: KeyOutcome) -> Self {
        let outcome = match outcome {
            KeyOutcome::Fresh => "fresh",
            KeyOutcome::Replayed => "replayed",
            KeyOutcome::Conflict => "conflict",
            KeyOutcome::UnderWay => "under_way",
            KeyOutcome::TakenOver => "taken_over",
            KeyOutcome::NotKept => "not_kept",
        };
        Self { outcome }
    }
}

/// The metrics.
#[derive(Debug, Clone)]
pub struct RpcMetrics {
    pub(super) handled: Family<Handled, Counter>,
    pub(super) handling: Family<Method, Histogram, fn() -> Histogram>,
    pub(super) in_flight: Gauge,
    pub(super) keyed: Family<Keyed, Counter>,
}

impl RpcMetrics {
    /// Registers them.
    pub fn register(registry: &mut Registry) -> Self {
        let new = Self {
            handled: Family::default(),
            handling: Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.0005, 2.0, 14))),
            in_flight: Gauge::default(),
            keyed: Family::default(),
        };
        registry.register("turnout_grpc_server_handled", "Calls that have ended, by status code", new.handled.clone());
        registry.register(
            "turnout_grpc_server_handling_seconds",
            "Time from a call's first byte to the first byte of its answer",
            new.handling.clone(),
        );
        registry.register(
            "turnout_grpc_server_in_flight",
            "Calls being handled, open streams included",
            new.in_flight.clone(),
        );
        registry.register(
            "turnout_grpc_server_keyed_calls",
            "Calls with an idempotency key, by what became of them",
            new.keyed.clone(),
        );
        new
    }
}
