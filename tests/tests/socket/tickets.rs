//! Tickets that are no good, and requests for tickets that should not be answered.

use turnout_tests::{
    raw,
    scrape::Scrape,
    stage::{EVENT, Stage},
};

use crate::{CLOSED, Fields, REJECTED, SECOND};

/// The cookie of somebody whose browser a foreign page would like to use.
const VICTIM: (&str, &str) = ("cookie", "turnout_viewer=AAAAAAAAAAAAAAAAAAAAAA");

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
    let foreign: Fields = &[("origin", "https://evil.example"), VICTIM];
    let huge = " ".repeat(20_000);
    let long = format!(r#"{{"room":"{}"}}"#, "x".repeat(65));
    let cases: &[(&str, &str, Fields, &[u8], u16)] = &[
        ("a foreign page", EVENT, foreign, b"", 403),
        ("no JSON", EVENT, &[], b"hello", 400),
        ("a field too many", EVENT, &[], br#"{"room":"","now":1}"#, 400),
        ("a room that is no text", EVENT, &[], br#"{"room":7}"#, 400),
        ("a room that is no id", EVENT, &[], br#"{"room":"a.b"}"#, 400),
        ("a room that is too long", EVENT, &[], long.as_bytes(), 400),
        ("more than any request", EVENT, &[], huge.as_bytes(), 413),
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
