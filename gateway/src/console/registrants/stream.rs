//! What keeps the page of the registrants moving: the statistics whenever one changes, and a word when the rows should be read anew,
//! because a registration or what became of a message changed.

use std::{convert::Infallible, time::Duration};

use askama::Template as _;
use axum::{
    extract::{Path, State},
    response::{
        IntoResponse as _, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval, sleep},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use turnout_proto::{
    notifications::v1::{GetMessageFiguresRequest, MessageFigure},
    presence::v1::WatchCountsRequest,
    registration::v1::{Statistics, WatchStatisticsRequest},
};

use super::super::{
    events::live_number,
    reading,
    session::{Organiser, until_over},
    stream::one_line,
};
use crate::{
    Shared,
    upstream::bounded,
    views::{
        LiveNumber,
        console::{registrants::StatisticsPart, shell::EventFacts},
    },
};

/// Events that wait for a slow browser; then the newest figures wait with us.
const EVENTS_WAITING_MAX: usize = 4;
/// News from the services that wait to be put together.
const NEWS_WAITING_MAX: usize = 64;
/// The statistics go out at most this often.
const STATISTICS_EVERY: Duration = Duration::from_millis(250);
/// The rows are read anew at most this often.
const ROWS_EVERY: Duration = Duration::from_secs(1);
/// What became of messages is asked for this often: nobody tells it.
const MESSAGES_EVERY: Duration = Duration::from_secs(1);
/// Pause before a service that went away is asked again.
const WATCH_RETRY: Duration = Duration::from_secs(1);

/// `GET /console/events/<id>/registrants/stream`
pub(in super::super) async fn stream(
    State(shared): State<Shared>,
    organiser: Organiser,
    Path(event_id): Path<String>,
) -> Response {
    let event = match reading::event(&shared, &organiser, &event_id).await {
        Ok(event) => event,
        Err(page) => return page,
    };
    let (sender, receiver) = mpsc::channel::<Result<Event, Infallible>>(EVENTS_WAITING_MAX);
    let life = shared.life.clone();
    tokio::spawn(async move {
        let over = until_over(shared.clone(), organiser.clone());
        let feed = Feed { shared, organiser, event };
        tokio::select! {
            () = feed.run(sender) => {}
            () = over => {}
            () = life.draining() => {}
        }
    });
    Sse::new(ReceiverStream::new(receiver)).keep_alive(KeepAlive::default()).into_response()
}

enum News {
    /// The statistics, and whether rows changed.
    Statistics(Statistics, bool),
    Viewers(LiveNumber),
    /// What became of messages.
    Messages,
}

struct Feed {
    shared: Shared,
    organiser: Organiser,
    event: EventFacts,
}

/// The browser has gone.
struct Gone;

impl Feed {
    /// Until the browser goes: then all ends together.
    async fn run(&self, sender: mpsc::Sender<Result<Event, Infallible>>) {
        let (news, heard) = mpsc::channel(NEWS_WAITING_MAX);
        tokio::select! {
            () = self.follow_statistics(&news) => {}
            () = self.follow_viewers(&news) => {}
            () = self.follow_messages(&news) => {}
            _ = self.write(heard, &sender) => {}
            () = sender.closed() => {}
        }
    }

    async fn follow_statistics(&self, news: &mpsc::Sender<News>) {
        loop {
            let _ = self.statistics(news).await;
            sleep(WATCH_RETRY).await;
        }
    }

    async fn statistics(&self, news: &mpsc::Sender<News>) -> Result<(), Status> {
        let request = WatchStatisticsRequest { event_id: self.event.event_id.clone() };
        let mut upstream = self.shared.upstream.registrants(&self.organiser.acting());
        let mut answers = upstream.watch_statistics(request).await?.into_inner();
        let mut first = true;
        while let Some(answer) = answers.message().await? {
            // What changed while nobody watched is not told: after the first answer of each watch the rows are read anew.
            let rows = first || !answer.changed.is_empty();
            first = false;
            let _ = news.send(News::Statistics(answer.statistics.unwrap_or_default(), rows)).await;
        }
        Ok(())
    }

    async fn follow_viewers(&self, news: &mpsc::Sender<News>) {
        loop {
            let _ = self.viewers(news).await;
            sleep(WATCH_RETRY).await;
        }
    }

    async fn viewers(&self, news: &mpsc::Sender<News>) -> Result<(), Status> {
        let request = WatchCountsRequest { event_id: self.event.event_id.clone(), room_id: String::new() };
        let mut counts =
            self.shared.upstream.presence(&self.organiser.tenant).watch_counts(request).await?.into_inner();
        while let Some(answer) = counts.message().await? {
            if let Some(count) = answer.count {
                let _ = news.send(News::Viewers(live_number(&count))).await;
            }
        }
        Ok(())
    }

    async fn follow_messages(&self, news: &mpsc::Sender<News>) {
        let mut known: Option<Vec<MessageFigure>> = None;
        loop {
            sleep(MESSAGES_EVERY).await;
            let request = bounded(GetMessageFiguresRequest { event_id: self.event.event_id.clone() });
            let mut upstream = self.shared.upstream.notifications(&self.organiser.acting());
            let Ok(answer) = upstream.get_message_figures(request).await else { continue };
            let figures = answer.into_inner().figures;
            if known.as_ref().is_some_and(|known| *known != figures) {
                let _ = news.send(News::Messages).await;
            }
            known = Some(figures);
        }
    }

    async fn write(
        &self,
        mut heard: mpsc::Receiver<News>,
        sender: &mpsc::Sender<Result<Event, Infallible>>,
    ) -> Result<(), Gone> {
        let mut part = StatisticsPart { event: self.event.clone(), statistics: None, viewers: None };
        let (mut figures_due, mut rows_due) = (false, false);
        let mut rows_at = Instant::now();
        let mut ticks = interval(STATISTICS_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                news = heard.recv() => match news {
                    Some(News::Statistics(statistics, rows)) => {
                        part.statistics = Some(statistics);
                        figures_due = true;
                        rows_due |= rows;
                    }
                    Some(News::Viewers(viewers)) => {
                        part.viewers = Some(viewers);
                        figures_due = true;
                    }
                    Some(News::Messages) => rows_due = true,
                    None => return Ok(()),
                },
                _ = ticks.tick() => {
                    if figures_due && part.statistics.is_some() {
                        figures_due = false;
                        let html = part.render().unwrap_or_default();
                        send(sender, Event::default().event("statistics").data(one_line(&html))).await?;
                    }
                    if rows_due && rows_at.elapsed() >= ROWS_EVERY {
                        (rows_due, rows_at) = (false, Instant::now());
                        send(sender, Event::default().event("rows").data("changed")).await?;
                    }
                }
            }
        }
    }
}

async fn send(sender: &mpsc::Sender<Result<Event, Infallible>>, event: Event) -> Result<(), Gone> {
    sender.send(Ok(event)).await.map_err(|_| Gone)
}
