//! The waiting list: whenever a place may have become free, those who wait longest get it. Driven by what the bus tells of
//! cancellations, answers and events, so that no crash forgets anybody.

use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::time::timeout;
use turnout_platform::{
    bus::{
        Message,
        durable::{Handler, HandlerError},
    },
    failure::Failure,
    ids::{EventId, TenantId},
};
use turnout_proto::events::v1::{DomainEvent, EventChange, RegistrationChange, domain_event::What};

use super::{READS_AT_ONCE_MAX, RETRY_AFTER, Registrants, seats::Claim};
use crate::{
    domain::{
        event::{Event, State},
        registration::{Place, RegistrationState},
    },
    store::{registrations::Sealed, seats::Waiter},
};

/// Those who are promoted together: they are read together, get their places together, and are stored at the same time.
const PROMOTED_TOGETHER_MAX: usize = 64;
/// Of those, so many are under way at the store at the same time.
const PROMOTED_AT_ONCE_MAX: usize = 16;
/// Rounds of one pass, and for how long it begins another and looks for those who wait: few enough for the time that a handler has.
/// Everybody who is promoted tells of it, so that the next message goes on; and where nobody was, the message comes again.
const ROUNDS_MAX: usize = 32;
const PASS_MS: u64 = 5000;
/// How often a promotion is tried again when somebody else changes the same registration at the same moment.
const PROMOTE_TRIES_MAX: usize = 5;
/// Events whose lists are gone through at the same time.
pub(super) const EVENTS_AT_ONCE_MAX: usize = 8;
/// Messages about places that a process handles at once: those about one event wait for the same pass.
const MESSAGES_AT_ONCE: usize = 64;
/// The same of messages about events. What follows from other settings may be much, and is bounded by itself: see `numbering`.
const LIMITS_AT_ONCE: usize = 16;
/// A message that needed longer before it came to a pass leaves that to its next try, which has all its time for it.
const BEFORE_A_PASS_MS: u64 = 2000;
/// What is not at its end by then has met a store that hardly answers. The message waits for it, which is no failure of the message.
const HANDLED_MAX: Duration = Duration::from_secs(18);
/// Rows of the waiting list that are read at once to find the first who still waits.
const WAITERS_READ_MIN: usize = 20;
/// A row of the waiting list that is younger may belong to a registration that is about to be stored.
const FRESH_MS: i64 = 120_000;

impl Registrants {
    /// Somebody may have left a place, or begun to wait, or the event has other settings.
    async fn arrange_places(&self, event: &Event, has_other_settings: bool) -> Result<(), Failure> {
        let begun_ms = self.clock.now_ms();
        if has_other_settings {
            self.number_in_parts(&event.id).await?;
            if self.clock.now_ms().saturating_sub(begun_ms) > BEFORE_A_PASS_MS {
                return Err(Failure::Overloaded { retry_after: RETRY_AFTER });
            }
        }
        if self.fill_places(event).await? == Filled::Full {
            self.doubt(event).await?;
        }
        if has_other_settings {
            self.numbered.forget(&event.id);
        }
        Ok(())
    }

    /// Gives places to those who wait, the earliest first; to all of them once the event has no limit any more.
    pub(super) async fn fill_places(&self, event: &Event) -> Result<Filled, Failure> {
        self.passes.one(&event.id, || self.pass(&event.id)).await
    }

    /// Rounds, until nobody waits, or no place is free, or it takes too long.
    async fn pass(&self, id: &EventId) -> Result<Filled, Failure> {
        let (until_ms, mut promoted) = (self.clock.now_ms() + PASS_MS, 0);
        for round in 0..ROUNDS_MAX {
            // As it is now: others are answered by this pass too, and some ask because there is another limit.
            let event = match self.event(None, id).await {
                Ok(event) if event.state != State::Cancelled => event,
                Ok(_) | Err(Failure::NotFound { .. }) => return Ok(Filled::Done),
                Err(failure) => return Err(failure),
            };
            // Mostly nothing is free: one who waits is enough to find that out.
            let together = if round == 0 { 1 } else { PROMOTED_TOGETHER_MAX };
            let round = self.round(&event, together, until_ms).await?;
            promoted += round.promoted;
            if let Some(end) = round.end {
                return Ok(end);
            }
            if self.clock.now_ms() > until_ms {
                break;
            }
        }
        // Whoever was promoted tells of it, which goes on. If nobody was, nobody would.
        if promoted == 0 { Err(Failure::Overloaded { retry_after: RETRY_AFTER }) } else { Ok(Filled::Done) }
    }

