//! What notifications asks of registration and profiles: the truth about an event, a registration and a person at this moment.
//! Everything that is sent is decided and written from these answers, never from what a bus message said.

use std::{collections::BTreeSet, time::Duration};

use tonic::{Code, Request, Status, service::interceptor::InterceptedService, transport::Channel};
use turnout_platform::{
    auth::{Credentials, WithCredentials},
    failure::Failure,
    ids::{EventId, TenantId},
    purposes,
};
use turnout_proto::{
    profiles::v1::{
        AuditEntry, ConsentAction, ConsentStatement, GetConsentsRequest, GetPersonRequest, ListMembersRequest, Person,
        RecordAuditRequest, RecordConsentRequest, account_service_client::AccountServiceClient,
        people_service_client::PeopleServiceClient,
    },
    registration::v1::{
        Event, GetEventRequest, GetRegistrationRequest, ListRegistrantsRequest, Registration,
        registrant_service_client::RegistrantServiceClient, registration_service_client::RegistrationServiceClient,
    },
};

use crate::domain::message::MessageId;

/// A service that does not answer within this time is taken for one that is away.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// A page of registrants takes longer to gather.
const PAGE_MAX: Duration = Duration::from_secs(30);
/// When to ask a service again that is away.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// Registrants of one page.
const PAGE_REGISTRANTS: i32 = 500;
/// Members of the team of one page.
const MEMBERS_OF_A_PAGE: i32 = 200;
/// The purpose that is taken back even by who never agreed to it.
const MARKETING: &str = "marketing";

type Caller = InterceptedService<Channel, WithCredentials>;

/// The way to the other services. A clone is another handle on the same.
#[derive(Clone)]
pub(crate) struct Upstream {
    registration: Channel,
    profiles: Channel,
    credentials: Credentials,
}

impl Upstream {
    pub fn new(registration: Channel, profiles: Channel, credentials: Credentials) -> Self {
        Self { registration, profiles, credentials }
    }

    /// The event; none when there is none.
    pub async fn event(&self, tenant: &TenantId, event: &EventId) -> Result<Option<Event>, Failure> {
        let mut client = RegistrationServiceClient::with_interceptor(self.registration.clone(), self.of(tenant));
        let request = GetEventRequest { event_id: event.to_string() };
        let answer = found(client.get_event(within(ANSWER_MAX, request)).await)?;
        Ok(answer.and_then(|answer| answer.into_inner().event))
    }

    /// The registration; none when there is none.
    pub async fn registration(
        &self,
        tenant: &TenantId,
        event: &EventId,
        registration: &str,
    ) -> Result<Option<Registration>, Failure> {
        let request = GetRegistrationRequest { event_id: event.to_string(), registration_id: registration.to_owned() };
        let answer = found(self.registrants(tenant).get_registration(within(ANSWER_MAX, request)).await)?;
        Ok(answer.and_then(|answer| answer.into_inner().registration))
    }

    /// A page of an event's registrants, and the token of the next; empty for none.
    pub async fn registrations(
        &self,
        tenant: &TenantId,
        event: &EventId,
        page_token: String,
    ) -> Result<(Vec<Registration>, String), Failure> {
        let request = ListRegistrantsRequest {
            event_id: event.to_string(),
            page_size: PAGE_REGISTRANTS,
            page_token,
            ..ListRegistrantsRequest::default()
        };
        let answer = found(self.registrants(tenant).list_registrants(within(PAGE_MAX, request)).await)?;
        let page = answer.map(tonic::Response::into_inner).unwrap_or_default();
        Ok((page.registrations, page.next_page_token))
    }

    /// The person; none when there is none.
    pub async fn person(&self, tenant: &TenantId, person: &str) -> Result<Option<Person>, Failure> {
        let request = GetPersonRequest { person_id: person.to_owned() };
        let answer = found(self.people(tenant).get_person(within(ANSWER_MAX, request)).await)?;
        Ok(answer.and_then(|answer| answer.into_inner().person))
    }

    /// What the person's statements come to now.
    pub async fn consents(&self, tenant: &TenantId, person: &str) -> Result<Vec<ConsentStatement>, Failure> {
        let request = GetConsentsRequest { person_id: person.to_owned() };
        let answer = found(self.people(tenant).get_consents(within(ANSWER_MAX, request)).await)?;
        Ok(answer.map(|answer| answer.into_inner().current).unwrap_or_default())
    }

    /// Records that the person takes back their consent to this purpose, over all channels. Repeating it with the same key
    /// records it once.
    pub async fn withdraw(
        &self,
        tenant: &TenantId,
        person: &str,
        purpose: &str,
        source: &str,
        key: String,
    ) -> Result<(), Failure> {
        let statement = ConsentStatement {
            purpose: purpose.to_owned(),
            channel: "*".to_owned(),
            action: ConsentAction::Withdrawn.into(),
            source: source.to_owned(),
            ..ConsentStatement::default()
        };
        let request =
            RecordConsentRequest { person_id: person.to_owned(), statements: vec![statement], idempotency_key: key };
        found(self.people(tenant).record_consent(within(ANSWER_MAX, request)).await)?;
        Ok(())
    }

