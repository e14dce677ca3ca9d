//! The series of one topic: how many distinct viewers there were at the end of each second, by the gateways' own clocks.
//!
//! It is made of stays (one viewer at one gateway, from, until), not of counts as they passed by: so all replicas derive the
//! same series, and a stay that becomes known late amends the seconds that it touches. Stays of the last [`AMEND_WINDOW_S`] are
//! kept for that. The work per stay is that of one viewer's stays, never of the audience.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use smallvec::SmallVec;
use turnout_roster::{Millis, SourceName, ViewerId};

use super::Point;

/// Late truth amends the points of so many seconds, and none before.
pub const AMEND_WINDOW_S: u64 = 900;
const OPEN: Millis = Millis::MAX;

/// One life of a gateway.
#[derive(Debug, PartialEq, Eq)]
pub struct Life {
    /// Its name.
    pub source: SourceName,
    /// Which life.
    pub epoch: u64,
}

/// One viewer at one gateway.
#[derive(Debug, Clone)]
struct Stay {
    life: Arc<Life>,
    joined_at_ms: Millis,
    /// [`OPEN`] while it lasts.
    left_at_ms: Millis,
}

/// The uncertain part of a count, as it was shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Band {
    /// The low end.
    pub low: u64,
    /// The high end.
    pub high: u64,
    /// Open connections.
    pub connections: u64,
}

/// The series of one topic. Seconds are counted from 1970.
#[derive(Debug)]
pub struct Series {
    viewers: HashMap<ViewerId, SmallVec<[Stay; 1]>>,
    /// At which second the number of distinct viewers changes, and by how much. What happened before the window stands at its
    /// first second.
    changes: BTreeMap<u64, i64>,
    /// Whose stays end when, so that they can be forgotten.
    endings: BTreeMap<u64, Vec<ViewerId>>,
    /// The first second that can still be amended.
    window_s: u64,
    /// Seconds that have passed and are not written yet.
    passed: BTreeMap<u64, Band>,
    written: BTreeMap<u64, Point>,
    /// The earliest second that has changed since it was written.
    changed_s: u64,
    /// The first second that has not passed yet.
    next_s: u64,
}

impl Series {
    /// A series that begins with the second `now_s`.
    pub fn new(now_s: u64) -> Self {
        Self {
            viewers: HashMap::new(),
            changes: BTreeMap::new(),
            endings: BTreeMap::new(),
            window_s: now_s.saturating_sub(AMEND_WINDOW_S),
            passed: BTreeMap::new(),
            written: BTreeMap::new(),
            changed_s: u64::MAX,
            next_s: now_s,
        }
    }

    /// A stay became known, or became known better: `left_at_ms` is none while it lasts. Life and time of joining name the stay.
    pub fn set(&mut self, viewer: ViewerId, life: &Arc<Life>, joined_at_ms: Millis, left_at_ms: Option<Millis>) {
        let stays = self.viewers.entry(viewer).or_default();
        let mut edges: SmallVec<[(u64, i64); 8]> = SmallVec::new();
        contribute(stays, self.window_s, -1, &mut edges);
        let left = left_at_ms.unwrap_or(OPEN);
        match stays.iter_mut().find(|stay| stay.joined_at_ms == joined_at_ms && stay.life == *life) {
            Some(stay) => stay.left_at_ms = left,
            None => stays.push(Stay { life: life.clone(), joined_at_ms, left_at_ms: left }),
        }
        contribute(stays, self.window_s, 1, &mut edges);
        if left != OPEN {
            self.endings.entry((left / 1000).max(self.window_s)).or_default().push(viewer);
        }
        edges.sort_unstable();
        for same in edges.chunk_by(|a, b| a.0 == b.0) {
            let (second, by) = (same[0].0, same.iter().map(|edge| edge.1).sum::<i64>());
            if by != 0 {
                self.changed_s = self.changed_s.min(second);
                let change = self.changes.entry(second).or_default();
                *change += by;
                if *change == 0 {
                    self.changes.remove(&second);
                }
            }
        }
    }

