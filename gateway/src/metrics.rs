//! The gateway's own metrics, beside those of the sockets (`live/metrics.rs`).

use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
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
    /// The event is for those who are registered, and this viewer was not let in.
    not_admitted,
    /// No such event.
    no_event,
    /// Too many handshakes a second.
    rate,
    /// All connections are in use.
    overload,
    /// The gateway is going down.
    drain,
    /// No whole request came in time.
    timeout,
    /// Not a WebSocket handshake.
    malformed,
    /// A service that was needed did not answer.
    unavailable,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: Rejection,
}

/// With an edge at 0.5 s, which is the objective that the alerts burn against.
const PROPAGATION_BUCKETS_S: [f64; 14] =
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.35, 0.5, 0.75, 1.0, 1.5, 2.5, 5.0];

/// The metrics.
#[derive(Debug, Clone)]
pub struct GatewayMetrics {
    rejected: Family<Reason, Counter>,
    /// Seconds from the closing of a tick at some gateway to the hand-over of its count to this gateway's sockets.
    pub propagation: Histogram,
    /// Whether the screens say that the count is out of touch.
    pub stale: Gauge,
    /// Frames from the bus that are none.
    pub undecodable: Counter,
    /// How often this gateway had to change its name.
    pub fenced: Gauge,
    /// Connections to the public port that were dropped because too many were being answered.
    pub accepts_dropped: Counter,
    /// Connections and requests that were refused because their network has too many requests that are not whole.
    pub requests_crowded: Counter,
    /// Requests whose body did not come in time.
    pub requests_late: Counter,
    /// Registrations that were refused because too many came from one network.
    pub registrations_throttled: Counter,
}

impl GatewayMetrics {
    /// Registers them.
    pub fn register(registry: &mut Registry) -> Self {
        let new = Self {
            rejected: Family::default(),
            propagation: Histogram::new(PROPAGATION_BUCKETS_S),
            stale: Gauge::default(),
            undecodable: Counter::default(),
            fenced: Gauge::default(),
            accepts_dropped: Counter::default(),
            requests_crowded: Counter::default(),
            requests_late: Counter::default(),
            registrations_throttled: Counter::default(),
        };
        registry.register("turnout_ws_handshakes_rejected", "Handshakes refused, by reason", new.rejected.clone());
        registry.register(
            "turnout_presence_propagation_duration_seconds",
            "Time from the closing of a tick to the hand-over of its count to the sockets, by wall clocks",
            new.propagation.clone(),
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
        registry.register(
            "turnout_gateway_requests_crowded",
            "Connections and requests refused because their network has too many requests that are not whole",
            new.requests_crowded.clone(),
        );
        registry.register(
            "turnout_gateway_requests_late",
            "Requests whose body did not come in time",
            new.requests_late.clone(),
        );
        registry.register(
            "turnout_gateway_registrations_throttled",
            "Registrations refused because too many came from one network",
            new.registrations_throttled.clone(),
        );
        new
    }

    /// Counts a refusal.
    pub fn reject(&self, reason: Rejection) {
        self.rejected.get_or_create(&Reason { reason }).inc();
    }
}
