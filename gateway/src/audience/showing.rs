//! What the services answer, as the views want it. Pure.

use prost_types::Timestamp;
use turnout_platform::money;
use turnout_proto::{
    common::v1::Money,
    registration::v1::{
        AttendanceMode, Event, EventState, PaymentState, Registration, RegistrationState, RsvpState, Statistics,
    },
};

use super::language::Reader;
use crate::{
    directory::state_view,
    views::{EntryView, EventHead, ModeView, PaymentView, PlacesView, RsvpView, StandingView, When, Words, text::LANG},
};

/// A moment of the wire in milliseconds since 1970.
pub(super) fn millis(at: &Timestamp) -> i64 {
    at.seconds * 1000 + i64::from(at.nanos) / 1_000_000
}

pub(super) fn when(at: Option<&Timestamp>, zone: &str) -> Option<When> {
    When::new(millis(at?), None, zone)
}

/// The lines at the top of an event's pages.
pub(super) fn head(event: &Event) -> EventHead {
    let when = event.starts_at.as_ref().and_then(|at| {
        let ends = event.ends_at.as_ref().map(millis);
        When::new(millis(at), ends, &event.zone)
    });
    EventHead {
        event_id: event.event_id.clone(),
        title: title(event),
        state: state_view(event.state()),
        when,
        venue: event.venue.clone(),
        mode: mode(event.mode()),
        price: event.price.as_ref().map(amount),
        published: event.published,
    }
}

/// The title is written in the event's own language.
pub(super) fn title(event: &Event) -> Words {
    let lang = event.languages.first().map_or(LANG, String::as_str).to_owned();
    Words { text: event.title.clone(), lang }
}

pub(super) fn amount(amount: &Money) -> String {
    money::in_words(amount.amount_minor, &amount.currency)
}

pub(super) fn mode(mode: AttendanceMode) -> Option<ModeView> {
    match mode {
        AttendanceMode::Unspecified => None,
        AttendanceMode::OnSite => Some(ModeView::OnSite),
        AttendanceMode::Online => Some(ModeView::Online),
        AttendanceMode::Hybrid => Some(ModeView::Hybrid),
    }
}

pub(super) fn mode_of_wire(mode: Option<ModeView>) -> AttendanceMode {
    match mode {
        None => AttendanceMode::Unspecified,
        Some(ModeView::OnSite) => AttendanceMode::OnSite,
        Some(ModeView::Online) => AttendanceMode::Online,
        Some(ModeView::Hybrid) => AttendanceMode::Hybrid,
    }
}

pub(super) fn standing(registration: &Registration) -> StandingView {
    match registration.state() {
        RegistrationState::Registered if registration.rsvp() == RsvpState::Declined => StandingView::Declined,
        RegistrationState::Registered | RegistrationState::Unspecified => StandingView::Registered,
        RegistrationState::Waiting => StandingView::Waiting,
        RegistrationState::Cancelled => StandingView::Cancelled,
    }
}

pub(super) fn rsvp(registration: &Registration) -> Option<RsvpView> {
    match registration.rsvp() {
        RsvpState::Unspecified => None,
        RsvpState::Invited => Some(RsvpView::Asked),
        RsvpState::Confirmed => Some(RsvpView::Confirmed),
        RsvpState::Declined => Some(RsvpView::Declined),
    }
}

/// Item 10: a free event says nothing about payment.
pub(super) fn payment(event: &Event, registration: &Registration) -> Option<PaymentView> {
    let paid = || registration.paid.as_ref().or(event.price.as_ref()).map(amount).unwrap_or_default();
    match registration.payment() {
        PaymentState::Unspecified | PaymentState::NotApplicable => None,
        // Who waits for a place does not pay yet.
        PaymentState::Unpaid if registration.state() == RegistrationState::Waiting => None,
        PaymentState::Unpaid => Some(PaymentView::Unpaid {
            amount: event.price.as_ref().map(amount).unwrap_or_default(),
            reference: registration.registration_id.clone(),
        }),
        PaymentState::Paid => Some(PaymentView::Paid(paid())),
        PaymentState::Refunded => Some(PaymentView::Refunded(paid())),
    }
}

/// Whether somebody may come in. The service decides when they do; this tells them beforehand.
pub(super) fn entry(event: &Event, registration: &Registration) -> EntryView {
    let unpaid = matches!(registration.payment(), PaymentState::Unpaid | PaymentState::Refunded);
    match standing(registration) {
        StandingView::Cancelled => EntryView::Cancelled,
        _ if event.state() == EventState::Cancelled => EntryView::EventCancelled,
        StandingView::Waiting => EntryView::NoPlace,
        StandingView::Declined => EntryView::Declined,
        StandingView::Registered if event.price.is_some() && unpaid => EntryView::Unpaid,
        StandingView::Registered
            if event.rsvp && event.refuse_unconfirmed && registration.rsvp() != RsvpState::Confirmed =>
        {
            EntryView::Unconfirmed
        }
        StandingView::Registered => EntryView::Open,
    }
}

