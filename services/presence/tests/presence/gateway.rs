//! A gateway without sockets: the real roster, ticking on the bus and answering resync requests.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use turnout_platform::{
    bus::{Bus as _, Outgoing, Subscription, subjects},
    clock::Clock as _,
    mesh as codec,
};
use turnout_roster::{GatewayRoster, Leave, Tick, Topic, ViewerId};

use crate::mesh::Mesh;

/// A handle to a gateway that runs until its runtime ends.
pub struct Gateway {
    roster: Arc<Mutex<GatewayRoster>>,
    cut_off: Arc<AtomicBool>,
    clock: Arc<crate::mesh::PausedClock>,
}

impl Gateway {
    /// Starts to tick.
    pub async fn start(mesh: &Mesh, name: &str) -> Self {
        let (clock, bus) = (mesh.clock.clone(), mesh.bus.clone());
        let roster = Arc::new(Mutex::new(GatewayRoster::new(name.into(), clock.at_ms())));
        let cut_off = Arc::new(AtomicBool::new(false));
        let mut requests: Subscription = bus.subscribe(subjects::resync_requests().into()).await.unwrap();
        let this = Self { roster: roster.clone(), cut_off: cut_off.clone(), clock: clock.clone() };
        let mut timer = tokio::time::interval(Duration::from_millis(100));
        tokio::spawn(async move {
            loop {
                let outgoing: Vec<Outgoing> = tokio::select! {
                    _ = timer.tick() => {
                        let ticks = roster.lock().unwrap().tick(clock.now_ms(), clock.at_ms());
                        let message = |tick: Tick| Outgoing::new(subjects::ticks(tick.source.as_str()), codec::encode_tick(tick));
                        ticks.into_iter().map(message).collect()
                    }
                    request = requests.next() => {
                        let request = request.unwrap();
                        let (reply, request) = (request.reply.unwrap(), codec::decode_resync_request(&request.payload).unwrap());
                        let answers = roster.lock().unwrap().on_resync(&request, || unreachable!("nobody is fenced here"));
                        answers.into_iter().map(|answer| Outgoing::new(reply.clone(), codec::encode_resync(answer))).collect()
                    }
                };
                if !cut_off.load(Ordering::SeqCst) {
                    for message in outgoing {
                        bus.publish(message).await.unwrap();
                    }
                }
            }
        });
        this
    }

    pub fn join(&self, topic: &str, viewer: u64) {
        let mut roster = self.roster.lock().unwrap();
        roster.join(&Topic::from(topic), ViewerId::new(viewer));
    }

    pub fn leave(&self, topic: &str, viewer: u64) {
        let mut roster = self.roster.lock().unwrap();
        roster.leave(&Topic::from(topic), ViewerId::new(viewer), Leave::Clean, self.clock.now_ms());
    }

    pub fn set_connections(&self, topic: &str, connections: u32) {
        self.roster.lock().unwrap().set_connections(&Topic::from(topic), connections);
    }

    /// Takes the gateway off the mesh, or puts it back; its viewers do not notice.
    pub fn cut_off(&self, cut_off: bool) {
        self.cut_off.store(cut_off, Ordering::SeqCst);
    }
}
