//! Leaving a mailing, and what a person agreed to. The link of a mail is enough: no sign-in, no cookie, and the mail program may press
//! the button itself (RFC 8058), which is why this one form is taken from everywhere. Looking never unsubscribes.

use axum::{
    extract::{Path, State},
    http::HeaderMap,
    response::Response,
};
use bytes::Bytes;
use tonic::Status;
use turnout_platform::{
    ids::{EventId, TenantId},
    purposes::REMINDERS,
    random,
};
use turnout_proto::{
    notifications::v1::{ResolveUnsubscribeRequest, ResolveUnsubscribeResponse, UnsubscribeRequest},
    profiles::v1::{ConsentAction, ConsentStatement, GetConsentsRequest, RecordConsentRequest},
    registration::v1::Event,
};

use super::{Asked, Posted, language::Reader, refused, register::form_of, showing, to};
use crate::{
    Shared,
    answers::{error_page, html},
    upstream::{Acting, bounded},
    views::{ErrorKind, PreferenceRow, PreferencesPage, UnsubscribePage, When, Words, text::public as words},
};

/// What our own form says when everything is to stop.
const ALL: &[u8] = b"choice=all";
/// Our own form, as opposed to a mail program.
const OWN_FORM: &[u8] = b"choice=";
/// Statements that the service takes at once.
const STATEMENTS_MAX: usize = 20;

/// `GET /u/<code>`
pub(super) async fn show(State(shared): State<Shared>, Path(code): Path<String>, asked: Asked) -> Response {
    match resolve(&shared, &code).await {
        Ok(link) => html(&page(code, &link, asked.has("done"))),
        Err(status) => refused(status),
    }
}

fn page(code: String, link: &ResolveUnsubscribeResponse, done: bool) -> UnsubscribePage {
    UnsubscribePage { code, sender: link.sender_name.clone(), reminders: link.purpose == REMINDERS, done }
}

async fn resolve(shared: &Shared, code: &str) -> Result<ResolveUnsubscribeResponse, Status> {
    let request = bounded(ResolveUnsubscribeRequest { code: code.to_owned() });
    Ok(shared.upstream.notifications(&Acting::Mesh).resolve_unsubscribe(request).await?.into_inner())
}

/// `POST /u/<code>`: at once. A mail program sends `List-Unsubscribe=One-Click` in one of two encodings and follows no redirect.
pub(super) async fn unsubscribe(State(shared): State<Shared>, Path(code): Path<String>, body: Bytes) -> Response {
    let request = bounded(UnsubscribeRequest { code: code.clone(), all_marketing: *body == *ALL });
    if let Err(status) = shared.upstream.notifications(&Acting::Mesh).unsubscribe(request).await {
        return refused(status);
    }
    if body.starts_with(OWN_FORM) {
        return to(&format!("/u/{code}?done"));
    }
    match resolve(&shared, &code).await {
        Ok(link) => html(&page(code, &link, true)),
        // It is done; only the words are missing.
        Err(_) => html(&page(code, &ResolveUnsubscribeResponse::default(), true)),
    }
}

/// What a person may agree to, with the words, and where they stand.
struct Choice {
    purpose: String,
    channel: String,
    text: Words,
    text_version: i64,
    granted: bool,
    at: Option<prost_types::Timestamp>,
}

impl Choice {
    fn key(&self) -> String {
        format!("{}/{}", self.purpose, self.channel)
    }
}

struct Preferences {
    link: ResolveUnsubscribeResponse,
    acting: Acting,
    choices: Vec<Choice>,
}

impl Preferences {
    async fn of(shared: &Shared, code: &str, headers: &HeaderMap) -> Result<Self, Response> {
        let link = resolve(shared, code).await.map_err(refused)?;
        let tenant: TenantId = link.tenant_id.parse().map_err(|_| error_page(ErrorKind::NoSuchLink))?;
        let acting = Acting::Tenant(tenant.clone());
        let request = bounded(GetConsentsRequest { person_id: link.person_id.clone() });
        let current =
            shared.upstream.people(&acting).get_consents(request).await.map_err(refused)?.into_inner().current;
        let asked = asked_by_event(shared, &tenant, &link.event_id, headers).await;
        Ok(Self { choices: choices(current, asked), acting, link })
    }
}

/// What the form of the link's event asks, if there is one.
async fn asked_by_event(shared: &Shared, tenant: &TenantId, event: &str, headers: &HeaderMap) -> Vec<Choice> {
    let Ok(id) = event.parse::<EventId>() else { return Vec::new() };
    let event = match shared.directory.event(&id).await {
        Ok(Some(event)) if event.tenant == *tenant => event,
        _ => return Vec::new(),
    };
    let Ok(form) = form_of(shared, &event).await else { return Vec::new() };
    let reader = Reader::of(&event.details, "", headers);
    let asked = form.consents.into_iter().map(|question| Choice {
        text: reader.maybe(question.text.as_ref()).unwrap_or_default(),
        purpose: question.purpose,
        channel: question.channel,
        text_version: form.version,
        granted: false,
        at: None,
    });
    asked.filter(|choice| !choice.text.text.is_empty()).collect()
}

