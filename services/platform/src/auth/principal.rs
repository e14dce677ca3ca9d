//! The caller of a gRPC method, once authenticated.

use tonic::Request;

use super::Role;
use crate::{failure::Failure, ids::TenantId};

/// The account of whoever opened the first sign-in link.
const FIRST_LINK: &str = "link";

/// What kind of caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// A service of the mesh.
    Mesh(String),
    /// A holder of an API key, by the key's public part.
    ApiKey(String),
    /// A member of the tenant's team, for whom a service of the mesh calls.
    Member {
        /// The account, or `link` for whoever opened the first sign-in link.
        account_id: String,
        /// What they may do.
        role: Role,
    },
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

    /// What the caller may do in the tenant; none for services of the mesh, which may all. A key does an organiser's work.
    pub fn role(&self) -> Option<Role> {
        match &self.caller {
            Caller::Mesh(_) => None,
            Caller::ApiKey(_) => Some(Role::Organiser),
            Caller::Member { role, .. } => Some(*role),
        }
    }

    /// Whether the caller may see e-mails, names, phones and answers.
    pub fn sees_personal(&self) -> bool {
        self.role().is_none_or(Role::sees_personal)
    }

    /// Whether the caller is a person or a program of the organiser, who says why when acting for somebody else.
    pub fn acts_for_another(&self) -> bool {
        !self.is_mesh()
    }

    /// The caller as the audit log names them: ids only.
    pub fn actor(&self) -> String {
        match &self.caller {
            Caller::Mesh(service) => format!("service:{service}"),
            Caller::ApiKey(key_id) => format!("key:{key_id}"),
            Caller::Member { account_id, .. } if account_id == FIRST_LINK => account_id.clone(),
            Caller::Member { account_id, .. } => format!("member:{account_id}"),
        }
    }

    /// Whether somebody calls who opened the first sign-in link, and has no account.
    pub fn is_first_link(&self) -> bool {
        matches!(&self.caller, Caller::Member { account_id, .. } if account_id == FIRST_LINK)
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
