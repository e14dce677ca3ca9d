//! Gives out the numbered places of events that have a limit: never more than there are, whoever asks at the same moment, and none is
//! lost for good when somebody dies between taking a place and storing the registration.
//!
//! What is remembered here is only a hint where to look; a conditional write decides. A place is taken first and the registration is
//! stored on it soon afterwards. A place that was taken [`CLAIM_MS`] ago and has no registration on it was left behind: [`Seats::settle`]
//! frees it, and `settling` says when. While more places are taken than the event has, because its limit was lowered, none is given.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use parking_lot::Mutex;
use turnout_platform::{
    clock::Clock,
    failure::Failure,
    ids::{EventId, RegistrationId},
    tables::{CONDITIONAL_WRITE_MAX, WRITE_MAX},
};

use crate::{
    domain::settings::CAPACITY_MAX,
    store::{
        Store,
        registrations::REGISTRATION_SHARDS,
        seats::{SEATS_PER_CHUNK, Taken},
    },
};

/// A place that was taken so long ago has its registration, or never will. Who took it says so by its own clock.
pub(super) const CLAIM_MS: i64 = 30_000;
/// Who took a place longer ago than this gives it back instead of storing the registration, the row that leads to it and then its own.
const CLAIM_USABLE_MS: u64 = 8_000;
/// How far apart the clocks of two processes may be.
const CLOCKS_APART_MS: u64 = 10_000;
const _: () = assert!(
    CLAIM_USABLE_MS as u128 + WRITE_MAX.as_millis() + CONDITIONAL_WRITE_MAX.as_millis() + CLOCKS_APART_MS as u128
        <= CLAIM_MS as u128
);
/// How long it is believed that a chunk is full.
const BELIEVED_FULL_MS: u64 = 1000;
/// Other processes may take the place that one wants: so often another is tried.
const TRIES_MAX: usize = 100;
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// Chunks that are remembered (150 bytes each); beyond it all are forgotten.
const CHUNKS_REMEMBERED_MAX: usize = 20_000;
/// Registrations that are read at the same time to find places that were left behind.
const READS_AT_ONCE_MAX: usize = 16;
/// Events with more places are read as a whole instead of registration by registration, so many shards of them at the same time.
const READ_SINGLY_MAX: u32 = SEATS_PER_CHUNK;
const SHARDS_AT_ONCE_MAX: usize = 4;

/// The places of all events.
#[derive(Clone)]
pub(super) struct Seats {
    store: Store,
    clock: Arc<dyn Clock>,
    known: Arc<Mutex<HashMap<(EventId, u32), Chunk>>>,
}

/// A place that is taken for a registration that has yet to be stored.
#[derive(Debug)]
pub(super) struct Claim {
    pub seat: u32,
    taken: Taken,
    taken_ms: u64,
}

/// Which places of a chunk are taken, as far as known.
#[derive(Clone)]
struct Chunk {
    taken: [u64; WORDS],
    read_ms: u64,
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

impl Seats {
    pub fn new(store: Store, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock, known: Arc::default() }
    }

    /// Takes a place for a registration; none when all are taken.
    pub async fn claim(&self, event: &EventId, capacity: u32, by: &RegistrationId) -> Result<Option<Claim>, Failure> {
        if self.is_over(event, capacity).await? { Ok(None) } else { self.claim_below(event, capacity, by).await }
    }

    /// Takes a place for a registration that had one before places were numbered: however many the event has.
    pub async fn claim_beyond(&self, event: &EventId, by: &RegistrationId) -> Result<Option<Claim>, Failure> {
        self.claim_below(event, CAPACITY_MAX, by).await
    }

    async fn claim_below(&self, event: &EventId, limit: u32, by: &RegistrationId) -> Result<Option<Claim>, Failure> {
        for _ in 0..TRIES_MAX {
            let Some(seat) = self.pick(event, limit).await? else { return Ok(None) };
            let taken_ms = self.clock.now_ms();
            match self.store.take_seat(event, seat, by, self.clock.at_ms() as i64).await {
                Ok(Some(taken)) => return Ok(Some(Claim { seat, taken, taken_ms })),
                Ok(None) => {}
                Err(failure) => {
                    self.remember(event, seat, false);
                    return Err(failure);
                }
            }
        }
        Err(Failure::Overloaded { retry_after: RETRY_AFTER })
    }

    /// Whether the registration may still be stored on its place.
    pub fn is_usable(&self, claim: &Claim) -> bool {
        self.clock.now_ms().saturating_sub(claim.taken_ms) < CLAIM_USABLE_MS
    }

    /// Gives a place back on which no registration was stored, surely.
    pub async fn give_back(&self, event: &EventId, claim: &Claim) -> Result<(), Failure> {
        if self.store.free_taken(event, &claim.taken).await? {
            self.remember(event, claim.seat, false);
        }
        Ok(())
    }

