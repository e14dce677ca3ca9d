//! The API keys of a tenant: who sees them, who ends them, and what a key opens after its end. On both engines.

use std::sync::Arc;

use tonic::{Code, Status};
use turnout_platform::{
    auth::{API_KEY_REMEMBERED, ApiKeys as _, Role},
    tables::{Row, Tables, Value},
};
use turnout_proto::registration::v1::{
    Act, ApiKey, CreateApiKeyRequest, CreateApiKeyResponse, ListApiKeysRequest, ListEventsRequest, RevokeApiKeyRequest,
};
use turnout_registration::TABLES;

use crate::{
    bed::{Bed, Client, open_tables, refused, refused_field, starts_at},
    keys::sha256,
    places::cql_tables,
};

/// Keys of a tenant that are not revoked, and those that are, at the most.
const VALID_MAX: usize = 50;
const REVOKED_LISTED_MAX: usize = 100;

on_both_engines! {
    the_list_says_who_made_and_who_revoked_each_key_and_never_a_secret;
    a_revoked_key_opens_nothing_once_it_is_not_remembered_any_more;
    a_second_revocation_answers_as_the_first_did_and_both_are_one_act;
    a_key_of_another_tenant_is_as_good_as_none;
    the_51st_key_is_refused_until_one_is_revoked;
    a_key_from_before_there_were_lists_works_and_is_listed_once_it_was_used_or_revoked;
}

async fn create(client: &mut Client, label: &str) -> CreateApiKeyResponse {
    client.create_api_key(CreateApiKeyRequest { label: label.into() }).await.unwrap().into_inner()
}

async fn list(client: &mut Client) -> Vec<ApiKey> {
    let request = ListApiKeysRequest { page_size: 200, ..ListApiKeysRequest::default() };
    client.list_api_keys(request).await.unwrap().into_inner().api_keys
}

async fn revoke(client: &mut Client, key_id: &str) -> Result<ApiKey, Status> {
    let act = Some(Act { reason: "it was on a slide".into() });
    let request = RevokeApiKeyRequest { key_id: key_id.into(), act };
    Ok(client.revoke_api_key(request).await?.into_inner().api_key.unwrap())
}

async fn the_list_says_who_made_and_who_revoked_each_key_and_never_a_secret(tables: Arc<dyn Tables>) {
    let bed = Bed::on(tables).await;
    let (mut owner, mut mesh) = (bed.events_as("acme", Role::Owner), bed.mesh(Some("acme")));
    assert_eq!(list(&mut owner).await, []);
    let first = create(&mut owner, "the web shop").await;
    bed.clock.advance_ms(1_000);
    let second = create(&mut mesh, "the till").await;
    bed.clock.advance_ms(1_000);
    let third = create(&mut owner, "a test").await;
    create(&mut bed.events_as("other", Role::Owner), "theirs").await;
    bed.clock.advance_ms(1_000);
    let revoked = revoke(&mut owner, &second.key_id).await.unwrap();

    let keys = list(&mut owner).await;
    let told: Vec<_> = keys.iter().map(|key| (key.label.as_str(), key.created_by.as_str())).collect();
    assert_eq!(told, [("a test", "member:m1"), ("the till", "service:test"), ("the web shop", "member:m1")]);
    let at = |seconds: i64| starts_at().map(|at| at.seconds - 86_400 + seconds);
    assert_eq!(keys[2].created_at.map(|at| at.seconds), at(0));
    assert_eq!(keys[1].revoked_at.map(|at| at.seconds), at(3));
    assert_eq!((keys[1].revoked_by.as_str(), &keys[1]), ("member:m1", &revoked));
    assert!(keys[0].revoked_at.is_none() && keys[2].revoked_at.is_none());

    let mut pages = ListApiKeysRequest { page_size: 2, page_token: String::new() };
    let page = owner.list_api_keys(pages.clone()).await.unwrap().into_inner();
    pages.page_token = page.next_page_token;
    let last = owner.list_api_keys(pages.clone()).await.unwrap().into_inner();
    assert_eq!([page.api_keys, last.api_keys].concat(), keys);
    assert_eq!(last.next_page_token, "");
    refused_field(bed.events_as("other", Role::Owner).list_api_keys(pages).await, "page_token");

    let bytes: Vec<u8> = keys.iter().flat_map(prost::Message::encode_to_vec).collect();
    for key in [first, second, third] {
        let random = key.secret.split_once('.').unwrap().1.as_bytes();
        for secret in [random, &sha256(&key.secret)] {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret));
        }
    }
}

