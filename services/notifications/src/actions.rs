//! What callers ask for about messages: a link to send at once, a message to send again, what became of messages.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use turnout_platform::{
    auth::Principal,
    canonical,
    failure::Failure,
    ids::{EventId, TenantId},
    page_tokens::PageTokens,
    random,
};
use turnout_proto::{
    notifications::v1::{
        ListMessagesOfEventRequest, ListMessagesOfPersonRequest, MessageFigure, ResendMessageRequest,
        SendSecurityMessageRequest,
    },
    profiles::v1::AuditEntry,
};

use crate::{
    Notifications,
    compose::{Secret, milliseconds, starts_at_ms},
    domain::{
        fields,
        filter::MessageFilter,
        message::{AGAIN, Channel, Kind, Message, MessageId, State, is_security},
        plan,
    },
    look::sealed_for,
    store::{OWNER, Target},
};

/// A link whose caller does not say how long it is worth something.
const LINK_MS: i64 = 3_600_000;
const LINK_PATH_CHARS_MAX: usize = 2000;
const NAME_CHARS_MAX: usize = 200;
/// Texts to which one link agrees: as many as a form can ask for at once.
const AGREEMENTS_MAX: usize = 20;
const AGREEMENT_CHARS_MAX: usize = 2000;
/// Registrations whose messages are read at the same time.
const READS_AT_ONCE_MAX: usize = 8;

impl Notifications {
    /// Stores a security message and hands it over as soon as possible.
    pub(crate) async fn send_security(
        &self,
        tenant: &TenantId,
        request: SendSecurityMessageRequest,
    ) -> Result<MessageId, Failure> {
        let kind = fields::kind(request.kind)?;
        if !is_security(kind) {
            return Err(Failure::invalid("kind", "must be SIGN_IN_LINK, VERIFICATION, RESET or INVITATION"));
        }
        canonical::email(&request.email).map_err(|problem| Failure::invalid("email", problem))?;
        let path = &request.link_path;
        if !path.starts_with('/') || path.starts_with("//") || path.len() > LINK_PATH_CHARS_MAX {
            return Err(Failure::invalid("link_path", "must be a path of ours that begins with one slash"));
        }
        if path.contains(|letter: char| letter.is_whitespace() || letter.is_control()) {
            return Err(Failure::invalid("link_path", "must be encoded as in a URL"));
        }
        let agreements = &request.agreements;
        let too_long = agreements.iter().any(|text| text.chars().count() > AGREEMENT_CHARS_MAX);
        if agreements.len() > AGREEMENTS_MAX || too_long {
            let problem = format!("must be up to {AGREEMENTS_MAX} texts of up to {AGREEMENT_CHARS_MAX} characters");
            return Err(Failure::invalid("agreements", problem));
        }
        let key = fields::token("idempotency_key", &request.idempotency_key)?;
        let event = optional_event(&request.event_id)?;
        let person =
            if request.person_id.is_empty() { String::new() } else { fields::token("person_id", &request.person_id)? };
        let now_ms = self.now_ms();
        let expires_at_ms = request.expires_at.as_ref().map_or(now_ms + LINK_MS, milliseconds);
        let mut message = Message {
            event,
            person,
            expires_at_ms,
            ..Message::new(tenant, &[kind.as_str_name(), &key], kind, Channel::Email, now_ms)
        };
        let name = request.name.chars().filter(|letter| !letter.is_control()).take(NAME_CHARS_MAX).collect();
        let secret = Secret {
            email: request.email.trim().to_owned(),
            name,
            link_path: request.link_path,
            language: request.language,
            agreements: request.agreements,
        };
        let plain = serde_json::to_vec(&secret).map_err(Failure::internal)?;
        let owner = if message.person.is_empty() { OWNER } else { &message.person };
        message.sealed = self.store.vault().key_for(tenant, owner).await?.seal(&sealed_for(&message), &plain);
        if self.store.create(&message, now_ms).await?.is_none() {
            self.hurry.look_at(tenant, Target::Message(message.id.clone()));
        }
        Ok(message.id)
    }

