//! What keeps an event's page moving: a stream of server-sent events, and the chart's first hour.

use std::{convert::Infallible, time::Duration};

use askama::Template as _;
use axum::{
    Json,
    extract::{Path, State},
    response::{
        IntoResponse as _, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use turnout_platform::{
    failure::Failure,
    ids::{EventId, TenantId},
};
use turnout_proto::presence::v1::{Count, GetCountHistoryRequest, WatchCountsRequest};

use super::{
    events::{count_view, millis, peak, rooms},
    session::{Organiser, until_over},
};
use crate::{
    Shared,
    answers::failure_page,
    upstream::{bounded, failure},
    views::{Figures, Point, Series},
};

/// The chart shows so much.
const CHART_S: i64 = 3600;
/// One point of the chart.
const POINT_EVERY: Duration = Duration::from_secs(1);
/// The peak and the rooms are read again after so many points.
const SLOW_EVERY_POINTS: u32 = 2;
/// Events that wait for a slow browser; then the newest figures wait with us.
const EVENTS_WAITING_MAX: usize = 8;
/// Pause before the counter is asked again after it went away.
const WATCH_RETRY: Duration = Duration::from_secs(1);

/// `GET /console/events/<id>/series.json`
pub(super) async fn series(
    State(shared): State<Shared>,
    organiser: Organiser,
    Path(event_id): Path<String>,
) -> Response {
    let now_s = shared.clock.at_s() as i64;
    let from = prost_types::Timestamp { seconds: now_s - CHART_S, nanos: 0 };
    let request = bounded(GetCountHistoryRequest {
        event_id,
        room_id: String::new(),
        from: Some(from),
        to: None,
        step_seconds: 1,
    });
    let points = match shared.upstream.presence(&organiser.tenant).get_count_history(request).await {
        Ok(response) => response.into_inner().points,
        Err(status) => return failure_page(failure(status)),
    };
    let mut series = Series::default();
    let mut push = |t: i64, point: Option<(u64, u64, u64)>| {
        series.t.push(t);
        series.viewers.push(point.map(|p| p.0));
        series.low.push(point.map(|p| p.1));
        series.high.push(point.map(|p| p.2));
    };
    let mut last_t = None;
    for point in points {
        let t = point.at.map_or(0, |at| at.seconds);
        // Seconds that are missing are shown as a gap, not as a line across it.
        if let Some(last) = last_t.filter(|last| t > last + 1) {
            push(last + 1, None);
        }
        push(t, Some((point.viewers, point.low, point.high)));
        last_t = Some(t);
    }
    Json(series).into_response()
}

/// `GET /console/events/<id>/stream`
pub(super) async fn stream(
    State(shared): State<Shared>,
    organiser: Organiser,
    Path(event_id): Path<String>,
) -> Response {
    // A stream is opened anew after each break, by many at once: what is known of the event is enough to say whose it is.
    let known = match event_id.parse::<EventId>() {
        Ok(id) => shared.directory.event(&id).await,
        Err(_) => Ok(None),
    };
    let zone = match known {
        Ok(Some(event)) if event.tenant == organiser.tenant => event.details.zone.clone(),
        Ok(_) => return failure_page(Failure::NotFound { what: "event" }),
        Err(failure) => return failure_page(failure),
    };
    let (sender, receiver) = mpsc::channel::<Result<Event, Infallible>>(EVENTS_WAITING_MAX);
    let life = shared.life.clone();
    tokio::spawn(async move {
        let over = until_over(shared.clone(), organiser.clone());
        let feed = Feed { shared, tenant: organiser.tenant, event_id, zone, sender };
        tokio::select! {
            () = feed.run() => {}
            () = over => {}
            () = life.draining() => {}
        }
    });
    Sse::new(ReceiverStream::new(receiver)).keep_alive(KeepAlive::default()).into_response()
}

struct Feed {
    shared: Shared,
    tenant: TenantId,
    event_id: String,
    zone: String,
    sender: mpsc::Sender<Result<Event, Infallible>>,
}

/// The browser has gone.
struct Gone;

impl Feed {
    async fn run(self) {
        while self.follow().await.is_ok() {
            tokio::time::sleep(WATCH_RETRY).await;
        }
    }

    /// Follows the counter until it, or the browser, goes away.
    async fn follow(&self) -> Result<(), Gone> {
        let request = WatchCountsRequest { event_id: self.event_id.clone(), room_id: String::new() };
        let mut counts = match self.shared.upstream.presence(&self.tenant).watch_counts(request).await {
            Ok(response) => response.into_inner(),
            Err(_) if self.sender.is_closed() => return Err(Gone),
            Err(_) => return Ok(()),
        };
        let mut high = peak(&self.shared, &self.tenant, &self.event_id).await;
        let mut latest: Option<Count> = None;
        let mut shown_rooms = String::new();
        let mut points = tokio::time::interval(POINT_EVERY);
        for number in 0u32.. {
            loop {
                tokio::select! {
                    count = counts.message() => {
                        let Ok(Some(count)) = count else { return Ok(()) };
                        let Some(count) = count.count else { continue };
                        self.figures(&count, high).await?;
                        latest = Some(count);
                    }
                    _ = points.tick() => break,
                    () = self.sender.closed() => return Err(Gone),
                }
            }
            if let Some(count) = &latest {
                self.point(count).await?;
            }
            if number.is_multiple_of(SLOW_EVERY_POINTS) {
                high = peak(&self.shared, &self.tenant, &self.event_id).await;
                let table = rooms(&self.shared, &self.tenant, &self.event_id).await.render().unwrap_or_default();
                if table != shown_rooms {
                    self.send(Event::default().event("rooms").data(one_line(&table))).await?;
                    shown_rooms = table;
                }
            }
        }
        Ok(())
    }

    async fn figures(&self, count: &Count, high: (u64, Option<i64>)) -> Result<(), Gone> {
        match (Figures { count: Some(count_view(count, high)), zone: self.zone.clone() }).render() {
            Ok(html) => self.send(Event::default().event("figures").data(one_line(&html))).await,
            Err(error) => {
                tracing::error!(%error, "the figures could not be made");
                Ok(())
            }
        }
    }

    async fn point(&self, count: &Count) -> Result<(), Gone> {
        // While the counter is out of touch there is no point: the chart must not draw what nobody knows.
        if count.stale {
            return Ok(());
        }
        let as_of_s = count.as_of.as_ref().map_or(0, millis) / 1000;
        let t = as_of_s.max(self.shared.clock.at_s() as i64);
        let point = Point { t, viewers: count.viewers, low: count.low, high: count.high };
        let json = serde_json::to_string(&point).expect("four numbers can be written");
        self.send(Event::default().event("point").data(json)).await
    }

    async fn send(&self, event: Event) -> Result<(), Gone> {
        self.sender.send(Ok(event)).await.map_err(|_| Gone)
    }
}

/// An event's data must not hold a carriage return; line feeds only make it longer.
pub(super) fn one_line(html: &str) -> String {
    html.replace(['\r', '\n'], " ")
}
