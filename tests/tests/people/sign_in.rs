//! Signing in as the audience does it, through the pages and the mails of the whole program: no link leads anywhere but to us, no
//! answer says who is known, and a password that changes ends what others have open. The rules themselves are tested in profiles;
//! how long an answer takes is its test too.

use std::{path::PathBuf, time::Duration};

use prost_types::Timestamp;
use reqwest::{Client, Proxy, RequestBuilder, header, redirect::Policy};
use turnout_proto::{
    profiles::v1::{CreateFirstOwnerRequest, account_service_client::AccountServiceClient},
    registration::v1::Event,
};
use turnout_tests::{
    grpc::{channel, with_key},
    mail,
    process::Turnout,
    scrape::Scrape,
    tokens::Forge,
    wait::until,
};

use crate::desk::{Addresses, Desk};

const SECOND: Duration = Duration::from_secs(1);
const EVENT: &str = "gala";
const PASSWORD: &str = "a lighthouse in the fog";
const NEW_PASSWORD: &str = "a harbour in the morning";
/// A host that is not ours.
const EVIL: &str = "evil.example";
/// How a request can pretend that it was made to another host. Whoever says nothing in a header says it in the target of the request.
const FORGERIES: [(&str, &[(&str, &str)]); 4] = [
    ("host", &[("host", EVIL)]),
    (
        "x-forwarded",
        &[
            ("x-forwarded-host", EVIL),
            ("x-forwarded-server", EVIL),
            ("x-original-host", EVIL),
            ("x-host", EVIL),
            ("x-forwarded-proto", "https"),
        ],
    ),
    ("forwarded", &[("forwarded", "for=203.0.113.9;host=evil.example;proto=https")]),
    ("target", &[]),
];

/// What came back, as far as two answers can be compared.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    status: u16,
    /// Sorted, without the time.
    headers: Vec<(String, String)>,
    body: String,
}

impl Answer {
    async fn of(request: RequestBuilder) -> Self {
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let headers = answer.headers().iter().filter(|(name, _)| *name != header::DATE);
        let mut headers: Vec<_> =
            headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
        headers.sort();
        Self { status, headers, body: answer.text().await.unwrap() }
    }

    fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    /// Where it sends the browser.
    fn location(&self) -> &str {
        assert_eq!(self.status, 303, "{self:?}");
        self.header("location")
    }

    /// The same without what was typed.
    fn without(self, typed: &str) -> Self {
        Self { body: self.body.replace(typed, "TYPED"), ..self }
    }
}

/// The program with an event.
struct Hall {
    mesh: Turnout,
    forge: Forge,
    desk: Desk,
    /// Where it is asked.
    base: String,
    mailbox: PathBuf,
    _folder: tempfile::TempDir,
}

impl Hall {
    async fn open(args: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mesh = Turnout::start(folder.path(), args).await;
        let forge = Forge::of(folder.path());
        let desk = Desk::at(&Addresses::of_one(&mesh), &forge);
        let starts_at = Some(Timestamp { seconds: 4_000_000_000, nanos: 0 });
        let event = Event { event_id: EVENT.into(), title: "A gala".into(), starts_at, ..Event::default() };
        desk.open(event, &[]).await;
        let (base, mailbox) = (format!("http://{}", mesh.public()), folder.path().join("mail"));
        Self { mesh, forge, desk, base, mailbox, _folder: folder }
    }

    /// A browser with its own cookies, which goes nowhere by itself.
    fn browser(&self) -> Browser {
        let client = Client::builder().redirect(Policy::none()).cookie_store(true).build().unwrap();
        Browser { client, base: self.base.clone() }
    }

    async fn is_known(&self, email: &str) {
        let people = async || self.desk.people(email).await.len();
        until("the person is in the audience", 10 * SECOND, people, |found| *found == 1).await;
    }

    /// The links to sign in, prove or reset that this address got so far.
    fn links(&self, email: &str) -> Vec<String> {
        let mails = mail::to(&self.mailbox, email);
        mails.iter().filter_map(|mail| mail.link("/sign-in/link")).collect()
    }

