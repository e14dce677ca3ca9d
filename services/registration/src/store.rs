//! The tables of registration, each declared once, and the questions asked of them. Decides nothing: rules live in `domain`.

mod events;
mod forms;
mod keys;
pub(crate) mod payments;
pub(crate) mod registrations;
pub(crate) mod removals;
pub(crate) mod retention;
mod rooms;
mod running;
pub(crate) mod seats;

use std::sync::Arc;

use turnout_platform::{
    failure::Failure,
    tables::{Row, Table, Tables, Value, bytes, flag, int, text, time},
};

pub(crate) use events::EventPage;

use crate::domain::sign_in::{Link, USED_LINK_S};

/// All tables of this service, to be opened at start.
pub static TABLES: &[&Table] = &[
    &EVENTS_BY_ID,
    &EVENTS_BY_TENANT,
    &ROOMS_BY_EVENT,
    &API_KEYS_BY_ID,
    &API_KEYS_BY_TENANT,
    &TICKET_KEYS_BY_ID,
    &TICKET_KEYS_BY_TENANT,
    &USED_SIGN_IN_LINKS,
    &registrations::REGISTRATIONS_BY_EVENT,
    &registrations::REGISTRATIONS_BY_PERSON,
    &forms::FORMS_BY_EVENT,
    &seats::SEATS_BY_EVENT,
    &seats::WAITING_BY_EVENT,
    &seats::EVENTS_TO_SETTLE,
    &payments::PAYMENT_SECRETS,
    &payments::PAYMENT_NOTICES,
    &crate::roll::REGISTRANT_SETTINGS,
    &retention::RETENTION_RUNS,
    &retention::RETENTION_BY_EVENT,
    &removals::RETENTION_REMOVALS,
    &running::RUNNING_EVENTS,
];

static EVENTS_BY_ID: Table = Table {
    name: "events_by_id",
    question: "Which event has this id, whose is it and in which state?",
    partition: &[text("event_id")],
    clustering: &[],
    columns: &[
        text("tenant_id"),
        text("title"),
        text("state"),
        time("created_at"),
        time("live_at"),
        time("ended_at"),
        text("summary"),
        text("zone"),
        time("starts_at"),
        time("ends_at"),
        text("venue"),
        text("mode"),
        int("price_minor"),
        text("currency"),
        flag("rsvp"),
        flag("refuse_unconfirmed"),
        int("capacity"),
        flag("waiting_list"),
        flag("published"),
        flag("nicknames"),
        text("languages"),
        int("version"),
    ],
    lifetime_s: None,
};

/// Only where to look: what is true of an event stands in `events_by_id`, so a list never shows an old state. A tenant's
/// partition grows by about 100 bytes an event.
static EVENTS_BY_TENANT: Table = Table {
    name: "events_by_tenant",
    question: "Which events may this tenant have, by time of creation?",
    partition: &[text("tenant_id")],
    clustering: &[time("created_at"), text("event_id")],
    columns: &[],
    lifetime_s: None,
};

static ROOMS_BY_EVENT: Table = Table {
    name: "rooms_by_event",
    question: "Which rooms does this event have?",
    partition: &[text("event_id")],
    clustering: &[text("room_id")],
    columns: &[text("title"), time("created_at"), int("version")],
    lifetime_s: None,
};

static API_KEYS_BY_ID: Table = Table {
    name: "api_keys_by_id",
    question: "Whose API key is this, and what is the hash of its secret?",
    partition: &[text("key_id")],
    clustering: &[],
    columns: &[
        text("tenant_id"),
        text("label"),
        bytes("secret_sha256"),
        time("created_at"),
        text("created_by"),
        time("revoked_at"),
        text("revoked_by"),
        flag("listed"),
    ],
    lifetime_s: None,
};

static API_KEYS_BY_TENANT: Table = Table {
    name: "api_keys_by_tenant",
    question: "Which API keys has this tenant, by time of creation, who made them and who revoked them?",
    partition: &[text("tenant_id")],
    clustering: &[time("created_at"), text("key_id")],
    columns: &[text("label"), text("created_by"), time("revoked_at"), text("revoked_by")],
    lifetime_s: None,
};

static TICKET_KEYS_BY_ID: Table = Table {
    name: "ticket_keys_by_id",
    question: "Whose ticket key is this, and with what are its tickets checked?",
    partition: &[text("key_id")],
    clustering: &[],
    columns: &[text("tenant_id"), bytes("public_key"), time("created_at")],
    lifetime_s: None,
};

static TICKET_KEYS_BY_TENANT: Table = Table {
    name: "ticket_keys_by_tenant",
    question: "Which ticket keys has this tenant registered?",
    partition: &[text("tenant_id")],
    clustering: &[text("key_id")],
    columns: &[bytes("public_key"), time("created_at")],
    lifetime_s: None,
};

static USED_SIGN_IN_LINKS: Table = Table {
    name: "used_sign_in_links",
    question: "Has this sign-in link been used?",
    partition: &[text("link_id")],
    clustering: &[],
    columns: &[time("used_at"), int("version")],
    lifetime_s: Some(USED_LINK_S),
};

/// What became of a creation.
pub(crate) enum Creation<T> {
    Created,
    /// Something with the same id was there.
    Found(T),
}

/// The typed questions.
#[derive(Clone)]
pub(crate) struct Store {
    tables: Arc<dyn Tables>,
}

impl Store {
    pub fn new(tables: Arc<dyn Tables>) -> Self {
        Self { tables }
    }

    /// Whether this is the first use of the link. Of uses at the same moment exactly one is the first.
    pub async fn use_link(&self, link: &Link, at_ms: i64) -> Result<bool, Failure> {
        let row = Row::new(&USED_SIGN_IN_LINKS)
            .set("link_id", link.id.as_str())
            .set("used_at", Value::Time(at_ms))
            .set("version", 1_i64);
        Ok(self.tables.put_if_absent(row).await?.is_none())
    }
}

/// A row that no version of this program writes.
fn unreadable(row: &Row) -> Failure {
    Failure::internal(format!("a row of table {} cannot be read", row.table().name))
}
