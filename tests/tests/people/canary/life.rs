//! The canary's life: its words, and everything that can happen to a person, done through the public faces. It does not look for
//! traces; the tests beside it do.

use std::{
    path::{Path, PathBuf},
    time::{Duration, UNIX_EPOCH},
};

use aws_lc_rs::hmac;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use prost_types::{FieldMask, Timestamp};
use tonic::{Code, Request, transport::Endpoint};
use turnout_proto::{
    common::v1::{LocalizedText, Money, Role},
    notifications::v1::{
        MessageKind, ResendMessageRequest, SendTestRequest, Template,
        notification_service_client::NotificationServiceClient,
    },
    profiles::v1::{
        InviteMemberRequest, LinkPurpose, ListAuditRequest, ListPeopleRequest, Realm, RedeemLinkRequest,
        RequestLinkRequest, SendResetLinkRequest, SignInRequest, VerifyByHandRequest,
        account_service_client::AccountServiceClient, people_service_client::PeopleServiceClient,
    },
    registration::v1::{
        AnswerRsvpRequest, CancelRegistrationRequest, CheckInRequest, ConsentQuestion, Event, FieldType, Form,
        FormField, LegalBasis, ListRegistrantsRequest, PaymentState, PutFormRequest, RecordEntryRequest,
        RegisterRequest, RegistrantFilter, Registration, RotatePaymentSecretRequest, RsvpState, SetPaymentRequest,
        StandardField, UpdateRegistrationRequest, registrant_service_client::RegistrantServiceClient,
    },
};
use turnout_tests::{grpc::with_key, mail, needles::Needles, tokens::Forge, wait::until};

use super::words::Words;
use crate::desk::{Addresses, Desk};

const SECOND: Duration = Duration::from_secs(1);
/// Where it all happens; no personal word.
pub const EVENT: &str = "canaryevent";
/// What it costs, in cents.
const PRICE_MINOR: i64 = 1234;

/// Where the canary lives.
pub struct Cage {
    pub words: Words,
    desk: Desk,
    people: PeopleServiceClient<tonic::transport::Channel>,
    registrants: RegistrantServiceClient<tonic::transport::Channel>,
    messages: NotificationServiceClient<tonic::transport::Channel>,
    accounts: AccountServiceClient<tonic::transport::Channel>,
    /// A service of the mesh, and a member of the team.
    mesh: String,
    owner: String,
    public: String,
    pub mailbox: PathBuf,
}

impl Cage {
    /// In a place like this; the mailbox is where its mails arrive.
    pub fn new(addresses: &Addresses, forge: &Forge, public: &str, mailbox: &Path) -> Self {
        let lazy = |address: &str| Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy();
        Self {
            words: Words::new(),
            desk: Desk::at(addresses, forge),
            people: PeopleServiceClient::new(lazy(&addresses.profiles)),
            registrants: RegistrantServiceClient::new(lazy(&addresses.registration)),
            messages: NotificationServiceClient::new(lazy(&addresses.notifications)),
            accounts: AccountServiceClient::new(lazy(&addresses.profiles)),
            mesh: forge.access(None),
            owner: forge.member("demo", turnout_platform::auth::Role::Owner),
            public: public.to_owned(),
            mailbox: mailbox.to_owned(),
        }
    }

    fn owner<T>(&self, message: T) -> Request<T> {
        with_key(&self.owner, message)
    }

    fn mesh<T>(&self, message: T) -> Request<T> {
        with_key(&self.mesh, message)
    }

    /// All that can happen to a person; gives the secrets that only their mails may hold.
    pub async fn live(&mut self) -> Vec<String> {
        self.prepare().await;
        let registration = self.register().await;
        let mut secrets = vec![registration.code.clone()];
        self.take_part(&registration).await;
        self.be_helped(&registration).await;
        secrets.extend(self.sign_in().await);
        secrets.extend(self.be_on_the_team().await);
        self.be_looked_for(&registration).await;
        self.make_mistakes().await;
        let id = (registration.event_id, registration.registration_id);
        let request = CancelRegistrationRequest { event_id: id.0, registration_id: id.1, act: Some(self.words.act()) };
        let request = self.owner(request);
        self.registrants.cancel_registration(request).await.unwrap();
        self.mail("the mail of the cancellation", |mail| subject_has(mail, "cancelled")).await;
        secrets
    }

