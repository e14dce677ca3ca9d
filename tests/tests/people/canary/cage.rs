//! Where the canary lives: the services it is known to, and the pages that it sees. What happens to it stands in the files beside.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use tonic::{
    Request, Status,
    transport::{Channel, Endpoint},
};
use turnout_platform::{auth::Role, random, rpc::IDEMPOTENCY_KEY};
use turnout_proto::{
    common::v1::{LocalizedText, Money},
    notifications::v1::notification_service_client::NotificationServiceClient,
    profiles::v1::{account_service_client::AccountServiceClient, people_service_client::PeopleServiceClient},
    registration::v1::{
        registrant_service_client::RegistrantServiceClient, registration_service_client::RegistrationServiceClient,
    },
};
use turnout_tests::{grpc::with_key, mail, needles::Needles, tokens::Forge, wait::until};

use super::{
    recorder::{Calls, Recorder},
    words::Words,
};
use crate::desk::{Addresses, Desk};

pub const SECOND: Duration = Duration::from_secs(1);
/// Where it all happens; no personal word.
pub const EVENT: &str = "canaryevent";
/// What it costs, in cents.
pub const PRICE_MINOR: i64 = 1234;

/// The place.
pub struct Cage {
    pub words: Words,
    pub addresses: Addresses,
    pub desk: Desk,
    pub people: PeopleServiceClient<Recorder>,
    pub events: RegistrationServiceClient<Recorder>,
    pub registrants: RegistrantServiceClient<Recorder>,
    pub messages: NotificationServiceClient<Recorder>,
    pub accounts: AccountServiceClient<Recorder>,
    /// Everything that the clients above have asked.
    pub calls: Calls,
    /// Tokens: of a service, of a service that acts for the tenant, and of a member of its team.
    pub mesh: String,
    pub tenant: String,
    pub owner: String,
    pub public: String,
    pub mailbox: PathBuf,
}

impl Cage {
    /// In a place like this; the mailbox is where its mails arrive.
    pub fn new(addresses: &Addresses, forge: &Forge, public: &str, mailbox: &Path) -> Self {
        let calls = Calls::default();
        let lazy = |address: &str| {
            let channel: Channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy();
            Recorder { channel, calls: calls.clone() }
        };
        Self {
            words: Words::new(),
            addresses: addresses.clone(),
            desk: Desk::at(addresses, forge),
            people: PeopleServiceClient::new(lazy(&addresses.profiles)),
            events: RegistrationServiceClient::new(lazy(&addresses.registration)),
            registrants: RegistrantServiceClient::new(lazy(&addresses.registration)),
            messages: NotificationServiceClient::new(lazy(&addresses.notifications)),
            accounts: AccountServiceClient::new(lazy(&addresses.profiles)),
            calls,
            mesh: forge.access(None),
            tenant: forge.access(Some("demo")),
            owner: forge.member("demo", Role::Owner),
            public: public.to_owned(),
            mailbox: mailbox.to_owned(),
        }
    }

    /// A request of a member of the team.
    pub fn owner<T>(&self, message: T) -> Request<T> {
        self.for_retry(with_key(&self.owner, message))
    }

    /// A request of a service.
    pub fn mesh<T>(&self, message: T) -> Request<T> {
        with_key(&self.mesh, message)
    }

    /// A request of a service for the tenant.
    pub fn tenant<T>(&self, message: T) -> Request<T> {
        self.for_retry(with_key(&self.tenant, message))
    }

    /// The same request, whose answer is kept for a retry.
    fn for_retry<T>(&self, mut request: Request<T>) -> Request<T> {
        request.metadata_mut().insert(IDEMPOTENCY_KEY, self.retry_key().parse().expect("a key is plain text"));
        request
    }

    /// Another one each time. Keys are their callers' words, so one of the canary's is in it.
    pub fn retry_key(&self) -> String {
        format!("{} {}", self.words.key, random::token_128())
    }

    /// What is refused must not be repeated by the refusal.
    pub fn says_nothing(&self, refused: &Status) {
        let told = format!("{refused:?}");
        assert_eq!(Needles::of(self.words.all()).in_bytes(told.as_bytes()), Vec::<&str>::new(), "{told}");
    }

    /// Waits for a mail to the canary.
    pub async fn mail(&self, what: &str, is: impl Fn(&mail::Mail) -> bool) -> mail::Mail {
        let seen = async || mail::to(&self.mailbox, &self.words.email()).into_iter().find(&is);
        until(what, 10 * SECOND, seen, Option::is_some).await;
        seen().await.unwrap()
    }
}

pub fn subject_has(mail: &mail::Mail, words: &str) -> bool {
    mail.header("subject").is_some_and(|subject| subject.contains(words))
}

pub fn english(text: &str) -> LocalizedText {
    LocalizedText { texts: [("en".to_owned(), text.to_owned())].into() }
}

pub fn price() -> Money {
    Money { amount_minor: PRICE_MINOR, currency: "EUR".into() }
}

pub fn token_of(link: &str) -> String {
    let token = link.split("token=").nth(1).expect("the link has a token");
    token.split('&').next().unwrap_or_default().to_owned()
}
