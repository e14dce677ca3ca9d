//! Runs a handler over the deliveries of a consumer: with back-off, dead letters and numbers. It knows no adapter. A message whose
//! handler finds the store or a service away is held and tried until they answer ([`wait`]); it is no reason to give it up.
//!
//! It does not order anything across processes, and a handler that takes several messages at once gets them in any order.

mod wait;

use std::{sync::Arc, time::Duration};

use futures_util::FutureExt as _;
use tokio::{sync::watch, task::JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::{ACK_WAIT, Consumer, Deliveries, Delivery, DurableMetrics, Message, SharedDurableBus, metrics::Settled};
use crate::{failure::Failure, lifecycle::Lifecycle};

/// Tries of a message before it is given up.
pub const DELIVERIES_MAX: u32 = 5;
/// How long a message waits after its first, second, … failure.
const BACK_OFF: [Duration; DELIVERIES_MAX as usize - 1] =
    [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(30), Duration::from_mins(2)];
/// A handler that takes longer is stopped, and the message retried: well before the bus would deliver it to somebody else.
const HANDLING_MAX: Duration = Duration::from_secs(20);
const _: () = assert!(HANDLING_MAX.as_millis() < ACK_WAIT.as_millis());
/// Between two tries to begin consuming.
const CONSUME_RETRY: Duration = Duration::from_secs(1);
/// How often the number of waiting messages is looked at.
const PENDING_LOOK: Duration = Duration::from_secs(5);

/// What a consumer does with messages.
#[tonic::async_trait]
pub trait Handler: Send + Sync + 'static {
    /// Handles one message. Ok means that it need never come again. Stopped after 20 seconds, which counts as a failure of the message:
    /// what it asks of others must have shorter deadlines.
    async fn handle(&self, message: &Message) -> Result<(), HandlerError>;

    /// Messages that this process handles at once. With 1 they come one after another, in the order of their publishing as long as none
    /// fails, however long one waits for what is away; with more, in any order.
    fn at_once(&self) -> usize {
        1
    }
}

/// Why a message was not handled. Texts go into logs and dead letters: no personal data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HandlerError {
    /// The store or a service did not answer. It works when they do, and is tried until then.
    #[error("{0}")]
    Away(String),
    /// It may work later.
    #[error("{0}")]
    Retry(String),
    /// It will never work.
    #[error("{0}")]
    Poison(String),
}

/// What is down or has too much to do says nothing about the message. Whatever else failed may have failed because of it.
impl From<Failure> for HandlerError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Unavailable { .. } | Failure::Overloaded { .. } => Self::Away(failure.to_string()),
            Failure::Internal(cause) => {
                tracing::error!(error = %cause, "a message of the bus could not be handled");
                Self::Retry("internal error".to_owned())
            }
            failure => Self::Retry(failure.to_string()),
        }
    }
}

/// A consumer that runs. Dropping this does not end it.
#[derive(Debug, Clone)]
pub struct Running(watch::Receiver<bool>);

impl Running {
    /// Waits until the consumer begins to hear, so that what is published from then on reaches it, or hears no more; what has happened
    /// since this was last asked counts. A consumer without a name that begins anew may have missed messages. Never, if the process
    /// stops before.
    pub async fn changed(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Whether it hears messages.
    pub fn hears(&self) -> bool {
        *self.0.borrow()
    }
}

/// Runs a handler until the process stops. Waits for a bus that is away, at the start and later.
pub fn run(
    life: &Lifecycle,
    bus: SharedDurableBus,
    consumer: Consumer,
    metrics: DurableMetrics,
    handler: Arc<dyn Handler>,
) -> Running {
    let (hears, running) = watch::channel(false);
    let stopping = life.stopping();
    life.spawn("durable consumer", async move {
        let runner = Arc::new(Runner { label: consumer.label(), metrics, handler });
        tokio::select! {
            () = stopping => {}
            () = runner.consume(&bus, &consumer, &hears) => {}
        }
        Ok(())
    });
    Running(running)
}

struct Runner {
    label: &'static str,
    metrics: DurableMetrics,
    handler: Arc<dyn Handler>,
}

impl Runner {
    async fn consume(self: &Arc<Self>, bus: &SharedDurableBus, consumer: &Consumer, hears: &watch::Sender<bool>) {
        let mut is_told = false;
        loop {
            match bus.consume(consumer.clone()).await {
                Ok(deliveries) => {
                    is_told = false;
                    hears.send_replace(true);
                    self.deliver(deliveries, hears).await;
                }
                // A bus that is away for an hour is told of once.
                Err(error) if is_told => tracing::debug!(consumer = self.label, %error, "cannot consume yet; retrying"),
                Err(error) => {
                    is_told = true;
                    tracing::warn!(consumer = self.label, %error, "cannot consume yet; retrying");
                }
            }
            tokio::time::sleep(CONSUME_RETRY).await;
        }
    }

