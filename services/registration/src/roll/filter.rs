//! Requests for registrants as the wire writes them: filter, order, page, and what a page token belongs to. Decides who may search by
//! what: personal fields are for those who may see them.

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use turnout_platform::{auth::Principal, failure::Failure, ids::EventId, search::Query};
use turnout_proto::registration::v1 as wire;

use super::{
    entry::Order,
    list::{Filter, Walk},
};
use crate::domain::registration::{Mode, Payment, RegistrationState, Rsvp};

/// Rows of a page: the most, and what 0 stands for.
const PAGE_SIZE_MAX: usize = 500;
const PAGE_SIZE_USUAL: usize = 50;
/// Words of each part of a filter; more than there are would only repeat some.
const WORDS_MAX: usize = 16;

/// A filter as asked for.
pub(crate) fn filter(asked: Option<&wire::RegistrantFilter>, caller: &Principal) -> Result<Filter, Failure> {
    let Some(asked) = asked else { return Ok(Filter::default()) };
    let query = Query::parse(&asked.search).map_err(|rule| Failure::invalid("filter.search", rule.to_string()))?;
    let query = Some(query).filter(|query| !query.is_empty());
    if query.is_some() && !caller.sees_personal() {
        return Err(not_for_you("search"));
    }
    Ok(Filter {
        query,
        states: words("filter.states", &asked.states, |state: wire::RegistrationState| match state {
            wire::RegistrationState::Registered => Some(RegistrationState::Registered),
            wire::RegistrationState::Waiting => Some(RegistrationState::Waiting),
            wire::RegistrationState::Cancelled => Some(RegistrationState::Cancelled),
            wire::RegistrationState::Unspecified => None,
        })?,
        rsvps: words("filter.rsvps", &asked.rsvps, |rsvp: wire::RsvpState| {
            Some(match rsvp {
                wire::RsvpState::Unspecified => Rsvp::NotAsked,
                wire::RsvpState::Invited => Rsvp::Invited,
                wire::RsvpState::Confirmed => Rsvp::Confirmed,
                wire::RsvpState::Declined => Rsvp::Declined,
            })
        })?,
        payments: words("filter.payments", &asked.payments, |payment: wire::PaymentState| match payment {
            wire::PaymentState::NotApplicable => Some(Payment::NotApplicable),
            wire::PaymentState::Unpaid => Some(Payment::Unpaid),
            wire::PaymentState::Paid => Some(Payment::Paid),
            wire::PaymentState::Refunded => Some(Payment::Refunded),
            wire::PaymentState::Unspecified => None,
        })?,
        modes: words("filter.modes", &asked.modes, |mode: wire::AttendanceMode| match mode {
            wire::AttendanceMode::OnSite => Some(Mode::OnSite),
            wire::AttendanceMode::Online => Some(Mode::Online),
            wire::AttendanceMode::Hybrid => Some(Mode::Hybrid),
            wire::AttendanceMode::Unspecified => None,
        })?,
        entered: asked.entered,
        checked_in: asked.checked_in,
        has_place: asked.has_place,
    })
}

fn words<W: TryFrom<i32>, T>(
    field: &'static str,
    asked: &[i32],
    read: impl Fn(W) -> Option<T>,
) -> Result<Vec<T>, Failure> {
    if asked.len() > WORDS_MAX {
        return Err(Failure::invalid(field, format!("must be at most {WORDS_MAX}")));
    }
    let words = asked.iter().map(|word| W::try_from(*word).ok().and_then(&read));
    words.collect::<Option<_>>().ok_or_else(|| Failure::invalid(field, "must be values that a registration can have"))
}

/// An order as asked for.
pub(crate) fn walk(asked: i32, descending: bool, caller: &Principal) -> Result<Walk, Failure> {
    use wire::RegistrantOrder as Asked;
    let order = match Asked::try_from(asked) {
        Ok(Asked::Unspecified | Asked::RegisteredAt) => Order::RegisteredAt,
        Ok(Asked::Name) => Order::Name,
        Ok(Asked::Email) => Order::Email,
        // Who did not enter comes last in both directions, so one is not the other in reverse.
        Ok(Asked::EnteredAt) if descending => return Ok(Walk { order: Order::EnteredLast, reverse: false }),
        Ok(Asked::EnteredAt) => Order::EnteredAt,
        Ok(Asked::Payment) => Order::Payment,
        Err(_) => return Err(Failure::invalid("order", "must be one of RegistrantOrder")),
    };
    if order.is_personal() && !caller.sees_personal() {
        return Err(not_for_you("order"));
    }
    Ok(Walk { order, reverse: descending })
}

/// Rows that are not shown must not be guessed by searching or sorting either.
fn not_for_you(what: &str) -> Failure {
    Failure::Precondition(format!("your role does not see personal fields, so it cannot {what} by them"))
}

/// How many rows a page has.
pub(crate) fn page_size(wanted: i32) -> Result<usize, Failure> {
    match usize::try_from(wanted) {
        Ok(0) => Ok(PAGE_SIZE_USUAL),
        Ok(rows) if rows <= PAGE_SIZE_MAX => Ok(rows),
        _ => Err(Failure::invalid("page_size", format!("must be 1 to {PAGE_SIZE_MAX}, or 0 for {PAGE_SIZE_USUAL}"))),
    }
}

/// What a page token belongs to: it opens in no other list.
pub(crate) fn list_name(event: &EventId, filter: Option<&wire::RegistrantFilter>, walk: Walk) -> String {
    let filter = filter.cloned().unwrap_or_default();
    let hash = digest(&SHA256, format!("{filter:?}").as_bytes());
    format!("page/{event}/{walk:?}/{}", BASE64_URL_SAFE_NO_PAD.encode(hash))
}
