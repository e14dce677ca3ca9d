//! One person for each address, whoever asks, how often and at the same time.

use std::collections::HashSet;

use tonic::{Code, Status};
use turnout_proto::profiles::v1::{Assurance, EnsurePersonRequest, EnsurePersonResponse, ListPeopleRequest};

use crate::bed::{Bed, Client, START_AT_MS, ensure, refused_field};

fn asking(email: &str, name: &str, phone: &str) -> EnsurePersonRequest {
    EnsurePersonRequest {
        email: email.into(),
        name: name.into(),
        phone: phone.into(),
        ..EnsurePersonRequest::default()
    }
}

/// Repeats what may be repeated, as every client of the mesh does.
async fn until_answered(mut client: Client, request: EnsurePersonRequest) -> Result<EnsurePersonResponse, Status> {
    loop {
        match ensure(&mut client, request.clone()).await {
            Err(status) if matches!(status.code(), Code::Unavailable | Code::ResourceExhausted) => {
                tokio::task::yield_now().await;
            }
            answer => return answer,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn item_3_the_second_registration_with_an_address_finds_the_person_of_the_first() {
    for bed in Bed::each("item_3_the_second_registration_with_an_address_finds_the_person_of_the_first").await {
        let mut mesh = bed.mesh();
        let first = ensure(&mut mesh, asking("Anna@Example.org", "Anna Example", "+358 40 1234567")).await.unwrap();
        assert!(first.created);
        let person = first.person.unwrap();
        let seen = (person.email.as_str(), person.name.as_str(), person.phone.as_str());
        assert_eq!(seen, ("anna@example.org", "Anna Example", "+358401234567"));
        assert_eq!((person.email_assurance(), person.version), (Assurance::Claimed, 1));
        assert_eq!(person.created_at.unwrap().seconds, (START_AT_MS / 1000) as i64);

        let second = ensure(&mut mesh, asking(" anna@EXAMPLE.org", "Somebody Else", "")).await.unwrap();
        assert!(!second.created);
        assert_eq!(second.person.unwrap(), person, "a form does not change a known person");
        let other = ensure(&mut mesh, asking("bert@example.org", "", "")).await.unwrap().person.unwrap();
        assert_ne!(other.person_id, person.person_id);
        assert_eq!(bed.mesh().list_people(ListPeopleRequest::default()).await.unwrap().into_inner().total, 2);
    }
}

#[tokio::test]
async fn what_was_unknown_of_a_person_is_taken_from_a_later_form() {
    let bed = Bed::embedded().await;
    let first = bed.person("anna@example.org", "").await;
    let later = EnsurePersonRequest {
        language: "fi".into(),
        zone: "Europe/Helsinki".into(),
        ..asking("anna@example.org", "Anna", "")
    };
    let found = ensure(&mut bed.mesh(), later).await.unwrap();
    assert!(!found.created);
    let person = found.person.unwrap();
    assert_eq!((person.person_id, person.version), (first.person_id, 2));
    assert_eq!(
        (person.name.as_str(), person.language.as_str(), person.zone.as_str()),
        ("Anna", "fi", "Europe/Helsinki")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_questions_for_one_address_at_the_same_moment_make_one_person() {
    for bed in Bed::each("two_hundred_questions_for_one_address_at_the_same_moment_make_one_person").await {
        let asked = (0..200).map(|n| {
            let request = asking("anna@example.org", &format!("Anna {n}"), "");
            tokio::spawn(until_answered(bed.mesh(), request))
        });
        let (mut ids, mut created) = (HashSet::new(), 0);
        for answer in asked.collect::<Vec<_>>() {
            let answer = answer.await.unwrap().unwrap();
            created += usize::from(answer.created);
            ids.insert(answer.person.unwrap().person_id);
        }
        assert_eq!(ids.len(), 1);
        // A call whose answer was lost and that was repeated finds what it made.
        assert!(created <= 1, "{created} calls made the person");
        let list = bed.mesh().list_people(ListPeopleRequest::default()).await.unwrap().into_inner();
        assert_eq!((list.total, list.people.len()), (1, 1));
    }
}

#[tokio::test]
async fn a_field_that_is_wrong_is_named() {
    let bed = Bed::embedded().await;
    let good = asking("anna@example.org", "Anna", "+358401234567");
    let wrong = [
        ("email", EnsurePersonRequest { email: "null@example.org".into(), ..good.clone() }),
        ("name", EnsurePersonRequest { name: "a\nb".into(), ..good.clone() }),
        ("phone", EnsurePersonRequest { phone: "12345".into(), ..good.clone() }),
        ("language", EnsurePersonRequest { language: "en_GB".into(), ..good.clone() }),
        ("zone", EnsurePersonRequest { zone: "a b".into(), ..good.clone() }),
    ];
    for (field, request) in wrong {
        refused_field(ensure(&mut bed.mesh(), request).await, field);
    }
}
