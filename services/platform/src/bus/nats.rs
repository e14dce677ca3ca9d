//! The bus of a mesh of several processes: core NATS; its connection also carries the durable half.
//!
//! Half-open links are found within seconds (short pings); reconnecting never ends; a subscription is read by a task that only
//! enqueues, so that a slow reader of ours loses its own messages and nobody else's.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_nats::{ConnectOptions, Event, HeaderMap};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use futures_util::StreamExt as _;

use super::{
    Bus, BusError, Message, Outgoing, Pattern, Subject, Subscription,
    durable::{DurableOptions, NatsDurable},
};
use crate::{
    limits::{BUS_PAYLOAD_BYTES_MAX, BUS_SUBSCRIPTION_MESSAGES_MAX},
    telemetry::TraceParent,
};

/// A half-open link is found after at most three of these.
const PING_INTERVAL: Duration = Duration::from_secs(5);
/// The longest wait between two attempts to reconnect.
const RECONNECT_DELAY_MAX: Duration = Duration::from_secs(1);
/// Messages that wait for the connection before `publish` has to wait.
const SEND_QUEUE_MESSAGES_MAX: usize = 2048;
/// How long `publish` waits for room before it gives the message up: core messages are not worth stalling for.
const SEND_WAIT_MAX: Duration = Duration::from_millis(250);
/// How long `subscribe` waits for the server's word that it knows of the subscription.
const SUBSCRIBE_WAIT_MAX: Duration = Duration::from_secs(5);
const TRACE_HEADER: &str = "traceparent";

/// How to reach NATS.
#[derive(Debug, Clone)]
pub struct NatsOptions {
    /// `nats://host:port`, some servers of one cluster.
    pub servers: Vec<String>,
    /// This process, for the server's listings.
    pub name: String,
    /// User and password, if the server wants them.
    pub credentials: Option<(String, String)>,
}

/// The NATS bus.
#[derive(Debug)]
pub struct NatsBus {
    client: async_nats::Client,
    connected: watch::Sender<bool>,
    dropped: Arc<AtomicU64>,
}

impl NatsBus {
    /// Begins to connect and returns at once; [`Bus::connected`] tells when it has. Fails only on options that can never work.
    pub async fn connect(options: NatsOptions) -> Result<Arc<Self>, BusError> {
        let connected = watch::Sender::new(false);
        let dropped = Arc::new(AtomicU64::new(0));
        let mut connect = ConnectOptions::new();
        if let Some((user, password)) = options.credentials {
            connect = connect.user_and_password(user, password);
        }
        let (state, lost) = (connected.clone(), dropped.clone());
        let client = connect
            .name(&options.name)
            .retry_on_initial_connect()
            .max_reconnects(None)
            .ping_interval(PING_INTERVAL)
            .client_capacity(SEND_QUEUE_MESSAGES_MAX)
            .subscription_capacity(BUS_SUBSCRIPTION_MESSAGES_MAX)
            .reconnect_delay_callback(|attempt| {
                // Spread by the attempt's number alone would keep a fleet in lock-step.
                let step = 50 * (1 << attempt.min(5)) as u64;
                Duration::from_millis(step + crate::random::jitter_below(step)).min(RECONNECT_DELAY_MAX)
            })
            .event_callback(move |event| {
                match event {
                    Event::Connected => drop(state.send_replace(true)),
                    Event::Disconnected | Event::Closed => drop(state.send_replace(false)),
                    Event::SlowConsumer(_) => drop(lost.fetch_add(1, Ordering::Relaxed)),
                    _ => {}
                }
                tracing::debug!(%event, "bus event");
                std::future::ready(())
            })
            .connect(options.servers)
            .await
            .map_err(|e| BusError::Unreachable(e.to_string()))?;
        Ok(Arc::new(Self { client, connected, dropped }))
    }

    /// The durable half, over the same connection. The server must have JetStream.
    pub fn durable(&self, options: &DurableOptions) -> Arc<NatsDurable> {
        NatsDurable::new(self.client.clone(), self.connected.subscribe(), options)
    }

    /// Sends a message to ourselves and waits for it: the server has then handled all that went before on this connection.
    async fn round_trip(&self) -> Option<()> {
        let inbox = self.client.new_inbox();
        let mut own = self.client.subscribe(inbox.clone()).await.ok()?;
        self.client.publish(inbox, bytes::Bytes::new()).await.ok()?;
        own.next().await.map(drop)
    }
}

#[tonic::async_trait]
impl Bus for NatsBus {
    async fn publish(&self, message: Outgoing) -> Result<(), BusError> {
        let bytes = message.payload.len();
        if bytes > BUS_PAYLOAD_BYTES_MAX {
            return Err(BusError::TooLarge { bytes, max: BUS_PAYLOAD_BYTES_MAX });
        }
        let subject = message.subject.as_str().to_owned();
        let mut headers = HeaderMap::new();
        if let Some(trace) = &message.trace {
            headers.insert(TRACE_HEADER, trace.as_str());
        }
        let send = async {
            match &message.reply {
                Some(reply) => {
                    self.client
                        .publish_with_reply_and_headers(subject, reply.as_str().to_owned(), headers, message.payload)
                        .await
                }
                None if headers.is_empty() => self.client.publish(subject, message.payload).await,
                None => self.client.publish_with_headers(subject, headers, message.payload).await,
            }
        };
        match tokio::time::timeout(SEND_WAIT_MAX, send).await {
            Ok(sent) => sent.map_err(|e| BusError::Unreachable(e.to_string())),
            Err(_) => Err(BusError::Unreachable("the send queue is full".into())),
        }
    }

    async fn subscribe(&self, pattern: Pattern) -> Result<Subscription, BusError> {
        let mut incoming = self
            .client
            .subscribe(pattern.as_str().to_owned())
            .await
            .map_err(|e| BusError::Unreachable(e.to_string()))?;
        if *self.connected.borrow() {
            // Law 4. While disconnected the subscription is sent on connecting, and there is nothing to wait for.
            let _ = tokio::time::timeout(SUBSCRIBE_WAIT_MAX, self.round_trip()).await;
        }
        let (sender, messages) = mpsc::channel(BUS_SUBSCRIPTION_MESSAGES_MAX);
        let ended = CancellationToken::new();
        let (guard, dropped) = (ended.clone().drop_guard(), self.dropped.clone());
        tokio::spawn(async move {
            loop {
                let message = tokio::select! {
                    message = incoming.next() => message,
                    () = ended.cancelled() => None,
                };
                let Some(message) = message else { break };
                match sender.try_send(received(message)) {
                    Ok(()) => {}
                    Err(mpsc::error::TrySendError::Full(_)) => drop(dropped.fetch_add(1, Ordering::Relaxed)),
                    Err(mpsc::error::TrySendError::Closed(_)) => break,
                }
            }
            let _ = incoming.unsubscribe().await;
        });
        Ok(Subscription { messages, _guard: Some(guard) })
    }

    fn connected(&self) -> watch::Receiver<bool> {
        self.connected.subscribe()
    }

    fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

fn received(message: async_nats::Message) -> Message {
    Message {
        subject: message.subject.to_string(),
        reply: message.reply.as_ref().and_then(|r| Subject::received(r)),
        trace: message
            .headers
            .as_ref()
            .and_then(|h| h.get(TRACE_HEADER))
            .and_then(|v| TraceParent::received(v.as_str())),
        payload: message.payload,
    }
}