    async fn prepare(&mut self) {
        let event = Event {
            event_id: EVENT.into(),
            title: "An evening".into(),
            starts_at: Some(Timestamp { seconds: 4_000_000_000, nanos: 0 }),
            rsvp: true,
            nicknames: true,
            price: Some(price()),
            ..Default::default()
        };
        self.desk.open(event, &["rsvp", "nicknames", "price"]).await;
        let field = |key: &str, kind: FieldType| FormField {
            key: key.into(),
            r#type: kind.into(),
            label: Some(english(key)),
            purpose: Some(english("To know")),
            basis: LegalBasis::Consent.into(),
            ..Default::default()
        };
        let form = Form {
            event_id: EVENT.into(),
            fields: vec![
                field("answer", FieldType::Text),
                field("story", FieldType::LongText),
                field("place", FieldType::Place),
            ],
            name: StandardField::Required.into(),
            phone: StandardField::Optional.into(),
            consents: vec![ConsentQuestion {
                purpose: "news".into(),
                channel: "email".into(),
                text: Some(english("Send me news")),
            }],
            ..Default::default()
        };
        let request = self.owner(PutFormRequest { form: Some(form), expected_version: 0 });
        self.registrants.put_form(request).await.unwrap();
    }

    /// As people do it, on the page; then what the desk knows of it.
    async fn register(&mut self) -> Registration {
        let words = &self.words;
        let phone = format!("+358{}", words.digits);
        let email = words.email();
        let url = format!("http://{}/e/{EVENT}/register", self.public);
        let version = "1".to_owned();
        let mut form = vec![("email", &email), ("name", &words.name), ("phone", &phone), ("form_version", &version)];
        let (yes, somewhere) = ("yes".to_owned(), "Europe/Helsinki".to_owned());
        form.extend([("a.answer", &words.answer), ("a.story", &words.story), ("a.place", &words.place)]);
        form.extend([("consent.news/email", &yes), ("zone", &somewhere)]);
        let client = reqwest::Client::new();
        // Once with a mistake, so that the form comes back with everything in it.
        let mut mistaken = form.clone();
        mistaken[0].1 = &words.broken;
        let answer = client.post(&url).header("origin", format!("http://{}", self.public)).form(&mistaken);
        assert_eq!(answer.send().await.unwrap().status(), 422);
        let answer = client.post(&url).header("origin", format!("http://{}", self.public)).form(&form);
        let answer = answer.send().await.unwrap();
        let (status, page) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{status}: {page}");

        let nickname =
            RegisterRequest { event_id: EVENT.into(), nickname: self.words.nickname.clone(), ..Default::default() };
        let request = self.desk.ask(RegisterRequest { form_version: 1, ..nickname });
        self.registrants.register(request).await.unwrap();
        let rows = self.desk.export(EVENT).await;
        let row = rows.into_iter().find(|row| row.email == self.words.email()).expect("the page registers");
        assert_eq!(row.name, self.words.name);
        assert_eq!(row.answers["story"], self.words.story);
        assert!(row.phone.ends_with(&self.words.digits), "{}", row.phone);
        row
    }

    async fn take_part(&mut self, registration: &Registration) {
        self.mail("the confirmation", |mail| mail.link("/r/").is_some()).await;
        let page = reqwest::get(format!("http://{}/r/{}", self.public, registration.code)).await.unwrap();
        assert_eq!(page.status(), 200);
        assert!(page.text().await.unwrap().contains(&self.words.name), "their own page shows their name");
        let (event_id, registration_id) = (EVENT.to_owned(), registration.registration_id.clone());
        let rsvp = AnswerRsvpRequest {
            event_id: event_id.clone(),
            registration_id: registration_id.clone(),
            rsvp: RsvpState::Confirmed.into(),
            act: None,
        };
        let request = self.desk.ask(rsvp);
        self.registrants.answer_rsvp(request).await.unwrap();
        self.pay(&registration_id).await;
        let request = self.desk.ask(RecordEntryRequest { event_id: event_id.clone(), registration_id });
        assert!(self.registrants.record_entry(request).await.unwrap().into_inner().admitted);
        let check_in = CheckInRequest { event_id, code: registration.code.clone(), registration_id: String::new() };
        let request = self.owner(check_in);
        self.registrants.check_in(request).await.unwrap();
    }

