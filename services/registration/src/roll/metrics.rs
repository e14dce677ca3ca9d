//! What the lists in memory cost, and whether their figures are right.

use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::Registry,
};

/// The metrics.
#[derive(Debug, Clone, Default)]
pub(crate) struct RollMetrics {
    loads: Counter,
    registrations_loaded: Counter,
    events_held: Gauge,
    registrations_held: Gauge,
    recount_differences: Counter,
    registrants: Gauge,
    logged_in: Gauge,
}

impl RollMetrics {
    pub fn register(registry: &mut Registry) -> Self {
        let new = Self::default();
        registry.register(
            "turnout_registration_list_loads",
            "Lists of registrants that were read from the tables into memory; many a minute mean that too many events are in use",
            new.loads.clone(),
        );
        registry.register(
            "turnout_registration_list_registrations_loaded",
            "Registrations that were read for these",
            new.registrations_loaded.clone(),
        );
        registry.register(
            "turnout_registration_list_events_held",
            "Events whose registrants are in memory, as of the last load",
            new.events_held.clone(),
        );
        registry.register(
            "turnout_registration_list_registrations_held",
            "Registrations in memory, as of the last load",
            new.registrations_held.clone(),
        );
        registry.register(
            "turnout_registration_recount_differences",
            "Figures that a recount found different from what was shown; any is a fault",
            new.recount_differences.clone(),
        );
        registry.register(
            "turnout_registration_registrants",
            "Registrants of all events that run: live, or published and not over; of several processes the largest is right",
            new.registrants.clone(),
        );
        registry.register(
            "turnout_registration_logged_in",
            "Of these, who entered the event page",
            new.logged_in.clone(),
        );
        new
    }

    pub fn loaded(&self, registrations: usize) {
        self.loads.inc();
        self.registrations_loaded.inc_by(registrations as u64);
    }

    pub fn held(&self, events: usize, registrations: usize) {
        self.events_held.set(events as i64);
        self.registrations_held.set(registrations as i64);
    }

    pub fn totals(&self, registrants: i64, logged_in: i64) {
        self.registrants.set(registrants);
        self.logged_in.set(logged_in);
    }

    pub fn recount_differs(&self, figures: usize) {
        self.recount_differences.inc_by(figures as u64);
    }
}
