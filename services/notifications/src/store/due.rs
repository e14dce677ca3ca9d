//! What must be looked at, minute by minute. Whatever will happen to a message has a row here, put before the message is: so
//! whoever reads the minutes in order finds everything, also what a dead process left.
//!
//! Rows lead to messages and say nothing of them: a row too many costs a look. Each put is a row of its own, so that whoever settles
//! the row that it looked at does not take away one that was put meanwhile.

use turnout_platform::{
    failure::Failure,
    ids::{EventId, TenantId},
    random,
    tables::{BATCH_WRITES_MAX, PutIf, Range, Row, Value, Write},
};
use turnout_proto::events::v1::RegistrationChange;

use super::{DUE_BY_MINUTE, DUE_PROGRESS, Store, unreadable};
use crate::domain::message::{Message, MessageId};

pub(crate) const MINUTE_MS: i64 = 60_000;
/// A minute's rows of messages to people are spread over so many partitions, and those of notices over so many more. Stored rows depend
/// on both: they must never change.
const SHARDS: i64 = 4;
const NOTICE_SHARDS: i64 = 2;
/// A row is put ahead so far at most; what is due later is looked at on the way.
const AHEAD_MS: i64 = 30 * 24 * 3_600_000;

/// What is worked through apart from each other, so that an organiser's system that dawdles holds up nobody's mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Messages to people, and the planning of them.
    Messages,
    /// Notices to systems of organisers.
    Notices,
}

impl Lane {
    pub fn shards(self) -> std::ops::Range<i64> {
        match self {
            Self::Messages => 0..SHARDS,
            Self::Notices => SHARDS..SHARDS + NOTICE_SHARDS,
        }
    }

    /// The name of its progress; also a label.
    pub fn name(self) -> &'static str {
        match self {
            Self::Messages => "all",
            Self::Notices => "notices",
        }
    }
}

/// What a row leads to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Target {
    Message(MessageId),
    Notice(MessageId),
    FanOut {
        event: EventId,
        name: String,
    },
    /// A registration that changed and whose messages are not planned yet.
    Plan {
        event: EventId,
        registration: String,
        change: RegistrationChange,
        version: i64,
    },
}

impl Target {
    pub fn of(message: &Message) -> Self {
        if message.is_notice() { Self::Notice(message.id.clone()) } else { Self::Message(message.id.clone()) }
    }

    fn words(&self) -> (&'static str, String) {
        match self {
            Self::Message(id) => ("message", id.to_string()),
            Self::Notice(id) => ("notice", id.to_string()),
            Self::FanOut { event, name } => ("fan_out", format!("{event}/{name}")),
            Self::Plan { event, registration, change, version } => {
                ("plan", format!("{event}/{registration}/{}/{version}", change.as_str_name()))
            }
        }
    }

    fn read(what: &str, id: &str) -> Option<Self> {
        match what {
            "message" => MessageId::read(id).map(Self::Message),
            "notice" => MessageId::read(id).map(Self::Notice),
            "fan_out" => {
                let (event, name) = id.split_once('/')?;
                Some(Self::FanOut { event: event.parse().ok()?, name: name.to_owned() })
            }
            "plan" => {
                let mut parts = id.split('/');
                Some(Self::Plan {
                    event: parts.next()?.parse().ok()?,
                    registration: parts.next()?.to_owned(),
                    change: RegistrationChange::from_str_name(parts.next()?)?,
                    version: parts.next()?.parse().ok()?,
                })
            }
            _ => None,
        }
    }

    /// Stored rows depend on it: it must never change.
    fn shard(&self) -> i64 {
        match self {
            Self::Message(id) => id.bucket() % SHARDS,
            Self::Notice(id) => SHARDS + id.bucket() % NOTICE_SHARDS,
            Self::FanOut { .. } => 0,
            Self::Plan { registration, .. } => registration.bytes().map(i64::from).sum::<i64>() % SHARDS,
        }
    }
}

