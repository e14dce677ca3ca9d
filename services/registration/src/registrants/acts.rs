//! What members of a team and keys do to events, forms and settings goes into the audit log: who, when, on what, and in which words of
//! ours. It is entered before it is done, so an act may be entered that then failed, and none is missing. Services of the mesh act for
//! nobody. What is done to registrations is entered beside the change, with the reason.

use turnout_platform::{auth::Principal, failure::Failure, ids::EventId, random};
use turnout_proto::profiles::v1::AuditEntry;

use super::Registrants;

/// What an act is on.
pub(crate) enum About<'a> {
    Tenant,
    Event(&'a EventId),
    Key(&'a str),
}

impl Registrants {
    /// Enters an act of the caller. The detail holds nothing personal: names of fields, ids, numbers.
    pub async fn enter_act(
        &self,
        caller: &Principal,
        action: &'static str,
        about: About<'_>,
        detail: String,
    ) -> Result<(), Failure> {
        self.enter_told(caller, action, about, AuditEntry { detail, ..AuditEntry::default() }).await
    }

    /// Enters an act of the caller with the reason that they gave.
    pub async fn enter_act_with_reason(
        &self,
        caller: &Principal,
        action: &'static str,
        about: About<'_>,
        reason: String,
    ) -> Result<(), Failure> {
        self.enter_told(caller, action, about, AuditEntry { reason, ..AuditEntry::default() }).await
    }

    async fn enter_told(
        &self,
        caller: &Principal,
        action: &'static str,
        about: About<'_>,
        told: AuditEntry,
    ) -> Result<(), Failure> {
        if !caller.acts_for_another() {
            return Ok(());
        }
        let tenant = caller.tenant()?;
        let (subject, event_id) = match about {
            About::Tenant => (format!("tenant:{tenant}"), String::new()),
            About::Event(event) => (format!("event:{event}"), event.to_string()),
            About::Key(key) => (format!("key:{key}"), String::new()),
        };
        let entry = AuditEntry {
            actor: caller.actor(),
            action: action.to_owned(),
            subject,
            event_id,
            entry_id: random::sortable_id(),
            ..told
        };
        self.audit_once(tenant, entry).await
    }
}
