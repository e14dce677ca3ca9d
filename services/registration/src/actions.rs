//! What registration does: each action with its reads and writes in order. Knows no wire types and does not authenticate: it is
//! told the tenant, or who calls where that depends on what is found. An id of another tenant is the same to it as an id of nobody.

mod api_keys;

use turnout_platform::{
    auth::{Principal, Refused, TokenKind},
    failure::Failure,
    ids::{EventId, RoomId, TenantId},
    outbox::EventKind,
    page_tokens::TimePlace,
    random,
};
use turnout_proto::events::v1::{DomainEvent, EventChange as WireChange, EventChanged, domain_event::What};

use crate::{
    Registration,
    domain::{
        event::{Event, EventChange, State},
        keys::{self, KeyId, TICKET_KEYS_PER_TENANT_MAX, TicketKey},
        room::{self, ROOMS_PER_EVENT_MAX, Room},
        settings::{Patch, Settings},
        sign_in::Link,
    },
    metrics::LinkOutcome,
    registrants::About,
    rpc::wire,
    store::{Creation, EventPage},
};

pub use api_keys::NewApiKey;

/// How often a change is tried again when somebody else changes the same event, or the same room, at the same moment.
const CHANGE_TRIES_MAX: usize = 5;

impl Registration {
    /// Creates an event, or returns the one that the same creation has made before.
    pub(crate) async fn create_event(
        &self,
        tenant: &TenantId,
        id: EventId,
        title: String,
        settings: Settings,
    ) -> Result<Event, Failure> {
        let wanted = Event::draft(tenant.clone(), id, title, settings, self.at_ms());
        let found = if let Some(found) = self.store.event(&wanted.id).await? {
            found
        } else {
            let announcement = self.outbox.announce(self.told(&wanted, EventChange::Details)).await?;
            match self.store.create_event(&wanted).await? {
                Creation::Created => {
                    announcement.done();
                    return Ok(wanted);
                }
                Creation::Found(found) => {
                    // An own try of before may have taken effect only now: see `registrants::refused`.
                    if found.is_repeated_by(&wanted) {
                        announcement.done();
                    } else {
                        announcement.withdrawn().await;
                    }
                    found
                }
            }
        };
        if found.is_repeated_by(&wanted) { Ok(found) } else { Err(Failure::AlreadyExists { what: "event" }) }
    }

    /// One event of this tenant, or of any when there is none.
    pub(crate) async fn event(&self, tenant: Option<&TenantId>, id: &EventId) -> Result<Event, Failure> {
        let found = self.store.event(id).await?;
        found
            .filter(|event| tenant.is_none_or(|tenant| *tenant == event.tenant))
            .ok_or(Failure::NotFound { what: "event" })
    }

    /// A page of a tenant's events.
    pub(crate) async fn events(
        &self,
        tenant: &TenantId,
        after: Option<TimePlace<EventId>>,
        limit: usize,
    ) -> Result<EventPage, Failure> {
        let page = self.store.events_of(tenant, after, limit).await?.whole()?;
        self.metrics.index_rows_skipped(page.skipped);
        Ok(page)
    }

    /// Moves an event on, which is in the audit log before. With an expected version nothing happens to any other version.
    pub(crate) async fn change_state(
        &self,
        caller: &Principal,
        id: &EventId,
        to: State,
        expected: Option<i64>,
    ) -> Result<Event, Failure> {
        let mut is_entered = false;
        for _ in 0..CHANGE_TRIES_MAX {
            let event = self.event(Some(caller.tenant()?), id).await?;
            let version = event.version;
            if expected.is_some_and(|expected| expected != version) {
                break;
            }
            let before = event.clone();
            let moved = event.moved_to(to, self.at_ms())?;
            if !is_entered {
                self.registrants.enter_act(caller, "event.state", About::Event(id), to.to_string()).await?;
                is_entered = true;
            }
            let change = if to == State::Cancelled { EventChange::Cancelled } else { EventChange::State };
            if self.replace(&before, &moved, change).await? {
                self.metrics.state_changed(to);
                return Ok(moved);
            }
        }
        Err(Failure::Changed { what: "event" })
    }

