//! How connections end, and whether the viewer meant to go.

use std::io::Write;
use std::time::Duration;

use socket2::SockRef;
use turnout_gateway::live::Change;

use crate::edge::{Client, Edge, Frame, count, topic, wait_until};

/// Joins a viewer, lets it end, and says whether that was clean.
fn left_cleanly(edge: &Edge, end: impl FnOnce(Client)) -> bool {
    let client = edge.viewer(1);
    assert_eq!(edge.changes(1).len(), 1);
    end(client);
    match &edge.changes(1)[..] {
        [Change::Leave { clean, .. }] => *clean,
        other => panic!("{other:?}"),
    }
}

#[test]
fn who_says_goodbye_leaves_cleanly() {
    let edge = Edge::start(|_| {});
    assert!(left_cleanly(&edge, |mut client| {
        client.say(r#"{"type":"bye"}"#);
        assert_eq!(client.next(), Frame::Close(1000, "bye".to_owned()));
        assert_eq!(client.next(), Frame::End);
    }));
    assert!(left_cleanly(&edge, |mut client| {
        client.close(1001);
        assert_eq!(client.next(), Frame::Close(1001, String::new()));
        assert_eq!(client.next(), Frame::End);
    }));
    edge.wait_for_metric(r#"turnout_ws_connections_closed_total{code="1000",reason="bye"} 1"#);
    edge.wait_for_metric(r#"turnout_ws_connections_closed_total{code="1000",reason="closed by client"} 1"#);
    edge.wait_for_metric("turnout_ws_connections 0");
    wait_until("nothing is left behind", || edge.live.connections() == 0);
}

#[test]
fn who_just_vanishes_breaks_off() {
    let edge = Edge::start(|_| {});
    assert!(!left_cleanly(&edge, drop));
    assert!(!left_cleanly(&edge, |client| SockRef::from(&client.stream).set_linger(Some(Duration::ZERO)).unwrap()));
    edge.wait_for_metric(r#"turnout_ws_connections_closed_total{code="1006",reason="lost"} 2"#);
}

#[test]
fn who_is_thrown_out_breaks_off() {
    let edge = Edge::start(|_| {});
    assert!(!left_cleanly(&edge, |mut client| {
        client.stream.write_all(&[0x81, 5]).unwrap();
        client.stream.write_all(b"hello").unwrap();
        assert_eq!(client.next(), Frame::Close(1002, "protocol error".to_owned()));
        assert!(client.ends_well());
    }));
}

#[test]
fn a_claim_of_two_to_the_62_bytes_is_closed_without_waiting_for_them() {
    let edge = Edge::start(|_| {});
    let mut client = edge.viewer(1);
    client.stream.write_all(&[&[0x81, 0xff][..], &(1_u64 << 62).to_be_bytes(), &[0; 4]].concat()).unwrap();
    assert_eq!(client.close_code(), 1009);
}

#[test]
fn flooders_are_closed_and_the_others_do_not_notice() {
    let edge = Edge::start(|config| config.workers = 1);
    let mut normal = edge.viewer(1_000);
    let mut flooders: Vec<_> = (0..20).map(|viewer| edge.viewer(viewer)).collect();
    edge.wait_for_seated(21);
    for flooder in &mut flooders {
        let flood = [0x8a, 0x80, 0, 0, 0, 0].repeat(10_000);
        // It may be thrown out before it has said everything.
        let _ = flooder.stream.write_all(&flood);
    }
    edge.live.publish(count(1, 1));
    assert_eq!(normal.revision(), 1);
    edge.wait_for_seated(1);
    for flooder in &mut flooders {
        assert_eq!(flooder.close_code(), 1008);
    }
    edge.wait_for_metric("turnout_ws_rate_limited_total 20");
}

#[test]
fn a_half_open_connection_is_found_and_one_that_answers_stays() {
    let edge = Edge::start(|config| {
        (config.ping_interval, config.pong_timeout) = (Duration::from_millis(200), Duration::from_secs(3));
    });
    let half_open = edge.viewer(1);
    let mut alive = edge.viewer(2);
    edge.wait_for_seated(2);
    let answering = std::thread::spawn(move || {
        for _ in 0..5 {
            assert_eq!(alive.next(), Frame::Ping);
            alive.send(10, b"");
        }
        alive
    });
    edge.wait_for_seated(1);
    let alive = answering.join().unwrap();
    assert_eq!(edge.presence.connections(&topic()), 1);
    edge.wait_for_metric(r#"turnout_ws_connections_closed_total{code="1006",reason="silent"} 1"#);
    drop((half_open, alive));
}

#[test]
fn who_does_not_hang_up_after_our_goodbye_is_dropped() {
    let edge = Edge::start(|config| config.close_timeout = Duration::from_millis(200));
    let mut client = edge.viewer(1);
    client.send(2, b"binary");
    assert_eq!(client.close_code(), 1003);
    wait_until("the socket is dropped", || edge.live.connections() == 0);
}
