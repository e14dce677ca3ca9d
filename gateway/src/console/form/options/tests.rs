//! Whatever is typed comes out as it was typed, under keys of which no two are the same and none means something else than before.

use super::*;

fn texts(pairs: &[(&str, &str)]) -> LocalizedText {
    LocalizedText { texts: pairs.iter().map(|(lang, text)| ((*lang).to_owned(), (*text).to_owned())).collect() }
}

fn keys(options: &[FieldOption]) -> Vec<&str> {
    options.iter().map(|option| option.key.as_str()).collect()
}

fn labels<'a>(options: &'a [FieldOption], language: &str) -> Vec<&'a str> {
    let label = |option: &'a FieldOption| option.label.as_ref().unwrap().texts.get(language);
    options.iter().map(|option| label(option).map_or("", String::as_str)).collect()
}

/// The options of lines in English, on a page that knew these.
fn english(lines: &str, known: &str) -> Vec<FieldOption> {
    options(&texts(&[("en", lines)]), "en", &Known::read(known))
}

/// What the next page knows, and how it shows the options.
fn shown(options: &[FieldOption], known: &str) -> (String, String) {
    let mut known = Known::read(known);
    known.take_in(options, "en");
    (known.write(), lines(options, "en"))
}

#[test]
fn words_of_any_script_are_labels_and_get_keys() {
    for (typed, expected) in [
        ("Soup\nBig cake", vec!["soup", "big-cake"]),
        ("Да\nНет\nНе знаю", vec!["option-1", "option-2", "option-3"]),
        ("Ä\nÖ\nHyvää päivää", vec!["a", "o", "hyvaa-paivaa"]),
        ("نعم\nلا", vec!["option-1", "option-2"]),
        ("😀\n👍🏽\nYes 👍", vec!["option-1", "option-2", "yes"]),
        ("Yes\nДа", vec!["yes", "option-2"]),
        ("Да\nOption 1", vec!["option-1", "option-1-2"]),
        ("はい：1\n名前", vec!["1", "option-2"]),
    ] {
        let options = english(typed, "");
        assert_eq!(keys(&options), expected, "{typed}");
        assert_eq!(labels(&options, "en"), typed.lines().collect::<Vec<_>>());
    }
}

#[test]
fn what_stands_before_a_colon_is_a_part_of_the_label() {
    for typed in ["Friday: dinner", "friday: dinner", "a:b", "https://example.org", ": x", "ends with one:", "Пт: ужин"]
    {
        let options = english(typed, "");
        assert_eq!(labels(&options, "en"), [typed]);
        let (known, page) = shown(&options, "");
        let again = english(&page, &known);
        assert_eq!((keys(&again), labels(&again, "en")), (keys(&options), vec![typed]), "it comes back from its page");
    }
}

#[test]
fn two_lines_with_the_same_words_are_two_options() {
    let options = english("Soup\nsoup\nSoup!\nДа\nДа", "");
    assert_eq!(keys(&options), ["soup", "soup-2", "soup-3", "option-4", "option-5"]);
    let long = "A very long label that goes on and on, further than any key";
    let options = english(&format!("{long} 1\n{long} 2"), "");
    assert_eq!(keys(&options)[1], format!("{}-2", keys(&options)[0]));
    assert_eq!(labels(&options, "en")[1], format!("{long} 2"));
}

#[test]
fn a_key_stays_when_the_words_change_and_when_lines_move() {
    let known = "soup: Soup\noption-2: Да";
    let options = english("option-2: Да, конечно\nTea\nsoup: Soup: hot", known);
    assert_eq!(keys(&options), ["option-2", "tea", "soup"]);
    assert_eq!(labels(&options, "en"), ["Да, конечно", "Tea", "Soup: hot"]);
    // Who removes the key and leaves the words means the same option.
    let options = english("Да\nSoup", known);
    assert_eq!(keys(&options), ["option-2", "soup"]);
}

