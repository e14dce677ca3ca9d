//! Whether a tenant's people may be named for marketing: notifications knows how the tenant's mails are received, and stops it when too
//! many people mark them as spam. It is asked each time, so that what it says holds at once; while it does not answer, nobody is named.

use std::time::Duration;

use tonic::{Code, Request, transport::Channel};
use turnout_platform::{auth::Credentials, failure::Failure, ids::TenantId};
use turnout_proto::notifications::v1::{
    GetSendingStandingRequest, notification_service_client::NotificationServiceClient,
};

/// Notifications is taken for away when it does not answer within this time.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// When to ask again then.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The way to notifications. A clone is another handle on the same.
#[derive(Clone)]
pub(crate) struct Marketing {
    pub notifications: Channel,
    pub credentials: Credentials,
}

impl Marketing {
    /// Refuses, and says why, while the tenant's marketing is stopped.
    pub async fn check(&self, tenant: &TenantId) -> Result<(), Failure> {
        let credentials = self.credentials.acting_for(Some(tenant));
        let mut client = NotificationServiceClient::with_interceptor(self.notifications.clone(), credentials);
        let mut request = Request::new(GetSendingStandingRequest {});
        request.set_timeout(ANSWER_MAX);
        let answer = client.get_sending_standing(request).await.map_err(|status| match status.code() {
            Code::Internal
            | Code::Unimplemented
            | Code::InvalidArgument
            | Code::PermissionDenied
            | Code::Unauthenticated => Failure::internal(format!("notifications refused: {:?}", status.code())),
            _ => Failure::Unavailable { retry_after: RETRY_AFTER },
        })?;
        let standing = answer.into_inner().standing.unwrap_or_default();
        if standing.marketing_stopped { Err(Failure::Precondition(standing.advice)) } else { Ok(()) }
    }
}