    /// Asks for a link as the sign-in page does, and waits for it.
    async fn link_for(&self, browser: &Browser, email: &str, how: &str) -> String {
        let known = self.links(email);
        let told = browser.sign_in(email, how, "").await;
        assert!(told.location().contains("sent"), "{told:?}");
        let new = async || self.links(email).into_iter().find(|link| !known.contains(link));
        until("the link arrives", 10 * SECOND, new, Option::is_some).await;
        new().await.unwrap()
    }

    /// Links so far of which this became.
    async fn links_that_were(&self, outcome: &str) -> i64 {
        Scrape::of(&self.mesh).await.sum("turnout_profiles_links_total", &[("outcome", outcome)])
    }
}

struct Browser {
    client: Client,
    base: String,
}

impl Browser {
    async fn get(&self, path: &str) -> Answer {
        Answer::of(self.client.get(format!("{}{path}", self.base))).await
    }

    async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        let request = self.client.post(format!("{}{path}", self.base)).header(header::ORIGIN, &self.base);
        Answer::of(request.form(form)).await
    }

    async fn register(&self, email: &str) -> Answer {
        self.post(&format!("/e/{EVENT}/register"), &registering(email)).await
    }

    async fn sign_in(&self, email: &str, how: &str, password: &str) -> Answer {
        let form = [("tenant", "demo"), ("event", EVENT), ("email", email), ("how", how), ("password", password)];
        self.post("/sign-in", &form).await
    }

    /// Opens the link of a mail and presses its button.
    async fn follow(&self, link: &str, new_password: &str) -> Answer {
        let page = self.get(link).await;
        assert_eq!(page.status, 200, "{page:?}");
        assert_eq!(page.body.contains("name=\"new_password\""), !new_password.is_empty(), "{page:?}");
        self.redeem(link, new_password).await
    }

    async fn redeem(&self, link: &str, new_password: &str) -> Answer {
        let (_, token) = link.split_once("token=").expect("a link has a token");
        self.post("/sign-in/link", &[("tenant", "demo"), ("token", token), ("new_password", new_password)]).await
    }

    async fn changes_password(&self, old: &str, new: &str) -> Answer {
        self.post("/account/password", &[("old_password", old), ("new_password", new)]).await
    }

    async fn is_signed_in_as(&self, email: &str) {
        let page = self.get("/account").await;
        assert!(page.status == 200 && page.body.contains(email), "{page:?}");
    }

    async fn is_signed_out(&self) {
        let answer = self.get("/account").await;
        assert!(answer.location().starts_with("/sign-in"), "{answer:?}");
    }
}

fn registering(email: &str) -> [(&'static str, &str); 3] {
    [("email", email), ("name", "Ann"), ("form_version", "0")]
}

/// Every address of a page in this text, with its host.
fn addresses(text: &str) -> Vec<&str> {
    let words = text.split(|c: char| c.is_whitespace() || "<>\"'()".contains(c));
    words.filter_map(|word| word.find("http").map(|at| &word[at..])).filter(|word| word.contains("://")).collect()
}

/// Asks in forged ways, and lets no answer repeat the forged host.
struct Forger<'a> {
    client: Client,
    base: &'a str,
    headers: &'static [(&'static str, &'static str)],
}

impl<'a> Forger<'a> {
    fn of(base: &'a str, headers: &'static [(&'static str, &'static str)]) -> Self {
        let client = Client::builder().redirect(Policy::none()).cookie_store(false);
        // To a proxy a request names the whole address in its first line; here the program itself is asked so.
        let client = if headers.is_empty() { client.proxy(Proxy::http(base).unwrap()) } else { client.no_proxy() };
        Self { client: client.build().unwrap(), base, headers }
    }

    async fn ask(&self, path: &str, form: Option<&[(&str, &str)]>) -> Answer {
        let evil = format!("http://{EVIL}");
        let url = format!("{}{path}", if self.headers.is_empty() { &evil } else { self.base });
        let request = match form {
            None => self.client.get(url),
            Some(form) => self.client.post(url).form(form),
        };
        let answer = Answer::of(self.headers.iter().fold(request, |r, (name, value)| r.header(*name, *value))).await;
        assert!(!format!("{answer:?}").contains(EVIL), "{path}: {answer:?}");
        let location = answer.header("location");
        assert!(location.is_empty() || (location.starts_with('/') && !location.starts_with("//")), "{location}");
        answer
    }

