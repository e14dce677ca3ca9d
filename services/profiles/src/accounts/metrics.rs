//! What accounts count. Calls, codes and times are counted by the gRPC layer.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use super::domain::fields::Purpose;

/// What became of somebody who signed in with a password.
#[derive(Debug, Clone, Copy)]
pub(crate) enum SignIn {
    Opened,
    NeedsCode,
    WrongCode,
    /// A wrong password, or an address that nobody has.
    Refused,
    /// Tried again before the wait was over.
    TooEarly,
}

/// What became of a link.
#[derive(Debug, Clone, Copy)]
pub(crate) enum LinkOutcome {
    Sent,
    /// Asked for an address that nobody has.
    Unknown,
    /// Could not be handed to the notifications service.
    NotSent,
    Redeemed,
    /// Used before, too old, overtaken by another, or made up.
    Worthless,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct By {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LinkBy {
    purpose: &'static str,
    outcome: &'static str,
}

/// The metrics.
#[derive(Debug, Clone, Default)]
pub(crate) struct Metrics {
    sign_ins: Family<By, Counter>,
    links: Family<LinkBy, Counter>,
    hashes: Counter,
    hashes_refused: Counter,
    hash_queue: Gauge,
}

/// One request that waits for its hash; it counts as long as it lives.
#[derive(Debug)]
pub(crate) struct Waiting(Gauge);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Metrics {
    pub fn register(registry: &mut Registry) -> Self {
        let new = Self::default();
        registry.register(
            "turnout_profiles_sign_ins",
            "Sign-ins with a password, by what became of them; many refused ones mean that somebody guesses",
            new.sign_ins.clone(),
        );
        registry.register(
            "turnout_profiles_links",
            "Links to sign in, verify and reset, by purpose and by what became of them",
            new.links.clone(),
        );
        registry.register("turnout_profiles_password_hashes", "Passwords that were hashed", new.hashes.clone());
        registry.register(
            "turnout_profiles_password_hashes_refused",
            "Passwords that were not hashed because too many waited",
            new.hashes_refused.clone(),
        );
        registry.register(
            "turnout_profiles_password_queue_hashes",
            "Passwords that wait to be hashed",
            new.hash_queue.clone(),
        );
        new
    }

    pub fn signed_in(&self, outcome: SignIn) {
        let outcome = match outcome {
            SignIn::Opened => "opened",
            SignIn::NeedsCode => "needs_code",
            SignIn::WrongCode => "wrong_code",
            SignIn::Refused => "refused",
            SignIn::TooEarly => "too_early",
        };
        self.sign_ins.get_or_create(&By { outcome }).inc();
    }

    /// A link whose purpose is not known was made up.
    pub fn link(&self, purpose: Option<Purpose>, outcome: LinkOutcome) {
        let outcome = match outcome {
            LinkOutcome::Sent => "sent",
            LinkOutcome::Unknown => "unknown",
            LinkOutcome::NotSent => "not_sent",
            LinkOutcome::Redeemed => "redeemed",
            LinkOutcome::Worthless => "worthless",
        };
        let purpose = purpose.map_or("none", Purpose::word);
        self.links.get_or_create(&LinkBy { purpose, outcome }).inc();
    }

    pub fn hashed(&self) {
        self.hashes.inc();
    }

    pub fn hash_refused(&self) {
        self.hashes_refused.inc();
    }

    pub fn hash_waits(&self) -> Waiting {
        self.hash_queue.inc();
        Waiting(self.hash_queue.clone())
    }
}
