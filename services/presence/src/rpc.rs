//! The gRPC face: checks the request, finds whose event it is, answers from the board or from the store. No logic of its own.

use std::{pin::Pin, sync::Arc, time::Duration};

use futures_util::{Stream, stream};
use tokio::sync::watch;
use tokio_util::sync::WaitForCancellationFutureOwned;
use tonic::{Request, Response, Status};
use turnout_platform::{
    auth::{Principal, principal_of},
    clock::Clock,
    failure::Failure,
    ids::{Audience, EventId, RoomId},
    lifecycle::Lifecycle,
};
use turnout_proto::presence::v1::{
    Count, CountPoint, GetCountHistoryRequest, GetCountHistoryResponse, GetCountRequest, GetCountResponse,
    GetPeakRequest, GetPeakResponse, ListRoomsRequest, ListRoomsResponse, ListVisitsRequest, ListVisitsResponse,
    VisitSpan as WireSpan, WatchCountsRequest, WatchCountsResponse, presence_service_server::PresenceService,
};
use turnout_roster::{Millis, ReplicaStatus, TopicCount, ViewerId};

use crate::{
    board::{Board, Shown},
    directory::Directory,
    domain::{Point, VisitSpan, resample, spans},
    store::Archive,
};

/// The longest span of one question for history; at one point a second it is 86,400 points.
const HISTORY_SPAN_MAX_MS: Millis = 24 * 3_600_000;
const STEP_SECONDS_MAX: u32 = 3600;
/// Spans of one answer about a viewer: somebody who comes and goes once a minute for a day stays below it.
const VISIT_SPANS_MAX: usize = 1_000;
/// The last moment that a protobuf timestamp can hold, 9999-12-31.
const SECONDS_MAX: i64 = 253_402_300_799;
/// When a caller may ask again while the replica warms up, drains, or the store is down.
const RETRY_AFTER: Duration = Duration::from_secs(1);

type Timestamp = prost_types::Timestamp;

/// The service.
#[derive(Clone)]
pub struct PresenceRpc {
    inner: Arc<Inner>,
}

struct Inner {
    board: Arc<Board>,
    directory: Directory,
    archive: Archive,
    clock: Arc<dyn Clock>,
    life: Lifecycle,
}

impl std::fmt::Debug for PresenceRpc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PresenceRpc")
    }
}

impl PresenceRpc {
    pub(crate) fn new(
        board: Arc<Board>,
        directory: Directory,
        archive: Archive,
        clock: Arc<dyn Clock>,
        life: Lifecycle,
    ) -> Self {
        Self { inner: Arc::new(Inner { board, directory, archive, clock, life }) }
    }
}

impl Inner {
    /// The audience that a request names, if the caller may see it.
    async fn audience(&self, caller: &Principal, event_id: &str, room_id: &str) -> Result<Audience, Failure> {
        let event: EventId = event_id.parse().map_err(|e| Failure::invalid("event_id", format!("{e}")))?;
        let room = Some(room_id).filter(|room| !room.is_empty()).map(str::parse::<RoomId>).transpose();
        let room = room.map_err(|e| Failure::invalid("room_id", format!("{e}")))?;
        let tenant = self.directory.owner(&event, caller).await?;
        Ok(Audience { tenant, event, room })
    }

    fn count(&self, audience: &Audience, shown: Shown, status: ReplicaStatus) -> Result<Count, Failure> {
        match shown.count {
            Some(count) => Ok(count_to_wire(audience, count, status.stale)),
            // A replica that has just begun does not know that nobody is there.
            None if status.warming => Err(Failure::Unavailable { retry_after: RETRY_AFTER }),
            None => {
                let at_ms = self.clock.at_ms();
                let nobody =
                    TopicCount { viewers: 0, low: 0, high: 0, connections: 0, as_of_ms: at_ms, revision: at_ms };
                Ok(count_to_wire(audience, nobody, status.stale))
            }
        }
    }
}

/// One caller that watches.
struct Watch {
    inner: Arc<Inner>,
    audience: Audience,
    shown: watch::Receiver<Shown>,
    status: watch::Receiver<ReplicaStatus>,
    draining: Pin<Box<WaitForCancellationFutureOwned>>,
    last: Option<Count>,
}

