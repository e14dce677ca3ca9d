//! The end of a gateway: viewers are sent elsewhere in good order, or at once.

use std::time::{Duration, Instant};

use socket2::SockRef;
use turnout_gateway::live::{Change, Opening, Overloaded, Protocol};

use crate::edge::{Edge, Frame, count, seat, topic, wait_until};

#[test]
fn a_drain_tells_every_viewer_its_slot_and_closes_it_then() {
    const VIEWERS: u64 = 40;
    let edge = Edge::start(|_| {});
    let viewers: Vec<_> = (0..VIEWERS).map(|viewer| edge.viewer(viewer)).collect();
    edge.wait_for_seated(VIEWERS as u32);
    edge.changes(VIEWERS as usize);
    let start = Instant::now();
    edge.live.drain(Duration::from_secs(1));
    assert_eq!(edge.try_connect(Protocol::Json, Opening::Seated(seat(1))).err(), Some(Overloaded::Draining));
    let waiting: Vec<_> = viewers
        .into_iter()
        .map(|mut viewer| {
            std::thread::spawn(move || {
                let told = viewer.json();
                assert_eq!(told["type"], "reconnect");
                assert_eq!(viewer.next(), Frame::Close(1012, "service restart".to_owned()));
                let closed = start.elapsed();
                assert!(viewer.ends_well());
                (Duration::from_millis(told["after_ms"].as_u64().unwrap()), closed)
            })
        })
        .collect();
    let mut slots = Vec::new();
    for viewer in waiting {
        let (slot, closed) = viewer.join().unwrap();
        assert!(closed >= slot, "closed after {closed:?}, before its slot {slot:?}");
        slots.push(slot);
    }
    slots.sort();
    assert_eq!(slots[0], Duration::ZERO);
    assert!(slots.windows(2).all(|pair| pair[1] <= pair[0] + Duration::from_millis(50)), "{slots:?}");
    assert!(slots[VIEWERS as usize - 1] >= Duration::from_millis(900));
    wait_until("the gateway is empty", || edge.live.connections() == 0);
    let left = edge.changes(VIEWERS as usize);
    assert!(left.iter().all(|change| matches!(change, Change::Leave { clean: false, .. })));
    edge.wait_for_metric("turnout_ws_draining 1");
}

#[test]
fn viewers_are_shown_counts_until_their_slot_comes() {
    let edge = Edge::start(|config| config.workers = 1);
    let (_first, mut second) = (edge.viewer(1), edge.viewer(2));
    edge.wait_for_seated(2);
    edge.live.drain(Duration::from_mins(10));
    assert_eq!(second.json()["after_ms"], 300_000);
    edge.live.publish(count(2, 9));
    assert_eq!(second.revision(), 9);
}

#[test]
fn a_slow_reader_does_not_hold_up_a_drain() {
    let edge = Edge::start(|config| config.close_timeout = Duration::from_millis(200));
    let slow = edge.viewer(1);
    SockRef::from(&slow.stream).set_recv_buffer_size(4_096).unwrap();
    edge.wait_for_seated(1);
    for revision in 0..3_000 {
        edge.live.publish(count(1, revision));
    }
    edge.live.drain(Duration::from_millis(100));
    wait_until("the gateway is empty", || edge.live.connections() == 0);
}

#[test]
fn a_stop_closes_everything_at_once() {
    let edge = Edge::start(|_| {});
    let mut viewers: Vec<_> = (0..20).map(|viewer| edge.viewer(viewer)).collect();
    edge.wait_for_seated(20);
    edge.live.stop();
    assert_eq!(edge.live.connections(), 0);
    assert_eq!(edge.presence.connections(&topic()), 0);
    for viewer in &mut viewers {
        assert_eq!(viewer.close_code(), 1001);
    }
    assert_eq!(edge.live.has_room(), Err(Overloaded::Draining));
}
