//! The options of a choice, as an organiser writes them: one a line, in any script. Each line comes out as the label that was typed. The
//! page writes the key of an option before its label, so that the key stays when the words change; what stands before a colon is a key
//! only if the page knew it as one. Whether there are enough options is decided by registration.

use std::collections::HashSet;

use turnout_platform::search::fold;
use turnout_proto::{common::v1::LocalizedText, registration::v1::FieldOption};

/// Characters of a key that is made from words.
const KEY_CHARS_MAX: usize = 40;
/// Options that a page remembers of one question.
const KNOWN_MAX: usize = 400;
/// What a key begins with that cannot be made from words.
const FALLBACK: &str = "option";

/// The options that a question has, and those that it had: keys, and labels in the event's own language, empty where there is none.
/// Answers are kept under these keys, so a new option gets none of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Known(Vec<(String, String)>);

impl Known {
    /// As the page carries them, in lines.
    pub(super) fn read(lines: &str) -> Self {
        Self(lines.lines().filter_map(keyed).map(|(key, label)| (key.to_owned(), label.to_owned())).collect())
    }

    /// For the page to carry.
    pub(super) fn write(&self) -> String {
        self.0.iter().map(|(key, label)| format!("{key}: {label}")).collect::<Vec<_>>().join("\n")
    }

    /// Those that are there now come first; the others were there once.
    pub(super) fn take_in(&mut self, options: &[FieldOption], own_language: &str) {
        let label = |option: &FieldOption| option.label.as_ref()?.texts.get(own_language).cloned();
        let mut all: Vec<_> = options.iter().map(|o| (o.key.clone(), label(o).unwrap_or_default())).collect();
        all.extend(self.0.drain(..).filter(|(key, _)| options.iter().all(|option| option.key != *key)));
        all.truncate(KNOWN_MAX);
        self.0 = all;
    }

    fn label(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == key).map(|(_, label)| label.as_str())
    }

    /// What a line is that the page wrote and nobody changed.
    fn as_shown<'a>(&self, line: &'a str, _: &HashSet<String>) -> Option<(String, &'a str)> {
        keyed(line).filter(|(key, label)| self.label(key) == Some(*label)).map(|(key, label)| (key.to_owned(), label))
    }

    /// The words of an option that was there before, without its key.
    fn by_words<'a>(&self, line: &'a str, taken: &HashSet<String>) -> Option<(String, &'a str)> {
        let same = |(key, words): &&(String, String)| words == line && !taken.contains(key);
        self.0.iter().find(same).map(|(key, _)| (key.clone(), line))
    }

    /// The key of an option that was there before, with other words.
    fn by_key<'a>(&self, line: &'a str, _: &HashSet<String>) -> Option<(String, &'a str)> {
        keyed(line).filter(|(key, _)| self.label(key).is_some()).map(|(key, label)| (key.to_owned(), label))
    }
}

/// What stands before the first colon, and what behind it.
fn keyed(line: &str) -> Option<(&str, &str)> {
    line.split_once(':').map(|(key, label)| (key.trim(), label.trim()))
}

fn rows(text: &str) -> Vec<&str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect()
}

/// Options from lines. Those of the event's own language say which there are; the others add labels.
pub(super) fn options(lines: &LocalizedText, own_language: &str, known: &Known) -> Vec<FieldOption> {
    let own = rows(lines.texts.get(own_language).map_or("", String::as_str));
    let mut others: Vec<(&str, Vec<&str>)> =
        lines.texts.iter().map(|(lang, text)| (lang.as_str(), rows(text))).collect();
    others.retain(|(language, _)| *language != own_language);
    others.sort_unstable();
    let mut taken: HashSet<String> = HashSet::new();
    let mut options: Vec<Option<FieldOption>> = own.iter().map(|_| None).collect();
    // A line that was not touched keeps its key, whatever stands in others.
    for key_of in [Known::as_shown, Known::by_words, Known::by_key] {
        for (option, line) in options.iter_mut().zip(&own).filter(|(option, _)| option.is_none()) {
            if let Some((key, label)) = key_of(known, line, &taken)
                && taken.insert(key.clone())
            {
                *option = Some(labelled(key, own_language, label));
            }
        }
    }
    // Options that so far only another language has; a new line says them in the event's own.
    let is_said =
        |key: &str| others.iter().flat_map(|(_, rows)| rows).filter_map(|row| keyed(row)).any(|(k, _)| k == key);
    let nameless = known.0.iter().filter(|(key, label)| label.is_empty() && is_said(key)).map(|(key, _)| key.clone());
    let mut nameless = nameless.filter(|key| !taken.contains(key)).collect::<Vec<_>>().into_iter();
    let is_new: Vec<bool> = options.iter().map(Option::is_none).collect();
    let mut made: Vec<FieldOption> = Vec::with_capacity(own.len());
    for (at, (option, line)) in options.into_iter().zip(&own).enumerate() {
        made.push(option.unwrap_or_else(|| {
            let key = nameless.next().unwrap_or_else(|| free_key(line, at, known, &taken));
            taken.insert(key.clone());
            labelled(key, own_language, line)
        }));
    }
    for (language, lines) in others {
        translate(&mut made, &is_new, language, &lines, known);
    }
    made
}