    /// The second is over, and this was shown in it. Seconds without this call get no point.
    pub fn pass(&mut self, second: u64, band: Band) {
        if second + AMEND_WINDOW_S < self.next_s {
            self.turn_back(second);
        }
        if second >= self.next_s {
            self.next_s = second + 1;
            self.passed.insert(second, band);
        }
    }

    /// The points to write now: those of passed seconds before `complete_s`, up to which all is known that should be; and earlier
    /// ones that differ from what was written.
    pub fn due(&mut self, complete_s: u64) -> Vec<(u64, Point)> {
        let mut due = self.amended();
        let later = self.passed.split_off(&complete_s);
        for (second, Band { low, high, connections }) in std::mem::replace(&mut self.passed, later) {
            let viewers = self.viewers_at(second);
            let point = Point { viewers, low: low.min(viewers), high: high.max(viewers), connections, revision: 0 };
            self.written.insert(second, point);
            due.push((second, point));
        }
        self.move_window(complete_s.saturating_sub(AMEND_WINDOW_S));
        due
    }

    /// Distinct viewers at the end of a second.
    pub fn viewers_at(&self, second: u64) -> u64 {
        count(self.changes.range(..=second).map(|(_, by)| by).sum())
    }

    /// Stays that last, of viewers whose turn it is: one in `turns`.
    pub fn lasting(&self, turn: u64, turns: u64) -> impl Iterator<Item = (ViewerId, &Arc<Life>, Millis)> {
        self.viewers.iter().filter(move |(viewer, _)| viewer.get() % turns == turn).flat_map(|(&viewer, stays)| {
            let open = stays.iter().filter(|stay| stay.left_at_ms == OPEN);
            open.map(move |stay| (viewer, &stay.life, stay.joined_at_ms))
        })
    }

    /// Nothing is left that could still be written or amended at `now_s`.
    pub fn is_over(&self, now_s: u64) -> bool {
        self.viewers.is_empty() && self.passed.is_empty() && self.next_s + AMEND_WINDOW_S < now_s
    }

    fn amended(&mut self) -> Vec<(u64, Point)> {
        let from_s = std::mem::replace(&mut self.changed_s, u64::MAX);
        let mut viewers: i64 = self.changes.range(..from_s).map(|(_, by)| by).sum();
        let mut changes = self.changes.range(from_s..).peekable();
        let mut amended = Vec::new();
        for (&second, point) in self.written.range_mut(from_s..) {
            while let Some((_, by)) = changes.next_if(|change| *change.0 <= second) {
                viewers += by;
            }
            let viewers = count(viewers);
            if viewers != point.viewers {
                // Both what was believed then and what is known now stay within the band.
                let (low, high) = (point.low.min(viewers), point.high.max(viewers));
                *point = Point { viewers, low, high, revision: point.revision + 1, ..*point };
                amended.push((second, *point));
            }
        }
        amended
    }

    fn move_window(&mut self, window_s: u64) {
        if window_s <= self.window_s {
            return;
        }
        self.window_s = window_s;
        self.written = self.written.split_off(&window_s);
        let kept = self.changes.split_off(&(window_s + 1));
        let before: i64 = std::mem::replace(&mut self.changes, kept).into_values().sum();
        if before != 0 {
            self.changes.insert(window_s, before);
        }
        let kept = self.endings.split_off(&(window_s + 1));
        for viewer in std::mem::replace(&mut self.endings, kept).into_values().flatten() {
            if let Some(stays) = self.viewers.get_mut(&viewer) {
                stays.retain(|stay| stay.left_at_ms / 1000 > window_s);
                if stays.is_empty() {
                    self.viewers.remove(&viewer);
                }
            }
        }
    }

