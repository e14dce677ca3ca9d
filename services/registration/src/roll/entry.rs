//! One registration as the list in memory keeps it: what is filtered, sorted and searched by in the open, the rest packed. About 350
//! bytes for a person with a few answers. Personal: it has no `Debug`.

use std::{borrow::Cow, collections::BTreeMap};

use turnout_platform::{
    ids::{EventId, PersonId, RegistrationId},
    listing::{Key, Listed},
    search::Indexed,
};

use crate::domain::{
    money::Money,
    registration::{Moments, Payment, Personal, Registration},
    statistics::Facts,
};

/// What is only needed to show a registration; packed as JSON, because few are shown at a time.
type Packed<'a> = (
    Option<Cow<'a, str>>,
    [Option<i64>; 2],
    Option<PackedMoments>,
    Option<(i64, Cow<'a, str>)>,
    i64,
    Cow<'a, str>,
    Cow<'a, Personal>,
);
/// None of most people: nothing that has a moment has happened.
type PackedMoments = [Option<i64>; 4];

/// One registration.
#[derive(Clone)]
pub(crate) struct Entry {
    pub id: RegistrationId,
    pub facts: Facts,
    pub version: i64,
    /// The version of the form that the answers belong to.
    pub form_version: i64,
    pub indexed: Indexed,
    registered_at_ms: i64,
    first_entered_at_ms: Option<i64>,
    packed: Box<[u8]>,
}

/// What lists are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    RegisteredAt,
    Name,
    Email,
    /// Who did not enter comes last.
    EnteredAt,
    /// Who entered last comes first, and who did not enter last all the same.
    EnteredLast,
    Payment,
}

impl Order {
    /// Whether it tells about personal fields.
    pub fn is_personal(self) -> bool {
        matches!(self, Self::Name | Self::Email)
    }
}

impl Entry {
    pub fn of(registration: &Registration) -> Self {
        let Registration { personal, paid, .. } = registration;
        let packed: Packed<'_> = (
            registration.person.as_ref().map(|person| person.as_str().into()),
            [registration.checked_in_at_ms, registration.waiting_since_ms],
            packed_moments(registration.moments),
            paid.as_ref().map(|paid| (paid.amount_minor, paid.currency.as_str().into())),
            registration.form_version,
            registration.language.as_str().into(),
            Cow::Borrowed(personal),
        );
        Self {
            id: registration.id.clone(),
            facts: Facts::of(registration),
            version: registration.version,
            form_version: registration.form_version,
            indexed: Indexed::new(
                &personal.name,
                &personal.phone,
                [personal.email.as_str(), personal.nickname.as_str()],
            ),
            registered_at_ms: registration.registered_at_ms,
            first_entered_at_ms: registration.first_entered_at_ms,
            packed: serde_json::to_vec(&packed).expect("numbers and texts are JSON").into(),
        }
    }

    /// The registration, for showing: which seat it has is not kept, nor which notices it knows.
    pub fn registration(&self, event: &EventId) -> Registration {
        let (person, [checked_in_at_ms, waiting_since_ms], moments, paid, form_version, language, personal) =
            self.unpacked();
        let [rsvp_at_ms, payment_at_ms, cancelled_at_ms, came_cancelled_at_ms] = moments.unwrap_or_default();
        Registration {
            event: event.clone(),
            id: self.id.clone(),
            person: person.and_then(|person| person.parse::<PersonId>().ok()),
            state: self.facts.state,
            rsvp: self.facts.rsvp,
            mode: self.facts.mode,
            registered_at_ms: self.registered_at_ms,
            first_entered_at_ms: self.first_entered_at_ms,
            checked_in_at_ms,
            waiting_since_ms,
            moments: Moments { rsvp_at_ms, payment_at_ms, cancelled_at_ms, came_cancelled_at_ms },
            seat: None,
            payment: self.facts.payment,
            paid: paid.map(|(amount_minor, currency)| Money { amount_minor, currency: currency.into_owned() }),
            notices: Vec::new(),
            personal: personal.into_owned(),
            form_version,
            language: language.into_owned(),
            version: self.version,
        }
    }

    /// The answers by field.
    pub fn answers(&self) -> BTreeMap<String, String> {
        self.unpacked().6.into_owned().answers
    }

    fn unpacked(&self) -> Packed<'_> {
        serde_json::from_slice(&self.packed).expect("packed by this program a moment ago")
    }
}

fn packed_moments(moments: Moments) -> Option<PackedMoments> {
    let Moments { rsvp_at_ms, payment_at_ms, cancelled_at_ms, came_cancelled_at_ms } = moments;
    let packed = [rsvp_at_ms, payment_at_ms, cancelled_at_ms, came_cancelled_at_ms];
    (moments != Moments::default()).then_some(packed)
}

impl Listed for Entry {
    type Order = Order;
    const ORDERS: &'static [Order] =
        &[Order::RegisteredAt, Order::Name, Order::Email, Order::EnteredAt, Order::EnteredLast, Order::Payment];

    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn version(&self) -> i64 {
        self.version
    }

    fn key(&self, order: Order) -> Key<'_> {
        let entered = || self.first_entered_at_ms;
        match order {
            Order::RegisteredAt => Key::Number(self.registered_at_ms),
            // Who gave no name is sorted by what is shown instead.
            Order::Name if self.indexed.name().is_empty() => Key::Text(self.indexed.others().into()),
            Order::Name => Key::Text(self.indexed.name().trim_start().into()),
            Order::Email if self.facts.nickname => Key::Text("".into()),
            Order::Email => Key::Text(self.indexed.others().into()),
            Order::EnteredAt => Key::Number(entered().unwrap_or(i64::MAX)),
            Order::EnteredLast => Key::Number(entered().map_or(i64::MAX, |at_ms| -at_ms)),
            // An event's price may come and go without a change of the registration, so both words for "not paid" are one.
            Order::Payment => Key::Number(match self.facts.payment {
                Payment::NotApplicable | Payment::Unpaid => 0,
                Payment::Paid => 1,
                Payment::Refunded => 2,
            }),
        }
    }
}
