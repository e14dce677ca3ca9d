//! A mesh in one process on which two tenants meet: in each an event, somebody who is registered, and a team with a session for every
//! role; in the first also a session of its audience. All of it is made as people make it, by invitations and links in mails.

use std::path::PathBuf;

use prost_types::{FieldMask, Timestamp};
use reqwest::{Client, header, redirect::Policy};
use tonic::transport::Channel;
use turnout_platform::auth::{EVERYONE, Role};
use turnout_proto::{
    common::v1::LocalizedText,
    profiles::v1::{
        CreateFirstOwnerRequest, InviteMemberRequest, LinkPurpose, Realm, RedeemLinkRequest, RequestLinkRequest,
        account_service_client::AccountServiceClient,
    },
    registration::v1::{
        CreateApiKeyRequest, CreateEventRequest, CreateRoomRequest, Event, FieldType, Form, FormField, LegalBasis,
        PutFormRequest, RegisterRequest, UpdateEventRequest, registrant_service_client::RegistrantServiceClient,
        registration_service_client::RegistrationServiceClient,
    },
};
use turnout_tests::{
    grpc::{channel, with_key},
    mail,
    process::Turnout,
    tokens::Forge,
};

use crate::rows::{Body, Call};

/// Of every member.
pub const PASSWORD: &str = "seven sheep on a green hill";
/// The cookies of the two kinds of sessions.
pub const CONSOLE: &str = "turnout_console";
pub const ACCOUNT: &str = "turnout_account";

/// What a call may be about.
#[derive(Debug, Clone, Default)]
pub struct Ids {
    pub tenant: String,
    pub event: String,
    pub registration: String,
    pub person: String,
    /// A member whose session nobody uses.
    pub account: String,
    /// An API key that nobody uses, by its public part.
    pub key: String,
    /// What opens the registration.
    pub code: String,
    /// What opens the person's choice of mails.
    pub mailing: String,
}

impl Ids {
    /// Of the same form, and of nothing that exists.
    pub fn of_nothing(&self) -> Self {
        let other = |id: &str| {
            let last = if id.ends_with('a') { "b" } else { "a" };
            format!("{}{last}", &id[..id.len() - 1])
        };
        Self {
            tenant: "nobody".into(),
            event: "event-nothing".into(),
            registration: other(&self.registration),
            person: other(&self.person),
            account: other(&self.account),
            key: other(&self.key),
            code: self.code.replacen(&self.event, "event-nothing", 1),
            mailing: self.mailing.replacen(&self.tenant, "nobody", 1),
        }
    }

    /// A text without these ids, so that two answers can be compared.
    fn taken_out_of(&self, text: &str) -> String {
        let all = [&self.registration, &self.person, &self.account, &self.key, &self.event];
        all.into_iter().fold(text.to_owned(), |text, id| text.replace(id.as_str(), "ID"))
    }
}

/// An answer, as far as a browser sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub location: String,
    /// Of a page; a stream is not waited for.
    pub body: String,
}

impl Answer {
    /// Sent to a page where one signs in.
    pub fn is_sign_in(&self) -> bool {
        self.status == 303 && ["/console/sign-in", "/sign-in"].iter().any(|path| self.location.starts_with(path))
    }

    /// Whether one of these words stands in it.
    pub fn tells(&self, words: &[String]) -> bool {
        words.iter().any(|word| self.body.contains(word.as_str()) || self.location.contains(word.as_str()))
    }
}

/// A tenant with its team.
#[derive(Debug)]
pub struct House {
    pub ids: Ids,
    /// A session for each role.
    pub sessions: Vec<(Role, String)>,
}

impl House {
    pub fn session(&self, role: Role) -> &str {
        &self.sessions.iter().find(|(known, _)| *known == role).expect("every role has one").1
    }

    /// What stands nowhere but where something of this tenant is shown: a word in its names, its addresses, its ids.
    pub fn marks(&self) -> [String; 7] {
        let Ids { tenant, event, registration, person, account, key, .. } = self.ids.clone();
        [mark(&tenant), format!("@{tenant}.example.org"), event, registration, person, account, key]
    }
}

/// A word in all that a tenant calls something: its event, its room, its question, its registrant, its API key.
fn mark(tenant: &str) -> String {
    format!("quokka-of-{tenant}")
}

