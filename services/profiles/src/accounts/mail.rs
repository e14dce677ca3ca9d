//! Sends links through the notifications service, which keeps and delivers them. No address of a server stands in a link here: the
//! notifications service puts its configured one before the path, so no `Host` header can lead anybody astray.

use std::time::Duration;

use prost_types::Timestamp;
use tonic::{Code, transport::Channel};
use turnout_platform::{auth::Credentials, failure::Failure, random};
use turnout_proto::notifications::v1::{
    MessageKind, SendSecurityMessageRequest, notification_service_client::NotificationServiceClient,
};

use super::{
    domain::fields::{Purpose, Realm},
    post::{Addressee, Wanted},
    store::Link,
};

/// How often a link is handed over before it is given up; whoever asked for it may ask again.
const TRIES_MAX: u32 = 4;
/// The wait before the second try; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(200);
/// Milliseconds by which a wait varies.
const JITTER_MS: u64 = 100;
/// One try takes no longer.
const TRY_MAX: Duration = Duration::from_secs(5);

/// The way to the notifications service. A clone is another handle on the same.
#[derive(Clone)]
pub(crate) struct Mail {
    notifications: Channel,
    credentials: Credentials,
}

/// What is sent beside the link.
pub(crate) struct Letter<'a> {
    pub link: &'a Link,
    /// The link's secret.
    pub token: &'a str,
    pub to: &'a Addressee,
    pub wanted: &'a Wanted,
}

impl Mail {
    pub fn new(notifications: Channel, credentials: Credentials) -> Self {
        Self { notifications, credentials }
    }

    /// Hands a link over. Once this is done it is stored there and will be delivered; repeated tries are one message.
    pub async fn send(&self, letter: Letter<'_>) -> Result<(), Failure> {
        let request = request(&letter);
        let credentials = self.credentials.acting_for(Some(&letter.link.tenant));
        let mut client = NotificationServiceClient::with_interceptor(self.notifications.clone(), credentials);
        let mut wait = FIRST_WAIT;
        for round in 1.. {
            let mut call = tonic::Request::new(request.clone());
            call.set_timeout(TRY_MAX);
            let Err(status) = client.send_security_message(call).await else { return Ok(()) };
            let passing = matches!(
                status.code(),
                Code::Unavailable | Code::DeadlineExceeded | Code::ResourceExhausted | Code::Aborted | Code::Cancelled
            );
            if !passing {
                tracing::error!(code = ?status.code(), "a link was refused by notifications");
                return Err(Failure::internal("a link was refused by notifications"));
            }
            if round >= TRIES_MAX {
                tracing::warn!(code = ?status.code(), "a link could not be handed to notifications");
                return Err(Failure::Unavailable { retry_after: TRY_MAX });
            }
            tokio::time::sleep(wait + Duration::from_millis(random::jitter_below(JITTER_MS))).await;
            wait *= 2;
        }
        unreachable!("the loop ends by returning")
    }
}

fn request(letter: &Letter<'_>) -> SendSecurityMessageRequest {
    let Letter { link, token, to, wanted } = *letter;
    let kind = match link.purpose {
        Purpose::SignIn => MessageKind::SignInLink,
        Purpose::Verify => MessageKind::Verification,
        Purpose::Reset if wanted.invitation => MessageKind::Invitation,
        Purpose::Reset => MessageKind::Reset,
    };
    // A secret is letters, digits, dashes and underscores, a tenant's id too: nothing needs escaping.
    let link_path = match link.realm {
        Realm::Team => format!("/console/link?token={token}"),
        Realm::Audience => format!("/sign-in/link?tenant={}&token={token}", link.tenant),
    };
    SendSecurityMessageRequest {
        kind: kind.into(),
        email: to.email.clone(),
        name: to.name.clone(),
        person_id: if link.realm == Realm::Audience { link.account.to_string() } else { String::new() },
        link_path,
        language: if wanted.language.is_empty() { to.language.clone() } else { wanted.language.clone() },
        idempotency_key: link.id.clone(),
        expires_at: Some(timestamp(link.expires_at_ms)),
        event_id: wanted.event_id.clone(),
        agreements: wanted.agreements.clone(),
    }
}

pub(crate) fn timestamp(at_ms: i64) -> Timestamp {
    Timestamp { seconds: at_ms.div_euclid(1000), nanos: at_ms.rem_euclid(1000) as i32 * 1_000_000 }
}
