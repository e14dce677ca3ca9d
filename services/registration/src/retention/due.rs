//! What the policy would remove now: which events are due, and how many registrations of each. Nothing is unsealed and nothing removed.
//! What cannot be read is not counted here: a removal says how much that is.

use std::time::Duration;

use futures_util::TryStreamExt as _;
use tokio::time::Instant;
use turnout_platform::{failure::Failure, ids::TenantId};
use turnout_proto::registration::v1::{ApplyRetentionResponse, RetentionOfEvent};

use super::{DAY_MS, EVENTS_OF_PAGE, daily::Claimed, was_ended};
use crate::{
    domain::event::Event,
    registrants::Registrants,
    roll::RegistrantSettings,
    store::{EventPage, registrations::REGISTRATION_SHARDS},
};

/// How long somebody waits for a count. What is counted by then is told, and that there is more.
const COUNT_MAX: Duration = Duration::from_secs(2);

/// What ends a count before its end.
pub(super) enum Patience<'a> {
    Until(Instant),
    /// As long as no other process has the tenant.
    Claim(&'a mut Claimed),
}

impl Patience<'_> {
    async fn lasts(&mut self, registrants: &Registrants) -> Result<bool, Failure> {
        match self {
            Self::Until(until) => Ok(Instant::now() < *until),
            Self::Claim(claimed) => registrants.keep_claim(claimed).await,
        }
    }
}

impl Registrants {
    /// Says what would be removed.
    pub async fn say_due(
        &self,
        tenant: &TenantId,
        settings: RegistrantSettings,
    ) -> Result<ApplyRetentionResponse, Failure> {
        let mut events = Vec::new();
        let patience = Patience::Until(Instant::now() + COUNT_MAX);
        let all = self.count_due(tenant, settings, patience, |event, registrations| {
            events.push(RetentionOfEvent {
                event_id: event.id.to_string(),
                title: event.title.clone(),
                registrations,
                never_ended: !was_ended(event),
            });
        });
        let all = all.await?;
        Ok(ApplyRetentionResponse { events, settings_version: settings.version, more: !all, removal: None })
    }

    /// Counts event by event, those without anything left out. Whether it came to its end.
    pub(super) async fn count_due(
        &self,
        tenant: &TenantId,
        settings: RegistrantSettings,
        mut patience: Patience<'_>,
        mut counted: impl FnMut(&Event, i64) + Send,
    ) -> Result<bool, Failure> {
        let mut after = None;
        loop {
            let page = self.due_events(tenant, settings, after).await?;
            for event in &page.events {
                let (mut due, mut all) = (0, true);
                let from = self.progress(event).await?.shard();
                let mut pages = self.roll.reader().stored(&event.id, from..REGISTRATION_SHARDS);
                while let Some(page) = pages.try_next().await? {
                    due += page.rows.iter().filter(|sealed| sealed.is_personal()).count() as i64;
                    if !patience.lasts(self).await? {
                        all = false;
                        break;
                    }
                }
                if due > 0 {
                    counted(event, due);
                }
                if !all {
                    return Ok(false);
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(true);
            }
        }
    }

    /// A page of the tenant's events that are due; it may be empty although another follows.
    pub(super) async fn due_events(
        &self,
        tenant: &TenantId,
        settings: RegistrantSettings,
        after: Option<super::EventPlace>,
    ) -> Result<EventPage, Failure> {
        let mut page = self.store.events_of(tenant, after, EVENTS_OF_PAGE).await?;
        page.events.retain(|event| self.is_due(event, settings));
        Ok(page)
    }

    /// Whether the event has been over for longer than this policy keeps what is personal.
    pub(super) fn is_due(&self, event: &Event, settings: RegistrantSettings) -> bool {
        let days = settings.retention_days;
        days > 0 && event.over_at_ms() < self.at_ms().saturating_sub(days * DAY_MS)
    }
}
