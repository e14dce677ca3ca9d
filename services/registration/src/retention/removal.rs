//! One removal, from its count to its end. Where it stands is stored as it goes, so that it can be seen from anywhere, and so that another
//! process goes on where one died: what is cleared is cleared, and what is left is counted again.
//!
//! A row that nobody can read, left by a newer version or broken, holds up no other. It stays, is counted and logged by its id, and its
//! part of the event is read again by the next removal, so that the version which can read it finds it.

use std::time::Duration;

use futures_util::TryStreamExt as _;
use turnout_platform::{failure::Failure, ids::TenantId, random};
use turnout_proto::registration::v1::{RemovalState, RetentionRemoval};

use super::{CLEARED_TOGETHER_MAX, SHARDS_TOGETHER, daily::Claimed, due::Patience};
use crate::{
    domain::event::Event,
    registrants::Registrants,
    roll::RegistrantSettings,
    rpc::wire,
    store::{
        registrations::{REGISTRATION_SHARDS, Sealed},
        removals::Removal,
    },
};

/// After so many it is stored how far it is, the claim renewed, and the policy read again.
const STEP: usize = 200;
/// Then others have the store for themselves.
const STEP_PAUSE: Duration = Duration::from_millis(100);
/// How often asking is tried again when a process stores how far it is at the same moment.
const ASK_TRIES_MAX: usize = 10;

/// A removal that this process works on.
struct Work<'a> {
    claimed: &'a mut Claimed,
    settings: RegistrantSettings,
    removal: Removal,
    /// Cleared since it was stored.
    unsaid: usize,
}

impl Registrants {
    /// Somebody wants what is due removed now. The removal that goes on, or a new one: some process works at it until its end.
    pub async fn ask_for_removal(
        &self,
        tenant: &TenantId,
        settings: RegistrantSettings,
        actor: String,
    ) -> Result<Removal, Failure> {
        for _ in 0..ASK_TRIES_MAX {
            let found = self.store.removal(tenant).await?;
            let version = found.as_ref().map_or(0, |found| found.version);
            let removal = if let Some(found) = found.filter(|found| found.goes_on(settings.retention_days)) {
                found
            } else {
                let mut new = self.new_removal(settings, actor.clone(), random::sortable_id(), version);
                if !self.store.replace_removal(tenant, &mut new).await? {
                    continue;
                }
                new
            };
            // Second: whoever finds the tenant due finds the removal too.
            self.hurry(tenant).await?;
            return Ok(removal);
        }
        Err(Failure::Changed { what: "removal" })
    }

    /// How far the tenant's removal is, or how the last one ended.
    pub async fn removal_shown(
        &self,
        tenant: &TenantId,
        settings: RegistrantSettings,
    ) -> Result<Option<RetentionRemoval>, Failure> {
        Ok(self.store.removal(tenant).await?.map(|removal| shown(&removal, settings)))
    }

