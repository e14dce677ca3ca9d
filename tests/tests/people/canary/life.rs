//! The canary's life: what people do themselves, on pages and through the public faces.

use std::time::UNIX_EPOCH;

use aws_lc_rs::hmac;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use prost_types::Timestamp;
use turnout_proto::{
    profiles::v1::{
        BeginSecondFactorRequest, ChangePasswordRequest, LinkPurpose, Realm, RedeemLinkRequest, RequestLinkRequest,
        SignInRequest,
    },
    registration::v1::{
        AnswerRsvpRequest, CancelRegistrationRequest, CheckInRequest, ConsentQuestion, Event, FieldType, Form,
        FormField, LegalBasis, PutFormRequest, RecordEntryRequest, RegisterRequest, Registration,
        RotatePaymentSecretRequest, RsvpState, StandardField,
    },
};

use super::cage::{Cage, EVENT, PRICE_MINOR, english, price, subject_has, token_of};

impl Cage {
    /// All that can happen to a person; gives the secrets that only their mails may hold.
    pub async fn live(&mut self) -> Vec<String> {
        self.prepare().await;
        let registration = self.register().await;
        let mut secrets = vec![registration.code.clone()];
        self.take_part(&registration).await;
        self.be_helped(&registration).await;
        secrets.push(self.end_a_key().await);
        secrets.extend(self.sign_in().await);
        let person = secrets.last().expect("who signed in has a session").clone();
        secrets.extend(self.be_on_the_team().await);
        let owner = secrets.last().expect("a member has a session").clone();
        self.be_looked_for(&registration).await;
        self.bounce(&registration).await;
        self.be_read_of(&registration, &owner, &person).await;
        self.make_mistakes().await;
        let id = (registration.event_id, registration.registration_id);
        let request = CancelRegistrationRequest { event_id: id.0, registration_id: id.1, act: Some(self.words.act()) };
        let request = self.owner(request);
        self.registrants.cancel_registration(request).await.unwrap();
        self.mail("the mail of the cancellation", |mail| subject_has(mail, "cancelled")).await;
        secrets
    }

