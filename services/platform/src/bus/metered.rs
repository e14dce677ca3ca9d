//! Counts what a bus does, the same for every adapter. Changes nothing: messages and answers pass as they are, and the laws of the
//! bus below hold for this one.

use std::{fmt, sync::Arc};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric as _},
    metrics::{
        counter::{ConstCounter, Counter},
        family::Family,
        gauge::ConstGauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};
use tokio::{sync::watch, time::Instant};

use super::{Bus, BusError, Outgoing, Pattern, SharedBus, Subscription};
use crate::{lifecycle::Lifecycle, telemetry::Metrics};

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

impl From<&Result<(), BusError>> for Published {
    fn from(result: &Result<(), BusError>) -> Self {
        match result {
            Ok(()) => Self::OK,
            Err(BusError::TooLarge { .. }) => Self::TOO_LARGE,
            Err(BusError::Refused(_)) => Self::REFUSED,
            Err(BusError::Unreachable(_)) => Self::UNREACHABLE,
        }
    }
}

/// A bus that counts.
pub struct MeteredBus {
    inner: SharedBus,
    published: Family<Published, Counter>,
    publishing: Histogram,
}

impl MeteredBus {
    /// Registers the metrics, once a process, and counts reconnects until the process stops.
    pub fn start(inner: SharedBus, life: &Lifecycle, metrics: &Metrics) -> SharedBus {
        let (published, reconnects) = (Family::default(), Counter::default());
        // From 10 µs, which is a hand-over to a queue, beyond the 250 ms that NATS waits for room in it.
        let publishing = Histogram::new(exponential_buckets(0.000_01, 4.0, 9));
        for result in [Published::OK, Published::TOO_LARGE, Published::REFUSED, Published::UNREACHABLE] {
            // Zeros from the start: the first failure is then an increase.
            drop(published.get_or_create(&result));
        }
        metrics.register(|registry| {
            register(registry, &published, &publishing, &reconnects);
            registry.register_collector(Box::new(State(inner.clone())));
        });
        let (connected, stopping) = (inner.connected(), life.stopping());
        life.spawn("bus meter", async move {
            tokio::select! {
                () = stopping => {}
                () = count_reconnects(connected, reconnects) => {}
            }
            Ok(())
        });
        Arc::new(Self { inner, published, publishing })
    }
}

fn register(
    registry: &mut Registry,
    published: &Family<Published, Counter>,
    publishing: &Histogram,
    reconnects: &Counter,
) {
    registry.register(
        "turnout_bus_publish",
        "Messages given to the bus, by what became of them: ok means queued, not delivered",
        published.clone(),
    );
    registry.register(
        "turnout_bus_publish_duration_seconds",
        "Time until the bus took a message or refused it",
        publishing.clone(),
    );
    registry.register(
        "turnout_bus_reconnects",
        "How often the bus was reached again after it had been lost",
        reconnects.clone(),
    );
}

/// Ends with the bus. Losses that follow each other faster than this task runs count as one.
async fn count_reconnects(mut connected: watch::Receiver<bool>, reconnects: Counter) {
    let mut was_reached = *connected.borrow_and_update();
    while connected.changed().await.is_ok() {
        let is_reached = *connected.borrow_and_update();
        if is_reached && was_reached {
            reconnects.inc();
        }
        was_reached |= is_reached;
    }
}

#[tonic::async_trait]
impl Bus for MeteredBus {
    async fn publish(&self, message: Outgoing) -> Result<(), BusError> {
        let begun = Instant::now();
        let result = self.inner.publish(message).await;
        self.publishing.observe(begun.elapsed().as_secs_f64());
        self.published.get_or_create(&Published::from(&result)).inc();
        result
    }

    async fn subscribe(&self, pattern: Pattern) -> Result<Subscription, BusError> {
        self.inner.subscribe(pattern).await
    }

    fn connected(&self) -> watch::Receiver<bool> {
        self.inner.connected()
    }

    fn dropped(&self) -> u64 {
        self.inner.dropped()
    }
}

/// What the bus knows of itself, read when the metrics are asked for.
struct State(SharedBus);

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("State")
    }
}

impl Collector for State {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let connected = ConstGauge::new(i64::from(*self.0.connected().borrow()));
        let help = "1 while this process reaches the bus";
        connected.encode(encoder.encode_descriptor("turnout_bus_connected", help, None, connected.metric_type())?)?;
        let dropped = ConstCounter::new(self.0.dropped());
        let help = "Messages that arrived and were dropped because their subscription was not read in time";
        dropped.encode(encoder.encode_descriptor(
            "turnout_bus_slow_consumer_dropped",
            help,
            None,
            dropped.metric_type(),
        )?)
    }
}

#[cfg(test)]
mod tests {
    use std::{pin::pin, time::Duration};

    use super::*;
    use crate::{
        bus::{
            InProcessBus,
            conformance::{self, Pair},
            subjects,
        },
        limits::{BUS_PAYLOAD_BYTES_MAX, BUS_SUBSCRIPTION_MESSAGES_MAX},
    };

