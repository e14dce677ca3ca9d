//! Links by the hash of their secret.

use turnout_platform::{
    failure::Failure,
    ids::TenantId,
    tables::{PutIf, Row, Value},
};

use super::{LINKS_BY_ID, Store, unreadable};
use crate::accounts::domain::{
    fields::{Purpose, Realm},
    secrets::AccountId,
};

/// A link that may be used once. Times are in milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    /// The hash of its secret.
    pub id: String,
    pub purpose: Purpose,
    pub realm: Realm,
    pub tenant: TenantId,
    /// The account, which for the audience need not exist yet.
    pub account: AccountId,
    /// The account's generation when the link was made: a password that was set since makes older resets worthless.
    pub generation: i64,
    pub return_path: String,
    /// The request to the ledger of consents that its reader confirms; empty for none.
    pub confirms: String,
    pub expires_at_ms: i64,
}

impl Store {
    /// Stores a link; how it is stored then. It may be there from an earlier try, with the life that it had then. One whose life went
    /// by unused begins anew.
    pub async fn add_link(&self, link: Link, at_ms: i64) -> Result<Link, Failure> {
        let Some(found) = self.tables.put_if_absent(row(&link)).await? else { return Ok(link) };
        let expires_at_ms = found.time("expires_at");
        if at_ms < expires_at_ms || found.opt_time("used_at").is_some() {
            return Ok(Link { expires_at_ms, ..link });
        }
        self.tables.put(row(&link)).await?;
        Ok(link)
    }

    /// A link that was not used. Whether it is in time is the caller's to judge.
    pub async fn unused_link(&self, id: &str) -> Result<Option<Link>, Failure> {
        let Some(row) = self.tables.get(&LINKS_BY_ID, vec![id.into()]).await? else { return Ok(None) };
        if row.opt_time("used_at").is_some() {
            return Ok(None);
        }
        let parts = || {
            Some(Link {
                id: id.to_owned(),
                purpose: Purpose::of_word(row.text("purpose"))?,
                realm: Realm::of_word(row.text("realm"))?,
                tenant: row.text("tenant_id").parse().ok()?,
                account: row.text("account_id").parse().ok()?,
                generation: row.int("generation"),
                return_path: row.text("return_path").to_owned(),
                confirms: row.opt_text("confirms").unwrap_or_default().to_owned(),
                expires_at_ms: row.time("expires_at"),
            })
        };
        parts().map(Some).ok_or_else(|| unreadable(&row))
    }

    /// Whether this is the first use of the link. Of uses at the same moment exactly one is the first.
    pub async fn use_link(&self, link: &Link, at_ms: i64) -> Result<bool, Failure> {
        let used = row(link).set("used_at", Value::Time(at_ms)).set("version", 2_i64);
        Ok(self.tables.put_if_version(used, 1).await? == PutIf::Stored)
    }
}

fn row(link: &Link) -> Row {
    Row::new(&LINKS_BY_ID)
        .set("link_id", link.id.as_str())
        .set("purpose", link.purpose.word())
        .set("realm", link.realm.word())
        .set("tenant_id", link.tenant.as_str())
        .set("account_id", link.account.as_str())
        .set("generation", link.generation)
        .set("return_path", link.return_path.as_str())
        .set("confirms", link.confirms.as_str())
        .set("expires_at", Value::Time(link.expires_at_ms))
        .set("version", 1_i64)
}
