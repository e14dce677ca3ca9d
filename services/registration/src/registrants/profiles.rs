//! What registration asks of profiles: the person of an address, another phone number, to keep a consent, to keep an audit entry. Nothing is kept here.

use std::time::Duration;

use tonic::{Code, Status, service::interceptor::InterceptedService, transport::Channel};
use turnout_platform::{
    auth::{Credentials, WithCredentials},
    failure::Failure,
    ids::{PersonId, TenantId},
};
use turnout_proto::profiles::v1::{
    AuditEntry, ConsentStatement, EnsurePersonRequest, Person, RecordAuditRequest, RecordConsentRequest,
    UpdatePersonRequest, account_service_client::AccountServiceClient, people_service_client::PeopleServiceClient,
};

/// When a caller may try again because profiles did not answer.
const RETRY_AFTER: Duration = Duration::from_secs(1);

type Authorised = InterceptedService<Channel, WithCredentials>;

/// The way to profiles.
#[derive(Clone)]
pub(crate) struct Profiles {
    channel: Channel,
    credentials: Credentials,
}

impl Profiles {
    pub fn new(channel: Channel, credentials: Credentials) -> Self {
        Self { channel, credentials }
    }

    /// The person of an address, made when there is none.
    pub async fn person(&self, tenant: &TenantId, request: EnsurePersonRequest) -> Result<PersonId, Failure> {
        let answer = self.people(tenant).ensure_person(request).await.map_err(failure)?;
        let person = answer.into_inner().person.unwrap_or_default();
        person.person_id.parse().map_err(Failure::internal)
    }

    /// Gives a person another phone number; what they agreed to for the number before ends with it.
    pub async fn phone(&self, tenant: &TenantId, person: &PersonId, phone: &str, reason: &str) -> Result<(), Failure> {
        let person = Person { person_id: person.to_string(), phone: phone.to_owned(), ..Person::default() };
        let update_mask = Some(prost_types::FieldMask { paths: vec!["phone".to_owned()] });
        let request = UpdatePersonRequest {
            person: Some(person),
            update_mask,
            reason: reason.to_owned(),
            ..UpdatePersonRequest::default()
        };
        self.people(tenant).update_person(request).await.map_err(failure)?;
        Ok(())
    }

    /// Keeps what a person agreed to. The same key again is the same statement.
    pub async fn consent(
        &self,
        tenant: &TenantId,
        person: &PersonId,
        statements: Vec<ConsentStatement>,
        idempotency_key: String,
    ) -> Result<(), Failure> {
        let request = RecordConsentRequest { person_id: person.to_string(), statements, idempotency_key };
        self.people(tenant).record_consent(request).await.map_err(failure)?;
        Ok(())
    }

    /// Keeps who did what for whom and why. The same `entry_id` again is the same entry.
    pub async fn audit(&self, tenant: &TenantId, entry: AuditEntry) -> Result<(), Failure> {
        let with = self.credentials.acting_for(Some(tenant));
        let mut accounts = AccountServiceClient::with_interceptor(self.channel.clone(), with);
        accounts.record_audit(RecordAuditRequest { entry: Some(entry) }).await.map_err(failure)?;
        Ok(())
    }

    fn people(&self, tenant: &TenantId) -> PeopleServiceClient<Authorised> {
        PeopleServiceClient::with_interceptor(self.channel.clone(), self.credentials.acting_for(Some(tenant)))
    }
}

/// What another service refuses of ours is a fault of ours, unless it may work later. Its words do not go on to our caller, but for a
/// field that the caller gave and that only profiles can judge.
#[allow(clippy::needless_pass_by_value, reason = "the shape that map_err asks for")]
fn failure(status: Status) -> Failure {
    match status.code() {
        Code::InvalidArgument if status.message().starts_with("email") => {
            Failure::invalid("email", "is not an address that can be used")
        }
        Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled | Code::Aborted => {
            Failure::Unavailable { retry_after: RETRY_AFTER }
        }
        Code::ResourceExhausted => Failure::Overloaded { retry_after: RETRY_AFTER },
        code => Failure::internal(format!("profiles answered {code:?}")),
    }
}
