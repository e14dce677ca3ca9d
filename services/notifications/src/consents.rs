//! What a person said about reminders, and to which number they agreed to get texts. A number that is not theirs by that gets none: whoever
//! holds the link of a registration can change its number, and anybody can register an address with another.

use turnout_platform::purposes::REMINDERS;
use turnout_proto::profiles::v1::{ConsentAction, ConsentStatement};

use crate::{
    compose::{Truth, milliseconds},
    domain::gates::Consent,
};

/// Channels, as consents name them.
pub(crate) const EMAIL: &str = "email";
const SMS: &str = "sms";
const ALL_CHANNELS: &str = "*";

/// Where a text message goes, and whether the person agreed to that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Texts {
    /// Empty for nowhere.
    pub number: String,
    pub consent: Consent,
}

impl Default for Texts {
    fn default() -> Self {
        Self { number: String::new(), consent: Consent::Silent }
    }
}

impl Texts {
    /// Of the profile's number and the registration's, the one that the consent was given for; `hash_of` is how consents name numbers.
    pub fn of(truth: &Truth, hash_of: impl Fn(&str) -> String) -> Self {
        let of_profile = truth.person.as_ref().map(|person| (person.phone.as_str(), true));
        let of_registration = truth.registration.as_ref().map(|registration| (registration.phone.as_str(), false));
        let numbers: Vec<_> =
            [of_profile, of_registration].into_iter().flatten().filter(|(n, _)| !n.is_empty()).collect();
        let last = last(&truth.consents, SMS);
        let is_for = |number: &str, is_of_profile: bool| match last.map(|statement| statement.number_hash.as_str()) {
            // Stated before consents named a number: another number of the profile has always ended it.
            None | Some("") => is_of_profile,
            Some(hash) => hash == hash_of(number),
        };
        let agreed = numbers.iter().find(|(number, is_of_profile)| is_for(number, *is_of_profile));
        let consent = match said(&truth.consents, SMS) {
            Consent::Granted if agreed.is_none() => Consent::Silent,
            said => said,
        };
        let number = agreed.or(numbers.first()).map(|(number, _)| (*number).to_owned()).unwrap_or_default();
        Self { number, consent }
    }
}

/// What the person said last about reminders over the channel.
pub(crate) fn said(consents: &[ConsentStatement], channel: &str) -> Consent {
    match last(consents, channel).map(ConsentStatement::action) {
        Some(ConsentAction::Granted) => Consent::Granted,
        Some(ConsentAction::Withdrawn) => Consent::Withdrawn,
        _ => Consent::Silent,
    }
}

fn last<'a>(consents: &'a [ConsentStatement], channel: &str) -> Option<&'a ConsentStatement> {
    let about = |statement: &&ConsentStatement| {
        statement.purpose == REMINDERS && (statement.channel == channel || statement.channel == ALL_CHANNELS)
    };
    let at = |statement: &&ConsentStatement| statement.at.as_ref().map(milliseconds);
    // Of two at the same moment the withdrawal counts.
    let all = consents.iter().filter(about);
    all.max_by_key(|statement| (at(statement), statement.action() == ConsentAction::Withdrawn))
}

#[cfg(test)]
mod tests {
    use turnout_proto::{profiles::v1::Person, registration::v1::Registration};

    use super::*;

    const OWN: &str = "+358401234567";
    const OTHER: &str = "+358409999999";

    fn texts(of_profile: &str, of_registration: &str, number_hash: &str) -> (String, Consent) {
        let granted = ConsentStatement {
            purpose: REMINDERS.into(),
            channel: SMS.into(),
            action: ConsentAction::Granted.into(),
            number_hash: number_hash.into(),
            ..ConsentStatement::default()
        };
        let truth = Truth {
            person: Some(Person { phone: of_profile.into(), ..Person::default() }),
            registration: Some(Registration { phone: of_registration.into(), ..Registration::default() }),
            consents: vec![granted],
            ..Truth::default()
        };
        let Texts { number, consent } = Texts::of(&truth, |number| format!("hash of {number}"));
        (number, consent)
    }

    #[test]
    fn item_26_consent_is_for_the_number_that_it_was_given_for_wherever_that_stands() {
        let own = format!("hash of {OWN}");
        for (of_profile, of_registration) in [(OWN, ""), ("", OWN), (OTHER, OWN), (OWN, OTHER)] {
            assert_eq!(texts(of_profile, of_registration, &own), (OWN.into(), Consent::Granted));
        }
        for (of_profile, of_registration) in [("", OTHER), (OTHER, ""), (OTHER, OTHER), ("", "")] {
            assert_eq!(texts(of_profile, of_registration, &own).1, Consent::Silent);
        }
    }

    #[test]
    fn item_26_consent_that_names_no_number_is_for_the_profiles_and_of_none_known_for_none() {
        assert_eq!(texts(OWN, OTHER, ""), (OWN.into(), Consent::Granted));
        assert_eq!(texts("", OTHER, "").1, Consent::Silent);
        assert_eq!(texts(OWN, OTHER, "-").1, Consent::Silent);
    }
}
