//! How often something was tried in vain. A try is counted before its outcome is known, so that many at once gain nothing.

use turnout_platform::{
    failure::Failure,
    tables::{Row, Value},
};

use super::{CHANGE_TRIES_MAX, Store, TRIES_BY_KEY};
use crate::accounts::domain::throttle::{self, Policy, Tries};

/// Tries that get into each other's way so often wait for this long, in milliseconds.
const CROWDED_WAIT_MS: i64 = 1000;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Passwords and codes for one account.
    Account,
    /// Passwords and codes from one network.
    Client,
    /// Links to one address.
    Link,
    /// Links asked for from one network.
    ClientLink,
}

impl Scope {
    fn word(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Client => "client",
            Self::Link => "link",
            Self::ClientLink => "client_link",
        }
    }

    fn policy(self) -> Policy {
        match self {
            Self::Account => throttle::ACCOUNT,
            Self::Client => throttle::CLIENT,
            Self::Link => throttle::LINKS,
            Self::ClientLink => throttle::CLIENT_LINKS,
        }
    }
}

/// A try that was counted and may go on.
#[derive(Debug, Clone)]
#[must_use = "a try that succeeds is to be forgiven"]
pub(crate) struct Reserved {
    scope: Scope,
    key: [u8; 32],
}

/// What a try came to that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It succeeded: the earlier failures are forgotten.
    Succeeded,
    /// It was no failure, but proves too little to forget the earlier ones.
    Harmless,
}

impl Store {
    /// Counts a try if one is allowed now; else the time to wait, in milliseconds.
    pub async fn reserve(&self, scope: Scope, key: [u8; 32], at_ms: i64) -> Result<Result<Reserved, i64>, Failure> {
        for _ in 0..CHANGE_TRIES_MAX {
            let (tries, version) = self.tries(scope, &key).await?;
            let counted = match tries.with_one_more(scope.policy(), at_ms) {
                Ok(counted) => counted,
                Err(wait_ms) => {
                    // Written all the same, so that a try that comes too early takes as long as any other.
                    self.put_version(row(scope, &key, tries, version + 1), version).await?;
                    return Ok(Err(wait_ms));
                }
            };
            if self.put_version(row(scope, &key, counted, version + 1), version).await? {
                return Ok(Ok(Reserved { scope, key }));
            }
        }
        Ok(Err(CROWDED_WAIT_MS))
    }

    /// Takes back what a try counted. When others get into its way it stays counted, which only makes somebody wait.
    pub async fn forgive(&self, reserved: Reserved, outcome: Outcome) -> Result<(), Failure> {
        let Reserved { scope, key } = reserved;
        for _ in 0..CHANGE_TRIES_MAX {
            let (tries, version) = self.tries(scope, &key).await?;
            let left = match outcome {
                Outcome::Succeeded => Tries::default(),
                Outcome::Harmless => tries.without_latest(),
            };
            if left == tries || self.put_version(row(scope, &key, left, version + 1), version).await? {
                break;
            }
        }
        Ok(())
    }

    /// Forgets all tries of this key.
    pub async fn forget(&self, scope: Scope, key: [u8; 32]) -> Result<(), Failure> {
        self.forgive(Reserved { scope, key }, Outcome::Succeeded).await
    }

    async fn tries(&self, scope: Scope, key: &[u8; 32]) -> Result<(Tries, i64), Failure> {
        let row = self.tables.get(&TRIES_BY_KEY, vec![scope.word().into(), key.as_slice().into()]).await?;
        Ok(row.map_or((Tries::default(), 0), |row| {
            let tries = Tries { failed: row.int("failed") as u32, next_at_ms: row.time("next_at") };
            (tries, row.int("version"))
        }))
    }
}

fn row(scope: Scope, key: &[u8; 32], tries: Tries, version: i64) -> Row {
    Row::new(&TRIES_BY_KEY)
        .set("scope", scope.word())
        .set("key", key.as_slice())
        .set("failed", i64::from(tries.failed))
        .set("next_at", Value::Time(tries.next_at_ms))
        .set("version", version)
}
