//! What is written to the people of an event: its templates with preview and test, its reminders, the figures of its messages. Rendering
//! is the service's business; the HTML half of a mail is shown in a frame of its own that may run nothing.

use axum::{
    Form,
    extract::{Path, Query, State},
    http::{HeaderValue, StatusCode, header},
    response::{Html, IntoResponse as _, Response},
};
use tonic::{Code, Status};
use turnout_proto::{
    common::v1::LocalizedText,
    notifications::v1::{
        GetMessageFiguresRequest, GetMessageSettingsRequest, GetRemindersRequest, GetTemplateRequest, MessageKind,
        PreviewTemplateRequest, PreviewTemplateResponse, PutRemindersRequest, PutTemplateRequest, Reminder, Reminders,
        ResetTemplateRequest, SendTestRequest, Template,
    },
};

use super::{
    event_settings::{answered, bad},
    fields::Sent,
    reading, refusals,
    registrants::{Did, done},
    session::Organiser,
};
use crate::{
    Shared,
    answers::{error_page, failure_page, html},
    upstream::{bounded, failure, once},
    views::{
        ErrorKind,
        console::{
            inputs::{self, Field},
            messages::{InLanguage, KINDS, KindRow, MessagesPage, Preview, TemplatePage, Whose},
            registrants::Notice,
            shell::{EventFacts, EventHead, Place, Tab},
        },
        text::studio as own,
    },
};

/// A mail in its frame: it styles itself, and does nothing else.
const MAIL_POLICY: &str =
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'self'";
/// Units of reminders, the largest first.
const UNITS: [(&str, i64); 3] = [("d", 86_400), ("h", 3_600), ("min", 60)];

pub(super) async fn show(
    State(shared): State<Shared>,
    organiser: Organiser,
    Path(event_id): Path<String>,
    Query(did): Query<Did>,
) -> Response {
    match overview(&shared, &organiser, &event_id).await {
        Ok(mut page) => {
            page.notice = did.notice();
            html(&page)
        }
        Err(page) => page,
    }
}

async fn overview(shared: &Shared, organiser: &Organiser, event_id: &str) -> Result<MessagesPage, Response> {
    let event = reading::event(shared, organiser, event_id).await?;
    let mut upstream = shared.upstream.notifications(&organiser.acting());
    let id = || event_id.to_owned();
    let settings = upstream.get_message_settings(bounded(GetMessageSettingsRequest {})).await;
    let figures = upstream.get_message_figures(bounded(GetMessageFiguresRequest { event_id: id() })).await;
    let reminders = upstream.get_reminders(bounded(GetRemindersRequest { event_id: id() })).await;
    let reminders = match reminders {
        Ok(answer) => answer.into_inner().reminders.unwrap_or_default(),
        Err(status) => return Err(refusals::page(&status)),
    };
    let mut kinds = Vec::new();
    for (_, kind, _) in KINDS {
        let template = template(shared, organiser, event_id, kind).await.ok();
        kinds.push(row(kind, template.as_ref()));
    }
    Ok(MessagesPage {
        shell: reading::shell(Place::Events, organiser),
        head: EventHead { facts: event, tab: Tab::Messages },
        to_folder: settings.is_ok_and(|answer| answer.into_inner().mail_transport == "folder"),
        kinds,
        reminders: reminders_field(written(&reminders.reminders)),
        reminders_version: reminders.version,
        figures: figures.ok().map(|answer| answer.into_inner().figures),
        notice: None,
    })
}

fn reminders_field(value: String) -> Field {
    Field::line("before", own::REMINDERS_BEFORE, value).hint(own::REMINDERS_HINT).optional()
}

async fn template(
    shared: &Shared,
    organiser: &Organiser,
    event_id: &str,
    kind: MessageKind,
) -> Result<Template, Status> {
    let request = bounded(GetTemplateRequest { kind: kind.into(), event_id: event_id.to_owned() });
    let answer = shared.upstream.notifications(&organiser.acting()).get_template(request).await?;
    Ok(answer.into_inner().template.unwrap_or_default())
}

fn row(kind: MessageKind, template: Option<&Template>) -> KindRow {
    let (word, _, when) = KINDS.into_iter().find(|(_, known, _)| *known == kind).unwrap_or(("", kind, ""));
    let whose = template.map(|template| match (template.event_id.is_empty(), template.version) {
        (false, _) => Whose::Event,
        (true, 0) => Whose::Ours,
        (true, _) => Whose::Tenant,
    });
    KindRow { word, kind, when, whose, off: template.is_some_and(|template| template.off) }
}