    /// Until there are no more.
    async fn deliver(self: &Arc<Self>, mut deliveries: Deliveries, hears: &watch::Sender<bool>) {
        let at_once = self.handler.at_once().max(1);
        let (mut handling, ended) = (JoinSet::new(), CancellationToken::new());
        let mut look = tokio::time::interval(PENDING_LOOK);
        loop {
            tokio::select! {
                delivery = deliveries.next(), if handling.len() < at_once => {
                    let Some(delivery) = delivery else { break };
                    self.metrics.delivered(self.label);
                    self.metrics.pending(self.label, deliveries.pending());
                    handling.spawn(self.clone().one(delivery, ended.clone()));
                }
                Some(_) = handling.join_next() => {}
                _ = look.tick() => self.metrics.pending(self.label, deliveries.pending()),
            }
        }
        hears.send_replace(false);
        // What is held comes again, if this consumer has a name; and if not, somebody looks for themselves.
        ended.cancel();
        while handling.join_next().await.is_some() {}
    }

    /// Handles one delivery and says what became of it. A failed answer is no harm: the message comes again.
    async fn one(self: Arc<Self>, delivery: Delivery, ended: CancellationToken) {
        let mut tries = None;
        let result = match self.attempt(&delivery, &mut tries).await {
            Err(HandlerError::Away(error)) => {
                tokio::select! {
                    () = ended.cancelled() => return,
                    result = self.wait_out(&delivery, &mut tries, error) => result,
                }
            }
            result => result,
        };
        let (label, tries, id) = (self.label, tries.unwrap_or(delivery.number), delivery.id.clone());
        let (settled, answer) = match result {
            Ok(()) => (Settled::Acked, delivery.ack().await),
            Err(HandlerError::Away(error) | HandlerError::Retry(error)) if tries < DELIVERIES_MAX => {
                let after = BACK_OFF[tries.max(1) as usize - 1];
                let retry_ms = after.as_millis() as u64;
                tracing::warn!(consumer = label, id, tries, error, retry_ms, "message failed");
                (Settled::Retried, delivery.retry(after).await)
            }
            Err(HandlerError::Away(error) | HandlerError::Retry(error) | HandlerError::Poison(error)) => {
                tracing::error!(consumer = label, id, tries, error, "message given up; see the dead letters");
                (Settled::Dead, delivery.give_up(&error).await)
            }
        };
        match answer {
            Ok(()) => self.metrics.settled(label, settled),
            Err(error) => {
                tracing::warn!(consumer = label, id, %error, "the bus did not take the answer; the message will come again");
            }
        }
    }

    /// Tries once. A bus that cannot say how often this was tried is away too.
    async fn attempt(&self, delivery: &Delivery, tries: &mut Option<u32>) -> Result<(), HandlerError> {
        let number = match *tries {
            Some(number) => number,
            None => delivery.begin().await.map_err(|error| HandlerError::Away(error.to_string()))?,
        };
        *tries = Some(number);
        if number > DELIVERIES_MAX {
            // Each time the process ended, or the answer was lost, before anybody could give it up.
            return Err(HandlerError::Poison("delivered too often without an answer".into()));
        }
        let span = tracing::info_span!("durable message", otel.kind = "consumer", consumer = self.label);
        if let Some(trace) = &delivery.message.trace {
            trace.adopt(&span);
        }
        handle(&*self.handler, &delivery.message).instrument(span).await
    }
}

/// A handler that hangs or panics has failed for now, and harms no other message.
async fn handle(handler: &dyn Handler, message: &Message) -> Result<(), HandlerError> {
    let handled = std::panic::AssertUnwindSafe(handler.handle(message)).catch_unwind();
    match tokio::time::timeout(HANDLING_MAX, handled).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err(HandlerError::Retry("the handler panicked".into())),
        Err(_) => Err(HandlerError::Retry("the handler took too long".into())),
    }
}

#[cfg(test)]
mod tests;
