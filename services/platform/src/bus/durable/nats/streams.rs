//! The streams of the mesh: what happened, what was given up, and which deliveries do not count. Made or brought up to date by whoever
//! needs them first.
//! It does not retry for ever: a caller that can wait does.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use async_nats::jetstream::{
    Context,
    context::CreateStreamError,
    stream::{Config, DiscardPolicy, RetentionPolicy, StorageType},
};
use tokio::sync::Mutex;

use super::unreachable;
use crate::bus::{
    BusError,
    durable::{DEAD_KEPT, DUPLICATE_WINDOW, EVENTS_KEPT},
    subjects::{ALL_DEAD, ALL_DURABLE, ALL_FORGIVEN},
};

/// The stream of what happened.
pub(super) const EVENTS: &str = "TURNOUT_EVENTS";
/// The stream of what was given up.
pub(super) const DEAD: &str = "TURNOUT_DEAD";
/// The stream of deliveries that were forgiven: for each message of a consumer the last word only. Kept no longer than the messages.
pub(super) const FORGIVEN: &str = "TURNOUT_FORGIVEN";
/// Tries of one call: a server that has just started refuses at first, and two processes may make the same stream at once.
const TRIES_MAX: u32 = 5;
/// Between two tries.
const TRY_AGAIN: Duration = Duration::from_millis(300);

pub(super) struct Streams {
    replicas: usize,
    exist: AtomicBool,
    /// One makes them, the others wait.
    making: Mutex<()>,
}

impl Streams {
    pub fn new(replicas: usize) -> Self {
        Self { replicas, exist: AtomicBool::new(false), making: Mutex::default() }
    }

    /// Makes sure that the streams are there.
    pub async fn exist(&self, jetstream: &Context) -> Result<(), BusError> {
        if self.exist.load(Ordering::Acquire) {
            return Ok(());
        }
        let _alone = self.making.lock().await;
        let mut tries = 0;
        while !self.exist.load(Ordering::Acquire) {
            tries += 1;
            match self.make(jetstream).await {
                Ok(()) => self.exist.store(true, Ordering::Release),
                Err(error) if tries == TRIES_MAX => return Err(unreachable(error)),
                Err(error) => {
                    tracing::debug!(%error, tries, "the streams are not there yet");
                    tokio::time::sleep(TRY_AGAIN).await;
                }
            }
        }
        Ok(())
    }

    /// The server does not know them any more.
    pub fn lost(&self) {
        self.exist.store(false, Ordering::Release);
    }

    async fn make(&self, jetstream: &Context) -> Result<(), CreateStreamError> {
        let streams = [
            (EVENTS, ALL_DURABLE, EVENTS_KEPT, -1),
            (DEAD, ALL_DEAD, DEAD_KEPT, -1),
            (FORGIVEN, ALL_FORGIVEN, EVENTS_KEPT, 1),
        ];
        for (name, subjects, max_age, of_a_subject) in streams {
            let config = Config {
                name: name.into(),
                subjects: vec![subjects.into()],
                retention: RetentionPolicy::Limits,
                // A stream that is full refuses what is new, and the outboxes keep it; it does not drop what nobody has had.
                discard: DiscardPolicy::New,
                storage: StorageType::File,
                max_age,
                max_messages_per_subject: of_a_subject,
                duplicate_window: DUPLICATE_WINDOW,
                num_replicas: self.replicas,
                ..Config::default()
            };
            jetstream.create_or_update_stream(config).await?;
        }
        Ok(())
    }
}
