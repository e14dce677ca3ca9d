//! The network addresses of people. Proxies in front name them, one is slowed down by them when guessing, and they are kept nowhere.
//! Personal words are the canary's business.

use std::path::Path;

use prost_types::Timestamp;
use reqwest::{Client, RequestBuilder, header, redirect::Policy};
use turnout_proto::registration::v1::Event;
use turnout_tests::{
    collector::Collector, needles::Needles, process::Turnout, raw, scrape::Scrape, tokens::Forge, wait::PATIENCE,
};

use crate::desk::{Addresses, Desk};

const EVENT: &str = "harbour";
/// Somebody who comes over each of the two headers, and somebody else.
const ADDRESS: &str = "203.0.113.77";
const ADDRESS_V6: &str = "2001:db8:dead:beef::77";
const NEIGHBOUR: &str = "203.0.113.78";
/// What they pretend to be.
const PRETENDED: &str = "198.51.100.201";
/// Tries from one network before it has to wait, and some more.
const TRIES: usize = 60;
/// Everything of ours, in all detail.
const LOG: &str = "info,turnout=trace,turnout_gateway=trace,turnout_platform=trace,turnout_presence=trace,\
                   turnout_registration=trace,turnout_profiles=trace,turnout_notifications=trace";

/// The addresses in every form in which a program might keep them.
fn needles() -> Needles {
    let v4 = "cb00714d";
    let v6 = ["20010db8deadbeef", "2001:0db8:dead:beef", "2001-db8-dead-beef", "203-0-113-77"];
    Needles::of([ADDRESS, ADDRESS_V6, NEIGHBOUR, PRETENDED, v4, "2001:db8:dead:beef"].into_iter().chain(v6))
}

/// A browser behind the proxy.
struct Site {
    client: Client,
    base: String,
}

impl Site {
    fn get(&self, path: &str) -> RequestBuilder {
        proxied(self.client.get(format!("{}{path}", self.base)), ADDRESS)
    }

    fn post(&self, path: &str, from: &str, form: &[(&str, &str)]) -> RequestBuilder {
        let request = self.client.post(format!("{}{path}", self.base)).header(header::ORIGIN, &self.base);
        proxied(request.form(form), from)
    }
}

/// As a proxy passes it on: what the client itself had written stands before.
fn proxied(request: RequestBuilder, from: &str) -> RequestBuilder {
    let request = request.header("x-real-ip", from);
    if from.contains(':') {
        return request.header(header::FORWARDED, format!("for={PRETENDED}, for=\"[{from}]:4711\";proto=https"));
    }
    request.header("x-forwarded-for", format!("{PRETENDED}, {from}"))
}

