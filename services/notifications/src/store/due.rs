//! What must be looked at, minute by minute. Whatever will happen to a message has a row here, put before the message is: so
//! whoever reads the minutes in order finds everything, also what a dead process left.
//!
//! Rows lead to messages and say nothing of them: a row too many costs a look. Each wish to look is a row of its own, so that whoever settles
//! the row that it looked at does not take away one that was put meanwhile; one that is moved or noted on keeps its id.

use turnout_platform::{
    failure::Failure,
    ids::{EventId, TenantId},
    random,
    tables::{BATCH_WRITES_MAX, PutIf, Range, Row, Value, Write},
};
use turnout_proto::events::v1::RegistrationChange;

use super::{DUE_BY_MINUTE, DUE_PROGRESS, Store};
use crate::domain::message::{Message, MessageId};

pub(crate) const MINUTE_MS: i64 = 60_000;
/// A minute's rows of messages to people are spread over so many partitions, and those of notices over so many more. Stored rows depend
/// on both: they must never change.
const SHARDS: i64 = 4;
const NOTICE_SHARDS: i64 = 2;
/// At the end of what leads to a registration that the person changed. Stored rows depend on it: it must never change.
const BY_PERSON: &str = "/by-person";
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
        /// Made by the person's own call.
        by_person: bool,
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
            Self::Plan { event, registration, change, version, by_person } => {
                let by_person = if *by_person { BY_PERSON } else { "" };
                ("plan", format!("{event}/{registration}/{}/{version}{by_person}", change.as_str_name()))
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
                let (id, by_person) = id.strip_suffix(BY_PERSON).map_or((id, false), |id| (id, true));
                let mut parts = id.split('/');
                Some(Self::Plan {
                    event: parts.next()?.parse().ok()?,
                    registration: parts.next()?.to_owned(),
                    change: RegistrationChange::from_str_name(parts.next()?)?,
                    version: parts.next()?.parse().ok()?,
                    by_person,
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
    /// Since when another service refuses what the look needs; only of what has no other place where it is written down.
    pub refused_at_ms: Option<i64>,
    /// Where it is stored; none for one that is not.
    pub place: Option<DuePlace>,
}

/// Where a row is stored.
#[derive(Debug, Clone)]
pub(crate) struct DuePlace {
    minute_ms: i64,
    row_id: String,
}

impl DueRow {
    /// Whether the row was put on the way to this moment, as that was too far ahead.
    pub fn is_on_the_way_to(&self, at_ms: i64) -> bool {
        at_ms > self.placed_at_ms + AHEAD_MS
    }
}

/// A row that this version cannot read: one of a newer version wrote it, or it is broken.
#[derive(Debug, Clone)]
pub(crate) struct UnreadableRow(Row);

impl UnreadableRow {
    pub fn row_id(&self) -> &str {
        self.0.text("row_id")
    }

    pub fn placed_at_ms(&self) -> i64 {
        self.0.time("placed_at")
    }

    /// Where it stands, for the log. Not what it leads to: who knows what that says.
    pub fn place(&self) -> String {
        format!("{}/{}/{}", self.0.time("minute"), self.0.int("shard"), self.row_id())
    }
}

/// A page of a part of a minute.
pub(crate) struct DuePage {
    pub rows: Vec<DueRow>,
    pub unreadable: Vec<UnreadableRow>,
    /// Where the next begins.
    pub next: Option<Vec<Value>>,
}

impl Store {
    /// Sees to it that the target is looked at then, or before.
    pub async fn look_at(&self, tenant: &TenantId, target: &Target, at_ms: i64, now_ms: i64) -> Result<(), Failure> {
        let minute_ms = at_ms.clamp(now_ms, now_ms + AHEAD_MS).div_euclid(MINUTE_MS) * MINUTE_MS;
        let place = DuePlace { minute_ms, row_id: random::sortable_id() };
        Ok(self.tables.put(row_at(&place, tenant, target, now_ms)).await?)
    }

    /// Puts what has to wait into a later minute. It keeps its id: many processes that put off the same make one row of it.
    pub async fn put_off(&self, row: &DueRow, at_ms: i64, now_ms: i64) -> Result<(), Failure> {
        let Some(place) = &row.place else { return Ok(()) };
        let later = DuePlace { minute_ms: at_ms.div_euclid(MINUTE_MS) * MINUTE_MS, row_id: place.row_id.clone() };
        let moved = row_at(&later, &row.tenant, &row.target, now_ms);
        Ok(self.tables.put(moved.set_opt("refused_at", row.refused_at_ms.map(Value::Time))).await?)
    }

    /// Writes down at a row since when what its look needs is refused.
    pub async fn note_refused(&self, row: &DueRow, now_ms: i64) -> Result<(), Failure> {
        let Some(place) = &row.place else { return Ok(()) };
        let noted = row_at(place, &row.tenant, &row.target, row.placed_at_ms);
        Ok(self.tables.put(noted.set("refused_at", Value::Time(now_ms))).await?)
    }

    /// A page of a part of a minute. A row that cannot be read is handed out apart: it holds up none of the others.
    pub async fn due(
        &self,
        minute_ms: i64,
        shard: i64,
        after: Option<Vec<Value>>,
        limit: usize,
    ) -> Result<DuePage, Failure> {
        let mut range = Range::of(&DUE_BY_MINUTE, vec![Value::Time(minute_ms), shard.into()]).limit(limit);
        if let Some(after) = after {
            range = range.after(after);
        }
        let page = self.tables.range(range).await?;
        let mut due = DuePage { rows: Vec::with_capacity(page.rows.len()), unreadable: Vec::new(), next: page.next };
        for row in page.rows {
            match read(&row) {
                Some(row) => due.rows.push(row),
                None => due.unreadable.push(UnreadableRow(row)),
            }
        }
        Ok(due)
    }

    /// Moves a row as it is to a later minute.
    pub async fn move_unreadable(&self, row: &UnreadableRow, to_ms: i64) -> Result<(), Failure> {
        let minute = to_ms.div_euclid(MINUTE_MS) * MINUTE_MS;
        self.tables.put(row.0.clone().set("minute", Value::Time(minute))).await?;
        let texts = ["tenant_id", "what", "id", "row_id"].map(|column| row.0.text(column).into());
        let mut key = vec![Value::Time(row.0.time("minute")), row.0.int("shard").into()];
        key.extend(texts);
        self.tables.batch(vec![Write::Delete { table: &DUE_BY_MINUTE, key }]).await?;
        Ok(())
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
                    row.place.as_ref()?.row_id.as_str().into(),
                ];
                Some(Write::Delete { table: &DUE_BY_MINUTE, key })
            };
            self.tables.batch(rows.iter().filter_map(delete).collect()).await?;
        }
        Ok(())
    }

    /// The minute before which nothing is left; none at the very first start.
    pub async fn progress(&self, lane: Lane) -> Result<Option<i64>, Failure> {
        let row = self.tables.get(&DUE_PROGRESS, vec![lane.name().into()]).await?;
        Ok(row.map(|row| row.time("minute")))
    }

    /// Says that nothing is left before this minute. Never goes back: see `take_progress_back`.
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

