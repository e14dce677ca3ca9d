//! Stores what is published, in one order, several messages with one write, each id once within the duplicate window.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use tokio::sync::{mpsc, oneshot};

use super::{Shared, group::Entry, unreachable};
use crate::{
    bus::{BusError, durable::DurableMessage},
    lifecycle::TaskResult,
    tables::{BATCH_BYTES_MAX, BATCH_WRITES_MAX, TableError},
};

/// Bytes of payload that go into one write: with subjects and ids it stays below what the tables take.
const WRITE_PAYLOAD_BYTES_MAX: usize = BATCH_BYTES_MAX / 2;
/// Ids that are remembered; beyond it the oldest are forgotten before their time.
const DUPLICATE_IDS_MAX: usize = 200_000;

/// A message that waits to be stored.
pub(super) struct Publishing {
    pub message: DurableMessage,
    pub done: oneshot::Sender<Result<(), BusError>>,
}

pub(super) struct Publisher {
    shared: Arc<Shared>,
    recent: Recent,
    /// The next sequence. One whose write failed is not used again: the write may have happened.
    next: u64,
    newest_bucket: Option<u64>,
}

impl Publisher {
    /// Remembers what was published within the window before.
    pub async fn new(shared: Arc<Shared>, window: Duration) -> Result<Self, TableError> {
        let mut recent = Recent { window, ..Recent::default() };
        let (now_ms, at_ms) = (shared.clock.now_ms(), shared.clock.at_ms());
        let since = at_ms.saturating_sub(window.as_millis() as u64);
        for (id, published_at) in shared.log.ids_since(since, DUPLICATE_IDS_MAX).await?.into_iter().rev() {
            let left_ms = (window.as_millis() as u64).saturating_sub(at_ms.saturating_sub(published_at));
            recent.remember(id, now_ms + left_ms);
        }
        let next = *shared.last.borrow() + 1;
        Ok(Self { shared, recent, next, newest_bucket: None })
    }

    /// Until the process stops, and then what is left in the queue.
    pub async fn run(mut self, mut queue: mpsc::Receiver<Publishing>) -> TaskResult {
        let mut waiting = VecDeque::new();
        let life = self.shared.life.clone();
        loop {
            if waiting.is_empty() {
                tokio::select! {
                    message = queue.recv() => waiting.extend(message),
                    () = life.stopping(), if !queue.is_closed() => queue.close(),
                }
            }
            while waiting.len() < BATCH_WRITES_MAX
                && let Ok(message) = queue.try_recv()
            {
                waiting.push_back(message);
            }
            if waiting.is_empty() && queue.is_closed() {
                return Ok(());
            }
            self.store_some(&mut waiting).await;
        }
    }

    /// Stores as many as fit into one write, and answers for each.
    async fn store_some(&mut self, waiting: &mut VecDeque<Publishing>) {
        let now_ms = self.shared.clock.now_ms();
        self.recent.forget_until(now_ms);
        let (mut entries, mut answers, mut bytes) = (Vec::<Entry>::new(), Vec::new(), 0);
        while let Some(Publishing { message, .. }) = waiting.front() {
            bytes += message.payload.len();
            if !entries.is_empty() && bytes > WRITE_PAYLOAD_BYTES_MAX {
                break;
            }
            let Some(Publishing { message, done }) = waiting.pop_front() else { break };
            // One that is in this write already is answered with it.
            if !self.recent.has(&message.id) && !entries.iter().any(|entry| entry.id == message.id) {
                entries.push(Entry {
                    seq: self.next,
                    subject: message.subject.as_str().to_owned(),
                    id: message.id,
                    payload: message.payload,
                    trace: message.trace,
                });
                self.next += 1;
            }
            answers.push(done);
        }
        let at_ms = self.shared.clock.at_ms();
        let stored = self.shared.log.append(&entries, at_ms, &mut self.newest_bucket).await;
        if stored.is_ok()
            && let Some(newest) = entries.last()
        {
            self.shared.last.send_replace(newest.seq);
            for entry in entries {
                self.recent.remember(entry.id, now_ms + self.recent.window.as_millis() as u64);
            }
        }
        for answer in answers {
            // Nobody waits any longer: no harm.
            let _ = answer.send(stored.clone().map_err(unreachable));
        }
    }
}

/// The ids of what was stored a short while ago.
#[derive(Default)]
struct Recent {
    window: Duration,
    ids: HashMap<Arc<str>, u64>,
    by_age: VecDeque<Arc<str>>,
}

impl Recent {
    fn has(&self, id: &str) -> bool {
        self.ids.contains_key(id)
    }

    fn remember(&mut self, id: String, until_ms: u64) {
        let id: Arc<str> = id.into();
        if self.ids.insert(id.clone(), until_ms).is_none() {
            self.by_age.push_back(id);
        }
        if self.by_age.len() > DUPLICATE_IDS_MAX {
            self.forget_oldest();
        }
    }

    fn forget_until(&mut self, now_ms: u64) {
        while self.by_age.front().and_then(|id| self.ids.get(id)).is_some_and(|until_ms| *until_ms <= now_ms) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some(id) = self.by_age.pop_front() {
            self.ids.remove(&id);
        }
    }
}
