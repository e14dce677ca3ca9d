//! Visits as rows, and the time that people spent watching.
//!
//! A visit is one viewer's presence in one topic at one gateway. Its row is written without reading it first, by every
//! replica, repeatedly and late, and needs only one law:
//!
//! > `seen` is a moment at which the gateway itself had the viewer; `left` is written by the viewer's own leaving only, and no
//! > `seen` of the same visit is later. So the visit lasted until the later of the two, and it is over iff `left` is not the
//! > earlier one.
//!
//! Writes in any order lead to the same ended visit. A gateway that was taken for dead writes no `left`: if it is dead, `seen`
//! stands still and the visit is over after [`VISIT_LOST_AFTER_MS`]; if it returns, `seen` goes on and nothing has to be undone.

use std::collections::BTreeMap;

use turnout_roster::{CloseCause, Millis, ViewerId};

/// An open visit that was not seen for so long is over: three checkpoints were missed.
pub const VISIT_LOST_AFTER_MS: Millis = 180_000;

/// How a visit ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// With a goodbye.
    Left,
    /// The connection broke and did not come back.
    Broken,
    /// Gateway or counter were lost; when it really ended is not known.
    Lost,
}

impl Ending {
    /// The word in the column `cause`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Broken => "broken",
            Self::Lost => "lost",
        }
    }

    /// Reads the word back.
    pub fn from_word(word: &str) -> Self {
        match word {
            "left" => Self::Left,
            "broken" => Self::Broken,
            _ => Self::Lost,
        }
    }
}

impl From<CloseCause> for Ending {
    fn from(cause: CloseCause) -> Self {
        match cause {
            CloseCause::Left => Self::Left,
            CloseCause::Broken => Self::Broken,
            CloseCause::SourceLost => Self::Lost,
        }
    }
}

/// What a write says about a visit: the columns that it sets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct VisitNews {
    /// The gateway had the viewer at this moment, milliseconds since 1970.
    pub seen_at_ms: Option<Millis>,
    /// The viewer left then, milliseconds since 1970.
    pub left: Option<(Millis, Ending)>,
}

impl VisitNews {
    /// The two writes, one after the other.
    #[must_use]
    pub fn then(self, later: Self) -> Self {
        Self { seen_at_ms: later.seen_at_ms.or(self.seen_at_ms), left: later.left.or(self.left) }
    }
}

/// A visit as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    /// Who.
    pub viewer: ViewerId,
    /// When the visit began, milliseconds since 1970.
    pub joined_at_ms: Millis,
    /// Until when it is known to have lasted.
    pub until_ms: Millis,
    /// How it ended; none while it lasts.
    pub ending: Option<Ending>,
}

impl Visit {
    /// Reads the columns at the moment `at_ms`.
    pub fn of_row(viewer: ViewerId, joined_at_ms: Millis, row: VisitNews, at_ms: Millis) -> Self {
        let seen_at_ms = row.seen_at_ms.unwrap_or(joined_at_ms).max(joined_at_ms);
        let (until_ms, ending) = match row.left {
            Some((left_at_ms, ending)) if left_at_ms >= seen_at_ms => (left_at_ms, Some(ending)),
            _ if at_ms.saturating_sub(seen_at_ms) > VISIT_LOST_AFTER_MS => (seen_at_ms, Some(Ending::Lost)),
            _ => (seen_at_ms, None),
        };
        Self { viewer, joined_at_ms, until_ms, ending }
    }
}

/// A time in which one viewer watched without a break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VisitSpan {
    /// When it began, milliseconds since 1970.
    pub from_ms: Millis,
    /// Until when it is known to have lasted.
    pub until_ms: Millis,
    /// It goes on, as far as is known.
    pub lasting: bool,
}

/// The spans of one viewer, disjoint and in the order of time. Two visits at once (two devices, or a visit that moved from gateway to
/// gateway) are one span. A visit that lasts reaches over whatever began after it: between its checkpoints it is not over.
pub fn spans(visits: impl IntoIterator<Item = Visit>) -> Vec<VisitSpan> {
    let mut visits: Vec<Visit> = visits.into_iter().collect();
    visits.sort_by_key(|visit| visit.joined_at_ms);
    let mut spans: Vec<VisitSpan> = Vec::new();
    for Visit { joined_at_ms, until_ms, ending, .. } in visits {
        let lasting = ending.is_none();
        match spans.last_mut() {
            Some(span) if joined_at_ms <= span.until_ms || span.lasting => {
                span.until_ms = span.until_ms.max(until_ms);
                span.lasting |= lasting;
            }
            _ => spans.push(VisitSpan { from_ms: joined_at_ms, until_ms, lasting }),
        }
    }
    spans
}

/// When one viewer watched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WatchTime {
    /// Disjoint, in the order of time: from, until, milliseconds since 1970.
    pub intervals: Vec<(Millis, Millis)>,
}

impl WatchTime {
    /// All of it together.
    pub fn total_ms(&self) -> Millis {
        self.intervals.iter().map(|(from, until)| until - from).sum()
    }
}

