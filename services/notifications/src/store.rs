//! The tables of notifications, each declared once, and the questions asked of them. Decides nothing: rules live in `domain`.
//!
//! The ledger `messages_by_id` is the truth and the lock: every change goes through its version. The tables beside it say only where
//! to look, and are written before it, so that a list never shows an old state. One is more: `messages_by_event` repeats the state,
//! to be counted, and to be gone through for those in one state; it is put after the ledger, and put again when a due row leads to a
//! message that is done, so a crash between the two is mended within minutes.

mod by_event;
mod complaints;
mod due;
mod messages;
mod reminded;
mod settings;
mod suppressions;
mod templates;
mod told;

use std::sync::Arc;

use turnout_platform::{
    failure::Failure,
    ids::TenantId,
    outbox::Outbox,
    tables::{Row, Table, Tables, Value, bytes, flag, int, text, time},
    vault::Vault,
};

pub(crate) use by_event::Figures;
pub(crate) use due::{DuePage, DueRow, Lane, MINUTE_MS, Target, UnreadableRow};
pub(crate) use messages::{Saved, announced, timestamp};
pub(crate) use reminded::Turn;
pub(crate) use settings::OWNER;
pub(crate) use suppressions::AddressKey;
pub(crate) use told::Told;

use crate::{
    domain::{gates::CAP_MS, replay::KEPT_MS},
    metrics::Metrics,
};

/// All tables of this service, to be opened at start.
pub static TABLES: &[&Table] = &[
    &MESSAGES_BY_ID,
    &MESSAGES_BY_REGISTRATION,
    &NOTICES_BY_REGISTRATION,
    &MESSAGES_BY_PERSON,
    &MESSAGES_BY_EVENT,
    &DUE_BY_MINUTE,
    &DUE_PROGRESS,
    &FAN_OUTS_BY_EVENT,
    &PLANNED_STARTS_BY_EVENT,
    &REMINDER_TURNS_BY_PERSON,
    &TEMPLATES_BY_EVENT,
    &REMINDERS_BY_EVENT,
    &MESSAGE_SETTINGS_BY_TENANT,
    &REPORT_SECRETS_BY_TENANT,
    &DELIVERY_REPORTS_BY_ID,
    &SUPPRESSIONS_BY_TENANT,
    &NOTICES_BY_HOUR,
    &MAIL_TOTALS_BY_TENANT,
    &COMPLAINTS_BY_TENANT,
    &MARKETING_LIFTS_BY_TENANT,
];

/// Due rows leave by age: longer than a row is ever put ahead, with room for an outage.
const DUE_ROW_S: u32 = 60 * 24 * 3600;
/// A provider repeats a report for days at most.
const REPORT_S: u32 = 7 * 24 * 3600;
/// What was told can be told again for 7 days.
const TOLD_S: u32 = 7 * 24 * 3600;
const _: () = assert!(TOLD_S as i64 * 1000 == KEPT_MS);
/// Mails and complaints count for 30 days; the rest is room for clocks and days that begin elsewhere.
const RECEIVED_S: u32 = 40 * 24 * 3600;
/// An owner's word about marketing holds for 7 days.
const LIFT_S: u32 = 8 * 24 * 3600;
/// A turn is asked after for minutes; the rest is room for clocks that differ.
const TURN_S: u32 = 24 * 3600;
const _: () = assert!(TURN_S as i64 * 1000 > 10 * CAP_MS);

static MESSAGES_BY_ID: Table = Table {
    name: "messages_by_id",
    question: "What is this message, where is it, and who hands it over at the moment?",
    partition: &[text("tenant_id"), text("message_id")],
    clustering: &[],
    columns: &[
        text("kind"),
        text("occurrence"),
        int("rank"),
        text("channel"),
        text("event_id"),
        text("registration_id"),
        text("person_id"),
        text("state"),
        text("reason"),
        time("due_at"),
        time("expires_at"),
        time("planned_at"),
        time("state_at"),
        int("attempts"),
        time("lease_until"),
        flag("maybe_twice"),
        flag("on_purpose"),
        flag("by_person"),
        bytes("sealed"),
        bytes("address_key"),
        text("carrier_id"),
        text("rider_ids"),
        int("version"),
    ],
    lifetime_s: None,
};

