//! Page tokens of lists whose places are personal: where a list goes on is the beginning of a name or an address, so its token is sealed
//! under the tenant's own key and opens in the list that it was made for only. It is no permission: whoever holds one still needs the
//! credentials for the list. Lists of ids need none of this.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    failure::Failure,
    ids::TenantId,
    vault::{DataKey, Vault},
};

/// The owner of the key that they are sealed under.
const OWNER: &str = "tenant";
/// Characters of a token, checked before it is decoded.
const TOKEN_CHARS_MAX: usize = 16_384;

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
        let problem = "must be the next_page_token of the page before in the same list, or empty for the first page";
        read().map(Some).ok_or_else(|| Failure::invalid("page_token", problem))
    }
}
