//! Page tokens: where a list goes on. Opaque to callers and bound to one list: a token of another list, another tenant or
//! from nowhere is refused. Not a secret and no permission: whoever holds one still needs the credentials for the list.

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use turnout_platform::{
    failure::Failure,
    ids::{EventId, RoomId, TenantId},
};

use super::keys::KeyId;

/// Bytes of a token's tag, which binds it to its list.
const TAG_BYTES: usize = 8;
/// Characters of a token, checked before it is decoded. The longest that we make has 130.
const TOKEN_CHARS_MAX: usize = 200;

/// A list that has pages.
#[derive(Debug, Clone, Copy)]
pub(crate) enum List<'a> {
    Events(&'a TenantId),
    ApiKeys(&'a TenantId),
    Rooms(&'a EventId),
}

/// Where an event stands in its tenant's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EventPlace {
    /// Milliseconds since 1970.
    pub created_at_ms: i64,
    pub id: EventId,
}

/// The token for the page after this event.
pub(crate) fn token_after_event(tenant: &TenantId, place: &EventPlace) -> String {
    encode(List::Events(tenant), &format!("{}.{}", place.created_at_ms, place.id))
}

/// The event that the page before ended with; none for the first page.
pub(crate) fn event_before(tenant: &TenantId, token: &str) -> Result<Option<EventPlace>, Failure> {
    decode(List::Events(tenant), token, |place| {
        let (created, id) = place.split_once('.')?;
        Some(EventPlace { created_at_ms: created.parse().ok()?, id: id.parse().ok()? })
    })
}

/// Where an API key stands in its tenant's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyPlace {
    /// Milliseconds since 1970.
    pub created_at_ms: i64,
    pub id: KeyId,
}

/// The token for the page after this API key.
pub(crate) fn token_after_api_key(tenant: &TenantId, place: &KeyPlace) -> String {
    encode(List::ApiKeys(tenant), &format!("{}.{}", place.created_at_ms, place.id))
}

/// The API key that the page before ended with; none for the first page.
pub(crate) fn api_key_before(tenant: &TenantId, token: &str) -> Result<Option<KeyPlace>, Failure> {
    decode(List::ApiKeys(tenant), token, |place| {
        let (created, id) = place.split_once('.')?;
        Some(KeyPlace { created_at_ms: created.parse().ok()?, id: id.parse().ok()? })
    })
}

/// The token for the page after this room.
pub(crate) fn token_after_room(event: &EventId, room: &RoomId) -> String {
    encode(List::Rooms(event), room.as_str())
}

/// The room that the page before ended with; none for the first page.
pub(crate) fn room_before(event: &EventId, token: &str) -> Result<Option<RoomId>, Failure> {
    decode(List::Rooms(event), token, |place| place.parse().ok())
}

fn encode(list: List<'_>, place: &str) -> String {
    let mut bytes = tag(list, place).to_vec();
    bytes.extend_from_slice(place.as_bytes());
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

fn decode<T>(list: List<'_>, token: &str, place: impl FnOnce(&str) -> Option<T>) -> Result<Option<T>, Failure> {
    if token.is_empty() {
        return Ok(None);
    }
    let read = || {
        let token = Some(token).filter(|t| t.len() <= TOKEN_CHARS_MAX)?;
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(token).ok()?;
        let (found, rest) = bytes.split_first_chunk::<TAG_BYTES>()?;
        let rest = std::str::from_utf8(rest).ok()?;
        if *found == tag(list, rest) { place(rest) } else { None }
    };
    let problem = "must be the next_page_token of the page before in the same list, or empty for the first page";
    read().map(Some).ok_or_else(|| Failure::invalid("page_token", problem))
}

fn tag(list: List<'_>, place: &str) -> [u8; TAG_BYTES] {
    let text = match list {
        List::Events(tenant) => format!("events\0{tenant}\0{place}"),
        List::ApiKeys(tenant) => format!("api keys\0{tenant}\0{place}"),
        List::Rooms(event) => format!("rooms\0{event}\0{place}"),
    };
    let hash = digest(&SHA256, text.as_bytes());
    *hash.as_ref().first_chunk().expect("a SHA-256 has 32 bytes")
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
        fn a_token_leads_back_to_its_place(created_at_ms: i64, id in "[A-Za-z0-9_-]{1,64}") {
            let place = EventPlace { created_at_ms, id: id.parse().unwrap() };
            let token = token_after_event(&tenant("acme"), &place);
            prop_assert!(token.len() <= TOKEN_CHARS_MAX);
            prop_assert_eq!(event_before(&tenant("acme"), &token).unwrap(), Some(place));

            let (event, room) = (id.parse().unwrap(), id.parse().unwrap());
            let token = token_after_room(&event, &room);
            prop_assert_eq!(room_before(&event, &token).unwrap(), Some(room));
        }

        #[test]
        fn a_token_from_nowhere_is_refused(token in ".{1,300}") {
            prop_assert!(event_before(&tenant("acme"), &token).is_err());
        }
    }

    #[test]
    fn a_token_of_another_tenant_or_another_list_is_refused() {
        let place = EventPlace { created_at_ms: 5, id: "gala".parse().unwrap() };
        let token = token_after_event(&tenant("acme"), &place);
        assert!(event_before(&tenant("other"), &token).is_err());
        assert!(room_before(&"acme".parse().unwrap(), &token).is_err());
        assert!(api_key_before(&tenant("acme"), &token).is_err());
    }

    #[test]
    fn a_page_of_api_keys_goes_on_where_it_ended() {
        let place = KeyPlace { created_at_ms: 5, id: "AAAAAAAAAAAAAAAAAAAAA-".parse().unwrap() };
        let token = token_after_api_key(&tenant("acme"), &place);
        assert_eq!(api_key_before(&tenant("acme"), &token).unwrap(), Some(place));
        assert!(api_key_before(&tenant("other"), &token).is_err());
    }

    #[test]
    fn an_empty_token_is_the_first_page() {
        assert_eq!(event_before(&tenant("acme"), "").unwrap(), None);
    }
}
