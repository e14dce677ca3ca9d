//! Gives out the numbered places of events that have a limit: never more than there are, whoever asks at the same moment, and none is
//! lost for good when somebody dies between taking a place and storing the registration.
//!
//! What is remembered here is only a hint where to look; a conditional write decides. A place is taken first and the registration is
//! stored on it soon afterwards. A place that was taken [`CLAIM_MS`] ago and has no registration on it was left behind: [`Seats::settle`]
//! frees it, and `settling` says when. While more places are taken than the event has, because its limit was lowered, none is given.

mod chunks;

use std::{collections::HashSet, sync::Arc, time::Duration};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use turnout_platform::{
    clock::Clock,
    failure::Failure,
    ids::{EventId, RegistrationId},
    tables::{CONDITIONAL_WRITE_MAX, WRITE_MAX},
};

use self::chunks::{Chunks, Picked, Want};
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
/// Other processes may take the place that one wants: so often another is tried.
const TRIES_MAX: usize = 100;
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// Chunks that are read at the same time to find a place.
const CHUNKS_AT_ONCE_MAX: usize = 8;
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
    chunks: Chunks,
}

/// A place that is taken for a registration that has yet to be stored.
#[derive(Debug)]
pub(super) struct Claim {
    pub seat: u32,
    taken: Taken,
    taken_ms: u64,
}

impl Seats {
    pub fn new(store: Store, clock: Arc<dyn Clock>) -> Self {
        Self { chunks: Chunks::new(store.clone(), clock.clone()), store, clock }
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
                    self.chunks.remember(event, seat, false);
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
            self.chunks.remember(event, claim.seat, false);
        }
        Ok(())
    }

    /// Frees a place that a registration has left.
    pub async fn free(&self, event: &EventId, seat: u32, by: &RegistrationId) -> Result<(), Failure> {
        self.store.free_seat(event, seat, by).await?;
        self.chunks.remember(event, seat, false);
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
                    self.chunks.remember(event, row.seat, false);
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
            self.chunks.read(event, chunk, Want::Fresh).await?;
            if self.chunks.has_any_from(event, chunk, limit) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A place that seems free. Where all seem taken, all is looked at anew, unless somebody did so a moment ago.
    async fn pick(&self, event: &EventId, capacity: u32) -> Result<Option<u32>, Failure> {
        let (mut from, chunks) = (0, capacity.div_ceil(SEATS_PER_CHUNK));
        loop {
            match self.chunks.pick_from(event, from, capacity) {
                Picked::Seat(seat) => return Ok(Some(seat)),
                Picked::Full => break,
                Picked::Unknown(chunk) => from = chunk,
            }
            let ahead = from..chunks.min(from + CHUNKS_AT_ONCE_MAX as u32);
            stream::iter(ahead)
                .map(|chunk| self.chunks.read(event, chunk, Want::Any))
                .buffered(CHUNKS_AT_ONCE_MAX)
                .try_for_each(|()| std::future::ready(Ok(())))
                .await?;
        }
        let anew = stream::iter(0..chunks).map(|chunk| async move {
            self.chunks.read(event, chunk, Want::Fresh).await?;
            Ok::<_, Failure>(chunk)
        });
        let mut anew = anew.buffered(CHUNKS_AT_ONCE_MAX);
        while let Some(chunk) = anew.try_next().await? {
            if let Some(seat) = self.chunks.pick_in(event, chunk, capacity) {
                return Ok(Some(seat));
            }
        }
        Ok(None)
    }

    /// A place has become free, perhaps in another process: it is not believed any more that the event is full.
    pub fn distrust(&self, event: &EventId) {
        self.chunks.distrust(event);
    }
}
