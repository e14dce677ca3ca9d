//! The waiting list: whenever a place may have become free, those who wait longest get it. Driven by what the bus tells of
//! cancellations and of events, so that no crash forgets anybody.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use turnout_platform::{
    bus::{
        Message,
        durable::{Handler, HandlerError},
    },
    failure::Failure,
    ids::{EventId, TenantId},
};
use turnout_proto::events::v1::{DomainEvent, EventChange, RegistrationChange, domain_event::What};

use super::Registrants;
use crate::{
    domain::{
        event::{Event, State},
        registration::{Place, Registration, RegistrationState},
    },
    store::{
        registrations::{REGISTRATION_SHARDS, Sealed},
        seats::Waiter,
    },
};

/// Those who are promoted by one message, few enough for the time that a handler has; each of them tells of another change, so that the
/// next message goes on.
const PROMOTED_AT_ONCE_MAX: usize = 20;
/// Registrations that are put on a numbered place at the same time.
const NUMBERED_AT_ONCE_MAX: usize = 64;
/// Rows of the waiting list that are read at once to find the first who still waits.
const WAITERS_READ_MAX: usize = 20;
/// A row of the waiting list that is younger may belong to a registration that is about to be stored.
const FRESH_MS: i64 = 120_000;

impl Registrants {
    /// Somebody may have left a place, or begun to wait, or the event has other settings.
    async fn arrange_places(&self, event: &Event, has_other_settings: bool) -> Result<(), Failure> {
        if event.settings.capacity > 0 && has_other_settings {
            self.number_places(event).await?;
        }
        if self.fill_places(event).await? == Filled::Full {
            self.doubt(event).await?;
        }
        Ok(())
    }

    /// Gives places to those who wait, the earliest first; to all of them once the event has no limit any more.
    pub(super) async fn fill_places(&self, event: &Event) -> Result<Filled, Failure> {
        let capacity = event.settings.capacity;
        if event.state == State::Cancelled {
            return Ok(Filled::Done);
        }
        for _ in 0..PROMOTED_AT_ONCE_MAX {
            let Some((waiter, waiting)) = self.first_waiting(event).await? else { return Ok(Filled::Done) };
            let claim = match capacity {
                0 => None,
                capacity => match self.seats.claim(&event.id, capacity, &waiting.id).await? {
                    Some(claim) => Some(claim),
                    None => return Ok(Filled::Full),
                },
            };
            let place = claim.as_ref().map_or(Place::Unlimited, |claim| Place::Seat(claim.seat));
            let (after, changes) = waiting.clone().promoted(place);
            if self.replace(&event.tenant, &waiting, &after, &changes, claim.as_ref()).await? {
                self.store.remove_waiter(&event.id, &waiter).await?;
            } else if let Some(claim) = claim {
                self.seats.give_back(&event.id, &claim).await?;
            }
        }
        Ok(Filled::Done)
    }

    /// Who waits longest. Rows of the list that lead to nobody who waits are removed on the way, unless they are so fresh that the
    /// registration may be about to be stored.
    pub(super) async fn first_waiting(&self, event: &Event) -> Result<Option<(Waiter, Registration)>, Failure> {
        let mut after = None;
        loop {
            let waiters = self.store.waiters(&event.id, after, WAITERS_READ_MAX).await?;
            after = waiters.last().cloned();
            if after.is_none() {
                return Ok(None);
            }
            for waiter in waiters {
                let found = self.store.registration(&event.id, &waiter.id).await?;
                let waits = |found: &Sealed| {
                    let it = &found.registration;
                    it.state == RegistrationState::Waiting && it.waiting_since_ms == Some(waiter.since_ms)
                };
                if let Some(found) = found.filter(waits) {
                    return Ok(Some((waiter, self.opened(found).await?)));
                }
                if self.at_ms() - waiter.since_ms > FRESH_MS {
                    self.store.remove_waiter(&event.id, &waiter).await?;
                }
            }
        }
    }

    /// Puts everybody who has a place on a numbered one: the event gets a limit that it did not have. Nobody loses a place by it. What a
    /// call has done stays when its time is over, and the next goes on.
    pub async fn number_places(&self, event: &Event) -> Result<(), Failure> {
        for shard in 0..REGISTRATION_SHARDS {
            let mut after = None;
            loop {
                let (page, next) = self.store.registrations_of_shard(&event.id, shard, after).await?;
                let numbering = stream::iter(page).map(Ok::<_, Failure>);
                numbering.try_for_each_concurrent(NUMBERED_AT_ONCE_MAX, |it| self.number_place(event, it)).await?;
                after = next;
                if after.is_none() {
                    break;
                }
            }
        }
        Ok(())
    }

    async fn number_place(&self, event: &Event, sealed: Sealed) -> Result<(), Failure> {
        let it = &sealed.registration;
        if it.state != RegistrationState::Registered || it.seat.is_some() {
            return Ok(());
        }
        let before = self.opened(sealed).await?;
        // Places that exist already are not taken from anybody: here the limit does not count.
        let Some(claim) = self.seats.claim_beyond(&event.id, &before.id).await? else { return Ok(()) };
        let after = before.clone().seated(claim.seat);
        if !self.replace(&event.tenant, &before, &after, &[], Some(&claim)).await? {
            self.seats.give_back(&event.id, &claim).await?;
        }
        Ok(())
    }
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
pub(crate) struct Places(pub Registrants);

#[tonic::async_trait]
impl Handler for Places {
    async fn handle(&self, message: &Message) -> Result<(), HandlerError> {
        let event: DomainEvent = prost::Message::decode(message.payload.as_ref())
            .map_err(|_| HandlerError::Poison("not a domain event".to_owned()))?;
        let (id, has_other_settings) = match event.what {
            Some(What::Registration(changed)) if frees_or_fills(changed.change()) => (changed.event_id, false),
            Some(What::Event(changed)) => {
                let has_other_settings = matches!(changed.change(), EventChange::Details | EventChange::Moved);
                (changed.event_id, has_other_settings)
            }
            _ => return Ok(()),
        };
        let poison = |_| HandlerError::Poison("an id that is none".to_owned());
        let tenant: TenantId = event.tenant_id.parse().map_err(poison)?;
        let id: EventId = id.parse().map_err(poison)?;
        let filled = match self.0.event(Some(&tenant), &id).await {
            Ok(event) => self.0.arrange_places(&event, has_other_settings).await,
            Err(Failure::NotFound { .. }) => Ok(()),
            Err(failure) => Err(failure),
        };
        filled.map_err(|failure| HandlerError::Retry(failure.to_string()))
    }
}

/// A promotion too: one message promotes so many and the next goes on. Somebody who begins to wait may find a place that became free
/// meanwhile.
fn frees_or_fills(change: RegistrationChange) -> bool {
    matches!(change, RegistrationChange::Cancelled | RegistrationChange::Promoted | RegistrationChange::Waiting)
}