/// Comes with the address wherever one can come.
async fn whole_session(site: &Site, mesh: &Turnout, desk: &Desk) -> Vec<(&'static str, Vec<u8>)> {
    let email = "maria@example.org";
    for path in ["/", "/e/harbour", "/e/harbour/register", "/e/nowhere", "/no-page"] {
        site.get(path).send().await.unwrap();
    }
    for from in [ADDRESS, ADDRESS_V6] {
        let form = [("email", email), ("name", "Maria"), ("form_version", "0")];
        let answer = site.post("/e/harbour/register", from, &form).send().await.unwrap();
        assert_eq!(answer.status(), 303, "{}", answer.text().await.unwrap());
    }
    let code = desk.export(EVENT).await.remove(0).code;
    assert_eq!(site.get(&format!("/r/{code}")).send().await.unwrap().status(), 200);
    assert_eq!(site.post(&format!("/r/{code}/enter"), ADDRESS_V6, &[]).send().await.unwrap().status(), 303);
    let ask = ("tenant", "demo");
    let link = [ask, ("event", EVENT), ("email", email), ("how", "link")];
    assert_eq!(site.post("/sign-in", ADDRESS, &link).send().await.unwrap().status(), 303);

    let ticket = site.post("/v1/events/harbour/tickets", ADDRESS, &[]).body("").send().await.unwrap();
    let ticket: serde_json::Value = serde_json::from_str(&ticket.text().await.unwrap()).unwrap();
    let protocols = format!("turnout.v1.json, ticket.{}", ticket["ticket"].as_str().unwrap());
    let fields = [("Sec-WebSocket-Protocol", protocols.as_str()), ("X-Forwarded-For", ADDRESS), ("X-Real-IP", ADDRESS)];
    let mut socket = raw::open(mesh.public(), &fields).await.unwrap();
    assert!(socket.text(std::time::Duration::from_secs(10) * PATIENCE).await.is_some(), "a count comes");
    socket.say(r#"{"type":"bye"}"#).await;

    // The console, as whoever started the program, and what leaves it.
    let link = mesh.console_link();
    let path = link.find("/console").map_or(link, |at| &link[at..]).to_owned();
    let opened = site.get(&path).send().await.unwrap();
    let cookie = opened.headers()[header::SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
    let mut exports = Vec::new();
    for (what, path) in
        [("registrants", "/console/events/harbour/registrants/export"), ("people", "/console/audience/export")]
    {
        let form = [("format", "json"), ("reason", "a test reads it")];
        let request = site.post(path, ADDRESS, &form).header(header::COOKIE, &cookie);
        let file = request.send().await.unwrap().bytes().await.unwrap();
        assert!(String::from_utf8_lossy(&file).contains(email), "the export of {what} has its rows");
        exports.push((what, file.to_vec()));
    }
    for path in ["/console/audit", "/console/events/harbour", "/console/account"] {
        site.get(path).header(header::COOKIE, &cookie).send().await.unwrap();
    }
    exports
}

/// The status of a try to sign in with an address that nobody has.
async fn guess(site: &Site, number: usize, from: &str) -> u16 {
    let email = format!("nobody{number}@example.org");
    let form = [("email", email.as_str()), ("password", "a guess"), ("how", "password")];
    site.post("/console/sign-in", from, &form).send().await.unwrap().status().as_u16()
}

fn nowhere_in_files(folder: &Path) {
    assert_eq!(needles().in_folder(folder, &|_| false), [], "in files");
}

#[tokio::test(flavor = "multi_thread")]
async fn item_38_after_a_session_with_a_known_address_it_stands_in_no_store_log_metric_trace_or_export() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::default();
    let url = collector.start().await;
    let args = ["--log", LOG, "--otlp-endpoint", &url, "--trace-ratio", "1", "--trusted-proxies", "127.0.0.0/8, ::1"];
    let mut mesh = Turnout::start(folder.path(), &args).await;
    let desk = Desk::at(&Addresses::of_one(&mesh), &Forge::of(folder.path()));
    let event = Event {
        event_id: EVENT.into(),
        title: "A concert at the harbour".into(),
        starts_at: Some(Timestamp { seconds: 4_000_000_000, nanos: 0 }),
        ..Event::default()
    };
    desk.open(event, &[]).await;
    let client = Client::builder().redirect(Policy::none()).cookie_store(false).build().unwrap();
    let site = Site { client, base: format!("http://{}", mesh.public()) };
    for (what, file) in whole_session(&site, &mesh, &desk).await {
        assert_eq!(needles().in_bytes(&file), Vec::<&str>::new(), "in the export of {what}");
    }

    // The address was read, or nobody could be told apart: who guesses too often waits, and the neighbour does not.
    let mut number = 0;
    while guess(&site, number, ADDRESS).await != 429 {
        number += 1;
        assert!(number < TRIES, "nobody is slowed down");
    }
    assert_eq!(guess(&site, TRIES, NEIGHBOUR).await, 422, "another client behind the same proxy");

    let metrics = Scrape::text(&mesh).await;
    assert_eq!(needles().in_bytes(metrics.as_bytes()), Vec::<&str>::new(), "in metrics");
    nowhere_in_files(folder.path());
    mesh.signal("TERM");
    assert_eq!(mesh.ended(std::time::Duration::from_secs(15)).await, Some(0));
    nowhere_in_files(folder.path());
    assert!(mesh.log().contains("Turnout is running"), "the log was looked through");
    let spans = collector.bytes();
    assert!(!spans.is_empty(), "there are traces");
    assert_eq!(needles().in_bytes(&spans), Vec::<&str>::new(), "in traces");
}
