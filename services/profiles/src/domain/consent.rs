//! What follows from a person's ledger of consents. Statements are only ever added; the state is a fold over them in the order of
//! the ledger. What nobody stated is not consented to.
//!
//! Anybody can type an address into a form. So a grant of a form only asks: it counts from when whoever reads the mail of the address
//! has confirmed it, which is a statement of its own. To take something back needs no such proof.

use std::collections::{BTreeMap, BTreeSet};

/// As a channel of a withdrawal: all channels of the purpose.
pub(crate) const ALL_CHANNELS: &str = "*";
/// The channel of text messages, which belongs to a phone number.
pub(crate) const SMS: &str = "sms";
/// In the place of a number's hash: none was known, so the grant is for none.
pub(crate) const NO_NUMBER: &str = "-";

/// Given or taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Granted,
    Withdrawn,
}

impl Action {
    /// The word in tables.
    pub fn word(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// What is not plainly a grant is none.
    pub fn of_word(word: &str) -> Self {
        if word == Self::Granted.word() { Self::Granted } else { Self::Withdrawn }
    }
}

/// Where something was stated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    Form,
    /// The link in the mail that was sent after a form.
    Confirmed,
    Preferences,
    Unsubscribe,
    Admin,
    Cmp,
    Complaint,
    PhoneChange,
}

impl Source {
    const ALL: [Self; 8] = [
        Self::Form,
        Self::Confirmed,
        Self::Preferences,
        Self::Unsubscribe,
        Self::Admin,
        Self::Cmp,
        Self::Complaint,
        Self::PhoneChange,
    ];

    /// The word in tables and on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Form => "form",
            Self::Confirmed => "confirmed",
            Self::Preferences => "preferences",
            Self::Unsubscribe => "unsubscribe",
            Self::Admin => "admin",
            Self::Cmp => "cmp",
            Self::Complaint => "complaint",
            Self::PhoneChange => "phone-change",
        }
    }

    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.word() == word)
    }

    /// Whether only we state this: nobody can send it.
    pub fn is_ours(self) -> bool {
        matches!(self, Self::Confirmed | Self::PhoneChange)
    }
}

/// One statement of a ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Statement {
    pub purpose: String,
    /// [`ALL_CHANNELS`] for withdrawals only.
    pub channel: String,
    pub action: Action,
    /// What was agreed to, word for word. No personal data: everybody is shown the same.
    pub text: String,
    pub language: String,
    pub text_version: i64,
    pub source: Source,
    /// Of a grant of texts: for which number, as a keyed hash; [`NO_NUMBER`] when none was known. Empty otherwise, and in what was stored
    /// before there was one.
    pub number_hash: String,
    /// The request that stated it, by its idempotency key.
    pub request: String,
    /// Milliseconds since 1970.
    pub at_ms: i64,
}

impl Statement {
    /// Whether it is a grant that only asks, until its reader confirms it.
    pub fn asks(&self) -> bool {
        self.action == Action::Granted && self.source == Source::Form
    }

    /// Whether it is a grant that has yet to say for which number it is.
    pub fn lacks_number(&self) -> bool {
        self.action == Action::Granted && self.channel == SMS && self.number_hash.is_empty()
    }

    /// Whether a grant of texts is for the number of the profile, of which this is the hash. What was granted before there were hashes is.
    pub fn is_for_number(&self, hash: &str) -> bool {
        self.number_hash.is_empty() || self.number_hash == hash
    }

    fn takes_back(&self, granted: &Self) -> bool {
        let channel = self.channel == granted.channel || self.channel == ALL_CHANNELS;
        self.action == Action::Withdrawn && self.purpose == granted.purpose && channel
    }
}

/// Whether these withdrawals only say again what the ledger says last of their purposes, as when a link in a mail is pressed twice.
pub(crate) fn only_repeat(ledger: &[Statement], statements: &[Statement]) -> bool {
    let is_said = |statement: &Statement| {
        let last = ledger.iter().rev().find(|earlier| earlier.purpose == statement.purpose);
        statement.action == Action::Withdrawn
            && last.is_some_and(|last| {
                last.action == Action::Withdrawn && last.channel == statement.channel && last.source == statement.source
            })
    };
    !statements.is_empty() && statements.iter().all(is_said)
}

/// What a request asked for and nobody has taken back since: the grants that its confirmation states.
pub(crate) fn asked_by(ledger: &[Statement], request: &str) -> Vec<Statement> {
    let asked = standing_asks(ledger).filter(|asked| asked.request == request);
    asked.map(|asked| Statement { source: Source::Confirmed, ..asked.clone() }).collect()
}

