//! What others do for the canary and with what is known of it: support, organisers, the services among themselves.

use prost_types::FieldMask;
use turnout_proto::{
    common::v1::Role,
    notifications::v1::{
        LiftMarketingStopRequest, LiftSuppressionRequest, ListMessagesOfEventRequest,
        ListMessagesOfRegistrationsRequest, ListSuppressionsRequest, MessageKind, MessageSettings,
        PutMessageSettingsRequest, ReplayNoticesRequest, ResendMessageRequest, RotateReportSecretRequest,
        SendSecurityMessageRequest, SendTestRequest, Template,
    },
    profiles::v1::{
        AuditEntry, CreateFirstOwnerRequest, EnsurePersonRequest, ExportConsentingRequest, ExportPeopleRequest,
        InviteMemberRequest, ListAuditRequest, ListPeopleRequest, Person, RecordAuditRequest, RedeemLinkRequest,
        SendResetLinkRequest, UpdatePersonRequest, VerifyByHandRequest,
    },
    registration::v1::{
        CreateApiKeyRequest, ExportRegistrantsRequest, ListRegistrantsRequest, PaymentState, RegistrantFilter,
        Registration, RevokeApiKeyRequest, SetPaymentRequest, UpdateRegistrationRequest,
    },
};
use turnout_tests::{mail, wait::until};

use super::cage::{Cage, EVENT, SECOND, english, price, token_of};

fn mask(paths: &[&str]) -> FieldMask {
    FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() }
}

