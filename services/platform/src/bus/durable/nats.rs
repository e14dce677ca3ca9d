//! The durable bus of a mesh of several processes: NATS JetStream.
//!
//! The streams are made by whoever needs them first; a server that is away is told as an error, and the callers, [`super::run`] and the
//! outbox, try again. It never deletes a stream or a named consumer, and never makes a stream smaller by itself.

mod reader;
mod streams;

use std::{sync::Arc, time::Duration};

use async_nats::{
    HeaderMap,
    jetstream::{
        self, Context,
        consumer::{AckPolicy, DeliverPolicy, pull},
        context::{ContextBuilder, PublishErrorKind},
        message::PublishMessage,
        stream::{DeleteMessageErrorKind, LastRawMessageErrorKind, RawMessageErrorKind, Stream},
    },
};
use futures_util::StreamExt as _;
use tokio::sync::watch;

use self::{
    reader::Reader,
    streams::{DEAD, FORGIVEN, Streams},
};
use super::{
    ACK_WAIT, BusError, Consumer, DEAD_LETTERS_MAX, DeadLetter, Deliveries, DurableBus, DurableMessage, check,
};
use crate::bus::subjects;

/// How long the server may take to answer. Longer than a disk that syncs each write needs under load.
const ANSWER_WAIT: Duration = Duration::from_secs(5);
/// Published messages whose answer is waited for; beyond it `publish` waits.
const PUBLISHING_MAX: usize = 1024;
/// A reader of dead letters is forgotten by the server this long after it has gone.
const DEAD_READER_KEPT: Duration = Duration::from_secs(30);

const TRACE_HEADER: &str = "traceparent";
const ID_HEADER: &str = "Nats-Msg-Id";
const DEAD_SUBJECT_HEADER: &str = "Turnout-Subject";
const DEAD_ID_HEADER: &str = "Turnout-Id";
const DEAD_ERROR_HEADER: &str = "Turnout-Error";
const DEAD_DELIVERIES_HEADER: &str = "Turnout-Deliveries";

/// How messages are kept.
#[derive(Debug, Clone)]
pub struct DurableOptions {
    /// Copies of each message, on as many servers: 1, 3 or 5. With 3 the loss of one server loses nothing.
    pub replicas: usize,
    /// A delivery that is not answered for so long is made again. [`ACK_WAIT`], but for tests.
    pub ack_wait: Duration,
}

impl Default for DurableOptions {
    fn default() -> Self {
        Self { replicas: 1, ack_wait: ACK_WAIT }
    }
}

/// The durable bus on NATS. Made by [`crate::bus::NatsBus::durable`].
pub struct NatsDurable {
    shared: Arc<Shared>,
}

struct Shared {
    jetstream: Context,
    connected: watch::Receiver<bool>,
    streams: Streams,
    ack_wait: Duration,
}

impl NatsDurable {
    pub(in crate::bus) fn new(
        client: async_nats::Client,
        connected: watch::Receiver<bool>,
        options: &DurableOptions,
    ) -> Arc<Self> {
        let jetstream = ContextBuilder::new()
            .timeout(ANSWER_WAIT)
            .ack_timeout(ANSWER_WAIT)
            .max_ack_inflight(PUBLISHING_MAX)
            .backpressure_on_inflight(true)
            .build(client);
        let streams = Streams::new(options.replicas);
        Arc::new(Self { shared: Arc::new(Shared { jetstream, connected, streams, ack_wait: options.ack_wait }) })
    }
}

impl Shared {
    /// At once instead of after a timeout. What is asked of a server that is away would wait in the client and be sent later.
    fn reached(&self) -> Result<(), BusError> {
        if *self.connected.borrow() { Ok(()) } else { Err(BusError::Unreachable("no connection to NATS".into())) }
    }

    async fn ready(&self) -> Result<(), BusError> {
        self.reached()?;
        self.streams.exist(&self.jetstream).await
    }

    async fn store(&self, subject: &str, id: &str, headers: HeaderMap, payload: bytes::Bytes) -> Result<(), BusError> {
        self.ready().await?;
        // The id goes into the headers, which have to be there before.
        let message = PublishMessage::build().headers(headers).message_id(id).payload(payload);
        let stored = async { self.jetstream.send_publish(subject.to_owned(), message).await?.await };
        match tokio::time::timeout(2 * ANSWER_WAIT, stored).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => {
                if error.kind() == PublishErrorKind::StreamNotFound {
                    self.streams.lost();
                }
                Err(unreachable(error))
            }
            Err(_) => Err(BusError::Unreachable("NATS did not say that it stored the message".into())),
        }
    }

    /// One copy, however often this is tried within the duplicate window.
    async fn bury(&self, consumer: &str, seq: u64, letter: DeadLetter) -> Result<(), BusError> {
        let mut headers = HeaderMap::new();
        headers.insert(DEAD_SUBJECT_HEADER, letter.subject.as_str());
        headers.insert(DEAD_ID_HEADER, letter.id.as_str());
        headers.insert(DEAD_ERROR_HEADER, one_line(&letter.error).as_str());
        headers.insert(DEAD_DELIVERIES_HEADER, letter.deliveries.to_string().as_str());
        self.store(subjects::dead(consumer).as_str(), &format!("{consumer}:{seq}"), headers, letter.payload).await
    }
}

