//! Who may call what: every method of the service, taken from its descriptor, with own, foreign and missing ids. A new method
//! without a row here fails.

use std::collections::BTreeSet;

use prost::Message as _;
use prost_types::FieldMask;
use tonic::{Code, Status};
use turnout_platform::auth::Role;
use turnout_proto::registration::v1::{
    Act, ChangeEventStateRequest, CreateApiKeyRequest, CreateEventRequest, CreateRoomRequest, Event, EventState,
    GetEventRequest, GetRoomRequest, GetTicketKeyRequest, ListApiKeysRequest, ListEventsRequest, ListRoomsRequest,
    RedeemSignInLinkRequest, RegisterTicketKeyRequest, ResolveApiKeyRequest, RevokeApiKeyRequest, Room,
    UpdateEventRequest, UpdateRoomRequest,
};
use turnout_registration::ACCESS;

use crate::bed::{Bed, Client, create_event, create_room, refused, starts_at};

/// What protects one tenant from another in a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Guard {
    /// It takes an event's id: a foreign one looks like a missing one.
    Id,
    /// As above, and a service that acts for no tenant reads the events of all.
    ReadableId,
    /// It takes no id of something that exists: it works on the caller's tenant.
    OwnTenant,
    /// It takes the id of an API key, see `revoking`.
    Key,
    /// Only services of the mesh may call it.
    Mesh,
}

fn guard(method: &str) -> Guard {
    match method {
        "GetEvent" | "GetRoom" | "ListRooms" => Guard::ReadableId,
        "ChangeEventState" | "UpdateEvent" | "CreateRoom" | "UpdateRoom" => Guard::Id,
        "CreateEvent" | "ListEvents" | "RegisterTicketKey" | "CreateApiKey" | "ListApiKeys" => Guard::OwnTenant,
        "RevokeApiKey" => Guard::Key,
        "GetTicketKey" | "ResolveApiKey" | "RedeemSignInLink" => Guard::Mesh,
        other => panic!("{other} is new: say here what keeps tenants apart in it, and how it is called below"),
    }
}

/// Calls a method about this event with otherwise valid fields.
async fn call(client: &mut Client, method: &str, event: &str) -> Result<(), Status> {
    let (event_id, room_id, title) = (event.to_owned(), "stage".to_owned(), "Title".to_owned());
    match method {
        "CreateEvent" => drop(
            client
                .create_event(CreateEventRequest { title, starts_at: starts_at(), ..CreateEventRequest::default() })
                .await?,
        ),
        "GetEvent" => drop(client.get_event(GetEventRequest { event_id }).await?),
        "ListEvents" => drop(client.list_events(ListEventsRequest::default()).await?),
        "UpdateEvent" => {
            let event = Some(Event { event_id, rsvp: true, ..Event::default() });
            let update_mask = Some(FieldMask { paths: vec!["rsvp".into()] });
            drop(client.update_event(UpdateEventRequest { event, update_mask, expected_version: 0 }).await?);
        }
        "ChangeEventState" => {
            let state = EventState::Live.into();
            let request = ChangeEventStateRequest { event_id, state, expected_version: 0 };
            drop(client.change_event_state(request).await?);
        }
        "CreateRoom" => drop(client.create_room(CreateRoomRequest { event_id, room_id, title }).await?),
        "UpdateRoom" => {
            let room = Some(Room { event_id, room_id, title: "Another".into(), ..Room::default() });
            let update_mask = Some(FieldMask { paths: vec!["title".into()] });
            drop(client.update_room(UpdateRoomRequest { room, update_mask, expected_version: 0 }).await?);
        }
        "GetRoom" => drop(client.get_room(GetRoomRequest { event_id, room_id }).await?),
        "ListRooms" => drop(client.list_rooms(ListRoomsRequest { event_id, ..ListRoomsRequest::default() }).await?),
        "RegisterTicketKey" => {
            drop(client.register_ticket_key(RegisterTicketKeyRequest { public_key: vec![7; 32] }).await?);
        }
        "GetTicketKey" => drop(client.get_ticket_key(GetTicketKeyRequest { key_id: event_id }).await?),
        "CreateApiKey" => drop(client.create_api_key(CreateApiKeyRequest { label: title }).await?),
        "ListApiKeys" => drop(client.list_api_keys(ListApiKeysRequest::default()).await?),
        "RevokeApiKey" => {
            let act = Some(Act { reason: "nobody uses it".into() });
            drop(client.revoke_api_key(RevokeApiKeyRequest { key_id: event_id, act }).await?);
        }
        "ResolveApiKey" => {
            let request = ResolveApiKeyRequest { key_id: event_id, secret_sha256: vec![7; 32] };
            drop(client.resolve_api_key(request).await?);
        }
        "RedeemSignInLink" => {
            drop(client.redeem_sign_in_link(RedeemSignInLinkRequest { token: event_id }).await?);
        }
        other => panic!("{other} is new: say here how it is called"),
    }
    Ok(())
}

