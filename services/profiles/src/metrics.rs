//! What only the people half of profiles can count; calls, codes and times are counted by the gRPC layer.

use std::time::Duration;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use crate::domain::consent::Statement;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct By {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Of {
    action: &'static str,
}

/// The metrics.
#[derive(Debug, Clone, Default)]
pub(crate) struct Metrics {
    ensured: Family<By, Counter>,
    statements: Family<Of, Counter>,
    loads: Counter,
    tenants_held: Gauge,
    questions_oldest_age_seconds: Gauge,
}

impl Metrics {
    pub fn register(registry: &mut Registry) -> Self {
        let new = Self::default();
        registry.register(
            "turnout_profiles_people_ensured",
            "Questions for the person of an address, by whether the person was made or found",
            new.ensured.clone(),
        );
        registry.register(
            "turnout_profiles_consent_statements",
            "Statements added to the ledgers of consents, by what they do",
            new.statements.clone(),
        );
        registry.register(
            "turnout_profiles_list_loads",
            "How often all people of a tenant were read from the tables for a list",
            new.loads.clone(),
        );
        registry.register(
            "turnout_profiles_list_tenants",
            "Tenants whose people are held in memory for lists",
            new.tenants_held.clone(),
        );
        registry.register(
            "turnout_profiles_questions_oldest_age_seconds",
            "Age of the oldest question about a ticked consent that the last sweep could not hand to notifications; 0 when there is none",
            new.questions_oldest_age_seconds.clone(),
        );
        new
    }

    pub fn person_ensured(&self, created: bool) {
        let outcome = if created { "created" } else { "found" };
        self.ensured.get_or_create(&By { outcome }).inc();
    }

    pub fn stated(&self, statements: &[Statement]) {
        for statement in statements {
            self.statements.get_or_create(&Of { action: statement.action.word() }).inc();
        }
    }

    pub fn list_loaded(&self) {
        self.loads.inc();
    }

    pub fn tenants_held(&self, tenants: usize) {
        self.tenants_held.set(tenants as i64);
    }

    pub fn questions_left(&self, oldest: Duration) {
        self.questions_oldest_age_seconds.set(oldest.as_secs() as i64);
    }
}