    /// The wall clock was set back by more than the window: what was written under the wrong time is left alone.
    fn turn_back(&mut self, now_s: u64) {
        let mut again = Self::new(now_s);
        for (viewer, stays) in self.viewers.drain() {
            for stay in stays {
                let left = (stay.left_at_ms != OPEN).then_some(stay.left_at_ms);
                again.set(viewer, &stay.life, stay.joined_at_ms, left);
            }
        }
        again.changed_s = u64::MAX;
        *self = again;
    }
}

/// Adds the edges of the time that one viewer's stays cover together, in whole seconds: a second counts if the viewer was there
/// at its end.
fn contribute(stays: &[Stay], window_s: u64, by: i64, edges: &mut SmallVec<[(u64, i64); 8]>) {
    let mut seconds: SmallVec<[(u64, u64); 4]> = SmallVec::new();
    for stay in stays {
        let (from, until) = ((stay.joined_at_ms / 1000).max(window_s), stay.left_at_ms / 1000);
        if from < until {
            seconds.push((from, until));
        }
    }
    seconds.sort_unstable();
    let mut seconds = seconds.into_iter();
    let Some((mut from, mut until)) = seconds.next() else { return };
    let mut add = |from, until| {
        edges.push((from, by));
        if until != OPEN / 1000 {
            edges.push((until, -by));
        }
    };
    for (next_from, next_until) in seconds {
        if next_from > until {
            add(from, until);
            (from, until) = (next_from, next_until);
        } else {
            until = until.max(next_until);
        }
    }
    add(from, until);
}

