//! Registrations, each in one row: an event's in 64 partitions, so that all of them can be read without a second copy that could lag.
//!
//! The id of a person's registration follows from event and address, so that "one registration an address and event" is the primary key.
//! The index row of a person is written before the registration: a crash in between leaves one that leads to nothing, which readers skip.
//! What is personal is ciphertext here; the store does not open it.

use aws_lc_rs::digest::{SHA256, digest};
use turnout_platform::{
    failure::Failure,
    ids::{EventId, PersonId, RegistrationId, TenantId},
    tables::{PutIf, Range, Row, Table, Value, bytes, int, text, time},
    vault::DataKey,
};

use super::{Creation, Store, unreadable};
use crate::domain::{
    money::Money,
    registration::{Mode, Moments, Payment, Personal, Registration, RegistrationState, Rsvp},
};

/// Partitions of one event. Stored rows depend on it: it must never change.
pub(crate) const REGISTRATION_SHARDS: i64 = 64;

pub(super) static REGISTRATIONS_BY_EVENT: Table = Table {
    name: "registrations_by_event",
    question: "Who is registered for this event, and where does each registration stand?",
    partition: &[text("event_id"), int("shard")],
    clustering: &[text("registration_id")],
    columns: &[
        text("tenant_id"),
        text("person_id"),
        text("state"),
        text("rsvp"),
        text("mode"),
        time("registered_at"),
        time("first_entered_at"),
        time("checked_in_at"),
        time("waiting_since"),
        time("rsvp_at"),
        time("payment_at"),
        time("cancelled_at"),
        time("came_cancelled_at"),
        int("seat"),
        text("payment"),
        int("paid_minor"),
        text("currency"),
        text("notices"),
        bytes("personal"),
        int("form_version"),
        text("language"),
        int("version"),
    ],
    lifetime_s: None,
};

/// Only where to look: what is true stands in `registrations_by_event`.
pub(super) static REGISTRATIONS_BY_PERSON: Table = Table {
    name: "registrations_by_person",
    question: "For which events may this person be registered?",
    partition: &[text("tenant_id"), text("person_id")],
    clustering: &[text("event_id"), text("registration_id")],
    columns: &[],
    lifetime_s: None,
};

/// A registration as its row holds it: `registration.personal` is empty, and stands sealed beside it.
#[derive(Debug, Clone)]
pub(crate) struct Sealed {
    pub tenant: TenantId,
    pub registration: Registration,
    personal: Vec<u8>,
}

impl Sealed {
    /// Seals with the key of [`owner_of`]. Who has no key passes none, which only an empty `personal` allows.
    pub fn new(tenant: TenantId, mut registration: Registration, key: Option<&DataKey>) -> Result<Self, Failure> {
        let personal = std::mem::take(&mut registration.personal);
        let personal = match key {
            Some(key) => key.seal(&context(&registration), &serde_json::to_vec(&personal).map_err(Failure::internal)?),
            None if personal.is_empty() => Vec::new(),
            None => return Err(Failure::internal("personal data without a key")),
        };
        Ok(Self { tenant, registration, personal })
    }

    /// Whose key opens it.
    pub fn owner(&self) -> String {
        owner_of(&self.registration)
    }

    /// Whether anything of a person is left in it.
    pub fn is_personal(&self) -> bool {
        self.registration.person.is_some() || !self.personal.is_empty()
    }

    /// Opens. Without the key (it is destroyed) or without content (retention is over) nothing personal is left.
    pub fn open(self, key: Option<&DataKey>) -> Result<Registration, Failure> {
        let Self { mut registration, personal, .. } = self;
        if let Some(key) = key.filter(|_| !personal.is_empty()) {
            let plain = key.open(&context(&registration), &personal);
            let plain = plain.ok_or_else(|| Failure::internal("the personal data of a registration does not open"))?;
            registration.personal = serde_json::from_slice(&plain).map_err(Failure::internal)?;
        }
        Ok(registration)
    }
}

/// Whose key seals what is personal in a registration: the person's, for a nickname one of its own.
pub(crate) fn owner_of(registration: &Registration) -> String {
    registration.person.as_ref().map_or_else(|| format!("reg-{}", registration.id), ToString::to_string)
}

/// A page of a shard as it is stored.
#[derive(Debug, Default)]
pub(crate) struct ShardPage {
    pub rows: Vec<Sealed>,
    /// The ids of rows that this version cannot read: one of a newer version wrote them, or they are broken.
    pub unreadable: Vec<String>,
    /// Where the next page begins; none when this was the last.
    pub next: Option<Vec<Value>>,
}

