//! Events by id, and the index of each tenant's events.
//!
//! A creation writes the index row first, the event second. A crash in between leaves an index row that leads to no event with
//! the same time of creation: lists skip such rows, and a retry writes a fresh one. The other order could leave an event that
//! no list ever shows. The index row is not removed when the outcome of the second write is unknown: the event may be there.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use turnout_platform::{
    failure::Failure,
    ids::{EventId, TenantId},
    page_tokens::TimePlace,
    tables::{PutIf, Range, Row, Value},
};

use super::{Creation, EVENTS_BY_ID, EVENTS_BY_TENANT, Store, unreadable};
use crate::domain::{
    event::{Event, State},
    money::Money,
    registration::Mode,
    settings::{Settings, USUAL_ZONE},
};

/// Events of a page that are read at the same time.
const READS_AT_ONCE_MAX: usize = 16;

/// A page of a tenant's events.
pub(crate) struct EventPage {
    pub events: Vec<Event>,
    /// Where the next page begins; none when this was the last.
    pub next: Option<TimePlace<EventId>>,
    /// Index rows that led to no event: left by a creation that was cut off.
    pub skipped: usize,
    /// Events that this version cannot read.
    pub unreadable: Vec<EventId>,
}

impl EventPage {
    /// The page, for whoever cannot do without any of its events.
    pub fn whole(self) -> Result<Self, Failure> {
        if self.unreadable.is_empty() {
            return Ok(self);
        }
        Err(Failure::internal(format!("a row of table {} cannot be read", EVENTS_BY_ID.name)))
    }
}

impl Store {
    pub async fn event(&self, id: &EventId) -> Result<Option<Event>, Failure> {
        let row = self.tables.get(&EVENTS_BY_ID, vec![id.as_str().into()]).await?;
        row.as_ref().map(read).transpose()
    }

    pub async fn create_event(&self, event: &Event) -> Result<Creation<Event>, Failure> {
        self.tables.put(index_row(event)).await?;
        self.note_running(event).await?;
        let Some(row) = self.tables.put_if_absent(event_row(event)).await? else {
            return Ok(Creation::Created);
        };
        let found = read(&row)?;
        // Its own index row may be the very one that was just written.
        if (&found.tenant, found.created_at_ms) != (&event.tenant, event.created_at_ms) {
            self.tables.delete(&EVENTS_BY_TENANT, index_key(event)).await?;
        }
        Ok(Creation::Found(found))
    }

    /// Puts the event in the place of its version `expected`; false when another version was there.
    pub async fn replace_event(&self, event: &Event, expected: i64) -> Result<bool, Failure> {
        self.note_running(event).await?;
        let outcome = self.tables.put_if_version(event_row(event), expected).await?;
        Ok(outcome == PutIf::Stored)
    }

    /// Before it is stored, so that none runs of which nobody knows.
    async fn note_running(&self, event: &Event) -> Result<(), Failure> {
        if event.state == State::Live || (event.state == State::Draft && event.settings.published) {
            self.may_run(&event.id).await?;
        }
        Ok(())
    }

    /// A tenant's events, newest first, with those that cannot be read apart. A page may be short although another follows.
    pub async fn events_of(
        &self,
        tenant: &TenantId,
        after: Option<TimePlace<EventId>>,
        limit: usize,
    ) -> Result<EventPage, Failure> {
        let mut range = Range::of(&EVENTS_BY_TENANT, vec![tenant.as_str().into()]).reverse().limit(limit);
        if let Some(place) = after {
            range = range.after(vec![Value::Time(place.at_ms), place.id.as_str().into()]);
        }
        let page = self.tables.range(range).await?;
        let places: Vec<_> = page.rows.iter().map(place).collect::<Result<_, _>>()?;
        let next = page.next.and(places.last().cloned());
        let found: Vec<(TimePlace<EventId>, Option<Row>)> = stream::iter(places)
            .map(|place| async move {
                let row = self.tables.get(&EVENTS_BY_ID, vec![place.id.as_str().into()]).await?;
                Ok::<_, Failure>((place, row))
            })
            .buffered(READS_AT_ONCE_MAX)
            .try_collect()
            .await?;
        let (mut events, mut skipped, mut unreadable) = (Vec::with_capacity(found.len()), 0, Vec::new());
        for (place, row) in found {
            match row.as_ref().map(read) {
                Some(Ok(event)) if event.tenant == *tenant && event.created_at_ms == place.at_ms => events.push(event),
                Some(Err(_)) => unreadable.push(place.id),
                _ => skipped += 1,
            }
        }
        Ok(EventPage { events, next, skipped, unreadable })
    }
}