fn count(sum: i64) -> u64 {
    u64::try_from(sum).expect("a sum of whole intervals is never below zero")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn life(epoch: u64) -> Arc<Life> {
        Arc::new(Life { source: "gw".into(), epoch })
    }

    fn viewer(bits: u64) -> ViewerId {
        ViewerId::new(bits)
    }

    fn shown(viewers: u64) -> Band {
        Band { low: viewers, high: viewers, connections: viewers }
    }

    #[test]
    fn a_viewer_counts_in_the_seconds_at_whose_end_they_are_there() {
        let mut series = Series::new(100);
        series.set(viewer(1), &life(1), 100_900, Some(102_100));
        series.set(viewer(2), &life(1), 101_100, Some(101_900));
        assert_eq!([99, 100, 101, 102].map(|s| series.viewers_at(s)), [0, 1, 1, 0]);
    }

    #[test]
    fn late_truth_amends_what_was_written_and_says_so() {
        let mut series = Series::new(100);
        for second in 100..105 {
            series.pass(second, shown(0));
        }
        assert_eq!(series.due(105).len(), 5);
        assert_eq!(series.due(105), []);
        series.set(viewer(1), &life(1), 101_500, Some(103_500));
        let amended = Point { viewers: 1, low: 0, high: 1, connections: 0, revision: 1 };
        assert_eq!(series.due(105), [(101, amended), (102, amended)]);
    }

    #[test]
    fn a_gateway_taken_for_dead_that_returns_puts_its_viewers_back_into_the_past() {
        let mut series = Series::new(100);
        series.set(viewer(1), &life(1), 100_000, None);
        series.set(viewer(1), &life(1), 100_000, Some(102_000));
        (100..105).for_each(|second| series.pass(second, shown(1)));
        assert_eq!(series.due(105).iter().map(|(_, p)| p.viewers).collect::<Vec<_>>(), [1, 1, 0, 0, 0]);
        series.set(viewer(1), &life(1), 100_000, None);
        let again = series.due(105);
        assert_eq!(
            again.iter().map(|(s, p)| (*s, p.viewers, p.revision)).collect::<Vec<_>>(),
            [(102, 1, 1), (103, 1, 1), (104, 1, 1)]
        );
    }

    #[test]
    fn what_is_older_than_the_window_is_forgotten_but_still_counted() {
        let mut series = Series::new(100);
        series.set(viewer(1), &life(1), 100_000, None);
        series.set(viewer(2), &life(1), 100_000, Some(110_000));
        series.pass(100 + 2 * AMEND_WINDOW_S, shown(1));
        let due = series.due(101 + 2 * AMEND_WINDOW_S);
        assert_eq!(due.last().map(|(_, point)| point.viewers), Some(1));
        assert_eq!((series.viewers.len(), series.endings.len(), series.written.len()), (1, 0, 1));
        assert!(series.changes.len() <= 1);
    }

    #[test]
    fn a_clock_that_is_set_back_a_day_goes_on_with_points_of_the_new_time() {
        let mut series = Series::new(100_000);
        series.set(viewer(1), &life(1), 99_999_000, None);
        series.set(viewer(2), &life(1), 13_000_000, None);
        series.pass(100_000, shown(2));
        series.due(100_001);
        series.pass(13_600, shown(1));
        assert_eq!(series.due(13_601).iter().map(|(s, p)| (*s, p.viewers)).collect::<Vec<_>>(), [(13_600, 1)]);
    }

    /// A fact: viewer, life, joined second, and how long it lasted if it is over. The same stay may be told again, otherwise.
    fn facts() -> impl Strategy<Value = Vec<(u64, u64, u64, Option<u64>)>> {
        let at = 0..60_000u64;
        prop::collection::vec((0..4u64, 0..3u64, at, prop::option::of(0..30_000u64)), 0..40)
    }

    proptest! {
        /// Facts come in any order, some before their seconds are written and some after: what was written last for each second
        /// is what counting the stays by hand gives.
        #[test]
        fn the_points_written_last_are_those_of_a_count_by_hand(facts in facts(), told_early in 0..40usize) {
            const START_S: u64 = 10;
            let lives: Vec<_> = (0..3).map(life).collect();
            let mut series = Series::new(START_S);
            let mut stays = BTreeMap::new();
            let mut written = BTreeMap::new();
            let mut tell = |series: &mut Series, &(who, epoch, joined, lasted): &(u64, u64, u64, Option<u64>)| {
                let left = lasted.map(|ms| joined + ms);
                series.set(viewer(who), &lives[epoch as usize], joined, left);
                stays.insert((who, epoch, joined), left.unwrap_or(OPEN));
            };
            let (early, late) = facts.split_at(told_early.min(facts.len()));
            for fact in early {
                tell(&mut series, fact);
            }
            for second in START_S..80 {
                series.pass(second, shown(0));
                written.extend(series.due(second));
            }
            for fact in late {
                tell(&mut series, fact);
            }
            written.extend(series.due(80));
            for second in START_S..80 {
                let end_ms = (second + 1) * 1000;
                let there = stays.iter().filter(|((_, _, joined), left)| *joined < end_ms && end_ms <= **left);
                let truth = there.map(|((who, _, _), _)| who).collect::<BTreeSet<_>>().len() as u64;
                prop_assert_eq!(written[&second].viewers, truth, "second {}", second);
                prop_assert!(written[&second].low <= truth && truth <= written[&second].high);
            }
        }

        #[test]
        fn a_window_that_moves_never_loses_anybody_who_is_there(facts in facts(), jump in 1..3000u64) {
            let lives: Vec<_> = (0..3).map(life).collect();
            let mut series = Series::new(70);
            let mut stays = BTreeMap::new();
            for (who, epoch, joined, lasted) in facts {
                let left = lasted.map(|ms| joined + ms);
                series.set(viewer(who), &lives[epoch as usize], joined, left);
                stays.insert((who, epoch, joined), left);
            }
            series.pass(70 + jump, shown(0));
            series.due(71 + jump);
            let there: BTreeSet<_> = stays.iter().filter(|(_, left)| left.is_none()).map(|((who, ..), _)| who).collect();
            let second = 100 + jump;
            prop_assert_eq!(series.viewers_at(second), there.len() as u64);
        }
    }
}
