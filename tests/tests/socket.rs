//! Bad input on the public port of the real program: each kind gets its answer and its metric, and an innocent viewer notices
//! nothing. What is bad and why is written in `gateway/README.md`; half-open connections are the gateway's own test.
#![allow(clippy::unwrap_used, reason = "these are tests, helpers included")]

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use turnout_tests::{
    process::Turnout,
    raw::{self, Answer, BINARY, CLOSE, CONTINUES, PING, TEXT, TEXT_BEGINS, frame},
    scrape::Scrape,
    stage::{EVENT, Stage},
    tokens::Forge,
    viewer::{Viewer, crowd},
    wait::until,
};

const SECOND: Duration = Duration::from_secs(1);
const CLOSED: &str = "turnout_ws_connections_closed_total";
const REJECTED: &str = "turnout_ws_handshakes_rejected_total";

/// Fields of a handshake.
type Fields = &'static [(&'static str, &'static str)];

/// The one field that a handshake needs beyond those of any WebSocket.
const PROTOCOL: (&str, &str) = ("Sec-WebSocket-Protocol", "turnout.v1.json");

/// A head that claims so many bytes, and nothing after it.
fn claim(bytes: u64) -> Vec<u8> {
    [&[TEXT, 0xff][..], &bytes.to_be_bytes(), &[1, 2, 3, 4]].concat()
}

