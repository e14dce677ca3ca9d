//! What members of a team and keys do to events, forms and settings is in the audit log: who, on what, and nothing personal.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use parking_lot::Mutex;
use turnout_platform::{
    auth::{MeshKey, Role},
    tables::Tables,
};
use turnout_proto::registration::v1::{
    ChangeEventStateRequest, CreateApiKeyRequest, CreateEventRequest, CreateRoomRequest, Event, EventState, Form,
    GetEventRequest, PutFormRequest, PutRegistrantSettingsRequest, RegisterTicketKeyRequest, RegistrantSettings, Room,
    UpdateEventRequest, UpdateRoomRequest,
};

use crate::{
    bed::{Bed, Client, create_event, open_tables, starts_at},
    hooked::{Hooked, Sort},
    profiles::FakeProfiles,
    registering::mask,
};

async fn whole_life(acme: &mut Client) {
    let request = CreateEventRequest {
        event_id: "gala".into(),
        title: "Anna's gala".into(),
        starts_at: starts_at(),
        zone: "UTC".into(),
    };
    acme.create_event(request).await.unwrap();
    let event = Event { event_id: "gala".into(), venue: "Anna's garden".into(), published: true, ..Event::default() };
    let update_mask = Some(mask(&["venue", "published"]));
    let request = UpdateEventRequest { event: Some(event), update_mask, expected_version: 1 };
    acme.update_event(request.clone()).await.unwrap();
    // Nothing is changed any more, or refused: no act.
    acme.update_event(UpdateEventRequest { expected_version: 2, ..request.clone() }).await.unwrap();
    acme.update_event(request).await.unwrap_err();
    let request = CreateRoomRequest { event_id: "gala".into(), room_id: "hall".into(), title: "Anna's hall".into() };
    acme.create_room(request).await.unwrap();
    let room =
        Room { event_id: "gala".into(), room_id: "hall".into(), title: "Anna's great hall".into(), ..Room::default() };
    let request = UpdateRoomRequest { room: Some(room), update_mask: Some(mask(&["title"])), expected_version: 1 };
    acme.update_room(request.clone()).await.unwrap();
    acme.update_room(UpdateRoomRequest { expected_version: 2, ..request.clone() }).await.unwrap();
    acme.update_room(request).await.unwrap_err();
    let request = |state: EventState| ChangeEventStateRequest {
        event_id: "gala".into(),
        state: state.into(),
        expected_version: 0,
    };
    acme.change_event_state(request(EventState::Ended)).await.unwrap_err();
    acme.change_event_state(request(EventState::Live)).await.unwrap();
    acme.change_event_state(request(EventState::Cancelled)).await.unwrap();
    acme.register_ticket_key(RegisterTicketKeyRequest { public_key: vec![7; 32] }).await.unwrap();
}

#[tokio::test]
async fn item_41_what_is_done_to_events_forms_and_settings_is_in_the_audit_log() {
    let bed = Bed::start().await;
    whole_life(&mut bed.events_as("acme", Role::Organiser)).await;
    let label = "Anna's key".into();
    bed.events_as("acme", Role::Owner).create_api_key(CreateApiKeyRequest { label }).await.unwrap();
    let form = Form { event_id: "ball".into(), ..Form::default() };
    create_event(&mut bed.mesh(Some("acme")), "ball", "Ball").await.unwrap();
    let mut organiser = bed.registrants_as("acme", Role::Organiser);
    organiser.put_form(PutFormRequest { form: Some(form), expected_version: 0 }).await.unwrap();
    let settings = Some(RegistrantSettings { threshold: 7, retention_days: 30, version: 0 });
    let mut owner = bed.registrants_as("acme", Role::Owner);
    owner.put_registrant_settings(PutRegistrantSettingsRequest { settings }).await.unwrap();

    let audits = bed.profiles.audits();
    let told: Vec<_> = audits.iter().map(|it| (it.action.as_str(), it.subject.as_str(), it.detail.as_str())).collect();
    let key = audits.iter().find(|entry| entry.action == "api-key.create").unwrap().subject.clone();
    let expected = [
        ("event.create", "event:gala", ""),
        ("event.update", "event:gala", "venue, published"),
        ("room.create", "event:gala", "hall"),
        ("room.update", "event:gala", "hall: title"),
        ("event.state", "event:gala", "LIVE"),
        ("event.state", "event:gala", "CANCELLED"),
        ("ticket-key.register", "tenant:acme", ""),
        ("api-key.create", key.as_str(), ""),
        ("form.put", "event:ball", "version 1, 0 fields"),
        ("registrant-settings.put", "tenant:acme", "version 1: threshold 7, retention 30 days"),
    ];
    assert_eq!(told, expected);
    assert!(audits.iter().all(|entry| entry.actor == "member:m1" && !format!("{entry:?}").contains("Anna")));
    assert!(key.starts_with("key:"));
}

#[tokio::test]
async fn a_key_is_named_and_without_the_log_nothing_is_done() {
    let bed = Bed::start().await;
    let mut acme = bed.organiser("acme").await;
    create_event(&mut acme, "gala", "Gala").await.unwrap();
    assert!(bed.profiles.audits()[0].actor.starts_with("key:"));
    bed.profiles.set_down(true);
    create_event(&mut acme, "ball", "Ball").await.unwrap_err();
    bed.profiles.set_down(false);
    acme.get_event(GetEventRequest { event_id: "ball".into() }).await.unwrap_err();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_became_possible_while_it_was_asked_for_is_in_the_log_if_it_was_done() {
    let folder = tempfile::tempdir().unwrap();
    let (tables, key, profiles) = (open_tables(&folder).await, MeshKey::generate(), FakeProfiles::default());
    let first = Bed::with(tables.clone(), &key, profiles.clone()).await;
    create_event(&mut first.mesh(Some("acme")), "gala", "Gala").await.unwrap();
    let to = |state: EventState| ChangeEventStateRequest {
        event_id: "gala".into(),
        state: state.into(),
        expected_version: 0,
    };
    // The event goes live just before somebody else's call to end it reads it for the second or the first time.
    for read in [2, 1] {
        let (reads, mesh) = (AtomicUsize::new(0), Arc::new(Mutex::new(None)));
        let hooked: Arc<dyn Tables> = {
            let mesh = mesh.clone();
            Hooked::new(&tables, move |sort, table| {
                let is_event = sort == Sort::Read && table == "events_by_id";
                let is_then = |_: &mut Client| is_event && reads.fetch_add(1, Ordering::SeqCst) + 1 == read;
                let mesh = mesh.lock().take_if(is_then);
                async move {
                    if let Some(mut mesh) = mesh {
                        let _ = mesh.change_event_state(to(EventState::Live)).await;
                    }
                    Ok(())
                }
            })
        };
        let second = first.second(hooked, &key).await;
        *mesh.lock() = Some(first.mesh(Some("acme")));
        let done = second.events_as("acme", Role::Organiser).change_event_state(to(EventState::Ended)).await;
        mesh.lock().take();
        let audits = profiles.audits();
        assert_eq!(audits.iter().any(|entry| entry.detail == "ENDED"), done.is_ok(), "{done:?}");
        if done.is_ok() {
            return;
        }
    }
    panic!("the event never ended");
}
