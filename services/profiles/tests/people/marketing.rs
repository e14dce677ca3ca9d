//! Who is named for marketing, as a list and as a file: nobody who has not agreed to just that, and nobody at all while too many of the
//! tenant's mails are marked as spam.

use std::{collections::BTreeSet, sync::atomic::Ordering};

use futures_util::TryStreamExt as _;
use proptest::{strategy::Strategy as _, strategy::ValueTree as _, test_runner::TestRunner};
use tonic::{Code, Status};
use turnout_platform::auth::Role;
use turnout_proto::profiles::v1::{
    EnsurePersonRequest, ExportConsentingRequest, ExportConsentingResponse, ListAuditRequest, ListConsentingRequest,
    ListConsentingResponse, Person,
};

use crate::{
    bed::{Bed, ensure, refused, refused_field},
    consents::{allowed, granted, of_form, record, withdrawn},
};

async fn list(bed: &Bed, purpose: &str) -> Result<ListConsentingResponse, Status> {
    let (purpose, channel) = (purpose.into(), "email".into());
    let request = ListConsentingRequest { purpose, channel, ..ListConsentingRequest::default() };
    bed.member(Role::Organiser).list_consenting(request).await.map(tonic::Response::into_inner)
}

#[tokio::test]
async fn while_marketing_is_stopped_nobody_is_named_for_it_and_the_answer_says_what_to_do() {
    for bed in Bed::each("while_marketing_is_stopped_nobody_is_named_for_it_and_the_answer_says_what_to_do").await {
        let id = bed.person("anna@example.org", "Anna").await.person_id;
        let statements =
            vec![granted("marketing", "email"), granted("partners", "email"), granted("reminders", "email")];
        record(&mut bed.mesh(), &id, "1", statements).await.unwrap();
        assert_eq!(list(&bed, "marketing").await.unwrap().people.len(), 1);

        let advice = "marketing is stopped because 3 of the 3 mails were marked as spam";
        *bed.postbox.stopped.lock() = Some(advice.to_owned());
        for purpose in ["marketing", "partners"] {
            let stopped = refused(list(&bed, purpose).await, Code::FailedPrecondition);
            assert_eq!(stopped.message(), advice, "{purpose}");
        }
        assert_eq!(list(&bed, "reminders").await.unwrap().people.len(), 1, "they asked to be reminded");

        *bed.postbox.stopped.lock() = None;
        assert_eq!(list(&bed, "partners").await.unwrap().people.len(), 1);
        bed.postbox.silent.store(true, Ordering::SeqCst);
        refused(list(&bed, "marketing").await, Code::Unavailable);
        assert_eq!(list(&bed, "reminders").await.unwrap().people.len(), 1, "of which nobody has to be asked");
        bed.postbox.silent.store(false, Ordering::SeqCst);
        assert_eq!(list(&bed, "marketing").await.unwrap().people.len(), 1);
    }
}

async fn export(bed: &Bed, purpose: &str, channel: &str) -> Result<Vec<ExportConsentingResponse>, Status> {
    let (purpose, channel, reason) = (purpose.into(), channel.into(), "the next festival".into());
    let request = ExportConsentingRequest { purpose, channel, reason };
    bed.member(Role::Organiser).export_consenting(request).await?.into_inner().try_collect().await
}

async fn exported(bed: &Bed, purpose: &str, channel: &str) -> Vec<Person> {
    export(bed, purpose, channel).await.unwrap().into_iter().flat_map(|part| part.people).collect()
}

#[tokio::test]
async fn item_45_46_49_the_file_holds_everybody_with_a_current_grant_of_that_purpose_and_channel_and_nobody_else() {
    const PEOPLE: usize = 10;
    let mut runner = TestRunner::deterministic();
    let actions = proptest::collection::vec((0..PEOPLE, 0..3_usize, 0..4_usize, 0..3_u8), 60);
    let purposes = ["marketing", "partners", "reminders"];
    let channels = ["email", "sms", "social", "*"];
    for bed in Bed::each("item_45_46_49_the_file_holds_everybody_with_a_current_grant").await {
        let mut ids = Vec::new();
        for n in 0..PEOPLE {
            ids.push(bed.person(&format!("p{n}@example.org"), "Somebody").await.person_id);
        }
        let steps = actions.new_tree(&mut runner).unwrap().current();
        for (n, (person, purpose, channel, what)) in steps.into_iter().enumerate() {
            let (purpose, channel) = (purposes[purpose], channels[channel]);
            let statement = match what {
                0 if channel != "*" => granted(purpose, channel),
                1 if channel != "*" => of_form(purpose, channel),
                _ => withdrawn(purpose, channel),
            };
            record(&mut bed.mesh(), &ids[person], &format!("step-{n}"), vec![statement]).await.unwrap();
        }
        for purpose in purposes {
            for channel in &channels[..3] {
                let mut expected = BTreeSet::new();
                for id in &ids {
                    if allowed(&bed, id, purpose, channel).await {
                        expected.insert(id.clone());
                    }
                }
                let found = exported(&bed, purpose, channel).await;
                assert_eq!(found.len(), expected.len(), "{purpose} by {channel}: nobody twice");
                assert!(found.iter().all(|person| !person.email.is_empty()), "{purpose} by {channel}");
                let found: BTreeSet<String> = found.into_iter().map(|person| person.person_id).collect();
                assert_eq!(found, expected, "{purpose} by {channel}");
            }
        }
    }
}