/// A row.
#[derive(Debug, Clone)]
pub(crate) struct DueRow {
    pub tenant: TenantId,
    pub target: Target,
    pub placed_at_ms: i64,
    /// Empty for one that is not stored.
    pub row_id: String,
}

impl DueRow {
    /// Whether the row was put on the way to this moment, as that was too far ahead.
    pub fn is_on_the_way_to(&self, at_ms: i64) -> bool {
        at_ms > self.placed_at_ms + AHEAD_MS
    }
}

impl Store {
    /// Sees to it that the target is looked at then, or before.
    pub async fn look_at(&self, tenant: &TenantId, target: &Target, at_ms: i64, now_ms: i64) -> Result<(), Failure> {
        let minute = at_ms.clamp(now_ms, now_ms + AHEAD_MS).div_euclid(MINUTE_MS) * MINUTE_MS;
        let (what, id) = target.words();
        let row = Row::new(&DUE_BY_MINUTE)
            .set("minute", Value::Time(minute))
            .set("shard", target.shard())
            .set("tenant_id", tenant.as_str())
            .set("what", what)
            .set("id", id)
            .set("row_id", random::sortable_id())
            .set("placed_at", Value::Time(now_ms));
        Ok(self.tables.put(row).await?)
    }

    /// A page of a part of a minute, and where the next begins.
    pub async fn due(
        &self,
        minute_ms: i64,
        shard: i64,
        after: Option<Vec<Value>>,
        limit: usize,
    ) -> Result<(Vec<DueRow>, Option<Vec<Value>>), Failure> {
        let mut range = Range::of(&DUE_BY_MINUTE, vec![Value::Time(minute_ms), shard.into()]).limit(limit);
        if let Some(after) = after {
            range = range.after(after);
        }
        let page = self.tables.range(range).await?;
        let rows = page.rows.iter().map(read).collect::<Result<_, _>>()?;
        Ok((rows, page.next))
    }

    /// Removes rows of one part that need not be looked at again.
    pub async fn settle(&self, minute_ms: i64, shard: i64, rows: &[DueRow]) -> Result<(), Failure> {
        for rows in rows.chunks(BATCH_WRITES_MAX) {
            let delete = |row: &DueRow| {
                let (what, id) = row.target.words();
                let key = vec![
                    Value::Time(minute_ms),
                    shard.into(),
                    row.tenant.as_str().into(),
                    what.into(),
                    id.into(),
                    row.row_id.as_str().into(),
                ];
                Write::Delete { table: &DUE_BY_MINUTE, key }
            };
            self.tables.batch(rows.iter().map(delete).collect()).await?;
        }
        Ok(())
    }

    /// The minute before which nothing is left; none at the very first start.
    pub async fn progress(&self, lane: Lane) -> Result<Option<i64>, Failure> {
        let row = self.tables.get(&DUE_PROGRESS, vec![lane.name().into()]).await?;
        Ok(row.map(|row| row.time("minute")))
    }

    /// Says that nothing is left before this minute. Never goes back.
    pub async fn set_progress(&self, lane: Lane, minute_ms: i64) -> Result<(), Failure> {
        let row = Row::new(&DUE_PROGRESS).set("name", lane.name()).set("minute", Value::Time(minute_ms));
        let row = |version: i64| row.clone().set("version", version);
        let Some(found) = self.tables.get(&DUE_PROGRESS, vec![lane.name().into()]).await? else {
            self.tables.put_if_absent(row(1)).await?;
            return Ok(());
        };
        if found.time("minute") < minute_ms {
            let version = found.int("version");
            // Another process was faster: its word is as good.
            let _: PutIf = self.tables.put_if_version(row(version + 1), version).await?;
        }
        Ok(())
    }
}

fn read(row: &Row) -> Result<DueRow, Failure> {
    let target = Target::read(row.text("what"), row.text("id")).ok_or_else(|| unreadable(row))?;
    let tenant = row.text("tenant_id").parse().map_err(|_| unreadable(row))?;
    Ok(DueRow { tenant, target, placed_at_ms: row.time("placed_at"), row_id: row.text("row_id").to_owned() })
}
