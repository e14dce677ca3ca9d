//! What is known of addresses, by their keyed hash: the address itself is nowhere.

use std::fmt::Write as _;

use turnout_platform::{
    failure::Failure,
    ids::TenantId,
    tables::{Range, Row, Value},
};

use super::{SUPPRESSIONS_BY_TENANT, Store};
use crate::domain::{message::Channel, suppression::Standing};

/// Others that change what is known of the same address at the same moment: so often it is read again.
const TRIES_MAX: usize = 5;

/// The keyed hash of an address, as stored and shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AddressKey(pub String);

impl AddressKey {
    pub fn of(bytes: &[u8]) -> Self {
        let hex = bytes.iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        Self(hex)
    }
}

impl Store {
    /// The keyed hash of an address.
    pub fn address_key(&self, tenant: &TenantId, channel: Channel, address: &str) -> [u8; 32] {
        self.vault.blind(tenant, channel.as_str_name(), address)
    }

    pub async fn standing(&self, tenant: &TenantId, channel: Channel, key: &AddressKey) -> Result<Standing, Failure> {
        let place = vec![tenant.as_str().into(), channel.as_str_name().into(), key.0.as_str().into()];
        let row = self.tables.get(&SUPPRESSIONS_BY_TENANT, place).await?;
        Ok(row.as_ref().map(read).unwrap_or_default())
    }

    /// Changes what is known, whatever others do to it meanwhile; none leaves it as it is.
    pub async fn change_standing(
        &self,
        tenant: &TenantId,
        channel: Channel,
        key: &AddressKey,
        change: impl Fn(&Standing) -> Option<Standing>,
    ) -> Result<(), Failure> {
        for _ in 0..TRIES_MAX {
            let standing = self.standing(tenant, channel, key).await?;
            let Some(next) = change(&standing) else { return Ok(()) };
            match self.put_standing(tenant, channel, key, &next).await {
                Err(Failure::Changed { .. }) => {}
                other => return other,
            }
        }
        Err(Failure::Changed { what: "suppression" })
    }

    /// Puts what is known now in the place of the version before it.
    async fn put_standing(
        &self,
        tenant: &TenantId,
        channel: Channel,
        key: &AddressKey,
        standing: &Standing,
    ) -> Result<(), Failure> {
        let row = Row::new(&SUPPRESSIONS_BY_TENANT)
            .set("tenant_id", tenant.as_str())
            .set("channel", channel.as_str_name())
            .set("address_key", key.0.as_str())
            .set("reason", standing.reason.as_str())
            .set("since", Value::Time(standing.since_ms))
            .set("until", Value::Time(standing.until_ms))
            .set("soft_bounces", standing.soft_bounces)
            .set("soft_since", Value::Time(standing.soft_since_ms))
            .set("last_report", standing.last_report.as_str());
        self.put_versioned(row, standing.version - 1, "suppression").await
    }

    /// A page of what is known of addresses, in the order of channel and key, suppressed or not.
    pub async fn standings(
        &self,
        tenant: &TenantId,
        after: Option<(String, String)>,
        limit: usize,
    ) -> Result<(Vec<(Channel, AddressKey, Standing)>, bool), Failure> {
        let mut range = Range::of(&SUPPRESSIONS_BY_TENANT, vec![tenant.as_str().into()]).limit(limit);
        if let Some((channel, key)) = after {
            range = range.after(vec![channel.into(), key.into()]);
        }
        let page = self.tables.range(range).await?;
        let rows = page.rows.iter().map(|row| {
            let channel = Channel::from_str_name(row.text("channel")).unwrap_or_default();
            (channel, AddressKey(row.text("address_key").to_owned()), read(row))
        });
        Ok((rows.collect(), page.next.is_some()))
    }
}

fn read(row: &Row) -> Standing {
    Standing {
        reason: row.text("reason").to_owned(),
        since_ms: row.time("since"),
        until_ms: row.time("until"),
        soft_bounces: row.int("soft_bounces"),
        soft_since_ms: row.time("soft_since"),
        last_report: row.text("last_report").to_owned(),
        version: row.int("version"),
    }
}