/// Reminders as they are written: `2d, 24h, 30min`.
fn written(reminders: &[Reminder]) -> String {
    let one = |reminder: &Reminder| {
        let unit = UNITS.into_iter().find(|(_, unit_s)| {
            let wanted = reminder.before_s % unit_s == 0;
            // A day before is better read as hours: people think of the clock then.
            wanted && reminder.before_s / unit_s > i64::from(*unit_s == 86_400)
        });
        let (unit, unit_s) = unit.unwrap_or(("min", 60));
        format!("{}{unit}", reminder.before_s / unit_s)
    };
    reminders.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Reads them; none when something else stands there.
fn read(text: &str) -> Option<Vec<Reminder>> {
    let one = |part: &str| {
        let digits = part.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == ' ');
        let unit = part[digits.len()..].trim();
        let (_, unit_s) = UNITS.into_iter().find(|(known, _)| *known == unit)?;
        Some(Reminder { before_s: digits.parse::<i64>().ok()?.checked_mul(unit_s)? })
    };
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(one).collect()
}

pub(super) async fn put_reminders(
    State(shared): State<Shared>,
    organiser: Organiser,
    Path(event_id): Path<String>,
    Form(sent): Form<Vec<(String, String)>>,
) -> Response {
    let sent = Sent(sent);
    let mut problem = own::REMINDERS_WRONG.to_owned();
    let mut code = StatusCode::UNPROCESSABLE_ENTITY;
    let mut notice = bad(own::NOT_SAVED);
    if let Some(reminders) = read(sent.get("before")) {
        let version = sent.get("version").parse().unwrap_or(0);
        let reminders = Reminders { event_id: event_id.clone(), reminders, version };
        let request = bounded(PutRemindersRequest { reminders: Some(reminders) });
        match shared.upstream.notifications(&organiser.acting()).put_reminders(request).await {
            Ok(_) => return done(&format!("/console/events/{event_id}/messages"), "reminders", None),
            Err(status) => {
                let Some((refused, told)) = refusals::notice(&status) else { return refusals::page(&status) };
                problem = refusals::violations(&status).into_iter().map(|(_, sentence)| sentence).collect();
                (code, notice) = (refused, told);
            }
        }
    }
    match overview(&shared, &organiser, &event_id).await {
        Ok(mut page) => {
            sent.get("before").clone_into(&mut page.reminders.value);
            page.reminders.error = (!problem.is_empty()).then_some(problem);
            page.notice = Some(notice);
            answered(html(&page), code)
        }
        Err(page) => page,
    }
}

fn kind_of(word: &str) -> Option<MessageKind> {
    KINDS.into_iter().find(|(known, ..)| *known == word).map(|(_, kind, _)| kind)
}

pub(super) async fn show_template(
    State(shared): State<Shared>,
    organiser: Organiser,
    Path((event_id, word)): Path<(String, String)>,
    Query(did): Query<Did>,
) -> Response {
    let Some(kind) = kind_of(&word) else { return error_page(ErrorKind::NoSuchPage) };
    let event = match reading::event(&shared, &organiser, &event_id).await {
        Ok(event) => event,
        Err(page) => return page,
    };
    match template(&shared, &organiser, &event_id, kind).await {
        Ok(stored) => {
            let mut page = page(&organiser, event, kind, &stored, &stored, "");
            page.preview =
                preview(&shared, &organiser, &stored, &page.texts[0].lang).await.ok().map(|(shown, _)| shown);
            page.notice = did.notice();
            html(&page)
        }
        Err(status) => refusals::page(&status),
    }
}

/// The page of a template as it is entered; what is stored says whose it is.
fn page(
    organiser: &Organiser,
    event: EventFacts,
    kind: MessageKind,
    stored: &Template,
    entered: &Template,
    test: &str,
) -> TemplatePage {
    let text = |text: &Option<LocalizedText>, lang: &str| {
        text.as_ref().and_then(|text| text.texts.get(lang)).cloned().unwrap_or_default()
    };
    let texts = event.languages.iter().map(|lang| InLanguage {
        lang: lang.clone(),
        fields: vec![
            Field::line(format!("subject.{lang}"), own::TEMPLATE_SUBJECT, text(&entered.subject, lang)).lang(lang),
            Field::area(format!("body.{lang}"), own::TEMPLATE_BODY, text(&entered.body, lang), 14)
                .lang(lang)
                .hint(own::TEMPLATE_BODY_HINT),
        ],
    });
    let own_address = organiser.account.as_ref().map(|(account, _)| account.email.as_str()).unwrap_or_default();
    let test = if test.is_empty() { own_address } else { test };
    TemplatePage {
        shell: reading::shell(Place::Events, organiser),
        row: row(kind, Some(stored)),
        version: entered.version,
        on: Field::tick("on", own::TEMPLATE_ON, !entered.off).hint(own::TEMPLATE_ON_HINT),
        texts: texts.collect(),
        preview: None,
        test: Field::line("to", own::TEMPLATE_TEST_TO, test).kind("email").hint(own::TEMPLATE_TEST_HINT),
        head: EventHead { facts: event, tab: Tab::Messages },
        notice: None,
    }
}

