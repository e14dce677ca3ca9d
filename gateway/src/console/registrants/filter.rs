//! What a list's address means to registration. A word that we do not know is no filter.

use turnout_proto::registration::v1::{PaymentState, RegistrantFilter, RegistrantOrder, RegistrationState, RsvpState};

use super::super::fields::{Sent, mode_of};
use crate::views::console::{query::ListQuery, registrants::WITHOUT_PLACE};

pub(super) fn filter(query: &ListQuery) -> RegistrantFilter {
    let state = match query.state.as_str() {
        "registered" => Some(RegistrationState::Registered),
        "waiting" => Some(RegistrationState::Waiting),
        "cancelled" => Some(RegistrationState::Cancelled),
        _ => None,
    };
    let rsvp = match query.rsvp.as_str() {
        "invited" => Some(RsvpState::Invited),
        "confirmed" => Some(RsvpState::Confirmed),
        "declined" => Some(RsvpState::Declined),
        _ => None,
    };
    let payment = match query.paid.as_str() {
        "paid" | WITHOUT_PLACE => Some(PaymentState::Paid),
        "unpaid" => Some(PaymentState::Unpaid),
        "refunded" => Some(PaymentState::Refunded),
        _ => None,
    };
    let mode = Some(mode_of(&query.mode)).filter(|_| !query.mode.is_empty());
    RegistrantFilter {
        search: query.q.trim().to_owned(),
        states: state.into_iter().map(Into::into).collect(),
        rsvps: rsvp.into_iter().map(Into::into).collect(),
        payments: payment.into_iter().map(Into::into).collect(),
        modes: mode.filter(|mode| i32::from(*mode) != 0).into_iter().map(Into::into).collect(),
        entered: yes_or_no(&query.entered),
        checked_in: yes_or_no(&query.arrived),
        has_place: (query.paid == WITHOUT_PLACE).then_some(false),
    }
}

fn yes_or_no(word: &str) -> Option<bool> {
    match word {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

pub(super) fn order(query: &ListQuery) -> RegistrantOrder {
    match query.sorted_by() {
        "name" => RegistrantOrder::Name,
        "email" => RegistrantOrder::Email,
        "entered" => RegistrantOrder::EnteredAt,
        "paid" => RegistrantOrder::Payment,
        _ => RegistrantOrder::RegisteredAt,
    }
}

/// The rows that an export's hidden fields name.
pub(super) fn of_form(sent: &Sent) -> ListQuery {
    let get = |name| sent.get(name).to_owned();
    ListQuery {
        q: get("q"),
        state: get("state"),
        rsvp: get("rsvp"),
        paid: get("paid"),
        mode: get("mode"),
        entered: get("entered"),
        arrived: get("arrived"),
        answers: get("answers"),
        sort: get("sort"),
        dir: get("dir"),
        ..ListQuery::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_filters_and_unknown_ones_none() {
        let query = ListQuery {
            q: " anna ".into(),
            state: "waiting".into(),
            paid: "nonsense".into(),
            mode: "nonsense".into(),
            entered: "no".into(),
            ..ListQuery::default()
        };
        let filter = filter(&query);
        assert_eq!(filter.search, "anna");
        assert_eq!(filter.states, [i32::from(RegistrationState::Waiting)]);
        assert!(filter.payments.is_empty() && filter.modes.is_empty());
        assert_eq!((filter.entered, filter.checked_in), (Some(false), None));
    }
}
