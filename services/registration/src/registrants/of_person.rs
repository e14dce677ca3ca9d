//! The registrations of one person across the events of a tenant, in pages. People have few: each page sorts all of their events anew, and
//! reads the registrations of the page only.

use std::{cmp::Reverse, fmt, str::FromStr};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use turnout_platform::{
    failure::Failure,
    ids::{EventId, InvalidId, PersonId, RegistrationId, TenantId},
    page_tokens::TimePlace,
};

use super::{READS_AT_ONCE_MAX, Registrants};
use crate::domain::{event::Event, registration::Registration};

/// A registration as a page token names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Spot {
    event: EventId,
    id: RegistrationId,
}

impl fmt::Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.event, self.id)
    }
}

impl FromStr for Spot {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let (event, id) = text.split_once('/').ok_or(InvalidId)?;
        Ok(Self { event: event.parse()?, id: id.parse()? })
    }
}

/// By the start of its event.
pub(crate) type PlaceOfPerson = TimePlace<Spot>;

impl Registrants {
    /// A page of the registrations of a person with their events, the newest event first, and where the list goes on. It may be short
    /// although another follows.
    pub async fn of_person(
        &self,
        tenant: &TenantId,
        person: &PersonId,
        after: Option<PlaceOfPerson>,
        limit: usize,
    ) -> Result<(Vec<(Event, Registration)>, Option<PlaceOfPerson>), Failure> {
        let places = self.store.places_of_person(tenant, person).await?;
        let events = stream::iter(places).map(|(event, id)| async move {
            let found = self.store.event(&event).await?.filter(|event| event.tenant == *tenant);
            Ok::<_, Failure>(found.map(|found| {
                let place = TimePlace { at_ms: found.settings.starts_at_ms, id: Spot { event, id } };
                (place, found)
            }))
        });
        let events: Vec<_> = events.buffered(READS_AT_ONCE_MAX).try_collect().await?;
        let order = |place: &PlaceOfPerson| (Reverse(place.at_ms), place.id.clone());
        let mut events: Vec<(PlaceOfPerson, Event)> = events.into_iter().flatten().collect();
        events.retain(|(place, _)| after.as_ref().is_none_or(|after| order(place) > order(after)));
        events.sort_by_cached_key(|(place, _)| order(place));
        let has_more = events.len() > limit;
        events.truncate(limit);
        let next = events.last().filter(|_| has_more).map(|(place, _)| place.clone());
        let found = stream::iter(events).map(|(place, event)| async move {
            let sealed = self.store.registration(&event.id, &place.id.id).await?;
            match sealed.filter(|sealed| sealed.registration.person.as_ref() == Some(person)) {
                Some(sealed) => Ok::<_, Failure>(Some((event, self.opened(sealed).await?))),
                // A registration that was cut off, or that retention has cut loose.
                None => Ok(None),
            }
        });
        let found: Vec<_> = found.buffered(READS_AT_ONCE_MAX).try_collect().await?;
        Ok((found.into_iter().flatten().collect(), next))
    }
}