/// What any form asked for and nobody has taken back since.
fn standing_asks(ledger: &[Statement]) -> impl Iterator<Item = &Statement> {
    let asked = ledger.iter().enumerate().filter(|(_, statement)| statement.asks());
    let stands = asked.filter(|(at, asked)| !ledger[at + 1..].iter().any(|later| later.takes_back(asked)));
    stands.map(|(_, asked)| asked)
}

/// The number for which texts about this were last granted, or asked for; none when there is none.
pub(crate) fn last_number_hash<'a>(ledger: &'a [Statement], purpose: &str) -> Option<&'a str> {
    let granted =
        ledger.iter().rev().filter(|s| s.purpose == purpose && s.channel == SMS && s.action == Action::Granted);
    granted.map(|s| s.number_hash.as_str()).find(|hash| !hash.is_empty() && *hash != NO_NUMBER)
}

/// What these grants say, each wording once: one may be for several channels.
pub(crate) fn texts_of(granted: &[Statement]) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    for statement in granted {
        if !texts.contains(&statement.text) {
            texts.push(statement.text.clone());
        }
    }
    texts
}

/// The latest statement that counts for each purpose and channel, sorted by both. A withdrawal of all channels stands for each channel that was
/// stated before, and for itself until something of the purpose is granted again.
pub(crate) fn current(ledger: impl IntoIterator<Item = Statement>) -> Vec<Statement> {
    let mut latest: BTreeMap<(String, String), Statement> = BTreeMap::new();
    for statement in ledger.into_iter().filter(|statement| !statement.asks()) {
        let all = (statement.purpose.clone(), ALL_CHANNELS.to_owned());
        if statement.channel == ALL_CHANNELS {
            for ((_, channel), known) in latest.iter_mut().filter(|((purpose, _), _)| *purpose == statement.purpose) {
                *known = Statement { channel: channel.clone(), ..statement.clone() };
            }
        } else if statement.action == Action::Granted {
            latest.remove(&all);
        }
        latest.insert((statement.purpose.clone(), statement.channel.clone()), statement);
    }
    latest.into_values().collect()
}

/// What lets the person be approached for this purpose over this channel, given what [`current`] says; none when nothing does.
pub(crate) fn grant<'a>(current: &'a [Statement], purpose: &str, channel: &str) -> Option<&'a Statement> {
    current.iter().find(|s| s.purpose == purpose && s.channel == channel && s.action == Action::Granted)
}

/// Whether anything does.
pub(crate) fn allows(current: &[Statement], purpose: &str, channel: &str) -> bool {
    grant(current, purpose, channel).is_some()
}

