//! Where a request comes from, as far as anybody needs to know it: a keyed hash of the client's network that changes every day. The
//! address itself ends here: it is not stored, not logged, not handed on, and no handler gets to see it.

use std::{convert::Infallible, net::IpAddr, sync::Arc};

use axum::{extract::FromRequestParts, http::request::Parts};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use turnout_platform::auth::MeshKey;

const DAY_S: u64 = 24 * 3600;
/// Bytes of the hash that are kept: enough to tell networks apart.
const HASH_BYTES: usize = 12;

/// The hash; empty where nobody knows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Client(pub(crate) Arc<str>);

impl Client {
    /// Of an address, on the day of this second.
    pub(super) fn of(key: &MeshKey, address: IpAddr, at_s: u64) -> Self {
        let network = match address.to_canonical() {
            IpAddr::V4(address) => address.to_string(),
            // A household or an office has a whole /64.
            IpAddr::V6(address) => format!("{:x?}", &address.segments()[..4]),
        };
        let hash = key.derive(&format!("client\0{}\0{network}", at_s / DAY_S));
        Self(BASE64_URL_SAFE_NO_PAD.encode(&hash[..HASH_BYTES]).into())
    }
}

impl<S: Sync> FromRequestParts<S> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().cloned().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_has_one_hash_a_day_and_the_hash_does_not_tell_the_address() {
        let key = MeshKey::generate();
        let of = |address: &str, at_s| Client::of(&key, address.parse().unwrap(), at_s);
        assert_eq!(of("192.0.2.7", 0), of("192.0.2.7", DAY_S - 1));
        assert_eq!(of("192.0.2.7", 0), of("::ffff:192.0.2.7", 0));
        assert_ne!(of("192.0.2.7", 0), of("192.0.2.7", DAY_S));
        assert_ne!(of("192.0.2.7", 0), of("192.0.2.8", 0));
        assert_eq!(of("2001:db8:1:2::3", 0), of("2001:db8:1:2:ffff::", 0));
        assert_ne!(of("2001:db8:1:2::3", 0), of("2001:db8:1:3::3", 0));
        assert_ne!(of("192.0.2.7", 0), Client::of(&MeshKey::generate(), "192.0.2.7".parse().unwrap(), 0));
        assert_eq!(of("192.0.2.7", 0).0.len(), 16);
    }
}
