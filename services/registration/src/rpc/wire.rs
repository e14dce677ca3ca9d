//! Between the wire's words and the domain's: events and registrations out, fields and masks in. Decides nothing but who sees
//! personal fields.

pub(crate) mod forms;

use prost_types::{FieldMask, Timestamp};
use turnout_platform::{
    auth::{
        Principal,
        codes::{CodePurpose, Codes},
    },
    failure::Failure,
    ids::TenantId,
    limits::TITLE_CHARS_MAX,
};
use turnout_proto::{
    common::v1::Money as WireMoney,
    registration::v1::{
        ApiKey as WireApiKey, AttendanceMode, Event as WireEvent, EventState, PaymentState,
        Registration as WireRegistration, RegistrationState as WireState, Room as WireRoom, RsvpState,
    },
};

use crate::domain::{
    event::{Event, State},
    fields,
    keys::ListedApiKey,
    money::Money,
    registration::{Mode, Payment, Personal, Registration, RegistrationState, Rsvp},
    settings::{self, Patch, Settings},
};

/// Times that people give: from 1970 to the end of 9999.
const AT_S_MAX: i64 = 253_402_300_799;

/// An event as this caller sees it.
pub(crate) fn event(event: Event, caller: &Principal) -> WireEvent {
    let state = match event.state {
        State::Draft => EventState::Draft,
        State::Live => EventState::Live,
        State::Ended => EventState::Ended,
        State::Cancelled => EventState::Cancelled,
    };
    let settings = event.settings;
    WireEvent {
        event_id: event.id.to_string(),
        title: event.title,
        state: state.into(),
        created_at: Some(timestamp(event.created_at_ms)),
        live_at: event.live_at_ms.map(timestamp),
        ended_at: event.ended_at_ms.map(timestamp),
        version: event.version,
        tenant_id: if caller.is_mesh() { event.tenant.to_string() } else { String::new() },
        summary: settings.summary,
        zone: settings.zone,
        starts_at: Some(timestamp(settings.starts_at_ms)),
        ends_at: settings.ends_at_ms.map(timestamp),
        venue: settings.venue,
        mode: mode(settings.mode).into(),
        price: settings.price.map(money),
        rsvp: settings.rsvp,
        refuse_unconfirmed: settings.refuse_unconfirmed,
        capacity: settings.capacity as i32,
        waiting_list: settings.waiting_list,
        published: settings.published,
        nicknames: settings.nicknames,
        languages: settings.languages,
    }
}

/// An API key, which never comes with its secret or the hash of it.
pub(crate) fn api_key(key: ListedApiKey) -> WireApiKey {
    let (revoked_at, revoked_by) = key.revocation.map(|end| (timestamp(end.at_ms), end.by)).unzip();
    WireApiKey {
        key_id: key.id.to_string(),
        label: key.label,
        created_at: Some(timestamp(key.created_at_ms)),
        created_by: key.created_by,
        revoked_at,
        revoked_by: revoked_by.unwrap_or_default(),
    }
}

/// A registration as this caller sees it, under the event's present settings. Personal fields only for those who may see them; the
/// code, which opens the person's own page, only for services of the mesh.
pub(crate) fn registration(
    registration: &Registration,
    settings: &Settings,
    tenant: &TenantId,
    caller: &Principal,
    codes: &Codes,
) -> WireRegistration {
    let state = match registration.state {
        RegistrationState::Registered => WireState::Registered,
        RegistrationState::Waiting => WireState::Waiting,
        RegistrationState::Cancelled => WireState::Cancelled,
    };
    let rsvp = rsvp(settings.rsvp_now(registration.rsvp));
    let payment = match settings.payment_now(registration.payment) {
        Payment::NotApplicable => PaymentState::NotApplicable,
        Payment::Unpaid => PaymentState::Unpaid,
        Payment::Paid => PaymentState::Paid,
        Payment::Refunded => PaymentState::Refunded,
    };
    let personal = if caller.sees_personal() { registration.personal.clone() } else { Personal::default() };
    let parts = [registration.event.as_str(), registration.id.as_str()];
    let (code, tenant_id) = if caller.is_mesh() {
        (codes.make(CodePurpose::Registration, &parts), tenant.to_string())
    } else {
        Default::default()
    };
    WireRegistration {
        event_id: registration.event.to_string(),
        registration_id: registration.id.to_string(),
        person_id: registration.person.as_ref().map(ToString::to_string).unwrap_or_default(),
        state: state.into(),
        rsvp: rsvp.into(),
        mode: mode(registration.mode).into(),
        registered_at: Some(timestamp(registration.registered_at_ms)),
        first_entered_at: registration.first_entered_at_ms.map(timestamp),
        checked_in_at: registration.checked_in_at_ms.map(timestamp),
        payment: payment.into(),
        paid: registration.paid.clone().map(money),
        email: personal.email,
        name: personal.name,
        phone: personal.phone,
        nickname: personal.nickname,
        answers: personal.answers.into_iter().collect(),
        form_version: registration.form_version,
        language: registration.language.clone(),
        version: registration.version,
        code,
        tenant_id,
        waiting_since: registration.waiting_since_ms.map(timestamp),
        rsvp_at: registration.moments.rsvp_at_ms.map(timestamp),
        payment_at: registration.moments.payment_at_ms.map(timestamp),
        cancelled_at: registration.moments.cancelled_at_ms.map(timestamp),
        came_cancelled_at: registration.moments.came_cancelled_at_ms.map(timestamp),
    }
}

