//! Creations that are cut off after any of their writes, as by a crash: what was there before stays right, and a retry completes.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use prometheus_client::registry::Registry;
use tonic::{Request, Status};
use turnout_platform::{
    auth::{Caller, MeshKey, Principal, TokenVerifier},
    clock::ManualClock,
    tables::{Page, PutIf, Range, Row, Table, TableError, Tables, Value, Write},
};
use turnout_proto::registration::v1::{
    CreateEventRequest, Event, EventState, ListEventsRequest, ListRoomsRequest,
    registration_service_server::RegistrationService as _,
};
use turnout_registration::{DEMO_EVENT, DEMO_TENANT, Deps, Registration};

use crate::bed::open_tables;

/// Lets so many writes through and then none, as if the process had ended there.
struct CutAfter {
    tables: Arc<dyn Tables>,
    writes_left: AtomicUsize,
}

impl CutAfter {
    fn write(&self) -> Result<(), TableError> {
        let taken = self.writes_left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        taken.map(drop).map_err(|_| TableError::Unavailable("cut off".to_owned()))
    }
}

#[tonic::async_trait]
impl Tables for CutAfter {
    async fn put(&self, row: Row) -> Result<(), TableError> {
        self.write()?;
        self.tables.put(row).await
    }

    async fn put_if_absent(&self, row: Row) -> Result<Option<Row>, TableError> {
        self.write()?;
        self.tables.put_if_absent(row).await
    }

    async fn put_if_version(&self, row: Row, expected: i64) -> Result<PutIf, TableError> {
        self.write()?;
        self.tables.put_if_version(row, expected).await
    }

    async fn get(&self, table: &'static Table, key: Vec<Value>) -> Result<Option<Row>, TableError> {
        self.tables.get(table, key).await
    }

    async fn range(&self, range: Range) -> Result<Page, TableError> {
        self.tables.range(range).await
    }

    async fn delete(&self, table: &'static Table, key: Vec<Value>) -> Result<(), TableError> {
        self.write()?;
        self.tables.delete(table, key).await
    }

    async fn delete_partition(&self, table: &'static Table, partition: Vec<Value>) -> Result<(), TableError> {
        self.write()?;
        self.tables.delete_partition(table, partition).await
    }

    async fn batch(&self, writes: Vec<Write>) -> Result<(), TableError> {
        self.write()?;
        self.tables.batch(writes).await
    }

    async fn batch_across(&self, writes: Vec<Write>) -> Result<(), TableError> {
        self.write()?;
        self.tables.batch_across(writes).await
    }
}

fn registration(tables: Arc<dyn Tables>, at_ms: u64) -> Registration {
    let sign_in = TokenVerifier::of_mesh(&MeshKey::generate());
    Registration::new(Deps { tables, clock: Arc::new(ManualClock::at(at_ms)), sign_in }, &mut Registry::default())
}

fn by<T>(tenant: &str, message: T) -> Request<T> {
    let principal = Principal { caller: Caller::ApiKey("test".into()), tenant: Some(tenant.parse().unwrap()) };
    let mut request = Request::new(message);
    request.extensions_mut().insert(principal);
    request
}

async fn create(registration: &Registration, event_id: &str) -> Result<Event, Status> {
    let request = CreateEventRequest { event_id: event_id.into(), title: "Title".into() };
    Ok(registration.create_event(by("acme", request)).await?.into_inner().event.unwrap())
}

async fn list(registration: &Registration, tenant: &str) -> Vec<Event> {
    registration.list_events(by(tenant, ListEventsRequest::default())).await.unwrap().into_inner().events
}

#[tokio::test]
async fn a_creation_cut_off_after_any_of_its_writes_shows_a_whole_event_or_none_and_a_retry_completes_it() {
    for writes in 0..=2 {
        let folder = tempfile::tempdir().unwrap();
        let tables = open_tables(&folder).await;
        let old = create(&registration(tables.clone(), 1000), "old").await.unwrap();

        let cut = CutAfter { tables: tables.clone(), writes_left: writes.into() };
        let created = create(&registration(Arc::new(cut), 2000), "gala").await;
        assert_eq!(created.is_ok(), writes == 2);

        let restarted = registration(tables, 3000);
        let mut whole = vec![old];
        whole.splice(0..0, created.ok());
        assert_eq!(list(&restarted, "acme").await, whole, "after {writes} writes");

        let retried = create(&restarted, "gala").await.unwrap();
        let ids: Vec<String> = list(&restarted, "acme").await.into_iter().map(|event| event.event_id).collect();
        assert_eq!(ids, ["gala", "old"], "after {writes} writes");
        assert_eq!(list(&restarted, "acme").await[0], retried);
    }
}

#[tokio::test]
async fn a_first_start_cut_off_after_any_of_its_writes_is_completed_by_the_next_which_gives_the_key() {
    let mut writes = 0;
    loop {
        let folder = tempfile::tempdir().unwrap();
        let tables = open_tables(&folder).await;
        let cut = CutAfter { tables: tables.clone(), writes_left: writes.into() };
        let came_to_its_end = registration(Arc::new(cut), 1000).ensure_demo().await.is_ok();

        let restarted = registration(tables, 2000);
        let second = restarted.ensure_demo().await.unwrap();
        assert_eq!(second.first_api_key.is_some(), !came_to_its_end, "after {writes} writes");
        let events = list(&restarted, DEMO_TENANT).await;
        assert_eq!(events.len(), 1, "after {writes} writes");
        assert_eq!(events[0].state(), EventState::Live);
        let rooms = ListRoomsRequest { event_id: DEMO_EVENT.into(), ..ListRoomsRequest::default() };
        let rooms = restarted.list_rooms(by(DEMO_TENANT, rooms)).await.unwrap().into_inner().rooms;
        assert_eq!(rooms.len(), 2);
        if came_to_its_end {
            break;
        }
        writes += 1;
    }
    assert_eq!(writes, 6, "index row, event, two rooms, key, state");
}
