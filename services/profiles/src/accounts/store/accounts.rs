//! Accounts by id, and members of teams by address.

use serde::{Deserialize, Serialize};
use turnout_platform::{
    failure::Failure,
    ids::TenantId,
    tables::{Row, Value},
    vault::DataKey,
};

use super::{ACCOUNTS_BY_ADDRESS, ACCOUNTS_BY_ID, CHANGE_TRIES_MAX, Store, unreadable};
use crate::accounts::domain::{fields::Realm, secrets::AccountId};

/// The vault's owner of what belongs to a tenant as a whole.
pub(super) const TENANT_KEY: &str = "tenant";

/// An account. Times are in milliseconds since 1970.
#[derive(Clone)]
pub(crate) struct Account {
    pub id: AccountId,
    pub realm: Realm,
    pub tenant: TenantId,
    /// Grows when all sessions must end.
    pub generation: i64,
    pub created_at_ms: i64,
    /// When its owner proved the address.
    pub proven_at_ms: Option<i64>,
    /// When it was first signed in to.
    pub active_at_ms: Option<i64>,
    pub secrets: Secrets,
    /// 0 before it is stored.
    pub version: i64,
}

/// What is sealed of an account. It has no `Debug`.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Secrets {
    /// Of a member of a team. The address of a person of the audience is the person's.
    pub email: String,
    /// The language of messages to a member of a team.
    pub language: String,
    /// The password's hash.
    pub password: Option<String>,
    /// The secret of the second factor.
    pub totp: Option<Vec<u8>>,
    /// The same while it is being set up.
    pub totp_begun: Option<Vec<u8>>,
    /// The step of the last code that was used.
    pub totp_step: u64,
    /// The hashes of the recovery codes that are left.
    pub recovery: Vec<[u8; 32]>,
}

impl Account {
    /// One that was never signed in to.
    pub fn new(id: AccountId, realm: Realm, tenant: TenantId, at_ms: i64) -> Self {
        let secrets = Secrets::default();
        let (generation, proven_at_ms, active_at_ms) = (0, None, None);
        Self { id, realm, tenant, generation, created_at_ms: at_ms, proven_at_ms, active_at_ms, secrets, version: 0 }
    }

    fn key_owner(&self) -> &str {
        match self.realm {
            Realm::Team => TENANT_KEY,
            Realm::Audience => self.id.as_str(),
        }
    }
}

impl Store {
    /// An account; none when there is none, or when the key of its person is destroyed.
    pub async fn account(&self, id: &AccountId) -> Result<Option<Account>, Failure> {
        let Some(row) = self.tables.get(&ACCOUNTS_BY_ID, vec![id.as_str().into()]).await? else { return Ok(None) };
        let parts = || {
            let tenant = row.text("tenant_id").parse().ok()?;
            let account = Account::new(id.clone(), Realm::of_word(row.text("realm"))?, tenant, row.time("created_at"));
            Some(Account {
                generation: row.int("generation"),
                proven_at_ms: row.opt_time("proven_at"),
                active_at_ms: row.opt_time("active_at"),
                version: row.int("version"),
                ..account
            })
        };
        let mut account = parts().ok_or_else(|| unreadable(&row))?;
        let Some(key) = self.vault.existing(&account.tenant, account.key_owner()).await? else { return Ok(None) };
        let opened = key.open(&context(id), row.bytes("sealed"));
        let secrets = opened.and_then(|plain| serde_json::from_slice(&plain).ok());
        account.secrets = secrets.ok_or_else(|| unreadable(&row))?;
        Ok(Some(account))
    }

    /// Changes an account, or makes it from `new` when there is none. `change` may run several times, each on the latest.
    pub async fn change_account<T>(
        &self,
        new: Account,
        change: impl Fn(&mut Account) -> Result<T, Failure>,
    ) -> Result<(Account, T), Failure> {
        let key = self.vault.key_for(&new.tenant, new.key_owner()).await?;
        for _ in 0..CHANGE_TRIES_MAX {
            let mut account = self.account(&new.id).await?.unwrap_or_else(|| new.clone());
            let changed = change(&mut account)?;
            let expected = account.version;
            account.version += 1;
            if self.put_version(account_row(&account, &key), expected).await? {
                return Ok((account, changed));
            }
        }
        Err(Failure::Changed { what: "account" })
    }

    /// Stores a new account under an id that nobody has.
    pub async fn add_account(&self, account: &Account) -> Result<(), Failure> {
        let key = self.vault.key_for(&account.tenant, account.key_owner()).await?;
        self.tables.put_if_absent(account_row(&Account { version: 1, ..account.clone() }, &key)).await?;
        Ok(())
    }

    pub async fn remove_account(&self, id: &AccountId) -> Result<(), Failure> {
        Ok(self.tables.delete(&ACCOUNTS_BY_ID, vec![id.as_str().into()]).await?)
    }

    /// The member who signs in with an address, with the version of that.
    pub async fn account_at(&self, address: &[u8; 32]) -> Result<(Option<AccountId>, i64), Failure> {
        let row = self.tables.get(&ACCOUNTS_BY_ADDRESS, vec![address.as_slice().into()]).await?;
        Ok(row.map_or((None, 0), |row| (row.text("account_id").parse().ok(), row.int("version"))))
    }

    /// Gives an address to an account, or frees it, if it still is at this version; false when somebody else was faster.
    pub async fn set_account_at(
        &self,
        address: &[u8; 32],
        account: Option<&AccountId>,
        expected: i64,
    ) -> Result<bool, Failure> {
        let row = Row::new(&ACCOUNTS_BY_ADDRESS)
            .set("address", address.as_slice())
            .set("account_id", account.map(AccountId::as_str).unwrap_or_default())
            .set("version", expected + 1);
        self.put_version(row, expected).await
    }
}

fn account_row(account: &Account, key: &DataKey) -> Row {
    let plain = serde_json::to_vec(&account.secrets).expect("texts and numbers are JSON");
    Row::new(&ACCOUNTS_BY_ID)
        .set("account_id", account.id.as_str())
        .set("realm", account.realm.word())
        .set("tenant_id", account.tenant.as_str())
        .set("generation", account.generation)
        .set("created_at", Value::Time(account.created_at_ms))
        .set_opt("proven_at", account.proven_at_ms.map(Value::Time))
        .set_opt("active_at", account.active_at_ms.map(Value::Time))
        .set("sealed", key.seal(&context(&account.id), &plain))
        .set("version", account.version)
}

fn context(id: &AccountId) -> String {
    format!("accounts_by_id/{id}")
}
