//! The roll: who takes part in an event, searched, sorted and counted. Personal columns are sealed in the tables, so nothing there can
//! be searched by; the roll reads an event once, unseals it, and keeps it in memory while it is used.
//!
//! It is never the truth: the tables are. Changes come from the own process at once ([`Roll::changed`]) and from others over the durable
//! bus, each with a version, and only newer versions are taken; so any number of processes agree. When the bus was away, changes may have
//! been missed, and what is held is read anew. [`Roll::recount`] compares with the tables. Whoever calls has authenticated the caller and,
//! where it must be, written the audit log.

mod entry;
mod figures;
mod filter;
mod held;
mod list;
mod metrics;
mod pages;
mod questions;
mod reader;
mod reading;
mod settings;
mod statistics;
mod totals;

use std::{pin::Pin, sync::Arc, time::Duration};

use futures_util::{FutureExt as _, Stream, future::select_all};
use prometheus_client::registry::Registry;
use prost::Message as _;
use tokio::time::Instant;
use tonic::Status;
use turnout_platform::{
    auth::{Principal, codes::Codes},
    bus::{
        Message,
        durable::{self, Consumer, DurableMetrics, Handler, HandlerError, Running, SharedDurableBus},
        subjects::{self, EventKind},
    },
    clock::Clock,
    failure::Failure,
    ids::{EventId, TenantId},
    lifecycle::Lifecycle,
    tables::Tables,
    vault::Vault,
};
use turnout_proto::events::v1::{DomainEvent, domain_event::What};

pub(crate) use self::settings::{REGISTRANT_SETTINGS, RegistrantSettings};

use self::{entry::Entry, held::Held, metrics::RollMetrics, reader::Reader};
use crate::{
    domain::{event::Event, fields, registration::Registration},
    store::Store,
};

/// Messages about registrations that are handled at the same time. The order is of no matter: the newest version wins.
const MESSAGES_AT_ONCE_MAX: usize = 16;
/// How often it is looked, while nothing is heard of other processes, which lists have grown too old.
const UNHEARD_LOOK: Duration = Duration::from_secs(1);

/// A stream of answers.
pub(crate) type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// What the roll needs.
pub(crate) struct RollDeps {
    /// Opened with the tables of this service, the vault's among them.
    pub tables: Arc<dyn Tables>,
    pub vault: Vault,
    pub codes: Codes,
    pub bus: SharedDurableBus,
    pub durable_metrics: DurableMetrics,
    pub clock: Arc<dyn Clock>,
    pub life: Lifecycle,
}

/// The roll of all events. A clone is another handle on the same.
#[derive(Clone)]
pub(crate) struct Roll {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    tables: Arc<dyn Tables>,
    vault: Vault,
    codes: Codes,
    clock: Arc<dyn Clock>,
    life: Lifecycle,
    metrics: RollMetrics,
    held: Arc<Held>,
    news: totals::News,
}

impl Roll {
    /// Begins to hear of changes in other processes.
    pub fn start(deps: RollDeps, registry: &mut Registry) -> Self {
        let RollDeps { tables, vault, codes, bus, durable_metrics, clock, life } = deps;
        let (store, metrics) = (Store::new(tables.clone()), RollMetrics::register(registry));
        let held = Arc::new(Held::new(Reader::new(store.clone(), vault.clone()), metrics.clone()));
        let news = totals::News::default();
        let mut running = Vec::new();
        for kind in [EventKind::Registration, EventKind::Event] {
            let consumer = Consumer { name: None, pattern: subjects::all_events(kind) };
            let handler = Arc::new(Follower { held: held.clone(), news: news.clone() });
            running.push(durable::run(&life, bus.clone(), consumer, durable_metrics.clone(), handler));
        }
        let (late, stopping) = (held.clone(), life.stopping());
        life.spawn("registrants catch up", async move {
            tokio::select! {
                () = stopping => {}
                () = catch_up(&late, running) => {}
            }
            Ok(())
        });
        totals::run(held.clone(), store.clone(), clock.clone(), metrics.clone(), news.clone(), &life);
        Self { inner: Arc::new(Inner { store, tables, vault, codes, clock, life, metrics, held, news }) }
    }

    /// A registration was stored by this process: every later answer of this process knows it. Cheap when nobody uses the event's list.
    pub fn changed(&self, tenant: &TenantId, registration: &Registration) {
        self.inner.news.of(&registration.event);
        if let Some(held) = self.inner.held.known(&registration.event).filter(|held| held.is_of(tenant)) {
            held.arrived(Entry::of(registration));
        }
    }

    pub(crate) fn reader(&self) -> &Reader {
        self.inner.held.reader()
    }

    /// The event, if the caller may see it.
    async fn event(&self, caller: &Principal, id: &str) -> Result<Event, Failure> {
        let id: EventId = fields::id("event_id", id)?;
        let tenant = if caller.sees_all_tenants() { None } else { Some(caller.tenant()?) };
        let found = self.inner.store.event(&id).await?;
        found
            .filter(|event| tenant.is_none_or(|tenant| *tenant == event.tenant))
            .ok_or(Failure::NotFound { what: "event" })
    }
}

/// What was read before the first message could be heard may be old by then, and so may everything after the bus was away. While it is
/// away, it is looked for again and again.
async fn catch_up(held: &Held, mut running: Vec<Running>) {
    loop {
        let all_hear = running.iter().all(Running::hears);
        let changes = select_all(running.iter_mut().map(|running| running.changed().boxed()));
        tokio::select! {
            _ = changes => held.spoil(),
            () = tokio::time::sleep(UNHEARD_LOOK), if !all_hear => held.grow_old(Instant::now()),
        }
    }
}

/// Hears of changes and reads what is newer than what is known.
struct Follower {
    held: Arc<Held>,
    news: totals::News,
}

#[tonic::async_trait]
impl Handler for Follower {
    async fn handle(&self, message: &Message) -> Result<(), HandlerError> {
        let event = DomainEvent::decode(message.payload.clone());
        let event = event.map_err(|_| HandlerError::Poison("is no domain event".to_owned()))?;
        match event.what {
            Some(What::Registration(change)) => {
                let ids = (change.event_id.parse(), change.registration_id.parse());
                let (Ok(event), Ok(id)) = ids else {
                    return Err(HandlerError::Poison("names no registration".to_owned()));
                };
                self.news.of(&event);
                self.held.follow(&event, &id, change.version).await
            }
            Some(What::Event(change)) => {
                if let Ok(event) = change.event_id.parse() {
                    self.news.of(&event);
                    if let Some(held) = self.held.known(&event) {
                        held.touch();
                    }
                }
                Ok(())
            }
            _ => Ok(()),
        }
        .map_err(HandlerError::from)
    }

    fn at_once(&self) -> usize {
        MESSAGES_AT_ONCE_MAX
    }
}
