//! The gRPC face: reads the fields, enters in the audit log who makes what, asks `actions`, writes the answer. The access layer has
//! authenticated each call before it gets here; a failure becomes a status in `turnout_platform::failure`.

mod registrants;
pub(crate) mod wire;

use tonic::{Request, Response, Status};
use turnout_platform::{
    auth::{ApiKeys as _, Principal, principal_of},
    failure::Failure,
    ids::{RoomId, TenantId},
    limits::TITLE_CHARS_MAX,
    page_tokens::{TimePlace, open_token, read_open_token},
    random,
};
use turnout_proto::registration::v1::{
    ChangeEventStateRequest, ChangeEventStateResponse, CreateApiKeyRequest, CreateApiKeyResponse, CreateEventRequest,
    CreateEventResponse, CreateRoomRequest, CreateRoomResponse, EventState, GetEventRequest, GetEventResponse,
    GetRoomRequest, GetRoomResponse, GetTicketKeyRequest, GetTicketKeyResponse, ListApiKeysRequest,
    ListApiKeysResponse, ListEventsRequest, ListEventsResponse, ListRoomsRequest, ListRoomsResponse,
    RedeemSignInLinkRequest, RedeemSignInLinkResponse, RegisterTicketKeyRequest, RegisterTicketKeyResponse,
    ResolveApiKeyRequest, ResolveApiKeyResponse, RevokeApiKeyRequest, RevokeApiKeyResponse, Room as WireRoom,
    UpdateEventRequest, UpdateEventResponse, UpdateRoomRequest, UpdateRoomResponse,
    registration_service_server::RegistrationService,
};

