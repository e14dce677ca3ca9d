//! The access layer of a gRPC server: authenticates each request, looks its method up in the access table, refuses by default.

use std::{collections::HashMap, num::NonZeroUsize, sync::Arc, time::Duration};

use aws_lc_rs::digest;
use parking_lot::Mutex;

use super::{Caller, Principal, Role, TokenKind, TokenVerifier};
use crate::{clock::Clock, failure::Failure, ids::TenantId, limits::TOKEN_BYTES_MAX};

/// Who may call a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anyone, without credentials: health and reflection only.
    Anyone,
    /// Whoever speaks for a tenant: an API key, or a service acting for the tenant; services that see all tenants too.
    Tenant,
    /// Whoever speaks for a tenant and may do this: a member with one of these roles, an API key if organisers may, a service
    /// acting for the tenant.
    Team(&'static [Role]),
    /// Services of the mesh.
    Mesh,
}

/// Methods by their path, `/package.Service/Method`.
pub type AccessTable = &'static [(&'static str, Access)];

/// Prefixes of what tonic-health and tonic-reflection serve.
const OPEN_PREFIXES: [&str; 2] = ["/grpc.health.v1.Health/", "/grpc.reflection.v1"];

/// Answers of [`ApiKeys::resolve`] that are remembered.
const CACHED_KEYS_MAX: NonZeroUsize = NonZeroUsize::new(4096).expect("not zero");
/// How long such an answer is believed: a revoked key opens nothing any more within this time.
pub const API_KEY_REMEMBERED: Duration = Duration::from_secs(30);

/// Where API keys are known.
#[tonic::async_trait]
pub trait ApiKeys: Send + Sync + 'static {
    /// The tenant of a key, if the key is valid.
    async fn resolve(&self, key_id: &str, secret_sha256: &[u8]) -> Result<Option<TenantId>, Failure>;
}

/// By the hash of the whole key: whose it is, if it is anybody's, and until when that is believed.
type KnownKeys = HashMap<Vec<u8>, (Option<Principal>, u64)>;

/// Checks credentials.
pub struct Authenticator {
    mesh: TokenVerifier,
    api_keys: Arc<dyn ApiKeys>,
    clock: Arc<dyn Clock>,
    access: HashMap<&'static str, Access>,
    cache: Mutex<KnownKeys>,
}

impl std::fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authenticator").field("access", &self.access).finish_non_exhaustive()
    }
}

impl Authenticator {
    /// For the methods of these tables.
    pub fn new(
        mesh: TokenVerifier,
        api_keys: Arc<dyn ApiKeys>,
        clock: Arc<dyn Clock>,
        tables: impl IntoIterator<Item = AccessTable>,
    ) -> Self {
        let access = tables.into_iter().flatten().copied().collect();
        Self { mesh, api_keys, clock, access, cache: Mutex::default() }
    }

    /// Whether a path is a method of the access table.
    pub fn knows(&self, path: &str) -> bool {
        self.access.contains_key(path)
    }

    /// The principal that may call this method with this `authorization` value, or the refusal. None for open methods.
    pub async fn authenticate(&self, path: &str, authorization: Option<&str>) -> Result<Option<Principal>, Failure> {
        if OPEN_PREFIXES.iter().any(|p| path.starts_with(p)) {
            return Ok(None);
        }
        let principal = self.principal(authorization.ok_or(Failure::Unauthenticated)?).await?;
        match self.access.get(path) {
            Some(Access::Anyone) => Ok(Some(principal)),
            Some(Access::Tenant) if principal.tenant.is_some() || principal.is_mesh() => Ok(Some(principal)),
            Some(Access::Team(roles)) if principal.role().is_none_or(|role| roles.contains(&role)) => {
                Ok(Some(principal))
            }
            Some(Access::Mesh) if principal.is_mesh() => Ok(Some(principal)),
            _ => Err(Failure::PermissionDenied),
        }
    }

    async fn principal(&self, authorization: &str) -> Result<Principal, Failure> {
        let bearer = authorization
            .split_once(' ')
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token)
            .filter(|token| token.len() <= TOKEN_BYTES_MAX)
            .ok_or(Failure::Unauthenticated)?;
        match bearer.strip_prefix("tk_").and_then(|rest| rest.split_once('.')) {
            Some((key_id, _)) => self.api_key(key_id, bearer).await,
            None => self.token(bearer),
        }
    }

    fn token(&self, token: &str) -> Result<Principal, Failure> {
        let claims = self.mesh.verify(token, TokenKind::Access, self.clock.at_s()).map_err(|reason| {
            tracing::debug!(?reason, "access token refused");
            Failure::Unauthenticated
        })?;
        let service = claims.sub.strip_prefix("svc:").ok_or(Failure::Unauthenticated)?;
        let tenant = claims.tid.map(|t| t.parse()).transpose().map_err(|_| Failure::Unauthenticated)?;
        let caller = match (claims.act, claims.role) {
            (None, None) => Caller::Mesh(service.to_owned()),
            // Who calls for a member has exactly the member's rights, and only in the member's tenant.
            (Some(account_id), Some(role)) if tenant.is_some() => {
                Caller::Member { account_id, role: role.parse().map_err(|_| Failure::Unauthenticated)? }
            }
            _ => return Err(Failure::Unauthenticated),
        };
        Ok(Principal { caller, tenant })
    }

    async fn api_key(&self, key_id: &str, secret: &str) -> Result<Principal, Failure> {
        let hash = digest::digest(&digest::SHA256, secret.as_bytes()).as_ref().to_vec();
        let now_ms = self.clock.now_ms();
        if let Some((known, until_ms)) = self.cache.lock().get(&hash)
            && *until_ms > now_ms
        {
            return known.clone().ok_or(Failure::Unauthenticated);
        }
        let tenant = self.api_keys.resolve(key_id, &hash).await?;
        let principal = tenant.map(|t| Principal { caller: Caller::ApiKey(key_id.to_owned()), tenant: Some(t) });
        let mut cache = self.cache.lock();
        if cache.len() >= CACHED_KEYS_MAX.get() {
            cache.retain(|_, (_, until_ms)| *until_ms > now_ms);
            if cache.len() >= CACHED_KEYS_MAX.get() {
                cache.clear();
            }
        }
        cache.insert(hash, (principal.clone(), now_ms + API_KEY_REMEMBERED.as_millis() as u64));
        principal.ok_or(Failure::Unauthenticated)
    }
}
