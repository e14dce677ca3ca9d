//! Page tokens: where a list goes on. Opaque to callers and bound to one list: a token of another list, of another tenant or from nowhere
//! is refused. It is no permission: whoever holds one still needs the credentials for the list.
//!
//! Where the places are personal (the beginning of a name, an address) the token is sealed under the tenant's own key: [`PageTokens`].
//! Where they are times and ids it is no secret and needs no key: [`open_token`] and [`read_open_token`], often with a [`TimePlace`].

use std::{fmt, str::FromStr};

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    failure::Failure,
    ids::TenantId,
    vault::{DataKey, Vault},
};

/// The owner of the key that they are sealed under.
const OWNER: &str = "tenant";
/// Characters of a sealed token, checked before it is decoded.
const TOKEN_CHARS_MAX: usize = 16_384;
/// Characters of an open token, checked before it is decoded. The longest that we make has 218: a time and two ids.
const OPEN_TOKEN_CHARS_MAX: usize = 240;
/// Bytes of an open token's tag, which binds it to its list.
const TAG_BYTES: usize = 8;

/// Makes and reads the tokens of one tenant.
pub struct PageTokens(DataKey);

impl PageTokens {
    /// Those of this tenant.
    pub async fn of(vault: &Vault, tenant: &TenantId) -> Result<Self, Failure> {
        vault.key_for(tenant, OWNER).await.map(Self)
    }

    /// The token of a place in a list. The list's name says everything that makes it another list: search, order.
    pub fn make(&self, list: &str, place: &impl Serialize) -> String {
        let place = serde_json::to_vec(place).expect("places are numbers and texts, which are JSON");
        BASE64_URL_SAFE_NO_PAD.encode(self.0.seal(list, &place))
    }

    /// The place of a token that was made for the same list; none for the first page.
    pub fn read<T: DeserializeOwned>(&self, list: &str, token: &str) -> Result<Option<T>, Failure> {
        if token.is_empty() {
            return Ok(None);
        }
        let read = || {
            let token = Some(token).filter(|token| token.len() <= TOKEN_CHARS_MAX)?;
            let place = self.0.open(list, &BASE64_URL_SAFE_NO_PAD.decode(token).ok()?)?;
            serde_json::from_slice(&place).ok()
        };
        read().map(Some).ok_or_else(no_such_page)
    }
}

/// A place in a list that is sorted by time, and by id where times are equal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimePlace<I> {
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// What stands there.
    pub id: I,
}

impl<I: fmt::Display> fmt::Display for TimePlace<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.at_ms, self.id)
    }
}

/// Why a text is not a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a time and an id")]
pub struct InvalidPlace;

impl<I: FromStr> FromStr for TimePlace<I> {
    type Err = InvalidPlace;

    fn from_str(text: &str) -> Result<Self, InvalidPlace> {
        let (at_ms, id) = text.split_once('.').ok_or(InvalidPlace)?;
        Ok(Self { at_ms: at_ms.parse().map_err(|_| InvalidPlace)?, id: id.parse().map_err(|_| InvalidPlace)? })
    }
}

/// The token of a place that is no secret. The list's name says everything that makes it another list: tenant, subject.
pub fn open_token(list: &str, place: &impl fmt::Display) -> String {
    let place = place.to_string();
    let mut bytes = tag(list, &place).to_vec();
    bytes.extend_from_slice(place.as_bytes());
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// The place of an [`open_token`] that was made for the same list; none for the first page.
pub fn read_open_token<T: FromStr>(list: &str, token: &str) -> Result<Option<T>, Failure> {
    if token.is_empty() {
        return Ok(None);
    }
    let read = || {
        let token = Some(token).filter(|token| token.len() <= OPEN_TOKEN_CHARS_MAX)?;
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(token).ok()?;
        let (found, place) = bytes.split_first_chunk::<TAG_BYTES>()?;
        let place = std::str::from_utf8(place).ok().filter(|place| *found == tag(list, place))?;
        place.parse().ok()
    };
    read().map(Some).ok_or_else(no_such_page)
}

fn tag(list: &str, place: &str) -> [u8; TAG_BYTES] {
    let hash = digest(&SHA256, format!("{list}\0{place}").as_bytes());
    *hash.as_ref().first_chunk().expect("a SHA-256 has 32 bytes")
}

fn no_such_page() -> Failure {
    let problem = "must be the next_page_token of the page before in the same list, or empty for the first page";
    Failure::invalid("page_token", problem)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ids::{EventId, RoomId};

    type Place = TimePlace<EventId>;

    proptest! {
        #[test]
        fn an_open_token_leads_back_to_its_place_in_its_own_list_only(at_ms: i64, id in "[A-Za-z0-9_-]{1,64}") {
            let place = Place { at_ms, id: id.parse().unwrap() };
            let token = open_token("events\0acme", &place);
            prop_assert!(token.len() <= OPEN_TOKEN_CHARS_MAX);
            prop_assert_eq!(read_open_token("events\0acme", &token).unwrap(), Some(place));
            prop_assert!(read_open_token::<Place>("events\0other", &token).is_err());
            prop_assert!(read_open_token::<Place>("rooms\0acme", &token).is_err());

            let room: RoomId = id.parse().unwrap();
            let token = open_token("rooms\0gala", &room);
            prop_assert_eq!(read_open_token("rooms\0gala", &token).unwrap(), Some(room));
        }

        #[test]
        fn an_open_token_from_nowhere_is_refused(token in ".{1,300}") {
            prop_assert!(read_open_token::<Place>("events\0acme", &token).is_err());
        }
    }

    #[test]
    fn an_empty_token_is_the_first_page() {
        assert_eq!(read_open_token::<Place>("events\0acme", "").unwrap(), None);
    }

    #[test]
    fn the_longest_place_fits_into_a_token() {
        let id = "x".repeat(64);
        let place = TimePlace { at_ms: i64::MIN, id: format!("{id}/{id}") };
        let token = open_token("list", &place);
        assert!(token.len() <= OPEN_TOKEN_CHARS_MAX, "{}", token.len());
        assert_eq!(read_open_token("list", &token).unwrap(), Some(place));
    }
}
