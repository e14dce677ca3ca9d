//! How much somebody takes on: so many at once, so many that wait for their turn in the order of their coming, and none for long.
//! Whoever comes beyond that is refused at once, before it costs anything. Does not know what is done in a turn.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Turns that are taken at the same time.
    pub at_once: usize,
    /// Who waits for a turn; one more is refused.
    pub waiting_max: usize,
    /// Who has waited so long is refused.
    pub wait_max: Duration,
}

/// Why somebody got no turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Refused on coming.
    #[error("{0} are waiting")]
    Full(usize),
    /// Refused after waiting.
    #[error("not its turn within {} ms", .0.as_millis())]
    Late(Duration),
}

/// The door.
#[derive(Debug)]
pub struct Admission {
    limits: Limits,
    turns: Arc<Semaphore>,
    waiting: AtomicUsize,
}

impl Admission {
    /// Nobody is inside.
    pub fn new(limits: Limits) -> Self {
        Self { limits, turns: Arc::new(Semaphore::new(limits.at_once)), waiting: AtomicUsize::new(0) }
    }

    /// Waits for a turn, which ends when the permit is dropped.
    pub async fn turn(&self) -> Result<OwnedSemaphorePermit, Refused> {
        let Limits { waiting_max, wait_max, .. } = self.limits;
        if let Ok(permit) = self.turns.clone().try_acquire_owned() {
            return Ok(permit);
        }
        let _place = Place::take(&self.waiting, waiting_max).ok_or(Refused::Full(waiting_max))?;
        let turn = tokio::time::timeout(wait_max, self.turns.clone().acquire_owned()).await;
        turn.ok().and_then(Result::ok).ok_or(Refused::Late(wait_max))
    }
}

/// A place in the queue. Whoever gives up leaves it.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize, max: usize) -> Option<Self> {
        let place = Self(waiting);
        // Dropped when there are too many, which takes it back.
        (place.0.fetch_add(1, Ordering::Relaxed) < max).then_some(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::poll;

    use super::*;

    const LIMITS: Limits = Limits { at_once: 1, waiting_max: 20, wait_max: Duration::from_secs(2) };

    #[tokio::test]
    async fn whoever_finds_too_many_waiting_is_refused_at_once_and_who_gives_up_makes_room() {
        let door = Admission::new(LIMITS);
        let inside = door.turn().await.unwrap();
        let mut queue: Vec<_> = (0..LIMITS.waiting_max).map(|_| Box::pin(door.turn())).collect();
        for one in &mut queue {
            assert!(poll!(one).is_pending());
        }
        assert_eq!(door.turn().await.unwrap_err(), Refused::Full(LIMITS.waiting_max));
        queue.pop();
        let mut late = Box::pin(door.turn());
        assert!(poll!(&mut late).is_pending());
        drop(inside);
        let first = queue.remove(0).await.unwrap();
        assert!(poll!(&mut late).is_pending(), "the queue has an order");
        drop(first);
        drop(queue);
        drop(late.await.unwrap());
        assert_eq!(door.waiting.load(Ordering::Relaxed), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_long() {
        let door = Admission::new(LIMITS);
        let inside = door.turn().await.unwrap();
        assert_eq!(door.turn().await.unwrap_err(), Refused::Late(LIMITS.wait_max));
        drop(inside);
        assert!(door.turn().await.is_ok());
        assert_eq!(door.waiting.load(Ordering::Relaxed), 0);
    }
}