/// A put leaves what it does not set as it was, so what an organiser may clear is written as empty: no currency means no price, and
/// the end of an event that is open stands at the time 0.
fn event_row(event: &Event) -> Row {
    let settings = &event.settings;
    let (price_minor, currency) =
        settings.price.as_ref().map_or((0, ""), |price| (price.amount_minor, price.currency.as_str()));
    Row::new(&EVENTS_BY_ID)
        .set("event_id", event.id.as_str())
        .set("tenant_id", event.tenant.as_str())
        .set("title", event.title.as_str())
        .set("state", event.state.to_string())
        .set("created_at", Value::Time(event.created_at_ms))
        .set_opt("live_at", event.live_at_ms.map(Value::Time))
        .set_opt("ended_at", event.ended_at_ms.map(Value::Time))
        .set("summary", settings.summary.as_str())
        .set("zone", settings.zone.as_str())
        .set("starts_at", Value::Time(settings.starts_at_ms))
        .set("ends_at", Value::Time(settings.ends_at_ms.unwrap_or_default()))
        .set("venue", settings.venue.as_str())
        .set("mode", settings.mode.word())
        .set("price_minor", price_minor)
        .set("currency", currency)
        .set("rsvp", settings.rsvp)
        .set("refuse_unconfirmed", settings.refuse_unconfirmed)
        .set("capacity", settings.capacity)
        .set("waiting_list", settings.waiting_list)
        .set("published", settings.published)
        .set("nicknames", settings.nicknames)
        .set("languages", settings.languages.join(","))
        .set("version", event.version)
}

fn read(row: &Row) -> Result<Event, Failure> {
    let parts = || {
        Some(Event {
            id: row.text("event_id").parse().ok()?,
            tenant: row.text("tenant_id").parse().ok()?,
            title: row.text("title").to_owned(),
            state: row.text("state").parse().ok()?,
            created_at_ms: row.time("created_at"),
            live_at_ms: row.opt_time("live_at"),
            ended_at_ms: row.opt_time("ended_at"),
            version: row.int("version"),
            settings: read_settings(row)?,
        })
    };
    parts().ok_or_else(|| unreadable(row))
}

/// An event from before it had settings has none of these columns: it starts when it was created and is as a new one otherwise.
fn read_settings(row: &Row) -> Option<Settings> {
    let Some(starts_at_ms) = row.opt_time("starts_at") else {
        return Some(Settings::new(USUAL_ZONE.to_owned(), row.time("created_at")));
    };
    let currency = row.text("currency");
    let price = Money { amount_minor: row.int("price_minor"), currency: currency.to_owned() };
    Some(Settings {
        summary: row.text("summary").to_owned(),
        zone: row.text("zone").to_owned(),
        starts_at_ms,
        ends_at_ms: row.opt_time("ends_at").filter(|at_ms| *at_ms != 0),
        venue: row.text("venue").to_owned(),
        mode: Mode::of_word(row.text("mode"))?,
        price: (!currency.is_empty()).then_some(price),
        rsvp: row.flag("rsvp"),
        refuse_unconfirmed: row.flag("refuse_unconfirmed"),
        capacity: row.int("capacity").try_into().ok()?,
        waiting_list: row.flag("waiting_list"),
        published: row.flag("published"),
        nicknames: row.flag("nicknames"),
        languages: row.text("languages").split(',').map(str::to_owned).collect(),
    })
}

fn index_row(event: &Event) -> Row {
    Row::new(&EVENTS_BY_TENANT)
        .set("tenant_id", event.tenant.as_str())
        .set("created_at", Value::Time(event.created_at_ms))
        .set("event_id", event.id.as_str())
}

fn index_key(event: &Event) -> Vec<Value> {
    vec![event.tenant.as_str().into(), Value::Time(event.created_at_ms), event.id.as_str().into()]
}

fn place(row: &Row) -> Result<TimePlace<EventId>, Failure> {
    let id = row.text("event_id").parse().map_err(|_| unreadable(row))?;
    Ok(TimePlace { at_ms: row.time("created_at"), id })
}
