//! Which places of an event are taken, as far as this process remembers, a thousand in a chunk: only a hint where to look. Of many who want
//! to know at the same moment one reads, and that answers all. Decides nothing: a conditional write does.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use turnout_platform::{clock::Clock, failure::Failure, ids::EventId};

use crate::store::{Store, seats::SEATS_PER_CHUNK};

/// How long it is believed that a chunk is full.
const BELIEVED_FULL_MS: u64 = 1000;
/// Chunks that are remembered (300 bytes each); beyond it all are forgotten.
const CHUNKS_REMEMBERED_MAX: usize = 20_000;
/// When to try again after the reading that one waited for has failed.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// How much is to be known of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Want {
    /// Anything, however old.
    Any,
    /// What may be believed of places that are said to be taken.
    Fresh,
}

/// What a look at the known chunks has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Picked {
    /// This place seems free, and is remembered as taken so that others here take the next.
    Seat(u32),
    /// Of this chunk nothing is known; all before it are full.
    Unknown(u32),
    Full,
}

/// The chunks of all events. A clone is another handle on the same.
#[derive(Clone)]
pub(super) struct Chunks {
    store: Store,
    clock: Arc<dyn Clock>,
    known: Arc<Mutex<Known>>,
}

#[derive(Default)]
struct Known {
    chunks: usize,
    events: HashMap<EventId, OfEvent>,
}

#[derive(Default)]
struct OfEvent {
    /// Grows when a place has become free somewhere: what was read before is no longer believed to be full.
    age: u64,
    chunks: BTreeMap<u32, Slot>,
}

#[derive(Default)]
struct Slot {
    known: Option<Chunk>,
    /// Whoever reads has it.
    turn: Arc<tokio::sync::Mutex<()>>,
    /// Readings that failed.
    failures: u64,
}

/// Which places of a chunk are taken.
struct Chunk {
    taken: [u64; WORDS],
    /// When its reading began, and the event's age then.
    read_ms: u64,
    age: u64,
}

const WORDS: usize = (SEATS_PER_CHUNK as usize).div_ceil(64);

impl Chunk {
    /// Takes the first free place below the limit.
    fn pick(&mut self, limit: u32) -> Option<u32> {
        let at = self.taken.iter().position(|word| *word != u64::MAX)?;
        let bit = self.taken[at].trailing_ones();
        let seat = at as u32 * 64 + bit;
        (seat < limit).then(|| {
            self.taken[at] |= 1 << bit;
            seat
        })
    }

    fn set(&mut self, seat: u32, taken: bool) {
        let (at, bit) = ((seat / 64) as usize, 1_u64 << (seat % 64));
        if taken { self.taken[at] |= bit } else { self.taken[at] &= !bit }
    }

    fn has_any_from(&self, limit: u32) -> bool {
        (limit..SEATS_PER_CHUNK).any(|seat| self.taken[(seat / 64) as usize] & (1 << (seat % 64)) != 0)
    }
}

impl Known {
    fn chunk(&mut self, event: &EventId, chunk: u32) -> Option<&mut Chunk> {
        self.events.get_mut(event)?.chunks.get_mut(&chunk)?.known.as_mut()
    }

    fn slot(&mut self, event: &EventId, chunk: u32) -> (&mut Slot, u64) {
        let is_there = self.events.get(event).is_some_and(|event| event.chunks.contains_key(&chunk));
        if !is_there {
            if self.chunks >= CHUNKS_REMEMBERED_MAX {
                *self = Self::default();
            }
            self.chunks += 1;
        }
        let event = self.events.entry(event.clone()).or_default();
        (event.chunks.entry(chunk).or_default(), event.age)
    }
}

