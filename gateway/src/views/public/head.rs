//! What stands at the top of every page of an event: what, when, where, in which languages. Moments are shown in the event's zone, which
//! is named.

use jiff::{Timestamp, Zoned, tz::TimeZone};

use crate::views::{EventStateView, show, text::public as words};

/// A text with its language, BCP 47.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    /// The text.
    pub text: String,
    /// The language; empty for one that nobody told.
    pub lang: String,
}

impl Words {
    /// A text of our own.
    pub fn ours(text: &str) -> Self {
        Self { text: text.to_owned(), lang: crate::views::text::LANG.to_owned() }
    }
}

/// Where people take part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModeView {
    /// At the venue.
    OnSite,
    /// Over the net.
    Online,
    /// Either or both.
    Hybrid,
}

impl ModeView {
    /// For people.
    pub fn label(self) -> &'static str {
        match self {
            Self::OnSite => words::MODE_ON_SITE,
            Self::Online => words::MODE_ONLINE,
            Self::Hybrid => words::MODE_HYBRID,
        }
    }

    /// For forms.
    pub fn key(self) -> &'static str {
        match self {
            Self::OnSite => "on-site",
            Self::Online => "online",
            Self::Hybrid => "both",
        }
    }

    /// Reads what a form sent.
    pub fn of_key(key: &str) -> Option<Self> {
        [Self::OnSite, Self::Online, Self::Hybrid].into_iter().find(|mode| mode.key() == key)
    }
}

/// What an event is, in a few lines.
#[derive(Clone, Debug)]
pub struct EventHead {
    /// The id, as in the address.
    pub event_id: String,
    /// The title.
    pub title: Words,
    /// Draft, live, ended or cancelled.
    pub state: EventStateView,
    /// When; none for an event without a time.
    pub when: Option<When>,
    /// Where; may be empty.
    pub venue: String,
    /// On site, online or both; none where the event says nothing of the kind.
    pub mode: Option<ModeView>,
    /// What it costs; none for a free event.
    pub price: Option<String>,
    /// People can register for it, or could.
    pub published: bool,
}

impl EventHead {
    pub(crate) fn has_facts(&self) -> bool {
        self.when.is_some() || !self.venue.is_empty() || self.price.is_some()
    }

    /// What organisers call a draft is, once it is published, an event to come.
    pub(crate) fn is_upcoming(&self) -> bool {
        self.published && self.state == EventStateView::Draft
    }

    pub(crate) fn place(&self) -> Option<String> {
        match (self.venue.is_empty(), self.mode) {
            (false, Some(ModeView::Hybrid)) => Some(words::PLACE_AND_ONLINE.replace("{venue}", &self.venue)),
            (false, _) => Some(self.venue.clone()),
            (true, Some(ModeView::Online)) => Some(words::PLACE_ONLINE.to_owned()),
            (true, _) => None,
        }
    }
}

/// A time of an event, ready to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct When {
    /// For programs.
    pub machine: String,
    /// `Saturday 28 November 2026, 19:00–22:00`.
    pub text: String,
    /// `Helsinki time, UTC+2`.
    pub zone: String,
}

impl When {
    /// In an event's zone, an IANA name; one that is not known is shown as UTC and says so.
    pub fn new(starts_at_ms: i64, ends_at_ms: Option<i64>, zone: &str) -> Option<Self> {
        let (zone, name) = match TimeZone::get(zone) {
            Ok(found) => (found, zone),
            Err(_) => (TimeZone::UTC, "UTC"),
        };
        let starts = Timestamp::from_millisecond(starts_at_ms).ok()?.to_zoned(zone.clone());
        let ends = ends_at_ms.and_then(|at| Timestamp::from_millisecond(at).ok()).map(|at| at.to_zoned(zone));
        let day_and_time = |at: &Zoned| at.strftime("%A %-d %B %Y, %H:%M").to_string();
        let text = match ends {
            None => day_and_time(&starts),
            Some(ends) if ends.date() == starts.date() => {
                format!("{}–{}", day_and_time(&starts), ends.strftime("%H:%M"))
            }
            Some(ends) => format!("{} – {}", day_and_time(&starts), day_and_time(&ends)),
        };
        let machine = starts.timestamp().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        Some(Self { machine, text, zone: zone_words(name, &starts) })
    }
}

/// `Europe/Helsinki` in summer is `Helsinki time, UTC+3`.
pub(crate) fn zone_words(name: &str, at: &Zoned) -> String {
    let offset_s = at.offset().seconds();
    let (sign, minutes) = (if offset_s < 0 { '−' } else { '+' }, offset_s.unsigned_abs() / 60);
    let offset = match (minutes / 60, minutes % 60) {
        (0, 0) => "UTC".to_owned(),
        (hours, 0) => format!("UTC{sign}{hours}"),
        (hours, rest) => format!("UTC{sign}{hours}:{rest:02}"),
    };
    match name.rsplit_once('/') {
        Some(("Etc", _)) | None => offset,
        Some((_, city)) => words::ZONE.replace("{city}", &city.replace('_', " ")).replace("{offset}", &offset),
    }
}

/// One language that a page can be read in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LanguageLink {
    /// BCP 47.
    pub lang: String,
    /// What its speakers call it.
    pub name: String,
    /// The page is in it.
    pub current: bool,
}

/// The switch between an event's languages; empty when there is nothing to choose.
pub fn language_links(languages: &[String], current: &str) -> Vec<LanguageLink> {
    if languages.len() < 2 {
        return Vec::new();
    }
    let link =
        |lang: &String| LanguageLink { lang: lang.clone(), name: show::language(lang), current: lang == current };
    languages.iter().map(link).collect()
}
