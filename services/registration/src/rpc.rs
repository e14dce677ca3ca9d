//! The gRPC face: reads the fields, asks `actions`, writes the answer. The access layer has authenticated each call before it
//! gets here; a failure becomes a status in `turnout_platform::failure`.

use prost_types::Timestamp;
use tonic::{Request, Response, Status};
use turnout_platform::{
    auth::{ApiKeys as _, Principal, principal_of},
    failure::Failure,
    ids::TenantId,
    limits::TITLE_CHARS_MAX,
    random,
};
use turnout_proto::registration::v1::{
    ChangeEventStateRequest, ChangeEventStateResponse, CreateApiKeyRequest, CreateApiKeyResponse, CreateEventRequest,
    CreateEventResponse, CreateRoomRequest, CreateRoomResponse, Event as WireEvent, EventState, GetEventRequest,
    GetEventResponse, GetRoomRequest, GetRoomResponse, GetTicketKeyRequest, GetTicketKeyResponse, ListEventsRequest,
    ListEventsResponse, ListRoomsRequest, ListRoomsResponse, RedeemSignInLinkRequest, RedeemSignInLinkResponse,
    RegisterTicketKeyRequest, RegisterTicketKeyResponse, ResolveApiKeyRequest, ResolveApiKeyResponse, Room as WireRoom,
    registration_service_server::RegistrationService,
};

use crate::{
    Registration,
    domain::{
        event::{Event, State},
        fields, pages,
        room::Room,
    },
};

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl RegistrationService for Registration {
    async fn create_event(&self, request: Request<CreateEventRequest>) -> Answer<CreateEventResponse> {
        let (caller, request) = parts(request)?;
        let tenant = caller.tenant()?;
        let id = fields::id("event_id", &given_or_chosen(request.event_id))?;
        let title = fields::line("title", &request.title, TITLE_CHARS_MAX)?;
        let event = self.create_event(tenant, id, title).await?;
        Ok(Response::new(CreateEventResponse { event: Some(wire_event(event, &caller)) }))
    }

    async fn get_event(&self, request: Request<GetEventRequest>) -> Answer<GetEventResponse> {
        let (caller, request) = parts(request)?;
        let id = fields::id("event_id", &request.event_id)?;
        let event = self.event(reach(&caller)?, &id).await?;
        Ok(Response::new(GetEventResponse { event: Some(wire_event(event, &caller)) }))
    }

    async fn list_events(&self, request: Request<ListEventsRequest>) -> Answer<ListEventsResponse> {
        let (caller, request) = parts(request)?;
        let tenant = caller.tenant()?;
        let limit = fields::page_size(request.page_size)?;
        let after = pages::event_before(tenant, &request.page_token)?;
        let page = self.events(tenant, after, limit).await?;
        Ok(Response::new(ListEventsResponse {
            events: page.events.into_iter().map(|event| wire_event(event, &caller)).collect(),
            next_page_token: page.next.map(|place| pages::token_after_event(tenant, &place)).unwrap_or_default(),
        }))
    }

    async fn change_event_state(&self, request: Request<ChangeEventStateRequest>) -> Answer<ChangeEventStateResponse> {
        let (caller, request) = parts(request)?;
        let tenant = caller.tenant()?;
        let id = fields::id("event_id", &request.event_id)?;
        let to = state(request.state)?;
        let expected = fields::expected_version(request.expected_version)?;
        let event = self.change_state(tenant, &id, to, expected).await?;
        Ok(Response::new(ChangeEventStateResponse { event: Some(wire_event(event, &caller)) }))
    }

    async fn create_room(&self, request: Request<CreateRoomRequest>) -> Answer<CreateRoomResponse> {
        let (caller, request) = parts(request)?;
        let tenant = caller.tenant()?;
        let event = fields::id("event_id", &request.event_id)?;
        let id = fields::id("room_id", &given_or_chosen(request.room_id))?;
        let title = fields::line("title", &request.title, TITLE_CHARS_MAX)?;
        let room = self.create_room(tenant, event, id, title).await?;
        Ok(Response::new(CreateRoomResponse { room: Some(wire_room(room)) }))
    }

    async fn get_room(&self, request: Request<GetRoomRequest>) -> Answer<GetRoomResponse> {
        let (caller, request) = parts(request)?;
        let event = fields::id("event_id", &request.event_id)?;
        let id = fields::id("room_id", &request.room_id)?;
        let room = self.room(reach(&caller)?, &event, &id).await?;
        Ok(Response::new(GetRoomResponse { room: Some(wire_room(room)) }))
    }

    async fn list_rooms(&self, request: Request<ListRoomsRequest>) -> Answer<ListRoomsResponse> {
        let (caller, request) = parts(request)?;
        let event = fields::id("event_id", &request.event_id)?;
        let limit = fields::page_size(request.page_size)?;
        let after = pages::room_before(&event, &request.page_token)?;
        let (rooms, more) = self.rooms(reach(&caller)?, &event, after, limit).await?;
        let last = rooms.last().filter(|_| more);
        let next_page_token = last.map(|room| pages::token_after_room(&event, &room.id)).unwrap_or_default();
        Ok(Response::new(ListRoomsResponse { rooms: rooms.into_iter().map(wire_room).collect(), next_page_token }))
    }

    async fn register_ticket_key(
        &self,
        request: Request<RegisterTicketKeyRequest>,
    ) -> Answer<RegisterTicketKeyResponse> {
        let (caller, request) = parts(request)?;
        let tenant = caller.tenant()?;
        let public_key = fields::public_key(&request.public_key)?;
        let key_id = self.register_ticket_key(tenant, public_key).await?.to_string();
        Ok(Response::new(RegisterTicketKeyResponse { key_id }))
    }

    async fn get_ticket_key(&self, request: Request<GetTicketKeyRequest>) -> Answer<GetTicketKeyResponse> {
        let key = self.ticket_key(&request.get_ref().key_id).await?;
        let (tenant_id, public_key) = (key.tenant.to_string(), key.public_key.to_vec());
        Ok(Response::new(GetTicketKeyResponse { tenant_id, public_key }))
    }

    async fn create_api_key(&self, request: Request<CreateApiKeyRequest>) -> Answer<CreateApiKeyResponse> {
        let (caller, request) = parts(request)?;
        let key = self.create_api_key(caller.tenant()?, &request.label).await?;
        Ok(Response::new(CreateApiKeyResponse { key_id: key.key_id, secret: key.secret }))
    }

    async fn resolve_api_key(&self, request: Request<ResolveApiKeyRequest>) -> Answer<ResolveApiKeyResponse> {
        let request = request.into_inner();
        let hash = fields::secret_sha256(&request.secret_sha256)?;
        let tenant = self.resolve(&request.key_id, &hash).await?.ok_or(Failure::NotFound { what: "API key" })?;
        Ok(Response::new(ResolveApiKeyResponse { tenant_id: tenant.to_string() }))
    }

    async fn redeem_sign_in_link(&self, request: Request<RedeemSignInLinkRequest>) -> Answer<RedeemSignInLinkResponse> {
        let tenant = self.redeem(&request.get_ref().token).await?;
        Ok(Response::new(RedeemSignInLinkResponse { tenant_id: tenant.to_string() }))
    }
}

