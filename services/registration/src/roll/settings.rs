//! What a tenant settles about registrants: below how many people breakdowns are hidden, and when personal data is removed. When that is
//! looked for is in `retention`.

use turnout_platform::{
    auth::Principal,
    failure::Failure,
    ids::TenantId,
    tables::{PutIf, Row, Table, int, text},
};
use turnout_proto::registration::v1::{
    GetRegistrantSettingsRequest, GetRegistrantSettingsResponse, RegistrantSettings as WireSettings,
};

use super::Roll;

/// Breakdowns of fewer people are hidden: what a tenant may choose, and what it has before it chooses.
const THRESHOLD: std::ops::RangeInclusive<i64> = 3..=100;
const THRESHOLD_USUAL: i64 = 5;
/// The longest retention; 0 is none.
const RETENTION_DAYS_MAX: i64 = 3650;

pub(crate) static REGISTRANT_SETTINGS: Table = Table {
    name: "registrant_settings",
    question: "Below how many people does this tenant hide breakdowns, and when does it remove personal data?",
    partition: &[text("tenant_id")],
    clustering: &[],
    columns: &[int("threshold"), int("retention_days"), int("version")],
    lifetime_s: None,
};

/// A tenant's settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RegistrantSettings {
    pub threshold: i64,
    /// 0: personal data stays.
    pub retention_days: i64,
    /// 0 before the tenant has chosen anything.
    pub version: i64,
}

impl RegistrantSettings {
    fn read(row: &Row) -> Self {
        Self { threshold: row.int("threshold"), retention_days: row.int("retention_days"), version: row.int("version") }
    }

    /// The settings that are to follow those of the version that is given with them.
    pub fn read_wire(wanted: Option<WireSettings>) -> Result<Self, Failure> {
        let wanted = wanted.ok_or_else(|| Failure::invalid("settings", "must be given"))?;
        let (threshold, retention_days) = (i64::from(wanted.threshold), i64::from(wanted.retention_days));
        if !THRESHOLD.contains(&threshold) {
            let problem = format!("must be {} to {}", THRESHOLD.start(), THRESHOLD.end());
            return Err(Failure::invalid("settings.threshold", problem));
        }
        if !(0..=RETENTION_DAYS_MAX).contains(&retention_days) {
            let problem = format!("must be 1 to {RETENTION_DAYS_MAX} days, or 0 for no end");
            return Err(Failure::invalid("settings.retention_days", problem));
        }
        if !(0..i64::MAX).contains(&wanted.version) {
            return Err(Failure::invalid("settings.version", "must be the version that was read"));
        }
        Ok(Self { threshold, retention_days, version: wanted.version + 1 })
    }

    pub fn to_wire(self) -> WireSettings {
        WireSettings {
            threshold: self.threshold as i32,
            retention_days: self.retention_days as i32,
            version: self.version,
        }
    }
}

impl Roll {
    pub async fn get_registrant_settings(
        &self,
        caller: &Principal,
        _: GetRegistrantSettingsRequest,
    ) -> Result<GetRegistrantSettingsResponse, Failure> {
        let settings = self.settings_of(caller.tenant()?).await?;
        Ok(GetRegistrantSettingsResponse { settings: Some(settings.to_wire()), removal: None })
    }

    /// Stores settings in the place of the version before. What a policy needs has been seen to.
    pub async fn put_registrant_settings(
        &self,
        tenant: &TenantId,
        next: RegistrantSettings,
    ) -> Result<RegistrantSettings, Failure> {
        let row = Row::new(&REGISTRANT_SETTINGS)
            .set("tenant_id", tenant.as_str())
            .set("threshold", next.threshold)
            .set("retention_days", next.retention_days)
            .set("version", next.version);
        let tables = &self.inner.tables;
        let stored = match next.version - 1 {
            0 => tables.put_if_absent(row).await?.is_none(),
            before => tables.put_if_version(row, before).await? == PutIf::Stored,
        };
        // A retry of what was stored before finds itself.
        if !stored && self.settings_of(tenant).await? != next {
            return Err(Failure::Changed { what: "settings" });
        }
        Ok(next)
    }

    pub(crate) async fn settings_of(&self, tenant: &TenantId) -> Result<RegistrantSettings, Failure> {
        let row = self.inner.tables.get(&REGISTRANT_SETTINGS, vec![tenant.as_str().into()]).await?;
        let usual = RegistrantSettings { threshold: THRESHOLD_USUAL, retention_days: 0, version: 0 };
        Ok(row.as_ref().map_or(usual, RegistrantSettings::read))
    }
}
