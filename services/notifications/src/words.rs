//! What organisers settle: templates and how they look, reminders, settings. A template is tried in each of its languages before it
//! is stored, so that whatever is stored can be sent.

use turnout_platform::{
    auth::Principal,
    canonical,
    failure::Failure,
    ids::{EventId, TenantId},
    random,
};
use turnout_proto::{
    notifications::v1::{
        MessageSettings, PreviewTemplateResponse, Reminder, Reminders, SendTestRequest, SendTestResponse, Template,
    },
    registration::v1::{AttendanceMode, Event, EventState},
};

use crate::{
    Notifications,
    actions::optional_event,
    audit,
    compose::{Secret, Truth},
    domain::{
        fields,
        message::{Channel, Kind, is_security},
        render::{Fault, Rendered},
        suppression::Standing,
    },
    store::{AddressKey, timestamp},
    transport::{Letter, Outcome, Reach},
};

/// The event of a preview that is about none begins so long from now.
const PREVIEW_IN_MS: i64 = 7 * 24 * 3_600_000;
/// What an invented person agrees to.
const INVENTED_AGREEMENT: &str = "News by mail";

impl Notifications {
    /// The event, if it is the tenant's.
    pub(crate) async fn event(&self, tenant: &TenantId, event: &str) -> Result<Event, Failure> {
        let id: EventId = fields::id("event_id", event)?;
        self.planner.upstream.event(tenant, &id).await?.ok_or(Failure::NotFound { what: "event" })
    }

    pub(crate) async fn get_template(&self, tenant: &TenantId, kind: i32, event: &str) -> Result<Template, Failure> {
        let (kind, id) = (fields::kind(kind)?, self.level(tenant, event).await?);
        self.store.template(tenant, id.as_ref(), kind).await
    }

    pub(crate) async fn put_template(
        &self,
        caller: &Principal,
        template: Option<Template>,
    ) -> Result<Template, Failure> {
        let (tenant, template) = (caller.tenant()?, checked(template)?);
        let event = self.level(tenant, &template.event_id).await?;
        let truth = self.invented(tenant, &template).await?;
        let languages = |text: &Option<turnout_proto::common::v1::LocalizedText>| {
            text.iter().flat_map(|text| text.texts.keys().cloned()).collect::<Vec<_>>()
        };
        for language in languages(&template.subject).into_iter().chain(languages(&template.body)) {
            self.composer.preview(&template, &language, &truth).map_err(|fault| wrong(&fault, &language))?;
            self.keeps_link(&template, &language, &truth)?;
        }
        let used = self.store.template(tenant, event.as_ref(), template.kind()).await?;
        // An old version is refused before it is entered in the log.
        if is_own(&used, event.as_ref()) && used.version != template.version {
            return Err(Failure::Changed { what: "template" });
        }
        let detail = audit::of_template(&used, &template);
        self.enter(caller, audit::settled("template.put", tenant, event.as_ref(), detail)).await?;
        self.store.put_template(tenant, event.as_ref(), template).await
    }

    pub(crate) async fn reset_template(&self, caller: &Principal, kind: i32, event: &str) -> Result<Template, Failure> {
        let tenant = caller.tenant()?;
        let (kind, id) = (fields::kind(kind)?, self.level(tenant, event).await?);
        let used = self.store.template(tenant, id.as_ref(), kind).await?;
        if !is_own(&used, id.as_ref()) {
            return Ok(used);
        }
        let detail = audit::kind_word(kind);
        self.enter(caller, audit::settled("template.reset", tenant, id.as_ref(), detail)).await?;
        self.store.reset_template(tenant, id.as_ref(), kind).await?;
        self.store.template(tenant, id.as_ref(), kind).await
    }

    pub(crate) async fn preview(
        &self,
        tenant: &TenantId,
        template: Option<Template>,
        language: &str,
    ) -> Result<PreviewTemplateResponse, Failure> {
        let Rendered { subject, text, html } = self.rendered(tenant, &checked(template)?, language).await?.0;
        Ok(PreviewTemplateResponse { subject, text, html })
    }