    /// Goes on with the tenant's removal, or makes a new one in this name. Whether nothing is left; otherwise somebody else has the tenant,
    /// asked for another removal, or changed the policy.
    pub(super) async fn remove_due(
        &self,
        claimed: &mut Claimed,
        settings: RegistrantSettings,
        actor: &str,
        name: String,
    ) -> Result<bool, Failure> {
        let found = self.store.removal(claimed.tenant()).await?;
        let version = found.as_ref().map_or(0, |found| found.version);
        let removal = found.filter(|found| found.goes_on(settings.retention_days));
        let is_asked = removal.is_some();
        let removal = removal.unwrap_or_else(|| self.new_removal(settings, actor.to_owned(), name, version));
        let mut work = Work { claimed, settings, removal, unsaid: 0 };

        let (tenant, mut left) = (work.claimed.tenant().clone(), 0);
        let counted = self.count_due(&tenant, settings, Patience::Claim(work.claimed), |_, due| left += due).await?;
        if !counted {
            return Ok(false);
        }
        // Some may have been cleared, and not said, before a process died.
        let cleared = work.removal.due.map_or(0, |due| due - left);
        work.removal.removed = work.removal.removed.max(cleared);
        work.removal.due = Some(work.removal.removed + left);
        // A day on which nothing is due leaves what was said last.
        let is_said = is_asked || left > 0;
        if is_said && !self.store.replace_removal(&tenant, &mut work.removal).await? {
            return Ok(false);
        }
        // Counting took its time.
        if !self.is_still_wanted(&mut work).await? {
            return Ok(false);
        }
        let mut after = None;
        // One that went on after a process died meets the same rows again.
        work.removal.unreadable = 0;
        loop {
            let page = self.due_events(&tenant, settings, after).await?;
            for event in &page.unreadable {
                tracing::error!(%event, "an event cannot be read; what is personal in its registrations stays");
                self.has_not_read(&mut work, 1);
            }
            for event in &page.events {
                if !self.clear(event, &mut work).await? {
                    return Ok(false);
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        if !is_said && work.removal.removed == 0 {
            return Ok(true);
        }
        work.removal.ended_at_ms = Some(self.at_ms());
        self.store.replace_removal(&tenant, &mut work.removal).await
    }

    /// Clears an event, as long as it is due: its page was read a while ago, and it may have got another date or be live again. Whether to
    /// go on.
    async fn clear(&self, event: &Event, work: &mut Work<'_>) -> Result<bool, Failure> {
        let (mut is_entered, mut is_whole, mut progress) = (false, true, self.progress(event).await?);
        for part in (progress.shard()..REGISTRATION_SHARDS).step_by(SHARDS_TOGETHER) {
            let now = self.store.event(&event.id).await?;
            if !now.is_some_and(|now| self.is_due(&now, work.settings)) {
                return Ok(true);
            }
            let shards = part..REGISTRATION_SHARDS.min(part + SHARDS_TOGETHER as i64);
            let behind = shards.end;
            let mut pages = self.roll.reader().stored(&event.id, shards);
            while let Some(page) = pages.try_next().await? {
                for registration in &page.unreadable {
                    tracing::error!(event = %event.id, registration, "a registration cannot be read; it stays as it is");
                }
                is_whole &= page.unreadable.is_empty();
                self.has_not_read(work, page.unreadable.len());
                let due: Vec<_> =
                    page.rows.into_iter().filter(Sealed::is_personal).map(|sealed| sealed.registration).collect();
                if !due.is_empty() && !is_entered {
                    self.enter_clearing(event, &work.removal).await?;
                    is_entered = true;
                }
                for together in due.chunks(CLEARED_TOGETHER_MAX) {
                    self.clear_together(event, together).await?;
                    self.metrics.retention_cleared(together.len());
                    if !self.has_cleared(work, together.len()).await? {
                        return Ok(false);
                    }
                }
                if !self.keep_claim(work.claimed).await? {
                    return Ok(false);
                }
            }
            if is_whole {
                self.remember(event, &mut progress, behind).await?;
            }
        }
        Ok(true)
    }

    fn has_not_read(&self, work: &mut Work<'_>, rows: usize) {
        work.removal.unreadable += rows as i64;
        self.metrics.retention_unreadable(rows);
    }

    /// So many more are cleared. Whether to go on.
    async fn has_cleared(&self, work: &mut Work<'_>, registrations: usize) -> Result<bool, Failure> {
        work.removal.removed += registrations as i64;
        work.removal.due = work.removal.due.max(Some(work.removal.removed));
        work.unsaid += registrations;
        if work.unsaid < STEP {
            return Ok(true);
        }
        work.unsaid = 0;
        let goes_on = self.is_still_wanted(work).await?
            && self.store.replace_removal(work.claimed.tenant(), &mut work.removal).await?;
        tokio::time::sleep(STEP_PAUSE).await;
        Ok(goes_on)
    }

    /// Whether the policy is what it was, and the tenant this process'. The policy first: one that is stored later has been postponed
    /// before, and then the claim fails.
    async fn is_still_wanted(&self, work: &mut Work<'_>) -> Result<bool, Failure> {
        let settings = self.roll.settings_of(work.claimed.tenant()).await?;
        Ok(settings.retention_days == work.settings.retention_days && self.claim_again(work.claimed).await?)
    }

    fn new_removal(&self, settings: RegistrantSettings, actor: String, name: String, version: i64) -> Removal {
        Removal {
            name,
            actor,
            settings_version: settings.version,
            retention_days: settings.retention_days,
            began_at_ms: self.at_ms(),
            ended_at_ms: None,
            due: None,
            removed: 0,
            unreadable: 0,
            version,
        }
    }
}

/// As the owner sees it.
pub(crate) fn shown(removal: &Removal, settings: RegistrantSettings) -> RetentionRemoval {
    let state = match removal.ended_at_ms {
        Some(_) => RemovalState::Done,
        None if removal.goes_on(settings.retention_days) => RemovalState::UnderWay,
        None => RemovalState::Stopped,
    };
    RetentionRemoval {
        state: state.into(),
        due: removal.due,
        removed: removal.removed,
        began_at: Some(wire::timestamp(removal.began_at_ms)),
        ended_at: removal.ended_at_ms.map(wire::timestamp),
        settings_version: removal.settings_version,
        unreadable: removal.unreadable,
    }
}