    /// A signed notice of the shop, which says more than it has to.
    async fn pay(&mut self, registration_id: &str) {
        let request = self.owner(RotatePaymentSecretRequest {});
        let secret = self.registrants.rotate_payment_secret(request).await.unwrap().into_inner().secret;
        let body = serde_json::json!({
            "event_id": EVENT, "registration_id": registration_id, "state": "paid",
            "amount_minor": PRICE_MINOR, "currency": "EUR",
            "customer": self.words.email(), "holder": self.words.name,
        })
        .to_string();
        let at_s = UNIX_EPOCH.elapsed().unwrap().as_secs();
        let key = BASE64_STANDARD.decode(secret.trim_start_matches("whsec_")).unwrap();
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), format!("notice-1.{at_s}.{body}").as_bytes());
        let url = format!("http://{}/v1/tenants/demo/payments", self.public);
        let signed = |signature: String| {
            let request = reqwest::Client::new().post(&url).header("webhook-id", "notice-1").body(body.clone());
            request.header("webhook-timestamp", at_s).header("webhook-signature", signature).send()
        };
        assert_eq!(signed("v1,AAAA".into()).await.unwrap().status(), 401);
        let answer = signed(format!("v1,{}", BASE64_STANDARD.encode(tag))).await.unwrap();
        assert_eq!(answer.status(), 204);
    }

    /// What support and organisers do, each with a reason.
    async fn be_helped(&mut self, registration: &Registration) {
        let (event_id, registration_id) = (EVENT.to_owned(), registration.registration_id.clone());
        let person_id = registration.person_id.clone();
        let changed =
            Registration { event_id: event_id.clone(), registration_id: registration_id.clone(), ..Default::default() };
        let update = UpdateRegistrationRequest {
            registration: Some(Registration { name: self.words.renamed.clone(), ..changed }),
            update_mask: Some(FieldMask { paths: vec!["name".into()] }),
            expected_version: 0,
            act: Some(self.words.act()),
        };
        let request = self.owner(update);
        self.registrants.update_registration(request).await.unwrap();
        let reason = self.words.why();
        let request = self.owner(VerifyByHandRequest { person_id: person_id.clone(), reason: reason.clone() });
        self.people.verify_by_hand(request).await.unwrap();
        let request = self.owner(SendResetLinkRequest { person_id, reason: reason.clone() });
        self.accounts.send_reset_link(request).await.unwrap();
        let resend = ResendMessageRequest {
            event_id: event_id.clone(),
            registration_id: registration_id.clone(),
            kind: MessageKind::Confirmation.into(),
            reason,
        };
        let request = self.owner(resend);
        self.messages.resend_message(request).await.unwrap();
        let refund = SetPaymentRequest {
            event_id,
            registration_id,
            payment: PaymentState::Refunded.into(),
            paid: Some(price()),
            act: Some(self.words.act()),
        };
        let request = self.owner(refund);
        self.registrants.set_payment(request).await.unwrap();
    }

    /// By link, by password, and wrongly.
    async fn sign_in(&mut self) -> Vec<String> {
        let mut secrets = Vec::new();
        let reset = self.link("/sign-in/link").await;
        let page = reqwest::get(format!("http://{}{reset}", self.public)).await.unwrap();
        assert_eq!(page.status(), 200, "the link of the mail opens its page");
        let token = token_of(&reset);
        let password = format!("{} and more", self.words.password);
        let redeem = RedeemLinkRequest { token: token.clone(), new_password: password.clone(), confirmed: true };
        let request = self.mesh(redeem);
        let redeemed = self.accounts.redeem_link(request).await.unwrap().into_inner();
        secrets.extend([token, redeemed.session]);
        let sign_in = |email: String, password: String| SignInRequest {
            realm: Realm::Audience.into(),
            tenant_id: "demo".into(),
            email,
            password,
            code: String::new(),
            client: "a-network".into(),
        };
        let request = self.mesh(sign_in(self.words.email(), password.clone()));
        secrets.push(self.accounts.sign_in(request).await.unwrap().into_inner().session);
        for (email, password) in
            [(self.words.email(), format!("{}?", self.words.password)), (self.stranger(), password.clone())]
        {
            let request = self.mesh(sign_in(email, password));
            let refused = self.accounts.sign_in(request).await.unwrap_err();
            self.says_nothing(&refused);
        }
        for email in [self.words.email(), self.stranger()] {
            let request = RequestLinkRequest {
                realm: Realm::Audience.into(),
                tenant_id: "demo".into(),
                email,
                purpose: LinkPurpose::SignIn.into(),
                client: "another-network".into(),
                event_id: EVENT.into(),
                ..Default::default()
            };
            let request = self.mesh(request);
            self.accounts.request_link(request).await.unwrap();
        }
        self.mail("the sign-in link", |mail| subject_has(mail, "link to sign in")).await;
        secrets.retain(|secret| !secret.is_empty());
        secrets
    }

    async fn be_on_the_team(&mut self) -> Vec<String> {
        let email = format!("{}@example.org", self.words.member);
        let invite = InviteMemberRequest { email: email.clone(), role: Role::Support.into(), language: "en".into() };
        let request = self.owner(invite);
        self.accounts.invite_member(request).await.unwrap();
        let mailbox = self.mailbox.clone();
        let invitation = mail::wait_for(&mailbox, &email, 1).await;
        let link = invitation[0].link("/console/link").expect("an invitation has a link");
        let page = reqwest::get(format!("http://{}{link}", self.public)).await.unwrap();
        assert_eq!(page.status(), 200, "the link of the invitation opens its page");
        let token = token_of(&link);
        let new_password = format!("{} of a member", self.words.password);
        let request = self.mesh(RedeemLinkRequest { token: token.clone(), new_password, confirmed: true });
        let session = self.accounts.redeem_link(request).await.unwrap().into_inner().session;
        let template = Template {
            kind: MessageKind::Confirmation.into(),
            subject: Some(english("A try")),
            body: Some(english("Hello.")),
            ..Default::default()
        };
        let request =
            self.owner(SendTestRequest { template: Some(template), language: "en".into(), email: email.clone() });
        assert!(self.messages.send_test(request).await.unwrap().into_inner().handed_off);
        [token, session].into_iter().filter(|secret| !secret.is_empty()).collect()
    }

    /// Searches are questions about somebody, too.
    async fn be_looked_for(&mut self, registration: &Registration) {
        let searches = [self.words.renamed.clone(), self.words.mail.clone(), self.words.digits.clone()];
        for search in searches {
            let filter = Some(RegistrantFilter { search: search.clone(), ..Default::default() });
            let find = async || {
                let list =
                    ListRegistrantsRequest { event_id: EVENT.into(), filter: filter.clone(), ..Default::default() };
                let found = self.registrants.clone().list_registrants(self.owner(list)).await.unwrap().into_inner();
                found.registrations.iter().any(|row| row.registration_id == registration.registration_id)
            };
            until("the search finds them", 5 * SECOND, find, |found| *found).await;
            let request = self.owner(ListPeopleRequest { search: search.clone(), ..Default::default() });
            self.people.list_people(request).await.unwrap();
            for page in ["events/canaryevent/registrants", "audience"] {
                let url = format!("http://{}/console/{page}?q={search}&search={search}", self.public);
                reqwest::get(url).await.unwrap();
            }
        }
        let request = self.owner(ListAuditRequest::default());
        let audit = self.accounts.list_audit(request).await.unwrap().into_inner().entries;
        assert!(
            audit.iter().any(|entry| entry.reason.contains(&self.words.reason)),
            "the audit log tells why: {audit:?}"
        );
    }

    /// What is refused must not be repeated by the refusal.
    async fn make_mistakes(&mut self) {
        let broken = self.words.broken.clone();
        let answers = [("place".to_owned(), broken.repeat(20))].into();
        for request in [
            RegisterRequest { email: format!("{broken}@@x"), name: broken.clone(), ..Default::default() },
            RegisterRequest {
                email: self.stranger(),
                phone: broken.clone(),
                name: broken.clone(),
                ..Default::default()
            },
            RegisterRequest { email: self.stranger(), name: broken.clone(), answers, ..Default::default() },
            RegisterRequest { nickname: broken.repeat(5), ..Default::default() },
        ] {
            let request = self.desk.ask(RegisterRequest { event_id: EVENT.into(), form_version: 1, ..request });
            let refused = self.registrants.register(request).await.unwrap_err();
            assert_eq!(refused.code(), Code::InvalidArgument, "{refused:?}");
            self.says_nothing(&refused);
        }
        let nobody = format!("http://{}/r/{}", self.public, self.words.broken);
        assert_eq!(reqwest::get(nobody).await.unwrap().status(), 404);
    }

    fn stranger(&self) -> String {
        format!("{}@example.org", self.words.stranger)
    }

    fn says_nothing(&self, refused: &tonic::Status) {
        let told = format!("{refused:?}");
        assert_eq!(Needles::of(self.words.all()).in_bytes(told.as_bytes()), Vec::<&str>::new(), "{told}");
    }

    async fn mail(&self, what: &str, is: impl Fn(&mail::Mail) -> bool) -> mail::Mail {
        let seen = async || mail::to(&self.mailbox, &self.words.email()).into_iter().find(&is);
        until(what, 10 * SECOND, seen, Option::is_some).await;
        seen().await.unwrap()
    }

    async fn link(&self, path: &str) -> String {
        self.mail(path, |mail| mail.link(path).is_some()).await.link(path).unwrap()
    }
}

fn subject_has(mail: &mail::Mail, words: &str) -> bool {
    mail.header("subject").is_some_and(|subject| subject.contains(words))
}

fn english(text: &str) -> LocalizedText {
    LocalizedText { texts: [("en".to_owned(), text.to_owned())].into() }
}

fn price() -> Money {
    Money { amount_minor: PRICE_MINOR, currency: "EUR".into() }
}

fn token_of(link: &str) -> String {
    let token = link.split("token=").nth(1).expect("the link has a token");
    token.split('&').next().unwrap_or_default().to_owned()
}
