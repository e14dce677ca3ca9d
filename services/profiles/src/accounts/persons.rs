//! What accounts ask of people: whose address it is, and that it was proven. The person is the account's owner in the audience;
//! everything about a person is the other half's.

use turnout_platform::{canonical::CanonicalEmail, failure::Failure, ids::TenantId};

/// As much of a person as signing in needs.
#[derive(Clone)]
pub(crate) struct Person {
    pub id: String,
    pub email: String,
    pub name: String,
    pub language: String,
    /// The address was proven by its owner, not only vouched for.
    pub proven: bool,
}

/// The people of all tenants.
#[tonic::async_trait]
pub(crate) trait Persons: Send + Sync + 'static {
    /// The person who has this address.
    async fn by_email(&self, tenant: &TenantId, email: &CanonicalEmail) -> Result<Option<Person>, Failure>;
    /// The person of this id.
    async fn by_id(&self, tenant: &TenantId, id: &str) -> Result<Option<Person>, Failure>;
    /// Notes that the person has proven the address. Once proven it stays so.
    async fn mark_proven(&self, tenant: &TenantId, id: &str, at_ms: i64) -> Result<(), Failure>;
    /// Enters in the person's ledger that they confirm what this request asked for. Once or often is the same.
    async fn confirm_consents(&self, tenant: &TenantId, id: &str, request: &str) -> Result<(), Failure>;
    /// Notes that the person has an account.
    async fn mark_account(&self, tenant: &TenantId, id: &str) -> Result<(), Failure>;
}
