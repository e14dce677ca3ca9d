//! Reminders as text messages. Each is a message of its own, with its own state and its own gates, made when the reminder by mail is
//! looked at: so also while the mail server is away and the mail waits.

use std::collections::HashSet;

use parking_lot::Mutex;
use turnout_platform::failure::Failure;

use super::Looker;
use crate::{
    compose::Truth,
    domain::{
        gates::Consent,
        message::{Channel, Kind, Message, MessageId},
        plan::Wanted,
    },
};

/// Reminders that are remembered; beyond it all are asked about once more, which makes no second text.
const REMEMBERED_MAX: usize = 100_000;

/// The reminders whose people were asked about while mail waits: what waits is looked at twice a second, and asking takes four calls.
#[derive(Default)]
pub(crate) struct AskedForTexts(Mutex<HashSet<MessageId>>);

impl AskedForTexts {
    fn has(&self, id: &MessageId) -> bool {
        self.0.lock().contains(id)
    }

    fn remember(&self, id: &MessageId) {
        let mut all = self.0.lock();
        if all.len() >= REMEMBERED_MAX {
            all.clear();
        }
        all.insert(id.clone());
    }
}

/// Whether a text may go out beside this message.
pub(super) fn may_have_a_text(message: &Message) -> bool {
    message.kind == Kind::Reminder && message.channel == Channel::Email && !message.on_purpose
}

impl Looker {
    /// While mail waits: the text beside a reminder does not wait with it.
    pub(super) async fn remind_by_text_meanwhile(&self, message: &Message) -> Result<(), Failure> {
        if !may_have_a_text(message) || self.asked_for_texts.has(&message.id) {
            return Ok(());
        }
        let (truth, _) = self.truth(message).await?;
        self.remind_by_text_too(message, &truth).await?;
        self.asked_for_texts.remember(&message.id);
        Ok(())
    }

    /// A reminder also goes out as a text message to those who asked for that.
    pub(super) async fn remind_by_text_too(&self, message: &Message, truth: &Truth) -> Result<(), Failure> {
        let (Some(event), Some(registration)) = (&truth.event, &truth.registration) else { return Ok(()) };
        if truth.texts.consent != Consent::Granted {
            return Ok(());
        }
        let wanted = Wanted {
            kind: message.kind,
            occurrence: message.occurrence.clone(),
            rank: message.rank,
            due_at_ms: message.due_at_ms,
            expires_at_ms: message.expires_at_ms,
            by_person: message.by_person,
        };
        let text = self.planner.wanted(&message.tenant, event, registration, &wanted, Channel::Sms)?;
        if self.store.message(&message.tenant, &text.id).await?.is_none() {
            self.store.create(&text, self.now_ms()).await?;
        }
        Ok(())
    }
}
