//! Handshakes that are none, come from elsewhere, take too long, or are too many.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use turnout_tests::{
    process::Turnout,
    raw::{self, Answer, CLOSE, frame},
    scrape::Scrape,
    stage::{EVENT, Stage},
    tokens::Forge,
    viewer::Viewer,
    wait::{PATIENCE, until},
};

use crate::{CLOSED, Fields, REJECTED, SECOND};

/// The one field that a handshake needs beyond those of any WebSocket.
const PROTOCOL: (&str, &str) = ("Sec-WebSocket-Protocol", "turnout.v1.json");

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_that_is_none_or_comes_from_a_foreign_page_is_refused() {
    let stage = Stage::set(&["--allowed-origins", "https://shop.example"]).await;
    let public = stage.mesh.public();
    let own = format!("http://{public}");
    let before = Scrape::of(&stage.mesh).await;
    let foreign = [
        "https://evil.example".to_owned(),
        "null".into(),
        format!("{own}.evil.example"),
        format!("http://evil.example/{public}"),
        format!("http://user@{public}"),
        format!("{own}0"),
        format!("ws://{public}"),
        format!("{own}/"),
        "https://shop.example.evil".into(),
        "https://evil-shop.example".into(),
        "http://shop.example".into(),
        "https://shop.example:8443".into(),
    ];
    for origin in &foreign {
        let refused = raw::open(public, &[PROTOCOL, ("Origin", origin)]).await.expect_err(origin);
        assert_eq!(refused.status, 403, "{origin}");
    }
    let twice = [PROTOCOL, ("Origin", own.as_str()), ("Origin", own.as_str())];
    assert_eq!(raw::open(public, &twice).await.unwrap_err().status, 403);
    stage.grown(&before, REJECTED, &[("reason", "origin")], foreign.len() as i64 + 1).await;
    for origin in [own.as_str(), "https://shop.example", "HTTPS://SHOP.EXAMPLE"] {
        assert!(raw::open(public, &[PROTOCOL, ("Origin", origin)]).await.is_ok(), "{origin}");
    }

    let before = Scrape::of(&stage.mesh).await;
    let malformed: &[(&str, Fields, u16)] = &[
        ("no subprotocol", &[], 400),
        ("only a subprotocol that is not ours", &[("Sec-WebSocket-Protocol", "graphql-ws")], 400),
        ("only a ticket", &[("Sec-WebSocket-Protocol", "ticket.x")], 400),
        ("no key", &[PROTOCOL, ("Sec-WebSocket-Key", "")], 400),
        ("a short key", &[PROTOCOL, ("Sec-WebSocket-Key", "c2hvcnQ=")], 400),
        ("no version", &[PROTOCOL, ("Sec-WebSocket-Version", "")], 426),
        ("an old version", &[PROTOCOL, ("Sec-WebSocket-Version", "8")], 426),
        ("no upgrade", &[PROTOCOL, ("Upgrade", "")], 426),
        ("another upgrade", &[PROTOCOL, ("Upgrade", "h2c")], 426),
        ("no connection field", &[PROTOCOL, ("Connection", "")], 426),
    ];
    for (what, fields, status) in malformed {
        assert_eq!(raw::open(public, fields).await.expect_err(what).status, *status, "{what}");
    }
    stage.grown(&before, REJECTED, &[("reason", "malformed")], malformed.len() as i64).await;
    // Compression is not spoken here, whoever offers it.
    let offers = [PROTOCOL, ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits")];
    let head = raw::handshake(public, "/v1/live", &offers);
    let mut stream = raw::connect(public, None).await;
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 1024];
    let length = stream.read(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer[..length]).to_lowercase();
    assert!(answer.starts_with("http/1.1 101") && !answer.contains("sec-websocket-extensions"), "{answer}");
    drop(stream);
    stage.is_undisturbed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_dribble_a_request_are_closed_in_time_and_keep_nobody_out() {
    const DRIBBLERS: usize = 200;
    const SILENT: usize = 50;
    let stage = Stage::set(&[]).await;
    let public = stage.mesh.public().to_owned();
    let before = Scrape::of(&stage.mesh).await;
    let dribble = async |number: usize| {
        let mut stream = raw::connect(&public, None).await;
        let begun = Instant::now();
        let head = raw::handshake(&public, "/v1/live", &[("Sec-WebSocket-Protocol", "turnout.v1.json")]);
        let mut rest = head.as_bytes();
        let mut ticks = tokio::time::interval(SECOND);
        let mut buffer = [0; 512];
        loop {
            tokio::select! {
                // The silent ones send nothing at all.
                _ = ticks.tick(), if number >= SILENT => {
                    let (byte, after) = rest.split_at(1);
                    let _ = stream.write_all(byte).await;
                    rest = after;
                }
                read = stream.read(&mut buffer) => match read {
                    Ok(0) | Err(_) => return begun.elapsed(),
                    Ok(_) => {}
                }
            }
        }
    };
    let dribblers = futures_util::future::join_all((0..SILENT + DRIBBLERS).map(dribble));
    let legal = async {
        let mut slowest = Duration::ZERO;
        for number in 0..20 {
            let ticket = stage.ticket(&format!("legal-{number}"));
            let begun = Instant::now();
            let viewer = Viewer::with_ticket(&public, &ticket).await.expect("a legal viewer is let in");
            slowest = slowest.max(begun.elapsed());
            until("the viewer sees a count", 5 * SECOND, async || viewer.count(), Option::is_some).await;
            viewer.leave().await;
        }
        slowest
    };
    let (closed, slowest) = tokio::join!(dribblers, legal);
    println!("the slowest legal viewer waited {slowest:?}");
    let last = closed.iter().max().expect("there were some");
    assert!(*last <= 5 * SECOND * PATIENCE, "one was closed after {last:?}");
    stage.grown(&before, REJECTED, &[("reason", "timeout")], (SILENT + DRIBBLERS) as i64).await;
    stage.is_undisturbed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_viewer_has_eight_sockets_and_not_nine() {
    let stage = Stage::set(&[]).await;
    let before = Scrape::of(&stage.mesh).await;
    let ticket = stage.ticket("greedy");
    let mut sockets = Vec::new();
    for _ in 0..8 {
        let mut socket = raw::seated(stage.mesh.public(), &ticket).await;
        assert_eq!(socket.text(5 * SECOND).await.expect("a count")["type"], "count");
        sockets.push(socket);
    }
    let mut ninth = raw::seated(stage.mesh.public(), &ticket).await;
    assert_eq!(ninth.closed(5 * SECOND).await.code, 4409);
    stage.grown(&before, CLOSED, &[("code", "4409")], 1).await;
    // One that goes makes room, and another viewer never needed any.
    sockets[0].send(&frame(CLOSE, &1000_u16.to_be_bytes())).await;
    assert_eq!(sockets[0].closed(5 * SECOND).await.code, 1000);
    let mut again = raw::seated(stage.mesh.public(), &ticket).await;
    assert_eq!(again.text(5 * SECOND).await.expect("a count")["type"], "count");
    drop((sockets, again));
    stage.is_undisturbed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_gateway_says_when_to_come_back_and_lets_in_as_many_as_go() {
    const ROOM: usize = 5;
    let folder = tempfile::tempdir().unwrap();
    let mesh = Turnout::start(folder.path(), &["--connections-max", &ROOM.to_string()]).await;
    let (forge, public) = (Forge::of(folder.path()), mesh.public());
    let innocent = Viewer::with_ticket(public, &forge.ticket(EVENT, "innocent")).await.unwrap();
    let mut sockets = Vec::new();
    for number in 1..ROOM {
        sockets.push(raw::seated(public, &forge.ticket(EVENT, &format!("early-{number}"))).await);
    }
    let before = Scrape::of(&mesh).await;
    let protocols = format!("turnout.v1.json, ticket.{}", forge.ticket(EVENT, "late"));
    let late = [("Sec-WebSocket-Protocol", protocols.as_str())];
    let refused = raw::open(public, &late).await.expect_err("there is no room");
    comes_back_later(&refused);
    let overload = [("reason", "overload")];
    assert_eq!(Scrape::of(&mesh).await.sum(REJECTED, &overload) - before.sum(REJECTED, &overload), 1);

    let viewers = async || innocent.count().map(|count| count.low);
    until("all who are in are counted", 5 * SECOND, viewers, |low| *low == Some(ROOM as u64)).await;
    sockets[0].send(&frame(CLOSE, &1000_u16.to_be_bytes())).await;
    assert_eq!(sockets[0].closed(5 * SECOND).await.code, 1000);
    drop(sockets.remove(0));
    until("one has gone", 5 * SECOND, viewers, |low| *low == Some(ROOM as u64 - 1)).await;
    let begun = Instant::now();
    while let Err(refused) = raw::open(public, &late).await.map(|socket| sockets.push(socket)) {
        comes_back_later(&refused);
        assert!(begun.elapsed() < 5 * SECOND * PATIENCE, "there is room again");
    }
    until("another has come", 5 * SECOND, viewers, |low| *low == Some(ROOM as u64)).await;
    assert_eq!(innocent.seen().closed, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_that_comes_too_fast_is_told_when_to_come_back_before_its_tickets_are_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let mesh = Turnout::start(folder.path(), &["--handshakes-per-s-max", "20"]).await;
    let (forge, public) = (Forge::of(folder.path()), mesh.public());
    let innocent = Viewer::with_ticket(public, &forge.ticket(EVENT, "innocent")).await.unwrap();
    let before = Scrape::of(&mesh).await;
    let hasty = async |_| raw::open(public, &[("Sec-WebSocket-Protocol", "turnout.v1.json, ticket.bad")]).await;
    let answers = futures_util::future::join_all((0..200).map(hasty)).await;
    let (mut looked_at, mut sent_away) = (0, 0);
    for answer in answers {
        let refused = answer.expect_err("the ticket is bad");
        if refused.status == 401 {
            looked_at += 1;
        } else {
            comes_back_later(&refused);
            sent_away += 1;
        }
    }
    // Twenty at once, and twenty for each second that the crowd took.
    assert!((10..=150).contains(&looked_at), "{looked_at} of 200 passed the gate");
    let after = Scrape::of(&mesh).await;
    for (reason, number) in [("auth", looked_at), ("rate", sent_away)] {
        assert_eq!(after.sum(REJECTED, &[("reason", reason)]) - before.sum(REJECTED, &[("reason", reason)]), number);
    }
    let protocols = format!("turnout.v1.json, ticket.{}", forge.ticket(EVENT, "patient"));
    let begun = Instant::now();
    let _patient = loop {
        match raw::open(public, &[("Sec-WebSocket-Protocol", &protocols)]).await {
            Ok(socket) => break socket,
            Err(refused) => comes_back_later(&refused),
        }
        assert!(begun.elapsed() < 5 * SECOND * PATIENCE, "who comes back is let in");
        tokio::time::sleep(SECOND).await;
    };
    let viewers = async || innocent.count().map(|count| count.low);
    until("who came back is counted", 5 * SECOND, viewers, |low| *low >= Some(2)).await;
    assert_eq!(innocent.seen().closed, None);
}

fn comes_back_later(refused: &Answer) {
    assert_eq!(refused.status, 503, "{refused:?}");
    let after_s: u32 = refused.header("retry-after").and_then(|after| after.parse().ok()).expect("it says when");
    assert!((1..=10).contains(&after_s), "{after_s}");
}