    /// Gives places to the first who wait, as many as there are, and to nobody behind one who got none.
    async fn round(&self, event: &Event, together: usize, until_ms: u64) -> Result<Round, Failure> {
        let first = self.first_waiting(event, together, until_ms).await?;
        if first.is_empty() {
            // Nobody waits; or nobody was found in time.
            let is_known = self.clock.now_ms() <= until_ms;
            return Ok(Round { promoted: 0, end: is_known.then_some(Filled::Done) });
        }
        let capacity = event.settings.capacity;
        let claiming = stream::iter(first).map(|(waiter, sealed)| async move {
            let claim = match capacity {
                0 => Ok(Some(None)),
                capacity => self.seats.claim(&event.id, capacity, &waiter.id).await.map(|claim| claim.map(Some)),
            };
            (waiter, sealed, claim)
        });
        let (mut with_place, mut behind, mut failed, mut is_full) = (Vec::new(), Vec::new(), None, false);
        for (waiter, sealed, claim) in claiming.buffered(PROMOTED_AT_ONCE_MAX).collect::<Vec<_>>().await {
            match claim {
                Ok(Some(claim)) if failed.is_none() && !is_full => with_place.push((waiter, sealed, claim)),
                Ok(claim) => {
                    is_full |= claim.is_none();
                    behind.extend(claim.flatten());
                }
                Err(failure) => failed = failed.or(Some(failure)),
            }
        }
        for claim in &behind {
            self.seats.give_back(&event.id, claim).await?;
        }
        let is_nobodys = with_place.is_empty() && behind.is_empty();
        let promoting =
            stream::iter(with_place).map(|(waiter, sealed, claim)| self.promote(event, waiter, sealed, claim));
        let promoted: Vec<Result<bool, Failure>> = promoting.buffer_unordered(PROMOTED_AT_ONCE_MAX).collect().await;
        let promoted: Vec<bool> = promoted.into_iter().collect::<Result<_, _>>()?;
        if let Some(failure) = failed {
            return Err(failure);
        }
        let promoted = promoted.into_iter().filter(|is_promoted| *is_promoted).count();
        Ok(Round { promoted, end: is_nobodys.then_some(Filled::Full) })
    }

    /// Stores one who waited on their place. Whether they have one by it: if not, because they wait no more or somebody else gave them one,
    /// the place is given back.
    async fn promote(
        &self,
        event: &Event,
        waiter: Waiter,
        mut sealed: Sealed,
        claim: Option<Claim>,
    ) -> Result<bool, Failure> {
        let place = claim.as_ref().map_or(Place::Unlimited, |claim| Place::Seat(claim.seat));
        for _ in 0..PROMOTE_TRIES_MAX {
            let waiting = match self.opened(sealed).await {
                Ok(waiting) => waiting,
                Err(failure) => {
                    // Else each try of the message would take one more place for the same person.
                    if let Some(claim) = &claim {
                        self.seats.give_back(&event.id, claim).await?;
                    }
                    return Err(failure);
                }
            };
            let (after, changes) = waiting.clone().promoted(place);
            if self.replace(&event.tenant, &waiting, &after, &changes, claim.as_ref(), false).await? {
                self.store.remove_waiter(&event.id, &waiter).await?;
                return Ok(true);
            }
            // Whoever changes a detail at this moment does not lose their turn by it.
            let found = self.store.registration(&event.id, &waiter.id).await?;
            match found.filter(|found| still_waits(found, &waiter)) {
                Some(found) if claim.as_ref().is_none_or(|claim| self.seats.is_usable(claim)) => sealed = found,
                _ => break,
            }
        }
        if let Some(claim) = claim {
            self.seats.give_back(&event.id, &claim).await?;
        }
        Ok(false)
    }

