//! How a tenant's mails are received, for whoever asks: the console that warns, and profiles, which names nobody for marketing while it is
//! stopped. The rule is in `domain::complaints`; an owner may lift it for a while, and says why.

use turnout_platform::{auth::Principal, failure::Failure, ids::TenantId};
use turnout_proto::{
    notifications::v1::{SendingLevel, SendingStanding},
    profiles::v1::AuditEntry,
};

use crate::{
    Notifications, audit,
    domain::{
        complaints::{DAYS, LIFTED_MS, Level, Received},
        fields,
    },
    store::timestamp,
};

impl Notifications {
    pub(crate) async fn sending_standing(&self, tenant: &TenantId) -> Result<SendingStanding, Failure> {
        let now_ms = self.now_ms();
        Ok(wire(&self.store.received(tenant, now_ms).await?, now_ms))
    }

    pub(crate) async fn lift_marketing_stop(
        &self,
        caller: &Principal,
        reason: &str,
    ) -> Result<SendingStanding, Failure> {
        let (tenant, reason, now_ms) = (caller.tenant()?, fields::reason(reason)?, self.now_ms());
        let received = self.store.received(tenant, now_ms).await?;
        if !received.stops_marketing(now_ms) {
            return Err(Failure::Precondition("marketing is not stopped".to_owned()));
        }
        let detail = format!("{} complaints in {DAYS} days", received.complaints);
        let entry = audit::settled("marketing.lift", tenant, None, detail);
        self.enter(caller, AuditEntry { reason, ..entry }).await?;
        let lifted = Received { lifted_until_ms: now_ms + LIFTED_MS, ..received };
        self.store.lift_marketing(tenant, lifted.lifted_until_ms).await?;
        Ok(wire(&lifted, now_ms))
    }
}

fn wire(received: &Received, now_ms: i64) -> SendingStanding {
    let level = match received.level() {
        Level::Fine => SendingLevel::Fine,
        Level::Warned => SendingLevel::Warned,
        Level::Stopped => SendingLevel::Stopped,
    };
    let marketing_stopped = received.stops_marketing(now_ms);
    SendingStanding {
        mails: received.mails,
        complaints: received.complaints,
        level: level.into(),
        marketing_stopped,
        lifted_until: received.is_lifted(now_ms).then(|| timestamp(received.lifted_until_ms)),
        advice: if marketing_stopped { received.advice() } else { String::new() },
    }
}
