//! Who may call what: every method of the service, taken from its descriptor, by every role, with own, foreign and missing ids. A new
//! method without a row here fails.

use std::collections::BTreeSet;

use prost::Message as _;
use tonic::{Code, Status};
use turnout_platform::{
    auth::{DOOR, EVERYONE, FIGURES, ORGANISERS, Role, SUPPORTERS},
    ids::TenantId,
};
use turnout_profiles::ACCESS;
use turnout_proto::profiles::v1::{
    EnsurePersonRequest, ExportConsentingRequest, ExportPeopleRequest, GetConsentsRequest, GetPersonRequest,
    ListConsentLedgerRequest, ListConsentingRequest, ListPeopleRequest, Person, RecordConsentRequest,
    UpdatePersonRequest, VerifyByHandRequest,
};

use crate::{
    bed::{Bed, Client, refused},
    consents::withdrawn,
};

const PREFIX: &str = "/turnout.profiles.v1.PeopleService/";

/// The roles that a method is open to; none for the mesh alone.
fn open_to(method: &str) -> Option<&'static [Role]> {
    match method {
        "EnsurePerson" => None,
        "GetPerson" | "ListPeople" => Some(FIGURES),
        "ExportPeople" | "ListConsenting" | "ExportConsenting" => Some(ORGANISERS),
        "UpdatePerson" | "VerifyByHand" | "RecordConsent" | "GetConsents" | "ListConsentLedger" => Some(SUPPORTERS),
        other => panic!("{other} is new: say here whom it is open to, and below how it is called"),
    }
}

fn takes_an_id(method: &str) -> bool {
    !matches!(method, "EnsurePerson" | "ListPeople" | "ExportPeople" | "ListConsenting" | "ExportConsenting")
}

/// Calls a method about this person with otherwise valid fields.
async fn call(client: &mut Client, method: &str, person: &str) -> Result<(), Status> {
    let (person_id, reason) = (person.to_owned(), "a test".to_owned());
    match method {
        "EnsurePerson" => {
            let request = EnsurePersonRequest { email: "new@example.org".into(), ..EnsurePersonRequest::default() };
            drop(client.ensure_person(request).await?);
        }
        "GetPerson" => drop(client.get_person(GetPersonRequest { person_id }).await?),
        "ListPeople" => drop(client.list_people(ListPeopleRequest::default()).await?),
        "ExportPeople" => {
            let request = ExportPeopleRequest { reason, ..ExportPeopleRequest::default() };
            drop(client.export_people(request).await?.into_inner().message().await?);
        }
        "UpdatePerson" => {
            let person = Person { person_id, name: "New".into(), ..Person::default() };
            let update_mask = Some(prost_types::FieldMask { paths: vec!["name".into()] });
            let request = UpdatePersonRequest { person: Some(person), update_mask, expected_version: 0, reason };
            drop(client.update_person(request).await?);
        }
        "VerifyByHand" => drop(client.verify_by_hand(VerifyByHandRequest { person_id, reason }).await?),
        "RecordConsent" => {
            let mut statement = withdrawn("marketing", "*");
            statement.source = "admin".into();
            let (statements, idempotency_key) = (vec![statement], "once".into());
            drop(client.record_consent(RecordConsentRequest { person_id, statements, idempotency_key }).await?);
        }
        "GetConsents" => drop(client.get_consents(GetConsentsRequest { person_id }).await?),
        "ListConsentLedger" => {
            let request = ListConsentLedgerRequest { person_id, ..ListConsentLedgerRequest::default() };
            drop(client.list_consent_ledger(request).await?);
        }
        "ListConsenting" => {
            let (purpose, channel) = ("marketing".into(), "email".into());
            let request = ListConsentingRequest { purpose, channel, ..ListConsentingRequest::default() };
            drop(client.list_consenting(request).await?);
        }
        "ExportConsenting" => {
            let (purpose, channel) = ("marketing".into(), "email".into());
            let request = ExportConsentingRequest { purpose, channel, reason };
            drop(client.export_consenting(request).await?.into_inner().message().await?);
        }
        other => panic!("{other} is new: say here how it is called"),
    }
    Ok(())
}

fn methods() -> Vec<String> {
    let descriptors = prost_types::FileDescriptorSet::decode(turnout_proto::DESCRIPTORS).unwrap();
    let files = descriptors.file.into_iter().filter(|file| file.package() == "turnout.profiles.v1");
    let people = files.flat_map(|file| file.service).filter(|service| service.name() == "PeopleService");
    let methods: Vec<String> = people.flat_map(|service| service.method).map(|m| m.name().to_owned()).collect();
    assert!(methods.len() >= 10, "{methods:?}");
    methods
}

fn bytes(status: &Status) -> (Code, String, Vec<u8>) {
    (status.code(), status.message().to_owned(), status.details().to_vec())
}

#[test]
fn every_method_stands_in_the_access_table_and_nothing_else_does() {
    let served: BTreeSet<String> = methods().iter().map(|method| format!("{PREFIX}{method}")).collect();
    let paths = ACCESS.into_iter().flatten().map(|(path, _)| (*path).to_owned());
    assert_eq!(paths.filter(|path| path.starts_with(PREFIX)).collect::<BTreeSet<_>>(), served);
}

#[tokio::test]
async fn item_36_an_id_of_another_tenant_looks_like_one_that_does_not_exist() {
    let bed = Bed::embedded().await;
    let own = bed.person("anna@example.org", "Anna").await;
    let elsewhere: TenantId = "elsewhere".parse().unwrap();
    let request = EnsurePersonRequest { email: "anna@example.org".into(), ..EnsurePersonRequest::default() };
    let foreign = bed.mesh_for(Some(&elsewhere)).ensure_person(request).await.unwrap().into_inner().person.unwrap();
    assert_ne!(own.person_id, foreign.person_id, "one address is another person for each tenant");
    for mut caller in [bed.member(Role::Owner), bed.mesh()] {
        for method in methods().into_iter().filter(|method| takes_an_id(method)) {
            let foreign = refused(call(&mut caller, &method, &foreign.person_id).await, Code::NotFound);
            let missing = refused(call(&mut caller, &method, "none").await, Code::NotFound);
            assert_eq!(bytes(&foreign), bytes(&missing), "{method}");
            call(&mut caller, &method, &own.person_id).await.unwrap();
        }
    }
    let list = bed.mesh_for(Some(&elsewhere)).list_people(ListPeopleRequest::default()).await.unwrap().into_inner();
    assert_eq!((list.total, list.people[0].person_id.as_str()), (1, foreign.person_id.as_str()));
}

#[tokio::test]
async fn item_35_every_method_is_open_to_its_roles_and_to_nobody_else() {
    let bed = Bed::embedded().await;
    let id = bed.person("anna@example.org", "Anna").await.person_id;
    assert_eq!(DOOR.len() + 1, EVERYONE.len(), "all roles are tried below");
    for method in methods() {
        for role in EVERYONE {
            let answer = call(&mut bed.member(*role), &method, &id).await;
            if open_to(&method).is_some_and(|roles| roles.contains(role)) {
                answer.unwrap();
            } else {
                refused(answer, Code::PermissionDenied);
            }
        }
        call(&mut bed.mesh(), &method, &id).await.unwrap();
        refused(call(&mut bed.mesh_for(None), &method, &id).await, Code::PermissionDenied);
    }
}

#[tokio::test]
async fn without_credentials_nothing_is_answered() {
    let bed = Bed::embedded().await;
    let answer = bed.anonymous().list_people(ListPeopleRequest::default()).await;
    refused(answer, Code::Unauthenticated);
}