    const DEADLINE: Duration = Duration::from_secs(10);

    /// A bus that comes and goes as it is told, and takes messages only while it is there.
    struct Fickle(watch::Sender<bool>);

    #[tonic::async_trait]
    impl Bus for Fickle {
        async fn publish(&self, _: Outgoing) -> Result<(), BusError> {
            if *self.0.borrow() { Ok(()) } else { Err(BusError::Unreachable("told to be away".into())) }
        }

        async fn subscribe(&self, _: Pattern) -> Result<Subscription, BusError> {
            Err(BusError::Unreachable("takes no subscriptions".into()))
        }

        fn connected(&self) -> watch::Receiver<bool> {
            self.0.subscribe()
        }

        fn dropped(&self) -> u64 {
            0
        }
    }

    fn metered(inner: SharedBus) -> (SharedBus, Metrics) {
        let metrics = Metrics::new();
        (MeteredBus::start(inner, &Lifecycle::new(), &metrics), metrics)
    }

    fn has(metrics: &Metrics, line: &str) -> bool {
        metrics.render().lines().any(|found| found == line)
    }

    fn message(bytes: usize) -> Outgoing {
        Outgoing::new(subjects::ticks("metered"), vec![0; bytes])
    }

    #[tokio::test]
    async fn a_message_is_counted_by_what_became_of_it() {
        let (bus, metrics) = metered(InProcessBus::new());
        assert!(has(&metrics, r#"turnout_bus_publish_total{result="too_large"} 0"#), "{}", metrics.render());
        bus.publish(message(1)).await.unwrap();
        bus.publish(message(2)).await.unwrap();
        bus.publish(message(BUS_PAYLOAD_BYTES_MAX + 1)).await.unwrap_err();
        let (away, metrics_away) = metered(Arc::new(Fickle(watch::Sender::new(false))));
        away.publish(message(1)).await.unwrap_err();
        assert!(has(&metrics, r#"turnout_bus_publish_total{result="ok"} 2"#), "{}", metrics.render());
        assert!(has(&metrics, r#"turnout_bus_publish_total{result="too_large"} 1"#), "{}", metrics.render());
        assert!(has(&metrics, "turnout_bus_publish_duration_seconds_count 3"), "{}", metrics.render());
        assert!(
            has(&metrics_away, r#"turnout_bus_publish_total{result="unreachable"} 1"#),
            "{}",
            metrics_away.render()
        );
    }

    #[tokio::test]
    async fn a_scrape_tells_whether_the_bus_is_reached_now() {
        let state = watch::Sender::new(false);
        let (_bus, metrics) = metered(Arc::new(Fickle(state.clone())));
        for is_reached in [false, true, false] {
            state.send_replace(is_reached);
            let line = format!("turnout_bus_connected {}", i32::from(is_reached));
            assert!(has(&metrics, &line), "{line}: {}", metrics.render());
        }
    }

    #[tokio::test]
    async fn a_reconnect_is_counted_and_the_first_connect_is_not() {
        let (state, connected) = watch::channel(false);
        let reconnects = Counter::default();
        let mut counting = pin!(count_reconnects(connected, reconnects.clone()));
        assert!(futures_util::poll!(&mut counting).is_pending());
        for (is_reached, counted) in [(true, 0), (false, 0), (true, 1), (false, 1), (true, 2)] {
            state.send_replace(is_reached);
            assert!(futures_util::poll!(&mut counting).is_pending());
            assert_eq!(reconnects.get(), counted);
        }
        // A loss that is over before anybody looked.
        state.send_replace(false);
        state.send_replace(true);
        assert!(futures_util::poll!(&mut counting).is_pending());
        assert_eq!(reconnects.get(), 3);
        drop(state);
        assert!(futures_util::poll!(&mut counting).is_ready(), "counting ends with the bus");
    }

    #[tokio::test]
    async fn messages_that_a_slow_reader_lost_show_at_the_next_scrape() {
        let (bus, metrics) = metered(InProcessBus::new());
        let _unread = bus.subscribe(subjects::all_ticks()).await.unwrap();
        assert!(has(&metrics, "turnout_bus_slow_consumer_dropped_total 0"), "{}", metrics.render());
        for _ in 0..BUS_SUBSCRIPTION_MESSAGES_MAX + 3 {
            bus.publish(message(1)).await.unwrap();
        }
        assert!(has(&metrics, "turnout_bus_slow_consumer_dropped_total 3"), "{}", metrics.render());
    }

    #[tokio::test]
    async fn the_task_that_counts_reconnects_ends_with_the_process() {
        let life = Lifecycle::new();
        let _bus = MeteredBus::start(InProcessBus::new(), &life, &Metrics::new());
        life.stop();
        tokio::time::timeout(DEADLINE, life.ended()).await.expect("every task ends");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_metered_bus_keeps_every_law() {
        let (bus, _) = metered(InProcessBus::new());
        conformance::every_law(Pair { a: bus.clone(), b: bus }).await;
    }
}
