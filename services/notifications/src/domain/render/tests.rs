//! What becomes of words, ours and those of organisers and of people with odd names.

use super::*;
use crate::domain::{defaults, message::Kind};

const LOOK: Look<'static> = Look { language: "en", sender_name: "Acme", unsubscribe_url: None };

fn values() -> Values {
    let mut values = Values::new();
    values.text("event.title", "Opening night");
    values.text("event.date", "Friday, 15 January 2027");
    values.text("event.time", "19:00");
    values.text("event.zone", "Europe/Helsinki");
    values.text("event.venue", "Hall 1");
    values.text("person.name", "Anna");
    values.text("organiser.name", "Acme");
    values.url("registration.url", "https://turnout.example/r/gala.r_1.x".into());
    values.url("link.url", "https://turnout.example/l?t=abc".into());
    values
}

fn body(source: &str, values: &Values) -> Rendered {
    render("Subject", source, values, &LOOK).unwrap()
}

#[test]
fn every_kind_has_words_of_ours_in_english_and_german() {
    for kind in [
        Kind::Confirmation,
        Kind::Reminder,
        Kind::Change,
        Kind::Cancellation,
        Kind::SignInLink,
        Kind::Verification,
        Kind::Reset,
        Kind::Invitation,
    ] {
        let (subject, body) = defaults::template(kind);
        for language in defaults::LANGUAGES {
            let rendered = render(&subject.texts[language], &body.texts[language], &values(), &LOOK).unwrap();
            assert!(!rendered.subject.is_empty() && rendered.text.contains("Acme"), "{kind:?} {}", rendered.text);
            assert!(!rendered.text.contains('\\') && !rendered.text.contains("{{"), "{}", rendered.text);
            assert!(rendered.html.contains("<!DOCTYPE html>"));
        }
    }
}

#[test]
fn the_plain_half_says_what_the_html_half_says() {
    let (subject, body) = defaults::template(Kind::Confirmation);
    let rendered = render(&subject.texts["en"], &body.texts["en"], &values(), &LOOK).unwrap();
    assert_eq!(rendered.subject, "You are registered: Opening night");
    let expected = "Hello Anna,\n\nyou are registered for Opening night. We look forward to seeing you.\n\n\
                    - When: Friday, 15 January 2027, 19:00 (Europe/Helsinki)\n- Where: Hall 1\n\n\
                    Open my registration: https://turnout.example/r/gala.r_1.x\n";
    assert!(rendered.text.starts_with(expected), "{}", rendered.text);
    assert!(
        rendered.html.contains("href=\"https://turnout.example/r/gala.r_1.x\" class=\"button\""),
        "{}",
        rendered.html
    );
}

#[test]
fn a_mail_that_asks_to_confirm_says_what_is_agreed_to_in_the_words_of_the_form() {
    let (subject, body) = defaults::template(Kind::Verification);
    let mut agreed = values();
    agreed.texts("link.agreements", &["News by e-mail, <b>weekly</b>".into(), "Photos of me\nin *reports*".into()]);
    let rendered = render(&subject.texts["en"], &body.texts["en"], &agreed, &LOOK).unwrap();
    assert_eq!(rendered.subject, "Please confirm what you agreed to");
    let list = "- News by e-mail, <b>weekly</b>\n- Photos of me in *reports*\n";
    assert!(rendered.text.contains(list), "{}", rendered.text);
    assert!(rendered.text.contains("Confirm: https://turnout.example/l?t=abc"), "{}", rendered.text);
    assert!(rendered.html.contains("News by e-mail, &lt;b&gt;weekly&lt;/b&gt;"), "{}", rendered.html);
    let of_address = render(&subject.texts["en"], &body.texts["en"], &values(), &LOOK).unwrap();
    assert_eq!(of_address.subject, "Please confirm your address");
    assert!(!of_address.text.contains("agreed"), "{}", of_address.text);
}

#[test]
fn a_name_stays_text_whatever_stands_in_it() {
    for name in [
        "[x](https://evil.example)",
        "<script>alert(1)</script>",
        "*a* _b_ `c`",
        "# x",
        "a\n\n- b",
        "<https://e.example>",
    ] {
        let mut values = values();
        values.text("person.name", name);
        let rendered = body("Hello {{ person.name }}!", &values);
        let one_line = name.replace('\n', " ");
        assert_eq!(
            rendered.text.split_whitespace().collect::<Vec<_>>().join(" "),
            format!("Hello {one_line}!").split_whitespace().collect::<Vec<_>>().join(" ")
        );
        assert!(!rendered.html.contains("<script") && !rendered.html.contains("evil.example\""), "{}", rendered.html);
        assert!(!rendered.html.contains("<em>") && !rendered.html.contains("<li"), "{}", rendered.html);
    }
}

#[test]
fn a_template_cannot_make_html_or_links_that_do_not_lead_out() {
    let rendered = body("<b onclick=x>bold</b> [run](javascript:alert(1)) <script>x</script>", &values());
    for bad in ["<b ", "href=\"javascript", "<script>x"] {
        assert!(!rendered.html.contains(bad), "{}", rendered.html);
    }
}

#[test]
fn a_variable_that_does_not_exist_is_named() {
    let fault = render("Hi {{ person.salary }}", "x", &values(), &LOOK).unwrap_err();
    assert_eq!(fault.field, "subject");
    assert!(fault.problem.contains("person.salary"), "{}", fault.problem);
    let fault = render("Hi", "one\ntwo {{ person.name", &values(), &LOOK).unwrap_err();
    assert_eq!(fault.field, "body");
    assert!(fault.problem.contains("line 2"), "{}", fault.problem);
}

#[test]
fn a_template_that_never_ends_is_stopped() {
    let endless = "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}";
    assert!(render("Hi", endless, &values(), &LOOK).is_err());
}

#[test]
fn a_subject_is_one_line() {
    let mut values = values();
    values.text("event.title", "a\r\nBcc: b@example.org");
    let rendered = render("{{ event.title }}", "x", &values, &LOOK).unwrap();
    assert_eq!(rendered.subject, "a Bcc: b@example.org");
}

#[test]
fn a_reader_gets_their_language_or_the_next_best() {
    let texts: HashMap<String, String> = ["de", "fr", "en"].map(|tag| (tag.to_owned(), tag.to_uppercase())).into();
    let picked = |languages: &[&str]| pick(&texts, languages).unwrap().1;
    assert_eq!(picked(&["fr"]), "FR");
    assert_eq!(picked(&["de-AT", "fr"]), "DE");
    assert_eq!(picked(&["fi", "fr"]), "FR");
    assert_eq!(picked(&["fi"]), "EN");
    assert_eq!(pick(&HashMap::new(), &["en"]), None);
}

#[test]
fn dates_are_written_as_people_write_them() {
    let (at_ms, helsinki) = (1_800_032_400_000, times::zone("Europe/Helsinki"));
    assert_eq!(times::date(at_ms, &helsinki, "en"), "Friday, 15 January 2027");
    assert_eq!(times::date(at_ms, &helsinki, "de-AT"), "Freitag, 15. Januar 2027");
    assert_eq!(times::date(at_ms, &helsinki, "fi"), "2027-01-15");
    assert_eq!(times::time(at_ms, &helsinki), "19:00");
}
