//! Looks that end because another service refuses for good to say what they need. They are repeated for an hour, as somebody may put it
//! right, and then given up: counted, logged by id, and for a message with the reason in the ledger. Work over all registrants of an
//! event is bounded in the same way by itself.

use turnout_platform::{failure::Failure, ids::TenantId};

use super::{Looked, Looker};
use crate::{
    domain::{
        life::{self, Input, REFUSED_MAX_MS},
        message::{MessageId, State},
    },
    store::{DueRow, Saved, Target},
    upstream::Refusal,
};

impl Looker {
    /// What a look came to that was refused an answer.
    pub(super) async fn was_refused(&self, row: &mut DueRow, refusal: Refusal) -> Result<Looked, Failure> {
        match &row.target {
            Target::Message(id) | Target::Notice(id) => self.message_was_refused(&row.tenant, id, refusal).await,
            Target::Plan { .. } | Target::FanOut { .. } => self.plan_was_refused(row, refusal).await,
        }
    }

    /// Since when, stands in the ledger.
    async fn message_was_refused(
        &self,
        tenant: &TenantId,
        id: &MessageId,
        refusal: Refusal,
    ) -> Result<Looked, Failure> {
        let Some(message) = self.store.message(tenant, id).await? else { return Ok(Looked::Keep) };
        let now_ms = self.now_ms();
        let Some(next) = life::next(&message, Input::ServiceRefuses, now_ms) else { return Ok(Looked::Keep) };
        let is_given_up = next.state == State::Skipped;
        if is_given_up {
            self.give_up_turn(&message).await?;
        }
        if self.store.save(&next, now_ms).await? == Saved::Changed {
            return Ok(Looked::Keep);
        }
        if is_given_up {
            self.metrics.given_up("messages");
            tracing::error!(message = %id, %refusal, "a message is given up: what it needs was refused for too long");
        } else {
            tracing::warn!(message = %id, %refusal, "what a message needs is refused; it is asked for again");
        }
        Ok(Looked::Settled)
    }

    /// Since when, stands in the row. One that came directly has a row that brings it again.
    async fn plan_was_refused(&self, row: &mut DueRow, refusal: Refusal) -> Result<Looked, Failure> {
        let now_ms = self.now_ms();
        match row.refused_at_ms {
            Some(since_ms) if now_ms - since_ms >= REFUSED_MAX_MS => {
                self.metrics.given_up("plans");
                tracing::error!(plan = ?row.target, %refusal, "a plan is given up: what it needs was refused for too long");
                Ok(Looked::Settled)
            }
            Some(_) => Ok(Looked::Keep),
            None => {
                tracing::warn!(plan = ?row.target, %refusal, "what a plan needs is refused; it is asked for again");
                self.store.note_refused(row, now_ms).await?;
                // Whoever puts the row off now takes this along.
                row.refused_at_ms = Some(now_ms);
                Ok(Looked::Keep)
            }
        }
    }
}
