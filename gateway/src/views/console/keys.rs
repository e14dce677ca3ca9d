//! API keys: those of the tenant, and a new one, which is shown once.

use askama::Template;
use turnout_platform::auth::API_KEY_REMEMBERED;

use super::{
    super::{show, text, text::access, text::console as words, text::studio as own},
    inputs::Field,
    registrants::Notice,
    shell::Shell,
};
use crate::assets;

/// One key, without its secret.
#[derive(Clone, Debug)]
pub struct KeyRow {
    /// Its public part.
    pub key_id: String,
    /// What it is for.
    pub label: String,
    /// When it was made, milliseconds since 1970.
    pub created_at_ms: i64,
    /// Who made it, in words.
    pub created_by: String,
    /// Its end; none while it is valid.
    pub revoked: Option<Revoked>,
}

/// The end of a key.
#[derive(Clone, Debug)]
pub struct Revoked {
    /// When, milliseconds since 1970.
    pub at_ms: i64,
    /// Who revoked it, in words.
    pub by: String,
}

/// `GET /console/settings/keys`
#[derive(Clone, Debug, Template)]
#[template(path = "studio/keys.html")]
pub struct KeysPage {
    /// Around it.
    pub shell: Shell,
    /// Newest first; none while the service does not answer.
    pub keys: Option<Vec<KeyRow>>,
    /// The form for a new one.
    pub new: Vec<Field>,
    /// The key whose form stands open, because what was sent with it was refused; empty for none.
    pub open: String,
    /// What came of the last act.
    pub notice: Option<Notice>,
}

impl KeysPage {
    fn valid(keys: &[KeyRow]) -> impl Iterator<Item = &KeyRow> {
        keys.iter().filter(|key| key.revoked.is_none())
    }

    fn revoked(keys: &[KeyRow]) -> impl Iterator<Item = (&KeyRow, &Revoked)> {
        keys.iter().filter_map(|key| Some((key, key.revoked.as_ref()?)))
    }

    fn revoke_meaning() -> String {
        let seconds = API_KEY_REMEMBERED.as_secs();
        let streams = 2 * seconds;
        access::KEY_REVOKE_MEANING.replace("{seconds}", &seconds.to_string()).replace("{streams}", &streams.to_string())
    }
}

/// A new key, shown once, with an example that uses it.
#[derive(Clone, Debug, Template)]
#[template(path = "studio/new_key.html")]
pub struct NewKeyPage {
    /// Around it.
    pub shell: Shell,
    /// What it is for.
    pub label: String,
    /// The whole key.
    pub secret: String,
    /// Where the services listen.
    pub grpc_addr: String,
}

impl NewKeyPage {
    fn example(&self) -> String {
        access::KEY_EXAMPLE.replace("{secret}", &self.secret).replace("{address}", &self.grpc_addr)
    }
}
