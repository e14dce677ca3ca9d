//! The WebSocket edge: everything between an accepted handshake and the bytes on a viewer's socket. A few worker
//! threads own all sockets; other threads talk to them through [`Live`] alone. The HTTP upgrade, the checks before it
//! (origin, deadlines, accept gate) and the tickets are not here: they come before [`Live::adopt`] and behind
//! [`JoinHandler`].

mod close_code;
mod connection;
mod drain;
mod fan_out;
mod frame;
mod join;
mod mailbox;
mod metrics;
mod outbox;
mod presence_map;
mod protocol;
mod worker;

use std::collections::HashMap;
use std::io;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use turnout_roster::Topic;

pub use close_code::CloseCode;
pub use join::{JoinHandler, JoinReply, JoinRequest, Seat};
pub use metrics::LiveMetrics;
pub use presence_map::{CHANGES_PENDING_MAX, Change, NotEntered, PresenceMap, SOCKETS_PER_VIEWER_MAX};
pub use protocol::{BINARY_COUNT_BYTES, Count, EncodedCount, Protocol};

use mailbox::{Adoption, Command, Mailbox};
use worker::Worker;

/// Topics whose latest count is kept for those who join. Beyond it the oldest half of them is forgotten: who joins
/// there waits for the next publication.
const LATEST_TOPICS_MAX: usize = 65_536;

/// Settings of the edge. The defaults are those of production.
#[derive(Clone)]
pub struct LiveConfig {
    /// Worker threads. One a core is enough.
    pub workers: usize,
    /// Sockets of this gateway. Beyond it [`Live::adopt`] refuses.
    pub connections_max: usize,
    /// A client that has been quiet for about so long is pinged (up to a quarter earlier, so that pings spread).
    pub ping_interval: Duration,
    /// A pinged client that stays quiet for so much longer is gone.
    pub pong_timeout: Duration,
    /// Time from the handshake to the seat.
    pub join_timeout: Duration,
    /// A client that takes not one whole frame for so long is closed.
    pub stall_timeout: Duration,
    /// After our close frame, the client has so long to hang up.
    pub close_timeout: Duration,
    /// The wall clock, milliseconds since 1970: the time stamp of each [`Change`].
    pub wall_clock_ms: Arc<dyn Fn() -> u64 + Send + Sync>,
}

impl LiveConfig {
    /// The settings of production.
    pub fn new(workers: usize, connections_max: usize, wall_clock_ms: Arc<dyn Fn() -> u64 + Send + Sync>) -> Self {
        Self {
            workers,
            connections_max,
            ping_interval: Duration::from_secs(20),
            pong_timeout: Duration::from_secs(10),
            join_timeout: Duration::from_secs(5),
            stall_timeout: Duration::from_secs(10),
            close_timeout: Duration::from_secs(2),
            wall_clock_ms,
        }
    }
}

/// What is known of a socket when it is handed over.
#[derive(Clone, Debug)]
pub enum Opening {
    /// Its ticket came with the handshake and is good.
    Seated(Seat),
    /// It has to send a `join` first.
    MustJoin,
    /// It is no viewer: every message is sent back as it came, up to 16 MiB each. For conformance runs only; never
    /// offer it to the public.
    Echo,
}

/// Why a socket was not taken over. It is closed; before the handshake is answered, ask [`Live::has_room`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Overloaded {
    /// `connections_max` sockets are open.
    #[error("all connections are in use")]
    Full,
    /// The gateway sends its viewers elsewhere, or has stopped.
    #[error("the gateway is draining")]
    Draining,
}

/// The running edge. Cloning shares it.
#[derive(Clone)]
pub struct Live {
    shared: Arc<Shared>,
}

