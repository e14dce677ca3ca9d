//! History as it comes to be: the replica's facts and counts in, records for the store out.
//!
//! Deliberately the same at every replica: records are made of the gateways' own words and times, so it does not matter which
//! replica writes them, or how often.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use turnout_roster::{CloseCause, Effect, Millis, SourceName, Span, Topic, TopicCount};

use super::{Ending, Life, Point, Series, VisitNews, series::Band};

/// A point is written at the latest so long after its second, even if some gateway has not told about it yet.
const POINT_PATIENCE_MS: Millis = 5_000;
/// Each lasting visit is checkpointed once in so many seconds, so that a crash of everything loses no more.
const CHECKPOINT_TURNS: u64 = 60;
/// A process that was held up makes the points of so many seconds up; longer gaps stay.
const CATCH_UP_S: u64 = 5;

/// Something to be stored. Storing it again, or an older one of the same key after it, does no harm that lasts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// A second of a series.
    Point {
        /// Of which topic.
        topic: Topic,
        /// Which second, since 1970.
        second: u64,
        /// What it was like.
        point: Point,
    },
    /// News of a visit.
    Visit {
        /// Which visit.
        span: Span,
        /// What is new.
        news: VisitNews,
    },
    /// The peak rose.
    Peak {
        /// Of which topic.
        topic: Topic,
        /// Since when this replica has counted the topic: the key of its row, so that a higher peak of an earlier life is never
        /// overwritten and need not be read.
        since_ms: Millis,
        /// The highest count since then.
        viewers: u64,
        /// When it was first reached.
        at_ms: Millis,
    },
}

/// The gateways that are heard now: name to epoch and the moment of their last word.
pub type SourcesHeard = HashMap<SourceName, (u64, Millis)>;

/// The state of things when a second is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// The wall clock.
    pub at_ms: Millis,
    /// Up to when all gateways have told everything.
    pub as_of_ms: Millis,
    /// The replica neither warms up nor doubts itself: its counts are worth writing.
    pub trusted: bool,
}

/// One topic.
#[derive(Debug)]
struct Followed {
    series: Series,
    since_ms: Millis,
    peak: u64,
    /// As shown last; none before the first time.
    shown: Option<Band>,
    /// The extremes of what was shown in this second.
    second: Option<Band>,
}

/// The history of all topics of one replica.
#[derive(Debug, Default)]
pub struct History {
    topics: BTreeMap<Topic, Followed>,
    /// The latest life of each gateway, shared by its stays.
    lives: HashMap<SourceName, Arc<Life>>,
    second: Option<u64>,
}

impl History {
    /// A fact from the replica; other effects are none. `snapshot_at_ms` is the moment of the snapshot that it comes from, if so.
    pub fn fact(&mut self, fact: &Effect, snapshot_at_ms: Option<Millis>, at_ms: Millis) -> Option<Record> {
        let (span, left, news) = match fact {
            Effect::Opened(span) => {
                // After a restart of ours the time of joining may be hours ago; the snapshot says that the viewer is still there.
                let seen_at_ms = Some(span.joined_at_ms.max(snapshot_at_ms.unwrap_or_default()));
                (span, None, VisitNews { seen_at_ms, left: None })
            }
            Effect::Closed { span, left_at_ms, cause: CloseCause::SourceLost } => {
                (span, Some(*left_at_ms), VisitNews { seen_at_ms: Some(*left_at_ms), left: None })
            }
            Effect::Closed { span, left_at_ms, cause } => (
                span,
                Some(*left_at_ms),
                VisitNews { seen_at_ms: None, left: Some((*left_at_ms, Ending::from(*cause))) },
            ),
            _ => return None,
        };
        let life = self.life(&span.source, span.epoch);
        self.follow(&span.topic, at_ms).series.set(span.viewer, &life, span.joined_at_ms, left);
        Some(Record::Visit { span: span.clone(), news })
    }

    /// A count was published. The peak is that of counts that were not stale.
    pub fn published(&mut self, topic: &Topic, count: &TopicCount, at_ms: Millis, stale: bool) -> Option<Record> {
        let followed = self.follow(topic, at_ms);
        let &TopicCount { low, high, connections, .. } = count;
        let shown = Band { low, high, connections };
        let before = followed.second.unwrap_or(shown);
        followed.second = Some(Band { low: low.min(before.low), high: high.max(before.high), connections });
        followed.shown = Some(shown);
        if stale || count.viewers <= followed.peak {
            return None;
        }
        followed.peak = count.viewers;
        Some(Record::Peak { topic: topic.clone(), since_ms: followed.since_ms, viewers: count.viewers, at_ms })
    }

