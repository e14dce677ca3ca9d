//! What comes back: reports of providers, people who unsubscribe, addresses that are not written to any more.

use serde::Deserialize;
use turnout_platform::{
    auth::{Principal, codes::CodePurpose},
    canonical,
    failure::Failure,
    ids::TenantId,
    page_tokens::PageTokens,
    random,
    webhooks::{self, Envelope},
};
use turnout_proto::{
    notifications::v1::{
        ApplyDeliveryReportRequest, ListSuppressionsRequest, ListSuppressionsResponse, ResolveUnsubscribeResponse,
        Suppression,
    },
    profiles::v1::AuditEntry,
};

use crate::{
    Notifications, audit,
    domain::{
        fields,
        life::Report,
        message::{Channel, Message, MessageId, State},
        returned::{self, Returned},
        suppression::Standing,
    },
    store::{AddressKey, timestamp},
};

const BODY_BYTES_MAX: usize = 64 * 1024;
/// Rows of one read of suppressions.
const ROWS: usize = 500;
/// The list of suppressions, in its page tokens.
const SUPPRESSIONS: &str = "suppressions";

#[derive(Deserialize)]
struct Body {
    message_id: String,
    event: String,
}

/// What an unsubscribe link is about.
pub(crate) struct Link {
    tenant: TenantId,
    person: String,
    purpose: String,
    event: String,
}

impl Notifications {
    /// Applies a report; true when it was applied before.
    pub(crate) async fn apply_report(&self, request: ApplyDeliveryReportRequest) -> Result<bool, Failure> {
        self.counted(self.checked_report(request).await)
    }

    /// Applies what a mail that came back says; true when it was applied before. Whoever has the mail may tell: what is returned holds
    /// its `Message-ID`, which nobody can guess.
    pub(crate) async fn apply_returned_mail(&self, mail: &[u8]) -> Result<bool, Failure> {
        self.counted(self.checked_return(mail).await)
    }

    fn counted(&self, outcome: Result<bool, Failure>) -> Result<bool, Failure> {
        self.metrics.reported(match &outcome {
            Ok(true) => "repeated",
            Ok(false) => "applied",
            Err(Failure::PermissionDenied) => "refused",
            Err(_) => "failed",
        });
        outcome
    }

    async fn checked_return(&self, mail: &[u8]) -> Result<bool, Failure> {
        let Returned { mail_id, report } = returned::read(mail).ok_or(Failure::PermissionDenied)?;
        let (tenant, message) = self.composer.message_of(&mail_id).ok_or(Failure::PermissionDenied)?;
        // A server says the same of a mail once or often; each way in which it can end is applied once.
        let id = MessageId::of(&tenant, &["returned", message.as_str(), &format!("{report:?}")]);
        self.apply_once(&tenant, id.as_str(), &message, report).await
    }

    async fn checked_report(&self, request: ApplyDeliveryReportRequest) -> Result<bool, Failure> {
        // Who is no tenant and who signs wrongly hear the same.
        let tenant: TenantId = request.tenant_id.parse().map_err(|_| Failure::PermissionDenied)?;
        self.check_signature(&tenant, &request).await?;
        let id = fields::token("id", &request.id)?;
        let wrong = || Failure::invalid("body", "must be JSON with message_id and event");
        let body: Body = serde_json::from_slice(&request.body).map_err(|_| wrong())?;
        let report = match body.event.as_str() {
            "delivered" => Report::Delivered,
            "bounced_hard" => Report::BouncedHard,
            "bounced_soft" => Report::BouncedSoft,
            "deferred" => Report::Deferred,
            "complained" => Report::Complained,
            _ => return Err(wrong()),
        };
        // Either as the mail has it or as the console shows it.
        let of_mail = self.composer.message_of(&body.message_id).filter(|(of, _)| *of == tenant).map(|(_, id)| id);
        let message = of_mail.or_else(|| MessageId::read(&body.message_id)).ok_or_else(wrong)?;
        self.apply_once(&tenant, &id, &message, report).await
    }