    /// Changes an event's settings, which is in the audit log before, with the fields that are named. With an expected version nothing
    /// happens to any other version.
    pub(crate) async fn update_event(
        &self,
        caller: &Principal,
        id: &EventId,
        patch: &Patch,
        named: &str,
        expected: Option<i64>,
    ) -> Result<Event, Failure> {
        let mut is_entered = false;
        for _ in 0..CHANGE_TRIES_MAX {
            let event = self.event(Some(caller.tenant()?), id).await?;
            let version = event.version;
            if expected.is_some_and(|expected| expected != version) {
                break;
            }
            let Some((changed, change)) = event.patched(patch)? else { return Ok(event) };
            if !is_entered {
                self.registrants.enter_act(caller, "event.update", About::Event(id), named.to_owned()).await?;
                is_entered = true;
            }
            if event.settings.capacity == 0 && changed.settings.capacity > 0 {
                // Before the limit is known to anybody: those who have a place count.
                self.registrants.number_places(&event).await?;
            }
            if self.replace(&event, &changed, change).await? {
                return Ok(changed);
            }
        }
        Err(Failure::Changed { what: "event" })
    }

    /// Puts an event in the place of what it was, and tells of it; false when another version was there. Then it tells of that one, which
    /// may be an own try of before that took effect only now: see `registrants::refused`.
    async fn replace(&self, before: &Event, after: &Event, change: EventChange) -> Result<bool, Failure> {
        let announcement = self.outbox.announce(self.told(after, change)).await?;
        // An error leaves open what happened: then the announcement is left to the sweeper.
        let stored = self.store.replace_event(after, before.version).await?;
        if stored {
            announcement.done();
            return Ok(true);
        }
        match self.store.event(&after.id).await?.map(|found| (found.version, found.change_since(before))) {
            Some((version, found)) if version == after.version && found == change => announcement.done(),
            Some((version, found)) if version == after.version => {
                self.outbox.announce(self.told(after, found)).await?.done();
                announcement.withdrawn().await;
            }
            _ => announcement.withdrawn().await,
        }
        Ok(false)
    }

    fn told(&self, event: &Event, change: EventChange) -> Vec<(EventKind, DomainEvent)> {
        let change = match change {
            EventChange::Details => WireChange::Details,
            EventChange::Moved => WireChange::Moved,
            EventChange::Cancelled => WireChange::Cancelled,
            EventChange::State => WireChange::State,
        };
        let changed = EventChanged { event_id: event.id.to_string(), change: change.into(), version: event.version };
        let told = DomainEvent {
            message_id: String::new(),
            tenant_id: event.tenant.to_string(),
            at: Some(wire::timestamp(self.at_ms())),
            what: Some(What::Event(changed)),
        };
        vec![(EventKind::Event, told)]
    }

    /// Creates a room, or returns the one that the same creation has made before.
    pub(crate) async fn create_room(
        &self,
        tenant: &TenantId,
        event: EventId,
        id: RoomId,
        title: String,
    ) -> Result<Room, Failure> {
        self.event(Some(tenant), &event).await?;
        let wanted = Room::new(event, id, title, self.at_ms());
        let (rooms, _) = self.store.rooms_of(&wanted.event, None, ROOMS_PER_EVENT_MAX).await?;
        let count = rooms.len();
        let found = match rooms.into_iter().find(|room| room.id == wanted.id) {
            Some(found) => found,
            None if count >= ROOMS_PER_EVENT_MAX => return Err(room::too_many()),
            None => match self.store.create_room(&wanted).await? {
                Creation::Created => return Ok(wanted),
                Creation::Found(found) => found,
            },
        };
        if found.is_repeated_by(&wanted) { Ok(found) } else { Err(Failure::AlreadyExists { what: "room" }) }
    }