/// What was sent, over what is stored: texts in languages that the event no longer has stay as they are.
fn entered(event_id: &str, kind: MessageKind, stored: &Template, languages: &[String], sent: &Sent) -> Template {
    let texts = |name: &str, stored: &Option<LocalizedText>| {
        let mut texts = stored.clone().unwrap_or_default();
        for lang in languages {
            match sent.get(&format!("{name}.{lang}")) {
                "" => drop(texts.texts.remove(lang)),
                text => drop(texts.texts.insert(lang.clone(), text.replace("\r\n", "\n"))),
            }
        }
        Some(texts)
    };
    Template {
        kind: kind.into(),
        event_id: event_id.to_owned(),
        subject: texts("subject", &stored.subject),
        body: texts("body", &stored.body),
        version: sent.get("version").parse().unwrap_or(0),
        off: sent.get("on") != "yes",
    }
}

async fn preview(
    shared: &Shared,
    organiser: &Organiser,
    template: &Template,
    lang: &str,
) -> Result<(Preview, String), Status> {
    let request = PreviewTemplateRequest { template: Some(template.clone()), language: lang.to_owned() };
    let answer = shared.upstream.notifications(&organiser.acting()).preview_template(bounded(request)).await?;
    let PreviewTemplateResponse { subject, text, html } = answer.into_inner();
    Ok((Preview { lang: lang.to_owned(), subject, text }, html))
}

pub(super) async fn act_on_template(
    State(shared): State<Shared>,
    organiser: Organiser,
    Path((event_id, word)): Path<(String, String)>,
    Form(sent): Form<Vec<(String, String)>>,
) -> Response {
    let Some(kind) = kind_of(&word) else { return error_page(ErrorKind::NoSuchPage) };
    let sent = Sent(sent);
    let event = match reading::event(&shared, &organiser, &event_id).await {
        Ok(event) => event,
        Err(page) => return page,
    };
    let stored = match template(&shared, &organiser, &event_id, kind).await {
        Ok(stored) => stored,
        Err(status) => return refusals::page(&status),
    };
    let draft = entered(&event_id, kind, &stored, &event.languages, &sent);
    let back = format!("/console/events/{event_id}/messages/{word}");
    let (act, lang) = sent.get("do").split_once('.').unwrap_or((sent.get("do"), ""));
    let lang = event.languages.iter().find(|known| known.as_str() == lang).unwrap_or(&event.languages[0]).clone();
    let mut upstream = shared.upstream.notifications(&organiser.acting());
    let mut told = None;
    let outcome = match act {
        "save" => match upstream.put_template(bounded(PutTemplateRequest { template: Some(draft.clone()) })).await {
            Ok(_) => return done(&back, "template", None),
            Err(status) => Err(status),
        },
        "reset" => {
            let request = ResetTemplateRequest { kind: kind.into(), event_id: event_id.clone() };
            match upstream.reset_template(bounded(request)).await {
                Ok(_) => return done(&back, "template-reset", None),
                Err(status) => Err(status),
            }
        }
        "test" => {
            let email = sent.get("to").to_owned();
            let request = SendTestRequest { template: Some(draft.clone()), language: lang.clone(), email };
            let key = sent.once("test", &lang);
            let sending = once(key.as_ref(), request, |request| {
                let mut upstream = upstream.clone();
                async move { upstream.send_test(request).await }
            });
            sending.await.map(|answer| {
                let answer = answer.into_inner();
                let words = if answer.handed_off { own::TEST_SENT } else { own::TEST_NOT_SENT };
                told = Some(Notice { text: words.replace("{answer}", &answer.answer), bad: !answer.handed_off });
            })
        }
        _ => Ok(()),
    };
    let shown = preview(&shared, &organiser, &draft, &lang).await;
    let mut page = page(&organiser, event, kind, &stored, &draft, sent.get("to"));
    let refused = outcome.err().or_else(|| shown.as_ref().err().cloned());
    page.preview = shown.ok().map(|(shown, _)| shown);
    page.notice = told;
    let Some(status) = refused else { return html(&page) };
    let Some((code, notice)) = refusals::notice(&status) else { return refusals::page(&status) };
    page.notice = Some(notice);
    match status.code() {
        Code::Aborted => {
            page.version = stored.version;
            page.notice = Some(bad(own::TEMPLATE_MEANWHILE));
        }
        Code::InvalidArgument => {
            let named = refusals::violations(&status).into_iter();
            let named = named.map(|(field, sentence)| (input_of(&field, &sentence, &lang), sentence)).collect();
            let fields = page.texts.iter_mut().flat_map(|part| &mut part.fields).chain([&mut page.test]);
            let rest = inputs::blame(fields, named);
            page.notice = Some(bad(&format!("{} {}", own::NOT_SAVED, rest.join(" "))));
        }
        _ => {}
    }
    answered(html(&page), code)
}

