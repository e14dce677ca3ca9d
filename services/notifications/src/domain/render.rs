//! Words become a message: a template with its variables filled in, Markdown read, a plain half and an HTML half of the same
//! content. Values of variables cannot make markup, templates cannot make HTML, and a variable that does not exist is named.

mod allowed;
pub(crate) mod joined;
mod layout;
mod markdown;
pub(crate) mod times;

use std::{
    collections::{BTreeMap, HashMap},
    io,
};

use minijinja::{AutoEscape, UndefinedBehavior, Value, escape_formatter};

pub(crate) use layout::Look;

/// Steps of a template; one that loops is stopped.
const FUEL: u64 = 20_000;
/// Bytes of a rendered half, and of a body while it is filled in.
const RENDERED_BYTES_MAX: usize = 200_000;
/// Bytes of a subject.
const SUBJECT_BYTES_MAX: usize = 16_000;

/// What a template may name.
pub(crate) const VARIABLES: &[&str] = &[
    "event.title",
    "event.date",
    "event.time",
    "event.zone",
    "event.venue",
    "event.url",
    "event.cancelled",
    "person.name",
    "registration.url",
    "registration.rsvp_url",
    "registration.waiting",
    "payment.amount",
    "payment.reference",
    "link.url",
    "link.agreements",
    "organiser.name",
    "unsubscribe.url",
];

/// The values of the variables.
#[derive(Debug, Clone, Default)]
pub(crate) struct Values(BTreeMap<&'static str, BTreeMap<&'static str, Value>>);

impl Values {
    /// All variables, empty.
    pub fn new() -> Self {
        let mut values = Self::default();
        for variable in VARIABLES {
            values.put(variable, Value::from_safe_string(String::new()));
        }
        values
    }

    /// A text from people: whatever is in it stays text.
    pub fn text(&mut self, variable: &'static str, text: &str) {
        self.put(variable, Value::from(text));
    }

    /// Texts from people, to go through one after the other.
    pub fn texts(&mut self, variable: &'static str, texts: &[String]) {
        self.put(variable, texts.iter().map(String::as_str).collect());
    }

    /// An address that we made.
    pub fn url(&mut self, variable: &'static str, url: String) {
        self.put(variable, Value::from_safe_string(url));
    }

    pub fn flag(&mut self, variable: &'static str, flag: bool) {
        self.put(variable, Value::from(flag));
    }

    fn put(&mut self, variable: &'static str, value: Value) {
        let (group, name) = variable.split_once('.').expect("every variable has a group");
        self.0.entry(group).or_default().insert(name, value);
    }
}

/// A message in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rendered {
    pub subject: String,
    pub text: String,
    pub html: String,
}

/// Why a template cannot be rendered, for whoever wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// `subject` or `body`.
    pub field: &'static str,
    pub problem: String,
}

/// The message.
pub(crate) fn render(subject: &str, body: &str, values: &Values, look: &Look<'_>) -> Result<Rendered, Fault> {
    let (subject, body) = words(subject, body, values)?;
    let (text, html) = (layout::text(&body.text, look), layout::html(&subject, &body.html, look));
    if text.len().max(html.len()) > RENDERED_BYTES_MAX {
        return Err(too_long("body"));
    }
    Ok(Rendered { subject, text, html })
}

/// Subject and body, without what surrounds them.
fn words(subject: &str, body: &str, values: &Values) -> Result<(String, markdown::Halves), Fault> {
    let subject = one_line(&fill("subject", subject, values)?);
    Ok((subject, markdown::read(&fill("body", body, values)?)))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The text in the first of these languages that there is: `de` also stands in for `de-AT`.
pub(crate) fn pick<'a>(texts: &'a HashMap<String, String>, languages: &[&str]) -> Option<(&'a str, &'a str)> {
    let own = |tag: &str| texts.get_key_value(tag);
    let found = languages.iter().find_map(|tag| own(tag).or_else(|| own(tag.split('-').next().unwrap_or_default())));
    let last_resort = || texts.iter().min_by_key(|(tag, _)| (tag.as_str() != "en", tag.as_str()));
    found.or_else(last_resort).map(|(tag, text)| (tag.as_str(), text.as_str()))
}

fn fill(field: &'static str, source: &str, values: &Values) -> Result<String, Fault> {
    let fault = |error: minijinja::Error| {
        let line = error.line().map(|line| format!("line {line}: ")).unwrap_or_default();
        let detail = error.detail().unwrap_or("cannot be rendered");
        Fault { field, problem: format!("{line}{}: {detail}", error.kind()) }
    };
    allowed::check(field, source)?;
    let mut environment = allowed::environment();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    let in_body = field == "body";
    environment.set_auto_escape_callback(move |_| {
        if in_body { AutoEscape::Custom("markdown".into()) } else { AutoEscape::None }
    });
    environment.set_formatter(|out, state, value| match state.auto_escape() {
        AutoEscape::Custom(_) if value.is_safe() => write!(out, "{value}").map_err(minijinja::Error::from),
        AutoEscape::Custom(_) => out.write_str(&markdown::escaped(&value.to_string())).map_err(minijinja::Error::from),
        _ => escape_formatter(out, state, value),
    });
    environment.add_template("template", source).map_err(fault)?;
    let template = environment.get_template("template").map_err(fault)?;
    let mut unknown: Vec<_> =
        template.undeclared_variables(true).into_iter().filter(|name| !VARIABLES.contains(&name.as_str())).collect();
    unknown.sort_unstable();
    if let Some(name) = unknown.first() {
        return Err(Fault {
            field,
            problem: format!("there is no variable {name}; there are {}", VARIABLES.join(", ")),
        });
    }
    let mut filled = Filled::new(if in_body { RENDERED_BYTES_MAX } else { SUBJECT_BYTES_MAX });
    match template.render_captured_to(&values.0, &mut filled) {
        Ok(_) => String::from_utf8(filled.bytes).map_err(|_| too_long(field)),
        Err(_) if filled.is_full => Err(too_long(field)),
        Err(error) => Err(fault(error)),
    }
}

fn too_long(field: &'static str) -> Fault {
    Fault { field, problem: "the message would be too long".to_owned() }
}

/// Takes what a template writes while it is being written, and stops it where it has become too long.
struct Filled {
    bytes: Vec<u8>,
    bytes_max: usize,
    is_full: bool,
}

impl Filled {
    fn new(bytes_max: usize) -> Self {
        Self { bytes: Vec::new(), bytes_max, is_full: false }
    }
}

impl io::Write for Filled {
    fn write(&mut self, words: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + words.len() > self.bytes_max {
            self.is_full = true;
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.bytes.extend_from_slice(words);
        Ok(words.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
#[path = "render/tests.rs"]
mod tests;
