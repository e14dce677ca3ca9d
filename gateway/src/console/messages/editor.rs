//! The page of one template: what stands in it, what is entered instead, and what is done with that. Saving names the version that was
//! seen; when somebody else saved meanwhile, what was entered is kept and said to be so.

use axum::{
    Form,
    extract::{Path, Query, State},
    response::Response,
};
use tonic::{Code, Status};
use turnout_proto::{
    common::v1::LocalizedText,
    notifications::v1::{PutTemplateRequest, ResetTemplateRequest, SendTestRequest, Template},
};

use super::{
    super::{
        event_settings::{answered, bad},
        fields::Sent,
        reading, refusals,
        registrants::{Did, done},
        session::Organiser,
    },
    At, Subject,
    preview::rendered,
    row, template, whose,
};
use crate::{
    Shared,
    answers::html,
    upstream::act,
    views::{
        console::{
            inputs::{self, Field},
            messages::{Above, InLanguage, TemplatePage, Whose},
            registrants::Notice,
            shell::{EventHead, Place, Tab},
        },
        text::studio as own,
    },
};

/// Lines of a text that are shown at once.
const BODY_ROWS: u8 = 14;

pub(in crate::console) async fn show(
    State(shared): State<Shared>,
    organiser: Organiser,
    Path(at): Path<At>,
    Query(did): Query<Did>,
) -> Response {
    let (subject, above) = match read(&shared, &organiser, &at).await {
        Ok(read) => read,
        Err(page) => return page,
    };
    let stored = subject.at_this_level();
    let shown = rendered(&shared, &organiser, &stored, &subject.languages[0]).await;
    let mut page = page(&organiser, subject, above, &stored, "");
    page.preview = shown.ok().map(|(shown, _)| shown);
    page.notice = did.notice();
    html(&page)
}

/// The template, and what is used in its place once it is thrown away; none where it is not this level's own.
async fn read(shared: &Shared, organiser: &Organiser, at: &At) -> Result<(Subject, Option<Above>), Response> {
    let subject = Subject::read(shared, organiser, at).await?;
    if !subject.is_own() {
        return Ok((subject, None));
    }
    let above = if subject.event.is_none() {
        Above { whose: Whose::Ours, off: false }
    } else {
        let above = template(shared, organiser, "", subject.known.kind).await;
        let above = above.map_err(|status| refusals::page(&status))?;
        Above { whose: whose(&above), off: above.off }
    };
    Ok((subject, Some(above)))
}

/// The page of a template as it is entered; what is stored says whose it is.
fn page(organiser: &Organiser, subject: Subject, above: Option<Above>, entered: &Template, test: &str) -> TemplatePage {
    let text = |text: &Option<LocalizedText>, lang: &str| {
        text.as_ref().and_then(|text| text.texts.get(lang)).cloned().unwrap_or_default()
    };
    let languages = &subject.languages;
    let stored = row(subject.known, Some(&subject.stored), subject.event.as_ref(), languages);
    let now = row(subject.known, Some(entered), subject.event.as_ref(), languages);
    let texts = now.texts.into_iter().zip(&stored.texts).map(|((lang, now), (_, stored))| InLanguage {
        fields: vec![
            Field::line(format!("subject.{lang}"), own::TEMPLATE_SUBJECT, text(&entered.subject, &lang)).lang(&lang),
            Field::area(format!("body.{lang}"), own::TEMPLATE_BODY, text(&entered.body, &lang), BODY_ROWS)
                .lang(&lang)
                .hint(own::TEMPLATE_BODY_HINT),
        ],
        stored: stored.clone(),
        now,
        lang,
    });
    let own_address = organiser.account.as_ref().map(|(account, _)| account.email.as_str()).unwrap_or_default();
    let test = if test.is_empty() { own_address } else { test };
    let on = || Field::tick("on", own::TEMPLATE_ON, !entered.off).hint(own::TEMPLATE_ON_HINT);
    let place = if subject.event.is_some() { Place::Events } else { Place::Settings };
    TemplatePage {
        shell: reading::shell(place, organiser),
        version: entered.version,
        on: subject.known.of_event.then(on),
        texts: texts.collect(),
        row: stored,
        above,
        preview: None,
        test: Field::line("to", own::TEMPLATE_TEST_TO, test).kind("email").hint(own::TEMPLATE_TEST_HINT),
        head: subject.event.map(|facts| EventHead { facts, tab: Tab::Messages }),
        notice: None,
    }
}

