//! Registration and profiles as far as notifications asks them: what they say is a few maps that a test fills.

use std::{
    collections::{BTreeMap, HashMap},
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use prost_types::Timestamp;
use tonic::{Code, Request, Response, Status, body::Body, codegen::http, server::NamedService};
use turnout_proto::{
    profiles::v1::{
        AuditEntry, ConsentAction, ConsentStatement, GetConsentsRequest, GetConsentsResponse, GetPersonRequest,
        GetPersonResponse, ListMembersRequest, ListMembersResponse, Member, Person, RecordAuditRequest,
        RecordAuditResponse, RecordConsentRequest, RecordConsentResponse,
    },
    registration::v1::{
        Event, EventState, GetEventRequest, GetEventResponse, GetRegistrationRequest, GetRegistrationResponse,
        ListRegistrantsRequest, ListRegistrantsResponse, Registration, RegistrationState,
    },
};

/// All that registration and profiles know.
#[derive(Default)]
pub struct World {
    pub events: HashMap<String, Event>,
    pub registrations: BTreeMap<String, Registration>,
    pub people: HashMap<String, Person>,
    pub consents: HashMap<String, Vec<ConsentStatement>>,
    pub audit: Vec<AuditEntry>,
    pub team: Vec<String>,
    /// Nobody answers.
    pub away: bool,
    /// Requests of this name are refused so.
    pub refuses: Option<(&'static str, Code)>,
    /// Whoever asks for registrants behind the first page meets a fault inside; and how many did.
    pub pages_break: bool,
    pub pages_broken: usize,
    /// Why the next answer is none.
    refusal: Option<Status>,
    /// Nothing can be entered in the audit log.
    pub log_away: bool,
}

pub type SharedWorld = Arc<Mutex<World>>;

/// Registrants of one page: small, so that a test has several.
const PAGE: usize = 3;

pub fn at(ms: u64) -> Timestamp {
    Timestamp { seconds: (ms / 1000) as i64, nanos: (ms % 1000) as i32 * 1_000_000 }
}

impl World {
    pub fn event(&mut self, id: &str, starts_at_ms: u64) -> &mut Event {
        self.events.entry(id.into()).or_insert_with(|| Event {
            event_id: id.into(),
            title: "Opening night".into(),
            state: EventState::Draft.into(),
            zone: "UTC".into(),
            starts_at: Some(at(starts_at_ms)),
            venue: "Hall 1".into(),
            version: 1,
            languages: vec!["en".into()],
            ..Event::default()
        })
    }

    pub fn register(&mut self, event: &str, id: &str, at_ms: u64) -> &mut Registration {
        let person = format!("p-{id}");
        let email = format!("{id}@example.org");
        self.people.insert(
            person.clone(),
            Person { person_id: person.clone(), email: email.clone(), name: "Anna".into(), ..Person::default() },
        );
        self.registrations.entry(id.into()).or_insert_with(|| Registration {
            event_id: event.into(),
            registration_id: id.into(),
            person_id: person,
            state: RegistrationState::Registered.into(),
            registered_at: Some(at(at_ms)),
            email,
            name: "Anna".into(),
            version: 1,
            ..Registration::default()
        })
    }

    pub fn consent(&mut self, person: &str, purpose: &str, channel: &str, action: ConsentAction, at_ms: u64) {
        let all = self.consents.entry(person.into()).or_default();
        all.retain(|statement| (statement.purpose.as_str(), statement.channel.as_str()) != (purpose, channel));
        all.push(ConsentStatement {
            purpose: purpose.into(),
            channel: channel.into(),
            action: action.into(),
            at: Some(at(at_ms)),
            ..ConsentStatement::default()
        });
    }
}

/// A server of the world's answers, under one of the services' names.
macro_rules! face {
    ($name:ident $service:literal) => {
        #[derive(Clone)]
        pub struct $name(pub SharedWorld);

        impl NamedService for $name {
            const NAME: &'static str = $service;
        }

        impl tower::Service<http::Request<Body>> for $name {
            type Response = http::Response<Body>;
            type Error = Infallible;
            type Future = Pin<Box<dyn Future<Output = Result<http::Response<Body>, Infallible>> + Send>>;

            fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
                Poll::Ready(Ok(()))
            }

            fn call(&mut self, request: http::Request<Body>) -> Self::Future {
                let world = self.0.clone();
                Box::pin(async move { Ok(answer(world, request).await) })
            }
        }
    };
}

face!(Registrations "turnout.registration.v1.RegistrationService");
face!(Registrants "turnout.registration.v1.RegistrantService");
face!(People "turnout.profiles.v1.PeopleService");
face!(Accounts "turnout.profiles.v1.AccountService");

async fn answer(world: SharedWorld, request: http::Request<Body>) -> http::Response<Body> {
    let method = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
    match method.as_str() {
        "GetEvent" => unary(world, request, get_event).await,
        "GetRegistration" => unary(world, request, get_registration).await,
        "ListRegistrants" => unary(world, request, list_registrants).await,
        "GetPerson" => unary(world, request, get_person).await,
        "GetConsents" => unary(world, request, get_consents).await,
        "RecordConsent" => unary(world, request, record_consent).await,
        "RecordAudit" => unary(world, request, record_audit).await,
        "ListMembers" => unary(world, request, list_members).await,
        other => panic!("{other} is not asked for"),
    }
}

async fn unary<A, B>(
    world: SharedWorld,
    request: http::Request<Body>,
    answer: fn(&mut World, A) -> Option<B>,
) -> http::Response<Body>
where
    A: prost::Message + Default + Send + 'static,
    B: prost::Message + Default + Send + 'static,
{
    let service = tower::service_fn(move |request: Request<A>| {
        let mut world = world.lock().unwrap();
        let answer = if world.away {
            Err(Status::unavailable("away"))
        } else if let Some((_, code)) = world.refuses.filter(|(name, _)| std::any::type_name::<A>().ends_with(name)) {
            Err(Status::new(code, "refused"))
        } else {
            answer(&mut world, request.into_inner())
                .map(Response::new)
                .ok_or_else(|| world.refusal.take().unwrap_or_else(|| Status::not_found("no such thing")))
        };
        std::future::ready(answer)
    });
    tonic::server::Grpc::new(tonic_prost::ProstCodec::<B, A>::default()).unary(service, request).await
}

fn get_event(world: &mut World, request: GetEventRequest) -> Option<GetEventResponse> {
    let event = world.events.get(&request.event_id)?.clone();
    Some(GetEventResponse { event: Some(event) })
}

fn get_registration(world: &mut World, request: GetRegistrationRequest) -> Option<GetRegistrationResponse> {
    let registration = world.registrations.get(&request.registration_id)?.clone();
    Some(GetRegistrationResponse { registration: Some(registration) })
}

fn list_registrants(world: &mut World, request: ListRegistrantsRequest) -> Option<ListRegistrantsResponse> {
    let first: usize = request.page_token.parse().unwrap_or_default();
    if world.pages_break && first > 0 {
        world.pages_broken += 1;
        world.refusal = Some(Status::internal("a page that breaks"));
        return None;
    }
    let all = world.registrations.values().filter(|registration| registration.event_id == request.event_id);
    let registrations: Vec<_> = all.skip(first).take(PAGE).cloned().collect();
    let next_page_token = if registrations.len() == PAGE { (first + PAGE).to_string() } else { String::new() };
    Some(ListRegistrantsResponse { registrations, next_page_token, ..ListRegistrantsResponse::default() })
}

fn get_person(world: &mut World, request: GetPersonRequest) -> Option<GetPersonResponse> {
    Some(GetPersonResponse { person: Some(world.people.get(&request.person_id)?.clone()) })
}

fn get_consents(world: &mut World, request: GetConsentsRequest) -> Option<GetConsentsResponse> {
    let current = world.consents.get(&request.person_id).cloned().unwrap_or_default();
    Some(GetConsentsResponse { current })
}

fn record_consent(world: &mut World, request: RecordConsentRequest) -> Option<RecordConsentResponse> {
    for statement in &request.statements {
        let at_ms = u64::MAX / 2_000_000;
        world.consent(&request.person_id, &statement.purpose, &statement.channel, statement.action(), at_ms);
    }
    Some(RecordConsentResponse::default())
}

fn record_audit(world: &mut World, request: RecordAuditRequest) -> Option<RecordAuditResponse> {
    if world.log_away {
        world.refusal = Some(Status::unavailable("away"));
        return None;
    }
    world.audit.extend(request.entry);
    Some(RecordAuditResponse {})
}

fn list_members(world: &mut World, _: ListMembersRequest) -> Option<ListMembersResponse> {
    let member = |email: &String| Member { email: email.clone(), ..Member::default() };
    Some(ListMembersResponse { members: world.team.iter().map(member).collect(), ..ListMembersResponse::default() })
}
