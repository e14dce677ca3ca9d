//! Leaving a mailing, and what a person agreed to. Looking never changes anything: mail scanners follow links.

use askama::Template;

use super::{Words, words};
use crate::{assets, views::text};

/// `GET /u/<code>`, and what is left of it afterwards.
#[derive(Clone, Debug, Template)]
#[template(path = "unsubscribe.html")]
pub struct UnsubscribePage {
    /// What opens this page.
    pub code: String,
    /// Who writes.
    pub sender: String,
    /// It is about reminders of an event, not about marketing.
    pub reminders: bool,
    /// It is done.
    pub done: bool,
}

impl UnsubscribePage {
    fn title(&self) -> &'static str {
        match (self.done, self.reminders) {
            (true, _) => words::UNSUBSCRIBE_DONE,
            (false, true) => words::UNSUBSCRIBE_REMINDERS,
            (false, false) => words::UNSUBSCRIBE_MARKETING,
        }
    }

    fn lead(&self) -> String {
        let sentence = match (self.done, self.reminders) {
            (true, _) => words::UNSUBSCRIBE_DONE_LEAD,
            (false, true) => words::UNSUBSCRIBE_REMINDERS_LEAD,
            (false, false) => words::UNSUBSCRIBE_MARKETING_LEAD,
        };
        sentence.replace("{sender}", &self.sender)
    }
}

/// One thing that a person may agree to.
#[derive(Clone, Debug)]
pub struct PreferenceRow {
    /// `<purpose>/<channel>`.
    pub key: String,
    /// What is agreed to, word for word.
    pub text: Words,
    /// Over what.
    pub channel: &'static str,
    /// The person has agreed.
    pub granted: bool,
    /// Since when it is so, UTC; none when it was never stated.
    pub since: Option<String>,
}

/// `GET /u/<code>/preferences`
#[derive(Clone, Debug, Template)]
#[template(path = "preferences.html")]
pub struct PreferencesPage {
    /// What opens this page.
    pub code: String,
    /// Who writes.
    pub sender: String,
    /// What can be agreed to.
    pub rows: Vec<PreferenceRow>,
    /// Makes a form that is sent twice one statement.
    pub key: String,
    /// It was just stored.
    pub saved: bool,
}

impl PreferencesPage {
    fn lead(&self) -> String {
        words::PREFERENCES_LEAD.replace("{sender}", &self.sender)
    }
}
