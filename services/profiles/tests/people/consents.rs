//! The ledger of consents over gRPC, and who may be approached.

use std::collections::BTreeSet;

use proptest::{
    strategy::{Strategy as _, ValueTree as _},
    test_runner::TestRunner,
};
use tonic::{Code, Status};
use turnout_platform::{auth::Role, ids::TenantId};
use turnout_proto::{
    notifications::v1::MessageKind,
    profiles::v1::{
        Assurance, ConsentAction, ConsentStatement, EnsurePersonRequest, GetConsentsRequest, GetPersonRequest,
        ListAuditRequest, ListConsentLedgerRequest, ListConsentingRequest, RecordConsentRequest,
    },
};

use crate::bed::{Bed, Client, refused, refused_field, token_of};

pub const DAY_MS: u64 = 24 * 60 * 60 * 1000;
const VERIFICATIONS_SENT: &str = "turnout_profiles_links_total{purpose=\"verify\",outcome=\"sent\"}";
pub const VERIFICATIONS_NOT_SENT: &str = "turnout_profiles_links_total{purpose=\"verify\",outcome=\"not_sent\"}";

pub fn granted(purpose: &str, channel: &str) -> ConsentStatement {
    ConsentStatement {
        purpose: purpose.into(),
        channel: channel.into(),
        action: ConsentAction::Granted.into(),
        text: "Yes, tell me about the next festival.".into(),
        language: "en".into(),
        source: "preferences".into(),
        text_version: 3,
        ..ConsentStatement::default()
    }
}

/// Somebody typed an address into a form and ticked a box.
pub fn of_form(purpose: &str, channel: &str) -> ConsentStatement {
    ConsentStatement { source: "form".into(), ..granted(purpose, channel) }
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
    let (mut statements, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListConsentLedgerRequest { person_id: person_id.into(), page_size: 2, page_token };
        let page = bed.mesh().list_consent_ledger(request).await.unwrap().into_inner();
        assert!(page.statements.len() <= 2);
        statements.extend(page.statements);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return statements;
        }
    }
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

        let again = ConsentStatement { source: "cmp".into(), ..granted("marketing", "email") };
        record(&mut mesh, &id, "3", vec![again]).await.unwrap();
        assert!(allowed(&bed, &id, "marketing", "email").await);
        assert!(!allowed(&bed, &id, "marketing", "sms").await);

        let ledger = ledger(&bed, &id).await;
        let told: Vec<_> = ledger.iter().map(|s| (s.channel.as_str(), s.action(), s.source.as_str())).collect();
        let (granted, withdrawn) = (ConsentAction::Granted, ConsentAction::Withdrawn);
        let expected = [
            ("email", granted, "preferences"),
            ("sms", granted, "preferences"),
            ("*", withdrawn, "unsubscribe"),
            ("email", granted, "cmp"),
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
        ("source", ConsentStatement { source: "confirmed".into(), ..good.clone() }),
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
    let listed = bed.audit().list_audit(ListAuditRequest::default()).await.unwrap().into_inner().entries;
    let told: Vec<_> = listed.iter().map(|e| (e.actor.as_str(), e.action.as_str(), e.detail.as_str())).collect();
    assert_eq!(told, [("member:member-1", "person.consent", "withdrawn: marketing by *")]);
    assert_eq!(listed[0].subject, format!("person:{id}"));
}

