//! Tickets: a short-lived, signed word that one viewer may open one event. Issued to browsers for their cookie, or minted by an
//! organiser's own server with a registered key.
//!
//! A ticket that is used again is the same viewer again, so a replay gains nothing; hence tickets are not single use.

use std::sync::Arc;

use tokio::runtime::Handle;
use turnout_platform::{
    auth::{Claims, CodePurpose, Codes, MeshKey, Refused, TokenKind, TokenSigner, TokenVerifier, key_id_of},
    clock::Clock,
    failure::Failure,
    ids::{Audience, EventId, RegistrationId, RoomId, TenantId},
    limits::ID_CHARS_MAX,
    random,
};
use turnout_roster::ViewerId;

use crate::{
    directory::{Directory, KnownEvent},
    live::{CloseCode, JoinHandler, JoinReply, JoinRequest, Seat},
};

/// The cookie that says which browser this is: a random word, first-party, HttpOnly, for the browser session.
pub const VIEWER_COOKIE: &str = "turnout_viewer";
/// Life of a ticket: long enough to open the socket with it.
pub const TICKET_TTL_S: u64 = 60;
/// The longest subject that a tenant's own server may use for a viewer.
const SUBJECT_BYTES_MAX: usize = 256;

/// Why there is no seat for a ticket.
#[derive(Debug)]
pub enum NoSeat {
    /// The ticket is not good.
    Ticket(Refused),
    /// The ticket is good and the event is not there.
    NoSuchEvent,
    /// It cannot be told now.
    Unavailable,
}

/// Issues and checks tickets.
pub struct TicketDesk {
    mesh_key: Arc<MeshKey>,
    signer: TokenSigner,
    verifier: TokenVerifier,
    codes: Codes,
    directory: Arc<Directory>,
    clock: Arc<dyn Clock>,
    runtime: Handle,
}

/// Whom a ticket of ours is for.
#[derive(Debug, Clone, Copy)]
pub enum TicketFor<'a> {
    /// A browser, by the word in its cookie.
    Browser(&'a str),
    /// Somebody who is registered: all their devices are one viewer.
    Registration(&'a RegistrationId),
}

impl TicketFor<'_> {
    /// The prefix keeps browsers, registrants and the subjects that organisers choose apart.
    fn subject(&self) -> String {
        match self {
            Self::Browser(browser) => format!("browser:{browser}"),
            Self::Registration(id) => format!("registration:{id}"),
        }
    }
}

/// What can be told without asking anybody.
enum Checked {
    Seat(Seat),
    /// A ticket of the mesh that does not say whose event it is.
    AskEvent(Box<Claims>),
    /// A ticket signed with a key that only registration knows.
    AskKey(String),
}

impl TicketDesk {
    /// A desk. Must be called within the runtime on which it may ask other services.
    pub fn new(mesh_key: Arc<MeshKey>, directory: Arc<Directory>, clock: Arc<dyn Clock>) -> Self {
        Self {
            signer: TokenSigner::new(&mesh_key),
            verifier: TokenVerifier::of_mesh(&mesh_key),
            codes: Codes::new(&mesh_key),
            mesh_key,
            directory,
            clock,
            runtime: Handle::current(),
        }
    }

    /// The key of the mesh, for what else is derived from it.
    pub fn mesh_key(&self) -> &MeshKey {
        &self.mesh_key
    }

    /// What the code of a link says that it opens: the event, and the registration.
    pub fn registration_of(&self, code: &str) -> Option<(EventId, RegistrationId)> {
        let parts = self.codes.read(CodePurpose::Registration, code)?;
        let [event, registration] = parts.as_slice() else { return None };
        Some((event.parse().ok()?, registration.parse().ok()?))
    }

    /// The code of the ticket that is shown at the door. It opens no page.
    pub fn ticket_code(&self, event: &str, registration: &str) -> String {
        self.codes.make(CodePurpose::Ticket, &[event, registration])
    }

    /// The code that opens a registration.
    pub fn code_of(&self, event: &str, registration: &str) -> String {
        self.codes.make(CodePurpose::Registration, &[event, registration])
    }

    /// The code that opens the choice of messages of a person.
    pub fn unsubscribe_code(&self, tenant: &TenantId, person: &str, event: Option<&EventId>) -> String {
        let event = event.map_or("-", EventId::as_str);
        self.codes.make(CodePurpose::Unsubscribe, &[tenant.as_str(), person, "marketing", event])
    }

    /// A ticket for a viewer.
    pub fn issue(&self, event: &KnownEvent, room: Option<&RoomId>, viewer: &TicketFor<'_>) -> String {
        self.signer
            .sign(TokenKind::Ticket, &viewer.subject(), self.clock.at_s(), TICKET_TTL_S, random::token_128())
            .tenant(event.tenant.as_str())
            .event(event.id.as_str(), room.map(RoomId::as_str))
            .finish()
    }

    /// Which viewer of the event a registrant is, on all their devices.
    pub fn viewer_of(&self, event: &EventId, registration: &RegistrationId) -> ViewerId {
        self.viewer(event, &TicketFor::Registration(registration).subject())
    }

