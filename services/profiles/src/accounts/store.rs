//! The tables of accounts, each declared once, and the questions asked of them. Decides nothing: rules live in `domain`.
//!
//! Nothing personal is in the open: an address is stored as a keyed hash where it is looked up, and sealed where it is read.

mod accounts;
mod audit;
mod links;
mod sessions;
mod teams;
mod tries;

use std::sync::Arc;

use turnout_platform::{
    failure::Failure,
    tables::{PutIf, Row, Table, Tables, bytes, int, text, time},
    vault::Vault,
};

pub(crate) use accounts::Account;
pub(crate) use audit::{AuditRecord, EntryPlace, StoredEntry};
pub(crate) use links::Link;
pub(crate) use sessions::Session;
pub(crate) use tries::{Outcome, Reserved, Scope};

use super::domain::throttle::FORGOTTEN_AFTER_S;

/// A session of the audience lives so long, one of the team a working day.
pub(crate) const AUDIENCE_SESSION_S: u32 = 30 * 24 * 60 * 60;
pub(crate) const TEAM_SESSION_S: u32 = 16 * 60 * 60;
/// A link that somebody asked for lives so long. Two that come unasked live somewhat longer, since their reader may be asleep: an
/// invitation to a team, and the question whether what a form said is theirs.
pub(crate) const LINK_S: u32 = 30 * 60;
pub(crate) const INVITATION_S: u32 = 3 * 24 * 60 * 60;
pub(crate) const CONFIRMATION_S: u32 = INVITATION_S;
/// What a row outlives its content, for clocks that differ.
const SLACK_S: u32 = 60 * 60;
/// A repeated audit entry is recognised within this time.
const REPEATED_ENTRY_S: u32 = 7 * 24 * 60 * 60;
/// How often a change is tried again when somebody else changes the same row at the same moment.
const CHANGE_TRIES_MAX: usize = 8;

/// All tables of accounts, to be opened at start.
pub static TABLES: &[&Table] = &[
    &ACCOUNTS_BY_ID,
    &ACCOUNTS_BY_ADDRESS,
    &TEAMS_BY_TENANT,
    &SESSIONS_BY_ACCOUNT,
    &LINKS_BY_ID,
    &TRIES_BY_KEY,
    &AUDIT_DAYS_BY_TENANT,
    &AUDIT_BY_DAY,
    &AUDIT_BY_SUBJECT,
    &AUDIT_ENTRIES_BY_ID,
];

/// The secrets (password, second factor, and a member's address) are sealed: those of a person of the audience under the person's
/// key, so that they go with it; those of a member of a team under the tenant's.
static ACCOUNTS_BY_ID: Table = Table {
    name: "accounts_by_id",
    question: "Whose account is this, and with what does it sign in?",
    partition: &[text("account_id")],
    clustering: &[],
    columns: &[
        text("realm"),
        text("tenant_id"),
        int("generation"),
        time("created_at"),
        time("proven_at"),
        time("active_at"),
        bytes("sealed"),
        int("version"),
    ],
    lifetime_s: None,
};

/// An address is one member of one team in the whole installation. An empty account means that it is free again. The audience
/// needs no such table: there the person's identity is the account's.
static ACCOUNTS_BY_ADDRESS: Table = Table {
    name: "accounts_by_address",
    question: "Which member of a team signs in with this address?",
    partition: &[bytes("address")],
    clustering: &[],
    columns: &[text("account_id"), int("version")],
    lifetime_s: None,
};

static TEAMS_BY_TENANT: Table = Table {
    name: "teams_by_tenant",
    question: "Who belongs to the team of this tenant, in which role?",
    partition: &[text("tenant_id")],
    clustering: &[],
    columns: &[text("members"), int("version")],
    lifetime_s: None,
};

/// A session holds the generation of its account at its start, and is over once the account has a later one.
static SESSIONS_BY_ACCOUNT: Table = Table {
    name: "sessions_by_account",
    question: "Which sessions does this account have, and what is the hash of each one's secret?",
    partition: &[text("account_id")],
    clustering: &[text("session_id")],
    columns: &[bytes("secret_sha256"), int("generation"), time("opened_at"), time("expires_at"), int("version")],
    lifetime_s: Some(AUDIENCE_SESSION_S + SLACK_S),
};

static LINKS_BY_ID: Table = Table {
    name: "links_by_id",
    question: "What is the link of this hash for, whose is it, and is it used?",
    partition: &[text("link_id")],
    clustering: &[],
    columns: &[
        text("purpose"),
        text("realm"),
        text("tenant_id"),
        text("account_id"),
        int("generation"),
        text("return_path"),
        text("confirms"),
        time("expires_at"),
        time("used_at"),
        int("version"),
    ],
    lifetime_s: Some(INVITATION_S + SLACK_S),
};

static TRIES_BY_KEY: Table = Table {
    name: "tries_by_key",
    question: "How often was this account or this network guessed at in vain, and when may it be tried again?",
    partition: &[text("scope"), bytes("key")],
    clustering: &[],
    columns: &[int("failed"), time("next_at"), int("version")],
    lifetime_s: Some(FORGOTTEN_AFTER_S),
};

/// The days that have entries, so that reading backwards skips those that have none.
static AUDIT_DAYS_BY_TENANT: Table = Table {
    name: "audit_days_by_tenant",
    question: "On which days since 1970 does this tenant's audit log have entries?",
    partition: &[text("tenant_id")],
    clustering: &[int("day")],
    columns: &[],
    lifetime_s: None,
};

static AUDIT_BY_DAY: Table = Table {
    name: "audit_by_day",
    question: "What was done for others in this tenant on this day?",
    partition: &[text("tenant_id"), int("day")],
    clustering: &[time("at"), text("entry_id")],
    columns: &[text("actor"), text("action"), text("subject"), text("event_id"), bytes("sealed")],
    lifetime_s: None,
};

static AUDIT_BY_SUBJECT: Table = Table {
    name: "audit_by_subject",
    question: "What was done to this person, registration or other thing?",
    partition: &[text("tenant_id"), text("subject")],
    clustering: &[time("at"), text("entry_id")],
    columns: &[text("actor"), text("action"), text("event_id"), bytes("sealed")],
    lifetime_s: None,
};

static AUDIT_ENTRIES_BY_ID: Table = Table {
    name: "audit_entries_by_id",
    question: "When was the entry of this id first recorded, and with what content (by a keyed hash)?",
    partition: &[text("tenant_id"), text("entry_id")],
    clustering: &[],
    columns: &[time("at"), text("content"), int("version")],
    lifetime_s: Some(REPEATED_ENTRY_S),
};

/// The typed questions. A clone is another handle on the same.
#[derive(Clone)]
pub(crate) struct Store {
    tables: Arc<dyn Tables>,
    vault: Vault,
}

impl Store {
    pub fn new(tables: Arc<dyn Tables>, vault: Vault) -> Self {
        Self { tables, vault }
    }

    /// Puts a row in the place of its version `expected`, or where there is none if that is 0; false when it found another.
    async fn put_version(&self, row: Row, expected: i64) -> Result<bool, Failure> {
        if expected == 0 {
            Ok(self.tables.put_if_absent(row).await?.is_none())
        } else {
            Ok(self.tables.put_if_version(row, expected).await? == PutIf::Stored)
        }
    }
}

/// A row that no version of this program writes.
fn unreadable(row: &Row) -> Failure {
    Failure::internal(format!("a row of table {} cannot be read", row.table().name))
}
