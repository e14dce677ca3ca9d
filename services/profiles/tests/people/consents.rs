//! The ledger of consents over gRPC, and who may be approached.

use std::collections::BTreeSet;

use proptest::{
    strategy::{Strategy as _, ValueTree as _},
    test_runner::TestRunner,
};
use tonic::{Code, Status};
use turnout_platform::auth::Role;
use turnout_proto::profiles::v1::{
    ConsentAction, ConsentStatement, GetConsentsRequest, ListConsentLedgerRequest, ListConsentingRequest,
    RecordConsentRequest,
};

use crate::bed::{Bed, Client, refused, refused_field};

pub fn granted(purpose: &str, channel: &str) -> ConsentStatement {
    ConsentStatement {
        purpose: purpose.into(),
        channel: channel.into(),
        action: ConsentAction::Granted.into(),
        text: "Yes, tell me about the next festival.".into(),
        language: "en".into(),
        source: "form".into(),
        at: None,
        text_version: 3,
    }
}

pub fn withdrawn(purpose: &str, channel: &str) -> ConsentStatement {
    ConsentStatement {
        action: ConsentAction::Withdrawn.into(),
        text: String::new(),
        source: "unsubscribe".into(),
        ..granted(purpose, channel)
    }
}

pub async fn record(
    client: &mut Client,
    person_id: &str,
    idempotency_key: &str,
    statements: Vec<ConsentStatement>,
) -> Result<Vec<ConsentStatement>, Status> {
    let (person_id, idempotency_key) = (person_id.into(), idempotency_key.into());
    let request = RecordConsentRequest { person_id, statements, idempotency_key };
    Ok(client.record_consent(request).await?.into_inner().current)
}

pub async fn allowed(bed: &Bed, person_id: &str, purpose: &str, channel: &str) -> bool {
    let request = GetConsentsRequest { person_id: person_id.into() };
    let current = bed.mesh().get_consents(request).await.unwrap().into_inner().current;
    current.iter().any(|s| s.purpose == purpose && s.channel == channel && s.action() == ConsentAction::Granted)
}

async fn ledger(bed: &Bed, person_id: &str) -> Vec<ConsentStatement> {
    let request = ListConsentLedgerRequest { person_id: person_id.into() };
    bed.mesh().list_consent_ledger(request).await.unwrap().into_inner().statements
}

