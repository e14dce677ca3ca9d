//! Writes that are cut off after any of them, as by a crash: nothing half is ever seen, and a retry completes what was begun.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use turnout_platform::tables::{Page, PutIf, Range, Row, Table, TableError, Tables, Value, Write};
use turnout_proto::profiles::v1::{EnsurePersonRequest, ListPeopleRequest};

use crate::{
    bed::{Bed, Stage, ensure},
    consents::{allowed, granted, record, withdrawn},
    update::{PHONE, phone_change},
};

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

/// A process that ends after so many writes.
async fn process_cut_after(stage: &Stage, writes: usize) -> Bed {
    let cut = CutAfter { tables: stage.tables.clone(), writes_left: writes.into() };
    stage.with_tables(Arc::new(cut)).process().await
}

async fn ids(bed: &Bed) -> Vec<String> {
    let list = bed.mesh().list_people(ListPeopleRequest::default()).await.unwrap().into_inner();
    assert_eq!(list.total as usize, list.people.len());
    list.people.into_iter().map(|person| person.person_id).collect()
}

#[tokio::test]
async fn a_person_cut_off_after_any_write_is_there_or_not_and_a_retry_makes_one() {
    let request = EnsurePersonRequest { email: "anna@example.org".into(), ..EnsurePersonRequest::default() };
    let mut writes = 0;
    loop {
        let stage = Stage::embedded().await;
        let cut = process_cut_after(&stage, writes).await;
        let answer = ensure(&mut cut.mesh(), request.clone()).await;

        let restarted = stage.process().await;
        let before = ids(&restarted).await;
        assert_eq!(before.len(), usize::from(answer.is_ok()), "after {writes} writes");
        let retried = ensure(&mut restarted.mesh(), request.clone()).await.unwrap();
        assert_eq!(retried.created, answer.is_err(), "after {writes} writes");
        let id = retried.person.unwrap().person_id;
        assert_eq!(ids(&restarted).await, std::slice::from_ref(&id), "after {writes} writes");
        let found = ensure(&mut restarted.mesh(), request.clone()).await.unwrap();
        assert_eq!((found.created, found.person.unwrap().person_id), (false, id));
        if answer.is_ok() {
            break;
        }
        writes += 1;
    }
    assert_eq!(writes, 4, "identity, key, announcement, person");
}

#[tokio::test]
async fn statements_cut_off_after_any_write_are_all_there_or_none_and_a_retry_states_them_once() {
    let statements = || vec![granted("marketing", "email"), granted("marketing", "sms")];
    let mut writes = 0;
    loop {
        let stage = Stage::embedded().await;
        let id = stage.process().await.person("anna@example.org", "").await.person_id;
        let cut = process_cut_after(&stage, writes).await;
        let answer = record(&mut cut.mesh(), &id, "once", statements()).await;

        let restarted = stage.process().await;
        for channel in ["email", "sms"] {
            assert_eq!(allowed(&restarted, &id, "marketing", channel).await, answer.is_ok(), "after {writes} writes");
        }
        // Somebody takes back meanwhile: a late retry does not give again what was taken back after it had begun.
        restarted.clock.advance_ms(1000);
        record(&mut restarted.mesh(), &id, "no", vec![withdrawn("marketing", "email")]).await.unwrap();
        record(&mut restarted.mesh(), &id, "once", statements()).await.unwrap();
        assert_eq!(allowed(&restarted, &id, "marketing", "email").await, writes == 0, "after {writes} writes");
        assert!(allowed(&restarted, &id, "marketing", "sms").await, "after {writes} writes");
        if answer.is_ok() {
            break;
        }
        writes += 1;
    }
    assert_eq!(writes, 4, "request, two places to look, the statements");
}

#[tokio::test]
async fn item_26_a_change_of_number_cut_off_after_any_write_never_leaves_a_new_number_with_old_consents() {
    let mut writes = 0;
    loop {
        let stage = Stage::embedded().await;
        let first = stage.process().await;
        let id = first.person("anna@example.org", "").await.person_id;
        phone_change(&mut first.mesh(), &id, "+358401234567").await.unwrap();
        record(&mut first.mesh(), &id, "yes", vec![granted("marketing", "sms")]).await.unwrap();

        let cut = process_cut_after(&stage, writes).await;
        let answer = phone_change(&mut cut.mesh(), &id, PHONE).await;
        let restarted = stage.process().await;
        let person = restarted.get(&id).await;
        let consented = allowed(&restarted, &id, "marketing", "sms").await;
        assert!(!(person.phone == PHONE && consented), "after {writes} writes");
        assert_eq!(person.phone == PHONE, answer.is_ok(), "after {writes} writes");

        phone_change(&mut restarted.mesh(), &id, PHONE).await.unwrap();
        assert!(!allowed(&restarted, &id, "marketing", "sms").await);
        if answer.is_ok() {
            break;
        }
        writes += 1;
    }
    assert!(writes >= 4, "request, withdrawal, the audit log, announcement, person");
}
