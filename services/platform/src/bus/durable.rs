//! The durable half of the bus: messages that must arrive. At least once, kept until they are handled, dead letters for what
//! cannot be. One trait, two adapters, one conformance suite. It does not promise order after a failure, nor exactly once.
//!
//! # How to consume
//!
//! Write a [`Handler`] and give it to [`run`]:
//!
//! ```text
//! durable::run(life, bus, Consumer { name: Some("notifications_registrations"), pattern: subjects::all_events(EventKind::Registration) },
//!              durable_metrics, Arc::new(MyHandler { … }));
//! ```
//!
//! - **Name** the consumer if the work is to be done once by whichever process gets it: all processes of a name share the messages, and
//!   what arrives while none runs waits for [`EVENTS_KEPT`]. Leave the name out if this very process needs to hear everything from now
//!   on, as for a projection in memory: load each time after [`Running::changed`], so that nothing falls between. For when the bus has
//!   been away such a consumer begins anew, and what was published meanwhile never reaches it.
//! - **Be idempotent.** The same message may come again: within the duplicate window as well as after it, after a crash, from two
//!   processes. Do the effect first (under a key that comes from the message), then return Ok.
//! - **Ask for the truth.** A message says that something may have changed; read the present state from its owner. Then the order in
//!   which messages come is of no matter, nor that one announces a change which did not happen.
//! - **Say what failed.** [`HandlerError::Away`] where a store or a service did not answer: the message is held and tried until they do,
//!   for hours if need be, and what comes after it waits too. [`HandlerError::Retry`] for what else may work later,
//!   [`HandlerError::Poison`] for what never will (it cannot be decoded). Messages that fail [`DELIVERIES_MAX`] times are given up as
//!   dead letters, as poison is at once; both are counted, and neither holds up the others. A [`crate::failure::Failure`] knows which
//!   of the three it is.

pub mod conformance;
mod in_process;
mod metrics;
mod nats;
mod runner;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

pub use in_process::{InProcessDurable, TABLES};
pub use metrics::{DurableMetrics, MeteredDurable};
pub use nats::{DurableOptions, NatsDurable};
pub use runner::{DELIVERIES_MAX, Handler, HandlerError, Running, run};

pub use super::{
    BusError, Message, Pattern, Subject,
    subjects::{EventKind, all_events, events},
};
use crate::telemetry::TraceParent;

/// How long a message is kept for consumers that have not had it yet.
pub const EVENTS_KEPT: Duration = Duration::from_hours(7 * 24);
/// How long a dead letter is kept.
pub const DEAD_KEPT: Duration = Duration::from_hours(30 * 24);
/// A message with the id of one that was stored this short ago is taken for the same.
pub const DUPLICATE_WINDOW: Duration = Duration::from_mins(2);
/// A delivery that is not answered for so long is made again.
pub const ACK_WAIT: Duration = Duration::from_secs(30);
/// Messages of one consumer that are delivered and not yet settled; at the limit no new ones are delivered until some are.
pub const UNSETTLED_MESSAGES_MAX: usize = 256;
/// Dead letters of one answer.
pub const DEAD_LETTERS_MAX: usize = 100;
/// Characters of the error in a dead letter; the rest is cut off.
pub const DEAD_LETTER_ERROR_CHARS_MAX: usize = 200;

/// A message on its way out.
#[derive(Debug, Clone)]
pub struct DurableMessage {
    /// Where to.
    pub subject: Subject,
    /// The same id is the same message. 1 to 128 visible ASCII characters.
    pub id: String,
    /// What.
    pub payload: Bytes,
    /// The trace that it belongs to.
    pub trace: Option<TraceParent>,
}

/// Who listens, and to what.
#[derive(Debug, Clone)]
pub struct Consumer {
    /// Durable, and shared by all processes of that name: `[a-z][a-z0-9_]*`, one pattern for one name. None: this process alone, from
    /// now on and until the connection breaks; its dead letters are counted and logged, not kept.
    pub name: Option<&'static str>,
    /// To what. Subjects of [`super::subjects::events`] only: nothing else is durable.
    pub pattern: Pattern,
}

impl Consumer {
    /// Refuses a name that an adapter could not take.
    fn check(&self) -> Result<(), BusError> {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if self.name.is_none_or(|name| name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(fits)) {
            return Ok(());
        }
        Err(BusError::Refused("the name of a consumer must match [a-z][a-z0-9_]*"))
    }

    /// What metrics and logs call it.
    fn label(&self) -> &'static str {
        self.name.unwrap_or("unnamed")
    }
}

/// A durable bus.
///
/// Laws, each checked by [`conformance`] on every adapter:
/// 1. `publish` returns Ok when the message is on disk; it then reaches each consumer whose pattern matches, also one that is away.
/// 2. A delivery that is not settled within the ack wait is made again, with the next number, and so on until it is settled.
/// 3. Consumers with one name share the messages; two names get all of them each, as does each consumer without a name.
/// 4. A named consumer gets first what is stored since before it existed; one without a name what is published after `consume` returned.
///    Its deliveries end when something may have been missed, as when the connection broke.
/// 5. Messages of one subject that were published one after another are delivered in that order for the first time.
/// 6. A message with the id of another within [`DUPLICATE_WINDOW`] is that message: Ok, and not delivered again. Later it is a new one.
/// 7. A message that is to be retried comes again after the wait asked for and holds up no other.
/// 8. A dead letter is kept once with subject, id, payload, error and number of deliveries, and is not delivered again, until
///    it is forgotten.
/// 9. A consumer that starts again goes on where it was: settled messages are not delivered again (except a few that were settled just
///    before a crash), unsettled ones are.
/// 10. No more than [`UNSETTLED_MESSAGES_MAX`] messages of a consumer are unsettled.
/// 11. A delivery that is held is made to nobody else. What was forgiven no longer counts as tried, in whichever process it is tried next;
///     a process that ends while it handles a message has tried it.
/// 12. A payload over [`crate::limits::BUS_PAYLOAD_BYTES_MAX`] is refused. Any other error leaves open whether the message was stored.
#[tonic::async_trait]
pub trait DurableBus: Send + Sync + 'static {
    /// Stores a message for all consumers. Ok means durable.
    async fn publish(&self, message: DurableMessage) -> Result<(), BusError>;

    /// Begins to consume; what exists of this name goes on where it was.
    async fn consume(&self, consumer: Consumer) -> Result<Deliveries, BusError>;

    /// The dead letters of a consumer, oldest first, at most [`DEAD_LETTERS_MAX`].
    async fn dead_letters(&self, consumer: &str) -> Result<Vec<DeadLetter>, BusError>;

    /// Removes a dead letter of a consumer, as it was listed. Ok if it is gone already.
    async fn forget_dead_letter(&self, consumer: &str, letter: &DeadLetter) -> Result<(), BusError>;
}

