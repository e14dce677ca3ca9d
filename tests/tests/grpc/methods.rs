//! Every method of ours with its guard and a request, and a mesh on which two tenants meet. A method that is new fails here until it
//! has its row.

use prost::Message as _;
use tonic::Code;
use turnout_proto::{
    presence::v1 as presence, presence::v1::WatchCountsRequest, registration::v1 as registration,
    registration::v1::EventState,
};
use turnout_tests::{method::Caller, process::Turnout, tokens::Forge};

pub const REGISTRATION: &str = "turnout.registration.v1.RegistrationService";
pub const PRESENCE: &str = "turnout.presence.v1.PresenceService";

/// What keeps wrong callers out of a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// It takes the id of something that exists: a foreign one looks like a missing one.
    Id,
    /// It takes no such id: it works on the caller's tenant.
    OwnTenant,
    /// Only services of the mesh may call it.
    Mesh,
}

/// Every method: its guard, and a request about this event that is valid otherwise.
pub fn row(path: &str, event: &str) -> (Guard, Vec<u8>) {
    let (event_id, room_id) = (event.to_owned(), "hall".to_owned());
    let (page_size, page_token, title) = (200, String::new(), "A title".to_owned());
    let (service, method) = path.trim_start_matches('/').split_once('/').expect("a path has a service and a method");
    match (service, method) {
        (REGISTRATION, "CreateEvent") => {
            (Guard::OwnTenant, registration::CreateEventRequest { event_id: String::new(), title }.encode_to_vec())
        }
        (REGISTRATION, "GetEvent") => (Guard::Id, registration::GetEventRequest { event_id }.encode_to_vec()),
        (REGISTRATION, "ListEvents") => {
            (Guard::OwnTenant, registration::ListEventsRequest { page_size, page_token }.encode_to_vec())
        }
        (REGISTRATION, "ChangeEventState") => {
            let state = EventState::Live.into();
            let request = registration::ChangeEventStateRequest { event_id, state, expected_version: 0 };
            (Guard::Id, request.encode_to_vec())
        }
        (REGISTRATION, "CreateRoom") => {
            (Guard::Id, registration::CreateRoomRequest { event_id, room_id, title }.encode_to_vec())
        }
        (REGISTRATION, "GetRoom") => (Guard::Id, registration::GetRoomRequest { event_id, room_id }.encode_to_vec()),
        (REGISTRATION, "ListRooms") => {
            (Guard::Id, registration::ListRoomsRequest { event_id, page_size, page_token }.encode_to_vec())
        }
        (REGISTRATION, "RegisterTicketKey") => {
            (Guard::OwnTenant, registration::RegisterTicketKeyRequest { public_key: vec![7; 32] }.encode_to_vec())
        }
        (REGISTRATION, "GetTicketKey") => {
            (Guard::Mesh, registration::GetTicketKeyRequest { key_id: event_id }.encode_to_vec())
        }
        (REGISTRATION, "CreateApiKey") => {
            (Guard::OwnTenant, registration::CreateApiKeyRequest { label: title }.encode_to_vec())
        }
        (REGISTRATION, "ResolveApiKey") => {
            let request = registration::ResolveApiKeyRequest { key_id: event_id, secret_sha256: vec![7; 32] };
            (Guard::Mesh, request.encode_to_vec())
        }
        (REGISTRATION, "RedeemSignInLink") => {
            (Guard::Mesh, registration::RedeemSignInLinkRequest { token: event_id }.encode_to_vec())
        }
        (PRESENCE, "GetCount") => {
            (Guard::Id, presence::GetCountRequest { event_id, room_id: String::new() }.encode_to_vec())
        }
        (PRESENCE, "WatchCounts") => {
            (Guard::Id, WatchCountsRequest { event_id, room_id: String::new() }.encode_to_vec())
        }
        (PRESENCE, "GetCountHistory") => {
            let seconds = std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_secs() as i64 - 60;
            let from = Some(prost_types::Timestamp { seconds, nanos: 0 });
            (Guard::Id, presence::GetCountHistoryRequest { event_id, from, ..Default::default() }.encode_to_vec())
        }
        (PRESENCE, "ListRooms") => (Guard::Id, presence::ListRoomsRequest { event_id }.encode_to_vec()),
        (PRESENCE, "GetPeak") => {
            (Guard::Id, presence::GetPeakRequest { event_id, room_id: String::new() }.encode_to_vec())
        }
        _ => panic!("{path} is new: say here what keeps wrong callers out, and how it is called"),
    }
}

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
    assert!(methods.len() >= 17, "{methods:?}");
    methods
}

/// A running mesh with an event and a room of the demo tenant, `ours`, and of another tenant, `theirs`.
pub struct Bed {
    pub mesh: Turnout,
    pub caller: Caller,
    pub forge: Forge,
    /// Keys of the two.
    pub our_key: String,
    pub their_key: String,
    _folder: tempfile::TempDir,
}

impl Bed {
    pub async fn start(args: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mesh = Turnout::start(folder.path(), args).await;
        let caller = Caller::connect(mesh.grpc()).await;
        let forge = Forge::of(folder.path());
        let our_key = mesh.api_key();
        let create = registration::CreateApiKeyRequest { label: "theirs".into() }.encode_to_vec();
        let made = caller.call(&forge.access(Some("other")), &format!("/{REGISTRATION}/CreateApiKey"), &create).await;
        let made = registration::CreateApiKeyResponse::decode(made.message.expect("a key is made")).unwrap();
        let bed = Self { mesh, caller, forge, our_key, their_key: made.secret, _folder: folder };
        for (key, event) in [(&bed.our_key, "ours"), (&bed.their_key, "theirs")] {
            let create = registration::CreateEventRequest { event_id: event.into(), title: "A title".into() };
            let path = format!("/{REGISTRATION}/CreateEvent");
            assert_eq!(bed.caller.call(key, &path, &create.encode_to_vec()).await.code(), Code::Ok);
            let path = format!("/{REGISTRATION}/CreateRoom");
            assert_eq!(bed.caller.call(key, &path, &row(&path, event).1).await.code(), Code::Ok);
        }
        bed
    }
}