    fn viewer(&self, event: &EventId, subject: &str) -> ViewerId {
        ViewerId::derive(&self.mesh_key.event_key(event.as_str()), subject)
    }

    /// The seat that a ticket gives, asking other services where needed. `wanted` is the event and room that the client named, if it
    /// did: they must be the ticket's.
    pub async fn seat(&self, ticket: &str, wanted: Option<(&str, &str)>) -> Result<Seat, NoSeat> {
        match self.check(ticket, wanted)? {
            Checked::Seat(seat) => Ok(seat),
            Checked::AskEvent(claims) => self.seat_in_known_event(*claims, None).await,
            Checked::AskKey(key_id) => {
                let key = self.directory.ticket_key(&key_id).await.map_err(unavailable)?;
                let key = key.ok_or(NoSeat::Ticket(Refused::UnknownKey))?;
                let claims =
                    key.verifier.verify(ticket, TokenKind::Ticket, self.clock.at_s()).map_err(NoSeat::Ticket)?;
                agrees(&claims, wanted)?;
                self.seat_in_known_event(claims, Some(key.tenant)).await
            }
        }
    }

    fn check(&self, ticket: &str, wanted: Option<(&str, &str)>) -> Result<Checked, NoSeat> {
        if let Some(key_id) = key_id_of(ticket).map_err(NoSeat::Ticket)? {
            if key_id.len() > ID_CHARS_MAX {
                return Err(NoSeat::Ticket(Refused::UnknownKey));
            }
            return Ok(Checked::AskKey(key_id));
        }
        let claims = self.verifier.verify(ticket, TokenKind::Ticket, self.clock.at_s()).map_err(NoSeat::Ticket)?;
        agrees(&claims, wanted)?;
        match claims.tid.clone() {
            Some(tenant) => Ok(Checked::Seat(self.seat_of(claims, tenant.parse().map_err(malformed)?)?)),
            None => Ok(Checked::AskEvent(Box::new(claims))),
        }
    }

    /// The seat in an event that must exist and, if `owner` is given, belong to it.
    async fn seat_in_known_event(&self, claims: Claims, owner: Option<TenantId>) -> Result<Seat, NoSeat> {
        let id: EventId = claims.evt.as_deref().unwrap_or_default().parse().map_err(malformed)?;
        let event = self.directory.event(&id).await.map_err(unavailable)?.ok_or(NoSeat::NoSuchEvent)?;
        if owner.is_some_and(|owner| owner != event.tenant) {
            return Err(NoSeat::NoSuchEvent);
        }
        self.seat_of(claims, event.tenant)
    }

    fn seat_of(&self, claims: Claims, tenant: TenantId) -> Result<Seat, NoSeat> {
        if claims.sub.is_empty() || claims.sub.len() > SUBJECT_BYTES_MAX {
            return Err(NoSeat::Ticket(Refused::Malformed));
        }
        let event: EventId = claims.evt.as_deref().unwrap_or_default().parse().map_err(malformed)?;
        let room: Option<RoomId> = claims.room.map(|r| r.parse()).transpose().map_err(malformed)?;
        let viewer = self.viewer(&event, &claims.sub);
        let audience = Audience { tenant, event, room };
        let room = audience.room.is_some().then(|| audience.topic());
        Ok(Seat { event: audience.whole_event().topic(), room, viewer })
    }
}

/// A client that names another event or room than its ticket has the wrong ticket.
fn agrees(claims: &Claims, wanted: Option<(&str, &str)>) -> Result<(), NoSeat> {
    let Some((event, room)) = wanted else { return Ok(()) };
    let same = claims.evt.as_deref() == Some(event) && claims.room.as_deref().unwrap_or_default() == room;
    if same { Ok(()) } else { Err(NoSeat::Ticket(Refused::WrongAudience)) }
}

fn malformed<E>(_: E) -> NoSeat {
    NoSeat::Ticket(Refused::Malformed)
}

fn unavailable(_: Failure) -> NoSeat {
    NoSeat::Unavailable
}

impl NoSeat {
    /// What the socket is closed with.
    pub fn close_code(&self) -> CloseCode {
        match self {
            Self::Ticket(_) => CloseCode::TicketRefused,
            Self::NoSuchEvent => CloseCode::NoSuchEvent,
            Self::Unavailable => CloseCode::TryAgainLater,
        }
    }
}

/// A join in band. Most are answered on the spot; one that needs another service is answered from the runtime.
#[derive(Clone)]
pub struct Desk(pub Arc<TicketDesk>);

impl JoinHandler for Desk {
    fn join(&self, request: JoinRequest, reply: JoinReply) {
        match self.0.check(&request.ticket, Some((&request.event, &request.room))) {
            Ok(Checked::Seat(seat)) => reply.answer(Ok(seat)),
            Err(refusal) => reply.answer(Err(refusal.close_code())),
            Ok(_) => {
                let desk = self.0.clone();
                self.0.runtime.spawn(async move {
                    let seat = desk.seat(&request.ticket, Some((&request.event, &request.room))).await;
                    reply.answer(seat.map_err(|refusal| refusal.close_code()));
                });
            }
        }
    }
}