    async fn apply_once(&self, tenant: &TenantId, id: &str, of: &MessageId, report: Report) -> Result<bool, Failure> {
        if self.store.report_is_known(tenant, id).await? {
            return Ok(true);
        }
        if let Some(message) = self.store.message(tenant, of).await? {
            self.apply_to_message(&message, report, id).await?;
        }
        self.store.remember_report(tenant, id, self.now_ms()).await?;
        Ok(false)
    }

    async fn apply_to_message(&self, message: &Message, report: Report, id: &str) -> Result<(), Failure> {
        let tenant = &message.tenant;
        self.planner.reported(message, report).await?;
        if !message.address_key.is_empty() {
            let (key, now_ms) = (AddressKey::of(&message.address_key), self.now_ms());
            let after = |standing: &Standing| standing.after(report, id, now_ms);
            self.store.change_standing(tenant, message.channel, &key, after).await?;
        }
        if report == Report::Complained {
            self.note_complaint(message).await?;
        }
        if report == Report::Complained && !message.person.is_empty() {
            let key = MessageId::of(tenant, &["complaint", id]).to_string();
            self.planner.upstream.withdraw_marketing(tenant, &message.person, "complaint", key).await?;
        }
        Ok(())
    }

    /// Counts a complaint, if it is about a mail that was handed over: each mail once, whoever reports it how often.
    async fn note_complaint(&self, message: &Message) -> Result<(), Failure> {
        let now = self.store.message(&message.tenant, &message.id).await?;
        let of_mail = |message: &Message| message.channel == Channel::Email && message.state == State::Complained;
        match now.filter(of_mail) {
            // Of several in one mail, all are that mail.
            Some(Message { carrier: Some(carrier), ref tenant, .. }) => {
                match self.store.message(tenant, &carrier).await? {
                    Some(mail) => self.store.note_complaint(&mail).await,
                    None => Ok(()),
                }
            }
            Some(mail) => self.store.note_complaint(&mail).await,
            None => Ok(()),
        }
    }

    async fn check_signature(&self, tenant: &TenantId, request: &ApplyDeliveryReportRequest) -> Result<(), Failure> {
        if request.body.len() > BODY_BYTES_MAX {
            return Err(Failure::PermissionDenied);
        }
        let now_ms = self.now_ms();
        let secrets = self.store.report_secrets(tenant, now_ms).await?.ok_or(Failure::PermissionDenied)?;
        let ApplyDeliveryReportRequest { id, timestamp, signature, body, .. } = request;
        let genuine = Envelope { id, timestamp, signature, body }.is_genuine(&secrets, now_ms / 1000);
        if genuine { Ok(()) } else { Err(Failure::PermissionDenied) }
    }

    /// A new secret, in the words in which it is shown once.
    pub(crate) async fn rotate_report_secret(&self, caller: &Principal) -> Result<String, Failure> {
        let tenant = caller.tenant()?;
        self.enter(caller, audit::settled("report-secret.rotate", tenant, None, String::new())).await?;
        Ok(webhooks::shown(&self.store.rotate_report_secret(tenant, self.now_ms()).await?))
    }

    /// What the code of a link is about.
    pub(crate) fn link(&self, code: &str) -> Result<Link, Failure> {
        let unknown = || Failure::NotFound { what: "link" };
        let parts = self.composer.codes.read(CodePurpose::Unsubscribe, code).ok_or_else(unknown)?;
        let [tenant, person, purpose, event] = <[String; 4]>::try_from(parts).map_err(|_| unknown())?;
        let event = if event == "-" { String::new() } else { event };
        Ok(Link { tenant: tenant.parse().map_err(|_| unknown())?, person, purpose, event })
    }

    pub(crate) async fn resolve_unsubscribe(&self, code: &str) -> Result<ResolveUnsubscribeResponse, Failure> {
        let Link { tenant, person, purpose, event } = self.link(code)?;
        let sender_name = self.store.settings(&tenant).await?.sender_name;
        let tenant_id = tenant.to_string();
        Ok(ResolveUnsubscribeResponse { tenant_id, person_id: person, purpose, sender_name, event_id: event })
    }

