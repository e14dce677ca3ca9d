//! Writes that are cut off after any of them, as by a crash: nothing half is ever seen, and a retry completes what was begun.

use turnout_proto::profiles::v1::{EnsurePersonRequest, ListPeopleRequest};

use crate::{
    bed::{Bed, Stage, ensure},
    consents::{allowed, granted, record, withdrawn},
    update::{PHONE, phone_change},
};

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
        let watching = stage.process().await;
        assert!(ids(&watching).await.is_empty());
        let cut = stage.cut_after(writes).process().await;
        let answer = ensure(&mut cut.mesh(), request.clone()).await;
        assert_eq!(ids(&watching).await.len(), usize::from(answer.is_ok()), "after {writes} writes");

        let restarted = stage.process().await;
        let before = ids(&restarted).await;
        assert_eq!(before.len(), usize::from(answer.is_ok()), "after {writes} writes");
        let retried = ensure(&mut restarted.mesh(), request.clone()).await.unwrap();
        assert_eq!(retried.created, answer.is_err(), "after {writes} writes");
        let id = retried.person.unwrap().person_id;
        assert_eq!(ids(&restarted).await, std::slice::from_ref(&id), "after {writes} writes");
        assert_eq!(ids(&watching).await, std::slice::from_ref(&id), "after {writes} writes");
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
        let cut = stage.cut_after(writes).process().await;
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

        let cut = stage.cut_after(writes).process().await;
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