/// What was stated, with the words of then, and what is asked now. A withdrawal whose words nobody knows any more cannot be taken
/// back here, so it is not shown.
fn choices(current: Vec<ConsentStatement>, asked: Vec<Choice>) -> Vec<Choice> {
    let mut choices = asked;
    for statement in current {
        let granted = statement.action() == ConsentAction::Granted;
        let known = choices.iter_mut().find(|c| c.purpose == statement.purpose && c.channel == statement.channel);
        match known {
            Some(choice) => {
                choice.granted = granted;
                choice.at = statement.at;
            }
            None if granted && !statement.text.is_empty() => choices.push(Choice {
                text: Words { text: statement.text, lang: statement.language },
                purpose: statement.purpose,
                channel: statement.channel,
                text_version: statement.text_version,
                granted,
                at: statement.at,
            }),
            None => {}
        }
    }
    choices.truncate(STATEMENTS_MAX);
    choices
}

/// `GET /u/<code>/preferences`
pub(super) async fn preferences(
    State(shared): State<Shared>,
    Path(code): Path<String>,
    asked: Asked,
    headers: HeaderMap,
) -> Response {
    let found = match Preferences::of(&shared, &code, &headers).await {
        Ok(found) => found,
        Err(answer) => return answer,
    };
    let rows = found.choices.iter().map(|choice| PreferenceRow {
        key: choice.key(),
        text: choice.text.clone(),
        channel: channel_words(&choice.channel),
        granted: choice.granted,
        since: choice.at.as_ref().and_then(|at| since(at, choice.granted)),
    });
    html(&PreferencesPage {
        rows: rows.collect(),
        sender: found.link.sender_name.clone(),
        code,
        key: random::token_128(),
        saved: asked.has("saved"),
    })
}

fn since(at: &prost_types::Timestamp, granted: bool) -> Option<String> {
    let told = if granted { words::PREFERENCES_GRANTED } else { words::PREFERENCES_WITHDRAWN };
    let date = When::new(showing::millis(at), None, &Event::default().zone)?;
    Some(told.replace("{date}", &format!("{} {}", date.text, date.zone)))
}

fn channel_words(channel: &str) -> &'static str {
    match channel {
        "email" => words::CHANNEL_EMAIL,
        "sms" => words::CHANNEL_SMS,
        "social" => words::CHANNEL_SOCIAL,
        _ => words::CHANNEL_OTHER,
    }
}

/// `POST /u/<code>/preferences`: states what has changed, and nothing else.
pub(super) async fn store_preferences(
    State(shared): State<Shared>,
    Path(code): Path<String>,
    headers: HeaderMap,
    posted: Posted,
) -> Response {
    let found = match Preferences::of(&shared, &code, &headers).await {
        Ok(found) => found,
        Err(answer) => return answer,
    };
    let statements = changes(&found.choices, &posted);
    if !statements.is_empty() {
        let request = bounded(RecordConsentRequest {
            person_id: found.link.person_id,
            statements,
            idempotency_key: posted.one("key").to_owned(),
        });
        if let Err(status) = shared.upstream.people(&found.acting).record_consent(request).await {
            return refused(status);
        }
    }
    to(&format!("/u/{code}/preferences?saved"))
}

fn changes(choices: &[Choice], posted: &Posted) -> Vec<ConsentStatement> {
    let ticked = |choice: &Choice| posted.all("consent").any(|key| key == choice.key());
    let changed = choices.iter().filter(|choice| choice.granted != ticked(choice));
    let stated = changed.map(|choice| {
        let granted = !choice.granted;
        let action = if granted { ConsentAction::Granted } else { ConsentAction::Withdrawn };
        ConsentStatement {
            purpose: choice.purpose.clone(),
            channel: choice.channel.clone(),
            action: action.into(),
            text: if granted { choice.text.text.clone() } else { String::new() },
            language: choice.text.lang.clone(),
            source: "preferences".to_owned(),
            text_version: choice.text_version,
            ..ConsentStatement::default()
        }
    });
    stated.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(purpose: &str) -> Choice {
        Choice {
            purpose: purpose.into(),
            channel: "email".into(),
            text: Words { text: format!("News of {purpose}"), lang: "en".into() },
            text_version: 3,
            granted: false,
            at: None,
        }
    }

    fn stated(purpose: &str, action: ConsentAction, text: &str) -> ConsentStatement {
        ConsentStatement {
            purpose: purpose.into(),
            channel: "email".into(),
            action: action.into(),
            text: text.into(),
            ..ConsentStatement::default()
        }
    }

    #[test]
    fn item_47_only_what_changes_is_stated_and_what_is_granted_word_for_word() {
        let current =
            vec![stated("partners", ConsentAction::Granted, "old words"), stated("sms", ConsentAction::Withdrawn, "")];
        let choices = choices(current, vec![asked("marketing"), asked("partners")]);
        let keys: Vec<_> = choices.iter().map(|c| (c.key(), c.granted)).collect();
        assert_eq!(keys, [("marketing/email".to_owned(), false), ("partners/email".to_owned(), true)]);
        let nothing_ticked = changes(&choices, &Posted::default());
        assert_eq!(nothing_ticked.len(), 1);
        assert_eq!((nothing_ticked[0].purpose.as_str(), nothing_ticked[0].text.as_str()), ("partners", ""));
        let posted = Posted(vec![
            ("consent".into(), "marketing/email".into()),
            ("consent".into(), "partners/email".into()),
            ("consent".into(), "invented/email".into()),
        ]);
        let granted = changes(&choices, &posted);
        assert_eq!(granted.len(), 1);
        assert_eq!((granted[0].action(), granted[0].text.as_str()), (ConsentAction::Granted, "News of marketing"));
    }
}
