//! The gateway's own metrics, beside those of the sockets (`live/metrics.rs`).

use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};

/// Why a handshake, or a request for a ticket, was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
#[allow(non_camel_case_types, reason = "these are label values")]
pub enum Rejection {
    /// The page's origin is not allowed.
    origin,
    /// The ticket is not good.
    auth,
    /// No such event.
    no_event,
    /// Too many handshakes a second.
    rate,
    /// All connections are in use.
    overload,
    /// The gateway is going down.
    drain,
    /// Not a WebSocket handshake.
    malformed,
    /// A service that was needed did not answer.
    unavailable,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: Rejection,
}

/// The metrics.
#[derive(Debug, Clone)]
pub struct GatewayMetrics {
    rejected: Family<Reason, Counter>,
    /// Seconds from the closing of a tick at some gateway to the hand-over of its count to this gateway's sockets.
    pub propagation: Histogram,
    /// Whether the bus is reachable.
    pub bus_connected: Gauge,
    /// Whether the screens say that the count is out of touch.
    pub stale: Gauge,
    /// Frames from the bus that are none.
    pub undecodable: Counter,
    /// How often this gateway had to change its name.
    pub fenced: Gauge,
    /// Connections to the public port that were dropped because too many were being answered.
    pub accepts_dropped: Counter,
}

impl GatewayMetrics {
    /// Registers them.
    pub fn register(registry: &mut Registry) -> Self {
        let new = Self {
            rejected: Family::default(),
            propagation: Histogram::new(exponential_buckets(0.005, 1.6, 16)),
            bus_connected: Gauge::default(),
            stale: Gauge::default(),
            undecodable: Counter::default(),
            fenced: Gauge::default(),
            accepts_dropped: Counter::default(),
        };
        registry.register("turnout_ws_handshakes_rejected", "Handshakes refused, by reason", new.rejected.clone());
        registry.register(
            "turnout_presence_propagation_duration_seconds",
            "Time from the closing of a tick to the hand-over of its count to the sockets, by wall clocks",
            new.propagation.clone(),
        );
        registry.register(
            "turnout_gateway_bus_connected",
            "1 while this gateway reaches the bus",
            new.bus_connected.clone(),
        );
        registry.register(
            "turnout_gateway_stale",
            "1 while the screens say that the count is out of touch",
            new.stale.clone(),
        );
        registry.register(
            "turnout_gateway_undecodable_frames",
            "Bus frames that could not be read",
            new.undecodable.clone(),
        );
        registry.register(
            "turnout_gateway_fenced_times",
            "How often this gateway went on under a new name",
            new.fenced.clone(),
        );
        registry.register(
            "turnout_gateway_accepts_dropped",
            "Connections closed unanswered because too many were being answered",
            new.accepts_dropped.clone(),
        );
        new
    }

    /// Counts a refusal.
    pub fn reject(&self, reason: Rejection) {
        self.rejected.get_or_create(&Reason { reason }).inc();
    }
}
