//! What an outbox counts. The service is part of the names, because each service of a process registers its own.

use std::time::Duration;

use prometheus_client::metrics::{counter::Counter, gauge::Gauge};

use crate::telemetry::Metrics;

#[derive(Debug, Clone, Default)]
pub(super) struct OutboxMetrics {
    published: Counter,
    pending: Gauge,
    oldest_age_seconds: Gauge,
    unreadable: Gauge,
}

impl OutboxMetrics {
    pub fn new(service: &str, metrics: &Metrics) -> Self {
        let own = Self::default();
        metrics.register(|registry| {
            registry.register(
                format!("turnout_{service}_outbox_published"),
                "Events that this service has announced on the durable bus, repeated ones included",
                own.published.clone(),
            );
            registry.register(
                format!("turnout_{service}_outbox_pending_rows"),
                "Announcements that are overdue: the last sweep could not publish them",
                own.pending.clone(),
            );
            registry.register(
                format!("turnout_{service}_outbox_oldest_age_seconds"),
                "Age of the oldest announcement that the last sweep could not publish; 0 when there is none",
                own.oldest_age_seconds.clone(),
            );
            registry.register(
                format!("turnout_{service}_outbox_unreadable_rows"),
                "Announcements that this process has found and nobody can read: passed over, and left where they are",
                own.unreadable.clone(),
            );
        });
        own
    }

    pub fn published(&self, events: usize) {
        self.published.inc_by(events as u64);
    }

    pub fn unreadable(&self, rows: usize) {
        self.unreadable.set(rows as i64);
    }

    pub fn left(&self, rows: usize, oldest: Duration) {
        self.pending.set(rows as i64);
        self.oldest_age_seconds.set(oldest.as_secs() as i64);
    }
}