#[tokio::test]
async fn what_a_form_grants_counts_once_the_reader_of_the_mail_has_confirmed_it() {
    for bed in Bed::each("what_a_form_grants_counts_once_the_reader_of_the_mail_has_confirmed_it").await {
        let id = bed.person("anna@example.org", "Anna").await.person_id;
        let statements = vec![of_form("marketing", "email"), of_form("marketing", "sms")];
        let current = record(&mut bed.mesh(), &id, "form-1", statements.clone()).await.unwrap();
        assert!(current.is_empty(), "a form only asks");
        assert!(consenting(&bed, "marketing", "email", 50).await.is_empty());
        let letter = bed.letter_after(0).await;
        assert_eq!((letter.kind(), letter.email.as_str()), (MessageKind::Verification, "anna@example.org"));
        assert_eq!(letter.agreements, [statements[0].text.as_str()], "two channels in the same words");
        // A retry is the same letter; and a text message is declined before the mail is read.
        record(&mut bed.mesh(), &id, "form-1", statements).await.unwrap();
        record(&mut bed.mesh(), &id, "no-sms", vec![withdrawn("marketing", "sms")]).await.unwrap();
        bed.counted(VERIFICATIONS_SENT, 2).await;
        assert_eq!(bed.postbox.letters().len(), 1);

        bed.clock.advance_ms(2 * DAY_MS);
        bed.redeem(&token_of(&letter)).await.unwrap();
        assert!(allowed(&bed, &id, "marketing", "email").await);
        assert!(!allowed(&bed, &id, "marketing", "sms").await);
        assert_eq!(consenting(&bed, "marketing", "email", 50).await, std::slice::from_ref(&id));
        let get = GetPersonRequest { person_id: id.clone() };
        let person = bed.mesh().get_person(get).await.unwrap().into_inner().person.unwrap();
        assert_eq!(person.email_assurance(), Assurance::Verified, "the same link proves the address");
        let ledger = ledger(&bed, &id).await;
        let told: Vec<_> = ledger.iter().map(|s| (s.channel.as_str(), s.action(), s.source.as_str())).collect();
        let (granted, withdrawn) = (ConsentAction::Granted, ConsentAction::Withdrawn);
        let both_acts = [
            ("email", granted, "form"),
            ("sms", granted, "form"),
            ("sms", withdrawn, "unsubscribe"),
            ("email", granted, "confirmed"),
        ];
        assert_eq!(told, both_acts);
        assert_eq!((&ledger[3].text, ledger[3].text_version), (&ledger[0].text, 3), "word for word");
        refused(bed.redeem(&token_of(&letter)).await, Code::FailedPrecondition);
    }
}

#[tokio::test]
async fn whoever_types_a_proven_address_into_a_form_opts_its_owner_in_to_nothing() {
    let bed = Bed::embedded().await;
    let id = bed.person("anna@example.org", "Anna").await.person_id;
    record(&mut bed.mesh(), &id, "own", vec![of_form("marketing", "email")]).await.unwrap();
    bed.redeem(&token_of(&bed.letter_after(0).await)).await.unwrap();
    // Somebody else, with two things more, and one that she grants already.
    let theirs = ["marketing/email", "marketing/social", "partners/email"];
    let theirs = theirs.map(|key| key.split_once('/').unwrap()).map(|(purpose, channel)| of_form(purpose, channel));
    record(&mut bed.mesh(), &id, "theirs", theirs.to_vec()).await.unwrap();
    bed.letter_after(1).await;
    assert!(allowed(&bed, &id, "marketing", "email").await, "what she confirmed stays");
    assert!(!allowed(&bed, &id, "marketing", "social").await && !allowed(&bed, &id, "partners", "email").await);

    // A form that says nothing new asks her nothing; and whoever fills her mailbox is stopped.
    record(&mut bed.mesh(), &id, "again", vec![of_form("marketing", "email")]).await.unwrap();
    for n in 0..5 {
        let key = format!("flood-{n}");
        record(&mut bed.mesh(), &id, &key, vec![of_form("partners", "email")]).await.unwrap();
    }
    bed.counted(VERIFICATIONS_NOT_SENT, 1).await;
    bed.counted(VERIFICATIONS_SENT, 2).await;
    assert!(bed.postbox.letters().len() <= 4, "{}", bed.postbox.letters().len());
}

#[tokio::test]
async fn item_48_a_grant_names_its_controller_and_scope_and_another_organiser_may_not_use_it() {
    for bed in Bed::each("item_48_a_grant_names_its_controller_and_scope").await {
        let id = bed.person("anna@example.org", "Anna").await.person_id;
        record(&mut bed.mesh(), &id, "1", vec![granted("marketing", "email")]).await.unwrap();
        let request = ListConsentLedgerRequest { person_id: id.clone(), ..ListConsentLedgerRequest::default() };
        let said = bed.mesh().list_consent_ledger(request.clone()).await.unwrap().into_inner();
        assert_eq!(said.controller, bed.tenant.as_str());
        let scope = (said.statements[0].purpose.as_str(), said.statements[0].channel.as_str());
        assert_eq!((scope, said.statements[0].text.is_empty()), (("marketing", "email"), false));
        // It is bound to no event: a later one of the same organiser finds it.
        bed.clock.advance_ms(400 * DAY_MS);
        assert_eq!(consenting(&bed, "marketing", "email", 50).await, std::slice::from_ref(&id));

        let other: TenantId = format!("other-{}", bed.tenant).parse().unwrap();
        let request = EnsurePersonRequest { email: "anna@example.org".into(), ..EnsurePersonRequest::default() };
        let there = bed.mesh_for(Some(&other)).ensure_person(request).await.unwrap().into_inner().person.unwrap();
        let theirs = GetConsentsRequest { person_id: there.person_id };
        assert!(bed.mesh_for(Some(&other)).get_consents(theirs).await.unwrap().into_inner().current.is_empty());
        let list = ListConsentingRequest {
            purpose: "marketing".into(),
            channel: "email".into(),
            ..ListConsentingRequest::default()
        };
        let mut organiser = bed.people_as(&other, "member-1", Role::Organiser);
        assert!(organiser.list_consenting(list).await.unwrap().into_inner().people.is_empty());
        let foreign = GetConsentsRequest { person_id: id };
        refused(organiser.get_consents(foreign).await, Code::NotFound);
    }
}

