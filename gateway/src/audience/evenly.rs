//! Answers that come no sooner than a fixed time after the question, so that the time says nothing about what there was to do. It does not
//! hide what takes longer than that.

use std::time::Duration;

/// Whoever registers an address waits so long at least. Longer than a new registration takes on a day that is not too busy, and short
/// enough for who has just pressed a button. An address that is registered already takes a small part of it.
pub(super) const REGISTERED_AFTER: Duration = Duration::from_millis(700);

/// The answer, not before `floor` is over. The work goes on meanwhile.
pub(super) async fn no_sooner<T>(floor: Duration, answer: impl Future<Output = T>) -> T {
    let (answer, ()) = tokio::join!(answer, tokio::time::sleep(floor));
    answer
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, sleep};

    use super::*;

    /// How long it takes to answer, by the clock that stands still while there is something to do.
    async fn taken_by(work: Duration) -> Duration {
        let asked_at = Instant::now();
        no_sooner(REGISTERED_AFTER, sleep(work)).await;
        asked_at.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_known_address_is_answered_as_late_as_a_new_one() {
        let (known, new) = (taken_by(Duration::ZERO).await, taken_by(Duration::from_millis(400)).await);
        assert_eq!((known, new), (REGISTERED_AFTER, REGISTERED_AFTER));
        let slow = Duration::from_secs(3);
        assert_eq!(taken_by(slow).await, slow, "nobody waits twice");
    }
}