fn parts<T>(request: Request<T>) -> Result<(Principal, T), Failure> {
    Ok((principal_of(&request)?, request.into_inner()))
}

/// The tenant whose things the caller may read; none when it may read everybody's.
fn reach(caller: &Principal) -> Result<Option<&TenantId>, Failure> {
    if caller.sees_all_tenants() { Ok(None) } else { caller.tenant().map(Some) }
}

fn given_or_chosen(id: String) -> String {
    if id.is_empty() { random::sortable_id() } else { id }
}

fn state(wire: i32) -> Result<State, Failure> {
    match EventState::try_from(wire) {
        Ok(EventState::Draft) => Ok(State::Draft),
        Ok(EventState::Live) => Ok(State::Live),
        Ok(EventState::Ended) => Ok(State::Ended),
        Ok(EventState::Unspecified) | Err(_) => {
            Err(Failure::invalid("state", "must be EVENT_STATE_LIVE or EVENT_STATE_ENDED"))
        }
    }
}

fn wire_event(event: Event, caller: &Principal) -> WireEvent {
    let state = match event.state {
        State::Draft => EventState::Draft,
        State::Live => EventState::Live,
        State::Ended => EventState::Ended,
    };
    WireEvent {
        event_id: event.id.to_string(),
        title: event.title,
        state: state.into(),
        created_at: Some(timestamp(event.created_at_ms)),
        live_at: event.live_at_ms.map(timestamp),
        ended_at: event.ended_at_ms.map(timestamp),
        version: event.version,
        tenant_id: if caller.is_mesh() { event.tenant.to_string() } else { String::new() },
    }
}

fn wire_room(room: Room) -> WireRoom {
    WireRoom {
        event_id: room.event.to_string(),
        room_id: room.id.to_string(),
        title: room.title,
        created_at: Some(timestamp(room.created_at_ms)),
    }
}

fn timestamp(at_ms: i64) -> Timestamp {
    Timestamp { seconds: at_ms.div_euclid(1000), nanos: at_ms.rem_euclid(1000) as i32 * 1_000_000 }
}