    /// Frees a place that a registration has left.
    pub async fn free(&self, event: &EventId, seat: u32, by: &RegistrationId) -> Result<(), Failure> {
        self.store.free_seat(event, seat, by).await?;
        self.remember(event, seat, false);
        Ok(())
    }

    /// Frees the places that were left behind. Whether all others have a registration on them: if not, some were taken too recently to
    /// say.
    pub async fn settle(&self, event: &EventId, capacity: u32) -> Result<bool, Failure> {
        // A place that one of these holds needs no further look: who leaves it later frees it.
        let held = if capacity > READ_SINGLY_MAX { self.held(event).await? } else { HashSet::new() };
        let mut are_all_held = true;
        // Places beyond a limit that was lowered count too, see `is_over`.
        for chunk in 0..=capacity / SEATS_PER_CHUNK + 1 {
            let long_ago_ms = self.clock.at_ms() as i64 - CLAIM_MS;
            let mut rows = self.store.taken_seats(event, chunk).await?;
            rows.retain(|row| !held.contains(&row.seat));
            let settling = stream::iter(rows).map(|row| async move {
                let found = self.store.registration(event, &row.by).await?;
                if found.is_some_and(|found| found.registration.holds(row.seat)) {
                    return Ok(true);
                }
                if row.at_ms < long_ago_ms && self.store.free_taken(event, &row).await? {
                    tracing::info!(%event, seat = row.seat, "a place that was left behind is free again");
                    self.remember(event, row.seat, false);
                    return Ok(true);
                }
                Ok::<_, Failure>(false)
            });
            let are_held: Vec<bool> = settling.buffer_unordered(READS_AT_ONCE_MAX).try_collect().await?;
            are_all_held &= are_held.into_iter().all(|is_held| is_held);
        }
        Ok(are_all_held)
    }

    /// The places that registrations hold.
    async fn held(&self, event: &EventId) -> Result<HashSet<u32>, Failure> {
        let shards = stream::iter(0..REGISTRATION_SHARDS).map(|shard| async move {
            let (mut held, mut after) = (Vec::new(), None);
            loop {
                let (page, next) = self.store.registrations_of_shard(event, shard, after).await?;
                let seats =
                    page.iter().filter_map(|it| it.registration.seat.filter(|seat| it.registration.holds(*seat)));
                held.extend(seats);
                after = next;
                if after.is_none() {
                    return Ok::<_, Failure>(held);
                }
            }
        });
        let held: Vec<Vec<u32>> = shards.buffer_unordered(SHARDS_AT_ONCE_MAX).try_collect().await?;
        Ok(held.into_iter().flatten().collect())
    }

    /// Whether places are taken that the event no longer has.
    async fn is_over(&self, event: &EventId, capacity: u32) -> Result<bool, Failure> {
        for (chunk, limit) in
            [(capacity / SEATS_PER_CHUNK, capacity % SEATS_PER_CHUNK), (capacity / SEATS_PER_CHUNK + 1, 0)]
        {
            if self.chunk(event, chunk, BELIEVED_FULL_MS).await?.has_any_from(limit) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A place that seems free, remembered as taken so that others here take the next.
    async fn pick(&self, event: &EventId, capacity: u32) -> Result<Option<u32>, Failure> {
        for believed_ms in [u64::MAX, BELIEVED_FULL_MS] {
            for chunk in 0..capacity.div_ceil(SEATS_PER_CHUNK) {
                self.chunk(event, chunk, believed_ms).await?;
                let limit = (capacity - chunk * SEATS_PER_CHUNK).min(SEATS_PER_CHUNK);
                let mut known = self.known.lock();
                let picked = known.get_mut(&(event.clone(), chunk)).and_then(|chunk| chunk.pick(limit));
                if let Some(seat) = picked {
                    return Ok(Some(chunk * SEATS_PER_CHUNK + seat));
                }
            }
        }
        Ok(None)
    }

    /// What is known of a chunk; read again when that is older.
    async fn chunk(&self, event: &EventId, chunk: u32, believed_ms: u64) -> Result<Chunk, Failure> {
        let place = (event.clone(), chunk);
        let now_ms = self.clock.now_ms();
        let known = self.known.lock().get(&place).cloned();
        if let Some(known) = known.filter(|known| now_ms.saturating_sub(known.read_ms) < believed_ms) {
            return Ok(known);
        }
        let mut fresh = Chunk { taken: [0; WORDS], read_ms: now_ms };
        for row in self.store.taken_seats(event, chunk).await? {
            fresh.set(row.seat % SEATS_PER_CHUNK, true);
        }
        let mut known = self.known.lock();
        if known.len() >= CHUNKS_REMEMBERED_MAX {
            known.clear();
        }
        known.insert(place, fresh.clone());
        Ok(fresh)
    }

    fn remember(&self, event: &EventId, seat: u32, taken: bool) {
        if let Some(chunk) = self.known.lock().get_mut(&(event.clone(), seat / SEATS_PER_CHUNK)) {
            chunk.set(seat % SEATS_PER_CHUNK, taken);
        }
    }
}
