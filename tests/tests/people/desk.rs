//! The desk at which people register: calls with a token of a service that acts for the demo tenant, as the gateway makes them for
//! people who help themselves. It does not decide what is right; tests do.

use std::{error::Error as _, time::Duration};

use futures_util::TryStreamExt as _;
use tonic::{
    Code, Request, Response, Status,
    transport::{Channel, Endpoint},
};
use turnout_platform::random::jitter_below;
use turnout_proto::{
    notifications::v1::{
        ListMessagesOfRegistrationsRequest, Message, MessageSettings, PutMessageSettingsRequest,
        notification_service_client::NotificationServiceClient,
    },
    profiles::v1::{ExportPeopleRequest, Person, people_service_client::PeopleServiceClient},
    registration::v1::{
        Act, CreateEventRequest, Event, ExportRegistrantsRequest, GetStatisticsRequest, RecountRequest,
        RecountResponse, Registration, Statistics, UpdateEventRequest,
        registrant_service_client::RegistrantServiceClient, registration_service_client::RegistrationServiceClient,
    },
};
use turnout_tests::{
    grpc::with_key,
    mesh::{Mesh, People},
    process::Turnout,
    tokens::Forge,
};

/// The service gives up on a call after ten seconds by itself; whoever waits longer waits for nobody.
const ANSWER_MAX: Duration = Duration::from_secs(20);
/// Between a try and the next: at first, and at most. Like every client that behaves, it asks less and less often.
const PAUSE_MIN: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(6);
/// So often somebody tries before they call it broken: minutes of refusals.
const TRIES_MAX: usize = 60;
/// Registrations whose messages can be asked for at once.
const REGISTRATIONS_MAX: usize = 500;

/// Where the roles answer, as `host:port`.
#[derive(Debug, Clone)]
pub struct Addresses {
    pub registration: String,
    pub profiles: String,
    pub notifications: String,
}

impl Addresses {
    /// All at the same place.
    pub fn of_one(mesh: &Turnout) -> Self {
        let address = mesh.grpc().to_owned();
        Self { registration: address.clone(), profiles: address.clone(), notifications: address }
    }

    /// Each at its own.
    pub fn of_mesh(mesh: &Mesh) -> Self {
        let People { profiles, notifications } = mesh.people.as_ref().expect("the mesh knows people");
        Self {
            registration: mesh.registration.grpc().to_owned(),
            profiles: profiles.grpc().to_owned(),
            notifications: notifications.grpc().to_owned(),
        }
    }
}

/// The desk. A clone shares its connections.
#[derive(Debug, Clone)]
pub struct Desk {
    pub events: RegistrationServiceClient<Channel>,
    pub registrants: RegistrantServiceClient<Channel>,
    pub people: PeopleServiceClient<Channel>,
    pub messages: NotificationServiceClient<Channel>,
    token: String,
}

impl Desk {
    /// Connects when it is first used, and again whenever the connection is gone.
    pub fn at(addresses: &Addresses, forge: &Forge) -> Self {
        let lazy = |address: &str| Endpoint::from_shared(format!("http://{address}")).expect("a URL").connect_lazy();
        let registration = lazy(&addresses.registration);
        Self {
            events: RegistrationServiceClient::new(registration.clone()),
            registrants: RegistrantServiceClient::new(registration),
            people: PeopleServiceClient::new(lazy(&addresses.profiles)),
            messages: NotificationServiceClient::new(lazy(&addresses.notifications)),
            token: forge.access(Some("demo")),
        }
    }

    /// A request as the desk makes it.
    pub fn ask<T>(&self, message: T) -> Request<T> {
        with_key(&self.token, message)
    }

    /// A published event in the far future with these settings.
    pub async fn open(&self, event: Event, paths: &[&str]) {
        let create = CreateEventRequest {
            event_id: event.event_id.clone(),
            title: event.title.clone(),
            starts_at: event.starts_at,
            zone: event.zone.clone(),
        };
        self.events.clone().create_event(self.ask(create)).await.unwrap();
        let paths = paths.iter().chain(&["published"]).map(|path| (*path).to_owned()).collect();
        let update = UpdateEventRequest {
            event: Some(Event { published: true, ..event }),
            update_mask: Some(prost_types::FieldMask { paths }),
            expected_version: 0,
        };
        self.events.clone().update_event(self.ask(update)).await.unwrap();
    }