    pub(crate) async fn unsubscribe(&self, code: &str, all_marketing: bool) -> Result<(), Failure> {
        let Link { tenant, person, purpose, .. } = self.link(code)?;
        // Each click counts: between two of them the person may have agreed anew.
        let key = random::sortable_id();
        self.planner.upstream.withdraw(&tenant, &person, &purpose, "unsubscribe", key.clone()).await?;
        if all_marketing {
            self.planner.upstream.withdraw_marketing(&tenant, &person, "unsubscribe", key).await?;
        }
        Ok(())
    }

    pub(crate) async fn suppressions(
        &self,
        tenant: &TenantId,
        request: ListSuppressionsRequest,
    ) -> Result<ListSuppressionsResponse, Failure> {
        let (size, now_ms) = (fields::page_size(request.page_size)?, self.now_ms());
        if !request.email.is_empty() {
            let (channel, key, standing) = self.standing_of(tenant, &request.email).await?;
            let suppressed = standing.is_suppressed(now_ms);
            let suppressions = suppressed.then(|| wire(channel, key, &standing)).into_iter().collect();
            return Ok(ListSuppressionsResponse { suppressions, next_page_token: String::new() });
        }
        let tokens = PageTokens::of(self.store.vault(), tenant).await?;
        let mut after: Option<(String, String)> = tokens.read(SUPPRESSIONS, &request.page_token)?;
        let mut suppressions = Vec::new();
        loop {
            let (rows, more) = self.store.standings(tenant, after, ROWS).await?;
            let last_of_page = rows.last().map(|(channel, key, _)| (channel.as_str_name().to_owned(), key.0.clone()));
            for (channel, key, standing) in rows {
                if !standing.is_suppressed(now_ms) {
                    continue;
                }
                let place = (channel.as_str_name().to_owned(), key.0.clone());
                suppressions.push(wire(channel, key, &standing));
                if suppressions.len() == size {
                    return Ok(ListSuppressionsResponse {
                        suppressions,
                        next_page_token: tokens.make(SUPPRESSIONS, &place),
                    });
                }
            }
            after = last_of_page;
            if !more {
                return Ok(ListSuppressionsResponse { suppressions, next_page_token: String::new() });
            }
        }
    }

    pub(crate) async fn lift_suppression(&self, caller: &Principal, email: &str, reason: &str) -> Result<(), Failure> {
        let (tenant, reason) = (caller.tenant()?, fields::reason(reason)?);
        let (channel, key, standing) = self.standing_of(tenant, email).await?;
        if !standing.is_suppressed(self.now_ms()) {
            return Err(Failure::NotFound { what: "suppression" });
        }
        let (action, subject) = ("suppression.lift".to_owned(), format!("suppression:{}", key.0));
        self.enter(caller, AuditEntry { action, subject, reason, ..AuditEntry::default() }).await?;
        self.store.change_standing(tenant, channel, &key, |standing| Some(standing.lifted())).await
    }

    /// Of an e-mail address, or of a phone number.
    async fn standing_of(&self, tenant: &TenantId, address: &str) -> Result<(Channel, AddressKey, Standing), Failure> {
        let invalid = |problem| Failure::invalid("email", problem);
        let (channel, address) = if address.contains('@') {
            (Channel::Email, canonical::email(address).map_err(invalid)?.as_str().to_owned())
        } else if address.trim_start().starts_with('+') {
            (Channel::Sms, canonical::phone(address).map_err(invalid)?)
        } else {
            return Err(invalid("must be an e-mail address, or a phone number that begins with +"));
        };
        let key = AddressKey::of(&self.store.address_key(tenant, channel, &address));
        let standing = self.store.standing(tenant, channel, &key).await?;
        Ok((channel, key, standing))
    }
}

fn wire(channel: Channel, key: AddressKey, standing: &Standing) -> Suppression {
    Suppression {
        key: key.0,
        channel: channel.into(),
        reason: standing.reason.clone(),
        since: Some(timestamp(standing.since_ms)),
        until: (standing.until_ms > 0).then(|| timestamp(standing.until_ms)),
    }
}
