//! Bus in and out: the one task that owns the replica. Gateways' ticks come in, counts and resync requests go out, and what
//! follows from a tick goes to the board and to the history on the way. It waits for the bus only, never for the store.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::DropGuard;
use turnout_platform::{
    bus::{BusError, Message, Outgoing, SharedBus, Subscription, subjects},
    clock::Clock,
    lifecycle::{Condition, Lifecycle, TaskResult},
    mesh,
    telemetry::TraceParent,
};
use turnout_proto::presence::v1 as wire;
use turnout_roster::{Counts, Effect, Liveness, Millis, Replica, ReplicaConfig, ReplicaStats, Resync, ResyncRequest};

use crate::{
    board::Board,
    domain::{History, Moment, Record, SourcesHeard},
    metrics::{PresenceMetrics, Totals},
    store::Backlogs,
};

const TIMER_INTERVAL: Duration = Duration::from_millis(50);
const SUBSCRIBE_RETRY: Duration = Duration::from_millis(500);
/// Gauges are set, and the board is swept, this often.
const REPORT_INTERVAL_MS: Millis = 1000;

/// The task's state.
pub struct Actor {
    bus: SharedBus,
    clock: Arc<dyn Clock>,
    name: String,
    replica: Replica,
    history: History,
    board: Arc<Board>,
    backlog: Arc<Backlogs>,
    /// The writer ends after us.
    _closing: DropGuard,
    metrics: PresenceMetrics,
    stats: ReplicaStats,
    reported_now_ms: Option<Millis>,
    /// The trace of the oldest traced tick that no published count covers yet.
    trace: Option<TraceParent>,
    connected: Condition,
    warm: Condition,
}

struct Subscriptions {
    ticks: Subscription,
    answers: Subscription,
    counts: Subscription,
}

impl Actor {
    /// A replica that knows nothing yet.
    pub fn new(
        bus: SharedBus,
        clock: Arc<dyn Clock>,
        name: &str,
        board: Arc<Board>,
        backlog: Arc<Backlogs>,
        metrics: PresenceMetrics,
        life: &Lifecycle,
    ) -> Self {
        Self {
            bus,
            clock,
            name: name.to_owned(),
            replica: Replica::new(ReplicaConfig::default()),
            history: History::default(),
            board,
            _closing: backlog.closing(),
            backlog,
            metrics,
            stats: ReplicaStats::default(),
            reported_now_ms: None,
            trace: None,
            connected: life.condition("presence bus"),
            warm: life.condition("presence warm"),
        }
    }

