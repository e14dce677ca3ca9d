//! The services behind the gateway, as typed clients that carry the gateway's credentials.

use std::time::Duration;

use tonic::{Code, Status, service::interceptor::InterceptedService, transport::Channel};
use turnout_platform::{
    auth::{Credentials, WithCredentials},
    failure::Failure,
    ids::TenantId,
};
use turnout_proto::{
    presence::v1::presence_service_client::PresenceServiceClient,
    registration::v1::registration_service_client::RegistrationServiceClient,
};

type Authenticated = InterceptedService<Channel, WithCredentials>;

/// Every unary call ends after this.
pub const CALL_MAX: Duration = Duration::from_secs(3);
/// What callers are told to wait when a service does not answer.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The way to the services.
#[derive(Debug, Clone)]
pub struct Upstream {
    registration: Channel,
    presence: Channel,
    credentials: Credentials,
}

impl Upstream {
    /// Over these channels.
    pub fn new(registration: Channel, presence: Channel, credentials: Credentials) -> Self {
        Self { registration, presence, credentials }
    }

    /// The registration service, for one tenant or for none in particular.
    pub fn registration(&self, tenant: Option<&TenantId>) -> RegistrationServiceClient<Authenticated> {
        RegistrationServiceClient::with_interceptor(self.registration.clone(), self.credentials.acting_for(tenant))
    }

    /// The presence service, for one tenant.
    pub fn presence(&self, tenant: &TenantId) -> PresenceServiceClient<Authenticated> {
        PresenceServiceClient::with_interceptor(self.presence.clone(), self.credentials.acting_for(Some(tenant)))
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
