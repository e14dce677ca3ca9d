//! What only this service can count; calls, codes and times are counted by the gRPC layer.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

use crate::domain::{event::State, registration::Change};

/// What became of a sign-in link that was presented.
#[derive(Debug, Clone, Copy)]
pub(crate) enum LinkOutcome {
    Redeemed,
    UsedBefore,
    Expired,
    Refused,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct To {
    state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct By {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct What {
    change: &'static str,
}

/// The metrics.
#[derive(Debug, Clone, Default)]
pub(crate) struct Metrics {
    state_changes: Family<To, Counter>,
    links: Family<By, Counter>,
    api_keys: Family<By, Counter>,
    skipped_index_rows: Counter,
    registration_changes: Family<What, Counter>,
    retention_cleared: Counter,
    retention_unreadable: Counter,
}

impl Metrics {
    pub fn register(registry: &mut Registry) -> Self {
        let new = Self::default();
        registry.register(
            "turnout_registration_state_changes",
            "Changes of events to a state",
            new.state_changes.clone(),
        );
        registry.register(
            "turnout_registration_sign_in_links",
            "Sign-in links that were presented, by what became of them",
            new.links.clone(),
        );
        registry.register(
            "turnout_registration_api_key_checks",
            "API keys that were looked up, by whether they are valid; many unknown ones mean that somebody tries keys",
            new.api_keys.clone(),
        );
        registry.register(
            "turnout_registration_index_rows_skipped",
            "Rows of a tenant's list of events that led to no event: left by creations that were cut off, harmless",
            new.skipped_index_rows.clone(),
        );
        registry.register(
            "turnout_registration_registrant_changes",
            "Changes of registrations that were stored, by what happened: registered, waiting, promoted, cancelled and so on",
            new.registration_changes.clone(),
        );
        registry.register(
            "turnout_registration_retention_registrations_cleared",
            "Registrations from which personal data was removed because its retention was over",
            new.retention_cleared.clone(),
        );
        registry.register(
            "turnout_registration_retention_rows_unreadable",
            "Registrations and events that a removal could not read, each once for each removal: what is personal there stays",
            new.retention_unreadable.clone(),
        );
        new
    }

    pub fn retention_cleared(&self, registrations: usize) {
        self.retention_cleared.inc_by(registrations as u64);
    }

    pub fn retention_unreadable(&self, rows: usize) {
        self.retention_unreadable.inc_by(rows as u64);
    }

    pub fn registration_changed(&self, change: Change) {
        let change = match change {
            Change::Registered => "registered",
            Change::Waiting => "waiting",
            Change::Promoted => "promoted",
            Change::Cancelled => "cancelled",
            Change::Rsvp => "rsvp",
            Change::Payment => "payment",
            Change::Entered => "entered",
            Change::CheckedIn => "checked_in",
            Change::Details => "details",
        };
        self.registration_changes.get_or_create(&What { change }).inc();
    }

    pub fn state_changed(&self, to: State) {
        let state = match to {
            State::Draft => "draft",
            State::Live => "live",
            State::Ended => "ended",
            State::Cancelled => "cancelled",
        };
        self.state_changes.get_or_create(&To { state }).inc();
    }

    pub fn link_presented(&self, outcome: LinkOutcome) {
        let outcome = match outcome {
            LinkOutcome::Redeemed => "redeemed",
            LinkOutcome::UsedBefore => "used_before",
            LinkOutcome::Expired => "expired",
            LinkOutcome::Refused => "refused",
        };
        self.links.get_or_create(&By { outcome }).inc();
    }

    pub fn api_key_looked_up(&self, valid: bool) {
        let outcome = if valid { "valid" } else { "unknown" };
        self.api_keys.get_or_create(&By { outcome }).inc();
    }

    pub fn index_rows_skipped(&self, rows: usize) {
        self.skipped_index_rows.inc_by(rows as u64);
    }
}
