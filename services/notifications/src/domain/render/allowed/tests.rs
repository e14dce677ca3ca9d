//! Templates that would fill the memory, nest without end or call something, and odd ones made by chance.

use proptest::{prelude::*, sample::select};

use super::super::*;

const LOOK: Look<'static> = Look { language: "en", sender_name: "Acme", unsubscribe_url: None };

fn values() -> Values {
    let mut values = Values::new();
    values.text("event.title", "Opening night");
    values.text("person.name", "Anna");
    values.texts("link.agreements", &["News".into(), "Photos".into()]);
    values
}

fn problem(body: &str) -> String {
    render("Subject", body, &values(), &LOOK).expect_err(body).problem
}

#[test]
fn what_doubles_a_text_in_memory_is_refused_before_it_is_calculated() {
    let doubled = format!("{{% set a = 'xxxxxxxxxxxxxxxx' %}}{}", "{% set a = a ~ a %}".repeat(35));
    assert!(problem(&doubled).contains("set is not known; there are if, elif, else"), "{}", problem(&doubled));
    for body in [
        "{{ 'x' * 9999999999 }}",
        "{{ person.name ~ person.name }}",
        "{{ person.name + person.name }}",
        "{{ 9 ** 9 }}",
        "{{ [person.name, person.name] }}",
        "{{ (person.name, person.name) }}",
        "{{ {'a': person.name} }}",
        "{{ person.name[0:1] }}",
        "{{ range(9999999) }}",
        "{{ person.name.upper() }}",
        "{{ (person.name)('x') }}",
        "{{ person.name|replace('', 'xxxxxxxx') }}",
        "{{ person.name|indent(9999999) }}",
        "{{ link.agreements|join('xxxxxxxx') }}",
        "{{ '%999999999d'|format(1) }}",
        "{% set a %}x{% endset %}",
        "{% with a = 'x' %}{{ a }}{% endwith %}",
        "{% filter indent(9999) %}x{% endfilter %}",
        "{% macro a() %}x{% endmacro %}",
        "{% block a %}{% endblock %}",
        "{% include 'template' %}",
        "{% import 'template' as a %}",
        "{% extends 'template' %}",
        "{% call a() %}{% endcall %}",
        "{% do a() %}",
        "{% autoescape false %}{{ person.name }}{% endautoescape %}",
        "{% for a in link.agreements recursive %}{{ loop(a) }}{% endfor %}",
    ] {
        let hidden = format!("{{% if person.name != 'Robin Example' %}}{body}{{% endif %}}");
        for body in [body, &hidden] {
            assert!(problem(body).starts_with("line 1: "), "{body}: {}", problem(body));
        }
    }
}

#[test]
fn a_tag_that_nests_without_end_is_refused_before_it_is_parsed() {
    for endless in ["person.name", "|trim", ".a", " and not (person.name", " == person.name"] {
        assert!(problem(&format!("{{{{ person.name{} }}}}", endless.repeat(900))).contains("longer than"));
    }
    let endless = format!("{{% if person.name %}}{}{{% endif %}}", "{% elif person.name %}".repeat(900));
    assert!(problem(&endless).contains("there are more than 200 tags"), "{}", problem(&endless));
    let deepest = format!("{{% if event.venue %}}{}{{% endif %}}", "{% elif event.venue %}".repeat(BLOCKS - 2));
    assert_eq!(render("Subject", &deepest, &values(), &LOOK).map(|rendered| rendered.subject), Ok("Subject".into()));
}

#[test]
fn a_text_is_stopped_where_it_becomes_too_long_and_not_when_it_is_whole() {
    let long = "x".repeat(15_000);
    let letters = "{% for a in 'abcdefghijklmnopqrstuvwxyz' %}";
    let body = format!("{letters}{letters}{long}{{% endfor %}}{{% endfor %}}");
    assert_eq!(problem(&body), "the message would be too long");
    let subject = format!("{letters}{letters}{}{{% endfor %}}{{% endfor %}}", "x".repeat(50));
    let fault = render(&subject, "Hello", &values(), &LOOK).unwrap_err();
    assert_eq!((fault.field, fault.problem.as_str()), ("subject", "the message would be too long"));
}

#[test]
fn values_conditions_loops_and_known_filters_are_all_a_template_needs() {
    let body = "{# for you #}{%- if (person.name and not event.venue) or 'x' in event.title -%}\
                {{ person.name|upper }} {{ event.venue|default('a hall', true)|trim }} {{ link.agreements|length }}\
                {% for it in link.agreements if it != 'News' %}{{ loop.index }} {{ it }}{% else %}none{% endfor %}\
                {% elif event.title is defined %}{% else %}{% endif %}{% raw %} {{ set }}{% endraw %}";
    let rendered = render("{{ person.name if person.name else 'You' }}", body, &values(), &LOOK).unwrap();
    assert_eq!(rendered.subject, "Anna");
    assert_eq!(rendered.text, "ANNA a hall 21 Photos {{ set }}\n");
}

const BLOCKS: usize = super::BLOCKS_MAX;
const PIECES: &[&str] = &[
    "{{ ",
    " }}",
    "{% ",
    " %}",
    "{#",
    "#}",
    "if ",
    "elif ",
    "else",
    "endif",
    "for ",
    "a ",
    "in ",
    "endfor",
    "set ",
    "raw",
    "endraw",
    "with ",
    "block ",
    "macro ",
    "loop",
    "person.name",
    "link.agreements",
    "event.title",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    "~",
    "*",
    "+",
    "-",
    "|",
    ".",
    "=",
    "==",
    "'x'",
    "\"",
    "'",
    "99999",
    "upper",
    "trim",
    "default",
    "replace",
    "join",
    "[l](",
    "https://e.example",
    "\n\n",
    "- ",
    "> ",
    "*",
    "`",
    "<",
    "&",
];

proptest! {
    #[test]
    fn whatever_stands_in_a_template_it_becomes_a_message_of_bounded_length_or_a_fault(
        pieces in prop::collection::vec(select(PIECES), 0..120),
        times in 1_usize..30,
    ) {
        let source = pieces.concat().repeat(times);
        if let Ok(Rendered { subject, text, html }) = render(&source, &source, &values(), &LOOK) {
            prop_assert!(subject.len() <= SUBJECT_BYTES_MAX && text.len().max(html.len()) <= RENDERED_BYTES_MAX);
        }
    }

    #[test]
    fn loops_in_loops_around_any_text_end(
        lists in prop::collection::vec(select(&["link.agreements", "person.name", "'abcdefgh'", "a|upper", "a"][..]), 1..40),
        text in "[a-z*_ \\[\\]()`>-]{0,400}",
    ) {
        let (heads, ends): (Vec<_>, Vec<_>) =
            lists.iter().map(|list| (format!("{{% for a in {list} %}}{text}"), "{% endfor %}")).unzip();
        let source = format!("{}{{{{ a }}}}{}", heads.concat(), ends.concat());
        if let Ok(Rendered { text, html, .. }) = render("Hi", &source, &values(), &LOOK) {
            prop_assert!(text.len().max(html.len()) <= RENDERED_BYTES_MAX);
        }
    }
}
