//! The settings of an event as the fields of a form, and back: what stands in them, and what is wrong with what was entered. Nothing is
//! read or stored here.

use jiff::{civil::DateTime, tz::TimeZone};
use turnout_platform::{limits::TITLE_CHARS_MAX, money};
use turnout_proto::{
    common::v1::Money,
    registration::v1::{AttendanceMode, Event, Room},
};

use crate::{
    console::{
        events::millis,
        fields::{Sent, mode_of},
        reading,
    },
    views::{
        console::{
            event_settings::RoomForm,
            inputs::{Field, Group},
            states,
        },
        show,
        text::studio as own,
    },
};

const EUR: &str = "EUR";
/// Of a currency's code (ISO 4217).
const CURRENCY_LETTERS: usize = 3;

/// The names and values that the form would send for an event as it is stored.
pub(super) fn entered_of(event: &Event) -> Sent {
    let facts = reading::event_facts(event.clone());
    let local = |at: &Option<prost_types::Timestamp>| {
        at.as_ref().map(|at| show::local_minute_in(millis(at), &facts.zone)).unwrap_or_default()
    };
    let yes = |on: bool| if on { "yes" } else { "" }.to_owned();
    let mode = match facts.mode {
        AttendanceMode::OnSite => "site",
        AttendanceMode::Hybrid => "both",
        AttendanceMode::Online | AttendanceMode::Unspecified => "online",
    };
    let pairs = [
        ("title", event.title.clone()),
        ("summary", event.summary.clone()),
        ("languages", facts.languages.join(", ")),
        ("starts_at", local(&event.starts_at)),
        ("ends_at", local(&event.ends_at)),
        ("zone", facts.zone.clone()),
        ("mode", mode.to_owned()),
        ("venue", event.venue.clone()),
        ("capacity", if event.capacity > 0 { event.capacity.to_string() } else { String::new() }),
        ("waiting_list", yes(event.waiting_list)),
        ("price", event.price.as_ref().map(states::amount).unwrap_or_default()),
        ("currency", event.price.as_ref().map_or_else(|| EUR.to_owned(), |price| price.currency.clone())),
        ("rsvp", yes(event.rsvp)),
        ("refuse_unconfirmed", yes(event.refuse_unconfirmed)),
        ("published", yes(event.published)),
        ("nicknames", yes(event.nicknames)),
    ];
    Sent(pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// The fields with what was sent.
pub(super) fn groups(sent: &Sent) -> Vec<Group> {
    let line = |name: &str, label: &str| Field::line(name, label, sent.get(name));
    let tick = |name: &str, label: &str| Field::tick(name, label, sent.get(name) == "yes");
    let modes = [
        ("online", states::mode(AttendanceMode::Online).text),
        ("site", states::mode(AttendanceMode::OnSite).text),
        ("both", states::mode(AttendanceMode::Hybrid).text),
    ];
    vec![
        Group {
            title: own::GROUP_PAGE,
            meaning: "",
            fields: vec![
                tick("published", own::PUBLISHED).hint(own::PUBLISHED_HINT),
                tick("nicknames", own::NICKNAMES).hint(own::NICKNAMES_HINT),
            ],
        },
        Group {
            title: own::GROUP_WHAT,
            meaning: "",
            fields: vec![
                line("title", own::EVENT_TITLE).chars_max(200),
                Field::area("summary", own::EVENT_SUMMARY, sent.get("summary"), 5)
                    .chars_max(4_000)
                    .hint(own::EVENT_SUMMARY_HINT)
                    .optional(),
                line("languages", own::EVENT_LANGUAGES).hint(own::EVENT_LANGUAGES_HINT),
            ],
        },
        Group {
            title: own::GROUP_WHEN,
            meaning: own::GROUP_WHEN_MEANING,
            fields: vec![
                line("starts_at", own::EVENT_STARTS).kind("datetime-local"),
                line("ends_at", own::EVENT_ENDS).kind("datetime-local").optional(),
                line("zone", own::EVENT_ZONE).hint(own::EVENT_ZONE_HINT),
                Field::choice("mode", own::EVENT_MODE, sent.get("mode"), modes).hint(own::EVENT_MODE_HINT),
                line("venue", own::EVENT_VENUE).hint(own::EVENT_VENUE_HINT).optional(),
            ],
        },
        Group {
            title: own::GROUP_PLACES,
            meaning: "",
            fields: vec![
                line("capacity", own::EVENT_CAPACITY).kind("number").hint(own::EVENT_CAPACITY_HINT).optional(),
                tick("waiting_list", own::EVENT_WAITING).hint(own::EVENT_WAITING_HINT),
                line("price", own::EVENT_PRICE).hint(own::EVENT_PRICE_HINT).optional(),
                line("currency", own::EVENT_CURRENCY).chars_max(3).hint(own::EVENT_CURRENCY_HINT),
            ],
        },
        Group {
            title: own::GROUP_RSVP,
            meaning: own::GROUP_RSVP_MEANING,
            fields: vec![
                tick("rsvp", own::EVENT_RSVP).hint(own::EVENT_RSVP_HINT),
                tick("refuse_unconfirmed", own::EVENT_REFUSE).hint(own::EVENT_REFUSE_HINT),
            ],
        },
    ]
}

pub(super) fn room_fields(sent: &Sent) -> Vec<Field> {
    vec![
        Field::line("room_title", own::ROOM_TITLE, sent.get("room_title")).chars_max(200),
        Field::line("room_id", own::ROOM_ID, sent.get("room_id")).chars_max(64).hint(own::ROOM_ID_HINT).optional(),
    ]
}

/// The name under which a room's title is sent. There is such a form at each room, and no two fields of a page may have one name.
pub(super) fn title_name(room_id: &str) -> String {
    format!("title.{room_id}")
}

/// A room with the form that renames it.
pub(super) fn room_form(room: Room) -> RoomForm {
    let field = Field::line(title_name(&room.room_id), own::ROOM_NEW_TITLE, &room.title).chars_max(TITLE_CHARS_MAX);
    RoomForm { room_id: room.room_id, title: room.title, version: room.version, field, open: false }
}

/// What was sent as an event; else what is wrong, beside which field.
pub(super) fn event_of(event_id: &str, sent: &Sent) -> Result<Event, Vec<(String, String)>> {
    let mut wrong: Vec<(String, String)> = Vec::new();
    let mut blame = |name: &str, problem: &str| wrong.push((name.to_owned(), problem.to_owned()));
    let zone = if sent.get("zone").is_empty() { "UTC" } else { sent.get("zone") };
    let (mut starts_at, mut ends_at) = (None, None);
    match TimeZone::get(zone) {
        Ok(zone) => {
            for (name, at) in [("starts_at", &mut starts_at), ("ends_at", &mut ends_at)] {
                if !sent.get(name).is_empty() {
                    match moment(sent.get(name), &zone) {
                        Some(moment) => *at = Some(moment),
                        None => blame(name, own::NO_SUCH_TIME),
                    }
                }
            }
            if sent.get("starts_at").is_empty() {
                blame("starts_at", own::NO_START);
            }
            let order = starts_at.as_ref().zip(ends_at.as_ref());
            if order.is_some_and(|(starts, ends)| millis(ends) <= millis(starts)) {
                blame("ends_at", own::ENDS_BEFORE_START);
            }
        }
        Err(_) => blame("zone", own::NO_SUCH_ZONE),
    }
    let capacity = match sent.get("capacity") {
        "" => 0,
        given => given.parse().unwrap_or_else(|_| {
            blame("capacity", own::NO_NUMBER);
            0
        }),
    };
    let price = match sent.get("price") {
        "" => None,
        given => {
            let currency = sent.get("currency").to_ascii_uppercase();
            if currency.len() != CURRENCY_LETTERS || !currency.bytes().all(|letter| letter.is_ascii_uppercase()) {
                blame("currency", own::NO_CURRENCY);
            }
            let price =
                amount_minor(given, money::digits(&currency)).map(|amount_minor| Money { amount_minor, currency });
            if price.is_none() {
                blame("price", own::NO_AMOUNT);
            }
            price.filter(|price| price.amount_minor > 0)
        }
    };
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let yes = |name: &str| sent.get(name) == "yes";
    let languages = sent.get("languages").split([',', ' ']).filter(|tag| !tag.is_empty()).map(str::to_owned).collect();
    Ok(Event {
        event_id: event_id.to_owned(),
        title: sent.get("title").to_owned(),
        summary: sent.get("summary").replace("\r\n", "\n"),
        zone: zone.to_owned(),
        starts_at,
        ends_at,
        venue: sent.get("venue").to_owned(),
        mode: mode_of(sent.get("mode")).into(),
        price,
        rsvp: yes("rsvp"),
        refuse_unconfirmed: yes("refuse_unconfirmed"),
        capacity,
        waiting_list: yes("waiting_list"),
        published: yes("published"),
        nicknames: yes("nicknames"),
        languages,
        ..Event::default()
    })
}

/// A local time in a zone. In the hour that the change of clocks leaves out there is none; of two that are the same the first is meant.
fn moment(local: &str, zone: &TimeZone) -> Option<prost_types::Timestamp> {
    let local: DateTime = local.parse().ok()?;
    let at = local.to_zoned(zone.clone()).ok().filter(|at| at.datetime() == local)?;
    Some(prost_types::Timestamp { seconds: at.timestamp().as_second(), nanos: 0 })
}

/// `12.50`, `12,5` or `12` in the smallest unit of a currency with so many digits.
pub(in crate::console) fn amount_minor(given: &str, digits: u32) -> Option<i64> {
    let (whole, part) = given.split_once(['.', ',']).unwrap_or((given, ""));
    let is_number = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !is_number(whole) || !is_number(part) || part.len() > digits as usize {
        return None;
    }
    format!("{whole}{part:0<width$}", width = digits as usize).parse().ok()
}

/// Says beside each field that differs what is stored, so that saving again is a decision.
pub(super) fn show_differences<'a>(fields: impl Iterator<Item = &'a mut Field>, stored: &Sent) {
    for field in fields {
        let now = stored.get(&field.name);
        if now != field.value.replace("\r\n", "\n") {
            let told = match now {
                "" => own::STORED_EMPTY,
                "yes" => own::STORED_TICKED,
                other => other,
            };
            field.error = Some(own::STORED_NOW.replace("{value}", told));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_in_the_digits_of_their_currency() {
        assert_eq!(amount_minor("12.5", 2), Some(1_250));
        assert_eq!(amount_minor("12,50", 2), Some(1_250));
        assert_eq!(amount_minor("12", 2), Some(1_200));
        assert_eq!(amount_minor("5000", 0), Some(5_000));
        assert_eq!(amount_minor("5.000", 3), Some(5_000));
        for wrong in ["", "-1", "1.234", "1,2,3", "ten", "1e3", "99999999999999999999"] {
            assert_eq!(amount_minor(wrong, 2), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_at_the_field_that_is_wrong() {
        let told = |changed: &[(&str, &str)]| {
            let usual = [
                ("starts_at", "2030-12-24T18:00"),
                ("zone", "Europe/Helsinki"),
                ("price", "12.50"),
                ("currency", "EUR"),
            ];
            let given = usual.iter().filter(|(name, _)| changed.iter().all(|(other, _)| other != name)).chain(changed);
            let sent = Sent(given.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect());
            event_of("gala", &sent).err().unwrap_or_default().into_iter().map(|(name, _)| name).collect::<Vec<_>>()
        };
        assert!(told(&[]).is_empty());
        assert_eq!(told(&[("currency", "Euro")]), ["currency"]);
        assert_eq!(told(&[("price", "a lot")]), ["price"]);
        assert_eq!(told(&[("ends_at", "2030-12-24T17:00")]), ["ends_at"]);
        assert_eq!(told(&[("zone", "Mars/Olympus")]), ["zone"]);
    }

    #[test]
    fn what_is_stored_comes_back_unchanged_from_the_form() {
        let event = Event {
            event_id: "gala".into(),
            title: "Gala".into(),
            zone: "Europe/Helsinki".into(),
            starts_at: Some(prost_types::Timestamp { seconds: 1_795_000_020, nanos: 0 }),
            price: Some(Money { amount_minor: 123_450, currency: "EUR".into() }),
            capacity: 30,
            mode: AttendanceMode::Hybrid.into(),
            languages: vec!["en".into(), "fi".into()],
            rsvp: true,
            ..Event::default()
        };
        assert_eq!(event_of("gala", &entered_of(&event)).unwrap(), event);
    }

    #[test]
    fn an_hour_that_the_clocks_leave_out_is_no_start() {
        let zone = TimeZone::get("Europe/Helsinki").unwrap();
        assert!(moment("2026-03-29T03:30", &zone).is_none());
        assert!(moment("2026-03-29T04:30", &zone).is_some());
    }
}
