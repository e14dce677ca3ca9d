//! The pages of people who take part, over HTTP, with services that answer what each test wants: what a browser is told, what it
//! keeps, and what the services are asked. What pages look like is tested at the views.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod port;
mod practice;
mod services;

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt as _, stream};
use prost_types::Timestamp;
use reqwest::{Client, Response, header, redirect::Policy};
use tokio::net::TcpListener;
use tonic::{Code, transport::Endpoint};
use turnout_gateway::{Channels, Deps, GatewayConfig};
use turnout_platform::{
    auth::{CodePurpose, Codes, MeshKey},
    bus::InProcessBus,
    clock::SystemClock,
    lifecycle::Lifecycle,
    telemetry::Metrics,
};
use turnout_proto::{
    common::v1::Money,
    notifications::v1::{
        ResolveUnsubscribeRequest, ResolveUnsubscribeResponse, UnsubscribeRequest, UnsubscribeResponse,
    },
    profiles::v1::{
        ChangePasswordRequest, ChangePasswordResponse, CheckSessionRequest, CheckSessionResponse, Realm,
        RedeemLinkRequest, RedeemLinkResponse, RequestLinkRequest, RequestLinkResponse, SessionAccount, SignInRequest,
        SignInResponse,
    },
    registration::v1::*,
};

use services::Services;

const EVENT: &str = "gala";
const TENANT: &str = "acme";
/// A state that is waited for must come within this.
const PATIENCE: Duration = Duration::from_secs(30);
/// Registrations that are under way at the same time.
const GUESTS_AT_ONCE: usize = 50;

struct Site {
    services: Arc<Services>,
    base: String,
    codes: Codes,
    metrics: Metrics,
    life: Lifecycle,
}

impl Drop for Site {
    fn drop(&mut self) {
        self.life.stop();
    }
}