    /// Gives a room another title, which is in the audit log before. With an expected version nothing happens to any other version. Nobody
    /// is told: whoever shows titles reads them.
    pub(crate) async fn rename_room(
        &self,
        caller: &Principal,
        event: &EventId,
        id: &RoomId,
        title: &str,
        expected: Option<i64>,
    ) -> Result<Room, Failure> {
        let mut is_entered = false;
        for _ in 0..CHANGE_TRIES_MAX {
            let room = self.room(Some(caller.tenant()?), event, id).await?;
            if expected.is_some_and(|expected| expected != room.version) {
                break;
            }
            let Some(renamed) = room.renamed(title) else { return Ok(room) };
            if !is_entered {
                self.registrants.enter_act(caller, "room.update", About::Event(event), format!("{id}: title")).await?;
                is_entered = true;
            }
            if self.store.replace_room(&renamed, room.version).await? {
                return Ok(renamed);
            }
        }
        Err(Failure::Changed { what: "room" })
    }

    /// One room of an event of this tenant, or of any when there is none.
    pub(crate) async fn room(&self, tenant: Option<&TenantId>, event: &EventId, id: &RoomId) -> Result<Room, Failure> {
        self.event(tenant, event).await?;
        self.store.room(event, id).await?.ok_or(Failure::NotFound { what: "room" })
    }

    /// A page of the rooms of an event of this tenant, or of any when there is none; and whether more follow.
    pub(crate) async fn rooms(
        &self,
        tenant: Option<&TenantId>,
        event: &EventId,
        after: Option<RoomId>,
        limit: usize,
    ) -> Result<(Vec<Room>, bool), Failure> {
        self.event(tenant, event).await?;
        self.store.rooms_of(event, after, limit).await
    }

    /// Registers a ticket key. The same key again has the same id again.
    pub(crate) async fn register_ticket_key(&self, tenant: &TenantId, public_key: [u8; 32]) -> Result<KeyId, Failure> {
        let known = self.store.ticket_keys_of(tenant).await?;
        if let Some(key) = known.iter().find(|key| key.public_key == public_key) {
            return Ok(key.id.clone());
        }
        if known.len() >= TICKET_KEYS_PER_TENANT_MAX {
            return Err(keys::too_many());
        }
        let key = TicketKey { id: new_key_id(), tenant: tenant.clone(), public_key, created_at_ms: self.at_ms() };
        self.store.add_ticket_key(&key).await?;
        Ok(key.id)
    }

    /// One ticket key, by an id that anyone may have made up.
    pub(crate) async fn ticket_key(&self, id: &str) -> Result<TicketKey, Failure> {
        let found = match id.parse() {
            Ok(id) => self.store.ticket_key(&id).await?,
            Err(keys::NoKeyId) => None,
        };
        found.ok_or(Failure::NotFound { what: "ticket key" })
    }

    /// Uses up a sign-in link; the tenant whose console it opens.
    pub(crate) async fn redeem(&self, token: &str) -> Result<TenantId, Failure> {
        let link = self.verified(token).map_err(|outcome| {
            self.metrics.link_presented(outcome);
            Failure::Unauthenticated
        })?;
        let first = self.store.use_link(&link, self.at_ms()).await?;
        self.metrics.link_presented(if first { LinkOutcome::Redeemed } else { LinkOutcome::UsedBefore });
        if first {
            return Ok(link.tenant);
        }
        Err(Failure::Precondition(
            "this sign-in link has been used; print a new one with `turnout sign-in-link`".to_owned(),
        ))
    }

    fn verified(&self, token: &str) -> Result<Link, LinkOutcome> {
        let at_s = self.clock.at_s();
        let claims = self.sign_in.verify(token, TokenKind::SignIn, at_s).map_err(|reason| match reason {
            Refused::Expired => LinkOutcome::Expired,
            _ => LinkOutcome::Refused,
        })?;
        Link::of(claims, at_s).ok_or(LinkOutcome::Refused)
    }
}

fn new_key_id() -> KeyId {
    random::token_128().parse().expect("128 bits in base64 are 22 characters")
}