impl ShardPage {
    /// All of it, for whoever cannot do without any.
    pub fn whole(self) -> Result<Vec<Sealed>, Failure> {
        if self.unreadable.is_empty() {
            return Ok(self.rows);
        }
        Err(Failure::internal(format!("a row of table {} cannot be read", REGISTRATIONS_BY_EVENT.name)))
    }
}

impl Store {
    pub async fn registration(&self, event: &EventId, id: &RegistrationId) -> Result<Option<Sealed>, Failure> {
        let key = vec![event.as_str().into(), shard_of(id).into(), id.as_str().into()];
        let row = self.tables.get(&REGISTRATIONS_BY_EVENT, key).await?;
        row.as_ref().map(read).transpose()
    }

    /// Stores a registration that is not there yet.
    pub async fn create_registration(&self, sealed: &Sealed) -> Result<Creation<Sealed>, Failure> {
        if let Some(person) = &sealed.registration.person {
            self.tables.put(index_row(sealed, person)).await?;
        }
        let wanted = row(sealed);
        match self.tables.put_if_absent(wanted.clone()).await? {
            // Its own row, if the store was asked twice.
            Some(found) if found != wanted => Ok(Creation::Found(read(&found)?)),
            _ => Ok(Creation::Created),
        }
    }

    /// Puts the registration in the place of its version `expected`; false when another version was there.
    pub async fn replace_registration(&self, sealed: &Sealed, expected: i64) -> Result<bool, Failure> {
        let wanted = row(sealed);
        Ok(match self.tables.put_if_version(wanted.clone(), expected).await? {
            PutIf::Stored => true,
            // Its own row, if the store was asked twice.
            PutIf::Differs(found) => found.as_ref() == Some(&wanted),
        })
    }

    /// The same for one that has a person again: the way from them to it may have been cut.
    pub async fn replace_with_person(&self, sealed: &Sealed, expected: i64) -> Result<bool, Failure> {
        if let Some(person) = &sealed.registration.person {
            self.tables.put(index_row(sealed, person)).await?;
        }
        self.replace_registration(sealed, expected).await
    }

    /// A page of one of the [`REGISTRATION_SHARDS`] of an event, with what cannot be read apart.
    pub async fn page_of_shard(
        &self,
        event: &EventId,
        shard: i64,
        after: Option<Vec<Value>>,
    ) -> Result<ShardPage, Failure> {
        let mut range = Range::of(&REGISTRATIONS_BY_EVENT, vec![event.as_str().into(), shard.into()]);
        if let Some(after) = after {
            range = range.after(after);
        }
        let page = self.tables.range(range).await?;
        let mut found = ShardPage { rows: Vec::with_capacity(page.rows.len()), next: page.next, ..Default::default() };
        for row in &page.rows {
            match read(row) {
                Ok(sealed) => found.rows.push(sealed),
                Err(_) => found.unreadable.push(row.text("registration_id").to_owned()),
            }
        }
        Ok(found)
    }

    /// The same, and where it goes on; none of it if one row cannot be read.
    pub async fn registrations_of_shard(
        &self,
        event: &EventId,
        shard: i64,
        after: Option<Vec<Value>>,
    ) -> Result<(Vec<Sealed>, Option<Vec<Value>>), Failure> {
        let mut page = self.page_of_shard(event, shard, after).await?;
        let next = page.next.take();
        Ok((page.whole()?, next))
    }

    /// Where all the registrations of a person may be.
    pub async fn places_of_person(
        &self,
        tenant: &TenantId,
        person: &PersonId,
    ) -> Result<Vec<(EventId, RegistrationId)>, Failure> {
        let partition = vec![tenant.as_str().into(), person.as_str().into()];
        let place = |row: &Row| Some((row.text("event_id").parse().ok()?, row.text("registration_id").parse().ok()?));
        let (mut places, mut range) = (Vec::new(), Range::of(&REGISTRATIONS_BY_PERSON, partition));
        loop {
            let page = self.tables.range(range.clone()).await?;
            for row in &page.rows {
                places.push(place(row).ok_or_else(|| unreadable(row))?);
            }
            let Some(next) = page.next else { return Ok(places) };
            range = range.after(next);
        }
    }

    /// Cuts the way from a person to a registration, for a retention that is over.
    pub async fn forget_place(
        &self,
        tenant: &TenantId,
        person: &PersonId,
        event: &EventId,
        id: &RegistrationId,
    ) -> Result<(), Failure> {
        let key: Vec<Value> =
            [tenant.as_str(), person.as_str(), event.as_str(), id.as_str()].into_iter().map(Value::from).collect();
        Ok(self.tables.delete(&REGISTRATIONS_BY_PERSON, key).await?)
    }
}

