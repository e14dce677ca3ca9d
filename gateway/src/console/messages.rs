//! What is written to people: the templates of an event and of the whole organisation with preview and test, an event's reminders, the
//! figures of its messages and whom each counts. Which template is used and how it is rendered is the service's business.

mod editor;
mod list;
mod preview;
mod recipients;
mod reminders;

use std::collections::BTreeSet;

use axum::response::Response;
use serde::Deserialize;
use tonic::Status;
use turnout_proto::{
    common::v1::LocalizedText,
    notifications::v1::{GetMessageSettingsRequest, GetTemplateRequest, MessageKind, Template},
    registration::v1::ListEventsRequest,
};

pub(super) use self::{
    editor::{act as act_on_template, show as show_template},
    list::{of_event as show, of_organisation},
    preview::{entered as entered_mail, stored as stored_mail},
    recipients::show as show_recipients,
    reminders::put as put_reminders,
};
use super::{fields::Sent, reading, refusals, session::Organiser};
use crate::{
    Shared,
    answers::error_page,
    upstream::bounded,
    views::{
        ErrorKind,
        console::{
            messages::{KindRow, Known, ORGANISATION, TextIn, Whose},
            shell::EventFacts,
        },
        text::LANG,
    },
};

/// The newest events, of which the languages are offered for the organisation's own texts.
const EVENTS_MAX: i32 = 200;

/// What an address is about; without an event it is the organisation's.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct At {
    event: String,
    kind: String,
}

/// The template that a page is about, as it is stored now.
struct Subject {
    known: &'static Known,
    /// None for the organisation's.
    event: Option<EventFacts>,
    /// In which people are written to.
    languages: Vec<String>,
    /// What is used here: this level's own, or that of a level above.
    stored: Template,
}

impl Subject {
    async fn read(shared: &Shared, organiser: &Organiser, at: &At) -> Result<Self, Response> {
        let known = Known::of_word(&at.kind).filter(|known| known.of_event || at.event.is_empty());
        let known = known.ok_or_else(|| error_page(ErrorKind::NoSuchPage))?;
        let event = match at.event.as_str() {
            "" => None,
            id => Some(reading::event(shared, organiser, id).await?),
        };
        let stored = template(shared, organiser, &at.event, known.kind).await;
        let stored = stored.map_err(|status| refusals::page(&status))?;
        let languages = match &event {
            Some(event) => event.languages.clone(),
            None => of_texts(of_events(shared, organiser).await, Some(&stored)),
        };
        Ok(Self { known, event, languages, stored })
    }

    /// With the languages of the fields of a form: the page that it stood on had them, and what was typed in one is not lost because an
    /// event has given it up meanwhile, or because the events cannot be read just now.
    fn with_those_of(mut self, sent: &Sent) -> Self {
        let names = sent.0.iter().map(|(name, _)| name);
        let tags = names.filter_map(|name| name.strip_prefix("subject.").or_else(|| name.strip_prefix("body.")));
        let tags: BTreeSet<&str> = tags.filter(|tag| is_language(tag)).collect();
        let is_new = |tag: &&str| !self.languages.iter().any(|known| known == tag);
        let new: Vec<String> = tags.into_iter().filter(is_new).map(str::to_owned).collect();
        self.languages.extend(new);
        if self.event.is_none() {
            self.languages = of_texts(self.languages, None);
        }
        self
    }

    /// Empty for the organisation's.
    fn event_id(&self) -> &str {
        self.event.as_ref().map_or("", |event| &event.event_id)
    }

    fn base(&self) -> String {
        format!("{}/{}", base(self.event_id()), self.known.word)
    }

    /// What is used here, as this level's own would be: a preview is about this event, whosever the text is.
    fn at_this_level(&self) -> Template {
        Template { event_id: self.event_id().to_owned(), version: self.version(), ..self.stored.clone() }
    }

    /// It is this level's own, and not that of a level above.
    fn is_own(&self) -> bool {
        self.stored.version > 0 && self.stored.event_id == self.event_id()
    }

    /// The version of this level's own template; 0 where it has none. That of a level above could be the same by chance.
    fn version(&self) -> i64 {
        if self.is_own() { self.stored.version } else { 0 }
    }

    /// The language that is asked for, else the first.
    fn language(&self, wanted: &str) -> String {
        self.languages.iter().find(|known| known.as_str() == wanted).unwrap_or(&self.languages[0]).clone()
    }
}