impl Cage {
    /// What support and organisers do, each with a reason.
    pub async fn be_helped(&mut self, registration: &Registration) {
        self.be_changed(registration).await;
        let (event_id, registration_id) = (EVENT.to_owned(), registration.registration_id.clone());
        let (person_id, reason) = (registration.person_id.clone(), self.words.why());
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

    /// A key is made, and revoked because of them; gives its secret.
    pub async fn end_a_key(&mut self) -> String {
        let request = self.owner(CreateApiKeyRequest { label: "canary".to_owned() });
        let made = self.events.create_api_key(request).await.unwrap().into_inner();
        let request = self.owner(RevokeApiKeyRequest { key_id: made.key_id, act: Some(self.words.act()) });
        self.events.revoke_api_key(request).await.unwrap();
        made.secret
    }

    /// Everything in the request holds a word, also what the mask leaves out.
    async fn be_changed(&mut self, registration: &Registration) {
        let words = &self.words;
        let changed = Registration {
            event_id: EVENT.into(),
            registration_id: registration.registration_id.clone(),
            email: words.email(),
            name: words.renamed.clone(),
            phone: format!("+358{}", words.other_digits),
            nickname: words.nickname.clone(),
            answers: [("answer".to_owned(), words.answer.clone())].into(),
            ..Default::default()
        };
        let update = UpdateRegistrationRequest {
            registration: Some(changed),
            update_mask: Some(mask(&["name", "answers"])),
            expected_version: 0,
            act: Some(words.act()),
        };
        let request = self.owner(update);
        self.registrants.update_registration(request).await.unwrap();
        let person = Person {
            person_id: registration.person_id.clone(),
            email: self.words.email(),
            name: self.words.renamed.clone(),
            phone: format!("+358{}", self.words.other_digits),
            ..Default::default()
        };
        let update = UpdatePersonRequest {
            person: Some(person),
            update_mask: Some(mask(&["name", "phone"])),
            expected_version: 0,
            reason: self.words.why(),
        };
        let request = self.owner(update);
        self.people.update_person(request).await.unwrap();
        let person = EnsurePersonRequest {
            email: self.words.stranger(),
            name: self.words.name.clone(),
            phone: format!("+358{}", self.words.digits),
            ..Default::default()
        };
        let request = self.tenant(person);
        self.people.ensure_person(request).await.unwrap();
    }

    /// The canary becomes an owner of the team, and another one begins a team of its own.
    pub async fn be_on_the_team(&mut self) -> Vec<String> {
        let email = format!("{}@example.org", self.words.member);
        let invite = InviteMemberRequest { email: email.clone(), role: Role::Owner.into(), language: "en".into() };
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
        self.send_words(&email).await;
        let owner = CreateFirstOwnerRequest {
            tenant_id: "canarytenant".into(),
            email: format!("{}@example.org", self.words.owner),
            password: format!("{} of an owner", self.words.password),
        };
        let request = self.mesh(owner);
        let first = self.accounts.create_first_owner(request).await.unwrap().into_inner().session;
        let mut secrets = vec![token, first, session];
        secrets.retain(|secret| !secret.is_empty());
        secrets
    }

    /// What the notifications service is told to send, and how.
    async fn send_words(&mut self, email: &str) {
        let template = Template {
            kind: MessageKind::Confirmation.into(),
            subject: Some(english("A try")),
            body: Some(english("Hello.")),
            ..Default::default()
        };
        let test = SendTestRequest { template: Some(template), language: "en".into(), email: email.to_owned() };
        let request = self.owner(test);
        assert!(self.messages.send_test(request).await.unwrap().into_inner().handed_off);
        let settings = MessageSettings {
            sender_name: "The evening".into(),
            reply_to: format!("{}@example.org", self.words.sender),
            quiet_from_min: 0,
            quiet_to_min: 0,
            // Nothing is sent inside the network, and what would be told is kept.
            webhook_url: "https://127.0.0.1/hook".into(),
            ..Default::default()
        };
        let request = self.owner(PutMessageSettingsRequest { settings: Some(settings) });
        self.messages.put_message_settings(request).await.unwrap();
        let in_an_hour = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs() as i64 + 3600;
        let security = SendSecurityMessageRequest {
            kind: MessageKind::SignInLink.into(),
            email: self.words.stranger(),
            name: self.words.name.clone(),
            link_path: format!("/sign-in/link?token={}", self.words.link),
            language: "en".into(),
            idempotency_key: format!("canary-{}", std::process::id()),
            expires_at: Some(prost_types::Timestamp { seconds: in_an_hour, nanos: 0 }),
            ..Default::default()
        };
        let request = self.tenant(security);
        self.messages.send_security_message(request).await.unwrap();
        let entry = AuditEntry {
            actor: "service:test".into(),
            action: "registration.cancel".into(),
            subject: "registration:none".into(),
            reason: self.words.why(),
            detail: format!("{} and more", self.words.detail),
            entry_id: format!("canary-{}", std::process::id()),
            ..Default::default()
        };
        let request = self.tenant(RecordAuditRequest { entry: Some(entry) });
        self.accounts.record_audit(request).await.unwrap();
    }

    /// Searches are questions about somebody, too.
    pub async fn be_looked_for(&mut self, registration: &Registration) {
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
            let (event_id, act) = (EVENT.to_owned(), Some(self.words.act()));
            let export = ExportRegistrantsRequest { event_id, filter, act, ..Default::default() };
            let request = self.owner(export);
            let mut rows = self.registrants.export_registrants(request).await.unwrap().into_inner();
            while rows.message().await.unwrap().is_some() {}
            let export = ExportPeopleRequest { search, reason: self.words.why(), ..Default::default() };
            let request = self.owner(export);
            let mut rows = self.people.export_people(request).await.unwrap().into_inner();
            while rows.message().await.unwrap().is_some() {}
        }
        // Words of ours belong here; whoever calls may send others.
        let (occurrence, reason) = (Some(self.words.why()), Some(self.words.why()));
        let (event_id, kind) = (EVENT.to_owned(), MessageKind::Confirmation.into());
        let list = ListMessagesOfEventRequest { event_id, kind, occurrence, reason, ..Default::default() };
        let request = self.owner(list);
        self.messages.list_messages_of_event(request).await.unwrap();
        let (purpose, channel) = ("news".to_owned(), "email".to_owned());
        let request = self.owner(ExportConsentingRequest { purpose, channel, reason: self.words.why() });
        let mut rows = self.people.export_consenting(request).await.unwrap().into_inner();
        while rows.message().await.unwrap().is_some() {}
        let request = self.owner(ListAuditRequest::default());
        let audit = self.accounts.list_audit(request).await.unwrap().into_inner().entries;
        for word in [&self.words.reason, &self.words.detail] {
            let tells = audit.iter().any(|entry| format!("{entry:?}").contains(word.as_str()));
            assert!(tells, "the audit log tells {word}: {audit:?}");
        }
    }

