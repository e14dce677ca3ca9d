//! Page tokens of the audit log: where it goes on. Opaque to callers and bound to one list: a token of another tenant, another
//! subject or from nowhere is refused. Not a secret and no permission.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use turnout_platform::{failure::Failure, ids::TenantId};

use super::secrets::sha256;

/// Bytes of a token's tag, which binds it to its list.
const TAG_BYTES: usize = 8;
/// Characters of a token, checked before it is decoded.
const TOKEN_CHARS_MAX: usize = 200;

/// Where an entry stands. The order is that of the log.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// Milliseconds since 1970.
    pub at_ms: i64,
    pub entry_id: String,
}

/// The token for the page after this entry.
pub(crate) fn token_after(tenant: &TenantId, subject: &str, place: &Place) -> String {
    let place = format!("{}.{}", place.at_ms, place.entry_id);
    let mut bytes = tag(tenant, subject, &place).to_vec();
    bytes.extend_from_slice(place.as_bytes());
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// The entry that the page before ended with; none for the first page.
pub(crate) fn place_before(tenant: &TenantId, subject: &str, token: &str) -> Result<Option<Place>, Failure> {
    if token.is_empty() {
        return Ok(None);
    }
    let read = || {
        let token = Some(token).filter(|token| token.len() <= TOKEN_CHARS_MAX)?;
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(token).ok()?;
        let (found, rest) = bytes.split_first_chunk::<TAG_BYTES>()?;
        let rest = std::str::from_utf8(rest).ok()?;
        let (at_ms, entry_id) = rest.split_once('.')?;
        let place = Place { at_ms: at_ms.parse().ok()?, entry_id: entry_id.to_owned() };
        (*found == tag(tenant, subject, rest)).then_some(place)
    };
    let problem = "must be the next_page_token of the page before in the same list, or empty for the first page";
    read().map(Some).ok_or_else(|| Failure::invalid("page_token", problem))
}

fn tag(tenant: &TenantId, subject: &str, place: &str) -> [u8; TAG_BYTES] {
    let hash = sha256(&format!("audit\0{tenant}\0{subject}\0{place}"));
    *hash.first_chunk().expect("a SHA-256 has 32 bytes")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tenant(id: &str) -> TenantId {
        id.parse().unwrap()
    }

    proptest! {
        #[test]
        fn a_token_leads_back_to_its_place_in_its_own_list_only(at_ms: i64, entry_id in "[A-Za-z0-9_-]{1,89}") {
            let place = Place { at_ms, entry_id };
            let token = token_after(&tenant("acme"), "person:a", &place);
            prop_assert!(token.len() <= TOKEN_CHARS_MAX);
            prop_assert!(place_before(&tenant("other"), "person:a", &token).is_err());
            prop_assert!(place_before(&tenant("acme"), "", &token).is_err());
            prop_assert_eq!(place_before(&tenant("acme"), "person:a", &token).unwrap(), Some(place));
        }

        #[test]
        fn a_token_from_nowhere_is_refused(token in ".{1,300}") {
            prop_assert!(place_before(&tenant("acme"), "", &token).is_err());
        }
    }

    #[test]
    fn an_empty_token_is_the_first_page() {
        assert_eq!(place_before(&tenant("acme"), "", "").unwrap(), None);
    }
}
