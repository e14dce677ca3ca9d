//! What is collected about people who register for an event, for what, and on which basis.

use askama::Template;

use super::{EventHead, LanguageLink, Words, words};
use crate::{assets, views::text};

/// One piece of data.
#[derive(Clone, Debug)]
pub struct DataRow {
    /// What.
    pub what: Words,
    /// It must be given.
    pub required: bool,
    /// For what.
    pub purpose: Words,
    /// On which basis, with the article.
    pub basis: &'static str,
}

/// `GET /e/<id>/data`
#[derive(Clone, Debug, Template)]
#[template(path = "data.html")]
pub struct DataPage {
    /// The event.
    pub head: EventHead,
    /// The languages to choose from.
    pub languages: Vec<LanguageLink>,
    /// Who decides about the data.
    pub controller: String,
    /// What people are asked for.
    pub asked: Vec<DataRow>,
    /// What comes about by taking part.
    pub noted: Vec<DataRow>,
    /// What can be agreed to, apart from registering.
    pub consents: Vec<Words>,
    /// After how many days personal data is removed; none when the organiser set no time.
    pub retention_days: Option<i32>,
}

impl DataPage {
    fn controller_sentence(&self) -> String {
        words::DATA_CONTROLLER.replace("{controller}", &self.controller)
    }

    fn kept_sentence(&self) -> String {
        self.retention_days.map_or_else(
            || words::DATA_KEPT_OPEN.to_owned(),
            |days| words::DATA_KEPT_DAYS.replace("{days}", &days.to_string()),
        )
    }
}