static MESSAGES_BY_REGISTRATION: Table = Table {
    name: "messages_by_registration",
    question: "Which messages to people may this registration have?",
    partition: &[text("tenant_id"), text("registration_id")],
    clustering: &[text("message_id")],
    columns: &[],
    lifetime_s: None,
};

/// Apart from the messages, which are gone through whenever one is planned or sent.
static NOTICES_BY_REGISTRATION: Table = Table {
    name: "notices_by_registration",
    question: "Which notices may there be of this registration?",
    partition: &[text("tenant_id"), text("registration_id")],
    clustering: &[text("message_id")],
    columns: &[],
    lifetime_s: None,
};

static MESSAGES_BY_PERSON: Table = Table {
    name: "messages_by_person",
    question: "Which messages may this person have, by time of planning?",
    partition: &[text("tenant_id"), text("person_id")],
    clustering: &[time("planned_at"), text("message_id")],
    columns: &[],
    lifetime_s: None,
};

/// One sixteenth of an event's messages is a partition: 300,000 messages are 18,750 rows of about 200 bytes.
static MESSAGES_BY_EVENT: Table = Table {
    name: "messages_by_event",
    question: "How many messages of this event are in which state, and which are they?",
    partition: &[text("tenant_id"), text("event_id"), int("bucket")],
    clustering: &[text("message_id")],
    columns: &[text("kind"), text("occurrence"), text("channel"), text("state"), text("reason")],
    lifetime_s: None,
};

static DUE_BY_MINUTE: Table = Table {
    name: "due_by_minute",
    question: "What must be looked at in this minute?",
    partition: &[time("minute"), int("shard")],
    clustering: &[text("tenant_id"), text("what"), text("id"), text("row_id")],
    columns: &[time("placed_at"), time("refused_at")],
    lifetime_s: Some(DUE_ROW_S),
};

static DUE_PROGRESS: Table = Table {
    name: "due_progress",
    question: "Up to which minute has everything been looked at?",
    partition: &[text("name")],
    clustering: &[],
    columns: &[time("minute"), int("version")],
    lifetime_s: None,
};

pub(crate) static FAN_OUTS_BY_EVENT: Table = Table {
    name: "fan_outs_by_event",
    question: "Which work over all registrants of this event is under way, and how far is it?",
    partition: &[text("tenant_id"), text("event_id")],
    clustering: &[text("name")],
    columns: &[text("page_token"), flag("done"), flag("vain"), time("lease_until"), time("refused_at"), int("version")],
    lifetime_s: None,
};

static PLANNED_STARTS_BY_EVENT: Table = Table {
    name: "planned_starts_by_event",
    question: "For which start are all reminders of this event planned?",
    partition: &[text("tenant_id"), text("event_id")],
    clustering: &[],
    columns: &[time("starts_at")],
    lifetime_s: None,
};

static REMINDER_TURNS_BY_PERSON: Table = Table {
    name: "reminder_turns_by_person",
    question: "Which reminder had this person's turn last, and when?",
    partition: &[text("tenant_id"), text("person_id")],
    clustering: &[],
    columns: &[time("reminded_at"), text("message_id"), int("version")],
    lifetime_s: Some(TURN_S),
};

static TEMPLATES_BY_EVENT: Table = Table {
    name: "templates_by_event",
    question: "Which words does this event, or this tenant (event `*`), use for its messages?",
    partition: &[text("tenant_id"), text("event_id")],
    clustering: &[text("kind")],
    columns: &[bytes("template"), flag("removed"), int("version")],
    lifetime_s: None,
};

static REMINDERS_BY_EVENT: Table = Table {
    name: "reminders_by_event",
    question: "How long before this event are people reminded?",
    partition: &[text("tenant_id"), text("event_id")],
    clustering: &[],
    columns: &[text("leads_s"), int("version")],
    lifetime_s: None,
};

static MESSAGE_SETTINGS_BY_TENANT: Table = Table {
    name: "message_settings_by_tenant",
    question: "What has this tenant settled about messages?",
    partition: &[text("tenant_id")],
    clustering: &[],
    columns: &[bytes("sealed"), int("version")],
    lifetime_s: None,
};

