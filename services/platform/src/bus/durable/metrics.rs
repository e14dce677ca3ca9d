//! What the durable bus counts, the same for every adapter. It changes nothing: messages and answers pass as they are.

use std::sync::Arc;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
};

use super::{BusError, Consumer, DeadLetter, Deliveries, DurableBus, DurableMessage, SharedDurableBus};
use crate::telemetry::Metrics;

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Settled {
    Acked,
    Retried,
    Dead,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Published {
    result: &'static str,
}

impl Published {
    const OK: Self = Self { result: "ok" };
    const TOO_LARGE: Self = Self { result: "too_large" };
    const REFUSED: Self = Self { result: "refused" };
    const UNREACHABLE: Self = Self { result: "unreachable" };
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Of {
    consumer: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    consumer: &'static str,
    result: &'static str,
}

/// The metrics of the durable bus. One for a process.
#[derive(Debug, Clone, Default)]
pub struct DurableMetrics {
    published: Family<Published, Counter>,
    delivered: Family<Of, Counter>,
    settled: Family<Outcome, Counter>,
    pending: Family<Of, Gauge>,
    waiting: Family<Of, Gauge>,
}

/// A message that waits for what is away, while this lives.
pub(super) struct Waiting(Gauge);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl DurableMetrics {
    /// Registers the metrics, once a process.
    pub fn new(metrics: &Metrics) -> Self {
        let own = Self::default();
        for result in [Published::OK, Published::TOO_LARGE, Published::REFUSED, Published::UNREACHABLE] {
            drop(own.published.get_or_create(&result));
        }
        metrics.register(|registry| {
            registry.register(
                "turnout_durable_publish",
                "Messages given to the durable bus, by what became of them: ok means on disk",
                own.published.clone(),
            );
            registry.register(
                "turnout_durable_delivered",
                "Deliveries of durable messages to a consumer in this process, repeated ones included",
                own.delivered.clone(),
            );
            registry.register(
                "turnout_durable_settled",
                "What became of deliveries: acked, retried later, or dead (given up and kept as a dead letter)",
                own.settled.clone(),
            );
            registry.register(
                "turnout_durable_pending_messages",
                "Durable messages that wait for a consumer, as this process saw it last",
                own.pending.clone(),
            );
            registry.register(
                "turnout_durable_waiting_messages",
                "Messages that a consumer in this process holds because the store or a service it needs does not answer",
                own.waiting.clone(),
            );
        });
        own
    }

    pub(super) fn delivered(&self, consumer: &'static str) {
        self.delivered.get_or_create(&Of { consumer }).inc();
    }

    pub(super) fn settled(&self, consumer: &'static str, settled: Settled) {
        let result = match settled {
            Settled::Acked => "acked",
            Settled::Retried => "retried",
            Settled::Dead => "dead",
        };
        self.settled.get_or_create(&Outcome { consumer, result }).inc();
    }

    /// Begins to count a message of this consumer as one that waits.
    pub(super) fn waits(&self, consumer: &'static str) -> Waiting {
        let gauge = self.waiting.get_or_create_owned(&Of { consumer });
        gauge.inc();
        Waiting(gauge)
    }

    pub(super) fn pending(&self, consumer: &'static str, messages: u64) {
        self.pending.get_or_create(&Of { consumer }).set(messages as i64);
    }
}

/// A durable bus that counts what is published. Deliveries are counted where they are handled, by [`super::run`].
pub struct MeteredDurable {
    inner: SharedDurableBus,
    metrics: DurableMetrics,
}

impl MeteredDurable {
    /// Counts what goes through.
    #[allow(clippy::new_ret_no_self, reason = "nobody needs to know that it counts")]
    pub fn new(inner: SharedDurableBus, metrics: DurableMetrics) -> SharedDurableBus {
        Arc::new(Self { inner, metrics })
    }
}

#[tonic::async_trait]
impl DurableBus for MeteredDurable {
    async fn publish(&self, message: DurableMessage) -> Result<(), BusError> {
        let result = self.inner.publish(message).await;
        let label = match &result {
            Ok(()) => Published::OK,
            Err(BusError::TooLarge { .. }) => Published::TOO_LARGE,
            Err(BusError::Refused(_)) => Published::REFUSED,
            Err(BusError::Unreachable(_)) => Published::UNREACHABLE,
        };
        self.metrics.published.get_or_create(&label).inc();
        result
    }

    async fn consume(&self, consumer: Consumer) -> Result<Deliveries, BusError> {
        self.inner.consume(consumer).await
    }

    async fn dead_letters(&self, consumer: &str) -> Result<Vec<DeadLetter>, BusError> {
        self.inner.dead_letters(consumer).await
    }

    async fn forget_dead_letter(&self, consumer: &str, letter: &DeadLetter) -> Result<(), BusError> {
        self.inner.forget_dead_letter(consumer, letter).await
    }
}