fn methods() -> Vec<String> {
    let descriptors = prost_types::FileDescriptorSet::decode(turnout_proto::DESCRIPTORS).unwrap();
    let methods: Vec<String> = descriptors
        .file
        .into_iter()
        .filter(|file| file.package() == "turnout.registration.v1")
        .flat_map(|file| file.service)
        .filter(|service| service.name() == "RegistrationService")
        .flat_map(|service| service.method)
        .map(|method| method.name().to_owned())
        .collect();
    assert!(methods.len() >= 12, "{methods:?}");
    methods
}

/// Two tenants with an event and a room each.
async fn two_tenants() -> Bed {
    let bed = Bed::start().await;
    for (tenant, event) in [("acme", "gala"), ("other", "ball")] {
        let mut organiser = bed.organiser(tenant).await;
        create_event(&mut organiser, event, "Title").await.unwrap();
        create_room(&mut organiser, event, "stage", "Title").await.unwrap();
    }
    bed
}

fn bytes(status: &Status) -> (Code, String, Vec<u8>) {
    (status.code(), status.message().to_owned(), status.details().to_vec())
}

#[test]
fn every_method_stands_in_the_access_table_and_nothing_else_does() {
    let prefix = "/turnout.registration.v1.RegistrationService/";
    let served: BTreeSet<String> = methods().iter().map(|method| format!("{prefix}{method}")).collect();
    let listed: Vec<String> =
        ACCESS.iter().map(|(path, _)| (*path).to_owned()).filter(|path| path.starts_with(prefix)).collect();
    assert_eq!(served, listed.iter().cloned().collect());
    assert_eq!(served.len(), listed.len());
}

#[tokio::test]
async fn without_credentials_no_method_answers() {
    let bed = two_tenants().await;
    for method in methods() {
        refused(call(&mut bed.anonymous(), &method, "gala").await, Code::Unauthenticated);
    }
}

#[tokio::test]
async fn an_id_of_another_tenant_looks_like_one_that_does_not_exist() {
    let bed = two_tenants().await;
    for mut caller in [bed.organiser("acme").await, bed.mesh(Some("acme"))] {
        for method in methods() {
            if !matches!(guard(&method), Guard::Id | Guard::ReadableId) {
                continue;
            }
            let foreign = refused(call(&mut caller, &method, "ball").await, Code::NotFound);
            let missing = refused(call(&mut caller, &method, "none").await, Code::NotFound);
            assert_eq!(bytes(&foreign), bytes(&missing), "{method}");
        }
    }
    for method in methods() {
        if matches!(guard(&method), Guard::Id | Guard::ReadableId) {
            call(&mut bed.organiser("acme").await, &method, "gala").await.unwrap();
        }
    }
}

#[tokio::test]
async fn what_works_on_the_callers_tenant_shows_and_changes_nothing_of_another() {
    let bed = two_tenants().await;
    let mut acme = bed.events_as("acme", Role::Owner);
    for method in methods() {
        if guard(&method) == Guard::OwnTenant {
            call(&mut acme, &method, "ball").await.unwrap();
        }
    }
    let events = |mut client: Client| async move {
        let page = client.list_events(ListEventsRequest::default()).await.unwrap().into_inner();
        page.events.into_iter().map(|event| event.event_id).collect::<Vec<_>>()
    };
    assert_eq!(events(bed.organiser("other").await).await, ["ball"]);
    let of_acme = events(acme).await;
    assert_eq!(of_acme.len(), 2);
    assert!(!of_acme.contains(&"ball".to_owned()));
}

#[tokio::test]
async fn what_is_for_the_mesh_is_closed_to_organisers() {
    let bed = two_tenants().await;
    let mut acme = bed.organiser("acme").await;
    for method in methods() {
        if guard(&method) == Guard::Mesh {
            refused(call(&mut acme, &method, "gala").await, Code::PermissionDenied);
            let answer = call(&mut bed.mesh(None), &method, "made up").await;
            assert!([Code::NotFound, Code::Unauthenticated].contains(&answer.unwrap_err().code()), "{method}");
        }
    }
}

#[tokio::test]
async fn a_service_without_a_tenant_reads_all_and_changes_nothing() {
    let bed = two_tenants().await;
    let mut mesh = bed.mesh(None);
    for method in methods() {
        match guard(&method) {
            Guard::ReadableId => {
                call(&mut mesh, &method, "gala").await.unwrap();
                call(&mut mesh, &method, "ball").await.unwrap();
                refused(call(&mut mesh, &method, "none").await, Code::NotFound);
            }
            Guard::Id | Guard::OwnTenant | Guard::Key => {
                refused(call(&mut mesh, &method, "gala").await, Code::PermissionDenied);
            }
            Guard::Mesh => {}
        }
    }
}
