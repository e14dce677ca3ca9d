//! How much an engine takes on: so many requests at once, so many that wait for their turn in the order of their coming, and none for
//! long. Whatever is more is refused at once, before it costs anything. Does not know what a request is.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::TableError;

/// Requests that wait for their turn; one more is refused. More calls than this are never under way in a process at the same time, and
/// each asks for one thing after another: who is in the middle of a change is not cut off by those who have yet to begin.
pub(super) const WAITING_MAX: usize = 4096;
/// Who has waited so long is refused: the engine is slower than what is asked of it, and the caller has other things to do in the
/// seconds that it has itself.
pub(super) const WAIT_MAX: Duration = Duration::from_secs(2);

/// The door of an engine.
pub(super) struct Admission {
    turns: Arc<Semaphore>,
    waiting: AtomicUsize,
}

impl Admission {
    pub(super) fn new(at_once: usize) -> Self {
        Self { turns: Arc::new(Semaphore::new(at_once)), waiting: AtomicUsize::new(0) }
    }

    /// Waits for a turn, which ends when the permit is dropped.
    pub(super) async fn turn(&self) -> Result<OwnedSemaphorePermit, TableError> {
        if let Ok(permit) = self.turns.clone().try_acquire_owned() {
            return Ok(permit);
        }
        let Some(_place) = Place::take(&self.waiting) else {
            return Err(TableError::Overloaded(format!("{WAITING_MAX} requests are waiting")));
        };
        let turn = tokio::time::timeout(WAIT_MAX, self.turns.clone().acquire_owned()).await;
        turn.ok()
            .and_then(Result::ok)
            .ok_or_else(|| TableError::Overloaded(format!("not its turn within {} ms", WAIT_MAX.as_millis())))
    }
}

/// A place in the queue. Whoever gives up leaves it.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize) -> Option<Self> {
        let place = Self(waiting);
        // Dropped when there are too many, which takes it back.
        (place.0.fetch_add(1, Ordering::Relaxed) < WAITING_MAX).then_some(place)
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

    #[tokio::test]
    async fn whoever_finds_too_many_waiting_is_refused_at_once_and_who_gives_up_makes_room() {
        let door = Admission::new(1);
        let inside = door.turn().await.unwrap();
        let mut queue: Vec<_> = (0..WAITING_MAX).map(|_| Box::pin(door.turn())).collect();
        for one in &mut queue {
            assert!(poll!(one).is_pending());
        }
        assert!(matches!(door.turn().await, Err(TableError::Overloaded(_))));
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
        let door = Admission::new(1);
        let inside = door.turn().await.unwrap();
        assert!(matches!(door.turn().await, Err(TableError::Overloaded(_))));
        drop(inside);
        assert!(door.turn().await.is_ok());
        assert_eq!(door.waiting.load(Ordering::Relaxed), 0);
    }
}
