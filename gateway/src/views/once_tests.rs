//! Every form of the console that acts says which page, as it was shown once, it stood on: without that a second click acts twice. Looks
//! at the templates, so that no page is forgotten, and at the golden files, so that nothing hides it. What the handlers make of it is
//! tested in `tests/console/once.rs`.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Forms that need none, by the beginning of their address, and why.
const EXCEPTIONS: [(&str, &str); 4] = [
    (
        "/console/sign-in",
        "opens a session: there is no tenant yet whose key it could be, and a second session is harmless",
    ),
    ("/console/link", "the link itself works once"),
    ("/console/sign-out", "who is signed out is signed out"),
    ("/console/check-in/", "whoever shows a ticket a second time, at the same open page, must be told so"),
];
/// What is in each other form.
const ONCE: &str = "name=\"once\"";

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|kind| kind == "html") {
            found.push(path);
        }
    }
    found
}

/// A template with all that it includes.
fn whole(pages: &Path, path: &Path) -> String {
    let mut text = fs::read_to_string(path).unwrap();
    while let Some(start) = text.find("{% include \"") {
        let end = start + text[start..].find("%}").unwrap() + 2;
        let name = text[start..end].split('"').nth(1).unwrap().to_owned();
        let included = whole(pages, &pages.join(name));
        text.replace_range(start..end, &included);
    }
    text
}

/// The forms that are sent by POST: their address, and all that is in them.
fn forms(text: &str) -> Vec<(String, String)> {
    let parts = text.split("<form").skip(1).filter_map(|rest| {
        let form = rest.split("</form>").next()?;
        // An expression of the template may hold an arrow or a quotation mark; none does so far, and the end of the test would tell.
        let head = form.split('>').next()?;
        let address = head.split("action=\"").nth(1)?.split('"').next()?;
        head.contains("method=\"post\"").then(|| (address.to_owned(), form.to_owned()))
    });
    parts.collect()
}

#[test]
fn every_form_of_the_console_that_acts_can_be_sent_twice_and_acts_once() {
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("pages");
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/views/golden");
    let (mut seen, mut used) = (0, [false; EXCEPTIONS.len()]);
    let of_console = |path: &Path| path.starts_with(pages.join("console")) || path.starts_with(pages.join("studio"));
    for path in files(&pages).into_iter().chain(files(&golden)) {
        for (address, form) in forms(&whole(&pages, &path)) {
            // Templates write an address of their own page as an expression.
            if !address.starts_with("/console") && !of_console(&path) {
                continue;
            }
            seen += 1;
            match EXCEPTIONS.iter().position(|(start, _)| address.starts_with(start)) {
                Some(at) => used[at] = true,
                None => assert!(form.contains(ONCE), "{}: the form to {address} has no {ONCE}", path.display()),
            }
        }
    }
    assert!(seen > 80, "{seen} forms were looked at");
    assert_eq!(used, [true; EXCEPTIONS.len()], "an exception that no form needs");
}