#[tokio::test]
async fn item_45_a_file_says_how_many_it_names_and_is_entered_with_its_reason_before_anybody_is_named() {
    let bed = Bed::embedded().await;
    let nobody = export(&bed, "marketing", "email").await.unwrap();
    assert_eq!((nobody.len(), nobody[0].matching, nobody[0].people.len()), (1, 0, 0), "a part that says so");
    let id = bed.person("anna@example.org", "Anna").await.person_id;
    record(&mut bed.mesh(), &id, "1", vec![granted("marketing", "email")]).await.unwrap();
    let parts = export(&bed, "marketing", "email").await.unwrap();
    assert_eq!((parts.len(), parts[0].matching, parts[0].people[0].email.as_str()), (1, 1, "anna@example.org"));

    let listed = bed.audit().list_audit(ListAuditRequest::default()).await.unwrap().into_inner().entries;
    let entry = (listed[0].action.as_str(), listed[0].detail.as_str(), listed[0].reason.as_str());
    assert_eq!(entry, ("people.export", "marketing by email", "the next festival"));
    let ask = |purpose: &str, channel: &str, reason: &str| ExportConsentingRequest {
        purpose: purpose.into(),
        channel: channel.into(),
        reason: reason.into(),
    };
    for (field, request) in [
        ("reason", ask("marketing", "email", " ")),
        ("purpose", ask("all of it", "email", "a good reason")),
        ("channel", ask("marketing", "*", "a good reason")),
    ] {
        refused_field(bed.member(Role::Organiser).export_consenting(request).await, field);
    }
    let after = bed.audit().list_audit(ListAuditRequest::default()).await.unwrap().into_inner().entries;
    assert_eq!(after.len(), listed.len(), "what is refused takes nobody out");
}

#[tokio::test]
async fn item_45_while_marketing_is_stopped_or_nobody_can_say_no_file_is_made() {
    let bed = Bed::embedded().await;
    let id = bed.person("anna@example.org", "Anna").await.person_id;
    record(&mut bed.mesh(), &id, "1", vec![granted("marketing", "email"), granted("reminders", "email")])
        .await
        .unwrap();
    *bed.postbox.stopped.lock() = Some("marketing is stopped".to_owned());
    let stopped = refused(export(&bed, "marketing", "email").await, Code::FailedPrecondition);
    assert_eq!(stopped.message(), "marketing is stopped");
    assert_eq!(exported(&bed, "reminders", "email").await.len(), 1, "they asked to be reminded");
    *bed.postbox.stopped.lock() = None;
    bed.postbox.silent.store(true, Ordering::SeqCst);
    refused(export(&bed, "marketing", "email").await, Code::Unavailable);
}

#[tokio::test]
async fn item_49_texts_go_to_the_number_that_was_agreed_to_and_no_other_number_is_named_for_them() {
    let bed = Bed::embedded().await;
    let with_phone = |email: &str, phone: &str| EnsurePersonRequest {
        email: email.into(),
        phone: phone.into(),
        ..EnsurePersonRequest::default()
    };
    let anna = ensure(&mut bed.mesh(), with_phone("anna@example.org", "+358401234567")).await.unwrap().person.unwrap();
    let bert = ensure(&mut bed.mesh(), with_phone("bert@example.org", "+358401234568")).await.unwrap().person.unwrap();
    record(&mut bed.mesh(), &anna.person_id, "1", vec![granted("marketing", "sms")]).await.unwrap();
    // With the number of a registration, which is not the one of the profile.
    let mut for_another = granted("marketing", "sms");
    for_another.number_hash = "ab".repeat(32);
    record(&mut bed.mesh(), &bert.person_id, "1", vec![for_another]).await.unwrap();
    let mut found: Vec<_> = exported(&bed, "marketing", "sms").await.into_iter().map(|p| (p.email, p.phone)).collect();
    found.sort();
    let expected = [("anna@example.org", "+358401234567"), ("bert@example.org", "")];
    assert_eq!(found, expected.map(|(email, phone)| (email.to_owned(), phone.to_owned())));
}