impl Watch {
    /// The next count that differs from the last one; none once an error has ended the stream.
    async fn next(mut self) -> Option<(Result<WatchCountsResponse, Status>, Option<Self>)> {
        loop {
            let (shown, status) = (*self.shown.borrow_and_update(), *self.status.borrow_and_update());
            match self.inner.count(&self.audience, shown, status) {
                Ok(count) if self.last.as_ref().is_some_and(|last| is_same(last, &count)) => {}
                Ok(count) => {
                    self.last = Some(count.clone());
                    return Some((Ok(WatchCountsResponse { count: Some(count) }), Some(self)));
                }
                Err(failure) => return Some((Err(failure.into()), None)),
            }
            let gone = tokio::select! {
                changed = self.shown.changed() => changed.is_err(),
                changed = self.status.changed() => changed.is_err(),
                () = &mut self.draining => true,
            };
            if gone {
                return Some((Err(Failure::Unavailable { retry_after: RETRY_AFTER }.into()), None));
            }
        }
    }
}

/// Unchanged counts are published again and again for gateways; to a caller that is no news.
fn is_same(a: &Count, b: &Count) -> bool {
    (a.viewers, a.low, a.high, a.connections, a.stale) == (b.viewers, b.low, b.high, b.connections, b.stale)
}

#[tonic::async_trait]
impl PresenceService for PresenceRpc {
    async fn get_count(&self, request: Request<GetCountRequest>) -> Result<Response<GetCountResponse>, Status> {
        let (inner, caller) = (&self.inner, principal_of(&request)?);
        let GetCountRequest { event_id, room_id } = request.into_inner();
        let audience = inner.audience(&caller, &event_id, &room_id).await?;
        let count = inner.count(&audience, inner.board.get(&audience.topic()), inner.board.status())?;
        Ok(Response::new(GetCountResponse { count: Some(count) }))
    }

    type WatchCountsStream = Pin<Box<dyn Stream<Item = Result<WatchCountsResponse, Status>> + Send>>;

    async fn watch_counts(
        &self,
        request: Request<WatchCountsRequest>,
    ) -> Result<Response<Self::WatchCountsStream>, Status> {
        let (inner, caller) = (&self.inner, principal_of(&request)?);
        let WatchCountsRequest { event_id, room_id } = request.into_inner();
        let audience = inner.audience(&caller, &event_id, &room_id).await?;
        if inner.life.is_draining() {
            return Err(Failure::Unavailable { retry_after: RETRY_AFTER }.into());
        }
        let watch = Watch {
            inner: inner.clone(),
            shown: inner.board.watch(&audience.topic()),
            status: inner.board.watch_status(),
            draining: Box::pin(inner.life.draining()),
            audience,
            last: None,
        };
        let counts = stream::unfold(Some(watch), async |watch| watch?.next().await);
        Ok(Response::new(Box::pin(counts)))
    }

    async fn get_count_history(
        &self,
        request: Request<GetCountHistoryRequest>,
    ) -> Result<Response<GetCountHistoryResponse>, Status> {
        let (inner, caller) = (&self.inner, principal_of(&request)?);
        let GetCountHistoryRequest { event_id, room_id, from, to, step_seconds } = request.into_inner();
        let (from_s, to_s, step_s) = span_from_wire(from, to, step_seconds, inner.clock.at_ms())?;
        let audience = inner.audience(&caller, &event_id, &room_id).await?;
        let points = inner.archive.points(&audience.topic(), from_s, to_s).await.map_err(Failure::from)?;
        let points = resample(points, from_s, step_s).into_iter().map(point_to_wire).collect();
        Ok(Response::new(GetCountHistoryResponse { points }))
    }

    async fn list_rooms(&self, request: Request<ListRoomsRequest>) -> Result<Response<ListRoomsResponse>, Status> {
        let (inner, caller) = (&self.inner, principal_of(&request)?);
        let audience = inner.audience(&caller, &request.into_inner().event_id, "").await?;
        let status = inner.board.status();
        let counts = inner.board.beginning_with(&format!("{}/", audience.topic()));
        if counts.is_empty() && status.warming {
            return Err(Failure::Unavailable { retry_after: RETRY_AFTER }.into());
        }
        let room = |(topic, count): (turnout_roster::Topic, _)| {
            let audience: Audience = topic.as_str().parse().map_err(Failure::internal)?;
            Ok(count_to_wire(&audience, count, status.stale))
        };
        let rooms = counts.into_iter().map(room).collect::<Result<_, Failure>>()?;
        Ok(Response::new(ListRoomsResponse { rooms }))
    }

