//! How a service of the mesh shows who it is when it calls another: a short-lived access token in the metadata.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;
use tonic::{Request, Status, metadata::AsciiMetadataValue, service::Interceptor};

use super::{Role, TokenKind, TokenSigner};
use crate::{clock::Clock, ids::TenantId, random, telemetry::TraceParent};

/// Life of an access token (RFC 8725 asks for short ones).
const TOKEN_TTL_S: u64 = 600;
/// A token is used again until so little of its life is left.
const TOKEN_REST_S: u64 = 120;
/// Tokens kept for using again; beyond it all are forgotten and made anew.
const CACHED_TOKENS_MAX: usize = 1024;

/// The tenant, and the member of its team, for whom a token is.
type For = (Option<TenantId>, Option<(String, Role)>);
type Cache = HashMap<For, (AsciiMetadataValue, u64)>;

/// Makes the tokens of one service.
#[derive(Clone)]
pub struct Credentials {
    service: Arc<str>,
    signer: TokenSigner,
    clock: Arc<dyn Clock>,
    cache: Arc<Mutex<Cache>>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credentials({})", self.service)
    }
}

impl Credentials {
    /// For the service of this name.
    pub fn new(service: &str, signer: TokenSigner, clock: Arc<dyn Clock>) -> Self {
        Self { service: service.into(), signer, clock, cache: Arc::default() }
    }

    /// An interceptor for calls about one tenant, or about none in particular.
    pub fn acting_for(&self, tenant: Option<&TenantId>) -> WithCredentials {
        WithCredentials { bearer: self.bearer((tenant.cloned(), None)) }
    }

    /// An interceptor for calls that a member of a tenant's team asks for: with the member's rights and no more.
    pub fn acting_for_member(&self, tenant: &TenantId, account_id: &str, role: Role) -> WithCredentials {
        WithCredentials { bearer: self.bearer((Some(tenant.clone()), Some((account_id.to_owned(), role)))) }
    }

    fn bearer(&self, whom: For) -> AsciiMetadataValue {
        let at_s = self.clock.at_s();
        let mut cache = self.cache.lock();
        if let Some((bearer, exp)) = cache.get(&whom)
            && *exp > at_s + TOKEN_REST_S
        {
            return bearer.clone();
        }
        let subject = format!("svc:{}", self.service);
        let mut token = self.signer.sign(TokenKind::Access, &subject, at_s, TOKEN_TTL_S, random::token_128());
        if let Some(tenant) = &whom.0 {
            token = token.tenant(tenant.as_str());
        }
        if let Some((account_id, role)) = &whom.1 {
            token = token.member(account_id, *role);
        }
        let bearer: AsciiMetadataValue =
            format!("Bearer {}", token.finish()).parse().expect("a token is letters, digits, dots and dashes");
        if cache.len() >= CACHED_TOKENS_MAX {
            cache.clear();
        }
        cache.insert(whom, (bearer.clone(), at_s + TOKEN_TTL_S));
        bearer
    }
}

/// Puts the token, and the current trace, into each request.
#[derive(Debug, Clone)]
pub struct WithCredentials {
    bearer: AsciiMetadataValue,
}

impl Interceptor for WithCredentials {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.bearer.clone());
        if let Some(trace) = TraceParent::of(&tracing::Span::current())
            && let Ok(value) = trace.as_str().parse()
        {
            request.metadata_mut().insert("traceparent", value);
        }
        Ok(request)
    }
}
