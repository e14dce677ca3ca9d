//! What an organiser settles about an event: when, where, for whom, at which price, with how many places. Validates fields and how they
//! go together. The life of an event is in `event`, who takes part in `registration`.

use turnout_platform::failure::Failure;

use super::{
    fields,
    money::Money,
    registration::{Mode, Payment, Rsvp},
};

/// Characters of a summary and of a venue.
const SUMMARY_CHARS_MAX: usize = 4000;
const VENUE_CHARS_MAX: usize = 300;
/// Places of one event.
pub(crate) const CAPACITY_MAX: u32 = 1_000_000;
/// Languages of one event.
const LANGUAGES_MAX: usize = 10;
/// The zone and the language of an event that names none.
pub(crate) const USUAL_ZONE: &str = "UTC";
pub(crate) const USUAL_LANGUAGE: &str = "en";

/// The settings of one event.
#[allow(clippy::struct_excessive_bools, reason = "each is a box that an organiser ticks, independent of the others")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    pub summary: String,
    /// An IANA name.
    pub zone: String,
    pub starts_at_ms: i64,
    /// None when open.
    pub ends_at_ms: Option<i64>,
    pub venue: String,
    pub mode: Mode,
    /// None for a free event.
    pub price: Option<Money>,
    /// People have to confirm.
    pub rsvp: bool,
    pub refuse_unconfirmed: bool,
    /// 0: no limit.
    pub capacity: u32,
    pub waiting_list: bool,
    /// The registration page is open.
    pub published: bool,
    pub nicknames: bool,
    /// The first is the event's own.
    pub languages: Vec<String>,
}

/// Changes to an event, each of them valid by itself.
#[allow(clippy::option_option, reason = "to be left as it is and to be cleared are two things")]
#[derive(Debug, Clone, Default)]
pub(crate) struct Patch {
    pub title: Option<String>,
    pub summary: Option<String>,
    pub zone: Option<String>,
    pub starts_at_ms: Option<i64>,
    pub ends_at_ms: Option<Option<i64>>,
    pub venue: Option<String>,
    pub mode: Option<Mode>,
    pub price: Option<Option<Money>>,
    pub rsvp: Option<bool>,
    pub refuse_unconfirmed: Option<bool>,
    pub capacity: Option<u32>,
    pub waiting_list: Option<bool>,
    pub published: Option<bool>,
    pub nicknames: Option<bool>,
    pub languages: Option<Vec<String>>,
}

impl Settings {
    /// Of a new event.
    pub fn new(zone: String, starts_at_ms: i64) -> Self {
        Self {
            summary: String::new(),
            zone,
            starts_at_ms,
            ends_at_ms: None,
            venue: String::new(),
            mode: Mode::Online,
            price: None,
            rsvp: false,
            refuse_unconfirmed: false,
            capacity: 0,
            waiting_list: false,
            published: false,
            nicknames: false,
            languages: vec![USUAL_LANGUAGE.to_owned()],
        }
    }

    /// The settings after the changes.
    pub fn patched(&self, patch: &Patch) -> Result<Self, Failure> {
        fn set<T: Clone>(field: &mut T, given: Option<&T>) {
            if let Some(given) = given {
                field.clone_from(given);
            }
        }
        let mut after = self.clone();
        set(&mut after.summary, patch.summary.as_ref());
        set(&mut after.zone, patch.zone.as_ref());
        set(&mut after.starts_at_ms, patch.starts_at_ms.as_ref());
        set(&mut after.ends_at_ms, patch.ends_at_ms.as_ref());
        set(&mut after.venue, patch.venue.as_ref());
        set(&mut after.mode, patch.mode.as_ref());
        set(&mut after.price, patch.price.as_ref());
        set(&mut after.rsvp, patch.rsvp.as_ref());
        set(&mut after.refuse_unconfirmed, patch.refuse_unconfirmed.as_ref());
        set(&mut after.capacity, patch.capacity.as_ref());
        set(&mut after.waiting_list, patch.waiting_list.as_ref());
        set(&mut after.published, patch.published.as_ref());
        set(&mut after.nicknames, patch.nicknames.as_ref());
        set(&mut after.languages, patch.languages.as_ref());
        if after.ends_at_ms.is_some_and(|ends| ends <= after.starts_at_ms) {
            return Err(Failure::invalid("ends_at", "must be after starts_at"));
        }
        Ok(after)
    }

    /// Whether people who registered have to be told: another time or another place.
    pub fn is_moved_to(&self, after: &Self) -> bool {
        (self.starts_at_ms, self.ends_at_ms) != (after.starts_at_ms, after.ends_at_ms)
            || (&self.zone, &self.venue) != (&after.zone, &after.venue)
    }

    /// A stored answer as it counts now: the event may have begun to ask for one, or have ceased to. Who said that they do not come has
    /// given the place back and does not come in either case.
    pub fn rsvp_now(&self, stored: Rsvp) -> Rsvp {
        match (stored, self.rsvp) {
            (Rsvp::Declined, _) => Rsvp::Declined,
            (_, false) => Rsvp::NotAsked,
            (Rsvp::NotAsked, true) => Rsvp::Invited,
            (answer, true) => answer,
        }
    }

    /// A stored payment as it counts now: the event may have got a price, or have lost it. Money that moved stays visible in any case.
    pub fn payment_now(&self, stored: Payment) -> Payment {
        match (stored, self.price.is_some()) {
            (Payment::Unpaid, false) => Payment::NotApplicable,
            (Payment::NotApplicable, true) => Payment::Unpaid,
            (payment, _) => payment,
        }
    }

