//! A conditional write that ends with an error and takes effect when the next one comes, as at a store of several nodes: whoever is
//! refused by it tells of it, once nobody listens to its own announcement any more.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use parking_lot::Mutex;
use prost::Message as _;
use turnout_platform::{
    auth::MeshKey,
    bus::durable::{Consumer, Deliveries, EventKind, all_events},
    tables::{Page, PutIf, Range, Row, Table, TableError, Tables, Value, Write},
};
use turnout_proto::{
    events::v1::{DomainEvent, EventChange, RegistrationChange, domain_event::What},
    registration::v1::{CancelRegistrationRequest, Event, RegistrationState, UpdateEventRequest},
};

use crate::{
    bed::{Bed, open_tables, starts_at},
    profiles::FakeProfiles,
    registering::{cancel, get, mask, open_event, person, register, registered},
};

/// Tables of which one holds back a conditional write, when a test says so.
struct Late {
    tables: Arc<dyn Tables>,
    table: &'static str,
    holds_next: AtomicBool,
    held: Mutex<Option<(Row, Option<i64>)>>,
}

impl Late {
    async fn takes_effect(&self) {
        let held = self.held.lock().take();
        match held {
            Some((row, None)) => assert_eq!(self.tables.put_if_absent(row).await, Ok(None)),
            Some((row, Some(expected))) => {
                assert_eq!(self.tables.put_if_version(row, expected).await, Ok(PutIf::Stored));
            }
            None => {}
        }
    }

    /// Whether this write is held back.
    fn holds(&self, row: &Row, expected: Option<i64>) -> bool {
        let holds = row.table().name == self.table && self.holds_next.swap(false, Ordering::SeqCst);
        if holds {
            *self.held.lock() = Some((row.clone(), expected));
        }
        holds
    }
}

fn no_answer<T>() -> Result<T, TableError> {
    Err(TableError::Timeout("nobody knows yet".to_owned()))
}

#[tonic::async_trait]
impl Tables for Late {
    async fn put_if_absent(&self, row: Row) -> Result<Option<Row>, TableError> {
        if self.holds(&row, None) {
            return no_answer();
        }
        if row.table().name == self.table {
            self.takes_effect().await;
        }
        self.tables.put_if_absent(row).await
    }

    async fn put_if_version(&self, row: Row, expected: i64) -> Result<PutIf, TableError> {
        if self.holds(&row, Some(expected)) {
            return no_answer();
        }
        if row.table().name == self.table {
            self.takes_effect().await;
        }
        self.tables.put_if_version(row, expected).await
    }

    async fn put(&self, row: Row) -> Result<(), TableError> {
        self.tables.put(row).await
    }

    async fn get(&self, table: &'static Table, key: Vec<Value>) -> Result<Option<Row>, TableError> {
        self.tables.get(table, key).await
    }

    async fn range(&self, range: Range) -> Result<Page, TableError> {
        self.tables.range(range).await
    }

    async fn delete(&self, table: &'static Table, key: Vec<Value>) -> Result<(), TableError> {
        self.tables.delete(table, key).await
    }

    async fn delete_partition(&self, table: &'static Table, partition: Vec<Value>) -> Result<(), TableError> {
        self.tables.delete_partition(table, partition).await
    }

    async fn batch(&self, writes: Vec<Write>) -> Result<(), TableError> {
        self.tables.batch(writes).await
    }

    async fn batch_across(&self, writes: Vec<Write>) -> Result<(), TableError> {
        self.tables.batch_across(writes).await
    }
}

/// A service whose clock stands still, so that nothing is swept: what is told is told by who came later.
struct Setting {
    bed: Bed,
    late: Arc<Late>,
    _folder: tempfile::TempDir,
}

impl Setting {
    async fn of(table: &'static str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tables = open_tables(&folder).await;
        let late = Arc::new(Late { tables, table, holds_next: AtomicBool::new(false), held: Mutex::new(None) });
        let bed = Bed::with(late.clone(), &MeshKey::generate(), FakeProfiles::default()).await;
        Self { bed, late, _folder: folder }
    }

    async fn hears(&self, kind: EventKind) -> Deliveries {
        self.bed.bus.consume(Consumer { name: None, pattern: all_events(kind) }).await.unwrap()
    }

    fn hold_the_next(&self) {
        self.late.holds_next.store(true, Ordering::SeqCst);
    }
}

async fn next(heard: &mut Deliveries) -> What {
    let delivery = heard.next().await.unwrap();
    let event = DomainEvent::decode(delivery.message.payload.clone()).unwrap();
    delivery.ack().await.unwrap();
    event.what.unwrap()
}

