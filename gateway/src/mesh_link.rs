//! The gateway's link to the presence replicas: one task that turns the changes of the presence map into ticks, answers resync
//! requests, and hands the counts that come back to the sockets. The rules are the roster's and the board's; here is only IO.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use turnout_platform::{
    bus::{Outgoing, SharedBus, Subscription, subjects},
    clock::Clock,
    ids::Audience,
    lifecycle::{Lifecycle, TaskResult},
    mesh, random,
    telemetry::TraceParent,
};
use turnout_roster::{GatewayRoster, Leave, SourceName, Topic, limits::TICK_INTERVAL_MS};

use turnout_proto::presence::v1::TopicCount;

use crate::{
    board::{Board, Shown},
    live::{Change, Count, EncodedCount, Live, PresenceMap},
    metrics::GatewayMetrics,
};

/// How long a subscription that failed waits before it is tried again.
const SUBSCRIBE_RETRY: Duration = Duration::from_millis(500);

/// The trace of one sampled join, on its way to the next tick. A newer one replaces an older one: a sample is enough.
#[derive(Debug, Default)]
pub struct TraceSlot(Mutex<Option<TraceParent>>);

impl TraceSlot {
    /// Leaves a trace for the next tick.
    pub fn put(&self, trace: Option<TraceParent>) {
        if trace.is_some() {
            *self.0.lock() = trace;
        }
    }

    fn take(&self) -> Option<TraceParent> {
        self.0.lock().take()
    }
}

/// What the link connects.
pub struct Link {
    pub node_name: String,
    pub bus: SharedBus,
    pub clock: Arc<dyn Clock>,
    pub life: Lifecycle,
    pub presence_map: Arc<PresenceMap>,
    pub live: Live,
    pub metrics: GatewayMetrics,
    pub traces: Arc<TraceSlot>,
}

/// Starts the link's task.
pub fn start(link: Link) {
    let life = link.life.clone();
    life.spawn("mesh link", link.run());
}

impl Link {
    async fn run(self) -> TaskResult {
        // Boot time in milliseconds, then 16 random bits: grows from life to life, and two lives never share it.
        let epoch = self.clock.at_ms() << 16 | random::jitter_below(1 << 16);
        let mut roster = GatewayRoster::new(SourceName::from(self.node_name.as_str()), epoch);
        let mut board = Board::new();
        let ready = self.life.condition("gateway bus");
        let connected = self.bus.connected();
        let mut requests = self.subscribe(subjects::resync_requests().into()).await;
        let mut counts = self.subscribe(subjects::all_counts()).await;
        let mut ticks = tokio::time::interval(Duration::from_millis(TICK_INTERVAL_MS));
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut draining = std::pin::pin!(self.life.draining());
        let mut stopping = std::pin::pin!(self.life.stopping());
        let mut is_draining = false;

        loop {
            tokio::select! {
                biased;
                () = &mut stopping => break,
                () = &mut draining, if !is_draining => {
                    is_draining = true;
                    roster.drain();
                }
                _ = ticks.tick() => {
                    ready.set(*connected.borrow());
                    self.tick(&mut roster).await;
                    self.show(board.on_timer(self.clock.now_ms()), None, &board);
                }
                message = requests.next() => {
                    let Some(message) = message else { break };
                    let Ok(request) = mesh::decode_resync_request(&message.payload) else {
                        self.metrics.undecodable.inc();
                        continue;
                    };
                    let answers = roster.on_resync(&request, || self.fresh_name());
                    self.metrics.fenced.set(roster.stats().fenced as i64);
                    let Some(reply) = message.reply else { continue };
                    for answer in answers {
                        self.publish(Outgoing::new(reply.clone(), mesh::encode_resync(answer))).await;
                    }
                }
                message = counts.next() => {
                    let Some(message) = message else { break };
                    match mesh::decode_counts(&message.payload) {
                        Ok(frame) => {
                            let shown = board.on_counts(frame, self.clock.now_ms());
                            self.show(shown, message.trace, &board);
                        }
                        Err(_) => drop(self.metrics.undecodable.inc()),
                    }
                }
            }
        }
        // The last word: who left while stopping.
        self.tick(&mut roster).await;
        Ok(())
    }

    async fn subscribe(&self, pattern: turnout_platform::bus::Pattern) -> Subscription {
        loop {
            match self.bus.subscribe(pattern.clone()).await {
                Ok(subscription) => return subscription,
                Err(error) => {
                    tracing::warn!(%error, "cannot subscribe; trying again");
                    tokio::time::sleep(SUBSCRIBE_RETRY).await;
                }
            }
        }
    }

    async fn tick(&self, roster: &mut GatewayRoster) {
        let now_ms = self.clock.now_ms();
        let changes = self.presence_map.drain_changes();
        let mut touched: Vec<Topic> = Vec::new();
        for change in changes {
            let topic = match change {
                Change::Join { topic, viewer, .. } => {
                    roster.join(&topic, viewer);
                    topic
                }
                Change::Leave { topic, viewer, clean, .. } => {
                    let how = if clean { Leave::Clean } else { Leave::Broken };
                    roster.leave(&topic, viewer, how, now_ms);
                    topic
                }
                Change::Sockets { topic } => topic,
            };
            if touched.last() != Some(&topic) {
                touched.push(topic);
            }
        }
        touched.sort_unstable();
        touched.dedup();
        for topic in &touched {
            roster.set_connections(topic, self.presence_map.connections(topic));
        }
        let mut trace = if touched.is_empty() { None } else { self.traces.take() };
        for tick in roster.tick(now_ms, self.clock.at_ms()) {
            let subject = subjects::ticks(tick.source.as_str());
            self.publish(Outgoing { trace: trace.take(), ..Outgoing::new(subject, mesh::encode_tick(tick)) }).await;
        }
    }

    /// The bus is at most once: what it does not take, the replicas notice as a gap and ask for.
    async fn publish(&self, message: Outgoing) {
        if let Err(error) = self.bus.publish(message).await {
            tracing::debug!(%error, "a frame was not sent");
        }
    }

    /// A name that no other gateway has: ours with a random tail.
    fn fresh_name(&self) -> SourceName {
        let tail: String = random::token_128().chars().filter(char::is_ascii_alphanumeric).take(8).collect();
        let name = format!("{}~{tail}", self.node_name);
        tracing::warn!(old = %self.node_name, new = %name, "another gateway is known under our name with a later start; going on under a new one");
        SourceName::from(name.as_str())
    }

    fn show(&self, shown: Vec<Shown>, trace: Option<TraceParent>, board: &Board) {
        self.metrics.stale.set(board.is_stale().into());
        if shown.is_empty() {
            return;
        }
        let span = trace.map(|parent| {
            let span = tracing::info_span!("gateway.first_screen", otel.kind = "consumer", topics = shown.len());
            parent.adopt(&span);
            span
        });
        let _entered = span.as_ref().map(tracing::Span::enter);
        let at_ms = self.clock.at_ms();
        for Shown { count, stale } in shown {
            let Ok(audience) = count.topic.parse::<Audience>() else { continue };
            if !stale {
                self.metrics.propagation.observe(at_ms.saturating_sub(count.as_of_ms) as f64 / 1000.0);
            }
            let TopicCount { viewers, low, high, as_of_ms, revision, .. } = count;
            self.live
                .publish(EncodedCount::new(audience.topic(), Count { viewers, low, high, as_of_ms, revision, stale }));
        }
    }
}
