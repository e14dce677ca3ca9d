//! The services behind the gateway, as typed clients that carry the gateway's credentials.

use std::time::Duration;

use tonic::{
    Code, Request, Status, metadata::AsciiMetadataValue, service::interceptor::InterceptedService, transport::Channel,
};
use tonic_types::StatusExt as _;
use turnout_platform::{
    auth::{Credentials, Role, WithCredentials},
    failure::Failure,
    ids::TenantId,
    rpc::{IDEMPOTENCY_KEY, idempotency_key_of},
};
use turnout_proto::{
    notifications::v1::notification_service_client::NotificationServiceClient,
    presence::v1::presence_service_client::PresenceServiceClient,
    profiles::v1::{account_service_client::AccountServiceClient, people_service_client::PeopleServiceClient},
    registration::v1::{
        registrant_service_client::RegistrantServiceClient, registration_service_client::RegistrationServiceClient,
    },
};

type Authenticated = InterceptedService<Channel, WithCredentials>;

/// Every unary call ends after this.
pub const CALL_MAX: Duration = Duration::from_secs(3);
/// What callers are told to wait when a service does not answer.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What is done twice at the same time waits for the first so often, so long each time: as long as a call may take.
const UNDER_WAY_TRIES_MAX: u32 = 10;
const UNDER_WAY_PAUSE: Duration = Duration::from_millis(300);

/// For whom a call is made; the service behind it decides what that allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Acting {
    /// For nobody in particular: to learn whose something is.
    Mesh,
    /// For a tenant's audience.
    Tenant(TenantId),
    /// For a member of a tenant's team, with the member's rights.
    Member {
        /// The tenant.
        tenant: TenantId,
        /// The member.
        account_id: String,
        /// What they may do.
        role: Role,
    },
}

/// The channels to the services.
#[derive(Debug, Clone)]
pub struct Channels {
    /// Events and registrants.
    pub registration: Channel,
    /// The counter.
    pub presence: Channel,
    /// People and accounts.
    pub profiles: Channel,
    /// Messages.
    pub notifications: Channel,
}

/// The way to the services.
#[derive(Debug, Clone)]
pub struct Upstream {
    channels: Channels,
    credentials: Credentials,
}

impl Upstream {
    /// Over these channels.
    pub fn new(channels: Channels, credentials: Credentials) -> Self {
        Self { channels, credentials }
    }

    fn shown_as(&self, acting: &Acting) -> WithCredentials {
        match acting {
            Acting::Mesh => self.credentials.acting_for(None),
            Acting::Tenant(tenant) => self.credentials.acting_for(Some(tenant)),
            Acting::Member { tenant, account_id, role } => {
                self.credentials.acting_for_member(tenant, account_id, *role)
            }
        }
    }

    /// Events.
    pub fn events(&self, acting: &Acting) -> RegistrationServiceClient<Authenticated> {
        RegistrationServiceClient::with_interceptor(self.channels.registration.clone(), self.shown_as(acting))
    }

    /// Registrants.
    pub fn registrants(&self, acting: &Acting) -> RegistrantServiceClient<Authenticated> {
        RegistrantServiceClient::with_interceptor(self.channels.registration.clone(), self.shown_as(acting))
    }

    /// People and their consents.
    pub fn people(&self, acting: &Acting) -> PeopleServiceClient<Authenticated> {
        PeopleServiceClient::with_interceptor(self.channels.profiles.clone(), self.shown_as(acting))
    }

    /// Accounts, the team, the audit log.
    pub fn accounts(&self, acting: &Acting) -> AccountServiceClient<Authenticated> {
        AccountServiceClient::with_interceptor(self.channels.profiles.clone(), self.shown_as(acting))
    }

    /// Messages.
    pub fn notifications(&self, acting: &Acting) -> NotificationServiceClient<Authenticated> {
        NotificationServiceClient::with_interceptor(self.channels.notifications.clone(), self.shown_as(acting))
    }

    /// The registration service, for one tenant or for none in particular.
    pub fn registration(&self, tenant: Option<&TenantId>) -> RegistrationServiceClient<Authenticated> {
        RegistrationServiceClient::with_interceptor(
            self.channels.registration.clone(),
            self.credentials.acting_for(tenant),
        )
    }

    /// The presence service, for one tenant.
    pub fn presence(&self, tenant: &TenantId) -> PresenceServiceClient<Authenticated> {
        self.presence_for(&Acting::Tenant(tenant.clone()))
    }