impl Chunks {
    pub fn new(store: Store, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock, known: Arc::default() }
    }

    /// Makes sure that so much is known of a chunk. Who comes while another reads it waits for that reading.
    pub async fn read(&self, event: &EventId, chunk: u32, want: Want) -> Result<(), Failure> {
        let Some((turn, failures)) = self.lacks(event, chunk, want) else { return Ok(()) };
        let _turn = turn.lock().await;
        let Some((_, failures_now)) = self.lacks(event, chunk, want) else { return Ok(()) };
        // What has just failed for another is not tried again by everybody who waited, one after the other.
        if failures_now != failures {
            return Err(Failure::Unavailable { retry_after: RETRY_AFTER });
        }
        let (read_ms, age) = (self.clock.now_ms(), self.known.lock().slot(event, chunk).1);
        let rows = match self.store.taken_seats(event, chunk).await {
            Ok(rows) => rows,
            Err(failure) => {
                self.known.lock().slot(event, chunk).0.failures += 1;
                return Err(failure);
            }
        };
        let mut fresh = Chunk { taken: [0; WORDS], read_ms, age };
        for row in rows {
            fresh.set(row.seat % SEATS_PER_CHUNK, true);
        }
        self.known.lock().slot(event, chunk).0.known = Some(fresh);
        Ok(())
    }

    /// The turn to read and how many readings have failed, if too little is known.
    fn lacks(&self, event: &EventId, chunk: u32, want: Want) -> Option<(Arc<tokio::sync::Mutex<()>>, u64)> {
        let now_ms = self.clock.now_ms();
        let mut known = self.known.lock();
        let (slot, age) = known.slot(event, chunk);
        let is_enough = slot.known.as_ref().is_some_and(|known| match want {
            Want::Any => true,
            Want::Fresh => known.age == age && now_ms.saturating_sub(known.read_ms) < BELIEVED_FULL_MS,
        });
        (!is_enough).then(|| (slot.turn.clone(), slot.failures))
    }

    /// The first place that seems free in the chunks from this one on.
    pub fn pick_from(&self, event: &EventId, from: u32, capacity: u32) -> Picked {
        let mut known = self.known.lock();
        let Some(of_event) = known.events.get_mut(event) else { return Picked::Unknown(from) };
        for chunk in from..capacity.div_ceil(SEATS_PER_CHUNK) {
            let Some(known) = of_event.chunks.get_mut(&chunk).and_then(|slot| slot.known.as_mut()) else {
                return Picked::Unknown(chunk);
            };
            if let Some(seat) = known.pick(limit_of(chunk, capacity)) {
                return Picked::Seat(chunk * SEATS_PER_CHUNK + seat);
            }
        }
        Picked::Full
    }

    /// The first place that seems free in one chunk.
    pub fn pick_in(&self, event: &EventId, chunk: u32, capacity: u32) -> Option<u32> {
        let mut known = self.known.lock();
        let seat = known.chunk(event, chunk)?.pick(limit_of(chunk, capacity))?;
        Some(chunk * SEATS_PER_CHUNK + seat)
    }

    /// Whether a place of the chunk from this one on is taken.
    pub fn has_any_from(&self, event: &EventId, chunk: u32, limit: u32) -> bool {
        self.known.lock().chunk(event, chunk).is_some_and(|chunk| chunk.has_any_from(limit))
    }

    /// What this process has just learned of one place.
    pub fn remember(&self, event: &EventId, seat: u32, taken: bool) {
        if let Some(chunk) = self.known.lock().chunk(event, seat / SEATS_PER_CHUNK) {
            chunk.set(seat % SEATS_PER_CHUNK, taken);
        }
    }

    /// A place has become free somewhere: whoever finds the event full from now on reads again.
    pub fn distrust(&self, event: &EventId) {
        if let Some(event) = self.known.lock().events.get_mut(event) {
            event.age += 1;
        }
    }
}

/// Places of a chunk that the event has.
fn limit_of(chunk: u32, capacity: u32) -> u32 {
    (capacity - chunk * SEATS_PER_CHUNK).min(SEATS_PER_CHUNK)
}
