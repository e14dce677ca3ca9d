//! The ledger. A change is: a row that makes somebody look again, an announcement, the change itself under its version, and the
//! row that is counted. Each step may be the last before a crash; what is missing then is done when the due row is looked at.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use prost_types::Timestamp;
use turnout_platform::{
    bus::durable::EventKind,
    failure::Failure,
    ids::{EventId, TenantId},
    outbox::Announcement,
    random,
    tables::{PutIf, Range, Row, Table, TableError, Value},
};
use turnout_proto::events::v1::{DomainEvent, MessageStateChanged, domain_event};

use super::{
    MESSAGES_BY_ID, MESSAGES_BY_PERSON, MESSAGES_BY_REGISTRATION, NOTICES_BY_REGISTRATION, Store, Target, unreadable,
};
use crate::domain::message::{Channel, Kind, Message, MessageId, Reason, State};

/// Messages that are read at the same time for one answer.
const READS_AT_ONCE_MAX: usize = 16;
/// Messages of one registration, and notices of it. Reminders are ten at most; the rest are changes and what was sent again.
const OF_REGISTRATION_MAX: usize = 500;
/// Versions that a write with an open outcome is read back for.
const READ_BACK_TRIES: usize = 3;

/// What became of a change.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Saved {
    Yes,
    /// Somebody else changed it first.
    Changed,
}

/// Where a message stands among those to its person: when it was planned, and its id.
pub(crate) type PersonPlace = (i64, String);

impl Store {
    pub async fn message(&self, tenant: &TenantId, id: &MessageId) -> Result<Option<Message>, Failure> {
        let row = self.tables.get(&MESSAGES_BY_ID, vec![tenant.as_str().into(), id.as_str().into()]).await?;
        row.as_ref().map(read).transpose()
    }

    /// Stores a new message; gives back the one that was there, if one was. Repeating it changes nothing.
    pub async fn create(&self, message: &Message, now_ms: i64) -> Result<Option<Message>, Failure> {
        if let Some(at_ms) = message.look_at_ms() {
            self.look_at(&message.tenant, &Target::of(message), at_ms, now_ms).await?;
        }
        self.put_index_rows(message).await?;
        let told = self.tell(message).await?;
        match self.tables.put_if_absent(row_of(message)).await {
            Ok(None) => told.happened(),
            Ok(Some(found)) => {
                let found = read(&found)?;
                told.of_another();
                return Ok(Some(found));
            }
            Err(error) => return Err(told.failed(error).await),
        }
        self.metrics.entered(message);
        self.count(message).await?;
        Ok(None)
    }

    /// Puts the message in the place of the version before it.
    pub async fn save(&self, message: &Message, now_ms: i64) -> Result<Saved, Failure> {
        if let Some(at_ms) = message.look_at_ms() {
            self.look_at(&message.tenant, &Target::of(message), at_ms, now_ms).await?;
        }
        let told = self.tell(message).await?;
        let outcome = match self.tables.put_if_version(row_of(message), message.version - 1).await {
            Err(TableError::Timeout(_)) => self.read_back(message).await,
            other => other,
        };
        match outcome {
            Ok(PutIf::Stored) => told.happened(),
            Ok(PutIf::Differs(_)) => {
                told.of_another();
                return Ok(Saved::Changed);
            }
            Err(error) => return Err(told.failed(error).await),
        }
        self.metrics.entered(message);
        self.mail_totals.entered(message);
        match self.count(message).await {
            // It is changed, and whoever changed it goes on: its next look counts it.
            Err(failure) if message.is_open() => tracing::warn!(%failure, "a message is not counted yet"),
            counted => counted?,
        }
        Ok(Saved::Yes)
    }

    /// After a write whose outcome is open: what stands there now.
    async fn read_back(&self, message: &Message) -> Result<PutIf, TableError> {
        let key = vec![message.tenant.as_str().into(), message.id.as_str().into()];
        let mut outcome = Err(TableError::Timeout("not read back".to_owned()));
        for _ in 0..READ_BACK_TRIES {
            outcome = self.tables.get(&MESSAGES_BY_ID, key.clone()).await;
            if outcome.is_ok() {
                break;
            }
        }
        let found = outcome?;
        let ours = found.as_ref().is_some_and(|row| read(row).is_ok_and(|found| found == *message));
        if ours {
            return Ok(PutIf::Stored);
        }
        // A write may still be under way behind a timeout: whether it happens shows at the next look.
        if found.as_ref().is_some_and(|row| row.int("version") == message.version - 1) {
            return Err(TableError::Timeout("not there yet".to_owned()));
        }
        Ok(PutIf::Differs(found))
    }

