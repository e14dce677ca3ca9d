//! The deliveries of one consumer on NATS. When the server or the connection has gone, one with a name begins anew: the server knows its
//! place. One without a name ends: nobody knows for sure what it has missed, so whoever listens must look for themselves.

use std::{sync::Arc, time::Duration};

use async_nats::jetstream::{
    self, AckKind,
    consumer::{AckPolicy, DeliverPolicy, PullConsumer, pull},
    message::Acker,
};
use futures_util::StreamExt as _;
use tokio::sync::watch;

use super::{ANSWER_WAIT, ID_HEADER, Shared, TRACE_HEADER, header, streams::EVENTS, unreachable};
use crate::{
    bus::{
        BusError, Message,
        durable::{Consumer, DeadLetter, Delivery, Settle, Source, UNSETTLED_MESSAGES_MAX},
    },
    telemetry::TraceParent,
};

/// Messages asked for at once. One: a message that waits in this process ages towards its next delivery, and another process could have
/// had it. (The client's own endless stream cannot ask for one at a time: it waits in vain when a message overtakes its book-keeping.)
const PULL_MESSAGES: usize = 1;
/// How long the server holds a question for messages; then it is asked anew. So this is also how long it may have forgotten us.
const PULL_EXPIRES: Duration = Duration::from_secs(10);
/// Between two tries to begin anew.
const REOPEN_WAIT: Duration = Duration::from_millis(300);
/// The server forgets a consumer without a name this long after its process has gone. Longer than handlers keep it from asking.
const UNNAMED_KEPT: Duration = Duration::from_mins(1);

pub(super) struct Reader {
    shared: Arc<Shared>,
    consumer: Consumer,
    open: Option<Open>,
    connected: watch::Receiver<bool>,
    pending: u64,
}

struct Open {
    consumer: PullConsumer,
    /// The question that the server holds.
    pull: Option<pull::Batch>,
}

impl Reader {
    pub async fn open(shared: Arc<Shared>, consumer: Consumer) -> Result<Self, BusError> {
        let mut connected = shared.connected.clone();
        connected.mark_unchanged();
        let mut reader = Self { shared, consumer, open: None, connected, pending: 0 };
        reader.open = Some(reader.begin().await?);
        Ok(reader)
    }

    async fn begin(&self) -> Result<Open, BusError> {
        self.shared.ready().await?;
        let consumer = self.consumer().await.inspect_err(|_| self.shared.streams.lost())?;
        Ok(Open { consumer, pull: None })
    }

    async fn consumer(&self) -> Result<PullConsumer, BusError> {
        let pattern = self.consumer.pattern.as_str();
        let config = pull::Config {
            filter_subject: pattern.to_owned(),
            ack_policy: AckPolicy::Explicit,
            ack_wait: self.shared.ack_wait,
            // Giving up is the runner's business: it keeps a copy first.
            max_deliver: -1,
            max_ack_pending: UNSETTLED_MESSAGES_MAX as i64,
            ..pull::Config::default()
        };
        let stream = self.shared.jetstream.get_stream_no_info(EVENTS).await.map_err(unreachable)?;
        let Some(name) = self.consumer.name else {
            let config = pull::Config {
                deliver_policy: DeliverPolicy::New,
                inactive_threshold: UNNAMED_KEPT,
                memory_storage: true,
                ..config
            };
            return stream.create_consumer(config).await.map_err(unreachable);
        };
        let config = pull::Config { durable_name: Some(name.into()), deliver_policy: DeliverPolicy::All, ..config };
        let found = stream.get_or_create_consumer(name, config.clone()).await.map_err(unreachable)?;
        let has = &found.cached_info().config;
        if has.filter_subject == config.filter_subject
            && has.ack_wait == config.ack_wait
            && has.max_ack_pending == config.max_ack_pending
        {
            return Ok(found);
        }
        // Only when a release has changed something: an update that is refused may cost the consumer its place on older servers.
        stream.update_consumer(config).await.map_err(unreachable)
    }

