//! A person of a tenant's audience and how they change. Where they are stored, and under which key, is not known here.

use std::fmt;

use serde::{Deserialize, Serialize};
use turnout_platform::ids::PersonId;

/// How sure it is that the address is the person's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Assurance {
    /// Somebody typed it into a form.
    Claimed,
    /// A member of the team vouched for it. Weaker than proof by the person.
    ByHand,
    /// The person used a link or a code that was sent there.
    Verified,
}

impl Assurance {
    const ALL: [Self; 3] = [Self::Claimed, Self::ByHand, Self::Verified];

    /// The word in tables.
    pub fn word(self) -> &'static str {
        match self {
            Self::Claimed => "claimed",
            Self::ByHand => "by_hand",
            Self::Verified => "verified",
        }
    }

    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|assurance| assurance.word() == word)
    }
}

/// What is sealed under the person's key. Personal: its `Debug` hides it.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Details {
    /// In the canonical form.
    pub email: String,
    pub name: String,
    /// E.164.
    pub phone: String,
    /// BCP 47.
    pub language: String,
    /// An IANA name.
    pub zone: String,
}

impl fmt::Debug for Details {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Details(hidden)")
    }
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Person {
    pub id: PersonId,
    pub details: Details,
    pub assurance: Assurance,
    /// Milliseconds since 1970; none while the address is only claimed.
    pub verified_at_ms: Option<i64>,
    pub created_at_ms: i64,
    pub has_account: bool,
    pub version: i64,
}

/// What a caller wants to have changed: none leaves a field as it is.
#[derive(Clone, Default)]
pub(crate) struct Changes {
    pub name: Option<String>,
    pub phone: Option<String>,
    pub language: Option<String>,
    pub zone: Option<String>,
}

impl Person {
    pub fn new(id: PersonId, details: Details, at_ms: i64) -> Self {
        Self {
            id,
            details,
            assurance: Assurance::Claimed,
            verified_at_ms: None,
            created_at_ms: at_ms,
            has_account: false,
            version: 1,
        }
    }

    /// With what was given for fields that nothing was known of; none when that is nothing. What is known stays: whoever types
    /// somebody's address into a form does not change that person. Nor does it add to one whose address is sure: what a form claims
    /// would be taken for theirs.
    pub fn completed_with(&self, given: &Details) -> Option<Self> {
        if self.assurance > Assurance::Claimed {
            return None;
        }
        let known = |known: &str, given: &str| if known.is_empty() { given.to_owned() } else { known.to_owned() };
        let details = Details {
            email: self.details.email.clone(),
            name: known(&self.details.name, &given.name),
            phone: known(&self.details.phone, &given.phone),
            language: known(&self.details.language, &given.language),
            zone: known(&self.details.zone, &given.zone),
        };
        self.with(details)
    }

    /// After these changes; none when everything stays as it is.
    pub fn changed_by(&self, changes: &Changes) -> Option<Self> {
        let or = |wanted: &Option<String>, known: &str| wanted.clone().unwrap_or_else(|| known.to_owned());
        let details = Details {
            email: self.details.email.clone(),
            name: or(&changes.name, &self.details.name),
            phone: or(&changes.phone, &self.details.phone),
            language: or(&changes.language, &self.details.language),
            zone: or(&changes.zone, &self.details.zone),
        };
        self.with(details)
    }

    /// Whether the step to `after` takes this person's number away, so that consents for it no longer hold.
    pub fn loses_phone(&self, after: &Self) -> bool {
        !self.details.phone.is_empty() && self.details.phone != after.details.phone
    }

    /// With the address at least so sure; none when it is that already. Assurance never falls.
    pub fn assured(&self, assurance: Assurance, at_ms: i64) -> Option<Self> {
        (self.assurance < assurance).then(|| Self {
            assurance,
            verified_at_ms: Some(at_ms),
            version: self.version + 1,
            ..self.clone()
        })
    }

    /// With an account; none when there is one already.
    pub fn with_account(&self) -> Option<Self> {
        (!self.has_account).then(|| Self { has_account: true, version: self.version + 1, ..self.clone() })
    }

    fn with(&self, details: Details) -> Option<Self> {
        (details != self.details).then(|| Self { details, version: self.version + 1, ..self.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn anna() -> Person {
        let details = Details { email: "anna@example.org".into(), phone: "+358401234567".into(), ..Details::default() };
        Person::new("anna".parse().unwrap(), details, 1000)
    }

    #[test]
    fn what_is_known_of_a_person_is_not_overwritten_by_a_form() {
        let given = Details {
            email: "other@example.org".into(),
            name: "Anna".into(),
            phone: "+4915112345678".into(),
            ..Details::default()
        };
        let completed = anna().completed_with(&given).unwrap();
        let kept = (completed.details.email.as_str(), completed.details.phone.as_str());
        assert_eq!(kept, ("anna@example.org", "+358401234567"));
        assert_eq!((completed.details.name.as_str(), completed.version), ("Anna", 2));
        assert_eq!(completed.completed_with(&given), None);
    }

    #[test]
    fn a_form_adds_nothing_to_a_person_whose_address_is_sure() {
        let given = Details { name: "Somebody".into(), zone: "Europe/Helsinki".into(), ..Details::default() };
        assert!(anna().completed_with(&given).is_some());
        for assurance in [Assurance::ByHand, Assurance::Verified] {
            assert_eq!(anna().assured(assurance, 2000).unwrap().completed_with(&given), None);
        }
    }

    #[test]
    fn item_24_assurance_only_rises_and_a_vouched_address_is_weaker_than_a_proven_one() {
        let vouched = anna().assured(Assurance::ByHand, 2000).unwrap();
        let proven = vouched.assured(Assurance::Verified, 3000).unwrap();
        assert_eq!((proven.assurance, proven.verified_at_ms, proven.version), (Assurance::Verified, Some(3000), 3));
        assert_eq!(proven.assured(Assurance::ByHand, 4000), None);
        assert_eq!(proven.assured(Assurance::Verified, 4000), None);
    }

    #[test]
    fn a_number_is_lost_when_it_changes_or_goes_and_not_when_the_first_one_comes() {
        let to = |from: &Person, phone: &str| {
            let changes = Changes { phone: Some(phone.into()), ..Changes::default() };
            from.changed_by(&changes).map(|after| (from.loses_phone(&after), after))
        };
        assert!(to(&anna(), "+4915112345678").unwrap().0);
        let (lost, without) = to(&anna(), "").unwrap();
        assert!(lost);
        assert!(!to(&without, "+4915112345678").unwrap().0);
        assert!(to(&anna(), "+358401234567").is_none());
    }

    #[test]
    fn a_person_does_not_show_in_debug() {
        assert!(!format!("{:?}", anna()).contains("example"));
    }
}
