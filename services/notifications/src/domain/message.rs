//! One message to one person, as the ledger keeps it. Its id is derived from what it is about, so that planning it twice is
//! planning it once. Addresses, names and texts are not in it: they are asked for when it is sent, or sealed.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use turnout_platform::ids::{EventId, TenantId};
pub use turnout_proto::notifications::v1::{MessageChannel as Channel, MessageKind as Kind, MessageState as State};

/// Bytes of the hash that make an id.
const ID_BYTES: usize = 16;
/// The figures of an event are spread over so many partitions. Stored rows depend on it: it must never change.
pub(crate) const BUCKETS: i64 = 16;
/// What the occurrence of a message that somebody of the team sends again begins with; each has one of its own.
pub(crate) const AGAIN: &str = "again-";

/// A message's id: 32 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct MessageId(Box<str>);

impl MessageId {
    /// Of what these words say, the tenant first. The same words are the same message.
    pub fn of(tenant: &TenantId, words: &[&str]) -> Self {
        let mut text = tenant.to_string();
        for word in words {
            text.push('\0');
            text.push_str(word);
        }
        let hash = digest(&SHA256, text.as_bytes());
        Self(hash.as_ref()[..ID_BYTES].iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// As it was given to a caller or a store; none for what cannot be an id.
    pub fn read(text: &str) -> Option<Self> {
        let fits = text.len() == ID_BYTES * 2 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        fits.then(|| Self(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Which part of its event's figures it is counted in.
    pub fn bucket(&self) -> i64 {
        i64::from_str_radix(&self.0[..2], 16).unwrap_or_default() % BUCKETS
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! reasons {
    ($($name:ident $word:literal),* $(,)?) => {
        /// Why a message is where it is: a closed list, fit for labels of metrics.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub(crate) enum Reason { $($name),* }

        impl Reason {
            pub fn word(self) -> &'static str {
                match self { $(Self::$name => $word),* }
            }

            pub fn read(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$name),)* _ => None }
            }
        }
    };
}

reasons! {
    KindOff "kind_off",
    Cancelled "cancelled",
    Waiting "waiting",
    AlreadyEntered "already_entered",
    Declined "declined",
    RegisteredTooLate "registered_too_late",
    Moved "moved",
    Removed "rule_removed",
    Outdated "outdated",
    NoConsent "no_consent",
    Unsubscribed "unsubscribed",
    Suppressed "suppressed",
    QuietHours "quiet_hours",
    QuietHoursPastExpiry "quiet_hours_past_expiry",
    Cap "cap",
    Expired "expired",
    Joined "joined",
    NoAddress "no_address",
    NoGateway "no_gateway",
    Template "template",
    ServiceRefused "service_refused",
    Refused "smtp_5xx",
    RefusedForNow "smtp_4xx",
    NotSafe "smtp_tls",
    NotReached "not_reached",
    NoAnswer "no_answer",
    GatewayRefused "gateway_refused",
    GatewayRefusedForNow "gateway_busy",
    HardBounce "hard_bounce",
    SoftBounce "soft_bounce",
    WebhookOff "webhook_off",
    WebhookFailing "webhook_failing",
    WebhookPrivate "webhook_private",
    WebhookRedirects "webhook_3xx",
    WebhookRefuses "webhook_4xx",
    WebhookFails "webhook_5xx",
    WebhookGone "webhook_gone",
}

/// A message.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Message {
    pub tenant: TenantId,
    pub id: MessageId,
    pub kind: Kind,
    /// Which of several: `T-24h`, `v3`, `event`, or [`AGAIN`] and an id.
    pub occurrence: String,
    /// Orders messages of one kind to one registration: the later makes an earlier one that is not sent yet pointless. A
    /// reminder's is minus its lead in seconds, a notice's the version of which it tells.
    pub rank: i64,
    pub channel: Channel,
    pub event: Option<EventId>,
    /// Empty for none.
    pub registration: String,
    /// Empty for a nickname and for a member of the team.
    pub person: String,
    pub state: State,
    pub reason: Option<Reason>,
    pub due_at_ms: i64,
    pub expires_at_ms: i64,
    pub planned_at_ms: i64,
    pub state_at_ms: i64,
    pub attempts: i64,
    /// While it is being handed over: whoever does it has until then, afterwards its outcome is unknown.
    pub lease_until_ms: i64,
    pub maybe_twice: bool,
    /// Somebody of the team sends it again.
    pub on_purpose: bool,
    /// It answers what the person just did with a call of their own.
    pub by_person: bool,
    /// A security message's address and link, or what a notice says, sealed; emptied at the end.
    pub sealed: Vec<u8>,
    /// The keyed hash of the address that it was handed over for: a report that it bounced suppresses this.
    pub address_key: Vec<u8>,
    /// The message in whose mail it goes out, or went out last; none for its own.
    pub carrier: Option<MessageId>,
    /// Those that go out, or went out last, in its mail.
    pub riders: Vec<MessageId>,
    pub version: i64,
}

impl Message {
    /// One that is due at once, as it begins; `words` say what it is about.
    pub fn new(tenant: &TenantId, words: &[&str], kind: Kind, channel: Channel, now_ms: i64) -> Self {
        Self {
            tenant: tenant.clone(),
            id: MessageId::of(tenant, words),
            kind,
            occurrence: String::new(),
            rank: 0,
            channel,
            event: None,
            registration: String::new(),
            person: String::new(),
            state: State::Queued,
            reason: None,
            due_at_ms: now_ms,
            expires_at_ms: now_ms,
            planned_at_ms: now_ms,
            state_at_ms: now_ms,
            attempts: 0,
            lease_until_ms: 0,
            maybe_twice: false,
            on_purpose: false,
            by_person: false,
            sealed: Vec::new(),
            address_key: Vec::new(),
            carrier: None,
            riders: Vec::new(),
            version: 1,
        }
    }

    /// When somebody must look at it again; none once nothing will happen by itself.
    pub fn look_at_ms(&self) -> Option<i64> {
        match self.state {
            State::Planned | State::Queued => Some(self.due_at_ms),
            State::Sending => Some(self.lease_until_ms),
            _ => None,
        }
    }

    pub fn is_open(&self) -> bool {
        self.look_at_ms().is_some()
    }

    /// Links to sign in and the like: no choice of the person or the team holds them up.
    pub fn is_security(&self) -> bool {
        is_security(self.kind)
    }

    /// To a system of the organiser, not to a person.
    pub fn is_notice(&self) -> bool {
        self.channel == Channel::Webhook
    }
}

pub(crate) fn is_security(kind: Kind) -> bool {
    matches!(kind, Kind::SignInLink | Kind::Verification | Kind::Reset | Kind::Invitation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_words_are_the_same_message_and_other_words_another() {
        let tenant: TenantId = "acme".parse().unwrap();
        let id = MessageId::of(&tenant, &["a", "b"]);
        assert_eq!(id, MessageId::of(&tenant, &["a", "b"]));
        assert_ne!(id, MessageId::of(&tenant, &["ab"]));
        assert_ne!(id, MessageId::of(&"other".parse().unwrap(), &["a", "b"]));
        assert_eq!(MessageId::read(id.as_str()), Some(id));
        assert_eq!(MessageId::read("../etc"), None);
    }

    #[test]
    fn a_reason_reads_back() {
        assert_eq!(Reason::read(Reason::RegisteredTooLate.word()), Some(Reason::RegisteredTooLate));
        assert_eq!(Reason::read("because"), None);
    }
}