/// The address of the messages of an event, or without one of the organisation.
fn base(event_id: &str) -> String {
    if event_id.is_empty() { ORGANISATION.to_owned() } else { format!("/console/events/{event_id}/messages") }
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

/// Whether mails are kept as files and reach nobody.
async fn to_folder(shared: &Shared, organiser: &Organiser) -> bool {
    let request = bounded(GetMessageSettingsRequest {});
    let settings = shared.upstream.notifications(&organiser.acting()).get_message_settings(request).await;
    settings.is_ok_and(|answer| answer.into_inner().mail_transport == "folder")
}

/// The languages of the organisation's events. While they cannot be read there are those of the texts.
async fn of_events(shared: &Shared, organiser: &Organiser) -> Vec<String> {
    let request = bounded(ListEventsRequest { page_size: EVENTS_MAX, page_token: String::new() });
    match shared.upstream.events(&organiser.acting()).list_events(request).await {
        Ok(answer) => answer.into_inner().events.into_iter().flat_map(|event| event.languages).collect(),
        Err(status) => {
            tracing::warn!(code = ?status.code(), "the languages of the events could not be read");
            Vec::new()
        }
    }
}

/// These languages and those in which the template has a text; English first, because it is sent where nothing better is there.
fn of_texts(languages: Vec<String>, template: Option<&Template>) -> Vec<String> {
    let texts = template.into_iter().flat_map(|template| [&template.subject, &template.body]).flatten();
    let texts = texts.flat_map(|text| text.texts.keys().cloned());
    let mut all: Vec<String> = languages.into_iter().chain(texts).chain([LANG.to_owned()]).collect();
    all.sort_unstable_by(|a, b| (a != LANG, a).cmp(&(b != LANG, b)));
    all.dedup();
    all
}

/// Whether this can be a language's tag, as the service takes it for a text.
fn is_language(tag: &str) -> bool {
    (2..=35).contains(&tag.len()) && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

fn whose(template: &Template) -> Whose {
    match (template.event_id.is_empty(), template.version) {
        (false, _) => Whose::Event,
        (true, 0) => Whose::Ours,
        (true, _) => Whose::Tenant,
    }
}

/// The text that whoever chose a language gets: its own, else, as the composer takes it, that of the first of the event's languages that
/// has one, else English, else any.
fn text_in(body: Option<&LocalizedText>, lang: &str, of_event: &[String]) -> TextIn {
    let Some(LocalizedText { texts }) = body else { return TextIn::Nowhere };
    let own = |lang: &str| {
        let base = lang.split('-').next().unwrap_or_default();
        [lang, base].into_iter().find(|tag| texts.get(*tag).is_some_and(|text| !text.is_empty())).map(str::to_owned)
    };
    if own(lang).is_some() {
        return TextIn::Here;
    }
    let any = || texts.keys().min_by_key(|tag| (tag.as_str() != LANG, tag.as_str())).cloned();
    of_event.iter().find_map(|lang| own(lang)).or_else(any).map_or(TextIn::Nowhere, TextIn::Instead)
}

/// A kind as the pages name it; without a template when that cannot be read.
fn row(
    known: &'static Known,
    template: Option<&Template>,
    event: Option<&EventFacts>,
    languages: &[String],
) -> KindRow {
    let body = template.and_then(|template| template.body.as_ref());
    let of_event = event.map_or(&[][..], |event| &event.languages);
    let texts = languages.iter().map(|lang| (lang.clone(), text_in(body, lang, of_event)));
    KindRow {
        known,
        whose: template.map(whose),
        // A link that somebody waits for is sent whatever a template says.
        off: known.of_event && template.is_some_and(|template| template.off),
        texts: texts.collect(),
    }
}

#[cfg(test)]
mod tests {
    use turnout_proto::registration::v1::Event;

    use super::*;
    use crate::views::console::messages::KINDS;

    fn texts(tags: &[&str]) -> LocalizedText {
        LocalizedText { texts: tags.iter().map(|tag| ((*tag).to_owned(), format!("Text in {tag}"))).collect() }
    }

    #[test]
    fn whoever_chose_a_language_without_a_text_is_written_to_in_the_next_one() {
        let languages = ["fi", "de-AT", "en"].map(str::to_owned);
        let found = |tags: &[&str], lang: &str| text_in(Some(&texts(tags)), lang, &languages);
        assert_eq!(found(&["en", "de"], "fi"), TextIn::Instead("de".into()));
        assert_eq!(found(&["en", "de"], "de-AT"), TextIn::Here);
        assert_eq!(found(&["en"], "fi"), TextIn::Instead("en".into()));
        assert_eq!(found(&["sv"], "fi"), TextIn::Instead("sv".into()));
        assert_eq!(found(&[], "fi"), TextIn::Nowhere);
        assert_eq!(text_in(Some(&texts(&["de", "en"])), "fi", &[]), TextIn::Instead("en".into()));
    }

    #[test]
    fn the_languages_of_the_organisation_are_those_of_its_events_and_of_its_texts_each_once() {
        let template = Template { body: Some(texts(&["de", "en"])), ..Template::default() };
        let of_events = ["sv", "fi", "sv", "de"].map(str::to_owned);
        assert_eq!(of_texts(of_events.to_vec(), Some(&template)), ["en", "de", "fi", "sv"]);
        assert_eq!(of_texts(Vec::new(), None), ["en"]);
    }

    #[test]
    fn a_form_names_languages_of_which_nobody_knows_any_more_and_nothing_that_is_none() {
        let subject = Subject {
            known: &KINDS[0],
            event: None,
            languages: vec!["en".into(), "de".into()],
            stored: Template::default(),
        };
        let names = ["version", "subject.fi", "body.fi", "body.de-AT", "body.", "body.x", "subject.a b", "body.a.b"];
        let sent = Sent(Vec::from(names.map(|name| (name.to_owned(), "A text".to_owned()))));
        assert_eq!(subject.with_those_of(&sent).languages, ["en", "de", "de-AT", "fi"]);
    }

    #[test]
    fn the_version_of_the_organisations_text_is_none_of_the_events() {
        let subject = |event: Option<EventFacts>, event_id: &str| Subject {
            known: &KINDS[0],
            languages: vec!["en".into()],
            stored: Template { event_id: event_id.into(), version: 7, ..Template::default() },
            event,
        };
        let night = reading::event_facts(Event { event_id: "night".into(), ..Event::default() });
        assert_eq!(subject(Some(night.clone()), "night").version(), 7);
        assert_eq!(subject(Some(night), "").version(), 0);
        assert_eq!(subject(None, "").version(), 7);
    }
}