    async fn get_peak(&self, request: Request<GetPeakRequest>) -> Result<Response<GetPeakResponse>, Status> {
        let (inner, caller) = (&self.inner, principal_of(&request)?);
        let GetPeakRequest { event_id, room_id } = request.into_inner();
        let topic = inner.audience(&caller, &event_id, &room_id).await?.topic();
        let stored = inner.archive.peak(&topic).await.map_err(Failure::from)?;
        // What is on its way to the store counts too.
        let shown = Some(inner.board.get(&topic).peak).filter(|(viewers, _)| *viewers > 0);
        let peak = stored.into_iter().chain(shown).max_by_key(|&(viewers, at_ms)| (viewers, std::cmp::Reverse(at_ms)));
        let (viewers, at) = peak.map_or((0, None), |(viewers, at_ms)| (viewers, Some(timestamp(at_ms))));
        Ok(Response::new(GetPeakResponse { viewers, at }))
    }

    async fn list_visits(&self, request: Request<ListVisitsRequest>) -> Result<Response<ListVisitsResponse>, Status> {
        let (inner, caller) = (&self.inner, principal_of(&request)?);
        let ListVisitsRequest { event_id, room_id, viewer, from, to } = request.into_inner();
        let at_ms = inner.clock.at_ms();
        let viewer = viewer_from_wire(viewer)?;
        let (from_ms, to_ms) = bounds_from_wire(from, to, at_ms)?;
        let topic = inner.audience(&caller, &event_id, &room_id).await?.topic();
        // Nobody has come in the hours that are to be: they are not read.
        let bounds = (from_ms, to_ms.min(at_ms + 1).max(from_ms));
        let (visits, next_ms) = inner.archive.visits_of(&topic, viewer, bounds, at_ms).await.map_err(Failure::from)?;
        Ok(Response::new(visits_to_wire(spans(visits), next_ms)))
    }
}

/// From when until before when; the end is `at_ms` if none is given.
fn bounds_from_wire(
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    at_ms: Millis,
) -> Result<(Millis, Millis), Failure> {
    let from = from.ok_or_else(|| Failure::invalid("from", "must be set"))?;
    let from_ms = millis("from", &from)?;
    let to_ms = to.map_or(Ok(at_ms), |to| millis("to", &to))?;
    if to_ms < from_ms {
        return Err(Failure::invalid("to", "must not be before `from`"));
    }
    Ok((from_ms, to_ms))
}

/// The whole seconds of a span, until before the second one, and the step.
fn span_from_wire(
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    step_seconds: u32,
    at_ms: Millis,
) -> Result<(u64, u64, u64), Failure> {
    let (from_ms, to_ms) = bounds_from_wire(from, to, at_ms)?;
    if to_ms - from_ms > HISTORY_SPAN_MAX_MS {
        return Err(Failure::invalid("to", "must be at most 24 hours after `from`; ask for a part at a time"));
    }
    if step_seconds > STEP_SECONDS_MAX {
        return Err(Failure::invalid("step_seconds", format!("must be 1 to {STEP_SECONDS_MAX}, or 0 for 1")));
    }
    Ok((from_ms.div_ceil(1000), to_ms.div_ceil(1000), u64::from(step_seconds.max(1))))
}

fn viewer_from_wire(viewer: u64) -> Result<ViewerId, Failure> {
    let id = ViewerId::new(viewer);
    if id.get() == viewer { Ok(id) } else { Err(Failure::invalid("viewer", "must have at most 48 bits")) }
}

fn millis(field: &'static str, timestamp: &Timestamp) -> Result<Millis, Failure> {
    let (seconds, nanos) = (timestamp.seconds, timestamp.nanos);
    if !(0..=SECONDS_MAX).contains(&seconds) || !(0..1_000_000_000).contains(&nanos) {
        return Err(Failure::invalid(field, "must be a time between 1970 and 9999"));
    }
    Ok(seconds.unsigned_abs() * 1000 + u64::from(nanos.unsigned_abs()) / 1_000_000)
}

