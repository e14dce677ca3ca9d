//! Markdown read once into a plain text and into HTML with its looks in line, as mail programs need it. A small part of Markdown:
//! paragraphs, headings, emphasis, links, lists, lines. HTML in it is shown as text; links lead to the web or to a mail address only.

use std::fmt::Write as _;

use pulldown_cmark::{Event, Parser, Tag, TagEnd};

/// Both halves.
#[derive(Debug, Default)]
pub(super) struct Halves {
    pub text: String,
    pub html: String,
}

const PARAGRAPH: &str = "<p style=\"margin:0 0 16px\">";
const LINK: &str = "class=\"link\" style=\"color:#1f5fd0\"";
const BUTTON: &str = "class=\"button\" style=\"display:inline-block;padding:12px 20px;border-radius:8px;\
                      background:#1f5fd0;color:#ffffff;font-weight:600;text-decoration:none\"";

/// A value that stays text whatever stands in it.
pub(super) fn escaped(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for letter in value.chars() {
        match letter {
            '\n' | '\r' | '\t' => escaped.push(' '),
            letter if letter.is_ascii_punctuation() => escaped.extend(['\\', letter]),
            letter if letter.is_control() => {}
            letter => escaped.push(letter),
        }
    }
    escaped
}

pub(super) fn escape_html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// Reads a text.
pub(super) fn read(source: &str) -> Halves {
    let events: Vec<Event<'_>> = Parser::new(source).collect();
    let mut writer = Writer::default();
    for (place, event) in events.iter().enumerate() {
        writer.take(event, is_button(&events, place));
    }
    let Halves { text, html } = writer.halves;
    Halves { text: text.trim().to_owned() + "\n", html }
}

/// Whether the link that begins here is alone in its paragraph.
fn is_button(events: &[Event<'_>], place: usize) -> bool {
    // Asked for each of them: only behind a link may it read on, or a long text would be read as often as it has words.
    if !matches!(events[place], Event::Start(Tag::Link { .. })) {
        return false;
    }
    let alone_before = place > 0 && matches!(events[place - 1], Event::Start(Tag::Paragraph));
    let end = events[place..].iter().position(|event| matches!(event, Event::End(TagEnd::Link)));
    let after = end.and_then(|end| events.get(place + end + 1));
    alone_before && matches!(after, Some(Event::End(TagEnd::Paragraph)))
}

#[derive(Default)]
struct Writer {
    halves: Halves,
    /// The open lists, each with the number of its next item; none for a list without numbers.
    lists: Vec<Option<u64>>,
    /// The address of the open link, and where its words begin in the plain half.
    link: Option<(String, usize)>,
}

impl Writer {
    fn take(&mut self, event: &Event<'_>, button: bool) {
        match event {
            Event::Start(tag) => self.start(tag, button),
            Event::End(tag) => self.end(*tag),
            Event::Text(words) | Event::Code(words) | Event::Html(words) | Event::InlineHtml(words) => {
                self.halves.text.push_str(words);
                self.halves.html.push_str(&escape_html(words));
            }
            Event::SoftBreak => self.both("\n", "\n"),
            Event::HardBreak => self.both("\n", "<br>"),
            Event::Rule => {
                self.both("\n----\n\n", "<hr style=\"border:0;border-top:1px solid #d9dee7;margin:24px 0\">");
            }
            _ => {}
        }
    }

    fn start(&mut self, tag: &Tag<'_>, button: bool) {
        match tag {
            Tag::Paragraph if self.lists.is_empty() => self.both("", PARAGRAPH),
            Tag::Heading { .. } => self.both("", "<p style=\"margin:24px 0 12px;font-size:18px;font-weight:600\">"),
            Tag::Emphasis => self.both("", "<em>"),
            Tag::Strong => self.both("", "<strong>"),
            Tag::List(first) => {
                self.both("", if first.is_some() { LIST_NUMBERED } else { LIST });
                self.lists.push(*first);
            }
            Tag::Item => {
                let indent = "  ".repeat(self.lists.len().saturating_sub(1));
                let mark = match self.lists.last_mut() {
                    Some(Some(number)) => {
                        *number += 1;
                        format!("{}. ", *number - 1)
                    }
                    _ => "- ".to_owned(),
                };
                if !self.halves.text.is_empty() && !self.halves.text.ends_with('\n') {
                    self.halves.text.push('\n');
                }
                self.both(&format!("{indent}{mark}"), "<li style=\"margin:0 0 6px\">");
            }
            Tag::Link { dest_url, .. } if leads_out(dest_url) => {
                self.link = Some((dest_url.to_string(), self.halves.text.len()));
                let looks = if button { BUTTON } else { LINK };
                let _ = write!(self.halves.html, "<a href=\"{}\" {looks}>", escape_html(dest_url));
            }
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Paragraph if self.lists.is_empty() => self.both("\n\n", "</p>"),
            TagEnd::Heading(_) => self.both("\n\n", "</p>"),
            TagEnd::Emphasis => self.both("", "</em>"),
            TagEnd::Strong => self.both("", "</strong>"),
            TagEnd::List(numbered) => {
                self.lists.pop();
                self.both(if self.lists.is_empty() { "\n" } else { "" }, if numbered { "</ol>" } else { "</ul>" });
            }
            TagEnd::Item => {
                let line_ends = self.halves.text.ends_with('\n');
                self.both(if line_ends { "" } else { "\n" }, "</li>");
            }
            TagEnd::Link => {
                if let Some((url, words_at)) = self.link.take() {
                    let words = self.halves.text.split_off(words_at);
                    let shown = if words == url { url } else { format!("{words}: {url}") };
                    self.both(&shown, "</a>");
                }
            }
            _ => {}
        }
    }

    fn both(&mut self, text: &str, html: &str) {
        self.halves.text.push_str(text);
        self.halves.html.push_str(html);
    }
}

const LIST: &str = "<ul style=\"margin:0 0 16px;padding-left:20px\">";
const LIST_NUMBERED: &str = "<ol style=\"margin:0 0 16px;padding-left:20px\">";

fn leads_out(url: &str) -> bool {
    ["https://", "http://", "mailto:"].iter().any(|scheme| url.starts_with(scheme))
}
