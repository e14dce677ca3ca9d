//! API keys: what owners see of them, the one page that shows a new one, and what the pages say when the service refuses.

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};
use turnout_platform::auth::Role;
use turnout_proto::{
    profiles::v1::{ListMembersRequest, ListMembersResponse, Member},
    registration::v1::{
        ApiKey, CreateApiKeyRequest, CreateApiKeyResponse, ListApiKeysRequest, ListApiKeysResponse,
        RevokeApiKeyRequest, RevokeApiKeyResponse,
    },
};

use crate::stage::{Stage, at};

const KEYS: &str = "/console/settings/keys";
const SECRET: &str = "tk_AAAAAAAAAAAAAAAAAAAAAA.secret";

fn key(key_id: &str, label: &str, created_by: &str) -> ApiKey {
    ApiKey {
        key_id: key_id.into(),
        label: label.into(),
        created_at: Some(at(1_795_000_000)),
        created_by: created_by.into(),
        ..ApiKey::default()
    }
}

/// A service with a key that is valid, one that is revoked and one from before its maker was kept.
async fn stage(role: Role) -> Stage {
    let stage = Stage::with(role).await;
    stage.services.on("RegistrationService/ListApiKeys", |_: ListApiKeysRequest| {
        let revoked = ApiKey {
            revoked_at: Some(at(1_795_086_400)),
            revoked_by: "link".into(),
            ..key("BBBBBBBBBBBBBBBBBBBBBB", "the till", "service:registration")
        };
        let api_keys =
            vec![key("AAAAAAAAAAAAAAAAAAAAAA", "the web shop", "member:a1"), revoked, key("old", "from before", "")];
        Ok(ListApiKeysResponse { api_keys, ..ListApiKeysResponse::default() })
    });
    stage.services.on("AccountService/ListMembers", |_: ListMembersRequest| {
        let ann = Member { account_id: "a1".into(), email: "ann@example.org".into(), ..Member::default() };
        Ok(ListMembersResponse { members: vec![ann], ..ListMembersResponse::default() })
    });
    stage
}

#[tokio::test]
async fn owners_see_who_made_and_who_revoked_each_key_and_can_revoke_those_that_are_valid() {
    let stage = stage(Role::Owner).await;
    let page = stage.get(KEYS).await;
    assert_eq!(page.status, 200);
    page.holds("the web shop")
        .holds("by ann@example.org")
        .holds("action=\"/console/settings/keys/AAAAAAAAAAAAAAAAAAAAAA/revoke\"");
    page.holds("the till").holds("by The service registration").holds("by First sign-in link");
    page.holds("from before").holds("by somebody who was not recorded");
    page.lacks("/console/settings/keys/BBBBBBBBBBBBBBBBBBBBBB/revoke");
    // How long a revoked key may go on is said before it is revoked.
    page.holds("within 30 seconds").holds("within 60");
}

#[tokio::test]
async fn a_new_key_is_on_the_page_that_answers_and_on_no_other() {
    let stage = stage(Role::Owner).await;
    stage.services.on("RegistrationService/CreateApiKey", |_: CreateApiKeyRequest| {
        Ok(CreateApiKeyResponse { key_id: "AAAAAAAAAAAAAAAAAAAAAA".into(), secret: SECRET.into() })
    });
    let page = stage.post(KEYS, &[("label", "the web shop")]).await;
    assert_eq!((page.status, page.header("cache-control")), (200, Some("no-store")));
    page.holds(SECRET).holds("the web shop").holds("localhost:7071");
    let asked: CreateApiKeyRequest = stage.services.asked("RegistrationService/CreateApiKey").remove(0);
    assert_eq!(asked.label, "the web shop");
    stage.get(KEYS).await.lacks(SECRET);
}

#[tokio::test]
async fn a_key_that_cannot_be_made_is_told_beside_what_was_entered() {
    let stage = stage(Role::Owner).await;
    stage.services.on("RegistrationService/CreateApiKey", |asked: CreateApiKeyRequest| {
        let mut details = ErrorDetails::new();
        details.add_bad_request_violation("label", "must be 1 to 100 characters");
        Err::<CreateApiKeyResponse, _>(if asked.label.is_empty() {
            Status::with_error_details(Code::InvalidArgument, "invalid", details)
        } else {
            Status::failed_precondition("a tenant has at most 50 API keys; revoke one that nobody uses")
        })
    });
    let page = stage.post(KEYS, &[("label", "")]).await;
    assert_eq!(page.status, 422);
    page.holds("No key was made.").holds("Must be 1 to 100 characters.").holds("the web shop");
    let page = stage.post(KEYS, &[("label", "the till")]).await;
    assert_eq!(page.status, 409);
    page.holds("A tenant has at most 50 API keys").holds("value=\"the till\"");
}

#[tokio::test]
async fn a_key_is_revoked_with_a_reason_and_without_one_its_form_stays_open() {
    let stage = stage(Role::Owner).await;
    stage.services.on("RegistrationService/RevokeApiKey", |asked: RevokeApiKeyRequest| {
        if asked.key_id.starts_with('C') {
            return Err(Status::not_found("no such API key"));
        }
        if asked.act.is_some_and(|act| act.reason.len() >= 3) {
            return Ok(RevokeApiKeyResponse::default());
        }
        let mut details = ErrorDetails::new();
        details.add_bad_request_violation("act.reason", "must be 3 to 500 characters");
        Err(Status::with_error_details(Code::InvalidArgument, "invalid", details))
    });
    let revoke = |id: &str| format!("{KEYS}/{}/revoke", id.repeat(22));
    let done = stage.post(&revoke("A"), &[("reason", "it was on a slide")]).await;
    assert_eq!(done.header("location"), Some("/console/settings/keys?did=key-revoked"));
    stage.get("/console/settings/keys?did=key-revoked").await.holds("The key is revoked.");
    let page = stage.post(&revoke("A"), &[("reason", "")]).await;
    assert_eq!(page.status, 422);
    page.holds("<details class=\"act\" open>");
    let asked: Vec<RevokeApiKeyRequest> = stage.services.asked("RegistrationService/RevokeApiKey");
    assert_eq!(asked[0].act.as_ref().unwrap().reason, "it was on a slide");
    assert_eq!(stage.post(&revoke("C"), &[("reason", "not ours")]).await.status, 404);
}

#[tokio::test]
async fn a_list_that_cannot_be_read_says_so_and_other_roles_see_no_keys() {
    let away = stage(Role::Owner).await;
    away.services.on("RegistrationService/ListApiKeys", |_: ListApiKeysRequest| {
        Err::<ListApiKeysResponse, _>(Status::unavailable(""))
    });
    away.get(KEYS).await.holds("The list cannot be shown right now").holds("action=\"/console/settings/keys\"");

    for role in [Role::Organiser, Role::Support, Role::Analyst, Role::Moderator] {
        let stage = stage(role).await;
        assert_eq!(stage.get(KEYS).await.status, 403, "{role}");
        assert_eq!(stage.post(KEYS, &[("label", "mine")]).await.status, 403, "{role}");
        let asked: Vec<CreateApiKeyRequest> = stage.services.asked("RegistrationService/CreateApiKey");
        assert!(asked.is_empty(), "the service is not asked");
    }
}