    /// Sends a message again because somebody of the team says so.
    pub(crate) async fn resend(&self, caller: &Principal, request: ResendMessageRequest) -> Result<Message, Failure> {
        let tenant = caller.tenant()?;
        let kind = fields::kind(request.kind)?;
        if !matches!(kind, Kind::Confirmation | Kind::Reminder) {
            return Err(Failure::invalid("kind", "must be CONFIRMATION or REMINDER"));
        }
        let reason = fields::reason(&request.reason)?;
        let registration = fields::token("registration_id", &request.registration_id)?;
        let event = self.event(tenant, &request.event_id).await?;
        let id: EventId = fields::id("event_id", &request.event_id)?;
        let registration = self.planner.upstream.registration(tenant, &id, &registration).await?;
        let registration = registration.ok_or(Failure::NotFound { what: "registration" })?;

        let mut wanted = plan::news(kind, 0, false, starts_at_ms(&event), self.now_ms());
        wanted.occurrence = format!("{AGAIN}{}", random::sortable_id());
        let planned = self.planner.wanted(tenant, &event, &registration, &wanted, Channel::Email)?;
        // Its moment is now, whenever the person registered.
        let has_address = !registration.email.is_empty();
        let (state, reason_now) = if has_address { (State::Queued, None) } else { (planned.state, planned.reason) };
        let message = Message { state, reason: reason_now, on_purpose: true, ..planned };
        let entry = AuditEntry {
            action: "message.resend".to_owned(),
            subject: format!("registration:{}", message.registration),
            event_id: request.event_id,
            reason,
            entry_id: message.id.to_string(),
            ..AuditEntry::default()
        };
        self.enter(caller, entry).await?;
        self.store.create(&message, self.now_ms()).await?;
        self.hurry.look_at(tenant, Target::Message(message.id.clone()));
        Ok(message)
    }

    /// What became of the messages and notices of these registrations, in their order, then by time.
    pub(crate) async fn of_registrations(
        &self,
        tenant: &TenantId,
        event: &EventId,
        registrations: Vec<String>,
    ) -> Result<Vec<Message>, Failure> {
        let of_one = |registration: String| async move {
            let registration = fields::token("registration_ids", &registration)?;
            let mut messages = self.store.of_registration(tenant, &registration).await?;
            messages.extend(self.store.notices_of_registration(tenant, &registration).await?);
            messages.sort_by(|a, b| (a.planned_at_ms, &a.id).cmp(&(b.planned_at_ms, &b.id)));
            Ok::<_, Failure>(messages)
        };
        let all: Vec<Vec<Message>> =
            stream::iter(registrations).map(of_one).buffered(READS_AT_ONCE_MAX).try_collect().await?;
        Ok(all.into_iter().flatten().filter(|message| message.event.as_ref() == Some(event)).collect())
    }

    /// A page of what became of the messages to a person, newest first.
    pub(crate) async fn of_person(
        &self,
        tenant: &TenantId,
        request: ListMessagesOfPersonRequest,
    ) -> Result<(Vec<Message>, String), Failure> {
        let person = fields::token("person_id", &request.person_id)?;
        let size = fields::page_size(request.page_size)?;
        let (tokens, list) =
            (PageTokens::of(self.store.vault(), tenant).await?, format!("messages-of-person/{person}"));
        let after = tokens.read(&list, &request.page_token)?;
        let (messages, next) = self.store.of_person(tenant, &person, after, size).await?;
        Ok((messages, next.map(|place| tokens.make(&list, &place)).unwrap_or_default()))
    }

    /// A page of the messages of an event that are counted in some groups.
    pub(crate) async fn of_event(
        &self,
        tenant: &TenantId,
        request: ListMessagesOfEventRequest,
    ) -> Result<(Vec<Message>, String), Failure> {
        let event: EventId = fields::id("event_id", &request.event_id)?;
        let (filter, size) = (MessageFilter::read(&request)?, fields::page_size(request.page_size)?);
        self.event(tenant, &request.event_id).await?;
        let (tokens, list) =
            (PageTokens::of(self.store.vault(), tenant).await?, format!("messages-of-event/{event}/{filter:?}"));
        let after: Option<String> = tokens.read(&list, &request.page_token)?;
        let after = after.as_deref().and_then(MessageId::read);
        let (messages, next) = self.store.of_event(tenant, &event, &filter, after, size).await?;
        Ok((messages, next.map(|place| tokens.make(&list, &place.as_str())).unwrap_or_default()))
    }

    /// Counts an event's messages.
    pub(crate) async fn figures(&self, tenant: &TenantId, event: &str) -> Result<Vec<MessageFigure>, Failure> {
        let id: EventId = fields::id("event_id", event)?;
        self.event(tenant, event).await?;
        let figures = self.figures.of(tenant, &id).await?;
        let figure = |((kind, occurrence, state, reason), messages): (&(Kind, String, State, String), &i64)| {
            let (kind, state) = ((*kind).into(), (*state).into());
            MessageFigure { kind, occurrence: occurrence.clone(), state, reason: reason.clone(), messages: *messages }
        };
        Ok(figures.iter().map(figure).collect())
    }
}

/// An event's id, or none.
pub(crate) fn optional_event(text: &str) -> Result<Option<EventId>, Failure> {
    if text.is_empty() { Ok(None) } else { fields::id("event_id", text).map(Some) }
}
