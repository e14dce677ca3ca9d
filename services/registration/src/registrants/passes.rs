//! Passes through events, one at a time for each: a pass answers everybody who asked for one before it began, so that a thousand messages
//! about one event are a few passes. Nobody waits for long until theirs begins: whoever asks has a limited time too, and comes again.
//! What a pass does is the business of `places` and `numbering`.

use std::{collections::HashMap, sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::{
    sync::{MutexGuard, Semaphore, SemaphorePermit},
    time::timeout,
};
use turnout_platform::{failure::Failure, ids::EventId};

use super::places::Filled;

/// How long one waits for a pass to begin.
const TURN_WAIT_MAX: Duration = Duration::from_secs(6);
/// When to try again after the pass that one waited for has failed, or did not begin.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The passes of all events. A clone is another handle on the same.
#[derive(Clone)]
pub(super) struct Passes {
    events: Arc<Mutex<HashMap<EventId, Arc<Gate>>>>,
    room: Arc<Semaphore>,
}

/// The passes of one event.
#[derive(Default)]
struct Gate {
    turn: tokio::sync::Mutex<()>,
    told: Mutex<Told>,
}

/// Passes are numbered from 1.
#[derive(Default)]
struct Told {
    begun: u64,
    /// The last that has come to its end, and how; none for a failure.
    ended: u64,
    outcome: Option<Filled>,
}

/// What is held while a pass is made.
type Turn<'a> = (MutexGuard<'a, ()>, SemaphorePermit<'a>);

impl Passes {
    /// For so many events at the same time.
    pub fn of(events_at_once: usize) -> Self {
        Self { events: Arc::default(), room: Arc::new(Semaphore::new(events_at_once)) }
    }

    /// Makes a pass, or waits for one that begins from now on.
    pub async fn one<F>(&self, event: &EventId, pass: impl FnOnce() -> F) -> Result<Filled, Failure>
    where
        F: Future<Output = Result<Filled, Failure>>,
    {
        let gate = self.events.lock().entry(event.clone()).or_default().clone();
        let made = self.through(&gate, pass).await;
        let mut events = self.events.lock();
        // Nobody else is at it: the map's own and this one.
        if events.get(event).is_some_and(|known| Arc::ptr_eq(known, &gate) && Arc::strong_count(&gate) == 2) {
            events.remove(event);
        }
        made
    }

    async fn through<F>(&self, gate: &Gate, pass: impl FnOnce() -> F) -> Result<Filled, Failure>
    where
        F: Future<Output = Result<Filled, Failure>>,
    {
        let wanted = gate.told.lock().begun + 1;
        let unavailable = || Failure::Unavailable { retry_after: RETRY_AFTER };
        let begins = timeout(TURN_WAIT_MAX, self.begin(gate, wanted)).await;
        let Some(_turn) = begins.map_err(|_| unavailable())?? else {
            return gate.told.lock().outcome.ok_or_else(unavailable);
        };
        let number = {
            let mut told = gate.told.lock();
            told.begun += 1;
            told.begun
        };
        let made = pass().await;
        let mut told = gate.told.lock();
        (told.ended, told.outcome) = (number, made.as_ref().ok().copied());
        drop(told);
        made
    }

    /// Waits until a pass may begin; none when one that is good enough has ended meanwhile.
    async fn begin<'a>(&'a self, gate: &'a Gate, wanted: u64) -> Result<Option<Turn<'a>>, Failure> {
        let turn = gate.turn.lock().await;
        if gate.told.lock().ended >= wanted {
            return Ok(None);
        }
        let room = self.room.acquire().await.map_err(Failure::internal)?;
        Ok(Some((turn, room)))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::join_all;
    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn everybody_who_asks_while_a_pass_is_made_is_answered_by_the_next_one() {
        const ASK: usize = 1000;
        let (passes, gala): (Passes, EventId) = (Passes::of(8), "gala".parse().unwrap());
        let (made, goes_on) = (AtomicUsize::new(0), Notify::new());
        let pass = || async {
            // The first waits until all others have asked.
            if made.fetch_add(1, Ordering::SeqCst) == 0 {
                goes_on.notified().await;
            }
            Ok(Filled::Full)
        };
        let first = passes.one(&gala, pass);
        let others = join_all((0..ASK).map(|_| passes.one(&gala, pass)));
        let last = async { goes_on.notify_one() };
        let (first, others, ()) = tokio::join!(first, others, last);
        assert!(others.into_iter().chain([first]).all(|told| told.unwrap() == Filled::Full));
        assert_eq!(made.load(Ordering::SeqCst), 2);
        assert!(passes.events.lock().is_empty(), "nothing is kept of an event that nobody asks about");
    }

    /// One that never ends.
    async fn endless() -> Result<Filled, Failure> {
        std::future::pending().await
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_too_long_for_a_pass_comes_again_and_holds_up_nobody() {
        let (passes, gala, ball): (Passes, EventId, EventId) =
            (Passes::of(2), "gala".parse().unwrap(), "ball".parse().unwrap());
        let endless = [&gala, &ball].map(|event| {
            let (passes, event) = (passes.clone(), event.clone());
            tokio::spawn(async move { passes.one(&event, endless).await })
        });
        tokio::task::yield_now().await;
        // Behind a pass of the same event, and behind those of others.
        for event in [gala.clone(), "fair".parse().unwrap()] {
            let asked = timeout(2 * TURN_WAIT_MAX, passes.one(&event, || async { Ok(Filled::Done) }));
            assert!(matches!(asked.await.unwrap(), Err(Failure::Unavailable { .. })), "{event}");
        }
        endless[0].abort();
        assert_eq!(passes.one(&gala, || async { Ok(Filled::Full) }).await.unwrap(), Filled::Full);
        assert_eq!(passes.events.lock().len(), 1, "only that of the pass which goes on");
    }

    #[tokio::test]
    async fn a_pass_that_failed_has_failed_for_all_who_waited_for_it_and_the_next_is_made() {
        let (passes, gala): (Passes, EventId) = (Passes::of(8), "gala".parse().unwrap());
        let made = AtomicUsize::new(0);
        let failing = || async {
            made.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            Err(Failure::Unavailable { retry_after: RETRY_AFTER })
        };
        let told = join_all((0..100).map(|_| passes.one(&gala, failing))).await;
        assert!(told.iter().all(Result::is_err));
        assert_eq!(made.load(Ordering::SeqCst), 2);
        assert_eq!(passes.one(&gala, || async { Ok(Filled::Done) }).await.unwrap(), Filled::Done);
    }
}