pub struct Bed {
    pub ours: House,
    pub theirs: House,
    /// The session of our registrant.
    pub visitor: String,
    client: Client,
    base: String,
    _mesh: Turnout,
    _folder: tempfile::TempDir,
}

impl Bed {
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mesh = Turnout::start(folder.path(), &[]).await;
        let builder = Builder {
            channel: channel(mesh.grpc()).await,
            forge: Forge::of(folder.path()),
            mailbox: folder.path().join("mail"),
            client: Client::builder().redirect(Policy::none()).build().unwrap(),
            base: format!("http://{}", mesh.public()),
        };
        let ours = builder.house("demo", "event-ours").await;
        let theirs = builder.house("other", "event-theirs").await;
        let visitor = builder.visitor(&ours.ids).await;
        Self { ours, theirs, visitor, client: builder.client, base: builder.base, _mesh: mesh, _folder: folder }
    }

    /// Asks with this cookie, from one of our own pages.
    pub async fn ask(&self, cookie: Option<(&str, &str)>, call: &Call, ids: &Ids) -> Answer {
        self.ask_from(&self.base, cookie, call, ids).await
    }

    /// Asks from a page of this origin.
    pub async fn ask_from(&self, origin: &str, cookie: Option<(&str, &str)>, call: &Call, ids: &Ids) -> Answer {
        let url = format!("{}{}", self.base, call.path);
        let mut request = match &call.body {
            None => self.client.get(url),
            Some(Body::Form(pairs)) => self.client.post(url).header(header::ORIGIN, origin).form(pairs),
            Some(Body::Json(text)) => {
                let request = self.client.post(url).header(header::ORIGIN, origin);
                request.header(header::CONTENT_TYPE, "application/json").body(*text)
            }
        };
        if let Some((name, session)) = cookie {
            request = request.header(header::COOKIE, format!("{name}={session}"));
        }
        let answer = request.send().await.unwrap();
        let headers = answer.headers();
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        let (status, location) = (answer.status().as_u16(), ids.taken_out_of(&text(header::LOCATION)));
        if text(header::CONTENT_TYPE).starts_with("text/event-stream") {
            return Answer { status, location, body: String::new() };
        }
        Answer { status, location, body: ids.taken_out_of(&answer.text().await.unwrap_or_default()) }
    }
}

struct Builder {
    channel: Channel,
    forge: Forge,
    mailbox: PathBuf,
    client: Client,
    base: String,
}

impl Builder {
    fn accounts(&self) -> AccountServiceClient<Channel> {
        AccountServiceClient::new(self.channel.clone())
    }

    async fn house(&self, tenant: &str, event: &str) -> House {
        let mut ids = Ids { tenant: tenant.into(), event: event.into(), ..Ids::default() };
        let found = CreateFirstOwnerRequest {
            tenant_id: tenant.into(),
            email: format!("owner@{tenant}.example.org"),
            password: PASSWORD.into(),
        };
        let mesh = self.forge.access(None);
        let founded = self.accounts().create_first_owner(with_key(&mesh, found)).await.unwrap().into_inner();
        let mut sessions = vec![(Role::Owner, founded.session)];
        for role in EVERYONE.iter().copied().filter(|role| *role != Role::Owner) {
            sessions.push((role, self.member(tenant, role.word(), role).await.1));
        }
        ids.account = self.member(tenant, "spare", Role::Support).await.0;
        self.event(&mut ids).await;
        ids.key = self.key(tenant).await;
        ids.mailing = self.forge.mailing(tenant, &ids.person, event);
        House { ids, sessions }
    }

    /// Invited, and come by the link of the mail: the account and its session.
    async fn member(&self, tenant: &str, name: &str, role: Role) -> (String, String) {
        let email = format!("{name}@{tenant}.example.org");
        let owner = self.forge.member(tenant, Role::Owner);
        let invite = InviteMemberRequest { email: email.clone(), role: role.to_wire().into(), language: "en".into() };
        let invited = self.accounts().invite_member(with_key(&owner, invite)).await.unwrap().into_inner();
        let session = self.session(&email, "/console/link").await;
        (invited.member.unwrap().account_id, session)
    }

