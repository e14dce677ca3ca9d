//! The caller of a gRPC method, once authenticated.

use tonic::Request;

use crate::{failure::Failure, ids::TenantId};

/// What kind of caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// A service of the mesh.
    Mesh(String),
    /// A holder of an API key, by the key's public part.
    ApiKey(String),
}

/// Who calls, and for which tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Who.
    pub caller: Caller,
    /// For whom; a service may call for none.
    pub tenant: Option<TenantId>,
}

impl Principal {
    /// The tenant that the call is about.
    pub fn tenant(&self) -> Result<&TenantId, Failure> {
        self.tenant.as_ref().ok_or(Failure::PermissionDenied)
    }

    /// Whether a service calls for no tenant in particular, and so may look across them.
    pub fn sees_all_tenants(&self) -> bool {
        matches!(self.caller, Caller::Mesh(_)) && self.tenant.is_none()
    }

    /// Whether a service of the mesh calls.
    pub fn is_mesh(&self) -> bool {
        matches!(self.caller, Caller::Mesh(_))
    }
}

/// The principal that the access layer put into the request.
pub fn principal_of<T>(request: &Request<T>) -> Result<Principal, Failure> {
    request.extensions().get::<Principal>().cloned().ok_or(Failure::Unauthenticated)
}
