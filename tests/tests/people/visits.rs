//! A registered person really watches, with two tabs, while a stranger watches too; and the organiser reads in the timeline of this
//! person, and of nobody else, that they did. How spans are made is tested in presence, how they are told in the gateway.

use std::time::Duration;

use prost_types::Timestamp;
use reqwest::{Client, header, redirect::Policy};
use turnout_proto::{
    profiles::v1::{CreateFirstOwnerRequest, account_service_client::AccountServiceClient},
    registration::v1::{Event, RegisterRequest, Registration},
};
use turnout_tests::{
    grpc::{channel, with_key},
    mesh::Mesh,
    process::Turnout,
    servers::from_env,
    tokens::Forge,
    viewer::{self, Viewer},
    wait::until,
};

use crate::desk::{Addresses, Desk};

const SECOND: Duration = Duration::from_secs(1);
const EVENT: &str = "night";

/// The console of the demo tenant, open to its owner.
struct Console {
    client: Client,
    base: String,
    session: String,
}

impl Console {
    async fn open(public: &str, profiles: &str, forge: &Forge) -> Self {
        let founding = CreateFirstOwnerRequest {
            tenant_id: "demo".into(),
            email: "owner@demo.example.org".into(),
            password: "a lighthouse in the fog".into(),
        };
        let mut accounts = AccountServiceClient::new(channel(profiles).await);
        let founded = accounts.create_first_owner(with_key(&forge.access(None), founding)).await.unwrap();
        let client = Client::builder().redirect(Policy::none()).build().unwrap();
        Self { client, base: format!("http://{public}"), session: founded.into_inner().session }
    }

    /// The page of a person.
    async fn person(&self, person_id: &str) -> String {
        let page = self.client.get(format!("{}/console/audience/{person_id}", self.base));
        let page = page.header(header::COOKIE, format!("turnout_console={}", self.session)).send().await.unwrap();
        page.text().await.unwrap()
    }

    async fn shows(&self, what: &str, of: &Registration, text: &str) -> String {
        let page = async || self.person(&of.person_id).await;
        until(what, 20 * SECOND, page, |page| page.contains(text)).await;
        page().await
    }

    /// Comes in by the link of the own page: the cookie that makes this browser the registrant.
    async fn comes_in(&self, of: &Registration) -> String {
        let enter = self.client.post(format!("{}/r/{}/enter", self.base, of.code)).header(header::ORIGIN, &self.base);
        let answer = enter.send().await.unwrap();
        assert_eq!(answer.status(), 303);
        let cookies = answer.headers().get_all(header::SET_COOKIE);
        let cookie = cookies.iter().find_map(|set| set.to_str().ok()?.split(';').next());
        cookie.expect("a cookie is set").to_owned()
    }
}

async fn the_timeline_tells_who_watched(addresses: &Addresses, public: &str, forge: &Forge) {
    let desk = Desk::at(addresses, forge);
    let starts_at = Some(Timestamp { seconds: 4_000_000_000, nanos: 0 });
    desk.open(Event { event_id: EVENT.into(), title: "A night".into(), starts_at, ..Event::default() }, &[]).await;
    let registers = async |name: &str| {
        let (email, name) = (format!("{name}@example.org"), name.to_owned());
        let request = RegisterRequest { event_id: EVENT.into(), email, name, ..RegisterRequest::default() };
        desk.registrants.clone().register(desk.ask(request)).await.unwrap().into_inner().registration.unwrap()
    };
    let (maria, bert) = (registers("maria").await, registers("bert").await);
    let console = Console::open(public, &addresses.profiles, forge).await;
    console.shows("nobody has watched", &maria, "Registered").await;

    let watches = async |cookie: &str| {
        let (ticket, _) = viewer::ticket(public, EVENT, Some(cookie)).await.unwrap();
        Viewer::with_ticket(public, &ticket).await.unwrap()
    };
    let cookie = console.comes_in(&maria).await;
    let (tab, second_tab) = (watches(&cookie).await, watches(&cookie).await);
    let stranger = Viewer::join(public, EVENT).await.unwrap();
    // Bert came in, and has not opened the player.
    console.comes_in(&bert).await;
    // Two tabs of one registration are one viewer.
    stranger.sees(2, 10 * SECOND).await;
    console.shows("she watches", &maria, "Watching for").await;
    tab.leave().await;
    second_tab.leave().await;
    stranger.sees(1, 10 * SECOND).await;
    let page = console.shows("she has watched", &maria, "Watched for").await;
    assert!(!page.contains("Watching for"), "{page}");
    assert_eq!(page.matches("Watched for").count(), 1, "two tabs at once are one span: {page}");
    assert!(page.contains("Watched for less than a minute") && page.contains("Times in UTC"), "{page}");

    let page = console.shows("he came in", &bert, "Entered the event page").await;
    assert!(!page.contains("Watched for") && !page.contains("Watching for"), "he did not watch: {page}");
    assert!(!page.contains("when they watched"), "it is known that he did not: {page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn item_14_whoever_watches_with_two_tabs_has_one_span_in_their_timeline() {
    let folder = tempfile::tempdir().unwrap();
    let mesh = Turnout::start(folder.path(), &[]).await;
    let forge = Forge::of(folder.path());
    the_timeline_tells_who_watched(&Addresses::of_one(&mesh), mesh.public(), &forge).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn item_14_whoever_watches_in_a_mesh_has_the_span_in_their_timeline() {
    const NAME: &str = "item_14_whoever_watches_in_a_mesh_has_the_span_in_their_timeline";
    let (Some(cql), Some(smtp)) = (from_env("TURNOUT_TEST_CQL", NAME), from_env("TURNOUT_TEST_SMTP", NAME)) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mesh = Mesh::whole(folder.path(), &cql, &format!("smtp://{smtp}?tls=none")).await;
    let forge = Forge::of(folder.path());
    the_timeline_tells_who_watched(&Addresses::of_mesh(&mesh), mesh.publics()[0], &forge).await;
}