/// The partition of a registration. Stored rows depend on it: it must never change.
fn shard_of(id: &RegistrationId) -> i64 {
    let hash = digest(&SHA256, id.as_str().as_bytes());
    let first = hash.as_ref().first_chunk().copied().map(u64::from_be_bytes).unwrap_or_default();
    (first % REGISTRATION_SHARDS.unsigned_abs()) as i64
}

fn context(registration: &Registration) -> String {
    format!("registrations/{}/{}", registration.event, registration.id)
}

/// A put leaves what it does not set as it was, so a link that is cut and an amount that is gone are written as empty, and the first
/// seat is written as 1: 0 is none.
fn row(sealed: &Sealed) -> Row {
    let it = &sealed.registration;
    let (paid_minor, currency) = it.paid.as_ref().map_or((0, ""), |paid| (paid.amount_minor, paid.currency.as_str()));
    Row::new(&REGISTRATIONS_BY_EVENT)
        .set("event_id", it.event.as_str())
        .set("shard", shard_of(&it.id))
        .set("registration_id", it.id.as_str())
        .set("tenant_id", sealed.tenant.as_str())
        .set("person_id", it.person.as_ref().map_or("", PersonId::as_str))
        .set("state", it.state.word())
        .set("rsvp", it.rsvp.word())
        .set("mode", it.mode.word())
        .set("registered_at", Value::Time(it.registered_at_ms))
        .set_opt("first_entered_at", it.first_entered_at_ms.map(Value::Time))
        .set_opt("checked_in_at", it.checked_in_at_ms.map(Value::Time))
        .set_opt("waiting_since", it.waiting_since_ms.map(Value::Time))
        .set_opt("rsvp_at", it.moments.rsvp_at_ms.map(Value::Time))
        .set_opt("payment_at", it.moments.payment_at_ms.map(Value::Time))
        .set_opt("cancelled_at", it.moments.cancelled_at_ms.map(Value::Time))
        .set_opt("came_cancelled_at", it.moments.came_cancelled_at_ms.map(Value::Time))
        .set("seat", it.seat.map_or(0, |seat| i64::from(seat) + 1))
        .set("payment", it.payment.word())
        .set("paid_minor", paid_minor)
        .set("currency", currency)
        .set("notices", it.notices.join(","))
        .set("personal", sealed.personal.as_slice())
        .set("form_version", it.form_version)
        .set("language", it.language.as_str())
        .set("version", it.version)
}

fn read(row: &Row) -> Result<Sealed, Failure> {
    let person = |id: &str| if id.is_empty() { Some(None) } else { id.parse().ok().map(Some) };
    let currency = row.text("currency");
    let paid = Money { amount_minor: row.int("paid_minor"), currency: currency.to_owned() };
    let parts = || {
        let rsvp = Rsvp::of_word(row.text("rsvp"))?;
        let seat = u32::try_from(row.int("seat") - 1).ok();
        let registration = Registration {
            event: row.text("event_id").parse().ok()?,
            id: row.text("registration_id").parse().ok()?,
            person: person(row.text("person_id"))?,
            state: RegistrationState::of_word(row.text("state"))?,
            rsvp,
            mode: Mode::of_word(row.text("mode"))?,
            registered_at_ms: row.time("registered_at"),
            first_entered_at_ms: row.opt_time("first_entered_at"),
            checked_in_at_ms: row.opt_time("checked_in_at"),
            waiting_since_ms: row.opt_time("waiting_since"),
            moments: Moments {
                rsvp_at_ms: row.opt_time("rsvp_at"),
                payment_at_ms: row.opt_time("payment_at"),
                cancelled_at_ms: row.opt_time("cancelled_at"),
                came_cancelled_at_ms: row.opt_time("came_cancelled_at"),
            },
            // Rows of a time when who declined kept the place: it is theirs no more.
            seat: seat.filter(|_| rsvp != Rsvp::Declined),
            payment: Payment::of_word(row.text("payment"))?,
            paid: (!currency.is_empty()).then_some(paid),
            notices: row.text("notices").split(',').filter(|id| !id.is_empty()).map(str::to_owned).collect(),
            personal: Personal::default(),
            form_version: row.int("form_version"),
            language: row.text("language").to_owned(),
            version: row.int("version"),
        };
        let tenant = row.text("tenant_id").parse().ok()?;
        Some(Sealed { tenant, registration, personal: row.bytes("personal").to_vec() })
    };
    parts().ok_or_else(|| unreadable(row))
}

fn index_row(sealed: &Sealed, person: &PersonId) -> Row {
    Row::new(&REGISTRATIONS_BY_PERSON)
        .set("tenant_id", sealed.tenant.as_str())
        .set("person_id", person.as_str())
        .set("event_id", sealed.registration.event.as_str())
        .set("registration_id", sealed.registration.id.as_str())
}
