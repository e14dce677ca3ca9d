//! What a client sends, or does not read, once its socket is open.

use std::time::{Duration, Instant};

use turnout_tests::{
    raw::{self, BINARY, CLOSE, CONTINUES, PING, TEXT, TEXT_BEGINS, frame},
    scrape::Scrape,
    stage::{EVENT, Stage},
    viewer::crowd,
    wait::until,
};

use crate::{CLOSED, SECOND};

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
    // Far under what reading 4 EiB would take, and under any deadline of ours.
    assert!(took[CLAIMS / 2] <= SECOND, "closing takes {:?}", took[CLAIMS / 2]);
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
    assert!(crowded <= calm * 2 + SECOND, "counts were {calm:?} old, and {crowded:?} with slow readers");

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
