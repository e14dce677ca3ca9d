//! The viewer's state machine, fed by hand: every answer of a server, whole and in pieces.

use super::*;

const COUNT: &[u8] = br#"{"type":"count","event":"demo","viewers":1,"low":1,"high":1,"as_of_ms":1,"revision":1}"#;

fn dial() -> Dial {
    Dial {
        host: "127.0.0.1:8080".into(),
        event: "demo".into(),
        room: String::new(),
        binary: false,
        join_by_message: false,
    }
}

/// Feeds `bytes` in pieces of `piece` and writes down what was heard.
fn hear(viewer: &mut Viewer, bytes: &[u8], piece: usize) -> Vec<String> {
    let mut all = Vec::new();
    for chunk in bytes.chunks(piece) {
        let joined = viewer.take_held(chunk);
        let mut rest = joined.as_deref().unwrap_or(chunk);
        loop {
            match viewer.next(&mut rest) {
                Ok(Some(heard)) => all.push(format!("{heard:?}")),
                Ok(None) => break,
                Err(fault) => {
                    all.push(format!("fault: {fault}"));
                    return all;
                }
            }
        }
        viewer.hold(rest);
    }
    all
}

fn switching() -> Vec<u8> {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: {}\r\nSec-WebSocket-Protocol: turnout.v1.json\r\n\r\n",
        http::NONCE_ANSWER
    )
    .into_bytes()
}

#[test]
fn a_session_is_heard_the_same_in_pieces_of_any_size() {
    let mut session = switching();
    session.extend(wire::server_frame(Opcode::Text, COUNT));
    session.extend([0x89, 2, b'h', b'i']);
    session.extend(wire::server_frame(Opcode::Text, br#"{"type":"reconnect","after_ms":250}"#));
    session.extend([0x88, 2, 0x03, 0xf4]);
    let whole = {
        let mut viewer = Viewer::with_ticket(&dial(), "t", &mut Vec::new());
        hear(&mut viewer, &session, session.len())
    };
    assert_eq!(whole.len(), 5);
    assert_eq!(whole[0], "Upgraded");
    assert!(whole[1].starts_with("Count("));
    assert!(whole[2].starts_with("Ping("));
    assert_eq!(whole[3], "Reconnect { after_ms: 250 }");
    assert_eq!(whole[4], "Closed(Some(1012))");
    for piece in 1..session.len() {
        let mut viewer = Viewer::with_ticket(&dial(), "t", &mut Vec::new());
        assert_eq!(hear(&mut viewer, &session, piece), whole, "pieces of {piece}");
        assert_eq!(viewer.held.capacity(), 0, "an idle viewer holds no memory");
    }
}

#[test]
fn a_ticket_is_asked_for_and_the_same_connection_upgraded() {
    let mut out = Vec::new();
    let mut viewer = Viewer::without_ticket(&dial(), None, &mut out);
    assert!(out.starts_with(b"POST /v1/events/demo/tickets HTTP/1.1\r\n"));
    let body = r#"{"ticket":"a.b.c","expires_in_ms":60000}"#;
    let answer = format!(
        "HTTP/1.1 200 OK\r\nSet-Cookie: turnout_viewer=v; HttpOnly\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    for cut in 1..answer.len() {
        let mut rest = &answer.as_bytes()[..cut];
        assert_eq!(viewer.next(&mut rest), Ok(None), "cut at {cut}");
    }
    let mut rest = answer.as_bytes();
    assert_eq!(
        viewer.next(&mut rest),
        Ok(Some(Heard::Ticket { ticket: "a.b.c".into(), cookie: Some("turnout_viewer=v"), closes: false }))
    );
    out.clear();
    viewer.upgrade(&dial(), "a.b.c", &mut out);
    assert_eq!(hear(&mut viewer, &switching(), 1000), ["Upgraded"]);
    assert_eq!(viewer.stage, Stage::Live);
}

#[test]
fn a_refusal_keeps_its_status_and_its_waiting_time() {
    let mut viewer = Viewer::with_ticket(&dial(), "t", &mut Vec::new());
    let answer = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 3\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(hear(&mut viewer, answer, 1000), ["Refused { status: 503, retry_after_ms: Some(3000) }"]);
}

#[test]
fn a_handshake_without_the_right_answer_is_a_fault() {
    for answer in [
        "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Protocol: turnout.v1.json\r\n\r\n".to_owned(),
        format!("HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: {}\r\n\r\n", http::NONCE_ANSWER),
    ] {
        let mut viewer = Viewer::with_ticket(&dial(), "t", &mut Vec::new());
        assert_eq!(hear(&mut viewer, answer.as_bytes(), 1000), ["fault: wrong handshake answer"]);
    }
}

#[test]
fn with_join_by_message_the_ticket_and_the_room_go_in_the_first_message() {
    let dial = Dial { join_by_message: true, room: "main".into(), ..dial() };
    let mut out = Vec::new();
    let _viewer = Viewer::with_ticket(&dial, "secret", &mut out);
    assert!(!String::from_utf8(out).unwrap().contains("secret"));
    let mut out = Vec::new();
    Viewer::join(&dial, "secret", &mut out);
    let payload: Vec<u8> = out[6..].iter().zip(out[2..6].iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
    let join: serde_json::Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!(join, serde_json::json!({"type":"join","event":"demo","room":"main","ticket":"secret"}));
}

#[test]
fn one_viewer_costs_at_most_32_bytes_when_nothing_is_held() {
    assert!(size_of::<Viewer>() <= 32);
}
