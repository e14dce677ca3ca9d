//! Words become a message: a template with its variables filled in, Markdown read, a plain half and an HTML half of the same
//! content. Values of variables cannot make markup, templates cannot make HTML, and a variable that does not exist is named.

mod layout;
mod markdown;
pub(crate) mod times;

use std::collections::{BTreeMap, HashMap};

use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value, escape_formatter};

pub(crate) use layout::Look;

/// Steps of a template; one that loops is stopped.
const FUEL: u64 = 20_000;
/// Bytes of a rendered half.
const RENDERED_BYTES_MAX: usize = 200_000;

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
    let subject = fill("subject", subject, values)?;
    let subject = subject.split_whitespace().collect::<Vec<_>>().join(" ");
    let body = markdown::read(&fill("body", body, values)?);
    let (text, html) = (layout::text(&body.text, look), layout::html(&subject, &body.html, look));
    if text.len().max(html.len()) > RENDERED_BYTES_MAX {
        return Err(Fault { field: "body", problem: "the message would be too long".to_owned() });
    }
    Ok(Rendered { subject, text, html })
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
    let mut environment = Environment::new();
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
    template.render(&values.0).map_err(fault)
}

#[cfg(test)]
#[path = "render/tests.rs"]
mod tests;
