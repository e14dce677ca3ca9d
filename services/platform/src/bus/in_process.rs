//! The bus of a process that holds the whole mesh. As weak as NATS on purpose: at most once, bounded, same limits.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use parking_lot::RwLock;
use tokio::sync::{mpsc, watch};

use super::{Bus, BusError, Message, Outgoing, Pattern, Subscription};
use crate::limits::{BUS_PAYLOAD_BYTES_MAX, BUS_SUBSCRIPTION_MESSAGES_MAX};

/// The in-process bus.
#[derive(Debug)]
pub struct InProcessBus {
    listeners: RwLock<Vec<(Pattern, mpsc::Sender<Message>)>>,
    connected: watch::Sender<bool>,
    dropped: AtomicU64,
}

impl InProcessBus {
    /// A bus without listeners.
    pub fn new() -> Arc<Self> {
        Arc::new(Self { listeners: RwLock::default(), connected: watch::Sender::new(true), dropped: AtomicU64::new(0) })
    }
}

#[tonic::async_trait]
impl Bus for InProcessBus {
    async fn publish(&self, message: Outgoing) -> Result<(), BusError> {
        let bytes = message.payload.len();
        if bytes > BUS_PAYLOAD_BYTES_MAX {
            return Err(BusError::TooLarge { bytes, max: BUS_PAYLOAD_BYTES_MAX });
        }
        let mut gone = false;
        for (pattern, listener) in &*self.listeners.read() {
            if !pattern.matches(&message.subject) {
                continue;
            }
            let copy = Message {
                subject: message.subject.as_str().to_owned(),
                payload: message.payload.clone(),
                reply: message.reply.clone(),
                trace: message.trace.clone(),
            };
            match listener.try_send(copy) {
                Ok(()) => {}
                Err(mpsc::error::TrySendError::Full(_)) => {
                    self.dropped.fetch_add(1, Ordering::Relaxed);
                }
                Err(mpsc::error::TrySendError::Closed(_)) => gone = true,
            }
        }
        if gone {
            self.listeners.write().retain(|(_, listener)| !listener.is_closed());
        }
        Ok(())
    }

    async fn subscribe(&self, pattern: Pattern) -> Result<Subscription, BusError> {
        let (sender, messages) = mpsc::channel(BUS_SUBSCRIPTION_MESSAGES_MAX);
        self.listeners.write().push((pattern, sender));
        Ok(Subscription { messages, _guard: None })
    }

    fn connected(&self) -> watch::Receiver<bool> {
        self.connected.subscribe()
    }

    fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}