    pub async fn prepare(&mut self) {
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
    pub async fn register(&mut self) -> Registration {
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
        let request = self.tenant(RegisterRequest { form_version: 1, ..nickname });
        self.registrants.register(request).await.unwrap();
        self.register_by_hand().await;
        let rows = self.desk.export(EVENT).await;
        let row = rows.into_iter().find(|row| row.email == self.words.email()).expect("the page registers");
        assert_eq!(row.name, self.words.name);
        assert_eq!(row.answers["story"], self.words.story);
        assert!(row.phone.ends_with(&self.words.digits), "{}", row.phone);
        row
    }

    pub async fn take_part(&mut self, registration: &Registration) {
        self.mail("the confirmation", |mail| mail.link("/r/").is_some()).await;
        let page = reqwest::get(format!("http://{}/r/{}", self.public, registration.code)).await.unwrap();
        assert_eq!(page.status(), 200);
        assert!(page.text().await.unwrap().contains(&self.words.name), "their own page shows their name");
        let (event_id, registration_id) = (EVENT.to_owned(), registration.registration_id.clone());
        let rsvp = AnswerRsvpRequest {
            event_id: event_id.clone(),
            registration_id: registration_id.clone(),
            rsvp: RsvpState::Confirmed.into(),
            act: Some(self.words.act()),
        };
        let request = self.tenant(rsvp);
        self.registrants.answer_rsvp(request).await.unwrap();
        self.pay(&registration_id).await;
        let request = self.tenant(RecordEntryRequest { event_id: event_id.clone(), registration_id });
        assert!(self.registrants.record_entry(request).await.unwrap().into_inner().admitted);
        let act = Some(self.words.act());
        let code = registration.code.clone();
        let check_in = CheckInRequest { event_id, code, act, ..CheckInRequest::default() };
        let request = self.owner(check_in);
        self.registrants.check_in(request).await.unwrap();
    }

    /// Somebody at the desk types everything once more.
    async fn register_by_hand(&mut self) {
        let words = &self.words;
        let request = RegisterRequest {
            event_id: EVENT.into(),
            email: words.stranger(),
            name: words.name.clone(),
            phone: format!("+358{}", words.other_digits),
            answers: [("answer", &words.answer), ("story", &words.story)]
                .map(|(key, word)| (key.to_owned(), word.clone()))
                .into(),
            form_version: 1,
            act: Some(words.act()),
            ..Default::default()
        };
        let request = self.owner(request);
        self.registrants.register(request).await.unwrap();
    }

    /// A signed notice of the shop, which says more than it has to.
    async fn pay(&mut self, registration_id: &str) {
        let request = self.owner(RotatePaymentSecretRequest {});
        let secret = self.registrants.rotate_payment_secret(request).await.unwrap().into_inner().secret;
        let body = serde_json::json!({
            "event_id": EVENT, "registration_id": registration_id, "state": "paid",
            "amount_minor": PRICE_MINOR, "currency": "EUR",
            "customer": self.words.email(), "holder": self.words.name,
        });
        assert_eq!(self.notify("payments", &body, "whsec_AAAA").await, 401);
        assert_eq!(self.notify("payments", &body, &secret).await, 204);
    }

    /// Tells a webhook of the tenant something, signed with a secret; the status of the answer.
    pub async fn notify(&self, webhook: &str, body: &serde_json::Value, secret: &str) -> u16 {
        let (at_s, body) = (UNIX_EPOCH.elapsed().unwrap().as_secs(), body.to_string());
        let key = BASE64_STANDARD.decode(secret.trim_start_matches("whsec_")).unwrap();
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), format!("notice-1.{at_s}.{body}").as_bytes());
        let url = format!("http://{}/v1/tenants/demo/{webhook}", self.public);
        let request = reqwest::Client::new().post(url).header("webhook-id", "notice-1").body(body);
        let signature = format!("v1,{}", BASE64_STANDARD.encode(tag));
        let request = request.header("webhook-timestamp", at_s).header("webhook-signature", signature);
        request.send().await.unwrap().status().as_u16()
    }

    /// By link, by password, and wrongly.
    pub async fn sign_in(&mut self) -> Vec<String> {
        let mut secrets = Vec::new();
        // Another mail with such a link asks whether what the form said is agreed to.
        let mail = self.mail("the reset", |mail| subject_has(mail, "Set a new password")).await;
        let reset = mail.link("/sign-in/link").unwrap();
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
            client: self.words.network.clone(),
        };
        let request = self.mesh(sign_in(self.words.email(), password.clone()));
        let session = self.accounts.sign_in(request).await.unwrap().into_inner().session;
        let change = ChangePasswordRequest {
            session: session.clone(),
            old_password: password.clone(),
            new_password: format!("{} and less", self.words.password),
        };
        let request = self.mesh(change);
        self.accounts.change_password(request).await.unwrap();
        let request = self.mesh(BeginSecondFactorRequest {
            session: session.clone(),
            password: format!("{} and less", self.words.password),
        });
        self.accounts.begin_second_factor(request).await.unwrap();
        secrets.push(session);
        for (email, password) in
            [(self.words.email(), format!("{}?", self.words.password)), (self.nobody(), password.clone())]
        {
            let request = self.mesh(sign_in(email, password));
            let refused = self.accounts.sign_in(request).await.unwrap_err();
            self.says_nothing(&refused);
        }
        for email in [self.words.email(), self.nobody()] {
            let request = RequestLinkRequest {
                realm: Realm::Audience.into(),
                tenant_id: "demo".into(),
                email,
                purpose: LinkPurpose::SignIn.into(),
                client: self.words.network.clone(),
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

    /// An address that nobody has an account at.
    pub fn nobody(&self) -> String {
        format!("{}@example.net", self.words.stranger)
    }
}