/// What a seated viewer sends, and the close code it gets.
fn bad_frames() -> Vec<(&'static str, Vec<u8>, u16)> {
    let text = |payload: &[u8]| frame(TEXT, payload);
    let thrice = |payload: &str| frame(TEXT, payload.as_bytes()).repeat(3);
    let empty = [frame(TEXT_BEGINS, b""), frame(CONTINUES, b"").repeat(10_000)].concat();
    vec![
        ("a message of one byte too many", text(&[b' '; 4097]), 1009),
        (
            "fragments that are too long together",
            [frame(TEXT_BEGINS, &[b'a'; 2048]), frame(CONTINUES, &[b'a'; 2049])].concat(),
            1009,
        ),
        ("a head that claims 2^62 bytes", claim(1 << 62), 1009),
        ("a head that claims 2^63 - 1 bytes", claim(u64::MAX >> 1), 1009),
        ("bytes that are no text", text(&[0xff, 0xfe]), 1007),
        ("half of a surrogate pair", text(&[0xed, 0xa0, 0x80]), 1007),
        ("a fragment that is no text", frame(TEXT_BEGINS, &[b'a', 0xc0]), 1007),
        ("a reason that is no text", frame(CLOSE, &[0x03, 0xe8, 0xff]), 1007),
        ("an unmasked frame", vec![TEXT, 2, b'{', b'}'], 1002),
        ("reserved bit 1", frame(TEXT | 0x40, b"{}"), 1002),
        ("reserved bit 2", frame(TEXT | 0x20, b"{}"), 1002),
        ("reserved bit 3", frame(TEXT | 0x10, b"{}"), 1002),
        ("a reserved data frame", frame(0x83, b"{}"), 1002),
        ("a reserved control frame", frame(0x8b, b""), 1002),
        ("a ping in fragments", frame(PING & 0x0f, b"x"), 1002),
        ("a ping that is too long", frame(PING, &[b'x'; 126]), 1002),
        ("a continuation of nothing", frame(CONTINUES | 0x80, b"x"), 1002),
        ("a text within a text", [frame(TEXT_BEGINS, b"{"), frame(TEXT, b"{}")].concat(), 1002),
        ("a close code that nobody may send", frame(CLOSE, &1005_u16.to_be_bytes()), 1002),
        ("half a close code", frame(CLOSE, &[3]), 1002),
        ("a binary message", frame(BINARY, b"{}"), 1003),
        ("fragments without content", empty, 1008),
        ("three texts that are no JSON", thrice("}\r\n\x1b[31mERROR fake log line"), 1008),
        ("three messages of no known type", thrice(r#"{"type":"shout"}"#), 1008),
        ("three messages with a field too many", thrice(r#"{"type":"bye","now":true}"#), 1008),
        ("three deep nests", thrice(&"[".repeat(2000)), 1008),
        ("three joins after the first", thrice(r#"{"type":"join","event":"demo","ticket":"x"}"#), 1008),
        ("three ids that are none", thrice(r#"{"type":"join","event":"a.*>/","ticket":"x"}"#), 1008),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn each_bad_frame_gets_its_close_code() {
    let stage = Stage::set(&[]).await;
    for (number, (what, bytes, code)) in bad_frames().into_iter().enumerate() {
        let before = Scrape::of(&stage.mesh).await;
        let mut bad = raw::seated(stage.mesh.public(), &stage.ticket(&format!("bad-{number}"))).await;
        assert_eq!(bad.text(5 * SECOND).await.expect("a count")["type"], "count", "{what}: it has a seat");
        bad.send(&bytes).await;
        let closing = bad.closed(5 * SECOND).await;
        assert_eq!(closing.code, code, "{what}: {closing:?}");
        stage.grown(&before, CLOSED, &[("code", &code.to_string())], 1).await;
        if what.starts_with("three") {
            let word = if what.contains("joins") { "already_joined" } else { "bad_frame" };
            assert_eq!(closing.errors(), [word; 3], "{what}");
        }
    }
    // Nothing that anybody sent is told to those who read the log.
    assert!(!stage.mesh.log().contains("fake log line"));
    stage.is_undisturbed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_length_that_is_only_claimed_costs_neither_time_nor_memory() {
    const CLAIMS: usize = 300;
    let stage = Stage::set(&[]).await;
    let before = Scrape::of(&stage.mesh).await;
    let mut sockets = Vec::new();
    for number in 0..CLAIMS {
        sockets.push(raw::seated(stage.mesh.public(), &stage.ticket(&format!("claims-{number}"))).await);
    }
    let resident = stage.resident_bytes();
    let mut took = Vec::new();
    for socket in &mut sockets {
        socket.send(&claim(1 << 62)).await;
        let closing = socket.closed(5 * SECOND).await;
        assert_eq!(closing.code, 1009);
        took.push(closing.took);
    }
    let grown = stage.resident_bytes().saturating_sub(resident);
    assert!(grown < 8 << 20, "the claims have cost {grown} bytes");
    took.sort_unstable();
    assert!(took[CLAIMS / 2] <= Duration::from_millis(100), "closing takes {:?}", took[CLAIMS / 2]);
    stage.grown(&before, CLOSED, &[("code", "1009")], CLAIMS as i64).await;
    stage.is_undisturbed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_is_told_so_and_closed_and_the_others_get_their_counts_as_before() {
    const FLOODERS: usize = 50;
    let stage = Stage::set(&[]).await;
    let others = crowd(&[stage.mesh.public()], EVENT, 100).await;
    let before = Scrape::of(&stage.mesh).await;
    let flood = async |number: usize| {
        let mut flooder = raw::seated(stage.mesh.public(), &stage.ticket(&format!("flooder-{number}"))).await;
        flooder.send(&frame(PING, b"").repeat(1_000)).await;
        let closing = flooder.closed(10 * SECOND).await;
        assert_eq!((closing.code, closing.errors()), (1008, vec!["rate_limited"]));
    };
    futures_util::future::join_all((0..FLOODERS).map(flood)).await;
    stage.grown(&before, "turnout_ws_rate_limited_total", &[], FLOODERS as i64).await;
    stage.grown(&before, CLOSED, &[("code", "1008")], FLOODERS as i64).await;
    // Forty at once and twenty a second are everybody's right.
    let mut lively = raw::seated(stage.mesh.public(), &stage.ticket("lively")).await;
    lively.send(&frame(PING, b"").repeat(35)).await;
    for _ in 0..35 {
        while lively.next().await.expect("it is not closed").0 != 0x8a {}
    }
    lively.send(&frame(CLOSE, &1000_u16.to_be_bytes())).await;
    assert_eq!(lively.closed(5 * SECOND).await.code, 1000);
    for other in others {
        assert_eq!(other.seen().closed, None);
        other.leave().await;
    }
    stage.is_undisturbed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_seat_has_five_seconds_and_one_message() {
    let stage = Stage::set(&[]).await;
    let public = stage.mesh.public();
    let before = Scrape::of(&stage.mesh).await;
    let mut silent = raw::unseated(public).await;
    // What stands in a URL ends in logs: a ticket there is not looked at.
    let target = format!("/v1/live?ticket={0}&access_token={0}", stage.ticket("in the url"));
    let head = raw::handshake(public, &target, &[("Sec-WebSocket-Protocol", "turnout.v1.json")]);
    let mut in_url = raw::open_on(raw::connect(public, None).await, &head).await.expect("the handshake is good");

    for (what, bytes, code) in [
        ("no JSON", frame(TEXT, b"hello"), 1008),
        ("an unknown type", frame(TEXT, br#"{"type":"hello"}"#), 1008),
        ("too long", frame(TEXT, &[b' '; 4097]), 1009),
        ("binary", frame(BINARY, b"{}"), 1003),
    ] {
        let mut chatty = raw::unseated(public).await;
        chatty.send(&bytes).await;
        let closing = chatty.closed(5 * SECOND).await;
        assert_eq!(closing.code, code, "{what}: {closing:?}");
    }
    stage.grown(&before, CLOSED, &[("code", "1008")], 2).await;

    let mut joins = raw::unseated(public).await;
    let ticket = stage.ticket("in the first message");
    joins.say(&format!(r#"{{"type":"join","event":"{EVENT}","ticket":"{ticket}"}}"#)).await;
    assert_eq!(joins.text(5 * SECOND).await.expect("a count")["type"], "count");
    joins.say(r#"{"type":"bye"}"#).await;
    assert_eq!(joins.closed(5 * SECOND).await.code, 1000);

    for socket in [&mut silent, &mut in_url] {
        let closing = socket.closed(8 * SECOND).await;
        assert_eq!((closing.code, closing.texts.len()), (4408, 0));
    }
    stage.grown(&before, CLOSED, &[("code", "4408")], 2).await;
    stage.is_undisturbed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_ticket_is_refused_alike_at_the_handshake_and_in_band() {
    let stage = Stage::set(&[]).await;
    let public = stage.mesh.public();
    let tickets = stage.forge.bad(&stage.ticket("somebody"));
    assert!(tickets.len() > 80, "{}", tickets.len());
    let before = Scrape::of(&stage.mesh).await;
    let mut answers = Vec::new();
    for (what, ticket) in &tickets {
        let protocols = format!("turnout.v1.json, ticket.{ticket}");
        let refused = raw::open(public, &[("Sec-WebSocket-Protocol", &protocols)]).await;
        let refused = refused.expect_err(what);
        assert_eq!(refused.status, 401, "{what}: {refused:?}");
        answers
            .push((refused.body, refused.head.lines().filter(|line| !line.starts_with("date:")).collect::<String>()));
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "they can be told apart: {answers:?}");
    stage.grown(&before, REJECTED, &[("reason", "auth")], tickets.len() as i64).await;

    // What is longer than a message does not get as far as being a ticket; nor does none at all.
    let fits = |ticket: &&(String, String)| (1..3_900).contains(&ticket.1.len());
    let in_band: Vec<_> = tickets.iter().filter(fits).collect();
    let before = Scrape::of(&stage.mesh).await;
    for (what, ticket) in &in_band {
        let mut socket = raw::unseated(public).await;
        socket.say(&serde_json::json!({ "type": "join", "event": EVENT, "ticket": ticket }).to_string()).await;
        let closing = socket.closed(5 * SECOND).await;
        assert_eq!((closing.code, closing.texts.len()), (4401, 0), "{what}");
    }
    stage.grown(&before, CLOSED, &[("code", "4401")], in_band.len() as i64).await;

    // A good ticket opens what it says, and nothing else.
    let good = stage.ticket("somebody");
    for (event, room) in [("another", ""), (EVENT, "a-room")] {
        let mut socket = raw::unseated(public).await;
        socket
            .say(&serde_json::json!({ "type": "join", "event": event, "room": room, "ticket": good }).to_string())
            .await;
        assert_eq!(socket.closed(5 * SECOND).await.code, 4401, "{event}/{room}");
    }
    let nowhere = stage.forge.ticket("nowhere", "somebody");
    let protocols = format!("turnout.v1.json, ticket.{nowhere}");
    assert_eq!(raw::open(public, &[("Sec-WebSocket-Protocol", &protocols)]).await.unwrap_err().status, 404);
    let mut socket = raw::unseated(public).await;
    socket.say(&serde_json::json!({ "type": "join", "event": "nowhere", "ticket": nowhere }).to_string()).await;
    assert_eq!(socket.closed(5 * SECOND).await.code, 4404);
    stage.grown(&before, REJECTED, &[("reason", "no_event")], 1).await;
    stage.grown(&before, CLOSED, &[("code", "4404")], 1).await;
    stage.is_undisturbed().await;
}

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
async fn nobody_gets_a_ticket_through_a_foreign_page_or_for_a_request_that_is_none() {
    let stage = Stage::set(&["--allowed-origins", "https://shop.example"]).await;
    let client = reqwest::Client::new();
    let ask = async |event: &str, fields: Fields, body: Vec<u8>| {
        let mut request = client.post(format!("http://{}/v1/events/{event}/tickets", stage.mesh.public())).body(body);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    };
    let before = Scrape::of(&stage.mesh).await;
    const VICTIM: (&str, &str) = ("cookie", "turnout_viewer=AAAAAAAAAAAAAAAAAAAAAA");
    let foreign: Fields = &[("origin", "https://evil.example"), VICTIM];
    let long = format!(r#"{{"room":"{}"}}"#, "x".repeat(65));
    let cases: &[(&str, &str, Fields, &[u8], u16)] = &[
        ("a foreign page", EVENT, foreign, b"", 403),
        ("no JSON", EVENT, &[], b"hello", 400),
        ("a field too many", EVENT, &[], br#"{"room":"","now":1}"#, 400),
        ("a room that is no text", EVENT, &[], br#"{"room":7}"#, 400),
        ("a room that is no id", EVENT, &[], br#"{"room":"a.b"}"#, 400),
        ("a room that is too long", EVENT, &[], long.as_bytes(), 400),
        ("more than any request", EVENT, &[], &[b' '; 20_000], 413),
        ("no such event", "nowhere", &[], b"", 404),
        ("no event's id", "a.b%2F..%00", &[], b"", 404),
    ];
    for (what, event, fields, body, status) in cases {
        let answer = ask(event, fields, body.to_vec()).await;
        assert_eq!(answer.status().as_u16(), *status, "{what}");
        assert!(answer.headers().get("set-cookie").is_none(), "{what}");
        assert!(!answer.text().await.unwrap().contains("eyJ"), "{what}");
    }
    for (reason, number) in [("origin", 1), ("malformed", 5), ("no_event", 2)] {
        stage.grown(&before, REJECTED, &[("reason", reason)], number).await;
    }

    // A cookie that we did not make is replaced, not believed.
    let made_up: Fields = &[("cookie", "turnout_viewer=admin")];
    let answer = ask(EVENT, made_up, Vec::new()).await;
    let cookie = answer.headers()["set-cookie"].to_str().unwrap();
    assert!(
        cookie.contains("; HttpOnly") && cookie.contains("; SameSite=Lax") && !cookie.contains("admin"),
        "{cookie}"
    );
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let kept: Fields = &[VICTIM];
    assert!(ask(EVENT, kept, Vec::new()).await.headers().get("set-cookie").is_none());
    let shop: Fields = &[("origin", "https://shop.example"), VICTIM];
    let answer = ask(EVENT, shop, Vec::new()).await;
    assert_eq!(answer.headers()["access-control-allow-origin"], "https://shop.example");
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
            until("the viewer sees a count", 5 * SECOND, async || viewer.count(), Option::is_some).await;
            slowest = slowest.max(begun.elapsed());
            viewer.leave().await;
        }
        slowest
    };
    let (closed, slowest) = tokio::join!(dribblers, legal);
    assert!(slowest <= SECOND, "a legal viewer had to wait {slowest:?}");
    let last = closed.iter().max().expect("there were some");
    assert!(*last <= 6 * SECOND, "one was closed after {last:?}");
    stage.grown(&before, REJECTED, &[("reason", "timeout")], (SILENT + DRIBBLERS) as i64).await;
    stage.is_undisturbed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_stop_reading_cost_little_delay_nobody_and_are_let_go() {
    const SLOW: usize = 200;
    let stage = Stage::set(&[]).await;
    let public = stage.mesh.public();
    let calm = delays(&stage, 4 * SECOND).await;
    let before = Scrape::of(&stage.mesh).await;
    let resident = stage.resident_bytes();
    let mut slow = Vec::new();
    for number in 0..SLOW {
        let head = raw::handshake(
            public,
            "/v1/live",
            &[(
                "Sec-WebSocket-Protocol",
                &format!("turnout.v1.json, ticket.{}", stage.ticket(&format!("slow-{number}"))),
            )],
        );
        // The smallest buffer that the kernel gives.
        let stream = raw::connect(public, Some(1)).await;
        slow.push(raw::open_on(stream, &head).await.expect("the ticket is good").into_stream());
    }
    // Answers to pings, which nobody takes, fill what the kernel holds; then the counts have to wait.
    let ping = frame(PING, &[b'x'; 125]);
    for round in 0..4 {
        for stream in &mut slow {
            let _ = raw::write_some(stream, &ping.repeat(if round == 0 { 35 } else { 15 })).await;
        }
        tokio::time::sleep(SECOND).await;
    }
    let crowded = delays(&stage, 4 * SECOND).await;
    let grown = stage.resident_bytes().saturating_sub(resident);
    assert!(grown < SLOW as u64 * 100 * 1024, "{SLOW} slow readers have cost {grown} bytes");
    assert!(
        crowded <= calm * 2 + Duration::from_millis(250),
        "counts were {calm:?} old, and {crowded:?} with slow readers"
    );

    let let_go = async || {
        let now = Scrape::of(&stage.mesh).await;
        let since = |name: &str, labels: &[(&str, &str)]| now.sum(name, labels) - before.sum(name, labels);
        (
            since(CLOSED, &[("reason", "stalled")]) + since(CLOSED, &[("code", "1013")]),
            since("turnout_ws_send_queue_dropped_total", &[]),
        )
    };
    let all_gone = |(gone, dropped): &(i64, i64)| *gone >= SLOW as i64 && *dropped > 0;
    until("those who take nothing are let go", 30 * SECOND, let_go, all_gone).await;
    drop(slow);
    stage.is_undisturbed().await;
}

/// How old the counts are, at the 95th percentile, that the innocent viewer gets in the next seconds.
async fn delays(stage: &Stage, over: Duration) -> Duration {
    let begun = Instant::now();
    tokio::time::sleep(over).await;
    let (now, at_ms) = (Instant::now(), std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_millis() as u64);
    let fresh = stage.counts().into_iter().filter(|(at, _)| *at >= begun);
    let age = |(at, count): (Instant, turnout_tests::viewer::Count)| {
        (at_ms - (now - at).as_millis() as u64).saturating_sub(count.as_of_ms)
    };
    let mut ages: Vec<u64> = fresh.map(age).collect();
    assert!(ages.len() >= 3, "the innocent viewer got {} counts in {over:?}", ages.len());
    ages.sort_unstable();
    Duration::from_millis(ages[(ages.len() - 1) * 95 / 100])
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
        assert!(begun.elapsed() < 5 * SECOND, "there is room again");
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
        assert!(begun.elapsed() < 5 * SECOND, "who comes back is let in");
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
