//! Forms, each version in a row that is written once.

use turnout_platform::{
    failure::Failure,
    ids::EventId,
    tables::{Range, Row, Table, int, text},
};

use super::{Creation, Store, unreadable};
use crate::domain::form::Form;

/// A form holds no personal data: it is stored as JSON.
pub(super) static FORMS_BY_EVENT: Table = Table {
    name: "forms_by_event",
    question: "What does the form of this event ask, in each of its versions?",
    partition: &[text("event_id")],
    clustering: &[int("form_version")],
    columns: &[text("form"), int("version")],
    lifetime_s: None,
};

impl Store {
    /// One version; none when it was never put.
    pub async fn form(&self, event: &EventId, version: i64) -> Result<Option<Form>, Failure> {
        let row = self.tables.get(&FORMS_BY_EVENT, vec![event.as_str().into(), version.into()]).await?;
        row.as_ref().map(read).transpose()
    }

    /// The latest version; none when nobody has put a form.
    pub async fn latest_form(&self, event: &EventId) -> Result<Option<Form>, Failure> {
        let range = Range::of(&FORMS_BY_EVENT, vec![event.as_str().into()]).reverse().limit(1);
        self.tables.range(range).await?.rows.first().map(read).transpose()
    }

    /// Stores a version that is not there yet.
    pub async fn create_form(&self, event: &EventId, form: &Form) -> Result<Creation<Form>, Failure> {
        let row = Row::new(&FORMS_BY_EVENT)
            .set("event_id", event.as_str())
            .set("form_version", form.version)
            .set("form", serde_json::to_string(form).map_err(Failure::internal)?)
            .set("version", 1_i64);
        match self.tables.put_if_absent(row).await? {
            None => Ok(Creation::Created),
            Some(row) => Ok(Creation::Found(read(&row)?)),
        }
    }
}

fn read(row: &Row) -> Result<Form, Failure> {
    serde_json::from_str(row.text("form")).map_err(|_| unreadable(row))
}
