//! What to tell when a conditional write was refused. At a store of several nodes a write that ended with an error may take effect
//! later, when the next one comes: that one is refused by it. Its own announcement was swept long ago, when there was nothing to see
//! yet. So who is refused tells of what they find. Mostly it is somebody else's change, which is then told twice: readers know by version
//! and change that it is the same.

use turnout_platform::{failure::Failure, ids::TenantId, outbox::Announcement};

use super::Registrants;
use crate::domain::registration::{Change, Registration};

impl Registrants {
    /// After `after` was refused in the place of `before`, or as the first. An announcement that is dropped on an error is told in vain,
    /// later, by the sweeper.
    pub(super) async fn refused(
        &self,
        tenant: &TenantId,
        before: Option<&Registration>,
        after: &Registration,
        changes: &[Change],
        announcement: Announcement,
        by_person: bool,
    ) -> Result<(), Failure> {
        let found = self.store.registration(&after.event, &after.id).await?.map(|sealed| sealed.registration);
        let changed = found.as_ref().map(|found| found.changes_since(before)).unwrap_or_default();
        match found {
            // An own try of before, or the same by somebody else.
            Some(found) if found.person == after.person && changed == changes => announcement.done(),
            Some(found) if !changed.is_empty() => {
                self.outbox
                    .announce(self.told(tenant, &found, &changed, by_person && found.person == after.person))
                    .await?
                    .done();
                announcement.withdrawn().await;
            }
            _ => announcement.withdrawn().await,
        }
        Ok(())
    }
}