    /// Those who wait longest, so many at most, as far as they are found before this moment. Rows of the list that lead to nobody who waits
    /// are removed on the way, unless they are so fresh that the registration may be about to be stored: whoever looks again goes on
    /// behind them.
    pub(super) async fn first_waiting(
        &self,
        event: &Event,
        limit: usize,
        until_ms: u64,
    ) -> Result<Vec<(Waiter, Sealed)>, Failure> {
        let (mut first, mut after) = (Vec::new(), None);
        let from_ms = self.lists.begins_at(&event.id);
        loop {
            let waiters = self.store.waiters(&event.id, from_ms, after.as_ref(), limit.max(WAITERS_READ_MIN)).await?;
            if after.is_none() {
                self.lists.learn(&event.id, waiters.first().map(|waiter| waiter.since_ms), self.at_ms());
            }
            after = waiters.last().cloned();
            if after.is_none() {
                return Ok(first);
            }
            let looks = stream::iter(waiters).map(|waiter| async move {
                let found = self.store.registration(&event.id, &waiter.id).await?;
                Ok::<_, Failure>((found.filter(|found| still_waits(found, &waiter)), waiter))
            });
            let mut looks = looks.buffered(limit.min(READS_AT_ONCE_MAX));
            while let Some((found, waiter)) = looks.try_next().await? {
                match found {
                    Some(found) => first.push((waiter, found)),
                    None if self.at_ms() - waiter.since_ms > FRESH_MS => {
                        self.store.remove_waiter(&event.id, &waiter).await?;
                    }
                    None => {}
                }
                if first.len() >= limit || self.clock.now_ms() > until_ms {
                    return Ok(first);
                }
            }
        }
    }
}

/// Whether it is this waiting that the row of the list is of.
fn still_waits(found: &Sealed, waiter: &Waiter) -> bool {
    let it = &found.registration;
    it.state == RegistrationState::Waiting && it.waiting_since_ms == Some(waiter.since_ms)
}

/// What a round has done.
struct Round {
    promoted: usize,
    /// None when there is more to do.
    end: Option<Filled>,
}

/// What became of those who wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Filled {
    /// Nobody waits who could have a place, or those who got one tell of it and the next message goes on.
    Done,
    /// Somebody waits and all places are taken, or seem to be.
    Full,
}

/// Hears of what may have freed a place.
pub(crate) struct Places {
    registrants: Registrants,
    at_once: usize,
}

impl Places {
    /// Hears of registrations: of many at once, which often are of one event.
    pub fn of_registrations(registrants: Registrants) -> Self {
        Self { registrants, at_once: MESSAGES_AT_ONCE }
    }

    /// Hears of events: of some at once, so that one with much to do does not hold up the others.
    pub fn of_limits(registrants: Registrants) -> Self {
        Self { registrants, at_once: LIMITS_AT_ONCE }
    }
}

#[tonic::async_trait]
impl Handler for Places {
    async fn handle(&self, message: &Message) -> Result<(), HandlerError> {
        let event: DomainEvent = prost::Message::decode(message.payload.as_ref())
            .map_err(|_| HandlerError::Poison("not a domain event".to_owned()))?;
        let mut is_freed = false;
        let (id, has_other_settings) = match event.what {
            Some(What::Registration(changed)) if frees_or_fills(changed.change()) => {
                is_freed = matches!(changed.change(), RegistrationChange::Cancelled | RegistrationChange::Rsvp);
                (changed.event_id, false)
            }
            Some(What::Event(changed)) => {
                let has_other_settings = matches!(changed.change(), EventChange::Details | EventChange::Moved);
                (changed.event_id, has_other_settings)
            }
            _ => return Ok(()),
        };
        let poison = |_| HandlerError::Poison("an id that is none".to_owned());
        let tenant: TenantId = event.tenant_id.parse().map_err(poison)?;
        let id: EventId = id.parse().map_err(poison)?;
        if is_freed {
            self.registrants.seats.distrust(&id);
        }
        let arranging = async {
            match self.registrants.event(Some(&tenant), &id).await {
                Ok(event) => self.registrants.arrange_places(&event, has_other_settings).await,
                Err(Failure::NotFound { .. }) => Ok(()),
                Err(failure) => Err(failure),
            }
        };
        let arranged = timeout(HANDLED_MAX, arranging).await;
        arranged.unwrap_or(Err(Failure::Unavailable { retry_after: RETRY_AFTER })).map_err(HandlerError::from)
    }

    fn at_once(&self) -> usize {
        self.at_once
    }
}

/// Who says that they do not come gives the place back. A promotion too: one message promotes so many and the next goes on. Somebody who
/// begins to wait may find a place that became free meanwhile.
fn frees_or_fills(change: RegistrationChange) -> bool {
    use RegistrationChange::{Cancelled, Promoted, Rsvp, Waiting};
    matches!(change, Cancelled | Rsvp | Promoted | Waiting)
}
