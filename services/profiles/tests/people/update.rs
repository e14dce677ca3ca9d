//! Changing people, and vouching for them: by members of the team with a reason, and never without an entry in the audit log.

use tonic::{Code, Status};
use turnout_platform::auth::Role;
use turnout_proto::profiles::v1::{
    Assurance, AuditEntry, ConsentStatement, GetPersonRequest, ListAuditRequest, Person, UpdatePersonRequest,
    VerifyByHandRequest,
};

use crate::{
    bed::{Bed, Client, START_AT_MS, refused, refused_field, token_of},
    consents::{allowed, granted, of_form, record},
};

pub const PHONE: &str = "+4915112345678";

fn change(person_id: &str, fields: &[&str], person: Person) -> UpdatePersonRequest {
    UpdatePersonRequest {
        person: Some(Person { person_id: person_id.into(), ..person }),
        update_mask: Some(prost_types::FieldMask { paths: fields.iter().map(ToString::to_string).collect() }),
        expected_version: 0,
        reason: "asked for it by phone".into(),
    }
}

async fn update(client: &mut Client, request: UpdatePersonRequest) -> Result<Person, Status> {
    Ok(client.update_person(request).await?.into_inner().person.unwrap())
}

pub async fn phone_change(client: &mut Client, person_id: &str, phone: &str) -> Result<Person, Status> {
    update(client, change(person_id, &["phone"], Person { phone: phone.into(), ..Person::default() })).await
}

impl Bed {
    pub async fn get(&self, person_id: &str) -> Person {
        let request = GetPersonRequest { person_id: person_id.into() };
        self.mesh().get_person(request).await.unwrap().into_inner().person.unwrap()
    }

    async fn audited(&self, person_id: &str) -> Vec<AuditEntry> {
        let request = ListAuditRequest { subject: format!("person:{person_id}"), ..ListAuditRequest::default() };
        self.audit().list_audit(request).await.unwrap().into_inner().entries
    }
}

#[tokio::test]
async fn item_26_27_a_new_number_is_kept_as_e164_and_the_consents_of_the_old_one_end() {
    for bed in Bed::each("item_26_27_a_new_number_is_kept_as_e164_and_the_consents_of_the_old_one_end").await {
        let id = bed.person("anna@example.org", "Anna").await.person_id;
        let mut support = bed.member(Role::Support);
        phone_change(&mut support, &id, "+358 40 1234567").await.unwrap();
        let consents = vec![granted("marketing", "sms"), granted("marketing", "email"), granted("reminders", "sms")];
        record(&mut bed.mesh(), &id, "1", consents).await.unwrap();

        let person = phone_change(&mut support, &id, "0049 (151) 12345678").await.unwrap();
        assert_eq!((person.phone.as_str(), person.version), (PHONE, 3));
        assert!(!allowed(&bed, &id, "marketing", "sms").await);
        assert!(!allowed(&bed, &id, "reminders", "sms").await);
        assert!(allowed(&bed, &id, "marketing", "email").await, "the address is the same");

        let entries = bed.audited(&id).await;
        assert_eq!(entries.len(), 2);
        let latest = &entries[0];
        assert_eq!((latest.actor.as_str(), latest.action.as_str()), ("member:member-1", "person.update"));
        assert_eq!(latest.reason, "asked for it by phone");
        assert!(latest.detail.contains("+358401234567") && latest.detail.contains(PHONE), "{}", latest.detail);

        record(&mut bed.mesh(), &id, "2", vec![granted("marketing", "sms")]).await.unwrap();
        phone_change(&mut support, &id, PHONE).await.unwrap();
        assert!(allowed(&bed, &id, "marketing", "sms").await, "the same number again is no change");
        assert_eq!(bed.audited(&id).await.len(), 2);
        phone_change(&mut support, &id, "").await.unwrap();
        assert!(!allowed(&bed, &id, "marketing", "sms").await);
    }
}

#[tokio::test]
async fn item_26_a_grant_of_texts_is_for_the_number_that_is_known_when_it_is_given() {
    let bed = Bed::embedded().await;
    let id = bed.person("anna@example.org", "Anna").await.person_id;
    let number = async |key: &str, statement: ConsentStatement| {
        let current = record(&mut bed.mesh(), &id, key, vec![statement]).await.unwrap();
        current.into_iter().find(|it| it.channel == "sms").map(|it| it.number_hash).unwrap_or_default()
    };
    assert_eq!(number("none", granted("reminders", "sms")).await, "-", "no number is known");
    // The number of a form is that of the grants after it, until the profile has one.
    let asked = ConsentStatement { number_hash: "ab".repeat(32), ..of_form("reminders", "sms") };
    record(&mut bed.mesh(), &id, "form", vec![asked.clone()]).await.unwrap();
    assert_eq!(number("again", granted("reminders", "sms")).await, asked.number_hash);
    phone_change(&mut bed.member(Role::Support), &id, PHONE).await.unwrap();
    let of_profile = number("profile", granted("reminders", "sms")).await;
    assert!(of_profile.len() == 64 && of_profile != asked.number_hash, "{of_profile}");
    // Only services of the mesh say for which number something is.
    let forged =
        ConsentStatement { number_hash: "cd".repeat(32), source: "admin".into(), ..granted("reminders", "sms") };
    let current = record(&mut bed.member(Role::Owner), &id, "forged", vec![forged]).await.unwrap();
    assert!(current.iter().filter(|it| it.channel == "sms").all(|it| it.number_hash == of_profile));
}