/// What was sent, over what is stored: texts in languages that are not on the page stay as they are.
pub(super) fn entered(subject: &Subject, sent: &Sent) -> Template {
    let Subject { known, stored, .. } = subject;
    let texts = |name: &str, stored: &Option<LocalizedText>| {
        let mut texts = stored.clone().unwrap_or_default();
        for lang in &subject.languages {
            match sent.get(&format!("{name}.{lang}")) {
                "" => drop(texts.texts.remove(lang)),
                text => drop(texts.texts.insert(lang.clone(), text.replace("\r\n", "\n"))),
            }
        }
        Some(texts)
    };
    Template {
        kind: known.kind.into(),
        event_id: subject.event_id().to_owned(),
        subject: texts("subject", &stored.subject),
        body: texts("body", &stored.body),
        version: sent.get("version").parse().unwrap_or(0),
        // There is a box to tick only for what can be turned off.
        off: if known.of_event { sent.get("on") != "yes" } else { stored.off },
    }
}

pub(in crate::console) async fn act(
    State(shared): State<Shared>,
    organiser: Organiser,
    Path(at): Path<At>,
    Form(sent): Form<Vec<(String, String)>>,
) -> Response {
    let sent = Sent(sent);
    let (subject, above) = match read(&shared, &organiser, &at).await {
        Ok((subject, above)) => (subject.with_those_of(&sent), above),
        Err(page) => return page,
    };
    let draft = entered(&subject, &sent);
    let (_, lang) = asked(&subject, &sent);
    let (told, refused) = match done_with(&shared, &organiser, &subject, &draft, &sent).await {
        Ok(Done::Over(did)) => return done(&subject.base(), did, None),
        Ok(Done::Told(told)) => (Some(told), None),
        Ok(Done::Nothing) => (None, None),
        Err(status) => (None, Some(status)),
    };
    let version = subject.version();
    let shown = rendered(&shared, &organiser, &draft, &lang).await;
    let refused = refused.or_else(|| shown.as_ref().err().cloned());
    let mut page = page(&organiser, subject, above, &draft, sent.get("to"));
    page.preview = shown.ok().map(|(shown, _)| shown);
    page.notice = told;
    let Some(status) = refused else { return html(&page) };
    let Some((code, notice)) = refusals::notice(&status) else { return refusals::page(&status) };
    page.notice = Some(notice);
    match status.code() {
        Code::Aborted => {
            page.version = version;
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

/// What a button asks for, and in which language: `save`, `reset`, `test.fi`, `preview.fi`.
fn asked<'a>(subject: &Subject, sent: &'a Sent) -> (&'a str, String) {
    let asked = sent.get("do");
    let (act, lang) = asked.split_once('.').unwrap_or((asked, ""));
    (act, subject.language(lang))
}

/// What an act came to.
enum Done {
    /// It is done, and the page is shown anew with what this word stands for.
    Over(&'static str),
    /// This is to be said about it.
    Told(Notice),
    /// Only a preview was wanted.
    Nothing,
}

async fn done_with(
    shared: &Shared,
    organiser: &Organiser,
    subject: &Subject,
    draft: &Template,
    sent: &Sent,
) -> Result<Done, Status> {
    let (act, language) = asked(subject, sent);
    let upstream = shared.upstream.notifications(&organiser.acting());
    let key = sent.once(act, &format!("{} {}", subject.event_id(), subject.known.word));
    let template = || Some(draft.clone());
    match act {
        "save" => {
            act!(key, upstream, put_template, PutTemplateRequest { template: template() }).await?;
            Ok(Done::Over("template"))
        }
        "reset" => {
            let request = ResetTemplateRequest { kind: draft.kind, event_id: draft.event_id.clone() };
            act!(key, upstream, reset_template, request).await?;
            Ok(Done::Over("template-reset"))
        }
        "test" => {
            let request = SendTestRequest { template: template(), language, email: sent.get("to").to_owned() };
            let answer = act!(key, upstream, send_test, request).await?.into_inner();
            let words = if answer.handed_off { own::TEST_SENT } else { own::TEST_NOT_SENT };
            Ok(Done::Told(Notice { text: words.replace("{answer}", &answer.answer), bad: !answer.handed_off }))
        }
        _ => Ok(Done::Nothing),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_template_is_told_at_its_text() {
        assert_eq!(input_of("template.subject", "En: unknown variable.", "fi"), "subject.en");
        assert_eq!(input_of("body", "Fr-CA: unknown variable.", "fi"), "body.fr-CA");
        assert_eq!(input_of("email", "Must be an address.", "fi"), "to");
    }
}
