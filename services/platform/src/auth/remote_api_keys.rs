//! API keys as known by registration elsewhere: for roles that have no registration service in their own process.
//! Keeps nothing: [`super::Authenticator`] remembers answers.

use std::time::Duration;

use tonic::{Code, Request, Status, transport::Channel};
use turnout_proto::registration::v1::{ResolveApiKeyRequest, registration_service_client::RegistrationServiceClient};

use super::{ApiKeys, Credentials};
use crate::{failure::Failure, ids::TenantId};

/// A caller waits for so long at most before it is told to come back.
const ANSWER_MAX: Duration = Duration::from_secs(2);
/// When it may come back.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Asks registration over a channel, as a service of the mesh.
#[derive(Debug, Clone)]
pub struct RemoteApiKeys {
    registration: Channel,
    credentials: Credentials,
}

impl RemoteApiKeys {
    /// Over this channel, as the service that these credentials are of.
    pub fn new(registration: Channel, credentials: Credentials) -> Self {
        Self { registration, credentials }
    }
}

#[tonic::async_trait]
impl ApiKeys for RemoteApiKeys {
    async fn resolve(&self, key_id: &str, secret_sha256: &[u8]) -> Result<Option<TenantId>, Failure> {
        let mut request =
            Request::new(ResolveApiKeyRequest { key_id: key_id.to_owned(), secret_sha256: secret_sha256.to_vec() });
        request.set_timeout(ANSWER_MAX);
        let access = self.credentials.acting_for(None);
        let mut client = RegistrationServiceClient::with_interceptor(self.registration.clone(), access);
        match client.resolve_api_key(request).await {
            Ok(answer) => answer.into_inner().tenant_id.parse().map(Some).map_err(Failure::internal),
            Err(status) if status.code() == Code::NotFound => Ok(None),
            Err(status) => Err(failure(status)),
        }
    }
}

fn failure(status: Status) -> Failure {
    match status.code() {
        // The time of a call can end on either side, and a connection can break in the middle of it.
        Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled | Code::Unknown => {
            Failure::Unavailable { retry_after: RETRY_AFTER }
        }
        Code::ResourceExhausted => Failure::Overloaded { retry_after: RETRY_AFTER },
        _ => Failure::internal(status),
    }
}