    /// Switches the quiet hours off, so that mails go out whatever the hour at which a test runs.
    pub async fn never_sleeps(&self, sender_name: &str) {
        let settings = MessageSettings { sender_name: sender_name.into(), ..Default::default() };
        let request = self.ask(PutMessageSettingsRequest { settings: Some(settings) });
        self.messages.clone().put_message_settings(request).await.unwrap();
    }

    /// The figures that are shown.
    pub async fn statistics(&self, event: &str) -> Statistics {
        let request = GetStatisticsRequest { event_id: event.into() };
        let call = async || self.registrants.clone().get_statistics(self.ask(request.clone())).await;
        acknowledged("statistics", call).await.statistics.unwrap_or_default()
    }

    /// What is shown against what the tables say.
    pub async fn recount(&self, event: &str) -> RecountResponse {
        let request = RecountRequest { event_id: event.into() };
        acknowledged("recount", async || self.registrants.clone().recount(self.ask(request.clone())).await).await
    }

    /// All registrations of an event.
    pub async fn export(&self, event: &str) -> Vec<Registration> {
        let act = Some(Act { reason: "a test compares".into() });
        let request = ExportRegistrantsRequest { event_id: event.into(), act, ..Default::default() };
        let call = async || {
            let answer = self.registrants.clone().export_registrants(self.ask(request.clone())).await?;
            let parts: Vec<_> = answer.into_inner().try_collect().await?;
            Ok(Response::new(parts.into_iter().flat_map(|part| part.registrations).collect()))
        };
        acknowledged("export", call).await
    }

    /// All people whose name or address fits.
    pub async fn people(&self, search: &str) -> Vec<Person> {
        let request =
            ExportPeopleRequest { search: search.into(), reason: "a test compares".into(), ..Default::default() };
        let call = async || {
            let answer = self.people.clone().export_people(self.ask(request.clone())).await?;
            let parts: Vec<_> = answer.into_inner().try_collect().await?;
            Ok(Response::new(parts.into_iter().flat_map(|part| part.people).collect()))
        };
        acknowledged("people", call).await
    }

    /// The ledger of these registrations.
    pub async fn messages(&self, event: &str, registrations: &[String]) -> Vec<Message> {
        let mut all = Vec::new();
        for some in registrations.chunks(REGISTRATIONS_MAX) {
            let request =
                ListMessagesOfRegistrationsRequest { event_id: event.into(), registration_ids: some.to_vec() };
            let call = async || self.messages.clone().list_messages_of_registrations(self.ask(request.clone())).await;
            all.extend(acknowledged("messages", call).await.messages);
        }
        all
    }
}

/// Calls until it is acknowledged. Whatever else than a refusal "not now" comes back is a failure of the test.
pub async fn acknowledged<T, F>(what: &str, mut call: impl FnMut() -> F) -> T
where
    F: Future<Output = Result<Response<T>, Status>>,
{
    let (mut last, mut pause) = (None, PAUSE_MIN);
    for _ in 0..TRIES_MAX {
        match tokio::time::timeout(ANSWER_MAX, call()).await {
            Ok(Ok(answer)) => return answer.into_inner(),
            Ok(Err(status)) if is_not_now(&status) => last = Some(status),
            Ok(Err(status)) => panic!("{what}: {status:?}"),
            Err(_) => {}
        }
        // Those who were refused together do not come back together.
        let jitter = Duration::from_millis(jitter_below(pause.as_millis() as u64));
        tokio::time::sleep(pause / 2 + jitter).await;
        pause = PAUSE_MAX.min(pause * 2);
    }
    panic!("{what}: never acknowledged; last: {last:?}")
}

/// A connection that broke has a source, as the service sent no status; the rest are the service's own words for "again".
fn is_not_now(status: &Status) -> bool {
    let codes = [Code::Unavailable, Code::DeadlineExceeded, Code::ResourceExhausted, Code::Aborted, Code::Cancelled];
    status.source().is_some() || codes.contains(&status.code())
}
