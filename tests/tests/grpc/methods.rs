//! Every method that there is, and a mesh on which two tenants meet.

use prost::Message as _;
use tonic::Code;
use turnout_platform::auth::Role;
use turnout_proto::{profiles::v1 as profiles, registration::v1 as registration};
use turnout_tests::{method::Caller, process::Turnout, tokens::Forge};

use crate::rows::{ACCOUNTS, Ids, PEOPLE, REGISTRANTS, REGISTRATION, member};

/// Every method of ours, from the descriptors that reflection shows too.
pub fn methods() -> Vec<String> {
    let files = prost_types::FileDescriptorSet::decode(turnout_proto::DESCRIPTORS).unwrap().file;
    let mut methods = Vec::new();
    for file in files.iter().filter(|file| file.package().starts_with("turnout.")) {
        for service in &file.service {
            let path = |method: &str| format!("/{}.{}/{method}", file.package(), service.name());
            methods.extend(service.method.iter().map(|method| path(method.name())));
        }
    }
    assert!(methods.len() >= 90, "{methods:?}");
    methods
}

/// A running mesh with an event, a room, a registered person, a member and an API key of the demo tenant, `ours`, and the same of
/// another tenant, `theirs`.
pub struct Bed {
    pub mesh: Turnout,
    pub caller: Caller,
    pub forge: Forge,
    /// Keys of the two.
    pub our_key: String,
    pub their_key: String,
    pub ours: Ids,
    pub theirs: Ids,
    _folder: tempfile::TempDir,
}

impl Bed {
    pub async fn start(args: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mesh = Turnout::start(folder.path(), args).await;
        let caller = Caller::connect(mesh.grpc()).await;
        let forge = Forge::of(folder.path());
        let our_key = mesh.api_key();
        let create = registration::CreateApiKeyRequest { label: "theirs".into() };
        let made: registration::CreateApiKeyResponse =
            done(&caller, &forge.access(Some("other")), REGISTRATION, "CreateApiKey", &create).await;
        let ours = things(&caller, &forge.member("demo", Role::Owner), "ours").await;
        let theirs = things(&caller, &forge.member("other", Role::Owner), "theirs").await;
        Self { mesh, caller, forge, our_key, their_key: made.secret, ours, theirs, _folder: folder }
    }
}

async fn done<T: prost::Message + Default>(
    caller: &Caller,
    bearer: &str,
    service: &str,
    method: &str,
    request: &impl prost::Message,
) -> T {
    let answer = caller.call(bearer, &format!("/{service}/{method}"), &request.encode_to_vec()).await;
    assert_eq!(answer.code(), Code::Ok, "{service}/{method}: {answer:?}");
    T::decode(answer.message.expect("an answer has a message")).unwrap()
}

/// An event, a room, a person who registered, a member, an API key.
async fn things(caller: &Caller, owner: &str, event: &str) -> Ids {
    let starts_at = Some(prost_types::Timestamp { seconds: 4_000_000_000, nanos: 0 });
    let event_id = event.to_owned();
    let create = registration::CreateEventRequest {
        event_id: event_id.clone(),
        title: "A title".into(),
        starts_at,
        zone: String::new(),
    };
    let _: registration::CreateEventResponse = done(caller, owner, REGISTRATION, "CreateEvent", &create).await;
    let settings = registration::UpdateEventRequest {
        event: Some(registration::Event {
            event_id: event_id.clone(),
            published: true,
            rsvp: true,
            ..Default::default()
        }),
        update_mask: Some(prost_types::FieldMask { paths: ["published", "rsvp"].map(str::to_owned).into() }),
        expected_version: 0,
    };
    let _: registration::UpdateEventResponse = done(caller, owner, REGISTRATION, "UpdateEvent", &settings).await;
    let room =
        registration::CreateRoomRequest { event_id: event_id.clone(), room_id: "hall".into(), title: "A title".into() };
    let _: registration::CreateRoomResponse = done(caller, owner, REGISTRATION, "CreateRoom", &room).await;
    let form = registration::PutFormRequest {
        form: Some(registration::Form { event_id: event_id.clone(), fields: vec![city()], ..Default::default() }),
        expected_version: 0,
    };
    let _: registration::PutFormResponse = done(caller, owner, REGISTRANTS, "PutForm", &form).await;
    let register = registration::RegisterRequest {
        event_id: event_id.clone(),
        email: "anna@example.org".into(),
        name: "Anna".into(),
        form_version: 1,
        act: Some(registration::Act { reason: "a test asks for it".into() }),
        ..Default::default()
    };
    let registered: registration::RegisterResponse = done(caller, owner, REGISTRANTS, "Register", &register).await;
    let registered = registered.registration.unwrap();
    let invite = profiles::InviteMemberRequest {
        email: member(&Ids::all(event)),
        role: Role::Support.to_wire().into(),
        language: "en".into(),
    };
    let invited: profiles::InviteMemberResponse = done(caller, owner, ACCOUNTS, "InviteMember", &invite).await;
    let person: profiles::GetPersonResponse =
        done(caller, owner, PEOPLE, "GetPerson", &profiles::GetPersonRequest { person_id: registered.person_id }).await;
    let create = registration::CreateApiKeyRequest { label: "A program".into() };
    let key: registration::CreateApiKeyResponse = done(caller, owner, REGISTRATION, "CreateApiKey", &create).await;
    Ids {
        event: event_id,
        registration: registered.registration_id,
        person: person.person.unwrap().person_id,
        account: invited.member.unwrap().account_id,
        key: key.key_id,
    }
}

fn city() -> registration::FormField {
    let text = |text: &str| {
        Some(turnout_proto::common::v1::LocalizedText { texts: [("en".to_owned(), text.to_owned())].into() })
    };
    registration::FormField {
        key: "city".into(),
        r#type: registration::FieldType::Place.into(),
        label: text("City"),
        purpose: text("To know where people come from"),
        basis: registration::LegalBasis::Consent.into(),
        ..Default::default()
    }
}