async fn a_revoked_key_opens_nothing_once_it_is_not_remembered_any_more(tables: Arc<dyn Tables>) {
    let bed = Bed::on(tables).await;
    let mut owner = bed.events_as("acme", Role::Owner);
    let (key, other) = (create(&mut owner, "leaked").await, create(&mut owner, "in use").await);
    let mut holder = bed.bearer(&key.secret);
    holder.list_events(ListEventsRequest::default()).await.unwrap();
    revoke(&mut owner, &key.key_id).await.unwrap();
    assert!(bed.registration.resolve(&key.key_id, &sha256(&key.secret)).await.unwrap().is_none());
    bed.clock.advance_ms(API_KEY_REMEMBERED.as_millis() as u64);
    refused(holder.list_events(ListEventsRequest::default()).await, Code::Unauthenticated);
    bed.bearer(&other.secret).list_events(ListEventsRequest::default()).await.unwrap();
}

async fn a_second_revocation_answers_as_the_first_did_and_both_are_one_act(tables: Arc<dyn Tables>) {
    let bed = Bed::on(tables).await;
    let mut owner = bed.events_as("acme", Role::Owner);
    let key = create(&mut owner, "Anna's till").await;
    let no_reason = RevokeApiKeyRequest { key_id: key.key_id.clone(), act: None };
    refused_field(owner.revoke_api_key(no_reason).await, "act.reason");
    bed.profiles.set_down(true);
    refused(revoke(&mut owner, &key.key_id).await, Code::Unavailable);
    bed.profiles.set_down(false);
    assert!(list(&mut owner).await[0].revoked_at.is_none(), "what is not in the log is not done");

    let first = revoke(&mut owner, &key.key_id).await.unwrap();
    bed.clock.advance_ms(60_000);
    assert_eq!(revoke(&mut bed.mesh(Some("acme")), &key.key_id).await.unwrap(), first);
    let audits = bed.profiles.audits();
    let told: Vec<_> = audits
        .iter()
        .map(|it| (it.action.as_str(), it.actor.as_str(), it.reason.as_str(), it.detail.as_str()))
        .collect();
    assert_eq!(
        told,
        [("api-key.create", "member:m1", "", ""), ("api-key.revoke", "member:m1", "it was on a slide", "")]
    );
    assert!(audits.iter().all(|entry| entry.subject == format!("key:{}", key.key_id)));
}

async fn a_key_of_another_tenant_is_as_good_as_none(tables: Arc<dyn Tables>) {
    let bed = Bed::on(tables).await;
    let key = create(&mut bed.events_as("acme", Role::Owner), "ours").await;
    for mut other in [bed.events_as("other", Role::Owner), bed.mesh(Some("other"))] {
        let foreign = refused(revoke(&mut other, &key.key_id).await, Code::NotFound);
        let missing = refused(revoke(&mut other, "AAAAAAAAAAAAAAAAAAAAAA").await, Code::NotFound);
        assert_eq!((foreign.message(), foreign.details()), (missing.message(), missing.details()));
        for no_id in ["", "made up", &key.secret, &"x".repeat(4_000)] {
            refused_field(revoke(&mut other, no_id).await, "key_id");
        }
        assert_eq!(list(&mut other).await, []);
    }
    bed.bearer(&key.secret).list_events(ListEventsRequest::default()).await.unwrap();
    assert!(bed.profiles.audits().iter().all(|entry| entry.action != "api-key.revoke"));
}

