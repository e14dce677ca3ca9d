//! In which of an event's languages a page is written: the one asked for, else the one chosen before, else what the browser prefers,
//! else the event's own. Pure.

use axum::http::{HeaderMap, header};
use turnout_proto::{common::v1::LocalizedText, registration::v1::Event};

use crate::{
    cookies::cookie,
    views::{LanguageLink, Words, language_links, text::LANG},
};

/// The cookie that holds the language chosen last.
pub(super) const LANGUAGE_COOKIE: &str = "turnout_lang";
/// How long it is kept.
pub(super) const LANGUAGE_COOKIE_AGE_S: u64 = 365 * 24 * 3600;
/// Entries of Accept-Language that are looked at.
const PREFERENCES_MAX: usize = 16;

/// The reader of a page of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reader {
    /// The language, BCP 47.
    pub lang: String,
    /// The event's languages, its own first.
    pub languages: Vec<String>,
    /// The reader has just chosen it.
    pub chosen: bool,
}

impl Reader {
    /// Of this event, with the language that the address asks for, if it does.
    pub fn of(event: &Event, asked: &str, headers: &HeaderMap) -> Self {
        let languages = match event.languages.as_slice() {
            [] => vec![LANG.to_owned()],
            some => some.to_vec(),
        };
        let known = |tag: &str| best(&languages, tag);
        let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let chosen = known(asked);
        let lang = chosen
            .clone()
            .or_else(|| cookie(headers, LANGUAGE_COOKIE).and_then(known))
            .or_else(|| preferred(accepted).into_iter().find_map(known))
            .unwrap_or_else(|| languages[0].clone());
        Self { lang, languages, chosen: chosen.is_some() }
    }

    pub fn links(&self) -> Vec<LanguageLink> {
        language_links(&self.languages, &self.lang)
    }

    /// A text in the reader's language, else in the event's own, else in any.
    pub fn words(&self, text: &LocalizedText) -> Words {
        let with = |lang: &String| text.texts.get_key_value(lang).filter(|(_, t)| !t.is_empty());
        let any = || text.texts.iter().filter(|(_, t)| !t.is_empty()).min();
        let found = with(&self.lang).or_else(|| self.languages.iter().find_map(with)).or_else(any);
        found.map_or_else(Words::default, |(lang, text)| Words { text: text.clone(), lang: lang.clone() })
    }

    /// The same for a text that may be absent.
    pub fn maybe(&self, text: Option<&LocalizedText>) -> Option<Words> {
        text.map(|text| self.words(text)).filter(|words| !words.text.is_empty())
    }
}

/// The event's language that a tag means: itself, else one of the same base (`de-AT` for `de`).
fn best(languages: &[String], tag: &str) -> Option<String> {
    let base = |tag: &str| tag.split('-').next().unwrap_or_default().to_ascii_lowercase();
    let same = languages.iter().find(|l| l.eq_ignore_ascii_case(tag));
    same.or_else(|| languages.iter().find(|l| base(l) == base(tag))).filter(|_| !tag.is_empty()).cloned()
}

/// The tags of an Accept-Language header, the most wanted first.
fn preferred(header: &str) -> Vec<&str> {
    let weighed = header.split(',').take(PREFERENCES_MAX).filter_map(|entry| {
        let (tag, rest) = entry.split_once(';').unwrap_or((entry, ""));
        let weight = rest.trim().strip_prefix("q=").map_or(Some(1.0), |q| q.trim().parse::<f32>().ok())?;
        (weight > 0.0).then_some((tag.trim(), weight))
    });
    let mut tags: Vec<(&str, f32)> = weighed.collect();
    tags.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    tags.into_iter().map(|(tag, _)| tag).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(languages: &[&str]) -> Event {
        Event { languages: languages.iter().map(ToString::to_string).collect(), ..Event::default() }
    }

    fn lang(languages: &[&str], asked: &str, cookie: &str, accepted: &str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, format!("turnout_lang={cookie}").parse().unwrap());
        headers.insert(header::ACCEPT_LANGUAGE, accepted.parse().unwrap());
        Reader::of(&event(languages), asked, &headers).lang
    }

    #[test]
    fn the_language_is_the_one_asked_for_then_the_one_chosen_then_the_browsers_then_the_events() {
        let three = ["fi", "sv", "en"];
        assert_eq!(lang(&three, "sv", "en", "en"), "sv");
        assert_eq!(lang(&three, "", "en", "sv"), "en");
        assert_eq!(lang(&three, "", "", "sv;q=0.4, en;q=0.8"), "en");
        assert_eq!(lang(&three, "", "", "sv-FI, en;q=0.8"), "sv");
        assert_eq!(lang(&three, "", "", "ja, *;q=0.1"), "fi");
        assert_eq!(lang(&three, "xx", "yy", "en;q=0, nonsense;;q"), "fi");
        assert_eq!(lang(&[], "", "", "fi"), "en");
    }

    #[test]
    fn a_text_that_lacks_the_readers_language_is_shown_in_the_events_own_and_says_so() {
        let texts = [("fi", "Nimi"), ("en", "Name"), ("sv", "")];
        let text = LocalizedText { texts: texts.iter().map(|(l, t)| ((*l).to_owned(), (*t).to_owned())).collect() };
        let reader = Reader::of(&event(&["fi", "sv", "en"]), "sv", &HeaderMap::new());
        assert_eq!(reader.words(&text), Words { text: "Nimi".into(), lang: "fi".into() });
        assert_eq!(reader.words(&LocalizedText::default()), Words::default());
    }
}
