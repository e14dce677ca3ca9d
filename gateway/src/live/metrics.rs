//! What the edge counts. Workers keep plain numbers and hand them over once a tick: no atomic operation a delivery.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::close_code::CloseCode;

/// Why a connection ended. A closed set: it labels a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// The client said `bye`.
    Bye,
    /// The client sent a close frame.
    ClosedByClient,
    /// The connection broke, or ended without a close frame.
    Lost,
    /// Nothing came back for too long.
    Silent,
    /// It took none of our bytes for too long.
    Stalled,
    /// We closed it.
    Closed(CloseCode),
}

impl Ending {
    /// True when the viewer meant to go, so that it leaves the count at once.
    pub(super) fn is_clean(self) -> bool {
        matches!(self, Self::Bye | Self::ClosedByClient)
    }

    fn labels(self) -> ClosedLabels {
        let (code, reason) = match self {
            Self::Bye => (1000, "bye"),
            Self::ClosedByClient => (1000, "closed by client"),
            // 1006 never travels; it is the number for "no close frame".
            Self::Lost => (1006, "lost"),
            Self::Silent => (1006, "silent"),
            Self::Stalled => (1006, "stalled"),
            Self::Closed(code) => (code.number(), code.reason()),
        };
        ClosedLabels { code, reason }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ClosedLabels {
    code: u16,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabels {
    r#type: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PolicyLabels {
    policy: &'static str,
}

/// The catalogue. Cloning shares the figures.
#[derive(Clone, Default)]
pub struct LiveMetrics {
    connections: Gauge,
    opened: Counter,
    closed: Family<ClosedLabels, Counter>,
    received: Family<KindLabels, Counter>,
    sent: Family<KindLabels, Counter>,
    dropped: Family<PolicyLabels, Counter>,
    rate_limited: Counter,
    pub(super) draining: Gauge,
}

impl LiveMetrics {
    /// Registers the catalogue under its full names (`turnout_ws_…`): the registry should have no prefix of its own.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let ws = registry.sub_registry_with_prefix("turnout_ws");
        ws.register("connections", "Open WebSocket connections", metrics.connections.clone());
        ws.register(
            "connections_opened",
            "WebSocket connections taken over after the handshake",
            metrics.opened.clone(),
        );
        ws.register(
            "connections_closed",
            "WebSocket connections ended, by close code and reason",
            metrics.closed.clone(),
        );
        ws.register("messages_received", "Messages and control frames from clients", metrics.received.clone());
        ws.register("messages_sent", "Frames handed to the sockets of clients", metrics.sent.clone());
        ws.register(
            "send_queue_dropped",
            "Counts that a slow client skipped (coalesce), and clients closed because their queue was full (close)",
            metrics.dropped.clone(),
        );
        ws.register("rate_limited", "Clients closed because they sent too many messages", metrics.rate_limited.clone());
        ws.register("draining", "1 while the gateway sends its clients elsewhere", metrics.draining.clone());
        metrics
    }

    /// Adds a worker's numbers and sets them back to zero.
    pub(super) fn absorb(&self, tally: &mut Tally) {
        let Tally { opened, ended, received, sent, coalesced, overflowed, rate_limited } = std::mem::take(tally);
        self.connections.inc_by(i64::from(opened) - ended.len() as i64);
        self.opened.inc_by(u64::from(opened));
        for ending in ended {
            self.closed.get_or_create(&ending.labels()).inc();
        }
        for (r#type, count) in received.by_kind() {
            self.received.get_or_create(&KindLabels { r#type }).inc_by(count);
        }
        for (r#type, count) in sent.by_kind() {
            self.sent.get_or_create(&KindLabels { r#type }).inc_by(count);
        }
        for (policy, count) in [("coalesce", coalesced), ("close", overflowed)] {
            if count > 0 {
                self.dropped.get_or_create(&PolicyLabels { policy }).inc_by(count);
            }
        }
        self.rate_limited.inc_by(rate_limited);
    }
}

/// One worker's numbers since it last handed them over.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) opened: u32,
    pub(super) ended: Vec<Ending>,
    pub(super) received: Received,
    pub(super) sent: Sent,
    pub(super) coalesced: u64,
    pub(super) overflowed: u64,
    pub(super) rate_limited: u64,
}

#[derive(Default)]
pub(super) struct Received {
    pub(super) joins: u64,
    pub(super) byes: u64,
    pub(super) pings: u64,
    pub(super) pongs: u64,
    pub(super) closes: u64,
    pub(super) invalid: u64,
}

impl Received {
    fn by_kind(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let kinds = [
            ("join", self.joins),
            ("bye", self.byes),
            ("ping", self.pings),
            ("pong", self.pongs),
            ("close", self.closes),
            ("invalid", self.invalid),
        ];
        kinds.into_iter().filter(|(_, count)| *count > 0)
    }
}

#[derive(Default)]
pub(super) struct Sent {
    pub(super) counts: u64,
    pub(super) errors: u64,
    pub(super) reconnects: u64,
    pub(super) pings: u64,
    pub(super) pongs: u64,
    pub(super) closes: u64,
}

impl Sent {
    fn by_kind(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let kinds = [
            ("count", self.counts),
            ("error", self.errors),
            ("reconnect", self.reconnects),
            ("ping", self.pings),
            ("pong", self.pongs),
            ("close", self.closes),
        ];
        kinds.into_iter().filter(|(_, count)| *count > 0)
    }
}
