//! The page that says whether mail to a registrant's address is held back, and lets it go again.

use askama::Template;

use super::{
    super::{show, text, text::console as words},
    registrants::Notice,
    shell::{EventHead, Shell},
};
use crate::assets;

/// Why mail to an address is held back, and for how long.
#[derive(Clone, Debug)]
pub struct HeldBack {
    /// A word such as `hard_bounce`.
    pub reason: String,
    /// Since when.
    pub since_ms: i64,
    /// Until when; none for good.
    pub until_ms: Option<i64>,
}

/// `GET /console/events/<id>/registrants/<id>/suppression`
#[derive(Clone, Debug, Template)]
#[template(path = "console/suppression.html")]
pub struct SuppressionPage {
    /// Around it.
    pub shell: Shell,
    /// Over it.
    pub head: EventHead,
    /// Whose page it belongs to.
    pub registration_id: String,
    /// Their name; may be empty.
    pub name: String,
    /// Their address.
    pub email: String,
    /// None where mail is sent.
    pub held_back: Option<HeldBack>,
    /// What came of the last act.
    pub notice: Option<Notice>,
}

impl SuppressionPage {
    fn registrant(&self) -> String {
        format!("/console/events/{}/registrants/{}", self.head.facts.event_id, self.registration_id)
    }

    fn title(&self) -> &str {
        if self.name.is_empty() { &self.email } else { &self.name }
    }

    fn why(held_back: &HeldBack) -> &str {
        let known = words::HELD_BACK_WHY.iter().find(|(reason, _)| *reason == held_back.reason);
        known.map_or(held_back.reason.as_str(), |(_, sentence)| sentence)
    }

    fn how_long(&self, held_back: &HeldBack) -> String {
        let at = |ms: i64| show::day_and_minute_in(ms, &self.head.facts.zone);
        let words = if held_back.until_ms.is_some() { words::HELD_BACK_UNTIL } else { words::HELD_BACK_FOR_GOOD };
        let until = held_back.until_ms.map(at).unwrap_or_default();
        words.replace("{since}", &at(held_back.since_ms)).replace("{until}", &until)
    }

    fn is_complaint(held_back: &HeldBack) -> bool {
        held_back.reason == "complaint"
    }
}
