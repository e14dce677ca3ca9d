//! The rows that repeat what the ledger says of an event's messages, to be counted by it, or gone through for those of some groups. They
//! may lag behind the ledger for a moment: what is shown of a message is read there.

use std::collections::BTreeMap;

use turnout_platform::{
    failure::Failure,
    ids::{EventId, TenantId},
    tables::{Page, RANGE_ROWS_MAX, Range, Row, Value},
};

use super::{MESSAGES_BY_EVENT, Store, unreadable};
use crate::domain::{
    filter::MessageFilter,
    message::{BUCKETS, Kind, Message, MessageId, Reason, State},
};

/// Rows that are looked at for one page of a list; `ListMessagesOfEvent` promises it.
const LOOKED_AT_MAX: usize = 20_000;
/// Of these are read at one time: few where every message belongs to the list, and not too many times where hardly any does.
const LOOKED_AT_ONCE: usize = 1_000;

/// A group in which messages are counted: kind, occurrence, state, reason.
type Group = (Kind, String, State, String);

/// How many messages there are in each group.
pub(crate) type Figures = BTreeMap<Group, i64>;

impl Store {
    /// Puts the row that is counted.
    pub async fn count(&self, message: &Message) -> Result<(), Failure> {
        let Some(event) = &message.event else { return Ok(()) };
        let row = Row::new(&MESSAGES_BY_EVENT)
            .set("tenant_id", message.tenant.as_str())
            .set("event_id", event.as_str())
            .set("bucket", message.id.bucket())
            .set("message_id", message.id.as_str())
            .set("kind", message.kind.as_str_name())
            .set("occurrence", message.occurrence.as_str())
            .set("channel", message.channel.as_str_name())
            .set("state", message.state.as_str_name())
            .set("reason", message.reason.map_or("", Reason::word));
        Ok(self.tables.put(row).await?)
    }

    /// Counts an event's messages.
    pub async fn figures(&self, tenant: &TenantId, event: &EventId) -> Result<Figures, Failure> {
        let mut figures = Figures::new();
        for bucket in 0..BUCKETS {
            let mut after = None;
            loop {
                let page = self.counted(tenant, event, bucket, after, RANGE_ROWS_MAX).await?;
                for row in &page.rows {
                    *figures.entry(group(row)?).or_default() += 1;
                }
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
        }
        Ok(figures)
    }

    /// A page of the messages of an event that the filter takes, in no order that means something, and the place where the next goes on. It
    /// may be shorter than asked for, or empty.
    pub async fn of_event(
        &self,
        tenant: &TenantId,
        event: &EventId,
        filter: &MessageFilter,
        after: Option<MessageId>,
        limit: usize,
    ) -> Result<(Vec<Message>, Option<MessageId>), Failure> {
        let (rows, next) = self.taken(tenant, event, filter, after, limit).await?;
        let mut messages = self.read_all(tenant, rows).await?;
        // What has changed since its row was put belongs elsewhere now.
        messages.retain(|m| filter.takes(m.kind, &m.occurrence, m.state, m.reason.map_or("", Reason::word)));
        Ok((messages, next))
    }

    async fn taken(
        &self,
        tenant: &TenantId,
        event: &EventId,
        filter: &MessageFilter,
        after: Option<MessageId>,
        limit: usize,
    ) -> Result<(Vec<Row>, Option<MessageId>), Failure> {
        let (mut taken, mut looked_at) = (Vec::new(), 0);
        for bucket in after.as_ref().map_or(0, MessageId::bucket)..BUCKETS {
            // Only the first is gone on with; the others begin.
            let place = after.as_ref().filter(|id| id.bucket() == bucket);
            let mut from = place.map(|id| vec![id.as_str().into()]);
            loop {
                let page = self.counted(tenant, event, bucket, from, LOOKED_AT_ONCE).await?;
                for row in page.rows {
                    let id = MessageId::read(row.text("message_id")).ok_or_else(|| unreadable(&row))?;
                    let (kind, occurrence, state, reason) = group(&row)?;
                    looked_at += 1;
                    if filter.takes(kind, &occurrence, state, &reason) {
                        taken.push(row);
                    }
                    if taken.len() == limit || looked_at == LOOKED_AT_MAX {
                        return Ok((taken, Some(id)));
                    }
                }
                from = page.next;
                if from.is_none() {
                    break;
                }
            }
        }
        Ok((taken, None))
    }

    async fn counted(
        &self,
        tenant: &TenantId,
        event: &EventId,
        bucket: i64,
        after: Option<Vec<Value>>,
        rows: usize,
    ) -> Result<Page, Failure> {
        let partition = vec![tenant.as_str().into(), event.as_str().into(), bucket.into()];
        let mut range = Range::of(&MESSAGES_BY_EVENT, partition).limit(rows);
        if let Some(after) = after {
            range = range.after(after);
        }
        Ok(self.tables.range(range).await?)
    }
}

fn group(row: &Row) -> Result<Group, Failure> {
    let kind = Kind::from_str_name(row.text("kind")).ok_or_else(|| unreadable(row))?;
    let state = State::from_str_name(row.text("state")).ok_or_else(|| unreadable(row))?;
    Ok((kind, row.text("occurrence").to_owned(), state, row.text("reason").to_owned()))
}