/// The input that a violation is about; its sentence begins with the language, as in `En: …`.
fn input_of(field: &str, sentence: &str, lang: &str) -> String {
    let named = sentence.split_once(':').map_or(lang.to_owned(), |(tag, _)| {
        let mut letters = tag.chars();
        letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
    });
    match field.rsplit('.').next() {
        Some("email") => "to".to_owned(),
        Some(part @ ("subject" | "body")) => format!("{part}.{named}"),
        _ => field.to_owned(),
    }
}

/// `GET …/preview`: the HTML half of what is stored.
pub(super) async fn stored_mail(
    State(shared): State<Shared>,
    organiser: Organiser,
    Path((event_id, word)): Path<(String, String)>,
) -> Response {
    mail(&shared, &organiser, &event_id, &word, &Sent::default()).await
}

/// `POST …/preview`: that of what is entered.
pub(super) async fn entered_mail(
    State(shared): State<Shared>,
    organiser: Organiser,
    Path((event_id, word)): Path<(String, String)>,
    Form(sent): Form<Vec<(String, String)>>,
) -> Response {
    mail(&shared, &organiser, &event_id, &word, &Sent(sent)).await
}

async fn mail(shared: &Shared, organiser: &Organiser, event_id: &str, word: &str, sent: &Sent) -> Response {
    let Some(kind) = kind_of(word) else { return error_page(ErrorKind::NoSuchPage) };
    let event = match reading::event(shared, organiser, event_id).await {
        Ok(event) => event,
        Err(page) => return page,
    };
    let stored = match template(shared, organiser, event_id, kind).await {
        Ok(stored) => stored,
        Err(status) => return refusals::page(&status),
    };
    let is_entered = !sent.0.is_empty();
    let shown = if is_entered { entered(event_id, kind, &stored, &event.languages, sent) } else { stored };
    let lang = event.languages.iter().find(|known| known.as_str() == sent.get("lang")).unwrap_or(&event.languages[0]);
    match preview(shared, organiser, &shown, lang).await {
        Ok((_, mail)) => {
            let mut response = ([(header::CACHE_CONTROL, "no-store")], Html(mail)).into_response();
            response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(MAIL_POLICY));
            response
        }
        Err(status) if status.code() == Code::InvalidArgument => {
            let told: Vec<String> = refusals::violations(&status).into_iter().map(|(_, sentence)| sentence).collect();
            (StatusCode::UNPROCESSABLE_ENTITY, told.join("\n")).into_response()
        }
        Err(status) => failure_page(failure(status)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reminders_are_read_as_they_are_written() {
        let seconds = |text: &str| read(text).map(|all| all.into_iter().map(|r| r.before_s).collect::<Vec<_>>());
        assert_eq!(seconds("2d, 24 h,30min"), Some(vec![172_800, 86_400, 1_800]));
        assert_eq!(seconds(""), Some(Vec::new()));
        for wrong in ["1", "h", "1w", "1.5h", "9999999999999999d"] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
        for text in ["2d, 24h, 30min", "90min", ""] {
            assert_eq!(written(&read(text).unwrap()), text);
        }
    }

    #[test]
    fn what_is_wrong_with_a_template_is_told_at_its_text() {
        assert_eq!(input_of("template.subject", "En: unknown variable.", "fi"), "subject.en");
        assert_eq!(input_of("body", "Fr-CA: unknown variable.", "fi"), "body.fr-CA");
        assert_eq!(input_of("email", "Must be an address.", "fi"), "to");
    }
}