#[tokio::test]
async fn a_page_of_a_ledger_goes_on_where_it_ended_and_in_no_other_ledger() {
    for bed in Bed::each("a_page_of_a_ledger_goes_on_where_it_ended").await {
        let anna = bed.person("anna@example.org", "Anna").await.person_id;
        let bert = bed.person("bert@example.org", "Bert").await.person_id;
        let mut purposes = Vec::new();
        for n in 0..5 {
            bed.clock.advance_ms(1);
            purposes.push(format!("purpose{n}"));
            let statements = vec![granted(&purposes[n], "email")];
            record(&mut bed.mesh(), &anna, &n.to_string(), statements).await.unwrap();
        }
        let told: Vec<String> = ledger(&bed, &anna).await.into_iter().map(|said| said.purpose).collect();
        assert_eq!(told, purposes, "oldest first, none twice and none left out");

        let page = |person_id: &str, page_size, page_token: &str| {
            let (mut mesh, page_token) = (bed.mesh(), page_token.to_owned());
            let request = ListConsentLedgerRequest { person_id: person_id.into(), page_size, page_token };
            async move { mesh.list_consent_ledger(request).await.map(tonic::Response::into_inner) }
        };
        let first = page(&anna, 2, "").await.unwrap();
        assert!(!first.next_page_token.is_empty());
        refused_field(page(&bert, 2, &first.next_page_token).await, "page_token");
        refused_field(page(&anna, 501, "").await, "page_size");
        assert_eq!(page(&anna, 5, "").await.unwrap().next_page_token, "", "the last page says so");
    }
}

#[tokio::test]
async fn item_49_an_audience_for_a_social_platform_is_who_granted_that_channel() {
    for bed in Bed::each("item_49_an_audience_for_a_social_platform_is_who_granted_that_channel").await {
        let by_mail = bed.person("anna@example.org", "Anna").await.person_id;
        let both = bed.person("bert@example.org", "Bert").await.person_id;
        record(&mut bed.mesh(), &by_mail, "1", vec![granted("marketing", "email")]).await.unwrap();
        let statements = vec![granted("marketing", "email"), granted("marketing", "social")];
        record(&mut bed.mesh(), &both, "1", statements).await.unwrap();
        assert_eq!(consenting(&bed, "marketing", "email", 50).await.len(), 2);
        assert_eq!(consenting(&bed, "marketing", "social", 50).await, std::slice::from_ref(&both));
        // Whoever takes that list out is written down with what it was for.
        let listed = bed.audit().list_audit(ListAuditRequest::default()).await.unwrap().into_inner().entries;
        assert_eq!(
            (listed[0].action.as_str(), listed[0].detail.as_str()),
            ("people.consenting", "marketing by social")
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawal_that_is_said_again_adds_nothing_until_something_was_said_in_between() {
    for bed in Bed::each("a_withdrawal_that_is_said_again_adds_nothing").await {
        let id = bed.person("anna@example.org", "Anna").await.person_id;
        let mut mesh = bed.mesh();
        for key in ["one", "two", "three"] {
            record(&mut mesh, &id, key, vec![withdrawn("news", "*")]).await.unwrap();
        }
        assert_eq!(ledger(&bed, &id).await.len(), 1);
        record(&mut mesh, &id, "four", vec![granted("news", "email")]).await.unwrap();
        assert!(allowed(&bed, &id, "news", "email").await);
        record(&mut mesh, &id, "five", vec![withdrawn("news", "*")]).await.unwrap();
        assert!(!allowed(&bed, &id, "news", "email").await);
        record(&mut mesh, &id, "six", vec![of_form("news", "email")]).await.unwrap();
        record(&mut mesh, &id, "seven", vec![withdrawn("news", "*"), withdrawn("partners", "*")]).await.unwrap();
        assert_eq!(ledger(&bed, &id).await.len(), 6);
    }
}