    fn delivery(&mut self, message: jetstream::Message) -> Result<Delivery, async_nats::Error> {
        let info = message.info()?;
        let (seq, number) = (info.stream_sequence, info.delivered as u32);
        self.pending = info.pending;
        let (message, acker) = message.split();
        let headers = message.headers.as_ref();
        let (shared, name) = (self.shared.clone(), self.consumer.name);
        Ok(Delivery {
            id: header(headers, ID_HEADER).unwrap_or_default().to_owned(),
            number,
            message: Message {
                trace: header(headers, TRACE_HEADER).and_then(TraceParent::received),
                subject: message.subject.to_string(),
                payload: message.payload,
                reply: None,
            },
            settle: Box::new(Ticket { shared, acker, name, seq, number }),
        })
    }
}

impl Open {
    /// The next message; none when it is time to ask again. What was asked is kept when this is dropped.
    async fn next(&mut self) -> Result<Option<jetstream::Message>, BusError> {
        if self.pull.is_none() {
            let question = self.consumer.batch().max_messages(PULL_MESSAGES).expires(PULL_EXPIRES);
            self.pull = Some(question.messages().await.map_err(unreachable)?);
        }
        let Some(pull) = &mut self.pull else { return Ok(None) };
        let message = pull.next().await;
        self.pull = None;
        message.transpose().map_err(unreachable)
    }
}

#[tonic::async_trait]
impl Source for Reader {
    async fn next(&mut self) -> Option<Delivery> {
        loop {
            let heard = match &mut self.open {
                Some(open) => tokio::select! {
                    message = open.next() => message,
                    // The server has forgotten the question, or does not remember us at all.
                    Ok(()) = self.connected.changed() => Err(BusError::Unreachable("another connection".into())),
                },
                None => self.begin().await.map(|open| {
                    self.open = Some(open);
                    None
                }),
            };
            let delivery = match heard {
                Ok(Some(message)) => self.delivery(message).map_err(unreachable),
                Ok(None) => continue,
                Err(error) => Err(error),
            };
            match delivery {
                Ok(delivery) => return Some(delivery),
                Err(error) if self.consumer.name.is_none() => {
                    tracing::debug!(%error, "a consumer without a name ends: it may have missed something");
                    return None;
                }
                Err(error) => {
                    tracing::debug!(consumer = self.consumer.label(), %error, "beginning to consume anew");
                    self.open = None;
                    tokio::time::sleep(REOPEN_WAIT).await;
                }
            }
        }
    }

    fn pending(&self) -> u64 {
        self.pending
    }
}

struct Ticket {
    shared: Arc<Shared>,
    acker: Acker,
    name: Option<&'static str>,
    seq: u64,
    number: u32,
}

impl Ticket {
    /// Waits for the server's word: what is said over a connection that breaks is lost.
    async fn answer(&self, kind: AckKind) -> Result<(), BusError> {
        self.shared.reached()?;
        let answered = tokio::time::timeout(ANSWER_WAIT, self.acker.double_ack_with(kind));
        answered.await.map_err(unreachable)?.map_err(unreachable)
    }
}

#[tonic::async_trait]
impl Settle for Ticket {
    /// The server itself counts deliveries; what was forgiven is asked for only where there can be something.
    async fn begin(&self) -> Result<u32, BusError> {
        let forgiven = match self.name {
            Some(name) if self.number > 1 => self.shared.forgiven(name, self.seq).await?,
            _ => 0,
        };
        Ok(self.number.saturating_sub(forgiven))
    }

    async fn hold(&self) -> Result<Duration, BusError> {
        self.answer(AckKind::Progress).await?;
        Ok(self.shared.ack_wait)
    }

    /// A consumer without a name ends with its process: there is nobody to tell.
    async fn forgive(&self) -> Result<(), BusError> {
        match self.name {
            Some(name) => self.shared.forgive(name, self.seq, self.number).await,
            None => Ok(()),
        }
    }

    async fn ack(&self) -> Result<(), BusError> {
        self.answer(AckKind::Ack).await
    }

    async fn retry(&self, after: Duration) -> Result<(), BusError> {
        self.answer(AckKind::Nak(Some(after))).await
    }

    async fn give_up(&self, letter: DeadLetter) -> Result<(), BusError> {
        if let Some(name) = self.name {
            self.shared.bury(name, self.seq, letter).await?;
        }
        self.answer(AckKind::Term).await
    }
}
