//! The states of registrations and messages in words. Every word has a tone for its colour; no colour stands alone.

use turnout_platform::money;
use turnout_proto::{
    common::v1::Money,
    notifications::v1::{Message, MessageChannel, MessageKind, MessageState},
    profiles::v1::{Assurance, ConsentAction},
    registration::v1::{AttendanceMode, CheckInOutcome, PaymentState, RegistrationState, RsvpState},
};

use super::super::text::console as words;

/// How a word is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Nothing to say about it.
    Plain,
    /// As it should be.
    Good,
    /// Somebody may want to look.
    Warn,
    /// Something failed.
    Bad,
    /// Not of interest.
    Quiet,
}

impl Tone {
    /// The word for styles.
    pub fn class(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Good => "good",
            Self::Warn => "warn",
            Self::Bad => "bad",
            Self::Quiet => "quiet",
        }
    }
}

/// A word and how it is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word {
    /// The word.
    pub text: &'static str,
    /// How it is meant.
    pub tone: Tone,
}

const fn word(text: &'static str, tone: Tone) -> Word {
    Word { text, tone }
}

/// Where a registration stands.
pub fn standing(state: RegistrationState) -> Word {
    match state {
        RegistrationState::Registered => word(words::STATE_REGISTERED, Tone::Plain),
        RegistrationState::Waiting => word(words::STATE_WAITING, Tone::Warn),
        RegistrationState::Cancelled => word(words::STATE_CANCELLED, Tone::Quiet),
        RegistrationState::Unspecified => word(words::NOTHING, Tone::Quiet),
    }
}

/// The same where somebody stands and waits to be let in.
pub fn at_the_door(state: RegistrationState) -> Word {
    match state {
        RegistrationState::Registered => word(words::DOOR_EXPECTED, Tone::Good),
        RegistrationState::Waiting => word(words::DOOR_WAITING, Tone::Bad),
        RegistrationState::Cancelled => word(words::DOOR_CANCELLED, Tone::Bad),
        RegistrationState::Unspecified => word(words::NOTHING, Tone::Quiet),
    }
}

/// Whether the person said that they come.
pub fn rsvp(state: RsvpState) -> Word {
    match state {
        RsvpState::Invited => word(words::RSVP_INVITED, Tone::Warn),
        RsvpState::Confirmed => word(words::RSVP_CONFIRMED, Tone::Good),
        RsvpState::Declined => word(words::RSVP_DECLINED, Tone::Quiet),
        RsvpState::Unspecified => word(words::NOTHING, Tone::Quiet),
    }
}

/// Where somebody takes part.
pub fn mode(mode: AttendanceMode) -> Word {
    match mode {
        AttendanceMode::OnSite => word(words::MODE_ON_SITE, Tone::Plain),
        AttendanceMode::Hybrid => word(words::MODE_BOTH, Tone::Plain),
        AttendanceMode::Online | AttendanceMode::Unspecified => word(words::MODE_ONLINE, Tone::Plain),
    }
}

/// Whether somebody paid.
pub fn payment(state: PaymentState) -> Word {
    match state {
        PaymentState::NotApplicable | PaymentState::Unspecified => word(words::PAYMENT_NONE, Tone::Quiet),
        PaymentState::Unpaid => word(words::PAYMENT_UNPAID, Tone::Warn),
        PaymentState::Paid => word(words::PAYMENT_PAID, Tone::Good),
        PaymentState::Refunded => word(words::PAYMENT_REFUNDED, Tone::Quiet),
    }
}

/// How sure an address is.
pub fn assurance(assurance: Assurance) -> Word {
    match assurance {
        Assurance::Verified => word(words::ASSURANCE_VERIFIED, Tone::Good),
        Assurance::ByHand => word(words::ASSURANCE_BY_HAND, Tone::Plain),
        Assurance::Claimed | Assurance::Unspecified => word(words::ASSURANCE_CLAIMED, Tone::Warn),
    }
}

/// Given or taken back.
pub fn consent(action: ConsentAction) -> Word {
    match action {
        ConsentAction::Granted => word(words::CONSENT_GRANTED, Tone::Good),
        ConsentAction::Withdrawn | ConsentAction::Unspecified => word(words::CONSENT_WITHDRAWN, Tone::Quiet),
    }
}

/// What a message is.
pub fn message_kind(kind: MessageKind) -> &'static str {
    match kind {
        MessageKind::Confirmation => words::KIND_CONFIRMATION,
        MessageKind::Reminder => words::KIND_REMINDER,
        MessageKind::Change => words::KIND_CHANGE,
        MessageKind::Cancellation => words::KIND_CANCELLATION,
        MessageKind::SignInLink => words::KIND_SIGN_IN_LINK,
        MessageKind::Verification => words::KIND_VERIFICATION,
        MessageKind::Reset => words::KIND_RESET,
        MessageKind::Invitation => words::KIND_INVITATION,
        MessageKind::Notice => words::KIND_NOTICE,
        MessageKind::Unspecified => words::KIND_OTHER,
    }
}

