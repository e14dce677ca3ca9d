//! Who is calling and what may they: keys, tokens, principals and the access table of gRPC methods.
//!
//! The tenant comes from credentials, never from a request. Every gRPC method stands in an access table; one that does not is
//! refused. Passwords and accounts are not here: they are profiles'.

mod access;
pub mod codes;
mod credentials;
mod keys;
mod principal;
mod remote_api_keys;
mod role;
mod tokens;

pub use access::{API_KEY_REMEMBERED, Access, AccessTable, ApiKeys, Authenticator};
pub use codes::{CodePurpose, Codes};
pub use credentials::{Credentials, WithCredentials};
pub use keys::{KeyError, MeshKey};
pub use principal::{Caller, Principal, principal_of};
pub use remote_api_keys::RemoteApiKeys;
pub use role::{DOOR, EVERYONE, FIGURES, NoRole, ORGANISERS, OWNERS, Role, SUPPORTERS};
pub use tokens::{Claims, Refused, TokenKind, TokenSigner, TokenVerifier, key_id_of};
