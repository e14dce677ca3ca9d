//! Waits with a message until the store or the service that its handler needs answers again: the bus makes it to nobody else
//! meanwhile, and no try of that time counts, also when processes end and begin. It never gives up; an alert tells people.

use std::time::Duration;

use tokio::time::Instant;

use super::{Delivery, HandlerError, Runner};

/// How long to wait before what was away is tried for the second time; each wait is twice the one before.
const AWAY_WAIT_MIN: Duration = Duration::from_millis(250);
/// However long it is away, it is tried this often: a store that was overloaded for a moment is not waited for much longer.
const AWAY_WAIT_MAX: Duration = Duration::from_secs(5);
/// A message that is held is held anew after this part of the time that the bus gives.
const HELD_PART: u32 = 3;
/// Between two tries to hold it when the bus does not answer.
const HOLD_RETRY: Duration = Duration::from_secs(1);

impl Runner {
    /// Tries until what the handler needs is there, and returns what became of the message then: everything but
    /// [`HandlerError::Away`].
    pub(super) async fn wait_out(
        &self,
        delivery: &Delivery,
        tries: &mut Option<u32>,
        error: String,
    ) -> Result<(), HandlerError> {
        let (label, id, begun) = (self.label, &delivery.id, Instant::now());
        tracing::warn!(consumer = label, id, error, "what a message needs does not answer; it waits");
        let _waiting = self.metrics.waits(label);
        let result = tokio::select! {
            result = self.try_until_there(delivery, tries) => result,
            never = hold(delivery) => match never {},
        };
        let waited_s = begun.elapsed().as_secs();
        tracing::info!(consumer = label, id, waited_s, "what a message waited for answers again");
        result
    }

    async fn try_until_there(&self, delivery: &Delivery, tries: &mut Option<u32>) -> Result<(), HandlerError> {
        let (mut wait, mut is_forgiven) = (AWAY_WAIT_MIN, false);
        loop {
            // Before the wait: that is when a process is most likely to be started anew.
            if !is_forgiven && tries.is_some() {
                is_forgiven = delivery.forgive().await.is_ok();
                if is_forgiven {
                    *tries = Some(1);
                }
            }
            tokio::time::sleep(wait).await;
            wait = (2 * wait).min(AWAY_WAIT_MAX);
            match self.attempt(delivery, tries).await {
                Err(HandlerError::Away(error)) => {
                    tracing::debug!(consumer = self.label, id = delivery.id, error, "it still does not answer");
                }
                result => return result,
            }
        }
    }
}

/// Keeps the bus from making the delivery to somebody else.
async fn hold(delivery: &Delivery) -> std::convert::Infallible {
    loop {
        match delivery.hold().await {
            Ok(held) => tokio::time::sleep(held / HELD_PART).await,
            Err(error) => {
                tracing::debug!(id = delivery.id, %error, "a message that waits is not held; it may come again");
                tokio::time::sleep(HOLD_RETRY).await;
            }
        }
    }
}