use crate::{
    Registration,
    domain::{
        event::State,
        fields,
        room::Room,
        settings::{self, Settings},
    },
    registrants::About,
};

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl RegistrationService for Registration {
    async fn create_event(&self, request: Request<CreateEventRequest>) -> Answer<CreateEventResponse> {
        let (caller, request) = parts(request)?;
        let tenant = caller.tenant()?;
        let id = fields::id("event_id", &given_or_chosen(request.event_id))?;
        let title = fields::line("title", &request.title, TITLE_CHARS_MAX)?;
        let zone = settings::zone("zone", &request.zone)?;
        let settings = Settings::new(zone, wire::required_time("starts_at", request.starts_at)?);
        self.registrants.enter_act(&caller, "event.create", About::Event(&id), String::new()).await?;
        let event = self.create_event(tenant, id, title, settings).await?;
        Ok(Response::new(CreateEventResponse { event: Some(wire::event(event, &caller)) }))
    }

    async fn get_event(&self, request: Request<GetEventRequest>) -> Answer<GetEventResponse> {
        let (caller, request) = parts(request)?;
        let id = fields::id("event_id", &request.event_id)?;
        let event = self.event(reach(&caller)?, &id).await?;
        Ok(Response::new(GetEventResponse { event: Some(wire::event(event, &caller)) }))
    }

    async fn list_events(&self, request: Request<ListEventsRequest>) -> Answer<ListEventsResponse> {
        let (caller, request) = parts(request)?;
        let tenant = caller.tenant()?;
        let limit = fields::page_size(request.page_size)?;
        let list = format!("events\0{tenant}");
        let after = read_open_token(&list, &request.page_token)?;
        let page = self.events(tenant, after, limit).await?;
        Ok(Response::new(ListEventsResponse {
            events: page.events.into_iter().map(|event| wire::event(event, &caller)).collect(),
            next_page_token: page.next.map(|place| open_token(&list, &place)).unwrap_or_default(),
        }))
    }

    async fn update_event(&self, request: Request<UpdateEventRequest>) -> Answer<UpdateEventResponse> {
        let (caller, request) = parts(request)?;
        let event = request.event.unwrap_or_default();
        let id = fields::id("event.event_id", &event.event_id)?;
        let named = request.update_mask.as_ref().map(|mask| mask.paths.join(", ")).unwrap_or_default();
        let patch = wire::patch(&event, request.update_mask)?;
        let expected = fields::expected_version(request.expected_version)?;
        let event = self.update_event(&caller, &id, &patch, &named, expected).await?;
        Ok(Response::new(UpdateEventResponse { event: Some(wire::event(event, &caller)) }))
    }

    async fn change_event_state(&self, request: Request<ChangeEventStateRequest>) -> Answer<ChangeEventStateResponse> {
        let (caller, request) = parts(request)?;
        let id = fields::id("event_id", &request.event_id)?;
        let to = state(request.state)?;
        let expected = fields::expected_version(request.expected_version)?;
        let event = self.change_state(&caller, &id, to, expected).await?;
        Ok(Response::new(ChangeEventStateResponse { event: Some(wire::event(event, &caller)) }))
    }

    async fn create_room(&self, request: Request<CreateRoomRequest>) -> Answer<CreateRoomResponse> {
        let (caller, request) = parts(request)?;
        let tenant = caller.tenant()?;
        let event = fields::id("event_id", &request.event_id)?;
        let id: RoomId = fields::id("room_id", &given_or_chosen(request.room_id))?;
        let title = fields::line("title", &request.title, TITLE_CHARS_MAX)?;
        self.event(Some(tenant), &event).await?;
        self.registrants.enter_act(&caller, "room.create", About::Event(&event), id.to_string()).await?;
        let room = self.create_room(tenant, event, id, title).await?;
        Ok(Response::new(CreateRoomResponse { room: Some(wire_room(room)) }))
    }

    async fn update_room(&self, request: Request<UpdateRoomRequest>) -> Answer<UpdateRoomResponse> {
        let (caller, request) = parts(request)?;
        let room = request.room.unwrap_or_default();
        let event = fields::id("room.event_id", &room.event_id)?;
        let id = fields::id("room.room_id", &room.room_id)?;
        let title = wire::room_title(&room, request.update_mask)?;
        let expected = fields::expected_version(request.expected_version)?;
        let room = self.rename_room(&caller, &event, &id, &title, expected).await?;
        Ok(Response::new(UpdateRoomResponse { room: Some(wire_room(room)) }))
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
        let list = format!("rooms\0{event}");
        let after = read_open_token(&list, &request.page_token)?;
        let (rooms, more) = self.rooms(reach(&caller)?, &event, after, limit).await?;
        let last = rooms.last().filter(|_| more);
        let next_page_token = last.map(|room| open_token(&list, &room.id)).unwrap_or_default();
        Ok(Response::new(ListRoomsResponse { rooms: rooms.into_iter().map(wire_room).collect(), next_page_token }))
    }

    async fn register_ticket_key(
        &self,
        request: Request<RegisterTicketKeyRequest>,
    ) -> Answer<RegisterTicketKeyResponse> {
        let (caller, request) = parts(request)?;
        let tenant = caller.tenant()?;
        let public_key = fields::public_key(&request.public_key)?;
        self.registrants.enter_act(&caller, "ticket-key.register", About::Tenant, String::new()).await?;
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
        let key = self.create_api_key(&caller, &request.label).await?;
        Ok(Response::new(CreateApiKeyResponse { key_id: key.key_id, secret: key.secret }))
    }

    async fn list_api_keys(&self, request: Request<ListApiKeysRequest>) -> Answer<ListApiKeysResponse> {
        let (caller, request) = parts(request)?;
        let tenant = caller.tenant()?;
        let limit = fields::page_size(request.page_size)?;
        let list = format!("api keys\0{tenant}");
        let after = read_open_token(&list, &request.page_token)?;
        let (keys, more) = self.api_keys(tenant, after, limit).await?;
        let last = keys.last().filter(|_| more);
        let place = last.map(|key| TimePlace { at_ms: key.created_at_ms, id: &key.id });
        let next_page_token = place.map(|place| open_token(&list, &place)).unwrap_or_default();
        let api_keys = keys.into_iter().map(wire::api_key).collect();
        Ok(Response::new(ListApiKeysResponse { api_keys, next_page_token }))
    }

    async fn revoke_api_key(&self, request: Request<RevokeApiKeyRequest>) -> Answer<RevokeApiKeyResponse> {
        let (caller, request) = parts(request)?;
        caller.tenant()?;
        let id = fields::key_id(&request.key_id)?;
        let act = registrants::act(request.act.as_ref(), &caller)?;
        let key = self.revoke_api_key(&caller, &id, act).await?;
        Ok(Response::new(RevokeApiKeyResponse { api_key: Some(wire::api_key(key)) }))
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
        Ok(EventState::Cancelled) => Ok(State::Cancelled),
        Ok(EventState::Unspecified) | Err(_) => {
            Err(Failure::invalid("state", "must be EVENT_STATE_LIVE, EVENT_STATE_ENDED or EVENT_STATE_CANCELLED"))
        }
    }
}

fn wire_room(room: Room) -> WireRoom {
    WireRoom {
        event_id: room.event.to_string(),
        room_id: room.id.to_string(),
        title: room.title,
        created_at: Some(wire::timestamp(room.created_at_ms)),
        version: room.version,
    }
}