/// The time that each viewer watched, by their [`spans`].
pub fn watch_time(visits: impl IntoIterator<Item = Visit>) -> BTreeMap<ViewerId, WatchTime> {
    let mut of_each: BTreeMap<ViewerId, Vec<Visit>> = BTreeMap::new();
    for visit in visits {
        of_each.entry(visit.viewer).or_default().push(visit);
    }
    let intervals = |visits| spans(visits).into_iter().map(|span| (span.from_ms, span.until_ms)).collect();
    of_each.into_iter().map(|(viewer, visits)| (viewer, WatchTime { intervals: intervals(visits) })).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const JOINED: Millis = 1_000;

    fn visit(viewer: u64, from: Millis, until: Millis) -> Visit {
        Visit { viewer: ViewerId::new(viewer), joined_at_ms: from, until_ms: until, ending: Some(Ending::Left) }
    }

    /// When the viewer left, and checkpoints and closings in any order.
    fn writes_about_a_visit() -> impl Strategy<Value = (Millis, Vec<VisitNews>)> {
        let stay = (0..200_000u64, prop::collection::vec(0.0..=1.0, 0..6), 1..3usize);
        stay.prop_flat_map(|(stay_ms, checkpoints, closings): (_, Vec<f64>, _)| {
            let left = JOINED + stay_ms;
            let seen = |share| VisitNews { seen_at_ms: Some(JOINED + (stay_ms as f64 * share) as u64), left: None };
            let closing = VisitNews { seen_at_ms: None, left: Some((left, Ending::Left)) };
            let mut writes: Vec<_> = checkpoints.into_iter().map(seen).collect();
            writes.extend(std::iter::repeat_n(closing, closings));
            (Just(left), Just(writes).prop_shuffle())
        })
    }

    #[test]
    fn a_visit_that_nobody_has_seen_for_three_minutes_ended_when_it_was_last_seen() {
        let row = VisitNews { seen_at_ms: Some(61_000), left: None };
        let read = |at_ms| Visit::of_row(ViewerId::new(1), JOINED, row, at_ms);
        assert_eq!(read(61_000 + VISIT_LOST_AFTER_MS).ending, None);
        let lost = read(61_001 + VISIT_LOST_AFTER_MS);
        assert_eq!((lost.until_ms, lost.ending), (61_000, Some(Ending::Lost)));
    }

    #[test]
    fn two_devices_at_once_count_once() {
        let times = watch_time([visit(1, 0, 50), visit(1, 20, 70), visit(1, 90, 100), visit(2, 0, 10)]);
        assert_eq!(times[&ViewerId::new(1)].intervals, [(0, 70), (90, 100)]);
        assert_eq!(times[&ViewerId::new(1)].total_ms(), 80);
        assert_eq!(times[&ViewerId::new(2)].total_ms(), 10);
    }

    #[test]
    fn a_visit_that_lasts_reaches_over_one_that_began_after_its_last_checkpoint() {
        let lasting = |from, until| Visit { ending: None, ..visit(1, from, until) };
        let span = |from_ms, until_ms, lasting| VisitSpan { from_ms, until_ms, lasting };
        assert_eq!(spans([visit(1, 0, 5), lasting(10, 20), visit(1, 40, 50)]), [span(0, 5, false), span(10, 50, true)]);
        assert_eq!(spans([visit(1, 10, 60), lasting(40, 50)]), [span(10, 60, true)]);
    }

    proptest! {
        /// The law of the module: whatever several replicas write about a visit, and in whatever order it lands.
        #[test]
        fn an_ended_visit_reads_the_same_whatever_the_order_of_its_writes((left, writes) in writes_about_a_visit()) {
            let row = writes.into_iter().fold(VisitNews::default(), VisitNews::then);
            let read = Visit::of_row(ViewerId::new(1), JOINED, row, JOINED);
            prop_assert_eq!((read.until_ms, read.ending), (left, Some(Ending::Left)));
        }

        /// Whatever came through however many gateways: the spans cover just the moments with a visit, in order and apart.
        #[test]
        fn spans_are_apart_and_cover_just_the_moments_with_a_visit(
            visits in prop::collection::vec((0..100u64, 0..50u64), 0..20),
        ) {
            let visits: Vec<Visit> = visits.iter().map(|&(from, long)| visit(1, from, from + long)).collect();
            let spans = spans(visits.clone());
            prop_assert!(spans.windows(2).all(|pair| pair[0].until_ms < pair[1].from_ms));
            for moment in 0..200 {
                let visited = visits.iter().any(|v| v.joined_at_ms <= moment && moment <= v.until_ms);
                let covered = spans.iter().any(|s| s.from_ms <= moment && moment <= s.until_ms);
                prop_assert_eq!(visited, covered, "{}", moment);
            }
        }

        #[test]
        fn watch_time_is_the_number_of_moments_with_at_least_one_visit(
            visits in prop::collection::vec((0..3u64, 0..100u64, 0..50u64), 0..20),
        ) {
            let visits: Vec<Visit> = visits.iter().map(|&(viewer, from, long)| visit(viewer, from, from + long)).collect();
            let times = watch_time(visits.clone());
            for viewer in (0..3).map(ViewerId::new) {
                let at = |ms: &u64| visits.iter().any(|v| v.viewer == viewer && v.joined_at_ms <= *ms && *ms < v.until_ms);
                let truth = (0..200).filter(at).count() as u64;
                prop_assert_eq!(times.get(&viewer).map_or(0, WatchTime::total_ms), truth);
            }
        }
    }
}
