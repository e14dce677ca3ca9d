//! Signed tokens (JWT with Ed25519, RFC 8725): access tokens of services, tickets of viewers, sessions and links of the console.
//!
//! One kind of token never passes as another (`typ`), one algorithm is allowed, the key is chosen by `kid` from what the
//! verifier knows, and the time is an argument. Every refusal looks the same to the caller; the reason is for a metric.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use super::{MeshKey, Role};
use crate::limits::TOKEN_BYTES_MAX;

/// `iss` of every token that the mesh signs.
const ISSUER: &str = "turnout";
/// `kid` of the mesh key. A tenant's keys have other names.
pub(super) const MESH_KEY_ID: &str = "mesh";
/// Clocks may differ by so much.
const LEEWAY_S: u64 = 30;

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// Opens gRPC methods.
    Access,
    /// Opens an event to one viewer.
    Ticket,
    /// A session of the console.
    Console,
    /// A link that opens the console once.
    SignIn,
}

impl TokenKind {
    fn typ(self) -> &'static str {
        match self {
            Self::Access => "at+jwt",
            Self::Ticket => "ws-ticket+jwt",
            Self::Console => "console+jwt",
            Self::SignIn => "sign-in+jwt",
        }
    }

    fn audience(self) -> &'static str {
        match self {
            Self::Access => "turnout-grpc",
            Self::Ticket => "turnout-live",
            Self::Console | Self::SignIn => "turnout-console",
        }
    }
}

/// What a token says. Times are seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    iss: String,
    aud: String,
    /// Who: `svc:<service>`, or the viewer as the signer names them.
    pub sub: String,
    iat: u64,
    nbf: u64,
    /// The end.
    pub exp: u64,
    /// The token's own id.
    pub jti: String,
    /// The tenant, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tid: Option<String>,
    /// The event, of a ticket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evt: Option<String>,
    /// The room, of a ticket for one room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<String>,
    /// The member of a team for whom a service acts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act: Option<String>,
    /// The member's role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
}

/// Why a token was refused: a closed set, for a metric. The caller is told none of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refused {
    /// Too long, not three parts, not JSON, or claims are missing or of a wrong type.
    Malformed,
    /// Another kind of token, another algorithm, or a header that asks for more.
    WrongKind,
    /// Nobody knows the key.
    UnknownKey,
    /// The signature does not fit.
    BadSignature,
    /// Too early or too late.
    Expired,
    /// For another audience or from another issuer.
    WrongAudience,
}

/// Signs tokens with the mesh key.
#[derive(Clone)]
pub struct TokenSigner {
    key: EncodingKey,
}

impl std::fmt::Debug for TokenSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenSigner(hidden)")
    }
}

impl TokenSigner {
    /// A signer.
    pub fn new(key: &MeshKey) -> Self {
        Self { key: EncodingKey::from_ed_der(key.pkcs8()) }
    }

    /// Signs. `ttl_s` is the life in seconds from `at_s`, `id` the token's own id.
    pub fn sign(&self, kind: TokenKind, subject: &str, at_s: u64, ttl_s: u64, id: String) -> TokenBuilder<'_> {
        let claims = Claims {
            iss: ISSUER.into(),
            aud: kind.audience().into(),
            sub: subject.into(),
            iat: at_s,
            nbf: at_s,
            exp: at_s + ttl_s,
            jti: id,
            tid: None,
            evt: None,
            room: None,
            act: None,
            role: None,
        };
        TokenBuilder { signer: self, kind, claims }
    }
}

/// A token about to be signed.
#[derive(Debug)]
pub struct TokenBuilder<'a> {
    signer: &'a TokenSigner,
    kind: TokenKind,
    claims: Claims,
}