impl Site {
    /// A gateway with one event, changed as the test wants.
    async fn with(event: impl FnOnce(&mut Event)) -> Self {
        let (services, address) = Services::start().await;
        let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy();
        let mesh_key = Arc::new(MeshKey::generate());
        let (life, metrics) = (Lifecycle::new(), Metrics::new());
        let config = GatewayConfig {
            node_name: "gw".into(),
            public_url: None,
            allowed_origins: vec![],
            trusted_proxies: Vec::new(),
            workers: 1,
            connections_max: 16,
            handshakes_per_s_max: 1_000,
            drain: Duration::ZERO,
            trace_ratio: 0.0,
            grpc_addr: String::new(),
            demo_event: None,
        };
        let deps = Deps {
            bus: InProcessBus::new(),
            clock: Arc::new(SystemClock::new()),
            life: life.clone(),
            metrics: metrics.clone(),
            mesh_key: mesh_key.clone(),
            channels: Channels {
                registration: channel.clone(),
                presence: channel.clone(),
                profiles: channel.clone(),
                notifications: channel,
            },
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = turnout_gateway::start(config, deps, listener).unwrap();
        let mut known = Event {
            event_id: EVENT.into(),
            tenant_id: TENANT.into(),
            title: "Gala".into(),
            published: true,
            state: EventState::Draft.into(),
            languages: vec!["en".into(), "fi".into()],
            zone: "Europe/Helsinki".into(),
            starts_at: Some(Timestamp { seconds: 1_795_017_600, nanos: 0 }),
            ..Event::default()
        };
        event(&mut known);
        services.on("GetEvent", move |_: GetEventRequest| Ok(GetEventResponse { event: Some(known.clone()) }));
        services.on("GetForm", |_: GetFormRequest| {
            Ok(GetFormResponse { form: Some(Form { version: 3, ..Form::default() }) })
        });
        Self { services, base: format!("http://{address}"), codes: Codes::new(&mesh_key), metrics, life }
    }

    fn code(&self) -> String {
        self.codes.make(CodePurpose::Registration, &[EVENT, "r1"])
    }

    fn has_registration(&self, admitted: bool) {
        let registration = Registration {
            event_id: EVENT.into(),
            registration_id: "r1".into(),
            person_id: "p1".into(),
            state: RegistrationState::Registered.into(),
            payment: if admitted { PaymentState::Paid } else { PaymentState::Unpaid }.into(),
            name: "Ada".into(),
            email: "ada@example.org".into(),
            code: self.code(),
            tenant_id: TENANT.into(),
            version: 5,
            ..Registration::default()
        };
        let known = registration.clone();
        self.services.on("ResolveCode", move |_: ResolveCodeRequest| {
            Ok(ResolveCodeResponse { registration: Some(known.clone()) })
        });
        self.services.on("RecordEntry", move |_: RecordEntryRequest| {
            Ok(RecordEntryResponse { registration: Some(registration.clone()), admitted })
        });
    }

    async fn get(&self, browser: &Client, path: &str) -> Response {
        browser.get(format!("{}{path}", self.base)).send().await.unwrap()
    }

    async fn post(&self, browser: &Client, path: &str, form: &[(&str, &str)]) -> Response {
        browser.post(format!("{}{path}", self.base)).form(form).send().await.unwrap()
    }

    async fn ticket(&self, browser: &Client) -> (u16, String) {
        let answer = self.post(browser, &format!("/v1/events/{EVENT}/tickets"), &[]).await;
        (answer.status().as_u16(), answer.text().await.unwrap())
    }
}

fn browser() -> Client {
    Client::builder().cookie_store(true).redirect(Policy::none()).build().unwrap()
}

fn to(answer: &Response) -> &str {
    answer.headers()[header::LOCATION].to_str().unwrap()
}

/// The subject of a ticket: who the viewer is.
fn subject(ticket: &str) -> String {
    use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
    let ticket = serde_json::from_str::<serde_json::Value>(ticket).unwrap()["ticket"].as_str().unwrap().to_owned();
    let claims = BASE64_URL_SAFE_NO_PAD.decode(ticket.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice::<serde_json::Value>(&claims).unwrap()["sub"].as_str().unwrap().to_owned()
}

const ADA: [(&str, &str); 3] = [("form_version", "3"), ("email", "ada@example.org"), ("name", "Ada")];

#[tokio::test]
async fn an_address_that_is_registered_already_is_answered_exactly_like_a_new_one() {
    let site = Site::with(|_| {}).await;
    let mut answers = Vec::new();
    for created in [true, false] {
        let registration = Registration { code: site.code(), ..Registration::default() };
        site.services.on("Register", move |_: RegisterRequest| {
            Ok(RegisterResponse { registration: Some(registration.clone()), created })
        });
        let answer = site.post(&browser(), "/e/gala/register?lang=fi", &ADA).await;
        assert_eq!(answer.status(), 303);
        let mut headers = answer.headers().clone();
        headers.remove(header::DATE);
        answers.push((headers, answer.text().await.unwrap()));
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0].0[header::LOCATION], "/e/gala/registered?lang=fi");
    let asked = site.services.asked::<RegisterRequest>("Register");
    assert_eq!((asked[0].email.as_str(), asked[0].language.as_str()), ("ada@example.org", "fi"));
    assert!(asked[0].consents.is_empty());
}

#[tokio::test]
async fn what_is_wrong_stands_beside_its_field_and_nothing_is_asked_of_the_service() {
    let site = Site::with(|_| {}).await;
    let sent = [("form_version", "3"), ("email", "ada@"), ("name", "Ada & <b>")];
    let answer = site.post(&browser(), "/e/gala/register", &sent).await;
    assert_eq!(answer.status(), 422);
    let page = answer.text().await.unwrap();
    assert!(page.contains("id=\"f-email-error\"") && page.contains("value=\"Ada &#38; &#60;b&#62;\""), "{page}");
    assert!(site.services.asked::<RegisterRequest>("Register").is_empty());
}

#[tokio::test]
async fn while_the_service_is_away_nothing_that_was_typed_is_lost() {
    let site = Site::with(|_| {}).await;
    let answer = site.post(&browser(), "/e/gala/register", &ADA).await;
    assert_eq!(answer.status(), 503);
    assert!(answer.text().await.unwrap().contains("value=\"ada@example.org\""));
}

#[tokio::test]
async fn a_network_registers_a_crowd_and_not_strangers_without_end() {
    let site = Site::with(|_| {}).await;
    let refused = site.post(&browser(), "/e/gala/register", &ADA).await;
    assert_eq!(refused.status(), 503, "what is not registered does not count");
    let registration = Registration { code: site.code(), ..Registration::default() };
    site.services.on("Register", move |_: RegisterRequest| {
        Ok(RegisterResponse { registration: Some(registration.clone()), created: true })
    });
    let browser = browser();
    // Together, since each answer takes its fixed time.
    let guest = async |number: u32| {
        let email = format!("guest{number}@example.org");
        let sent = [("form_version", "3"), ("email", email.as_str()), ("name", "Guest")];
        assert_eq!(site.post(&browser, "/e/gala/register", &sent).await.status(), 303, "{number}");
    };
    stream::iter(0..300).for_each_concurrent(GUESTS_AT_ONCE, guest).await;
    // One is forgotten every two seconds, and none is a matter of milliseconds.
    let mut last = site.post(&browser, "/e/gala/register", &ADA).await;
    let end = tokio::time::Instant::now() + PATIENCE;
    while last.status() == 303 {
        assert!(tokio::time::Instant::now() < end, "the crowd has no end");
        last = site.post(&browser, "/e/gala/register", &ADA).await;
    }
    assert_eq!(last.status(), 429);
    let wait_s: u64 = last.headers()[header::RETRY_AFTER].to_str().unwrap().parse().unwrap();
    assert!((1..=2).contains(&wait_s), "{wait_s}");
    let page = last.text().await.unwrap();
    assert!(page.contains("Very many registrations have just come from your network"), "{page}");
    assert!(page.contains("value=\"ada@example.org\""), "nothing that was typed is lost");
    assert!(site.metrics.render().contains("turnout_gateway_registrations_throttled_total 1"));
}

#[tokio::test]
async fn item_51_a_nickname_registers_without_an_address_and_once_however_often_it_is_sent() {
    let site = Site::with(|event| event.nicknames = true).await;
    let code = site.code();
    let registration = Registration { code: code.clone(), ..Registration::default() };
    site.services.on("Register", move |_: RegisterRequest| {
        Ok(RegisterResponse { registration: Some(registration.clone()), created: true })
    });
    let key = "0123456789abcdef";
    let sent = [("form_version", "3"), ("by", "nickname"), ("nickname", "Kiwi"), ("key", key)];
    for _ in 0..2 {
        let answer = site.post(&browser(), "/e/gala/register", &sent).await;
        assert_eq!(to(&answer), format!("/r/{code}?new"));
    }
    for asked in site.services.asked::<RegisterRequest>("Register") {
        assert_eq!((asked.nickname.as_str(), asked.email.as_str(), asked.idempotency_key.as_str()), ("Kiwi", "", key));
    }
}

#[tokio::test]
async fn a_form_of_another_site_does_nothing() {
    let site = Site::with(|_| {}).await;
    site.has_registration(true);
    let code = site.code();
    let cancel = format!("/r/{code}/cancel");
    for path in ["/e/gala/register", cancel.as_str(), "/sign-in", "/sign-in/link", "/sign-out", "/account/password"] {
        let request = browser().post(format!("{}{path}", site.base)).form(&ADA);
        let answer = request.header(header::ORIGIN, "https://evil.example").send().await.unwrap();
        assert!([303, 403].contains(&answer.status().as_u16()), "{path}: {}", answer.status());
    }
    assert!(site.services.asked::<CancelRegistrationRequest>("CancelRegistration").is_empty());
    assert!(site.services.asked::<RegisterRequest>("Register").is_empty());
}

#[tokio::test]
async fn item_28_looking_at_a_registration_does_not_enter_and_entering_makes_all_devices_one_viewer() {
    let site = Site::with(|_| {}).await;
    site.has_registration(true);
    let code = site.code();
    let (phone, laptop, stranger) = (browser(), browser(), browser());
    let page = site.get(&phone, &format!("/r/{code}?new")).await;
    assert_eq!(page.status(), 200);
    assert!(page.text().await.unwrap().contains("<svg"));
    assert!(site.services.asked::<RecordEntryRequest>("RecordEntry").is_empty());
    for device in [&phone, &laptop] {
        let answer = site.post(device, &format!("/r/{code}/enter"), &[]).await;
        assert_eq!(to(&answer), "/e/gala");
    }
    assert_eq!(site.services.asked::<RecordEntryRequest>("RecordEntry")[0].registration_id, "r1");
    let subjects = [site.ticket(&phone).await.1, site.ticket(&laptop).await.1].map(|ticket| subject(&ticket));
    assert_eq!(subjects, ["registration:r1", "registration:r1"]);
    assert!(subject(&site.ticket(&stranger).await.1).starts_with("browser:"));
    assert!(site.get(&phone, "/e/gala").await.text().await.unwrap().contains(&format!("/r/{code}")));
    site.post(&phone, "/e/gala/leave", &[]).await;
    assert!(!site.get(&phone, "/e/gala").await.text().await.unwrap().contains(&format!("/r/{code}")));
    assert!(subject(&site.ticket(&phone).await.1).starts_with("browser:"));
}

#[tokio::test]
async fn a_paid_event_gives_tickets_only_to_those_who_are_let_in() {
    let price = || Some(Money { amount_minor: 2500, currency: "EUR".into() });
    let site = Site::with(|event| event.price = price()).await;
    let code = site.code();
    let (stranger, guest) = (browser(), browser());
    assert_eq!(site.ticket(&stranger).await.0, 403);
    site.has_registration(false);
    let refused = site.post(&guest, &format!("/r/{code}/enter"), &[]).await;
    assert_eq!(to(&refused), format!("/r/{code}?refused"));
    assert_eq!(site.ticket(&guest).await.0, 403);
    site.has_registration(true);
    site.post(&guest, &format!("/r/{code}/enter"), &[]).await;
    assert_eq!(site.ticket(&guest).await.0, 200);
    site.has_registration(false);
    assert_eq!(site.ticket(&guest).await.0, 403, "a refund ends it");
    site.services.on("RecordEntry", |_: RecordEntryRequest| Err::<RecordEntryResponse, _>(Code::Unavailable));
    assert_eq!(site.ticket(&guest).await.0, 503);
}

#[tokio::test]
async fn a_code_that_was_made_up_lets_nobody_in() {
    let site = Site::with(|_| {}).await;
    site.services.on("ResolveCode", |_: ResolveCodeRequest| Err::<ResolveCodeResponse, _>(Code::NotFound));
    assert_eq!(site.get(&browser(), "/r/gala.r1.AAAA").await.status(), 404);
    let forged = browser().post(format!("{}/v1/events/gala/tickets", site.base));
    let answer = forged.header(header::COOKIE, "turnout_registration=gala.r1.AAAAAAAAAAAAAAAAAAAAAA").send().await;
    assert!(subject(&answer.unwrap().text().await.unwrap()).starts_with("browser:"));
}

#[tokio::test]
async fn leaving_a_mailing_takes_one_request_of_a_mail_program_and_looking_at_the_link_does_nothing() {
    let site = Site::with(|_| {}).await;
    site.services.on("ResolveUnsubscribe", |_: ResolveUnsubscribeRequest| {
        Ok(ResolveUnsubscribeResponse { purpose: "reminders".into(), sender_name: "Acme".into(), ..Default::default() })
    });
    site.services.on("Unsubscribe", |_: UnsubscribeRequest| Ok(UnsubscribeResponse {}));
    let page = site.get(&browser(), "/u/CODE").await;
    assert!(page.text().await.unwrap().contains("Acme"));
    assert!(site.services.asked::<UnsubscribeRequest>("Unsubscribe").is_empty());
    let one_click = |kind: &'static str, body: &'static str| {
        let request = browser().post(format!("{}/u/CODE", site.base)).header(header::ORIGIN, "null");
        request.header(header::CONTENT_TYPE, kind).body(body).send()
    };
    let in_form = one_click("application/x-www-form-urlencoded", "List-Unsubscribe=One-Click").await.unwrap();
    let in_parts = "--b\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--b--\r\n";
    let in_parts = one_click("multipart/form-data; boundary=b", in_parts).await.unwrap();
    assert_eq!((in_form.status().as_u16(), in_parts.status().as_u16()), (200, 200));
    let by_hand = site.post(&browser(), "/u/CODE", &[("choice", "all")]).await;
    assert_eq!(to(&by_hand), "/u/CODE?done");
    let all: Vec<bool> =
        site.services.asked::<UnsubscribeRequest>("Unsubscribe").iter().map(|asked| asked.all_marketing).collect();
    assert_eq!(all, [false, false, true]);
}

#[tokio::test]
async fn signing_in_says_the_same_whoever_asks_and_tells_a_hash_of_the_client() {
    let site = Site::with(|_| {}).await;
    site.services.on("SignIn", |_: SignInRequest| Err::<SignInResponse, _>(Code::Unauthenticated));
    site.services.on("RequestLink", |_: RequestLinkRequest| Ok(RequestLinkResponse {}));
    let with =
        |how| [("tenant", TENANT), ("event", EVENT), ("email", "ada@example.org"), ("password", " x "), ("how", how)];
    assert_eq!(site.post(&browser(), "/sign-in", &with("password")).await.status(), 422);
    let sent = site.post(&browser(), "/sign-in", &with("link")).await;
    assert_eq!(to(&sent), "/sign-in?tenant=acme&event=gala&sent");
    let tried = site.services.asked::<SignInRequest>("SignIn");
    assert_eq!((tried[0].password.as_str(), tried[0].tenant_id.as_str()), (" x ", TENANT));
    assert!(tried[0].client.len() == 16 && !tried[0].client.contains("127"), "{}", tried[0].client);
    assert_eq!(site.services.asked::<RequestLinkRequest>("RequestLink")[0].return_path, "/e/gala");
}

/// Signed in as the person of the registration.
async fn signed_in(site: &Site) -> Client {
    let account = || SessionAccount {
        realm: Realm::Audience.into(),
        tenant_id: TENANT.into(),
        person_id: "p1".into(),
        ..SessionAccount::default()
    };
    site.services.on("SignIn", move |_: SignInRequest| {
        Ok(SignInResponse { session: "SESSION".into(), account: Some(account()), ..SignInResponse::default() })
    });
    site.services
        .on("CheckSession", move |_: CheckSessionRequest| Ok(CheckSessionResponse { account: Some(account()) }));
    let visitor = browser();
    let form =
        [("tenant", TENANT), ("event", ""), ("email", "ada@example.org"), ("password", "x"), ("how", "password")];
    assert_eq!(to(&site.post(&visitor, "/sign-in", &form).await), "/account");
    visitor
}

#[tokio::test]
async fn who_signs_in_to_choose_their_mails_has_not_come_in_to_the_event() {
    let site = Site::with(|_| {}).await;
    site.has_registration(true);
    let page = site.get(&browser(), &format!("/r/{}", site.code())).await.text().await.unwrap();
    let link = "/sign-in?tenant=acme";
    assert!(page.contains(&format!("href=\"{link}\"")), "{page}");
    let page = site.get(&browser(), link).await.text().await.unwrap();
    assert!(page.contains("name=\"event\" value=\"\""), "the form goes on to the account: {page}");
    let visitor = signed_in(&site).await;
    let account = site.get(&visitor, "/account").await.text().await.unwrap();
    assert!(account.contains("/preferences\""), "{account}");
    // Who is signed in already is not asked again, but for another tenant, for an event, or with something to be told.
    assert_eq!(to(&site.get(&visitor, link).await), "/account");
    for path in ["/sign-in?tenant=other", "/sign-in?tenant=acme&event=gala", "/sign-in?tenant=acme&over"] {
        assert_eq!(site.get(&visitor, path).await.status(), 200, "{path}");
    }
    assert!(site.services.asked::<RecordEntryRequest>("RecordEntry").is_empty());
}

#[tokio::test]
async fn who_tried_too_many_passwords_is_told_to_wait_and_not_that_something_is_down() {
    let site = Site::with(|_| {}).await;
    let visitor = signed_in(&site).await;
    site.services
        .on("ChangePassword", |_: ChangePasswordRequest| Err::<ChangePasswordResponse, _>(Code::ResourceExhausted));
    let answer = site.post(&visitor, "/account/password", &[("old_password", "x"), ("new_password", "y")]).await;
    assert_eq!(answer.status(), 429);
    assert!(answer.text().await.unwrap().contains("Too many tries"));
}

#[tokio::test]
async fn a_request_with_two_hosts_is_refused() {
    let site = Site::with(|_| {}).await;
    let request = || browser().get(format!("{}/", site.base)).header(header::HOST, "a.example");
    assert_eq!(request().send().await.unwrap().status(), 200);
    assert_eq!(request().header(header::HOST, "b.example").send().await.unwrap().status(), 400);
}

#[tokio::test]
async fn a_link_is_used_by_the_button_and_not_by_looking_at_it() {
    let site = Site::with(|_| {}).await;
    site.services.on("RedeemLink", |asked: RedeemLinkRequest| {
        let session = if asked.confirmed { "SESSION".to_owned() } else { String::new() };
        Ok(RedeemLinkResponse { purpose: 1, session, return_path: "//evil.example".into(), ..Default::default() })
    });
    let visitor = browser();
    assert_eq!(site.get(&visitor, "/sign-in/link?tenant=acme&token=T").await.status(), 200);
    assert!(site.services.asked::<RedeemLinkRequest>("RedeemLink").iter().all(|asked| !asked.confirmed));
    let answer = site.post(&visitor, "/sign-in/link", &[("tenant", TENANT), ("token", "T")]).await;
    assert_eq!(to(&answer), "/account", "another site is no place to go on to");
    let cookie = answer.headers()[header::SET_COOKIE].to_str().unwrap();
    assert!(cookie.starts_with("turnout_account=SESSION") && cookie.contains("HttpOnly"), "{cookie}");
    site.services.on("RedeemLink", |_: RedeemLinkRequest| Err::<RedeemLinkResponse, _>(Code::FailedPrecondition));
    let used = site.post(&visitor, "/sign-in/link", &[("tenant", TENANT), ("token", "T")]).await;
    assert_eq!(to(&used), "/sign-in?tenant=acme&link-over");
}

#[tokio::test]
async fn a_payment_notice_goes_to_the_service_as_it_came() {
    let site = Site::with(|_| {}).await;
    site.services.on("ApplyPaymentNotice", |_: ApplyPaymentNoticeRequest| Ok(ApplyPaymentNoticeResponse::default()));
    let notify = |body: Vec<u8>| {
        let request = browser().post(format!("{}/v1/tenants/acme/payments", site.base)).body(body);
        let request = request.header("webhook-id", "n1").header("webhook-timestamp", "1");
        request.header("webhook-signature", "v1,abc").send()
    };
    assert_eq!(notify(b"{ \"a\" : 1 }\n".to_vec()).await.unwrap().status(), 204);
    let asked = site.services.asked::<ApplyPaymentNoticeRequest>("ApplyPaymentNotice").remove(0);
    assert_eq!(asked.body, b"{ \"a\" : 1 }\n");
    assert_eq!((asked.tenant_id.as_str(), asked.id.as_str(), asked.signature.as_str()), (TENANT, "n1", "v1,abc"));
    assert_eq!(notify(vec![b' '; 16 * 1024 + 1]).await.unwrap().status(), 413);
    site.services.on("ApplyPaymentNotice", |_: ApplyPaymentNoticeRequest| {
        Err::<ApplyPaymentNoticeResponse, _>(Code::Unauthenticated)
    });
    assert_eq!(notify(vec![]).await.unwrap().status(), 401);
}

#[tokio::test]
async fn the_event_page_offers_what_is_possible() {
    let open = Site::with(|event| event.capacity = 10).await;
    open.services.on("GetStatistics", |_: GetStatisticsRequest| {
        Ok(GetStatisticsResponse { statistics: Some(Statistics { online: 8, ..Statistics::default() }) })
    });
    let page = open.get(&browser(), "/e/gala").await.text().await.unwrap();
    assert!(page.contains("href=\"/e/gala/register\"") && page.contains("2 places left"), "{page}");
    let cancelled = Site::with(|event| event.state = EventState::Cancelled.into()).await;
    let page = cancelled.get(&browser(), "/e/gala").await.text().await.unwrap();
    assert!(!page.contains("/e/gala/register") && page.contains("has been cancelled"), "{page}");
    let form = cancelled.post(&browser(), "/e/gala/register", &ADA).await;
    assert_eq!(form.status(), 422);
    assert!(cancelled.services.asked::<RegisterRequest>("Register").is_empty());
}
