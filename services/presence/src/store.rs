//! The tables of history, and the typed questions asked of them.
//!
//! Every write is an upsert that may be repeated and may come from any replica; what a row means then is said in `domain`.

mod writer;

use std::{collections::BTreeMap, sync::Arc};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use turnout_platform::tables::{Page, Range, Row, Table, TableError, Tables, Value, int, text, time};
use turnout_roster::{Millis, Topic, ViewerId};

use crate::domain::{Ending, HOUR_MS, Point, Record, VISIT_SHARDS, Visit, VisitNews, WatchTime, hour_of, watch_time};
pub use writer::{Backlogs, Writer};

/// Partitions that one question reads at once.
const READS_AT_ONCE: usize = 4;
/// Hours that one question about a viewer reads, each a partition: eight days, a festival with the days around it.
const VIEWER_HOURS_MAX: usize = 192;
/// Such a question looks at the visits of all who share the viewer's partition; once it has come through so many rows it reads no
/// further hour.
const VIEWER_ROWS_MAX: usize = 200_000;

static COUNTS_BY_HOUR: Table = Table {
    name: "counts_by_hour",
    question: "How many were watching a topic in each second of an hour?",
    partition: &[text("topic"), time("hour")],
    clustering: &[time("at")],
    columns: &[int("viewers"), int("low"), int("high"), int("connections"), int("revision")],
    lifetime_s: None,
};

static VISITS_BY_HOUR: Table = Table {
    name: "visits_by_hour",
    question: "Who came to a topic in an hour, through which gateway, and until when did they stay?",
    partition: &[text("topic"), time("hour"), int("shard")],
    clustering: &[time("joined"), int("viewer"), text("source"), int("epoch")],
    columns: &[time("seen"), time("left"), text("cause")],
    lifetime_s: None,
};

static PEAKS_BY_TOPIC: Table = Table {
    name: "peaks_by_topic",
    question: "What was the highest count of a topic that each replica has shown?",
    partition: &[text("topic")],
    clustering: &[text("replica"), time("since")],
    columns: &[int("viewers"), time("at")],
    lifetime_s: None,
};

/// The tables of presence.
pub static TABLES: &[&Table] = &[&COUNTS_BY_HOUR, &VISITS_BY_HOUR, &PEAKS_BY_TOPIC];

/// History as stored.
#[derive(Clone)]
pub struct Archive {
    tables: Arc<dyn Tables>,
}

impl std::fmt::Debug for Archive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Archive")
    }
}

impl Archive {
    /// On tables opened with [`TABLES`].
    pub fn new(tables: Arc<dyn Tables>) -> Self {
        Self { tables }
    }

    /// The points of the seconds from `from_s` until before `to_s`, in the order of time.
    pub async fn points(&self, topic: &Topic, from_s: u64, to_s: u64) -> Result<Vec<(u64, Point)>, TableError> {
        let hours = hours(from_s * 1000, to_s * 1000).map(|hour| {
            let partition = vec![topic.as_str().into(), moment(hour)];
            let range = Range::of(&COUNTS_BY_HOUR, partition);
            self.all(range.from(vec![moment(from_s * 1000)]).to_below(vec![moment(to_s * 1000)]))
        });
        let rows: Vec<Vec<Row>> = stream::iter(hours).buffered(READS_AT_ONCE).try_collect().await?;
        Ok(rows.iter().flatten().map(|row| (millis(row.time("at")) / 1000, point_of(row))).collect())
    }

    /// The highest count ever shown, and when it was first reached.
    pub async fn peak(&self, topic: &Topic) -> Result<Option<(u64, Millis)>, TableError> {
        let rows = self.all(Range::of(&PEAKS_BY_TOPIC, vec![topic.as_str().into()])).await?;
        let peaks = rows.iter().map(|row| (number(row.int("viewers")), millis(row.time("at"))));
        Ok(peaks.max_by_key(|&(viewers, at_ms)| (viewers, std::cmp::Reverse(at_ms))))
    }

    /// The visits that began from `from_ms` until before `to_ms`, as they look at the moment `at_ms`, in no particular order.
    pub async fn visits(
        &self,
        topic: &Topic,
        from_ms: Millis,
        to_ms: Millis,
        at_ms: Millis,
    ) -> Result<Vec<Visit>, TableError> {
        let partitions = hours(from_ms, to_ms).flat_map(|hour| (0..VISIT_SHARDS).map(move |shard| (hour, shard)));
        let reads = partitions.map(|(hour, shard)| {
            let partition = vec![topic.as_str().into(), moment(hour), Value::Int(shard.cast_signed())];
            let range = Range::of(&VISITS_BY_HOUR, partition);
            self.all(range.from(vec![moment(from_ms)]).to_below(vec![moment(to_ms)]))
        });
        let rows: Vec<Vec<Row>> = stream::iter(reads).buffered(READS_AT_ONCE).try_collect().await?;
        Ok(rows.iter().flatten().map(|row| visit_of(row, at_ms)).collect())
    }

