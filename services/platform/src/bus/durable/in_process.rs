//! The durable bus of a process that holds the whole mesh. Its messages are rows, so that they survive the process.
//!
//! It behaves as JetStream does: publishing waits for the disk, deliveries repeat until they are settled. One process owns it; several
//! on the same tables would not see each other's messages. It counts the first delivery of a message in memory only; after a restart it
//! writes down, before they are handled, that it delivers those which the process before may have been handling.

mod group;
mod log;
mod publisher;

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    sync::{Mutex as TaskMutex, Notify, mpsc, oneshot, watch},
    time::Instant,
};

use self::{
    group::{Group, Open},
    log::Log,
    publisher::{Publisher, Publishing},
};
use super::{
    ACK_WAIT, BusError, Consumer, DUPLICATE_WINDOW, DeadLetter, Deliveries, Delivery, DurableBus, DurableMessage,
    EVENTS_KEPT, Message, Pattern, Settle, Source, UNSETTLED_MESSAGES_MAX, check,
};
use crate::{
    bus::Subject,
    clock::Clock,
    lifecycle::{Lifecycle, TaskResult},
    tables::{TableError, Tables},
};

pub use log::TABLES;

/// Messages that wait to be stored before `publish` has to wait.
const PUBLISH_QUEUE_MESSAGES_MAX: usize = 1024;
/// Between two writes of a consumer's position: what a crash may deliver again.
const POSITION_INTERVAL: Duration = Duration::from_millis(100);
/// Between two looks at what need not be kept any longer.
const TRIM_INTERVAL: Duration = Duration::from_mins(1);
/// Messages after a consumer's position that a process which ended may have been handling: how far the position may lag behind.
const SUSPECTS_MAX: u64 = 1024;
/// Between two tries to read when the tables fail.
const READ_RETRY: Duration = Duration::from_secs(1);

/// The in-process durable bus.
pub struct InProcessDurable {
    shared: Arc<Shared>,
    publishing: mpsc::Sender<Publishing>,
}

struct Shared {
    log: Log,
    clock: Arc<dyn Clock>,
    life: Lifecycle,
    ack_wait: Duration,
    /// The first sequence that may exist.
    first: u64,
    /// The last sequence that is on disk.
    last: watch::Sender<u64>,
    named: TaskMutex<HashMap<&'static str, Arc<Member>>>,
    unnamed: Mutex<Vec<Weak<Member>>>,
    /// A position has changed.
    moved: Notify,
}

/// One consumer with all its deliveries in this process.
struct Member {
    name: Option<&'static str>,
    pattern: Pattern,
    group: Mutex<Group>,
    /// Something is to be delivered, or there is room again.
    changed: Notify,
    /// Held by whoever reads the log on, so that nothing is read twice.
    reading: TaskMutex<()>,
}

impl InProcessDurable {
    /// Opens what the tables hold, and keeps it until the process stops. The tables must have been opened with [`TABLES`].
    pub async fn open(tables: Arc<dyn Tables>, clock: Arc<dyn Clock>, life: &Lifecycle) -> Result<Arc<Self>, BusError> {
        Self::open_with(tables, clock, life, ACK_WAIT).await
    }

    /// The same with another ack wait, for tests.
    pub async fn open_with(
        tables: Arc<dyn Tables>,
        clock: Arc<dyn Clock>,
        life: &Lifecycle,
        ack_wait: Duration,
    ) -> Result<Arc<Self>, BusError> {
        let log = Log::new(tables);
        let ends = log.ends().await.map_err(unreachable)?;
        let shared = Arc::new(Shared {
            log,
            clock,
            life: life.clone(),
            ack_wait,
            first: ends.first,
            last: watch::Sender::new(ends.last),
            named: TaskMutex::default(),
            unnamed: Mutex::default(),
            moved: Notify::new(),
        });
        let (publishing, queue) = mpsc::channel(PUBLISH_QUEUE_MESSAGES_MAX);
        let publisher = Publisher::new(shared.clone(), DUPLICATE_WINDOW).await.map_err(unreachable)?;
        life.spawn("durable publisher", publisher.run(queue));
        life.spawn("durable keeper", keep(shared.clone()));
        Ok(Arc::new(Self { shared, publishing }))
    }
}

fn unreachable(error: impl std::fmt::Display) -> BusError {
    BusError::Unreachable(error.to_string())
}

#[tonic::async_trait]
impl DurableBus for InProcessDurable {
    async fn publish(&self, message: DurableMessage) -> Result<(), BusError> {
        check(&message)?;
        let (done, stored) = oneshot::channel();
        let closed = || BusError::Unreachable("the process is stopping".into());
        self.publishing.send(Publishing { message, done }).await.map_err(|_| closed())?;
        stored.await.map_err(|_| closed())?
    }

    async fn consume(&self, consumer: Consumer) -> Result<Deliveries, BusError> {
        consumer.check()?;
        let member = match consumer.name {
            Some(name) => self.shared.named(name, consumer.pattern).await?,
            None => self.shared.unnamed(consumer.pattern),
        };
        Ok(Deliveries(Box::new(Reader { shared: self.shared.clone(), member })))
    }

