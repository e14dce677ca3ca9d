//! Sessions, all of one account in one partition.

use subtle::ConstantTimeEq as _;
use turnout_platform::{
    failure::Failure,
    tables::{Range, Row, Value},
};

use super::{SESSIONS_BY_ACCOUNT, Store};
use crate::accounts::domain::secrets::{AccountId, SessionKey};

/// A session. Times are in milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Session {
    pub id: String,
    /// The account's generation that it belongs to.
    pub generation: i64,
    pub opened_at_ms: i64,
    pub expires_at_ms: i64,
    pub version: i64,
}

impl Session {
    /// Whether it is still one: in time, and nothing has ended all sessions of its account since.
    pub fn is_open(&self, generation: i64, at_ms: i64) -> bool {
        self.generation == generation && at_ms < self.expires_at_ms
    }
}

impl Store {
    /// Puts a session in the place of its version `expected`, or a new one for 0; false when it found another, or none.
    pub async fn put_session(&self, key: &SessionKey, session: &Session, expected: i64) -> Result<bool, Failure> {
        let row = Row::new(&SESSIONS_BY_ACCOUNT)
            .set("account_id", key.account.as_str())
            .set("session_id", session.id.as_str())
            .set("secret_sha256", key.sha256.as_slice())
            .set("generation", session.generation)
            .set("opened_at", Value::Time(session.opened_at_ms))
            .set("expires_at", Value::Time(session.expires_at_ms))
            .set("version", expected + 1);
        self.put_version(row, expected).await
    }

    /// The session of a secret.
    pub async fn session(&self, key: &SessionKey) -> Result<Option<Session>, Failure> {
        let row = self.tables.get(&SESSIONS_BY_ACCOUNT, place(key)).await?;
        let opens = |row: &Row| bool::from(row.bytes("secret_sha256").ct_eq(&key.sha256));
        Ok(row.filter(opens).as_ref().map(read))
    }

    pub async fn end_session(&self, key: &SessionKey) -> Result<(), Failure> {
        Ok(self.tables.delete(&SESSIONS_BY_ACCOUNT, place(key)).await?)
    }

    /// The sessions of an account, open or not.
    pub async fn sessions_of(&self, account: &AccountId) -> Result<Vec<Session>, Failure> {
        let (mut sessions, mut range) = (Vec::new(), Range::of(&SESSIONS_BY_ACCOUNT, vec![account.as_str().into()]));
        loop {
            let page = self.tables.range(range.clone()).await?;
            sessions.extend(page.rows.iter().map(read));
            let Some(next) = page.next else { return Ok(sessions) };
            range = range.after(next);
        }
    }
}

fn place(key: &SessionKey) -> Vec<Value> {
    vec![key.account.as_str().into(), key.session_id.as_str().into()]
}

fn read(row: &Row) -> Session {
    Session {
        id: row.text("session_id").to_owned(),
        generation: row.int("generation"),
        opened_at_ms: row.time("opened_at"),
        expires_at_ms: row.time("expires_at"),
        version: row.int("version"),
    }
}
