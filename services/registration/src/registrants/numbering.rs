//! Numbered places for those who had one before their event had a limit. Over the bus in parts, a few events at a time: a large event
//! takes longer than a message has, so a part ends in time, says that there is more, and the next goes on where it ended. Nobody loses a
//! place by it, and what was done stays.

use std::{collections::HashMap, sync::Arc};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use parking_lot::Mutex;
use turnout_platform::{
    failure::Failure,
    ids::{EventId, RegistrationId},
};

use super::{RETRY_AFTER, Registrants, places::Filled};
use crate::{
    domain::{event::Event, registration::RegistrationState},
    store::registrations::{REGISTRATION_SHARDS, Sealed},
};

/// Events whose places are numbered at the same time: one that takes long does not hold up the others.
pub(super) const EVENTS_AT_ONCE_MAX: usize = 4;
/// Registrations that are put on a numbered place at the same time.
const NUMBERED_AT_ONCE_MAX: usize = 64;
/// How long a part goes on before it reads another page.
const PART_MS: u64 = 5000;
/// How often numbering one is tried again when somebody else changes the same registration at the same moment.
const NUMBER_TRIES_MAX: usize = 5;
/// Events of which it is remembered how far they are; beyond it all are forgotten, and gone through from the start.
const REMEMBERED_MAX: usize = 1000;

/// How far this process is with each event: so many shards, of that version of the event.
#[derive(Clone, Default)]
pub(super) struct Numbered(Arc<Mutex<HashMap<EventId, (i64, i64)>>>);

impl Numbered {
    fn shards(&self, event: &Event) -> i64 {
        let known = self.0.lock().get(&event.id).copied();
        known.filter(|(version, _)| *version == event.version).map_or(0, |(_, shards)| shards)
    }

    fn remember(&self, event: &Event, shards: i64) {
        let mut all = self.0.lock();
        if all.len() >= REMEMBERED_MAX {
            all.clear();
        }
        all.insert(event.id.clone(), (event.version, shards));
    }

    /// The next message begins anew.
    pub fn forget(&self, event: &EventId) {
        self.0.lock().remove(event);
    }
}

impl Registrants {
    /// Sees to it that everybody who has a place has a numbered one, if the event has a limit. Those who ask at the same moment share a
    /// part, and the parts of one event follow each other: each reads what the limit is when it begins, so that the last one counts.
    pub(super) async fn number_in_parts(&self, event: &EventId) -> Result<(), Failure> {
        self.numbering.one(event, || self.number_part(event)).await.map(drop)
    }

    async fn number_part(&self, id: &EventId) -> Result<Filled, Failure> {
        let event = match self.event(None, id).await {
            Ok(event) if event.settings.capacity > 0 => event,
            Ok(_) | Err(Failure::NotFound { .. }) => return Ok(Filled::Done),
            Err(failure) => return Err(failure),
        };
        let until_ms = self.clock.now_ms() + PART_MS;
        for shard in self.numbered.shards(&event)..REGISTRATION_SHARDS {
            if self.clock.now_ms() > until_ms || !self.number_shard(&event, shard, until_ms).await? {
                self.numbered.remember(&event, shard);
                return Err(Failure::Overloaded { retry_after: RETRY_AFTER });
            }
        }
        self.numbered.remember(&event, REGISTRATION_SHARDS);
        Ok(Filled::Done)
    }

    /// Puts everybody who has a place on a numbered one, before the event gets a limit that it did not have. What a call has done stays
    /// when its time is over, and the next goes on.
    pub async fn number_places(&self, event: &Event) -> Result<(), Failure> {
        for shard in 0..REGISTRATION_SHARDS {
            self.number_shard(event, shard, u64::MAX).await?;
        }
        Ok(())
    }

    /// Whether it came to the end of the shard before this moment.
    async fn number_shard(&self, event: &Event, shard: i64, until_ms: u64) -> Result<bool, Failure> {
        let mut after = None;
        loop {
            let (page, next) = self.store.registrations_of_shard(&event.id, shard, after).await?;
            let numbering = stream::iter(page).map(Ok::<_, Failure>);
            numbering.try_for_each_concurrent(NUMBERED_AT_ONCE_MAX, |it| self.number_place(event, it)).await?;
            after = next;
            if after.is_none() {
                return Ok(true);
            }
            if self.clock.now_ms() > until_ms {
                return Ok(false);
            }
        }
    }

    async fn number_place(&self, event: &Event, mut sealed: Sealed) -> Result<(), Failure> {
        for _ in 0..NUMBER_TRIES_MAX {
            let it = &sealed.registration;
            if it.state != RegistrationState::Registered || it.seat.is_some() || it.gave_place_back() {
                return Ok(());
            }
            let before = self.opened(sealed).await?;
            // Places that exist already are not taken from anybody: here the limit does not count.
            let Some(claim) = self.seats.claim_beyond(&event.id, &before.id).await? else { return Ok(()) };
            let after = before.clone().seated(claim.seat);
            if self.replace(&event.tenant, &before, &after, &[], Some(&claim), false).await? {
                return Ok(());
            }
            self.seats.give_back(&event.id, &claim).await?;
            let Some(found) = self.store.registration(&event.id, &before.id).await? else { return Ok(()) };
            sealed = found;
        }
        Err(Failure::Overloaded { retry_after: RETRY_AFTER })
    }

    /// The same for one who was stored just now without a numbered place. The event may have got its limit meanwhile, and what follows from
    /// that may have passed by this one.
    pub(super) async fn number_newcomer(&self, event: &EventId, id: &RegistrationId) -> Result<(), Failure> {
        let event = self.event(None, event).await?;
        if event.settings.capacity == 0 {
            return Ok(());
        }
        let Some(sealed) = self.store.registration(&event.id, id).await? else { return Ok(()) };
        self.number_place(&event, sealed).await
    }
}
