//! From the truth about an event, a registration and a person to the words that go out. Decides nothing: whether a message goes
//! out is the gates' business.

use turnout_platform::{
    auth::codes::{CodePurpose, Codes},
    calendar::Entry,
    ids::{EventId, TenantId},
    money,
};
use turnout_proto::{
    common::v1::LocalizedText,
    notifications::v1::{MessageSettings, Template},
    profiles::v1::{ConsentStatement, Person},
    registration::v1::{Event, EventState, PaymentState, Registration, RegistrationState, RsvpState},
};

use crate::{
    consents::Texts,
    domain::{
        defaults,
        message::{Kind, Message, MessageId},
        render::{
            self, Fault, Look, Rendered, Values,
            joined::{self, Part},
            times,
        },
    },
    transport::{Calendar, Letter},
};

/// The path of an invented link.
const PREVIEW_PATH: &str = "/preview";

/// What stays the same for all messages of an installation.
#[derive(Clone)]
pub(crate) struct Composer {
    /// Without a slash at its end.
    pub public_url: String,
    pub mail_from: String,
    pub mail_returns: Option<String>,
    pub codes: Codes,
}

/// A security message's address and link, as sealed.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Secret {
    pub email: String,
    pub name: String,
    pub link_path: String,
    pub language: String,
    /// What following the link agrees to. Messages that were stored before there were any have none.
    #[serde(default)]
    pub agreements: Vec<String>,
}

/// What is known when a message is written.
#[derive(Debug, Clone, Default)]
pub(crate) struct Truth {
    pub settings: MessageSettings,
    pub event: Option<Event>,
    pub registration: Option<Registration>,
    pub person: Option<Person>,
    pub secret: Option<Secret>,
    pub consents: Vec<ConsentStatement>,
    /// Where a text message goes, and whether the person agreed to that.
    pub texts: Texts,
}

impl Truth {
    /// Where a mail goes; empty for nowhere.
    pub fn email(&self) -> &str {
        match (&self.secret, &self.registration) {
            (Some(secret), _) => &secret.email,
            (None, Some(registration)) => &registration.email,
            (None, None) => "",
        }
    }

    /// The zone of the person, else of the event; never the server's.
    pub fn zone(&self) -> &str {
        let of_person = self.person.as_ref().map(|person| person.zone.as_str()).filter(|zone| !zone.is_empty());
        of_person.or(self.event.as_ref().map(|event| event.zone.as_str())).unwrap_or("UTC")
    }

    /// The languages to try, best first.
    fn languages(&self) -> Vec<&str> {
        let secret = self.secret.as_ref().map(|secret| secret.language.as_str());
        let registration = self.registration.as_ref().map(|registration| registration.language.as_str());
        let person = self.person.as_ref().map(|person| person.language.as_str());
        let event = self.event.iter().flat_map(|event| event.languages.iter().map(String::as_str));
        [secret, registration, person].into_iter().flatten().chain(event).filter(|tag| !tag.is_empty()).collect()
    }
}

impl Composer {
    /// The mail of a message. A template that has become unusable gives way to ours: better plain words than none.
    pub fn letter(&self, message: &Message, template: &Template, truth: &Truth, now_ms: i64) -> Result<Letter, Fault> {
        let unsubscribe_url = (message.kind == Kind::Reminder && !message.person.is_empty())
            .then(|| self.unsubscribe_url(&message.tenant, &message.person, message.event.as_ref()));
        let look_of = |language: &'_ str| (language.to_owned(), unsubscribe_url.clone());
        let written = or_ours(template, message, |template| self.words(template, truth, &look_of))?;
        let Rendered { subject, text, html } = written;
        Ok(Letter {
            message_id: self.mail_id(message),
            to: truth.email().to_owned(),
            sender_name: truth.settings.sender_name.clone(),
            from: self.mail_from.clone(),
            returns_to: self.mail_returns.clone(),
            reply_to: Some(truth.settings.reply_to.clone()).filter(|address| !address.is_empty()),
            subject,
            text,
            html,
            calendar: self.calendar(message, truth, now_ms),
            unsubscribe_url,
            at_ms: now_ms,
        })
    }

    /// What a reminder says in the mail of several that this one carries: all have its one link to unsubscribe.
    pub fn part(
        &self,
        carrier: &Message,
        message: &Message,
        template: &Template,
        truth: &Truth,
    ) -> Result<Part, Fault> {
        let unsubscribe_url = self.unsubscribe_url(&carrier.tenant, &carrier.person, carrier.event.as_ref());
        let mut part = or_ours(template, message, |template| {
            let (language, subject, body) = picked(template, truth)?;
            let values = self.values(truth, language, Some(&unsubscribe_url));
            Part::new(language, subject, body, &values)
        })?;
        if let Some(event) = &truth.event {
            (part.title, part.starts_at_ms) = (event.title.clone(), starts_at_ms(event));
        }
        Ok(part)
    }

