//! Every subject of the mesh, built in this one file. A subject never carries personal data: roles, node names and tenants only.

use std::fmt;

use crate::ids::TenantId;

/// Where a message goes: dot-separated words without wildcards.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Subject(String);

/// What a subscription listens to: like a subject, with `*` for one word.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pattern(String);

const PRESENCE: &str = "turnout.v1.presence";

/// Ticks of one gateway.
pub fn ticks(gateway: &str) -> Subject {
    Subject(format!("{PRESENCE}.ticks.{}", word(gateway)))
}

/// Ticks of all gateways.
pub fn all_ticks() -> Pattern {
    Pattern(format!("{PRESENCE}.ticks.*"))
}

/// What replicas ask of gateways: each hears all and answers what is meant for it, because a gateway may change its name.
pub fn resync_requests() -> Subject {
    Subject(format!("{PRESENCE}.resync"))
}

/// Answers to one replica.
pub fn resync_answers(replica: &str) -> Subject {
    Subject(format!("{PRESENCE}.answers.{}", word(replica)))
}

/// Counts of one replica.
pub fn counts(replica: &str) -> Subject {
    Subject(format!("{PRESENCE}.counts.{}", word(replica)))
}

/// Counts of all replicas.
pub fn all_counts() -> Pattern {
    Pattern(format!("{PRESENCE}.counts.*"))
}

/// Everything that the durable bus keeps.
pub(super) const ALL_DURABLE: &str = "turnout.v1.events.>";
/// Everything that it gave up.
pub(super) const ALL_DEAD: &str = "turnout.v1.dead.>";

/// What deliveries it forgave.
pub(super) const ALL_FORGIVEN: &str = "turnout.v1.forgiven.>";

/// What a durable message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// A registration.
    Registration,
    /// An event.
    Event,
    /// A message to somebody.
    Message,
}

impl EventKind {
    fn word(self) -> &'static str {
        match self {
            Self::Registration => "registration",
            Self::Event => "event",
            Self::Message => "message",
        }
    }
}

/// What services tell each other of one tenant, durably. The payload is an encoded `turnout.events.v1.DomainEvent`.
pub fn events(tenant: &TenantId, kind: EventKind) -> Subject {
    Subject(format!("turnout.v1.events.{}.{tenant}", kind.word()))
}

/// What services tell each other of all tenants.
pub fn all_events(kind: EventKind) -> Pattern {
    Pattern(format!("turnout.v1.events.{}.*", kind.word()))
}

/// What a consumer of the durable bus gave up.
pub(super) fn dead(consumer: &str) -> Subject {
    Subject(format!("turnout.v1.dead.{}", word(consumer)))
}

/// How often a message was delivered to a consumer through no fault of its own.
pub(super) fn forgiven(consumer: &str, seq: u64) -> Subject {
    Subject(format!("turnout.v1.forgiven.{}.{seq}", word(consumer)))
}

/// Whether the durable bus keeps what goes there.
pub(crate) fn is_durable(subject: &Subject) -> bool {
    subject.0.strip_prefix(ALL_DURABLE.trim_end_matches('>')).is_some()
}

/// Node names are ids (checked in the configuration), so this only guards against a mistake of ours.
fn word(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' || c == '_' || c == '~' { c } else { '_' }).collect()
}

impl Subject {
    /// Reads a subject that arrived, such as a reply address.
    pub fn received(text: &str) -> Option<Self> {
        let fits = !text.is_empty()
            && text.split('.').all(|w| !w.is_empty() && w != "*" && w != ">")
            && !text.contains(|c: char| c.is_whitespace() || c.is_control());
        fits.then(|| Self(text.to_owned()))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Pattern {
    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a subject matches.
    pub fn matches(&self, subject: &Subject) -> bool {
        let (mut want, mut have) = (self.0.split('.'), subject.0.split('.'));
        loop {
            match (want.next(), have.next()) {
                (None, None) => return true,
                (Some(w), Some(h)) if w == "*" || w == h => {}
                _ => return false,
            }
        }
    }
}

impl From<Subject> for Pattern {
    fn from(subject: Subject) -> Self {
        Self(subject.0)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_one_word_and_no_more() {
        assert!(all_ticks().matches(&ticks("gw-1")));
        assert!(!all_ticks().matches(&counts("gw-1")));
        assert!(!all_ticks().matches(&Subject("turnout.v1.presence.ticks.a.b".into())));
    }

    #[test]
    fn a_name_cannot_widen_a_subject() {
        assert_eq!(ticks("a.b>*\r\n").as_str(), "turnout.v1.presence.ticks.a_b____");
        assert_eq!(Subject::received("a.>"), None);
        assert_eq!(Subject::received("a b"), None);
        assert_eq!(Subject::received(""), None);
    }

    #[test]
    fn events_are_durable_and_nothing_else_is() {
        assert!(is_durable(&events(&"acme".parse().unwrap(), EventKind::Event)));
        assert!(!is_durable(&ticks("gw-1")) && !is_durable(&dead("names")) && !is_durable(&forgiven("names", 7)));
    }
}
