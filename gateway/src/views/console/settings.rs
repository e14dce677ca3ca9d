//! The tenant's settings: how long personal data is kept and what is hidden, how mails are sent, the secrets of webhooks.

use askama::Template;
use turnout_proto::registration::v1::RetentionOfEvent;

use super::{
    super::{show, text, text::console as words, text::studio as own},
    inputs::Field,
    registrants::Notice,
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
    /// The version of the settings for messages that was seen.
    pub mail_version: i64,
    /// Sender, quiet hours, consent, webhook.
    pub mail: Vec<Field>,
    /// Mails are kept as files and reach nobody.
    pub to_folder: bool,
    /// What came of the last act.
    pub notice: Option<Notice>,
}

/// What retention would remove now. All events that have ended are gone through for it, so it is asked for by hand.
#[derive(Clone, Debug)]
pub enum Due {
    /// Nobody asked.
    NotAsked,
    /// The service does not answer.
    Unknown,
    /// These registrations.
    Events(Vec<RetentionOfEvent>),
}

impl SettingsPage {
    fn count(due: &RetentionOfEvent) -> String {
        show::grouped(due.registrations.unsigned_abs())
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
