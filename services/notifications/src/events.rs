//! What comes from the durable bus: registrations, events and messages that changed. A handler does little and may do it again; work over all
//! registrants of an event is written down and done by the worker.

use std::sync::Arc;

use prost::Message as _;
use turnout_platform::{
    bus::{
        Message,
        durable::{Handler, HandlerError},
    },
    clock::Clock,
    ids::{EventId, TenantId},
};
use turnout_proto::events::v1::{DomainEvent, EventChange, domain_event::What};

use crate::{
    domain::fields,
    fan_out::{DETAILS, FanOuts},
    notices::Notices,
    planner::Planner,
    store::{Store, Target},
    worker::Hurry,
};

/// Messages of the bus that are handled at the same time.
const AT_ONCE: usize = 8;

/// Writes down whose messages are to be planned. The planning asks other services: who waits for one of them holds up nobody else.
pub(crate) struct OnRegistration {
    pub notices: Notices,
    pub store: Store,
    pub clock: Arc<dyn Clock>,
    pub hurry: Hurry,
}

#[tonic::async_trait]
impl Handler for OnRegistration {
    async fn handle(&self, message: &Message) -> Result<(), HandlerError> {
        let (tenant, event) = read(message)?;
        let Some(What::Registration(changed)) = &event.what else { return Ok(()) };
        let id: EventId = parsed(&changed.event_id)?;
        fields::token("registration_id", &changed.registration_id)
            .map_err(|_| HandlerError::Poison("an id that is none".to_owned()))?;
        self.notices.tell(&tenant, &event).await.map_err(HandlerError::from)?;
        let change = changed.change();
        if !Planner::plans_for(change) {
            return Ok(());
        }
        let (registration, version) = (changed.registration_id.clone(), changed.version);
        let now_ms = self.clock.at_ms() as i64;
        let target = Target::Plan { event: id, registration, change, version, by_person: changed.by_person };
        self.store.look_at(&tenant, &target, now_ms, now_ms).await.map_err(HandlerError::from)?;
        self.hurry.look_at(&tenant, target);
        Ok(())
    }

    fn at_once(&self) -> usize {
        AT_ONCE
    }
}

/// Begins the work over all registrants of an event that was moved, cancelled or set otherwise.
pub(crate) struct OnEvent {
    pub notices: Notices,
    pub fan_outs: FanOuts,
    pub hurry: Hurry,
}

#[tonic::async_trait]
impl Handler for OnEvent {
    async fn handle(&self, message: &Message) -> Result<(), HandlerError> {
        let (tenant, event) = read(message)?;
        let Some(What::Event(changed)) = &event.what else { return Ok(()) };
        let id: EventId = parsed(&changed.event_id)?;
        self.notices.tell(&tenant, &event).await.map_err(HandlerError::from)?;
        let word = match changed.change() {
            EventChange::Moved => "moved",
            EventChange::Cancelled => "cancelled",
            EventChange::Details => DETAILS,
            _ => return Ok(()),
        };
        let target = self.fan_outs.begin(&tenant, &id, word, changed.version).await.map_err(HandlerError::from)?;
        self.hurry.look_at(&tenant, target);
        Ok(())
    }
}

/// Tells webhooks what became of messages: of our own, which come over the bus like everything else that is told.
pub(crate) struct OnMessage {
    pub notices: Notices,
}

#[tonic::async_trait]
impl Handler for OnMessage {
    async fn handle(&self, message: &Message) -> Result<(), HandlerError> {
        let (tenant, event) = read(message)?;
        self.notices.tell(&tenant, &event).await.map_err(HandlerError::from)
    }

    fn at_once(&self) -> usize {
        AT_ONCE
    }
}

fn read(message: &Message) -> Result<(TenantId, DomainEvent), HandlerError> {
    let event = DomainEvent::decode(message.payload.clone())
        .map_err(|_| HandlerError::Poison("not a domain event".to_owned()))?;
    Ok((parsed(&event.tenant_id)?, event))
}

fn parsed<T: std::str::FromStr>(id: &str) -> Result<T, HandlerError> {
    id.parse().map_err(|_| HandlerError::Poison("an id that is none".to_owned()))
}
