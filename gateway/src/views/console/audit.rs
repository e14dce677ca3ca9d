//! The audit log: who did what to whom, when and why.

use askama::Template;

use super::{
    super::{show, text, text::access as own, text::console as words},
    shell::Shell,
};
use crate::assets;

/// One entry in words.
#[derive(Clone, Debug)]
pub struct AuditRow {
    /// When, milliseconds since 1970.
    pub at_ms: i64,
    /// Who.
    pub who: String,
    /// What.
    pub what: String,
    /// On what.
    pub subject: String,
    /// Where that is shown; empty when nowhere.
    pub href: String,
    /// Why.
    pub reason: String,
    /// What changed.
    pub detail: String,
}

impl AuditRow {
    fn machine_time(&self) -> String {
        show::machine_time(self.at_ms)
    }

    fn time(&self) -> String {
        show::day_and_time(self.at_ms)
    }
}

/// What an act is called; one that is new to us is shown by its word.
pub fn act(action: &str) -> String {
    own::ACTS.iter().find(|(key, _)| *key == action).map_or(action, |(_, words)| words).to_owned()
}

/// `GET /console/audit`
#[derive(Clone, Debug, Template)]
#[template(path = "studio/audit.html")]
pub struct AuditPage {
    /// Around it.
    pub shell: Shell,
    /// Newest first; none while the service does not answer.
    pub rows: Option<Vec<AuditRow>>,
    /// Leads to the next page; empty on the last.
    pub next: String,
    /// This is not the first page.
    pub later: bool,
}