async fn next_change(heard: &mut Deliveries) -> (RegistrationChange, i64) {
    match next(heard).await {
        What::Registration(changed) => (changed.change(), changed.version),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_registration_that_is_stored_late_is_told_by_the_retry_that_finds_it() {
    let setting = Setting::of("registrations_by_event").await;
    let mut acme = open_event(&setting.bed, Event::default(), &[]).await;
    let mut heard = setting.hears(EventKind::Registration).await;
    setting.hold_the_next();
    register(&mut acme, person("anna@example.org")).await.unwrap_err();
    setting.bed.clock.advance_ms(1);
    let retried = register(&mut acme, person("anna@example.org")).await.unwrap();
    assert!(!retried.created, "it finds what was stored late");
    assert_eq!(next_change(&mut heard).await, (RegistrationChange::Registered, 1));
}

#[tokio::test]
async fn a_cancellation_that_is_stored_late_is_told_and_its_place_is_given_to_who_waits() {
    let setting = Setting::of("registrations_by_event").await;
    let of_one = Event { capacity: 1, waiting_list: true, ..Event::default() };
    let mut acme = open_event(&setting.bed, of_one, &["capacity", "waiting_list"]).await;
    let anna = registered(&mut acme, "anna@example.org").await;
    let bert = registered(&mut acme, "bert@example.org").await;
    assert_eq!(bert.state(), RegistrationState::Waiting);
    let mut heard = setting.hears(EventKind::Registration).await;
    setting.hold_the_next();
    let (event_id, registration_id) = ("gala".into(), anna.registration_id.clone());
    acme.cancel_registration(CancelRegistrationRequest { event_id, registration_id, act: None }).await.unwrap_err();
    setting.bed.clock.advance_ms(1);
    assert_eq!(cancel(&mut acme, &anna.registration_id).await.state(), RegistrationState::Cancelled);
    while next_change(&mut heard).await != (RegistrationChange::Cancelled, 2) {}
    // The place seems taken until it is looked at.
    crate::bed::comes("the place", async || {
        setting.bed.clock.advance_ms(1000);
        let mut acme = setting.bed.registrants(Some("acme"));
        get(&mut acme, &bert.registration_id).await.state() == RegistrationState::Registered
    })
    .await;
}

#[tokio::test]
async fn what_stands_in_the_way_is_told_as_what_it_is_and_not_as_what_was_wanted() {
    let setting = Setting::of("registrations_by_event").await;
    let mut acme = open_event(&setting.bed, Event::default(), &[]).await;
    let anna = registered(&mut acme, "anna@example.org").await;
    let mut heard = setting.hears(EventKind::Registration).await;
    setting.hold_the_next();
    let renamed = turnout_proto::registration::v1::UpdateRegistrationRequest {
        registration: Some(turnout_proto::registration::v1::Registration {
            event_id: "gala".into(),
            registration_id: anna.registration_id.clone(),
            name: "Anna B".into(),
            ..Default::default()
        }),
        update_mask: Some(mask(&["name"])),
        ..Default::default()
    };
    acme.update_registration(renamed).await.unwrap_err();
    assert_eq!(cancel(&mut acme, &anna.registration_id).await.version, 3);
    let mut told = vec![next_change(&mut heard).await, next_change(&mut heard).await];
    told.retain(|told| *told != (RegistrationChange::Registered, 1));
    while told.len() < 2 {
        told.push(next_change(&mut heard).await);
    }
    told.sort_by_key(|(_, version)| *version);
    assert_eq!(told, [(RegistrationChange::Details, 2), (RegistrationChange::Cancelled, 3)]);
}

#[tokio::test]
async fn an_event_that_is_moved_late_is_told_as_moved_by_the_retry_that_finds_it() {
    let setting = Setting::of("events_by_id").await;
    let _acme = open_event(&setting.bed, Event::default(), &[]).await;
    let mut heard = setting.hears(EventKind::Event).await;
    let moved = || {
        let starts_at = starts_at().map(|at| prost_types::Timestamp { seconds: at.seconds + 3600, nanos: 0 });
        let event = Some(Event { event_id: "gala".into(), starts_at, ..Event::default() });
        UpdateEventRequest { event, update_mask: Some(mask(&["starts_at"])), expected_version: 0 }
    };
    setting.hold_the_next();
    let mut organiser = setting.bed.mesh(Some("acme"));
    organiser.update_event(moved()).await.unwrap_err();
    assert_eq!(organiser.update_event(moved()).await.unwrap().into_inner().event.unwrap().version, 3);
    loop {
        match next(&mut heard).await {
            What::Event(changed) if changed.version == 3 => {
                assert_eq!(changed.change(), EventChange::Moved);
                return;
            }
            What::Event(_) => {}
            other => panic!("{other:?}"),
        }
    }
}
