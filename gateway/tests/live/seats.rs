//! From the handshake to the seat.

use std::time::Duration;

use turnout_gateway::live::{Change, Opening, Overloaded, Protocol, SOCKETS_PER_VIEWER_MAX};

use crate::edge::{Edge, count, seat, topic, wait_until};

#[test]
fn a_good_ticket_gets_a_seat_and_the_count() {
    let edge = Edge::start(|_| {});
    edge.live.publish(count(1, 5));
    let mut client = edge.connect(Opening::MustJoin);
    client.join("viewer-7");
    assert_eq!(client.revision(), 5);
    assert!(matches!(&edge.changes(1)[..], [Change::Join { viewer, .. }] if viewer.get() == 7));
    edge.wait_for_metric(r#"turnout_ws_messages_received_total{type="join"} 1"#);
}

#[test]
fn what_came_together_with_the_handshake_is_heard() {
    let edge = Edge::start(|_| {});
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let _client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let join = br#"{"type":"join","event":"demo","ticket":"viewer-7"}"#;
    let leftover = [&[0x81, 0x80 | join.len() as u8, 0, 0, 0, 0], &join[..]].concat();
    let (served, _) = listener.accept().unwrap();
    edge.live.adopt(served, leftover.into(), Protocol::Json, Opening::MustJoin).unwrap();
    edge.wait_for_seated(1);
}

#[test]
fn a_bad_ticket_is_refused() {
    let edge = Edge::start(|_| {});
    let mut client = edge.connect(Opening::MustJoin);
    client.join("forged");
    assert_eq!(client.close_code(), 4401);
    assert!(client.ends_well());
    assert_eq!(edge.changes_so_far(), []);
}

#[test]
fn who_never_joins_is_closed() {
    let edge = Edge::start(|config| config.join_timeout = Duration::from_millis(100));
    let mut client = edge.connect(Opening::MustJoin);
    assert_eq!(client.close_code(), 4408);
}

#[test]
fn who_gets_no_answer_is_asked_to_come_again() {
    let edge = Edge::start(|config| config.join_timeout = Duration::from_millis(100));
    let mut unanswered = edge.connect(Opening::MustJoin);
    unanswered.join("later");
    assert_eq!(unanswered.close_code(), 1013);
    let edge = Edge::start(|_| {});
    let mut dropped = edge.connect(Opening::MustJoin);
    dropped.join("later");
    wait_until("the door has the question", || edge.door.kept.lock().pop().is_some());
    assert_eq!(dropped.close_code(), 1013);
}

#[test]
fn a_late_answer_finds_nobody_even_if_somebody_else_sits_there_now() {
    let edge = Edge::start(|config| config.workers = 1);
    let mut first = edge.connect(Opening::MustJoin);
    first.join("later");
    wait_until("the door has the question", || edge.door.kept.lock().len() == 1);
    drop(first);
    wait_until("the first one is gone", || edge.live.connections() == 0);
    let mut second = edge.connect(Opening::MustJoin);
    second.join("later");
    wait_until("the door has both questions", || edge.door.kept.lock().len() == 2);
    let late = edge.door.kept.lock().remove(0);
    late.answer(Ok(seat(1)));
    let right = edge.door.kept.lock().remove(0);
    right.answer(Ok(seat(2)));
    assert!(matches!(&edge.changes(1)[..], [Change::Join { viewer, .. }] if viewer.get() == 2));
    assert_eq!(edge.presence.connections(&topic()), 1);
}

#[test]
fn a_second_tab_does_not_raise_the_count() {
    let edge = Edge::start(|_| {});
    let (first, second) = (edge.viewer(1), edge.viewer(1));
    edge.wait_for_seated(2);
    assert!(matches!(&edge.changes(1)[..], [Change::Join { .. }]));
    drop(first);
    edge.wait_for_seated(1);
    assert_eq!(edge.changes_so_far(), []);
    drop(second);
    assert!(matches!(&edge.changes(1)[..], [Change::Leave { clean: false, .. }]));
}

#[test]
fn the_ninth_socket_of_a_viewer_is_closed() {
    let edge = Edge::start(|_| {});
    let _first: Vec<_> = (0..SOCKETS_PER_VIEWER_MAX).map(|_| edge.viewer(1)).collect();
    edge.wait_for_seated(8);
    assert_eq!(edge.viewer(1).close_code(), 4409);
    edge.wait_for_seated(8);
}

#[test]
fn a_full_gateway_takes_nobody_until_somebody_leaves() {
    let edge = Edge::start(|config| config.connections_max = 2);
    let (_first, second) = (edge.viewer(1), edge.viewer(2));
    let third = || edge.try_connect(Protocol::Json, Opening::Seated(seat(3)));
    assert_eq!(third().err(), Some(Overloaded::Full));
    drop(second);
    wait_until("there is room", || edge.live.has_room().is_ok());
    assert!(third().is_ok());
}