    /// Where somebody takes part who says this, or nothing.
    pub fn mode_of(&self, wanted: Option<Mode>) -> Result<Mode, Failure> {
        match (self.mode, wanted) {
            (Mode::Hybrid, wanted) => Ok(wanted.unwrap_or(Mode::Hybrid)),
            (mode, None) => Ok(mode),
            (mode, Some(wanted)) if mode == wanted => Ok(mode),
            (..) => Err(Failure::invalid("mode", "must be the event's mode, unless the event is hybrid")),
        }
    }

    /// The language that people get who name none.
    pub fn first_language(&self) -> &str {
        self.languages.first().map_or(USUAL_LANGUAGE, String::as_str)
    }
}

/// A summary, which may have several lines.
pub(crate) fn summary(text: &str) -> Result<String, Failure> {
    fields::text("summary", text, SUMMARY_CHARS_MAX)
}

/// A venue; may be empty.
pub(crate) fn venue(text: &str) -> Result<String, Failure> {
    if text.trim().is_empty() { Ok(String::new()) } else { fields::line("venue", text, VENUE_CHARS_MAX) }
}

/// A time zone by its IANA name, in the usual spelling.
pub(crate) fn zone(field: &'static str, name: &str) -> Result<String, Failure> {
    let name = if name.is_empty() { USUAL_ZONE } else { name };
    let known = jiff::tz::TimeZone::get(name).ok().and_then(|zone| zone.iana_name().map(str::to_owned));
    known.ok_or_else(|| Failure::invalid(field, "must be an IANA time zone, such as Europe/Helsinki"))
}

/// How many places; 0 for no limit.
pub(crate) fn capacity(places: i32) -> Result<u32, Failure> {
    let places = u32::try_from(places).ok().filter(|places| *places <= CAPACITY_MAX);
    places.ok_or_else(|| Failure::invalid("capacity", format!("must be 0 to {CAPACITY_MAX}")))
}

/// An event's languages; none means the usual one.
pub(crate) fn languages(tags: &[String]) -> Result<Vec<String>, Failure> {
    if tags.is_empty() {
        return Ok(vec![USUAL_LANGUAGE.to_owned()]);
    }
    let mut known: Vec<String> = Vec::new();
    for tag in tags {
        let tag = fields::language("languages", tag)?;
        if !known.contains(&tag) {
            known.push(tag);
        }
    }
    if known.len() > LANGUAGES_MAX {
        return Err(Failure::invalid("languages", format!("must be 1 to {LANGUAGES_MAX}")));
    }
    Ok(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings::new("UTC".into(), 1000)
    }

    #[test]
    fn item_4_a_zone_is_one_that_is_known() {
        assert_eq!(zone("zone", "Europe/Helsinki").unwrap(), "Europe/Helsinki");
        assert_eq!(zone("zone", "").unwrap(), "UTC");
        for bad in ["Europe/Atlantis", "+02:00", "EET-2", "../etc/passwd", " "] {
            assert!(zone("zone", bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_event_ends_after_it_starts() {
        let ends = |at_ms| Patch { ends_at_ms: Some(Some(at_ms)), ..Patch::default() };
        assert!(settings().patched(&ends(1000)).is_err());
        let open = settings().patched(&ends(1001)).unwrap();
        assert!(open.patched(&Patch { starts_at_ms: Some(1001), ..Patch::default() }).is_err());
        let again = open.patched(&Patch { ends_at_ms: Some(None), ..Patch::default() }).unwrap();
        assert_eq!(again, settings());
    }

    #[test]
    fn only_time_zone_and_venue_move_an_event() {
        let patch = |patch| settings().patched(&patch).unwrap();
        for moved in [
            patch(Patch { starts_at_ms: Some(2), ..Patch::default() }),
            patch(Patch { ends_at_ms: Some(Some(2000)), ..Patch::default() }),
            patch(Patch { zone: Some("Asia/Tokyo".into()), ..Patch::default() }),
            patch(Patch { venue: Some("Hall".into()), ..Patch::default() }),
        ] {
            assert!(settings().is_moved_to(&moved));
        }
        assert!(!settings().is_moved_to(&patch(Patch { rsvp: Some(true), ..Patch::default() })));
    }

    #[test]
    fn item_60_only_at_a_hybrid_event_people_choose_where_they_take_part() {
        let hybrid = Settings { mode: Mode::Hybrid, ..settings() };
        assert_eq!(hybrid.mode_of(None).unwrap(), Mode::Hybrid);
        assert_eq!(hybrid.mode_of(Some(Mode::OnSite)).unwrap(), Mode::OnSite);
        assert_eq!(settings().mode_of(None).unwrap(), Mode::Online);
        assert!(settings().mode_of(Some(Mode::OnSite)).is_err());
    }

    #[test]
    fn languages_are_named_once_each_and_one_is_always_there() {
        let tags = |tags: &[&str]| languages(&tags.iter().map(|tag| (*tag).to_owned()).collect::<Vec<_>>());
        assert_eq!(tags(&[]).unwrap(), ["en"]);
        assert_eq!(tags(&["fi", "sv", "fi"]).unwrap(), ["fi", "sv"]);
        for bad in [
            &["f"][..],
            &["fi_FI"],
            &[""],
            &["fi-"],
            &["aa", "ab", "ac", "ad", "ae", "af", "ag", "ah", "ai", "aj", "ak"],
        ] {
            assert!(tags(bad).is_err(), "{bad:?}");
        }
    }
}