    /// Time passes: call it several times a second. Makes the points of seconds that are complete, amends earlier ones, and
    /// checkpoints each lasting visit once a minute. `live` are the topics that are published; `heard` is asked once a second.
    pub fn on_timer<'a>(
        &mut self,
        moment: Moment,
        live: impl Iterator<Item = &'a Topic>,
        heard: impl FnOnce() -> SourcesHeard,
    ) -> Vec<Record> {
        let now_s = moment.at_ms / 1000;
        let Some(last_s) = self.second.replace(now_s).filter(|&last_s| last_s != now_s) else { return Vec::new() };
        let mut records = Vec::new();
        for topic in live {
            let followed = self.follow(topic, moment.at_ms);
            if let Some(band) = followed.second.filter(|_| moment.trusted) {
                let from_s = last_s.max(now_s.saturating_sub(CATCH_UP_S));
                (from_s..now_s).for_each(|second| followed.series.pass(second, band));
            }
            followed.second = followed.shown;
        }
        let as_of_ms = moment.as_of_ms.clamp(moment.at_ms.saturating_sub(POINT_PATIENCE_MS), moment.at_ms);
        self.topics.retain(|topic, followed| {
            let due = followed.series.due(as_of_ms / 1000);
            records.extend(due.into_iter().map(|(second, point)| Record::Point {
                topic: topic.clone(),
                second,
                point,
            }));
            !followed.series.is_over(now_s)
        });
        let heard = heard();
        for second in last_s.max(now_s.saturating_sub(CHECKPOINT_TURNS))..now_s {
            self.checkpoint(second % CHECKPOINT_TURNS, CHECKPOINT_TURNS, &heard, &mut records);
        }
        self.lives.retain(|_, life| Arc::strong_count(life) > 1);
        records
    }

    /// Checkpoints all visits at once: the process is about to end.
    pub fn checkpoint_all(&self, heard: &SourcesHeard) -> Vec<Record> {
        let mut records = Vec::new();
        self.checkpoint(0, 1, heard, &mut records);
        records
    }

    /// Visits at gateways that are silent have nothing new to tell.
    fn checkpoint(&self, turn: u64, turns: u64, heard: &SourcesHeard, records: &mut Vec<Record>) {
        for (topic, followed) in &self.topics {
            for (viewer, life, joined_at_ms) in followed.series.lasting(turn, turns) {
                let Some((_, told_at_ms)) = heard.get(&life.source).filter(|(epoch, _)| *epoch == life.epoch) else {
                    continue;
                };
                let (topic, source) = (topic.clone(), life.source.clone());
                let span = Span { topic, viewer, source, epoch: life.epoch, joined_at_ms };
                let news = VisitNews { seen_at_ms: Some((*told_at_ms).max(joined_at_ms)), left: None };
                records.push(Record::Visit { span, news });
            }
        }
    }

    fn follow(&mut self, topic: &Topic, at_ms: Millis) -> &mut Followed {
        if !self.topics.contains_key(topic) {
            let series = Series::new(at_ms / 1000);
            let followed = Followed { series, since_ms: at_ms, peak: 0, shown: None, second: None };
            self.topics.insert(topic.clone(), followed);
        }
        self.topics.get_mut(topic).expect("it was inserted above when absent")
    }

    fn life(&mut self, source: &SourceName, epoch: u64) -> Arc<Life> {
        if let Some(life) = self.lives.get(source).filter(|life| life.epoch == epoch) {
            return life.clone();
        }
        let life = Arc::new(Life { source: source.clone(), epoch });
        self.lives.insert(source.clone(), life.clone());
        life
    }
}

#[cfg(test)]
mod tests {
    use turnout_roster::ViewerId;

    use super::*;

    const START_MS: Millis = 1_700_000_000_000;

    fn span(viewer: u64, joined_at_ms: Millis) -> Span {
        let (topic, source) = (Topic::from("acme/demo"), SourceName::from("gw"));
        Span { topic, viewer: ViewerId::new(viewer), source, epoch: 7, joined_at_ms }
    }

    fn count(viewers: u64) -> TopicCount {
        TopicCount { viewers, low: viewers, high: viewers, connections: viewers, as_of_ms: 0, revision: 1 }
    }

    fn moment(at_ms: Millis) -> Moment {
        Moment { at_ms, as_of_ms: at_ms, trusted: true }
    }

    fn heard(at_ms: Millis) -> SourcesHeard {
        HashMap::from([("gw".into(), (7, at_ms))])
    }

