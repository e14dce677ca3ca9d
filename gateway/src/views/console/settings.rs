//! The tenant's settings: how long personal data is kept and what is hidden, how mails are sent, the secrets of webhooks.

use askama::Template;
use turnout_proto::registration::v1::{RemovalState, RetentionOfEvent, RetentionRemoval};

use super::{
    super::{show, text, text::access, text::console as words, text::studio as own},
    inputs::Field,
    registrants::Notice,
    sending::{Complaints, ReplayForm},
    shell::Shell,
};
use crate::assets;

/// `GET /console/settings`
#[derive(Clone, Debug, Template)]
#[template(path = "studio/settings.html")]
pub struct SettingsPage {
    /// Around it.
    pub shell: Shell,
    /// The version of the settings for registrants that was seen.
    pub data_version: i64,
    /// Threshold and retention.
    pub data: Vec<Field>,
    /// Nothing is ever removed.
    pub keeps_for_ever: bool,
    /// What retention would remove now.
    pub due: Due,
    /// The removal that goes on, or the last one.
    pub removal: Option<RetentionRemoval>,
    /// The version of the settings for messages that was seen.
    pub mail_version: i64,
    /// Sender, quiet hours, consent, webhook.
    pub mail: Vec<Field>,
    /// Mails are kept as files and reach nobody.
    pub to_folder: bool,
    /// Too many mails were marked as spam.
    pub complaints: Option<Complaints>,
    /// With which the webhook is told again; none without one.
    pub replay: Option<ReplayForm>,
    /// What came of the last act.
    pub notice: Option<Notice>,
}

/// What retention would remove now. All events that are over are gone through for it, so it is asked for by hand.
#[derive(Clone, Debug)]
pub enum Due {
    /// Nobody asked.
    NotAsked,
    /// The service does not answer.
    Unknown,
    /// These registrations, and whether there is more than was counted.
    Events(Vec<RetentionOfEvent>, bool),
}

impl SettingsPage {
    fn count(due: &RetentionOfEvent) -> String {
        show::grouped(due.registrations.unsigned_abs())
    }

    fn is_under_way(&self) -> bool {
        self.removal.as_ref().is_some_and(|removal| removal.state() == RemovalState::UnderWay)
    }

    /// Cleared and due, once that is counted.
    fn progress(&self) -> Option<(i64, i64)> {
        let removal = self.removal.as_ref().filter(|_| self.is_under_way())?;
        Some((removal.removed, removal.due?))
    }

    fn removal_in_words(removal: &RetentionRemoval) -> String {
        let number = |number: i64| show::grouped(number.unsigned_abs());
        let removed = number(removal.removed);
        let words = match (removal.state(), removal.due) {
            (RemovalState::UnderWay, None) => own::REMOVAL_COUNTING.to_owned(),
            (RemovalState::UnderWay, Some(due)) => {
                own::REMOVAL_UNDER_WAY.replace("{removed}", &removed).replace("{due}", &number(due))
            }
            (RemovalState::Stopped, _) => own::REMOVAL_STOPPED.replace("{removed}", &removed),
            (RemovalState::Done | RemovalState::Unspecified, _) => {
                let ended = removal.ended_at.map(|at| show::day_and_minute_in(at.seconds * 1000, "UTC"));
                own::REMOVAL_DONE
                    .replace("{removed}", &removed)
                    .replace("{time}", &format!("{} UTC", ended.unwrap_or_default()))
            }
        };
        match removal.unreadable {
            0 => words,
            unreadable => format!("{words} {}", own::REMOVAL_UNREADABLE.replace("{unreadable}", &number(unreadable))),
        }
    }
}

/// A new secret, shown once, with an example that signs with it.
#[derive(Clone, Debug, Template)]
#[template(path = "studio/secret.html")]
pub struct SecretPage {
    /// Around it.
    pub shell: Shell,
    /// What it is for.
    pub title: &'static str,
    /// The secret.
    pub secret: String,
    /// The whole address of the webhook.
    pub url: String,
    /// An example of a body.
    pub body: &'static str,
}

impl SecretPage {
    fn example(&self) -> String {
        own::SECRET_EXAMPLE.replace("{secret}", &self.secret).replace("{body}", self.body).replace("{url}", &self.url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_removal_says_how_much_it_could_not_read() {
        let words = |unreadable| {
            let state = RemovalState::Done.into();
            SettingsPage::removal_in_words(&RetentionRemoval { state, unreadable, ..RetentionRemoval::default() })
        };
        assert!(words(1_234).contains("stay as they are: 1,234."), "{}", words(1_234));
        assert!(!words(0).contains("stay"), "{}", words(0));
    }
}
