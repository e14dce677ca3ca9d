//! What a one-time sign-in link opens. Whether it has been used is the store's to say, whether it is genuine the verifier's.

use turnout_platform::{auth::Claims, ids::TenantId};

/// The longest life of a sign-in link, in seconds. One that would live longer is refused, because by then it would be forgotten
/// that it has been used.
pub const SIGN_IN_LINK_S_MAX: u64 = 24 * 60 * 60;
/// How long a used link is remembered: its life, and an hour for clocks that differ.
pub(crate) const USED_LINK_S: u32 = SIGN_IN_LINK_S_MAX as u32 + 3600;
/// Characters of a link's own id.
const LINK_ID_CHARS_MAX: usize = 64;

/// A genuine link that is in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    /// Its own id, by which its use is remembered.
    pub id: String,
    /// Whose console it opens.
    pub tenant: TenantId,
}

impl Link {
    /// Reads the claims of a verified token; none when they are not those of a link that could be used once.
    pub fn of(claims: Claims, at_s: u64) -> Option<Self> {
        let id = claims.jti;
        let fits = (1..=LINK_ID_CHARS_MAX).contains(&id.len()) && claims.exp <= at_s + SIGN_IN_LINK_S_MAX;
        let tenant = claims.tid?.parse().ok()?;
        fits.then_some(Self { id, tenant })
    }
}