    /// The presence service, for what not everybody of a tenant may ask.
    pub fn presence_for(&self, acting: &Acting) -> PresenceServiceClient<Authenticated> {
        PresenceServiceClient::with_interceptor(self.channels.presence.clone(), self.shown_as(acting))
    }
}

/// The idempotency key of something that is to be done once, however often it is asked for.
#[derive(Debug, Clone)]
pub struct OnceKey(AsciiMetadataValue);

impl OnceKey {
    /// The same parts are the same act.
    pub fn of<'a>(parts: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        idempotency_key_of(parts).parse().ok().map(Self)
    }
}

/// Makes a call that is done once for its key. While the first one with the key is under way, as after a click too many, it waits for
/// that one's answer. Without a key each call is done.
pub async fn once<M, T, F>(
    key: Option<&OnceKey>,
    message: M,
    call: impl Fn(Request<M>) -> F,
) -> Result<tonic::Response<T>, Status>
where
    M: Clone,
    F: Future<Output = Result<tonic::Response<T>, Status>>,
{
    let send = || {
        let mut request = bounded(message.clone());
        if let Some(OnceKey(key)) = key {
            request.metadata_mut().insert(IDEMPOTENCY_KEY, key.clone());
        }
        call(request)
    };
    for _ in 1..UNDER_WAY_TRIES_MAX {
        match send().await {
            Err(status) if is_under_way(&status) => tokio::time::sleep(UNDER_WAY_PAUSE).await,
            answer => return answer,
        }
    }
    send().await
}

/// One call of an act, done once for its key: the key, the client, its method, the message.
macro_rules! act {
    ($key:expr, $client:expr, $method:ident, $message:expr) => {
        async {
            let (key, client) = ($key, $client);
            $crate::upstream::once(key.as_ref(), $message, |request| {
                let mut client = client.clone();
                async move { client.$method(request).await }
            })
            .await
        }
    };
}
pub(crate) use act;

fn is_under_way(status: &Status) -> bool {
    let is_so = |info: tonic_types::ErrorInfo| info.reason == "UNDER_WAY";
    status.code() == Code::Aborted && status.get_details_error_info().is_some_and(is_so)
}

/// A request that does not wait for ever.
pub fn bounded<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(CALL_MAX);
    request
}

/// What a service's refusal means to our own caller.
pub fn failure(status: Status) -> Failure {
    match status.code() {
        Code::NotFound => Failure::NotFound { what: "event" },
        Code::ResourceExhausted => Failure::Overloaded { retry_after: RETRY_AFTER },
        Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled => {
            Failure::Unavailable { retry_after: RETRY_AFTER }
        }
        _ => Failure::internal(status),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::HashMap,
        sync::{
            Arc,
            atomic::{AtomicU32, Ordering},
        },
    };

    use tonic_types::ErrorDetails;

    use super::*;

    /// How often a call is made whose first tries are told that another one is under way, and how it ends.
    async fn tries(busy: u32, reason: &str) -> (u32, Result<String, Code>) {
        let tried = Arc::new(AtomicU32::new(0));
        let key = OnceKey::of(["page", "cancel"]);
        let answer = once(key.as_ref(), "anna", |request: Request<&str>| {
            let (tried, reason) = (tried.clone(), reason.to_owned());
            async move {
                let key = request.metadata().get(IDEMPOTENCY_KEY).unwrap().to_str().unwrap().to_owned();
                if tried.fetch_add(1, Ordering::SeqCst) < busy {
                    let details = ErrorDetails::with_error_info(reason, "turnout", HashMap::new());
                    return Err(Status::with_error_details(Code::Aborted, "", details));
                }
                Ok(tonic::Response::new(key))
            }
        });
        let answer = answer.await.map(tonic::Response::into_inner).map_err(|status| status.code());
        (tried.load(Ordering::SeqCst), answer)
    }

    #[tokio::test(start_paused = true)]
    async fn an_act_that_is_under_way_already_is_waited_for_with_the_same_key_and_not_for_ever() {
        let key = idempotency_key_of(["page", "cancel"]);
        assert_eq!(tries(0, "UNDER_WAY").await, (1, Ok(key.clone())));
        assert_eq!(tries(3, "UNDER_WAY").await, (4, Ok(key)));
        assert_eq!(tries(u32::MAX, "UNDER_WAY").await, (UNDER_WAY_TRIES_MAX, Err(Code::Aborted)));
        // What somebody else has changed is for the person to look at.
        assert_eq!(tries(3, "CHANGED_MEANWHILE").await, (1, Err(Code::Aborted)));
    }
}