    async fn dead_letters(&self, consumer: &str) -> Result<Vec<DeadLetter>, BusError> {
        self.shared.log.dead_letters(consumer).await.map_err(unreachable)
    }

    async fn forget_dead_letter(&self, consumer: &str, letter: &DeadLetter) -> Result<(), BusError> {
        self.shared.log.forget_dead_letter(consumer, letter.place).await.map_err(unreachable)
    }
}

impl Shared {
    async fn named(&self, name: &'static str, pattern: Pattern) -> Result<Arc<Member>, BusError> {
        let mut named = self.named.lock().await;
        if let Some(member) = named.get(name) {
            if member.pattern != pattern {
                return Err(BusError::Refused("a consumer listens to one pattern"));
            }
            return Ok(member.clone());
        }
        let positions = self.log.positions().await.map_err(unreachable)?;
        let known = positions.iter().find(|(consumer, _)| consumer == name).map(|(_, floor)| *floor);
        let floor = known.unwrap_or(self.first - 1);
        if known.is_none() {
            // From now on messages are kept for it.
            self.log.save_position(name, floor).await.map_err(unreachable)?;
        }
        let retries = self.log.retries(name).await.map_err(unreachable)?;
        let (now, at_ms) = (Instant::now(), self.clock.at_ms());
        let due = |due_at_ms: u64| now + Duration::from_millis(due_at_ms.saturating_sub(at_ms));
        let later = retries.into_iter().map(|(due_at_ms, open)| (due(due_at_ms), open));
        let suspects_to = (*self.last.borrow()).min(floor + SUSPECTS_MAX);
        let group = Group::new(floor + 1, later).suspect_to(known.map_or(0, |_| suspects_to));
        let member = Arc::new(Member::new(Some(name), pattern, group));
        named.insert(name, member.clone());
        Ok(member)
    }

    fn unnamed(&self, pattern: Pattern) -> Arc<Member> {
        let member = Arc::new(Member::new(None, pattern, Group::new(*self.last.borrow() + 1, [])));
        let mut unnamed = self.unnamed.lock();
        unnamed.retain(|member| member.strong_count() > 0);
        unnamed.push(Arc::downgrade(&member));
        member
    }

    /// Writes the positions that have changed.
    async fn save_positions(&self, saved: &mut HashMap<&'static str, u64>) {
        let moved: Vec<_> = {
            let named = self.named.lock().await;
            named.iter().map(|(name, member)| (*name, member.group.lock().floor())).collect()
        };
        for (name, floor) in moved {
            if saved.get(name) == Some(&floor) {
                continue;
            }
            match self.log.save_position(name, floor).await {
                Ok(()) => drop(saved.insert(name, floor)),
                Err(error) => tracing::warn!(consumer = name, %error, "a position was not stored; retrying"),
            }
        }
    }

    /// Removes what everybody has had. Consumers that do not run hold messages back too, until they are too old.
    async fn trim(&self, saved: &HashMap<&'static str, u64>) {
        let trim = async {
            let positions = self.log.positions().await?;
            let named = positions.iter().map(|(name, floor)| *saved.get(name.as_str()).unwrap_or(floor));
            let unnamed: Vec<_> = self.unnamed.lock().iter().filter_map(Weak::upgrade).collect();
            let listening = unnamed.iter().map(|member| member.group.lock().floor());
            let settled = named.chain(listening).min().unwrap_or(0);
            self.log.trim(settled, self.clock.at_ms(), DUPLICATE_WINDOW, EVENTS_KEPT).await
        };
        if let Err(error) = trim.await {
            tracing::warn!(%error, "old durable messages were not removed; retrying");
        }
    }
}

/// Stores positions and removes old messages until the process stops.
async fn keep(shared: Arc<Shared>) -> TaskResult {
    let mut saved = HashMap::new();
    let mut trim = tokio::time::interval(TRIM_INTERVAL);
    loop {
        tokio::select! {
            () = shared.life.stopping() => break,
            () = shared.moved.notified() => {
                shared.save_positions(&mut saved).await;
                tokio::time::sleep(POSITION_INTERVAL).await;
            }
            _ = trim.tick() => shared.trim(&saved).await,
        }
    }
    shared.save_positions(&mut saved).await;
    Ok(())
}

impl Member {
    fn new(name: Option<&'static str>, pattern: Pattern, group: Group) -> Self {
        Self { name, pattern, group: Mutex::new(group), changed: Notify::new(), reading: TaskMutex::default() }
    }
}

struct Reader {
    shared: Arc<Shared>,
    member: Arc<Member>,
}

impl Reader {
    /// Reads the log on, if there is room and something to read; returns whether it did.
    async fn read(&self) -> Result<bool, TableError> {
        let _alone = self.member.reading.lock().await;
        let last = *self.shared.last.borrow();
        let (from, room) = {
            let group = self.member.group.lock();
            (group.next(), group.room(UNSETTLED_MESSAGES_MAX))
        };
        if room == 0 || from > last {
            return Ok(false);
        }
        let (mut entries, next) = self.shared.log.read(from, room, last).await?;
        entries.retain(|entry| Subject::received(&entry.subject).is_some_and(|s| self.member.pattern.matches(&s)));
        self.member.group.lock().add(entries, next);
        self.shared.moved.notify_one();
        Ok(true)
    }

