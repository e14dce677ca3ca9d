//! The bus between roles: core messages, at most once. One trait, two adapters, one conformance suite.
//!
//! What must arrive goes over the durable half, [`durable`], which has laws of its own; what must be told because something was stored
//! goes there through [`crate::outbox`].

pub mod conformance;
pub mod durable;
mod in_process;
mod metered;
mod nats;
pub mod subjects;

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{mpsc, watch};

pub use in_process::InProcessBus;
pub use metered::MeteredBus;
pub use nats::{NatsBus, NatsOptions};
pub use subjects::{EventKind, Pattern, Subject};

use crate::telemetry::TraceParent;

/// Why the bus did not take a message or a subscription.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// The payload is over the limit; it was not sent.
    #[error("message of {bytes} bytes is over the bus limit of {max}")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// A programming error of ours, such as a consumer's name that no server takes. Never retry.
    #[error("refused: {0}")]
    Refused(&'static str),
    /// The bus is closed or cannot be reached.
    #[error("bus is not reachable: {0}")]
    Unreachable(String),
}

/// A message on its way out.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// Where to.
    pub subject: Subject,
    /// What.
    pub payload: Bytes,
    /// Where an answer should go.
    pub reply: Option<Subject>,
    /// The trace that this message belongs to.
    pub trace: Option<TraceParent>,
}

impl Outgoing {
    /// A message without reply and trace.
    pub fn new(subject: Subject, payload: impl Into<Bytes>) -> Self {
        Self { subject, payload: payload.into(), reply: None, trace: None }
    }
}

/// A message that has arrived.
#[derive(Debug, Clone)]
pub struct Message {
    /// The subject it was sent to.
    pub subject: String,
    /// What.
    pub payload: Bytes,
    /// Where an answer should go.
    pub reply: Option<Subject>,
    /// The trace that it belongs to.
    pub trace: Option<TraceParent>,
}

/// Messages of one subscription, in the order in which each publisher sent them. Dropping it unsubscribes.
#[derive(Debug)]
pub struct Subscription {
    messages: mpsc::Receiver<Message>,
    /// Whatever must end with the subscription.
    _guard: Option<tokio_util::sync::DropGuard>,
}

impl Subscription {
    /// The next message; none when the bus is closed.
    pub async fn next(&mut self) -> Option<Message> {
        self.messages.recv().await
    }
}

/// A bus of core messages.
///
/// Laws, each checked by [`conformance`] on every adapter:
/// 1. A message reaches each subscription whose pattern matches its subject, at most once.
/// 2. Messages of one publisher to one subscription keep their order.
/// 3. A message to nobody vanishes; publishing it succeeds.
/// 4. A subscription gets what is published after `subscribe` has returned.
/// 5. A payload over [`crate::limits::BUS_PAYLOAD_BYTES_MAX`] is refused before it is sent.
/// 6. A subscription that is not read loses messages beyond its limit; nobody else does, and publishers do not wait for it.
/// 7. Reply subject and trace arrive as they were sent.
/// 8. Dropping a subscription ends it.
///
/// `publish` returning Ok means queued, not delivered: correctness must not rest on delivery.
#[tonic::async_trait]
pub trait Bus: Send + Sync + 'static {
    /// Sends a message to whoever listens now.
    async fn publish(&self, message: Outgoing) -> Result<(), BusError>;

    /// Listens to all subjects that match.
    async fn subscribe(&self, pattern: Pattern) -> Result<Subscription, BusError>;

    /// Whether the bus is reachable now; changes as it comes and goes.
    fn connected(&self) -> watch::Receiver<bool>;

    /// Messages that arrived and were dropped because their subscription was full.
    fn dropped(&self) -> u64;
}

/// A bus, whichever.
pub type SharedBus = Arc<dyn Bus>;