    /// Counts until the process stops.
    pub async fn run(mut self, life: Lifecycle) -> TaskResult {
        let mut stopping = std::pin::pin!(life.stopping());
        let mut connected = self.bus.connected();
        let mut from_bus = tokio::select! {
            subscriptions = self.subscribe() => subscriptions,
            () = &mut stopping => return Ok(()),
        };
        self.on_bus(&mut connected);
        let mut timer = interval(TIMER_INTERVAL);
        timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = &mut stopping => break,
                _ = timer.tick() => self.on_timer().await,
                Ok(()) = connected.changed() => self.on_bus(&mut connected),
                message = from_bus.answers.next() => self.on_answer(&message.ok_or("the bus is closed")?).await,
                message = from_bus.ticks.next() => self.on_tick(&message.ok_or("the bus is closed")?).await,
                message = from_bus.counts.next() => self.on_counts(&message.ok_or("the bus is closed")?),
            }
        }
        self.backlog.push(self.history.checkpoint_all(&self.heard()), &self.metrics);
        Ok(())
    }

    async fn subscribe(&self) -> Subscriptions {
        loop {
            match self.try_subscribe().await {
                Ok(subscriptions) => return subscriptions,
                Err(error) => tracing::warn!(%error, "cannot listen to the bus yet"),
            }
            tokio::time::sleep(SUBSCRIBE_RETRY).await;
        }
    }

    async fn try_subscribe(&self) -> Result<Subscriptions, BusError> {
        Ok(Subscriptions {
            ticks: self.bus.subscribe(subjects::all_ticks()).await?,
            answers: self.bus.subscribe(subjects::resync_answers(&self.name).into()).await?,
            counts: self.bus.subscribe(subjects::all_counts()).await?,
        })
    }

    fn on_bus(&mut self, connected: &mut watch::Receiver<bool>) {
        let is_connected = *connected.borrow_and_update();
        self.connected.set(is_connected);
        self.replica.on_bus(is_connected, self.clock.now_ms());
    }

    async fn on_tick(&mut self, message: &Message) {
        let Ok(tick) = mesh::decode_tick(&message.payload) else { return self.undecodable() };
        self.metrics.tick_applied(self.clock.at_ms().saturating_sub(tick.at_ms));
        let span = message.trace.as_ref().map(|trace| {
            let span = tracing::info_span!("presence.apply_tick", otel.kind = "consumer");
            trace.adopt(&span);
            span
        });
        let effects = {
            let _entered = span.as_ref().map(tracing::Span::enter);
            self.replica.on_tick(tick, self.clock.now_ms())
        };
        if self.trace.is_none() {
            self.trace = span.as_ref().and_then(TraceParent::of);
        }
        self.act(effects, None).await;
    }

    async fn on_answer(&mut self, message: &Message) {
        let Ok(resync) = mesh::decode_resync(&message.payload) else { return self.undecodable() };
        let snapshot_at_ms = match &resync {
            Resync::Snapshot(part) => Some(part.at_ms),
            Resync::Replay(_) => None,
        };
        let effects = self.replica.on_resync(resync, self.clock.now_ms());
        self.act(effects, snapshot_at_ms).await;
    }

    /// Gateways may turn to us at any time: our revisions must be beyond those of the others.
    fn on_counts(&mut self, message: &Message) {
        let Ok(frame) = mesh::decode_counts(&message.payload) else { return self.undecodable() };
        if frame.replica != self.name {
            frame.counts.iter().for_each(|count| self.replica.observe_revision(count.revision));
        }
    }

    fn undecodable(&self) {
        self.metrics.undecodable_frames.inc();
    }

    async fn on_timer(&mut self) {
        let (now_ms, at_ms) = (self.clock.now_ms(), self.clock.at_ms());
        let effects = self.replica.on_timer(now_ms);
        self.act(effects, None).await;
        for frame in self.replica.publish(now_ms, at_ms) {
            self.publish(frame).await;
        }
        let status = self.replica.status();
        self.board.set_status(status);
        self.warm.set(!status.warming);
        let trusted = !status.warming && !status.stale;
        // All topics share the moment up to which all gateways have spoken.
        let as_of_ms =
            self.replica.topics().next().and_then(|topic| self.replica.count(topic)).map(|count| count.as_of_ms);
        let moment = Moment { at_ms, as_of_ms: as_of_ms.unwrap_or(at_ms), trusted };
        let records = self.history.on_timer(moment, self.replica.topics(), || heard(&self.replica));
        self.backlog.push(records, &self.metrics);
        if self.reported_now_ms.is_none_or(|reported| now_ms >= reported + REPORT_INTERVAL_MS) {
            self.reported_now_ms = Some(now_ms);
            self.report();
        }
    }

    /// Does what follows from a frame or from time passing; `snapshot_at_ms` is the moment of a snapshot that led to it.
    async fn act(&mut self, effects: Vec<Effect>, snapshot_at_ms: Option<Millis>) {
        let at_ms = self.clock.at_ms();
        let mut records = Vec::new();
        for effect in effects {
            match effect {
                Effect::Request(request) => self.request(request).await,
                Effect::Source { source, was, is } => tracing::info!(%source, ?was, ?is, "gateway judged anew"),
                fact => records.extend(self.history.fact(&fact, snapshot_at_ms, at_ms)),
            }
        }
        self.backlog.push(records, &self.metrics);
    }

    async fn request(&self, request: ResyncRequest) {
        tracing::debug!(source = %request.source, from_seq = request.from_seq, fenced = request.fenced, "asking a gateway again");
        let mut message = Outgoing::new(subjects::resync_requests(), mesh::encode_resync_request(request));
        message.reply = Some(subjects::resync_answers(&self.name));
        self.send(message).await;
    }

    async fn publish(&mut self, frame: Counts) {
        for (topic, count) in &frame.counts {
            let record = self.history.published(topic, count, frame.at_ms, frame.stale);
            let peak = match &record {
                Some(Record::Peak { viewers, at_ms, .. }) => Some((*viewers, *at_ms)),
                _ => None,
            };
            self.board.show(topic, *count, peak);
            self.backlog.push(record, &self.metrics);
        }
        let trace = if frame.counts.is_empty() { None } else { self.trace.take() };
        let frame = mesh::encode_counts(&frame_to_wire(&self.name, frame));
        self.send(Outgoing { trace, ..Outgoing::new(subjects::counts(&self.name), frame) }).await;
    }

    /// What cannot be sent is lost: counts are said again, and requests repeated.
    async fn send(&self, message: Outgoing) {
        // While it is away the bus would only make us wait.
        if !*self.bus.connected().borrow() {
            return;
        }
        if let Err(error) = self.bus.publish(message).await {
            tracing::debug!(%error, "a message to the mesh was not sent");
        }
    }

    fn heard(&self) -> SourcesHeard {
        heard(&self.replica)
    }

    fn report(&mut self) {
        let stats = self.replica.stats();
        self.metrics.did(std::mem::replace(&mut self.stats, stats), stats);
        self.metrics.judged(self.replica.sources().map(|source| source.liveness));
        let mut totals = Totals::default();
        let mut live = std::collections::HashSet::new();
        for topic in self.replica.topics() {
            live.insert(topic);
            // Whoever is in a room is in its event too.
            let is_event = topic.as_str().split('/').count() == 2;
            if let Some(count) = self.replica.count(topic).filter(|_| is_event) {
                totals.viewers += count.viewers;
                totals.low += count.low;
                totals.high += count.high;
                totals.connections += count.connections;
            }
        }
        totals.topics = live.len();
        self.board.sweep(|topic| live.contains(topic));
        let status = self.replica.status();
        self.metrics.counted(totals, status.stale, status.warming);
        let (rows, oldest_age_ms) = self.backlog.size();
        self.metrics.history_waits(rows, oldest_age_ms);
    }
}

/// The gateways that speak now; silent ones have no news of their visits.
fn heard(replica: &Replica) -> SourcesHeard {
    let fresh = replica.sources().filter(|source| source.liveness == Liveness::Fresh);
    fresh.filter_map(|view| view.applied.map(|(epoch, _, at_ms)| (view.source.clone(), (epoch, at_ms)))).collect()
}

fn frame_to_wire(replica: &str, frame: Counts) -> wire::CountsFrame {
    let Counts { warming, stale, at_ms, counts } = frame;
    let counts = counts
        .into_iter()
        .map(|(topic, count)| wire::TopicCount {
            topic: topic.to_string(),
            viewers: count.viewers,
            low: count.low,
            high: count.high,
            connections: count.connections,
            as_of_ms: count.as_of_ms,
            revision: count.revision,
        })
        .collect();
    wire::CountsFrame { replica: replica.to_owned(), warming, stale, at_ms, counts }
}