async fn the_51st_key_is_refused_until_one_is_revoked(tables: Arc<dyn Tables>) {
    let bed = Bed::on(tables).await;
    let mut owner = bed.events_as("acme", Role::Owner);
    let first = create(&mut owner, "number 1").await;
    for number in 2..=VALID_MAX {
        create(&mut owner, &format!("number {number}")).await;
    }
    let more = CreateApiKeyRequest { label: "one more".into() };
    refused(owner.create_api_key(more.clone()).await, Code::FailedPrecondition);
    assert_eq!(bed.profiles.audits().len(), VALID_MAX, "what is refused is no act");
    create(&mut bed.events_as("other", Role::Owner), "theirs").await;
    revoke(&mut owner, &first.key_id).await.unwrap();
    owner.create_api_key(more).await.unwrap();
}

async fn a_key_from_before_there_were_lists_works_and_is_listed_once_it_was_used_or_revoked(tables: Arc<dyn Tables>) {
    let by_id = TABLES.iter().copied().find(|table| table.name == "api_keys_by_id").unwrap();
    let secret = |id: &str| format!("tk_{id}.anything");
    let (used, unused) = ("used_before_there_were", "never_used_since_there");
    for (id, label) in [(used, "made at the first start"), (unused, "forgotten")] {
        let row = Row::new(by_id)
            .set("key_id", id)
            .set("tenant_id", "acme")
            .set("label", label)
            .set("secret_sha256", sha256(&secret(id)).as_slice())
            .set("created_at", Value::Time(1));
        tables.put(row).await.unwrap();
    }
    let bed = Bed::on(tables).await;
    let mut owner = bed.events_as("acme", Role::Owner);
    assert_eq!(list(&mut owner).await, []);
    bed.bearer(&secret(used)).list_events(ListEventsRequest::default()).await.unwrap();
    let listed = list(&mut owner).await;
    let created_at = Some(prost_types::Timestamp { seconds: 0, nanos: 1_000_000 });
    let (key_id, label) = (used.to_owned(), "made at the first start".to_owned());
    assert_eq!(listed, [ApiKey { key_id, label, created_at, ..ApiKey::default() }]);

    revoke(&mut owner, unused).await.unwrap();
    revoke(&mut owner, used).await.unwrap();
    assert!(list(&mut owner).await.iter().all(|key| key.revoked_by == "member:m1"));
    assert_eq!(list(&mut owner).await.len(), 2);
    for id in [used, unused] {
        assert!(bed.registration.resolve(id, &sha256(&secret(id))).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn of_many_revoked_keys_the_oldest_leave_the_list_and_stay_revoked() {
    let bed = Bed::start().await;
    let mut owner = bed.events_as("acme", Role::Owner);
    let valid = create(&mut owner, "in use").await;
    let mut oldest = None;
    for _ in 0..=REVOKED_LISTED_MAX {
        bed.clock.advance_ms(1);
        let key = create(&mut owner, "for one day").await;
        revoke(&mut owner, &key.key_id).await.unwrap();
        oldest.get_or_insert(key);
    }
    create(&mut owner, "the last").await;
    let (oldest, keys) = (oldest.unwrap(), list(&mut owner).await);
    assert_eq!(keys.len(), REVOKED_LISTED_MAX + 2);
    assert!(keys.iter().any(|key| key.key_id == valid.key_id));
    assert!(keys.iter().all(|key| key.key_id != oldest.key_id));
    assert!(revoke(&mut owner, &oldest.key_id).await.unwrap().revoked_at.is_some());
    assert!(bed.registration.resolve(&oldest.key_id, &sha256(&oldest.secret)).await.unwrap().is_none());
}

#[tokio::test]
async fn item_35_owners_and_nobody_else_deal_with_keys_not_even_a_key() {
    let bed = Bed::start().await;
    let key = create(&mut bed.events_as("acme", Role::Owner), "in use").await;
    let mut callers = vec![bed.bearer(&key.secret)];
    for role in [Role::Organiser, Role::Support, Role::Analyst, Role::Moderator] {
        callers.push(bed.events_as("acme", role));
    }
    for mut caller in callers {
        refused(caller.create_api_key(CreateApiKeyRequest { label: "more".into() }).await, Code::PermissionDenied);
        refused(caller.list_api_keys(ListApiKeysRequest::default()).await, Code::PermissionDenied);
        refused(revoke(&mut caller, &key.key_id).await, Code::PermissionDenied);
    }
    assert_eq!(list(&mut bed.mesh(Some("acme"))).await.len(), 1);
}