/// The purposes for which this channel is consented to now, or will be once somebody confirms what a form asked for.
pub(crate) fn purposes_of(ledger: &[Statement], channel: &str) -> Vec<String> {
    let current = current(ledger.iter().cloned());
    let granted = current.iter().filter(|statement| statement.action == Action::Granted);
    let of_channel = granted.chain(standing_asks(ledger)).filter(|statement| statement.channel == channel);
    of_channel.map(|statement| statement.purpose.clone()).collect::<BTreeSet<_>>().into_iter().collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PURPOSES: [&str; 3] = ["marketing", "partners", "service-sms"];
    const CHANNELS: [&str; 3] = ["email", "sms", "social"];

    fn statement(purpose: &str, channel: &str, action: Action) -> Statement {
        Statement {
            purpose: purpose.into(),
            channel: channel.into(),
            action,
            text: String::new(),
            language: "en".into(),
            text_version: 1,
            source: Source::Preferences,
            number_hash: String::new(),
            request: "1".into(),
            at_ms: 0,
        }
    }

    fn of_form(purpose: &str, channel: &str) -> Statement {
        Statement { source: Source::Form, ..statement(purpose, channel, Action::Granted) }
    }

    fn any_statement() -> impl Strategy<Value = Statement> {
        let purpose = proptest::sample::select(&PURPOSES[..]);
        let channel = proptest::sample::select(vec!["email", "sms", "social", ALL_CHANNELS]);
        (purpose, channel, 0..3_u8).prop_map(|(purpose, channel, what)| match what {
            0 if channel != ALL_CHANNELS => statement(purpose, channel, Action::Granted),
            1 if channel != ALL_CHANNELS => of_form(purpose, channel),
            _ => statement(purpose, channel, Action::Withdrawn),
        })
    }

    fn ledger() -> impl Strategy<Value = Vec<Statement>> {
        proptest::collection::vec(any_statement(), 0..30)
    }

    /// The rule said in another way: the last statement that speaks of the channel and was not a mere form decides; without one it is no.
    fn last_word(ledger: &[Statement], purpose: &str, channel: &str) -> bool {
        let speaks = |s: &&Statement| {
            let of_form = s.source == Source::Form && s.action == Action::Granted;
            s.purpose == purpose && (s.channel == channel || s.channel == ALL_CHANNELS) && !of_form
        };
        ledger.iter().rev().find(speaks).is_some_and(|s| s.action == Action::Granted)
    }

    proptest! {
        #[test]
        fn item_45_the_last_word_in_the_ledger_decides_and_silence_is_no_consent(ledger in ledger()) {
            let current = current(ledger.clone());
            for purpose in PURPOSES {
                for channel in CHANNELS {
                    prop_assert_eq!(allows(&current, purpose, channel), last_word(&ledger, purpose, channel));
                }
            }
        }

        #[test]
        fn item_46_a_statement_about_one_purpose_changes_no_other(ledger in ledger(), last in any_statement()) {
            let before = current(ledger.clone());
            let after = current(ledger.into_iter().chain([last.clone()]));
            for purpose in PURPOSES.into_iter().filter(|purpose| *purpose != last.purpose) {
                for channel in CHANNELS {
                    prop_assert_eq!(allows(&before, purpose, channel), allows(&after, purpose, channel));
                }
            }
        }

        #[test]
        fn a_withdrawal_of_all_channels_leaves_none_and_each_can_be_granted_again(ledger in ledger()) {
            let all = statement("marketing", ALL_CHANNELS, Action::Withdrawn);
            let withdrawn = current(ledger.into_iter().chain([all]));
            prop_assert!(CHANNELS.iter().all(|channel| !allows(&withdrawn, "marketing", channel)));
            let again = statement("marketing", "email", Action::Granted);
            let granted = current(withdrawn.into_iter().chain([again]));
            prop_assert!(purposes_of(&granted, "email").contains(&"marketing".to_owned()));
            prop_assert!(!allows(&granted, "marketing", "sms"));
            prop_assert!(granted.iter().all(|s| s.purpose != "marketing" || s.channel != ALL_CHANNELS));
        }

        #[test]
        fn folding_what_is_current_changes_nothing(ledger in ledger()) {
            let once = current(ledger);
            for purpose in PURPOSES {
                for channel in CHANNELS {
                    let twice = current(once.clone());
                    prop_assert_eq!(allows(&once, purpose, channel), allows(&twice, purpose, channel));
                }
            }
        }
    }

    #[test]
    fn a_grant_of_a_form_counts_from_its_confirmation_unless_it_was_taken_back_before() {
        let other = Statement { request: "2".into(), ..of_form("partners", "email") };
        let mut ledger = vec![of_form("marketing", "email"), of_form("marketing", "sms"), other];
        assert!(current(ledger.clone()).is_empty());
        ledger.push(statement("marketing", "sms", Action::Withdrawn));
        let confirmed = asked_by(&ledger, "1");
        let told: Vec<_> = confirmed.iter().map(|s| (s.channel.as_str(), s.source)).collect();
        assert_eq!(told, [("email", Source::Confirmed)]);
        ledger.extend(confirmed);
        let now = current(ledger.clone());
        assert!(allows(&now, "marketing", "email") && !allows(&now, "marketing", "sms"));
        assert!(!allows(&now, "partners", "email"), "another request waits for its own");
        ledger.push(statement("marketing", ALL_CHANNELS, Action::Withdrawn));
        assert!(asked_by(&ledger, "1").is_empty(), "what is taken back is not confirmed by an old mail");
    }

    #[test]
    fn a_form_neither_weakens_what_is_confirmed_nor_undoes_a_withdrawal() {
        let granted = [statement("marketing", "email", Action::Granted), of_form("marketing", "email")];
        assert!(allows(&current(granted), "marketing", "email"));
        let withdrawn = [statement("marketing", "email", Action::Withdrawn), of_form("marketing", "email")];
        assert!(!allows(&current(withdrawn), "marketing", "email"));
    }

    #[test]
    fn item_47_an_empty_ledger_allows_nothing() {
        assert!(current([]).is_empty());
        assert!(!allows(&[], "marketing", "email"));
    }
}
