//! Every act of the console links to the section of the help that explains it, and no link of any page leads to a section that is not
//! there. Walks the golden files, so that a page that is rendered in a test is looked at here without being named.

use std::fs;

use super::{
    golden_tests::folder,
    text::help::{SECTIONS, Section},
};

const LINK: &str = "href=\"/console/help#";
/// What makes a form of the console an act that is explained: it asks for a reason, or cannot be taken back.
const MARKS: [&str; 3] = ["name=\"reason\"", "class=\"button danger\"", "data-confirm=\""];

/// Where an element ends that begins at a place, with others of its name inside.
fn end_of(html: &str, name: &str, from: usize) -> usize {
    let (opening, closing) = (format!("<{name}"), format!("</{name}>"));
    let (mut depth, mut at) = (0_usize, from);
    loop {
        let next = |what: &str| html[at..].find(what).map(|found| at + found);
        let close = next(&closing).unwrap_or_else(|| panic!("a <{name}> without its end"));
        match next(&opening).filter(|open| *open < close) {
            Some(open) => (depth, at) = (depth + 1, open + opening.len()),
            None if depth <= 1 => return close + closing.len(),
            None => (depth, at) = (depth - 1, close + closing.len()),
        }
    }
}

/// The innermost element of this name, with this in its first tag, around a place.
fn around<'a>(html: &'a str, name: &str, with: &str, place: usize) -> Option<&'a str> {
    let starts = html[..place].rmatch_indices(&format!("<{name} ")).map(|(at, _)| at).collect::<Vec<_>>();
    let of_kind = |at: &usize| html[*at..].split('>').next().is_some_and(|tag| tag.contains(with));
    let found = starts.into_iter().filter(of_kind).find(|at| end_of(html, name, *at) > place)?;
    Some(&html[found..end_of(html, name, found)])
}

/// The acts of a page that need a link: where each is sent and what its buttons say, and the part of the page in which its link has to be.
/// That is what is unfolded to get to it; else the form, or the card that it closes.
fn acts(html: &str) -> Vec<(String, &str)> {
    let forms = html.match_indices("<form").map(|(at, _)| (at, &html[at..end_of(html, "form", at)]));
    let acts = forms.filter_map(|(at, form)| {
        let head = form.split('>').next()?;
        let address = head.split("action=\"").nth(1)?.split('"').next()?;
        let unfolded = around(html, "details", "class=\"act\"", at);
        let is_act = unfolded.is_some() || MARKS.iter().any(|mark| form.contains(mark));
        let of_console = address.starts_with("/console/") && head.contains("method=\"post\"");
        let part = unfolded.or_else(|| around(html, "section", "class=\"card", at)).unwrap_or(form);
        let words = form.split("<button").skip(1).filter_map(|rest| rest.split_once('>')?.1.split('<').next());
        (is_act && of_console).then(|| (format!("{address} ({})", words.collect::<Vec<_>>().join(", ")), part))
    });
    acts.collect()
}

fn links(html: &str) -> impl Iterator<Item = &str> {
    html.split(LINK).skip(1).filter_map(|rest| rest.split('"').next())
}

fn golden() -> Vec<(String, String)> {
    let mut pages: Vec<(String, String)> = fs::read_dir(folder())
        .unwrap()
        .map(|file| file.unwrap().path())
        .map(|path| (path.file_stem().unwrap().to_string_lossy().into_owned(), fs::read_to_string(&path).unwrap()))
        .collect();
    pages.sort();
    pages
}

#[test]
fn item_29_every_act_links_to_its_help() {
    let (mut seen, mut wrong) = (0, Vec::new());
    for (page, html) in golden() {
        for (act, part) in acts(&html) {
            seen += 1;
            if links(part).next().is_none() {
                wrong.push(format!("{page}: {act} has no link to its help"));
            }
        }
        let is_there = |anchor: &&str| SECTIONS.iter().any(|section| section.anchor == *anchor);
        let nowhere = links(&html).filter(|anchor| !is_there(anchor));
        wrong.extend(nowhere.map(|anchor| format!("{page}: there is no help section {anchor}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen > 40, "{seen} acts were looked at");
}

#[test]
fn an_act_without_a_link_is_found_and_named() {
    let page = "<section class=\"card\"><details class=\"act\"><form method=\"post\" action=\"/console/a\"><button>Remove</button></form>\
        </details><details class=\"act\"><form method=\"post\" action=\"/console/b\"></form><a href=\"/console/help#x\">?</a></details>\
        </section><form method=\"post\" action=\"/console/c\"><input name=\"reason\"><button class=\"button\">Do it</button></form>\
        <form method=\"post\" action=\"/console/d\"><button>Save</button></form><form method=\"post\" action=\"/r/e\"><input name=\"reason\"></form>";
    let found: Vec<(String, bool)> =
        acts(page).into_iter().map(|(act, part)| (act, links(part).next().is_some())).collect();
    let expected = [("/console/a (Remove)", false), ("/console/b ()", true), ("/console/c (Do it)", false)];
    assert_eq!(found, expected.map(|(act, is_linked)| (act.to_owned(), is_linked)));
}

#[test]
fn each_section_of_the_help_has_an_anchor_of_its_own_and_says_what_to_do() {
    for (at, Section { anchor, title, lead, steps, .. }) in SECTIONS.iter().enumerate() {
        assert!(SECTIONS[..at].iter().all(|other| other.anchor != *anchor && other.title != *title), "{anchor}");
        assert!(!lead.is_empty() && !steps.is_empty(), "{anchor}");
        assert!(anchor.bytes().all(|letter| letter.is_ascii_lowercase() || letter == b'-'), "{anchor}");
    }
}