    /// The visits of one viewer that began from `from_ms` until before `to_ms`, as they look at the moment `at_ms`; and from when on to
    /// ask again, if there was too much to read.
    pub async fn visits_of(
        &self,
        topic: &Topic,
        viewer: ViewerId,
        (from_ms, to_ms): (Millis, Millis),
        at_ms: Millis,
    ) -> Result<(Vec<Visit>, Option<Millis>), TableError> {
        let shard = Value::Int((viewer.get() % VISIT_SHARDS).cast_signed());
        let id = viewer.get().cast_signed();
        let read = async |hour| {
            let range = Range::of(&VISITS_BY_HOUR, vec![topic.as_str().into(), moment(hour), shard.clone()]);
            let range = range.from(vec![moment(from_ms)]).to_below(vec![moment(to_ms)]);
            Ok::<_, TableError>((hour, self.kept(range, |row| row.int("viewer") == id).await?))
        };
        let mut reads = stream::iter(hours(from_ms, to_ms).take(VIEWER_HOURS_MAX)).map(read).buffered(READS_AT_ONCE);
        let (mut visits, mut rows_read, mut next_ms) = (Vec::new(), 0, from_ms);
        while rows_read < VIEWER_ROWS_MAX
            && let Some((hour, (rows, passed))) = reads.try_next().await?
        {
            visits.extend(rows.iter().map(|row| visit_of(row, at_ms)));
            rows_read += passed;
            next_ms = hour + HOUR_MS;
        }
        Ok((visits, Some(next_ms).filter(|next_ms| *next_ms < to_ms)))
    }

    /// The time that each viewer watched, over the visits that [`Self::visits`] gives.
    pub async fn watch_time(
        &self,
        topic: &Topic,
        from_ms: Millis,
        to_ms: Millis,
        at_ms: Millis,
    ) -> Result<BTreeMap<ViewerId, WatchTime>, TableError> {
        Ok(watch_time(self.visits(topic, from_ms, to_ms, at_ms).await?))
    }

    async fn all(&self, range: Range) -> Result<Vec<Row>, TableError> {
        Ok(self.kept(range, |_| true).await?.0)
    }

    /// The rows of a range that are wanted, and how many there were to look at.
    async fn kept(&self, range: Range, wanted: impl Fn(&Row) -> bool) -> Result<(Vec<Row>, usize), TableError> {
        let (mut kept, mut passed) = (Vec::new(), 0);
        let mut next = None;
        loop {
            let range = range.clone();
            let Page { rows, next: more } = self
                .tables
                .range(match next {
                    Some(token) => range.after(token),
                    None => range,
                })
                .await?;
            passed += rows.len();
            kept.extend(rows.into_iter().filter(&wanted));
            if more.is_none() {
                return Ok((kept, passed));
            }
            next = more;
        }
    }
}

/// The row of a record; `replica` is who writes.
fn row_of(record: &Record, replica: &str) -> Row {
    match record {
        Record::Point { topic, second, point } => Row::new(&COUNTS_BY_HOUR)
            .set("topic", topic.as_str())
            .set("hour", moment(hour_of(second * 1000)))
            .set("at", moment(second * 1000))
            .set("viewers", point.viewers.cast_signed())
            .set("low", point.low.cast_signed())
            .set("high", point.high.cast_signed())
            .set("connections", point.connections.cast_signed())
            .set("revision", point.revision),
        Record::Visit { span, news } => Row::new(&VISITS_BY_HOUR)
            .set("topic", span.topic.as_str())
            .set("hour", moment(hour_of(span.joined_at_ms)))
            .set("shard", (span.viewer.get() % VISIT_SHARDS).cast_signed())
            .set("joined", moment(span.joined_at_ms))
            .set("viewer", span.viewer.get().cast_signed())
            .set("source", span.source.as_str())
            .set("epoch", span.epoch.cast_signed())
            .set_opt("seen", news.seen_at_ms.map(moment))
            .set_opt("left", news.left.map(|(at_ms, _)| moment(at_ms)))
            .set_opt("cause", news.left.map(|(_, ending)| ending.as_str())),
        Record::Peak { topic, since_ms, viewers, at_ms } => Row::new(&PEAKS_BY_TOPIC)
            .set("topic", topic.as_str())
            .set("replica", replica)
            .set("since", moment(*since_ms))
            .set("viewers", viewers.cast_signed())
            .set("at", moment(*at_ms)),
    }
}

fn point_of(row: &Row) -> Point {
    Point {
        viewers: number(row.int("viewers")),
        low: number(row.int("low")),
        high: number(row.int("high")),
        connections: number(row.int("connections")),
        revision: u32::try_from(row.int("revision")).unwrap_or_default(),
    }
}

fn visit_of(row: &Row, at_ms: Millis) -> Visit {
    let left = row.opt_time("left").map(|at| (millis(at), Ending::from_word(row.text("cause"))));
    let news = VisitNews { seen_at_ms: row.opt_time("seen").map(millis), left };
    Visit::of_row(ViewerId::new(number(row.int("viewer"))), millis(row.time("joined")), news, at_ms)
}

/// The hours that the time from `from_ms` until before `to_ms` touches.
fn hours(from_ms: Millis, to_ms: Millis) -> impl Iterator<Item = Millis> {
    (hour_of(from_ms)..to_ms).step_by(HOUR_MS as usize)
}

fn moment(at_ms: Millis) -> Value {
    Value::Time(at_ms.cast_signed())
}

/// We write no times before 1970; whatever else is there reads as 1970.
fn millis(time: i64) -> Millis {
    number(time)
}

fn number(int: i64) -> u64 {
    u64::try_from(int).unwrap_or_default()
}