/// A durable bus, whichever.
pub type SharedDurableBus = Arc<dyn DurableBus>;

/// A message that was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The subject it was sent to.
    pub subject: String,
    /// Its id.
    pub id: String,
    /// What.
    pub payload: Bytes,
    /// What the handler said last.
    pub error: String,
    /// How often it had been delivered.
    pub deliveries: u32,
    /// Where it is kept; 0 until it is.
    pub place: u64,
}

/// The deliveries of one consumer in this process. Dropping it ends this process's part.
pub struct Deliveries(Box<dyn Source>);

impl Deliveries {
    /// The next delivery; none when the bus is closed or, without a name, when something may have been missed. May be dropped while it
    /// waits without loss.
    pub async fn next(&mut self) -> Option<Delivery> {
        self.0.next().await
    }

    /// Messages that wait for this consumer, as far as known now.
    pub fn pending(&self) -> u64 {
        self.0.pending()
    }

    /// These until then: a bus that a test takes away.
    #[must_use]
    pub fn until(self, cut: CancellationToken) -> Self {
        Self(Box::new(Until { deliveries: self, cut }))
    }
}

struct Until {
    deliveries: Deliveries,
    cut: CancellationToken,
}

#[tonic::async_trait]
impl Source for Until {
    async fn next(&mut self) -> Option<Delivery> {
        tokio::select! {
            biased;
            () = self.cut.cancelled() => None,
            delivery = self.deliveries.next() => delivery,
        }
    }

    fn pending(&self) -> u64 {
        self.deliveries.pending()
    }
}

/// Where an adapter's deliveries come from.
#[tonic::async_trait]
trait Source: Send {
    async fn next(&mut self) -> Option<Delivery>;
    fn pending(&self) -> u64;
}

/// One delivery of a message. Dropped without an answer, it is made again after the ack wait.
pub struct Delivery {
    /// The message. It has no reply subject.
    pub message: Message,
    /// The message's id.
    pub id: String,
    /// How often it has been delivered, this time included.
    pub number: u32,
    settle: Box<dyn Settle>,
}

impl Delivery {
    /// To be asked before it is handled: how many deliveries count as tries, this one included. Should the process end from now on, this
    /// one does.
    pub async fn begin(&self) -> Result<u32, BusError> {
        self.settle.begin().await
    }

    /// It is being seen to: nobody gets it for another ack wait, which is returned.
    pub async fn hold(&self) -> Result<Duration, BusError> {
        self.settle.hold().await
    }

    /// What kept it from being handled is not its fault: no delivery so far counts as a try any longer, also after a restart.
    pub async fn forgive(&self) -> Result<(), BusError> {
        self.settle.forgive().await
    }

    /// It is done.
    pub async fn ack(self) -> Result<(), BusError> {
        self.settle.ack().await
    }

    /// Not now; again after this wait.
    pub async fn retry(self, after: Duration) -> Result<(), BusError> {
        self.settle.retry(after).await
    }

    /// Never: keeps it as a dead letter, then settles it. The error must not hold personal data.
    pub async fn give_up(self, error: &str) -> Result<(), BusError> {
        let Message { subject, payload, .. } = self.message;
        let error = error.chars().take(DEAD_LETTER_ERROR_CHARS_MAX).collect();
        self.settle
            .give_up(DeadLetter { subject, id: self.id, payload, error, deliveries: self.number, place: 0 })
            .await
    }
}

/// How an adapter hears the answer to a delivery.
#[tonic::async_trait]
trait Settle: Send + Sync {
    async fn begin(&self) -> Result<u32, BusError>;
    async fn hold(&self) -> Result<Duration, BusError>;
    async fn forgive(&self) -> Result<(), BusError>;
    async fn ack(&self) -> Result<(), BusError>;
    async fn retry(&self, after: Duration) -> Result<(), BusError>;
    async fn give_up(&self, letter: DeadLetter) -> Result<(), BusError>;
}

/// Refuses what no adapter takes.
pub(crate) fn check(message: &DurableMessage) -> Result<(), BusError> {
    const ID_CHARS_MAX: usize = 128;
    let (bytes, max) = (message.payload.len(), crate::limits::BUS_PAYLOAD_BYTES_MAX);
    if bytes > max {
        return Err(BusError::TooLarge { bytes, max });
    }
    let id = message.id.as_bytes();
    if id.is_empty() || id.len() > ID_CHARS_MAX || !id.iter().all(u8::is_ascii_graphic) {
        return Err(BusError::Refused("the id of a durable message must be 1 to 128 visible characters"));
    }
    Ok(())
}