impl TokenBuilder<'_> {
    /// Says whose it is.
    #[must_use]
    pub fn tenant(mut self, tenant: &str) -> Self {
        self.claims.tid = Some(tenant.into());
        self
    }

    /// Says for which member of the tenant's team a service acts.
    #[must_use]
    pub fn member(mut self, account_id: &str, role: Role) -> Self {
        self.claims.act = Some(account_id.into());
        self.claims.role = Some(role.word().into());
        self
    }

    /// Says which event, or which room of it, it opens.
    #[must_use]
    pub fn event(mut self, event: &str, room: Option<&str>) -> Self {
        self.claims.evt = Some(event.into());
        self.claims.room = room.map(str::to_owned);
        self
    }

    /// The token.
    pub fn finish(self) -> String {
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(self.kind.typ().into());
        header.kid = Some(MESH_KEY_ID.into());
        jsonwebtoken::encode(&header, &self.claims, &self.signer.key)
            .expect("claims of plain texts and numbers can be signed")
    }
}

/// Checks tokens of one key.
#[derive(Clone)]
pub struct TokenVerifier {
    key: DecodingKey,
    /// A tenant's own tickets have no issuer of ours.
    issuer: Option<&'static str>,
}

impl std::fmt::Debug for TokenVerifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenVerifier")
    }
}

impl TokenVerifier {
    /// Checks tokens that the mesh has signed.
    pub fn of_mesh(key: &MeshKey) -> Self {
        Self { key: DecodingKey::from_ed_der(key.public()), issuer: Some(ISSUER) }
    }

    /// Checks tickets that a tenant has signed with a registered key of 32 bytes.
    pub fn of_tenant(public_key: &[u8]) -> Self {
        Self { key: DecodingKey::from_ed_der(public_key), issuer: None }
    }

    /// The claims of a valid token of this kind.
    pub fn verify(&self, token: &str, kind: TokenKind, at_s: u64) -> Result<Claims, Refused> {
        let header = header_of(token)?;
        if header.typ != kind.typ() || header.alg != "EdDSA" {
            return Err(Refused::WrongKind);
        }
        // A tenant's key has been found by its id; the mesh has one, and a token that names another is not what it says.
        if self.issuer.is_some() && header.kid != MESH_KEY_ID {
            return Err(Refused::UnknownKey);
        }
        let mut validation = Validation::new(Algorithm::EdDSA);
        // The times are checked below, against the clock that was passed in; audience and issuer too, for one kind of answer.
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let claims = jsonwebtoken::decode::<Claims>(token, &self.key, &validation)
            .map_err(|e| match e.kind() {
                jsonwebtoken::errors::ErrorKind::InvalidSignature => Refused::BadSignature,
                _ => Refused::Malformed,
            })?
            .claims;
        if claims.aud != kind.audience() || self.issuer.is_some_and(|iss| iss != claims.iss) {
            return Err(Refused::WrongAudience);
        }
        if claims.exp.saturating_add(LEEWAY_S) < at_s || claims.nbf > at_s + LEEWAY_S || claims.iat > at_s + LEEWAY_S {
            return Err(Refused::Expired);
        }
        Ok(claims)
    }
}

/// The header fields that are allowed; any other (`jwk`, `jku`, `x5u`, `crit`, …) makes the token malformed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StrictHeader {
    typ: String,
    alg: String,
    kid: String,
}

fn header_of(token: &str) -> Result<StrictHeader, Refused> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(Refused::Malformed);
    }
    let first = token.split('.').next().ok_or(Refused::Malformed)?;
    let json = BASE64_URL_SAFE_NO_PAD.decode(first).map_err(|_| Refused::Malformed)?;
    serde_json::from_slice(&json).map_err(|_| Refused::Malformed)
}

/// The id of the key that signed, if the header is one that we would accept. None means the mesh key.
pub fn key_id_of(token: &str) -> Result<Option<String>, Refused> {
    let kid = header_of(token)?.kid;
    Ok((kid != MESH_KEY_ID).then_some(kid))
}

#[cfg(test)]
mod tests;