/// What the server cannot count by itself: deliveries of a message that are no tries.
impl Shared {
    /// So many are none.
    async fn forgive(&self, consumer: &str, seq: u64, deliveries: u32) -> Result<(), BusError> {
        let subject = subjects::forgiven(consumer, seq);
        let id = format!("{consumer}:{seq}:{deliveries}:forgiven");
        self.store(subject.as_str(), &id, HeaderMap::new(), deliveries.to_string().into()).await
    }

    async fn forgiven(&self, consumer: &str, seq: u64) -> Result<u32, BusError> {
        self.ready().await?;
        let stream = self.jetstream.get_stream_no_info(FORGIVEN).await.map_err(unreachable)?;
        match stream.get_last_raw_message_by_subject(subjects::forgiven(consumer, seq).as_str()).await {
            Ok(message) => {
                Ok(std::str::from_utf8(&message.payload).ok().and_then(|text| text.parse().ok()).unwrap_or_default())
            }
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(0),
            Err(error) => {
                self.streams.lost();
                Err(unreachable(error))
            }
        }
    }
}

fn unreachable(error: impl std::fmt::Display) -> BusError {
    BusError::Unreachable(error.to_string())
}

/// A header holds one line.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[tonic::async_trait]
impl DurableBus for NatsDurable {
    async fn publish(&self, message: DurableMessage) -> Result<(), BusError> {
        check(&message)?;
        let mut headers = HeaderMap::new();
        if let Some(trace) = &message.trace {
            headers.insert(TRACE_HEADER, trace.as_str());
        }
        self.shared.store(message.subject.as_str(), &message.id, headers, message.payload).await
    }

    async fn consume(&self, consumer: Consumer) -> Result<Deliveries, BusError> {
        consumer.check()?;
        self.shared.ready().await?;
        Ok(Deliveries(Box::new(Reader::open(self.shared.clone(), consumer).await?)))
    }

    async fn dead_letters(&self, consumer: &str) -> Result<Vec<DeadLetter>, BusError> {
        self.shared.ready().await?;
        let config = pull::Config {
            filter_subject: subjects::dead(consumer).as_str().to_owned(),
            ack_policy: AckPolicy::None,
            deliver_policy: DeliverPolicy::All,
            inactive_threshold: DEAD_READER_KEPT,
            memory_storage: true,
            ..pull::Config::default()
        };
        let reader = self.shared.jetstream.create_consumer_on_stream(config, DEAD).await.map_err(unreachable)?;
        let mut page = reader.fetch().max_messages(DEAD_LETTERS_MAX).messages().await.map_err(unreachable)?;
        let mut letters = Vec::new();
        while let Some(message) = page.next().await {
            letters.push(letter(&message.map_err(unreachable)?)?);
        }
        Ok(letters)
    }

    async fn forget_dead_letter(&self, _: &str, letter: &DeadLetter) -> Result<(), BusError> {
        self.shared.ready().await?;
        let stream = self.shared.jetstream.get_stream_no_info(DEAD).await.map_err(unreachable)?;
        forget(&stream, letter.place).await
    }
}

/// Removes a message. One that is gone already is refused with the code of any failure to remove, or with another, by where in the stream
/// it was; so it is looked for.
async fn forget(stream: &Stream<()>, place: u64) -> Result<(), BusError> {
    let Err(error) = stream.delete_message(place).await else { return Ok(()) };
    if matches!(error.kind(), DeleteMessageErrorKind::JetStream(_))
        && let Err(missing) = stream.get_raw_message(place).await
        && missing.kind() == RawMessageErrorKind::NoMessageFound
    {
        return Ok(());
    }
    Err(unreachable(error))
}

fn letter(message: &jetstream::Message) -> Result<DeadLetter, BusError> {
    let place = message.info().map_err(unreachable)?.stream_sequence;
    let header = |name: &str| header(message.headers.as_ref(), name).unwrap_or_default().to_owned();
    Ok(DeadLetter {
        place,
        subject: header(DEAD_SUBJECT_HEADER),
        id: header(DEAD_ID_HEADER),
        error: header(DEAD_ERROR_HEADER),
        deliveries: header(DEAD_DELIVERIES_HEADER).parse().unwrap_or_default(),
        payload: message.payload.clone(),
    })
}

fn header<'a>(headers: Option<&'a HeaderMap>, name: &str) -> Option<&'a str> {
    Some(headers?.get(name)?.as_str())
}

#[cfg(test)]
mod tests;