    /// A server returns the confirmation, and says a word about whom it was for.
    async fn return_mail(&self) {
        let mail = self.mail("the confirmation", |mail| mail.header("Message-ID").is_some()).await;
        let mail_id = mail.header("Message-ID").unwrap();
        let returned = format!(
            "MIME-Version: 1.0\nContent-Type: multipart/report; boundary=b\n\n--b\nContent-Type: message/delivery-status\n\n\
             Final-Recipient: rfc822; {}\nAction: delayed\n\n--b\nContent-Type: text/rfc822-headers\n\n\
             Message-ID: {mail_id}\n\n--b--\n",
            self.words.email()
        );
        assert_eq!(self.returned(returned).await, 204);
    }

    async fn returned(&self, mail: String) -> u16 {
        let url = format!("http://{}/v1/returned-mails", self.public);
        reqwest::Client::new().post(url).body(mail).send().await.unwrap().status().as_u16()
    }

    /// They mark their mails as spam until marketing stops, and an owner lets it go on.
    async fn complain(&mut self) {
        for mail in mail::to(&self.mailbox, &self.words.email()) {
            let marked = format!(
                "MIME-Version: 1.0\nContent-Type: multipart/report; boundary=b\n\n--b\nContent-Type: message/feedback-report\n\n\
                 Feedback-Type: abuse\nOriginal-Rcpt-To: {}\n\n--b\nContent-Type: text/rfc822-headers\n\n\
                 Message-ID: {}\n\n--b--\n",
                self.words.email(),
                mail.header("Message-ID").unwrap_or_default(),
            );
            self.returned(marked).await;
        }
        let request = self.owner(LiftMarketingStopRequest { reason: self.words.why() });
        let standing = self.messages.lift_marketing_stop(request).await.unwrap().into_inner().standing.unwrap();
        assert!(standing.complaints >= 3 && standing.lifted_until.is_some(), "{standing:?}");
    }

    /// Their organiser's system is told again what it was told of them.
    async fn be_told_again(&mut self) {
        let replay = ReplayNoticesRequest {
            since: Some(prost_types::Timestamp::default()),
            reason: self.words.why(),
            ..Default::default()
        };
        let request = self.owner(replay);
        assert!(self.messages.replay_notices(request).await.unwrap().into_inner().queued > 0);
    }

    /// The address is reported as dead, then it is not.
    pub async fn bounce(&mut self, registration: &Registration) {
        let request = self.owner(RotateReportSecretRequest {});
        let secret = self.messages.rotate_report_secret(request).await.unwrap().into_inner().secret;
        let of_registration = ListMessagesOfRegistrationsRequest {
            event_id: EVENT.into(),
            registration_ids: vec![registration.registration_id.clone()],
        };
        let request = self.owner(of_registration);
        let messages = self.messages.list_messages_of_registrations(request).await.unwrap().into_inner().messages;
        let sent = messages.iter().find(|message| message.kind() == MessageKind::Confirmation).expect("one was sent");
        let body = serde_json::json!({
            "message_id": sent.message_id, "event": "bounced_hard",
            "recipient": self.words.email(), "diagnostic": format!("{} unknown", self.words.mail),
        });
        assert_eq!(self.notify("delivery-reports", &body, &secret).await, 204);
        self.return_mail().await;
        let email = self.words.email();
        let request = self.owner(ListSuppressionsRequest { email: email.clone(), ..Default::default() });
        let found = self.messages.list_suppressions(request).await.unwrap().into_inner().suppressions;
        assert_eq!(found.len(), 1, "the address is suppressed");
        self.complain().await;
        self.be_told_again().await;
        let request = self.owner(LiftSuppressionRequest { email, reason: self.words.why() });
        self.messages.lift_suppression(request).await.unwrap();
    }
}