static REPORT_SECRETS_BY_TENANT: Table = Table {
    name: "report_secrets_by_tenant",
    question: "With what are this tenant's delivery reports and webhooks signed?",
    partition: &[text("tenant_id")],
    clustering: &[],
    columns: &[bytes("sealed"), bytes("old_sealed"), time("old_until"), int("version")],
    lifetime_s: None,
};

static DELIVERY_REPORTS_BY_ID: Table = Table {
    name: "delivery_reports_by_id",
    question: "Has this report been applied?",
    partition: &[text("tenant_id"), text("report_id")],
    clustering: &[],
    columns: &[time("applied_at")],
    lifetime_s: Some(REPORT_S),
};

static SUPPRESSIONS_BY_TENANT: Table = Table {
    name: "suppressions_by_tenant",
    question: "Is anything sent to this address, and what is known of its bounces?",
    partition: &[text("tenant_id")],
    clustering: &[text("channel"), text("address_key")],
    columns: &[
        text("reason"),
        time("since"),
        time("until"),
        int("soft_bounces"),
        time("soft_since"),
        text("last_report"),
        int("version"),
    ],
    lifetime_s: None,
};

static NOTICES_BY_HOUR: Table = Table {
    name: "notices_by_hour",
    question: "What was this tenant's webhook told in this hour, in order?",
    partition: &[text("tenant_id"), time("hour"), int("shard")],
    clustering: &[time("told_at"), text("message_id")],
    columns: &[text("owner"), bytes("sealed")],
    lifetime_s: Some(TOLD_S),
};

/// 30 days with 50 processes each are 1,500 rows.
static MAIL_TOTALS_BY_TENANT: Table = Table {
    name: "mail_totals_by_tenant",
    question: "How many mails of this tenant did each process hand over on each day?",
    partition: &[text("tenant_id")],
    clustering: &[time("day"), text("process")],
    columns: &[int("mails")],
    lifetime_s: Some(RECEIVED_S),
};

static COMPLAINTS_BY_TENANT: Table = Table {
    name: "complaints_by_tenant",
    question: "Which mails of this tenant did people mark as spam, by day?",
    partition: &[text("tenant_id")],
    clustering: &[time("day"), text("message_id")],
    columns: &[time("noted_at")],
    lifetime_s: Some(RECEIVED_S),
};

static MARKETING_LIFTS_BY_TENANT: Table = Table {
    name: "marketing_lifts_by_tenant",
    question: "Until when does an owner let marketing go on in spite of complaints?",
    partition: &[text("tenant_id")],
    clustering: &[],
    columns: &[time("until")],
    lifetime_s: Some(LIFT_S),
};

/// The typed questions. A clone is another handle on the same.
#[derive(Clone)]
pub(crate) struct Store {
    tables: Arc<dyn Tables>,
    vault: Vault,
    outbox: Outbox,
    metrics: Metrics,
    mail_totals: complaints::MailTotals,
}

impl Store {
    pub fn new(tables: Arc<dyn Tables>, vault: Vault, outbox: Outbox, metrics: Metrics) -> Self {
        let mail_totals = complaints::MailTotals::new();
        Self { tables, vault, outbox, metrics, mail_totals }
    }

    /// The tables themselves, for work that keeps its own rows.
    pub fn tables(&self) -> &Arc<dyn Tables> {
        &self.tables
    }

    /// The way to the keys, for addresses and secrets.
    pub fn vault(&self) -> &Vault {
        &self.vault
    }

    /// Whether a report of this id has been applied.
    pub async fn report_is_known(&self, tenant: &TenantId, id: &str) -> Result<bool, Failure> {
        let key = vec![tenant.as_str().into(), id.into()];
        Ok(self.tables.get(&DELIVERY_REPORTS_BY_ID, key).await?.is_some())
    }

    pub async fn remember_report(&self, tenant: &TenantId, id: &str, at_ms: i64) -> Result<(), Failure> {
        let row = Row::new(&DELIVERY_REPORTS_BY_ID)
            .set("tenant_id", tenant.as_str())
            .set("report_id", id)
            .set("applied_at", Value::Time(at_ms));
        Ok(self.tables.put(row).await?)
    }
}

/// A row that no version of this program writes.
fn unreadable(row: &Row) -> Failure {
    Failure::internal(format!("a row of table {} cannot be read", row.table().name))
}