async fn consenting(bed: &Bed, purpose: &str, channel: &str, page_size: i32) -> Vec<String> {
    let (mut ids, mut page_token) = (Vec::new(), String::new());
    loop {
        let (purpose, channel) = (purpose.into(), channel.into());
        let request = ListConsentingRequest { purpose, channel, page_size, page_token };
        let page = bed.member(Role::Organiser).list_consenting(request).await.unwrap().into_inner();
        assert!(page.people.len() <= page_size as usize);
        ids.extend(page.people.into_iter().map(|person| person.person_id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return ids;
        }
    }
}

#[tokio::test]
async fn item_47_a_registration_alone_consents_to_nothing() {
    let bed = Bed::embedded().await;
    let id = bed.person("anna@example.org", "Anna").await.person_id;
    assert!(!allowed(&bed, &id, "marketing", "email").await);
    assert!(consenting(&bed, "marketing", "email", 50).await.is_empty());
}

#[tokio::test]
async fn item_45_46_49_consent_holds_for_one_purpose_and_one_channel_until_it_is_taken_back() {
    for bed in Bed::each("item_45_46_49_consent_holds_for_one_purpose_and_one_channel_until_it_is_taken_back").await {
        let id = bed.person("anna@example.org", "Anna").await.person_id;
        let mut mesh = bed.mesh();
        record(&mut mesh, &id, "1", vec![granted("marketing", "email"), granted("marketing", "sms")]).await.unwrap();
        assert!(allowed(&bed, &id, "marketing", "email").await);
        assert!(!allowed(&bed, &id, "marketing", "social").await, "another channel");
        assert!(!allowed(&bed, &id, "partners", "email").await, "another purpose");

        let current = record(&mut mesh, &id, "2", vec![withdrawn("marketing", "*")]).await.unwrap();
        assert!(current.iter().all(|statement| statement.action() == ConsentAction::Withdrawn));
        assert!(!allowed(&bed, &id, "marketing", "email").await);

        let mut again = granted("marketing", "email");
        again.source = "preferences".into();
        record(&mut mesh, &id, "3", vec![again]).await.unwrap();
        assert!(allowed(&bed, &id, "marketing", "email").await);
        assert!(!allowed(&bed, &id, "marketing", "sms").await);

        let ledger = ledger(&bed, &id).await;
        let told: Vec<_> = ledger.iter().map(|s| (s.channel.as_str(), s.action(), s.source.as_str())).collect();
        let (granted, withdrawn) = (ConsentAction::Granted, ConsentAction::Withdrawn);
        let expected = [
            ("email", granted, "form"),
            ("sms", granted, "form"),
            ("*", withdrawn, "unsubscribe"),
            ("email", granted, "preferences"),
        ];
        assert_eq!(told, expected);
        assert_eq!((ledger[0].text.as_str(), ledger[0].text_version), ("Yes, tell me about the next festival.", 3));
    }
}

#[tokio::test]
async fn a_repeated_request_states_nothing_twice_and_a_key_is_not_used_for_something_else() {
    for bed in Bed::each("a_repeated_request_states_nothing_twice_and_a_key_is_not_used_for_something_else").await {
        let id = bed.person("anna@example.org", "Anna").await.person_id;
        let mut mesh = bed.mesh();
        for _ in 0..3 {
            record(&mut mesh, &id, "1", vec![granted("marketing", "email")]).await.unwrap();
            bed.clock.advance_ms(5000);
        }
        assert_eq!(ledger(&bed, &id).await.len(), 1);
        record(&mut mesh, &id, "2", vec![withdrawn("marketing", "email")]).await.unwrap();
        let current = record(&mut mesh, &id, "1", vec![granted("marketing", "email")]).await.unwrap();
        assert_eq!(current[0].action(), ConsentAction::Withdrawn, "a late retry does not undo what came after it");
        let other = record(&mut mesh, &id, "1", vec![granted("partners", "email")]).await;
        refused(other, Code::AlreadyExists);
    }
}

#[tokio::test]
async fn what_is_taken_back_stays_so_although_the_clock_goes_back() {
    let bed = Bed::embedded().await;
    let id = bed.person("anna@example.org", "Anna").await.person_id;
    bed.clock.advance_ms(60_000);
    record(&mut bed.mesh(), &id, "1", vec![granted("marketing", "email")]).await.unwrap();
    let behind = bed.beside().await;
    record(&mut behind.mesh(), &id, "2", vec![withdrawn("marketing", "email")]).await.unwrap();
    assert!(!allowed(&bed, &id, "marketing", "email").await);
}

#[tokio::test]
async fn item_45_the_list_of_whom_to_approach_is_the_consents_of_everybody_in_any_pages() {
    let mut runner = TestRunner::deterministic();
    let actions = proptest::collection::vec((0..12_usize, 0..4_usize, proptest::bool::ANY), 40);
    for bed in Bed::each("item_45_the_list_of_whom_to_approach_is_the_consents_of_everybody_in_any_pages").await {
        let mut ids = Vec::new();
        for n in 0..12 {
            ids.push(bed.person(&format!("p{n}@example.org"), "").await.person_id);
        }
        let steps = actions.new_tree(&mut runner).unwrap().current();
        for (n, (person, what, grant)) in steps.into_iter().enumerate() {
            let (purpose, channel) =
                [("marketing", "email"), ("marketing", "sms"), ("partners", "email"), ("marketing", "*")][what];
            let statement =
                if grant && channel != "*" { granted(purpose, channel) } else { withdrawn(purpose, channel) };
            record(&mut bed.mesh(), &ids[person], &format!("step-{n}"), vec![statement]).await.unwrap();
        }
        for (purpose, channel) in [("marketing", "email"), ("marketing", "sms"), ("partners", "email")] {
            let mut expected = BTreeSet::new();
            for id in &ids {
                if allowed(&bed, id, purpose, channel).await {
                    expected.insert(id.clone());
                }
            }
            for page_size in [1, 3, 50] {
                let listed = consenting(&bed, purpose, channel, page_size).await;
                assert_eq!(listed.len(), expected.len(), "nobody twice");
                assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), expected);
            }
        }
    }
}

#[tokio::test]
async fn a_statement_that_is_wrong_is_refused_as_a_whole() {
    let bed = Bed::embedded().await;
    let id = bed.person("anna@example.org", "Anna").await.person_id;
    let good = granted("marketing", "email");
    let wrong = [
        ("purpose", ConsentStatement { purpose: "all of it".into(), ..good.clone() }),
        ("channel", ConsentStatement { channel: "*".into(), ..good.clone() }),
        ("channel", ConsentStatement { channel: String::new(), ..good.clone() }),
        ("action", ConsentStatement { action: 0, ..good.clone() }),
        ("text", ConsentStatement { text: String::new(), ..good.clone() }),
        ("source", ConsentStatement { source: "phone-change".into(), ..good.clone() }),
        ("source", ConsentStatement { source: "bought".into(), ..good.clone() }),
        ("text_version", ConsentStatement { text_version: -1, ..good.clone() }),
    ];
    for (field, statement) in wrong {
        refused_field(record(&mut bed.mesh(), &id, "1", vec![good.clone(), statement]).await, field);
    }
    refused_field(record(&mut bed.mesh(), &id, "1", vec![]).await, "statements");
    refused_field(record(&mut bed.mesh(), &id, "1", vec![good.clone(); 21]).await, "statements");
    refused_field(record(&mut bed.mesh(), &id, "", vec![good.clone()]).await, "idempotency_key");
    refused(record(&mut bed.mesh(), "nobody", "1", vec![good]).await, Code::NotFound);
    assert!(ledger(&bed, &id).await.is_empty());
}

#[tokio::test]
async fn a_member_of_the_team_states_as_the_team_and_never_as_the_person() {
    let bed = Bed::embedded().await;
    let id = bed.person("anna@example.org", "Anna").await.person_id;
    let mut support = bed.member(Role::Support);
    refused_field(record(&mut support, &id, "1", vec![granted("marketing", "email")]).await, "source");
    let by_letter = ConsentStatement { source: "admin".into(), ..withdrawn("marketing", "*") };
    record(&mut support, &id, "2", vec![by_letter]).await.unwrap();
    assert_eq!(ledger(&bed, &id).await[0].source, "admin");
}