    async fn post(&self, path: &str, form: &[(&str, &str)]) {
        let answer = self.ask(path, Some(form)).await;
        assert_eq!(answer.status, 303, "{path}: {answer:?}");
    }
}

async fn no_forged_host_gets_into_a_link(args: &[&str], configured: Option<&str>) {
    let args: Vec<&str> = ["--trusted-proxies", "127.0.0.0/8"].iter().chain(args).copied().collect();
    let hall = Hall::open(&args).await;
    let ours = configured.unwrap_or(&hall.base);
    let mut accounts = AccountServiceClient::new(channel(hall.mesh.grpc()).await);
    for (name, headers) in FORGERIES {
        let forger = Forger::of(&hall.base, headers);
        let (ann, owner) = (format!("ann.{name}@people.example"), format!("owner.{name}@team.example"));
        forger.post(&format!("/e/{EVENT}/register"), &registering(&ann)).await;
        hall.is_known(&ann).await;
        let first = CreateFirstOwnerRequest { tenant_id: name.into(), email: owner.clone(), password: PASSWORD.into() };
        accounts.create_first_owner(with_key(&hall.forge.access(None), first)).await.unwrap();
        for how in ["link", "reset"] {
            let form = [("tenant", "demo"), ("event", EVENT), ("email", ann.as_str()), ("how", how)];
            forger.post("/sign-in", &form).await;
            forger.post("/console/sign-in", &[("email", &owner), ("how", how)]).await;
        }
        let code = hall.desk.export(EVENT).await.into_iter().find(|r| r.email == ann).unwrap().code;
        let pages = ["/", "/e/gala", "/e/gala/register", "/e/gala/calendar.ics", "/account", "/sign-in?tenant=demo"];
        let own = [format!("/r/{code}"), format!("/r/{code}/calendar.ics")];
        for path in pages.into_iter().chain(own.iter().map(String::as_str)).chain(["/console", "/no-page"]) {
            forger.ask(path, None).await;
        }
        forger.ask("/v1/events/gala/tickets", Some(&[])).await;

        for (email, path, number) in [(&ann, "/r/", 1), (&ann, "/sign-in/link", 2), (&owner, "/console/link", 2)] {
            let mails = async || mail::to(&hall.mailbox, email).iter().filter(|m| m.link(path).is_some()).count();
            until(&format!("{name}: mails with {path}"), 10 * SECOND, mails, |seen| *seen >= number).await;
        }
    }
    for mail in mail::all(&hall.mailbox) {
        assert!(!mail.raw.contains(EVIL) && !mail.text.contains(EVIL), "{}", mail.text);
        for address in addresses(&mail.text) {
            assert!(address.strip_prefix(ours).is_some_and(|path| path.starts_with('/')), "{address}: {}", mail.text);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_host_never_gets_into_a_link() {
    let ours = "https://live.example.org";
    no_forged_host_gets_into_a_link(&["--public-url", ours], Some(ours)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_host_never_gets_into_a_link_of_a_program_that_was_told_no_public_address() {
    no_forged_host_gets_into_a_link(&[], None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_after_asking_for_a_link_is_the_same_for_known_and_unknown_addresses() {
    // As long as each other, so that the answers are.
    let (known, unknown, typo) = ("known.one@people.example", "nobody.11@people.example", "nobody.22@people.example");
    let hall = Hall::open(&[]).await;
    let somebody = hall.browser();
    somebody.register(known).await;
    hall.is_known(known).await;
    let link = hall.link_for(&somebody, known, "reset").await;
    somebody.follow(&link, PASSWORD).await.location();

    let (sent, with_link) = (hall.links_that_were("sent").await, hall.links(known).len());
    for how in ["link", "reset", "password"] {
        let mut answers = Vec::new();
        for email in [known, unknown] {
            let browser = hall.browser();
            let answer = browser.sign_in(email, how, "a wrong password").await;
            let page = if how == "password" {
                assert_eq!(answer.status, 422, "{answer:?}");
                None
            } else {
                Some(browser.get(answer.location()).await)
            };
            answers.push((answer.without(email), page.map(|page| page.without(email))));
        }
        assert_eq!(answers[0], answers[1], "{how}");
    }
    // The one is looked up as the other is; only then there is something to send.
    let outcomes = async || (hall.links_that_were("sent").await - sent, hall.links_that_were("unknown").await);
    until("all that was asked for is decided", 10 * SECOND, outcomes, |decided| *decided == (2, 2)).await;
    until("two links arrive", 10 * SECOND, async || hall.links(known).len(), |seen| *seen == with_link + 2).await;
    assert!(mail::to(&hall.mailbox, unknown).is_empty(), "a mail for nobody");

    let browser = hall.browser();
    let (again, first) = (browser.register(known).await, browser.register(typo).await);
    assert_eq!(again, first, "registering once more and for the first time");
    assert_eq!(first.location(), format!("/e/{EVENT}/registered?lang=en"));
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_up_with_a_password() {
    let email = "maria@people.example";
    let hall = Hall::open(&[]).await;
    let (laptop, phone) = (hall.browser(), hall.browser());
    laptop.register(email).await;
    hall.is_known(email).await;
    laptop.is_signed_out().await;

    // Looking at a link uses nothing up, as often as a mail scanner likes; following it does.
    let link = hall.link_for(&laptop, email, "link").await;
    assert_eq!(phone.get(&link).await.status, 200);
    phone.is_signed_out().await;
    laptop.follow(&link, "").await.location();
    laptop.is_signed_in_as(email).await;
    assert!(phone.redeem(&link, "").await.location().contains("link-over"), "a link works once");
    phone.is_signed_out().await;

    assert_eq!(laptop.changes_password("", PASSWORD).await.location(), "/account?password");
    laptop.post("/sign-out", &[]).await.location();
    laptop.is_signed_out().await;
    for browser in [&laptop, &phone] {
        assert_eq!(browser.sign_in(email, "password", "a wrong password").await.status, 422);
        browser.is_signed_out().await;
        browser.sign_in(email, "password", PASSWORD).await.location();
        browser.is_signed_in_as(email).await;
    }

    assert_eq!(laptop.changes_password("a wrong password", NEW_PASSWORD).await.status, 422);
    phone.is_signed_in_as(email).await;
    assert_eq!(laptop.changes_password(PASSWORD, NEW_PASSWORD).await.location(), "/account?password");
    phone.is_signed_out().await;
    laptop.is_signed_in_as(email).await;
    assert_eq!(phone.sign_in(email, "password", PASSWORD).await.status, 422, "the old password");
    phone.sign_in(email, "password", NEW_PASSWORD).await.location();
    phone.is_signed_in_as(email).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_link_sets_a_password_once_and_ends_what_is_open_elsewhere() {
    let email = "maria@people.example";
    let hall = Hall::open(&[]).await;
    let (laptop, phone) = (hall.browser(), hall.browser());
    laptop.register(email).await;
    hall.is_known(email).await;
    let link = hall.link_for(&laptop, email, "link").await;
    laptop.follow(&link, "").await.location();

    let (older, newer) = (hall.link_for(&phone, email, "reset").await, hall.link_for(&phone, email, "reset").await);
    assert_eq!(phone.redeem(&newer, "short").await.status, 422, "the link stays good until there is a password");
    phone.follow(&newer, PASSWORD).await.location();
    phone.is_signed_in_as(email).await;
    laptop.is_signed_out().await;
    for link in [&newer, &older] {
        assert!(laptop.redeem(link, NEW_PASSWORD).await.location().contains("link-over"), "used, or overtaken");
        laptop.is_signed_out().await;
    }
    laptop.sign_in(email, "password", PASSWORD).await.location();
    laptop.is_signed_in_as(email).await;
}