/// People can register: published, and neither over nor cancelled.
pub(super) fn is_open(event: &Event) -> bool {
    event.published && matches!(event.state(), EventState::Draft | EventState::Live)
}

/// Whether there is room; none when there is none. Without statistics nothing is said, and the service decides.
pub(super) fn places(event: &Event, statistics: Option<&Statistics>) -> Option<PlacesView> {
    let Some(statistics) = statistics.filter(|_| event.capacity > 0) else { return Some(PlacesView::Unlimited) };
    let taken = statistics.on_site + statistics.online + statistics.hybrid;
    match u64::try_from(i64::from(event.capacity) - taken) {
        // Whoever waits comes first.
        Ok(left) if left > 0 && statistics.waiting == 0 => Some(PlacesView::Left(left)),
        _ if event.waiting_list => Some(PlacesView::WaitingList),
        _ => None,
    }
}

/// The year of a moment, for years of birth.
pub(super) fn year(at_ms: u64) -> i16 {
    let at = jiff::Timestamp::from_millisecond(at_ms as i64).unwrap_or_default();
    at.to_zoned(jiff::tz::TimeZone::UTC).year()
}

/// Who it is, in one line.
pub(super) fn who(registration: &Registration) -> String {
    let names = [&registration.name, &registration.nickname, &registration.email];
    names.into_iter().find(|name| !name.is_empty()).cloned().unwrap_or_default()
}

/// The languages beside the head.
pub(super) fn with_languages(event: &Event, reader: &Reader) -> (EventHead, Vec<crate::views::LanguageLink>) {
    (head(event), reader.links())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paid_event() -> Event {
        Event { price: Some(Money { amount_minor: 2500, currency: "EUR".into() }), ..Event::default() }
    }

    fn registration(payment: PaymentState, rsvp: RsvpState) -> Registration {
        let state = RegistrationState::Registered.into();
        Registration { state, payment: payment.into(), rsvp: rsvp.into(), ..Registration::default() }
    }

    #[test]
    fn item_10_a_free_event_says_nothing_about_payment_and_a_paid_one_keeps_the_unpaid_out() {
        let free = registration(PaymentState::NotApplicable, RsvpState::Unspecified);
        assert_eq!(payment(&Event::default(), &free), None);
        assert_eq!(entry(&Event::default(), &free), EntryView::Open);
        let unpaid = registration(PaymentState::Unpaid, RsvpState::Unspecified);
        let unpaid = Registration { registration_id: "r1".into(), ..unpaid };
        let due = PaymentView::Unpaid { amount: "25.00 EUR".into(), reference: "r1".into() };
        assert_eq!(payment(&paid_event(), &unpaid), Some(due));
        let waiting = Registration { state: RegistrationState::Waiting.into(), ..unpaid.clone() };
        assert_eq!(payment(&paid_event(), &waiting), None);
        assert_eq!(entry(&paid_event(), &unpaid), EntryView::Unpaid);
        let paid = registration(PaymentState::Paid, RsvpState::Unspecified);
        assert_eq!(entry(&paid_event(), &paid), EntryView::Open);
    }

    #[test]
    fn item_21_the_unconfirmed_are_kept_out_only_where_the_event_says_so() {
        let asked = registration(PaymentState::NotApplicable, RsvpState::Invited);
        let strict = Event { rsvp: true, refuse_unconfirmed: true, ..Event::default() };
        let lenient = Event { rsvp: true, ..Event::default() };
        assert_eq!(entry(&strict, &asked), EntryView::Unconfirmed);
        assert_eq!(entry(&lenient, &asked), EntryView::Open);
        let declined = registration(PaymentState::NotApplicable, RsvpState::Declined);
        assert_eq!((standing(&declined), entry(&lenient, &declined)), (StandingView::Declined, EntryView::Declined));
        let confirmed = registration(PaymentState::NotApplicable, RsvpState::Confirmed);
        assert_eq!(entry(&strict, &confirmed), EntryView::Open);
    }

    #[test]
    fn places_that_are_left_are_told_and_nobody_passes_those_who_wait() {
        let event = |waiting_list| Event { capacity: 10, waiting_list, ..Event::default() };
        let taken = |online, waiting| Statistics { online, waiting, ..Statistics::default() };
        assert_eq!(places(&Event::default(), Some(&taken(3, 0))), Some(PlacesView::Unlimited));
        assert_eq!(places(&event(true), None), Some(PlacesView::Unlimited));
        assert_eq!(places(&event(false), Some(&taken(9, 0))), Some(PlacesView::Left(1)));
        assert_eq!(places(&event(false), Some(&taken(10, 0))), None);
        assert_eq!(places(&event(true), Some(&taken(10, 0))), Some(PlacesView::WaitingList));
        assert_eq!(places(&event(true), Some(&taken(9, 2))), Some(PlacesView::WaitingList));
        assert_eq!(places(&event(false), Some(&taken(12, 0))), None);
    }
}