struct Shared {
    connections_max: usize,
    mailboxes: Vec<Arc<Mailbox>>,
    latest: Arc<Latest>,
    draining: AtomicBool,
    metrics: LiveMetrics,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// The latest count of each topic, for those who join between two publications.
type Latest = RwLock<HashMap<Topic, Arc<EncodedCount>, ahash::RandomState>>;

impl Drop for Shared {
    fn drop(&mut self) {
        // The last handle is gone: nobody could stop the workers later.
        for mailbox in &self.mailboxes {
            mailbox.send(Command::Stop);
        }
    }
}

impl Live {
    /// Starts the workers. Errors: the system gives no thread or no poll handle.
    pub fn start(
        config: &LiveConfig,
        presence: &Arc<PresenceMap>,
        handler: &Arc<dyn JoinHandler>,
        metrics: LiveMetrics,
    ) -> io::Result<Self> {
        let latest = Arc::new(Latest::default());
        let (mut mailboxes, mut threads) = (Vec::new(), Vec::new());
        for number in 0..config.workers.max(1) {
            let worker =
                Worker::new(config.clone(), presence.clone(), handler.clone(), latest.clone(), metrics.clone())?;
            mailboxes.push(worker.mailbox());
            threads.push(std::thread::Builder::new().name(format!("live-{number}")).spawn(move || worker.run())?);
        }
        let shared = Shared {
            connections_max: config.connections_max,
            mailboxes,
            latest,
            draining: AtomicBool::new(false),
            metrics,
            threads: Mutex::new(threads),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Whether [`adopt`](Self::adopt) would take a socket now. Ask before answering a handshake.
    pub fn has_room(&self) -> Result<(), Overloaded> {
        if self.shared.draining.load(Ordering::Relaxed) {
            return Err(Overloaded::Draining);
        }
        if self.connections() >= self.shared.connections_max {
            return Err(Overloaded::Full);
        }
        Ok(())
    }

    /// Takes a socket over, right after the answer to its handshake has been written. `leftover` is what was read
    /// beyond the handshake. The least loaded worker gets it.
    pub fn adopt(
        &self,
        stream: TcpStream,
        leftover: Bytes,
        protocol: Protocol,
        opening: Opening,
    ) -> Result<(), Overloaded> {
        self.has_room()?;
        let alive = self.shared.mailboxes.iter().filter(|mailbox| mailbox.alive.load(Ordering::Relaxed));
        let mailbox =
            alive.min_by_key(|mailbox| mailbox.sockets.load(Ordering::Relaxed)).ok_or(Overloaded::Draining)?;
        mailbox.sockets.fetch_add(1, Ordering::Relaxed);
        mailbox.send(Command::Adopt(Adoption { stream, leftover, protocol, opening }));
        Ok(())
    }

    /// Shows a count to every viewer of its topic, and to those who join later. The last one published is the one
    /// shown.
    pub fn publish(&self, count: EncodedCount) {
        let count = Arc::new(count);
        {
            let mut latest = self.shared.latest.write();
            if latest.len() >= LATEST_TOPICS_MAX && !latest.contains_key(count.topic()) {
                let mut ages: Vec<u64> = latest.values().map(|count| count.count().as_of_ms).collect();
                let (_, median, _) = ages.select_nth_unstable(LATEST_TOPICS_MAX / 2);
                let median = *median;
                latest.retain(|_, count| count.count().as_of_ms > median);
            }
            latest.insert(count.topic().clone(), count.clone());
        }
        for mailbox in &self.shared.mailboxes {
            if !mailbox.send(Command::Count(count.clone())) {
                tracing::warn!("a count was dropped: a worker is behind");
            }
        }
    }

    /// The latest count of a topic, if one is known.
    pub fn latest(&self, topic: &Topic) -> Option<Arc<EncodedCount>> {
        self.shared.latest.read().get(topic).cloned()
    }

    /// Sends every viewer elsewhere, evenly over `over`: each is told its slot at once and is closed with
    /// [`CloseCode::Restart`] when it has come. New sockets are refused. Returns at once; it is over when
    /// [`connections`](Self::connections) is 0, at the latest `close_timeout` after `over`.
    pub fn drain(&self, over: Duration) {
        if !self.shared.draining.swap(true, Ordering::Relaxed) {
            self.shared.metrics.draining.set(1);
            for mailbox in &self.shared.mailboxes {
                mailbox.send(Command::Drain { over });
            }
        }
    }

    /// Closes everything at once, each socket with [`CloseCode::GoingAway`] as far as it takes it without waiting, and
    /// waits for the workers to end (milliseconds).
    pub fn stop(&self) {
        self.shared.draining.store(true, Ordering::Relaxed);
        for mailbox in &self.shared.mailboxes {
            mailbox.send(Command::Stop);
        }
        for thread in self.shared.threads.lock().drain(..) {
            if thread.join().is_err() {
                tracing::error!("a worker ended by a panic");
            }
        }
    }

    /// Open sockets, those on their way to a worker included.
    pub fn connections(&self) -> usize {
        self.shared.mailboxes.iter().map(|mailbox| mailbox.sockets.load(Ordering::Relaxed)).sum()
    }
}
