//! The services behind the gateway, as typed clients that carry the gateway's credentials.

use std::time::Duration;

use tonic::{Code, Status, service::interceptor::InterceptedService, transport::Channel};
use turnout_platform::{
    auth::{Credentials, Role, WithCredentials},
    failure::Failure,
    ids::TenantId,
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
        PresenceServiceClient::with_interceptor(
            self.channels.presence.clone(),
            self.credentials.acting_for(Some(tenant)),
        )
    }
}

/// A request that does not wait for ever.
pub fn bounded<T>(message: T) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
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
