//! Counts on their way to viewers.

use std::io::Read;
use std::time::Duration;

use socket2::SockRef;
use turnout_gateway::live::{Count, EncodedCount, Opening, Protocol, Seat};
use turnout_roster::Topic;

use crate::edge::{Edge, Frame, count, seat, topic};

#[test]
fn two_hundred_viewers_get_the_same_bytes() {
    let edge = Edge::start(|_| {});
    let mut viewers: Vec<_> = (0..200).map(|viewer| edge.viewer(viewer)).collect();
    edge.wait_for_seated(200);
    let encoded = count(200, 1);
    let expected = encoded.frame(Protocol::Json).clone();
    edge.live.publish(encoded);
    for viewer in &mut viewers {
        let mut bytes = vec![0; expected.len()];
        viewer.stream.read_exact(&mut bytes).unwrap();
        assert_eq!(bytes, expected);
    }
    edge.wait_for_metric(r#"turnout_ws_messages_sent_total{type="count"} 200"#);
    edge.wait_for_metric("turnout_ws_connections 200");
}

#[test]
fn a_binary_client_gets_binary_counts() {
    let edge = Edge::start(|_| {});
    let mut viewer = edge.try_connect(Protocol::Binary, Opening::Seated(seat(1))).unwrap();
    edge.wait_for_seated(1);
    edge.live.publish(count(7, 3));
    let Frame::Binary(payload) = viewer.next() else { panic!("not binary") };
    assert_eq!(payload.len(), turnout_gateway::live::BINARY_COUNT_BYTES);
    assert_eq!(payload[4..12], 7_u64.to_le_bytes());
}

#[test]
fn who_joins_between_two_counts_is_shown_the_latest_at_once() {
    let edge = Edge::start(|_| {});
    edge.live.publish(count(1, 41));
    edge.live.publish(count(1, 42));
    assert_eq!(edge.viewer(1).revision(), 42);
    assert_eq!(edge.viewer(2).revision(), 42);
    assert_eq!(edge.live.latest(&topic()).map(|count| count.count().revision), Some(42));
}

#[test]
fn a_viewer_in_a_room_is_shown_the_count_of_the_room() {
    let edge = Edge::start(|_| {});
    let room = Topic::new("acme/demo/main");
    let mut viewer = edge.connect(Opening::Seated(Seat { room: Some(room.clone()), ..seat(1) }));
    edge.wait_for_seated(1);
    edge.live.publish(count(7, 1));
    edge.live.publish(EncodedCount::new(room, Count { revision: 2, ..*count(3, 0).count() }));
    let shown = viewer.json();
    assert_eq!((&shown["room"], &shown["viewers"]), (&"main".into(), &3.into()));
}

#[test]
fn a_slow_reader_misses_counts_but_gets_the_latest_and_disturbs_nobody() {
    const COUNTS: u64 = 5_000;
    let edge = Edge::start(|config| config.workers = 1);
    let mut slow = edge.viewer(1);
    SockRef::from(&slow.stream).set_recv_buffer_size(4_096).unwrap();
    let mut quick = edge.viewer(2);
    edge.wait_for_seated(2);
    for revision in 1..=COUNTS {
        edge.live.publish(count(2, revision));
        // In step with the quick one: it must not miss a single count because of the slow one.
        assert_eq!(quick.revision(), revision);
    }
    let (mut got, mut last) = (0, 0);
    while last < COUNTS {
        let revision = slow.revision();
        assert!(revision > last, "{revision} came after {last}");
        (got, last) = (got + 1, revision);
    }
    assert!(got < COUNTS / 2, "the slow one got {got} of {COUNTS}: too much was kept for it");
    edge.wait_for_metric(&format!(r#"turnout_ws_send_queue_dropped_total{{policy="coalesce"}} {}"#, COUNTS - got));
}

#[test]
fn who_takes_nothing_for_too_long_is_closed_and_the_others_go_on() {
    let edge = Edge::start(|config| config.stall_timeout = Duration::from_millis(200));
    let stuck = edge.viewer(1);
    SockRef::from(&stuck.stream).set_recv_buffer_size(4_096).unwrap();
    let mut quick = edge.viewer(2);
    edge.wait_for_seated(2);
    let mut revision = 0;
    crate::edge::wait_until("the stuck one is closed", || {
        for _ in 0..100 {
            revision += 1;
            edge.live.publish(count(2, revision));
            assert_eq!(quick.revision(), revision);
        }
        edge.presence.connections(&topic()) == 1
    });
    edge.wait_for_metric(r#"turnout_ws_connections_closed_total{code="1006",reason="stalled"} 1"#);
}