    /// Where the link of a preview leads.
    pub fn preview_link(&self) -> String {
        format!("{}{PREVIEW_PATH}", self.public_url)
    }

    /// A template with an invented person, for those who write it. What they agree to is that of the truth.
    pub fn preview(&self, template: &Template, language: &str, truth: &Truth) -> Result<Rendered, Fault> {
        let kind = template.kind();
        let mut truth = truth.clone();
        truth.registration = Some(Registration {
            registration_id: "preview".into(),
            name: "Robin Example".into(),
            email: "robin@example.org".into(),
            language: language.to_owned(),
            state: RegistrationState::Registered.into(),
            rsvp: if truth.event.as_ref().is_some_and(|event| event.rsvp) {
                RsvpState::Invited
            } else {
                RsvpState::Unspecified
            }
            .into(),
            payment: if truth.event.as_ref().is_some_and(|event| event.price.is_some()) {
                PaymentState::Unpaid
            } else {
                PaymentState::NotApplicable
            }
            .into(),
            code: "preview".into(),
            ..Registration::default()
        });
        if crate::domain::message::is_security(kind) {
            truth.secret = Some(Secret {
                name: "Robin Example".to_owned(),
                link_path: PREVIEW_PATH.to_owned(),
                language: language.to_owned(),
                ..truth.secret.unwrap_or_default()
            });
        }
        let unsubscribe = (kind == Kind::Reminder).then(|| format!("{}/u/preview", self.public_url));
        self.words(template, &truth, &|language| (language.to_owned(), unsubscribe.clone()))
    }

    /// A text message: the subject line and where to read on.
    pub fn sms(&self, template: &Template, truth: &Truth) -> Result<String, Fault> {
        let rendered = self.words(template, truth, &|language| (language.to_owned(), None))?;
        let url = truth.registration.as_ref().map(|registration| self.registration_url(registration, truth));
        Ok(format!("{} {}", rendered.subject, url.unwrap_or_default()).trim().to_owned())
    }

    /// The `Message-ID`: of the message, not of a try, so that a mail program shows a repeated one once. It is a code, so that only
    /// who has the mail can report about it.
    fn mail_id(&self, message: &Message) -> String {
        let host = self.mail_from.rsplit('@').next().unwrap_or_default();
        let code = self.codes.make(CodePurpose::Mail, &[message.tenant.as_str(), message.id.as_str()]);
        format!("{code}@{host}")
    }

    /// Which message a mail with this `Message-ID` is; none if it is not ours.
    pub fn message_of(&self, mail_id: &str) -> Option<(TenantId, MessageId)> {
        let code = mail_id.split('@').next()?;
        let [tenant, message] = <[String; 2]>::try_from(self.codes.read(CodePurpose::Mail, code)?).ok()?;
        Some((tenant.parse().ok()?, MessageId::read(&message)?))
    }

    fn words(
        &self,
        template: &Template,
        truth: &Truth,
        look_of: &dyn Fn(&str) -> (String, Option<String>),
    ) -> Result<Rendered, Fault> {
        let (language, subject, body) = picked(template, truth)?;
        let (language, unsubscribe_url) = look_of(language);
        let look = Look {
            language: &language,
            sender_name: &truth.settings.sender_name,
            unsubscribe_url: unsubscribe_url.as_deref(),
        };
        render::render(subject, body, &self.values(truth, &language, unsubscribe_url.as_deref()), &look)
    }

    fn values(&self, truth: &Truth, language: &str, unsubscribe_url: Option<&str>) -> Values {
        let mut values = Values::new();
        values.text("organiser.name", &truth.settings.sender_name);
        values.url("unsubscribe.url", unsubscribe_url.unwrap_or_default().to_owned());
        if let Some(event) = &truth.event {
            let (zone, starts_at_ms) = (times::zone(&event.zone), starts_at_ms(event));
            values.text("event.title", &event.title);
            values.text("event.date", &times::date(starts_at_ms, &zone, language));
            values.text("event.time", &times::time(starts_at_ms, &zone));
            values.text("event.zone", &event.zone);
            values.text("event.venue", &event.venue);
            values.url("event.url", self.event_url(event));
            values.flag("event.cancelled", event.state() == EventState::Cancelled);
        }
        if let Some(registration) = &truth.registration {
            let url = self.registration_url(registration, truth);
            // Who waits for a place is asked once there is one.
            let has_place = registration.state() == RegistrationState::Registered;
            let asked = registration.rsvp() == RsvpState::Invited
                && has_place
                && truth.event.as_ref().is_none_or(|event| event.state() != EventState::Cancelled);
            values.text("person.name", &registration.name);
            values.flag("registration.waiting", registration.state() == RegistrationState::Waiting);
            values.url("registration.rsvp_url", if asked { url.clone() } else { String::new() });
            values.url("registration.url", url);
            // Who waits for a place does not pay yet.
            let is_due = registration.payment() == PaymentState::Unpaid && has_place;
            if let Some(price) = truth.event.as_ref().and_then(|event| event.price.as_ref()).filter(|_| is_due) {
                values.text("payment.amount", &money::in_words(price.amount_minor, &price.currency));
                values.text("payment.reference", &registration.registration_id);
            }
        }
        if let Some(secret) = &truth.secret {
            values.text("person.name", &secret.name);
            values.url("link.url", format!("{}{}", self.public_url, secret.link_path));
            values.texts("link.agreements", &secret.agreements);
        }
        values
    }