fn timestamp(at_ms: Millis) -> Timestamp {
    Timestamp { seconds: (at_ms / 1000).cast_signed(), nanos: (at_ms % 1000) as i32 * 1_000_000 }
}

fn count_to_wire(audience: &Audience, count: TopicCount, stale: bool) -> Count {
    let TopicCount { viewers, low, high, connections, as_of_ms, revision } = count;
    Count {
        event_id: audience.event.to_string(),
        room_id: audience.room.as_ref().map(ToString::to_string).unwrap_or_default(),
        viewers,
        low,
        high,
        connections,
        as_of: Some(timestamp(as_of_ms)),
        revision,
        stale,
    }
}

fn point_to_wire((second, point): (u64, Point)) -> CountPoint {
    let Point { viewers, low, high, connections, revision } = point;
    CountPoint { at: Some(timestamp(second * 1000)), viewers, low, high, connections, revision }
}

/// Spans are apart, so every visit that belongs to one that is left out began with it or later.
fn visits_to_wire(spans: Vec<VisitSpan>, next_ms: Option<Millis>) -> ListVisitsResponse {
    let next_ms = spans.get(VISIT_SPANS_MAX).map(|span| span.from_ms).or(next_ms);
    let spans = spans.into_iter().take(VISIT_SPANS_MAX).map(|VisitSpan { from_ms, until_ms, lasting }| WireSpan {
        from: Some(timestamp(from_ms)),
        until: Some(timestamp(until_ms)),
        lasting,
    });
    ListVisitsResponse { spans: spans.collect(), next_from: next_ms.map(timestamp) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64, nanos: i32) -> Timestamp {
        Timestamp { seconds, nanos }
    }

    #[test]
    fn a_span_begins_with_its_first_whole_second_and_ends_before_its_end() {
        let span = |from, to, step| span_from_wire(Some(from), to, step, 15_000).unwrap();
        assert_eq!(span(at(10, 0), Some(at(20, 0)), 0), (10, 20, 1));
        assert_eq!(span(at(10, 1_000_000), Some(at(20, 500_000_000)), 60), (11, 21, 60));
        assert_eq!(span(at(10, 0), None, 1), (10, 15, 1));
    }

    #[test]
    fn a_span_that_cannot_be_answered_is_refused_by_the_name_of_its_field() {
        let cases = [
            (None, None, 1, "from"),
            (Some(at(-1, 0)), None, 1, "from"),
            (Some(at(10, -1)), None, 1, "from"),
            (Some(at(10, 0)), Some(at(9, 0)), 1, "to"),
            (Some(at(10, 0)), Some(at(i64::MAX, 0)), 1, "to"),
            (Some(at(10, 0)), Some(at(10 + 86_400, 1_000_000)), 1, "to"),
            (Some(at(10, 0)), Some(at(20, 0)), 3601, "step_seconds"),
        ];
        for (from, to, step, field) in cases {
            let refused = span_from_wire(from, to, step, 20_000).unwrap_err();
            assert!(matches!(&refused, Failure::Invalid { field: named, .. } if *named == field), "{refused:?}");
        }
    }

    #[test]
    fn more_spans_than_fit_into_an_answer_are_left_to_the_next_question() {
        let spans = |many: u64| {
            (0..many).map(|n| VisitSpan { from_ms: n * 10, until_ms: n * 10 + 5, lasting: false }).collect::<Vec<_>>()
        };
        let max = VISIT_SPANS_MAX as u64;
        let all = visits_to_wire(spans(max), None);
        assert_eq!((all.spans.len(), all.next_from), (VISIT_SPANS_MAX, None));
        assert_eq!(visits_to_wire(spans(max), Some(77_000)).next_from, Some(at(77, 0)));
        let cut = visits_to_wire(spans(max + 1), Some(77_000));
        assert_eq!((cut.spans.len(), cut.next_from), (VISIT_SPANS_MAX, Some(timestamp(max * 10))));
    }

    #[test]
    fn a_viewer_has_48_bits() {
        assert_eq!(viewer_from_wire((1 << 48) - 1).unwrap().get(), (1 << 48) - 1);
        assert!(viewer_from_wire(1 << 48).is_err());
    }
}