    pub(crate) async fn send_test(
        &self,
        caller: &Principal,
        request: SendTestRequest,
    ) -> Result<SendTestResponse, Failure> {
        let tenant = caller.tenant()?;
        let to = canonical::email(&request.email).map_err(|problem| Failure::invalid("email", problem))?;
        let team = self.planner.upstream.team(tenant).await?;
        // Before anybody was invited there is only whoever opened the first link. A key could write to anybody, as this installation.
        let may_write = if team.is_empty() {
            caller.is_mesh() || caller.is_first_link()
        } else {
            team.iter().any(|email| canonical::email(email).is_ok_and(|email| email == to))
        };
        if !may_write {
            return Err(Failure::invalid("email", "must be the address of a member of the team"));
        }
        let template = checked(request.template)?;
        let (Rendered { subject, text, html }, truth) = self.rendered(tenant, &template, &request.language).await?;
        let host = self.composer.mail_from.rsplit('@').next().unwrap_or_default();
        let letter = Letter {
            message_id: format!("test-{}@{host}", random::sortable_id()),
            to: request.email.trim().to_owned(),
            sender_name: truth.settings.sender_name,
            from: self.composer.mail_from.clone(),
            returns_to: self.composer.mail_returns.clone(),
            reply_to: Some(truth.settings.reply_to).filter(|address| !address.is_empty()),
            subject,
            text,
            html,
            calendar: None,
            unsubscribe_url: None,
            at_ms: self.now_ms(),
        };
        let answer = self.mail.hand_over(&letter).await;
        Ok(SendTestResponse { handed_off: answer.outcome == Outcome::Accepted, answer: answer.words })
    }

    pub(crate) async fn get_reminders(&self, tenant: &TenantId, event: &str) -> Result<Reminders, Failure> {
        self.event(tenant, event).await?;
        let (leads, version) = self.store.leads(tenant, &fields::id("event_id", event)?).await?;
        Ok(reminders(event, &leads, version))
    }

    pub(crate) async fn put_reminders(
        &self,
        caller: &Principal,
        wanted: Option<Reminders>,
    ) -> Result<Reminders, Failure> {
        let tenant = caller.tenant()?;
        let wanted = wanted.ok_or_else(|| Failure::invalid("reminders", "must be given"))?;
        let leads = fields::leads(&wanted.reminders)?;
        self.event(tenant, &wanted.event_id).await?;
        let event: EventId = fields::id("event_id", &wanted.event_id)?;
        // An old version is refused before it is entered in the log.
        if self.store.leads(tenant, &event).await?.1 != wanted.version {
            return Err(Failure::Changed { what: "reminders" });
        }
        let version = wanted.version + 1;
        let detail = audit::of_reminders(version, &leads);
        self.enter(caller, audit::settled("reminders.put", tenant, Some(&event), detail)).await?;
        // Written down before the rules change: a crash leaves work that finds nothing to do rather than rules that nobody applies.
        let work = self.fan_outs.begin(tenant, &event, "reminders", version).await?;
        self.store.put_leads(tenant, &event, &leads, wanted.version).await?;
        // Some worker may have done that work just before the rules changed.
        let again = self.fan_outs.begin(tenant, &event, "rules", version).await?;
        for work in [work, again] {
            self.hurry.look_at(tenant, work);
        }
        Ok(reminders(&wanted.event_id, &leads, version))
    }

    pub(crate) async fn put_settings(
        &self,
        caller: &Principal,
        settings: Option<MessageSettings>,
    ) -> Result<MessageSettings, Failure> {
        let tenant = caller.tenant()?;
        let settings = settings.ok_or_else(|| Failure::invalid("settings", "must be given"))?;
        let settings = fields::settings(settings, self.webhooks.reach() == Reach::Anywhere)?;
        let before = self.store.settings(tenant).await?;
        // An old version is refused before it is entered in the log.
        if before.version != settings.version {
            return Err(Failure::Changed { what: "settings" });
        }
        let detail = audit::of_settings(&before, &settings);
        self.enter(caller, audit::settled("message-settings.put", tenant, None, detail)).await?;
        if !settings.webhook_url.is_empty() {
            self.store.some_secrets(tenant, self.now_ms()).await?;
            // Whoever saves it says that it works now.
            let key = self.store.address_key(tenant, Channel::Webhook, &settings.webhook_url);
            let lifted = |standing: &Standing| (standing.version > 0).then(|| standing.lifted());
            self.store.change_standing(tenant, Channel::Webhook, &AddressKey::of(&key), lifted).await?;
        }
        self.store.put_settings(tenant, settings).await
    }

