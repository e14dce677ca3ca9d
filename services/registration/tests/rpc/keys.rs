//! API keys and ticket keys: what they open. The list of a tenant's API keys and their end are in `revoking`.

use tonic::{Code, Status};
use turnout_platform::{
    auth::{ApiKeys, Credentials, RemoteApiKeys},
    failure::Failure,
    rpc::in_memory,
};
use turnout_proto::registration::v1::{
    CreateApiKeyRequest, CreateApiKeyResponse, GetTicketKeyRequest, GetTicketKeyResponse, ListEventsRequest,
    RegisterTicketKeyRequest, ResolveApiKeyRequest,
};

use crate::bed::{Bed, Client, refused, refused_field};

async fn create(client: &mut Client, label: &str) -> Result<CreateApiKeyResponse, Status> {
    Ok(client.create_api_key(CreateApiKeyRequest { label: label.into() }).await?.into_inner())
}

async fn resolve(client: &mut Client, key_id: &str, hash: &[u8]) -> Result<String, Status> {
    let request = ResolveApiKeyRequest { key_id: key_id.into(), secret_sha256: hash.to_vec() };
    Ok(client.resolve_api_key(request).await?.into_inner().tenant_id)
}

async fn register(client: &mut Client, public_key: &[u8]) -> Result<String, Status> {
    let request = RegisterTicketKeyRequest { public_key: public_key.to_vec() };
    Ok(client.register_ticket_key(request).await?.into_inner().key_id)
}

async fn ticket_key(client: &mut Client, key_id: &str) -> Result<GetTicketKeyResponse, Status> {
    Ok(client.get_ticket_key(GetTicketKeyRequest { key_id: key_id.into() }).await?.into_inner())
}

pub fn sha256(text: &str) -> Vec<u8> {
    aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes()).as_ref().to_vec()
}

#[tokio::test]
async fn a_new_api_key_opens_its_tenant_and_a_forged_one_nothing() {
    let bed = Bed::start().await;
    let key = create(&mut bed.mesh(Some("acme")), "our server").await.unwrap();
    let (id, random) = key.secret.strip_prefix("tk_").unwrap().split_once('.').unwrap();
    assert_eq!((id, id.len(), random.len()), (key.key_id.as_str(), 22, 43));

    let mut with_key = bed.bearer(&key.secret);
    with_key.list_events(ListEventsRequest::default()).await.unwrap();
    let cut = key.secret[..key.secret.len() - 1].to_owned();
    for forged in [cut, format!("tk_{id}."), format!("tk_{}.{random}", "A".repeat(22)), format!("tk_.{random}")] {
        let answer = bed.bearer(&forged).list_events(ListEventsRequest::default()).await;
        refused(answer, Code::Unauthenticated);
    }
}

#[tokio::test]
async fn an_api_key_resolves_by_the_hash_of_its_secret_only() {
    let bed = Bed::start().await;
    let key = create(&mut bed.mesh(Some("acme")), "our server").await.unwrap();
    let mut mesh = bed.mesh(None);
    assert_eq!(resolve(&mut mesh, &key.key_id, &sha256(&key.secret)).await.unwrap(), "acme");
    let wrong = refused(resolve(&mut mesh, &key.key_id, &sha256("other")).await, Code::NotFound);
    let missing = refused(resolve(&mut mesh, "made up", &sha256(&key.secret)).await, Code::NotFound);
    assert_eq!((wrong.message(), wrong.details()), (missing.message(), missing.details()));
    refused_field(resolve(&mut mesh, &key.key_id, &[1; 31]).await, "secret_sha256");
    assert!(bed.registration.resolve(&key.key_id, &[]).await.unwrap().is_none());
}

#[tokio::test]
async fn a_role_without_registration_asks_over_the_wire_and_learns_the_same() {
    let bed = Bed::start().await;
    let key = create(&mut bed.mesh(Some("acme")), "our server").await.unwrap();
    let remote =
        RemoteApiKeys::new(bed.channel.clone(), Credentials::new("test", bed.signer.clone(), bed.clock.clone()));
    for (id, secret) in [(key.key_id.as_str(), key.secret.as_str()), (&key.key_id, "other"), ("made up", &key.secret)] {
        let (here, there) = (&bed.registration as &dyn ApiKeys, &remote as &dyn ApiKeys);
        let known_here = here.resolve(id, &sha256(secret)).await.unwrap();
        let known_there = there.resolve(id, &sha256(secret)).await.unwrap();
        assert_eq!(known_here, known_there);
        assert_eq!(known_here.is_some(), secret == key.secret && id == key.key_id);
    }
}

#[tokio::test]
async fn while_registration_is_away_a_key_is_neither_good_nor_bad() {
    let bed = Bed::start().await;
    let (away, nobody) = in_memory();
    drop(nobody);
    let remote = RemoteApiKeys::new(away, Credentials::new("test", bed.signer.clone(), bed.clock.clone()));
    let answer = remote.resolve("any", &[0; 32]).await;
    assert!(matches!(answer, Err(Failure::Unavailable { .. })), "{answer:?}");
}

#[tokio::test]
async fn a_label_says_what_the_key_is_for() {
    let bed = Bed::start().await;
    for bad in ["", &"x".repeat(101)] {
        refused_field(create(&mut bed.mesh(Some("acme")), bad).await, "label");
    }
    create(&mut bed.mesh(Some("acme")), &"ä".repeat(100)).await.unwrap();
}

#[tokio::test]
async fn a_ticket_key_is_found_by_its_id_with_its_tenant() {
    let bed = Bed::start().await;
    let key_id = register(&mut bed.organiser("acme").await, &[7; 32]).await.unwrap();
    let found = ticket_key(&mut bed.mesh(None), &key_id).await.unwrap();
    assert_eq!(found, GetTicketKeyResponse { tenant_id: "acme".into(), public_key: vec![7; 32] });
    for made_up in ["", "made up", "AAAAAAAAAAAAAAAAAAAAAA", &"x".repeat(4000)] {
        refused(ticket_key(&mut bed.mesh(None), made_up).await, Code::NotFound);
    }
}

#[tokio::test]
async fn a_ticket_key_has_32_bytes() {
    let bed = Bed::start().await;
    let mut acme = bed.organiser("acme").await;
    for bad in [0, 31, 33, 44] {
        refused_field(register(&mut acme, &vec![7; bad]).await, "public_key");
    }
}

#[tokio::test]
async fn the_same_ticket_key_again_has_the_same_id_and_the_21st_is_refused() {
    let bed = Bed::start().await;
    let mut acme = bed.organiser("acme").await;
    let first = register(&mut acme, &[0; 32]).await.unwrap();
    for key in 1..20 {
        register(&mut acme, &[key; 32]).await.unwrap();
    }
    assert_eq!(register(&mut acme, &[0; 32]).await.unwrap(), first);
    refused(register(&mut acme, &[20; 32]).await, Code::FailedPrecondition);
    let of_other = register(&mut bed.organiser("other").await, &[0; 32]).await.unwrap();
    assert_ne!(of_other, first);
}
