//! The public port towards those who begin a request and do not end it: on raw TCP, because no ordinary client does so.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
};

use futures_util::future::join_all;
use http::Method;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    time::timeout,
};

use crate::{PATIENCE, Site};

/// As `src/http/arrivals.rs` has it.
const INCOMPLETE_MAX: usize = 1024;
/// Connections that are opened at the same moment: no more than a machine takes without making some wait.
const AT_ONCE: usize = 64;
/// Of this process: both ends of each connection, and some.
const DESCRIPTORS: u64 = 5 * INCOMPLETE_MAX as u64;
const HEAD: &str = "HEAD / HTTP/1.1\r\nhost: gala.example\r\n\r\n";
const CLOSE: &str = "GET / HTTP/1.1\r\nhost: gala.example\r\nconnection: close\r\n\r\n";

impl Site {
    fn address(&self) -> SocketAddr {
        self.base.trim_start_matches("http://").parse().unwrap()
    }

    /// Sends this from an address of its own, and says nothing more.
    async fn say(&self, from: [u8; 4], words: &str) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((Ipv4Addr::from(from), 0).into()).unwrap();
        let mut stream = socket.connect(self.address()).await.unwrap();
        // One that is turned away may be closed before that.
        let _ = stream.write_all(words.as_bytes()).await;
        stream
    }
}

/// All that comes until the connection is closed.
async fn heard(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    // A reset is an end too.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("the connection is closed in time");
    // A font is not text.
    String::from_utf8_lossy(&bytes).into_owned()
}

/// One answer without a body.
async fn head(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let reading = async {
        while !bytes.ends_with(b"\r\n\r\n") {
            bytes.push(stream.read_u8().await.unwrap());
        }
    };
    timeout(PATIENCE, reading).await.expect("an answer in time");
    String::from_utf8(bytes).unwrap()
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).map_or(0, |status| status.parse().unwrap())
}

fn unended(method: &Method, path: &str) -> String {
    let kind = "content-type: application/x-www-form-urlencoded\r\n";
    format!("{method} {path} HTTP/1.1\r\nhost: gala.example\r\n{kind}content-length: 100\r\n\r\nemail=")
}

#[tokio::test]
async fn a_request_whose_body_does_not_come_ends_at_every_address() {
    let site = Site::with(|_| {}).await;
    let asked = join_all(turnout_gateway::routes().into_iter().map(|route| {
        let path = route.path.replace("{event}", "gala").replace("{tenant}", "acme").replace(['{', '}'], "");
        let site = &site;
        async move {
            let stream = site.say([127, 0, 0, 1], &unended(&route.method, &path)).await;
            ((route.method, route.path), heard(stream).await)
        }
    }));
    let answers: BTreeMap<_, _> =
        asked.await.into_iter().map(|((method, path), answer)| ((method.to_string(), path), answer)).collect();
    assert!(answers.len() > 80, "{}", answers.len());
    for (method, path) in [
        ("POST", "/e/{event}/register"),
        ("POST", "/sign-in"),
        ("POST", "/u/{code}"),
        ("POST", "/v1/tenants/{tenant}/payments"),
        ("POST", "/v1/tenants/{tenant}/delivery-reports"),
        ("POST", "/v1/returned-mails"),
    ] {
        let answer = &answers[&(method.to_owned(), path)];
        assert_eq!(status(answer), 408, "{method} {path}: {answer}");
        assert!(answer.contains("connection: close") && answer.contains("x-content-type-options"), "{answer}");
    }
    // Who is refused before the body is read is told at once, and a page that reads none is shown.
    assert_eq!(status(&answers[&("GET".to_owned(), "/")]), 200);
    for (route, answer) in &answers {
        assert_ne!(status(answer), 0, "{route:?} was not answered");
    }
    let late = answers.values().filter(|answer| status(answer) == 408).count();
    let metric = format!("turnout_gateway_requests_late_total {late}");
    assert!(site.metrics.render().lines().any(|line| line == metric), "{metric} of {}", site.metrics.render());
}

#[tokio::test]
async fn one_network_cannot_take_the_connections_of_all_by_not_ending_its_requests() {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < DESCRIPTORS) {
        setrlimit(Resource::Nofile, Rlimit { current: Some(DESCRIPTORS), maximum: limit.maximum }).unwrap();
    }
    let site = Site::with(|_| {}).await;
    // Whoever has asked for something is not counted, however long the connection stays and however often it asks.
    let mut viewer = site.say([127, 0, 0, 1], HEAD).await;
    assert_eq!(status(&head(&mut viewer).await), 200);
    let unended = unended(&Method::POST, "/e/gala/register");
    let mut held = Vec::new();
    loop {
        held.append(&mut join_all((0..AT_ONCE).map(|_| site.say([127, 0, 0, 1], &unended))).await);
        viewer.write_all(HEAD.as_bytes()).await.unwrap();
        assert_eq!(status(&head(&mut viewer).await), 200, "with {} others", held.len());
        let one_more = heard(site.say([127, 0, 0, 1], CLOSE).await).await;
        if held.len() < INCOMPLETE_MAX {
            assert_eq!(status(&one_more), 200, "a crowd comes in: {} are held", held.len());
        } else if one_more.is_empty() {
            break;
        }
        // On a slow machine the first of them may have met their deadline.
        assert!(held.len() < 2 * INCOMPLETE_MAX, "nobody is ever turned away");
    }
    viewer.write_all(unended.as_bytes()).await.unwrap();
    let answer = heard(viewer).await;
    assert!(answer.contains("HTTP/1.1 503") && answer.contains("retry-after: 5"), "nor does an old connection help");
    let other = heard(site.say([127, 0, 0, 2], CLOSE).await).await;
    assert_eq!(status(&other), 200, "others are served as ever");
    drop(held);
    let end = tokio::time::Instant::now() + PATIENCE;
    while status(&heard(site.say([127, 0, 0, 1], CLOSE).await).await) != 200 {
        assert!(tokio::time::Instant::now() < end, "the places come back");
    }
    let counted = site.metrics.render();
    let counted =
        counted.lines().find_map(|line| line.strip_prefix("turnout_gateway_requests_crowded_total ")).unwrap();
    assert!(counted.parse::<u64>().unwrap() >= 2, "{counted}");
}