    /// A mail that brings a link is of no use without it, and nobody could sign in to mend that. What its reader agrees to by the link
    /// must stand in it too: an agreement to what was not said is none.
    fn keeps_link(&self, template: &Template, language: &str, truth: &Truth) -> Result<(), Failure> {
        let kind = template.kind();
        if !is_security(kind) {
            return Ok(());
        }
        for agreements in [vec![], vec![INVENTED_AGREEMENT.to_owned()]] {
            let agrees = !agreements.is_empty();
            let secret = Some(Secret { agreements, ..Secret::default() });
            let truth = Truth { secret, ..truth.clone() };
            let rendered =
                self.composer.preview(template, language, &truth).map_err(|fault| wrong(&fault, language))?;
            let lacks = |wanted: &str| !rendered.text.contains(wanted);
            let missing = if lacks(&self.composer.preview_link()) {
                "{{ link.url }} must stand in it, in every case"
            } else if agrees && kind == Kind::Verification && lacks(INVENTED_AGREEMENT) {
                "link.agreements must stand in it, so that it says what is agreed to by the link"
            } else {
                continue;
            };
            return Err(Failure::invalid("body", format!("{language}: {missing}")));
        }
        Ok(())
    }

    /// The event that a template is for, if it is for one of the tenant's.
    async fn level(&self, tenant: &TenantId, event: &str) -> Result<Option<EventId>, Failure> {
        let id = optional_event(event)?;
        if id.is_some() {
            self.event(tenant, event).await?;
        }
        Ok(id)
    }

    async fn rendered(
        &self,
        tenant: &TenantId,
        template: &Template,
        language: &str,
    ) -> Result<(Rendered, Truth), Failure> {
        let truth = self.invented(tenant, template).await?;
        let rendered = self.composer.preview(template, language, &truth).map_err(|fault| wrong(&fault, language))?;
        Ok((rendered, truth))
    }

    /// What a preview is about: the event, or an invented one.
    async fn invented(&self, tenant: &TenantId, template: &Template) -> Result<Truth, Failure> {
        let event = if template.event_id.is_empty() {
            Event {
                event_id: "preview".into(),
                title: "Opening night".into(),
                zone: "UTC".into(),
                starts_at: Some(timestamp(self.now_ms() + PREVIEW_IN_MS)),
                venue: "Main hall".into(),
                mode: AttendanceMode::OnSite.into(),
                languages: vec!["en".into()],
                ..Event::default()
            }
        } else {
            self.event(tenant, &template.event_id).await?
        };
        let state = if template.kind() == Kind::Cancellation { EventState::Cancelled.into() } else { event.state };
        let event = Some(Event { state, ..event });
        Ok(Truth { settings: self.store.settings(tenant).await?, event, ..Truth::default() })
    }
}

/// Whether this template is that of the event, or without one of the tenant, and not of a level above.
fn is_own(used: &Template, event: Option<&EventId>) -> bool {
    used.version > 0 && used.event_id == event.map(ToString::to_string).unwrap_or_default()
}

fn checked(template: Option<Template>) -> Result<Template, Failure> {
    let template = template.ok_or_else(|| Failure::invalid("template", "must be given"))?;
    Ok(Template {
        kind: fields::kind(template.kind)?.into(),
        subject: Some(fields::texts("subject", template.subject)?),
        body: Some(fields::texts("body", template.body)?),
        ..template
    })
}

fn wrong(fault: &Fault, language: &str) -> Failure {
    Failure::invalid(fault.field, format!("{language}: {}", fault.problem))
}

fn reminders(event: &str, leads: &[i64], version: i64) -> Reminders {
    let reminders = leads.iter().map(|lead| Reminder { before_s: *lead }).collect();
    Reminders { event_id: event.to_owned(), reminders, version }
}
