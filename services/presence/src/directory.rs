//! Whose an event is, asked of registration and remembered for a while.

use std::{collections::HashMap, sync::Arc, time::Duration};

use parking_lot::Mutex;
use tonic::{Code, transport::Channel};
use turnout_platform::{
    auth::{Credentials, Principal},
    clock::Clock,
    failure::Failure,
    ids::{EventId, TenantId},
};
use turnout_proto::registration::v1::{GetEventRequest, registration_service_client::RegistrationServiceClient};

/// An event does not change its owner, but it may be erased.
const KNOWN_MS: u64 = 60_000;
/// An event that is not there may be created any moment.
const UNKNOWN_MS: u64 = 2_000;
/// Answers that are remembered; beyond it those that have run out go, or else all.
const ANSWERS_MAX: usize = 10_000;
/// How long registration may take to answer.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(2);
/// When a caller may ask again if registration does not answer.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The directory of events.
pub struct Directory {
    registration: Channel,
    credentials: Credentials,
    clock: Arc<dyn Clock>,
    /// The lock is held for one map operation.
    answers: Mutex<HashMap<EventId, Answer>>,
}

/// What registration said of an event.
#[derive(Clone)]
struct Answer {
    /// None if there is no such event.
    owner: Option<TenantId>,
    /// It holds until then, by the monotonic clock.
    until_now_ms: u64,
}

impl std::fmt::Debug for Directory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Directory")
    }
}

impl Directory {
    /// That asks over this channel.
    pub fn new(registration: Channel, credentials: Credentials, clock: Arc<dyn Clock>) -> Self {
        Self { registration, credentials, clock, answers: Mutex::default() }
    }

    /// The owner of an event that this caller may see. An event of somebody else and one that is not there look the same.
    pub async fn owner(&self, event: &EventId, caller: &Principal) -> Result<TenantId, Failure> {
        let owner = match self.remembered(event) {
            Some(answer) => answer.owner,
            None => self.ask(event).await?,
        };
        let visible = owner.filter(|owner| caller.sees_all_tenants() || caller.tenant.as_ref() == Some(owner));
        visible.ok_or(Failure::NotFound { what: "event" })
    }

    fn remembered(&self, event: &EventId) -> Option<Answer> {
        let now_ms = self.clock.now_ms();
        self.answers.lock().get(event).filter(|answer| now_ms < answer.until_now_ms).cloned()
    }

    async fn ask(&self, event: &EventId) -> Result<Option<TenantId>, Failure> {
        let unavailable = || Failure::Unavailable { retry_after: RETRY_AFTER };
        let interceptor = self.credentials.acting_for(None);
        let mut client = RegistrationServiceClient::with_interceptor(self.registration.clone(), interceptor);
        let request = GetEventRequest { event_id: event.to_string() };
        let answer = tokio::time::timeout(ANSWER_WAIT_MAX, client.get_event(request)).await;
        let owner = match answer {
            Ok(Ok(response)) => {
                let tenant = response.into_inner().event.map(|event| event.tenant_id).unwrap_or_default();
                Some(tenant.parse().map_err(|_| Failure::internal("registration names no tenant"))?)
            }
            Ok(Err(status)) if status.code() == Code::NotFound => None,
            Ok(Err(status)) => {
                tracing::warn!(code = ?status.code(), "registration did not say whose an event is");
                return Err(unavailable());
            }
            Err(_) => return Err(unavailable()),
        };
        self.remember(event, owner.clone());
        Ok(owner)
    }

    fn remember(&self, event: &EventId, owner: Option<TenantId>) {
        let now_ms = self.clock.now_ms();
        let until_now_ms = now_ms + if owner.is_some() { KNOWN_MS } else { UNKNOWN_MS };
        let mut answers = self.answers.lock();
        if answers.len() >= ANSWERS_MAX {
            answers.retain(|_, answer| now_ms < answer.until_now_ms);
            if answers.len() >= ANSWERS_MAX {
                answers.clear();
            }
        }
        answers.insert(event.clone(), Answer { owner, until_now_ms });
    }
}
