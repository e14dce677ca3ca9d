//! What it costs to show one count to 1,000 viewers on loopback, next to the floor: a plain loop that sends the same
//! bytes to as many sockets. What is compared is the CPU time of the sending thread, since that is what a gateway pays
//! for; floor and edge take turns, since the speed of a machine drifts. Nothing fails here: it prints figures.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use mio::{Events, Interest, Poll, Token};
use prometheus_client::registry::Registry;
use turnout_gateway::live::{
    CloseCode, Count, EncodedCount, JoinHandler, JoinReply, JoinRequest, Live, LiveConfig, LiveMetrics, Opening,
    PresenceMap, Protocol, Seat,
};
use turnout_roster::{Topic, ViewerId};

const VIEWERS: usize = 1_000;
const COUNTS_A_TURN: u64 = 40;
const TURNS: usize = 9;

fn main() {
    let mut floor = floor();
    let mut edge = edge();
    let mut ratios = Vec::new();
    println!("{VIEWERS} viewers, {COUNTS_A_TURN} counts a turn; microseconds of the sending thread for each delivery");
    for turn in 0..=TURNS {
        let (floor_us, edge_us) = (floor.turn(), edge.turn());
        // The first turn only warms up.
        if turn > 0 {
            println!("floor {floor_us:.2}   edge {edge_us:.2}   ratio {:.3}", edge_us / floor_us);
            ratios.push(edge_us / floor_us);
        }
    }
    ratios.sort_by(f64::total_cmp);
    println!("median ratio {:.3}", ratios[TURNS / 2]);
}

/// A sender and those who read from it.
struct Side {
    thread: &'static str,
    frame_bytes: usize,
    send: Box<dyn FnMut()>,
    received: Arc<AtomicU64>,
}

impl Side {
    /// Sends some counts, one after the other, and returns the microseconds of CPU that a delivery took.
    fn turn(&mut self) -> f64 {
        let before = thread_cpu(self.thread);
        for _ in 0..COUNTS_A_TURN {
            let goal = self.received.load(Ordering::Relaxed) + (self.frame_bytes * VIEWERS) as u64;
            (self.send)();
            let start = Instant::now();
            while self.received.load(Ordering::Relaxed) < goal {
                assert!(start.elapsed() < Duration::from_secs(30), "bytes are missing");
                std::thread::sleep(Duration::from_micros(200));
            }
        }
        thread_cpu(self.thread).saturating_sub(before).as_secs_f64() * 1e6 / (COUNTS_A_TURN as f64 * VIEWERS as f64)
    }
}

fn floor() -> Side {
    let frame = count(0).frame(Protocol::Json).clone();
    let frame_bytes = frame.len();
    let mut sockets = Vec::new();
    let received = crowd(|socket| {
        socket.set_nonblocking(true).expect("a socket");
        socket.set_nodelay(true).expect("a socket");
        sockets.push(socket);
    });
    let (go, gone) = mpsc::channel::<()>();
    std::thread::Builder::new()
        .name("floor".to_owned())
        .spawn(move || {
            while gone.recv().is_ok() {
                for socket in &mut sockets {
                    assert_eq!(socket.write(&frame).expect("room for a frame"), frame.len());
                }
            }
        })
        .expect("a thread");
    Side { thread: "floor", frame_bytes, send: Box::new(move || go.send(()).expect("the floor listens")), received }
}

fn edge() -> Side {
    struct NoDoor;
    impl JoinHandler for NoDoor {
        fn join(&self, _: JoinRequest, reply: JoinReply) {
            reply.answer(Err(CloseCode::NoSuchEvent));
        }
    }
    let config = LiveConfig::new(1, VIEWERS, Arc::new(|| 0));
    let (presence, door): (_, Arc<dyn JoinHandler>) = (Arc::new(PresenceMap::new()), Arc::new(NoDoor));
    let metrics = LiveMetrics::register(&mut Registry::default());
    let live = Live::start(&config, &presence, &door, metrics).expect("a worker");
    let mut viewer = 0;
    let received = crowd(|socket| {
        viewer += 1;
        let seat = Seat { event: Topic::new("acme/demo"), room: None, viewer: ViewerId::new(viewer) };
        live.adopt(socket, Bytes::new(), Protocol::Json, Opening::Seated(seat)).expect("room");
    });
    while presence.connections(&Topic::new("acme/demo")) < VIEWERS as u32 {
        std::thread::sleep(Duration::from_millis(1));
    }
    let mut revision = 0;
    let send = Box::new(move || {
        revision += 1;
        live.publish(count(revision));
    });
    Side { thread: "live-0", frame_bytes: count(1).frame(Protocol::Json).len(), send, received }
}

/// A count whose frame has the same length for every revision of the bench.
fn count(revision: u64) -> EncodedCount {
    let revision = 1_795_290_000_000 + revision;
    let count = Count { viewers: 1_000, low: 1_000, high: 1_000, as_of_ms: revision, revision, stale: false };
    EncodedCount::new(Topic::new("acme/demo"), count)
}

/// Connects [`VIEWERS`] sockets, hands the serving halves over, and reads from the others on a thread that counts
/// bytes.
fn crowd(mut serve: impl FnMut(TcpStream)) -> Arc<AtomicU64> {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let mut poll = Poll::new().expect("a poll handle");
    let mut sockets: Vec<_> = (0..VIEWERS)
        .map(|key| {
            let stream = TcpStream::connect(listener.local_addr().expect("bound")).expect("a connection");
            serve(listener.accept().expect("a connection").0);
            stream.set_nonblocking(true).expect("a socket");
            let mut socket = mio::net::TcpStream::from_std(stream);
            poll.registry().register(&mut socket, Token(key), Interest::READABLE).expect("a registration");
            socket
        })
        .collect();
    let received = Arc::new(AtomicU64::new(0));
    let counter = received.clone();
    std::thread::spawn(move || {
        let (mut events, mut buffer) = (Events::with_capacity(1_024), vec![0; 65_536]);
        loop {
            poll.poll(&mut events, None).expect("events");
            for event in &events {
                while let Ok(length @ 1..) = sockets[event.token().0].read(&mut buffer) {
                    counter.fetch_add(length as u64, Ordering::Relaxed);
                }
            }
        }
    });
    received
}

/// CPU time of this process's thread with this name, from the scheduler's own books (Linux).
fn thread_cpu(name: &str) -> Duration {
    for task in std::fs::read_dir("/proc/self/task").expect("Linux").flatten() {
        let is_named = std::fs::read_to_string(task.path().join("comm")).is_ok_and(|comm| comm.trim() == name);
        if is_named && let Ok(books) = std::fs::read_to_string(task.path().join("schedstat")) {
            let on_cpu = books.split(' ').next().and_then(|nanoseconds| nanoseconds.parse().ok());
            return Duration::from_nanos(on_cpu.expect("the first figure is the time on the CPU"));
        }
    }
    panic!("no thread {name}");
}