/// What an update of an event asks for.
pub(crate) fn patch(event: &WireEvent, mask: Option<FieldMask>) -> Result<Patch, Failure> {
    let mut patch = Patch::default();
    for path in paths(mask)? {
        match path.as_str() {
            "title" => patch.title = Some(fields::line("title", &event.title, TITLE_CHARS_MAX)?),
            "summary" => patch.summary = Some(settings::summary(&event.summary)?),
            "zone" => patch.zone = Some(settings::zone("zone", &event.zone)?),
            "starts_at" => patch.starts_at_ms = Some(required_time("starts_at", event.starts_at)?),
            "ends_at" => patch.ends_at_ms = Some(event.ends_at.map(|at| time("ends_at", at)).transpose()?),
            "venue" => patch.venue = Some(settings::venue(&event.venue)?),
            "mode" => patch.mode = Some(read_mode(event.mode)?.unwrap_or(Mode::Online)),
            "price" => patch.price = Some(event.price.as_ref().map(|price| read_money("price", price)).transpose()?),
            "rsvp" => patch.rsvp = Some(event.rsvp),
            "refuse_unconfirmed" => patch.refuse_unconfirmed = Some(event.refuse_unconfirmed),
            "capacity" => patch.capacity = Some(settings::capacity(event.capacity)?),
            "waiting_list" => patch.waiting_list = Some(event.waiting_list),
            "published" => patch.published = Some(event.published),
            "nicknames" => patch.nicknames = Some(event.nicknames),
            "languages" => patch.languages = Some(settings::languages(&event.languages)?),
            _ => return Err(Failure::invalid("update_mask", "names a field that cannot be changed")),
        }
    }
    Ok(patch)
}

/// What an update of a room asks for: its title is all that can change.
pub(crate) fn room_title(room: &WireRoom, mask: Option<FieldMask>) -> Result<String, Failure> {
    if paths(mask)?.iter().any(|path| path != "title") {
        return Err(Failure::invalid("update_mask", "names a field that cannot be changed"));
    }
    fields::line("title", &room.title, TITLE_CHARS_MAX)
}

/// The fields that a mask names.
pub(crate) fn paths(mask: Option<FieldMask>) -> Result<Vec<String>, Failure> {
    let paths = mask.map(|mask| mask.paths).unwrap_or_default();
    if paths.is_empty() {
        return Err(Failure::invalid("update_mask", "must name the fields to change"));
    }
    Ok(paths)
}

/// A mode that somebody named; none when they named none.
pub(crate) fn read_mode(wire: i32) -> Result<Option<Mode>, Failure> {
    match AttendanceMode::try_from(wire) {
        Ok(AttendanceMode::Unspecified) => Ok(None),
        Ok(AttendanceMode::OnSite) => Ok(Some(Mode::OnSite)),
        Ok(AttendanceMode::Online) => Ok(Some(Mode::Online)),
        Ok(AttendanceMode::Hybrid) => Ok(Some(Mode::Hybrid)),
        Err(_) => Err(Failure::invalid("mode", "must be ON_SITE, ONLINE or HYBRID")),
    }
}

/// An amount that somebody gave.
pub(crate) fn read_money(field: &'static str, wire: &WireMoney) -> Result<Money, Failure> {
    Money::of(field, wire.amount_minor, &wire.currency)
}

/// A time that must be given, in milliseconds since 1970.
pub(crate) fn required_time(field: &'static str, wire: Option<Timestamp>) -> Result<i64, Failure> {
    time(field, wire.ok_or_else(|| Failure::invalid(field, "must be given"))?)
}

/// A time in milliseconds since 1970; what is finer is left off.
pub(crate) fn time(field: &'static str, wire: Timestamp) -> Result<i64, Failure> {
    if !(1..=AT_S_MAX).contains(&wire.seconds) || !(0..1_000_000_000).contains(&wire.nanos) {
        return Err(Failure::invalid(field, "must be a time between the years 1970 and 9999"));
    }
    Ok(wire.seconds * 1000 + i64::from(wire.nanos / 1_000_000))
}

/// Milliseconds since 1970 as the wire's time.
pub(crate) fn timestamp(at_ms: i64) -> Timestamp {
    Timestamp { seconds: at_ms.div_euclid(1000), nanos: at_ms.rem_euclid(1000) as i32 * 1_000_000 }
}

/// What somebody answered, as it counts now.
pub(crate) fn rsvp(rsvp: Rsvp) -> RsvpState {
    match rsvp {
        Rsvp::NotAsked => RsvpState::Unspecified,
        Rsvp::Invited => RsvpState::Invited,
        Rsvp::Confirmed => RsvpState::Confirmed,
        Rsvp::Declined => RsvpState::Declined,
    }
}

fn mode(mode: Mode) -> AttendanceMode {
    match mode {
        Mode::OnSite => AttendanceMode::OnSite,
        Mode::Online => AttendanceMode::Online,
        Mode::Hybrid => AttendanceMode::Hybrid,
    }
}

fn money(money: Money) -> WireMoney {
    WireMoney { amount_minor: money.amount_minor, currency: money.currency }
}