    /// By the link of a mail, with the password if it asks for one.
    async fn session(&self, email: &str, path: &str) -> String {
        let mails = mail::wait_for(&self.mailbox, email, 1).await;
        let link = mails.iter().find_map(|mail| mail.link(path)).expect("the mail has a link");
        let token = link.split("token=").nth(1).and_then(|rest| rest.split('&').next()).unwrap_or_default().to_owned();
        let redeem = RedeemLinkRequest { token, new_password: PASSWORD.into(), confirmed: true };
        let mesh = self.forge.access(None);
        self.accounts().redeem_link(with_key(&mesh, redeem)).await.unwrap().into_inner().session
    }

    async fn key(&self, tenant: &str) -> String {
        let owner = self.forge.member(tenant, Role::Owner);
        let create = CreateApiKeyRequest { label: format!("A program {}", mark(tenant)) };
        let mut events = RegistrationServiceClient::new(self.channel.clone());
        events.create_api_key(with_key(&owner, create)).await.unwrap().into_inner().key_id
    }

    /// A published event with a room, a question, and somebody who is registered.
    async fn event(&self, ids: &mut Ids) {
        let owner = self.forge.member(&ids.tenant, Role::Owner);
        let mut events = RegistrationServiceClient::new(self.channel.clone());
        let mut registrants = RegistrantServiceClient::new(self.channel.clone());
        let (event_id, mark) = (ids.event.clone(), mark(&ids.tenant));
        let create = CreateEventRequest {
            event_id: event_id.clone(),
            title: format!("A title {mark}"),
            starts_at: Some(Timestamp { seconds: 4_000_000_000, nanos: 0 }),
            zone: String::new(),
        };
        events.create_event(with_key(&owner, create)).await.unwrap();
        let update = UpdateEventRequest {
            event: Some(Event { event_id: event_id.clone(), published: true, rsvp: true, ..Event::default() }),
            update_mask: Some(FieldMask { paths: ["published", "rsvp"].map(str::to_owned).into() }),
            expected_version: 0,
        };
        events.update_event(with_key(&owner, update)).await.unwrap();
        let title = format!("A hall {mark}");
        let room = CreateRoomRequest { event_id: event_id.clone(), room_id: "hall".into(), title };
        events.create_room(with_key(&owner, room)).await.unwrap();
        let form = Form { event_id: event_id.clone(), fields: vec![city(&mark)], ..Form::default() };
        registrants.put_form(with_key(&owner, PutFormRequest { form: Some(form), expected_version: 0 })).await.unwrap();
        let register = RegisterRequest {
            event_id,
            email: format!("anna@{}.example.org", ids.tenant),
            name: format!("Anna {mark}"),
            form_version: 1,
            ..RegisterRequest::default()
        };
        // As the page does it: a member is not told the code that opens somebody's registration.
        let page = self.forge.access(Some(&ids.tenant));
        let registered = registrants.register(with_key(&page, register)).await.unwrap().into_inner();
        let registered = registered.registration.unwrap();
        (ids.registration, ids.person, ids.code) = (registered.registration_id, registered.person_id, registered.code);
    }

    async fn visitor(&self, ids: &Ids) -> String {
        let email = format!("anna@{}.example.org", ids.tenant);
        let request = RequestLinkRequest {
            realm: Realm::Audience.into(),
            tenant_id: ids.tenant.clone(),
            email: email.clone(),
            purpose: LinkPurpose::SignIn.into(),
            client: "a-network".into(),
            event_id: ids.event.clone(),
            ..RequestLinkRequest::default()
        };
        let mesh = self.forge.access(None);
        self.accounts().request_link(with_key(&mesh, request)).await.unwrap();
        let seen = async || mail::to(&self.mailbox, &email).iter().any(|mail| mail.link("/sign-in/link").is_some());
        turnout_tests::wait::until("the link arrives", std::time::Duration::from_secs(10), seen, |seen| *seen).await;
        self.session(&email, "/sign-in/link").await
    }
}

fn city(mark: &str) -> FormField {
    let text = |text: &str| Some(LocalizedText { texts: [("en".to_owned(), text.to_owned())].into() });
    FormField {
        key: "city".into(),
        r#type: FieldType::Place.into(),
        label: text(&format!("City {mark}")),
        purpose: text("To know where people come from"),
        basis: LegalBasis::Consent.into(),
        ..FormField::default()
    }
}