    /// Records that the person takes back all of marketing: every such purpose that they agreed to. Each is a statement with a key of its
    /// own, so that a repeat finishes what one before it began.
    pub async fn withdraw_marketing(
        &self,
        tenant: &TenantId,
        person: &str,
        source: &str,
        key: String,
    ) -> Result<(), Failure> {
        let agreed = self.consents(tenant, person).await?.into_iter();
        let agreed = agreed.filter(|statement| statement.action() == ConsentAction::Granted);
        let mut purposes: BTreeSet<String> = agreed.map(|statement| statement.purpose).collect();
        purposes.retain(|purpose| purposes::is_marketing(purpose));
        purposes.insert(MARKETING.to_owned());
        for purpose in &purposes {
            let key = MessageId::of(tenant, &[&key, purpose]).to_string();
            self.withdraw(tenant, person, purpose, source, key).await?;
        }
        Ok(())
    }

    /// Writes down what somebody of the team did for another.
    pub async fn audit(&self, tenant: &TenantId, entry: AuditEntry) -> Result<(), Failure> {
        let mut client = AccountServiceClient::with_interceptor(self.profiles.clone(), self.of(tenant));
        let request = RecordAuditRequest { entry: Some(entry) };
        client.record_audit(within(ANSWER_MAX, request)).await.map_err(failure)?;
        Ok(())
    }

    /// The addresses of the team.
    pub async fn team(&self, tenant: &TenantId) -> Result<Vec<String>, Failure> {
        let mut client = AccountServiceClient::with_interceptor(self.profiles.clone(), self.of(tenant));
        let (mut team, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = ListMembersRequest { page_size: MEMBERS_OF_A_PAGE, page_token };
            let page = client.list_members(within(ANSWER_MAX, request)).await.map_err(failure)?.into_inner();
            team.extend(page.members.into_iter().map(|member| member.email));
            page_token = page.next_page_token;
            // A team is bounded where it is kept: this ends.
            if page_token.is_empty() {
                return Ok(team);
            }
        }
    }

    fn registrants(&self, tenant: &TenantId) -> RegistrantServiceClient<Caller> {
        RegistrantServiceClient::with_interceptor(self.registration.clone(), self.of(tenant))
            .max_decoding_message_size(turnout_platform::limits::RPC_RESPONSE_BYTES_MAX)
    }

    fn people(&self, tenant: &TenantId) -> PeopleServiceClient<Caller> {
        PeopleServiceClient::with_interceptor(self.profiles.clone(), self.of(tenant))
    }

    fn of(&self, tenant: &TenantId) -> WithCredentials {
        self.credentials.acting_for(Some(tenant))
    }
}

fn within<T>(longest: Duration, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(longest);
    request
}

/// What there is not is no failure.
fn found<T>(answer: Result<T, Status>) -> Result<Option<T>, Failure> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(status) if status.code() == Code::NotFound => Ok(None),
        Err(status) => Err(failure(status)),
    }
}

/// Another service refused a question for good: this one meets the same answer until somebody puts something right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("another service refused: {0:?}")]
pub(crate) struct Refusal(Code);

/// The refusal because of which something failed; none where it failed otherwise.
pub(crate) fn refusal(failure: &Failure) -> Option<Refusal> {
    match failure {
        Failure::Internal(cause) => cause.downcast_ref().copied(),
        _ => None,
    }
}

/// The words of another service may quote what was asked: only the code is kept.
#[allow(clippy::needless_pass_by_value, reason = "it stands in map_err")]
fn failure(status: Status) -> Failure {
    match status.code() {
        // `NotFound` only where there always is something to find: see `found`.
        code @ (Code::InvalidArgument | Code::NotFound | Code::FailedPrecondition | Code::OutOfRange) => {
            Failure::internal(Refusal(code))
        }
        // A fault, there or on the way, or of the whole installation: a key that is not the mesh's, releases that do not fit each other.
        // It may be over at the next try, and nothing is given up for it.
        code @ (Code::Internal
        | Code::DataLoss
        | Code::PermissionDenied
        | Code::Unauthenticated
        | Code::Unimplemented) => Failure::internal(format!("another service failed: {code:?}")),
        _ => Failure::Unavailable { retry_after: RETRY_AFTER },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(code: Code) -> Failure {
        failure(Status::new(code, "anna@example.org"))
    }

    #[test]
    fn who_refuses_is_told_apart_from_who_is_away_and_from_a_fault() {
        use Code::{Aborted, DeadlineExceeded, FailedPrecondition, InvalidArgument, OutOfRange};
        use Code::{Internal, PermissionDenied, Unauthenticated, Unimplemented};
        for code in [InvalidArgument, FailedPrecondition, OutOfRange, Code::NotFound] {
            assert_eq!(refusal(&answered(code)), Some(Refusal(code)));
        }
        for code in [Code::Unavailable, Code::ResourceExhausted, Code::Unknown, Aborted, DeadlineExceeded] {
            assert!(answered(code).is_retryable() && refusal(&answered(code)).is_none(), "{code:?}");
        }
        for code in [Internal, PermissionDenied, Unauthenticated, Unimplemented] {
            assert!(matches!(answered(code), Failure::Internal(_)) && refusal(&answered(code)).is_none(), "{code:?}");
        }
        assert!(found::<()>(Err(Status::not_found("no such event"))).unwrap().is_none());
    }

    #[test]
    fn what_another_service_says_is_not_repeated() {
        for code in [Code::InvalidArgument, Code::Internal, Code::Unavailable] {
            assert!(!format!("{:?}", answered(code)).contains("anna"), "{code:?}");
        }
    }
}
