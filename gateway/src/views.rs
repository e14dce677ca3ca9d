//! What the pages are made of: plain data in, HTML out. Each page is a struct whose fields are all that its template in
//! `pages/` may show; `askama::Template::render` makes the HTML and escapes every value.
//!
//! Knows nothing of HTTP, of the mesh or of the clock: the handlers fill the structs and choose the status code.

pub mod console;
pub mod public;
pub(crate) mod show;
pub mod text;

#[cfg(test)]
mod golden_tests;
#[cfg(test)]
mod help_tests;
#[cfg(test)]
mod once_tests;

pub use console::{
    CreateEventForm, EventConsolePage, EventRow, EventRows, EventsPage, Figures, Point, RoomRow, Rooms, Series,
};
pub use public::*;

/// Where an event is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventStateView {
    /// Being prepared.
    Draft,
    /// Running.
    Live,
    /// Over.
    Ended,
    /// It will not take place.
    Cancelled,
}

impl EventStateView {
    /// The word for styles and programs.
    fn word(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Live => "live",
            Self::Ended => "ended",
            Self::Cancelled => "cancelled",
        }
    }

    /// The word for people.
    fn label(self) -> &'static str {
        match self {
            Self::Draft => text::STATE_DRAFT,
            Self::Live => text::STATE_LIVE,
            Self::Ended => text::STATE_ENDED,
            Self::Cancelled => text::STATE_CANCELLED,
        }
    }

    /// What it means, in a sentence.
    fn meaning(self) -> &'static str {
        match self {
            Self::Draft => text::STATE_DRAFT_MEANING,
            Self::Live => text::STATE_LIVE_MEANING,
            Self::Ended => text::STATE_ENDED_MEANING,
            Self::Cancelled => text::STATE_CANCELLED_MEANING,
        }
    }
}

/// A live number and how sure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiveNumber {
    /// Distinct viewers.
    pub viewers: u64,
    /// At least so many.
    pub low: u64,
    /// At most so many.
    pub high: u64,
    /// The state of this moment, milliseconds since 1970.
    pub as_of_ms: i64,
    /// The counter is out of touch; the number stands still.
    pub stale: bool,
}

impl LiveNumber {
    /// The band in words: an exact count says so, any other names both ends.
    fn band(&self) -> String {
        if self.low == self.high {
            text::BAND_EXACT.to_owned()
        } else {
            text::BAND_BETWEEN.replace("{low}", &show::grouped(self.low)).replace("{high}", &show::grouped(self.high))
        }
    }

    /// Since when the number stands still, in a sentence, by the clocks of a zone.
    fn stale_since(&self, zone: &str) -> String {
        text::FIGURE_STALE.replace("{time}", &show::clock_time_in(self.as_of_ms, zone))
    }

    /// What is counted, in one or in many.
    fn noun(&self) -> &'static str {
        if self.viewers == 1 { text::WATCHING_ONE } else { text::WATCHING_MANY }
    }
}

/// What the console shows of one event, beyond its title.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CountView {
    /// The number itself.
    pub now: LiveNumber,
    /// Open connections; one viewer may hold several.
    pub connections: u64,
    /// The most distinct viewers at one time.
    pub peak: u64,
    /// When that was, milliseconds since 1970; `None` before the first viewer.
    pub peak_at_ms: Option<i64>,
}

impl CountView {
    /// Open connections divided by viewers, with two places.
    fn connections_a_viewer(&self) -> String {
        match self.now.viewers {
            0 => text::NO_NUMBER.to_owned(),
            viewers => format!("{:.2}", self.connections as f64 / viewers as f64),
        }
    }
}