    /// The messages of a registration to its person, in no order.
    pub async fn of_registration(&self, tenant: &TenantId, registration: &str) -> Result<Vec<Message>, Failure> {
        self.indexed(&MESSAGES_BY_REGISTRATION, tenant, registration).await
    }

    /// The notices of a registration, in no order.
    pub async fn notices_of_registration(
        &self,
        tenant: &TenantId,
        registration: &str,
    ) -> Result<Vec<Message>, Failure> {
        self.indexed(&NOTICES_BY_REGISTRATION, tenant, registration).await
    }

    async fn indexed(
        &self,
        table: &'static Table,
        tenant: &TenantId,
        registration: &str,
    ) -> Result<Vec<Message>, Failure> {
        let partition = vec![tenant.as_str().into(), registration.into()];
        let range = Range::of(table, partition).limit(OF_REGISTRATION_MAX);
        self.read_all(tenant, self.tables.range(range).await?.rows).await
    }

    /// A page of the messages to a person, newest first, and the place where the next goes on. It may be shorter than asked for.
    pub async fn of_person(
        &self,
        tenant: &TenantId,
        person: &str,
        after: Option<PersonPlace>,
        limit: usize,
    ) -> Result<(Vec<Message>, Option<PersonPlace>), Failure> {
        let partition = vec![tenant.as_str().into(), person.into()];
        let mut range = Range::of(&MESSAGES_BY_PERSON, partition).reverse().limit(limit);
        if let Some((planned_at_ms, id)) = after {
            range = range.after(vec![Value::Time(planned_at_ms), id.into()]);
        }
        let page = self.tables.range(range).await?;
        let place = |row: &Row| (row.time("planned_at"), row.text("message_id").to_owned());
        let next = page.rows.last().filter(|_| page.next.is_some()).map(place);
        Ok((self.read_all(tenant, page.rows).await?, next))
    }

    /// What the ledger says of the messages that these rows name, in their order.
    pub(super) async fn read_all(&self, tenant: &TenantId, rows: Vec<Row>) -> Result<Vec<Message>, Failure> {
        let ids = rows.into_iter().map(|row| MessageId::read(row.text("message_id")).ok_or_else(|| unreadable(&row)));
        let ids: Vec<MessageId> = ids.collect::<Result<_, _>>()?;
        let messages = stream::iter(ids).map(|id| async move { self.message(tenant, &id).await });
        let messages: Vec<Option<Message>> = messages.buffered(READS_AT_ONCE_MAX).try_collect().await?;
        // A row that leads nowhere was left by a planning that was cut off.
        Ok(messages.into_iter().flatten().collect())
    }

    async fn put_index_rows(&self, message: &Message) -> Result<(), Failure> {
        let (tenant, id) = (message.tenant.as_str(), message.id.as_str());
        if !message.registration.is_empty() {
            let table = if message.is_notice() { &NOTICES_BY_REGISTRATION } else { &MESSAGES_BY_REGISTRATION };
            let row = Row::new(table)
                .set("tenant_id", tenant)
                .set("registration_id", message.registration.as_str())
                .set("message_id", id);
            self.tables.put(row).await?;
        }
        if !message.person.is_empty() {
            let row = Row::new(&MESSAGES_BY_PERSON)
                .set("tenant_id", tenant)
                .set("person_id", message.person.as_str())
                .set("planned_at", Value::Time(message.planned_at_ms))
                .set("message_id", id);
            self.tables.put(row).await?;
        }
        Ok(())
    }

    async fn tell(&self, message: &Message) -> Result<Told, Failure> {
        // Being handed over is over in a moment: the state after it is told. And notices are how the organiser is told.
        if message.state == State::Sending || message.is_notice() {
            return Ok(Told(None));
        }
        let at_ms = message.state_at_ms;
        let changed = MessageStateChanged {
            event_id: message.event.as_ref().map(ToString::to_string).unwrap_or_default(),
            registration_id: message.registration.clone(),
            person_id: message.person.clone(),
        };
        let event = DomainEvent {
            message_id: announcement_id(message),
            tenant_id: message.tenant.to_string(),
            at: Some(timestamp(at_ms)),
            what: Some(domain_event::What::Message(changed)),
        };
        Ok(Told(Some(self.outbox.announce(vec![(EventKind::Message, event)]).await?)))
    }
}

/// What is announced of a change, if anything is.
struct Told(Option<Announcement>);

impl Told {
    fn happened(self) {
        if let Some(announcement) = self.0 {
            announcement.done();
        }
    }

    /// Refused by what stands there: mostly somebody else's, who told of it. But a write of before whose answer did not come may have
    /// taken effect only now, and nobody would tell of it any more. Whoever hears of a message twice reads the same.
    fn of_another(self) {
        self.happened();
    }