    fn delivery(&self, open: Open) -> Delivery {
        let entry = open.entry.clone();
        Delivery {
            message: Message { subject: entry.subject, payload: entry.payload, reply: None, trace: entry.trace },
            id: entry.id,
            number: open.number,
            settle: Box::new(Ticket { shared: self.shared.clone(), member: self.member.clone(), open: open.into() }),
        }
    }
}

#[tonic::async_trait]
impl Source for Reader {
    async fn next(&mut self) -> Option<Delivery> {
        let mut last = self.shared.last.subscribe();
        loop {
            let changed = self.member.changed.notified();
            if self.shared.life.is_stopping() {
                return None;
            }
            last.borrow_and_update();
            let (open, due) = {
                let mut group = self.member.group.lock();
                (group.take(Instant::now(), self.shared.ack_wait), group.due())
            };
            if let Some(open) = open {
                // Another reader of this consumer may go on at once: a wake-up reaches one of them only.
                self.member.changed.notify_one();
                return Some(self.delivery(open));
            }
            match self.read().await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(%error, "durable messages cannot be read; retrying");
                    tokio::time::sleep(READ_RETRY).await;
                    continue;
                }
            }
            let overdue = async {
                match due {
                    Some(due) => tokio::time::sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = changed => {}
                _ = last.changed() => {}
                () = overdue => {}
                () = self.shared.life.stopping() => return None,
            }
        }
    }

    fn pending(&self) -> u64 {
        let group = self.member.group.lock();
        group.open() as u64 + (*self.shared.last.borrow() + 1).saturating_sub(group.next())
    }
}

struct Ticket {
    shared: Arc<Shared>,
    member: Arc<Member>,
    open: Mutex<Open>,
}

impl Ticket {
    fn settled(&self) {
        self.member.group.lock().settle(self.open.lock().entry.seq);
        self.member.changed.notify_one();
        self.shared.moved.notify_one();
    }

    /// Its row goes first: should the process end in between, the message comes again.
    async fn forget(&self) -> Result<(), BusError> {
        let (seq, is_kept) = {
            let open = self.open.lock();
            (open.entry.seq, open.is_kept)
        };
        if let (Some(name), true) = (self.member.name, is_kept) {
            self.shared.log.forget_retry(name, seq).await.map_err(unreachable)?;
        }
        Ok(())
    }

    /// Writes down how often it was tried, for the next process; one that was settled meanwhile needs no row.
    async fn keep(&self, open: Open) -> Result<(), BusError> {
        let is_open = self.member.group.lock().is_open(open.entry.seq);
        if let (Some(name), true) = (self.member.name, is_open) {
            self.shared.log.save_retry(name, &open, self.shared.clock.at_ms()).await.map_err(unreachable)?;
        }
        self.member.group.lock().keep(&open);
        self.shared.moved.notify_one();
        *self.open.lock() = open;
        Ok(())
    }
}

#[tonic::async_trait]
impl Settle for Ticket {
    async fn begin(&self) -> Result<u32, BusError> {
        let open = self.open.lock().clone();
        let tries = open.tries();
        if open.is_counted() {
            self.keep(Open { is_kept: true, ..open }).await?;
        }
        Ok(tries)
    }

    async fn hold(&self) -> Result<Duration, BusError> {
        let (seq, number) = {
            let open = self.open.lock();
            (open.entry.seq, open.number)
        };
        self.member.group.lock().hold(seq, number, Instant::now() + self.shared.ack_wait);
        Ok(self.shared.ack_wait)
    }

    async fn forgive(&self) -> Result<(), BusError> {
        let open = self.open.lock().clone();
        self.keep(Open { forgiven: open.number, is_kept: true, ..open }).await
    }

    async fn ack(&self) -> Result<(), BusError> {
        self.forget().await?;
        self.settled();
        Ok(())
    }

    async fn retry(&self, after: Duration) -> Result<(), BusError> {
        let open = self.open.lock().clone();
        if let Some(name) = self.member.name {
            let due_at_ms = self.shared.clock.at_ms() + after.as_millis() as u64;
            self.shared.log.save_retry(name, &open, due_at_ms).await.map_err(unreachable)?;
        }
        self.member.group.lock().postpone(open.entry.seq, open.number, Instant::now() + after);
        self.member.changed.notify_one();
        self.shared.moved.notify_one();
        Ok(())
    }

    async fn give_up(&self, letter: DeadLetter) -> Result<(), BusError> {
        if let Some(name) = self.member.name {
            let (seq, at_ms) = (self.open.lock().entry.seq, self.shared.clock.at_ms());
            self.shared.log.bury(name, seq, &letter, at_ms).await.map_err(unreachable)?;
        }
        self.ack().await
    }
}

#[cfg(test)]
mod tests;