/// Where a message is.
pub fn message_state(state: MessageState) -> Word {
    match state {
        MessageState::Planned => word(words::MESSAGE_PLANNED, Tone::Quiet),
        MessageState::Queued => word(words::MESSAGE_QUEUED, Tone::Plain),
        MessageState::Sending => word(words::MESSAGE_SENDING, Tone::Plain),
        MessageState::HandedOff => word(words::MESSAGE_HANDED_OFF, Tone::Good),
        MessageState::Delivered => word(words::MESSAGE_DELIVERED, Tone::Good),
        MessageState::Bounced => word(words::MESSAGE_BOUNCED, Tone::Bad),
        MessageState::Complained => word(words::MESSAGE_COMPLAINED, Tone::Bad),
        MessageState::Failed => word(words::MESSAGE_FAILED, Tone::Bad),
        MessageState::Skipped => word(words::MESSAGE_SKIPPED, Tone::Quiet),
        MessageState::Unknown => word(words::MESSAGE_UNKNOWN, Tone::Warn),
        MessageState::Unspecified => word(words::NOTHING, Tone::Quiet),
    }
}

/// Over what a message goes.
pub fn channel(channel: MessageChannel) -> &'static str {
    match channel {
        MessageChannel::Sms => words::CHANNEL_SMS,
        MessageChannel::Webhook => words::CHANNEL_WEBHOOK,
        MessageChannel::Email | MessageChannel::Unspecified => words::CHANNEL_EMAIL,
    }
}

/// Why a message is where it is; a word that is new to us is shown as it is.
pub fn message_reason(reason: &str) -> &str {
    words::REASONS.iter().find(|(key, _)| *key == reason).map_or(reason, |(_, sentence)| sentence)
}

/// What the label of a message begins with that was sent again on request; the rest is its own.
pub const AGAIN: &str = "again-";

/// Whether a message was sent again on request.
pub fn is_again(label: &str) -> bool {
    label.starts_with(AGAIN)
}

/// Which of several messages of a kind: `T-24h` in words, and whether it was sent again on request. Versions tell people nothing.
pub fn occurrence(label: &str) -> String {
    if is_again(label) {
        return words::OCCURRENCE_AGAIN.to_owned();
    }
    if label == "event"
        || label.strip_prefix('v').is_some_and(|version| version.bytes().all(|byte| byte.is_ascii_digit()))
    {
        return String::new();
    }
    let Some(before) = label.strip_prefix("T-") else { return label.to_owned() };
    let digits = before.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &before[digits.len()..] {
        "d" => words::BEFORE_DAYS,
        "h" => words::BEFORE_HOURS,
        "m" => words::BEFORE_MINUTES,
        "s" => words::BEFORE_SECONDS,
        _ => return label.to_owned(),
    };
    unit.replace("{n}", digits)
}

/// What the door shows.
pub fn check_in(outcome: CheckInOutcome) -> Word {
    match outcome {
        CheckInOutcome::Admitted => word(words::DOOR_ADMITTED, Tone::Good),
        CheckInOutcome::AlreadyIn => word(words::DOOR_ALREADY_IN, Tone::Warn),
        CheckInOutcome::Unpaid => word(words::DOOR_UNPAID, Tone::Warn),
        CheckInOutcome::Unconfirmed => word(words::DOOR_UNCONFIRMED, Tone::Warn),
        CheckInOutcome::Waiting => word(words::DOOR_WAITING, Tone::Bad),
        CheckInOutcome::Cancelled => word(words::DOOR_CANCELLED, Tone::Bad),
        CheckInOutcome::Unknown | CheckInOutcome::Unspecified => word(words::DOOR_UNKNOWN, Tone::Bad),
    }
}

/// What the door says of somebody with this answer to the invitation: whoever is let in without having confirmed is flagged.
pub fn at_the_door_with(outcome: CheckInOutcome, rsvp: RsvpState) -> Word {
    flag(rsvp).filter(|_| outcome == CheckInOutcome::Admitted).unwrap_or_else(|| check_in(outcome))
}

/// In the place of the welcome for who has not confirmed.
pub fn flag(rsvp: RsvpState) -> Option<Word> {
    match rsvp {
        RsvpState::Invited => Some(word(words::DOOR_FLAG_INVITED, Tone::Warn)),
        RsvpState::Declined => Some(word(words::DOOR_FLAG_DECLINED, Tone::Warn)),
        RsvpState::Confirmed | RsvpState::Unspecified => None,
    }
}

/// An amount for an input, as in `1234.50`.
pub fn amount(amount: &Money) -> String {
    money::plain(amount.amount_minor, &amount.currency)
}

/// An amount, as in `12.50 EUR`: the order in which the pages of the audience have it.
pub fn money(amount: &Money) -> String {
    money::in_words(amount.amount_minor, &amount.currency)
}

/// A message as a cell of a table shows it: its state, with the reason and whether it may have come twice.
pub fn message_words(message: &Message) -> (Word, String) {
    let mut note = message_reason(&message.reason).to_owned();
    if message.maybe_twice {
        if !note.is_empty() {
            note.push_str("; ");
        }
        note.push_str(words::MAYBE_TWICE);
    }
    (message_state(message.state()), note)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_reminders_are_words() {
        assert_eq!(occurrence("T-24h"), "24 h before");
        assert_eq!(occurrence("T-2d"), "2 days before");
        assert_eq!(occurrence("T-90m"), "90 min before");
        assert_eq!(occurrence("17"), "17");
        assert_eq!(occurrence("v3"), "");
        assert_eq!(occurrence("again-01a2"), "sent again");
        assert_eq!(occurrence("T-"), "T-");
    }

    #[test]
    fn a_reason_that_is_new_to_the_console_is_shown_as_it_is() {
        assert_eq!(message_reason("no_consent"), "the person has not consented");
        assert_eq!(message_reason("something_new"), "something_new");
    }
}