    /// A change that failed surely did not happen, or may have.
    async fn failed(self, error: TableError) -> Failure {
        match error {
            TableError::Timeout(_) => self.happened(),
            _ => {
                if let Some(announcement) = self.0 {
                    announcement.withdrawn().await;
                }
            }
        }
        error.into()
    }
}

const ANNOUNCED: &str = "message-";

/// Another for each try: a version may be announced in vain first, and the bus would take the second word for the first.
fn announcement_id(message: &Message) -> String {
    format!("{ANNOUNCED}{}-{}-{}", message.id, message.version, random::sortable_id())
}

/// Which message an announcement of ours is about. What comes after the id is not ours alone: the outbox adds a word when it is late.
pub(crate) fn announced(announcement_id: &str) -> Option<MessageId> {
    MessageId::read(announcement_id.strip_prefix(ANNOUNCED)?.split_once('-')?.0)
}

pub(crate) fn timestamp(at_ms: i64) -> Timestamp {
    Timestamp { seconds: at_ms.div_euclid(1000), nanos: at_ms.rem_euclid(1000) as i32 * 1_000_000 }
}

fn row_of(message: &Message) -> Row {
    Row::new(&MESSAGES_BY_ID)
        .set("tenant_id", message.tenant.as_str())
        .set("message_id", message.id.as_str())
        .set("kind", message.kind.as_str_name())
        .set("occurrence", message.occurrence.as_str())
        .set("rank", message.rank)
        .set("channel", message.channel.as_str_name())
        .set("event_id", message.event.as_ref().map_or("", EventId::as_str))
        .set("registration_id", message.registration.as_str())
        .set("person_id", message.person.as_str())
        .set("state", message.state.as_str_name())
        .set("reason", message.reason.map_or("", Reason::word))
        .set("due_at", Value::Time(message.due_at_ms))
        .set("expires_at", Value::Time(message.expires_at_ms))
        .set("planned_at", Value::Time(message.planned_at_ms))
        .set("state_at", Value::Time(message.state_at_ms))
        .set("attempts", message.attempts)
        .set("lease_until", Value::Time(message.lease_until_ms))
        .set("maybe_twice", message.maybe_twice)
        .set("on_purpose", message.on_purpose)
        .set("by_person", message.by_person)
        .set("sealed", message.sealed.as_slice())
        .set("address_key", message.address_key.as_slice())
        .set("carrier_id", message.carrier.as_ref().map_or("", MessageId::as_str))
        .set("rider_ids", message.riders.iter().map(MessageId::as_str).collect::<Vec<_>>().join(" "))
        .set("version", message.version)
}

fn read(row: &Row) -> Result<Message, Failure> {
    let event = row.text("event_id");
    let wrong = || unreadable(row);
    Ok(Message {
        tenant: row.text("tenant_id").parse().map_err(|_| wrong())?,
        id: MessageId::read(row.text("message_id")).ok_or_else(wrong)?,
        kind: Kind::from_str_name(row.text("kind")).ok_or_else(wrong)?,
        occurrence: row.text("occurrence").to_owned(),
        rank: row.int("rank"),
        channel: Channel::from_str_name(row.text("channel")).ok_or_else(wrong)?,
        event: if event.is_empty() { None } else { Some(event.parse().map_err(|_| wrong())?) },
        registration: row.text("registration_id").to_owned(),
        person: row.text("person_id").to_owned(),
        state: State::from_str_name(row.text("state")).ok_or_else(wrong)?,
        reason: Reason::read(row.text("reason")),
        due_at_ms: row.time("due_at"),
        expires_at_ms: row.time("expires_at"),
        planned_at_ms: row.time("planned_at"),
        state_at_ms: row.time("state_at"),
        attempts: row.int("attempts"),
        lease_until_ms: row.time("lease_until"),
        maybe_twice: row.flag("maybe_twice"),
        on_purpose: row.flag("on_purpose"),
        by_person: row.flag("by_person"),
        sealed: row.bytes("sealed").to_vec(),
        address_key: row.bytes("address_key").to_vec(),
        carrier: MessageId::read(row.text("carrier_id")),
        riders: row.text("rider_ids").split(' ').filter_map(MessageId::read).collect(),
        version: row.int("version"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::life::tests::message;

    #[test]
    fn an_announcement_leads_to_its_message_also_when_it_is_late() {
        let message = message(Kind::Confirmation);
        let id = announcement_id(&message);
        assert_ne!(id, announcement_id(&message), "the bus keeps a second word of one id to itself");
        assert_eq!(announced(&id), Some(message.id.clone()));
        assert_eq!(announced(&format!("{id}-late")), Some(message.id));
        assert_eq!(announced("registration-1-2"), None);
    }
}