    fn points(records: Vec<Record>) -> Vec<(u64, u64)> {
        let point = |record| match record {
            Record::Point { second, point, .. } => Some((second - START_MS / 1000, point.viewers)),
            _ => None,
        };
        records.into_iter().filter_map(point).collect()
    }

    #[test]
    fn a_point_is_written_when_all_gateways_have_told_of_its_second() {
        let mut history = History::default();
        let topic = Topic::from("acme/demo");
        history.published(&topic, &count(0), START_MS, false);
        let mut tick = |ms, as_of_ms| {
            let moment = Moment { at_ms: START_MS + ms, as_of_ms: START_MS + as_of_ms, trusted: true };
            points(history.on_timer(moment, [&topic].into_iter(), || heard(0)))
        };
        assert_eq!(tick(100, 0), []);
        assert_eq!(tick(1_050, 900), []);
        assert_eq!(tick(2_050, 1_950), [(0, 0)]);
        assert_eq!(tick(3_050, 1_950), []);
        assert_eq!(tick(7_050, 1_950), [(1, 0)], "a gateway that does not speak is not waited for longer");
    }

    #[test]
    fn a_replica_that_doubts_itself_writes_no_points() {
        let mut history = History::default();
        let topic = Topic::from("acme/demo");
        history.published(&topic, &count(0), START_MS, false);
        for (ms, trusted) in [(0, true), (1_000, false), (2_000, true), (3_000, true)] {
            let moment = Moment { trusted, ..moment(START_MS + ms) };
            let written = points(history.on_timer(moment, [&topic].into_iter(), || heard(0)));
            assert_eq!(written.len(), usize::from(ms >= 2_000), "at {ms}");
        }
    }

    #[test]
    fn each_lasting_visit_is_checkpointed_once_a_minute_with_its_gateways_last_word() {
        let mut history = History::default();
        for viewer in 0..120 {
            history.fact(&Effect::Opened(span(viewer, START_MS)), None, START_MS);
        }
        history.fact(
            &Effect::Closed { span: span(5, START_MS), left_at_ms: START_MS, cause: CloseCause::Left },
            None,
            START_MS,
        );
        let mut seen = HashMap::new();
        for ms in (0..=60_000).step_by(500) {
            let now = START_MS + ms;
            for record in history.on_timer(moment(now), [].into_iter(), || heard(now - 100)) {
                let Record::Visit { span, news } = record else { panic!("{record:?}") };
                assert_eq!(news, VisitNews { seen_at_ms: Some(now - 100), left: None });
                *seen.entry(span.viewer.get()).or_insert(0) += 1;
            }
        }
        assert_eq!(seen.len(), 119);
        assert!(seen.values().all(|&times| times == 1) && !seen.contains_key(&5));
        let silent = History::default().on_timer(moment(START_MS), [].into_iter(), HashMap::new);
        assert!(silent.is_empty());
    }

    #[test]
    fn a_visit_learnt_from_a_snapshot_was_last_seen_in_it_and_not_when_it_began() {
        let mut history = History::default();
        let opened = Effect::Opened(span(1, START_MS));
        let seen = |record| match record {
            Some(Record::Visit { news, .. }) => news.seen_at_ms,
            other => panic!("{other:?}"),
        };
        assert_eq!(seen(history.fact(&opened, Some(START_MS + 9_000), START_MS + 9_100)), Some(START_MS + 9_000));
        assert_eq!(seen(history.fact(&opened, None, START_MS + 9_100)), Some(START_MS));
    }

    #[test]
    fn a_lost_gateway_ends_no_visit_for_good() {
        let mut history = History::default();
        let lost = Effect::Closed { span: span(1, START_MS), left_at_ms: START_MS + 50, cause: CloseCause::SourceLost };
        let Some(Record::Visit { news, .. }) = history.fact(&lost, None, START_MS) else { panic!("a record") };
        assert_eq!(news, VisitNews { seen_at_ms: Some(START_MS + 50), left: None });
    }

    #[test]
    fn the_peak_does_not_rise_with_stale_counts() {
        let mut history = History::default();
        let topic = Topic::from("acme/demo");
        let mut show = |viewers, at_ms, stale| match history.published(&topic, &count(viewers), at_ms, stale) {
            Some(Record::Peak { viewers, at_ms, since_ms, .. }) => Some((viewers, at_ms, since_ms)),
            _ => None,
        };
        assert_eq!(show(10, 1_000, false), Some((10, 1_000, 1_000)));
        assert_eq!(show(10, 2_000, false), None);
        assert_eq!(show(99, 3_000, true), None);
        assert_eq!(show(11, 4_000, false), Some((11, 4_000, 1_000)));
    }
}