/// Labels of another language. A line with a key belongs to that option. One without belongs to the option in the same place, else to the
/// first new one, else to the first that has none. What belongs to none is an option that lacks the event's own language, which
/// registration refuses beside the field; unless its option was there in that language and was taken out.
fn translate(options: &mut Vec<FieldOption>, is_new: &[bool], language: &str, lines: &[&str], known: &Known) {
    let mut plain: Vec<(usize, &str)> = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let Some((key, label, own_label)) = keyed(line).and_then(|(key, label)| Some((key, label, known.label(key)?)))
        else {
            plain.push((at, line));
            continue;
        };
        match options.iter_mut().find(|option| option.key == key) {
            Some(option) => put(option, language, label),
            None if own_label.is_empty() => options.push(labelled(key.to_owned(), language, label)),
            None => {}
        }
    }
    for (place, line) in plain {
        let lacks = |at: &usize| options.get(*at).is_some_and(|option| !has(option, language));
        let new = || (0..is_new.len()).filter(|at| is_new[*at]).find(lacks);
        let any = || (0..options.len()).find(lacks);
        if let Some(at) = Some(place).filter(lacks).or_else(new).or_else(any) {
            put(&mut options[at], language, line);
        } else {
            let taken = options.iter().map(|option| option.key.clone()).collect();
            options.push(labelled(free_key(line, options.len(), known, &taken), language, line));
        }
    }
}

fn has(option: &FieldOption, language: &str) -> bool {
    option.label.as_ref().is_some_and(|label| label.texts.contains_key(language))
}

fn put(option: &mut FieldOption, language: &str, label: &str) {
    option.label.get_or_insert_default().texts.insert(language.to_owned(), label.to_owned());
}

fn labelled(key: String, language: &str, label: &str) -> FieldOption {
    let mut option = FieldOption { key, label: None };
    put(&mut option, language, label);
    option
}

/// A key for a new option that no other has or had: made from its words, or from its place where these have no letter that a key takes.
fn free_key(label: &str, at: usize, known: &Known, taken: &HashSet<String>) -> String {
    let is_free = |key: &str| !taken.contains(key) && known.label(key).is_none();
    match slug(label) {
        words if words.is_empty() => numbered(FALLBACK, at + 1, is_free),
        words if is_free(&words) => words,
        words => numbered(&words, 2, is_free),
    }
}

/// The first of `base-1`, `base-2` … that is free, from a number on.
pub(super) fn numbered(base: &str, from: usize, is_free: impl Fn(&str) -> bool) -> String {
    let mut n = from;
    loop {
        let key = format!("{base}-{n}");
        if is_free(&key) {
            return key;
        }
        n += 1;
    }
}

/// A key made from words: `What would you eat?` becomes `what-would-you-eat`, `Äpfel` `apfel`, and `Да` nothing.
pub(super) fn slug(words: &str) -> String {
    let letters = fold(words);
    let parts = letters.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty());
    let mut slug = parts.collect::<Vec<_>>().join("-");
    slug.truncate(KEY_CHARS_MAX);
    slug.trim_matches('-').to_owned()
}

/// The options as lines in one language, each with its key.
pub(super) fn lines(options: &[FieldOption], language: &str) -> String {
    let line = |option: &FieldOption| {
        let label = option.label.as_ref()?.texts.get(language)?;
        Some(format!("{}: {label}", option.key))
    };
    options.iter().filter_map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
#[path = "options/tests.rs"]
mod tests;