#[test]
fn a_key_that_is_written_twice_stays_where_nothing_was_changed() {
    let options = english("friday: dinner\nfriday: Friday", "friday: Friday");
    assert_eq!(keys(&options), ["friday-dinner", "friday"]);
    assert_eq!(labels(&options, "en"), ["friday: dinner", "Friday"]);
}

#[test]
fn a_new_option_never_gets_the_key_of_one_that_is_gone() {
    let first = english("Да\nНет", "");
    let (known, page) = shown(&first, "");
    assert_eq!(page, "option-1: Да\noption-2: Нет");
    let second = english("Может быть\noption-2: Нет", &known);
    assert_eq!(keys(&second), ["option-3", "option-2"]);
    let (known, _) = shown(&second, &known);
    // The same words again are the same option again.
    let third = english("option-2: Нет\nДа\nC", &format!("{known}\nc: C++"));
    assert_eq!(keys(&third), ["option-2", "option-1", "c-2"]);
}

#[test]
fn other_languages_say_the_same_options_by_their_key_or_by_their_place() {
    let both = |en: &str, fi: &str, known: &str| options(&texts(&[("en", en), ("fi", fi)]), "en", &Known::read(known));
    let first = both("Soup\nFriday: dinner", "Keitto\nPerjantai: illallinen", "");
    assert_eq!(labels(&first, "fi"), ["Keitto", "Perjantai: illallinen"]);
    assert_eq!(lines(&first, "fi"), "soup: Keitto\nfriday-dinner: Perjantai: illallinen");
    let known = "soup: Soup\ncake: Cake";
    let moved = both("cake: Cake\nTea\nsoup: Soup", "soup: Keitto\ncake: Kakku\nTee", known);
    assert_eq!((keys(&moved), labels(&moved, "fi")), (vec!["cake", "tea", "soup"], vec!["Kakku", "Tee", "Keitto"]));
    let later = both("soup: Soup\ncake: Cake", "Keitto\nKakku", known);
    assert_eq!(labels(&later, "fi"), ["Keitto", "Kakku"]);
    let removed = both("soup: Soup", "soup: Keitto\ncake: Kakku", known);
    assert_eq!((keys(&removed), labels(&removed, "fi")), (vec!["soup"], vec!["Keitto"]));
}

#[test]
fn an_option_that_only_another_language_has_is_kept_for_the_service_to_refuse() {
    let both = |en: &str, fi: &str, known: &str| options(&texts(&[("en", en), ("fi", fi)]), "en", &Known::read(known));
    let made = both("Soup", "Keitto\nКаша", "");
    assert_eq!((keys(&made), labels(&made, "fi")), (vec!["soup", "option-2"], vec!["Keitto", "Каша"]));
    let (known, page) = shown(&made, "");
    assert_eq!((page.as_str(), known.as_str()), ("soup: Soup", "soup: Soup\noption-2: "));
    let finnish = lines(&made, "fi");
    assert_eq!(finnish, "soup: Keitto\noption-2: Каша");
    assert_eq!(both(&page, &finnish, &known), made);
    let named = both("soup: Soup\nPorridge", &finnish, &known);
    assert_eq!((keys(&named), labels(&named, "en")), (vec!["soup", "option-2"], vec!["Soup", "Porridge"]));
    // As after a change of the event's own language.
    let named = both("Soup\nPorridge", &finnish, "soup: \noption-2: ");
    assert_eq!((keys(&named), labels(&named, "fi")), (vec!["soup", "option-2"], vec!["Keitto", "Каша"]));
}

#[test]
fn a_page_remembers_a_limited_number_of_options_and_those_that_are_there_first() {
    let gone: Vec<String> = (0..2 * KNOWN_MAX).map(|n| format!("k{n}: Label {n}")).collect();
    let (known, _) = shown(&english("New", ""), &gone.join("\n"));
    assert_eq!((known.lines().count(), known.lines().next()), (KNOWN_MAX, Some("new: New")));
}