    fn calendar(&self, message: &Message, truth: &Truth, now_ms: i64) -> Option<Calendar> {
        let (event, registration) = (truth.event.as_ref()?, truth.registration.as_ref()?);
        let comes = registration.rsvp() != RsvpState::Declined;
        let has_place = registration.state() == RegistrationState::Registered && comes;
        let cancelled = match message.kind {
            Kind::Confirmation | Kind::Change if has_place => false,
            Kind::Cancellation => true,
            _ => return None,
        };
        let entry = Entry {
            // As in the file behind the link of their page: with another id they would have the event twice in their calendar.
            uid: &format!("{}@turnout", registration.registration_id),
            // Both grow and neither goes back: so does their sum, whichever of the two changed.
            sequence: event.version + registration.version,
            cancelled,
            at_ms: now_ms,
            starts_at_ms: starts_at_ms(event),
            ends_at_ms: event.ends_at.as_ref().map(milliseconds),
            title: &event.title,
            venue: &event.venue,
            url: &self.registration_url(registration, truth),
        };
        Some(Calendar { method: entry.method(), text: entry.to_message() })
    }

    fn event_url(&self, event: &Event) -> String {
        format!("{}/e/{}", self.public_url, event.event_id)
    }

    fn registration_url(&self, registration: &Registration, truth: &Truth) -> String {
        let event = truth.event.as_ref().map_or(registration.event_id.as_str(), |event| event.event_id.as_str());
        let code = if registration.code.is_empty() {
            self.codes.make(CodePurpose::Registration, &[event, &registration.registration_id])
        } else {
            registration.code.clone()
        };
        format!("{}/r/{code}", self.public_url)
    }

    fn unsubscribe_url(&self, tenant: &TenantId, person: &str, event: Option<&EventId>) -> String {
        let event = event.map_or("-", EventId::as_str);
        let code = self.codes.make(CodePurpose::Unsubscribe, &[tenant.as_str(), person, "reminders", event]);
        format!("{}/u/{code}", self.public_url)
    }
}

/// The mail that one of several reminders carries, from what would be its own; its part comes first.
pub(crate) fn joined(own: Letter, parts: Vec<Part>) -> Letter {
    let look = Look { language: "", sender_name: &own.sender_name, unsubscribe_url: own.unsubscribe_url.as_deref() };
    let Rendered { subject, text, html } = joined::join(parts, &look);
    Letter { subject, text, html, ..own }
}

/// The language, the subject and the body in which a template speaks to this reader.
fn picked<'a>(template: &'a Template, truth: &Truth) -> Result<(&'a str, &'a str, &'a str), Fault> {
    let nothing = |field| Fault { field, problem: "has no text in any language".to_owned() };
    let pick = |text: &'a Option<LocalizedText>, languages: &[&str]| {
        text.as_ref().and_then(|text| render::pick(&text.texts, languages))
    };
    let (language, body) = pick(&template.body, &truth.languages()).ok_or_else(|| nothing("body"))?;
    let (_, subject) = pick(&template.subject, &[language]).ok_or_else(|| nothing("subject"))?;
    Ok((language, subject, body))
}

/// What is written with a template, or with ours where that has become unusable.
fn or_ours<T>(
    template: &Template,
    message: &Message,
    write: impl Fn(&Template) -> Result<T, Fault>,
) -> Result<T, Fault> {
    write(template).or_else(|fault| {
        let Message { tenant, event, kind, .. } = message;
        tracing::warn!(%tenant, ?event, ?kind, field = fault.field, "a template has become unusable; our own words went out");
        let (subject, body) = defaults::template(*kind);
        write(&Template { subject: Some(subject), body: Some(body), ..Template::default() })
    })
}

pub(crate) fn milliseconds(at: &prost_types::Timestamp) -> i64 {
    at.seconds.saturating_mul(1000).saturating_add(i64::from(at.nanos) / 1_000_000)
}

pub(crate) fn starts_at_ms(event: &Event) -> i64 {
    event.starts_at.as_ref().map(milliseconds).unwrap_or_default()
}