#[tokio::test]
async fn what_a_form_asked_for_the_old_number_is_not_confirmed_for_the_new_one() {
    let bed = Bed::embedded().await;
    let id = bed.person("anna@example.org", "Anna").await.person_id;
    let mut support = bed.member(Role::Support);
    phone_change(&mut support, &id, "+358 40 1234567").await.unwrap();
    let asked = vec![of_form("marketing", "email"), of_form("marketing", "sms")];
    record(&mut bed.mesh(), &id, "form-1", asked).await.unwrap();
    phone_change(&mut support, &id, PHONE).await.unwrap();
    bed.redeem(&token_of(&bed.letter_after(0).await)).await.unwrap();
    assert!(allowed(&bed, &id, "marketing", "email").await);
    assert!(!allowed(&bed, &id, "marketing", "sms").await);
}

#[tokio::test]
async fn only_what_the_mask_names_is_changed() {
    let bed = Bed::embedded().await;
    let id = bed.person("anna@example.org", "Anna").await.person_id;
    let wanted = Person {
        email: "other@example.org".into(),
        name: "Anna Maria".into(),
        phone: PHONE.into(),
        language: "fi".into(),
        zone: "Europe/Helsinki".into(),
        ..Person::default()
    };
    let mut support = bed.member(Role::Support);
    let changed = update(&mut support, change(&id, &["name", "zone"], wanted.clone())).await.unwrap();
    let seen = [changed.email, changed.name, changed.phone, changed.language, changed.zone];
    assert_eq!(seen, ["anna@example.org", "Anna Maria", "", "", "Europe/Helsinki"]);

    for mask in [&["email"][..], &["name", "version"], &[]] {
        refused_field(update(&mut support, change(&id, mask, wanted.clone())).await, "update_mask");
    }
    let bad = Person { phone: "12".into(), ..Person::default() };
    refused_field(update(&mut support, change(&id, &["phone"], bad)).await, "phone");
}

#[tokio::test]
async fn a_member_says_why_and_the_version_that_was_seen_must_be_the_stored_one() {
    let bed = Bed::embedded().await;
    let id = bed.person("anna@example.org", "Anna").await.person_id;
    let named = |name: &str| change(&id, &["name"], Person { name: name.into(), ..Person::default() });
    let mut support = bed.member(Role::Support);

    let silent = UpdatePersonRequest { reason: "  ".into(), ..named("B") };
    refused_field(update(&mut support, silent.clone()).await, "reason");
    // The person did it, through a page: nobody has to be asked why.
    assert_eq!(update(&mut bed.mesh(), silent).await.unwrap().version, 2);

    let stale = UpdatePersonRequest { expected_version: 1, ..named("C") };
    refused(update(&mut support, stale).await, Code::Aborted);
    let seen = UpdatePersonRequest { expected_version: 2, ..named("C") };
    assert_eq!(update(&mut support, seen).await.unwrap().version, 3);
    refused_field(
        update(&mut support, UpdatePersonRequest { expected_version: -1, ..named("D") }).await,
        "expected_version",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_two_members_at_the_same_moment_are_both_kept() {
    for bed in Bed::each("changes_of_two_members_at_the_same_moment_are_both_kept").await {
        let id = bed.person("anna@example.org", "").await.person_id;
        let (mut one, mut two) = (bed.member(Role::Support), bed.member(Role::Owner));
        let name = change(&id, &["name"], Person { name: "Anna".into(), ..Person::default() });
        let language = change(&id, &["language"], Person { language: "fi".into(), ..Person::default() });
        let (first, second) = tokio::join!(update(&mut one, name), update(&mut two, language));
        first.and(second).unwrap();
        let person = bed.get(&id).await;
        assert_eq!((person.name.as_str(), person.language.as_str(), person.version), ("Anna", "fi", 3));
    }
}

#[tokio::test]
async fn item_24_a_member_vouches_for_an_address_with_a_reason_and_an_entry() {
    for bed in Bed::each("item_24_a_member_vouches_for_an_address_with_a_reason_and_an_entry").await {
        let id = bed.person("anna@example.org", "Anna").await.person_id;
        let mut support = bed.member(Role::Support);
        let vouch = |reason: &str| VerifyByHandRequest { person_id: id.clone(), reason: reason.into() };
        refused_field(support.verify_by_hand(vouch("")).await, "reason");
        bed.clock.advance_ms(1000);
        let vouched = support.verify_by_hand(vouch("showed a passport")).await.unwrap().into_inner().person.unwrap();
        assert_eq!(vouched.email_assurance(), Assurance::ByHand);
        assert_eq!(vouched.email_verified_at.unwrap().seconds, (START_AT_MS / 1000) as i64 + 1);
        let entries = bed.audited(&id).await;
        let told = (entries.len(), entries[0].action.as_str(), entries[0].reason.as_str());
        assert_eq!(told, (1, "person.verify_by_hand", "showed a passport"));

        let again = support.verify_by_hand(vouch("once more")).await.unwrap().into_inner().person.unwrap();
        assert_eq!(again, vouched, "nothing is done a second time");
        assert_eq!(bed.audited(&id).await.len(), 1);
    }
}