impl Store {
    /// Takes the progress back to this minute: somebody's clock was ahead.
    pub async fn take_progress_back(&self, lane: Lane, minute_ms: i64) -> Result<(), Failure> {
        let Some(found) = self.tables.get(&DUE_PROGRESS, vec![lane.name().into()]).await? else { return Ok(()) };
        if found.time("minute") > minute_ms {
            let version = found.int("version");
            let row = Row::new(&DUE_PROGRESS).set("name", lane.name()).set("minute", Value::Time(minute_ms));
            // Another process was faster: if its clock is ahead too, the next look sees it.
            let _: PutIf = self.tables.put_if_version(row.set("version", version + 1), version).await?;
        }
        Ok(())
    }
}

fn row_at(place: &DuePlace, tenant: &TenantId, target: &Target, placed_at_ms: i64) -> Row {
    let (what, id) = target.words();
    Row::new(&DUE_BY_MINUTE)
        .set("minute", Value::Time(place.minute_ms))
        .set("shard", target.shard())
        .set("tenant_id", tenant.as_str())
        .set("what", what)
        .set("id", id)
        .set("row_id", place.row_id.as_str())
        .set("placed_at", Value::Time(placed_at_ms))
}

fn read(row: &Row) -> Option<DueRow> {
    let target = Target::read(row.text("what"), row.text("id"))?;
    let tenant = row.text("tenant_id").parse().ok()?;
    let place = DuePlace { minute_ms: row.time("minute"), row_id: row.text("row_id").to_owned() };
    let (placed_at_ms, refused_at_ms) = (row.time("placed_at"), row.opt_time("refused_at"));
    Some(DueRow { tenant, target, placed_at_ms, refused_at_ms, place: Some(place) })
}
