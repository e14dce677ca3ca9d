//! Several reminders in one mail: a line of ours, then each in its own words and its own language, under its own subject. What begins
//! first stands first. Knows nothing of which belong together.

use std::fmt::Write as _;

use super::{
    Fault, Look, Rendered, Values, layout,
    markdown::{Halves, escape_html},
    one_line,
};

/// Bytes of the parts of one mail: mail programs cut off what is longer.
const PARTS_BYTES_MAX: usize = 80_000;
/// Letters of two titles that stand in one subject; longer ones are counted.
const TITLES_CHARS_MAX: usize = 120;
const RULE: &str = "<hr style=\"border:0;border-top:1px solid #d9dee7;margin:24px 0\">";

/// What one of the reminders says.
#[derive(Debug, Default)]
pub(crate) struct Part {
    /// The title of its event.
    pub title: String,
    pub starts_at_ms: i64,
    pub language: String,
    subject: String,
    body: Halves,
}

impl Part {
    /// From subject and body of a template in this language.
    pub fn new(language: &str, subject: &str, body: &str, values: &Values) -> Result<Self, Fault> {
        let (subject, body) = super::words(subject, body, values)?;
        Ok(Self { title: String::new(), starts_at_ms: 0, language: language.to_owned(), subject, body })
    }

    fn bytes(&self) -> usize {
        self.subject.len() + self.body.text.len().max(self.body.html.len())
    }
}

/// Whether all these fit into one mail.
pub(crate) fn fit<'a>(parts: impl Iterator<Item = &'a Part>) -> bool {
    parts.map(Part::bytes).sum::<usize>() <= PARTS_BYTES_MAX
}

/// The mail. Its own words are in German where the first part is, else in English.
pub(crate) fn join(mut parts: Vec<Part>, look: &Look<'_>) -> Rendered {
    let is_german = parts.first().is_some_and(|part| part.language.split('-').next() == Some("de"));
    parts.sort_by(|a, b| (a.starts_at_ms, &a.title).cmp(&(b.starts_at_ms, &b.title)));
    let head = if is_german {
        format!("Diese E-Mail enthält {} Erinnerungen.", parts.len())
    } else {
        format!("This mail holds {} reminders.", parts.len())
    };
    let mut text = format!("{head}\n");
    let mut html = format!("<p style=\"margin:0 0 16px\">{head}</p>");
    for part in &parts {
        let (subject, language) = (escape_html(&part.subject), escape_html(&part.language));
        let _ = write!(text, "\n----\n\n{}\n\n{}", part.subject, part.body.text);
        let _ = write!(
            html,
            "{RULE}<div lang=\"{language}\"><p style=\"margin:0 0 16px;font-size:18px;font-weight:600\">{subject}</p>{}</div>",
            part.body.html
        );
    }
    let subject = subject(&parts, is_german);
    let look = Look { language: if is_german { "de" } else { "en" }, ..look.clone() };
    Rendered { text: layout::text(&text, &look), html: layout::html(&subject, &html, &look), subject }
}

/// Names the events where there are two of them, and counts them where there are more.
fn subject(parts: &[Part], is_german: bool) -> String {
    let (soon, and, events) =
        if is_german { ("Demnächst", "und", "Veranstaltungen") } else { ("Coming up", "and", "events") };
    let mut titles: Vec<String> = Vec::new();
    for part in parts {
        let title = one_line(&part.title);
        if !titles.contains(&title) {
            titles.push(title);
        }
    }
    match titles.as_slice() {
        [one] => format!("{soon}: {one}"),
        [one, other] if one.chars().count() + other.chars().count() <= TITLES_CHARS_MAX => {
            format!("{soon}: {one} {and} {other}")
        }
        _ => format!("{soon}: {} {events}", titles.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{defaults, message::Kind};

    const LOOK: Look<'static> =
        Look { language: "en", sender_name: "Acme", unsubscribe_url: Some("https://turnout.example/u/x") };

    fn part(title: &str, language: &str, starts_at_ms: i64) -> Part {
        let mut values = Values::new();
        values.text("event.title", title);
        values.text("event.date", "Friday, 15 January 2027");
        values.text("person.name", "Anna");
        values.text("organiser.name", "Acme");
        let (subject, body) = defaults::template(Kind::Reminder);
        let part = Part::new(language, &subject.texts[language], &body.texts[language], &values).unwrap();
        Part { title: title.to_owned(), starts_at_ms, ..part }
    }

    #[test]
    fn both_titles_stand_in_the_subject_and_each_reminder_is_whole_in_both_halves() {
        let mail = join(vec![part("Late show", "en", 2), part("Gala <b>night</b>", "en", 1)], &LOOK);
        assert_eq!(mail.subject, "Coming up: Gala <b>night</b> and Late show");
        assert!(mail.text.starts_with("This mail holds 2 reminders.\n\n----\n\nComing up: Gala <b>night</b>, Friday"));
        for half in [&mail.text, &mail.html] {
            assert_eq!(half.matches("Have your ticket at hand").count(), 2, "{half}");
            assert_eq!(half.matches("https://turnout.example/u/x").count(), 1, "{half}");
        }
        assert!(!mail.html.contains("<b>") && mail.html.contains("Gala &lt;b&gt;night"), "{}", mail.html);
    }

    #[test]
    fn each_keeps_its_language_and_the_rest_is_in_that_of_the_first() {
        let mail = join(vec![part("Spätvorstellung", "de", 2), part("Gala", "en", 1)], &LOOK);
        assert_eq!(mail.subject, "Demnächst: Gala und Spätvorstellung");
        assert!(mail.text.starts_with("Diese E-Mail enthält 2 Erinnerungen.\n"), "{}", mail.text);
        assert!(mail.text.contains("Gala is coming up.") && mail.text.contains("bald beginnt Spätvorstellung."));
        assert!(mail.text.contains("Keine Erinnerungen mehr: https://turnout.example/u/x\n"), "{}", mail.text);
        for language in ["<html lang=\"de\">", "<div lang=\"en\">", "<div lang=\"de\">"] {
            assert_eq!(mail.html.matches(language).count(), 1, "{}", mail.html);
        }
    }

    #[test]
    fn three_events_are_counted_so_are_two_with_long_titles_and_one_event_is_named_once() {
        let of = |titles: &[&str]| join(titles.iter().map(|title| part(title, "en", 1)).collect(), &LOOK).subject;
        assert_eq!(of(&["A", "B", "C"]), "Coming up: 3 events");
        assert_eq!(of(&["A", "A", "B"]), "Coming up: A and B");
        assert_eq!(of(&["A", "A"]), "Coming up: A");
        assert_eq!(of(&["A\r\nBcc: b@example.org", "B"]), "Coming up: A Bcc: b@example.org and B");
        assert_eq!(of(&["A", &"x".repeat(TITLES_CHARS_MAX)]), "Coming up: 2 events");
    }

    #[test]
    fn what_mail_programs_would_cut_off_does_not_fit() {
        let long = || Part::new("en", "A", &"x".repeat(PARTS_BYTES_MAX / 3), &Values::new()).unwrap();
        assert!(fit([&part("A", "en", 1), &long()].into_iter()));
        assert!(!fit([&long(), &long(), &long(), &long()].into_iter()));
    }
}
