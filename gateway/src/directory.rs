//! What the gateway knows of events and ticket keys: answers of the registration service, kept for a moment.
//!
//! While registration does not answer, what is known goes on being used, however old: a gateway must not lose its viewers
//! because another service restarts.

use std::{collections::HashMap, hash::Hash, sync::Arc};

use parking_lot::Mutex;
use turnout_platform::{
    auth::TokenVerifier,
    clock::Clock,
    failure::Failure,
    ids::{EventId, RoomId, TenantId},
};
use turnout_proto::registration::v1::{Event, EventState, GetEventRequest, GetRoomRequest, GetTicketKeyRequest};

use crate::{
    upstream::{Upstream, bounded, failure},
    views::EventStateView,
};

/// An answer is asked for again after this.
const FRESH_MS: u64 = 2_000;
/// Events, and keys, that are kept. Beyond it the expired ones go, and if that is not enough, all.
const KNOWN_MAX: usize = 20_000;

/// An event as the public side needs it.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownEvent {
    /// The id.
    pub id: EventId,
    /// Whose it is.
    pub tenant: TenantId,
    /// What people see.
    pub title: String,
    /// Draft, live or ended.
    pub state: EventStateView,
    /// All of it.
    pub details: Arc<Event>,
}

impl KnownEvent {
    /// Only those who are registered, and let in, may watch: it costs something, or keeps the unconfirmed out.
    pub fn is_closed_house(&self) -> bool {
        let details = &self.details;
        details.published && (details.price.is_some() || (details.rsvp && details.refuse_unconfirmed))
    }
}

/// A tenant's ticket key.
#[derive(Debug, Clone)]
pub struct KnownKey {
    /// Whose it is.
    pub tenant: TenantId,
    /// What checks its tickets.
    pub verifier: TokenVerifier,
}

/// The directory.
pub struct Directory {
    upstream: Upstream,
    clock: Arc<dyn Clock>,
    events: Mutex<Known<EventId, KnownEvent>>,
    rooms: Mutex<Known<(EventId, RoomId), ()>>,
    keys: Mutex<Known<String, KnownKey>>,
}

impl Directory {
    /// An empty directory.
    pub fn new(upstream: Upstream, clock: Arc<dyn Clock>) -> Self {
        Self { upstream, clock, events: Mutex::default(), rooms: Mutex::default(), keys: Mutex::default() }
    }

    /// An event of whichever tenant; none when there is none.
    pub async fn event(&self, id: &EventId) -> Result<Option<KnownEvent>, Failure> {
        let now_ms = self.clock.now_ms();
        if let Some(known) = self.events.lock().fresh(id, now_ms) {
            return Ok(known.0);
        }
        let request = bounded(GetEventRequest { event_id: id.as_str().to_owned() });
        let answer = self.upstream.registration(None).get_event(request).await.map_err(failure);
        let found = match answer {
            Ok(response) => response.into_inner().event.and_then(known_event),
            Err(Failure::NotFound { .. }) => None,
            Err(other) => return self.events.lock().any_age(id).map(|known| known.0).ok_or(other),
        };
        self.events.lock().keep(id.clone(), found.clone(), now_ms);
        Ok(found)
    }

    /// Whether an event has a room.
    pub async fn has_room(&self, event: &EventId, room: &RoomId) -> Result<bool, Failure> {
        let (key, now_ms) = ((event.clone(), room.clone()), self.clock.now_ms());
        if let Some(known) = self.rooms.lock().fresh(&key, now_ms) {
            return Ok(known.0.is_some());
        }
        let (event_id, room_id) = (event.as_str().to_owned(), room.as_str().to_owned());
        let request = bounded(GetRoomRequest { event_id, room_id });
        let found = match self.upstream.registration(None).get_room(request).await.map_err(failure) {
            Ok(_) => Some(()),
            Err(Failure::NotFound { .. }) => None,
            Err(other) => return self.rooms.lock().any_age(&key).map(|known| known.0.is_some()).ok_or(other),
        };
        self.rooms.lock().keep(key, found, now_ms);
        Ok(found.is_some())
    }

    /// Forgets an event, so that the next look asks anew.
    pub fn forget(&self, id: &EventId) {
        self.events.lock().map.remove(id);
    }

    /// A ticket key; none when nobody registered it.
    pub async fn ticket_key(&self, key_id: &str) -> Result<Option<KnownKey>, Failure> {
        let now_ms = self.clock.now_ms();
        let id = key_id.to_owned();
        if let Some(known) = self.keys.lock().fresh(&id, now_ms) {
            return Ok(known.0);
        }
        let request = bounded(GetTicketKeyRequest { key_id: id.clone() });
        let answer = self.upstream.registration(None).get_ticket_key(request).await.map_err(failure);
        let found = match answer.map(tonic::Response::into_inner) {
            Ok(key) => key
                .tenant_id
                .parse()
                .ok()
                .map(|tenant| KnownKey { tenant, verifier: TokenVerifier::of_tenant(&key.public_key) }),
            Err(Failure::NotFound { .. }) => None,
            Err(other) => return self.keys.lock().any_age(&id).map(|known| known.0).ok_or(other),
        };
        self.keys.lock().keep(id, found.clone(), now_ms);
        Ok(found)
    }
}

fn known_event(event: Event) -> Option<KnownEvent> {
    let state = state_view(event.state());
    Some(KnownEvent {
        id: event.event_id.parse().ok()?,
        tenant: event.tenant_id.parse().ok()?,
        title: event.title.clone(),
        state,
        details: Arc::new(event),
    })
}

/// A state of the wire for the pages.
pub fn state_view(state: EventState) -> EventStateView {
    match state {
        EventState::Live => EventStateView::Live,
        EventState::Ended => EventStateView::Ended,
        EventState::Cancelled => EventStateView::Cancelled,
        EventState::Draft | EventState::Unspecified => EventStateView::Draft,
    }
}

/// An answer of registration. None is an answer too: there is no such thing.
#[derive(Debug, Clone)]
struct Answer<V>(Option<V>);

/// Answers with the time until which they are fresh.
#[derive(Debug)]
struct Known<K, V> {
    map: HashMap<K, (Answer<V>, u64)>,
}

impl<K, V> Default for Known<K, V> {
    fn default() -> Self {
        Self { map: HashMap::new() }
    }
}

impl<K: Eq + Hash, V: Clone> Known<K, V> {
    fn fresh(&self, key: &K, now_ms: u64) -> Option<Answer<V>> {
        self.map.get(key).filter(|(_, until_ms)| *until_ms > now_ms).map(|(value, _)| value.clone())
    }

    fn any_age(&self, key: &K) -> Option<Answer<V>> {
        self.map.get(key).map(|(value, _)| value.clone())
    }

    fn keep(&mut self, key: K, value: Option<V>, now_ms: u64) {
        if self.map.len() >= KNOWN_MAX {
            self.map.retain(|_, (_, until_ms)| *until_ms > now_ms);
            if self.map.len() >= KNOWN_MAX {
                self.map.clear();
            }
        }
        self.map.insert(key, (Answer(value), now_ms + FRESH_MS));
    }
}
